/* Random histories under all laws: `swarm [SEED [COUNT [swarm|months]]]`, one TAP test in all.
 *
 * Each tells of some weeks of a few people, or with "months" of three months of thirty; then what
 * happened is counted by kind, and a kind that never happened fails the run.
 * Each history has a seed of its own; equal seeds give equal histories. What fails prints its seed,
 * the law, and the lines that led to it, shortened for as long as the same law is broken: a
 * scenario to keep under a name. Histories without a crash are told again without advocates, and
 * participants must receive the same bytes at the same moments. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "history.h"

enum { FAILURES_MAX = 3, SHRINK_TELLINGS_MAX = 150, SHRINK_MONTHS_TELLINGS_MAX = 60 };

static double seconds_now(void) {
    struct timespec t = {0};

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); /* exists; only for the numbers printed */
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

struct totals {
    uint64_t histories, turns, points, handed, crashes, compared;
    struct counts counts;
};

static void report(struct kit *kit, uint64_t seed, struct story *story,
                   const struct history_result *result) {
    const size_t lines = story->count;

    printf("# seed %" PRIu64 ": %s\n", seed, result->why);
    (void)fflush(stdout); /* seen even if what follows takes its time */
    const unsigned tellings = history_shrink(
        kit, story, result->law,
        story->size == HISTORY_MONTHS ? SHRINK_MONTHS_TELLINGS_MAX : SHRINK_TELLINGS_MAX);

    printf(tellings ? "# what led to it, %zu of %zu lines:\n"
                    : "# told again it is not broken; all %zu of %zu lines:\n",
           story->count, lines);
    story_print(story, "#   ");
}

static bool has_line(const struct story *story, const char *begin) {
    for (size_t i = 0; i < story->count; i++) {
        if (strncmp(story->lines[i], begin, strlen(begin)) == 0) {
            return true;
        }
    }
    return false;
}

/* Histories with crashes have other crashes in a world with fewer messages: not to be compared. */
static bool comparable(const struct story *story) {
    bool advocates = false;

    for (size_t i = 0; i < story->count; i++) {
        advocates |= strstr(story->lines[i], "advocate link") != NULL;
    }
    return advocates && !has_line(story, "CRASH");
}

static void compare_worlds(struct kit *kit, const struct story *story,
                           struct history_result *result) {
    struct history_result other;

    history_tell(kit, story, TELL_WITHOUT_ADVOCATES, &other);
    if (*other.law) {
        *result = other;
    } else if (other.digest != result->digest) {
        (void)snprintf(result->law, sizeof result->law, "non_interference");
        (void)snprintf(result->why, sizeof result->why,
                       "law \"non_interference\" is broken: what participants receive tells "
                       "whether there is an advocate");
    }
}

/* Three months take seconds: what came of each is seen at once. */
static void add_up(struct totals *totals, uint64_t seed, const struct history_result *result,
                   enum history_size size, double seconds) {
    totals->histories++;
    totals->turns += result->turns;
    totals->points += result->points;
    totals->handed += result->handed;
    totals->crashes += result->crashes;
    for (size_t i = 0; i < result->counts.count; i++) {
        counts_add(&totals->counts, result->counts.list[i].name, result->counts.list[i].number);
    }
    if (size == HISTORY_MONTHS) {
        printf("# seed %" PRIu64 ": %" PRIu64 " turns, %u crashes, %.1f s of CPU: %s\n", seed,
               result->turns, result->crashes, seconds, *result->law ? result->law : "good");
    }
}

static bool live(struct kit *kit, uint64_t seed, enum history_size size, struct totals *totals) {
    const double begun = seconds_now();
    struct story *story = calloc(1, sizeof *story);
    struct history_result result;

    if (!story) {
        abort();
    }
    history_live(kit, seed, size, story, &result);
    if (!*result.law && comparable(story)) {
        compare_worlds(kit, story, &result);
        totals->compared++;
    }
    add_up(totals, seed, &result, size, seconds_now() - begun);
    if (*result.law) {
        report(kit, seed, story, &result);
    }
    if (getenv("SIM_PRINT")) {
        story_print(story, "");
    }
    (void)fflush(stdout); /* seen even if a later one hangs */
    story_done(story);
    free(story);
    return !*result.law;
}

/* With three months the numbers of each kind; false: one of them never happened. */
static bool print_counts(const struct totals *totals) {
    size_t next = 0;
    bool all = true;

    counts_print(&totals->counts);
    for (const char *name; (name = counts_next_missing(&totals->counts, &next)) != NULL;) {
        printf("# never happened: %s\n", name);
        all = false;
    }
    return all;
}

int main(int argc, char **argv) {
    const char *given = getenv("top_srcdir"), *source = given ? given : ".",
               *environment = getenv("COBI_TEST_SEED");
    const uint64_t first = argc > 1      ? strtoull(argv[1], NULL, 10)
                           : environment ? strtoull(environment, NULL, 0)
                                         : 1;
    const uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : argc > 1 ? 1 : 12;
    const bool months = argc > 3 && strcmp(argv[3], "months") == 0;
    struct totals totals = {0};
    struct kit kit;
    uint64_t bad = 0;

    if (!getenv("SIM_LOG")) {
        log_set_level((enum log_level)0);
    }
    kit_open(&kit, source);
    printf("1..1\n# seeds %" PRIu64 " to %" PRIu64 "\n", first, first + count - 1);
    const double begun = seconds_now();

    for (uint64_t seed = first; seed < first + count && bad < FAILURES_MAX; seed++) {
        bad += !live(&kit, seed, months ? HISTORY_MONTHS : HISTORY_WEEKS, &totals);
    }
    const double seconds = seconds_now() - begun;

    printf("# %" PRIu64 " histories, %" PRIu64 " of them told again without advocates; %" PRIu64
           " turns, %" PRIu64 " messages handed over, %" PRIu64 " crashes at %" PRIu64
           " points; %.1f s of CPU, %.0f turns/s\n",
           totals.histories, totals.compared, totals.turns, totals.handed, totals.crashes,
           totals.points, seconds, (double)totals.turns / (seconds > 0 ? seconds : 1));
    const bool all = !months || print_counts(&totals);

    printf("%s 1 - %" PRIu64 " random histories under all laws\n", bad || !all ? "not ok" : "ok",
           count);
    kit_close(&kit);
    return bad || !all ? 1 : 0;
}
