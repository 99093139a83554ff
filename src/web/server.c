/* Server: libmicrohttpd on the daemon's loop, one instance for each of the two doors.
 *
 * Its epoll descriptor is a source of the loop and its timeout a timer, so that nothing runs in a
 * thread and an idle daemon sleeps. Connections are bounded by connections.c, requests are answered
 * by exchange.c. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <string.h>
#include <sys/resource.h>

#include "cobi/base/cleanup.h"
#include "cobi/base/log.h"
#include "door.h"
#include "room.h"

#define CONNECTION_MEMORY_BYTES ((intptr_t)16 * 1024)
#define SILENCE_S_MAX           10U
#define CONTROL_SILENCE_S_MAX   60U
#define CONNECTIONS_MAX         4096U
#define CONTROL_CONNECTIONS_MAX 64U
#define SPARE_MAX               64U  /* ended but not yet closed */
#define FILES_RESERVED          192U /* for the rest of the daemon */
#define FILES_SCARCE            1024U
#define PER_ADDRESS_MAX         16U
#define LIFE_US                 (15 * SECOND_US)
#define CONTROL_LIFE_US         (60 * SECOND_US)
#define TIMER_ACCURACY_US       1U /* "at once" must not mean in a while */
#define ROUNDS_MAX              4
#define VAIN_MAX                16U
#define VAIN_PAUSE_US           10000
#define CROWD_MIN               256U

struct web_server {
    struct door doors[2]; /* by enum web_door */
};
/* How many connections the process may open files for. */
struct room_left {
    uint32_t connections, control, spare;
};

struct mono door_now(const struct door *door) {
    uint64_t us = 0;
    int r = sd_event_now(door->loop, CLOCK_MONOTONIC, &us);
    assert(r >= 0);
    return (struct mono){(int64_t)us};
}

static void on_connection(void *user, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode code) {
    struct door *door = user;
    door->events++;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info = MHD_get_connection_info(
            connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        assert(info != NULL);
        *context = connections_add(&door->connections, info->connect_fd, door_now(door));
        door->held++;
    } else if (*context != NULL) {
        connections_remove(&door->connections, *context);
        *context = NULL;
        door->held--;
        door->closed++;
    }
}

/* Paths are compared as they were sent. */
static size_t leave_escaped(void *user, struct MHD_Connection *connection, char *text) {
    (void)user;
    (void)connection;
    return strlen(text);
}

/* Arms the timer for the library's next wish or the next connection whose time is up. */
static void arm(struct door *door, bool at_once) {
    MHD_UNSIGNED_LONG_LONG timeout_ms;
    struct mono when = {0}, now = door_now(door);
    bool wanted = connections_next(&door->connections, &when);
    if (MHD_get_timeout(door->daemon, &timeout_ms) == MHD_YES) {
        int64_t pause_us = timeout_ms == 0 && door->vain > VAIN_MAX ? VAIN_PAUSE_US : 0;
        int64_t silent_us = now.us + (int64_t)timeout_ms * 1000 + pause_us;
        when.us = wanted && when.us < silent_us ? when.us : silent_us;
        wanted = true;
    }
    if (at_once) {
        when = now;
    } else if (wanted && door->armed && door->armed_at.us <= when.us) {
        return; /* it will be looked at again then: not every request moves the timer */
    }
    door->armed = wanted || at_once;
    door->armed_at = when;
    int r = 0;
    if (door->armed) {
        r = sd_event_source_set_time(door->timer, (uint64_t)when.us);
    }
    if (r >= 0) {
        r = sd_event_source_set_enabled(door->timer, door->armed ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
    }
    if (r < 0) {
        log_error("web: the timer cannot be armed: %s", strerror(-r));
    }
}

/* Gives the memory of a crowd back when it has gone. */
static void tidy_up(struct door *door) {
    if (door->held > CROWD_MIN) {
        door->crowded = true;
    } else if (door->crowded && door->held <= CROWD_MIN / 8) {
        door->crowded = false;
        (void)malloc_trim(0); /* whether there was any does not matter */
    }
}

/* Where the library could take nobody in any more, it looks at its listener again only in the round
 * after the one that closed a connection. And it asks to be called at once, for ever, for a
 * connection it can do nothing with, as where a line does not fit its memory: after some rounds in
 * vain it has to wait a little. */
static void run(struct door *door) {
    size_t closed, events = door->events;
    int rounds = 0;
    connections_expire(&door->connections, door_now(door));
    do {
        closed = door->closed;
        if (MHD_run(door->daemon) != MHD_YES) {
            log_error("web: connections cannot be served");
        }
    } while (door->closed != closed && ++rounds < ROUNDS_MAX);
    door->vain = door->events != events ? 0 : door->vain + 1;
    tidy_up(door);
    arm(door, rounds == ROUNDS_MAX);
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *user) {
    (void)source;
    (void)fd;
    (void)events;
    run(user);
    return 0;
}

static int on_timer(sd_event_source *source, uint64_t us, void *user) {
    struct door *door = user;
    (void)source;
    (void)us;
    door->armed = false;
    run(door);
    return 0;
}

static uint32_t smaller(uint64_t a, uint64_t b) {
    return (uint32_t)(a < b ? a : b);
}

/* As many as are wanted, unless the process may not open that many files: then it keeps what it
 * needs itself first. */
static struct room_left room_for(uint32_t wanted) {
    struct rlimit files;
    struct room_left left = {wanted, CONTROL_CONNECTIONS_MAX, SPARE_MAX};
    uint64_t reserve = FILES_RESERVED + left.control + 2 * left.spare;
    if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur == RLIM_INFINITY) {
        return left;
    }
    if (files.rlim_cur >= FILES_SCARCE) {
        left.connections = smaller(files.rlim_cur - reserve, wanted);
        return left;
    }
    left.connections = smaller(files.rlim_cur / 4, wanted);
    left.control = smaller(files.rlim_cur / 16 + 1, left.control);
    left.spare = smaller(files.rlim_cur / 32 + 1, left.spare);
    return left;
}

