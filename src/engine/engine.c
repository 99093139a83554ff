/* The engine's doors: start, tick, what became of an attempt. Each is one turn.
 *
 * A tick orders its work: escalations, sessions, tasks, then the dispatch of messages, so that what
 * is urgent never waits behind what is many. A bounded number of rows is worked on (turn.h); the
 * caller comes again while more is due. */
#include "cobi/engine/engine.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "duty.h"
#include "handover.h"
#include "hold.h"
#include "outbox.h"
#include "receipts.h"
#include "watch.h"

int engine_open(struct store *store, const struct engine_setup *setup, const struct ports *ports,
                struct engine **ret_engine) {
    struct engine *e = calloc(1, sizeof *e);

    if (!e) {
        abort();
    }
    e->store = store;
    e->setup = *setup;
    e->ports = *ports;
    if (!zones_find(setup->zones, setup->config->timezone)) {
        free(e);
        return -ENODATA;
    }
    *ret_engine = e;
    return 0;
}

void engine_free(struct engine *e) {
    if (e) {
        arena_done(&e->arena);
        free(e);
    }
}

void engine_set_setup(struct engine *e, const struct engine_setup *setup) {
    e->setup = *setup;
    memset(e->incoming, 0, sizeof e->incoming);     /* counted by place */
    memset(e->feed_memos, 0, sizeof e->feed_memos); /* what a feed shows is configured */
    memset(e->lanes, 0, sizeof e->lanes); /* gateways may have other places now; what is in flight
                                             is counted in total only */
}

uint32_t engine_in_flight(const struct engine *e) {
    return e->in_flight;
}

int engine_start(struct engine *e) {
    int count;

    hold_open(e);
    do {
        int r = turn_begin(e);
        if (r < 0) {
            return r;
        }
        count = outbox_recover(e);
        r = turn_end(e, count < 0 ? count : 0);
        if (r < 0) {
            return r;
        }
        if (count > 0) {
            log_warning(
                "%d messages were on their way when cobid ended; settled by their kind's policy",
                count);
        }
    } while (count == TURN_ROWS_MAX);
    return engine_follow_zones(e);
}

static int work(struct engine *e, bool *ret_more) {
    int (*const lanes[])(struct engine *) = {chain_due, course_due,   duty_due,   jobs_due,
                                             watch_due, receipts_due, outbox_end, outbox_dispatch};
    bool more = false;

    for (size_t i = 0; i < ARRAY_COUNT(lanes); i++) {
        const int count = lanes[i](e);
        if (count < 0) {
            return count;
        }
        more |= count > 0; /* rows may have been born or rescheduled for this very moment */
    }
    *ret_more = more;
    return 0;
}

/* What could not even be begun was certainly not sent. Where the store cannot take that now, the
 * next tick does. */
static int settle_unbegun(struct engine *e) {
    while (e->unbegun_count > 0) {
        const struct unbegun *u = &e->unbegun[e->unbegun_count - 1];
        struct delivery d = {
            .attempt = u->attempt, .outcome = OUTCOME_GATEWAY_DOWN, .detail = "not begun"};
        memcpy(d.message_id, u->message_id, sizeof d.message_id);
        const int r = engine_delivered(e, &d);
        if (turn_trouble(r)) {
            return r;
        }
        e->unbegun_count--;
    }
    return 0;
}

static int settle(struct engine *e, const struct delivery *deliveries, size_t count) {
    int r = 0;

    for (size_t i = 0; i < count && r == 0; i++) {
        r = outbox_settle(e, &deliveries[i]);
    }
    return r;
}

/* One turn, in which no row may be bad unless each has a part of its own. */
static int try_pass(struct engine *e, const struct delivery *deliveries, size_t count, bool parts,
                    bool *ret_more) {
    int r = turn_begin(e);

    if (r < 0) {
        return r;
    }
    if (!parts) {
        store_without_parts(e->store);
    }
    turn_keep_nouns(e);
    r = settle(e, deliveries, count);
    r = r < 0 ? r : work(e, ret_more);
    e->idle = !*ret_more && count == 0;
    *ret_more |= e->hold.unkept; /* its alarm is born at the turn's end */
    return turn_end(e, r);
}

