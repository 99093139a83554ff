/* The outbox: birth and claim of messages. What becomes of a claimed one: outbox_settle.c.
 *
 * A message is claimed in the transaction that has just read its session, participant, chain, task
 * and link again; the intent (`sending` and its attempt row) is committed before the first byte
 * leaves. Must never let a message go that a person has made pointless, nor anything after its
 * not_after. */
#include "outbox.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "collision.h"
#include "digest.h"
#include "duty.h"
#include "hold.h"
#include "known.h"
#include "lane.h"
#include "receipts.h"
#include "standing.h"

/* An answer later than this is not to be expected: the self-audit shows the row as stuck. */
#define SENDING_MINUTES_MAX 15
/* A lane that waits for an answer is looked at again after this; an answer wakes us earlier. */
static const struct span shut_pause = {MINUTE_US};

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
    bool has_session;
};

static int read_subject(struct engine *e, const struct message_row *m, struct subject *s) {
    int r = 0;

    if (*m->participant) {
        r = turn_noun_find(e, NOUN_PARTICIPANT, m->participant, &s->participant);
        r = r < 0 ? r : participant_state_find(e->store, m->participant, &s->status);
        r = r < 0
                ? r
                : turn_noun_find(e, NOUN_OFFICE, noun_value(&s->participant, "office"), &s->office);
    }
    if (r == 0 && *m->session) {
        r = session_find(e->store, m->session, &s->session);
        s->has_session = true;
    }
    return r;
}

/* Has the last day of the order passed? It may have been changed since the sessions were planned.
 */
static bool order_over(struct engine *e, const struct subject *s) {
    struct date last;

    if (date_from_text(noun_value(&s->participant, "order_ends"), &last) < 0) {
        return false; /* they are under no order that ends */
    }
    const struct zone *zone = turn_zone(e, noun_value(&s->office, "timezone"));

    return date_cmp(zone_civil(zone, e->now).date, last) > 0;
}

/* Stop conditions of the participant's own messages. */
static const char *participant_reason(struct engine *e, const struct message_row *m,
                                      const struct subject *s) {
    if (m->audience != AUDIENCE_PARTICIPANT) {
        return NULL;
    }
    return s->status.state != PARTICIPANT_ACTIVE ? "participant_not_active"
           : order_over(e, s)                    ? "order_ended"
                                                 : NULL;
}

/* Last of all: only what is still worth telling is told by another road. */
static const char *channel_reason(struct engine *e, const struct message_row *m,
                                  const struct subject *s) {
    return m->audience == AUDIENCE_PARTICIPANT &&
                   outbox_participant_channel(e, &s->participant, 1u << m->channel) < 0
               ? "channel_off"
               : NULL;
}

/* Is another session of theirs planned for the very time of this one? To read that it is cancelled
 * would keep them from coming. */
static bool planned_again(struct engine *e, const struct session_row *cancelled) {
    enum { ROWS_MAX = 8 };
    const struct session_filter filter = {.participant = cancelled->participant,
                                          .state = "planned",
                                          .from = cancelled->start_at,
                                          .to = {cancelled->start_at.us + 1}};
    struct session_row *rows = arena_alloc(&e->arena, ROWS_MAX, sizeof *rows);

    return session_list(e->store, &filter, rows, ROWS_MAX) > 0;
}

static const char *session_reason(struct engine *e, const struct message_row *m,
                                  const struct session_row *s) {
    switch (m->kind) {
    case KIND_REMINDER:
    case KIND_CHANGE:
        return s->state != SESSION_PLANNED  ? "session_not_planned"
               : s->revision != m->revision ? "session_moved"
                                            : NULL;
    case KIND_CANCELLATION:
        return s->state != SESSION_CANCELLED ? "session_not_cancelled"
               : planned_again(e, s)         ? "planned_again"
                                             : NULL;
    case KIND_OUTCOME_REQUEST:
        return s->state != SESSION_AWAITING_OUTCOME ? "outcome_recorded" : NULL;
    case KIND_MISSED_CONTACT: {
        const struct outcome_code *code = outcome_find(&e->setup.config->outcomes, s->outcome);
        return code && code->miss ? NULL : "outcome_changed";
    }
    case KIND_OFFICER_NOTICE: /* the topic is the outcome */
        return strcmp(m->topic, s->outcome) != 0 ? "outcome_changed" : NULL;
    case KIND_STAND_DOWN:
        return strcmp(m->topic, standing_to_text(STANDING_UNDER_REVIEW)) == 0 && !*s->review_outcome
                   ? "review_over"
                   : NULL;
    case KIND_CONFIRMATION:
    case KIND_TASK:
    case KIND_DIGEST:
    case KIND_ESCALATION:
    case KIND_ADVOCATE_NOTICE:
    case KIND_SIGN_IN:
    case KIND_ALARM:
        return NULL;
    }
    return NULL;
}

