/* Worlds that differ on one side only: `worlds [SEED [COUNT]]`.
 *
 * Each story is lived once, with two advocates, and told again three times: without advocates, with
 * advocates for whom nothing goes well, and with all that comes after the story at other times and
 * places. In the first two every byte and moment that is handed over for participants,
 * practitioners and officers, and every byte of a participant's feed, is as it was; in the third
 * every byte and moment for advocates.
 *
 * That this can fail is proved by bugs which the linker plants (--wrap), each in a process of its
 * own: each must be caught by the law that is there for it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../src/engine/lane.h"
#include "cobi/ical/feed.h"
#include "cobi/store/chains.h"
#include "cobi/store/messages.h"
#include "cobi/store/sessions.h"
#include "history.h"

enum { PLANTED_SEEDS_MAX = 150 };

static const char *planted = "";
/* What the planted bugs know of the other side; forgotten between tellings. */
static uint64_t advocates_rows, moved_sessions;

static bool on(const char *name) {
    return strcmp(planted, name) == 0;
}

/* clang-format off */
#define WRAP(type, function, ...) type __real_##function(__VA_ARGS__); type __wrap_##function(__VA_ARGS__); type __wrap_##function(__VA_ARGS__)
/* clang-format on */

/* What is down for the advocates counts for participants, too. */
WRAP(int, lane_note, struct engine *e, const struct message_row *m, enum outcome_class outcome) {
    struct message_row same = *m;
    int r = __real_lane_note(e, m, outcome);

    if (r < 0 || !on("one breaker for all") || m->audience != AUDIENCE_ADVOCATE ||
        outcome != OUTCOME_GATEWAY_DOWN) {
        return r;
    }
    same.audience = AUDIENCE_PARTICIPANT;
    for (int i = 0; i < BREAKER_FAILURES && r == 0; i++) {
        r = __real_lane_note(e, &same, outcome);
    }
    return r;
}

WRAP(uint64_t, store_derive_number, const struct store *store, const char *natural_key) {
    static uint64_t counter = 0;

    return on("jitter from a counter") && strncmp(natural_key, "M-", 2) == 0
               ? ++counter * UINT64_C(0x9e3779b97f4a7c15)
               : __real_store_derive_number(store, natural_key);
}

WRAP(int, message_insert, struct store *store, struct message_row *row) {
    advocates_rows += row->audience == AUDIENCE_ADVOCATE;
    if (on("the other side's rows go first") && row->audience == AUDIENCE_PARTICIPANT &&
        advocates_rows > 0 && row->wake_at.us != INSTANT_NEVER.us) {
        row->wake_at = instant_add(row->wake_at, (struct span){SECOND_US});
    }
    if (on("an advocate waits for a change") && row->audience == AUDIENCE_ADVOCATE &&
        moved_sessions > 0 && row->wake_at.us != INSTANT_NEVER.us) {
        row->wake_at = instant_add(row->wake_at, (struct span){SECOND_US});
    }
    return __real_message_insert(store, row);
}

WRAP(int, session_update, struct store *store, const struct session_row *row,
     enum session_state from_state, uint32_t from_revision) {
    moved_sessions += row->revision != from_revision;
    return __real_session_update(store, row, from_state, from_revision);
}

WRAP(int, feed_write, const struct feed_calendar *calendar, char **ret_text, size_t *ret_length) {
    struct feed_event events[200];
    struct feed_calendar other = *calendar;

    if (!on("a feed is stamped by a link") || calendar->event_count > ARRAY_COUNT(events)) {
        return __real_feed_write(calendar, ret_text, ret_length);
    }
    for (size_t i = 0; i < calendar->event_count; i++) {
        events[i] = calendar->events[i];
        events[i].revised.us += (int64_t)advocates_rows * SECOND_US;
    }
    other.events = events;
    return __real_feed_write(&other, ret_text, ret_length);
}

WRAP(int, template_render, const struct templates *templates, const char *name,
     enum language language, const struct disclosure *disclosure, struct arena *arena,
     struct rendered *ret_rendered, struct complaint *complaint) {
    const int r = __real_template_render(templates, name, language, disclosure, arena, ret_rendered,
                                         complaint);

    if (r == 0 && on("an advocate reads of moves") && disclosure->audience == AUDIENCE_ADVOCATE &&
        moved_sessions % 2 == 1) {
        ret_rendered->body = arena_printf(arena, "%s ", ret_rendered->body);
    }
    return r;
}

/* In which of the worlds each is looked for. */
static const struct plant {
    const char *bug, *law;
    enum telling telling;
} plants[] = {
    {"one breaker for all", "non_interference", TELL_ADVOCATES_TROUBLED},
    {"jitter from a counter", "non_interference", TELL_WITHOUT_ADVOCATES},
    {"the other side's rows go first", "non_interference", TELL_WITHOUT_ADVOCATES},
    {"a feed is stamped by a link", "non_interference", TELL_WITHOUT_ADVOCATES},
    {"an advocate reads of moves", "mirror", TELL_ELSEWHERE},
    {"an advocate waits for a change", "mirror", TELL_ELSEWHERE},
};

