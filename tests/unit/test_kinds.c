/* The table of message kinds, written down a second time from the rules, and the names. */
#include "rules_world.h"

#include <errno.h>

#include "cobi/rules/kinds.h"

static const struct expected {
    enum message_kind kind;
    const char *name;
    enum kind_window window;
    bool may_repeat;
    int priority;
    const char *lifetime; /* "" for none */
} expected_kinds[] = {
    {KIND_ESCALATION, "escalation", WINDOW_ANY, true, 1, ""},
    {KIND_OFFICER_NOTICE, "officer_notice", WINDOW_ANY, true, 1, ""},
    {KIND_ADVOCATE_NOTICE, "advocate_notice", WINDOW_ANY, true, 1, ""},
    {KIND_STAND_DOWN, "stand_down", WINDOW_ANY, true, 1, ""},
    {KIND_ALARM, "alarm", WINDOW_ANY, true, 1, ""},
    {KIND_TASK, "task", WINDOW_ANY, true, 1, ""},
    {KIND_CHANGE, "change", WINDOW_SEND_EARLY, true, 2, ""},
    {KIND_CANCELLATION, "cancellation", WINDOW_SEND_EARLY, true, 2, ""},
    {KIND_SIGN_IN, "sign_in", WINDOW_ANY, false, 2, "10m"},
    {KIND_REMINDER, "reminder", WINDOW_SEND, false, 3, ""},
    {KIND_MISSED_CONTACT, "missed_contact", WINDOW_OFFICE, false, 3, "1d"},
    {KIND_CONFIRMATION, "confirmation", WINDOW_SEND, false, 4, "3d"},
    {KIND_DIGEST, "digest", WINDOW_ANY, false, 4, "12h"},
    {KIND_OUTCOME_REQUEST, "outcome_request", WINDOW_ANY, false, 4, "3d"},
};

static void kinds_follow_the_rules(void **unused) {
    (void)unused;
    assert_int_equal(ARRAY_COUNT(expected_kinds), MESSAGE_KIND_COUNT);
    for (size_t i = 0; i < ARRAY_COUNT(expected_kinds); i++) {
        const struct expected *const e = &expected_kinds[i];
        const struct kind_policy *const got = &kind_policies[e->kind];
        struct span lifetime = {0};
        if (e->lifetime[0] != '\0') {
            assert_int_equal(span_from_text(e->lifetime, &lifetime), 0);
        }
        assert_string_equal(got->name, e->name);
        assert_int_equal(got->window, e->window);
        assert_int_equal(got->may_repeat, e->may_repeat);
        assert_int_equal(got->priority, e->priority);
        assert_int_equal(got->lifetime.us, lifetime.us);
    }
}

/* Whatever the first priority is given to goes at once, for ever, and again when in doubt. */
static void escalations_never_wait_nor_expire(void **unused) {
    (void)unused;
    for (unsigned kind = 0; kind < MESSAGE_KIND_COUNT; kind++) {
        const struct kind_policy *const policy = &kind_policies[kind];
        if (policy->priority == 1) {
            assert_int_equal(policy->window, WINDOW_ANY);
            assert_int_equal(policy->lifetime.us, 0);
            assert_true(policy->may_repeat);
        }
    }
}

static void names_read_back(void **unused) {
    enum message_kind kind = KIND_ALARM;
    enum audience audience = AUDIENCE_OPERATOR;
    enum channel channel = CHANNEL_EMAIL;

    (void)unused;
    assert_int_equal(message_kind_from_text("carrier pigeon", &kind), -EINVAL);
    assert_int_equal(message_kind_from_text(NULL, &kind), -EINVAL);
    assert_int_equal(kind, KIND_ALARM);
    assert_int_equal(audience_from_text("public", &audience), -EINVAL);
    assert_int_equal(audience, AUDIENCE_OPERATOR);
    assert_int_equal(channel_from_text("SMS", &channel), -EINVAL);
    assert_int_equal(channel, CHANNEL_EMAIL);
    for (unsigned i = 0; i < MESSAGE_KIND_COUNT; i++) {
        assert_int_equal(message_kind_from_text(message_kind_to_text((enum message_kind)i), &kind),
                         0);
        assert_int_equal(kind, i);
    }
    for (unsigned i = 0; i < AUDIENCE_COUNT; i++) {
        assert_int_equal(audience_from_text(audience_to_text((enum audience)i), &audience), 0);
        assert_int_equal(audience, i);
    }
    for (unsigned i = 0; i < CHANNEL_COUNT; i++) {
        assert_int_equal(channel_from_text(channel_to_text((enum channel)i), &channel), 0);
        assert_int_equal(channel, i);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_follow_the_rules),
        cmocka_unit_test(escalations_never_wait_nor_expire),
        cmocka_unit_test(names_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
