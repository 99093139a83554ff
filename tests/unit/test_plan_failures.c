/* What the planner says when it cannot, or would rather not: the rule that fails and for which
 * session, and its warnings. */
#include "cobi/base/cleanup.h"
#include "plan_question.h"

#include <errno.h>

/* Every rule by name, for the session that really fails. */
static const struct row failure_rows[] = {
    /* the order ends before three can be held; before it begins; window moved */
    {.programme = &three,
     .start = "2027-01-11",
     .hours = "Mon-Fri 09:00-17:00",
     .order_ends = "2027-01-16",
     .rule = PLAN_WINDOW,
     .failed_number = 3,
     .wanted = "2027-01-11T09:00"},
    {.programme = &cobi,
     .start = "2027-01-11",
     .hours = "Mon-Fri 09:00-17:00",
     .order_ends = "2027-01-10",
     .rule = PLAN_WINDOW,
     .failed_number = 1},
    {.programme = &cobi,
     .start = "2027-01-11",
     .hours = "Mon-Fri 09:00-17:00",
     .now = "2027-05-01 10:00",
     .rule = PLAN_WINDOW,
     .failed_number = 1},
    {.programme = &three,
     .start = "2027-01-11",
     .hours = "Mon-Fri 09:00-17:00",
     .window_end = "2027-01-14",
     .rule = PLAN_WINDOW,
     .failed_number = 3},
    {.programme = &three,
     .start = "2027-01-16",
     .hours = "Mon-Fri 09:00-17:00",
     .order_ends = "2027-01-17",
     .rule = PLAN_WINDOW,
     .failed_number = 1},
    {.programme = &cobi,
     .start = "2027-01-11",
     .hours = "Mon 09:00-17:00",
     .order_ends = "2027-03-15",
     .rule = PLAN_WINDOW,
     .failed_number = 11},
    /* six weeks for twelve sessions; that the practitioner is busy on one of the last days is
       not why */
    {.programme = &cobi,
     .start = "2027-01-11",
     .hours = "Mon 09:00-12:00, Thu 09:00-12:00",
     .order_ends = "2027-01-28",
     .busy = "2027-01-28 10:00",
     .rule = PLAN_WINDOW,
     .failed_number = 6},
    /* hours: none; too short for a session; never while the participant can; only outside the
       office's */
    {.programme = &three,
     .start = "2027-01-11",
     .hours = "",
     .rule = PLAN_HOURS,
     .failed_number = 1},
    {.programme = &three,
     .start = "2027-01-11",
     .hours = "Mon-Fri 09:00-10:59",
     .rule = PLAN_HOURS,
     .failed_number = 1},
    {.programme = &three,
     .start = "2027-01-11",
     .hours = "Mon-Fri 09:00-17:00",
     .unavailable = "Mon-Fri 10:30-15:30",
     .rule = PLAN_HOURS,
     .failed_number = 1},
    /* absences */
    {.programme = &three,
     .start = "2027-01-11",
     .hours = "Mon-Fri 09:00-17:00",
     .absences = "2027-01-01/2027-12-31",
     .rule = PLAN_ABSENCE,
     .failed_number = 1},
    {.programme = &three,
     .start = "2027-01-11",
     .hours = "Mon 09:00-17:00",
     .absences = "2027-01-12/2027-02-28",
     .order_ends = "2027-02-20",
     .rule = PLAN_ABSENCE,
     .failed_number = 2,
     .wanted = "2027-01-11T09:00"},
    {.programme = &three,
     .start = "2027-01-11",
     .hours = "Mon 09:00-17:00",
     .absences = "2027-01-12/2027-01-20, 2027-01-21/2027-03-31",
     .order_ends = "2027-02-20",
     .rule = PLAN_ABSENCE,
     .failed_number = 2},
    /* holidays: only Easter is left before the order ends */
    {.programme = &three,
     .start = "2027-03-25",
     .hours = "Mon-Fri 09:00-17:00",
     .order_ends = "2027-03-29",
     .absences = "2027-03-25/2027-03-25",
     .rule = PLAN_HOLIDAY,
     .failed_number = 1},
    /* the order ends too early as well, but the second session fails before that matters */
    {.programme = &cobi,
     .start = "2027-01-11",
     .hours = "Mon 09:00-17:00",
     .absences = "2027-01-12/2027-02-10",
     .order_ends = "2027-02-10",
     .rule = PLAN_ABSENCE,
     .failed_number = 2},
    /* one holiday and many absences: it is the absences that spoil the plan */
    {.programme = &three,
     .start = "2027-03-15",
     .hours = "Mon 09:00-17:00, Thu 09:00-17:00",
     .order_ends = "2027-03-29",
     .absences = "2027-03-18/2027-03-25",
     .rule = PLAN_ABSENCE,
     .failed_number = 2},
    /* either alone is too much: the last one left */
    {.programme = &three,
     .start = "2027-03-15",
     .hours = "Mon 09:00-17:00",
     .order_ends = "2027-03-29",
     .absences = "2027-03-22/2027-03-22",
     .rule = PLAN_HOLIDAY,
     .failed_number = 2},
    /* the least gap after the session before leaves no day */
    {.programme = &three,
     .start = "2027-01-11",
     .hours = "Mon-Fri 09:00-17:00",
     .order_ends = "2027-01-11",
     .first_number = 3,
     .previous = "2027-01-09 10:00",
     .rule = PLAN_WINDOW,
     .failed_number = 3},
    /* the practitioner's other sessions fill every Monday */
    {.programme = &three,
     .start = "2027-01-11",
     .hours = "Mon 09:00-12:00",
     .busy = "2027-01-18 10:00, 2027-01-25 09:30",
     .order_ends = "2027-01-25",
     .rule = PLAN_PRACTITIONER,
     .failed_number = 2},
    /* absent on one Monday, booked on the other: what is left to blame is the booking */
    {.programme = &three,
     .start = "2027-01-11",
     .hours = "Mon 09:00-12:00",
     .busy = "2027-01-18 10:00",
     .absences = "2027-01-25/2027-01-25",
     .order_ends = "2027-01-25",
     .rule = PLAN_PRACTITIONER,
     .failed_number = 2},
    /* rooms */
    {.programme = &three,
     .start = "2027-01-11",
     .hours = "Mon 09:00-12:00",
     .rooms = 1,
     .rooms_busy = "2027-01-18 10:00, 2027-01-25 10:00",
     .order_ends = "2027-01-25",
     .rule = PLAN_ROOM,
     .failed_number = 2},
    {.programme = &three,
     .start = "2027-01-11",
     .hours = "Mon 09:00-12:00",
     .rooms = 2,
     .rooms_busy = "2027-01-18 10:00, 2027-01-18 10:30, 2027-01-25 08:00, 2027-01-25 10:00, "
                   "2027-01-25 11:59",
     .wanted = "2027-01-11T09:00, 2027-01-25T09:00",
     .rule = PLAN_FINE},
    {.programme = &three,
     .start = "2027-01-11",
     .hours = "Mon 09:00-12:00",
     .rooms = 2,
     .rooms_busy = "2027-01-18 10:00, 2027-01-18 10:30, 2027-01-25 10:00, 2027-01-25 10:00",
     .order_ends = "2027-01-25",
     .rule = PLAN_ROOM,
     .failed_number = 2},
};

