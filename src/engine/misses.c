/* What misses add up to. Two in a row are for a supervisor to review; enforceable outcomes of the
 * last twelve months are counted, and for a sentence of a court the count comes with what the law
 * says of it (Sentencing Act 2020, Schedule 10, paragraph 6).
 *
 * Everything is counted anew from the sessions as they are, so a correction counts by itself. Must
 * never decide anything: a person does, on what is shown. */
#include "misses.h"

#include <inttypes.h>
#include <string.h>

#include "alert.h"

enum { MISSES_SESSIONS_MAX = PROGRAMME_SESSIONS_MAX * 4, ENFORCEABLE_MONTHS = 12 };

static int recorded_sessions(struct engine *e, const char *participant,
                             struct session_row **ret_rows) {
    const struct session_filter filter = {.participant = participant, .state = "recorded"};
    struct session_row *rows = arena_alloc(&e->arena, MISSES_SESSIONS_MAX, sizeof *rows);

    *ret_rows = rows;
    return session_list(e->store, &filter, rows, MISSES_SESSIONS_MAX);
}

/* Misses in a row up to this session, without it. */
static int misses_before(struct engine *e, const struct session_row *s, uint32_t *ret_count) {
    const char *codes[MISSES_SESSIONS_MAX];
    struct session_row *rows;
    const int count = recorded_sessions(e, s->participant, &rows);
    size_t used = 0;

    for (int i = 0; i < count && instant_cmp(rows[i].start_at, s->start_at) < 0; i++) {
        codes[used++] = rows[i].outcome;
    }
    *ret_count = outcome_misses_in_a_row(&e->setup.config->outcomes, codes, used);
    return count < 0 ? count : 0;
}

static bool is_miss(struct engine *e, const struct session_row *s) {
    const struct outcome_code *code = outcome_find(&e->setup.config->outcomes, s->outcome);

    return code && code->miss;
}

int misses_in_a_row(struct engine *e, const struct session_row *s, uint32_t *ret_count) {
    uint32_t before;
    const int r = misses_before(e, s, &before);

    *ret_count = r == 0 && is_miss(e, s) ? 1 + before : 0;
    return r;
}

/* One that was dropped does not stand for the next. */
static int dropped_before(struct engine *e, const struct session_row *s, enum task_kind kind) {
    enum { TASKS_MAX = 64 };
    struct task_row *rows = arena_alloc(&e->arena, TASKS_MAX, sizeof *rows);
    const int count = task_list(e->store, s->id, false, "", rows, TASKS_MAX);
    int dropped = 0;

    for (int i = 0; i < count; i++) {
        dropped += rows[i].kind == kind && rows[i].state == TASK_DROPPED;
    }
    return count < 0 ? count : dropped;
}

static int open_review(struct engine *e, const struct session_row *s, enum task_kind kind) {
    struct duty_owner chief;
    const int r = duty_chief(e, chain_supervisor(e, s->id, s->participant), &chief),
              dropped = dropped_before(e, s, kind);

    if (r < 0) {
        return turn_trouble(r) ? r : 0; /* the miss itself has alarmed that there is nobody */
    }
    if (dropped < 0) {
        return dropped;
    }
    return duty_give(
        e, &chief,
        (struct duty_start){.kind = kind,
                            .participant = s->participant,
                            .session = s->id,
                            .about = dropped ? arena_printf(&e->arena, "again-%d", dropped) : ""});
}

/* Those after it that were told before it was: recorded late, or corrected to a miss. *ret_last:
 * the last miss of them. */
static int misses_after(struct engine *e, const struct session_row *s, uint32_t *ret_count,
                        struct session_row *ret_last) {
    struct session_row *rows;
    const int count = recorded_sessions(e, s->participant, &rows);

    *ret_count = 0;
    *ret_last = *s;
    for (int i = 0; i < count; i++) {
        const struct outcome_code *code = outcome_find(&e->setup.config->outcomes, rows[i].outcome);
        if (instant_cmp(rows[i].start_at, s->start_at) <= 0 ||
            !(rows[i].flags & SESSION_MISS_TOLD) || !code) {
            continue;
        }
        if (code->attended == ATTENDED_YES) {
            break;
        }
        if (code->miss) {
            *ret_last = rows[i];
            (*ret_count)++;
        }
    }
    return count < 0 ? count : 0;
}

enum { FOUR = 4 };

