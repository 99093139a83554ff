/* Escalation chains and tasks: one chain an audience, guarded steps, the policy they began with,
 * what is due. */
#include "store_world.h"

static struct escalation_row get(struct world *w, const char *id) {
    struct escalation_row row = {0};

    assert_int_equal(escalation_find(w->store, id, &w->arena, &row), 0);
    return row;
}

static void assert_policy(const struct escalation_policy *a, const struct escalation_policy *b) {
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->audience, b->audience);
    assert_int_equal(a->step_count, b->step_count);
    assert_int_equal(a->acknowledged_days, b->acknowledged_days);
    for (uint32_t i = 0; i < a->step_count; i++) {
        assert_int_equal(a->steps[i].target, b->steps[i].target);
        assert_int_equal(a->steps[i].wait.us, b->steps[i].wait.us);
        assert_int_equal(a->steps[i].wait_most.us, b->steps[i].wait_most.us);
        assert_int_equal(a->steps[i].channel, b->steps[i].channel);
        assert_int_equal(a->steps[i].clock, b->steps[i].clock);
    }
}

static void assert_same(const struct escalation_row *a, const struct escalation_row *b) {
    assert_string_equal(a->id, b->id);
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->audience, b->audience);
    assert_string_equal(a->advocate, b->advocate);
    assert_string_equal(a->participant, b->participant);
    assert_string_equal(a->session, b->session);
    assert_int_equal(a->state, b->state);
    assert_policy(&a->policy, &b->policy);
    assert_int_equal(a->at.step, b->at.step);
    assert_int_equal(a->at.cycle, b->at.cycle);
    assert_int_equal(a->generation, b->generation);
    assert_string_equal(a->told, b->told);
    assert_string_equal(a->topic, b->topic);
    assert_int_equal(a->opened_at.us, b->opened_at.us);
    assert_int_equal(a->happened_at.us, b->happened_at.us);
    assert_int_equal(a->wake_at.us, b->wake_at.us);
    assert_string_equal(a->acknowledged_by, b->acknowledged_by);
    assert_int_equal(a->acknowledged_at.us, b->acknowledged_at.us);
    assert_string_equal(a->resolved_by, b->resolved_by);
    assert_true((a->resolved_because == NULL) == (b->resolved_because == NULL));
    if (a->resolved_because && b->resolved_because) {
        assert_string_equal(a->resolved_because, b->resolved_because);
    }
    assert_int_equal(a->exhausted, b->exhausted);
}

static struct escalation_policy largest_policy(enum escalation_kind kind, enum audience audience) {
    struct escalation_policy p = {.kind = kind,
                                  .audience = audience,
                                  .step_count = ESCALATION_STEPS_MAX,
                                  .acknowledged_days = 9999};

    for (uint32_t i = 0; i < p.step_count; i++) {
        p.steps[i] = (struct escalation_step){(enum escalation_target)(i % ESCALATION_TARGET_COUNT),
                                              {3653 * DAY_US - i},
                                              {3653 * DAY_US},
                                              i % 2 ? STEP_BY_TEXT : STEP_BY_MAIL,
                                              i % 3 == 0};
    }
    return p;
}

