/* The outbox: birth, claim and settlement of messages.
 *
 * A message is claimed in the transaction that has just read its session, participant and chain
 * again; the intent (`sending` and its attempt row) is committed before the first byte leaves. An
 * answer that was lost is uncertain and is settled by the kind's policy. Must never send a reminder
 * twice, nor anything after its not_after. */
#include "outbox.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "duty.h"

/* An answer later than this is not to be expected: the self-audit shows the row as stuck. */
#define SENDING_MINUTES_MAX 15
static const struct retry_policy retry_policy = {
    {30 * SECOND_US}, {30 * MINUTE_US}, {15 * MINUTE_US}};
/* The breaker closes a lane for a minute, doubling to a quarter of an hour. */
/* A kind that may repeat is sent again after a lost answer, but not for ever: then a person is told
 * that nobody knows. */
enum { UNCERTAIN_ATTEMPTS_MAX = 3 };
static const struct span breaker_first = {60 * SECOND_US}, breaker_most = {15 * MINUTE_US};

struct message_row outbox_blank(struct engine *e, enum message_kind kind, enum audience audience,
                                const char *recipient) {
    struct message_row m = {.kind = kind,
                            .audience = audience,
                            .channel = CHANNEL_EMAIL,
                            .state = MESSAGE_QUEUED,
                            .created_at = e->now,
                            .due = e->now,
                            .not_after = INSTANT_NEVER,
                            .wake_at = e->now};
    const int r = text_copy(m.recipient, sizeof m.recipient, recipient);

    assert(r == 0); /* ids are checked when they are entered */
    return m;
}

int outbox_add(struct engine *e, struct message_row *m) {
    const struct span lifetime = kind_policies[m->kind].lifetime;

    if (m->not_after.us == INSTANT_NEVER.us && lifetime.us > 0) {
        m->not_after = instant_add(m->due, lifetime);
    }
    if (*m->reason) {
        m->state = MESSAGE_SKIPPED;
        m->wake_at = INSTANT_NEVER;
    } else {
        m->wake_at = instant_max(m->due, e->now);
    }
    return message_insert(e->store, m);
}

int outbox_participant_channel(struct engine *e, const struct noun_row *participant,
                               unsigned channels) {
    const bool texts = *noun_value(participant, "mobile") &&
                       strcmp(noun_value(participant, "sms"), "yes") == 0;

    if ((channels & 1u << CHANNEL_SMS) && texts &&
        config_channel_gateway(e->setup.config, CHANNEL_SMS)) {
        return CHANNEL_SMS;
    }
    if ((channels & 1u << CHANNEL_EMAIL) && *noun_value(participant, "email") &&
        config_channel_gateway(e->setup.config, CHANNEL_EMAIL)) {
        return CHANNEL_EMAIL;
    }
    return -1;
}

/* What a message is about, read again at the moment of sending. */
struct subject {
    struct noun_row participant, office;
    struct participant_state_row status;
    struct session_row session;
    bool has_participant, has_session;
};

static int read_subject(struct engine *e, const struct message_row *m, struct subject *s) {
    int r = 0;

    if (*m->participant) {
        r = noun_find(e->store, NOUN_PARTICIPANT, m->participant, &e->arena, &s->participant);
        r = r < 0 ? r : participant_state_find(e->store, m->participant, &s->status);
        r = r < 0 ? r
                  : noun_find(e->store, NOUN_OFFICE, noun_value(&s->participant, "office"),
                              &e->arena, &s->office);
        s->has_participant = true;
    }
    if (r == 0 && *m->session) {
        r = session_find(e->store, m->session, &s->session);
        s->has_session = true;
    }
    return r;
}

/* Why a message must not go any more, or NULL. Stop conditions concern the participant's audience
 * only. */