static void test_failures(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(failure_rows); i++) {
        check_row(i, &failure_rows[i]);
    }
}

/* Limits between sessions that no weekday can keep. */
static void test_gap_failures(void **state) {
    (void)state;
    static struct question q;
    struct plan_result result;
    const struct row row = {.programme = &three, .start = "2027-01-11", .hours = "Mon 09:00-17:00"};
    ask(&q, &row);
    q.programme.gap_max_days = 6;
    assert_int_equal(plan_sessions(&q.request, &result), -ENOSPC);
    assert_int_equal(result.rule, PLAN_GAP);
    assert_int_equal(result.failed_number, 2);
    assert_int_equal(result.count, 1);
    q.programme.gap_max_days = 7;
    assert_int_equal(plan_sessions(&q.request, &result), 0);
    q.programme.gap_min_days = 8; /* more than the most */
    assert_int_equal(plan_sessions(&q.request, &result), -ENOSPC);
    assert_int_equal(result.rule, PLAN_GAP);
}

/* What a failure says about the days that were tried. */
static void test_failure_days(void **state) {
    (void)state;
    static struct question q;
    struct plan_result result;
    const struct row row = {.programme = &three,
                            .start = "2027-01-11",
                            .hours = "Mon 09:00-17:00",
                            .absences = "2027-01-12/2027-02-28",
                            .order_ends = "2027-02-20"};
    ask(&q, &row);
    assert_int_equal(plan_sessions(&q.request, &result), -ENOSPC);
    assert_int_equal(date_cmp(result.from, day("2027-01-14")), 0);
    assert_int_equal(date_cmp(result.to, day("2027-01-25")), 0);
    const struct row late = {.programme = &three,
                             .start = "2027-01-11",
                             .hours = "Mon-Fri 09:00-17:00",
                             .order_ends = "2027-01-16"};
    ask(&q, &late);
    assert_int_equal(plan_sessions(&q.request, &result), -ENOSPC);
    assert_int_equal(date_cmp(result.from, day("2027-01-16")), 0);
    assert_int_equal(date_cmp(result.to, day("2027-01-16")), 0);
    for (int rule = 0; rule < PLAN_RULE_COUNT; rule++) {
        assert_non_null(plan_rule_to_text((enum plan_rule)rule));
    }
}

