/* Tasks that follow from an outcome or a change of status: plan what is owed, approve a correction,
 * tell somebody that their appointments are cancelled.
 *
 * Each has an owner, a next owner and the next working day as its end. Where the people cannot be
 * read the operator is alarmed: a task that nobody has is a task that nobody does. */
#include "follow_up.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

static int nobody(struct engine *e, const char *subject, int error, const char *what) {
    return turn_trouble(error)
               ? error
               : turn_alarm(e, "no_owner", subject, 0,
                            arena_printf(&e->arena,
                                         "%s: %s, and nobody can be given the task: a person must "
                                         "look at it.",
                                         subject, what));
}

bool follow_up_out_of_reach(const char *because) {
    static const char *const causes[] = {"deceased", "custody", "remand", "recall", "warrant"};

    for (size_t i = 0; i < ARRAY_COUNT(causes); i++) {
        if (strcmp(because, causes[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* All attempts of its number. */
static int list_attempts(struct engine *e, const struct session_row *s,
                         struct session_row **ret_rows) {
    enum { ATTEMPTS_MAX = PROGRAMME_SESSIONS_MAX * 4 };
    const struct session_filter filter = {.participant = s->participant};
    struct session_row *rows = arena_alloc(&e->arena, ATTEMPTS_MAX, sizeof *rows);
    const int count = session_list(e->store, &filter, rows, ATTEMPTS_MAX);
    int found = 0;

    for (int i = 0; i < count; i++) {
        if (rows[i].number == s->number) {
            rows[found++] = rows[i];
        }
    }
    *ret_rows = rows;
    return count < 0 ? count : found;
}

/* Another reason for the same loss gives nobody a second task, nor does another attempt. */
static int has_catch_up(struct engine *e, const struct session_row *s) {
    enum { TASKS_MAX = 64 };
    struct task_row *rows = arena_alloc(&e->arena, TASKS_MAX, sizeof *rows);
    struct session_row *attempts;
    const int attempt_count = list_attempts(e, s, &attempts);
    bool found = false;

    for (int k = 0; k < attempt_count; k++) {
        const int count = task_list(e->store, attempts[k].id, true, "", rows, TASKS_MAX);
        for (int i = 0; i < count; i++) {
            found |= rows[i].kind == TASK_CATCH_UP;
        }
        if (count < 0) {
            return count;
        }
    }
    return attempt_count < 0 ? attempt_count : found;
}

int follow_up_no_catch_up(struct engine *e, const struct session_row *s) {
    struct session_row *attempts;
    const int count = list_attempts(e, s, &attempts);

    for (int i = 0; i < count; i++) {
        const int r = duty_drop_session(e, attempts[i].id, TASK_CATCH_UP);
        if (r < 0) {
            return r;
        }
    }
    return count < 0 ? count : 0;
}

int follow_up_catch_up(struct engine *e, const struct session_row *s) {
    struct duty_owner worker;
    int r = has_catch_up(e, s);

    if (r != 0) {
        return r < 0 ? r : 0;
    }
    r = duty_worker(e, s->participant, &worker);
    r = r < 0 ? r
              : duty_give(e, &worker,
                          (struct duty_start){
                              .kind = TASK_CATCH_UP,
                              .participant = s->participant,
                              .session = s->id,
                              .about = arena_printf(&e->arena, "verdict-%" PRIu32, s->verdict)});
    return r < 0 ? nobody(e, s->id, r, "a session is owed in its place") : r;
}

int follow_up_cancelled(struct engine *e, const char *participant, uint32_t ordinal) {
    struct duty_owner worker;
    int r = duty_worker(e, participant, &worker);

    r = r < 0 ? r
              : duty_give(e, &worker,
                          (struct duty_start){
                              .kind = TASK_TELL_CANCELLED,
                              .participant = participant,
                              .session = "",
                              .about = arena_printf(&e->arena, "left-%" PRIu32, ordinal)});
    return r < 0 ? nobody(e, participant, r, "their appointments are cancelled") : r;
}

int follow_up_approver(struct engine *e, const char *asked_by, const char *first,
                       struct duty_owner *ret_approver) {
    enum { LINE_MAX = 16 };
    struct duty_owner next;
    int r = duty_chief(e, first, ret_approver);

    for (int i = 0; r == 0 && i < LINE_MAX && strcmp(ret_approver->id, asked_by) == 0; i++) {
        r = duty_chief(e, ret_approver->next, ret_approver);
    }
    if (r == 0 && strcmp(ret_approver->next, asked_by) == 0) {
        const int found = duty_chief(e, asked_by, &next);
        ret_approver->next = next.next; /* "" where their row cannot be read */
        r = turn_trouble(found) ? found : 0;
    }
    return r;
}

int follow_up_approval(struct engine *e, const struct session_row *s) {
    struct duty_owner approver;
    const int r = follow_up_approver(e, s->review_by, chain_supervisor(e, s->id, s->participant),
                                     &approver);

    if (r < 0) {
        return nobody(e, s->id, r, "its outcome is under review and waits for a second person");
    }
    return duty_give(e, &approver,
                     (struct duty_start){.kind = TASK_APPROVE,
                                         .participant = s->participant,
                                         .session = s->id,
                                         .about = arena_printf(&e->arena, "review-%" PRId64,
                                                               s->review_at.us / SECOND_US)});
}
