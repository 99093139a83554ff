/* The command line of cobictl: words, options and switches become a command and a JSON object, by
 * the command table.
 *
 * Used by cobictl, and by the simulator for its scenarios. A line that cannot be understood is
 * -EINVAL with one complaint that says what is wrong and what to do. Never guesses: an option
 * nobody knows, given twice or without its value is refused, and nothing typed is shown but as a
 * short harmless excerpt. */
#include "cobi/ctl/parse.h"

#include <errno.h>
#include <string.h>

#include "cobi/base/cleanup.h"
#include "cobi/base/text.h"
#include "cobi/ctl/suggest.h"
#include "cobi/ctl/value.h"

#define LABEL_SIZE (EXCERPT_SIZE + 2)

const struct field parse_global_options[] = {
    {.name = "json", .type = FIELD_SWITCH, .help = "print one JSON document"},
    {.name = "socket", .type = FIELD_TEXT, .help = "path of the control socket"},
    {.name = "help", .type = FIELD_SWITCH, .help = "explain the command and stop"},
    {.name = "version", .type = FIELD_SWITCH, .help = "print the version and stop"},
};
const size_t parse_global_option_count = ARRAY_COUNT(parse_global_options);

/* Arguments that are not ids, and the names their JSON members have. */
static const struct field argument_types[] = {
    {.name = "SPAN", .type = FIELD_SPAN},
    {.name = "LOCAL-TIME", .type = FIELD_CIVIL},
    {.name = "NAME", .type = FIELD_TEXT},
};
static const struct field argument_id = {.name = "ID", .type = FIELD_ANY_ID};
static const char *const argument_members[] = {"id", "id2"};

struct parser {
    int argc, next;
    char **argv;
    struct parsed parsed;
    size_t argument_count;
    struct complaint *complaint;
};

static int read_option(struct parser *p, const char *argument);
static int read_word(struct parser *p, const char *word);
static int check_complete(struct parser *p);

int parse_command_line(int argc, char **argv, struct parsed *ret_parsed,
                       struct complaint *complaint) {
    _cleanup_(parsed_done) struct parsed owner = {0};
    struct parser p = {.argc = argc, .next = 1, .argv = argv, .complaint = complaint};
    p.parsed.arguments = owner.arguments = json_object();
    bool options_ended = false;
    while (p.next < argc) {
        const char *argument = argv[p.next++];
        int r = 0;
        if (!options_ended && strcmp(argument, "--") == 0) {
            options_ended = true;
        } else if (!options_ended && argument[0] == '-') {
            r = read_option(&p, argument);
        } else {
            r = read_word(&p, argument);
        }
        if (r < 0) {
            return r;
        }
    }
    if (p.parsed.wish == PARSED_RUN) {
        int r = check_complete(&p);
        if (r < 0) {
            return r;
        }
    }
    *ret_parsed = p.parsed;
    owner.arguments = NULL;
    return 0;
}

void parsed_done(struct parsed *parsed) {
    json_decref(parsed->arguments);
    parsed->arguments = NULL;
}

/* "--order-ends" for the field order_ends. */
static void option_label(const char *name, char label[LABEL_SIZE]) {
    label[0] = label[1] = '-';
    option_spelling(name, &label[2]);
}

/* ---- options ---- */

static const struct field *find_global(const char *name) {
    for (size_t i = 0; i < parse_global_option_count; i++) {
        if (field_name_equal(parse_global_options[i].name, name)) {
            return &parse_global_options[i];
        }
    }
    return NULL;
}

static void consider_options(struct suggestion *s, const struct field *options, size_t count) {
    for (size_t i = 0; i < count; i++) {
        suggestion_consider(s, options[i].name);
    }
}

