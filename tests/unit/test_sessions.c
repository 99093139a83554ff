/* Sessions: guarded updates, lists by several filters, what is due, history, versions of feeds. */
#include "store_world.h"

static void add(struct world *w, const struct session_row *row) {
    const int r = session_insert(w->store, row);

    if (r != 0) {
        fail_msg("%s: %s", row->id, strerror(-r));
    }
}

/* Numbers 1 to count for P-1. */
static void plan(struct world *w, uint32_t count) {
    world_begin(w);
    for (uint32_t n = 1; n <= count; n++) {
        const struct session_row s = session_sample("P-1", n);
        add(w, &s);
    }
    world_commit(w);
}

static struct session_row get(struct world *w, const char *id) {
    struct session_row row = {0};

    assert_int_equal(session_find(w->store, id, &row), 0);
    return row;
}

static void assert_same(const struct session_row *a, const struct session_row *b) {
    assert_string_equal(a->id, b->id);
    assert_string_equal(a->participant, b->participant);
    assert_string_equal(a->practitioner, b->practitioner);
    assert_string_equal(a->office, b->office);
    assert_int_equal(a->number, b->number);
    assert_int_equal(a->of, b->of);
    assert_int_equal(a->attempt, b->attempt);
    assert_string_equal(a->module, b->module);
    assert_int_equal(civil_cmp(a->start, b->start), 0);
    assert_string_equal(a->zone, b->zone);
    assert_int_equal(a->start_at.us, b->start_at.us);
    assert_int_equal(a->minutes, b->minutes);
    assert_string_equal(a->mode, b->mode);
    assert_string_equal(a->uid, b->uid);
    assert_int_equal(a->revision, b->revision);
    assert_int_equal(a->revised_at.us, b->revised_at.us);
    assert_int_equal(a->state, b->state);
    assert_string_equal(a->outcome, b->outcome);
    assert_int_equal(a->recorded_at.us, b->recorded_at.us);
    assert_string_equal(a->recorded_by, b->recorded_by);
    assert_int_equal(a->flags, b->flags);
    assert_int_equal(a->steps_done, b->steps_done);
    assert_int_equal(a->wake_at.us, b->wake_at.us);
}

static void sessions_come_back_as_they_went_in(void **state) {
    struct world *w = *state;
    struct session_row s = session_sample("P-1", 3);

    s.flags = SESSION_ASKED | SESSION_CHANGED;
    s.steps_done = UINT32_MAX;
    s.revision = 7;
    world_begin(w);
    add(w, &s);
    world_commit(w);
    struct session_row read_back = get(w, s.id);
    assert_same(&s, &read_back);
    s.start.second = 0;
    s.state = SESSION_RECORDED;
    s.wake_at = INSTANT_NEVER;
    assert_int_equal(text_copy(s.practitioner, sizeof s.practitioner, "W-2"), 0);
    assert_int_equal(text_copy(s.office, sizeof s.office, "O-2"), 0);
    assert_int_equal(text_copy(s.zone, sizeof s.zone, "Europe/Dublin"), 0);
    assert_int_equal(text_copy(s.mode, sizeof s.mode, "phone"), 0);
    assert_int_equal(text_copy(s.outcome, sizeof s.outcome, "ATTC"), 0);
    assert_int_equal(text_copy(s.recorded_by, sizeof s.recorded_by, "W-2"), 0);
    s.start = (struct civil){{2027, 3, 28}, 9, 15, 0};
    s.start_at = at_minute(99);
    s.minutes = 60;
    s.revision = 8;
    s.revised_at = at_minute(5);
    s.recorded_at = at_minute(6);
    s.flags = 15;
    s.steps_done = 0;
    world_begin(w);
    assert_int_equal(session_update(w->store, &s, SESSION_PLANNED, 7), 0);
    world_commit(w);
    read_back = get(w, s.id);
    assert_same(&s, &read_back);
}

static void nothing_is_found_where_nothing_is(void **state) {
    struct world *w = *state;
    struct session_row row = {.id = "untouched"};

    assert_int_equal(session_find(w->store, "S-9", &row), -ENOENT);
    assert_string_equal(row.id, "untouched");
    assert_int_equal(session_due(w->store, at_minute(0), (char[1][ID_SIZE]){{0}}, 1), 0);
    assert_int_equal(session_list(w->store, &(struct session_filter){0}, &row, 1), 0);
}

