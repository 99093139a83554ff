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

#define STATUS_ACCEPTED 202

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
    return 0;
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