static int refuse_option(struct parser *p, const char *name) {
    const struct command *command = p->parsed.command;
    struct suggestion s = {.typed = name};
    char shown[EXCERPT_SIZE];
    excerpt(name, shown);
    if (command != NULL) {
        consider_options(&s, command->options, command->option_count);
        enum noun noun;
        if ((command->flags & COMMAND_NOUN_FIELDS) != 0 &&
            noun_from_text(command->noun, &noun) == 0) {
            consider_options(&s, noun_tables[noun].fields, noun_tables[noun].field_count);
        }
    }
    consider_options(&s, parse_global_options, parse_global_option_count);
    if (s.name != NULL) {
        char label[LABEL_SIZE];
        option_label(s.name, label);
        return complain(p->complaint, -EINVAL, "unknown option --%s: did you mean %s?", shown,
                        label);
    }
    if (command == NULL) {
        return complain(p->complaint, -EINVAL,
                        "option --%s comes before the command: put it behind the verb", shown);
    }
    return complain(p->complaint, -EINVAL, "unknown option --%s: see cobictl %s%s%s --help", shown,
                    command->noun ? command->noun : "", command->noun ? " " : "", command->verb);
}

static void set_global(struct parser *p, const struct field *option, const char *value) {
    if (strcmp(option->name, "json") == 0) {
        p->parsed.json = true;
    } else if (strcmp(option->name, "socket") == 0) {
        p->parsed.socket = value;
    } else if (p->parsed.wish == PARSED_RUN) {
        p->parsed.wish = strcmp(option->name, "help") == 0 ? PARSED_HELP : PARSED_VERSION;
    }
}

/* Puts a value among the arguments; one that may be repeated is always an array. */
static int store_value(struct parser *p, const struct field *option, const char *label,
                       const char *value) {
    json_t *arguments = p->parsed.arguments, *present = json_object_get(arguments, option->name);
    if ((option->flags & FIELD_REPEATED) != 0) {
        if (present == NULL) {
            present = json_array();
            if (json_object_set_new(arguments, option->name, present) < 0) {
                return -ENOMEM;
            }
        }
        return json_array_append_new(present, json_string(value)) < 0 ? -ENOMEM : 0;
    }
    if (present != NULL) {
        return complain(p->complaint, -EINVAL, "%s is given twice: give it once", label);
    }
    json_t *member = value == NULL ? json_true() : json_string(value);
    return json_object_set_new(arguments, option->name, member) < 0 ? -ENOMEM : 0;
}

/* Only a field of a noun that need not be there can be emptied, by `set`. */
static enum value_empty may_be_empty(const struct command *command, const struct field *option) {
    bool is_set = command != NULL && (command->flags & COMMAND_NOUN_FIELDS) != 0 &&
                  strcmp(command->verb, "set") == 0;
    bool can = is_set && option != &command_as && (option->flags & FIELD_REQUIRED) == 0;
    return can ? VALUE_EMPTY_ALLOWED : VALUE_EMPTY_REFUSED;
}

/* Finds the value of an option: behind "=", or the next argument unless that is an option itself.
 */
static int take_value(struct parser *p, const struct field *option, const char *label,
                      const char **value) {
    if (option->type == FIELD_SWITCH) {
        return *value == NULL
                   ? 0
                   : complain(p->complaint, -EINVAL, "%s takes no value: give it alone", label);
    }
    if (*value == NULL) {
        if (p->next >= p->argc || strncmp(p->argv[p->next], "--", 2) == 0) {
            return complain(p->complaint, -EINVAL, "%s has no value: give one behind it", label);
        }
        *value = p->argv[p->next++];
    }
    return value_check(option, label, *value, may_be_empty(p->parsed.command, option),
                       p->complaint);
}

