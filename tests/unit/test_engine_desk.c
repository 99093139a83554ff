/* What staff do at their desks: commands that must lead somewhere, and tasks that must make sense.
 */
#include "engine_world.h"

static void test_unrecorded_is_not_resolved_away(void **state) {
    (void)state;
    plan("P-1");
    const char *s = arena_copy(&w.arena, session_id("P-1", 1));

    pass("3d"); /* the session came and went, and nobody recorded anything */
    const char *chain = arena_copy(&w.arena, chain_id("supervisor", s));
    char line[200];
    (void)snprintf(line, sizeof line, "escalation resolve %s --as SUP-1 --reason 'wait and see'",
                   chain);
    refused(409, "session outcome", line);
    do_("session outcome %s ATTC --as PR-1", s);
    assert_string_equal(sql("SELECT state FROM escalation WHERE id='%s'", chain), "resolved");
}

static void test_catch_up_comes_after_lower_numbers(void **state) {
    (void)state;
    do_("participant set P-1 --prefer 'Tue 14:00'");
    plan("P-1");
    const char *second = arena_copy(&w.arena, session_id("P-1", 2));

    do_("session move %s --to '2027-01-13 15:00' --by service", second);
    do_("session cancel %s --by service", session_id("P-1", 3));
    do_("participant plan P-1");
    assert_string_equal(reply_text("sessions.0.number"), "3");
    /* After number 2 on the 13th, and never within three days of another session. */
    assert_true(strcmp(reply_text("sessions.0.local"), "2027-01-16") >= 0);
    assert_int_equal(
        sql_int("SELECT count(*) FROM session a JOIN session b ON a.participant=b.participant AND "
                "a.id<b.id "
                "WHERE a.state='planned' AND b.state='planned' AND "
                "abs(julianday(substr(a.start_local,1,10))-"
                "julianday(substr(b.start_local,1,10)))<3 AND (a.number=3 OR b.number=3)"),
        0);
    assert_true(strtol(reply_text("slack_days"), NULL, 10) < 60);
}

static void test_two_catch_ups_keep_their_order(void **state) {
    (void)state;
    plan("P-1");
    const char *third = arena_copy(&w.arena, session_id("P-1", 3));

    do_("session cancel %s --by service", session_id("P-1", 7));
    do_("session cancel %s --by participant", third);
    do_("participant plan P-1");
    assert_string_equal(reply_text("sessions.0.number"), "3");
    assert_string_equal(reply_text("sessions.1.number"), "7");
    assert_true(strcmp(reply_text("sessions.0.local"), reply_text("sessions.1.local")) < 0);
    assert_true(strcmp(reply_text("sessions.1.local"), session_start(session_id("P-1", 6))) > 0);
}

static void test_phone_task_leaves_time_to_phone(void **state) {
    (void)state;
    gateway("texts", OUTCOME_REFUSED_RECIPIENT);
    gateway("mail", OUTCOME_ACCEPTED);
    do_("participant set P-1 --email ''");
    plan("P-1");
    at("2027-01-04 10:00"); /* the confirmation could not be sent: in working hours */
    run();
    assert_int_equal(sql_int("SELECT count(*) FROM task WHERE kind='phone' AND state='open'"), 1);
    assert_int_equal(sql_int("SELECT count(*) FROM task WHERE kind='phone' AND due_us<=created_us"),
                     0);
    assert_int_equal(sent("task", "PR-1"), 1);
    assert_int_equal(sent("task", "SUP-1"), 0);
}

static void test_nobody_phones_the_dead(void **state) {
    (void)state;
    plan("P-1");
    const char *s = arena_copy(&w.arena, session_id("P-1", 1));

    record(s, "AFTA", "PR-1");
    pass("10m");
    assert_int_equal(sql_int("SELECT count(*) FROM task WHERE kind='contact' AND state='open'"), 1);
    do_("participant withdraw P-1 --because deceased");
    assert_int_equal(
        sql_int("SELECT count(*) FROM task WHERE kind IN('contact','phone') AND state='open'"), 0);
    assert_int_equal(
        sql_int("SELECT count(*) FROM task WHERE kind='decide_absence' AND state='open'"), 1);
    /* Nothing to supervisors is ever cancelled by it. */
    assert_string_not_equal(
        sql("SELECT state FROM escalation WHERE id='%s'", chain_id("supervisor", s)), "resolved");
}

