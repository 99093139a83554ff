/* Scenarios: plain-text stories that a person outside the project can read. The language is
 * explained in tests/scenarios/README.md. */
#ifndef COBI_TESTS_SCENARIO_H
#define COBI_TESTS_SCENARIO_H

#include "sim.h"

enum { SCENARIO_WORDS_MAX = 48, SCENARIO_LINE_SIZE = 1000 };
/* A line cut into words; quotes hold words together, # begins a remark. */
struct words {
    int count;
    char *word[SCENARIO_WORDS_MAX];
    char text[SCENARIO_LINE_SIZE * 4];
};
/* Returns 0, or -EINVAL (quotes that do not close, too many words). "@P-1/3" and the like become
 * ids when sim is given. */
_must_use_ int words_read(struct words *w, struct sim *sim, const char *line);
/* The value behind "NAME=", or NULL. */
const char *words_value(const struct words *w, const char *name);
/* "@P-1/3", "@missed/P-1/3[/ADVOCATE]", "@task/KIND/P-1/3", "@message/KIND/P-1/3" into an id; false
 * when there is none. */
bool words_alias(struct sim *sim, const char *alias, char ret_id[ID_SIZE]);
/* A local time, or one in UTC that ends in "Z". */
_must_use_ int words_time(struct sim *sim, const char *text, struct instant *ret_time);

/* Checks one EXPECT line. Returns 0, or -EINVAL with what is wrong in complaint. */
_must_use_ int expect(struct sim *sim, const struct words *w, struct complaint *complaint);

/* How a scenario is run. */
struct scenario_run {
    const char *file;
    uint64_t crash_at; /* crash at this point after CRASH-EVERYWHERE; 0: none */
    bool laws_only;    /* only a broken law fails it; lines that do not come true are passed over */
    bool no_advocates; /* lines that name an advocate are left out, as if there were none */
};
struct scenario_result {
    bool passed;
    bool everywhere; /* has CRASH-EVERYWHERE */
    uint64_t points; /* crash points after it */
    bool advocates;  /* has lines that name one */
    uint64_t digest; /* of all that participants received */
    char law[40];
    char why[BROKEN_SIZE + 2000];
};
void scenario_run(struct kit *kit, const struct scenario_run *run,
                  struct scenario_result *ret_result);
/* Carries out one line. Returns 0, or -EINVAL with what is wrong in complaint. */
_must_use_ int scenario_line(struct sim *sim, const char *line, bool calm,
                             struct complaint *complaint);

#endif
