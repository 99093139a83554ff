/* Receipts: whatever the order, number and time in which they come, a message ends where it should,
 * and what did not arrive goes another way once. */
#include "engine_world.h"

#define GATEWAYS                                                                                   \
    "{ name = \"texts\"; type = \"spool\"; channel = \"sms\"; hook_credential = \"hook\"; },"      \
    "{ name = \"mail\"; type = \"spool\"; channel = \"email\"; hook_credential = \"hook\"; }"

static int setup(void **state) {
    (void)state;
    world_open(NULL, GATEWAYS);
    world_cast();
    return 0;
}

static int report(const char *reference, const char *provider_id, enum receipt_report what) {
    const struct receipt receipt = {.gateway = "texts",
                                    .reference = reference,
                                    .provider_id = provider_id,
                                    .report = what,
                                    .detail = ""};

    return engine_receipt(w.engine, &receipt);
}

static void reported(const char *reference, enum receipt_report what) {
    assert_int_equal(report(reference, "", what), 0);
    run();
}

static const char *state_of(const char *message) {
    return sql("SELECT state FROM message WHERE id='%s'", message);
}

/* P-1's main reminder of the second session is handed over and not answered. */
static struct sent *text_under_way(void) {
    plan("P-1");
    at("2027-01-11 17:59");
    gateway_mute("texts", true);
    at("2027-01-11 18:00");
    return last_sent("reminder", "P-1");
}

static size_t mails(void) {
    return (size_t)sql_int("SELECT count(*) FROM message WHERE kind='reminder' AND "
                           "channel='email' AND state<>'cancelled'");
}

static int phone_tasks(void) {
    return sql_int("SELECT count(*) FROM task WHERE kind='phone' AND state='open'");
}

/* ---- order ---- */

enum step { ANSWER, INTERIM, FAILED, DELIVERED };
enum { STEPS = 4 };

static void take_step(struct sent *s, enum step step) {
    switch (step) {
    case ANSWER:
        answer(s, OUTCOME_ACCEPTED);
        run();
        return;
    case INTERIM:
        reported(s->reference, RECEIPT_INTERIM);
        return;
    case FAILED:
        reported(s->reference, RECEIPT_FAILED);
        return;
    case DELIVERED:
        reported(s->reference, RECEIPT_DELIVERED);
        return;
    }
}

/* Where a step of `order` stands. */
static int place(const enum step *order, enum step step) {
    int i = 0;

    while (order[i] != step) {
        i++;
    }
    return i;
}

static void live(const enum step *order, int twice) {
    struct sent *s = text_under_way();

    for (int i = 0; i < STEPS; i++) {
        take_step(s, order[i]);
        if (twice == i && order[i] != ANSWER) {
            take_step(s, order[i]);
        }
    }
    const bool failure_seen = place(order, FAILED) < place(order, DELIVERED) &&
                              place(order, ANSWER) < place(order, DELIVERED);

    if (strcmp(state_of(s->message_id), "delivered") != 0 || mails() != (failure_seen ? 1 : 0) ||
        phone_tasks() != 0) {
        fail_msg("order %d %d %d %d: %s, %zu mails, %d tasks", order[0], order[1], order[2],
                 order[3], state_of(s->message_id), mails(), phone_tasks());
    }
    world_close();
    (void)setup(NULL);
}

static void test_every_order_ends_alike(void **state) {
    int count = 0;

    (void)state;
    for (int n = 0; n < 256; n++) {
        const enum step order[STEPS] = {(enum step)(n & 3), (enum step)(n >> 2 & 3),
                                        (enum step)(n >> 4 & 3), (enum step)(n >> 6)};
        unsigned seen = 0;
        for (int i = 0; i < STEPS; i++) {
            seen |= 1u << order[i];
        }
        if (seen == 15) {
            live(order, count % STEPS);
            count++;
        }
    }
    assert_int_equal(count, 24);
}

/* ---- what is lost ---- */

static void test_early_receipt_settles_a_lost_answer(void **state) {
    static const struct {
        enum receipt_report report;
        const char *state;
        size_t mails;
    } rows[] = {{RECEIPT_INTERIM, "accepted", 0},
                {RECEIPT_DELIVERED, "delivered", 0},
                {RECEIPT_FAILED, "undelivered", 1}};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        for (int restart = 0; restart < 2; restart++) {
            struct sent *s = text_under_way();
            reported(s->reference, rows[i].report);
            assert_string_equal(state_of(s->message_id), "sending");
            if (restart) {
                world_restart();
                run();
            } else {
                answer(s, OUTCOME_UNCERTAIN);
            }
            assert_string_equal(state_of(s->message_id), rows[i].state);
            assert_int_equal(mails(), rows[i].mails);
            assert_int_equal(phone_tasks(), 0);
            world_close();
            (void)setup(NULL);
        }
    }
}

static void test_late_receipt_settles_what_nobody_knew(void **state) {
    (void)state;
    gateway("mail", OUTCOME_TRANSIENT); /* so that the mail in its place still waits */
    struct sent *s = text_under_way();

    answer(s, OUTCOME_UNCERTAIN);
    assert_string_equal(state_of(s->message_id), "unknown");
    assert_int_equal(mails(), 1);
    const int attempts = sql_int("SELECT max(attempt_count) FROM message WHERE channel='email' "
                                 "AND kind='reminder'");
    reported(s->reference, RECEIPT_DELIVERED);
    assert_string_equal(state_of(s->message_id), "delivered");
    assert_true(sql_int("SELECT sent_us FROM message WHERE id='%s'", s->message_id) != 0);
    assert_int_equal(mails(), attempts > 0 ? 1 : 0); /* one that may be out there goes on */
}

