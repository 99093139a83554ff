/* A configured gateway at work: its type says how it is opened and how a message is handed to it.
 * Answers of every road come together in one queue. */
#ifndef COBI_TRANSPORT_SLOT_H
#define COBI_TRANSPORT_SLOT_H

#include "cobi/transport/http.h"
#include "cobi/transport/smtp.h"
#include "cobi/transport/transport.h"

struct slot;
/* One attempt under way, later its answer. */
struct attempt {
    struct attempt *next;
    struct slot *slot;
    enum audience audience;
    struct delivery delivery;
};
/* What all slots share. */
struct slot_home {
    sd_event *loop;
    struct http *http;
    char mail_host[256];
    struct attempt *answers, **answers_end; /* oldest first */
    sd_event_source *defer;                 /* enabled while there are answers */
};
/* A worker hands over one mail at a time. What a relay makes one side wait must not make the other
 * wait, nor tell it that there was something to wait for. */
enum slot_side { SLOT_PARTICIPANT, SLOT_STAFF, SLOT_ADVOCATE };
#define SLOT_SIDE_COUNT 3
struct slot {
    struct slot *next;
    struct slot_home *home;
    struct gateway gateway;
    struct endpoint endpoint;
    char credentials_dir[CREDENTIALS_DIR_SIZE];
    const struct http_gateway *http_gateway;    /* or NULL */
    struct smtp_relay *relays[SLOT_SIDE_COUNT]; /* of smtp: a worker for each side; else NULL */
    char spool[512];
    bool current; /* false: a reload took it away */
    uint32_t in_flight, audience_in_flight[AUDIENCE_COUNT];
};
/* Returns 0 with a new slot (slot_free()), or a negative errno with a line in complaint. */
_must_use_ int slot_open(struct slot_home *home, const struct transport_setup *setup,
                         const struct gateway *gateway, struct slot **ret_slot,
                         struct complaint *complaint);
/* Tells its workers to drop everything; does not wait. */
void slot_abort(struct slot *slot);
/* forget gets each attempt that had no answer; NULL when there can be none. */
void slot_free(struct slot *slot, void (*forget)(void *context));
/* Returns 0: the attempt is or will be in the queue of answers; or a negative errno: certainly not
 * sent. */
_must_use_ int slot_send(struct slot *slot, const struct outgoing *message,
                         struct attempt *attempt);
/* The end of an HTTP transfer whose context is an attempt. */
void slot_http_answer(void *user, void *context, const struct http_answer *answer);

/* Puts the attempt, with its delivery filled in, into the queue. */
void attempt_answer(struct attempt *attempt);
void attempt_answer_with(struct attempt *attempt, enum outcome_class outcome, const char *detail);

#endif
