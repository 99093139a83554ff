/* Commands on a participant's way through the programme: plan, pause, resume, withdraw, end,
 * complete.
 *
 * Leaving `active` cancels what is queued for the participant and the sessions to come; notices to
 * supervisors, officers and advocates are never touched by it. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "duty.h"
#include "follow_up.h"
#include "outbox.h"
#include "planning.h"
#include "watch.h"

/* What a number still owes. */
static bool number_open(struct engine *e, const struct planning *p, uint32_t number) {
    for (size_t i = 0; i < p->own_count; i++) {
        if (p->own[i].number == number && !course_lost(e, &p->own[i])) {
            return false; /* planned, awaiting, attended, or an absence not yet decided */
        }
    }
    return true;
}

static size_t open_numbers(struct engine *e, const struct planning *p, uint32_t *ret_numbers) {
    size_t count = 0;

    for (uint32_t n = 1; n <= p->programme->session_count; n++) {
        if (number_open(e, p, n)) {
            ret_numbers[count++] = n;
        }
    }
    return count;
}

static bool is_tail(const struct planning *p, const uint32_t *numbers, size_t count) {
    return numbers[0] + count == p->programme->session_count + 1;
}

/* No other session of this participant within the least gap of that day. */
static void keep_apart(struct planning *p, struct date day) {
    const int32_t days = p->programme->gap_min_days > 0 ? (int32_t)p->programme->gap_min_days - 1
                                                        : 0;

    if (p->absence_count < PLANNING_ABSENCES_MAX) {
        p->absences[p->absence_count++] = (struct date_range){date_add_days(day, -days),
                                                              date_add_days(day, days)};
        p->request.absence_count = p->absence_count;
    }
}

/* Is nothing planned that the numbers would have to fit in between? */
static bool goes_on(const struct planning *p, const uint32_t *numbers, size_t count) {
    bool planned = false;

    for (size_t i = 0; i < p->own_count; i++) {
        planned |= p->own[i].state == SESSION_PLANNED &&
                   instant_cmp(p->own[i].start_at, p->e->now) > 0;
    }
    return !planned || is_tail(p, numbers, count);
}

/* The planner places the last so many of the programme, from `first` on. */
static uint32_t number_meant(const uint32_t *numbers, uint32_t first, uint32_t number) {
    return number >= first ? numbers[number - first] : number;
}

/* The numbers in order, one series after what was held or is planned. One that was lost before its
 * day came is nothing to wait for where lower ones are to come; only its place is taken. */
static int plan_series(struct planning *p, const uint32_t *numbers, size_t count,
                       struct plan_result *result) {
    const uint32_t first = p->programme->session_count + 1 - (uint32_t)count;

    p->request.first_number = first;
    for (size_t i = 0; i < p->own_count; i++) {
        const struct session_row *s = &p->own[i];
        if (s->number > numbers[0] && course_lost(p->e, s) &&
            instant_cmp(s->start_at, p->e->now) > 0) {
            keep_apart(p, s->start.date);
        } else {
            p->request.previous = s->start;
        }
    }
    if (p->own_count > 0) {
        planning_keep_time(p, p->own[p->own_count - 1].start);
    }
    const int r = plan_sessions(&p->request, result);

    result->failed_number = number_meant(numbers, first, result->failed_number);
    for (uint32_t w = 0; w < result->warning_count; w++) {
        result->warnings[w].number = number_meant(numbers, first, result->warnings[w].number);
    }
    return r;
}

/* The day after the last session of a lower number: a number is never caught up before those it
 * builds on. */
static struct date first_day(const struct planning *p, uint32_t number, struct date earliest) {
    struct date day = earliest;

    for (size_t i = 0; i < p->own_count; i++) {
        const struct date after = date_add_days(p->own[i].start.date, 1);
        if (p->own[i].number < number && date_cmp(after, day) > 0) {
            day = after;
        }
    }
    return day;
}

