/* The laws: what must hold whatever happens. Looked at when a message is handed over, after every
 * turn, when nothing is left to do, and at the end of a run.
 *
 * They judge by what was committed (the witness) and by what the world received, never by what the
 * engine says of itself. A law that is broken ends the run with its name; tests/sim/planted.c
 * proves that each can fail. */
#include "sim.h"

#include <assert.h>
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

/* ---- questions to the database ---- */

/* Parameters of the questions in laws.def. */
enum law_parameter {
    LAW_NOW = 1,
    LAW_MISSES,          /* codes that are a miss, as a JSON list; so are the other lists */
    LAW_ADVOCATES_CODES, /* those of them that the advocates hear of */
    LAW_UNDO,            /* time to take a mis-tap back */
    LAW_ROW,             /* the row that a turn has changed */
    LAW_PROVISIONAL,
    LAW_ACCEPTABLE,
    LAW_OFFICER_CODES,
    LAW_ROUTE_CODES,  /* the officer hears of them on some routes */
    LAW_REVIEW_CODES, /* no miss, and yet for the supervisor */
    LAW_HOLIDAYS,     /* dates */
    LAW_MAIN_STEP,    /* of the reminders */
    LAW_MISS_AFTER,   /* time after the start before which nobody has missed it */
    LAW_ASK_AFTER,    /* time after the end, for these two */
    LAW_UNRECORDED_AFTER,
    LAW_DECIDED, /* codes that the practitioner alone may not record */
    LAW_ATTENDED,
    LAW_REPLACED /* codes that owe a catch-up */
};

enum law_when { TURN, IDLE, CALM, END, SESSION, MESSAGE, CHAIN, PERSON, RECEIPT };
#define SESSIONS SIM_SESSIONS
#define MESSAGES SIM_MESSAGES
#define CHAINS   SIM_CHAINS
#define TASKS    SIM_TASKS
#define PEOPLE   SIM_PEOPLE
#define LINKS    SIM_LINKS
#define OFFICES  SIM_OFFICES
#define OTHERS   SIM_OTHERS
#define TIME     SIM_TIME
#define DAY      SIM_DAY
/* A due message may wait for its lane: while an answer is awaited there, or its gateway was down in
 * the last quarter of an hour (the longest pause of a breaker). */
#define LANE_WAITS                                                                                 \
    "m.lane IN(SELECT o.lane FROM attempt a JOIN message o ON o.id=a.message WHERE a.rowid>"        \
    "(SELECT max(rowid)-1000 FROM attempt) AND (a.ended_us=0 OR (a.outcome='gateway_down' AND "     \
    "a.ended_us>=?1-900000000)))"
/* As the indexes of timers have it; a row that was set aside breaks a law of its own. */
#define TIMED "quarantined=0 AND wake_us IS NOT NULL"
#define L(when_, tables_, name_, sql_, what_)                                                      \
    {.when = when_, .tables = tables_, .name = name_, .sql = sql_, .what = what_},
static const struct sql_law {
    enum law_when when;
    unsigned tables; /* TURN, IDLE: asked only when one of them was touched since it was last */
    const char *name, *sql, *what;
} sql_laws[] = {
#include "laws.def"
};

/* ---- the lists they compare with ---- */

typedef bool code_fits(const struct outcome_code *code);

static bool is_miss(const struct outcome_code *code) {
    return code->miss;
}
static bool is_advocates(const struct outcome_code *code) {
    return code->miss && (code->tell & TELL_ADVOCATE);
}
static bool is_provisional(const struct outcome_code *code) {
    return code->provisional;
}
static bool is_acceptable(const struct outcome_code *code) {
    return code->acceptable;
}
static bool is_officers(const struct outcome_code *code) {
    return code->tell & TELL_OFFICER;
}
static bool is_by_route(const struct outcome_code *code) {
    return code->tell & TELL_OFFICER_BY_ROUTE;
}
static bool is_review(const struct outcome_code *code) {
    return !code->miss && (code->tell & TELL_SUPERVISOR);
}
static bool is_decided(const struct outcome_code *code) {
    return code->attended == ATTENDED_NO && !code->provisional;
}

static bool is_attended(const struct outcome_code *code) {
    return code->attended == ATTENDED_YES;
}
static bool is_replaced(const struct outcome_code *code) {
    return code->replacement;
}

static void list_codes(struct kit *kit, enum law_parameter parameter, code_fits *fits) {
    const struct outcome_table *table = &kit->config->outcomes;
    struct text t = TEXT_IN(kit->lists[parameter]);

    text_add(&t, "[");
    for (uint32_t i = 0; i < table->count; i++) {
        if (fits(&table->codes[i])) {
            text_addf(&t, "%s\"%s\"", t.length > 1 ? "," : "", table->codes[i].code);
        }
    }
    text_add(&t, "]");
}

