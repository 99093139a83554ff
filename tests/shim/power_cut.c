/* What a power cut takes back: per file the bytes since its last sync, per folder the names since
 * its last sync, each file and folder for itself, as file systems do that keep no order between
 * them.
 *
 * A file's bytes are kept when it changes for the first time after a sync; a name that goes gets
 * another one in the folder of lost names. What is written through a mapping is not seen (that of
 * the write-ahead log's index needs no care: it is made anew). Descriptors that it opens stay open:
 * to close one would take the locks of the process with it. It calls the kernel directly, since it
 * lies behind calls that come to it. Too much to keep ends the process: no finding must be lost. */
#include "power_cut.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { THINGS_MAX = 2048, STEPS_MAX = 8192, NAME_SIZE = 256, PATH_SIZE = 1200 };

/* A file or a folder below the watched one. */
struct thing {
    dev_t device;
    ino_t number;
    int fd;
    bool changed;
    unsigned char *bytes; /* of a file, as they were synced last */
    off_t length;
};
enum step_kind { STEP_MADE, STEP_REMOVED, STEP_RENAMED, STEP_EXCHANGED };
struct step {
    enum step_kind kind;
    struct thing *folder; /* NULL: synced */
    char name[NAME_SIZE], other[NAME_SIZE];
};

static struct power {
    pthread_mutex_t mutex;
    bool on;
    int lost;
    struct thing things[THINGS_MAX];
    size_t thing_count;
    struct step steps[STEPS_MAX];
    size_t step_count;
} power = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static void require(bool held, const char *what) {
    if (!held) {
        (void)fprintf(stderr, "power_cut: %s: %s\n", what, strerror(errno));
        abort();
    }
}

void power_begin(const char *lost) {
    (void)syscall(SYS_mkdirat, AT_FDCWD, lost, 0700); /* seen by the next line */
    power.lost = (int)syscall(SYS_openat, AT_FDCWD, lost, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
    require(power.lost >= 0, "the folder of lost names");
    power.on = true;
}

static struct thing *find_thing(const struct stat *st) {
    for (size_t i = 0; i < power.thing_count; i++) {
        if (power.things[i].device == st->st_dev && power.things[i].number == st->st_ino) {
            return &power.things[i];
        }
    }
    return NULL;
}

/* fd: of the file or folder; one of our own is opened. */
static struct thing *thing_of(int fd, int flags) {
    char path[64];
    struct stat st;

    require(fstat(fd, &st) == 0, "fstat");
    struct thing *found = find_thing(&st);

    if (found) {
        return found;
    }
    require(power.thing_count < THINGS_MAX, "too many files");
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd); /* fits */
    struct thing *thing = &power.things[power.thing_count++];
    *thing = (struct thing){.device = st.st_dev, .number = st.st_ino};
    thing->fd = (int)syscall(SYS_openat, AT_FDCWD, path, flags | O_CLOEXEC, 0);
    require(thing->fd >= 0, path);
    return thing;
}

static void forget_bytes(struct thing *thing) {
    free(thing->bytes);
    thing->bytes = NULL;
    thing->changed = false;
}

void power_before_change(int fd) {
    if (!power.on) {
        return;
    }
    (void)pthread_mutex_lock(&power.mutex);
    struct thing *thing = thing_of(fd, O_RDWR);

    if (!thing->changed) {
        struct stat st;
        require(fstat(thing->fd, &st) == 0, "fstat");
        thing->length = st.st_size;
        thing->bytes = malloc((size_t)st.st_size + 1);
        require(thing->bytes != NULL, "memory");
        require(syscall(SYS_pread64, thing->fd, thing->bytes, (size_t)st.st_size, (off_t)0) ==
                    st.st_size,
                "pread");
        thing->changed = true;
    }
    (void)pthread_mutex_unlock(&power.mutex);
}

void power_synced(int fd) {
    struct stat st;

    if (!power.on || fstat(fd, &st) < 0) {
        return;
    }
    (void)pthread_mutex_lock(&power.mutex);
    struct thing *thing = find_thing(&st);

    if (thing) {
        forget_bytes(thing);
        for (size_t i = 0; i < power.step_count; i++) {
            power.steps[i].folder = power.steps[i].folder == thing ? NULL : power.steps[i].folder;
        }
    }
    (void)pthread_mutex_unlock(&power.mutex);
}

/* ---- names ---- */

