/* What a turn carries: the engine's own state, the time that holds for the whole turn, and the
 * effects that follow its commit. Private to the engine. */
#ifndef COBI_ENGINE_TURN_H
#define COBI_ENGINE_TURN_H

#include "cobi/base/cleanup.h"
#include "cobi/engine/engine.h"
#include "cobi/store/chains.h"
#include "cobi/store/journal.h"
#include "cobi/store/messages.h"
#include "cobi/store/people.h"
#include "cobi/store/sessions.h"

/* Rows looked at in one turn: they bound the time for which a page waits. What happens by itself
 * (chains, sessions, tasks, receipts) has a share each, what is too late another; messages to
 * participants have theirs, and those to all others one, so that no row of another side decides
 * which of a participant's messages goes first. The others' is large: what is urgent is theirs. */
enum {
    TURN_SHARE_MAX = 16,
    TURN_ENDS_MAX = 32,
    TURN_PARTICIPANTS_MAX = 48,
    TURN_OTHERS_MAX = 64,
    TURN_ROWS_MAX = TURN_PARTICIPANTS_MAX + TURN_OTHERS_MAX /* messages */
};

/* This many failures in a row open a lane's breaker and turn health red. */
enum { BREAKER_FAILURES = 5 };

/* How a gateway fares for one audience: budgets are apart, so that nothing on one side shifts a
 * time on the other. */
struct lane {
    uint32_t in_flight;
    uint32_t sent; /* in the pacing period that began at `period` */
    struct instant period;
    uint32_t failures;         /* in a row */
    struct instant open_until; /* breaker: nothing before this */
    struct span pause;         /* of the breaker, doubling */
};
/* What came in from a gateway, counted since the start. */
struct incoming_counts {
    uint32_t receipts, receipts_unknown, texts, texts_unknown;
};
/* Alarms of one topic in one hour: beyond ALARMS_AN_HOUR one more says that there are others, and
 * those are kept without a mail. */
enum { ALARMS_AN_HOUR = 20, ALARM_TOPICS_MAX = 16, ALARM_LINES_MAX = 32 };
struct alarm_count {
    char topic[MESSAGE_TOPIC_SIZE];
    uint32_t hour, count;
};
struct unbegun {
    char message_id[MESSAGE_ID_SIZE];
    uint32_t attempt;
};
/* The wall clock against the time that passes: see hold.h. */
struct hold {
    bool known;           /* base is */
    struct span base;     /* the wall clock less the time that has passed, when last read */
    bool active;          /* a jump is held */
    struct span error;    /* what the wall clock is ahead of the time we go by; 0 unless held */
    struct instant since; /* in the time we go by */
    struct span step;     /* the jump that is still to be kept and alarmed; 0: none */
    uint32_t jumps;       /* ever */
    bool unkept;          /* not in the database yet */
    struct instant seen;  /* up to when the database knows that the clock was believed */
};
/* Who a feed token belongs to, as it was looked up last; holds while nothing was written, for a
 * second. The token itself is here and nowhere else: a hash a request would cost more than the rest
 * of it. */
