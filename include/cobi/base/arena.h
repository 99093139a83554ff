/* A turn's memory: allocate freely, drop everything at once when the turn ends. Out of memory ends the process. */
#ifndef COBI_BASE_ARENA_H
#define COBI_BASE_ARENA_H

#include "cobi/base/attribute.h"

#include <stdarg.h>
#include <stddef.h>

struct arena_block;
struct arena {
    struct arena_block *first;
    size_t used_bytes;
};
/* Zeroed memory, aligned for any type, valid until arena_reset() or arena_done(). */
_returns_memory_ void *arena_alloc(struct arena *a, size_t count, size_t size);
_returns_memory_ char *arena_copy(struct arena *a, const char *string);
_returns_memory_ char *arena_copy_bytes(struct arena *a, const char *bytes, size_t length);
_printf_(2, 3) _returns_memory_ char *arena_printf(struct arena *a, const char *format, ...);
/* Forgets everything; keeps one block for the next turn. */
void arena_reset(struct arena *a);
void arena_done(struct arena *a);

#endif
