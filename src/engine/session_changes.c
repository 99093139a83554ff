/* Commands that change when a session is held: move, cancel.
 *
 * A move is the same row with revision + 1; what was queued for the old time is cancelled in the
 * same transaction, and the participant hears once: from the time they know to the time that holds.
 * Past sessions never move. Must never let two sessions of one practitioner begin at one moment,
 * not even within the transaction: the database refuses it. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "duty.h"
#include "follow_up.h"
#include "known.h"
#include "outbox.h"
#include "planning.h"
#include "watch.h"

int session_change_note(struct call *c, const struct session_row *s,
                        const struct session_change *change, struct instant old_start) {
    const bool moved = strcmp(change->what, "moved") == 0;
    const struct session_history_row row = {
        .at = c->e->now,
        .what = change->what,
        .start = s->start,
        .zone = s->zone,
        .outcome = moved ? outcome_of_move(&c->e->setup.config->outcomes, change->by) : s->outcome,
        .by = change->by,
        .actor = call_actor(c),
        .reason = change->reason,
        .notice_minutes = old_start.us ? (int32_t)((old_start.us - c->e->now.us) / MINUTE_US) : -1};

    return session_history_add(c->e->store, s->id, &row);
}

/* ---- telling of it ---- */

/* Is a confirmation still to leave on every channel they can be reached by? It is rendered from the
 * rows as they will be. */
static bool confirmation_pending(struct call *c, const struct noun_row *participant) {
    const struct message_filter filter = {
        .participant = participant->id, .kind = "confirmation", .state = "queued"};
    enum { ROWS_MAX = 16 };
    struct message_row *rows = arena_alloc(&c->e->arena, ROWS_MAX, sizeof *rows);
    const int count = message_list(c->e->store, &filter, "", &c->e->arena, rows, ROWS_MAX);

    for (int channel = 0; channel < CHANNEL_COUNT; channel++) {
        bool pending = outbox_participant_channel(c->e, participant, 1u << channel) != channel;
        for (int i = 0; i < count; i++) {
            pending |= (int)rows[i].channel == channel;
        }
        if (!pending) {
            return false;
        }
    }
    return count > 0;
}

/* To who has heard nothing of the session yet, their confirmation says everything. To somebody who
 * expects it at a time, a confirmation of other dates does not say that it is not then. */
static int confirmation_says_it(struct call *c, const struct session_row *s,
                                const struct noun_row *participant) {
    const int known = confirmation_pending(c, participant) ? known_at_all(c->e, s) : 1;

    return known < 0 ? known : known == 0;
}

/* When the participant believes the session to be: what an earlier change that has not left yet
 * would have told them is not known to them. */
static int find_known(struct call *c, const struct session_row *before, struct civil *ret_start,
                      struct instant *ret_start_at) {
    const struct message_filter filter = {
        .session = before->id, .audience = "participant", .kind = "change", .state = "queued"};
    struct message_row *row = arena_alloc(&c->e->arena, 1, sizeof *row);
    const int count = message_list(c->e->store, &filter, "", &c->e->arena, row, 1);

    *ret_start = before->start;
    *ret_start_at = before->start_at;
    if (count > 0 && row->old_start.date.year != 0 && !row->repeat) { /* else it may have arrived */
        *ret_start = row->old_start;
        (void)zone_resolve(turn_zone(c->e, before->zone), row->old_start, ZONE_FIRST,
                           ret_start_at); /* it was a session's time once */
    }
    return count < 0 ? count : 0;
}

/* The participant hears of a change or cancellation once, on the first channel that works. */
static int tell_participant(struct call *c, const struct session_row *s, enum message_kind kind,
                            struct civil known, struct instant known_at) {
    struct engine *e = c->e;
    struct message_row m = outbox_blank(e, kind, AUDIENCE_PARTICIPANT, s->participant);
    struct noun_row participant;
    int r = noun_find(e->store, NOUN_PARTICIPANT, s->participant, &e->arena, &participant);

    if (r < 0) {
        return r;
    }
    const int channel = outbox_participant_channel(e, &participant,
                                                   1u << CHANNEL_SMS | 1u << CHANNEL_EMAIL);

    m.channel = channel < 0 ? CHANNEL_SMS : (enum channel)channel;
    m.revision = s->revision;
    m.old_start = known;
    m.not_after = instant_min(known_at, s->start_at);
    memcpy(m.session, s->id, sizeof m.session);
    memcpy(m.participant, s->participant, sizeof m.participant);
    if (kind == KIND_CHANGE && civil_cmp(known, s->start) == 0) {
        r = text_copy(m.reason, sizeof m.reason, "moved_back"); /* they know no other time */
    } else if (channel < 0) {
        r = text_copy(m.reason, sizeof m.reason, "no_channel");
        r = r < 0 ? r : duty_phone(e, &m);
    } else {
        r = confirmation_says_it(c, s, &participant);
        r = r <= 0 ? r : text_copy(m.reason, sizeof m.reason, "confirmation_pending");
    }
    r = r < 0 ? r : outbox_add(e, &m);
    return r < 0 ? r : 0;
}

