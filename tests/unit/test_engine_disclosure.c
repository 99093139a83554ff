/* What each audience is told, and what it must never be told: a world in which every field holds a
 * marker of its own, and two worlds that differ only on the advocates' side.
 *
 * These are the tests that matter most here: a participant must not learn, nor be able to infer,
 * that an advocate exists. */
#include "engine_world.h"

#include <ctype.h>
#include <regex.h>
#include <stdlib.h>

#define BIT(audience) (1u << AUDIENCE_##audience)
enum { NOBODY = 0, EVERYBODY = (1 << AUDIENCE_COUNT) - 1 };

/* Each marker, and the audiences that may read it in a mail or text. */
static const struct marker {
    const char *text;
    unsigned audiences;
    const char *recipient; /* only this one; NULL: any of the audience */
} markers[] = {
    {"Offizmark", NOBODY, NULL},
    {"Strasmark", NOBODY, NULL},
    {"Pracmark", BIT(SUPERVISOR) | BIT(PRACTITIONER), NULL},
    {"Supamark", BIT(SUPERVISOR) | BIT(PRACTITIONER), NULL},
    {"Servmark", NOBODY, NULL},
    {"Advomark", NOBODY, NULL},
    {"advomail", NOBODY, NULL},
    {"CASEMARK-1", BIT(ADVOCATE), "ADV-1"},
    {"CASEMARK-2", BIT(ADVOCATE), "ADV-2"},
    {"CASEMARK-3", BIT(ADVOCATE), "ADV-2"},
    {"Offimark", NOBODY, NULL},
    {"Orgamark", NOBODY, NULL},
    {"OREFMARK-1", BIT(OFFICER), "OFF-1"},
    {"Firstmark", BIT(PARTICIPANT), "REF-ONE"},
    {"Lastmark", NOBODY, NULL},
    {"Othermark", NOBODY, NULL},
    {"othermail", NOBODY, NULL},
    {"Placemark", BIT(PARTICIPANT), "REF-ONE"},
    {"Reasonmark", NOBODY, NULL},
    {"7700900101", NOBODY, NULL},
    {"07700 900101", NOBODY, NULL},
    {"pmail1", NOBODY, NULL},
    {"7723456789", NOBODY, NULL},
    {"ADV-1", NOBODY, NULL},
    {"ADV-2", NOBODY, NULL},
    {"SUP-", NOBODY, NULL},
    {"PRAC-1", NOBODY, NULL},
    {"OFF-1", NOBODY, NULL},
    {"REF-TWO", BIT(PRACTITIONER) | BIT(SUPERVISOR) | BIT(OPERATOR), NULL},
    {"REF-ONE", BIT(PRACTITIONER) | BIT(SUPERVISOR) | BIT(OPERATOR), NULL},
    {"/ack/", BIT(SUPERVISOR) | BIT(ADVOCATE), NULL},
    {"cobi-12", NOBODY, NULL},
    {"mindfulness", NOBODY, NULL},
    {"Twelve sessions", NOBODY, NULL},
    {"custody", NOBODY, NULL},
    {"AFTA", NOBODY, NULL},
    {"advoca", NOBODY, NULL},
};

static void marked_cast(void) {
    do_("office add O-1 --name Offizmark --address 'Strasmark 1' --phone '020 7946 0000' --rooms "
        "3");
    do_("supervisor add SUP-2 --name 'Supamark Two' --email supamail2@staff.example");
    do_("supervisor add SUP-1 --name 'Supamark One' --email supamail1@staff.example --next SUP-2");
    do_("practitioner add PRAC-1 --name Pracmark --email pracmail@staff.example --office O-1 "
        "--hours "
        "'Mon-Fri 09:00-17:00' --supervisor SUP-1");
    do_("officer add OFF-1 --name Offimark --email offimail@police.example --organisation "
        "Orgamark");
    do_("advocate add ADV-1 --service 'Servmark One' --name 'Advomark One' --email "
        "advomail1@haven.example --phone '07723 456789'");
    do_("advocate add ADV-2 --service 'Servmark Two' --name 'Advomark Two' --email "
        "advomail2@harbour.example");
    do_("participant add REF-ONE --programme cobi-12 --route spo --practitioner PRAC-1 --office "
        "O-1 "
        "--name 'Firstmark Lastmark' --mobile '07700 900101' "
        "--email pmail1@mail.example --greeting first-name --place-label Placemark --consequence "
        "yes --officer OFF-1 --officer-ref OREFMARK-1");
    do_("participant add REF-TWO --programme cobi-12 --route sentence --practitioner PRAC-1 "
        "--office "
        "O-1 "
        "--name 'Othermark Person' --mobile '07700 900102' "
        "--email othermail@mail.example");
}

