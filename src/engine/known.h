/* What a participant knows of a session's time. Private to the engine. */
#ifndef COBI_ENGINE_KNOWN_H
#define COBI_ENGINE_KNOWN_H

#include "turn.h"

/* The start that they know before this change or cancellation reaches them; year 0: none. */
_must_use_ int known_start(struct engine *e, const struct message_row *m, struct civil *ret_start);
/* Was anything about this session, or a confirmation since it was planned, sent to them that may
 * have arrived? 1, 0, or a negative errno. */
_must_use_ int known_at_all(struct engine *e, const struct session_row *s);
/* Does a confirmation or change stand for the reminder of a session that was booked then: sent, on
 * its way, or a person was asked to phone in its place? 1, 0, or a negative errno. */
_must_use_ int known_by_booking(struct engine *e, const struct session_row *s,
                                struct instant booked_at);

#endif
