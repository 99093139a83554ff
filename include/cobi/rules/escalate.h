/* Escalation: steps, waits and repetition as data. Pure. */
#ifndef COBI_RULES_ESCALATE_H
#define COBI_RULES_ESCALATE_H

#include "cobi/rules/hours.h"
#include "cobi/rules/kinds.h"

enum escalation_kind { ESCALATION_MISSED, ESCALATION_UNRECORDED, ESCALATION_UNDELIVERABLE, ESCALATION_SLIPPING, ESCALATION_CONCERN };
#define ESCALATION_KIND_COUNT 5
const char *escalation_kind_to_text(enum escalation_kind kind);
int escalation_kind_from_text(const char *text, enum escalation_kind *ret_kind);

/* Who a step tells. */
enum escalation_target { TARGET_SUPERVISOR /* of the practitioner */, TARGET_NEXT_SUPERVISOR /* the next of the one before */, TARGET_ADVOCATE, TARGET_OPERATOR };
#define ESCALATION_TARGET_COUNT 4
#define ESCALATION_STEPS_MAX 8
/* How a step is told. By text: the mail goes at once all the same, a text too in that person's hours, where there is a mobile number. */
enum escalation_channel { STEP_BY_MAIL, STEP_BY_TEXT };
struct escalation_step {
    enum escalation_target target;
    struct span wait;       /* working time of the person told before the next step ... */
    struct span wait_most;  /* ... but at most this by the clock */
    enum escalation_channel channel;
    bool clock;             /* wait is by the clock, not working time */
};
struct escalation_policy {
    enum escalation_kind kind;
    enum audience audience; /* AUDIENCE_SUPERVISOR or AUDIENCE_ADVOCATE: two chains, never one */
    uint32_t step_count;
    struct escalation_step steps[ESCALATION_STEPS_MAX];
    uint32_t acknowledged_days; /* working days an acknowledgement lasts (3) */
};
const char *escalation_target_to_text(enum escalation_target target);
int escalation_target_from_text(const char *text, enum escalation_target *ret_target);

/* Where a chain stands. */
struct escalation_position {
    uint32_t step;  /* 0-based step that is next to be told */
    uint32_t cycle; /* how often all steps have been told before */
};
enum escalation_move {
    ESCALATE_TELL,   /* tell step; then wait until */
    ESCALATE_REPEAT  /* steps exhausted: alarm the operator and begin a new cycle at until (next working day, its opening) */
};
struct escalation_decision {
    enum escalation_move move;
    struct instant until;
    struct escalation_position next;
};
/* What happens when the chain's timer fires at now. `person` is the working time of whoever is told (its hours may be empty). */
struct escalation_decision escalation_decide(const struct escalation_policy *policy, struct escalation_position at,
                                             const struct working_time *person, struct instant now);
/* A policy with a dead end: no steps, or no wait, or fewer than two people and no operator. NULL when it is sound. */
const char *escalation_policy_fault(const struct escalation_policy *policy);
/* The same for a practitioner whose supervisor, that one's next and so on are `line_length` people: NULL when at least two people would be
 * told, or the operator. */
const char *escalation_line_fault(const struct escalation_policy *policy, uint32_t line_length);

#endif
