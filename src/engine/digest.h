/* The practitioners' mail of the day. Private to the engine. */
#ifndef COBI_ENGINE_DIGEST_H
#define COBI_ENGINE_DIGEST_H

#include "cobi/store/jobs.h"
#include "turn.h"

/* Each part with its heading, a line each; "" where there is nothing. */
struct digest {
    const char *today, *overdue, *tasks;
    bool empty;
};
/* What there is to say now. */
_must_use_ int digest_read(struct engine *e, const char *practitioner, struct digest *ret_digest);
/* Sets the job for the next one. */
_must_use_ int digest_arm(struct engine *e, const char *practitioner);
/* Its time has come. */
_must_use_ int digest_due(struct engine *e, const char *practitioner);

#endif
