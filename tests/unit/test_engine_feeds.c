/* Feeds: what they carry for whom, when their bytes and version change and when they must not, and
 * what a withdrawn one serves. */
#include "engine_world.h"

#include <errno.h>
#include <stdlib.h>

struct feed {
    char token[44], id[ID_SIZE];
};

static struct feed create(const char *owner) {
    struct feed feed;

    do_("feed create --%s", owner);
    (void)snprintf(feed.token, sizeof feed.token, "%.43s",
                   strstr(reply_text("url"), "/feeds/") + 7);
    (void)snprintf(feed.id, sizeof feed.id, "%s", reply_text("id"));
    return feed;
}

/* The bytes and the version now. Owned by the caller. */
static char *fetch(const struct feed *feed, uint64_t *ret_version) {
    struct feed_key key;
    struct feed_body body;

    assert_int_equal(engine_feed_find(w.engine, feed->token, &key), FEED_OK);
    assert_int_equal(engine_feed_build(w.engine, &key, &body), 0);
    *ret_version = key.version;
    return body.bytes;
}

static size_t count_of(const char *bytes, const char *text) {
    size_t count = 0;

    for (const char *p = bytes; (p = strstr(p, text)) != NULL; p++) {
        count++;
    }
    return count;
}

static size_t events(const struct feed *feed, const char *with) {
    uint64_t version;
    char *bytes = fetch(feed, &version);
    const size_t count = count_of(bytes, with);

    free(bytes);
    return count;
}

static void test_what_it_carries(void **state) {
    (void)state;
    plan("P-1");
    do_("participant add P-2 --programme cobi-12 --route sentence --practitioner PR-1 --office O-1 "
        "--name 'Gus Person'");
    do_("participant add P-3 --programme cobi-12 --route sentence --practitioner PR-2 --office O-1 "
        "--name 'Hal Person'");
    plan("P-2");
    plan("P-3");
    const struct feed worker = create("practitioner PR-1"), office = create("office O-1"),
                      own = create("participant P-1");

    assert_int_equal(events(&worker, "BEGIN:VEVENT"), 24); /* the whole plan */
    assert_int_equal(events(&office, "BEGIN:VEVENT"), 36);
    assert_int_equal(events(&worker, "P-3"), 0);
    assert_int_equal(events(&own, "BEGIN:VEVENT"), 4); /* 28 days ahead: 5, 12, 19 and 26 January */
    assert_int_equal(events(&own, "SUMMARY:Appointment"), 4);
    assert_int_equal(events(&own, "P-1"), 0);
    assert_int_equal(events(&own, "Session"), 0);
    at("2027-01-05 01:00");
    assert_int_equal(events(&own, "BEGIN:VEVENT"), 5); /* 2 February */
    /* Thirty days past, and the same UID in every feed. */
    const char *uid = sql("SELECT uid FROM session WHERE id='%s'", session_id("P-1", 1));
    assert_int_equal(events(&worker, uid), 1);
    assert_int_equal(events(&office, uid), 1);
    assert_int_equal(events(&own, uid), 1);
    at("2027-02-04 12:00");
    assert_int_equal(events(&worker, uid), 1);
    at("2027-02-05 12:00");
    assert_int_equal(events(&worker, uid), 0);
}

static void test_moved_and_cancelled(void **state) {
    (void)state;
    plan("P-1");
    const struct feed worker = create("practitioner PR-1"), own = create("participant P-1");
    const char *second = session_id("P-1", 2);

    do_("session move %s --to '2027-01-13 10:00' --by service", second);
    assert_int_equal(events(&worker, "SEQUENCE:1"), 1);
    assert_int_equal(events(&worker, "20270113T100000"), 1);
    do_("session cancel %s --by service", second);
    assert_int_equal(events(&worker, "SEQUENCE:2"), 1);
    assert_int_equal(events(&worker, "STATUS:CANCELLED"), 1);
    assert_int_equal(events(&worker, "SUMMARY:Cancelled: Session 2 of 12"), 1);
    assert_int_equal(events(&own, "SUMMARY:Cancelled: Appointment"), 1);
    /* It does not simply vanish: thirty days. */
    at("2027-02-12 12:00");
    assert_int_equal(events(&worker, "STATUS:CANCELLED"), 1);
    at("2027-02-13 12:00");
    assert_int_equal(events(&worker, "STATUS:CANCELLED"), 0);
}

