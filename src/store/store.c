/* Opening, locking, transactions and derived identifiers of the store.
 *
 * One process: a lock file beside the database keeps a second daemon out. synchronous=FULL: what
 * was committed survives a power loss on honest disks. How it fails: see store.h; after -EIO from
 * commit the caller ends the process. */
#include "cobi/store/store.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "cobi/base/nouns.def"
#include "cobi/rules/disclose.h"
#include "logs.h"
#include "query.h"
#include "schema.h"

static const char *const statement_texts[STATEMENT_COUNT] = {
/* Pieces of text side by side. NOLINTNEXTLINE(bugprone-macro-parentheses) */
#define S(name, sql) [STATEMENT_##name] = sql,
#include "statements.def"
#undef S
};
static const char settings[] = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA "
                               "foreign_keys=ON; PRAGMA secure_delete=ON;"
                               "PRAGMA cell_size_check=ON; PRAGMA temp_store=MEMORY; PRAGMA "
                               "mmap_size=0; PRAGMA cache_size=-6000; PRAGMA "
                               "wal_autocheckpoint=4000; PRAGMA journal_size_limit=67108864;";
enum { BUSY_WAIT_MS = 50, PATH_SIZE = 4096 };

static int take_lock(struct store *store, const char *file, struct complaint *complaint) {
    char name[PATH_SIZE];
    struct text t = TEXT_IN(name);

    text_addf(&t, "%s.lock", file);
    if (t.overflow) {
        return complain(complaint, -ENAMETOOLONG, "the database's path is too long");
    }
    store->lock_fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (store->lock_fd < 0) {
        return complain(complaint, -errno, "%s: cannot be made: %s", name, strerror(errno));
    }
    if (flock(store->lock_fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK) {
            return complain(complaint, -errno, "%s: cannot be locked: %s", name, strerror(errno));
        }
        return complain(complaint, -EALREADY, "%s: another cobid is running on this database",
                        file);
    }
    return 0;
}

/* Each is a wish that this build of SQLite may not know. */
static void harden(sqlite3 *db) {
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
    (void)sqlite3_limit(db, SQLITE_LIMIT_LENGTH, 1000000);
    (void)sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
    (void)sqlite3_busy_timeout(db, BUSY_WAIT_MS);
}

static int prepare_all(struct store *store, struct complaint *complaint) {
    for (size_t i = 0; i < STATEMENT_COUNT; i++) {
        const int code = sqlite3_prepare_v3(store->db, statement_texts[i], -1,
                                            SQLITE_PREPARE_PERSISTENT, &store->statements[i], NULL);
        if (code != SQLITE_OK) {
            return complain(complaint, store_errno(store, code),
                            "statement %zu of the catalogue: %s", i, sqlite3_errmsg(store->db));
        }
    }
    return 0;
}

static int meta_find(struct store *store, const char *name, char *buffer, size_t capacity) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_META_FIND);

    bind_text(&q, name);
    const int r = query_row(&q);

    if (r > 0) {
        read_text(&q, buffer, capacity);
    }
    return q.error ? q.error : r;
}

/* The key's own fingerprint is kept, so that a wrong key is noticed before anything is sealed with
 * it. */
static int check_key(struct store *store, struct complaint *complaint) {
    char hash[STORE_HASH_SIZE], known[STORE_HASH_SIZE];
    int r = meta_find(store, "key_fingerprint", known, sizeof known);

    store_hash(store, "fingerprint", "", hash);
    if (r == 0) {
        r = store_begin(store);
        r = r < 0 ? r : store_meta_set(store, "key_fingerprint", hash);
        r = r < 0 ? r : journal_begin(store);
        if (r == 0) {
            r = store_commit(store);
        } else {
            store_rollback(store);
        }
    } else if (r > 0 && !store_equal_secret(known, hash)) {
        return complain(
            complaint, -EKEYREJECTED,
            "the key is not the one this database was made with; give it the right key file");
    }
    return r < 0 ? complain(complaint, r, "the key's fingerprint: %s", store_error_text(store)) : 0;
}

