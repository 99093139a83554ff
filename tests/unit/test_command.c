/* The command table against a list written by hand, the manual page and the completion. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "cobi/base/cleanup.h"
#include "cobi/base/command.h"
#include "cobi/base/text.h"

#define FILE_BYTES_MAX (256 * 1024)

/* "noun verb argument argument --option ...": required options with "!", "as" and "as!" for the
 * person who decides. */
static const char *const expected[] = {
    "- status",
    "- health",
    "config check",
    "- reload wait",
    "- release held! as",
    "clock show",
    "clock advance SPAN",
    "clock set LOCAL-TIME",
    "office add ID fields as",
    "office list",
    "office show ID",
    "office set ID fields as",
    "practitioner add ID fields as",
    "practitioner list",
    "practitioner show ID",
    "practitioner set ID fields as",
    "practitioner absent ID from! to! reason as",
    "practitioner leave ID on! hand_over_to! dry_run as",
    "supervisor add ID fields as",
    "supervisor list",
    "supervisor show ID",
    "supervisor set ID fields as",
    "supervisor absent ID from! to! reason as",
    "advocate add ID fields as",
    "advocate list",
    "advocate show ID",
    "advocate set ID fields as",
    "advocate link ID participant! case_ref! level as",
    "advocate unlink ID participant! as",
    "officer add ID fields as",
    "officer list",
    "officer show ID",
    "officer set ID fields as",
    "participant add REF fields as",
    "participant list",
    "participant show REF",
    "participant set REF fields as",
    "participant absent REF from! to! reason as",
    "participant reassign REF to! dry_run as",
    "participant plan REF dry_run as",
    "participant pause REF because! reason as",
    "participant resume REF because! reason as",
    "participant withdraw REF because! reason as",
    "participant end REF because! reason as",
    "participant complete REF because! reason waive as",
    "session list participant practitioner state from to",
    "session show ID",
    "session move ID to! by! reason cascade dry_run as",
    "session cancel ID by! reason as",
    "session outcome ID CODE note contacted as!",
    "session decide ID CODE reason! contacted as!",
    "session correct ID CODE reason! as!",
    "session approve ID as!",
    "task list",
    "task done ID as",
    "concern raise REF reason as",
    "feed create practitioner office participant one-of as",
    "feed list",
    "feed revoke FEED as",
    "message list participant audience state",
    "message show ID",
    "message retry ID as",
    "message cancel ID as",
    "inbound list participant!",
    "inbound show ID",
    "escalation list open",
    "escalation show ID",
    "escalation ack ID as!",
    "escalation resolve ID reason! as!",
    "escalation worst-case",
    "gateway list",
    "audit verify",
    "template list",
    "template show NAME",
    "- preview REF",
    "- explain SESSION",
};

/* Writes a command the way the list does. */
static void spell(const struct command *command, char *buffer, size_t capacity) {
    struct text text;
    text_init(&text, buffer, capacity);
    text_addf(&text, "%s %s", command->noun ? command->noun : "-", command->verb);
    for (size_t i = 0; i < 2 && command->arguments[i] != NULL; i++) {
        text_addf(&text, " %s", command->arguments[i]);
    }
    for (size_t i = 0; i < command->option_count; i++) {
        bool is_required = (command->options[i].flags & FIELD_REQUIRED) != 0;
        text_addf(&text, " %s%s", command->options[i].name, is_required ? "!" : "");
    }
    text_add(&text, (command->flags & COMMAND_NOUN_FIELDS) != 0 ? " fields" : "");
    text_add(&text, (command->flags & COMMAND_ONE_OF) != 0 ? " one-of" : "");
    text_add(&text, (command->flags & COMMAND_TAKES_AS) != 0 ? " as" : "");
    text_add(&text, (command->flags & COMMAND_NEEDS_AS) != 0 ? "!" : "");
    assert_false(text.overflow);
}

static void every_command_is_there(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(expected) && i < command_count; i++) {
        char line[300];
        spell(&commands[i], line, sizeof line);
        assert_string_equal(line, expected[i]);
    }
    assert_int_equal(command_count, ARRAY_COUNT(expected));
}

static void commands_are_found(void **state) {
    (void)state;
    for (size_t i = 0; i < command_count; i++) {
        assert_ptr_equal(command_find(commands[i].noun, commands[i].verb), &commands[i]);
    }
    assert_null(command_find("session", "status"));
    assert_null(command_find(NULL, "move"));
    assert_null(command_find("sessions", "list"));
    assert_null(command_find("", ""));
}

