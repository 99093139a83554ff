/* Escalation chains: who is told and when, what an acknowledgement does and what it never does, and
 * that no chain falls asleep. */
#include "engine_world.h"

/* P-1's first session was missed: recorded at its end, told five minutes later. */
static const char *missed(void) {
    plan("P-1");
    const char *session = session_id("P-1", 1);

    record(session, "AFTA", "PR-1");
    pass("6m");
    return session;
}

static void link_both(void) {
    do_("advocate link ADV-1 --participant P-1 --case-ref HAVEN-1 --level all");
    do_("advocate link ADV-2 --participant P-1 --case-ref HARBOUR-2 --level missed");
}

static const char *state_of(const char *chain) {
    return sql("SELECT state FROM escalation WHERE id='%s'", chain);
}

static const char *chain_of_advocate(const char *advocate, const char *session) {
    return sql("SELECT id FROM escalation WHERE advocate='%s' AND session='%s'", advocate, session);
}

/* Mails of one chain since then; recipient NULL: anybody's. */
static size_t in_chain(size_t from, const char *chain, const char *recipient) {
    size_t count = 0;

    for (size_t i = from; i < w.sent_count; i++) {
        const struct sent *s = &w.sent[i];
        count += strcmp(s->thread_id, chain) == 0 &&
                 (!recipient || strcmp(s->recipient, recipient) == 0);
    }
    return count;
}

/* ---- steps and waits ---- */

static void test_steps_in_working_hours(void **state) {
    (void)state;
    const char *session = missed();
    const char *chain = chain_id("supervisor", session);

    assert_int_equal(sent("escalation", NULL), 1);
    assert_int_equal(sent("escalation", "SUP-1"), 1);
    assert_string_equal(state_of(chain), "waiting");
    const struct instant first = last_sent("escalation", "SUP-1")->at;

    pass("3h50m");
    assert_int_equal(sent("escalation", "SUP-2"), 0);
    while (sent("escalation", "SUP-2") == 0) {
        pass("10m");
        assert_true(instant_since(w.now, first).us <= 24 * HOUR_US);
    }
    /* Four working hours of the person told: nine to five. */
    const struct civil second = zone_civil(w.zone, last_sent("escalation", "SUP-2")->at);
    assert_true(second.hour >= 9 && second.hour < 17);
    assert_int_equal(sent("alarm", NULL), 0);
    pass("1d");
    assert_true(sent("alarm", "operator") >= 1);
}

static void test_first_notice_at_any_hour(void **state) {
    (void)state;
    plan("P-1");
    const char *session = session_id("P-1", 1);

    at("2027-01-09 23:00"); /* a Saturday night */
    const size_t before = w.sent_count;
    do_("session outcome %s AFTA --as PR-1", session);
    pass("5m");
    assert_int_equal(sent_since(before, "escalation", "SUP-1"), 1);
    assert_int_equal(sent("missed_contact", NULL), 0); /* the person is not woken: office hours */
    pass("1d");
    assert_int_equal(sent("missed_contact", NULL), 0);
    assert_string_equal(sql("SELECT state FROM message WHERE kind='missed_contact'"), "expired");
    /* Nobody was told by text: a person is to phone. */
    assert_true(sql_int("SELECT count(*) FROM task WHERE kind='contact' AND state='open'") == 1);
}

static void test_absent_supervisor_is_passed(void **state) {
    (void)state;
    do_("supervisor absent SUP-1 --from 2027-01-04 --to 2027-01-10");
    missed();
    assert_int_equal(sent("escalation", "SUP-1"), 0);
    assert_int_equal(sent("escalation", "SUP-2"), 1);
}

static void test_nobody_there_reaches_the_operator(void **state) {
    (void)state;
    do_("supervisor absent SUP-1 --from 2027-01-04 --to 2027-01-10");
    do_("supervisor absent SUP-2 --from 2027-01-04 --to 2027-01-10");
    missed();
    assert_int_equal(sent("escalation", NULL), 0);
    assert_int_equal(sent("alarm", "operator"), 1);
    assert_non_null(strstr(last_sent("alarm", "operator")->body, "escalation"));
}

