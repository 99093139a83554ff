/* What nobody would notice: misses that add up, calls to services at safe hours, concerns, and rows
 * that cannot be worked on. The stories are in tests/scenarios. */
#include "engine_world.h"

#include "cobi/rules/hours.h"

static void test_enforceable_outcomes_are_counted(void **state) {
    (void)state;
    do_("participant set P-1 --route sentence");
    plan("P-1");
    do_("participant show P-1");
    assert_int_equal(json_integer_value(json_object_get(w.reply, "enforceable_12_months")), 0);
    assert_string_equal(reply_text("advice"), "");
    record(session_id("P-1", 1), "UAAB", "SUP-1");
    do_("participant show P-1");
    assert_int_equal(json_integer_value(json_object_get(w.reply, "enforceable_12_months")), 1);
    assert_non_null(strstr(reply_text("advice"), "a warning or a referral"));
    record(session_id("P-1", 2), "AFTC", "PR-1");
    record(session_id("P-1", 3), "AAME", "SUP-1");
    do_("participant show P-1");
    assert_int_equal(json_integer_value(json_object_get(w.reply, "enforceable_12_months")), 2);
    assert_non_null(strstr(reply_text("advice"), "Schedule 10, paragraph 6"));
    /* Other routes have no such rule. */
    do_("participant set P-1 --route licence");
    do_("participant show P-1");
    assert_int_equal(json_integer_value(json_object_get(w.reply, "enforceable_12_months")), 2);
    assert_string_equal(reply_text("advice"), "");
    /* The one of a year ago to the day has passed. */
    const char *today = sql("SELECT substr(start_local,1,10) FROM session WHERE outcome='AAME'");
    sabotage("UPDATE session SET start_local=date('%s','-1 year')||'T14:00' WHERE outcome='UAAB'",
             today);
    do_("participant show P-1");
    assert_int_equal(json_integer_value(json_object_get(w.reply, "enforceable_12_months")), 1);
}

/* Who decides an absence reads what it would be the second of. */
static void test_who_decides_reads_the_count(void **state) {
    (void)state;
    do_("participant set P-1 --route sentence");
    plan("P-1");
    record(session_id("P-1", 1), "AFTC", "PR-1");
    record(session_id("P-1", 2), "AFTA", "PR-1");
    pass("6m");
    do_("session decide %s UAAB --as SUP-1 --contacted yes --reason 'no word'",
        session_id("P-1", 2));
    assert_int_equal(json_integer_value(json_object_get(w.reply, "enforceable_12_months")), 2);
    assert_non_null(strstr(reply_text("advice"), "enforcement officer"));
}

static void test_four_in_a_row(void **state) {
    (void)state;
    w.config->four_miss_prompt = true;
    w.config->review_after_misses = 3;
    plan("P-1");
    for (int n = 1; n <= 5; n++) {
        record(session_id("P-1", n), "AFTA", "PR-1");
        pass("6m");
        assert_int_equal(sql_int("SELECT count(*) FROM task WHERE kind='review_misses'"),
                         n < 3 ? 0 : n - 2);
        assert_int_equal(sql_int("SELECT count(*) FROM task WHERE kind='four_misses'"), n >= 4);
    }
    assert_string_equal(sql("SELECT owner FROM task WHERE kind='four_misses'"), "SUP-1");
    assert_string_equal(sql("SELECT state FROM participant_state WHERE id='P-1'"), "active");
}

/* Whatever hours a service keeps: the call is due within them. */
static void test_calls_at_safe_hours(void **state) {
    static const char *const hours[] = {"Mon-Fri 09:00-17:00", "Mon 10:00-10:20", "Sat 10:00-12:00",
                                        "Tue 06:00-08:00, Thu 06:00-08:00", "Sun 20:00-24:00"};
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(hours); i++) {
        struct hours safe;
        struct civil due;
        do_("advocate set ADV-1 --hours '%s'", hours[i]);
        do_("advocate link ADV-1 --participant P-1 --case-ref HV-1");
        w.by_audience[AUDIENCE_ADVOCATE] = 1 + OUTCOME_REFUSED_RECIPIENT;
        plan("P-1");
        run();
        assert_int_equal(sql_int("SELECT count(*) FROM task WHERE kind='call_advocate'"), 1);
        const struct instant at_us = {
            strtoll(sql("SELECT due_us FROM task WHERE kind='call_advocate'"), NULL, 10)};
        due = zone_civil(w.zone, at_us);
        assert_int_equal(hours_parse(hours[i], &safe), 0);
        const uint32_t minute = due.hour * 60U + due.minute;
        if (!hours_contain(&safe, date_weekday(due.date), minute, minute)) {
            fail_msg("%s: due at %u:%u", hours[i], due.hour, due.minute);
        }
        assert_int_equal(sent("alarm", "operator"), 1); /* the address stays the operator's */
        world_close();
        world_open(NULL, NULL);
        world_cast();
    }
}

