/* What cobictl prints for people: tables, fields, blocks, and texts that would like to act on the
 * terminal. */
#include "cobi/base/cleanup.h"
#include "cobi/ctl/table.h"
#include "seed.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define RANDOM_TEXTS 5000

/* Prints the answer to a command; the caller frees the text. */
static char *print_answer_within(const char *noun, const char *verb, const char *json,
                                 enum terminal_charset charset, size_t width) {
    char *printed = NULL;
    size_t length = 0;
    json_t *document = json_loads(json, JSON_DECODE_ANY, NULL);
    assert_non_null(document);
    struct page page = {
        .out = open_memstream(&printed, &length), .charset = charset, .width = width};
    assert_non_null(page.out);
    table_print_answer(&page, command_find(noun, verb), document);
    assert_int_equal(fclose(page.out), 0);
    arena_done(&page.arena);
    json_decref(document);
    return printed;
}

static char *print_answer(const char *noun, const char *verb, const char *json,
                          enum terminal_charset charset) {
    return print_answer_within(noun, verb, json, charset, 0);
}

static const struct {
    const char *noun, *verb, *json, *printed;
} answers[] = {
    {"session", "list", "[]", "none\n"},
    {"task", "done", "{}", "done\n"},
    {NULL, "status", "\"fine\"", "fine\n"},
    {"template", "list", "[\"a\",\"b\"]", "a, b\n"},
    /* Known columns come first and in order, unknown ones last, hidden ones not at all; numbers
       stand right. */
    {"session", "list",
     "[{\"zone\":\"Europe/London\",\"state\":\"planned\",\"number\":9,\"id\":\"S-1\",\"new\":true},"
     "{\"state\":\"recorded\",\"number\":10,\"id\":\"S-10\",\"outcome\":null}]",
     "id    number  state     outcome  new\n"
     "S-1        9  planned   -        yes\n"
     "S-10      10  recorded  -        -\n"},
    /* Wide and combining characters take the columns they take. */
    {"office", "list",
     "[{\"id\":\"a\",\"name\":\"\xe6\x97\xa5\xe6\x9c\xac\",\"rooms\":\"1\"},"
     "{\"id\":\"b\",\"name\":\"Sia\xcc\x82n\",\"rooms\":\"2\"},{\"id\":\"c\",\"name\":\"x\","
     "\"rooms\":\"3\"}]",
     "id  name  rooms\n"
     "a   \xe6\x97\xa5\xe6\x9c\xac  1\n"
     "b   Sia\xcc\x82n  2\n"
     "c   x     3\n"},
    /* Rows in the order of their time, those of one time as they came. */
    {"task", "list",
     "[{\"id\":\"T-1\",\"due\":\"2027-01-12T09:00:00Z\"},{\"id\":\"T-3\",\"due\":"
     "\"2027-01-04T09:00:00Z\"},{\"id\":\"T-2\",\"due\":\"2027-01-04T09:00:00Z\"}]",
     "id   due\nT-3  2027-01-04T09:00:00Z\nT-2  2027-01-04T09:00:00Z\nT-1  "
     "2027-01-12T09:00:00Z\n"},
    /* Lists and objects inside a cell. */
    {"participant", "list",
     "[{\"id\":\"P\",\"tags\":[\"a\",1],\"none\":[],\"many\":[{\"x\":1},{\"x\":2}]}]",
     "id  tags  none  many\n"
     "P   a, 1  none  (2)\n"},
    {"gateway", "list",
     "[{\"name\":\"t\",\"breaker\":{}},{\"name\":\"m\",\"breaker\":{\"officer\":\"open\","
     "\"operator\":1}}]",
     "name  breaker\n"
     "t     -\n"
     "m     officer: open, operator: 1\n"},
    /* Objects: fields, an object inside, lists inside as tables of their own, texts of several
       lines as blocks. */
    {"session", "show",
     "{\"id\":\"S-1\",\"number\":3,\"note\":null,\"held\":false,\"history\":[{\"revision\":1,"
     "\"by\":\"jl\"},"
     "{\"revision\":2,\"by\":\"mw\"}],\"room\":{\"name\":\"2\",\"floor\":[1,2]},\"text\":"
     "\"one\\ntwo\"}",
     "id: S-1\nnumber: 3\nnote: -\nheld: no\nroom.name: 2\nroom.floor: 1, 2\ntext:\n    one\n    "
     "two\n"
     "\nhistory:\nrevision  by\n       1  jl\n       2  mw\n"},
    /* A thing that has a noun, and lists of such things, look as they do in their own list. */
    {NULL, "explain",
     "{\"session\":{\"zone\":\"Z\",\"state\":\"planned\",\"id\":\"S-1\"},\"messages\":[]}",
     "messages: none\n\nsession:\nid   state\nS-1  planned\n"},
    {"participant", "plan", "{\"sessions\":[{\"revision\":0,\"number\":1,\"id\":\"S-1\"}]}",
     "sessions:\nid   number  revision\nS-1       1         0\n"},
    {"message", "show",
     "{\"id\":\"M-1\",\"subject\":\"Hello\",\"body\":\"Dear A,\\r\\n\\nstate: "
     "forged\\n\",\"state\":\"sent\"}",
     "id: M-1\nstate: sent\n\n    Subject: Hello\n\n    Dear A,\n\n    state: forged\n"},
    {"config", "check",
     "{\"faults\":[\"a.conf:1: no such option\",\"a.conf:2: x\\u001b\"],\"ids\":[\"a\",\"b\"]}",
     "faults:\n    a.conf:1: no such option\n    a.conf:2: x\\x1b\nids: a, b\n"},
    {NULL, "preview",
     "{\"participant\":\"P\",\"texts\":[{\"due\":\"2027-01-11T18:00:00Z\",\"channel\":\"sms\","
     "\"body\":\"Si\xc3\xa2n, "
     "2pm\"},{\"due\":\"2027-01-12T18:00:00Z\",\"length\":7,\"body\":\"a\\nb\"}]}",
     "participant: P\n\ndue 2027-01-11T18:00:00Z  channel sms  length 9\n    Si\xc3\xa2n, 2pm\n\n"
     "due 2027-01-12T18:00:00Z  length 7\n    a\n    b\n\n"},
    /* What would act on a terminal is spelt out: escape, C1, direction, line breaks in a line, zero
       width. */
    {"office", "show",
     "{\"name\":\"a\\u001b[2Jb\",\"x\\u0007\":\"\\u009bm\",\"y\":\"\\u202e\\u200b\\u2028\",\"z\":"
     "\"\\t\\u007f\"}",
     "name: a\\x1b[2Jb\nx\\x07: \\u{9b}m\ny: \\u{202e}\\u{200b}\\u{2028}\nz: \\t\\x7f\n"},
    {"office", "list", "[{\"id\":\"a\\u001b\",\"name\":\"\\n\"},{\"id\":\"b\",\"name\":\"ccc\"}]",
     "id     name\na\\x1b  \\n\nb      ccc\n"},
};

