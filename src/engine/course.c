/* The course of a session: reminders, its start, the question for its outcome, and what a recorded
 * outcome tells whom.
 *
 * Nothing is auto-missed: time passing only ever asks for the outcome and, past the deadline, tells
 * a supervisor that it is missing. Each look at a session decides everything that is due by now and
 * arms its next timer in the same transaction. */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "calendar.h"
#include "duty.h"
#include "follow_up.h"
#include "handover.h"
#include "known.h"
#include "misses.h"
#include "outbox.h"
#include "standing.h"
#include "watch.h"

/* When they were told of the time that it has: another practitioner is a revision too, of which
 * they hear nothing. */
static struct instant booked_at(struct engine *e, const struct session_row *s) {
    enum { LINES_MAX = 200 };
    struct session_history_row *lines = arena_alloc(&e->arena, LINES_MAX, sizeof *lines);
    const int count = s->revision == 0
                          ? 0
                          : session_history_list(e->store, s->id, &e->arena, lines, LINES_MAX);
    struct instant at = s->revised_at;

    for (int i = 0; i < count; i++) {
        const bool booked = strcmp(lines[i].what, "planned") == 0 ||
                            strcmp(lines[i].what, "moved") == 0;
        at = booked ? lines[i].at : at;
    }
    return at;
}

struct remind_session course_remind_session(struct engine *e, const struct session_row *s,
                                            unsigned *ret_traits) {
    const struct session_filter filter = {
        .participant = s->participant, .to = s->start_at, .live = true};
    struct session_row *rows = arena_alloc(&e->arena, (size_t)PROGRAMME_SESSIONS_MAX * 2,
                                           sizeof *rows);
    const int count = session_list(e->store, &filter, rows, (size_t)PROGRAMME_SESSIONS_MAX * 2);
    unsigned traits = s->number == 1 ? REMIND_FIRST_SESSION : 0;

    if (count > 0) {
        const struct session_row *before = &rows[count - 1];
        const struct outcome_code *code = outcome_find(&e->setup.config->outcomes, before->outcome);
        const int32_t gap = date_to_days(s->start.date) - date_to_days(before->start.date);
        traits |= code && code->miss ? REMIND_AFTER_MISS : 0;
        traits |= gap > (int32_t)e->setup.config->reminders.gap_days ? REMIND_AFTER_GAP : 0;
    }
    traits |= s->flags & SESSION_CHANGED ? REMIND_CHANGED : 0;
    if (ret_traits) {
        *ret_traits = traits;
    }
    return (struct remind_session){
        .start = s->start, .start_at = s->start_at, .booked_at = booked_at(e, s), .traits = traits};
}

/* The main reminder is dropped because it is late: then a person phones, while there is something
 * to phone about. One that a confirmation or change stands for is not missed. 1, 0 or an errno. */
static int phone_instead(struct engine *e, const struct session_row *s, uint32_t step,
                         enum remind_verdict verdict, int channel) {
    if (!e->setup.config->reminders.steps[step].main || instant_cmp(e->now, s->start_at) >= 0) {
        return 0;
    }
    if (verdict == REMIND_SKIP_LEAD && channel < 0) {
        return 0; /* who booked it was asked to phone */
    }
    if (verdict == REMIND_SKIP_LEAD) {
        const int told = known_by_booking(e, s, booked_at(e, s));
        return told < 0 ? told : !told;
    }
    return verdict == REMIND_SKIP_LATE || verdict == REMIND_SKIP_WINDOW;
}

