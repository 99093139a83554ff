/* What becomes of a claimed message: accepted, later, lost, refused; and who learns of it when a
 * message did not reach its audience.
 *
 * An answer that was lost is uncertain and is settled by the kind's policy. Must never send a
 * reminder twice, nor let a message end without its audience or a person knowing. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "alert.h"
#include "lane.h"
#include "outbox.h"
#include "receipts.h"

static const struct retry_policy retry_policy = {
    {30 * SECOND_US}, {30 * MINUTE_US}, {15 * MINUTE_US}};
/* A kind that may repeat is sent again after a lost answer, but not for ever: then a person is told
 * that nobody knows. */
enum { UNCERTAIN_ATTEMPTS_MAX = 3 };

bool outbox_session_ahead(struct engine *e, const struct message_row *m) {
    struct session_row s;
    struct instant known;

    if (!*m->session || session_find(e->store, m->session, &s) < 0) {
        return false;
    }
    /* Who was not told that it is earlier still comes at the time before. */
    if (m->kind == KIND_CHANGE && m->old_start.date.year != 0) {
        (void)zone_resolve(turn_zone(e, s.zone), m->old_start, ZONE_FIRST, &known); /* it was one */
        s.start_at = instant_max(s.start_at, known);
    }
    return instant_cmp(e->now, s.start_at) < 0;
}

int outbox_try_mail(struct engine *e, const struct message_row *m) {
    struct noun_row participant;
    int r = turn_noun_find(e, NOUN_PARTICIPANT, m->participant, &participant);

    if (r < 0 || m->channel != CHANNEL_SMS || m->kind == KIND_CONFIRMATION ||
        instant_cmp(e->now, m->not_after) >= 0 ||
        outbox_participant_channel(e, &participant, 1u << CHANNEL_EMAIL) != CHANNEL_EMAIL) {
        return r < 0 ? r : 0;
    }
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
    r = outbox_add(e, &other);
    return r < 0 ? r : 1;
}

/* It was held, or missed, at a time of which they were not told, and they still come at the one
 * before. */
static bool comes_too_late(struct engine *e, const struct message_row *m) {
    struct session_row s;

    return m->kind == KIND_CHANGE && session_find(e->store, m->session, &s) == 0 &&
           s.revision == m->revision && s.state != SESSION_CANCELLED && outbox_session_ahead(e, m);
}

/* What came after it has left, and named a time of which they have never heard: they still come at
 * the one before. 1, 0, or a negative errno. */
static int misleads(struct engine *e, const struct message_row *m) {
    enum { ROWS_MAX = 64 };
    const struct message_filter filter = {.session = m->session, .audience = "participant"};
    struct message_row *rows = arena_alloc(&e->arena, ROWS_MAX, sizeof *rows);
    const int count = m->kind == KIND_CHANGE && outbox_session_ahead(e, m)
                          ? message_list(e->store, &filter, "", &e->arena, rows, ROWS_MAX)
                          : 0;
    bool left = false;

    for (int i = 0; i < count; i++) {
        const bool later = (rows[i].kind == KIND_CHANGE || rows[i].kind == KIND_CANCELLATION) &&
                           rows[i].revision > m->revision;
        left |= later && rows[i].attempt_count > 0;
    }
    return count < 0 ? count : left;
}

/* A text that cannot arrive goes by mail, once; otherwise a person phones. */
static int tell_otherwise(struct engine *e, const struct message_row *m) {
    const bool about_session = m->kind == KIND_REMINDER || m->kind == KIND_CHANGE ||
                               m->kind == KIND_CANCELLATION;
    const char *stop = NULL;
    int r = outbox_stop_reason(e, m, &stop);

    if (r == 0 && stop && strcmp(stop, "session_not_planned") == 0 && comes_too_late(e, m)) {
        return duty_phone(e, m);
    }
    if (r == 0 && stop && strcmp(stop, "channel_off") != 0) {
        r = strcmp(stop, "session_moved") == 0 || strcmp(stop, "session_not_planned") == 0
                ? misleads(e, m)
                : 0;
        return r <= 0 ? r : duty_phone(e, m); /* else it has become pointless */
    }
    r = r < 0 ? r : outbox_try_mail(e, m);
    if (r != 0) {
        return r < 0 ? r : 0;
    }
    if (about_session && m->kind != KIND_CANCELLATION && !outbox_session_ahead(e, m)) {
        return 0; /* the appointment is over: phoning about it helps nobody */
    }
    return duty_phone(e, m);
}

/* A message did not reach its audience: somebody else learns of it. */
int outbox_not_delivered(struct engine *e, const struct message_row *m) {
    char text[320];
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

    r = r < 0 ? r : alert_undelivered(e, m);
    /* A text goes beside the mail of its step, which stands. */
    return r < 0 || !*m->escalation || m->channel == CHANNEL_SMS
               ? r
               : chain_unreachable(e, m->escalation, m->revision);
}

int outbox_doubtful(struct engine *e, const struct message_row *m) {
    return m->kind == KIND_CHANGE && m->repeat && outbox_session_ahead(e, m) ? duty_phone(e, m) : 0;
}

/* Queued again. What has become pointless meanwhile ends here: another attempt would only find that
 * out later. */
static int queue_again(struct engine *e, struct message_row *m, enum message_event event,
                       const char *reason) {
    const char *stop = NULL;
    int r = outbox_step(e, m, event, reason);

    r = r < 0 ? r : outbox_stop_reason(e, m, &stop);
    if (r < 0) {
        return r;
    }
    if (stop) {
        r = outbox_cancel(e, m, stop);
        return r < 0 || !m->repeat ? r : outbox_doubtful(e, m);
    }
    return instant_cmp(m->wake_at, m->not_after) >= 0 ? outbox_expire(e, m) : 0;
}

