/* The planner against its own laws on random requests: every plan keeps every rule, where it finds
 * none there is none, and where a weekly series is possible the plan is weekly. */
#include "cobi/base/cleanup.h"
#include "plan_question.h"
#include "seed.h"

#include <errno.h>

/* Written apart from the planner, minute by minute: may a session be held there? */
static bool slot_free(const struct plan_request *r, struct civil start) {
    uint32_t minutes = r->programme->minutes;
    if (r->holidays != NULL && holidays_find(r->holidays, start.date) != NULL) {
        return false;
    }
    for (size_t i = 0; i < r->absence_count; i++) {
        if (date_cmp(start.date, r->absences[i].from) >= 0 &&
            date_cmp(start.date, r->absences[i].to) <= 0) {
            return false;
        }
    }
    if (r->now.date.year != 0 && civil_cmp(start, r->now) <= 0) {
        return false;
    }
    for (uint32_t i = 0; i <= minutes; i++) {
        struct civil c = civil_add_minutes(start, (int32_t)i);
        struct instant instant;
        if (zone_resolve(r->zone, c, ZONE_FIRST, &instant) != ZONE_UNIQUE) {
            return false;
        }
        if (i == minutes) {
            break;
        }
        enum weekday weekday = date_weekday(start.date);
        uint32_t minute = (uint32_t)civil_minute_of_day(c);
        uint32_t taken = 0;
        if (date_cmp(c.date, start.date) != 0 ||
            !hours_touch(r->practitioner_hours, weekday, minute, minute + 1) ||
            !hours_touch(r->office_hours, weekday, minute, minute + 1) ||
            (r->unavailable != NULL && hours_touch(r->unavailable, weekday, minute, minute + 1))) {
            return false;
        }
        for (size_t b = 0; b < r->practitioner_busy_count; b++) {
            const struct busy *busy = &r->practitioner_busy[b];
            if (civil_cmp(busy->from, c) <= 0 &&
                civil_cmp(c, civil_add_minutes(busy->from, (int32_t)busy->minutes)) < 0) {
                return false;
            }
        }
        for (size_t b = 0; b < r->room_busy_count && r->mode == PLAN_IN_PERSON && r->rooms > 0;
             b++) {
            const struct busy *busy = &r->room_busy[b];
            taken += civil_cmp(busy->from, c) <= 0 &&
                     civil_cmp(c, civil_add_minutes(busy->from, (int32_t)busy->minutes)) < 0;
            if (taken >= r->rooms) {
                return false;
            }
        }
    }
    return true;
}

static struct date last_allowed(const struct plan_request *r) {
    struct date last = r->window_end.year != 0
                           ? r->window_end
                           : date_add_months(r->start, (int32_t)r->programme->months);
    struct date horizon = date_add_months(r->start, (int32_t)r->programme->horizon_months);
    last = r->order_ends.year != 0 && date_cmp(r->order_ends, last) < 0 ? r->order_ends : last;
    return date_cmp(horizon, last) < 0 ? horizon : last;
}

/* The least and greatest day for a session after one on `before` (the number is the first to place
 * or not). */
static void gap_limits(const struct plan_request *r, struct date before, bool first,
                       int32_t *ret_from, int32_t *ret_to) {
    int32_t base = date_to_days(r->start);
    base = r->today.year != 0 && date_to_days(r->today) > base ? date_to_days(r->today) : base;
    *ret_from = base;
    *ret_to = INT32_MAX;
    if (before.year != 0) {
        int32_t day_before = date_to_days(before);
        *ret_from = day_before + (int32_t)r->programme->gap_min_days;
        *ret_from = *ret_from < base ? base : *ret_from;
        *ret_to = (first && day_before < base - 1 ? base - 1 : day_before) +
                  (int32_t)r->programme->gap_max_days;
    }
}

static void check_laws(const struct plan_request *r, const struct plan_result *result) {
    struct date before = r->previous.date;
    for (uint32_t i = 0; i < result->count; i++) {
        int32_t from, to, at = date_to_days(result->starts[i].date);
        gap_limits(r, before, i == 0, &from, &to);
        assert_in_range(at, from, to);
        assert_true(date_cmp(result->starts[i].date, last_allowed(r)) <= 0);
        assert_true(slot_free(r, result->starts[i]));
        assert_int_equal(plan_check_slot(r, result->starts[i]), PLAN_FINE);
        bool preferred = r->prefer != NULL &&
                         r->prefer->minute == civil_minute_of_day(result->starts[i]);
        assert_true(preferred || result->starts[i].minute % 15 == 0);
        before = result->starts[i].date;
    }
    if (result->rule == PLAN_FINE) {
        assert_int_equal(result->slack_days, date_to_days(last_allowed(r)) - date_to_days(before));
    }
}

static bool day_free(const struct plan_request *r, struct date date) {
    for (int32_t minute = 0; minute < 1440; minute += 15) {
        if (slot_free(r, civil_at(date, minute))) {
            return true;
        }
    }
    return r->prefer != NULL && slot_free(r, civil_at(date, r->prefer->minute));
}

