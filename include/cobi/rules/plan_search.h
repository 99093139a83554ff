/* The search for a plan: which days each session can reach, and the cheapest choice among all of
 * them. Part of the planner. */
#ifndef COBI_RULES_PLAN_SEARCH_H
#define COBI_RULES_PLAN_SEARCH_H

#include "cobi/rules/plan_days.h"

/* About 110 KB: the caller keeps it on the stack. Day indexes count from the first day of days;
 * NONE is -1. */
struct plan_search {
    const struct plan_request *request;
    struct plan_days days;
    uint32_t number_count; /* sessions to place */
    int32_t gap_min, gap_max, gap_target;
    int32_t first_weekday; /* of day index 0 */
    bool has_previous;
    int32_t previous;                 /* day index of the session before, may be negative */
    int32_t first_from, first_to;     /* day indexes for the first session, inclusive */
    int32_t weekday, minute;          /* the regular ones; weekday NONE: no regular weekday */
    int32_t first_ideal;              /* day index, may be past the last day */
    int16_t start[PLAN_DAYS_MAX];     /* chosen start of each day, or NONE */
    int32_t time_cost[PLAN_DAYS_MAX]; /* of that start */
    int16_t next[PROGRAMME_SESSIONS_MAX][PLAN_DAYS_MAX]; /* best day of the following session */
    int64_t cost[2][PLAN_DAYS_MAX];
    bool reached[PROGRAMME_SESSIONS_MAX][PLAN_DAYS_MAX];
};

/* Lists the days from first to last (at most PLAN_DAYS_MAX, first not after last) and settles on
 * the regular weekday and time. The request was checked and must outlive the search. */
void plan_search_init(struct plan_search *search, const struct plan_request *request,
                      struct date first, struct date last);
/* Marks in `reached` the days on which each session can be held after some choice of the ones
 * before it. Returns how many sessions can be placed. Days blocked by one of the waived rules (1 <<
 * enum plan_rule) count as free. */
uint32_t plan_search_reach(struct plan_search *search, unsigned waived_rules);
/* The best places for the first `count` sessions (1 or more), which plan_search_reach(search, 0)
 * has shown to be possible. */
void plan_search_place(struct plan_search *search, uint32_t count,
                       struct civil starts[PROGRAMME_SESSIONS_MAX]);

#endif
