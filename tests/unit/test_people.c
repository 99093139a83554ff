/* Nouns, their accounts and contacts, a participant's state, absences and links. */
#include "store_world.h"

static struct noun_row read_noun(struct world *w, enum noun noun, const char *id) {
    struct noun_row row = {0};

    assert_int_equal(noun_find(w->store, noun, id, &w->arena, &row), 0);
    return row;
}

static void nouns_come_back_as_they_went_in(void **state) {
    struct world *w = *state;

    for (size_t n = 0; n < NOUN_COUNT; n++) {
        static const char *const ids[] = {"O-1", "W-1", "V-1", "A-1", "R-1", "P-1"};
        const struct noun_row expected = noun_sample(&w->arena, (enum noun)n, ids[n]);
        const struct noun_row row = read_noun(w, (enum noun)n, ids[n]);
        assert_int_equal(row.noun, n);
        assert_string_equal(row.id, ids[n]);
        for (size_t i = 0; i < noun_tables[n].field_count; i++) {
            assert_string_equal(row.values[i], expected.values[i]);
            assert_string_equal(noun_value(&row, noun_tables[n].fields[i].name),
                                expected.values[i]);
        }
        for (size_t m = 0; m < NOUN_COUNT; m++) {
            assert_int_equal(noun_exists(w->store, (enum noun)m, ids[n]), m == n);
        }
        assert_false(noun_exists(w->store, (enum noun)n, "nobody"));
    }
}

static void what_was_not_given_is_empty(void **state) {
    struct world *w = *state;

    for (size_t n = 0; n < NOUN_COUNT; n++) {
        struct noun_row row = {.noun = (enum noun)n};
        assert_int_equal(text_copy(row.id, sizeof row.id, noun_tables[n].name), 0);
        assert_string_equal(noun_value(&row, noun_tables[n].fields[0].name), "");
        world_begin(w);
        assert_int_equal(noun_insert(w->store, &row), 0);
        world_commit(w);
        row = read_noun(w, (enum noun)n, noun_tables[n].name);
        for (size_t i = 0; i < noun_tables[n].field_count; i++) {
            assert_string_equal(row.values[i], "");
        }
    }
}

static void nobody_is_not_found(void **state) {
    struct world *w = *state;
    struct noun_row row = {.id = "untouched"};

    assert_int_equal(noun_find(w->store, NOUN_ADVOCATE, "P-1", &w->arena, &row), -ENOENT);
    assert_int_equal(noun_find(w->store, NOUN_ADVOCATE, "", &w->arena, &row), -ENOENT);
    assert_string_equal(row.id, "untouched");
    row = noun_sample(&w->arena, NOUN_ADVOCATE, "A-9");
    world_begin(w);
    assert_int_equal(noun_update(w->store, &row), -ENOENT);
    store_rollback(w->store);
}

/* The same staff should not support both sides: one account is one role. */
static void an_account_has_one_role(void **state) {
    struct world *w = *state;

    for (size_t n = 0; n < NOUN_COUNT; n++) {
        const struct noun_row row = noun_sample(&w->arena, (enum noun)n, "A-1");
        world_begin(w);
        assert_int_equal(noun_insert(w->store, &row), -EEXIST);
        store_rollback(w->store);
    }
    assert_string_equal(
        noun_value(&(struct noun_row[]){read_noun(w, NOUN_ADVOCATE, "A-1")}[0], "name"),
        "name of A-1");
}

static int set_field(struct world *w, enum noun noun, const char *id, const char *field,
                     const char *value) {
    struct noun_row row = read_noun(w, noun, id);

    noun_set(&row, field, value);
    world_begin(w);
    const int r = noun_update(w->store, &row);
    if (r < 0) {
        store_rollback(w->store);
    } else {
        world_commit(w);
    }
    return r;
}

