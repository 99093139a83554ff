/* Random numbers for tests: seeded, and the seed printed, so that a failure can be replayed with
 * COBI_TEST_SEED=N. */
#ifndef COBI_TESTS_SEED_H
#define COBI_TESTS_SEED_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

static inline uint64_t seed_init(const char *test) {
    const char *given = getenv("COBI_TEST_SEED");
    uint64_t seed = 0;
    if (given != NULL) {
        seed = strtoull(given, NULL, 0);
    } else if (getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed) {
        seed = 1;
    }
    printf("# %s: COBI_TEST_SEED=0x%llx\n", test, (unsigned long long)seed);
    return seed;
}

/* The next number: a step of a Weyl sequence, its bits stirred by multiplication. */
static inline uint64_t seed_next(uint64_t *state) {
    uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 31) * UINT64_C(0x7fb5d329728ea185);
    x = (x ^ x >> 27) * UINT64_C(0x81dadef4bc2dd44d);
    return x ^ x >> 33;
}

/* From first to last, both included. */
static inline int64_t seed_between(uint64_t *state, int64_t first, int64_t last) {
    return first + (int64_t)(seed_next(state) % ((uint64_t)(last - first) + 1));
}

#endif
