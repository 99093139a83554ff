/* The key file: 64 hexadecimal digits, made at the first start where the caller allows it.
 *
 * Anything else in the file is refused with -EINVAL: half a key, or a key with something after it,
 * would seal data that the right key never opens. Must never log or keep a key. */
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "cobi/base/cleanup.h"
#include "cobi/base/folder.h"
#include "cobi/store/store.h"

enum { KEY_TEXT_BYTES = 2 * STORE_KEY_BYTES, PATH_SIZE = 4096 };

/* -1: not a hexadecimal digit. */
static int hex_digit(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static int decode_key(const char *text, unsigned char ret_key[STORE_KEY_BYTES]) {
    for (size_t i = 0; i < STORE_KEY_BYTES; i++) {
        const int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);
        if (high < 0 || low < 0) {
            return -EINVAL;
        }
        ret_key[i] = (unsigned char)(high * 16 + low);
    }
    return 0;
}

/* The file that becomes the key, ours alone: whatever a start that was cut short has left in it is
 * gone. -EALREADY: another start is making the key, or has just made it. */
static int open_fresh(const char *fresh) {
    _cleanup_close_ int fd = open(fresh, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    struct stat ours, named;

    if (fd < 0 || fstat(fd, &ours) < 0) {
        return -errno;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        return errno == EWOULDBLOCK ? -EALREADY : -errno;
    }
    /* Between opening and locking it may have become the key. */
    if (lstat(fresh, &named) < 0 || named.st_ino != ours.st_ino || named.st_dev != ours.st_dev) {
        return -EALREADY;
    }
    if (fchmod(fd, 0600) < 0 || ftruncate(fd, 0) < 0) {
        return -errno;
    }
    return take_fd(&fd);
}

static int write_key(int fd) {
    unsigned char key[STORE_KEY_BYTES];
    char text[KEY_TEXT_BYTES + 2];

    if (RAND_bytes(key, sizeof key) != 1) {
        return -EIO;
    }
    hex_encode(key, sizeof key, text);
    text[KEY_TEXT_BYTES] = '\n';
    const ssize_t written = write(fd, text, KEY_TEXT_BYTES + 1);
    const int r = written < 0                     ? -errno
                  : written != KEY_TEXT_BYTES + 1 ? -ENOSPC
                  : fsync(fd) < 0                 ? -errno
                                                  : 0;

    OPENSSL_cleanse(key, sizeof key);
    OPENSSL_cleanse(text, sizeof text);
    return r;
}

/* Whole or not at all, and on the disk before anything is sealed with it: a database without its
 * key is lost. One that another start has made in between is the key. */
static int make_key(const char *file, struct complaint *complaint) {
    char fresh[PATH_SIZE];
    struct text t = TEXT_IN(fresh);

    text_addf(&t, "%s.new", file);
    if (t.overflow) {
        return complain(complaint, -ENAMETOOLONG, "the key file's path is too long");
    }
    _cleanup_close_ int fd = open_fresh(fresh);

    if (fd == -EALREADY) {
        return complain(complaint, -EALREADY, "%s: another cobid is making it; start again", file);
    }
    int r = fd < 0 ? fd : write_key(fd);

    if (r == 0 && renameat2(AT_FDCWD, fresh, AT_FDCWD, file, RENAME_NOREPLACE) < 0) {
        r = -errno;
    }
    if (r < 0 && fd >= 0) {
        (void)unlink(fresh); /* a key that is not whole must not be found at the next start */
    }
    r = r < 0 && r != -EEXIST ? r : folder_sync_above(file);
    return r < 0 ? complain(complaint, r, "%s: the key file cannot be made: %s", file, strerror(-r))
                 : 0;
}

int store_key_load(const char *file, bool create, unsigned char ret_key[STORE_KEY_BYTES],
                   struct complaint *complaint) {
    char text[KEY_TEXT_BYTES + 3] = "";
    unsigned char key[STORE_KEY_BYTES];
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0 && errno == ENOENT && create) {
        const int r = make_key(file, complaint);
        if (r < 0) {
            return r;
        }
        fd = open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    }
    const ssize_t length = fd < 0 ? -1 : read(fd, text, KEY_TEXT_BYTES + 2);
    const int error = errno;

    if (fd >= 0) {
        (void)close(fd); /* only read from */
    }
    if (length < 0) {
        return complain(complaint, -error, "%s: the key file cannot be read: %s", file,
                        strerror(error));
    }
    const bool whole = length == KEY_TEXT_BYTES ||
                       (length == KEY_TEXT_BYTES + 1 && text[KEY_TEXT_BYTES] == '\n');
    const int r = whole ? decode_key(text, key) : -EINVAL;

    if (r == 0) {
        memcpy(ret_key, key, sizeof key);
    }
    OPENSSL_cleanse(text, sizeof text);
    OPENSSL_cleanse(key, sizeof key);
    return r < 0 ? complain(complaint, -EINVAL,
                            "%s: not a key: expected 64 hexadecimal digits and nothing else", file)
                 : 0;
}