static void a_contact_belongs_to_one_person(void **state) {
    struct world *w = *state;

    assert_int_equal(set_field(w, NOUN_PARTICIPANT, "P-1", "mobile", "+447700900001"), 0);
    /* Nobody else may have it, whoever they are, in whatever field; one answer for all. */
    assert_int_equal(set_field(w, NOUN_PARTICIPANT, "P-2", "mobile", "+447700900001"),
                     -ECONNREFUSED);
    assert_int_equal(set_field(w, NOUN_ADVOCATE, "A-1", "phone", "+447700900001"), -ECONNREFUSED);
    assert_int_equal(set_field(w, NOUN_PRACTITIONER, "W-1", "mobile", "+447700900001"),
                     -ECONNREFUSED);
    assert_string_equal(
        noun_value(&(struct noun_row[]){read_noun(w, NOUN_ADVOCATE, "A-1")}[0], "phone"),
        "phone of A-1");
    /* Its owner may keep it, and change everything else. */
    assert_int_equal(set_field(w, NOUN_PARTICIPANT, "P-1", "mobile", "+447700900001"), 0);
    assert_int_equal(set_field(w, NOUN_PARTICIPANT, "P-1", "name", "another name"), 0);
    /* Change it: the old one is free, the new one is not. */
    assert_int_equal(set_field(w, NOUN_PARTICIPANT, "P-1", "mobile", "+447700900002"), 0);
    assert_int_equal(set_field(w, NOUN_PARTICIPANT, "P-2", "mobile", "+447700900002"),
                     -ECONNREFUSED);
    assert_int_equal(set_field(w, NOUN_PARTICIPANT, "P-2", "mobile", "+447700900001"), 0);
    /* Give it up: it is free. */
    assert_int_equal(set_field(w, NOUN_PARTICIPANT, "P-2", "mobile", ""), 0);
    assert_int_equal(set_field(w, NOUN_ADVOCATE, "A-1", "phone", "+447700900001"), 0);
    /* What is not unique may be shared. */
    assert_int_equal(set_field(w, NOUN_OFFICE, "O-1", "phone", "+447700900001"), 0);
    assert_int_equal(set_field(w, NOUN_OFFICE, "O-2", "phone", "+447700900001"), 0);
}

static void a_new_person_cannot_bring_a_taken_contact(void **state) {
    struct world *w = *state;

    for (size_t n = 0; n < NOUN_COUNT; n++) {
        if (!noun_find_field((enum noun)n, "email")) {
            continue;
        }
        struct noun_row row = noun_sample(&w->arena, (enum noun)n, "X-1");
        noun_set(&row, "email", "email of A-2");
        world_begin(w);
        assert_int_equal(store_part_begin(w->store), 0);
        assert_int_equal(noun_insert(w->store, &row), -ECONNREFUSED);
        assert_int_equal(store_part_end(w->store, false), 0);
        world_commit(w);
        assert_false(noun_exists(w->store, (enum noun)n, "X-1"));
    }
}

static void a_refused_change_leaves_the_old_contact_held(void **state) {
    struct world *w = *state;

    assert_int_equal(set_field(w, NOUN_PARTICIPANT, "P-1", "mobile", "mobile of P-2"),
                     -ECONNREFUSED);
    assert_int_equal(set_field(w, NOUN_PARTICIPANT, "P-2", "mobile", "mobile of P-1"),
                     -ECONNREFUSED);
    assert_int_equal(raw_number(w, "SELECT count(*) FROM contact"), 16);
}

static void lists_go_on_after_any_id(void **state) {
    struct world *w = *state;
    char ids[30][ID_SIZE], after[ID_SIZE] = "";
    int total = 0, count;

    world_begin(w);
    for (int i = 10; i < 35; i++) {
        world_add(w, NOUN_SUPERVISOR, arena_printf(&w->arena, "V-%d", i));
    }
    world_commit(w);
    for (size_t capacity = 1; capacity <= 30; capacity += 7) {
        total = 0;
        after[0] = '\0';
        while ((count = noun_list(w->store, NOUN_SUPERVISOR, after, ids, capacity)) > 0) {
            assert_true((size_t)count <= capacity);
            for (int i = 0; i < count; i++) {
                assert_true(strcmp(i ? ids[i - 1] : after, ids[i]) < 0);
            }
            memcpy(after, ids[count - 1], ID_SIZE);
            total += count;
        }
        assert_int_equal(count, 0);
        assert_int_equal(total, 26);
    }
    assert_int_equal(noun_list(w->store, NOUN_SUPERVISOR, "", ids, 0), 0);
}

/* ---- states ---- */

