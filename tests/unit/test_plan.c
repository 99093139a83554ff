/* Plans worked out by hand: the regular weekday and time, what moves a session and where to, the
 * forms of the programme, and the nights on which the clocks change. */
#include "cobi/base/cleanup.h"
#include "plan_question.h"

#include <errno.h>

static const struct row plan_rows[] = {
    /* weekly on the preferred weekday and time */
    {.programme = &cobi,
     .start = "2027-01-11",
     .hours = "Mon-Thu 09:30-17:00",
     .prefer = "Tue 14:00",
     .wanted = "2027-01-12T14:00, 2027-01-19T14:00, 2027-01-26T14:00, 2027-02-02T14:00, "
               "2027-02-09T14:00, "
               "2027-02-16T14:00, 2027-02-23T14:00, 2027-03-02T14:00, 2027-03-09T14:00, "
               "2027-03-16T14:00, "
               "2027-03-23T14:00, 2027-03-30T14:00"},
    /* without a preference: the earliest date and time, then weekly */
    {.programme = &cobi,
     .start = "2027-01-13",
     .hours = "Mon-Thu 09:30-17:00",
     .wanted = "2027-01-13T09:30, 2027-01-20T09:30, 2027-01-27T09:30, 2027-02-03T09:30, "
               "2027-02-10T09:30, "
               "2027-02-17T09:30, 2027-02-24T09:30, 2027-03-03T09:30, 2027-03-10T09:30, "
               "2027-03-17T09:30, "
               "2027-03-24T09:30, 2027-03-31T09:30"},
    /* Easter Monday moves to Tuesday, and only that session */
    {.programme = &cobi,
     .start = "2027-02-15",
     .hours = "Mon-Fri 09:00-17:00",
     .prefer = "Mon 10:00",
     .wanted = "2027-02-15T10:00, 2027-02-22T10:00, 2027-03-01T10:00, 2027-03-08T10:00, "
               "2027-03-15T10:00, "
               "2027-03-22T10:00, 2027-03-30T10:00, 2027-04-05T10:00, 2027-04-12T10:00, "
               "2027-04-19T10:00, "
               "2027-04-26T10:00, 2027-05-04T10:00"},
    /* the same without a preference */
    {.programme = &cobi,
     .start = "2027-02-15",
     .hours = "Mon-Fri 09:00-17:00",
     .wanted = "2027-02-15T09:00, 2027-02-22T09:00, 2027-03-01T09:00, 2027-03-08T09:00, "
               "2027-03-15T09:00, "
               "2027-03-22T09:00, 2027-03-30T09:00, 2027-04-05T09:00"},
    /* Good Friday moves back to Thursday: the nearest day of that week */
    {.programme = &three,
     .start = "2027-03-15",
     .hours = "Mon-Fri 09:00-17:00",
     .prefer = "Fri 10:00",
     .wanted = "2027-03-19T10:00, 2027-03-25T10:00, 2027-04-02T10:00"},
    /* nearest free day, not the nearest day */
    {.programme = &three,
     .start = "2027-03-15",
     .hours = "Mon-Fri 09:00-17:00",
     .prefer = "Fri 10:00",
     .absences = "2027-03-24/2027-03-25",
     .wanted = "2027-03-19T10:00, 2027-03-23T10:00, 2027-04-02T10:00"},
    /* no other day in that week: the same weekday of the next */
    {.programme = &three,
     .start = "2027-03-15",
     .hours = "Fri 09:00-17:00",
     .prefer = "Fri 10:00",
     .wanted = "2027-03-19T10:00, 2027-04-02T10:00, 2027-04-09T10:00"},
    /* a session pushed by a week does not drag its weekday along */
    {.programme = &cobi,
     .start = "2027-03-15",
     .hours = "Mon 09:00-12:00, Wed 09:00-12:00",
     .prefer = "Mon 10:00",
     .absences = "2027-03-22/2027-03-26",
     .wanted = "2027-03-15T10:00, 2027-03-31T10:00, 2027-04-05T10:00"},
    /* the same with at most 14 days between: the first gives way, so that the second has a
       place */
    {.programme = &three,
     .start = "2027-03-15",
     .hours = "Mon 09:00-12:00, Wed 09:00-12:00",
     .prefer = "Mon 10:00",
     .absences = "2027-03-22/2027-03-26",
     .wanted = "2027-03-17T10:00, 2027-03-31T10:00, 2027-04-05T10:00"},
    /* the regular time is taken once: another time of the same day */
    {.programme = &three,
     .start = "2027-01-11",
     .hours = "Mon-Fri 09:00-17:00",
     .prefer = "Tue 14:00",
     .busy = "2027-01-19 14:00",
     .wanted = "2027-01-12T14:00, 2027-01-19T12:00, 2027-01-26T14:00"},
    {.programme = &three,
     .start = "2027-01-11",
     .hours = "Mon-Fri 09:00-17:00",
     .prefer = "Tue 14:00",
     .busy = "2027-01-19 10:15, 2027-01-19 13:00",
     .wanted = "2027-01-12T14:00, 2027-01-19T15:00, 2027-01-26T14:00"},
    /* somebody else has every Monday morning: another time that is free each week, not another
       weekday */
    {.programme = &three,
     .start = "2027-01-11",
     .hours = "Mon-Fri 09:00-17:00",
     .busy = "2027-01-18 09:00, 2027-01-25 09:00",
     .wanted = "2027-01-11T11:00, 2027-01-18T11:00, 2027-01-25T11:00"},
    /* nothing is regular on Mondays: Tuesdays, where the series fits */
    {.programme = &three,
     .start = "2027-01-11",
     .hours = "Mon 09:00-11:00, Tue 09:00-11:00",
     .absences = "2027-01-18/2027-01-18",
     .wanted = "2027-01-12T09:00, 2027-01-19T09:00, 2027-01-26T09:00"},
    /* the preferred weekday is none of the practitioner's: the nearest one, each week */
    {.programme = &three,
     .start = "2027-01-13",
     .hours = "Mon-Thu 09:00-17:00",
     .prefer = "Fri 10:00",
     .wanted = "2027-01-14T10:00, 2027-01-21T10:00, 2027-01-28T10:00"},
    /* times of work are hard limits, touching them is not */
    {.programme = &three,
     .start = "2027-01-11",
     .hours = "Mon-Fri 09:00-17:00",
     .unavailable = "Mon-Fri 09:00-12:00",
     .wanted = "2027-01-11T12:00, 2027-01-18T12:00, 2027-01-25T12:00"},
    /* full and half hours first, unless only a quarter fits or is wanted */
    {.programme = &three,
     .start = "2027-01-11",
     .hours = "Mon 09:10-17:00",
     .wanted = "2027-01-11T09:30, 2027-01-18T09:30, 2027-01-25T09:30"},
    {.programme = &three,
     .start = "2027-01-11",
     .hours = "Mon 09:10-11:25",
     .wanted = "2027-01-11T09:15, 2027-01-18T09:15, 2027-01-25T09:15"},
    {.programme = &three,
     .start = "2027-01-11",
     .hours = "Mon 09:00-17:00",
     .prefer = "Mon 10:05",
     .wanted = "2027-01-11T10:05, 2027-01-18T10:05, 2027-01-25T10:05"},
    /* one room: taken by somebody else; two rooms: only when both are */
    {.programme = &three,
     .start = "2027-01-11",
     .hours = "Mon 09:00-17:00",
     .prefer = "Mon 09:00",
     .rooms = 1,
     .rooms_busy = "2027-01-18 10:00",
     .wanted = "2027-01-11T09:00, 2027-01-18T12:00, 2027-01-25T09:00"},
    {.programme = &three,
     .start = "2027-01-11",
     .hours = "Mon 09:00-17:00",
     .prefer = "Mon 09:00",
     .rooms = 2,
     .rooms_busy = "2027-01-18 09:00, 2027-01-18 11:00",
     .wanted = "2027-01-11T09:00, 2027-01-18T09:00"},
    {.programme = &three,
     .start = "2027-01-11",
     .hours = "Mon 09:00-17:00",
     .prefer = "Mon 09:00",
     .rooms = 2,
     .rooms_busy = "2027-01-18 08:00, 2027-01-18 09:00, 2027-01-18 10:30",
     .wanted = "2027-01-11T09:00, 2027-01-18T11:00"},
    /* a quarter of an hour that is free each week is kept, also where a full hour would be free
     */
    {.programme = &three,
     .start = "2027-01-11",
     .hours = "Mon 09:00-17:00",
     .busy = "2027-01-11 11:15, 2027-01-11 13:15, 2027-01-11 15:15, 2027-01-18 07:15, "
             "2027-01-18 11:15, "
             "2027-01-18 13:15, 2027-01-18 15:15, 2027-01-25 11:15, 2027-01-25 13:15, "
             "2027-01-25 15:15",
     .wanted = "2027-01-11T09:15, 2027-01-18T09:15, 2027-01-25T09:15"},
    /* of two days as near as each other the earlier */
    {.programme = &three,
     .start = "2027-01-11",
     .hours = "Mon-Fri 09:00-17:00",
     .prefer = "Wed 10:00",
     .absences = "2027-01-20/2027-01-20",
     .wanted = "2027-01-13T10:00, 2027-01-19T10:00, 2027-01-27T10:00"},
    /* the session before was two days before the start: not before the third day */
    {.programme = &three,
     .start = "2027-01-11",
     .hours = "Mon-Fri 09:00-17:00",
     .first_number = 3,
     .order_ends = "2027-01-12",
     .previous = "2027-01-09 10:00",
     .wanted = "2027-01-12T09:00"},
    /* the order ends early: sessions move together, in order, no nearer than the least gap */
    {.programme = &three,
     .start = "2027-01-11",
     .hours = "Mon-Fri 09:00-17:00",
     .prefer = "Mon 10:00",
     .order_ends = "2027-01-18",
     .wanted = "2027-01-11T10:00, 2027-01-14T10:00, 2027-01-18T10:00"},
    /* not in the past: the first half hour after now */
    {.programme = &three,
     .start = "2027-01-11",
     .hours = "Mon 09:00-17:00",
     .now = "2027-01-11 13:00",
     .wanted = "2027-01-11T13:30, 2027-01-18T13:30"},
    {.programme = &three,
     .start = "2027-01-11",
     .hours = "Mon 09:00-17:00",
     .now = "2027-01-18 15:01",
     .wanted = "2027-01-25T09:00, 2027-02-01T09:00"},
    /* only what is left, after the session before and on the preferred weekday */
    {.programme = &cobi,
     .start = "2027-01-11",
     .hours = "Mon-Fri 09:00-17:00",
     .prefer = "Tue 14:00",
     .first_number = 10,
     .previous = "2027-03-11 16:00",
     .now = "2027-03-09 12:00",
     .wanted = "2027-03-16T14:00, 2027-03-23T14:00, 2027-03-30T14:00"},
    /* too near to the session before */
    {.programme = &cobi,
     .start = "2027-01-11",
     .hours = "Mon-Fri 09:00-17:00",
     .prefer = "Tue 14:00",
     .first_number = 10,
     .previous = "2027-03-14 16:00",
     .now = "2027-03-09 12:00",
     .wanted = "2027-03-17T14:00, 2027-03-23T14:00, 2027-03-30T14:00"},
    /* after a long pause, in a window that was moved */
    {.programme = &cobi,
     .start = "2027-04-12",
     .hours = "Mon-Fri 09:00-17:00",
     .first_number = 10,
     .previous = "2027-02-03 10:00",
     .window_end = "2027-06-01",
     .wanted = "2027-04-12T09:00, 2027-04-19T09:00, 2027-04-26T09:00"},
    /* the last session alone */
    {.programme = &cobi,
     .start = "2027-01-11",
     .hours = "Mon-Fri 09:00-17:00",
     .first_number = 12,
     .previous = "2027-03-02 10:00",
     .wanted = "2027-03-09T09:00"},
    /* the preferred Wednesday would leave no room for three before the order ends */
    {.programme = &three,
     .start = "2027-01-11",
     .hours = "Mon-Fri 09:00-17:00",
     .prefer = "Wed 10:00",
     .order_ends = "2027-01-19",
     .absences = "2027-01-18/2027-01-18",
     .wanted = "2027-01-11T10:00, 2027-01-14T10:00, 2027-01-19T10:00"},
};