/* In one of two worlds nothing goes well with the advocates' mails. */
static bool advocates_in_trouble;

static void advocates(enum outcome_class outcome) {
    if (advocates_in_trouble) {
        w.by_audience[AUDIENCE_ADVOCATE] = 1 + (int)outcome;
    }
}

/* Five weeks in which everything happens that this daemon knows. */
static void five_weeks(void) {
    plan("REF-ONE");
    plan("REF-TWO");
    advocates(OUTCOME_GATEWAY_DOWN);
    at("2027-01-05 08:00");
    do_("session move %s --to '2027-01-13 14:00' --by participant --reason 'Reasonmark move'",
        session_id("REF-ONE", 2));
    do_("session cancel %s --by service --reason 'Reasonmark cancel'", session_id("REF-ONE", 3));
    record(session_id("REF-ONE", 1), "ATTC", "PRAC-1");
    record(session_id("REF-TWO", 1), "AFTA", "PRAC-1");
    advocates(OUTCOME_REFUSED_RECIPIENT);
    record(session_id("REF-ONE", 2), "AFTA", "PRAC-1");
    pass("1h");
    advocates(OUTCOME_UNCERTAIN);
    at("2027-01-18 10:00"); /* nobody has acknowledged anything */
    do_("escalation ack %s --as SUP-2", chain_id("supervisor", session_id("REF-ONE", 2)));
    at("2027-01-20 10:00");
    plan("REF-ONE");
    do_("participant pause REF-ONE --because custody --reason 'Reasonmark pause'");
    at("2027-01-27 10:00");
    do_("participant resume REF-ONE --because other --reason 'Reasonmark resume'");
    w.answers[gateway_index("texts")] = OUTCOME_REFUSED_RECIPIENT;
    at("2027-02-05 12:00");
    w.answers[gateway_index("texts")] = OUTCOME_ACCEPTED;
    do_("participant withdraw REF-ONE --because other --reason 'Reasonmark withdraw'");
    pass("3d");
}

static bool may_read(const struct marker *m, const struct sent *s) {
    return (m->audiences & 1u << s->audience) &&
           (!m->recipient || strcmp(m->recipient, s->recipient) == 0);
}

static void check_marker(const struct marker *m, const struct sent *s) {
    const char *const parts[] = {s->subject, s->body, s->from, s->reference,
                                 s->audience == AUDIENCE_PARTICIPANT ? s->thread_id : ""};

    for (size_t i = 0; i < ARRAY_COUNT(parts); i++) {
        if (strstr(parts[i], m->text) && !may_read(m, s)) {
            fail_msg("%s to %s (%s) holds %s: %s | %s", message_kind_to_text(s->kind),
                     audience_to_text(s->audience), s->recipient, m->text, s->subject, s->body);
        }
    }
    /* A subject is shown on locked screens: it names nobody, and refers to a case for staff only.
     */
    if (strstr(s->subject, m->text) && strcmp(m->text, "REF-ONE") != 0 &&
        strcmp(m->text, "REF-TWO") != 0) {
        fail_msg("a subject holds %s", m->text);
    }
}

/* Our identifiers are for those who work with them. */
static void check_ids(const char *table, unsigned audiences) {
    const int count = sql_int("SELECT count(*) FROM \"%s\"", table);

    assert_true(count > 0);
    for (int row = 0; row < count; row++) {
        const char *id = sql("SELECT id FROM \"%s\" LIMIT 1 OFFSET %d", table, row);
        for (size_t i = 0; i < w.sent_count; i++) {
            if (strstr(w.sent[i].body, id) && !(audiences & 1u << w.sent[i].audience)) {
                fail_msg("a mail to %s holds %s", w.sent[i].recipient, id);
            }
        }
    }
}

