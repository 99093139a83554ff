/* Instants, spans, civil time and dates: four types with no implicit road between them.
 *
 * An instant is a moment (UTC); a civil is what a wall clock shows, without a zone; a date is a day of the
 * proleptic Gregorian calendar. Only zone_resolve() (zone.h) turns a civil into an instant. Dates given to these
 * functions must be valid; arithmetic that would leave 1900-01-01 to 2999-12-31 stays at the nearest end. */
#ifndef COBI_BASE_TIME_H
#define COBI_BASE_TIME_H

#include "cobi/base/attribute.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct instant {
    int64_t us; /* microseconds since 1970-01-01T00:00:00Z */
};
struct mono {
    int64_t us; /* microseconds of CLOCK_MONOTONIC; timeouts only */
};
struct span {
    int64_t us; /* a length of time in microseconds, may be negative */
};
struct date {
    int16_t year;  /* 1900 to 2999 when valid */
    uint8_t month; /* 1 to 12 */
    uint8_t day;   /* 1 to 31 */
};
struct civil {
    struct date date;
    uint8_t hour, minute, second; /* 0-23, 0-59, 0-59 */
};
enum weekday { MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY, SATURDAY, SUNDAY };
#define WEEKDAY_COUNT 7

#define SECOND_US INT64_C(1000000)
#define MINUTE_US (60 * SECOND_US)
#define HOUR_US (60 * MINUTE_US)
#define DAY_US (24 * HOUR_US)

/* Later than every instant cobid handles; "never". */
#define INSTANT_NEVER ((struct instant){INT64_MAX})

static inline struct instant instant_add(struct instant t, struct span s) {
    return (struct instant){t.us + s.us};
}
static inline struct span instant_since(struct instant later, struct instant earlier) {
    return (struct span){later.us - earlier.us};
}
/* Negative, 0 or positive as a is before, equal to or after b. */
static inline int instant_cmp(struct instant a, struct instant b) {
    return (a.us > b.us) - (a.us < b.us);
}
static inline struct instant instant_min(struct instant a, struct instant b) {
    return a.us < b.us ? a : b;
}
static inline struct instant instant_max(struct instant a, struct instant b) {
    return a.us > b.us ? a : b;
}
static inline struct span span_minutes(int64_t minutes) {
    return (struct span){minutes * MINUTE_US};
}
static inline struct span span_hours(int64_t hours) {
    return (struct span){hours * HOUR_US};
}
static inline struct span span_days(int64_t days) {
    return (struct span){days * DAY_US};
}

/* Is this a day that exists (29 February only in leap years), in 1900 to 2999? */
bool date_valid(struct date d);
/* Days since 1970-01-01 (negative before). The date must be valid. */
int32_t date_to_days(struct date d);
struct date date_from_days(int32_t days);
struct date date_add_days(struct date d, int32_t days);
/* The same day of the month n months on, or the last day of that month where it has no such day. */
struct date date_add_months(struct date d, int32_t months);
enum weekday date_weekday(struct date d);
int date_cmp(struct date a, struct date b);

int civil_cmp(struct civil a, struct civil b);
/* Wall-clock arithmetic that knows no zone: carries over midnight, months and years. */
struct civil civil_add_minutes(struct civil c, int32_t minutes);
/* Minutes since midnight, 0 to 1439. */
int32_t civil_minute_of_day(struct civil c);
/* The wall clock that many minutes after midnight; 1440 is the next day's 00:00. */
struct civil civil_at(struct date d, int32_t minute_of_day);

/* Text sizes, with the terminating NUL. */
#define DATE_TEXT_SIZE 11
#define CIVIL_TEXT_SIZE 17
#define INSTANT_TEXT_SIZE 28

/* "2027-01-12"; nothing may precede or follow. Returns 0, or -EINVAL for anything else (a day that does not exist too). */
_must_use_ int date_from_text(const char *text, struct date *ret_date);
void date_to_text(struct date d, char buffer[DATE_TEXT_SIZE]);
/* "2027-01-12 14:00" or "2027-01-12T14:00", seconds optional and then 00 to 59. Returns 0 or -EINVAL. */
_must_use_ int civil_from_text(const char *text, struct civil *ret_civil);
/* "2027-01-12T14:00" (seconds are not shown). */
void civil_to_text(struct civil c, char buffer[CIVIL_TEXT_SIZE]);
/* RFC 3339 section 5.6 in UTC: "2027-01-12T14:00:00Z", with ".ffffff" only when the fraction is not zero. */
void instant_to_text(struct instant t, char buffer[INSTANT_TEXT_SIZE]);
/* RFC 3339 with "Z" or a numeric offset, "T" or a space; seconds optional ("2026-10-25T00:30Z"), digits beyond
 * microseconds are dropped. Returns 0 or -EINVAL. */
_must_use_ int instant_from_text(const char *text, struct instant *ret_instant);
/* "90s", "90m", "36h", "7d", "2w" and sums such as "1d12h", larger units first; positive, at most 10 years (3653 days).
 * Returns 0, -EINVAL (not a span) or -ERANGE (zero, or too long). */
_must_use_ int span_from_text(const char *text, struct span *ret_span);
/* "1d12h", "5m", "14d", "0s", "-1h": days, hours, minutes and seconds, each once; fractions of a second are dropped. What is
 * positive and not too long is read back by span_from_text(). Buffer of at least 32 bytes. */
void span_to_text(struct span s, char buffer[32]);
/* "Mon" to "Sun", in any case. Returns 0 or -EINVAL. */
_must_use_ int weekday_from_text(const char *text, size_t length, enum weekday *ret_weekday);
const char *weekday_to_text(enum weekday d);
/* UTC fields of an instant, as a zone of offset 0 would show them. */
struct civil civil_utc(struct instant t);
struct instant instant_from_utc_civil(struct civil c);

#endif