/* A notice without a chain says how things are; one that waited may say how they were. */
static int status_reason(struct engine *e, const struct message_row *m, const char **ret_reason) {
    struct participant_state_row status;
    const int r = participant_state_find(e->store, m->participant, &status);
    const bool paused = strcmp(m->topic, "paused") == 0,
               restarted = strcmp(m->topic, "restarted") == 0,
               started = strcmp(m->topic, "started") == 0,
               not_started = strcmp(m->topic, "not_started") == 0,
               week = strcmp(m->topic, "no_change") == 0;

    if (r < 0) {
        return r;
    }
    if ((paused && status.state != PARTICIPANT_PAUSED) ||
        (restarted && status.state != PARTICIPANT_ACTIVE) || (started && !status.started) ||
        (not_started && status.started)) {
        *ret_reason = "status_changed";
    }
    const int heard = week ? message_heard(e->store, m->participant, m->recipient, m->created_at,
                                           e->now)
                           : 0;

    *ret_reason = heard > 0 ? "status_changed" : *ret_reason;
    return heard < 0 ? heard : 0;
}

/* What only services hear that asked to hear of everything. */
static bool is_of_status(const struct message_row *m) {
    return m->kind == KIND_ADVOCATE_NOTICE && !*m->escalation &&
           strcmp(m->topic, "no_attendance") != 0;
}

/* A chain that was acknowledged or resolved while the mail was under way, a task that was done, a
 * service that was unlinked. */
static int staff_reason(struct engine *e, const struct message_row *m, const char **ret_reason) {
    struct escalation_row chain;
    struct task_row task;
    struct link_row link;
    struct noun_row participant;
    int r = 0;

    if (*m->escalation) {
        r = escalation_find(e->store, m->escalation, &e->arena, &chain);
        if (r == 0 && chain.state == ESCALATION_ACKNOWLEDGED) {
            *ret_reason = "acknowledged";
        } else if (r == 0 && chain.state == ESCALATION_RESOLVED) {
            *ret_reason = "resolved";
        }
    }
    if (r == 0 && m->kind == KIND_TASK && *m->task) {
        r = task_find(e->store, m->task, &task);
        *ret_reason = r == 0 && task.state != TASK_OPEN ? "task_closed"
                      : r == 0 && strcmp(task.owner, m->recipient) != 0 &&
                              strcmp(task.next_owner, m->recipient) != 0
                          ? "reassigned"
                          : *ret_reason;
    }
    if (r == 0 && m->kind == KIND_OFFICER_NOTICE) {
        r = turn_noun_find(e, NOUN_PARTICIPANT, m->participant, &participant);
        *ret_reason = r == 0 && strcmp(noun_value(&participant, "officer"), m->recipient) != 0
                          ? "reassigned"
                          : *ret_reason;
    }
    if (r == 0 && m->kind == KIND_DIGEST) {
        struct digest digest;
        r = digest_read(e, m->recipient, &digest);
        *ret_reason = r == 0 && digest.empty ? "nothing_to_say" : *ret_reason;
    }
    if (r == 0 && m->audience == AUDIENCE_ADVOCATE) {
        r = link_find(e->store, m->recipient, m->participant, &e->arena, &link);
        *ret_reason = r == -ENOENT                             ? "unlinked"
                      : r == 0 && !link.all && is_of_status(m) ? "link_changed"
                                                               : *ret_reason;
        r = r == -ENOENT ? 0 : r;
    }
    if (r == 0 && m->kind == KIND_ADVOCATE_NOTICE && !*m->escalation) {
        r = status_reason(e, m, ret_reason);
    }
    return r;
}

