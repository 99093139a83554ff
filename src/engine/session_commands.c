/* Commands on sessions: list, show, move, cancel, outcome.
 *
 * A move is the same row with revision + 1; what was queued for the old time is cancelled in the
 * same transaction. Past sessions never move; an outcome is recorded by a person, never by time. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "duty.h"
#include "outbox.h"
#include "planning.h"

enum { SESSION_LIST_MAX = 20000, NEAR_HOURS = 48 };

static struct instant day_start(struct engine *e, const char *text, int32_t days) {
    struct date day;
    struct instant t;

    if (!text || date_from_text(text, &day) < 0) {
        return (struct instant){0};
    }
    const struct zone *zone = turn_zone(e, e->setup.config->timezone);
    (void)zone_resolve(zone, civil_at(date_add_days(day, days), 0), ZONE_FIRST,
                       &t); /* a midnight in a gap is the first moment of the day */
    return t;
}

int session_command_list(struct call *c) {
    const struct session_filter filter = {.participant = call_value(c, "participant"),
                                          .practitioner = call_value(c, "practitioner"),
                                          .state = call_value(c, "state"),
                                          .from = day_start(c->e, call_value(c, "from"), 0),
                                          .to = day_start(c->e, call_value(c, "to"), 1)};
    struct session_row *rows = arena_alloc(&c->e->arena, SESSION_LIST_MAX, sizeof *rows);
    const int count = session_list(c->e->store, &filter, rows, SESSION_LIST_MAX);

    if (count < 0) {
        return call_failed(c, count, "sessions");
    }
    if (count == SESSION_LIST_MAX) {
        return call_refuse(c, 400,
                           "more than %d sessions: narrow the list with --participant, "
                           "--practitioner, --from or --to",
                           SESSION_LIST_MAX - 1);
    }
    c->reply = json_array();
    for (int i = 0; i < count; i++) {
        (void)json_array_append_new(c->reply, session_to_json(&rows[i])); /* memory only */
    }
    const int r = call_audit(c, "", "");

    return r < 0 ? call_failed(c, r, "sessions") : 200;
}

static json_t *history_to_json(struct call *c, const char *session) {
    enum { HISTORY_MAX = 200 };
    struct session_history_row *rows = arena_alloc(&c->e->arena, HISTORY_MAX, sizeof *rows);
    const int count = session_history_list(c->e->store, session, &c->e->arena, rows, HISTORY_MAX);
    json_t *list = json_array();

    for (int i = 0; i < count; i++) {
        char local[CIVIL_TEXT_SIZE];
        json_t *o = json_object();
        civil_to_text(rows[i].start, local);
        json_put_instant(o, "at", rows[i].at);
        json_put_text(o, "what", rows[i].what);
        json_put_text(o, "local", local);
        json_put_text(o, "outcome", rows[i].outcome);
        json_put_text(o, "asked_by", rows[i].by);
        json_put_text(o, "actor", rows[i].actor);
        json_put_text(o, "reason", rows[i].reason);
        if (rows[i].notice_minutes >= 0) {
            (void)json_object_set_new(o, "notice_minutes", json_integer(rows[i].notice_minutes));
        }
        (void)json_array_append_new(list, o);
    }
    return list;
}

int session_command_show(struct call *c) {
    struct session_row s;
    int r = session_find(c->e->store, c->id, &s);

    r = r < 0 ? r : call_audit(c, c->id, "");
    if (r < 0) {
        return call_failed(c, r, c->id);
    }
    c->reply = session_to_json(&s);
    json_put_text(c->reply, "mode", s.mode);
    json_put_text(c->reply, "recorded_by", s.recorded_by);
    json_put_instant(c->reply, "recorded_at", s.recorded_at);
    (void)json_object_set_new(c->reply, "history", history_to_json(c, s.id)); /* memory only */
    return 200;
}

/* ---- moving and cancelling ---- */

struct change {
    const char *what;
    const char *by;     /* participant, service */
    const char *reason; /* or NULL */
};

static int write_history(struct call *c, const struct session_row *s, const struct change *change,
                         struct instant old_start) {
    const struct session_history_row row = {
        .at = c->e->now,
        .what = change->what,
        .start = s->start,
        .zone = s->zone,
        .outcome = s->outcome,
        .by = change->by,
        .actor = call_actor(c),
        .reason = change->reason,
        .notice_minutes = old_start.us ? (int32_t)((old_start.us - c->e->now.us) / MINUTE_US) : -1};

    return session_history_add(c->e->store, s->id, &row);
}

static bool confirmation_pending(struct call *c, const char *participant) {
    const struct message_filter filter = {
        .participant = participant, .kind = "confirmation", .state = "queued"};
    struct message_row row;

    return message_list(c->e->store, &filter, "", &c->e->arena, &row, 1) > 0;
}

