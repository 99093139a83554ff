/* What happens by itself to sessions, chains and tasks when their time comes. Private to the
 * engine. */
#ifndef COBI_ENGINE_DUTY_H
#define COBI_ENGINE_DUTY_H

#include "turn.h"

/* Works on each row by itself: what fails is set aside and alarmed, the others go on. Returns the
 * count, or what the store said. */
_must_use_ int duty_each(struct engine *e, const char *table, char (*ids)[ID_SIZE], size_t count,
                         int (*look)(struct engine *e, const char *id));

/* Sessions: reminders, the start, the question for the outcome, what a recorded outcome tells. */
_must_use_ int course_due(struct engine *e);
/* The session's next timer after a command changed it: the earliest of what may happen by itself.
 */
_must_use_ int course_arm(struct engine *e, struct session_row *s);
/* Asks for the outcome: who held the session, or whoever has its participant when they have left.
 * Once each. */
_must_use_ int course_ask(struct engine *e, const struct session_row *s);
/* Everybody who must hear of a recorded outcome is told now; what was told before and no longer
 * stands is stood down. The caller writes the row. */
_must_use_ int course_tell(struct engine *e, struct session_row *s);
/* Opens the chain that tells one service of the miss that this session is, by `code`. */
_must_use_ int course_tell_advocate(struct engine *e, const struct session_row *s,
                                    const struct outcome_code *code, const char *advocate);
/* Another officer is responsible: they hear of what is not decided yet, and of what nobody has been
 * told. */
_must_use_ int course_new_officer(struct engine *e, const struct noun_row *participant);
/* Cancelled, or with an outcome that owes a replacement: this row does not settle its number. */
bool course_lost(struct engine *e, const struct session_row *s);
/* Is its number neither planned nor held by any attempt, this one taken as it is given? 1, 0, or a
 * negative errno. */
_must_use_ int course_owed(struct engine *e, const struct session_row *s);
/* A new plan or revision was made known by another message: the steps before `now` need no
 * reminder. */
struct remind_session course_remind_session(struct engine *e, const struct session_row *s,
                                            unsigned *ret_traits);

/* Chains: opens one (unless it is there) with the configured policy. advocate "" for the
 * supervisors' chain. */
struct chain_start {
    enum escalation_kind kind;
    enum audience audience;
    const char *advocate, *participant, *session, *topic;
    const char *because; /* what a person said of it; NULL where nothing */
    struct instant happened_at;
};
_must_use_ int chain_open(struct engine *e, const struct chain_start *start);
_must_use_ int chain_due(struct engine *e);
/* by: a person's id. -EPROTO: not possible in its state. */
_must_use_ int chain_acknowledge(struct engine *e, struct escalation_row *row, const char *by);
_must_use_ int chain_resolve(struct engine *e, struct escalation_row *row, const char *by,
                             const char *because);
/* Whose task it is when something is wrong about the participant: the supervisor of whoever has
 * them now; an id in the arena, or "". */
const char *chain_supervisor(struct engine *e, const char *session, const char *participant);
/* Resolves the open chains of that kind about the session, of one audience. */
_must_use_ int chain_resolve_session(struct engine *e, const char *session,
                                     enum escalation_kind kind, const char *by,
                                     const char *because);
/* The participant's line of supervisors is another: their open chains begin again with the first of
 * it, at once, whoever has acknowledged. */
_must_use_ int chain_begin_again(struct engine *e, const char *participant);
/* The message of a step cannot be delivered: go on at once. */
_must_use_ int chain_unreachable(struct engine *e, const char *escalation, uint32_t generation);
/* Who the chain's first step tells: an id, or "". */
const char *chain_first(struct engine *e, const struct escalation_row *row);
/* May this person acknowledge or resolve the chain? Supervisors theirs, an advocate's own; never
 * the practitioner of the session. */
bool chain_allows(struct engine *e, const struct escalation_row *row, const char *staff);

/* Tasks. */
struct duty_start {
    enum task_kind kind;
    const char *owner, *next_owner, *participant, *session, *about; /* "" where none */
    struct instant due;
};
_must_use_ int duty_open(struct engine *e, const struct duty_start *start);
/* Who a task falls to, and who has it too when they do not do it. Texts in the engine's arena. */
struct duty_owner {
    const char *id, *next;
    struct person person;
};
/* Whoever has the participant now, whoever held a session; their supervisor next. */
_must_use_ int duty_worker(struct engine *e, const char *participant, struct duty_owner *ret_owner);
/* A supervisor, and the one after them. -ENOENT: nobody of that id, which may be "". */
_must_use_ int duty_chief(struct engine *e, const char *supervisor, struct duty_owner *ret_owner);
/* Opens it for them: start names no owner; without a due time it is due in one working day of
 * theirs. */
_must_use_ int duty_give(struct engine *e, const struct duty_owner *owner, struct duty_start start);
_must_use_ int duty_due(struct engine *e);
_must_use_ int duty_done(struct engine *e, struct task_row *row, const char *by);
/* It has become pointless. */
_must_use_ int duty_drop(struct engine *e, struct task_row *row);
/* Drops open tasks of that kind about the session: they have become pointless. */
_must_use_ int duty_drop_session(struct engine *e, const char *session, enum task_kind kind);
/* The same where a person has done them by what they did. */
_must_use_ int duty_done_session(struct engine *e, const char *session, enum task_kind kind,
                                 const char *by);
/* Drops the participant's open tasks of those kinds (1 << enum task_kind). */
_must_use_ int duty_drop_participant(struct engine *e, const char *participant, unsigned kinds);
/* "Phone the participant": the practitioner's task when this message can tell them on no channel.
 * One for each kind, revision and step. */
_must_use_ int duty_phone(struct engine *e, const struct message_row *m);
const char *duty_phone_about(struct engine *e,
                             const struct message_row *m); /* of that task; in the arena */
/* It did reach them after all: drops that task. */
_must_use_ int duty_drop_phone(struct engine *e, const struct message_row *m);
/* Gives an open task to another owner, who gets a mail; what only pointed at the calendar of the
 * one before is dropped. Whoever had it already is not told that there is another next owner.
 * next_owner "": nobody. */
_must_use_ int duty_hand_over(struct engine *e, struct task_row *row, const char *owner,
                              const char *next_owner);
const char *duty_text(enum task_kind kind); /* what is to be done, for staff */

/* A feed may be read only once a day: a change to a session of the next two days is mailed to its
 * practitioner too. earlier: the earlier of its old and new start. */
_must_use_ int duty_changed(struct engine *e, const struct session_row *s, struct instant earlier);

/* Services linked to one participant: a link beyond it is refused when it is made. */
enum { DUTY_LINKS_MAX = 32 };
/* The participant's links. What cannot be read is alarmed and left out: trouble on the advocates'
 * side never stands in the way of anybody else. Returns the count, or the store's trouble. */
_must_use_ int duty_links(struct engine *e, const char *participant,
                          struct link_row ret_links[DUTY_LINKS_MAX]);
/* Advocates of the participant hear a status, by the level of their link. topic: "enrolled",
 * "started", "paused", "restarted", "ended", "completed"; by the calendar: watch.h. */
_must_use_ int notice_advocate(struct engine *e, const struct link_row *link, const char *topic,
                               uint32_t ordinal);
_must_use_ int notice_advocates(struct engine *e, const char *participant, const char *topic,
                                uint32_t ordinal);
/* The responsible officer hears of an outcome. */
_must_use_ int notice_officer(struct engine *e, const struct session_row *s, const char *topic);

#endif
