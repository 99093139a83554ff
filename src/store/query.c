/* Statements at work. How it fails: the first error of a query sticks and is returned by
 * query_row() or query_run(); what is read from the disk is checked, and a row that does not read
 * as what we wrote is -EUCLEAN.
 *
 * A full disk or a failing one makes SQLite give up the whole transaction by itself. What came
 * after would be committed on its own, statement by statement: so nothing comes after (`lost`)
 * until store_rollback() or store_commit(). */
#include "query.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The first row that fits; extended codes come before their primary code. Not on the list: I/O
 * errors, corruption, misuse. After those nobody knows what the disk holds. */
static const struct meaning {
    int code, error;
    bool fatal;
} meanings[] = {{SQLITE_CONSTRAINT_UNIQUE, EEXIST, false},
                {SQLITE_CONSTRAINT_PRIMARYKEY, EEXIST, false},
                {SQLITE_CONSTRAINT_ROWID, EEXIST, false},
                {SQLITE_CONSTRAINT_FOREIGNKEY, ENOENT, false},
                {SQLITE_CONSTRAINT_TRIGGER, EPERM, false},
                {SQLITE_CONSTRAINT, EINVAL, false},
                {SQLITE_BUSY, EBUSY, false},
                {SQLITE_LOCKED, EBUSY, false},
                {SQLITE_PROTOCOL, EBUSY, false},
                {SQLITE_FULL, ENOSPC, false},
                {SQLITE_READONLY_DBMOVED, EIO, true},
                {SQLITE_READONLY, EROFS, true}, /* opened so: only opening it again helps */
                {SQLITE_PERM, EACCES, false},
                {SQLITE_TOOBIG, EMSGSIZE, false},
                {SQLITE_NOTADB, EMEDIUMTYPE, true}};

static const struct meaning *find_meaning(int code) {
    static const struct meaning unknown = {0, EIO, true};

    for (size_t i = 0; i < ARRAY_COUNT(meanings); i++) {
        if (code == meanings[i].code || (code & 0xff) == meanings[i].code) {
            return &meanings[i];
        }
    }
    return &unknown;
}

/* SQLite's words and the system's, where it said what a person must know: SQLite itself says of a
 * disk that cannot be read that the database is malformed. */
static void keep_text(struct store *store, int code, int system_errno) {
    static const int telling[] = {EIO, EROFS, ENOSPC, EDQUOT, EFBIG, ENXIO, ENODEV, ESTALE};
    struct text t = TEXT_IN(store->error_text);

    text_add(&t, sqlite3_errstr(code));
    for (size_t i = 0; i < ARRAY_COUNT(telling); i++) {
        if (system_errno == telling[i]) {
            text_addf(&t, " (%s)", strerror(system_errno));
        }
    }
}

int store_errno(struct store *store, int code) {
    const int system_errno = errno;

    if (code == SQLITE_OK || code == SQLITE_ROW || code == SQLITE_DONE) {
        return 0;
    }
    if ((code & 0xff) == SQLITE_NOMEM) {
        abort(); /* out of memory ends the process; the store on disk is the truth */
    }
    const struct meaning *meaning = find_meaning(code);

    store->last_code = code;
    if (!store->fatal) {
        keep_text(store, code, system_errno);
    }
    store->fatal = store->fatal || meaning->fatal;
    if (store->in_transaction && sqlite3_get_autocommit(store->db) != 0) {
        store->lost = -meaning->error;
    }
    return -meaning->error;
}

struct query query_begin(struct store *store, enum statement statement) {
    struct query q = {.store = store, .statement = store->statements[statement]};

    assert(!sqlite3_stmt_busy(q.statement));
    return q;
}

void query_end(struct query *q) {
    if (q->statement) {
        (void)sqlite3_reset(q->statement); /* its code repeats what the step already said */
        (void)sqlite3_clear_bindings(q->statement);
        q->statement = NULL;
    }
}

