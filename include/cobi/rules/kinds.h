/* Kinds of message, audiences and channels, and what the kind alone decides: window, priority, repetition. */
#ifndef COBI_RULES_KINDS_H
#define COBI_RULES_KINDS_H

#include <stdbool.h>

#include "cobi/base/time.h"

enum audience { AUDIENCE_PARTICIPANT, AUDIENCE_PRACTITIONER, AUDIENCE_SUPERVISOR, AUDIENCE_ADVOCATE, AUDIENCE_OFFICER, AUDIENCE_OPERATOR };
#define AUDIENCE_COUNT 6
enum channel { CHANNEL_SMS, CHANNEL_EMAIL };
#define CHANNEL_COUNT 2
enum message_kind {
    KIND_CONFIRMATION, KIND_REMINDER, KIND_CHANGE, KIND_CANCELLATION, KIND_MISSED_CONTACT, KIND_OUTCOME_REQUEST, KIND_TASK, KIND_DIGEST,
    KIND_ESCALATION, KIND_ADVOCATE_NOTICE, KIND_OFFICER_NOTICE, KIND_STAND_DOWN, KIND_SIGN_IN, KIND_ALARM
};
#define MESSAGE_KIND_COUNT 14
/* When a message of this kind may leave. */
enum kind_window { WINDOW_ANY, WINDOW_SEND /* the participants' send window */, WINDOW_SEND_EARLY /* the same, from 07:00 for a session that day */, WINDOW_OFFICE /* the office's hours */ };
#define KIND_WINDOW_COUNT 4
#define KIND_PRIORITY_MAX 4
struct kind_policy {
    const char *name; /* "missed_contact" */
    enum kind_window window;
    bool may_repeat;      /* send again when uncertain, marked "may be a repeat" */
    int priority;         /* 1 first, to KIND_PRIORITY_MAX */
    bool held_after_jump; /* waits, for a participant, while nobody knows whether the clock is right */
    struct span lifetime; /* not_after = due + lifetime; 0: never expires; reminder, change, cancellation: computed from the session instead */
};
/* One row a kind, by the table "message kind" of doc/REMINDERS (domain rules). */
extern const struct kind_policy kind_policies[MESSAGE_KIND_COUNT];

const char *message_kind_to_text(enum message_kind kind);
int message_kind_from_text(const char *text, enum message_kind *ret_kind);
const char *audience_to_text(enum audience audience);
int audience_from_text(const char *text, enum audience *ret_audience);
const char *channel_to_text(enum channel channel);
int channel_from_text(const char *text, enum channel *ret_channel);

#endif
