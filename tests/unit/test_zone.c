/* Both nights of the change in four kinds of zone, and every quarter of an hour of two years
 * against a plain search. */
#include "cobi/base/cleanup.h"
#include "cobi/base/zone.h"
#include "seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Seconds since 1970 of the changes in 2026 and 2027, as the public zone data has them. */
static const struct zone london = {
    .name = "Europe/London",
    .offset_before_s = 0,
    .transition_count = 4,
    .transitions =
        {
            {{1774746000 * SECOND_US}, 3600}, /* 2026-03-29T01:00Z */
            {{1792890000 * SECOND_US}, 0},    /* 2026-10-25T01:00Z */
            {{1806195600 * SECOND_US}, 3600}, /* 2027-03-28T01:00Z */
            {{1824944400 * SECOND_US}, 0},    /* 2027-10-31T01:00Z */
        },
};
/* The southern summer lies over the new year. */
static const struct zone sydney = {
    .name = "Australia/Sydney",
    .offset_before_s = 39600,
    .transition_count = 4,
    .transitions =
        {
            {{1775318400 * SECOND_US}, 36000}, /* 2026-04-04T16:00Z */
            {{1791043200 * SECOND_US}, 39600}, /* 2026-10-03T16:00Z */
            {{1806768000 * SECOND_US}, 36000}, /* 2027-04-03T16:00Z */
            {{1822492800 * SECOND_US}, 39600}, /* 2027-10-02T16:00Z */
        },
};
/* Moves by half an hour. */
static const struct zone lord_howe = {
    .name = "Australia/Lord_Howe",
    .offset_before_s = 39600,
    .transition_count = 4,
    .transitions =
        {
            {{1775314800 * SECOND_US}, 37800}, /* 2026-04-04T15:00Z */
            {{1791041400 * SECOND_US}, 39600}, /* 2026-10-03T15:30Z */
            {{1806764400 * SECOND_US}, 37800}, /* 2027-04-03T15:00Z */
            {{1822491000 * SECOND_US}, 39600}, /* 2027-10-02T15:30Z */
        },
};
/* Changes at midnight: a day that has no 00:00, and one whose last hour comes twice. */
static const struct zone santiago = {
    .name = "America/Santiago",
    .offset_before_s = -10800,
    .transition_count = 4,
    .transitions =
        {
            {{1775358000 * SECOND_US}, -14400}, /* 2026-04-05T03:00Z */
            {{1788667200 * SECOND_US}, -10800}, /* 2026-09-06T04:00Z */
            {{1806807600 * SECOND_US}, -14400}, /* 2027-04-04T03:00Z */
            {{1820116800 * SECOND_US}, -10800}, /* 2027-09-05T04:00Z */
        },
};
static const struct zone kolkata = {.name = "Asia/Kolkata", .offset_before_s = 19800};
static const struct zone *const zones[] = {&london, &sydney, &lord_howe, &santiago, &kolkata};

