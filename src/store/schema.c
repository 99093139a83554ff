/* The schema as numbered migrations: a migration that was released is never edited. All of them run
 * in one transaction, so a process killed on the way leaves the old version or the new one, never
 * something between.
 *
 * Times are INTEGER microseconds UTC, named _us; what was promised to a person is civil time and
 * zone. Every row that waits has wake_us, NULL exactly when nothing more will happen to it by
 * itself: a CHECK says so. Where a CHECK or an index of a busy table names three values or more
 * they are joined by OR: of a longer IN list SQLite makes a table of its own for each row it
 * writes. */
#include "schema.h"

#include <errno.h>
#include <stdio.h>

/* Fields that nouns.def marks FIELD_SEALED are BLOB, the others TEXT. The columns are written out,
 * not made from nouns.def: a new field there needs a new migration here, and until it has one the
 * store does not open. */
/* clang-format off */
static const char version_1[] =
    "CREATE TABLE meta(name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) STRICT;"
    "CREATE TABLE office(id TEXT NOT NULL PRIMARY KEY CHECK(length(id) BETWEEN 1 AND 32), account INTEGER NOT NULL DEFAULT 1,"
    " \"name\" BLOB, \"address\" BLOB, \"phone\" BLOB, \"timezone\" TEXT NOT NULL, \"hours\" TEXT NOT NULL,"
    " \"rooms\" TEXT NOT NULL) STRICT;"
    "CREATE TABLE practitioner(id TEXT NOT NULL PRIMARY KEY CHECK(length(id) BETWEEN 1 AND 32), account INTEGER NOT NULL DEFAULT 1,"
    " \"name\" BLOB, \"email\" BLOB, \"mobile\" BLOB, \"office\" TEXT NOT NULL, \"hours\" TEXT NOT NULL,"
    " \"supervisor\" TEXT NOT NULL) STRICT;"
    "CREATE TABLE supervisor(id TEXT NOT NULL PRIMARY KEY CHECK(length(id) BETWEEN 1 AND 32), account INTEGER NOT NULL DEFAULT 1,"
    " \"name\" BLOB, \"email\" BLOB, \"mobile\" BLOB, \"hours\" TEXT NOT NULL, \"next\" TEXT NOT NULL) STRICT;"
    "CREATE TABLE advocate(id TEXT NOT NULL PRIMARY KEY CHECK(length(id) BETWEEN 1 AND 32), account INTEGER NOT NULL DEFAULT 1,"
    " \"service\" BLOB, \"name\" BLOB, \"email\" BLOB, \"phone\" BLOB, \"hours\" TEXT NOT NULL) STRICT;"
    "CREATE TABLE officer(id TEXT NOT NULL PRIMARY KEY CHECK(length(id) BETWEEN 1 AND 32), account INTEGER NOT NULL DEFAULT 1,"
    " \"name\" BLOB, \"email\" BLOB, \"organisation\" BLOB, \"phone\" BLOB) STRICT;"
    "CREATE TABLE participant(id TEXT NOT NULL PRIMARY KEY CHECK(length(id) BETWEEN 1 AND 32), account INTEGER NOT NULL DEFAULT 1,"
    " \"programme\" TEXT NOT NULL, \"route\" TEXT NOT NULL, \"practitioner\" TEXT NOT NULL, \"office\" TEXT NOT NULL, \"name\" BLOB,"
    " \"mobile\" BLOB, \"email\" BLOB, \"sms\" TEXT NOT NULL, \"language\" TEXT NOT NULL, \"greeting\" TEXT NOT NULL,"
    " \"place_label\" BLOB, \"consequence\" TEXT NOT NULL, \"officer\" TEXT NOT NULL, \"officer_ref\" BLOB, \"mode\" TEXT NOT NULL,"
    " \"referred\" TEXT NOT NULL, \"start\" TEXT NOT NULL, \"order_ends\" TEXT NOT NULL, \"prefer\" TEXT NOT NULL,"
    " \"unavailable\" TEXT NOT NULL) STRICT;"
    "CREATE INDEX participant_practitioner ON participant(practitioner, id);"
    /* Practitioners who leave: from that day on they are nobody's, and who takes over what they still have. */
    "CREATE TABLE departure(practitioner TEXT NOT NULL PRIMARY KEY REFERENCES practitioner(id), from_date TEXT NOT NULL CHECK(length(from_date)=10),"
    " taker TEXT NOT NULL REFERENCES practitioner(id), gone INTEGER NOT NULL CHECK(gone IN(0,1)), CHECK(taker<>practitioner)) STRICT;"
    "CREATE INDEX departure_taker ON departure(taker);"
    /* What is done at a time of its own, once for each subject: a practitioner's digest, the day on which one leaves. */
    "CREATE TABLE job(id TEXT NOT NULL PRIMARY KEY CHECK(length(id) BETWEEN 1 AND 32), kind TEXT NOT NULL CHECK(kind IN('digest','leave')),"
    " subject TEXT NOT NULL, quarantined INTEGER NOT NULL DEFAULT 0 CHECK(quarantined IN(0,1)), wake_us INTEGER NOT NULL, UNIQUE(kind, subject)) STRICT;"
    "CREATE INDEX job_wake ON job(quarantined, wake_us);"
    /* One account is one role: an id belongs to one noun only. */
    "CREATE TABLE account(id TEXT NOT NULL PRIMARY KEY, noun TEXT NOT NULL"
    " CHECK(noun IN('office','practitioner','supervisor','advocate','officer','participant'))) STRICT;"
    /* Keyed hashes of numbers and addresses: each belongs to one person. */
    "CREATE TABLE contact(hash TEXT NOT NULL PRIMARY KEY, noun TEXT NOT NULL, id TEXT NOT NULL, field TEXT NOT NULL,"
    " UNIQUE(noun, id, field)) STRICT;"
    "CREATE TABLE participant_state(id TEXT NOT NULL PRIMARY KEY REFERENCES participant(id),"
    " state TEXT NOT NULL CHECK(state IN('referred','active','paused','completed','withdrawn','ended')),"
    " plan_start TEXT NOT NULL DEFAULT '', window_end TEXT NOT NULL DEFAULT '', changed_us INTEGER NOT NULL,"
    " started INTEGER NOT NULL DEFAULT 0 CHECK(started IN(0,1)), because TEXT NOT NULL DEFAULT '', waived TEXT NOT NULL DEFAULT '', waived_by TEXT NOT NULL DEFAULT '',"
    /* Advocates: from which day they count without an attended session, up to which day they were told, the last week they were told of. */
    " quiet_from TEXT NOT NULL DEFAULT '', quiet_told TEXT NOT NULL DEFAULT '', week_told TEXT NOT NULL DEFAULT '',"
    " quarantined INTEGER NOT NULL DEFAULT 0 CHECK(quarantined IN(0,1)), wake_us INTEGER,"
    " CHECK((wake_us IS NOT NULL)=(state IN('active','paused')))) STRICT;"
    "CREATE INDEX participant_in_state ON participant_state(state);"
    "CREATE INDEX participant_wake ON participant_state(quarantined, wake_us) WHERE wake_us IS NOT NULL;"
    "CREATE TABLE absence(noun TEXT NOT NULL, id TEXT NOT NULL, from_date TEXT NOT NULL, to_date TEXT NOT NULL, reason BLOB,"
    " CHECK(length(from_date)=10 AND length(to_date)=10), CHECK(from_date<=to_date), PRIMARY KEY(noun, id, from_date, to_date)) STRICT;"
    "CREATE TABLE link(advocate TEXT NOT NULL REFERENCES advocate(id), participant TEXT NOT NULL REFERENCES participant(id),"
    " case_ref BLOB NOT NULL, level TEXT NOT NULL CHECK(level IN('all','missed')), made_us INTEGER NOT NULL, removed_us INTEGER) STRICT;"
    "CREATE UNIQUE INDEX link_live ON link(advocate, participant) WHERE removed_us IS NULL;"
    "CREATE INDEX link_participant ON link(participant, advocate, removed_us);"
    "CREATE TABLE session(id TEXT NOT NULL PRIMARY KEY CHECK(length(id) BETWEEN 1 AND 32), participant TEXT NOT NULL REFERENCES participant(id),"
    " practitioner TEXT NOT NULL REFERENCES practitioner(id), office TEXT NOT NULL REFERENCES office(id),"
    " number INTEGER NOT NULL CHECK(number>0), of INTEGER NOT NULL CHECK(of>=number), attempt INTEGER NOT NULL CHECK(attempt>0),"
    " module TEXT NOT NULL, start_local TEXT NOT NULL, zone TEXT NOT NULL, start_us INTEGER NOT NULL, minutes INTEGER NOT NULL CHECK(minutes>0),"
    " mode TEXT NOT NULL, uid TEXT NOT NULL UNIQUE, revision INTEGER NOT NULL CHECK(revision>=0), revised_us INTEGER NOT NULL,"
    " state TEXT NOT NULL CHECK(state='planned' OR state='awaiting_outcome' OR state='recorded' OR state='cancelled'), outcome TEXT NOT NULL DEFAULT '',"
    " recorded_us INTEGER NOT NULL DEFAULT 0, recorded_by TEXT NOT NULL DEFAULT '',"
    " verdict INTEGER NOT NULL DEFAULT 0 CHECK(verdict>=0), told_outcome TEXT NOT NULL DEFAULT '', told_us INTEGER NOT NULL DEFAULT 0,"
    " review_outcome TEXT NOT NULL DEFAULT '', review_by TEXT NOT NULL DEFAULT '', review_us INTEGER NOT NULL DEFAULT 0,"
    " contact TEXT NOT NULL DEFAULT '' CHECK(contact IN('','yes','no')), flags INTEGER NOT NULL DEFAULT 0,"
    " steps_done INTEGER NOT NULL DEFAULT 0, quarantined INTEGER NOT NULL DEFAULT 0 CHECK(quarantined IN(0,1)), wake_us INTEGER,"
    " CHECK((outcome<>'')=(state='recorded')), CHECK((review_outcome<>'')=(review_us<>0)),"
    " CHECK(review_outcome='' OR state='recorded'), CHECK(wake_us IS NOT NULL OR state IN('recorded','cancelled')),"
    " CHECK(wake_us IS NULL OR state<>'cancelled'), UNIQUE(participant, number, attempt)) STRICT;"
    "CREATE INDEX session_wake ON session(quarantined, wake_us, state) WHERE wake_us IS NOT NULL;"
    "CREATE INDEX session_practitioner ON session(practitioner, start_us, id);"
    "CREATE INDEX session_office ON session(office, start_us, id);"
    "CREATE INDEX session_participant ON session(participant, start_us, id);"
    "CREATE INDEX session_start ON session(start_us, id);"
    "CREATE UNIQUE INDEX session_one_place ON session(practitioner, start_us) WHERE state IN('planned','awaiting_outcome');"
    /* How many sessions are in each state: the self-audit asks each minute, and does not count a hundred thousand rows. */
    "CREATE TABLE session_tally(state TEXT NOT NULL PRIMARY KEY, sessions INTEGER NOT NULL) STRICT;"
    "CREATE TRIGGER session_counted AFTER INSERT ON session BEGIN"
    " INSERT INTO session_tally(state, sessions) VALUES(new.state, 1) ON CONFLICT(state) DO UPDATE SET sessions=sessions+1; END;"
    "CREATE TRIGGER session_recounted AFTER UPDATE OF state ON session WHEN old.state<>new.state BEGIN"
    " UPDATE session_tally SET sessions=sessions-1 WHERE state=old.state;"
    " INSERT INTO session_tally(state, sessions) VALUES(new.state, 1) ON CONFLICT(state) DO UPDATE SET sessions=sessions+1; END;"
    "CREATE TRIGGER session_uncounted AFTER DELETE ON session BEGIN"
    " UPDATE session_tally SET sessions=sessions-1 WHERE state=old.state; END;"
    "CREATE TABLE session_history(session TEXT NOT NULL REFERENCES session(id), line INTEGER NOT NULL, at_us INTEGER NOT NULL, what TEXT NOT NULL,"
    " start_local TEXT NOT NULL, zone TEXT NOT NULL, outcome TEXT NOT NULL, asked_by TEXT NOT NULL, actor TEXT NOT NULL, reason BLOB,"
    " notice_minutes INTEGER NOT NULL, PRIMARY KEY(session, line)) STRICT;"
    "CREATE TABLE message(id TEXT NOT NULL PRIMARY KEY CHECK(length(id) BETWEEN 1 AND 32), dedup_key TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, audience TEXT NOT NULL,"
    " recipient TEXT NOT NULL, channel TEXT NOT NULL, topic TEXT NOT NULL, participant TEXT NOT NULL, session TEXT NOT NULL, escalation TEXT NOT NULL,"
    " task TEXT NOT NULL, revision INTEGER NOT NULL, step INTEGER NOT NULL, ordinal INTEGER NOT NULL, old_start TEXT NOT NULL, note BLOB,"
    " state TEXT NOT NULL CHECK(state='accepted' OR state='queued' OR state='sending' OR state='delivered' OR state='undelivered'"
    " OR state='failed' OR state='uncertain' OR state='unknown' OR state='cancelled' OR state='expired' OR state='held' OR state='skipped'), reason TEXT NOT NULL, lane INTEGER NOT NULL, priority INTEGER NOT NULL CHECK(priority BETWEEN 1 AND 4), created_us INTEGER NOT NULL, due_us INTEGER NOT NULL,"
    " not_after_us INTEGER, sent_us INTEGER NOT NULL, gateway TEXT NOT NULL, attempt_count INTEGER NOT NULL, repeat INTEGER NOT NULL CHECK(repeat IN(0,1)),"
    " recipient_address BLOB, subject BLOB, body BLOB, provider_id TEXT NOT NULL, quarantined INTEGER NOT NULL DEFAULT 0 CHECK(quarantined IN(0,1)), wake_us INTEGER,"
    " CHECK(wake_us IS NOT NULL OR NOT(state='queued' OR state='sending' OR state='uncertain' OR state='held')),"
    /* What was accepted may wait for its receipt; nothing else that has ended waits. */
    " CHECK(wake_us IS NULL OR state='queued' OR state='sending' OR state='uncertain' OR state='held' OR state='accepted')) STRICT;"
    "CREATE INDEX message_wake ON message(quarantined, wake_us, state) WHERE wake_us IS NOT NULL;"
    /* Among equal times in the order of their rows, so that what leaves together lies together. */
    "CREATE INDEX message_due ON message(quarantined, lane, priority, wake_us, state) WHERE (state='queued' OR state='uncertain' OR state='held');"
    "CREATE INDEX message_end ON message(quarantined, not_after_us, id, state) WHERE not_after_us IS NOT NULL AND (state='queued' OR state='uncertain' OR state='held');"
    "CREATE INDEX message_participant ON message(participant, id);"
    "CREATE INDEX message_session ON message(session, id);"
    "CREATE INDEX message_escalation ON message(escalation, id) WHERE escalation<>'';"
    /* Two states that are asked for, both rare: an index of all states would be written twice for each message, far apart. */
    "CREATE INDEX message_sending ON message(id) WHERE state='sending';"
    "CREATE INDEX message_failed ON message(id) WHERE state='failed';"
    "CREATE INDEX message_receipt ON message(wake_us, id) WHERE state='accepted' AND wake_us IS NOT NULL;"
    "CREATE INDEX message_provider ON message(gateway, provider_id) WHERE provider_id<>'';"
    /* An alarm keeps what it is about where others keep their task. */
    "CREATE INDEX message_alarm ON message(task) WHERE kind='alarm';"
    /* text: a keyed hash of recipient and text, so that one text going out again and again is noticed; 0 once it certainly has not. */
    "CREATE TABLE attempt(message TEXT NOT NULL REFERENCES message(id), attempt INTEGER NOT NULL, begun_us INTEGER NOT NULL,"
    " ended_us INTEGER NOT NULL DEFAULT 0, gateway TEXT NOT NULL, outcome TEXT NOT NULL DEFAULT '', detail TEXT NOT NULL DEFAULT '',"
    " text INTEGER NOT NULL DEFAULT 0, PRIMARY KEY(message, attempt)) STRICT;"
    "CREATE INDEX attempt_text ON attempt(text, message);"
    /* What gateways reported, kept for a week: message '' while nobody knows whose provider_id it is. */
    "CREATE TABLE receipt(gateway TEXT NOT NULL, message TEXT NOT NULL, attempt INTEGER NOT NULL, provider_id TEXT NOT NULL,"
    " report TEXT NOT NULL CHECK(report IN('interim','failed','delivered')), detail TEXT NOT NULL, received_us INTEGER NOT NULL,"
    " PRIMARY KEY(gateway, message, attempt, provider_id, report)) STRICT;"
    "CREATE INDEX receipt_message ON receipt(message, attempt) WHERE message<>'';"
    "CREATE INDEX receipt_received ON receipt(received_us);"
    /* Texts that participants sent. event: what makes a repeated one known again. */
    "CREATE TABLE inbound(id TEXT NOT NULL PRIMARY KEY CHECK(length(id) BETWEEN 1 AND 32), gateway TEXT NOT NULL, event TEXT NOT NULL,"
    " participant TEXT NOT NULL REFERENCES participant(id), received_us INTEGER NOT NULL, taken TEXT NOT NULL CHECK(taken IN('stop','other')),"
    " body BLOB, UNIQUE(gateway, event)) STRICT;"
    "CREATE INDEX inbound_participant ON inbound(participant, received_us, id);"
    "CREATE TABLE ack(token_hash TEXT NOT NULL PRIMARY KEY, message TEXT NOT NULL UNIQUE REFERENCES message(id), escalation TEXT NOT NULL,"
    " generation INTEGER NOT NULL, recipient TEXT NOT NULL, tries INTEGER NOT NULL, used INTEGER NOT NULL CHECK(used IN(0,1))) STRICT;"
    "CREATE TABLE escalation(id TEXT NOT NULL PRIMARY KEY CHECK(length(id) BETWEEN 1 AND 32), kind TEXT NOT NULL, audience TEXT NOT NULL, advocate TEXT NOT NULL, participant TEXT NOT NULL,"
    " session TEXT NOT NULL, state TEXT NOT NULL CHECK(state IN('open','waiting','acknowledged','resolved')), policy TEXT NOT NULL,"
    " step INTEGER NOT NULL, cycle INTEGER NOT NULL, generation INTEGER NOT NULL, told TEXT NOT NULL, topic TEXT NOT NULL, opened_us INTEGER NOT NULL,"
    " happened_us INTEGER NOT NULL, acknowledged_by TEXT NOT NULL, acknowledged_us INTEGER NOT NULL, resolved_by TEXT NOT NULL, resolved_because BLOB, because BLOB,"
    " exhausted INTEGER NOT NULL CHECK(exhausted IN(0,1)), quarantined INTEGER NOT NULL DEFAULT 0 CHECK(quarantined IN(0,1)), wake_us INTEGER, CHECK((wake_us IS NULL)=(state='resolved')),"
    " UNIQUE(kind, participant, session, audience, advocate, happened_us)) STRICT;"
    "CREATE INDEX escalation_wake ON escalation(quarantined, wake_us, state, exhausted) WHERE wake_us IS NOT NULL;"
    "CREATE INDEX escalation_session ON escalation(session, id);"
    "CREATE INDEX escalation_participant ON escalation(participant, id);"
    "CREATE TABLE task(id TEXT NOT NULL PRIMARY KEY CHECK(length(id) BETWEEN 1 AND 32), dedup_key TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, owner TEXT NOT NULL, next_owner TEXT NOT NULL, participant TEXT NOT NULL,"
    " session TEXT NOT NULL, about TEXT NOT NULL, created_us INTEGER NOT NULL, due_us INTEGER NOT NULL, reminded INTEGER NOT NULL,"
    " state TEXT NOT NULL CHECK(state IN('open','done','dropped')), done_by TEXT NOT NULL, quarantined INTEGER NOT NULL DEFAULT 0 CHECK(quarantined IN(0,1)), wake_us INTEGER,"
    " CHECK((wake_us IS NOT NULL)=(state='open'))) STRICT;"
    "CREATE INDEX task_wake ON task(quarantined, wake_us) WHERE wake_us IS NOT NULL;"
    "CREATE INDEX task_session ON task(session, id);"
    "CREATE INDEX task_participant ON task(participant, id) WHERE state='open';"
    "CREATE INDEX task_owner ON task(owner, id) WHERE state='open';"
    "CREATE TABLE feed(id TEXT NOT NULL PRIMARY KEY CHECK(length(id) BETWEEN 1 AND 32), token_hash TEXT NOT NULL UNIQUE, owner_kind TEXT NOT NULL, owner TEXT NOT NULL,"
    " created_us INTEGER NOT NULL, fetched_us INTEGER NOT NULL, revoked_us INTEGER NOT NULL) STRICT;"
    "CREATE TABLE audit(sequence INTEGER PRIMARY KEY, at_us INTEGER NOT NULL, actor TEXT NOT NULL, named TEXT NOT NULL, action TEXT NOT NULL,"
    " subject TEXT NOT NULL, detail_hash TEXT NOT NULL, hash TEXT NOT NULL) STRICT;"
    "CREATE TRIGGER audit_kept BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT,'the audit is append-only'); END;"
    "CREATE TRIGGER audit_fixed BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT,'the audit is append-only'); END;"
    "CREATE TABLE access_log(sequence INTEGER PRIMARY KEY, at_us INTEGER NOT NULL, actor TEXT NOT NULL, named TEXT NOT NULL, action TEXT NOT NULL,"
    " subject TEXT NOT NULL, detail_hash TEXT NOT NULL, hash TEXT NOT NULL) STRICT;"
    "CREATE TRIGGER access_kept BEFORE DELETE ON access_log BEGIN SELECT RAISE(ABORT,'the access log is append-only'); END;"
    "CREATE TRIGGER access_fixed BEFORE UPDATE ON access_log BEGIN SELECT RAISE(ABORT,'the access log is append-only'); END;";

