/* Numbers and addresses that two people have come to share. Private to the engine. */
#ifndef COBI_ENGINE_COLLISION_H
#define COBI_ENGINE_COLLISION_H

#include "turn.h"

/* For a message that was just rendered: 1 when it was held or turned away because its address is
 * somebody else's too, 0 when it may go. */
_must_use_ int collision_stop(struct engine *e, struct message_row *m);
/* A message that is held for it: goes when the address has been put right. */
_must_use_ int collision_again(struct engine *e, struct message_row *m);

#endif
