/* What happened in histories, counted by name: what is printed shows that they held what they were
 * to prove. */
#ifndef COBI_TESTS_COUNTS_H
#define COBI_TESTS_COUNTS_H

#include "sim.h"

enum { COUNTS_MAX = 96, COUNT_NAME_SIZE = 56 };
struct counts {
    size_t count;
    struct {
        char name[COUNT_NAME_SIZE];
        uint64_t number;
    } list[COUNTS_MAX]; /* in the order in which they came */
};
void counts_add(struct counts *counts, const char *name, uint64_t number);
/* Adds those of a history at its end: from the rows that were committed and what the world saw. */
void counts_take(struct counts *counts, struct sim *sim);
void counts_print(const struct counts *counts);
/* The name of the next kind from *index on that three months must hold and that never happened;
 * NULL: there is no other. */
const char *counts_next_missing(const struct counts *counts, size_t *index);

#endif
