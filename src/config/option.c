/* The table of options (options.def), and the one way from what a file says into struct config.
 *
 * option_take() checks the kind of a value and hands it to the parser of its type (option_parse.c).
 * Nothing here reads the configuration file or compares one option with another (check.c does).
 * Defaults are asserted, because they are our own: a wrong one ends the first test. */
#include "option_parse.h"

#include "cobi/base/cleanup.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#ifndef COBI_TEMPLATES_DIR
#define COBI_TEMPLATES_DIR "/usr/share/cobid/templates"
#endif
#define TEMPLATES_DIR COBI_TEMPLATES_DIR
#define FALLBACK_SIZE 256

static const struct {
    option_parse *parse;
    enum option_input_kind kind;
    enum option_many many;
    const char *words;
} types[] = {
#define TYPE(name, parser, kind, many, words, form)                                                \
    [TYPE_##name] = {option_parse_##parser, kind, many, words},
#include "options.def"
};

#define MEMBER_SIZE(structure, member) sizeof(((struct structure *)0)->member)
const struct option options[] = {
#define OPT(structure, type, name, member, fallback, least, most, flags, help)                     \
    {GROUP_##structure,                                                                            \
     TYPE_##type,                                                                                  \
     #name,                                                                                        \
     offsetof(struct structure, member),                                                           \
     MEMBER_SIZE(structure, member),                                                               \
     fallback,                                                                                     \
     least,                                                                                        \
     most,                                                                                         \
     flags,                                                                                        \
     help},
#include "options.def"
};
const size_t option_count = ARRAY_COUNT(options);

const struct option_section option_sections[] = {
#define GROUP(structure, parent, name, member, help)                                               \
    {GROUP_##structure,                                                                            \
     GROUP_##parent,                                                                               \
     #name,                                                                                        \
     false,                                                                                        \
     offsetof(struct parent, member),                                                              \
     MEMBER_SIZE(parent, member),                                                                  \
     sizeof(struct structure),                                                                     \
     SIZE_MAX,                                                                                     \
     help},
#define LIST(structure, parent, name, member, count, help)                                         \
    {GROUP_##structure,                                                                            \
     GROUP_##parent,                                                                               \
     #name,                                                                                        \
     true,                                                                                         \
     offsetof(struct parent, member),                                                              \
     MEMBER_SIZE(parent, member),                                                                  \
     sizeof(struct structure),                                                                     \
     offsetof(struct parent, count),                                                               \
     help},
#include "options.def"
};
const size_t option_section_count = ARRAY_COUNT(option_sections);
_Static_assert(ARRAY_COUNT(option_sections) + 1 == OPTION_GROUP_COUNT, "count of groups");

const struct option *option_find(enum option_group group, const char *name) {
    for (size_t i = 0; i < option_count; i++) {
        if (options[i].group == group && strcmp(options[i].name, name) == 0) {
            return &options[i];
        }
    }
    return NULL;
}

enum option_many option_takes(const struct option *option) {
    return types[option->type].many;
}

enum option_input_kind option_kind(const struct option *option) {
    return types[option->type].kind;
}

const char *option_words(const struct option *option) {
    return types[option->type].words;
}

int option_take(const struct option *option, const struct option_input *input,
                const struct option_place *place, struct complaint *complaint) {
    static const char *const kinds[] = {
        [INPUT_TEXT] = "a text in quotes",
        [INPUT_NUMBER] = "a number",
        [INPUT_FLAG] = "true or false",
    };
    enum option_input_kind kind = option_kind(option);
    if (input->kind != kind) {
        return complain(complaint, -EINVAL, "must be %s", kinds[kind]);
    }
    return types[option->type].parse(option, input, place, complaint);
}

/* Reads one element of a default as the file would have given it. */
static struct option_input fallback_input(const struct option *option, const char *text,
                                          size_t index) {
    struct option_input input = {.kind = option_kind(option), .text = text, .index = index};
    if (input.kind == INPUT_NUMBER) {
        input.number = strtoll(text, NULL, 10);
    } else if (input.kind == INPUT_FLAG) {
        input.number = strcmp(text, "true") == 0;
    }
    return input;
}

void option_take_fallback(const struct option *option, const struct option_place *place) {
    memset((unsigned char *)place->base + option->offset, 0, option->size);
    if ((option->flags & REQUIRED) != 0 || option->fallback[0] == '\0') {
        return;
    }
    char text[FALLBACK_SIZE];
    int error = text_copy(text, sizeof text, option->fallback);
    assert(error == 0);
    size_t index = 0;
    for (char *element = text, *next; element != NULL; element = next, index++) {
        next = option_takes(option) == MANY ? strchr(element, ',') : NULL;
        if (next != NULL) {
            *next++ = '\0';
        }
        struct option_input input = fallback_input(option, element, index);
        struct complaint complaint = {0};
        /* "0" stands for "not given" where nought itself may not be written. */
        if (input.kind == INPUT_NUMBER && input.number == 0) {
            continue;
        }
        error = option_take(option, &input, place, &complaint);
        assert(error == 0);
    }
}
