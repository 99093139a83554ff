/* Commands that decide, correct and approve an outcome.
 *
 * A decision turns a provisional absence into what it was; whoever supervises or is responsible
 * makes it, never the practitioner of the session. It may be taken back like any outcome until
 * miss_undo has passed. Once people were told, an outcome changes only by a correction that a
 * second person approves: those who were told hear at once that it is under review, and the end of
 * it when it is approved or withdrawn. Must never change what people were told without telling
 * them. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "call.h"
#include "duty.h"
#include "follow_up.h"
#include "misses.h"
#include "standing.h"

static int find_session(struct call *c, struct session_row *s) {
    const int r = session_find(c->e->store, c->id, s);

    return r < 0 ? call_failed(c, r, c->id) : 200;
}

/* Supervisors, and the participant's officer. */
static bool may_decide(struct call *c, const struct session_row *s) {
    struct noun_row participant;

    if (strcmp(c->as, s->practitioner) == 0) {
        return false;
    }
    return noun_exists(c->e->store, NOUN_SUPERVISOR, c->as) ||
           (noun_find(c->e->store, NOUN_PARTICIPANT, s->participant, &c->e->arena, &participant) ==
                0 &&
            strcmp(noun_value(&participant, "officer"), c->as) == 0);
}

static int refuse_decider(struct call *c) {
    return call_refuse(c, 403,
                       "--as %s: only a supervisor or the participant's officer does this, and "
                       "nobody for a session of their own",
                       c->as);
}

static int check_code(struct call *c, const struct session_row *s,
                      const struct outcome_code *code) {
    const struct record_request request = {.code = code,
                                           .start = s->start_at,
                                           .end = session_end(s),
                                           .now = c->e->now,
                                           .remote = strcmp(s->mode, "in_person") != 0,
                                           .decider = true,
                                           .miss_after = c->e->setup.config->miss_after};
    const enum record_refusal refusal = record_check(&request);

    return refusal == RECORD_FINE ? 200
                                  : call_refuse(c, refusal == RECORD_UNKNOWN_CODE ? 400 : 409,
                                                "%s: %s", c->id, record_refusal_to_text(refusal));
}

/* Two outcomes of one session never have the same moment: their chains are known apart by it. */
static void set_recorded_at(struct call *c, struct session_row *s) {
    const struct instant next = {s->recorded_at.us + 1};

    s->recorded_at = instant_max(c->e->now, next);
}

static int note(struct call *c, const struct session_row *s, const char *what) {
    const struct session_change change = {.what = what, .reason = call_value(c, "reason")};

    return session_change_note(c, s, &change, (struct instant){0});
}

/* The outcome is another now; whoever had the task to see to it has done so. */
static int keep(struct call *c, struct session_row *s, enum session_state from, const char *what,
                enum task_kind task) {
    int r = course_arm(c->e, s);

    r = r < 0 ? r : session_update(c->e->store, s, from, s->revision);
    r = r < 0 ? r : note(c, s, what);
    r = r < 0 ? r : duty_done_session(c->e, s->id, task, c->as);
    return r < 0 ? r : call_audit(c, s->id, s->outcome);
}

static int answer(struct call *c, const struct session_row *s, int r) {
    if (r < 0) {
        return call_failed(c, r, s->id);
    }
    c->reply = session_to_json(s);
    json_put_text(c->reply, "contact_attempted", s->contact);
    json_put_text(c->reply, "under_review", s->review_outcome);
    return 200;
}

/* ---- decide ---- */

/* A decision that nobody was told of yet may be made again. */
static bool can_be_decided(struct call *c, const struct session_row *s) {
    const struct outcome_table *outcomes = &c->e->setup.config->outcomes;
    const struct outcome_code *now = outcome_find(outcomes, s->outcome);
    const struct outcome_code *told = outcome_find(outcomes, s->told_outcome);

    return s->state == SESSION_RECORDED &&
           ((now && now->provisional) ||
            (told && told->provisional && !(s->flags & SESSION_MISS_TOLD)));
}

static int check_decision(struct call *c, const struct session_row *s) {
    const struct outcome_code *code = outcome_find(&c->e->setup.config->outcomes, c->id2);

    if (!may_decide(c, s)) {
        return refuse_decider(c);
    }
    if (!can_be_decided(c, s)) {
        return call_refuse(c, 409, "%s: there is no provisional outcome to decide%s", c->id,
                           s->state == SESSION_RECORDED ? "; use session correct" : "");
    }
    if (*s->review_outcome) {
        return call_refuse(c, 409,
                           "%s: is under review: approve the correction or withdraw it "
                           "first",
                           c->id);
    }
    if (code && (code->provisional || code->attended != ATTENDED_NO)) {
        return call_refuse(c, 409,
                           "%s: decides an absence: an unacceptable or an acceptable one; for "
                           "anything else use session correct",
                           c->id2);
    }
    return check_code(c, s, code);
}

