/* Every sealed column there is: no plain byte of it on the disk, and a box opens in its own row and
 * column only. */
#include "store_world.h"

#include "../../src/store/query.h"
#include "cobi/store/incoming.h"

#include <fcntl.h>

/* Each canary is of its own; all have this in common, so that one search finds any of them. */
#define CANARY "Qzx7canary"

static int canary_count;

static const char *canary(struct world *w, const char *what) {
    return arena_printf(&w->arena, "%s %d of %s", CANARY, ++canary_count, what);
}

/* ---- one row of each kind; what is sealed holds canaries ---- */

static void add_noun(struct world *w, enum noun noun, const char *id) {
    struct noun_row row = noun_sample(&w->arena, noun, id);

    for (size_t i = 0; i < noun_tables[noun].field_count; i++) {
        if (noun_tables[noun].fields[i].flags & FIELD_SEALED) {
            row.values[i] = canary(w, noun_tables[noun].fields[i].name);
        }
    }
    assert_int_equal(noun_insert(w->store, &row), 0);
}

static const char *noun_id(enum noun noun, bool second) {
    static const char *const ids[NOUN_COUNT][2] = {
        [NOUN_OFFICE] = {"O-A", "O-B"},     [NOUN_PRACTITIONER] = {"W-A", "W-B"},
        [NOUN_SUPERVISOR] = {"V-A", "V-B"}, [NOUN_ADVOCATE] = {"A-A", "A-B"},
        [NOUN_OFFICER] = {"R-A", "R-B"},    [NOUN_PARTICIPANT] = {"P-A", "P-B"}};
    return ids[noun][second];
}

struct cast {
    char messages[2][MESSAGE_ID_SIZE], escalations[2][ID_SIZE], inbound[2][ID_SIZE];
};

static void add_message(struct world *w, uint32_t step, char ret_id[MESSAGE_ID_SIZE]) {
    struct message_row m = message_sample("S-A", step);

    m.note = canary(w, "note");
    m.to = canary(w, "recipient");
    m.subject = canary(w, "subject");
    m.body = canary(w, "body");
    assert_int_equal(message_insert(w->store, &m), 1);
    m.to = canary(w, "recipient again");
    m.subject = canary(w, "subject again");
    m.body = canary(w, "body again");
    m.state = MESSAGE_SENDING;
    assert_int_equal(message_update(w->store, &m, MESSAGE_QUEUED), 0);
    memcpy(ret_id, m.id, MESSAGE_ID_SIZE);
}

static void add_escalation(struct world *w, const char *session, char ret_id[ID_SIZE]) {
    struct escalation_row e = escalation_sample(session);

    e.state = ESCALATION_RESOLVED;
    e.wake_at = INSTANT_NEVER;
    e.because = canary(w, "raised because");
    e.resolved_because = canary(w, "because");
    assert_int_equal(escalation_insert(w->store, &e), 1);
    e.resolved_because = canary(w, "because again");
    assert_int_equal(escalation_update(w->store, &e, ESCALATION_RESOLVED, 0), 0);
    memcpy(ret_id, e.id, ID_SIZE);
}

static void add_lines(struct world *w) {
    struct session_row s = session_sample("P-1", 1);

    assert_int_equal(text_copy(s.id, sizeof s.id, "S-A"), 0);
    assert_int_equal(session_insert(w->store, &s), 0);
    for (int i = 0; i < 2; i++) {
        const struct session_history_row line = {.at = at_minute(i),
                                                 .what = "moved",
                                                 .start = s.start,
                                                 .zone = s.zone,
                                                 .reason = canary(w, "line")};
        const struct absence_row away = {
            {2027, 2, (uint8_t)(1 + i)}, {2027, 2, (uint8_t)(1 + i)}, canary(w, "absence")};
        const struct link_row link = {"A-A", "P-A", canary(w, "case"), true, {0}};
        assert_int_equal(session_history_add(w->store, "S-A", &line), 0);
        assert_int_equal(absence_insert(w->store, NOUN_PRACTITIONER, "W-A", &away), 0);
        if (i == 1) { /* a link that was removed, and the one after it */
            assert_int_equal(link_remove(w->store, "A-A", "P-A", at_minute(1)), 0);
        }
        assert_int_equal(link_insert(w->store, &link, at_minute(10 * i)), 0);
    }
}

