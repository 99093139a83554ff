/* Messages, attempts and acknowledge links, row by row.
 *
 * The UNIQUE key keeps a message from ever being born twice; the guarded update keeps two turns
 * from sending it. */
#include "cobi/store/messages.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "query.h"

void message_key(const struct message_row *row, char ret_key[MESSAGE_KEY_SIZE]) {
    const char *source = *row->escalation ? row->escalation
                         : *row->session  ? row->session
                         : *row->task     ? row->task
                                          : row->participant;
    struct text t;

    text_init(&t, ret_key, MESSAGE_KEY_SIZE);
    text_addf(&t, "%s/%s/%s/%u/%u/%s/%s/%s/%u", message_kind_to_text(row->kind), source, row->topic,
              row->revision, row->step, audience_to_text(row->audience), row->recipient,
              channel_to_text(row->channel), row->ordinal);
    assert(!t.overflow);
}

static void bind_common(struct query *q, const struct message_row *row) {
    bind_lent(q, row->id);
    bind_lent(q, message_kind_to_text(row->kind));
    bind_lent(q, audience_to_text(row->audience));
    bind_lent(q, row->recipient);
    bind_lent(q, channel_to_text(row->channel));
    bind_lent(q, row->topic);
    bind_lent(q, row->participant);
    bind_lent(q, row->session);
    bind_lent(q, row->escalation);
    bind_lent(q, row->task);
    bind_int(q, row->revision);
    bind_int(q, row->step);
    bind_int(q, row->ordinal);
    bind_civil(q, row->old_start);
    bind_sealed(q, "message.note", row->id, row->note);
}

int message_insert(struct store *store, struct message_row *row) {
    char key[MESSAGE_KEY_SIZE];

    message_key(row, key);
    store_derive_id(store, "M", key, 12, row->id);
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_MESSAGE_INSERT);

    bind_lent(&q, key);
    bind_int(&q, message_lane(row->channel, row->audience));
    bind_int(&q, kind_policies[row->kind].priority);
    bind_common(&q, row);
    bind_lent(&q, message_state_to_text(row->state));
    bind_lent(&q, row->reason);
    bind_instant(&q, row->created_at);
    bind_instant(&q, row->due);
    bind_instant(&q, row->not_after);
    bind_instant(&q, row->sent_at);
    bind_instant(&q, row->wake_at);
    bind_lent(&q, row->gateway);
    bind_int(&q, row->attempt_count);
    bind_int(&q, row->repeat);
    bind_sealed(&q, "message.recipient_address", row->id, row->to);
    bind_sealed(&q, "message.subject", row->id, row->subject);
    bind_sealed(&q, "message.body", row->id, row->body);
    bind_lent(&q, row->provider_id);
    return query_run(&q);
}

static int read_message(struct query *q, struct arena *arena, struct message_row *ret_row) {
    struct message_row row = {0};
    char kind[24], audience[16], channel[8], state[16];

    READ_TEXT(q, row.id);
    READ_TEXT(q, kind);
    READ_TEXT(q, audience);
    READ_TEXT(q, row.recipient);
    READ_TEXT(q, channel);
    READ_TEXT(q, row.topic);
    READ_TEXT(q, row.participant);
    READ_TEXT(q, row.session);
    READ_TEXT(q, row.escalation);
    READ_TEXT(q, row.task);
    row.revision = read_count(q);
    row.step = read_count(q);
    row.ordinal = read_count(q);
    row.old_start = read_civil(q);
    row.note = read_sealed(q, "message.note", row.id, arena);
    READ_TEXT(q, state);
    READ_TEXT(q, row.reason);
    row.created_at = read_instant(q);
    row.due = read_instant(q);
    row.not_after = read_instant(q);
    row.sent_at = read_instant(q);
    row.wake_at = read_instant(q);
    READ_TEXT(q, row.gateway);
    row.attempt_count = read_count(q);
    row.repeat = read_int(q) != 0;
    row.to = read_sealed(q, "message.recipient_address", row.id, arena);
    row.subject = read_sealed(q, "message.subject", row.id, arena);
    row.body = read_sealed(q, "message.body", row.id, arena);
    READ_TEXT(q, row.provider_id);
    row.written = read_int(q);
    if (!q->error && (message_kind_from_text(kind, &row.kind) < 0 ||
                      audience_from_text(audience, &row.audience) < 0 ||
                      channel_from_text(channel, &row.channel) < 0 ||
                      message_state_from_text(state, &row.state) < 0)) {
        query_fail(q, -EUCLEAN);
    }
    if (q->error) {
        return q->error;
    }
    *ret_row = row;
    return 0;
}

