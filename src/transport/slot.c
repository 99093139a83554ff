/* slot: what the types of gateway do differently.
 *
 * A table by type says how a gateway is opened (its URL, credentials and directory are looked at
 * then, so that a fault stops the start and not a message) and how a message is handed over. A
 * value that must not be sent is an answer, not an error: refused before sending. Details of
 * answers hold codes only. */
#include "cobi/transport/slot.h"

#include <errno.h>
#include <string.h>

#include "cobi/base/folder.h"
#include "cobi/transport/allocate.h"
#include "cobi/transport/http_classify.h"

#define RETRY_AFTER_SECONDS_MAX INT64_C(604800) /* a week */

void attempt_answer(struct attempt *attempt) {
    struct slot_home *home = attempt->slot->home;
    attempt->next = NULL;
    *home->answers_end = attempt;
    home->answers_end = &attempt->next;
    if (sd_event_source_set_enabled(home->defer, SD_EVENT_ONESHOT) < 0) {
        abort(); /* answers that never come would leave messages hanging */
    }
}

void attempt_answer_with(struct attempt *attempt, enum outcome_class outcome, const char *detail) {
    attempt->delivery.outcome = outcome;
    if (text_copy(attempt->delivery.detail, sizeof attempt->delivery.detail, detail) < 0) {
        attempt->delivery.detail[0] = '\0';
    }
    attempt_answer(attempt);
}

void slot_http_answer(void *user, void *context, const struct http_answer *answer) {
    struct attempt *attempt = context;
    struct delivery *delivery = &attempt->delivery;
    const struct slot *slot = attempt->slot;
    struct http_result result = {.curl_code = answer->curl_code,
                                 .status = answer->status,
                                 .request_began = answer->request_began};
    int64_t seconds = answer->retry_after_seconds;
    (void)user;
    if (answer->status >= 200 && answer->status < 300) {
        result.proof = slot->http_gateway->prove(&slot->gateway, answer, delivery->provider_id);
    }
    delivery->outcome = http_classify(&result);
    http_describe(&result, delivery->detail);
    if (seconds > 0 && delivery->outcome == OUTCOME_TRANSIENT) {
        delivery->retry_after = (struct span){
            (seconds < RETRY_AFTER_SECONDS_MAX ? seconds : RETRY_AFTER_SECONDS_MAX) * SECOND_US};
    }
    attempt_answer(attempt);
}

static void on_smtp_answer(void *user, struct smtp_job *take_job) {
    struct attempt *attempt = take_job->context;
    (void)user;
    attempt->delivery.outcome = take_job->outcome;
    memcpy(attempt->delivery.provider_id, take_job->provider_id,
           sizeof attempt->delivery.provider_id);
    memcpy(attempt->delivery.detail, take_job->detail, sizeof attempt->delivery.detail);
    smtp_job_free(take_job);
    attempt_answer(attempt);
}

/* ---- Sending, by type ---- */

static int send_spool(struct slot *slot, const struct outgoing *message, struct attempt *attempt) {
    int r = spool_write(slot->spool, message, slot->home->mail_host);
    char detail[DELIVERY_DETAIL_SIZE];
    struct text text = TEXT_IN(detail);
    if (r == 0) {
        attempt_answer_with(attempt, OUTCOME_ACCEPTED, "spooled");
        return 0;
    }
    const char *name = strerrorname_np(-r);
    text_addf(&text, "spool %s", name != NULL ? name : "error");
    attempt_answer_with(
        attempt, r == -EINVAL || r == -EEXIST ? OUTCOME_REFUSED_REQUEST : OUTCOME_GATEWAY_DOWN,
        detail);
    return 0;
}

static int send_http(struct slot *slot, const struct outgoing *message, struct attempt *attempt) {
    struct http_request request = {0};
    int r = slot->http_gateway->build(&slot->gateway, slot->credentials_dir, message, &request);
    if (r < 0) {
        http_request_done(&request);
        attempt_answer_with(attempt, r == -EINVAL ? OUTCOME_REFUSED_REQUEST : OUTCOME_GATEWAY_DOWN,
                            r == -EINVAL ? "value refused before sending"
                                         : "credential not readable");
        return 0;
    }
    return http_send(slot->home->http, &slot->gateway, &slot->endpoint, &request, attempt);
}

static const enum slot_side sides[AUDIENCE_COUNT] = {
    [AUDIENCE_PARTICIPANT] = SLOT_PARTICIPANT, [AUDIENCE_PRACTITIONER] = SLOT_STAFF,
    [AUDIENCE_SUPERVISOR] = SLOT_STAFF,        [AUDIENCE_ADVOCATE] = SLOT_ADVOCATE,
    [AUDIENCE_OFFICER] = SLOT_STAFF,           [AUDIENCE_OPERATOR] = SLOT_STAFF,
};

static int send_smtp(struct slot *slot, const struct outgoing *message, struct attempt *attempt) {
    struct smtp_job *job = allocate(1, sizeof *job);
    job->context = attempt;
    int r = mail_format(message, slot->home->mail_host, &job->bytes, &job->length);
    if (r == 0) {
        r = mailaddr_parse(message->from, job->from);
    }
    if (r == 0) {
        r = mailaddr_parse(message->to, job->to);
    }
    if (r < 0) {
        smtp_job_free(job);
        attempt_answer_with(attempt, OUTCOME_REFUSED_REQUEST, "value refused before sending");
        return 0;
    }
    r = smtp_submit(slot->relays[sides[message->audience]], job);
    if (r < 0) {
        smtp_job_free(job);
    }
    return r;
}

