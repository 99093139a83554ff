/* The course of a session: its reminders, the question for its outcome, and what a recorded outcome
 * tells whom. */
#include "engine_world.h"

static size_t reminders(const char *session, enum channel channel) {
    size_t count = 0;

    for (size_t i = 0; i < w.sent_count; i++) {
        count += w.sent[i].kind == KIND_REMINDER && strcmp(w.sent[i].session, session) == 0 &&
                 w.sent[i].channel == channel;
    }
    return count;
}

static const char *step_reason(const char *session, int step) {
    return sql(
        "SELECT state||' '||reason FROM message WHERE kind='reminder' AND session='%s' AND step=%d",
        session, step);
}

static int moment(const char *local_text) {
    const struct sent *s = last_sent("reminder", NULL);

    return instant_cmp(s->at, local(local_text));
}

/* ---- reminders ---- */

static void test_the_evening_before(void **state) {
    (void)state;
    plan("P-1");
    const char *second = session_id("P-1", 2); /* Tuesday 12 January, 9am */

    at("2027-01-11 17:59");
    assert_int_equal(reminders(second, CHANNEL_SMS), 0);
    at("2027-01-11 18:00");
    assert_int_equal(reminders(second, CHANNEL_SMS), 1);
    assert_int_equal(moment("2027-01-11 18:00"), 0);
    assert_non_null(strstr(last_sent("reminder", "P-1")->body, "Tue 12 Jan at 9am"));
    assert_int_equal(reminders(second, CHANNEL_EMAIL), 0);
    /* The step of four days before has a condition that does not hold: nothing is born. */
    assert_string_equal(step_reason(second, 0), "");
    at("2027-01-12 09:00");
    assert_int_equal(reminders(second, CHANNEL_SMS), 1);
}

static void test_conditions_hold_when_due(void **state) {
    (void)state;
    plan("P-1");
    const char *third = session_id("P-1",
                                   3); /* Tuesday 19 January: four days before is Friday the 15th */

    record(session_id("P-1", 2), "AFTA", "PR-1"); /* known only on the 12th */
    at("2027-01-15 10:00");
    assert_int_equal(reminders(third, CHANNEL_SMS), 1); /* the next after a miss */
    at("2027-01-22 10:00");
    assert_int_equal(reminders(session_id("P-1", 4), CHANNEL_SMS), 0);
    /* A changed date is one too. */
    const char *sixth = session_id("P-1", 6);
    do_("session move %s --to '2027-02-10 10:00' --by service", sixth);
    at("2027-02-06 10:00");
    assert_int_equal(reminders(sixth, CHANNEL_SMS), 1);
}

static void test_booked_inside_the_lead_time(void **state) {
    (void)state;
    at("2027-01-04 19:00");
    plan("P-1"); /* first session tomorrow: both steps lie behind */
    const char *first = session_id("P-1", 1);
    assert_string_equal(arena_printf(&w.arena, "%.10s", session_start(first)), "2027-01-05");
    at("2027-01-05 09:00");
    assert_int_equal(reminders(first, CHANNEL_SMS), 0);
    assert_string_equal(step_reason(first, 0), "skipped inside_lead_time");
    assert_string_equal(step_reason(first, 1), "skipped inside_lead_time");
    assert_int_equal(sent("confirmation", "P-1"), 2);
}

/* A move re-arms the steps: the evening before the new day, once, with the new time. */
static void test_moved_after_the_reminder(void **state) {
    (void)state;
    plan("P-1");
    const char *second = session_id("P-1", 2);

    at("2027-01-11 18:30");
    assert_int_equal(reminders(second, CHANNEL_SMS), 1);
    do_("session move %s --to '2027-01-14 15:00' --by participant", second);
    at("2027-01-12 12:00");
    assert_int_equal(reminders(second, CHANNEL_SMS), 1);
    at("2027-01-14 15:00");
    assert_int_equal(reminders(second, CHANNEL_SMS), 2);
    assert_int_equal(moment("2027-01-13 18:00"), 0);
    assert_non_null(strstr(last_sent("reminder", "P-1")->body, "Thu 14 Jan at 3pm"));
    /* Back and forth: only the last one counts. */
    const char *fourth = session_id("P-1", 4); /* 26 January */
    for (int i = 0; i < 10; i++) {
        do_("session move %s --to '2027-01-2%d 10:00' --by participant", fourth, i % 2 ? 7 : 8);
        pass("1h");
    }
    at("2027-01-28 20:00");
    assert_int_equal(sql_int("SELECT count(*) FROM message WHERE kind='reminder' AND session='%s' "
                             "AND step=1 AND state='accepted'",
                             fourth),
                     1);
    assert_string_equal(arena_printf(&w.arena, "%.10s", session_start(fourth)), "2027-01-27");
}

