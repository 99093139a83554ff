/* All the engine may ask of the world. The daemon answers with sd-event, curl and the real clock; the simulator with a heap of events,
 * a seeded generator and a virtual clock. */
#ifndef COBI_ENGINE_PORTS_H
#define COBI_ENGINE_PORTS_H

#include <stdbool.h>

#include "cobi/base/log.h"
#include "cobi/base/time.h"
#include "cobi/rules/kinds.h"
#include "cobi/rules/retry.h"

#define MESSAGE_ID_SIZE 33
/* A message on its way out. All pointers are borrowed for the call only. */
struct outgoing {
    char message_id[MESSAGE_ID_SIZE];
    uint32_t attempt;         /* counts from 1 */
    const char *gateway;      /* name in the configuration */
    const char *reference;    /* ours, opaque, stable for message and attempt: "M...-1" */
    const char *mail_id;      /* left part of Message-ID, the same for every attempt; host is the From domain */
    const char *thread_id;    /* for In-Reply-To and References, or NULL */
    enum channel channel;
    enum audience audience;
    enum message_kind kind;
    const char *to;           /* canonical number or address */
    const char *from_name, *from, *reply_to; /* mails; reply_to may be "" */
    const char *subject, *body;
    struct instant date;      /* Date header */
    struct instant not_after; /* INSTANT_NEVER: none */
};
/* What became of one attempt. */
#define PROVIDER_ID_SIZE 128
#define DELIVERY_DETAIL_SIZE 160
struct delivery {
    char message_id[MESSAGE_ID_SIZE];
    uint32_t attempt;
    enum outcome_class outcome;
    char provider_id[PROVIDER_ID_SIZE];  /* the gateway's own id, "" when it gave none */
    char detail[DELIVERY_DETAIL_SIZE];   /* for people: codes only ("HTTP 503", "550 5.1.1"), never an address or text */
    struct span retry_after;             /* 0: no hint */
};
struct ports {
    void *world;
    /* The same answer for the whole turn. */
    struct instant (*now)(void *world);
    /* The time that has passed since some beginning, suspend included, whatever the clock on the wall is set to. NULL: `now` is never set (a manual
     * clock), so nothing is held after a jump. */
    struct mono (*elapsed)(void *world);
    /* Fills the buffer with unpredictable bytes (tokens). */
    void (*random)(void *world, void *buffer, size_t length);
    /* Asks for an EVENT_TICK at or after `when`; replaces the earlier wish. INSTANT_NEVER: none. */
    void (*wake_at)(void *world, struct instant when);
    /* Hands one message over. The answer comes as EVENT_DELIVERY, later, exactly once unless the process dies. Returns 0, or a
     * negative errno when it could not even be begun (certainly not sent). */
    int (*send)(void *world, const struct outgoing *message);
    /* A crash point for the simulator: around every commit and effect. The daemon's does nothing. */
    void (*point)(void *world, const char *name);
};

#endif
