/* spool: each message as one file, for offices without a gateway yet, for demonstrations and for
 * tests.
 *
 * Written beside its final name, synced, renamed, and the directory synced, so that a reader sees
 * whole files only and a power cut takes back nothing. It fails with a negative errno and then
 * leaves no file. It must never overwrite: two messages under one reference would hide that one was
 * sent twice. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "cobi/base/cleanup.h"
#include "cobi/base/folder.h"
#include "cobi/base/text.h"
#include "cobi/transport/allocate.h"
#include "cobi/transport/transport.h"

#define REFERENCE_MAX 100
#define SMS_BYTES_MAX 8192

static bool reference_fine(const char *reference) {
    size_t length = strspn(reference,
                           "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.");
    return reference[length] == '\0' && length > 0 && length <= REFERENCE_MAX &&
           reference[0] != '.';
}

static bool value_fine(const char *value) {
    return value == NULL || value[0] == '\0' || text_check(value, strlen(value), 255) == TEXT_FINE;
}

/* A small header as in a mail, an empty line, and the text byte for byte. */
static int sms_format(const struct outgoing *message, char **ret_bytes, size_t *ret_length) {
    char *buffer = allocate(SMS_BYTES_MAX, 1), when[INSTANT_TEXT_SIZE];
    struct text text;
    text_init(&text, buffer, SMS_BYTES_MAX);
    bool fine = value_fine(message->to) && value_fine(message->from) &&
                value_fine(message->message_id);
    instant_to_text(message->date, when);
    text_addf(&text, "To: %s\n", message->to);
    if (message->from != NULL && message->from[0] != '\0') {
        text_addf(&text, "From: %s\n", message->from);
    }
    text_addf(&text, "Date: %s\nReference: %s\nMessage-Id: %s\n\n%s", when, message->reference,
              message->message_id, message->body);
    if (!fine || text.overflow) {
        wipe_free(buffer, SMS_BYTES_MAX);
        return -EINVAL;
    }
    *ret_bytes = buffer;
    *ret_length = text.length;
    return 0;
}

static int write_all(int fd, const char *bytes, size_t length) {
    while (length > 0) {
        ssize_t count = write(fd, bytes, length);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            return count < 0 ? -errno : -EIO;
        }
        bytes += count;
        length -= (size_t)count;
    }
    return 0;
}

static int write_synced(int directory, const char *name, const char *bytes, size_t length) {
    _cleanup_close_ int fd = openat(directory, name,
                                    O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        return -errno;
    }
    int r = write_all(fd, bytes, length);
    if (r < 0) {
        return r;
    }
    return fsync(fd) < 0 ? -errno : 0;
}

/* Renames without overwriting, also where the file system cannot do that in one call. */
static int rename_new(int directory, const char *from, const char *to) {
    if (renameat2(directory, from, directory, to, RENAME_NOREPLACE) == 0) {
        return 0;
    }
    if (errno != EINVAL && errno != ENOSYS) {
        return -errno;
    }
    if (linkat(directory, from, directory, to, 0) < 0) {
        return -errno;
    }
    (void)unlinkat(directory, from, 0); /* a second name that begins with a dot does no harm */
    return 0;
}

static int write_atomically(int directory, const char *name, const char *bytes, size_t length) {
    char temporary[REFERENCE_MAX + 16];
    struct text text = TEXT_IN(temporary);
    text_addf(&text, ".%s.new", name);
    if (text.overflow) {
        return -ENAMETOOLONG;
    }
    int r = write_synced(directory, temporary, bytes, length);
    if (r == 0) {
        r = rename_new(directory, temporary, name);
    }
    if (r < 0) {
        (void)unlinkat(directory, temporary, 0); /* the first error is the one to tell */
        return r;
    }
    if (fsync(directory) < 0) {
        r = -errno;
        (void)unlinkat(directory, name, 0); /* not certain to last, so it must not be seen */
    }
    return r;
}

/* Opens the spool's directory; makes it (but nothing above it) when it is not there. */
static int open_directory(const char *directory) {
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        int r = folder_make(directory);
        if (r < 0) {
            return r;
        }
        fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    return fd < 0 ? -errno : fd;
}

int spool_write(const char *directory, const struct outgoing *message, const char *mail_host) {
    if (message->reference == NULL || message->to == NULL || message->body == NULL ||
        !reference_fine(message->reference)) {
        return -EINVAL;
    }
    char *bytes = NULL, name[REFERENCE_MAX + 8];
    size_t length = 0;
    struct text text = TEXT_IN(name);
    text_addf(&text, "%s.%s", message->reference,
              message->channel == CHANNEL_EMAIL ? "eml" : "sms");
    int r = message->channel == CHANNEL_EMAIL ? mail_format(message, mail_host, &bytes, &length)
                                              : sms_format(message, &bytes, &length);
    if (r < 0) {
        return r;
    }
    _cleanup_close_ int fd = open_directory(directory);
    r = fd < 0 ? fd : write_atomically(fd, name, bytes, length);
    wipe_free(bytes, length);
    return r;
}
