/* What people who were told of a session's outcome hear when it is looked at again. Private to the
 * engine. */
#ifndef COBI_ENGINE_STANDING_H
#define COBI_ENGINE_STANDING_H

#include "turn.h"

enum standing {
    STANDING_UNDER_REVIEW, /* a correction was asked for */
    STANDING_UNCHANGED,    /* it was withdrawn: what they were told stands */
    STANDING_STOOD_DOWN    /* what they were told no longer stands */
};
#define STANDING_COUNT 3
/* Tells exactly those supervisors, advocates and officers who were told of the outcome that stood
 * since s->told_at: those to whom a message of it has left or may have left. What has not left is
 * cancelled when it is stood down. A service that is linked no more hears nothing. */
_must_use_ int standing_tell(struct engine *e, const struct session_row *s, enum standing standing);
/* A review ends with another miss, `code`, in place of what they were told: those who heard of the
 * review and are not told of the new one at once hear that it is over and the miss stands. Before
 * the row is changed. */
_must_use_ int standing_still_missed(struct engine *e, const struct session_row *s,
                                     const struct outcome_code *code);
/* The chains about the missed session have become pointless: a new outcome stands in its place.
 * Resolves those of every audience. */
_must_use_ int standing_end_chains(struct engine *e, const struct session_row *s,
                                   const char *because);
/* The service is linked again: where what it has last heard of a session holds no more, it hears
 * so. */
_must_use_ int standing_tell_again(struct engine *e, const struct link_row *link);
/* Of no session it holds any more that it was attended: the services that heard that the programme
 * has started hear that it has not. */
_must_use_ int standing_not_started(struct engine *e, const char *participant);
const char *standing_to_text(enum standing standing); /* the topic of its messages */

#endif
