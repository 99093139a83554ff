/* Rounds by the calendar: whole days in the evening, weeks on their first working day, rounds let
 * pass, and that the next one always lies ahead. */
#include "rules_world.h"

#include "cobi/rules/rounds.h"
#include "seed.h"

static struct date day(const char *text) {
    struct date d = {0};

    if (*text && date_from_text(text, &d) != 0) {
        fail_msg("not a date: %s", text);
    }
    return d;
}

static void expect(const char *why, struct rounds got, const char *due, const char *next) {
    char text[DATE_TEXT_SIZE] = "";

    if (got.due.year != 0) {
        date_to_text(got.due, text);
    }
    if (strcmp(text, due) != 0) {
        fail_msg("%s: due \"%s\", expected \"%s\"", why, text, due);
    }
    assert_instant(why, got.next, local_at(world_london(), next));
}

static const struct round_row {
    const char *why, *base, *told, *now, *due, *next;
} day_rows[] = {
    {"a plan that begins in the future", "2027-02-01", "", "2027-01-11 10:00", "",
     "2027-02-15 20:00"},
    {"the very day", "2027-01-12", "", "2027-01-12 23:00", "", "2027-01-26 20:00"},
    {"a minute before", "2027-01-12", "", "2027-01-26 19:59", "", "2027-01-26 20:00"},
    {"fourteen whole days", "2027-01-12", "", "2027-01-26 20:00", "2027-01-26", "2027-02-09 20:00"},
    {"told already", "2027-01-12", "2027-01-26", "2027-01-26 20:00", "", "2027-02-09 20:00"},
    {"the second round", "2027-01-12", "2027-01-26", "2027-02-09 20:00", "2027-02-09",
     "2027-02-23 20:00"},
    {"three rounds let pass are told once", "2027-01-12", "", "2027-02-24 09:00", "2027-02-23",
     "2027-03-09 20:00"},
    {"attended since: a new base", "2027-02-02", "2027-01-26", "2027-02-10 12:00", "",
     "2027-02-16 20:00"},
    {"an attendance that was taken back", "2027-01-12", "2027-01-26", "2027-02-12 12:00",
     "2027-02-09", "2027-02-23 20:00"},
    {"told by a clock that was wrong", "2027-01-12", "2027-03-09", "2027-01-27 12:00", "2027-01-26",
     "2027-02-09 20:00"},
    {"over the night on which clocks change", "2027-03-20", "", "2027-03-30 12:00", "",
     "2027-04-03 20:00"},
};

static void days_without(void **unused) {
    (void)unused;
    for (size_t i = 0; i < ARRAY_COUNT(day_rows); i++) {
        const struct round_row *row = &day_rows[i];
        expect(row->why,
               rounds_of_days(day(row->base), day(row->told), 14, world_london(),
                              local_at(world_london(), row->now)),
               row->due, row->next);
    }
}

static const struct round_row week_rows[] = {
    {"before Monday nine", "", "2027-01-04", "2027-01-11 08:59", "", "2027-01-11 09:00"},
    {"Monday nine", "", "2027-01-04", "2027-01-11 09:00", "2027-01-11", "2027-01-18 09:00"},
    {"told already", "", "2027-01-11", "2027-01-11 09:00", "", "2027-01-18 09:00"},
    {"never told", "", "", "2027-01-14 12:00", "2027-01-11", "2027-01-18 09:00"},
    {"Sunday night", "", "2027-01-11", "2027-01-17 23:59", "", "2027-01-18 09:00"},
    {"three weeks let pass are told once", "", "2027-01-11", "2027-02-03 15:00", "2027-02-01",
     "2027-02-08 09:00"},
    {"Easter Monday: on Tuesday", "", "2027-03-22", "2027-03-29 12:00", "", "2027-03-30 09:00"},
    {"the Tuesday", "", "2027-03-22", "2027-03-30 09:00", "2027-03-29", "2027-04-05 09:00"},
    {"the Monday after next Monday's holiday", "", "2027-04-26", "2027-04-26 10:00", "",
     "2027-05-04 09:00"},
    {"told by a clock that was wrong", "", "2027-02-15", "2027-01-12 18:00", "2027-01-11",
     "2027-01-18 09:00"},
    {"nine in summer", "", "2027-03-22", "2027-03-24 12:00", "", "2027-03-30 09:00"},
};

static void weeks(void **unused) {
    const struct hours hours = world_hours("Mon-Fri 09:00-17:00");
    const struct working_time office = {&hours, world_london(), world_holidays()};

    (void)unused;
    for (size_t i = 0; i < ARRAY_COUNT(week_rows); i++) {
        const struct round_row *row = &week_rows[i];
        expect(row->why,
               rounds_of_weeks(day(row->told), &office, local_at(world_london(), row->now)),
               row->due, row->next);
    }
}

/* Whatever the moment: what is next lies ahead, what is due does not, and what was told is not due
 * again. */
static void always_ahead(void **unused) {
    const struct hours hours = world_hours("Mon-Fri 09:00-17:00"), none = world_hours("");
    const struct working_time office = {&hours, world_london(), world_holidays()};
    const struct working_time nobody = {&none, world_london(), NULL};
    uint64_t seed = seed_init("test_rounds");

    (void)unused;
    for (int i = 0; i < 20000; i++) {
        const struct instant now = {at("2026-12-01T00:00Z").us +
                                    (int64_t)(seed_next(&seed) % (200 * 86400)) * SECOND_US};
        const struct date base = date_add_days(day("2026-12-20"),
                                               (int32_t)(seed_next(&seed) % 100) - 50);
        const uint32_t days = 2 + (uint32_t)(seed_next(&seed) % 30);
        const struct rounds rounds[] = {rounds_of_days(base, day(""), days, world_london(), now),
                                        rounds_of_weeks(day(""), &office, now),
                                        rounds_of_weeks(day(""), &nobody, now)};
        for (size_t k = 0; k < ARRAY_COUNT(rounds); k++) {
            assert_true(instant_cmp(rounds[k].next, now) > 0);
            assert_true(rounds[k].due.year == 0 ||
                        instant_cmp(rounds_moment(world_london(), rounds[k].due, 0), now) <= 0);
        }
        assert_int_equal(rounds_of_days(base, rounds[0].due, days, world_london(), now).due.year,
                         0);
        assert_int_equal(rounds_of_weeks(rounds[1].due, &office, now).due.year, 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(days_without),
        cmocka_unit_test(weeks),
        cmocka_unit_test(always_ahead),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
