/* A file system that fails on order, for a whole program: LD_PRELOAD this, and the n-th call on a
 * file below a folder goes wrong.
 *
 * COBI_FAULT_UNDER  the folder; calls on other files pass and are not counted
 * COBI_FAULT_MODE   count       nothing fails
 *                   kill        SIGKILL before the call; kill-after: after it
 *                   power       as kill, and what was never synced is lost (power_cut.h)
 *                   eio         EIO: reads, writes, syncs, opens, renames
 *                   enospc      ENOSPC: all that needs room
 *                   short       half of what is to be written is, and the count says so
 *                   torn        the same, and from then on ENOSPC
 *                   readonly    EROFS: all that changes anything, from then on
 * COBI_FAULT_AT     n: which of the calls that the mode can strike, from 1
 * COBI_FAULT_LASTING  set: eio and enospc from then on
 * COBI_FAULT_LOSS   power: what is lost, a number of enum power_loss
 * COBI_FAULT_LOST   power: a folder outside of the watched one, for what is lost
 * COBI_FAULT_NOTE   a file that gets a line with the number and the name of the call that was
 * struck COBI_FAULT_LIFT   as soon as this file is there, nothing fails any more
 *
 * Threads may call at once. It knows what descriptors are below the folder by having seen them
 * opened; a mapping counts when it is made, what is written through it is not seen. It must never
 * call what it stands before: its own needs go to the kernel directly. */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "power_cut.h"

enum { DESCRIPTORS_MAX = 4096, NOTE_SIZE = 100 };
/* What a call may meet. */
enum { READS = 1, NEEDS_ROOM = 2, WRITES = 4, CHANGES = 8, FOR_WRITING = 16 };
enum mode {
    MODE_NONE,
    MODE_COUNT,
    MODE_KILL,
    MODE_KILL_AFTER,
    MODE_POWER,
    MODE_EIO,
    MODE_ENOSPC,
    MODE_SHORT,
    MODE_TORN,
    MODE_READONLY
};

static struct plan {
    enum mode mode;
    long at;
    enum power_loss loss;
    bool lasting;
    const char *under, *note, *lift;
    size_t under_length;
    atomic_long count;
    atomic_bool struck;
    atomic_bool below[DESCRIPTORS_MAX];
} plan;

static const struct {
    const char *name;
    enum mode mode;
} modes[] = {{"count", MODE_COUNT}, {"kill", MODE_KILL}, {"kill-after", MODE_KILL_AFTER},
             {"power", MODE_POWER}, {"eio", MODE_EIO},   {"enospc", MODE_ENOSPC},
             {"short", MODE_SHORT}, {"torn", MODE_TORN}, {"readonly", MODE_READONLY}};

__attribute__((constructor)) static void read_plan(void) {
    const char *mode = getenv("COBI_FAULT_MODE"), *at = getenv("COBI_FAULT_AT");

    plan.under = getenv("COBI_FAULT_UNDER");
    plan.note = getenv("COBI_FAULT_NOTE");
    plan.lift = getenv("COBI_FAULT_LIFT");
    plan.lasting = getenv("COBI_FAULT_LASTING") != NULL;
    plan.at = at ? strtol(at, NULL, 10) : 0;
    for (size_t i = 0; mode && plan.under && i < sizeof modes / sizeof *modes; i++) {
        if (strcmp(mode, modes[i].name) == 0) {
            plan.mode = modes[i].mode;
            plan.under_length = strlen(plan.under);
        }
    }
    const char *loss = getenv("COBI_FAULT_LOSS"), *lost = getenv("COBI_FAULT_LOST");

    if (plan.mode == MODE_POWER && loss && lost) {
        plan.loss = (enum power_loss)(strtol(loss, NULL, 10) % POWER_LOSS_COUNT);
        power_begin(lost);
    }
}