static int add_reminder(struct engine *e, const struct session_row *s, uint32_t step,
                        const struct remind_decision *d) {
    const struct remind_step *policy = &e->setup.config->reminders.steps[step];
    struct message_row m = outbox_blank(e, KIND_REMINDER, AUDIENCE_PARTICIPANT, s->participant);
    struct noun_row participant;
    int r = turn_noun_find(e, NOUN_PARTICIPANT, s->participant, &participant);

    if (r < 0) {
        return r;
    }
    const int channel = outbox_participant_channel(e, &participant, policy->channels);

    m.channel = channel < 0 ? CHANNEL_SMS : (enum channel)channel;
    m.revision = s->revision;
    m.step = step;
    m.due = d->due;
    m.not_after = d->not_after;
    memcpy(m.session, s->id, sizeof m.session);
    memcpy(m.participant, s->participant, sizeof m.participant);
    if (d->verdict != REMIND_SEND) {
        r = text_copy(m.reason, sizeof m.reason, remind_verdict_to_text(d->verdict));
        const int phone = r < 0 ? r : phone_instead(e, s, step, d->verdict, channel);
        r = phone <= 0 ? phone : duty_phone(e, &m);
    } else if (channel < 0) {
        r = text_copy(m.reason, sizeof m.reason, "no_channel");
        r = r < 0 ? r : duty_phone(e, &m);
    }
    r = r < 0 ? r : outbox_add(e, &m);
    return r < 0 ? r : 0;
}

/* Looks at the reminder steps of a planned session; *next becomes the earliest that is still to
 * come. */
static int remind(struct engine *e, struct session_row *s, struct instant *next) {
    const struct config *config = e->setup.config;
    const struct remind_place place = {turn_zone(e, s->zone), e->setup.holidays};
    const struct remind_session facts = course_remind_session(e, s, NULL);
    struct remind_session any = facts;

    any.traits = ~0u; /* whether a condition holds is asked when the step is due, not before */
    for (uint32_t step = 0; step < config->reminders.step_count; step++) {
        if (s->steps_done & 1u << step) {
            continue;
        }
        struct remind_decision d = remind_decide(&config->reminders, &config->send_window, &place,
                                                 &any, step, e->now);
        if (d.verdict == REMIND_WAIT) {
            *next = instant_min(*next, d.due);
            continue;
        }
        d = remind_decide(&config->reminders, &config->send_window, &place, &facts, step, e->now);
        s->steps_done |= 1u << step;
        if (d.verdict != REMIND_SKIP_CONDITION) {
            const int r = add_reminder(e, s, step, &d);
            if (r < 0) {
                return r;
            }
        }
    }
    return 0;
}

int course_ask(struct engine *e, const struct session_row *s) {
    const char *asked;
    int r = handover_asked(e, s, &asked);

    if (r < 0) {
        return r;
    }
    struct message_row m = outbox_blank(e, KIND_OUTCOME_REQUEST, AUDIENCE_PRACTITIONER, asked);

    memcpy(m.session, s->id, sizeof m.session);
    memcpy(m.participant, s->participant, sizeof m.participant);
    m.revision = s->revision;
    r = outbox_add(e, &m);
    return r < 0 ? r : 0;
}

static int raise_unrecorded(struct engine *e, const struct session_row *s) {
    return chain_open(e, &(struct chain_start){.kind = ESCALATION_UNRECORDED,
                                               .audience = AUDIENCE_SUPERVISOR,
                                               .advocate = "",
                                               .participant = s->participant,
                                               .session = s->id,
                                               .topic = "unrecorded",
                                               .happened_at = session_end(s)});
}

static int await_outcome(struct engine *e, struct session_row *s, struct instant *next) {
    const struct config *config = e->setup.config;
    const struct instant ask = instant_add(session_end(s), config->outcome_ask_after);
    const struct instant raise = instant_add(session_end(s), config->unrecorded_after);
    int r = 0;

    if (!(s->flags & SESSION_ASKED)) {
        if (instant_cmp(e->now, ask) >= 0) {
            s->flags |= SESSION_ASKED;
            r = course_ask(e, s);
        } else {
            *next = instant_min(*next, ask);
        }
    }
    if (r == 0 && !(s->flags & SESSION_UNRECORDED_RAISED)) {
        if (instant_cmp(e->now, raise) >= 0) {
            s->flags |= SESSION_UNRECORDED_RAISED;
            r = raise_unrecorded(e, s);
        } else {
            *next = instant_min(*next, raise);
        }
    }
    if (r == 0 && next->us == INSTANT_NEVER.us) {
        *next = instant_add(
            e->now,
            span_days(1)); /* the chain is at work; the session is still looked at once a day */
    }
    return r;
}

