/* Web: one request in, one answer out, without any socket.
 *
 * web_handle() finds the route by table, has its handler answer and puts the security headers on.
 * The bridge to real connections is server.c; tests and the simulator call web_handle() themselves.
 * An answer is ended by web_response_done().
 *
 * Must never let an answer name the programme or the software, nor let two unknown things look
 * different. */
#include "cobi/web/web.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

#include "cobi/base/cleanup.h"
#include "cobi/base/text.h"
#include "room.h"

#define PLAIN "text/plain; charset=utf-8"

#define HOOKS "/hooks/"

struct route {
    const char *path;
    enum { ROUTE_EXACT, ROUTE_BELOW } fit; /* the path itself, or something after it */
    bool takes_post;
    web_handler *handler;
};

static web_handler health_handle, robots_handle, style_handle;
static const struct route routes[] = {
    {"/feeds/", ROUTE_BELOW, false, feeds_handle},
    {"/ack/", ROUTE_BELOW, true, ack_handle},
    {HOOKS, ROUTE_BELOW, true, hooks_handle},
    {"/healthz", ROUTE_EXACT, false, health_handle},
    {"/robots.txt", ROUTE_EXACT, false, robots_handle},
    {"/assets/page.css", ROUTE_EXACT, false, style_handle},
};

static const struct {
    const char *name, *value;
} security_headers[] = {
    {"Content-Security-Policy", "default-src 'none'; style-src 'self'; form-action 'self'; "
                                "frame-ancestors 'none'; base-uri 'none'"},
    {"Referrer-Policy", "no-referrer"},
    {"X-Content-Type-Options", "nosniff"},
    {"X-Robots-Tag", "noindex"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Cache-Control", "no-store"},
};

int web_open(const struct web_setup *setup, struct web **ret_web) {
    struct web *web = calloc(1, sizeof *web);
    if (web == NULL) {
        abort();
    }
    *web = (struct web){.setup = *setup, .config = setup->config, .feeds = feed_cache_new()};
    *ret_web = web;
    return 0;
}

void web_free(struct web *web) {
    if (web == NULL) {
        return;
    }
    feed_cache_free(web->feeds);
    free(web);
}

void web_set_config(struct web *web, const struct config *config) {
    web->config = config;
}

void web_set_header(struct web_response *response, const char *name, const char *value) {
    size_t i = 0;
    while (i < response->header_count && strcasecmp(response->headers[i].name, name) != 0) {
        i++;
    }
    assert(i < WEB_HEADERS_MAX);
    int r = text_copy(response->headers[i].value, sizeof response->headers[i].value, value);
    assert(r == 0);
    response->headers[i].name = name;
    response->header_count += i == response->header_count ? 1 : 0;
}

/* What the handler has not said otherwise. */
static void add_security_headers(struct web_response *response) {
    for (size_t i = 0; i < ARRAY_COUNT(security_headers); i++) {
        size_t at = 0;
        while (at < response->header_count &&
               strcasecmp(response->headers[at].name, security_headers[i].name) != 0) {
            at++;
        }
        if (at == response->header_count) {
            web_set_header(response, security_headers[i].name, security_headers[i].value);
        }
    }
}

void web_set_body(struct web_response *response, int status, const char *content_type,
                  const char *text) {
    response->status = status;
    response->body = text;
    response->body_length = strlen(text);
    web_set_header(response, "Content-Type", content_type);
}

void web_not_found(struct web_response *response) {
    web_set_body(response, 404, "text/html; charset=utf-8", page_not_found);
}

bool web_take_token(const char *rest, const char *after, char ret_token[TOKEN_LENGTH + 1]) {
    static const bool alphabet[256] = {['A' ... 'Z'] = true,
                                       ['a' ... 'z'] = true,
                                       ['0' ... '9'] = true,
                                       ['-'] = true,
                                       ['_'] = true};
    size_t length = 0;
    while (length <= TOKEN_LENGTH && alphabet[(unsigned char)rest[length]]) {
        length++;
    }
    if (length != TOKEN_LENGTH || strcmp(rest + TOKEN_LENGTH, after) != 0) {
        return false;
    }
    memcpy(ret_token, rest, TOKEN_LENGTH);
    ret_token[TOKEN_LENGTH] = '\0';
    return true;
}

size_t web_body_bytes_max(enum web_door door, const char *path) {
    const bool hook = strncmp(path, HOOKS, strlen(HOOKS)) == 0;

    return door == WEB_CONTROL ? CONTROL_BODY_BYTES_MAX
           : hook              ? HOOK_BODY_BYTES_MAX
                               : PUBLIC_BODY_BYTES_MAX;
}

static void health_handle(struct web *web, const struct web_request *request, const char *rest,
                          struct web_response *response) {
    (void)request;
    (void)rest;
    bool healthy = web->setup.healthy == NULL || web->setup.healthy(web->setup.user);
    web_set_body(response, healthy ? 200 : 503, PLAIN, healthy ? "ok\n" : "not ok\n");
}

/* Importers of calendars ask first, and give up where nothing or "Disallow: /" is answered. */
static void robots_handle(struct web *web, const struct web_request *request, const char *rest,
                          struct web_response *response) {
    (void)web;
    (void)request;
    (void)rest;
    web_set_body(response, 200, PLAIN, "User-agent: *\nAllow: /feeds/\nDisallow: /ack/\n");
}

static void style_handle(struct web *web, const struct web_request *request, const char *rest,
                         struct web_response *response) {
    (void)web;
    (void)request;
    (void)rest;
    web_set_body(response, 200, "text/css; charset=utf-8", page_style);
    web_set_header(response, "Cache-Control", "public, max-age=3600");
}

static bool fits(const struct route *route, const char *path) {
    size_t length = strlen(route->path);
    if (strncmp(path, route->path, length) != 0) {
        return false;
    }
    return route->fit == ROUTE_BELOW ? path[length] != '\0' : path[length] == '\0';
}

static void answer_public(struct web *web, const struct web_request *request,
                          struct web_response *response) {
    for (size_t i = 0; i < ARRAY_COUNT(routes); i++) {
        if (!fits(&routes[i], request->path)) {
            continue;
        }
        bool reads = request->method == WEB_GET || request->method == WEB_HEAD;
        if (reads || (request->method == WEB_POST && routes[i].takes_post)) {
            routes[i].handler(web, request, request->path + strlen(routes[i].path), response);
            return;
        }
        web_set_body(response, 405, PLAIN, "This is not possible here.\n");
        web_set_header(response, "Allow", routes[i].takes_post ? "GET, HEAD, POST" : "GET, HEAD");
        return;
    }
    web_not_found(response);
}

void web_handle(struct web *web, const struct web_request *request,
                struct web_response *ret_response) {
    *ret_response = (struct web_response){.body = ""};
    switch (request->door) {
    case WEB_PUBLIC:
        answer_public(web, request, ret_response);
        break;
    case WEB_CONTROL:
        control_handle(web, request, ret_response);
        break;
    }
    if (ret_response->ready == NULL) {
        add_security_headers(ret_response);
    }
}

void web_response_done(struct web *web, struct web_response *response) {
    (void)web;
    if (response->pin != NULL) {
        snapshot_unpin(response->pin);
    }
    free(response->owned);
    *response = (struct web_response){0};
}