static struct cast add_cast(struct world *w) {
    struct cast cast;
    const struct audit_entry entry = {.at = {T0},
                                      .actor = "root",
                                      .action = "set",
                                      .subject = "P-A",
                                      .detail = canary(w, "detail")};
    const struct feed_row feed = {
        .id = "F-A", .owner_kind = "office", .owner = "O-A", .created_at = {T0}};
    char hash[STORE_HASH_SIZE];

    world_begin(w);
    for (size_t n = 0; n < NOUN_COUNT; n++) {
        add_noun(w, (enum noun)n, noun_id((enum noun)n, false));
        add_noun(w, (enum noun)n, noun_id((enum noun)n, true));
    }
    add_lines(w);
    for (uint32_t i = 0; i < 2; i++) {
        add_message(w, i, cast.messages[i]);
        add_escalation(w, i ? "S-A" : "S-B", cast.escalations[i]);
        struct inbound_row text = {.gateway = "texts", .participant = "P-A", .stop = i == 1};
        text.body = canary(w, "inbound");
        assert_int_equal(inbound_insert(w->store, &text, canary(w, "event")), 1);
        memcpy(cast.inbound[i], text.id, ID_SIZE);
    }
    assert_int_equal(audit_append(w->store, &entry), 0);
    assert_int_equal(access_append(w->store, &entry), 0);
    store_hash(w->store, "feed", canary(w, "token"), hash);
    assert_int_equal(feed_insert(w->store, &feed, hash), 0);
    world_commit(w);
    return cast;
}

/* ---- nothing plain on the disk ---- */

static bool file_holds(const char *path, const char *needle) {
    static char bytes[4000000];
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    const ssize_t length = read(fd, bytes, sizeof bytes);
    assert_true(length >= 0 && (size_t)length < sizeof bytes);
    return memmem(bytes, (size_t)length, needle, strlen(needle)) != NULL;
}

/* How many of the folder's files hold it. */
static int files_with(struct world *w, const char *needle) {
    DIR *folder = opendir(w->folder);
    int count = 0;

    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (entry->d_name[0] != '.') {
            count += file_holds(arena_printf(&w->arena, "%s/%s", w->folder, entry->d_name), needle);
        }
    }
    (void)closedir(folder);
    return count;
}

static void no_canary_is_on_the_disk(void **state) {
    struct world *w = *state;

    (void)add_cast(w);
    assert_true(canary_count > 40);
    assert_int_equal(files_with(w, CANARY), 0);
    assert_true(files_with(w, "programme of P-A") >=
                1); /* the search does find what is not sealed */
    assert_true(file_holds(arena_printf(&w->arena, "%s-wal", w->file), "programme of P-A"));
    world_close(w); /* moves all of it from the log to the database */
    assert_int_equal(files_with(w, CANARY), 0);
    assert_true(file_holds(w->file, "programme of P-A"));
    world_open(w);
}

/* Rolled back or refused, it was not on the disk either. */
static void no_canary_of_what_failed_is_on_the_disk(void **state) {
    struct world *w = *state;

    assert_int_equal(sqlite3_exec(w->store->db, "PRAGMA cache_size=1", NULL, NULL, NULL),
                     SQLITE_OK);
    (void)add_cast(w);
    world_begin(w);
    for (uint32_t i = 100; i < 400; i++) {
        char id[MESSAGE_ID_SIZE];
        add_message(w, i, id);
    }
    assert_int_equal(files_with(w, CANARY), 0);
    store_rollback(w->store);
    assert_int_equal(files_with(w, CANARY), 0);
}

static void keys_are_not_on_the_disk(void **state) {
    struct world *w = *state;
    char key[33], hex[65];

    (void)add_cast(w);
    memcpy(key, w->key, 32);
    key[32] = '\0';
    assert_non_null(strchr(key, 1)); /* no NUL within: strlen is its length */
    assert_int_equal(strlen(key), 32);
    hex_encode(w->key, 32, hex);
    assert_int_equal(files_with(w, key), 0);
    assert_int_equal(files_with(w, hex), 0);
}

/* ---- each box in its place only ---- */

static int read_noun(struct world *w, enum noun noun) {
    struct noun_row row;
    return noun_find(w->store, noun, noun_id(noun, false), &w->arena, &row);
}

static int read_office(struct world *w, const struct cast *c) {
    (void)c;
    return read_noun(w, NOUN_OFFICE);
}

