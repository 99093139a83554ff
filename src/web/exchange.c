/* Exchange: one HTTP request on a connection, from its head to the last byte of the answer.
 *
 * A request is read whole within a cap, turned into a struct web_request and answered by
 * web_handle(); the answer's memory is kept until it has been sent. Requests that two readers could
 * frame differently (RFC 9112 6.3) are refused before anything is read from them, and their
 * connection is closed.
 *
 * Must never log what a peer sent. */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "cobi/base/cleanup.h"
#include "cobi/base/log.h"
#include "cobi/base/text.h"
#include "door.h"
#include "peer.h"
#include "room.h"

#define DISCARD_BYTES_MAX ((size_t)256 * 1024)
#define QUERY_BYTES_MAX   16384 /* more than the library takes in a head */

/* One request while it is being read. */
struct exchange {
    char *body;
    size_t length, bytes_max;
    bool too_long, answered;
};
/* What an answer needs while it is being sent, and as long as it is kept. */
struct sending {
    struct snapshot *pin;
    char *owned;
};

static struct connection *connection_of(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(
        connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    assert(info != NULL && info->socket_context != NULL);
    return info->socket_context;
}

static void sending_free(void *user) {
    struct sending *sending = user;
    if (sending->pin != NULL) {
        snapshot_unpin(sending->pin);
    }
    free(sending->owned);
    free(sending);
}

/* The library's form of an answer; what the answer holds is now its own. NULL: refused by the
 * library. */
static struct MHD_Response *make_response(struct web_response *take_answer, bool last) {
    struct sending *sending = malloc(sizeof *sending);
    if (sending == NULL) {
        abort();
    }
    *sending = (struct sending){.pin = take_answer->pin, .owned = take_answer->owned};
    /* The library does not write to the buffer, its interface only lacks the const. */
    union {
        const char *constant;
        void *plain;
    } body = {.constant = take_answer->body};
    struct MHD_Response *response = MHD_create_response_from_buffer_with_free_callback_cls(
        take_answer->body_length, body.plain, sending_free, sending);
    if (response == NULL) {
        sending_free(sending);
        return NULL;
    }
    bool fine = true;
    for (size_t i = 0; i < take_answer->header_count; i++) {
        fine = MHD_add_response_header(response, take_answer->headers[i].name,
                                       take_answer->headers[i].value) == MHD_YES &&
               fine;
    }
    if (last) {
        fine = MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close") == MHD_YES &&
               fine;
    }
    if (!fine) {
        MHD_destroy_response(response);
        return NULL;
    }
    return response;
}

/* Closed in good time rather than cut off between two requests. */
static bool is_aged(const struct door *door, struct MHD_Connection *connection) {
    int64_t age_us = door_now(door).us - connection_of(connection)->opened_at.us;
    return door->connections.life.us > 0 && age_us > door->connections.life.us / 2;
}

/* Sends the answer off; its memory goes when the library is done with it. */
static enum MHD_Result send_answer(struct door *door, struct MHD_Connection *connection,
                                   struct web_response *take_answer, bool last) {
    if (take_answer->ready != NULL) {
        return MHD_queue_response(connection, (unsigned)take_answer->status, take_answer->ready);
    }
    /* After a refusal nothing more is read. */
    bool refused = take_answer->status == 400 || take_answer->status == 413;
    struct MHD_Response *response = make_response(take_answer, last || refused);
    if (response == NULL) {
        return MHD_NO;
    }
    enum MHD_Result result = MHD_queue_response(connection, (unsigned)take_answer->status,
                                                response);
    if (take_answer->kept) {
        feed_cache_keep(door->web->feeds, take_answer->pin, take_answer->form, response);
    } else {
        MHD_destroy_response(response);
    }
    return result;
}

/* A request that is refused before or without being read. */
static enum MHD_Result send_refusal(struct door *door, struct MHD_Connection *connection,
                                    int status, const char *why) {
    const struct web_request nothing = {.door = WEB_PUBLIC, .path = ""};
    struct web_response response;
    web_handle(door->web, &nothing, &response); /* for its headers */
    if (door->kind == WEB_CONTROL) {
        control_refuse(&response, status, why);
    } else {
        web_set_body(&response, status, "text/plain; charset=utf-8", "This request was refused.\n");
    }
    return send_answer(door, connection, &response, is_aged(door, connection));
}

/* What of the head decides how a request is framed. */
struct framing {
    unsigned hosts, lengths, encodings, odd;
    bool chunked;
};

/* A name with a space before its colon, or a control character in a value (of these HTTP allows the
 * tab only): another reader may see another header. */
static bool is_odd(const char *name, const char *value) {
    static const bool token[256] = {
        ['!'] = true, ['#' ... '\''] = true, ['*'] = true,         ['+'] = true, ['-'] = true,
        ['.'] = true, ['0' ... '9'] = true,  ['A' ... 'Z'] = true, ['^'] = true, ['_'] = true,
        ['`'] = true, ['a' ... 'z'] = true,  ['|'] = true,         ['~'] = true,
    };
    const char *end = name;
    while (token[(unsigned char)*end]) {
        end++;
    }
    if (end == name || *end != '\0') {
        return true;
    }
    for (const char *c = value != NULL ? value : ""; *c != '\0'; c++) {
        if (((unsigned char)*c < ' ' && *c != '\t') || *c == 0x7f) {
            return true;
        }
    }
    return false;
}

static enum MHD_Result look_at_header(void *user, enum MHD_ValueKind kind, const char *name,
                                      const char *value) {
    struct framing *f = user;
    (void)kind;
    f->odd += is_odd(name, value) ? 1 : 0;
    f->hosts += strcasecmp(name, MHD_HTTP_HEADER_HOST) == 0 ? 1 : 0;
    f->lengths += strcasecmp(name, MHD_HTTP_HEADER_CONTENT_LENGTH) == 0 ? 1 : 0;
    if (strcasecmp(name, MHD_HTTP_HEADER_TRANSFER_ENCODING) == 0) {
        f->encodings++;
        f->chunked = value != NULL && strcasecmp(value, "chunked") == 0;
    }
    return MHD_YES;
}

static bool is_framed_plainly(struct MHD_Connection *connection, const char *version) {
    struct framing f = {0};
    (void)MHD_get_connection_values(connection, MHD_HEADER_KIND, look_at_header,
                                    &f); /* only counts them */
    bool coded = f.encodings == 1 && f.chunked && f.lengths == 0 &&
                 strcmp(version, "HTTP/1.1") == 0;
    return f.odd == 0 && f.hosts <= 1 && f.lengths <= 1 && (f.encodings == 0 || coded);
}

static const char *header(struct MHD_Connection *connection, const char *name) {
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

/* Does the length that was announced already exceed the cap? */
static bool announces_too_much(struct MHD_Connection *connection, size_t bytes_max) {
    const char *length = header(connection, MHD_HTTP_HEADER_CONTENT_LENGTH);
    return length != NULL && (strlen(length) > 18 || strtoull(length, NULL, 10) > bytes_max);
}

/* The library cuts a target at a NUL. In this version of it the HTTP version follows the target in
 * the same memory, so what was cut away leaves a gap; of other versions we do not know. */
static bool is_whole(struct MHD_Connection *connection, const char *url, const char *version) {
    if (strcmp(MHD_get_version(), "0.9.75") != 0) {
        return true;
    }
    return (uintptr_t)version - (uintptr_t)url == connection_of(connection)->target_length + 1;
}

void *exchange_target(void *user, const char *target, struct MHD_Connection *connection) {
    (void)user;
    connection_of(connection)->target_length = strlen(target);
    return NULL;
}

static enum MHD_Result begin(struct door *door, struct MHD_Connection *connection, const char *url,
                             const char *version, void **ret_exchange) {
    struct exchange *exchange = calloc(1, sizeof *exchange);
    if (exchange == NULL) {
        abort();
    }
    exchange->bytes_max = web_body_bytes_max(door->kind, url);
    *ret_exchange = exchange;
    if (!is_framed_plainly(connection, version) || !is_whole(connection, url, version)) {
        exchange->answered = true;
        return send_refusal(door, connection, 400, "the request is framed ambiguously");
    }
    /* On our own socket a little too much is read to its end, so that cobictl hears why. */
    size_t heard_bytes = door->kind == WEB_CONTROL ? DISCARD_BYTES_MAX : 0;
    if (announces_too_much(connection, exchange->bytes_max + heard_bytes)) {
        exchange->answered = true;
        return send_refusal(door, connection, 413, "the request is too large");
    }
    return MHD_YES;
}

/* gcc 12's analyser loses what only *context points to. */
#if defined __GNUC__ && !defined __clang__
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wanalyzer-malloc-leak"
#endif
/* Keeps what fits; what is too long is read on for a while, so that the refusal can still be heard.
 */
static enum MHD_Result take_body(struct exchange *exchange, const char *bytes, size_t length) {
    if (exchange->length + length > exchange->bytes_max) {
        exchange->too_long = true;
    }
    if (exchange->too_long) {
        exchange->length += length;
        return exchange->length > exchange->bytes_max + DISCARD_BYTES_MAX ? MHD_NO : MHD_YES;
    }
    if (exchange->body == NULL) {
        exchange->body = malloc(exchange->bytes_max + 1);
        if (exchange->body == NULL) {
            abort();
        }
    }
    memcpy(exchange->body + exchange->length, bytes, length);
    exchange->length += length;
    exchange->body[exchange->length] = '\0';
    return MHD_YES;
}
#if defined __GNUC__ && !defined __clang__
#pragma GCC diagnostic pop
#endif

static enum web_method method_of(const char *method) {
    static const struct {
        const char *name;
        enum web_method method;
    } methods[] = {{"GET", WEB_GET}, {"HEAD", WEB_HEAD}, {"POST", WEB_POST}};
    for (size_t i = 0; i < ARRAY_COUNT(methods); i++) {
        if (strcmp(methods[i].name, method) == 0) {
            return methods[i].method;
        }
    }
    return WEB_OTHER;
}

/* Looks the peer of a control connection up, once. */
static bool is_allowed(struct door *door, struct connection *connection) {
    if (connection->access == PEER_UNKNOWN) {
        int r = peer_find(&door->peers, connection->fd, door_now(door), &connection->actor);
        connection->access = r == 0 ? PEER_ALLOWED : PEER_REFUSED;
        if (r < 0) {
            log_warning("control socket: user %u was refused", connection->actor.uid);
        }
    }
    return connection->access == PEER_ALLOWED;
}

static const char *find_header(const void *source, const char *name) {
    /* The library's interface only lacks the const. */
    union {
        const void *constant;
        struct MHD_Connection *plain;
    } connection = {.constant = source};
    return header(connection.plain, name);
}

/* The query as it was sent, but for plus signs, which the library has made spaces of. */
static enum MHD_Result add_argument(void *user, enum MHD_ValueKind kind, const char *name,
                                    const char *value) {
    struct text *query = user;
    (void)kind;
    text_addf(query, "%s%s=%s", query->length > 0 ? "&" : "", name, value != NULL ? value : "");
    return MHD_YES;
}

/* NULL: there is none, as with every request of a reader. */
static char *read_query(struct MHD_Connection *connection) {
    if (MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, NULL, NULL) <= 0) {
        return NULL;
    }
    char *query = malloc(QUERY_BYTES_MAX);
    struct text t;
    if (query == NULL) {
        abort();
    }
    text_init(&t, query, QUERY_BYTES_MAX);
    (void)MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, add_argument,
                                    &t); /* their number */
    return query;
}

