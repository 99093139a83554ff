/* The log on every kind of standard error: whole lines, one write each, and no waiting when nobody
 * reads. */
#include "cobi/base/cleanup.h"
#include "cobi/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#define STUCK_S 10 /* a log that waits is killed by SIGALRM after this long */

static int saved_stderr = -1;

/* Between these two nothing may fail, because cmocka speaks on standard error. */
static void redirect(int fd) {
    saved_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
    (void)dup2(fd, STDERR_FILENO);
    (void)alarm(STUCK_S);
}

static void restore(void) {
    (void)alarm(0);
    (void)dup2(saved_stderr, STDERR_FILENO);
    (void)close(saved_stderr);
    saved_stderr = -1;
}

static void make_pipe(int ends[2]) {
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
}

static void make_stream(int ends[2]) {
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
}

/* Keeps the borders of writes: one read gives one write. */
static void make_packets(int ends[2]) {
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
}

static const struct {
    const char *name;
    void (*make)(int ends[2]);
} channels[] = {{"pipe", make_pipe}, {"stream socket", make_stream}, {"packets", make_packets}};

/* What is there to read now, as text. */
static void drain(int fd, char *buffer, size_t size) {
    size_t length = 0;
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    while (length + 1 < size && poll(&ready, 1, 0) == 1 && (ready.revents & POLLIN) != 0) {
        ssize_t count = read(fd, buffer + length, size - 1 - length);
        if (count <= 0) {
            break;
        }
        length += (size_t)count;
    }
    buffer[length] = '\0';
}

static void lines_have_level_and_end(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(channels); i++) {
        int ends[2];
        char read_back[1000];
        channels[i].make(ends);
        redirect(ends[1]);
        log_error("store: session %d", 7);
        log_warning("two");
        log_notice("three");
        log_info("four");
        log_debug("not wanted");
        restore();
        drain(ends[0], read_back, sizeof read_back);
        assert_string_equal(read_back, "<3>store: session 7\n<4>two\n<5>three\n<6>four\n");
        (void)close(ends[0]);
        (void)close(ends[1]);
    }
}

static void level_decides(void **state) {
    (void)state;
    int ends[2];
    char read_back[1000];
    make_pipe(ends);
    redirect(ends[1]);
    log_set_level(LOG_LEVEL_DEBUG);
    log_debug("fine");
    log_set_level(LOG_LEVEL_ERROR);
    log_warning("dropped");
    log_error("kept");
    log_set_level(LOG_LEVEL_INFO);
    restore();
    drain(ends[0], read_back, sizeof read_back);
    assert_string_equal(read_back, "<7>fine\n<3>kept\n");
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static void a_line_stays_one_line(void **state) {
    (void)state;
    int ends[2];
    char read_back[1000];
    make_pipe(ends);
    redirect(ends[1]);
    log_info("a\nb\r\tc\x1b[0m\x7f %s\\ ~", "\xc3\xa9");
    restore();
    drain(ends[0], read_back, sizeof read_back);
    assert_string_equal(read_back, "<6>a\\x0ab\\x0d\\x09c\\x1b[0m\\x7f \\xc3\\xa9\\ ~\n");
    (void)close(ends[0]);
    (void)close(ends[1]);
}

/* The longest line there can be is still one write. */
static void long_lines_are_cut(void **state) {
    (void)state;
    int ends[2];
    char text[5000], line[8192];
    make_packets(ends);
    for (int byte = 'x'; byte != 0; byte = byte == 'x' ? '\n' : 0) {
        memset(text, byte, sizeof text - 1);
        text[sizeof text - 1] = '\0';
        redirect(ends[1]);
        log_info("%s", text);
        log_info("next");
        restore();
        ssize_t length = recv(ends[0], line, sizeof line, MSG_DONTWAIT);
        ssize_t width = byte == 'x' ? 1 : 4;
        assert_int_equal(length, 3 + 957 * width + 3 + 1);
        assert_memory_equal(line + length - 4, "...\n", 4);
        assert_int_equal(recv(ends[0], line, sizeof line, MSG_DONTWAIT), strlen("<6>next\n"));
    }
    (void)close(ends[0]);
    (void)close(ends[1]);
}

/* Fills what the other end does not read, through a non-blocking mode that is taken back. */
static void fill(int fd) {
    int flags = fcntl(fd, F_GETFL);
    assert_int_equal(fcntl(fd, F_SETFL, flags | O_NONBLOCK), 0);
    static const char block[4096];
    for (size_t size = sizeof block; size > 0;) {
        if (write(fd, block, size) < 0) {
            size /= 2;
        }
    }
    assert_int_equal(fcntl(fd, F_SETFL, flags), 0);
}

static void a_full_channel_does_not_stop_us(void **state) {
    (void)state;
    static char read_back[4000000];
    for (size_t i = 0; i < ARRAY_COUNT(channels); i++) {
        int ends[2];
        channels[i].make(ends);
        fill(ends[1]);
        int flags = fcntl(ends[1], F_GETFL);
        uint64_t before = log_dropped_count();
        redirect(ends[1]);
        log_error("lost %d", 1);
        log_error("lost %d", 2);
        restore();
        assert_int_equal(log_dropped_count(), before + 2);
        assert_int_equal(fcntl(ends[1], F_GETFL), flags);
        drain(ends[0], read_back, sizeof read_back);
        redirect(ends[1]);
        log_info("seen");
        log_info("again");
        restore();
        drain(ends[0], read_back, sizeof read_back);
        if (strcmp(read_back, "<4>log: lines lost: 2\n<6>seen\n<6>again\n") != 0) {
            fail_msg("%s: \"%s\"", channels[i].name, read_back);
        }
        assert_int_equal(log_dropped_count(), before + 2);
        (void)close(ends[0]);
        (void)close(ends[1]);
    }
}

static void a_reader_that_left_does_not_kill_us(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(channels); i++) {
        int ends[2];
        channels[i].make(ends);
        (void)close(ends[0]);
        uint64_t before = log_dropped_count();
        redirect(ends[1]);
        log_error("into the void");
        restore();
        assert_int_equal(log_dropped_count(), before + 1);
        (void)close(ends[1]);
    }
}

