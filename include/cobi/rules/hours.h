/* Weekly hours, holidays and working time: pure arithmetic on civil time. */
#ifndef COBI_RULES_HOURS_H
#define COBI_RULES_HOURS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cobi/base/attribute.h"
#include "cobi/base/time.h"
#include "cobi/base/zone.h"

#define HOURS_MAX 28 /* intervals of a week: four a day */
/* Closed-open, in minutes since midnight; to may be 1440. */
struct hours_interval {
    uint8_t weekday; /* enum weekday */
    uint16_t from_minute, to_minute;
};
struct hours {
    uint32_t count;
    struct hours_interval intervals[HOURS_MAX]; /* by weekday, then time; no overlaps */
};
/* "Mon-Fri 09:00-17:00, Sat 10:00-13:00"; lists of days ("Mon,Wed 09:00-12:00") are written as two entries; several values of a
 * repeated field are joined by "; " or ", ". Overlaps are merged. "" is no hours. Returns 0, -EINVAL or -E2BIG. */
_must_use_ int hours_parse(const char *text, struct hours *ret_hours);
/* The canonical text; hours_parse() reads it back to an equal value. Buffer of at least 28 * 20 bytes. */
#define HOURS_TEXT_SIZE 600
void hours_to_text(const struct hours *hours, char buffer[HOURS_TEXT_SIZE]);
bool hours_equal(const struct hours *a, const struct hours *b);
/* Does the whole of [from, to) minutes on that weekday lie within / touch the hours? */
bool hours_contain(const struct hours *hours, enum weekday day, uint32_t from_minute, uint32_t to_minute);
bool hours_touch(const struct hours *hours, enum weekday day, uint32_t from_minute, uint32_t to_minute);

/* A weekday and time: "Tue 14:00". */
struct slot {
    enum weekday weekday;
    uint16_t minute;
};
_must_use_ int slot_parse(const char *text, struct slot *ret_slot);

#define HOLIDAYS_MAX 512
#define HOLIDAY_NAME_SIZE 64
struct holiday {
    struct date date;
    char name[HOLIDAY_NAME_SIZE];
};
/* Bank holidays, ascending. `last` is the last day the file knows about: plans beyond it get a warning. */
struct holidays {
    uint32_t count;
    struct date last;
    struct holiday days[HOLIDAYS_MAX];
};
/* The holiday of that day, or NULL. */
const struct holiday *holidays_find(const struct holidays *holidays, struct date d);

/* A calendar of working time: someone's hours in a zone, without bank holidays. holidays may be NULL. */
struct working_time {
    const struct hours *hours;
    const struct zone *zone;
    const struct holidays *holidays;
};
/* The instant at which `span` of working time has passed since `from`, but never later than from + cap. With empty hours the
 * answer is from + cap. */
struct instant working_time_add(const struct working_time *w, struct instant from, struct span span, struct span cap);
/* `days` working days later (a day with any hours that is no holiday), at the same time of day. At most 60 days are walked. */
struct instant working_days_add(const struct working_time *w, struct instant from, uint32_t days);
/* The first instant at or after `from` that lies in working time; from + 14 days when there is none. */
struct instant working_time_next(const struct working_time *w, struct instant from);

#endif
