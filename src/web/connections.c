/* Connections: a bound on what strangers can hold open.
 *
 * libmicrohttpd's timeout counts silence only, so one byte a second keeps a connection for ever;
 * and once its limit is reached it answers nobody. Here each connection has an end that no traffic
 * moves, an address may have only so many, and where the listener is full the oldest goes: whoever
 * comes now is answered.
 *
 * Ending a connection means shutdown(); the descriptor stays the library's, which then sees the end
 * and closes it. */
#include "connections.h"

#include <stdlib.h>
#include <string.h>

static struct in6_addr address_of(const struct sockaddr *from) {
    struct in6_addr address = {0};
    if (from->sa_family == AF_INET6) {
        struct sockaddr_in6 six;
        memcpy(&six, from, sizeof six);
        return six.sin6_addr;
    }
    if (from->sa_family == AF_INET) {
        struct sockaddr_in four;
        memcpy(&four, from, sizeof four);
        address.s6_addr[10] = address.s6_addr[11] = 0xff;
        memcpy(&address.s6_addr[12], &four.sin_addr, sizeof four.sin_addr);
    }
    return address;
}

/* A proxy on this host brings everybody's requests. */
static bool is_local(const struct in6_addr *address) {
    return IN6_IS_ADDR_UNSPECIFIED(address) || IN6_IS_ADDR_LOOPBACK(address) ||
           (IN6_IS_ADDR_V4MAPPED(address) && address->s6_addr[12] == 127);
}

bool connections_admit(const struct connections *list, const struct sockaddr *from) {
    struct in6_addr address = address_of(from);
    if (list->per_address_max == 0 || is_local(&address)) {
        return true;
    }
    uint32_t count = 0;
    for (const struct connection *c = list->oldest; c != NULL; c = c->newer) {
        count += !c->ended && memcmp(&c->address, &address, sizeof address) == 0 ? 1 : 0;
    }
    return count < list->per_address_max;
}

static void end(struct connection *c) {
    if (!c->ended) {
        c->ended = true;
        (void)shutdown(c->fd, SHUT_RDWR); /* fails only when the peer was quicker */
    }
}

static struct connection *first_open(const struct connections *list) {
    struct connection *c = list->oldest;
    while (c != NULL && c->ended) {
        c = c->newer;
    }
    return c;
}

struct connection *connections_add(struct connections *list, int fd, struct mono now) {
    struct sockaddr_storage from = {0};
    socklen_t length = sizeof from;
    struct connection *c = calloc(1, sizeof *c);
    if (c == NULL) {
        abort();
    }
    *c = (struct connection){.fd = fd, .opened_at = now, .older = list->newest};
    if (getpeername(fd, (struct sockaddr *)&from, &length) == 0) {
        c->address = address_of((const struct sockaddr *)&from);
    }
    if (list->newest != NULL) {
        list->newest->newer = c;
    } else {
        list->oldest = c;
    }
    list->newest = c;
    list->count++;
    struct connection *first = first_open(list);
    if (first != NULL && list->count_max > 0 && list->count > list->count_max) {
        end(first);
    }
    return c;
}

void connections_remove(struct connections *list, struct connection *take_connection) {
    struct connection *c = take_connection;
    if (c->older != NULL) {
        c->older->newer = c->newer;
    } else {
        list->oldest = c->newer;
    }
    if (c->newer != NULL) {
        c->newer->older = c->older;
    } else {
        list->newest = c->older;
    }
    list->count--;
    free(c);
}

void connections_expire(struct connections *list, struct mono now) {
    if (list->life.us == 0) {
        return;
    }
    for (struct connection *c = list->oldest; c != NULL; c = c->newer) {
        if (now.us - c->opened_at.us < list->life.us) {
            return; /* all others are younger */
        }
        end(c);
    }
}

bool connections_next(const struct connections *list, struct mono *ret_when) {
    const struct connection *c = first_open(list);
    if (list->life.us == 0 || c == NULL) {
        return false;
    }
    *ret_when = (struct mono){c->opened_at.us + list->life.us};
    return true;
}
