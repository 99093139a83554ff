/* The steps, waits and repetition of an escalation, as data.
 *
 * Asked each time a chain's timer fires: it answers what to do now and until when to wait, never
 * "nothing more". When all steps are told the operator is alarmed, and from the next working day on
 * every step is told anew each working day, at once at its opening: everybody has had their wait.
 * Only a person's acknowledgement or resolution stops it, so no answer may ever lie beyond
 * REPEAT_MOST_DAYS, whatever hours somebody keeps. */
#include "cobi/rules/escalate.h"

#include <assert.h>

#include "cobi/base/cleanup.h"
#include "cobi/rules/names.h"

/* The longest run of days without work (Easter, Christmas) is four; hours such as "Mondays only"
 * must not stretch it. */
#define REPEAT_MOST_DAYS   5
#define REPEAT_UNKNOWN     span_hours(24) /* when nobody says when they work */
#define WAIT_LEAST_MINUTES 1

static const char *const kind_names[ESCALATION_KIND_COUNT] = {
    [ESCALATION_MISSED] = "missed",
    [ESCALATION_UNRECORDED] = "unrecorded",
    [ESCALATION_UNDELIVERABLE] = "undeliverable",
    [ESCALATION_SLIPPING] = "slipping",
    [ESCALATION_CONCERN] = "concern",
};

static const char *const target_names[ESCALATION_TARGET_COUNT] = {
    [TARGET_SUPERVISOR] = "supervisor",
    [TARGET_NEXT_SUPERVISOR] = "next_supervisor",
    [TARGET_ADVOCATE] = "advocate",
    [TARGET_OPERATOR] = "operator",
};

const char *escalation_kind_to_text(enum escalation_kind kind) {
    assert((unsigned)kind < ESCALATION_KIND_COUNT);
    return kind_names[kind];
}

int escalation_kind_from_text(const char *text, enum escalation_kind *ret_kind) {
    const int found = names_find(kind_names, ESCALATION_KIND_COUNT, text);

    if (found < 0) {
        return found;
    }
    *ret_kind = (enum escalation_kind)found;
    return 0;
}

const char *escalation_target_to_text(enum escalation_target target) {
    assert((unsigned)target < ESCALATION_TARGET_COUNT);
    return target_names[target];
}

int escalation_target_from_text(const char *text, enum escalation_target *ret_target) {
    const int found = names_find(target_names, ESCALATION_TARGET_COUNT, text);

    if (found < 0) {
        return found;
    }
    *ret_target = (enum escalation_target)found;
    return 0;
}

static bool has_hours(const struct working_time *person) {
    return person != NULL && person->hours != NULL && person->hours->count > 0;
}

/* The first opening of a working day after now: today's if it is still to come. A break at noon is
 * no opening. */
static struct instant next_opening(const struct working_time *person, struct instant now) {
    const struct instant most = instant_add(now, span_days(REPEAT_MOST_DAYS));

    if (!has_hours(person)) {
        return instant_add(now, REPEAT_UNKNOWN);
    }
    const struct date today = zone_civil(person->zone, now).date;
    for (int32_t i = 0; i <= 1; i++) {
        struct instant midnight = now;
        (void)zone_resolve(person->zone, civil_at(date_add_days(today, i), 0), ZONE_FIRST,
                           &midnight); /* a midnight in a gap: the day begins later */
        const struct instant opening = working_time_next(person, midnight);
        if (instant_cmp(opening, now) > 0) {
            return instant_min(opening, most);
        }
    }
    return most;
}

static struct instant wait_until(const struct escalation_step *step,
                                 const struct working_time *person, struct instant now) {
    const struct instant least = instant_add(now, span_minutes(WAIT_LEAST_MINUTES));
    struct instant until = instant_add(now, step->clock ? step->wait : step->wait_most);

    if (!step->clock && has_hours(person)) {
        until = working_time_add(person, now, step->wait, step->wait_most);
    }
    return instant_max(until, least);
}

