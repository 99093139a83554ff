/* What misses add up to: several in a row, and enforceable outcomes of twelve months. Counted,
 * shown and advised; nothing here decides. Private to the engine. */
#ifndef COBI_ENGINE_MISSES_H
#define COBI_ENGINE_MISSES_H

#include <jansson.h>

#include "turn.h"

/* How many of the participant's sessions in a row were missed, this one the last; 0: it was not. */
_must_use_ int misses_in_a_row(struct engine *e, const struct session_row *s, uint32_t *ret_count);
/* A miss was told, or one that was attended is so no more and parts no row any longer: from so many
 * in a row on, the supervisor is to review it. */
_must_use_ int misses_review(struct engine *e, const struct session_row *s);
/* One of the participant's sessions is no miss any more: a review of so many in a row for which
 * there are too few now is dropped. */
_must_use_ int misses_fewer(struct engine *e, const char *participant);
/* Puts "enforceable_12_months" and, where the route asks for one, "advice" into an answer. */
_must_use_ int misses_put(struct engine *e, const char *participant, json_t *object);

#endif
