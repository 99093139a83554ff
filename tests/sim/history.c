/* Histories: made up by a seed, told again, made shorter.
 *
 * Everything random is in the lines themselves, crashes and moods of gateways included, so a story
 * told again is the same story. Shrinking leaves out lines as long as the same law is broken; what
 * remains is a scenario. */
#include "history.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ACTIONS_MIN = 20,
    ACTIONS_SPREAD = 40,
    LINKED_MIN = 10,
    LINKED_SPREAD = 20,
    MONTHS_DAYS = 92
};

uint64_t roll(struct history *h, uint64_t sides) {
    h->dice ^= h->dice >> 12;
    h->dice ^= h->dice << 25;
    h->dice ^= h->dice >> 27;
    return (h->dice * UINT64_C(2685821657736338717) >> 16) % sides;
}

/* ---- stories ---- */

void story_done(struct story *story) {
    for (size_t i = 0; i < story->count; i++) {
        free(story->lines[i]);
    }
    story->count = 0;
}

void story_print(const struct story *story, const char *prefix) {
    char clock[INSTANT_TEXT_SIZE];

    instant_to_text(story->clock, clock);
    printf("%sCLOCK %s\n%sINCLUDE cast.inc\n", prefix, clock, prefix);
    for (size_t i = 0; i < story->count; i++) {
        printf("%s%s\n", prefix, story->lines[i]);
    }
}

static void add_line(struct story *story, const char *line) {
    if (story->count < STORY_LINES_MAX) {
        story->lines[story->count] = strdup(line);
        if (!story->lines[story->count++]) {
            abort();
        }
    }
}

/* ---- telling ---- */

static bool names_advocate(const char *line) {
    return strstr(line, "AD-") || strstr(line, "advocate ") || strstr(line, "ad1@");
}

static void read_cast(struct sim *sim, enum telling telling) {
    char file[400], line[SCENARIO_LINE_SIZE];
    struct complaint complaint = {0};

    (void)snprintf(file, sizeof file, "%s/tests/scenarios/cast.inc", sim->kit->source);
    FILE *cast = fopen(file, "re");

    if (!cast) {
        fprintf(stderr, "sim: %s is missing\n", file);
        exit(2);
    }
    while (fgets(line, sizeof line, cast)) {
        if (telling == TELL_WITHOUT_ADVOCATES && names_advocate(line)) {
            continue;
        }
        if (scenario_line(sim, line, true, &complaint) < 0) {
            law_broken(sim, "cast", "%s: %s", line, complaint.text);
        }
    }
    (void)fclose(cast); /* only read from */
}

static void conclude(struct sim *sim, struct history_result *result) {
    if (!*sim->law) {
        laws_end(sim);
    }
    *result = (struct history_result){.turns = sim->turns,
                                      .points = sim->point_count,
                                      .handed = sim->handed_count,
                                      .digest = sim->participants_digest,
                                      .feeds_digest = *sim->law ? 0 : feeds_digest(sim),
                                      .end = sim->clock,
                                      .crashes = sim->crashes};
    counts_take(&result->counts, sim);
    memcpy(result->handed_digests, sim->handed_digests, sizeof result->handed_digests);
    memcpy(result->law, sim->law, sizeof result->law);
    memcpy(result->why, sim->broken, sizeof result->why);
    sim_close(sim);
}

/* ---- in other worlds ---- */

/* After these lines nothing is planned anew: what is moved then stays where it is. */
static bool plans(const char *line) {
    static const char *const words[] = {"participant plan", "participant resume",
                                        "session move",     "session cancel",
                                        "practitioner ",    "participant reassign"};

    for (size_t i = 0; i < ARRAY_COUNT(words); i++) {
        if (strstr(line, words[i])) {
            return true;
        }
    }
    return false;
}

static size_t last_plan(const struct story *story) {
    size_t last = 0;

    for (size_t i = 0; i < story->count; i++) {
        last = plans(story->lines[i]) ? i : last;
    }
    return last;
}

