/* Who is at the other end of a control connection (peer.c); private to this room. */
#ifndef COBI_WEB_PEER_H
#define COBI_WEB_PEER_H

#include "cobi/engine/engine.h"

#define PEER_GROUP_ADMIN "cobid-admin"
#define PEER_GROUP_OPS   "cobid-ops"

/* Fills in the actor from the credentials of the connected socket. Returns 0, -EACCES when they
 * allow nothing (the actor's uid and user are set all the same), or another negative errno when
 * they cannot be read. */
_must_use_ int peer_find(int fd, struct actor *ret_actor);

#endif
