/* The wait for a manual clock: the daemon advances by itself, cobictl watches. */
#ifndef COBI_CTL_CLOCK_H
#define COBI_CTL_CLOCK_H

#include <jansson.h>
#include <stdbool.h>

#include "cobi/base/attribute.h"
#include "cobi/ctl/client.h"

/* Does this answer say that the daemon's clock is on its way? */
bool clock_is_advancing(const json_t *document);
/* Asks `clock show` about ten times a second until the clock has arrived, with one line of progress
 * on stderr where that is a terminal. *document is the last answer (replaced, owned by the caller).
 * Returns 0; -EINTR with a complaint after Ctrl-C (the daemon goes on); or what client_call()
 * returns. */
_must_use_ int clock_wait(struct client *client, json_t **document, struct complaint *complaint);

#endif
