/* Feed: golden files, byte by byte; the rules of RFC 5545 on random texts; a second reader; values
 * that must not pass. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <libical/ical.h>

#include "../../src/ical/feed_check.h"
#include "cobi/base/cleanup.h"
#include "cobi/base/text.h"
#include "cobi/ical/feed.h"
#include "cobi/ical/zones.h"
#include "seed.h"

#define EVENTS_MAX 400
#define ORGANIZER  "No-Reply@Sessions.example"

static struct zones *zones;
static struct feed_event events[EVENTS_MAX];

static int open_zones(void **state) {
    (void)state;
    return zones_open(&zones);
}

static int close_zones(void **state) {
    (void)state;
    zones_free(zones);
    return 0;
}

static struct instant at(const char *text) {
    struct instant t;
    assert_int_equal(instant_from_text(text, &t), 0);
    return t;
}

static struct feed_event event(unsigned number, const char *zone, const char *start,
                               uint32_t minutes) {
    struct feed_event e = {
        .revised = at("2026-09-03T10:15:00Z"),
        .minutes = minutes,
        .zone = zones_find(zones, zone),
        .summary = "Session 1 of 12 · ref K7Q2",
    };
    struct text uid = TEXT_IN(e.uid);
    text_addf(&uid, "6f1de0e4-77c0-4a01-8c01-b1f0c5d2%04u", number);
    assert_non_null(e.zone);
    assert_int_equal(civil_from_text(start, &e.start), 0);
    (void)zone_resolve(e.zone, e.start, ZONE_FIRST,
                       &e.start_at); /* some of them have no unique instant on purpose */
    return e;
}

static char *read_data(const char *name, size_t *ret_length) {
    char path[4096];
    struct text t = TEXT_IN(path);
    const char *top = getenv("top_srcdir");
    text_addf(&t, "%s/tests/data/%s", top != NULL ? top : ".", name);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    char *bytes = calloc(1, 65536);
    assert_non_null(bytes);
    *ret_length = fread(bytes, 1, 65535, f);
    assert_int_equal(fclose(f), 0);
    return bytes;
}

static void assert_golden(const char *text, size_t length, const char *name) {
    size_t golden_length;
    char *golden = read_data(name, &golden_length);
    assert_string_equal(text, golden);
    assert_int_equal(length, golden_length);
    free(golden);
}

static struct feed_calendar seven_events(void) {
    events[0] = event(1, "Europe/London", "2026-07-06 11:00", 120);
    events[1] = event(2, "Europe/London", "2026-10-24 09:30", 120);
    events[1].sequence = 2;
    events[1].summary = "Session 2 of 12 · ref K7Q2";
    events[2] = event(3, "Europe/London", "2026-10-25 01:30", 90); /* occurs twice: the first */
    events[2].summary = "Session 3 of 12 · ref K7Q2";
    events[3] = event(4, "Europe/London", "2026-10-26 09:30", 60);
    events[3].summary = "Session 4 of 12 · ref K7Q2";
    events[3].cancelled = true;
    events[3].sequence = 3;
    events[3].revised = at("2026-09-04T08:00:00Z");
    events[4] = event(5, "Europe/London", "2027-03-28 01:30", 120); /* does not exist */
    events[4].summary = "Session 5 of 12 · ref K7Q2";
    events[5] = event(6, "Europe/Paris", "2027-07-05 10:00", 60);
    events[5].summary = "Back\\slash, semi; colon: \"quotes\"";
    events[5].sequence = 1;
    events[6] = event(7, "Europe/London", "2027-12-06 09:00", 150);
    events[6].summary =
        "Åppöintment with a name that is a good deal longer than one line of seventy-five "
        "octets – ‐ ✓";
    return (struct feed_calendar){"Sessions – North team, Leeds", ORGANIZER, events, 7};
}

static void test_golden(void **state) {
    (void)state;
    struct feed_calendar calendar = seven_events();
    char *text = NULL;
    size_t length = 0;
    assert_int_equal(feed_write(&calendar, &text, &length), 0);
    assert_golden(text, length, "feed.ics");
    free(text);
    calendar = (struct feed_calendar){.name = "Appointments", .organizer = ORGANIZER};
    assert_int_equal(feed_write(&calendar, &text, &length), 0);
    assert_golden(text, length, "feed-empty.ics");
    free(text);
    assert_int_equal(feed_write_withdrawn(ORGANIZER, (struct date){2026, 10, 5},
                                          at("2026-10-05T08:00:00Z"), &text, &length),
                     0);
    assert_golden(text, length, "feed-withdrawn.ics");
    free(text);
}