static void states_of_participants(void **state) {
    struct world *w = *state;
    struct participant_state_row row, read_back;

    assert_int_equal(participant_state_find(w->store, "P-1", &row), 0);
    assert_int_equal(row.state, PARTICIPANT_REFERRED);
    assert_int_equal(row.plan_start.year + row.window_end.year + row.changed_at.us + row.started +
                         row.because[0],
                     0);
    for (size_t s = 0; s < PARTICIPANT_STATE_COUNT; s++) {
        row = (struct participant_state_row){.state = (enum participant_state)s,
                                             .plan_start = {2027, 1, 12},
                                             .window_end = {2027, 4, 12},
                                             .changed_at = at_minute(7),
                                             .started = s % 2 == 1,
                                             .because = "custody",
                                             .quiet_from = {2027, 1, 13},
                                             .quiet_told = {2027, 1, 27},
                                             .week_told = {2027, 1, 18},
                                             .wake_at = INSTANT_NEVER};
        if (row.state == PARTICIPANT_ACTIVE || row.state == PARTICIPANT_PAUSED) {
            row.wake_at = at_minute(8);
        }
        world_begin(w);
        assert_int_equal(participant_state_update(w->store, "P-1", &row), 0);
        world_commit(w);
        assert_int_equal(participant_state_find(w->store, "P-1", &read_back), 0);
        assert_int_equal(read_back.state, row.state);
        assert_int_equal(date_cmp(read_back.plan_start, row.plan_start), 0);
        assert_int_equal(date_cmp(read_back.window_end, row.window_end), 0);
        assert_int_equal(read_back.changed_at.us, row.changed_at.us);
        assert_int_equal(read_back.started, row.started);
        assert_string_equal(read_back.because, "custody");
        assert_int_equal(date_cmp(read_back.quiet_from, row.quiet_from), 0);
        assert_int_equal(date_cmp(read_back.quiet_told, row.quiet_told), 0);
        assert_int_equal(date_cmp(read_back.week_told, row.week_told), 0);
        assert_int_equal(read_back.wake_at.us, row.wake_at.us);
    }
    assert_int_equal(participant_state_update(w->store, "P-9", &row), -ENOENT);
    assert_int_equal(participant_state_find(w->store, "P-9", &row), -ENOENT);
    assert_int_equal(participant_state_find(w->store, "A-1", &row), -ENOENT);
}

static void programmes_in_use(void **state) {
    struct world *w = *state;

    assert_int_equal(participant_programme_used(w->store, "programme of P-1"), 1);
    assert_int_equal(participant_programme_used(w->store, "cobi"), 0);
    assert_int_equal(participant_programme_used(w->store, ""), 0);
}

/* ---- absences ---- */

static struct absence_row absence(int day, const char *reason) {
    return (struct absence_row){date_from_days(20000 + day), date_from_days(20000 + day), reason};
}

static void absences_are_listed_by_date(void **state) {
    struct world *w = *state;
    struct absence_row rows[8];

    world_begin(w);
    static const int days[] = {5, 1, 3, 2, 4};
    for (size_t i = 0; i < ARRAY_COUNT(days); i++) {
        const struct absence_row row = absence(days[i], days[i] % 2 ? "leave" : NULL);
        assert_int_equal(absence_insert(w->store, NOUN_PRACTITIONER, "W-1", &row), 0);
    }
    const struct absence_row other = absence(9, "other");
    assert_int_equal(absence_insert(w->store, NOUN_PRACTITIONER, "W-2", &other), 0);
    assert_int_equal(absence_insert(w->store, NOUN_PARTICIPANT, "W-1", &other),
                     0); /* another noun's */
    assert_int_equal(absence_insert(w->store, NOUN_PARTICIPANT, "W-1", &other), -EEXIST);
    world_commit(w);
    assert_int_equal(absence_list(w->store, NOUN_PRACTITIONER, "W-1", &w->arena, rows, 8), 5);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(date_to_days(rows[i].from), 20001 + i);
        assert_int_equal(date_to_days(rows[i].to), 20001 + i);
        assert_string_equal(rows[i].reason, i % 2 == 0 ? "leave" : "");
    }
    assert_int_equal(absence_list(w->store, NOUN_SUPERVISOR, "W-1", &w->arena, rows, 8), 0);
}

/* Years of absences must not hide the ones to come. */
static void of_many_absences_the_latest_are_listed(void **state) {
    struct world *w = *state;
    struct absence_row rows[10];

    world_begin(w);
    for (int day = 0; day < 100; day++) {
        const struct absence_row row = absence(day, "");
        assert_int_equal(absence_insert(w->store, NOUN_PRACTITIONER, "W-1", &row), 0);
    }
    world_commit(w);
    assert_int_equal(absence_list(w->store, NOUN_PRACTITIONER, "W-1", &w->arena, rows, 10), 10);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(date_to_days(rows[i].from), 20090 + i);
    }
}

