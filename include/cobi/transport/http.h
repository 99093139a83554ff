/* HTTP requests on the loop: libcurl's multi interface, socket by socket. A request is sent at most
 * once. */
#ifndef COBI_TRANSPORT_HTTP_H
#define COBI_TRANSPORT_HTTP_H

#include <systemd/sd-event.h>

#include "cobi/transport/endpoint.h"
#include "cobi/transport/http_gateway.h"

struct http;
/* Called from the loop, never from inside http_send(). The answer is borrowed for the call. */
typedef void http_done(void *user, void *context, const struct http_answer *answer);
_must_use_ int http_open(sd_event *loop, http_done *done, void *user, struct http **ret_http);
/* Begins a POST; takes over what the request holds, also on failure. Returns 0 or a negative errno
 * (certainly not sent). */
_must_use_ int http_send(struct http *http, const struct gateway *gateway,
                         const struct endpoint *endpoint, struct http_request *take_request,
                         void *context);
/* Drops what is under way; forget is called with each context. Accepts NULL. */
void http_close(struct http *http, void (*forget)(void *context));

#endif
