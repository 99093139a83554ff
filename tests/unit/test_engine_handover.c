/* A participant goes to another practitioner, and practitioners leave. */
#include "engine_world.h"

static const char *held_by(int number) {
    return sql("SELECT practitioner||' '||revision FROM session WHERE participant='P-1' AND "
               "number=%d",
               number);
}

static void test_what_is_refused(void **state) {
    (void)state;
    plan("P-1");
    refused(409, "is theirs already", "participant reassign P-1 --to PR-1");
    refused(404, "no practitioner of that id", "participant reassign P-1 --to PR-404");
    refused(404, "not found", "participant reassign P-404 --to PR-2");
    refused(404, "no practitioner of that id",
            "practitioner leave PR-404 --on 2027-02-01 --hand-over-to PR-2");
    refused(409, "is who leaves", "practitioner leave PR-1 --on 2027-02-01 --hand-over-to PR-1");
    refused(400, "in the past", "practitioner leave PR-1 --on 2027-01-03 --hand-over-to PR-2");
    refused(400, "more than a year", "practitioner leave PR-1 --on 2028-02-01 --hand-over-to PR-2");
    refused(409, "participant reassign P-1", "participant set P-1 --practitioner PR-2");
    do_("practitioner leave PR-1 --on 2027-02-01 --hand-over-to PR-2");
    refused(409, "leaves on 2027-02-01", "participant reassign P-1 --to PR-1");
    refused(409, "is to take over from PR-1",
            "practitioner leave PR-2 --on 2027-03-01 --hand-over-to PR-1");
}

/* Each session that the other cannot take is named, and nothing at all is written. */
static void test_what_cannot_be_taken(void **state) {
    (void)state;
    plan("P-1");
    do_("practitioner absent PR-2 --from %.10s --to %.10s", session_start(session_id("P-1", 3)),
        session_start(session_id("P-1", 3)));
    refused(409, session_id("P-1", 3), "participant reassign P-1 --to PR-2");
    refused(409, "they are absent", "participant reassign P-1 --to PR-2");
    refused(409, "they are absent", "practitioner leave PR-1 --on 2027-01-05 --hand-over-to PR-2");
    do_("participant reassign P-1 --to PR-2 --dry-run");
    assert_string_equal(reply_text("conflicts.0.id"), session_id("P-1", 3));
    assert_string_equal(held_by(1), "PR-1 0");
    do_("practitioner set PR-2 --hours 'Mon-Fri 18:00-19:00'");
    refused(409, "outside their hours", "participant reassign P-1 --to PR-2");
    refused(409, "see --dry-run", "participant reassign P-1 --to PR-2");
}

/* Their day can be booked already. */
static void test_another_participant_stands_in_the_way(void **state) {
    (void)state;
    plan("P-1");
    const char *start = session_start(session_id("P-1", 2));
    do_("participant add P-2 --programme cobi-12 --route sentence --practitioner PR-2 --office O-2 "
        "--name 'Sid Other'");
    plan("P-2");
    if (try_("session move %s --to '%.10s %.5s' --by service", session_id("P-2", 2), start,
             start + 11) == 200) {
        refused(409, "already booked", "participant reassign P-1 --to PR-2");
    }
    assert_string_equal(held_by(2), "PR-1 0");
}

/* What waits for the participant goes on, and nothing is said twice. */
static void test_reminders_follow(void **state) {
    (void)state;
    plan("P-1");
    at("2027-01-04 12:00");
    const size_t before = w.sent_count;
    do_("participant reassign P-1 --to PR-2");
    assert_string_equal(held_by(1), "PR-2 1");
    run();
    assert_int_equal(sent_since(before, NULL, "P-1"), 0);
    do_("session move %s --to '2027-01-06 10:00' --by service", session_id("P-1", 1));
    assert_string_equal(held_by(1), "PR-2 2");
    at("2027-01-05 19:00");
    assert_int_equal(sent_since(before, "reminder", "P-1"), 1);
    assert_int_equal(sent_since(before, "change", "P-1"), 1);
}

/* A mail about a task that has not left goes to nobody; the new owner gets their own. */
static void test_mails_change_their_reader(void **state) {
    (void)state;
    plan("P-1");
    record(session_id("P-1", 1), "AFTA", "PR-1");
    gateway_mute("mail", true);
    gateway("mail", OUTCOME_TRANSIENT);
    pass("6m");
    const char *task = sql("SELECT id FROM task WHERE kind='contact'");
    do_("participant reassign P-1 --to PR-2");
    assert_string_equal(sql("SELECT owner FROM task WHERE id='%s'", task), "PR-2");
    for (size_t i = 0; i < w.sent_count; i++) {
        if (!w.sent[i].answered && w.sent[i].channel == CHANNEL_EMAIL) {
            answer(&w.sent[i], OUTCOME_TRANSIENT);
        }
    }
    gateway_mute("mail", false);
    gateway("mail", OUTCOME_ACCEPTED);
    pass("3h");
    assert_string_equal(
        sql("SELECT DISTINCT state||' '||reason FROM message WHERE task='%s' AND recipient='PR-1'",
            task),
        "cancelled reassigned");
    assert_int_equal(
        sql_int("SELECT count(*) FROM message WHERE task='%s' AND recipient='PR-2' AND sent_us>0",
                task),
        1);
}

