/* Commands on tasks, feeds, messages, escalations and templates. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "alert.h"
#include "call.h"
#include "hold.h"
#include "outbox.h"
#include "watch.h"

enum { BATCH = 100 };

/* ---- tasks ---- */

static json_t *task_to_json(const struct task_row *t) {
    json_t *o = json_pack("{s:s,s:s,s:s}", "id", t->id, "kind", task_kind_to_text(t->kind), "owner",
                          t->owner);

    json_put_text(o, "participant", t->participant);
    json_put_text(o, "session", t->session);
    json_put_instant(o, "due", t->due);
    json_put_text(o, "state", task_state_to_text(t->state));
    json_put_text(o, "next_owner", t->next_owner);
    json_put_text(o, "about", t->about);
    return o;
}

int task_command_list(struct call *c) {
    struct task_row rows[BATCH];
    char after[ID_SIZE] = "";
    int count;

    c->reply = json_array();
    while ((count = task_list(c->e->store, NULL, false, after, rows, BATCH)) > 0) {
        for (int i = 0; i < count; i++) {
            (void)json_array_append_new(c->reply, task_to_json(&rows[i])); /* memory only */
        }
        memcpy(after, rows[count - 1].id, sizeof after);
    }
    count = count < 0 ? count : call_audit(c, "", "");
    return count < 0 ? call_failed(c, count, "tasks") : 200;
}

/* What is done by another command ends with it: saying that it is done would leave it undone. NULL:
 * nothing is left to do, or another command does not do it. */
static const char *done_by(struct engine *e, const struct task_row *task) {
    struct session_row s;
    struct participant_state_row status;

    if (!*task->session || session_find(e->store, task->session, &s) < 0) {
        return NULL; /* a row that cannot be read is another's to see to */
    }
    const struct outcome_code *code = outcome_find(&e->setup.config->outcomes, s.outcome);
    const bool decides = task->kind == TASK_DECIDE && code && code->provisional,
               approves = task->kind == TASK_APPROVE && *s.review_outcome,
               plans = task->kind == TASK_CATCH_UP && course_owed(e, &s) > 0 &&
                       participant_state_find(e->store, s.participant, &status) == 0 &&
                       status.state == PARTICIPANT_ACTIVE;

    return decides    ? "session decide"
           : approves ? "session approve, or session correct to withdraw it"
           : plans    ? "participant plan"
                      : NULL;
}

int task_command_done(struct call *c) {
    struct task_row row;
    int r = task_find(c->e->store, c->id, &row);

    if (r < 0) {
        return call_failed(c, r, c->id);
    }
    if (row.state != TASK_OPEN) {
        return call_refuse(c, 409, "%s: is %s already", c->id, task_state_to_text(row.state));
    }
    const char *command = done_by(c->e, &row);

    if (command) {
        return call_refuse(c, 409, "%s: is done by %s", c->id, command);
    }
    r = duty_done(c->e, &row, call_actor(c));
    r = r < 0 ? r : call_audit(c, row.id, "");
    if (r < 0) {
        return call_failed(c, r, c->id);
    }
    c->reply = task_to_json(&row);
    return 200;
}

/* ---- feeds ---- */

static json_t *feed_to_json(const struct feed_row *f) {
    json_t *o = json_pack("{s:s,s:s,s:s}", "id", f->id, "owner_kind", f->owner_kind, "owner",
                          f->owner);

    json_put_instant(o, "created", f->created_at);
    json_put_instant(o, "last_fetched", f->fetched_at);
    json_put_instant(o, "revoked", f->revoked_at);
    return o;
}

