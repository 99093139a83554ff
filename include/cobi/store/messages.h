/* Messages, their attempts, and the guarded steps between their states. */
#ifndef COBI_STORE_MESSAGES_H
#define COBI_STORE_MESSAGES_H

#include "cobi/engine/ports.h"
#include "cobi/rules/kinds.h"
#include "cobi/rules/states.h"
#include "cobi/store/store.h"

#define MESSAGE_TOPIC_SIZE 33
#define MESSAGE_REASON_SIZE 65
struct message_row {
    char id[MESSAGE_ID_SIZE];
    enum message_kind kind;
    enum audience audience;
    char recipient[ID_SIZE];   /* id of the person, or "operator" */
    enum channel channel;
    char topic[MESSAGE_TOPIC_SIZE]; /* what it is about where the kind alone does not say: "missed", "enrolled"; else "" */
    char participant[ID_SIZE], session[ID_SIZE], escalation[ID_SIZE], task[ID_SIZE]; /* "" where none */
    uint32_t revision;         /* of the session */
    uint32_t step, ordinal;    /* of the reminder or chain; ordinal: fallback, retry by hand, or of a round the jumps of the clock before it */
    struct civil old_start;    /* change: what it was before (year 0: none) */
    const char *note;          /* sealed: alarm text; may be NULL */
    enum message_state state;
    char reason[MESSAGE_REASON_SIZE];
    struct instant created_at, due, not_after /* INSTANT_NEVER: none */, sent_at /* 0: not yet */, wake_at;
    char gateway[ID_SIZE];
    uint32_t attempt_count;
    bool repeat;               /* an earlier attempt may have arrived: the text says so */
    const char *to, *subject, *body; /* sealed; set when it was rendered; may be NULL */
    char provider_id[PROVIDER_ID_SIZE];
    int64_t written;           /* greater in whatever was written later, also by a clock that shows an earlier time; given when read */
};
/* The key of uniqueness: kind, source, revision, step, recipient, channel, ordinal. */
#define MESSAGE_KEY_SIZE 256
void message_key(const struct message_row *row, char ret_key[MESSAGE_KEY_SIZE]);
/* Fills row->id from the key and inserts. Returns 1, or 0 when this very message exists already (nothing is written). */
_must_use_ int message_insert(struct store *store, struct message_row *row);
_must_use_ int message_find(struct store *store, const char *id, struct arena *arena, struct message_row *ret_row);
/* The same without what is sealed: note, to, subject and body are NULL whatever the row holds. For a message that was sent. */
_must_use_ int message_find_bare(struct store *store, const char *id, struct message_row *ret_row);
/* Guarded: from says the state it must have (else -ESTALE). Writes state, reason, times, gateway, attempt_count, repeat and what was rendered.
 * From sending or accepted on, what was rendered stays as it was sent. */
