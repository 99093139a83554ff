/* The laws: what must hold whatever happens. Looked at when a message is handed over, after every
 * turn, when nothing is left to do, and at the end of a run.
 *
 * They judge by what was committed (the witness) and by what the world received, never by what the
 * engine says of itself. A law that is broken ends the run with its name; tests/sim/planted.c
 * proves that each can fail. */
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cobi/store/journal.h"

void law_broken(struct sim *sim, const char *law, const char *format, ...) {
    char clock[INSTANT_TEXT_SIZE], why[900];
    va_list arguments;

    if (*sim->law) {
        return; /* the first one tells most */
    }
    va_start(arguments, format);
    (void)vsnprintf(why, sizeof why, format, arguments); /* cut if too long */
    va_end(arguments);
    instant_to_text(sim->clock, clock);
    (void)snprintf(sim->law, sizeof sim->law, "%s", law);
    (void)snprintf(sim->broken, sizeof sim->broken,
                   "law \"%s\" is broken at %s after %u crashes: %s", law, clock, sim->crashes,
                   why);
}

/* ---- at hand-over ---- */

bool never_reads(struct sim *sim, const char *who, const char *audience, const char *text,
                 const char **ret_found) {
    for (size_t i = 0; i < sim->never_count; i++) {
        const struct never *n = &sim->nevers[i];
        if ((strcmp(n->who, who) == 0 || strcmp(n->who, audience) == 0) &&
            strcasestr(text, n->text)) {
            *ret_found = n->text;
            return true;
        }
    }
    return false;
}

static void check_words(struct sim *sim, const struct outgoing *m, const char *recipient) {
    const char *const texts[] = {m->from_name, m->from,    m->reply_to, m->subject,
                                 m->body,      m->mail_id, m->thread_id};
    const char *found = "";

    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        const char *text = texts[i] ? texts[i] : "";
        if (never_reads(sim, recipient, audience_to_text(m->audience), text, &found)) {
            law_broken(sim, "disclosure", "%s (%s) would read \"%s\" in a %s", recipient,
                       audience_to_text(m->audience), found, message_kind_to_text(m->kind));
        }
        if (m->audience == AUDIENCE_PARTICIPANT && disclose_find_word(text, NULL) >= 0) {
            law_broken(sim, "words", "%s would read a word of the list in a %s", recipient,
                       message_kind_to_text(m->kind));
        }
    }
    if (m->audience == AUDIENCE_PARTICIPANT && (strstr(m->body, "://") || m->thread_id)) {
        law_broken(sim, "words", "%s would get a link or the thread of a chain", recipient);
    }
}

static void check_address(struct sim *sim, const struct outgoing *m, const char *recipient) {
    const char *known = m->audience == AUDIENCE_OPERATOR ? sim->kit->config->operator_email : NULL;

    for (size_t i = 0; i < sim->address_count && !known; i++) {
        if (strcmp(sim->addresses[i].id, recipient) == 0) {
            known = m->channel == CHANNEL_SMS ? sim->addresses[i].mobile : sim->addresses[i].email;
        }
    }
    if (!known || strcmp(known, m->to) != 0) {
        law_broken(sim, "address", "a %s for %s goes to an address that is not theirs",
                   message_kind_to_text(m->kind), recipient);
    }
}

struct about { /* the committed row and what it is about */
    char state[20], recipient[ID_SIZE], person_state[20], zone[48], hours[200], session[20],
        start[20], outcome[12];
    int64_t attempts, open_attempts, not_after, revision, session_revision, start_us;
};

static void column(sqlite3_stmt *row, int index, char *buffer, size_t capacity) {
    const unsigned char *text = sqlite3_column_text(row, index);

    (void)snprintf(buffer, capacity, "%s", text ? (const char *)text : "");
}

