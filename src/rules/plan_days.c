/* The days of a plan: which starts are free on each, and which rule took the last one.
 *
 * Used by the planner, which searches the days, and by plan_check_slot(), which asks about one
 * start of one day. One rule after the other takes away the starts it forbids; the rule that leaves
 * a day empty is kept as the reason, so that a failure can be explained by the same code that
 * caused it.
 *
 * Cannot fail: the request was checked by the caller. Must never allow a start that any rule
 * forbids. */
#include "cobi/rules/plan_days.h"

#include <string.h>

#define DAY_MINUTES 1440
#define DAY_SECONDS 86400
#define HALF_HOUR   30

bool plan_starts_has(const struct plan_starts *starts, uint32_t start) {
    return (starts->words[start / 64] >> (start % 64) & 1) != 0;
}

bool plan_starts_empty(const struct plan_starts *starts) {
    return (starts->words[0] | starts->words[1]) == 0;
}

static void starts_add(struct plan_starts *starts, uint32_t start) {
    starts->words[start / 64] |= UINT64_C(1) << (start % 64);
}

static void starts_drop(struct plan_starts *starts, uint32_t start) {
    starts->words[start / 64] &= ~(UINT64_C(1) << (start % 64));
}

void plan_days_list_starts(const struct plan_request *request, struct plan_days *days) {
    days->start_count = 0;
    for (uint32_t minute = 0; minute < DAY_MINUTES; minute += PLAN_START_STEP_MINUTES) {
        days->minutes[days->start_count++] = (uint16_t)minute;
    }
    if (request->prefer != NULL && request->prefer->minute % PLAN_START_STEP_MINUTES != 0) {
        days->minutes[days->start_count++] = request->prefer->minute;
    }
}

static bool hours_allow(const struct plan_request *request, enum weekday day, uint32_t from,
                        uint32_t to) {
    return to <= DAY_MINUTES && hours_contain(request->practitioner_hours, day, from, to) &&
           (request->office_hours == NULL || hours_contain(request->office_hours, day, from, to)) &&
           (request->unavailable == NULL || !hours_touch(request->unavailable, day, from, to));
}

static void keep_hours(const struct plan_request *request, struct plan_days *days) {
    memset(days->weekly, 0, sizeof days->weekly);
    for (uint32_t day = 0; day < WEEKDAY_COUNT; day++) {
        for (uint32_t start = 0; start < days->start_count; start++) {
            uint32_t from = days->minutes[start];
            if (hours_allow(request, (enum weekday)day, from, from + request->programme->minutes)) {
                starts_add(&days->weekly[day], start);
            }
        }
    }
    for (uint32_t i = 0; i < days->count; i++) {
        days->list[i].free = days->weekly[date_weekday(days->list[i].date)];
    }
}

/* Half-open stretch of local time, in seconds since local 1970-01-01. */
struct stretch {
    int64_t from, to;
};

/* Drops, on one day, the starts whose session would begin before stretch->to and end after
 * stretch->from. */
static void drop_touching(const struct plan_request *request, struct plan_days *days, int64_t index,
                          const struct stretch *stretch) {
    if (index < 0 || index >= (int64_t)days->count) {
        return;
    }
    struct plan_day *day = &days->list[index];
    int64_t midnight = (days->first + index) * DAY_SECONDS;
    int64_t length = (int64_t)request->programme->minutes * 60;
    for (uint32_t start = 0; start < days->start_count; start++) {
        int64_t from = midnight + (int64_t)days->minutes[start] * 60;
        if (from < stretch->to && from + length > stretch->from) {
            starts_drop(&day->free, start);
        }
    }
}

static int64_t floor_days(int64_t seconds) {
    int64_t days = seconds / DAY_SECONDS;
    return days * DAY_SECONDS > seconds ? days - 1 : days;
}

/* Drops the stretch on every day it touches; a session never runs past midnight. */
static void drop_stretch(const struct plan_request *request, struct plan_days *days,
                         const struct stretch *stretch) {
    int64_t index = floor_days(stretch->from) - days->first;
    int64_t last = floor_days(stretch->to - 1) - days->first;
    index = index < 0 ? 0 : index;
    last = last >= (int64_t)days->count ? (int64_t)days->count - 1 : last;
    for (; index <= last; index++) {
        drop_touching(request, days, index, stretch);
    }
}

/* Where the clocks change, the wall times that do not exist or exist twice. A session may not even
 * end on the first of them, so the stretch begins a second early. */
static void drop_clock_changes(const struct plan_request *request, struct plan_days *days) {
    const struct zone *zone = request->zone;
    int32_t before = zone->offset_before_s;
    for (uint32_t i = 0; i < zone->transition_count; i++) {
        int32_t after = zone->transitions[i].offset_s;
        int64_t at = zone->transitions[i].at.us / SECOND_US;
        struct stretch stretch = {.from = at + (before < after ? before : after) - 1,
                                  .to = at + (before < after ? after : before)};
        if (before != after) {
            drop_stretch(request, days, &stretch);
        }
        before = after;
    }
}

/* Nothing before the first half hour after now. */
static void drop_past(const struct plan_request *request, struct plan_days *days) {
    if (!date_valid(request->now.date)) {
        return;
    }
    int32_t first_minute = (civil_minute_of_day(request->now) / HALF_HOUR + 1) * HALF_HOUR;
    for (uint32_t i = 0; i < days->count && date_cmp(days->list[i].date, request->now.date) <= 0;
         i++) {
        bool today = date_cmp(days->list[i].date, request->now.date) == 0;
        for (uint32_t start = 0; start < days->start_count; start++) {
            if (!today || days->minutes[start] < first_minute) {
                starts_drop(&days->list[i].free, start);
            }
        }
    }
}

