/* The system's zone data change between two starts: what was promised on the wall stays, instants
 * follow, nobody is told, nothing is forgotten. */
#include "engine_world.h"

#include <stdlib.h>

/* From that day on the zone is so many minutes further east than the data said before. */
static void decree(const char *from, int32_t minutes) {
    struct zone *zone = (struct zone *)(uintptr_t)w.zone;
    const struct instant at = local(from);
    uint32_t i = 0;
    int32_t offset_s = zone->offset_before_s;

    for (; i < zone->transition_count && instant_cmp(zone->transitions[i].at, at) < 0; i++) {
        offset_s = zone->transitions[i].offset_s;
    }
    memmove(&zone->transitions[i + 1], &zone->transitions[i],
            (zone->transition_count - i) * sizeof *zone->transitions);
    zone->transitions[i] = (struct zone_transition){at, offset_s};
    zone->transition_count++;
    for (; i < zone->transition_count; i++) {
        zone->transitions[i].offset_s += minutes * 60;
    }
}

static int64_t start_us(const char *session) {
    return strtoll(sql("SELECT start_us FROM session WHERE id='%s'", session), NULL, 10);
}

static const char *all(void) {
    return sql(
        "SELECT group_concat(id||start_local||start_us||revision||state||wake_us||steps_done)"
        " FROM (SELECT * FROM session ORDER BY id)");
}

static void test_instants_follow(void **state) {
    (void)state;
    plan("P-1");
    record(session_id("P-1", 1), "ATTC", "PR-1");
    const char *second = session_id("P-1", 2), *third = session_id("P-1", 3),
               *first = session_id("P-1", 1);
    const int64_t was[] = {start_us(first), start_us(second), start_us(third)};
    const char *wall = session_start(third);

    pass("1d");
    const int messages = sql_int("SELECT count(*) FROM message");
    /* Between the second session and the third. */
    decree("2027-01-14 00:00", 60);
    world_restart();
    run();
    assert_int_equal(start_us(first), was[0]);
    assert_int_equal(start_us(second), was[1]);
    assert_int_equal(start_us(third), was[2] - HOUR_US);
    assert_string_equal(session_start(third), wall);
    assert_int_equal(sql_int("SELECT revision FROM session WHERE id='%s'", second), 0);
    assert_int_equal(sql_int("SELECT revision FROM session WHERE id='%s'", third), 1);
    assert_int_equal(sql_int("SELECT count(*) FROM message"), messages);
    assert_string_equal(
        sql("SELECT what FROM session_history WHERE session='%s' ORDER BY line DESC "
            "LIMIT 1",
            third),
        "zone_changed");
    const char *after = all();
    world_restart();
    run();
    assert_string_equal(all(), after); /* the same data: nothing to do */
}

/* A reminder that waits goes on and goes once; one that went is not sent again. */
static void test_reminders_follow(void **state) {
    (void)state;
    plan("P-1");
    at("2027-01-11 17:59");
    gateway("texts", OUTCOME_TRANSIENT);
    at("2027-01-11 18:00");
    const char *second = session_id("P-1", 2);
    const char *waiting = sql("SELECT id FROM message WHERE kind='reminder' AND state='queued'");
    const int64_t not_after = strtoll(
        sql("SELECT not_after_us FROM message WHERE id='%s'", waiting), NULL, 10);

    decree("2027-01-12 00:00", -60);
    world_restart();
    assert_int_equal(sql_int("SELECT revision FROM message WHERE id='%s'", waiting), 1);
    assert_int_equal(
        strtoll(sql("SELECT not_after_us FROM message WHERE id='%s'", waiting), NULL, 10),
        not_after + HOUR_US);
    gateway("texts", OUTCOME_ACCEPTED);
    pass("1h");
    assert_string_equal(sql("SELECT state FROM message WHERE id='%s'", waiting), "accepted");
    decree("2027-01-12 00:00", -30);
    world_restart();
    at("2027-01-12 08:00");
    assert_int_equal(
        sql_int("SELECT count(*) FROM message WHERE kind='reminder' AND session='%s'", second), 1);
    assert_int_equal(sql_int("SELECT revision FROM session WHERE id='%s'", second), 2);
    assert_int_equal(sql_int("SELECT count(*) FROM message WHERE kind='change'"), 0);
}

/* Two hours apart, and all move by two hours: none stands in another's way. */
static void test_neighbours_follow(void **state) {
    (void)state;
    do_("participant add P-2 --programme cobi-12 --route sentence --practitioner PR-1 --office O-1 "
        "--name 'Gil Person' --mobile '07700 900002'");
    plan("P-1");
    plan("P-2");
    const char *mine = session_id("P-1", 2), *theirs = session_id("P-2", 2);
    do_("session move %s --to '2027-01-13 10:00' --by service", mine);
    do_("session move %s --to '2027-01-13 12:00' --by service", theirs);
    run();
    for (int i = 0; i < 2; i++) {
        const int64_t was[] = {start_us(mine), start_us(theirs)};
        const int minutes = i == 0 ? 120 : -120;
        decree(i == 0 ? "2027-01-06 00:00" : "2027-01-08 12:00", minutes);
        world_restart();
        assert_int_equal(start_us(mine), was[0] - minutes * MINUTE_US);
        assert_int_equal(start_us(theirs), was[1] - minutes * MINUTE_US);
    }
}

/* What cannot follow is alarmed, and the daemon starts. */
static void test_what_cannot_follow(void **state) {
    (void)state;
    plan("P-1");
    const int64_t was = start_us(session_id("P-1", 2));

    decree("2027-01-06 00:00", 60);
    sabotage("UPDATE session SET start_local='nonsense' WHERE id='%s'", session_id("P-1", 5));
    world_restart();
    run();
    assert_int_equal(start_us(session_id("P-1", 2)), was);
    assert_int_equal(sql_int("SELECT count(*) FROM message WHERE kind='alarm' AND topic='zone'"),
                     1);
}

/* A zone that is no name keeps nobody from starting; what cannot be read is set aside when its time
 * comes. */
static void test_a_zone_that_is_no_name(void **state) {
    static const char *const zones[] = {"'t'||char(0)||'i'", "'\xc3\xa9'", "''",
                                        "printf('%.60c','Z')"};
    (void)state;
    plan("P-1");
    for (size_t i = 0; i < ARRAY_COUNT(zones); i++) {
        sabotage("PRAGMA ignore_check_constraints=ON; UPDATE session SET zone=%s,wake_us=1 WHERE "
                 "rowid=(SELECT max(rowid) FROM session WHERE quarantined=0)",
                 zones[i]);
        world_restart();
        pass("1m");
    }
    assert_true(sql_int("SELECT count(*) FROM session WHERE quarantined=1") >= 2);
    assert_true(sent("alarm", "operator") >= 1);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_instants_follow),        TEST(test_reminders_follow),
        TEST(test_neighbours_follow),      TEST(test_what_cannot_follow),
        TEST(test_a_zone_that_is_no_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
