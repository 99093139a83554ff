/* Opening and refusing, keys, locks, transactions and their parts, derived identifiers, what is due
 * next. */
#include "cobi/rules/disclose.h"
#include "store_world.h"

#include "../../src/store/query.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

static void write_file(const char *path, const void *bytes, size_t length) {
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, length), length);
}

static size_t read_file(const char *path, void *buffer, size_t capacity) {
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    const ssize_t length = read(fd, buffer, capacity);
    assert_true(length >= 0 && (size_t)length < capacity);
    return (size_t)length;
}

static const char *beside(struct world *w, const char *name) {
    return arena_printf(&w->arena, "%s/%s", w->folder, name);
}

static unsigned mode_of(const char *path) {
    struct stat s;

    assert_int_equal(stat(path, &s), 0);
    return s.st_mode & 07777;
}

static int64_t elapsed_us(const struct timespec *since) {
    struct timespec now;

    assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &now), 0);
    return (now.tv_sec - since->tv_sec) * SECOND_US + (now.tv_nsec - since->tv_nsec) / 1000;
}

/* ---- key files ---- */

static void a_key_is_made_once(void **state) {
    struct world *w = *state;
    const char *file = beside(w, "key");
    unsigned char first[STORE_KEY_BYTES], again[STORE_KEY_BYTES], bytes[100];
    struct complaint complaint = {0};

    assert_int_equal(store_key_load(file, false, first, &complaint), -ENOENT);
    assert_non_null(strstr(complaint.text, file));
    write_file(beside(w, "key.new"), "half", 4); /* left behind by a start that was cut short */
    complaint = (struct complaint){0};
    assert_int_equal(store_key_load(file, true, first, &complaint), 0);
    assert_int_equal(mode_of(file), 0600);
    assert_int_equal(read_file(file, bytes, sizeof bytes), 65);
    assert_int_equal(access(beside(w, "key.new"), F_OK), -1);
    assert_int_equal(store_key_load(file, true, again, &complaint), 0);
    assert_memory_equal(first, again, sizeof first);
    assert_string_equal(complaint.text, "");
}

static void no_two_keys_are_equal(void **state) {
    struct world *w = *state;
    unsigned char a[STORE_KEY_BYTES], b[STORE_KEY_BYTES];

    assert_int_equal(store_key_load(beside(w, "a"), true, a, NULL), 0);
    assert_int_equal(store_key_load(beside(w, "b"), true, b, NULL), 0);
    assert_memory_not_equal(a, b, sizeof a);
}

#define DIGITS_62 "00112233445566778899aAbBcCdDeEfF00112233445566778899aabbccddee"

static void only_a_whole_key_is_read(void **state) {
    struct world *w = *state;
    static const struct {
        const char *bytes;
        size_t length;
        int r;
    } rows[] = {
        {DIGITS_62 "fe", 64, 0},
        {DIGITS_62 "fe\n", 65, 0},
        {"", 0, -EINVAL},
        {DIGITS_62, 62, -EINVAL},
        {DIGITS_62 "f", 63, -EINVAL},
        {DIGITS_62 "fef", 65, -EINVAL},
        {DIGITS_62 "fe\n\n", 66, -EINVAL},
        {DIGITS_62 "fe ", 65, -EINVAL},
        {DIGITS_62 " e", 64, -EINVAL},
        {DIGITS_62 "+e", 64, -EINVAL},
        {DIGITS_62 "-e", 64, -EINVAL},
        {DIGITS_62 "f\0", 64, -EINVAL},
        {DIGITS_62 "0x", 64, -EINVAL},
        {DIGITS_62 "fg", 64, -EINVAL},
        {DIGITS_62 "f:", 64, -EINVAL},
        {DIGITS_62 "f@", 64, -EINVAL},
        {DIGITS_62 "fe\r\n", 66, -EINVAL},
        {" " DIGITS_62 "f", 64, -EINVAL},
        {DIGITS_62 DIGITS_62, 124, -EINVAL},
    };
    static const unsigned char right[] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                                          0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff,
                                          0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                                          0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xfe};

    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        const char *file = beside(w, "key");
        unsigned char key[STORE_KEY_BYTES], before[STORE_KEY_BYTES];
        struct complaint complaint = {0};
        memset(key, 0xa5, sizeof key);
        memcpy(before, key, sizeof key);
        write_file(file, rows[i].bytes, rows[i].length);
        assert_int_equal(store_key_load(file, true, key, &complaint), rows[i].r);
        assert_memory_equal(key, rows[i].r == 0 ? right : before, sizeof key);
        assert_int_equal(complaint.text[0] == '\0', rows[i].r == 0);
        assert_null(strstr(complaint.text, "0011")); /* no part of a key in a complaint */
    }
}

