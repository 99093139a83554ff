/* fuzz_row: a row may hold anything (a failing disk, an intruder, a restored backup). The engine
 * starts, comes to rest and answers; it sets the row aside instead of failing, and still says
 * nothing to a participant that must not be said. Bytes: table, column, row, hours, then the value:
 * a byte for its type ('i', 't', 'b', 'n'), and its bytes. */
#include "house.h"

#define COLUMNS_MAX 400

struct place {
    char table[40], column[40];
};
static struct place places[COLUMNS_MAX];
static size_t place_count;

/* Every column of every table, but for what is no row of ours: the settings by which the file is
 * known at all, and the chains that are there to show what was changed. */
static void find_places(void) {
    static const char text[] =
        "SELECT m.name, c.name FROM sqlite_schema m, pragma_table_xinfo(m.name) c "
        "WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.name NOT IN "
        "('meta', 'audit', 'access') AND c.hidden = 0 ORDER BY m.name, c.cid";
    sqlite3_stmt *statement = NULL;

    FUZZ_CHECK(sqlite3_prepare_v2(w.witness, text, -1, &statement, NULL) == SQLITE_OK);
    while (sqlite3_step(statement) == SQLITE_ROW && place_count < COLUMNS_MAX) {
        struct place *place = &places[place_count++];

        (void)snprintf(place->table, sizeof(place->table), "%s", sqlite3_column_text(statement, 0));
        (void)snprintf(place->column, sizeof(place->column), "%s",
                       sqlite3_column_text(statement, 1));
    }
    FUZZ_CHECK(sqlite3_finalize(statement) == SQLITE_OK && place_count > 0);
}

static void bind(sqlite3_stmt *statement, const uint8_t *data, size_t size) {
    int64_t number = 0;
    int length = size == 0 ? 0 : (int)size - 1, result;

    for (size_t i = 1; i < size && i <= sizeof(number); i++) {
        number = (int64_t)((uint64_t)number << 8 | data[i]);
    }
    switch (size == 0 ? 'n' : data[0]) {
    case 'i':
        result = sqlite3_bind_int64(statement, 1, number);
        break;
    case 't':
        result = sqlite3_bind_text(statement, 1, (const char *)data + 1, length, SQLITE_STATIC);
        break;
    case 'b':
        result = sqlite3_bind_blob(statement, 1, data + 1, length, SQLITE_STATIC);
        break;
    default:
        result = sqlite3_bind_null(statement, 1);
    }
    FUZZ_CHECK(result == SQLITE_OK);
}

/* Returns whether the database took it: a type that the column cannot hold it refuses. */
static bool poison(const uint8_t *data, size_t size) {
    const struct place *place = &places[((size_t)data[0] << 8 | data[1]) % place_count];
    sqlite3_stmt *statement = NULL;
    char text[300];
    int count, result;

    count = sql_int("SELECT count(*) FROM \"%s\"", place->table);
    if (count == 0) {
        return false;
    }
    (void)snprintf(text, sizeof(text),
                   "UPDATE \"%s\" SET \"%s\" = ?1 WHERE rowid = (SELECT rowid FROM \"%s\" LIMIT 1 "
                   "OFFSET %d)",
                   place->table, place->column, place->table, data[2] % count);
    if (sqlite3_prepare_v2(w.witness, text, -1, &statement, NULL) != SQLITE_OK) {
        return false; /* a table without rowid */
    }
    bind(statement, data + 4, size - 4);
    result = sqlite3_step(statement);
    (void)sqlite3_finalize(statement); /* says again what step said */
    return result == SQLITE_DONE && sqlite3_changes(w.witness) > 0;
}

static void ask(void) {
    static const char *const lines[] = {
        "session list",      "message list",     "escalation list", "task list",
        "feed list",         "participant list", "preview P-1",     "participant show P-2",
        "practitioner list", "advocate list"};
    struct audit_report report;

    for (size_t i = 0; i < ARRAY_COUNT(lines); i++) {
        int status = try_("%s", lines[i]);

        FUZZ_CHECK(status == 200 || (status >= 400 && status < 600 && error_text()[0] != '\0'));
    }
    FUZZ_CHECK(engine_audit(w.engine, &report) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 5) {
        return 0;
    }
    house_enter();
    if (place_count == 0) {
        find_places();
        FUZZ_CHECK(sqlite3_exec(w.witness,
                                "PRAGMA ignore_check_constraints = ON; PRAGMA foreign_keys = OFF",
                                NULL, NULL, NULL) == SQLITE_OK);
    }
    if (poison(data, size)) {
        house_touch();
        world_restart();
        house_live(span_hours(data[3] % 200));
        ask();
        house_check_sent();
    }
    return 0;
}