void laws_prepare(struct kit *kit) {
    struct text t = TEXT_IN(kit->lists[LAW_HOLIDAYS]);
    const struct date first = {2026, 9, 1};

    static_assert((int)LAW_REPLACED < (int)LAW_LISTS, "a list for each parameter");
    list_codes(kit, LAW_MISSES, is_miss);
    list_codes(kit, LAW_ADVOCATES_CODES, is_advocates);
    list_codes(kit, LAW_PROVISIONAL, is_provisional);
    list_codes(kit, LAW_ACCEPTABLE, is_acceptable);
    list_codes(kit, LAW_OFFICER_CODES, is_officers);
    list_codes(kit, LAW_ROUTE_CODES, is_by_route);
    list_codes(kit, LAW_REVIEW_CODES, is_review);
    list_codes(kit, LAW_DECIDED, is_decided);
    list_codes(kit, LAW_ATTENDED, is_attended);
    list_codes(kit, LAW_REPLACED, is_replaced);
    text_add(&t, "[");
    for (int32_t day = 0; day < 500; day++) {
        char text[DATE_TEXT_SIZE];
        date_to_text(date_add_days(first, day), text);
        if (holidays_find(kit->holidays, date_add_days(first, day))) {
            text_addf(&t, "%s\"%s\"", t.length > 1 ? "," : "", text);
        }
    }
    text_add(&t, "]");
}

static int64_t main_step(const struct config *config) {
    uint32_t step = 0;

    while (step + 1 < config->reminders.step_count && !config->reminders.steps[step].main) {
        step++;
    }
    return step;
}

static void bind_lists(struct sim *sim, sqlite3_stmt *question) {
    for (int i = 1; i <= sqlite3_bind_parameter_count(question); i++) {
        if (*sim->kit->lists[i]) {
            (void)sqlite3_bind_text(question, i, sim->kit->lists[i], -1, SQLITE_STATIC);
        }
    }
}

static void bind_numbers(struct sim *sim, sqlite3_stmt *question, struct instant now, int64_t row) {
    const struct config *config = sim->kit->config;
    const struct {
        enum law_parameter parameter;
        int64_t value;
    } numbers[] = {{LAW_NOW, now.us},
                   {LAW_UNDO, config->miss_undo.us},
                   {LAW_ROW, row},
                   {LAW_MAIN_STEP, main_step(config)},
                   {LAW_MISS_AFTER, config->miss_after.us},
                   {LAW_ASK_AFTER, config->outcome_ask_after.us},
                   {LAW_UNRECORDED_AFTER, config->unrecorded_after.us}};
    const int count = sqlite3_bind_parameter_count(question);

    for (size_t i = 0; i < ARRAY_COUNT(numbers); i++) {
        if ((int)numbers[i].parameter <= count) {
            (void)sqlite3_bind_int64(question, (int)numbers[i].parameter, numbers[i].value);
        }
    }
}

static void judge(struct sim *sim, size_t i, struct instant now, int64_t row) {
    const struct sql_law *law = &sql_laws[i];

    if (!sim->laws[i]) {
        sim->laws[i] = witness_prepare(sim, law->sql);
        bind_lists(sim, sim->laws[i]);
    }
    bind_numbers(sim, sim->laws[i], now, row);
    const int code = sqlite3_step(sim->laws[i]);

    if (code != SQLITE_ROW && code != SQLITE_DONE) {
        fprintf(stderr, "sim: %s: %s\n", sqlite3_errmsg(sim->witness), law->sql);
        exit(2);
    }
    if (code == SQLITE_ROW) {
        const unsigned char *found = sqlite3_column_text(sim->laws[i], 0);
        law_broken(sim, law->name, "%s %s", found ? (const char *)found : "something", law->what);
    }
    (void)sqlite3_reset(sim->laws[i]); /* repeats the code of the last step */
}

static void judge_all(struct sim *sim, enum law_when when, unsigned tables, struct instant now,
                      int64_t row) {
    static_assert(ARRAY_COUNT(sql_laws) <= LAWS_MAX, "a place for each law");
    for (size_t i = 0; i < ARRAY_COUNT(sql_laws) && !*sim->law; i++) {
        const struct sql_law *law = &sql_laws[i];
        const bool asked = when == TURN || when == IDLE ? (law->tables & tables) != 0 : true;
        if (law->when == when && asked) {
            judge(sim, i, now, row);
        }
    }
}