static void test_supervisor_without_next(void **state) {
    (void)state;
    do_("practitioner set PR-1 --supervisor SUP-2");
    missed();
    assert_int_equal(sent("escalation", "SUP-2"), 1);
    pass("1d");
    assert_int_equal(sent("escalation", "SUP-1"), 0);
    assert_true(sent("alarm", "operator") >= 1); /* the step without anybody took no time */
}

static void test_refused_mail_goes_on_at_once(void **state) {
    (void)state;
    plan("P-1");
    const char *session = session_id("P-1", 1);

    record(session, "AFTA", "PR-1");
    gateway_mute("mail", true);
    pass("6m");
    const struct instant told = last_sent("escalation", "SUP-1")->at;
    answer(last_sent("escalation", "SUP-1"), OUTCOME_REFUSED_RECIPIENT);
    run();
    assert_int_equal(sent("escalation", "SUP-2"), 1);
    assert_true(instant_since(last_sent("escalation", "SUP-2")->at, told).us <= MINUTE_US);
    assert_true(sent("alarm", "operator") >= 1); /* and the address is to be corrected */
}

static void test_late_refusal_of_an_old_step_changes_nothing(void **state) {
    (void)state;
    plan("P-1");
    const char *session = session_id("P-1", 1);

    record(session, "AFTA", "PR-1");
    gateway_mute("mail", true);
    pass("6m");
    struct sent *first = last_sent("escalation", "SUP-1");
    pass("1d");
    assert_int_equal(sent("escalation", "SUP-2"), 1);
    const size_t before = sent("alarm", NULL);
    const int step = sql_int("SELECT step FROM escalation WHERE audience='supervisor'");
    answer(first, OUTCOME_REFUSED_RECIPIENT);
    run();
    assert_int_equal(sql_int("SELECT step FROM escalation WHERE audience='supervisor'"), step);
    assert_int_equal(sent("alarm", NULL), before + 1); /* only the one about the address */
}

/* ---- exhaustion ---- */

static void test_exhausted_repeats_each_working_day(void **state) {
    (void)state;
    static const char *const days[] = {"2027-01-11", "2027-01-12", "2027-01-13"};
    const char *session = missed();
    const char *chain = chain_id("supervisor", session);

    at("2027-01-08 18:00"); /* Friday: long exhausted */
    assert_int_equal(sql_int("SELECT exhausted FROM escalation WHERE id='%s'", chain), 1);
    size_t before = w.sent_count;
    at("2027-01-10 23:00"); /* over the weekend nobody */
    assert_int_equal(in_chain(before, chain, NULL), 0);
    for (size_t i = 0; i < ARRAY_COUNT(days); i++) {
        char evening[20];
        (void)snprintf(evening, sizeof evening, "%s 20:00", days[i]);
        before = w.sent_count;
        at(evening);
        assert_int_equal(in_chain(before, chain, "SUP-1"), 1);
        assert_int_equal(in_chain(before, chain, "SUP-2"), 1);
        assert_true(sent_since(before, "alarm", "operator") >= 1);
    }
    assert_non_null(strstr(last_sent("escalation", "SUP-1")->body, "have not acknowledged"));
}

static void test_exhausted_waits_over_a_bank_holiday(void **state) {
    (void)state;
    const char *chain = chain_id("supervisor", missed());

    at("2027-03-25 20:00"); /* Thursday before Good Friday */
    const size_t before = w.sent_count;
    at("2027-03-29 23:30"); /* Easter Monday is over */
    assert_int_equal(in_chain(before, chain, NULL), 0);
    at("2027-03-30 20:00");
    assert_int_equal(in_chain(before, chain, "SUP-1"), 1);
}

static void test_exhausted_turns_health_red(void **state) {
    (void)state;
    const char *session = missed();

    do_("health");
    assert_string_equal(reply_text("healthy"), "true");
    at("2027-01-12 20:00");
    do_("health");
    assert_string_equal(reply_text("healthy"), "");
    do_("escalation ack %s --as SUP-2", chain_id("supervisor", session));
    do_("health");
    assert_string_equal(reply_text("healthy"), "true");
}