static void impossible_absences_are_refused(void **state) {
    struct world *w = *state;
    const struct absence_row backwards = {{2027, 2, 2}, {2027, 2, 1}, ""},
                             open = {{2027, 2, 2}, {0}, ""}, none = {{0}, {0}, ""};

    world_begin(w);
    assert_int_equal(absence_insert(w->store, NOUN_PRACTITIONER, "W-1", &backwards), -EINVAL);
    assert_int_equal(absence_insert(w->store, NOUN_PRACTITIONER, "W-1", &open), -EINVAL);
    assert_int_equal(absence_insert(w->store, NOUN_PRACTITIONER, "W-1", &none), -EINVAL);
    store_rollback(w->store);
}

/* ---- links ---- */

static int link_now(struct world *w, const char *advocate, const char *participant,
                    const char *case_ref, bool all, int64_t minute) {
    struct link_row row = {.case_ref = case_ref, .all = all};

    assert_int_equal(text_copy(row.advocate, sizeof row.advocate, advocate), 0);
    assert_int_equal(text_copy(row.participant, sizeof row.participant, participant), 0);
    return link_insert(w->store, &row, at_minute(minute));
}

static void links_come_and_go(void **state) {
    struct world *w = *state;
    struct link_row row = {.advocate = "untouched"};

    world_begin(w);
    assert_int_equal(link_now(w, "A-1", "P-1", "case one", true, 0), 0);
    assert_int_equal(link_now(w, "A-1", "P-1", "case two", false, 1), -EEXIST);
    assert_int_equal(link_now(w, "A-9", "P-1", "case", true, 0), -ENOENT);
    assert_int_equal(link_now(w, "A-1", "P-9", "case", true, 0), -ENOENT);
    assert_int_equal(link_now(w, "P-1", "P-2", "case", true, 0),
                     -ENOENT); /* no participant is an advocate */
    assert_int_equal(link_now(w, "A-1", "P-2", "", true, 0), -EINVAL);
    assert_int_equal(link_find(w->store, "A-1", "P-1", &w->arena, &row), 0);
    assert_string_equal(row.case_ref, "case one");
    assert_true(row.all);
    assert_int_equal(link_remove(w->store, "A-1", "P-1", at_minute(2)), 0);
    assert_int_equal(link_remove(w->store, "A-1", "P-1", at_minute(3)), -ENOENT);
    assert_int_equal(link_find(w->store, "A-1", "P-1", &w->arena, &row), -ENOENT);
    assert_int_equal(link_now(w, "A-1", "P-1", "case three", false, 4), 0);
    assert_int_equal(link_find(w->store, "A-1", "P-1", &w->arena, &row), 0);
    assert_string_equal(row.case_ref, "case three");
    assert_false(row.all);
    world_commit(w);
    assert_int_equal(raw_number(w, "SELECT count(*) FROM link"), 2); /* history */
    assert_int_equal(raw_number(w, "SELECT removed_us FROM link WHERE removed_us IS NOT NULL"),
                     at_minute(2).us);
}

static void links_are_listed_from_both_sides(void **state) {
    struct world *w = *state;
    struct link_row rows[4];

    world_begin(w);
    assert_int_equal(link_now(w, "A-2", "P-1", "r1", true, 0), 0);
    assert_int_equal(link_now(w, "A-1", "P-1", "r2", false, 0), 0);
    assert_int_equal(link_now(w, "A-1", "P-2", "r3", true, 0), 0);
    assert_int_equal(link_remove(w->store, "A-1", "P-2", at_minute(1)), 0);
    assert_int_equal(link_now(w, "A-2", "P-2", "r4", true, 0), 0);
    world_commit(w);
    assert_int_equal(link_list(w->store, NULL, "P-1", &w->arena, rows, 4), 2);
    assert_string_equal(rows[0].advocate, "A-1");
    assert_string_equal(rows[0].case_ref, "r2");
    assert_string_equal(rows[1].advocate, "A-2");
    assert_int_equal(link_list(w->store, "A-1", NULL, &w->arena, rows, 4), 1);
    assert_string_equal(rows[0].participant, "P-1");
    assert_int_equal(link_list(w->store, "A-2", NULL, &w->arena, rows, 4), 2);
    assert_int_equal(link_list(w->store, "A-2", NULL, &w->arena, rows, 1), 1);
    assert_int_equal(link_list(w->store, NULL, "P-9", &w->arena, rows, 4), 0);
}