static void add_catch_up(struct plan_result *result, const struct plan_result *one,
                         uint32_t number) {
    result->starts[result->count++] = one->starts[0];
    result->window_end = one->window_end;
    result->programme_end = one->programme_end;
    for (uint32_t w = 0; w < one->warning_count && result->warning_count < PLAN_WARNINGS_MAX; w++) {
        result->warnings[result->warning_count] = one->warnings[w];
        result->warnings[result->warning_count++].number = number;
    }
}

/* Single lost numbers, each a small programme of its own: after the lower numbers, apart from every
 * other session of this participant. */
static int plan_catch_ups(struct planning *p, const uint32_t *numbers, size_t count,
                          struct plan_result *result) {
    struct programme *small = arena_alloc(&p->e->arena, 1, sizeof *small);
    struct plan_result *one = arena_alloc(&p->e->arena, 1, sizeof *one);
    const struct date earliest = p->request.start;
    struct date last = p->own_count > 0 ? p->own[p->own_count - 1].start.date : earliest;

    *small = *p->programme;
    small->session_count = 1;
    small->first_within_days = small->months * 31;
    p->request.programme = small;
    p->request.first_number = 1;
    for (size_t i = 0; i < p->own_count; i++) {
        keep_apart(p, p->own[i].start.date);
    }
    for (size_t i = 0; i < count; i++) {
        p->request.start = first_day(p, numbers[i], earliest);
        if (i > 0 && date_cmp(p->request.start, result->starts[i - 1].date) <= 0) {
            p->request.start = date_add_days(result->starts[i - 1].date, 1);
        }
        const int r = plan_sessions(&p->request, one);
        if (r < 0) {
            *result = *one;
            result->failed_number = numbers[i];
            return r;
        }
        add_catch_up(result, one, numbers[i]);
        keep_apart(p, one->starts[0].date);
        last = date_cmp(last, one->starts[0].date) < 0 ? one->starts[0].date : last;
    }
    p->request.start = earliest;
    result->slack_days = date_to_days(result->window_end) - date_to_days(last);
    return 0;
}

static int plan_numbers(struct planning *p, const uint32_t *numbers, size_t count,
                        struct plan_result *result) {
    if (count == 0) { /* all are held or await their outcome: there is nothing to place */
        *result = (struct plan_result){.window_end = p->request.window_end,
                                       .programme_end = p->request.window_end};
        return 0;
    }
    return goes_on(p, numbers, count) ? plan_series(p, numbers, count, result)
                                      : plan_catch_ups(p, numbers, count, result);
}

static int write_plan(struct call *c, struct planning *p, const uint32_t *numbers, size_t count,
                      const struct plan_result *result, enum participant_event event) {
    const uint32_t ordinal = turn_second(c->e); /* each plan is confirmed once */
    struct participant_state_row state = p->state;
    const enum participant_state from = state.state;
    const bool first = from == PARTICIPANT_REFERRED;
    int r = participant_next(from, event, &state.state);

    state.plan_start = first || state.plan_start.year == 0 ? p->request.start : state.plan_start;
    state.window_end = result->programme_end;
    state.changed_at = c->e->now;
    state.because[0] = '\0';
    watch_arm(c->e, &state, from);
    r = r < 0 ? r : planning_insert(c, p, numbers, result->starts, count);
    r = r < 0 ? r : participant_state_update(c->e->store, p->participant.id, &state);
    /* Who hears of new dates is not to be told that there are none. */
    r = r < 0 ? r
              : duty_drop_participant(
                    c->e, p->participant.id,
                    1u << TASK_CATCH_UP |
                        (event == PARTICIPANT_RESUME && count > 0 ? 1u << TASK_TELL_CANCELLED : 0));
    r = r < 0 || count == 0 ? r : planning_confirm(c, p, result->starts, count, ordinal);
    if (r == 0 && first) {
        r = notice_advocates(c->e, p->participant.id, "enrolled", 0);
    } else if (r == 0 && event == PARTICIPANT_RESUME) {
        r = notice_advocates(c->e, p->participant.id, "restarted", ordinal);
    }
    return r < 0 ? r : call_audit(c, p->participant.id, "");
}