enum { FEED_MEMOS_MAX = 64, FEED_TOKEN_LENGTH = 43 };
struct feed_memo {
    char token[FEED_TOKEN_LENGTH + 1]; /* "": nothing here */
    enum feed_status status;
    struct feed_key key;
    struct instant looked_at;
    uint64_t changes; /* store_changes() then */
};
/* People and offices read in this turn; nothing in a pass changes them, only commands do. */
enum { NOUNS_KEPT = 16 };
struct engine {
    struct store *store;
    struct engine_setup setup;
    struct ports ports;
    struct arena arena;                   /* of the turn */
    struct instant now;                   /* of the turn */
    struct outgoing sends[TURN_ROWS_MAX]; /* effects of the turn; their texts are in the arena */
    uint32_t send_count;
    uint32_t in_flight;
    struct hold hold;
    bool idle; /* this turn has looked at all that is due and found nothing to do */
    /* What the last dispatch left: lanes (1 << message_lane()) with due messages that they cannot
     * take, and when to look at them again. */
    uint64_t shut;
    struct instant shut_until;
    struct lane lanes[GATEWAYS_MAX][AUDIENCE_COUNT];
    struct incoming_counts incoming[GATEWAYS_MAX];
    struct alarm_count alarms[ALARM_TOPICS_MAX];
    const char *alarm_lines[ALARM_LINES_MAX]; /* of the turn: logged once they are kept */
    uint32_t alarm_line_count;
    /* As they were when the turn began: an undone turn has counted nothing. */
    struct hold hold_before;
    uint32_t in_flight_before;
    struct lane lanes_before[GATEWAYS_MAX][AUDIENCE_COUNT];
    struct alarm_count alarms_before[ALARM_TOPICS_MAX];
    /* Sends that could not even be begun; each is answered in a turn of its own. */
    struct unbegun unbegun[TURN_ROWS_MAX];
    uint32_t unbegun_count;
    struct feed_memo feed_memos[FEED_MEMOS_MAX];
    bool keeps_nouns; /* this turn is a pass */
    struct noun_row nouns[NOUNS_KEPT];
    const char
        *hours_text; /* of the office whose hours were read last in this turn, and what they are */
    struct hours hours;
};

/* Begins a turn: one now, one transaction. Returns 0 or what store_begin() said. */
_must_use_ int turn_begin(struct engine *e);
/* Ends it: commit, then the effects, then the timer. r < 0 rolls back. Returns r, or what the
 * commit said. */
_must_use_ int turn_end(struct engine *e, int r);
/* Undoes it: nothing was written, nothing leaves, nothing was counted. */
void turn_undo(struct engine *e);
/* The store's own trouble, not a row's: the turn cannot go on. */
bool turn_trouble(int error);
/* Arms the world's timer for what waits next. */
_must_use_ int turn_arm(struct engine *e);

/* The zone of that name, or the configured one when the system does not know it (reported). Never
 * NULL. */
const struct zone *turn_zone(struct engine *e, const char *name);

/* As noun_find(), into the turn's arena; within a pass a row is read from the store once. */
_must_use_ int turn_noun_find(struct engine *e, enum noun noun, const char *id,
                              struct noun_row *ret_row);
/* From here on the turn is a pass: it changes no noun. */
void turn_keep_nouns(struct engine *e);
/* A person as the engine needs one. Texts are in the turn's arena; "" where there is nothing. */
struct person {
    char id[ID_SIZE];
    const char *name, *email, *mobile;
    struct hours hours;
    const struct zone *zone;
    bool absent_today;
};
/* -ENOENT: nobody of that id for that audience. The operator is configured, not stored. */
_must_use_ int person_find(struct engine *e, enum audience audience, const char *id,
                           struct person *ret_person);
/* Monday to Friday, 9 to 5: where nobody's own hours are known. */
struct working_time turn_office_days(struct engine *e, const struct zone *zone);
struct working_time person_working_time(struct engine *e, const struct person *person);

/* Appends to the audit: action by cobid itself. */
_must_use_ int turn_audit(struct engine *e, const char *action, const char *subject,
                          const char *detail);
/* An alarm to the operator, at most once for each topic, source and step. text says what is wrong
 * and what to do, without personal data. Of one topic ALARMS_AN_HOUR are mailed; the next says that
 * there are more, and those are kept as skipped. */
_must_use_ int turn_alarm(struct engine *e, const char *topic, const char *source, uint32_t step,
                          const char *text);
/* Which hour it is since 1970: alarms of gateways come at most once an hour. */
uint32_t turn_hour(const struct engine *e);
/* Which second: the ordinal of what is told anew each time that it happens. */
uint32_t turn_second(const struct engine *e);

#endif
