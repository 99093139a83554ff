/* Tasks with an owner and a deadline, notices that no chain carries, and the walk over due rows
 * that sets a bad one aside. */
#include "duty.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "alert.h"
#include "outbox.h"

int duty_each(struct engine *e, const char *table, char (*ids)[ID_SIZE], size_t count,
              int (*look)(struct engine *e, const char *id)) {
    for (size_t i = 0; i < count; i++) {
        int r = store_part_begin(e->store);
        if (r < 0) {
            return r;
        }
        r = look(e, ids[i]);
        const int ended = store_part_end(e->store, r >= 0);
        if (ended < 0 || turn_trouble(r)) {
            return ended < 0 ? ended : r; /* the store's trouble, not the row's */
        }
        if (r < 0) {
            log_error("%s %s is set aside: %s", table, ids[i], strerror(-r));
            r = store_quarantine(e->store, table, ids[i], e->now);
            r = r < 0 ? r
                      : turn_alarm(e, "quarantine", ids[i], 0,
                                   arena_printf(&e->arena,
                                                "%s %s cannot be worked on and was set aside; a "
                                                "person must look at it.",
                                                table, ids[i]));
            if (r < 0) {
                return r;
            }
        }
    }
    return (int)count;
}

const char *duty_text(enum task_kind kind) {
    static const char *const texts[TASK_KIND_COUNT] = {
        [TASK_PHONE] = "phone the participant: a message did not reach them",
        [TASK_RECORD] = "record the outcome of the session",
        [TASK_DECIDE] = "decide whether the absence is acceptable",
        [TASK_CALL_ADVOCATE] = "call the advocacy service: it has not confirmed what it was sent",
        [TASK_CONTACT] = "contact the participant after the missed session",
        [TASK_CHANGED] = "look at your calendar: a session within two days was changed",
        [TASK_NO_TEXTS] = "they want no more texts: agree another way; attending is still due",
        [TASK_READ_TEXT] = "read the text that the participant has sent",
        [TASK_APPROVE] = "approve the correction of an outcome, or withdraw it",
        [TASK_CATCH_UP] = "plan the session that is owed instead of this one",
        [TASK_TELL_CANCELLED] = "tell the participant that their appointments are cancelled",
        [TASK_REVIEW] = "look at the outcome of a session with the practitioner",
        [TASK_TAKE_OVER] = "take over: participants and sessions are yours now; see your calendar",
        [TASK_REVIEW_MISSES] =
            "review with the practitioner: several sessions in a row were missed",
        [TASK_FOUR_MISSES] = "decide whether the programme goes on: four sessions in a row missed",
    };

    return texts[kind];
}

static enum audience owner_audience(struct engine *e, const char *owner) {
    return noun_exists(e->store, NOUN_SUPERVISOR, owner) ? AUDIENCE_SUPERVISOR
                                                         : AUDIENCE_PRACTITIONER;
}

static int mail_owner(struct engine *e, const struct task_row *task, const char *owner) {
    struct message_row m = outbox_blank(e, KIND_TASK, owner_audience(e, owner), owner);

    m.step = task->reminded;
    memcpy(m.task, task->id, sizeof m.task);
    memcpy(m.participant, task->participant, sizeof m.participant);
    const int r = outbox_add(e, &m);

    return r < 0 ? r : 0;
}

/* Who is away, or whose row cannot be read, cannot begin with it: the next one has it too. */
static int mail_next(struct engine *e, const struct task_row *task) {
    struct person owner;

    if (!*task->next_owner) {
        return 0;
    }
    const int r = person_find(e, owner_audience(e, task->owner), task->owner, &owner);

    if (turn_trouble(r)) {
        return r;
    }
    return r < 0 || owner.absent_today ? mail_owner(e, task, task->next_owner) : 0;
}

static int mail_first(struct engine *e, const struct task_row *task) {
    const int r = mail_owner(e, task, task->owner);

    return r < 0 ? r : mail_next(e, task);
}