int feed_command_create(struct call *c) {
    static const enum noun nouns[] = {NOUN_PRACTITIONER, NOUN_OFFICE, NOUN_PARTICIPANT};
    unsigned char secret[32];
    char token[44], hash[STORE_HASH_SIZE];
    struct feed_row row = {.created_at = c->e->now};

    for (size_t i = 0; i < ARRAY_COUNT(nouns); i++) {
        const char *owner = call_value(c, noun_tables[nouns[i]].name);
        if (!owner) {
            continue;
        }
        if (!noun_exists(c->e->store, nouns[i], owner)) {
            return call_refuse(c, 404, "--%s %s: not found", noun_tables[nouns[i]].name, owner);
        }
        memcpy(row.owner, owner, strlen(owner) + 1);
        memcpy(row.owner_kind, noun_tables[nouns[i]].name, strlen(noun_tables[nouns[i]].name) + 1);
    }
    c->e->ports.random(c->e->ports.world, secret, sizeof secret);
    base64url_encode(secret, sizeof secret, token);
    store_hash(c->e->store, "feed", token, hash);
    store_derive_id(c->e->store, "F", hash, 8, row.id);
    int r = feed_insert(c->e->store, &row, hash);

    r = r < 0 ? r : call_audit(c, row.id, row.owner);
    if (r < 0) {
        return call_failed(c, r, "the feed");
    }
    c->reply = feed_to_json(&row);
    (void)json_object_set_new(c->reply, "url",
                              json_sprintf("%s/feeds/%s.ics", c->e->setup.config->public_url,
                                           token)); /* shown this once */
    return 200;
}

int feed_command_list(struct call *c) {
    struct feed_row rows[BATCH];
    char after[ID_SIZE] = "";
    int count;

    c->reply = json_array();
    while ((count = feed_list(c->e->store, after, rows, BATCH)) > 0) {
        for (int i = 0; i < count; i++) {
            (void)json_array_append_new(c->reply, feed_to_json(&rows[i])); /* memory only */
        }
        memcpy(after, rows[count - 1].id, sizeof after);
    }
    return count < 0 ? call_failed(c, count, "feeds") : 200;
}

int feed_command_revoke(struct call *c) {
    struct feed_row row;
    int r = feed_find(c->e->store, c->id, &row);

    if (r < 0) {
        return call_failed(c, r, c->id);
    }
    if (row.revoked_at.us != 0) {
        return call_refuse(c, 409, "%s: is revoked already", c->id);
    }
    row.revoked_at = c->e->now;
    r = feed_update(c->e->store, &row);
    r = r < 0 ? r : call_audit(c, row.id, "");
    if (r < 0) {
        return call_failed(c, r, c->id);
    }
    c->reply = feed_to_json(&row);
    return 200;
}

/* ---- messages ---- */

int message_command_list(struct call *c) {
    const struct message_filter filter = {.participant = call_value(c, "participant"),
                                          .audience = call_value(c, "audience"),
                                          .state = call_value(c, "state")};
    struct message_row *rows = arena_alloc(&c->e->arena, BATCH, sizeof *rows);
    char after[MESSAGE_ID_SIZE] = "";
    int count;

    c->reply = json_array();
    while ((count = message_list(c->e->store, &filter, after, &c->e->arena, rows, BATCH)) > 0) {
        for (int i = 0; i < count; i++) {
            (void)json_array_append_new(c->reply, message_to_json(&rows[i])); /* memory only */
        }
        memcpy(after, rows[count - 1].id, sizeof after);
    }
    count = count < 0 ? count : call_audit(c, filter.participant ? filter.participant : "", "");
    return count < 0 ? call_failed(c, count, "messages") : 200;
}

int message_command_show(struct call *c) {
    enum { ATTEMPTS_MAX = 200 };
    struct attempt_row *attempts = arena_alloc(&c->e->arena, ATTEMPTS_MAX, sizeof *attempts);
    struct message_row m;
    int r = message_find(c->e->store, c->id, &c->e->arena, &m);

    r = r < 0 ? r : call_audit(c, c->id, "");
    if (r < 0) {
        return call_failed(c, r, c->id);
    }
    c->reply = message_to_json(&m);
    json_put_text(c->reply, "participant", m.participant);
    json_put_text(c->reply, "escalation", m.escalation);
    json_put_text(c->reply, "topic", m.topic);
    json_t *list = json_array();
    const int count = message_attempt_list(c->e->store, m.id, &c->e->arena, attempts, ATTEMPTS_MAX);

    for (int i = 0; i < count; i++) {
        json_t *o = json_pack("{s:i}", "attempt", (int)attempts[i].attempt);
        json_put_instant(o, "begun", attempts[i].begun_at);
        json_put_instant(o, "ended", attempts[i].ended_at);
        json_put_text(o, "gateway", attempts[i].gateway);
        json_put_text(o, "outcome", attempts[i].outcome);
        json_put_text(o, "detail", attempts[i].detail);
        (void)json_array_append_new(list, o); /* memory only */
    }
    (void)json_object_set_new(c->reply, "history", list);
    return 200;
}

