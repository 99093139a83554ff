/* The loop: one thread, sd-event; the engine's world made of clock, curl and libmicrohttpd.
 *
 * A pass of the loop runs one tick, a bounded batch; while more is due it comes again after pages
 * and answers had their turn. The watchdog is pinged only by a self-audit that could read the
 * store. How it fails: a store that is locked or full is tried again; one that can no longer be
 * trusted ends the process, and the next start reads again. */
#include <assert.h>
#include <errno.h>
#include <openssl/rand.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "cobi/base/cleanup.h"
#include "cobi/base/log.h"
#include "cobi/transport/credential.h"
#include "daemon.h"

/* Once the clock was set: time for who set it to say that it is right now. */
#define AUDIT_SOON_US (2 * UINT64_C(1000000))
/* While others are under way an answer waits so long for theirs: a commit costs the same for one as
 * for many. */
#define GATHER_US (2 * UINT64_C(1000))
enum { GATHER_MAX = 32, SETTLE_MAX = 64 };
#define RETRY_AFTER_US (1 * UINT64_C(1000000))
#define DISK_AFTER_US  (5 * UINT64_C(1000000))

/* ---- the engine's world ---- */

static struct instant world_now(void *world) {
    return clock_now(world);
}

static void world_random(void *world, void *buffer, size_t length) {
    (void)world;
    if (RAND_bytes(buffer, (int)length) != 1) {
        log_error("no randomness");
        abort();
    }
}

static void world_wake_at(void *world, struct instant when) {
    struct daemon *d = world;

    d->wake = when;
    clock_arm(d);
    if (instant_cmp(when, clock_now(d)) <= 0) {
        loop_poke(d);
    }
}

static int world_send(void *world, const struct outgoing *message) {
    struct daemon *d = world;

    return transport_send(d->transport, message);
}

/* ---- what the store says ---- */

static void give_up(struct daemon *d, const char *what) {
    log_error("%s: %s; ending, the next start reads again", what, store_error_text(d->store));
    notice_end(store_error_text(d->store));
    d->exit_code = EXIT_STORE;
    (void)sd_event_exit(d->loop, EXIT_STORE); /* the loop is there */
}

static void set_store_trouble(struct daemon *d, const char *trouble) {
    if (strcmp(d->store_trouble, trouble) == 0) {
        return; /* said already; health and the status say it as long as it lasts */
    }
    struct text t = TEXT_IN(d->store_trouble);
    text_addf(&t, "%s", trouble);
    if (*trouble) {
        log_error("the database: %s; trying again until it works", trouble);
    } else {
        log_notice("the store works again");
    }
    notice_status(d);
}

void loop_note_full(struct daemon *d) {
    struct text t = TEXT_IN(d->disk_trouble);

    text_addf(&t, "the disk of state_dir is full: make room; the reserve is used now");
    log_error("%s", d->disk_trouble);
    d->disk_alarm = true;
    if (d->engine) {
        notice_status(d);
    }
}

/* A locked or full store is tried again in a second; nothing was promised meanwhile. A full disk
 * gets the reserve at once. */
static void note_store(struct daemon *d, int r) {
    if (r >= 0) {
        set_store_trouble(d, "");
        return;
    }
    if (store_fatal(d->store)) {
        give_up(d, "the store failed");
        return;
    }
    set_store_trouble(d, store_error_text(d->store));
    if (r == -ENOSPC && reserve_give_up(d->setup.config->state_dir)) {
        loop_note_full(d);
        loop_poke(d);
    }
    (void)sd_event_source_set_time_relative(d->retry_source, RETRY_AFTER_US);
    (void)sd_event_source_set_enabled(d->retry_source, SD_EVENT_ONESHOT);
}

/* A command was not kept: what the store said is taken note of. */
static void on_refused(void *user) {
    struct daemon *d = user;

    if (store_full(d->store) || store_fatal(d->store)) {
        note_store(d, store_full(d->store) ? -ENOSPC : -EIO);
    }
}

