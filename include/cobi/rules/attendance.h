/* Outcome codes (nDelius) and what may be recorded when. The table comes from the configuration. */
#ifndef COBI_RULES_ATTENDANCE_H
#define COBI_RULES_ATTENDANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cobi/base/time.h"

#define OUTCOME_CODES_MAX 40
#define OUTCOME_CODE_SIZE 9
#define OUTCOME_LABEL_SIZE 81
enum attended { ATTENDED_NO, ATTENDED_YES };
enum complied { COMPLIED_NO, COMPLIED_YES, COMPLIED_UNDECIDED };
enum moved_by { MOVED_BY_NOBODY, MOVED_BY_PARTICIPANT, MOVED_BY_SERVICE }; /* words: "nobody", ... */
enum outcome_tell { TELL_SUPERVISOR = 1, TELL_OFFICER = 2, TELL_ADVOCATE = 4, TELL_PARTICIPANT = 8, TELL_OFFICER_BY_ROUTE = 16 };
struct outcome_code {
    char code[OUTCOME_CODE_SIZE]; /* "AFTA" */
    char label[OUTCOME_LABEL_SIZE]; /* plain English */
    enum attended attended;
    enum complied complied;
    bool enforceable, miss, provisional, replacement;
    bool sent_home;   /* not offered for phone and video sessions */
    bool acceptable;  /* an acceptable absence: may be recorded before the start */
    bool recordable;  /* false: written by another command (RSSR, RSOF), refused as an outcome */
    enum moved_by moved_by; /* written into the history when they ask for a move */
    unsigned tell;    /* enum outcome_tell */
};
struct outcome_table {
    uint32_t count;
    struct outcome_code codes[OUTCOME_CODES_MAX];
};
const struct outcome_code *outcome_find(const struct outcome_table *table, const char *code);
/* The code of a move that they asked for ("participant", "service"), or "". */
const char *outcome_of_move(const struct outcome_table *table, const char *asked_by);

/* How many misses stand at the end of these outcomes of one person's sessions, in their order. An absence that is no miss is passed over: only
 * attending ends the row. */
uint32_t outcome_misses_in_a_row(const struct outcome_table *table, const char *const *codes, size_t count);

enum record_refusal {
    RECORD_FINE, RECORD_UNKNOWN_CODE, RECORD_NOT_RECORDABLE, RECORD_BEFORE_START /* only an acceptable absence before the start */,
    RECORD_TOO_EARLY /* a no-show before start + 15 min */, RECORD_NEEDS_DECIDER /* UAAB and the like go by a decision */, RECORD_REMOTE /* sent home from a phone session */,
    RECORD_ALREADY /* has an outcome */, RECORD_CANCELLED
};
#define RECORD_REFUSAL_COUNT 9
const char *record_refusal_to_text(enum record_refusal refusal); /* a sentence that says what to do */
struct record_request {
    const struct outcome_code *code; /* NULL: unknown */
    struct instant start, end, now;
    bool remote;    /* phone or video */
    bool recorded;  /* there is an outcome already */
    bool cancelled;
    bool decider;   /* the person may decide (supervisor, officer) */
    struct span miss_after; /* 15 min */
};
enum record_refusal record_check(const struct record_request *request);

#endif
