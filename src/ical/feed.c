/* Feed: a calendar as the bytes that clients read.
 *
 * feed_write() checks every value, has libical write each property that holds one (escaped and
 * folded), sets them in the frame below, and has feed_check.c read the result back before anybody
 * is given it. Equal input gives equal bytes: nothing here asks for the time, and DTSTAMP is the
 * moment of the revision. Lines that are the same in every calendar are constants: libical needs
 * three times as long for a whole component, and its own zone block breaks real readers.
 *
 * Fails with -EINVAL (a value that must not reach a calendar) or -EBADMSG (the text does not say
 * what was meant); then the caller keeps serving what it had. Must never write a floating time, a
 * time that occurs twice or not at all on the wall clock, or anything else about a person than the
 * caller's summary. */
#include "cobi/ical/feed.h"

#include <assert.h>
#include <errno.h>
#include <libical/ical.h>
#include <string.h>

#include "cobi/base/cleanup.h"
#include "cobi/base/mailaddr.h"
#include "cobi/base/text.h"
#include "feed_check.h"

#define EVENTS_MAX        20000
#define MINUTES_MAX       1440
#define NAME_BYTES_MAX    250
#define SUMMARY_BYTES_MAX 200
/* Room for the longest event and for all the rest: every character escaped, every line folded. */
#define EVENT_BYTES_MAX   1600
#define FRAME_BYTES_MAX   4096
#define LINE_OCTETS_MAX   75
#define ORGANIZER_NAME    "Appointments"
#define WITHDRAWN_NAME    "Appointments"
#define WITHDRAWN_UID     "b7a94b5e-3c1d-4f0a-9d52-1e6f3a8c7d20"
#define WITHDRAWN_SUMMARY "This calendar link has been withdrawn"

static const char calendar_begin[] = "BEGIN:VCALENDAR\r\n"
                                     "VERSION:2.0\r\n"
                                     "PRODID:-//Appointments//Calendar 1.0//EN\r\n"
                                     "CALSCALE:GREGORIAN\r\n"
                                     "METHOD:PUBLISH\r\n";
/* Clients poll hourly. The zone block is London since 1996. */
static const char calendar_rest[] = "X-WR-TIMEZONE:Europe/London\r\n"
                                    "REFRESH-INTERVAL;VALUE=DURATION:PT1H\r\n"
                                    "X-PUBLISHED-TTL:PT1H\r\n"
                                    "COLOR:teal\r\n"
                                    "BEGIN:VTIMEZONE\r\n"
                                    "TZID:Europe/London\r\n"
                                    "BEGIN:DAYLIGHT\r\n"
                                    "DTSTART:19700329T010000\r\n"
                                    "RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU\r\n"
                                    "TZOFFSETFROM:+0000\r\n"
                                    "TZOFFSETTO:+0100\r\n"
                                    "TZNAME:BST\r\n"
                                    "END:DAYLIGHT\r\n"
                                    "BEGIN:STANDARD\r\n"
                                    "DTSTART:19701025T020000\r\n"
                                    "RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU\r\n"
                                    "TZOFFSETFROM:+0100\r\n"
                                    "TZOFFSETTO:+0000\r\n"
                                    "TZNAME:GMT\r\n"
                                    "END:STANDARD\r\n"
                                    "END:VTIMEZONE\r\n";
static const char calendar_end[] = "END:VCALENDAR\r\n";

/* What follows the summary of an event, but for the organizer. */
static const char event_busy[] = "STATUS:CONFIRMED\r\n"
                                 "TRANSP:OPAQUE\r\n"
                                 "X-MICROSOFT-CDO-BUSYSTATUS:BUSY\r\n"
                                 "CLASS:PRIVATE\r\n";
static const char event_free[] = "STATUS:CONFIRMED\r\n"
                                 "TRANSP:TRANSPARENT\r\n"
                                 "X-MICROSOFT-CDO-BUSYSTATUS:FREE\r\n"
                                 "CLASS:PRIVATE\r\n";
static const char event_cancelled[] = "STATUS:CANCELLED\r\n"
                                      "TRANSP:TRANSPARENT\r\n"
                                      "X-MICROSOFT-CDO-BUSYSTATUS:FREE\r\n"
                                      "CLASS:PRIVATE\r\n";