static void updates_are_guarded(void **state) {
    struct world *w = *state;
    struct session_row s = session_sample("P-1", 1);
    const struct session_row before = s;

    plan(w, 1);
    s.revision = 1;
    world_begin(w);
    assert_int_equal(session_update(w->store, &s, SESSION_PLANNED, 1), -ESTALE);
    assert_int_equal(session_update(w->store, &s, SESSION_AWAITING_OUTCOME, 0), -ESTALE);
    assert_int_equal(session_update(w->store, &s, SESSION_RECORDED, 0), -ESTALE);
    struct session_row other = s;
    assert_int_equal(text_copy(other.id, sizeof other.id, "S-9"), 0);
    assert_int_equal(session_update(w->store, &other, SESSION_PLANNED, 0), -ESTALE);
    const struct session_row unchanged = get(w, s.id);
    assert_same(&unchanged, &before);
    assert_int_equal(session_update(w->store, &s, SESSION_PLANNED, 0), 0);
    assert_int_equal(session_update(w->store, &s, SESSION_PLANNED, 0),
                     -ESTALE); /* twice from the same look */
    world_commit(w);
}

static void what_identifies_a_session_is_unique(void **state) {
    struct world *w = *state;
    static const struct {
        const char *id, *uid, *practitioner, *participant;
        uint32_t number, attempt;
        int64_t minute;
        int r;
    } rows[] = {
        {"S-P-1-01", "u", "W-1", "P-1", 2, 1, 9999, -EEXIST},   /* id */
        {"S-new", "P-1-01", "W-1", "P-1", 2, 1, 9999, -EEXIST}, /* uid */
        {"S-new", "u", "W-1", "P-1", 1, 1, 9999, -EEXIST},      /* participant, number, attempt */
        {"S-new", "u", "W-1", "P-2", 1, 1, 60,
         -EEXIST}, /* a practitioner is in one place at a time */
        {"S-new", "u", "W-9", "P-1", 2, 1, 9999, -ENOENT},
        {"S-new", "u", "W-1", "P-9", 2, 1, 9999, -ENOENT},
        {"", "u", "W-1", "P-1", 2, 1, 9999, -EINVAL},
        {"S-new", "u", "W-1", "P-1", 13, 1, 9999, -EINVAL}, /* 13 of 12 */
        {"S-new", "u", "W-1", "P-1", 2, 0, 9999, -EINVAL},
        {"S-new", "u", "W-2", "P-2", 1, 1, 60, 0},
        {"S-new", "u", "W-1", "P-1", 1, 2, 9999, 0},
    };

    plan(w, 1);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct session_row s = session_sample("P-1", 2);
        assert_int_equal(text_copy(s.id, sizeof s.id, rows[i].id), 0);
        assert_int_equal(text_copy(s.uid, sizeof s.uid, rows[i].uid), 0);
        assert_int_equal(text_copy(s.practitioner, sizeof s.practitioner, rows[i].practitioner), 0);
        assert_int_equal(text_copy(s.participant, sizeof s.participant, rows[i].participant), 0);
        s.number = rows[i].number;
        s.attempt = rows[i].attempt;
        s.start_at = at_minute(rows[i].minute);
        world_begin(w);
        assert_int_equal(session_insert(w->store, &s), rows[i].r);
        store_rollback(w->store);
    }
}

static void a_cancelled_time_is_free_again(void **state) {
    struct world *w = *state;
    struct session_row s = session_sample("P-1", 1), t = session_sample("P-2", 1);

    plan(w, 1);
    s.state = SESSION_CANCELLED;
    s.wake_at = INSTANT_NEVER;
    world_begin(w);
    assert_int_equal(session_insert(w->store, &t), -EEXIST);
    assert_int_equal(session_update(w->store, &s, SESSION_PLANNED, 0), 0);
    assert_int_equal(session_insert(w->store, &t), 0);
    s.state = SESSION_PLANNED; /* and cannot be taken back */
    s.wake_at = s.start_at;
    assert_int_equal(session_update(w->store, &s, SESSION_CANCELLED, 0), -EEXIST);
    world_commit(w);
}

static void what_could_not_be_read_is_not_written(void **state) {
    struct world *w = *state;
    struct session_row s = session_sample("P-1", 1);

    world_begin(w);
    s.start_at.us = INT64_MAX - 1;
    assert_int_equal(session_insert(w->store, &s), -EINVAL);
    s = session_sample("P-1", 1);
    s.wake_at.us = INT64_MIN;
    assert_int_equal(session_insert(w->store, &s), -EINVAL);
    s = session_sample("P-1", 1);
    s.start_at = INSTANT_NEVER; /* NULL, and the column does not take it */
    assert_int_equal(session_insert(w->store, &s), -EINVAL);
    s = session_sample("P-1", 1);
    assert_int_equal(session_insert(w->store, &s), 0);
    world_commit(w);
}