static void chains_come_back_as_they_went_in(void **state) {
    struct world *w = *state;

    for (size_t kind = 0; kind < ESCALATION_KIND_COUNT; kind++) {
        struct escalation_row e = escalation_sample("S-1");
        e.kind = (enum escalation_kind)kind;
        e.audience = kind % 2 ? AUDIENCE_ADVOCATE : AUDIENCE_SUPERVISOR;
        assert_int_equal(text_copy(e.advocate, sizeof e.advocate, kind % 2 ? "A-1" : ""), 0);
        e.policy = kind ? largest_policy(e.kind, e.audience) : e.policy;
        world_begin(w);
        assert_int_equal(escalation_insert(w->store, &e), 1);
        world_commit(w);
        assert_true(id_valid(e.id));
        const struct escalation_row born = get(w, e.id);
        assert_same(&born, &e);
        e.state = ESCALATION_RESOLVED;
        e.wake_at = INSTANT_NEVER;
        e.at = (struct escalation_position){2, 7};
        e.generation = 9;
        e.exhausted = true;
        e.acknowledged_at = at_minute(4);
        e.resolved_because = "it was a mistake";
        assert_int_equal(text_copy(e.told, sizeof e.told, "V-1"), 0);
        assert_int_equal(text_copy(e.topic, sizeof e.topic, "missed_confirmed"), 0);
        assert_int_equal(text_copy(e.acknowledged_by, sizeof e.acknowledged_by, "V-1"), 0);
        assert_int_equal(text_copy(e.resolved_by, sizeof e.resolved_by, "V-2"), 0);
        assert_int_equal(escalation_update(w->store, &e, ESCALATION_OPEN, 0), 0);
        const struct escalation_row changed = get(w, e.id);
        assert_same(&changed, &e);
    }
}

/* Two audiences, two chains; and a chain for each advocate, blind to each other. */
static void a_chain_is_opened_once(void **state) {
    struct world *w = *state;
    struct escalation_row rows[7];

    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        rows[i] = escalation_sample("S-1");
    }
    rows[1].kind = ESCALATION_UNRECORDED;
    rows[2].audience = AUDIENCE_ADVOCATE;
    rows[3].audience = AUDIENCE_ADVOCATE;
    assert_int_equal(text_copy(rows[3].advocate, sizeof rows[3].advocate, "A-1"), 0);
    assert_int_equal(text_copy(rows[4].session, sizeof rows[4].session, "S-2"), 0);
    assert_int_equal(text_copy(rows[5].participant, sizeof rows[5].participant, "P-2"), 0);
    rows[6].happened_at.us++;
    world_begin(w);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct escalation_row again;
        assert_int_equal(escalation_insert(w->store, &rows[i]), 1);
        again = rows[i];
        again.opened_at = at_minute(50);
        assert_int_equal(escalation_insert(w->store, &again), 0);
        assert_string_equal(again.id, rows[i].id);
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(rows[j].id, rows[i].id);
        }
    }
    world_commit(w);
    assert_int_equal(get(w, rows[0].id).opened_at.us, T0);
}

/* An id that another chain has by chance is an error that somebody sees, not a chain that was never
 * opened. */
static void a_taken_id_is_not_taken_for_the_same_chain(void **state) {
    struct world *w = *state;
    struct escalation_row e = escalation_sample("S-1");
    struct task_row t = task_sample("S-1", TASK_PHONE);

    assert_int_equal(escalation_insert(w->store, &e), 1);
    (void)raw_run(w, "UPDATE escalation SET session='S-2'");
    assert_int_equal(escalation_insert(w->store, &e), -EEXIST);
    assert_int_equal(task_insert(w->store, &t), 1);
    (void)raw_run(w, "UPDATE task SET dedup_key='another'");
    assert_int_equal(task_insert(w->store, &t), -EEXIST);
}

static void updates_are_guarded(void **state) {
    struct world *w = *state;
    struct escalation_row e = escalation_sample("S-1");

    world_begin(w);
    assert_int_equal(escalation_insert(w->store, &e), 1);
    e.state = ESCALATION_WAITING;
    e.generation = 1;
    for (size_t from = 1; from < ESCALATION_STATE_COUNT; from++) {
        assert_int_equal(escalation_update(w->store, &e, (enum escalation_state)from, 0), -ESTALE);
    }
    assert_int_equal(escalation_update(w->store, &e, ESCALATION_OPEN, 1), -ESTALE);
    assert_int_equal(get(w, e.id).state, ESCALATION_OPEN);
    assert_int_equal(escalation_update(w->store, &e, ESCALATION_OPEN, 0), 0);
    assert_int_equal(escalation_update(w->store, &e, ESCALATION_OPEN, 0), -ESTALE);
    assert_int_equal(escalation_update(w->store, &e, ESCALATION_WAITING, 0),
                     -ESTALE); /* an older link */
    assert_int_equal(escalation_update(w->store, &e, ESCALATION_WAITING, 1), 0);
    assert_int_equal(text_copy(e.id, sizeof e.id, "E-NONE"), 0);
    assert_int_equal(escalation_update(w->store, &e, ESCALATION_WAITING, 1), -ESTALE);
    assert_int_equal(escalation_find(w->store, "E-NONE", &w->arena, &e), -ENOENT);
    world_commit(w);
}