static void note(const char *call, long number) {
    char line[NOTE_SIZE];
    const int length = snprintf(line, sizeof line, "%ld %s\n", number, call);

    if (plan.note && length > 0) {
        const long fd = syscall(SYS_openat, AT_FDCWD, plan.note, O_WRONLY | O_CREAT | O_APPEND,
                                0600);
        (void)syscall(SYS_write, fd, line, (size_t)length); /* a note that is missing is noticed */
        (void)syscall(SYS_close, fd);
    }
}

__attribute__((destructor)) static void tell_count(void) {
    if (plan.mode == MODE_COUNT) {
        note("calls in all", atomic_load(&plan.count));
    }
}

static bool lifted(void) {
    return plan.lift && syscall(SYS_faccessat, AT_FDCWD, plan.lift, F_OK) == 0;
}

/* Can the mode strike a call of this nature at all? */
static bool concerns(unsigned nature) {
    switch (plan.mode) {
    case MODE_EIO:
        return true;
    case MODE_COUNT:
    case MODE_KILL:
    case MODE_KILL_AFTER:
    case MODE_POWER:
        return nature & CHANGES;
    case MODE_ENOSPC:
        return nature & NEEDS_ROOM;
    case MODE_SHORT:
    case MODE_TORN:
        return nature & WRITES;
    case MODE_READONLY:
        return nature & (CHANGES | FOR_WRITING);
    case MODE_NONE:
        return false;
    }
    return false;
}

/* What every call that the mode concerns meets once one was struck; 0: nothing more. */
static int lasting_error(void) {
    return plan.mode == MODE_READONLY ? EROFS
           : plan.mode == MODE_TORN   ? ENOSPC
           : !plan.lasting            ? 0
           : plan.mode == MODE_ENOSPC ? ENOSPC
                                      : EIO;
}

static int first_error(void) {
    static const int errors[] = {[MODE_EIO] = EIO,
                                 [MODE_ENOSPC] = ENOSPC,
                                 [MODE_SHORT] = -1,
                                 [MODE_TORN] = -1,
                                 [MODE_READONLY] = EROFS};

    return errors[plan.mode];
}

/* Before a call on a file below the folder. Returns the errno that it fails with, 0: it goes on,
 * -1: it writes half. */
static int strike(const char *call, unsigned nature) {
    const int later = atomic_load(&plan.struck) ? lasting_error() : 0;

    if (later) {
        const bool meets = later != ENOSPC ? concerns(nature) : nature & NEEDS_ROOM;
        return meets && !lifted() ? later : 0;
    }
    if (!concerns(nature)) {
        return 0;
    }
    const long number = atomic_fetch_add(&plan.count, 1) + 1;

    if (number != plan.at || plan.mode == MODE_COUNT) {
        return 0;
    }
    atomic_store(&plan.struck, true);
    note(call, number);
    if (plan.mode == MODE_POWER) {
        power_cut(plan.loss, (unsigned)number);
    }
    if (plan.mode == MODE_KILL || plan.mode == MODE_POWER) {
        (void)kill(getpid(), SIGKILL);
    }
    return first_error();
}

/* After a call that may have been the one. */
static void strike_after(void) {
    if (plan.mode == MODE_KILL_AFTER && atomic_load(&plan.struck)) {
        (void)kill(getpid(), SIGKILL);
    }
}

static bool fd_below(int fd) {
    return plan.mode != MODE_NONE && fd >= 0 && fd < DESCRIPTORS_MAX &&
           atomic_load(&plan.below[fd]);
}

static bool path_below(int folder, const char *path) {
    if (plan.mode == MODE_NONE || !path) {
        return false;
    }
    if (path[0] != '/') {
        return folder != AT_FDCWD && fd_below(folder);
    }
    return strncmp(path, plan.under, plan.under_length) == 0 &&
           (path[plan.under_length] == '/' || path[plan.under_length] == '\0');
}

static int answer(int error) {
    errno = error;
    return -1;
}

/* ---- opening ---- */