/* All steps of a repeated cycle go out together: every link in them is good. */
static void test_links_of_a_cycle_are_all_good(void **state) {
    (void)state;
    struct ack_view view;
    char token[44];

    missed();
    at("2027-01-12 12:00");
    assert_int_equal(sent("escalation", "SUP-1"), sent("escalation", "SUP-2"));
    const char *link = strstr(last_sent("escalation", "SUP-1")->body, "/ack/");
    assert_non_null(link);
    (void)snprintf(token, sizeof token, "%.43s", link + 5);
    assert_int_equal(engine_ack_show(w.engine, token, &view), 0);
}

/* ---- acknowledgement ---- */

static void test_ack_stops_the_steps_and_cancels_what_waits(void **state) {
    (void)state;
    plan("P-1");
    const char *session = session_id("P-1", 1);

    record(session, "AFTA", "PR-1");
    gateway("mail", OUTCOME_TRANSIENT); /* the mail to SUP-1 waits for another try */
    pass("6m");
    do_("escalation ack %s --as SUP-1", chain_id("supervisor", session));
    assert_string_equal(sql("SELECT state||' '||reason FROM message WHERE kind='escalation'"),
                        "cancelled acknowledged");
    gateway("mail", OUTCOME_ACCEPTED);
    pass("2d");
    assert_int_equal(sent("escalation", "SUP-2"), 0);
    assert_string_equal(state_of(chain_id("supervisor", session)), "acknowledged");
}

/* The gateway says "not sent" after somebody has acknowledged: it must not be tried again. */
static void test_ack_while_a_mail_is_under_way(void **state) {
    (void)state;
    plan("P-1");
    const char *session = session_id("P-1", 1);

    record(session, "AFTA", "PR-1");
    gateway_mute("mail", true);
    pass("6m");
    struct sent *mail = last_sent("escalation", "SUP-1");
    do_("escalation ack %s --as SUP-2", chain_id("supervisor", session));
    answer(mail, OUTCOME_TRANSIENT);
    const size_t before = w.sent_count;
    pass("2h");
    assert_int_equal(sent_since(before, "escalation", NULL), 0);
    assert_string_equal(sql("SELECT state||' '||reason FROM message WHERE kind='escalation'"),
                        "cancelled acknowledged");
}

static void test_ack_lapses_to_the_same_step_and_the_next(void **state) {
    (void)state;
    struct ack_view view;
    char token[44];
    const char *session = missed(); /* told on a Tuesday or so */
    const char *chain = chain_id("supervisor", session);

    do_("escalation ack %s --as SUP-1", chain);
    const struct instant acknowledged = w.now;
    size_t before = w.sent_count;
    while (strcmp(state_of(chain), "acknowledged") == 0) {
        assert_int_equal(sent_since(before, "escalation", NULL), 0);
        pass("1h");
    }
    /* Three working days later. */
    const int32_t days = date_to_days(zone_civil(w.zone, w.now).date) -
                         date_to_days(zone_civil(w.zone, acknowledged).date);
    assert_true(days >= 3 && days <= 5);
    assert_int_equal(sent_since(before, "escalation", "SUP-1"), 1);
    assert_int_equal(sent_since(before, "escalation", "SUP-2"), 1);
    assert_string_equal(state_of(chain), "waiting");
    /* Both may acknowledge by their link. */
    (void)snprintf(token, sizeof token, "%.43s",
                   strstr(last_sent("escalation", "SUP-1")->body, "/ack/") + 5);
    assert_int_equal(engine_ack_show(w.engine, token, &view), 0);
    (void)snprintf(token, sizeof token, "%.43s",
                   strstr(last_sent("escalation", "SUP-2")->body, "/ack/") + 5);
    assert_int_equal(engine_ack_show(w.engine, token, &view), 0);
}

static void test_ack_over_a_weekend_lasts_working_days(void **state) {
    (void)state;
    plan("P-1");
    const char *session = session_id("P-1", 1);

    at("2027-01-08 15:00"); /* Friday */
    do_("session outcome %s AFTA --as PR-1", session);
    pass("10m");
    const char *chain = chain_id("supervisor", session);
    do_("escalation ack %s --as SUP-1",
        sql("SELECT id FROM escalation WHERE kind='missed' AND audience='supervisor'"));
    at("2027-01-12 23:00"); /* Tuesday night: two working days */
    assert_string_equal(
        sql("SELECT state FROM escalation WHERE kind='missed' AND audience='supervisor'"),
        "acknowledged");
    at("2027-01-13 16:00");
    assert_string_equal(
        sql("SELECT state FROM escalation WHERE kind='missed' AND audience='supervisor'"),
        "waiting");
    assert_true(*chain);
}

