/* The one road from civil time to an instant, and the way back.
 *
 * A zone is a list of periods, each with one offset; the first has no beginning and the last no
 * end. A wall time is tried in every period near it: found once it is unique, found twice it is in
 * an overlap, not found it is in a gap. Cannot fail. Must never guess in silence: the answer always
 * says which of the three it was. */
#include "cobi/base/zone.h"

#include <assert.h>

/* No wall clock is further from UTC than this (the system's data stays within 16 hours). */
#define OFFSET_S_MAX INT64_C(86400)

/* Periods are numbered 0 (before the first transition) to transition_count. */
static int32_t period_offset_s(const struct zone *zone, uint32_t period) {
    return period == 0 ? zone->offset_before_s : zone->transitions[period - 1].offset_s;
}

static int64_t period_start_us(const struct zone *zone, uint32_t period) {
    return period == 0 ? INT64_MIN : zone->transitions[period - 1].at.us;
}

/* The instant after the period's last. */
static int64_t period_end_us(const struct zone *zone, uint32_t period) {
    return period == zone->transition_count ? INT64_MAX : zone->transitions[period].at.us;
}

/* The period that holds at t: the number of transitions that are not later than t. */
static uint32_t period_at(const struct zone *zone, int64_t us) {
    uint32_t low = 0, high = zone->transition_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (zone->transitions[middle].at.us <= us) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

enum zone_fit zone_resolve(const struct zone *zone, struct civil c, enum zone_overlap_policy policy,
                           struct instant *ret_instant) {
    assert(zone->transition_count <= ZONE_TRANSITIONS_MAX);
    int64_t wall_us = instant_from_utc_civil(c).us; /* the wall clock read as if it showed UTC */
    uint32_t period = period_at(zone, wall_us - OFFSET_S_MAX * SECOND_US);
    uint32_t last = period_at(zone, wall_us + OFFSET_S_MAX * SECOND_US);
    uint32_t found = 0;
    int64_t gap_us = wall_us - period_offset_s(zone, period) * SECOND_US;
    int64_t match_us[2] = {0, 0};
    for (; period <= last && found < 2; period++) {
        int64_t us = wall_us - period_offset_s(zone, period) * SECOND_US;
        if (us >= period_start_us(zone, period) && us < period_end_us(zone, period)) {
            match_us[found++] = us;
        } else if (us >= period_end_us(zone, period)) {
            gap_us = us; /* if nothing is found, the wall time is in the gap after this period */
        }
    }
    if (found == 0) {
        *ret_instant = (struct instant){gap_us};
        return ZONE_GAP;
    }
    if (found == 1) {
        *ret_instant = (struct instant){match_us[0]};
        return ZONE_UNIQUE;
    }
    *ret_instant = (struct instant){match_us[policy == ZONE_SECOND]};
    return ZONE_OVERLAP;
}

struct civil zone_civil(const struct zone *zone, struct instant t) {
    int64_t wall_us;
    if (__builtin_add_overflow(t.us, zone_offset_s(zone, t) * SECOND_US, &wall_us)) {
        wall_us = t.us; /* INSTANT_NEVER and its like; civil_utc() keeps to its last day */
    }
    return civil_utc((struct instant){wall_us});
}

int32_t zone_offset_s(const struct zone *zone, struct instant t) {
    assert(zone->transition_count <= ZONE_TRANSITIONS_MAX);
    return period_offset_s(zone, period_at(zone, t.us));
}