_must_use_ int message_update(struct store *store, const struct message_row *row, enum message_state from);
/* A lane is what the messages of one channel to one audience share: pacing, breaker, what may be under way. The number is part of the row. */
#define MESSAGE_LANES_MAX 32 /* more than there are, should a row have one that nobody knows */
static inline int32_t message_lane(enum channel channel, enum audience audience) {
    return (int32_t)channel * AUDIENCE_COUNT + (int32_t)audience;
}
/* Lanes in which rows wait (queued, held or uncertain), due or not; returns how many. */
_must_use_ int message_lanes(struct store *store, int32_t ret_lanes[MESSAGE_LANES_MAX]);
/* The waiting rows of a lane and priority whose time has come, earliest first. */
_must_use_ int message_due(struct store *store, int32_t lane, int priority, struct instant now, char (*ret_ids)[MESSAGE_ID_SIZE], size_t capacity);
/* Waiting rows of any lane whose not_after has come, due or not. */
_must_use_ int message_ended(struct store *store, struct instant now, char (*ret_ids)[MESSAGE_ID_SIZE], size_t capacity);
/* Ids of all rows that are sending (at the start). */
_must_use_ int message_sending(struct store *store, char (*ret_ids)[MESSAGE_ID_SIZE], size_t capacity);
/* Held rows, those with this reason or with any (""), become queued and due now. Returns how many. */
_must_use_ int message_release(struct store *store, const char *held_for, const char *reason, struct instant now);
/* The message to which a gateway gave that id of its own; -ENOENT. */
_must_use_ int message_find_provider(struct store *store, const char *gateway, const char *provider_id, char ret_id[MESSAGE_ID_SIZE]);
/* Is any message under way to that gateway? 1, 0, or a negative errno. */
_must_use_ int message_sending_at(struct store *store, const char *gateway);
/* Accepted rows whose receipt is overdue. */
_must_use_ int message_receipt_due(struct store *store, struct instant now, char (*ret_ids)[MESSAGE_ID_SIZE], size_t capacity);
/* How many other messages with this text (store_hash_number() of recipient and text) may have arrived by an attempt begun after `since`. */
_must_use_ int message_alike(struct store *store, const struct message_row *row, int64_t text, struct instant since);
/* What waits for the participant of a session goes on with its new revision, its not_after by as much later. */
_must_use_ int message_follow(struct store *store, const char *session, uint32_t from_revision, uint32_t to_revision, struct span later);
struct message_filter {
    const char *participant, *session, *escalation, *audience, *state, *recipient, *kind; /* NULL: any */
};
_must_use_ int message_list(struct store *store, const struct message_filter *filter, const char *after, struct arena *arena, struct message_row *ret_rows, size_t capacity);
/* Cancels queued and held rows that match (participant's audience only when so filtered); returns how many. A session, an escalation, a
 * participant or a recipient must be given, and not be "". */
_must_use_ int message_cancel_matching(struct store *store, const struct message_filter *filter, const char *reason, struct instant now);
/* Intent before action: the attempt row is in the same transaction as the state `sending`. text: as in message_alike(). */
_must_use_ int message_attempt_begin(struct store *store, const struct message_row *row, int64_t text, struct instant now);
_must_use_ int message_attempt_end(struct store *store, const struct delivery *delivery, struct instant now);
struct attempt_row {
    uint32_t attempt;
    struct instant begun_at, ended_at; /* ended_at 0: no answer */
    const char *gateway, *outcome, *detail;
};
/* One attempt's begun_at, ended_at and gateway (the others stay empty). -ENOENT: there was none. */
_must_use_ int message_attempt_find(struct store *store, const char *message, uint32_t attempt, struct arena *arena, struct attempt_row *ret_row);
_must_use_ int message_attempt_list(struct store *store, const char *message, struct arena *arena, struct attempt_row *ret_rows, size_t capacity);

/* The acknowledge link of a message: one row a message, found by the hash of its token. */
struct ack_row {
    char message[MESSAGE_ID_SIZE], escalation[ID_SIZE];
    uint32_t generation; /* of the chain when it was sent: a later one makes the link stale */
    char recipient[ID_SIZE];
    uint32_t tries;
    bool used;
};
_must_use_ int ack_insert(struct store *store, const char *token_hash, const struct ack_row *row);
_must_use_ int ack_find(struct store *store, const char *token_hash, struct ack_row *ret_row);
_must_use_ int ack_update(struct store *store, const char *token_hash, const struct ack_row *row);

/* Has an alarm about this been mailed to the operator, or will it be? 1 or 0. One that was lost or kept back is none. */
_must_use_ int message_alarmed(struct store *store, const char *source);
/* Has this advocate heard anything of the participant after `since` and not after `until`, besides that nothing has changed? 1 or 0. What did not
 * reach them does not count. */
_must_use_ int message_heard(struct store *store, const char *participant, const char *advocate, struct instant since, struct instant until);

#endif
