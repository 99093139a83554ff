/* When a reminder of a session is due, whether it still goes, and when anything may leave at all.
 *
 * Asked again at every look and every attempt; nothing is remembered between two calls. A step's
 * planned time is what its policy says; its due time is the planned time moved into the send
 * window. Where a night with a change of clocks makes a wall time vanish or occur twice, the window
 * is what the wall clock shows. A text must never leave outside the window, nor a reminder after
 * its not_after, whatever was late. */
#include "cobi/rules/remind.h"

#include <assert.h>

#define WALK_DAYS_MAX  14
#define MINUTES_OF_DAY 1440

/* The send window at a place; early is the day on which it opens early (year 0: none). */
struct gate {
    const struct send_window *window;
    const struct remind_place *place;
    struct date early;
};
/* The window of one day, closed-open in minutes; from >= to: closed all day. */
struct opening {
    int32_t from, to;
};

static const char *const verdict_names[REMIND_VERDICT_COUNT] = {
    [REMIND_WAIT] = "wait",
    [REMIND_SEND] = "send",
    [REMIND_SKIP_LATE] = "late",
    [REMIND_SKIP_LEAD] = "inside_lead_time",
    [REMIND_SKIP_CONDITION] = "condition_not_met",
    [REMIND_SKIP_WINDOW] = "outside_send_window",
};

const char *remind_verdict_to_text(enum remind_verdict verdict) {
    assert((unsigned)verdict < REMIND_VERDICT_COUNT);
    return verdict_names[verdict];
}

static struct opening gate_opening(const struct gate *gate, struct date day) {
    const struct send_window *const w = gate->window;
    const struct holidays *const holidays = gate->place->holidays;
    const bool quiet = date_weekday(day) == SUNDAY ||
                       (holidays != NULL && holidays_find(holidays, day) != NULL);
    struct opening opening = {w->from_minute, w->to_minute};

    if (quiet) {
        opening = (struct opening){w->quiet_from_minute, w->quiet_to_minute};
    }
    if (gate->early.year != 0 && date_cmp(gate->early, day) == 0 && opening.from < opening.to &&
        w->early_from_minute < opening.from) {
        opening.from = w->early_from_minute;
    }
    return opening;
}

static bool gate_open(const struct gate *gate, struct instant t) {
    const struct civil c = zone_civil(gate->place->zone, t);
    const struct opening opening = gate_opening(gate, c.date);
    const int32_t minute = civil_minute_of_day(c);

    return minute >= opening.from && minute < opening.to;
}

static void gate_consider(const struct gate *gate, struct instant from, struct instant candidate,
                          struct instant *best) {
    if (instant_cmp(candidate, from) >= 0 && instant_cmp(candidate, *best) < 0 &&
        gate_open(gate, candidate)) {
        *best = candidate;
    }
}

/* A window can only open at its own opening time, which may occur twice a night, or where the
 * clocks change. */
static struct instant gate_next(const struct gate *gate, struct instant t) {
    const struct zone *const zone = gate->place->zone;
    struct instant best = INSTANT_NEVER;

    if (instant_cmp(t, INSTANT_NEVER) == 0 || gate_open(gate, t)) {
        return t;
    }
    const struct instant limit = instant_add(t, span_days(WALK_DAYS_MAX));
    const struct date today = zone_civil(zone, t).date;
    for (int32_t i = 0; i <= WALK_DAYS_MAX && instant_cmp(best, INSTANT_NEVER) == 0; i++) {
        const struct date day = date_add_days(today, i);
        const struct opening opening = gate_opening(gate, day);
        struct instant first = t, second = t;
        if (opening.from >= opening.to || opening.from >= MINUTES_OF_DAY) {
            continue;
        }
        (void)zone_resolve(zone, civil_at(day, opening.from), ZONE_FIRST, &first);
        (void)zone_resolve(zone, civil_at(day, opening.from), ZONE_SECOND, &second);
        gate_consider(gate, t, first,
                      &best); /* which case it was is settled by looking at the clock again */
        gate_consider(gate, t, second, &best);
    }
    for (uint32_t i = 0; i < zone->transition_count; i++) {
        gate_consider(gate, t, zone->transitions[i].at, &best);
    }
    return instant_cmp(best, limit) <= 0 ? best : INSTANT_NEVER;
}

/* The moment at which the clocks jumped over the wall time that zone_resolve() moved to `moved`. */
static struct instant gap_end(const struct zone *zone, struct instant moved) {
    struct instant end = moved;

    for (uint32_t i = 0; i < zone->transition_count; i++) {
        if (instant_cmp(zone->transitions[i].at, moved) <= 0) {
            end = zone->transitions[i].at;
        }
    }
    return end;
}

/* The instant of a wall time inside the window of that day; just before or at the jump when the
 * time is in a gap. */
static bool gate_slot(const struct gate *gate, struct date day, int32_t minute,
                      struct instant *ret_slot) {
    const struct zone *const zone = gate->place->zone;
    struct instant slot = {0};

    if (zone_resolve(zone, civil_at(day, minute), ZONE_FIRST, &slot) == ZONE_GAP) {
        const struct instant end = gap_end(zone, slot);
        const struct instant before = instant_add(end, span_minutes(-1));
        slot = gate_open(gate, before) ? before : end;
    }
    if (!gate_open(gate, slot)) {
        return false;
    }
    *ret_slot = slot;
    return true;
}

static int32_t opening_last(const struct opening *opening, uint32_t margin_minutes) {
    const int32_t margin = margin_minutes > 0 ? (int32_t)margin_minutes : 1;

    return opening->to - margin > opening->from ? opening->to - margin : opening->from;
}