static bool is_canonical(const char *name) {
    for (const char *c = name; *c != '\0'; c++) {
        if ((*c < 'a' || *c > 'z') && (*c != '_' || c == name || c[1] == '\0')) {
            return false;
        }
    }
    return name[0] != '\0' && strlen(name) < 33;
}

/* What every field must satisfy, wherever it stands. */
static void check_field(const struct field *field) {
    assert_true(is_canonical(field->name));
    assert_non_null(field->help);
    assert_null(strchr(field->help, '\n'));
    assert_true((unsigned)field->type < FIELD_TYPE_COUNT);
    assert_true((field->type == FIELD_CHOICE) == (field->choices != NULL));
    if (field->type == FIELD_TEXT || field->type == FIELD_NUMBER) {
        assert_true(field->max > 0);
    }
    assert_true((unsigned)field->refers < NOUN_COUNT);
    assert_false((field->flags & FIELD_REQUIRED) != 0 && field->standard != NULL);
}

/* A field that names a noun refers to it, and one that refers to another noun than its name says
 * why below. */
static void check_refers(const struct field *field) {
    enum noun noun;
    if (field->type != FIELD_ID) {
        assert_int_equal(field->refers, 0);
    } else if (noun_from_text(field->name, &noun) == 0) {
        assert_int_equal(field->refers, noun);
    } else if (strcmp(field->name, "next") == 0) {
        assert_int_equal(field->refers, NOUN_SUPERVISOR);
    } else { /* who takes over */
        assert_true(strcmp(field->name, "to") == 0 || strcmp(field->name, "hand_over_to") == 0);
        assert_int_equal(field->refers, NOUN_PRACTITIONER);
    }
}

static void options_make_sense(void **state) {
    (void)state;
    for (size_t i = 0; i < command_count; i++) {
        const struct command *command = &commands[i];
        assert_true(command->option_count <= COMMAND_OPTIONS_MAX);
        assert_non_null(command->help);
        assert_false((command->flags & COMMAND_READS) != 0 &&
                     (command->flags & (COMMAND_TAKES_AS | COMMAND_NOUN_FIELDS)) != 0);
        assert_false((command->flags & COMMAND_NEEDS_AS) != 0 &&
                     (command->flags & COMMAND_TAKES_AS) == 0);
        for (size_t k = 0; k < command->option_count; k++) {
            const struct field *option = &command->options[k];
            check_field(option);
            check_refers(option);
            /* The first of that name is this one, and no option steals a name of all commands. */
            assert_ptr_equal(command_find_option(command, option->name), option);
            assert_false(field_name_equal(option->name, "as"));
            assert_false(field_name_equal(option->name, "id"));
            assert_false(field_name_equal(option->name, "json"));
            assert_false(field_name_equal(option->name, "socket"));
            assert_false(field_name_equal(option->name, "help"));
            assert_false(field_name_equal(option->name, "version"));
        }
    }
}

static void fields_of_nouns_make_sense(void **state) {
    (void)state;
    for (size_t n = 0; n < NOUN_COUNT; n++) {
        const struct noun_table *table = &noun_tables[n];
        enum noun noun;
        assert_int_equal(noun_from_text(table->name, &noun), 0);
        assert_int_equal(noun, n);
        assert_true(table->field_count > 0 && table->field_count <= FIELDS_MAX);
        for (size_t i = 0; i < table->field_count; i++) {
            const struct field *field = &table->fields[i];
            check_field(field);
            check_refers(field);
            assert_ptr_equal(noun_find_field((enum noun)n, field->name), field);
            assert_false(field_name_equal(field->name, "id") ||
                         field_name_equal(field->name, "as") ||
                         field_name_equal(field->name, "state"));
        }
    }
    enum noun untouched = NOUN_OFFICER;
    assert_true(noun_from_text("session", &untouched) < 0);
    assert_true(noun_from_text("", &untouched) < 0);
    assert_int_equal(untouched, NOUN_OFFICER);
}

static void names_are_found_in_both_spellings(void **state) {
    (void)state;
    const struct field *field = noun_find_field(NOUN_PARTICIPANT, "order-ends");
    assert_non_null(field);
    assert_ptr_equal(field, noun_find_field(NOUN_PARTICIPANT, "order_ends"));
    assert_null(noun_find_field(NOUN_PARTICIPANT, "order"));
    assert_null(noun_find_field(NOUN_PARTICIPANT, "order-ends-"));
    assert_null(noun_find_field(NOUN_OFFICE, "order-ends"));
    assert_null(noun_find_field(NOUN_OFFICE, ""));

    const struct command *add = command_find("participant", "add");
    assert_ptr_equal(command_find_option(add, "place-label"),
                     noun_find_field(NOUN_PARTICIPANT, "place_label"));
    assert_ptr_equal(command_find_option(add, "as"), &command_as);
    assert_null(command_find_option(command_find("participant", "show"), "place-label"));
    assert_null(command_find_option(command_find("participant", "list"), "as"));
    assert_ptr_equal(command_find_option(command_find("session", "outcome"), "as"), &command_as);
}

