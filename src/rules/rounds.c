/* Rounds: what advocates are told again and again by the calendar, and when.
 *
 * Counted in whole days and told at fixed times of day, so that a notice says nothing about the
 * time or place of a session. Rounds that were let pass, because nobody was there to tell them, are
 * told once. Must never give a next time that is not later than now: whoever waits for it would
 * look without end. */
#include "cobi/rules/rounds.h"

#include <assert.h>

#define ROUNDS_WEEK 7

struct date rounds_monday(struct date day) {
    return date_add_days(day, -(int32_t)date_weekday(day));
}

struct instant rounds_moment(const struct zone *zone, struct date day, int32_t minute) {
    struct instant t;

    (void)zone_resolve(zone, civil_add_minutes(civil_at(day, 0), minute), ZONE_FIRST,
                       &t); /* gap: forward; overlap: the first of the two */
    return t;
}

/* A round that was told before its day came was told by a wrong clock, and silences none. */
static bool is_news(struct date round, struct date told, struct date today) {
    return told.year == 0 || date_cmp(round, told) > 0 || date_cmp(told, today) > 0;
}

struct rounds rounds_of_days(struct date base, struct date told, uint32_t days,
                             const struct zone *zone, struct instant now) {
    const struct date today = zone_civil(zone, now).date;
    const bool evening = instant_cmp(now, rounds_moment(zone, today, ROUNDS_EVENING)) >= 0;
    const int32_t length = (int32_t)days;
    const int32_t passed = date_to_days(today) - date_to_days(base) - (evening ? 0 : 1);
    const int32_t rounds = passed > 0 ? passed / length : 0;
    const struct date last = date_add_days(base, rounds * length);
    struct rounds found = {
        .next = rounds_moment(zone, date_add_days(last, length), ROUNDS_EVENING)};

    assert(days > 0);
    if (rounds > 0 && is_news(last, told, today)) {
        found.due = last;
    }
    return found;
}

/* When the week of that Monday is told. */
static struct instant week_moment(const struct working_time *office, struct date monday) {
    struct date day = monday;

    for (int i = 0; i < ROUNDS_WEEK; i++) {
        const bool works = hours_touch(office->hours, date_weekday(day), 0, 1440);
        if (works && !(office->holidays && holidays_find(office->holidays, day))) {
            break;
        }
        day = date_add_days(day, 1);
    }
    return rounds_moment(office->zone, day, ROUNDS_MORNING);
}

struct rounds rounds_of_weeks(struct date told, const struct working_time *office,
                              struct instant now) {
    const struct date today = zone_civil(office->zone, now).date, monday = rounds_monday(today);
    const struct instant this_week = week_moment(office, monday);
    struct rounds found = {0};

    if (instant_cmp(now, this_week) < 0) {
        found.next = this_week;
        return found;
    }
    if (is_news(monday, told, today)) {
        found.due = monday;
    }
    found.next = week_moment(office, date_add_days(monday, ROUNDS_WEEK));
    return found;
}
