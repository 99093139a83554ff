/* Rounds: what is told again and again by the calendar, whatever the plan says. Pure. */
#ifndef COBI_RULES_ROUNDS_H
#define COBI_RULES_ROUNDS_H

#include "cobi/rules/hours.h"

struct rounds {
    struct date due;     /* the round that is due and was not told; year 0: none */
    struct instant next; /* when the next one falls: always later than now */
};
/* Every `days` days after `base`, in the evening (20:00) of that day: then so many whole days have passed. Of several that were let pass
 * only the last is due. told: the last one told; year 0: none; later than today: told by a wrong clock, so none. */
struct rounds rounds_of_days(struct date base, struct date told, uint32_t days, const struct zone *zone, struct instant now);
/* Each week, named by its Monday: that day at 09:00, or the next working day. */
struct rounds rounds_of_weeks(struct date told, const struct working_time *office, struct instant now);
/* The Monday of the week of a day. */
struct date rounds_monday(struct date day);
/* That time of that day; a time that the clock leaves out comes a little later. */
struct instant rounds_moment(const struct zone *zone, struct date day, int32_t minute);
enum { ROUNDS_MORNING = 9 * 60, ROUNDS_EVENING = 20 * 60 };

#endif
