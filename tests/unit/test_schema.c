/* The schema: what was released never changes, every CHECK refuses something, every statement finds
 * its rows by an index. */
#include "store_world.h"

#include "../../src/store/query.h"
#include "../../src/store/schema.h"
#include "cobi/base/nouns.def"
#include "cobi/store/incoming.h"
#include "cobi/store/jobs.h"

#include <fcntl.h>

static const char *const texts[STATEMENT_COUNT] = {
#define S(name, sql) [STATEMENT_##name] = sql,
#include "../../src/store/statements.def"
#undef S
};
static const char *const names[STATEMENT_COUNT] = {
#define S(name, sql) [STATEMENT_##name] = #name,
#include "../../src/store/statements.def"
#undef S
};

static char *frozen_schema(struct world *w, const char *name) {
    const char *top = getenv("srcdir");
    const char *path = arena_printf(&w->arena, "%s/tests/data/%s", top ? top : ".", name);
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        fail_msg("%s: %s", path, strerror(errno));
    }
    char *text = arena_alloc(&w->arena, 100000, 1);
    assert_in_range(read(fd, text, 99999), 1000, 99998);
    return text;
}

/* What the database says of itself, a statement a line. */
static const char *schema_of(struct world *w) {
    sqlite3_stmt *statement = NULL;
    char *text = arena_alloc(&w->arena, 100000, 1);
    struct text t;

    text_init(&t, text, 100000);
    assert_int_equal(
        sqlite3_prepare_v2(w->store->db,
                           "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid", -1,
                           &statement, NULL),
        SQLITE_OK);
    while (sqlite3_step(statement) == SQLITE_ROW) {
        text_addf(&t, "%s;\n", (const char *)sqlite3_column_text(statement, 0));
    }
    (void)sqlite3_finalize(statement);
    assert_false(t.overflow);
    return text;
}

/* A released migration is never edited: a change needs a new one. While version 1 is not released,
 * the frozen copy is written anew with COBI_TEST_FREEZE=FILE. */
