/* http_gateway: what all gateways over HTTP share: the table of types and the building of headers.
 *
 * A header line is built only here, and only from printable ASCII, because libcurl passes a line
 * end in a value on as a new header. */
#include "cobi/transport/http_gateway.h"

#include <errno.h>
#include <string.h>

#include "cobi/base/text.h"
#include "cobi/transport/allocate.h"

#define HEADER_LINE_MAX 4096

static const struct http_gateway *const by_type[GATEWAY_TYPE_COUNT] = {
    [GATEWAY_HTTP] = &generic_gateway,
    [GATEWAY_KANNEL] = &kannel_gateway,
};

const struct http_gateway *http_gateway_find(enum gateway_type type) {
    return (unsigned)type < GATEWAY_TYPE_COUNT ? by_type[type] : NULL;
}

static bool name_fine(const char *name) {
    size_t length = strspn(
        name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~");
    return length > 0 && name[length] == '\0';
}

static bool value_fine(const char *value) {
    for (const char *p = value; *p != '\0'; p++) {
        if (*p < 0x20 || *p > 0x7e) {
            return false;
        }
    }
    return value[0] != '\0';
}

int http_request_add(struct http_request *request, const char *name, const char *value) {
    char line[HEADER_LINE_MAX];
    struct text text = TEXT_IN(line);
    text_addf(&text, "%s: %s", name, value);
    int r = name_fine(name) && value_fine(value) && !text.overflow ? 0 : -EINVAL;
    if (r == 0) {
        struct curl_slist *grown = curl_slist_append(request->headers, line);
        if (grown == NULL) {
            abort();
        }
        request->headers = grown;
    }
    explicit_bzero(line, sizeof line);
    return r;
}

void http_request_done(struct http_request *request) {
    for (struct curl_slist *header = request->headers; header != NULL; header = header->next) {
        explicit_bzero(header->data, strlen(header->data));
    }
    curl_slist_free_all(request->headers);
    wipe_free(request->body, request->body_length);
    explicit_bzero(request, sizeof *request);
}