static void what_never_ends_has_a_timer(void **state) {
    struct world *w = *state;
    struct escalation_row e = escalation_sample("S-1");
    struct task_row t = task_sample("S-1", TASK_PHONE);

    world_begin(w);
    e.wake_at = INSTANT_NEVER;
    for (size_t s = 0; s < ESCALATION_STATE_COUNT; s++) {
        e.state = (enum escalation_state)s;
        const int r = escalation_insert(w->store, &e);
        assert_int_equal(r, s == ESCALATION_RESOLVED ? 1 : -EINVAL);
    }
    t.wake_at = INSTANT_NEVER;
    assert_int_equal(task_insert(w->store, &t), -EINVAL);
    t.state = TASK_DROPPED;
    assert_int_equal(task_insert(w->store, &t), 1);
    store_rollback(w->store);
}

static void due_chains_come_earliest_first(void **state) {
    struct world *w = *state;
    char ids[4][ID_SIZE], wanted[4][ID_SIZE];

    world_begin(w);
    for (int i = 0; i < 4; i++) {
        struct escalation_row e = escalation_sample(arena_printf(&w->arena, "S-%d", i));
        e.wake_at = at_minute(10 * (4 - i));
        assert_int_equal(escalation_insert(w->store, &e), 1);
        memcpy(wanted[3 - i], e.id, ID_SIZE);
    }
    world_commit(w);
    assert_int_equal(escalation_due(w->store, at_minute(9), ids, 4), 0);
    assert_int_equal(escalation_due(w->store, at_minute(20), ids, 4), 2);
    assert_string_equal(ids[0], wanted[0]);
    assert_string_equal(ids[1], wanted[1]);
    assert_int_equal(escalation_due(w->store, at_minute(99), ids, 3), 3);
    assert_int_equal(store_quarantine(w->store, "escalation", wanted[0], at_minute(0)), 0);
    assert_int_equal(escalation_due(w->store, at_minute(99), ids, 4), 3);
    assert_string_equal(ids[0], wanted[1]);
}

/* ---- lists ---- */

enum { MIXED = 48 };

static bool matches(const struct escalation_row *e, const struct escalation_filter *f) {
    return (!f->session || strcmp(e->session, f->session) == 0) &&
           (!f->participant || strcmp(e->participant, f->participant) == 0) &&
           (!f->advocate || strcmp(e->advocate, f->advocate) == 0) &&
           (!f->open || e->state != ESCALATION_RESOLVED);
}

