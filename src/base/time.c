/* Civil time and dates: the calendar's arithmetic and the text forms of dates, instants and spans.
 *
 * Used by every room for anything that has to do with days or wall clocks. Reading text fails with
 * -EINVAL (or -ERANGE for a span that is too long) and leaves the output alone. Arithmetic that
 * would leave the years 1900 to 2999 stays at the nearest end. This file must never ask the system
 * for the time, and never know a zone (see zone.c). */
#include "cobi/base/time.h"

#include "cobi/base/cleanup.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define YEAR_MIN            1900
#define YEAR_MAX            2999
#define DAYS_MIN            (-25567) /* 1900-01-01 */
#define DAYS_MAX            376199   /* 2999-12-31 */
#define DAYS_YEAR_1_TO_1970 719162
#define DAYS_4_YEARS        1461
#define DAYS_100_YEARS      36524
#define DAYS_400_YEARS      146097
#define MINUTES_PER_DAY     1440
#define SPAN_US_MAX         (3653 * DAY_US) /* ten years with three leap days */

static const int16_t days_before_month[2][13] = {
    {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365},
    {0, 31, 60, 91, 121, 152, 182, 213, 244, 274, 305, 335, 366},
};
static const char weekday_names[WEEKDAY_COUNT][4] = {"Mon", "Tue", "Wed", "Thu",
                                                     "Fri", "Sat", "Sun"};
/* Units of spans, largest first; weeks are read but not written, because people say "14 days". */
static const struct span_unit {
    char letter;
    int64_t us;
} span_units[] = {
    {'w', 7 * DAY_US}, {'d', DAY_US}, {'h', HOUR_US}, {'m', MINUTE_US}, {'s', SECOND_US},
};