/* Was contact attempted? Whoever decides must know: by what was said, or by the task done. */
static int find_contact(struct call *c, struct session_row *s) {
    enum { TASKS_MAX = 64 };
    const char *said = call_value(c, "contacted");
    struct task_row *rows = arena_alloc(&c->e->arena, TASKS_MAX, sizeof *rows);
    const int count = task_list(c->e->store, s->id, false, "", rows, TASKS_MAX);

    for (int i = 0; i < count && !said && !*s->contact; i++) {
        said = rows[i].kind == TASK_CONTACT && rows[i].state == TASK_DONE ? "yes" : NULL;
    }
    if (count < 0 || (said && text_copy(s->contact, sizeof s->contact, said) < 0)) {
        return call_failed(c, count < 0 ? count : -EINVAL, c->id);
    }
    return *s->contact ? 200
                       : call_refuse(c, 409,
                                     "%s: say whether contact was attempted: --contacted yes or "
                                     "no (or have the contact task done first)",
                                     c->id);
}

static int write_decision(struct call *c, struct session_row *s) {
    const enum session_state from = s->state;
    int r = session_next(from, SESSION_CORRECT, &s->state);

    r = r < 0 ? r
              : text_copy(s->outcome, sizeof s->outcome,
                          outcome_find(&c->e->setup.config->outcomes, c->id2)->code);
    r = r < 0 ? r : text_copy(s->recorded_by, sizeof s->recorded_by, c->as);
    s->verdict += (s->flags & SESSION_MISS_TOLD) != 0;
    s->flags &= ~(unsigned)SESSION_MISS_TOLD;
    set_recorded_at(c, s);
    return r < 0 ? r : keep(c, s, from, "decided", TASK_DECIDE);
}

int session_command_decide(struct call *c) {
    struct session_row s;
    int status = find_session(c, &s);

    status = status == 200 ? check_decision(c, &s) : status;
    status = status == 200 ? find_contact(c, &s) : status;
    if (status != 200) {
        return status;
    }
    status = answer(c, &s, write_decision(c, &s));
    if (status == 200) {
        json_put_instant(c->reply, "tells_at", s.wake_at);
        const int r = misses_put(c->e, s.participant, c->reply); /* what it adds up to */
        status = r < 0 ? call_failed(c, r, s.id) : 200;
    }
    return status;
}

/* ---- correct ---- */

static void clear_review(struct session_row *s) {
    s->review_outcome[0] = s->review_by[0] = '\0';
    s->review_at = (struct instant){0};
}

/* Reviews are told apart by the second in which they were asked for: by their tasks and by what
 * people are told of them. */
static bool asked_this_second(struct call *c, const struct session_row *s) {
    enum { LINES_MAX = 200 };
    struct session_history_row *lines = arena_alloc(&c->e->arena, LINES_MAX, sizeof *lines);
    const int count = session_history_list(c->e->store, s->id, &c->e->arena, lines, LINES_MAX);
    bool asked = false;

    for (int i = 0; i < count; i++) {
        asked |= strcmp(lines[i].what, "correction") == 0 &&
                 lines[i].at.us / SECOND_US == c->e->now.us / SECOND_US;
    }
    return asked;
}

/* The correction that waits is taken back: what was told stands. */
static int withdraw(struct call *c, struct session_row *s) {
    int r = standing_tell(c->e, s, STANDING_UNCHANGED);

    clear_review(s);
    r = r < 0 ? r : session_update(c->e->store, s, s->state, s->revision);
    r = r < 0 ? r : note(c, s, "unchanged");
    r = r < 0 ? r : duty_drop_session(c->e, s->id, TASK_APPROVE);
    return r < 0 ? r : call_audit(c, s->id, s->outcome);
}

static int ask_review(struct call *c, struct session_row *s, const struct outcome_code *code) {
    int r = text_copy(s->review_outcome, sizeof s->review_outcome, code->code);

    r = r < 0 ? r : text_copy(s->review_by, sizeof s->review_by, c->as);
    s->review_at = c->e->now;
    r = r < 0 ? r : session_update(c->e->store, s, s->state, s->revision);
    r = r < 0 ? r : note(c, s, "correction");
    r = r < 0 ? r : standing_tell(c->e, s, STANDING_UNDER_REVIEW);
    r = r < 0 ? r : follow_up_approval(c->e, s);
    return r < 0 ? r : call_audit(c, s->id, code->code);
}