/* clang-format on */
static const char *const versions[] = {version_1};

static int read_pragma(struct store *store, const char *sql, int *ret_value) {
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL);

    if (code == SQLITE_OK) {
        code = sqlite3_step(statement);
        if (code == SQLITE_ROW) {
            *ret_value = sqlite3_column_int(statement, 0);
        }
    }
    (void)sqlite3_finalize(statement); /* repeats the code of the step */
    return store_errno(store, code);
}

static int run(struct store *store, const char *sql) {
    return store_errno(store, sqlite3_exec(store->db, sql, NULL, NULL, NULL));
}

static int apply(struct store *store, int from) {
    char pragma[80];

    for (size_t v = (size_t)from; v < ARRAY_COUNT(versions); v++) {
        const int r = run(store, versions[v]);
        if (r < 0) {
            return r;
        }
    }
    (void)snprintf(pragma, sizeof pragma, "PRAGMA application_id=%d; PRAGMA user_version=%zu;",
                   SCHEMA_APPLICATION_ID, ARRAY_COUNT(versions)); /* two numbers always fit */
    return run(store, pragma);
}

int schema_check(struct store *store) {
    int version = 0, application = 0, tables = 0;
    int r = read_pragma(store, "PRAGMA user_version", &version);

    r = r < 0 ? r : read_pragma(store, "PRAGMA application_id", &application);
    r = r < 0 ? r : read_pragma(store, "SELECT count(*) FROM sqlite_schema", &tables);
    if (r < 0) {
        return r;
    }
    if (application == 0 && version == 0 && tables == 0) {
        return 0; /* a file that nobody has written yet */
    }
    if (application != SCHEMA_APPLICATION_ID || version < 1) {
        return -EMEDIUMTYPE;
    }
    return version > (int)ARRAY_COUNT(versions) ? -EPROTONOSUPPORT : 0;
}

int schema_migrate(struct store *store) {
    int version = 0;
    int r = run(store, "BEGIN IMMEDIATE");

    if (r < 0) {
        return r;
    }
    r = schema_check(store); /* again, now that nobody else can write */
    r = r < 0 ? r : read_pragma(store, "PRAGMA user_version", &version);
    if (r == 0 && version < (int)ARRAY_COUNT(versions)) {
        r = apply(store, version);
    }
    if (r == 0) {
        r = run(store, "COMMIT");
    }
    if (r < 0 && sqlite3_get_autocommit(store->db) == 0) {
        (void)run(store, "ROLLBACK"); /* the first error is the one to report */
    }
    return r;
}
