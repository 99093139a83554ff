/* Jobs whose time has come: each is a row with a timer and a subject. A job writes its next time,
 * or ends itself; one that cannot be done is set aside and alarmed, the others go on. */
#include <errno.h>
#include <string.h>

#include "digest.h"
#include "duty.h"
#include "handover.h"

static int look(struct engine *e, const char *id) {
    struct job_row job;
    const int r = job_find(e->store, id, &job);

    if (r < 0) {
        return r == -ENOENT ? 0 : r; /* ended by another that was due with it */
    }
    switch (job.kind) {
    case JOB_LEAVE:
        return handover_leave_day(e, job.subject);
    case JOB_DIGEST:
        return digest_due(e, job.subject);
    }
    return -EUCLEAN;
}

int jobs_due(struct engine *e) {
    char ids[TURN_SHARE_MAX][ID_SIZE];
    const int count = job_due(e->store, e->now, ids, TURN_SHARE_MAX);

    return count <= 0 ? count : duty_each(e, "job", ids, (size_t)count, look);
}