int misses_review(struct engine *e, const struct session_row *s) {
    const struct config *config = e->setup.config;
    const bool miss = is_miss(e, s);
    struct session_row last;
    uint32_t before = 0, after = 0;
    int r = misses_before(e, s, &before);

    r = r < 0 ? r : misses_after(e, s, &after, &last);
    const uint32_t row = before + miss + after;

    if (r < 0 || (!miss && (before == 0 || after == 0))) {
        return r;
    }
    if (row >= config->review_after_misses) {
        r = open_review(e, &last, TASK_REVIEW_MISSES);
    }
    /* Once for a run: without this one it was shorter than four. */
    if (r == 0 && config->four_miss_prompt && before < FOUR && after < FOUR && row >= FOUR) {
        r = open_review(e, &last, TASK_FOUR_MISSES);
    }
    return r;
}

/* Is it still in a row of as many as there must be? One that was excused is none of them, and ends
 * nothing. */
static int still_in_a_row(struct engine *e, const struct task_row *task) {
    const uint32_t most = task->kind == TASK_FOUR_MISSES ? FOUR
                                                         : e->setup.config->review_after_misses;
    const char *codes[MISSES_SESSIONS_MAX];
    struct session_row *rows, s, last;
    const int count = recorded_sessions(e, task->participant, &rows);
    uint32_t after = 0;
    size_t used = 0;
    int r = count < 0 ? count : session_find(e->store, task->session, &s);

    for (int i = 0; i < count && r == 0 && instant_cmp(rows[i].start_at, s.start_at) <= 0; i++) {
        codes[used++] = rows[i].outcome;
    }
    const uint32_t upto = outcome_misses_in_a_row(&e->setup.config->outcomes, codes, used);

    r = r < 0 || upto == 0 ? r : misses_after(e, &s, &after, &last);
    return r < 0 ? r : upto + after >= most;
}

int misses_fewer(struct engine *e, const char *participant) {
    enum { TASKS_MAX = 64 };
    struct task_row *rows = arena_alloc(&e->arena, TASKS_MAX, sizeof *rows);
    char after[ID_SIZE] = "";
    int count;

    while ((count = task_list_participant(e->store, participant, after, rows, TASKS_MAX)) > 0) {
        memcpy(after, rows[count - 1].id, sizeof after);
        for (int i = 0; i < count; i++) {
            const bool review = rows[i].kind == TASK_REVIEW_MISSES ||
                                rows[i].kind == TASK_FOUR_MISSES;
            const int still = review ? still_in_a_row(e, &rows[i]) : 1;
            const int r = still == 0 ? duty_drop(e, &rows[i]) : still;
            if (r < 0) {
                return r;
            }
        }
    }
    return count;
}

static const char *advice(struct engine *e, const char *route, int count) {
    if (strcmp(route, "sentence") != 0 || count == 0) {
        return NULL;
    }
    return count == 1
               ? "one enforceable failure in 12 months: a warning or a referral is for the "
                 "responsible officer to decide (Sentencing Act 2020, Schedule 10, paragraph 6)"
               : arena_printf(&e->arena,
                              "%d enforceable failures in 12 months: where a warning was given in "
                              "that time the matter must be referred to an enforcement officer "
                              "(Sentencing Act 2020, Schedule 10, paragraph 6)",
                              count);
}

int misses_put(struct engine *e, const char *participant, json_t *object) {
    const struct date today = zone_civil(turn_zone(e, e->setup.config->timezone), e->now).date;
    const struct date first = date_add_months(today, -ENFORCEABLE_MONTHS);
    struct session_row *rows;
    struct noun_row person;
    const int rows_count = recorded_sessions(e, participant, &rows);
    int count = 0;

    for (int i = 0; i < rows_count; i++) {
        const struct outcome_code *code = outcome_find(&e->setup.config->outcomes, rows[i].outcome);
        count += code && code->enforceable && date_cmp(rows[i].start.date, first) > 0;
    }
    const int r = rows_count < 0 ? rows_count
                                 : turn_noun_find(e, NOUN_PARTICIPANT, participant, &person);

    if (r < 0) {
        return r;
    }
    const char *text = advice(e, noun_value(&person, "route"), count);

    (void)json_object_set_new(object, "enforceable_12_months", json_integer(count));
    (void)json_object_set_new(object, "advice", text ? json_string(text) : json_null());
    return 0;
}