static int missed_contact(struct engine *e, const struct session_row *s) {
    struct message_row m = outbox_blank(e, KIND_MISSED_CONTACT, AUDIENCE_PARTICIPANT,
                                        s->participant);
    struct noun_row participant;
    struct participant_state_row status;
    int r = turn_noun_find(e, NOUN_PARTICIPANT, s->participant, &participant);

    r = r < 0 ? r : participant_state_find(e->store, s->participant, &status);
    if (r < 0 || status.state != PARTICIPANT_ACTIVE) {
        return r; /* who has left is written to no more, whatever is found out about the past */
    }
    const int channel = outbox_participant_channel(e, &participant,
                                                   1u << CHANNEL_SMS | 1u << CHANNEL_EMAIL);

    m.channel = channel < 0 ? CHANNEL_SMS : (enum channel)channel;
    memcpy(m.session, s->id, sizeof m.session);
    memcpy(m.participant, s->participant, sizeof m.participant);
    if (channel < 0) {
        r = text_copy(m.reason, sizeof m.reason,
                      "no_channel"); /* the practitioner's contact task is there already */
    }
    r = r < 0 ? r : outbox_add(e, &m);
    return r < 0 ? r : 0;
}

int course_tell_advocate(struct engine *e, const struct session_row *s,
                         const struct outcome_code *code, const char *advocate) {
    return chain_open(e, &(struct chain_start){.kind = ESCALATION_MISSED,
                                               .audience = AUDIENCE_ADVOCATE,
                                               .advocate = advocate,
                                               .participant = s->participant,
                                               .session = s->id,
                                               .topic = code->provisional ? "missed_provisional"
                                                                          : "missed_confirmed",
                                               .happened_at = s->recorded_at});
}

static int tell_advocates_missed(struct engine *e, const struct session_row *s,
                                 const struct outcome_code *code) {
    struct link_row links[DUTY_LINKS_MAX];
    const int count = duty_links(e, s->participant, links);

    for (int i = 0; i < count; i++) {
        const int r = course_tell_advocate(e, s, code, links[i].advocate);
        if (r < 0) {
            return r;
        }
    }
    return count < 0 ? count : 0;
}

/* Somebody's row cannot be read, so this one task has nobody: the miss is told all the same. */
static int no_owner(struct engine *e, const struct session_row *s, int error) {
    return turn_trouble(error)
               ? error
               : turn_alarm(
                     e, "no_owner", s->id, 0,
                     arena_printf(&e->arena,
                                  "session %s has an outcome to act on, and its practitioner or "
                                  "supervisor cannot be read: a person must look at it, contact "
                                  "the participant if it was missed, and have it decided.",
                                  s->id));
}

/* A session that was stood down and is missed after all has its tasks once more. */
static const char *task_about(struct engine *e, const struct session_row *s) {
    return s->verdict == 0 ? "" : arena_printf(&e->arena, "verdict-%" PRIu32, s->verdict);
}

/* The practitioner contacts the participant, unless they cannot be reached. */
static int give_contact(struct engine *e, const struct session_row *s,
                        const struct duty_owner *worker) {
    struct participant_state_row status;
    const int r = participant_state_find(e->store, s->participant, &status);

    if (r < 0 || (status.state != PARTICIPANT_ACTIVE && follow_up_out_of_reach(status.because))) {
        return r;
    }
    return duty_give(e, worker,
                     (struct duty_start){.kind = TASK_CONTACT,
                                         .participant = s->participant,
                                         .session = s->id,
                                         .about = task_about(e, s)});
}

