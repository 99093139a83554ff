/* The emailed acknowledge link: looking changes nothing, acting needs link and code, once, and only
 * while its step stands. */
#include "engine_world.h"

#include <errno.h>

struct link {
    char token[44], code[12];
};

static struct link link_of(const struct sent *s) {
    struct link link;
    const char *at_link = strstr(s->body, "/ack/"), *at_code = strstr(s->body, "the code ");

    assert_non_null(at_link);
    assert_non_null(at_code);
    (void)snprintf(link.token, sizeof link.token, "%.43s", at_link + 5);
    (void)snprintf(link.code, sizeof link.code, "%.9s", at_code + 9);
    return link;
}

static struct link missed(void) {
    plan("P-1");
    record(session_id("P-1", 1), "AFTA", "PR-1");
    pass("6m");
    return link_of(last_sent("escalation", "SUP-1"));
}

static const char *chain_state(void) {
    return sql("SELECT state FROM escalation WHERE audience='supervisor' ORDER BY opened_us");
}

static void test_look_then_act(void **state) {
    (void)state;
    const struct link link = missed();
    struct ack_view view;
    char *before = dump(true);

    for (int i = 0; i < 3; i++) {
        assert_int_equal(engine_ack_show(w.engine, link.token, &view), 0);
    }
    unchanged(before, true, "something"); /* mail scanners open links */
    assert_string_equal(view.reference, "P-1");
    assert_string_equal(view.kind, "missed");
    assert_int_equal(view.audience, AUDIENCE_SUPERVISOR);
    assert_string_equal(view.case_ref, "");
    assert_int_equal(engine_ack(w.engine, link.token, link.code), 0);
    assert_string_equal(chain_state(), "acknowledged");
    assert_string_equal(sql("SELECT acknowledged_by FROM escalation"), "SUP-1");
    /* Once. */
    assert_int_equal(engine_ack_show(w.engine, link.token, &view), -ENOENT);
    assert_int_equal(engine_ack(w.engine, link.token, link.code), -ENOENT);
}

static void test_how_people_type(void **state) {
    (void)state;
    const struct link link = missed();
    char typed[40] = " ";
    size_t length = 1;

    for (const char *p = link.code; *p; p++) {
        if (*p != '-') {
            typed[length++] = *p >= 'A' && *p <= 'Z' ? (char)(*p - 'A' + 'a') : *p;
            typed[length++] = ' ';
        }
    }
    typed[length] = '\0';
    assert_int_equal(engine_ack(w.engine, link.token, typed), 0);
}

static void test_five_wrong_codes(void **state) {
    (void)state;
    static const char *const wrong[] = {"AAAA-AAAA", "", "ABCDEFGHABCDEFGHABCDEFGH", "----",
                                        "\xff\xfe"};
    const struct link link = missed();

    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
        assert_int_equal(engine_ack(w.engine, link.token, wrong[i]), -EACCES);
    }
    assert_int_equal(engine_ack(w.engine, link.token, link.code), -ENOENT);
    struct ack_view view = {.kind = "untouched"};
    assert_int_equal(engine_ack_show(w.engine, link.token, &view), -ENOENT);
    assert_string_equal(view.kind, "untouched");
    assert_string_equal(chain_state(), "waiting");
    /* The wrong tries are remembered over a restart, and the chain goes on. */
    world_restart();
    assert_int_equal(engine_ack(w.engine, link.token, link.code), -ENOENT);
    pass("1d");
    assert_true(sent("escalation", "SUP-2") >= 1);
}

static void test_four_wrong_codes_and_the_right_one(void **state) {
    (void)state;
    const struct link link = missed();

    for (int i = 0; i < 4; i++) {
        assert_int_equal(engine_ack(w.engine, link.token, "AAAA-AAAA"), -EACCES);
    }
    assert_int_equal(engine_ack(w.engine, link.token, link.code), 0);
}

static void test_tokens_that_are_none(void **state) {
    (void)state;
    static const char *const tokens[] = {
        "", "x", "0123456789012345678901234567890123456789012",
        "../../../etc/passwd0123456789012345678901234",
        "0123456789012345678901234567890123456789012345678901234567890"};
    struct ack_view view;

    (void)missed();
    char *before = dump(true);
    for (size_t i = 0; i < ARRAY_COUNT(tokens); i++) {
        assert_int_equal(engine_ack_show(w.engine, tokens[i], &view), -ENOENT);
        assert_int_equal(engine_ack(w.engine, tokens[i], "AAAA-AAAA"), -ENOENT);
    }
    unchanged(before, true, "something");
}

