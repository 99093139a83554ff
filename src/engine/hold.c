/* The hold after a jump of the wall clock, and of one text that goes out again and again.
 *
 * At the beginning of every turn the wall clock is compared with the time that has passed since the
 * turn before (suspend counts as time; a daemon that was stopped has nothing to compare). A step of
 * more than five minutes, either way, is a jump: which of the two clocks was right nobody knows.
 * Until a person or the system's time synchronisation vouches for the wall clock the engine goes by
 * the time that has really passed since before the jump. So no wait of a chain grows or shrinks,
 * nothing expires or begins because of a wrong clock, and no timer is stranded; only what a
 * participant would get once and never again is set aside. When the hold ends the wall clock is
 * believed: a clock that went forwards is then like a daemon that was stopped, one that went back
 * has relative timers drawn in by as much.
 *
 * It fails like any turn; a jump that could not be kept yet is kept with the next turn. Must never
 * hold what tells staff, officers or advocates. */
#include "hold.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "outbox.h"

#define JUMP_US (5 * MINUTE_US)
/* No clock that shows an earlier time can be right: this was not written yet. 2026-01-01. */
#define CREDIBLE_FROM_US (INT64_C(1767225600) * SECOND_US)
/* Up to when the clock was believed is noted each hour on the hour, also when nothing else is to be
 * done: were it noted with other rows, then whether a clock that was set back is noticed, and so
 * what a participant gets, would hang on rows that tell of an advocate. */
static const struct span note_every = {60 * MINUTE_US};
/* A held message is looked at again at least as often. */
static const struct span look_again = {DAY_US};
/* So many times one text may go to one person in a day. */
enum { ALIKE_MAX = 3, SOURCE_LETTERS = 16 };
#define META_HOLD "clock_hold"
#define META_SEEN "clock_seen"

/* ---- reading the clock ---- */

/* Both clocks at one moment: a process that was stopped between two readings reads again. */
static struct instant read_wall(const struct engine *e, struct span *ret_base) {
    enum { TRIES_MAX = 8 };
    struct instant wall = {0};
    struct mono before = e->ports.elapsed(e->ports.world);

    for (int i = 0; i < TRIES_MAX; i++) {
        wall = e->ports.now(e->ports.world);
        const struct mono after = e->ports.elapsed(e->ports.world);
        const bool together = after.us - before.us < SECOND_US;
        before = after;
        if (together) {
            break;
        }
    }
    ret_base->us = wall.us - before.us;
    return wall;
}

/* For people: to the second. */
static void step_to_text(struct span step, char buffer[32]) {
    const int64_t half = step.us < 0 ? -SECOND_US / 2 : SECOND_US / 2;

    span_to_text((struct span){(step.us + half) / SECOND_US * SECOND_US}, buffer);
}

static void note_jump(struct hold *h, struct span step, struct instant wall) {
    char text[32];

    h->error.us += step.us;
    if (!h->active) {
        h->since.us = wall.us - h->error.us;
    }
    h->active = true;
    h->jumps++;
    h->step.us += step.us;
    h->unkept = true;
    step_to_text(step, text);
    log_error("the system's clock has jumped by %s: reminders are held until `cobictl release "
              "--held` or a time synchronisation",
              text);
}

void hold_look(struct engine *e) {
    struct hold *h = &e->hold;
    struct span base;

    if (!e->ports.elapsed) {
        e->now = e->ports.now(e->ports.world);
        return;
    }
    const struct instant wall = read_wall(e, &base);
    const struct span step = {h->known ? base.us - h->base.us : 0};

    if (step.us > JUMP_US || step.us < -JUMP_US) {
        note_jump(h, step, wall);
    }
    h->known = true;
    h->base = base; /* a clock that is slewed is followed */
    e->now.us = wall.us - h->error.us;
}

struct instant hold_to_wall(const struct engine *e, struct instant t) {
    return t.us == INSTANT_NEVER.us ? t : (struct instant){t.us + e->hold.error.us};
}

/* ---- kept over restarts ---- */