struct night {
    const struct zone *zone;
    const char *wall;
    enum zone_fit fit;
    const char *first, *second; /* by policy */
};
static const struct night nights[] = {
    {&london, "2026-03-29 00:59", ZONE_UNIQUE, "2026-03-29T00:59:00Z", NULL},
    {&london, "2026-03-29 01:00", ZONE_GAP, "2026-03-29T01:00:00Z", NULL},
    {&london, "2026-03-29 01:30", ZONE_GAP, "2026-03-29T01:30:00Z", NULL},
    {&london, "2026-03-29 01:59:59", ZONE_GAP, "2026-03-29T01:59:59Z", NULL},
    {&london, "2026-03-29 02:00", ZONE_UNIQUE, "2026-03-29T01:00:00Z", NULL},
    {&london, "2026-10-25 00:59:59", ZONE_UNIQUE, "2026-10-24T23:59:59Z", NULL},
    {&london, "2026-10-25 01:00", ZONE_OVERLAP, "2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z"},
    {&london, "2026-10-25 01:30", ZONE_OVERLAP, "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"},
    {&london, "2026-10-25 01:59:59", ZONE_OVERLAP, "2026-10-25T00:59:59Z", "2026-10-25T01:59:59Z"},
    {&london, "2026-10-25 02:00", ZONE_UNIQUE, "2026-10-25T02:00:00Z", NULL},
    {&london, "2027-01-12 14:00", ZONE_UNIQUE, "2027-01-12T14:00:00Z", NULL},
    {&london, "2027-03-28 01:30", ZONE_GAP, "2027-03-28T01:30:00Z", NULL},
    {&london, "2027-03-28 02:00", ZONE_UNIQUE, "2027-03-28T01:00:00Z", NULL},
    {&london, "2027-06-01 10:00", ZONE_UNIQUE, "2027-06-01T09:00:00Z", NULL},
    {&london, "2027-10-31 01:30", ZONE_OVERLAP, "2027-10-31T00:30:00Z", "2027-10-31T01:30:00Z"},
    {&london, "1950-01-01 10:00", ZONE_UNIQUE, "1950-01-01T10:00:00Z", NULL},
    {&london, "2900-07-01 10:00", ZONE_UNIQUE, "2900-07-01T10:00:00Z", NULL},
    {&sydney, "2026-04-05 01:59", ZONE_UNIQUE, "2026-04-04T14:59:00Z", NULL},
    {&sydney, "2026-04-05 02:30", ZONE_OVERLAP, "2026-04-04T15:30:00Z", "2026-04-04T16:30:00Z"},
    {&sydney, "2026-04-05 03:00", ZONE_UNIQUE, "2026-04-04T17:00:00Z", NULL},
    {&sydney, "2026-10-04 02:30", ZONE_GAP, "2026-10-03T16:30:00Z", NULL},
    {&sydney, "2026-10-04 03:00", ZONE_UNIQUE, "2026-10-03T16:00:00Z", NULL},
    {&sydney, "2027-01-12 14:00", ZONE_UNIQUE, "2027-01-12T03:00:00Z", NULL},
    {&sydney, "2027-04-04 02:00", ZONE_OVERLAP, "2027-04-03T15:00:00Z", "2027-04-03T16:00:00Z"},
    {&sydney, "2027-10-03 02:00", ZONE_GAP, "2027-10-02T16:00:00Z", NULL},
    {&lord_howe, "2026-04-05 01:29", ZONE_UNIQUE, "2026-04-04T14:29:00Z", NULL},
    {&lord_howe, "2026-04-05 01:30", ZONE_OVERLAP, "2026-04-04T14:30:00Z", "2026-04-04T15:00:00Z"},
    {&lord_howe, "2026-04-05 01:59", ZONE_OVERLAP, "2026-04-04T14:59:00Z", "2026-04-04T15:29:00Z"},
    {&lord_howe, "2026-04-05 02:00", ZONE_UNIQUE, "2026-04-04T15:30:00Z", NULL},
    {&lord_howe, "2026-10-04 02:00", ZONE_GAP, "2026-10-03T15:30:00Z", NULL},
    {&lord_howe, "2026-10-04 02:29", ZONE_GAP, "2026-10-03T15:59:00Z", NULL},
    {&lord_howe, "2026-10-04 02:30", ZONE_UNIQUE, "2026-10-03T15:30:00Z", NULL},
    {&lord_howe, "2027-04-04 01:45", ZONE_OVERLAP, "2027-04-03T14:45:00Z", "2027-04-03T15:15:00Z"},
    {&lord_howe, "2027-10-03 02:15", ZONE_GAP, "2027-10-02T15:45:00Z", NULL},
    {&santiago, "2026-04-04 23:30", ZONE_OVERLAP, "2026-04-05T02:30:00Z", "2026-04-05T03:30:00Z"},
    {&santiago, "2026-04-05 00:00", ZONE_UNIQUE, "2026-04-05T04:00:00Z", NULL},
    {&santiago, "2026-09-06 00:00", ZONE_GAP, "2026-09-06T04:00:00Z", NULL},
    {&santiago, "2026-09-06 01:00", ZONE_UNIQUE, "2026-09-06T04:00:00Z", NULL},
    {&kolkata, "2026-10-25 01:30", ZONE_UNIQUE, "2026-10-24T20:00:00Z", NULL},
};

