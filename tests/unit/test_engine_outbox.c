/* Messages between birth and end: what is asked again before they leave, what an answer means, what
 * gateways may do, and that every end reaches a person. */
#include "engine_world.h"

#include "../../src/engine/turn.h"

#include <errno.h>

static const char *state_of(const char *message) {
    return sql("SELECT state FROM message WHERE id='%s'", message);
}

static const char *reason_of(const char *message) {
    return sql("SELECT reason FROM message WHERE id='%s'", message);
}

/* The evening before P-1's second session, its reminder's text is handed over and not answered. */
static const char *reminder_under_way(void) {
    plan("P-1");
    at("2027-01-11 17:59");
    assert_int_equal(strncmp(session_start(session_id("P-1", 2)), "2027-01-12", 10), 0);
    gateway_mute("texts", true);
    at("2027-01-11 18:00");
    return last_sent("reminder", "P-1")->message_id;
}

/* The same, still queued because the gateway is busy. */
static const char *reminder_queued(void) {
    plan("P-1");
    at("2027-01-11 17:59");
    gateway("texts", OUTCOME_TRANSIENT);
    at("2027-01-11 18:00");
    const char *id = sql("SELECT id FROM message WHERE kind='reminder' AND state='queued'");
    assert_true(*id);
    return id;
}

/* ---- claims look again ---- */

static void test_stop_between_birth_and_claim(void **state) {
    (void)state;
    static const struct {
        const char *verb, *rest, *state, *reason; /* the session's id goes between */
    } rows[] = {
        {"session move", "--to '2027-01-14 10:00' --by service", "cancelled", "session_moved"},
        {"session cancel", "--by service", "cancelled", "session_cancelled"},
        {"session outcome", "AAME --as PR-1", "cancelled", "outcome_recorded"},
        {"participant pause P-1 --because health", NULL, "cancelled", "participant_paused"},
        {"participant withdraw P-1 --because other", NULL, "cancelled", "participant_withdrawn"},
        {"participant end P-1 --because order_ended", NULL, "cancelled", "participant_ended"},
    };

    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        const char *id = reminder_queued();
        do_("%s %s %s", rows[i].verb, rows[i].rest ? session_id("P-1", 2) : "",
            rows[i].rest ? rows[i].rest : "");
        gateway("texts", OUTCOME_ACCEPTED);
        const size_t before = w.sent_count;
        pass("20h");
        assert_string_equal(state_of(id), rows[i].state);
        assert_string_equal(reason_of(id), rows[i].reason);
        for (size_t s = before; s < w.sent_count; s++) {
            assert_string_not_equal(w.sent[s].message_id, id);
        }
        assert_int_equal(sql_int("SELECT count(*) FROM message WHERE kind='reminder' AND "
                                 "session='%s' AND state='accepted' AND revision=0 AND "
                                 "step=1",
                                 session_id("P-1", 2)),
                         0);
        world_close();
        world_open(NULL, NULL);
        world_cast();
    }
}

static void test_stop_between_claim_and_answer(void **state) {
    (void)state;
    static const struct {
        const char *verb, *rest, *reason;
    } rows[] = {
        {"session move", "--to '2027-01-14 10:00' --by service", "sent_before_the_change"},
        {"session cancel", "--by service", "sent_before_the_change"},
        {"participant pause P-1 --because health", NULL, "sent_before_the_change"},
    };

    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        const char *id = reminder_under_way();
        do_("%s %s %s", rows[i].verb, rows[i].rest ? session_id("P-1", 2) : "",
            rows[i].rest ? rows[i].rest : "");
        assert_string_equal(state_of(id), "sending"); /* it cannot be called back */
        answer(last_sent("reminder", "P-1"), OUTCOME_ACCEPTED);
        assert_string_equal(state_of(id), "accepted");
        assert_string_equal(reason_of(id), rows[i].reason);
        world_close();
        world_open(NULL, NULL);
        world_cast();
    }
    /* Not sent after all: it must not be tried again. */
    const char *id = arena_copy(&w.arena, reminder_under_way());
    do_("session move %s --to '2027-01-14 10:00' --by service", session_id("P-1", 2));
    answer(last_sent("reminder", "P-1"), OUTCOME_TRANSIENT);
    gateway_mute("texts", false);
    pass("2h");
    assert_string_equal(state_of(id), "cancelled");
    assert_string_equal(reason_of(id), "session_moved");
    assert_int_equal(sent("change", "P-1"), 1);
}