/* Has somebody had the task since this miss was first told? */
static int contact_given(struct engine *e, const struct session_row *s) {
    enum { TASKS_MAX = 64 };
    struct task_row *rows = arena_alloc(&e->arena, TASKS_MAX, sizeof *rows);
    const int count = task_list(e->store, s->id, false, "", rows, TASKS_MAX);
    bool given = false;

    for (int i = 0; i < count; i++) {
        given |= rows[i].kind == TASK_CONTACT && instant_cmp(rows[i].created_at, s->told_at) >= 0;
    }
    return count < 0 ? count : given;
}

/* before: the miss that it was told to be until now, or NULL. Somebody contacts the participant
 * once, when it is told or decided and they can be reached; who decides has a task for as long as
 * there is something to decide. */
static int give_miss_tasks(struct engine *e, const struct session_row *s,
                           const struct outcome_code *code, const struct outcome_code *before) {
    const bool decide = code->provisional && !(before && before->provisional);
    struct duty_owner worker, chief;
    const int dropped = before && !code->provisional ? duty_drop_session(e, s->id, TASK_DECIDE) : 0,
              given = dropped < 0 ? dropped
                      : before    ? contact_given(e, s)
                                  : 0;

    if (given < 0 || (given && !decide)) {
        return given < 0 ? given : 0;
    }
    int r = duty_worker(e, s->participant, &worker);

    r = r < 0 ? r : duty_chief(e, worker.next, &chief);
    if (r < 0) {
        return no_owner(e, s, r);
    }
    r = given ? 0 : give_contact(e, s, &worker);
    if (r < 0 || !decide) {
        return r;
    }
    return duty_give(
        e, &chief,
        (struct duty_start){.kind = TASK_DECIDE,
                            .participant = s->participant,
                            .session = s->id,
                            .about = task_about(e, s),
                            .due = chain_decision_due(e, s->recorded_at, &chief.person)});
}

/* An outcome that is no miss and yet is for the supervisor to hear of at once: a task, because few
 * and urgent mails stay urgent. */
static int tell_supervisor(struct engine *e, const struct session_row *s) {
    struct duty_owner chief;
    const int r = duty_chief(e, chain_supervisor(e, s->id, s->participant), &chief);

    if (r < 0) {
        return no_owner(e, s, r);
    }
    return duty_give(e, &chief,
                     (struct duty_start){.kind = TASK_REVIEW,
                                         .participant = s->participant,
                                         .session = s->id,
                                         .about = task_about(e, s)});
}

static bool officer_hears(const struct outcome_code *code, const char *route) {
    return (code->tell & TELL_OFFICER) ||
           ((code->tell & TELL_OFFICER_BY_ROUTE) &&
            (strcmp(route, "licence") == 0 || strcmp(route, "spo") == 0));
}

/* The supervisor who decided that the absence counts knows of it: their own chain begins
 * acknowledged, and lapses like any other. */
static int acknowledge_own(struct engine *e, const struct session_row *s) {
    enum { CHAINS_MAX = 64 };
    const struct escalation_filter filter = {.session = s->id, .open = true};
    struct escalation_row *rows = arena_alloc(&e->arena, CHAINS_MAX, sizeof *rows);
    const int count = escalation_list(e->store, &filter, "", &e->arena, rows, CHAINS_MAX);

    for (int i = 0; i < count; i++) {
        const bool own = rows[i].kind == ESCALATION_MISSED && rows[i].state == ESCALATION_OPEN &&
                         rows[i].audience == AUDIENCE_SUPERVISOR &&
                         strcmp(chain_first(e, &rows[i]), s->recorded_by) == 0 &&
                         chain_allows(e, &rows[i], s->recorded_by);
        const int r = own ? chain_acknowledge(e, &rows[i], s->recorded_by) : 0;
        if (r < 0) {
            return r;
        }
    }
    return count < 0 ? count : 0;
}

