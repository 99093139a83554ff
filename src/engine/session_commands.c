/* Commands on sessions: list, show, outcome. Moves and cancellations: session_changes.c.
 *
 * An outcome is recorded by a person, never by time. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "call.h"
#include "duty.h"

enum { SESSION_LIST_MAX = 20000 };

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
    json_put_text(c->reply, "contact_attempted", s.contact);
    json_put_text(c->reply, "under_review", s.review_outcome);
    json_put_text(c->reply, "review_asked_by", s.review_by);
    (void)json_object_set_new(c->reply, "history", history_to_json(c, s.id)); /* memory only */
    return 200;
}

/* ---- outcomes ---- */

/* In this daemon's commands an administrator names who decides: the session's practitioner, their
 * supervisors, or an officer. */
static int check_recorder(struct call *c, const struct session_row *s, bool undo) {
    struct noun_row participant;

    if (undo && noun_exists(c->e->store, NOUN_PRACTITIONER, c->as) &&
        !noun_exists(c->e->store, NOUN_PRACTITIONER, s->recorded_by)) {
        return call_refuse(c, 403,
                           "--as %s: %s has recorded %s for it: only they, a supervisor or the "
                           "participant's officer replaces that",
                           c->as, s->recorded_by, s->outcome);
    }
    if (strcmp(c->as, s->practitioner) == 0 || noun_exists(c->e->store, NOUN_SUPERVISOR, c->as)) {
        return 200;
    }
    if (noun_find(c->e->store, NOUN_PARTICIPANT, s->participant, &c->e->arena, &participant) == 0 &&
        (strcmp(noun_value(&participant, "officer"), c->as) == 0 ||
         strcmp(noun_value(&participant, "practitioner"), c->as) == 0)) {
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
        .decider = !noun_exists(c->e->store, NOUN_PRACTITIONER, c->as),
        .miss_after = c->e->setup.config->miss_after};
    const enum record_refusal refusal = record_check(&request);

    return refusal == RECORD_FINE ? 200
                                  : call_refuse(c, refusal == RECORD_UNKNOWN_CODE ? 400 : 409,
                                                "%s: %s", c->id, record_refusal_to_text(refusal));
}

static int write_outcome(struct call *c, struct session_row *s, bool undo) {
    const struct message_filter pending = {.session = s->id, .audience = "participant"};
    const struct session_change change = {.what = undo ? "taken_back" : "recorded",
                                          .reason = call_value(c, "note")};
    const char *contacted = call_value(c, "contacted");
    const enum session_state from = s->state;
    int r = session_next(from, undo ? SESSION_CORRECT : SESSION_RECORD, &s->state);

    r = r < 0 ? r
              : text_copy(s->outcome, sizeof s->outcome,
                          outcome_find(&c->e->setup.config->outcomes, c->id2)->code);
    r = r < 0 ? r : text_copy(s->recorded_by, sizeof s->recorded_by, c->as);
    r = r < 0 ? r : text_copy(s->contact, sizeof s->contact, contacted ? contacted : "");
    s->recorded_at = c->e->now;
    r = r < 0 ? r : course_arm(c->e, s);
    r = r < 0 ? r : session_update(c->e->store, s, from, s->revision);
    r = r < 0 ? r : session_change_note(c, s, &change, (struct instant){0});
    r = r < 0 ? r : message_cancel_matching(c->e->store, &pending, "outcome_recorded", c->e->now);
    r = r < 0 ? r : duty_drop_session(c->e, s->id, TASK_RECORD);
    r = r < 0 ? r : duty_drop_session(c->e, s->id, TASK_PHONE);
    r = r < 0
            ? r
            : chain_resolve_session(c->e, s->id, ESCALATION_UNRECORDED, c->as, "outcome recorded");
    return r < 0 ? r : call_audit(c, s->id, s->outcome);
}

int session_put_surplus(struct call *c, const struct session_row *s) {
    const struct outcome_code *code = outcome_find(&c->e->setup.config->outcomes, s->outcome);
    const struct session_filter filter = {.participant = s->participant, .state = "planned"};
    const size_t most = (size_t)PROGRAMME_SESSIONS_MAX * 2;
    struct session_row *rows = arena_alloc(&c->e->arena, most, sizeof *rows);
    const int count = session_list(c->e->store, &filter, rows, most);
    json_t *surplus = json_array();

    (void)json_object_set_new(c->reply, "surplus_sessions", surplus); /* memory only */
    for (int i = 0; i < count; i++) {
        if (code && !code->replacement && !code->provisional && rows[i].number == s->number &&
            rows[i].attempt > s->attempt) {
            (void)json_array_append_new(surplus, json_string(rows[i].id));
        }
    }
    return count < 0 ? call_failed(c, count, s->id) : 200;
}

int session_command_outcome(struct call *c) {
    struct session_row s;
    int r = session_find(c->e->store, c->id, &s);

    if (r < 0) {
        return call_failed(c, r, c->id);
    }
    /* A mis-tap taken back before anybody was told is simply replaced. */
    const bool undo = s.state == SESSION_RECORDED && !(s.flags & SESSION_MISS_TOLD) &&
                      !*s.told_outcome;
    int status = check_recorder(c, &s, undo);

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
    return undo ? session_put_surplus(c, &s) : 200;
}
