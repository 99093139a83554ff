/* The text of a template as pieces, and the pieces put together with values. Private to this room.
 */
#ifndef TEMPLATE_EXPAND_H
#define TEMPLATE_EXPAND_H

#include <stdbool.h>

#include "cobi/base/arena.h"
#include "cobi/base/complaint.h"
#include "cobi/rules/disclose.h"

/* Literal text, or a fact. */
struct piece {
    const char *begin; /* of the literal text; of "${" for a fact */
    size_t length;
    bool is_fact;
    enum fact fact;
};
/* Takes the next piece at *position. Returns 1 and the piece, 0 at the end, or -EINVAL with a
 * clause (an unknown fact, a lone "$"). */
int template_next_piece(const char **position, struct piece *ret_piece,
                        struct complaint *complaint);
bool template_holds_fact(const char *text, enum fact fact);
/* text with its values; every fact in it must have one. Values are copied as they are and never
 * looked at again. */
char *template_expand(const char *text, const char *const values[FACT_COUNT], struct arena *arena);
/* In place: no blanks around lines, no empty lines in a row, at the beginning or at the end. */
void template_tidy(char *text);

#endif
