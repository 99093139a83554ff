/* Chains and calls that no session's outcome opens: what could not be delivered, a programme that
 * slips, a concern. Private to the engine. */
#ifndef COBI_ENGINE_ALERT_H
#define COBI_ENGINE_ALERT_H

#include "duty.h"

/* The participant was not phoned in time: their supervisor hears that they could not be reached. */
_must_use_ int alert_unphoned(struct engine *e, const struct task_row *task);
/* They were after all, or what they were to hear has arrived: nothing is left to do about it. */
_must_use_ int alert_phoned(struct engine *e, const struct task_row *task, const char *by,
                            const char *because);
/* A notice did not reach an officer, or an advocate: a supervisor sees to it at once. */
_must_use_ int alert_undelivered(struct engine *e, const struct message_row *m);
/* One chain at a time. What a person has resolved stays so for that end of the window, but not for
 * a session that was lost after it was opened. lost: the latest loss of those owed too long; 0:
 * none.
 */
_must_use_ int alert_slipping(struct engine *e, const char *participant, struct date window_end,
                              struct instant lost);
/* What was owed is planned in time: nothing is left to do about it. */
_must_use_ int alert_fits_again(struct engine *e, const char *participant);

/* Opens the chain that asks one service to call, because of a concern that was raised then. */
_must_use_ int concern_tell_advocate(struct engine *e, const struct link_row *link,
                                     struct instant happened_at);

/* A supervisor is to call a service, at a time at which that is safe; once until it is done. reason
 * tells one call from the next: a chain and its cycle, a message. supervisor "": nobody is told. */
struct alert_call {
    const char *supervisor, *advocate, *participant, *session, *reason;
};
_must_use_ int alert_call_service(struct engine *e, const struct alert_call *call);
/* Calls to this service about the participant have become pointless. */
_must_use_ int alert_drop_calls(struct engine *e, const char *advocate, const char *participant);
/* The service has acknowledged a chain about that session (or "", of a concern): it need not be
 * called about it any more. */
_must_use_ int alert_heard(struct engine *e, const struct escalation_row *chain);
/* The advocate of a call; "" where there is none. */
void alert_advocate_of(const struct task_row *task, char ret_advocate[ID_SIZE]);
/* What to do and when it is safe, for the supervisor, in the arena. No mail names the service. */
const char *alert_call_text(struct engine *e, const struct task_row *task);

#endif
