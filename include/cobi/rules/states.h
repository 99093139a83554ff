/* State machines as tables: which event leads from which state to which. A pair that is not listed is impossible. */
#ifndef COBI_RULES_STATES_H
#define COBI_RULES_STATES_H

#include <stdbool.h>

enum session_state { SESSION_PLANNED, SESSION_AWAITING_OUTCOME, SESSION_RECORDED, SESSION_CANCELLED };
#define SESSION_STATE_COUNT 4
enum session_event { SESSION_BEGIN /* start time passed */, SESSION_MOVE, SESSION_RECORD, SESSION_CORRECT, SESSION_CANCEL };
#define SESSION_EVENT_COUNT 5

enum message_state {
    MESSAGE_QUEUED, MESSAGE_SENDING, MESSAGE_ACCEPTED, MESSAGE_DELIVERED, MESSAGE_UNDELIVERED, MESSAGE_FAILED,
    MESSAGE_UNCERTAIN, MESSAGE_UNKNOWN, MESSAGE_CANCELLED, MESSAGE_EXPIRED, MESSAGE_HELD, MESSAGE_SKIPPED
};
#define MESSAGE_STATE_COUNT 12
enum message_event {
    MESSAGE_CLAIM,      /* queued -> sending */
    MESSAGE_ACCEPT,     /* sending, uncertain -> accepted */
    MESSAGE_DEFER,      /* sending -> queued: certainly not sent, later */
    MESSAGE_REFUSE,     /* sending -> failed */
    MESSAGE_LOSE,       /* sending -> uncertain: the answer was lost */
    MESSAGE_REPEAT,     /* uncertain -> queued: a kind that may repeat, or known not to have been sent */
    MESSAGE_GIVE_UP,    /* uncertain -> unknown */
    MESSAGE_CANCEL,     /* queued, held -> cancelled */
    MESSAGE_EXPIRE,     /* queued, held -> expired */
    MESSAGE_HOLD,       /* queued -> held */
    MESSAGE_RELEASE,    /* held -> queued */
    MESSAGE_RECEIPT_OK, /* accepted, uncertain, unknown, undelivered, queued again -> delivered */
    MESSAGE_RECEIPT_BAD /* accepted, uncertain, unknown -> undelivered */
};
#define MESSAGE_EVENT_COUNT 13

enum escalation_state { ESCALATION_OPEN, ESCALATION_WAITING, ESCALATION_ACKNOWLEDGED, ESCALATION_RESOLVED };
#define ESCALATION_STATE_COUNT 4
enum escalation_event { ESCALATION_STEP /* a step was told */, ESCALATION_ACKNOWLEDGE, ESCALATION_LAPSE /* acknowledgement ran out */, ESCALATION_RESOLVE };
#define ESCALATION_EVENT_COUNT 4

enum participant_state { PARTICIPANT_REFERRED, PARTICIPANT_ACTIVE, PARTICIPANT_PAUSED, PARTICIPANT_COMPLETED, PARTICIPANT_WITHDRAWN, PARTICIPANT_ENDED };
#define PARTICIPANT_STATE_COUNT 6
enum participant_event { PARTICIPANT_PLAN, PARTICIPANT_PAUSE, PARTICIPANT_RESUME, PARTICIPANT_COMPLETE, PARTICIPANT_WITHDRAW, PARTICIPANT_END };
#define PARTICIPANT_EVENT_COUNT 6

enum task_state { TASK_OPEN, TASK_DONE, TASK_DROPPED };
#define TASK_STATE_COUNT 3
enum task_event { TASK_COMPLETE, TASK_DROP, TASK_REMIND };
#define TASK_EVENT_COUNT 3

/* Each returns 0 and the new state, or -EPROTO when the event is impossible in that state. */
int session_next(enum session_state from, enum session_event event, enum session_state *ret_to);
int message_next(enum message_state from, enum message_event event, enum message_state *ret_to);
int escalation_next(enum escalation_state from, enum escalation_event event, enum escalation_state *ret_to);
int participant_next(enum participant_state from, enum participant_event event, enum participant_state *ret_to);
int task_next(enum task_state from, enum task_event event, enum task_state *ret_to);

/* Text forms as in JSON and in the store ("awaiting_outcome"); from_text returns 0 or -EINVAL. */
const char *session_state_to_text(enum session_state s);
int session_state_from_text(const char *text, enum session_state *ret_state);
const char *message_state_to_text(enum message_state s);
int message_state_from_text(const char *text, enum message_state *ret_state);
const char *escalation_state_to_text(enum escalation_state s);
int escalation_state_from_text(const char *text, enum escalation_state *ret_state);
const char *participant_state_to_text(enum participant_state s);
int participant_state_from_text(const char *text, enum participant_state *ret_state);
const char *task_state_to_text(enum task_state s);
int task_state_from_text(const char *text, enum task_state *ret_state);

/* Final states have no timer: nothing will happen by itself any more. Only accepted ones may wait, for a receipt. */
bool message_state_final(enum message_state s);

#endif
