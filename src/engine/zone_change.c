/* What was promised is a time on a wall clock; the instant is derived from it. When the system's
 * zone data have changed since it was derived, the instants of sessions that have not begun are
 * derived again, in one turn.
 *
 * A zone's table is known by a hash kept in the database, so a start with the same data costs one
 * look. The participant is not told: their wall clock shows what it was to show. Reminders that
 * were sent stay sent, those that wait follow the session; feeds and counts change with the
 * revision. Where it cannot be done (two sessions of one practitioner would begin at one moment)
 * the operator is alarmed and that zone stays as it was. Must never keep the daemon from starting.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "turn.h"

enum { ZONES_MAX = 64, ROWS_MAX = 32, TRANSITION_LETTERS = 32 };

static void hash_table(struct engine *e, const struct zone *zone, char ret_hash[STORE_HASH_SIZE]) {
    const size_t capacity = (size_t)(ZONE_TRANSITIONS_MAX + 1) * TRANSITION_LETTERS;
    char *buffer = arena_alloc(&e->arena, capacity, 1);
    struct text t;

    text_init(&t, buffer, capacity);
    text_addf(&t, "%" PRId32, zone->offset_before_s);
    for (uint32_t i = 0; i < zone->transition_count; i++) {
        text_addf(&t, " %" PRId64 ":%" PRId32, zone->transitions[i].at.us / SECOND_US,
                  zone->transitions[i].offset_s);
    }
    store_hash(e->store, "zone", buffer, ret_hash);
}

static struct instant derive(const struct zone *zone, struct civil start) {
    struct instant at;

    (void)zone_resolve(zone, start, ZONE_FIRST, &at); /* a promise in a gap is kept just after it */
    return at;
}

/* First all leave their moments, so that none stands in another's way. */
static int leave(struct engine *e, const struct zone *zone, uint32_t *ret_count) {
    struct session_row *rows = arena_alloc(&e->arena, ROWS_MAX, sizeof *rows);
    char after[ID_SIZE] = "";
    int count;

    *ret_count = 0;
    while ((count = session_of_zone(e->store, zone->name, after, rows, ROWS_MAX)) > 0) {
        for (int i = 0; i < count; i++) {
            if (instant_cmp(derive(zone, rows[i].start), rows[i].start_at) != 0) {
                const int r = session_park(e->store, rows[i].id);
                if (r < 0) {
                    return r;
                }
                (*ret_count)++;
            }
        }
        memcpy(after, rows[count - 1].id, sizeof after);
    }
    return count;
}

/* Then each takes its new one. */
static int settle(struct engine *e, const struct zone *zone, const char *id) {
    struct session_row s;
    int r = session_find(e->store, id, &s);

    if (r < 0) {
        return r;
    }
    const struct instant before = {s.start_at.us - SESSION_PARKED_US};
    const uint32_t revision = s.revision;
    const struct session_history_row line = {.at = e->now,
                                             .what = "zone_changed",
                                             .start = s.start,
                                             .zone = s.zone,
                                             .actor = "cobid",
                                             .notice_minutes = -1};

    s.start_at = derive(zone, s.start);
    s.revision++;
    s.revised_at = e->now;
    s.wake_at = e->now; /* looked at again: its steps, its start */
    r = session_update(e->store, &s, s.state, revision);
    r = r < 0 ? r : session_history_add(e->store, s.id, &line);
    r = r < 0 ? r
              : message_follow(e->store, s.id, revision, s.revision,
                               instant_since(s.start_at, before));
    return r < 0 ? r : turn_audit(e, "zone data", s.id, s.zone);
}

static int derive_again(struct engine *e, const struct zone *zone) {
    char ids[ROWS_MAX][ID_SIZE];
    uint32_t moved;
    int r = leave(e, zone, &moved), count = 0;

    while (r >= 0 && (count = session_parked(e->store, ids, ROWS_MAX)) > 0) {
        for (int i = 0; i < count && r >= 0; i++) {
            r = settle(e, zone, ids[i]);
        }
    }
    if (r >= 0 && count >= 0 && moved > 0) {
        log_notice("the data of zone %s have changed: %" PRIu32 " sessions begin at other instants",
                   zone->name, moved);
    }
    return r < 0 ? r : count;
}

static int follow(struct engine *e, const char *name) {
    const struct zone *zone = zones_find(e->setup.zones, name);
    const char *key = arena_printf(&e->arena, "zone %s", name);
    const char *known = store_meta_find(e->store, key, &e->arena);
    char hash[STORE_HASH_SIZE];

    if (!zone) {
        return 0; /* reported wherever it is used */
    }
    hash_table(e, zone, hash);
    if (known && strcmp(known, hash) == 0) {
        return 0;
    }
    const int r = derive_again(e, zone);

    return r < 0 ? r : store_meta_set(e->store, key, hash);
}

static int follow_alone(struct engine *e, const char *name) {
    int r = store_part_begin(e->store);

    if (r < 0) {
        return r;
    }
    r = follow(e, name);
    const int ended = store_part_end(e->store, r >= 0);
    if (ended < 0 || turn_trouble(r)) {
        return ended < 0 ? ended : r;
    }
    return r < 0 ? turn_alarm(e, "zone", name, turn_hour(e),
                              arena_printf(&e->arena,
                                           "the system's data of zone %s have changed, and its "
                                           "sessions cannot follow (%s): a person must look at "
                                           "sessions that are at one time now.",
                                           name, strerror(-r)))
                 : 0;
}

int engine_follow_zones(struct engine *e) {
    char name[ZONE_NAME_SIZE] = "";
    int r = turn_begin(e);

    if (r < 0) {
        return r;
    }
    for (int i = 0; i < ZONES_MAX && r >= 0; i++) {
        r = session_zone_next(e->store, name, name);
        if (r < 0 || !*name) {
            break;
        }
        r = follow_alone(e, name);
    }
    return turn_end(e, r < 0 ? r : 0);
}
