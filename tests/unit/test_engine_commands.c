/* Commands: what is refused changes nothing, what reads changes nothing, what is carried out is
 * carried out whole. */
#include "engine_world.h"

#include <stdlib.h>

#include "cobi/base/gsm.h"

/* Any request as it may come over the socket. */
static int give(const char *noun, const char *verb, const char *arguments) {
    const struct actor actor = {.uid = 1000, .user = "tester", .access = COMMAND_ADMIN};
    const struct command *command = command_find(noun, verb);
    json_t *json = json_loads(arguments, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);

    assert_non_null(command);
    assert_non_null(json);
    json_decref(w.reply);
    w.reply = NULL;
    const int status = engine_command(w.engine, command, &actor, json, &w.reply);

    json_decref(json);
    return status;
}

/* ---- refusals ---- */

static void test_refusals(void **state) {
    (void)state;
    static const struct {
        int status;
        const char *text, *line;
    } rows[] = {
        {409, "is taken already", "supervisor add SUP-1 --name X --email x@staff.example"},
        {409, "is taken already",
         "practitioner add SUP-1 --name X --email x@staff.example --office O-1 --hours 'Mon-Fri "
         "09:00-17:00' --supervisor SUP-1"},
        {409, "is taken already",
         "advocate add PR-1 --service S --name X --email x@haven.example"}, /* one account is one
                                                                               role */
        {409, "reserved",
         "officer add operator --name X --email x@police.example --organisation Y"},
        {409, "come back", "supervisor set SUP-2 --next SUP-1"},
        {409, "come back", "supervisor set SUP-2 --next SUP-2"},
        {404, "no supervisor of that id", "supervisor set SUP-2 --next SUP-404"},
        {404, "no supervisor of that id", "practitioner set PR-1 --supervisor PR-2"},
        {404, "no programme of that id", "participant set P-1 --programme nothing"},
        {404, "no time zone", "office set O-1 --timezone Europe/Atlantis"},
        {404, "not found", "participant show P-404"},
        {404, "not found", "participant plan P-404"},
        {404, "not found", "participant withdraw P-404 --because other"},
        {400, "neutral", "participant set P-1 --place-label 'the Probation office'"},
        {400, "neutral", "participant set P-1 --place-label 'see www.map.example'"},
        {400, "neutral", "participant set P-1 --place-label 'https://map.example'"},
        {400, "neutral", "office set O-1 --name 'Victims and Courts House'"},
        {400, "--greeting", "participant set P-1 --name 'Court Alder' --greeting first-name"},
        {400, "mobile", "participant set P-1 --mobile 12345"},
        {400, "before --from", "practitioner absent PR-1 --from 2027-02-02 --to 2027-02-01"},
        {400, "at most a year", "practitioner absent PR-1 --from 2027-02-02 --to 2029-02-01"},
        {404, "no practitioner of that id",
         "practitioner absent PR-404 --from 2027-02-01 --to 2027-02-01"},
        {409, "not paused", "participant resume P-1 --because other"},
        {409, "this cannot be done", "participant pause P-1 --because other"},
        {404, "no advocate of that id", "advocate link ADV-404 --participant P-1 --case-ref X"},
        {404, "no participant of that id", "advocate link ADV-1 --participant P-404 --case-ref X"},
        {404, "is not linked", "advocate unlink ADV-1 --participant P-1"},
        {404, "not found", "escalation ack E-404 --as SUP-1"},
        {404, "not found", "message show M-404"},
        {404, "not found", "feed revoke F-404"},
        {404, "no template", "template show en/nothing.sms"},
        {404, "not found", "explain S-404"},
        {404, "not found", "preview P-404"},
        {403, "no member of staff", "participant plan P-1 --as P-1"},
    };

    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        refused(rows[i].status, rows[i].text, rows[i].line);
    }
    plan("P-1");
    refused(409, "participant reassign", "participant set P-1 --practitioner PR-2");
    refused(409, "pause the participant", "participant set P-1 --office O-2");
}