/* One event as it is going to be written. */
struct entry {
    const char *uid, *summary, *tzid;
    const char *rest; /* event_busy, event_free or event_cancelled */
    uint32_t sequence;
    struct instant revised;
    icaltimetype start, end;
    bool cancelled;
};

static icaltimetype time_of(struct civil c, const icaltimezone *zone) {
    icaltimetype t = icaltime_null_time();
    t.year = c.date.year;
    t.month = c.date.month;
    t.day = c.date.day;
    t.hour = c.hour;
    t.minute = c.minute;
    t.second = c.second;
    t.zone = zone;
    return t;
}

static icaltimetype time_utc(struct instant t) {
    return time_of(civil_utc(t), icaltimezone_get_utc_timezone());
}

static icaltimetype time_day(struct date d) {
    icaltimetype t = time_of((struct civil){.date = d}, NULL);
    t.is_date = 1;
    return t;
}

/* libical 3.0.16 counts the line's end in: where a line is just full, it folds between CR and LF.
 */
static void mend_fold(char *line) {
    static const char torn[] = "\r\r\n \n";
    const size_t length = strlen(line), torn_length = sizeof(torn) - 1;
    if (length > torn_length && strcmp(line + length - torn_length, torn) == 0) {
        memcpy(line + length - torn_length, "\r\n", sizeof("\r\n"));
    }
}

/* Appends the property's line or lines and frees it. */
static bool add_line(struct text *t, icalproperty *take_property) {
    if (take_property == NULL) {
        return false;
    }
    _cleanup_free_ char *line = icalproperty_as_ical_string_r(take_property);
    icalproperty_free(take_property);
    if (line != NULL) {
        mend_fold(line);
    }
    text_add(t, line != NULL ? line : "");
    return line != NULL;
}

/* libical would write a prefix before the name of a zone it knows, and no TZID at all for a bare
 * time. */
static bool add_time(struct text *t, icalproperty *take_property, const char *tzid) {
    if (take_property != NULL && tzid != NULL) {
        icalproperty_add_parameter(take_property, icalparameter_new_tzid(tzid));
    }
    return add_line(t, take_property);
}

static bool add_summary(struct text *t, const struct entry *entry) {
    char summary[sizeof FEED_CANCELLED_PREFIX + SUMMARY_BYTES_MAX];
    struct text s = TEXT_IN(summary);
    text_add(&s, entry->cancelled ? FEED_CANCELLED_PREFIX : "");
    text_add(&s, entry->summary);
    assert(!s.overflow);
    return add_line(t, icalproperty_new_summary(summary));
}

/* DTSTAMP and LAST-MODIFIED of the event before: a plan's sessions were written at one moment. */
struct stamp {
    struct instant at;
    char lines[128]; /* "": none yet */
};

static bool add_stamp(struct text *t, struct stamp *stamp, struct instant revised) {
    if (*stamp->lines == '\0' || instant_cmp(stamp->at, revised) != 0) {
        struct text lines = TEXT_IN(stamp->lines);
        stamp->at = revised;
        if (!add_line(&lines, icalproperty_new_dtstamp(time_utc(revised))) ||
            !add_line(&lines, icalproperty_new_lastmodified(time_utc(revised))) || lines.overflow) {
            return false;
        }
    }
    text_add(t, stamp->lines);
    return true;
}

/* FEED_EVENT_PROPERTIES properties, in this order. */
static bool add_event(struct text *t, const struct entry *entry, const char *organizer_line,
                      struct stamp *stamp) {
    text_add(t, "BEGIN:VEVENT\r\n");
    bool fine = add_line(t, icalproperty_new_uid(entry->uid)) &&
                add_stamp(t, stamp, entry->revised) &&
                add_line(t, icalproperty_new_sequence((int)entry->sequence)) &&
                add_time(t, icalproperty_new_dtstart(entry->start), entry->tzid) &&
                add_time(t, icalproperty_new_dtend(entry->end), entry->tzid) &&
                add_summary(t, entry);
    text_add(t, entry->rest);
    text_add(t, organizer_line);
    text_add(t, "END:VEVENT\r\n");
    return fine;
}

/* The organizer's line, which libical does not check for line ends: address has passed
 * mailaddr_parse(). */
