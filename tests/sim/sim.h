/* The simulator: the daemon's own engine on a real database, in a world that can be scripted and
 * killed.
 *
 * The host (sim.c) has a virtual clock and answers the engine's ports; world.c plays the gateways
 * and keeps what everybody really received; laws.c looks at everything after each turn; scenario.c
 * reads plain-text scenarios; history.c and actions.c make random histories. */
#ifndef COBI_TESTS_SIM_H
#define COBI_TESTS_SIM_H

#include <setjmp.h>
#include <sqlite3.h>

#include "cobi/base/cleanup.h"
#include "cobi/engine/engine.h"

enum { LAW_LISTS = 20 };
/* What all runs of a process share. */
struct kit {
    struct config *config;
    struct templates *templates;
    struct holidays *holidays;
    struct zones *zones;
    const struct zone *zone; /* of the configuration: times in scenarios are local to it */
    char source[300], database[200];
    char lists[LAW_LISTS][800]; /* for the laws: codes and days */
};
void kit_open(struct kit *kit, const char *source_folder);
void kit_close(struct kit *kit);

/* How a gateway behaves. */
enum character {
    HONEST,
    SLOW,             /* takes the message at once, says so after `delay` */
    REFUSES,          /* this number or mailbox does not exist */
    REJECTS,          /* this request is not acceptable */
    BUSY,             /* not now */
    DOWN,             /* no connection */
    CLOSED,           /* could not even be begun */
    LOSES_ANSWERS,    /* takes the message, the answer is lost */
    LOSES_MESSAGES,   /* does not take it, and the answer is lost */
    CONFIRMS,         /* honest, and says later that it was delivered */
    REPEATS_RECEIPTS, /* says everything two or three times, out of order, and partly before its
                         answer */
    FAILS_LATER,      /* takes the message and says after `delay` that it could not deliver it */
    MOODY             /* one of the others for each message, by the seed */
};
#define CHARACTER_COUNT 13
const char *character_to_text(enum character character);
int character_from_text(const char *text, enum character *ret_character);