/* The latest slot that keeps the margin, on that day or the nearest open day before it. */
static bool gate_last(const struct gate *gate, struct date day, struct instant *ret_slot) {
    for (int32_t i = 0; i <= WALK_DAYS_MAX; i++) {
        const struct date earlier = date_add_days(day, -i);
        const struct opening opening = gate_opening(gate, earlier);
        if (opening.from < opening.to &&
            gate_slot(gate, earlier, opening_last(&opening, gate->window->margin_minutes),
                      ret_slot)) {
            return true;
        }
    }
    return false;
}

/* Moves a planned time into the window: up to the opening if that is in good time, else back before
 * a closing. */
static bool gate_move(const struct gate *gate, struct instant planned, struct instant not_after,
                      struct instant *ret_due) {
    const struct civil c = zone_civil(gate->place->zone, planned);
    const struct opening opening = gate_opening(gate, c.date);
    const int32_t minute = civil_minute_of_day(c);

    if (opening.from >= opening.to) {
        return gate_last(gate, date_add_days(c.date, -1), ret_due);
    }
    if (minute < opening.from) {
        const struct instant next = gate_next(gate, planned);
        if (instant_cmp(next, not_after) < 0) {
            *ret_due = next;
            return true;
        }
        return gate_last(gate, date_add_days(c.date, -1), ret_due);
    }
    if (minute < opening.to && minute <= opening_last(&opening, gate->window->margin_minutes)) {
        *ret_due = planned;
        return true;
    }
    return gate_last(gate, c.date, ret_due);
}

static struct instant step_planned(const struct remind_step *step, const struct zone *zone,
                                   const struct remind_session *session) {
    struct instant planned = {0};

    if (step->anchor == REMIND_HOURS_BEFORE) {
        return instant_add(session->start_at, span_hours(-(int64_t)step->hours_before));
    }
    const struct date day = date_add_days(session->start.date, -(int32_t)step->days_before);
    (void)zone_resolve(zone, civil_at(day, step->at_minute), ZONE_FIRST,
                       &planned); /* in a gap: later */
    return planned;
}

/* A step planned at or after the last sensible time (its lead is shorter by design) has its grace
 * instead, never beyond the start. */
static struct instant step_not_after(const struct remind_policy *policy, struct instant planned,
                                     struct instant start) {
    const struct instant latest = instant_add(start, (struct span){-policy->min_lead.us});

    if (instant_cmp(planned, latest) < 0) {
        return latest;
    }
    return instant_min(instant_add(planned, policy->step_grace), start);
}

/* For a step that has a place in the window: due and not_after are set, `now` decides. */
static void decide_by_clock(const struct gate *gate, struct instant start, struct instant now,
                            struct remind_decision *decision) {
    if (instant_cmp(now, decision->not_after) > 0 || instant_cmp(now, start) >= 0) {
        decision->verdict = REMIND_SKIP_LATE;
        return;
    }
    if (instant_cmp(now, decision->due) < 0) {
        decision->verdict = REMIND_WAIT;
        return;
    }
    const struct instant next = gate_next(gate, now);
    if (instant_cmp(next, now) == 0) {
        decision->verdict = REMIND_SEND;
    } else if (instant_cmp(next, decision->not_after) < 0) {
        decision->verdict = REMIND_WAIT;
        decision->due = next;
    } else {
        decision->verdict = REMIND_SKIP_WINDOW;
    }
}

struct remind_decision remind_decide(const struct remind_policy *policy,
                                     const struct send_window *window,
                                     const struct remind_place *place,
                                     const struct remind_session *session, uint32_t step,
                                     struct instant now) {
    const struct gate gate = {.window = window, .place = place};

    assert(step < policy->step_count);
    const struct remind_step *const s = &policy->steps[step];
    const struct instant planned = step_planned(s, place->zone, session);
    struct remind_decision decision = {.verdict = REMIND_SKIP_WINDOW, .due = planned};
    decision.not_after = step_not_after(policy, planned, session->start_at);
    const bool placed = instant_cmp(planned, session->start_at) < 0 &&
                        gate_move(&gate, planned, decision.not_after, &decision.due);
    if (s->conditions != 0 && (s->conditions & session->traits) == 0) {
        decision.verdict = REMIND_SKIP_CONDITION;
    } else if (instant_cmp(instant_min(planned, decision.due), session->booked_at) < 0) {
        decision.verdict = REMIND_SKIP_LEAD;
    } else if (placed) {
        decide_by_clock(&gate, session->start_at, now, &decision);
    }
    return decision;
}

struct instant send_window_next(const struct send_window *window, const struct remind_place *place,
                                struct instant t) {
    const struct gate gate = {.window = window, .place = place};

    return gate_next(&gate, t);
}

bool send_window_open(const struct send_window *window, const struct remind_place *place,
                      struct instant t) {
    const struct gate gate = {.window = window, .place = place};

    return gate_open(&gate, t);
}

struct instant kind_window_next(enum message_kind kind, const struct send_window *window,
                                const struct remind_place *place, const struct hours *office,
                                struct civil start, struct instant t) {
    struct gate gate = {.window = window, .place = place};

    assert((unsigned)kind < MESSAGE_KIND_COUNT);
    switch (kind_policies[kind].window) {
    case WINDOW_ANY:
        return t;
    case WINDOW_OFFICE:
        if (office != NULL && office->count > 0) {
            const struct working_time w = {office, place->zone, place->holidays};
            return working_time_next(&w, t);
        }
        break; /* an office without hours: as a reminder */
    case WINDOW_SEND_EARLY:
        gate.early = start.date;
        break;
    case WINDOW_SEND:
        break;
    }
    return gate_next(&gate, t);
}