/* A miss that nobody took back in time: two chains that know nothing of each other, the officer by
 * route, the participant in neutral words. before: the miss it was told to be until now, or NULL.
 */
static int tell_miss(struct engine *e, const struct session_row *s, const struct outcome_code *code,
                     const struct outcome_code *before) {
    int r = before ? standing_end_chains(e, s, "another outcome stands in its place") : 0;

    r = r < 0 ? r
              : chain_open(e, &(struct chain_start){.kind = ESCALATION_MISSED,
                                                    .audience = AUDIENCE_SUPERVISOR,
                                                    .advocate = "",
                                                    .participant = s->participant,
                                                    .session = s->id,
                                                    .topic = "missed",
                                                    .happened_at = s->recorded_at});
    if (r >= 0 && before) {
        r = acknowledge_own(e, s);
    }
    if (r >= 0 && (code->tell & TELL_ADVOCATE)) {
        r = tell_advocates_missed(e, s, code);
    }
    if (r >= 0 && (code->tell & TELL_PARTICIPANT) && !before) {
        r = missed_contact(e, s);
    }
    return r < 0 ? r : give_miss_tasks(e, s, code, before);
}

/* What those who were told before heard no longer stands. */
static int stand_down(struct engine *e, const struct session_row *s) {
    static const enum task_kind pointless[] = {TASK_CONTACT, TASK_DECIDE, TASK_CALL_ADVOCATE,
                                               TASK_REVIEW};
    int r = standing_tell(e, s, STANDING_STOOD_DOWN);

    r = r < 0 ? r : standing_end_chains(e, s, "the outcome was corrected or decided");
    for (size_t i = 0; i < ARRAY_COUNT(pointless) && r >= 0; i++) {
        r = duty_drop_session(e, s->id, pointless[i]);
    }
    return r;
}

static int tell_attended(struct engine *e, const struct session_row *s) {
    struct participant_state_row status;
    int r = participant_state_find(e->store, s->participant, &status);

    if (r < 0 || status.started) {
        return r;
    }
    status.started = true;
    r = participant_state_update(e->store, s->participant, &status);
    return r < 0 ? r : notice_advocates(e, s->participant, "started", turn_second(e));
}

static bool is_attended(struct engine *e, const struct session_row *s) {
    const struct outcome_code *code = outcome_find(&e->setup.config->outcomes, s->outcome);

    return code && code->attended == ATTENDED_YES;
}

/* Is there no other session of theirs that was attended, then nothing has started. */
static int untell_attended(struct engine *e, const struct session_row *s) {
    enum { SESSIONS_MAX = PROGRAMME_SESSIONS_MAX * 4 };
    const struct session_filter filter = {.participant = s->participant, .state = "recorded"};
    struct participant_state_row status;
    int r = participant_state_find(e->store, s->participant, &status);

    if (r < 0 || !status.started) {
        return r;
    }
    struct session_row *rows = arena_alloc(&e->arena, SESSIONS_MAX, sizeof *rows);
    const int count = session_list(e->store, &filter, rows, SESSIONS_MAX);

    for (int i = 0; i < count; i++) {
        if (strcmp(rows[i].id, s->id) != 0 && is_attended(e, &rows[i])) {
            return 0;
        }
    }
    status.started = false;
    r = count < 0 ? count : participant_state_update(e->store, s->participant, &status);
    return r < 0 ? r : standing_not_started(e, s->participant);
}

bool course_lost(struct engine *e, const struct session_row *s) {
    const struct outcome_code *code = s->state == SESSION_RECORDED
                                          ? outcome_find(&e->setup.config->outcomes, s->outcome)
                                          : NULL;

    return s->state == SESSION_CANCELLED || (code && code->replacement);
}

