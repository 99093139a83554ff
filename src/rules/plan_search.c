/* The search for a plan: every session on its best day, without an early choice blocking a later
 * session.
 *
 * Used by plan_sessions(). First settles on a regular weekday and time: the preferred one, else the
 * one on which the series goes best. Then goes backwards over sessions and days, so that for each
 * day the best way to hold all later sessions is known before the day itself is judged. Of two
 * equal plans the one with the earlier dates wins, so the same request always gives the same plan.
 *
 * Cannot fail: what is impossible is found by plan_search_reach() first. Must never use a start
 * that is not free. */
#include "cobi/rules/plan_search.h"

#include <assert.h>

#define DAY_MINUTES 1440
#define HALF_HOUR   30
#define WEEK_DAYS   7
#define NONE        (-1)
#define NEVER       (INT64_MAX / 4)

/* What it costs to leave the regular day, in days. A later week costs more than any other day of
 * the same week, and an earlier week (two sessions within seven days) more than the week after. */
#define COST_LATER_WEEK   8
#define COST_EARLIER_WEEK 21
#define COST_MISFIT_WEEK  7 /* a week of the series in which the regular time is taken */
/* One day outweighs all the minutes of a whole plan: dates first, then times. */
#define COST_QUARTER DAY_MINUTES
#define COST_DAY     ((int64_t)PROGRAMME_SESSIONS_MAX * 2 * DAY_MINUTES)

static int32_t distance(int32_t a, int32_t b) {
    return a > b ? a - b : b - a;
}

static int32_t days_limited(uint32_t days) {
    return days > PLAN_DAYS_MAX ? PLAN_DAYS_MAX : (int32_t)days;
}

static bool is_weekly(const struct plan_search *search) {
    return search->weekday != NONE && search->gap_target % WEEK_DAYS == 0;
}

/* Weekday of a day index, which may lie outside the list. */
static int32_t weekday_of(const struct plan_search *search, int32_t day) {
    int32_t weekday = (search->first_weekday + day) % WEEK_DAYS;
    return weekday < 0 ? weekday + WEEK_DAYS : weekday;
}

static int32_t monday_of(const struct plan_search *search, int32_t day) {
    return day - weekday_of(search, day);
}

/* The day of that weekday nearest to a day; three days before rather than four after. */
static int32_t nearest_weekday(const struct plan_search *search, int32_t day, int32_t weekday) {
    int32_t ahead = (weekday - weekday_of(search, day) + WEEK_DAYS) % WEEK_DAYS;
    return ahead > WEEK_DAYS / 2 ? day + ahead - WEEK_DAYS : day + ahead;
}

/* The day on which the session after one on `day` should be. In a weekly plan that is the regular
 * weekday, counted from the week of the session before, so that one session moved by a holiday does
 * not drag the others along. */
static int32_t ideal_after(const struct plan_search *search, int32_t day) {
    if (is_weekly(search)) {
        return monday_of(search, day) + search->weekday + search->gap_target;
    }
    int32_t ideal = day + search->gap_target;
    return search->weekday == NONE ? ideal : nearest_weekday(search, ideal, search->weekday);
}

/* What it costs, in days, to hold a session on `day` instead of on `ideal`. */
static int32_t day_cost(const struct plan_search *search, int32_t ideal, int32_t day) {
    if (!is_weekly(search)) {
        return distance(day, ideal);
    }
    int32_t weeks = (monday_of(search, day) - monday_of(search, ideal)) / WEEK_DAYS;
    int32_t moved = distance(weekday_of(search, day), search->weekday);
    return moved + (weeks > 0 ? weeks * COST_LATER_WEEK : -weeks * COST_EARLIER_WEEK);
}

/* A regular weekday and time, and how well a series on it would go. */
struct anchor {
    int32_t cost, quarter, first, minute, weekday;
};

/* Lowest cost, then full and half hours, then the earliest date and time. */
static bool anchor_better(const struct anchor *a, const struct anchor *b) {
    const int32_t left[] = {a->cost, a->quarter, a->first, a->minute};
    const int32_t right[] = {b->cost, b->quarter, b->first, b->minute};
    for (size_t i = 0; i < sizeof left / sizeof left[0]; i++) {
        if (left[i] != right[i]) {
            return left[i] < right[i];
        }
    }
    return false;
}

/* The first day, from which the series would begin, that is near `ideal` and of that weekday. */
static int32_t first_of_weekday(const struct plan_search *search, int32_t ideal, int32_t weekday) {
    int32_t day = monday_of(search, ideal) + weekday;
    while (day < search->first_from) {
        day += WEEK_DAYS;
    }
    return day;
}

