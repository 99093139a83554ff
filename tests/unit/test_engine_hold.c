/* The hold: what waits after a jump of the wall clock and what never does, on which time the engine
 * goes on meanwhile, and what lets go. */
#include "engine_world.h"

#include <stdlib.h>

#define HELD "SELECT count(*) FROM message WHERE state='held'"

static int held(void) {
    return sql_int(HELD);
}

static bool healthy(const char *trouble) {
    struct audit_report report;

    assert_int_equal(engine_audit(w.engine, &report), 0);
    if (!report.healthy && !strstr(report.trouble, trouble)) {
        fail_msg("not \"%s\": %s", trouble, report.trouble);
    }
    return report.healthy;
}

static size_t alarms(void) {
    return (size_t)sql_int("SELECT count(*) FROM message WHERE kind='alarm' AND topic='clock'");
}

/* The afternoon before P-1's second session; the first was attended. */
static void planned(void) {
    plan("P-1");
    record(session_id("P-1", 1), "ATTC", "PR-1");
    at("2027-01-11 15:00");
    assert_int_equal(strncmp(session_start(session_id("P-1", 2)), "2027-01-12", 10), 0);
}

static void jump(const char *span) {
    clock_step(span);
    run();
}

/* ---- what is a jump ---- */

static void test_small_steps_and_outages_are_none(void **state) {
    (void)state;
    planned();
    jump("+4m");
    jump("-5m");
    jump("+5m");
    assert_int_equal(alarms(), 0);
    assert_true(healthy(""));
    world_restart();
    w.now.us += 2 * DAY_US; /* stopped for two days */
    world_restart();
    run();
    assert_int_equal(alarms(), 0);
    assert_true(healthy(""));
    assert_int_equal(try_("release --held"), 409);
}

static void test_each_jump_is_alarmed_once(void **state) {
    (void)state;
    planned();
    jump("+6m");
    assert_int_equal(alarms(), 1);
    assert_false(healthy("the clock jumped (it is +6m off)"));
    run();
    pass("1h");
    assert_int_equal(alarms(), 1);
    jump("-1h");
    assert_int_equal(alarms(), 2);
    assert_false(healthy("the clock jumped (it is -54m off)"));
    assert_int_equal(sent("alarm", NULL), 2);
    assert_non_null(strstr(last_sent("alarm", NULL)->body, "back by 1h"));
    do_("status");
    assert_non_null(strstr(reply_text("trouble"), "release --held"));
    world_restart();
    run();
    assert_int_equal(alarms(), 2);
    assert_false(healthy("the clock jumped"));
}

/* ---- forwards ---- */

/* Two days forwards and back, at any moment: nothing has expired, nothing has begun, nothing was
 * told; the reminder waits and then goes as if nothing had been. */
static void test_forwards_and_back(void **state) {
    (void)state;
    planned();
    const char *second = session_id("P-1", 2);
    const size_t before = w.sent_count;

    jump("+2d");
    pass("4h"); /* past 18:00 of the true day */
    assert_int_equal(held(), 1);
    assert_string_equal(sql("SELECT reason FROM message WHERE state='held'"), "clock_jump");
    assert_string_equal(sql("SELECT state FROM session WHERE id='%s'", second), "planned");
    assert_int_equal(sql_int("SELECT count(*) FROM escalation"), 0);
    jump("-2d");
    assert_int_equal(held(), 1); /* nobody has vouched for the clock */
    assert_int_equal(sent_since(before, "reminder", NULL), 0);
    do_("release --held");
    assert_int_equal(json_integer_value(json_object_get(w.reply, "released")), 1);
    run();
    assert_int_equal(held(), 0);
    assert_int_equal(sent_since(before, "reminder", "P-1"), 1);
    assert_true(healthy(""));
    at("2027-01-12 08:00");
    assert_int_equal(sent_since(before, "reminder", "P-1"), 1);
    assert_int_equal(sql_int("SELECT count(*) FROM message WHERE kind='reminder' AND session='%s' "
                             "AND state<>'accepted'",
                             second),
                     0);
}

