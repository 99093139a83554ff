/* Feeds, the two chained logs and every way to tamper with them, counts for the self-audit,
 * quarantine. */
#include "store_world.h"

/* ---- feeds ---- */

static void feeds_are_found_by_id_and_token(void **state) {
    struct world *w = *state;
    const struct feed_row f = {
        .id = "F-1", .owner_kind = "practitioner", .owner = "W-1", .created_at = {T0}};
    struct feed_row row = {.id = "untouched"}, rows[4], changed = f, other = f;

    assert_int_equal(feed_find(w->store, "F-1", &row), -ENOENT);
    assert_string_equal(row.id, "untouched");
    assert_int_equal(feed_update(w->store, &f), -ENOENT);
    world_begin(w);
    assert_int_equal(feed_insert(w->store, &f, "hash 1"), 0);
    assert_int_equal(feed_insert(w->store, &f, "hash 2"), -EEXIST);
    assert_int_equal(text_copy(other.id, sizeof other.id, "F-2"), 0);
    assert_int_equal(feed_insert(w->store, &other, "hash 1"), -EEXIST); /* a token opens one feed */
    assert_int_equal(feed_insert(w->store, &other, "hash 2"), 0);
    world_commit(w);
    changed.fetched_at = at_minute(1);
    changed.revoked_at = at_minute(2);
    assert_int_equal(feed_update(w->store, &changed), 0);
    assert_int_equal(feed_find_token(w->store, "hash 1", &row), 0);
    assert_string_equal(row.id, "F-1");
    assert_string_equal(row.owner_kind, "practitioner");
    assert_string_equal(row.owner, "W-1");
    assert_int_equal(row.created_at.us, T0);
    assert_int_equal(row.fetched_at.us, at_minute(1).us);
    assert_int_equal(row.revoked_at.us, at_minute(2).us);
    assert_int_equal(feed_find(w->store, "F-2", &row), 0);
    assert_int_equal(row.fetched_at.us + row.revoked_at.us, 0);
    assert_int_equal(feed_find_token(w->store, "hash", &row), -ENOENT);
    assert_int_equal(feed_find_token(w->store, "", &row), -ENOENT);
    assert_int_equal(feed_list(w->store, "", rows, 4), 2);
    assert_int_equal(feed_list(w->store, "", rows, 1), 1);
    assert_int_equal(feed_list(w->store, "F-1", rows, 4), 1);
    assert_string_equal(rows[0].id, "F-2");
    static const char *const changes[] = {
        "owner_kind=hex(zeroblob(8))",    "owner=hex(zeroblob(17))",
        "created_us=9000000000000000000", "fetched_us=9000000000000000000",
        "revoked_us=9000000000000000000", "owner=CAST(x'5700' AS TEXT)"};
    for (size_t i = 0; i < ARRAY_COUNT(changes); i++) {
        (void)raw_run(w, "UPDATE feed SET "
                         "owner_kind='office',owner='O-1',created_us=0,fetched_us=0,revoked_us=0");
        (void)raw_run(w, arena_printf(&w->arena, "UPDATE feed SET %s WHERE id='F-1'", changes[i]));
        assert_int_equal(feed_find(w->store, "F-1", &row), -EUCLEAN);
        assert_int_equal(feed_find_token(w->store, "hash 1", &row), -EUCLEAN);
        assert_int_equal(feed_list(w->store, "", rows, 4), -EUCLEAN);
    }
}

/* ---- logs ---- */

enum { ENTRIES = 6 };

static const struct log_kind {
    const char *table;
    int (*append)(struct store *store, const struct audit_entry *entry);
    int (*verify)(struct store *store, int64_t *ret_bad_sequence);
    const char *head;
} logs[] = {{"audit", audit_append, audit_verify, "audit_head"},
            {"access_log", access_append, access_verify, "access_head"}};

