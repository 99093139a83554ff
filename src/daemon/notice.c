/* Notice: what systemd, its `status` and the dead-man hear of the daemon.
 *
 * Status lines and the watchdog go to systemd. A healthy self-audit also writes the seconds since
 * boot into RUNTIME_DIRECTORY/heartbeat: cobid-deadman.timer alarms over a path of its own when
 * they are old. What cannot be written is silence, which is what alarms.
 *
 * Must never show health that was not just found. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include "cobi/base/cleanup.h"
#include "cobi/base/log.h"
#include "daemon.h"

#define AUDIT_EVERY_US  (60 * UINT64_C(1000000))
#define HEARTBEAT_MODE  0644 /* it says nothing but that */
#define SPACE_BYTES_MIN (32 * UINT64_C(1024) * 1024)

void notice_status(const struct daemon *d) {
    (void)sd_notifyf(0, "STATUS=%s%s%s%s%s%s%s%s%s", d->report.status,
                     *d->report.trouble ? "; trouble: " : "", d->report.trouble,
                     *d->store_trouble ? "; the store: " : "", d->store_trouble,
                     *d->disk_trouble ? "; " : "", d->disk_trouble, *d->stale_reason ? "; " : "",
                     d->stale_reason);
}

void notice_end(const char *why) {
    (void)sd_notifyf(0, "STATUS=ended: %s", why);
}

uint64_t notice_every_us(void) {
    uint64_t watchdog_us = 0;
    const int r = sd_watchdog_enabled(0, &watchdog_us);

    return r > 0 && watchdog_us / 3 < AUDIT_EVERY_US ? watchdog_us / 3 : AUDIT_EVERY_US;
}

/* Of fixed length, so that no reader finds half of it. */
static int write_heartbeat(const char *folder) {
    char file[256], line[32];
    struct text t = TEXT_IN(file), l = TEXT_IN(line);
    struct timespec up;

    text_addf(&t, "%s/heartbeat", folder);
    if (t.overflow) {
        return -ENAMETOOLONG;
    }
    _cleanup_close_ int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
                                  HEARTBEAT_MODE);

    (void)clock_gettime(CLOCK_BOOTTIME, &up); /* cannot fail for this clock */
    text_addf(&l, "%012lld\n", (long long)up.tv_sec);
    if (fd < 0 || fchmod(fd, HEARTBEAT_MODE) < 0) {
        return -errno;
    }
    return pwrite(fd, line, strlen(line), 0) > 0 ? 0 : -EIO;
}

/* A daemon that has nothing to write would not notice a full disk before it matters. */
static bool disk_has_room(struct daemon *d) {
    struct statvfs disk;
    struct text t = TEXT_IN(d->disk_trouble);
    const bool known = statvfs(d->setup.config->state_dir, &disk) == 0;
    const uint64_t left = known ? (uint64_t)disk.f_bavail * disk.f_frsize : 0;

    if (known && left >= SPACE_BYTES_MIN) {
        return true;
    }
    if (known) {
        text_addf(&t, "the disk of state_dir is full but for %llu KB",
                  (unsigned long long)left / 1024);
    } else {
        text_addf(&t, "state_dir cannot be seen: %s", strerror(errno));
    }
    return false;
}

void notice_disk(struct daemon *d) {
    const bool was_full = *d->disk_trouble;
    const int r = disk_has_room(d) ? reserve_keep(d->setup.config->state_dir) : -ENOSPC;

    if (r == 0) {
        d->disk_trouble[0] = '\0';
        d->disk_alarm = false;
    } else if (!*d->disk_trouble) {
        struct text t = TEXT_IN(d->disk_trouble);
        text_addf(&t, "no room for the reserve in state_dir: %s", strerror(-r));
    }
    if (was_full != (r < 0)) {
        log_line(r < 0 ? LOG_LEVEL_ERROR : LOG_LEVEL_NOTICE, "%s",
                 r < 0 ? d->disk_trouble : "there is room on the disk again");
        notice_status(d);
    }
}

void notice_audit(struct daemon *d) {
    const char *folder = getenv("RUNTIME_DIRECTORY");

    notice_disk(d);
    d->disk_alarm = *d->disk_trouble; /* the engine tells it once an hour */
    notice_status(d);
    (void)sd_notify(0, "WATCHDOG=1");
    if (!folder || !*folder || !host_healthy(d)) {
        return;
    }
    const int r = write_heartbeat(folder);
    if (r < 0) {
        log_warning("the heartbeat cannot be written: %s", strerror(-r));
    }
}