/* The participant hears of a change or cancellation once, on the first channel that works. */
static int tell_participant(struct call *c, const struct session_row *s, enum message_kind kind,
                            const struct session_row *before) {
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
    m.old_start = before->start;
    m.not_after = instant_min(before->start_at, s->start_at);
    memcpy(m.session, s->id, sizeof m.session);
    memcpy(m.participant, s->participant, sizeof m.participant);
    if (channel < 0) {
        r = text_copy(m.reason, sizeof m.reason, "no_channel");
        r = r < 0 ? r : duty_phone(e, &m);
    } else if (confirmation_pending(c, s->participant)) {
        r = text_copy(m.reason, sizeof m.reason,
                      "confirmation_pending"); /* it is rendered from the rows as they will be */
    }
    r = r < 0 ? r : outbox_add(e, &m);
    return r < 0 ? r : 0;
}

/* A feed may be read only once a day: a change of the next two days is mailed to the practitioner
 * too. */
static int tell_practitioner(struct call *c, const struct session_row *s, struct instant earlier) {
    const struct instant near = instant_add(c->e->now, span_hours(NEAR_HOURS));

    if (instant_cmp(earlier, near) > 0) {
        return 0;
    }
    return duty_open(
        c->e, &(struct duty_start){.kind = TASK_CHANGED,
                                   .owner = s->practitioner,
                                   .next_owner = "",
                                   .participant = s->participant,
                                   .session = s->id,
                                   .about = arena_printf(&c->e->arena, "revision-%u", s->revision),
                                   .due = earlier});
}

static int write_change(struct call *c, struct session_row *s, const struct session_row *before,
                        const struct change *change, enum message_kind kind) {
    const struct message_filter stale = {.session = s->id, .audience = "participant"};
    int r;

    s->revision++;
    s->revised_at = c->e->now;
    s->steps_done = 0;
    r = course_arm(c->e, s);
    r = r < 0 ? r : session_update(c->e->store, s, before->state, before->revision);
    r = r < 0 ? r : write_history(c, s, change, before->start_at);
    r = r < 0 ? r
              : message_cancel_matching(c->e->store, &stale,
                                        kind == KIND_CHANGE ? "session_moved" : "session_cancelled",
                                        c->e->now);
    r = r < 0 ? r : tell_participant(c, s, kind, before);
    r = r < 0 ? r : tell_practitioner(c, s, instant_min(before->start_at, s->start_at));
    return r < 0 ? r : call_audit(c, s->id, change->what);
}

