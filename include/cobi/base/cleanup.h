/* Small tools of the house: automatic clean-up, array sizes, checked sizes. */
#ifndef COBI_BASE_CLEANUP_H
#define COBI_BASE_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

#define ARRAY_COUNT(a)      (sizeof(a) / sizeof((a)[0]))
#define _cleanup_(function) __attribute__((cleanup(function)))
static inline void cleanup_free(void *p) {
    free(*(void **)p);
}
static inline void cleanup_close(int *fd) {
    if (*fd >= 0) {
        (void)close(*fd); /* nothing more to be done about a failing close of what was read or
                             already synced */
    }
}
#define _cleanup_free_  _cleanup_(cleanup_free)
#define _cleanup_close_ _cleanup_(cleanup_close)
/* Hands over a file descriptor: yields it and leaves -1 behind. */
static inline int take_fd(int *fd) {
    int taken = *fd;
    *fd = -1;
    return taken;
}
/* Hands over a pointer: yields it and leaves NULL behind. */
#define take(pointer)                                                                              \
    __extension__({                                                                                \
        __typeof__(pointer) *p_ = &(pointer);                                                      \
        __typeof__(pointer) v_ = *p_;                                                              \
        *p_ = NULL;                                                                                \
        v_;                                                                                        \
    })

#endif
