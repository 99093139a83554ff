/* Listeners: what counts as an address, and what stands in the way of a control socket. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "cobi/base/cleanup.h"
#include "cobi/base/text.h"
#include "cobi/web/web.h"

static char folder[] = "/tmp/test_listen_XXXXXX";
static char path[sizeof folder + 16];

static int make_folder(void **state) {
    (void)state;
    struct text t = TEXT_IN(path);
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    text_addf(&t, "%s/control.sock", folder);
    return 0;
}

static int remove_folder(void **state) {
    (void)state;
    (void)unlink(path); /* may be gone */
    return rmdir(folder);
}

static void test_public_refused(void **state) {
    (void)state;
    static const char *const addresses[] = {
        "",
        "8099",
        ":8099",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:80x",
        "127.0.0.1:65536",
        "127.0.0.1:-1",
        "localhost:0",
        "::1:0",
        "[::1]",
        "[127.0.0.1]:0",
        "[::1:0",
        "127.0.0.1:999999",
        "example.org:0",
        "127.0.0.1:0 ",
        " 127.0.0.1:0",
        "[::1]x:0",
    };
    for (size_t i = 0; i < ARRAY_COUNT(addresses); i++) {
        struct complaint complaint = {0};
        print_message("%s\n", addresses[i]);
        assert_int_equal(listen_public(addresses[i], &complaint), -EINVAL);
        assert_non_null(strstr(complaint.text, "127.0.0.1:8099")); /* says how */
    }
}

static void test_public(void **state) {
    (void)state;
    struct complaint complaint = {0};
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    _cleanup_close_ int fd = listen_public("127.0.0.1:0", &complaint);
    assert_true(fd >= 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    assert_int_equal(address.ss_family, AF_INET);
    /* An address that is not ours: the reason reaches the person. */
    assert_int_equal(listen_public("203.0.113.1:1", &complaint), -EADDRNOTAVAIL);
    assert_string_equal(complaint.text,
                        "cannot listen on 203.0.113.1:1: Cannot assign requested address");
}

static void test_control(void **state) {
    (void)state;
    struct complaint complaint = {0};
    struct stat status;
    int first = listen_control(path, &complaint);
    assert_true(first >= 0);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0660);
    errno = ENOENT; /* what happened before must not matter */
    assert_int_equal(listen_control(path, &complaint), -EADDRINUSE);
    assert_non_null(strstr(complaint.text, "is another daemon running?"));
    assert_int_equal(close(first), 0);
    _cleanup_close_ int second = listen_control(path, &complaint); /* the dead one is replaced */
    assert_true(second >= 0);
}

static void test_control_refused(void **state) {
    (void)state;
    struct complaint complaint = {0};
    char long_path[200];
    memset(long_path, 'a', sizeof long_path);
    long_path[0] = '/';
    long_path[sizeof long_path - 1] = '\0';
    assert_int_equal(listen_control(long_path, &complaint), -EINVAL);
    assert_int_equal(listen_control("relative.sock", &complaint), -EINVAL);
    assert_int_equal(listen_control("", &complaint), -EINVAL);
    assert_int_equal(listen_control("/nonexistent/control.sock", &complaint), -ENOENT);
    (void)unlink(path); /* left over from before */
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(listen_control(path, &complaint), -EEXIST);
    assert_int_equal(access(path, F_OK), 0); /* still there */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_public_refused),
        cmocka_unit_test(test_public),
        cmocka_unit_test(test_control),
        cmocka_unit_test(test_control_refused),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