/* ---- lists ---- */

/* Sessions of two participants, practitioners and offices, mixed; every third is cancelled. */
enum { MIXED = 48 };

static void add_mixed(struct world *w) {
    world_begin(w);
    for (uint32_t i = 0; i < MIXED; i++) {
        struct session_row s = session_sample(i % 2 ? "P-1" : "P-2", i / 2 + 1);
        s.of = MIXED;
        assert_int_equal(
            text_copy(s.practitioner, sizeof s.practitioner, i / 2 % 2 ? "W-1" : "W-2"), 0);
        assert_int_equal(text_copy(s.office, sizeof s.office, i / 4 % 2 ? "O-1" : "O-2"), 0);
        s.start_at = at_minute((i * 31) % MIXED * 60);
        s.wake_at = s.start_at;
        if (i % 3 == 0) {
            s.state = SESSION_CANCELLED;
            s.wake_at = INSTANT_NEVER;
        }
        add(w, &s);
    }
    world_commit(w);
}

static bool matches(const struct session_row *s, const struct session_filter *f) {
    return (!f->participant || strcmp(s->participant, f->participant) == 0) &&
           (!f->practitioner || strcmp(s->practitioner, f->practitioner) == 0) &&
           (!f->office || strcmp(s->office, f->office) == 0) &&
           (!f->state || strcmp(session_state_to_text(s->state), f->state) == 0) &&
           (!f->live || s->state != SESSION_CANCELLED) &&
           (f->from.us == 0 || s->start_at.us >= f->from.us) &&
           (f->to.us == 0 || s->start_at.us < f->to.us);
}

static struct session_filter filter_number(unsigned bits) {
    return (struct session_filter){.participant = bits & 1 ? "P-1" : NULL,
                                   .practitioner = bits & 2 ? "W-1" : NULL,
                                   .office = bits & 4 ? "O-1" : NULL,
                                   .state = bits & 8 ? "planned" : NULL,
                                   .live = bits & 16,
                                   .from = {bits & 32 ? at_minute(600).us : 0},
                                   .to = {bits & 64 ? at_minute(1800).us : 0}};
}

static int compare_sessions(const void *a, const void *b) {
    const struct session_row *s = a, *t = b;
    const int order = instant_cmp(s->start_at, t->start_at);

    return order ? order : strcmp(s->id, t->id);
}

static void all_filters_hold_together(void **state) {
    struct world *w = *state;
    static struct session_row all[MIXED + 1], rows[MIXED + 1], expected[MIXED];

    add_mixed(w);
    assert_int_equal(session_list(w->store, &(struct session_filter){0}, all, MIXED + 1), MIXED);
    qsort(all, MIXED, sizeof *all, compare_sessions);
    for (unsigned bits = 0; bits < 128; bits++) {
        const struct session_filter filter = filter_number(bits);
        int count = 0;
        for (int i = 0; i < MIXED; i++) {
            if (matches(&all[i], &filter)) {
                expected[count++] = all[i];
            }
        }
        assert_int_equal(session_list(w->store, &filter, rows, MIXED + 1), count);
        for (int i = 0; i < count; i++) {
            assert_same(&rows[i], &expected[i]);
        }
        const int some =
            count > 3 ? 3
                      : count; /* the first ones that match, not what matches of the first ones */
        assert_int_equal(session_list(w->store, &filter, rows, 3), some);
        for (int i = 0; i < some; i++) {
            assert_string_equal(rows[i].id, expected[i].id);
        }
    }
}

static void due_sessions_come_earliest_first(void **state) {
    struct world *w = *state;
    char ids[4][ID_SIZE];

    plan(w, 6);
    assert_int_equal(session_due(w->store, at_minute(59), ids, 4), 0);
    assert_int_equal(session_due(w->store, at_minute(60), ids, 4), 1);
    assert_string_equal(ids[0], "S-P-1-01");
    assert_int_equal(session_due(w->store, at_minute(6 * 60), ids, 4), 4);
    assert_string_equal(ids[3], "S-P-1-04");
    assert_int_equal(store_quarantine(w->store, "session", "S-P-1-02", at_minute(0)), 0);
    assert_int_equal(session_due(w->store, at_minute(6 * 60), ids, 4), 4);
    assert_string_equal(ids[1], "S-P-1-03");
    assert_int_equal(store_quarantine(w->store, "session", "S-9", at_minute(0)), -ENOENT);
    assert_int_equal(store_quarantine(w->store, "office", "O-1", at_minute(0)), -ENOENT);
}

