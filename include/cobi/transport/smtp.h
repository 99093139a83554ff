/* Mail relays: worker threads, because libcurl's SMTP waits inside the call for the final reply. A
 * gateway has one for each side (slot.h). */
#ifndef COBI_TRANSPORT_SMTP_H
#define COBI_TRANSPORT_SMTP_H

#include <systemd/sd-event.h>

#include "cobi/base/mailaddr.h"
#include "cobi/transport/endpoint.h"
#include "cobi/transport/smtp_transfer.h"

#define SMTP_QUEUE_MAX       512 /* above what all audiences together may have in flight */
#define CREDENTIALS_DIR_SIZE 256
struct smtp_relay;
/* Called from the loop; the job is now the callee's (smtp_job_free()). */
typedef void smtp_done(void *user, struct smtp_job *take_job);
struct smtp_setup {
    sd_event *loop;
    const struct gateway *gateway;   /* copied */
    const struct endpoint *endpoint; /* copied */
    const char *credentials_dir;     /* copied */
};
_must_use_ int smtp_open(const struct smtp_setup *setup, smtp_done *done, void *user,
                         struct smtp_relay **ret_relay);
/* Queues one mail. Returns 0, or -EAGAIN when SMTP_QUEUE_MAX are waiting (the job stays the
 * caller's). */
_must_use_ int smtp_submit(struct smtp_relay *relay, struct smtp_job *take_job);
/* Tells the worker to drop everything; does not wait. Accepts NULL. */
void smtp_abort(struct smtp_relay *relay);
/* Aborts, joins the worker (about a second at most) and frees. Jobs without an answer are handed to
 * forget. Accepts NULL. */
void smtp_close(struct smtp_relay *relay, void (*forget)(void *context));

#endif
