/* A practitioner's line of supervisors: the first, that one's next, and so on. Private to the
 * engine. */
#ifndef COBI_ENGINE_LINE_H
#define COBI_ENGINE_LINE_H

#include "call.h"

enum { LINE_MAX_PEOPLE = 32 };
struct line {
    uint32_t count;
    char ids[LINE_MAX_PEOPLE][ID_SIZE]; /* in their order */
    bool loop;                          /* it comes back to somebody who is in it */
};
/* Whoever does not exist ends the line. */
_must_use_ int line_read(struct engine *e, const char *supervisor, struct line *ret_line);

/* Refuses when a chain about this practitioner's participants would have too few people; 200 else.
 */
int line_check(struct call *c, const char *practitioner);
int line_check_participant(struct call *c, const char *participant);
/* The same for all practitioners, and that no supervisor is in the end their own. */
int line_check_all(struct call *c);

#endif
