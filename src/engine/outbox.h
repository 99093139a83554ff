/* The outbox: where messages are born, claimed for sending, and settled. Private to the engine. */
#ifndef COBI_ENGINE_OUTBOX_H
#define COBI_ENGINE_OUTBOX_H

#include "turn.h"

/* A message due now that never expires; the caller fills in what it is about. */
struct message_row outbox_blank(struct engine *e, enum message_kind kind, enum audience audience,
                                const char *recipient);
/* Lets it be born: queued, or skipped when reason is set; not_after by the kind's lifetime where it
 * is INSTANT_NEVER. Returns 1, or 0 when this very message was born before. */
_must_use_ int outbox_add(struct engine *e, struct message_row *m);
/* The channel by which a participant can be reached, among `channels` (1 << enum channel): texts
 * first. -1: none. */
int outbox_participant_channel(struct engine *e, const struct noun_row *participant,
                               unsigned channels);

/* One transition by the table, guarded by the state the row was read in. reason NULL: it stays. */
_must_use_ int outbox_step(struct engine *e, struct message_row *m, enum message_event event,
                           const char *reason);
/* Its time has passed. */
_must_use_ int outbox_expire(struct engine *e, struct message_row *m);
/* A person has made it pointless. */
_must_use_ int outbox_cancel(struct engine *e, struct message_row *m, const char *reason);
/* A message did not reach its audience: somebody else learns of it. */
_must_use_ int outbox_not_delivered(struct engine *e, const struct message_row *m);
/* A text that did not arrive goes by mail, once, where there is an address and time. Returns 1 when
 * it does (or did), 0 when there is no such way. */
_must_use_ int outbox_try_mail(struct engine *e, const struct message_row *m);
/* Is the session of the message still to come, or the time that a change says is no more? */
bool outbox_session_ahead(struct engine *e, const struct message_row *m);
/* A change whose answer was lost has been overtaken: nobody knows which time they believe, and no
 * later text can say it right. Somebody phones while that helps. */
_must_use_ int outbox_doubtful(struct engine *e, const struct message_row *m);
/* Why a message must not go any more, in *ret_reason; NULL: it may. */
_must_use_ int outbox_stop_reason(struct engine *e, const struct message_row *m,
                                  const char **ret_reason);
/* A row that cannot be read or decided: it is set aside and alarmed, the others go on. */
_must_use_ int outbox_set_aside(struct engine *e, const char *id, int error);

/* Ends what is too late, whatever its lane does. Returns the number of rows worked on. */
_must_use_ int outbox_end(struct engine *e);
/* Claims due messages within this turn: re-checks each, renders it, commits the intent; the sends
 * follow the commit. Returns the number of rows worked on; lanes that cannot take theirs are left
 * in e->shut, and nothing of those rows is read or written. */
_must_use_ int outbox_dispatch(struct engine *e);
/* Settles one attempt within this turn. Returns 0, also when the answer is not awaited any more or
 * its row had to be set aside; else the store's trouble. */
_must_use_ int outbox_settle(struct engine *e, const struct delivery *delivery);
/* At the start: rows left `sending` have an uncertain attempt. Returns how many there were, at most
 * TURN_ROWS_MAX. */
_must_use_ int outbox_recover(struct engine *e);

/* Renders a message from the rows as they are now. m->to, subject and body are set in the arena.
 * Returns 0, -EDESTADDRREQ (no address), or what template_render() said, with a line in complaint.
 */
_must_use_ int render_message(struct engine *e, struct message_row *m,
                              const struct session_row *session, struct complaint *complaint);

#endif