/* SQLite takes a symbolic link for an attack, but a folder of the path may well be one. The file
 * itself is made here, for its mode. */
static int find_place(const char *file, char ret_path[PATH_SIZE]) {
    char folder[PATH_SIZE], real[PATH_MAX];
    struct text t;

    if (text_copy(folder, sizeof folder, file) < 0) {
        return -ENAMETOOLONG;
    }
    if (!realpath(dirname(folder), real)) {
        return -errno;
    }
    const char *slash = strrchr(file, '/');

    text_init(&t, ret_path, PATH_SIZE);
    text_addf(&t, "%s/%s", real, slash ? slash + 1 : file);
    if (t.overflow) {
        return -ENAMETOOLONG;
    }
    _cleanup_close_ int fd = open(ret_path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
                                  0600);

    return fd < 0 && errno != EEXIST ? -errno : 0;
}

static int prepare_database(struct store *store) {
    /* Before anything is written, were it only the mode of the journal. */
    int r = schema_check(store);

    r = r < 0 ? r : store_errno(store, sqlite3_exec(store->db, settings, NULL, NULL, NULL));
    return r < 0 ? r : schema_migrate(store);
}

/* SQLite opens what it may not write for reading alone, and then stays so when the cause has
 * passed.
 */
static int check_writable(struct store *store, const char *path) {
    if (sqlite3_db_readonly(store->db, "main") == 0) {
        return 0;
    }
    return access(path, W_OK) < 0 ? -errno : -EIO;
}

static int open_database(struct store *store, const char *file, struct complaint *complaint) {
    char path[PATH_SIZE];
    int r = find_place(file, path);

    if (r < 0) {
        return complain(complaint, r, "%s: the database cannot be made: %s", file, strerror(-r));
    }
    /* Only the loop's thread comes here: no locks, and nobody asks how much memory is in use. It is
     * too late for the second once SQLite was used in this process, which only costs time. */
    (void)sqlite3_config(SQLITE_CONFIG_MULTITHREAD);
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    const int code = sqlite3_open_v2(path, &store->db,
                                     SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW |
                                         SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_NOMUTEX,
                                     NULL);

    if (code != SQLITE_OK) {
        const int cause = sqlite3_system_errno(store->db);
        return complain(complaint, store_errno(store, code),
                        "%s: the database cannot be opened: %s%s%s", file,
                        sqlite3_errmsg(store->db), cause ? ": " : "",
                        cause ? strerror(cause) : "");
    }
    r = check_writable(store, path);
    if (r < 0) {
        return complain(complaint, r, "%s: the database cannot be written: %s", file, strerror(-r));
    }
    harden(store->db);
    r = prepare_database(store);
    if (r == -EMEDIUMTYPE) {
        return complain(complaint, r, "%s: not a database of cobid", file);
    }
    if (r == -EPROTONOSUPPORT) {
        return complain(complaint, r, "%s: made by a newer cobid; install that version or newer",
                        file);
    }
    return r < 0 ? complain(complaint, r, "%s: the database cannot be used: %s", file,
                            store_error_text(store))
                 : 0;
}

int store_open(const char *file, const unsigned char key[STORE_KEY_BYTES], struct store **ret_store,
               struct complaint *complaint) {
    struct store *store = calloc(1, sizeof *store);

    if (!store) {
        abort();
    }
    store->lock_fd = -1;
    seal_keys_init(&store->keys, key);
    int r = take_lock(store, file, complaint);

    r = r < 0 ? r : open_database(store, file, complaint);
    r = r < 0 ? r : prepare_all(store, complaint);
    r = r < 0 ? r : check_key(store, complaint);
    if (r < 0) {
        store_close(store);
        return r;
    }
    *ret_store = store;
    return 0;
}

void store_close(struct store *store) {
    if (!store) {
        return;
    }
    for (size_t i = 0; i < STATEMENT_COUNT; i++) {
        (void)sqlite3_finalize(store->statements[i]); /* repeats the code of the last step */
    }
    /* Nothing is left open; a checkpoint that fails is done at the next start. */
    (void)sqlite3_close(store->db);
    if (store->lock_fd >= 0) {
        (void)close(store->lock_fd);
    }
    seal_keys_done(&store->keys);
    free(store);
}