/* A file of ours that holds no locks: they would go with the descriptor. */
static void keep_before_cut_short(int folder, const char *path) {
    const int fd = plan.mode == MODE_POWER
                       ? (int)syscall(SYS_openat, folder, path, O_RDWR | O_CLOEXEC, 0)
                       : -1;

    if (fd >= 0) {
        power_before_change(fd);
        (void)syscall(SYS_close, fd);
    }
}

static int open_anyhow(int folder, const char *path, int flags, mode_t mode) {
    const bool below = path_below(folder, path);
    const unsigned nature = flags & (O_CREAT | O_TRUNC)       ? CHANGES | NEEDS_ROOM | FOR_WRITING
                            : (flags & O_ACCMODE) != O_RDONLY ? READS | FOR_WRITING
                                                              : READS;
    const int error = below ? strike("open", nature) : 0;

    if (error > 0) {
        return answer(error);
    }
    const bool there = below && power_name_is_there(folder, path);

    if (there && (flags & O_TRUNC)) {
        keep_before_cut_short(folder, path);
    }
    const int fd = (int)syscall(SYS_openat, folder, path, flags, mode);

    if (below) {
        if (fd >= 0 && !there) {
            power_made(folder, path);
        }
        strike_after();
    }
    if (fd >= 0 && fd < DESCRIPTORS_MAX) {
        atomic_store(&plan.below[fd], below);
    }
    return fd;
}

#define OPEN_MODE(last)                                                                            \
    mode_t mode = 0;                                                                               \
    if (flags & (O_CREAT | __O_TMPFILE)) {                                                         \
        va_list arguments;                                                                         \
        va_start(arguments, last);                                                                 \
        mode = va_arg(arguments, mode_t);                                                          \
        va_end(arguments);                                                                         \
    }

int open(const char *path, int flags, ...) {
    OPEN_MODE(flags)
    return open_anyhow(AT_FDCWD, path, flags, mode);
}
int open64(const char *path, int flags, ...) {
    OPEN_MODE(flags)
    return open_anyhow(AT_FDCWD, path, flags, mode);
}
int openat(int folder, const char *path, int flags, ...) {
    OPEN_MODE(flags)
    return open_anyhow(folder, path, flags, mode);
}
int openat64(int folder, const char *path, int flags, ...) {
    OPEN_MODE(flags)
    return open_anyhow(folder, path, flags, mode);
}

static void forget(int fd) {
    if (fd >= 0 && fd < DESCRIPTORS_MAX) {
        atomic_store(&plan.below[fd], false);
    }
}

int close(int fd) {
    forget(fd);
    return (int)syscall(SYS_close, fd);
}

/* The C library opens and closes the folder without asking us. */
DIR *opendir(const char *path) {
    const int fd = open_anyhow(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);

    return fd < 0 ? NULL : fdopendir(fd);
}

int closedir(DIR *folder) {
    union {
        void *found;
        int (*call)(DIR *);
    } next = {.found = dlsym(RTLD_NEXT, "closedir")};

    forget(dirfd(folder));
    return next.call(folder);
}

/* ---- reading and writing ---- */

ssize_t read(int fd, void *bytes, size_t length) {
    const int error = fd_below(fd) ? strike("read", READS) : 0;

    return error > 0 ? answer(error) : syscall(SYS_read, fd, bytes, length);
}

static ssize_t pread_anyhow(int fd, void *bytes, size_t length, off_t offset) {
    const int error = fd_below(fd) ? strike("pread", READS) : 0;

    return error > 0 ? answer(error) : syscall(SYS_pread64, fd, bytes, length, offset);
}
ssize_t pread(int fd, void *bytes, size_t length, off_t offset) {
    return pread_anyhow(fd, bytes, length, offset);
}
ssize_t pread64(int fd, void *bytes, size_t length, off_t offset) {
    return pread_anyhow(fd, bytes, length, offset);
}