/* version changes exactly when bytes change. */
static void expect_change(const struct feed *feed, bool changes, const char *what, char **bytes,
                          uint64_t *version) {
    uint64_t now;
    char *fresh = fetch(feed, &now);

    if ((strcmp(fresh, *bytes) != 0) != changes) {
        fail_msg("the bytes %s after: %s", changes ? "stay" : "change", what);
    }
    if ((now != *version) != changes) {
        fail_msg("the version %s after: %s", changes ? "stays" : "changes", what);
    }
    free(*bytes);
    *bytes = fresh;
    *version = now;
}

static void test_version(void **state) {
    (void)state;
    plan("P-1");
    const struct feed feeds[] = {create("practitioner PR-1"), create("participant P-1")};
    char *bytes[2];
    uint64_t versions[2];
    static const struct {
        bool changes[2]; /* of the practitioner's feed, of the participant's */
        const char *line;
    } rows[] = {
        {{false, false}, "advocate link ADV-1 --participant P-1 --case-ref H"},
        {{false, false}, "participant set P-1 --place-label 'the usual place'"},
        {{true, true}, "session move @1 --to '2027-01-06 10:00' --by service"},
        {{false, false}, "session move @2 --to '2027-01-14 10:00' --by service --dry-run"},
        {{true, true}, "session cancel @2 --by service"},
        {{true, false},
         "session move @9 --to '2027-03-03 10:00' --by service"}, /* beyond the participant's
                                                                     horizon */
        {{true, true}, "participant plan P-1"},
        {{false, false}, "advocate unlink ADV-1 --participant P-1"},
        {{true, true}, "participant pause P-1 --because health"},
        {{true, true}, "participant resume P-1 --because other"},
    };

    for (size_t f = 0; f < 2; f++) {
        bytes[f] = fetch(&feeds[f], &versions[f]);
    }
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char line[200];
        const char *mark = strchr(rows[i].line, '@');
        (void)snprintf(line, sizeof line, "%s", rows[i].line);
        if (mark) {
            (void)snprintf(line, sizeof line, "%.*s%s%s", (int)(mark - rows[i].line), rows[i].line,
                           session_id("P-1", mark[1] - '0'), mark + 2);
        }
        do_("%s", line);
        pass("2s");
        for (size_t f = 0; f < 2; f++) {
            expect_change(&feeds[f], rows[i].changes[f], line, &bytes[f], &versions[f]);
        }
    }
    /* Neither an outcome, nor what follows from it, nor an hour is a change. */
    record(session_id("P-1", 1), "AFTA", "PR-1");
    for (size_t f = 0; f < 2; f++) {
        free(bytes[f]);
        bytes[f] = fetch(&feeds[f], &versions[f]);
    }
    pass("6m");
    do_("escalation ack %s --as SUP-1", chain_id("supervisor", session_id("P-1", 1)));
    pass("1h");
    for (size_t f = 0; f < 2; f++) {
        expect_change(&feeds[f], false, "an outcome", &bytes[f], &versions[f]);
        free(bytes[f]);
    }
}

/* The day rolls over at local midnight, once. */
static void test_day_roll_over(void **state) {
    (void)state;
    plan("P-1");
    const struct feed own = create("participant P-1");
    uint64_t version, before, after;

    at("2027-01-04 23:59");
    char *bytes = fetch(&own, &before);
    free(bytes);
    at("2027-01-05 00:00");
    bytes = fetch(&own, &after);
    free(bytes);
    assert_true(before != after);
    at("2027-01-05 23:59");
    bytes = fetch(&own, &version);
    free(bytes);
    assert_true(version == after);
}

static void test_revoked(void **state) {
    (void)state;
    plan("P-1");
    const struct feed own = create("participant P-1"), other = create("participant P-1");
    struct feed_key key;
    struct feed_body body;

    do_("feed revoke %s", own.id);
    refused(409, "revoked already", arena_printf(&w.arena, "feed revoke %s", own.id));
    assert_int_equal(engine_feed_find(w.engine, own.token, &key), FEED_WITHDRAWN);
    assert_int_equal(engine_feed_build(w.engine, &key, &body), 0);
    assert_int_equal(count_of(body.bytes, "BEGIN:VEVENT"), 1);
    assert_non_null(strstr(body.bytes, "This calendar link has been withdrawn"));
    char *first = body.bytes;
    pass("29d");
    assert_int_equal(engine_feed_find(w.engine, own.token, &key), FEED_WITHDRAWN);
    assert_int_equal(engine_feed_build(w.engine, &key, &body), 0);
    assert_string_equal(first, body.bytes);
    free(first);
    free(body.bytes);
    pass("1d");
    assert_int_equal(engine_feed_find(w.engine, own.token, &key), FEED_UNKNOWN);
    assert_int_equal(engine_feed_find(w.engine, other.token, &key), FEED_OK); /* only the one */
}