static const char *stop_reason(struct engine *e, const struct message_row *m,
                               const struct subject *s) {
    if (m->audience == AUDIENCE_PARTICIPANT) {
        if (s->status.state != PARTICIPANT_ACTIVE) {
            return "participant_not_active";
        }
        if (outbox_participant_channel(e, &s->participant, 1u << m->channel) < 0) {
            return "channel_off";
        }
    }
    if (!s->has_session) {
        return NULL;
    }
    switch (m->kind) {
    case KIND_REMINDER:
        return s->session.state != SESSION_PLANNED  ? "session_not_planned"
               : s->session.revision != m->revision ? "session_moved"
                                                    : NULL;
    case KIND_CHANGE:
        return s->session.state != SESSION_PLANNED  ? "session_not_planned"
               : s->session.revision != m->revision ? "session_moved_again"
                                                    : NULL;
    case KIND_CANCELLATION:
        return s->session.state != SESSION_CANCELLED ? "session_not_cancelled" : NULL;
    case KIND_OUTCOME_REQUEST:
        return s->session.state != SESSION_AWAITING_OUTCOME ? "outcome_recorded" : NULL;
    case KIND_MISSED_CONTACT: {
        const struct outcome_code *code = outcome_find(&e->setup.config->outcomes,
                                                       s->session.outcome);
        return code && code->miss ? NULL : "outcome_changed";
    }
    case KIND_CONFIRMATION:
    case KIND_TASK:
    case KIND_DIGEST:
    case KIND_ESCALATION:
    case KIND_ADVOCATE_NOTICE:
    case KIND_OFFICER_NOTICE:
    case KIND_STAND_DOWN:
    case KIND_SIGN_IN:
    case KIND_ALARM:
        return NULL;
    }
    return NULL;
}

/* One transition by the table, guarded by the state the row was read in. */
static int step(struct engine *e, struct message_row *m, enum message_event event,
                const char *reason) {
    const enum message_state from = m->state;
    int r = message_next(from, event, &m->state);

    if (r < 0) {
        return r;
    }
    if (message_state_final(m->state)) {
        m->wake_at = INSTANT_NEVER;
    }
    if (reason) {
        r = text_copy(m->reason, sizeof m->reason, reason);
    }
    log_debug("message %s: %s -> %s", m->id, message_state_to_text(from),
              message_state_to_text(m->state));
    return r < 0 ? r : message_update(e->store, m, from);
}

static bool session_ahead(struct engine *e, const struct message_row *m) {
    struct session_row s;

    return *m->session && session_find(e->store, m->session, &s) == 0 &&
           instant_cmp(e->now, s.start_at) < 0;
}

/* A text that cannot arrive goes by mail, once; otherwise a person phones. */
static int tell_otherwise(struct engine *e, const struct message_row *m) {
    const bool about_session = m->kind == KIND_REMINDER || m->kind == KIND_CHANGE ||
                               m->kind == KIND_CANCELLATION;
    struct noun_row participant;
    int r = noun_find(e->store, NOUN_PARTICIPANT, m->participant, &e->arena, &participant);

    if (r < 0) {
        return r;
    }
    if (m->channel == CHANNEL_SMS && m->kind != KIND_CONFIRMATION &&
        instant_cmp(e->now, m->not_after) < 0 &&
        outbox_participant_channel(e, &participant, 1u << CHANNEL_EMAIL) == CHANNEL_EMAIL) {
        struct message_row other = *m;
        other.channel = CHANNEL_EMAIL;
        other.ordinal = m->ordinal + 1;
        other.state = MESSAGE_QUEUED;
        other.created_at = other.due = e->now;
        other.sent_at = (struct instant){0};
        other.attempt_count = 0;
        other.repeat = false;
        other.to = other.subject = other.body = NULL;
        other.reason[0] = other.gateway[0] = other.provider_id[0] = '\0';
        return outbox_add(e, &other);
    }
    if (about_session && m->kind != KIND_CANCELLATION && !session_ahead(e, m)) {
        return 0; /* the appointment is over: phoning about it helps nobody */
    }
    return duty_phone(e, m->participant, m->session, message_kind_to_text(m->kind));
}

/* A message did not reach its audience: somebody else learns of it. */
static int not_delivered(struct engine *e, const struct message_row *m) {
    char text[200];
    struct text t = TEXT_IN(text);

    if (m->audience == AUDIENCE_PARTICIPANT) {
        return tell_otherwise(e, m);
    }
    if (m->kind == KIND_ALARM) {
        log_error("message %s: the operator cannot be told; see `cobictl message show`", m->id);
        return 0; /* an alarm about an alarm would never end; the self-audit shows it red */
    }
    text_addf(&t,
              "message %s (%s to %s) could not be delivered: %s. Correct the address, then "
              "`cobictl message retry %s`.",
              m->id, message_kind_to_text(m->kind), audience_to_text(m->audience), m->reason,
              m->id);
    int r = turn_alarm(e, "undelivered", m->id, m->attempt_count, text);

    return r < 0 || !*m->escalation ? r : chain_unreachable(e, m->escalation, m->revision);
}

