/* Bugs to plant, by the linker (--wrap), in place of functions of the rules, the store and the
 * engine: each does for one bug what a mistake there would do, and is itself for all others.
 *
 * Used by planted.c, which turns on one at a time. Nothing here is in any other program. */
#include "plants.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cobi/ical/feed.h"
#include "cobi/rules/attendance.h"
#include "cobi/rules/plan.h"
#include "cobi/store/chains.h"
#include "cobi/store/jobs.h"
#include "cobi/store/journal.h"
#include "cobi/store/messages.h"
#include "cobi/store/people.h"
#include "cobi/store/sessions.h"
#include "sim.h"

static const char *planted = "";
static struct instant seen_now; /* the daemon's, when it last looked for tasks */

void plant(const char *bug) {
    planted = bug;
    seen_now = (struct instant){0}; /* of a story that was told before */
}

static bool on(const char *name) {
    return strcmp(planted, name) == 0;
}

/* clang-format off */
#define WRAP(type, function, ...) type __real_##function(__VA_ARGS__); type __wrap_##function(__VA_ARGS__); type __wrap_##function(__VA_ARGS__)
/* clang-format on */

WRAP(struct instant, kind_window_next, enum message_kind kind, const struct send_window *window,
     const struct remind_place *place, const struct hours *office, struct civil start,
     struct instant t) {
    return on("texts at night") ? t
                                : __real_kind_window_next(kind, window, place, office, start, t);
}

WRAP(int, message_attempt_begin, struct store *store, const struct message_row *row, int64_t text,
     struct instant now) {
    return on("no attempt is noted") ? 0 : __real_message_attempt_begin(store, row, text, now);
}

WRAP(int, message_update, struct store *store, const struct message_row *row,
     enum message_state from) {
    struct message_row wrong = *row;

    if ((on("sent before it is written") && row->state == MESSAGE_SENDING) ||
        (on("an answer is forgotten") && from == MESSAGE_SENDING)) {
        return 0;
    }
    if (on("an end has no reason") && row->state == MESSAGE_FAILED) {
        wrong.reason[0] = '\0';
    }
    if (on("an attempt is forgotten") && from == MESSAGE_SENDING && wrong.attempt_count > 0) {
        wrong.attempt_count--;
    }
    if (on("a retry waits for a month") && from == MESSAGE_SENDING &&
        row->state == MESSAGE_QUEUED && row->kind == KIND_TASK) {
        wrong.wake_at = instant_add(row->wake_at, span_days(30));
        wrong.due = wrong.wake_at;
    }
    return __real_message_update(store, &wrong, from);
}

WRAP(int, message_next, enum message_state from, enum message_event event,
     enum message_state *ret_to) {
    if (on("sent again blindly") && event == MESSAGE_GIVE_UP) {
        event = MESSAGE_REPEAT;
    }
    const int r = __real_message_next(from, event, ret_to);

    if (r == 0 && on("marked sent before sending") && event == MESSAGE_CLAIM) {
        *ret_to = MESSAGE_ACCEPTED;
    }
    if (r == 0 && on("what was sent waits again") && *ret_to == MESSAGE_ACCEPTED) {
        *ret_to = MESSAGE_HELD;
    }
    return r;
}

WRAP(int, receipt_event, enum message_state state, enum receipt_report report, enum receipt_age age,
     enum message_event *ret_event) {
    return on("receipts are not heeded") ? 0 : __real_receipt_event(state, report, age, ret_event);
}

WRAP(int, task_list_owner, struct store *store, const char *owner, const char *after,
     struct task_row *ret_rows, size_t capacity) {
    return on("who leaves keeps their tasks")
               ? 0
               : __real_task_list_owner(store, owner, after, ret_rows, capacity);
}

WRAP(int, job_set, struct store *store, const struct job_row *row) {
    return on("no mail of the day") && row->kind == JOB_DIGEST ? 0 : __real_job_set(store, row);
}