/* Equal input, equal bytes: else no ETag would ever match. */
static void test_stable(void **state) {
    (void)state;
    struct feed_calendar calendar = seven_events();
    char *first = NULL, *second = NULL;
    size_t first_length = 0, second_length = 0;
    assert_int_equal(feed_write(&calendar, &first, &first_length), 0);
    assert_int_equal(setenv("TZ", "America/New_York", 1), 0);
    assert_int_equal(feed_write(&calendar, &second, &second_length), 0);
    assert_int_equal(first_length, second_length);
    assert_memory_equal(first, second, first_length);
    free(first);
    free(second);
}

static void refuse(const struct feed_calendar *calendar, const char *why) {
    char sentinel, *text = &sentinel;
    size_t length = 4711;
    print_message("refused: %s\n", why);
    assert_int_equal(feed_write(calendar, &text, &length), -EINVAL);
    assert_ptr_equal(text, &sentinel);
    assert_int_equal(length, 4711);
}

static void test_refused_calendar(void **state) {
    (void)state;
    static const char *const organizers[] = {
        "",
        "office",
        "a@b.example\r\nATTENDEE:mailto:x@y.example",
        "a@b.example\nX",
        "<a@b.example>",
        "a b@c.example",
    };
    static const char *const names[] = {
        "", "  ", "Two\nlines", "Two\r\nX-A:lines", "bell\a", "\xff", "right\xe2\x80\xaeleft"};
    for (size_t i = 0; i < ARRAY_COUNT(organizers); i++) {
        struct feed_calendar calendar = seven_events();
        calendar.organizer = organizers[i];
        refuse(&calendar, "organizer");
        char *text = NULL;
        size_t length;
        assert_int_equal(feed_write_withdrawn(organizers[i], (struct date){2026, 10, 5},
                                              (struct instant){0}, &text, &length),
                         -EINVAL);
        assert_null(text);
    }
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        struct feed_calendar calendar = seven_events();
        calendar.name = names[i];
        refuse(&calendar, "name");
    }
}

static void test_refused_event(void **state) {
    (void)state;
    static const char *const summaries[] = {"",      " ",    "Two\nlines", "Two\r\nATTENDEE:x",
                                            "tab\t", "\xc3", "esc\x1b",    NULL};
    struct feed_calendar calendar = seven_events();
    for (size_t i = 0; i < ARRAY_COUNT(summaries); i++) {
        events[3].summary = summaries[i];
        refuse(&calendar, "summary");
    }
    calendar = seven_events();
    memcpy(events[3].uid, events[0].uid, UID_SIZE);
    refuse(&calendar, "the same UID twice");
    calendar = seven_events();
    memcpy(events[3].uid, "6f1de0e4-77c0-4a01-8c01-b1f0c5d2000\n", UID_SIZE);
    refuse(&calendar, "UID");
    calendar = seven_events();
    events[3].uid[5] = '\0';
    refuse(&calendar, "short UID");
    calendar = seven_events();
    events[3].minutes = 0;
    refuse(&calendar, "no length");
    calendar = seven_events();
    events[3].start_at = INSTANT_NEVER;
    refuse(&calendar, "no start");
    calendar = seven_events();
    events[3].sequence = UINT32_MAX;
    refuse(&calendar, "sequence");
}

/* RFC 5545 3.1 on the bytes themselves. */
static void assert_lines(const char *text, size_t length) {
    size_t line = 0;
    assert_int_equal(strlen(text), length);
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\r') {
            assert_int_equal(text[i + 1], '\n');
            assert_in_range(i - line, 1, 75);
            assert_true(utf8_valid(text + line, i - line)); /* no character was split */
            i++;
            line = i + 1;
        } else {
            assert_true((unsigned char)text[i] >= 0x20);
        }
    }
    assert_int_equal(line, length);
}

static const char *property_text(icalcomponent *c, icalproperty_kind kind) {
    icalproperty *property = icalcomponent_get_first_property(c, kind);
    assert_non_null(property);
    return icalvalue_get_text(icalproperty_get_value(property));
}

/* libical as a client: it resolves TZID by the calendar's own VTIMEZONE. */
static void assert_reads_back(const char *text, const struct feed_calendar *calendar) {
    icalcomponent *root = icalparser_parse_string(text);
    assert_non_null(root);
    assert_int_equal(icalcomponent_count_errors(root), 0);
    assert_string_equal(property_text(root, ICAL_NAME_PROPERTY), calendar->name);
    assert_int_equal(icalcomponent_count_components(root, ICAL_VEVENT_COMPONENT),
                     calendar->event_count);
    icalcompiter iterator = icalcomponent_begin_component(root, ICAL_VEVENT_COMPONENT);
    for (size_t i = 0; i < calendar->event_count; i++) {
        const struct feed_event *e = &calendar->events[i];
        icalcomponent *c = icalcompiter_deref(&iterator);
        icaltimetype start = icalcomponent_get_dtstart(c), end = icalcomponent_get_dtend(c);
        const char *summary = icalcomponent_get_summary(c);
        int64_t start_s = e->start_at.us / SECOND_US;
        assert_non_null(start.zone);
        assert_int_equal(icaltime_as_timet_with_zone(start, start.zone), start_s);
        assert_int_equal(icaltime_as_timet_with_zone(end, end.zone),
                         start_s + (int64_t)e->minutes * 60);
        assert_string_equal(icalcomponent_get_uid(c), e->uid);
        assert_int_equal(icalcomponent_get_sequence(c), e->sequence);
        assert_string_equal(summary + (e->cancelled ? strlen("Cancelled: ") : 0), e->summary);
        (void)icalcompiter_next(&iterator); /* looked at in the next turn */
    }
    icalcomponent_free(root);
}

