/* Plans, moves, cascades, catch-ups, pauses: what the calendar promises, and that a refusal writes
 * nothing. */
#include "engine_world.h"

static int live(const char *participant) {
    return sql_int("SELECT count(*) FROM session WHERE participant='%s' AND state<>'cancelled'",
                   participant);
}

/* Never two sessions of one person on one day, and live numbers are there once. */
static void check_calendar(const char *participant) {
    assert_int_equal(sql_int("SELECT count(*) FROM (SELECT 1 FROM session WHERE participant='%s' "
                             "AND state<>'cancelled' GROUP BY "
                             "substr(start_local,1,10) HAVING count(*)>1)",
                             participant),
                     0);
    assert_int_equal(sql_int("SELECT count(*) FROM (SELECT 1 FROM session WHERE participant='%s' "
                             "AND state='planned' GROUP BY "
                             "number HAVING count(*)>1)",
                             participant),
                     0);
    assert_int_equal(sql_int("SELECT count(*) FROM session a JOIN session b ON "
                             "a.practitioner=b.practitioner AND a.id<b.id AND "
                             "a.start_us<b.start_us+b.minutes*60000000 AND "
                             "b.start_us<a.start_us+a.minutes*60000000 WHERE "
                             "a.state='planned' AND b.state='planned'"),
                     0);
}

static bool in_order(const char *participant) {
    return sql_int("SELECT count(*) FROM session a JOIN session b ON a.participant=b.participant "
                   "AND a.number<b.number AND "
                   "a.start_us>b.start_us WHERE a.participant='%s' AND a.attempt=1 AND b.attempt=1 "
                   "AND a.state='planned' AND "
                   "b.state='planned'",
                   participant) == 0;
}

/* That many days after the session's date, at the same time: "2027-01-12 10:00". */
static const char *days_on(const char *session, int days) {
    struct civil c;
    char text[CIVIL_TEXT_SIZE];

    assert_int_equal(civil_from_text(session_start(session), &c), 0);
    c.date = date_add_days(c.date, days);
    civil_to_text(c, text);
    text[10] = ' ';
    return arena_copy(&w.arena, text);
}

static void test_plan(void **state) {
    (void)state;
    char *before = dump(true);

    do_("participant plan P-1 --dry-run");
    unchanged(before, true, "something");
    assert_string_equal(reply_text("sessions.11.number"), "12");
    plan("P-1");
    assert_int_equal(live("P-1"), 12);
    check_calendar("P-1");
    assert_true(in_order("P-1"));
    assert_string_equal(sql("SELECT state FROM participant_state WHERE id='P-1'"), "active");
    refused(409, "planned or held already", "participant plan P-1");
    assert_string_equal(sql("SELECT min(start_local) FROM session"),
                        session_start(session_id("P-1", 1)));
}

static void test_two_people_one_practitioner(void **state) {
    (void)state;
    do_("participant add P-2 --programme cobi-12 --route sentence --practitioner PR-1 --office O-1 "
        "--name 'Gus Person' --mobile '07700 900002'");
    do_("participant add P-3 --programme cobi-12 --route sentence --practitioner PR-1 --office O-1 "
        "--name 'Hal Person' --mobile '07700 900003'");
    plan("P-1");
    plan("P-2");
    plan("P-3");
    assert_int_equal(live("P-1") + live("P-2") + live("P-3"), 36);
    check_calendar("P-1");
    check_calendar("P-2");
    check_calendar("P-3");
}

/* ---- moves ---- */