/* A message that really is in its recipient's hands, whatever the daemon knows of it. */
struct parcel {
    char message_id[MESSAGE_ID_SIZE];
    char recipient[ID_SIZE], session[ID_SIZE], escalation[ID_SIZE], topic[33];
    uint32_t revision, step, ordinal, attempt;
    enum message_kind kind;
    enum audience audience;
    enum channel channel;
    struct instant at;
    char *to, *subject, *body;
    uint32_t next; /* of its list: 1 the first parcel, 0 the end */
};
/* An answer on its way back. */
struct answer {
    struct instant at;
    struct delivery delivery;
};
/* A receipt on its way; it comes again until the daemon has taken it. */
struct due_receipt {
    char message[MESSAGE_ID_SIZE];
    uint64_t ordinal; /* of all that were made */
    struct instant at;
    enum receipt_report report;
    char gateway[ID_SIZE], reference[64], provider_id[24]; /* one of the two is "" */
};
struct never { /* "NEVER WHO reads TEXT" */
    char who[ID_SIZE], text[80];
};
struct address {
    char id[ID_SIZE], mobile[24], email[128], name[84];
};
struct case_ref { /* what a service calls a participant */
    char advocate[ID_SIZE], participant[ID_SIZE], text[64];
};
/* When the last messages of a lane were handed over, in a ring. */
enum { PACE_MAX = 64 };
struct pace {
    struct instant at[PACE_MAX];
    size_t next;
};
/* Rows that a turn has touched. */
enum sim_table {
    SIM_SESSION,
    SIM_MESSAGE,
    SIM_ESCALATION,
    SIM_PARTICIPANT_STATE, /* of these it is known what they were before */
    SIM_RECEIPT
};
enum {
    SIM_KEPT_COUNT = 4,
    SIM_TABLE_COUNT = 5,
    CHANGES_MAX = 4096,
    SIM_SESSIONS = 1,
    SIM_MESSAGES = 2,
    SIM_CHAINS = 4,
    SIM_PEOPLE = 8,
    SIM_TASKS = 16,
    SIM_LINKS = 32,
    SIM_RECEIPTS = 64,
    SIM_OFFICES = 128,
    SIM_OTHERS = 256, /* any other table */
    SIM_TIME = 512,   /* no table: time has passed */
    SIM_DAY = 1024    /* neither: another day has begun */
};
struct change {
    enum sim_table table;
    int64_t row;
};
struct changes {
    unsigned tables;   /* SIM_SESSIONS and the like */
    unsigned unasked;  /* those of which laws_idle() has not asked yet */
    uint64_t sessions; /* how often one was touched */
    bool meta;         /* touched in this call of the engine */
    size_t count;
    struct change list[CHANGES_MAX];
};
struct sim_feed {
    char token[44], owner_kind[16], owner[ID_SIZE];
    uint64_t version, digest, changes; /* when it was last looked at */
    struct date day;
};
enum {
    REFUSING_MAX = 8,
    /* In one run, and CROWD_FACTOR times as much where thirty people live for months. */
    TURNS_MAX = 200000,
    HANDED_MAX = 60000,
    PARCELS_MAX = 6000,
    CROWD_FACTOR = 8,
    PARCEL_LISTS = 4096,
    ANSWERS_MAX = 1024,
    RECEIPTS_MAX = 4096,
    NEVERS_MAX = 64,
    ADDRESSES_MAX = 512,
    SIM_FEEDS_MAX = 16,
    CASES_MAX = 256,
    BROKEN_SIZE = 1500,
    WITNESS_STATEMENTS_MAX = 160,
    LAWS_MAX = 100,
    CRASH_GAPS_MAX = 8,
    ANSWER_SIZE = 16000
};
struct sim {
    struct kit *kit;
    bool crowded;               /* thirty people, not four: CROWD_FACTOR */
    struct instant clock, wake; /* true time, whatever the daemon's clock shows */
    struct span error;          /* what that clock is ahead */
    bool doubtful;              /* it has jumped, and nobody has vouched for it since */
    uint64_t seed;
    struct store *store;
    struct engine *engine;        /* NULL while the daemon is stopped */
    sqlite3 *witness;             /* a second connection: sees only what was committed */
    sqlite3_stmt *laws[LAWS_MAX]; /* asked most: each kept in its place, with its lists bound */
    sqlite3_stmt *statements[WITNESS_STATEMENTS_MAX];
    uint64_t statement_hashes[WITNESS_STATEMENTS_MAX];
    size_t statement_count;
    uint64_t idle_count; /* how often laws_feeds() was asked */
    struct changes changes;
    struct span went_back;  /* the daemon's clock, all in all */
    struct span kept_error; /* of the clock, as the database has it; see kept_known */
    bool kept_known;
    enum character characters[GATEWAYS_MAX];
    struct span delays[GATEWAYS_MAX];
    uint64_t moods[GATEWAYS_MAX];
    struct instant dead_from[GATEWAYS_MAX]; /* since when it takes nothing; 0: it does */
    struct span dead;                       /* how long any was dead for a day or longer */

    char refusing[REFUSING_MAX][ID_SIZE]; /* whose number or mailbox does not exist any more */
    size_t refusing_count;
    struct parcel *parcels;
    uint32_t parcel_lists[PARCEL_LISTS]; /* by message: the last parcel of each list, 1 the first */
    size_t parcel_count, handed_count;
    struct answer answers[ANSWERS_MAX];
    size_t answer_count;
    uint64_t receipts_made;
    struct due_receipt *receipts;
    size_t receipt_count;
    struct never nevers[NEVERS_MAX];
    size_t never_count;
    struct address addresses[ADDRESSES_MAX];
    size_t address_count;
    struct case_ref cases[CASES_MAX];
    size_t case_count;
    struct instant idle_at;   /* when laws_idle() asked last */
    struct instant looked_at; /* the last tick, by the time that the daemon goes by */
    struct instant rest_from; /* ticks for nothing since then */
    int rest_ticks;
    bool stirred; /* something came from outside since the last tick */
    struct pace paces[CHANNEL_COUNT][AUDIENCE_COUNT];
    int ranks[CHANNEL_COUNT][AUDIENCE_COUNT]; /* urgency of the last message of the turn */
    struct sim_feed feeds[SIM_FEEDS_MAX];
    size_t feed_count;

    /* Crashes: points are counted from the start of the run. */
    jmp_buf *jump;
    bool committed; /* the call under way has passed a commit */
    uint64_t point_count;
    uint64_t crash_at;      /* 0: none */
    const char *crash_name; /* with it: counts only points of this name */
    uint64_t named_count;
    uint64_t crash_gaps[CRASH_GAPS_MAX]; /* points from each crash to the next */
    size_t crash_gap_count;
    unsigned crashes;
    uint64_t turns;

    uint64_t participants_digest; /* of all that participants received: when, where, what */
    uint64_t handed_digests[AUDIENCE_COUNT]; /* of all that gateways were handed for them */
    bool advocates_troubled;                 /* nothing goes well with what is for advocates */