static void test_plans(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(plan_rows); i++) {
        check_row(i, &plan_rows[i]);
    }
}

/* The longest series, and a window longer than is searched. */
static void test_limits(void **state) {
    (void)state;
    static struct question q;
    struct plan_result result;
    const struct row row = {
        .programme = &three, .start = "2027-01-11", .hours = "Mon-Fri 09:00-17:00"};
    ask(&q, &row);
    q.request.holidays = NULL;
    q.programme.session_count = PROGRAMME_SESSIONS_MAX;
    q.programme.months = 60;
    q.programme.horizon_months = 0;
    assert_int_equal(plan_sessions(&q.request, &result), 0);
    assert_weekly(&result, PROGRAMME_SESSIONS_MAX);
    assert_int_equal(
        date_cmp(result.window_end, date_add_days(day("2027-01-11"), PLAN_DAYS_MAX - 1)), 0);
    q.programme.gap_min_days = q.programme.gap_target_days = q.programme.gap_max_days = UINT32_MAX;
    q.programme.gap_flag_days = q.programme.first_within_days = UINT32_MAX;
    assert_int_equal(plan_sessions(&q.request, &result), -ENOSPC);
    assert_int_equal(result.count, 1);
}

/* The window counts calendar months and includes its last day. */
static void test_window(void **state) {
    (void)state;
    static const struct {
        const char *start, *end;
    } rows[] = {{"2027-01-11", "2027-04-11"},
                {"2026-11-30", "2027-02-28"},
                {"2027-01-31", "2027-04-30"},
                {"2027-11-30", "2028-02-29"}};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        static struct question q;
        struct plan_result result;
        const struct row row = {
            .programme = &three, .start = rows[i].start, .hours = "Mon-Sun 09:00-17:00"};
        ask(&q, &row);
        assert_int_equal(plan_sessions(&q.request, &result), 0);
        assert_int_equal(date_cmp(result.window_end, day(rows[i].end)), 0);
    }
    /* a session on the very last day */
    static struct question q;
    struct plan_result result;
    const struct row row = {.programme = &three,
                            .start = "2027-01-11",
                            .hours = "Mon-Sun 09:00-17:00",
                            .absences = "2027-01-11/2027-04-04"};
    ask(&q, &row);
    assert_int_equal(plan_sessions(&q.request, &result), 0);
    assert_int_equal(date_cmp(result.starts[2].date, day("2027-04-11")), 0);
    /* nothing further ahead than the horizon */
    q.programme.months = 9;
    q.programme.horizon_months = 3;
    assert_int_equal(plan_sessions(&q.request, &result), 0);
    assert_int_equal(date_cmp(result.window_end, day("2027-04-11")), 0);
}

