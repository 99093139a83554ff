/* Numbers and addresses that two people share: refused at entry with one sentence; found at send,
 * the advocate's notice waits and the participant's message goes as if there were no advocate. */
#include "engine_world.h"

#include <stdlib.h>

#define SHARED "both@mail.example"

static void linked(void) {
    do_("advocate link ADV-1 --participant P-1 --case-ref CASE-1");
}

/* As after a restore: the list says that the advocate's address is somebody else's. */
static void give_away(const char *noun, const char *id) {
    sabotage("UPDATE contact SET noun='%s', id='%s', field='lost' WHERE noun='advocate' AND "
             "id='ADV-1' AND field='email'",
             noun, id);
}

static size_t to_advocate(void) {
    return sent("advocate_notice", "ADV-1");
}

static int held(void) {
    return sql_int("SELECT count(*) FROM message WHERE recipient='ADV-1' AND state='held' AND "
                   "reason='address_shared'");
}

static int alarms(void) {
    return sql_int("SELECT count(*) FROM message WHERE kind='alarm' AND topic='address_shared'");
}

static void test_an_advocates_notice_waits(void **state) {
    (void)state;
    linked();
    give_away("participant", "P-9");
    plan("P-1");
    run();
    assert_int_equal(to_advocate(), 0);
    assert_int_equal(held(), 1);
    assert_int_equal(alarms(), 1);
    assert_null(strstr(last_sent("alarm", "operator")->body, "@"));
    at("2027-01-04 10:00");
    assert_int_equal(sent("confirmation", "P-1"), 2); /* a text and a mail */
    pass("20h");
    assert_true(alarms() <= 2); /* once a day */
    do_("release --held");      /* a person's word does not make the address safe */
    pass("2h");
    assert_int_equal(to_advocate(), 0);
    do_("advocate set ADV-1 --email right@haven.example");
    pass("2h");
    assert_int_equal(to_advocate(), 1);
    assert_string_equal(last_sent("advocate_notice", "ADV-1")->to, "right@haven.example");
    assert_int_equal(held(), 0);
}

static void test_whoever_has_it(void **state) {
    static const char *const nouns[][2] = {{"participant", "P-1"},
                                           {"participant", "P-9"},
                                           {"supervisor", "SUP-1"},
                                           {"advocate", "ADV-2"},
                                           {"officer", "OFF-1"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(nouns); i++) {
        world_close();
        world_open(NULL, NULL);
        world_cast();
        linked();
        give_away(nouns[i][0], nouns[i][1]);
        plan("P-1");
        run();
        assert_int_equal(to_advocate(), 0);
        assert_int_equal(held(), 1);
        assert_int_equal(alarms(), 1);
    }
}

/* Their chain does not wait with it: the supervisor is asked to call the service. */
static void test_the_chain_goes_on(void **state) {
    (void)state;
    linked();
    plan("P-1");
    give_away("participant", "P-9");
    record(session_id("P-1", 1), "AFTA", "PR-1");
    pass("20m");
    assert_int_equal(sql_int("SELECT count(*) FROM message WHERE topic='missed_provisional' AND "
                             "state='held' AND reason='address_shared'"),
                     1);
    assert_int_equal(sql_int("SELECT count(*) FROM task WHERE kind='call_advocate' AND "
                             "state='open' AND owner='SUP-1'"),
                     1);
}

/* The address of the participant whom it is about, whoever the list says it belongs to. */
static void test_its_own_participant(void **state) {
    (void)state;
    linked();
    do_("participant set P-1 --sms no --email " SHARED);
    sabotage("DELETE FROM contact WHERE noun='participant' AND id='P-1' AND field='email'");
    do_("advocate set ADV-1 --email " SHARED);
    plan("P-1");
    run();
    assert_int_equal(to_advocate(), 0);
    assert_int_equal(held(), 1);
    at("2027-01-04 10:00");
    assert_int_equal(sent("confirmation", "P-1"), 1);
    assert_string_equal(last_sent("confirmation", "P-1")->to, SHARED);
}

/* A mail for staff does not go to a participant's mailbox either; the next one is told at once. */
static void test_staff(void **state) {
    (void)state;
    plan("P-1");
    sabotage("UPDATE contact SET noun='participant', id='P-9', field='lost' WHERE id='SUP-1' AND "
             "field='email'");
    record(session_id("P-1", 1), "AFTA", "PR-1");
    pass("20m");
    assert_int_equal(sent("escalation", "SUP-1"), 0);
    assert_int_equal(sent("escalation", "SUP-2"), 1);
    assert_true(alarms() >= 1);
    assert_int_equal(sent("missed_contact", "P-1"), 1);
}

/* What a participant gets, when and where, while the list of addresses is at odds. */
static char *weeks(bool shared) {
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);

    world_close();
    world_open(NULL, NULL);
    world_cast();
    linked();
    if (shared) {
        sabotage("DELETE FROM contact WHERE noun='participant' AND id='P-1'");
        do_("advocate set ADV-1 --email p1@mail.example");
        give_away("participant", "P-1");
    }
    plan("P-1");
    record(session_id("P-1", 1), "AFTA", "PR-1");
    at("2027-01-13 09:00");
    assert_non_null(out);
    for (size_t i = 0; i < w.sent_count; i++) {
        const struct sent *s = &w.sent[i];
        if (s->audience == AUDIENCE_PARTICIPANT || s->audience == AUDIENCE_PRACTITIONER) {
            (void)fprintf(out, "%s %lld %s %s %s\n", s->message_id, (long long)s->at.us, s->to,
                          s->subject, s->body);
        }
    }
    assert_int_equal(fclose(out), 0);
    return text;
}

