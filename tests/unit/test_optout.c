/* What asks for no more texts: the corpus, and that nothing but a whole phrase is taken for it. */
#include "rules_world.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cobi/rules/optout.h"

enum { CORPUS_LEAST = 40 };

static void the_corpus_is_read_as_meant(void **unused) {
    const char *top = getenv("srcdir");
    char path[500], line[400];
    unsigned stops = 0, others = 0, wrong = 0;

    (void)unused;
    (void)snprintf(path, sizeof path, "%s/tests/data/stop-texts.txt", top ? top : ".");
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        const bool stop = strncmp(line, "stop ", 5) == 0;
        if (line[0] == '#') {
            continue;
        }
        assert_true(stop || strncmp(line, "other ", 6) == 0);
        stops += stop;
        others += !stop;
        if (optout_asked(line + (stop ? 5 : 6)) != stop) {
            print_error("taken for %s: %s\n", stop ? "other" : "stop", line);
            wrong++;
        }
    }
    (void)fclose(file);
    assert_true(stops >= 15 && others >= 15 && stops + others >= CORPUS_LEAST);
    assert_int_equal(wrong, 0);
}

/* A word more, whatever it is, makes it something for a person. */
static void one_word_more_is_for_a_person(void **unused) {
    static const char *const words[] = {"coming", "work", "8", "dod", "probation", "never"};
    static const char *const stops[] = {"stop", "unsubscribe", "atal", "no more texts"};
    char text[100];

    (void)unused;
    for (size_t i = 0; i < sizeof stops / sizeof *stops; i++) {
        assert_true(optout_asked(stops[i]));
        for (size_t k = 0; k < sizeof words / sizeof *words; k++) {
            (void)snprintf(text, sizeof text, "%s %s", stops[i], words[k]);
            assert_false(optout_asked(text));
            (void)snprintf(text, sizeof text, "%s %s", words[k], stops[i]);
            assert_false(optout_asked(text));
        }
    }
}

static void long_and_broken_texts_are_for_a_person(void **unused) {
    char text[2000];

    (void)unused;
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    assert_false(optout_asked(text));
    for (size_t i = 0; i + 5 < sizeof text - 1; i += 5) {
        memcpy(text + i, "stop ", 5);
    }
    assert_false(optout_asked(text));
    /* Cut in the middle of a character: no byte after the end is read (run under valgrind). */
    assert_true(optout_asked("stop \xf0"));
    assert_true(optout_asked("stop \xe2\x80"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_corpus_is_read_as_meant),
        cmocka_unit_test(one_word_more_is_for_a_person),
        cmocka_unit_test(long_and_broken_texts_are_for_a_person),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
