/* Escalation chains and tasks, row by row. A chain keeps the policy it began with, as text. */
#include "cobi/store/chains.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "query.h"

enum { POLICY_TEXT_SIZE = 512 };

/* "DAYS TARGET/WAIT_US/MOST_US/HOW TARGET/WAIT_US/MOST_US/HOW ...", where HOW is m (by mail) or t
 * (by text too), and h (waits in working hours) or c (by the clock). */
static void policy_to_text(const struct escalation_policy *policy, char buffer[POLICY_TEXT_SIZE]) {
    struct text t;

    text_init(&t, buffer, POLICY_TEXT_SIZE);
    text_addf(&t, "%" PRIu32, policy->acknowledged_days);
    assert(policy->step_count > 0 && policy->step_count <= ESCALATION_STEPS_MAX);
    for (uint32_t i = 0; i < policy->step_count; i++) {
        const struct escalation_step *step = &policy->steps[i];
        text_addf(&t, " %s/%" PRId64 "/%" PRId64 "/%c%c", escalation_target_to_text(step->target),
                  step->wait.us, step->wait_most.us, step->channel == STEP_BY_TEXT ? 't' : 'm',
                  step->clock ? 'c' : 'h');
    }
    assert(!t.overflow);
}

/* Waits of years, or into the past, were not written by us: they would strand a chain or make it
 * spin. */
static bool wait_sane(struct span wait) {
    return wait.us >= 0 && wait.us <= 3653 * DAY_US;
}

static int policy_from_text(const char *text, struct escalation_policy *policy) {
    char target[32], channel, clock;
    int used = 0;

    /* The widths keep every number within its type. NOLINTBEGIN(cert-err34-c) */
    if (*text < '0' || *text > '9' ||
        sscanf(text, "%4" SCNu32 "%n", &policy->acknowledged_days, &used) != 1) {
        return -EUCLEAN;
    }
    for (text += used; *text; text += used) {
        struct escalation_step step = {0};
        if (policy->step_count == ESCALATION_STEPS_MAX ||
            sscanf(text, " %31[a-z_]/%18" SCNd64 "/%18" SCNd64 "/%c%c%n", target, &step.wait.us,
                   &step.wait_most.us, &channel, &clock, &used) != 5 ||
            (channel != 'm' && channel != 't') || (clock != 'h' && clock != 'c') ||
            !wait_sane(step.wait) || !wait_sane(step.wait_most) ||
            escalation_target_from_text(target, &step.target) < 0) {
            return -EUCLEAN;
        }
        step.channel = channel == 't' ? STEP_BY_TEXT : STEP_BY_MAIL;
        step.clock = clock == 'c';
        policy->steps[policy->step_count++] = step;
    }
    /* NOLINTEND(cert-err34-c) */
    return policy->step_count > 0 ? 0 : -EUCLEAN;
}

int escalation_insert(struct store *store, struct escalation_row *row) {
    char policy[POLICY_TEXT_SIZE], key[5 * ID_SIZE];
    struct text t = TEXT_IN(key);

    text_addf(&t, "%s/%s/%s/%s/%s/%" PRId64, escalation_kind_to_text(row->kind), row->participant,
              row->session, audience_to_text(row->audience), row->advocate, row->happened_at.us);
    assert(!t.overflow); /* a key that was cut would be taken for another chain's */
    store_derive_id(store, "E", key, 10, row->id);
    policy_to_text(&row->policy, policy);
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_ESCALATION_INSERT);

    bind_text(&q, row->id);
    bind_text(&q, escalation_kind_to_text(row->kind));
    bind_text(&q, audience_to_text(row->audience));
    bind_text(&q, row->advocate);
    bind_text(&q, row->participant);
    bind_text(&q, row->session);
    bind_text(&q, escalation_state_to_text(row->state));
    bind_text(&q, policy);
    bind_int(&q, row->at.step);
    bind_int(&q, row->at.cycle);
    bind_int(&q, row->generation);
    bind_text(&q, row->told);
    bind_text(&q, row->topic);
    bind_instant(&q, row->opened_at);
    bind_instant(&q, row->happened_at);
    bind_instant(&q, row->wake_at);
    bind_text(&q, row->acknowledged_by);
    bind_instant(&q, row->acknowledged_at);
    bind_text(&q, row->resolved_by);
    bind_sealed(&q, "escalation.resolved_because", row->id, row->resolved_because);
    bind_int(&q, row->exhausted);
    bind_sealed(&q, "escalation.because", row->id, row->because);
    return query_run(&q);
}

int escalation_update(struct store *store, const struct escalation_row *row,
                      enum escalation_state from, uint32_t from_generation) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_ESCALATION_UPDATE);

    bind_text(&q, escalation_state_to_text(row->state));
    bind_int(&q, row->at.step);
    bind_int(&q, row->at.cycle);
    bind_int(&q, row->generation);
    bind_text(&q, row->told);
    bind_text(&q, row->topic);
    bind_instant(&q, row->wake_at);
    bind_text(&q, row->acknowledged_by);
    bind_instant(&q, row->acknowledged_at);
    bind_text(&q, row->resolved_by);
    bind_sealed(&q, "escalation.resolved_because", row->id, row->resolved_because);
    bind_int(&q, row->exhausted);
    bind_text(&q, row->id);
    bind_text(&q, escalation_state_to_text(from));
    bind_int(&q, from_generation);
    const int r = query_run(&q);

    return r < 0 ? r : r == 1 ? 0 : -ESTALE;
}