static void test_move(void **state) {
    (void)state;
    plan("P-1");
    const char *id = session_id("P-1", 3), *to = days_on(id, 1);
    char *before = dump(true);

    do_("session move %s --to '%s' --by service --dry-run", id, to);
    unchanged(before, true, "something");
    do_("session move %s --to '%s' --by participant --reason 'a funeral'", id, to);
    assert_string_equal(sql("SELECT substr(start_local,1,10)||' '||substr(start_local,12) FROM "
                            "session WHERE id='%s'",
                            id),
                        to);
    assert_int_equal(sql_int("SELECT revision FROM session WHERE id='%s'", id), 1);
    assert_int_equal(live("P-1"), 12);
    assert_int_equal(sql_int("SELECT count(*) FROM session WHERE revision>0"), 1);
    assert_int_equal(sql_int("SELECT count(*) FROM session_history WHERE session='%s' AND "
                             "what='moved' AND asked_by='participant'",
                             id),
                     1);
}

static void test_move_refusals(void **state) {
    (void)state;
    do_("practitioner set PR-1 --hours 'Mon-Sun 00:00-24:00'");
    do_("office set O-1 --hours 'Mon-Sun 00:00-24:00'");
    plan("P-1");
    const char *id = session_id("P-1", 3);
    static const struct {
        int status;
        const char *to, *text;
    } rows[] = {
        {400, "2027-03-28 01:30", "does not exist"},
        {400, "2027-10-31 01:30", "exists twice"},
        {400, "2027-01-04 07:00", "past"},
        {409, "2027-03-28 00:30", "not possible"}, /* it would run over the gap */
    };

    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        refused(rows[i].status, rows[i].text,
                arena_printf(&w.arena, "session move %s --to '%s' --by service", id, rows[i].to));
    }
    refused(409, "already",
            arena_printf(&w.arena, "session move %s --to '%s' --by service", id, days_on(id, 0)));
    refused(409, "on that day already",
            arena_printf(&w.arena, "session move %s --to '%s' --by service", id,
                         days_on(session_id("P-1", 4), 0)));
    refused(404, "not found", "session move S-NOBODY --to '2027-02-01 10:00' --by service");
}

static void test_past_sessions_never_move(void **state) {
    (void)state;
    plan("P-1");
    const char *id = session_id("P-1", 1);
    const char *to = days_on(id, 30);
    const char *start = session_start(id);

    do_("session list");                                       /* any consultation */
    at(arena_printf(&w.arena, "%.10s %s", start, start + 11)); /* the very moment of its start */
    refused(409, "has not begun",
            arena_printf(&w.arena, "session move %s --to '%s' --by service", id, to));
    refused(409, "has not begun", arena_printf(&w.arena, "session cancel %s --by service", id));
    pass("3h");
    refused(409, "has not begun",
            arena_printf(&w.arena, "session move %s --to '%s' --by service", id, to));
    do_("session outcome %s ATTC --as PR-1", id);
    refused(409, "has not begun",
            arena_printf(&w.arena, "session move %s --to '%s' --by service --cascade", id, to));
    /* A cascade of a later one never touches it. */
    const char *second = session_id("P-1", 2), *third_before = session_start(session_id("P-1", 3));
    do_("session move %s --to '%s' --by service --cascade", second, days_on(second, 7));
    assert_string_equal(session_start(id), start);
    assert_string_not_equal(session_start(session_id("P-1", 3)), third_before);
}

/* Each takes the place of the next: the database keeps two sessions from one place at any moment.
 */
static void test_cascade_by_a_week(void **state) {
    (void)state;
    plan("P-1");
    const char *third = session_id("P-1", 3);
    const char *fourth_was = session_start(session_id("P-1", 4)),
               *fifth_was = session_start(session_id("P-1", 5));

    assert_string_equal(arena_printf(&w.arena, "%.10s", days_on(third, 7)),
                        arena_printf(&w.arena, "%.10s", fourth_was));
    do_("session move %s --to '%s' --by service --cascade", third, days_on(third, 7));
    assert_string_equal(session_start(third), fourth_was);
    assert_string_equal(session_start(session_id("P-1", 4)), fifth_was);
    assert_true(in_order("P-1"));
    check_calendar("P-1");
    assert_int_equal(live("P-1"), 12);
    assert_int_equal(sql_int("SELECT count(*) FROM session WHERE revision=1"), 10);
    assert_int_equal(sql_int("SELECT count(*) FROM session WHERE number<3 AND revision>0"), 0);
    /* And back again. */
    do_("session move %s --to '%s' --by service --cascade", third, days_on(third, -7));
    assert_string_equal(session_start(session_id("P-1", 4)), fourth_was);
    assert_true(in_order("P-1"));
    check_calendar("P-1");
}

