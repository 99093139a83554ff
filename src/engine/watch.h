/* What happens by itself to a participant as time passes: what advocates hear by the calendar, and
 * a programme that slips. Private to the engine. */
#ifndef COBI_ENGINE_WATCH_H
#define COBI_ENGINE_WATCH_H

#include "turn.h"

/* Before a row of another state is written: sets its timer, and from when days are counted. */
void watch_arm(struct engine *e, struct participant_state_row *state, enum participant_state from);
/* Something has changed about the participant: they are looked at in the next tick. */
_must_use_ int watch_wake(struct engine *e, const char *participant);
_must_use_ int watch_due(struct engine *e);

#endif