static int read_practitioner(struct world *w, const struct cast *c) {
    (void)c;
    return read_noun(w, NOUN_PRACTITIONER);
}

static int read_supervisor(struct world *w, const struct cast *c) {
    (void)c;
    return read_noun(w, NOUN_SUPERVISOR);
}

static int read_advocate(struct world *w, const struct cast *c) {
    (void)c;
    return read_noun(w, NOUN_ADVOCATE);
}

static int read_officer(struct world *w, const struct cast *c) {
    (void)c;
    return read_noun(w, NOUN_OFFICER);
}

static int read_participant(struct world *w, const struct cast *c) {
    (void)c;
    return read_noun(w, NOUN_PARTICIPANT);
}

static int read_message(struct world *w, const struct cast *c) {
    struct message_row row;
    return message_find(w->store, c->messages[0], &w->arena, &row);
}

static int read_escalation(struct world *w, const struct cast *c) {
    struct escalation_row row;
    return escalation_find(w->store, c->escalations[0], &w->arena, &row);
}

static int read_history(struct world *w, const struct cast *c) {
    struct session_history_row rows[3];
    const int r = session_history_list(w->store, "S-A", &w->arena, rows, 3);

    (void)c;
    return r < 0 ? r : r == 2 ? 0 : -ERANGE;
}

static int read_absence(struct world *w, const struct cast *c) {
    struct absence_row rows[3];
    const int r = absence_list(w->store, NOUN_PRACTITIONER, "W-A", &w->arena, rows, 3);

    (void)c;
    return r < 0 ? r : r == 2 ? 0 : -ERANGE;
}

static int read_link(struct world *w, const struct cast *c) {
    struct link_row row;

    (void)c;
    return link_find(w->store, "A-A", "P-A", &w->arena, &row);
}

static int read_inbound(struct world *w, const struct cast *c) {
    struct inbound_row row;
    return inbound_find(w->store, c->inbound[0], &w->arena, &row);
}

/* The row that is read, and another of the same table, by their conditions; %s is a message's or an
 * escalation's id. */
static const struct sealed_table {
    const char *table, *row, *other;
    int (*read)(struct world *w, const struct cast *c);
} tables[] = {
    {"office", "id='O-A'", "id='O-B'", read_office},
    {"practitioner", "id='W-A'", "id='W-B'", read_practitioner},
    {"supervisor", "id='V-A'", "id='V-B'", read_supervisor},
    {"advocate", "id='A-A'", "id='A-B'", read_advocate},
    {"officer", "id='R-A'", "id='R-B'", read_officer},
    {"participant", "id='P-A'", "id='P-B'", read_participant},
    {"message", "step=0", "step=1", read_message},
    {"escalation", "session='S-B'", "session='S-A'", read_escalation},
    {"session_history", "line=1", "line=2", read_history},
    {"absence", "from_date='2027-02-01'", "from_date='2027-02-02'", read_absence},
    {"link", "removed_us IS NULL", "removed_us IS NOT NULL", read_link},
    {"inbound", "taken='other'", "taken='stop'", read_inbound},
};

static const struct sealed_table *find_table(const char *name) {
    for (size_t i = 0; i < ARRAY_COUNT(tables); i++) {
        if (strcmp(tables[i].table, name) == 0) {
            return &tables[i];
        }
    }
    fail_msg("%s has a sealed column and no case here", name);
    return &tables[0]; /* never: fail_msg ends the test */
}

static void expect_unreadable(struct world *w, const struct cast *cast,
                              const struct sealed_table *t, const char *sql) {
    if (raw_run(w, sql) != 1) {
        fail_msg("%s: changes nothing", sql);
    }
    if (t->read(w, cast) != -EUCLEAN) {
        fail_msg("%s: was read", sql);
    }
}

