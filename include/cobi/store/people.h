/* Nouns (offices, staff, officers, advocates, participants), absences, links: generic by noun table, plus a participant's state. */
#ifndef COBI_STORE_PEOPLE_H
#define COBI_STORE_PEOPLE_H

#include "cobi/base/noun.h"
#include "cobi/rules/states.h"
#include "cobi/store/store.h"

/* A row of a noun: canonical texts by field index; "" where none was given. Values live in the arena given to the reader. */
struct noun_row {
    enum noun noun;
    char id[ID_SIZE];
    const char *values[FIELDS_MAX];
};
/* Value by field name; "" when unset. The name must exist (asserted). */
const char *noun_value(const struct noun_row *row, const char *field);
/* -ENOENT: no such row. */
_must_use_ int noun_find(struct store *store, enum noun noun, const char *id, struct arena *arena, struct noun_row *ret_row);
/* Whose number or address it is (canonical). -ENOENT: nobody's. */
_must_use_ int contact_find(struct store *store, const char *value, enum noun *ret_noun, char ret_id[ID_SIZE]);
/* The participant whose it is, -ENOENT: nobody's of them. Knows of participants only. */
_must_use_ int contact_find_participant(struct store *store, const char *value, char ret_id[ID_SIZE]);
/* Is it a participant's, and not this one's? 1 or 0. Knows of participants only. */
_must_use_ int contact_of_other_participant(struct store *store, const char *value, const char *id);
bool noun_exists(struct store *store, enum noun noun, const char *id);
/* -EEXIST: the id is taken (by any noun: one account is one role); -ECONNREFUSED: a number or address belongs to somebody else. */
_must_use_ int noun_insert(struct store *store, const struct noun_row *row);
_must_use_ int noun_update(struct store *store, const struct noun_row *row);
/* Ids in ascending order after `after` ("" at first), at most `capacity`; returns the count. */
_must_use_ int noun_list(struct store *store, enum noun noun, const char *after, char (*ret_ids)[ID_SIZE], size_t capacity);

struct participant_state_row {
    enum participant_state state;
    struct date plan_start, window_end; /* year 0 until planned */
    struct instant changed_at;
    bool started;        /* a session was attended: advocates were told */
    char because[16];
    /* What advocates hear by the calendar: the day from which time without an attended session counts (plan or restart), up to which day
     * they were told of it, and the Monday of the last week they were told of. year 0: never. */
    struct date quiet_from, quiet_told, week_told;
    struct instant wake_at; /* when the participant is looked at next: INSTANT_NEVER exactly when neither active nor paused */
    char waived[80];    /* numbers that completion did without, such as "3; 5"; "": none */
    char waived_by[ID_SIZE]; /* the supervisor who waived them */
};
_must_use_ int participant_state_find(struct store *store, const char *id, struct participant_state_row *ret_row);
_must_use_ int participant_state_update(struct store *store, const char *id, const struct participant_state_row *row);
/* Ids of participants whose wake_at has come, earliest first. */
_must_use_ int participant_state_due(struct store *store, struct instant now, char (*ret_ids)[ID_SIZE], size_t capacity);
/* Lets a participant be looked at then, where they would be looked at later. One who has no timer stays without. */
_must_use_ int participant_state_wake(struct store *store, const char *id, struct instant at);

/* Is any participant on this programme? 1, 0, or a negative errno. Looks at every row: for a reload, not for a turn. */
_must_use_ int participant_programme_used(struct store *store, const char *programme);

/* Ids of the participants of a practitioner, ascending, after `after`. */
_must_use_ int participant_list_practitioner(struct store *store, const char *practitioner, const char *after, char (*ret_ids)[ID_SIZE],
                                             size_t capacity);

struct absence_row {
    struct date from, to; /* inclusive */
    const char *reason;   /* sealed in the store; "" when none */
};
_must_use_ int absence_insert(struct store *store, enum noun noun, const char *id, const struct absence_row *row);
/* In order of their dates; where there are more than `capacity`, the latest. */
_must_use_ int absence_list(struct store *store, enum noun noun, const char *id, struct arena *arena, struct absence_row *ret_rows, size_t capacity);

struct link_row {
    char advocate[ID_SIZE], participant[ID_SIZE];
    const char *case_ref; /* sealed in the store */
    bool all;             /* level: all, else missed only */
    struct instant made_at;
};
/* -EEXIST: already linked. Removed links stay as history, unseen here. */
_must_use_ int link_insert(struct store *store, const struct link_row *row, struct instant now);
/* Writes case reference and level of a link that there is, as link_find() gave it. */
_must_use_ int link_change(struct store *store, const struct link_row *row);
_must_use_ int link_remove(struct store *store, const char *advocate, const char *participant, struct instant now);
_must_use_ int link_find(struct store *store, const char *advocate, const char *participant, struct arena *arena, struct link_row *ret_row);
/* How many links there were between the two that were removed; *ret_last is when the last of them was. */
_must_use_ int link_past(struct store *store, const char *advocate, const char *participant, struct instant *ret_last);
/* When the clock is set right: what was unlinked at a time that is yet to come, by a clock that ran ahead, was unlinked now. */
_must_use_ int link_draw_in(struct store *store, struct instant now);
/* By participant (advocate NULL) or by advocate (participant NULL). */
_must_use_ int link_list(struct store *store, const char *advocate, const char *participant, struct arena *arena, struct link_row *ret_rows, size_t capacity);

#endif
