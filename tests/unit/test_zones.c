/* Zones: tables loaded from the system's data, against instants computed elsewhere and against the
 * C library. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "cobi/base/cleanup.h"
#include "cobi/ical/zones.h"
#include "seed.h"

static int open_zones(void **state) {
    struct zones *zones = NULL;
    int r = zones_open(&zones);
    *state = zones;
    return r;
}

static int close_zones(void **state) {
    zones_free(*state);
    return 0;
}

static struct instant at(const char *text) {
    struct instant t;
    assert_int_equal(instant_from_text(text, &t), 0);
    return t;
}

/* Winter hides the fault of being an hour off; summer mornings and both nights of change show it.
 */
static void test_wall_clock(void **state) {
    static const struct {
        const char *zone, *instant, *civil;
    } rows[] = {
        {"Europe/London", "2026-01-06T10:00:00Z", "2026-01-06T10:00"},
        {"Europe/London", "2026-07-06T10:00:00Z", "2026-07-06T11:00"},
        {"Europe/London", "2026-03-29T00:59:59Z", "2026-03-29T00:59"},
        {"Europe/London", "2026-03-29T01:00:00Z", "2026-03-29T02:00"},
        {"Europe/London", "2026-10-25T00:59:59Z", "2026-10-25T01:59"},
        {"Europe/London", "2026-10-25T01:00:00Z", "2026-10-25T01:00"},
        {"Europe/London", "2027-03-28T00:59:59Z", "2027-03-28T00:59"},
        {"Europe/London", "2027-03-28T01:00:00Z", "2027-03-28T02:00"},
        {"Europe/London", "2027-10-31T01:00:00Z", "2027-10-31T01:00"},
        {"Europe/London", "2099-07-01T12:00:00Z", "2099-07-01T13:00"},
        {"Europe/Dublin", "2026-07-06T10:00:00Z", "2026-07-06T11:00"},
        {"America/New_York", "2026-03-08T06:59:59Z", "2026-03-08T01:59"},
        {"America/New_York", "2026-03-08T07:00:00Z", "2026-03-08T03:00"},
        {"Asia/Kathmandu", "2026-05-05T00:00:00Z", "2026-05-05T05:45"},
        {"Australia/Lord_Howe", "2026-10-03T15:30:00Z", "2026-10-04T02:30"},
        {"UTC", "2026-07-06T10:00:00Z", "2026-07-06T10:00"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        const struct zone *zone = zones_find(*state, rows[i].zone);
        char text[CIVIL_TEXT_SIZE];
        assert_non_null(zone);
        civil_to_text(zone_civil(zone, at(rows[i].instant)), text);
        assert_string_equal(text, rows[i].civil);
    }
}

static void test_resolve(void **state) {
    static const struct {
        const char *civil;
        enum zone_overlap_policy policy;
        enum zone_fit fit;
        const char *instant;
    } rows[] = {
        {"2026-07-06 11:00", ZONE_FIRST, ZONE_UNIQUE, "2026-07-06T10:00:00Z"},
        {"2026-12-07 11:00", ZONE_FIRST, ZONE_UNIQUE, "2026-12-07T11:00:00Z"},
        {"2027-03-28 00:59", ZONE_FIRST, ZONE_UNIQUE, "2027-03-28T00:59:00Z"},
        {"2027-03-28 01:30", ZONE_FIRST, ZONE_GAP, "2027-03-28T01:30:00Z"},
        {"2027-03-28 02:00", ZONE_FIRST, ZONE_UNIQUE, "2027-03-28T01:00:00Z"},
        {"2026-10-25 00:59", ZONE_FIRST, ZONE_UNIQUE, "2026-10-24T23:59:00Z"},
        {"2026-10-25 01:30", ZONE_FIRST, ZONE_OVERLAP, "2026-10-25T00:30:00Z"},
        {"2026-10-25 01:30", ZONE_SECOND, ZONE_OVERLAP, "2026-10-25T01:30:00Z"},
        {"2026-10-25 02:00", ZONE_FIRST, ZONE_UNIQUE, "2026-10-25T02:00:00Z"},
    };
    const struct zone *london = zones_find(*state, "Europe/London");
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct civil c;
        struct instant t;
        assert_int_equal(civil_from_text(rows[i].civil, &c), 0);
        assert_int_equal(zone_resolve(london, c, rows[i].policy, &t), rows[i].fit);
        assert_int_equal(t.us, at(rows[i].instant).us);
    }
}