static const char *last_name(const char *path) {
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static struct thing *folder_of(int folder, const char *path) {
    char name[PATH_SIZE];
    const int length = (int)(last_name(path) - path);

    (void)snprintf(name, sizeof name, "%.*s", length, path); /* "" where there is no slash */
    if (length == 0) {
        return thing_of(folder, O_RDONLY | O_DIRECTORY);
    }
    const int fd = (int)syscall(SYS_openat, folder, name, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);

    require(fd >= 0, name);
    struct thing *thing = thing_of(fd, O_RDONLY | O_DIRECTORY);

    (void)syscall(SYS_close, fd);
    return thing;
}

static struct step *add_step(enum step_kind kind, int folder, const char *path) {
    require(power.step_count < STEPS_MAX, "too many names");
    struct step *step = &power.steps[power.step_count++];

    *step = (struct step){.kind = kind, .folder = folder_of(folder, path)};
    (void)snprintf(step->name, sizeof step->name, "%s", last_name(path)); /* names are short */
    return step;
}

bool power_name_is_there(int folder, const char *path) {
    struct stat st;

    return fstatat(folder, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

void power_made(int folder, const char *path) {
    if (power.on) {
        (void)pthread_mutex_lock(&power.mutex);
        (void)add_step(STEP_MADE, folder, path);
        (void)pthread_mutex_unlock(&power.mutex);
    }
}

/* The name in the folder of lost names under which the i-th step keeps what went. */
static const char *lost_name(const struct step *step, char buffer[NAME_SIZE]) {
    (void)snprintf(buffer, NAME_SIZE, "%zu", (size_t)(step - power.steps)); /* fits */
    return buffer;
}

void power_before_removal(int folder, const char *path) {
    char buffer[NAME_SIZE];
    struct stat st;

    if (!power.on || fstatat(folder, path, &st, AT_SYMLINK_NOFOLLOW) < 0 || S_ISDIR(st.st_mode)) {
        return;
    }
    (void)pthread_mutex_lock(&power.mutex);
    struct step *step = add_step(STEP_REMOVED, folder, path);

    require(syscall(SYS_linkat, step->folder->fd, step->name, power.lost, lost_name(step, buffer),
                    0) == 0,
            "linkat");
    (void)pthread_mutex_unlock(&power.mutex);
}

static bool is_empty(const char *path) {
    char entries[1024];
    const int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    const long length = syscall(SYS_getdents64, fd, entries, sizeof entries);
    size_t count = 0;

    for (long i = 0; i < length; count++) {
        unsigned short step;
        memcpy(&step, entries + i + 16, sizeof step);
        i += step;
    }
    (void)syscall(SYS_close, fd);
    return length > 0 && count == 2; /* itself and the one above */
}

/* Moved away, not removed: names in it may have to come back. */
int power_remove_folder(const char *path) {
    char buffer[NAME_SIZE];

    if (!power.on || !is_empty(path)) {
        return (int)syscall(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR);
    }
    (void)pthread_mutex_lock(&power.mutex);
    struct step *step = add_step(STEP_REMOVED, AT_FDCWD, path);

    require(syscall(SYS_renameat2, step->folder->fd, step->name, power.lost,
                    lost_name(step, buffer), 0) == 0,
            "renameat2");
    (void)pthread_mutex_unlock(&power.mutex);
    return 0;
}

void power_renamed(int folder, const char *from, const char *to, bool exchanged) {
    if (power.on) {
        (void)pthread_mutex_lock(&power.mutex);
        struct step *step = add_step(exchanged ? STEP_EXCHANGED : STEP_RENAMED, folder, to);
        (void)snprintf(step->other, sizeof step->other, "%s", last_name(from)); /* short */
        (void)pthread_mutex_unlock(&power.mutex);
    }
}

/* ---- the cut ---- */

static void take_back(const struct step *step) {
    char buffer[NAME_SIZE], gone[NAME_SIZE + 8];
    const int fd = step->folder->fd;
    long r = 0;

    switch (step->kind) {
    case STEP_MADE: /* with all that is in it */
        (void)snprintf(gone, sizeof gone, "gone-%s", lost_name(step, buffer)); /* fits */
        r = syscall(SYS_renameat2, fd, step->name, power.lost, gone, 0);
        break;
    case STEP_REMOVED:
        r = syscall(SYS_renameat2, power.lost, lost_name(step, buffer), fd, step->name, 0);
        break;
    case STEP_RENAMED:
        r = syscall(SYS_renameat2, fd, step->name, fd, step->other, 0);
        break;
    case STEP_EXCHANGED:
        r = syscall(SYS_renameat2, fd, step->name, fd, step->other, RENAME_EXCHANGE);
        break;
    }
    require(r == 0, step->name);
}

static bool coin(unsigned seed, const struct thing *thing) {
    unsigned long mixed = (seed + 1) * 2654435761UL + (unsigned long)(thing - power.things) * 40503;

    mixed ^= mixed >> 15;
    return mixed * 2246822519UL >> 16 & 1;
}

void power_cut(enum power_loss loss, unsigned seed) {
    const bool names = loss != POWER_LOSES_BYTES, bytes = loss != POWER_LOSES_NAMES;

    (void)pthread_mutex_lock(&power.mutex); /* and nobody gets it any more */
    for (size_t i = 0; i < power.thing_count && bytes; i++) {
        struct thing *thing = &power.things[i];
        if (thing->changed && (loss != POWER_LOSES_SOME || coin(seed, thing))) {
            require(syscall(SYS_ftruncate, thing->fd, thing->length) == 0, "ftruncate");
            require(syscall(SYS_pwrite64, thing->fd, thing->bytes, (size_t)thing->length,
                            (off_t)0) == thing->length,
                    "pwrite");
        }
    }
    for (size_t i = power.step_count; i > 0 && names; i--) {
        const struct step *step = &power.steps[i - 1];
        if (step->folder && (loss != POWER_LOSES_SOME || coin(seed, step->folder))) {
            take_back(step);
        }
    }
}