static void test_texts_switched_off(void **state) {
    (void)state;
    const char *id = reminder_queued();

    do_("participant set P-1 --sms no");
    gateway("texts", OUTCOME_ACCEPTED);
    pass("1h");
    assert_string_equal(reason_of(id), "channel_off");
    assert_int_equal(last_sent("reminder", "P-1")->channel, CHANNEL_EMAIL); /* the other channel */
    do_("participant set P-1 --email ''");
    pass("1d");
    at("2027-01-18 20:00");
    assert_true(sql_int("SELECT count(*) FROM task WHERE kind='phone' AND session='%s'",
                        session_id("P-1", 3)) == 1);
}

/* ---- answers ---- */

static void test_lost_answer_of_a_reminder(void **state) {
    (void)state;
    const char *id = arena_copy(&w.arena, reminder_under_way());
    struct sent *text = last_sent("reminder", "P-1");

    answer(text, OUTCOME_UNCERTAIN);
    assert_string_equal(state_of(id), "unknown");
    gateway_mute("texts", false);
    pass("1h");
    size_t texts = 0;
    for (size_t i = 0; i < w.sent_count; i++) {
        texts += strcmp(w.sent[i].message_id, id) == 0;
    }
    assert_int_equal(texts, 1); /* never again ... */
    assert_int_equal(last_sent("reminder", "P-1")->channel,
                     CHANNEL_EMAIL); /* ... but by another way */
    /* An answer that comes twice, or late, changes nothing. */
    char *before = dump(true);
    struct delivery again = {.attempt = 1, .outcome = OUTCOME_ACCEPTED};
    memcpy(again.message_id, id, strlen(id) + 1);
    assert_int_equal(engine_delivered(w.engine, &again), 0);
    memcpy(again.message_id, "M-NOBODY", 9);
    assert_int_equal(engine_delivered(w.engine, &again), 0);
    unchanged(before, true, "something");
}

/* Answers and what is due are one turn: the commit that settles one message is that of the next
 * one's intent. Where the store is locked, neither has happened. */
