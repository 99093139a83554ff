/* Hooks: where a gateway reports what became of a text, and passes texts on:
 * /hooks/GATEWAY/SECRET/receipt and /hooks/GATEWAY/SECRET/inbound.
 *
 * The secret in the path proves the gateway, and where the configuration says so a signature of the
 * body does too; both are compared in constant time. A path with a wrong gateway or secret is as
 * unknown as any other. What is answered with 2xx is committed; while the store is busy the answer
 * is 503, because gateways come again after that and after nothing else.
 *
 * A GET that changes anything is otherwise forbidden here; that receipts and texts come by GET is
 * Kannel's own contract, and the secret keeps others from it. Must never log a query or a body, nor
 * let the answer tell whether a number or a reference is known. */
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#include "cobi/base/cleanup.h"
#include "cobi/base/log.h"
#include "cobi/base/text.h"
#include "hook_read.h"
#include "room.h"

#define PLAIN          "text/plain; charset=utf-8"
#define SIGNATURE_HEAD "sha256="
enum { SIGNATURE_BYTES = 32 };

/* One request on its way in. */
struct hook {
    struct web *web;
    const struct web_request *request;
    const struct gateway *gateway;
};

static const char *query_of(const struct hook *h) {
    return h->request->query != NULL ? h->request->query : "";
}

static int take_receipt(const struct hook *h) {
    const struct gateway *g = h->gateway;
    const struct web_request *request = h->request;
    struct hook_receipt r;
    const int error = g->type == GATEWAY_KANNEL
                          ? hook_read_kannel_receipt(query_of(h), &r)
                          : hook_read_json_receipt(g, request->body, request->body_length, &r);

    if (error < 0) {
        return error;
    }
    const struct receipt receipt = {.gateway = g->name,
                                    .reference = r.reference,
                                    .provider_id = r.provider_id,
                                    .report = r.report,
                                    .detail = r.detail};

    return engine_receipt(h->web->setup.engine, &receipt);
}

static int take_text(const struct hook *h) {
    const struct gateway *g = h->gateway;
    const struct web_request *request = h->request;
    struct hook_text t;
    int error = g->type == GATEWAY_KANNEL
                    ? hook_read_kannel_text(query_of(h), &t)
                    : hook_read_json_text(g, request->body, request->body_length, &t);

    if (error == 0) {
        const struct inbound inbound = {
            .gateway = g->name, .from = t.from, .text = t.text, .event = t.event};
        error = engine_inbound(h->web->setup.engine, &inbound);
    }
    explicit_bzero(&t, sizeof t);
    return error;
}

static const struct {
    const char *name;
    int (*handle)(const struct hook *h);
} kinds[] = {{"receipt", take_receipt}, {"inbound", take_text}};

/* ---- who is it? ---- */

static bool equal_secret(const char *a, const char *b) {
    const size_t length = strlen(b);

    return length >= WEB_SECRET_LEAST && strlen(a) == length && CRYPTO_memcmp(a, b, length) == 0;
}

static bool has_secret(const struct web *web, const char *credential, const char *given) {
    char secret[WEB_SECRET_SIZE];
    const int r = *credential && web->setup.secret
                      ? web->setup.secret(web->setup.user, credential, secret)
                      : -ENOENT;
    const bool equal = r >= 0 && equal_secret(given, secret);

    if (r < 0 && *credential) {
        log_error("hooks: credential \"%s\" cannot be read: %s", credential, strerror(-r));
    }
    explicit_bzero(secret, sizeof secret);
    return equal;
}

/* Splits "GATEWAY/SECRET/KIND". */
static bool split(const char *rest, char ret_gateway[ID_SIZE], char ret_secret[WEB_SECRET_SIZE],
                  const char **ret_kind) {
    const size_t name = strcspn(rest, "/");
    const char *secret = rest + name + (rest[name] == '/' ? 1 : 0);
    const size_t length = strcspn(secret, "/");

    if (name >= ID_SIZE || length >= WEB_SECRET_SIZE || secret[length] != '/') {
        return false;
    }
    memcpy(ret_gateway, rest, name);
    ret_gateway[name] = '\0';
    memcpy(ret_secret, secret, length);
    ret_secret[length] = '\0';
    *ret_kind = secret + length + 1;
    return true;
}

/* The signature of the raw body: hexadecimal, perhaps with "sha256=" before it. */
static bool is_signed(const struct hook *h) {
    const struct gateway *g = h->gateway;
    const struct web_request *request = h->request;
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    char secret[WEB_SECRET_SIZE], wanted[2 * SIGNATURE_BYTES + 1] = "";

    if (!*g->signature_credential) {
        return true;
    }
    const char *given = request->find_header
                            ? request->find_header(request->header_source, g->signature_header)
                            : NULL;

    if (!given || h->web->setup.secret(h->web->setup.user, g->signature_credential, secret) < 0) {
        return false;
    }
    if (HMAC(EVP_sha256(), secret, (int)strlen(secret), (const unsigned char *)request->body,
             request->body_length, mac, &length) &&
        length == SIGNATURE_BYTES) {
        hex_encode(mac, SIGNATURE_BYTES, wanted);
    }
    explicit_bzero(secret, sizeof secret);
    given += strncmp(given, SIGNATURE_HEAD, strlen(SIGNATURE_HEAD)) == 0 ? strlen(SIGNATURE_HEAD)
                                                                         : 0;
    char lower[2 * SIGNATURE_BYTES + 1];

    if (text_copy(lower, sizeof lower, given) < 0) {
        return false;
    }
    text_lower(lower);
    return equal_secret(lower, wanted);
}

/* ---- the answer ---- */

static void answer(const struct hook *h, int result, struct web_response *response) {
    if (result == 0) {
        web_set_body(response, 200, PLAIN, ""); /* a body would be sent as a text by some */
    } else if (result == -EINVAL) {
        log_warning("hooks: gateway %s sent what cannot be read", h->gateway->name);
        web_set_body(response, 400, PLAIN, "This cannot be read.\n");
    } else {
        log_warning("hooks: gateway %s must come again: %s", h->gateway->name, strerror(-result));
        web_set_body(response, 503, PLAIN, "Please come again.\n");
        web_set_header(response, "Retry-After", "30");
    }
}

void hooks_handle(struct web *web, const struct web_request *request, const char *rest,
                  struct web_response *response) {
    char gateway[ID_SIZE], secret[WEB_SECRET_SIZE];
    const char *kind = "";
    struct hook h = {.web = web, .request = request};
    size_t i = 0;

    if (!split(rest, gateway, secret, &kind)) {
        web_not_found(response);
        return;
    }
    h.gateway = config_find_gateway(web->config, gateway);
    const bool known = h.gateway && has_secret(web, h.gateway->hook_credential, secret);

    explicit_bzero(secret, sizeof secret);
    while (i < ARRAY_COUNT(kinds) && strcmp(kinds[i].name, kind) != 0) {
        i++;
    }
    if (!known || i == ARRAY_COUNT(kinds) || !is_signed(&h)) {
        web_not_found(response);
        return;
    }
    const enum web_method wanted = h.gateway->type == GATEWAY_KANNEL ? WEB_GET : WEB_POST;

    if (request->method != wanted) {
        web_set_body(response, 405, PLAIN, "This is not possible here.\n");
        web_set_header(response, "Allow", wanted == WEB_GET ? "GET" : "POST");
        return;
    }
    answer(&h, kinds[i].handle(&h), response);
}