/* A line that is full to the last octet is folded once more, and not through its own end. */
static void test_every_length(void **state) {
    (void)state;
    for (size_t length = 1; length < 200; length++) {
        char summary[201] = "";
        memset(summary, 'x', length);
        events[0] = event(1, "Europe/London", "2026-07-06 11:00", 120);
        events[0].summary = summary;
        struct feed_calendar calendar = {"Sessions", ORGANIZER, events, 1};
        char *text = NULL;
        size_t text_length = 0;
        assert_int_equal(feed_write(&calendar, &text, &text_length), 0);
        assert_lines(text, text_length);
        assert_reads_back(text, &calendar);
        free(text);
    }
}

static void random_text(uint64_t *seed, char *buffer, size_t capacity) {
    static const char *const pieces[] = {"a", "Q",  "7", " ", ",", ";", "\\",
                                         ":", "\"", "é", "ŵ", "–", "✓", "\xf0\x9f\x99\x82",
                                         "n", "^",  "%"};
    struct text t;
    text_init(&t, buffer, capacity - (size_t)seed_between(seed, 1, (int64_t)capacity - 8));
    text_add(&t, "x");    /* never empty */
    while (!t.overflow) { /* what does not fit any more is left out */
        text_add(&t, pieces[seed_next(seed) % ARRAY_COUNT(pieces)]);
    }
    size_t length = strlen(buffer); /* libical drops a space at the end when it reads */
    buffer[length - 1] = buffer[length - 1] == ' ' ? '.' : buffer[length - 1];
}

static void test_random(void **state) {
    (void)state;
    static char summaries[12][200];
    static const char *const names[] = {"Europe/London", "Europe/London", "Europe/London",
                                        "America/New_York"};
    uint64_t seed = seed_init("test_random");
    for (int n = 0; n < 150; n++) {
        char name[240];
        struct feed_calendar calendar = {name, ORGANIZER, events, ARRAY_COUNT(summaries)};
        random_text(&seed, name, sizeof name);
        for (size_t i = 0; i < ARRAY_COUNT(summaries); i++) {
            random_text(&seed, summaries[i], sizeof summaries[i]);
            events[i] = event((unsigned)i, "Europe/London", "2026-01-01 00:00",
                              (uint32_t)seed_between(&seed, 1, 1440));
            events[i].zone = zones_find(zones, names[seed_next(&seed) % ARRAY_COUNT(names)]);
            events[i].start_at.us = seed_between(&seed, 28000000, 47000000) *
                                    MINUTE_US; /* 2023 to 2059 */
            events[i].start = zone_civil(events[i].zone, events[i].start_at);
            events[i].sequence = (uint32_t)seed_between(&seed, 0, 9);
            events[i].cancelled = seed_next(&seed) % 4 == 0;
            events[i].summary = summaries[i];
        }
        char *text = NULL;
        size_t length = 0;
        assert_int_equal(feed_write(&calendar, &text, &length), 0);
        assert_lines(text, length);
        assert_reads_back(text, &calendar);
        free(text);
    }
}

/* Every wall time near both nights, in steps of ten minutes: what clients compute is what was
 * meant. */
static void test_both_nights(void **state) {
    (void)state;
    static const char *const nights[] = {"2026-10-24T22:00:00Z", "2027-03-27T22:00:00Z"};
    for (size_t k = 0; k < ARRAY_COUNT(nights); k++) {
        for (unsigned i = 0; i < 36; i++) {
            events[i] = event(i, "Europe/London", "2026-01-01 00:00", 60);
            events[i].start_at = instant_add(at(nights[k]), span_minutes(10 * (int64_t)i));
            events[i].start = zone_civil(events[i].zone, events[i].start_at);
        }
        struct feed_calendar calendar = {"Nights", ORGANIZER, events, 36};
        char *text = NULL;
        size_t length = 0;
        assert_int_equal(feed_write(&calendar, &text, &length), 0);
        assert_reads_back(text, &calendar);
        assert_null(strstr(text, "DTSTART;TZID=Europe/London:20261025T01"));
        assert_null(strstr(text, "DTSTART;TZID=Europe/London:20270328T01"));
        free(text);
    }
}

