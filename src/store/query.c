/* Statements at work. How it fails: the first error of a query sticks and is returned by query_row() or query_run();
 * what is read from the disk is checked, and a row that does not read as what we wrote is -EUCLEAN. */
#include "query.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int store_errno(struct store *store, int code) {
    static const struct {
        int code, error;
    } table[] = {{SQLITE_BUSY, EBUSY},     {SQLITE_LOCKED, EBUSY},  {SQLITE_FULL, ENOSPC},
                 {SQLITE_READONLY, EROFS}, {SQLITE_PERM, EACCES},   {SQLITE_CANTOPEN, ENOENT},
                 {SQLITE_NOMEM, ENOMEM},   {SQLITE_CONSTRAINT, EEXIST}};

    if (code == SQLITE_OK || code == SQLITE_ROW || code == SQLITE_DONE) {
        return 0;
    }
    store->last_code = code;
    if ((code & 0xff) == SQLITE_NOMEM) {
        abort(); /* out of memory ends the process; the store on disk is the truth */
    }
    for (size_t i = 0; i < ARRAY_COUNT(table); i++) {
        if ((code & 0xff) == table[i].code) {
            return -table[i].error;
        }
    }
    store->fatal = true; /* I/O errors, corruption, misuse: what the disk holds is unknown from here on */
    return -EIO;
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

void bind_int(struct query *q, int64_t value) {
    bound(q, sqlite3_bind_int64(q->statement, ++q->bound, value));
}

void bind_instant(struct query *q, struct instant t) {
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
    _cleanup_free_ unsigned char *box = malloc(length + SEAL_OVERHEAD);

    if (!box) {
        abort();
    }
    seal_box(&q->store->keys, place, row, text, length, box);
    bound(q, sqlite3_bind_blob64(q->statement, ++q->bound, box, length + SEAL_OVERHEAD, SQLITE_TRANSIENT));
}

int query_row(struct query *q) {
    if (q->error) {
        return q->error;
    }
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
    return (struct instant){read_int(q)};
}

static const char *column_text(struct query *q) {
    const char *text = (const char *)sqlite3_column_text(q->statement, q->column++);

    return text ? text : "";
}

struct date read_date(struct query *q) {
    const char *text = column_text(q);
    struct date d = {0};

    if (*text && date_from_text(text, &d) < 0) {
        query_fail(q, -EUCLEAN);
    }
    return d;
}

struct civil read_civil(struct query *q) {
    const char *text = column_text(q);
    struct civil c = {0};

    if (*text && civil_from_text(text, &c) < 0) {
        query_fail(q, -EUCLEAN);
    }
    return c;
}

void read_text(struct query *q, char *buffer, size_t capacity) {
    if (text_copy(buffer, capacity, column_text(q)) < 0) {
        query_fail(q, -EUCLEAN);
    }
}

const char *read_arena_text(struct query *q, struct arena *arena) {
    if (sqlite3_column_type(q->statement, q->column) == SQLITE_NULL) {
        q->column++;
        return NULL;
    }
    return arena_copy(arena, column_text(q));
}

const char *read_sealed(struct query *q, const char *place, const char *row, struct arena *arena) {
    const int column = q->column++;

    if (sqlite3_column_type(q->statement, column) == SQLITE_NULL) {
        return NULL;
    }
    const unsigned char *box = sqlite3_column_blob(q->statement, column);
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

int query_ids(struct query *q, char *ret_ids, size_t id_size, size_t capacity) {
    size_t count = 0;
    int r;

    while (count < capacity && (r = query_row(q)) > 0) {
        read_text(q, ret_ids + count * id_size, id_size);
        if (q->error) {
            return q->error;
        }
        count++;
    }
    return q->error ? q->error : (int)count;
}