static void test_channel_choice(void **state) {
    (void)state;
    do_("participant set P-1 --sms no");
    do_("participant add P-2 --programme cobi-12 --route sentence --practitioner PR-2 --office O-1 "
        "--name 'Gus Person'");
    plan("P-1");
    plan("P-2");
    at("2027-01-11 20:00");
    assert_int_equal(reminders(session_id("P-1", 2), CHANNEL_SMS), 0);
    assert_int_equal(reminders(session_id("P-1", 2), CHANNEL_EMAIL), 1);
    /* Who has neither is phoned: for the plan and for each reminder. */
    assert_int_equal(sent(NULL, "P-2"), 0);
    assert_string_equal(step_reason(session_id("P-2", 2), 1), "skipped no_channel");
    assert_int_equal(
        sql_int(
            "SELECT count(*) FROM task WHERE kind='phone' AND participant='P-2' AND session=''"),
        1);
    assert_int_equal(sql_int("SELECT count(*) FROM task WHERE kind='phone' AND session='%s'",
                             session_id("P-2", 2)),
                     1);
    assert_true(sent("task", "PR-2") >= 2);
    /* A second plan is a second call, even though the first was made. */
    do_("task done %s --as PR-2",
        sql("SELECT id FROM task WHERE kind='phone' AND participant='P-2' AND session=''"));
    do_("session cancel %s --by service", session_id("P-2", 8));
    plan("P-2");
    assert_int_equal(sql_int("SELECT count(*) FROM task WHERE kind='phone' AND participant='P-2' "
                             "AND session='' AND state='open'"),
                     1);
}

/* The daemon was away: what is too late is dropped with its reason, nothing stale is sent. */
static void test_daemon_away(void **state) {
    (void)state;
    plan("P-1");
    at("2027-01-11 12:00");
    const size_t before = w.sent_count;
    w.now = local("2027-01-12 08:30"); /* half an hour before the session */
    run();
    assert_int_equal(sent_since(before, "reminder", NULL), 0);
    assert_string_equal(step_reason(session_id("P-1", 2), 1), "skipped late");
    w.now = local("2027-02-01 03:00");
    run();
    assert_int_equal(sent_since(before, "reminder", NULL), 0);
    assert_string_equal(sql("SELECT state FROM session WHERE id='%s'", session_id("P-1", 3)),
                        "awaiting_outcome");
}

/* ---- the mis-tap ---- */

static size_t told(void) {
    return sent("escalation", NULL) + sent("advocate_notice", NULL) + sent("officer_notice", NULL) +
           sent("missed_contact", NULL);
}

static void test_mis_tap_tells_nobody(void **state) {
    (void)state;
    do_("advocate link ADV-1 --participant P-1 --case-ref H --level missed");
    plan("P-1");
    const char *first = session_id("P-1", 1);

    record(first, "AFTA", "PR-1");
    pass("4m");
    assert_int_equal(told(), 0);
    do_("session outcome %s ATTC --as PR-1", first);
    pass("1d");
    assert_int_equal(told(), 0);
    assert_int_equal(sql_int("SELECT count(*) FROM escalation"), 0);
    assert_int_equal(sql_int("SELECT count(*) FROM task WHERE kind IN('contact','decide_absence')"),
                     0);
    assert_int_equal(sql_int("SELECT count(*) FROM session_history WHERE session='%s' AND what "
                             "IN('recorded','taken_back')",
                             first),
                     2);
    /* The other way round: the miss counts from the correction. */
    const char *second = session_id("P-1", 2);
    record(second, "ATTC", "PR-1");
    pass("3m");
    do_("session outcome %s AFTA --as PR-1", second);
    pass("4m");
    assert_int_equal(told(), 0);
    pass("2m");
    assert_true(told() >= 3);
    refused(409, "outcome already",
            arena_printf(&w.arena, "session outcome %s ATTC --as PR-1", second));
}