static void a_key_that_cannot_be_made_leaves_nothing(void **state) {
    struct world *w = *state;
    unsigned char key[STORE_KEY_BYTES];
    struct complaint complaint = {0};

    assert_int_equal(store_key_load(beside(w, "no/such/key"), true, key, &complaint), -ENOENT);
    complaint = (struct complaint){0};
    /* What cannot be read is not called a wrong key, which somebody would replace. */
    assert_int_equal(store_key_load(w->folder, true, key, &complaint), -EISDIR);
    assert_non_null(strstr(complaint.text, "cannot be read: Is a directory"));
    assert_string_not_equal(complaint.text, "");
    assert_int_equal(symlink("elsewhere", beside(w, "key")), 0);
    assert_int_equal(store_key_load(beside(w, "key"), true, key, NULL), -ELOOP);
    assert_int_equal(access(beside(w, "elsewhere"), F_OK), -1);
}

/* ---- opening ---- */

static int try_open(const struct world *w, const char *file,
                    const unsigned char key[STORE_KEY_BYTES], struct complaint *complaint) {
    struct store *store = NULL;
    const int r = store_open(file, key, &store, complaint);

    (void)w;
    assert_int_equal(store != NULL, r == 0); /* untouched on failure */
    store_close(store);
    return r;
}

static void files_are_for_their_owner_only(void **state) {
    struct world *w = *state;

    world_begin(w);
    assert_int_equal(store_meta_set(w->store, "a", "b"), 0);
    world_commit(w);
    assert_int_equal(mode_of(w->file), 0600);
    assert_int_equal(mode_of(beside(w, "cobi.db-wal")), 0600);
    assert_int_equal(mode_of(beside(w, "cobi.db-shm")), 0600);
    assert_int_equal(mode_of(beside(w, "cobi.db.lock")), 0600);
}

static void settings_are_as_promised(void **state) {
    struct world *w = *state;
    static const struct {
        const char *pragma;
        int64_t value;
    } rows[] = {{"PRAGMA synchronous", 2},    {"PRAGMA foreign_keys", 1},
                {"PRAGMA secure_delete", 1},  {"PRAGMA temp_store", 2},
                {"PRAGMA mmap_size", 0},      {"PRAGMA user_version", 1},
                {"PRAGMA trusted_schema", 0}, {"PRAGMA busy_timeout", 50}};

    world_close(w);
    world_open(w);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        sqlite3_stmt *statement = NULL;
        assert_int_equal(sqlite3_prepare_v2(w->store->db, rows[i].pragma, -1, &statement, NULL),
                         SQLITE_OK);
        if (sqlite3_step(statement) == SQLITE_ROW &&
            sqlite3_column_int64(statement, 0) != rows[i].value) {
            fail_msg("%s is %lld", rows[i].pragma, (long long)sqlite3_column_int64(statement, 0));
        }
        (void)sqlite3_finalize(statement);
    }
    assert_int_equal(
        raw_number(w, "SELECT count(*) FROM pragma_journal_mode WHERE journal_mode='wal'"), 1);
}

static void the_wrong_key_is_refused(void **state) {
    struct world *w = *state;
    struct complaint complaint = {0};
    unsigned char other[STORE_KEY_BYTES];

    world_close(w);
    for (size_t byte = 0; byte < sizeof other; byte += 31) {
        memcpy(other, w->key, sizeof other);
        other[byte] ^= 1;
        complaint = (struct complaint){0};
        assert_int_equal(try_open(w, w->file, other, &complaint), -EKEYREJECTED);
        assert_non_null(strstr(complaint.text, "key"));
    }
    assert_int_equal(try_open(w, w->file, w->key, NULL), 0);
}

