/* Bounded appends, checks of text from outside, identifiers, and the encodings of links. */
#include "cobi/base/cleanup.h"
#include "cobi/base/text.h"
#include "seed.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void appends_stop_at_the_end(void **state) {
    (void)state;
    char buffer[8];
    memset(buffer, 'x', sizeof buffer);
    struct text t = TEXT_IN(buffer);
    assert_string_equal(t.data, "");
    text_add(&t, "abc");
    text_addf(&t, "%d", 1234);
    assert_string_equal(buffer, "abc1234");
    assert_int_equal(t.length, 7);
    assert_false(t.overflow);
    text_add_bytes(&t, "", 0);
    assert_false(t.overflow);
    text_add(&t, "x");
    assert_true(t.overflow);
    assert_string_equal(buffer, "abc1234");
}

static void a_piece_goes_in_whole_or_not_at_all(void **state) {
    (void)state;
    char buffer[8];
    struct text t;
    text_init(&t, buffer, sizeof buffer);
    text_add(&t, "abc");
    text_addf(&t, "%s", "12345");
    assert_true(t.overflow);
    assert_string_equal(buffer, "abc");
    text_add(&t, "d");
    text_addf(&t, "d");
    text_add_bytes(&t, "d", 1);
    assert_string_equal(buffer, "abc");
    assert_int_equal(t.length, 3);
}

static void no_room_is_an_overflow(void **state) {
    (void)state;
    char byte = 'x';
    struct text t;
    text_init(&t, &byte, 0);
    assert_true(t.overflow);
    text_add(&t, "a");
    assert_int_equal(byte, 'x');
    text_init(&t, &byte, 1);
    assert_false(t.overflow);
    assert_int_equal(byte, '\0');
}

static void copies_fit_whole(void **state) {
    (void)state;
    char buffer[4];
    assert_int_equal(text_copy(buffer, sizeof buffer, "abc"), 0);
    assert_string_equal(buffer, "abc");
    assert_int_equal(text_copy(buffer, sizeof buffer, "abcd"), -E2BIG);
    assert_string_equal(buffer, "");
    assert_int_equal(text_copy(buffer, sizeof buffer, ""), 0);
    assert_int_equal(text_copy(buffer, 0, ""), -E2BIG);
}

static void utf8_is_checked_by_rfc_3629(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        bool valid;
    } rows[] = {
        {"", true},
        {"plain", true},
        {"T\xc5\xb7 Celyn", true},
        {"\xc2\x80", true},
        {"\xdf\xbf", true},
        {"\xe0\xa0\x80", true},
        {"\xed\x9f\xbf", true},
        {"\xee\x80\x80", true},
        {"\xef\xbf\xbf", true},
        {"\xf0\x90\x80\x80", true},
        {"\xf4\x8f\xbf\xbf", true},
        {"\x80", false}, /* a continuation first */
        {"a\xbf", false},
        {"\xc0\xaf", false}, /* overlong "/" */
        {"\xc1\xbf", false},
        {"\xe0\x80\xaf", false},
        {"\xe0\x9f\xbf", false},
        {"\xf0\x80\x80\xaf", false},
        {"\xf0\x8f\xbf\xbf", false},
        {"\xed\xa0\x80", false}, /* surrogates */
        {"\xed\xbf\xbf", false},
        {"\xf4\x90\x80\x80", false}, /* beyond U+10FFFF */
        {"\xf5\x80\x80\x80", false},
        {"\xf8\x88\x80\x80\x80", false},
        {"\xfe", false},
        {"\xff", false},
        {"\xc5", false}, /* cut short */
        {"\xe2\x82", false},
        {"\xf0\x9f\x91", false},
        {"\xc5 ", false},
        {"\xe2\x82 x", false},
        {"\xe2\xe2\x82\xac", false},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        if (utf8_valid(rows[i].bytes, strlen(rows[i].bytes)) != rows[i].valid) {
            fail_msg("row %zu", i);
        }
    }
    assert_true(utf8_valid("a\0b", 3));
    assert_false(utf8_valid("\xe2\x82\xac", 2)); /* the length counts, not what lies behind */
}

static size_t put_code(uint32_t code, char *out) {
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t size = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const uint8_t leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = size - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (code & 0x3f));
        code >>= 6;
    }
    out[0] = (char)(leads[size] | code);
    return size;
}

static void every_code_point_comes_back(void **state) {
    (void)state;
    for (uint32_t code = 1; code <= 0x10ffff; code++) {
        char bytes[5] = "";
        size_t size = put_code(code, bytes);
        bool surrogate = code >= 0xd800 && code <= 0xdfff;
        assert_int_equal(utf8_valid(bytes, size), !surrogate);
        if (!surrogate) {
            const char *at = bytes;
            assert_int_equal(utf8_next(&at), code);
            assert_ptr_equal(at, bytes + size);
        }
    }
}

