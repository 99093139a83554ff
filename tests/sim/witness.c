/* The witness: a second, read-only connection to the simulator's database. It sees only what was
 * committed, so it can tell intent that was written from intent that was merely meant. */
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t hash_of(const char *text) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (; *text; text++) {
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    }
    return hash;
}

sqlite3_stmt *witness_prepare(struct sim *sim, const char *sql) {
    sqlite3_stmt *statement = NULL;

    if (sqlite3_prepare_v2(sim->witness, sql, -1, &statement, NULL) != SQLITE_OK) {
        fprintf(stderr, "sim: %s: %s\n", sqlite3_errmsg(sim->witness), sql);
        exit(2);
    }
    return statement;
}

/* Statements are kept: the same few questions are asked after every turn. */
sqlite3_stmt *witness_ask(struct sim *sim, const char *sql) {
    const uint64_t hash = hash_of(sql);
    size_t i = 0;

    while (
        i < WITNESS_STATEMENTS_MAX && sim->statements[i] &&
        (sim->statement_hashes[i] != hash || strcmp(sqlite3_sql(sim->statements[i]), sql) != 0)) {
        i++;
    }
    if (i == WITNESS_STATEMENTS_MAX) {
        i = sim->statement_count++ % WITNESS_STATEMENTS_MAX;
        (void)sqlite3_finalize(sim->statements[i]); /* was reset: nothing to report */
        sim->statements[i] = NULL;
    }
    if (!sim->statements[i]) {
        sim->statements[i] = witness_prepare(sim, sql);
        sim->statement_hashes[i] = hash;
    }
    return sim->statements[i];
}

void witness_done(sqlite3_stmt *statement) {
    (void)sqlite3_reset(statement); /* repeats the code of the last step */
    (void)sqlite3_clear_bindings(statement);
}

void witness_look(struct sim *sim, bool looks) {
    sqlite3_stmt *statement = witness_ask(sim, looks ? "BEGIN" : "COMMIT");

    (void)sqlite3_step(statement); /* of a transaction that only reads */
    witness_done(statement);
}

void witness_close(struct sim *sim) {
    for (size_t i = 0; i < WITNESS_STATEMENTS_MAX; i++) {
        (void)sqlite3_finalize(sim->statements[i]);
    }
    for (size_t i = 0; i < LAWS_MAX; i++) {
        (void)sqlite3_finalize(sim->laws[i]);
    }
    (void)sqlite3_close(sim->witness);
}

static sqlite3_stmt *ask(struct sim *sim, const char *sql, const char *const *values) {
    sqlite3_stmt *statement = witness_ask(sim, sql);

    for (int i = 0; values && values[i]; i++) {
        (void)sqlite3_bind_text(statement, i + 1, values[i], -1,
                                SQLITE_TRANSIENT); /* memory only */
    }
    return statement;
}

bool witness_text(struct sim *sim, const char *sql, const char *const *values, char *ret_text,
                  size_t capacity) {
    sqlite3_stmt *statement = ask(sim, sql, values);
    const bool found = sqlite3_step(statement) == SQLITE_ROW;

    if (found) {
        const unsigned char *text = sqlite3_column_text(statement, 0);
        (void)snprintf(ret_text, capacity, "%s",
                       text ? (const char *)text : ""); /* cut if too long */
    }
    witness_done(statement);
    return found;
}

int64_t witness_number(struct sim *sim, const char *sql, const char *const *values) {
    sqlite3_stmt *statement = ask(sim, sql, values);
    const int64_t number = sqlite3_step(statement) == SQLITE_ROW
                               ? sqlite3_column_int64(statement, 0)
                               : 0;

    witness_done(statement);
    return number;
}