static void one_process_at_a_time(void **state) {
    struct world *w = *state;
    struct complaint complaint = {0};
    int status = 0, ends[2], said = 0;

    assert_int_equal(try_open(w, w->file, w->key, &complaint), -EALREADY);
    assert_non_null(strstr(complaint.text, "another cobid"));
    assert_int_equal(pipe(ends), 0);
    const pid_t child = fork();
    if (child == 0) {
        struct store *store = NULL;
        const int r = store_open(w->file, w->key, &store, NULL);
        _exit(write(ends[1], &r, sizeof r) == sizeof r ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(read(ends[0], &said, sizeof said), sizeof said);
    assert_int_equal(said, -EALREADY);
    (void)close(ends[0]);
    (void)close(ends[1]);
    world_begin(w); /* and the first one lost nothing by it */
    assert_int_equal(store_meta_set(w->store, "a", "b"), 0);
    world_commit(w);
    world_close(w);
    assert_int_equal(try_open(w, w->file, w->key, NULL), 0);
}

static void refused_files_are_not_touched(void **state) {
    struct world *w = *state;
    static const struct {
        const char *sql;
        int r;
        const char *says;
    } rows[] = {
        {"CREATE TABLE t(x)", -EMEDIUMTYPE, "not a database of cobid"},
        {"CREATE TABLE t(x); PRAGMA user_version=1", -EMEDIUMTYPE, "not a database of cobid"},
        {"PRAGMA application_id=7", -EMEDIUMTYPE, "not a database of cobid"},
        {"PRAGMA user_version=1", -EMEDIUMTYPE, "not a database of cobid"},
        {"CREATE TABLE t(x); PRAGMA application_id=1668244073", -EMEDIUMTYPE,
         "not a database of cobid"},
        {"CREATE TABLE t(x); PRAGMA application_id=1668244073; PRAGMA user_version=-1",
         -EMEDIUMTYPE, "not a database of cobid"},
        {"CREATE TABLE t(x); PRAGMA application_id=1668244073; PRAGMA user_version=2",
         -EPROTONOSUPPORT, "newer cobid"},
        {"CREATE TABLE t(x); PRAGMA application_id=1668244073; PRAGMA user_version=99",
         -EPROTONOSUPPORT, "newer cobid"},
    };
    static unsigned char before[20000], after[20000];

    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        const char *file = beside(w, "other.db");
        sqlite3 *db = NULL;
        struct complaint complaint = {0};
        (void)unlink(file); /* of the row before */
        assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
        assert_int_equal(sqlite3_exec(db, rows[i].sql, NULL, NULL, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_close(db), SQLITE_OK);
        const size_t length = read_file(file, before, sizeof before);
        assert_int_equal(try_open(w, file, w->key, &complaint), rows[i].r);
        assert_non_null(strstr(complaint.text, rows[i].says));
        assert_int_equal(read_file(file, after, sizeof after), length);
        assert_memory_equal(before, after, length);
        assert_int_equal(access(beside(w, "other.db-wal"), F_OK), -1);
    }
}

static void our_own_newer_version_is_refused(void **state) {
    struct world *w = *state;

    world_close(w);
    (void)raw_run(w, "PRAGMA user_version=2");
    assert_int_equal(try_open(w, w->file, w->key, NULL), -EPROTONOSUPPORT);
    (void)raw_run(w, "PRAGMA user_version=1");
    assert_int_equal(try_open(w, w->file, w->key, NULL), 0);
}

static void what_is_no_database_is_refused(void **state) {
    struct world *w = *state;
    const char *file = beside(w, "text.db");
    char text[3000], after[4000];
    struct complaint complaint = {0};

    memset(text, 'x', sizeof text);
    write_file(file, text, sizeof text);
    assert_int_equal(try_open(w, file, w->key, &complaint), -EMEDIUMTYPE);
    assert_non_null(strstr(complaint.text, "not a database of cobid"));
    assert_int_equal(read_file(file, after, sizeof after), sizeof text);
    assert_memory_equal(text, after, sizeof text);
    complaint = (struct complaint){0};
    assert_int_equal(try_open(w, w->folder, w->key, &complaint), -EIO); /* a folder */
    assert_non_null(strstr(complaint.text, "unable to open database file: Is a directory"));
    assert_int_equal(unlink(arena_printf(&w->arena, "%s.lock", w->folder)), 0);
    assert_int_equal(try_open(w, beside(w, "no/such.db"), w->key, NULL), -ENOENT);
    write_file(beside(w, "empty.db"), "", 0);
    assert_int_equal(try_open(w, beside(w, "empty.db"), w->key, NULL), 0);
}

static void folders_may_be_links_but_not_the_file(void **state) {
    struct world *w = *state;
    char cwd[PATH_MAX];

    world_close(w);
    assert_int_equal(symlink(".", beside(w, "folder")), 0);
    assert_int_equal(try_open(w, beside(w, "folder/cobi.db"), w->key, NULL), 0);
    assert_int_equal(symlink("cobi.db", beside(w, "link.db")), 0);
    assert_true(try_open(w, beside(w, "link.db"), w->key, NULL) < 0);
    assert_non_null(getcwd(cwd, sizeof cwd));
    assert_int_equal(chdir(w->folder), 0);
    assert_int_equal(try_open(w, "cobi.db", w->key, NULL), 0);
    assert_int_equal(chdir(cwd), 0);
}

/* A message of 5,000 bytes for a path is refused, not cut. */
static void long_paths_are_refused(void **state) {
    struct world *w = *state;
    static char path[6000];
    unsigned char key[STORE_KEY_BYTES];

    memset(path, 'a', sizeof path - 1);
    path[0] = '/';
    assert_int_equal(try_open(w, path, w->key, NULL), -ENAMETOOLONG);
    assert_int_equal(store_key_load(path, true, key, NULL), -ENAMETOOLONG);
}

/* ---- meta ---- */

static void meta_keeps_what_it_was_given(void **state) {
    struct world *w = *state;

    assert_null(store_meta_find(w->store, "clock_kind", &w->arena));
    world_begin(w);
    assert_int_equal(store_meta_set(w->store, "clock_kind", "manual"), 0);
    assert_int_equal(store_meta_set(w->store, "empty", ""), 0);
    world_commit(w);
    assert_int_equal(store_meta_set(w->store, "clock_kind", "real"), 0);
    assert_string_equal(store_meta_find(w->store, "clock_kind", &w->arena), "real");
    assert_string_equal(store_meta_find(w->store, "empty", &w->arena), "");
    world_close(w);
    world_open(w);
    assert_string_equal(store_meta_find(w->store, "clock_kind", &w->arena), "real");
    (void)raw_run(w, "UPDATE meta SET value=CAST(x'610062' AS TEXT) WHERE name='empty'");
    assert_null(store_meta_find(w->store, "empty", &w->arena)); /* not "a" */
}

/* ---- transactions ---- */

static int64_t metas(struct world *w) {
    return raw_number(w, "SELECT count(*) FROM meta WHERE name LIKE 't%'");
}

static void rollback_keeps_nothing(void **state) {
    struct world *w = *state;

    world_begin(w);
    assert_int_equal(store_meta_set(w->store, "t1", ""), 0);
    store_rollback(w->store);
    store_rollback(w->store); /* twice does no harm */
    assert_int_equal(metas(w), 0);
    world_begin(w);
    assert_int_equal(store_meta_set(w->store, "t2", ""), 0);
    assert_int_equal(metas(w), 0); /* not before the commit */
    world_commit(w);
    assert_int_equal(metas(w), 1);
    world_begin(w);
    assert_int_equal(store_meta_set(w->store, "t3", ""), 0);
    world_close(w); /* a store that is closed in the middle keeps nothing */
    world_open(w);
    assert_int_equal(metas(w), 1);
}

static void a_bad_part_is_undone_alone(void **state) {
    struct world *w = *state;

    world_begin(w);
    for (int i = 0; i < 9; i++) {
        const bool keep = i % 3 != 1;
        assert_int_equal(store_part_begin(w->store), 0);
        assert_int_equal(store_meta_set(w->store, arena_printf(&w->arena, "t%d", i), ""), 0);
        if (!keep) { /* a statement that fails in the part does not end the transaction */
            struct session_row s = session_sample("P-9", 1);
            assert_int_equal(session_insert(w->store, &s), -ENOENT);
        }
        assert_int_equal(store_part_end(w->store, keep), 0);
    }
    world_commit(w);
    assert_int_equal(metas(w), 6);
    assert_int_equal(raw_number(w, "SELECT count(*) FROM meta WHERE name IN('t1','t4','t7')"), 0);
}

static void without_parts_a_bad_one_spoils_the_turn(void **state) {
    struct world *w = *state;

    world_begin(w);
    store_without_parts(w->store);
    assert_int_equal(store_part_begin(w->store), 0);
    assert_int_equal(store_meta_set(w->store, "t1", ""), 0);
    assert_int_equal(store_part_end(w->store, true), 0);
    assert_int_equal(store_part_begin(w->store), 0);
    assert_int_equal(store_meta_set(w->store, "t2", ""), 0);
    assert_int_equal(store_part_end(w->store, false), -ERESTART);
    assert_int_equal(store_meta_set(w->store, "t3", ""), -ERESTART); /* nothing comes after it */
    assert_int_equal(store_part_begin(w->store), -ERESTART);
    assert_int_equal(store_commit(w->store), -ERESTART);
    assert_false(store_fatal(w->store));
    assert_int_equal(metas(w), 0);
    world_begin(w); /* parts are back */
    assert_int_equal(store_part_begin(w->store), 0);
    assert_int_equal(store_meta_set(w->store, "t4", ""), 0);
    assert_int_equal(store_part_end(w->store, false), 0);
    world_commit(w);
    assert_int_equal(metas(w), 0);
    world_begin(w);
    store_without_parts(w->store);
    assert_int_equal(store_part_begin(w->store), 0);
    assert_int_equal(store_meta_set(w->store, "t5", ""), 0);
    assert_int_equal(store_part_end(w->store, true), 0);
    world_commit(w);
    world_begin(w); /* a commit ends it as well */
    assert_int_equal(store_part_begin(w->store), 0);
    assert_int_equal(store_part_end(w->store, false), 0);
    world_commit(w);
    assert_int_equal(metas(w), 1);
}

static void a_turn_that_is_rolled_back_in_a_part_begins_anew(void **state) {
    struct world *w = *state;

    world_begin(w);
    assert_int_equal(store_part_begin(w->store), 0);
    assert_int_equal(store_meta_set(w->store, "t1", ""), 0);
    store_rollback(w->store);
    world_begin(w);
    assert_int_equal(store_part_begin(w->store), 0);
    assert_int_equal(store_part_end(w->store, true), 0);
    world_commit(w);
    assert_int_equal(metas(w), 0);
}

static void another_writer_makes_busy_soon(void **state) {
    struct world *w = *state;
    sqlite3 *other = raw_open(w);
    struct timespec since;

    assert_int_equal(
        sqlite3_exec(other, "BEGIN IMMEDIATE; INSERT INTO meta VALUES('t1','')", NULL, NULL, NULL),
        SQLITE_OK);
    assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &since), 0);
    assert_int_equal(store_begin(w->store), -EBUSY);
    assert_in_range(elapsed_us(&since), 0, 200000);
    assert_int_equal(store_meta_set(w->store, "t2", ""), -EBUSY); /* outside of a transaction too */
    assert_false(store_fatal(w->store));
    assert_string_equal(store_error_text(w->store), "database is locked");
    struct instant next;
    assert_int_equal(store_next_wake(w->store, STORE_ALL_MESSAGES, &next), 0); /* readers go on */
    assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
    world_begin(w);
    assert_int_equal(store_meta_set(w->store, "t2", ""), 0);
    world_commit(w);
    assert_int_equal(metas(w), 2);
}

