/* Folders: made once, found again, and refused where nothing is above them. */
#include "cobi/base/cleanup.h"
#include "cobi/base/folder.h"
#include "cobi/base/text.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

struct place {
    char above[64], folder[96], below[128];
};

static int place_open(void **state) {
    static struct place place;
    struct text t = TEXT_IN(place.above);

    text_add(&t, "folder-XXXXXX");
    if (!mkdtemp(place.above)) {
        return -1;
    }
    struct text f = TEXT_IN(place.folder), b = TEXT_IN(place.below);
    text_addf(&f, "%s/made", place.above);
    text_addf(&b, "%s/made/below", place.above);
    *state = &place;
    return 0;
}

static int place_close(void **state) {
    struct place *p = *state;

    (void)rmdir(p->below);
    (void)rmdir(p->folder);
    return rmdir(p->above);
}

static void a_folder_is_made_and_found(void **state) {
    struct place *p = *state;
    struct stat st;

    for (int i = 0; i < 2; i++) {
        assert_int_equal(folder_make(p->folder), 0);
        assert_int_equal(stat(p->folder, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0700);
    }
    assert_int_equal(folder_make(p->below), 0);
    assert_int_equal(folder_sync(p->below), 0);
    assert_int_equal(folder_sync_above(p->below), 0);
}

static void nothing_above_is_made(void **state) {
    struct place *p = *state;

    assert_int_equal(folder_make(p->below), -ENOENT);
    assert_int_equal(folder_sync(p->folder), -ENOENT);
    assert_int_equal(folder_sync_above(p->below), -ENOENT);
    assert_int_equal(access(p->folder, F_OK), -1);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, place_open, place_close)
    const struct CMUnitTest tests[] = {T(a_folder_is_made_and_found), T(nothing_above_is_made)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