static bool is_leap(int32_t year) {
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int32_t days_in_month(int32_t year, int32_t month) {
    const int16_t *before = days_before_month[is_leap(year)];
    return before[month] - before[month - 1];
}

bool date_valid(struct date d) {
    if (d.year < YEAR_MIN || d.year > YEAR_MAX || d.month < 1 || d.month > 12) {
        return false;
    }
    return d.day >= 1 && d.day <= days_in_month(d.year, d.month);
}

int32_t date_to_days(struct date d) {
    assert(date_valid(d));
    int32_t past = d.year - 1; /* whole years before this one, counted from year 1 */
    int32_t days = past * 365 + past / 4 - past / 100 + past / 400;
    return days + days_before_month[is_leap(d.year)][d.month - 1] + d.day - 1 - DAYS_YEAR_1_TO_1970;
}

static int32_t clamp_days(int64_t days) {
    if (days < DAYS_MIN) {
        return DAYS_MIN;
    }
    return days > DAYS_MAX ? DAYS_MAX : (int32_t)days;
}

static struct instant clamp_instant(struct instant t) {
    struct instant first = {DAYS_MIN * DAY_US}, last = {(DAYS_MAX + 1) * DAY_US - 1};
    return instant_min(instant_max(t, first), last);
}

/* How many whole periods fit, at most limit: the last century and the last year of a cycle are a
 * day longer. */
static int32_t take_periods(int32_t *days, int32_t period_days, int32_t limit) {
    int32_t count = *days / period_days;
    if (count > limit) {
        count = limit;
    }
    *days -= count * period_days;
    return count;
}

struct date date_from_days(int32_t days) {
    int32_t rest = clamp_days(days) + DAYS_YEAR_1_TO_1970;
    int32_t year = 1 + 400 * take_periods(&rest, DAYS_400_YEARS, INT32_MAX);
    year += 100 * take_periods(&rest, DAYS_100_YEARS, 3);
    year += 4 * take_periods(&rest, DAYS_4_YEARS, 24);
    year += take_periods(&rest, 365, 3);
    const int16_t *before = days_before_month[is_leap(year)];
    int32_t month = 1;
    while (rest >= before[month]) {
        month++;
    }
    return (struct date){
        .year = (int16_t)year,
        .month = (uint8_t)month,
        .day = (uint8_t)(rest - before[month - 1] + 1),
    };
}

struct date date_add_days(struct date d, int32_t days) {
    return date_from_days(clamp_days((int64_t)date_to_days(d) + days));
}

struct date date_add_months(struct date d, int32_t months) {
    int64_t count = (int64_t)d.year * 12 + (d.month - 1) + months;
    if (count < (int64_t)YEAR_MIN * 12) {
        return date_from_days(DAYS_MIN);
    }
    if (count >= (int64_t)(YEAR_MAX + 1) * 12) {
        return date_from_days(DAYS_MAX);
    }
    int32_t year = (int32_t)(count / 12), month = (int32_t)(count % 12) + 1;
    int32_t last = days_in_month(year, month);
    return (struct date){
        .year = (int16_t)year,
        .month = (uint8_t)month,
        .day = d.day > last ? (uint8_t)last : d.day,
    };
}

enum weekday date_weekday(struct date d) {
    int32_t index = (date_to_days(d) + THURSDAY) % WEEKDAY_COUNT; /* 1970-01-01 was a Thursday */
    return (enum weekday)(index < 0 ? index + WEEKDAY_COUNT : index);
}

int date_cmp(struct date a, struct date b) {
    int32_t left = a.year * 10000 + a.month * 100 + a.day;
    int32_t right = b.year * 10000 + b.month * 100 + b.day;
    return (left > right) - (left < right);
}

int civil_cmp(struct civil a, struct civil b) {
    int order = date_cmp(a.date, b.date);
    if (order != 0) {
        return order;
    }
    int32_t left = (a.hour * 60 + a.minute) * 60 + a.second;
    int32_t right = (b.hour * 60 + b.minute) * 60 + b.second;
    return (left > right) - (left < right);
}

struct civil civil_add_minutes(struct civil c, int32_t minutes) {
    int64_t total = (int64_t)civil_minute_of_day(c) + minutes;
    int64_t minute = total % MINUTES_PER_DAY;
    if (minute < 0) {
        minute += MINUTES_PER_DAY;
    }
    return (struct civil){
        .date = date_add_days(c.date, (int32_t)((total - minute) / MINUTES_PER_DAY)),
        .hour = (uint8_t)(minute / 60),
        .minute = (uint8_t)(minute % 60),
        .second = c.second,
    };
}

int32_t civil_minute_of_day(struct civil c) {
    return c.hour * 60 + c.minute;
}

struct civil civil_at(struct date d, int32_t minute_of_day) {
    return civil_add_minutes((struct civil){.date = d}, minute_of_day);
}

/* --- reading: each scan_ function moves *at over what it read, or answers false --- */

static bool scan_digits(const char **at, int32_t count, int32_t *ret_number) {
    int32_t number = 0;
    for (int32_t i = 0; i < count; i++) {
        char c = (*at)[i];
        if (c < '0' || c > '9') {
            return false;
        }
        number = number * 10 + (c - '0');
    }
    *at += count;
    *ret_number = number;
    return true;
}

static bool scan_one_of(const char **at, const char *set) {
    if (**at == '\0' || strchr(set, **at) == NULL) {
        return false;
    }
    (*at)++;
    return true;
}

static bool scan_date(const char **at, struct date *ret_date) {
    int32_t year, month, day;
    if (!scan_digits(at, 4, &year) || !scan_one_of(at, "-") || !scan_digits(at, 2, &month) ||
        !scan_one_of(at, "-") || !scan_digits(at, 2, &day)) {
        return false;
    }
    *ret_date = (struct date){(int16_t)year, (uint8_t)month, (uint8_t)day};
    return date_valid(*ret_date);
}

static bool scan_hour_minute(const char **at, int32_t *ret_hour, int32_t *ret_minute) {
    if (!scan_digits(at, 2, ret_hour) || !scan_one_of(at, ":") || !scan_digits(at, 2, ret_minute)) {
        return false;
    }
    return *ret_hour <= 23 && *ret_minute <= 59;
}

static bool scan_civil(const char **at, const char *separators, struct civil *ret_civil) {
    int32_t hour, minute, second = 0;
    struct date date;
    if (!scan_date(at, &date) || !scan_one_of(at, separators) ||
        !scan_hour_minute(at, &hour, &minute)) {
        return false;
    }
    if (scan_one_of(at, ":") && (!scan_digits(at, 2, &second) || second > 59)) {
        return false;
    }
    *ret_civil = (struct civil){date, (uint8_t)hour, (uint8_t)minute, (uint8_t)second};
    return true;
}

/* ".5" and so on; digits beyond the sixth are dropped. */
static bool scan_fraction(const char **at, int64_t *ret_us) {
    int64_t us = 0, weight = SECOND_US / 10;
    if (!scan_one_of(at, ".")) {
        *ret_us = 0;
        return true;
    }
    int32_t digit;
    if (!scan_digits(at, 1, &digit)) {
        return false;
    }
    do {
        us += digit * weight;
        weight /= 10;
    } while (scan_digits(at, 1, &digit));
    *ret_us = us;
    return true;
}

/* "Z" or "+01:00", as seconds east. */
static bool scan_offset(const char **at, int32_t *ret_offset_s) {
    if (scan_one_of(at, "Zz")) {
        *ret_offset_s = 0;
        return true;
    }
    int32_t sign = **at == '-' ? -1 : 1, hour, minute;
    if (!scan_one_of(at, "+-") || !scan_hour_minute(at, &hour, &minute)) {
        return false;
    }
    *ret_offset_s = sign * (hour * 3600 + minute * 60);
    return true;
}

int date_from_text(const char *text, struct date *ret_date) {
    struct date d;
    if (!scan_date(&text, &d) || *text != '\0') {
        return -EINVAL;
    }
    *ret_date = d;
    return 0;
}

int civil_from_text(const char *text, struct civil *ret_civil) {
    struct civil c;
    if (!scan_civil(&text, " T", &c) || *text != '\0') {
        return -EINVAL;
    }
    *ret_civil = c;
    return 0;
}

int instant_from_text(const char *text, struct instant *ret_instant) {
    struct civil c;
    int64_t fraction_us;
    int32_t offset_s;
    if (!scan_civil(&text, "Tt ", &c)) {
        return -EINVAL;
    }
    if (!scan_fraction(&text, &fraction_us) || !scan_offset(&text, &offset_s) || *text != '\0') {
        return -EINVAL;
    }
    struct instant t = instant_from_utc_civil(c);
    t.us += fraction_us - offset_s * SECOND_US;
    if (instant_cmp(t, clamp_instant(t)) != 0) {
        return -EINVAL;
    }
    *ret_instant = t;
    return 0;
}

/* --- writing --- */

/* The number in exactly that many digits, without a NUL; returns the place after them. */
static char *put_digits(char *at, int32_t number, int32_t count) {
    for (int32_t i = count - 1; i >= 0; i--) {
        at[i] = (char)('0' + number % 10);
        number /= 10;
    }
    return at + count;
}

static char *put_date(char *at, struct date d) {
    assert(date_valid(d));
    at = put_digits(at, d.year, 4);
    *at++ = '-';
    at = put_digits(at, d.month, 2);
    *at++ = '-';
    return put_digits(at, d.day, 2);
}

static char *put_civil(char *at, struct civil c) {
    at = put_date(at, c.date);
    *at++ = 'T';
    at = put_digits(at, c.hour, 2);
    *at++ = ':';
    return put_digits(at, c.minute, 2);
}

void date_to_text(struct date d, char buffer[DATE_TEXT_SIZE]) {
    *put_date(buffer, d) = '\0';
}

void civil_to_text(struct civil c, char buffer[CIVIL_TEXT_SIZE]) {
    *put_civil(buffer, c) = '\0';
}

void instant_to_text(struct instant t, char buffer[INSTANT_TEXT_SIZE]) {
    t = clamp_instant(t);
    struct civil c = civil_utc(t);
    int64_t fraction_us = t.us - instant_from_utc_civil(c).us;
    char *at = put_civil(buffer, c);
    *at++ = ':';
    at = put_digits(at, c.second, 2);
    if (fraction_us != 0) {
        *at++ = '.';
        at = put_digits(at, (int32_t)fraction_us, 6);
    }
    *at++ = 'Z';
    *at = '\0';
}

/* --- spans --- */

/* One "12h"; only units smaller than the last one may follow, so that a slip of the finger is seen.
 */
static int scan_span_part(const char **at, size_t *unit, int64_t *total_us) {
    int64_t number = 0;
    int32_t digit;
    if (!scan_digits(at, 1, &digit)) {
        return -EINVAL;
    }
    do {
        number = number * 10 + digit;
        if (number > SPAN_US_MAX / SECOND_US) {
            return -ERANGE;
        }
    } while (scan_digits(at, 1, &digit));
    while (*unit < ARRAY_COUNT(span_units) && span_units[*unit].letter != **at) {
        (*unit)++;
    }
    if (*unit == ARRAY_COUNT(span_units)) {
        return -EINVAL;
    }
    if (number > (SPAN_US_MAX - *total_us) / span_units[*unit].us) {
        return -ERANGE;
    }
    *total_us += number * span_units[*unit].us;
    (*unit)++;
    (*at)++;
    return 0;
}

int span_from_text(const char *text, struct span *ret_span) {
    int64_t total_us = 0;
    size_t unit = 0;
    do {
        int error = scan_span_part(&text, &unit, &total_us);
        if (error < 0) {
            return error;
        }
    } while (*text != '\0');
    if (total_us == 0) {
        return -ERANGE;
    }
    *ret_span = (struct span){total_us};
    return 0;
}

void span_to_text(struct span s, char buffer[32]) {
    int64_t rest = s.us / SECOND_US * SECOND_US;
    int length = 0;
    buffer[0] = '\0';
    if (rest < 0) {
        length = snprintf(buffer, 32, "-");
    }
    for (size_t i = 1; i < ARRAY_COUNT(span_units); i++) {
        int64_t count = rest / span_units[i].us;
        rest %= span_units[i].us;
        if (count != 0) {
            length += snprintf(buffer + length, (size_t)(32 - length), "%lld%c",
                               (long long)(count < 0 ? -count : count), span_units[i].letter);
        }
    }
    if (length == 0) {
        (void)snprintf(buffer, 32, "0s");
    }
}

int weekday_from_text(const char *text, size_t length, enum weekday *ret_weekday) {
    if (length != 3) {
        return -EINVAL;
    }
    for (int i = 0; i < WEEKDAY_COUNT; i++) {
        if (strncasecmp(text, weekday_names[i], 3) == 0) {
            *ret_weekday = (enum weekday)i;
            return 0;
        }
    }
    return -EINVAL;
}

const char *weekday_to_text(enum weekday d) {
    assert((unsigned)d < WEEKDAY_COUNT);
    return weekday_names[d];
}

struct civil civil_utc(struct instant t) {
    int64_t us = clamp_instant(t).us;
    int64_t within = us % DAY_US;
    if (within < 0) {
        within += DAY_US;
    }
    int32_t second = (int32_t)(within / SECOND_US);
    return (struct civil){
        .date = date_from_days((int32_t)((us - within) / DAY_US)),
        .hour = (uint8_t)(second / 3600),
        .minute = (uint8_t)(second / 60 % 60),
        .second = (uint8_t)(second % 60),
    };
}

struct instant instant_from_utc_civil(struct civil c) {
    int64_t second = civil_minute_of_day(c) * INT64_C(60) + c.second;
    return (struct instant){date_to_days(c.date) * DAY_US + second * SECOND_US};
}