int duty_open(struct engine *e, const struct duty_start *start) {
    struct task_row row = {.kind = start->kind,
                           .created_at = e->now,
                           .due = start->due,
                           .wake_at = instant_max(start->due, e->now),
                           .state = TASK_OPEN};
    int r = text_copy(row.owner, sizeof row.owner, start->owner);

    r = r < 0 ? r : text_copy(row.next_owner, sizeof row.next_owner, start->next_owner);
    r = r < 0 ? r : text_copy(row.participant, sizeof row.participant, start->participant);
    r = r < 0 ? r : text_copy(row.session, sizeof row.session, start->session);
    r = r < 0 ? r : text_copy(row.about, sizeof row.about, start->about);
    r = r < 0 ? r : task_insert(e->store, &row);
    if (r <= 0) {
        return r;
    }
    log_info("task %s opened: %s", row.id, task_kind_to_text(row.kind));
    return mail_first(e, &row);
}

int duty_worker(struct engine *e, const char *participant, struct duty_owner *ret_owner) {
    struct noun_row person, practitioner;
    int r = turn_noun_find(e, NOUN_PARTICIPANT, participant, &person);

    ret_owner->id = r < 0 ? "" : noun_value(&person, "practitioner");
    r = r < 0 ? r : turn_noun_find(e, NOUN_PRACTITIONER, ret_owner->id, &practitioner);
    ret_owner->next = r < 0 ? "" : noun_value(&practitioner, "supervisor");
    return r < 0 ? r : person_find(e, AUDIENCE_PRACTITIONER, ret_owner->id, &ret_owner->person);
}

int duty_chief(struct engine *e, const char *supervisor, struct duty_owner *ret_owner) {
    struct noun_row row;
    const int r = turn_noun_find(e, NOUN_SUPERVISOR, supervisor, &row);

    ret_owner->id = supervisor;
    ret_owner->next = r < 0 ? "" : noun_value(&row, "next");
    return r < 0 ? r : person_find(e, AUDIENCE_SUPERVISOR, supervisor, &ret_owner->person);
}

int duty_give(struct engine *e, const struct duty_owner *owner, struct duty_start start) {
    const struct working_time office = turn_office_days(e, owner->person.zone);

    start.owner = owner->id;
    start.next_owner = owner->next;
    start.due = start.due.us ? start.due : working_days_add(&office, e->now, 1);
    return duty_open(e, &start);
}

static int end_task(struct engine *e, struct task_row *row, enum task_event event, const char *by) {
    const enum task_state from = row->state;
    int r = task_next(from, event, &row->state);

    row->wake_at = INSTANT_NEVER;
    r = r < 0 ? r : text_copy(row->done_by, sizeof row->done_by, by);
    return r < 0 ? r : task_update(e->store, row, from);
}

/* A task that is not done goes to its next owner too, and is asked about again each day. */
static int look(struct engine *e, const char *id) {
    struct task_row row;
    struct person owner;
    int r = task_find(e->store, id, &row);

    if (r < 0 || row.state != TASK_OPEN) {
        return r;
    }
    if (row.kind == TASK_CHANGED) {
        return end_task(e, &row, TASK_DROP,
                        "cobid"); /* it only pointed at the calendar, and its time has come */
    }
    if (row.kind == TASK_PHONE) {
        r = alert_unphoned(e, &row);
        if (r < 0) {
            return r;
        }
    }
    row.reminded++;
    /* A practitioner has it in the mail of the day. */
    if (owner_audience(e, row.owner) != AUDIENCE_PRACTITIONER) {
        r = mail_owner(e, &row, row.owner);
    }
    if (r == 0 && *row.next_owner) {
        r = mail_owner(e, &row, row.next_owner);
    }
    r = r < 0 ? r : person_find(e, owner_audience(e, row.owner), row.owner, &owner);
    if (r < 0) {
        return r;
    }
    const struct working_time office = turn_office_days(e, owner.zone);

    row.wake_at = working_days_add(&office, e->now, 1);
    return task_update(e->store, &row, TASK_OPEN);
}

int duty_due(struct engine *e) {
    char ids[TURN_SHARE_MAX][ID_SIZE];
    const int count = task_due(e->store, e->now, ids, TURN_SHARE_MAX);

    return count <= 0 ? count : duty_each(e, "task", ids, (size_t)count, look);
}

int duty_done(struct engine *e, struct task_row *row, const char *by) {
    const int r = end_task(e, row, TASK_COMPLETE, by);

    return r < 0 || row->kind != TASK_PHONE
               ? r
               : alert_phoned(e, row, by, "the participant was phoned");
}

int duty_drop(struct engine *e, struct task_row *row) {
    return end_task(e, row, TASK_DROP, "cobid");
}

