/* A whole engine for fuzzers, with a real store: the cast of engine_world.h, two participants
 * planned, one advocate linked, and some weeks lived, so that there are messages, chains, tasks and
 * feeds. Every input begins in the same state. */
#ifndef TESTS_FUZZ_HOUSE_H
#define TESTS_FUZZ_HOUSE_H

#include "../unit/engine_world.h"
#include "fuzz.h"

/* Brings the state back in which every input begins; builds it the first time. */
void house_enter(void);
/* Has anything been committed since the last time this was asked? */
bool house_changed(void);
/* Something else changed it: the witness itself. */
void house_touch(void);
/* Ticks until nothing is due at the present; fails where the engine fails or never rests. */
void house_run(void);
/* The same, wake-up by wake-up, until so much later. */
void house_live(struct span span);
/* What left says nothing that its audience must not read, on lines that are lines. */
void house_check_sent(void);

#endif
