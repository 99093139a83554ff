/* Nearest names and harmless excerpts for the complaints of cobictl.
 *
 * Used by the parser only. Nothing here fails: words that are too long are near to nothing, texts
 * that are too long are cut. A control character or a byte above 0x7e must never pass through
 * excerpt(). */
#include "cobi/ctl/suggest.h"

#include <stdbool.h>
#include <string.h>

#define WORD_MAX 32

/* Number of insertions, deletions, replacements and swaps of neighbours that lead from a to b. */
static size_t edit_distance(const char *a, size_t a_length, const char *b, size_t b_length);

void suggestion_consider(struct suggestion *suggestion, const char *candidate) {
    char typed[EXCERPT_SIZE], name[EXCERPT_SIZE];
    size_t typed_length = strlen(suggestion->typed), name_length = strlen(candidate);
    if (typed_length == 0 || typed_length > WORD_MAX || name_length > WORD_MAX) {
        return;
    }
    option_spelling(suggestion->typed, typed);
    option_spelling(candidate, name);
    size_t distance = edit_distance(typed, typed_length, name, name_length);
    if (typed_length >= 3 && strncmp(typed, name, typed_length) == 0) {
        distance = 1; /* a beginning is nearly the whole */
    }
    size_t longest = typed_length > name_length ? typed_length : name_length;
    size_t near_enough = longest <= 4 ? 1 : 1 + longest / 4;
    bool is_better = suggestion->name == NULL || distance < suggestion->distance;
    if (distance <= near_enough && is_better) {
        suggestion->name = candidate;
        suggestion->distance = distance;
    }
}

static size_t smallest(size_t a, size_t b) {
    return a < b ? a : b;
}

static size_t edit_distance(const char *a, size_t a_length, const char *b, size_t b_length) {
    size_t rows[WORD_MAX + 1][WORD_MAX + 1];
    for (size_t i = 0; i <= a_length; i++) {
        rows[i][0] = i;
    }
    for (size_t j = 0; j <= b_length; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= a_length; i++) {
        for (size_t j = 1; j <= b_length; j++) {
            size_t replaced = rows[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            size_t best = smallest(replaced, smallest(rows[i - 1][j], rows[i][j - 1]) + 1);
            bool is_swap = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            rows[i][j] = is_swap ? smallest(best, rows[i - 2][j - 2] + 1) : best;
        }
    }
    return rows[a_length][b_length];
}

void excerpt(const char *text, char buffer[EXCERPT_SIZE]) {
    size_t length = strnlen(text, EXCERPT_SIZE);
    size_t shown = length < EXCERPT_SIZE ? length : EXCERPT_SIZE - 1;
    for (size_t i = 0; i < shown; i++) {
        buffer[i] = text[i] >= 0x20 && text[i] < 0x7f ? text[i] : '?';
    }
    buffer[shown] = '\0';
    if (length >= EXCERPT_SIZE) {
        memset(&buffer[shown - 3], '.', 3);
    }
}

void option_spelling(const char *name, char buffer[EXCERPT_SIZE]) {
    excerpt(name, buffer);
    for (char *c = buffer; *c != '\0'; c++) {
        if (*c == '_') {
            *c = '-';
        }
    }
}
