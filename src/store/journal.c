/* Feeds, the audit, the access log, counts and quarantine.
 *
 * Each entry of a log carries an HMAC over the one before it and its own fields, so that a removed, edited or swapped entry is
 * found by audit_verify(). Only hashes of details are kept. */
#include "cobi/store/journal.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <string.h>

#include "query.h"

int feed_insert(struct store *store, const struct feed_row *row, const char *token_hash) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_FEED_INSERT);

    bind_text(&q, row->id);
    bind_text(&q, row->owner_kind);
    bind_text(&q, row->owner);
    bind_instant(&q, row->created_at);
    bind_instant(&q, row->fetched_at);
    bind_instant(&q, row->revoked_at);
    bind_text(&q, token_hash);
    const int r = query_run(&q);

    return r < 0 ? r : 0;
}

static int read_feed(struct query *q, struct feed_row *ret_row) {
    struct feed_row row = {0};

    READ_TEXT(q, row.id);
    READ_TEXT(q, row.owner_kind);
    READ_TEXT(q, row.owner);
    row.created_at = read_instant(q);
    row.fetched_at = read_instant(q);
    row.revoked_at = read_instant(q);
    if (q->error) {
        return q->error;
    }
    *ret_row = row;
    return 0;
}

static int find_feed(struct store *store, enum statement statement, const char *key, struct feed_row *ret_row) {
    _cleanup_query_ struct query q = query_begin(store, statement);

    bind_text(&q, key);
    const int r = query_row(&q);

    return r > 0 ? read_feed(&q, ret_row) : r < 0 ? r : -ENOENT;
}

int feed_find(struct store *store, const char *id, struct feed_row *ret_row) {
    return find_feed(store, STATEMENT_FEED_FIND, id, ret_row);
}

int feed_find_token(struct store *store, const char *token_hash, struct feed_row *ret_row) {
    return find_feed(store, STATEMENT_FEED_FIND_TOKEN, token_hash, ret_row);
}

int feed_update(struct store *store, const struct feed_row *row) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_FEED_UPDATE);

    bind_instant(&q, row->fetched_at);
    bind_instant(&q, row->revoked_at);
    bind_text(&q, row->id);
    const int r = query_run(&q);

    return r < 0 ? r : r == 1 ? 0 : -ENOENT;
}

int feed_list(struct store *store, const char *after, struct feed_row *ret_rows, size_t capacity) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_FEED_LIST);
    size_t count = 0;

    bind_text(&q, after);
    bind_int(&q, (int64_t)capacity);
    while (count < capacity && query_row(&q) > 0) {
        const int r = read_feed(&q, &ret_rows[count++]);
        if (r < 0) {
            return r;
        }
    }
    return q.error ? q.error : (int)count;
}

/* Each field with its length before it, so that no two entries give the same bytes. */
struct log_entry {
    int64_t sequence, at_us;
    char actor[ID_SIZE], as[ID_SIZE], action[49], subject[ID_SIZE], detail_hash[STORE_HASH_SIZE];
};

static void chain_hash(const struct store *store, const char *previous, const struct log_entry *e, char ret_hash[STORE_HASH_SIZE]) {
    char line[512];
    unsigned char digest[32];
    struct text t = TEXT_IN(line);

    text_addf(&t, "%s %" PRId64 " %" PRId64 " %zu:%s %zu:%s %zu:%s %zu:%s %s", previous, e->sequence, e->at_us, strlen(e->actor), e->actor,
              strlen(e->as), e->as, strlen(e->action), e->action, strlen(e->subject), e->subject, e->detail_hash);
    assert(!t.overflow);
    seal_hmac(store->keys.chain, "entry", line, t.length, digest);
    hex_encode(digest, sizeof digest, ret_hash);
}

static int last_entry(struct store *store, enum statement statement, int64_t *ret_sequence, char ret_hash[STORE_HASH_SIZE]) {
    _cleanup_query_ struct query q = query_begin(store, statement);
    const int r = query_row(&q);

    if (r <= 0) {
        *ret_sequence = 0;
        ret_hash[0] = '\0';
        return r;
    }
    *ret_sequence = read_int(&q);
    read_text(&q, ret_hash, STORE_HASH_SIZE);
    return q.error;
}

static int append(struct store *store, enum statement last, enum statement insert, const struct audit_entry *entry) {
    struct log_entry e = {.at_us = entry->at.us};
    char previous[STORE_HASH_SIZE], hash[STORE_HASH_SIZE];
    int r = last_entry(store, last, &e.sequence, previous);

    if (r < 0) {
        return r;
    }
    e.sequence++;
    r = text_copy(e.actor, sizeof e.actor, entry->actor);
    r = r < 0 ? r : text_copy(e.as, sizeof e.as, entry->as ? entry->as : "");
    r = r < 0 ? r : text_copy(e.action, sizeof e.action, entry->action);
    r = r < 0 ? r : text_copy(e.subject, sizeof e.subject, entry->subject ? entry->subject : "");
    if (r < 0) {
        return r;
    }
    store_hash(store, "detail", entry->detail ? entry->detail : "", e.detail_hash);
    chain_hash(store, previous, &e, hash);
    _cleanup_query_ struct query q = query_begin(store, insert);

    bind_int(&q, e.sequence);
    bind_int(&q, e.at_us);
    bind_text(&q, e.actor);
    bind_text(&q, e.as);
    bind_text(&q, e.action);
    bind_text(&q, e.subject);
    bind_text(&q, e.detail_hash);
    bind_text(&q, hash);
    r = query_run(&q);
    return r < 0 ? r : 0;
}

