/* What people who were told of a session's outcome hear when it is looked at again: "under review",
 * "it stands after all", "it no longer stands".
 *
 * Who was told is read from the messages themselves: what left, or may have left. Must never tell
 * somebody who heard nothing before (they would learn of it by the correction), nor leave out one
 * who did. */
#include "standing.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "duty.h"
#include "outbox.h"

enum { BATCH = 50 };

static const char *const standing_names[STANDING_COUNT] = {
    [STANDING_UNDER_REVIEW] = "under_review",
    [STANDING_UNCHANGED] = "unchanged",
    [STANDING_STOOD_DOWN] = "stood_down",
};

const char *standing_to_text(enum standing standing) {
    assert((unsigned)standing < STANDING_COUNT);
    return standing_names[standing];
}

/* May it have reached them? What was cancelled or is queued has certainly not, unless an earlier
 * attempt was lost. */
static bool has_left(const struct message_row *m) {
    switch (m->state) {
    case MESSAGE_SENDING:
    case MESSAGE_ACCEPTED:
    case MESSAGE_DELIVERED:
    case MESSAGE_UNDELIVERED: /* a receipt that says otherwise may still come */
    case MESSAGE_UNCERTAIN:
    case MESSAGE_UNKNOWN:
        return true;
    case MESSAGE_QUEUED:
    case MESSAGE_HELD:
    case MESSAGE_CANCELLED:
    case MESSAGE_EXPIRED:
    case MESSAGE_FAILED:
        return m->repeat;
    case MESSAGE_SKIPPED:
        return false;
    }
    return false;
}

/* Did this message tell of the outcome itself? */
static bool tells_outcome(const struct message_row *m) {
    const bool of_chain = m->kind == KIND_ESCALATION || m->kind == KIND_ADVOCATE_NOTICE;

    return of_chain ? strncmp(m->topic, "missed", strlen("missed")) == 0
                    : m->kind == KIND_OFFICER_NOTICE;
}

static bool was_told(const struct session_row *s, const struct message_row *m,
                     enum standing standing) {
    const bool reviewed = *s->review_outcome && m->kind == KIND_STAND_DOWN &&
                          instant_cmp(m->created_at, s->review_at) >= 0 &&
                          strcmp(m->topic, standing_names[STANDING_UNDER_REVIEW]) == 0;

    if (!has_left(m)) {
        return false;
    }
    switch (standing) {
    case STANDING_UNDER_REVIEW:
        return tells_outcome(m) && instant_cmp(m->created_at, s->told_at) >= 0;
    case STANDING_UNCHANGED:
        return reviewed;
    case STANDING_STOOD_DOWN: /* the notice itself may have turned out not to have left */
        return reviewed || (tells_outcome(m) && instant_cmp(m->created_at, s->told_at) >= 0);
    }
    return false;
}

/* round: which review it is about. */
static int tell_round(struct engine *e, const struct session_row *s, enum standing standing,
                      enum audience audience, const char *recipient, struct instant round) {
    struct message_row m = outbox_blank(e, KIND_STAND_DOWN, audience, recipient);
    struct link_row link;
    int r = 0;

    if (audience == AUDIENCE_ADVOCATE) {
        r = link_find(e->store, recipient, s->participant, &e->arena, &link);
        if (r < 0) {
            return r == -ENOENT ? 0 : r; /* unlinked meanwhile */
        }
    }
    m.revision = s->verdict;
    m.step = (uint32_t)(round.us / SECOND_US % UINT32_MAX); /* each review is its own */
    r = text_copy(m.topic, sizeof m.topic, standing_names[standing]);
    memcpy(m.session, s->id, sizeof m.session);
    memcpy(m.participant, s->participant, sizeof m.participant);
    r = r < 0 ? r : outbox_add(e, &m); /* told twice, they hear once: it is the same message */
    return r < 0 ? r : 0;
}

static int tell_one(struct engine *e, const struct session_row *s, enum standing standing,
                    enum audience audience, const char *recipient) {
    return tell_round(e, s, standing, audience, recipient, s->review_at);
}

