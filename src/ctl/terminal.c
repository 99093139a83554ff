/* Makes text harmless for a terminal and measures how wide it is there.
 *
 * Used for every value that cobictl prints for people. Cannot fail but for memory (then the process
 * ends). A character that moves the cursor, hides itself or turns the direction of writing must
 * never come out as it went in. */
#include "cobi/ctl/terminal.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <wchar.h>

#include "cobi/base/text.h"

/* "\u{10ffff}" for four bytes and "\u{80}" for two, but "\x1b" for one: at most four bytes a byte.
 */
#define ESCAPE_GROWTH 4

static bool is_harmless(const char *bytes, size_t length, uint32_t code,
                        enum terminal_charset charset) {
    if (code >= 0x20 && code < 0x7f) {
        return true;
    }
    return charset == TERMINAL_UTF8 && text_check(bytes, length, length) == TEXT_FINE &&
           wcwidth((wchar_t)code) >= 0;
}

static void add_escaped(struct text *text, uint32_t code) {
    if (code == '\n' || code == '\t') {
        text_add(text, code == '\n' ? "\\n" : "\\t");
    } else if (code < 0x80) {
        text_addf(text, "\\x%02x", code);
    } else {
        text_addf(text, "\\u{%x}", code);
    }
}

char *terminal_text(struct arena *arena, const char *text, enum terminal_charset charset,
                    size_t *ret_width) {
    size_t capacity = strlen(text) * ESCAPE_GROWTH + 1, width = 0;
    char *buffer = arena_alloc(arena, capacity, 1);
    struct text out;
    text_init(&out, buffer, capacity);
    for (const char *position = text; *position != '\0';) {
        const char *start = position;
        uint32_t code = utf8_next(&position);
        size_t length = (size_t)(position - start), length_before = out.length;
        if (is_harmless(start, length, code, charset)) {
            text_add_bytes(&out, start, length);
            width += code < 0x7f ? 1 : (size_t)wcwidth((wchar_t)code);
        } else {
            add_escaped(&out, code);
            width += out.length - length_before;
        }
    }
    *ret_width = width;
    return buffer;
}

size_t terminal_width(int fd) {
    struct winsize size = {0};
    return ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}
