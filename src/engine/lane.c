/* Lanes: pacing, what may be under way at once, and the breaker, for each gateway and audience.
 *
 * The breaker opens after some failures in a row, for a minute, doubling to a quarter of an hour;
 * when it closes one message goes ahead as a probe. All of it is memory only and belongs to the
 * turn: what a turn that is undone has counted is undone with it. Must never hold a message without
 * an answer awaited or a time at which it is tried again. */
#include "lane.h"

#include <assert.h>
#include <string.h>

static const struct span breaker_first = {60 * SECOND_US}, breaker_most = {15 * MINUTE_US};

static struct lane *find(struct engine *e, const char *gateway, enum audience audience) {
    for (uint32_t i = 0; i < e->setup.config->gateway_count; i++) {
        if (strcmp(e->setup.config->gateways[i].name, gateway) == 0) {
            return &e->lanes[i][audience];
        }
    }
    return NULL;
}

/* Pacing keeps real time, so a clock that stands still has none. */
static bool paced(struct engine *e, const struct gateway *g, struct lane *lane,
                  struct instant *ret_until) {
    if (g->rate_count == 0 || e->setup.config->clock == CLOCK_MANUAL) {
        return false;
    }
    const struct instant end = instant_add(lane->period, g->rate_per);

    if (instant_cmp(e->now, end) >= 0 || instant_cmp(e->now, lane->period) < 0) {
        lane->period = e->now;
        lane->sent = 0;
    }
    *ret_until = instant_add(lane->period, g->rate_per);
    return lane->sent >= g->rate_count;
}

/* After failures the first message is a probe: the others wait for its answer. */
static bool probing(const struct lane *lane) {
    return lane->failures >= BREAKER_FAILURES && lane->in_flight > 0;
}

const struct gateway *lane_choose(struct engine *e, enum channel channel, enum audience audience,
                                  struct instant *ret_until) {
    const struct gateway *g = config_channel_gateway(e->setup.config, channel);
    struct instant until = INSTANT_NEVER;
    bool probed = false;

    for (int hops = 0; g && hops < GATEWAYS_MAX; hops++) {
        struct lane *lane = find(e, g->name, audience);
        struct instant pause;
        assert(lane);
        const bool open = instant_cmp(e->now, lane->open_until) < 0;
        if (open || probing(lane)) {
            until = open ? instant_min(until, lane->open_until) : until;
            probed |= !open;
            g = *g->backup ? config_find_gateway(e->setup.config, g->backup) : NULL;
            continue;
        }
        if (paced(e, g, lane, &pause)) {
            *ret_until = pause;
            return NULL;
        }
        if (lane->in_flight >= g->in_flight_max) {
            *ret_until = INSTANT_NEVER;
            return NULL;
        }
        return g;
    }
    *ret_until = until.us == INSTANT_NEVER.us && !probed ? instant_add(e->now, breaker_first)
                                                         : until;
    return NULL;
}

void lane_take(struct engine *e, const char *gateway, enum audience audience) {
    struct lane *lane = find(e, gateway, audience);

    assert(lane); /* it was chosen from the configuration in this turn */
    lane->in_flight++;
    lane->sent++;
    e->in_flight++;
}

int lane_note(struct engine *e, const struct message_row *m, enum outcome_class outcome) {
    struct lane *lane = find(e, m->gateway, m->audience);

    e->in_flight -= e->in_flight > 0;
    if (!lane) {
        return 0; /* the gateway left the configuration meanwhile */
    }
    lane->in_flight -= lane->in_flight > 0;
    if (outcome != OUTCOME_GATEWAY_DOWN) {
        lane->failures = 0;
        lane->pause = (struct span){0};
        return 0;
    }
    lane->failures++;
    if (lane->failures < BREAKER_FAILURES || instant_cmp(e->now, lane->open_until) < 0) {
        return 0; /* open already: this one left before */
    }
    lane->pause.us = lane->pause.us == 0 ? breaker_first.us : lane->pause.us * 2;
    lane->pause.us = lane->pause.us > breaker_most.us ? breaker_most.us : lane->pause.us;
    lane->open_until = instant_add(e->now, lane->pause);
    return turn_alarm(
        e, "gateway", m->gateway, turn_hour(e),
        arena_printf(
            &e->arena,
            "gateway \"%s\" refuses connections or credentials: see `cobictl gateway list`.",
            m->gateway));
}