static void all_filters_hold_together(void **state) {
    struct world *w = *state;
    static struct escalation_row all[MIXED + 1], page[5];

    world_begin(w);
    for (int i = 0; i < MIXED; i++) {
        struct escalation_row e = escalation_sample(i & 1 ? "S-1" : "S-2");
        e.happened_at = at_minute(i);
        assert_int_equal(text_copy(e.participant, sizeof e.participant, i & 2 ? "P-1" : "P-2"), 0);
        assert_int_equal(text_copy(e.advocate, sizeof e.advocate, i & 4 ? "A-1" : ""), 0);
        if (i % 3 == 0) {
            e.state = ESCALATION_RESOLVED;
            e.wake_at = INSTANT_NEVER;
        }
        assert_int_equal(escalation_insert(w->store, &e), 1);
    }
    world_commit(w);
    assert_int_equal(
        escalation_list(w->store, &(struct escalation_filter){0}, "", &w->arena, all, MIXED + 1),
        MIXED);
    for (unsigned bits = 0; bits < 16; bits++) {
        const struct escalation_filter filter = {.session = bits & 1 ? "S-1" : NULL,
                                                 .participant = bits & 2 ? "P-1" : NULL,
                                                 .advocate = bits & 4 ? "A-1" : NULL,
                                                 .open = bits & 8};
        char after[ID_SIZE] = "";
        int count, at = 0;
        while ((count = escalation_list(w->store, &filter, after, &w->arena, page,
                                        ARRAY_COUNT(page))) > 0) {
            for (int i = 0; i < count; i++, at++) {
                while (at < MIXED && !matches(&all[at], &filter)) {
                    at++;
                }
                assert_true(at < MIXED);
                assert_same(&page[i], &all[at]);
            }
            memcpy(after, page[count - 1].id, sizeof after);
        }
        assert_int_equal(count, 0);
        while (at < MIXED && !matches(&all[at], &filter)) {
            at++;
        }
        assert_int_equal(at, MIXED);
    }
}

/* ---- tasks ---- */

static void assert_same_task(const struct task_row *a, const struct task_row *b) {
    assert_string_equal(a->id, b->id);
    assert_int_equal(a->kind, b->kind);
    assert_string_equal(a->owner, b->owner);
    assert_string_equal(a->next_owner, b->next_owner);
    assert_string_equal(a->participant, b->participant);
    assert_string_equal(a->session, b->session);
    assert_string_equal(a->about, b->about);
    assert_int_equal(a->created_at.us, b->created_at.us);
    assert_int_equal(a->due.us, b->due.us);
    assert_int_equal(a->wake_at.us, b->wake_at.us);
    assert_int_equal(a->reminded, b->reminded);
    assert_int_equal(a->state, b->state);
    assert_string_equal(a->done_by, b->done_by);
}

static void tasks_are_opened_once_and_guarded(void **state) {
    struct world *w = *state;

    for (size_t kind = 0; kind < TASK_KIND_COUNT; kind++) {
        struct task_row t = task_sample("S-1", (enum task_kind)kind), read_back = {0}, again = t;
        world_begin(w);
        assert_int_equal(task_insert(w->store, &t), 1);
        again.due = at_minute(1);
        assert_int_equal(task_insert(w->store, &again), 0);
        assert_string_equal(again.id, t.id);
        assert_int_equal(task_find(w->store, t.id, &read_back), 0);
        assert_same_task(&read_back, &t);
        assert_int_equal(task_update(w->store, &t, TASK_DONE), -ESTALE);
        assert_int_equal(text_copy(t.owner, sizeof t.owner, "V-1"), 0);
        assert_int_equal(text_copy(t.next_owner, sizeof t.next_owner, ""), 0);
        assert_int_equal(text_copy(t.done_by, sizeof t.done_by, "V-1"), 0);
        t.due = at_minute(5);
        t.wake_at = INSTANT_NEVER;
        t.reminded = 3;
        t.state = TASK_DONE;
        assert_int_equal(task_update(w->store, &t, TASK_OPEN), 0);
        assert_int_equal(task_update(w->store, &t, TASK_OPEN), -ESTALE);
        assert_int_equal(task_find(w->store, t.id, &read_back), 0);
        assert_same_task(&read_back, &t);
        assert_int_equal(task_insert(w->store, &again), 0); /* not even after it was done */
        world_commit(w);
    }
    struct task_row none = {.id = "untouched"};
    assert_int_equal(task_find(w->store, "T-NONE", &none), -ENOENT);
    assert_string_equal(none.id, "untouched");
}

