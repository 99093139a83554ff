/* Peer: what root, the daemon's own user, the two groups and everybody else may do on the control
 * socket.
 *
 * The groups are this test's own (getgrnam_r() below takes the C library's place), the peers are
 * processes of another user. */
#include <errno.h>
#include <grp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../src/web/peer.h"
#include "cobi/base/cleanup.h"

#define STRANGER    54321 /* has no entry in any list of users */
#define GROUP_HERS  54399
#define GROUP_OTHER 54398

static gid_t admin_gid, ops_gid; /* 0: there is no such group */

int getgrnam_r(const char *name, struct group *group, char *buffer, size_t size,
               struct group **ret_group) {
    (void)buffer;
    (void)size;
    gid_t gid = strcmp(name, "cobid-admin") == 0 ? admin_gid
                : strcmp(name, "cobid-ops") == 0 ? ops_gid
                                                 : 0;
    *group = (struct group){.gr_gid = gid};
    *ret_group = gid != 0 ? group : NULL;
    return 0;
}

static void test_own_user(void **state) {
    (void)state;
    int fds[2];
    struct peers peers = {0};
    struct actor actor = {0};
    admin_gid = ops_gid = 0;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    assert_int_equal(peer_find(&peers, fds[0], (struct mono){1}, &actor), 0);
    assert_int_equal(actor.uid, geteuid());
    assert_int_equal(actor.access, COMMAND_ADMIN);
    assert_true(actor.user[0] != '\0');
    assert_int_equal(close(fds[0]) + close(fds[1]), 0);
}

/* The end of a connection whose other end another user opened; that process may be gone, its
 * credentials stay. */
static int accept_from(uid_t uid, gid_t gid) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    socklen_t length = sizeof address.sun_family; /* the kernel chooses a name */
    int status;
    _cleanup_close_ int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (const struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(listener, 1), 0);
    length = sizeof address;
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        bool fine = setgroups(0, NULL) == 0 && setgid(gid) == 0 && setuid(uid) == 0 &&
                    connect(fd, (const struct sockaddr *)&address, length) == 0;
        _exit(fine ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return accept(listener, NULL, NULL);
}

static void test_groups(void **state) {
    (void)state;
    static const struct {
        gid_t admin, ops;
        int result;
        enum command_access access;
    } rows[] = {
        {0, 0, -EACCES, COMMAND_OPS},      {GROUP_OTHER, GROUP_OTHER, -EACCES, COMMAND_OPS},
        {0, GROUP_HERS, 0, COMMAND_OPS},   {GROUP_OTHER, GROUP_HERS, 0, COMMAND_OPS},
        {GROUP_HERS, 0, 0, COMMAND_ADMIN}, {GROUP_HERS, GROUP_HERS, 0, COMMAND_ADMIN},
    };
    if (geteuid() != 0) {
        print_message("only root can be somebody else\n");
        skip();
    }
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct peers peers = {0};
        struct actor actor = {0};
        admin_gid = rows[i].admin;
        ops_gid = rows[i].ops;
        _cleanup_close_ int fd = accept_from(STRANGER, GROUP_HERS);
        assert_int_equal(peer_find(&peers, fd, (struct mono){1}, &actor), rows[i].result);
        assert_int_equal(actor.uid, STRANGER);
        assert_string_equal(actor.user, "54321");
        assert_int_equal(actor.access, rows[i].access);
    }
}

/* What was said holds for a minute, for that user and group only. */
static void test_asked_once_a_minute(void **state) {
    (void)state;
    static const struct {
        int64_t at_us;
        gid_t admin;
        int result;
    } rows[] = {{1, GROUP_HERS, 0},
                {MINUTE_US, 0, 0},
                {MINUTE_US + 1, 0, -EACCES},
                {2 * MINUTE_US, GROUP_HERS, -EACCES},
                {2 * MINUTE_US + 1, GROUP_HERS, 0}};
    struct peers peers = {0};
    if (geteuid() != 0) {
        print_message("only root can be somebody else\n");
        skip();
    }
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct actor actor = {0};
        admin_gid = rows[i].admin;
        ops_gid = 0;
        _cleanup_close_ int fd = accept_from(STRANGER, GROUP_HERS);
        assert_int_equal(peer_find(&peers, fd, (struct mono){rows[i].at_us}, &actor),
                         rows[i].result);
        assert_int_equal(actor.uid, STRANGER);
        _cleanup_close_ int other = accept_from(STRANGER, GROUP_OTHER);
        assert_int_equal(peer_find(&peers, other, (struct mono){rows[i].at_us}, &actor), -EACCES);
    }
}

static void test_no_socket(void **state) {
    (void)state;
    struct peers peers = {0};
    struct actor actor = {.uid = 4711};
    assert_int_equal(peer_find(&peers, -1, (struct mono){1}, &actor), -EBADF);
    assert_int_equal(actor.uid, 4711);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own_user),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_asked_once_a_minute),
        cmocka_unit_test(test_no_socket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