/* A retry by hand is a new row with the next ordinal: the old one keeps its end. */
int message_command_retry(struct call *c) {
    const char *stop = NULL;
    struct message_row m;
    int r = message_find(c->e->store, c->id, &c->e->arena, &m);

    if (r < 0) {
        return call_failed(c, r, c->id);
    }
    if (m.state != MESSAGE_FAILED && m.state != MESSAGE_UNKNOWN && m.state != MESSAGE_UNDELIVERED &&
        m.state != MESSAGE_EXPIRED) {
        return call_refuse(c, 409,
                           "%s: is %s; only what failed, expired or is unknown can be sent again",
                           c->id, message_state_to_text(m.state));
    }
    if (instant_cmp(c->e->now, m.not_after) >= 0) {
        return call_refuse(c, 409, "%s: its time has passed; nothing would be sent", c->id);
    }
    r = outbox_stop_reason(c->e, &m, &stop);
    if (r < 0) {
        return call_failed(c, r, c->id);
    }
    if (stop) {
        return call_refuse(c, 409, "%s: has become pointless (%s); nothing would be sent", c->id,
                           stop);
    }
    m.ordinal += 100; /* fallbacks count from 1, retries by hand from 100 */
    m.state = MESSAGE_QUEUED;
    m.created_at = m.due = c->e->now;
    m.repeat = m.repeat || m.attempt_count > 0;
    m.attempt_count = 0;
    m.to = m.subject = m.body = NULL;
    m.reason[0] = m.gateway[0] = m.provider_id[0] = '\0';
    m.sent_at = (struct instant){0};
    r = outbox_add(c->e, &m);
    if (r == 0) {
        return call_refuse(c, 409, "%s: was sent again already", c->id);
    }
    r = r < 0 ? r : call_audit(c, c->id, m.id);
    if (r < 0) {
        return call_failed(c, r, c->id);
    }
    c->reply = message_to_json(&m);
    return 200;
}

int message_command_cancel(struct call *c) {
    struct message_row m;
    int r = message_find(c->e->store, c->id, &c->e->arena, &m);

    if (r < 0) {
        return call_failed(c, r, c->id);
    }
    const enum message_state from = m.state;

    if (message_next(from, MESSAGE_CANCEL, &m.state) < 0) {
        return call_refuse(c, 409, "%s: is %s and cannot be cancelled any more", c->id,
                           message_state_to_text(from));
    }
    if (m.audience != AUDIENCE_PARTICIPANT && m.audience != AUDIENCE_PRACTITIONER) {
        return call_refuse(c, 409,
                           "%s: goes to the %s and is never cancelled by hand; acknowledge or "
                           "resolve its escalation",
                           c->id, audience_to_text(m.audience));
    }
    m.wake_at = INSTANT_NEVER;
    r = text_copy(m.reason, sizeof m.reason, "by_hand");
    r = r < 0 ? r : message_update(c->e->store, &m, from);
    r = r < 0 ? r : call_audit(c, m.id, "");
    if (r < 0) {
        return call_failed(c, r, c->id);
    }
    c->reply = message_to_json(&m);
    return 200;
}

