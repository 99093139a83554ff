/* Text on its way to a person's terminal: nothing in it may act on the terminal. */
#ifndef COBI_CTL_TERMINAL_H
#define COBI_CTL_TERMINAL_H

#include <stddef.h>

#include "cobi/base/arena.h"

enum terminal_charset {
    TERMINAL_UTF8,
    TERMINAL_ASCII /* everything above 0x7e is written as \u{...} */
};
/* The text with control, direction and invisible characters written as \xNN or \u{NNNN}, "\n" and
 * "\t" as such two letters; *ret_width is the number of columns it takes (wcwidth(3): LC_CTYPE must
 * be a UTF-8 locale). */
_returns_memory_ char *terminal_text(struct arena *arena, const char *text,
                                     enum terminal_charset charset, size_t *ret_width);
/* Columns of the terminal behind the file descriptor; 0 when it is none or does not know. */
size_t terminal_width(int fd);

#endif
