/* A turn's memory: a list of blocks, newest first; the newest is filled from its start.
 *
 * Used for every text that lives no longer than the turn. It does not fail: when memory runs out,
 * the process ends, systemd starts it again and the store is the truth. It must never hand out
 * memory that still holds an earlier turn's bytes, because those may be another person's. */
#include "cobi/base/arena.h"

#include "cobi/base/cleanup.h"
#include "cobi/base/log.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define ARENA_BLOCK_BYTES (size_t)16384
/* A larger block is given back at the end of its turn: one long feed must not stay in memory for
 * ever. */
#define ARENA_KEEP_BYTES_MAX (size_t)262144
#define ALIGNMENT            _Alignof(max_align_t)

struct arena_block {
    struct arena_block *next;
    size_t capacity_bytes, used_bytes;
    _Alignas(max_align_t) unsigned char bytes[];
};

_Noreturn static void out_of_memory(void) {
    log_error("out of memory");
    abort();
}

static struct arena_block *block_new(size_t capacity_bytes) {
    size_t total_bytes;
    if (__builtin_add_overflow(sizeof(struct arena_block), capacity_bytes, &total_bytes)) {
        out_of_memory();
    }
    struct arena_block *block = malloc(total_bytes);
    if (block == NULL) {
        out_of_memory();
    }
    *block = (struct arena_block){.capacity_bytes = capacity_bytes};
    return block;
}

/* The block that has room for the bytes: the newest, or a new one before it. */
static struct arena_block *block_with_room(struct arena *a, size_t bytes) {
    struct arena_block *block = a->first;
    if (block == NULL || block->capacity_bytes - block->used_bytes < bytes) {
        block = block_new(bytes > ARENA_BLOCK_BYTES ? bytes : ARENA_BLOCK_BYTES);
        block->next = a->first;
        a->first = block;
    }
    return block;
}

void *arena_alloc(struct arena *a, size_t count, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > PTRDIFF_MAX - ALIGNMENT) {
        out_of_memory();
    }
    bytes = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (bytes == 0) {
        bytes = ALIGNMENT; /* so that every answer is a place of its own */
    }
    struct arena_block *block = block_with_room(a, bytes);
    void *memory = block->bytes + block->used_bytes;
    block->used_bytes += bytes;
    a->used_bytes += bytes;
    return memset(memory, 0, bytes);
}

char *arena_copy(struct arena *a, const char *string) {
    return arena_copy_bytes(a, string, strlen(string));
}

char *arena_copy_bytes(struct arena *a, const char *bytes, size_t length) {
    assert(length < SIZE_MAX);
    char *copy = arena_alloc(a, length + 1, 1);
    if (length > 0) {
        memcpy(copy, bytes, length);
    }
    return copy;
}

char *arena_printf(struct arena *a, const char *format, ...) {
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    assert(length >= 0); /* our own format is wrong */
    char *text = arena_alloc(a, (size_t)length + 1, 1);
    (void)vsnprintf(text, (size_t)length + 1, format, again); /* measured just before */
    va_end(again);
    return text;
}

void arena_reset(struct arena *a) {
    struct arena_block *keep = NULL;
    for (struct arena_block *block = a->first, *next; block != NULL; block = next) {
        next = block->next;
        if (keep == NULL && block->capacity_bytes <= ARENA_KEEP_BYTES_MAX) {
            keep = block;
        } else {
            free(block);
        }
    }
    if (keep != NULL) {
        keep->next = NULL;
        keep->used_bytes = 0;
    }
    *a = (struct arena){.first = keep};
}

void arena_done(struct arena *a) {
    for (struct arena_block *block = a->first, *next; block != NULL; block = next) {
        next = block->next;
        free(block);
    }
    *a = (struct arena){0};
}