/* The others follow to the new weekday and time where nothing else was asked for. */
static void test_cascade_keeps_a_regular_time(void **state) {
    (void)state;
    plan("P-1");
    const char *second = session_id("P-1", 2);
    const char *day = days_on(second, 2);

    do_("session move %s --to '%.10s 14:00' --by service --cascade", second, day);
    assert_int_equal(
        sql_int(
            "SELECT count(DISTINCT "
            "strftime('%%w',substr(start_local,1,10))||substr(start_local,12)) FROM session WHERE "
            "number>=2 AND start_local NOT LIKE '2027-03-2%%' AND start_local NOT LIKE "
            "'2027-03-3%%'"),
        1);
    assert_int_equal(
        sql_int("SELECT count(*) FROM session WHERE number>=2 AND start_local LIKE '%%T14:00'"),
        11);
}

static void test_cascade_follows_programme_order(void **state) {
    (void)state;
    plan("P-1");
    const char *fourth = session_id("P-1", 4), *sixth = session_id("P-1", 6);

    /* Number 6 by hand before number 4. */
    do_("session move %s --to '%s' --by participant", sixth, days_on(fourth, -1));
    assert_false(in_order("P-1"));
    do_("session move %s --to '%s' --by service --cascade", fourth, days_on(fourth, 1));
    assert_true(in_order("P-1"));
    check_calendar("P-1");
    assert_int_equal(live("P-1"), 12);
}

static void test_catch_ups_are_not_cascaded(void **state) {
    (void)state;
    plan("P-1");
    do_("session cancel %s --by service --reason 'fire alarm'", session_id("P-1", 3));
    plan("P-1");
    const char *again = session_id("P-1", 3);
    assert_int_equal(sql_int("SELECT attempt FROM session WHERE id='%s'", again), 2);
    const char *was = session_start(again);

    do_("session move %s --to '%s' --by service --cascade", session_id("P-1", 2),
        days_on(session_id("P-1", 2), 1));
    assert_string_equal(session_start(again), was);
    check_calendar("P-1");
}

static void test_cascade_without_a_place_changes_nothing(void **state) {
    (void)state;
    plan("P-1");
    const char *second = session_id("P-1", 2);

    refused(409, "no plan",
            arena_printf(&w.arena, "session move %s --to '%s' --by service --cascade", second,
                         days_on(second, 70)));
}

/* ---- catch-ups ---- */

static void test_catch_up_after_cancellation(void **state) {
    (void)state;
    plan("P-1");
    const char *lost = session_id("P-1", 5),
               *uid = sql("SELECT uid FROM session WHERE id='%s'", lost);

    do_("session cancel %s --by participant", lost);
    refused(409, "has not begun",
            arena_printf(&w.arena, "session cancel %s --by participant", lost));
    plan("P-1");
    assert_int_equal(live("P-1"), 12);
    const char *fresh = session_id("P-1", 5);
    assert_string_not_equal(fresh, lost);
    assert_string_not_equal(sql("SELECT uid FROM session WHERE id='%s'", fresh), uid);
    check_calendar("P-1");
    /* The last ones are replanned as a tail, in order. */
    do_("session cancel %s --by service", session_id("P-1", 11));
    do_("session cancel %s --by service", session_id("P-1", 12));
    plan("P-1");
    assert_int_equal(live("P-1"), 12);
    check_calendar("P-1");
}