static void test_stale_after_the_next_step(void **state) {
    (void)state;
    const struct link first = missed();
    struct ack_view view;

    while (sent("escalation", "SUP-2") == 0) {
        pass("30m");
    }
    assert_int_equal(engine_ack_show(w.engine, first.token, &view), -ENOENT);
    assert_int_equal(engine_ack(w.engine, first.token, first.code), -ENOENT);
    /* The code of one link does not open another. */
    const struct link second = link_of(last_sent("escalation", "SUP-2"));
    assert_int_equal(engine_ack(w.engine, second.token, first.code), -EACCES);
    assert_int_equal(engine_ack(w.engine, second.token, second.code), 0);
    assert_string_equal(sql("SELECT acknowledged_by FROM escalation"), "SUP-2");
}

/* The operator's alarm has no link: the last supervisor's stays good. */
static void test_good_after_the_operators_step(void **state) {
    (void)state;
    struct ack_view view;

    (void)missed();
    while (sent("alarm", "operator") == 0) {
        pass("30m");
    }
    const struct link second = link_of(last_sent("escalation", "SUP-2"));
    assert_int_equal(engine_ack_show(w.engine, second.token, &view), 0);
}

static void test_stale_after_it_was_settled(void **state) {
    (void)state;
    const struct link link = missed();
    struct ack_view view;

    do_("escalation resolve %s --as SUP-2 --reason 'was phoned'", sql("SELECT id FROM escalation"));
    assert_int_equal(engine_ack_show(w.engine, link.token, &view), -ENOENT);
    assert_int_equal(engine_ack(w.engine, link.token, link.code), -ENOENT);
}

static void test_the_service_has_its_own(void **state) {
    (void)state;
    do_("advocate link ADV-1 --participant P-1 --case-ref HAVEN-1");
    do_("advocate link ADV-2 --participant P-1 --case-ref HARBOUR-2");
    const struct link chief = missed(), one = link_of(last_sent("advocate_notice", "ADV-1")),
                      two = link_of(last_sent("advocate_notice", "ADV-2"));
    struct ack_view view;

    assert_int_equal(engine_ack_show(w.engine, one.token, &view), 0);
    assert_string_equal(view.case_ref, "HAVEN-1");
    assert_string_equal(view.reference, ""); /* never ours */
    assert_int_equal(engine_ack(w.engine, one.token, two.code), -EACCES);
    assert_int_equal(engine_ack(w.engine, one.token, one.code), 0);
    assert_string_equal(sql("SELECT group_concat(state) FROM (SELECT state FROM escalation ORDER "
                            "BY audience,advocate)"),
                        "resolved,waiting,waiting");
    assert_int_equal(engine_ack(w.engine, chief.token, chief.code), 0);
    assert_string_equal(sql("SELECT group_concat(state) FROM (SELECT state FROM escalation ORDER "
                            "BY audience,advocate)"),
                        "resolved,waiting,acknowledged");
    /* A service that was unlinked meanwhile has nothing to acknowledge. */
    do_("advocate unlink ADV-2 --participant P-1");
    assert_int_equal(engine_ack(w.engine, two.token, two.code), -ENOENT);
}

/* The link is the same in every attempt, so that whichever copy arrives is good. */
static void test_repeats_carry_the_same_link(void **state) {
    (void)state;
    plan("P-1");
    record(session_id("P-1", 1), "AFTA", "PR-1");
    gateway("mail", OUTCOME_UNCERTAIN);
    pass("5m40s");
    const struct link first = link_of(last_sent("escalation", "SUP-1"));
    assert_true(sent("escalation", "SUP-1") >= 2);
    gateway("mail", OUTCOME_ACCEPTED);
    const struct link again = link_of(last_sent("escalation", "SUP-1"));
    assert_string_equal(first.token, again.token);
    assert_string_equal(first.code, again.code);
    assert_int_equal(engine_ack(w.engine, first.token, first.code), 0);
    /* No usable link lies in the database. */
    char *all = dump(true);
    assert_null(strstr(all, first.token));
    free(all);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_look_then_act),
        TEST(test_how_people_type),
        TEST(test_five_wrong_codes),
        TEST(test_four_wrong_codes_and_the_right_one),
        TEST(test_tokens_that_are_none),
        TEST(test_stale_after_the_next_step),
        TEST(test_good_after_the_operators_step),
        TEST(test_stale_after_it_was_settled),
        TEST(test_the_service_has_its_own),
        TEST(test_repeats_carry_the_same_link),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