WRAP(int, task_insert, struct store *store, struct task_row *row) {
    const bool lost = (on("nobody reads a text") && row->kind == TASK_READ_TEXT) ||
                      (on("nobody phones") && row->kind == TASK_PHONE) ||
                      (on("nobody contacts") && row->kind == TASK_CONTACT) ||
                      (on("nobody approves") && row->kind == TASK_APPROVE) ||
                      (on("nobody looks at an outcome") && row->kind == TASK_REVIEW) ||
                      (on("nobody calls the service") && row->kind == TASK_CALL_ADVOCATE);

    return lost ? 0 : __real_task_insert(store, row);
}

WRAP(int, task_update, struct store *store, const struct task_row *row, enum task_state from) {
    const bool kept = on("decided and still to decide") && row->kind == TASK_DECIDE &&
                      row->state != TASK_OPEN;

    return kept ? 0 : __real_task_update(store, row, from);
}

WRAP(int, message_cancel_matching, struct store *store, const struct message_filter *filter,
     const char *reason, struct instant now) {
    const bool kept = (on("unlinking is forgotten") && strcmp(reason, "unlinked") == 0) ||
                      (on("acknowledged and told all the same") &&
                       strcmp(reason, "acknowledged") == 0) ||
                      (on("gone and written to") && strncmp(reason, "participant_", 12) == 0);

    return kept || on("a move is forgotten")
               ? 0
               : __real_message_cancel_matching(store, filter, reason, now);
}

WRAP(int, message_find, struct store *store, const char *id, struct arena *arena,
     struct message_row *ret_row) {
    const int r = __real_message_find(store, id, arena, ret_row);
    struct session_row session;

    if (r == 0 && on("a move is forgotten") && *ret_row->session &&
        session_find(store, ret_row->session, &session) == 0) {
        ret_row->revision = session.revision;
    }
    if (r == 0 && on("nothing is ever too late")) {
        ret_row->not_after = INSTANT_NEVER;
    }
    if (r == 0 && on("a row cannot be read") && ret_row->kind == KIND_CONFIRMATION) {
        return -EUCLEAN;
    }
    return r;
}

static bool lost(const struct message_row *row) {
    return (on("an officer is forgotten") && row->kind == KIND_OFFICER_NOTICE) ||
           (on("a quiet week is forgotten") && strcmp(row->topic, "no_change") == 0) ||
           (on("fourteen days are forgotten") && strcmp(row->topic, "no_attendance") == 0) ||
           (on("nobody is stood down") && row->kind == KIND_STAND_DOWN) ||
           (on("the end of a review is kept quiet") && row->kind == KIND_STAND_DOWN &&
            strcmp(row->topic, "unchanged") == 0) ||
           (on("a pause is kept quiet") && strcmp(row->topic, "paused") == 0) ||
           (on("nobody is asked for the outcome") && row->kind == KIND_OUTCOME_REQUEST) ||
           (on("nobody is reminded") && row->kind == KIND_REMINDER) ||
           (on("a dead address is kept quiet") && row->kind == KIND_ALARM &&
            strcmp(row->topic, "undelivered") == 0);
}

WRAP(int, message_insert, struct store *store, struct message_row *row) {
    const bool news = row->kind == KIND_ESCALATION || row->kind == KIND_ALARM;

    if (lost(row)) {
        return 1;
    }
    if (on("news of a miss expires") && row->kind == KIND_ESCALATION) {
        row->not_after = instant_add(row->due, span_hours(4));
    }
    if (on("news of a miss waits for the morning") && row->kind == KIND_ESCALATION) {
        row->due = instant_add(row->due, span_hours(12));
    }
    if (on("a stranger is stood down") && row->kind == KIND_STAND_DOWN &&
        row->audience == AUDIENCE_SUPERVISOR) {
        struct message_row other = *row;
        (void)snprintf(other.recipient, sizeof other.recipient, "SV-3");
        const int r = __real_message_insert(store, &other);
        if (r < 0) {
            return r;
        }
    }
    if (on("nobody is told") && news) {
        row->state = MESSAGE_SKIPPED;
        row->wake_at = INSTANT_NEVER;
        (void)snprintf(row->reason, sizeof row->reason, "late");
    }
    return __real_message_insert(store, row);
}