static void answers_are_printed(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(answers); i++) {
        _cleanup_free_ char *printed = print_answer(answers[i].noun, answers[i].verb,
                                                    answers[i].json, TERMINAL_UTF8);
        assert_string_equal(printed, answers[i].printed);
    }
}

static void a_plain_terminal_gets_ascii(void **state) {
    (void)state;
    _cleanup_free_ char *printed = print_answer(
        "office", "show", "{\"name\":\"Si\xc3\xa2n \xf0\x9f\x98\x80\"}", TERMINAL_ASCII);
    assert_string_equal(printed, "name: Si\\u{e2}n \\u{1f600}\n");
}

/* 34 columns are needed for all; one less and only the chief ones stay. */
static void a_narrow_terminal_gets_the_chief_columns(void **state) {
    (void)state;
    static const char json[] = "[{\"id\":\"S-1\",\"office\":\"north\",\"state\":\"planned\","
                               "\"outcome\":null,\"new\":1}]";
    _cleanup_free_ char *wide = print_answer_within("session", "list", json, TERMINAL_UTF8, 34);
    assert_string_equal(wide, "id   office  state    outcome  new\n"
                              "S-1  north   planned  -          1\n");
    _cleanup_free_ char *narrow = print_answer_within("session", "list", json, TERMINAL_UTF8, 33);
    assert_string_equal(narrow,
                        "id   state    outcome\n"
                        "S-1  planned  -\n"
                        "(narrow terminal: some columns are left out; --json has them all)\n");
}

