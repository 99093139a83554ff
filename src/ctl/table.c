/* Human-readable output of cobictl: one generic way for every answer, and a short table of tastes
 * per noun.
 *
 * Used by main when --json is not given. Prints whatever JSON the daemon sends, known fields or
 * not; only depth is bounded (what lies deeper is shown as JSON). Every text goes through
 * terminal_text(). */
#include "cobi/ctl/table.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cobi/base/cleanup.h"
#include "cobi/base/text.h"

#define COLUMNS_MAX     40
#define FIELD_NAME_SIZE 80

/* Which columns come first, which a list leaves to `show` and --json, and which alone are shown on
 * a terminal that is too narrow (NULL: all); columns not named here come last. Rows stand in the
 * order of a time (NULL: as they came). */
static const struct taste {
    const char *noun, *first, *hidden, *narrow, *order;
} tastes[] = {
    {"session",
     "id participant number attempt module local minutes practitioner office state outcome "
     "revision",
     "of start zone", "id participant number local state outcome", NULL},
    {"message", "id due kind audience recipient channel state reason session sent_at",
     "to subject body not_after gateway attempts", "id kind recipient state sent_at", "due"},
    {"escalation",
     "id kind audience advocate participant session state step told next_at acknowledged_by",
     "cycle opened", "id kind participant state told", "opened"},
    {"feed", "id owner_kind owner created last_fetched revoked", "",
     "id owner last_fetched revoked", "created"},
    {"task", "id kind owner next_owner participant session due state", "about",
     "id kind owner participant due state", "due"},
    {"office", "id name address phone timezone hours rooms", "", NULL, NULL},
    {"practitioner", "id name office supervisor hours email mobile", "", NULL, NULL},
    {"supervisor", "id name next hours email mobile", "", NULL, NULL},
    {"advocate", "id service name email phone hours", "", NULL, NULL},
    {"officer", "id name organisation email phone", "", NULL, NULL},
    {"participant",
     "id name state programme route practitioner office mobile email sms language mode",
     "greeting place_label consequence officer officer_ref referred start order_ends prefer "
     "unavailable",
     "id name state programme practitioner office", NULL},
    {"gateway", "name channel type state", "", NULL, NULL},
    {"template", "name draft", "", NULL, NULL},
};
/* Fields whose text is for reading, in the order of reading. */
static const char *const body_fields[] = {"subject", "body", "text"};

/* Are texts for reading printed among the other fields, or by somebody else afterwards? */
enum bodies { BODIES_INLINE, BODIES_APART };

struct column {
    const char *name; /* borrowed from the document */
    size_t width;
    bool has_number, has_text; /* numbers alone stand to the right */
};
struct columns {
    struct column list[COLUMNS_MAX];
    size_t count;
};

static bool is_list_of_objects(const json_t *value) {
    return json_array_size(value) > 0 && json_is_object(json_array_get(value, 0));
}