static struct instant find_seen(struct engine *e) {
    const char *text = store_meta_find(e->store, META_SEEN, &e->arena);

    return (struct instant){text ? strtoll(text, NULL, 10) : 0};
}

static void find_hold(struct engine *e) {
    const char *text = store_meta_find(e->store, META_HOLD, &e->arena);
    int64_t numbers[4] = {0}; /* what cannot be read is no hold */

    for (size_t i = 0; text && i < ARRAY_COUNT(numbers); i++) {
        char *rest;
        numbers[i] = strtoll(text, &rest, 10);
        text = rest;
    }
    e->hold.jumps = (uint32_t)numbers[0];
    e->hold.active = numbers[1] != 0;
    e->hold.error.us = e->hold.active ? numbers[2] : 0;
    e->hold.since.us = numbers[3];
}

void hold_open(struct engine *e) {
    struct hold *h = &e->hold;

    if (!e->ports.elapsed) {
        return;
    }
    arena_reset(&e->arena);
    find_hold(e);
    h->seen = find_seen(e);
    const struct instant wall = read_wall(e, &h->base);

    h->known = true;
    if (h->active && wall.us - h->error.us < h->seen.us) {
        /* The clock was set while nobody looked: our time goes on where it was left, or with the
         * clock where that shows a later one. */
        h->error.us = wall.us - instant_max(wall, h->seen).us;
        h->unkept = true;
    } else if (!h->active && wall.us < h->seen.us - JUMP_US) {
        note_jump(h, (struct span){wall.us - h->seen.us}, wall);
    }
}

static int put_seen(struct engine *e) {
    char text[24];

    e->hold.seen.us = e->now.us - e->now.us % note_every.us;
    (void)snprintf(text, sizeof text, "%" PRId64, e->hold.seen.us); /* a number always fits */
    return store_meta_set(e->store, META_SEEN, text);
}

struct instant hold_next_note(const struct engine *e) {
    return e->ports.elapsed ? instant_add(e->hold.seen, note_every) : INSTANT_NEVER;
}

static int put_hold(struct engine *e) {
    const struct hold *h = &e->hold;
    char text[100];

    (void)snprintf(text, sizeof text, "%" PRIu32 " %d %" PRId64 " %" PRId64, h->jumps, h->active,
                   h->error.us, h->since.us); /* numbers always fit */
    return store_meta_set(e->store, META_HOLD, text);
}

static int alarm_jump(struct engine *e) {
    const struct hold *h = &e->hold;
    const bool forwards = h->step.us > 0;
    char step[32];

    step_to_text((struct span){forwards ? h->step.us : -h->step.us}, step);
    const char *text = arena_printf(
        &e->arena,
        "the system's clock was set %s by %s. Reminders, confirmations and texts after a miss are "
        "held; all else goes on by the time that has really passed. Look at the clock, then "
        "`cobictl release --held`; a time synchronisation reported by systemd-timesyncd lets them "
        "go by itself.",
        forwards ? "forwards" : "back", step);
    const int r = turn_audit(e, "clock jump", "", step);

    return r < 0 ? r : turn_alarm(e, "clock", "clock", h->jumps, text);
}

int hold_keep(struct engine *e) {
    if (!e->hold.unkept) {
        return instant_cmp(e->now, hold_next_note(e)) >= 0 ? put_seen(e) : 0;
    }
    int r = put_hold(e);

    r = r < 0 ? r : put_seen(e);
    return r < 0 || e->hold.step.us == 0 ? r : alarm_jump(e);
}

void hold_kept(struct engine *e) {
    e->hold.unkept = false;
    e->hold.step.us = 0;
}

/* ---- what is held ---- */

bool hold_concerns(const struct engine *e, const struct message_row *m) {
    return e->hold.active && m->audience == AUDIENCE_PARTICIPANT &&
           kind_policies[m->kind].held_after_jump;
}

static struct instant next_look(const struct engine *e, const struct message_row *m) {
    return instant_min(m->not_after, instant_add(e->now, look_again));
}