/* Everything from two days after the end of the story on. */
static void move_the_rest(struct sim *sim, struct instant end) {
    static const char sql[] = "SELECT id FROM session WHERE state='planned' AND start_us>?1 ORDER "
                              "BY start_us DESC,id LIMIT 1 OFFSET ?2";
    char from[24], offset[8], id[ID_SIZE], local[CIVIL_TEXT_SIZE], line[SCENARIO_LINE_SIZE];
    struct complaint complaint = {0};

    (void)snprintf(from, sizeof from, "%lld", (long long)(end.us + 2 * DAY_US));
    for (int i = 0; i < 40; i++) {
        struct civil start;
        (void)snprintf(offset, sizeof offset, "%d", i);
        if (!witness_text(sim, sql, (const char *const[]){from, offset, NULL}, id, sizeof id) ||
            !witness_text(sim, "SELECT start_local FROM session WHERE id=?1",
                          (const char *const[]){id, NULL}, local, sizeof local) ||
            civil_from_text(local, &start) < 0) {
            return;
        }
        start.date = date_add_days(start.date, i % 3 + 1);
        civil_to_text(start, local);
        local[10] = ' ';
        (void)snprintf(line, sizeof line, "TRY session move %s --to \"%s\" --by service", id,
                       local);
        if (scenario_line(sim, line, true, &complaint) < 0) {
            sim_trace(sim, "no room: %s", line);
        }
    }
}

static void other_places(struct sim *sim) {
    static const char *const lines[] = {
        "TRY office set OFFICE-1 --address \"2 Otherside, Swansea\"",
        "TRY participant set P-1 --place-label \"the annexe\"",
        "TRY participant set P-2 --place-label \"the library\""};

    for (size_t i = 0; i < ARRAY_COUNT(lines); i++) {
        struct complaint complaint = {0};
        if (scenario_line(sim, lines[i], true, &complaint) < 0) {
            sim_trace(sim, "passed over: %s", lines[i]); /* nobody of that name */
        }
    }
}

const char *history_compare(struct kit *kit, const struct story *story,
                            const struct history_result *lived, enum telling telling,
                            struct history_result *ret_result) {
    static const enum audience blind[] = {AUDIENCE_PARTICIPANT, AUDIENCE_PRACTITIONER,
                                          AUDIENCE_OFFICER};

    *ret_result = (struct history_result){.end = lived->end};
    history_tell(kit, story, telling, ret_result);
    if (*ret_result->law) {
        return ret_result->law;
    }
    if (telling == TELL_ELSEWHERE) {
        return ret_result->handed_digests[AUDIENCE_ADVOCATE] ==
                       lived->handed_digests[AUDIENCE_ADVOCATE]
                   ? ""
                   : "mirror";
    }
    for (size_t i = 0; i < ARRAY_COUNT(blind); i++) {
        if (ret_result->handed_digests[blind[i]] != lived->handed_digests[blind[i]]) {
            return "non_interference";
        }
    }
    return ret_result->digest == lived->digest && ret_result->feeds_digest == lived->feeds_digest
               ? ""
               : "non_interference";
}

/* ret_result comes with the end of the story as it was lived, where that is asked for. */
void history_tell(struct kit *kit, const struct story *story, enum telling telling,
                  struct history_result *ret_result) {
    const struct instant end = ret_result->end;
    const size_t turning = last_plan(story);
    struct sim *sim = calloc(1, sizeof *sim);

    if (!sim) {
        abort();
    }
    sim_open(sim, kit, 1, story->clock);
    sim->crowded = story->size == HISTORY_MONTHS;
    sim->advocates_troubled = telling == TELL_ADVOCATES_TROUBLED;
    read_cast(sim, telling);
    for (size_t i = 0; i < story->count && !*sim->law; i++) {
        if (telling == TELL_ELSEWHERE && i == turning + 1 && sim->engine) {
            other_places(sim);
            move_the_rest(sim, end);
        }
        struct complaint complaint = {0};
        if (telling == TELL_WITHOUT_ADVOCATES && names_advocate(story->lines[i])) {
            continue;
        }
        if (scenario_line(sim, story->lines[i], true, &complaint) < 0) {
            sim_trace(sim, "passed over: %s", story->lines[i]); /* only laws are looked at */
        }
    }
    conclude(sim, ret_result);
    free(sim);
}

/* ---- making it up ---- */

void say(struct history *h, const char *format, ...) {
    char line[SCENARIO_LINE_SIZE];
    va_list arguments;

    if (h->failed) {
        return;
    }
    va_start(arguments, format);
    (void)vsnprintf(line, sizeof line, format, arguments); /* lines are short */
    va_end(arguments);
    add_line(h->story, line);
    if (scenario_line(&h->sim, line, true, &h->complaint) < 0) {
        law_broken(&h->sim, "line", "%s: %s", line, h->complaint.text);
        h->failed = true;
    }
}

static struct instant some_beginning(struct history *h) {
    /* From October to March, so that both nights of the clocks lie in many of them. */
    const struct date first = {2026, 10, 1};
    const struct date day = date_add_days(first, (int32_t)roll(h, 170));
    struct instant t;

    (void)zone_resolve(h->sim.kit->zone, civil_at(day, 9 * 60 + (int32_t)roll(h, 600)), ZONE_FIRST,
                       &t); /* daytime is unique */
    return t;
}