/* Kept in the room that the reserve has left, and so sent: somebody must make room. */
static int tell_operator(struct daemon *d) {
    if (!d->disk_alarm) {
        return 0;
    }
    const int r = engine_alarm(d->engine, "disk",
                               "The disk that holds the database is full or nearly full. Make room "
                               "at once: without it no outcome is kept and nobody is reminded.");

    d->disk_alarm = r < 0;
    return r;
}

void loop_poke(struct daemon *d) {
    if (d->tick_source) {
        (void)sd_event_source_set_enabled(
            d->tick_source, SD_EVENT_ONESHOT); /* a source of ours can always be enabled */
    }
}

/* One turn of the engine, with the answers that have come since the last: one commit for all of it.
 * What the store cannot take now stays here, and what is more than a turn should do, for the next.
 */
static int run_pass(struct daemon *d) {
    const size_t count = d->answer_count < SETTLE_MAX ? d->answer_count : SETTLE_MAX;
    const int r = engine_pass(d->engine, d->answers, count);

    note_store(d, r);
    if (r < 0) {
        return r;
    }
    d->answer_count -= count;
    memmove(d->answers, d->answers + count, d->answer_count * sizeof *d->answers);
    return d->answer_count > 0 ? 1 : r;
}

static int on_tick(sd_event_source *source, uint64_t at, void *user) {
    struct daemon *d = user;
    int r = tell_operator(d);

    (void)source;
    (void)at;
    if (r < 0) {
        note_store(d, r);
        return 0;
    }
    r = run_pass(d);
    if (r > 0 || (r == 0 && clock_step(d))) {
        loop_poke(d);
    }
    return 0;
}

static int on_wake(sd_event_source *source, int fd, uint32_t events, void *user) {
    struct daemon *d = user;
    uint64_t count;

    (void)source;
    (void)events;
    if (read(fd, &count, sizeof count) < 0 && errno == ECANCELED) {
        log_notice("the system's clock was set");
        clock_arm(d);
        (void)sd_event_source_set_time_relative(d->audit_source, AUDIT_SOON_US);
    }
    loop_poke(d);
    return 0;
}

/* An answer is kept in this pass, or held until the store works again: losing it would make the
 * message uncertain. */
static void on_delivery(void *user, const struct delivery *delivery) {
    struct daemon *d = user;

    if (d->answer_count == DELIVERIES_MAX && run_pass(d) < 0) {
        give_up(d, "too many answers wait for the store");
        return;
    }
    d->answers[d->answer_count++] = *delivery;
    if (d->answer_count >= GATHER_MAX || transport_in_flight(d->transport) == 0) {
        loop_poke(d);
    } else if (d->answer_count == 1) {
        (void)sd_event_source_set_time_relative(d->gather_source, GATHER_US);
        (void)sd_event_source_set_enabled(d->gather_source, SD_EVENT_ONESHOT);
    }
}

static int on_gathered(sd_event_source *source, uint64_t at, void *user) {
    (void)source;
    (void)at;
    loop_poke(user);
    return 0;
}

/* Room that somebody makes is seen soon. */
static void watch_disk(struct daemon *d) {
    if (*d->disk_trouble) {
        (void)sd_event_source_set_time_relative(d->retry_source, DISK_AFTER_US);
        (void)sd_event_source_set_enabled(d->retry_source, SD_EVENT_ONESHOT);
    }
}

static int on_retry(sd_event_source *source, uint64_t at, void *user) {
    struct daemon *d = user;

    (void)source;
    (void)at;
    loop_poke(d);
    if (*d->disk_trouble) {
        notice_disk(d);
        watch_disk(d);
    }
    return 0;
}

/* ---- the self-audit ---- */

/* What is held after a jump of the clock goes when the system has synchronised it since. Returns
 * true when it went. */
static bool look_at_clock(struct daemon *d) {
    d->vouched |= clock_synchronised(d);
    if (!d->vouched || !engine_clock_held(d->engine)) {
        d->vouched = false;
        return false;
    }
    const int r = engine_clock_vouched(d->engine);

    note_store(d, r);
    d->vouched = r < 0; /* told again with the next self-audit */
    return r >= 0;
}

