/* What the end of an SMTP transfer means (page on gateways, section 6). Pure. */
#ifndef COBI_TRANSPORT_SMTP_CLASSIFY_H
#define COBI_TRANSPORT_SMTP_CLASSIFY_H

#include <stdbool.h>
#include <stddef.h>

#include "cobi/engine/ports.h"

#define SMTP_ENHANCED_SIZE 12
/* The replies of one transfer, line by line as libcurl hands them over. Zero-initialised for each
 * message. */
struct smtp_replies {
    int code;                          /* of the last reply; 0: none */
    char enhanced[SMTP_ENHANCED_SIZE]; /* "5.1.1" of the last reply, or "" */
    char
        queue_id[PROVIDER_ID_SIZE]; /* from "queued as ..." or "id=..." of the final reply, or "" */
    int accepted_count; /* commands after EHLO and AUTH that got 2xx: 0 in MAIL, 1 in RCPT */
    bool ehlo_pending, continued;
    bool data_began; /* 354 was seen */
    bool ended;      /* the reply to the data was seen, whole */
};
void smtp_replies_add(struct smtp_replies *replies, const char *line, size_t length);

struct smtp_result {
    int curl_code;  /* CURLE_... */
    bool body_read; /* libcurl took the body to its end */
    struct smtp_replies replies;
};
/* UNCERTAIN exactly when the end of the data may have reached the relay and no reply to it came
 * back. */
enum outcome_class smtp_classify(const struct smtp_result *result);
/* "550 5.1.1", "timeout after sending": codes only. */
void smtp_describe(const struct smtp_result *result, char ret_detail[DELIVERY_DETAIL_SIZE]);

#endif