static int find(struct store *store, enum statement statement, const char *id, struct arena *arena,
                struct message_row *ret_row) {
    _cleanup_query_ struct query q = query_begin(store, statement);

    bind_lent(&q, id);
    const int r = query_row(&q);

    return r > 0 ? read_message(&q, arena, ret_row) : r < 0 ? r : -ENOENT;
}

int message_find(struct store *store, const char *id, struct arena *arena,
                 struct message_row *ret_row) {
    return find(store, STATEMENT_MESSAGE_FIND, id, arena, ret_row);
}

int message_find_bare(struct store *store, const char *id, struct message_row *ret_row) {
    return find(store, STATEMENT_MESSAGE_FIND_BARE, id, NULL,
                ret_row); /* nothing sealed, so no arena */
}

/* What was rendered is written while the message is here, and stays as it was sent. */
static bool is_under_way(enum message_state from) {
    return from == MESSAGE_SENDING || from == MESSAGE_ACCEPTED;
}

int message_update(struct store *store, const struct message_row *row, enum message_state from) {
    const bool sent = is_under_way(from);
    _cleanup_query_ struct query q = query_begin(store, sent ? STATEMENT_MESSAGE_SETTLE
                                                             : STATEMENT_MESSAGE_UPDATE);

    bind_lent(&q, message_state_to_text(row->state));
    bind_lent(&q, row->reason);
    bind_instant(&q, row->due);
    bind_instant(&q, row->not_after);
    bind_instant(&q, row->sent_at);
    bind_instant(&q, row->wake_at);
    bind_lent(&q, row->gateway);
    bind_int(&q, row->attempt_count);
    bind_int(&q, row->repeat);
    bind_lent(&q, row->provider_id);
    if (!sent) {
        bind_sealed(&q, "message.recipient_address", row->id, row->to);
        bind_sealed(&q, "message.subject", row->id, row->subject);
        bind_sealed(&q, "message.body", row->id, row->body);
        bind_lent(&q, channel_to_text(row->channel));
        bind_int(&q, message_lane(row->channel, row->audience));
    }
    bind_lent(&q, row->id);
    bind_lent(&q, message_state_to_text(from));
    const int r = query_run(&q);

    return r < 0 ? r : r == 1 ? 0 : -ESTALE;
}

int message_lanes(struct store *store, int32_t ret_lanes[MESSAGE_LANES_MAX]) {
    int32_t last = INT32_MIN;
    int count = 0;

    while (count < MESSAGE_LANES_MAX) {
        _cleanup_query_ struct query q = query_begin(store, STATEMENT_MESSAGE_LANE);
        bind_int(&q, last);
        const int r = query_row(&q);
        if (r <= 0) {
            return r < 0 ? r : count;
        }
        const int64_t lane = read_int(&q);
        last = lane > INT32_MAX ? INT32_MAX : (int32_t)lane;
        ret_lanes[count++] = last;
    }
    return count;
}

int message_due(struct store *store, int32_t lane, int priority, struct instant now,
                char (*ret_ids)[MESSAGE_ID_SIZE], size_t capacity) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_MESSAGE_DUE);

    bind_int(&q, lane);
    bind_int(&q, priority);
    bind_instant(&q, now);
    bind_int(&q, (int64_t)capacity);
    return query_ids(&q, "message", ret_ids[0], MESSAGE_ID_SIZE, capacity);
}

int message_ended(struct store *store, struct instant now, char (*ret_ids)[MESSAGE_ID_SIZE],
                  size_t capacity) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_MESSAGE_ENDED);

    bind_instant(&q, now);
    bind_int(&q, (int64_t)capacity);
    return query_ids(&q, "message", ret_ids[0], MESSAGE_ID_SIZE, capacity);
}

int message_sending(struct store *store, char (*ret_ids)[MESSAGE_ID_SIZE], size_t capacity) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_MESSAGE_SENDING);

    bind_int(&q, (int64_t)capacity);
    return query_ids(&q, "message", ret_ids[0], MESSAGE_ID_SIZE, capacity);
}

int message_release(struct store *store, const char *held_for, const char *reason,
                    struct instant now) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_MESSAGE_RELEASE);

    bind_text(&q, reason);
    bind_instant(&q, now);
    bind_text(&q, held_for);
    return query_run(&q);
}

int message_find_provider(struct store *store, const char *gateway, const char *provider_id,
                          char ret_id[MESSAGE_ID_SIZE]) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_MESSAGE_OF_PROVIDER);

    bind_text(&q, gateway);
    bind_text(&q, provider_id);
    const int r = query_row(&q);
    if (r <= 0) {
        return r < 0 ? r : -ENOENT;
    }
    read_text(&q, ret_id, MESSAGE_ID_SIZE);
    return q.error;
}

