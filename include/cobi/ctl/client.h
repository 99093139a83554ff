/* One conversation with the daemon: POST /NOUN/VERB over its control socket. */
#ifndef COBI_CTL_CLIENT_H
#define COBI_CTL_CLIENT_H

#include <jansson.h>

#include "cobi/base/attribute.h"
#include "cobi/base/command.h"
#include "cobi/base/complaint.h"

#define CLIENT_SOCKET_DEFAULT "/run/cobid/control.sock"

struct client;
/* socket is copied. Returns 0; -ENAMETOOLONG or -EINVAL with a complaint for a path no socket can
 * have. */
_must_use_ int client_open(const char *socket, struct client **ret_client,
                           struct complaint *complaint);
void client_close(struct client *client);

/* Sends one command. Returns 0 and the document (owned by the caller), or with a complaint:
 * -ENOTCONN when no daemon could be reached, -EREMOTEIO when it refused the command (the complaint
 * is its own line), -ETIMEDOUT or -EIO when its answer did not come or made no sense (the command
 * may have been done). */
_must_use_ int client_call(struct client *client, const struct command *command,
                           const json_t *arguments, json_t **ret_document,
                           struct complaint *complaint);

#endif