#define SMALL_DAYS 40
/* The most sessions that any choice of days can hold, by counting through all choices like an
 * odometer. */
static uint32_t most_sessions(const struct plan_request *r, uint32_t wanted) {
    bool free_days[SMALL_DAYS];
    int32_t start = date_to_days(r->start), last = date_to_days(last_allowed(r)) - start;
    for (int32_t i = 0; i <= last; i++) {
        assert_true(i < SMALL_DAYS);
        free_days[i] = day_free(r, date_from_days(start + i));
    }
    int32_t chosen[PROGRAMME_SESSIONS_MAX];
    uint32_t held = 0, most = 0;
    int32_t next = 0; /* the next day to try for session `held` */
    for (;;) {
        int32_t from, to;
        gap_limits(r, held == 0 ? r->previous.date : date_from_days(start + chosen[held - 1]),
                   held == 0, &from, &to);
        next = next < from - start ? from - start : next;
        while (next <= last && !free_days[next]) {
            next++;
        }
        if (next <= last && next + start <= to) {
            chosen[held++] = next++;
            most = held > most ? held : most;
            if (most == wanted) {
                return most;
            }
        } else if (held == 0) {
            return most;
        } else {
            next = chosen[--held] + 1;
        }
    }
}

static void random_busy(uint64_t *seed, struct date start, int64_t days, int64_t most,
                        struct busy *busy, size_t *ret_count) {
    size_t count = (size_t)seed_between(seed, 0, most);
    for (size_t i = 0; i < count; i++) {
        struct busy item = {
            .from = civil_at(date_add_days(start, (int32_t)seed_between(seed, -2, days)),
                             (int32_t)seed_between(seed, 0, 287) * 5),
            .minutes = (uint32_t)seed_between(seed, 1, 48) * 5};
        item.minutes += seed_between(seed, 0, 15) == 0 ? 2 * 1440 : 0;
        size_t at = i;
        for (; at > 0 && civil_cmp(busy[at - 1].from, item.from) > 0; at--) {
            busy[at] = busy[at - 1];
        }
        busy[at] = item;
    }
    *ret_count = count;
}

static void random_question(uint64_t *seed, struct question *q, bool small) {
    static const char *const hours[] = {"Mon-Fri 09:00-17:00",
                                        "Mon-Thu 09:30-17:00",
                                        "Tue 10:00-13:00, Thu 12:00-19:00",
                                        "Mon-Sun 00:00-24:00",
                                        "Wed 09:10-12:00, Sun 00:00-06:00",
                                        "Mon 09:00-12:00"};
    static const char *const unavailable[] = {"Mon-Fri 09:00-12:00", "Fri 12:00-24:00",
                                              "Mon 00:00-24:00, Wed 10:07-11:11"};
    static const char *const starts[] = {"2026-09-28", "2026-10-17", "2027-03-10", "2027-05-05",
                                         "2026-12-20"};
    struct row row = {.programme = small ? &three : &cobi,
                      .start = starts[seed_between(seed, 0, 4)],
                      .hours = hours[seed_between(seed, 0, 5)]};
    row.unavailable = seed_between(seed, 0, 2) == 0 ? unavailable[seed_between(seed, 0, 2)] : NULL;
    ask(q, &row);
    struct plan_request *r = &q->request;
    r->start = date_add_days(r->start, (int32_t)seed_between(seed, 0, 6));
    r->zone = seed_between(seed, 0, 3) == 0 ? &no_zone : &zones[seed_between(seed, 0, 3)];
    r->rooms = (uint32_t)seed_between(seed, 0, 3);
    r->mode = seed_between(seed, 0, 3) == 0 ? PLAN_REMOTE : PLAN_IN_PERSON;
    q->programme.minutes = (uint32_t)seed_between(seed, 4, 10) * 15;
    q->programme.gap_min_days = (uint32_t)seed_between(seed, 1, 5);
    q->programme.gap_target_days = (uint32_t)seed_between(seed, 0, 2) == 0
                                       ? (uint32_t)seed_between(seed, 3, 14)
                                       : 7;
    q->programme.gap_max_days = q->programme.gap_min_days + (uint32_t)seed_between(seed, 4, 20);
    q->programme.session_count = (uint32_t)seed_between(seed, 1, small ? 5 : 20);
    if (seed_between(seed, 0, 1) == 0) {
        q->prefer = (struct slot){.weekday = (enum weekday)seed_between(seed, 0, 6),
                                  .minute = (uint16_t)seed_between(seed, 480, 1020)};
        r->prefer = &q->prefer;
    }
    int64_t days = small ? 24 : 92;
    for (r->absence_count = 0; r->absence_count < 8 && seed_between(seed, 0, 2) > 0;
         r->absence_count++) {
        struct date from = date_add_days(r->start, (int32_t)seed_between(seed, -5, days));
        q->absences[r->absence_count] = (struct date_range){
            from, date_add_days(from, (int32_t)seed_between(seed, 0, 9))};
    }
    random_busy(seed, r->start, days, small ? 40 : 200, q->busy, &r->practitioner_busy_count);
    random_busy(seed, r->start, days, small ? 80 : LIST_MAX, q->rooms, &r->room_busy_count);
    if (small) {
        r->order_ends = date_add_days(r->start, (int32_t)seed_between(seed, 0, 24));
    }
    if (seed_between(seed, 0, 3) == 0) {
        r->first_number = (uint32_t)seed_between(seed, 1, q->programme.session_count);
        r->previous = civil_at(date_add_days(r->start, (int32_t)seed_between(seed, -40, 20)), 600);
    }
    if (!small && seed_between(seed, 0, 1) == 0) {
        r->now = civil_at(date_add_days(r->start, (int32_t)seed_between(seed, -3, 30)),
                          (int32_t)seed_between(seed, 0, 1439));
        r->today = r->now.date;
    }
}

