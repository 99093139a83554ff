/* A store in a folder of its own, people to fill it with, and a second connection that keeps no
 * rules: what an intruder or a failing disk would do to the file. */
#ifndef COBI_TESTS_STORE_WORLD_H
#define COBI_TESTS_STORE_WORLD_H

#include "cobi/base/cleanup.h"
#include "cobi/store/chains.h"
#include "cobi/store/journal.h"
#include "cobi/store/messages.h"
#include "cobi/store/people.h"
#include "cobi/store/sessions.h"
#include "cobi/store/store.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define T0 INT64_C(1800000000000000) /* 2027-01-15T08:00:00Z */

struct world {
    char folder[300], file[320];
    unsigned char key[STORE_KEY_BYTES];
    struct store *store;
    struct arena arena;
};

static inline struct instant at_minute(int64_t minutes) {
    return (struct instant){T0 + minutes * MINUTE_US};
}

static inline void world_folder(struct world *w) {
    const char *base = getenv("TMPDIR");
    struct text t = TEXT_IN(w->folder);

    text_addf(&t, "%s/cobi-store-XXXXXX", base && *base ? base : "/tmp");
    assert_false(t.overflow);
    assert_non_null(mkdtemp(w->folder));
    t = TEXT_IN(w->file);
    text_addf(&t, "%s/cobi.db", w->folder);
    for (size_t i = 0; i < sizeof w->key; i++) {
        w->key[i] = (unsigned char)(i * 7 + 1);
    }
}

static inline void world_open(struct world *w) {
    struct complaint complaint = {0};
    const int r = store_open(w->file, w->key, &w->store, &complaint);

    if (r < 0) {
        print_error("%s\n", complaint.text);
    }
    assert_int_equal(r, 0);
}

static inline void world_begin(struct world *w) {
    assert_int_equal(store_begin(w->store), 0);
}

static inline void world_commit(struct world *w) {
    assert_int_equal(store_commit(w->store), 0);
}

static inline void world_close(struct world *w) {
    store_close(w->store);
    w->store = NULL;
}

static inline void world_done(struct world *w) {
    world_close(w);
    arena_done(&w->arena);
    DIR *folder = opendir(w->folder);
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (entry->d_name[0] != '.') {
            (void)unlinkat(dirfd(folder), entry->d_name, 0); /* what stays is seen by rmdir */
        }
    }
    (void)closedir(folder);
    assert_int_equal(rmdir(w->folder), 0);
}

/* Fills the fields of a noun: texts of its own for each field, so that nothing is the same twice.
 */
static inline struct noun_row noun_sample(struct arena *arena, enum noun noun, const char *id) {
    struct noun_row row = {.noun = noun};

    assert_int_equal(text_copy(row.id, sizeof row.id, id), 0);
    for (size_t i = 0; i < noun_tables[noun].field_count; i++) {
        row.values[i] = arena_printf(arena, "%s of %s", noun_tables[noun].fields[i].name, id);
    }
    return row;
}

static inline void noun_set(struct noun_row *row, const char *field, const char *value) {
    const struct field *f = noun_find_field(row->noun, field);

    assert_non_null(f);
    row->values[f - noun_tables[row->noun].fields] = value;
}

static inline void world_add(struct world *w, enum noun noun, const char *id) {
    const struct noun_row row = noun_sample(&w->arena, noun, id);

    assert_int_equal(noun_insert(w->store, &row), 0);
}

/* One of each: O-1, V-1, W-1 and W-2 (practitioners), A-1, R-1, P-1 and P-2. */
static inline void world_people(struct world *w) {
    world_begin(w);
    world_add(w, NOUN_OFFICE, "O-1");
    world_add(w, NOUN_OFFICE, "O-2");
    world_add(w, NOUN_SUPERVISOR, "V-1");
    world_add(w, NOUN_PRACTITIONER, "W-1");
    world_add(w, NOUN_PRACTITIONER, "W-2");
    world_add(w, NOUN_ADVOCATE, "A-1");
    world_add(w, NOUN_ADVOCATE, "A-2");
    world_add(w, NOUN_OFFICER, "R-1");
    world_add(w, NOUN_PARTICIPANT, "P-1");
    world_add(w, NOUN_PARTICIPANT, "P-2");
    world_commit(w);
}

static inline int world_setup(void **state) {
    struct world *w = calloc(1, sizeof *w);

    assert_non_null(w);
    world_folder(w);
    world_open(w);
    store_set_volatile(w->store); /* until it is opened again: nobody cuts the power, and the disk's
                                     time would be most of the test's */
    world_people(w);
    *state = w;
    return 0;
}

