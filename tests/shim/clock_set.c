/* Sets the clock on the wall for one process, as settimeofday() would for all: to be preloaded
 * (LD_PRELOAD) into the daemon by tests/system/clock_jump.py.
 *
 * CLOCK_SHIM_FILE names a file of eight bytes, the microseconds by which CLOCK_REALTIME is ahead of
 * the machine's; the test writes it while the process runs. What follows in a kernel is played too:
 * timers of that clock fire by what it shows, and one with TFD_TIMER_CANCEL_ON_SET is cancelled.
 * CLOCK_BOOTTIME and CLOCK_MONOTONIC are the machine's. CLOCK_SHIM_SYNCHRONISED stands for the file
 * that systemd-timesyncd touches. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define SECOND_NS INT64_C(1000000000)
#define WATCH_NS  (20 * 1000 * 1000)
enum { TIMERS_MAX = 64 }; /* by file descriptor */

static struct { atomic_bool wall, cancels, cancelled; } timers[TIMERS_MAX];
static _Atomic int64_t *ahead_us;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static struct timespec shift(struct timespec t, int64_t ns) {
    int64_t all = (int64_t)t.tv_sec * SECOND_NS + t.tv_nsec + ns;

    all = all < 1 ? 1 : all; /* before the machine's 1970: at once */
    return (struct timespec){all / SECOND_NS, all % SECOND_NS};
}

int clock_gettime(clockid_t clock, struct timespec *ret_time) {
    static int (*real)(clockid_t, struct timespec *);

    real = real ? real : REAL(clock_gettime);
    const int r = real(clock, ret_time);
    if (r == 0 && clock == CLOCK_REALTIME && ahead_us) {
        *ret_time = shift(*ret_time, *ahead_us * 1000);
    }
    return r;
}

int timerfd_create(clockid_t clock, int flags) {
    const int fd = REAL(timerfd_create)(clock, flags);

    if (fd >= 0 && fd < TIMERS_MAX) {
        timers[fd].wall = clock == CLOCK_REALTIME;
    }
    return fd;
}

int timerfd_settime(int fd, int flags, const struct itimerspec *when, struct itimerspec *ret_old) {
    struct itimerspec machine = *when;
    const bool armed = when->it_value.tv_sec != 0 || when->it_value.tv_nsec != 0;

    if (fd >= 0 && fd < TIMERS_MAX && timers[fd].wall && ahead_us) {
        timers[fd].cancels = armed && (flags & TFD_TIMER_CANCEL_ON_SET);
        if (armed && (flags & TFD_TIMER_ABSTIME)) {
            machine.it_value = shift(when->it_value, -*ahead_us * 1000);
        }
    }
    return REAL(timerfd_settime)(fd, flags, &machine, ret_old);
}

ssize_t read(int fd, void *buffer, size_t length) {
    static ssize_t (*real)(int, void *, size_t);

    real = real ? real : REAL(read);
    const ssize_t r = real(fd, buffer, length);
    if (fd >= 0 && fd < TIMERS_MAX && timers[fd].wall &&
        atomic_exchange(&timers[fd].cancelled, false)) {
        errno = ECANCELED;
        return -1;
    }
    return r;
}

int stat(const char *path, struct stat *ret_stat) {
    const char *instead = getenv("CLOCK_SHIM_SYNCHRONISED");

    if (instead && strcmp(path, "/run/systemd/timesync/synchronized") == 0) {
        path = instead;
    }
    return REAL(stat)(path, ret_stat);
}

/* The kernel's part when the clock is set. */
static void *watch(void *unused) {
    const struct timespec pause = {0, WATCH_NS};
    const struct itimerspec now = {.it_value = {0, 1}};
    int64_t last = *ahead_us;

    for (;;) {
        (void)nanosleep(&pause, NULL);
        if (*ahead_us == last) {
            continue;
        }
        last = *ahead_us;
        for (int fd = 0; fd < TIMERS_MAX; fd++) {
            if (timers[fd].cancels) {
                timers[fd].cancels = false;
                timers[fd].cancelled = true;
                (void)REAL(timerfd_settime)(fd, 0, &now, NULL);
            }
        }
    }
    return unused;
}

__attribute__((constructor)) static void begin(void) {
    const char *file = getenv("CLOCK_SHIM_FILE");
    const int fd = file ? open(file, O_RDONLY | O_CLOEXEC) : -1;
    pthread_t thread;

    if (fd < 0) {
        return;
    }
    void *page = mmap(NULL, sizeof *ahead_us, PROT_READ, MAP_SHARED, fd, 0);

    (void)close(fd);
    if (page == MAP_FAILED) {
        abort();
    }
    ahead_us = page;
    if (pthread_create(&thread, NULL, watch, NULL) != 0) {
        abort();
    }
}