static int read_escalation(struct query *q, struct arena *arena, struct escalation_row *ret_row) {
    struct escalation_row row = {0};
    char kind[24], audience[16], state[16], policy[POLICY_TEXT_SIZE];

    READ_TEXT(q, row.id);
    READ_TEXT(q, kind);
    READ_TEXT(q, audience);
    READ_TEXT(q, row.advocate);
    READ_TEXT(q, row.participant);
    READ_TEXT(q, row.session);
    READ_TEXT(q, state);
    READ_TEXT(q, policy);
    row.at.step = read_count(q);
    row.at.cycle = read_count(q);
    row.generation = read_count(q);
    READ_TEXT(q, row.told);
    READ_TEXT(q, row.topic);
    row.opened_at = read_instant(q);
    row.happened_at = read_instant(q);
    row.wake_at = read_instant(q);
    READ_TEXT(q, row.acknowledged_by);
    row.acknowledged_at = read_instant(q);
    READ_TEXT(q, row.resolved_by);
    row.resolved_because = read_sealed(q, "escalation.resolved_because", row.id, arena);
    row.exhausted = read_int(q) != 0;
    row.because = read_sealed(q, "escalation.because", row.id, arena);
    if (!q->error && (escalation_kind_from_text(kind, &row.kind) < 0 ||
                      audience_from_text(audience, &row.audience) < 0 ||
                      escalation_state_from_text(state, &row.state) < 0 ||
                      policy_from_text(policy, &row.policy) < 0)) {
        query_fail(q, -EUCLEAN);
    }
    if (q->error) {
        return q->error;
    }
    row.policy.kind = row.kind;
    row.policy.audience = row.audience;
    *ret_row = row;
    return 0;
}

int escalation_find(struct store *store, const char *id, struct arena *arena,
                    struct escalation_row *ret_row) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_ESCALATION_FIND);

    bind_text(&q, id);
    const int r = query_row(&q);

    return r > 0 ? read_escalation(&q, arena, ret_row) : r < 0 ? r : -ENOENT;
}

int escalation_due(struct store *store, struct instant now, char (*ret_ids)[ID_SIZE],
                   size_t capacity) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_ESCALATION_DUE);

    bind_instant(&q, now);
    bind_int(&q, (int64_t)capacity);
    return query_ids(&q, "escalation", ret_ids[0], ID_SIZE, capacity);
}

int escalation_list(struct store *store, const struct escalation_filter *filter, const char *after,
                    struct arena *arena, struct escalation_row *ret_rows, size_t capacity) {
    const enum statement statement = filter->session       ? STATEMENT_ESCALATION_OF_SESSION
                                     : filter->participant ? STATEMENT_ESCALATION_OF_PARTICIPANT
                                                           : STATEMENT_ESCALATION_ALL;
    _cleanup_query_ struct query q = query_begin(store, statement);
    size_t count = 0;

    bind_text(&q, filter->session       ? filter->session
                  : filter->participant ? filter->participant
                                        : "");
    bind_text(&q, filter->advocate ? filter->advocate : "");
    bind_int(&q, filter->open);
    bind_text(&q, filter->participant ? filter->participant : "");
    bind_text(&q, after);
    bind_int(&q, (int64_t)capacity);
    while (count < capacity && query_row(&q) > 0) {
        const int r = read_escalation(&q, arena, &ret_rows[count]);
        if (r < 0 && !query_pass_over(&q, r)) {
            return r;
        }
        count += r == 0;
    }
    return q.error ? q.error : (int)count;
}

static const char *const task_kinds[TASK_KIND_COUNT] = {
    [TASK_PHONE] = "phone",
    [TASK_RECORD] = "record_outcome",
    [TASK_DECIDE] = "decide_absence",
    [TASK_CALL_ADVOCATE] = "call_advocate",
    [TASK_CONTACT] = "contact",
    [TASK_CHANGED] = "changed",
    [TASK_REVIEW] = "review_outcome",
    [TASK_NO_TEXTS] = "no_texts",
    [TASK_READ_TEXT] = "read_text",
    [TASK_APPROVE] = "approve_correction",
    [TASK_CATCH_UP] = "plan_catch_up",
    [TASK_TELL_CANCELLED] = "tell_cancelled",
    [TASK_TAKE_OVER] = "take_over",
    [TASK_REVIEW_MISSES] = "review_misses",
    [TASK_FOUR_MISSES] = "four_misses",
};

const char *task_kind_to_text(enum task_kind kind) {
    return task_kinds[kind];
}