static enum MHD_Result finish(struct door *door, struct MHD_Connection *connection, const char *url,
                              const char *method, struct exchange *exchange) {
    struct connection *from = connection_of(connection);
    exchange->answered = true;
    if (door->kind == WEB_CONTROL && !is_allowed(door, from)) {
        return send_refusal(
            door, connection, 403,
            "you may not use this socket: be root or join the group " PEER_GROUP_ADMIN
            " or " PEER_GROUP_OPS);
    }
    if (exchange->too_long) {
        return send_refusal(door, connection, 413, "the request is too large");
    }
    struct web_response response;
    char *query = read_query(connection);
    const struct web_request request = {
        .query = query != NULL ? query : "",
        .find_header = find_header,
        .header_source = connection,
        .door = door->kind,
        .method = method_of(method),
        .path = url,
        .if_none_match = header(connection, MHD_HTTP_HEADER_IF_NONE_MATCH),
        .accept_encoding = header(connection, MHD_HTTP_HEADER_ACCEPT_ENCODING),
        .content_type = header(connection, MHD_HTTP_HEADER_CONTENT_TYPE),
        .origin = header(connection, MHD_HTTP_HEADER_ORIGIN),
        .host = header(connection, MHD_HTTP_HEADER_HOST),
        .sec_fetch_site = header(connection, "Sec-Fetch-Site"),
        .body = exchange->body != NULL ? exchange->body : "",
        .body_length = exchange->length,
        .actor = from->actor,
        .last = is_aged(door, connection),
    };
    web_handle(door->web, &request, &response);
    if (query != NULL) {
        explicit_bzero(query, strlen(query)); /* the words of a text */
        free(query);
    }
    return send_answer(door, connection, &response, request.last);
}

/* Called once with the head, then for each piece of the body, then once more at the end. */
enum MHD_Result exchange_request(void *user, struct MHD_Connection *connection, const char *url,
                                 const char *method, const char *version, const char *upload,
                                 size_t *upload_length, void **context) {
    struct door *door = user;
    door->events++;
    if (*context == NULL) {
        return begin(door, connection, url, version, context);
    }
    struct exchange *exchange = *context;
    if (*upload_length > 0) {
        size_t length = *upload_length;
        *upload_length = 0;
        return exchange->answered ? MHD_YES : take_body(exchange, upload, length);
    }
    return exchange->answered ? MHD_YES : finish(door, connection, url, method, exchange);
}

void exchange_completed(void *user, struct MHD_Connection *connection, void **context,
                        enum MHD_RequestTerminationCode code) {
    struct door *door = user;
    struct exchange *exchange = *context;
    door->events++;
    if (code == MHD_REQUEST_TERMINATED_COMPLETED_OK) {
        connections_served(&door->connections, connection_of(connection));
    }
    if (exchange != NULL) {
        free(exchange->body);
        free(exchange);
        *context = NULL;
    }
}
