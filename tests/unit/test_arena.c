/* The turn's memory: zeroed, aligned, apart from each other, and gone after the turn. */
#include "cobi/base/arena.h"
#include "cobi/base/cleanup.h"
#include "seed.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <cmocka.h>

static void texts_are_copied(void **state) {
    (void)state;
    struct arena a = {0};
    char source[] = "text";
    char *copy = arena_copy(&a, source);
    char *part = arena_copy_bytes(&a, "ab\0cd", 5);
    char *printed = arena_printf(&a, "%s-%d", source, 42);
    source[0] = 'x';
    assert_string_equal(copy, "text");
    assert_memory_equal(part, "ab\0cd\0", 6);
    assert_string_equal(printed, "text-42");
    assert_string_equal(arena_copy(&a, ""), "");
    assert_string_equal(arena_copy_bytes(&a, NULL, 0), "");
    assert_string_equal(arena_printf(&a, "%s", ""), "");
    arena_done(&a);
    assert_null(a.first);
    assert_int_equal(a.used_bytes, 0);
    arena_done(&a); /* twice is harmless */
}

static void long_texts_are_whole(void **state) {
    (void)state;
    struct arena a = {0};
    char *text = arena_printf(&a, "%0*d", 100000, 7);
    assert_int_equal(strlen(text), 100000);
    assert_string_equal(text + 99990, "0000000007");
    char *small = arena_copy(&a, "after");
    assert_int_equal(strlen(text), 100000);
    assert_string_equal(small, "after");
    assert_true(a.used_bytes > 100000);
    arena_done(&a);
}

struct piece {
    unsigned char *memory;
    size_t size;
    unsigned char fill;
};

static void random_pieces_stay_apart(void **state) {
    (void)state;
    uint64_t seed = seed_init("random_pieces_stay_apart");
    struct arena a = {0};
    for (int turn = 0; turn < 50; turn++) {
        struct piece pieces[300];
        for (size_t i = 0; i < ARRAY_COUNT(pieces); i++) {
            struct piece *p = &pieces[i];
            p->size = (size_t)seed_between(&seed, 0, i % 20 == 0 ? 40000 : 200);
            p->fill = (unsigned char)seed_next(&seed);
            p->memory = arena_alloc(&a, p->size, 1);
            assert_int_equal((uintptr_t)p->memory % _Alignof(max_align_t), 0);
            for (size_t k = 0; k < p->size; k++) {
                assert_int_equal(p->memory[k], 0); /* nothing of the turn before */
            }
            if (p->size > 0) {
                memset(p->memory, p->fill, p->size);
            }
        }
        for (size_t i = 0; i < ARRAY_COUNT(pieces); i++) {
            for (size_t k = 0; k < pieces[i].size; k++) {
                assert_int_equal(pieces[i].memory[k], pieces[i].fill);
            }
        }
        arena_reset(&a);
        assert_int_equal(a.used_bytes, 0);
    }
    arena_done(&a);
}

static void one_block_is_kept(void **state) {
    (void)state;
    struct arena a = {0};
    arena_reset(&a);
    assert_null(a.first);
    void *first = arena_alloc(&a, 10, 10);
    assert_ptr_not_equal(arena_alloc(&a, 1, 5000000), first);
    arena_reset(&a);
    assert_non_null(a.first);
    assert_ptr_equal(arena_alloc(&a, 10, 10), first); /* the small block, not the five megabytes */
    arena_done(&a);
}

/* Does asking for so much end the process by SIGABRT? */
static bool ends_the_process(size_t count, size_t size) {
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct rlimit none = {0, 0};
        (void)setrlimit(RLIMIT_CORE, &none);
        int null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
        (void)signal(SIGABRT, SIG_DFL); /* cmocka catches it */
        if (null_fd < 0 || dup2(null_fd, STDERR_FILENO) < 0) {
            _exit(3);
        }
        struct arena a = {0};
        void *memory = arena_alloc(&a, count, size);
        _exit(memory != NULL ? 0 : 4);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void impossible_sizes_end_the_process(void **state) {
    (void)state;
    assert_false(ends_the_process(10, 10));
    assert_true(ends_the_process(SIZE_MAX, 2));
    assert_true(ends_the_process(SIZE_MAX / 2, 1));
    assert_true(ends_the_process(SIZE_MAX, 1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_copied),
        cmocka_unit_test(long_texts_are_whole),
        cmocka_unit_test(random_pieces_stay_apart),
        cmocka_unit_test(one_block_is_kept),
        cmocka_unit_test(impossible_sizes_end_the_process),
    };
    return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