static void test_lost_numbers_owe_a_replacement(void **state) {
    (void)state;
    plan("P-1");
    record(session_id("P-1", 1), "UAAB", "SUP-1");
    record(session_id("P-1", 2), "AFTA", "PR-1");
    record(session_id("P-1", 3), "ATSS", "PR-1");
    plan("P-1");
    assert_int_equal(sql_int("SELECT attempt FROM session WHERE id='%s'", session_id("P-1", 1)), 2);
    assert_int_equal(sql_int("SELECT attempt FROM session WHERE id='%s'", session_id("P-1", 2)),
                     1); /* not decided yet */
    assert_int_equal(sql_int("SELECT attempt FROM session WHERE id='%s'", session_id("P-1", 3)), 2);
    check_calendar("P-1");
}

/* ---- the way through the programme ---- */

static void test_resume_extends_the_window(void **state) {
    (void)state;
    plan("P-1");
    struct date before, after;

    record(session_id("P-1", 1), "ATTC", "PR-1");
    at("2027-01-08 12:00");
    assert_int_equal(date_from_text(sql("SELECT window_end FROM participant_state"), &before), 0);
    do_("participant pause P-1 --because health");
    assert_int_equal(live("P-1"), 1);
    refused(409, "use participant resume", "participant plan P-1");
    at("2027-03-08 12:00"); /* 59 days later: longer than the greatest gap */
    do_("participant resume P-1 --because other");
    assert_int_equal(live("P-1"), 12);
    assert_int_equal(date_from_text(sql("SELECT window_end FROM participant_state"), &after), 0);
    assert_int_equal(date_to_days(after) - date_to_days(before), 59);
    check_calendar("P-1");
    assert_true(in_order("P-1"));
    assert_int_equal(
        sql_int("SELECT count(*) FROM session WHERE state='planned' AND start_local<'2027-03-08'"),
        0);
    refused(409, "not paused", "participant resume P-1 --because other");
}

static void test_pause_cancels_what_is_to_come_only(void **state) {
    (void)state;
    plan("P-1");
    const char *first = session_id("P-1", 1);

    at(arena_printf(&w.arena, "%.10s %s", session_start(first), session_start(first) + 11));
    do_("participant pause P-1 --because custody --reason 'on remand'");
    assert_string_equal(sql("SELECT state FROM session WHERE id='%s'", first), "awaiting_outcome");
    assert_int_equal(sql_int("SELECT count(*) FROM session WHERE state='cancelled' AND revision=1"),
                     11);
    const size_t before = w.sent_count;
    pass("30d");
    assert_int_equal(sent_since(before, "reminder", NULL), 0);
    assert_true(sent_since(before, "outcome_request", "PR-1") == 1);
}

static void test_complete_needs_every_number(void **state) {
    (void)state;
    do_("participant add P-9 --programme cobi-2018 --route voluntary --practitioner PR-2 --office "
        "O-1 --name 'Ike Person'");
    plan("P-9");
    for (int n = 1; n <= 10; n++) {
        refused(409, "not attended", "participant complete P-9 --because other");
        record(session_id("P-9", n), n == 4 ? "ATSS" : "ATTC", "PR-2"); /* number 4 was sent home */
    }
    refused(409, "not attended: session 4;", "participant complete P-9 --because other");
    plan("P-9");
    record(session_id("P-9", 4), "AFTC", "PR-2");
    refused(409, "may still be replaced", "participant complete P-9 --because other");
    pass("6m");
    do_("participant complete P-9 --because other");
    assert_string_equal(sql("SELECT state FROM participant_state WHERE id='P-9'"), "completed");
    refused(409, "cannot be done", "participant withdraw P-9 --because other");
    refused(409, "only a referred or active", "participant plan P-9");
}