static bool is_body_field(const char *name) {
    for (size_t i = 0; i < ARRAY_COUNT(body_fields); i++) {
        if (strcmp(body_fields[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- values ---- */

/* The plain text of a value before it is made harmless: bare strings, numbers, yes and no; the rest
 * as JSON. */
static const char *plain_text(struct arena *arena, const json_t *value) {
    if (json_is_string(value)) {
        return json_string_value(value);
    }
    if (json_is_boolean(value)) {
        return json_is_true(value) ? "yes" : "no";
    }
    if (value == NULL || json_is_null(value)) {
        return "-";
    }
    if (json_is_integer(value)) {
        return arena_printf(arena, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    }
    char *dumped = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    const char *kept = arena_copy(arena, dumped != NULL ? dumped : "?");
    free(dumped);
    return kept;
}

/* The same, with lists of plain values joined by commas. */
static const char *list_text(struct arena *arena, const json_t *value) {
    if (!json_is_array(value) || is_list_of_objects(value)) {
        return plain_text(arena, value);
    }
    const char *joined = "";
    size_t i;
    json_t *item;
    json_array_foreach(value, i, item) {
        joined = arena_printf(arena, "%s%s%s", joined, i > 0 ? ", " : "", plain_text(arena, item));
    }
    return i > 0 ? joined : "none";
}

/* An object in a cell: "key: value, key: value". */
static const char *object_text(struct arena *arena, json_t *object) {
    const char *joined = "", *key;
    json_t *value;
    json_object_foreach(object, key, value) {
        joined = arena_printf(arena, "%s%s%s: %s", joined, joined[0] != '\0' ? ", " : "", key,
                              plain_text(arena, value));
    }
    return joined[0] != '\0' ? joined : "-";
}

/* What a cell of a table shows. */
static const char *cell_text(struct page *page, json_t *value, size_t *ret_width) {
    const char *plain = is_list_of_objects(value)
                            ? arena_printf(&page->arena, "(%zu)", json_array_size(value))
                        : json_is_object(value) ? object_text(&page->arena, value)
                                                : list_text(&page->arena, value);
    return terminal_text(&page->arena, plain, page->charset, ret_width);
}

static void print_safe(struct page *page, const char *text) {
    size_t width;
    fputs(terminal_text(&page->arena, text, page->charset, &width), page->out);
}

/* A text of several lines, each indented so that none can pass for a line of ours. */
static void print_block(struct page *page, const char *text) {
    for (const char *line = text; line != NULL;) {
        const char *end = strchr(line, '\n');
        size_t length = end != NULL ? (size_t)(end - line) : strlen(line);
        length -= length > 0 && end != NULL && line[length - 1] == '\r';
        if (length > 0) {
            fputs("    ", page->out);
            print_safe(page, arena_copy_bytes(&page->arena, line, length));
        }
        line = end != NULL && end[1] != '\0' ? end + 1 : NULL;
        fputc('\n', page->out);
        arena_reset(&page->arena);
    }
}

/* ---- lists ---- */

/* Is name one of the words of list? */
static bool is_word_of(const char *name, const char *list) {
    size_t length = strlen(name);
    for (const char *word = list; *word != '\0';) {
        size_t word_length = strcspn(word, " ");
        if (word_length == length && memcmp(word, name, length) == 0) {
            return true;
        }
        word += word_length;
        word += *word == ' ';
    }
    return false;
}

static const struct taste *find_taste(const char *noun) {
    static const struct taste plain = {NULL, "id", "", NULL, NULL};
    for (size_t i = 0; noun != NULL && i < ARRAY_COUNT(tastes); i++) {
        if (strcmp(tastes[i].noun, noun) == 0) {
            return &tastes[i];
        }
    }
    return &plain;
}

/* The noun that a member of an answer is, or is a list of: "session" and "sessions". NULL when it
 * is none. */
static const char *find_noun(const char *key) {
    for (size_t i = 0; i < ARRAY_COUNT(tastes); i++) {
        size_t length = strlen(tastes[i].noun);
        if (strncmp(key, tastes[i].noun, length) == 0 &&
            (key[length] == '\0' || strcmp(&key[length], "s") == 0)) {
            return tastes[i].noun;
        }
    }
    return NULL;
}

static void add_column(struct columns *columns, const char *name) {
    for (size_t i = 0; i < columns->count; i++) {
        if (strcmp(columns->list[i].name, name) == 0) {
            return;
        }
    }
    if (columns->count < COLUMNS_MAX) {
        columns->list[columns->count++] = (struct column){.name = name, .width = strlen(name)};
    }
}

/* The name as the first row that has it spells it, or NULL. */
static const char *find_key(const json_t *list, const char *name, size_t length) {
    size_t i;
    json_t *row;
    json_array_foreach(list, i, row) {
        const char *key;
        json_t *value;
        json_object_foreach(row, key, value) {
            if (strlen(key) == length && memcmp(key, name, length) == 0) {
                return key;
            }
        }
    }
    return NULL;
}

static void choose_columns(const struct taste *taste, const json_t *list, struct columns *columns) {
    for (const char *word = taste->first; *word != '\0';) {
        size_t length = strcspn(word, " ");
        const char *key = find_key(list, word, length);
        if (key != NULL) {
            add_column(columns, key);
        }
        word += length;
        word += *word == ' ';
    }
    size_t i;
    json_t *row;
    json_array_foreach(list, i, row) {
        const char *key;
        json_t *value;
        json_object_foreach(row, key, value) {
            if (!is_word_of(key, taste->hidden)) {
                add_column(columns, key);
            }
        }
    }
}

static void measure_columns(struct page *page, const json_t *list, struct columns *columns) {
    size_t i;
    json_t *row;
    json_array_foreach(list, i, row) {
        for (size_t k = 0; k < columns->count; k++) {
            struct column *column = &columns->list[k];
            json_t *value = json_object_get(row, column->name);
            size_t width;
            (void)cell_text(page, value, &width); /* only the width matters yet */
            column->width = width > column->width ? width : column->width;
            bool is_number = json_is_number(value);
            column->has_number = column->has_number || is_number;
            column->has_text = column->has_text ||
                               (value != NULL && !is_number && !json_is_null(value));
        }
        arena_reset(&page->arena);
    }
}

/* One cell; the last column gets no blanks behind it. */
static void print_cell(struct page *page, const struct columns *columns, size_t k, const char *text,
                       size_t width) {
    const struct column *column = &columns->list[k];
    int gap = (int)(column->width - width);
    const char *between = k > 0 ? "  " : "";
    if (column->has_number && !column->has_text) {
        fprintf(page->out, "%s%*s%s", between, gap, "", text);
    } else {
        fprintf(page->out, "%s%s%*s", between, text, k + 1 < columns->count ? gap : 0, "");
    }
}

/* On a terminal that is too narrow for all columns only the chief ones stay. Returns whether some
 * went. */
static bool fit_columns(struct columns *columns, const struct taste *taste, size_t width) {
    size_t total = 0, kept = 0;
    for (size_t k = 0; k < columns->count; k++) {
        total += columns->list[k].width + (k > 0 ? 2 : 0);
    }
    if (width == 0 || total <= width || taste->narrow == NULL) {
        return false;
    }
    for (size_t k = 0; k < columns->count; k++) {
        if (is_word_of(columns->list[k].name, taste->narrow)) {
            columns->list[kept++] = columns->list[k];
        }
    }
    bool is_less = kept < columns->count;
    columns->count = kept;
    return is_less;
}

struct ordered {
    const char *time;
    size_t index;
};

static int compare_ordered(const void *a, const void *b) {
    const struct ordered *x = a, *y = b;
    int difference = strcmp(x->time, y->time);
    return difference != 0 ? difference : (x->index > y->index) - (x->index < y->index);
}

/* The rows in the order of a time, those of one time as they came; whoever has none comes first. A
 * new reference. */
static json_t *order_rows(struct arena *arena, json_t *list, const char *field) {
    size_t count = json_array_size(list);
    if (field == NULL) {
        return json_incref(list);
    }
    struct ordered *rows = arena_alloc(arena, count, sizeof *rows);
    for (size_t i = 0; i < count; i++) {
        const char *time = json_string_value(json_object_get(json_array_get(list, i), field));
        rows[i] = (struct ordered){time != NULL ? time : "", i};
    }
    qsort(rows, count, sizeof *rows, compare_ordered);
    json_t *sorted = json_array();
    for (size_t i = 0; i < count; i++) {
        (void)json_array_append(sorted, json_array_get(list, rows[i].index)); /* memory only */
    }
    arena_reset(arena);
    return sorted;
}

void table_print_list(struct page *page, const char *noun, json_t *unordered) {
    const struct taste *taste = find_taste(noun);
    json_t *list = order_rows(&page->arena, unordered, taste->order);
    struct columns columns = {0};
    choose_columns(taste, list, &columns);
    measure_columns(page, list, &columns);
    bool is_less = fit_columns(&columns, taste, page->width);
    for (size_t k = 0; k < columns.count; k++) {
        size_t width;
        const char *name = terminal_text(&page->arena, columns.list[k].name, page->charset, &width);
        columns.list[k].width = width > columns.list[k].width ? width : columns.list[k].width;
        print_cell(page, &columns, k, name, width);
    }
    fputc('\n', page->out);
    size_t i;
    json_t *row;
    json_array_foreach(list, i, row) {
        for (size_t k = 0; k < columns.count; k++) {
            size_t width;
            const char *text = cell_text(page, json_object_get(row, columns.list[k].name), &width);
            print_cell(page, &columns, k, text, width);
        }
        fputc('\n', page->out);
        arena_reset(&page->arena);
    }
    json_decref(list);
    fputs(is_less ? "(narrow terminal: some columns are left out; --json has them all)\n" : "",
          page->out);
}

/* ---- objects ---- */

/* Sentences, such as the faults of a configuration, get a line each. */
static bool is_list_of_sentences(const json_t *value) {
    const char *first = json_string_value(json_array_get(value, 0));
    return first != NULL && strchr(first, ' ') != NULL;
}

static void print_field(struct page *page, const char *name, const json_t *value) {
    print_safe(page, name);
    if (is_list_of_sentences(value)) {
        fputs(":\n", page->out);
        size_t i;
        json_t *item;
        json_array_foreach(value, i, item) {
            print_block(page, plain_text(&page->arena, item));
        }
        return;
    }
    if (json_is_string(value) && strchr(json_string_value(value), '\n') != NULL) {
        fputs(":\n", page->out);
        print_block(page, json_string_value(value));
        return;
    }
    fputs(": ", page->out);
    print_safe(page, list_text(&page->arena, value));
    fputc('\n', page->out);
    arena_reset(&page->arena);
}

/* An object inside an object: "outer.inner: value". */
static void print_members(struct page *page, const char *outer, json_t *object) {
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value) {
        char name[FIELD_NAME_SIZE];
        struct text text = TEXT_IN(name);
        text_addf(&text, "%s.%s", outer, key);
        print_field(page, text.overflow ? key : name, value);
    }
}

/* Returns whether there were any. */
static bool print_fields(struct page *page, json_t *object, enum bodies bodies) {
    const char *key;
    json_t *value;
    bool is_any = false;
    json_object_foreach(object, key, value) {
        if (is_list_of_objects(value) || (bodies == BODIES_APART && is_body_field(key))) {
            continue;
        }
        if (!json_is_object(value)) {
            print_field(page, key, value);
        } else if (find_noun(key) == NULL) {
            print_members(page, key, value);
        } else {
            continue;
        }
        is_any = true;
    }
    return is_any;
}

/* Lists of objects, and a thing that has a noun as a list of one; a blank line before each that
 * something stands above. */
static void print_inner_lists(struct page *page, json_t *object, bool is_first) {
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value) {
        bool is_thing = json_is_object(value) && find_noun(key) != NULL;
        if (!is_thing && !is_list_of_objects(value)) {
            continue;
        }
        fputs(is_first ? "" : "\n", page->out);
        print_safe(page, key);
        fputs(":\n", page->out);
        json_t *list = is_thing ? json_pack("[O]", value) : json_incref(value);
        table_print_list(page, find_noun(key), list);
        json_decref(list);
        is_first = false;
    }
}

void table_print_object(struct page *page, json_t *object) {
    bool is_any = print_fields(page, object, BODIES_INLINE);
    print_inner_lists(page, object, !is_any);
}

/* ---- answers with texts to read ---- */

static void print_bodies(struct page *page, json_t *object) {
    for (size_t i = 0; i < ARRAY_COUNT(body_fields); i++) {
        const char *text = json_string_value(json_object_get(object, body_fields[i]));
        if (text == NULL || text[0] == '\0') {
            continue;
        }
        if (strcmp(body_fields[i], "subject") == 0) {
            fputs("    Subject: ", page->out);
            print_safe(page, text);
            fputs("\n\n", page->out);
        } else {
            print_block(page, text);
        }
    }
}

/* Number of characters of the body, unless the daemon counted them. */
static void print_length(struct page *page, json_t *object) {
    static const char *const counted[] = {"length", "characters", "units"};
    for (size_t i = 0; i < ARRAY_COUNT(counted); i++) {
        if (json_object_get(object, counted[i]) != NULL) {
            return;
        }
    }
    const char *text = json_string_value(json_object_get(object, "body"));
    text = text != NULL ? text : json_string_value(json_object_get(object, "text"));
    size_t count = 0;
    for (; text != NULL && *text != '\0'; count++) {
        (void)utf8_next(&text); /* counting only */
    }
    fprintf(page->out, "  length %zu", count);
}

/* One text of the preview: a line on when, what and how long, then the text itself. */
static void print_preview(struct page *page, json_t *object) {
    const char *key;
    json_t *value;
    bool is_first = true;
    json_object_foreach(object, key, value) {
        if (is_body_field(key) || json_is_object(value) || json_is_array(value)) {
            continue;
        }
        fputs(is_first ? "" : "  ", page->out);
        print_safe(page, key);
        fputc(' ', page->out);
        print_safe(page, plain_text(&page->arena, value));
        is_first = false;
        arena_reset(&page->arena);
    }
    print_length(page, object);
    fputc('\n', page->out);
    print_bodies(page, object);
    fputc('\n', page->out);
}

static void print_previews(struct page *page, json_t *list) {
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item) {
        print_preview(page, item);
    }
}

static void print_preview_answer(struct page *page, json_t *document) {
    if (json_is_array(document)) {
        print_previews(page, document);
        return;
    }
    (void)print_fields(page, document, BODIES_INLINE); /* the texts follow in any case */
    const char *key;
    json_t *value;
    json_object_foreach(document, key, value) {
        if (is_list_of_objects(value)) {
            fputc('\n', page->out);
            print_previews(page, value);
        }
    }
}

static void print_message(struct page *page, json_t *document) {
    (void)print_fields(page, document, BODIES_APART); /* a message always has some */
    fputc('\n', page->out);
    print_bodies(page, document);
    print_inner_lists(page, document, false);
}

static bool is_command(const struct command *command, const char *noun, const char *verb) {
    return command == command_find(noun, verb);
}

void table_print_answer(struct page *page, const struct command *command, json_t *document) {
    if (json_is_array(document) && json_array_size(document) == 0) {
        fputs("none\n", page->out);
    } else if (is_command(command, NULL, "preview") &&
               (json_is_object(document) || is_list_of_objects(document))) {
        print_preview_answer(page, document);
    } else if (is_command(command, "message", "show") && json_is_object(document)) {
        print_message(page, document);
    } else if (is_list_of_objects(document)) {
        table_print_list(page, command->noun, document);
    } else if (json_is_object(document) && json_object_size(document) == 0) {
        fputs("done\n", page->out);
    } else if (json_is_object(document)) {
        table_print_object(page, document);
    } else {
        print_safe(page, list_text(&page->arena, document));
        fputc('\n', page->out);
    }
    arena_reset(&page->arena);
}