static void test_mis_tap_over_a_restart(void **state) {
    (void)state;
    plan("P-1");
    record(session_id("P-1", 1), "AFTA", "PR-1");
    pass("1m");
    world_restart();
    assert_int_equal(told(), 0);
    w.now = instant_add(w.now, span_hours(3)); /* down meanwhile */
    run();
    assert_int_equal(sent("escalation", "SUP-1"), 1);
    assert_int_equal(sent("officer_notice", "OFF-1"), 1);
}

/* ---- who records what ---- */

static void test_recording(void **state) {
    (void)state;
    plan("P-1");
    const char *first = session_id("P-1", 1), *start = session_start(first);
    static const struct {
        const char *code, *as, *text;
        int status;
    } before[] = {
        {"ATTC", "PR-1", "has not begun", 409},        {"AFTA", "PR-1", "has not begun", 409},
        {"UAAB", "SUP-1", "has not begun", 409},       {"RSSR", "PR-1", "another command", 409},
        {"NOPE", "PR-1", "no such outcome code", 400},
    };

    for (size_t i = 0; i < ARRAY_COUNT(before); i++) {
        refused(before[i].status, before[i].text,
                arena_printf(&w.arena, "session outcome %s %s --as %s", first, before[i].code,
                             before[i].as));
    }
    at(arena_printf(&w.arena, "%.10s %s", start, start + 11));
    pass("14m");
    refused(409, "too early", arena_printf(&w.arena, "session outcome %s AFTA --as PR-1", first));
    pass("1m");
    refused(409, "provisional code",
            arena_printf(&w.arena, "session outcome %s UAAB --as PR-1", first));
    refused(409, "provisional code",
            arena_printf(&w.arena, "session outcome %s AAME --as PR-1", first));
    refused(403, "only the session's practitioner",
            arena_printf(&w.arena, "session outcome %s AFTA --as PR-2", first));
    refused(403, "no member of staff",
            arena_printf(&w.arena, "session outcome %s AFTA --as ADV-1", first));
    do_("session outcome %s AFTA --as PR-1", first);
    refused(409, "provisional code",
            arena_printf(&w.arena, "session outcome %s UAAB --as PR-1",
                         first)); /* not by the back door either */
    do_("session outcome %s UAAB --as OFF-1", first);
    /* An acceptable absence known before: no reminder any more, and nobody is told of a miss. */
    const char *second = session_id("P-1", 2);
    do_("session outcome %s aame --as PR-1", second);
    assert_string_equal(sql("SELECT outcome FROM session WHERE id='%s'", second), "AAME");
    at("2027-01-13 09:00");
    assert_int_equal(reminders(second, CHANNEL_SMS), 0);
    assert_int_equal(sql_int("SELECT count(*) FROM escalation WHERE session='%s'", second), 0);
    /* Nobody is sent home from a phone session. */
    do_("participant add P-2 --programme cobi-12 --route sentence --practitioner PR-2 --office O-1 "
        "--name 'Gus Person' --mode phone");
    plan("P-2");
    at("2027-01-14 18:00");
    refused(409, "phone or video",
            arena_printf(&w.arena, "session outcome %s ATSH --as PR-2", session_id("P-2", 1)));
}

/* ---- the officer, by route ---- */

static void test_officer_by_route(void **state) {
    (void)state;
    static const struct {
        const char *route, *code, *as;
        bool told;
    } rows[] = {
        {"sentence", "AFTA", "PR-1", false}, {"licence", "AFTA", "PR-1", true},
        {"spo", "AFTA", "PR-1", true},       {"voluntary", "AFTA", "PR-1", false},
        {"sentence", "UAAB", "SUP-1", true}, {"sentence", "AFTC", "PR-1", true},
        {"sentence", "ATSH", "PR-1", true},  {"spo", "ATTC", "PR-1", false},
        {"spo", "ATSS", "PR-1", false},
    };

    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        do_("participant set P-1 --route %s", rows[i].route);
        plan("P-1");
        record(session_id("P-1", 1), rows[i].code, rows[i].as);
        pass("6m");
        if (sent("officer_notice", "OFF-1") != rows[i].told) {
            fail_msg("%s by route %s", rows[i].code, rows[i].route);
        }
        if (rows[i].told) {
            const struct sent *s = last_sent("officer_notice", "OFF-1");
            assert_non_null(strstr(s->body, "SPO-77"));
            assert_int_equal(strstr(s->body, "provisional: to be decided by") != NULL,
                             strcmp(rows[i].code, "AFTA") == 0);
            assert_null(strstr(s->body, "breach"));
        }
        world_close();
        world_open(NULL, NULL);
        world_cast();
    }
}

