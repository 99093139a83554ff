/* Every state x event pair of every machine is here: listed with its result, or marked impossible.
 */
#include "rules_world.h"

#include <errno.h>

#include "cobi/rules/states.h"

#define IMPOSSIBLE (-1)
#define SENTINEL   77

/* One row a state, one column an event, in the order of the enums. */
static const int session_pairs[SESSION_STATE_COUNT][SESSION_EVENT_COUNT] = {
    /* BEGIN, MOVE, RECORD, CORRECT, CANCEL */
    [SESSION_PLANNED] = {SESSION_AWAITING_OUTCOME, SESSION_PLANNED, SESSION_RECORDED, IMPOSSIBLE,
                         SESSION_CANCELLED},
    [SESSION_AWAITING_OUTCOME] = {IMPOSSIBLE, IMPOSSIBLE, SESSION_RECORDED, IMPOSSIBLE, IMPOSSIBLE},
    [SESSION_RECORDED] = {IMPOSSIBLE, IMPOSSIBLE, IMPOSSIBLE, SESSION_RECORDED, IMPOSSIBLE},
    [SESSION_CANCELLED] = {IMPOSSIBLE, IMPOSSIBLE, IMPOSSIBLE, IMPOSSIBLE, IMPOSSIBLE},
};

#define M(s) MESSAGE_##s
#define XX   IMPOSSIBLE
static const int message_pairs[MESSAGE_STATE_COUNT][MESSAGE_EVENT_COUNT] = {
    /* CLAIM, ACCEPT, DEFER, REFUSE, LOSE, REPEAT, GIVE_UP, CANCEL, EXPIRE, HOLD, RELEASE, OK, BAD
     */
    [M(QUEUED)] = {M(SENDING), XX, XX, XX, XX, XX, XX, M(CANCELLED), M(EXPIRED), M(HELD), XX,
                   M(DELIVERED), XX},
    [M(SENDING)] = {XX, M(ACCEPTED), M(QUEUED), M(FAILED), M(UNCERTAIN), XX, XX, XX, XX, XX, XX, XX,
                    XX},
    [M(ACCEPTED)] = {XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, M(DELIVERED), M(UNDELIVERED)},
    [M(DELIVERED)] = {XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX},
    [M(UNDELIVERED)] = {XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, M(DELIVERED), XX},
    [M(FAILED)] = {XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX},
    [M(UNCERTAIN)] = {XX, M(ACCEPTED), XX, XX, XX, M(QUEUED), M(UNKNOWN), XX, XX, XX, XX,
                      M(DELIVERED), M(UNDELIVERED)},
    [M(UNKNOWN)] = {XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, M(DELIVERED), M(UNDELIVERED)},
    [M(CANCELLED)] = {XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX},
    [M(EXPIRED)] = {XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX},
    [M(HELD)] = {XX, XX, XX, XX, XX, XX, XX, M(CANCELLED), M(EXPIRED), XX, M(QUEUED), XX, XX},
    [M(SKIPPED)] = {XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX},
};

static const int escalation_pairs[ESCALATION_STATE_COUNT][ESCALATION_EVENT_COUNT] = {
    /* STEP, ACKNOWLEDGE, LAPSE, RESOLVE */
    [ESCALATION_OPEN] = {ESCALATION_WAITING, ESCALATION_ACKNOWLEDGED, XX, ESCALATION_RESOLVED},
    [ESCALATION_WAITING] = {ESCALATION_WAITING, ESCALATION_ACKNOWLEDGED, XX, ESCALATION_RESOLVED},
    [ESCALATION_ACKNOWLEDGED] = {XX, ESCALATION_ACKNOWLEDGED, ESCALATION_WAITING,
                                 ESCALATION_RESOLVED},
    [ESCALATION_RESOLVED] = {XX, XX, XX, XX},
};

#define P(s) PARTICIPANT_##s
static const int participant_pairs[PARTICIPANT_STATE_COUNT][PARTICIPANT_EVENT_COUNT] = {
    /* PLAN, PAUSE, RESUME, COMPLETE, WITHDRAW, END */
    [P(REFERRED)] = {P(ACTIVE), XX, XX, XX, P(WITHDRAWN), P(ENDED)},
    [P(ACTIVE)] = {P(ACTIVE), P(PAUSED), XX, P(COMPLETED), P(WITHDRAWN), P(ENDED)},
    [P(PAUSED)] = {XX, XX, P(ACTIVE), P(COMPLETED), P(WITHDRAWN), P(ENDED)},
    [P(COMPLETED)] = {XX, XX, XX, XX, XX, XX},
    [P(WITHDRAWN)] = {XX, XX, XX, XX, XX, XX},
    [P(ENDED)] = {XX, XX, XX, XX, XX, XX},
};

