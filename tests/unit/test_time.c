/* Dates, civil time, instants and spans: tables, every day of the range, and random round trips. */
#include "cobi/base/cleanup.h"
#include "cobi/base/time.h"
#include "seed.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define DAY(year, month, day) ((struct date){year, month, day})
#define WALL(year, month, day, hour, minute, second)                                               \
    ((struct civil){{year, month, day}, hour, minute, second})
#define DAYS_FIRST (-25567)
#define DAYS_LAST  376199
#define ROUNDS     20000

static bool same_date(struct date a, struct date b) {
    return a.year == b.year && a.month == b.month && a.day == b.day;
}

static bool same_civil(struct civil a, struct civil b) {
    return same_date(a.date, b.date) && a.hour == b.hour && a.minute == b.minute &&
           a.second == b.second;
}

static void which_dates_exist(void **state) {
    (void)state;
    static const struct {
        struct date date;
        bool exists;
    } rows[] = {
        {{2026, 2, 28}, true},  {{2026, 2, 29}, false},    {{2028, 2, 29}, true},
        {{2000, 2, 29}, true},  {{1900, 2, 29}, false},    {{2100, 2, 29}, false},
        {{2400, 2, 29}, true},  {{2026, 4, 31}, false},    {{2026, 12, 31}, true},
        {{2026, 0, 1}, false},  {{2026, 13, 1}, false},    {{2026, 1, 0}, false},
        {{2026, 1, 32}, false}, {{1899, 12, 31}, false},   {{1900, 1, 1}, true},
        {{2999, 12, 31}, true}, {{3000, 1, 1}, false},     {{-2026, 1, 1}, false},
        {{0, 0, 0}, false},     {{2026, 255, 255}, false},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        if (date_valid(rows[i].date) != rows[i].exists) {
            fail_msg("row %zu", i);
        }
    }
}

/* Walks from day to day by the rule a child learns, and compares. */
static void every_day_of_the_range(void **state) {
    (void)state;
    static const uint8_t lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    struct date d = {1900, 1, 1};
    int weekday = MONDAY; /* 1 January 1900 was a Monday */
    for (int32_t days = DAYS_FIRST; days <= DAYS_LAST; days++) {
        assert_true(date_valid(d));
        assert_int_equal(date_to_days(d), days);
        assert_true(same_date(date_from_days(days), d));
        assert_int_equal(date_weekday(d), weekday);
        weekday = (weekday + 1) % 7;
        bool leap = (d.year % 4 == 0 && d.year % 100 != 0) || d.year % 400 == 0;
        int length = d.month == 2 && leap ? 29 : lengths[d.month - 1];
        if (d.day < length) {
            d.day++;
        } else if (d.month < 12) {
            d = (struct date){d.year, (uint8_t)(d.month + 1), 1};
        } else {
            d = (struct date){(int16_t)(d.year + 1), 1, 1};
        }
    }
    assert_true(same_date(d, DAY(3000, 1, 1)));
}

static void arithmetic_stays_in_the_range(void **state) {
    (void)state;
    assert_true(same_date(date_from_days(INT32_MIN), DAY(1900, 1, 1)));
    assert_true(same_date(date_from_days(INT32_MAX), DAY(2999, 12, 31)));
    assert_true(same_date(date_add_days(DAY(2026, 1, 1), INT32_MAX), DAY(2999, 12, 31)));
    assert_true(same_date(date_add_days(DAY(2026, 1, 1), INT32_MIN), DAY(1900, 1, 1)));
    assert_true(same_date(date_add_months(DAY(2026, 1, 1), INT32_MAX), DAY(2999, 12, 31)));
    assert_true(same_date(date_add_months(DAY(2026, 1, 1), INT32_MIN), DAY(1900, 1, 1)));
    struct civil last = civil_utc(INSTANT_NEVER);
    assert_true(same_civil(last, WALL(2999, 12, 31, 23, 59, 59)));
    struct civil first = civil_utc((struct instant){INT64_MIN});
    assert_true(same_civil(first, WALL(1900, 1, 1, 0, 0, 0)));
    char text[INSTANT_TEXT_SIZE];
    instant_to_text(INSTANT_NEVER, text);
    assert_string_equal(text, "2999-12-31T23:59:59.999999Z");
}