struct escalation_decision escalation_decide(const struct escalation_policy *policy,
                                             struct escalation_position at,
                                             const struct working_time *person,
                                             struct instant now) {
    struct escalation_decision decision = {.move = ESCALATE_TELL, .next = at};

    assert(policy->step_count <= ESCALATION_STEPS_MAX);
    if (at.step >= policy->step_count) {
        decision.move = ESCALATE_REPEAT;
        decision.until = next_opening(person, now);
        decision.next = (struct escalation_position){.step = 0, .cycle = at.cycle + 1};
        return decision;
    }
    decision.next.step = at.step + 1;
    decision.until = at.cycle > 0 && decision.next.step < policy->step_count
                         ? now
                         : wait_until(&policy->steps[at.step], person, now);
    return decision;
}

/* Who is told, as far as the policy can know: two steps to the same supervisor are one person. */
struct crowd {
    bool supervisor, advocate, operator;
    uint32_t people;
};

static const char *step_fault(const struct escalation_policy *policy,
                              const struct escalation_step *step, struct crowd *crowd) {
    if (step->wait.us <= 0 || step->wait_most.us <= 0) {
        return "a step needs a wait: without one the next step is told in the same moment";
    }
    if (step->clock && step->wait.us > step->wait_most.us) {
        return "a wait by the clock must not be longer than wait_most";
    }
    if (step->channel == STEP_BY_TEXT && (policy->audience != AUDIENCE_SUPERVISOR ||
                                          step->target == TARGET_OPERATOR)) {
        return "only supervisors are told by text, in their own chain; all others by mail";
    }
    switch (step->target) {
    case TARGET_SUPERVISOR:
        crowd->people += crowd->supervisor ? 0 : 1;
        crowd->supervisor = true;
        return NULL;
    case TARGET_NEXT_SUPERVISOR:
        crowd->people++;
        return crowd->supervisor ? NULL
                                 : "a step to the next supervisor needs a supervisor before it";
    case TARGET_ADVOCATE:
        crowd->people += crowd->advocate ? 0 : 1;
        crowd->advocate = true;
        return policy->audience == AUDIENCE_ADVOCATE
                   ? NULL
                   : "a supervisors' chain cannot tell an advocate: advocates have their own chain";
    case TARGET_OPERATOR:
        crowd->operator= true;
        return NULL;
    }
    return "a step tells nobody that exists";
}

const char *escalation_policy_fault(const struct escalation_policy *policy) {
    struct crowd crowd = {0};

    if (policy->audience != AUDIENCE_SUPERVISOR && policy->audience != AUDIENCE_ADVOCATE) {
        return "a chain is for supervisors or for an advocate";
    }
    if (policy->step_count == 0) {
        return "there are no steps";
    }
    if (policy->step_count > ESCALATION_STEPS_MAX) {
        return "there are too many steps: 8 at most";
    }
    for (uint32_t i = 0; i < policy->step_count; i++) {
        const char *const fault = step_fault(policy, &policy->steps[i], &crowd);
        if (fault != NULL) {
            return fault;
        }
    }
    if (policy->audience == AUDIENCE_ADVOCATE && !crowd.advocate) {
        return "an advocate's chain must tell the advocate";
    }
    if (crowd.people < 2 && !crowd.operator) {
        return "a chain needs at least two people, or the operator";
    }
    return policy->acknowledged_days == 0 ? "an acknowledgement must last at least one working day"
                                          : NULL;
}

const char *escalation_line_fault(const struct escalation_policy *policy, uint32_t line_length) {
    uint32_t place = 0, people = 0, told = 0;
    bool advocate = false;

    for (uint32_t i = 0; i < policy->step_count; i++) {
        bool supervisor = false;
        switch (policy->steps[i].target) {
        case TARGET_OPERATOR:
            return NULL;
        case TARGET_ADVOCATE:
            people += advocate ? 0 : 1;
            advocate = true;
            break;
        case TARGET_SUPERVISOR:
            place = 0;
            supervisor = true;
            break;
        case TARGET_NEXT_SUPERVISOR:
            place++;
            supervisor = true;
            break;
        }
        if (supervisor && place < line_length && !(told & 1u << place)) {
            told |= 1u << place; /* fewer than 32 steps */
            people++;
        }
    }
    return people < 2 ? "fewer than two people would be told, and not the operator" : NULL;
}