int course_owed(struct engine *e, const struct session_row *s) {
    enum { ATTEMPTS_MAX = PROGRAMME_SESSIONS_MAX * 4 };
    const struct session_filter filter = {.participant = s->participant};
    struct session_row *rows = arena_alloc(&e->arena, ATTEMPTS_MAX, sizeof *rows);
    const int count = session_list(e->store, &filter, rows, ATTEMPTS_MAX);
    bool settled = !course_lost(e, s);

    for (int i = 0; i < count; i++) {
        settled |= rows[i].number == s->number && rows[i].attempt != s->attempt &&
                   !course_lost(e, &rows[i]);
    }
    return count < 0 ? count : !settled;
}

/* A lost number is owed again: until its catch-up is planned that is somebody's task. */
static int owe_replacement(struct engine *e, const struct session_row *s) {
    struct participant_state_row status;
    const int owed = course_owed(e, s);
    const int r = owed < 0 ? owed : participant_state_find(e->store, s->participant, &status);

    if (r < 0) {
        return r;
    }
    if (owed && status.state == PARTICIPANT_COMPLETED) {
        return tell_supervisor(e, s); /* it was said that they had completed */
    }
    return owed && status.state == PARTICIPANT_ACTIVE ? follow_up_catch_up(e, s)
                                                      : follow_up_no_catch_up(e, s);
}

static int tell_new_outcome(struct engine *e, const struct session_row *s,
                            const struct outcome_code *code, const struct outcome_code *before) {
    struct noun_row participant;
    int r = turn_noun_find(e, NOUN_PARTICIPANT, s->participant, &participant);

    if (r == 0 && code->miss) {
        r = tell_miss(e, s, code, before && before->miss ? before : NULL);
        r = r < 0 ? r : misses_review(e, s);
    } else if (r == 0 && code->attended == ATTENDED_YES) {
        r = tell_attended(e, s);
    }
    const bool untold = before && before->attended == ATTENDED_YES &&
                        code->attended != ATTENDED_YES;
    if (r == 0 && code->attended != ATTENDED_YES) {
        r = untell_attended(e, s);
    }
    if (r == 0 && !code->miss) {
        r = misses_fewer(e, s->participant);
    }
    if (r == 0 && untold && !code->miss) {
        r = misses_review(e, s);
    }
    if (r == 0 && !code->miss && (code->tell & TELL_SUPERVISOR)) {
        r = tell_supervisor(e, s);
    }
    const char *route = r < 0 ? "" : noun_value(&participant, "route");
    const bool corrects = before && before->miss && code->miss && officer_hears(before, route);

    /* Who was told of a miss hears of another that stands in its place, whatever their route. */
    if (r == 0 && (corrects || officer_hears(code, route))) {
        r = notice_officer(e, s, s->outcome);
    }
    r = r < 0 ? r : owe_replacement(e, s);
    return r < 0 ? r : watch_wake(e, s->participant);
}

/* Has a notice of this outcome left to any officer? */
static int officer_told(struct engine *e, const struct session_row *s) {
    enum { ROWS_MAX = 16 };
    const struct message_filter filter = {.session = s->id, .kind = "officer_notice"};
    struct message_row *rows = arena_alloc(&e->arena, ROWS_MAX, sizeof *rows);
    const int count = message_list(e->store, &filter, "", &e->arena, rows, ROWS_MAX);
    bool told = false;

    for (int i = 0; i < count; i++) {
        told |= strcmp(rows[i].topic, s->outcome) == 0 && rows[i].sent_at.us != 0 &&
                rows[i].state != MESSAGE_FAILED && rows[i].state != MESSAGE_UNDELIVERED;
    }
    return count < 0 ? count : told;
}