void query_fail(struct query *q, int error) {
    if (q->error == 0) {
        q->error = error;
    }
}

static void bound(struct query *q, int code) {
    if (code != SQLITE_OK) {
        query_fail(q, store_errno(q->store, code));
    }
}

void bind_text(struct query *q, const char *text) {
    bound(q, text ? sqlite3_bind_text(q->statement, ++q->bound, text, -1, SQLITE_TRANSIENT)
                  : sqlite3_bind_null(q->statement, ++q->bound));
}

void bind_lent(struct query *q, const char *text) {
    bound(q, text ? sqlite3_bind_text(q->statement, ++q->bound, text, -1, SQLITE_STATIC)
                  : sqlite3_bind_null(q->statement, ++q->bound));
}

void bind_int(struct query *q, int64_t value) {
    bound(q, sqlite3_bind_int64(q->statement, ++q->bound, value));
}

/* 1900 to 2999, and 0 for "none" lies within: arithmetic on such instants cannot overflow. */
static bool instant_sane(int64_t us) {
    return us >= -2208988800 * SECOND_US && us < 32503680000 * SECOND_US;
}

void bind_instant(struct query *q, struct instant t) {
    if (t.us != INSTANT_NEVER.us && !instant_sane(t.us)) {
        query_fail(q, -EINVAL);
    }
    bound(q, t.us == INSTANT_NEVER.us ? sqlite3_bind_null(q->statement, ++q->bound)
                                      : sqlite3_bind_int64(q->statement, ++q->bound, t.us));
}

void bind_date(struct query *q, struct date d) {
    char text[DATE_TEXT_SIZE] = "";

    if (d.year != 0) {
        date_to_text(d, text);
    }
    bind_text(q, text);
}

void bind_civil(struct query *q, struct civil c) {
    char text[CIVIL_TEXT_SIZE] = "";

    if (c.date.year != 0) {
        civil_to_text(c, text);
    }
    bind_text(q, text);
}

void bind_sealed(struct query *q, const char *place, const char *row, const char *text) {
    if (!text || !*text) {
        bound(q, sqlite3_bind_null(q->statement, ++q->bound));
        return;
    }
    const size_t length = strlen(text);
    unsigned char *box = malloc(length + SEAL_OVERHEAD);

    if (!box) {
        abort();
    }
    seal_box(&q->store->keys, place, row, text, length, box);
    /* SQLite frees it, also when it cannot be bound. */
    bound(q, sqlite3_bind_blob64(q->statement, ++q->bound, box, length + SEAL_OVERHEAD, free));
}

int query_row(struct query *q) {
    if (q->error == 0) {
        q->error = q->store->lost;
    }
    if (q->error) {
        return q->error;
    }
    errno = 0;
    const int code = sqlite3_step(q->statement);

    q->column = 0;
    if (code == SQLITE_ROW) {
        return 1;
    }
    q->error = store_errno(q->store, code);
    return q->error;
}

int query_run(struct query *q) {
    const int r = query_row(q);

    assert(r <= 0);
    return r < 0 ? r : sqlite3_changes(q->store->db);
}

int64_t read_int(struct query *q) {
    return sqlite3_column_int64(q->statement, q->column++);
}

struct instant read_instant(struct query *q) {
    if (sqlite3_column_type(q->statement, q->column) == SQLITE_NULL) {
        q->column++;
        return INSTANT_NEVER;
    }
    const int64_t us = read_int(q);

    if (!instant_sane(us)) {
        query_fail(q, -EUCLEAN);
        return (struct instant){0};
    }
    return (struct instant){us};
}

uint32_t read_count(struct query *q) {
    const int64_t value = read_int(q);

    if (value < 0 || value > UINT32_MAX) {
        query_fail(q, -EUCLEAN);
        return 0;
    }
    return (uint32_t)value;
}

/* A value may be looked at where it lies because SQLite knows of no other thread (store.c).
 * Only what is a text, and has no NUL within: else half of it would be taken for the whole. */
