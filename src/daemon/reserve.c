/* The reserve: a file of some megabytes beside the database that holds nothing but room.
 *
 * When the disk is full it is given up, so that what must still be written can be: outcomes, the
 * escalations of misses, the alarm that says so. That it cannot be made is the warning that the
 * disk will soon be full. It fails with -ENOSPC or what the system says, and then leaves no file.
 * Must never be counted on: others may take the room that it gives up. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "cobi/base/cleanup.h"
#include "daemon.h"

enum { PATH_SIZE = CONFIG_PATH_SIZE + 16, BLOCK_BYTES = 512 };

static int reserve_path(const char *state_dir, char buffer[PATH_SIZE]) {
    struct text t;

    text_init(&t, buffer, PATH_SIZE);
    text_addf(&t, "%s/reserve", state_dir);
    return t.overflow ? -ENAMETOOLONG : 0;
}

static int fill(int fd) {
    struct stat st;

    if (fstat(fd, &st) < 0) {
        return -errno;
    }
    if ((int64_t)st.st_blocks * BLOCK_BYTES >= RESERVE_BYTES) {
        return 0;
    }
    return -posix_fallocate(fd, 0, RESERVE_BYTES);
}

int reserve_keep(const char *state_dir) {
    char path[PATH_SIZE];
    int r = reserve_path(state_dir, path);

    if (r < 0) {
        return r;
    }
    _cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0) {
        return -errno;
    }
    r = fill(fd);
    if (r < 0) {
        (void)unlink(path); /* half a reserve is room that somebody else needs more */
    }
    return r;
}

bool reserve_give_up(const char *state_dir) {
    char path[PATH_SIZE];

    return reserve_path(state_dir, path) == 0 && unlink(path) == 0;
}
