/* What the fuzzers share: the entry point that libFuzzer and replay.c call, and a check that stays
 * in every build. */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A property that must hold for every input. */
#define FUZZ_CHECK(condition)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);         \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* The bytes as a string of their own, so that a read past the end is seen. The caller frees it. */
static inline char *fuzz_string(const uint8_t *data, size_t size) {
    char *string = malloc(size + 1);

    FUZZ_CHECK(string != NULL);
    for (size_t i = 0; i < size; i++) {
        string[i] = (char)data[i];
    }
    string[size] = '\0';
    return string;
}

/* Where a fuzzer keeps files for a moment: in memory where there is such a place. */
static inline const char *fuzz_folder(void) {
    return access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
}

#endif