static void begin_answer(struct call *c, const struct planning *p,
                         const struct plan_result *result) {
    c->reply = json_pack("{s:s,s:s,s:i,s:o,s:[]}", "participant", p->participant.id, "programme",
                         p->programme->id, "slack_days", (int)result->slack_days, "warnings",
                         planning_warnings(p, result), "sessions");
    json_put_date(c->reply, "window_end", result->window_end);
}

static int plan_with(struct call *c, struct planning *p, enum participant_event event) {
    uint32_t numbers[PROGRAMME_SESSIONS_MAX];
    struct plan_result *result = arena_alloc(&c->e->arena, 1, sizeof *result);
    const size_t count = open_numbers(c->e, p, numbers);

    if (count == 0 && event != PARTICIPANT_RESUME) {
        return call_refuse(c, 409, "%s: every session of the programme is planned or held already",
                           c->id);
    }
    int r = plan_numbers(p, numbers, count, result);

    if (r == -ENOSPC) {
        return planning_refuse(c, result, result->failed_number);
    }
    if (r < 0) {
        return call_refuse(
            c, 400, "%s: no plan can be asked for with these dates; check --start and --order-ends",
            c->id);
    }
    begin_answer(c, p, result);
    r = write_plan(c, p, numbers, count, result, event);
    c->dry_run = call_given(c, "dry_run");
    return r < 0 ? call_failed(c, r, c->id) : 200;
}

int participant_plan(struct call *c) {
    struct planning *p;
    int status = planning_gather(c, c->id, NULL, &p);

    if (status != 200) {
        return status;
    }
    if (p->state.state != PARTICIPANT_REFERRED && p->state.state != PARTICIPANT_ACTIVE) {
        return call_refuse(c, 409,
                           "%s is %s: only a referred or active participant can be planned%s",
                           c->id, participant_state_to_text(p->state.state),
                           p->state.state == PARTICIPANT_PAUSED ? "; use participant resume" : "");
    }
    return plan_with(c, p, PARTICIPANT_PLAN);
}

int participant_resume(struct call *c) {
    struct planning *p;
    int status = planning_gather(c, c->id, NULL, &p);

    if (status != 200) {
        return status;
    }
    if (p->state.state != PARTICIPANT_PAUSED) {
        return call_refuse(c, 409, "%s is %s, not paused", c->id,
                           participant_state_to_text(p->state.state));
    }
    /* The window grows by the days of the pause. */
    const struct date paused = zone_civil(p->zone, p->state.changed_at).date;
    const int32_t days = date_to_days(p->request.today) - date_to_days(paused);

    if (p->request.window_end.year != 0) {
        p->request.window_end = date_add_days(p->request.window_end, days);
    }
    return plan_with(c, p, PARTICIPANT_RESUME);
}

static int cancel_future(struct call *c, const char *participant, json_t *cancelled) {
    struct engine *e = c->e;
    const struct session_filter filter = {
        .participant = participant, .state = "planned", .from = e->now};
    const struct session_change change = {.what = "cancelled", .by = "service"};
    const size_t most = (size_t)PROGRAMME_SESSIONS_MAX * 2;
    struct session_row *rows = arena_alloc(&e->arena, most, sizeof *rows);
    const int count = session_list(e->store, &filter, rows, most);

    for (int i = 0; i < count; i++) {
        struct session_row *s = &rows[i];
        const uint32_t revision = s->revision;
        int r = session_next(s->state, SESSION_CANCEL, &s->state);
        s->revision++;
        s->revised_at = e->now;
        s->wake_at = INSTANT_NEVER;
        r = r < 0 ? r : session_update(e->store, s, SESSION_PLANNED, revision);
        r = r < 0 ? r : session_change_note(c, s, &change, s->start_at);
        r = r < 0 ? r : duty_changed(e, s, s->start_at);
        if (r < 0) {
            return r;
        }
        (void)json_array_append_new(cancelled, json_string(s->id)); /* memory only */
    }
    return count < 0 ? count : 0;
}