void laws_turn(struct sim *sim) {
    static const enum law_when row_laws[SIM_TABLE_COUNT] = {SESSION, MESSAGE, CHAIN, PERSON,
                                                            RECEIPT};

    if (sim->changes.tables == 0) {
        return;
    }
    const struct instant now = sim_believed(sim);

    witness_look(sim, true);
    judge_all(sim, TURN, sim->changes.tables, now, 0);
    for (size_t i = 0; i < sim->changes.count && !*sim->law; i++) {
        const struct change *change = &sim->changes.list[i];
        judge_all(sim, row_laws[change->table], 0, now, change->row);
    }
    changes_forget(sim);
    witness_look(sim, false);
}

/* The first timer that somebody has to heed. */
static int64_t next_wake(struct sim *sim) {
    sqlite3_stmt *row = witness_ask(
        sim, "SELECT coalesce(min(w),9223372036854775807) FROM (SELECT min(wake_us) w FROM session "
             "WHERE " TIMED " UNION ALL SELECT min(wake_us) FROM was_message"
             " WHERE wake_us>?1 AND state<>'sending'"
             " UNION ALL SELECT min(wake_us) FROM was_message m"
             " WHERE wake_us<=?1 AND state<>'sending' AND NOT " LANE_WAITS
             " UNION ALL SELECT min(not_after_us) FROM was_message WHERE "
             "state IN('queued','held') UNION ALL SELECT min(wake_us) FROM escalation WHERE " TIMED
             " UNION ALL SELECT min(wake_us) FROM task WHERE " TIMED
             " UNION ALL SELECT min(wake_us) FROM participant_state WHERE " TIMED ")");

    (void)sqlite3_bind_int64(row, 1, sim_believed(sim).us);
    const int64_t next = sqlite3_step(row) == SQLITE_ROW ? sqlite3_column_int64(row, 0) : INT64_MAX;

    witness_done(row);
    return next;
}

void laws_idle(struct sim *sim) {
    const struct instant now = sim_believed(sim);
    struct audit_report report;

    witness_look(sim, true);
    const int64_t sending = witness_number(
        sim, "SELECT count(*) FROM message WHERE state='sending'", NULL);
    const int64_t next = next_wake(sim);

    sim->changes.unasked |= sim->idle_at.us != now.us ? SIM_TIME : 0;
    sim->changes.unasked |= sim->idle_at.us / DAY_US != now.us / DAY_US ? SIM_DAY : 0;
    sim->idle_at = now;
    judge_all(sim, IDLE, sim->changes.unasked, now, 0);
    sim->changes.unasked = 0;
    if (sim->answer_count == 0) { /* else a full lane may hold others back */
        judge_all(sim, CALM, 0, now, 0);
    }
    witness_look(sim, false);
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
    judge_all(sim, END, 0, sim_believed(sim), 0);
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

/* By what the call has changed and nothing has looked at yet. */
void laws_others(struct sim *sim, const char *escalation) {
    static const char *const questions[SIM_TABLE_COUNT] = {
        [SIM_ESCALATION] =
            "SELECT e.id FROM escalation e LEFT JOIN was_escalation w ON w.row=e.rowid WHERE "
            "e.rowid=?1 AND e.id<>?2 AND (w.row IS NULL OR (e.state,e.step,e.cycle,e.generation,"
            "e.wake_us,e.acknowledged_by) IS NOT (w.state,w.step,w.cycle,w.generation,w.wake_us,"
            "w.acknowledged_by))",
        [SIM_MESSAGE] =
            "SELECT m.id FROM message m LEFT JOIN was_message w ON w.row=m.rowid WHERE m.rowid=?1 "
            "AND m.escalation NOT IN('',?2) AND (w.row IS NULL OR (m.state,m.attempt_count,"
            "m.wake_us) IS NOT (w.state,w.attempt_count,w.wake_us))"};

    for (size_t i = 0; i < sim->changes.count && !*sim->law; i++) {
        const struct change *change = &sim->changes.list[i];
        if (!questions[change->table]) {
            continue;
        }
        sqlite3_stmt *question = witness_ask(sim, questions[change->table]);
        (void)sqlite3_bind_int64(question, 1, change->row);                     /* memory only */
        (void)sqlite3_bind_text(question, 2, escalation, -1, SQLITE_TRANSIENT); /* memory only */
        if (sqlite3_step(question) == SQLITE_ROW) {
            law_broken(sim, "two_chains", "an acknowledgement of %s has touched %s", escalation,
                       (const char *)sqlite3_column_text(question, 0));
        }
        witness_done(question);
    }
}
