/* Phone numbers by the table tests/data/phones.json, their display, and noise. */
#include "cobi/base/cleanup.h"
#include "cobi/base/phone.h"
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

static const struct {
    enum phone_rule rule;
    const char *column;
} rules[] = {{PHONE_MOBILE, "mobile"}, {PHONE_MOBILE_OR_TEST, "test"}, {PHONE_ANY, "any"}};

static json_t *load_rows(json_t **ret_document) {
    const char *folder = getenv("srcdir");
    char path[512];
    struct text t = TEXT_IN(path);
    text_addf(&t, "%s/tests/data/phones.json", folder != NULL ? folder : ".");
    assert_false(t.overflow);
    json_error_t error;
    *ret_document = json_load_file(path, 0, &error);
    if (*ret_document == NULL) {
        fail_msg("%s:%d: %s", path, error.line, error.text);
    }
    return json_object_get(*ret_document, "rows");
}

static void check_row(const json_t *row, size_t rule) {
    const char *note = json_string_value(json_object_get(row, "note"));
    const json_t *expected = json_object_get(row, rules[rule].column);
    assert_non_null(expected);
    char e164[PHONE_SIZE] = "untouched";
    int result = phone_parse(json_string_value(json_object_get(row, "input")), rules[rule].rule,
                             e164);
    if (json_is_null(expected)) {
        if (result != -EINVAL || strcmp(e164, "untouched") != 0) {
            fail_msg("%s, %s: not refused: %s", note, rules[rule].column, e164);
        }
    } else if (result != 0 || strcmp(e164, json_string_value(expected)) != 0) {
        fail_msg("%s, %s: %d %s", note, rules[rule].column, result, e164);
    }
}

static void table_of_numbers(void **state) {
    (void)state;
    json_t *document;
    json_t *rows = load_rows(&document), *row;
    size_t i;
    assert_true(json_array_size(rows) > 100);
    json_array_foreach(rows, i, row) {
        for (size_t rule = 0; rule < ARRAY_COUNT(rules); rule++) {
            check_row(row, rule);
        }
    }
    json_decref(document);
}

static void numbers_are_shown_as_people_write_them(void **state) {
    (void)state;
    static const struct {
        const char *e164, *shown;
    } rows[] = {
        {"+447723456789", "07723 456789"},
        {"+442079460991", "020 7946 0991"},
        {"+442920180123", "029 2018 0123"},
        {"+441144960000", "0114 496 0000"},
        {"+441214960000", "0121 496 0000"},
        {"+441632960001", "01632 960001"},
        {"+44169773555", "01697 73555"},
        {"+443001231234", "0300 123 1234"},
        {"+448001111", "0800 1111"},
        {"+44800123456", "0800 123456"},
        {"+448081570192", "0808 157 0192"},
        {"+353861234567", "+353861234567"},
        {"+12015550123", "+12015550123"},
        {"+441", "+441"},
        {"", ""},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char shown[24];
        phone_to_display(rows[i].e164, shown);
        assert_string_equal(shown, rows[i].shown);
    }
}

/* A number in canonical form stays as it is, and what is displayed reads back. */
static void canonical_numbers_are_stable(void **state) {
    (void)state;
    json_t *document;
    json_t *rows = load_rows(&document), *row;
    size_t i;
    json_array_foreach(rows, i, row) {
        const char *e164 = json_string_value(json_object_get(row, "any"));
        if (e164 != NULL) {
            char again[PHONE_SIZE], shown[24];
            assert_int_equal(phone_parse(e164, PHONE_ANY, again), 0);
            assert_string_equal(again, e164);
            phone_to_display(e164, shown);
            assert_int_equal(phone_parse(shown, PHONE_ANY, again), 0);
            assert_string_equal(again, e164);
        }
    }
    json_decref(document);
}

/* Random strings of what numbers are made of: taken ones are canonical, and the narrow rule is
 * within the wide one. */
static void noise_is_refused_or_canonical(void **state) {
    (void)state;
    static const char *const pieces[] = {"0", "44", "+",      "7",   "1",   "2",
                                         "9", "5",  " ",      "-",   "(0)", "\xe2\x80\x8b",
                                         "x", "00", "345678", "900", "\n"};
    uint64_t seed = seed_init("noise_is_refused_or_canonical");
    size_t taken = 0;
    for (int round = 0; round < 200000; round++) {
        char buffer[256];
        struct text t = TEXT_IN(buffer);
        for (int64_t left = seed_between(&seed, 1, 12); left > 0; left--) {
            text_add(&t, pieces[seed_next(&seed) % ARRAY_COUNT(pieces)]);
        }
        char any[PHONE_SIZE], mobile[PHONE_SIZE], test[PHONE_SIZE];
        bool is_any = phone_parse(buffer, PHONE_ANY, any) == 0;
        bool is_mobile = phone_parse(buffer, PHONE_MOBILE, mobile) == 0;
        bool is_test = phone_parse(buffer, PHONE_MOBILE_OR_TEST, test) == 0;
        assert_true(!is_mobile || (is_any && is_test));
        if (is_mobile) {
            assert_string_equal(mobile, any);
            assert_string_equal(mobile, test);
            assert_int_equal(strncmp(mobile, "+447", 4), 0);
            assert_int_equal(strlen(mobile), 13);
        }
        if (is_any) {
            taken++;
            assert_int_equal(any[0], '+');
            assert_int_equal(strspn(any + 1, "0123456789"), strlen(any + 1));
            assert_in_range(strlen(any), 9, 16);
        }
    }
    assert_true(taken > 100);
}

static void long_inputs_are_refused(void **state) {
    (void)state;
    char buffer[1000], e164[PHONE_SIZE];
    struct text t = TEXT_IN(buffer);
    text_add(&t, "07723456789");
    while (t.length < 900) {
        text_add(&t, " ");
    }
    assert_int_equal(phone_parse(buffer, PHONE_MOBILE, e164), -EINVAL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_of_numbers),
        cmocka_unit_test(numbers_are_shown_as_people_write_them),
        cmocka_unit_test(canonical_numbers_are_stable),
        cmocka_unit_test(noise_is_refused_or_canonical),
        cmocka_unit_test(long_inputs_are_refused),
    };
    return cmocka_run_group_tests_name("phone", tests, NULL, NULL);
}