static void test_chains_are_apart(void **state) {
    (void)state;
    link_both();
    const char *session = missed();
    const char *chains[] = {chain_id("supervisor", session), chain_of_advocate("ADV-1", session),
                            chain_of_advocate("ADV-2", session)};
    static const char *const by[] = {"SUP-1", "ADV-1", "ADV-2"};

    for (size_t i = 0; i < ARRAY_COUNT(chains); i++) {
        /* Nobody may act in the chain of another audience, nor one service in another's. */
        for (size_t other = 0; other < ARRAY_COUNT(by); other++) {
            if (other != i) {
                char line[200];
                (void)snprintf(line, sizeof line, "escalation ack %s --as %s", chains[i],
                               by[other]);
                refused(403, "--as", line);
                (void)snprintf(line, sizeof line, "escalation resolve %s --as %s --reason x",
                               chains[i], by[other]);
                refused(403, "--as", line);
            }
        }
    }
    for (size_t i = 0; i < ARRAY_COUNT(chains); i++) {
        char *before[3];
        for (size_t j = 0; j < ARRAY_COUNT(chains); j++) {
            before[j] = strdup(sql("SELECT state||step||generation||coalesce(wake_us,0)||(SELECT "
                                   "group_concat(id||state) FROM message "
                                   "WHERE escalation=x.id) FROM escalation x WHERE id='%s'",
                                   chains[j]));
        }
        do_("escalation ack %s --as %s", chains[i], by[i]);
        for (size_t j = 0; j < ARRAY_COUNT(chains); j++) {
            const char *now = sql("SELECT state||step||generation||coalesce(wake_us,0)||(SELECT "
                                  "group_concat(id||state) FROM message "
                                  "WHERE escalation=x.id) FROM escalation x WHERE id='%s'",
                                  chains[j]);
            assert_int_equal(strcmp(before[j], now) != 0, j == i);
            free(before[j]);
        }
    }
}

static void test_nobody_acknowledges_their_own_miss(void **state) {
    (void)state;
    const char *session = missed();
    char line[200];

    (void)snprintf(line, sizeof line, "escalation ack %s --as PR-1",
                   chain_id("supervisor", session));
    refused(403, "PR-1", line);
    (void)snprintf(line, sizeof line, "escalation resolve %s --as PR-1 --reason done",
                   chain_id("supervisor", session));
    refused(403, "PR-1", line);
    (void)snprintf(line, sizeof line, "escalation ack %s --as OFF-1",
                   chain_id("supervisor", session));
    refused(403, "OFF-1", line);
}

static void test_resolved_is_the_end(void **state) {
    (void)state;
    const char *session = missed();
    char line[200];

    do_("escalation resolve %s --as SUP-2 --reason 'phoned, will come'",
        chain_id("supervisor", session));
    const size_t before = w.sent_count;
    pass("10d");
    assert_int_equal(in_chain(before, chain_id("supervisor", session), NULL), 0);
    (void)snprintf(line, sizeof line, "escalation ack %s --as SUP-1",
                   chain_id("supervisor", session));
    refused(409, "resolved", line);
    (void)snprintf(line, sizeof line, "escalation resolve %s --as SUP-1 --reason again",
                   chain_id("supervisor", session));
    refused(409, "resolved already", line);
}

/* ---- the advocates' chain ---- */