static void test_decision_has_a_next_owner(void **state) {
    (void)state;
    plan("P-1");
    record(session_id("P-1", 1), "AFTA", "PR-1");
    pass("10m");
    assert_string_equal(sql("SELECT owner||' '||next_owner FROM task WHERE kind='decide_absence'"),
                        "SUP-1 SUP-2");
}

static void test_escalation_shows_who_was_told(void **state) {
    (void)state;
    plan("P-1");
    const char *s = arena_copy(&w.arena, session_id("P-1", 1));

    record(s, "AFTA", "PR-1");
    pass("10m");
    do_("escalation show %s", chain_id("supervisor", s));
    assert_string_equal(reply_text("messages.0.recipient"), "SUP-1");
    assert_string_equal(reply_text("messages.0.state"), "accepted");
    assert_string_not_equal(reply_text("messages.0.sent_at"), "");
}

static void test_preview_shows_what_will_go(void **state) {
    (void)state;
    plan("P-1");
    do_("preview P-1");
    assert_string_equal(reply_text("0.kind"), "confirmation");
    assert_string_equal(reply_text("0.at"),
                        "2027-01-04T09:00:00Z"); /* when the send window opens */
    at("2027-01-04 09:30");
    do_("preview P-1");
    assert_string_equal(reply_text("0.kind"),
                        "reminder"); /* the confirmation went and will not go again */
}

/* No Welsh speaker has signed the shipped Welsh texts: all that such a participant gets is English,
 * dates as well. */
static void test_drafts_are_not_sent(void **state) {
    (void)state;
    do_("participant set P-1 --language cy --greeting first-name --place-label 'North Street' "
        "--consequence yes");
    plan("P-1");
    at("2027-01-04 09:30");
    do_("preview P-1");
    assert_string_equal(reply_text("0.kind"), "reminder");
    assert_non_null(strstr(reply_text("0.body"), "Hello "));
    assert_non_null(strstr(reply_text("0.body"), " Jan at "));
    assert_null(strstr(reply_text("0.body"), "dydd"));
    do_("template list");
    assert_string_equal(reply_text("0.name"), "en/advocate_notice.email");
    assert_true(json_is_false(json_object_get(json_array_get(w.reply, 0), "draft")));
    const json_t *last = json_array_get(w.reply, json_array_size(w.reply) - 1);
    assert_string_equal(json_string_value(json_object_get(last, "name")), "cy/reminder.sms");
    assert_true(json_is_true(json_object_get(last, "draft")));
}

static void test_audit_verifies_until_somebody_edits_it(void **state) {
    (void)state;
    plan("P-1");
    do_("session list");
    do_("audit verify");
    assert_true(json_is_true(json_object_get(w.reply, "ok")));
    assert_string_equal(reply_text("audit"), "whole");
    assert_string_equal(reply_text("access_log"), "whole");
    do_("audit verify"); /* the consultation before is in the log, and fits */
    assert_true(json_is_true(json_object_get(w.reply, "ok")));
    sabotage("DROP TRIGGER audit_fixed; UPDATE audit SET subject='P-2' WHERE sequence=3");
    do_("audit verify");
    assert_false(json_is_true(json_object_get(w.reply, "ok")));
    assert_string_equal(reply_text("audit"), "broken from entry 3 on");
    assert_string_equal(reply_text("access_log"), "whole");
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
        T(test_unrecorded_is_not_resolved_away),
        T(test_catch_up_comes_after_lower_numbers),
        T(test_two_catch_ups_keep_their_order),
        T(test_phone_task_leaves_time_to_phone),
        T(test_nobody_phones_the_dead),
        T(test_decision_has_a_next_owner),
        T(test_escalation_shows_who_was_told),
        T(test_preview_shows_what_will_go),
        T(test_drafts_are_not_sent),
        T(test_audit_verifies_until_somebody_edits_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
