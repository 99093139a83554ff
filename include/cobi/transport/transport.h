/* Carries messages to gateways and brings back what became of them: curl's multi interface on the loop, worker threads for each SMTP relay, files
 * for a spool. Never sends twice by itself. */
#ifndef COBI_TRANSPORT_TRANSPORT_H
#define COBI_TRANSPORT_TRANSPORT_H

#include <systemd/sd-event.h>

#include "cobi/base/complaint.h"
#include "cobi/config/gateway.h"
#include "cobi/engine/ports.h"

/* Priority of the transport's event sources: all answers that are there are read before the loop does anything else with them. */
#define ANSWERS_FIRST (SD_EVENT_PRIORITY_NORMAL - 10)
struct transport;
struct transport_setup {
    const struct gateway *gateways; /* copied */
    size_t gateway_count;
    const char *state_dir;          /* spools live under state_dir/spool/NAME */
    const char *credentials_dir;    /* may be "" */
    const char *mail_host;          /* EHLO and Message-ID host when a gateway's own From has none; neutral */
};
/* Called from the loop, never from inside transport_send(). It may call transport_send(), but not transport_reload() or transport_close(). */
typedef void transport_done(void *user, const struct delivery *delivery);
/* Ignores SIGPIPE for the process. Returns 0, or a negative errno with a line in complaint (a credential file that is missing, a URL that is refused). */
_must_use_ int transport_open(sd_event *loop, const struct transport_setup *setup, transport_done *done, void *user,
                              struct transport **ret_transport, struct complaint *complaint);
/* Takes over new gateways; transfers under way go on to their end. */
_must_use_ int transport_reload(struct transport *transport, const struct transport_setup *setup, struct complaint *complaint);
/* Begins one attempt (the message is copied). Returns 0 and answers by done() later, or a negative errno, certainly not sent: -ENOENT (no such gateway),
 * -EAGAIN (in_flight_max of the gateway reached for this audience), -EINVAL (a gateway of the other channel). A value that must not be sent, such as a line
 * end in an address, is an answer: refused. A from of the gateway takes the place of the message's. */
_must_use_ int transport_send(struct transport *transport, const struct outgoing *message);
/* Attempts begun and not yet answered. */
uint32_t transport_in_flight(const struct transport *transport);
/* Ends all: transfers under way are dropped without an answer (their rows stay `sending` and are uncertain after the next start), workers are joined. */
void transport_close(struct transport *transport);

/* The bytes of a mail (RFC 5322, 7-bit, CRLF): exposed for tests and the spool. malloc'ed. Returns 0, or -EINVAL for values that must not reach a header. */
_must_use_ int mail_format(const struct outgoing *message, const char *mail_host, char **ret_bytes, size_t *ret_length);
/* Writes one message atomically as DIRECTORY/REFERENCE.(eml|sms); directory is state_dir/spool/NAME, made when it is missing. A text's file has the header
 * lines To, From, Date (RFC 3339), Reference and Message-Id, an empty line, and the text byte for byte. Returns 0 or a negative errno (certainly not written):
 * -EEXIST (the reference was used before), -EINVAL (a value that must not be in a header). */
_must_use_ int spool_write(const char *directory, const struct outgoing *message, const char *mail_host);

#endif
