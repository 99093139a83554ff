/* Sessions and their history. */
#ifndef COBI_STORE_SESSIONS_H
#define COBI_STORE_SESSIONS_H

#include "cobi/rules/attendance.h"
#include "cobi/rules/programme.h"
#include "cobi/rules/states.h"
#include "cobi/base/zone.h"
#include "cobi/store/store.h"

/* What has been done about a session by itself; part of the row. */
enum session_flag { SESSION_ASKED = 1 /* practitioner asked for the outcome */, SESSION_UNRECORDED_RAISED = 2, SESSION_MISS_TOLD = 4 /* all who must hear of `outcome` have been told */, SESSION_CHANGED = 8 /* moved after it was first told */ };
struct session_row {
    char id[ID_SIZE], participant[ID_SIZE], practitioner[ID_SIZE], office[ID_SIZE];
    uint32_t number, of, attempt; /* identity: participant, number, attempt */
    char module[MODULE_NAME_SIZE];
    struct civil start;           /* what was promised: wall clock of zone */
    char zone[ZONE_NAME_SIZE];
    struct instant start_at;      /* derived */
    uint32_t minutes;
    char mode[12];                /* in_person, phone, video */
    char uid[37];
    uint32_t revision;            /* 0, then +1 with each move or cancellation: SEQUENCE of the feeds */
    struct instant revised_at;
    enum session_state state;
    char outcome[OUTCOME_CODE_SIZE]; /* "" until recorded */
    struct instant recorded_at;
    char recorded_by[ID_SIZE];
    uint32_t verdict;             /* how often an outcome was put in the place of one that people had been told; 0: never */
    char told_outcome[OUTCOME_CODE_SIZE]; /* what those who must hear were told last; "": nothing yet */
    struct instant told_at;       /* since when they have been told what still stands; 0: never */
    char review_outcome[OUTCOME_CODE_SIZE]; /* a correction that waits for a second person; "": none */
    char review_by[ID_SIZE];      /* who asked for it */
    struct instant review_at;     /* when; 0: none */
    char contact[4];              /* was contact attempted after the absence? "yes", "no"; "": nobody has said */
    unsigned flags;
    uint32_t steps_done;          /* bit n: reminder step n of this revision has been dealt with */
    struct instant wake_at;       /* INSTANT_NEVER exactly when nothing more will happen by itself */
};
static inline struct instant session_end(const struct session_row *s) {
    return instant_add(s->start_at, span_minutes(s->minutes));
}
_must_use_ int session_insert(struct store *store, const struct session_row *row);
/* Guarded: writes only if the row still has from_state and from_revision (else -ESTALE). */
_must_use_ int session_update(struct store *store, const struct session_row *row, enum session_state from_state, uint32_t from_revision);
_must_use_ int session_find(struct store *store, const char *id, struct session_row *ret_row);
/* Only what a message that was sent is compared with. 0 or -ENOENT. */
struct session_standing {
    uint32_t revision;
    enum session_state state;
};
_must_use_ int session_stands(struct store *store, const char *id, struct session_standing *ret_standing);

/* All that are given must hold; NULL and instant 0 are not given. Ordered by start, then id. */
struct session_filter {
    const char *participant, *practitioner, *office;
    const char *state;       /* text form, or NULL */
    struct instant from, to; /* start_at in [from, to) */
    bool live;               /* only those not cancelled */
};
_must_use_ int session_list(struct store *store, const struct session_filter *filter, struct session_row *ret_rows, size_t capacity);
/* When a practitioner or an office is taken: sessions not cancelled that start at `from` or later, of the practitioner or else of the office. */
struct session_taken {
    char id[ID_SIZE];
    struct instant start_at;
    uint32_t minutes;
    bool in_person;
};
_must_use_ int session_list_taken(struct store *store, const char *practitioner, const char *office, struct instant from,
                                  struct session_taken *ret_rows, size_t capacity);
/* The last attempt at a number of a participant, whatever became of it; 0: none. */
_must_use_ int session_last_attempt(struct store *store, const char *participant, uint32_t number, uint32_t *ret_attempt);
/* Ids of sessions whose wake_at has come, earliest first. */
_must_use_ int session_due(struct store *store, struct instant now, char (*ret_ids)[ID_SIZE], size_t capacity);

/* When the clock is set right: what was told at a time that is yet to come, by a clock that ran ahead, was told now: who hears of it from now on hears after it was told. */
_must_use_ int session_draw_in_told(struct store *store, struct instant now);

/* When zone data change: the zone, after that one by name, of sessions that have not begun ("": no more); those sessions of one zone by id; one leaves its start_at for a moment (500
 * years later) at which nothing is in the way of others; ids of those that are there. */
#define SESSION_PARKED_US (INT64_C(15778800000) * SECOND_US)
_must_use_ int session_zone_next(struct store *store, const char *after, char ret_zone[ZONE_NAME_SIZE]);
_must_use_ int session_of_zone(struct store *store, const char *zone, const char *after, struct session_row *ret_rows, size_t capacity);
_must_use_ int session_park(struct store *store, const char *id);
_must_use_ int session_parked(struct store *store, char (*ret_ids)[ID_SIZE], size_t capacity);

/* Does any session have this outcome? 1, 0, or a negative errno. Looks at every row: for a reload, not for a turn. */
_must_use_ int session_outcome_used(struct store *store, const char *code);

/* A line of history: what was changed, by whom, why (reason is sealed). */
struct session_history_row {
    struct instant at;
    const char *what;   /* "planned", "moved", "cancelled", "recorded", "taken_back", "decided", "correction", "corrected", "unchanged" */
    struct civil start; /* after the change */
    const char *zone;
    const char *outcome, *by, *actor, *reason;
    int32_t notice_minutes; /* for changes: how long before the start; -1: does not apply */
};
_must_use_ int session_history_add(struct store *store, const char *session, const struct session_history_row *row);
_must_use_ int session_history_list(struct store *store, const char *session, struct arena *arena, struct session_history_row *ret_rows, size_t capacity);
/* Version of what a feed shows: changes whenever a matching session does. */
_must_use_ int session_feed_version(struct store *store, const struct session_filter *filter, uint64_t *ret_version, struct instant *ret_last);

#endif