static int task_kind_from_text(const char *text, enum task_kind *ret_kind) {
    for (size_t i = 0; i < TASK_KIND_COUNT; i++) {
        if (strcmp(text, task_kinds[i]) == 0) {
            *ret_kind = (enum task_kind)i;
            return 0;
        }
    }
    return -EUCLEAN;
}

int task_insert(struct store *store, struct task_row *row) {
    char key[5 * ID_SIZE + TASK_ABOUT_SIZE];
    struct text t = TEXT_IN(key);

    text_addf(&t, "%s/%s/%s/%s/%s", task_kind_to_text(row->kind), row->participant, row->session,
              row->about, row->owner);
    assert(!t.overflow); /* a key that was cut would be taken for another task's */
    store_derive_id(store, "T", key, 10, row->id);
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_TASK_INSERT);

    bind_text(&q, key);
    bind_text(&q, row->id);
    bind_text(&q, task_kind_to_text(row->kind));
    bind_text(&q, row->owner);
    bind_text(&q, row->next_owner);
    bind_text(&q, row->participant);
    bind_text(&q, row->session);
    bind_text(&q, row->about);
    bind_instant(&q, row->created_at);
    bind_instant(&q, row->due);
    bind_instant(&q, row->wake_at);
    bind_int(&q, row->reminded);
    bind_text(&q, task_state_to_text(row->state));
    bind_text(&q, row->done_by);
    return query_run(&q);
}

static int read_task(struct query *q, struct task_row *ret_row) {
    struct task_row row = {0};
    char kind[24], state[16];

    READ_TEXT(q, row.id);
    READ_TEXT(q, kind);
    READ_TEXT(q, row.owner);
    READ_TEXT(q, row.next_owner);
    READ_TEXT(q, row.participant);
    READ_TEXT(q, row.session);
    READ_TEXT(q, row.about);
    row.created_at = read_instant(q);
    row.due = read_instant(q);
    row.wake_at = read_instant(q);
    row.reminded = read_count(q);
    READ_TEXT(q, state);
    READ_TEXT(q, row.done_by);
    if (!q->error &&
        (task_kind_from_text(kind, &row.kind) < 0 || task_state_from_text(state, &row.state) < 0)) {
        query_fail(q, -EUCLEAN);
    }
    if (q->error) {
        return q->error;
    }
    *ret_row = row;
    return 0;
}

int task_find(struct store *store, const char *id, struct task_row *ret_row) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_TASK_FIND);

    bind_text(&q, id);
    const int r = query_row(&q);

    return r > 0 ? read_task(&q, ret_row) : r < 0 ? r : -ENOENT;
}

int task_update(struct store *store, const struct task_row *row, enum task_state from) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_TASK_UPDATE);

    bind_text(&q, row->owner);
    bind_text(&q, row->next_owner);
    bind_instant(&q, row->due);
    bind_instant(&q, row->wake_at);
    bind_int(&q, row->reminded);
    bind_text(&q, task_state_to_text(row->state));
    bind_text(&q, row->done_by);
    bind_text(&q, row->id);
    bind_text(&q, task_state_to_text(from));
    const int r = query_run(&q);

    return r < 0 ? r : r == 1 ? 0 : -ESTALE;
}

int task_due(struct store *store, struct instant now, char (*ret_ids)[ID_SIZE], size_t capacity) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_TASK_DUE);

    bind_instant(&q, now);
    bind_int(&q, (int64_t)capacity);
    return query_ids(&q, "task", ret_ids[0], ID_SIZE, capacity);
}

static int read_tasks(struct query *q, struct task_row *ret_rows, size_t capacity) {
    size_t count = 0;

    while (count < capacity && query_row(q) > 0) {
        const int r = read_task(q, &ret_rows[count]);
        if (r < 0 && !query_pass_over(q, r)) {
            return r;
        }
        count += r == 0;
    }
    return q->error ? q->error : (int)count;
}

int task_list(struct store *store, const char *session, bool open, const char *after,
              struct task_row *ret_rows, size_t capacity) {
    _cleanup_query_ struct query q = query_begin(store, session ? STATEMENT_TASK_OF_SESSION
                                                                : STATEMENT_TASK_ALL);

    bind_text(&q, session ? session : "");
    bind_int(&q, open);
    bind_text(&q, after);
    bind_int(&q, (int64_t)capacity);
    return read_tasks(&q, ret_rows, capacity);
}

static int list_open(struct store *store, enum statement statement, const char *id,
                     const char *after, struct task_row *ret_rows, size_t capacity) {
    _cleanup_query_ struct query q = query_begin(store, statement);

    bind_text(&q, id);
    bind_text(&q, after);
    bind_int(&q, (int64_t)capacity);
    return read_tasks(&q, ret_rows, capacity);
}

int task_list_participant(struct store *store, const char *participant, const char *after,
                          struct task_row *ret_rows, size_t capacity) {
    return list_open(store, STATEMENT_TASK_OF_PARTICIPANT, participant, after, ret_rows, capacity);
}

int task_list_owner(struct store *store, const char *owner, const char *after,
                    struct task_row *ret_rows, size_t capacity) {
    return list_open(store, STATEMENT_TASK_OF_OWNER, owner, after, ret_rows, capacity);
}
