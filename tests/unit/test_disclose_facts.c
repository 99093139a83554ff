/* Who may be told each fact, on which channel: written by hand from who gets what, and never; not
 * from the table in rules/disclose.c. A fact that is not here yet fails this test until somebody
 * has thought about it. Asked of the rule, of the struct that is handed to the renderer, and of the
 * check of templates. */
#include "cobi/base/cleanup.h"
#include "cobi/base/text.h"
#include "cobi/template/template.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/template/template_file.h"

/* By letters: a text or mail to the participant t p, the practitioner w W, the supervisor s S, the
 * advocate a A, the officer o O, the operator x X; small for texts. Whoever is not named must never
 * be told. */
static const struct fact_for {
    const char *fact, *whom;
} matrix[] = {
    /* Times and places of appointments: the participant's own, and the practitioner's. */
    {"weekday", "tpW"},
    {"date", "tpW"},
    {"time", "tpW"},
    {"old_weekday", "tpW"},
    {"old_date", "tpW"},
    {"old_time", "tpW"},
    {"all_dates", "tpW"},
    {"place", "tp"},
    /* The number to call and the neutral name of the sender are for everybody. */
    {"office_phone", "tpwWsSAOX"},
    {"sender_name", "tpwWsSAOX"},
    /* What was chosen for this participant. */
    {"first_name", "tp"},
    {"greeting", "tp"},
    {"journey", "tp"},
    {"consequence", "tp"},
    /* Our references: staff, who work with them, and the operator. */
    {"reference", "wWsSX"},
    {"session_number", "wWsSX"},
    {"session_count", "wWsSX"},
    {"session_id", "wWsSX"},
    {"due_by", "wWsSX"},
    {"task", "wWsSX"},
    {"task_id", "wWsSX"},
    /* A practitioner's own day. */
    {"digest_today", "W"},
    {"digest_overdue", "W"},
    {"digest_tasks", "W"},
    /* What is past: never to an advocate, who hears a status only. */
    {"past_date", "WSO"},
    /* Status: not to the participant, nor to a practitioner, who is not told of escalations. */
    {"status", "SAO"},
    {"status_note", "SAO"},
    {"repeat_note", "SAO"},
    {"happened", "SAO"},
    /* Names and doings of staff stay with staff. */
    {"step", "WS"},
    {"told_before", "WS"},
    {"matter", "WS"},
    {"advice", "WS"},
    {"supervisor_name", "WS"},
    {"practitioner_name", "WS"},
    /* Each outside body has its own reference, and nobody else's. */
    {"case_ref", "A"},
    {"officer_ref", "O"},
    /* Links act: only for those who may. */
    {"ack_link", "WSA"},
    {"ack_code", "WSA"},
    {"alarm", "X"},
};
static const char letters[AUDIENCE_COUNT][CHANNEL_COUNT] = {
    [AUDIENCE_PARTICIPANT] = {'t', 'p'}, [AUDIENCE_PRACTITIONER] = {'w', 'W'},
    [AUDIENCE_SUPERVISOR] = {'s', 'S'},  [AUDIENCE_ADVOCATE] = {'a', 'A'},
    [AUDIENCE_OFFICER] = {'o', 'O'},     [AUDIENCE_OPERATOR] = {'x', 'X'},
};

static const struct fact_for *row_of(const char *fact) {
    const struct fact_for *found = NULL;

    for (size_t i = 0; i < ARRAY_COUNT(matrix); i++) {
        if (strcmp(matrix[i].fact, fact) == 0) {
            assert_null(found); /* once */
            found = &matrix[i];
        }
    }
    if (!found) {
        fail_msg("nobody has written down who may be told ${%s}", fact);
    }
    return found;
}

static bool may(enum fact fact, unsigned audience, unsigned channel) {
    return strchr(row_of(fact_rows[fact].name)->whom, letters[audience][channel]) != NULL;
}

