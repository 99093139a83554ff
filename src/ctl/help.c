/* Help of cobictl at three levels: everything, one noun, one command. Made from the command table,
 * so that it cannot lag.
 *
 * Used by main. Prints to the stream it is given; a stream that fails is noticed by main when it
 * closes it. */
#include "cobi/ctl/help.h"

#include <string.h>

#include "cobi/base/cleanup.h"
#include "cobi/base/text.h"
#include "cobi/ctl/parse.h"
#include "cobi/ctl/suggest.h"

#define SYNOPSIS_SIZE 300

/* What stands for a value of this type in a synopsis. */
static const char *const placeholders[FIELD_TYPE_COUNT] = {
    [FIELD_TEXT] = "TEXT",       [FIELD_EMAIL] = "ADDRESS", [FIELD_MOBILE] = "NUMBER",
    [FIELD_PHONE] = "NUMBER",    [FIELD_HOURS] = "HOURS",   [FIELD_SLOT] = "SLOT",
    [FIELD_ZONE] = "ZONE",       [FIELD_DATE] = "DATE",     [FIELD_NUMBER] = "N",
    [FIELD_CHOICE] = "WORD",     [FIELD_ID] = "ID",         [FIELD_PROGRAMME] = "ID",
    [FIELD_CIVIL] = "LOCALTIME", [FIELD_SPAN] = "SPAN",     [FIELD_SWITCH] = "",
    [FIELD_ANY_ID] = "ID",
};

static void add_placeholder(struct text *text, const struct field *option) {
    if (option->type == FIELD_SWITCH) {
        return;
    }
    text_add(text, " ");
    text_add(text, option->type == FIELD_CHOICE ? option->choices : placeholders[option->type]);
}

static void add_option(struct text *text, const struct field *option, const char *open,
                       const char *close) {
    char spelling[EXCERPT_SIZE];
    option_spelling(option->name, spelling);
    text_addf(text, " %s--%s", open, spelling);
    add_placeholder(text, option);
    text_add(text, close);
    text_add(text, (option->flags & FIELD_REPEATED) != 0 ? "..." : "");
}

static void add_command(struct text *text, const struct command *command) {
    text_addf(text, "%s%s%s", command->noun ? command->noun : "", command->noun ? " " : "",
              command->verb);
    for (size_t i = 0; i < ARRAY_COUNT(command->arguments); i++) {
        if (command->arguments[i] != NULL) {
            text_addf(text, " %s", command->arguments[i]);
        }
    }
}

/* "session move ID --to LOCALTIME --by participant|service [--reason TEXT]"; fields of a noun are
 * not spelt out. */
static void add_synopsis(struct text *text, const struct command *command) {
    add_command(text, command);
    bool is_one_of = (command->flags & COMMAND_ONE_OF) != 0;
    for (size_t i = 0; i < command->option_count; i++) {
        const struct field *option = &command->options[i];
        bool is_required = (option->flags & FIELD_REQUIRED) != 0;
        if (is_one_of) {
            text_add(text, i > 0 ? " |" : "");
        }
        bool is_plain = is_required || is_one_of;
        add_option(text, option, is_plain ? "" : "[", is_plain ? "" : "]");
    }
    text_add(text, (command->flags & COMMAND_NOUN_FIELDS) != 0 ? " --FIELD VALUE..." : "");
    if ((command->flags & COMMAND_NEEDS_AS) != 0) {
        text_add(text, " --as STAFF");
    } else if ((command->flags & COMMAND_TAKES_AS) != 0) {
        text_add(text, " [--as STAFF]");
    }
}

static void print_commands(FILE *out, const char *noun) {
    for (size_t i = 0; i < command_count; i++) {
        const struct command *command = &commands[i];
        if (noun != NULL && (command->noun == NULL || strcmp(command->noun, noun) != 0)) {
            continue;
        }
        char line[SYNOPSIS_SIZE] = "";
        struct text text = TEXT_IN(line);
        add_command(&text, command);
        fprintf(out, "  %-28s %s\n", line, command->help);
    }
}

static void print_option(FILE *out, const struct field *option, const char *remark) {
    char line[SYNOPSIS_SIZE] = "", spelling[EXCERPT_SIZE];
    struct text text = TEXT_IN(line);
    option_spelling(option->name, spelling);
    text_addf(&text, "--%s", spelling);
    add_placeholder(&text, option);
    /* A long list of choices takes a line of its own. */
    fprintf(out, text.length > 28 ? "  %s\n  %28s %s" : "  %-28s%.0s %s", line, "", option->help);
    if (option->standard != NULL) {
        fprintf(out, " (default: %s)", option->standard);
    }
    if ((option->flags & FIELD_REPEATED) != 0) {
        fputs(" (may be repeated)", out);
    }
    fprintf(out, "%s\n", remark);
}

static void print_options(FILE *out, const struct command *command, const struct field *options,
                          size_t count) {
    bool is_set = (command->flags & COMMAND_NOUN_FIELDS) != 0 && strcmp(command->verb, "set") == 0;
    for (size_t i = 0; i < count; i++) {
        bool is_required = (options[i].flags & FIELD_REQUIRED) != 0 && !is_set;
        print_option(out, &options[i], is_required ? " (required)" : "");
    }
}

static void print_command_help(FILE *out, const struct command *command) {
    char line[1000] = "";
    struct text text = TEXT_IN(line);
    add_synopsis(&text, command);
    fprintf(out, "Usage: cobictl %s\n\n%s\n\nOptions:\n", line, command->help);
    print_options(out, command, command->options, command->option_count);
    enum noun noun;
    if ((command->flags & COMMAND_NOUN_FIELDS) != 0 && noun_from_text(command->noun, &noun) == 0) {
        print_options(out, command, noun_tables[noun].fields, noun_tables[noun].field_count);
    }
    if ((command->flags & (COMMAND_TAKES_AS | COMMAND_NEEDS_AS)) != 0) {
        bool is_needed = (command->flags & COMMAND_NEEDS_AS) != 0;
        print_option(out, &command_as, is_needed ? " (required)" : "");
    }
    print_options(out, command, parse_global_options, parse_global_option_count);
}

void help_print(FILE *out, const char *noun, const struct command *command) {
    if (command != NULL) {
        print_command_help(out, command);
        return;
    }
    if (noun != NULL) {
        fprintf(out, "Usage: cobictl %s VERB ...\n\nCommands:\n", noun);
        print_commands(out, noun);
        fprintf(out, "\nMore on one of them: cobictl %s VERB --help\n", noun);
        return;
    }
    fputs("Usage: cobictl [--json] [--socket PATH] NOUN VERB ...\n\nCommands:\n", out);
    print_commands(out, NULL);
    fputs("\nOptions of every command:\n", out);
    for (size_t i = 0; i < parse_global_option_count; i++) {
        print_option(out, &parse_global_options[i], "");
    }
    fputs("\nThe socket is --socket, or $COBID_SOCKET, or /run/cobid/control.sock.\n"
          "Exit status: 0 done, 1 refused or failed, 2 usage, 3 daemon not reachable.\n"
          "More on a command: cobictl NOUN VERB --help, and the manual page cobictl(1).\n",
          out);
}