static void test_requests_nobody_types(void **state) {
    (void)state;
    static const struct {
        const char *noun, *verb, *arguments;
    } rows[] = {
        {"participant", "show", "[]"},
        {"participant", "show", "\"P-1\""},
        {"participant", "show", "{}"},
        {"participant", "set", "{\"id\": \"P-1\"}"},
        {"participant", "show", "{\"id\": 7}"},
        {"participant", "show", "{\"id\": null}"},
        {"participant", "show", "{\"id\": \"P-1\", \"id2\": \"x\"}"},
        {"participant", "show", "{\"id\": \"P-1\\u0000\"}"},
        {"participant", "show", "{\"id\": \"P-1\\n\"}"},
        {"participant", "set", "{\"id\": \"P-1\", \"name\": [\"A\", \"B\"]}"},
        {"participant", "set", "{\"id\": \"P-1\", \"name\": {}}"},
        {"participant", "set", "{\"id\": \"P-1\", \"name\": true}"},
        {"participant", "set", "{\"id\": \"P-1\", \"nome\": \"x\"}"},
        {"participant", "set", "{\"id\": \"P-1\", \"name\": \"a\\u0000b\"}"},
        {"participant", "set", "{\"id\": \"P-1\", \"unavailable\": [1]}"},
        {"participant", "plan", "{\"id\": \"P-1\", \"dry_run\": \"yes\"}"},
        {"participant", "plan", "{\"id\": \"P-1\", \"as\": \"\"}"},
        {"feed", "create", "{}"},
        {"feed", "create", "{\"practitioner\": \"PR-1\", \"office\": \"O-1\"}"},
        {"session", "outcome", "{\"id\": \"S-1\", \"id2\": \"ATTC\"}"},
        {"advocate", "link", "{\"id\": \"ADV-1\", \"participant\": \"P-1\"}"},
    };
    char *before = dump(true);

    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        const int status = give(rows[i].noun, rows[i].verb, rows[i].arguments);
        if (status < 400 || status >= 500 || !*error_text() || strchr(error_text(), '\n')) {
            fail_msg("%s: %d %s", rows[i].arguments, status, error_text());
        }
    }
    unchanged(before, true, "a request");
}

/* Every command of the table, with nothing and with ids of nothing: one line, no change, no end of
 * the process. */
static void test_every_command_with_nothing(void **state) {
    (void)state;
    plan("P-1");
    static const char *const arguments[] = {
        "{}", "{\"id\": \"X\"}", "{\"id\": \"X\", \"id2\": \"Y\"}",
        "{\"id\": \"X\", \"by\": \"service\", \"because\": \"other\"}",
        "{\"id\": \"X\", \"as\": \"SUP-1\", \"to\": \"2027-02-01 10:00\"}"};

    for (size_t c = 0; c < command_count; c++) {
        for (size_t a = 0; a < ARRAY_COUNT(arguments); a++) {
            const struct actor actor = {.user = "tester"};
            json_t *json = json_loads(arguments[a], 0, NULL), *reply = NULL;
            char *before = dump(false);
            const int status = engine_command(w.engine, &commands[c], &actor, json, &reply);
            assert_non_null(reply);
            if (status != 200) {
                assert_true(status >= 400 && status < 500);
                assert_non_null(json_string_value(json_object_get(reply, "error")));
            }
            if (status != 200 || commands[c].flags & COMMAND_READS) {
                unchanged(before, false, commands[c].verb);
            } else {
                free(before);
            }
            json_decref(json);
            json_decref(reply);
        }
    }
}