static void test_advocate_then_a_call_then_the_operator(void **state) {
    (void)state;
    do_("advocate link ADV-1 --participant P-1 --case-ref HAVEN-1");
    const char *session = missed();
    const char *chain = chain_of_advocate("ADV-1", session);

    assert_non_null(strstr(last_sent("advocate_notice", "ADV-1")->body, "provisional"));
    do_("escalation ack %s --as SUP-1",
        chain_id("supervisor", session)); /* the supervisors are at work */
    pass("2d");
    assert_int_equal(
        sql_int("SELECT count(*) FROM task WHERE kind='call_advocate' AND owner='SUP-1'"), 1);
    assert_true(sent("alarm", "operator") >= 1);
    assert_string_equal(state_of(chain), "waiting");
    /* No link of the advocates' chain ever goes to staff. */
    for (size_t i = 0; i < w.sent_count; i++) {
        if (w.sent[i].audience == AUDIENCE_SUPERVISOR) {
            assert_string_not_equal(w.sent[i].thread_id, chain);
        }
    }
    do_("escalation ack %s --as ADV-1", chain);
    assert_string_equal(state_of(chain), "resolved");
}

/* A call that was made and did not help is a new task the next working day. */
static void test_advocate_is_called_again(void **state) {
    (void)state;
    do_("advocate link ADV-1 --participant P-1 --case-ref HAVEN-1");
    missed();
    pass("3d");
    const char *task = sql("SELECT id FROM task WHERE kind='call_advocate' AND state='open'");
    assert_true(*task);
    do_("task done %s --as SUP-1", task);
    pass("5d");
    assert_int_equal(
        sql_int("SELECT count(*) FROM task WHERE kind='call_advocate' AND state='open'"), 1);
    assert_string_not_equal(sql("SELECT id FROM task WHERE kind='call_advocate' AND state='open'"),
                            task);
}

static void test_unrecorded_chain(void **state) {
    (void)state;
    plan("P-1");
    const char *session = session_id("P-1", 1);
    const struct instant end = {strtoll(
        sql("SELECT start_us+minutes*60000000 FROM session WHERE id='%s'", session), NULL, 10)};

    while (sent("outcome_request", "PR-1") == 0) {
        pass("5m");
    }
    assert_int_equal(instant_since(last_sent("outcome_request", "PR-1")->at, end).us,
                     15 * MINUTE_US);
    gateway("mail", OUTCOME_TRANSIENT);
    while (sent("escalation", "SUP-1") == 0) {
        pass("5m");
    }
    assert_int_equal(instant_since(last_sent("escalation", "SUP-1")->at, end).us, 4 * HOUR_US);
    assert_int_equal(sent("missed_contact", NULL), 0); /* nothing is auto-missed */
    do_("session outcome %s ATTC --as PR-1", session);
    assert_string_equal(sql("SELECT state FROM escalation WHERE kind='unrecorded'"), "resolved");
    assert_int_equal(sql_int("SELECT count(*) FROM message WHERE kind='escalation' AND state "
                             "IN('queued','sending')"),
                     0);
    gateway("mail", OUTCOME_ACCEPTED);
    const size_t before = w.sent_count;
    pass("20h");
    assert_int_equal(sent_since(before, "escalation", NULL), 0);
}

/* A chain that cannot be read is set aside and alarmed; the others go on. */
static void test_bad_chain_is_set_aside(void **state) {
    (void)state;
    do_("advocate link ADV-1 --participant P-1 --case-ref HAVEN-1");
    const char *session = missed();

    sabotage("UPDATE escalation SET policy='nonsense' WHERE audience='advocate'");
    pass("2d");
    assert_int_equal(sql_int("SELECT quarantined FROM escalation WHERE audience='advocate'"), 1);
    assert_true(in_chain(0, chain_id("supervisor", session), "SUP-2") >= 1);
    assert_true(sql_int("SELECT count(*) FROM message WHERE kind='alarm' AND topic='quarantine' "
                        "AND state='accepted'") >= 1);
    assert_true(*chain_id("supervisor", session));
    do_("health");
    assert_string_equal(reply_text("healthy"), "");
}

