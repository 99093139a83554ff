/* Calendar feeds: who a token belongs to, which version its bytes have, and the bytes.
 *
 * Practitioners' and offices' feeds carry the whole plan and the days past that are configured; a
 * participant's feed says "Appointment" and nothing more, within the horizon. Nothing of an
 * escalation, an advocate or an outcome ever changes a byte here. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cobi/ical/feed.h"
#include "duty.h"
#include "hold.h"

enum { FEED_SESSIONS_MAX = 5000, WITHDRAWN_DAYS = 30 };

/* The sessions a feed shows: from local midnight so many days ago, so that the bytes change at most
 * once a day by themselves. */
static struct session_filter feed_filter(struct engine *e, const struct feed_row *row) {
    const struct config *config = e->setup.config;
    const struct zone *zone = turn_zone(e, config->timezone);
    const struct date today = zone_civil(zone, e->now).date;
    const bool participant = strcmp(row->owner_kind, "participant") == 0;
    struct session_filter f = {0};

    (void)zone_resolve(zone, civil_at(date_add_days(today, -(int32_t)config->feed_past_days), 0),
                       ZONE_FIRST, &f.from); /* any midnight will do */
    if (participant) {
        (void)zone_resolve(
            zone, civil_at(date_add_days(today, (int32_t)config->feed_horizon_days + 1), 0),
            ZONE_FIRST, &f.to);
        f.participant = row->owner;
    } else if (strcmp(row->owner_kind, "practitioner") == 0) {
        f.practitioner = row->owner;
    } else {
        f.office = row->owner;
    }
    return f;
}

static enum feed_status status_of(const struct engine *e, const struct feed_row *row) {
    if (row->revoked_at.us == 0) {
        return FEED_OK;
    }
    return instant_cmp(e->now, instant_add(row->revoked_at, span_days(WITHDRAWN_DAYS))) < 0
               ? FEED_WITHDRAWN
               : FEED_UNKNOWN;
}

/* The role mailbox that calendars name. */
static const char *organizer(const struct engine *e) {
    const struct config_sender *sender = &e->setup.config->sender;

    return *sender->calendar_email ? sender->calendar_email : sender->email;
}

/* ---- what was looked up a moment ago ---- */

static struct feed_memo *memo_place(struct engine *e, const char *token) {
    size_t place = 0;

    for (size_t i = 0; i < FEED_TOKEN_LENGTH; i++) {
        place = place * 31 + (unsigned char)token[i];
    }
    return &e->feed_memos[place % FEED_MEMOS_MAX];
}

/* A second is long enough for a flood and too short for anybody to see an old calendar, should
 * another process write to the file or midnight pass. */
static bool memo_holds(const struct engine *e, const struct feed_memo *memo, const char *token) {
    const struct span age = instant_since(e->now, memo->looked_at);

    return age.us >= 0 && age.us < SECOND_US && memo->changes == store_changes(e->store) &&
           store_equal_secret(memo->token, token);
}

/* ---- finding ---- */

static enum feed_status look_up(struct engine *e, const char *hash, struct feed_key *ret_key) {
    struct feed_key key = {0};
    struct feed_row row;

    if (feed_find_token(e->store, hash, &row) < 0 || status_of(e, &row) == FEED_UNKNOWN) {
        return FEED_UNKNOWN;
    }
    memcpy(key.feed_id, row.id, sizeof key.feed_id);
    key.fetched_at = row.fetched_at;
    if (status_of(e, &row) == FEED_WITHDRAWN) {
        key.version = 1;
        key.last_modified = row.revoked_at;
        *ret_key = key;
        return FEED_WITHDRAWN;
    }
    const struct session_filter filter = feed_filter(e, &row);

    if (session_feed_version(e->store, &filter, &key.version, &key.last_modified) < 0) {
        return FEED_UNKNOWN;
    }
    /* The window moves with the day; the mailbox may change with the configuration. */
    key.version ^= (uint64_t)filter.from.us ^ store_derive_number(e->store, organizer(e));
    key.version |= 2;
    key.last_modified = instant_max(key.last_modified, row.created_at);
    *ret_key = key;
    return FEED_OK;
}

static bool is_token(const char *token) {
    unsigned char bytes[32];

    return strlen(token) == FEED_TOKEN_LENGTH && base64url_decode(token, bytes, sizeof bytes) == 32;
}

enum feed_status engine_feed_find(struct engine *e, const char *token, struct feed_key *ret_key) {
    char hash[STORE_HASH_SIZE];

