/* The planner: places every session of a programme on local dates and times, or says which rule
 * fails for which session.
 *
 * plan_sessions() checks the request, finds the days that come into question, and leaves the choice
 * to plan_search.c. Where not every session has a place, the result names the first number that
 * cannot be reached by any choice of the ones before it, and the rule without which the plan would
 * succeed. plan_check_slot() judges one start by the same rules, for a session moved by hand.
 *
 * Must never place a session where a rule forbids one, and never two on one date; allocates
 * nothing. */
#include "cobi/rules/plan.h"

#include <errno.h>
#include <stddef.h>

#include "cobi/rules/plan_search.h"

#define DAY_MINUTES 1440
#define NONE        (-1)

static const char *const rule_texts[PLAN_RULE_COUNT] = {
    [PLAN_FINE] = "nothing stands against it",
    [PLAN_WINDOW] = "the programme's window or the order ends too early",
    [PLAN_HOURS] = "office, practitioner and participant have no hours in common for it",
    [PLAN_ABSENCE] = "the practitioner or the participant is absent",
    [PLAN_HOLIDAY] = "only bank holidays are left",
    [PLAN_PRACTITIONER] = "the practitioner is already booked",
    [PLAN_ROOM] = "every room of the office is taken",
    [PLAN_GAP] = "no free time lies within the limits for the days between sessions",
};

const char *plan_rule_to_text(enum plan_rule rule) {
    return rule_texts[rule];
}

static const char *const warning_texts[] = {
    [PLAN_WARN_GAP_LONG] = "more days than usual pass since the session before",
    [PLAN_WARN_PAST_HOLIDAY_FILE] = "the plan passes the last bank holiday on file",
    [PLAN_WARN_NO_SLACK] = "no day is left for a catch-up session",
    [PLAN_WARN_LATE_FIRST] = "the first session is later than it should be",
    [PLAN_WARN_NOT_PREFERRED] = "the preferred weekday and time could not be kept",
};

const char *plan_warning_to_text(enum plan_warning warning) {
    return warning_texts[warning];
}

static struct date date_later(struct date a, struct date b) {
    return date_cmp(a, b) >= 0 ? a : b;
}

static struct date date_earlier(struct date a, struct date b) {
    return date_cmp(a, b) <= 0 ? a : b;
}

static bool busy_valid(const struct busy *busy, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (!date_valid(busy[i].from.date)) {
            return false;
        }
    }
    return true;
}

static bool request_valid(const struct plan_request *request) {
    const struct programme *programme = request->programme;
    return programme->session_count >= 1 && programme->session_count <= PROGRAMME_SESSIONS_MAX &&
           programme->minutes >= 1 && programme->minutes <= DAY_MINUTES &&
           request->first_number >= 1 && request->first_number <= programme->session_count &&
           date_valid(request->start) &&
           (request->prefer == NULL || request->prefer->minute < DAY_MINUTES) &&
           busy_valid(request->practitioner_busy, request->practitioner_busy_count) &&
           busy_valid(request->room_busy, request->room_busy_count);
}

/* The first day that comes into question. */
static struct date first_day(const struct plan_request *request) {
    struct date day = request->start;
    day = date_valid(request->today) ? date_later(day, request->today) : day;
    return date_valid(request->now.date) ? date_later(day, request->now.date) : day;
}

/* The last day of the programme's window, whenever the order ends: window and horizon, inclusive.
 */
static struct date window_last(const struct plan_request *request) {
    const struct programme *programme = request->programme;
    struct date last = date_valid(request->window_end)
                           ? request->window_end
                           : date_add_months(request->start, (int32_t)programme->months);
    if (programme->horizon_months > 0) {
        last = date_earlier(last,
                            date_add_months(request->start, (int32_t)programme->horizon_months));
    }
    return date_earlier(last, date_add_days(first_day(request), PLAN_DAYS_MAX - 1));
}

/* The last day on which a session may be held. */
static struct date last_day(const struct plan_request *request) {
    const struct date last = window_last(request);
    return date_valid(request->order_ends) ? date_earlier(last, request->order_ends) : last;
}

