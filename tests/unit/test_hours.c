/* Weekly hours as text and back, holidays, and working time over weekends, holidays and both nights
 * of the change. */
#include "cobi/base/cleanup.h"
#include "cobi/rules/hours.h"
#include "seed.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct zone london = {
    .name = "Europe/London",
    .transition_count = 4,
    .transitions = {{{1774746000 * SECOND_US}, 3600}, /* 2026-03-29T01:00Z */
                    {{1792890000 * SECOND_US}, 0},    /* 2026-10-25T01:00Z */
                    {{1806195600 * SECOND_US}, 3600}, /* 2027-03-28T01:00Z */
                    {{1824944400 * SECOND_US}, 0}},   /* 2027-10-31T01:00Z */
};
static const struct holidays holidays = {
    .count = 3,
    .last = {2026, 12, 28},
    .days = {{{2026, 4, 3}, "Good Friday"},
             {{2026, 4, 6}, "Easter Monday"},
             {{2026, 12, 28}, "Boxing Day"}},
};

static void test_texts(void **state) {
    (void)state;
    static const struct {
        const char *text, *canonical; /* NULL: refused */
    } rows[] = {
        {"", ""},
        {"  ", ""},
        {"Mon-Fri 09:00-17:00", "Mon-Fri 09:00-17:00"},
        {"Mon-Fri 09:00-17:00, Sat 10:00-13:00", "Mon-Fri 09:00-17:00, Sat 10:00-13:00"},
        {"Mon-Fri 09:00-17:00; Sat 10:00-13:00", "Mon-Fri 09:00-17:00, Sat 10:00-13:00"},
        {"sat 10:00-13:00,MON-fri 9:00-17:00", "Mon-Fri 09:00-17:00, Sat 10:00-13:00"},
        {"Mon 09:00-12:00, Mon 11:00-15:00", "Mon 09:00-15:00"},
        {"Mon 09:00-12:00, Mon 12:00-15:00", "Mon 09:00-15:00"},
        {"Mon 13:00-15:00, Mon 09:00-12:00", "Mon 09:00-12:00, Mon 13:00-15:00"},
        {"Mon-Fri 09:00-12:00, Mon-Fri 13:00-17:00", "Mon-Fri 09:00-12:00, Mon-Fri 13:00-17:00"},
        {"Mon-Fri 09:00-17:00, Wed 08:00-09:00",
         "Mon-Tue 09:00-17:00, Wed 08:00-17:00, Thu-Fri 09:00-17:00"},
        {"Fri-Mon 10:00-12:00", "Mon 10:00-12:00, Fri-Sun 10:00-12:00"},
        {"Sun 00:00-24:00", "Sun 00:00-24:00"},
        {" Tue  09:00 - 10:30 ", "Tue 09:00-10:30"},
        {"Mon - Tue 09:00-10:00", "Mon-Tue 09:00-10:00"},
        {"Mon", NULL},
        {"Mon,Wed 09:00-12:00", NULL},
        {"09:00-17:00", NULL},
        {"Mon 09:00", NULL},
        {"Mon 09:00-", NULL},
        {"Mon 17:00-09:00", NULL},
        {"Mon 09:00-09:00", NULL},
        {"Mon 09:00-24:01", NULL},
        {"Mon 24:00-24:00", NULL},
        {"Mon 09:60-10:00", NULL},
        {"Mon 9-17", NULL},
        {"Mon 09:00-17:000", NULL},
        {"Mon 009:00-17:00", NULL},
        {"Monday 09:00-17:00", NULL},
        {"Mun 09:00-17:00", NULL},
        {"Mon 09:00-17:00,", NULL},
        {"Mon 09:00-17:00 Sat 10:00-12:00", NULL},
        {",", NULL},
        {"Mon-Fri09:00-17:00", NULL},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char buffer[HOURS_TEXT_SIZE];
        struct hours hours = {.count = 99};
        int result = hours_parse(rows[i].text, &hours);
        if (rows[i].canonical == NULL) {
            if (result != -EINVAL || hours.count != 99) {
                fail_msg("\"%s\" was taken, or the output was touched", rows[i].text);
            }
            continue;
        }
        if (result != 0) {
            fail_msg("\"%s\" was refused", rows[i].text);
        }
        hours_to_text(&hours, buffer);
        assert_string_equal(buffer, rows[i].canonical);
    }
}