    arena_reset(&e->arena);
    hold_look(e);
    struct feed_memo *memo = strlen(token) == FEED_TOKEN_LENGTH ? memo_place(e, token) : NULL;

    if (memo && memo_holds(e, memo, token)) {
        *ret_key = memo->key;
        return memo->status;
    }
    memo = is_token(token) ? memo : NULL;
    struct feed_memo fresh = {.looked_at = e->now, .changes = store_changes(e->store)};

    /* The same way through for what is malformed. */
    store_hash(e->store, "feed", memo ? token : "no-token", hash);
    fresh.status = look_up(e, hash, &fresh.key);
    if (fresh.status == FEED_UNKNOWN || !memo) {
        return FEED_UNKNOWN; /* and is not remembered: strangers cannot fill the table */
    }
    memcpy(fresh.token, token, sizeof fresh.token);
    *memo = fresh;
    *ret_key = fresh.key;
    return fresh.status;
}

static const char *summary(struct engine *e, const struct feed_row *feed,
                           const struct session_row *s) {
    if (strcmp(feed->owner_kind, "participant") == 0) {
        return "Appointment";
    }
    return arena_printf(&e->arena, "Session %" PRIu32 " of %" PRIu32 " \302\267 ref %s", s->number,
                        s->of, s->participant);
}

static int build(struct engine *e, const struct feed_row *row, struct feed_body *body) {
    const struct session_filter filter = feed_filter(e, row);
    struct session_row *sessions = calloc(FEED_SESSIONS_MAX, sizeof *sessions);
    struct feed_event *events = arena_alloc(&e->arena, FEED_SESSIONS_MAX, sizeof *events);

    if (!sessions) {
        abort();
    }
    const int count = session_list(e->store, &filter, sessions, FEED_SESSIONS_MAX);
    for (int i = 0; i < count; i++) {
        const struct session_row *s = &sessions[i];
        events[i] = (struct feed_event){.sequence = s->revision,
                                        .revised = s->revised_at,
                                        .start = s->start,
                                        .start_at = s->start_at,
                                        .minutes = s->minutes,
                                        .zone = turn_zone(e, s->zone),
                                        .summary = summary(e, row, s),
                                        .cancelled = s->state == SESSION_CANCELLED};
        memcpy(events[i].uid, s->uid, sizeof events[i].uid);
    }
    free(sessions);
    if (count < 0) {
        return count;
    }
    const struct feed_calendar calendar = {
        .name = strcmp(row->owner_kind, "participant") == 0 ? "Appointments" : "Sessions",
        .organizer = organizer(e),
        .events = events,
        .event_count = (size_t)count};

    return feed_write(&calendar, &body->bytes, &body->length);
}

int engine_feed_build(struct engine *e, const struct feed_key *key, struct feed_body *ret_body) {
    struct feed_body body = {0};
    struct feed_row row;

    arena_reset(&e->arena);
    hold_look(e);
    int r = feed_find(e->store, key->feed_id, &row);

    if (r < 0) {
        return r;
    }
    if (row.revoked_at.us != 0) {
        const struct date day =
            zone_civil(turn_zone(e, e->setup.config->timezone), row.revoked_at).date;
        r = feed_write_withdrawn(organizer(e), day, row.revoked_at, &body.bytes, &body.length);
    } else {
        r = build(e, &row, &body);
    }
    if (r == 0) {
        *ret_body = body;
    }
    return r;
}

static bool noted_lately(const struct engine *e, struct instant fetched_at) {
    return fetched_at.us != 0 && instant_since(e->now, fetched_at).us < MINUTE_US;
}

void engine_feed_fetched(struct engine *e, const struct feed_key *key) {
    struct feed_row row;

    hold_look(e);
    if (noted_lately(e, key->fetched_at)) {
        return;
    }
    int r = turn_begin(e);

    if (r < 0) {
        return; /* the fetch was answered; a note about it can wait for a store that is not busy */
    }
    r = feed_find(e->store, key->feed_id, &row);
    if (r == 0 && !noted_lately(e, row.fetched_at)) {
        const struct audit_entry entry = {
            .at = e->now, .actor = "feed", .action = "feed fetch", .subject = row.id};
        row.fetched_at = e->now;
        r = feed_update(e->store, &row);
        r = r < 0 ? r : access_append(e->store, &entry);
    }
    if (turn_end(e, r) < 0) {
        log_warning("feed %s: the fetch could not be noted", key->feed_id);
    }
}