static void outcomes_in_use(void **state) {
    struct world *w = *state;
    struct session_row s = session_sample("P-1", 1);

    plan(w, 2);
    assert_int_equal(session_outcome_used(w->store, "ATTC"), 0);
    s.state = SESSION_RECORDED;
    assert_int_equal(text_copy(s.outcome, sizeof s.outcome, "ATTC"), 0);
    assert_int_equal(session_update(w->store, &s, SESSION_PLANNED, 0), 0);
    assert_int_equal(session_outcome_used(w->store, "ATTC"), 1);
    assert_int_equal(session_outcome_used(w->store, "AFTC"), 0);
}

/* ---- history ---- */

static void history_keeps_its_order(void **state) {
    struct world *w = *state;
    struct session_history_row rows[5];

    plan(w, 2);
    world_begin(w);
    for (int i = 0; i < 4; i++) {
        const struct session_history_row row = {
            .at = at_minute(10 - i), /* the clock was set back */
            .what = i ? "moved" : "planned",
            .start = {{2027, 1, (uint8_t)(i + 1)}, 9, 0, 0},
            .zone = "Europe/London",
            .outcome = i == 3 ? "ATTC" : NULL,
            .by = i == 2 ? "participant" : NULL,
            .actor = i == 1 ? "root" : NULL,
            .reason = i ? arena_printf(&w->arena, "reason %d", i) : NULL,
            .notice_minutes = i - 1};
        assert_int_equal(session_history_add(w->store, "S-P-1-01", &row), 0);
    }
    assert_int_equal(session_history_add(w->store, "S-9",
                                         &(struct session_history_row){.what = "x", .zone = "z"}),
                     -ENOENT);
    world_commit(w);
    assert_int_equal(session_history_list(w->store, "S-P-1-01", &w->arena, rows, 5), 4);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(rows[i].at.us, at_minute(10 - i).us);
        assert_string_equal(rows[i].what, i ? "moved" : "planned");
        assert_int_equal(rows[i].start.date.day, i + 1);
        assert_string_equal(rows[i].zone, "Europe/London");
        assert_string_equal(rows[i].outcome, i == 3 ? "ATTC" : "");
        assert_string_equal(rows[i].by, i == 2 ? "participant" : "");
        assert_string_equal(rows[i].actor, i == 1 ? "root" : "");
        assert_int_equal(rows[i].notice_minutes, i - 1);
        if (i) {
            assert_string_equal(rows[i].reason, arena_printf(&w->arena, "reason %d", i));
        } else {
            assert_null(rows[i].reason);
        }
    }
    assert_int_equal(session_history_list(w->store, "S-P-1-01", &w->arena, rows, 2), 2);
    assert_int_equal(session_history_list(w->store, "S-P-1-02", &w->arena, rows, 5), 0);
}

/* ---- versions of feeds ---- */

static uint64_t version(struct world *w, const struct session_filter *filter) {
    uint64_t v = 0;
    struct instant last = {-1};

    assert_int_equal(session_feed_version(w->store, filter, &v, &last), 0);
    assert_true(last.us >= 0);
    return v;
}

static void a_feed_has_a_new_version_with_each_change(void **state) {
    struct world *w = *state;
    const struct session_filter one = {.practitioner = "W-1",
                                       .from = at_minute(0),
                                       .to = at_minute(240)},
                                two = {.practitioner = "W-2"}, participant = {.participant = "P-1"},
                                office = {.office = "O-1"};
    struct session_row s = session_sample("P-1", 1), far = session_sample("P-1", 9),
                       other = session_sample("P-2", 2);

    const uint64_t empty = version(w, &one);
    assert_true(empty == version(w, &two));
    plan(w, 3);
    const uint64_t v = version(w, &one), p = version(w, &participant), o = version(w, &office);
    assert_true(v != empty && v == version(w, &one));
    assert_true(empty == version(w, &two));
    far.start_at = at_minute(240); /* outside of the window */
    add(w, &far);
    assert_true(v == version(w, &one));
    assert_true(p != version(w, &participant) && o != version(w, &office));
    s.revision = 1; /* moved, and the clock stands still: revised_at is the same */
    s.start_at = at_minute(65);
    assert_int_equal(session_update(w->store, &s, SESSION_PLANNED, 0), 0);
    const uint64_t moved = version(w, &one);
    assert_true(moved != v);
    /* In the same instant one goes to a colleague and another one comes: the same number of
     * sessions, revisions and times. */
    assert_int_equal(text_copy(s.practitioner, sizeof s.practitioner, "W-2"), 0);
    assert_int_equal(session_update(w->store, &s, SESSION_PLANNED, 1), 0);
    other.start_at = at_minute(65);
    other.revision = 1;
    add(w, &other);
    assert_true(version(w, &one) != moved);
    assert_true(version(w, &two) != empty);
}

