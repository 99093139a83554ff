/* transport: one door to all gateways.
 *
 * Each configured gateway is a slot (slot.c). Every answer, whatever its road, is queued and given
 * to the engine from the loop, a bounded number a pass. A slot that a reload took away lives until
 * its last answer. Nothing here sends twice, and no text of a message, address or secret is logged.
 */
#include "cobi/transport/transport.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "cobi/base/mailaddr.h"
#include "cobi/transport/allocate.h"
#include "cobi/transport/slot.h"

#define IN_FLIGHT_DEFAULT 8     /* of one gateway to one audience */
#define IN_FLIGHT_MAX     10000 /* of all gateways together */
#define ANSWERS_PER_PASS  64
#define DIGITS_MIN        5
#define DIGITS_MAX        15

struct transport {
    struct slot_home home;
    struct slot *slots; /* newest first */
    uint32_t in_flight;
    transport_done *done;
    void *user;
};

static void slot_unlink(struct transport *transport, struct slot *slot) {
    struct slot **link = &transport->slots;
    while (*link != slot) {
        link = &(*link)->next;
    }
    *link = slot->next;
}

static struct attempt *attempt_begin(struct transport *transport, struct slot *slot,
                                     const struct outgoing *message) {
    struct attempt *attempt = allocate(1, sizeof *attempt);
    attempt->slot = slot;
    attempt->audience = message->audience;
    attempt->delivery.attempt = message->attempt;
    memcpy(attempt->delivery.message_id, message->message_id, sizeof attempt->delivery.message_id);
    slot->in_flight++;
    slot->audience_in_flight[message->audience]++;
    transport->in_flight++;
    return attempt;
}

static void attempt_end(struct transport *transport, struct attempt *attempt) {
    struct slot *slot = attempt->slot;
    transport->in_flight--;
    slot->in_flight--;
    slot->audience_in_flight[attempt->audience]--;
    free(attempt);
    if (!slot->current && slot->in_flight == 0) {
        slot_unlink(transport, slot);
        slot_free(slot, NULL);
    }
}