static void test_reading_changes_nothing(void **state) {
    (void)state;
    do_("advocate link ADV-1 --participant P-1 --case-ref H");
    plan("P-1");
    record(session_id("P-1", 1), "AFTA", "PR-1");
    pass("6m");
    const char *const lines[] = {
        "status",
        "health",
        "office list",
        "practitioner list",
        "supervisor list",
        "advocate list",
        "officer list",
        "participant list",
        "participant show P-1",
        "advocate show ADV-1",
        "session list",
        "session list --participant P-1 --state planned",
        "task list",
        "feed list",
        "message list",
        "message list --audience advocate",
        "escalation list --open",
        "template list",
        "template show en/reminder.sms",
        "preview P-1",
        arena_printf(&w.arena, "session show %s", session_id("P-1", 1)),
        arena_printf(&w.arena, "explain %s", session_id("P-1", 1)),
        arena_printf(&w.arena, "escalation show %s", sql("SELECT id FROM escalation")),
        arena_printf(&w.arena, "message show %s", sql("SELECT id FROM message")),
    };

    for (size_t i = 0; i < ARRAY_COUNT(lines); i++) {
        char *before = dump(false);
        do_("%s", lines[i]);
        unchanged(before, false, lines[i]);
    }
    assert_true(sql_int("SELECT count(*) FROM access_log") >= 15); /* consultations are on record */
    /* No participant's page says that there is an advocate. */
    do_("participant show P-1");
    char *page = json_dumps(w.reply, 0);
    assert_null(strstr(page, "ADV"));
    assert_null(strstr(page, "dvocate"));
    free(page);
}

/* ---- links ---- */

static void test_links(void **state) {
    (void)state;
    do_("advocate link ADV-1 --participant P-1 --case-ref HAVEN-1");
    refused(409, "linked to P-1 already",
            "advocate link ADV-1 --participant P-1 --case-ref HAVEN-1");
    do_("advocate link ADV-1 --participant P-1 --case-ref HAVEN-2");
    plan("P-1");
    run();
    assert_int_equal(sent("advocate_notice", "ADV-1"), 1);
    /* A link made later is told how things stand; who heard before is not told twice. */
    do_("advocate link ADV-2 --participant P-1 --case-ref HARBOUR-2 --level all");
    run();
    assert_int_equal(sent("advocate_notice", "ADV-1"), 1);
    assert_int_equal(sent("advocate_notice", "ADV-2"), 1);
    record(session_id("P-1", 1), "AFTA", "PR-1");
    gateway("mail", OUTCOME_TRANSIENT);
    pass("6m");
    /* Stop at once. */
    do_("advocate unlink ADV-1 --participant P-1");
    assert_int_equal(
        sql_int(
            "SELECT count(*) FROM message WHERE recipient='ADV-1' AND state IN('queued','held')"),
        0);
    assert_string_equal(sql("SELECT state FROM escalation WHERE advocate='ADV-1'"), "resolved");
    assert_string_equal(sql("SELECT state FROM escalation WHERE advocate='ADV-2'"), "waiting");
    gateway("mail", OUTCOME_ACCEPTED);
    const size_t before = w.sent_count;
    pass("3d");
    assert_int_equal(sent_since(before, NULL, "ADV-1"), 0);
    assert_true(sent_since(before, NULL, "ADV-2") >= 1);
    do_("advocate link ADV-1 --participant P-1 --case-ref HAVEN-3");
}

/* In flight when the link goes: it cannot be called back, but it is not tried again. */
static void test_unlinked_while_sending(void **state) {
    (void)state;
    do_("advocate link ADV-1 --participant P-1 --case-ref HAVEN-1");
    gateway_mute("mail", true);
    plan("P-1");
    run();
    struct sent *mail = last_sent("advocate_notice", "ADV-1");
    do_("advocate unlink ADV-1 --participant P-1");
    answer(mail, OUTCOME_TRANSIENT);
    gateway_mute("mail", false);
    pass("2h");
    assert_int_equal(sent("advocate_notice", "ADV-1"), 1);
    assert_string_equal(sql("SELECT state||' '||reason FROM message WHERE recipient='ADV-1'"),
                        "cancelled unlinked");
    assert_int_equal(sent("alarm", NULL), 0);
}

