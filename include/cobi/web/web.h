/* HTTP: libmicrohttpd on the daemon's loop, the public listener and the control socket.
 *
 * Requests are plain structs, so tests and the simulator call web_handle() directly. */
#ifndef COBI_WEB_WEB_H
#define COBI_WEB_WEB_H

#include <systemd/sd-event.h>

#include "cobi/engine/engine.h"

struct MHD_Response; /* of libmicrohttpd */
enum web_method { WEB_GET, WEB_HEAD, WEB_POST, WEB_OTHER };
enum web_door { WEB_PUBLIC, WEB_CONTROL };
struct web_request {
    enum web_door door;
    enum web_method method;
    const char *path;               /* without query, still percent-encoded */
    const char *if_none_match, *accept_encoding, *content_type, *origin, *host, *sec_fetch_site; /* or NULL */
    const char *query;              /* what follows "?", percent-encoded, a plus sign as a space; "" for none */
    const char *(*find_header)(const void *source, const char *name); /* any other header, or NULL; may be NULL itself */
    const void *header_source;
    const char *body;               /* whole body, NUL after it */
    size_t body_length;
    struct actor actor;             /* WEB_CONTROL only */
    bool last;                      /* the connection ends with the answer */
};
#define WEB_HEADERS_MAX 16
struct web_response {
    int status;
    struct {
        const char *name;
        char value[160];
    } headers[WEB_HEADERS_MAX];
    size_t header_count;
    const char *body;   /* borrowed from the cache when owned is NULL; with HEAD and 304 only its length is sent */
    char *owned;        /* freed by the bridge */
    size_t body_length;
    void *pin;          /* keeps the cache entry alive while it is being sent */
    bool kept;          /* the bridge may keep what it makes of this, for the next answer of the same form */
    unsigned form;
    struct MHD_Response *ready; /* kept from an earlier one and borrowed from the cache: then nothing but the status is set beside it */
};
/* Commands that the host answers itself (clock, reload, gateway, status of the process): returns an HTTP status, or 0 when it is not the host's. */
typedef int web_host_command(void *user, const struct command *command, const struct actor *actor, json_t *arguments, json_t **ret_reply);
/* What connections of the public listener may cost; 0 takes the standard. */
struct web_limits {
    struct span connection_life;      /* from the first byte to the last, however busy: 15 s */
    uint32_t connections_per_address; /* 16; then its oldest is closed; not counted on loopback, where a proxy speaks for everybody */
    uint32_t connections;             /* 4096, less where the process may open fewer files; beyond it the oldest of the more
                                       * numerous kind, had an answer or had none, is closed */
};
#define WEB_SECRET_SIZE  2049
#define WEB_SECRET_LEAST 22 /* characters of 16 random bytes; less is no secret */
struct web_setup {
    struct engine *engine;
    const struct config *config;
    web_host_command *host_command;
    void *user;
    /* Reads a credential by its name: its length, or a negative errno. NULL: there are none. */
    int (*secret)(void *user, const char *name, char ret_secret[WEB_SECRET_SIZE]);
    bool (*healthy)(void *user); /* for /healthz; NULL: always */
    void (*refused)(void *user); /* the store could not take a command; NULL: nobody asks */
    struct web_limits limits;
};
struct web;
_must_use_ int web_open(const struct web_setup *setup, struct web **ret_web);
void web_free(struct web *web);
void web_set_config(struct web *web, const struct config *config);
void web_handle(struct web *web, const struct web_request *request, struct web_response *ret_response);
void web_response_done(struct web *web, struct web_response *response);

/* Listeners. public_fd and control_fd are bound, listening sockets (from systemd or made by listen_*()); taken over
 * (closed even on failure); -1: none. The web must outlive the server. */
struct web_server;
_must_use_ int web_server_open(struct web *web, sd_event *loop, int take_public_fd, int take_control_fd, struct web_server **ret_server);
void web_server_close(struct web_server *server);
/* "127.0.0.1:8099", "[::1]:8099". Returns the fd or a negative errno with a complaint. */
_must_use_ int listen_public(const char *address, struct complaint *complaint);
/* A Unix socket of mode 0660 (group cobid-ops where that exists), replacing a dead one; -EADDRINUSE when somebody listens. */
_must_use_ int listen_control(const char *path, struct complaint *complaint);

#endif
