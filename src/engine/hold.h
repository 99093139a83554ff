/* The hold after a jump of the wall clock: what waits, on which time the rest goes on, and what
 * lets it go. Private to the engine. */
#ifndef COBI_ENGINE_HOLD_H
#define COBI_ENGINE_HOLD_H

#include "turn.h"

/* Why a message is held, in its reason. */
#define HOLD_CLOCK "clock_jump"
#define HOLD_ALIKE "repeated_text"
/* Its address is somebody else's too (collision.h). */
#define HOLD_SHARED "address_shared"
/* A person let it go: it is not held for the same text again. */
#define HOLD_RELEASED "released"

/* Reads the clock, notices a jump, and sets e->now: the wall clock's time, or while a jump is held
 * the time that has really passed since before it. */
void hold_look(struct engine *e);
/* The same moment as the host's wall clock has it: for timers of the host. */
struct instant hold_to_wall(const struct engine *e, struct instant t);
/* At the start: a hold survives it, and a clock that shows an earlier time than the last turn has
 * jumped meanwhile. */
void hold_open(struct engine *e);
/* Within every turn, before its commit: a jump that was noticed is kept, and alarmed once; each
 * hour, up to when the clock was believed. */
_must_use_ int hold_keep(struct engine *e);
/* When that is to be noted next, in the time we go by. */
struct instant hold_next_note(const struct engine *e);
/* Its commit went well. */
void hold_kept(struct engine *e);

/* Sets a queued message aside until it is released, at its not_after at the latest. */
_must_use_ int hold_message(struct engine *e, struct message_row *m, const char *reason);
/* The same text goes to the same person for the fourth time in a day: whatever repeats it, a
 * person looks first. For a message that was just rendered: 1 when it was set aside, 0 when it
 * goes; its attempt then notes ret_text. Staff's, officers' and advocates' urgent news always goes,
 * and is alarmed. */
_must_use_ int hold_alike(struct engine *e, struct message_row *m, int64_t *ret_text);
/* A held message whose time to be looked at has come and that has not expired. */
_must_use_ int hold_again(struct engine *e, struct message_row *m);
/* Does the hold of the clock concern this message? */
bool hold_concerns(const struct engine *e, const struct message_row *m);

/* Who vouches for the clock. The system does so for the clock alone, a person for all that is
 * held. */
enum hold_voucher { HOLD_SYSTEM, HOLD_PERSON };
/* Within a turn: from here on its time is the wall clock's. Returns how many messages may go. */
_must_use_ int hold_release(struct engine *e, enum hold_voucher voucher);
/* May the clock be believed at all? */
bool hold_credible(const struct engine *e);

#endif