static void append_entry(struct world *w, const struct log_kind *log, int i) {
    const struct audit_entry entry = {.at = at_minute(i),
                                      .actor = i % 2 ? "root" : "cobid",
                                      .as = i % 3 ? "V-1" : NULL,
                                      .action = "session move",
                                      .subject = arena_printf(&w->arena, "S-%d", i),
                                      .detail = i % 2 ? "2027-01-12 14:00" : NULL};
    assert_int_equal(log->append(w->store, &entry), 0);
}

static void fill(struct world *w, const struct log_kind *log) {
    for (int i = 0; i < ENTRIES; i++) {
        append_entry(w, log, i);
    }
}

static int64_t verdict(struct world *w, const struct log_kind *log) {
    int64_t bad = -7;
    const int r = log->verify(w->store, &bad);

    assert_true(r == 0 || r == -EBADMSG);
    assert_true(r == -EBADMSG || bad == -7); /* untouched when all is well */
    return r == 0 ? 0 : bad;
}

_printf_(2, 3) static void tamper(struct world *w, const char *format, ...) {
    char sql[600];
    va_list arguments;

    va_start(arguments, format);
    assert_in_range(vsnprintf(sql, sizeof sql, format, arguments), 1, sizeof sql - 1);
    va_end(arguments);
    (void)raw_run(w, "DROP TRIGGER IF EXISTS audit_kept; DROP TRIGGER IF EXISTS audit_fixed;"
                     "DROP TRIGGER IF EXISTS access_kept; DROP TRIGGER IF EXISTS access_fixed");
    (void)raw_run(w, sql);
}

static void logs_verify(void **state) {
    struct world *w = *state;

    for (size_t l = 0; l < ARRAY_COUNT(logs); l++) {
        assert_int_equal(verdict(w, &logs[l]), 0); /* empty */
        for (int i = 0; i < 50; i++) {
            append_entry(w, &logs[l], i);
            assert_int_equal(verdict(w, &logs[l]), 0);
        }
        world_begin(w);
        append_entry(w, &logs[l], 50);
        store_rollback(w->store);
        assert_int_equal(verdict(w, &logs[l]), 0);
        world_close(w);
        world_open(w);
        assert_int_equal(verdict(w, &logs[l]), 0);
    }
}

static void triggers_keep_the_logs(void **state) {
    struct world *w = *state;

    for (size_t l = 0; l < ARRAY_COUNT(logs); l++) {
        static const char *const tries[] = {"DELETE FROM %s", "DELETE FROM %s WHERE sequence=1",
                                            "UPDATE %s SET actor='nobody'",
                                            "UPDATE %s SET sequence=sequence+100"};
        fill(w, &logs[l]);
        for (size_t i = 0; i < ARRAY_COUNT(tries); i++) {
            char sql[200];
            sqlite3 *db = raw_open(w);
            struct text t = TEXT_IN(sql);
            text_add(&t, i == 0 ? "DELETE FROM " : i == 1 ? "DELETE FROM " : "UPDATE ");
            text_add(&t, logs[l].table);
            text_add(&t, strstr(tries[i], "%s") + 2);
            assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_CONSTRAINT);
            assert_int_equal(sqlite3_close(db), SQLITE_OK);
        }
        assert_int_equal(verdict(w, &logs[l]), 0);
    }
}

static const char *const columns[] = {"at_us",   "actor",       "named", "action",
                                      "subject", "detail_hash", "hash"};

