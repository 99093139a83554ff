/* The state machines of sessions, messages, escalations, participants and tasks.
 *
 * Used by whoever changes a state: ask first, then write the answer with a guarded UPDATE. A pair
 * of state and event that has no row here is impossible: the answer is -EPROTO and nothing may be
 * written. Never add a row to silence an error; a test lists every pair, possible or not, and must
 * be changed with it. */
#include "cobi/rules/states.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>

#include "cobi/base/cleanup.h"
#include "cobi/rules/names.h"

struct row {
    unsigned char from, event, to;
};

static const struct row session_rows[] = {
    {SESSION_PLANNED, SESSION_BEGIN, SESSION_AWAITING_OUTCOME},
    {SESSION_PLANNED, SESSION_MOVE, SESSION_PLANNED},
    {SESSION_PLANNED, SESSION_RECORD, SESSION_RECORDED}, /* an acceptable absence known before */
    {SESSION_PLANNED, SESSION_CANCEL, SESSION_CANCELLED},
    {SESSION_AWAITING_OUTCOME, SESSION_RECORD, SESSION_RECORDED},
    {SESSION_RECORDED, SESSION_CORRECT, SESSION_RECORDED},
};

/* Receipts only move forward, and delivered beats undelivered. */
static const struct row message_rows[] = {
    {MESSAGE_QUEUED, MESSAGE_CLAIM, MESSAGE_SENDING},
    {MESSAGE_QUEUED, MESSAGE_CANCEL, MESSAGE_CANCELLED},
    {MESSAGE_QUEUED, MESSAGE_EXPIRE, MESSAGE_EXPIRED},
    {MESSAGE_QUEUED, MESSAGE_HOLD, MESSAGE_HELD},
    {MESSAGE_QUEUED, MESSAGE_RECEIPT_OK, MESSAGE_DELIVERED}, /* a repeat that nobody needs now */
    {MESSAGE_HELD, MESSAGE_RELEASE, MESSAGE_QUEUED},
    {MESSAGE_HELD, MESSAGE_CANCEL, MESSAGE_CANCELLED},
    {MESSAGE_HELD, MESSAGE_EXPIRE, MESSAGE_EXPIRED},
    {MESSAGE_SENDING, MESSAGE_ACCEPT, MESSAGE_ACCEPTED},
    {MESSAGE_SENDING, MESSAGE_DEFER, MESSAGE_QUEUED},
    {MESSAGE_SENDING, MESSAGE_REFUSE, MESSAGE_FAILED},
    {MESSAGE_SENDING, MESSAGE_LOSE, MESSAGE_UNCERTAIN},
    {MESSAGE_UNCERTAIN, MESSAGE_ACCEPT, MESSAGE_ACCEPTED},
    {MESSAGE_UNCERTAIN, MESSAGE_REPEAT, MESSAGE_QUEUED},
    {MESSAGE_UNCERTAIN, MESSAGE_GIVE_UP, MESSAGE_UNKNOWN},
    {MESSAGE_UNCERTAIN, MESSAGE_RECEIPT_OK, MESSAGE_DELIVERED},
    {MESSAGE_UNCERTAIN, MESSAGE_RECEIPT_BAD, MESSAGE_UNDELIVERED},
    {MESSAGE_ACCEPTED, MESSAGE_RECEIPT_OK, MESSAGE_DELIVERED},
    {MESSAGE_ACCEPTED, MESSAGE_RECEIPT_BAD, MESSAGE_UNDELIVERED},
    {MESSAGE_UNKNOWN, MESSAGE_RECEIPT_OK, MESSAGE_DELIVERED},
    {MESSAGE_UNKNOWN, MESSAGE_RECEIPT_BAD, MESSAGE_UNDELIVERED},
    {MESSAGE_UNDELIVERED, MESSAGE_RECEIPT_OK, MESSAGE_DELIVERED},
};