static void no_standard_error_at_all(void **state) {
    (void)state;
    uint64_t before = log_dropped_count();
    redirect(saved_stderr);
    (void)close(STDERR_FILENO);
    errno = EXDEV;
    log_error("into the void");
    int kept = errno;
    restore();
    assert_int_equal(log_dropped_count(), before + 1);
    assert_int_equal(kept, EXDEV);
}

static void errno_is_kept_and_printed(void **state) {
    (void)state;
    int ends[2];
    char read_back[1000];
    make_pipe(ends);
    redirect(ends[1]);
    errno = ENOSPC;
    log_error("store: %m");
    int kept = errno;
    restore();
    assert_int_equal(kept, ENOSPC);
    drain(ends[0], read_back, sizeof read_back);
    char *line = strstr(read_back, "<3>store: No space left on device\n");
    assert_non_null(line);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

/* What others write to the same file must not be overwritten, nor ours by theirs. */
static void a_file_is_shared(void **state) {
    (void)state;
    char name[] = "/tmp/cobi-test-log-XXXXXX", read_back[1000];
    int fd = mkostemp(name, O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(unlink(name), 0);
    redirect(fd);
    log_info("ours");
    ssize_t written = write(STDERR_FILENO, "theirs\n", 7);
    log_info("ours again");
    restore();
    assert_int_equal(written, 7);
    ssize_t length = pread(fd, read_back, sizeof read_back - 1, 0);
    assert_true(length > 0);
    read_back[length] = '\0';
    assert_non_null(strstr(read_back, "<6>ours\ntheirs\n<6>ours again\n"));
    (void)close(fd);
}

static void a_terminal_shows_no_level(void **state) {
    (void)state;
    char read_back[1000];
    int leader = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (leader < 0 || grantpt(leader) < 0 || unlockpt(leader) < 0) {
        skip();
    }
    int terminal = open(ptsname(leader), O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(terminal >= 0);
    redirect(terminal);
    log_info("plain");
    restore();
    drain(leader, read_back, sizeof read_back);
    assert_string_equal(read_back, "plain\r\n");
    (void)close(terminal);
    (void)close(leader);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_have_level_and_end),
        cmocka_unit_test(level_decides),
        cmocka_unit_test(a_line_stays_one_line),
        cmocka_unit_test(long_lines_are_cut),
        cmocka_unit_test(a_full_channel_does_not_stop_us),
        cmocka_unit_test(a_terminal_shows_no_level),
        cmocka_unit_test(a_reader_that_left_does_not_kill_us),
        cmocka_unit_test(no_standard_error_at_all),
        cmocka_unit_test(errno_is_kept_and_printed),
        cmocka_unit_test(a_file_is_shared),
    };
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