static bool matches(const char *pattern, const char *text) {
    regex_t regex;

    assert_int_equal(regcomp(&regex, pattern, REG_EXTENDED | REG_ICASE | REG_NOSUB), 0);
    const bool found = regexec(&regex, text, 0, NULL, 0) == 0;

    regfree(&regex);
    return found;
}

static void check_participant(const struct sent *s) {
    assert_int_equal(disclose_find_word(s->body, NULL), -1);
    assert_int_equal(disclose_find_word(s->subject, NULL), -1);
    assert_int_equal(disclose_find_word(s->from, NULL), -1);
    assert_null(strstr(s->body, "http"));
    assert_null(strstr(s->body, "://"));
    assert_string_equal(s->thread_id, "");
    assert_false(
        matches("session|number [0-9]|programme|practitioner|supervisor|escalat", s->body));
    if (s->channel == CHANNEL_SMS) {
        assert_true(strlen(s->body) <= 160);
        assert_string_equal(s->subject, "");
    }
}

/* An advocate hears a status and past days: no time of day, no place, nothing that is to come. */
static void check_advocate(const struct sent *s) {
    static const char *const months[] = {"January", "February", "March", "April"};

    const char *link = strstr(s->body, "http"); /* what it and its code say by chance is no time */
    const char *text = arena_printf(&w.arena, "%.*s", link ? (int)(link - s->body) : 10000,
                                    s->body);

    assert_false(matches("[0-9]{1,2}(:[0-9]{2})? ?(am|pm)|midday|[0-9]{1,2}:[0-9]{2}", text));
    assert_int_equal(s->channel, CHANNEL_EMAIL);
    for (const char *p = s->body; (p = strstr(p, " 2027")) != NULL; p++) {
        struct date day = {.year = 2027};
        for (size_t m = 0; m < ARRAY_COUNT(months); m++) {
            const size_t length = strlen(months[m]);
            if (p - s->body >= (ptrdiff_t)length && strncmp(p - length, months[m], length) == 0) {
                day.month = (uint8_t)(m + 1);
                day.day = (uint8_t)strtol(p - length - 3, NULL, 10);
            }
        }
        assert_true(date_valid(day));
        assert_true(date_cmp(day, zone_civil(w.zone, s->at).date) <= 0);
    }
}

static void test_markers(void **state) {
    (void)state;
    marked_cast();
    do_("advocate link ADV-1 --participant REF-ONE --case-ref CASEMARK-1 --level all");
    do_("advocate link ADV-2 --participant REF-ONE --case-ref CASEMARK-2 --level missed");
    do_("advocate link ADV-2 --participant REF-TWO --case-ref CASEMARK-3 --level all");
    five_weeks();
    static const char *const kinds[] = {
        "confirmation",    "reminder", "change",     "cancellation",    "missed_contact",
        "outcome_request", "task",     "escalation", "advocate_notice", "officer_notice"};
    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
        if (sent(kinds[i], NULL) == 0) {
            fail_msg("the five weeks know no %s", kinds[i]);
        }
    }
    for (size_t i = 0; i < w.sent_count; i++) {
        const struct sent *s = &w.sent[i];
        for (size_t m = 0; m < ARRAY_COUNT(markers); m++) {
            if (strcmp(markers[m].text, "advoca") == 0 && s->audience == AUDIENCE_SUPERVISOR &&
                s->kind == KIND_TASK) {
                continue; /* the supervisor is to call the service */
            }
            check_marker(&markers[m], s);
        }
        if (s->audience == AUDIENCE_PARTICIPANT) {
            check_participant(s);
        }
        if (s->audience == AUDIENCE_ADVOCATE) {
            check_advocate(s);
        }
    }
    check_ids("session", BIT(PRACTITIONER) | BIT(SUPERVISOR) | BIT(OPERATOR));
    check_ids("escalation", BIT(OPERATOR));
    check_ids("task", BIT(PRACTITIONER) | BIT(SUPERVISOR) | BIT(OPERATOR));
    /* Addresses go to their owners. */
    for (size_t i = 0; i < w.sent_count; i++) {
        const struct sent *s = &w.sent[i];
        assert_int_equal(s->audience == AUDIENCE_ADVOCATE, strncmp(s->to, "advomail", 8) == 0);
        assert_int_equal(strcmp(s->to, "pmail1@mail.example") == 0 ||
                             strcmp(s->to, "+447700900101") == 0,
                         strcmp(s->recipient, "REF-ONE") == 0);
    }
}