static const int task_pairs[TASK_STATE_COUNT][TASK_EVENT_COUNT] = {
    /* COMPLETE, DROP, REMIND */
    [TASK_OPEN] = {TASK_DONE, TASK_DROPPED, TASK_OPEN},
    [TASK_DONE] = {XX, XX, XX},
    [TASK_DROPPED] = {XX, XX, XX},
};

static void check_pair(unsigned from, unsigned event, int expected, int got, unsigned to) {
    if (expected == IMPOSSIBLE) {
        if (got != -EPROTO || to != SENTINEL) {
            fail_msg("state %u, event %u: impossible, but answered %d, state %u", from, event, got,
                     to);
        }
    } else if (got != 0 || to != (unsigned)expected) {
        fail_msg("state %u, event %u: expected state %d, got %d, state %u", from, event, expected,
                 got, to);
    }
}

/* Walks one machine: name of the enum's words, of the function and of the table. */
#define WALK(machine, states, events)                                                              \
    static void machine##_walks(void **unused) {                                                   \
        (void)unused;                                                                              \
        for (unsigned from = 0; from < (states); from++) {                                         \
            for (unsigned event = 0; event < (events); event++) {                                  \
                enum machine##_state to = (enum machine##_state)SENTINEL;                          \
                const int r = machine##_next((enum machine##_state)from,                           \
                                             (enum machine##_event)event, &to);                    \
                check_pair(from, event, machine##_pairs[from][event], r, (unsigned)to);            \
            }                                                                                      \
        }                                                                                          \
    }                                                                                              \
    static void machine##_names_read_back(void **unused) {                                         \
        enum machine##_state state = (enum machine##_state)SENTINEL;                               \
        (void)unused;                                                                              \
        assert_int_equal(machine##_state_from_text("nonsense", &state), -EINVAL);                  \
        assert_int_equal(machine##_state_from_text("", &state), -EINVAL);                          \
        assert_int_equal(machine##_state_from_text(NULL, &state), -EINVAL);                        \
        assert_int_equal(state, SENTINEL);                                                         \
        for (unsigned s = 0; s < (states); s++) {                                                  \
            const char *const text = machine##_state_to_text((enum machine##_state)s);             \
            assert_non_null(text);                                                                 \
            assert_int_equal(machine##_state_from_text(text, &state), 0);                          \
            assert_int_equal(state, s);                                                            \
        }                                                                                          \
    }
WALK(session, SESSION_STATE_COUNT, SESSION_EVENT_COUNT)
WALK(message, MESSAGE_STATE_COUNT, MESSAGE_EVENT_COUNT)
WALK(escalation, ESCALATION_STATE_COUNT, ESCALATION_EVENT_COUNT)
WALK(participant, PARTICIPANT_STATE_COUNT, PARTICIPANT_EVENT_COUNT)
WALK(task, TASK_STATE_COUNT, TASK_EVENT_COUNT)

/* The words other programs rely on. */
static void words_are_fixed(void **unused) {
    (void)unused;
    assert_string_equal(session_state_to_text(SESSION_AWAITING_OUTCOME), "awaiting_outcome");
    assert_string_equal(message_state_to_text(MESSAGE_UNDELIVERED), "undelivered");
    assert_string_equal(escalation_state_to_text(ESCALATION_ACKNOWLEDGED), "acknowledged");
    assert_string_equal(participant_state_to_text(PARTICIPANT_WITHDRAWN), "withdrawn");
    assert_string_equal(task_state_to_text(TASK_DROPPED), "dropped");
}

/* A final message is one that no event but a receipt can change. */
static void final_messages_only_take_receipts(void **unused) {
    (void)unused;
    for (unsigned s = 0; s < MESSAGE_STATE_COUNT; s++) {
        bool moves = false;
        for (unsigned event = 0; event < MESSAGE_RECEIPT_OK; event++) {
            moves = moves || message_pairs[s][event] != IMPOSSIBLE;
        }
        assert_int_equal(message_state_final((enum message_state)s), !moves);
    }
    assert_true(message_state_final(MESSAGE_ACCEPTED));
    assert_false(message_state_final(MESSAGE_HELD));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(session_walks),     cmocka_unit_test(session_names_read_back),
        cmocka_unit_test(message_walks),     cmocka_unit_test(message_names_read_back),
        cmocka_unit_test(escalation_walks),  cmocka_unit_test(escalation_names_read_back),
        cmocka_unit_test(participant_walks), cmocka_unit_test(participant_names_read_back),
        cmocka_unit_test(task_walks),        cmocka_unit_test(task_names_read_back),
        cmocka_unit_test(words_are_fixed),   cmocka_unit_test(final_messages_only_take_receipts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