static void months_end_where_they_end(void **state) {
    (void)state;
    static const struct {
        struct date from;
        int32_t months;
        struct date to;
    } rows[] = {
        {{2027, 1, 12}, 3, {2027, 4, 12}},  {{2026, 10, 31}, 1, {2026, 11, 30}},
        {{2026, 11, 30}, 3, {2027, 2, 28}}, {{2027, 11, 30}, 3, {2028, 2, 29}},
        {{2026, 1, 31}, 12, {2027, 1, 31}}, {{2028, 2, 29}, 12, {2029, 2, 28}},
        {{2026, 12, 1}, 1, {2027, 1, 1}},   {{2026, 1, 15}, -1, {2025, 12, 15}},
        {{2026, 3, 31}, -1, {2026, 2, 28}}, {{2026, 6, 30}, 0, {2026, 6, 30}},
        {{2999, 12, 5}, 1, {2999, 12, 31}}, {{1900, 1, 5}, -1, {1900, 1, 1}},
        {{2000, 5, 5}, 2400, {2200, 5, 5}},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        if (!same_date(date_add_months(rows[i].from, rows[i].months), rows[i].to)) {
            fail_msg("row %zu", i);
        }
    }
}

static void civil_minutes_carry(void **state) {
    (void)state;
    static const struct {
        struct civil from;
        int32_t minutes;
        struct civil to;
    } rows[] = {
        {{{2026, 12, 31}, 23, 59, 30}, 1, {{2027, 1, 1}, 0, 0, 30}},
        {{{2027, 1, 1}, 0, 0, 0}, -1, {{2026, 12, 31}, 23, 59, 0}},
        {{{2028, 2, 28}, 12, 0, 0}, 1440, {{2028, 2, 29}, 12, 0, 0}},
        {{{2027, 1, 12}, 14, 0, 0}, 0, {{2027, 1, 12}, 14, 0, 0}},
        {{{2027, 1, 12}, 14, 0, 0}, -2 * 1440 - 840, {{2027, 1, 10}, 0, 0, 0}},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        if (!same_civil(civil_add_minutes(rows[i].from, rows[i].minutes), rows[i].to)) {
            fail_msg("row %zu", i);
        }
    }
    struct civil far = civil_add_minutes(WALL(2027, 1, 12, 14, 0, 0), INT32_MAX);
    assert_true(same_date(far.date, DAY(2999, 12, 31)));
    assert_true(same_civil(civil_at(DAY(2027, 1, 12), 840), WALL(2027, 1, 12, 14, 0, 0)));
    assert_true(same_civil(civil_at(DAY(2027, 1, 12), 1440), WALL(2027, 1, 13, 0, 0, 0)));
    assert_int_equal(civil_minute_of_day(WALL(2027, 1, 12, 23, 59, 59)), 1439);
}

static void order_is_by_time(void **state) {
    (void)state;
    static const struct civil rising[] = {
        {{1900, 1, 1}, 0, 0, 0},    {{2026, 1, 31}, 0, 0, 0},   {{2026, 2, 1}, 0, 0, 0},
        {{2026, 2, 1}, 0, 0, 1},    {{2026, 2, 1}, 0, 1, 0},    {{2026, 2, 1}, 1, 0, 0},
        {{2026, 2, 1}, 23, 59, 59}, {{2026, 12, 31}, 12, 0, 0}, {{2027, 1, 1}, 0, 0, 0},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rising); i++) {
        for (size_t j = 0; j < ARRAY_COUNT(rising); j++) {
            int expected = (i > j) - (i < j);
            assert_int_equal(civil_cmp(rising[i], rising[j]), expected);
            struct instant a = instant_from_utc_civil(rising[i]);
            struct instant b = instant_from_utc_civil(rising[j]);
            assert_int_equal(instant_cmp(a, b), expected);
        }
    }
    assert_int_equal(date_cmp(DAY(2026, 2, 1), DAY(2026, 1, 31)), 1);
    assert_int_equal(date_cmp(DAY(2025, 12, 31), DAY(2026, 1, 1)), -1);
    assert_int_equal(date_cmp(DAY(2026, 1, 1), DAY(2026, 1, 1)), 0);
}

