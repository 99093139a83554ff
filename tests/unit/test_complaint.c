/* Complaints: the first one stays, on one line, cut at a whole character. */
#include "cobi/base/complaint.h"
#include "cobi/base/text.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void the_first_one_stays(void **state) {
    (void)state;
    struct complaint c = {0};
    assert_int_equal(complain(&c, -EINVAL, "line %d: %s", 3, "no such zone"), -EINVAL);
    assert_string_equal(c.text, "line 3: no such zone");
    assert_int_equal(complain(&c, -ERANGE, "too long"), -ERANGE);
    assert_string_equal(c.text, "line 3: no such zone");
    assert_int_equal(complain(NULL, -ENOENT, "nobody listens"), -ENOENT);
}

static void it_is_one_line(void **state) {
    (void)state;
    struct complaint c = {0};
    (void)complain(&c, -EINVAL, "bad value \"%s\"", "a\nb\x1b[31m\x7f\tc");
    assert_string_equal(c.text, "bad value \"a?b?[31m??c\"");
    assert_null(strchr(c.text, '\n'));
}

/* Whatever the place of the cut, no half of a character is left. */
static void it_is_cut_at_a_character(void **state) {
    (void)state;
    static const char *const characters[] = {"a", "\xc5\xb7", "\xe2\x82\xac", "\xf0\x9f\x91\x8d"};
    for (size_t k = 0; k < sizeof characters / sizeof characters[0]; k++) {
        for (size_t lead = 0; lead < 8; lead++) {
            char text[COMPLAINT_SIZE * 2];
            struct text t = TEXT_IN(text);
            for (size_t i = 0; i < lead; i++) {
                text_add(&t, "x");
            }
            while (t.length < COMPLAINT_SIZE + 20) {
                text_add(&t, characters[k]);
            }
            struct complaint c = {0};
            (void)complain(&c, -EINVAL, "%s", text);
            size_t length = strlen(c.text);
            assert_true(utf8_valid(c.text, length));
            assert_in_range(length, COMPLAINT_SIZE - 4, COMPLAINT_SIZE - 1);
            assert_memory_equal(c.text, text, length);
        }
    }
}

/* A text that just fits keeps its last character, even one of several bytes. */
static void what_fits_is_kept(void **state) {
    (void)state;
    char text[COMPLAINT_SIZE];
    memset(text, 'x', sizeof text - 3);
    memcpy(text + sizeof text - 3, "\xc5\xb7", 3);
    struct complaint c = {0};
    (void)complain(&c, -EINVAL, "%s", text);
    assert_string_equal(c.text, text);
}

static void many_are_counted(void **state) {
    (void)state;
    struct complaints *list = calloc(1, sizeof *list);
    assert_non_null(list);
    for (int i = 0; i < COMPLAINTS_MAX + 50; i++) {
        complaints_add(list, "cobid.conf:%d: fault", i);
    }
    assert_int_equal(list->count, COMPLAINTS_MAX + 50);
    assert_string_equal(list->list[0].text, "cobid.conf:0: fault");
    assert_string_equal(list->list[COMPLAINTS_MAX - 1].text, "cobid.conf:199: fault");
    free(list);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_one_stays),      cmocka_unit_test(it_is_one_line),
        cmocka_unit_test(it_is_cut_at_a_character), cmocka_unit_test(what_fits_is_kept),
        cmocka_unit_test(many_are_counted),
    };
    return cmocka_run_group_tests_name("complaint", tests, NULL, NULL);
}