static void tasks_are_listed_and_due(void **state) {
    struct world *w = *state;
    struct task_row rows[20];
    char ids[20][ID_SIZE], after[ID_SIZE] = "";
    int count, total = 0;

    world_begin(w);
    for (int i = 0; i < 18; i++) {
        struct task_row t = task_sample(i % 2 ? "S-1" : "S-2",
                                        (enum task_kind)(i % TASK_KIND_COUNT));
        struct text about = TEXT_IN(t.about);
        text_addf(&about, "M-%d", i);
        t.wake_at = at_minute(18 - i);
        if (i % 3 == 0) {
            t.state = TASK_DROPPED;
            t.wake_at = INSTANT_NEVER;
        }
        assert_int_equal(task_insert(w->store, &t), 1);
    }
    world_commit(w);
    assert_int_equal(task_list(w->store, NULL, false, "", rows, 20), 18);
    assert_int_equal(task_list(w->store, NULL, true, "", rows, 20), 12);
    assert_int_equal(task_list(w->store, "S-1", false, "", rows, 20), 9);
    assert_int_equal(task_list(w->store, "S-1", true, "", rows, 20), 6);
    assert_int_equal(task_list(w->store, "S-9", true, "", rows, 20), 0);
    while ((count = task_list(w->store, "S-1", true, after, rows, 4)) > 0) {
        for (int i = 0; i < count; i++) {
            assert_true(strcmp(i ? rows[i - 1].id : after, rows[i].id) < 0);
            assert_string_equal(rows[i].session, "S-1");
            assert_int_equal(rows[i].state, TASK_OPEN);
        }
        memcpy(after, rows[count - 1].id, ID_SIZE);
        total += count;
    }
    assert_int_equal(total, 6);
    count = task_due(w->store, at_minute(9), ids, 20);
    assert_int_equal(count, 6); /* 18-i <= 9 and open: 10, 11, 13, 14, 16, 17 */
    for (int i = 1; i < count; i++) {
        struct task_row a, b;
        assert_int_equal(task_find(w->store, ids[i - 1], &a), 0);
        assert_int_equal(task_find(w->store, ids[i], &b), 0);
        assert_true(instant_cmp(a.wake_at, b.wake_at) < 0);
    }
    assert_int_equal(store_quarantine(w->store, "task", ids[0], at_minute(0)), 0);
    assert_int_equal(task_due(w->store, at_minute(9), ids, 20), 5);
}

/* ---- rows that nobody of us wrote ---- */

