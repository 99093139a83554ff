/* Texts that come in: a STOP ends the texts and nothing else, everything else reaches a person, and
 * from outside one number is like any other. */
#include "engine_world.h"

#define NUMBER "07700900001"

static int text_from(const char *from, const char *text, const char *event) {
    const struct inbound inbound = {.gateway = "texts", .from = from, .text = text, .event = event};
    const int r = engine_inbound(w.engine, &inbound);

    run();
    return r;
}

static int tasks(const char *kind) {
    return sql_int("SELECT count(*) FROM task WHERE kind='%s' AND owner='PR-1'", kind);
}

static void test_stop_ends_the_texts(void **state) {
    (void)state;
    plan("P-1");
    const char *sessions = "SELECT count(*)||':'||sum(revision)||':'||group_concat(state||outcome) "
                           "FROM session";
    const char *before = arena_copy(&w.arena, sql("%s", sessions));

    at("2027-01-11 17:00");
    assert_int_equal(text_from("+447700900001", "Stop. Thank you", "k-1"), 0);
    assert_string_equal(sql("SELECT sms FROM participant WHERE id='P-1'"), "no");
    assert_int_equal(tasks("no_texts"), 1);
    assert_int_equal(tasks("read_text"), 0);
    assert_string_equal(arena_copy(&w.arena, sql("SELECT substr(group_concat(state||outcome),1,7) "
                                                 "FROM session WHERE number>1")),
                        "planned"); /* the duty to attend is unchanged */
    assert_true(*before);
    const size_t from = w.sent_count;
    at("2027-01-11 19:00");
    assert_int_equal(sent_since(from, "reminder", "P-1"), 1);
    assert_int_equal(last_sent("reminder", "P-1")->channel, CHANNEL_EMAIL);
    /* Again, the same one and another: nobody is told twice. */
    assert_int_equal(text_from("+447700900001", "Stop. Thank you", "k-1"), 0);
    assert_int_equal(text_from("+447700900001", "STOP", "k-2"), 0);
    assert_int_equal(tasks("no_texts"), 1);
    assert_int_equal(sql_int("SELECT count(*) FROM inbound"), 2);
}

static void test_anything_else_is_for_a_person(void **state) {
    static const char *const texts[] = {"I did attend today", "Please cancel my appointment",
                                        "stop the sessions", "", "ATTC"};

    (void)state;
    plan("P-1");
    at("2027-01-05 15:00");
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        char event[8];
        (void)snprintf(event, sizeof event, "k-%zu", i);
        assert_int_equal(text_from("447700900001", texts[i], event), 0);
        assert_int_equal(text_from("447700900001", texts[i], event), 0); /* once more */
        assert_int_equal(tasks("read_text"), i + 1);
    }
    assert_int_equal(sql_int("SELECT count(*) FROM session WHERE outcome<>''"), 0);
    assert_string_equal(sql("SELECT sms FROM participant WHERE id='P-1'"), "yes");
    do_("inbound list --participant P-1");
    const char *id = sql(
        "SELECT about FROM task WHERE kind='read_text' ORDER BY created_us LIMIT 1");
    do_("inbound show %s", id);
    assert_true(*reply_text("received"));
    assert_int_equal(sql_int("SELECT count(*) FROM inbound WHERE CAST(body AS TEXT) LIKE "
                             "'%%attend%%'"),
                     0); /* sealed */
}

static void test_without_an_id_the_words_of_the_day_are_one_text(void **state) {
    (void)state;
    plan("P-1");
    assert_int_equal(text_from(NUMBER, "running late", ""), 0);
    assert_int_equal(text_from(NUMBER, "running late", ""), 0);
    assert_int_equal(text_from(NUMBER, "very late", ""), 0);
    assert_int_equal(sql_int("SELECT count(*) FROM inbound"), 2);
    pass("24h");
    assert_int_equal(text_from(NUMBER, "running late", ""), 0);
    assert_int_equal(sql_int("SELECT count(*) FROM inbound"), 3);
}

/* Staff, advocates and strangers: the same answer, and nothing changes. */
static void test_other_numbers_are_all_alike(void **state) {
    (void)state;
    do_("practitioner set PR-1 --mobile +447700900111");
    do_("advocate set ADV-1 --phone +442079460222");
    static const char *const numbers[] = {"+447700900111", "+442079460222",  "+447700900333",
                                          "02079460222",  "Appointment",    "",
                                          "1234",          "+1 202 555 0123"};
    plan("P-1");
    run();
    char *before = dump(true);

    for (size_t i = 0; i < ARRAY_COUNT(numbers); i++) {
        assert_int_equal(text_from(numbers[i], "STOP", "x"), 0);
        assert_int_equal(text_from(numbers[i], "call me", "y"), 0);
    }
    unchanged(before, true, "texts of anybody but participants");
    json_t *counts = engine_incoming_to_json(w.engine, "texts");
    assert_int_equal(json_integer_value(json_object_get(counts, "texts_unknown")),
                     2 * ARRAY_COUNT(numbers));
    json_decref(counts);
}

static void test_a_flood_makes_no_flood_of_tasks(void **state) {
    enum { TEXTS = 30, TASKS_MOST = 20 };

    (void)state;
    plan("P-1");
    for (int i = 0; i < TEXTS; i++) {
        char event[8];
        (void)snprintf(event, sizeof event, "k-%d", i);
        assert_int_equal(text_from(NUMBER, "hello?", event), 0);
    }
    assert_int_equal(sql_int("SELECT count(*) FROM inbound"), TEXTS);
    assert_int_equal(tasks("read_text"), TASKS_MOST);
    assert_int_equal(text_from(NUMBER, "STOP", "last"), 0); /* heard all the same */
    assert_string_equal(sql("SELECT sms FROM participant WHERE id='P-1'"), "no");
    assert_int_equal(tasks("no_texts"), 1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, world_setup, world_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_stop_ends_the_texts),
        TEST(test_anything_else_is_for_a_person),
        TEST(test_without_an_id_the_words_of_the_day_are_one_text),
        TEST(test_other_numbers_are_all_alike),
        TEST(test_a_flood_makes_no_flood_of_tasks),
    };

    log_set_level((enum log_level)0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