static int on_audit(sd_event_source *source, uint64_t at, void *user) {
    struct daemon *d = user;
    int r = engine_audit(d->engine, &d->report);

    (void)at;
    if (r == 0 && look_at_clock(d)) {
        r = engine_audit(d->engine, &d->report);
    }
    note_store(d, r);
    if (r == 0) {
        if (*d->report.trouble) {
            log_warning("self-audit: %s", d->report.trouble);
        }
        d->audited = true;
        notice_audit(d);
        watch_disk(d);
        loop_poke(d);
    }
    (void)sd_event_source_set_time_relative(source, notice_every_us());
    return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

/* ---- signals ---- */

static int on_stop(sd_event_source *source, const struct signalfd_siginfo *info, void *user) {
    struct daemon *d = user;

    (void)source;
    (void)info;
    log_notice("stopping");
    (void)sd_notify(0, "STOPPING=1\nSTATUS=stopping");
    return sd_event_exit(d->loop, 0);
}

static int on_reload(sd_event_source *source, const struct signalfd_siginfo *info, void *user) {
    _cleanup_free_ struct complaints *complaints = calloc(1, sizeof *complaints);
    struct daemon *d = user;

    (void)source;
    (void)info;
    if (!complaints) {
        abort();
    }
    (void)sd_notify(0, "RELOADING=1");
    if (setup_reload(d, complaints) < 0) {
        for (size_t i = 0; i < complaints->count && i < COMPLAINTS_MAX; i++) {
            log_error("%s", complaints->list[i].text);
        }
        log_error("%s", d->stale_reason);
    } else {
        log_notice("configuration taken, generation %u", d->generation);
    }
    (void)sd_notify(0, "READY=1");
    notice_status(d);
    loop_poke(d);
    return 0;
}

/* ---- opening ---- */

/* Sockets handed over by systemd, by name. */
static void take_sockets(int *ret_public, int *ret_control) {
    char **names = NULL;
    const int count = sd_listen_fds_with_names(1, &names);

    for (int i = 0; i < count; i++) {
        const int fd = SD_LISTEN_FDS_START + i;
        if (strcmp(names[i], "http") == 0 && *ret_public < 0) {
            *ret_public = fd;
        } else if (strcmp(names[i], "control") == 0 && *ret_control < 0) {
            *ret_control = fd;
        } else {
            log_warning("a socket that was handed over has no use here: %d", i);
            (void)close(fd);
        }
        free(names[i]);
    }
    free(names);
}

static int open_listeners(struct daemon *d, struct complaint *complaint) {
    const struct config *config = d->setup.config;
    int public_fd = -1, control_fd = -1;

    take_sockets(&public_fd, &control_fd);
    if (public_fd < 0 && strcmp(config->listen, "none") != 0) {
        public_fd = listen_public(config->listen, complaint);
        if (public_fd < 0) {
            return public_fd;
        }
    }
    if (control_fd < 0) {
        control_fd = listen_control(config->control_socket, complaint);
        if (control_fd < 0) {
            if (public_fd >= 0) {
                (void)close(public_fd);
            }
            return control_fd;
        }
    }
    const int r = web_server_open(d->web, d->loop, public_fd, control_fd, &d->server);

    return r < 0 ? complain(complaint, r, "the listeners cannot be served: %s", strerror(-r)) : 0;
}

/* Equal, as it should be. NOLINTNEXTLINE(misc-redundant-expression) */
static_assert((int)WEB_SECRET_SIZE == (int)CREDENTIAL_SIZE, "a secret is a credential");

static int read_secret(void *user, const char *name, char ret_secret[WEB_SECRET_SIZE]) {
    const struct daemon *d = user;

    return credential_read(d->setup.config->credentials_dir, name, ret_secret);
}

static int open_engine(struct daemon *d, struct complaint *complaint) {
    const struct config *config = d->setup.config;
    const struct engine_setup setup = {config, d->setup.templates, d->setup.holidays, d->zones};
    const struct ports ports = {.world = d,
                                .now = world_now,
                                .elapsed = d->manual ? NULL : clock_elapsed,
                                .random = world_random,
                                .wake_at = world_wake_at,
                                .send = world_send};
    const struct transport_setup transport = setup_transport(config);
    int r = transport_open(d->loop, &transport, on_delivery, d, &d->transport, complaint);

    if (r < 0) {
        return r;
    }
    r = engine_open(d->store, &setup, &ports, &d->engine);
    r = r < 0 ? r : engine_start(d->engine);
    if (r < 0) {
        return complain(complaint, r, "the engine cannot start: %s (%s)", strerror(-r),
                        store_error_text(d->store));
    }
    const struct web_setup web = {.engine = d->engine,
                                  .secret = read_secret,
                                  .config = config,
                                  .host_command = host_command,
                                  .user = d,
                                  .healthy = host_healthy,
                                  .refused = on_refused};

    r = web_open(&web, &d->web);
    return r < 0 ? complain(complaint, r, "the web room cannot open: %s", strerror(-r)) : 0;
}

static int open_sources(struct daemon *d) {
    sigset_t signals;

    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGINT);
    (void)sigaddset(&signals, SIGHUP);
    if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0) {
        return -errno;
    }
    int r = sd_event_add_signal(d->loop, NULL, SIGTERM, on_stop, d);

    r = r < 0 ? r : sd_event_add_signal(d->loop, NULL, SIGINT, on_stop, d);
    r = r < 0 ? r : sd_event_add_signal(d->loop, NULL, SIGHUP, on_reload, d);
    r = r < 0 ? r : sd_event_add_io(d->loop, &d->wake_source, d->wake_fd, EPOLLIN, on_wake, d);
    /* A time long past, not a deferred source: that one counts as the oldest of all each time it is
     * enabled, and each answer of a gateway would be followed by a turn before any page. */
    r = r < 0 ? r : sd_event_add_time(d->loop, &d->tick_source, CLOCK_MONOTONIC, 0, 1, on_tick, d);
    r = r < 0 ? r
              : sd_event_add_time_relative(d->loop, &d->audit_source, CLOCK_MONOTONIC, 0, 0,
                                           on_audit, d);
    r = r < 0 ? r
              : sd_event_add_time_relative(d->loop, &d->retry_source, CLOCK_MONOTONIC,
                                           RETRY_AFTER_US, 0, on_retry, d);
    r = r < 0 ? r : sd_event_source_set_enabled(d->retry_source, SD_EVENT_OFF);
    r = r < 0 ? r
              : sd_event_add_time_relative(d->loop, &d->gather_source, CLOCK_MONOTONIC, GATHER_US,
                                           GATHER_US / 4, on_gathered, d);
    return r < 0 ? r : sd_event_source_set_enabled(d->gather_source, SD_EVENT_OFF);
}