void store_set_volatile(struct store *store) {
    /* Only speed is at stake. */
    (void)sqlite3_exec(store->db, "PRAGMA synchronous=OFF", NULL, NULL, NULL);
}

static int run(struct store *store, enum statement statement) {
    _cleanup_query_ struct query q = query_begin(store, statement);
    const int r = query_row(&q);

    return r < 0 ? r : 0;
}

int store_begin(struct store *store) {
    assert(!store->in_transaction);
    if (store->fatal) {
        return -EIO;
    }
    const int r = run(store, STATEMENT_BEGIN);

    store->in_transaction = r == 0;
    return r;
}

int store_commit(struct store *store) {
    assert(store->in_transaction && !store->in_part);
    const bool lost = store->lost != 0;
    const int r = run(store, STATEMENT_COMMIT);

    if (r < 0) {
        if (r != -EBUSY && r != -ENOSPC && !lost) {
            /* A COMMIT that failed may still be found on the disk after a restart. One that found
             * no room cannot: its last frame, without which no other counts, was not written. */
            store->fatal = true;
        }
        store_rollback(store);
        return r;
    }
    store->in_transaction = store->partless = false;
    return 0;
}

void store_rollback(struct store *store) {
    store->lost = 0;
    if (store->in_transaction && sqlite3_get_autocommit(store->db) == 0) {
        /* A failing rollback means that SQLite has already rolled back. */
        (void)run(store, STATEMENT_ROLLBACK);
    }
    store->in_transaction = store->in_part = store->partless = false;
    store->lost = 0; /* a rollback that failed was not needed */
}

int store_part_begin(struct store *store) {
    assert(store->in_transaction && !store->in_part);
    const int r = store->partless ? store->lost : run(store, STATEMENT_PART_BEGIN);

    store->in_part = r == 0;
    return r;
}

int store_part_end(struct store *store, bool keep) {
    assert(store->in_part);
    store->in_part = false;
    if (store->partless) {
        store->lost = keep || store->lost ? store->lost : -ERESTART;
        return store->lost;
    }
    int r = keep ? 0 : run(store, STATEMENT_PART_UNDO);

    return r < 0 ? r : run(store, STATEMENT_PART_KEEP);
}

void store_without_parts(struct store *store) {
    assert(store->in_transaction && !store->in_part);
    store->partless = true;
}

bool store_fatal(const struct store *store) {
    return store->fatal;
}

bool store_full(const struct store *store) {
    return (store->last_code & 0xff) == SQLITE_FULL;
}

const char *store_error_text(const struct store *store) {
    return store->error_text;
}

int store_meta_set(struct store *store, const char *name, const char *value) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_META_SET);

    bind_text(&q, name);
    bind_text(&q, value);
    const int r = query_run(&q);

    return r < 0 ? r : 0;
}

int store_meta_load(struct store *store, const char *name, struct arena *arena,
                    const char **ret_value) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_META_FIND);

    bind_text(&q, name);
    const int r = query_row(&q);
    const char *value = r > 0 ? read_arena_text(&q, arena) : NULL;

    if (q.error) {
        return q.error;
    }
    *ret_value = value;
    return r;
}

const char *store_meta_find(struct store *store, const char *name, struct arena *arena) {
    const char *value = NULL;

    return store_meta_load(store, name, arena, &value) > 0 ? value : NULL;
}

static void spell_id(const char *prefix, const unsigned char *digest, size_t letters,
                     char ret_id[ID_SIZE]) {
    static const char alphabet[] =
        "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"; /* without I and O, 0 and 1: read out on the phone */
    struct text t;

    text_init(&t, ret_id, ID_SIZE);
    text_addf(&t, "%s-", prefix);
    for (size_t i = 0; i < letters; i++) {
        text_add_bytes(&t, &alphabet[digest[i] & 31], 1);
    }
    assert(!t.overflow);
}