struct totals {
    uint64_t stories, advocates_mails, troubled, compared, moved;
};

static void forget(void) {
    advocates_rows = moved_sessions = 0;
}

static const enum telling tellings[] = {TELL_WITHOUT_ADVOCATES, TELL_ADVOCATES_TROUBLED,
                                        TELL_ELSEWHERE};

/* The law that is broken for this seed in any of the worlds, or in that of the plant; or "". */
static void look(struct kit *kit, uint64_t seed, const struct plant *plant, struct totals *totals,
                 char ret_law[40]) {
    struct story *story = calloc(1, sizeof *story);
    struct history_result lived, told;

    if (!story) {
        abort();
    }
    forget();
    history_live(kit, seed, HISTORY_LINKED, story, &lived);
    (void)snprintf(ret_law, 40, "%s", lived.law);
    for (size_t i = 0; i < ARRAY_COUNT(tellings) && !*ret_law; i++) {
        if (plant && plant->telling != tellings[i]) {
            continue;
        }
        forget();
        (void)snprintf(ret_law, 40, "%s", history_compare(kit, story, &lived, tellings[i], &told));
        totals->compared++;
        totals->moved += tellings[i] == TELL_ELSEWHERE && told.handed != lived.handed;
        totals->troubled += tellings[i] == TELL_ADVOCATES_TROUBLED &&
                            told.handed_digests[AUDIENCE_ADVOCATE] !=
                                lived.handed_digests[AUDIENCE_ADVOCATE];
    }
    totals->stories++;
    totals->advocates_mails += lived.handed_digests[AUDIENCE_ADVOCATE] != 0;
    if (*ret_law && !*planted) {
        printf("# seed %" PRIu64 ": law \"%s\" is broken: %s\n", seed, ret_law,
               *lived.law ? lived.why : told.why);
        story_print(story, "#   ");
    }
    story_done(story);
    free(story);
}

static bool clean(const char *source, uint64_t first, uint64_t count) {
    struct totals totals = {0};
    struct kit kit;
    uint64_t bad = 0;

    kit_open(&kit, source);
    for (uint64_t seed = first; seed < first + count; seed++) {
        char law[40];
        look(&kit, seed, NULL, &totals, law);
        bad += *law != '\0';
    }
    kit_close(&kit);
    printf("# %" PRIu64 " stories, %" PRIu64 " told again; %" PRIu64
           " with mails to advocates, %" PRIu64 " in which they were in trouble, %" PRIu64
           " whose rest was elsewhere\n",
           totals.stories, totals.compared, totals.advocates_mails, totals.troubled, totals.moved);
    const bool met = totals.advocates_mails > 0 && totals.troubled > 0 && totals.moved > 0;

    printf("%s 1 - seeds %" PRIu64 " to %" PRIu64
           ": neither side notices what is different on the other\n",
           bad || !met ? "not ok" : "ok", first, first + count - 1);
    (void)fflush(stdout); /* before children are made */
    return bad == 0 && met;
}

struct verdict {
    char law[40];
    uint64_t seed;
};

static void judge(const char *source, const struct plant *plant, int answer) {
    struct verdict verdict = {0};
    struct totals totals = {0};
    struct kit kit;

    planted = plant->bug;
    kit_open(&kit, source);
    for (uint64_t seed = 1; seed <= PLANTED_SEEDS_MAX && !*verdict.law; seed++) {
        look(&kit, seed, plant, &totals, verdict.law);
        verdict.seed = seed;
        if (strcmp(verdict.law, plant->law) != 0) {
            verdict.law[0] = '\0'; /* another law, or none: the one that is meant must see it too */
        }
    }
    kit_close(&kit);
    _exit(write(answer, &verdict, sizeof verdict) == (ssize_t)sizeof verdict ? 0 : 1);
}

static bool caught(const char *source, size_t index) {
    struct verdict verdict = {0};
    int ends[2], status = 1;

    if (pipe(ends) < 0) {
        abort();
    }
    const pid_t child = fork();

    if (child == 0) {
        judge(source, &plants[index], ends[1]);
    }
    (void)close(ends[1]); /* the child's end */
    const bool told = child > 0 && read(ends[0], &verdict, sizeof verdict) == sizeof verdict;
    (void)close(ends[0]); /* read from only */
    const bool good = waitpid(child, &status, 0) == child && told &&
                      strcmp(verdict.law, plants[index].law) == 0;

    printf("%s %zu - bug \"%s\": law \"%s\" at seed %" PRIu64 "\n", good ? "ok" : "not ok",
           index + 2, plants[index].bug, verdict.law, verdict.seed);
    (void)fflush(stdout); /* before the next child is made */
    return good;
}

int main(int argc, char **argv) {
    const char *given = getenv("top_srcdir"), *source = given ? given : ".";
    const uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    const uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : 5;
    const size_t bugs = argc > 1 ? 0 : ARRAY_COUNT(plants);

    log_set_level((enum log_level)0);
    printf("1..%zu\n", bugs + 1);
    bool all = clean(source, first, count);

    for (size_t i = 0; i < bugs; i++) {
        all &= caught(source, i);
    }
    return all ? 0 : 1;
}
