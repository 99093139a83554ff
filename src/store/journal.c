/* Feeds, the audit, the access log, counts and quarantine.
 *
 * Each entry of a log carries an HMAC over the one before it and its own fields, and meta keeps the
 * head, so that a removed, edited, swapped or cut-off entry is found by audit_verify() and
 * access_verify(). What was tampered with never stops the log: a daemon that could not write its
 * audit could not work. Only hashes of details are kept. */
#include "cobi/store/journal.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "cobi/store/messages.h"
#include "logs.h"
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

static int find_feed(struct store *store, enum statement statement, const char *key,
                     struct feed_row *ret_row) {
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

/* ---- the chained logs ---- */

static const struct log {
    const char *name,
        *head; /* head: where meta keeps the number of the last entry, sealed with its hash */
    enum statement last, insert, walk;
} audit_log = {"audit", "audit_head", STATEMENT_AUDIT_LAST, STATEMENT_AUDIT_INSERT,
               STATEMENT_AUDIT_WALK},
  access_log = {"access", "access_head", STATEMENT_ACCESS_LAST, STATEMENT_ACCESS_INSERT,
                STATEMENT_ACCESS_WALK};
enum {
    ACTOR_SIZE = 65 /* accounts of a directory service have long names */,
    ACTION_SIZE = 49,
    HEAD_SIZE = STORE_HASH_SIZE + 24
};
struct log_entry {
    int64_t sequence, at_us;
    char actor[ACTOR_SIZE], as[ID_SIZE], action[ACTION_SIZE], subject[ID_SIZE],
        detail_hash[STORE_HASH_SIZE];
};

/* Each field with its length before it, so that no two entries give the same bytes; the log's name
 * keeps the two logs apart. */
static void chain_hash(const struct store *store, const struct log *log, const char *previous,
                       const struct log_entry *e, char ret_hash[STORE_HASH_SIZE]) {
    char line[640];
    unsigned char digest[32];
    struct text t = TEXT_IN(line);

    text_addf(&t, "%s %" PRId64 " %" PRId64 " %zu:%s %zu:%s %zu:%s %zu:%s %s", previous,
              e->sequence, e->at_us, strlen(e->actor), e->actor, strlen(e->as), e->as,
              strlen(e->action), e->action, strlen(e->subject), e->subject, e->detail_hash);
    assert(!t.overflow);
    seal_mac(store->keys.chaining, log->name, line, t.length, digest);
    hex_encode(digest, sizeof digest, ret_hash);
}

/* "SEQUENCE HMAC": without it entries could be cut off at the end and nobody would miss them. */
static void head_text(const struct store *store, const struct log *log, int64_t sequence,
                      const char *hash, char ret_head[HEAD_SIZE]) {
    char line[HEAD_SIZE], hex[STORE_HASH_SIZE];
    unsigned char digest[32];
    struct text t = TEXT_IN(line);

    text_addf(&t, "%" PRId64 " %s", sequence, hash);
    assert(!t.overflow);
    seal_mac(store->keys.chaining, log->head, line, t.length, digest);
    hex_encode(digest, sizeof digest, hex);
    text_init(&t, ret_head, HEAD_SIZE);
    text_addf(&t, "%" PRId64 " %s", sequence, hex);
    assert(!t.overflow);
}

static int set_head(struct store *store, const struct log *log, int64_t sequence,
                    const char *hash) {
    char head[HEAD_SIZE];

    head_text(store, log, sequence, hash, head);
    return store_meta_set(store, log->head, head);
}

int journal_begin(struct store *store) {
    const int r = set_head(store, &audit_log, 0, "");

    return r < 0 ? r : set_head(store, &access_log, 0, "");
}

/* 1: the head says that this is the last entry; 0: it does not. claimed: the number it gives, as
 * far as it can be read. */
static int head_fits(struct store *store, const struct log *log, int64_t sequence, const char *hash,
                     int64_t *ret_claimed) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_META_FIND);
    char head[HEAD_SIZE] = "", expected[HEAD_SIZE];

    bind_text(&q, log->head);
    const int r = query_row(&q);
    if (r < 0) {
        return r;
    }
    if (r > 0) {
        /* One that cannot be read does not fit: that is all there is to say about it. */
        READ_TEXT(&q, head);
    }
    head_text(store, log, sequence, hash, expected);
    *ret_claimed = strtoll(head, NULL, 10);
    if (*ret_claimed >= INT64_MAX / 2) {
        *ret_claimed = 0;
    }
    return store_equal_secret(head, expected);
}

static int last_entry(struct store *store, const struct log *log, int64_t *ret_sequence,
                      char ret_hash[STORE_HASH_SIZE]) {
    _cleanup_query_ struct query q = query_begin(store, log->last);
    const int r = query_row(&q);

    ret_hash[0] = '\0';
    *ret_sequence = 0;
    if (r <= 0) {
        return r;
    }
    *ret_sequence = read_int(&q);
    read_text(&q, ret_hash, STORE_HASH_SIZE);
    return 0; /* a hash that cannot be read is an empty one: the chain shows where it was broken,
                 and goes on */
}

