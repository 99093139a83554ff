/* A whole engine in a world that a test holds in its hands: a real store in a folder of its own,
 * the shipped lists as configuration, the shipped templates, a clock that stands still, gateways
 * that answer as they are told.
 *
 * A test reads like a day: do_("participant add P-1 ..."), at("2027-01-05 14:00"), then looks at
 * what left. What was sent is taken down as it was handed over; rows are looked at through a second
 * connection, which sees only what was committed. */
#ifndef COBI_TESTS_ENGINE_WORLD_H
#define COBI_TESTS_ENGINE_WORLD_H

#include "cobi/base/cleanup.h"
#include "cobi/engine/engine.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Each test of a program runs in this one. */
struct sent {
    char message_id[MESSAGE_ID_SIZE], gateway[ID_SIZE];
    char recipient[ID_SIZE], session[ID_SIZE], topic[33]; /* of the committed row */
    uint32_t attempt;
    enum message_kind kind;
    enum audience audience;
    enum channel channel;
    struct instant at;
    char *to, *subject, *body, *from, *reference, *thread_id;
    bool answered;
};
enum { SENT_MAX = 20000 };
struct world {
    char folder[200], database[240];
    struct config *config;
    struct templates *templates;
    struct holidays *holidays;
    struct zones *zones;
    const struct zone *zone;
    struct store *store;
    struct engine *engine;
    sqlite3 *witness;
    struct instant now, wake; /* as the clock on the wall shows them */
    struct span wrong;        /* what that clock is ahead of the time that has passed */
    uint64_t random;
    /* How gateways answer, by index in the configuration. */
    enum outcome_class answers[GATEWAYS_MAX];
    int by_audience[AUDIENCE_COUNT]; /* 1 + enum outcome_class: goes before the gateway's; 0: not */
    bool mute[GATEWAYS_MAX];   /* takes messages and says nothing: the test answers by answer() */
    bool closed[GATEWAYS_MAX]; /* a send cannot even be begun */
    struct span hint;          /* Retry-After of what is not accepted */
    struct sent *sent;
    size_t sent_count, answered_count;
    json_t *reply; /* of the last command */
    struct arena arena;
};
extern struct world w;

/* cmocka fixtures: a world with the cast below, at 2027-01-04 08:00 (a Monday, London), gateways
 * "texts" and "mail" honest. */
int world_setup(void **state);
int world_teardown(void **state);
/* The same without anybody in it. extra: more lines of configuration, or NULL; gateways: their
 * list, or NULL for the two. */
void world_open(const char *extra, const char *gateways);
void world_close(void);
/* Offices O-1 and O-2; supervisors SUP-1 (next SUP-2) and SUP-2; practitioners PR-1 and PR-2;
 * officer OFF-1; advocates ADV-1 and ADV-2; participant P-1 (route spo, officer OFF-1, text and
 * mail). Nobody is planned or linked. */
void world_cast(void);
/* The process ends as by SIGKILL and starts again. */
void world_restart(void);

/* Gives a command line without "cobictl"; fails the test unless the answer is 200. Words with
 * blanks in single quotes. */
_printf_(1, 2) void do_(const char *format, ...);
/* The same; returns the status. w.reply holds the answer. */
_printf_(1, 2) int try_(const char *format, ...);
/* Refused with this status and a line that holds this text, and nothing was changed in any table.
 */
void refused(int status, const char *text, const char *line);
/* A text of the last answer, "" where it is null or missing. Dots lead into objects, numbers into
 * arrays: "sessions.0.id". */
const char *reply_text(const char *path);
/* Of the error line. */
const char *error_text(void);

/* Runs all that is due now; the clock stands. Fails the test when it does not come to rest. */
void run(void);
/* Lives until that local time, wake-up by wake-up. */
void at(const char *local);
void pass(const char *span);
/* Sets the clock on the wall: no time passes. "+2d", "-1h". */
void clock_step(const char *span);
struct instant local(const char *text);
/* Answers a message that a mute gateway took. */
void answer(struct sent *s, enum outcome_class outcome);
void gateway(const char *name, enum outcome_class outcome);
void gateway_mute(const char *name, bool mute);
size_t gateway_index(const char *name);

/* What left. Any of the texts may be NULL: any. kind and audience as in JSON. */
size_t sent(const char *kind, const char *recipient);
size_t sent_since(size_t from, const char *kind, const char *recipient);
/* The last one; fails the test when there is none. */
struct sent *last_sent(const char *kind, const char *recipient);

/* One value by SQL through the second connection, "" for none. Arguments fill the format. */
_printf_(1, 2) const char *sql(const char *format, ...);
_printf_(1, 2) int sql_int(const char *format, ...);
/* A change behind the engine's back: a failing disk, an intruder. */
_printf_(1, 2) void sabotage(const char *format, ...);
/* Every table as text; the caller frees. audits too only on request: a consultation leaves a line.
 */
char *dump(bool audits);
/* Fails the test with the first line that is not as it was; frees before. */
void unchanged(char *before, bool audits, const char *what);

/* A plan for P-1 and the id of its session of that number. */
void plan(const char *participant);
const char *session_id(const char *participant, int number);
const char *session_start(const char *id); /* "2027-01-05T14:00" */
/* Lives until so long after the session's end, and records. */
void record(const char *session, const char *code, const char *as);
const char *chain_id(const char *audience, const char *session);

#endif
