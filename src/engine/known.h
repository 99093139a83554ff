/* What a participant knows of a session's time. Private to the engine. */
#ifndef COBI_ENGINE_KNOWN_H
#define COBI_ENGINE_KNOWN_H

#include "turn.h"

/* The start that they know before this change or cancellation reaches them; year 0: none. */
_must_use_ int known_start(struct engine *e, const struct message_row *m, struct civil *ret_start);

#endif
