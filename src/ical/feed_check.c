/* Feed check: reads a finished calendar back before anybody is given it.
 *
 * feed.c has libical write the values; these functions read them without libical, so that a fault
 * of one is seen by the other: content lines are unfolded, taken apart (RFC 5545 3.1) and
 * unescaped, times are resolved through the zone table and compared in UTC. A wrong calendar that
 * is served as good destroys the copies that clients hold, so the answer to any doubt is -EBADMSG.
 *
 * Must never be lenient: this is no reader of calendars from outside. */
#include "feed_check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cobi/base/cleanup.h"
#include "cobi/base/text.h"

#define LINE_OCTETS_MAX   75
#define CONTENT_BYTES_MAX 1024

struct reader {
    const char *at, *end;
    char line[CONTENT_BYTES_MAX]; /* the content line that was read last, unfolded */
    char *value; /* within line: what follows the colon; before it stand name and parameters */
};
/* An event as it was read. Text points nowhere else than into the struct. */
struct seen {
    char uid[UID_SIZE], summary[CONTENT_BYTES_MAX], status[16];
    char stamp[40], modified[40], start[64], end[64], sequence[16];
    uint32_t property_count;
};

/* Length of the physical line at r->at without CR LF, or -EBADMSG. */
static int measure_line(const struct reader *r) {
    const char *stop = memchr(r->at, '\r', (size_t)(r->end - r->at));
    if (stop == NULL || r->end - stop < 2 || stop[1] != '\n' || stop == r->at ||
        stop - r->at > LINE_OCTETS_MAX || !utf8_valid(r->at, (size_t)(stop - r->at))) {
        return -EBADMSG;
    }
    for (const char *p = r->at; p < stop; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7f) {
            return -EBADMSG;
        }
    }
    return (int)(stop - r->at);
}

/* Reads the next content line. Returns 0 or -EBADMSG (also at the end of the text). */
static int read_line(struct reader *r) {
    struct text t = TEXT_IN(r->line);
    size_t skip = 0;
    do {
        int length = measure_line(r);
        if (length < 0) {
            return length;
        }
        text_add_bytes(&t, r->at + skip, (size_t)length - skip);
        r->at += length + 2;
        skip = 1;
    } while (r->at < r->end && *r->at == ' ');
    r->value = strchr(r->line, ':');
    if (t.overflow || r->value == NULL) {
        return -EBADMSG;
    }
    *r->value++ = '\0';
    return 0;
}

static bool line_is(const struct reader *r, const char *name, const char *value) {
    return strcmp(r->line, name) == 0 && strcmp(r->value, value) == 0;
}

/* Undoes the escapes of TEXT in place. Returns 0 or -EBADMSG for one that is unknown or a mark that
 * lacks its escape. */
static int unescape(char *text) {
    char *to = text;
    for (const char *from = text; *from != '\0'; from++) {
        if (*from == ';' || *from == ',') {
            return -EBADMSG;
        }
        if (*from == '\\') {
            from++;
            if (*from == '\0' || strchr("\\;,", *from) == NULL) {
                return -EBADMSG;
            }
        }
        *to++ = *from;
    }
    *to = '\0';
    return 0;
}

static int parse_number(const char *text, size_t digits) {
    int number = 0;
    for (size_t i = 0; i < digits; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return -EBADMSG;
        }
        number = number * 10 + (text[i] - '0');
    }
    return number;
}

/* "YYYYMMDD" */
static int parse_date(const char *text, struct date *ret_date) {
    int year = parse_number(text, 4), month = parse_number(text + 4, 2),
        day = parse_number(text + 6, 2);
    if (year < 0 || month < 0 || day < 0) {
        return -EBADMSG;
    }
    struct date d = {.year = (int16_t)year, .month = (uint8_t)month, .day = (uint8_t)day};
    if (!date_valid(d)) {
        return -EBADMSG;
    }
    *ret_date = d;
    return 0;
}

/* "YYYYMMDDTHHMMSS", then `after` and nothing else. */
static int parse_civil(const char *text, const char *after, struct civil *ret_civil) {
    struct date d;
    if (strlen(text) != 15 + strlen(after) || text[8] != 'T' || strcmp(text + 15, after) != 0 ||
        parse_date(text, &d) < 0) {
        return -EBADMSG;
    }
    int hour = parse_number(text + 9, 2), minute = parse_number(text + 11, 2),
        second = parse_number(text + 13, 2);
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) {
        return -EBADMSG;
    }
    *ret_civil = (struct civil){d, (uint8_t)hour, (uint8_t)minute, (uint8_t)second};
    return 0;
}

/* Is it that instant (its whole second)? text is ":...Z", or ";TZID=ZONE:..." of a time that zone
 * shows once. */
static bool time_is(const char *text, const struct zone *zone, struct instant meant) {
    const char *value = strchr(text, ':');
    struct civil c;
    struct instant t;
    if (value == text) {
        if (parse_civil(value + 1, "Z", &c) < 0) {
            return false;
        }
        t = instant_from_utc_civil(c);
    } else {
        size_t skip = strlen(";TZID=");
        if (value == NULL || strncmp(text, ";TZID=", skip) != 0 || zone == NULL ||
            strlen(zone->name) != (size_t)(value - text) - skip ||
            strncmp(text + skip, zone->name, strlen(zone->name)) != 0 ||
            parse_civil(value + 1, "", &c) < 0 ||
            zone_resolve(zone, c, ZONE_FIRST, &t) != ZONE_UNIQUE) {
            return false;
        }
    }
    return t.us == meant.us - meant.us % SECOND_US;
}