/* How many sessions of a series from `day` on would find the start taken. Bank holidays do not
 * count: they move one session. */
static int32_t count_misfits(const struct plan_search *search, int32_t day, uint32_t start) {
    int32_t misfits = 0;
    for (uint32_t number = 0; number < search->number_count; number++, day += search->gap_target) {
        if (day >= (int32_t)search->days.count) {
            return misfits + (int32_t)(search->number_count - number);
        }
        const struct plan_day *plan_day = &search->days.list[day];
        misfits += plan_day->blocked != PLAN_HOLIDAY && !plan_starts_has(&plan_day->free, start);
    }
    return misfits;
}

/* Judges one weekday and start. Returns false when it is free on no day at all. */
static bool judge_anchor(const struct plan_search *search, int32_t ideal, int32_t weekday,
                         uint32_t start, struct anchor *ret_anchor) {
    int32_t day = first_of_weekday(search, ideal, weekday);
    while (day < (int32_t)search->days.count &&
           !plan_starts_has(&search->days.list[day].free, start)) {
        day += WEEK_DAYS;
    }
    if (day >= (int32_t)search->days.count) {
        return false;
    }
    int32_t minute = search->days.minutes[start];
    *ret_anchor = (struct anchor){.cost = COST_MISFIT_WEEK * count_misfits(search, day, start) +
                                          distance(day, ideal),
                                  .quarter = minute % HALF_HOUR != 0,
                                  .first = day,
                                  .minute = minute,
                                  .weekday = weekday};
    return true;
}

/* Without a preference: the weekday and time on which the series goes best. */
static void find_anchor(struct plan_search *search, int32_t ideal) {
    struct anchor best = {.cost = INT32_MAX, .weekday = NONE};
    for (int32_t weekday = 0; weekday < WEEK_DAYS; weekday++) {
        for (uint32_t start = 0; start < search->days.start_count; start++) {
            struct anchor anchor;
            if (plan_starts_has(&search->days.weekly[weekday], start) &&
                judge_anchor(search, ideal, weekday, start, &anchor) &&
                anchor_better(&anchor, &best)) {
                best = anchor;
            }
        }
    }
    search->weekday = search->gap_target % WEEK_DAYS == 0 ? best.weekday : NONE;
    search->minute = best.weekday == NONE ? 0 : best.minute;
    search->first_ideal = search->weekday == NONE ? ideal : best.first;
}

/* Settles the regular weekday and time and the day on which the first session should be. */
static void settle_anchor(struct plan_search *search) {
    const struct slot *prefer = search->request->prefer;
    int32_t ideal = 0;
    if (search->has_previous && search->previous + search->gap_target > 0) {
        ideal = search->previous + search->gap_target;
    }
    if (prefer == NULL) {
        find_anchor(search, ideal);
        return;
    }
    search->weekday = (int32_t)prefer->weekday;
    search->minute = prefer->minute;
    if (is_weekly(search)) {
        /* In a running series the regular day counts even if it is too near to the session before:
         * another day of that week will do. */
        bool in_series = ideal > 0 && monday_of(search, ideal) + WEEK_DAYS > search->first_from;
        search->first_ideal = in_series ? monday_of(search, ideal) + search->weekday
                                        : first_of_weekday(search, ideal, search->weekday);
    } else {
        search->first_ideal = nearest_weekday(search, ideal, search->weekday);
        search->first_ideal += search->first_ideal < search->first_from ? WEEK_DAYS : 0;
    }
}

/* How far a start is from the regular time. Without a preference full and half hours come first. */
static int32_t start_cost(const struct plan_search *search, uint32_t start) {
    int32_t minute = search->days.minutes[start];
    int32_t away = distance(minute, search->minute);
    bool odd = away > 0 && search->request->prefer == NULL && minute % HALF_HOUR != 0;
    return odd ? away + COST_QUARTER : away;
}

/* The best start of each day: nearest to the regular time, then the earliest. */
static void choose_starts(struct plan_search *search) {
    for (uint32_t day = 0; day < search->days.count; day++) {
        search->start[day] = NONE;
        search->time_cost[day] = INT32_MAX;
        for (uint32_t start = 0; start < search->days.start_count; start++) {
            if (!plan_starts_has(&search->days.list[day].free, start)) {
                continue;
            }
            int32_t cost = start_cost(search, start);
            int32_t chosen = search->start[day];
            if (cost < search->time_cost[day] ||
                (cost == search->time_cost[day] &&
                 search->days.minutes[start] < search->days.minutes[chosen])) {
                search->start[day] = (int16_t)start;
                search->time_cost[day] = cost;
            }
        }
    }
}