static void test_links_have_a_limit(void **state) {
    (void)state;
    for (int i = 0; i < 32; i++) {
        do_("advocate add A%d --service S --name N --email a%d@haven.example", i, i);
        do_("advocate link A%d --participant P-1 --case-ref C%d --level missed", i, i);
    }
    refused(409, "the most", "advocate link ADV-1 --participant P-1 --case-ref X");
    plan("P-1");
    record(session_id("P-1", 1), "AFTA", "PR-1");
    pass("6m");
    assert_int_equal(sent("advocate_notice", NULL), 32); /* each of them hears */
}

/* ---- preview ---- */

static void test_preview_is_what_is_sent(void **state) {
    (void)state;
    plan("P-1");
    at("2027-01-06 12:00");
    do_("preview P-1");
    char *expected = NULL, *when = NULL;

    for (size_t i = 0; i < json_array_size(w.reply); i++) {
        const json_t *o = json_array_get(w.reply, i);
        const char *body = json_string_value(json_object_get(o, "body"));
        if (strcmp(json_string_value(json_object_get(o, "channel")), "sms") == 0) {
            struct gsm_size size;
            assert_int_equal(gsm_measure(body, &size), 0);
            assert_int_equal(json_integer_value(json_object_get(o, "parts")), size.parts);
        }
        if (!expected && strcmp(json_string_value(json_object_get(o, "kind")), "reminder") == 0) {
            expected = strdup(body);
            when = strdup(json_string_value(json_object_get(o, "at")));
        }
    }
    assert_non_null(expected);
    at("2027-01-11 18:00");
    char now[INSTANT_TEXT_SIZE];
    instant_to_text(last_sent("reminder", "P-1")->at, now);
    assert_string_equal(last_sent("reminder", "P-1")->body, expected);
    assert_string_equal(now, when);
    free(expected);
    free(when);
}

/* ---- a locked database ---- */

static void test_locked_by_another_process(void **state) {
    (void)state;
    plan("P-1");
    run();
    assert_int_equal(sqlite3_exec(w.witness, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(try_("participant pause P-1 --because health"), 503);
    assert_non_null(strstr(error_text(), "locked by another process"));
    assert_true(engine_tick(w.engine) < 0);
    assert_int_equal(sqlite3_exec(w.witness, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    do_("participant pause P-1 --because health");
    run();
    assert_string_equal(sql("SELECT state FROM participant_state WHERE id='P-1'"), "paused");
}

/* An answer that comes while the database is locked is refused, can be given again, and is counted
 * once. */
static void test_answer_while_locked(void **state) {
    (void)state;
    gateway_mute("mail", true);
    gateway_mute("texts", true);
    at("2027-01-04 10:00");
    plan("P-1");
    run();
    struct sent *s = last_sent("confirmation", "P-1");
    const uint32_t in_flight = engine_in_flight(w.engine);
    struct delivery d = {.attempt = s->attempt, .outcome = OUTCOME_ACCEPTED};
    memcpy(d.message_id, s->message_id, sizeof d.message_id);
    assert_int_equal(sqlite3_exec(w.witness, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    for (int i = 0; i < 2; i++) {
        assert_true(engine_delivered(w.engine, &d) < 0);
        assert_int_equal(engine_in_flight(w.engine), in_flight);
    }
    assert_int_equal(sqlite3_exec(w.witness, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(engine_delivered(w.engine, &d), 0);
    assert_int_equal(engine_in_flight(w.engine), in_flight - 1);
    assert_string_equal(sql("SELECT state FROM message WHERE id='%s'", s->message_id), "accepted");
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_refusals),
        TEST(test_requests_nobody_types),
        TEST(test_every_command_with_nothing),
        TEST(test_reading_changes_nothing),
        TEST(test_links),
        TEST(test_unlinked_while_sending),
        TEST(test_links_have_a_limit),
        TEST(test_preview_is_what_is_sent),
        TEST(test_locked_by_another_process),
        TEST(test_answer_while_locked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