int audit_append(struct store *store, const struct audit_entry *entry) {
    return append(store, STATEMENT_AUDIT_LAST, STATEMENT_AUDIT_INSERT, entry);
}

int access_append(struct store *store, const struct audit_entry *entry) {
    return append(store, STATEMENT_ACCESS_LAST, STATEMENT_ACCESS_INSERT, entry);
}

int audit_verify(struct store *store, int64_t *ret_bad_sequence) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_AUDIT_WALK);
    char previous[STORE_HASH_SIZE] = "", hash[STORE_HASH_SIZE], expected[STORE_HASH_SIZE];
    int64_t sequence = 0;

    bind_int(&q, 0);
    while (query_row(&q) > 0) {
        struct log_entry e = {.sequence = read_int(&q), .at_us = read_int(&q)};
        READ_TEXT(&q, e.actor);
        READ_TEXT(&q, e.as);
        READ_TEXT(&q, e.action);
        READ_TEXT(&q, e.subject);
        READ_TEXT(&q, e.detail_hash);
        READ_TEXT(&q, hash);
        chain_hash(store, previous, &e, expected);
        sequence++;
        if (q.error || e.sequence != sequence || !store_equal_secret(hash, expected)) {
            *ret_bad_sequence = sequence;
            return -EBADMSG;
        }
        memcpy(previous, hash, sizeof previous);
    }
    return q.error;
}

static int count_columns(struct store *store, enum statement statement, const struct instant *before, int64_t *const *targets, size_t count) {
    _cleanup_query_ struct query q = query_begin(store, statement);

    if (before) {
        bind_instant(&q, *before);
    }
    const int r = query_row(&q);
    if (r <= 0) {
        return r < 0 ? r : -EIO;
    }
    for (size_t i = 0; i < count; i++) {
        *targets[i] += read_int(&q);
    }
    return 0;
}

int store_count(struct store *store, struct instant now, struct store_counts *ret_counts) {
    struct store_counts c = {0};
    const struct instant before = {now.us - 2 * MINUTE_US};
    int64_t *const overdue[] = {&c.overdue}, *const people[] = {&c.participants_active};
    int64_t *const sessions[] = {&c.sessions_planned, &c.awaiting_outcome, &c.quarantined};
    int64_t *const escalations[] = {&c.escalations_open, &c.escalations_exhausted, &c.quarantined};
    int64_t *const messages[] = {&c.messages_queued, &c.messages_sending, &c.messages_uncertain, &c.oldest_sending_us, &c.quarantined};
    int64_t *const failed[] = {&c.messages_failed};
    int r = count_columns(store, STATEMENT_COUNT_OVERDUE, &before, overdue, ARRAY_COUNT(overdue));

    r = r < 0 ? r : count_columns(store, STATEMENT_COUNT_PEOPLE, NULL, people, ARRAY_COUNT(people));
    r = r < 0 ? r : count_columns(store, STATEMENT_COUNT_SESSIONS, NULL, sessions, ARRAY_COUNT(sessions));
    r = r < 0 ? r : count_columns(store, STATEMENT_COUNT_ESCALATIONS, NULL, escalations, ARRAY_COUNT(escalations));
    r = r < 0 ? r : count_columns(store, STATEMENT_COUNT_MESSAGES, NULL, messages, ARRAY_COUNT(messages));
    r = r < 0 ? r : count_columns(store, STATEMENT_COUNT_FAILED, NULL, failed, ARRAY_COUNT(failed));
    if (r == 0) {
        *ret_counts = c;
    }
    return r;
}

int store_quarantine(struct store *store, const char *table, const char *id, struct instant now) {
    static const struct {
        const char *table;
        enum statement statement;
    } tables[] = {{"session", STATEMENT_QUARANTINE_SESSION},
                  {"message", STATEMENT_QUARANTINE_MESSAGE},
                  {"escalation", STATEMENT_QUARANTINE_ESCALATION},
                  {"task", STATEMENT_QUARANTINE_TASK}};

    (void)now; /* when is in the log and the alarm */
    for (size_t i = 0; i < ARRAY_COUNT(tables); i++) {
        if (strcmp(tables[i].table, table) == 0) {
            _cleanup_query_ struct query q = query_begin(store, tables[i].statement);
            bind_text(&q, id);
            const int r = query_run(&q);
            return r < 0 ? r : r == 1 ? 0 : -ENOENT;
        }
    }
    return -ENOENT;
}
