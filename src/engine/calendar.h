/* Small pieces that several modules of the engine share: secrets of links, deadlines in words.
 * Private to the engine. */
#ifndef COBI_ENGINE_CALENDAR_H
#define COBI_ENGINE_CALENDAR_H

#include "turn.h"

/* The token of a message's link (43 characters) and the code that goes with it ("ABCD-EFGH"): made
 * again whenever they are needed. */
#define ACK_CODE_SIZE 10
void ack_secrets(struct engine *e, const char *message_id, char ret_token[44],
                 char ret_code[ACK_CODE_SIZE]);
/* By when an absence recorded at `recorded` is to be decided: working days of evidence. */
struct instant chain_decision_due(struct engine *e, struct instant recorded,
                                  const struct person *person);
/* "Wed 30 September 2026, 5pm", in the arena. */
const char *render_deadline(struct engine *e, const struct zone *zone, struct instant t);

#endif