/* A person vouches for the clock and for what is held. */
int message_command_release(struct call *c) {
    char clock[INSTANT_TEXT_SIZE];
    struct store_counts counts;
    int r = store_count(c->e->store, c->e->now, c->e->shut, &counts);

    if (r < 0) {
        return call_failed(c, r, "the store");
    }
    if (!c->e->hold.active && counts.messages_held == 0) {
        return call_refuse(c, 409, "nothing is held");
    }
    const struct instant wall = hold_to_wall(c->e, c->e->now);

    instant_to_text((struct instant){wall.us - wall.us % SECOND_US}, clock);
    if (c->e->hold.active && !hold_credible(c->e)) {
        return call_refuse(c, 409, "the system's clock shows %s: set it right first", clock);
    }
    r = hold_release(c->e, HOLD_PERSON);
    const int noted = r < 0 ? r : call_audit(c, "", clock);

    if (noted < 0) {
        return call_failed(c, noted, "what is held");
    }
    c->reply = json_pack("{s:b,s:i,s:s}", "ok", 1, "released", r, "now", clock);
    return 200;
}

/* ---- escalations ---- */

static json_t *escalation_to_json(const struct escalation_row *x) {
    json_t *o = json_pack("{s:s,s:s,s:s}", "id", x->id, "kind", escalation_kind_to_text(x->kind),
                          "audience", audience_to_text(x->audience));

    json_put_text(o, "participant", x->participant);
    json_put_text(o, "session", x->session);
    json_put_text(o, "state", escalation_state_to_text(x->state));
    (void)json_object_set_new(o, "step", json_integer(x->at.step));
    (void)json_object_set_new(o, "cycle", json_integer(x->at.cycle));
    json_put_instant(o, "next_at", x->wake_at);
    json_put_text(o, "acknowledged_by", x->acknowledged_by);
    json_put_text(o, "told", x->told);
    json_put_text(o, "advocate", x->advocate);
    json_put_instant(o, "opened", x->opened_at);
    (void)json_object_set_new(o, "exhausted", json_boolean(x->exhausted));
    return o;
}

int escalation_command_list(struct call *c) {
    const struct escalation_filter filter = {.open = call_given(c, "open")};
    struct escalation_row *rows = arena_alloc(&c->e->arena, BATCH, sizeof *rows);
    char after[ID_SIZE] = "";
    int count;

    c->reply = json_array();
    while ((count = escalation_list(c->e->store, &filter, after, &c->e->arena, rows, BATCH)) > 0) {
        for (int i = 0; i < count; i++) {
            (void)json_array_append_new(c->reply, escalation_to_json(&rows[i])); /* memory only */
        }
        memcpy(after, rows[count - 1].id, sizeof after);
    }
    count = count < 0 ? count : call_audit(c, "", "");
    return count < 0 ? call_failed(c, count, "escalations") : 200;
}

/* Who was told, when, and whether the mail left. */
static int put_told(struct call *c, const char *escalation) {
    const struct message_filter filter = {.escalation = escalation};
    struct message_row *rows = arena_alloc(&c->e->arena, BATCH, sizeof *rows);
    char after[MESSAGE_ID_SIZE] = "";
    json_t *told = json_array();
    int count;

    (void)json_object_set_new(c->reply, "messages", told); /* memory only */
    while ((count = message_list(c->e->store, &filter, after, &c->e->arena, rows, BATCH)) > 0) {
        for (int i = 0; i < count; i++) {
            json_t *o = json_pack("{s:s,s:s,s:s}", "id", rows[i].id, "audience",
                                  audience_to_text(rows[i].audience), "recipient",
                                  rows[i].recipient);
            json_put_text(o, "state", message_state_to_text(rows[i].state));
            json_put_instant(o, "due", rows[i].due);
            json_put_instant(o, "sent_at", rows[i].sent_at);
            (void)json_array_append_new(told, o);
        }
        memcpy(after, rows[count - 1].id, sizeof after);
    }
    return count < 0 ? call_failed(c, count, escalation) : 200;
}