int course_new_officer(struct engine *e, const struct noun_row *participant) {
    enum { SESSIONS_MAX = PROGRAMME_SESSIONS_MAX * 4 };
    const struct session_filter filter = {.participant = participant->id, .state = "recorded"};
    struct session_row *rows = arena_alloc(&e->arena, SESSIONS_MAX, sizeof *rows);
    const int count = session_list(e->store, &filter, rows, SESSIONS_MAX);

    for (int i = 0; i < count; i++) {
        const struct outcome_code *code = outcome_find(&e->setup.config->outcomes, rows[i].outcome);
        const bool hears = code && (rows[i].flags & SESSION_MISS_TOLD) &&
                           officer_hears(code, noun_value(participant, "route"));
        const int told = hears && !code->provisional ? officer_told(e, &rows[i]) : 0;
        const int r = told < 0         ? told
                      : hears && !told ? notice_officer(e, &rows[i], rows[i].outcome)
                                       : 0;
        if (r < 0) {
            return r;
        }
    }
    return count < 0 ? count : 0;
}

int course_tell(struct engine *e, struct session_row *s) {
    const struct outcome_table *outcomes = &e->setup.config->outcomes;
    const struct outcome_code *code = outcome_find(outcomes, s->outcome);
    const struct outcome_code *before = outcome_find(outcomes, s->told_outcome);
    int r = 0;

    if (!code || (*s->told_outcome && !before)) {
        return -EUCLEAN; /* a code that the configuration lost: set aside and alarmed */
    }
    const bool still_missed = before && before->miss && code->miss;

    s->flags |= SESSION_MISS_TOLD;
    if (before && !still_missed) {
        r = stand_down(e, s);
    }
    r = r < 0 ? r : tell_new_outcome(e, s, code, before);
    if (!still_missed) {
        s->told_at = e->now; /* who heard of the first notice of a miss is told of its end */
    }
    return r < 0 ? r : text_copy(s->told_outcome, sizeof s->told_outcome, s->outcome);
}

/* Decides all that is due by now and gives the time of the next look. */
static int advance(struct engine *e, struct session_row *s) {
    struct instant next = INSTANT_NEVER;
    int r = 0;

    if (s->state == SESSION_PLANNED) {
        r = remind(e, s, &next);
        if (r == 0 && instant_cmp(e->now, s->start_at) >= 0) {
            r = session_next(s->state, SESSION_BEGIN, &s->state);
            next = INSTANT_NEVER;
        } else {
            next = instant_min(next, s->start_at);
        }
    }
    if (r == 0 && s->state == SESSION_AWAITING_OUTCOME) {
        r = await_outcome(e, s, &next);
    }
    if (r == 0 && s->state == SESSION_RECORDED && !(s->flags & SESSION_MISS_TOLD)) {
        const struct instant tell = instant_add(s->recorded_at, e->setup.config->miss_undo);
        const bool ahead = instant_cmp(s->recorded_at, e->now) > 0; /* the clock went back since */
        if (ahead || instant_cmp(e->now, tell) >= 0) {
            r = course_tell(e, s);
        } else {
            next = tell;
        }
    }
    s->wake_at = next;
    return r;
}

int course_arm(struct engine *e, struct session_row *s) {
    if (s->state == SESSION_CANCELLED) {
        s->wake_at = INSTANT_NEVER;
        return 0;
    }
    /* Reminders are looked at in the next tick; a planned session is simply woken at once. */
    s->wake_at = s->state == SESSION_RECORDED
                     ? instant_add(s->recorded_at, e->setup.config->miss_undo)
                     : e->now;
    return 0;
}

static int look(struct engine *e, const char *id) {
    struct session_row s;
    int r = session_find(e->store, id, &s);

    if (r < 0) {
        return r;
    }
    const enum session_state from = s.state;

    r = advance(e, &s);
    return r < 0 ? r : session_update(e->store, &s, from, s.revision);
}

int course_due(struct engine *e) {
    char ids[TURN_SHARE_MAX][ID_SIZE];
    const int count = session_due(e->store, e->now, ids, TURN_SHARE_MAX);

    return count <= 0 ? count : duty_each(e, "session", ids, (size_t)count, look);
}