int duty_hand_over(struct engine *e, struct task_row *row, const char *owner,
                   const char *next_owner) {
    const bool another = strcmp(row->owner, owner) != 0,
               next = strcmp(row->next_owner, next_owner) != 0;

    if (another && row->kind == TASK_CHANGED) {
        return end_task(e, row, TASK_DROP, "cobid");
    }
    int r = another ? text_copy(row->owner, sizeof row->owner, owner) : 0;

    r = r < 0 ? r : text_copy(row->next_owner, sizeof row->next_owner, next_owner);
    row->reminded += another; /* this mail is none that was sent before */
    r = r < 0 ? r : task_update(e->store, row, TASK_OPEN);
    return r < 0 ? r : another ? mail_first(e, row) : next ? mail_next(e, row) : 0;
}

static int end_of_session(struct engine *e, const char *session, enum task_kind kind,
                          enum task_event event, const char *by) {
    enum { TASKS_MAX = 32 };
    struct task_row *rows = arena_alloc(&e->arena, TASKS_MAX, sizeof *rows);
    char after[ID_SIZE] = "";
    int count;

    while ((count = task_list(e->store, session, true, after, rows, TASKS_MAX)) > 0) {
        memcpy(after, rows[count - 1].id, sizeof after);
        for (int i = 0; i < count; i++) {
            /* A call that was not made in time goes up the line until somebody sees to it. */
            const bool fits = rows[i].kind == kind && (kind != TASK_PHONE || rows[i].reminded == 0);
            const int r = fits ? end_task(e, &rows[i], event, by) : 0;
            if (r < 0) {
                return r;
            }
        }
    }
    return count;
}

int duty_drop_session(struct engine *e, const char *session, enum task_kind kind) {
    return end_of_session(e, session, kind, TASK_DROP, "cobid");
}

int duty_done_session(struct engine *e, const char *session, enum task_kind kind, const char *by) {
    return end_of_session(e, session, kind, TASK_COMPLETE, by);
}

int duty_drop_participant(struct engine *e, const char *participant, unsigned kinds) {
    enum { TASKS_MAX = 64 };
    struct task_row *rows = arena_alloc(&e->arena, TASKS_MAX, sizeof *rows);
    char after[ID_SIZE] = "";
    int count;

    while ((count = task_list_participant(e->store, participant, after, rows, TASKS_MAX)) > 0) {
        memcpy(after, rows[count - 1].id, sizeof after);
        for (int i = 0; i < count; i++) {
            const bool fits = kinds & 1u << rows[i].kind;
            const int r = fits ? end_task(e, &rows[i], TASK_DROP, "cobid") : 0;
            if (r < 0) {
                return r;
            }
        }
    }
    return count;
}

const char *duty_phone_about(struct engine *e, const struct message_row *m) {
    return arena_printf(&e->arena, "%s-%" PRIu32 "-%" PRIu32, message_kind_to_text(m->kind),
                        m->revision, m->step);
}

int duty_drop_phone(struct engine *e, const struct message_row *m) {
    enum { TASKS_MAX = 32 };
    struct task_row rows[TASKS_MAX];
    const char *about = duty_phone_about(e, m);
    const int count = *m->session ? task_list(e->store, m->session, true, "", rows, TASKS_MAX) : 0;

    for (int i = 0; i < count; i++) {
        const bool same = rows[i].kind == TASK_PHONE && strcmp(rows[i].about, about) == 0;
        int r = same ? end_task(e, &rows[i], TASK_DROP, "cobid") : 0;
        r = r < 0 || !same ? r : alert_phoned(e, &rows[i], "cobid", "it arrived after all");
        if (r < 0) {
            return r;
        }
    }
    return count < 0 ? count : 0;
}

/* In time for somebody else to phone before the session, or by when the message had to be there. */
static struct instant phone_by(struct engine *e, const struct message_row *m, struct instant due) {
    struct session_row s;
    const bool about_session = *m->session && session_find(e->store, m->session, &s) == 0;
    const bool moved = m->kind == KIND_CHANGE && m->old_start.date.year != 0;
    struct instant start = about_session ? s.start_at : m->not_after, known;

