/* The open connections of one listener (connections.c); private to this room. */
#ifndef COBI_WEB_CONNECTIONS_H
#define COBI_WEB_CONNECTIONS_H

#include "cobi/engine/engine.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/socket.h>

enum peer_access { PEER_UNKNOWN, PEER_ALLOWED, PEER_REFUSED };
/* Has it had an answer yet? */
enum connection_kind { CONNECTION_FRESH, CONNECTION_SERVED, CONNECTION_KIND_COUNT };
struct connection {
    TAILQ_ENTRY(connection) by_age, by_kind, by_place;
    int fd; /* the library's */
    struct mono opened_at;
    uint64_t place; /* whom it counts for: an IPv4 address, a /64 of IPv6; 0: nobody */
    bool ended;     /* shut down, in no list; the library is about to close it */
    enum connection_kind kind;
    enum peer_access access; /* control connections: looked up with the first request */
    struct actor actor;
    size_t target_length; /* of the request's target as the library reads it */
};
TAILQ_HEAD(connection_list, connection);
enum { CONNECTION_BUCKETS = 1024 };
struct connections {
    struct connection_list all; /* this and all others: oldest first */
    struct connection_list kinds[CONNECTION_KIND_COUNT];
    size_t counts[CONNECTION_KIND_COUNT];
    struct connection_list buckets[CONNECTION_BUCKETS]; /* a place is in one of them */
    uint64_t seed;                                      /* strangers do not choose their bucket */
    struct span life;                                   /* 0: no limit */
    uint32_t per_place_max;                             /* 0: no limit */
    uint32_t count_max;                                 /* 0: no limit */
};

void connections_init(struct connections *list);
/* Takes one more in. Who must give way to it is ended: the oldest of its place, and where the
 * listener is full the oldest of the more numerous kind. */
struct connection *connections_add(struct connections *list, int fd, struct mono now);
/* The same for a connection of that address. */
struct connection *connections_add_from(struct connections *list, int fd,
                                        const struct sockaddr *from, struct mono now);
/* It has had an answer to its end. */
void connections_served(struct connections *list, struct connection *c);
void connections_remove(struct connections *list, struct connection *take_connection);
/* Ends those whose time is up. */
void connections_expire(struct connections *list, struct mono now);
/* When the next one's time is up; false when none is. */
bool connections_next(const struct connections *list, struct mono *ret_when);

#endif