static void lines_from_outside_are_checked(void **state) {
    (void)state;
    static const struct {
        const char *text;
        enum text_fault fault;
    } rows[] = {
        {"", TEXT_EMPTY},
        {"a", TEXT_FINE},
        {"twelve bytes", TEXT_FINE},
        {"thirteen byte", TEXT_TOO_LONG},
        {"Si\xc3\xa2n", TEXT_FINE},
        {"\xf0\x9f\x91\x8d", TEXT_FINE},
        {"\xc2\xa0", TEXT_FINE},
        {"a\xc5", TEXT_NOT_UTF8},
        {"a\nb", TEXT_CONTROL},
        {"a\rb", TEXT_CONTROL},
        {"a\tb", TEXT_CONTROL},
        {"\x01", TEXT_CONTROL},
        {"\x1b[1m", TEXT_CONTROL},
        {"a\x7f", TEXT_CONTROL},
        {"a\xc2\x85", TEXT_CONTROL}, /* C1: next line */
        {"a\xc2\x80", TEXT_CONTROL},
        {"a\xc2\x9f", TEXT_CONTROL},
        {"a\xc2\xad", TEXT_CONTROL},     /* soft hyphen */
        {"a\xe2\x80\x8b", TEXT_CONTROL}, /* zero width space */
        {"a\xe2\x80\x8d", TEXT_CONTROL}, /* zero width joiner */
        {"a\xe2\x80\x8e", TEXT_CONTROL}, /* left-to-right mark */
        {"a\xe2\x80\x8f", TEXT_CONTROL}, /* right-to-left mark */
        {"a\xe2\x80\x90", TEXT_FINE},    /* hyphen */
        {"a\xe2\x80\xa7", TEXT_FINE},    /* hyphenation point */
        {"a\xe2\x80\xa8", TEXT_CONTROL}, /* line separator */
        {"a\xe2\x80\xa9", TEXT_CONTROL}, /* paragraph separator */
        {"a\xe2\x80\xae"
         "b",
         TEXT_CONTROL},                  /* right-to-left override */
        {"a\xe2\x80\xaf", TEXT_FINE},    /* narrow no-break space */
        {"a\xe2\x81\xa0", TEXT_CONTROL}, /* word joiner */
        {"a\xe2\x81\xa6", TEXT_CONTROL}, /* isolate */
        {"a\xe2\x81\xa9", TEXT_CONTROL}, /* end of isolate */
        {"a\xd8\x9c", TEXT_CONTROL},     /* Arabic letter mark */
        {"\xef\xbb\xbf"
         "a",
         TEXT_CONTROL},                          /* byte order mark */
        {"a\xf3\xa0\x81\xa7", TEXT_CONTROL},     /* tag */
        {"\xe2\x98\x83\xef\xb8\x8f", TEXT_FINE}, /* snowman, drawn in colour */
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        enum text_fault fault = text_check(rows[i].text, strlen(rows[i].text), 12);
        if (fault != rows[i].fault) {
            fail_msg("row %zu: %d", i, (int)fault);
        }
    }
    assert_int_equal(text_check("a\0b", 3, 12), TEXT_CONTROL);
}

static void every_fault_has_words(void **state) {
    (void)state;
    assert_string_equal(text_fault_to_text(TEXT_EMPTY), "must not be empty");
    for (int i = TEXT_FINE; i <= TEXT_CONTROL; i++) {
        assert_true(strlen(text_fault_to_text((enum text_fault)i)) > 5);
    }
}