static int stop_reason(struct engine *e, const struct message_row *m, const struct subject *s,
                       const char **ret_reason) {
    const char *reason = participant_reason(e, m, s);

    if (!reason && s->has_session) {
        reason = session_reason(e, m, &s->session);
    }
    int r = reason ? 0 : staff_reason(e, m, &reason);

    if (r == 0 && !reason && m->kind == KIND_CHANGE) {
        struct civil known;
        r = known_start(e, m, &known);
        reason = r == 0 && civil_cmp(known, s->session.start) == 0 ? "moved_back" : NULL;
    }
    if (r == 0) {
        *ret_reason = reason ? reason : channel_reason(e, m, s);
    }
    return r;
}

int outbox_stop_reason(struct engine *e, const struct message_row *m, const char **ret_reason) {
    struct subject about = {0};
    const int r = read_subject(e, m, &about);

    return r < 0 ? r : stop_reason(e, m, &about, ret_reason);
}

/* One transition by the table, guarded by the state the row was read in. */
int outbox_step(struct engine *e, struct message_row *m, enum message_event event,
                const char *reason) {
    const enum message_state from = m->state;
    int r = message_next(from, event, &m->state);

    if (r < 0) {
        return r;
    }
    if (message_state_final(m->state)) {
        m->wake_at = m->state == MESSAGE_ACCEPTED ? receipts_awaited(e, m) : INSTANT_NEVER;
    }
    if (reason) {
        r = text_copy(m->reason, sizeof m->reason, reason);
    }
    log_debug("message %s: %s -> %s", m->id, message_state_to_text(from),
              message_state_to_text(m->state));
    return r < 0 ? r : message_update(e->store, m, from);
}

int outbox_expire(struct engine *e, struct message_row *m) {
    const int r = outbox_step(e, m, MESSAGE_EXPIRE,
                              m->attempt_count ? "no_answer_in_time" : "too_late");

    return r < 0 ? r : outbox_not_delivered(e, m);
}

int outbox_cancel(struct engine *e, struct message_row *m, const char *reason) {
    const int r = outbox_step(e, m, MESSAGE_CANCEL, reason);

    const bool unreached = strcmp(reason, "channel_off") == 0 ||
                           strcmp(reason, "number_shared") == 0;

    return r < 0 || !unreached ? r : outbox_not_delivered(e, m);
}

static void add_send(struct engine *e, const struct message_row *m, const struct gateway *g) {
    const struct config_sender *sender = &e->setup.config->sender;
    const bool staff = m->audience != AUDIENCE_PARTICIPANT;
    const char *mail_from = staff && *sender->staff_email ? sender->staff_email : sender->email;
    assert(e->send_count < TURN_ROWS_MAX); /* each is of a row of dispatch */
    struct outgoing *out = &e->sends[e->send_count++];

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
    lane_take(e, g->name, m->audience);
}

