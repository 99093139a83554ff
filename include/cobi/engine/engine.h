/* The engine: one event in, one `now`, at most one write transaction, then effects through ports. */
#ifndef COBI_ENGINE_ENGINE_H
#define COBI_ENGINE_ENGINE_H

#include <jansson.h>

#include "cobi/base/command.h"
#include "cobi/config/config.h"
#include "cobi/engine/ports.h"
#include "cobi/ical/zones.h"
#include "cobi/rules/receipt.h"
#include "cobi/rules/hours.h"
#include "cobi/store/store.h"
#include "cobi/template/template.h"

struct engine;
/* What the engine works by; replaced as a whole at a reload. Borrowed: must outlive its use. */
struct engine_setup {
    const struct config *config;
    const struct templates *templates;
    const struct holidays *holidays;
    struct zones *zones;
};
/* The store stays the caller's; the engine is its only writer. */
_must_use_ int engine_open(struct store *store, const struct engine_setup *setup, const struct ports *ports, struct engine **ret_engine);
void engine_free(struct engine *engine);
void engine_set_setup(struct engine *engine, const struct engine_setup *setup);

/* After a start: every row left `sending` becomes uncertain and is settled by its kind's policy; timers are armed. */
_must_use_ int engine_start(struct engine *engine);
/* Works on what is due at ports->now, at most a bounded batch. Returns 1 when more is due at once, 0 when not, or a negative errno
 * (-EIO, -ENOSPC: the store failed; the caller ends the process or tries again later, by store_fatal()). */
_must_use_ int engine_tick(struct engine *engine);
/* The same, and before it what became of attempts: all are settled, or, on a negative errno, none. One turn, one commit. */
_must_use_ int engine_pass(struct engine *engine, const struct delivery *deliveries, size_t count);
/* What became of attempts, in a turn of their own. */
_must_use_ int engine_settle(struct engine *engine, const struct delivery *deliveries, size_t count);
_must_use_ int engine_delivered(struct engine *engine, const struct delivery *delivery);
/* An alarm of the process itself to the operator: one turn; the same topic comes at most once an hour. text says what is wrong and what to do. */
_must_use_ int engine_alarm(struct engine *engine, const char *topic, const char *text);
/* The system says that its clock is right (synchronised since it jumped): what was held for the jump goes. Returns how many messages, or a
 * negative errno. */
_must_use_ int engine_clock_vouched(struct engine *engine);
/* The zones of the setup may be newer: sessions that have not begun keep their time on the wall, and their instants follow it. Part of
 * engine_start(); called after a reload. */
_must_use_ int engine_follow_zones(struct engine *engine);
/* Is a jump of the clock held, so that somebody must vouch for it? */
bool engine_clock_held(const struct engine *engine);
/* What a gateway reports later of a message that it took. */
struct receipt {
    const char *gateway;     /* name in the configuration */
    const char *reference;   /* ours, as struct outgoing gave it, or "" */
    const char *provider_id; /* the gateway's own id of the message, or "" */
    enum receipt_report report;
    const char *detail;      /* for people: codes only, or "" */
};
/* One turn. It may come late, repeated, out of order, or before engine_delivered(): messages only move forward, and one that is early waits for the
 * answer. 0: it is committed, or is about nothing of ours and was counted; the gateway may forget it. Else the store's trouble: it must come again. */
_must_use_ int engine_receipt(struct engine *engine, const struct receipt *receipt);
/* A text that came in through a gateway. */
struct inbound {
    const char *gateway;
    const char *from;  /* as the gateway gave it: a number, or anything */
    const char *text;  /* UTF-8, one line; may be "" */
    const char *event; /* the gateway's own id of it, by which a repeated one is known; "" when it gives none */
};
/* One turn, as engine_receipt(). 0 also for a number that is nobody's, a member of staff's or an advocate's: from outside they are all alike. */
_must_use_ int engine_inbound(struct engine *engine, const struct inbound *inbound);
/* Messages handed to send() and not yet answered. */
uint32_t engine_in_flight(const struct engine *engine);