/* ---- Opening, by type ---- */

static int open_spool(struct slot *slot, const struct transport_setup *setup,
                      struct complaint *complaint) {
    struct text text = TEXT_IN(slot->spool);
    text_addf(&text, "%s/spool", setup->state_dir);
    int r = text.overflow ? -ENAMETOOLONG : folder_make(slot->spool);
    text_addf(&text, "/%s", slot->gateway.name);
    if (r == 0) {
        r = text.overflow ? -ENAMETOOLONG : folder_make(slot->spool);
    }
    if (r < 0) {
        return complain(complaint, r, "gateway %s: cannot make its spool under state_dir (%s)",
                        slot->gateway.name, strerror(-r));
    }
    return 0;
}

static int open_http(struct slot *slot, const struct transport_setup *setup,
                     struct complaint *complaint) {
    slot->http_gateway = http_gateway_find(slot->gateway.type);
    int r = endpoint_parse(&slot->gateway, setup->mail_host, &slot->endpoint, complaint);
    return r < 0 ? r : slot->http_gateway->check(&slot->gateway, setup->credentials_dir, complaint);
}

static int open_smtp(struct slot *slot, const struct transport_setup *setup,
                     struct complaint *complaint) {
    const struct gateway *gateway = &slot->gateway;
    char from[MAILADDR_SIZE], secret[CREDENTIAL_SIZE];
    if (gateway->channel != CHANNEL_EMAIL) {
        return complain(complaint, -EINVAL,
                        "gateway %s: type \"smtp\" sends mails only; set channel = \"email\"",
                        gateway->name);
    }
    if (gateway->from[0] != '\0' && mailaddr_parse(gateway->from, from) < 0) {
        return complain(complaint, -EINVAL, "gateway %s: from must be an email address",
                        gateway->name);
    }
    int r = endpoint_parse(gateway, setup->mail_host, &slot->endpoint, complaint);
    if (r == 0 && gateway->user[0] != '\0' && gateway->password_credential[0] != '\0') {
        r = credential_read(setup->credentials_dir, gateway->password_credential, secret);
        explicit_bzero(secret, sizeof secret);
        if (r < 0) {
            return complain(complaint, r,
                            "gateway %s: password_credential cannot be read (%s); it must be a "
                            "file only its owner can read",
                            gateway->name, strerror(-r));
        }
    }
    if (r < 0) {
        return r;
    }
    const struct smtp_setup relay = {.loop = slot->home->loop,
                                     .gateway = gateway,
                                     .endpoint = &slot->endpoint,
                                     .credentials_dir = slot->credentials_dir};
    for (int side = 0; side < SLOT_SIDE_COUNT && r >= 0; side++) {
        r = smtp_open(&relay, on_smtp_answer, NULL, &slot->relays[side]);
    }
    return r < 0 ? complain(complaint, r, "gateway %s: cannot start its workers (%s)",
                            gateway->name, strerror(-r))
                 : 0;
}

static int open_unavailable(struct slot *slot, const struct transport_setup *setup,
                            struct complaint *complaint) {
    (void)setup;
    return complain(complaint, -EOPNOTSUPP, "gateway %s: type not available yet: use http",
                    slot->gateway.name);
}

static const struct slot_type {
    int (*open)(struct slot *slot, const struct transport_setup *setup,
                struct complaint *complaint);
    /* Returns 0 when the attempt has been or will be answered, or a negative errno (certainly not
     * sent). */
    int (*send)(struct slot *slot, const struct outgoing *message, struct attempt *attempt);
} slot_types[GATEWAY_TYPE_COUNT] = {
    [GATEWAY_SPOOL] = {open_spool, send_spool},  [GATEWAY_HTTP] = {open_http, send_http},
    [GATEWAY_SMTP] = {open_smtp, send_smtp},     [GATEWAY_NOTIFY] = {open_unavailable, NULL},
    [GATEWAY_TWILIO] = {open_unavailable, NULL}, [GATEWAY_KANNEL] = {open_http, send_http},
};

int slot_open(struct slot_home *home, const struct transport_setup *setup,
              const struct gateway *gateway, struct slot **ret_slot, struct complaint *complaint) {
    if ((unsigned)gateway->type >= GATEWAY_TYPE_COUNT || !id_valid(gateway->name)) {
        return complain(complaint, -EINVAL, "gateway without a valid name and type");
    }
    struct slot *slot = allocate(1, sizeof *slot);
    slot->gateway = *gateway;
    slot->home = home;
    int r = text_copy(slot->credentials_dir, sizeof slot->credentials_dir,
                      setup->credentials_dir != NULL ? setup->credentials_dir : "");
    if (r == 0) {
        r = slot_types[gateway->type].open(slot, setup, complaint);
    }
    if (r < 0) {
        slot_free(slot, NULL);
        return complain(complaint, r, "gateway %s: %s", gateway->name, strerror(-r));
    }
    *ret_slot = slot;
    return 0;
}

void slot_free(struct slot *slot, void (*forget)(void *context)) {
    slot_abort(slot); /* all at once, so that the waits for their ends overlap */
    for (int side = 0; side < SLOT_SIDE_COUNT; side++) {
        smtp_close(slot->relays[side], forget);
    }
    free(slot);
}

void slot_abort(struct slot *slot) {
    for (int side = 0; side < SLOT_SIDE_COUNT; side++) {
        smtp_abort(slot->relays[side]);
    }
}

int slot_send(struct slot *slot, const struct outgoing *message, struct attempt *attempt) {
    return slot_types[slot->gateway.type].send(slot, message, attempt);
}