/* The days tried for the number that has no place. */
struct tried {
    int32_t from, to;   /* day indexes; from > to: none */
    unsigned rules;     /* 1 << the rule that blocks a day, for all of them */
    bool window_in_way; /* more days could have been tried, but for the end of the window */
};

static void try_days(const struct plan_search *search, int32_t from, int32_t to,
                     struct tried *tried) {
    int32_t last = (int32_t)search->days.count - 1;
    to = to > last ? last : to;
    for (int32_t day = from; day <= to; day++) {
        tried->rules |= 1U << search->days.list[day].blocked;
        tried->from = day < tried->from ? day : tried->from;
        tried->to = day > tried->to ? day : tried->to;
    }
}

/* Whether the window is in the way is judged from the earliest day of the session before: a later
 * one comes nearer to the end of any window. */
static struct tried list_tried(const struct plan_search *search, uint32_t placed) {
    struct tried tried = {.from = INT32_MAX, .to = NONE};
    int32_t last = (int32_t)search->days.count - 1;
    if (placed == 0) {
        try_days(search, search->first_from, search->first_to, &tried);
        tried.window_in_way = search->first_to > last;
        return tried;
    }
    bool earliest = true;
    for (int32_t day = 0; day <= last; day++) {
        if (search->reached[placed - 1][day]) {
            try_days(search, day + search->gap_min, day + search->gap_max, &tried);
            tried.window_in_way = earliest ? day + search->gap_max > last : tried.window_in_way;
            earliest = false;
        }
    }
    return tried;
}

static bool any_weekly_hours(const struct plan_days *days) {
    for (size_t i = 0; i < WEEKDAY_COUNT; i++) {
        if (!plan_starts_empty(&days->weekly[i])) {
            return true;
        }
    }
    return false;
}

/* The rule that fails. First the one without which the whole plan would succeed, the last to take a
 * day before the others; then, where not one session has a place, whatever took the last day; then
 * the window, unless all the rules together are in the way. */
static enum plan_rule explain(struct plan_search *search, const struct tried *tried,
                              uint32_t placed) {
    static const enum plan_rule waivable[] = {PLAN_ROOM, PLAN_PRACTITIONER, PLAN_HOLIDAY,
                                              PLAN_ABSENCE};
    const size_t count = sizeof waivable / sizeof waivable[0];
    enum plan_rule last = PLAN_FINE;
    if (!any_weekly_hours(&search->days)) {
        return PLAN_HOURS;
    }
    for (size_t i = 0; i < count; i++) {
        unsigned bit = 1U << waivable[i];
        if ((tried->rules & bit) == 0) {
            continue;
        }
        last = last == PLAN_FINE ? waivable[i] : last;
        if (plan_search_reach(search, bit) == search->number_count) {
            return waivable[i];
        }
    }
    if (last == PLAN_FINE) {
        return tried->window_in_way ? PLAN_WINDOW : PLAN_GAP;
    }
    unsigned all = tried->rules & ~(1U << PLAN_HOURS);
    if (placed == 0 || !tried->window_in_way ||
        plan_search_reach(search, all) == search->number_count) {
        return last;
    }
    return PLAN_WINDOW;
}

static int fail(struct plan_search *search, uint32_t placed, struct plan_result *result) {
    struct tried tried = list_tried(search, placed);
    struct date last = search->days.list[search->days.count - 1].date;
    result->failed_number = search->request->first_number + placed;
    result->from = tried.from > tried.to ? last : search->days.list[tried.from].date;
    result->to = tried.from > tried.to ? last : search->days.list[tried.to].date;
    result->rule = explain(search, &tried, placed);
    return -ENOSPC;
}

static void warn(struct plan_result *result, enum plan_warning warning, uint32_t number) {
    if (result->warning_count < PLAN_WARNINGS_MAX) {
        result->warnings[result->warning_count].warning = warning;
        result->warnings[result->warning_count].number = number;
        result->warning_count++;
    }
}

