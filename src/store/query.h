/* One statement of the catalogue at work: bind in order, step, read in order. Private to the store.
 *
 * The first error sticks: binds and reads after it do nothing, and query_run() or query_row() report it. */
#ifndef COBI_STORE_QUERY_H
#define COBI_STORE_QUERY_H

#include <sqlite3.h>
#include <stdbool.h>

#include "cobi/base/cleanup.h"
#include "seal.h"

enum statement {
#define S(name, sql) STATEMENT_##name,
#include "statements.def"
#undef S
};
#define STATEMENT_COUNT (STATEMENT_end_ + 1)
#define STORE_ERROR_SIZE 128

struct store {
    sqlite3 *db;
    sqlite3_stmt *statements[STATEMENT_COUNT];
    struct seal_keys keys;
    int lock_fd;
    bool in_transaction, in_part, partless, fatal;
    int lost; /* why SQLite gave up the whole transaction by itself, or we must; nothing is read or written until it is rolled back here too */
    int last_code;
    char error_text[STORE_ERROR_SIZE]; /* of last_code; of what was fatal, once something was */
};
struct query {
    struct store *store;
    sqlite3_stmt *statement;
    int error; /* negative errno */
    int bound, column;
};
/* Translates a code of SQLite, remembers it for store_error_text(), and notes when it is fatal or has ended the transaction. */
int store_errno(struct store *store, int code);

struct query query_begin(struct store *store, enum statement statement);
void query_end(struct query *q);
#define _cleanup_query_ _cleanup_(query_end)
void bind_text(struct query *q, const char *text); /* NULL is NULL */
/* The same without a copy: the text must stay as it is until query_end(). Not for lists, whose rows may be read into what was bound. */
void bind_lent(struct query *q, const char *text);
void bind_int(struct query *q, int64_t value);
void bind_instant(struct query *q, struct instant t); /* INSTANT_NEVER is NULL */
void bind_date(struct query *q, struct date d);       /* year 0 is "" */
void bind_civil(struct query *q, struct civil c);     /* year 0 is "" */
void bind_sealed(struct query *q, const char *place, const char *row, const char *text); /* NULL and "" are NULL */
/* 1: a row, 0: no more, or a negative errno. */
_must_use_ int query_row(struct query *q);
/* For writes: how many rows changed, or a negative errno. */
_must_use_ int query_run(struct query *q);
int64_t read_int(struct query *q);
uint32_t read_count(struct query *q); /* what does not fit is an error of the row */
struct instant read_instant(struct query *q);
struct date read_date(struct query *q);
struct civil read_civil(struct query *q);
/* Copies; a text that is too long for the field is an error of the row. */
void read_text(struct query *q, char *buffer, size_t capacity);
#define READ_TEXT(q, array) read_text((q), (array), sizeof(array))
const char *read_arena_text(struct query *q, struct arena *arena);  /* NULL for NULL */
const char *read_sealed(struct query *q, const char *place, const char *row, struct arena *arena); /* NULL for NULL */
/* Marks the row as not ours to read. */
void query_fail(struct query *q, int error);
/* For lists that select `quarantined` last: true when the row that did not read (r) was set aside before. The list goes on without it. */
bool query_pass_over(struct query *q, int r);

/* Reads one id a row into the caller's array: the shape of every "what is due" statement. A row of `table` whose id cannot be read
 * could not even be set aside by its id: all such rows are set aside at once, and the others are read. With NULL it is an error. */
_must_use_ int query_ids(struct query *q, const char *table, char *ret_ids, size_t id_size, size_t capacity);
/* Sets aside, and says in the log, what has no id that could be read. How many, or a negative errno. */
_must_use_ int store_quarantine_nameless(struct store *store, const char *table);

#endif