static int read_option(struct parser *p, const char *argument) {
    if (argument[1] != '-') {
        char shown[EXCERPT_SIZE];
        excerpt(argument, shown);
        return complain(p->complaint, -EINVAL,
                        "unknown option %s: options begin with two dashes, see cobictl --help",
                        shown);
    }
    char name[EXCERPT_SIZE], label[LABEL_SIZE];
    size_t name_length = strcspn(argument + 2, "=");
    if (name_length >= sizeof name) {
        return refuse_option(p, argument + 2);
    }
    memcpy(name, argument + 2, name_length);
    name[name_length] = '\0';
    const char *value = argument[2 + name_length] == '=' ? &argument[3 + name_length] : NULL;

    const struct field *global = find_global(name);
    const struct field *option = global;
    if (option == NULL && p->parsed.command != NULL) {
        option = command_find_option(p->parsed.command, name);
    }
    if (option == NULL) {
        return refuse_option(p, name);
    }
    option_label(option->name, label);
    int r = take_value(p, option, label, &value);
    if (r < 0) {
        return r;
    }
    if (global != NULL) {
        set_global(p, global, value);
        return 0;
    }
    return store_value(p, option, label, value);
}

/* ---- words: noun, verb, arguments ---- */

static int refuse_noun(struct parser *p, const char *word) {
    struct suggestion s = {.typed = word};
    char shown[EXCERPT_SIZE];
    excerpt(word, shown);
    for (size_t i = 0; i < command_count; i++) {
        suggestion_consider(&s, commands[i].noun != NULL ? commands[i].noun : commands[i].verb);
    }
    if (s.name == NULL) {
        return complain(p->complaint, -EINVAL, "unknown command \"%s\": see cobictl --help", shown);
    }
    return complain(p->complaint, -EINVAL, "unknown command \"%s\": did you mean %s?", shown,
                    s.name);
}

static int refuse_verb(struct parser *p, const char *word) {
    struct suggestion s = {.typed = word};
    char shown[EXCERPT_SIZE];
    excerpt(word, shown);
    for (size_t i = 0; i < command_count; i++) {
        if (commands[i].noun != NULL && strcmp(commands[i].noun, p->parsed.noun) == 0) {
            suggestion_consider(&s, commands[i].verb);
        }
    }
    if (s.name == NULL) {
        return complain(p->complaint, -EINVAL, "%s has no verb \"%s\": see cobictl %s --help",
                        p->parsed.noun, shown, p->parsed.noun);
    }
    return complain(p->complaint, -EINVAL, "%s has no verb \"%s\": did you mean %s?",
                    p->parsed.noun, shown, s.name);
}

/* The noun as the table spells it, or NULL. */
static const char *find_noun(const char *word) {
    for (size_t i = 0; i < command_count; i++) {
        if (commands[i].noun != NULL && strcmp(commands[i].noun, word) == 0) {
            return commands[i].noun;
        }
    }
    return NULL;
}

static const struct field *argument_type(const char *name) {
    for (size_t i = 0; i < ARRAY_COUNT(argument_types); i++) {
        if (strcmp(argument_types[i].name, name) == 0) {
            return &argument_types[i];
        }
    }
    return &argument_id;
}

static int read_argument(struct parser *p, const char *word) {
    const struct command *command = p->parsed.command;
    size_t i = p->argument_count;
    if (i >= ARRAY_COUNT(command->arguments) || command->arguments[i] == NULL) {
        char shown[EXCERPT_SIZE];
        excerpt(word, shown);
        return complain(p->complaint, -EINVAL,
                        "\"%s\" is one word too many: put quotes around values with spaces", shown);
    }
    const char *label = command->arguments[i];
    int r = value_check(argument_type(label), label, word, VALUE_EMPTY_REFUSED, p->complaint);
    if (r < 0) {
        return r;
    }
    p->argument_count++;
    return json_object_set_new(p->parsed.arguments, argument_members[i], json_string(word)) < 0
               ? -ENOMEM
               : 0;
}

static int read_word(struct parser *p, const char *word) {
    if (p->parsed.command != NULL) {
        return read_argument(p, word);
    }
    p->parsed.command = command_find(p->parsed.noun, word);
    if (p->parsed.command != NULL) {
        return 0;
    }
    if (p->parsed.noun != NULL) {
        return refuse_verb(p, word);
    }
    p->parsed.noun = find_noun(word);
    return p->parsed.noun != NULL ? 0 : refuse_noun(p, word);
}

