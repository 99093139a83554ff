/* Text for people about bad input: one clear line that says what, where and what to do. */
#ifndef COBI_BASE_COMPLAINT_H
#define COBI_BASE_COMPLAINT_H

#include "cobi/base/attribute.h"

#include <stddef.h>

#define COMPLAINT_SIZE 400
struct complaint {
    char text[COMPLAINT_SIZE]; /* "" while there is nothing to say; keeps the first complaint only */
};
/* Records the complaint if it is the first and c is not NULL; cut at a whole character, control characters become "?".
 * Returns error, so that "return complain(c, -EINVAL, ...)" reads well. */
_printf_(3, 4) int complain(struct complaint *c, int error, const char *format, ...);

/* Many complaints, as `cobid --check` prints them: "file:line: text" lines. */
#define COMPLAINTS_MAX 200
struct complaints {
    size_t count; /* may exceed COMPLAINTS_MAX: then the rest was dropped */
    struct complaint list[COMPLAINTS_MAX];
};
_printf_(2, 3) void complaints_add(struct complaints *c, const char *format, ...);

#endif