static void bad_chains_do_not_read(void **state) {
    struct world *w = *state;
    static const char *const changes[] = {
        "kind='hunch'",
        "audience='victim'",
        "state='asleep'",
        "state=hex(zeroblob(20))",
        "advocate=hex(zeroblob(17))",
        "policy=''",
        "policy='3'",
        "policy='x'",
        "policy='-1 supervisor/1/1/mh'",
        "policy='3 nobody/1/1/mh'",
        "policy='3 supervisor/1'",
        "policy='3 supervisor/1/1/mh '",
        "policy='3 supervisor/1/1/mh1'",
        "policy='3 supervisor/1/1'",
        "policy='3 supervisor/1/1/m'",
        "policy='3 supervisor/1/1/xh'",
        "policy='3 supervisor/1/1/mx'",
        "policy='3 supervisor/-1/1/mh'",
        "policy='3 supervisor/1/999999999999999999/mh'",
        "policy='3 supervisor/99999999999999999999999/1/mh'",
        "policy='99999 supervisor/1/1/mh'",
        "policy='3'||replace(hex(zeroblob(9)),'00',' supervisor/1/1/mh')",
        "policy=hex(zeroblob(300))",
        "policy=CAST(x'3320737570657276697372722f312f3100' AS TEXT)",
        "step=-1",
        "cycle=4294967296",
        "generation=-1",
        "told=hex(zeroblob(17))",
        "topic=hex(zeroblob(17))",
        "opened_us=9000000000000000000",
        "happened_us=9000000000000000000",
        "wake_us=9000000000000000000",
        "acknowledged_us=9000000000000000000",
        "acknowledged_by=hex(zeroblob(17))",
        "resolved_by=hex(zeroblob(17))",
        "resolved_because=zeroblob(40)",
    };

    for (size_t i = 0; i < ARRAY_COUNT(changes); i++) {
        struct escalation_row bad = escalation_sample("S-1"), good = escalation_sample("S-2"),
                              rows[3], row = {.id = "untouched"};
        (void)raw_run(w, "DELETE FROM escalation");
        assert_int_equal(escalation_insert(w->store, &bad), 1);
        assert_int_equal(escalation_insert(w->store, &good), 1);
        assert_int_equal(
            raw_run(w, arena_printf(&w->arena, "UPDATE escalation SET %s WHERE id='%s'", changes[i],
                                    bad.id)),
            1);
        if (escalation_find(w->store, bad.id, &w->arena, &row) != -EUCLEAN) {
            fail_msg("%s: was read", changes[i]);
        }
        assert_string_equal(row.id, "untouched");
        const struct escalation_filter filter = {.participant = "P-1"};
        assert_int_equal(escalation_list(w->store, &filter, "", &w->arena, rows, 3), -EUCLEAN);
        assert_int_equal(escalation_list(w->store, &filter, "", &w->arena, rows, 3), -EUCLEAN);
        assert_int_equal(store_quarantine(w->store, "escalation", bad.id, at_minute(0)), 0);
        assert_int_equal(escalation_list(w->store, &filter, "", &w->arena, rows, 3), 1);
        assert_string_equal(rows[0].id, good.id);
    }
}

static void bad_tasks_do_not_read(void **state) {
    struct world *w = *state;
    static const char *const changes[] = {
        "kind='chore'",
        "kind=hex(zeroblob(20))",
        "state='waiting'",
        "owner=hex(zeroblob(17))",
        "next_owner=hex(zeroblob(17))",
        "participant=hex(zeroblob(17))",
        "about=hex(zeroblob(36))",
        "created_us=9000000000000000000",
        "due_us=9000000000000000000",
        "wake_us=9000000000000000000",
        "reminded=-1",
        "done_by=hex(zeroblob(17))",
        "owner=CAST(x'0041' AS TEXT)",
    };

    for (size_t i = 0; i < ARRAY_COUNT(changes); i++) {
        struct task_row bad = task_sample("S-1", TASK_PHONE),
                        good = task_sample("S-1", TASK_RECORD), rows[3], row = {.id = "untouched"};
        (void)raw_run(w, "DELETE FROM task");
        assert_int_equal(task_insert(w->store, &bad), 1);
        assert_int_equal(task_insert(w->store, &good), 1);
        assert_int_equal(raw_run(w, arena_printf(&w->arena, "UPDATE task SET %s WHERE id='%s'",
                                                 changes[i], bad.id)),
                         1);
        if (task_find(w->store, bad.id, &row) != -EUCLEAN) {
            fail_msg("%s: was read", changes[i]);
        }
        assert_string_equal(row.id, "untouched");
        assert_int_equal(task_list(w->store, "S-1", false, "", rows, 3), -EUCLEAN);
        assert_int_equal(store_quarantine(w->store, "task", bad.id, at_minute(0)), 0);
        assert_int_equal(task_list(w->store, "S-1", false, "", rows, 3), 1);
        assert_string_equal(rows[0].id, good.id);
    }
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        T(chains_come_back_as_they_went_in),
        T(a_chain_is_opened_once),
        T(a_taken_id_is_not_taken_for_the_same_chain),
        T(updates_are_guarded),
        T(what_never_ends_has_a_timer),
        T(due_chains_come_earliest_first),
        T(all_filters_hold_together),
        T(tasks_are_opened_once_and_guarded),
        T(tasks_are_listed_and_due),
        T(bad_chains_do_not_read),
        T(bad_tasks_do_not_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
