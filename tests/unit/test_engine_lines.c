/* Lines of supervisors: dead ends and loops are refused where they would be written, and by the
 * check; and how long it takes at worst until a human is told. */
#include "engine_world.h"

/* The policies as a site may have them that leaves the operator out. */
static void without_operator(void) {
    for (uint32_t i = 0; i < w.config->escalation_count; i++) {
        struct escalation_policy *policy = &w.config->escalations[i];
        while (policy->step_count > 1 &&
               policy->steps[policy->step_count - 1].target == TARGET_OPERATOR) {
            policy->step_count--;
        }
    }
}

static size_t check(const char *text) {
    static struct complaints complaints;

    complaints.count = 0;
    assert_int_equal(engine_check_people(w.engine, w.config, &complaints), 0);
    if (complaints.count > 0) {
        assert_non_null(strstr(complaints.list[0].text, text));
    }
    return complaints.count;
}

static void test_two_people_or_the_operator(void **state) {
    (void)state;
    do_("supervisor add SUP-9 --name 'Ida Ninth' --email sup9@staff.example");
    do_("practitioner set PR-2 --supervisor SUP-9"); /* alone, but the operator is in each chain */
    assert_int_equal(check(""), 0);
    do_("practitioner set PR-2 --supervisor SUP-1");
    do_("participant add P-2 --programme cobi-12 --route sentence --practitioner PR-2 --office O-1 "
        "--name 'Sid Other'");
    without_operator();
    assert_int_equal(check(""), 0);
    refused(409, "fewer than two people", "practitioner set PR-2 --supervisor SUP-9");
    refused(409, "fewer than two people",
            "practitioner add PR-9 --name X --email x9@staff.example --office O-1 --hours 'Mon-Fri "
            "09:00-17:00' --supervisor SUP-9");
    refused(409, "PR-1", "supervisor set SUP-1 --next ''");
    do_("supervisor set SUP-9 --next SUP-2");
    do_("practitioner set PR-2 --supervisor SUP-9");
}

/* What an edited configuration would break is found before it is taken. */
static void test_check_over_people_in_the_store(void **state) {
    (void)state;
    do_("supervisor add SUP-9 --name 'Ida Ninth' --email sup9@staff.example");
    do_("practitioner set PR-2 --supervisor SUP-9");
    plan("P-1");
    without_operator();
    assert_int_equal(check("practitioner PR-2"), 1);
    refused(409, "fewer than two people", "participant reassign P-1 --to PR-2");
    refused(409, "fewer than two people",
            "practitioner leave PR-1 --on 2027-02-01 --hand-over-to PR-2");
    do_("supervisor set SUP-9 --name 'Ida Tenth'"); /* what is broken does not stop other work */
    sabotage("UPDATE participant SET practitioner='PR-2'");
    refused(409, "fewer than two people",
            "advocate link ADV-1 --participant P-1 --case-ref HAVEN-1 --level all");
}

static void test_loops(void **state) {
    (void)state;
    do_("supervisor add SUP-3 --name 'Ida Third' --email sup3@staff.example --next SUP-1");
    refused(409, "come back", "supervisor set SUP-2 --next SUP-3");
    refused(409, "come back", "supervisor set SUP-2 --next SUP-2");
    assert_int_equal(check(""), 0);
    sabotage("UPDATE supervisor SET next='SUP-3' WHERE id='SUP-2'");
    assert_int_equal(check("supervisor SUP-1"), 3);
    refused(409, "come back", "supervisor set SUP-1 --next SUP-3");
}

/* The advocate and one supervisor are two people. */
static void test_advocates_chain(void **state) {
    (void)state;
    const struct escalation_policy *policy = config_find_escalation(w.config, ESCALATION_MISSED,
                                                                    AUDIENCE_ADVOCATE);
    without_operator();
    assert_null(escalation_line_fault(policy, 1));
    assert_non_null(escalation_line_fault(policy, 0));
}

/* ---- the worst case ---- */

/* Of the last answer. */
static const char *worst(const char *kind, const char *audience, const char *field) {
    for (size_t i = 0; i < json_array_size(w.reply); i++) {
        const char *k = arena_printf(&w.arena, "%zu.kind", i);
        const char *a = arena_printf(&w.arena, "%zu.audience", i);
        if (strcmp(reply_text(k), kind) == 0 && strcmp(reply_text(a), audience) == 0) {
            return arena_copy(&w.arena, reply_text(arena_printf(&w.arena, "%zu.%s", i, field)));
        }
    }
    fail_msg("no worst case of %s to %s", kind, audience);
    return "";
}

/* From five on Christmas Eve, a Friday, to nine on Wednesday: 25 and 26 December have their days
 * off on Monday and Tuesday. */
static void test_christmas_is_worst(void **state) {
    (void)state;
    do_("escalation worst-case");
    assert_string_equal(worst("missed", "supervisor", "human_at_work"), "4d16h");
    assert_string_equal(worst("missed", "supervisor", "opened"), "2027-12-24T17:00");
    assert_string_equal(worst("missed", "supervisor", "opens_after"), "5m");
    assert_string_equal(worst("missed", "supervisor", "all_told"), "2d");
    assert_string_equal(worst("unrecorded", "supervisor", "opens_after"), "4h");
    assert_string_equal(worst("missed", "advocate", "human_at_work"), "4d16h");
}

/* Somebody who is there at night makes it shorter: what remains is the bank holidays themselves. The
 * steps are told sooner while both are away: that is no worse. */
static void test_hours_and_absences_count(void **state) {
    (void)state;
    do_("supervisor set SUP-2 --hours 'Mon-Sun 00:00-24:00'");
    do_("supervisor absent SUP-1 --from 2027-03-01 --to 2027-12-31");
    do_("escalation worst-case");
    assert_string_not_equal(worst("missed", "supervisor", "human_at_work"), "4d16h");
    assert_string_equal(worst("missed", "supervisor", "opened"), "2027-12-27T00:00");
    assert_string_equal(worst("missed", "supervisor", "human_at_work"), "2d");
    do_("supervisor absent SUP-2 --from 2027-12-20 --to 2027-12-31");
    do_("escalation worst-case");
    assert_string_equal(worst("missed", "supervisor", "human_at_work"), "4d16h"); /* the operator */
}

/* It only looks, and holds nobody up for long. */
static void test_it_only_looks(void **state) {
    (void)state;
    char *before = dump(false);
    do_("escalation worst-case");
    unchanged(before, false, "escalation worst-case");
    assert_true(json_array_size(w.reply) >= 6);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        T(test_two_people_or_the_operator),
        T(test_check_over_people_in_the_store),
        T(test_loops),
        T(test_advocates_chain),
        T(test_christmas_is_worst),
        T(test_hours_and_absences_count),
        T(test_it_only_looks),
    };
#undef T

    return cmocka_run_group_tests(tests, NULL, NULL);
}
