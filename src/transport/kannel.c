/* kannel: the smsbox of Kannel 1.4.5 (sendsms).
 *
 * One POST of the text itself, everything else in X-Kannel headers, so that no secret or text
 * stands in a URL. Kannel turns characters outside GSM into "?" without a word unless asked for
 * UCS-2, so the coding is decided here. "0:" means passed on, "3:" stored for later: both are
 * accepted. */
#include <errno.h>
#include <string.h>

#include "cobi/base/gsm.h"
#include "cobi/base/text.h"
#include "cobi/transport/allocate.h"
#include "cobi/transport/http_gateway.h"

#define STATUS_ACCEPTED   202
#define HOOK_SECRET_LEAST 22
#define URL_BYTES_MAX     1024
/* Delivered 1, not delivered 2, kept 4, taken by the centre 8, refused by it 16. */
#define RECEIPT_MASK "31"

/* Paths take it as it is. */
static bool is_path_word(const char *secret) {
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    return strlen(secret) >= HOOK_SECRET_LEAST && strspn(secret, letters) == strlen(secret);
}

static int check_hook(const struct gateway *gateway, const char *credentials_dir,
                      struct complaint *complaint) {
    char secret[CREDENTIAL_SIZE];
    if (gateway->hook_credential[0] == '\0') {
        return 0;
    }
    int r = credential_read(credentials_dir, gateway->hook_credential, secret);
    const bool fine = r >= 0 && is_path_word(secret);
    explicit_bzero(secret, sizeof secret);
    return fine ? 0
                : complain(complaint, -EINVAL,
                           "gateway %s: hook_credential must be a file only its owner can read, "
                           "with %d letters, digits, hyphens and underscores or more",
                           gateway->name, HOOK_SECRET_LEAST);
}

static int check(const struct gateway *gateway, const char *credentials_dir,
                 struct complaint *complaint) {
    char secret[CREDENTIAL_SIZE];
    if (gateway->channel != CHANNEL_SMS) {
        return complain(complaint, -EINVAL,
                        "gateway %s: type \"kannel\" sends texts only; set channel = \"sms\"",
                        gateway->name);
    }
    if (gateway->user[0] == '\0' || gateway->password_credential[0] == '\0') {
        return complain(complaint, -EINVAL,
                        "gateway %s: type \"kannel\" needs user and password_credential",
                        gateway->name);
    }
    int r = credential_read(credentials_dir, gateway->password_credential, secret);
    explicit_bzero(secret, sizeof secret);
    if (r < 0) {
        return complain(complaint, r,
                        "gateway %s: password_credential cannot be read (%s); it must be a file "
                        "only its owner can read",
                        gateway->name, strerror(-r));
    }
    return check_hook(gateway, credentials_dir, complaint);
}

static int add_login(const struct gateway *gateway, const char *credentials_dir,
                     struct http_request *request) {
    char secret[CREDENTIAL_SIZE];
    int r = credential_read(credentials_dir, gateway->password_credential, secret);
    if (r < 0) {
        return r;
    }
    r = http_request_add(request, "X-Kannel-Username", gateway->user);
    if (r >= 0) {
        r = http_request_add(request, "X-Kannel-Password", secret);
    }
    explicit_bzero(secret, sizeof secret);
    return r;
}

/* How long the text is worth delivering, in whole minutes. */
static int add_validity(const struct outgoing *message, struct http_request *request) {
    if (message->not_after.us == INSTANT_NEVER.us || message->not_after.us <= message->date.us) {
        return 0;
    }
    char minutes[32];
    struct text text = TEXT_IN(minutes);
    int64_t count = (message->not_after.us - message->date.us) / MINUTE_US;
    text_addf(&text, "%lld", (long long)(count > 0 ? count : 1));
    return http_request_add(request, "X-Kannel-Validity", minutes);
}

/* Kannel gives no id of its own, so our reference is in the URL that it fetches; it puts the type
 * of the receipt in the place of %d. */
static int add_receipt(const struct gateway *gateway, const char *credentials_dir,
                       const struct outgoing *message, struct http_request *request) {
    char secret[CREDENTIAL_SIZE], url[URL_BYTES_MAX];
    if (gateway->hook_credential[0] == '\0') {
        return 0;
    }
    int r = credential_read(credentials_dir, gateway->hook_credential, secret);
    if (r < 0) {
        return r;
    }
    struct text t = TEXT_IN(url);
    text_addf(&t, "%s/hooks/%s/%s/receipt?ref=%s&type=%%d", gateway->hook_url, gateway->name,
              secret, message->reference);
    r = t.overflow || !is_path_word(secret)
            ? -EINVAL
            : http_request_add(request, "X-Kannel-DLR-Mask", RECEIPT_MASK);
    if (r >= 0) {
        r = http_request_add(request, "X-Kannel-DLR-Url", url);
    }
    explicit_bzero(secret, sizeof secret);
    explicit_bzero(url, sizeof url);
    return r;
}

static int build(const struct gateway *gateway, const char *credentials_dir,
                 const struct outgoing *message, struct http_request *request) {
    struct gsm_size size;
    if (message->body[0] == '\0' || gsm_measure(message->body, &size) < 0) {
        return -EINVAL; /* Kannel would send an empty text */
    }
    int r = add_login(gateway, credentials_dir, request);
    if (r >= 0) {
        r = http_request_add(request, "X-Kannel-To", message->to);
    }
    if (r >= 0 && message->from != NULL && message->from[0] != '\0') {
        r = http_request_add(request, "X-Kannel-From", message->from);
    }
    if (r >= 0) {
        r = http_request_add(request, "X-Kannel-Coding", size.charset == GSM_UCS2 ? "2" : "0");
    }
    if (r >= 0) {
        r = add_validity(message, request);
    }
    if (r >= 0) {
        r = add_receipt(gateway, credentials_dir, message, request);
    }
    if (r >= 0) {
        r = http_request_add(request, "Content-Type", "text/plain; charset=UTF-8");
    }
    if (r >= 0) {
        request->body_length = strlen(message->body);
        request->body = allocate(request->body_length + 1, 1);
        memcpy(request->body, message->body, request->body_length);
    }
    return r;
}

static bool prove(const struct gateway *gateway, const struct http_answer *answer,
                  char ret_id[PROVIDER_ID_SIZE]) {
    (void)gateway;
    ret_id[0] = '\0'; /* Kannel gives none */
    return answer->status == STATUS_ACCEPTED &&
           (strncmp(answer->body, "0:", 2) == 0 || strncmp(answer->body, "3:", 2) == 0);
}

const struct http_gateway kannel_gateway = {.check = check, .build = build, .prove = prove};
