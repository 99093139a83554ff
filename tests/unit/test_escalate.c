/* Steps, waits and repetition of escalations: a whole history, the hours that decide, and what a
 * policy may not be. */
#include "rules_world.h"

#include <errno.h>

#include "cobi/rules/escalate.h"
#include "seed.h"

#define STEP_WAITING(who, hours, most_hours)                                                       \
    {                                                                                              \
        .target = TARGET_##who, .wait = {(hours)*HOUR_US}, .wait_most = {(most_hours)*HOUR_US }    \
    }
#define STEP(who) STEP_WAITING(who, 4, 24)

static const struct escalation_policy chain = {
    .kind = ESCALATION_MISSED,
    .audience = AUDIENCE_SUPERVISOR,
    .step_count = 3,
    .steps = {STEP(SUPERVISOR), STEP(NEXT_SUPERVISOR), STEP(OPERATOR)},
    .acknowledged_days = 3,
};

/* The wait after a step is told: four hours of the person's work, a day by the clock at most.
 * London's wall clock. */
static const struct wait_row {
    const char *why, *hours, *now, *until;
} wait_rows[] = {
    {"within a day", "Mon-Fri 09:00-17:00", "2026-11-24 10:00", "2026-11-24 14:00"},
    {"over a night", "Mon-Fri 09:00-17:00", "2026-11-24 15:00", "2026-11-25 11:00"},
    {"told at night, counted from the opening", "Mon-Fri 09:00-17:00", "2026-11-24 02:00",
     "2026-11-24 13:00"},
    {"told after closing", "Mon-Fri 09:00-17:00", "2026-11-24 17:00", "2026-11-25 13:00"},
    {"Friday afternoon: a day by the clock", "Mon-Fri 09:00-17:00", "2026-11-20 16:00",
     "2026-11-21 16:00"},
    {"works at the weekend", "Mon-Sun 09:00-17:00", "2026-11-20 16:00", "2026-11-21 12:00"},
    {"a bank holiday does not count", "Mon-Fri 09:00-17:00", "2026-12-28 09:00",
     "2026-12-29 09:00"},
    {"no hours: by the clock", "", "2026-11-24 10:00", "2026-11-25 10:00"},
    {"autumn: 24 hours are 24 hours", "", "2026-10-24 12:00", "2026-10-25 11:00"},
    {"autumn: the extra hour counts", "Mon-Sun 00:00-24:00", "2026-10-25 00:00",
     "2026-10-25 03:00"},
    {"spring: the lost hour does not", "Mon-Sun 00:00-24:00", "2027-03-28 00:00",
     "2027-03-28 05:00"},
};

static void waits_count_working_hours(void **unused) {
    const struct zone *const london = world_london();

    (void)unused;
    for (size_t i = 0; i < ARRAY_COUNT(wait_rows); i++) {
        const struct wait_row *const row = &wait_rows[i];
        const struct hours hours = world_hours(row->hours);
        const struct working_time person = {&hours, london, world_holidays()};
        for (uint32_t step = 0; step < chain.step_count; step++) {
            const struct escalation_decision got = escalation_decide(
                &chain, (struct escalation_position){step, 0}, &person, local_at(london, row->now));
            assert_int_equal(got.move, ESCALATE_TELL);
            assert_int_equal(got.next.step, step + 1);
            assert_int_equal(got.next.cycle, 0);
            assert_instant(row->why, got.until, local_at(london, row->until));
        }
    }
}

/* All steps told, nobody answered: when the next round begins. */
static const struct wait_row repeat_rows[] = {
    {"the next morning", "Mon-Fri 09:00-17:00", "2026-11-24 14:00", "2026-11-25 09:00"},
    {"this morning, if it is still to come", "Mon-Fri 09:00-17:00", "2026-11-24 08:59",
     "2026-11-24 09:00"},
    {"at the opening it has come", "Mon-Fri 09:00-17:00", "2026-11-24 09:00", "2026-11-25 09:00"},
    {"a break is no opening", "Mon-Fri 09:00-12:00, Mon-Fri 13:00-17:00", "2026-11-24 12:30",
     "2026-11-25 09:00"},
    {"over a weekend", "Mon-Fri 09:00-17:00", "2026-11-20 17:00", "2026-11-23 09:00"},
    {"on a Saturday", "Mon-Fri 09:00-17:00", "2026-11-21 12:00", "2026-11-23 09:00"},
    {"over Christmas", "Mon-Fri 09:00-17:00", "2026-12-24 14:00", "2026-12-29 09:00"},
    {"over Easter", "Mon-Fri 09:00-17:00", "2027-03-25 14:00", "2027-03-30 09:00"},
    {"over the night of 25 hours", "Mon-Sun 09:00-17:00", "2026-10-24 18:00", "2026-10-25 09:00"},
    {"Mondays only: five days at most", "Mon 09:00-17:00", "2026-11-23 14:00", "2026-11-28 14:00"},
    {"no hours: a day", "", "2026-11-24 14:00", "2026-11-25 14:00"},
};

