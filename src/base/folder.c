/* Folders: made, and synced so that a power cut takes back no name. Fails with what the system
 * says. Must never be left out after a rename that somebody was told of. */
#include "cobi/base/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "cobi/base/cleanup.h"
#include "cobi/base/text.h"

enum { PATH_SIZE = 4096 };

int folder_sync(const char *path) {
    _cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd >= 0 && fsync(fd) == 0 ? 0 : -errno;
}

int folder_sync_above(const char *path) {
    char copy[PATH_SIZE];

    if (text_copy(copy, sizeof copy, path) < 0) {
        return -ENAMETOOLONG;
    }
    return folder_sync(dirname(copy));
}

int folder_make(const char *path) {
    const bool made = mkdir(path, 0700) == 0;

    if (!made && errno != EEXIST) {
        return -errno;
    }
    const int r = folder_sync_above(path);

    if (made && r < 0) {
        (void)rmdir(path); /* what is found is taken to last */
    }
    return made ? r : 0;
}
