/* A listener and its requests: server.c keeps the connections, exchange.c answers on them; private
 * to this room. */
#ifndef COBI_WEB_DOOR_H
#define COBI_WEB_DOOR_H

#include "cobi/web/web.h"
#include "connections.h"
#include "peer.h"

#include <microhttpd.h>

struct door {
    struct web *web;
    sd_event *loop;
    enum web_door kind;
    uint32_t spare; /* connections that are ended but not yet closed */
    struct MHD_Daemon *daemon;
    sd_event_source *io, *timer;
    bool armed; /* the timer, for then */
    struct mono armed_at;
    struct connections connections;
    struct peers peers;  /* control socket */
    size_t events;       /* of any kind that the library told of */
    unsigned vain;       /* rounds since the last of them */
    size_t held, closed; /* by the library: open now, and closed so far */
    bool crowded;        /* many were held since memory was given back */
};
/* server.c: the same moment for one turn of the loop. */
struct mono door_now(const struct door *door);
/* exchange.c: libmicrohttpd's callbacks; user is the door. */
void *exchange_target(void *user, const char *target, struct MHD_Connection *connection);
enum MHD_Result exchange_request(void *user, struct MHD_Connection *connection, const char *url,
                                 const char *method, const char *version, const char *upload,
                                 size_t *upload_length, void **context);
void exchange_completed(void *user, struct MHD_Connection *connection, void **context,
                        enum MHD_RequestTerminationCode code);

#endif
