/* stub: a gateway that accepts every POST at once, so that what is measured is what sends to it.
 *
 * Usage: stub. Listens on a free port of 127.0.0.1 and prints "port PORT". One thread, one epoll;
 * connections are kept. A line on standard input is a question: "count" answers "COUNT FIRST_US
 * LAST_US" (of the POSTs read whole, on the monotonic clock), "forget" sets them to nothing and
 * answers "ok", "body" answers with the first POST's body, hexadecimal, which "forget" keeps. Ends
 * with its standard input. Every answer has an id of its own, as gateways give. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 1024, REQUEST_BYTES_MAX = 16384, EVENTS_MAX = 64 };

struct peer {
    size_t length;
    char bytes[REQUEST_BYTES_MAX + 1];
};
struct stub {
    int epoll, listener;
    struct peer *peers[CONNECTIONS_MAX]; /* by descriptor */
    uint64_t count, number;
    int64_t first_us, last_us;
    char body[REQUEST_BYTES_MAX];
    size_t body_length;
};

static void die(const char *what) {
    (void)fprintf(stderr, "stub: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int64_t now_us(void) {
    struct timespec t;
    if (clock_gettime(CLOCK_MONOTONIC, &t) < 0) {
        die("clock");
    }
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void watch(const struct stub *stub, int fd) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(stub->epoll, EPOLL_CTL_ADD, fd, &event) < 0) {
        die("epoll");
    }
}

static void open_listener(struct stub *stub) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    stub->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (stub->listener < 0 || bind(stub->listener, (struct sockaddr *)&address, length) < 0 ||
        listen(stub->listener, 256) < 0 ||
        getsockname(stub->listener, (struct sockaddr *)&address, &length) < 0) {
        die("listen");
    }
    (void)printf("port %u\n", ntohs(address.sin_port));
}

static void accept_one(struct stub *stub) {
    int fd = accept4(stub->listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0 || fd >= CONNECTIONS_MAX) {
        die("accept");
    }
    stub->peers[fd] = calloc(1, sizeof *stub->peers[fd]);
    if (stub->peers[fd] == NULL) {
        abort();
    }
    watch(stub, fd);
}

static void drop(struct stub *stub, int fd) {
    free(stub->peers[fd]);
    stub->peers[fd] = NULL;
    (void)close(fd); /* the peer was quicker or sent what is no request */
}

/* Length of the first request in the buffer, 0 while it is not whole, SIZE_MAX when it is none. */
static size_t request_length(const char *bytes, size_t length, const char **ret_body,
                             size_t *ret_body_length) {
    static const char name[] = "\r\nContent-Length:";
    const char *end = memmem(bytes, length, "\r\n\r\n", 4);
    if (end == NULL) {
        return length == REQUEST_BYTES_MAX ? SIZE_MAX : 0;
    }
    const char *header = strcasestr(bytes, name);
    if (header == NULL || header > end) {
        return SIZE_MAX;
    }
    *ret_body = end + 4;
    *ret_body_length = strtoul(header + strlen(name), NULL, 10);
    size_t whole = (size_t)(*ret_body - bytes) + *ret_body_length;
    return whole > REQUEST_BYTES_MAX ? SIZE_MAX : whole > length ? 0 : whole;
}

static void note(struct stub *stub, const char *body, size_t length) {
    stub->last_us = now_us();
    stub->first_us = stub->count == 0 ? stub->last_us : stub->first_us;
    stub->count++;
    stub->number++;
    if (stub->body_length == 0) {
        memcpy(stub->body, body, length);
        stub->body_length = length;
    }
}

static bool answer(const struct stub *stub, int fd) {
    char body[64], text[256];
    int length = snprintf(body, sizeof body, "{\"id\":\"gw-%llu\"}",
                          (unsigned long long)stub->number);
    length = snprintf(
        text, sizeof text,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", length,
        body);
    return send(fd, text, (size_t)length, MSG_NOSIGNAL) == length;
}

static void serve(struct stub *stub, int fd) {
    struct peer *peer = stub->peers[fd];
    ssize_t got = recv(fd, peer->bytes + peer->length, REQUEST_BYTES_MAX - peer->length, 0);
    if (got <= 0) {
        drop(stub, fd);
        return;
    }
    peer->length += (size_t)got;
    peer->bytes[peer->length] = '\0';
    const char *body = NULL;
    size_t body_length = 0, whole;
    while ((whole = request_length(peer->bytes, peer->length, &body, &body_length)) > 0) {
        if (whole == SIZE_MAX) {
            drop(stub, fd);
            return;
        }
        note(stub, body, body_length);
        if (!answer(stub, fd)) {
            drop(stub, fd);
            return;
        }
        peer->length -= whole;
        memmove(peer->bytes, peer->bytes + whole, peer->length + 1);
    }
}

static void print_body(const struct stub *stub) {
    for (size_t i = 0; i < stub->body_length; i++) {
        (void)printf("%02x", (unsigned char)stub->body[i]);
    }
    (void)printf("\n");
}

/* Returns false at the end of standard input. */
static bool ask(struct stub *stub) {
    char line[64];
    ssize_t got = read(STDIN_FILENO, line, sizeof line - 1);
    if (got <= 0) {
        return false;
    }
    line[got] = '\0';
    if (strcmp(line, "forget\n") == 0) {
        stub->count = 0;
        (void)printf("ok\n");
    } else if (strcmp(line, "body\n") == 0) {
        print_body(stub);
    } else {
        (void)printf("%llu %lld %lld\n", (unsigned long long)stub->count, (long long)stub->first_us,
                     (long long)stub->last_us);
    }
    return true;
}

int main(void) {
    static struct stub stub;
    struct epoll_event events[EVENTS_MAX];
    bool asked = true;
    (void)setvbuf(stdout, NULL, _IOLBF, 0); /* else answers come when nobody waits any more */
    stub.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (stub.epoll < 0) {
        die("epoll");
    }
    open_listener(&stub);
    watch(&stub, stub.listener);
    watch(&stub, STDIN_FILENO);
    while (asked) {
        int count = epoll_wait(stub.epoll, events, EVENTS_MAX, -1);
        for (int i = 0; i < count && asked; i++) {
            int fd = events[i].data.fd;
            if (fd == STDIN_FILENO) {
                asked = ask(&stub);
            } else if (fd == stub.listener) {
                accept_one(&stub);
            } else {
                serve(&stub, fd);
            }
        }
    }
    return 0;
}
