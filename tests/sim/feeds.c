/* The law of feeds: a feed says what the plan says. Its bytes are read by a small reader of the
 * simulator's own, not by the code that wrote them. */
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct seen {
    char uid[40], status[16];
    long sequence;
    struct instant start;
    bool timed;
};

/* Lines that begin with a blank continue the one before (RFC 5545 3.1). */
static void unfold(char *text) {
    char *to = text;

    for (const char *from = text; *from; from++) {
        if (from[0] == '\r' && from[1] == '\n' && (from[2] == ' ' || from[2] == '\t')) {
            from += 2;
        } else {
            *to++ = *from;
        }
    }
    *to = '\0';
}

static struct instant read_time(struct sim *sim, const char *value, const char *zone_name) {
    char text[24];
    struct civil civil = {0};
    struct instant t = {0};

    (void)snprintf(text, sizeof text, "%.4s-%.2s-%.2sT%.2s:%.2s", value, value + 4, value + 6,
                   value + 9, value + 11);
    if (strlen(value) < 15 || civil_from_text(text, &civil) < 0) {
        return t;
    }
    if (value[15] == 'Z') {
        return instant_from_utc_civil(civil);
    }
    const struct zone *zone = zone_name ? zones_find(sim->kit->zones, zone_name) : NULL;

    if (zone) {
        (void)zone_resolve(zone, civil, ZONE_FIRST, &t);
    }
    return t;
}

static void read_line(struct sim *sim, char *line, struct seen *event) {
    char *value = strchr(line, ':'), *zone = strstr(line, ";TZID=");

    if (!value) {
        return;
    }
    *value++ = '\0';
    if (zone) {
        zone += 6;
    }
    if (strcmp(line, "UID") == 0) {
        (void)snprintf(event->uid, sizeof event->uid, "%s", value);
    } else if (strcmp(line, "SEQUENCE") == 0) {
        event->sequence = strtol(value, NULL, 10);
    } else if (strcmp(line, "STATUS") == 0) {
        (void)snprintf(event->status, sizeof event->status, "%s", value);
    } else if (strncmp(line, "DTSTART", 7) == 0) {
        event->start = read_time(sim, value, zone);
    }
}

/* The session behind a UID, as committed, must say the same. */
static void compare(struct sim *sim, const struct seen *event) {
    sqlite3_stmt *row = witness_ask(sim, "SELECT revision,start_us,state FROM session WHERE uid=?");

    (void)sqlite3_bind_text(row, 1, event->uid, -1, SQLITE_TRANSIENT); /* memory only */
    if (sqlite3_step(row) != SQLITE_ROW) {
        law_broken(sim, "feed", "a feed shows %s, which is no session", event->uid);
    } else {
        const bool cancelled = strcmp((const char *)sqlite3_column_text(row, 2), "cancelled") == 0;
        if (sqlite3_column_int64(row, 0) != event->sequence ||
            sqlite3_column_int64(row, 1) != event->start.us ||
            cancelled != (strcmp(event->status, "CANCELLED") == 0)) {
            law_broken(sim, "feed", "a feed shows another time, revision or state of %s",
                       event->uid);
        }
    }
    witness_done(row);
}

static size_t read_events(struct sim *sim, char *text) {
    struct seen event = {0};
    char *rest = text, *line;
    bool inside = false;
    size_t count = 0;

    while ((line = strsep(&rest, "\r\n")) != NULL) {
        if (strcmp(line, "BEGIN:VEVENT") == 0) {
            event = (struct seen){0};
            inside = true;
        } else if (strcmp(line, "END:VEVENT") == 0) {
            compare(sim, &event);
            inside = false;
            count++;
        } else if (inside) {
            read_line(sim, line, &event);
        }
    }
    return count;
}

/* How many sessions the feed must show: 30 days back, and for a participant 28 ahead. */
static int64_t expected(struct sim *sim, const struct sim_feed *feed) {
    const struct config *config = sim->kit->config;
    const struct zone *zone = sim->kit->zone;
    const struct date today = zone_civil(zone, sim_believed(sim)).date;
    const bool participant = strcmp(feed->owner_kind, "participant") == 0;
    struct instant from = {0}, to = INSTANT_NEVER;
    char sql[200];

    (void)zone_resolve(zone, civil_at(date_add_days(today, -(int32_t)config->feed_past_days), 0),
                       ZONE_FIRST, &from); /* midnights are unique here */
    if (participant) {
        (void)zone_resolve(
            zone, civil_at(date_add_days(today, (int32_t)config->feed_horizon_days + 1), 0),
            ZONE_FIRST, &to);
    }
    (void)snprintf(sql, sizeof sql,
                   "SELECT count(*) FROM session WHERE %s=?1 AND start_us>=%lld AND start_us<%lld",
                   feed->owner_kind, (long long)from.us, (long long)to.us);
    return witness_number(sim, sql, (const char *const[]){feed->owner, NULL});
}