static bool read_about(struct sim *sim, const struct outgoing *m, struct about *a) {
    sqlite3_stmt *row = witness_ask(
        sim,
        "SELECT "
        "m.state,m.recipient,ps.state,o.timezone,o.hours,s.state,s.start_local,s.outcome,m.attempt_"
        "count,"
        "(SELECT count(*) FROM attempt a WHERE a.message=m.id AND a.attempt=m.attempt_count AND "
        "a.ended_us=0),"
        "m.not_after_us,m.revision,s.revision,s.start_us FROM message m LEFT JOIN session s ON "
        "s.id=m.session"
        " LEFT JOIN participant p ON p.id=m.participant LEFT JOIN office o ON o.id=p.office"
        " LEFT JOIN participant_state ps ON ps.id=m.participant WHERE m.id=?");
    (void)sqlite3_bind_text(row, 1, m->message_id, -1, SQLITE_TRANSIENT); /* memory only */
    const bool found = sqlite3_step(row) == SQLITE_ROW;

    if (found) {
        column(row, 0, a->state, sizeof a->state);
        column(row, 1, a->recipient, sizeof a->recipient);
        column(row, 2, a->person_state, sizeof a->person_state);
        column(row, 3, a->zone, sizeof a->zone);
        column(row, 4, a->hours, sizeof a->hours);
        column(row, 5, a->session, sizeof a->session);
        column(row, 6, a->start, sizeof a->start);
        column(row, 7, a->outcome, sizeof a->outcome);
        a->attempts = sqlite3_column_int64(row, 8);
        a->open_attempts = sqlite3_column_int64(row, 9);
        a->not_after = sqlite3_column_type(row, 10) == SQLITE_NULL ? INT64_MAX
                                                                   : sqlite3_column_int64(row, 10);
        a->revision = sqlite3_column_int64(row, 11);
        a->session_revision = sqlite3_column_int64(row, 12);
        a->start_us = sqlite3_column_int64(row, 13);
    }
    witness_done(row);
    return found;
}

/* The send window, said once more and differently from the rules: 09:00-20:00, Sundays and bank
 * holidays 10:00-18:00, a change of today's session from 07:00, a word after a miss in office
 * hours. */
static bool window_fits(struct sim *sim, const struct outgoing *m, const struct about *a) {
    const struct zone *zone = zones_find(sim->kit->zones, a->zone);
    const struct civil now = zone_civil(zone ? zone : sim->kit->zone, sim_believed(sim));
    const int minute = now.hour * 60 + now.minute;
    const bool holiday = holidays_find(sim->kit->holidays, now.date) != NULL;
    const bool quiet = holiday || date_weekday(now.date) == SUNDAY;
    char today[DATE_TEXT_SIZE];
    struct hours office;

    date_to_text(now.date, today);
    if (m->kind == KIND_MISSED_CONTACT) {
        return hours_parse(a->hours, &office) == 0 && !holiday &&
               hours_contain(&office, date_weekday(now.date), (uint32_t)minute,
                             (uint32_t)minute + 1);
    }
    if ((m->kind == KIND_CHANGE || m->kind == KIND_CANCELLATION) &&
        strncmp(a->start, today, 10) == 0) {
        return minute >= 7 * 60 && minute < (quiet ? 18 : 20) * 60;
    }
    return quiet ? minute >= 10 * 60 && minute < 18 * 60 : minute >= 9 * 60 && minute < 20 * 60;
}

static void check_participant(struct sim *sim, const struct outgoing *m, const struct about *a) {
    char local[CIVIL_TEXT_SIZE];

    civil_to_text(zone_civil(sim->kit->zone, sim->clock), local);
    if (!window_fits(sim, m, a)) {
        law_broken(sim, "window", "a %s leaves at %s (%s), outside the hours for it",
                   message_kind_to_text(m->kind), local, a->zone);
    }
    if (strcmp(a->person_state, "active") != 0) {
        law_broken(sim, "stopped", "a %s leaves for %s, who is %s", message_kind_to_text(m->kind),
                   a->recipient, a->person_state);
    }
    const bool bound = m->kind == KIND_REMINDER || m->kind == KIND_CHANGE;

    if (bound && (strcmp(a->session, "planned") != 0 || a->revision != a->session_revision)) {
        law_broken(sim, "revision",
                   "a %s leaves for revision %lld of a session that is %s, revision %lld",
                   message_kind_to_text(m->kind), (long long)a->revision, a->session,
                   (long long)a->session_revision);
    }
    if (m->kind == KIND_CANCELLATION && strcmp(a->session, "cancelled") != 0) {
        law_broken(sim, "revision", "a cancellation leaves for a session that is %s", a->session);
    }
}

/* What a participant would get once and never again, while nobody knows whether the clock is right.
 */
static void check_held(struct sim *sim, const struct outgoing *m, const struct about *a) {
    const bool waits = m->kind == KIND_CONFIRMATION || m->kind == KIND_REMINDER ||
                       m->kind == KIND_MISSED_CONTACT;

    if (sim->doubtful && waits) {
        law_broken(sim, "held", "a %s leaves for %s after the clock has jumped",
                   message_kind_to_text(m->kind), a->recipient);
    }
}