static void nights_of_the_change(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(nights); i++) {
        const struct night *night = &nights[i];
        struct civil wall;
        struct instant first = {77}, second = {77};
        assert_int_equal(civil_from_text(night->wall, &wall), 0);
        enum zone_fit fit = zone_resolve(night->zone, wall, ZONE_FIRST, &first);
        enum zone_fit again = zone_resolve(night->zone, wall, ZONE_SECOND, &second);
        if (fit != night->fit || again != fit) {
            fail_msg("%s %s: fit %d", night->zone->name, night->wall, (int)fit);
        }
        char text[INSTANT_TEXT_SIZE];
        instant_to_text(first, text);
        assert_string_equal(text, night->first);
        instant_to_text(second, text);
        assert_string_equal(text, night->second != NULL ? night->second : night->first);
    }
}

/* A session at 01:30 on a spring night is shown at 02:30. */
static void gap_moves_forward_by_its_length(void **state) {
    (void)state;
    static const struct {
        const struct zone *zone;
        const char *wall, *shown;
    } rows[] = {
        {&london, "2027-03-28 01:30", "2027-03-28T02:30"},
        {&sydney, "2026-10-04 02:15", "2026-10-04T03:15"},
        {&lord_howe, "2026-10-04 02:10", "2026-10-04T02:40"},
        {&santiago, "2026-09-06 00:00", "2026-09-06T01:00"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct civil wall;
        struct instant t;
        assert_int_equal(civil_from_text(rows[i].wall, &wall), 0);
        assert_int_equal(zone_resolve(rows[i].zone, wall, ZONE_FIRST, &t), ZONE_GAP);
        char shown[CIVIL_TEXT_SIZE];
        civil_to_text(zone_civil(rows[i].zone, t), shown);
        assert_string_equal(shown, rows[i].shown);
    }
}

/* Two changes within a day, as governments have decreed: the offset before the gap is the one
 * between them. */
static void gaps_may_be_close_together(void **state) {
    (void)state;
    const struct zone hasty = {
        .name = "Test/Hasty",
        .offset_before_s = 0,
        .transition_count = 2,
        .transitions = {{{1774746000 * SECOND_US}, 3600}, {{1774782000 * SECOND_US}, 7200}},
    };
    struct civil wall = {{2026, 3, 29}, 12, 30, 0};
    struct instant t;
    assert_int_equal(zone_resolve(&hasty, wall, ZONE_FIRST, &t), ZONE_GAP);
    assert_int_equal(t.us, (1774782000 + 1800) * SECOND_US);
    wall.hour = 1;
    assert_int_equal(zone_resolve(&hasty, wall, ZONE_FIRST, &t), ZONE_GAP);
    assert_int_equal(t.us, (1774746000 + 1800) * SECOND_US);
}

static void offset_changes_at_the_instant(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(zones); i++) {
        int32_t before = zones[i]->offset_before_s;
        for (uint32_t k = 0; k < zones[i]->transition_count; k++) {
            int64_t at = zones[i]->transitions[k].at.us;
            assert_int_equal(zone_offset_s(zones[i], (struct instant){at - 1}), before);
            before = zones[i]->transitions[k].offset_s;
            assert_int_equal(zone_offset_s(zones[i], (struct instant){at}), before);
        }
    }
}

/* The instants that show this wall time, found by trying every offset there is. */
static uint32_t search(const struct zone *zone, struct civil wall, int64_t found_us[4]) {
    uint32_t count = 0;
    for (int32_t offset_s = 14 * 3600; offset_s >= -12 * 3600; offset_s -= 900) {
        struct instant t = {instant_from_utc_civil(wall).us - offset_s * SECOND_US};
        if (civil_cmp(zone_civil(zone, t), wall) == 0) {
            assert_in_range(count, 0, 3);
            found_us[count++] = t.us;
        }
    }
    return count;
}