/* The next step of a chain that is under way goes to the new line. */
static void test_chain_goes_on_with_the_new_line(void **state) {
    (void)state;
    do_("supervisor add SUP-9 --name 'Ida Ninth' --email sup9@staff.example");
    do_("supervisor add SUP-8 --name 'Ivo Eighth' --email sup8@staff.example --next SUP-9");
    do_("practitioner set PR-2 --supervisor SUP-8");
    plan("P-1");
    record(session_id("P-1", 1), "AFTA", "PR-1");
    pass("6m");
    assert_int_equal(sent("escalation", "SUP-1"), 1);
    do_("participant reassign P-1 --to PR-2");
    assert_string_equal(sql("SELECT owner||' '||next_owner FROM task WHERE kind='decide_absence'"),
                        "SUP-8 SUP-9");
    pass("24h");
    assert_int_equal(sent("escalation", "SUP-2"), 0);
    assert_int_equal(sent("escalation", "SUP-9"), 1);
    assert_int_equal(sent("escalation", "SUP-1"), 1);
}

/* Other hours are nothing that a supervisor's row is read for. */
static void test_a_damaged_supervisor_keeps_nothing_back(void **state) {
    (void)state;
    sabotage("UPDATE supervisor SET name=zeroblob(40) WHERE id='SUP-1'");
    do_("practitioner set PR-1 --hours 'Mon-Fri 10:00-16:00'");
}

static void test_the_day_comes(void **state) {
    (void)state;
    do_("feed create --practitioner PR-1");
    plan("P-1");
    const char *first = session_id("P-1", 1);
    do_("practitioner leave PR-1 --on 2027-01-08 --hand-over-to PR-2");
    assert_string_equal(held_by(1), "PR-1 0");
    assert_string_equal(held_by(2), "PR-2 1");
    at("2027-01-07 23:00");
    assert_int_equal(sent("outcome_request", "PR-1"), 1);
    assert_int_equal(sent("outcome_request", "PR-2"), 0);
    world_restart();
    at("2027-01-08 00:01");
    assert_int_equal(sent("outcome_request", "PR-2"), 1);
    assert_int_equal(sql_int("SELECT count(*) FROM feed WHERE revoked_us=0"), 0);
    assert_int_equal(sql_int("SELECT count(*) FROM job WHERE subject='PR-1'"), 0);
    refused(403, "has left", arena_printf(&w.arena, "session outcome %s AFTA --as PR-1", first));
    refused(409, "has left already", "practitioner leave PR-1 --on 2027-02-01 --hand-over-to PR-2");
    do_("session outcome %s AFTA --as PR-2", first);
    pass("6m");
    assert_string_equal(sql("SELECT owner FROM task WHERE kind='contact'"), "PR-2");
}

/* Who takes over from somebody else's session decides no absence by that. */
static void test_taker_is_no_decider(void **state) {
    (void)state;
    plan("P-1");
    at("2027-01-05 18:00");
    do_("participant reassign P-1 --to PR-2");
    const char *first = session_id("P-1", 1);
    assert_int_not_equal(try_("session outcome %s UAAB --as PR-2", first), 200);
    do_("session outcome %s AFTA --as PR-2", first);
}

/* The day may be noted anew: earlier, later, with another taker. */
static void test_the_day_is_moved(void **state) {
    (void)state;
    do_("practitioner add PR-3 --name 'Ray Third' --email pr3@staff.example --office O-1 --hours "
        "'Mon-Fri 09:00-17:00' --supervisor SUP-1");
    plan("P-1");
    do_("practitioner leave PR-1 --on 2027-02-01 --hand-over-to PR-2");
    do_("practitioner leave PR-1 --on 2027-01-08 --hand-over-to PR-3");
    assert_int_equal(sql_int("SELECT count(*) FROM session WHERE practitioner='PR-1'"), 1);
    assert_int_equal(sql_int("SELECT count(*) FROM session WHERE practitioner='PR-3'"), 0);
    at("2027-01-08 00:01");
    assert_string_equal(sql("SELECT taker||' '||gone FROM departure"), "PR-3 1");
    assert_int_equal(sql_int("SELECT count(*) FROM participant WHERE practitioner='PR-1'"), 0);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        T(test_what_is_refused),
        T(test_what_cannot_be_taken),
        T(test_another_participant_stands_in_the_way),
        T(test_reminders_follow),
        T(test_mails_change_their_reader),
        T(test_chain_goes_on_with_the_new_line),
        T(test_a_damaged_supervisor_keeps_nothing_back),
        T(test_the_day_comes),
        T(test_taker_is_no_decider),
        T(test_the_day_is_moved),
    };
#undef T

    return cmocka_run_group_tests(tests, NULL, NULL);
}