static void dates_are_read_whole_or_refused(void **state) {
    (void)state;
    static const char *const refused[] = {
        "",           "2027",        "2027-01",    "2027-1-12",   "2027-01-1",
        "2027-01-32", "2027-02-29",  "2027-00-10", "2027-01-12 ", " 2027-01-12",
        "2027/01/12", "2027-01-12x", "20270112",   "+2027-01-12", "12027-01-12",
        "1899-12-31", "3000-01-01",  "2027-0a-12", "-027-01-12",  "2027-01--2",
    };
    struct date d = {2099, 9, 9};
    for (size_t i = 0; i < ARRAY_COUNT(refused); i++) {
        if (date_from_text(refused[i], &d) != -EINVAL || !same_date(d, DAY(2099, 9, 9))) {
            fail_msg("\"%s\"", refused[i]);
        }
    }
    assert_int_equal(date_from_text("2027-01-12", &d), 0);
    assert_true(same_date(d, DAY(2027, 1, 12)));
    char text[DATE_TEXT_SIZE];
    date_to_text(d, text);
    assert_string_equal(text, "2027-01-12");
}

static void civils_are_read_whole_or_refused(void **state) {
    (void)state;
    static const struct {
        const char *text;
        struct civil civil;
    } rows[] = {
        {"2027-01-12 14:00", {{2027, 1, 12}, 14, 0, 0}},
        {"2027-01-12T14:00", {{2027, 1, 12}, 14, 0, 0}},
        {"2027-01-12 14:00:59", {{2027, 1, 12}, 14, 0, 59}},
        {"2027-01-12 00:00", {{2027, 1, 12}, 0, 0, 0}},
        {"2027-01-12 23:59", {{2027, 1, 12}, 23, 59, 0}},
    };
    static const char *const refused[] = {
        "",
        "2027-01-12",
        "2027-01-12 ",
        "2027-01-12 14",
        "2027-01-12 14:0",
        "2027-01-12 24:00",
        "2027-01-12 14:60",
        "2027-01-12 14:00:60",
        "2027-01-12 14:00:",
        "2027-01-12 14:00Z",
        "2027-01-12  14:00",
        "2027-01-12t14:00",
        "2027-01-12 1400",
        "2027-01-12 14:00:00.5",
        "2027-02-30 14:00",
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct civil c = {0};
        if (civil_from_text(rows[i].text, &c) != 0 || !same_civil(c, rows[i].civil)) {
            fail_msg("\"%s\"", rows[i].text);
        }
    }
    struct civil untouched = WALL(2099, 9, 9, 9, 9, 9);
    for (size_t i = 0; i < ARRAY_COUNT(refused); i++) {
        if (civil_from_text(refused[i], &untouched) != -EINVAL) {
            fail_msg("\"%s\"", refused[i]);
        }
    }
    assert_true(same_civil(untouched, WALL(2099, 9, 9, 9, 9, 9)));
    char text[CIVIL_TEXT_SIZE];
    civil_to_text(WALL(2027, 1, 2, 4, 5, 6), text);
    assert_string_equal(text, "2027-01-02T04:05");
}

static void instants_are_read_by_rfc_3339(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t us;
        const char *written;
    } rows[] = {
        {"1970-01-01T00:00:00Z", 0, "1970-01-01T00:00:00Z"},
        {"2026-10-25T00:30Z", INT64_C(1792888200000000), "2026-10-25T00:30:00Z"},
        {"2026-10-25T01:30+01:00", INT64_C(1792888200000000), "2026-10-25T00:30:00Z"},
        {"2026-10-24T19:30:00-05:00", INT64_C(1792888200000000), "2026-10-25T00:30:00Z"},
        {"2026-10-25t00:30:00z", INT64_C(1792888200000000), "2026-10-25T00:30:00Z"},
        {"2026-10-25 00:30:00Z", INT64_C(1792888200000000), "2026-10-25T00:30:00Z"},
        {"2026-10-25T00:30:00.5Z", INT64_C(1792888200500000), "2026-10-25T00:30:00.500000Z"},
        {"2026-10-25T00:30:00.000001Z", INT64_C(1792888200000001), "2026-10-25T00:30:00.000001Z"},
        {"2026-10-25T00:30:00.123456789Z", INT64_C(1792888200123456),
         "2026-10-25T00:30:00.123456Z"},
        {"1969-12-31T23:59:59.999999Z", -1, "1969-12-31T23:59:59.999999Z"},
        {"1970-01-01T00:00:00-00:00", 0, "1970-01-01T00:00:00Z"},
    };
    static const char *const refused[] = {
        "",
        "2026-10-25",
        "2026-10-25T00:30",
        "2026-10-25T00:30:00",
        "2026-10-25T00:30:00.Z",
        "2026-10-25T00:30:60Z",
        "2026-10-25T24:00:00Z",
        "2026-10-25T00:30:00+0100",
        "2026-10-25T00:30:00+24:00",
        "2026-10-25T00:30:00+01:60",
        "2026-10-25T00:30:00Z ",
        "2026-10-25T00:30:00,5Z",
        "2026-02-29T00:30:00Z",
        "1900-01-01T00:00:00+01:00",
        "2999-12-31T23:59:59-01:00",
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct instant t = {77};
        char text[INSTANT_TEXT_SIZE];
        assert_int_equal(instant_from_text(rows[i].text, &t), 0);
        assert_int_equal(t.us, rows[i].us);
        instant_to_text(t, text);
        assert_string_equal(text, rows[i].written);
    }
    struct instant untouched = {77};
    for (size_t i = 0; i < ARRAY_COUNT(refused); i++) {
        if (instant_from_text(refused[i], &untouched) != -EINVAL) {
            fail_msg("\"%s\"", refused[i]);
        }
    }
    assert_int_equal(untouched.us, 77);
}