int message_sending_at(struct store *store, const char *gateway) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_MESSAGE_SENDING_AT);

    bind_text(&q, gateway);
    const int r = query_row(&q);

    return r < 0 ? r : r > 0 && read_int(&q) != 0;
}

int message_receipt_due(struct store *store, struct instant now, char (*ret_ids)[MESSAGE_ID_SIZE],
                        size_t capacity) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_MESSAGE_RECEIPT_DUE);

    bind_instant(&q, now);
    bind_int(&q, (int64_t)capacity);
    return query_ids(&q, "message", ret_ids[0], MESSAGE_ID_SIZE, capacity);
}

int message_alike(struct store *store, const struct message_row *row, int64_t text,
                  struct instant since) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_ATTEMPT_ALIKE);

    bind_int(&q, text);
    bind_lent(&q, row->id);
    bind_instant(&q, since);
    const int r = query_row(&q);

    return r < 0 ? r : r == 0 ? -EIO : (int)read_int(&q);
}

int message_follow(struct store *store, const char *session, uint32_t from_revision,
                   uint32_t to_revision, struct span later) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_MESSAGE_FOLLOW);

    bind_int(&q, to_revision);
    bind_int(&q, later.us);
    bind_text(&q, session);
    bind_int(&q, from_revision);
    const int r = query_run(&q);

    return r < 0 ? r : 0;
}

static const char *or_empty(const char *text) {
    return text ? text : "";
}

/* The key has an index of its own; the others, and the key once more, are filters. */
static void bind_filter(struct query *q, const struct message_filter *f, const char *key) {
    bind_text(q, key);
    bind_text(q, or_empty(f->audience));
    bind_text(q, or_empty(f->state));
    bind_text(q, or_empty(f->recipient));
    bind_text(q, or_empty(f->kind));
    bind_text(q, or_empty(f->session));
    bind_text(q, or_empty(f->escalation));
    bind_text(q, or_empty(f->participant));
}

static enum statement list_statement(const struct message_filter *filter, const char **ret_key) {
    const struct {
        const char *key;
        enum statement statement;
    } keys[] = {{filter->session, STATEMENT_MESSAGE_OF_SESSION},
                {filter->escalation, STATEMENT_MESSAGE_OF_ESCALATION},
                {filter->participant, STATEMENT_MESSAGE_OF_PARTICIPANT}};

    for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
        if (keys[i].key) {
            *ret_key = keys[i].key;
            return keys[i].statement;
        }
    }
    *ret_key = "";
    return STATEMENT_MESSAGE_ALL;
}

int message_list(struct store *store, const struct message_filter *filter, const char *after,
                 struct arena *arena, struct message_row *ret_rows, size_t capacity) {
    const char *key = NULL;
    const enum statement statement = list_statement(filter, &key);
    _cleanup_query_ struct query q = query_begin(store, statement);
    size_t count = 0;

    bind_filter(&q, filter, key);
    bind_text(&q, after);
    bind_int(&q, (int64_t)capacity);
    while (count < capacity && query_row(&q) > 0) {
        const int r = read_message(&q, arena, &ret_rows[count]);
        if (r < 0 && !query_pass_over(&q, r)) {
            return r;
        }
        count += r == 0;
    }
    return q.error ? q.error : (int)count;
}

int message_cancel_matching(struct store *store, const struct message_filter *filter,
                            const char *reason, struct instant now) {
    const enum statement statement = filter->session       ? STATEMENT_MESSAGE_CANCEL_SESSION
                                     : filter->escalation  ? STATEMENT_MESSAGE_CANCEL_ESCALATION
                                     : filter->participant ? STATEMENT_MESSAGE_CANCEL_PARTICIPANT
                                                           : STATEMENT_MESSAGE_CANCEL_RECIPIENT;
    const char *key = filter->session       ? filter->session
                      : filter->escalation  ? filter->escalation
                      : filter->participant ? filter->participant
                                            : filter->recipient;
    _cleanup_query_ struct query q = query_begin(store, statement);

    assert(key && *key); /* an empty one would match every message without such a source */
    (void)now;           /* the time of a cancellation is the audit's */
    if (strlen(reason) >= MESSAGE_REASON_SIZE) {
        return -EINVAL; /* it could be written, but never read again */
    }
    bind_filter(&q, filter, key);
    bind_text(&q, reason);
    return query_run(&q);
}