static void readers_do_not_stop_a_commit(void **state) {
    struct world *w = *state;
    sqlite3 *other = raw_open(w);

    assert_int_equal(sqlite3_exec(other, "BEGIN; SELECT * FROM meta", NULL, NULL, NULL), SQLITE_OK);
    world_begin(w);
    assert_int_equal(store_meta_set(w->store, "t1", ""), 0);
    world_commit(w);
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
    assert_int_equal(metas(w), 1);
}

/* ---- derived identifiers ---- */

enum { KEYS = 100000 };

static int compare_ids(const void *a, const void *b) {
    return memcmp(a, b, ID_SIZE);
}

static void ids_are_stable_and_distinct(void **state) {
    struct world *w = *state;
    char(*ids)[ID_SIZE] = test_calloc(KEYS, ID_SIZE);
    char again[ID_SIZE], key[40];

    for (int i = 0; i < KEYS; i++) {
        (void)snprintf(key, sizeof key, "P-%d/%d/1", i / 12, i % 12);
        store_derive_id(w->store, "S", key, 10, ids[i]);
        if (i % 1000 == 0) {
            assert_true(id_valid(ids[i]) && strlen(ids[i]) == 12);
            assert_int_equal(strspn(ids[i] + 2, "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"), 10);
            store_derive_id(w->store, "S", key, 10, again);
            assert_string_equal(ids[i], again);
        }
    }
    qsort(ids, KEYS, ID_SIZE, compare_ids);
    for (int i = 1; i < KEYS; i++) {
        assert_string_not_equal(ids[i - 1], ids[i]);
    }
    test_free(ids);
}

