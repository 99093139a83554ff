/* asks: one request again and again over kept connections, by a client that costs as little as it
 * can, so that the server is what is measured.
 *
 * Usage: asks PORT CONNECTIONS MILLISECONDS STATUS FILE. FILE holds the request as it goes over the
 * wire. Every answer must have that status; bodies are counted by Content-Length (none with 304)
 * and thrown away in the kernel. A connection that the server ends is made anew. Prints "ANSWERS
 * SECONDS CONNECTIONS". Exit 1 when anything else than that status came. */
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

enum {
    CONNECTIONS_MAX = 256,
    REQUEST_BYTES_MAX = 16384,
    HEAD_BYTES_MAX = 8192,
    DISCARD_BYTES = 1 << 20
};

struct line {
    int fd;
    char head[HEAD_BYTES_MAX + 1];
    size_t head_length;
    uint64_t body_left;
    bool in_body, closing;
};
struct client {
    int epoll;
    uint16_t port;
    long status;
    char request[REQUEST_BYTES_MAX];
    size_t request_length;
    struct line lines[CONNECTIONS_MAX];
    uint64_t answers, opened;
};

static void die(const char *what) {
    (void)fprintf(stderr, "asks: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double now_s(void) {
    struct timespec t;
    if (clock_gettime(CLOCK_MONOTONIC, &t) < 0) {
        die("clock");
    }
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void ask(const struct client *c, const struct line *line) {
    if (send(line->fd, c->request, c->request_length, MSG_NOSIGNAL) != (ssize_t)c->request_length) {
        die("send"); /* a request fits into an empty socket */
    }
}

static void open_line(struct client *c, struct line *line) {
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons(c->port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = line};
    *line = (struct line){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (line->fd < 0 || connect(line->fd, (const struct sockaddr *)&address, sizeof address) < 0 ||
        epoll_ctl(c->epoll, EPOLL_CTL_ADD, line->fd, &event) < 0) {
        die("connect");
    }
    c->opened++;
    ask(c, line);
}

static const char *header(const char *head, const char *name) {
    const char *found = strcasestr(head, name);
    return found == NULL ? NULL : found + strlen(name) + strspn(found + strlen(name), " ");
}

/* The head is whole: what it says about the rest. */
static void read_head(const struct client *c, struct line *line, size_t length) {
    char *end = line->head + length;
    const size_t more = line->head_length - length;
    *end = '\0';
    const long status = strtol(strchr(line->head, ' ') != NULL ? strchr(line->head, ' ') : "0",
                               NULL, 10);
    if (status != c->status) {
        (void)fprintf(stderr, "asks: status %ld\n", status);
        exit(1);
    }
    const char *bytes = header(line->head, "\r\nContent-Length:"),
               *connection = header(line->head, "\r\nConnection:");
    line->body_left = bytes != NULL && status != 304 ? strtoull(bytes, NULL, 10) : 0;
    line->closing = connection != NULL && strncasecmp(connection, "close", 5) == 0;
    line->in_body = true;
    if (more > line->body_left) {
        (void)fprintf(stderr, "asks: bytes that belong to no answer\n");
        exit(1);
    }
    line->body_left -= more;
    line->head_length = 0;
}

static bool take_head(const struct client *c, struct line *line) {
    const ssize_t got = recv(line->fd, line->head + line->head_length,
                             HEAD_BYTES_MAX - line->head_length, MSG_DONTWAIT);
    if (got <= 0) {
        return got < 0 && errno == EAGAIN;
    }
    line->head_length += (size_t)got;
    const char *end = memmem(line->head, line->head_length, "\r\n\r\n", 4);
    if (end != NULL) {
        read_head(c, line, (size_t)(end + 4 - line->head));
    }
    return true;
}

/* Linux takes the bytes of a TCP socket away without copying them. */
static bool take_body(struct line *line) {
    while (line->body_left > 0) {
        const size_t most = line->body_left < DISCARD_BYTES ? (size_t)line->body_left
                                                            : DISCARD_BYTES;
        const ssize_t got = recv(line->fd, NULL, most, MSG_DONTWAIT | MSG_TRUNC);
        if (got <= 0) {
            return got < 0 && errno == EAGAIN;
        }
        line->body_left -= (uint64_t)got;
    }
    return true;
}

static void reopen(struct client *c, struct line *line) {
    (void)close(line->fd); /* nothing more is wanted of it */
    open_line(c, line);
}

static void on_readable(struct client *c, struct line *line) {
    const bool alive = (line->in_body || take_head(c, line)) && (!line->in_body || take_body(line));
    if (!alive) {
        reopen(c, line);
        return;
    }
    if (!line->in_body || line->body_left > 0) {
        return;
    }
    c->answers++;
    line->in_body = false;
    if (line->closing) {
        reopen(c, line);
    } else {
        ask(c, line);
    }
}

static void read_request(struct client *c, const char *name) {
    FILE *file = fopen(name, "rb");
    if (file == NULL) {
        die(name);
    }
    c->request_length = fread(c->request, 1, sizeof c->request, file);
    (void)fclose(file); /* only read from */
}

int main(int argc, char **argv) {
    static struct client c;
    struct epoll_event events[CONNECTIONS_MAX];
    if (argc != 6) {
        (void)fprintf(stderr, "usage: asks PORT CONNECTIONS MILLISECONDS STATUS FILE\n");
        return 2;
    }
    const unsigned long connections = strtoul(argv[2], NULL, 10);
    const double length_s = strtod(argv[3], NULL) / 1e3;
    c.port = (uint16_t)strtoul(argv[1], NULL, 10);
    c.status = strtol(argv[4], NULL, 10);
    read_request(&c, argv[5]);
    c.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (c.epoll < 0 || connections < 1 || connections > CONNECTIONS_MAX) {
        die("connections");
    }
    const double begun_s = now_s();
    for (unsigned long i = 0; i < connections; i++) {
        open_line(&c, &c.lines[i]);
    }
    while (now_s() - begun_s < length_s) {
        const int count = epoll_wait(c.epoll, events, CONNECTIONS_MAX, 100);
        for (int i = 0; i < count; i++) {
            on_readable(&c, events[i].data.ptr);
        }
    }
    (void)printf("%llu %.6f %llu\n", (unsigned long long)c.answers, now_s() - begun_s,
                 (unsigned long long)c.opened);
    return 0;
}