/* ---- what must be there ---- */

static void add_listed(struct text *text, const char *item) {
    text_add(text, text->length > 0 ? ", " : "");
    text_add(text, item);
}

static void list_missing(const struct parser *p, const struct field *options, size_t count,
                         struct text *missing) {
    for (size_t i = 0; i < count; i++) {
        bool is_given = json_object_get(p->parsed.arguments, options[i].name) != NULL;
        if ((options[i].flags & FIELD_REQUIRED) != 0 && !is_given) {
            char label[LABEL_SIZE];
            option_label(options[i].name, label);
            add_listed(missing, label);
        }
    }
}

static int check_one_of(const struct parser *p) {
    const struct command *command = p->parsed.command;
    char names[200] = "", label[LABEL_SIZE];
    struct text text = TEXT_IN(names);
    size_t given_count = 0;
    for (size_t i = 0; i < command->option_count; i++) {
        option_label(command->options[i].name, label);
        add_listed(&text, label);
        given_count += json_object_get(p->parsed.arguments, command->options[i].name) != NULL;
    }
    return given_count == 1 ? 0
                            : complain(p->complaint, -EINVAL, "%s %s needs exactly one of %s",
                                       command->noun, command->verb, names);
}

static int check_noun_fields(const struct parser *p, struct text *missing) {
    const struct command *command = p->parsed.command;
    enum noun noun;
    int r = noun_from_text(command->noun, &noun);
    if (r < 0) {
        return r;
    }
    const struct noun_table *table = &noun_tables[noun];
    if (strcmp(command->verb, "add") == 0) {
        list_missing(p, table->fields, table->field_count, missing);
        return 0;
    }
    for (size_t i = 0; i < table->field_count; i++) {
        if (json_object_get(p->parsed.arguments, table->fields[i].name) != NULL) {
            return 0;
        }
    }
    return complain(p->complaint, -EINVAL,
                    "%s %s changes nothing: give at least one field, see cobictl %s %s --help",
                    command->noun, command->verb, command->noun, command->verb);
}

static int check_missing(const struct parser *p) {
    const struct command *command = p->parsed.command;
    char names[300] = "";
    struct text missing = TEXT_IN(names);
    for (size_t i = p->argument_count; i < ARRAY_COUNT(command->arguments); i++) {
        if (command->arguments[i] != NULL) {
            add_listed(&missing, command->arguments[i]);
        }
    }
    list_missing(p, command->options, command->option_count, &missing);
    if ((command->flags & COMMAND_NEEDS_AS) != 0 &&
        json_object_get(p->parsed.arguments, command_as.name) == NULL) {
        add_listed(&missing, "--as");
    }
    if ((command->flags & COMMAND_NOUN_FIELDS) != 0) {
        int r = check_noun_fields(p, &missing);
        if (r < 0) {
            return r;
        }
    }
    if (missing.length == 0) {
        return 0;
    }
    return complain(p->complaint, -EINVAL, "%s%s%s lacks %s: see cobictl %s%s%s --help",
                    command->noun ? command->noun : "", command->noun ? " " : "", command->verb,
                    names, command->noun ? command->noun : "", command->noun ? " " : "",
                    command->verb);
}

static int check_complete(struct parser *p) {
    const struct command *command = p->parsed.command;
    if (command == NULL && p->parsed.noun == NULL) {
        return complain(p->complaint, -EINVAL, "no command given: see cobictl --help");
    }
    if (command == NULL) {
        return complain(p->complaint, -EINVAL, "%s needs a verb: see cobictl %s --help",
                        p->parsed.noun, p->parsed.noun);
    }
    int r = check_missing(p);
    if (r < 0 || (command->flags & COMMAND_ONE_OF) == 0) {
        return r;
    }
    return check_one_of(p);
}
