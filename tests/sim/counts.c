/* Counts of what happened in histories: questions to the database at their end, and what only the
 * world knows.
 *
 * counts_take() is called once a history, before the simulator is closed. A kind that three months
 * of thirty people must hold and that no history of a run held is named by counts_next_missing():
 * laws that nothing tries prove nothing. Must never change anything. */
#include "counts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void counts_add(struct counts *counts, const char *name, uint64_t number) {
    size_t i = 0;

    while (i < counts->count && strcmp(counts->list[i].name, name) != 0) {
        i++;
    }
    if (i == COUNTS_MAX) {
        fprintf(stderr, "sim: more than %d kinds are counted\n", COUNTS_MAX);
        exit(2);
    }
    if (i == counts->count) {
        (void)snprintf(counts->list[counts->count++].name, COUNT_NAME_SIZE, "%s", name);
    }
    counts->list[i].number += number;
}

/* Each row is a name and a number. */
static const char *const questions[] = {
    "SELECT 'participants',count(*) FROM participant",
    "SELECT 'sessions',count(*) FROM session",
    "SELECT 'outcome '||outcome,count(*) FROM session WHERE outcome<>'' GROUP BY outcome ORDER BY "
    "count(*) DESC",
    "SELECT 'outcomes recorded more than a day late',count(*) FROM session_history h JOIN session "
    "s ON s.id=h.session WHERE h.what='recorded' AND h.at_us>s.start_us+s.minutes*60000000"
    "+86400000000",
    "SELECT 'outcomes recorded more than three days late',count(*) FROM session_history h JOIN "
    "session s ON s.id=h.session WHERE h.what='recorded' AND h.at_us>s.start_us+s.minutes*60000000"
    "+3*86400000000",
    "SELECT 'decisions',count(*) FROM session_history WHERE what='decided'",
    "SELECT 'corrections asked for',count(*) FROM session_history WHERE what='correction'",
    "SELECT 'corrections approved',count(*) FROM session_history WHERE what='corrected'",
    "SELECT 'corrections withdrawn',count(*) FROM session_history WHERE what='unchanged'",
    "SELECT 'sessions moved',count(*) FROM session_history WHERE what='moved'",
    "SELECT 'sessions cancelled',count(*) FROM session_history WHERE what='cancelled'",
    "SELECT 'sessions handed over',count(*) FROM session_history WHERE what='handed_over'",
    "SELECT 'participants reassigned',count(*) FROM audit WHERE action='participant reassign'",
    "SELECT 'practitioners who left',count(*) FROM departure",
    "SELECT 'participants who left early',count(*) FROM participant_state WHERE state "
    "IN('withdrawn','ended')",
    "SELECT 'chains opened for '||audience||'s',count(*) FROM escalation GROUP BY audience ORDER "
    "BY audience DESC",
    "SELECT 'chains acknowledged',count(*) FROM escalation WHERE acknowledged_us<>0",
    "SELECT 'chains resolved',count(*) FROM escalation WHERE state='resolved'",
    "SELECT 'chains that began again',count(*) FROM escalation WHERE cycle>0",
    "SELECT 'messages '||kind||' for '||audience||'s',count(*) FROM message GROUP BY kind,audience "
    "ORDER BY 1",
    "SELECT 'tasks',count(*) FROM task",
    "SELECT 'tasks done',count(*) FROM task WHERE state='done'",
};

static void ask(struct counts *counts, struct sim *sim, const char *sql) {
    sqlite3_stmt *row = witness_ask(sim, sql);

    while (sqlite3_step(row) == SQLITE_ROW) {
        const int64_t number = sqlite3_column_int64(row, 1);
        counts_add(counts, (const char *)sqlite3_column_text(row, 0),
                   number > 0 ? (uint64_t)number : 0);
    }
    witness_done(row);
}

static void take_messages(struct counts *counts, const struct sim *sim) {
    static const enum audience audiences[] = {AUDIENCE_PARTICIPANT, AUDIENCE_PRACTITIONER,
                                              AUDIENCE_SUPERVISOR,  AUDIENCE_OFFICER,
                                              AUDIENCE_ADVOCATE,    AUDIENCE_OPERATOR};
    char name[COUNT_NAME_SIZE];

    for (size_t i = 0; i < ARRAY_COUNT(audiences); i++) {
        uint64_t number = 0;
        for (size_t k = 0; k < sim->parcel_count; k++) {
            number += sim->parcels[k].audience == audiences[i];
        }
        (void)snprintf(name, sizeof name, "messages received by %ss",
                       audience_to_text(audiences[i]));
        counts_add(counts, name, number);
    }
}

void counts_take(struct counts *counts, struct sim *sim) {
    counts_add(counts, "histories", 1);
    for (size_t i = 0; i < ARRAY_COUNT(questions); i++) {
        ask(counts, sim, questions[i]);
    }
    take_messages(counts, sim);
    counts_add(counts, "messages handed over", sim->handed_count);
    counts_add(counts, "days with a dead gateway", (uint64_t)(sim->dead.us / DAY_US));
    counts_add(counts, "crashes", sim->crashes);
    counts_add(counts, "turns", sim->turns);
}

void counts_print(const struct counts *counts) {
    for (size_t i = 0; i < counts->count; i++) {
        printf("# %10llu %s\n", (unsigned long long)counts->list[i].number, counts->list[i].name);
    }
}

static const char *const needed[] = {"outcome AFTA",
                                     "outcome UAAB",
                                     "outcome AAME",
                                     "outcomes recorded more than three days late",
                                     "decisions",
                                     "corrections approved",
                                     "corrections withdrawn",
                                     "sessions moved",
                                     "sessions handed over",
                                     "participants reassigned",
                                     "practitioners who left",
                                     "chains opened for supervisors",
                                     "chains opened for advocates",
                                     "chains acknowledged",
                                     "chains resolved",
                                     "chains that began again",
                                     "messages received by participants",
                                     "messages received by practitioners",
                                     "messages received by supervisors",
                                     "messages received by officers",
                                     "messages received by advocates",
                                     "messages received by operators",
                                     "days with a dead gateway",
                                     "crashes"};

const char *counts_next_missing(const struct counts *counts, size_t *index) {
    for (; *index < ARRAY_COUNT(needed); ++*index) {
        bool there = false;
        for (size_t i = 0; i < counts->count; i++) {
            there |= strcmp(counts->list[i].name, needed[*index]) == 0 &&
                     counts->list[i].number > 0;
        }
        if (!there) {
            return needed[(*index)++];
        }
    }
    return NULL;
}