/* Only these are open to group cobid-ops: nothing that shows a case. */
static void operators_see_no_case(void **state) {
    (void)state;
    for (size_t i = 0; i < command_count; i++) {
        const struct command *command = &commands[i];
        const char *noun = command->noun ? command->noun : command->verb;
        bool is_ops = strcmp(noun, "status") == 0 || strcmp(noun, "health") == 0 ||
                      strcmp(noun, "config") == 0 || strcmp(noun, "clock") == 0 ||
                      strcmp(noun, "gateway") == 0;
        assert_int_equal(command->access, is_ops ? COMMAND_OPS : COMMAND_ADMIN);
    }
}

static char file_text[FILE_BYTES_MAX + 1];

static void read_source(const char *name) {
    char path[1000] = "";
    struct text text = TEXT_IN(path);
    const char *folder = getenv("srcdir");
    text_addf(&text, "%s/%s", folder != NULL ? folder : ".", name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t length = fread(file_text, 1, FILE_BYTES_MAX, file);
    assert_true(length > 0 && length < FILE_BYTES_MAX);
    file_text[length] = '\0';
    assert_int_equal(fclose(file), 0);
}

static void assert_mentioned(const char *wanted) {
    if (strstr(file_text, wanted) == NULL) {
        fail_msg("not mentioned: %s", wanted);
    }
}

/* Every command has its own heading in the manual ("Ic session move"), every option is explained
 * ("Fl Fl order-ends"). */
static void the_manual_names_everything(void **state) {
    (void)state;
    read_source("man/cobictl.1");
    for (size_t i = 0; i < command_count; i++) {
        char wanted[100] = "";
        struct text text = TEXT_IN(wanted);
        const struct command *command = &commands[i];
        text_addf(&text, "Ic %s%s%s", command->noun ? command->noun : "", command->noun ? " " : "",
                  command->verb);
        assert_mentioned(wanted);
    }
    for (size_t i = 0; i < command_count; i++) {
        for (size_t k = 0; k < commands[i].option_count; k++) {
            char wanted[100];
            (void)snprintf(wanted, sizeof wanted, "Fl Fl %s", commands[i].options[k].name);
            for (char *c = wanted; *c != '\0'; c++) {
                *c = *c == '_' ? '-' : *c;
            }
            assert_mentioned(wanted);
        }
    }
    for (size_t n = 0; n < NOUN_COUNT; n++) {
        for (size_t i = 0; i < noun_tables[n].field_count; i++) {
            char wanted[100];
            (void)snprintf(wanted, sizeof wanted, "Fl Fl %s", noun_tables[n].fields[i].name);
            for (char *c = wanted; *c != '\0'; c++) {
                *c = *c == '_' ? '-' : *c;
            }
            assert_mentioned(wanted);
        }
    }
}

static void assert_completed(const char *list, const char *word) {
    char start[100];
    (void)snprintf(start, sizeof start, "    [%s]=\"", list);
    const char *line = strstr(file_text, start);
    if (line == NULL) {
        fail_msg("no completion for: %s", list);
        return;
    }
    line += strlen(start);
    size_t length = strcspn(line, "\"");
    char words[300];
    (void)snprintf(words, sizeof words, " %.*s ", (int)length, line);
    char wanted[100];
    (void)snprintf(wanted, sizeof wanted, " %s ", word);
    if (strstr(words, wanted) == NULL) {
        fail_msg("completion of %s lacks: %s", list, word);
    }
}

static void the_completion_names_every_verb(void **state) {
    (void)state;
    read_source("completions/cobictl.bash");
    for (size_t i = 0; i < command_count; i++) {
        const struct command *command = &commands[i];
        assert_completed("-", command->noun ? command->noun : command->verb);
        if (command->noun != NULL) {
            assert_completed(command->noun, command->verb);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_command_is_there),
        cmocka_unit_test(commands_are_found),
        cmocka_unit_test(options_make_sense),
        cmocka_unit_test(fields_of_nouns_make_sense),
        cmocka_unit_test(names_are_found_in_both_spellings),
        cmocka_unit_test(operators_see_no_case),
        cmocka_unit_test(the_manual_names_everything),
        cmocka_unit_test(the_completion_names_every_verb),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