static bool format_organizer(const char *address, char buffer[FRAME_BYTES_MAX]) {
    char uri[MAILADDR_SIZE + sizeof "mailto:"];
    struct text u = TEXT_IN(uri);
    text_add(&u, "mailto:");
    text_add(&u, address);
    assert(!u.overflow);
    icalproperty *property = icalproperty_new_organizer(uri);
    if (property != NULL) {
        icalproperty_add_parameter(property, icalparameter_new_cn(ORGANIZER_NAME));
    }
    struct text t;
    text_init(&t, buffer, FRAME_BYTES_MAX);
    return add_line(&t, property) && !t.overflow;
}

/* The one line that libical cannot write: it does not escape the values of X- properties (RFC
 * 5545 3.3.11). Folded before an octet would be the 76th, never within a character. */
static void add_x_name(struct text *t, const char *name) {
    size_t octets = strlen("X-WR-CALNAME:");
    text_add(t, "X-WR-CALNAME:");
    while (*name != '\0') {
        const char *from = name;
        (void)utf8_next(&name); /* only for where the next character begins */
        bool escaped = strchr("\\;,", *from) != NULL;
        size_t length = (size_t)(name - from) + (escaped ? 1 : 0);
        if (octets + length > LINE_OCTETS_MAX) {
            text_add(t, "\r\n ");
            octets = 1;
        }
        text_add(t, escaped ? "\\" : "");
        text_add_bytes(t, from, (size_t)(name - from));
        octets += length;
    }
    text_add(t, "\r\n");
}

static bool add_begin(struct text *t, const char *name) {
    text_add(t, calendar_begin);
    bool fine = add_line(t, icalproperty_new_name(name));
    add_x_name(t, name);
    text_add(t, calendar_rest);
    return fine;
}

/* A buffer that holds a calendar of so many events. */
static void open_text(struct text *t, size_t event_count) {
    icalerror_set_errors_are_fatal(0);
    size_t capacity = FRAME_BYTES_MAX + event_count * EVENT_BYTES_MAX;
    char *buffer = malloc(capacity);
    if (buffer == NULL) {
        abort();
    }
    text_init(t, buffer, capacity);
}

/* Readers drop a property of nothing but blanks. */
static bool text_is_fine(const char *text, size_t bytes_max) {
    return text != NULL && text_check(text, strlen(text), bytes_max) == TEXT_FINE &&
           text[strspn(text, " ")] != '\0';
}

/* Letters, digits and hyphens only, so that it needs no escaping and names nobody's host. */
static bool uid_is_fine(const char uid[UID_SIZE]) {
    size_t length = strnlen(uid, UID_SIZE);
    return length == UID_SIZE - 1 && strspn(uid, "0123456789abcdefABCDEF-") == length;
}

static bool event_is_fine(const struct feed_event *event) {
    return uid_is_fine(event->uid) && event->sequence <= INT32_MAX && event->zone != NULL &&
           event->minutes > 0 && event->minutes <= MINUTES_MAX && event->start_at.us >= 0 &&
           event->start_at.us % SECOND_US == 0 && event->revised.us >= 0 &&
           text_is_fine(event->summary, SUMMARY_BYTES_MAX);
}

static int compare_uid(const void *a, const void *b) {
    const struct feed_event *const *x = a, *const *y = b;
    return strcmp((*x)->uid, (*y)->uid);
}

/* Of two events with one UID clients keep one and say nothing. */
static bool uids_are_unique(const struct feed_event *events, size_t count) {
    /* Of pointers, indeed. NOLINTNEXTLINE(bugprone-sizeof-expression) */
    _cleanup_free_ const struct feed_event **sorted = calloc(count + 1, sizeof *sorted);
    if (sorted == NULL) {
        abort();
    }
    for (size_t i = 0; i < count; i++) {
        sorted[i] = &events[i];
    }
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): as above */
    qsort(sorted, count, sizeof *sorted, compare_uid);
    for (size_t i = 1; i < count; i++) {
        if (strcmp(sorted[i - 1]->uid, sorted[i]->uid) == 0) {
            return false;
        }
    }
    return true;
}

static bool calendar_is_fine(const struct feed_calendar *calendar) {
    if (!text_is_fine(calendar->name, NAME_BYTES_MAX) || calendar->event_count > EVENTS_MAX) {
        return false;
    }
    for (size_t i = 0; i < calendar->event_count; i++) {
        if (!event_is_fine(&calendar->events[i])) {
            return false;
        }
    }
    return uids_are_unique(calendar->events, calendar->event_count);
}

