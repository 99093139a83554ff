/* Lanes: how a gateway fares for one audience. Private to the engine.
 *
 * Budgets, pacing and breakers are apart for each audience, so that nothing on one side shifts a
 * time on another. */
#ifndef COBI_ENGINE_LANE_H
#define COBI_ENGINE_LANE_H

#include "turn.h"

/* The gateway for the channel's messages to the audience now: its own, or the backup while the
 * breaker is open. NULL: the lane is shut, until *ret_until or (INSTANT_NEVER) an answer. */
const struct gateway *lane_choose(struct engine *e, enum channel channel, enum audience audience,
                                  struct instant *ret_until);
/* A message was claimed for it. */
void lane_take(struct engine *e, const char *gateway, enum audience audience);
/* An answer came: counts it, opens or closes the breaker, and alarms when it opens. */
_must_use_ int lane_note(struct engine *e, const struct message_row *m, enum outcome_class outcome);

#endif