/* A set of rules, 1 << enum plan_rule. */
static bool day_usable(const struct plan_day *day, unsigned waived_rules) {
    return day->blocked == PLAN_FINE || (waived_rules >> day->blocked & 1U) != 0;
}

uint32_t plan_search_reach(struct plan_search *search, unsigned waived_rules) {
    for (uint32_t number = 0; number < search->number_count; number++) {
        bool any = false;
        int32_t last = NONE; /* latest day of the session before that leaves the least gap */
        for (int32_t day = 0; day < (int32_t)search->days.count; day++) {
            bool in_reach = day >= search->first_from && day <= search->first_to;
            if (number > 0) {
                int32_t before = day - search->gap_min;
                last = before >= 0 && search->reached[number - 1][before] ? before : last;
                in_reach = last != NONE && day - last <= search->gap_max;
            }
            search->reached[number][day] = in_reach &&
                                           day_usable(&search->days.list[day], waived_rules);
            any = any || search->reached[number][day];
        }
        if (!any) {
            return number;
        }
    }
    return search->number_count;
}

/* Costs of every day for one number, from those of the number after it. */
static void cost_number(struct plan_search *search, uint32_t number, bool is_last) {
    const int64_t *after = search->cost[(number + 1) % 2];
    int64_t *cost = search->cost[number % 2];
    int32_t count = (int32_t)search->days.count;
    for (int32_t day = 0; day < count; day++) {
        cost[day] = is_last && search->start[day] != NONE ? 0 : NEVER;
        search->next[number][day] = NONE;
        if (is_last || search->start[day] == NONE) {
            continue;
        }
        int32_t ideal = ideal_after(search, day);
        int32_t to = search->gap_max < count - day ? day + search->gap_max : count - 1;
        for (int32_t next = day + search->gap_min; next <= to; next++) {
            if (after[next] >= NEVER) {
                continue;
            }
            int64_t total = after[next] + day_cost(search, ideal, next) * COST_DAY +
                            search->time_cost[next];
            if (total < cost[day]) {
                cost[day] = total;
                search->next[number][day] = (int16_t)next;
            }
        }
    }
}

void plan_search_place(struct plan_search *search, uint32_t count,
                       struct civil starts[PROGRAMME_SESSIONS_MAX]) {
    for (uint32_t number = count; number-- > 0;) {
        cost_number(search, number, number + 1 == count);
    }
    int64_t best = NEVER;
    int32_t day = NONE;
    for (int32_t i = search->first_from; i < (int32_t)search->days.count && i <= search->first_to;
         i++) {
        int64_t total = NEVER;
        if (search->cost[0][i] < NEVER) {
            total = search->cost[0][i] + day_cost(search, search->first_ideal, i) * COST_DAY +
                    search->time_cost[i];
        }
        if (total < best) {
            best = total;
            day = i;
        }
    }
    for (uint32_t number = 0; number < count; number++) {
        assert(day != NONE);
        starts[number] = civil_at(search->days.list[day].date,
                                  search->days.minutes[search->start[day]]);
        day = search->next[number][day];
    }
}

static void init_limits(struct plan_search *search, const struct plan_request *request) {
    const struct programme *programme = request->programme;
    search->request = request;
    search->number_count = programme->session_count - request->first_number + 1;
    search->gap_min = programme->gap_min_days == 0 ? 1 : days_limited(programme->gap_min_days);
    search->gap_max = programme->gap_max_days == 0 ? PLAN_DAYS_MAX
                                                   : days_limited(programme->gap_max_days);
    search->gap_target = days_limited(programme->gap_target_days);
    search->gap_target = search->gap_target < search->gap_min ? search->gap_min
                                                              : search->gap_target;
    search->first_weekday = (int32_t)date_weekday(search->days.list[0].date);
    search->has_previous = date_valid(request->previous.date);
    search->previous = NONE;
    search->first_from = 0;
    search->first_to = PLAN_DAYS_MAX;
    if (search->has_previous) {
        search->previous = date_to_days(request->previous.date) - search->days.first;
        /* After a pause the greatest gap counts from the day on which sessions may begin again. */
        int32_t from = search->previous > NONE ? search->previous : NONE;
        search->first_from = search->previous + search->gap_min > 0
                                 ? search->previous + search->gap_min
                                 : 0;
        search->first_to = from + search->gap_max;
    }
}

void plan_search_init(struct plan_search *search, const struct plan_request *request,
                      struct date first, struct date last) {
    plan_days_list_starts(request, &search->days);
    plan_days_fill(request, first, (uint32_t)(date_to_days(last) - date_to_days(first)) + 1,
                   &search->days);
    init_limits(search, request);
    settle_anchor(search);
    choose_starts(search);
}