static void test_random_laws(void **state) {
    (void)state;
    uint64_t seed = seed_init("test_random_laws");
    uint32_t fine = 0;
    for (int round = 0; round < 400; round++) {
        static struct question q;
        static struct plan_result result, again;
        memset(&result, 0x11, sizeof result);
        memset(&again, 0x11, sizeof again);
        random_question(&seed, &q, false);
        int outcome = plan_sessions(&q.request, &result);
        assert_int_equal(plan_sessions(&q.request, &again), outcome);
        assert_memory_equal(&result, &again, sizeof result);
        uint32_t wanted = q.programme.session_count - q.request.first_number + 1;
        if (outcome == 0) {
            fine++;
            assert_int_equal(result.count, wanted);
            assert_int_equal(result.rule, PLAN_FINE);
        } else {
            assert_int_equal(outcome, -ENOSPC);
            assert_int_equal(result.failed_number, q.request.first_number + result.count);
            assert_true(result.count < wanted && result.rule != PLAN_FINE &&
                        result.rule < PLAN_RULE_COUNT);
        }
        check_laws(&q.request, &result);
    }
    assert_in_range(fine, 20, 380); /* the generator makes both kinds */
}

/* Where the planner finds no place, there is none. */
static void test_random_failures(void **state) {
    (void)state;
    uint64_t seed = seed_init("test_random_failures");
    uint32_t failed = 0;
    for (int round = 0; round < 120; round++) {
        static struct question q;
        static struct plan_result result;
        random_question(&seed, &q, true);
        uint32_t wanted = q.programme.session_count - q.request.first_number + 1;
        int outcome = plan_sessions(&q.request, &result);
        assert_int_equal(result.count, most_sessions(&q.request, wanted));
        assert_int_equal(outcome, result.count == wanted ? 0 : -ENOSPC);
        check_laws(&q.request, &result);
        failed += outcome != 0;
    }
    assert_in_range(failed, 5, 115);
}

/* Is the start free each week, from that day on? */
static bool series_free(const struct plan_request *r, struct date first, int32_t minute) {
    for (uint32_t i = 0; i < r->programme->session_count; i++) {
        struct date date = date_add_days(first, (int32_t)i * 7);
        if (date_cmp(date, last_allowed(r)) > 0 || !slot_free(r, civil_at(date, minute))) {
            return false;
        }
    }
    return true;
}

/* Where a weekly series from the first week on is possible, the plan is weekly. */
static void test_random_weekly(void **state) {
    (void)state;
    uint64_t seed = seed_init("test_random_weekly");
    uint32_t found = 0;
    for (int round = 0; round < 150; round++) {
        static struct question q;
        static struct plan_result result;
        random_question(&seed, &q, false);
        q.request.holidays = NULL;
        q.request.now = (struct civil){0};
        q.request.today = (struct date){0};
        q.request.previous = (struct civil){0};
        q.request.first_number = 1;
        q.request.practitioner_busy_count /= 4;
        q.request.absence_count = 0;
        q.programme.gap_min_days = 3;
        q.programme.gap_target_days = 7;
        q.programme.gap_max_days = 21;
        q.programme.session_count = 12;
        bool possible = false;
        for (int32_t days = 0; days < 7 && !possible; days++) {
            struct date first = date_add_days(q.request.start, days);
            if (q.request.prefer != NULL) {
                possible = date_weekday(first) == q.prefer.weekday &&
                           series_free(&q.request, first, q.prefer.minute);
                continue;
            }
            for (int32_t minute = 0; minute < 1440 && !possible; minute += 15) {
                possible = series_free(&q.request, first, minute);
            }
        }
        if (possible) {
            found++;
            assert_int_equal(plan_sessions(&q.request, &result), 0);
            assert_weekly(&result, 12);
            if (q.request.prefer != NULL) {
                assert_int_equal(civil_minute_of_day(result.starts[0]), q.prefer.minute);
                assert_int_equal(date_weekday(result.starts[0].date), q.prefer.weekday);
            }
        }
    }
    assert_true(found > 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_laws),
        cmocka_unit_test(test_random_failures),
        cmocka_unit_test(test_random_weekly),
    };
    return cmocka_run_group_tests_name("plan_random", tests, NULL, NULL);
}