int message_attempt_begin(struct store *store, const struct message_row *row, int64_t text,
                          struct instant now) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_ATTEMPT_INSERT);

    bind_lent(&q, row->id);
    bind_int(&q, row->attempt_count);
    bind_instant(&q, now);
    bind_lent(&q, row->gateway);
    bind_int(&q, text);
    const int r = query_run(&q);

    return r < 0 ? r : 0;
}

int message_attempt_end(struct store *store, const struct delivery *delivery, struct instant now) {
    const bool arrived = delivery->outcome == OUTCOME_ACCEPTED ||
                         delivery->outcome == OUTCOME_UNCERTAIN;
    _cleanup_query_ struct query q = query_begin(store, arrived ? STATEMENT_ATTEMPT_END
                                                                : STATEMENT_ATTEMPT_END_UNSENT);

    bind_instant(&q, now);
    bind_lent(&q, outcome_class_to_text(delivery->outcome));
    bind_lent(&q, delivery->detail);
    bind_lent(&q, delivery->message_id);
    bind_int(&q, delivery->attempt);
    const int r = query_run(&q);

    return r < 0 ? r : r == 1 ? 0 : -ENOENT;
}

int message_attempt_find(struct store *store, const char *message, uint32_t attempt,
                         struct arena *arena, struct attempt_row *ret_row) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_ATTEMPT_FIND);
    struct attempt_row row = {.outcome = "", .detail = ""};

    bind_text(&q, message);
    bind_int(&q, attempt);
    const int r = query_row(&q);
    if (r <= 0) {
        return r < 0 ? r : -ENOENT;
    }
    row.attempt = read_count(&q);
    row.begun_at = read_instant(&q);
    row.ended_at = read_instant(&q);
    row.gateway = read_arena_text(&q, arena);
    if (q.error) {
        return q.error;
    }
    *ret_row = row;
    return 0;
}

int message_attempt_list(struct store *store, const char *message, struct arena *arena,
                         struct attempt_row *ret_rows, size_t capacity) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_ATTEMPT_LIST);
    size_t count = 0;

    bind_text(&q, message);
    bind_int(&q, (int64_t)capacity);
    while (count < capacity && query_row(&q) > 0) {
        struct attempt_row *row = &ret_rows[count++];
        row->attempt = read_count(&q);
        row->begun_at = read_instant(&q);
        row->ended_at = read_instant(&q);
        row->gateway = read_arena_text(&q, arena);
        row->outcome = read_arena_text(&q, arena);
        row->detail = read_arena_text(&q, arena);
        if (q.error) {
            return q.error;
        }
    }
    return q.error ? q.error : (int)count;
}

int ack_insert(struct store *store, const char *token_hash, const struct ack_row *row) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_ACK_INSERT);

    bind_text(&q, token_hash);
    bind_text(&q, row->message);
    bind_text(&q, row->escalation);
    bind_int(&q, row->generation);
    bind_text(&q, row->recipient);
    bind_int(&q, row->tries);
    bind_int(&q, row->used);
    return query_run(&q);
}

int ack_find(struct store *store, const char *token_hash, struct ack_row *ret_row) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_ACK_FIND);
    struct ack_row row = {0};

    bind_text(&q, token_hash);
    const int r = query_row(&q);
    if (r <= 0) {
        return r < 0 ? r : -ENOENT;
    }
    READ_TEXT(&q, row.message);
    READ_TEXT(&q, row.escalation);
    row.generation = read_count(&q);
    READ_TEXT(&q, row.recipient);
    row.tries = read_count(&q);
    row.used = read_int(&q) != 0;
    if (q.error) {
        return q.error;
    }
    *ret_row = row;
    return 0;
}

int ack_update(struct store *store, const char *token_hash, const struct ack_row *row) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_ACK_UPDATE);

    bind_int(&q, row->tries);
    bind_int(&q, row->used);
    bind_text(&q, token_hash);
    const int r = query_run(&q);

    return r < 0 ? r : r == 1 ? 0 : -ENOENT;
}

int message_alarmed(struct store *store, const char *source) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_MESSAGE_ALARMED);

    bind_text(&q, source);
    return query_row(&q) > 0 ? read_int(&q) != 0 : q.error;
}

int message_heard(struct store *store, const char *participant, const char *advocate,
                  struct instant since, struct instant until) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_MESSAGE_HEARD);

    bind_text(&q, participant);
    bind_text(&q, advocate);
    bind_instant(&q, since);
    bind_instant(&q, until);
    return query_row(&q) > 0 ? read_int(&q) != 0 : q.error;
}
