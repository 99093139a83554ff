/* Connections: how many an address may have, when each ends, and who goes when the listener is
 * full. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../src/web/connections.h"
#include "cobi/base/cleanup.h"

#define OPEN_MAX_HERE 20

static int pairs[OPEN_MAX_HERE][2];
static size_t pair_count;

static int open_none(void **state) {
    (void)state;
    pair_count = 0;
    return 0;
}

static int close_all(void **state) {
    (void)state;
    for (size_t i = 0; i < pair_count; i++) {
        (void)close(pairs[i][0]); /* test sockets */
        (void)close(pairs[i][1]);
    }
    return 0;
}

/* A connection that appears to come from there. */
static struct connection *add(struct connections *list, const char *from, int64_t now_us) {
    assert_true(pair_count < OPEN_MAX_HERE);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pairs[pair_count]), 0);
    struct connection *c = connections_add(list, pairs[pair_count++][0], (struct mono){now_us});
    assert_int_equal(inet_pton(AF_INET6, from, &c->address), 1);
    return c;
}

static bool admit(const struct connections *list, const char *from) {
    struct sockaddr_storage storage = {0};
    struct sockaddr_in four = {.sin_family = AF_INET};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, from, &four.sin_addr) == 1) {
        memcpy(&storage, &four, sizeof four);
    } else if (inet_pton(AF_INET6, from, &six.sin6_addr) == 1) {
        memcpy(&storage, &six, sizeof six);
    } else {
        storage.ss_family = AF_UNIX;
    }
    return connections_admit(list, (const struct sockaddr *)&storage);
}

static void clear(struct connections *list) {
    while (list->oldest != NULL) {
        connections_remove(list, list->oldest);
    }
    assert_null(list->newest);
    assert_int_equal(list->count, 0);
}

/* Has the other end been told? */
static bool is_ended(size_t index) {
    char byte;
    return recv(pairs[index][1], &byte, 1, MSG_DONTWAIT) == 0;
}

static void test_per_address(void **state) {
    (void)state;
    struct connections list = {.per_address_max = 2};
    add(&list, "::ffff:203.0.113.7", 1);
    assert_true(admit(&list, "203.0.113.7"));
    struct connection *second = add(&list, "::ffff:203.0.113.7", 2);
    assert_false(admit(&list, "203.0.113.7"));
    assert_false(admit(&list, "::ffff:203.0.113.7"));
    assert_true(admit(&list, "203.0.113.8"));
    assert_true(admit(&list, "2001:db8::7"));
    second->ended = true; /* about to be closed: no longer counted */
    assert_true(admit(&list, "203.0.113.7"));
    add(&list, "2001:db8::7", 3);
    add(&list, "2001:db8::7", 4);
    assert_false(admit(&list, "2001:db8::7"));
    list.per_address_max = 0;
    assert_true(admit(&list, "2001:db8::7"));
    clear(&list);
}

/* A proxy on this host, and everything on Unix sockets. */
static void test_local_is_not_counted(void **state) {
    (void)state;
    struct connections list = {.per_address_max = 1};
    add(&list, "::ffff:127.0.0.1", 1);
    add(&list, "::1", 1);
    add(&list, "::", 1);
    assert_true(admit(&list, "127.0.0.1"));
    assert_true(admit(&list, "127.0.0.2"));
    assert_true(admit(&list, "::1"));
    assert_true(admit(&list, "unix"));
    clear(&list);
}

static void test_life(void **state) {
    (void)state;
    struct connections list = {.life = {1000}};
    struct mono when = {77};
    assert_false(connections_next(&list, &when));
    assert_int_equal(when.us, 77);
    add(&list, "::1", 5000);
    struct connection *middle = add(&list, "::1", 5600);
    add(&list, "::1", 5700);
    assert_true(connections_next(&list, &when));
    assert_int_equal(when.us, 6000);
    connections_expire(&list, (struct mono){5999});
    assert_false(is_ended(0));
    connections_expire(&list, (struct mono){6000});
    assert_true(is_ended(0));
    assert_false(is_ended(1));
    assert_true(connections_next(
        &list, &when)); /* what is ended asks for no timer: the library closes it */
    assert_int_equal(when.us, 6600);
    connections_remove(&list, middle);
    connections_expire(&list, (struct mono){9000});
    assert_true(is_ended(2));
    assert_false(connections_next(&list, &when));
    clear(&list);
}

static void test_no_life(void **state) {
    (void)state;
    struct connections list = {0};
    struct mono when;
    add(&list, "::1", 1);
    connections_expire(&list, (struct mono){INT64_MAX});
    assert_false(is_ended(0));
    assert_false(connections_next(&list, &when));
    clear(&list);
}

/* Whoever comes now is answered. */
static void test_full(void **state) {
    (void)state;
    struct connections list = {.count_max = 3};
    for (int i = 0; i < 3; i++) {
        add(&list, "::1", i);
    }
    assert_false(is_ended(0));
    add(&list, "::1", 10);
    assert_true(is_ended(0));
    assert_false(is_ended(1));
    add(&list, "::1", 11); /* the first is not closed yet: the next goes too */
    assert_true(is_ended(1));
    assert_false(is_ended(2));
    assert_false(is_ended(4));
    clear(&list);
}

#define test(function) cmocka_unit_test_setup_teardown(function, open_none, close_all)
int main(void) {
    const struct CMUnitTest tests[] = {
        test(test_per_address), test(test_local_is_not_counted),
        test(test_life),        test(test_no_life),
        test(test_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