/* The clock was right to go forwards: when it is believed, what has become too late is what it
 * would be after two days of a stopped daemon. */
static void test_forwards_for_good(void **state) {
    (void)state;
    planned();
    const char *second = session_id("P-1", 2);

    jump("+2d");
    pass("4h");
    assert_int_equal(held(), 1);
    const size_t before = w.sent_count;
    do_("release --held");
    run();
    assert_int_equal(sent_since(before, "reminder", NULL), 0);
    assert_int_equal(
        sql_int(
            "SELECT count(*) FROM message WHERE session='%s' AND state IN('expired','cancelled')",
            second),
        1);
    assert_string_equal(sql("SELECT state FROM session WHERE id='%s'", second), "awaiting_outcome");
    assert_int_equal(sql_int("SELECT count(*) FROM escalation WHERE kind='unrecorded'"), 1);
    assert_int_equal(sent_since(before, "outcome_request", "PR-1"), 1);
}

/* While a reminder is held its time may pass: then a person phones, as always. */
static void test_held_reminder_expires(void **state) {
    (void)state;
    planned();
    jump("+30d");
    pass("12h");
    assert_int_equal(held(), 1);
    pass("5h"); /* 08:00 of the true day, an hour before the session */
    assert_int_equal(held(), 0);
    assert_int_equal(sql_int("SELECT count(*) FROM message WHERE kind='reminder' AND session='%s' "
                             "AND state='expired' AND reason='too_late'",
                             session_id("P-1", 2)) > 0,
                     1);
    assert_int_equal(sql_int("SELECT count(*) FROM task WHERE kind='phone' AND session='%s'",
                             session_id("P-1", 2)) > 0,
                     1);
    assert_int_equal(sent("task", "PR-1") > 0, 1);
}

/* ---- never held ---- */

/* A miss recorded under a clock that jumped either way: supervisors, advocates and the officer hear
 * of it, and the next step after exactly the time that the first one had. */
static void test_escalations_go_on(void **state) {
    static const char *const jumps[] = {"+2d", "-1h", "-3000d", "+3000d"};
    (void)state;

    for (size_t i = 0; i < ARRAY_COUNT(jumps); i++) {
        do_("advocate link ADV-1 --participant P-1 --case-ref HV-1");
        planned();
        const char *second = session_id("P-1", 2);
        jump(jumps[i]);
        pass("21h"); /* past the session, on its true day */
        do_("session outcome %s AFTA --as PR-1", second);
        pass("6m");
        assert_int_equal(sql_int("SELECT count(*) FROM message m JOIN escalation e ON "
                                 "e.id=m.escalation WHERE e.kind='missed' AND m.sent_us>0 AND "
                                 "m.recipient='SUP-1'"),
                         1);
        assert_int_equal(sent("advocate_notice", "ADV-1") > 0, 1);
        assert_int_equal(sent("officer_notice", "OFF-1"), 1);
        assert_int_equal(sent("missed_contact", "P-1"), 0);
        assert_int_equal(sql_int(HELD " AND kind='missed_contact'"), 1);
        pass("2d");
        assert_int_equal(sent("escalation", "SUP-2") > 0, 1);
        world_close();
        world_open(NULL, NULL);
        world_cast();
    }
}

/* News of a change is not held: a person made it, and it may be repeated. */
static void test_changes_go(void **state) {
    (void)state;
    planned();
    jump("+2d");
    do_("session move %s --to '2027-01-20 10:00' --by service", session_id("P-1", 2));
    run();
    assert_int_equal(sent("change", "P-1"), 1);
    assert_non_null(strstr(last_sent("change", "P-1")->body, "20 Jan"));
}

/* ---- back ---- */

/* The clock was two days ahead when a chain began, and is set right: the chain does not sleep those
 * two days, and neither does what follows an outcome. */