static bool is_waived(const struct call *c, uint32_t number) {
    const char *list = call_value(c, "waive");

    for (const char *p = list; p && *p; p += strspn(p, "; ")) {
        char *end;
        if (strtoul(p, &end, 10) == number) {
            return true;
        }
        p = end == p ? p + 1 : end;
    }
    return false;
}

/* A named supervisor does without them; never the practitioner whose sessions they were. */
static int check_waiver(struct call *c, struct participant_state_row *state) {
    const char *list = call_value(c, "waive");

    if (!list) {
        return 200;
    }
    if (!noun_exists(c->e->store, NOUN_SUPERVISOR, c->as)) {
        return call_refuse(c, 403, "--waive: a supervisor does this: name them with --as");
    }
    if (!call_given(c, "reason")) {
        return call_refuse(c, 400, "--waive: say why with --reason");
    }
    return text_copy(state->waived, sizeof state->waived, list) < 0 ||
                   text_copy(state->waived_by, sizeof state->waived_by, c->as) < 0
               ? call_refuse(c, 400, "--waive: too many sessions; end the programme instead")
               : 200;
}

/* Nobody hears that somebody has completed on an outcome that may yet be another. */
static int check_settled(struct call *c, const struct planning *p) {
    for (size_t i = 0; i < p->own_count; i++) {
        const struct session_row *s = &p->own[i];
        const bool settled = (s->flags & SESSION_MISS_TOLD) && !*s->review_outcome;
        if (s->state == SESSION_AWAITING_OUTCOME) {
            return call_refuse(c, 409,
                               "%s cannot be completed yet: session %u has begun and has no "
                               "outcome; record it first",
                               c->id, s->number);
        }
        if (s->state == SESSION_RECORDED && !settled) {
            return call_refuse(c, 409, "%s cannot be completed yet: the outcome of session %u %s",
                               c->id, s->number,
                               *s->review_outcome ? "is under review; let it be approved first"
                                                  : "was recorded just now and may still be "
                                                    "replaced; wait some minutes");
        }
    }
    return 200;
}

static int check_complete(struct call *c) {
    char missing[300] = "";
    struct text t = TEXT_IN(missing);
    struct planning *p;
    const int status = planning_gather(c, c->id, NULL, &p);

    if (status != 200) {
        return status;
    }

    for (uint32_t n = 1; n <= p->programme->session_count; n++) {
        bool attended = is_waived(c, n);
        for (size_t i = 0; i < p->own_count; i++) {
            const struct outcome_code *code = outcome_find(&c->e->setup.config->outcomes,
                                                           p->own[i].outcome);
            attended |= p->own[i].number == n && code && code->attended == ATTENDED_YES &&
                        !code->replacement;
        }
        if (!attended) {
            text_addf(&t, "%s%u", *missing ? ", " : "", n);
        }
    }
    return *missing ? call_refuse(c, 409,
                                  "%s is not complete: not attended: session %s; plan them, let a "
                                  "supervisor waive them (--waive), or use participant end",
                                  c->id, missing)
                    : check_settled(c, p);
}

/* Staff are not asked to phone about appointments that are no more, nor somebody who cannot answer.
 * Deciding an absence stays. */
static int drop_calls(struct call *c, bool for_good) {
    const unsigned always = 1u << TASK_PHONE | 1u << TASK_CHANGED | 1u << TASK_CATCH_UP,
                   answered = 1u << TASK_CONTACT | 1u << TASK_TELL_CANCELLED,
                   attending = 1u << TASK_NO_TEXTS; /* another way to remind them */
    const bool out_of_reach = follow_up_out_of_reach(call_value(c, "because"));

    return duty_drop_participant(c->e, c->id,
                                 always | (out_of_reach ? answered : 0) |
                                     (out_of_reach || for_good ? attending : 0));
}

