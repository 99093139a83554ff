/* Weekly hours, bank holidays and working time.
 *
 * Used by the planner (when may a session be held), by reminders (office hours) and by escalation
 * (waits are counted in the working time of whoever was told). Hours are read from one line of text
 * into intervals and written back in one canonical form, so that equal hours are equal text.
 *
 * Fails only where text is parsed: -EINVAL or -E2BIG, the output untouched. Walks over days are
 * bounded by a named number of days; where nothing is found the answer is the documented bound,
 * never "no answer".
 *
 * Must never look at a clock or allocate, and must never return an instant before `from`. */
#include "cobi/rules/hours.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "cobi/base/text.h"

#define DAY_MINUTES           1440
#define WORKING_DAYS_WALK_MAX 60
#define WORKING_SPAN_WALK_MAX 400
#define WORKING_NEXT_DAYS     14
#define MINUTE_WORDS          ((DAY_MINUTES + 63) / 64)

/* The minutes of a week that are covered; merging and sorting come for free. */
struct week_minutes {
    uint64_t words[WEEKDAY_COUNT][MINUTE_WORDS];
};

static void week_cover(struct week_minutes *week, uint32_t day, uint32_t from, uint32_t to) {
    for (uint32_t word = from / 64; word * 64 < to; word++) {
        uint64_t bits = UINT64_MAX;
        bits = word == from / 64 ? bits << (from % 64) : bits;
        bits = to - word * 64 < 64 ? bits & ((UINT64_C(1) << (to % 64)) - 1) : bits;
        week->words[day][word] |= bits;
    }
}

/* The first minute from `minute` on that is covered, or that is not; DAY_MINUTES: none. */
static uint32_t week_next(const struct week_minutes *week, uint32_t day, uint32_t minute,
                          bool covered) {
    for (uint32_t word = minute / 64; word < MINUTE_WORDS; word++) {
        uint64_t bits = week->words[day][word] ^ (covered ? 0 : UINT64_MAX);
        bits = word == minute / 64 ? bits & UINT64_MAX << (minute % 64) : bits;
        if (bits != 0) {
            uint32_t found = word * 64 + (uint32_t)__builtin_ctzll(bits);
            return found < DAY_MINUTES ? found : DAY_MINUTES;
        }
    }
    return DAY_MINUTES;
}