/* Its practitioner, or whoever has the participant now. */
static bool holds(struct call *c, const struct session_row *s) {
    struct noun_row participant;

    return strcmp(c->as, s->practitioner) == 0 ||
           (noun_find(c->e->store, NOUN_PARTICIPANT, s->participant, &c->e->arena, &participant) ==
                0 &&
            strcmp(noun_value(&participant, "practitioner"), c->as) == 0);
}

static int check_correction(struct call *c, const struct session_row *s,
                            const struct outcome_code *code, bool withdraws) {
    if (!may_decide(c, s) && !holds(c, s)) {
        return call_refuse(c, 403,
                           "--as %s: only the session's or the participant's practitioner, a "
                           "supervisor or the participant's officer corrects its outcome",
                           c->as);
    }
    if (s->state != SESSION_RECORDED) {
        return call_refuse(c, 409, "%s: has no outcome yet; use session outcome", c->id);
    }
    if (!(s->flags & SESSION_MISS_TOLD)) {
        return call_refuse(c, 409,
                           "%s: nobody was told of this outcome yet: use session %s to replace it",
                           c->id, *s->told_outcome ? "decide" : "outcome");
    }
    if (withdraws) {
        return 200;
    }
    if (*s->review_outcome) {
        return call_refuse(c, 409,
                           "%s: waits for the approval of %s already: approve it, or withdraw it "
                           "by correcting to %s",
                           c->id, s->review_outcome, s->outcome);
    }
    if (code && strcmp(code->code, s->outcome) == 0) {
        return call_refuse(c, 409, "%s: its outcome is %s already", c->id, s->outcome);
    }
    if (asked_this_second(c, s)) {
        return call_refuse(c, 409,
                           "%s: a correction of it was asked for in this very second; give the "
                           "command again",
                           c->id);
    }
    return check_code(c, s, code);
}

int session_command_correct(struct call *c) {
    const struct outcome_code *code = outcome_find(&c->e->setup.config->outcomes, c->id2);
    struct session_row s;
    int status = find_session(c, &s);
    const bool withdraws = status == 200 && code && *s.review_outcome &&
                           strcmp(code->code, s.outcome) == 0;

    status = status == 200 ? check_correction(c, &s, code, withdraws) : status;
    if (status != 200) {
        return status;
    }
    return answer(c, &s, withdraws ? withdraw(c, &s) : ask_review(c, &s, code));
}

/* ---- approve ---- */

static int write_approval(struct call *c, struct session_row *s) {
    const struct outcome_code *code = outcome_find(&c->e->setup.config->outcomes,
                                                   s->review_outcome);
    const struct outcome_code *told = outcome_find(&c->e->setup.config->outcomes, s->told_outcome);
    const enum session_state from = s->state;
    int r = code ? session_next(from, SESSION_CORRECT, &s->state) : -EUCLEAN;

    if (r == 0 && told && told->miss && code->miss) {
        r = standing_still_missed(c->e, s, code);
    }
    r = r < 0 ? r : text_copy(s->outcome, sizeof s->outcome, code->code);
    r = r < 0 ? r : text_copy(s->recorded_by, sizeof s->recorded_by, c->as); /* who decides it */
    set_recorded_at(c, s);
    s->verdict++;
    r = r < 0 ? r : course_tell(c->e, s);
    clear_review(s);
    r = r < 0 ? r : keep(c, s, from, "corrected", TASK_APPROVE);
    return r < 0 ? r : misses_fewer(c->e, s->participant); /* counted by the rows */
}

int session_command_approve(struct call *c) {
    struct session_row s;
    int status = find_session(c, &s);

    if (status != 200) {
        return status;
    }
    if (!may_decide(c, &s)) {
        return refuse_decider(c);
    }
    if (!*s.review_outcome) {
        return call_refuse(c, 409, "%s: there is no correction to approve", c->id);
    }
    if (strcmp(c->as, s.review_by) == 0) {
        return call_refuse(c, 403,
                           "--as %s: has asked for this correction; a second person "
                           "approves it",
                           c->as);
    }
    status = answer(c, &s, write_approval(c, &s));
    return status == 200 ? session_put_surplus(c, &s) : status;
}
