/* Log lines to standard error, one write each, never waiting.
 *
 * Under systemd standard error is the journal's socket; by hand it is a terminal, in tests a pipe
 * or a file. A journal that does not read must not stop the daemon, so a line that cannot go out at
 * once is dropped and counted, and the next line that goes out is preceded by the count. It must
 * never change the flags of standard error, which other processes share, and never print what a
 * terminal or the journal would take for something else than text. */
#include "cobi/base/log.h"

#include "cobi/base/cleanup.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEXT_BYTES_MAX 960      /* longer texts are cut and end in "..." */
#define LINE_BYTES_MAX PIPE_BUF /* a pipe takes this much whole or not at all */
static_assert(TEXT_BYTES_MAX * 4 + 8 <= LINE_BYTES_MAX, "an escaped line must fit");

/* The only state of this room: the log must work before and after everything else, and in the mail
 * workers. */
static _Atomic int level_max = LOG_LEVEL_INFO;
static _Atomic uint64_t dropped_count;
static _Atomic uint64_t dropped_since_last;

void log_set_level(enum log_level level) {
    atomic_store(&level_max, (int)level);
}

uint64_t log_dropped_count(void) {
    return atomic_load(&dropped_count);
}

/* Pipes and terminals: a second open file of the same thing has flags of its own. Where it cannot
 * be had (no /proc, not ours to open), a pipe that polls writable takes PIPE_BUF bytes without
 * waiting. Polling also sees a reader that left, before SIGPIPE does. */
static ssize_t write_reopened(const char *line, size_t length) {
    _cleanup_close_ int own = open("/proc/self/fd/2",
                                   O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | O_APPEND);
    struct pollfd ready = {.fd = own >= 0 ? own : STDERR_FILENO, .events = POLLOUT};
    if (poll(&ready, 1, 0) != 1 || ready.revents != POLLOUT) {
        return -1;
    }
    return write(ready.fd, line, length);
}

static bool put_line(const char *line, size_t length) {
    struct stat status;
    ssize_t written;
    if (fstat(STDERR_FILENO, &status) < 0) {
        return false;
    }
    if (S_ISSOCK(status.st_mode)) {
        written = send(STDERR_FILENO, line, length, MSG_DONTWAIT | MSG_NOSIGNAL);
    } else if (S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode)) {
        written = write_reopened(line, length);
    } else {
        written = write(STDERR_FILENO, line, length);
    }
    return written == (ssize_t)length;
}

/* "<4>" tells journald the level; a person at a terminal does not want it. */
static size_t put_prefix(char line[LINE_BYTES_MAX], enum log_level level) {
    if (isatty(STDERR_FILENO) == 1) {
        return 0;
    }
    return (size_t)snprintf(line, LINE_BYTES_MAX, "<%d>", (int)level);
}

static bool put_text(enum log_level level, const char *text) {
    char line[LINE_BYTES_MAX];
    size_t length = put_prefix(line, level);
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c >= 0x20 && c <= 0x7e) {
            line[length++] = (char)c;
        } else {
            length += (size_t)snprintf(line + length, sizeof line - length, "\\x%02x", c);
        }
    }
    line[length++] = '\n';
    return put_line(line, length);
}

/* Says what was lost before the next line, so that a reader knows of the hole. */
static bool put_dropped(void) {
    uint64_t count = atomic_exchange(&dropped_since_last, 0);
    if (count == 0) {
        return true;
    }
    char text[64];
    (void)snprintf(text, sizeof text, "log: lines lost: %llu", (unsigned long long)count);
    if (put_text(LOG_LEVEL_WARNING, text)) {
        return true;
    }
    atomic_fetch_add(&dropped_since_last, count);
    return false;
}

void log_line(enum log_level level, const char *format, ...) {
    if ((int)level > atomic_load(&level_max)) {
        return;
    }
    int saved_errno = errno;
    char text[TEXT_BYTES_MAX + 1];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (length < 0) {
        text[0] = '\0';
    } else if ((size_t)length >= sizeof text) {
        memcpy(text + TEXT_BYTES_MAX - 3, "...", 4);
    }
    if (!put_dropped() || !put_text(level, text)) {
        atomic_fetch_add(&dropped_count, 1);
        atomic_fetch_add(&dropped_since_last, 1);
    }
    errno = saved_errno;
}