ssize_t write(int fd, const void *bytes, size_t length) {
    const bool below = fd_below(fd);
    const int error = below ? strike("write", WRITES | CHANGES | NEEDS_ROOM) : 0;

    if (error > 0) {
        return answer(error);
    }
    if (below) {
        power_before_change(fd);
    }
    const ssize_t written = syscall(SYS_write, fd, bytes,
                                    error < 0 && length > 1 ? length / 2 : length);

    if (below) {
        strike_after();
    }
    return written;
}

static ssize_t pwrite_anyhow(int fd, const void *bytes, size_t length, off_t offset) {
    const bool below = fd_below(fd);
    const int error = below ? strike("pwrite", WRITES | CHANGES | NEEDS_ROOM) : 0;

    if (error > 0) {
        return answer(error);
    }
    if (below) {
        power_before_change(fd);
    }
    const ssize_t written = syscall(SYS_pwrite64, fd, bytes,
                                    error < 0 && length > 1 ? length / 2 : length, offset);

    if (below) {
        strike_after();
    }
    return written;
}
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) {
    return pwrite_anyhow(fd, bytes, length, offset);
}
ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t offset) {
    return pwrite_anyhow(fd, bytes, length, offset);
}

/* ---- the rest: one shape ---- */

/* below: is it one of ours?; before, after: what a cut must know; call: the kernel's own. */
#define STRUCK_CALL(name, nature, is_below, before, call, after)                                   \
    const bool below = is_below;                                                                   \
    const int error = below ? strike(name, nature) : 0;                                            \
    if (error > 0) {                                                                               \
        return answer(error);                                                                      \
    }                                                                                              \
    if (below) {                                                                                   \
        before;                                                                                    \
    }                                                                                              \
    const int r = (int)(call);                                                                     \
    if (below && r == 0) {                                                                         \
        const int kept = errno;                                                                    \
        after;                                                                                     \
        errno = kept;                                                                              \
    }                                                                                              \
    if (below) {                                                                                   \
        strike_after();                                                                            \
    }                                                                                              \
    return r
#define NOTHING (void)0