/* While somebody has acknowledged no step is told: the acknowledgement must lapse first. */
static const struct row escalation_rows[] = {
    {ESCALATION_OPEN, ESCALATION_STEP, ESCALATION_WAITING},
    {ESCALATION_OPEN, ESCALATION_ACKNOWLEDGE, ESCALATION_ACKNOWLEDGED}, /* they know already */
    {ESCALATION_OPEN, ESCALATION_RESOLVE, ESCALATION_RESOLVED},
    {ESCALATION_WAITING, ESCALATION_STEP, ESCALATION_WAITING},
    {ESCALATION_WAITING, ESCALATION_ACKNOWLEDGE, ESCALATION_ACKNOWLEDGED},
    {ESCALATION_WAITING, ESCALATION_RESOLVE, ESCALATION_RESOLVED},
    {ESCALATION_ACKNOWLEDGED, ESCALATION_ACKNOWLEDGE, ESCALATION_ACKNOWLEDGED}, /* a second one */
    {ESCALATION_ACKNOWLEDGED, ESCALATION_LAPSE, ESCALATION_WAITING},
    {ESCALATION_ACKNOWLEDGED, ESCALATION_RESOLVE, ESCALATION_RESOLVED},
};

static const struct row participant_rows[] = {
    {PARTICIPANT_REFERRED, PARTICIPANT_PLAN, PARTICIPANT_ACTIVE},
    {PARTICIPANT_REFERRED, PARTICIPANT_WITHDRAW, PARTICIPANT_WITHDRAWN},
    {PARTICIPANT_REFERRED, PARTICIPANT_END, PARTICIPANT_ENDED},
    {PARTICIPANT_ACTIVE, PARTICIPANT_PLAN, PARTICIPANT_ACTIVE}, /* a new plan */
    {PARTICIPANT_ACTIVE, PARTICIPANT_PAUSE, PARTICIPANT_PAUSED},
    {PARTICIPANT_ACTIVE, PARTICIPANT_COMPLETE, PARTICIPANT_COMPLETED},
    {PARTICIPANT_ACTIVE, PARTICIPANT_WITHDRAW, PARTICIPANT_WITHDRAWN},
    {PARTICIPANT_ACTIVE, PARTICIPANT_END, PARTICIPANT_ENDED},
    {PARTICIPANT_PAUSED, PARTICIPANT_RESUME, PARTICIPANT_ACTIVE},
    {PARTICIPANT_PAUSED, PARTICIPANT_COMPLETE, PARTICIPANT_COMPLETED},
    {PARTICIPANT_PAUSED, PARTICIPANT_WITHDRAW, PARTICIPANT_WITHDRAWN},
    {PARTICIPANT_PAUSED, PARTICIPANT_END, PARTICIPANT_ENDED},
};

static const struct row task_rows[] = {
    {TASK_OPEN, TASK_COMPLETE, TASK_DONE},
    {TASK_OPEN, TASK_DROP, TASK_DROPPED},
    {TASK_OPEN, TASK_REMIND, TASK_OPEN},
};

static const char *const session_names[SESSION_STATE_COUNT] = {
    [SESSION_PLANNED] = "planned",
    [SESSION_AWAITING_OUTCOME] = "awaiting_outcome",
    [SESSION_RECORDED] = "recorded",
    [SESSION_CANCELLED] = "cancelled",
};

static const char *const message_names[MESSAGE_STATE_COUNT] = {
    [MESSAGE_QUEUED] = "queued",
    [MESSAGE_SENDING] = "sending",
    [MESSAGE_ACCEPTED] = "accepted",
    [MESSAGE_DELIVERED] = "delivered",
    [MESSAGE_UNDELIVERED] = "undelivered",
    [MESSAGE_FAILED] = "failed",
    [MESSAGE_UNCERTAIN] = "uncertain",
    [MESSAGE_UNKNOWN] = "unknown",
    [MESSAGE_CANCELLED] = "cancelled",
    [MESSAGE_EXPIRED] = "expired",
    [MESSAGE_HELD] = "held",
    [MESSAGE_SKIPPED] = "skipped",
};

/* What still waits has a timer. What was accepted is at its end as far as the outbox goes: only a
 * receipt, or its absence, can follow. */
static const bool message_waits[MESSAGE_STATE_COUNT] = {
    [MESSAGE_QUEUED] = true,
    [MESSAGE_SENDING] = true,
    [MESSAGE_UNCERTAIN] = true,
    [MESSAGE_HELD] = true,
};

static const char *const escalation_names[ESCALATION_STATE_COUNT] = {
    [ESCALATION_OPEN] = "open",
    [ESCALATION_WAITING] = "waiting",
    [ESCALATION_ACKNOWLEDGED] = "acknowledged",
    [ESCALATION_RESOLVED] = "resolved",
};

