/* Escalation chains and tasks. */
#ifndef COBI_STORE_CHAINS_H
#define COBI_STORE_CHAINS_H

#include "cobi/rules/escalate.h"
#include "cobi/rules/states.h"
#include "cobi/store/store.h"

struct escalation_row {
    char id[ID_SIZE];
    enum escalation_kind kind;
    enum audience audience;
    char advocate[ID_SIZE];    /* whose chain it is when the audience is the advocate; else "" */
    char participant[ID_SIZE], session[ID_SIZE];
    enum escalation_state state;
    struct escalation_policy policy; /* snapshot from the start */
    struct escalation_position at;   /* what is told next */
    uint32_t generation;       /* +1 with every step and acknowledgement: older links are stale */
    char told[ID_SIZE];        /* who was told last */
    char topic[33];            /* "missed_provisional" */
    struct instant opened_at, happened_at, wake_at;
    char acknowledged_by[ID_SIZE];
    struct instant acknowledged_at;
    char resolved_by[ID_SIZE];
    const char *because;          /* why it was raised, by a person; sealed, may be NULL */
    const char *resolved_because; /* sealed; may be NULL */
    bool exhausted;            /* all steps were told at least once without an answer */
};
/* Returns 1, or 0 when this chain exists already (same kind, participant, session, audience, advocate, happened_at). Fills row->id. */
_must_use_ int escalation_insert(struct store *store, struct escalation_row *row);
_must_use_ int escalation_find(struct store *store, const char *id, struct arena *arena, struct escalation_row *ret_row);
_must_use_ int escalation_update(struct store *store, const struct escalation_row *row, enum escalation_state from, uint32_t from_generation);
_must_use_ int escalation_due(struct store *store, struct instant now, char (*ret_ids)[ID_SIZE], size_t capacity);
struct escalation_filter {
    const char *session, *participant, *advocate;
    bool open; /* not resolved */
};
_must_use_ int escalation_list(struct store *store, const struct escalation_filter *filter, const char *after, struct arena *arena, struct escalation_row *ret_rows, size_t capacity);

enum task_kind {
    TASK_PHONE, TASK_RECORD, TASK_DECIDE, TASK_CALL_ADVOCATE, TASK_CONTACT, TASK_CHANGED, TASK_REVIEW,
    TASK_NO_TEXTS, TASK_READ_TEXT, TASK_APPROVE, TASK_CATCH_UP, TASK_TELL_CANCELLED,
    TASK_TAKE_OVER, TASK_REVIEW_MISSES, TASK_FOUR_MISSES
};
#define TASK_KIND_COUNT 15
const char *task_kind_to_text(enum task_kind kind);
#define TASK_ABOUT_SIZE 72
struct task_row {
    char id[ID_SIZE];
    enum task_kind kind;
    char owner[ID_SIZE], next_owner[ID_SIZE]; /* next_owner may be "" */
    char participant[ID_SIZE], session[ID_SIZE];
    char about[TASK_ABOUT_SIZE]; /* "ADVOCATE/why", "reminder-0-1", an id: tells it from others of its kind */
    struct instant created_at, due, wake_at;
    uint32_t reminded;
    enum task_state state;
    char done_by[ID_SIZE];
};
/* Returns 1, or 0 when the same task (kind, session or participant, about, owner) is there already. Fills row->id. */
_must_use_ int task_insert(struct store *store, struct task_row *row);
_must_use_ int task_find(struct store *store, const char *id, struct task_row *ret_row);
_must_use_ int task_update(struct store *store, const struct task_row *row, enum task_state from);
_must_use_ int task_due(struct store *store, struct instant now, char (*ret_ids)[ID_SIZE], size_t capacity);
_must_use_ int task_list(struct store *store, const char *session /* or NULL */, bool open, const char *after, struct task_row *ret_rows, size_t capacity);
/* The open tasks about a participant. */
_must_use_ int task_list_participant(struct store *store, const char *participant, const char *after, struct task_row *ret_rows, size_t capacity);
/* The open tasks of an owner. */
_must_use_ int task_list_owner(struct store *store, const char *owner, const char *after, struct task_row *ret_rows, size_t capacity);

#endif
