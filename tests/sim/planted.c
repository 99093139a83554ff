/* Proves that the laws can fail: bugs are planted by the linker (plants.c) in the engine and its
 * surroundings, one at a time. Each must be caught by the law that is there for it, in the scenario
 * that gives the occasion (what it EXPECTs is not looked at); and, where the table says so, by any
 * law in one of the first 200 random histories, in one that is without fault when the bug is not
 * there.
 *
 * Each bug runs in a process of its own, for some make the engine stumble. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "history.h"
#include "plants.h"

enum { SEEDS_MAX = 200 };

static const struct {
    const char *bug, *law, *scenario;
    bool told_only; /* random histories are not asked: they cost time */
} plants[] = {
    {"texts at night", "window", "quiet-hours", false},
    {"no attempt is noted", "intent", "attended", false},
    {"sent before it is written", "intent", "attended", false},
    {"marked sent before sending", "intent", "attended", false},
    {"sent again blindly", "once", "lost-answer", false},
    {"a move is forgotten", "revision", "move-after-reminder", false},
    {"the revision is forgotten", "revision", "move-after-reminder", false},
    {"nothing is ever too late", "not_after", "outage-two-days", false},
    {"nobody phones", "reaches_a_human", "one-bad-number", false},
    {"an officer is forgotten", "officer_told", "apart", false},
    {"a step waits for days", "step_waits", "nobody-acknowledges", false},
    {"nobody is told", "a_person_learns", "acknowledgement-runs-out", false},
    {"no chain to the supervisors", "miss_told", "missed-two-advocates", false},
    {"an advocate is forgotten", "advocates_told", "missed-two-advocates", false},
    {"one acknowledgement for all", "two_chains", "missed-two-advocates", false},
    {"the timer is lost", "armed", "attended", false},
    {"a session's timer is dropped", "begins", "unrecorded", false},
    {"a chain falls asleep", "chain_sleeps", "nobody-acknowledges", false},
    {"an advocate is named", "disclosure", "attended", false},
    {"the programme is named", "words", "attended", false},
    {"a repeat is not marked", "once", "lost-answer", false},
    {"receipts are not heeded", "receipt", "receipt-fails-later", false},
    {"nobody reads a text", "heard", "stop-by-text", false},
    {"a quiet week is forgotten", "no_silence", "no-change", false},
    {"fourteen days are forgotten", "no_attendance", "fourteen-days", false},
    {"nobody hears of slipping", "slipping", "slipping", false},
    {"a call not made is kept quiet", "unphoned", "undeliverable", false},
    {"a concern stays inside", "concern", "concern", false},
    {"unlinking is forgotten", "unlinked", "unlinked", false},
    {"who leaves keeps their tasks", "nothing_left", "leaves-with-a-task", false},
    {"the new line is not told", "line_told", "another-supervisor", true},
    {"no mail of the day", "digest", "digest", false},
    {"a feed is an hour off", "feed", "dst-autumn-2026", false},
    {"nobody is stood down", "stood_down", "decided-acceptable", false},
    {"a stranger is stood down", "stood_down", "decided-acceptable", false},
    {"nobody approves", "to_decide", "corrected", true},
    {"decided and still to decide", "to_decide", "corrected-to-provisional", true},
    {"the end of a review is kept quiet", "review_told", "review-still-missed", true},
    {"a row of misses stays", "review_misses", "fewer-in-a-row", true},
    {"who asked may approve", "to_decide", "approver-asked", true},
    {"corrected by one person alone", "outcome_kept", "corrected", false},
    {"an answer is forgotten", "stuck", "attended", true},
    {"an end has no reason", "balance", "unreachable-step", true},
    {"an attempt is forgotten", "message_identity", "attended", true},
    {"a retry waits for a month", "at_rest", "acknowledged-in-between", true},
    {"what was sent waits again", "message_state", "attended", true},
    {"nobody contacts", "contact_task", "missed-two-advocates", true},
    {"nobody looks at an outcome", "supervisor_told", "came", true},
    {"nobody calls the service", "call_advocate", "service-silent", true},
    {"acknowledged and told all the same", "silenced", "acknowledged-in-between", true},
    {"gone and written to", "stopped", "stop", true},
    {"a row cannot be read", "quarantine", "attended", true},
    {"a pause is kept quiet", "advocate_status", "status", true},
    {"what has not started stays told", "advocate_status", "started-after-all-not", true},
    {"told by a clock that was wrong", "stood_down", "told-by-a-wrong-clock", true},
    {"nobody is asked for the outcome", "asked", "unrecorded", true},
    {"nobody is reminded", "reminded", "attended", true},
    {"a dead address is kept quiet", "undelivered", "unreachable-step", true},
    {"news of a miss expires", "never_expires", "missed-two-advocates", true},
    {"news of a miss waits for the morning", "at_once", "missed-two-advocates", true},
    {"nobody hears that an outcome is missing", "unrecorded", "unrecorded", true},
    {"time passing is a miss", "alone_missed", "unrecorded", true},
    {"a mis-tap is told", "mis_tap", "missed-two-advocates", true},
    {"the wrong one has acknowledged", "acknowledged_by", "acknowledgement-runs-out", true},
    {"a chain is opened again", "chain_state", "acknowledgement-runs-out", true},
    {"a step is told every minute", "storm", "nobody-acknowledges", true},
    {"the line begins in its middle", "steps_in_order", "nobody-acknowledges", true},
    {"a step is left out", "steps_in_order", "nobody-acknowledges", true},
    {"the line goes back", "steps_in_order", "nobody-acknowledges", true},
    {"what was held is longer", "revised", "attended", true},
    {"moved into the past", "past", "rescheduled", true},
    {"moved onto the next one's day", "one_a_day", "diary", true},
    {"what was held is cancelled", "session_state", "attended", true},
    {"a pause cancels nothing", "leaves_nothing", "status", true},
    {"woken for nothing", "restless", "attended", true},
    {"nobody looks at tasks", "overdue", "decision-overdue", true},
    {"a text goes on and on", "length", "attended", true},
    {"a subject names somebody", "subject", "missed-two-advocates", true},
    {"a service reads our reference", "advocate_text", "missed-two-advocates", true},
    {"an outcome is known beforehand", "outcome_time", "missed-two-advocates", true},
    {"a practitioner decides", "decider", "missed-by-route", true},
    {"a pause forgets the programme", "person_state", "status", true},
    {"planned for a Sunday", "planned", "attended", true},
    {"planned out of order", "plan_order", "attended", true},
    {"a practitioner is booked twice", "one_place", "diary", true},
    {"a room is booked twice", "one_room", "diary", true},
    {"reminded of what was just booked", "booked_late", "booked-late", true},
    {"a change fails", "answers", "rescheduled", true},
    {"who asked is forgotten", "notice", "rescheduled", true},
    {"another's number", "address", "attended", true},
    {"who wants no texts gets them", "opted_out", "stop-conditions", true},
    {"the last come first", "priority", "urgent-first", true},
    {"a look counts", "look", "missed-two-advocates", true},
    {"the self-audit cries wolf", "audit", "attended", true},
    {"a loop is written", "loops", "no-loops", true},
    {"a jump of the clock holds nothing", "held", "clock-forward", true},
    {"a gateway is hurried", "pace", "one-of-a-hundred", true},
    {"a turn never ends", "endless", "attended", true},
};