int engine_pass(struct engine *e, const struct delivery *deliveries, size_t count) {
    bool more = false;
    int r = settle_unbegun(e);

    r = r < 0 ? r : try_pass(e, deliveries, count, false, &more);
    if (r == -ERESTART) {
        more = false;
        r = try_pass(e, deliveries, count, true, &more);
    }
    if (r < 0) {
        return r;
    }
    (void)settle_unbegun(e); /* what the store does not take now, the next pass gives it again */
    return more || e->unbegun_count > 0;
}

int engine_tick(struct engine *e) {
    return engine_pass(e, NULL, 0);
}

int engine_settle(struct engine *e, const struct delivery *deliveries, size_t count) {
    int r = turn_begin(e);

    if (r < 0) {
        return r;
    }
    r = settle(e, deliveries, count);
    return turn_end(e, r);
}

int engine_delivered(struct engine *e, const struct delivery *delivery) {
    return engine_settle(e, delivery, 1);
}

bool engine_clock_held(const struct engine *e) {
    return e->hold.active;
}

int engine_clock_vouched(struct engine *e) {
    int r = turn_begin(e);

    if (r < 0) {
        return r;
    }
    r = e->hold.active && hold_credible(e) ? hold_release(e, HOLD_SYSTEM) : 0;
    return turn_end(e, r);
}

int engine_alarm(struct engine *e, const char *topic, const char *text) {
    const int r = turn_begin(e);

    return r < 0 ? r : turn_end(e, turn_alarm(e, topic, topic, turn_hour(e), text));
}

json_t *engine_gateway_to_json(const struct engine *e, const char *gateway) {
    json_t *audiences = json_object();

    for (uint32_t i = 0; i < e->setup.config->gateway_count; i++) {
        if (strcmp(e->setup.config->gateways[i].name, gateway) != 0) {
            continue;
        }
        for (size_t a = 0; a < AUDIENCE_COUNT; a++) {
            const struct lane *lane = &e->lanes[i][a];
            char closed[INSTANT_TEXT_SIZE] = "";
            if (lane->in_flight == 0 && lane->failures == 0 && lane->open_until.us == 0) {
                continue;
            }
            if (lane->open_until.us != 0) {
                instant_to_text(lane->open_until, closed);
            }
            (void)json_object_set_new(audiences, audience_to_text((enum audience)a),
                                      json_pack("{s:i,s:i,s:s}", "in_flight", (int)lane->in_flight,
                                                "failures", (int)lane->failures, "closed_until",
                                                closed));
        }
    }
    return audiences;
}

json_t *engine_incoming_to_json(const struct engine *e, const char *gateway) {
    struct incoming_counts n = {0};

    for (uint32_t i = 0; i < e->setup.config->gateway_count; i++) {
        n = strcmp(e->setup.config->gateways[i].name, gateway) == 0 ? e->incoming[i] : n;
    }
    return json_pack("{s:i,s:i,s:i,s:i}", "receipts", (int)n.receipts, "receipts_unknown",
                     (int)n.receipts_unknown, "texts", (int)n.texts, "texts_unknown",
                     (int)n.texts_unknown);
}

int engine_uses_programme(struct engine *e, const char *programme) {
    return participant_programme_used(e->store, programme);
}

int engine_uses_outcome(struct engine *e, const char *code) {
    return session_outcome_used(e->store, code);
}

/* ---- the self-audit ---- */

static void describe_next(struct engine *e, struct text *t) {
    struct instant next;
    char when[INSTANT_TEXT_SIZE];

    if (store_next_wake(e->store, STORE_ALL_MESSAGES, &next) == 0 && next.us != INSTANT_NEVER.us) {
        next.us -= next.us % SECOND_US;
        instant_to_text(next, when);
        text_addf(t, ", next at %s", when);
    }
}