/* Leaving cancels what is queued for the participant, and nothing that is for anybody else. */
static void test_withdraw_cancels_the_participants_messages_only(void **state) {
    (void)state;
    do_("advocate link ADV-1 --participant P-1 --case-ref HAVEN-1 --level all");
    gateway("texts", OUTCOME_TRANSIENT);
    gateway("mail", OUTCOME_TRANSIENT);
    plan("P-1");
    record(session_id("P-1", 1), "AFTA", "PR-1");
    pass("6m");
    const int others = sql_int(
        "SELECT count(*) FROM message WHERE audience<>'participant' AND state='queued'");
    assert_true(others >= 4);
    assert_true(
        sql_int("SELECT count(*) FROM message WHERE audience='participant' AND state='queued'") >=
        1);
    do_("participant withdraw P-1 --because other");
    assert_int_equal(
        sql_int("SELECT count(*) FROM message WHERE audience='participant' AND state='queued'"), 0);
    assert_int_equal(
        sql_int("SELECT count(*) FROM message WHERE audience<>'participant' AND state='queued'"),
        others + 2); /* the advocate's, and the task to tell of what is cancelled */
    assert_int_equal(sql_int("SELECT count(*) FROM escalation WHERE state='resolved'"), 0);
    gateway("texts", OUTCOME_ACCEPTED);
    gateway("mail", OUTCOME_ACCEPTED);
    pass("3d");
    assert_non_null(strstr(last_sent("advocate_notice", "ADV-1")->body, "ended early") ||
                            strstr(last_sent("advocate_notice", "ADV-1")->body, "missed")
                        ? "told"
                        : NULL);
    assert_int_equal(
        sql_int("SELECT count(*) FROM message WHERE audience='participant' AND state='accepted'"),
        0);
    assert_int_equal(
        sql_int("SELECT count(*) FROM message WHERE topic='ended' AND state='accepted'"), 1);
}

/* Whoever leaves must be able to leave, whatever has become of the plan's facts. */
static void test_withdraw_needs_no_plan(void **state) {
    (void)state;
    plan("P-1");
    sabotage("UPDATE practitioner SET hours='nonsense' WHERE id='PR-1'");
    do_("participant withdraw P-1 --because deceased");
    assert_string_equal(sql("SELECT state FROM participant_state WHERE id='P-1'"), "withdrawn");
    assert_int_equal(live("P-1"), 0);
}

/* A change within two days is mailed to the practitioner, whose feed may be a day old; so is a
 * pause. */
static void test_near_changes_are_mailed(void **state) {
    (void)state;
    plan("P-1");
    run();
    const size_t before = w.sent_count;
    do_("session move %s --to '%s' --by service", session_id("P-1", 8),
        days_on(session_id("P-1", 8), 1));
    run();
    assert_int_equal(sent_since(before, "task", "PR-1"), 0);
    do_("session move %s --to '2027-01-05 15:00' --by service", session_id("P-1", 1));
    run();
    assert_int_equal(sent_since(before, "task", "PR-1"), 1);
    do_("participant pause P-1 --because health");
    run();
    /* And the task to tell the participant, whom cobid itself writes no more. */
    assert_int_equal(sent_since(before, "task", "PR-1"), 3);
    assert_int_equal(sql_int("SELECT count(*) FROM task WHERE kind='tell_cancelled'"), 1);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_plan),
        TEST(test_two_people_one_practitioner),
        TEST(test_move),
        TEST(test_move_refusals),
        TEST(test_past_sessions_never_move),
        TEST(test_cascade_by_a_week),
        TEST(test_cascade_keeps_a_regular_time),
        TEST(test_cascade_follows_programme_order),
        TEST(test_catch_ups_are_not_cascaded),
        TEST(test_cascade_without_a_place_changes_nothing),
        TEST(test_catch_up_after_cancellation),
        TEST(test_lost_numbers_owe_a_replacement),
        TEST(test_resume_extends_the_window),
        TEST(test_pause_cancels_what_is_to_come_only),
        TEST(test_complete_needs_every_number),
        TEST(test_withdraw_cancels_the_participants_messages_only),
        TEST(test_withdraw_needs_no_plan),
        TEST(test_near_changes_are_mailed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