/* The forms of the programme, weekly from any day of a year without holidays. */
static void test_forms(void **state) {
    (void)state;
    static const struct programme *const forms[] = {&cobi, &form_2018, &half_year};
    static struct question q;
    struct plan_result result;
    for (size_t i = 0; i < ARRAY_COUNT(forms); i++) {
        const struct row row = {
            .programme = forms[i], .start = "2027-01-04", .hours = "Mon-Fri 09:00-17:00"};
        ask(&q, &row);
        q.request.holidays = NULL;
        for (int32_t days = 0; days < 365; days += 3) {
            q.request.start = date_add_days(day("2027-01-04"), days);
            int outcome = plan_sessions(&q.request, &result);
            /* 26 weeks take 175 days and six months may be as short as 181: from a weekend it
             * always fits. */
            assert_int_equal(outcome, 0);
            assert_weekly(&result, forms[i]->session_count);
        }
    }
}

/* 10:00 stays 10:00 on the wall, over both changes of the winter, in four zones. */
static void test_clock_changes(void **state) {
    (void)state;
    static const char *const starts[] = {"2026-09-07", "2027-01-18"};
    static const struct row row = {.programme = &cobi,
                                   .start = "2026-09-07",
                                   .hours = "Mon-Fri 09:00-17:00",
                                   .prefer = "Wed 10:00"};
    for (size_t z = 0; z < ARRAY_COUNT(zones); z++) {
        for (size_t s = 0; s < ARRAY_COUNT(starts); s++) {
            static struct question q;
            struct plan_result result;
            struct instant first, last;
            ask(&q, &row);
            q.request.zone = &zones[z];
            q.request.start = day(starts[s]);
            assert_int_equal(plan_sessions(&q.request, &result), 0);
            assert_weekly(&result, 12);
            for (uint32_t i = 0; i < result.count; i++) {
                assert_int_equal(civil_minute_of_day(result.starts[i]), 600);
                assert_int_equal(zone_resolve(&zones[z], result.starts[i], ZONE_FIRST, &first),
                                 ZONE_UNIQUE);
            }
            assert_int_equal(zone_resolve(&zones[z], result.starts[0], ZONE_FIRST, &first),
                             ZONE_UNIQUE);
            assert_int_equal(zone_resolve(&zones[z], result.starts[11], ZONE_FIRST, &last),
                             ZONE_UNIQUE);
            assert_int_not_equal(instant_since(last, first).us,
                                 span_days(77).us); /* the change lies between */
        }
    }
}