static int settle_later(struct engine *e, struct message_row *m, struct span hint) {
    const uint64_t noise = store_derive_number(
        e->store, arena_printf(&e->arena, "%s/%" PRIu32, m->id, m->attempt_count));

    m->wake_at = retry_at(&retry_policy, m->attempt_count, hint, noise, e->now);
    return queue_again(e, m, MESSAGE_DEFER, NULL);
}

/* A text of an escalation cannot say that it may be a repeat, and the mail of its step stands. */
static bool may_repeat(const struct message_row *m) {
    return kind_policies[m->kind].may_repeat && m->attempt_count < UNCERTAIN_ATTEMPTS_MAX &&
           !(m->kind == KIND_ESCALATION && m->channel == CHANNEL_SMS);
}

static int settle_uncertain(struct engine *e, struct message_row *m) {
    m->wake_at = e->now;
    int r = outbox_step(e, m, MESSAGE_LOSE, "answer_lost");

    if (r < 0) {
        return r;
    }
    if (!may_repeat(m)) {
        r = outbox_step(e, m, MESSAGE_GIVE_UP, "answer_lost");
        return r < 0 ? r : outbox_not_delivered(e, m);
    }
    const uint64_t noise = store_derive_number(e->store, m->id);

    m->repeat = true;
    m->wake_at = retry_at(&retry_policy, m->attempt_count, (struct span){0}, noise, e->now);
    return queue_again(e, m, MESSAGE_REPEAT, "may_be_a_repeat");
}

static int settle_accepted(struct engine *e, struct message_row *m, const struct delivery *d) {
    const char *reason = "";
    struct session_standing s;

    if (m->kind == KIND_REMINDER && session_stands(e->store, m->session, &s) == 0 &&
        (s.revision != m->revision || s.state == SESSION_CANCELLED)) {
        reason =
            "sent_before_the_change"; /* the change or cancellation that is queued corrects it */
    }
    m->sent_at = e->now;
    const int r = text_copy(m->provider_id, sizeof m->provider_id, d->provider_id);

    return r < 0 ? r : outbox_step(e, m, MESSAGE_ACCEPT, reason);
}

static int settle(struct engine *e, const struct delivery *d) {
    struct message_row m;
    /* What was accepted is neither sent again nor told by another road: its texts are not asked
     * for. */
    int r = d->outcome == OUTCOME_ACCEPTED ? message_find_bare(e->store, d->message_id, &m)
                                           : message_find(e->store, d->message_id, &e->arena, &m);

    if (r < 0 || m.state != MESSAGE_SENDING || m.attempt_count != d->attempt) {
        return r == -ENOENT ? 0 : r; /* not awaited: settled by a restart before */
    }
    enum receipt_report early = RECEIPT_NONE;

    r = message_attempt_end(e->store, d, e->now);
    r = r < 0 ? r : lane_note(e, &m, d->outcome);
    r = r < 0 ? r : receipts_early(e, &m, d->provider_id, &early);
    if (r < 0) {
        return r;
    }
    if (early != RECEIPT_NONE) {
        r = message_find(e->store, d->message_id, &e->arena, &m); /* it may need another road */
        r = r < 0 ? r : settle_accepted(e, &m, d); /* whatever the answer was: the gateway has it */
        return r < 0 ? r : receipts_apply(e, &m, early, RECEIPT_LATEST);
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
        r = outbox_step(e, &m, MESSAGE_REFUSE, outcome_class_to_text(d->outcome));
        return r < 0 ? r : outbox_not_delivered(e, &m);
    }
    return -EINVAL;
}

int outbox_settle(struct engine *e, const struct delivery *d) {
    int r = store_part_begin(e->store);

    if (r < 0) {
        return r;
    }
    r = settle(e, d);
    const int ended = store_part_end(e->store, r >= 0);
    if (turn_trouble(r) || ended < 0) {
        return ended < 0 ? ended : r;
    }
    return r < 0 ? outbox_set_aside(e, d->message_id, r) : 0;
}

static int recover(struct engine *e, const char *message_id) {
    struct message_row m;
    int r = message_find(e->store, message_id, &e->arena, &m);

    if (r < 0 || m.state != MESSAGE_SENDING) {
        return r;
    }
    struct delivery d = {.attempt = m.attempt_count,
                         .outcome = OUTCOME_UNCERTAIN,
                         .detail = "cobid ended before the answer"};

    enum receipt_report early = RECEIPT_NONE;

    memcpy(d.message_id, m.id, sizeof d.message_id);
    r = message_attempt_end(e->store, &d, e->now);
    r = r < 0 ? r : receipts_early(e, &m, "", &early);
    if (r < 0 || early == RECEIPT_NONE) {
        return r < 0 ? r : settle_uncertain(e, &m);
    }
    r = settle_accepted(e, &m, &d);
    return r < 0 ? r : receipts_apply(e, &m, early, RECEIPT_LATEST);
}

int outbox_recover(struct engine *e) {
    char ids[TURN_ROWS_MAX][MESSAGE_ID_SIZE];
    const int count = message_sending(e->store, ids, TURN_ROWS_MAX);

    for (int i = 0; i < count; i++) {
        int r = store_part_begin(e->store);
        if (r < 0) {
            return r;
        }
        r = recover(e, ids[i]);
        const int ended = store_part_end(e->store, r >= 0);
        if (turn_trouble(r) || ended < 0) {
            return ended < 0 ? ended : r;
        }
        r = r < 0 ? outbox_set_aside(e, ids[i], r) : 0;
        if (r < 0) {
            return r;
        }
    }
    return count;
}
