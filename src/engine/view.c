/* Looks at what is and what will be: status, health, preview of a participant's texts, explanation
 * of a session. Nothing is changed.
 *
 * Preview renders with the code that sends. */
#include <errno.h>
#include <string.h>

#include "call.h"
#include "cobi/base/gsm.h"
#include "duty.h"
#include "outbox.h"

static int put_report(struct call *c) {
    struct audit_report report;
    const int r = engine_audit(c->e, &report);

    if (r < 0) {
        return call_failed(c, r, "the store");
    }
    c->reply = json_pack("{s:b,s:s,s:i,s:i,s:i,s:i,s:i,s:i,s:i}", "healthy", report.healthy,
                         "status", report.status, "overdue", (int)report.overdue, "stuck",
                         (int)report.stuck, "quarantined", (int)report.quarantined,
                         "open_escalations", (int)report.open_escalations, "exhausted_escalations",
                         (int)report.exhausted_escalations, "queued", (int)report.queued,
                         "uncertain", (int)report.uncertain);
    (void)json_object_set_new(c->reply, "held", json_integer(report.held)); /* memory only */
    json_put_instant(c->reply, "clock_held_since", c->e->hold.since);
    json_put_text(c->reply, "trouble", report.trouble);
    json_put_instant(c->reply, "now", c->e->now);
    return 200;
}

int view_status(struct call *c) {
    return put_report(c);
}

int view_health(struct call *c) {
    return put_report(c);
}

/* ---- preview ---- */

static int preview_one(struct call *c, struct message_row *m) {
    struct complaint complaint = {0};
    struct gsm_size size = {0};
    const int r = render_message(c->e, m, NULL, &complaint);

    if (r < 0) {
        return call_refuse(c, 409, "a text cannot be rendered: %s",
                           *complaint.text ? complaint.text : strerror(-r));
    }
    json_t *o = json_pack("{s:s,s:s}", "kind", message_kind_to_text(m->kind), "channel",
                          channel_to_text(m->channel));

    json_put_text(o, "session", m->session);
    json_put_instant(o, "at", m->due);
    json_put_text(o, "subject", m->subject);
    json_put_text(o, "body", m->body);
    if (m->channel == CHANNEL_SMS && gsm_measure(m->body, &size) == 0) {
        (void)json_object_set_new(o, "parts", json_integer(size.parts)); /* memory only */
        (void)json_object_set_new(o, "length", json_integer(size.units));
    } else {
        (void)json_object_set_new(o, "length", json_integer((json_int_t)strlen(m->body)));
    }
    (void)json_array_append_new(c->reply, o);
    return 200;
}

/* The confirmation that still waits for the send window; one that went will not go again. */
static int preview_confirmation(struct call *c, const struct noun_row *participant) {
    const struct message_filter filter = {
        .participant = participant->id, .kind = "confirmation", .state = "queued"};
    struct message_row rows[CHANNEL_COUNT];
    struct noun_row office;
    const struct civil none = {0};
    int r = noun_find(c->e->store, NOUN_OFFICE, noun_value(participant, "office"), &c->e->arena,
                      &office);
    const int count = r < 0 ? r
                            : message_list(c->e->store, &filter, "", &c->e->arena, rows,
                                           CHANNEL_COUNT);

    if (count < 0) {
        return call_failed(c, count, participant->id);
    }
    const struct remind_place place = {turn_zone(c->e, noun_value(&office, "timezone")),
                                       c->e->setup.holidays};
    for (int i = 0; i < count; i++) {
        rows[i].due = kind_window_next(KIND_CONFIRMATION, &c->e->setup.config->send_window, &place,
                                       NULL, none, instant_max(rows[i].due, c->e->now));
        const int status = preview_one(c, &rows[i]);
        if (status != 200) {
            return status;
        }
    }
    return 200;
}