void laws_handed(struct sim *sim, const struct outgoing *m) {
    const struct instant now = sim_believed(sim);
    struct about a = {0};

    if (!read_about(sim, m, &a) || strcmp(a.state, "sending") != 0 || a.attempts != m->attempt ||
        a.open_attempts != 1) {
        law_broken(sim, "intent",
                   "%s is handed over, but the database says %s, attempt %lld, %lld attempt rows",
                   m->message_id, a.state, (long long)a.attempts, (long long)a.open_attempts);
    }
    /* Besides what the row says: no reminder in the last three hours, no news of a move after the
     * start. */
    const bool useless = (m->kind == KIND_REMINDER && now.us >= a.start_us - 3 * HOUR_US) ||
                         (m->kind == KIND_CHANGE && now.us >= a.start_us);
    if (useless || now.us >= a.not_after || m->not_after.us != a.not_after) {
        law_broken(sim, "not_after", "%s, a %s, is handed over when it is of no use any more",
                   m->message_id, message_kind_to_text(m->kind));
    }
    check_held(sim, m, &a);
    check_words(sim, m, a.recipient);
    check_address(sim, m, a.recipient);
    if (m->audience == AUDIENCE_PARTICIPANT) {
        check_participant(sim, m, &a);
    }
}

/* ---- in the recipient's hands ---- */

/* Staff's tasks and alarms may come twice as they are; what tells of a miss must say that it may be
 * a repeat. */
static bool marked(enum message_kind kind) {
    return kind == KIND_ESCALATION || kind == KIND_OFFICER_NOTICE || kind == KIND_ADVOCATE_NOTICE ||
           kind == KIND_STAND_DOWN;
}

/* Whatever is retried, repeated or begun anew: nobody is buried in one piece of news. */
static void check_storm(struct sim *sim, const struct parcel *p) {
    enum { ALIKE_A_DAY_MAX = 12 };
    int alike = 0;

    for (size_t i = sim->parcel_count; i > 0 && sim->parcels[i - 1].at.us > sim->clock.us - DAY_US;
         i--) {
        const struct parcel *before = &sim->parcels[i - 1];
        alike += before->kind == p->kind && *p->escalation &&
                 strcmp(before->escalation, p->escalation) == 0 &&
                 strcmp(before->recipient, p->recipient) == 0;
    }
    if (alike > ALIKE_A_DAY_MAX) {
        law_broken(sim, "storm", "%s has been told of one thing %d times in a day", p->recipient,
                   alike);
    }
}

void laws_accepted(struct sim *sim, const struct parcel *p) {
    check_storm(sim, p);
    for (size_t i = 0; i < sim->parcel_count; i++) {
        const struct parcel *before = &sim->parcels[i];
        if (before == p) {
            continue;
        }
        const bool same = strcmp(before->message_id, p->message_id) == 0;
        /* The same fact under another key is a duplicate too; what was sent again by hand counts
         * from ordinal 100. */
        const bool alike = p->kind == KIND_REMINDER && before->kind == KIND_REMINDER &&
                           strcmp(before->session, p->session) == 0 &&
                           before->revision == p->revision && before->step == p->step &&
                           before->channel == p->channel && p->ordinal < 100;
        if ((same && !kind_policies[p->kind].may_repeat) || alike) {
            law_broken(sim, "once", "%s has the same %s twice (%s, then %s)", p->recipient,
                       message_kind_to_text(p->kind), before->message_id, p->message_id);
        }
        if (same && marked(p->kind) && !strstr(p->body, "may be a repeat")) {
            law_broken(sim, "once", "%s has a %s twice and the second does not say so",
                       p->recipient, message_kind_to_text(p->kind));
        }
    }
}

/* ---- after every turn ---- */

/* A due message may wait for its lane: while an answer is awaited there, or its gateway was down in
 * the last quarter of an hour (the longest pause of a breaker). */
#define LANE_WAITS                                                                                 \
    "EXISTS(SELECT 1 FROM attempt a JOIN message o ON o.id=a.message WHERE o.lane=m.lane AND "     \
    "(a.ended_us=0 OR (a.outcome='gateway_down' AND a.ended_us>=?1-900000000)))"

/* Each names rows that break it. ?1: now; ?2: codes that are a miss; ?3: those the advocates hear
 * of; ?4: time to take a mis-tap back. */