static void test_back_for_good_strands_nothing(void **state) {
    (void)state;
    plan("P-1");
    record(session_id("P-1", 1), "AFTA", "PR-1");
    pass("10m");
    assert_int_equal(sent("escalation", "SUP-1"), 1);
    const char *chain = chain_id("supervisor", session_id("P-1", 1));
    const int64_t wake = strtoll(sql("SELECT wake_us FROM escalation WHERE id='%s'", chain), NULL,
                                 10);

    jump("-2d");
    assert_int_equal(
        strtoll(sql("SELECT wake_us FROM escalation WHERE id='%s'", chain), NULL, 10) == wake, 1);
    do_("release --held");
    assert_int_equal(strtoll(sql("SELECT wake_us FROM escalation WHERE id='%s'", chain), NULL, 10),
                     wake - 2 * DAY_US);
    run();
    assert_true(healthy(""));
}

static void test_miss_recorded_ahead_is_told(void **state) {
    (void)state;
    plan("P-1");
    record(session_id("P-1", 1), "AFTA", "PR-1");
    assert_int_equal(sent("escalation", NULL), 0); /* it may still be taken back */
    jump("-2d");
    do_("release --held");
    pass("6m");
    assert_int_equal(sent("escalation", "SUP-1"), 1);
}

/* ---- restarts ---- */

static void test_started_before_the_last_turn(void **state) {
    (void)state;
    planned();
    w.now = local("1970-01-01 01:00");
    world_restart();
    run();
    assert_int_equal(alarms(), 1);
    assert_false(healthy("the clock jumped"));
    refused(409, "set it right first", "release --held");
    pass("4h");
    assert_int_equal(held() > 0, 1);
    /* The system synchronises: a jump again, and then its word for it. */
    const struct instant right = local("2027-01-11 19:00");
    w.wrong.us += right.us - w.now.us;
    w.now = right;
    run();
    assert_int_equal(alarms(), 2);
    assert_true(engine_clock_held(w.engine));
    const size_t before = w.sent_count;
    assert_int_equal(engine_clock_vouched(w.engine) > 0, 1);
    at("2027-01-12 09:30");
    assert_int_equal(sent_since(before, "reminder", "P-1") > 0, 1);
    assert_true(healthy(""));
}

static void test_hold_survives_restarts(void **state) {
    (void)state;
    planned();
    jump("+2d");
    pass("4h");
    assert_int_equal(held(), 1);
    world_restart();
    run();
    assert_int_equal(held(), 1);
    assert_string_equal(sql("SELECT state FROM session WHERE id='%s'", session_id("P-1", 2)),
                        "planned");
    /* Set right while the daemon was stopped: the time it goes by is the clock's again, and still a
     * person must say so. */
    clock_step("-2d");
    world_restart();
    run();
    assert_int_equal(held(), 1);
    assert_false(healthy("the clock jumped (it is 0s off)"));
    const size_t before = w.sent_count;
    do_("release --held");
    run();
    assert_int_equal(sent_since(before, "reminder", "P-1"), 1);
}

/* A turn that is undone undoes the release with it. */
static void test_release_is_one_turn(void **state) {
    (void)state;
    planned();
    jump("+2d");
    pass("4h");
    assert_int_equal(
        sqlite3_exec(w.witness,
                     "CREATE TRIGGER refuse BEFORE UPDATE ON message WHEN NEW.state='queued' BEGIN "
                     "SELECT RAISE(ABORT,'no'); END",
                     NULL, NULL, NULL),
        SQLITE_OK);
    assert_int_not_equal(try_("release --held"), 200);
    assert_true(engine_clock_held(w.engine));
    assert_int_equal(held(), 1);
}

/* ---- one text again and again ---- */

/* Moved there and back: each time the participant hears, until one text has come three times. */
static void move_back_and_forth(int times) {
    static const char *const days[] = {"2027-01-20", "2027-01-21"};

    for (int i = 0; i < times; i++) {
        do_("session move %s --to '%s 10:00' --by service", session_id("P-1", 2), days[i % 2]);
        pass("5m");
    }
}