static void repeats_at_the_next_opening(void **unused) {
    const struct zone *const london = world_london();

    (void)unused;
    for (size_t i = 0; i < ARRAY_COUNT(repeat_rows); i++) {
        const struct wait_row *const row = &repeat_rows[i];
        const struct hours hours = world_hours(row->hours);
        const struct working_time person = {&hours, london, world_holidays()};
        const struct escalation_decision got = escalation_decide(
            &chain, (struct escalation_position){3, 4}, &person, local_at(london, row->now));
        assert_int_equal(got.move, ESCALATE_REPEAT);
        assert_int_equal(got.next.step, 0);
        assert_int_equal(got.next.cycle, 5);
        assert_instant(row->why, got.until, local_at(london, row->until));
    }
}

/* Told to nobody in particular: the operator has no working time on file. */
static void nobody_still_means_a_day(void **unused) {
    const struct instant now = at("2026-11-24T12:00Z");
    const struct instant tomorrow = at("2026-11-25T12:00Z");

    (void)unused;
    for (uint32_t step = 0; step <= 3; step++) {
        const struct escalation_decision got = escalation_decide(
            &chain, (struct escalation_position){step, 0}, NULL, now);
        assert_instant("no person", got.until, tomorrow);
    }
}

/* One silent chain from a miss on a Friday: every telling, as it happens. */
static void a_silent_chain(void **unused) {
    static const struct {
        const char *when;
        enum escalation_move move;
        uint32_t step, cycle;
    } history[] = {
        {"2026-11-20 14:20", ESCALATE_TELL, 0, 0}, {"2026-11-21 14:20", ESCALATE_TELL, 1, 0},
        {"2026-11-22 14:20", ESCALATE_TELL, 2, 0}, {"2026-11-23 13:00", ESCALATE_REPEAT, 3, 0},
        {"2026-11-24 09:00", ESCALATE_TELL, 0, 1}, {"2026-11-24 09:00", ESCALATE_TELL, 1, 1},
        {"2026-11-24 09:00", ESCALATE_TELL, 2, 1}, {"2026-11-24 13:00", ESCALATE_REPEAT, 3, 1},
        {"2026-11-25 09:00", ESCALATE_TELL, 0, 2}, {"2026-11-25 09:00", ESCALATE_TELL, 1, 2},
        {"2026-11-25 09:00", ESCALATE_TELL, 2, 2}, {"2026-11-25 13:00", ESCALATE_REPEAT, 3, 2},
        {"2026-11-26 09:00", ESCALATE_TELL, 0, 3},
    };
    const struct zone *const london = world_london();
    const struct hours hours = world_hours("Mon-Fri 09:00-17:00");
    const struct working_time person = {&hours, london, world_holidays()};
    struct escalation_position position = {0};
    struct instant now = local_at(london, history[0].when);

    (void)unused;
    for (size_t i = 0; i < ARRAY_COUNT(history); i++) {
        assert_instant(history[i].when, now, local_at(london, history[i].when));
        assert_int_equal(position.step, history[i].step);
        assert_int_equal(position.cycle, history[i].cycle);
        const struct escalation_decision got = escalation_decide(&chain, position, &person, now);
        assert_int_equal(got.move, history[i].move);
        position = got.next;
        now = got.until;
    }
}

/* Whatever the hours and the policy: time goes on, each step is told in each cycle, and silence
 * never lasts a week. */
