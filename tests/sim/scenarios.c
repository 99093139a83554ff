/* Runs scenario files, each as one TAP test: `scenarios FILE...`, or all of tests/scenarios.
 *
 * A file with CRASH-EVERYWHERE is run again for each of its crash points, at most COBI_SIM_CRASHES
 * of them (0: all), evenly spread; `scenarios --at=N FILE` runs one of them alone. SIM_TRACE=1
 * shows every event. */
#include "scenario.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t crash_limit(void) {
    const char *given = getenv("COBI_SIM_CRASHES");

    return given ? strtoull(given, NULL, 10) : 25;
}

/* Returns the crash point at which it failed, or 0. */
static uint64_t crash_everywhere(struct kit *kit, const char *file, uint64_t points,
                                 uint64_t *ret_runs, struct scenario_result *result) {
    const uint64_t limit = crash_limit();
    const uint64_t runs = limit && limit < points ? limit : points;

    for (uint64_t i = 0; i < runs; i++) {
        const uint64_t at = 1 + i * points / runs;
        scenario_run(kit, &(struct scenario_run){.file = file, .crash_at = at}, result);
        if (!result->passed) {
            return at;
        }
    }
    *ret_runs = runs;
    return 0;
}

/* The same story in a world without advocates: not a byte and not a moment may differ for the
 * participants. */
static void compare_worlds(struct kit *kit, const char *file, struct scenario_result *result) {
    struct scenario_result other;

    scenario_run(kit, &(struct scenario_run){.file = file, .laws_only = true, .no_advocates = true},
                 &other);
    if (!other.passed || other.digest != result->digest) {
        (void)snprintf(result->why, sizeof result->why,
                       "law \"non_interference\" is broken: what participants receive tells "
                       "whether there is an advocate. %.400s",
                       other.why);
        result->passed = false;
    }
}

static bool run(struct kit *kit, const char *file, int number, uint64_t only_at) {
    const char *slash = strrchr(file, '/'), *name = slash ? slash + 1 : file;
    struct scenario_result result;
    uint64_t runs = 0, at = only_at;

    scenario_run(kit, &(struct scenario_run){.file = file, .crash_at = only_at}, &result);
    const uint64_t points = result.points;

    if (result.passed && result.advocates && !only_at) {
        compare_worlds(kit, file, &result);
    }
    if (result.passed && result.everywhere && !only_at) {
        at = crash_everywhere(kit, file, points, &runs, &result);
    }
    if (result.passed) {
        printf("ok %d - %s", number, name);
        printf(runs ? " # %llu crashes of %llu points\n" : "\n", (unsigned long long)runs,
               (unsigned long long)points);
    } else {
        printf("not ok %d - %s\n# %s\n", number, name, result.why);
        if (at) {
            printf("# with a crash at point %llu: SIM_TRACE=1 scenarios --at=%llu %s\n",
                   (unsigned long long)at, (unsigned long long)at, file);
        }
    }
    (void)fflush(stdout); /* seen even if the next one hangs */
    return result.passed;
}

static bool run_all(struct kit *kit, const char *source) {
    char pattern[400];
    glob_t found = {0};
    bool good = true;

    (void)snprintf(pattern, sizeof pattern, "%s/tests/scenarios/*.scn", source);
    if (glob(pattern, 0, NULL, &found) != 0) {
        printf("Bail out! no scenarios in %s\n", pattern);
        return false;
    }
    printf("1..%zu\n", found.gl_pathc);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        good &= run(kit, found.gl_pathv[i], (int)i + 1, 0);
    }
    globfree(&found);
    return good;
}

int main(int argc, char **argv) {
    const char *given = getenv("top_srcdir"), *source = given ? given : ".";
    struct kit kit;
    uint64_t only_at = 0;
    bool good = true;
    int first = 1;

    if (!getenv("SIM_LOG")) {
        log_set_level((enum log_level)0);
    }
    if (argc > 1 && strncmp(argv[1], "--at=", 5) == 0) {
        only_at = strtoull(argv[1] + 5, NULL, 10);
        first = 2;
    }
    kit_open(&kit, source);
    if (first == argc) {
        good = run_all(&kit, source);
    } else {
        printf("1..%d\n", argc - first);
    }
    for (int i = first; i < argc; i++) {
        good &= run(&kit, argv[i], i - first + 1, only_at);
    }
    kit_close(&kit);
    return good ? 0 : 1;
}
