/* Receipts of gateways: what they change, and what their absence means. Private to the engine. */
#ifndef COBI_ENGINE_RECEIPTS_H
#define COBI_ENGINE_RECEIPTS_H

#include "turn.h"

/* Receipts are kept this long, to know a repeated one again and to tell a person what was said. */
#define RECEIPT_KEPT_DAYS 7

/* Within a turn: notes the receipt and lets the message move. Returns 1 when it was about a message
 * of ours, 0 when not, or the store's trouble. */
_must_use_ int receipts_take(struct engine *e, const struct receipt *receipt);
/* The strongest receipt that came before the answer to the message's present attempt. */
_must_use_ int receipts_early(struct engine *e, const struct message_row *m,
                              const char *provider_id, enum receipt_report *ret_report);
/* Moves a message by a receipt, if that changes anything, and does what follows. */
_must_use_ int receipts_apply(struct engine *e, struct message_row *m, enum receipt_report report,
                              enum receipt_age age);
/* Until when the receipt of a message accepted now is waited for; INSTANT_NEVER: it is not. */
struct instant receipts_awaited(struct engine *e, const struct message_row *m);
/* Looks at messages whose receipt is overdue. Returns how many, or the store's trouble. */
_must_use_ int receipts_due(struct engine *e);

/* What is counted of that gateway; NULL when there is none of that name. */
struct incoming_counts *receipts_counts(struct engine *e, const char *gateway);

#endif