static void white_space_and_case(void **state) {
    (void)state;
    static const struct {
        const char *from, *trimmed;
    } rows[] = {
        {"", ""},
        {" \t\r\n\v\f ", ""},
        {" a b ", "a b"},
        {"a", "a"},
        {"\na\n", "a"},
        {"\xc2\xa0"
         "a",
         "\xc2\xa0"
         "a"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char buffer[32];
        assert_int_equal(text_copy(buffer, sizeof buffer, rows[i].from), 0);
        assert_string_equal(text_trim(buffer), rows[i].trimmed);
    }
    char mixed[] = "AZaz09@[`{\xc3\x84";
    text_lower(mixed);
    assert_string_equal(mixed, "azaz09@[`{\xc3\x84");
    assert_true(text_equal_case("Stop", "sTOP"));
    assert_true(text_equal_case("", ""));
    assert_false(text_equal_case("Stop", "Stops"));
    assert_false(text_equal_case("Stops", "Stop"));
    assert_false(text_equal_case("@", "`"));
}

static void identifiers(void **state) {
    (void)state;
    static const struct {
        const char *id;
        bool valid;
    } rows[] = {
        {"P-1001", true},
        {"a", true},
        {"0", true},
        {"north.office_2", true},
        {"abcdefghijklmnopqrstuvwxyzABCDEF", true},
        {"abcdefghijklmnopqrstuvwxyzABCDEFG", false},
        {"", false},
        {"-a", false},
        {".a", false},
        {"_a", false},
        {"a b", false},
        {"a/b", false},
        {"a\n", false},
        {"caf\xc3\xa9", false},
        {"a;", false},
        {"a@b", false},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        if (id_valid(rows[i].id) != rows[i].valid) {
            fail_msg("\"%s\"", rows[i].id);
        }
    }
}

static void hexadecimal(void **state) {
    (void)state;
    char buffer[9];
    hex_encode("\x00\x0f\xa5\xff", 4, buffer);
    assert_string_equal(buffer, "000fa5ff");
    hex_encode("", 0, buffer);
    assert_string_equal(buffer, "");
}

static void base64url_by_rfc_4648(void **state) {
    (void)state;
    static const struct {
        const char *bytes, *text;
    } rows[] = {
        {"", ""},           {"f", "Zg"},          {"fo", "Zm8"},          {"foo", "Zm9v"},
        {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}, {"\xfb\xff\xbf", "-_-_"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        size_t length = strlen(rows[i].bytes);
        char text[16], bytes[8];
        base64url_encode(rows[i].bytes, length, text);
        assert_string_equal(text, rows[i].text);
        assert_int_equal(base64url_decode(text, bytes, sizeof bytes), length);
        assert_memory_equal(bytes, rows[i].bytes, length);
    }
    static const char *const refused[] = {
        "Z",     "A",     "AAAAA", "Zg==",  "Zm8=",   "Zh",    "Zm9",
        "Zm9v ", " Zm9v", "+/+/",  "Zm9vZ", "Zm\n9v", "Zm9v.", "Z\xc3\xa9g",
    };
    for (size_t i = 0; i < ARRAY_COUNT(refused); i++) {
        char bytes[16];
        if (base64url_decode(refused[i], bytes, sizeof bytes) != -EINVAL) {
            fail_msg("\"%s\"", refused[i]);
        }
    }
    char small[3] = "xx";
    assert_int_equal(base64url_decode("Zm9v", small, 2), -E2BIG);
    assert_int_equal(base64url_decode("Zm9v", small, 3), 3);
    assert_int_equal(base64url_decode("Zg", small, 0), -E2BIG);
    assert_int_equal(base64url_decode("", small, 0), 0);
}

static void base64url_round_trips(void **state) {
    (void)state;
    uint64_t seed = seed_init("base64url_round_trips");
    for (int i = 0; i < 20000; i++) {
        uint8_t bytes[64], again[64];
        size_t length = (size_t)seed_between(&seed, 0, sizeof bytes);
        for (size_t k = 0; k < length; k++) {
            bytes[k] = (uint8_t)seed_next(&seed);
        }
        char text[(sizeof bytes * 4 + 2) / 3 + 1];
        base64url_encode(bytes, length, text);
        assert_int_equal(strlen(text), (length * 4 + 2) / 3);
        assert_int_equal(base64url_decode(text, again, length), length);
        assert_memory_equal(again, bytes, length);
        /* No other text of this length stands for these bytes. */
        if (length > 0) {
            size_t at = (size_t)seed_between(&seed, 0, (int64_t)strlen(text) - 1);
            text[at] = text[at] == 'A' ? 'B' : 'A';
            int size = base64url_decode(text, again, sizeof again);
            assert_true(size == -EINVAL || memcmp(again, bytes, length) != 0);
        }
    }
}

/* What text_check() takes is valid for utf8_valid() too, and nothing crashes on noise. */
static void noise_is_survived(void **state) {
    (void)state;
    uint64_t seed = seed_init("noise_is_survived");
    for (int i = 0; i < 50000; i++) {
        char bytes[9] = "";
        size_t length = (size_t)seed_between(&seed, 0, 8);
        for (size_t k = 0; k < length; k++) {
            bytes[k] = (char)(seed_next(&seed) % 3 == 0 ? 0xc0 + seed_next(&seed) % 64
                                                        : 0x70 + seed_next(&seed) % 80);
        }
        if (text_check(bytes, length, 8) == TEXT_FINE) {
            assert_true(utf8_valid(bytes, length));
        }
        const char *at = bytes;
        while (*at != '\0') { /* must end, even on what is not UTF-8 */
            (void)utf8_next(&at);
            assert_in_range(at - bytes, 1, length);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_stop_at_the_end),
        cmocka_unit_test(a_piece_goes_in_whole_or_not_at_all),
        cmocka_unit_test(no_room_is_an_overflow),
        cmocka_unit_test(copies_fit_whole),
        cmocka_unit_test(utf8_is_checked_by_rfc_3629),
        cmocka_unit_test(every_code_point_comes_back),
        cmocka_unit_test(lines_from_outside_are_checked),
        cmocka_unit_test(every_fault_has_words),
        cmocka_unit_test(white_space_and_case),
        cmocka_unit_test(identifiers),
        cmocka_unit_test(hexadecimal),
        cmocka_unit_test(base64url_by_rfc_4648),
        cmocka_unit_test(base64url_round_trips),
        cmocka_unit_test(noise_is_survived),
    };
    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
