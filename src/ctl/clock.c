/* Watches a manual clock until it has arrived, and lets a person stop watching.
 *
 * Used after `clock advance` and `clock set`. Ctrl-C ends the watching only: the daemon goes on,
 * and the complaint says so. A second Ctrl-C ends cobictl at once. Must never tell the daemon to
 * stop. */
#include "cobi/ctl/clock.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "cobi/base/arena.h"
#include "cobi/base/command.h"
#include "cobi/ctl/terminal.h"

/* Looked at soon, then less often: a short way is over at once, a long one is not disturbed. */
#define POLL_FIRST_MS 5
#define POLL_MOST_MS  100

/* The only state a signal handler may touch. */
static volatile sig_atomic_t is_interrupted;

static void note_interrupt(int signal_number) {
    (void)signal_number;
    is_interrupted = 1;
}

static int catch_interrupt(struct sigaction *ret_old) {
    struct sigaction action = {.sa_handler = note_interrupt, .sa_flags = (int)SA_RESETHAND};
    is_interrupted = 0;
    return sigaction(SIGINT, &action, ret_old) < 0 ? -errno : 0;
}

bool clock_is_advancing(const json_t *document) {
    return json_is_true(json_object_get(document, "advancing"));
}

static void print_progress(const json_t *document) {
    const char *now = json_string_value(json_object_get(document, "now"));
    const char *target = json_string_value(json_object_get(document, "target"));
    struct arena arena = {0};
    size_t width;
    now = terminal_text(&arena, now != NULL ? now : "?", TERMINAL_ASCII, &width);
    target = terminal_text(&arena, target != NULL ? target : "?", TERMINAL_ASCII, &width);
    fprintf(stderr, "\r%s, on the way to %s\033[K", now, target);
    (void)fflush(stderr); /* a line that is only seen later */
    arena_done(&arena);
}

static int say_interrupted(const json_t *document, struct complaint *complaint) {
    const char *target = json_string_value(json_object_get(document, "target"));
    return complain(complaint, -EINTR,
                    "no longer watching, but the daemon goes on advancing to %s: see \"cobictl "
                    "clock show\"",
                    target != NULL ? target : "its target");
}

int clock_wait(struct client *client, json_t **document, struct complaint *complaint) {
    const struct command *show = command_find("clock", "show");
    bool is_terminal = isatty(STDERR_FILENO) == 1;
    struct sigaction old;
    int r = catch_interrupt(&old);
    if (r < 0) {
        return complain(complaint, r, "cannot watch for Ctrl-C: see \"cobictl clock show\"");
    }
    json_t *nothing = json_object();
    int interval_ms = POLL_FIRST_MS;
    while (r == 0 && is_interrupted == 0 && clock_is_advancing(*document)) {
        if (is_terminal) {
            print_progress(*document);
        }
        (void)poll(NULL, 0, interval_ms); /* an interrupted wait is looked at next */
        interval_ms = interval_ms * 2 < POLL_MOST_MS ? interval_ms * 2 : POLL_MOST_MS;
        json_t *answer = NULL;
        r = is_interrupted == 0 ? client_call(client, show, nothing, &answer, complaint) : 0;
        if (answer != NULL) {
            json_decref(*document);
            *document = answer;
        }
    }
    json_decref(nothing);
    if (is_terminal) {
        fputs("\r\033[K", stderr);
    }
    (void)sigaction(SIGINT, &old, NULL); /* restoring what was there cannot fail */
    if (is_interrupted != 0 && clock_is_advancing(*document)) {
        return say_interrupted(*document, complaint);
    }
    return r;
}