WRAP(int, escalation_insert, struct store *store, struct escalation_row *row) {
    const bool lost = (on("no chain to the supervisors") && row->audience == AUDIENCE_SUPERVISOR) ||
                      (on("an advocate is forgotten") && strcmp(row->advocate, "AD-2") == 0) ||
                      (on("nobody hears of slipping") && row->kind == ESCALATION_SLIPPING) ||
                      (on("a call not made is kept quiet") &&
                       row->kind == ESCALATION_UNDELIVERABLE) ||
                      (on("nobody hears that an outcome is missing") &&
                       row->kind == ESCALATION_UNRECORDED) ||
                      (on("a concern stays inside") && row->kind == ESCALATION_CONCERN &&
                       row->audience == AUDIENCE_ADVOCATE);

    if (on("time passing is a miss") && row->kind == ESCALATION_UNRECORDED) {
        row->kind = ESCALATION_MISSED;
    }
    if (on("a mis-tap is told") && row->kind == ESCALATION_MISSED) {
        row->opened_at = instant_add(row->opened_at, (struct span){-4 * MINUTE_US});
    }
    return lost ? 0 : __real_escalation_insert(store, row);
}

WRAP(int, escalation_update, struct store *store, const struct escalation_row *row,
     enum escalation_state from, uint32_t from_generation) {
    struct escalation_row later = *row;

    if (on("a chain falls asleep") && row->wake_at.us != INSTANT_NEVER.us) {
        later.wake_at = instant_add(row->wake_at, span_days(30));
        return __real_escalation_update(store, &later, from, from_generation);
    }
    if (on("the wrong one has acknowledged") && row->state == ESCALATION_ACKNOWLEDGED) {
        (void)snprintf(later.acknowledged_by, sizeof later.acknowledged_by, "PR-1");
        return __real_escalation_update(store, &later, from, from_generation);
    }
    if (on("a chain is opened again") && row->state == ESCALATION_ACKNOWLEDGED) {
        later.state = ESCALATION_OPEN;
        later.acknowledged_by[0] = '\0';
        return __real_escalation_update(store, &later, from, from_generation);
    }
    if (on("unlinking is forgotten") && row->resolved_because &&
        strcmp(row->resolved_because, "unlinked") == 0) {
        return 0;
    }
    const int r = __real_escalation_update(store, row, from, from_generation);
    const struct escalation_filter filter = {.session = row->session, .open = true};
    struct escalation_row others[8];
    struct arena arena = {0};

    if (r < 0 || !on("one acknowledgement for all") || row->state != ESCALATION_ACKNOWLEDGED) {
        return r;
    }
    const int count = escalation_list(store, &filter, "", &arena, others, ARRAY_COUNT(others));
    int result = r;

    for (int i = 0; i < count && result == 0; i++) {
        if (strcmp(others[i].id, row->id) != 0) {
            const uint32_t generation = others[i].generation++;
            result = __real_escalation_update(store, &others[i], others[i].state, generation);
        }
    }
    arena_done(&arena);
    return result;
}

WRAP(struct escalation_decision, escalation_decide, const struct escalation_policy *policy,
     struct escalation_position at, const struct working_time *work, struct instant now) {
    struct escalation_decision d = __real_escalation_decide(policy, at, work, now);

    if (on("a step waits for days") && d.move == ESCALATE_TELL) {
        d.until = instant_add(d.until, span_days(2));
    }
    if (on("a step is told every minute")) {
        d.until = instant_add(now, (struct span){MINUTE_US});
        d.next.step = d.next.step > 0 ? d.next.step - 1 : 0;
    }
    if (on("the line begins in its middle") && d.move != ESCALATE_TELL) {
        d.next.step = 1;
    }
    if (on("a step is left out") && d.move == ESCALATE_TELL && d.next.step == 1) {
        d.next.step = 2;
    }
    if (on("the line goes back") && d.move == ESCALATE_TELL && d.next.step > 1) {
        d.next.step = 0;
    }
    return d;
}