int loop_open(struct daemon *d, struct complaint *complaint) {
    int r = sd_event_new(&d->loop);

    r = r < 0 ? complain(complaint, r, "no event loop: %s", strerror(-r))
              : clock_open(d, complaint);
    if (r < 0) {
        return r;
    }
    r = open_sources(d);
    r = r < 0 ? complain(complaint, r, "no event sources: %s", strerror(-r))
              : open_engine(d, complaint);
    return r < 0 ? r : open_listeners(d, complaint);
}

int loop_run(struct daemon *d) {
    (void)sd_notifyf(0, "READY=1\nSTATUS=started, configuration generation %u", d->generation);
    log_notice("cobid " COBI_VERSION " is ready%s",
               *d->stale_reason ? ", on the last accepted configuration" : "");
    const int r = sd_event_loop(d->loop);

    if (r < 0) {
        log_error("the loop ended: %s", strerror(-r));
        return 1;
    }
    return d->exit_code;
}

void loop_close(struct daemon *d) {
    web_server_close(d->server);
    web_free(d->web);
    transport_close(d->transport);
    engine_free(d->engine);
    d->tick_source = sd_event_source_unref(d->tick_source);
    d->wake_source = sd_event_source_unref(d->wake_source);
    d->audit_source = sd_event_source_unref(d->audit_source);
    d->retry_source = sd_event_source_unref(d->retry_source);
    d->gather_source = sd_event_source_unref(d->gather_source);
    d->loop = sd_event_unref(d->loop);
    if (d->wake_fd >= 0) {
        (void)close(d->wake_fd);
        d->wake_fd = -1;
    }
}