/* What must never be in a feed. */
static void test_never(void **state) {
    (void)state;
    static const char *const words[] = {
        "VALARM",  "ATTENDEE", "DESCRIPTION",     "LOCATION", "URL",    "CONTACT", "CATEGORIES",
        "COMMENT", "obid",     "freeassociation", "X-LIC",    "SOURCE", "RDATE",   "OBI"};
    struct feed_calendar calendar = seven_events();
    char *text = NULL;
    size_t length = 0;
    assert_int_equal(feed_write(&calendar, &text, &length), 0);
    for (size_t i = 0; i < ARRAY_COUNT(words); i++) {
        assert_null(strstr(text, words[i]));
    }
    assert_null(strstr(strstr(text, "BEGIN:VEVENT"), "RRULE"));
    free(text);
}

/* The reader that stands between a wrong calendar and the clients. */
static void test_check_sees_faults(void **state) {
    (void)state;
    static const struct {
        const char *from, *to;
    } rows[] = {
        {"DTSTART;TZID=Europe/London:20260706T110000",
         "DTSTART;TZID=Europe/London:20260706T100000"},
        {"DTSTART;TZID=Europe/London:20260706T110000", "DTSTART:20260706T110000Z"},
        {"DTSTART;TZID=Europe/London:20260706T110000", "DTSTART:20260706T110000"},
        {"DTSTART;TZID=Europe/London:20260706T110000",
         "DTSTART;TZID=/x/Europe/London:20260706T110000"},
        {"DTSTART:20261025T003000Z", "DTSTART;TZID=Europe/London:20261025T013000"},
        {"DTEND;TZID=Europe/London:20260706T130000", "DTEND;TZID=Europe/London:20260706T130001"},
        {"DTSTAMP:20260904T080000Z", "DTSTAMP:20260904T080001Z"},
        {"SEQUENCE:3", "SEQUENCE:-3"},
        {"STATUS:CANCELLED", "STATUS:CONFIRMED"},
        {"SUMMARY:Cancelled: ", "SUMMARY:"},
        {"Back\\\\slash\\, semi", "Back\\\\slash, semi"},
        {"CLASS:PRIVATE\r\n", ""},
        {"CLASS:PRIVATE\r\n", "CLASS:PRIVATE\r\nX-A:b\r\n"},
        {"CLASS:PRIVATE\r\n", "CLASS:PRIVATE\n"},
        {"CLASS:PRIVATE\r\n", "CLASS:PRIVATE\r\n\r\n"},
        {"CLASS:PRIVATE", "CLASS:PRIV\tATE"},
        {"UID:6f1de0e4-77c0-4a01-8c01-b1f0c5d20004", "UID:6f1de0e4-77c0-4a01-8c01-b1f0c5d20009"},
        {"\nNAME:Sessions", "\nNAME:Other"},
        {"X-WR-CALNAME:Sessions", "X-WR-CALNAME:Other"},
        {"with a name that", "with a name much too long for one line that"},
        {"END:VCALENDAR\r\n", ""},
        {"END:VCALENDAR\r\n", "END:VCALENDAR\r\nBEGIN:VCALENDAR\r\n"},
        {"BEGIN:VCALENDAR", "\xef\xbb\xbf"
                            "BEGIN:VCALENDAR"},
    };
    struct feed_calendar calendar = seven_events();
    char *text = NULL;
    size_t length = 0;
    assert_int_equal(feed_write(&calendar, &text, &length), 0);
    assert_int_equal(feed_check(text, length, &calendar), 0);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char copy[8192];
        struct text t = TEXT_IN(copy);
        const char *place = strstr(text, rows[i].from);
        assert_non_null(place);
        text_add_bytes(&t, text, (size_t)(place - text));
        text_add(&t, rows[i].to);
        text_add(&t, place + strlen(rows[i].from));
        assert_false(t.overflow);
        print_message("%s -> %s\n", rows[i].from, rows[i].to);
        assert_int_equal(feed_check(copy, t.length, &calendar), -EBADMSG);
    }
    for (size_t cut = 0; cut < length; cut += 7) {
        assert_int_equal(feed_check(text, cut, &calendar), -EBADMSG);
    }
    calendar.event_count--; /* one event too many in the text */
    assert_int_equal(feed_check(text, length, &calendar), -EBADMSG);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_stable),
        cmocka_unit_test(test_refused_calendar),
        cmocka_unit_test(test_refused_event),
        cmocka_unit_test(test_every_length),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_both_nights),
        cmocka_unit_test(test_never),
        cmocka_unit_test(test_check_sees_faults),
    };
    return cmocka_run_group_tests(tests, open_zones, close_zones);
}