WRAP(int, session_update, struct store *store, const struct session_row *row,
     enum session_state from_state, uint32_t from_revision) {
    struct session_row wrong = *row;

    if (on("the revision is forgotten")) {
        wrong.revision = from_revision;
    }
    if (on("a session's timer is dropped") && row->wake_at.us != INSTANT_NEVER.us) {
        wrong.wake_at = instant_add(row->wake_at, span_days(30));
    }
    const bool moved = from_state == SESSION_PLANNED && row->state == SESSION_PLANNED &&
                       row->revision > from_revision && row->start_at.us > 0;

    if (on("moved into the past") && moved) {
        wrong.start_at = instant_add(row->start_at, span_days(-30));
        wrong.start.date = date_add_days(row->start.date, -30);
    }
    if (on("moved onto the next one's day") && moved) {
        wrong.start_at = instant_add(row->start_at, span_days(7));
        wrong.start.date = date_add_days(row->start.date, 7);
    }
    if (on("what was held is cancelled") && from_state == SESSION_AWAITING_OUTCOME &&
        row->state == SESSION_RECORDED) {
        wrong.state = SESSION_CANCELLED;
        wrong.outcome[0] = '\0';
        wrong.revision = from_revision + 1;
        wrong.wake_at = INSTANT_NEVER;
    }
    if (on("what was held is longer") && row->state == SESSION_RECORDED) {
        wrong.minutes += 30;
    }
    if (on("a pause cancels nothing") && row->state == SESSION_CANCELLED) {
        return 0;
    }
    if (on("corrected by one person alone") && *row->review_outcome) {
        memcpy(wrong.outcome, row->review_outcome, sizeof wrong.outcome);
    }
    return __real_session_update(store, &wrong, from_state, from_revision);
}

WRAP(int, store_next_wake, struct store *store, struct instant messages_after,
     struct instant *ret_instant) {
    const int r = __real_store_next_wake(store, messages_after, ret_instant);

    if (on("the timer is lost") && r == 0 && ret_instant->us != INSTANT_NEVER.us) {
        ret_instant->us += 3 * HOUR_US;
    }
    if (r == 0 && on("woken for nothing") && ret_instant->us > seen_now.us + 5 * SECOND_US) {
        ret_instant->us = seen_now.us + 5 * SECOND_US;
    }
    if (r == 0 && on("nobody looks at tasks") && ret_instant->us <= seen_now.us) {
        ret_instant->us = seen_now.us + 30 * SECOND_US;
    }
    return r;
}

WRAP(int, template_render, const struct templates *templates, const char *name,
     enum language language, const struct disclosure *disclosure, struct arena *arena,
     struct rendered *ret_rendered, struct complaint *complaint) {
    const int r = __real_template_render(templates, name, language, disclosure, arena, ret_rendered,
                                         complaint);

    if (r == 0 && on("an advocate is named") && disclosure->audience == AUDIENCE_PARTICIPANT) {
        ret_rendered->body = arena_printf(arena, "%s Quillfeather", ret_rendered->body);
    }
    if (r == 0 && on("the programme is named") && disclosure->audience == AUDIENCE_PARTICIPANT) {
        ret_rendered->body = arena_printf(arena, "%s COBI", ret_rendered->body);
    }
    if (r == 0 && on("a text goes on and on") && disclosure->audience == AUDIENCE_PARTICIPANT) {
        ret_rendered->body = arena_printf(arena, "%s %s %s", ret_rendered->body, ret_rendered->body,
                                          ret_rendered->body);
    }
    if (r == 0 && on("a subject names somebody") && disclosure->audience == AUDIENCE_SUPERVISOR) {
        ret_rendered->subject = "Barnaby Thorneycroft";
    }
    if (r == 0 && on("a service reads our reference") &&
        disclosure->audience == AUDIENCE_ADVOCATE) {
        ret_rendered->body = arena_printf(arena, "%s\nP-1", ret_rendered->body);
    }
    if (r == 0 && on("a repeat is not marked") && strstr(ret_rendered->body, "may be a repeat")) {
        *strstr((char *)(uintptr_t)ret_rendered->body, "may be a repeat") = '\0';
    }
    return r;
}