static int64_t sequence_after(int64_t last) {
    return last >= 0 ? last + 1 : 1;
}

/* The next entry's number. Where the end was tampered with a number is left out, so that the chain
 * says so for ever. */
static int next_entry(struct store *store, const struct log *log, int64_t *ret_sequence,
                      char ret_previous[STORE_HASH_SIZE]) {
    int64_t last = 0, claimed = 0;
    int r = last_entry(store, log, &last, ret_previous);

    r = r < 0 ? r : head_fits(store, log, last, ret_previous, &claimed);
    if (r < 0) {
        return r;
    }
    *ret_sequence = r > 0 ? sequence_after(last)
                          : sequence_after(claimed > last ? claimed : last) + 1;
    return 0;
}

static int fill_entry(const struct store *store, const struct audit_entry *entry,
                      struct log_entry *e) {
    int r = text_copy(e->actor, sizeof e->actor, entry->actor);

    r = r < 0 ? r : text_copy(e->as, sizeof e->as, entry->as ? entry->as : "");
    r = r < 0 ? r : text_copy(e->action, sizeof e->action, entry->action);
    r = r < 0 ? r : text_copy(e->subject, sizeof e->subject, entry->subject ? entry->subject : "");
    store_hash(store, "detail", entry->detail ? entry->detail : "", e->detail_hash);
    return r;
}

static int append(struct store *store, const struct log *log, const struct audit_entry *entry) {
    struct log_entry e = {.at_us = entry->at.us};
    char previous[STORE_HASH_SIZE], hash[STORE_HASH_SIZE];
    int r = fill_entry(store, entry, &e);

    r = r < 0 ? r : next_entry(store, log, &e.sequence, previous);
    if (r < 0) {
        return r;
    }
    chain_hash(store, log, previous, &e, hash);
    {
        _cleanup_query_ struct query q = query_begin(store, log->insert);
        bind_int(&q, e.sequence);
        bind_int(&q, e.at_us);
        bind_text(&q, e.actor);
        bind_text(&q, e.as);
        bind_text(&q, e.action);
        bind_text(&q, e.subject);
        bind_text(&q, e.detail_hash);
        bind_text(&q, hash);
        r = query_run(&q);
    }
    return r < 0 ? r : set_head(store, log, e.sequence, hash);
}

int audit_append(struct store *store, const struct audit_entry *entry) {
    return append(store, &audit_log, entry);
}

int access_append(struct store *store, const struct audit_entry *entry) {
    return append(store, &access_log, entry);
}

/* Follows the chain to its end. Returns 0 and the last entry, or -EBADMSG and the number that does
 * not fit. */
static int walk(struct store *store, const struct log *log, int64_t *ret_sequence,
                char last[STORE_HASH_SIZE]) {
    _cleanup_query_ struct query q = query_begin(store, log->walk);
    char hash[STORE_HASH_SIZE], expected[STORE_HASH_SIZE];

    *ret_sequence = 0;
    last[0] = '\0';
    bind_int(&q, INT64_MIN);
    while (query_row(&q) > 0) {
        struct log_entry e = {.sequence = read_int(&q)};
        e.at_us = read_int(&q);
        READ_TEXT(&q, e.actor);
        READ_TEXT(&q, e.as);
        READ_TEXT(&q, e.action);
        READ_TEXT(&q, e.subject);
        READ_TEXT(&q, e.detail_hash);
        READ_TEXT(&q, hash);
        chain_hash(store, log, last, &e, expected);
        (*ret_sequence)++;
        if (q.error || e.sequence != *ret_sequence || !store_equal_secret(hash, expected)) {
            return -EBADMSG;
        }
        memcpy(last, hash, sizeof hash);
    }
    return q.error;
}

static int verify(struct store *store, const struct log *log, int64_t *ret_bad_sequence) {
    char last[STORE_HASH_SIZE];
    int64_t sequence = 0, claimed = 0;
    int r = walk(store, log, &sequence, last);

    if (r == 0) {
        r = head_fits(store, log, sequence, last, &claimed);
        sequence++; /* what was cut off came after the last */
        r = r < 0 ? r : r > 0 ? 0 : -EBADMSG;
    }
    if (r == -EBADMSG) {
        *ret_bad_sequence = sequence;
    }
    return r;
}

int audit_verify(struct store *store, int64_t *ret_bad_sequence) {
    return verify(store, &audit_log, ret_bad_sequence);
}

int access_verify(struct store *store, int64_t *ret_bad_sequence) {
    return verify(store, &access_log, ret_bad_sequence);
}

/* ---- counts and quarantine ---- */

