/* What gateways send to the hooks, read from their bytes (hook_read.c); private to this room.
 *
 * Pure: bytes in, record out. Everything here may be hostile. */
#ifndef COBI_WEB_HOOK_READ_H
#define COBI_WEB_HOOK_READ_H

#include "cobi/config/gateway.h"
#include "cobi/engine/engine.h"

#define HOOK_TEXT_SIZE  2001 /* more than ten parts of a text: what is longer is cut */
#define HOOK_EVENT_SIZE 129

struct hook_receipt {
    char reference[64], provider_id[PROVIDER_ID_SIZE], detail[DELIVERY_DETAIL_SIZE];
    enum receipt_report report;
};
struct hook_text {
    char from[64];
    char text[HOOK_TEXT_SIZE]; /* UTF-8, one line */
    char event[HOOK_EVENT_SIZE];
};
/* From Kannel: the query of a GET, "ref=M-..-1&type=8" and "from=..&text=..&id=..",
 * percent-encoded. Returns 0, or -EINVAL when it is not that. */
_must_use_ int hook_read_kannel_receipt(const char *query, struct hook_receipt *ret_receipt);
_must_use_ int hook_read_kannel_text(const char *query, struct hook_text *ret_text);
/* A JSON document, by the pointers of the gateway. Returns 0, or -EINVAL. */
_must_use_ int hook_read_json_receipt(const struct gateway *gateway, const char *body,
                                      size_t length, struct hook_receipt *ret_receipt);
_must_use_ int hook_read_json_text(const struct gateway *gateway, const char *body, size_t length,
                                   struct hook_text *ret_text);

#endif