/* Crashes over all points, several in a history: how many points to each next one. */
void plan_crashes(struct history *h) {
    if (h->crash_spread == 0 || sim_crash_pending(&h->sim)) {
        return;
    }
    say(h, "CRASH after=%" PRIu64 ",%" PRIu64 ",%" PRIu64, 1 + roll(h, h->crash_spread),
        1 + roll(h, 1 + roll(h, h->crash_spread)), 1 + roll(h, h->crash_spread));
}

static void link_from_the_start(struct history *h) {
    say(h, "TRY advocate link AD-1 --participant P-1 --case-ref LAN-7731");
    say(h, "TRY advocate link AD-2 --participant P-1 --case-ref HAR-0042");
    say(h, "TRY advocate link AD-1 --participant P-2 --case-ref LAN-7732 --level missed");
}

static void live_weeks(struct history *h) {
    static const uint64_t spreads[] = {0, 0, 15, 60, 250, 1000};
    const bool linked = h->story->size == HISTORY_LINKED;

    act_beginning(h);
    if (linked) {
        link_from_the_start(h);
    }
    const uint64_t spread = PICK(h, spreads);

    h->crash_spread = linked ? 0 : spread;
    const uint64_t count = linked ? LINKED_MIN + roll(h, LINKED_SPREAD)
                                  : ACTIONS_MIN + roll(h, ACTIONS_SPREAD);

    for (uint64_t i = 0; i < count && !h->failed; i++) {
        plan_crashes(h);
        act(h);
    }
}

static void live_months(struct history *h) {
    static const uint64_t spreads[] = {0, 250, 1000, 1000, 4000, 4000, 16000};
    const struct instant end = instant_add(h->sim.clock, span_days(MONTHS_DAYS));

    months_beginning(h);
    h->crash_spread = PICK(h, spreads);
    while (!h->failed && h->sim.clock.us < end.us) {
        months_day(h);
    }
}

void history_live(struct kit *kit, uint64_t seed, enum history_size size, struct story *ret_story,
                  struct history_result *ret_result) {
    struct history *h = calloc(1, sizeof *h);

    if (!h) {
        abort();
    }
    *ret_story = (struct story){.size = size};
    h->story = ret_story;
    h->sim.kit = kit;
    h->dice = seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
    for (int i = 0; i < 8; i++) {
        (void)roll(h, 2); /* neighbouring seeds part */
    }
    h->story->clock = some_beginning(h);
    sim_open(&h->sim, kit, 1, h->story->clock);
    h->sim.crowded = size == HISTORY_MONTHS;
    read_cast(&h->sim, TELL_ALL);
    if (size == HISTORY_MONTHS) {
        live_months(h);
    } else {
        live_weeks(h);
    }
    conclude(&h->sim, ret_result);
    free(h);
}

/* ---- shrinking ---- */

struct shrink {
    struct kit *kit;
    const char *law;
    unsigned tellings, tellings_max;
};

/* The story without lines [from, from + length): does it break the same law? */
static bool still_broken(struct shrink *s, const struct story *story, size_t from, size_t length) {
    struct story *shorter = calloc(1, sizeof *shorter);
    struct history_result result;

    if (!shorter) {
        abort();
    }
    shorter->size = story->size;
    shorter->clock = story->clock;
    for (size_t i = 0; i < story->count; i++) {
        if (i < from || i >= from + length) {
            shorter->lines[shorter->count++] = story->lines[i]; /* borrowed */
        }
    }
    s->tellings++;
    history_tell(s->kit, shorter, TELL_ALL, &result);
    free(shorter);
    return strcmp(result.law, s->law) == 0;
}

static void leave_out(struct story *story, size_t from, size_t length) {
    for (size_t i = from; i < from + length; i++) {
        free(story->lines[i]);
    }
    memmove(&story->lines[from], &story->lines[from + length],
            (story->count - from - length) * sizeof story->lines[0]);
    story->count -= length;
}

unsigned history_shrink(struct kit *kit, struct story *story, const char *law, unsigned tellings) {
    struct shrink s = {.kit = kit, .law = law, .tellings_max = tellings};

    if (!still_broken(&s, story, 0, 0)) {
        return 0;
    }
    for (size_t length = (story->count + 1) / 2; length > 0; length /= 2) {
        /* From the end: what came after the break is of no use, and what came first is needed most
         * often. */
        for (size_t end = story->count; end > 0 && s.tellings < s.tellings_max;) {
            const size_t from = end > length ? end - length : 0;
            if (still_broken(&s, story, from, end - from)) {
                leave_out(story, from, end - from);
            }
            end = from;
        }
    }
    return s.tellings;
}