static void rule_hours(const struct plan_request *request, struct plan_days *days) {
    keep_hours(request, days);
    drop_clock_changes(request, days);
    drop_past(request, days);
}

static void rule_absence(const struct plan_request *request, struct plan_days *days) {
    for (size_t i = 0; i < request->absence_count; i++) {
        const struct date_range *range = &request->absences[i];
        for (uint32_t day = 0; day < days->count; day++) {
            struct date date = days->list[day].date;
            if (date_cmp(range->from, date) <= 0 && date_cmp(date, range->to) <= 0) {
                days->list[day].free = (struct plan_starts){0};
            }
        }
    }
}

static void rule_holiday(const struct plan_request *request, struct plan_days *days) {
    if (request->holidays == NULL) {
        return;
    }
    for (uint32_t day = 0; day < days->count; day++) {
        if (holidays_find(request->holidays, days->list[day].date) != NULL) {
            days->list[day].free = (struct plan_starts){0};
        }
    }
}

static struct stretch busy_stretch(const struct busy *busy) {
    int64_t from = (int64_t)date_to_days(busy->from.date) * DAY_SECONDS +
                   (int64_t)civil_minute_of_day(busy->from) * 60 + busy->from.second;
    return (struct stretch){.from = from, .to = from + (int64_t)busy->minutes * 60};
}

static void drop_busy(const struct plan_request *request, const struct busy *busy,
                      size_t busy_count, struct plan_days *days) {
    for (size_t i = 0; i < busy_count; i++) {
        if (busy[i].minutes > 0) {
            struct stretch stretch = busy_stretch(&busy[i]);
            drop_stretch(request, days, &stretch);
        }
    }
}

static void rule_practitioner(const struct plan_request *request, struct plan_days *days) {
    drop_busy(request, request->practitioner_busy, request->practitioner_busy_count, days);
}

/* How many rooms more or fewer are taken from each minute of a day on. */
struct occupancy {
    int32_t change[DAY_MINUTES + 1];
};

/* Counts a busy time into its day; seconds round outwards. */
static void occupancy_add(struct occupancy *occupancy, const struct stretch *stretch,
                          int64_t midnight) {
    int64_t from = (stretch->from - midnight) / 60;
    int64_t to = (stretch->to - midnight + 59) / 60;
    from = stretch->from < midnight ? 0 : from;
    to = to > DAY_MINUTES ? DAY_MINUTES : to;
    occupancy->change[from]++;
    occupancy->change[to]--;
}

/* Drops the starts during whose session every room is taken at some minute. */
static void drop_full(const struct plan_request *request, const struct occupancy *occupancy,
                      int64_t index, struct plan_days *days) {
    int64_t midnight = (days->first + index) * DAY_SECONDS;
    int64_t taken = 0;
    int64_t full_from = -1;
    for (int64_t minute = 0; minute <= DAY_MINUTES; minute++) {
        taken += occupancy->change[minute];
        bool full = minute < DAY_MINUTES && taken >= (int64_t)request->rooms;
        if (full && full_from < 0) {
            full_from = minute;
        } else if (!full && full_from >= 0) {
            struct stretch stretch = {.from = midnight + full_from * 60,
                                      .to = midnight + minute * 60};
            drop_touching(request, days, index, &stretch);
            full_from = -1;
        }
    }
}

/* Several rooms: counts how many are taken, day by day. */
static void drop_crowded(const struct plan_request *request, struct plan_days *days) {
    size_t first = 0; /* all before it have ended; the list is ascending */
    for (uint32_t day = 0; day < days->count; day++) {
        struct occupancy occupancy = {0};
        int64_t midnight = ((int64_t)days->first + day) * DAY_SECONDS;
        uint32_t found = 0;
        for (size_t i = first; i < request->room_busy_count; i++) {
            struct stretch stretch = busy_stretch(&request->room_busy[i]);
            if (stretch.from >= midnight + DAY_SECONDS) {
                break;
            }
            if (stretch.to > midnight && stretch.to > stretch.from) {
                occupancy_add(&occupancy, &stretch, midnight);
                found++;
            } else if (i == first) {
                first++;
            }
        }
        if (found >= request->rooms) {
            drop_full(request, &occupancy, day, days);
        }
    }
}

static void rule_room(const struct plan_request *request, struct plan_days *days) {
    if (request->mode == PLAN_REMOTE || request->rooms == 0) {
        return;
    }
    if (request->rooms == 1) {
        drop_busy(request, request->room_busy, request->room_busy_count, days);
    } else {
        drop_crowded(request, days);
    }
}

/* In the order in which a failure is explained. */
static const struct {
    enum plan_rule rule;
    void (*take)(const struct plan_request *request, struct plan_days *days);
} rules[] = {
    {PLAN_HOURS, rule_hours},     {PLAN_ABSENCE, rule_absence},
    {PLAN_HOLIDAY, rule_holiday}, {PLAN_PRACTITIONER, rule_practitioner},
    {PLAN_ROOM, rule_room},
};

void plan_days_fill(const struct plan_request *request, struct date from, uint32_t count,
                    struct plan_days *days) {
    days->count = count;
    days->first = date_to_days(from);
    for (uint32_t day = 0; day < count; day++) {
        days->list[day] = (struct plan_day){.date = date_add_days(from, (int32_t)day),
                                            .blocked = PLAN_FINE};
    }
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        rules[i].take(request, days);
        for (uint32_t day = 0; day < count; day++) {
            struct plan_day *plan_day = &days->list[day];
            if (plan_day->blocked == PLAN_FINE && plan_starts_empty(&plan_day->free)) {
                plan_day->blocked = rules[i].rule;
            }
        }
    }
}