/* Nobody sits in a session while the clocks change: not at its start, within it, or at its end. */
static void test_nights_of_change(void **state) {
    (void)state;
    static const struct {
        const char *start;
        enum plan_rule rule;
    } rows[] = {
        {"2027-03-28 00:30", PLAN_HOURS}, /* runs over the gap 01:00 to 02:00 */
        {"2027-03-28 01:00", PLAN_HOURS}, {"2027-03-28 01:59", PLAN_HOURS},
        {"2027-03-27 23:00", PLAN_HOURS}, /* no session runs over midnight */
        {"2027-03-28 02:00", PLAN_FINE},  {"2027-03-27 22:00", PLAN_FINE},
        {"2026-10-25 00:00", PLAN_HOURS}, {"2026-10-25 01:30", PLAN_HOURS},
        {"2026-10-25 02:00", PLAN_FINE},  {"2026-10-24 22:00", PLAN_FINE},
    };
    static struct question q;
    const struct row row = {
        .programme = &cobi, .start = "2026-09-07", .hours = "Mon-Sun 00:00-24:00"};
    ask(&q, &row);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        assert_int_equal(plan_check_slot(&q.request, wall(rows[i].start)), rows[i].rule);
    }
    q.programme.minutes = 60;
    assert_int_equal(plan_check_slot(&q.request, wall("2027-03-28 00:00")),
                     PLAN_HOURS); /* would end at 01:00, which is not */
    q.programme.minutes = 59;
    assert_int_equal(plan_check_slot(&q.request, wall("2027-03-28 00:00")), PLAN_FINE);
}