static int expire(struct engine *e, struct message_row *m) {
    const int r = step(e, m, MESSAGE_EXPIRE, m->attempt_count ? "no_answer_in_time" : "too_late");

    return r < 0 ? r : not_delivered(e, m);
}

static int cancel(struct engine *e, struct message_row *m, const char *reason) {
    const int r = step(e, m, MESSAGE_CANCEL, reason);

    return r < 0 || strcmp(reason, "channel_off") != 0 ? r : tell_otherwise(e, m);
}

static struct lane *find_lane(struct engine *e, const char *gateway, enum audience audience) {
    for (uint32_t i = 0; i < e->setup.config->gateway_count; i++) {
        if (strcmp(e->setup.config->gateways[i].name, gateway) == 0) {
            return &e->lanes[i][audience];
        }
    }
    return NULL;
}

/* Pacing keeps real time, so a clock that stands still has none. */
static bool lane_paced(struct engine *e, const struct gateway *g, struct lane *lane,
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

/* The gateway for a message now: its own, or the backup while the breaker is open. NULL: not before
 * *ret_until, or (INSTANT_NEVER) when a lane is free. */
static const struct gateway *choose_gateway(struct engine *e, const struct message_row *m,
                                            struct instant *ret_until) {
    const struct gateway *g = config_channel_gateway(e->setup.config, m->channel);
    struct instant until = INSTANT_NEVER;

    for (int hops = 0; g && hops < GATEWAYS_MAX; hops++) {
        struct lane *lane = find_lane(e, g->name, m->audience);
        struct instant pause;
        assert(lane);
        if (instant_cmp(e->now, lane->open_until) < 0) {
            until = instant_min(until, lane->open_until);
            g = *g->backup ? config_find_gateway(e->setup.config, g->backup) : NULL;
            continue;
        }
        if (lane_paced(e, g, lane, &pause)) {
            *ret_until = pause;
            return NULL;
        }
        if (lane->in_flight >= g->in_flight_max || e->send_count == TURN_ROWS_MAX) {
            *ret_until = INSTANT_NEVER;
            return NULL;
        }
        return g;
    }
    *ret_until = until.us == INSTANT_NEVER.us ? instant_add(e->now, breaker_first) : until;
    return NULL;
}

static void add_send(struct engine *e, const struct message_row *m, const struct gateway *g) {
    const struct config_sender *sender = &e->setup.config->sender;
    const bool staff = m->audience != AUDIENCE_PARTICIPANT;
    const char *mail_from = staff && *sender->staff_email ? sender->staff_email : sender->email;
    struct outgoing *out = &e->sends[e->send_count++];
    struct lane *lane = find_lane(e, g->name, m->audience);

    *out = (struct outgoing){
        .attempt = m->attempt_count,
        .gateway = g->name,
        .reference = arena_printf(&e->arena, "%s-%" PRIu32, m->id, m->attempt_count),
        .mail_id = arena_copy(&e->arena, m->id),
        .thread_id = *m->escalation ? arena_copy(&e->arena, m->escalation) : NULL,
        .channel = m->channel,
        .audience = m->audience,
        .kind = m->kind,
        .to = m->to,
        .from_name = sender->name,
        .from = m->channel == CHANNEL_SMS ? (*g->from ? g->from : sender->sms_from)
                                          : (*g->from && !staff ? g->from : mail_from),
        .reply_to = sender->reply_to,
        .subject = m->subject,
        .body = m->body,
        .date = e->now,
        .not_after = m->not_after,
    };
    memcpy(out->message_id, m->id, sizeof out->message_id);
    lane->in_flight++;
    lane->sent++;
    e->in_flight++;
}

static int render_failed(struct engine *e, struct message_row *m, int error,
                         const struct complaint *complaint) {
    if (error == -EIO || error == -EBUSY || error == -ENOSPC) {
        return error; /* the store, not the message */
    }
    log_error("message %s cannot be rendered: %s", m->id,
              *complaint->text ? complaint->text : "a row it needs is missing");
    const enum message_state from = m->state;
    int r = message_next(from, MESSAGE_CLAIM, &m->state);

    r = r < 0 ? r : message_next(m->state, MESSAGE_REFUSE, &m->state);
    m->wake_at = INSTANT_NEVER;
    r = r < 0 ? r
              : text_copy(m->reason, sizeof m->reason,
                          error == -EDESTADDRREQ ? "no_address" : "cannot_be_rendered");
    r = r < 0 ? r : message_update(e->store, m, from);
    return r < 0 ? r : not_delivered(e, m);
}

static int postpone(struct engine *e, struct message_row *m, struct instant until) {
    if (instant_cmp(until, m->not_after) >= 0) {
        return expire(e, m);
    }
    m->wake_at = until;
    return message_update(e->store, m, m->state);
}

static int send_now(struct engine *e, struct message_row *m) {
    struct complaint complaint = {0};
    struct instant until = INSTANT_NEVER;
    const struct gateway *g = choose_gateway(e, m, &until);

    if (!g) {
        if (until.us == INSTANT_NEVER.us) {
            e->blocked = true;
            return 0;
        }
        return postpone(e, m, until);
    }
    int r = render_message(e, m, &complaint);

    if (r < 0) {
        return render_failed(e, m, r, &complaint);
    }
    m->attempt_count++;
    m->wake_at = instant_add(e->now, span_minutes(SENDING_MINUTES_MAX));
    r = text_copy(m->gateway, sizeof m->gateway, g->name);
    r = r < 0 ? r : step(e, m, MESSAGE_CLAIM, NULL);
    r = r < 0 ? r : message_attempt_begin(e->store, m, e->now);
    if (r == 0) {
        add_send(e, m, g);
    }
    return r;
}

static int claim(struct engine *e, const char *id) {
    const struct config *config = e->setup.config;
    struct message_row m;
    struct subject about = {0};
    int r = message_find(e->store, id, &e->arena, &m);

    r = r < 0 ? r : read_subject(e, &m, &about);
    if (r < 0) {
        return r;
    }
    if (m.state != MESSAGE_QUEUED) {
        return -EUCLEAN; /* nobody here leaves a row held or uncertain: a person must look at it */
    }
    const char *stop = stop_reason(e, &m, &about);
    if (stop) {
        return cancel(e, &m, stop);
    }
    if (instant_cmp(e->now, m.not_after) >= 0) {
        return expire(e, &m);
    }
    if (m.audience == AUDIENCE_PARTICIPANT) {
        const struct remind_place place = {turn_zone(e, noun_value(&about.office, "timezone")),
                                           e->setup.holidays};
        struct hours office = {0};
        const struct civil none = {0};
        if (hours_parse(noun_value(&about.office, "hours"), &office) < 0) {
            return -EUCLEAN;
        }
        const struct instant open = kind_window_next(m.kind, &config->send_window, &place, &office,
                                                     about.has_session ? about.session.start : none,
                                                     e->now);
        if (instant_cmp(open, e->now) > 0) {
            return postpone(e, &m, open);
        }
    }
    return send_now(e, &m);
}

/* A row that cannot be read or decided is set aside; the others go on. */
static int set_aside(struct engine *e, const char *id, int error) {
    log_error("message %s is set aside: %s", id, strerror(-error));
    const int r = store_quarantine(e->store, "message", id, e->now);

    return r < 0 ? r
                 : turn_alarm(
                       e, "quarantine", id, 0,
                       arena_printf(&e->arena, "message %s cannot be read and was set aside.", id));
}

static bool store_trouble(int error) {
    return error == -EIO || error == -EBUSY || error == -ENOSPC || error == -EROFS;
}

int outbox_dispatch(struct engine *e) {
    char ids[TURN_ROWS_MAX][MESSAGE_ID_SIZE];
    const int count = message_due(e->store, e->now, ids, TURN_ROWS_MAX);

    e->blocked = false;
    for (int i = 0; i < count; i++) {
        const uint32_t sends = e->send_count;
        int r = store_part_begin(e->store);
        if (r < 0) {
            return r;
        }
        r = claim(e, ids[i]);
        const int ended = store_part_end(e->store, r >= 0);
        if (store_trouble(r) || ended < 0) {
            return ended < 0 ? ended : r;
        }
        if (r < 0) {
            assert(e->send_count == sends);
            r = set_aside(e, ids[i], r);
            if (r < 0) {
                return r;
            }
        }
    }
    return count;
}

void outbox_forget_sends(struct engine *e) {
    for (uint32_t i = 0; i < e->send_count; i++) {
        struct lane *lane = find_lane(e, e->sends[i].gateway, e->sends[i].audience);
        lane->in_flight--;
        e->in_flight--;
    }
    e->send_count = 0;
}

static int note_lane(struct engine *e, const struct message_row *m, enum outcome_class outcome) {
    struct lane *lane = find_lane(e, m->gateway, m->audience);

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
    if (++lane->failures < BREAKER_FAILURES && lane->pause.us == 0) {
        return 0;
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

static int settle_later(struct engine *e, struct message_row *m, struct span hint) {
    const uint64_t noise = store_derive_number(
        e->store, arena_printf(&e->arena, "%s/%" PRIu32, m->id, m->attempt_count));

    m->wake_at = retry_at(&retry_policy, m->attempt_count, hint, noise, e->now);
    if (instant_cmp(m->wake_at, m->not_after) >= 0) {
        const int r = step(e, m, MESSAGE_DEFER, NULL);
        return r < 0 ? r : expire(e, m);
    }
    return step(e, m, MESSAGE_DEFER, NULL);
}

static int settle_uncertain(struct engine *e, struct message_row *m) {
    m->wake_at = e->now;
    int r = step(e, m, MESSAGE_LOSE, "answer_lost");

    if (r < 0) {
        return r;
    }
    if (!kind_policies[m->kind].may_repeat || m->attempt_count >= UNCERTAIN_ATTEMPTS_MAX) {
        r = step(e, m, MESSAGE_GIVE_UP, "answer_lost");
        return r < 0 ? r : not_delivered(e, m);
    }
    const uint64_t noise = store_derive_number(e->store, m->id);

    m->repeat = true;
    m->wake_at = retry_at(&retry_policy, m->attempt_count, (struct span){0}, noise, e->now);
    return step(e, m, MESSAGE_REPEAT, "may_be_a_repeat");
}

static int settle_accepted(struct engine *e, struct message_row *m, const struct delivery *d) {
    const char *reason = "";
    struct session_row s;

    if (m->kind == KIND_REMINDER && session_find(e->store, m->session, &s) == 0 &&
        (s.revision != m->revision || s.state == SESSION_CANCELLED)) {
        reason =
            "sent_before_the_change"; /* the change or cancellation that is queued corrects it */
    }
    m->sent_at = e->now;
    const int r = text_copy(m->provider_id, sizeof m->provider_id, d->provider_id);

    return r < 0 ? r : step(e, m, MESSAGE_ACCEPT, reason);
}

int outbox_settle(struct engine *e, const struct delivery *d) {
    struct message_row m;
    int r = message_find(e->store, d->message_id, &e->arena, &m);

    if (r < 0 || m.state != MESSAGE_SENDING || m.attempt_count != d->attempt) {
        return r == -ENOENT ? 0 : r; /* not awaited: settled by a restart before */
    }
    r = message_attempt_end(e->store, d, e->now);
    r = r < 0 ? r : note_lane(e, &m, d->outcome);
    if (r < 0) {
        return r;
    }
    switch (d->outcome) {
    case OUTCOME_ACCEPTED:
        return settle_accepted(e, &m, d);
    case OUTCOME_TRANSIENT:
    case OUTCOME_GATEWAY_DOWN:
        return settle_later(e, &m, d->retry_after);
    case OUTCOME_UNCERTAIN:
        return settle_uncertain(e, &m);
    case OUTCOME_REFUSED_RECIPIENT:
    case OUTCOME_REFUSED_REQUEST:
        r = step(e, &m, MESSAGE_REFUSE, outcome_class_to_text(d->outcome));
        return r < 0 ? r : not_delivered(e, &m);
    }
    return -EINVAL;
}

int outbox_recover(struct engine *e, const char *message_id) {
    struct message_row m;
    int r = message_find(e->store, message_id, &e->arena, &m);

    if (r < 0 || m.state != MESSAGE_SENDING) {
        return r;
    }
    struct delivery d = {.attempt = m.attempt_count,
                         .outcome = OUTCOME_UNCERTAIN,
                         .detail = "cobid ended before the answer"};

    memcpy(d.message_id, m.id, sizeof d.message_id);
    r = message_attempt_end(e->store, &d, e->now);
    return r < 0 ? r : settle_uncertain(e, &m);
}