static void set_limits(struct door *door) {
    const struct web_limits *limits = &door->web->setup.limits;
    struct connections *list = &door->connections;
    struct room_left left = room_for(limits->connections > 0 ? limits->connections
                                                             : CONNECTIONS_MAX);
    connections_init(list);
    door->spare = left.spare;
    if (door->kind == WEB_CONTROL) {
        list->life.us = CONTROL_LIFE_US;
        list->count_max = left.control;
        return;
    }
    list->life.us = limits->connection_life.us > 0 ? limits->connection_life.us : LIFE_US;
    list->per_place_max = limits->connections_per_address > 0 ? limits->connections_per_address
                                                              : PER_ADDRESS_MAX;
    list->count_max = left.connections;
}

static struct MHD_Daemon *start_daemon(struct door *door, int take_fd) {
    struct MHD_OptionItem options[] = {
        {MHD_OPTION_LISTEN_SOCKET, take_fd, NULL},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY_BYTES, NULL},
        {MHD_OPTION_CONNECTION_LIMIT, (intptr_t)(door->connections.count_max + door->spare), NULL},
        {MHD_OPTION_CONNECTION_TIMEOUT,
         door->kind == WEB_CONTROL ? CONTROL_SILENCE_S_MAX : SILENCE_S_MAX, NULL},
        {MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL},
        {MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, NULL},
        {MHD_OPTION_END, 0, NULL},
    };
    return MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, exchange_request, door, MHD_OPTION_ARRAY,
                            options, MHD_OPTION_NOTIFY_CONNECTION, on_connection, door,
                            MHD_OPTION_NOTIFY_COMPLETED, exchange_completed, door,
                            MHD_OPTION_UNESCAPE_CALLBACK, leave_escaped, door,
                            MHD_OPTION_URI_LOG_CALLBACK, exchange_target, door, MHD_OPTION_END);
}

static int watch(struct door *door) {
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(door->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    if (info == NULL) {
        return -ENOTSUP;
    }
    int r = sd_event_add_io(door->loop, &door->io, info->epoll_fd, EPOLLIN, on_io, door);
    if (r < 0) {
        return r;
    }
    r = sd_event_add_time(door->loop, &door->timer, CLOCK_MONOTONIC, 0, TIMER_ACCURACY_US, on_timer,
                          door);
    return r < 0 ? r : sd_event_source_set_enabled(door->timer, SD_EVENT_OFF);
}

/* The listener as the library wants it: a descriptor of its own (whether it closes one when it
 * fails is not said), and one that does not block. */
static int own_listener(int take_fd) {
    int fd = fcntl(take_fd, F_DUPFD_CLOEXEC, 0);
    int error = errno;
    (void)close(take_fd); /* the duplicate stays open */
    if (fd < 0) {
        return -error;
    }
    int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 ? fd : -errno;
}

static int open_door(struct door *door, int take_fd) {
    int fd = own_listener(take_fd);
    if (fd < 0) {
        return fd;
    }
    set_limits(door);
    door->daemon = start_daemon(door, fd);
    return door->daemon != NULL ? watch(door) : -EIO;
}

static void close_door(struct door *door) {
    sd_event_source_disable_unref(door->io);
    sd_event_source_disable_unref(door->timer);
    if (door->daemon != NULL) {
        MHD_stop_daemon(door->daemon); /* closes the listener and every connection */
    }
}

int web_server_open(struct web *web, sd_event *loop, int take_public_fd, int take_control_fd,
                    struct web_server **ret_server) {
    struct web_server *server = calloc(1, sizeof *server);
    if (server == NULL) {
        abort();
    }
    const int fds[] = {[WEB_PUBLIC] = take_public_fd, [WEB_CONTROL] = take_control_fd};
    int r = 0;
    for (size_t i = 0; i < ARRAY_COUNT(fds); i++) {
        server->doors[i] = (struct door){.web = web, .loop = loop, .kind = (enum web_door)i};
        if (fds[i] >= 0 && r < 0) {
            (void)close(fds[i]); /* given to us for nothing */
        } else if (fds[i] >= 0) {
            r = open_door(&server->doors[i], fds[i]);
        }
    }
    if (r < 0) {
        web_server_close(server);
        return r;
    }
    *ret_server = server;
    return 0;
}

void web_server_close(struct web_server *server) {
    if (server == NULL) {
        return;
    }
    for (size_t i = 0; i < ARRAY_COUNT(server->doors); i++) {
        close_door(&server->doors[i]);
    }
    free(server);
}