/* The same plan on the same day, or the same version, gives the same bytes. */
static void check_same(struct sim *sim, struct sim_feed *feed, uint64_t version,
                       const struct feed_body *body) {
    const struct date today = zone_civil(sim->kit->zone, sim_believed(sim)).date;
    const struct sim_feed before = *feed;
    uint64_t digest = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < body->length; i++) { /* FNV-1a */
        digest = (digest ^ (unsigned char)body->bytes[i]) * UINT64_C(0x100000001b3);
    }
    feed->version = version;
    feed->digest = digest;
    feed->changes = sim->changes.sessions;
    feed->day = today;
    const bool same = before.version == version ||
                      (before.changes == feed->changes && date_cmp(before.day, today) == 0);

    if (before.version != 0 && same && (before.digest != digest || before.version != version)) {
        law_broken(sim, "feed", "the feed of %s has other bytes though nothing has changed",
                   feed->owner);
    }
}

/* Where thirty people live for months, a feed of which nothing seems new is looked at now and then:
 * to build it each time would take a third of the history. */
static bool seen_lately(struct sim *sim, const struct sim_feed *feed, uint64_t version) {
    enum { LOOK_EACH = 16 };

    return sim->crowded && feed->version == version && sim->idle_count % LOOK_EACH != 0;
}

static void check_feed(struct sim *sim, struct sim_feed *feed) {
    struct feed_key key;
    struct feed_body body;
    const char *found = "";

    if (engine_feed_find(sim->engine, feed->token, &key) != FEED_OK ||
        seen_lately(sim, feed, key.version)) {
        return; /* revoked, or no news */
    }
    if (engine_feed_build(sim->engine, &key, &body) < 0) {
        law_broken(sim, "feed", "the feed of %s cannot be built", feed->owner);
        return;
    }
    check_same(sim, feed, key.version, &body);
    char *text = strndup(body.bytes, body.length);

    free(body.bytes);
    if (!text) {
        abort();
    }
    unfold(text);
    if (never_reads(sim, feed->owner, feed->owner_kind, text, &found)) {
        law_broken(sim, "disclosure", "the feed of %s shows \"%s\"", feed->owner, found);
    }
    if (strcmp(feed->owner_kind, "participant") == 0 && disclose_find_word(text, NULL) >= 0) {
        law_broken(sim, "words", "the feed of %s shows a word of the list", feed->owner);
    }
    const size_t count = read_events(sim, text);

    if ((int64_t)count != expected(sim, feed)) {
        law_broken(sim, "feed", "the feed of %s shows %zu sessions, the plan has %lld", feed->owner,
                   count, (long long)expected(sim, feed));
    }
    free(text);
}

void laws_feeds(struct sim *sim) {
    sim->idle_count++;
    for (size_t i = 0; i < sim->feed_count && !*sim->law; i++) {
        check_feed(sim, &sim->feeds[i]);
    }
}

static void digest(uint64_t *state, const void *bytes, size_t length) {
    const unsigned char *p = bytes;

    for (size_t i = 0; i < length; i++) { /* FNV-1a */
        *state = (*state ^ p[i]) * UINT64_C(0x100000001b3);
    }
}

uint64_t feeds_digest(struct sim *sim) {
    static const char *const owners[] = {"P-1", "P-2"};
    uint64_t state = UINT64_C(0xcbf29ce484222325);
    char reply[600];

    for (size_t i = 0; i < ARRAY_COUNT(owners); i++) {
        char *words[] = {(char[]){"feed"}, (char[]){"create"}, (char[]){"--participant"},
                         (char *)(uintptr_t)owners[i]};
        char token[44];
        struct feed_key key;
        struct feed_body body;
        if (sim_command(sim, ARRAY_COUNT(words), words, reply, sizeof reply) != 200) {
            continue; /* nobody of that name in this story */
        }
        (void)snprintf(token, sizeof token, "%.43s", strstr(reply, "/feeds/") + 7);
        if (engine_feed_find(sim->engine, token, &key) != FEED_OK ||
            engine_feed_build(sim->engine, &key, &body) < 0) {
            law_broken(sim, "feed", "the feed of %s cannot be built", owners[i]);
            continue;
        }
        digest(&state, body.bytes, body.length);
        digest(&state, &key.last_modified.us, sizeof key.last_modified.us);
        free(body.bytes);
    }
    return state;
}