static const char *const participant_names[PARTICIPANT_STATE_COUNT] = {
    [PARTICIPANT_REFERRED] = "referred",   [PARTICIPANT_ACTIVE] = "active",
    [PARTICIPANT_PAUSED] = "paused",       [PARTICIPANT_COMPLETED] = "completed",
    [PARTICIPANT_WITHDRAWN] = "withdrawn", [PARTICIPANT_ENDED] = "ended",
};

static const char *const task_names[TASK_STATE_COUNT] = {
    [TASK_OPEN] = "open",
    [TASK_DONE] = "done",
    [TASK_DROPPED] = "dropped",
};

static int rows_next(const struct row *rows, size_t count, unsigned from, unsigned event) {
    for (size_t i = 0; i < count; i++) {
        if (rows[i].from == from && rows[i].event == event) {
            return rows[i].to;
        }
    }
    return -EPROTO;
}

int session_next(enum session_state from, enum session_event event, enum session_state *ret_to) {
    const int to = rows_next(session_rows, ARRAY_COUNT(session_rows), from, event);

    if (to < 0) {
        return to;
    }
    *ret_to = (enum session_state)to;
    return 0;
}

int message_next(enum message_state from, enum message_event event, enum message_state *ret_to) {
    const int to = rows_next(message_rows, ARRAY_COUNT(message_rows), from, event);

    if (to < 0) {
        return to;
    }
    *ret_to = (enum message_state)to;
    return 0;
}

int escalation_next(enum escalation_state from, enum escalation_event event,
                    enum escalation_state *ret_to) {
    const int to = rows_next(escalation_rows, ARRAY_COUNT(escalation_rows), from, event);

    if (to < 0) {
        return to;
    }
    *ret_to = (enum escalation_state)to;
    return 0;
}

int participant_next(enum participant_state from, enum participant_event event,
                     enum participant_state *ret_to) {
    const int to = rows_next(participant_rows, ARRAY_COUNT(participant_rows), from, event);

    if (to < 0) {
        return to;
    }
    *ret_to = (enum participant_state)to;
    return 0;
}

int task_next(enum task_state from, enum task_event event, enum task_state *ret_to) {
    const int to = rows_next(task_rows, ARRAY_COUNT(task_rows), from, event);

    if (to < 0) {
        return to;
    }
    *ret_to = (enum task_state)to;
    return 0;
}

const char *session_state_to_text(enum session_state s) {
    assert((unsigned)s < SESSION_STATE_COUNT);
    return session_names[s];
}

int session_state_from_text(const char *text, enum session_state *ret_state) {
    const int found = names_find(session_names, SESSION_STATE_COUNT, text);

    if (found < 0) {
        return found;
    }
    *ret_state = (enum session_state)found;
    return 0;
}

const char *message_state_to_text(enum message_state s) {
    assert((unsigned)s < MESSAGE_STATE_COUNT);
    return message_names[s];
}

int message_state_from_text(const char *text, enum message_state *ret_state) {
    const int found = names_find(message_names, MESSAGE_STATE_COUNT, text);

    if (found < 0) {
        return found;
    }
    *ret_state = (enum message_state)found;
    return 0;
}

const char *escalation_state_to_text(enum escalation_state s) {
    assert((unsigned)s < ESCALATION_STATE_COUNT);
    return escalation_names[s];
}

int escalation_state_from_text(const char *text, enum escalation_state *ret_state) {
    const int found = names_find(escalation_names, ESCALATION_STATE_COUNT, text);

    if (found < 0) {
        return found;
    }
    *ret_state = (enum escalation_state)found;
    return 0;
}

const char *participant_state_to_text(enum participant_state s) {
    assert((unsigned)s < PARTICIPANT_STATE_COUNT);
    return participant_names[s];
}

int participant_state_from_text(const char *text, enum participant_state *ret_state) {
    const int found = names_find(participant_names, PARTICIPANT_STATE_COUNT, text);

    if (found < 0) {
        return found;
    }
    *ret_state = (enum participant_state)found;
    return 0;
}

const char *task_state_to_text(enum task_state s) {
    assert((unsigned)s < TASK_STATE_COUNT);
    return task_names[s];
}

int task_state_from_text(const char *text, enum task_state *ret_state) {
    const int found = names_find(task_names, TASK_STATE_COUNT, text);

    if (found < 0) {
        return found;
    }
    *ret_state = (enum task_state)found;
    return 0;
}

bool message_state_final(enum message_state s) {
    assert((unsigned)s < MESSAGE_STATE_COUNT);
    return !message_waits[s];
}