/* Before they are cancelled: of those whose answer was lost nobody knows what they have told. */
static int phone_where_in_doubt(struct call *c, const char *session) {
    enum { ROWS_MAX = 16 };
    const struct message_filter filter = {
        .session = session, .audience = "participant", .kind = "change", .state = "queued"};
    struct message_row *rows = arena_alloc(&c->e->arena, ROWS_MAX, sizeof *rows);
    const int count = message_list(c->e->store, &filter, "", &c->e->arena, rows, ROWS_MAX);

    for (int i = 0; i < count; i++) {
        const int r = outbox_doubtful(c->e, &rows[i]);
        if (r < 0) {
            return r;
        }
    }
    return count < 0 ? count : 0;
}

static int write_change(struct call *c, struct session_row *s, const struct session_row *before,
                        const struct session_change *change, enum message_kind kind) {
    const struct message_filter stale = {.session = s->id, .audience = "participant"};
    struct civil known;
    struct instant known_at;
    int r = find_known(c, before, &known, &known_at);

    s->revision++;
    s->revised_at = c->e->now;
    s->steps_done = 0;
    r = r < 0 ? r : course_arm(c->e, s);
    r = r < 0 ? r : session_update(c->e->store, s, before->state, before->revision);
    r = r < 0 ? r : session_change_note(c, s, change, before->start_at);
    r = r < 0 ? r : phone_where_in_doubt(c, s->id);
    r = r < 0 ? r
              : message_cancel_matching(c->e->store, &stale,
                                        kind == KIND_CHANGE ? "session_moved" : "session_cancelled",
                                        c->e->now);
    r = r < 0 ? r : tell_participant(c, s, kind, known, known_at);
    r = r < 0 ? r : duty_changed(c->e, s, instant_min(before->start_at, s->start_at));
    r = r < 0 ? r : watch_wake(c->e, s->participant);
    return r < 0 ? r : call_audit(c, s->id, change->what);
}

/* ---- moving ---- */

/* What is moved by one command, and where to. */
struct moves {
    const struct planning *plan; /* its zone, and who holds the participant's sessions now */
    size_t count;
    const struct session_row *before[PROGRAMME_SESSIONS_MAX];
    struct civil starts[PROGRAMME_SESSIONS_MAX];
};

static void add_move(struct moves *moves, const struct session_row *before, struct civil start) {
    assert(moves->count < PROGRAMME_SESSIONS_MAX);
    moves->before[moves->count] = before;
    moves->starts[moves->count++] = start;
}

static int move_one(struct call *c, const struct planning *p, const struct session_row *before,
                    struct civil start, const struct session_change *change) {
    struct session_row s = *before;

    s.start = start;
    memcpy(s.practitioner, p->practitioner.id, sizeof s.practitioner);
    memcpy(s.zone, p->zone->name, sizeof s.zone);
    (void)zone_resolve(p->zone, start, ZONE_FIRST,
                       &s.start_at); /* the planner has refused gaps and overlaps */
    s.flags |= SESSION_CHANGED;
    int r = session_next(s.state, SESSION_MOVE, &s.state);

    r = r < 0 ? r : write_change(c, &s, before, change, KIND_CHANGE);
    if (r == 0) {
        (void)json_array_append_new(json_object_get(c->reply, "sessions"),
                                    session_to_json(&s)); /* memory only */
    }
    return r;
}

