/* A gateway spoken to over HTTP: how its request is built and what in its answer proves acceptance.
 * One small file each. */
#ifndef COBI_TRANSPORT_HTTP_GATEWAY_H
#define COBI_TRANSPORT_HTTP_GATEWAY_H

#include <curl/curl.h>

#include "cobi/base/complaint.h"
#include "cobi/config/gateway.h"
#include "cobi/engine/ports.h"
#include "cobi/transport/credential.h"

struct http_request {
    struct curl_slist *headers;
    char *body; /* malloc'ed; must not be empty: libcurl may re-send a request without a body */
    size_t body_length;
    char user[128], password[CREDENTIAL_SIZE]; /* Basic authentication; "" for none */
};
/* Adds one header; the copy is wiped by http_request_done(). Returns 0, or -EINVAL for a name or
 * value that must not be in a header. */
_must_use_ int http_request_add(struct http_request *request, const char *name, const char *value);
/* Wipes and frees what the request holds. */
void http_request_done(struct http_request *request);

struct http_answer {
    int curl_code;
    long status;
    bool request_began, whole; /* whole: it ended as HTTP says, within our limits */
    int64_t retry_after_seconds;
    const char *body; /* NUL-terminated, "" when there was none */
    size_t body_length;
};
struct http_gateway {
    /* Returns 0, or -EINVAL with a line in complaint. */
    int (*check)(const struct gateway *gateway, const char *credentials_dir,
                 struct complaint *complaint);
    /* Returns 0 with a request (http_request_done()), -EINVAL when a value must not be sent, or an
     * error of credential_read(). */
    int (*build)(const struct gateway *gateway, const char *credentials_dir,
                 const struct outgoing *message, struct http_request *request);
    /* Is the answer a proof of acceptance? Fills ret_id with the gateway's own id when it gave one.
     */
    bool (*prove)(const struct gateway *gateway, const struct http_answer *answer,
                  char ret_id[PROVIDER_ID_SIZE]);
};
extern const struct http_gateway generic_gateway, kannel_gateway;
/* The row for a type, or NULL when the type does not speak HTTP or is not available yet. */
const struct http_gateway *http_gateway_find(enum gateway_type type);

#endif