/* Each column of each row: one more, one less, another letter, empty, too long for any of ours. */
static void every_edit_is_found(void **state) {
    struct world *w = *state;

    for (size_t l = 0; l < ARRAY_COUNT(logs); l++) {
        fill(w, &logs[l]);
        for (int row = 1; row <= ENTRIES; row++) {
            for (size_t c = 0; c < ARRAY_COUNT(columns); c++) {
                static const char *const edits[] = {"%s||'x'", "'x'||%s", "''", "hex(zeroblob(40))",
                                                    "CAST(%s||x'0041' AS TEXT)"};
                tamper(w, "CREATE TABLE kept AS SELECT * FROM %s", logs[l].table);
                for (size_t e = 0; e < (c == 0 ? 1 : ARRAY_COUNT(edits)); e++) {
                    char edit[100];
                    struct text t = TEXT_IN(edit);
                    text_add(&t, c == 0 ? "at_us+1" : "");
                    for (const char *at = edits[e]; c > 0 && *at; at++) {
                        text_add_bytes(&t, *at == '%' ? columns[c] : at,
                                       *at == '%' ? strlen(columns[c]) : 1);
                        at += *at == '%';
                    }
                    tamper(w, "UPDATE %s SET %s=%s WHERE sequence=%d", logs[l].table, columns[c],
                           edit, row);
                    const bool changed =
                        raw_number(
                            w,
                            arena_printf(
                                &w->arena,
                                "SELECT count(*) FROM (SELECT * FROM %s EXCEPT SELECT * FROM kept)",
                                logs[l].table)) > 0;
                    assert_true(changed || strcmp(columns[c], "named") == 0); /* some name nobody */
                    assert_int_equal(verdict(w, &logs[l]), changed ? row : 0);
                    tamper(w, "DELETE FROM %s; INSERT INTO %s SELECT * FROM kept", logs[l].table,
                           logs[l].table);
                    assert_int_equal(verdict(w, &logs[l]), 0);
                }
                tamper(w, "DROP TABLE kept");
            }
        }
    }
}

/* Each letter of a hash. */
static void every_bit_of_a_hash_counts(void **state) {
    struct world *w = *state;

    fill(w, &logs[0]);
    for (int letter = 1; letter <= 64; letter++) {
        tamper(w,
               "CREATE TABLE kept AS SELECT * FROM audit; UPDATE audit SET "
               "hash=substr(hash,1,%d)||CASE substr(hash,%d,1) WHEN '0' THEN '1' ELSE '0' "
               "END||substr(hash,%d) WHERE sequence=3",
               letter - 1, letter, letter + 1);
        assert_int_equal(verdict(w, &logs[0]), 3);
        tamper(w, "DELETE FROM audit; INSERT INTO audit SELECT * FROM kept; DROP TABLE kept");
    }
    assert_int_equal(verdict(w, &logs[0]), 0);
}

static void every_row_that_is_gone_moved_or_new_is_found(void **state) {
    struct world *w = *state;

    for (size_t l = 0; l < ARRAY_COUNT(logs); l++) {
        const char *t = logs[l].table;
        fill(w, &logs[l]);
        tamper(w, "CREATE TABLE kept AS SELECT * FROM %s", t);
        for (int row = 1; row <= ENTRIES; row++) {
            tamper(w, "DELETE FROM %s WHERE sequence=%d", t, row); /* the last one too */
            assert_int_equal(verdict(w, &logs[l]), row);
            tamper(w, "DELETE FROM %s WHERE sequence>=%d", t, row); /* all from here on */
            assert_int_equal(verdict(w, &logs[l]), row);
            tamper(w,
                   "DELETE FROM %s; INSERT INTO %s SELECT * FROM kept WHERE sequence<>%d; UPDATE "
                   "%s SET sequence=sequence-1 WHERE sequence>%d",
                   t, t, row, t, row); /* and the gap closed */
            assert_int_equal(verdict(w, &logs[l]), row);
            tamper(w,
                   "DELETE FROM %s; INSERT INTO %s SELECT * FROM kept; INSERT INTO %s SELECT "
                   "sequence+%d,at_us,actor,named,action,subject,detail_hash,hash FROM kept WHERE "
                   "sequence=%d",
                   t, t, t, ENTRIES, row);
            assert_int_equal(verdict(w, &logs[l]), row == 1                       ? ENTRIES + 1
                                                   : ENTRIES + row == ENTRIES + 1 ? row
                                                                                  : ENTRIES + 1);
            tamper(w, "DELETE FROM %s; INSERT INTO %s SELECT * FROM kept", t, t);
        }
        tamper(w,
               "UPDATE %s SET sequence=-1 WHERE sequence=2; UPDATE %s SET sequence=2 WHERE "
               "sequence=5; UPDATE %s SET sequence=5 WHERE sequence=-1",
               t, t, t); /* swapped */
        assert_int_equal(verdict(w, &logs[l]), 2);
        tamper(w,
               "DELETE FROM %s; INSERT INTO %s SELECT * FROM kept; INSERT INTO %s SELECT "
               "0,at_us,actor,named,action,subject,detail_hash,hash FROM kept WHERE sequence=1",
               t, t, t);
        assert_int_equal(verdict(w, &logs[l]), 1);
        tamper(w, "DELETE FROM %s; DROP TABLE kept", t);
        assert_int_equal(verdict(w, &logs[l]), 1); /* an emptied log is not a new one */
    }
}

