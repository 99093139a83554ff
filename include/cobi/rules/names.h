/* Text forms of enums as arrays indexed by the enum: how every *_from_text() of this room looks a name up. Pure. */
#ifndef COBI_RULES_NAMES_H
#define COBI_RULES_NAMES_H

#include <errno.h>
#include <stddef.h>
#include <string.h>

/* The index of text in names, or -EINVAL when it is not one of them (or NULL). */
static inline int names_find(const char *const *names, size_t count, const char *text) {
    for (size_t i = 0; text != NULL && i < count; i++) {
        if (strcmp(names[i], text) == 0) {
            return (int)i;
        }
    }
    return -EINVAL;
}

#endif
