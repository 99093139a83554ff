/* What a gateway may report of a message that it took, and what that makes of the message. */
#ifndef COBI_RULES_RECEIPT_H
#define COBI_RULES_RECEIPT_H

#include "cobi/rules/states.h"

/* In order of strength: delivered beats failed. */
enum receipt_report { RECEIPT_NONE, RECEIPT_INTERIM /* taken, not yet delivered */, RECEIPT_FAILED, RECEIPT_DELIVERED };
#define RECEIPT_REPORT_COUNT 4
const char *receipt_report_to_text(enum receipt_report report);
/* Returns 0, or -EINVAL. */
int receipt_report_from_text(const char *text, enum receipt_report *ret_report);

/* Whose attempt it is about. */
enum receipt_age { RECEIPT_LATEST, RECEIPT_EARLIER };
/* What becomes of a message in that state: 1 and the event, or 0 when it changes nothing (a repeat, one out of order, an interim one, a failure of an
 * attempt that has been repeated since). Whatever the order in which receipts come, the same state is reached. */
int receipt_event(enum message_state state, enum receipt_report report, enum receipt_age age, enum message_event *ret_event);

#endif