static void the_head_is_watched_too(void **state) {
    struct world *w = *state;

    for (size_t l = 0; l < ARRAY_COUNT(logs); l++) {
        fill(w, &logs[l]);
        tamper(w, "CREATE TABLE kept AS SELECT * FROM meta");
        static const char *const edits[] = {
            "''",     "value||'0'",        "'5'||substr(value,2)",
            "'junk'", "hex(zeroblob(90))", "CAST(value||x'00' AS TEXT)"};
        for (size_t e = 0; e < ARRAY_COUNT(edits); e++) {
            tamper(w, "UPDATE meta SET value=%s WHERE name='%s'", edits[e], logs[l].head);
            assert_int_equal(verdict(w, &logs[l]), ENTRIES + 1);
            tamper(w, "DELETE FROM meta; INSERT INTO meta SELECT * FROM kept");
        }
        tamper(w, "DELETE FROM meta WHERE name='%s'", logs[l].head);
        assert_int_equal(verdict(w, &logs[l]), ENTRIES + 1);
        tamper(w, "INSERT INTO meta SELECT '%s',value FROM kept WHERE name='%s'", logs[l].head,
               logs[1 - l].head); /* the other log's */
        assert_int_equal(verdict(w, &logs[l]), ENTRIES + 1);
        tamper(w, "DELETE FROM meta; INSERT INTO meta SELECT * FROM kept; DROP TABLE kept");
        assert_int_equal(verdict(w, &logs[l]), 0);
    }
}

/* What was tampered with never stops the log, and never looks well again. */
static void a_broken_log_goes_on_and_stays_broken(void **state) {
    struct world *w = *state;
    static const char *const deeds[] = {
        "DELETE FROM %s WHERE sequence=6",
        "DELETE FROM %s WHERE sequence>3",
        "DELETE FROM %s",
        "UPDATE %s SET hash='' WHERE sequence=6",
        "UPDATE %s SET hash=hex(zeroblob(90)) WHERE sequence=6",
        "UPDATE %s SET hash=CAST(hash||x'00' AS TEXT) WHERE sequence=6",
        "UPDATE %s SET sequence=9223372036854775807 WHERE sequence=6",
        "UPDATE %s SET sequence=-5 WHERE sequence=6",
    };

    for (size_t d = 0; d < ARRAY_COUNT(deeds); d++) {
        for (size_t l = 0; l < ARRAY_COUNT(logs); l++) {
            char sql[200];
            world_teardown(state);
            world_setup(state);
            w = *state;
            fill(w, &logs[l]);
            struct text t = TEXT_IN(sql);
            for (const char *at = deeds[d]; *at; at++) {
                text_add_bytes(&t, *at == '%' ? logs[l].table : at,
                               *at == '%' ? strlen(logs[l].table) : 1);
                at += *at == '%';
            }
            tamper(w, "%s", sql);
            const int64_t bad = verdict(w, &logs[l]);
            assert_int_not_equal(bad, 0);
            for (int i = 0; i < 3; i++) {
                append_entry(w, &logs[l], 100 + i);
                if (verdict(w, &logs[l]) == 0) {
                    fail_msg("%s: looks well after %d more", sql, i + 1);
                }
            }
            assert_int_equal(
                raw_number(w, arena_printf(&w->arena,
                                           "SELECT count(*) FROM %s WHERE subject LIKE 'S-10%%'",
                                           logs[l].table)),
                3);
        }
    }
}

