/* The open connections of one listener, oldest first (connections.c); private to this room. */
#ifndef COBI_WEB_CONNECTIONS_H
#define COBI_WEB_CONNECTIONS_H

#include "cobi/engine/engine.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum peer_access { PEER_UNKNOWN, PEER_ALLOWED, PEER_REFUSED };
struct connection {
    struct connection *older, *newer;
    int fd; /* the library's */
    struct mono opened_at;
    struct in6_addr address; /* IPv4 as ::ffff:a.b.c.d; all zero on Unix sockets */
    bool ended;              /* we have shut it down; the library is about to close it */
    enum peer_access access; /* control connections: looked up with the first request */
    struct actor actor;
};
struct connections {
    struct connection *oldest, *newest;
    size_t count;
    struct span life;         /* 0: no limit */
    uint32_t per_address_max; /* 0: no limit */
    uint32_t count_max;       /* one more, and the oldest is ended */
};

/* May one more come in from there? */
bool connections_admit(const struct connections *list, const struct sockaddr *from);
struct connection *connections_add(struct connections *list, int fd, struct mono now);
void connections_remove(struct connections *list, struct connection *take_connection);
/* Ends those whose time is up. */
void connections_expire(struct connections *list, struct mono now);
/* When the next one's time is up; false when none is. */
bool connections_next(const struct connections *list, struct mono *ret_when);

#endif
