/* What a turn has changed: the rows of four tables, by a hook on the engine's own connection, and
 * what they were before, in tables of the witness's own. So laws about changes ask about a handful
 * of rows, not about all of them after every turn.
 *
 * Where a row was touched and nothing was committed it is compared with itself. Must never write to
 * the database under test. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

static const struct {
    const char *name;
    unsigned mask;
} watched[] = {
    {"session", SIM_SESSIONS},  {"message", SIM_MESSAGES},
    {"escalation", SIM_CHAINS}, {"participant_state", SIM_PEOPLE},
    {"receipt", SIM_RECEIPTS},  {"task", SIM_TASKS},
    {"link", SIM_LINKS},        {"office", SIM_OFFICES},
};

static void note(void *world, int what, const char *database, const char *table,
                 sqlite3_int64 row) {
    struct changes *c = world;

    (void)what;
    (void)database;
    for (size_t i = 0; i < ARRAY_COUNT(watched); i++) {
        if (strcmp(watched[i].name, table) != 0) {
            continue;
        }
        c->tables |= watched[i].mask;
        c->unasked |= watched[i].mask;
        c->sessions += i == SIM_SESSION;
        if (i < SIM_TABLE_COUNT && c->count < CHANGES_MAX) {
            c->list[c->count++] = (struct change){(enum sim_table)i, row};
        } else if (i < SIM_TABLE_COUNT) {
            fprintf(stderr, "sim: a turn has changed more than %d rows\n", CHANGES_MAX);
            exit(2);
        }
        return;
    }
    c->meta |= strcmp(table, "meta") == 0;
    c->unasked |= SIM_OTHERS;
}

/* SQLite calls this for each connection that is opened, and has nothing to tell whose it is. */
static struct changes *watching;

static int watch(sqlite3 *database, char **error, const void *api) {
    (void)error;
    (void)api;
    (void)sqlite3_update_hook(database, note, watching); /* there was none before */
    return SQLITE_OK;
}

void changes_begin(struct sim *sim) {
    watching = &sim->changes;
    if (sqlite3_auto_extension((void (*)(void))watch) != SQLITE_OK) {
        abort();
    }
}

void changes_begun(void) {
    (void)sqlite3_cancel_auto_extension((void (*)(void))watch); /* was there */
}

static void run(struct sim *sim, const char *sql, int64_t row) {
    sqlite3_stmt *statement = witness_ask(sim, sql);

    if (sqlite3_bind_parameter_count(statement) > 0) {
        (void)sqlite3_bind_int64(statement, 1, row);
    }
    if (sqlite3_step(statement) != SQLITE_DONE) {
        fprintf(stderr, "sim: %s: %s\n", sqlite3_errmsg(sim->witness), sql);
        exit(2);
    }
    witness_done(statement);
}

void changes_open(struct sim *sim) {
    run(sim, "PRAGMA temp_store=MEMORY", 0);
    run(sim, "PRAGMA main.cache_size=-32000", 0);
    for (size_t i = 0; i < SIM_KEPT_COUNT; i++) {
        char sql[200];
        (void)snprintf(sql, sizeof sql,
                       "CREATE TEMP TABLE was_%s AS SELECT rowid AS row,* FROM %s WHERE 0",
                       watched[i].name, watched[i].name);
        run(sim, sql, 0);
        (void)snprintf(sql, sizeof sql, "CREATE UNIQUE INDEX temp.was_%s_row ON was_%s(row)",
                       watched[i].name, watched[i].name);
        run(sim, sql, 0);
    }
    /* The engine's own indexes are for its questions; these are for ours. */
    run(sim, "CREATE INDEX temp.was_message_wake ON was_message(wake_us) WHERE wake_us IS NOT NULL",
        0);
    run(sim,
        "CREATE INDEX temp.was_message_end ON was_message(not_after_us) WHERE state "
        "IN('queued','held')",
        0);
    run(sim, "CREATE INDEX temp.was_message_about ON was_message(participant,recipient,created_us)",
        0);
    run(sim, "CREATE INDEX temp.was_message_alarm ON was_message(task) WHERE kind='alarm'", 0);
    run(sim, "CREATE INDEX temp.was_message_session ON was_message(session,kind)", 0);
    run(sim, "CREATE INDEX temp.was_message_queued ON was_message(recipient) WHERE state='queued'",
        0);
}

void changes_forget(struct sim *sim) {
    static const char *const keep[SIM_KEPT_COUNT] = {
        "INSERT OR REPLACE INTO was_session SELECT rowid,* FROM session WHERE rowid=?1",
        "INSERT OR REPLACE INTO was_message SELECT rowid,* FROM message WHERE rowid=?1",
        "INSERT OR REPLACE INTO was_escalation SELECT rowid,* FROM escalation WHERE rowid=?1",
        ("INSERT OR REPLACE INTO was_participant_state SELECT rowid,* FROM participant_state "
         "WHERE rowid=?1")};

    for (size_t i = 0; i < sim->changes.count; i++) {
        const struct change *change = &sim->changes.list[i];
        if ((int)change->table < (int)SIM_KEPT_COUNT) {
            run(sim, keep[change->table], change->row);
        }
    }
    sim->changes.count = 0;
    sim->changes.tables = 0;
}