/* Nor does a log look well again whose head was taken away, although all its entries are there. */
static void a_head_that_was_lost_stays_lost(void **state) {
    struct world *w = *state;

    for (size_t l = 0; l < ARRAY_COUNT(logs); l++) {
        fill(w, &logs[l]);
        tamper(w, "DELETE FROM meta WHERE name='%s'", logs[l].head);
        append_entry(w, &logs[l], 1);
        assert_int_equal(verdict(w, &logs[l]), ENTRIES + 1);
        append_entry(w, &logs[l], 2);
        assert_int_equal(verdict(w, &logs[l]), ENTRIES + 1);
    }
}

/* The two logs have the same columns: entries of one must not pass for the other's. */
static void entries_do_not_change_logs(void **state) {
    struct world *w = *state;

    fill(w, &logs[0]);
    fill(w, &logs[1]);
    tamper(w, "DELETE FROM audit; INSERT INTO audit SELECT * FROM access_log; DELETE FROM meta "
              "WHERE name='audit_head';"
              "INSERT INTO meta SELECT 'audit_head',value FROM meta WHERE name='access_head'");
    assert_int_equal(verdict(w, &logs[0]), 1);
    assert_int_equal(verdict(w, &logs[1]), 0);
}

/* Fields are kept apart: what moves from the end of one to the beginning of the next is another
 * entry. */
static void fields_do_not_run_together(void **state) {
    struct world *w = *state;
    const struct audit_entry entry = {
        .at = {T0}, .actor = "ab", .as = "c", .action = "d", .subject = "e"};

    assert_int_equal(audit_append(w->store, &entry), 0);
    tamper(w, "UPDATE audit SET actor='a',named='bc'");
    assert_int_equal(verdict(w, &logs[0]), 1);
    tamper(w, "UPDATE audit SET actor='ab 1:c',named='',action='d'");
    assert_int_equal(verdict(w, &logs[0]), 1);
    tamper(w, "UPDATE audit SET actor='ab',named='c',action='d'");
    assert_int_equal(verdict(w, &logs[0]), 0);
}

static void the_detail_is_hashed_not_kept(void **state) {
    struct world *w = *state;
    _cleanup_free_ char *detail = malloc(50001);
    struct audit_entry entry = {.at = {T0}, .actor = "root", .action = "a", .detail = "one"};

    assert_int_equal(audit_append(w->store, &entry), 0);
    entry.detail = "two";
    assert_int_equal(audit_append(w->store, &entry), 0);
    assert_int_equal(raw_number(w, "SELECT count(DISTINCT detail_hash) FROM audit"), 2);
    assert_non_null(detail);
    memset(detail, 'd', 50000);
    detail[50000] = '\0';
    entry.detail = detail;
    assert_int_equal(audit_append(w->store, &entry), 0);
    assert_int_equal(verdict(w, &logs[0]), 0);
}

static void names_that_do_not_fit_are_refused_whole(void **state) {
    struct world *w = *state;
    static const char long_name[] = "first.last@a.department.of.an.organisation.example";
    char actor[66], action[50], id[34];
    struct audit_entry entry = {.at = {T0}, .actor = long_name, .action = "a"};

    assert_int_equal(audit_append(w->store, &entry),
                     0); /* accounts of a directory have long names */
    memset(actor, 'a', sizeof actor);
    memset(action, 'a', sizeof action);
    memset(id, 'a', sizeof id);
    actor[65] = action[49] = id[33] = '\0';
    entry.actor = actor;
    assert_int_equal(audit_append(w->store, &entry), -E2BIG);
    entry.actor = actor + 1;
    entry.action = action;
    assert_int_equal(audit_append(w->store, &entry), -E2BIG);
    entry.action = action + 1;
    entry.subject = id;
    assert_int_equal(audit_append(w->store, &entry), -E2BIG);
    entry.subject = id + 1;
    entry.as = id;
    assert_int_equal(audit_append(w->store, &entry), -E2BIG);
    entry.as = id + 1;
    assert_int_equal(audit_append(w->store, &entry), 0); /* the longest of all */
    assert_int_equal(verdict(w, &logs[0]), 0);
}

