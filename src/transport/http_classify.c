/* http_classify: the meaning of an HTTP answer, or of its absence.
 *
 * Two tables: transfers that ended without a status line, and statuses. What is in neither is
 * decided by whether bytes may have left: then the answer is lost and the message UNCERTAIN, never
 * "again". It must never call something certainly not sent that may have been sent. */
#include "cobi/transport/http_classify.h"

#include <curl/curl.h>
#include <stdint.h>

#include "cobi/base/cleanup.h"
#include "cobi/base/text.h"

struct code_row {
    int code;
    enum outcome_class outcome;
    const char *text;
};
/* These end a transfer before the request: certain, whatever the counters say. */
static const struct code_row never_left[] = {
    {CURLE_UNSUPPORTED_PROTOCOL, OUTCOME_GATEWAY_DOWN, "protocol not supported"},
    {CURLE_URL_MALFORMAT, OUTCOME_GATEWAY_DOWN, "URL not usable"},
    {CURLE_COULDNT_RESOLVE_PROXY, OUTCOME_GATEWAY_DOWN, "host name not found"},
    {CURLE_COULDNT_RESOLVE_HOST, OUTCOME_GATEWAY_DOWN, "host name not found"},
    {CURLE_COULDNT_CONNECT, OUTCOME_GATEWAY_DOWN, "no connection"},
    {CURLE_SSL_CONNECT_ERROR, OUTCOME_GATEWAY_DOWN, "TLS handshake failed"},
    {CURLE_SSL_CERTPROBLEM, OUTCOME_GATEWAY_DOWN, "own TLS certificate not usable"},
    {CURLE_PEER_FAILED_VERIFICATION, OUTCOME_GATEWAY_DOWN, "TLS certificate refused"},
    {CURLE_SSL_CACERT_BADFILE, OUTCOME_GATEWAY_DOWN, "ca_file not readable"},
    {CURLE_SSL_ISSUER_ERROR, OUTCOME_GATEWAY_DOWN, "TLS issuer refused"},
};
/* Transfers without a status line that may have begun; `outcome` is for those that had not. */
static const struct code_row unanswered[] = {
    {CURLE_OPERATION_TIMEDOUT, OUTCOME_GATEWAY_DOWN, "timeout"},
    {CURLE_GOT_NOTHING, OUTCOME_TRANSIENT, "connection closed"},
    {CURLE_SEND_ERROR, OUTCOME_TRANSIENT, "connection lost"},
    {CURLE_RECV_ERROR, OUTCOME_TRANSIENT, "connection lost"},
    /* It would have been sent again. */
    {CURLE_ABORTED_BY_CALLBACK, OUTCOME_UNCERTAIN, "connection lost"},
    {CURLE_SEND_FAIL_REWIND, OUTCOME_UNCERTAIN, "connection lost"},
    {CURLE_OUT_OF_MEMORY, OUTCOME_TRANSIENT, "out of memory"},
};

struct status_row {
    int16_t first, last;
    enum outcome_class outcome;
};
/* The first row that fits decides. 2xx is not here: only proof makes an acceptance. */
static const struct status_row statuses[] = {
    {300, 399, OUTCOME_REFUSED_REQUEST}, {401, 401, OUTCOME_GATEWAY_DOWN},
    {403, 403, OUTCOME_GATEWAY_DOWN},    {407, 407, OUTCOME_GATEWAY_DOWN},
    {408, 408, OUTCOME_TRANSIENT},       {429, 429, OUTCOME_TRANSIENT},
    {400, 499, OUTCOME_REFUSED_REQUEST}, {503, 503, OUTCOME_TRANSIENT},
    {500, 599, OUTCOME_UNCERTAIN},
};

static const struct code_row *find_code(const struct code_row *rows, size_t count, int code) {
    for (size_t i = 0; i < count; i++) {
        if (rows[i].code == code) {
            return &rows[i];
        }
    }
    return NULL;
}

static enum outcome_class without_status(const struct http_result *result) {
    const struct code_row *row = find_code(never_left, ARRAY_COUNT(never_left), result->curl_code);
    if (row != NULL) {
        return row->outcome;
    }
    if (result->request_began || result->curl_code == CURLE_OK) {
        return OUTCOME_UNCERTAIN;
    }
    row = find_code(unanswered, ARRAY_COUNT(unanswered), result->curl_code);
    return row != NULL ? row->outcome : OUTCOME_TRANSIENT;
}

enum outcome_class http_classify(const struct http_result *result) {
    if (result->status < 200) {
        return without_status(result);
    }
    if (result->status < 300) {
        return result->proof ? OUTCOME_ACCEPTED : OUTCOME_UNCERTAIN;
    }
    for (size_t i = 0; i < ARRAY_COUNT(statuses); i++) {
        if (result->status >= statuses[i].first && result->status <= statuses[i].last) {
            return statuses[i].outcome;
        }
    }
    return OUTCOME_UNCERTAIN;
}

void http_describe(const struct http_result *result, char ret_detail[DELIVERY_DETAIL_SIZE]) {
    struct text detail;
    text_init(&detail, ret_detail, DELIVERY_DETAIL_SIZE);
    if (result->status >= 200) {
        bool lacking = result->status < 300 && !result->proof;
        text_addf(&detail, "HTTP %ld%s", result->status,
                  lacking ? " without proof of acceptance" : "");
        return;
    }
    const struct code_row *row = find_code(never_left, ARRAY_COUNT(never_left), result->curl_code);
    if (row != NULL) {
        text_addf(&detail, "%s (%d)", row->text, result->curl_code);
        return;
    }
    row = find_code(unanswered, ARRAY_COUNT(unanswered), result->curl_code);
    bool uncertain = http_classify(result) == OUTCOME_UNCERTAIN;
    text_addf(&detail, "%s %s (%d)", row != NULL ? row->text : "no answer",
              uncertain ? "after sending" : "before sending", result->curl_code);
}