static void add_held(const struct engine *e, const struct store_counts *c, struct text *t) {
    char error[32];

    const int64_t half = e->hold.error.us < 0 ? -MINUTE_US / 2 : MINUTE_US / 2;

    span_to_text((struct span){(e->hold.error.us + half) / MINUTE_US * MINUTE_US}, error);
    if (e->hold.active) {
        text_addf(t,
                  "the clock jumped (it is %s%s off), %lld messages held: cobictl release --held",
                  e->hold.error.us > 0 ? "+" : "", error, (long long)c->messages_held);
    } else if (c->messages_held > 0) {
        text_addf(t, "%lld messages held as repeats of one text: cobictl release --held",
                  (long long)c->messages_held);
    }
}

static void find_trouble(const struct engine *e, const struct store_counts *c,
                         struct audit_report *report) {
    struct text t = TEXT_IN(report->trouble);

    add_held(e, c, &t);
    if (c->overdue > 0) {
        text_addf(&t, "%s%lld timers overdue", t.length ? "; " : "", (long long)c->overdue);
    }
    if (c->delayed > 0) {
        text_addf(&t, "%s%lld messages have waited for their gateway for ten minutes",
                  t.length ? "; " : "", (long long)c->delayed);
    }
    if (c->quarantined > 0) {
        text_addf(&t, "%s%lld rows set aside", t.length ? "; " : "", (long long)c->quarantined);
    }
    if (c->escalations_exhausted > 0) {
        text_addf(&t, "%s%lld escalations that nobody acknowledges", t.length ? "; " : "",
                  (long long)c->escalations_exhausted);
    }
    if (c->messages_sending > (int64_t)e->in_flight) {
        text_addf(&t, "%s%lld messages stuck in sending", t.length ? "; " : "",
                  (long long)c->messages_sending - e->in_flight);
    }
    for (uint32_t i = 0; i < e->setup.config->gateway_count; i++) {
        bool open = false;
        for (size_t a = 0; a < AUDIENCE_COUNT; a++) {
            open |= e->lanes[i][a].failures >= BREAKER_FAILURES;
        }
        if (open) {
            text_addf(&t, "%sgateway %s refuses connections or credentials", t.length ? "; " : "",
                      e->setup.config->gateways[i].name);
        }
    }
    report->healthy = t.length == 0;
}

int engine_audit(struct engine *e, struct audit_report *ret_report) {
    struct audit_report report = {0};
    struct store_counts c;
    struct text status = TEXT_IN(report.status);

    hold_look(e);
    e->idle = false; /* nobody has looked at what is due */
    const int r = store_count(e->store, e->now, e->shut, &c);

    if (r < 0) {
        return r;
    }
    report.overdue = (uint32_t)c.overdue;
    report.stuck = c.messages_sending > (int64_t)e->in_flight
                       ? (uint32_t)(c.messages_sending - e->in_flight)
                       : 0;
    report.quarantined = (uint32_t)c.quarantined;
    report.open_escalations = (uint32_t)c.escalations_open;
    report.exhausted_escalations = (uint32_t)c.escalations_exhausted;
    report.queued = (uint32_t)c.messages_queued;
    report.uncertain = (uint32_t)c.messages_uncertain;
    report.held = (uint32_t)c.messages_held;
    text_addf(&status,
              "%lld participants active, %lld sessions planned, %lld awaiting an outcome, %lld "
              "escalations open",
              (long long)c.participants_active, (long long)c.sessions_planned,
              (long long)c.awaiting_outcome, (long long)c.escalations_open);
    describe_next(e, &status);
    find_trouble(e, &c, &report);
    *ret_report = report;
    return turn_arm(e); /* a clock that was set back cannot strand a timer */
}