/* What is recorded does not show in a feed, and must not change it. */
static void outcomes_do_not_change_a_feed(void **state) {
    struct world *w = *state;
    const struct session_filter filter = {.participant = "P-1"};
    struct session_row s = session_sample("P-1", 1);

    plan(w, 2);
    const uint64_t before = version(w, &filter);
    s.state = SESSION_RECORDED;
    s.recorded_at = at_minute(500);
    s.flags = SESSION_MISS_TOLD;
    s.wake_at = INSTANT_NEVER;
    assert_int_equal(text_copy(s.outcome, sizeof s.outcome, "UAAB"), 0);
    assert_int_equal(session_update(w->store, &s, SESSION_PLANNED, 0), 0);
    assert_true(before == version(w, &filter));
}

/* ---- rows that nobody of us wrote ---- */

static void bad_rows_do_not_read(void **state) {
    struct world *w = *state;
    static const char *const changes[] = {
        "state='lost'",
        "state='awaiting_outcome_of_a_session'",
        "start_local=''",
        "start_local='2027-02-29 10:00'",
        "start_local='tomorrow'",
        "start_local='2027-01-15T25:00'",
        "start_us=9223372036854775806",
        "start_us=-9000000000000000000",
        "wake_us=9223372036854775806",
        "number=-1",
        "number=4294967297",
        "of=4294967296",
        "attempt=-1",
        "minutes=99999999999",
        "revision=-5",
        "flags=-1",
        "steps_done=4294967296",
        "outcome='TOO LONG A CODE'",
        "recorded_by=hex(zeroblob(40))",
        "zone=hex(zeroblob(24))",
        "module=hex(zeroblob(30))",
        "mode='by carrier pigeon'",
        "uid=hex(zeroblob(19))",
        "participant=hex(zeroblob(17))",
        "practitioner=CAST(x'570031' AS TEXT)",
        "office=hex(zeroblob(17))",
        "recorded_us=1e18+0",
        "revised_us=CAST(1e18 AS INTEGER)",
    };
    const struct session_filter filter = {.participant = "P-1"};

    plan(w, 2);
    for (size_t i = 0; i < ARRAY_COUNT(changes); i++) {
        struct session_row rows[2], row = {.id = "untouched"};
        assert_int_equal(
            raw_run(w, arena_printf(&w->arena, "UPDATE session SET %s WHERE id='S-P-1-01'",
                                    changes[i])),
            1);
        if (session_find(w->store, "S-P-1-01", &row) != -EUCLEAN) {
            fail_msg("%s: was read", changes[i]);
        }
        assert_string_equal(row.id, "untouched");
        if (strncmp(changes[i], "participant=", 12) != 0 &&
            strncmp(changes[i], "start_us=", 9) != 0) {
            assert_int_equal(session_list(w->store, &filter, rows, 2), -EUCLEAN);
            assert_int_equal(session_list(w->store, &filter, rows, 2),
                             -EUCLEAN); /* no statement was left open */
            /* Set aside, it hides nobody else. */
            assert_int_equal(store_quarantine(w->store, "session", "S-P-1-01", at_minute(0)), 0);
            assert_int_equal(session_list(w->store, &filter, rows, 2), 1);
            assert_string_equal(rows[0].id, "S-P-1-02");
        }
        (void)raw_run(w, "DELETE FROM session WHERE id<>'S-P-1-02'");
        const struct session_row again = session_sample("P-1", 1);
        add(w, &again);
    }
}

/* A row that was set aside but reads well is not hidden: it is somebody's appointment. */
static void what_reads_is_listed_although_set_aside(void **state) {
    struct world *w = *state;
    const struct session_filter filter = {.participant = "P-1"};
    struct session_row rows[3];

    plan(w, 2);
    assert_int_equal(store_quarantine(w->store, "session", "S-P-1-01", at_minute(0)), 0);
    assert_int_equal(session_list(w->store, &filter, rows, 3), 2);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        T(sessions_come_back_as_they_went_in),
        T(nothing_is_found_where_nothing_is),
        T(updates_are_guarded),
        T(what_identifies_a_session_is_unique),
        T(a_cancelled_time_is_free_again),
        T(what_could_not_be_read_is_not_written),
        T(all_filters_hold_together),
        T(due_sessions_come_earliest_first),
        T(outcomes_in_use),
        T(history_keeps_its_order),
        T(a_feed_has_a_new_version_with_each_change),
        T(outcomes_do_not_change_a_feed),
        T(bad_rows_do_not_read),
        T(what_reads_is_listed_although_set_aside),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