/* A move by hand: the first rule that forbids the slot; past, gap and window are the caller's. */
static void test_check_slot(void **state) {
    (void)state;
    static const struct {
        const char *start;
        enum plan_rule rule;
    } rows[] = {
        {"2027-01-12 10:00", PLAN_FINE},         {"2027-01-12 10:07", PLAN_FINE},
        {"2027-01-12 08:59", PLAN_HOURS},        {"2027-01-12 15:01", PLAN_HOURS},
        {"2027-01-16 10:00", PLAN_HOURS},        {"2027-01-13 13:00", PLAN_HOURS}, /* work */
        {"2027-01-19 10:00", PLAN_ABSENCE},      {"2027-03-29 10:00", PLAN_HOLIDAY},
        {"2027-01-14 11:59", PLAN_PRACTITIONER}, {"2027-01-14 12:00", PLAN_FINE},
        {"2027-01-15 10:00", PLAN_ROOM},         {"2027-01-15 12:00", PLAN_FINE},
        {"2028-06-01 10:00", PLAN_FINE},         {"2026-06-01 10:00", PLAN_FINE},
    };
    static struct question q;
    const struct row row = {.programme = &cobi,
                            .start = "2027-01-11",
                            .hours = "Mon-Fri 09:00-17:00",
                            .unavailable = "Wed 14:00-24:00",
                            .absences = "2027-01-18/2027-01-20",
                            .busy = "2027-01-14 10:00",
                            .rooms_busy = "2027-01-15 10:00",
                            .rooms = 1,
                            .now = "2027-01-13 09:00"};
    ask(&q, &row);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        enum plan_rule rule = plan_check_slot(&q.request, wall(rows[i].start));
        if (rule != rows[i].rule) {
            fail_msg("%s: %s", rows[i].start, plan_rule_to_text(rule));
        }
    }
    q.request.mode = PLAN_REMOTE;
    assert_int_equal(plan_check_slot(&q.request, wall("2027-01-15 10:00")), PLAN_FINE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plans),         cmocka_unit_test(test_limits),
        cmocka_unit_test(test_window),        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_clock_changes), cmocka_unit_test(test_nights_of_change),
        cmocka_unit_test(test_check_slot),
    };
    return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