/* Sessions that move together may take each other's places: first all of them leave theirs. */
static int park(struct call *c, const struct moves *moves) {
    for (size_t i = 0; i < moves->count; i++) {
        struct session_row away = *moves->before[i];
        away.start_at.us = -(int64_t)(i + 1);
        const int r = session_update(c->e->store, &away, away.state, away.revision);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int move_all(struct call *c, const struct moves *moves,
                    const struct session_change *change) {
    int r = moves->count > 1 ? park(c, moves) : 0;

    for (size_t i = 0; i < moves->count && r == 0; i++) {
        r = move_one(c, moves->plan, moves->before[i], moves->starts[i], change);
    }
    return r;
}

/* The sessions that follow in programme order: not by date, and no catch-ups. */
static size_t followers(const struct planning *all, const struct session_row *moved,
                        const struct session_row **ret_rows) {
    size_t count = 0;

    for (uint32_t n = moved->number + 1; n <= moved->of; n++) {
        for (size_t i = 0; i < all->own_count; i++) {
            const struct session_row *s = &all->own[i];
            if (s->number == n && s->attempt == 1 && s->state == SESSION_PLANNED) {
                ret_rows[count++] = s;
                break;
            }
        }
    }
    return count;
}

/* Where those that follow go: planned anew, at the time of the one before them where the
 * participant has not asked for another. Returns 200, or a refusal. */
static int plan_followers(struct call *c, const struct planning *all,
                          const struct session_row *moved, struct moves *moves) {
    const struct session_row *rows[PROGRAMME_SESSIONS_MAX];
    const char *without[PROGRAMME_SESSIONS_MAX + 2] = {moved->id};
    const struct civil start = moves->starts[0];
    const size_t count = followers(all, moved, rows);
    struct plan_result *result = arena_alloc(&c->e->arena, 1, sizeof *result);
    struct programme *rest = arena_alloc(&c->e->arena, 1, sizeof *rest);
    struct planning *p;

    for (size_t i = 0; i < count; i++) {
        without[i + 1] = rows[i]->id;
    }
    const int status = count == 0 ? 200 : planning_gather(c, moved->participant, without, &p);
    if (count == 0 || status != 200) {
        return status;
    }
    planning_block_own(p); /* days with a session that stays, such as one of a lower number */
    planning_keep_time(p, start);
    *rest = *p->programme;
    rest->session_count = moved->number + (uint32_t)count;
    p->request.programme = rest;
    p->request.first_number = moved->number + 1;
    p->request.previous = start;
    p->request.start = date_add_days(start.date, 1);
    const int planned = plan_sessions(&p->request, result);
    if (planned < 0) {
        return planned == -ENOSPC
                   ? planning_refuse(c, result,
                                     rows[result->failed_number - moved->number - 1]->number)
                   : call_refuse(c, 409, "the following sessions cannot be placed after this one");
    }
    for (size_t i = 0; i < count; i++) {
        if (civil_cmp(rows[i]->start, result->starts[i]) != 0) {
            add_move(moves, rows[i], result->starts[i]);
        }
    }
    return 200;
}

/* What a move by hand may break knowingly is said, not forbidden. */
static void add_move_warnings(struct call *c, const struct planning *p, const struct session_row *s,
                              struct civil start) {
    json_t *warnings = json_object_get(c->reply, "warnings");
    const struct holidays *holidays = c->e->setup.holidays;

    for (size_t i = 0; i < p->own_count; i++) {
        const struct session_row *other = &p->own[i];
        const int32_t days = date_to_days(start.date) - date_to_days(other->start.date);
        if ((days < 0 ? -days : days) < (int32_t)p->programme->gap_min_days) {
            (void)json_array_append_new(warnings,
                                        json_sprintf("only %d days from session %u",
                                                     days < 0 ? -days : days, other->number));
        }
        if (other->attempt == 1 && s->attempt == 1 &&
            (other->number < s->number) != (civil_cmp(other->start, start) < 0)) {
            (void)json_array_append_new(
                warnings, json_sprintf("out of programme order with session %u", other->number));
        }
    }
    if (p->state.window_end.year != 0 && date_cmp(start.date, p->state.window_end) > 0) {
        (void)json_array_append_new(warnings,
                                    json_string("after the end of the programme's window"));
    }
    if (holidays && date_cmp(start.date, holidays->last) > 0) {
        (void)json_array_append_new(warnings, json_string("after the last bank holiday on file"));
    }
}

/* The last day on which a session may be held, whoever asks: the order's end, and some months after
 * the plan's start, so that a slip in the year is caught. A window grown by a pause reaches
 * further. */
static struct date last_day(const struct planning *p) {
    const uint32_t months = p->programme->horizon_months;
    const struct date ends = p->request.order_ends, first = p->state.plan_start;
    struct date last = {.year = 9999, .month = 12, .day = 31};

    if (months > 0 && first.year != 0) {
        last = date_add_months(first, (int32_t)months);
        last = date_cmp(p->state.window_end, last) > 0 ? p->state.window_end : last;
    }
    return ends.year != 0 && date_cmp(ends, last) < 0 ? ends : last;
}

static int check_move(struct call *c, const struct planning *p, const struct session_row *s,
                      struct civil start) {
    struct instant at;
    const enum zone_fit fit = zone_resolve(p->zone, start, ZONE_FIRST, &at);

    if (s->state != SESSION_PLANNED || instant_cmp(c->e->now, s->start_at) >= 0) {
        return call_refuse(c, 409, "%s: only a session that has not begun can be moved; it is %s",
                           s->id, session_state_to_text(s->state));
    }
    if (fit != ZONE_UNIQUE) {
        return call_refuse(
            c, 400,
            "--to: this time %s in %s, because the clocks change that night; choose another",
            fit == ZONE_GAP ? "does not exist" : "exists twice", p->zone->name);
    }
    if (instant_cmp(at, c->e->now) <= 0) {
        return call_refuse(c, 400, "--to: lies in the past");
    }
    if (civil_cmp(start, s->start) == 0) {
        return call_refuse(c, 409, "%s: is at that time already", s->id);
    }
    for (size_t i = 0; i < p->own_count; i++) {
        if (date_cmp(p->own[i].start.date, start.date) == 0) {
            return call_refuse(c, 409, "--to: session %u is on that day already", p->own[i].number);
        }
    }
    if (date_cmp(start.date, last_day(p)) > 0) {
        return call_refuse(c, 409,
                           "--to: lies after the last day of the order or of what may be planned");
    }
    const enum plan_rule rule = plan_check_slot(&p->request, start);

    return rule == PLAN_FINE
               ? 200
               : call_refuse(c, 409, "--to: not possible: %s", plan_rule_to_text(rule));
}

/* The plan without the session itself; in a cascade also without those that will be placed anew,
 * which do not stand in its way. */
static int gather_for_move(struct call *c, const struct session_row *s, const struct planning *all,
                           struct planning **ret_planning) {
    const char *without[PROGRAMME_SESSIONS_MAX + 2] = {s->id};
    const struct session_row *following[PROGRAMME_SESSIONS_MAX];
    const size_t count = call_given(c, "cascade") ? followers(all, s, following) : 0;

    for (size_t i = 0; i < count; i++) {
        without[i + 1] = following[i]->id;
    }
    return planning_gather(c, s->participant, without, ret_planning);
}

int session_command_move(struct call *c) {
    const struct session_change change = {
        .what = "moved", .by = call_value(c, "by"), .reason = call_value(c, "reason")};
    struct moves *moves = arena_alloc(&c->e->arena, 1, sizeof *moves);
    struct planning *all, *p;
    struct session_row s;
    struct civil start;
    int r = session_find(c->e->store, c->id, &s);

    if (r < 0) {
        return call_failed(c, r, c->id);
    }
    if (civil_from_text(call_value(c, "to"), &start) < 0) {
        return call_refuse(c, 400, "--to: must be a local time such as \"2027-01-12 14:00\"");
    }
    const char *itself[] = {s.id, NULL};
    int status = planning_gather(c, s.participant, itself, &all);

    status = status == 200 ? gather_for_move(c, &s, all, &p) : status;
    status = status == 200 ? check_move(c, p, &s, start) : status;
    if (status != 200) {
        return status;
    }
    c->reply = json_pack("{s:s,s:[],s:[]}", "id", s.id, "warnings", "sessions");
    add_move_warnings(c, p, &s, start);
    c->dry_run = call_given(c, "dry_run");
    moves->plan = p;
    add_move(moves, &s, start);
    status = call_given(c, "cascade") ? plan_followers(c, all, &s, moves) : 200;
    if (status != 200) {
        return status;
    }
    r = move_all(c, moves, &change);
    return r < 0 ? call_failed(c, r, s.id) : 200;
}

/* A number that is neither planned nor held any more is owed: until somebody plans it anew that is
 * a task. */
static int owe_cancelled(struct engine *e, const struct session_row *s) {
    const int owed = course_owed(e, s);

    return owed <= 0 ? owed : follow_up_catch_up(e, s);
}

int session_command_cancel(struct call *c) {
    const struct session_change change = {
        .what = "cancelled", .by = call_value(c, "by"), .reason = call_value(c, "reason")};
    struct session_row before, s;
    int r = session_find(c->e->store, c->id, &before);

    if (r < 0) {
        return call_failed(c, r, c->id);
    }
    s = before;
    r = session_next(s.state, SESSION_CANCEL, &s.state);
    if (r < 0 || instant_cmp(c->e->now, s.start_at) >= 0) {
        return call_refuse(c, 409,
                           "%s: only a session that has not begun can be cancelled; it is %s", s.id,
                           session_state_to_text(before.state));
    }
    r = write_change(c, &s, &before, &change, KIND_CANCELLATION);
    r = r < 0 ? r : owe_cancelled(c->e, &s);
    if (r < 0) {
        return call_failed(c, r, s.id);
    }
    c->reply = session_to_json(&s);
    return 200;
}