/* A participant reads it in the head of a mail: one that spells a word of the list is passed over.
 */
void store_derive_id(const struct store *store, const char *prefix, const char *natural_key,
                     size_t letters, char ret_id[ID_SIZE]) {
    unsigned char digest[32];

    assert(letters <= 26);
    seal_mac(store->keys.deriving, prefix, natural_key, strlen(natural_key), digest);
    spell_id(prefix, digest, letters, ret_id);
    while (disclose_find_word(ret_id, NULL) >= 0) {
        seal_mac(store->keys.deriving, prefix, (const char *)digest, sizeof digest, digest);
        spell_id(prefix, digest, letters, ret_id);
    }
}

void store_derive_uuid(const struct store *store, const char *natural_key, char ret_uuid[37]) {
    unsigned char d[32];

    seal_mac(store->keys.deriving, "uuid", natural_key, strlen(natural_key), d);
    d[6] = (unsigned char)((d[6] & 0x0f) | 0x80); /* version 8: made our own way */
    d[8] = (unsigned char)((d[8] & 0x3f) | 0x80);
    (void)snprintf(ret_uuid, 37,
                   "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", d[0],
                   d[1], d[2], d[3], d[4], d[5], d[6], d[7], d[8], d[9], d[10], d[11], d[12], d[13],
                   d[14], d[15]); /* always 36 */
}

uint64_t store_derive_number(const struct store *store, const char *natural_key) {
    unsigned char digest[32];
    uint64_t number;

    seal_mac(store->keys.deriving, "number", natural_key, strlen(natural_key), digest);
    memcpy(&number, digest, sizeof number);
    return number;
}

void store_derive_secret(const struct store *store, const char *purpose, const char *natural_key,
                         unsigned char ret_secret[32]) {
    seal_mac(store->keys.deriving, purpose, natural_key, strlen(natural_key), ret_secret);
}

void store_hash(const struct store *store, const char *purpose, const char *text,
                char ret_hash[STORE_HASH_SIZE]) {
    unsigned char digest[32];

    seal_mac(store->keys.looking_up, purpose, text, strlen(text), digest);
    hex_encode(digest, sizeof digest, ret_hash);
}

int64_t store_hash_number(const struct store *store, const char *purpose, const char *text) {
    unsigned char digest[32];
    int64_t number;

    seal_mac(store->keys.looking_up, purpose, text, strlen(text), digest);
    memcpy(&number, digest, sizeof number);
    return number;
}

bool store_equal_secret(const char *a, const char *b) {
    const size_t length = strlen(a);

    return strlen(b) == length && CRYPTO_memcmp(a, b, length) == 0;
}

uint64_t store_changes(const struct store *store) {
    return (uint64_t)sqlite3_total_changes64(store->db);
}

int store_next_wake(struct store *store, struct instant messages_after,
                    struct instant *ret_instant) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_NEXT_WAKE);

    bind_int(&q, messages_after.us);
    const int r = query_row(&q);

    if (r < 0) {
        return r;
    }
    const struct instant next = r > 0 ? read_instant(&q) : INSTANT_NEVER;

    /* A time that cannot be is no reason to wake nobody: at once, and who looks at the row will see
     * what is wrong with it. */
    const struct instant at_once = {0};

    *ret_instant = q.error ? at_once : next;
    return 0;
}

int store_draw_in(struct store *store, struct instant now, struct span back) {
    static const enum statement statements[] = {
        STATEMENT_DRAW_IN_SESSION, STATEMENT_DRAW_IN_MESSAGE, STATEMENT_DRAW_IN_ESCALATION,
        STATEMENT_DRAW_IN_TASK,    STATEMENT_DRAW_IN_JOB,     STATEMENT_DRAW_IN_PARTICIPANT};

    for (size_t i = 0; i < ARRAY_COUNT(statements); i++) {
        _cleanup_query_ struct query q = query_begin(store, statements[i]);
        bind_instant(&q, now);
        bind_int(&q, back.us);
        const int r = query_run(&q);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}
