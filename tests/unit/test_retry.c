/* Spacing of attempts: doubling, its limits, hints, and the spread. */
#include "rules_world.h"

#include "cobi/rules/retry.h"
#include "seed.h"

static const struct retry_policy policy = {
    .first = {30 * SECOND_US}, .most = {30 * MINUTE_US}, .hint_max = {15 * MINUTE_US}};

/* The noise that adds nothing: in the middle of the spread. */
static uint64_t middle_of(int64_t delay_us) {
    return (uint64_t)(delay_us / 5);
}

static void attempts_double_up_to_the_most(void **unused) {
    static const struct {
        uint32_t attempt;
        int64_t seconds;
    } rows[] = {{0, 30},  {1, 30},   {2, 60},   {3, 120},   {4, 240},          {5, 480},
                {6, 960}, {7, 1800}, {8, 1800}, {40, 1800}, {UINT32_MAX, 1800}};
    const struct instant now = at("2026-10-25T00:59:59Z");

    (void)unused;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        const int64_t us = rows[i].seconds * SECOND_US;
        const struct instant t = retry_at(&policy, rows[i].attempt, (struct span){0}, middle_of(us),
                                          now);
        assert_int_equal(instant_since(t, now).us, us);
    }
}

static void the_spread_is_a_fifth_either_way(void **unused) {
    uint64_t state = seed_init("retry");
    int64_t least = INT64_MAX, most = 0;

    (void)unused;
    for (int i = 0; i < 20000; i++) {
        const uint64_t noise = seed_next(&state);
        const struct instant t = retry_at(&policy, 2, (struct span){0}, noise, (struct instant){0});
        least = t.us < least ? t.us : least;
        most = t.us > most ? t.us : most;
        assert_int_equal(t.us,
                         retry_at(&policy, 2, (struct span){0}, noise, (struct instant){0}).us);
    }
    assert_in_range(least, 48 * SECOND_US, 49 * SECOND_US);
    assert_in_range(most, 71 * SECOND_US, 72 * SECOND_US);
}

static void hints_are_kept_up_to_a_limit(void **unused) {
    static const struct {
        int64_t hint_seconds, seconds;
    } rows[] = {{1, 1}, {7, 7}, {900, 900}, {901, 900}, {86400, 900}};

    (void)unused;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        const struct span hint = {rows[i].hint_seconds * SECOND_US};
        const struct instant t = retry_at(&policy, 9, hint, UINT64_MAX, (struct instant){5});
        assert_int_equal(t.us - 5, rows[i].seconds * SECOND_US);
    }
}

static void never_at_once(void **unused) {
    static const struct retry_policy empty = {{0}, {0}, {0}};
    static const struct retry_policy wrong = {{-5 * SECOND_US}, {-1}, {-1}};

    (void)unused;
    for (uint32_t attempt = 0; attempt < 4; attempt++) {
        for (int64_t hint = -1; hint <= 1; hint++) {
            assert_int_equal(
                retry_at(&empty, attempt, (struct span){hint}, 3, (struct instant){0}).us,
                SECOND_US);
            assert_int_equal(
                retry_at(&wrong, attempt, (struct span){hint}, 3, (struct instant){0}).us,
                SECOND_US);
        }
    }
}

static void classes_have_names(void **unused) {
    (void)unused;
    for (unsigned a = 0; a < OUTCOME_CLASS_COUNT; a++) {
        for (unsigned b = 0; b < a; b++) {
            assert_string_not_equal(outcome_class_to_text((enum outcome_class)a),
                                    outcome_class_to_text((enum outcome_class)b));
        }
    }
    assert_string_equal(outcome_class_to_text(OUTCOME_UNCERTAIN), "uncertain");
    assert_string_equal(outcome_class_to_text(OUTCOME_GATEWAY_DOWN), "gateway_down");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attempts_double_up_to_the_most),
        cmocka_unit_test(the_spread_is_a_fifth_either_way),
        cmocka_unit_test(hints_are_kept_up_to_a_limit),
        cmocka_unit_test(never_at_once),
        cmocka_unit_test(classes_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