static void no_chain_falls_asleep(void **unused) {
    static const char *const hours_texts[] = {
        "", "Mon-Fri 09:00-17:00", "Mon 09:00-09:01", "Sat-Sun 22:00-24:00", "Mon-Sun 00:00-24:00",
    };
    uint64_t seed = seed_init("escalate");

    (void)unused;
    for (int round = 0; round < 2000; round++) {
        const struct hours hours = world_hours(
            hours_texts[seed_between(&seed, 0, ARRAY_COUNT(hours_texts) - 1)]);
        const struct working_time person = {&hours, world_london(), world_holidays()};
        struct escalation_policy policy = {
            .audience = AUDIENCE_SUPERVISOR,
            .step_count = (uint32_t)seed_between(&seed, 0, ESCALATION_STEPS_MAX)};
        for (uint32_t i = 0; i < policy.step_count; i++) { /* broken waits too */
            policy.steps[i].wait = span_minutes(seed_between(&seed, -10, 3000));
            policy.steps[i].wait_most = span_minutes(seed_between(&seed, -10, 3000));
        }
        struct escalation_position position = {0};
        struct instant now = at("2026-12-20T00:00Z");
        now.us += seed_between(&seed, 0, 110 * 1440) * MINUTE_US;
        uint32_t at_once = 0;
        for (int i = 0; i < 40; i++) {
            const struct escalation_decision d = escalation_decide(&policy, position, &person, now);
            const bool exhausted = position.step >= policy.step_count;
            assert_int_equal(d.move, exhausted ? ESCALATE_REPEAT : ESCALATE_TELL);
            assert_int_equal(d.next.step, exhausted ? 0 : position.step + 1);
            assert_int_equal(d.next.cycle, position.cycle + exhausted);
            assert_true(d.until.us >= now.us);
            assert_true(d.until.us - now.us <= 5 * DAY_US);
            at_once = d.until.us == now.us ? at_once + 1 : 0;
            assert_true(at_once < ESCALATION_STEPS_MAX); /* no spinning */
            position = d.next;
            now = d.until;
        }
    }
}

static const struct fault_row {
    struct escalation_policy policy;
    const char *word; /* in the fault; NULL: sound */
} fault_rows[] = {
#define POLICY(who, ...) .audience = AUDIENCE_##who, .acknowledged_days = 3, .steps = {__VA_ARGS__}
    {{POLICY(SUPERVISOR, STEP(SUPERVISOR), STEP(NEXT_SUPERVISOR)), .step_count = 2}, NULL},
    {{POLICY(SUPERVISOR, STEP(SUPERVISOR), STEP(OPERATOR)), .step_count = 2}, NULL},
    {{POLICY(SUPERVISOR, STEP(OPERATOR)), .step_count = 1}, NULL},
    {{POLICY(ADVOCATE, STEP(ADVOCATE), STEP(SUPERVISOR)), .step_count = 2}, NULL},
    {{POLICY(ADVOCATE, STEP(ADVOCATE), STEP(SUPERVISOR), STEP(NEXT_SUPERVISOR), STEP(OPERATOR)),
      .step_count = 4},
     NULL},
    {{POLICY(SUPERVISOR, STEP(SUPERVISOR)), .step_count = 0}, "no steps"},
    {{POLICY(SUPERVISOR, STEP(SUPERVISOR)), .step_count = 9}, "too many"},
    {{POLICY(SUPERVISOR, STEP(SUPERVISOR)), .step_count = 1}, "two people"},
    {{POLICY(SUPERVISOR, STEP(SUPERVISOR), STEP(SUPERVISOR)), .step_count = 2}, "two people"},
    {{POLICY(ADVOCATE, STEP(ADVOCATE)), .step_count = 1}, "two people"},
    {{POLICY(ADVOCATE, STEP(SUPERVISOR), STEP(NEXT_SUPERVISOR)), .step_count = 2},
     "tell the advocate"},
    {{POLICY(SUPERVISOR, STEP(SUPERVISOR), STEP(ADVOCATE)), .step_count = 2}, "their own chain"},
    {{POLICY(SUPERVISOR, STEP(NEXT_SUPERVISOR), STEP(OPERATOR)), .step_count = 2},
     "supervisor before"},
    {{POLICY(SUPERVISOR, STEP_WAITING(SUPERVISOR, 0, 24), STEP(OPERATOR)), .step_count = 2},
     "wait"},
    {{POLICY(SUPERVISOR, STEP(SUPERVISOR), STEP_WAITING(OPERATOR, 4, 0)), .step_count = 2}, "wait"},
    {{POLICY(PARTICIPANT, STEP(SUPERVISOR), STEP(OPERATOR)), .step_count = 2}, "for supervisors"},
    {{.audience = AUDIENCE_SUPERVISOR,
      .steps = {STEP(SUPERVISOR), STEP(OPERATOR)},
      .step_count = 2},
     "acknowledgement"},
};

static void dead_ends_are_found(void **unused) {
    (void)unused;
    for (size_t i = 0; i < ARRAY_COUNT(fault_rows); i++) {
        const char *const fault = escalation_policy_fault(&fault_rows[i].policy);
        if (fault_rows[i].word == NULL ? fault != NULL
                                       : fault == NULL || !strstr(fault, fault_rows[i].word)) {
            fail_msg("row %zu: %s", i, fault == NULL ? "sound" : fault);
        }
    }
    assert_null(escalation_policy_fault(&chain));
}