static const char *skip_spaces(const char *p) {
    while (*p == ' ' || *p == '\t') {
        p++;
    }
    return p;
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* "9:00" or "09:00", up to most_minute. Returns the text behind it, or NULL. */
static const char *read_time(const char *p, uint32_t most_minute, uint32_t *ret_minute) {
    uint32_t hour = 0;
    size_t digits = 0;
    for (; digits < 2 && is_digit(p[digits]); digits++) {
        hour = hour * 10 + (uint32_t)(p[digits] - '0');
    }
    p += digits;
    if (digits == 0 || p[0] != ':' || !is_digit(p[1]) || !is_digit(p[2]) || is_digit(p[3])) {
        return NULL;
    }
    uint32_t minutes = (uint32_t)(p[1] - '0') * 10 + (uint32_t)(p[2] - '0');
    if (minutes > 59 || hour * 60 + minutes > most_minute) {
        return NULL;
    }
    *ret_minute = hour * 60 + minutes;
    return p + 3;
}

/* "Mon". Returns the text behind it, or NULL. */
static const char *read_weekday(const char *p, enum weekday *ret_day) {
    size_t length = 0;
    while ((p[length] >= 'A' && p[length] <= 'Z') || (p[length] >= 'a' && p[length] <= 'z')) {
        length++;
    }
    if (length == 0 || weekday_from_text(p, length, ret_day) != 0) {
        return NULL;
    }
    return p + length;
}

static const char *read_dash(const char *p) {
    p = skip_spaces(p);
    return *p == '-' ? skip_spaces(p + 1) : NULL;
}

/* "Mon-Fri" or "Mon"; "Sat-Mon" runs over the end of the week. */
static const char *read_weekdays(const char *p, enum weekday *ret_first, enum weekday *ret_last) {
    p = read_weekday(p, ret_first);
    if (p == NULL) {
        return NULL;
    }
    *ret_last = *ret_first;
    const char *range = read_dash(p);
    return range == NULL ? p : read_weekday(range, ret_last);
}

/* One entry, "Mon-Fri 09:00-17:00". Returns the text behind it, or NULL. */
static const char *read_entry(const char *p, struct week_minutes *week) {
    enum weekday first, last;
    uint32_t from, to;
    p = read_weekdays(p, &first, &last);
    if (p == NULL || (*p != ' ' && *p != '\t')) {
        return NULL;
    }
    p = read_time(skip_spaces(p), DAY_MINUTES - 1, &from);
    p = p == NULL ? NULL : read_dash(p);
    p = p == NULL ? NULL : read_time(p, DAY_MINUTES, &to);
    if (p == NULL || from >= to) {
        return NULL;
    }
    uint32_t days = ((uint32_t)last + WEEKDAY_COUNT - (uint32_t)first) % WEEKDAY_COUNT + 1;
    for (uint32_t i = 0; i < days; i++) {
        week_cover(week, ((uint32_t)first + i) % WEEKDAY_COUNT, from, to);
    }
    return p;
}

/* The covered minutes as intervals, by weekday and time. Returns 0 or -E2BIG. */
static int week_to_hours(const struct week_minutes *week, struct hours *ret_hours) {
    struct hours hours = {0};
    for (uint32_t day = 0; day < WEEKDAY_COUNT; day++) {
        uint32_t to = 0;
        for (;;) {
            uint32_t from = week_next(week, day, to, true);
            if (from == DAY_MINUTES) {
                break;
            }
            if (hours.count == HOURS_MAX) {
                return -E2BIG;
            }
            to = week_next(week, day, from, false);
            hours.intervals[hours.count].weekday = (uint8_t)day;
            hours.intervals[hours.count].from_minute = (uint16_t)from;
            hours.intervals[hours.count++].to_minute = (uint16_t)to;
        }
    }
    *ret_hours = hours;
    return 0;
}

int hours_parse(const char *text, struct hours *ret_hours) {
    struct week_minutes week = {0};
    const char *p = skip_spaces(text);
    while (*p != '\0') {
        p = read_entry(p, &week);
        if (p == NULL) {
            return -EINVAL;
        }
        p = skip_spaces(p);
        if (*p == '\0') {
            break;
        }
        if (*p != ',' && *p != ';') {
            return -EINVAL;
        }
        p = skip_spaces(p + 1);
        if (*p == '\0') {
            return -EINVAL; /* a separator with nothing behind it: something was cut off */
        }
    }
    return week_to_hours(&week, ret_hours);
}

/* The interval of that day with the same times, or HOURS_MAX. */
static uint32_t find_same(const struct hours *hours, uint32_t day,
                          const struct hours_interval *like) {
    for (uint32_t i = 0; i < hours->count; i++) {
        const struct hours_interval *interval = &hours->intervals[i];
        if (interval->weekday == day && interval->from_minute == like->from_minute &&
            interval->to_minute == like->to_minute) {
            return i;
        }
    }
    return HOURS_MAX;
}

void hours_to_text(const struct hours *hours, char buffer[HOURS_TEXT_SIZE]) {
    struct text text;
    bool written[HOURS_MAX] = {false};
    text_init(&text, buffer, HOURS_TEXT_SIZE);
    for (uint32_t i = 0; i < hours->count; i++) {
        const struct hours_interval *interval = &hours->intervals[i];
        if (written[i]) {
            continue;
        }
        uint32_t last = interval->weekday;
        uint32_t same = i;
        while (same != HOURS_MAX) {
            written[same] = true;
            last = hours->intervals[same].weekday;
            same = find_same(hours, last + 1, interval);
        }
        text_addf(&text, "%s%s", i == 0 ? "" : ", ",
                  weekday_to_text((enum weekday)interval->weekday));
        if (last != interval->weekday) {
            text_addf(&text, "-%s", weekday_to_text((enum weekday)last));
        }
        text_addf(&text, " %02u:%02u-%02u:%02u", interval->from_minute / 60U,
                  interval->from_minute % 60U, interval->to_minute / 60U,
                  interval->to_minute % 60U);
    }
    assert(!text.overflow);
}

bool hours_equal(const struct hours *a, const struct hours *b) {
    bool equal = a->count == b->count;

    for (uint32_t i = 0; i < a->count && equal; i++) {
        const struct hours_interval *one = &a->intervals[i], *other = &b->intervals[i];
        equal = one->weekday == other->weekday && one->from_minute == other->from_minute &&
                one->to_minute == other->to_minute;
    }
    return equal;
}

bool hours_contain(const struct hours *hours, enum weekday day, uint32_t from_minute,
                   uint32_t to_minute) {
    for (uint32_t i = 0; i < hours->count; i++) {
        const struct hours_interval *interval = &hours->intervals[i];
        if (interval->weekday == (uint32_t)day && interval->from_minute <= from_minute &&
            to_minute <= interval->to_minute) {
            return true;
        }
    }
    return false;
}

bool hours_touch(const struct hours *hours, enum weekday day, uint32_t from_minute,
                 uint32_t to_minute) {
    for (uint32_t i = 0; i < hours->count; i++) {
        const struct hours_interval *interval = &hours->intervals[i];
        if (interval->weekday == (uint32_t)day && interval->from_minute < to_minute &&
            from_minute < interval->to_minute) {
            return true;
        }
    }
    return false;
}

int slot_parse(const char *text, struct slot *ret_slot) {
    enum weekday day;
    uint32_t minute;
    const char *p = read_weekday(skip_spaces(text), &day);
    if (p == NULL || (*p != ' ' && *p != '\t')) {
        return -EINVAL;
    }
    p = read_time(skip_spaces(p), DAY_MINUTES - 1, &minute);
    if (p == NULL || *skip_spaces(p) != '\0') {
        return -EINVAL;
    }
    *ret_slot = (struct slot){.weekday = day, .minute = (uint16_t)minute};
    return 0;
}

const struct holiday *holidays_find(const struct holidays *holidays, struct date d) {
    uint32_t low = 0, high = holidays->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = date_cmp(holidays->days[middle].date, d);
        if (order == 0) {
            return &holidays->days[middle];
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

static bool is_holiday(const struct working_time *w, struct date d) {
    return w->holidays != NULL && holidays_find(w->holidays, d) != NULL;
}

/* A stretch of working time, closed-open. */
struct stretch {
    struct instant from, to;
};

/* The instant of a minute of a day, where 1440 is the next midnight. */
static struct instant instant_of(const struct zone *zone, struct date d, uint32_t minute) {
    struct instant instant;
    struct civil civil = civil_add_minutes(civil_at(d, 0), (int32_t)minute);
    (void)zone_resolve(zone, civil, ZONE_FIRST,
                       &instant); /* gap: forward; overlap: the first of the two */
    return instant;
}

/* The first stretch of that day which ends after `after`, cut to begin there at the earliest. */
static bool find_stretch(const struct working_time *w, struct date d, struct instant after,
                         struct stretch *ret_stretch) {
    if (is_holiday(w, d)) {
        return false;
    }
    enum weekday day = date_weekday(d);
    for (uint32_t i = 0; i < w->hours->count; i++) {
        const struct hours_interval *interval = &w->hours->intervals[i];
        if (interval->weekday != (uint32_t)day) {
            continue;
        }
        struct stretch stretch = {.from = instant_of(w->zone, d, interval->from_minute),
                                  .to = instant_of(w->zone, d, interval->to_minute)};
        stretch.from = instant_max(stretch.from, after);
        if (instant_cmp(stretch.from, stretch.to) < 0) {
            *ret_stretch = stretch;
            return true;
        }
    }
    return false;
}

static struct instant add_saturated(struct instant from, struct span span) {
    return span.us > 0 && from.us > INT64_MAX - span.us ? INSTANT_NEVER : instant_add(from, span);
}

struct instant working_time_add(const struct working_time *w, struct instant from, struct span span,
                                struct span cap) {
    struct instant limit = instant_max(from, add_saturated(from, cap));
    if (span.us <= 0) {
        return from;
    }
    struct date day = zone_civil(w->zone, from).date;
    struct instant at = from;
    for (uint32_t walked = 0; walked <= WORKING_SPAN_WALK_MAX && instant_cmp(at, limit) < 0;) {
        struct stretch stretch;
        if (!find_stretch(w, day, at, &stretch)) {
            day = date_add_days(day, 1);
            walked++;
            continue;
        }
        struct span length = instant_since(stretch.to, stretch.from);
        if (span.us <= length.us) {
            return instant_min(instant_add(stretch.from, span), limit);
        }
        span.us -= length.us;
        at = stretch.to;
    }
    return limit;
}

static bool has_hours(const struct hours *hours, enum weekday day) {
    return hours_touch(hours, day, 0, DAY_MINUTES);
}

struct instant working_days_add(const struct working_time *w, struct instant from, uint32_t days) {
    struct civil civil = zone_civil(w->zone, from);
    for (uint32_t walked = 0; days > 0 && walked < WORKING_DAYS_WALK_MAX; walked++) {
        civil.date = date_add_days(civil.date, 1);
        if (has_hours(w->hours, date_weekday(civil.date)) && !is_holiday(w, civil.date)) {
            days--;
        }
    }
    struct instant instant;
    (void)zone_resolve(w->zone, civil, ZONE_FIRST,
                       &instant); /* gap: forward; overlap: the first of the two */
    return instant_max(instant, from);
}

struct instant working_time_next(const struct working_time *w, struct instant from) {
    struct instant limit = instant_add(from, span_days(WORKING_NEXT_DAYS));
    struct date day = zone_civil(w->zone, from).date;
    for (uint32_t walked = 0; walked <= WORKING_NEXT_DAYS; walked++) {
        struct stretch stretch;
        if (find_stretch(w, day, from, &stretch)) {
            return instant_min(stretch.from, limit);
        }
        day = date_add_days(day, 1);
    }
    return limit;
}