/* The level `missed` hears of missed sessions, and that none was attended for long. */
static void test_level_missed(void **state) {
    (void)state;
    marked_cast();
    do_("advocate link ADV-1 --participant REF-ONE --case-ref CASEMARK-1 --level all");
    do_("advocate link ADV-2 --participant REF-ONE --case-ref CASEMARK-2 --level missed");
    five_weeks();
    for (size_t i = 0; i < w.sent_count; i++) {
        if (strcmp(w.sent[i].recipient, "ADV-2") == 0) {
            assert_true(strncmp(w.sent[i].topic, "missed", 6) == 0 ||
                        strcmp(w.sent[i].topic, "no_attendance") == 0);
        }
    }
    static const char *const all[] = {"enrolled", "started",   "missed_provisional",
                                      "paused",   "restarted", "ended"};
    for (size_t i = 0; i < ARRAY_COUNT(all); i++) {
        assert_true(sql_int("SELECT count(*) FROM message WHERE recipient='ADV-1' AND topic='%s' "
                            "AND state='accepted'",
                            all[i]) >= 1);
    }
}

/* ---- feeds ---- */

static char *feed_bytes(const char *owner) {
    struct feed_key key;
    struct feed_body body;
    char token[44];

    do_("feed create --%s", owner);
    (void)snprintf(token, sizeof token, "%.43s", strstr(reply_text("url"), "/feeds/") + 7);
    assert_int_equal(engine_feed_find(w.engine, token, &key), FEED_OK);
    assert_int_equal(engine_feed_build(w.engine, &key, &body), 0);
    return body.bytes;
}

static void test_markers_in_feeds(void **state) {
    (void)state;
    marked_cast();
    do_("advocate link ADV-1 --participant REF-ONE --case-ref CASEMARK-1 --level all");
    plan("REF-ONE");
    record(session_id("REF-ONE", 1), "AFTA", "PRAC-1");
    pass("1h");
    char *own = feed_bytes("participant REF-ONE"), *staff = feed_bytes("practitioner PRAC-1"),
         *office = feed_bytes("office O-1");
    for (size_t m = 0; m < ARRAY_COUNT(markers); m++) {
        const char *text = markers[m].text;
        if (strcmp(text, "REF-ONE") == 0 || strcmp(text, "REF-TWO") == 0) {
            assert_null(strstr(own, text));
        } else if (strstr(own, text) || strstr(staff, text) || strstr(office, text)) {
            fail_msg("a feed holds %s", text);
        }
    }
    assert_int_equal(disclose_find_word(own, NULL), -1);
    assert_null(strstr(own, "Session"));
    assert_non_null(strstr(own, "SUMMARY:Appointment"));
    assert_non_null(strstr(staff, "Session 2 of 12"));
    free(own);
    free(staff);
    free(office);
}

/* ---- two worlds ---- */

struct view {
    char *messages; /* what the participant, the practitioner and the officer got: each byte and
                       moment */
    char *sessions, *feed;
};

static char *collect(void) {
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);

    assert_non_null(out);
    for (size_t i = 0; i < w.sent_count; i++) {
        const struct sent *s = &w.sent[i];
        if (s->audience == AUDIENCE_PARTICIPANT || s->audience == AUDIENCE_PRACTITIONER ||
            s->audience == AUDIENCE_OFFICER) {
            (void)fprintf(out, "%s %lld %s %s %s %s %s\n%s\n", s->message_id, (long long)s->at.us,
                          s->gateway, s->to, s->from, s->reference, s->subject, s->body);
        }
    }
    assert_int_equal(fclose(out), 0);
    return text;
}

static struct view live_twice(bool linked) {
    struct view view;