    char answer[ANSWER_SIZE]; /* to the last command */
    bool tracing;
    char law[40]; /* the first law that was broken, or "" */
    char broken[BROKEN_SIZE];
};
void sim_open(struct sim *sim, struct kit *kit, uint64_t seed, struct instant clock);
void sim_close(struct sim *sim);
/* Kills the daemon as SIGKILL would and starts it anew. */
void sim_crash(struct sim *sim);
bool sim_crash_pending(const struct sim *sim);
void sim_stop(struct sim *sim);
void sim_start(struct sim *sim);
/* The daemon's clock is set: no time passes. */
void sim_clock_step(struct sim *sim, struct span step);
/* It is set right, and the system says so to the daemon. */
void sim_clock_synchronise(struct sim *sim);
/* The time that the daemon goes by, as far as it can know it. */
struct instant sim_believed(struct sim *sim);
/* The daemon looks, though nothing may be due. */
void sim_tick(struct sim *sim);
/* Works on everything that happens until then. */
void sim_run_until(struct sim *sim, struct instant target);
/* A cobictl command line without "cobictl". Returns the status (400: the line was not understood)
 * and the answer as text in reply, which may be NULL. A crash on the way is answered as cobictl
 * would be used: repeated when nothing was committed. */
int sim_command(struct sim *sim, int argc, char **argv, char *reply, size_t capacity);
/* Opens the link of the last mail to that person and enters its code (or a wrong one): what
 * engine_ack() said, or -ENOMSG. */
int sim_acknowledge(struct sim *sim, const char *recipient, bool wrong_code);
/* A text from that person's number (or from `who` itself, if it is nobody's id) comes in through
 * the gateway "texts"; again and again until the daemon has taken it. event: the gateway's id of
 * it. */
void sim_text(struct sim *sim, const char *who, const char *words, const char *event);
uint64_t sim_random(struct sim *sim);
/* What is most in a run of this size. */
uint64_t sim_most(const struct sim *sim, uint64_t most);
_printf_(2, 3) void sim_trace(struct sim *sim, const char *format, ...);

/* world.c */
int world_send(struct sim *sim, const struct outgoing *message);
/* The receipt that comes next; SIZE_MAX: none. */
size_t world_next_receipt(const struct sim *sim);
void world_forget(struct sim *sim);
/* gateway NULL: all. mood: what a moody one makes of each message. */
void world_set(struct sim *sim, const char *gateway, enum character character, struct span delay,
               uint64_t mood);
const struct parcel *world_last(const struct sim *sim, const char *recipient, const char *text);

/* laws.c and handed.c */
void laws_prepare(struct kit *kit);
_printf_(3, 4) void law_broken(struct sim *sim, const char *law, const char *format, ...);
void laws_handed(struct sim *sim, const struct outgoing *message);
void laws_accepted(struct sim *sim, const struct parcel *parcel);
void laws_turn(struct sim *sim);
void laws_idle(struct sim *sim);
/* At the end all gateways are honest for a day: then everything must have come to rest or to a
 * person. */
void laws_end(struct sim *sim);
/* After a call about that chain: no other chain is touched, and no message of one. */
void laws_others(struct sim *sim, const char *escalation);

/* changes.c: begin and begun around the opening of the engine's connection. */
void changes_begin(struct sim *sim);
void changes_begun(void);
void changes_open(struct sim *sim);
void changes_forget(struct sim *sim);

/* feeds.c */
void laws_feeds(struct sim *sim);
/* Of each participant's feed as it is served now: its bytes and headers. */
uint64_t feeds_digest(struct sim *sim);
bool never_reads(struct sim *sim, const char *who, const char *audience, const char *text,
                 const char **ret_found);

/* witness.c: small questions to the second connection. Values are text; NULL ends the list. */
sqlite3_stmt *witness_prepare(struct sim *sim, const char *sql); /* the caller finalizes it */
sqlite3_stmt *witness_ask(struct sim *sim, const char *sql);
void witness_done(sqlite3_stmt *statement);
/* Many questions to what is committed now, until it looks away: cheaper than each for itself. */
void witness_look(struct sim *sim, bool looks);
void witness_close(struct sim *sim);
/* The first column of the first row; false when there is none. */
bool witness_text(struct sim *sim, const char *sql, const char *const *values, char *ret_text,
                  size_t capacity);
int64_t witness_number(struct sim *sim, const char *sql, const char *const *values);

#endif