/* By the clock: nights, Sundays and bank holidays count, whatever hours the person keeps. */
static void waits_by_the_clock(void **unused) {
    const struct zone *const london = world_london();
    const struct hours hours = world_hours("Mon-Fri 09:00-17:00");
    const struct working_time person = {&hours, london, world_holidays()};
    struct escalation_policy policy = chain;

    (void)unused;
    policy.steps[0].clock = true;
    const struct escalation_decision got = escalation_decide(
        &policy, (struct escalation_position){0}, &person, local_at(london, "2026-11-20 16:00"));
    assert_int_equal(got.until.us, local_at(london, "2026-11-20 20:00").us);
    assert_null(escalation_policy_fault(&policy));
    policy.steps[0].wait = span_hours(25);
    assert_non_null(strstr(escalation_policy_fault(&policy), "wait_most"));
}

static void only_supervisors_get_texts(void **unused) {
    struct escalation_policy policy = chain;

    (void)unused;
    policy.steps[1].channel = STEP_BY_TEXT;
    assert_null(escalation_policy_fault(&policy));
    policy.steps[2].channel = STEP_BY_TEXT;
    assert_non_null(strstr(escalation_policy_fault(&policy), "only supervisors"));
    policy = (struct escalation_policy){POLICY(ADVOCATE, STEP(ADVOCATE), STEP(SUPERVISOR)),
                                        .step_count = 2};
    policy.steps[0].channel = STEP_BY_TEXT;
    assert_non_null(strstr(escalation_policy_fault(&policy), "only supervisors"));
}

/* How many people a line of so many supervisors gives a policy. */
static void lines_have_two_people_or_the_operator(void **unused) {
    const struct {
        struct escalation_policy policy;
        uint32_t least; /* the shortest line that is sound; 9: none is */
    } rows[] = {
        {{POLICY(SUPERVISOR, STEP(SUPERVISOR), STEP(NEXT_SUPERVISOR)), .step_count = 2}, 2},
        {{POLICY(SUPERVISOR, STEP(SUPERVISOR), STEP(SUPERVISOR)), .step_count = 2}, 9},
        {{POLICY(SUPERVISOR, STEP(SUPERVISOR), STEP(OPERATOR)), .step_count = 2}, 0},
        {{POLICY(ADVOCATE, STEP(ADVOCATE), STEP(SUPERVISOR)), .step_count = 2}, 1},
        {{POLICY(ADVOCATE, STEP(ADVOCATE), STEP(ADVOCATE)), .step_count = 2}, 9},
    };

    (void)unused;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        for (uint32_t length = 0; length < 9; length++) {
            const char *fault = escalation_line_fault(&rows[i].policy, length);
            assert_int_equal(fault == NULL, length >= rows[i].least);
        }
    }
}

static void names_read_back(void **unused) {
    enum escalation_kind kind = ESCALATION_CONCERN;
    enum escalation_target target = TARGET_OPERATOR;

    (void)unused;
    assert_int_equal(escalation_kind_from_text("Missed", &kind), -EINVAL);
    assert_int_equal(kind, ESCALATION_CONCERN);
    assert_int_equal(escalation_target_from_text("", &target), -EINVAL);
    assert_int_equal(target, TARGET_OPERATOR);
    for (unsigned i = 0; i < ESCALATION_KIND_COUNT; i++) {
        assert_int_equal(
            escalation_kind_from_text(escalation_kind_to_text((enum escalation_kind)i), &kind), 0);
        assert_int_equal(kind, i);
    }
    for (unsigned i = 0; i < ESCALATION_TARGET_COUNT; i++) {
        assert_int_equal(escalation_target_from_text(
                             escalation_target_to_text((enum escalation_target)i), &target),
                         0);
        assert_int_equal(target, i);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_count_working_hours),
        cmocka_unit_test(repeats_at_the_next_opening),
        cmocka_unit_test(nobody_still_means_a_day),
        cmocka_unit_test(a_silent_chain),
        cmocka_unit_test(no_chain_falls_asleep),
        cmocka_unit_test(dead_ends_are_found),
        cmocka_unit_test(waits_by_the_clock),
        cmocka_unit_test(only_supervisors_get_texts),
        cmocka_unit_test(lines_have_two_people_or_the_operator),
        cmocka_unit_test(names_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
