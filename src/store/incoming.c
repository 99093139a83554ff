/* Receipts and inbound texts, row by row.
 *
 * A key made of what a receipt says, or of the gateway's own id of a text, keeps a repeated one
 * from being kept twice. The words of a text are sealed. */
#include "cobi/store/incoming.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "query.h"

int receipt_insert(struct store *store, const struct receipt_row *row) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_RECEIPT_INSERT);

    bind_text(&q, row->gateway);
    bind_text(&q, row->message);
    bind_int(&q, row->attempt);
    bind_text(&q, row->provider_id);
    bind_text(&q, receipt_report_to_text(row->report));
    bind_text(&q, row->detail);
    bind_instant(&q, row->received_at);
    return query_run(&q);
}

int receipt_best(struct store *store, const char *message, uint32_t attempt, const char *gateway,
                 const char *provider_id, enum receipt_report *ret_report) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_RECEIPT_BEST);

    bind_text(&q, message);
    bind_int(&q, attempt);
    bind_text(&q, gateway);
    bind_text(&q, provider_id);
    const int r = query_row(&q);
    if (r < 0) {
        return r;
    }
    const int64_t best = r > 0 ? read_int(&q) : 0; /* none: NULL reads as 0 */

    if (q.error || best < RECEIPT_NONE || best > RECEIPT_DELIVERED) {
        return q.error ? q.error : -EUCLEAN;
    }
    *ret_report = (enum receipt_report)best;
    return 0;
}

int receipt_list(struct store *store, const char *message, struct receipt_row *ret_rows,
                 size_t capacity) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_RECEIPT_LIST);
    size_t count = 0;

    bind_text(&q, message);
    bind_int(&q, (int64_t)capacity);
    while (count < capacity && query_row(&q) > 0) {
        struct receipt_row row = {0};
        char report[16];
        row.attempt = read_count(&q);
        READ_TEXT(&q, report);
        READ_TEXT(&q, row.detail);
        row.received_at = read_instant(&q);
        if (q.error || receipt_report_from_text(report, &row.report) < 0) {
            return q.error ? q.error : -EUCLEAN;
        }
        ret_rows[count++] = row;
    }
    return q.error ? q.error : (int)count;
}

int receipt_purge(struct store *store, struct instant before, uint32_t most) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_RECEIPT_PURGE);

    bind_instant(&q, before);
    bind_int(&q, most);
    return query_run(&q);
}

int inbound_insert(struct store *store, struct inbound_row *row, const char *event) {
    char key[2 * ID_SIZE + STORE_HASH_SIZE], hash[STORE_HASH_SIZE];
    struct text t = TEXT_IN(key);

    store_hash(store, "inbound", event, hash); /* it may hold a number */
    text_addf(&t, "%s/%s", row->gateway, hash);
    assert(!t.overflow);
    store_derive_id(store, "I", key, 10, row->id);
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_INBOUND_INSERT);

    bind_text(&q, row->id);
    bind_text(&q, row->gateway);
    bind_text(&q, hash);
    bind_text(&q, row->participant);
    bind_instant(&q, row->received_at);
    bind_text(&q, row->stop ? "stop" : "other");
    bind_sealed(&q, "inbound.body", row->id, row->body);
    return query_run(&q);
}

static int read_inbound(struct query *q, struct arena *arena, struct inbound_row *ret_row) {
    struct inbound_row row = {0};
    char taken[8];

    READ_TEXT(q, row.id);
    READ_TEXT(q, row.gateway);
    READ_TEXT(q, row.participant);
    row.received_at = read_instant(q);
    READ_TEXT(q, taken);
    row.body = read_sealed(q, "inbound.body", row.id, arena);
    if (q->error) {
        return q->error;
    }
    row.stop = strcmp(taken, "stop") == 0;
    row.body = row.body ? row.body : "";
    *ret_row = row;
    return 0;
}

int inbound_find(struct store *store, const char *id, struct arena *arena,
                 struct inbound_row *ret_row) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_INBOUND_FIND);

    bind_text(&q, id);
    const int r = query_row(&q);

    return r > 0 ? read_inbound(&q, arena, ret_row) : r < 0 ? r : -ENOENT;
}

int inbound_list(struct store *store, const char *participant, struct arena *arena,
                 struct inbound_row *ret_rows, size_t capacity) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_INBOUND_OF_PARTICIPANT);
    size_t count = 0;

    bind_text(&q, participant);
    bind_int(&q, (int64_t)capacity);
    while (count < capacity && query_row(&q) > 0) {
        const int r = read_inbound(&q, arena, &ret_rows[count]);
        if (r < 0) {
            return r;
        }
        count++;
    }
    return q.error ? q.error : (int)count;
}

int inbound_count_since(struct store *store, const char *participant, struct instant since) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_INBOUND_SINCE);

    bind_text(&q, participant);
    bind_instant(&q, since);
    const int r = query_row(&q);

    return r < 0 ? r : r == 0 ? 0 : (int)read_count(&q);
}