static void test_fourth_copy_is_held(void **state) {
    (void)state;
    planned();
    move_back_and_forth(7); /* the first text differs; then there are three of each of two */
    assert_int_equal(sent("change", "P-1"), 7);
    assert_int_equal(held(), 0);
    do_("session move %s --to '2027-01-21 10:00' --by service", session_id("P-1", 2));
    run();
    assert_int_equal(sent("change", "P-1"), 7);
    assert_int_equal(held(), 1);
    assert_string_equal(sql("SELECT reason FROM message WHERE state='held'"), "repeated_text");
    assert_int_equal(sql_int("SELECT count(*) FROM message WHERE kind='alarm' AND "
                             "topic='repeated_text'"),
                     1);
    assert_false(healthy("1 messages held"));
    world_restart();
    run();
    assert_int_equal(held(), 1);
    do_("release --held");
    assert_int_equal(json_integer_value(json_object_get(w.reply, "released")), 1);
    run();
    assert_int_equal(sent("change", "P-1"), 8);
    assert_true(healthy(""));
}

/* A day later the same text is no storm, nor is one that certainly did not leave. */
static void test_copies_that_do_not_count(void **state) {
    (void)state;
    planned();
    move_back_and_forth(6);
    pass("1d");
    do_("session move %s --to '2027-01-20 10:00' --by service", session_id("P-1", 2));
    run();
    assert_int_equal(sent("change", "P-1"), 7);
    gateway("texts", OUTCOME_TRANSIENT);
    const size_t before = w.sent_count;
    do_("session move %s --to '2027-01-21 10:00' --by service", session_id("P-1", 2));
    pass("6h"); /* one message, tried again and again */
    assert_true(sent_since(before, "change", "P-1") > 4);
    assert_int_equal(held(), 0);
}

/* A released message that was not taken is not held again for the same reason. */
static void test_released_copy_is_tried_again(void **state) {
    (void)state;
    planned();
    move_back_and_forth(8);
    assert_int_equal(held(), 1);
    gateway("texts", OUTCOME_TRANSIENT);
    do_("release --held");
    pass("10m");
    assert_int_equal(held(), 0);
    gateway("texts", OUTCOME_ACCEPTED);
    pass("1h");
    assert_int_equal(
        sql_int("SELECT count(*) FROM message WHERE kind='change' AND state='accepted' "
                "AND reason='released'"),
        0);
    assert_int_equal(
        sql_int("SELECT count(*) FROM message WHERE kind='change' AND state='accepted'"), 8);
}

/* What tells an advocate is never held, nor anything urgent for staff: it goes, and the operator
 * hears of it once. */
static void test_urgent_news_is_never_held(void **state) {
    (void)state;
    planned();
    do_("advocate link ADV-1 --participant P-1 --case-ref HV-1");
    run();
    const size_t before = w.sent_count;

    for (int i = 0; i < 5; i++) {
        do_("participant pause P-1 --because health");
        pass("2s"); /* a text says the minute */
        do_("participant resume P-1 --because health");
        pass("2s");
    }
    assert_int_equal(sent_since(before, "advocate_notice", "ADV-1"), 10);
    assert_int_equal(
        sql_int("SELECT count(*) FROM message WHERE kind='advocate_notice' AND state<>'accepted'"),
        0);
    assert_int_equal(sql_int("SELECT count(*) FROM message WHERE kind='alarm' AND "
                             "topic='repeated_text' AND state='accepted'") > 0,
                     1);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_small_steps_and_outages_are_none),
        TEST(test_each_jump_is_alarmed_once),
        TEST(test_forwards_and_back),
        TEST(test_forwards_for_good),
        TEST(test_held_reminder_expires),
        TEST(test_escalations_go_on),
        TEST(test_changes_go),
        TEST(test_back_for_good_strands_nothing),
        TEST(test_miss_recorded_ahead_is_told),
        TEST(test_started_before_the_last_turn),
        TEST(test_hold_survives_restarts),
        TEST(test_release_is_one_turn),
        TEST(test_fourth_copy_is_held),
        TEST(test_copies_that_do_not_count),
        TEST(test_released_copy_is_tried_again),
        TEST(test_urgent_news_is_never_held),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
