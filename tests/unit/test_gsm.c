/* Parts of SMS texts, by the table tests/data/gsm-segments.json and by a second, slower counting.
 */
#include "cobi/base/gsm.h"
#include "cobi/base/text.h"
#include "seed.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#define TEXT_BYTES 8192

static json_t *load_rows(json_t **ret_document) {
    const char *folder = getenv("srcdir");
    char path[512];
    struct text t = TEXT_IN(path);
    text_addf(&t, "%s/tests/data/gsm-segments.json", folder != NULL ? folder : ".");
    assert_false(t.overflow);
    json_error_t error;
    *ret_document = json_load_file(path, 0, &error);
    if (*ret_document == NULL) {
        fail_msg("%s:%d: %s", path, error.line, error.text);
    }
    return json_object_get(*ret_document, "rows");
}

static void build_text(const json_t *pieces, struct text *t) {
    size_t i;
    json_t *piece;
    json_array_foreach(pieces, i, piece) {
        json_int_t times = json_integer_value(json_array_get(piece, 1));
        assert_true(times > 0);
        for (json_int_t k = 0; k < times; k++) {
            text_add(t, json_string_value(json_array_get(piece, 0)));
        }
    }
    assert_false(t->overflow);
}

static void check_row(const json_t *row) {
    char buffer[TEXT_BYTES];
    struct text t = TEXT_IN(buffer);
    const char *note = json_string_value(json_object_get(row, "note"));
    build_text(json_object_get(row, "text"), &t);
    struct gsm_size size = {GSM_UCS2, 77, 77};
    int result = gsm_measure(buffer, &size);
    if (json_is_true(json_object_get(row, "refused"))) {
        if (result != -EINVAL || size.units != 77) {
            fail_msg("%s: not refused", note);
        }
        return;
    }
    assert_int_equal(result, 0);
    const char *charset = size.charset == GSM_SEVEN_BIT ? "gsm" : "ucs2";
    if (strcmp(charset, json_string_value(json_object_get(row, "charset"))) != 0 ||
        size.units != json_integer_value(json_object_get(row, "units")) ||
        size.parts != json_integer_value(json_object_get(row, "parts"))) {
        fail_msg("%s: %s, %u units, %u parts", note, charset, size.units, size.parts);
    }
}

static void table_of_judges(void **state) {
    (void)state;
    json_t *document;
    json_t *rows = load_rows(&document), *row;
    size_t i;
    assert_true(json_array_size(rows) > 60);
    json_array_foreach(rows, i, row) {
        check_row(row);
    }
    json_decref(document);
}

static void what_no_text_may_carry(void **state) {
    (void)state;
    static const char *const refused[] = {"\x1b",  "a\x7f",        "\x80",
                                          "a\xc5", "\xed\xa0\x80", "\xc0\x80"};
    struct gsm_size size = {GSM_UCS2, 77, 77};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        if (gsm_measure(refused[i], &size) != -EINVAL) {
            fail_msg("row %zu", i);
        }
    }
    assert_int_equal(size.units, 77);
}

/* Which of all characters are GSM: 127 of the basic table without the escape, and ten extensions.
 */
static void the_alphabet_is_complete(void **state) {
    (void)state;
    uint32_t single = 0, pairs = 0;
    for (uint32_t code = 1; code < 0x10000; code++) {
        char text[4] = "";
        if (code < 0x80) {
            text[0] = (char)code;
        } else if (code < 0x800) {
            text[0] = (char)(0xc0 | code >> 6);
            text[1] = (char)(0x80 | (code & 0x3f));
        } else {
            text[0] = (char)(0xe0 | code >> 12);
            text[1] = (char)(0x80 | (code >> 6 & 0x3f));
            text[2] = (char)(0x80 | (code & 0x3f));
        }
        struct gsm_size size;
        if (gsm_measure(text, &size) == 0 && size.charset == GSM_SEVEN_BIT) {
            assert_in_range(size.units, 1, 2);
            single += size.units == 1;
            pairs += size.units == 2;
        }
    }
    assert_int_equal(single, 127);
    assert_int_equal(pairs, 10);
}

/* Lays characters of 1 or 2 units into parts, one after the other. */
static uint32_t lay_out(const uint8_t *widths, size_t count, uint32_t single, uint32_t multiple) {
    uint32_t total = 0, parts = 1, used = 0;
    for (size_t i = 0; i < count; i++) {
        total += widths[i];
    }
    if (total <= single) {
        return 1;
    }
    for (size_t i = 0; i < count; i++) {
        if (used + widths[i] > multiple) {
            parts++;
            used = 0;
        }
        used += widths[i];
    }
    return parts;
}

static void random_texts(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint8_t septets, units;
    } letters[] = {{"a", 1, 1},        {"\xc3\xa9", 1, 1},
                   {"[", 2, 1},        {"\xe2\x82\xac", 2, 1},
                   {"\xc5\xb7", 0, 1}, {"\xf0\x9f\x91\x8d", 0, 2}};
    uint64_t seed = seed_init("random_texts");
    for (int round = 0; round < 2000; round++) {
        char buffer[TEXT_BYTES];
        struct text t = TEXT_IN(buffer);
        uint8_t septets[1000], units[1000];
        size_t count = (size_t)seed_between(&seed, 0, 999);
        bool ucs2 = false;
        int64_t kinds = seed_next(&seed) % 2 == 0 ? 3 : 5;
        for (size_t i = 0; i < count; i++) {
            size_t k = (size_t)seed_between(&seed, 0, kinds);
            text_add(&t, letters[k].text);
            septets[i] = letters[k].septets;
            units[i] = letters[k].units;
            ucs2 = ucs2 || letters[k].septets == 0;
        }
        struct gsm_size size;
        assert_int_equal(gsm_measure(buffer, &size), 0);
        assert_int_equal(size.charset, ucs2 ? GSM_UCS2 : GSM_SEVEN_BIT);
        assert_int_equal(size.parts,
                         ucs2 ? lay_out(units, count, 70, 67) : lay_out(septets, count, 160, 153));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_of_judges),
        cmocka_unit_test(what_no_text_may_carry),
        cmocka_unit_test(the_alphabet_is_complete),
        cmocka_unit_test(random_texts),
    };
    return cmocka_run_group_tests_name("gsm", tests, NULL, NULL);
}
