/* The mail of the day: when there is one, what stands in it, and that nothing urgent waits for it.
 */
#include "engine_world.h"

static const char *body(void) {
    return last_sent("digest", "PR-1")->body;
}

static void test_today_and_nothing_else(void **state) {
    (void)state;
    plan("P-1");
    const char *first = session_id("P-1", 1);
    const char *start = session_start(first);

    at(arena_printf(&w.arena, "%.10s 07:29", start));
    assert_int_equal(sent("digest", NULL), 0); /* nothing to say on the days before */
    at(arena_printf(&w.arena, "%.10s 07:31", start));
    assert_int_equal(sent("digest", "PR-1"), 1);
    assert_int_equal(sent("digest", "PR-2"), 0);
    assert_non_null(strstr(body(), "Sessions today:"));
    assert_non_null(strstr(body(), first));
    assert_null(strstr(body(), "Tasks:"));
    assert_null(strstr(body(), "Outcomes to record:"));
}

static void test_overdue_outcomes_and_tasks(void **state) {
    (void)state;
    plan("P-1");
    record(session_id("P-1", 1), "AFTA", "PR-1");
    pass("6m");
    const char *task = sql("SELECT id FROM task WHERE kind='contact'");
    const size_t before = w.sent_count;

    pass("24h");
    assert_true(sent_since(before, "digest", "PR-1") >= 1);
    assert_non_null(strstr(body(), task));
    do_("task done %s --as PR-1", task);
}

/* Overdue tasks are in the digest; their next owner still gets a mail of their own. */
static void test_next_owner_is_mailed(void **state) {
    (void)state;
    plan("P-1");
    record(session_id("P-1", 1), "AFTA", "PR-1");
    pass("6m");
    const char *task = sql("SELECT id FROM task WHERE kind='contact'");

    pass("3d");
    assert_int_equal(
        sql_int("SELECT count(*) FROM message WHERE kind='task' AND task='%s' AND recipient='PR-1'",
                task),
        1);
    assert_true(
        sql_int(
            "SELECT count(*) FROM message WHERE kind='task' AND task='%s' AND recipient='SUP-1'",
            task) >= 1);
}

static void test_days_off(void **state) {
    (void)state;
    plan("P-1");
    at("2027-01-05 20:00"); /* an outcome is missing from now on */
    do_("practitioner absent PR-1 --from 2027-01-06 --to 2027-01-06");
    at("2027-01-06 12:00");
    assert_int_equal(
        sql_int("SELECT count(*) FROM message WHERE kind='digest' AND topic='2027-01-06'"), 0);
    at("2027-01-07 12:00");
    const int thursday = sql_int(
        "SELECT count(*) FROM message WHERE kind='digest' AND recipient='PR-1' AND "
        "topic='2027-01-07'");
    at("2027-01-11 07:00"); /* Saturday and Sunday are no days of theirs */
    assert_int_equal(sql_int("SELECT count(*) FROM message WHERE kind='digest' AND "
                             "recipient='PR-1' AND topic BETWEEN '2027-01-09' AND '2027-01-10'"),
                     0);
    assert_int_equal(thursday, 1);
}

/* A daemon that was away sends it late, but not in the evening; never twice. */
static void test_late_and_once(void **state) {
    (void)state;
    plan("P-1");
    at("2027-01-05 20:00");
    w.now = local("2027-01-06 11:00");
    world_restart();
    run();
    assert_int_equal(
        sql_int("SELECT count(*) FROM message WHERE kind='digest' AND topic='2027-01-06'"), 1);
    world_restart();
    run();
    assert_int_equal(
        sql_int("SELECT count(*) FROM message WHERE kind='digest' AND topic='2027-01-06'"), 1);
    w.now = local("2027-01-07 20:00");
    run();
    assert_int_equal(
        sql_int("SELECT count(*) FROM message WHERE kind='digest' AND topic='2027-01-07'"), 0);
}

/* What has become pointless while the gateway was down is not sent. */
static void test_nothing_left_to_say(void **state) {
    (void)state;
    plan("P-1");
    record(session_id("P-1", 1), "AFTA", "PR-1");
    pass("6m");
    gateway("mail", OUTCOME_TRANSIENT);
    at("2027-01-06 07:31");
    const char *open = "SELECT count(*) FROM task WHERE owner='PR-1' AND state='open'";
    while (sql_int("%s", open) > 0) {
        do_("task done %s --as PR-1",
            sql("SELECT id FROM task WHERE owner='PR-1' AND state='open' LIMIT 1"));
    }
    gateway("mail", OUTCOME_ACCEPTED);
    pass("4h");
    const char *row = sql("SELECT state||' '||reason FROM message WHERE kind='digest' AND "
                          "recipient='PR-1' ORDER BY created_us DESC LIMIT 1");
    assert_string_equal(row, "cancelled nothing_to_say");
}

static void test_who_has_left_gets_none(void **state) {
    (void)state;
    plan("P-1");
    do_("practitioner leave PR-1 --on 2027-01-04 --hand-over-to PR-2");
    run();
    do_("practitioner set PR-1 --hours 'Mon-Fri 09:00-17:00'");
    assert_int_equal(sql_int("SELECT count(*) FROM job WHERE subject='PR-1'"), 0);
    assert_int_equal(sql_int("SELECT count(*) FROM job WHERE subject='PR-2' AND kind='digest'"), 1);
}

/* Down over the day: the mail of the day and the leaving are due together, and the one ends the
 * other. */
static void test_leaving_and_digest_due_together(void **state) {
    (void)state;
    plan("P-1");
    do_("practitioner leave PR-1 --on 2027-01-06 --hand-over-to PR-2");
    sabotage("UPDATE job SET wake_us=1 WHERE kind='leave'");
    sabotage("UPDATE job SET wake_us=2 WHERE kind='digest' AND subject='PR-1'");
    w.now = local("2027-01-08 12:00");
    world_restart();
    run();
    assert_string_equal(sql("SELECT gone FROM departure"), "1");
    assert_int_equal(sql_int("SELECT count(*) FROM job WHERE subject='PR-1'"), 0);
    assert_int_equal(sql_int("SELECT count(*) FROM job WHERE quarantined=1"), 0);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        T(test_today_and_nothing_else), T(test_overdue_outcomes_and_tasks),
        T(test_next_owner_is_mailed),   T(test_days_off),
        T(test_late_and_once),          T(test_nothing_left_to_say),
        T(test_who_has_left_gets_none), T(test_leaving_and_digest_due_together),
    };
#undef T

    return cmocka_run_group_tests(tests, NULL, NULL);
}