/* Warns once for each number, or once for all when there are more than `most`. */
static void warn_numbers(struct plan_result *result, enum plan_warning warning, const bool *flags,
                         uint32_t first_number, uint32_t most) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < result->count; i++) {
        count += flags[i];
    }
    if (count > most) {
        warn(result, warning, 0);
        return;
    }
    for (uint32_t i = 0; i < result->count; i++) {
        if (flags[i]) {
            warn(result, warning, first_number + i);
        }
    }
}

static void warn_holidays(const struct plan_request *request, struct plan_result *result) {
    for (uint32_t i = 0; request->holidays != NULL && i < result->count; i++) {
        if (date_cmp(result->starts[i].date, request->holidays->last) > 0) {
            warn(result, PLAN_WARN_PAST_HOLIDAY_FILE, request->first_number + i);
            return;
        }
    }
}

static void warn_gaps(const struct plan_request *request, struct plan_result *result) {
    bool flags[PROGRAMME_SESSIONS_MAX] = {false};
    struct date before = request->previous.date;
    int32_t limit = (int32_t)request->programme->gap_flag_days;
    for (uint32_t i = 0; i < result->count; i++) {
        struct date date = result->starts[i].date;
        flags[i] = limit > 0 && date_valid(before) &&
                   date_to_days(date) - date_to_days(before) > limit;
        before = date;
    }
    warn_numbers(result, PLAN_WARN_GAP_LONG, flags, request->first_number, 4);
}

static void warn_preference(const struct plan_request *request, struct plan_result *result) {
    bool flags[PROGRAMME_SESSIONS_MAX] = {false};
    for (uint32_t i = 0; request->prefer != NULL && i < result->count; i++) {
        struct civil start = result->starts[i];
        flags[i] = date_weekday(start.date) != request->prefer->weekday ||
                   civil_minute_of_day(start) != (int32_t)request->prefer->minute;
    }
    warn_numbers(result, PLAN_WARN_NOT_PREFERRED, flags, request->first_number, 1);
}

/* Slack and warnings of a whole plan. */
static void finish(const struct plan_search *search, struct plan_result *result) {
    const struct plan_request *request = search->request;
    const struct programme *programme = request->programme;
    struct date last = result->starts[result->count - 1].date;
    result->slack_days = date_to_days(result->window_end) - date_to_days(last);
    warn_holidays(request, result);
    if (result->slack_days < search->gap_min) {
        warn(result, PLAN_WARN_NO_SLACK, 0);
    }
    if (request->first_number == 1 && programme->first_within_days > 0 &&
        date_to_days(result->starts[0].date) - date_to_days(request->start) >
            (int32_t)programme->first_within_days) {
        warn(result, PLAN_WARN_LATE_FIRST, 1);
    }
    warn_gaps(request, result);
    warn_preference(request, result);
}

int plan_sessions(const struct plan_request *request, struct plan_result *ret_result) {
    if (!request_valid(request)) {
        return -EINVAL;
    }
    struct date first = first_day(request), last = last_day(request);
    struct plan_result result = {
        .rule = PLAN_FINE, .window_end = last, .programme_end = window_last(request)};
    if (date_cmp(first, last) > 0) {
        result.rule = PLAN_WINDOW;
        result.failed_number = request->first_number;
        result.from = result.to = last;
        *ret_result = result;
        return -ENOSPC;
    }
    struct plan_search search;
    plan_search_init(&search, request, first, last);
    result.count = plan_search_reach(&search, 0);
    if (result.count > 0) {
        plan_search_place(&search, result.count, result.starts);
    }
    int outcome = 0;
    if (result.count == search.number_count) {
        finish(&search, &result);
    } else {
        outcome = fail(&search, result.count, &result);
    }
    *ret_result = result;
    return outcome;
}

enum plan_rule plan_check_slot(const struct plan_request *request, struct civil start) {
    struct plan_days days;
    struct plan_request question = *request;
    question.now = (struct civil){0}; /* whether it is past is the caller's question */
    days.start_count = 1;
    days.minutes[0] = (uint16_t)civil_minute_of_day(start);
    plan_days_fill(&question, start.date, 1, &days);
    return days.list[0].blocked;
}
