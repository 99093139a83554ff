/* Zone data of the system, read through libical and turned into tables. */
#ifndef COBI_ICAL_ZONES_H
#define COBI_ICAL_ZONES_H

#include "cobi/base/attribute.h"
#include "cobi/base/zone.h"

/* A growing set of zones; pointers stay valid until zones_free(). */
struct zones;
_must_use_ int zones_open(struct zones **ret_zones); /* -ENODATA when the system has no zone data (tzdata) */
void zones_free(struct zones *zones);
/* Finds or loads the zone of that IANA name (transitions from 1990 to 2100). Returns NULL when there is none. */
const struct zone *zones_find(struct zones *zones, const char *name);
/* Whether the system has a zone of that name now, without the cost of loading its table. */
bool zones_known(const char *name);

#endif