struct sql_law {
    const char *name, *sql, *what;
};
static const struct sql_law turn_laws[] = {
    {"intent",
     "SELECT id FROM message m WHERE state='sending' AND NOT EXISTS(SELECT 1 FROM attempt a WHERE "
     "a.message=m.id AND a.attempt=m.attempt_count AND a.ended_us=0)",
     "is sending without an attempt"},
    {"miss_told",
     "SELECT id FROM session s WHERE flags&4 AND outcome IN(SELECT value FROM json_each(?2)) AND "
     "NOT EXISTS"
     "(SELECT 1 FROM escalation e WHERE e.session=s.id AND e.kind='missed' AND "
     "e.audience='supervisor')",
     "was missed and has no chain to the supervisors"},
    {"advocates_told",
     "SELECT s.id||' '||l.advocate FROM session s JOIN link l ON l.participant=s.participant AND "
     "l.removed_us IS NULL AND l.made_us<=s.recorded_us"
     " WHERE s.flags&4 AND s.outcome IN(SELECT value FROM json_each(?3)) AND NOT EXISTS"
     "(SELECT 1 FROM escalation e WHERE e.session=s.id AND e.kind='missed' AND "
     "e.audience='advocate' AND e.advocate=l.advocate)",
     "was missed and a linked advocate has no chain"},
    {"chain_sleeps",
     "SELECT id FROM escalation WHERE state<>'resolved' AND (wake_us IS NULL OR wake_us>?1+CASE "
     "state WHEN 'acknowledged' THEN 15 ELSE 6 END*86400000000)",
     "is not resolved and sleeps too long"},
    {"receipt",
     "SELECT m.id FROM receipt r JOIN message m ON m.id=r.message WHERE r.message<>'' AND "
     "((r.report='delivered' AND m.state "
     "IN('accepted','undelivered','unknown','uncertain','queued'))"
     " OR (r.report='failed' AND r.attempt=m.attempt_count AND m.state "
     "IN('accepted','unknown','uncertain')))",
     "is not where its receipts put it"},
    {"alone_missed",
     "SELECT e.id FROM escalation e JOIN session s ON s.id=e.session WHERE e.kind='missed' AND "
     "s.state<>'recorded'",
     "is about a session nobody recorded"},
};
/* When nothing is left to do now. */
static const struct sql_law idle_laws[] = {
    {"balance",
     "SELECT id FROM message WHERE state<>'accepted' AND (wake_us IS NULL)<>(state "
     "IN('delivered','undelivered','failed','unknown','cancelled','expired','skipped'))",
     "is neither at an end nor waiting"},
    {"balance",
     "SELECT id FROM message WHERE reason='' AND state "
     "IN('failed','unknown','cancelled','expired','skipped','held')",
     "has ended without a reason"},
    {"quarantine",
     "SELECT id FROM session WHERE quarantined<>0 UNION ALL SELECT id FROM message WHERE "
     "quarantined<>0 UNION ALL"
     " SELECT id FROM escalation WHERE quarantined<>0 UNION ALL SELECT id FROM task WHERE "
     "quarantined<>0",
     "was set aside"},
    {"one_a_day",
     "SELECT a.id FROM session a JOIN session b ON b.participant=a.participant AND b.id>a.id AND "
     "substr(b.start_local,1,10)=substr(a.start_local,1,10)"
     " WHERE a.state<>'cancelled' AND b.state<>'cancelled'",
     "is on a day with another session of the same participant"},
    {"one_place",
     "SELECT a.id FROM session a JOIN session b ON b.practitioner=a.practitioner AND b.id>a.id AND "
     "b.start_us<a.start_us+a.minutes*60000000"
     " AND a.start_us<b.start_us+b.minutes*60000000 WHERE a.state IN('planned','awaiting_outcome') "
     "AND b.state IN('planned','awaiting_outcome')",
     "overlaps another session of the same practitioner"},
    {"miss_told",
     "SELECT id FROM session WHERE outcome IN(SELECT value FROM json_each(?2)) AND NOT flags&4 AND "
     "recorded_us+?4+120000000<?1",
     "was missed and nobody was told in time"},
    {"overdue",
     "SELECT id FROM session WHERE wake_us<?1-120000000 UNION ALL SELECT id FROM message m WHERE "
     "wake_us<?1-120000000 AND state<>'sending' AND NOT " LANE_WAITS " UNION ALL"
     " SELECT id FROM escalation WHERE wake_us<?1-120000000 UNION ALL SELECT id FROM task WHERE "
     "wake_us<?1-120000000",
     "has a timer that nobody heeds"},
};
/* After a day of honest gateways. */
static const struct sql_law end_laws[] = {
    {"at_rest",
     "SELECT id FROM message WHERE state IN('queued','uncertain','held') AND "
     "created_us<?1-5*86400000000",
     "has waited for more than five days"},
    {"unreached",
     "SELECT m.id FROM message m JOIN session s ON s.id=m.session WHERE m.kind='reminder' AND "
     "m.state IN('unknown','failed') AND s.revision=m.revision"
     " AND (SELECT max(a.ended_us) FROM attempt a WHERE a.message=m.id)<s.start_us"
     " AND NOT EXISTS(SELECT 1 FROM task t WHERE t.kind='phone' AND t.session=m.session) AND NOT "
     "EXISTS"
     "(SELECT 1 FROM message f WHERE f.kind='reminder' AND f.session=m.session AND f.step=m.step "
     "AND f.revision=m.revision AND f.ordinal>m.ordinal)",
     "did not arrive and no other way was tried"},
    {"unreached",
     "SELECT m.id FROM message m JOIN session s ON s.id=m.session JOIN receipt r ON r.message=m.id "
     "AND r.message<>'' AND r.report='failed' WHERE m.kind='reminder' AND "
     "m.state='undelivered' AND s.revision=m.revision AND r.received_us<s.start_us"
     " AND (s.recorded_us=0 OR s.recorded_us>r.received_us)"
     " AND NOT EXISTS(SELECT 1 FROM task t WHERE t.kind='phone' AND t.session=m.session) AND NOT "
     "EXISTS"
     "(SELECT 1 FROM message f WHERE f.kind='reminder' AND f.session=m.session AND f.step=m.step "
     "AND f.revision=m.revision AND f.ordinal>m.ordinal)",
     "was not delivered and no other way was tried"},
};

