/* Tasks: who owns them, what happens when nobody does them, and when they have become pointless. */
#include "engine_world.h"

/* P-1's first session, on Tuesday 5 January, was missed: the task to contact them is open. */
static const char *contact_task(void) {
    plan("P-1");
    record(session_id("P-1", 1), "AFTA", "PR-1");
    pass("6m");
    return sql("SELECT id FROM task WHERE kind='contact'");
}

/* Mails of the day that name it. */
static size_t digests_about(size_t from, const char *task) {
    size_t count = 0;

    for (size_t i = from; i < w.sent_count; i++) {
        count += w.sent[i].kind == KIND_DIGEST && strstr(w.sent[i].body, task);
    }
    return count;
}

static size_t mails_about(size_t from, const char *task, const char *owner) {
    size_t count = 0;

    for (size_t i = from; i < w.sent_count; i++) {
        const struct sent *s = &w.sent[i];
        count += s->kind == KIND_TASK && strcmp(s->recipient, owner) == 0 &&
                 strcmp(sql("SELECT task FROM message WHERE id='%s'", s->message_id), task) == 0;
    }
    return count;
}

static void test_told_at_once_then_each_working_day(void **state) {
    (void)state;
    const char *task = contact_task();
    size_t before;

    assert_int_equal(mails_about(0, task, "PR-1"), 1);
    assert_int_equal(mails_about(0, task, "SUP-1"), 0);
    at("2027-01-06 08:00");
    assert_int_equal(mails_about(0, task, "PR-1"), 1);
    at("2027-01-06 17:00");                            /* by the next working day */
    assert_int_equal(mails_about(0, task, "PR-1"), 1); /* the owner has it in the mail of the day */
    assert_int_equal(digests_about(0, task), 1);
    assert_int_equal(mails_about(0, task, "SUP-1"), 1); /* the next owner too */
    at("2027-01-07 17:00");
    assert_int_equal(mails_about(0, task, "SUP-1"), 2);
    at("2027-01-08 17:00");
    before = w.sent_count;
    at("2027-01-10 23:59");
    assert_int_equal(digests_about(before, task), 0); /* a weekend */
    at("2027-01-11 17:00");
    assert_int_equal(digests_about(before, task), 1);
    assert_int_equal(mails_about(before, task, "SUP-1"), 1);
    do_("task done %s --as PR-1", task);
    before = w.sent_count;
    at("2027-01-15 17:00");
    assert_int_equal(digests_about(before, task) + mails_about(before, task, "SUP-1"), 0);
    assert_string_equal(sql("SELECT done_by FROM task WHERE id='%s'", task), "PR-1");
    refused(409, "is done already", arena_printf(&w.arena, "task done %s --as PR-1", task));
    refused(404, "not found", "task done T-NOBODY");
}

static void test_mail_under_way_when_it_is_done(void **state) {
    (void)state;
    plan("P-1");
    record(session_id("P-1", 1), "AFTA", "PR-1");
    gateway_mute("mail", true);
    pass("6m");
    const char *task = sql("SELECT id FROM task WHERE kind='contact'");
    struct sent *mail = NULL;

    for (size_t i = 0; i < w.sent_count; i++) {
        mail = w.sent[i].kind == KIND_TASK && strcmp(w.sent[i].recipient, "PR-1") == 0 ? &w.sent[i]
                                                                                       : mail;
    }
    assert_non_null(mail);
    do_("task done %s --as PR-1", task);
    answer(mail, OUTCOME_TRANSIENT);
    gateway_mute("mail", false);
    pass("1h");
    assert_int_equal(mails_about(0, task, "PR-1"), 1);
    assert_string_equal(sql("SELECT state||' '||reason FROM message WHERE task='%s'", task),
                        "cancelled task_closed");
}

static void test_changed_session_is_pointed_at_once(void **state) {
    (void)state;
    plan("P-1");
    do_("session move %s --to '2027-01-05 14:00' --by service", session_id("P-1", 1));
    run();
    const char *task = sql("SELECT id FROM task WHERE kind LIKE 'changed%%'");
    assert_true(*task);
    assert_int_equal(mails_about(0, task, "PR-1"), 1);
    at("2027-01-06 12:00");
    assert_int_equal(mails_about(0, task, "PR-1"), 1);
    assert_string_equal(sql("SELECT state FROM task WHERE id='%s'", task), "dropped");
}

static void test_bad_task_is_set_aside(void **state) {
    (void)state;
    const char *task = contact_task();

    sabotage("UPDATE task SET kind='nonsense' WHERE id='%s'", task);
    at("2027-01-07 17:00");
    assert_int_equal(sql_int("SELECT quarantined FROM task WHERE id='%s'", task), 1);
    assert_true(
        sql_int("SELECT count(*) FROM message WHERE topic='quarantine' AND state='accepted'") >= 1);
    assert_int_equal(sent("escalation", "SUP-2") >= 1, 1); /* everything else goes on */
}

static void test_decision_has_an_owner_and_a_day(void **state) {
    (void)state;
    (void)contact_task();
    struct instant due = {
        strtoll(sql("SELECT due_us FROM task WHERE kind='decide_absence'"), NULL, 10)};
    const struct civil by = zone_civil(w.zone, due);

    assert_string_equal(sql("SELECT owner FROM task WHERE kind='decide_absence'"), "SUP-1");
    assert_int_equal(by.date.day, 12); /* five working days after the 5th */
    assert_non_null(strstr(last_sent("officer_notice", "OFF-1")->body, "Tue 12 January 2027"));
}

/* Somebody's task list is theirs: the same task is not opened twice. */
static void test_same_task_once(void **state) {
    (void)state;
    do_("participant set P-1 --email '' --mobile ''");
    plan("P-1");
    const int calls = sql_int("SELECT count(*) FROM task WHERE kind='phone'");
    assert_int_equal(calls, 1);
    at("2027-01-11 20:00");
    world_restart();
    at("2027-01-11 23:00");
    /* The plan, the first session's two steps less those behind, and the second session's evening
     * before. */
    assert_int_equal(sql_int("SELECT count(*) FROM task WHERE kind='phone'"),
                     sql_int("SELECT count(DISTINCT session||about) FROM task WHERE kind='phone'"));
    assert_int_equal(sql_int("SELECT count(*) FROM task WHERE kind='phone' AND session='%s'",
                             session_id("P-1", 2)),
                     1);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_told_at_once_then_each_working_day), TEST(test_mail_under_way_when_it_is_done),
        TEST(test_changed_session_is_pointed_at_once), TEST(test_bad_task_is_set_aside),
        TEST(test_decision_has_an_owner_and_a_day),    TEST(test_same_task_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
