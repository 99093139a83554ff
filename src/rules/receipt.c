/* Receipts: names, and which of them change anything.
 *
 * A receipt may come late, twice, out of order, or before the gateway's own answer. A message only
 * moves forward, and delivered beats failed, so the order does not matter. Must never let a failure
 * undo what was delivered. */
#include "cobi/rules/receipt.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>

#include "cobi/rules/names.h"

static const char *const report_names[RECEIPT_REPORT_COUNT] = {
    [RECEIPT_NONE] = "none",
    [RECEIPT_INTERIM] = "interim",
    [RECEIPT_FAILED] = "failed",
    [RECEIPT_DELIVERED] = "delivered",
};

const char *receipt_report_to_text(enum receipt_report report) {
    assert((unsigned)report < RECEIPT_REPORT_COUNT);
    return report_names[report];
}

int receipt_report_from_text(const char *text, enum receipt_report *ret_report) {
    const int found = names_find(report_names, RECEIPT_REPORT_COUNT, text);

    if (found <= RECEIPT_NONE) {
        return -EINVAL;
    }
    *ret_report = (enum receipt_report)found;
    return 0;
}

int receipt_event(enum message_state state, enum receipt_report report, enum receipt_age age,
                  enum message_event *ret_event) {
    const enum message_event event = report == RECEIPT_DELIVERED ? MESSAGE_RECEIPT_OK
                                                                 : MESSAGE_RECEIPT_BAD;
    enum message_state to;

    if (report < RECEIPT_FAILED || (report == RECEIPT_FAILED && age == RECEIPT_EARLIER) ||
        message_next(state, event, &to) < 0) {
        return 0;
    }
    *ret_event = event;
    return 1;
}