/* Puts one line of an event where it belongs. Every property may occur once. */
static int take_property(struct reader *r, struct seen *seen) {
    const struct {
        const char *name;
        char *to;
        size_t capacity;
        bool escaped, parameters;
    } places[] = {
        {"UID", seen->uid, sizeof seen->uid, true, false},
        {"SUMMARY", seen->summary, sizeof seen->summary, true, false},
        {"STATUS", seen->status, sizeof seen->status, false, false},
        {"SEQUENCE", seen->sequence, sizeof seen->sequence, false, false},
        {"DTSTAMP", seen->stamp, sizeof seen->stamp, false, true},
        {"LAST-MODIFIED", seen->modified, sizeof seen->modified, false, true},
        {"DTSTART", seen->start, sizeof seen->start, false, true},
        {"DTEND", seen->end, sizeof seen->end, false, true},
    };
    seen->property_count++;
    for (size_t i = 0; i < ARRAY_COUNT(places); i++) {
        size_t length = strlen(places[i].name);
        if (strncmp(r->line, places[i].name, length) != 0 ||
            (r->line[length] != '\0' && r->line[length] != ';')) {
            continue;
        }
        struct text t;
        if (places[i].to[0] != '\0' || (places[i].escaped && unescape(r->value) < 0)) {
            return -EBADMSG;
        }
        text_init(&t, places[i].to, places[i].capacity);
        text_add(&t, r->line + length);
        text_add(&t, places[i].parameters ? ":" : "");
        text_add(&t, r->value);
        return t.overflow ? -EBADMSG : 0;
    }
    return 0;
}

/* Reads an event whose BEGIN line was read. */
static int read_event(struct reader *r, struct seen *ret_seen) {
    *ret_seen = (struct seen){0};
    for (;;) {
        int error = read_line(r);
        if (error < 0) {
            return error;
        }
        if (line_is(r, "END", "VEVENT")) {
            return ret_seen->property_count == FEED_EVENT_PROPERTIES ? 0 : -EBADMSG;
        }
        error = take_property(r, ret_seen);
        if (error < 0) {
            return error;
        }
    }
}

static bool summary_is(const char *summary, const struct feed_event *event) {
    size_t skip = event->cancelled ? strlen(FEED_CANCELLED_PREFIX) : 0;
    return strncmp(summary, FEED_CANCELLED_PREFIX, skip) == 0 &&
           strcmp(summary + skip, event->summary) == 0;
}

static bool event_is(const struct seen *seen, const struct feed_event *event) {
    char sequence[16];
    struct text t = TEXT_IN(sequence);
    text_addf(&t, "%u", event->sequence);
    struct instant end_at = instant_add(event->start_at, span_minutes(event->minutes));
    return strcmp(seen->uid, event->uid) == 0 && strcmp(seen->sequence, sequence) == 0 &&
           strcmp(seen->status, event->cancelled ? "CANCELLED" : "CONFIRMED") == 0 &&
           time_is(seen->stamp, NULL, event->revised) &&
           time_is(seen->modified, NULL, event->revised) &&
           time_is(seen->start, event->zone, event->start_at) &&
           time_is(seen->end, event->zone, end_at) && summary_is(seen->summary, event);
}

/* Reads on to the first event, or the end, by way of the calendar's name. */
static int read_head(struct reader *r, const char *name) {
    bool named = false;
    int error = read_line(r);
    if (error < 0 || !line_is(r, "BEGIN", "VCALENDAR")) {
        return -EBADMSG;
    }
    do {
        error = read_line(r);
        if (error < 0) {
            return error;
        }
        if (strcmp(r->line, "NAME") == 0 || strcmp(r->line, "X-WR-CALNAME") == 0) {
            if (unescape(r->value) < 0 || (name != NULL && strcmp(r->value, name) != 0)) {
                return -EBADMSG;
            }
            named = true;
        }
    } while (!line_is(r, "BEGIN", "VEVENT") && !line_is(r, "END", "VCALENDAR"));
    return named ? 0 : -EBADMSG;
}

/* After the last event: the end of the calendar and of the text. */
static int read_end(const struct reader *r) {
    return line_is(r, "END", "VCALENDAR") && r->at == r->end ? 0 : -EBADMSG;
}

int feed_check(const char *text, size_t length, const struct feed_calendar *calendar) {
    struct reader r = {.at = text, .end = text + length};
    int error = read_head(&r, calendar->name);
    for (size_t i = 0; error == 0 && i < calendar->event_count; i++) {
        struct seen seen;
        if (!line_is(&r, "BEGIN", "VEVENT") || read_event(&r, &seen) < 0 ||
            !event_is(&seen, &calendar->events[i])) {
            return -EBADMSG;
        }
        error = read_line(&r);
    }
    return error < 0 ? error : read_end(&r);
}

int feed_check_withdrawn(const char *text, size_t length, const char *summary, struct date day) {
    struct reader r = {.at = text, .end = text + length};
    struct seen seen;
    struct date start, end;
    size_t skip = strlen(";VALUE=DATE:");
    int error = read_head(&r, NULL);
    if (error < 0 || !line_is(&r, "BEGIN", "VEVENT") || read_event(&r, &seen) < 0) {
        return -EBADMSG;
    }
    if (strcmp(seen.summary, summary) != 0 || strlen(seen.start) != skip + 8 ||
        strlen(seen.end) != skip + 8 || strncmp(seen.start, ";VALUE=DATE:", skip) != 0 ||
        strncmp(seen.end, ";VALUE=DATE:", skip) != 0 || parse_date(seen.start + skip, &start) < 0 ||
        parse_date(seen.end + skip, &end) < 0 || date_cmp(start, day) != 0 ||
        date_cmp(end, date_add_days(day, 1)) != 0) {
        return -EBADMSG;
    }
    error = read_line(&r);
    return error < 0 ? error : read_end(&r);
}