static void codes(const struct sim *sim, unsigned tell, struct text *t) {
    const struct outcome_table *table = &sim->kit->config->outcomes;

    text_add(t, "[");
    for (uint32_t i = 0; i < table->count; i++) {
        if (table->codes[i].miss && (table->codes[i].tell & tell) == tell) {
            text_addf(t, "%s\"%s\"", t->length > 1 ? "," : "", table->codes[i].code);
        }
    }
    text_add(t, "]");
}

static void judge(struct sim *sim, const struct sql_law *laws, size_t count) {
    char misses[500], told[500];
    struct text t = TEXT_IN(misses), u = TEXT_IN(told);

    const struct instant now = sim_believed(sim);

    codes(sim, 0, &t);
    codes(sim, TELL_ADVOCATE, &u);
    for (size_t i = 0; i < count && !*sim->law; i++) {
        sqlite3_stmt *row = witness_ask(sim, laws[i].sql);
        (void)sqlite3_bind_int64(row, 1,
                                 now.us); /* those a law does not know are refused: nothing lost */
        (void)sqlite3_bind_text(row, 2, misses, -1, SQLITE_STATIC);
        (void)sqlite3_bind_text(row, 3, told, -1, SQLITE_STATIC);
        (void)sqlite3_bind_int64(row, 4, sim->kit->config->miss_undo.us);
        if (sqlite3_step(row) == SQLITE_ROW) {
            law_broken(sim, laws[i].name, "%s %s", (const char *)sqlite3_column_text(row, 0),
                       laws[i].what);
        }
        witness_done(row);
    }
}

void laws_turn(struct sim *sim) {
    judge(sim, turn_laws, ARRAY_COUNT(turn_laws));
}

/* The first timer that somebody has to heed. */
static int64_t next_wake(struct sim *sim) {
    sqlite3_stmt *row = witness_ask(
        sim,
        "SELECT coalesce(min(w),9223372036854775807) FROM (SELECT min(wake_us) w FROM session "
        "UNION ALL SELECT min(wake_us) FROM message m"
        " WHERE state<>'sending' AND (wake_us>?1 OR NOT " LANE_WAITS
        ") UNION ALL SELECT min(not_after_us) FROM message WHERE "
        "state IN('queued','held') UNION ALL SELECT min(wake_us) FROM escalation UNION ALL SELECT "
        "min(wake_us) FROM task)");

    (void)sqlite3_bind_int64(row, 1, sim->clock.us);
    const int64_t next = sqlite3_step(row) == SQLITE_ROW ? sqlite3_column_int64(row, 0) : INT64_MAX;

    witness_done(row);
    return next;
}

