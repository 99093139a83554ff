/* Random histories: lines in the language of the scenarios, made up by a seed. A history is a story
 * that can be told again, shortened, and kept as a scenario. */
#ifndef COBI_TESTS_HISTORY_H
#define COBI_TESTS_HISTORY_H

#include "counts.h"
#include "scenario.h"

enum { STORY_LINES_MAX = 20000 };
/* Some weeks of one to four people; the same with two advocates from the start, no crash and fewer
 * lines, for worlds that are to be compared; three months of thirty people. */
enum history_size { HISTORY_WEEKS, HISTORY_LINKED, HISTORY_MONTHS };
#define HISTORY_SIZE_COUNT 3
struct story {
    enum history_size size;
    struct instant clock; /* when it begins */
    size_t count;
    char *lines[STORY_LINES_MAX]; /* each malloc'ed */
};
void story_done(struct story *story);
/* Prints it as a scenario, each line after the prefix. */
void story_print(const struct story *story, const char *prefix);

struct history_result {
    char law[40]; /* the law that was broken, or "" */
    char why[BROKEN_SIZE];
    uint64_t turns, points, handed, digest;
    uint64_t handed_digests[AUDIENCE_COUNT], feeds_digest;
    struct instant end;
    unsigned crashes;
    struct counts counts; /* of what happened */
};
/* Makes up the history of a seed while it is told. The story is the caller's to give to
 * story_done(). */
void history_live(struct kit *kit, uint64_t seed, enum history_size size, struct story *ret_story,
                  struct history_result *ret_result);

enum telling {
    TELL_ALL,
    TELL_WITHOUT_ADVOCATES,
    TELL_ADVOCATES_TROUBLED,
    TELL_ELSEWHERE /* what comes after the story is planned at other times and places */
};
/* Tells it again. Lines that do not come true are passed over: only laws are looked at. */
void history_tell(struct kit *kit, const struct story *story, enum telling telling,
                  struct history_result *ret_result);
/* Told again in another world: the name of a law "non_interference" or "mirror" that is broken, or
 * "". lived: of the story as it was told first. */
const char *history_compare(struct kit *kit, const struct story *story,
                            const struct history_result *lived, enum telling telling,
                            struct history_result *ret_result);
/* Leaves out lines for as long as the same law is broken, in at most so many tellings. Returns how
 * many it took; 0 when the story told again breaks no such law. */
unsigned history_shrink(struct kit *kit, struct story *story, const char *law, unsigned tellings);

/* ---- for actions.c and months.c ---- */

struct history {
    struct sim sim;
    uint64_t dice; /* apart from the world's own, so that a crash changes no plan */
    unsigned people, practitioners;
    uint64_t crash_spread; /* most points from one crash to the next; 0: none */
    struct story *story;
    struct instant weather_until; /* of gateways, in three months */
    bool failed;
    struct complaint complaint;
};
uint64_t roll(struct history *h, uint64_t sides);
#define PICK(h, list) ((list)[roll((h), ARRAY_COUNT(list))])
/* Adds a line and tells it. */
_printf_(2, 3) void say(struct history *h, const char *format, ...);

/* The next crashes, when none is pending. */
void plan_crashes(struct history *h);

/* actions.c: what people and the world do. */
void act_beginning(struct history *h);
void act_settings(struct history *h); /* receipts and feeds, or none */
void act(struct history *h);

/* months.c: thirty people, day by day. */
void months_beginning(struct history *h);
void months_day(struct history *h);

#endif