static struct instant last_sunday_at_one(int16_t year, uint8_t month) {
    struct date d = {.year = year, .month = month, .day = 31};
    int32_t back = ((int32_t)date_weekday(d) - SUNDAY + WEEKDAY_COUNT) % WEEKDAY_COUNT;
    return instant_from_utc_civil((struct civil){.date = date_add_days(d, -back), .hour = 1});
}

/* Would a reader of london_block come from this wall time to this instant, and to no other? */
static bool block_says(const struct zone *zone, struct civil c, struct instant at) {
    int16_t year = civil_utc(at).date.year;
    bool summer = instant_cmp(at, last_sunday_at_one(year, 3)) >= 0 &&
                  instant_cmp(at, last_sunday_at_one(year, 10)) < 0;
    struct instant by_block = {instant_from_utc_civil(c).us - (summer ? HOUR_US : 0)};
    struct instant by_zone;
    return zone_resolve(zone, c, ZONE_FIRST, &by_zone) == ZONE_UNIQUE &&
           instant_cmp(by_zone, at) == 0 && instant_cmp(by_block, at) == 0;
}

static struct entry entry_of(const struct feed_event *event) {
    struct instant end_at = instant_add(event->start_at, span_minutes(event->minutes));
    struct civil end = zone_civil(event->zone, end_at);
    bool london = strcmp(event->zone->name, "Europe/London") == 0 &&
                  block_says(event->zone, event->start, event->start_at) &&
                  block_says(event->zone, end, end_at);
    return (struct entry){
        .uid = event->uid,
        .summary = event->summary,
        .tzid = london ? "Europe/London" : NULL,
        .rest = event->cancelled ? event_cancelled : event_busy,
        .sequence = event->sequence,
        .revised = event->revised,
        .start = london ? time_of(event->start, NULL) : time_utc(event->start_at),
        .end = london ? time_of(end, NULL) : time_utc(end_at),
        .cancelled = event->cancelled,
    };
}

int feed_write(const struct feed_calendar *calendar, char **ret_text, size_t *ret_length) {
    char address[MAILADDR_SIZE], organizer[FRAME_BYTES_MAX];
    if (mailaddr_parse(calendar->organizer, address) < 0 || !calendar_is_fine(calendar)) {
        return -EINVAL;
    }
    struct stamp stamp = {0};
    struct text t;
    open_text(&t, calendar->event_count);
    _cleanup_free_ char *bytes = t.data;
    if (!format_organizer(address, organizer) || !add_begin(&t, calendar->name)) {
        return -EBADMSG;
    }
    for (size_t i = 0; i < calendar->event_count; i++) {
        struct entry entry = entry_of(&calendar->events[i]);
        if (!add_event(&t, &entry, organizer, &stamp)) {
            return -EBADMSG;
        }
    }
    text_add(&t, calendar_end);
    int r = t.overflow ? -EBADMSG : feed_check(t.data, t.length, calendar);
    if (r < 0) {
        return r;
    }
    *ret_text = take(bytes);
    *ret_length = t.length;
    return 0;
}

int feed_write_withdrawn(const char *organizer, struct date day, struct instant revised,
                         char **ret_text, size_t *ret_length) {
    char address[MAILADDR_SIZE], line[FRAME_BYTES_MAX];
    if (mailaddr_parse(organizer, address) < 0 || !date_valid(day) || revised.us < 0) {
        return -EINVAL;
    }
    struct entry entry = {
        .uid = WITHDRAWN_UID,
        .summary = WITHDRAWN_SUMMARY,
        .rest = event_free,
        .revised = revised,
        .start = time_day(day),
        .end = time_day(date_add_days(day, 1)),
    };
    struct stamp stamp = {0};
    struct text t;
    open_text(&t, 1);
    _cleanup_free_ char *bytes = t.data;
    if (!format_organizer(address, line) || !add_begin(&t, WITHDRAWN_NAME) ||
        !add_event(&t, &entry, line, &stamp)) {
        return -EBADMSG;
    }
    text_add(&t, calendar_end);
    int r = t.overflow ? -EBADMSG : feed_check_withdrawn(t.data, t.length, WITHDRAWN_SUMMARY, day);
    if (r < 0) {
        return r;
    }
    *ret_text = take(bytes);
    *ret_length = t.length;
    return 0;
}
