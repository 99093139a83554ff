/* Help for a person who mistyped: the nearest name, and a harmless excerpt of what was typed. */
#ifndef COBI_CTL_SUGGEST_H
#define COBI_CTL_SUGGEST_H

#include <stddef.h>

/* The best name so far; begin with {.typed = word}. */
struct suggestion {
    const char *typed;
    const char *name; /* NULL while nothing is near enough */
    size_t distance;
};
/* Considers one more candidate (borrowed). "-" and "_" count as the same. */
void suggestion_consider(struct suggestion *suggestion, const char *candidate);

#define EXCERPT_SIZE 41
/* At most 40 characters of text, with "?" for everything that is not printable ASCII and "..."
 * where it was cut. */
void excerpt(const char *text, char buffer[EXCERPT_SIZE]);
/* A name of the table as people type it: "_" becomes "-". Cut to fit. */
void option_spelling(const char *name, char buffer[EXCERPT_SIZE]);

#endif