static const char *column_text(struct query *q, size_t *ret_length) {
    sqlite3_value *value = sqlite3_column_value(q->statement, q->column++);
    const int type = sqlite3_value_type(value);

    *ret_length = 0;
    if (type == SQLITE_NULL) {
        return "";
    }
    const char *text = type == SQLITE_TEXT ? (const char *)sqlite3_value_text(value) : NULL;
    const size_t length = text ? strlen(text) : 0;

    if (!text || length != (size_t)sqlite3_value_bytes(value)) {
        query_fail(q, -EUCLEAN);
        return "";
    }
    *ret_length = length;
    return text;
}

struct date read_date(struct query *q) {
    size_t length;
    const char *text = column_text(q, &length);
    struct date d = {0};

    if (*text && date_from_text(text, &d) < 0) {
        query_fail(q, -EUCLEAN);
    }
    return d;
}

struct civil read_civil(struct query *q) {
    size_t length;
    const char *text = column_text(q, &length);
    struct civil c = {0};

    if (*text && civil_from_text(text, &c) < 0) {
        query_fail(q, -EUCLEAN);
    }
    return c;
}

void read_text(struct query *q, char *buffer, size_t capacity) {
    size_t length;
    const char *text = column_text(q, &length);

    if (length >= capacity) {
        query_fail(q, -EUCLEAN);
        text = "";
        length = 0;
    }
    memcpy(buffer, text, length + 1);
}

const char *read_arena_text(struct query *q, struct arena *arena) {
    if (sqlite3_column_type(q->statement, q->column) == SQLITE_NULL) {
        q->column++;
        return NULL;
    }
    size_t length;
    const char *text = column_text(q, &length);

    return length == 0 ? "" : arena_copy_bytes(arena, text, length);
}

const char *read_sealed(struct query *q, const char *place, const char *row, struct arena *arena) {
    const int column = q->column++;

    if (sqlite3_column_type(q->statement, column) == SQLITE_NULL) {
        return NULL;
    }
    const unsigned char *box = sqlite3_column_type(q->statement, column) == SQLITE_BLOB
                                   ? sqlite3_column_blob(q->statement, column)
                                   : NULL;
    const int length = sqlite3_column_bytes(q->statement, column);

    if (!box || length < SEAL_OVERHEAD) {
        query_fail(q, -EUCLEAN);
        return NULL;
    }
    char *plain = arena_alloc(arena, (size_t)length - SEAL_OVERHEAD + 1, 1);

    if (seal_open(&q->store->keys, place, row, box, (size_t)length, (unsigned char *)plain) < 0) {
        query_fail(q, -EUCLEAN);
        return NULL;
    }
    return plain;
}

bool query_pass_over(struct query *q, int r) {
    if (r != -EUCLEAN ||
        sqlite3_column_int(q->statement, sqlite3_column_count(q->statement) - 1) == 0) {
        return false;
    }
    q->error = 0;
    return true;
}

static int collect_ids(struct query *q, char *ret_ids, size_t id_size, size_t capacity) {
    size_t count = 0;

    while (count < capacity && query_row(q) > 0) {
        char *id = ret_ids + count * id_size;
        read_text(q, id, id_size);
        if (!q->error && !*id) {
            query_fail(q, -EUCLEAN);
        }
        if (q->error) {
            return q->error;
        }
        count++;
    }
    return q->error ? q->error : (int)count;
}

int query_ids(struct query *q, const char *table, char *ret_ids, size_t id_size, size_t capacity) {
    int r = collect_ids(q, ret_ids, id_size, capacity);

    if (r == -EUCLEAN && table) {
        (void)sqlite3_reset(q->statement); /* the bindings stay */
        q->error = 0;
        const int aside = store_quarantine_nameless(q->store, table);
        r = aside > 0 ? collect_ids(q, ret_ids, id_size, capacity) : aside < 0 ? aside : r;
    }
    return r;
}