/* ---- counts ---- */

static void set_state(struct world *w, const char *id, enum participant_state s) {
    const bool waits = s == PARTICIPANT_ACTIVE || s == PARTICIPANT_PAUSED;
    const struct participant_state_row row = {.state = s,
                                              .wake_at = waits ? at_minute(100000) : INSTANT_NEVER};

    assert_int_equal(participant_state_update(w->store, id, &row), 0);
}

static void counts_are_right(void **state) {
    struct world *w = *state;
    struct store_counts c = {.overdue = -1};

    assert_int_equal(store_count(w->store, at_minute(0), 0, &c), 0);
    assert_int_equal(c.overdue + c.participants_active + c.sessions_planned + c.awaiting_outcome +
                         c.escalations_open + c.escalations_exhausted + c.messages_queued +
                         c.messages_sending + c.messages_uncertain + c.messages_failed +
                         c.oldest_sending_us + c.quarantined,
                     0);
    world_begin(w);
    set_state(w, "P-1", PARTICIPANT_ACTIVE);
    set_state(w, "P-2", PARTICIPANT_PAUSED);
    for (uint32_t i = 1; i <= 7; i++) {
        struct session_row s = session_sample("P-1", i);
        s.state = i <= 3 ? SESSION_PLANNED : i <= 5 ? SESSION_AWAITING_OUTCOME : SESSION_CANCELLED;
        s.wake_at = i <= 5 ? s.wake_at : INSTANT_NEVER;
        assert_int_equal(session_insert(w->store, &s), 0);
    }
    for (uint32_t i = 0; i < MESSAGE_STATE_COUNT * 2; i++) {
        struct message_row m = message_sample("S-1", i);
        m.state = (enum message_state)(i / 2);
        m.wake_at = message_state_final(m.state) ? INSTANT_NEVER : at_minute(600 + i);
        assert_int_equal(message_insert(w->store, &m), 1);
    }
    for (int i = 0; i < 8; i++) {
        struct escalation_row e = escalation_sample(arena_printf(&w->arena, "S-%d", i));
        e.state = (enum escalation_state)(i / 2);
        e.exhausted = i % 2;
        e.wake_at = e.state == ESCALATION_RESOLVED ? INSTANT_NEVER : at_minute(700);
        assert_int_equal(escalation_insert(w->store, &e), 1);
    }
    world_commit(w);
    assert_int_equal(store_count(w->store, at_minute(62), 0, &c), 0);
    assert_int_equal(c.overdue, 0); /* session 1 was due at 60: not more than two minutes ago */
    assert_int_equal(c.participants_active, 1);
    assert_int_equal(c.sessions_planned, 3);
    assert_int_equal(c.awaiting_outcome, 2);
    assert_int_equal(c.escalations_open, 6);
    assert_int_equal(c.escalations_exhausted, 2); /* not the acknowledged one */
    assert_int_equal(c.messages_queued, 2);
    assert_int_equal(c.messages_sending, 2);
    assert_int_equal(c.messages_uncertain, 2);
    assert_int_equal(c.messages_failed, 2);
    assert_int_equal(c.oldest_sending_us, at_minute(602).us);
    assert_int_equal(c.quarantined, 0);
    assert_int_equal(store_count(w->store, at_minute(63), 0, &c), 0);
    assert_int_equal(c.overdue, 1);
    /* The tally follows every change, and none that is undone. */
    struct session_row s = session_sample("P-1", 1);
    s.state = SESSION_AWAITING_OUTCOME;
    world_begin(w);
    assert_int_equal(session_update(w->store, &s, SESSION_PLANNED, s.revision), 0);
    assert_int_equal(store_count(w->store, at_minute(62), 0, &c), 0);
    assert_int_equal(c.sessions_planned * 10 + c.awaiting_outcome, 23);
    store_rollback(w->store);
    assert_int_equal(store_count(w->store, at_minute(62), 0, &c), 0);
    assert_int_equal(c.sessions_planned * 10 + c.awaiting_outcome, 32);
    /* What waits in a lane that is shut is not overdue, but delayed after ten minutes. */
    const uint64_t shut = UINT64_C(1) << message_lane(CHANNEL_SMS, AUDIENCE_PARTICIPANT) |
                          UINT64_C(1) << message_lane(CHANNEL_EMAIL, AUDIENCE_PARTICIPANT);
    assert_int_equal(store_count(w->store, at_minute(601), shut, &c), 0);
    assert_int_equal(c.overdue, 5);
    assert_int_equal(c.delayed, 0);
    assert_int_equal(store_count(w->store, at_minute(620), shut, &c), 0);
    assert_int_equal(c.overdue, 5 + 2); /* those that are sending */
    assert_int_equal(c.delayed, 2);
    assert_int_equal(store_count(w->store, at_minute(9999), 0, &c), 0);
    assert_int_equal(c.overdue, 5 + 8 + 6);
}