static inline int world_teardown(void **state) {
    world_done(*state);
    free(*state);
    return 0;
}

/* Planned for participant and number, an hour apart; its wake time is its start. */
static inline struct session_row session_sample(const char *participant, uint32_t number) {
    struct session_row s = {.number = number,
                            .of = 12,
                            .attempt = 1,
                            .module = "module",
                            .start = {{2027, 1, 15}, (uint8_t)(number % 24), 30, 0},
                            .zone = "Europe/London",
                            .start_at = at_minute(60 * (int64_t)number),
                            .minutes = 90,
                            .mode = "in_person",
                            .revised_at = {T0},
                            .state = SESSION_PLANNED,
                            .wake_at = at_minute(60 * (int64_t)number)};
    struct text id = TEXT_IN(s.id), uid = TEXT_IN(s.uid);

    text_addf(&id, "S-%s-%02u", participant, number);
    text_addf(&uid, "%s-%02u", participant, number);
    assert_int_equal(text_copy(s.participant, sizeof s.participant, participant), 0);
    assert_int_equal(text_copy(s.practitioner, sizeof s.practitioner, "W-1"), 0);
    assert_int_equal(text_copy(s.office, sizeof s.office, "O-1"), 0);
    return s;
}

static inline struct message_row message_sample(const char *session, uint32_t step) {
    struct message_row m = {.kind = KIND_REMINDER,
                            .audience = AUDIENCE_PARTICIPANT,
                            .recipient = "P-1",
                            .channel = CHANNEL_SMS,
                            .topic = "topic",
                            .participant = "P-1",
                            .step = step,
                            .note = "a note",
                            .state = MESSAGE_QUEUED,
                            .created_at = {T0},
                            .due = at_minute(step),
                            .not_after = INSTANT_NEVER,
                            .wake_at = at_minute(step)};

    assert_int_equal(text_copy(m.session, sizeof m.session, session), 0);
    return m;
}

static inline struct escalation_row escalation_sample(const char *session) {
    struct escalation_row e = {
        .kind = ESCALATION_MISSED,
        .audience = AUDIENCE_SUPERVISOR,
        .participant = "P-1",
        .state = ESCALATION_OPEN,
        .policy =
            {.kind = ESCALATION_MISSED,
             .audience = AUDIENCE_SUPERVISOR,
             .step_count = 2,
             .steps = {{.target = TARGET_SUPERVISOR, .wait = {HOUR_US}, .wait_most = {2 * HOUR_US}},
                       {.target = TARGET_OPERATOR, .wait = {DAY_US}, .wait_most = {3 * DAY_US}}},
             .acknowledged_days = 3},
        .topic = "missed",
        .opened_at = {T0},
        .happened_at = {T0 - HOUR_US},
        .wake_at = {T0}};

    assert_int_equal(text_copy(e.session, sizeof e.session, session), 0);
    return e;
}

static inline struct task_row task_sample(const char *session, enum task_kind kind) {
    struct task_row t = {.kind = kind,
                         .owner = "W-1",
                         .next_owner = "V-1",
                         .participant = "P-1",
                         .about = "M-1",
                         .created_at = {T0},
                         .due = {T0 + DAY_US},
                         .wake_at = {T0 + DAY_US},
                         .state = TASK_OPEN};

    assert_int_equal(text_copy(t.session, sizeof t.session, session), 0);
    return t;
}

/* The other connection: CHECKs and foreign keys are not kept, so that any bad row can be made. */
static inline sqlite3 *raw_open(const struct world *w) {
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open_v2(w->file, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(
            db,
            "PRAGMA ignore_check_constraints=ON; PRAGMA foreign_keys=OFF; PRAGMA synchronous=OFF",
            NULL, NULL, NULL),
        SQLITE_OK);
    return db;
}

/* Returns the changed rows. */
static inline int raw_run(const struct world *w, const char *sql) {
    sqlite3 *db = raw_open(w);
    char *fault = NULL;

    if (sqlite3_exec(db, sql, NULL, NULL, &fault) != SQLITE_OK) {
        fail_msg("%s: %s", sql, fault);
    }
    const int changes = sqlite3_changes(db);

    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return changes;
}

static inline int64_t raw_number(const struct world *w, const char *sql) {
    sqlite3 *db = raw_open(w);
    sqlite3_stmt *statement = NULL;

    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK) {
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    }
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    const int64_t value = sqlite3_column_int64(statement, 0);

    (void)sqlite3_finalize(statement);
    (void)sqlite3_close(db);
    return value;
}

#endif