static int preview_session(struct call *c, const struct noun_row *participant,
                           const struct session_row *s) {
    const struct config *config = c->e->setup.config;
    const struct remind_place place = {turn_zone(c->e, s->zone), c->e->setup.holidays};
    const struct remind_session facts = course_remind_session(c->e, s, NULL);

    for (uint32_t step = 0; step < config->reminders.step_count; step++) {
        const int channel = outbox_participant_channel(c->e, participant,
                                                       config->reminders.steps[step].channels);
        const struct remind_decision d = remind_decide(&config->reminders, &config->send_window,
                                                       &place, &facts, step, c->e->now);
        if (channel < 0 || (d.verdict != REMIND_WAIT && d.verdict != REMIND_SEND) ||
            (s->steps_done & 1u << step)) {
            continue;
        }
        struct message_row m = outbox_blank(c->e, KIND_REMINDER, AUDIENCE_PARTICIPANT,
                                            participant->id);
        m.channel = (enum channel)channel;
        m.due = d.due;
        m.revision = s->revision;
        m.step = step;
        memcpy(m.participant, participant->id, sizeof m.participant);
        memcpy(m.session, s->id, sizeof m.session);
        const int status = preview_one(c, &m);
        if (status != 200) {
            return status;
        }
    }
    return 200;
}

int view_preview(struct call *c) {
    const struct session_filter filter = {
        .participant = c->id, .state = "planned", .from = c->e->now};
    struct session_row *rows = arena_alloc(&c->e->arena, PROGRAMME_SESSIONS_MAX, sizeof *rows);
    struct noun_row participant;
    const int r = noun_find(c->e->store, NOUN_PARTICIPANT, c->id, &c->e->arena, &participant);
    const int count = r < 0 ? r : session_list(c->e->store, &filter, rows, PROGRAMME_SESSIONS_MAX);

    if (count < 0) {
        return call_failed(c, count, c->id);
    }
    c->reply = json_array();
    int status = preview_confirmation(c, &participant);

    for (int i = 0; i < count && status == 200; i++) {
        status = preview_session(c, &participant, &rows[i]);
    }
    const int noted = status == 200 ? call_audit(c, c->id, "") : 0;

    return noted < 0 ? call_failed(c, noted, c->id) : status;
}

/* ---- explain ---- */

static void explain_steps(struct call *c, const struct session_row *s, json_t *list) {
    const struct config *config = c->e->setup.config;
    const struct remind_place place = {turn_zone(c->e, s->zone), c->e->setup.holidays};
    const struct remind_session facts = course_remind_session(c->e, s, NULL);

    for (uint32_t step = 0; step < config->reminders.step_count; step++) {
        const bool done = s->steps_done & 1u << step;
        const struct remind_decision d = remind_decide(&config->reminders, &config->send_window,
                                                       &place, &facts, step, c->e->now);
        json_t *o = json_pack("{s:i,s:s}", "step", (int)step, "decision",
                              done                          ? "dealt_with"
                              : s->state == SESSION_PLANNED ? remind_verdict_to_text(d.verdict)
                                                            : "none");
        json_put_instant(o, "due", d.due);
        (void)json_array_append_new(list, o); /* memory only */
    }
}

int view_explain(struct call *c) {
    enum { MESSAGES_MAX = 500 };
    const struct message_filter filter = {.session = c->id};
    struct message_row *rows = arena_alloc(&c->e->arena, MESSAGES_MAX, sizeof *rows);
    struct session_row s;
    int r = session_find(c->e->store, c->id, &s);
    const int count = r < 0 ? r
                            : message_list(c->e->store, &filter, "", &c->e->arena, rows,
                                           MESSAGES_MAX);

    if (count < 0) {
        return call_failed(c, count, c->id);
    }
    c->reply = json_pack("{s:o,s:[],s:[]}", "session", session_to_json(&s), "steps", "messages");
    explain_steps(c, &s, json_object_get(c->reply, "steps"));
    for (int i = 0; i < count; i++) {
        json_t *o = json_pack("{s:s,s:s,s:s}", "id", rows[i].id, "kind",
                              message_kind_to_text(rows[i].kind), "audience",
                              audience_to_text(rows[i].audience));
        json_put_text(o, "state", message_state_to_text(rows[i].state));
        json_put_text(o, "reason", rows[i].reason);
        (void)json_object_set_new(o, "revision", json_integer(rows[i].revision));
        json_put_instant(o, "due", rows[i].due);
        json_put_instant(o, "sent_at", rows[i].sent_at);
        (void)json_array_append_new(json_object_get(c->reply, "messages"), o);
    }
    r = call_audit(c, c->id, "");
    return r < 0 ? call_failed(c, r, c->id) : 200;
}