static void every_quarter_of_two_years(void **state) {
    (void)state;
    const struct civil end = {{2028, 1, 1}, 0, 0, 0};
    for (size_t i = 0; i < ARRAY_COUNT(zones); i++) {
        uint32_t counts[ZONE_FIT_COUNT] = {0};
        struct instant previous = {INT64_MIN};
        for (struct civil wall = {{2026, 1, 1}, 0, 0, 0}; civil_cmp(wall, end) < 0;
             wall = civil_add_minutes(wall, 15)) {
            struct instant first, second;
            int64_t found_us[4] = {0};
            uint32_t count = search(zones[i], wall, found_us);
            enum zone_fit fit = zone_resolve(zones[i], wall, ZONE_FIRST, &first);
            (void)zone_resolve(zones[i], wall, ZONE_SECOND, &second);
            counts[fit]++;
            static const enum zone_fit expected[] = {ZONE_GAP, ZONE_UNIQUE, ZONE_OVERLAP};
            assert_in_range(count, 0, 2);
            assert_int_equal(fit, expected[count]);
            if (count > 0) {
                assert_int_equal(first.us, found_us[0]);
                assert_int_equal(second.us, found_us[count - 1]);
                assert_true(first.us > previous.us || fit == ZONE_UNIQUE);
            }
            previous = first;
        }
        uint32_t quarters = zones[i] == &kolkata ? 0 : zones[i] == &lord_howe ? 4 : 8;
        assert_int_equal(counts[ZONE_GAP], quarters);
        assert_int_equal(counts[ZONE_OVERLAP], quarters);
    }
}

/* Whatever the instant: its wall time leads back to it, by one of the two policies. */
static void instants_come_back(void **state) {
    (void)state;
    uint64_t seed = seed_init("instants_come_back");
    for (int i = 0; i < 50000; i++) {
        const struct zone *zone = zones[seed_next(&seed) % ARRAY_COUNT(zones)];
        int64_t from = 1767225600 * SECOND_US;          /* 2026-01-01 */
        if (zone->transition_count > 0 && i % 2 == 0) { /* every other one near a change */
            from = zone->transitions[seed_next(&seed) % zone->transition_count].at.us - 3 * HOUR_US;
        }
        int64_t length_us = i % 2 == 0 ? 6 * HOUR_US : 730 * DAY_US;
        struct instant t = {seed_between(&seed, from, from + length_us)};
        int64_t whole_us = t.us - t.us % SECOND_US;
        struct instant first, second;
        struct civil wall = zone_civil(zone, t);
        enum zone_fit fit = zone_resolve(zone, wall, ZONE_FIRST, &first);
        (void)zone_resolve(zone, wall, ZONE_SECOND, &second);
        assert_int_not_equal(fit, ZONE_GAP);
        assert_true(first.us == whole_us || second.us == whole_us);
        assert_true(fit == ZONE_OVERLAP ? first.us < second.us : first.us == second.us);
    }
}

static void ends_of_time_do_not_overflow(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(zones); i++) {
        assert_true(date_valid(zone_civil(zones[i], INSTANT_NEVER).date));
        assert_true(date_valid(zone_civil(zones[i], (struct instant){INT64_MIN}).date));
        struct instant t;
        struct civil first = {{1900, 1, 1}, 0, 0, 0}, last = {{2999, 12, 31}, 23, 59, 59};
        assert_int_equal(zone_resolve(zones[i], first, ZONE_FIRST, &t), ZONE_UNIQUE);
        assert_int_equal(zone_resolve(zones[i], last, ZONE_FIRST, &t), ZONE_UNIQUE);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nights_of_the_change),
        cmocka_unit_test(gap_moves_forward_by_its_length),
        cmocka_unit_test(gaps_may_be_close_together),
        cmocka_unit_test(offset_changes_at_the_instant),
        cmocka_unit_test(every_quarter_of_two_years),
        cmocka_unit_test(instants_come_back),
        cmocka_unit_test(ends_of_time_do_not_overflow),
    };
    return cmocka_run_group_tests_name("zone", tests, NULL, NULL);
}
