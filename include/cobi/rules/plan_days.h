/* The days of a plan and the starts that are free on each: what the planner searches, and how a
 * single slot is judged. */
#ifndef COBI_RULES_PLAN_DAYS_H
#define COBI_RULES_PLAN_DAYS_H

#include "cobi/rules/plan.h"

#define PLAN_START_STEP_MINUTES 15
#define PLAN_STARTS_MAX         97 /* every quarter of an hour, and the preferred time where it is none */
#define PLAN_START_WORDS        2
_Static_assert(PLAN_STARTS_MAX <= PLAN_START_WORDS * 64, "a bit for each start");

/* Starts by their index in plan_days.minutes. */
struct plan_starts {
    uint64_t words[PLAN_START_WORDS];
};
struct plan_day {
    struct date date;
    struct plan_starts free;
    enum plan_rule
        blocked; /* PLAN_FINE while a start is free, else the rule that took the last one */
};
struct plan_days {
    uint32_t count;
    int32_t first; /* date_to_days() of list[0] */
    uint32_t start_count;
    uint16_t minutes[PLAN_STARTS_MAX]; /* since midnight */
    struct plan_starts
        weekly[WEEKDAY_COUNT]; /* what the hours allow in a week without anything else */
    struct plan_day list[PLAN_DAYS_MAX];
};

bool plan_starts_has(const struct plan_starts *starts, uint32_t start);
bool plan_starts_empty(const struct plan_starts *starts);

/* Fills days with `count` (1 to PLAN_DAYS_MAX) days from `from` on, with the starts listed in
 * minutes; each rule in turn takes away what it forbids: hours (and nights on which the clocks
 * change, and the past), absence, holiday, practitioner, room. */
void plan_days_fill(const struct plan_request *request, struct date from, uint32_t count,
                    struct plan_days *days);
/* The starts a plan may use: each quarter of an hour and the preferred time. */
void plan_days_list_starts(const struct plan_request *request, struct plan_days *days);

#endif