/* Requests that make no sense are refused and the output stays as it was. */
static void test_nonsense(void **state) {
    (void)state;
    static struct question q;
    const struct row row = {.programme = &three, .start = "2027-01-11", .hours = "Mon 09:00-17:00"};
    for (int fault = 0; fault < 7; fault++) {
        struct plan_result result = {.count = 99};
        ask(&q, &row);
        q.programme.session_count = fault == 0 ? 0 : fault == 1 ? PROGRAMME_SESSIONS_MAX + 1 : 3;
        q.request.first_number = fault == 2 ? 0 : fault == 3 ? 4 : 1;
        q.programme.minutes = fault == 4 ? 0 : 120;
        q.request.start = fault == 5 ? (struct date){2027, 2, 29} : q.request.start;
        q.request.practitioner_busy_count = fault == 6 ? 1 : 0; /* of a zero date */
        assert_int_equal(plan_sessions(&q.request, &result), -EINVAL);
        assert_int_equal(result.count, 99);
    }
}

static const struct {
    struct row row;
    int32_t slack_days;
    uint32_t warning_count;
    struct {
        enum plan_warning warning;
        uint32_t number;
    } warnings[3];
} warning_rows[] = {
    {{.programme = &cobi,
      .start = "2027-01-11",
      .hours = "Mon-Fri 09:00-17:00",
      .prefer = "Tue 14:00"},
     12,
     0,
     {{0, 0}}},
    /* one moved by Easter */
    {{.programme = &three,
      .start = "2027-03-15",
      .hours = "Mon-Fri 09:00-17:00",
      .prefer = "Mon 10:00"},
     77,
     1,
     {{PLAN_WARN_NOT_PREFERRED, 3}}},
    /* none is as preferred */
    {{.programme = &three,
      .start = "2027-01-11",
      .hours = "Mon-Thu 09:00-17:00",
      .prefer = "Fri 10:00"},
     73,
     1,
     {{PLAN_WARN_NOT_PREFERRED, 0}}},
    /* ends on the last day */
    {{.programme = &three,
      .start = "2027-01-11",
      .hours = "Mon-Fri 09:00-17:00",
      .order_ends = "2027-01-25"},
     0,
     1,
     {{PLAN_WARN_NO_SLACK, 0}}},
    {{.programme = &three,
      .start = "2027-01-11",
      .hours = "Mon-Fri 09:00-17:00",
      .order_ends = "2027-01-28"},
     3,
     0,
     {{0, 0}}},
    /* fourteen days between: more than this programme's ten */
    {{.programme = &three,
      .start = "2027-01-11",
      .hours = "Mon-Fri 09:00-17:00",
      .prefer = "Mon 09:00",
      .absences = "2027-01-14/2027-01-22"},
     69,
     1,
     {{PLAN_WARN_GAP_LONG, 2}}},
    {{.programme = &three,
      .start = "2027-01-11",
      .hours = "Mon-Fri 09:00-17:00",
      .absences = "2027-01-10/2027-01-21"},
     65,
     1,
     {{PLAN_WARN_LATE_FIRST, 1}}},
    /* the file of holidays ends on 28 December 2027 */
    {{.programme = &three, .start = "2027-12-15", .hours = "Wed 09:00-17:00"},
     77,
     1,
     {{PLAN_WARN_PAST_HOLIDAY_FILE, 3}}},
};

