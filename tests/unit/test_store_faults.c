/* The n-th write or sync fails, for every n: nothing half is ever kept, every error is told, and
 * afterwards the store works. */
#include "store_world.h"

#include "../../src/store/query.h"
#include "store_fault.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

enum { ROUNDS_MAX = 3000 };

static const struct kind_of_fault {
    int code;
    bool lasting, torn;
    int error;
} kinds[] = {
    {SQLITE_FULL, false, false, -ENOSPC},     {SQLITE_FULL, true, true, -ENOSPC},
    {SQLITE_IOERR_WRITE, false, false, -EIO}, {SQLITE_IOERR_WRITE, true, true, -EIO},
    {SQLITE_IOERR_FSYNC, false, false, -EIO},
};

static int faults_setup(void **state) {
    fault_set(0, 0, false, false);
    return world_setup(state);
}

static int faults_teardown(void **state) {
    fault_set(0, 0, false, false);
    return world_teardown(state);
}

/* A turn as the engine makes them: a message, its attempt, an audit entry; the second message in a
 * part of its own. */
static int write_turn(struct world *w, uint32_t turn) {
    struct message_row m = message_sample("S-1", 2 * turn), n = message_sample("S-1", 2 * turn + 1);
    const struct audit_entry entry = {
        .at = at_minute(turn), .actor = "cobid", .action = "test", .subject = "S-1"};
    char body[8000];

    memset(body, 'b', sizeof body - 1); /* more than a page, so that a turn has many writes */
    body[sizeof body - 1] = '\0';
    m.body = n.body = body;
    int r = message_insert(w->store, &m);

    r = r < 0 ? r : audit_append(w->store, &entry);
    if (r < 0) {
        return r;
    }
    r = store_part_begin(w->store);
    if (r < 0) {
        return r;
    }
    r = message_insert(w->store, &n);
    const int ended = store_part_end(w->store, r >= 0);
    r = r < 0 ? r : ended;
    if (r < 0) {
        return r;
    }
    m.state = MESSAGE_SENDING;
    m.attempt_count = 1;
    r = message_update(w->store, &m, MESSAGE_QUEUED);
    return r < 0 ? r : message_attempt_begin(w->store, &m, 7, at_minute(turn));
}

static int one_turn(struct world *w, uint32_t turn) {
    int r = store_begin(w->store);

    if (r < 0) {
        return r;
    }
    r = write_turn(w, turn);
    if (r < 0) {
        store_rollback(w->store);
        return r;
    }
    return store_commit(w->store);
}

/* Two messages, one attempt and one entry a turn, or none of them. */
static int64_t whole_turns(struct world *w) {
    const int64_t turns = raw_number(w, "SELECT count(*) FROM audit");
    int64_t bad = 0;

    assert_int_equal(raw_number(w, "SELECT count(*) FROM message"), 2 * turns);
    assert_int_equal(raw_number(w, "SELECT count(*) FROM attempt"), turns);
    assert_int_equal(audit_verify(w->store, &bad), 0);
    return turns;
}