/* Who came and did not comply, or was sent home: the supervisor hears of it, by a task. */
static void test_supervisor_hears_of_what_is_no_miss(void **state) {
    (void)state;
    static const struct {
        const char *code;
        bool told;
    } rows[] = {{"AFTC", true}, {"ATSH", true}, {"ATTC", false}, {"ATSS", false}};

    plan("P-1");
    for (int i = 0; i < (int)ARRAY_COUNT(rows); i++) {
        const char *session = session_id("P-1", i + 1);
        record(session, rows[i].code, "PR-1");
        assert_int_equal(sql_int("SELECT count(*) FROM task WHERE session='%s'", session), 0);
        pass("6m");
        assert_int_equal(sql_int("SELECT count(*) FROM task WHERE kind='review_outcome' AND "
                                 "owner='SUP-1' AND session='%s'",
                                 session),
                         rows[i].told);
        assert_int_equal(sql_int("SELECT count(*) FROM escalation WHERE session='%s'", session), 0);
    }
    assert_true(sent("task", "SUP-1") >= 2);
}

static void test_no_officer_on_record(void **state) {
    (void)state;
    do_("participant set P-1 --officer ''");
    plan("P-1");
    record(session_id("P-1", 1), "AFTA", "PR-1");
    pass("6m");
    assert_int_equal(sent("officer_notice", NULL), 0);
    assert_int_equal(sent("alarm", "operator"), 1);
    assert_non_null(strstr(last_sent("alarm", "operator")->body, "no responsible officer"));
    assert_int_equal(sent("escalation", "SUP-1"), 1);
}

/* ---- milestones ---- */

static void test_started_is_told_once(void **state) {
    (void)state;
    do_("advocate link ADV-1 --participant P-1 --case-ref H");
    plan("P-1");
    run();
    assert_int_equal(sent("advocate_notice", "ADV-1"), 1);
    record(session_id("P-1", 1), "ATTC", "PR-1");
    pass("6m");
    assert_int_equal(sent("advocate_notice", "ADV-1"), 2);
    assert_string_equal(last_sent("advocate_notice", "ADV-1")->topic, "started");
    record(session_id("P-1", 2), "ATTC", "PR-1");
    pass("1h");
    assert_int_equal(sent("advocate_notice", "ADV-1"), 2);
}

static void test_missed_contact_is_neutral(void **state) {
    (void)state;
    plan("P-1");
    record(session_id("P-1", 1), "AFTA", "PR-1");
    pass("6m");
    assert_string_equal(last_sent("missed_contact", "P-1")->body,
                        "You had an appointment on Tue 5 Jan at 9am. Please call us on 020 7946 "
                        "0000 as soon as you can.");
    assert_int_equal(sent("missed_contact", NULL), 1);
    assert_int_equal(sql_int("SELECT count(*) FROM task WHERE kind='contact' AND owner='PR-1' AND "
                             "next_owner='SUP-1'"),
                     1);
    assert_int_equal(
        sql_int("SELECT count(*) FROM task WHERE kind='decide_absence' AND owner='SUP-1'"), 1);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_the_evening_before),
        TEST(test_conditions_hold_when_due),
        TEST(test_booked_inside_the_lead_time),
        TEST(test_moved_after_the_reminder),
        TEST(test_channel_choice),
        TEST(test_daemon_away),
        TEST(test_mis_tap_tells_nobody),
        TEST(test_mis_tap_over_a_restart),
        TEST(test_recording),
        TEST(test_officer_by_route),
        TEST(test_supervisor_hears_of_what_is_no_miss),
        TEST(test_no_officer_on_record),
        TEST(test_started_is_told_once),
        TEST(test_missed_contact_is_neutral),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
