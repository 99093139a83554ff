/* Connections: a bound on what strangers can hold open.
 *
 * libmicrohttpd's timeout counts silence only, so one byte a second keeps a connection for ever;
 * and once its limit is reached it answers nobody. Here each connection has an end that no traffic
 * moves, and nobody who comes is refused: the oldest gives way. Where one address has too many it
 * is that address's oldest. Where the listener is full it is the oldest of the more numerous kind,
 * those that have had an answer or those that have not: so a crowd that asks nothing pushes out
 * itself and not the proxy's connections, a crowd that asked once does not push out who is just
 * asking, and whoever comes keeps its place until half a listener of others has come after it.
 *
 * Ending a connection means shutdown(); the descriptor stays the library's, which then sees the end
 * and closes it. */
#include "connections.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

void connections_init(struct connections *list) {
    *list = (struct connections){0};
    TAILQ_INIT(&list->all);
    for (size_t i = 0; i < CONNECTION_KIND_COUNT; i++) {
        TAILQ_INIT(&list->kinds[i]);
    }
    for (size_t i = 0; i < CONNECTION_BUCKETS; i++) {
        TAILQ_INIT(&list->buckets[i]);
    }
    if (getrandom(&list->seed, sizeof list->seed, 0) != (ssize_t)sizeof list->seed) {
        abort(); /* cannot fail for so few bytes */
    }
}

/* Whom a connection counts for. A household or a server has a whole /64 of IPv6; a proxy on this
 * host brings everybody's requests, so loopback and Unix sockets are nobody. */
static uint64_t place_of(const struct sockaddr *from) {
    struct sockaddr_in four = {0};
    struct sockaddr_in6 six = {0};
    uint64_t prefix;
    if (from->sa_family == AF_INET6) {
        memcpy(&six, from, sizeof six);
        memcpy(&four.sin_addr, &six.sin6_addr.s6_addr[12], sizeof four.sin_addr);
    } else if (from->sa_family == AF_INET) {
        memcpy(&four, from, sizeof four);
    }
    if (from->sa_family == AF_INET6 && !IN6_IS_ADDR_V4MAPPED(&six.sin6_addr)) {
        memcpy(&prefix, six.sin6_addr.s6_addr, sizeof prefix);
        return prefix; /* 0 for ::1 */
    }
    uint32_t address = ntohl(four.sin_addr.s_addr);
    return address >> 24 == IN_LOOPBACKNET ? 0 : address;
}

static struct connection_list *bucket_of(struct connections *list, uint64_t place) {
    uint64_t mixed = (place ^ list->seed) * UINT64_C(0x9e3779b97f4a7c15);
    mixed = (mixed ^ (mixed >> 32)) * (list->seed | 1);
    return &list->buckets[(mixed >> 40) % CONNECTION_BUCKETS];
}

static void take_out(struct connections *list, struct connection *c) {
    assert(c != NULL);
    TAILQ_REMOVE(&list->all, c, by_age);
    TAILQ_REMOVE(&list->kinds[c->kind], c, by_kind);
    list->counts[c->kind]--;
    if (c->place != 0) {
        TAILQ_REMOVE(bucket_of(list, c->place), c, by_place);
    }
}

static void end(struct connections *list, struct connection *c) {
    take_out(list, c);
    c->ended = true;
    (void)shutdown(c->fd, SHUT_RDWR); /* fails only when the peer was quicker */
}

/* Makes way at its place, if that has too many. */
static void make_way_at(struct connections *list, const struct connection_list *bucket,
                        uint64_t place) {
    struct connection *oldest = NULL;
    uint32_t count = 0;
    struct connection *c;
    TAILQ_FOREACH(c, bucket, by_place) {
        if (c->place == place) {
            oldest = oldest != NULL ? oldest : c;
            count++;
        }
    }
    if (list->per_place_max > 0 && count > list->per_place_max) {
        end(list, oldest);
    }
}

static void make_way(struct connections *list) {
    const size_t *counts = list->counts;
    if (list->count_max > 0 &&
        counts[CONNECTION_FRESH] + counts[CONNECTION_SERVED] > list->count_max) {
        bool served = counts[CONNECTION_SERVED] > counts[CONNECTION_FRESH];
        end(list, TAILQ_FIRST(&list->kinds[served ? CONNECTION_SERVED : CONNECTION_FRESH]));
    }
}

struct connection *connections_add_from(struct connections *list, int fd,
                                        const struct sockaddr *from, struct mono now) {
    struct connection *c = calloc(1, sizeof *c);
    if (c == NULL) {
        abort();
    }
    *c = (struct connection){.fd = fd, .opened_at = now, .place = place_of(from)};
    TAILQ_INSERT_TAIL(&list->all, c, by_age);
    TAILQ_INSERT_TAIL(&list->kinds[CONNECTION_FRESH], c, by_kind);
    list->counts[CONNECTION_FRESH]++;
    if (c->place != 0) {
        struct connection_list *bucket = bucket_of(list, c->place);
        TAILQ_INSERT_TAIL(bucket, c, by_place);
        make_way_at(list, bucket, c->place);
    }
    make_way(list);
    return c;
}

struct connection *connections_add(struct connections *list, int fd, struct mono now) {
    struct sockaddr_storage from = {0};
    socklen_t length = sizeof from;
    if (getpeername(fd, (struct sockaddr *)&from, &length) < 0) {
        from.ss_family = AF_UNSPEC; /* gone already */
    }
    return connections_add_from(list, fd, (const struct sockaddr *)&from, now);
}

void connections_served(struct connections *list, struct connection *c) {
    if (c->ended || c->kind == CONNECTION_SERVED) {
        return;
    }
    TAILQ_REMOVE(&list->kinds[CONNECTION_FRESH], c, by_kind);
    list->counts[CONNECTION_FRESH]--;
    c->kind = CONNECTION_SERVED;
    TAILQ_INSERT_TAIL(&list->kinds[CONNECTION_SERVED], c, by_kind);
    list->counts[CONNECTION_SERVED]++;
}

void connections_remove(struct connections *list, struct connection *take_connection) {
    if (!take_connection->ended) {
        take_out(list, take_connection);
    }
    free(take_connection);
}

void connections_expire(struct connections *list, struct mono now) {
    struct connection *c = TAILQ_FIRST(&list->all);
    while (list->life.us > 0 && c != NULL && now.us - c->opened_at.us >= list->life.us) {
        end(list, c);
        c = TAILQ_FIRST(&list->all);
    }
}

bool connections_next(const struct connections *list, struct mono *ret_when) {
    const struct connection *c = TAILQ_FIRST(&list->all);
    if (list->life.us == 0 || c == NULL) {
        return false;
    }
    *ret_when = (struct mono){c->opened_at.us + list->life.us};
    return true;
}
