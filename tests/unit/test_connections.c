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
/* Every connection that was not removed yet: what is ended is in no list. */
static struct connection *kept[OPEN_MAX_HERE];
static size_t kept_count;

static struct connection *keep(struct connection *c) {
    kept[kept_count++] = c;
    return c;
}

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

/* A connection from there. */
static struct connection *add(struct connections *list, const char *from, int64_t now_us) {
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
    assert_true(pair_count < OPEN_MAX_HERE);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pairs[pair_count]), 0);
    return connections_add_from(list, pairs[pair_count++][0], (const struct sockaddr *)&storage,
                                (struct mono){now_us});
}

static void clear(struct connections *list) {
    while (kept_count > 0) {
        connections_remove(list, kept[--kept_count]);
    }
    assert_true(TAILQ_EMPTY(&list->all));
    for (size_t i = 0; i < CONNECTION_KIND_COUNT; i++) {
        assert_true(TAILQ_EMPTY(&list->kinds[i]));
        assert_int_equal(list->counts[i], 0);
    }
    for (size_t i = 0; i < CONNECTION_BUCKETS; i++) {
        assert_true(TAILQ_EMPTY(&list->buckets[i]));
    }
}

/* Has the other end been told? */
static bool is_ended(size_t index) {
    char byte;
    return recv(pairs[index][1], &byte, 1, MSG_DONTWAIT) == 0;
}

static const char *told(void) {
    static char text[OPEN_MAX_HERE + 1];
    for (size_t i = 0; i < pair_count; i++) {
        text[i] = is_ended(i) ? 'x' : '.';
    }
    text[pair_count] = '\0';
    return text;
}

/* Who comes is taken in; the oldest of the same place goes. */
static void test_per_place(void **state) {
    static const struct {
        const char *from, *told;
    } steps[] = {
        {"203.0.113.7", "."},           {"::ffff:203.0.113.7", ".."}, /* the same host */
        {"203.0.113.8", "..."},         {"203.0.113.7", "x..."},      {"2001:db8::7", "x...."},
        {"2001:db8::8", "x....."}, /* the same network */
        {"2001:db8:0:1::7", "x......"}, {"2001:db8::9", "x...x..."},  {"203.0.113.7", "xx..x...."},
    };
    (void)state;
    struct connections list;
    connections_init(&list);
    list.per_place_max = 2;
    for (size_t i = 0; i < ARRAY_COUNT(steps); i++) {
        keep(add(&list, steps[i].from, (int64_t)i));
        assert_string_equal(told(), steps[i].told);
    }
    clear(&list);
}

/* A proxy on this host, and everything on Unix sockets. */
static void test_local_is_not_counted(void **state) {
    static const char *const local[] = {"127.0.0.1", "127.0.0.1", "127.0.0.2", "::1",
                                        "::1",       "unix",      "unix",      "::ffff:127.0.0.1"};
    (void)state;
    struct connections list;
    connections_init(&list);
    list.per_place_max = 1;
    for (size_t i = 0; i < ARRAY_COUNT(local); i++) {
        keep(add(&list, local[i], 1));
    }
    assert_string_equal(told(), "........");
    clear(&list);
}

static void test_life(void **state) {
    (void)state;
    struct connections list;
    struct mono when = {77};
    connections_init(&list);
    list.life.us = 1000;
    assert_false(connections_next(&list, &when));
    assert_int_equal(when.us, 77);
    struct connection *first = keep(add(&list, "::1", 5000));
    struct connection *middle = add(&list, "::1", 5600);
    keep(add(&list, "::1", 5700));
    connections_served(&list, first); /* an answer prolongs nothing */
    assert_true(connections_next(&list, &when));
    assert_int_equal(when.us, 6000);
    connections_expire(&list, (struct mono){5999});
    assert_string_equal(told(), "...");
    connections_expire(&list, (struct mono){6000});
    assert_string_equal(told(), "x..");
    /* What is ended asks for no timer: the library closes it. */
    assert_true(connections_next(&list, &when));
    assert_int_equal(when.us, 6600);
    connections_remove(&list, middle);
    connections_expire(&list, (struct mono){9000});
    assert_string_equal(told(), "x.x");
    assert_false(connections_next(&list, &when));
    clear(&list);
}

static void test_no_life(void **state) {
    (void)state;
    struct connections list;
    struct mono when;
    connections_init(&list);
    keep(add(&list, "::1", 1));
    connections_expire(&list, (struct mono){INT64_MAX});
    assert_string_equal(told(), ".");
    assert_false(connections_next(&list, &when));
    clear(&list);
}

/* Whoever comes now is answered: the oldest of the more numerous kind goes. */
static void test_full(void **state) {
    (void)state;
    struct connections list;
    connections_init(&list);
    list.count_max = 3;
    struct connection *proxy = keep(add(&list, "::1", 0));
    connections_served(&list, proxy);
    keep(add(&list, "::1", 1));
    struct connection *asking = keep(add(&list, "::1", 2));
    keep(add(&list, "::1", 3));
    assert_string_equal(told(), ".x..");
    connections_served(&list, asking);
    connections_served(&list, asking); /* only the first answer makes a difference */
    keep(add(&list, "::1", 4));        /* two of each: who has had an answer stays */
    assert_string_equal(told(), ".x.x.");
    struct connection *third = keep(add(&list, "::1", 5));
    assert_string_equal(told(), ".x.xx.");
    connections_served(&list, third);
    keep(add(&list, "::1", 6)); /* a crowd that asked once does not push out who is just asking */
    assert_string_equal(told(), "xx.xx..");
    clear(&list);
}

/* Half a listener of others must come before anybody who asks nothing wrong goes. */
static void test_full_of_either_kind(void **state) {
    (void)state;
    for (int served = 0; served < 2; served++) {
        struct connections list;
        open_none(NULL);
        connections_init(&list);
        list.count_max = 8;
        for (int i = 0; i < 8; i++) {
            struct connection *crowd = keep(add(&list, "::1", i));
            if (served) {
                connections_served(&list, crowd);
            }
        }
        keep(add(&list, "::1", 10));
        for (int i = 0; i < 3; i++) {
            struct connection *crowd = keep(add(&list, "::1", 11 + i));
            if (served) {
                connections_served(&list, crowd);
            }
        }
        assert_string_equal(told(), "xxxx........");
        clear(&list);
        close_all(NULL);
    }
    pair_count = 0;
}

#define test(function) cmocka_unit_test_setup_teardown(function, open_none, close_all)
int main(void) {
    const struct CMUnitTest tests[] = {
        test(test_per_place), test(test_local_is_not_counted), test(test_life), test(test_no_life),
        test(test_full),      test(test_full_of_either_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
