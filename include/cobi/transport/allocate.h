/* Memory for the transport room: zeroed, or the process ends (out of memory is a crash, and a crash
 * is a tested path). */
#ifndef COBI_TRANSPORT_ALLOCATE_H
#define COBI_TRANSPORT_ALLOCATE_H

#include <stdlib.h>
#include <string.h>

#include "cobi/base/attribute.h"

_returns_memory_ static inline void *allocate(size_t count, size_t size) {
    void *memory = calloc(count, size);
    if (memory == NULL) {
        abort();
    }
    return memory;
}
/* Overwrites and frees a text that may hold a number, an address or a secret. Accepts NULL. */
static inline void wipe_free(char *memory, size_t length) {
    if (memory != NULL) {
        explicit_bzero(memory, length);
        free(memory);
    }
}

#endif
