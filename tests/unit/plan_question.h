/* Questions for the planner written as text, and the zones, holidays and programmes they use;
 * shared by its tests. */
#ifndef COBI_TESTS_PLAN_QUESTION_H
#define COBI_TESTS_PLAN_QUESTION_H

#include "cobi/rules/plan.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define LIST_MAX 400

/* The changes of winter 2026-27, as the public zone data has them. */
static const struct zone zones[] = {
    {.name = "Europe/London",
     .offset_before_s = 3600,
     .transition_count = 2,
     .transitions = {{{1792890000 * SECOND_US}, 0}, {{1806195600 * SECOND_US}, 3600}}},
    {.name = "America/New_York",
     .offset_before_s = -14400,
     .transition_count = 2,
     .transitions = {{{1793512800 * SECOND_US}, -18000}, {{1805007600 * SECOND_US}, -14400}}},
    {.name = "Australia/Sydney",
     .offset_before_s = 36000,
     .transition_count = 2,
     .transitions = {{{1791043200 * SECOND_US}, 39600}, {{1806768000 * SECOND_US}, 36000}}},
    {.name = "Australia/Lord_Howe",
     .offset_before_s = 37800,
     .transition_count = 2,
     .transitions = {{{1791041400 * SECOND_US}, 39600}, {{1806764400 * SECOND_US}, 37800}}},
};
static const struct zone no_zone = {.name = "UTC"};

static const struct holidays holidays = {
    .count = 8,
    .last = {2027, 12, 28},
    .days = {{{2026, 12, 25}, "Christmas Day"},
             {{2026, 12, 28}, "Boxing Day"},
             {{2027, 1, 1}, "New Year's Day"},
             {{2027, 3, 26}, "Good Friday"},
             {{2027, 3, 29}, "Easter Monday"},
             {{2027, 5, 3}, "Early May"},
             {{2027, 5, 31}, "Spring"},
             {{2027, 12, 28}, "Boxing Day"}},
};
static const struct programme cobi = {.id = "twelve",
                                      .session_count = 12,
                                      .months = 3,
                                      .minutes = 120,
                                      .gap_min_days = 3,
                                      .gap_target_days = 7,
                                      .gap_max_days = 21,
                                      .gap_flag_days = 14,
                                      .first_within_days = 7,
                                      .horizon_months = 6};
static const struct programme form_2018 = {.id = "ten",
                                           .session_count = 10,
                                           .months = 3,
                                           .minutes = 90,
                                           .gap_min_days = 3,
                                           .gap_target_days = 7,
                                           .gap_max_days = 21,
                                           .gap_flag_days = 14,
                                           .horizon_months = 6};
static const struct programme half_year = {.id = "half-year",
                                           .session_count = 26,
                                           .months = 6,
                                           .minutes = 60,
                                           .gap_min_days = 3,
                                           .gap_target_days = 7,
                                           .gap_max_days = 21,
                                           .gap_flag_days = 14,
                                           .horizon_months = 6};
/* Three sessions: small enough to see at a glance. */
static const struct programme three = {.id = "three",
                                       .session_count = 3,
                                       .months = 3,
                                       .minutes = 120,
                                       .gap_min_days = 3,
                                       .gap_target_days = 7,
                                       .gap_max_days = 14,
                                       .gap_flag_days = 10,
                                       .first_within_days = 7,
                                       .horizon_months = 6};

/* A request with room for what it points to. */
struct question {
    struct plan_request request;
    struct programme programme;
    struct hours practitioner, office, unavailable;
    struct slot prefer;
    struct date_range absences[8];
    struct busy busy[LIST_MAX], rooms[LIST_MAX];
};

static inline struct date day(const char *text) {
    struct date date;
    assert_int_equal(date_from_text(text, &date), 0);
    return date;
}

static inline struct civil wall(const char *text) {
    struct civil civil;
    assert_int_equal(civil_from_text(text, &civil), 0);
    return civil;
}

/* The question as text; NULL where there is nothing. Lists are parted by ", ". */
struct row {
    const struct programme *programme;
    const char *start;
    const char *hours; /* practitioner's */
    const char *unavailable;
    const char *prefer;
    const char *absences; /* "2027-01-12/2027-01-14" */
    const char *busy;     /* "2027-01-12 14:00" of 120 minutes each */
    const char *rooms_busy;
    uint32_t rooms;
    const char *order_ends, *window_end;
    uint32_t first_number; /* 0: 1 */
    const char *previous;
    const char *now;
    const char *wanted;  /* starts "2027-01-12T14:00", or as many as are worth it */
    enum plan_rule rule; /* PLAN_FINE: a plan is wanted */
    uint32_t failed_number;
};

