/* A store of any size, as cobid itself would have written it: for the measurements of scale.
 *
 * Participants are in the middle of a weekly programme: each practitioner has 25, each participant
 * has some sessions recorded and the rest planned. All of it follows from the numbers given, so two
 * stores of the same plan are alike but for their key. */
#ifndef COBI_TESTS_BENCH_SCALE_STORE_H
#define COBI_TESTS_BENCH_SCALE_STORE_H

#include "cobi/config/config.h"
#include "cobi/ical/zones.h"
#include "cobi/store/store.h"

struct scale_plan {
    struct instant now;
    uint32_t participants, sessions; /* sessions: of each participant */
    /* The two days before `now` in which nothing ran: sessions that began unseen, and messages that
     * wait in the outbox. */
    uint32_t begun;       /* every so-manieth participant has had a session meanwhile; 0: nobody */
    uint32_t expired;     /* reminders that are too late by now */
    uint32_t reminders;   /* reminders that may still go */
    uint32_t escalations; /* mails of chains, every tenth to an advocate */
    uint32_t due;         /* participants whose next session is tomorrow, its reminder due now */
};

/* Fills a new store in one transaction. Returns 0 or a negative errno. */
_must_use_ int scale_fill(struct store *store, const struct config *config, struct zones *zones,
                          const struct scale_plan *plan);

#endif