static void walk(void (*look)(enum fact fact, enum audience audience, enum channel channel,
                              bool allowed)) {
    for (unsigned fact = 0; fact < FACT_COUNT; fact++) {
        for (unsigned audience = 0; audience < AUDIENCE_COUNT; audience++) {
            for (unsigned channel = 0; channel < CHANNEL_COUNT; channel++) {
                look((enum fact)fact, (enum audience)audience, (enum channel)channel,
                     may((enum fact)fact, audience, channel));
            }
        }
    }
}

static void is_as_written(const char *what, enum fact fact, enum audience audience,
                          enum channel channel, bool expected, bool seen) {
    if (expected != seen) {
        fail_msg("%s: ${%s} to the %s by %s is %s", what, fact_rows[fact].name,
                 audience_to_text(audience), channel_to_text(channel), seen ? "let by" : "refused");
    }
}

static void ask_rule(enum fact fact, enum audience audience, enum channel channel, bool allowed) {
    is_as_written("the rule", fact, audience, channel, allowed,
                  disclose_allowed(audience, channel, fact_rows[fact].class));
}

static void ask_struct(enum fact fact, enum audience audience, enum channel channel, bool allowed) {
    struct disclosure d = {.audience = audience, .channel = channel};

    disclosure_set(&d, fact, "x");
    is_as_written("the struct", fact, audience, channel, allowed, d.values[fact] != NULL);
}

/* A template for this audience with this fact in its body. */
static void ask_template(enum fact fact, enum audience audience, enum channel channel,
                         bool allowed) {
    static const enum message_kind kinds[AUDIENCE_COUNT] = {
        [AUDIENCE_PARTICIPANT] = KIND_REMINDER,   [AUDIENCE_PRACTITIONER] = KIND_TASK,
        [AUDIENCE_SUPERVISOR] = KIND_TASK,        [AUDIENCE_ADVOCATE] = KIND_ADVOCATE_NOTICE,
        [AUDIENCE_OFFICER] = KIND_OFFICER_NOTICE, [AUDIENCE_OPERATOR] = KIND_ALARM};
    struct complaints *complaints = calloc(1, sizeof *complaints);
    struct template_report report = {.file = "x", .complaints = complaints};
    struct template t = {.label = "en/x",
                         .name = "x",
                         .channel = channel,
                         .kind = kinds[audience],
                         .audiences = 1u << audience,
                         .body_line = 3};
    char wanted[120];

    assert_non_null(complaints);
    assert_true(asprintf(&t.body, "A line with ${%s} in it.", fact_rows[fact].name) > 0);
    if (channel == CHANNEL_EMAIL) {
        (void)snprintf(t.subject, sizeof t.subject, "A subject");
    }
    (void)snprintf(wanted, sizeof wanted, "${%s} may not be told to the %s by %s",
                   fact_rows[fact].name, audience_to_text(audience), channel_to_text(channel));
    template_check(&t, &report);
    bool refused = false;
    for (size_t i = 0; i < complaints->count; i++) {
        refused |= strstr(complaints->list[i].text, wanted) != NULL;
    }
    template_done(&t);
    free(complaints);
    is_as_written("the check of templates", fact, audience, channel, allowed, !refused);
}

static void test_rule(void **state) {
    (void)state;
    walk(ask_rule);
}

static void test_struct(void **state) {
    (void)state;
    walk(ask_struct);
}

static void test_templates(void **state) {
    (void)state;
    walk(ask_template);
}

/* Nothing is written down for a fact that there is not. */
static void test_matrix(void **state) {
    (void)state;
    assert_int_equal(ARRAY_COUNT(matrix), FACT_COUNT);
    for (size_t i = 0; i < ARRAY_COUNT(matrix); i++) {
        enum fact fact = FACT_end_;
        assert_int_equal(fact_from_text(matrix[i].fact, &fact), 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matrix),
        cmocka_unit_test(test_rule),
        cmocka_unit_test(test_struct),
        cmocka_unit_test(test_templates),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
