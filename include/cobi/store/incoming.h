/* What comes in from gateways: receipts of what they took, and texts of participants. */
#ifndef COBI_STORE_INCOMING_H
#define COBI_STORE_INCOMING_H

#include "cobi/engine/ports.h"
#include "cobi/rules/receipt.h"
#include "cobi/store/store.h"

struct receipt_row {
    char gateway[ID_SIZE];
    char message[MESSAGE_ID_SIZE]; /* "" while nobody knows whose provider_id it is; then attempt is 0 */
    uint32_t attempt;
    char provider_id[PROVIDER_ID_SIZE]; /* "" when the receipt gave none */
    enum receipt_report report;
    char detail[DELIVERY_DETAIL_SIZE]; /* codes only */
    struct instant received_at;
};
/* Returns 1, or 0 when this very receipt is there already. */
_must_use_ int receipt_insert(struct store *store, const struct receipt_row *row);
/* The strongest receipt of the attempt (of any attempt where it says delivered), or of the gateway's own id (may be "") while that was nobody's. */
_must_use_ int receipt_best(struct store *store, const char *message, uint32_t attempt, const char *gateway, const char *provider_id,
                            enum receipt_report *ret_report);
/* In the order in which they came. */
_must_use_ int receipt_list(struct store *store, const char *message, struct receipt_row *ret_rows, size_t capacity);
/* Forgets receipts that came before that, at most `most` of them. Returns how many. */
_must_use_ int receipt_purge(struct store *store, struct instant before, uint32_t most);

struct inbound_row {
    char id[ID_SIZE], gateway[ID_SIZE], participant[ID_SIZE];
    struct instant received_at;
    bool stop;        /* taken as a wish for no more texts */
    const char *body; /* sealed in the store; "" when it was empty */
};
/* event: what makes a repeated text known again. Fills row->id. Returns 1, or 0 when it is there already. */
_must_use_ int inbound_insert(struct store *store, struct inbound_row *row, const char *event);
_must_use_ int inbound_find(struct store *store, const char *id, struct arena *arena, struct inbound_row *ret_row);
/* Of one participant, newest first. */
_must_use_ int inbound_list(struct store *store, const char *participant, struct arena *arena, struct inbound_row *ret_rows, size_t capacity);
_must_use_ int inbound_count_since(struct store *store, const char *participant, struct instant since);

#endif