static int move_one(struct call *c, struct planning *p, const struct session_row *before,
                    struct civil start, const struct change *change) {
    struct session_row s = *before;

    s.start = start;
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

static int cascade(struct call *c, const struct planning *all, const struct session_row *moved,
                   struct civil start, const struct change *change) {
    const struct session_row *rows[PROGRAMME_SESSIONS_MAX];
    const char *without[PROGRAMME_SESSIONS_MAX + 2] = {moved->id};
    const size_t count = followers(all, moved, rows);
    struct plan_result *result = arena_alloc(&c->e->arena, 1, sizeof *result);
    struct programme *rest = arena_alloc(&c->e->arena, 1, sizeof *rest);
    struct planning *p;

    for (size_t i = 0; i < count; i++) {
        without[i + 1] = rows[i]->id;
    }
    if (count == 0) {
        return 200;
    }
    const int status = planning_gather(c, moved->participant, without, &p);
    if (status != 200) {
        return status;
    }
    /* Days with a session that stays, such as one of a lower number, are taken. */
    for (size_t i = 0; i < p->own_count && p->absence_count < PLANNING_ABSENCES_MAX; i++) {
        p->absences[p->absence_count++] = (struct date_range){p->own[i].start.date,
                                                              p->own[i].start.date};
    }
    p->request.absence_count = p->absence_count;
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
        const int r = civil_cmp(rows[i]->start, result->starts[i]) == 0
                          ? 0
                          : move_one(c, p, rows[i], result->starts[i], change);
        if (r < 0) {
            return call_failed(c, r, rows[i]->id);
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
    const enum plan_rule rule = plan_check_slot(&p->request, start);

    return rule == PLAN_FINE
               ? 200
               : call_refuse(c, 409, "--to: not possible: %s", plan_rule_to_text(rule));
}

int session_command_move(struct call *c) {
    const struct change change = {
        .what = "moved", .by = call_value(c, "by"), .reason = call_value(c, "reason")};
    struct planning *p;
    struct session_row s;
    struct civil start;
    int r = session_find(c->e->store, c->id, &s);

    if (r < 0) {
        return call_failed(c, r, c->id);
    }
    if (civil_from_text(call_value(c, "to"), &start) < 0) {
        return call_refuse(c, 400, "--to: must be a local time such as \"2027-01-12 14:00\"");
    }
    const char *without[PROGRAMME_SESSIONS_MAX + 2] = {s.id};
    const struct session_row *following[PROGRAMME_SESSIONS_MAX];
    int status = planning_gather(c, s.participant, without, &p);

    if (status == 200 && call_given(c, "cascade")) {
        /* Those that will be placed anew do not stand in the way. */
        const size_t count = followers(p, &s, following);
        for (size_t i = 0; i < count; i++) {
            without[i + 1] = following[i]->id;
        }
        status = planning_gather(c, s.participant, without, &p);
    }
    status = status == 200 ? check_move(c, p, &s, start) : status;
    if (status != 200) {
        return status;
    }
    c->reply = json_pack("{s:s,s:[],s:[]}", "id", s.id, "warnings", "sessions");
    add_move_warnings(c, p, &s, start);
    c->dry_run = call_given(c, "dry_run");
    struct planning *all;
    const char *only_moved[] = {s.id, NULL};

    status = planning_gather(c, s.participant, only_moved, &all);
    r = status == 200 ? move_one(c, p, &s, start, &change) : 0;
    if (status != 200 || r < 0) {
        return status != 200 ? status : call_failed(c, r, s.id);
    }
    return call_given(c, "cascade") ? cascade(c, all, &s, start, &change) : 200;
}

int session_command_cancel(struct call *c) {
    const struct change change = {
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
    if (r < 0) {
        return call_failed(c, r, s.id);
    }
    c->reply = session_to_json(&s);
    return 200;
}

/* ---- outcomes ---- */

/* In this daemon's commands an administrator names who decides: the session's practitioner, their
 * supervisors, or an officer. */
static int check_recorder(struct call *c, const struct session_row *s) {
    struct noun_row participant;

    if (strcmp(c->as, s->practitioner) == 0 || noun_exists(c->e->store, NOUN_SUPERVISOR, c->as)) {
        return 200;
    }
    if (noun_find(c->e->store, NOUN_PARTICIPANT, s->participant, &c->e->arena, &participant) == 0 &&
        strcmp(noun_value(&participant, "officer"), c->as) == 0) {
        return 200;
    }
    return call_refuse(c, 403,
                       "--as %s: only the session's practitioner, a supervisor or the "
                       "participant's officer records its outcome",
                       c->as);
}

static int check_outcome(struct call *c, const struct session_row *s, bool undo) {
    const struct record_request request = {
        .code = outcome_find(&c->e->setup.config->outcomes, c->id2),
        .start = s->start_at,
        .end = session_end(s),
        .now = c->e->now,
        .remote = strcmp(s->mode, "in_person") != 0,
        .recorded = s->state == SESSION_RECORDED && !undo,
        .cancelled = s->state == SESSION_CANCELLED,
        .decider = strcmp(c->as, s->practitioner) != 0,
        .miss_after = c->e->setup.config->miss_after};
    const enum record_refusal refusal = record_check(&request);

    return refusal == RECORD_FINE ? 200
                                  : call_refuse(c, refusal == RECORD_UNKNOWN_CODE ? 400 : 409,
                                                "%s: %s", c->id, record_refusal_to_text(refusal));
}

static int write_outcome(struct call *c, struct session_row *s, bool undo) {
    const struct message_filter pending = {.session = s->id, .audience = "participant"};
    const struct change change = {.what = undo ? "corrected" : "recorded",
                                  .reason = call_value(c, "note")};
    const enum session_state from = s->state;
    int r = session_next(from, undo ? SESSION_CORRECT : SESSION_RECORD, &s->state);

    r = r < 0 ? r
              : text_copy(s->outcome, sizeof s->outcome,
                          outcome_find(&c->e->setup.config->outcomes, c->id2)->code);
    r = r < 0 ? r : text_copy(s->recorded_by, sizeof s->recorded_by, c->as);
    s->recorded_at = c->e->now;
    r = r < 0 ? r : course_arm(c->e, s);
    r = r < 0 ? r : session_update(c->e->store, s, from, s->revision);
    r = r < 0 ? r : write_history(c, s, &change, (struct instant){0});
    r = r < 0 ? r : message_cancel_matching(c->e->store, &pending, "outcome_recorded", c->e->now);
    r = r < 0 ? r : duty_drop_session(c->e, s->id, TASK_RECORD);
    r = r < 0
            ? r
            : chain_resolve_session(c->e, s->id, ESCALATION_UNRECORDED, c->as, "outcome recorded");
    return r < 0 ? r : call_audit(c, s->id, s->outcome);
}

int session_command_outcome(struct call *c) {
    struct session_row s;
    int r = session_find(c->e->store, c->id, &s);

    if (r < 0) {
        return call_failed(c, r, c->id);
    }
    /* A mis-tap taken back before anybody was told is simply replaced. */
    const bool undo = s.state == SESSION_RECORDED && !(s.flags & SESSION_MISS_TOLD);
    int status = check_recorder(c, &s);

    status = status == 200 ? check_outcome(c, &s, undo) : status;
    if (status != 200) {
        return status;
    }
    r = write_outcome(c, &s, undo);
    if (r < 0) {
        return call_failed(c, r, s.id);
    }
    c->reply = session_to_json(&s);
    json_put_instant(c->reply, "tells_at", s.wake_at);
    return 200;
}