static void test_pass(void **state) {
    (void)state;
    const char *id = arena_copy(&w.arena, reminder_under_way());
    struct delivery d = {.attempt = 1, .outcome = OUTCOME_ACCEPTED};
    const size_t before = w.sent_count;

    memcpy(d.message_id, id, strlen(id) + 1);
    do_("session move %s --to '2027-01-20 10:00' --by service", session_id("P-1", 3));
    assert_int_equal(sqlite3_exec(w.witness, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(engine_pass(w.engine, &d, 1), -EBUSY);
    assert_int_equal(sqlite3_exec(w.witness, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    assert_string_equal(state_of(id), "sending");
    assert_int_equal(w.sent_count, before);
    int r = engine_pass(w.engine, &d, 1); /* the change is born */
    assert_string_equal(state_of(id), "accepted");
    while (r > 0) {
        r = engine_pass(w.engine, NULL, 0);
    }
    assert_int_equal(r, 0);
    assert_int_equal(sent_since(before, "change", "P-1"), 1);
}

static void test_lost_answer_of_an_escalation(void **state) {
    (void)state;
    plan("P-1");
    record(session_id("P-1", 1), "AFTA", "PR-1");
    gateway("mail", OUTCOME_UNCERTAIN);
    pass("3h");
    assert_int_equal(sql_int("SELECT count(*) FROM attempt a JOIN message m ON m.id=a.message JOIN "
                             "escalation e ON e.id=m.escalation WHERE e.kind='missed' AND "
                             "m.recipient='SUP-1'"),
                     3); /* again, but not for ever */
    assert_null(strstr(w.sent[0].body, "repeat"));
    assert_non_null(strstr(last_sent("escalation", "SUP-1")->body, "may be a repeat"));
    assert_string_equal(
        sql("SELECT state FROM message WHERE kind='escalation' AND recipient='SUP-1'"), "unknown");
    assert_true(sent("escalation", "SUP-2") >= 1); /* nobody knows: so the next one is told */
    assert_true(
        sql_int("SELECT count(*) FROM message WHERE kind='alarm' AND topic='undelivered'") >= 1);
}

static void test_refused_number_goes_by_mail_then_by_phone(void **state) {
    (void)state;
    plan("P-1");
    gateway("texts", OUTCOME_REFUSED_RECIPIENT);
    at("2027-01-11 18:05");
    assert_int_equal(last_sent("reminder", "P-1")->channel, CHANNEL_EMAIL);
    assert_int_equal(sql_int("SELECT count(*) FROM task WHERE kind='phone' AND session<>''"), 0);
    gateway("mail", OUTCOME_REFUSED_RECIPIENT);
    at("2027-01-18 18:05");
    assert_int_equal(
        sql_int("SELECT count(*) FROM task WHERE kind='phone' AND session='%s' AND owner='PR-1'",
                session_id("P-1", 3)),
        1);
    assert_string_equal(sql("SELECT next_owner FROM task WHERE kind='phone' AND session='%s'",
                            session_id("P-1", 3)),
                        "SUP-1");
}

static void test_one_bad_message_only_itself(void **state) {
    (void)state;
    do_("participant add P-2 --programme cobi-12 --route sentence --practitioner PR-2 --office O-1 "
        "--name 'Gus Person' --mobile '07700 900002'");
    do_("participant add P-3 --programme cobi-12 --route sentence --practitioner PR-2 --office O-2 "
        "--name 'Hal Person' --mobile '07700 900003'");
    plan("P-1");
    plan("P-2");
    plan("P-3");
    /* The texts of one office cannot be rendered any more, and one row cannot be read. */
    sabotage("UPDATE office SET phone=zeroblob(30) WHERE id='O-2'");
    sabotage("UPDATE message SET not_after_us=1, channel='pigeon' WHERE participant='P-2' AND "
             "kind='confirmation'");
    at("2027-01-04 09:30");
    assert_true(sent("confirmation", "P-1") >= 1);
    assert_int_equal(sent("confirmation", "P-2"), 0);
    assert_int_equal(sent("confirmation", "P-3"), 0);
    assert_int_equal(
        sql_int("SELECT quarantined FROM message WHERE participant='P-2' AND kind='confirmation'"),
        1);
    assert_true(sent("alarm", "operator") >= 1);
    do_("health");
    assert_string_equal(reply_text("healthy"), "");
}

/* A name that would give the programme away is found before it leaves, and a person phones. */
static void test_word_in_a_value(void **state) {
    (void)state;
    do_("participant add P-2 --programme cobi-12 --route sentence --practitioner PR-2 --office O-1 "
        "--name 'Stalker Person' "
        "--mobile '07700 900002'");
    sabotage("UPDATE participant SET greeting='first-name' WHERE id='P-2'"); /* refused at entry */
    plan("P-2");
    at("2027-01-04 09:30");
    for (size_t i = 0; i < w.sent_count; i++) {
        assert_null(strstr(w.sent[i].body, "Stalker"));
    }
    const char *confirmation = sql(
        "SELECT state FROM message WHERE participant='P-2' AND kind='confirmation'");
    assert_true(strcmp(confirmation, "accepted") == 0 ||
                sql_int("SELECT count(*) FROM task WHERE kind='phone' AND participant='P-2'") == 1);
}

/* ---- windows and deadlines ---- */

static void test_postponed_into_the_window(void **state) {
    (void)state;
    at("2027-01-04 21:00");
    plan("P-1");
    do_("session move %s --to '2027-01-12 14:00' --by service", session_id("P-1", 2));
    run();
    assert_int_equal(sent(NULL, "P-1"), 0);
    at("2027-01-05 08:59");
    assert_int_equal(sent(NULL, "P-1"), 0);
    at("2027-01-05 09:00");
    assert_int_equal(sent("confirmation", "P-1"), 2); /* text and mail */
    assert_int_equal(sent("change", "P-1"), 0);       /* the confirmation says it all */
    for (size_t i = 0; i < w.sent_count; i++) {
        if (w.sent[i].kind == KIND_CONFIRMATION && w.sent[i].channel == CHANNEL_EMAIL) {
            assert_non_null(strstr(w.sent[i].body, "Tue 12 January 2027 at 2pm"));
        }
    }
}

static void test_expired_reminder_is_phoned(void **state) {
    (void)state;
    do_("participant set P-1 --email ''");
    plan("P-1");
    at("2027-01-11 17:59");
    gateway("texts", OUTCOME_TRANSIENT);
    at("2027-01-12 08:00"); /* the session is at nine */
    assert_string_equal(
        sql("SELECT state FROM message WHERE kind='reminder' AND session='%s' AND step=1",
            session_id("P-1", 2)),
        "expired");
    assert_int_equal(sql_int("SELECT count(*) FROM task WHERE kind='phone' AND session='%s'",
                             session_id("P-1", 2)),
                     1);
    gateway("texts", OUTCOME_ACCEPTED);
    const size_t before = w.sent_count;
    at("2027-01-12 12:00");
    assert_int_equal(sent_since(before, "reminder", NULL), 0); /* nothing stale */
}

/* Two moves before the first could be told: one text, from the time they know. */
static void test_two_moves_one_text(void **state) {
    (void)state;
    plan("P-1");
    at("2027-01-05 22:00");
    const char *second = session_id("P-1", 2);
    do_("session move %s --to '2027-01-13 10:00' --by service", second);
    do_("session move %s --to '2027-01-14 15:00' --by service", second);
    at("2027-01-06 10:00");
    assert_int_equal(sent("change", "P-1"), 1);
    assert_non_null(strstr(last_sent("change", "P-1")->body,
                           "Tue 12 Jan at 9am has moved to Thu 14 Jan at 3pm"));
    /* Moved and moved back before anybody was told: nothing to tell. */
    at("2027-01-06 22:00");
    do_("session move %s --to '2027-01-15 15:00' --by service", second);
    do_("session move %s --to '2027-01-14 15:00' --by service", second);
    at("2027-01-07 10:00");
    assert_int_equal(sent("change", "P-1"), 1);
    /* Moved and cancelled: the time they know is cancelled. */
    at("2027-01-07 22:00");
    do_("session move %s --to '2027-01-15 15:00' --by service", second);
    do_("session cancel %s --by service", second);
    at("2027-01-08 10:00");
    assert_int_equal(sent("change", "P-1"), 1);
    assert_non_null(
        strstr(last_sent("cancellation", "P-1")->body, "Thu 14 Jan at 3pm is cancelled"));
}

/* ---- gateways ---- */

static void test_breaker(void **state) {
    (void)state;
    plan("P-1");
    do_("participant add P-2 --programme cobi-12 --route sentence --practitioner PR-2 --office O-1 "
        "--name 'Gus Person' --mobile '07700 900002'");
    plan("P-2");
    at("2027-01-05 09:00");
    for (int n = 2; n <= 7; n++) {
        do_("session move %s --to '%.10s 14:30' --by service", session_id("P-1", n),
            session_start(session_id("P-1", n)));
        do_("session move %s --to '%.10s 14:30' --by service", session_id("P-2", n),
            session_start(session_id("P-2", n)));
    }
    gateway_mute("texts", true);
    run();
    size_t open = 0;
    for (size_t i = 0; i < w.sent_count; i++) {
        open += !w.sent[i].answered && w.sent[i].channel == CHANNEL_SMS &&
                w.sent[i].kind == KIND_CHANGE;
    }
    assert_int_equal(open, 8); /* so many at once */
    assert_true(instant_cmp(w.wake, w.now) > 0);
    /* All of them fail together: the breaker opens once, for a minute. */
    const size_t before = w.sent_count;
    for (size_t i = 0; i < before; i++) {
        if (!w.sent[i].answered && w.sent[i].channel == CHANNEL_SMS) {
            answer(&w.sent[i], OUTCOME_GATEWAY_DOWN);
        }
    }
    run();
    assert_int_equal(sent_since(before, "change", NULL), 0);
    pass("59s");
    assert_int_equal(sent_since(before, "change", NULL), 0);
    pass("2s");
    assert_int_equal(sent_since(before, "change", NULL), 1); /* one goes ahead */
    pass("5m");
    assert_int_equal(sent_since(before, "change", NULL), 1); /* and its answer is awaited */
    do_("health");
    assert_non_null(strstr(reply_text("trouble"), "gateway texts"));
    answer(last_sent("change", NULL), OUTCOME_ACCEPTED);
    gateway_mute("texts", false);
    pass("1m");
    assert_int_equal(
        sql_int(
            "SELECT count(*) FROM message WHERE kind='change' AND state IN('queued','sending')"),
        0);
    assert_int_equal(engine_in_flight(w.engine), 0);
    assert_int_equal(sql_int("SELECT count(*) FROM message WHERE topic='gateway' AND task='texts'"),
                     1);
    do_("health");
    assert_string_equal(reply_text("trouble"), "");
}

/* Changes of so many sessions of P-1, each a text that waits now. */
static void queue_changes(int count) {
    plan("P-1");
    at("2027-01-05 09:00");
    for (int n = 2; n < 2 + count; n++) {
        do_("session move %s --to '%.10s 14:30' --by service", session_id("P-1", n),
            session_start(session_id("P-1", n)));
    }
}

/* What waits for its lane is not written: a backlog costs nothing while it waits. It is not overdue
 * either, but after ten minutes health says so. */
static void test_a_shut_lane_leaves_its_rows_alone(void **state) {
    (void)state;
    world_close();
    world_open(NULL, "{ name = \"texts\"; type = \"spool\"; channel = \"sms\"; rate = \"1/h\"; },"
                     "{ name = \"mail\"; type = \"spool\"; channel = \"email\"; }");
    world_cast();
    queue_changes(6);
    run();
    const char *rows = "SELECT group_concat(id||state||wake_us||attempt_count) FROM message WHERE "
                       "state='queued'";
    const char *before = arena_copy(&w.arena, sql("%s", rows));
    const int waiting = sql_int("SELECT count(*) FROM message WHERE state='queued'");

    assert_true(waiting >= 5);
    pass("9m");
    do_("health");
    assert_string_equal(reply_text("trouble"), "");
    assert_string_equal(sql("%s", rows), before);
    pass("3m");
    do_("health");
    assert_non_null(strstr(reply_text("trouble"), "have waited for their gateway"));
    assert_int_equal(sql_int("SELECT count(*) FROM message WHERE state='queued'"), waiting);
    pass("50m");
    assert_int_equal(sql_int("SELECT count(*) FROM message WHERE state='queued'"), waiting - 1);
}

/* A lane that stays shut does not keep a message past its time: it ends then, and a person phones.
 */
static void test_a_shut_lane_does_not_hide_what_is_too_late(void **state) {
    (void)state;
    world_close();
    world_open(NULL, "{ name = \"texts\"; type = \"spool\"; channel = \"sms\"; rate = \"1/d\"; },"
                     "{ name = \"mail\"; type = \"spool\"; channel = \"email\"; }");
    world_cast();
    do_("participant set P-1 --email ''");
    queue_changes(2);
    sabotage("UPDATE message SET not_after_us=%lld WHERE state='queued' AND kind='change'",
             (long long)local("2027-01-05 09:20").us);
    run();
    const int waiting = sql_int(
        "SELECT count(*) FROM message WHERE kind='change' AND state='queued'");

    assert_true(waiting >= 1);
    pass("19m");
    assert_int_equal(
        sql_int("SELECT count(*) FROM message WHERE kind='change' AND state='expired'"), 0);
    pass("1m");
    assert_int_equal(
        sql_int("SELECT count(*) FROM message WHERE kind='change' AND state='expired'"), waiting);
    print_message(
        "%s\n",
        sql("SELECT group_concat(kind||' '||state||' '||reason||' '||channel||' "
            "'||(due_us/1000000)||' '||coalesce(not_after_us/1000000,0),char(10)) FROM message"));
    assert_int_equal(
        sql_int("SELECT count(*) FROM task WHERE kind='phone' AND about LIKE 'change%%'"), waiting);
}

/* A hundred alarms in an hour are twenty mails and one that says so; the next hour begins anew. */
static void test_alarms_are_not_a_storm(void **state) {
    (void)state;
    at("2027-01-05 09:01");
    const size_t before = w.sent_count;

    for (uint32_t i = 0; i < 100; i++) {
        const int end = i % 10 == 9 ? -EBUSY : 0; /* what is undone does not count */
        assert_int_equal(turn_begin(w.engine), 0);
        assert_int_equal(turn_alarm(w.engine, "storm", "S-1", i, "something is wrong"), 0);
        assert_int_equal(turn_alarm(w.engine, "storm", "S-1", i, "the same again"), 0);
        assert_int_equal(turn_end(w.engine, end), end);
    }
    run();
    assert_int_equal(sent_since(before, "alarm", NULL), 21);
    assert_int_equal(sql_int("SELECT count(*) FROM message WHERE topic='storm' AND task='many' AND "
                             "state='accepted'"),
                     1);
    assert_int_equal(sql_int("SELECT count(*) FROM message WHERE topic='storm' AND "
                             "state='skipped' AND reason='one_of_many'"),
                     70);
    pass("1h");
    assert_int_equal(turn_begin(w.engine), 0);
    assert_int_equal(turn_alarm(w.engine, "storm", "S-1", 1000, "again"), 0);
    assert_int_equal(turn_end(w.engine, 0), 0);
    run();
    assert_int_equal(sent_since(before, "alarm", NULL), 22);
}

static void test_backup(void **state) {
    (void)state;
    world_close();
    world_open(NULL,
               "{ name = \"texts\"; type = \"spool\"; channel = \"sms\"; backup = \"spare\"; },"
               "{ name = \"spare\"; type = \"spool\"; channel = \"sms\"; backup_only = true; },"
               "{ name = \"mail\"; type = \"spool\"; channel = \"email\"; }");
    world_cast();
    plan("P-1");
    at("2027-01-05 09:00");
    gateway("texts", OUTCOME_GATEWAY_DOWN);
    for (int n = 2; n <= 8; n++) {
        do_("session move %s --to '%.10s 15:00' --by service", session_id("P-1", n),
            session_start(session_id("P-1", n)));
    }
    pass("1h");
    assert_int_equal(sql_int("SELECT count(*) FROM message WHERE kind='change' AND "
                             "state='accepted' AND gateway='spare'"),
                     7);
    /* Never by both: only what certainly was not sent goes again. */
    gateway("texts", OUTCOME_ACCEPTED);
    pass("1h");
    for (size_t i = 0; i < w.sent_count; i++) {
        for (size_t j = i + 1; j < w.sent_count; j++) {
            if (strcmp(w.sent[i].message_id, w.sent[j].message_id) == 0) {
                assert_int_equal(w.sent[i].kind, KIND_CHANGE);
                assert_string_equal(w.sent[i].gateway, "texts");
            }
        }
    }
}

static void test_pacing(void **state) {
    (void)state;
    world_close();
    world_open(NULL, "{ name = \"texts\"; type = \"spool\"; channel = \"sms\"; rate = \"2/min\"; },"
                     "{ name = \"mail\"; type = \"spool\"; channel = \"email\"; }");
    world_cast();
    plan("P-1");
    at("2027-01-05 09:00");
    for (int n = 2; n <= 8; n++) {
        do_("session move %s --to '%.10s 15:00' --by service", session_id("P-1", n),
            session_start(session_id("P-1", n)));
    }
    const size_t before = w.sent_count;
    run();
    assert_int_equal(sent_since(before, "change", NULL), 2);
    pass("59s");
    assert_int_equal(sent_since(before, "change", NULL), 2);
    pass("1s");
    assert_int_equal(sent_since(before, "change", NULL), 4);
    pass("2m");
    assert_int_equal(sent_since(before, "change", NULL), 7);
}

/* However many mails for staff or services a turn has to look at, a participant's message leaves in
 * the turn in which it would have left without them: else its time tells of them. */
static void test_no_row_of_another_side_goes_before(void **state) {
    (void)state;
    plan("P-1");
    record(session_id("P-1", 1), "AFTA", "PR-1");
    pass("1h");
    const char *chain = arena_copy(&w.arena, chain_id("supervisor", session_id("P-1", 1)));
    at("2027-01-11 17:59");
    /* Their chain was acknowledged, so each is looked at and cancelled. */
    do_("escalation ack %s --as SUP-1", chain);
    sabotage("CREATE TEMP TABLE again AS SELECT * FROM message WHERE escalation='%s' AND "
             "recipient='SUP-1' AND channel='email' LIMIT 1; UPDATE again SET state='queued', "
             "recipient_address=NULL, subject=NULL, body=NULL, gateway='', provider_id='', "
             "sent_us=0, attempt_count=0, wake_us=%lld",
             chain, (long long)local("2027-01-11 18:00").us);
    for (int i = 0; i < 200; i++) {
        sabotage("UPDATE again SET id='M-TWICE%d', dedup_key='twice/%d'; INSERT INTO message "
                 "SELECT * FROM again",
                 i, i);
    }
    w.now = local("2027-01-11 18:00");
    const size_t before = w.sent_count;
    assert_true(engine_pass(w.engine, NULL, 0) >= 0);
    assert_int_equal(sent_since(before, "reminder", "P-1"), 1);
    assert_true(sql_int("SELECT count(*) FROM message WHERE dedup_key LIKE 'twice/%%' AND "
                        "state='queued'") > 0);
    run();
    assert_int_equal(sql_int("SELECT count(*) FROM message WHERE dedup_key LIKE 'twice/%%' AND "
                             "reason='acknowledged'"),
                     200);
}

static void test_not_even_begun(void **state) {
    (void)state;
    plan("P-1");
    at("2027-01-05 12:00");
    w.closed[gateway_index("texts")] = true;
    do_("session move %s --to '2027-01-12 15:00' --by service", session_id("P-1", 2));
    run();
    assert_int_equal(engine_in_flight(w.engine), 0);
    assert_string_equal(sql("SELECT state||attempt_count FROM message WHERE kind='change'"),
                        "queued1");
    w.closed[gateway_index("texts")] = false;
    pass("1h");
    assert_int_equal(sent("change", "P-1"), 1);
}

/* ---- restart ---- */

static void test_restart_while_sending(void **state) {
    (void)state;
    const char *reminder = arena_copy(&w.arena, reminder_under_way());

    do_("session outcome %s AFTA --as PR-1", session_id("P-1", 1));
    gateway_mute("mail", true);
    pass("6m");
    struct sent *escalation = last_sent("escalation", "SUP-1"),
                *officer = last_sent("officer_notice", "OFF-1");
    const char *ids[] = {escalation->message_id, officer->message_id};
    const size_t before = w.sent_count;
    world_restart();
    gateway_mute("mail", false);
    gateway_mute("texts", false);
    assert_string_equal(state_of(reminder), "unknown");
    for (size_t i = 0; i < ARRAY_COUNT(ids); i++) {
        assert_string_equal(state_of(ids[i]), "queued");
        assert_int_equal(sql_int("SELECT repeat FROM message WHERE id='%s'", ids[i]), 1);
    }
    pass("1h");
    assert_non_null(strstr(last_sent("escalation", "SUP-1")->body, "may be a repeat"));
    assert_non_null(strstr(last_sent("officer_notice", "OFF-1")->body, "may be a repeat"));
    for (size_t i = before; i < w.sent_count; i++) {
        assert_string_not_equal(w.sent[i].message_id, reminder);
    }
    assert_int_equal(sql_int("SELECT count(*) FROM message WHERE state='sending'"), 0);
    assert_int_equal(engine_in_flight(w.engine), 0);
}

/* Each kind by its policy: what may repeat goes again and says so, the others never do. */
static void test_restart_by_kind(void **state) {
    (void)state;
    do_("advocate link ADV-1 --participant P-1 --case-ref H");
    plan("P-1");
    at("2027-01-11 17:00");
    do_("session outcome %s AFTA --as PR-1", session_id("P-1", 1));
    w.now = local("2027-01-11 18:00"); /* not one tick since */
    gateway_mute("mail", true);
    gateway_mute("texts", true);
    do_("session move %s --to '2027-01-20 10:00' --by service", session_id("P-1", 3));
    do_("session cancel %s --by service", session_id("P-1", 4));
    plan("P-1");
    run();
    pass("5m");
    struct arena kept = {0};
    const int count = sql_int("SELECT count(*) FROM message WHERE state='sending'");
    const char *list = arena_copy(
        &kept, sql("SELECT group_concat(id||' '||kind, ',') FROM message WHERE state='sending'"));
    assert_true(sql_int("SELECT count(DISTINCT kind) FROM message WHERE state='sending'") >= 7);
    world_restart();
    int seen = 0;
    for (const char *p = list; *p; p += strcspn(p, ",") + (p[strcspn(p, ",")] == ',')) {
        char id[MESSAGE_ID_SIZE], kind_name[24];
        enum message_kind kind;
        assert_int_equal(sscanf(p, "%32s %23[a-z_]", id, kind_name), 2);
        assert_int_equal(message_kind_from_text(kind_name, &kind), 0);
        assert_string_equal(state_of(id), kind_policies[kind].may_repeat ? "queued" : "unknown");
        assert_int_equal(sql_int("SELECT repeat FROM message WHERE id='%s'", id),
                         kind_policies[kind].may_repeat);
        assert_string_equal(sql("SELECT outcome FROM attempt WHERE message='%s'", id), "uncertain");
        seen++;
    }
    assert_int_equal(seen, count);
    arena_done(&kept);
}

/* A row left sending that cannot be settled does not keep the daemon from starting. */
static void test_restart_with_a_bad_row(void **state) {
    (void)state;
    const char *id = arena_copy(&w.arena, reminder_under_way());

    sabotage("UPDATE participant SET name=zeroblob(30)");
    world_restart();
    assert_int_equal(sql_int("SELECT quarantined FROM message WHERE id='%s'", id), 1);
    run();
    assert_true(sent("alarm", "operator") >= 1);
}

/* An answer whose consequences cannot be decided does not hang either. */
static void test_answer_for_a_bad_row(void **state) {
    (void)state;
    const char *id = arena_copy(&w.arena, reminder_under_way());

    sabotage("UPDATE participant SET name=zeroblob(30)");
    answer(last_sent("reminder", "P-1"), OUTCOME_REFUSED_RECIPIENT);
    assert_int_equal(sql_int("SELECT quarantined FROM message WHERE id='%s'", id), 1);
    assert_int_equal(engine_in_flight(w.engine), 0);
    run();
    assert_true(sent("alarm", "operator") >= 1);
}

static void test_retry_by_hand(void **state) {
    (void)state;
    plan("P-1");
    record(session_id("P-1", 1), "AFTA", "PR-1");
    gateway("mail", OUTCOME_REFUSED_RECIPIENT);
    pass("6m");
    const char *id = sql("SELECT id FROM message WHERE kind='officer_notice'");
    assert_string_equal(state_of(id), "failed");
    gateway("mail", OUTCOME_ACCEPTED);
    do_("message retry %s", id);
    refused(409, "sent again already", arena_printf(&w.arena, "message retry %s", id));
    run();
    assert_int_equal(sql_int("SELECT count(*) FROM message WHERE kind='officer_notice' AND "
                             "state='accepted' AND ordinal=100"),
                     1);
    assert_string_equal(state_of(id), "failed"); /* the old one keeps its end */
    refused(
        409, "is accepted",
        arena_printf(&w.arena, "message retry %s",
                     sql("SELECT id FROM message WHERE kind='officer_notice' AND ordinal=100")));
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_stop_between_birth_and_claim),
        TEST(test_stop_between_claim_and_answer),
        TEST(test_texts_switched_off),
        TEST(test_pass),
        TEST(test_lost_answer_of_a_reminder),
        TEST(test_lost_answer_of_an_escalation),
        TEST(test_refused_number_goes_by_mail_then_by_phone),
        TEST(test_one_bad_message_only_itself),
        TEST(test_word_in_a_value),
        TEST(test_postponed_into_the_window),
        TEST(test_expired_reminder_is_phoned),
        TEST(test_two_moves_one_text),
        TEST(test_breaker),
        TEST(test_a_shut_lane_leaves_its_rows_alone),
        TEST(test_a_shut_lane_does_not_hide_what_is_too_late),
        TEST(test_alarms_are_not_a_storm),
        TEST(test_backup),
        TEST(test_pacing),
        TEST(test_no_row_of_another_side_goes_before),
        TEST(test_not_even_begun),
        TEST(test_restart_while_sending),
        TEST(test_restart_by_kind),
        TEST(test_restart_with_a_bad_row),
        TEST(test_answer_for_a_bad_row),
        TEST(test_retry_by_hand),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
