/* Text from outside and text being built: bounded, valid UTF-8, no control characters. */
#ifndef COBI_BASE_TEXT_H
#define COBI_BASE_TEXT_H

#include "cobi/base/attribute.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A string being built in a caller's buffer. Always NUL-terminated; once something did not fit, overflow stays true
 * and later appends do nothing, so one check at the end is enough. A piece goes in whole or not at all. */
struct text {
    char *data;
    size_t length, capacity; /* capacity counts the NUL */
    bool overflow;
};
static inline char *text_emptied(char *buffer) {
    buffer[0] = '\0';
    return buffer;
}
/* An empty text over a whole array. */
#define TEXT_IN(array) ((struct text){.data = text_emptied(array), .capacity = sizeof(array)})
void text_init(struct text *t, char *buffer, size_t capacity);
void text_add(struct text *t, const char *string);
void text_add_bytes(struct text *t, const char *bytes, size_t length);
_printf_(2, 3) void text_addf(struct text *t, const char *format, ...);
/* Copies string into buffer if it fits whole. Returns 0 or -E2BIG (then buffer is ""). */
_must_use_ int text_copy(char *buffer, size_t capacity, const char *string);

/* Why a text from outside is refused; 0 is fine. */
enum text_fault { TEXT_FINE, TEXT_EMPTY, TEXT_TOO_LONG, TEXT_NOT_UTF8, TEXT_CONTROL };
/* Checks a one-line text: valid UTF-8 (RFC 3629: no overlong forms, no surrogates), no C0, C1 or DEL, no bidirectional
 * or zero-width formatting characters, no line or paragraph separators; 1 to length_max bytes. */
enum text_fault text_check(const char *string, size_t length, size_t length_max);
/* "must not be empty" and so on: completes a sentence that begins with the option's name. */
const char *text_fault_to_text(enum text_fault fault);
bool utf8_valid(const char *bytes, size_t length);
/* Decodes one code point at *position (valid UTF-8 assumed), advances it; returns the code point. */
uint32_t utf8_next(const char **position);

/* Trims ASCII white space at both ends, in place; returns the new start inside string. */
char *text_trim(char *string);
/* ASCII lower case, in place. */
void text_lower(char *string);
bool text_equal_case(const char *a, const char *b);

/* An identifier: 1 to 32 of A-Z a-z 0-9 . _ -, beginning with a letter or digit. */
#define ID_SIZE 33
bool id_valid(const char *string);

void hex_encode(const void *bytes, size_t length, char *buffer); /* 2 * length + 1 bytes */
/* base64url without padding (RFC 4648 section 5). buffer: (length * 4 + 2) / 3 + 1 bytes. */
void base64url_encode(const void *bytes, size_t length, char *buffer);
/* Returns the number of bytes, or -EINVAL (anything but canonical base64url) or -E2BIG. */
_must_use_ int base64url_decode(const char *string, void *buffer, size_t capacity);

#endif