static void spoil(struct world *w, const struct cast *cast, const struct sealed_table *t,
                  const char *column, const char *other_column) {
    struct arena *a = &w->arena;
    const char *keep = arena_printf(a, "CREATE TABLE kept AS SELECT %s AS box FROM %s WHERE %s",
                                    column, t->table, t->row);
    const char *back = arena_printf(a, "UPDATE %s SET %s=(SELECT box FROM kept) WHERE %s", t->table,
                                    column, t->row);
    const char *set = arena_printf(a, "UPDATE %s SET %s=", t->table, column);

    assert_int_equal(t->read(w, cast), 0);
    (void)raw_run(w, keep);
    const int64_t length = raw_number(w, "SELECT length(box) FROM kept");
    expect_unreadable(w, cast, t,
                      arena_printf(a, "%s(SELECT %s FROM %s WHERE %s) WHERE %s", set, column,
                                   t->table, t->other, t->row));
    if (other_column) {
        expect_unreadable(w, cast, t, arena_printf(a, "%s%s WHERE %s", set, other_column, t->row));
    }
    for (int64_t byte = 1; byte <= length; byte += byte < 30 ? 4 : 11) {
        const char *flipped = arena_printf(
            a,
            "%sCAST(substr((SELECT box FROM kept),1,%d)||CASE substr((SELECT box FROM kept),%d,1) "
            "WHEN x'00' THEN x'01' ELSE x'00' END||substr((SELECT box FROM kept),%d) AS BLOB) "
            "WHERE %s",
            set, (int)byte - 1, (int)byte, (int)byte + 1, t->row);
        expect_unreadable(w, cast, t, flipped);
    }
    expect_unreadable(w, cast, t,
                      arena_printf(a,
                                   "%sCAST(substr((SELECT box FROM kept),1,length((SELECT box FROM "
                                   "kept))-1) AS BLOB) WHERE %s",
                                   set, t->row));
    expect_unreadable(w, cast, t, arena_printf(a, "%sx'' WHERE %s", set, t->row));
    expect_unreadable(w, cast, t,
                      arena_printf(a, "%szeroblob(%d) WHERE %s", set, (int)length, t->row));
    assert_int_equal(raw_run(w, back), 1);
    assert_int_equal(t->read(w, cast), 0);
    (void)raw_run(w, "DROP TABLE kept");
}

/* The columns are asked of the database, so that a new one cannot be forgotten here. */
static void boxes_open_in_their_place_only(void **state) {
    struct world *w = *state;
    const struct cast cast = add_cast(w);
    sqlite3_stmt *statement = NULL;
    char names[60][2][40];
    size_t count = 0;

    assert_int_equal(
        sqlite3_prepare_v2(
            w->store->db,
            "SELECT m.name,c.name FROM sqlite_schema AS m JOIN pragma_table_info(m.name) AS c "
            "WHERE m.type='table' AND c.type='BLOB' ORDER BY m.name,c.cid",
            -1, &statement, NULL),
        SQLITE_OK);
    for (; sqlite3_step(statement) == SQLITE_ROW; count++) {
        assert_true(count < ARRAY_COUNT(names));
        for (int i = 0; i < 2; i++) {
            assert_int_equal(text_copy(names[count][i], sizeof names[count][i],
                                       (const char *)sqlite3_column_text(statement, i)),
                             0);
        }
    }
    (void)sqlite3_finalize(statement);
    assert_true(count >= 30);
    for (size_t i = 0; i < count; i++) {
        const bool same_before = i > 0 && strcmp(names[i - 1][0], names[i][0]) == 0;
        const bool same_after = i + 1 < count && strcmp(names[i + 1][0], names[i][0]) == 0;
        const char *other = same_before ? names[i - 1][1] : same_after ? names[i + 1][1] : NULL;
        spoil(w, &cast, find_table(names[i][0]), names[i][1], other);
    }
}

/* The same texts under another key are other boxes, other hashes and other ids. */
static void another_key_shares_nothing(void **state) {
    struct world *w = *state;
    char id[ID_SIZE], other_id[ID_SIZE], hash[STORE_HASH_SIZE], other_hash[STORE_HASH_SIZE];
    const char *file = arena_printf(&w->arena, "%s/other.db", w->folder);
    struct store *other = NULL;
    unsigned char key[STORE_KEY_BYTES];

    memcpy(key, w->key, sizeof key);
    key[31] ^= 0x80;
    assert_int_equal(store_open(file, key, &other, NULL), 0);
    store_derive_id(w->store, "S", "P-1/1/1", 10, id);
    store_derive_id(other, "S", "P-1/1/1", 10, other_id);
    assert_string_not_equal(id, other_id);
    store_hash(w->store, "contact", "+447700900001", hash);
    store_hash(other, "contact", "+447700900001", other_hash);
    assert_string_not_equal(hash, other_hash);
    store_close(other);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        T(no_canary_is_on_the_disk),   T(no_canary_of_what_failed_is_on_the_disk),
        T(keys_are_not_on_the_disk),   T(boxes_open_in_their_place_only),
        T(another_key_shares_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