static int count_columns(struct store *store, enum statement statement,
                         const struct instant *before, int64_t *const *targets, size_t count) {
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

static int count_lanes(struct store *store, struct instant now, uint64_t shut,
                       struct store_counts *c) {
    int32_t lanes[MESSAGE_LANES_MAX];
    const int count = message_lanes(store, lanes);

    for (int i = 0; i < count; i++) {
        const bool waits = lanes[i] >= 0 && lanes[i] < 64 && (shut >> lanes[i] & 1);
        _cleanup_query_ struct query q = query_begin(store, STATEMENT_COUNT_OVERDUE_LANE);
        bind_int(&q, lanes[i]);
        bind_int(&q, now.us - (waits ? 10 : 2) * MINUTE_US);
        const int r = query_row(&q);
        if (r < 0) {
            return r;
        }
        *(waits ? &c->delayed : &c->overdue) += read_int(&q);
    }
    return count < 0 ? count : 0;
}

int store_count(struct store *store, struct instant now, uint64_t shut,
                struct store_counts *ret_counts) {
    struct store_counts c = {0};
    const struct instant before = {now.us - 2 * MINUTE_US};
    int64_t *const overdue[] = {&c.overdue}, *const people[] = {&c.participants_active};
    int64_t *const sessions[] = {&c.sessions_planned, &c.awaiting_outcome, &c.quarantined};
    int64_t *const escalations[] = {&c.escalations_open, &c.escalations_exhausted, &c.quarantined};
    int64_t *const messages[] = {&c.messages_queued, &c.messages_sending,  &c.messages_uncertain,
                                 &c.messages_held,   &c.oldest_sending_us, &c.quarantined};
    int64_t *const failed[] = {&c.messages_failed}, *const tasks[] = {&c.quarantined};
    int r = count_columns(store, STATEMENT_COUNT_OVERDUE, &before, overdue, ARRAY_COUNT(overdue));

    r = r < 0 ? r : count_lanes(store, now, shut, &c);
    r = r < 0 ? r : count_columns(store, STATEMENT_COUNT_PEOPLE, NULL, people, ARRAY_COUNT(people));
    r = r < 0
            ? r
            : count_columns(store, STATEMENT_COUNT_SESSIONS, NULL, sessions, ARRAY_COUNT(sessions));
    r = r < 0 ? r
              : count_columns(store, STATEMENT_COUNT_ESCALATIONS, NULL, escalations,
                              ARRAY_COUNT(escalations));
    r = r < 0
            ? r
            : count_columns(store, STATEMENT_COUNT_MESSAGES, NULL, messages, ARRAY_COUNT(messages));
    r = r < 0 ? r : count_columns(store, STATEMENT_COUNT_TASKS, NULL, tasks, ARRAY_COUNT(tasks));
    r = r < 0 ? r : count_columns(store, STATEMENT_COUNT_FAILED, NULL, failed, ARRAY_COUNT(failed));
    if (r == 0) {
        *ret_counts = c;
    }
    return r;
}

static const struct quarantine {
    const char *table;
    enum statement by_id, nameless;
} quarantines[] = {{"session", STATEMENT_QUARANTINE_SESSION, STATEMENT_NAMELESS_SESSION},
                   {"message", STATEMENT_QUARANTINE_MESSAGE, STATEMENT_NAMELESS_MESSAGE},
                   {"escalation", STATEMENT_QUARANTINE_ESCALATION, STATEMENT_NAMELESS_ESCALATION},
                   {"task", STATEMENT_QUARANTINE_TASK, STATEMENT_NAMELESS_TASK},
                   {"job", STATEMENT_QUARANTINE_JOB, STATEMENT_NAMELESS_JOB},
                   {"participant_state", STATEMENT_QUARANTINE_PARTICIPANT_STATE,
                    STATEMENT_NAMELESS_PARTICIPANT_STATE}};

static const struct quarantine *find_quarantine(const char *table) {
    for (size_t i = 0; i < ARRAY_COUNT(quarantines); i++) {
        if (strcmp(quarantines[i].table, table) == 0) {
            return &quarantines[i];
        }
    }
    return NULL;
}

int store_quarantine(struct store *store, const char *table, const char *id, struct instant now) {
    const struct quarantine *found = find_quarantine(table);

    (void)now; /* when is in the log and the alarm */
    if (!found) {
        return -ENOENT;
    }
    _cleanup_query_ struct query q = query_begin(store, found->by_id);
    bind_text(&q, id);
    const int r = query_run(&q);
    return r < 0 ? r : r == 1 ? 0 : -ENOENT;
}

int store_quarantine_nameless(struct store *store, const char *table) {
    const struct quarantine *found = find_quarantine(table);

    if (!found) {
        return -ENOENT;
    }
    _cleanup_query_ struct query q = query_begin(store, found->nameless);
    const int count = query_run(&q);
    if (count > 0) {
        log_error("%s: %d rows have no id that can be read and are set aside", table, count);
    }
    return count;
}