static void test_warnings(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(warning_rows); i++) {
        static struct question q;
        struct plan_result result;
        ask(&q, &warning_rows[i].row);
        assert_int_equal(plan_sessions(&q.request, &result), 0);
        if (result.slack_days != warning_rows[i].slack_days ||
            result.warning_count != warning_rows[i].warning_count) {
            fail_msg("row %zu: slack %d, %u warnings (%s)", i, result.slack_days,
                     result.warning_count, plan_warning_to_text(result.warnings[0].warning));
        }
        for (uint32_t w = 0; w < result.warning_count; w++) {
            assert_int_equal(result.warnings[w].warning, warning_rows[i].warnings[w].warning);
            assert_int_equal(result.warnings[w].number, warning_rows[i].warnings[w].number);
        }
    }
}

/* Busy times with seconds, and longer than a day: both rooms are taken while both run. */
static void test_odd_busy_times(void **state) {
    (void)state;
    static struct question q;
    const struct row row = {
        .programme = &three, .start = "2027-01-11", .hours = "Mon-Fri 09:00-17:00", .rooms = 2};
    ask(&q, &row);
    q.request.room_busy_count = 3;
    q.rooms[0] = (struct busy){.from = wall("2027-01-10 10:00"), .minutes = 3 * 1440};
    q.rooms[1] = (struct busy){.from = wall("2027-01-10 11:00"), .minutes = 60};
    q.rooms[2] = (struct busy){.from = wall("2027-01-12 09:00:30"), .minutes = 60};
    assert_int_equal(plan_check_slot(&q.request, wall("2027-01-12 09:59")), PLAN_ROOM);
    assert_int_equal(plan_check_slot(&q.request, wall("2027-01-12 10:00")), PLAN_ROOM);
    assert_int_equal(plan_check_slot(&q.request, wall("2027-01-12 10:01")), PLAN_FINE);
    assert_int_equal(plan_check_slot(&q.request, wall("2027-01-11 10:00")), PLAN_FINE);
    struct plan_result result;
    assert_int_equal(plan_sessions(&q.request, &result), 0);
    q.request.start = day("2027-01-12");
    q.request.order_ends = day("2027-01-12");
    q.request.first_number = 3;
    assert_int_equal(plan_sessions(&q.request, &result), 0);
    assert_int_equal(civil_cmp(result.starts[0], wall("2027-01-12 10:30")), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_failures),     cmocka_unit_test(test_gap_failures),
        cmocka_unit_test(test_failure_days), cmocka_unit_test(test_nonsense),
        cmocka_unit_test(test_warnings),     cmocka_unit_test(test_odd_busy_times),
    };
    return cmocka_run_group_tests_name("plan_failures", tests, NULL, NULL);
}
