/* Reads ${fact} and "$$" in the text of a template and puts values in.
 *
 * template_next_piece() is the only reader of that notation; checks and rendering both walk with
 * it. Expansion makes one pass over the template and copies values, so that a value which looks
 * like "${name}" stays what it is. It must never read a value as a template. */
#include "template_expand.h"

#include "cobi/base/text.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define FACT_NAME_LENGTH_MAX 40

/* Reads "${name}" at text. */
static int read_fact(const char *text, struct piece *ret_piece, struct complaint *complaint) {
    const char *name = text + 2;
    size_t length = 0;
    while ((name[length] >= 'a' && name[length] <= 'z') || name[length] == '_' ||
           (name[length] >= '0' && name[length] <= '9')) {
        length++;
    }
    char copy[FACT_NAME_LENGTH_MAX + 1];
    enum fact fact;
    if (length == 0 || length > FACT_NAME_LENGTH_MAX || name[length] != '}') {
        return complain(complaint, -EINVAL,
                        "\"${\" must be followed by the name of a fact and \"}\"");
    }
    memcpy(copy, name, length);
    copy[length] = '\0';
    if (fact_from_text(copy, &fact) < 0) {
        return complain(complaint, -EINVAL, "there is no fact \"%s\"", copy);
    }
    *ret_piece = (struct piece){.begin = text, .length = length + 3, .is_fact = true, .fact = fact};
    return 1;
}

int template_next_piece(const char **position, struct piece *ret_piece,
                        struct complaint *complaint) {
    const char *text = *position;
    size_t length = (size_t)(strchrnul(text, '$') - text);
    if (text[0] == '\0') {
        return 0;
    }
    struct piece piece = {.begin = text, .length = length};
    const char *next = text + length;
    if (length == 0 && text[1] == '$') {
        piece.length = 1;
        next = text + 2;
    } else if (length == 0 && text[1] == '{') {
        int error = read_fact(text, &piece, complaint);
        if (error < 0) {
            return error;
        }
        next = text + piece.length;
    } else if (length == 0) {
        return complain(complaint, -EINVAL, "a lone \"$\": write \"$$\" for a dollar sign");
    }
    *position = next;
    *ret_piece = piece;
    return 1;
}

bool template_holds_fact(const char *text, enum fact fact) {
    struct piece piece = {0};
    const char *position = text;
    while (template_next_piece(&position, &piece, NULL) > 0) {
        if (piece.is_fact && piece.fact == fact) {
            return true;
        }
    }
    return false;
}

/* The bytes of a piece as it will be printed. */
static const char *piece_bytes(const struct piece *piece, const char *const values[FACT_COUNT],
                               size_t *ret_length) {
    const char *value = piece->is_fact ? values[piece->fact] : piece->begin;
    assert(value != NULL);
    *ret_length = piece->is_fact ? strlen(value) : piece->length;
    return value;
}

char *template_expand(const char *text, const char *const values[FACT_COUNT], struct arena *arena) {
    struct piece piece = {0};
    size_t total = 0, length;
    for (const char *at = text; template_next_piece(&at, &piece, NULL) > 0;) {
        (void)piece_bytes(&piece, values, &length); /* only the length */
        total += length;
    }
    char *buffer = arena_alloc(arena, total + 1, 1);
    size_t used = 0;
    for (const char *at = text; template_next_piece(&at, &piece, NULL) > 0;) {
        const char *bytes = piece_bytes(&piece, values, &length);
        memcpy(buffer + used, bytes, length);
        used += length;
    }
    return buffer;
}

void template_tidy(char *text) {
    char *to = text;
    bool gap = false;
    for (const char *line = text; *line != '\0';) {
        size_t length = strcspn(line, "\n"), kept = length;
        size_t skipped = strspn(line, " ");
        while (kept > skipped && line[kept - 1] == ' ') {
            kept--;
        }
        kept = kept > skipped ? kept - skipped : 0;
        if (kept == 0) {
            gap = to != text;
        } else {
            if (to != text) {
                *to++ = '\n';
            }
            if (gap) {
                *to++ = '\n';
            }
            gap = false;
            memmove(to, line + skipped, kept);
            to += kept;
        }
        line += length + (line[length] == '\n');
    }
    *to = '\0';
}