static void test_the_participant_does_not_notice(void **state) {
    (void)state;
    char *apart = weeks(false), *shared = weeks(true);

    assert_true(strlen(apart) > 500);
    assert_string_equal(apart, shared);
    free(apart);
    free(shared);
}

/* A number that two participants share is written to for one of them only; for the other somebody
 * phones. */
static void test_two_participants(void **state) {
    (void)state;
    plan("P-1");
    sabotage("UPDATE contact SET id='P-9', field='lost' WHERE noun='participant' AND id='P-1' AND "
             "field='mobile'");
    const size_t before = w.sent_count;

    at("2027-01-05 09:00"); /* after the evening of the reminder */
    for (size_t i = before; i < w.sent_count; i++) {
        assert_true(w.sent[i].audience != AUDIENCE_PARTICIPANT || w.sent[i].channel != CHANNEL_SMS);
    }
    assert_int_equal(sql_int("SELECT count(*) FROM message WHERE recipient='P-1' AND "
                             "kind='reminder' AND state='cancelled' AND reason='number_shared'"),
                     1);
    assert_int_equal(sql_int("SELECT count(*) FROM message WHERE recipient='P-1' AND "
                             "kind='reminder' AND channel='email' AND state='accepted'"),
                     1);
}

/* At entry: one sentence, and no table is changed, whatever the cause. */
static void test_entry(void **state) {
    static const char *const writers[] = {"participant set P-1",
                                          "officer set OFF-1",
                                          "advocate set ADV-1",
                                          "practitioner set PR-1",
                                          "supervisor set SUP-1",
                                          ("participant add P-7 --programme cobi-12 --route spo "
                                           "--practitioner PR-1 --office O-1 --name X")};
    static const char *const owners[] = {"participant P-8", "officer OFF-8", "advocate ADV-8",
                                         "practitioner PR-8", "supervisor SUP-8"};
    static const char *const adds[] = {("participant add P-8 --programme cobi-12 --route spo "
                                        "--practitioner PR-1 --office O-1 --name Y"),
                                       "officer add OFF-8 --organisation O --name Y",
                                       "advocate add ADV-8 --service S --name Y",
                                       ("practitioner add PR-8 --office O-1 --hours 'Mon-Fri "
                                        "09:00-17:00' --supervisor SUP-1 --name Y"),
                                       "supervisor add SUP-8 --name Y"};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(owners); i++) {
        do_("%s --email taken%zu@mail.example", adds[i], i);
    }
    for (size_t writer = 0; writer < ARRAY_COUNT(writers); writer++) {
        char *sentence = NULL;
        for (size_t i = 0; i < ARRAY_COUNT(owners); i++) {
            char *before = dump(true);
            assert_int_equal(try_("%s --email Taken%zu@mail.example", writers[writer], i), 409);
            unchanged(before, true, writers[writer]);
            sentence = sentence ? sentence : strdup(error_text());
            assert_string_equal(error_text(), sentence);
        }
        assert_non_null(strstr(sentence, "this number or address cannot be used here"));
        free(sentence);
    }
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_an_advocates_notice_waits),
        TEST(test_whoever_has_it),
        TEST(test_the_chain_goes_on),
        TEST(test_its_own_participant),
        TEST(test_staff),
        TEST(test_the_participant_does_not_notice),
        TEST(test_two_participants),
        TEST(test_entry),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