static void version_1_is_frozen(void **state) {
    struct world *w = *state;
    const char *now = schema_of(w), *target = getenv("COBI_TEST_FREEZE");

    if (target) {
        _cleanup_close_ int fd = open(target, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        assert_true(fd >= 0 && write(fd, now, strlen(now)) == (ssize_t)strlen(now));
    }
    const char *frozen = frozen_schema(w, "schema-1.sql");

    if (strcmp(now, frozen) != 0) {
        size_t same = 0;
        while (now[same] == frozen[same]) {
            same++;
        }
        fail_msg("version 1 of the schema was edited, here: ...%.120s\nfrozen: ...%.120s",
                 now + same, frozen + same);
    }
}

/* What an earlier release left behind opens and works: begins at the frozen copy, ends at what a
 * new database has. */
static void every_version_migrates(void **state) {
    struct world *w = *state;
    const char *fresh = schema_of(w);
    sqlite3 *db = NULL;

    world_close(w);
    assert_int_equal(unlink(w->file), 0);
    assert_int_equal(sqlite3_open(w->file, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, frozen_schema(w, "schema-1.sql"), NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA application_id=1668244073; PRAGMA user_version=1",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    world_open(w);
    assert_string_equal(schema_of(w), fresh);
    world_people(w);
}

static bool is_sealed(enum noun noun, const char *column) {
    const struct field *field = noun_find_field(noun, column);

    assert_non_null(field);
    return field->flags & FIELD_SEALED;
}

static void fields_of_nouns_have_their_columns(void **state) {
    struct world *w = *state;

    for (size_t n = 0; n < NOUN_COUNT; n++) {
        sqlite3_stmt *statement = NULL;
        size_t columns = 0;
        assert_int_equal(
            sqlite3_prepare_v2(w->store->db,
                               "SELECT name,type,\"notnull\" FROM pragma_table_info(?) WHERE name "
                               "NOT IN('id','account')",
                               -1, &statement, NULL),
            SQLITE_OK);
        assert_int_equal(sqlite3_bind_text(statement, 1, noun_tables[n].name, -1, SQLITE_STATIC),
                         SQLITE_OK);
        for (; sqlite3_step(statement) == SQLITE_ROW; columns++) {
            const char *name = (const char *)sqlite3_column_text(statement, 0),
                       *type = (const char *)sqlite3_column_text(statement, 1);
            assert_string_equal(type, is_sealed((enum noun)n, name) ? "BLOB" : "TEXT");
            assert_int_equal(sqlite3_column_int(statement, 2), !is_sealed((enum noun)n, name));
        }
        (void)sqlite3_finalize(statement);
        assert_int_equal(columns, noun_tables[n].field_count);
    }
}

static void tables_are_strict(void **state) {
    struct world *w = *state;

    assert_int_equal(raw_number(w, "SELECT count(*) FROM sqlite_schema WHERE type='table' AND name "
                                   "NOT LIKE 'sqlite_%' AND sql NOT LIKE '%STRICT'"),
                     0);
    assert_int_equal(
        raw_number(w, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check='ok'"), 1);
}

/* ---- CHECKs ---- */

/* Each row is changed from a good one, in the table's one row; the text is what SQLite says was
 * violated. */
static const struct check_case {
    const char *sql, *check;
} check_cases[] = {
    {"UPDATE office SET id=''", "length(id) BETWEEN 1 AND 32"},
    {"UPDATE office SET id='123456789012345678901234567890123'", "length(id) BETWEEN 1 AND 32"},
    {"UPDATE practitioner SET id='' WHERE id='W-2'", "length(id) BETWEEN 1 AND 32"},
    {"UPDATE supervisor SET id=''", "length(id) BETWEEN 1 AND 32"},
    {"UPDATE advocate SET id=''", "length(id) BETWEEN 1 AND 32"},
    {"UPDATE officer SET id=''", "length(id) BETWEEN 1 AND 32"},
    {"UPDATE participant SET id='' WHERE id='P-2'", "length(id) BETWEEN 1 AND 32"},
    {"UPDATE account SET noun='victim'",
     "noun IN('office','practitioner','supervisor','advocate','officer','participant')"},
    {"UPDATE participant_state SET state='gone'",
     "state IN('referred','active','paused','completed','withdrawn','ended')"},
    {"UPDATE participant_state SET started=2", "started IN(0,1)"},
    {"UPDATE participant_state SET quarantined=2", "quarantined IN(0,1)"},
    {"UPDATE participant_state SET wake_us=1",
     "(wake_us IS NOT NULL)=(state IN('active','paused'))"},
    {"UPDATE participant_state SET state='active'",
     "(wake_us IS NOT NULL)=(state IN('active','paused'))"},
    {"UPDATE absence SET from_date=''", "length(from_date)=10 AND length(to_date)=10"},
    {"UPDATE absence SET to_date='2027-02-1'", "length(from_date)=10 AND length(to_date)=10"},
    {"UPDATE absence SET to_date='2027-01-31'", "from_date<=to_date"},
    {"UPDATE link SET level='none'", "level IN('all','missed')"},
    {"UPDATE session SET id=''", "length(id) BETWEEN 1 AND 32"},
    {"UPDATE session SET number=0", "number>0"},
    {"UPDATE session SET of=0", "of>=number"},
    {"UPDATE session SET attempt=0", "attempt>0"},
    {"UPDATE session SET minutes=0", "minutes>0"},
    {"UPDATE session SET revision=-1", "revision>=0"},
    {"UPDATE session SET state='missed'",
     "state='planned' OR state='awaiting_outcome' OR state='recorded' OR state='cancelled'"},
    {"UPDATE session SET quarantined=2", "quarantined IN(0,1)"},
    {"UPDATE session SET verdict=-1", "verdict>=0"},
    {"UPDATE session SET contact='perhaps'", "contact IN('','yes','no')"},
    {"UPDATE session SET review_us=1", "(review_outcome<>'')=(review_us<>0)"},
    {"UPDATE session SET review_us=1,review_outcome='ATTC'",
     "review_outcome='' OR state='recorded'"},
    {"UPDATE session SET outcome='ATTC'", "(outcome<>'')=(state='recorded')"},
    {"UPDATE session SET state='recorded'", "(outcome<>'')=(state='recorded')"},
    {"UPDATE session SET wake_us=NULL", "wake_us IS NOT NULL OR state IN('recorded','cancelled')"},
    {"UPDATE session SET state='awaiting_outcome',wake_us=NULL",
     "wake_us IS NOT NULL OR state IN('recorded','cancelled')"},
    {"UPDATE session SET state='cancelled'", "wake_us IS NULL OR state<>'cancelled'"},
    {"UPDATE message SET id=''", "length(id) BETWEEN 1 AND 32"},
    {"UPDATE message SET state='lost'",
     "state='accepted' OR state='queued' OR state='sending' OR state='delivered' OR "
     "state='undelivered' OR state='failed' OR "
     "state='uncertain' OR state='unknown' OR state='cancelled' OR state='expired' OR state='held' "
     "OR state='skipped'"},
    {"UPDATE message SET repeat=2", "repeat IN(0,1)"},
    {"UPDATE message SET priority=5", "priority BETWEEN 1 AND 4"},
    {"UPDATE message SET quarantined=-1", "quarantined IN(0,1)"},
    {"UPDATE message SET wake_us=NULL", "wake_us IS NOT NULL OR NOT(state='queued' OR "
                                        "state='sending' OR state='uncertain' OR state='held')"},
    {"UPDATE message SET state='failed'", "wake_us IS NULL OR state='queued' OR state='sending' OR "
                                          "state='uncertain' OR state='held' OR state='accepted'"},
    {"UPDATE receipt SET report='lost'", "report IN('interim','failed','delivered')"},
    {"UPDATE inbound SET id=''", "length(id) BETWEEN 1 AND 32"},
    {"UPDATE inbound SET taken='start'", "taken IN('stop','other')"},
    {"UPDATE ack SET used=2", "used IN(0,1)"},
    {"UPDATE escalation SET id=''", "length(id) BETWEEN 1 AND 32"},
    {"UPDATE escalation SET state='asleep'",
     "state IN('open','waiting','acknowledged','resolved')"},
    {"UPDATE escalation SET exhausted=2", "exhausted IN(0,1)"},
    {"UPDATE escalation SET quarantined=2", "quarantined IN(0,1)"},
    {"UPDATE escalation SET wake_us=NULL", "(wake_us IS NULL)=(state='resolved')"},
    {"UPDATE escalation SET state='resolved'", "(wake_us IS NULL)=(state='resolved')"},
    {"UPDATE task SET id=''", "length(id) BETWEEN 1 AND 32"},
    {"UPDATE task SET state='waiting'", "state IN('open','done','dropped')"},
    {"UPDATE task SET quarantined=2", "quarantined IN(0,1)"},
    {"UPDATE task SET wake_us=NULL", "(wake_us IS NOT NULL)=(state='open')"},
    {"UPDATE task SET state='done'", "(wake_us IS NOT NULL)=(state='open')"},
    {"UPDATE departure SET from_date='soon'", "length(from_date)=10"},
    {"UPDATE departure SET gone=2", "gone IN(0,1)"},
    {"UPDATE departure SET taker=practitioner", "taker<>practitioner"},
    {"UPDATE job SET id=''", "length(id) BETWEEN 1 AND 32"},
    {"UPDATE job SET kind='nothing'", "kind IN('digest','leave')"},
    {"UPDATE job SET quarantined=2", "quarantined IN(0,1)"},
    {"UPDATE feed SET id=''", "length(id) BETWEEN 1 AND 32"},
};

static void one_of_each(struct world *w) {
    const struct absence_row absence = {{2027, 2, 1}, {2027, 2, 2}, "reason"};
    const struct link_row link = {"A-1", "P-1", "case", true, {0}};
    const struct session_row s = session_sample("P-1", 1);
    struct message_row m = message_sample(s.id, 1);
    struct escalation_row e = escalation_sample(s.id);
    struct task_row t = task_sample(s.id, TASK_PHONE);
    const struct feed_row f = {
        .id = "F-1", .owner_kind = "office", .owner = "O-1", .created_at = {T0}};

    world_begin(w);
    assert_int_equal(absence_insert(w->store, NOUN_PRACTITIONER, "W-1", &absence), 0);
    assert_int_equal(link_insert(w->store, &link, at_minute(0)), 0);
    assert_int_equal(session_insert(w->store, &s), 0);
    assert_int_equal(message_insert(w->store, &m), 1);
    assert_int_equal(escalation_insert(w->store, &e), 1);
    assert_int_equal(task_insert(w->store, &t), 1);
    assert_int_equal(feed_insert(w->store, &f, "hash"), 0);
    struct ack_row ack = {.generation = 1};
    memcpy(ack.message, m.id, sizeof ack.message);
    assert_int_equal(ack_insert(w->store, "hash", &ack), 1);
    const struct departure_row departure = {
        .practitioner = "W-1", .taker = "W-2", .from = {2027, 2, 1}};
    const struct job_row job = {.kind = JOB_LEAVE, .subject = "W-1", .wake_at = at_minute(0)};
    assert_int_equal(departure_set(w->store, &departure), 0);
    assert_int_equal(job_set(w->store, &job), 0);
    const struct receipt_row receipt = {.gateway = "texts", .report = RECEIPT_FAILED};
    struct inbound_row inbound = {.gateway = "texts", .participant = "P-1", .body = "ok"};
    assert_int_equal(receipt_insert(w->store, &receipt), 1);
    assert_int_equal(inbound_insert(w->store, &inbound, "1"), 1);
    world_commit(w);
}

static void every_check_refuses(void **state) {
    struct world *w = *state;

    one_of_each(w);
    assert_int_equal(sqlite3_exec(w->store->db, "PRAGMA foreign_keys=OFF", NULL, NULL, NULL),
                     SQLITE_OK);
    for (size_t i = 0; i < ARRAY_COUNT(check_cases); i++) {
        char *fault = NULL;
        const char *expected = arena_printf(&w->arena, "CHECK constraint failed: %s",
                                            check_cases[i].check);
        if (sqlite3_exec(w->store->db, check_cases[i].sql, NULL, NULL, &fault) !=
                SQLITE_CONSTRAINT_CHECK ||
            strcmp(fault, expected) != 0) {
            fail_msg("%s: %s", check_cases[i].sql, fault ? fault : "was taken");
        }
        sqlite3_free(fault);
    }
}

/* Table by table the schema's CHECKs and those of the cases above are the same set. */
static void every_check_has_a_case(void **state) {
    struct world *w = *state;
    sqlite3_stmt *statement = NULL;
    size_t found = 0;

    assert_int_equal(sqlite3_prepare_v2(w->store->db,
                                        "SELECT name,sql FROM sqlite_schema WHERE type='table'", -1,
                                        &statement, NULL),
                     SQLITE_OK);
    while (sqlite3_step(statement) == SQLITE_ROW) {
        const char *update = arena_printf(&w->arena, "UPDATE %s SET ",
                                          (const char *)sqlite3_column_text(statement, 0));
        for (const char *at = (const char *)sqlite3_column_text(statement, 1);
             (at = strstr(at, "CHECK(")) != NULL; at++) {
            const char *check = at + strlen("CHECK(");
            bool has_case = false;
            for (size_t i = 0; i < ARRAY_COUNT(check_cases); i++) {
                const size_t length = strlen(check_cases[i].check);
                has_case = has_case || (strncmp(check_cases[i].sql, update, strlen(update)) == 0 &&
                                        strncmp(check, check_cases[i].check, length) == 0 &&
                                        check[length] == ')');
            }
            if (!has_case) {
                fail_msg("%s has no case for CHECK(%.60s", update, check);
            }
            found++;
        }
    }
    (void)sqlite3_finalize(statement);
    assert_true(found >= 30);
}

/* ---- query plans ---- */

/* A full scan needs a reason why what it scans stays small, or why it may take its time. */
static const struct {
    const char *statement, *scan, *reason;
} allowed_scans[] = {
    {"COUNT_ESCALATIONS", "SCAN escalation USING COVERING INDEX escalation_wake",
     "only what waits is in that index"},
    {"COUNT_MESSAGES", "SCAN message USING COVERING INDEX message_wake",
     "only what waits is in that index"},
    {"MESSAGE_SENDING", "SCAN message USING INDEX message_sending",
     "only what is under way is in that index"},
    {"MESSAGE_SENDING_AT", "SCAN message USING INDEX message_sending", "as above"},
    {"COUNT_OVERDUE", "SCAN message USING INDEX message_sending", "as above"},
    {"MESSAGE_CANCEL_RECIPIENT", "SCAN message USING INDEX message_due",
     "only what waits is in that index, and somebody leaves seldom"},
    {"COUNT_FAILED", "SCAN message USING INDEX message_failed", "as many as its limit"},
    {"NAMELESS_SESSION", "SCAN session", "only where the disk or an intruder has damaged a row"},
    {"NAMELESS_MESSAGE", "SCAN message", "as above"},
    {"NAMELESS_ESCALATION", "SCAN escalation", "as above"},
    {"NAMELESS_TASK", "SCAN task", "as above"},
    {"NAMELESS_JOB", "SCAN job", "as above"},
    {"NAMELESS_PARTICIPANT_STATE", "SCAN participant_state", "as above"},
    {"SESSION_OUTCOME_USED", "SCAN session", "once a reload, by its contract"},
    {"SESSION_ZONE_NEXT", "SCAN session", "once a start or reload"},
    {"SESSION_DRAW_IN_TOLD", "SCAN session", "once when a clock that ran ahead is set back"},
    {"LINK_DRAW_IN", "SCAN link", "as above"},
    {"PROGRAMME_USED", "SCAN participant", "once a reload, by its contract"},
    {"ABSENCE_LIST", "SCAN (subquery-1)", "as many rows as the caller has room for"},
    {"COUNT_PEOPLE", "SCAN (subquery-1)", "as many as its limit"},
    {"COUNT_ESCALATIONS", "SCAN (subquery-1)", "as many as its limit"},
    {"COUNT_MESSAGES", "SCAN (subquery-1)", "as many as its limit"},
    {"COUNT_FAILED", "SCAN (subquery-1)", "as many as its limit"},
    {"COUNT_OVERDUE", "SCAN (subquery-1)", "as many as its limit"},
    {"COUNT_OVERDUE", "SCAN (subquery-4)", "as many as its limit"},
    {"COUNT_OVERDUE", "SCAN (subquery-7)", "as many as its limit"},
    {"COUNT_OVERDUE", "SCAN (subquery-10)", "as many as its limit"},
    {"COUNT_OVERDUE", "SCAN (subquery-13)", "as many as its limit"},
    {"COUNT_OVERDUE_LANE", "SCAN (subquery-1)", "as many as its limit"},
};

static bool scan_allowed(const char *statement, const char *plan) {
    for (size_t i = 0; i < ARRAY_COUNT(allowed_scans); i++) {
        if (strcmp(allowed_scans[i].statement, statement) == 0 &&
            strcmp(allowed_scans[i].scan, plan) == 0) {
            return true;
        }
    }
    return strncmp(plan, "SCAN CONSTANT ROW", 17) == 0;
}

static void no_statement_scans_a_table(void **state) {
    struct world *w = *state;
    size_t faults = 0;

    for (size_t i = 0; i < STATEMENT_COUNT; i++) {
        sqlite3_stmt *statement = NULL;
        const char *sql = arena_printf(&w->arena, "EXPLAIN QUERY PLAN %s", texts[i]);
        assert_int_equal(sqlite3_prepare_v2(w->store->db, sql, -1, &statement, NULL), SQLITE_OK);
        while (sqlite3_step(statement) == SQLITE_ROW) {
            const char *plan = (const char *)sqlite3_column_text(statement, 3);
            const bool sorts = strstr(plan, "TEMP B-TREE") != NULL &&
                               strcmp(names[i], "ABSENCE_LIST") != 0; /* only what it returns */
            if (getenv("COBI_TEST_PLANS")) {
                print_message("%s: %s\n", names[i], plan);
            }
            if (sorts || (strncmp(plan, "SCAN", 4) == 0 && !scan_allowed(names[i], plan))) {
                print_error("%s: %s\n", names[i], plan);
                faults++;
            }
        }
        (void)sqlite3_finalize(statement);
    }
    assert_int_equal(faults, 0);
}

/* The statement that is bound by position has as many marks as its table has columns to give. */
static void nouns_come_first_in_the_catalogue(void **state) {
    (void)state;
    for (size_t n = 0; n < NOUN_COUNT; n++) {
        static const char *const verbs[] = {"INSERT INTO ", "UPDATE ", "SELECT id",
                                            "SELECT id FROM "};
        for (size_t v = 0; v < ARRAY_COUNT(verbs); v++) {
            assert_int_equal(strncmp(texts[4 * n + v], verbs[v], strlen(verbs[v])), 0);
            assert_non_null(strstr(texts[4 * n + v], noun_tables[n].name));
        }
    }
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        T(version_1_is_frozen),
        T(every_version_migrates),
        T(fields_of_nouns_have_their_columns),
        T(tables_are_strict),
        T(every_check_refuses),
        T(every_check_has_a_case),
        T(no_statement_scans_a_table),
        T(nouns_come_first_in_the_catalogue),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