/* A participant finds it in the head of a mail. A long history met M-V4DBT87LVERE. */
static void no_id_spells_a_word_of_the_list(void **state) {
    struct world *w = *state;
    char id[ID_SIZE], again[ID_SIZE], key[40];

    for (int i = 0; i < KEYS; i++) {
        (void)snprintf(key, sizeof key, "reminder/S-%d/0/1", i);
        store_derive_id(w->store, "M", key, 26, id); /* the longest: the most to spell with */
        if (disclose_find_word(id, NULL) >= 0) {
            fail_msg("%s spells a word, for %s", id, key);
        }
        store_derive_id(w->store, "M", key, 26, again);
        assert_string_equal(id, again);
    }
}

static void uuids_are_stable_and_distinct(void **state) {
    struct world *w = *state;
    char(*uuids)[ID_SIZE + 4] = test_calloc(KEYS, ID_SIZE + 4);
    char again[37], key[40];

    for (int i = 0; i < KEYS; i++) {
        (void)snprintf(key, sizeof key, "P-%d/%d/1", i / 12, i % 12);
        store_derive_uuid(w->store, key, uuids[i]);
        if (i % 1000 == 0) {
            assert_int_equal(strlen(uuids[i]), 36);
            assert_int_equal(strspn(uuids[i], "0123456789abcdef-"), 36);
            assert_int_equal(uuids[i][14], '8'); /* version */
            assert_non_null(strchr("89ab", uuids[i][19]));
            store_derive_uuid(w->store, key, again);
            assert_string_equal(uuids[i], again);
        }
    }
    for (int i = 0; i < KEYS; i++) { /* the last bytes alone are distinct as well: 48 bits */
        memmove(uuids[i], uuids[i] + 4, ID_SIZE);
    }
    qsort(uuids, KEYS, ID_SIZE + 4, compare_ids);
    for (int i = 1; i < KEYS; i++) {
        assert_int_not_equal(memcmp(uuids[i - 1], uuids[i], ID_SIZE), 0);
    }
    test_free(uuids);
}