static int render_failed(struct engine *e, struct message_row *m, int error,
                         const struct complaint *complaint) {
    if (turn_trouble(error)) {
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
    return r < 0 ? r : outbox_not_delivered(e, m);
}

static int postpone(struct engine *e, struct message_row *m, struct instant until) {
    if (instant_cmp(until, m->not_after) >= 0) {
        return outbox_expire(e, m);
    }
    m->wake_at = until;
    return message_update(e->store, m, m->state);
}

static int send_now(struct engine *e, struct message_row *m, const struct subject *about) {
    struct complaint complaint = {0};
    struct instant until = INSTANT_NEVER;
    const struct gateway *g = lane_choose(e, m->channel, m->audience, &until);

    if (!g) {
        return -EUCLEAN; /* its lane is open: the row is not what its lane says */
    }
    int r = render_message(e, m, about->has_session ? &about->session : NULL, &complaint);

    if (r < 0) {
        return render_failed(e, m, r, &complaint);
    }
    int64_t text = 0;

    r = collision_stop(e, m);
    r = r != 0 ? r : hold_alike(e, m, &text);
    if (r != 0) {
        return r < 0 ? r : 0;
    }
    m->attempt_count++;
    m->wake_at = instant_add(e->now, span_minutes(SENDING_MINUTES_MAX));
    r = text_copy(m->gateway, sizeof m->gateway, g->name);
    r = r < 0 ? r : outbox_step(e, m, MESSAGE_CLAIM, NULL);
    r = r < 0 ? r : message_attempt_begin(e->store, m, text, e->now);
    if (r == 0) {
        add_send(e, m, g);
    }
    return r;
}

/* When a text to staff may leave: in their hours. */
static int staff_hours(struct engine *e, const struct message_row *m, struct instant *ret_open) {
    struct person person;
    const int r = person_find(e, m->audience, m->recipient, &person);

    *ret_open = e->now;
    if (r < 0 || person.hours.count == 0) {
        return r == -ENOENT ? 0 : r; /* nobody to be found: rendering says so */
    }
    const struct working_time work = person_working_time(e, &person);

    *ret_open = working_time_next(&work, e->now);
    return 0;
}

/* NULL: they do not read. Most messages of a pass are of few offices. */
static const struct hours *office_hours(struct engine *e, const struct noun_row *office) {
    const char *text = noun_value(office, "hours");

    if (!e->hours_text || strcmp(e->hours_text, text) != 0) {
        struct hours hours = {0};
        e->hours_text = NULL;
        if (hours_parse(text, &hours) < 0) {
            return NULL;
        }
        e->hours = hours;
        e->hours_text = text;
    }
    return &e->hours;
}

/* A change leaves early on the day of the old time too: before they set out. */
static struct civil early_day(const struct message_row *m, const struct subject *about) {
    const struct civil none = {0};
    const struct civil start = about->has_session ? about->session.start : none;
    const bool earlier = m->kind == KIND_CHANGE && m->old_start.date.year != 0 &&
                         civil_cmp(m->old_start, start) < 0;

    return earlier ? m->old_start : start;
}

static int claim(struct engine *e, const char *id) {
    const struct config *config = e->setup.config;
    struct message_row m;
    struct subject about = {0};
    const char *stop = NULL;
    int r = message_find(e->store, id, &e->arena, &m);

    r = r < 0 ? r : read_subject(e, &m, &about);
    if (r < 0) {
        return r;
    }
    if (m.state != MESSAGE_QUEUED && m.state != MESSAGE_HELD) {
        return -EUCLEAN; /* nobody here leaves a row uncertain: a person must look at it */
    }
    if (instant_cmp(e->now, m.not_after) >= 0) {
        return outbox_expire(e, &m); /* whatever else has become of it meanwhile */
    }
    r = stop_reason(e, &m, &about, &stop);
    if (r < 0) {
        return r;
    }
    if (stop) {
        return outbox_cancel(e, &m, stop);
    }
    if (m.state == MESSAGE_HELD) {
        return strcmp(m.reason, HOLD_SHARED) == 0 ? collision_again(e, &m) : hold_again(e, &m);
    }
    if (hold_concerns(e, &m)) {
        return hold_message(e, &m, HOLD_CLOCK);
    }
    if (m.audience == AUDIENCE_PARTICIPANT) {
        const struct remind_place place = {turn_zone(e, noun_value(&about.office, "timezone")),
                                           e->setup.holidays};
        const struct hours *office = office_hours(e, &about.office);
        if (!office) {
            return -EUCLEAN;
        }
        const struct instant open = kind_window_next(m.kind, &config->send_window, &place, office,
                                                     early_day(&m, &about), e->now);
        if (instant_cmp(open, e->now) > 0) {
            return postpone(e, &m, open);
        }
    }
    if (m.audience == AUDIENCE_SUPERVISOR && m.channel == CHANNEL_SMS) {
        struct instant open;
        r = staff_hours(e, &m, &open);
        if (r < 0 || instant_cmp(open, e->now) > 0) {
            return r < 0 ? r : postpone(e, &m, open);
        }
    }
    return send_now(e, &m, &about);
}

/* A row that cannot be read or decided is set aside; the others go on. */
int outbox_set_aside(struct engine *e, const char *id, int error) {
    log_error("message %s is set aside: %s", id, strerror(-error));
    const int r = store_quarantine(e->store, "message", id, e->now);

    return r < 0 ? r
                 : turn_alarm(
                       e, "quarantine", id, 0,
                       arena_printf(&e->arena, "message %s cannot be read and was set aside.", id));
}

/* Works on one row in a part of its own. Returns 0, or the store's trouble. */
static int work_on(struct engine *e, const char *id,
                   int (*work)(struct engine *e, const char *id)) {
    const uint32_t sends = e->send_count;
    int r = store_part_begin(e->store);

    if (r < 0) {
        return r;
    }
    r = work(e, id);
    const int ended = store_part_end(e->store, r >= 0);
    if (turn_trouble(r) || ended < 0) {
        return ended < 0 ? ended : r;
    }
    assert(r >= 0 || e->send_count == sends);
    return r < 0 ? outbox_set_aside(e, id, r) : 0;
}

static int end_late(struct engine *e, const char *id) {
    struct message_row m;
    const int r = message_find(e->store, id, &e->arena, &m);

    return r < 0 ? r : outbox_expire(e, &m);
}

int outbox_end(struct engine *e) {
    char ids[TURN_ENDS_MAX][MESSAGE_ID_SIZE];
    const int count = message_ended(e->store, e->now, ids, TURN_ENDS_MAX);

    for (int i = 0; i < count; i++) {
        const int r = work_on(e, ids[i], end_late);
        if (r < 0) {
            return r;
        }
    }
    return count;
}

/* A lane that no message of ours has is open: its rows are looked at, and set aside. */
static bool lane_open(struct engine *e, int32_t lane) {
    const int32_t channel = lane / AUDIENCE_COUNT, audience = lane % AUDIENCE_COUNT;
    struct instant until = INSTANT_NEVER;

    if (lane < 0 || channel >= CHANNEL_COUNT ||
        lane_choose(e, (enum channel)channel, (enum audience)audience, &until)) {
        return true;
    }
    until = until.us == INSTANT_NEVER.us ? instant_add(e->now, shut_pause) : until;
    e->shut |= UINT64_C(1) << lane;
    e->shut_until = instant_min(e->shut_until, until);
    return false;
}

static bool lane_shut(const struct engine *e, int32_t lane) {
    return lane >= 0 && lane < 64 && (e->shut >> lane & 1);
}

/* Returns how many rows of this lane and priority were worked on, at most `most`. */
static int dispatch_lane(struct engine *e, int32_t lane, int priority, int most) {
    char ids[TURN_ROWS_MAX][MESSAGE_ID_SIZE];
    int count = message_due(e->store, lane, priority, e->now, ids, 1);

    if (count <= 0 || !lane_open(e, lane)) {
        return count < 0 ? count : 0; /* nothing to do, or a backlog that has to wait */
    }
    count = message_due(e->store, lane, priority, e->now, ids, (size_t)most);
    for (int i = 0; i < count; i++) {
        if (!lane_open(e, lane)) {
            return i;
        }
        const int r = work_on(e, ids[i], claim);
        if (r < 0) {
            return r;
        }
    }
    return count;
}

/* By priority over all lanes: what is urgent goes first, and a slow gateway does not stand in front
 * of a fast one. Participants' messages have a share that nobody else's can use up. */
int outbox_dispatch(struct engine *e) {
    int32_t lanes[MESSAGE_LANES_MAX];
    const int count = message_lanes(e->store, lanes);
    int left[] = {TURN_OTHERS_MAX, TURN_PARTICIPANTS_MAX}, worked = 0;

    e->shut = 0;
    e->shut_until = INSTANT_NEVER;
    for (int priority = 1; priority <= KIND_PRIORITY_MAX && count > 0; priority++) {
        for (int i = 0; i < count; i++) {
            int *most = &left[lanes[i] % AUDIENCE_COUNT == AUDIENCE_PARTICIPANT];
            const int r = *most == 0 || lane_shut(e, lanes[i])
                              ? 0
                              : dispatch_lane(e, lanes[i], priority, *most);
            if (r < 0) {
                return r;
            }
            *most -= r;
            worked += r;
        }
    }
    return count < 0 ? count : worked;
}