    world_open(NULL, NULL);
    marked_cast();
    advocates_in_trouble = linked;
    if (linked) {
        do_("advocate link ADV-1 --participant REF-ONE --case-ref CASEMARK-1 --level all");
        do_("advocate link ADV-2 --participant REF-ONE --case-ref CASEMARK-2 --level missed");
    }
    five_weeks();
    view.messages = collect();
    view.sessions = strdup(
        sql("SELECT group_concat(id||uid||start_us||revision||revised_us||state) FROM (SELECT * "
            "FROM session ORDER BY id)"));
    view.feed = feed_bytes("participant REF-ONE");
    world_close();
    advocates_in_trouble = false;
    return view;
}

static void test_no_interference(void **state) {
    (void)state;
    struct view without = live_twice(false), with = live_twice(true);

    assert_true(strlen(without.messages) > 5000);
    assert_string_equal(without.messages, with.messages);
    assert_string_equal(without.sessions, with.sessions);
    assert_string_equal(without.feed, with.feed);
    free(without.messages);
    free(without.sessions);
    free(without.feed);
    free(with.messages);
    free(with.sessions);
    free(with.feed);
}

/* A slow advocates' side does not hold anybody else's messages, however many wait. */
static void test_no_interference_by_a_backlog(void **state) {
    (void)state;
    marked_cast();
    for (int i = 0; i < 31; i++) {
        do_("advocate add A%d --service S --name N --email a%d@haven.example", i, i);
        do_("advocate link A%d --participant REF-ONE --case-ref C%d", i, i);
        do_("advocate link A%d --participant REF-TWO --case-ref D%d", i, i);
    }
    at("2027-01-04 08:59");
    w.mute[gateway_index("mail")] = true; /* mails are taken and no answer comes */
    plan("REF-ONE");
    plan("REF-TWO");
    do_("participant add REF-THREE --programme cobi-12 --route sentence --practitioner PRAC-1 "
        "--office O-1 "
        "--name 'Third Person' --mobile '07700 900103'");
    at("2027-01-04 09:00");
    assert_true(
        sql_int("SELECT count(*) FROM message WHERE audience='advocate' AND state='queued'") >= 50);
    const size_t before = w.sent_count;
    plan("REF-THREE");
    run();
    assert_int_equal(sent_since(before, "confirmation", "REF-THREE"), 1);
}

/* A number that an advocate has is refused with the sentence that every collision has. */
static void test_collisions_all_sound_alike(void **state) {
    (void)state;
    marked_cast();
    static const char *const values[] = {
        "--mobile '07723 456789'",         /* an advocate's */
        "--mobile '+44 7700 900101'",      /* another participant's, written otherwise */
        "--email ADVOMAIL1@haven.example", /* an advocate's */
        "--email supamail1@staff.example", /* a supervisor's */
        "--email othermail@mail.example",  /* a participant's */
    };
    const char *sentence = NULL;

    for (size_t i = 0; i < ARRAY_COUNT(values); i++) {
        assert_int_equal(
            try_("participant add REF-SEVEN --programme cobi-12 --route spo --practitioner "
                 "PRAC-1 --office O-1 --name X %s",
                 values[i]),
            409);
        sentence = sentence ? sentence : error_text();
        assert_string_equal(error_text(), sentence);
    }
    do_("participant add REF-SEVEN --programme cobi-12 --route spo --practitioner PRAC-1 --office "
        "O-1 "
        "--name X");
    for (size_t i = 0; i < ARRAY_COUNT(values); i++) {
        assert_int_equal(try_("participant set REF-SEVEN %s", values[i]), 409);
        assert_string_equal(error_text(), sentence);
    }
    assert_null(strstr(sentence, "advoc"));
    do_("participant set REF-ONE --mobile '07700 900101'"); /* one's own is no collision */
}

static int setup(void **state) {
    (void)state;
    world_open(NULL, NULL);
    return 0;
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, world_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_markers),
        TEST(test_level_missed),
        TEST(test_markers_in_feeds),
        cmocka_unit_test(test_no_interference),
        TEST(test_no_interference_by_a_backlog),
        TEST(test_collisions_all_sound_alike),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
