/* credential: secrets from files.
 *
 * Read anew for every message, so that a rotated secret is taken at once and none lies in memory
 * while nothing is sent. A file that others can read is refused, so that a careless mode is noticed
 * at the start. A secret must never reach a log line, a complaint or a delivery. */
#include "cobi/transport/credential.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "cobi/base/cleanup.h"
#include "cobi/base/text.h"

#define PLACEHOLDER "${credential:"

static int open_in(const char *directory, const char *name) {
    if (directory == NULL || directory[0] == '\0' || !id_valid(name)) {
        return -EBADF;
    }
    _cleanup_close_ int directory_fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (directory_fd < 0) {
        return -errno;
    }
    int fd = openat(directory_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static int check_mode(int fd) {
    struct stat status;
    if (fstat(fd, &status) < 0) {
        return -errno;
    }
    mode_t forbidden = status.st_uid == 0 && geteuid() != 0 ? 0037 : 0077;
    return S_ISREG(status.st_mode) && (status.st_mode & forbidden) == 0 ? 0 : -EACCES;
}

/* The length of the one line in the buffer, or -EBADMSG. */
static int line_length(const char *buffer, size_t length) {
    if (length > 0 && buffer[length - 1] == '\n') {
        length--;
    }
    if (length > 0 && buffer[length - 1] == '\r') {
        length--;
    }
    for (size_t i = 0; i < length; i++) {
        if (buffer[i] < 0x20 || buffer[i] > 0x7e) {
            return -EBADMSG;
        }
    }
    return length == 0 || length >= CREDENTIAL_SIZE ? -EBADMSG : (int)length;
}

int credential_read(const char *directory, const char *name, char ret_secret[CREDENTIAL_SIZE]) {
    _cleanup_close_ int fd = open_in(directory, name);
    if (fd < 0) {
        return fd;
    }
    int r = check_mode(fd);
    if (r < 0) {
        return r;
    }
    char buffer[CREDENTIAL_SIZE + 2];
    ssize_t count = read(fd, buffer, sizeof buffer);
    r = count < 0 ? -errno : line_length(buffer, (size_t)count);
    if (r >= 0) {
        memcpy(ret_secret, buffer, (size_t)r);
        ret_secret[r] = '\0';
    }
    explicit_bzero(buffer, sizeof buffer);
    return r;
}

const char *credential_find(const char *text, char ret_name[64], const char **ret_end) {
    const char *start = strstr(text, PLACEHOLDER);
    if (start == NULL) {
        return NULL;
    }
    const char *name = start + strlen(PLACEHOLDER);
    size_t length = strcspn(name, "}");
    if (name[length] != '}' || length >= 64) {
        length = 0; /* never a valid name: reading it will be refused */
        *ret_end = start + strlen(start);
    } else {
        *ret_end = name + length + 1;
    }
    memcpy(ret_name, name, length);
    ret_name[length] = '\0';
    return start;
}

int credential_expand(const char *directory, const char *text, char *ret_text, size_t capacity) {
    struct text out;
    char name[64], secret[CREDENTIAL_SIZE] = "";
    const char *start, *end = NULL;
    int r = 0;
    text_init(&out, ret_text, capacity);
    while (r >= 0 && (start = credential_find(text, name, &end)) != NULL) {
        text_add_bytes(&out, text, (size_t)(start - text));
        r = credential_read(directory, name, secret);
        text_add(&out, r < 0 ? "" : secret);
        text = end;
    }
    text_add(&out, text);
    explicit_bzero(secret, sizeof secret);
    if (r >= 0 && out.overflow) {
        r = -E2BIG;
    }
    if (r < 0) {
        explicit_bzero(ret_text, capacity);
    }
    return r < 0 ? r : 0;
}