static void what_is_set_aside_is_counted_and_not_overdue(void **state) {
    struct world *w = *state;
    const struct session_row s = session_sample("P-1", 1);
    struct message_row m = message_sample(s.id, 1);
    struct escalation_row e = escalation_sample(s.id);
    struct task_row t = task_sample(s.id, TASK_PHONE);
    struct store_counts c;
    struct instant next;

    world_begin(w);
    assert_int_equal(session_insert(w->store, &s), 0);
    assert_int_equal(message_insert(w->store, &m), 1);
    assert_int_equal(escalation_insert(w->store, &e), 1);
    assert_int_equal(task_insert(w->store, &t), 1);
    world_commit(w);
    const struct {
        const char *table, *id;
    } rows[] = {{"session", s.id}, {"message", m.id}, {"escalation", e.id}, {"task", t.id}};
    /* However broken the row is, it can be set aside. */
    (void)raw_run(
        w, "UPDATE session SET state='lost',start_local=''; UPDATE message SET "
           "state='queued',kind='x'; UPDATE escalation SET state='x'; UPDATE task SET state='x'");
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        assert_int_equal(store_count(w->store, at_minute(9999), 0, &c), 0);
        assert_int_equal(c.overdue, 4 - i);
        assert_int_equal(c.quarantined, i);
        assert_int_equal(store_quarantine(w->store, rows[i].table, rows[i].id, at_minute(0)), 0);
        assert_int_equal(store_quarantine(w->store, rows[i].table, rows[i].id, at_minute(0)), 0);
        assert_int_equal(store_quarantine(w->store, rows[i].table, "nobody", at_minute(0)),
                         -ENOENT);
    }
    assert_int_equal(store_count(w->store, at_minute(9999), 0, &c), 0);
    assert_int_equal(c.overdue, 0);
    assert_int_equal(c.quarantined, 4);
    assert_int_equal(store_next_wake(w->store, STORE_ALL_MESSAGES, &next), 0);
    assert_int_equal(next.us, INSTANT_NEVER.us);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        T(feeds_are_found_by_id_and_token),
        T(logs_verify),
        T(triggers_keep_the_logs),
        T(every_edit_is_found),
        T(every_bit_of_a_hash_counts),
        T(every_row_that_is_gone_moved_or_new_is_found),
        T(the_head_is_watched_too),
        T(a_broken_log_goes_on_and_stays_broken),
        T(a_head_that_was_lost_stays_lost),
        T(entries_do_not_change_logs),
        T(fields_do_not_run_together),
        T(the_detail_is_hashed_not_kept),
        T(names_that_do_not_fit_are_refused_whole),
        T(counts_are_right),
        T(what_is_set_aside_is_counted_and_not_overdue),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
