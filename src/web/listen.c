/* Listeners: the public TCP socket and the control socket, for a daemon that systemd did not give
 * them to.
 *
 * Must never remove anything but a dead socket of the same path, nor leave a control socket open to
 * others for a moment. */
#include <arpa/inet.h>
#include <errno.h>
#include <grp.h>
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "cobi/base/cleanup.h"
#include "cobi/base/text.h"
#include "cobi/web/web.h"
#include "peer.h"

#define BACKLOG         4096
#define ADDRESS_SIZE    64
#define GROUP_BYTES_MAX 16384
#define CONTROL_MODE    0660

/* "127.0.0.1:8099" or "[::1]:8099" into host and port. */
static bool split_address(const char *address, char host[ADDRESS_SIZE], const char **ret_port) {
    const char *colon = strrchr(address, ':');
    if (colon == NULL || colon == address || colon[1] == '\0' ||
        strspn(colon + 1, "0123456789") != strlen(colon + 1) || strlen(colon + 1) > 5) {
        return false;
    }
    const char *from = address, *to = colon;
    bool bracketed = *from == '[' && to[-1] == ']';
    if (bracketed) {
        from++;
        to--;
    }
    size_t length = (size_t)(to - from);
    if (length == 0 || length >= ADDRESS_SIZE || bracketed != (memchr(from, ':', length) != NULL)) {
        return false;
    }
    memcpy(host, from, length);
    host[length] = '\0';
    *ret_port = colon + 1;
    return true;
}

static int listen_on(const struct addrinfo *found) {
    _cleanup_close_ int fd = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
                                    0);
    int on = 1;
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        (found->ai_family == AF_INET6 &&
         setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) < 0) ||
        bind(fd, found->ai_addr, found->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0) {
        return -errno;
    }
    return take_fd(&fd);
}

int listen_public(const char *address, struct complaint *complaint) {
    char host[ADDRESS_SIZE];
    const char *port;
    struct addrinfo *found = NULL;
    const struct addrinfo hints = {
        .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
        .ai_socktype = SOCK_STREAM,
    };
    if (!split_address(address, host, &port) || strtol(port, NULL, 10) > 65535 ||
        getaddrinfo(host, port, &hints, &found) != 0) {
        return complain(
            complaint, -EINVAL,
            "listen = \"%s\" is no address and port: write \"127.0.0.1:8099\" or \"[::1]:8099\"",
            address);
    }
    int fd = listen_on(found);
    freeaddrinfo(found);
    if (fd < 0) {
        return complain(complaint, fd, "cannot listen on %s: %s", address, strerror(-fd));
    }
    return fd;
}

/* Makes way at the path: nothing there, or a socket that nobody listens on. Returns 0 or a negative
 * errno. */
static int remove_dead(const char *path, const struct sockaddr_un *name) {
    struct stat status;
    if (lstat(path, &status) < 0) {
        return errno == ENOENT ? 0 : -errno;
    }
    if (!S_ISSOCK(status.st_mode)) {
        return -EEXIST;
    }
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    int r = connect(fd, (const struct sockaddr *)name, sizeof *name) < 0 ? -errno : 0;
    if (r == -ENOENT) {
        return 0; /* gone in this moment */
    }
    if (r != -ECONNREFUSED) {
        return -EADDRINUSE;
    }
    return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

/* Lets the group in, where it exists and we may give it. */
static void give_to_group(const char *path) {
    struct group group, *found = NULL;
    _cleanup_free_ char *buffer = malloc(GROUP_BYTES_MAX);
    if (buffer == NULL) {
        abort();
    }
    if (getgrnam_r(PEER_GROUP_OPS, &group, buffer, GROUP_BYTES_MAX, &found) == 0 && found != NULL) {
        /* Not ours to give without being its member or root: then only root and our own user get
         * in. */
        int r = lchown(path, (uid_t)-1, found->gr_gid);
        (void)r;
    }
}

static int bind_control(int fd, const char *path, const struct sockaddr_un *name) {
    /* The socket is made closed to everybody (bind takes the mode from here) and opened when it has
     * its group. */
    if (fchmod(fd, 0600) < 0 || bind(fd, (const struct sockaddr *)name, sizeof *name) < 0) {
        return -errno;
    }
    give_to_group(path);
    if (chmod(path, CONTROL_MODE) < 0 || listen(fd, BACKLOG) < 0) {
        return -errno;
    }
    return 0;
}

int listen_control(const char *path, struct complaint *complaint) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    if (text_copy(name.sun_path, sizeof name.sun_path, path) < 0 || path[0] != '/') {
        return complain(complaint, -EINVAL,
                        "control_socket = \"%s\" must be an absolute path of at most 107 bytes",
                        path);
    }
    int r = remove_dead(path, &name);
    if (r == -EADDRINUSE) {
        return complain(complaint, r,
                        "%s: somebody listens there already: is another daemon running?", path);
    }
    if (r < 0) {
        return complain(complaint, r, "%s: cannot be replaced: %s", path, strerror(-r));
    }
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    r = fd < 0 ? -errno : bind_control(fd, path, &name);
    if (r < 0) {
        return complain(complaint, r, "%s: cannot listen: %s", path, strerror(-r));
    }
    return take_fd(&fd);
}