/* A supervisor hears of what is no miss by the mails of a task, and so does the next owner. */
static bool told_by_task(const struct session_row *s, const struct message_row *m,
                         const struct task_row *tasks, int count) {
    bool told = false;

    for (int i = 0; i < count; i++) {
        told |= tasks[i].kind == TASK_REVIEW && strcmp(tasks[i].id, m->task) == 0 &&
                instant_cmp(tasks[i].created_at, s->told_at) >= 0;
    }
    return told && has_left(m);
}

static int tell_task_readers(struct engine *e, const struct session_row *s,
                             enum standing standing) {
    enum { TASKS_MAX = 64 };
    const struct message_filter filter = {.participant = s->participant, .kind = "task"};
    struct task_row *tasks = arena_alloc(&e->arena, TASKS_MAX, sizeof *tasks);
    struct message_row *rows = arena_alloc(&e->arena, BATCH, sizeof *rows);
    char after[MESSAGE_ID_SIZE] = "";
    const int tasks_count = task_list(e->store, s->id, false, "", tasks, TASKS_MAX);
    int count = tasks_count;

    while (tasks_count > 0 &&
           (count = message_list(e->store, &filter, after, &e->arena, rows, BATCH)) > 0) {
        memcpy(after, rows[count - 1].id, sizeof after);
        for (int i = 0; i < count; i++) {
            const int r = told_by_task(s, &rows[i], tasks, tasks_count)
                              ? tell_one(e, s, standing, rows[i].audience, rows[i].recipient)
                              : 0;
            if (r < 0) {
                return r;
            }
        }
    }
    return count < 0 ? count : 0;
}

/* Another miss is to stand in its place: its first step tells a supervisor who is there, it tells
 * the services if it is for them, and the officer. */
static bool hears_of_new(struct engine *e, const struct session_row *s, const struct message_row *m,
                         const struct outcome_code *code) {
    struct noun_row participant;
    struct person person;

    if (m->audience == AUDIENCE_SUPERVISOR) {
        return strcmp(m->recipient, chain_supervisor(e, s->id, s->participant)) == 0 &&
               person_find(e, AUDIENCE_SUPERVISOR, m->recipient, &person) == 0 &&
               !person.absent_today;
    }
    if (m->audience == AUDIENCE_ADVOCATE) {
        return code->tell & TELL_ADVOCATE;
    }
    return noun_find(e->store, NOUN_PARTICIPANT, s->participant, &e->arena, &participant) == 0 &&
           strcmp(noun_value(&participant, "officer"), m->recipient) == 0;
}

/* still: the other miss that is to stand in its place, or NULL. */
static int tell_all(struct engine *e, const struct session_row *s, enum standing standing,
                    const struct outcome_code *still) {
    const struct message_filter filter = {.session = s->id};
    struct message_row *rows = arena_alloc(&e->arena, BATCH, sizeof *rows);
    char after[MESSAGE_ID_SIZE] = "";
    int count;

    while ((count = message_list(e->store, &filter, after, &e->arena, rows, BATCH)) > 0) {
        memcpy(after, rows[count - 1].id, sizeof after);
        for (int i = 0; i < count; i++) {
            const bool hears = was_told(s, &rows[i], standing) &&
                               !(still && hears_of_new(e, s, &rows[i], still));
            const int r = hears ? tell_one(e, s, standing, rows[i].audience, rows[i].recipient) : 0;
            if (r < 0) {
                return r;
            }
        }
    }
    return count;
}