int fsync(int fd) {
    STRUCK_CALL("fsync", CHANGES | NEEDS_ROOM, fd_below(fd), NOTHING, syscall(SYS_fsync, fd),
                power_synced(fd));
}
int fdatasync(int fd) {
    STRUCK_CALL("fdatasync", CHANGES | NEEDS_ROOM, fd_below(fd), NOTHING,
                syscall(SYS_fdatasync, fd), power_synced(fd));
}
int ftruncate(int fd, off_t length) {
    STRUCK_CALL("ftruncate", CHANGES | NEEDS_ROOM, fd_below(fd), power_before_change(fd),
                syscall(SYS_ftruncate, fd, length), NOTHING);
}
int ftruncate64(int fd, off_t length) {
    STRUCK_CALL("ftruncate", CHANGES | NEEDS_ROOM, fd_below(fd), power_before_change(fd),
                syscall(SYS_ftruncate, fd, length), NOTHING);
}
int fallocate(int fd, int mode, off_t offset, off_t length) {
    STRUCK_CALL("fallocate", CHANGES | NEEDS_ROOM, fd_below(fd), power_before_change(fd),
                syscall(SYS_fallocate, fd, mode, offset, length), NOTHING);
}
int posix_fallocate(int fd, off_t offset, off_t length) {
    const bool below = fd_below(fd);
    const int error = below ? strike("posix_fallocate", CHANGES | NEEDS_ROOM) : 0;

    if (error > 0) {
        return error;
    }
    if (below) {
        power_before_change(fd);
    }
    const long r = syscall(SYS_fallocate, fd, 0, offset, length);
    const int failed = r < 0 ? errno : 0;

    if (below) {
        strike_after();
    }
    return failed;
}
/* A folder that is there is said to be there, however full the disk. */
int mkdir(const char *path, mode_t mode) {
    if (syscall(SYS_faccessat, AT_FDCWD, path, F_OK) == 0) {
        return answer(EEXIST);
    }
    STRUCK_CALL("mkdir", CHANGES | NEEDS_ROOM, path_below(AT_FDCWD, path), NOTHING,
                syscall(SYS_mkdirat, AT_FDCWD, path, mode), power_made(AT_FDCWD, path));
}
int rename(const char *from, const char *to) {
    STRUCK_CALL("rename", CHANGES | NEEDS_ROOM, path_below(AT_FDCWD, to),
                power_before_removal(AT_FDCWD, to),
                syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0),
                power_renamed(AT_FDCWD, from, to, false));
}
static void keep_before_rename(int folder, const char *to, unsigned flags) {
    if (flags == 0) {
        power_before_removal(folder, to);
    }
}
int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags) {
    STRUCK_CALL("renameat2", CHANGES | NEEDS_ROOM, path_below(to_folder, to),
                keep_before_rename(to_folder, to, flags),
                syscall(SYS_renameat2, from_folder, from, to_folder, to, flags),
                power_renamed(to_folder, from, to, flags & RENAME_EXCHANGE));
}
int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags) {
    STRUCK_CALL("linkat", CHANGES | NEEDS_ROOM, path_below(to_folder, to), NOTHING,
                syscall(SYS_linkat, from_folder, from, to_folder, to, flags),
                power_made(to_folder, to));
}
int unlink(const char *path) {
    STRUCK_CALL("unlink", CHANGES, path_below(AT_FDCWD, path), power_before_removal(AT_FDCWD, path),
                syscall(SYS_unlinkat, AT_FDCWD, path, 0), NOTHING);
}
int unlinkat(int folder, const char *path, int flags) {
    STRUCK_CALL("unlinkat", CHANGES, path_below(folder, path), power_before_removal(folder, path),
                syscall(SYS_unlinkat, folder, path, flags), NOTHING);
}
int rmdir(const char *path) {
    STRUCK_CALL("rmdir", CHANGES, path_below(AT_FDCWD, path), NOTHING, power_remove_folder(path),
                NOTHING);
}

int access(const char *path, int mode) {
    const bool refused = (mode & W_OK) && path_below(AT_FDCWD, path) && atomic_load(&plan.struck) &&
                         lasting_error() == EROFS && !lifted();

    return refused ? answer(EROFS) : (int)syscall(SYS_faccessat, AT_FDCWD, path, mode);
}

/* A full disk says that it is full, a read-only one that it is. */
int statvfs(const char *path, struct statvfs *ret) {
    struct statfs kernel;

    if (syscall(SYS_statfs, path, &kernel) < 0) {
        return -1;
    }
    const int error = path_below(AT_FDCWD, path) && atomic_load(&plan.struck) && !lifted()
                          ? lasting_error()
                          : 0;

    if (error == EIO) {
        return answer(EIO);
    }
    *ret = (struct statvfs){.f_bsize = (unsigned long)kernel.f_bsize,
                            .f_frsize = (unsigned long)kernel.f_frsize,
                            .f_blocks = kernel.f_blocks,
                            .f_bfree = error == ENOSPC ? 0 : kernel.f_bfree,
                            .f_bavail = error == ENOSPC ? 0 : kernel.f_bavail,
                            .f_flag = error == EROFS ? ST_RDONLY : 0};
    return 0;
}

/* The shared memory of the write-ahead log. */
static void *mmap_anyhow(void *address, size_t length, int protection, int flags, int fd,
                         off_t offset) {
    const int error = fd_below(fd) && (flags & MAP_SHARED) ? strike("mmap", READS) : 0;

    if (error > 0) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    return (void *)syscall(SYS_mmap, address, length, protection, flags, fd, offset);
}
void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset) {
    return mmap_anyhow(address, length, protection, flags, fd, offset);
}
void *mmap64(void *address, size_t length, int protection, int flags, int fd, off_t offset) {
    return mmap_anyhow(address, length, protection, flags, fd, offset);
}