static void spans_are_read_and_written(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int result;
        int64_t us;
        const char *written;
    } rows[] = {
        {"90s", 0, 90 * SECOND_US, "1m30s"},
        {"90m", 0, 90 * MINUTE_US, "1h30m"},
        {"36h", 0, 36 * HOUR_US, "1d12h"},
        {"7d", 0, 7 * DAY_US, "7d"},
        {"2w", 0, 14 * DAY_US, "14d"},
        {"1d12h", 0, 36 * HOUR_US, "1d12h"},
        {"1w1d1h1m1s", 0, 8 * DAY_US + HOUR_US + MINUTE_US + SECOND_US, "8d1h1m1s"},
        {"007d", 0, 7 * DAY_US, "7d"},
        {"1d0h", 0, DAY_US, "1d"},
        {"3653d", 0, 3653 * DAY_US, "3653d"},
        {"3654d", -ERANGE, 0, NULL},
        {"3653d1s", -ERANGE, 0, NULL},
        {"522w", -ERANGE, 0, NULL},
        {"99999999999999999999s", -ERANGE, 0, NULL},
        {"0s", -ERANGE, 0, NULL},
        {"0d0h", -ERANGE, 0, NULL},
        {"", -EINVAL, 0, NULL},
        {"90", -EINVAL, 0, NULL},
        {"m", -EINVAL, 0, NULL},
        {"1h1d", -EINVAL, 0, NULL},
        {"1h1h", -EINVAL, 0, NULL},
        {"-1h", -EINVAL, 0, NULL},
        {"+1h", -EINVAL, 0, NULL},
        {"1.5h", -EINVAL, 0, NULL},
        {"1 h", -EINVAL, 0, NULL},
        {" 1h", -EINVAL, 0, NULL},
        {"1h ", -EINVAL, 0, NULL},
        {"1H", -EINVAL, 0, NULL},
        {"1y", -EINVAL, 0, NULL},
        {"1d12", -EINVAL, 0, NULL},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct span s = {77};
        int result = span_from_text(rows[i].text, &s);
        if (result != rows[i].result || s.us != (result == 0 ? rows[i].us : 77)) {
            fail_msg("\"%s\": %d, %lld", rows[i].text, result, (long long)s.us);
        }
        if (result == 0) {
            char text[32];
            span_to_text(s, text);
            assert_string_equal(text, rows[i].written);
        }
    }
}