/* What was derived must be the same after a restart and in the next release: links and ids were
 * given to people. */
static void derived_values_never_change(void **state) {
    struct world *w = *state;
    char id[ID_SIZE], uuid[37], hash[STORE_HASH_SIZE], hex[65];
    unsigned char secret[32];

    store_derive_id(w->store, "M", "key", 26, id);
    assert_string_equal(id, "M-3PMK7XAZU74GC3Z87ATPQNJWGY");
    store_derive_uuid(w->store, "key", uuid);
    assert_string_equal(uuid, "5c1035cf-f83e-87ba-b28f-d7cb5e18e2ee");
    store_hash(w->store, "ack", "token", hash);
    assert_string_equal(hash, "1f89bc560654d279ec9cde92026dba55e0a2099e07f814cdee7be6882316b07f");
    store_derive_secret(w->store, "ack token", "M-1", secret);
    hex_encode(secret, sizeof secret, hex);
    assert_string_equal(hex, "d9ffa06e0ffb0ad80094ef2860c1ec19ddfe127dc09df4a7ba19c64a3993bbda");
    assert_int_equal(store_derive_number(w->store, "key"), UINT64_C(0xc1bc709186cb83c6));
}

static void what_is_derived_differs_by_purpose(void **state) {
    struct world *w = *state;
    char a[STORE_HASH_SIZE], b[STORE_HASH_SIZE], one[ID_SIZE], two[ID_SIZE];
    unsigned char first[32], second[32];

    store_hash(w->store, "feed", "token", a);
    store_hash(w->store, "ack", "token", b);
    assert_string_not_equal(a, b);
    store_derive_secret(w->store, "a", "key", first);
    store_derive_secret(w->store, "b", "key", second);
    assert_memory_not_equal(first, second, 32);
    store_derive_id(w->store, "E", "key", 10, one);
    store_derive_id(w->store, "T", "key", 10, two);
    assert_string_not_equal(one + 1, two + 1);
    assert_true(store_derive_number(w->store, "a") != store_derive_number(w->store, "b"));
    _cleanup_free_ char *long_text = malloc(100001);
    assert_non_null(long_text);
    memset(long_text, 'r', 100000); /* a reason somebody pasted: it ended the daemon once */
    long_text[100000] = '\0';
    store_hash(w->store, "detail", long_text, a);
    long_text[99999] = 'R';
    store_hash(w->store, "detail", long_text, b);
    assert_string_not_equal(a, b);
}

