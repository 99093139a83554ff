/* What is done at a time of its own, and practitioners who leave. */
#ifndef COBI_STORE_JOBS_H
#define COBI_STORE_JOBS_H

#include "cobi/store/store.h"

/* A timer for a kind and a subject, both ids. */
enum job_kind { JOB_DIGEST /* a practitioner's */, JOB_LEAVE /* of a practitioner */ };
#define JOB_KIND_COUNT 2
const char *job_kind_to_text(enum job_kind kind);
struct job_row {
    enum job_kind kind;
    char subject[ID_SIZE];
    struct instant wake_at;
};
/* Makes the job, or gives it another time. */
_must_use_ int job_set(struct store *store, const struct job_row *row);
_must_use_ int job_find(struct store *store, const char *id, struct job_row *ret_row);
/* It is over; there may be none. */
_must_use_ int job_end(struct store *store, enum job_kind kind, const char *subject);
_must_use_ int job_due(struct store *store, struct instant now, char (*ret_ids)[ID_SIZE], size_t capacity);

/* A practitioner who leaves. */
struct departure_row {
    char practitioner[ID_SIZE], taker[ID_SIZE];
    struct date from; /* the first day on which they are nobody's */
    bool gone;        /* that day has come, and the taker has what was left */
};
/* Makes it, or writes it anew. */
_must_use_ int departure_set(struct store *store, const struct departure_row *row);
/* -ENOENT: they stay. */
_must_use_ int departure_find(struct store *store, const char *practitioner, struct departure_row *ret_row);
/* One that is still to come and hands over to this practitioner. -ENOENT: none. */
_must_use_ int departure_find_to(struct store *store, const char *taker, struct departure_row *ret_row);

#endif