/* What the child found out. */
struct verdict {
    char law[40]; /* of the random history, or "" */
    uint64_t seed;
    bool proven; /* by the scenario and its law */
};

/* The law that is meant for the bug, where a scenario gives the occasion. */
static bool prove(struct kit *kit, size_t index) {
    struct scenario_run run = {.laws_only = true};
    struct scenario_result result;
    char file[400];

    (void)snprintf(file, sizeof file, "%s/tests/scenarios/%s.scn", kit->source,
                   plants[index].scenario);
    run.file = file;
    scenario_run(kit, &run, &result);
    if (strcmp(result.law, plants[index].law) == 0) {
        return true;
    }
    printf("# %s: law \"%s\", not \"%s\": %s\n", plants[index].scenario, result.law,
           plants[index].law, result.passed ? "everything passed" : result.why);
    (void)fflush(stdout); /* the process ends at once */
    return false;
}

static void live(struct kit *kit, uint64_t seed, struct history_result *ret_result) {
    struct story *story = calloc(1, sizeof *story);

    if (!story) {
        abort();
    }
    history_live(kit, seed, HISTORY_WEEKS, story, ret_result);
    story_done(story);
    free(story);
}

/* Any law, in a random history. */
static void seek(struct kit *kit, struct verdict *verdict) {
    struct history_result result = {0};

    for (uint64_t seed = 1; seed <= SEEDS_MAX && !*result.law; seed++) {
        live(kit, seed, &result);
        verdict->seed = seed;
    }
    memcpy(verdict->law, result.law, sizeof verdict->law);
}

