/* web_fixture: the web room's two doors with a stand-in engine behind them, for system tests.
 *
 * Usage: web_fixture SOCKET LIFE_MS CONNECTIONS. Listens on a free port of 127.0.0.1 and on the
 * Unix socket, prints "ready PORT" and serves until its standard input ends. Then prints how many
 * commands and acknowledgements arrived. */
#include <arpa/inet.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "../unit/fake_engine.h"
#include "cobi/base/cleanup.h"
#include "cobi/web/web.h"

static int on_input(sd_event_source *source, int fd, uint32_t events, void *user) {
    char byte;
    (void)events;
    (void)user;
    return read(fd, &byte, 1) > 0 ? 0 : sd_event_exit(sd_event_source_get_event(source), 0);
}

/* A feed of 60 KB, so that not all of it fits into one write. */
static int serve(sd_event *loop, const char *socket_path, int64_t life_ms, uint32_t connections) {
    struct engine engine = fake_engine();
    struct config config = {.public_url = "http://127.0.0.1",
                            .sender = {.calendar_email = "no-reply@appointments.example"}};
    const struct web_setup setup = {
        .engine = &engine,
        .config = &config,
        .limits = {.connection_life = {life_ms * 1000}, .connections = connections},
    };
    struct web *web = NULL;
    struct web_server *server = NULL;
    struct complaint complaint = {0};
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    engine.build_padding = 60000;
    int public_fd = listen_public("127.0.0.1:0", &complaint);
    int control_fd = listen_control(socket_path, &complaint);
    if (public_fd < 0 || control_fd < 0 ||
        getsockname(public_fd, (struct sockaddr *)&address, &length) < 0) {
        fprintf(stderr, "%s\n", complaint.text);
        return 1;
    }
    if (web_open(&setup, &web) < 0 ||
        web_server_open(web, loop, public_fd, control_fd, &server) < 0) {
        return 1;
    }
    printf("ready %u\n", ntohs(address.sin_port));
    (void)fflush(stdout); /* the test waits for it and would say so */
    int r = sd_event_loop(loop);
    web_server_close(server);
    web_free(web);
    printf("commands %u acks %u\n", engine.commands, engine.acks);
    return r < 0 ? 1 : 0;
}

int main(int argc, char **argv) {
    sd_event *loop = NULL;
    if (argc != 4 || sd_event_default(&loop) < 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR ||
        sd_event_add_io(loop, NULL, STDIN_FILENO, EPOLLIN, on_input, NULL) < 0) {
        return 2;
    }
    int r = serve(loop, argv[1], strtol(argv[2], NULL, 10), (uint32_t)strtoul(argv[3], NULL, 10));
    sd_event_unref(loop);
    return r;
}
