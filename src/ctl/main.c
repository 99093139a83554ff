/* cobictl: reads its command line, asks the daemon, prints the answer.
 *
 * Exit status: 0 done, 1 refused or failed, 2 usage, 3 daemon not reachable. An error is one line
 * on stderr. With --json the daemon's document is all that goes to stdout. Must never print an
 * answer in a way that can act on the terminal. */
#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cobi/base/cleanup.h"
#include "cobi/base/text.h"
#include "cobi/ctl/clock.h"
#include "cobi/ctl/help.h"
#include "cobi/ctl/parse.h"
#include "cobi/ctl/table.h"
#include "cobi/ctl/terminal.h"

#ifndef COBI_VERSION
#define COBI_VERSION "unreleased"
#endif

enum exit_status { EXIT_DONE = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2, EXIT_UNREACHABLE = 3 };

/* Members of an answer that say, when false, that all is not well; so does a list of faults. */
static const char *const verdict_members[] = {"healthy", "ok", "valid"};

/* One line, harmless whatever the daemon said. */
static int fail(enum exit_status status, const struct complaint *complaint) {
    struct arena arena = {0};
    size_t width;
    bool has_words = complaint->text[0] != '\0';
    const char *words = has_words ? complaint->text : "out of memory: try again";
    enum terminal_charset charset = isatty(STDERR_FILENO) == 1 ? TERMINAL_ASCII : TERMINAL_UTF8;
    fprintf(stderr, "cobictl: %s\n", terminal_text(&arena, words, charset, &width));
    arena_done(&arena);
    return (int)status;
}

/* Prepares wcwidth(3) and says what may go to stdout: a terminal gets UTF-8 only when its locale
 * says so. */
static enum terminal_charset choose_charset(void) {
    bool is_utf8 = setlocale(LC_CTYPE, "") != NULL && strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    if (!is_utf8) {
        (void)setlocale(LC_CTYPE, "C.UTF-8"); /* where it is missing, wide characters are escaped */
    }
    return is_utf8 || isatty(STDOUT_FILENO) != 1 ? TERMINAL_UTF8 : TERMINAL_ASCII;
}

static const char *choose_socket(const struct parsed *parsed) {
    if (parsed->socket != NULL) {
        return parsed->socket;
    }
    const char *named = getenv("COBID_SOCKET");
    return named != NULL && named[0] != '\0' ? named : CLIENT_SOCKET_DEFAULT;
}

static enum exit_status judge(const json_t *document) {
    for (size_t i = 0; i < ARRAY_COUNT(verdict_members); i++) {
        if (json_is_false(json_object_get(document, verdict_members[i]))) {
            return EXIT_REFUSED;
        }
    }
    return json_array_size(json_object_get(document, "faults")) > 0 ? EXIT_REFUSED : EXIT_DONE;
}

static void print_answer(const struct parsed *parsed, json_t *document) {
    enum terminal_charset charset = choose_charset();
    if (parsed->json) {
        size_t flags = JSON_INDENT(2) | JSON_ENCODE_ANY;
        (void)json_dumpf(document, stdout,
                         flags); /* a failing stdout is noticed when it is closed */
        fputc('\n', stdout);
        return;
    }
    struct page page = {.out = stdout, .charset = charset, .width = terminal_width(STDOUT_FILENO)};
    table_print_answer(&page, parsed->command, document);
    arena_done(&page.arena);
}

static int ask(const struct parsed *parsed) {
    struct complaint complaint = {0};
    struct client *client = NULL;
    if (client_open(choose_socket(parsed), &client, &complaint) < 0) {
        return fail(EXIT_USAGE, &complaint);
    }
    json_t *document = NULL;
    int r = client_call(client, parsed->command, parsed->arguments, &document, &complaint);
    if (r == 0 && parsed->command->noun != NULL && strcmp(parsed->command->noun, "clock") == 0 &&
        (parsed->command->flags & COMMAND_READS) == 0) {
        r = clock_wait(client, &document, &complaint);
    }
    int status = r == 0 ? (int)judge(document)
                        : fail(r == -ENOTCONN ? EXIT_UNREACHABLE : EXIT_REFUSED, &complaint);
    if (r == 0) {
        print_answer(parsed, document);
    }
    json_decref(document);
    client_close(client);
    return status;
}

static int run(const struct parsed *parsed) {
    if (parsed->wish == PARSED_HELP) {
        help_print(stdout, parsed->noun, parsed->command);
        return EXIT_DONE;
    }
    if (parsed->wish == PARSED_VERSION) {
        puts("cobictl " COBI_VERSION);
        return EXIT_DONE;
    }
    return ask(parsed);
}

int main(int argc, char **argv) {
    _cleanup_(parsed_done) struct parsed parsed = {0};
    struct complaint complaint = {0};
    (void)setlocale(LC_CTYPE,
                    "C.UTF-8"); /* for complaints; print_answer() looks at the terminal's own */
    if (parse_command_line(argc, argv, &parsed, &complaint) < 0) {
        return fail(EXIT_USAGE, &complaint);
    }
    int status = run(&parsed);
    if (fclose(stdout) != 0) {
        complaint = (struct complaint){0};
        (void)complain(&complaint, -EIO, "cannot write the output: check the disk or the pipe");
        return fail(EXIT_REFUSED, &complaint);
    }
    return status;
}