static void test_tokens(void **state) {
    (void)state;
    const struct feed own = create("participant P-1");
    struct feed_key key = {.version = 77};
    static const char *const tokens[] = {"", "x", "0123456789012345678901234567890123456789012",
                                         "%00", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"};

    for (size_t i = 0; i < ARRAY_COUNT(tokens); i++) {
        assert_int_equal(engine_feed_find(w.engine, tokens[i], &key), FEED_UNKNOWN);
        assert_int_equal(key.version, 77); /* untouched */
    }
    /* Shown once, and not to be had from the database. */
    char *all = dump(true);
    assert_null(strstr(all, own.token));
    free(all);
    do_("feed list");
    assert_string_equal(reply_text("0.url"), "");
    assert_string_equal(reply_text("0.owner"), "P-1");
    refused(404, "no participant of that id", "feed create --participant P-404");
}

static void test_fetches_are_noted(void **state) {
    (void)state;
    const struct feed own = create("participant P-1");
    struct feed_key key;

    assert_int_equal(engine_feed_find(w.engine, own.token, &key), FEED_OK);
    for (int i = 0; i < 5; i++) {
        engine_feed_fetched(w.engine, &key);
    }
    assert_int_equal(sql_int("SELECT count(*) FROM access_log WHERE action='feed fetch'"),
                     1); /* at most once a minute */
    pass("61s");
    engine_feed_fetched(w.engine, &key);
    assert_int_equal(sql_int("SELECT count(*) FROM access_log WHERE action='feed fetch'"), 2);
    assert_true(strcmp(sql("SELECT fetched_us FROM feed"), "0") != 0);
    /* A fetch is no change. */
    struct feed_key after;
    assert_int_equal(engine_feed_find(w.engine, own.token, &after), FEED_OK);
    assert_true(after.version == key.version);
}

/* What was looked up a moment ago is not looked up again; but nothing we write is hidden by that,
 * what another process writes for a second at most, and what is configured not at all. */
static void test_looked_up_once(void **state) {
    (void)state;
    plan("P-1");
    const struct feed worker = create("practitioner PR-1");
    const struct engine_setup setup = {w.config, w.templates, w.holidays, w.zones};
    struct feed_key first, key;

    assert_int_equal(engine_feed_find(w.engine, worker.token, &first), FEED_OK);
    assert_int_equal(first.fetched_at.us, 0);
    engine_feed_fetched(w.engine, &first);
    assert_int_equal(engine_feed_find(w.engine, worker.token, &key), FEED_OK);
    assert_int_equal(key.fetched_at.us, w.now.us); /* which is our own write */
    assert_true(key.version == first.version);
    sabotage("UPDATE session SET revision=7 WHERE id='%s'", session_id("P-1", 4));
    pass("1s");
    assert_int_equal(engine_feed_find(w.engine, worker.token, &key), FEED_OK);
    assert_true(key.version != first.version);
    first = key;
    w.config->sender.calendar_email[0] = 'x';
    engine_set_setup(w.engine, &setup);
    assert_int_equal(engine_feed_find(w.engine, worker.token, &key), FEED_OK);
    assert_true(key.version != first.version);
    do_("feed revoke %s", worker.id);
    assert_int_equal(engine_feed_find(w.engine, worker.token, &key), FEED_WITHDRAWN);
    assert_int_equal(engine_feed_find(w.engine, worker.token, &key), FEED_WITHDRAWN);
}

/* A session that cannot be read: no calendar is better than one without it, which would empty
 * somebody's. */
static void test_bad_session(void **state) {
    (void)state;
    plan("P-1");
    const struct feed worker = create("practitioner PR-1");
    struct feed_key key;
    struct feed_body body = {.bytes = NULL, .length = 7};

    assert_int_equal(engine_feed_find(w.engine, worker.token, &key), FEED_OK);
    sabotage("UPDATE session SET start_local='never' WHERE id='%s'", session_id("P-1", 4));
    assert_true(engine_feed_build(w.engine, &key, &body) < 0);
    assert_int_equal(body.length, 7);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_what_it_carries),   TEST(test_moved_and_cancelled),
        TEST(test_version),           TEST(test_day_roll_over),
        TEST(test_revoked),           TEST(test_tokens),
        TEST(test_fetches_are_noted), TEST(test_looked_up_once),
        TEST(test_bad_session),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
