/* Time zones as tables: the one road from civil time to an instant.
 *
 * Tables are filled by ical/zones.h from the system's zone data; this room only reads them. Where a wall time does
 * not exist (spring) or exists twice (autumn) the answer says so, and the caller's policy decides (RFC 5545 3.3.5:
 * in a gap the offset before it holds; of two, the first). */
#ifndef COBI_BASE_ZONE_H
#define COBI_BASE_ZONE_H

#include "cobi/base/time.h"

#define ZONE_NAME_SIZE 48
#define ZONE_TRANSITIONS_MAX 256

struct zone_transition {
    struct instant at; /* from this instant on ... */
    int32_t offset_s;  /* ... local time is UTC plus this many seconds */
};
struct zone {
    char name[ZONE_NAME_SIZE]; /* IANA name: "Europe/London" */
    int32_t offset_before_s;   /* offset before the first transition */
    uint32_t transition_count;
    struct zone_transition transitions[ZONE_TRANSITIONS_MAX]; /* ascending */
};

enum zone_fit { ZONE_UNIQUE, ZONE_GAP, ZONE_OVERLAP };
#define ZONE_FIT_COUNT 3
enum zone_overlap_policy { ZONE_FIRST, ZONE_SECOND };

/* The instant at which the wall clock of zone shows c. A time in a gap is moved forward by the length of the gap
 * (01:30 becomes 02:30 on a spring night); one that occurs twice is taken by policy. The return value says which case it was. */
enum zone_fit zone_resolve(const struct zone *zone, struct civil c, enum zone_overlap_policy policy,
                           struct instant *ret_instant);
/* What the wall clock of zone shows at t (whole seconds; the fraction is dropped towards the past). */
struct civil zone_civil(const struct zone *zone, struct instant t);
/* Seconds east of UTC at t. */
int32_t zone_offset_s(const struct zone *zone, struct instant t);

#endif
