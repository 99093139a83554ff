/* Feeds, the hash-chained audit, the access log, and the counts that the self-audit looks at. */
#ifndef COBI_STORE_JOURNAL_H
#define COBI_STORE_JOURNAL_H

#include "cobi/store/store.h"

struct feed_row {
    char id[ID_SIZE];
    char owner_kind[16]; /* practitioner, office, participant */
    char owner[ID_SIZE];
    struct instant created_at, fetched_at /* 0: never */, revoked_at /* 0: not revoked */;
};
_must_use_ int feed_insert(struct store *store, const struct feed_row *row, const char *token_hash);
_must_use_ int feed_find(struct store *store, const char *id, struct feed_row *ret_row);
_must_use_ int feed_find_token(struct store *store, const char *token_hash, struct feed_row *ret_row);
_must_use_ int feed_update(struct store *store, const struct feed_row *row);
_must_use_ int feed_list(struct store *store, const char *after, struct feed_row *ret_rows, size_t capacity);

/* One entry of the audit: who did what to which row. detail is hashed into the chain and not kept. */
struct audit_entry {
    struct instant at;
    const char *actor;   /* OS user, or "cobid" */
    const char *as;      /* person named, or "" */
    const char *action;  /* "session move" */
    const char *subject; /* id */
    const char *detail;  /* canonical text of the change; only its hash is kept */
};
_must_use_ int audit_append(struct store *store, const struct audit_entry *entry);
/* Walks the chain. Returns 0, or -EBADMSG and the first sequence number that does not fit: the one after the last when entries were cut off. */
_must_use_ int audit_verify(struct store *store, int64_t *ret_bad_sequence);
/* Consultations and feed fetches: their own chain of ids and times, never content. */
_must_use_ int access_append(struct store *store, const struct audit_entry *entry);
/* As audit_verify(), for the access log. */
_must_use_ int access_verify(struct store *store, int64_t *ret_bad_sequence);

struct store_counts {
    int64_t overdue;       /* wake_at more than two minutes ago; all counts of what is late stop at 100,000 a table or lane */
    int64_t delayed;       /* due for more than ten minutes in a lane that is shut */
    int64_t participants_active, sessions_planned, awaiting_outcome;
    int64_t escalations_open, escalations_exhausted;
    int64_t messages_queued, messages_sending, messages_uncertain, messages_held, messages_failed;
    int64_t oldest_sending_us; /* 0: none */
    int64_t quarantined;
};
/* shut: lanes (1 << message_lane()) in which messages wait for pacing, a breaker or answers: those are not overdue. */
_must_use_ int store_count(struct store *store, struct instant now, uint64_t shut, struct store_counts *ret_counts);
/* Sets a bad row aside: it is skipped from now on, shown red and alarmed. table is "session", "message", "escalation" or "task". */
_must_use_ int store_quarantine(struct store *store, const char *table, const char *id, struct instant now);

#endif