void laws_idle(struct sim *sim) {
    const struct instant now = sim_believed(sim);
    struct audit_report report;
    const int64_t sending = witness_number(
        sim, "SELECT count(*) FROM message WHERE state='sending'", NULL);
    const int64_t next = next_wake(sim);

    /* While answers are awaited a full lane may hold others back: not yet idle. */
    judge(sim, idle_laws, ARRAY_COUNT(idle_laws) - (sim->answer_count > 0));
    if (sending != (int64_t)sim->answer_count) {
        law_broken(sim, "stuck", "%lld messages are sending, %zu answers are awaited",
                   (long long)sending, sim->answer_count);
    }
    if (next != INT64_MAX &&
        sim->wake.us - sim->clock.us > (next > now.us ? next - now.us : 0) + SECOND_US) {
        law_broken(sim, "armed", "the timer is set to later than what waits next");
    }
    if (engine_audit(sim->engine, &report) < 0 || (report.overdue && sim->answer_count == 0) ||
        report.stuck || report.quarantined) {
        law_broken(sim, "audit", "the self-audit is not content: %s", report.trouble);
    }
    laws_feeds(sim);
}

/* ---- at the end ---- */

static bool heard(const struct sim *sim, const char *chain) {
    for (size_t i = 0; i < sim->parcel_count; i++) {
        const struct parcel *p = &sim->parcels[i];
        if (strcmp(p->escalation, chain) == 0 ||
            (p->kind == KIND_ALARM && strstr(p->body, chain))) {
            return true;
        }
    }
    return false;
}

/* The chain that nobody heard of, or "". */
static void find_unheard(struct sim *sim, char ret_chain[ID_SIZE]) {
    sqlite3_stmt *row = witness_ask(sim, "SELECT id FROM escalation WHERE state<>'resolved' AND "
                                         "acknowledged_by='' AND opened_us<?1-86400000000");

    (void)sqlite3_bind_int64(row, 1, sim_believed(sim).us);
    ret_chain[0] = '\0';
    while (sqlite3_step(row) == SQLITE_ROW) {
        const char *chain = (const char *)sqlite3_column_text(row, 0);
        if (!heard(sim, chain)) {
            (void)snprintf(ret_chain, ID_SIZE, "%s", chain);
        }
    }
    witness_done(row);
}

void laws_end(struct sim *sim) {
    char unheard[ID_SIZE];
    int64_t bad = 0;

    sim->crash_at = 0;
    sim->crash_gap_count = 0;
    if (!sim->engine) {
        sim_start(sim);
    }
    sim_clock_synchronise(sim);
    world_set(sim, NULL, HONEST, (struct span){0}, 0);
    sim_run_until(sim, instant_add(sim->clock, span_hours(26)));
    if (*sim->law) {
        return;
    }
    judge(sim, end_laws, ARRAY_COUNT(end_laws));
    find_unheard(sim, unheard);
    if (*unheard) { /* whom every mailbox refused, the operator's too: chains go on each working day
                     */
        sim_run_until(sim, instant_add(sim->clock, span_days(5)));
        find_unheard(sim, unheard);
    }
    if (*unheard) {
        law_broken(sim, "a_person_learns", "chain %s is open and nobody at all has been reached",
                   unheard);
    }
    if (audit_verify(sim->store, &bad) < 0) {
        law_broken(sim, "audit_chain", "the audit does not fit from entry %lld", (long long)bad);
    }
}

char *laws_others(struct sim *sim, const char *escalation) {
    const char *const values[] = {escalation, NULL};
    enum { TEXT_MAX = 200000 };
    char *text = calloc(2, TEXT_MAX);

    if (!text) {
        abort();
    }
    (void)witness_text(
        sim,
        "SELECT "
        "group_concat(id||state||step||cycle||generation||coalesce(wake_us,0)||acknowledged_by,';')"
        " FROM (SELECT * FROM escalation WHERE id<>?1 ORDER BY id)",
        values, text, TEXT_MAX);
    (void)witness_text(
        sim,
        "SELECT group_concat(id||state||attempt_count||coalesce(wake_us,0),';') FROM (SELECT * "
        "FROM message WHERE escalation<>?1 AND escalation<>'' ORDER BY id)",
        values, text + strlen(text), TEXT_MAX);
    return text;
}