static void secrets_are_compared_whole(void **state) {
    (void)state;
    static const struct {
        const char *a, *b;
        bool equal;
    } rows[] = {{"", "", true},       {"a", "", false},      {"", "a", false},
                {"abc", "abc", true}, {"abc", "abd", false}, {"abc", "ab", false},
                {"ab", "abc", false}, {"Abc", "abc", false}};

    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        assert_int_equal(store_equal_secret(rows[i].a, rows[i].b), rows[i].equal);
    }
}

/* ---- what is next ---- */

static void assert_next(struct world *w, struct instant expected) {
    struct instant next = {-1};

    assert_int_equal(store_next_wake(w->store, STORE_ALL_MESSAGES, &next), 0);
    assert_int_equal(next.us, expected.us);
}

static void the_next_wake_is_the_first_of_all_tables(void **state) {
    struct world *w = *state;
    struct session_row s = session_sample("P-1", 8);
    struct message_row m = message_sample("", 7 * 60);
    struct escalation_row e = escalation_sample("");
    struct task_row t = task_sample("", TASK_PHONE);

    assert_next(w, INSTANT_NEVER);
    world_begin(w);
    assert_int_equal(session_insert(w->store, &s), 0);
    assert_next(w, at_minute(8 * 60));
    assert_int_equal(message_insert(w->store, &m), 1);
    assert_next(w, at_minute(7 * 60));
    e.wake_at = at_minute(6 * 60);
    assert_int_equal(escalation_insert(w->store, &e), 1);
    assert_next(w, at_minute(6 * 60));
    t.wake_at = at_minute(5 * 60);
    assert_int_equal(task_insert(w->store, &t), 1);
    assert_next(w, at_minute(5 * 60));
    /* One after the other is done or set aside, and the next one shows. */
    t.state = TASK_DONE;
    t.wake_at = INSTANT_NEVER;
    assert_int_equal(task_update(w->store, &t, TASK_OPEN), 0);
    assert_next(w, at_minute(6 * 60));
    assert_int_equal(store_quarantine(w->store, "escalation", e.id, at_minute(0)), 0);
    assert_next(w, at_minute(7 * 60));
    m.state = MESSAGE_SENDING; /* its answer wakes us, or its gateway's time-out */
    assert_int_equal(message_update(w->store, &m, MESSAGE_QUEUED), 0);
    assert_next(w, at_minute(8 * 60));
    s.state = SESSION_CANCELLED;
    s.wake_at = INSTANT_NEVER;
    assert_int_equal(session_update(w->store, &s, SESSION_PLANNED, 0), 0);
    assert_next(w, INSTANT_NEVER);
    world_commit(w);
}

