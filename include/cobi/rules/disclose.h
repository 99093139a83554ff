/* Who may be told what: facts, their classes, and the allow-list of each audience and channel (facts.def). Pure. */
#ifndef COBI_RULES_DISCLOSE_H
#define COBI_RULES_DISCLOSE_H

#include <stdbool.h>

#include "cobi/rules/kinds.h"

/* One row of facts.def each: FACT(name, class, longest sample, meaning). */
enum fact {
#define FACT(name, class, sample, meaning) FACT_##name,
#include "cobi/rules/facts.def"
#undef FACT
    FACT_end_ /* no fact: their count */
};
#define FACT_COUNT (FACT_end_)
enum fact_class {
    CLASS_SCHEDULE,  /* date and time of the recipient's own appointment */
    CLASS_CONTACT,   /* the office's number, sender's neutral names */
    CLASS_PERSONAL,  /* first name, place label: only where chosen */
    CLASS_REFERENCE, /* our reference for staff */
    CLASS_STATUS,    /* a status word for advocates and officers */
    CLASS_PAST_DATE, /* the date of something that already happened */
    CLASS_STAFF,     /* roles and names of staff */
    CLASS_CASE_REF,  /* an advocate's own case reference */
    CLASS_OFFICER_REF, /* the officer's own reference */
    CLASS_LINK,      /* an acknowledge link and its code */
    CLASS_SYSTEM,    /* gateway and daemon trouble */
    CLASS_CASELOAD   /* a practitioner's own list of sessions and tasks */
};
#define FACT_CLASS_COUNT 12
struct fact_row {
    const char *name;
    enum fact_class class;
    const char *sample; /* the longest value to be expected: message lengths are checked with it */
    const char *meaning;
};
extern const struct fact_row fact_rows[FACT_COUNT];
/* Returns 0 and the fact, or -ENOENT. */
int fact_from_text(const char *name, enum fact *ret_fact);
/* May this audience be told facts of this class on this channel? */
bool disclose_allowed(enum audience audience, enum channel channel, enum fact_class class);

/* The word list that no byte a participant sees may match (in any case): cobi*, stalk*, dbt, therap*, probation, court(s), victim(s), spo.
 * Returns the offset of a match, or -1. length in ret_length (may be NULL). Words are runs of letters: digits, "_" and accented letters
 * part them ("cobi_1" and "court2" match, "courtesy" does not). */
int disclose_find_word(const char *text, size_t *ret_length);

#endif