/* 28 separate times fit; the 29th is refused; the longest text fits its buffer. */
static void test_limits(void **state) {
    (void)state;
    char text[800] = "", buffer[HOURS_TEXT_SIZE];
    size_t length = 0;
    struct hours hours, again;
    for (int day = 0; day < WEEKDAY_COUNT; day++) {
        for (int hour = 0; hour < 4; hour++) {
            length += (size_t)snprintf(text + length, sizeof text - length,
                                       "%s%s %02d:%02d-%02d:00", length > 0 ? ", " : "",
                                       weekday_to_text((enum weekday)day), 10 + 2 * hour, day,
                                       11 + 2 * hour);
        }
    }
    assert_int_equal(hours_parse(text, &hours), 0);
    assert_int_equal(hours.count, HOURS_MAX);
    hours_to_text(&hours, buffer);
    assert_string_equal(buffer, text);
    snprintf(text + length, sizeof text - length, ", Sun 20:00-21:00");
    again.count = 77;
    assert_int_equal(hours_parse(text, &again), -E2BIG);
    assert_int_equal(again.count, 77);
}

/* Any hours survive their text; contain and touch agree with a look at each minute. */
static void test_random_hours(void **state) {
    (void)state;
    uint64_t seed = seed_init("test_random_hours");
    for (int round = 0; round < 300; round++) {
        char text[400] = "", buffer[HOURS_TEXT_SIZE], again_buffer[HOURS_TEXT_SIZE];
        static bool covered[WEEKDAY_COUNT][1440];
        size_t length = 0;
        struct hours hours, again;
        memset(covered, 0, sizeof covered);
        for (int64_t entries = seed_between(&seed, 1, 6); entries > 0; entries--) {
            int64_t day = seed_between(&seed, 0, 6), from = seed_between(&seed, 0, 1439);
            int64_t to = seed_between(&seed, from + 1, 1440);
            length += (size_t)snprintf(text + length, sizeof text - length,
                                       "%s%s %02d:%02d-%02d:%02d", length > 0 ? "; " : "",
                                       weekday_to_text((enum weekday)day), (int)from / 60,
                                       (int)from % 60, (int)to / 60, (int)to % 60);
            memset(&covered[day][from], 1, (size_t)(to - from));
        }
        assert_int_equal(hours_parse(text, &hours), 0);
        hours_to_text(&hours, buffer);
        assert_int_equal(hours_parse(buffer, &again), 0);
        hours_to_text(&again, again_buffer);
        assert_string_equal(buffer, again_buffer);
        assert_true(hours_equal(&hours, &again));
        struct hours_interval *one = &again.intervals[again.count - 1];
        one->to_minute--;
        assert_false(hours_equal(&hours, &again));
        one->to_minute++;
        one->from_minute++;
        assert_false(hours_equal(&hours, &again));
        one->from_minute--;
        one->weekday ^= 1;
        assert_false(hours_equal(&hours, &again));
        one->weekday ^= 1;
        again.count--;
        assert_false(hours_equal(&hours, &again) || hours_equal(&again, &hours));
        for (int probe = 0; probe < 200; probe++) {
            int64_t day = seed_between(&seed, 0, 6), from = seed_between(&seed, 0, 1439);
            int64_t to = seed_between(&seed, from + 1, 1440), inside = 0;
            for (int64_t minute = from; minute < to; minute++) {
                inside += covered[day][minute];
            }
            assert_int_equal(hours_contain(&hours, (enum weekday)day, (uint32_t)from, (uint32_t)to),
                             inside == to - from);
            assert_int_equal(hours_touch(&hours, (enum weekday)day, (uint32_t)from, (uint32_t)to),
                             inside > 0);
        }
    }
}

static void test_slots(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int weekday, minute; /* weekday -1: refused */
    } rows[] = {
        {"Tue 14:00", TUESDAY, 840},
        {"sun 0:05", SUNDAY, 5},
        {" Mon  23:59 ", MONDAY, 1439},
        {"Tue", -1, 0},
        {"14:00", -1, 0},
        {"Tue 24:00", -1, 0},
        {"Tue 14", -1, 0},
        {"Tue 14:00-15:00", -1, 0},
        {"Tue14:00", -1, 0},
        {"", -1, 0},
        {"Tues 14:00", -1, 0},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct slot slot = {.minute = 9999};
        int result = slot_parse(rows[i].text, &slot);
        assert_int_equal(result, rows[i].weekday < 0 ? -EINVAL : 0);
        if (result == 0) {
            assert_int_equal(slot.weekday, rows[i].weekday);
        }
        assert_int_equal(slot.minute, rows[i].weekday < 0 ? 9999 : rows[i].minute);
    }
}

static void test_holidays(void **state) {
    (void)state;
    static const struct holidays none = {.count = 0};
    assert_string_equal(holidays_find(&holidays, (struct date){2026, 4, 3})->name, "Good Friday");
    assert_string_equal(holidays_find(&holidays, (struct date){2026, 4, 6})->name, "Easter Monday");
    assert_string_equal(holidays_find(&holidays, (struct date){2026, 12, 28})->name, "Boxing Day");
    assert_null(holidays_find(&holidays, (struct date){2026, 4, 4}));
    assert_null(holidays_find(&holidays, (struct date){2025, 1, 1}));
    assert_null(holidays_find(&holidays, (struct date){2027, 1, 1}));
    assert_null(holidays_find(&none, (struct date){2026, 4, 3}));
}

