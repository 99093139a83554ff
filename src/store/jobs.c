/* Jobs and departures, row by row. A job is a timer with a subject: its row is what wakes the
 * daemon, and it is written anew or deleted by whoever does the job. */
#include "cobi/store/jobs.h"

#include <errno.h>
#include <string.h>

#include "query.h"

static const char *const job_kinds[JOB_KIND_COUNT] = {
    [JOB_DIGEST] = "digest",
    [JOB_LEAVE] = "leave",
};

const char *job_kind_to_text(enum job_kind kind) {
    return job_kinds[kind];
}

int job_set(struct store *store, const struct job_row *row) {
    char key[2 * ID_SIZE], id[ID_SIZE];
    struct text t = TEXT_IN(key);

    text_addf(&t, "%s/%s", job_kind_to_text(row->kind), row->subject);
    store_derive_id(store, "J", key, 10, id);
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_JOB_SET);

    bind_text(&q, id);
    bind_text(&q, job_kind_to_text(row->kind));
    bind_text(&q, row->subject);
    bind_instant(&q, row->wake_at);
    const int r = query_run(&q);

    return r < 0 ? r : 0;
}

int job_find(struct store *store, const char *id, struct job_row *ret_row) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_JOB_FIND);
    struct job_row row = {0};
    char kind[16];

    bind_text(&q, id);
    const int r = query_row(&q);
    if (r <= 0) {
        return r < 0 ? r : -ENOENT;
    }
    READ_TEXT(&q, kind);
    READ_TEXT(&q, row.subject);
    row.wake_at = read_instant(&q);
    if (q.error) {
        return q.error;
    }
    while (strcmp(job_kinds[row.kind], kind) != 0) {
        if (row.kind == JOB_KIND_COUNT - 1) {
            return -EUCLEAN;
        }
        row.kind++;
    }
    *ret_row = row;
    return 0;
}

int job_end(struct store *store, enum job_kind kind, const char *subject) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_JOB_END);

    bind_text(&q, job_kind_to_text(kind));
    bind_text(&q, subject);
    const int r = query_run(&q);

    return r < 0 ? r : 0;
}

int job_due(struct store *store, struct instant now, char (*ret_ids)[ID_SIZE], size_t capacity) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_JOB_DUE);

    bind_instant(&q, now);
    bind_int(&q, (int64_t)capacity);
    return query_ids(&q, "job", ret_ids[0], ID_SIZE, capacity);
}

int departure_set(struct store *store, const struct departure_row *row) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_DEPARTURE_SET);

    bind_text(&q, row->practitioner);
    bind_date(&q, row->from);
    bind_text(&q, row->taker);
    bind_int(&q, row->gone);
    const int r = query_run(&q);

    return r < 0 ? r : 0;
}

static int read_departure(struct query *q, struct departure_row *ret_row) {
    struct departure_row row = {0};
    const int r = query_row(q);

    if (r <= 0) {
        return r < 0 ? r : -ENOENT;
    }
    READ_TEXT(q, row.practitioner);
    row.from = read_date(q);
    READ_TEXT(q, row.taker);
    row.gone = read_int(q) != 0;
    if (q->error) {
        return q->error;
    }
    *ret_row = row;
    return 0;
}

int departure_find(struct store *store, const char *practitioner, struct departure_row *ret_row) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_DEPARTURE_FIND);

    bind_text(&q, practitioner);
    return read_departure(&q, ret_row);
}

int departure_find_to(struct store *store, const char *taker, struct departure_row *ret_row) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_DEPARTURE_TO);

    bind_text(&q, taker);
    return read_departure(&q, ret_row);
}
