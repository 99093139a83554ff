/* A calendar feed as bytes: RFC 5545 text whose values libical writes and a reader of ours reads back. */
#ifndef COBI_ICAL_FEED_H
#define COBI_ICAL_FEED_H

#include <stddef.h>

#include "cobi/base/attribute.h"
#include "cobi/base/zone.h"

#define UID_SIZE 37
struct feed_event {
    char uid[UID_SIZE];       /* UUID of the session, the same in every feed (RFC 7986 5.3) */
    uint32_t sequence;        /* the session's revision */
    struct instant revised;   /* DTSTAMP and LAST-MODIFIED */
    struct civil start;       /* on the wall clock of zone */
    struct instant start_at;
    uint32_t minutes;
    const struct zone *zone;  /* Europe/London is written with TZID, but for times that occur twice or not at all; all others in UTC */
    const char *summary;      /* "Session 4 of 12 · ref K7Q2", or "Appointment"; checked text, at most 200 bytes */
    bool cancelled;           /* "Cancelled: ", STATUS:CANCELLED, TRANSPARENT, FREE */
};
struct feed_calendar {
    const char *name;         /* of the calendar; checked text, at most 250 bytes */
    const char *organizer;    /* role mailbox, checked address */
    const struct feed_event *events; /* ascending by start, then UID */
    size_t event_count;
};
/* Builds the whole calendar and checks it by reading it back, times in UTC. *ret_text is malloc'ed, CRLF line ends, byte-identical for equal
 * input. Returns 0, -EINVAL (a value that must not reach a calendar) or -EBADMSG (the result did not read back as meant: nothing is returned). */
_must_use_ int feed_write(const struct feed_calendar *calendar, char **ret_text, size_t *ret_length);
/* The calendar a revoked link serves: one neutral all-day event on `day`, "This calendar link has been withdrawn". */
_must_use_ int feed_write_withdrawn(const char *organizer, struct date day, struct instant revised, char **ret_text, size_t *ret_length);

#endif
