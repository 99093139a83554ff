/* Tasks that follow from an outcome or a change of status. Private to the engine. */
#ifndef COBI_ENGINE_FOLLOW_UP_H
#define COBI_ENGINE_FOLLOW_UP_H

#include "duty.h"

/* The practitioner is to plan the session that is owed in place of this one. */
_must_use_ int follow_up_catch_up(struct engine *e, const struct session_row *s);
/* Its number is not owed any more, or nobody is to plan it. */
_must_use_ int follow_up_no_catch_up(struct engine *e, const struct session_row *s);
/* A supervisor who did not ask for the correction is to approve it: the practitioner's, else the
 * next one; the operator is alarmed where there is none. */
_must_use_ int follow_up_approval(struct engine *e, const struct session_row *s);
/* Who of a line of supervisors, from the first on, may approve what was asked for: not who asked,
 * neither as owner nor as next owner. -ENOENT: nobody of them. */
_must_use_ int follow_up_approver(struct engine *e, const char *asked_by, const char *first,
                                  struct duty_owner *ret_approver);
/* Does a reason for which somebody has left or is paused mean that nobody there answers a call? */
bool follow_up_out_of_reach(const char *because);
/* The practitioner is to tell the participant that their appointments are cancelled: cobid writes
 * to nobody who is not active. ordinal: this time they left. */
_must_use_ int follow_up_cancelled(struct engine *e, const char *participant, uint32_t ordinal);

#endif