    if (about_session && moved) { /* to a later day: they set out for the one before */
        (void)zone_resolve(turn_zone(e, s.zone), m->old_start, ZONE_FIRST, &known); /* it was one */
        start = instant_cmp(known, e->now) > 0 ? instant_min(start, known) : start;
    }
    const struct instant last = {about_session ? start.us - HOUR_US : m->not_after.us};
    const bool over = about_session && instant_cmp(start, e->now) <= 0;

    return over ? due : instant_max(e->now, instant_min(due, last));
}

int duty_phone(struct engine *e, const struct message_row *m) {
    struct duty_owner worker;
    const int r = duty_worker(e, m->participant, &worker);

    if (r < 0) {
        return r;
    }
    const struct working_time work = person_working_time(e, &worker.person);
    const struct instant due = working_time_add(&work, e->now, span_hours(2), span_hours(24));

    return duty_give(e, &worker,
                     (struct duty_start){.kind = TASK_PHONE,
                                         .participant = m->participant,
                                         .session = m->session,
                                         .about = duty_phone_about(e, m),
                                         .due = phone_by(e, m, due)});
}

int duty_changed(struct engine *e, const struct session_row *s, struct instant earlier) {
    enum { NEAR_HOURS = 48 };

    if (instant_cmp(earlier, instant_add(e->now, span_hours(NEAR_HOURS))) > 0) {
        return 0;
    }
    return duty_open(
        e, &(struct duty_start){.kind = TASK_CHANGED,
                                .owner = s->practitioner,
                                .next_owner = "",
                                .participant = s->participant,
                                .session = s->id,
                                .about = arena_printf(&e->arena, "revision-%u", s->revision),
                                .due = earlier});
}

int duty_links(struct engine *e, const char *participant,
               struct link_row ret_links[DUTY_LINKS_MAX]) {
    const int count = link_list(e->store, NULL, participant, &e->arena, ret_links, DUTY_LINKS_MAX);

    if (count >= 0 || turn_trouble(count)) {
        return count;
    }
    const int r = turn_alarm(
        e, "links", participant, turn_hour(e),
        arena_printf(&e->arena,
                     "somebody who is to hear of participant %s was not told, because a row cannot "
                     "be read; a person must look at it.",
                     participant));

    return r < 0 ? r : 0;
}

int notice_advocate(struct engine *e, const struct link_row *link, const char *topic,
                    uint32_t ordinal) {
    struct message_row m = outbox_blank(e, KIND_ADVOCATE_NOTICE, AUDIENCE_ADVOCATE, link->advocate);

    if (!link->all) {
        return 0; /* this service asked to hear of missed sessions only */
    }
    m.step = ordinal;
    int r = text_copy(m.topic, sizeof m.topic, topic);

    r = r < 0 ? r : text_copy(m.participant, sizeof m.participant, link->participant);
    r = r < 0 ? r : outbox_add(e, &m);
    return r < 0 ? r : 0;
}

int notice_advocates(struct engine *e, const char *participant, const char *topic,
                     uint32_t ordinal) {
    struct link_row links[DUTY_LINKS_MAX];
    const int count = duty_links(e, participant, links);

    for (int i = 0; i < count; i++) {
        const int r = notice_advocate(e, &links[i], topic, ordinal);
        if (r < 0) {
            return r;
        }
    }
    return count < 0 ? count : 0;
}

int notice_officer(struct engine *e, const struct session_row *s, const char *topic) {
    struct noun_row participant;
    int r = turn_noun_find(e, NOUN_PARTICIPANT, s->participant, &participant);

    if (r < 0) {
        return r;
    }
    const char *officer = noun_value(&participant, "officer");

    if (!*officer) {
        r = turn_alarm(
            e, "no_officer", s->id, 0,
            arena_printf(&e->arena,
                         "participant %s has no responsible officer on record, so nobody there was "
                         "told of session %s: `cobictl participant set %s --officer ID`.",
                         s->participant, s->id, s->participant));
        return r < 0 ? r : 0;
    }
    struct message_row m = outbox_blank(e, KIND_OFFICER_NOTICE, AUDIENCE_OFFICER, officer);

    memcpy(m.session, s->id, sizeof m.session);
    m.revision = s->verdict; /* the same outcome may be told again after a correction */
    memcpy(m.participant, s->participant, sizeof m.participant);
    r = text_copy(m.topic, sizeof m.topic, topic);
    r = r < 0 ? r : outbox_add(e, &m);
    return r < 0 ? r : 0;
}