static struct instant at(const char *text) {
    struct instant instant;
    assert_int_equal(instant_from_text(text, &instant), 0);
    return instant;
}

static void assert_instant(struct instant got, const char *wanted) {
    char buffer[INSTANT_TEXT_SIZE];
    instant_to_text(got, buffer);
    assert_string_equal(buffer, wanted);
}

static void test_working_time_add(void **state) {
    (void)state;
    static const struct {
        const char *hours, *from;
        int32_t minutes, cap_hours;
        const char *wanted;
    } rows[] = {
        /* within a day; over the night; over a weekend; over Good Friday and Easter Monday */
        {"Mon-Fri 09:00-17:00", "2026-01-12T10:00:00Z", 240, 240, "2026-01-12T14:00:00Z"},
        {"Mon-Fri 09:00-17:00", "2026-01-12T15:00:00Z", 240, 240, "2026-01-13T11:00:00Z"},
        {"Mon-Fri 09:00-17:00", "2026-01-16T15:00:00Z", 240, 240, "2026-01-19T11:00:00Z"},
        {"Mon-Fri 09:00-17:00", "2026-04-02T15:00:00Z", 240, 240, "2026-04-07T11:00:00Z"},
        {"Mon-Fri 09:00-17:00", "2026-01-12T03:00:00Z", 60, 240, "2026-01-12T10:00:00Z"},
        {"Mon-Fri 09:00-17:00", "2026-01-12T09:00:00Z", 480, 240, "2026-01-12T17:00:00Z"},
        /* the cap: 24 hours by the clock, however little has been worked */
        {"Mon-Fri 09:00-17:00", "2026-01-16T15:00:00Z", 240, 24, "2026-01-17T15:00:00Z"},
        {"", "2026-01-16T15:00:00Z", 240, 24, "2026-01-17T15:00:00Z"},
        {"Mon-Fri 09:00-17:00", "2026-01-12T10:00:00Z", 0, 24, "2026-01-12T10:00:00Z"},
        {"Mon-Fri 09:00-12:00, Mon-Fri 13:00-17:00", "2026-01-12T11:00:00Z", 120, 24,
         "2026-01-12T14:00:00Z"},
        /* summer time: 09:00 is 08:00Z; the night of the spring change is an hour short, of the
           autumn change an hour long */
        {"Mon-Fri 09:00-17:00", "2026-06-15T20:00:00Z", 60, 24, "2026-06-16T09:00:00Z"},
        {"Sun 00:00-06:00", "2026-03-28T20:00:00Z", 120, 48, "2026-03-29T02:00:00Z"},
        {"Sun 00:00-06:00", "2026-10-24T20:00:00Z", 180, 48, "2026-10-25T02:00:00Z"},
        {"Sun 01:00-01:30, Sun 02:00-03:00", "2026-03-28T20:00:00Z", 60, 48,
         "2026-03-29T02:00:00Z"},
        /* a day that ends at midnight runs on into the next */
        {"Mon 20:00-24:00, Tue 00:00-02:00", "2026-01-12T22:00:00Z", 180, 48,
         "2026-01-13T01:00:00Z"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct hours hours;
        assert_int_equal(hours_parse(rows[i].hours, &hours), 0);
        struct working_time w = {.hours = &hours, .zone = &london, .holidays = &holidays};
        assert_instant(working_time_add(&w, at(rows[i].from), span_minutes(rows[i].minutes),
                                        span_hours(rows[i].cap_hours)),
                       rows[i].wanted);
    }
    /* A cap beyond the end of time still ends. */
    struct hours none = {0};
    struct working_time w = {.hours = &none, .zone = &london, .holidays = NULL};
    assert_true(
        working_time_add(&w, at("2026-01-12T10:00:00Z"), span_hours(4), (struct span){INT64_MAX})
            .us == INT64_MAX);
}

/* The same answer as counting minute by minute. */
static void test_working_time_add_by_counting(void **state) {
    (void)state;
    uint64_t seed = seed_init("test_working_time_add_by_counting");
    /* Hours of the autumn night neither begin nor end in the hour that comes twice: counting would
     * take it as work both times. */
    static const struct {
        const char *from, *hours;
    } rows[] = {
        {"2026-03-28T00:00Z", "Mon-Fri 09:00-12:30, Mon-Thu 13:00-17:00, Sun 00:30-04:00"},
        {"2026-04-02T00:00Z", "Mon-Fri 09:00-12:30, Mon-Thu 13:00-17:00, Sun 00:30-04:00"},
        {"2026-10-24T00:00Z", "Mon-Fri 09:00-12:30, Sat 20:00-24:00, Sun 00:00-03:00"},
    };
    for (size_t round = 0; round < 90; round++) {
        struct hours hours;
        assert_int_equal(hours_parse(rows[round % 3].hours, &hours), 0);
        struct working_time w = {.hours = &hours, .zone = &london, .holidays = &holidays};
        struct instant from = instant_add(at(rows[round % 3].from),
                                          span_minutes(seed_between(&seed, 0, 2 * 1440)));
        int64_t wait = seed_between(&seed, 1, 900), cap = seed_between(&seed, 60, 4000), worked = 0,
                passed = 0;
        for (; worked < wait && passed < cap; passed++) {
            struct civil civil = zone_civil(&london, instant_add(from, span_minutes(passed)));
            uint32_t minute = (uint32_t)civil_minute_of_day(civil);
            worked += holidays_find(&holidays, civil.date) == NULL &&
                      hours_contain(&hours, date_weekday(civil.date), minute, minute + 1);
        }
        struct instant got = working_time_add(&w, from, span_minutes(wait), span_minutes(cap));
        struct instant wanted = instant_add(from, span_minutes(passed));
        if (got.us != wanted.us) {
            fail_msg("wait %d cap %d: %lld instead of %lld", (int)wait, (int)cap, (long long)got.us,
                     (long long)wanted.us);
        }
    }
}

static void test_working_days_add(void **state) {
    (void)state;
    static const struct {
        const char *hours, *from;
        uint32_t days;
        const char *wanted;
    } rows[] = {
        {"Mon-Fri 09:00-17:00", "2026-01-12T10:00:00Z", 5, "2026-01-19T10:00:00Z"},
        {"Mon-Fri 09:00-17:00", "2026-01-16T16:00:00Z", 1, "2026-01-19T16:00:00Z"},
        {"Mon-Fri 09:00-17:00", "2026-01-17T16:00:00Z", 1, "2026-01-19T16:00:00Z"},
        {"Mon-Fri 09:00-17:00", "2026-04-02T10:00:00Z", 1, "2026-04-07T10:00:00Z"},
        {"Mon-Fri 09:00-17:00", "2026-03-27T10:00:00Z", 1,
         "2026-03-30T09:00:00Z"}, /* 10:00 stays 10:00 */
        {"Mon-Fri 09:00-17:00", "2026-01-12T10:00:00Z", 0, "2026-01-12T10:00:00Z"},
        {"", "2026-01-01T10:00:00Z", 3, "2026-03-02T10:00:00Z"}, /* 60 days, then no further */
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct hours hours;
        assert_int_equal(hours_parse(rows[i].hours, &hours), 0);
        struct working_time w = {.hours = &hours, .zone = &london, .holidays = &holidays};
        assert_instant(working_days_add(&w, at(rows[i].from), rows[i].days), rows[i].wanted);
    }
}

static void test_working_time_next(void **state) {
    (void)state;
    static const struct {
        const char *hours, *from, *wanted;
    } rows[] = {
        {"Mon-Fri 09:00-17:00", "2026-01-12T10:00:00Z", "2026-01-12T10:00:00Z"},
        {"Mon-Fri 09:00-17:00", "2026-01-12T09:00:00Z", "2026-01-12T09:00:00Z"},
        {"Mon-Fri 09:00-17:00", "2026-01-12T17:00:00Z", "2026-01-13T09:00:00Z"},
        {"Mon-Fri 09:00-17:00", "2026-01-16T17:00:00Z", "2026-01-19T09:00:00Z"},
        {"Mon-Fri 09:00-17:00", "2026-04-02T17:00:00Z", "2026-04-07T08:00:00Z"},
        {"", "2026-01-12T10:00:00Z", "2026-01-26T10:00:00Z"},
        {"Mon 09:00-10:00", "2026-03-30T12:00:00Z",
         "2026-04-13T08:00:00Z"}, /* Easter Monday between */
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct hours hours;
        assert_int_equal(hours_parse(rows[i].hours, &hours), 0);
        struct working_time w = {.hours = &hours, .zone = &london, .holidays = &holidays};
        assert_instant(working_time_next(&w, at(rows[i].from)), rows[i].wanted);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_random_hours),
        cmocka_unit_test(test_slots),
        cmocka_unit_test(test_holidays),
        cmocka_unit_test(test_working_time_add),
        cmocka_unit_test(test_working_time_add_by_counting),
        cmocka_unit_test(test_working_days_add),
        cmocka_unit_test(test_working_time_next),
    };
    return cmocka_run_group_tests_name("hours", tests, NULL, NULL);
}
