/* Email addresses: what is taken, and above all what must never reach an SMTP envelope. */
#include "cobi/base/cleanup.h"
#include "cobi/base/mailaddr.h"
#include "seed.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define LABEL_63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void addresses_are_taken_in_lower_case(void **state) {
    (void)state;
    static const struct {
        const char *from, *to;
    } rows[] = {
        {"sam.jones@example.org", "sam.jones@example.org"},
        {"Sam.Jones@Example.ORG", "sam.jones@example.org"},
        {"a@b", "a@b"},
        {"a@localhost", "a@localhost"},
        {"o'neill+rota@mail.example.gov.uk", "o'neill+rota@mail.example.gov.uk"},
        {"!#$%&'*+-/=?^_`{|}~@x.yz", "!#$%&'*+-/=?^_`{|}~@x.yz"},
        {"a@1.2.3", "a@1.2.3"},
        {"a@xn--t-celyn-5xb.cymru", "a@xn--t-celyn-5xb.cymru"},
        {"a@" LABEL_63 ".org", "a@" LABEL_63 ".org"},
        {LABEL_63 "a@b.org", LABEL_63 "a@b.org"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char address[MAILADDR_SIZE] = "";
        if (mailaddr_parse(rows[i].from, address) != 0 || strcmp(address, rows[i].to) != 0) {
            fail_msg("\"%s\": \"%s\"", rows[i].from, address);
        }
    }
}

static void everything_else_is_refused(void **state) {
    (void)state;
    static const char *const rows[] = {
        "",
        "@",
        "a",
        "a@",
        "@b",
        "a@b@c",
        "a@@b",
        "a b@c.org",
        " a@b.org",
        "a@b.org ",
        "a@b .org",
        "a@b.org\n",
        "a@b.org\r\nRCPT TO:<eve@evil.example>",
        "a\r\nDATA@b.org",
        "a@b.org>\r\nRCPT TO:<eve@evil.example",
        "a\tb@c.org",
        "a\x7f@b.org",
        "a\x01@b.org",
        "<a@b.org>",
        "a@b.org>",
        "Sam <a@b.org>",
        "\"a b\"@c.org",
        "a\"b@c.org",
        "a(comment)@b.org",
        "a,b@c.org",
        "a@b.org,c@d.org",
        "a;b@c.org",
        "a:b@c.org",
        "a\\b@c.org",
        "a[b]@c.org",
        ".a@b.org",
        "a.@b.org",
        "a..b@c.org",
        "a@.b.org",
        "a@b.org.",
        "a@b..org",
        "a@-b.org",
        "a@b-.org",
        "a@b.-org",
        "a@b.org-",
        "a@-",
        "a@b_c.org",
        "a@[127.0.0.1]",
        "a@b.org/x",
        "Si\xc3\xa2n@b.org",
        "a@t\xc5\xb7.cymru",
        LABEL_63 "aa@b.org",
        "a@" LABEL_63 "a.org",
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char address[MAILADDR_SIZE] = "untouched";
        if (mailaddr_parse(rows[i], address) != -EINVAL || strcmp(address, "untouched") != 0) {
            fail_msg("row %zu: \"%s\"", i, rows[i]);
        }
    }
}

static void the_whole_is_254_octets_at_most(void **state) {
    (void)state;
    char text[400], address[MAILADDR_SIZE];
    for (size_t length = 250; length < 260; length++) {
        memset(text, 'a', sizeof text);
        text[1] = '@';
        for (size_t i = 50; i < length - 1; i += 50) {
            text[i] = '.';
        }
        text[length] = '\0';
        assert_int_equal(mailaddr_parse(text, address), length <= 254 ? 0 : -EINVAL);
    }
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    assert_int_equal(mailaddr_parse(text, address), -EINVAL);
}

/* Every single byte put anywhere into a good address: only harmless ones get through. */
static void no_byte_gets_through_that_smtp_could_read(void **state) {
    (void)state;
    static const char good[] = "sam@example.org";
    for (size_t at = 0; at < sizeof good; at++) {
        for (int byte = 1; byte < 256; byte++) {
            char text[sizeof good + 1], address[MAILADDR_SIZE];
            memcpy(text, good, at);
            text[at] = (char)byte;
            memcpy(text + at + 1, good + at, sizeof good - at);
            if (mailaddr_parse(text, address) < 0) {
                continue;
            }
            assert_in_range(byte, 0x21, 0x7e);
            assert_null(strchr("<>\"(),:;[\\]@", byte));
        }
    }
}

static void canonical_addresses_are_stable(void **state) {
    (void)state;
    static const char letters[] = "aZ09.-_@+ \n<";
    uint64_t seed = seed_init("canonical_addresses_are_stable");
    size_t taken = 0;
    for (int round = 0; round < 200000; round++) {
        char text[12] = "", first[MAILADDR_SIZE], second[MAILADDR_SIZE];
        size_t length = (size_t)seed_between(&seed, 1, sizeof text - 1);
        for (size_t i = 0; i < length; i++) {
            text[i] = letters[seed_next(&seed) % (sizeof letters - 1)];
        }
        if (mailaddr_parse(text, first) == 0) {
            taken++;
            assert_int_equal(mailaddr_parse(first, second), 0);
            assert_string_equal(first, second);
        }
    }
    assert_true(taken > 100);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_taken_in_lower_case),
        cmocka_unit_test(everything_else_is_refused),
        cmocka_unit_test(the_whole_is_254_octets_at_most),
        cmocka_unit_test(no_byte_gets_through_that_smtp_could_read),
        cmocka_unit_test(canonical_addresses_are_stable),
    };
    return cmocka_run_group_tests_name("mailaddr", tests, NULL, NULL);
}