static void odd_spans_are_written(void **state) {
    (void)state;
    static const struct {
        int64_t us;
        const char *text;
    } rows[] = {
        {0, "0s"},
        {999999, "0s"},
        {-999999, "0s"},
        {-36 * HOUR_US, "-1d12h"},
        {SECOND_US + 1, "1s"},
        {INT64_MAX, "106751991d4h54s"},
        {INT64_MIN, "-106751991d4h54s"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char text[32];
        span_to_text((struct span){rows[i].us}, text);
        assert_string_equal(text, rows[i].text);
    }
}

static void weekdays_have_names(void **state) {
    (void)state;
    enum weekday d = SUNDAY;
    assert_int_equal(weekday_from_text("tUe 14:00", 3, &d), 0);
    assert_int_equal(d, TUESDAY);
    assert_int_equal(weekday_from_text("Tues", 4, &d), -EINVAL);
    assert_int_equal(weekday_from_text("Tu", 2, &d), -EINVAL);
    assert_int_equal(weekday_from_text("Tux", 3, &d), -EINVAL);
    assert_int_equal(d, TUESDAY);
    for (int i = 0; i < WEEKDAY_COUNT; i++) {
        assert_int_equal(weekday_from_text(weekday_to_text((enum weekday)i), 3, &d), 0);
        assert_int_equal(d, i);
    }
    assert_int_equal(date_weekday(DAY(2027, 1, 12)), TUESDAY);
    assert_int_equal(date_weekday(DAY(1969, 12, 31)), WEDNESDAY);
}

/* Against the C library, which reads the same calendar. */
static void instants_round_trip(void **state) {
    (void)state;
    uint64_t seed = seed_init("instants_round_trip");
    for (int i = 0; i < ROUNDS; i++) {
        struct instant t = {seed_between(&seed, DAYS_FIRST * DAY_US, (DAYS_LAST + 1) * DAY_US - 1)};
        struct civil c = civil_utc(t);
        int64_t whole_us = instant_from_utc_civil(c).us;
        assert_in_range(t.us - whole_us, 0, SECOND_US - 1);
        struct tm broken = {
            .tm_year = c.date.year - 1900,
            .tm_mon = c.date.month - 1,
            .tm_mday = c.date.day,
            .tm_hour = c.hour,
            .tm_min = c.minute,
            .tm_sec = c.second,
        };
        assert_int_equal(timegm(&broken), whole_us / SECOND_US);
        char text[INSTANT_TEXT_SIZE];
        struct instant again;
        instant_to_text(t, text);
        assert_int_equal(instant_from_text(text, &again), 0);
        assert_int_equal(again.us, t.us);
    }
}

static void civils_and_dates_round_trip(void **state) {
    (void)state;
    uint64_t seed = seed_init("civils_and_dates_round_trip");
    for (int i = 0; i < ROUNDS; i++) {
        struct date d = date_from_days((int32_t)seed_between(&seed, DAYS_FIRST, DAYS_LAST));
        struct civil c = civil_at(d, (int32_t)seed_between(&seed, 0, 1439)), again_civil;
        char text[CIVIL_TEXT_SIZE];
        civil_to_text(c, text);
        assert_int_equal(civil_from_text(text, &again_civil), 0);
        assert_true(same_civil(c, again_civil));
        char date_text[DATE_TEXT_SIZE];
        struct date again_date;
        date_to_text(d, date_text);
        assert_int_equal(date_from_text(date_text, &again_date), 0);
        assert_true(same_date(d, again_date));
        int32_t minutes = (int32_t)seed_between(&seed, -1000000, 1000000);
        struct civil moved = civil_add_minutes(c, minutes);
        struct instant expected = instant_add(instant_from_utc_civil(c), span_minutes(minutes));
        if (expected.us >= DAYS_FIRST * DAY_US && expected.us < (DAYS_LAST + 1) * DAY_US) {
            assert_int_equal(instant_from_utc_civil(moved).us, expected.us);
        }
    }
}

static void spans_round_trip(void **state) {
    (void)state;
    uint64_t seed = seed_init("spans_round_trip");
    static const int64_t units[] = {SECOND_US, MINUTE_US, HOUR_US, DAY_US};
    for (int i = 0; i < ROUNDS; i++) {
        int64_t unit = units[seed_next(&seed) % ARRAY_COUNT(units)];
        struct span s = {seed_between(&seed, 1, 3653 * DAY_US / unit) * unit}, again;
        char text[32];
        span_to_text(s, text);
        assert_int_equal(span_from_text(text, &again), 0);
        assert_int_equal(again.us, s.us);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(which_dates_exist),
        cmocka_unit_test(every_day_of_the_range),
        cmocka_unit_test(arithmetic_stays_in_the_range),
        cmocka_unit_test(months_end_where_they_end),
        cmocka_unit_test(civil_minutes_carry),
        cmocka_unit_test(order_is_by_time),
        cmocka_unit_test(dates_are_read_whole_or_refused),
        cmocka_unit_test(civils_are_read_whole_or_refused),
        cmocka_unit_test(instants_are_read_by_rfc_3339),
        cmocka_unit_test(spans_are_read_and_written),
        cmocka_unit_test(odd_spans_are_written),
        cmocka_unit_test(weekdays_have_names),
        cmocka_unit_test(instants_round_trip),
        cmocka_unit_test(civils_and_dates_round_trip),
        cmocka_unit_test(spans_round_trip),
    };
    return cmocka_run_group_tests_name("time", tests, NULL, NULL);
}