static void test_table(void **state) {
    const struct zone *london = zones_find(*state, "Europe/London");
    assert_string_equal(london->name, "Europe/London");
    assert_int_equal(london->offset_before_s, 0);
    assert_int_equal(london->transition_count, 222); /* two a year, 1990 to 2100 */
    for (uint32_t i = 1; i < london->transition_count; i++) {
        assert_true(london->transitions[i - 1].at.us < london->transitions[i].at.us);
        assert_int_not_equal(london->transitions[i - 1].offset_s, london->transitions[i].offset_s);
    }
    assert_ptr_equal(london, zones_find(*state, "Europe/London"));
}

static void test_no_such_zone(void **state) {
    static const char *const names[] = {
        "",
        "Nowhere/City",
        "europe/london",
        "Europe",
        "Europe/London/",
        "Europe//London",
        "/usr/share/zoneinfo/Europe/London",
        "../zoneinfo/Europe/London",
        "Europe/../Europe/London",
        "zone.tab",
        "posixrules",
        "right/Europe/London",
        "Europe/London\n",
        "Europe/Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch",
    };
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        assert_null(zones_find(*state, names[i]));
        assert_false(zones_known(names[i]));
    }
    assert_non_null(zones_find(*state, "Europe/London"));
    assert_true(zones_known("Europe/London"));
    assert_true(zones_known("UTC"));
}

/* A second reader of the same data: glibc. */
static void test_against_c_library(void **state) {
    static const char *const names[] = {"Europe/London",     "Europe/Dublin",   "America/New_York",
                                        "Africa/Casablanca", "Pacific/Chatham", "Asia/Gaza"};
    uint64_t seed = seed_init("test_against_c_library");
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        const struct zone *zone = zones_find(*state, names[i]);
        assert_non_null(zone);
        assert_int_equal(setenv("TZ", names[i], 1), 0);
        tzset();
        for (int n = 0; n < 3000; n++) {
            time_t seconds = seed_between(&seed, 1704067200, 2144000000); /* 2024 to 2037 */
            struct tm tm;
            struct civil c = zone_civil(zone, (struct instant){(int64_t)seconds * SECOND_US});
            assert_non_null(localtime_r(&seconds, &tm));
            assert_int_equal(c.date.year, tm.tm_year + 1900);
            assert_int_equal(c.date.month, tm.tm_mon + 1);
            assert_int_equal(c.date.day, tm.tm_mday);
            assert_int_equal(c.hour, tm.tm_hour);
            assert_int_equal(c.minute, tm.tm_min);
            assert_int_equal(c.second, tm.tm_sec);
        }
    }
}

/* The store of another simulator may be closed while this one goes on. */
static void test_two_sets(void **state) {
    struct zones *other = NULL;
    assert_int_equal(zones_open(&other), 0);
    zones_free(other);
    const struct zone *paris = zones_find(*state, "Europe/Paris");
    assert_non_null(paris);
    assert_int_equal(zone_offset_s(paris, at("2026-07-06T10:00:00Z")), 7200);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wall_clock),
        cmocka_unit_test(test_resolve),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_no_such_zone),
        cmocka_unit_test(test_against_c_library),
        cmocka_unit_test(test_two_sets),
    };
    return cmocka_run_group_tests(tests, open_zones, close_zones);
}