/* The next entry of a list, or NULL. */
static inline const char *next_entry(const char **list, char buffer[64]) {
    if (*list == NULL || **list == '\0') {
        return NULL;
    }
    size_t length = strcspn(*list, ",");
    assert_true(length < 64);
    memcpy(buffer, *list, length);
    buffer[length] = '\0';
    *list += length;
    *list += strspn(*list, ", ");
    return buffer;
}

static inline size_t read_busy(const char *list, struct busy *busy) {
    char buffer[64];
    size_t count = 0;
    for (; next_entry(&list, buffer) != NULL; count++) {
        busy[count] = (struct busy){.from = wall(buffer), .minutes = 120};
    }
    return count;
}

static inline void ask(struct question *q, const struct row *row) {
    memset(q, 0, sizeof *q);
    q->programme = *row->programme;
    assert_int_equal(hours_parse(row->hours, &q->practitioner), 0);
    assert_int_equal(hours_parse("Mon-Sun 00:00-24:00", &q->office), 0);
    q->request = (struct plan_request){.programme = &q->programme,
                                       .zone = &zones[0],
                                       .holidays = &holidays,
                                       .practitioner_hours = &q->practitioner,
                                       .office_hours = &q->office,
                                       .absences = q->absences,
                                       .practitioner_busy = q->busy,
                                       .room_busy = q->rooms,
                                       .rooms = row->rooms,
                                       .start = day(row->start),
                                       .first_number = row->first_number == 0 ? 1
                                                                              : row->first_number};
    if (row->unavailable != NULL) {
        assert_int_equal(hours_parse(row->unavailable, &q->unavailable), 0);
        q->request.unavailable = &q->unavailable;
    }
    if (row->prefer != NULL) {
        assert_int_equal(slot_parse(row->prefer, &q->prefer), 0);
        q->request.prefer = &q->prefer;
    }
    char buffer[64];
    const char *absences = row->absences;
    for (size_t i = 0; next_entry(&absences, buffer) != NULL; i++) {
        buffer[10] = '\0';
        q->absences[i] = (struct date_range){day(buffer), day(buffer + 11)};
        q->request.absence_count = i + 1;
    }
    q->request.practitioner_busy_count = read_busy(row->busy, q->busy);
    q->request.room_busy_count = read_busy(row->rooms_busy, q->rooms);
    q->request.order_ends = row->order_ends == NULL ? (struct date){0} : day(row->order_ends);
    q->request.window_end = row->window_end == NULL ? (struct date){0} : day(row->window_end);
    q->request.previous = row->previous == NULL ? (struct civil){0} : wall(row->previous);
    q->request.now = row->now == NULL ? (struct civil){0} : wall(row->now);
    q->request.today = q->request.now.date;
}

static inline void check_row(size_t number, const struct row *row) {
    static struct question q;
    struct plan_result result;
    ask(&q, row);
    int outcome = plan_sessions(&q.request, &result);
    if (outcome != (row->rule == PLAN_FINE ? 0 : -ENOSPC) || result.rule != row->rule) {
        fail_msg("row %zu: %d, rule %d (%s) for session %u", number, outcome, (int)result.rule,
                 plan_rule_to_text(result.rule), result.failed_number);
    }
    if (row->rule != PLAN_FINE && result.failed_number != row->failed_number) {
        fail_msg("row %zu: session %u fails instead of %u", number, result.failed_number,
                 row->failed_number);
    }
    char wanted[64], got[CIVIL_TEXT_SIZE];
    const char *list = row->wanted;
    for (size_t i = 0; next_entry(&list, wanted) != NULL; i++) {
        assert_true(i < result.count);
        civil_to_text(result.starts[i], got);
        if (strcmp(got, wanted) != 0) {
            fail_msg("row %zu, place %zu: %s instead of %s", number, i + 1, got, wanted);
        }
    }
}

static inline void assert_weekly(const struct plan_result *result, uint32_t count) {
    assert_int_equal(result->count, count);
    for (uint32_t i = 1; i < count; i++) {
        assert_int_equal(
            date_to_days(result->starts[i].date) - date_to_days(result->starts[i - 1].date), 7);
        assert_int_equal(civil_minute_of_day(result->starts[i]),
                         civil_minute_of_day(result->starts[0]));
    }
}

#endif