WRAP(int, feed_write, const struct feed_calendar *calendar, char **ret_text, size_t *ret_length) {
    struct feed_event events[200];
    struct feed_calendar shifted = *calendar;

    if (!on("a feed is an hour off") || calendar->event_count > ARRAY_COUNT(events)) {
        return __real_feed_write(calendar, ret_text, ret_length);
    }
    for (size_t i = 0; i < calendar->event_count; i++) {
        events[i] = calendar->events[i];
        events[i].start.hour++;
        events[i].start_at = instant_add(events[i].start_at, span_hours(1));
    }
    shifted.events = events;
    return __real_feed_write(&shifted, ret_text, ret_length);
}

/* ---- rules ---- */

WRAP(enum record_refusal, record_check, const struct record_request *request) {
    const enum record_refusal refusal = __real_record_check(request);
    const bool early = refusal == RECORD_BEFORE_START || refusal == RECORD_TOO_EARLY;

    return (on("an outcome is known beforehand") && early) ||
                   (on("a practitioner decides") && refusal == RECORD_NEEDS_DECIDER)
               ? RECORD_FINE
               : refusal;
}

WRAP(int, participant_next, enum participant_state from, enum participant_event event,
     enum participant_state *ret_to) {
    const int r = __real_participant_next(from, event, ret_to);

    if (r == 0 && on("a pause forgets the programme") && event == PARTICIPANT_PAUSE) {
        *ret_to = PARTICIPANT_REFERRED;
    }
    return r;
}

WRAP(int, plan_sessions, const struct plan_request *request, struct plan_result *ret_result) {
    const int r = __real_plan_sessions(request, ret_result);

    if (r == 0 && on("planned for a Sunday") && ret_result->count > 1) {
        struct date *day = &ret_result->starts[1].date;
        *day = date_add_days(*day, 7 - (int32_t)date_weekday(*day) - 1);
    }
    if (r == 0 && on("planned out of order") && ret_result->count > 1) {
        const struct civil first = ret_result->starts[0];
        ret_result->starts[0] = ret_result->starts[1];
        ret_result->starts[1] = first;
    }
    return r;
}

WRAP(enum plan_rule, plan_check_slot, const struct plan_request *request, struct civil start) {
    const enum plan_rule rule = __real_plan_check_slot(request, start);

    return (on("a practitioner is booked twice") && rule == PLAN_PRACTITIONER) ||
                   (on("a room is booked twice") && rule == PLAN_ROOM)
               ? PLAN_FINE
               : rule;
}

WRAP(struct remind_decision, remind_decide, const struct remind_policy *policy,
     const struct send_window *window, const struct remind_place *place,
     const struct remind_session *session, uint32_t step, struct instant now) {
    struct remind_decision d = __real_remind_decide(policy, window, place, session, step, now);

    if (on("reminded of what was just booked") && d.verdict == REMIND_SKIP_LEAD) {
        d.verdict = REMIND_SEND;
        d.not_after = session->start_at;
    }
    return d;
}

/* ---- the store ---- */

WRAP(int, session_history_add, struct store *store, const char *session,
     const struct session_history_row *row) {
    struct session_history_row wrong = *row;

    if (on("a change fails") && strcmp(row->what, "moved") == 0) {
        return -EUCLEAN;
    }
    if (on("who asked is forgotten") && row->notice_minutes >= 0) {
        wrong.by = "";
    }
    return __real_session_history_add(store, session, &wrong);
}