int hold_message(struct engine *e, struct message_row *m, const char *reason) {
    m->wake_at = next_look(e, m);
    return outbox_step(e, m, MESSAGE_HOLD, reason);
}

int hold_again(struct engine *e, struct message_row *m) {
    if (strcmp(m->reason, HOLD_CLOCK) == 0 && !e->hold.active) {
        m->wake_at = e->now; /* what held it is over */
        return outbox_step(e, m, MESSAGE_RELEASE, "");
    }
    m->wake_at = next_look(e, m);
    return message_update(e->store, m, MESSAGE_HELD);
}

/* What a person must hear of is never held, however often it comes. */
static bool must_go(const struct message_row *m) {
    return m->audience != AUDIENCE_PARTICIPANT && kind_policies[m->kind].may_repeat;
}

static int alarm_alike(struct engine *e, const struct message_row *m, bool holds) {
    char hash[STORE_HASH_SIZE];

    store_hash(e->store, "text", m->body, hash); /* one alarm a text and day */
    const char *source = arena_copy_bytes(&e->arena, hash, SOURCE_LETTERS);
    const char *text = arena_printf(
        &e->arena,
        "one text (%s to %s) has left %d times in a day, and message %s has it again: it %s. Find "
        "out what repeats it (`cobictl message list`)%s.",
        message_kind_to_text(m->kind), audience_to_text(m->audience), ALIKE_MAX, m->id,
        holds ? "is held" : "goes, because it must never be silenced",
        holds ? ", then `cobictl release --held` or `cobictl message cancel`" : "");

    return turn_alarm(e, HOLD_ALIKE, source, turn_hour(e) / 24, text);
}

int hold_alike(struct engine *e, struct message_row *m, int64_t *ret_text) {
    const int64_t text = store_hash_number(e->store, "text",
                                           arena_printf(&e->arena, "%s %s", m->recipient, m->body));
    const int alike = message_alike(e->store, m, text, (struct instant){e->now.us - DAY_US});
    const bool passed = m->attempt_count > 0 || strcmp(m->reason, HOLD_RELEASED) == 0;

    if (alike >= ALIKE_MAX && m->kind != KIND_ALARM && !passed) {
        int r = alarm_alike(e, m, !must_go(m));
        if (r < 0 || !must_go(m)) {
            m->to = m->subject = m->body = NULL; /* rendered anew when it goes */
            r = r < 0 ? r : hold_message(e, m, HOLD_ALIKE);
            return r < 0 ? r : 1;
        }
    }
    *ret_text = text;
    return alike < 0 ? alike : 0;
}

/* ---- letting go ---- */

bool hold_credible(const struct engine *e) {
    return e->now.us + e->hold.error.us >= CREDIBLE_FROM_US;
}

/* Pauses of lanes end at times of the clock that was. */
static void open_lanes(struct engine *e) {
    for (size_t i = 0; i < ARRAY_COUNT(e->lanes); i++) {
        for (size_t a = 0; a < AUDIENCE_COUNT; a++) {
            e->lanes[i][a].open_until.us = 0;
            e->lanes[i][a].period.us = 0;
        }
    }
}

int hold_release(struct engine *e, enum hold_voucher voucher) {
    struct hold *h = &e->hold;
    const struct span error = h->error;
    const bool person = voucher == HOLD_PERSON;

    e->now.us += error.us;
    if (h->active) {
        h->active = false;
        h->error.us = h->since.us = 0;
        open_lanes(e);
        int r = put_hold(e);
        r = r < 0 ? r : put_seen(e);
        if (r == 0 && error.us < 0) {
            r = store_draw_in(e->store, e->now, error);
            r = r < 0 ? r : session_draw_in_told(e->store, e->now);
            r = r < 0 ? r : link_draw_in(e->store, e->now);
        }
        r = r < 0 ? r : turn_audit(e, "clock release", "", person ? "person" : "system");
        if (r < 0) {
            return r;
        }
        log_notice("the hold after a jump of the clock ends, by %s", person ? "a person" : "sync");
    }
    return message_release(e->store, person ? "" : HOLD_CLOCK, person ? HOLD_RELEASED : "", e->now);
}