static int cancel_unsent(struct engine *e, const struct session_row *s) {
    static const char *const kinds[] = {"officer_notice", "missed_contact"};

    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
        const struct message_filter filter = {.session = s->id, .kind = kinds[i]};
        const int r = message_cancel_matching(e->store, &filter, "outcome_changed", e->now);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

int standing_end_chains(struct engine *e, const struct session_row *s, const char *because) {
    return chain_resolve_session(e, s->id, ESCALATION_MISSED, s->recorded_by, because);
}

int standing_tell(struct engine *e, const struct session_row *s, enum standing standing) {
    int r = s->told_at.us == 0 ? 0 : tell_all(e, s, standing, NULL);

    if (s->told_at.us != 0 && standing != STANDING_UNCHANGED) {
        r = r < 0 ? r : tell_task_readers(e, s, standing);
    }
    return r < 0 || standing != STANDING_STOOD_DOWN ? r : cancel_unsent(e, s);
}

int standing_still_missed(struct engine *e, const struct session_row *s,
                          const struct outcome_code *code) {
    return s->told_at.us == 0 ? 0 : tell_all(e, s, STANDING_UNCHANGED, code);
}

/* What the service was last told of it: 1 that it has started, 0 that it has not, or nothing. */
static int heard_started(struct engine *e, const struct link_row *link) {
    const struct message_filter filter = {
        .participant = link->participant, .recipient = link->advocate, .kind = "advocate_notice"};
    struct message_row *rows = arena_alloc(&e->arena, BATCH, sizeof *rows);
    int64_t last = 0;
    char after[MESSAGE_ID_SIZE] = "";
    bool started = false;
    int count;

    while ((count = message_list(e->store, &filter, after, &e->arena, rows, BATCH)) > 0) {
        memcpy(after, rows[count - 1].id, sizeof after);
        for (int i = 0; i < count; i++) {
            const bool yes = strcmp(rows[i].topic, "started") == 0,
                       no = strcmp(rows[i].topic, "not_started") == 0;
            if ((yes || no) && has_left(&rows[i]) && rows[i].written > last) {
                last = rows[i].written;
                started = yes;
            }
        }
    }
    return count < 0 ? count : started;
}

static int not_started(struct engine *e, const struct link_row *link) {
    const int heard = heard_started(e, link);

    return heard <= 0 ? heard : notice_advocate(e, link, "not_started", turn_second(e));
}

int standing_not_started(struct engine *e, const char *participant) {
    struct link_row links[DUTY_LINKS_MAX];
    const int count = duty_links(e, participant, links);

    for (int i = 0; i < count; i++) {
        const int r = not_started(e, &links[i]);
        if (r < 0) {
            return r;
        }
    }
    return count < 0 ? count : 0;
}

/* The last that this service has heard of the session, or NULL. */
static const struct message_row *last_heard(const struct message_row *rows, int count) {
    const struct message_row *last = NULL;

    for (int i = 0; i < count; i++) {
        const bool about = rows[i].kind == KIND_STAND_DOWN || tells_outcome(&rows[i]);
        if (about && has_left(&rows[i]) &&
            (!last || rows[i].written > last->written)) {
            last = &rows[i];
        }
    }
    return last;
}

static int catch_up(struct engine *e, const struct session_row *s, const struct link_row *link) {
    enum { ROWS_MAX = 64 };
    const struct message_filter filter = {
        .session = s->id, .audience = "advocate", .recipient = link->advocate};
    struct message_row *rows = arena_alloc(&e->arena, ROWS_MAX, sizeof *rows);
    const int count = message_list(e->store, &filter, "", &e->arena, rows, ROWS_MAX);
    const struct message_row *last = count < 0 ? NULL : last_heard(rows, count);
    const struct outcome_code *code = outcome_find(&e->setup.config->outcomes, s->told_outcome);
    const bool down = last && strcmp(last->topic, standing_names[STANDING_STOOD_DOWN]) == 0,
               review = last && strcmp(last->topic, standing_names[STANDING_UNDER_REVIEW]) == 0;

    if (count < 0 || !last || !code) {
        return count < 0 ? count : 0;
    }
    if (!code->miss) {
        return down ? 0
                    : tell_round(e, s, STANDING_STOOD_DOWN, AUDIENCE_ADVOCATE, link->advocate,
                                 e->now);
    }
    return review && !*s->review_outcome
               ? tell_round(e, s, STANDING_UNCHANGED, AUDIENCE_ADVOCATE, link->advocate, e->now)
               : 0;
}

int standing_tell_again(struct engine *e, const struct link_row *link) {
    enum { SESSIONS_MAX = PROGRAMME_SESSIONS_MAX * 4 };
    const struct session_filter filter = {.participant = link->participant, .state = "recorded"};
    struct session_row *rows = arena_alloc(&e->arena, SESSIONS_MAX, sizeof *rows);
    const int count = session_list(e->store, &filter, rows, SESSIONS_MAX);

    for (int i = 0; i < count; i++) {
        const int r = (rows[i].flags & SESSION_MISS_TOLD) ? catch_up(e, &rows[i], link) : 0;
        if (r < 0) {
            return r;
        }
    }
    struct participant_state_row status;
    const int r = count < 0 ? count : participant_state_find(e->store, link->participant, &status);

    return r < 0 || status.started ? r : not_started(e, link);
}
