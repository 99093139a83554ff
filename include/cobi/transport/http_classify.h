/* What the end of an HTTP transfer means (page on gateways, section 7). Pure: a table in, a class
 * out. */
#ifndef COBI_TRANSPORT_HTTP_CLASSIFY_H
#define COBI_TRANSPORT_HTTP_CLASSIFY_H

#include <stdbool.h>

#include "cobi/engine/ports.h"

struct http_result {
    int curl_code;      /* CURLE_... */
    long status;        /* of the last status line; 0: none was seen; 1xx counts as none */
    bool request_began; /* bytes of the request may have left the machine */
    bool
        proof; /* the gateway's own proof of acceptance was in the answer; looked at for 2xx only */
};
/* "The request never left" and "no connection" are both certain; the second is OUTCOME_GATEWAY_DOWN
 * so that the breaker counts it. */
enum outcome_class http_classify(const struct http_result *result);
/* "HTTP 503", "timeout after sending": codes only. */
void http_describe(const struct http_result *result, char ret_detail[DELIVERY_DETAIL_SIZE]);

#endif
