/* Reminders: when each step of a session is due, whether it still goes, and when a message may leave. Pure. */
#ifndef COBI_RULES_REMIND_H
#define COBI_RULES_REMIND_H

#include "cobi/rules/hours.h"
#include "cobi/rules/kinds.h"

#define REMIND_STEPS_MAX 8
/* Conditions of a step, or-ed; 0: always. */
enum remind_condition { REMIND_FIRST_SESSION = 1, REMIND_AFTER_MISS = 2, REMIND_AFTER_GAP = 4, REMIND_CHANGED = 8 };
enum remind_anchor { REMIND_DAYS_BEFORE /* at a local time of an earlier day */, REMIND_HOURS_BEFORE };
struct remind_step {
    enum remind_anchor anchor;
    uint32_t days_before;  /* REMIND_DAYS_BEFORE */
    uint16_t at_minute;    /* minutes since local midnight */
    uint32_t hours_before; /* REMIND_HOURS_BEFORE */
    unsigned channels;     /* 1 << enum channel; the first that works is used, SMS before email */
    unsigned conditions;   /* enum remind_condition, any of them; 0: always */
    bool main;             /* the step whose missing receipt starts the fallback */
};
struct remind_policy {
    uint32_t step_count;
    struct remind_step steps[REMIND_STEPS_MAX];
    struct span min_lead; /* a step behind its time is dropped if less than this remains before the start (3 h) */
    struct span step_grace; /* a step planned later than min_lead before the start: not_after is its time plus this (30 min) */
    uint32_t gap_days;    /* REMIND_AFTER_GAP: more than this many days since the session before (10) */
};
/* The send window: closed-open, local time of the recipient. */
struct send_window {
    uint16_t from_minute, to_minute;               /* weekdays and Saturdays: 09:00 to 20:00 */
    uint16_t quiet_from_minute, quiet_to_minute;   /* Sundays and bank holidays: 10:00 to 18:00 */
    uint16_t early_from_minute;                    /* changes to a session of the same day: 07:00 */
    uint16_t margin_minutes;                       /* a planned time moves to at least this long before closing (60) */
};
/* What the rules need to know of a session. */
struct remind_session {
    struct civil start;      /* local */
    struct instant start_at; /* the same as an instant */
    struct instant booked_at; /* when this revision was made */
    unsigned traits;         /* enum remind_condition that hold for it */
};
/* Local zone and holidays of the recipient. */
struct remind_place {
    const struct zone *zone;
    const struct holidays *holidays;
};
enum remind_verdict {
    REMIND_WAIT,          /* not due yet: due says when */
    REMIND_SEND,          /* due now; not_after says until when */
    REMIND_SKIP_LATE,     /* behind its time with too little left */
    REMIND_SKIP_LEAD,     /* its time had passed when the session was booked: the confirmation replaces it */
    REMIND_SKIP_CONDITION, /* no condition of the step holds */
    REMIND_SKIP_WINDOW    /* no time inside the send window is left */
};
#define REMIND_VERDICT_COUNT 6
struct remind_decision {
    enum remind_verdict verdict;
    struct instant due, not_after;
};
const char *remind_verdict_to_text(enum remind_verdict verdict); /* reason text, "late" and so on */
/* The planned instant of a step, moved into the send window (to `margin` before closing, or to the opening when before it;
 * to the evening before when the opening would be later than not_after). */
struct remind_decision remind_decide(const struct remind_policy *policy, const struct send_window *window,
                                     const struct remind_place *place, const struct remind_session *session,
                                     uint32_t step, struct instant now);
/* The first instant at or after t that is inside the window, INSTANT_NEVER when none within 14 days. */
struct instant send_window_next(const struct send_window *window, const struct remind_place *place, struct instant t);
bool send_window_open(const struct send_window *window, const struct remind_place *place, struct instant t);
/* The same for kinds: WINDOW_ANY is always open; WINDOW_SEND_EARLY opens at early_from on the day of the session;
 * WINDOW_OFFICE uses `office`. start is the session's (year 0: none). */
struct instant kind_window_next(enum message_kind kind, const struct send_window *window, const struct remind_place *place,
                                const struct hours *office, struct civil start, struct instant t);

#endif