int escalation_command_show(struct call *c) {
    struct escalation_row row;
    int r = escalation_find(c->e->store, c->id, &c->e->arena, &row);

    r = r < 0 ? r : call_audit(c, c->id, "");
    if (r < 0) {
        return call_failed(c, r, c->id);
    }
    c->reply = escalation_to_json(&row);
    json_put_text(c->reply, "resolved_by", row.resolved_by);
    json_put_text(c->reply, "resolved_because", row.resolved_because);
    json_put_instant(c->reply, "acknowledged_at", row.acknowledged_at);
    json_put_instant(c->reply, "happened", row.happened_at);
    json_put_text(c->reply, "because", row.because);
    json_t *steps = json_array();

    for (uint32_t i = 0; i < row.policy.step_count; i++) {
        char wait[32];
        span_to_text(row.policy.steps[i].wait, wait);
        (void)json_array_append_new(
            steps, json_pack("{s:s,s:s}", "tells",
                             escalation_target_to_text(row.policy.steps[i].target), "wait", wait));
    }
    (void)json_object_set_new(c->reply, "steps", steps);
    return put_told(c, row.id);
}

static int find_chain(struct call *c, struct escalation_row *row) {
    const int r = escalation_find(c->e->store, c->id, &c->e->arena, row);

    if (r < 0) {
        return call_failed(c, r, c->id);
    }
    if (!chain_allows(c->e, row, c->as)) {
        return call_refuse(
            c, 403, "--as %s: only %s may do this here, and nobody for a session of their own",
            c->as,
            row->audience == AUDIENCE_ADVOCATE ? "the advocate who was told" : "a supervisor");
    }
    return 200;
}

int escalation_command_ack(struct call *c) {
    struct escalation_row row;
    const int status = find_chain(c, &row);

    if (status != 200) {
        return status;
    }
    int r = chain_acknowledge(c->e, &row, c->as);

    if (r == -EPROTO) {
        return call_refuse(c, 409, "%s: is %s; it cannot be acknowledged now", c->id,
                           escalation_state_to_text(row.state));
    }
    r = r < 0 ? r : call_audit(c, row.id, "");
    if (r < 0) {
        return call_failed(c, r, c->id);
    }
    c->reply = escalation_to_json(&row);
    return 200;
}

int escalation_command_resolve(struct call *c) {
    struct escalation_row row;
    struct session_row session;
    const int status = find_chain(c, &row);

    if (status != 200) {
        return status;
    }
    /* Nothing else would ever ask for this outcome again. */
    if (row.kind == ESCALATION_UNRECORDED &&
        session_find(c->e->store, row.session, &session) == 0 &&
        session.state == SESSION_AWAITING_OUTCOME) {
        return call_refuse(c, 409,
                           "%s: is about an outcome that nobody has recorded; record it with "
                           "cobictl session outcome %s, and this resolves itself",
                           c->id, row.session);
    }
    int r = chain_resolve(c->e, &row, c->as, call_value(c, "reason"));

    if (r == -EPROTO) {
        return call_refuse(c, 409, "%s: is resolved already", c->id);
    }
    if (r == 0 && row.kind == ESCALATION_SLIPPING) {
        r = watch_wake(c->e, row.participant); /* another loss may wait behind this one */
    }
    r = r < 0 ? r : call_audit(c, row.id, "");
    if (r < 0) {
        return call_failed(c, r, c->id);
    }
    c->reply = escalation_to_json(&row);
    return 200;
}

/* ---- templates ---- */

int template_command_list(struct call *c) {
    struct template_label label;

    c->reply = json_array();
    for (size_t i = 0; template_label(c->e->setup.templates, i, &label) == 0; i++) {
        (void)json_array_append_new(c->reply, json_pack("{s:s,s:b}", "name", label.name, "draft",
                                                        label.draft)); /* memory only */
    }
    return 200;
}

int template_command_show(struct call *c) {
    const char *sample = template_sample(c->e->setup.templates, c->id, &c->e->arena);

    if (!sample) {
        return call_refuse(c, 404, "%s: no template of that name; see cobictl template list",
                           c->id);
    }
    c->reply = json_pack("{s:s,s:s}", "name", c->id, "sample", sample);
    return 200;
}