static void test_late_failure_of_the_unknown_tells_nobody_twice(void **state) {
    (void)state;
    struct sent *s = text_under_way();

    answer(s, OUTCOME_UNCERTAIN);
    reported(s->reference, RECEIPT_FAILED);
    assert_string_equal(state_of(s->message_id), "undelivered");
    assert_int_equal(mails(), 1);
    assert_int_equal(phone_tasks(), 0);
    at("2027-01-12 13:00");
    assert_int_equal(mails(), 1);
    assert_int_equal(phone_tasks(), 0);
}

static void test_a_phone_task_is_taken_back(void **state) {
    (void)state;
    do_("participant set P-1 --email ''");
    struct sent *s = text_under_way();

    answer(s, OUTCOME_UNCERTAIN);
    assert_int_equal(phone_tasks(), 1);
    reported(s->reference, RECEIPT_DELIVERED);
    assert_int_equal(phone_tasks(), 0);
}

/* What may be repeated is not, once a receipt says that it came. */
static void test_a_repeat_is_not_needed(void **state) {
    (void)state;
    plan("P-1");
    at("2027-01-05 10:00");
    gateway("texts", OUTCOME_UNCERTAIN);
    do_("session move %s --to '2027-01-14 10:00' --by service", session_id("P-1", 2));
    run();
    struct sent *s = last_sent("change", "P-1");

    assert_string_equal(state_of(s->message_id), "queued"); /* a change goes again */
    reported(s->reference, RECEIPT_FAILED);
    assert_string_equal(state_of(s->message_id), "queued");
    reported(s->reference, RECEIPT_DELIVERED);
    assert_string_equal(state_of(s->message_id), "delivered");
    const size_t before = w.sent_count;
    pass("3h");
    assert_int_equal(sent_since(before, "change", "P-1"), 0);
}

/* ---- whose it is ---- */

static void test_the_gateways_own_id(void **state) {
    (void)state;
    struct sent *s = text_under_way();
    struct delivery d = {.attempt = 1, .outcome = OUTCOME_ACCEPTED, .provider_id = "their-77"};

    memcpy(d.message_id, s->message_id, sizeof d.message_id);
    assert_int_equal(report("", "their-77", RECEIPT_DELIVERED), 0); /* before the answer */
    assert_string_equal(state_of(s->message_id), "sending");
    assert_int_equal(engine_delivered(w.engine, &d), 0);
    s->answered = true;
    assert_string_equal(state_of(s->message_id), "delivered");
    assert_int_equal(mails(), 0);
}

static void test_what_is_not_ours_changes_nothing(void **state) {
    static const char *const references[] = {"",       "-",     "-1",    "M-AAAAAAAAAAAA-1",
                                             "M-1",    "1",     "M-A-0", "M-A-99999999999",
                                             "' OR 1", "M-A-1 "};
    char other[64], later[64];

    (void)state;
    struct sent *s = text_under_way();
    answer(s, OUTCOME_ACCEPTED);
    char *before = dump(true);

    for (size_t i = 0; i < ARRAY_COUNT(references); i++) {
        assert_int_equal(report(references[i], "", RECEIPT_FAILED), 0);
        assert_int_equal(report(references[i], "nobodys", RECEIPT_FAILED), 0);
    }
    (void)snprintf(later, sizeof later, "%s-2", s->message_id);
    assert_int_equal(report(later, "", RECEIPT_FAILED), 0);
    /* Another gateway knows nothing of this one's. */
    (void)snprintf(other, sizeof other, "%s", s->reference);
    const struct receipt foreign = {.gateway = "mail",
                                    .reference = other,
                                    .provider_id = "",
                                    .report = RECEIPT_FAILED,
                                    .detail = ""};
    assert_int_equal(engine_receipt(w.engine, &foreign), 0);
    unchanged(before, true, "receipts for nothing of ours");
    json_t *counts = engine_incoming_to_json(w.engine, "texts");
    assert_int_equal(json_integer_value(json_object_get(counts, "receipts_unknown")),
                     2 * ARRAY_COUNT(references) + 1);
    json_decref(counts);
}

static void test_receipts_are_kept_a_week(void **state) {
    (void)state;
    struct sent *s = text_under_way();

    answer(s, OUTCOME_ACCEPTED);
    reported(s->reference, RECEIPT_DELIVERED);
    gateway_mute("texts", false);
    at("2027-01-18 17:00");
    assert_int_equal(report("M-B-1", "", RECEIPT_FAILED), 0);
    assert_int_equal(sql_int("SELECT count(*) FROM receipt"), 1);
    at("2027-01-18 19:00");
    assert_int_equal(report("M-B-1", "", RECEIPT_FAILED), 0);
    assert_int_equal(sql_int("SELECT count(*) FROM receipt"), 0);
    assert_string_equal(state_of(s->message_id), "delivered");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, world_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_every_order_ends_alike),
        TEST(test_early_receipt_settles_a_lost_answer),
        TEST(test_late_receipt_settles_what_nobody_knew),
        TEST(test_late_failure_of_the_unknown_tells_nobody_twice),
        TEST(test_a_phone_task_is_taken_back),
        TEST(test_a_repeat_is_not_needed),
        TEST(test_the_gateways_own_id),
        TEST(test_what_is_not_ours_changes_nothing),
        TEST(test_receipts_are_kept_a_week),
    };

    log_set_level((enum log_level)0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
