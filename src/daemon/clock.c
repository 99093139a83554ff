/* The daemon's time: the system's clock, or one that stands still until it is told to go on.
 *
 * The real clock arms a timerfd (REALTIME, ABSTIME, CANCEL_ON_SET), so a step of the wall clock
 * wakes the loop, and the engine compares it with the time since the system's start (BOOTTIME).
 * What it holds after a jump goes when systemd-timesyncd says that it has synchronised since: it
 * touches a file. The kernel's own word for it, adjtimex(), is forbidden to a service with
 * ProtectClock=; where another program keeps the time a person lets go. A manual clock steps from
 * wake-up to wake-up, waits for sends in flight between two steps, is kept in the database and only
 * goes forward. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <time.h>

#include "cobi/base/cleanup.h"
#include "cobi/base/log.h"
#include "daemon.h"

#define SYNCHRONISED_FILE "/run/systemd/timesync/synchronized"
/* Asked every minute: what was touched longer ago was touched by another clock. */
static const struct span synchronised_ago_max = {2 * MINUTE_US};

static struct instant system_now(void) {
    struct timespec t;

    (void)clock_gettime(CLOCK_REALTIME, &t); /* cannot fail for this clock */
    return (struct instant){(int64_t)t.tv_sec * SECOND_US + t.tv_nsec / 1000};
}

struct instant clock_now(const struct daemon *d) {
    return d->manual ? d->manual_now : system_now();
}

struct mono clock_elapsed(void *daemon) {
    struct timespec t;

    (void)daemon;
    (void)clock_gettime(CLOCK_BOOTTIME, &t); /* cannot fail for this clock */
    return (struct mono){(int64_t)t.tv_sec * SECOND_US + t.tv_nsec / 1000};
}

static struct instant last_synchronised(void) {
    struct stat s;

    if (stat(SYNCHRONISED_FILE, &s) < 0) {
        return (struct instant){0}; /* not yet, or not by systemd-timesyncd */
    }
    return (struct instant){(int64_t)s.st_mtim.tv_sec * SECOND_US + s.st_mtim.tv_nsec / 1000};
}

bool clock_synchronised(struct daemon *d) {
    const struct instant last = last_synchronised();
    const struct span ago = instant_since(system_now(), last);
    const bool fresh = last.us != d->synchronised.us && ago.us > -SECOND_US &&
                       ago.us < synchronised_ago_max.us;

    d->synchronised = last;
    return fresh;
}

static int keep(struct daemon *d) {
    char text[24];

    (void)snprintf(text, sizeof text, "%" PRId64, d->manual_now.us); /* a number always fits */
    return store_meta_set(d->store, "clock_now", text);
}

static int open_manual(struct daemon *d, const char *kept, struct complaint *complaint) {
    const struct config *config = d->setup.config;
    struct civil start;

    if (kept) {
        d->manual_now.us = strtoll(kept, NULL, 10);
    } else if (*config->clock_start) {
        if (civil_from_text(config->clock_start, &start) < 0) {
            return complain(complaint, -EINVAL, "clock_start: not a local time");
        }
        (void)zone_resolve(zones_find(d->zones, config->timezone), start, ZONE_FIRST,
                           &d->manual_now); /* a start in a gap moves on */
    } else {
        d->manual_now = system_now();
    }
    d->manual_target = d->manual_now;
    return keep(d);
}

/* What cannot be read is not what is not there: a clock must not begin anew for it. */
static int open_kept(struct daemon *d, struct arena *arena, struct complaint *complaint) {
    const char *const wanted = d->manual ? "manual" : "real";
    const char *kind = NULL, *kept = NULL;
    int r = store_meta_load(d->store, "clock_kind", arena, &kind);

    r = r < 0 ? r : store_meta_load(d->store, "clock_now", arena, &kept);
    if (r < 0) {
        return complain(complaint, r, "the clock's state cannot be read: %s",
                        store_error_text(d->store));
    }
    if (kind && strcmp(kind, wanted) != 0) {
        return complain(complaint, -EINVAL,
                        "clock: this database was made with clock = \"%s\" and keeps it; give "
                        "another state_dir",
                        kind);
    }
    r = kind ? 0 : store_meta_set(d->store, "clock_kind", wanted);
    r = r == 0 && d->manual ? open_manual(d, kept, complaint) : r;
    return r < 0 ? complain(complaint, r, "the clock's state cannot be kept: %s",
                            store_error_text(d->store))
                 : 0;
}

int clock_open(struct daemon *d, struct complaint *complaint) {
    struct arena arena = {0};

    d->manual = d->setup.config->clock == CLOCK_MANUAL;
    d->synchronised = last_synchronised();
    const int r = open_kept(d, &arena, complaint);

    arena_done(&arena);
    if (r < 0) {
        return r;
    }
    d->wake_fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    return d->wake_fd < 0 ? complain(complaint, -errno, "no timer: %s", strerror(errno)) : 0;
}

void clock_arm(struct daemon *d) {
    struct itimerspec when = {0};

    if (d->manual || d->wake.us == INSTANT_NEVER.us) {
        (void)timerfd_settime(d->wake_fd, 0, &when, NULL); /* off */
        return;
    }
    const int64_t us = d->wake.us > 0 ? d->wake.us : 1;
    when.it_value.tv_sec = us / SECOND_US;
    when.it_value.tv_nsec = us % SECOND_US * 1000;
    if (timerfd_settime(d->wake_fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &when, NULL) < 0) {
        log_error("the wake-up could not be armed: %s; the minute's self-audit goes on",
                  strerror(errno));
    }
}

bool clock_step(struct daemon *d) {
    if (!d->manual || transport_in_flight(d->transport) > 0) {
        return false; /* the answer wakes us */
    }
    if (instant_cmp(d->manual_now, d->manual_target) >= 0) {
        return false;
    }
    const struct instant next = instant_min(instant_max(d->wake, d->manual_now), d->manual_target);
    const struct instant before = d->manual_now;

    d->manual_now = next;
    const int r = keep(d);
    if (r < 0) {
        log_error("the clock's state cannot be kept: %s; it stands still", strerror(-r));
        d->manual_now = before;
        d->manual_target = before;
        return false;
    }
    return true;
}

json_t *clock_to_json(const struct daemon *d) {
    char now[INSTANT_TEXT_SIZE], target[INSTANT_TEXT_SIZE], local[CIVIL_TEXT_SIZE];
    struct instant t = clock_now(d), end = d->manual ? d->manual_target : t;

    t.us -= t.us % SECOND_US;
    end.us -= end.us % SECOND_US;
    instant_to_text(t, now);
    instant_to_text(end, target);
    civil_to_text(zone_civil(zones_find(d->zones, d->setup.config->timezone), t), local);
    return json_pack("{s:s,s:s,s:s,s:s,s:s,s:b}", "clock", d->manual ? "manual" : "real", "now",
                     now, "local", local, "zone", d->setup.config->timezone, "target", target,
                     "advancing", d->manual && instant_cmp(clock_now(d), end) < 0);
}