static void judge(const char *source, size_t index, int answer) {
    struct verdict verdict = {0};
    struct kit kit;

    plant(plants[index].bug);
    kit_open(&kit, source);
    verdict.proven = prove(&kit, index);
    if (!plants[index].told_only) {
        seek(&kit, &verdict);
    }
    kit_close(&kit);
    if (write(answer, &verdict, sizeof verdict) != (ssize_t)sizeof verdict) {
        _exit(1);
    }
    _exit(0);
}

/* Runs the judge in a child. False when it died before it could say anything. */
static bool ask(const char *source, size_t index, struct verdict *ret_verdict) {
    int ends[2], status = 1;

    (void)fflush(stdout); /* what is buffered would be printed twice */
    if (pipe(ends) < 0) {
        abort();
    }
    const pid_t child = fork();

    if (child == 0) {
        judge(source, index, ends[1]);
    }
    (void)close(ends[1]); /* the child's end */
    const bool told = child > 0 &&
                      read(ends[0], ret_verdict, sizeof *ret_verdict) == sizeof *ret_verdict;
    (void)close(ends[0]); /* read from only */
    return waitpid(child, &status, 0) == child && told;
}

/* Is the history without fault when no bug is planted? Looked at once for each seed. */
static bool clean(struct kit *kit, uint64_t seed) {
    static signed char known[SEEDS_MAX + 1];
    struct history_result result;

    if (known[seed] == 0) {
        live(kit, seed, &result);
        known[seed] = *result.law ? -1 : 1;
        if (*result.law) {
            printf("# seed %llu fails without a bug: %s\n", (unsigned long long)seed, result.why);
        }
    }
    return known[seed] > 0;
}

/* Caught by its law, and by any in a random history that is sound without the bug. */
static bool caught(const char *source, size_t index) {
    struct verdict verdict = {0};
    struct kit kit;
    bool good = ask(source, index, &verdict) && verdict.proven;

    if (plants[index].told_only) {
        printf("%s %zu - bug \"%s\": law \"%s\" in %s.scn\n", good ? "ok" : "not ok", index + 1,
               plants[index].bug, plants[index].law, plants[index].scenario);
        return good;
    }
    if (good && *verdict.law) {
        kit_open(&kit, source);
        good = clean(&kit, verdict.seed);
        kit_close(&kit);
    }
    good = good && *verdict.law;
    printf("%s %zu - bug \"%s\": law \"%s\" in %s.scn; law \"%s\" at seed %llu\n",
           good ? "ok" : "not ok", index + 1, plants[index].bug, plants[index].law,
           plants[index].scenario, verdict.law, (unsigned long long)verdict.seed);
    return good;
}

int main(int argc, char **argv) {
    const char *given = getenv("top_srcdir"), *source = given ? given : ".";
    bool all = true;

    log_set_level((enum log_level)0);
    printf("1..%zu\n", ARRAY_COUNT(plants));
    for (size_t i = 0; i < ARRAY_COUNT(plants); i++) {
        if (argc < 2 || strcmp(argv[1], plants[i].bug) == 0) {
            all &= caught(source, i);
        }
    }
    return all ? 0 : 1;
}
