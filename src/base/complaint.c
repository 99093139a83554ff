/* One clear line for a person about input that we refuse.
 *
 * Readers of input take a struct complaint and fill it with complain() on their way out; the
 * outermost caller shows it. Too long a line is cut at a whole character. It must never span lines:
 * what was quoted from the input may hold anything, so control characters come out as "?". */
#include "cobi/base/complaint.h"

#include "cobi/base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Bytes of 10xxxxxx continue a UTF-8 character. */
static bool continues(char c) {
    return ((unsigned char)c & 0xc0) == 0x80;
}

/* Drops the last character if the end of the buffer cut it. */
static void trim_cut_character(char *text) {
    size_t length = strlen(text), start = length;
    while (start > 0 && continues(text[start - 1])) {
        start--;
    }
    if (start > 0 && !utf8_valid(text + start - 1, length - (start - 1))) {
        text[start - 1] = '\0';
    }
}

static void write_line(char text[COMPLAINT_SIZE], const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));
static void write_line(char text[COMPLAINT_SIZE], const char *format, va_list arguments) {
    int length = vsnprintf(text, COMPLAINT_SIZE, format, arguments);
    if (length >= COMPLAINT_SIZE) {
        trim_cut_character(text);
    }
    for (char *c = text; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f) {
            *c = '?';
        }
    }
}

int complain(struct complaint *c, int error, const char *format, ...) {
    if (c == NULL || c->text[0] != '\0') {
        return error;
    }
    va_list arguments;
    va_start(arguments, format);
    write_line(c->text, format, arguments);
    va_end(arguments);
    return error;
}

void complaints_add(struct complaints *c, const char *format, ...) {
    if (c->count < COMPLAINTS_MAX) {
        va_list arguments;
        va_start(arguments, format);
        write_line(c->list[c->count].text, format, arguments);
        va_end(arguments);
    }
    c->count++;
}