/* ---- rows that nobody of us wrote ---- */

static int read_state(struct world *w) {
    struct participant_state_row row;
    return participant_state_find(w->store, "P-1", &row);
}

static int read_participant(struct world *w) {
    struct noun_row row;
    return noun_find(w->store, NOUN_PARTICIPANT, "P-1", &w->arena, &row);
}

static int read_absences(struct world *w) {
    struct absence_row rows[2];
    return absence_list(w->store, NOUN_PRACTITIONER, "W-1", &w->arena, rows, 2);
}

static int read_link_row(struct world *w) {
    struct link_row row;
    return link_find(w->store, "A-1", "P-1", &w->arena, &row);
}

static int read_links(struct world *w) {
    struct link_row rows[2];
    return link_list(w->store, NULL, "P-1", &w->arena, rows, 2);
}

static void bad_rows_do_not_read(void **state) {
    struct world *w = *state;
    static const struct {
        const char *sql;
        int (*read)(struct world *w);
    } rows[] = {
        {"UPDATE participant_state SET state='lost' WHERE id='P-1'", read_state},
        {"UPDATE participant_state SET state='referred-and-much-longer-than-any-state' WHERE "
         "id='P-1'",
         read_state},
        {"UPDATE participant_state SET plan_start='2027-02-30' WHERE id='P-1'", read_state},
        {"UPDATE participant_state SET window_end='soon' WHERE id='P-1'", read_state},
        {"UPDATE participant_state SET because='a reason that is too long' WHERE id='P-1'",
         read_state},
        {"UPDATE participant_state SET changed_us=9000000000000000000 WHERE id='P-1'", read_state},
        {"UPDATE participant SET name=x'00' WHERE id='P-1'", read_participant},
        {"UPDATE participant SET name=zeroblob(500) WHERE id='P-1'", read_participant},
        {"UPDATE participant SET route=CAST(x'73006f' AS TEXT) WHERE id='P-1'", read_participant},
        {"UPDATE absence SET from_date='2027-02-3x'", read_absences},
        {"UPDATE absence SET from_date=''", read_absences},
        {"UPDATE absence SET to_date=''", read_absences},
        {"UPDATE absence SET to_date='2027-13-01'", read_absences},
        {"UPDATE absence SET reason=x''", read_absences},
        {"UPDATE link SET level='some'", read_link_row},
        {"UPDATE link SET level='some'", read_links},
        {"UPDATE link SET level='a level with many letters'", read_links},
        {"UPDATE link SET case_ref=zeroblob(28)", read_links},
        {"UPDATE link SET made_us=made_us+1", read_links},
    };
    const struct absence_row away = {{2027, 2, 1}, {2027, 2, 2}, "reason"};

    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        (void)raw_run(w, "DELETE FROM absence; DELETE FROM link;"
                         "DELETE FROM participant_state; DELETE FROM participant WHERE id='P-1'; "
                         "DELETE FROM account WHERE id='P-1'; DELETE FROM contact WHERE id='P-1'");
        world_begin(w);
        world_add(w, NOUN_PARTICIPANT, "P-1");
        assert_int_equal(absence_insert(w->store, NOUN_PRACTITIONER, "W-1", &away), 0);
        assert_int_equal(link_now(w, "A-1", "P-1", "case", true, 0), 0);
        world_commit(w);
        assert_true(rows[i].read(w) >= 0);
        assert_true(raw_run(w, rows[i].sql) > 0);
        if (rows[i].read(w) != -EUCLEAN) {
            fail_msg("%s: was read", rows[i].sql);
        }
        assert_int_equal(rows[i].read(w), -EUCLEAN); /* and again: no statement was left open */
    }
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        T(nouns_come_back_as_they_went_in),
        T(what_was_not_given_is_empty),
        T(nobody_is_not_found),
        T(an_account_has_one_role),
        T(a_contact_belongs_to_one_person),
        T(a_new_person_cannot_bring_a_taken_contact),
        T(a_refused_change_leaves_the_old_contact_held),
        T(lists_go_on_after_any_id),
        T(states_of_participants),
        T(programmes_in_use),
        T(absences_are_listed_by_date),
        T(of_many_absences_the_latest_are_listed),
        T(impossible_absences_are_refused),
        T(links_come_and_go),
        T(links_are_listed_from_both_sides),
        T(bad_rows_do_not_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