/* Cancelled before, and not told of it yet. */
static int cancellations_waiting(struct call *c) {
    struct message_filter filter = {
        .participant = c->id, .audience = "participant", .kind = "cancellation"};
    struct message_row *row = arena_alloc(&c->e->arena, 1, sizeof *row);
    int count = 0;

    for (int held = 0; held < 2 && count == 0; held++) {
        filter.state = message_state_to_text(held ? MESSAGE_HELD : MESSAGE_QUEUED);
        count = message_list(c->e->store, &filter, "", &c->e->arena, row, 1);
    }
    return count;
}

/* Who was expected and can be reached is told by a person: cobid writes to nobody who is not
 * active. */
static int tell_cancelled(struct call *c, uint32_t ordinal, bool waiting) {
    const bool cancelled = waiting ||
                           json_array_size(json_object_get(c->reply, "cancelled_sessions")) > 0;

    return cancelled && !follow_up_out_of_reach(call_value(c, "because"))
               ? follow_up_cancelled(c->e, c->id, ordinal)
               : 0;
}

/* Whoever leaves must be able to, whatever has become of the facts of their plan. */
static int leave(struct call *c, enum participant_event event, const char *topic) {
    struct engine *e = c->e;
    const struct message_filter filter = {.participant = c->id, .audience = "participant"};
    const uint32_t ordinal = turn_second(e);
    struct participant_state_row state;
    int r = participant_state_find(e->store, c->id, &state);

    if (r < 0) {
        return call_failed(c, r, c->id);
    }
    const enum participant_state from = state.state;
    int status = event == PARTICIPANT_COMPLETE ? check_waiver(c, &state) : 200;

    status = status == 200 && event == PARTICIPANT_COMPLETE ? check_complete(c) : status;
    if (status != 200) {
        return status;
    }
    if (participant_next(from, event, &state.state) < 0) {
        return call_refuse(c, 409, "%s is %s: this cannot be done", c->id,
                           participant_state_to_text(from));
    }
    c->reply = json_pack("{s:s,s:s,s:[]}", "id", c->id, "state",
                         participant_state_to_text(state.state), "cancelled_sessions");
    state.changed_at = e->now;
    watch_arm(e, &state, from);
    const int waiting = cancellations_waiting(c);

    r = waiting < 0 ? waiting
                    : text_copy(state.because, sizeof state.because, call_value(c, "because"));
    r = r < 0 ? r : participant_state_update(e->store, c->id, &state);
    r = r < 0 ? r
              : drop_calls(
                    c, event !=
                           PARTICIPANT_PAUSE); /* before new ones point at what is cancelled now */
    r = r < 0 ? r : cancel_future(c, c->id, json_object_get(c->reply, "cancelled_sessions"));
    r = r < 0 ? r
              : message_cancel_matching(e->store, &filter,
                                        arena_printf(&e->arena, "participant_%s",
                                                     participant_state_to_text(state.state)),
                                        e->now);
    r = r < 0 ? r : tell_cancelled(c, ordinal, waiting > 0);
    r = r < 0 ? r : notice_advocates(e, c->id, topic, ordinal);
    r = r < 0 ? r : call_audit(c, c->id, call_value(c, "reason"));
    return r < 0 ? call_failed(c, r, c->id) : 200;
}

int participant_pause(struct call *c) {
    return leave(c, PARTICIPANT_PAUSE, "paused");
}

int participant_withdraw(struct call *c) {
    return leave(c, PARTICIPANT_WITHDRAW, "ended");
}

int participant_end(struct call *c) {
    return leave(c, PARTICIPANT_END, "ended");
}

int participant_complete(struct call *c) {
    return leave(c, PARTICIPANT_COMPLETE, "completed");
}