/* Who gives a command: the OS user behind the socket. */
struct actor {
    uint32_t uid;
    char user[ID_SIZE];            /* name of the OS user, or its number */
    enum command_access access;    /* what the peer's credentials allow */
};
/* Runs one command in one turn. arguments is the JSON object of base/command.h (borrowed). Returns an HTTP status; *ret_reply is the new JSON document,
 * or {"error": "..."} when the status is not 200. Clock, reload and gateway test commands are the host's: the engine answers 404 to them. */
int engine_command(struct engine *engine, const struct command *command, const struct actor *actor, json_t *arguments, json_t **ret_reply);

/* The emailed acknowledge link. show: what the page says (no case data beyond the reference), 0 or -ENOENT for a token that is unknown, used, or of an
 * earlier step. ack: consumes token and code in one transaction: 0, -ENOENT, -EACCES (wrong code; the fifth burns the link). */
#define ACK_TEXT_SIZE 200
struct ack_view {
    char reference[ID_SIZE];       /* the participant's reference for supervisors; "" for advocates, who get their own case reference */
    char kind[16];                 /* "missed" */
    enum audience audience;
    char case_ref[64];
};
_must_use_ int engine_ack_show(struct engine *engine, const char *token, struct ack_view *ret_view);
_must_use_ int engine_ack(struct engine *engine, const char *token, const char *code);

/* A feed as served: fetches are recorded in the access log. */
struct feed_body {
    char *bytes; /* malloc'ed */
    size_t length;
};
enum feed_status { FEED_OK, FEED_WITHDRAWN, FEED_UNKNOWN };
/* Identity and version of the feed behind a token (the 43 characters): FEED_UNKNOWN, or what is needed to serve it from a cache. version changes
 * whenever the bytes may have changed. */
struct feed_key {
    char feed_id[ID_SIZE];
    uint64_t version;
    struct instant last_modified;
    struct instant fetched_at; /* the fetch that was noted last; 0: none */
};
enum feed_status engine_feed_find(struct engine *engine, const char *token, struct feed_key *ret_key);
_must_use_ int engine_feed_build(struct engine *engine, const struct feed_key *key, struct feed_body *ret_body);
/* Notes a fetch (feed.last_fetched and the access log), at most once a minute a feed: the first in any minute is on the disk when this returns
 * (unless the store is busy: then the next one is). */
void engine_feed_fetched(struct engine *engine, const struct feed_key *key);

/* How a gateway fares by audience: {"participant": {"in_flight", "failures", "closed_until"}, ...}. */
json_t *engine_gateway_to_json(const struct engine *engine, const char *gateway);
/* What came in from it since the start: {"receipts", "receipts_unknown", "texts", "texts_unknown"}. */
json_t *engine_incoming_to_json(const struct engine *engine, const char *gateway);

/* Does any row refer to it, so that a reload may not drop it? 1, 0, or a negative errno. */
_must_use_ int engine_uses_programme(struct engine *engine, const char *programme);
_must_use_ int engine_uses_outcome(struct engine *engine, const char *code);

/* Would every chain of this configuration find its people? Supervisors in a loop, practitioners whose line of supervisors leaves a chain with
 * fewer than two people and no operator: a line each. Returns 0, or the store's trouble. */
_must_use_ int engine_check_people(struct engine *engine, const struct config *config, struct complaints *complaints);

/* The self-audit: overdue timers, rows that are stuck, balance of dispositions. Writes a status line for systemctl and counts. */
struct audit_report {
    bool healthy;
    uint32_t overdue, stuck, quarantined, open_escalations, exhausted_escalations, queued, uncertain, held;
    char status[200]; /* "42 participants, next reminder 2026-11-24T18:00Z, 1 escalation open" */
    char trouble[200]; /* why healthy is false, or "" */
};
_must_use_ int engine_audit(struct engine *engine, struct audit_report *ret_report);

#endif