static void test_nobody_calls_who_was_unlinked(void **state) {
    (void)state;
    do_("advocate link ADV-1 --participant P-1 --case-ref HV-1");
    gateway_mute("mail", true);
    plan("P-1");
    run();
    struct sent *mail = last_sent("advocate_notice", "ADV-1");
    do_("advocate unlink ADV-1 --participant P-1");
    answer(mail, OUTCOME_REFUSED_RECIPIENT);
    run();
    assert_int_equal(sql_int("SELECT count(*) FROM task WHERE kind='call_advocate'"), 0);
}

/* A configuration that says nothing of concerns: they go the way of a missed session. */
static void test_a_kind_without_a_policy(void **state) {
    (void)state;
    for (uint32_t i = 0; i < w.config->escalation_count; i++) {
        struct escalation_policy *policy = &w.config->escalations[i];
        policy->kind = policy->kind == ESCALATION_CONCERN ? ESCALATION_UNRECORDED : policy->kind;
    }
    do_("advocate link ADV-1 --participant P-1 --case-ref HV-1 --level missed");
    do_("concern raise P-1");
    run();
    assert_int_equal(sql_int("SELECT count(*) FROM escalation WHERE kind='concern'"), 2);
    assert_int_equal(sent("escalation", "SUP-1"), 1);
    assert_int_equal(sent("advocate_notice", "ADV-1"), 1);
    assert_int_equal(sent("alarm", "operator"), 0);
}

static void test_why_is_for_who_looks(void **state) {
    (void)state;
    do_("concern raise P-1 --reason 'said so on the phone' --as PR-1");
    run();
    do_("escalation show %s", sql("SELECT id FROM escalation WHERE kind='concern'"));
    assert_string_equal(reply_text("because"), "said so on the phone");
    assert_null(strstr(last_sent("escalation", "SUP-1")->body, "phone'"));
    refused(404, "there is no participant", "concern raise P-9");
}

/* One participant's row is damaged: it is set aside and alarmed, the other is told of as ever. */
static void test_a_damaged_row_is_set_aside(void **state) {
    (void)state;
    do_("participant add P-2 --programme cobi-12 --route voluntary --practitioner PR-2 --office "
        "O-2 --name 'Other Person' --mobile '07700 900109'");
    do_("advocate link ADV-1 --participant P-1 --case-ref HV-1");
    do_("advocate link ADV-2 --participant P-2 --case-ref HV-2");
    plan("P-1");
    plan("P-2");
    run();
    sabotage("UPDATE participant_state SET week_told='soon' WHERE id='P-1'");
    at("2027-01-18 10:00");
    assert_int_equal(sql_int("SELECT quarantined FROM participant_state WHERE id='P-1'"), 1);
    assert_int_equal(sql_int("SELECT count(*) FROM message WHERE kind='alarm' AND "
                             "topic='quarantine' AND task='P-1'"),
                     1);
    at("2027-02-01 10:00");
    assert_true(sql_int("SELECT count(*) FROM message WHERE recipient='ADV-2' AND topic IN"
                        "('no_attendance','no_change')") > 0);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        T(test_enforceable_outcomes_are_counted),
        T(test_who_decides_reads_the_count),
        T(test_four_in_a_row),
        T(test_calls_at_safe_hours),
        T(test_nobody_calls_who_was_unlinked),
        T(test_a_kind_without_a_policy),
        T(test_why_is_for_who_looks),
        T(test_a_damaged_row_is_set_aside),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