static void assert_sound(struct world *w) {
    assert_int_equal(
        raw_number(w, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check<>'ok'"),
        0);
}

/* Returns what the turn said; afterwards the store is usable again, opened anew where it said that
 * it is not to be trusted. */
static int turn_with_fault(struct world *w, uint32_t turn, int at,
                           const struct kind_of_fault *kind) {
    fault_set(at, kind->code, kind->lasting, kind->torn);
    const int r = one_turn(w, turn);
    const bool fatal = store_fatal(w->store);
    const int failed = fault_plan.failed;

    fault_set(0, 0, false, false);
    assert_true(r <= 0);
    assert_true(r == 0 || failed > 0);
    if (r < 0 && r != kind->error && r != -EIO) {
        fail_msg("call %d: %s", at, strerror(-r));
    }
    assert_true(r != -EIO || fatal);
    if (fatal) {
        assert_int_equal(store_begin(w->store), -EIO); /* nothing is begun any more */
        world_close(w);
        world_open(w);
    }
    return r;
}

/* Returns how many calls the turn makes in all. */
static int each_call_fails_once(struct world *w, const struct kind_of_fault *kind, uint32_t *turn) {
    int64_t kept = whole_turns(w);

    for (int at = 1; at < ROUNDS_MAX; at++) {
        const int r = turn_with_fault(w, ++*turn, at, kind);
        const int64_t now = whole_turns(w);
        /* Told to be done: it is there. Told to have failed: it is not, or nobody can know; then
         * what is there is whole. */
        assert_true(r == 0 ? now == kept + 1 : now == kept || (now == kept + 1 && r == -EIO));
        assert_int_equal(one_turn(w, ++*turn), 0);
        kept = whole_turns(w);
        assert_int_equal(kept, now + 1);
        if (r == 0) {
            return at;
        }
    }
    fail_msg("no end of calls");
    return 0;
}

static void failing_writes_keep_turns_whole(void **state) {
    struct world *w = *state;
    uint32_t turn = 0;

    for (size_t k = 0; k < ARRAY_COUNT(kinds); k++) {
        const int calls = each_call_fails_once(w, &kinds[k], &turn);
        assert_in_range(calls, 10, 200); /* fewer: it looked at nothing */
        assert_sound(w);
    }
}

/* The same with a cache of a few pages, so that SQLite writes in the middle of the turn and gives
 * the whole of it up there. */
static void a_turn_given_up_in_the_middle_goes_no_further(void **state) {
    struct world *w = *state;
    uint32_t turn = 0;
    size_t lost = 0;

    for (size_t k = 0; k < ARRAY_COUNT(kinds); k++) {
        for (int at = 1; at < 30; at++, turn++) {
            assert_int_equal(sqlite3_exec(w->store->db, "PRAGMA cache_size=1; PRAGMA cache_spill=1",
                                          NULL, NULL, NULL),
                             SQLITE_OK);
            const int64_t kept = whole_turns(w);
            world_begin(w);
            fault_set(at, kinds[k].code, kinds[k].lasting, kinds[k].torn);
            int r = 0;
            for (uint32_t i = 0; i < 8 && r >= 0; i++, turn++) {
                r = write_turn(w, turn);
            }
            fault_set(0, 0, false, false);
            if (r < 0 && sqlite3_get_autocommit(w->store->db) != 0) {
                struct message_row m = message_sample("S-1", ++turn);
                lost++;
                assert_int_equal(message_insert(w->store, &m), r); /* it would be kept alone */
                assert_int_equal(store_part_begin(w->store), r);
                assert_int_equal(
                    noun_find(w->store, NOUN_OFFICE, "O-1", &w->arena, &(struct noun_row){0}), r);
                assert_int_equal(store_commit(w->store), r);
                assert_int_equal(store_fatal(w->store), r != -ENOSPC);
            } else {
                store_rollback(w->store);
            }
            if (store_fatal(w->store)) {
                world_close(w);
                world_open(w);
            }
            assert_int_equal(whole_turns(w), kept);
            assert_int_equal(one_turn(w, ++turn), 0);
        }
    }
    assert_true(lost > 10); /* else this test looks at nothing */
    assert_sound(w);
}

/* A full disk within a part: the error is the disk's, not one of savepoints, and it is not fatal.
 */
static void a_full_disk_in_a_part_is_told_as_such(void **state) {
    struct world *w = *state;
    char body[200000];
    struct message_row m = message_sample("S-1", 1);

    memset(body, 'b', sizeof body - 1);
    body[sizeof body - 1] = '\0';
    m.body = body;
    assert_int_equal(sqlite3_exec(w->store->db, "PRAGMA cache_size=1", NULL, NULL, NULL),
                     SQLITE_OK);
    for (int keep = 0; keep <= 1; keep++) {
        world_begin(w);
        assert_int_equal(store_meta_set(w->store, "before", ""), 0);
        assert_int_equal(store_part_begin(w->store), 0);
        fault_set(1, SQLITE_FULL, true, false);
        assert_int_equal(message_insert(w->store, &m), -ENOSPC);
        fault_set(0, 0, false, false);
        const bool gone = sqlite3_get_autocommit(w->store->db) != 0;
        assert_int_equal(store_part_end(w->store, keep), gone ? -ENOSPC : 0);
        assert_false(store_fatal(w->store));
        store_rollback(w->store);
        world_begin(w);
        assert_int_equal(store_part_begin(w->store), 0);
        assert_int_equal(message_insert(w->store, &m), 1);
        assert_int_equal(store_part_end(w->store, false), 0);
        world_commit(w);
    }
    assert_int_equal(raw_number(w, "SELECT count(*) FROM meta WHERE name='before'"), 0);
}

/* What a failed commit left on the disk is not known before it is read again; but one that found no
 * room left nothing, and the store works again as soon as there is room. */
static void a_commit_that_fails_is_fatal_unless_the_disk_is_full(void **state) {
    struct world *w = *state;

    for (size_t k = 0; k < ARRAY_COUNT(kinds); k++) {
        world_begin(w);
        assert_int_equal(store_meta_set(w->store, kinds[k].error == -ENOSPC ? "full" : "t", ""), 0);
        fault_set(1, kinds[k].code, kinds[k].lasting, kinds[k].torn);
        const int r = store_commit(w->store);
        fault_set(0, 0, false, false);
        assert_int_equal(r, kinds[k].code == SQLITE_IOERR_FSYNC ? -EIO : kinds[k].error);
        assert_int_equal(store_fatal(w->store), r != -ENOSPC);
        assert_string_not_equal(store_error_text(w->store), "not an error");
        store_rollback(w->store); /* does no harm */
        if (r == -ENOSPC) {
            assert_int_equal(raw_number(w, "SELECT count(*) FROM meta WHERE name='full'"), 0);
            assert_int_equal(one_turn(w, (uint32_t)k), 0);
            assert_sound(w);
            continue;
        }
        assert_int_equal(store_begin(w->store), -EIO);
        world_close(w);
        world_open(w);
        assert_false(store_fatal(w->store));
        assert_int_equal(one_turn(w, (uint32_t)k), 0);
    }
}

/* A database that was cut short in its making is made at the next start, or was whole already. */
static void making_a_database_survives_every_fault(void **state) {
    struct world *w = *state;

    for (size_t k = 0; k < ARRAY_COUNT(kinds); k++) {
        int r = -1;
        for (int at = 1; r < 0;
             at += k == 1 ? 1
                          : 9) { /* each call with one kind of fault, every ninth with the others */
            struct store *store = NULL;
            struct complaint complaint = {0};
            const char *file = arena_printf(&w->arena, "%s/%zu-%d.db", w->folder, k, at);
            assert_true(at < ROUNDS_MAX);
            fault_set(at, kinds[k].code, kinds[k].lasting, kinds[k].torn);
            r = store_open(file, w->key, &store, &complaint);
            fault_set(0, 0, false, false);
            assert_int_equal(r < 0, complaint.text[0] != '\0');
            store_close(store);
            assert_int_equal(store_open(file, w->key, &store, NULL), 0);
            int64_t bad = 0;
            assert_int_equal(audit_verify(store, &bad), 0);
            assert_int_equal(access_verify(store, &bad), 0);
            store_close(store);
            assert_int_equal(unlink(file), 0);
        }
    }
}

/* SQLite would stay at reading when the disk can be written again. */
static void a_database_that_can_only_be_read_is_refused(void **state) {
    struct world *w = *state;
    struct complaint complaint = {0};

    world_close(w);
    fault_plan.only_reading = true;
    assert_true(store_open(w->file, w->key, &w->store, &complaint) < 0);
    assert_non_null(strstr(complaint.text, "cannot be written"));
    fault_plan.only_reading = false;
    world_open(w);
    assert_int_equal(one_turn(w, 1), 0);
}

static void a_store_that_became_read_only_is_opened_anew(void **state) {
    struct world *w = *state;

    assert_int_equal(one_turn(w, 1), 0);
    assert_int_equal(sqlite3_exec(w->store->db, "PRAGMA query_only=ON", NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(one_turn(w, 2), -EROFS);
    assert_true(store_fatal(w->store));
    world_close(w);
    world_open(w);
    assert_int_equal(one_turn(w, 3), 0);
    assert_int_equal(whole_turns(w), 2);
}

/* ---- the same from the kernel's side ---- */

static void limit_files(rlim_t bytes) {
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_file_that_may_not_grow_is_survived(void **state) {
    struct world *w = *state;
    uint32_t turn = 0;
    int r = 0;

    assert_ptr_not_equal(signal(SIGXFSZ, SIG_IGN), SIG_ERR);
    assert_int_equal(one_turn(w, turn++), 0);
    limit_files(200000);
    while (r == 0 && turn < 1000) {
        r = one_turn(w, turn++);
    }
    limit_files(RLIM_INFINITY);
    assert_true(r == -ENOSPC || r == -EIO);
    assert_non_null(strstr(store_error_text(w->store), "File too large")); /* what to do about */
    world_close(w);
    world_open(w);
    const int64_t kept = whole_turns(w);
    assert_in_range(kept, turn - 1, turn);
    assert_int_equal(one_turn(w, ++turn), 0);
    assert_int_equal(whole_turns(w), kept + 1);
}

/* Killed at any call, the next start finds what was committed, whole. */
static void a_kill_at_any_write_keeps_what_was_committed(void **state) {
    struct world *w = *state;
    static const int turns[] = {1, 2, 3, 5, 8, 13, 21, 34};
    int64_t before = 0;

    world_close(w);
    for (size_t i = 0; i < ARRAY_COUNT(turns); i++) {
        int ends[2], status;
        assert_int_equal(pipe(ends), 0);
        const pid_t child = fork();
        if (child == 0) {
            world_open(w);
            for (uint32_t turn = 0; turn < 100000; turn++) {
                if (one_turn(w, (uint32_t)i * 100000 + turn) < 0 || write(ends[1], "a", 1) != 1) {
                    _exit(1);
                }
            }
            _exit(0);
        }
        (void)close(ends[1]);
        char byte;
        int64_t told = 0;
        for (; told < turns[i]; told++) {
            assert_int_equal(read(ends[0], &byte, 1), 1);
        }
        assert_int_equal(kill(child, SIGKILL), 0); /* somewhere in one of the next turns */
        assert_int_equal(waitpid(child, &status, 0), child);
        while (read(ends[0], &byte, 1) == 1) {
            told++;
        }
        (void)close(ends[0]);
        world_open(w);
        const int64_t now = whole_turns(w);
        assert_in_range(now, before + told,
                        before + told + 1); /* the last may have been committed, and not told */
        before = now;
        assert_sound(w);
        world_close(w);
    }
    world_open(w);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, faults_setup, faults_teardown)
    const struct CMUnitTest tests[] = {
        T(failing_writes_keep_turns_whole),
        T(a_turn_given_up_in_the_middle_goes_no_further),
        T(a_full_disk_in_a_part_is_told_as_such),
        T(a_commit_that_fails_is_fatal_unless_the_disk_is_full),
        T(making_a_database_survives_every_fault),
        T(a_database_that_can_only_be_read_is_refused),
        T(a_store_that_became_read_only_is_opened_anew),
        T(a_file_that_may_not_grow_is_survived),
        T(a_kill_at_any_write_keeps_what_was_committed),
    };

    fault_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
