/* Reads a finished calendar back (feed_check.c); private to this room. */
#ifndef COBI_ICAL_FEED_CHECK_H
#define COBI_ICAL_FEED_CHECK_H

#include "cobi/ical/feed.h"

#include <stddef.h>

#define FEED_EVENT_PROPERTIES 12 /* every event has exactly these many */
#define FEED_CANCELLED_PREFIX "Cancelled: "

/* Does the text say what was meant: lines of at most 75 octets of UTF-8 ended by CR LF, the calendar's name, and every
 * event with its UID, SEQUENCE, DTSTAMP, summary, status and, compared in UTC, its times? Returns 0 or -EBADMSG. */
_must_use_ int feed_check(const char *text, size_t length, const struct feed_calendar *calendar);
/* The same for the withdrawn calendar: one event on the whole of `day`. */
_must_use_ int feed_check_withdrawn(const char *text, size_t length, const char *summary, struct date day);

#endif
