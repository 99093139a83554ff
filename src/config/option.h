/* The table of options (options.def) and the parsers of single values. Private to this room. */
#ifndef CONFIG_OPTION_H
#define CONFIG_OPTION_H

#include "cobi/base/complaint.h"
#include "cobi/config/config.h"

/* The groups are named after the structs they fill; the root is struct config itself. */
enum option_group {
    GROUP_config,
#define GROUP(structure, ...) GROUP_##structure,
#define LIST(structure, ...)  GROUP_##structure,
#include "options.def"
};
#define OPTION_GROUP_COUNT 9
enum option_type {
#define TYPE(name, ...) TYPE_##name,
#include "options.def"
};
enum option_input_kind { INPUT_TEXT, INPUT_NUMBER, INPUT_FLAG };
enum option_many { ONE, MANY };
/* REQUIRED: must be given. RESTART: a reload cannot change it. EMPTY: may be "" although the
 * default is not. */
enum option_flag { REQUIRED = 1, RESTART = 2, EMPTY = 4 };

/* One value as the file gives it; index counts the elements of a list. */
struct option_input {
    enum option_input_kind kind;
    const char *text;
    int64_t number;
    size_t index;
};
struct option {
    enum option_group group;
    enum option_type type;
    const char *name;
    size_t offset, size; /* of the member in the group's struct */
    const char *fallback;
    int64_t least, most;
    unsigned flags;
    const char *help;
};
struct option_section {
    enum option_group group, parent;
    const char *name;
    bool list;
    size_t offset, size;  /* of the member in the parent's struct */
    size_t element_bytes; /* of one element */
    size_t count_offset;  /* lists: of the counter in the parent's struct */
    const char *help;
};
extern const struct option options[];
extern const size_t option_count;
/* All sections but the root, parents first. */
extern const struct option_section option_sections[];
extern const size_t option_section_count;

/* The option of that name in the group, or NULL. */
const struct option *option_find(enum option_group group, const char *name);
enum option_many option_takes(const struct option *option);
enum option_input_kind option_kind(const struct option *option);
/* The words a value may be, "real|manual", or "". */
const char *option_words(const struct option *option);
/* Where values go: the struct that is filled, and the folder that relative paths begin at. */
struct option_place {
    void *base;
    const char *folder;
    bool copy; /* files that are named need not be there */
};
/* Checks one value and stores it in its member. Returns 0, or -EINVAL with a clause that completes
 * "NAME: ...". */
_must_use_ int option_take(const struct option *option, const struct option_input *input,
                           const struct option_place *place, struct complaint *complaint);
/* Stores the default; for a required option, zeroes. */
void option_take_fallback(const struct option *option, const struct option_place *place);
/* Is it a sender of texts: up to 11 letters and digits with a letter among them, or a number? */
bool option_sender_valid(const char *text);
/* Does the system know this time zone? */
bool option_zone_known(const char *name);

#endif