static int on_answers(sd_event_source *source, void *user) {
    struct transport *transport = user;
    struct slot_home *home = &transport->home;
    for (int i = 0; i < ANSWERS_PER_PASS && home->answers != NULL; i++) {
        struct attempt *attempt = home->answers;
        home->answers = attempt->next;
        if (home->answers == NULL) {
            home->answers_end = &home->answers;
        }
        struct delivery delivery = attempt->delivery;
        attempt_end(transport, attempt); /* first, so that done() may begin another in its place */
        transport->done(transport->user, &delivery);
    }
    return sd_event_source_set_enabled(source,
                                       home->answers != NULL ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

static struct slot *slot_find(const struct transport *transport, const char *name) {
    for (struct slot *slot = transport->slots; slot != NULL; slot = slot->next) {
        if (slot->current && strcmp(slot->gateway.name, name) == 0) {
            return slot;
        }
    }
    return NULL;
}

/* Slots of an earlier configuration go at once when nothing of theirs is under way. */
static void slots_retire(struct transport *transport, const struct slot *first_old) {
    struct slot *slot = transport->slots, *next;
    for (bool fresh = true; slot != NULL; slot = next) {
        next = slot->next;
        fresh = fresh && slot != first_old;
        slot->current = fresh;
        if (!fresh && slot->in_flight == 0) {
            slot_unlink(transport, slot);
            slot_free(slot, NULL);
        }
    }
}

static void slots_undo(struct transport *transport, const struct slot *first_old) {
    while (transport->slots != first_old) {
        struct slot *slot = transport->slots;
        transport->slots = slot->next;
        slot_free(slot, NULL);
    }
}

/* New slots are put in front; only when all are open do they replace the old ones. */
static int slots_open(struct transport *transport, const struct transport_setup *setup,
                      struct complaint *complaint) {
    struct slot *old = transport->slots;
    for (size_t i = 0; i < setup->gateway_count; i++) {
        struct slot *slot = NULL;
        int r = slot_open(&transport->home, setup, &setup->gateways[i], &slot, complaint);
        if (r < 0) {
            slots_undo(transport, old);
            return r;
        }
        slot->next = transport->slots;
        transport->slots = slot;
    }
    slots_retire(transport, old);
    return 0;
}

static int open_parts(struct transport *transport, sd_event *loop) {
    transport->home.loop = sd_event_ref(loop);
    transport->home.answers_end = &transport->home.answers;
    int r = http_open(loop, slot_http_answer, NULL, &transport->home.http);
    if (r < 0) {
        return r;
    }
    r = sd_event_add_defer(loop, &transport->home.defer, on_answers, transport);
    r = r < 0 ? r : sd_event_source_set_priority(transport->home.defer, ANSWERS_FIRST);
    return r < 0 ? r : sd_event_source_set_enabled(transport->home.defer, SD_EVENT_OFF);
}

int transport_open(sd_event *loop, const struct transport_setup *setup, transport_done *done,
                   void *user, struct transport **ret_transport, struct complaint *complaint) {
    const struct sigaction ignore = {
        .sa_handler = SIG_IGN}; /* a TLS write to a closed connection */
    if (sigaction(SIGPIPE, &ignore, NULL) < 0 ||
        curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return complain(complaint, -EIO, "libcurl cannot be set up");
    }
    struct transport *transport = allocate(1, sizeof *transport);
    transport->done = done;
    transport->user = user;
    int r = open_parts(transport, loop);
    if (r < 0) {
        (void)complain(complaint, r, "cannot watch sockets (%s)", strerror(-r));
    } else {
        r = transport_reload(transport, setup, complaint);
    }
    if (r < 0) {
        transport_close(transport);
        return r;
    }
    *ret_transport = transport;
    return 0;
}

int transport_reload(struct transport *transport, const struct transport_setup *setup,
                     struct complaint *complaint) {
    char mail_host[sizeof transport->home.mail_host];
    int r = text_copy(mail_host, sizeof mail_host,
                      setup->mail_host != NULL ? setup->mail_host : "");
    if (r < 0) {
        return complain(complaint, r, "the host name for mail is too long");
    }
    r = slots_open(transport, setup, complaint);
    if (r == 0) {
        memcpy(transport->home.mail_host, mail_host, sizeof mail_host);
    }
    return r;
}

/* A text goes to one number, a mail to one address; anything else is refused before it can reach a
 * wire. */
static bool recipient_fine(const struct outgoing *message) {
    char address[MAILADDR_SIZE];
    if (message->to == NULL) {
        return false;
    }
    if (message->channel == CHANNEL_EMAIL) {
        return mailaddr_parse(message->to, address) == 0;
    }
    const char *digits = message->to[0] == '+' ? message->to + 1 : message->to;
    size_t count = strspn(digits, "0123456789");
    return digits[count] == '\0' && count >= DIGITS_MIN && count <= DIGITS_MAX;
}

/* Counted per audience, so that what goes to one never holds back another. */
static bool is_full(const struct transport *transport, const struct slot *slot,
                    enum audience audience) {
    uint32_t most = slot->gateway.in_flight_max > 0 ? slot->gateway.in_flight_max
                                                    : IN_FLIGHT_DEFAULT;
    bool spool = slot->gateway.type == GATEWAY_SPOOL; /* its answers are already known */
    return (!spool && slot->audience_in_flight[audience] >= most) ||
           transport->in_flight >= IN_FLIGHT_MAX;
}

int transport_send(struct transport *transport, const struct outgoing *message) {
    struct slot *slot = message->gateway == NULL ? NULL : slot_find(transport, message->gateway);
    if (slot == NULL) {
        return -ENOENT;
    }
    if (message->channel != slot->gateway.channel ||
        (unsigned)message->audience >= AUDIENCE_COUNT || message->body == NULL ||
        message->reference == NULL) {
        return -EINVAL;
    }
    if (is_full(transport, slot, message->audience)) {
        return -EAGAIN;
    }
    struct outgoing sent = *message;
    struct attempt *attempt = attempt_begin(transport, slot, message);
    if (slot->gateway.from[0] != '\0') {
        sent.from = slot->gateway.from;
    }
    if (!recipient_fine(message)) {
        attempt_answer_with(attempt, OUTCOME_REFUSED_RECIPIENT, "recipient refused before sending");
        return 0;
    }
    int r = slot_send(slot, &sent, attempt);
    if (r < 0) {
        attempt_end(transport, attempt);
    }
    return r;
}

uint32_t transport_in_flight(const struct transport *transport) {
    return transport->in_flight;
}

/* For attempts that end without an answer, while everything ends. */
static void attempt_forget(void *context) {
    free(context);
}

void transport_close(struct transport *transport) {
    if (transport == NULL) {
        return;
    }
    for (struct slot *slot = transport->slots; slot != NULL; slot = slot->next) {
        slot_abort(slot); /* all at once, so that the waits for their ends overlap */
    }
    http_close(transport->home.http, attempt_forget);
    while (transport->slots != NULL) {
        struct slot *slot = transport->slots;
        transport->slots = slot->next;
        slot_free(slot, attempt_forget);
    }
    while (transport->home.answers != NULL) {
        struct attempt *attempt = transport->home.answers;
        transport->home.answers = attempt->next;
        free(attempt);
    }
    sd_event_source_disable_unref(transport->home.defer);
    sd_event_unref(transport->home.loop);
    free(transport);
    curl_global_cleanup();
}
