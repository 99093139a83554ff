/* Who is at the other end of a control connection (peer.c); private to this room. */
#ifndef COBI_WEB_PEER_H
#define COBI_WEB_PEER_H

#include "cobi/engine/engine.h"

#define PEER_GROUP_ADMIN "cobid-admin"
#define PEER_GROUP_OPS   "cobid-ops"

/* What the name service said in the last minute: it may be a directory behind a network, and the
 * loop waits for its answer. */
#define PEERS_KNOWN_MAX 8
struct peers {
    struct {
        struct actor actor;
        uint32_t gid;
        int result;
        struct mono until; /* 0: none */
    } known[PEERS_KNOWN_MAX];
    size_t next; /* the place that is given away next */
};
/* Fills in the actor from the credentials of the connected socket. Returns 0, -EACCES when they
 * allow nothing (the actor's uid and user are set all the same), or another negative errno when
 * they cannot be read. A change of groups holds after a minute at most. */
_must_use_ int peer_find(struct peers *peers, int fd, struct mono now, struct actor *ret_actor);

#endif
