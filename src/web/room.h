/* What the files of this room share; private to it. */
#ifndef COBI_WEB_ROOM_H
#define COBI_WEB_ROOM_H

#include "cobi/web/web.h"
#include "feed_cache.h"

#define TOKEN_LENGTH           43 /* base64url of 32 bytes */
#define PUBLIC_BODY_BYTES_MAX  ((size_t)8 * 1024)
#define HOOK_BODY_BYTES_MAX    ((size_t)16 * 1024)
#define CONTROL_BODY_BYTES_MAX ((size_t)64 * 1024)

struct web {
    struct web_setup setup;
    const struct config *config;
    struct feed_cache *feeds;
};
/* Answers one request; rest is what follows the route's path. */
typedef void web_handler(struct web *web, const struct web_request *request, const char *rest,
                         struct web_response *response);

/* web.c: building an answer. Sets the header, replacing one of that name. */
void web_set_header(struct web_response *response, const char *name, const char *value);
/* A text that lives for ever. */
void web_set_body(struct web_response *response, int status, const char *content_type,
                  const char *text);
/* The one answer to everything unknown, used up, malformed or not to be told: always the same
 * bytes. */
void web_not_found(struct web_response *response);
/* Exactly TOKEN_LENGTH characters of base64url, then `after` and nothing else? Copies the token
 * out. */
bool web_take_token(const char *rest, const char *after, char ret_token[TOKEN_LENGTH + 1]);

/* page.c: pages without script that need no style sheet. The HTML is escaped by the caller where it
 * holds values. */
struct text;
void page_escape(struct text *t, const char *value);
void page_answer(struct web_response *response, int status, const char *title, const char *html);
extern const char page_not_found[];
extern const char page_style[];

/* How long a body may be on that path: the hooks' are longer than any form. */
size_t web_body_bytes_max(enum web_door door, const char *path);

/* feeds.c, ack.c, hooks.c, control.c */
web_handler feeds_handle, ack_handle, hooks_handle;
void control_handle(struct web *web, const struct web_request *request,
                    struct web_response *response);
/* The answer to a peer whose credentials allow nothing, or to a request that could not be read at
 * all. */
void control_refuse(struct web_response *response, int status, const char *why);

#endif