/* Lists that make little sense are printed all the same. */
static void odd_documents_do_not_hurt(void **state) {
    (void)state;
    static const char *const documents[] = {
        "null",          "0",
        "[null]",        "[[],[[1]]]",
        "[{},{}]",       "[{\"\":\"\"},3]",
        "{\"a\":[{}]}",  "{\"a\":{\"b\":{\"c\":[{\"d\":1}]}}}",
        "[{\"a\":1.5}]", "{\"subject\":3,\"body\":[]}",
    };
    static const struct {
        const char *noun, *verb;
    } commands_tried[] = {
        {"session", "list"}, {"message", "show"}, {NULL, "preview"}, {NULL, "explain"}};
    for (size_t i = 0; i < ARRAY_COUNT(documents); i++) {
        for (size_t k = 0; k < ARRAY_COUNT(commands_tried); k++) {
            _cleanup_free_ char *printed = print_answer(
                commands_tried[k].noun, commands_tried[k].verb, documents[i], TERMINAL_UTF8);
            assert_true(strlen(printed) > 0);
            assert_int_equal(printed[strlen(printed) - 1], '\n');
        }
    }
}

static void many_columns_stay_within_bounds(void **state) {
    (void)state;
    json_t *row = json_object();
    for (int i = 0; i < 100; i++) {
        char name[12];
        (void)snprintf(name, sizeof name, "c%d", i);
        (void)json_object_set_new(row, name, json_integer(i));
    }
    json_t *list = json_pack("[o]", row);
    char *json = json_dumps(list, 0);
    _cleanup_free_ char *printed = print_answer("task", "list", json, TERMINAL_UTF8);
    assert_non_null(strstr(printed, "c39"));
    assert_null(strstr(printed, "c40"));
    free(json);
    json_decref(list);
}

/* Appends a random code point, hostile ones more often than not. */
static size_t add_random(char *at, uint64_t *seed) {
    static const char *const nasty[] = {
        "\x1b", "\x01", "\x7f",         "\xc2\x9b",         "\xe2\x80\xae", "\xe2\x80\x8b",
        "\r",   "\n",   "\xef\xbb\xbf", "\xf3\xa0\x81\x81", "\xe6\x97\xa5"};
    if (seed_next(seed) % 2 == 0) {
        *at = (char)seed_between(seed, 0x20, 0x7e);
        return 1;
    }
    const char *chosen = nasty[seed_next(seed) % ARRAY_COUNT(nasty)];
    memcpy(at, chosen, strlen(chosen));
    return strlen(chosen);
}

static void random_texts_come_out_harmless(void **state) {
    (void)state;
    uint64_t seed = seed_init("random_texts_come_out_harmless");
    struct arena arena = {0};
    for (size_t round = 0; round < RANDOM_TEXTS; round++) {
        char text[200];
        size_t length = 0, width;
        for (int64_t n = seed_between(&seed, 0, 40); n > 0; n--) {
            length += add_random(&text[length], &seed);
        }
        text[length] = '\0';
        const char *ascii = terminal_text(&arena, text, TERMINAL_ASCII, &width);
        assert_int_equal(strlen(ascii), width);
        for (const char *c = ascii; *c != '\0'; c++) {
            assert_true(*c >= 0x20 && *c < 0x7f);
        }
        const char *utf8 = terminal_text(&arena, text, TERMINAL_UTF8, &width);
        for (const char *c = utf8; *c != '\0'; c++) {
            assert_false((*c > 0 && *c < 0x20) || *c == 0x7f);
        }
        assert_null(strstr(utf8, "\xc2\x9b"));
        assert_null(strstr(utf8, "\xe2\x80\xae"));
        arena_reset(&arena);
    }
    arena_done(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_printed),
        cmocka_unit_test(a_plain_terminal_gets_ascii),
        cmocka_unit_test(a_narrow_terminal_gets_the_chief_columns),
        cmocka_unit_test(odd_documents_do_not_hurt),
        cmocka_unit_test(many_columns_stay_within_bounds),
        cmocka_unit_test(random_texts_come_out_harmless),
    };
    if (setlocale(LC_CTYPE, "C.UTF-8") == NULL) {
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