/* One row with an impossible time neither stops the timer of all others nor sleeps unseen itself.
 */
static void a_broken_wake_time_strands_nobody(void **state) {
    struct world *w = *state;
    struct session_row s = session_sample("P-1", 1);
    struct store_counts counts;
    char ids[2][ID_SIZE];

    world_begin(w);
    assert_int_equal(session_insert(w->store, &s), 0);
    world_commit(w);
    (void)raw_run(w, "UPDATE session SET wake_us=-9223372036854775807");
    assert_next(w, (struct instant){0});
    assert_int_equal(session_due(w->store, at_minute(0), ids, 2), 1);
    assert_int_equal(session_find(w->store, ids[0], &s), -EUCLEAN);
    (void)raw_run(w, "UPDATE session SET wake_us=9223372036854775807");
    assert_int_equal(store_count(w->store, at_minute(0), 0, &counts), 0);
    assert_int_equal(counts.overdue, 1);
}

/* Several first starts at once: what lies there afterwards is one whole key, and who got a key got
 * that one. */
static void first_starts_at_once_make_one_key(void **state) {
    struct world *w = *state;
    enum { ROUNDS = 60, STARTS = 4 };

    for (int round = 0; round < ROUNDS; round++) {
        const char *file = beside(w, arena_printf(&w->arena, "race-%d", round));
        unsigned char key[STORE_KEY_BYTES], kept[STARTS][STORE_KEY_BYTES + 1];
        int ends[2];
        pid_t children[STARTS];
        assert_int_equal(pipe(ends), 0);
        for (int i = 0; i < STARTS; i++) {
            children[i] = fork();
            if (children[i] == 0) {
                unsigned char answer[STORE_KEY_BYTES + 1] = {0};
                answer[STORE_KEY_BYTES] = store_key_load(file, true, answer, NULL) == 0;
                _exit(write(ends[1], answer, sizeof answer) == sizeof answer ? 0 : 1);
            }
        }
        for (int i = 0; i < STARTS; i++) {
            assert_int_equal(read(ends[0], kept[i], sizeof kept[i]), sizeof kept[i]);
        }
        for (int i = 0; i < STARTS; i++) {
            int status;
            assert_int_equal(waitpid(children[i], &status, 0), children[i]);
            assert_int_equal(status, 0);
        }
        (void)close(ends[0]);
        (void)close(ends[1]);
        assert_int_equal(store_key_load(file, false, key, NULL), 0); /* somebody made it */
        for (int i = 0; i < STARTS; i++) {
            assert_true(!kept[i][STORE_KEY_BYTES] || memcmp(kept[i], key, sizeof key) == 0);
        }
    }
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        T(a_key_is_made_once),
        T(no_two_keys_are_equal),
        T(only_a_whole_key_is_read),
        T(a_key_that_cannot_be_made_leaves_nothing),
        T(first_starts_at_once_make_one_key),
        T(files_are_for_their_owner_only),
        T(settings_are_as_promised),
        T(the_wrong_key_is_refused),
        T(one_process_at_a_time),
        T(refused_files_are_not_touched),
        T(our_own_newer_version_is_refused),
        T(what_is_no_database_is_refused),
        T(folders_may_be_links_but_not_the_file),
        T(long_paths_are_refused),
        T(meta_keeps_what_it_was_given),
        T(rollback_keeps_nothing),
        T(a_bad_part_is_undone_alone),
        T(without_parts_a_bad_one_spoils_the_turn),
        T(a_turn_that_is_rolled_back_in_a_part_begins_anew),
        T(another_writer_makes_busy_soon),
        T(readers_do_not_stop_a_commit),
        T(ids_are_stable_and_distinct),
        T(no_id_spells_a_word_of_the_list),
        T(uuids_are_stable_and_distinct),
        T(derived_values_never_change),
        T(what_is_derived_differs_by_purpose),
        T(secrets_are_compared_whole),
        T(the_next_wake_is_the_first_of_all_tables),
        T(a_broken_wake_time_strands_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