/* A row whose very name cannot be read cannot be set aside by it; the others go on all the same. */
static void test_what_has_no_name_is_set_aside(void **state) {
    static const char *const names[] = {"'x'||char(0)||'y'", "''",
                                        "'M-with-far-more-letters-than-any-name-has'"};
    static const char *const tables[] = {"escalation", "task", "session", "message"};
    (void)state;
    do_("advocate link ADV-1 --participant P-1 --case-ref HAVEN-1");
    plan("P-1");
    gateway("mail", OUTCOME_GATEWAY_DOWN); /* some messages wait */
    record(session_id("P-1", 1), "AFTA", "PR-1");
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        for (size_t t = 0; t < ARRAY_COUNT(tables); t++) {
            if (sql_int("SELECT count(*) FROM %s WHERE quarantined=0 AND wake_us IS NOT NULL",
                        tables[t]) == 0) {
                continue;
            }
            sabotage("PRAGMA ignore_check_constraints=ON; PRAGMA foreign_keys=OFF;"
                     "UPDATE %s SET id=%s,wake_us=1 WHERE rowid=(SELECT max(rowid) FROM %s WHERE "
                     "quarantined=0 AND wake_us IS NOT NULL)",
                     tables[t], names[i], tables[t]);
        }
        pass("20m");
    }
    assert_true(sql_int("SELECT count(*) FROM escalation WHERE quarantined=1") >= 1);
    assert_true(sql_int("SELECT count(*) FROM message WHERE quarantined=1") >= 1);
    assert_true(sql_int("SELECT count(*) FROM session WHERE quarantined=1") == 3);
    gateway("mail", OUTCOME_ACCEPTED);
    pass("2d");
    do_("health");
    assert_string_equal(reply_text("healthy"), "");
    assert_true(sent("alarm", "operator") >= 1);
}

/* A link that cannot be read must not keep the supervisors from hearing of the miss. */
static void test_bad_link_does_not_hide_the_miss(void **state) {
    (void)state;
    do_("advocate link ADV-1 --participant P-1 --case-ref HAVEN-1");
    plan("P-1");
    const char *session = session_id("P-1", 1);
    sabotage("UPDATE link SET case_ref=zeroblob(40)");
    record(session, "AFTA", "PR-1");
    pass("6m");
    assert_int_equal(sent("escalation", "SUP-1"), 1);
    assert_int_equal(sent("missed_contact", "P-1"), 1);
    assert_true(sent("alarm", "operator") >= 1);
}

/* So must a supervisor's row that cannot be read: the next one and the operator learn of it. */
static void test_bad_supervisor_does_not_hide_the_miss(void **state) {
    (void)state;
    plan("P-1");
    const char *session = session_id("P-1", 1);
    sabotage("UPDATE supervisor SET name=zeroblob(40) WHERE id='SUP-1'");
    record(session, "AFTA", "PR-1");
    pass("6m");
    assert_int_equal(sql_int("SELECT quarantined FROM session WHERE id='%s'", session), 0);
    assert_int_equal(sql_int("SELECT count(*) FROM escalation WHERE audience='supervisor'"), 1);
    assert_int_equal(sent("missed_contact", "P-1"), 1);
    assert_int_equal(sent("officer_notice", "OFF-1"), 1);
    assert_true(sent("alarm", "operator") >= 1);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_steps_in_working_hours),
        TEST(test_first_notice_at_any_hour),
        TEST(test_absent_supervisor_is_passed),
        TEST(test_nobody_there_reaches_the_operator),
        TEST(test_supervisor_without_next),
        TEST(test_refused_mail_goes_on_at_once),
        TEST(test_late_refusal_of_an_old_step_changes_nothing),
        TEST(test_exhausted_repeats_each_working_day),
        TEST(test_exhausted_waits_over_a_bank_holiday),
        TEST(test_exhausted_turns_health_red),
        TEST(test_links_of_a_cycle_are_all_good),
        TEST(test_ack_stops_the_steps_and_cancels_what_waits),
        TEST(test_ack_while_a_mail_is_under_way),
        TEST(test_ack_lapses_to_the_same_step_and_the_next),
        TEST(test_ack_over_a_weekend_lasts_working_days),
        TEST(test_chains_are_apart),
        TEST(test_nobody_acknowledges_their_own_miss),
        TEST(test_resolved_is_the_end),
        TEST(test_advocate_then_a_call_then_the_operator),
        TEST(test_advocate_is_called_again),
        TEST(test_unrecorded_chain),
        TEST(test_bad_chain_is_set_aside),
        TEST(test_what_has_no_name_is_set_aside),
        TEST(test_bad_link_does_not_hide_the_miss),
        TEST(test_bad_supervisor_does_not_hide_the_miss),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
