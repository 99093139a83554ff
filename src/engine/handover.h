/* Practitioners who take over and who leave, and jobs at a time of their own. Private to the
 * engine. */
#ifndef COBI_ENGINE_HANDOVER_H
#define COBI_ENGINE_HANDOVER_H

#include "call.h"
#include "cobi/store/jobs.h"

/* Does jobs whose time has come. */
_must_use_ int jobs_due(struct engine *e);
/* Refuses whoever is about to leave, or has left, as somebody to whom anything is given. 200 else.
 */
int handover_check_taker(struct call *c, const char *option, const char *practitioner);
/* Who is asked about a session: who held it, or whoever has its participant when they have left.
 * The id is in the arena; -ENOENT where nobody can be found. */
_must_use_ int handover_asked(struct engine *e, const struct session_row *s, const char **ret_id);
/* A practitioner has got another supervisor: open tasks go from the one before to them, and open
 * chains about the practitioner's participants begin again with them. */
_must_use_ int handover_chief(struct call *c, const char *practitioner, const char *before);
/* Another supervisor comes after this one: open tasks of theirs that are not done go to that one.
 */
_must_use_ int handover_next(struct call *c, const char *supervisor, const char *before);
/* The day on which a practitioner leaves may have come: what they still have goes to who takes
 * over. */
_must_use_ int handover_leave_day(struct engine *e, const char *practitioner);
/* Have they left? 1, 0, or the store's trouble. */
_must_use_ int handover_gone(struct engine *e, const char *practitioner);

#endif