WRAP(int, noun_find, struct store *store, enum noun noun, const char *id, struct arena *arena,
     struct noun_row *ret_row) {
    const int r = __real_noun_find(store, noun, id, arena, ret_row);
    const struct noun_table *table = &noun_tables[noun];

    for (size_t i = 0; r == 0 && noun == NOUN_PARTICIPANT && i < table->field_count; i++) {
        const char *field = table->fields[i].name;
        if (on("another's number") && strcmp(field, "mobile") == 0 && ret_row->values[i]) {
            ret_row->values[i] = "+447700900999";
        }
        if (on("who wants no texts gets them") && strcmp(field, "sms") == 0) {
            ret_row->values[i] = "yes";
        }
    }
    return r;
}

WRAP(int, message_due, struct store *store, int32_t lane, int priority, struct instant now,
     char (*ret_ids)[MESSAGE_ID_SIZE], size_t capacity) {
    const int other = on("the last come first") ? 5 - priority : priority;

    return __real_message_due(store, lane, other, now, ret_ids, capacity);
}

WRAP(int, task_due, struct store *store, struct instant now, char (*ret_ids)[ID_SIZE],
     size_t capacity) {
    seen_now = now;
    return on("nobody looks at tasks") ? 0 : __real_task_due(store, now, ret_ids, capacity);
}

WRAP(int, ack_find, struct store *store, const char *token_hash, struct ack_row *ret_row) {
    const int r = __real_ack_find(store, token_hash, ret_row);

    if (r < 0 || !on("a look counts")) {
        return r;
    }
    ret_row->tries++;
    return ack_update(store, token_hash, ret_row);
}

WRAP(int, store_count, struct store *store, struct instant now, uint64_t shut,
     struct store_counts *ret_counts) {
    const int r = __real_store_count(store, now, shut, ret_counts);

    ret_counts->overdue += on("the self-audit cries wolf");
    return r;
}

/* ---- the engine ---- */

struct call;
struct duty_owner;
struct engine;

WRAP(int, line_check_all, struct call *c) {
    return on("a loop is written") ? 200 : __real_line_check_all(c);
}

WRAP(bool, hold_concerns, const struct engine *e, const struct message_row *row) {
    return !on("a jump of the clock holds nothing") && __real_hold_concerns(e, row);
}

WRAP(const struct gateway *, config_channel_gateway, const struct config *config,
     enum channel channel) {
    static struct gateway quick;
    const struct gateway *g = __real_config_channel_gateway(config, channel);

    if (!g || !on("a gateway is hurried")) {
        return g;
    }
    quick = *g;
    quick.rate_count = 0;
    quick.in_flight_max = 64;
    return &quick;
}

WRAP(int, chain_begin_again, struct engine *e, const char *participant) {
    return on("the new line is not told") ? 0 : __real_chain_begin_again(e, participant);
}

WRAP(int, misses_fewer, struct engine *e, const char *participant) {
    return on("a row of misses stays") ? 0 : __real_misses_fewer(e, participant);
}

WRAP(int, session_draw_in_told, struct store *store, struct instant now) {
    return on("told by a clock that was wrong") ? 0 : __real_session_draw_in_told(store, now);
}

WRAP(int, standing_not_started, struct engine *e, const char *participant) {
    return on("what has not started stays told") ? 0 : __real_standing_not_started(e, participant);
}

WRAP(int, follow_up_approver, struct engine *e, const char *asked_by, const char *first,
     struct duty_owner *ret_approver) {
    return __real_follow_up_approver(e, on("who asked may approve") ? "" : asked_by, first,
                                     ret_approver);
}

WRAP(int, chain_due, struct engine *e) {
    return on("a turn never ends") ? 1 : __real_chain_due(e);
}
