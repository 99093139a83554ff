/* Text from outside (checks) and text being built (bounded appends), with the encodings that links
 * need.
 *
 * Building: struct text over a caller's buffer, one check of `overflow` at the end. Checking:
 * text_check() names the fault. Nothing here allocates. It must never write past a buffer, and
 * never let through a character that a reader cannot see: those make two texts look the same, or
 * turn a line around. */
#include "cobi/base/text.h"

#include "cobi/base/cleanup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Refused in one-line texts: controls, separators, and what is invisible or changes the direction.
 * Ascending. */
static const struct code_range {
    uint32_t first, last;
} refused_codes[] = {
    {0x0000, 0x001f},   /* C0 */
    {0x007f, 0x009f},   /* DEL, C1 */
    {0x00ad, 0x00ad},   /* soft hyphen */
    {0x034f, 0x034f},   /* combining grapheme joiner */
    {0x061c, 0x061c},   /* Arabic letter mark */
    {0x180e, 0x180e},   /* Mongolian vowel separator */
    {0x200b, 0x200f},   /* zero width, left-to-right and right-to-left marks */
    {0x2028, 0x202e},   /* line and paragraph separators, embeddings, overrides */
    {0x2060, 0x206f},   /* word joiner, invisible operators, isolates, deprecated formats */
    {0xfeff, 0xfeff},   /* byte order mark, zero width no-break space */
    {0xfff9, 0xfffb},   /* interlinear annotation */
    {0xe0000, 0xe007f}, /* tags */
};
/* By length of the sequence: what a leading byte looks like, and the smallest code point that needs
 * it (RFC 3629). */
static const struct utf8_form {
    uint8_t mask, lead;
    uint32_t code_min;
} utf8_forms[] = {{0x80, 0x00, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};

static const char *const fault_texts[] = {
    [TEXT_FINE] = "is fine",
    [TEXT_EMPTY] = "must not be empty",
    [TEXT_TOO_LONG] = "is too long",
    [TEXT_NOT_UTF8] = "is not valid UTF-8",
    [TEXT_CONTROL] = "must be one line without control or invisible characters",
};
static const char base64url_letters[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void text_init(struct text *t, char *buffer, size_t capacity) {
    *t = (struct text){.data = buffer, .capacity = capacity, .overflow = capacity == 0};
    if (capacity > 0) {
        buffer[0] = '\0';
    }
}

void text_add(struct text *t, const char *string) {
    text_add_bytes(t, string, strlen(string));
}

void text_add_bytes(struct text *t, const char *bytes, size_t length) {
    if (t->overflow || length >= t->capacity - t->length) {
        t->overflow = true;
        return;
    }
    memcpy(t->data + t->length, bytes, length);
    t->length += length;
    t->data[t->length] = '\0';
}

void text_addf(struct text *t, const char *format, ...) {
    if (t->overflow) {
        return;
    }
    size_t room = t->capacity - t->length;
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(t->data + t->length, room, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= room) {
        t->data[t->length] = '\0'; /* a piece goes in whole or not at all */
        t->overflow = true;
        return;
    }
    t->length += (size_t)length;
}

int text_copy(char *buffer, size_t capacity, const char *string) {
    struct text t;
    text_init(&t, buffer, capacity);
    text_add(&t, string);
    return t.overflow ? -E2BIG : 0;
}

/* The length of the sequence that begins at bytes, or 0 if it is not UTF-8. */
static size_t utf8_decode(const char *bytes, size_t length, uint32_t *ret_code) {
    const uint8_t *b = (const uint8_t *)bytes;
    for (size_t size = 1; size <= ARRAY_COUNT(utf8_forms) && size <= length; size++) {
        const struct utf8_form *form = &utf8_forms[size - 1];
        if ((b[0] & form->mask) != form->lead) {
            continue;
        }
        uint32_t code = b[0] & (uint8_t)~form->mask;
        for (size_t i = 1; i < size; i++) {
            if ((b[i] & 0xc0) != 0x80) {
                return 0;
            }
            code = code << 6 | (b[i] & 0x3f);
        }
        if (code < form->code_min || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) {
            return 0;
        }
        *ret_code = code;
        return size;
    }
    return 0;
}

bool utf8_valid(const char *bytes, size_t length) {
    uint32_t code;
    for (size_t at = 0; at < length;) {
        if ((bytes[at] & 0x80) == 0) {
            at++; /* nearly all of what we read */
            continue;
        }
        size_t size = utf8_decode(bytes + at, length - at, &code);
        if (size == 0) {
            return false;
        }
        at += size;
    }
    return true;
}

uint32_t utf8_next(const char **position) {
    uint32_t code = 0;
    size_t size = utf8_decode(*position, strnlen(*position, ARRAY_COUNT(utf8_forms)), &code);
    if (size == 0) { /* a NUL, or a caller's mistake: one byte on, so that no loop can hang */
        code = **position == '\0' ? 0 : 0xfffd;
        size = 1;
    }
    *position += size;
    return code;
}

static bool is_refused(uint32_t code) {
    for (size_t i = 0; i < ARRAY_COUNT(refused_codes) && code >= refused_codes[i].first; i++) {
        if (code <= refused_codes[i].last) {
            return true;
        }
    }
    return false;
}

enum text_fault text_check(const char *string, size_t length, size_t length_max) {
    if (length == 0) {
        return TEXT_EMPTY;
    }
    if (length > length_max) {
        return TEXT_TOO_LONG;
    }
    if (!utf8_valid(string, length)) {
        return TEXT_NOT_UTF8;
    }
    for (size_t at = 0; at < length;) {
        uint32_t code = 0;
        if (string[at] >= ' ' && string[at] <= '~') {
            at++; /* nearly all of what we check */
            continue;
        }
        at += utf8_decode(string + at, length - at, &code);
        if (is_refused(code)) {
            return TEXT_CONTROL;
        }
    }
    return TEXT_FINE;
}

const char *text_fault_to_text(enum text_fault fault) {
    return (size_t)fault < ARRAY_COUNT(fault_texts) ? fault_texts[fault] : "is not usable";
}

static bool is_white(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

char *text_trim(char *string) {
    while (is_white(*string)) {
        string++;
    }
    size_t length = strlen(string);
    while (length > 0 && is_white(string[length - 1])) {
        length--;
    }
    string[length] = '\0';
    return string;
}

void text_lower(char *string) {
    for (; *string != '\0'; string++) {
        *string = lower(*string);
    }
}

bool text_equal_case(const char *a, const char *b) {
    while (*a != '\0' && lower(*a) == lower(*b)) {
        a++;
        b++;
    }
    return lower(*a) == lower(*b);
}

static bool is_letter_or_digit(char c) {
    return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z');
}

bool id_valid(const char *string) {
    size_t length = strnlen(string, ID_SIZE);
    if (length == 0 || length == ID_SIZE || !is_letter_or_digit(string[0])) {
        return false;
    }
    for (size_t i = 1; i < length; i++) {
        char c = string[i];
        if (!is_letter_or_digit(c) && c != '.' && c != '_' && c != '-') {
            return false;
        }
    }
    return true;
}

void hex_encode(const void *bytes, size_t length, char *buffer) {
    static const char digits[] = "0123456789abcdef";
    const uint8_t *b = bytes;
    for (size_t i = 0; i < length; i++) {
        buffer[2 * i] = digits[b[i] >> 4];
        buffer[2 * i + 1] = digits[b[i] & 0x0f];
    }
    buffer[2 * length] = '\0';
}

void base64url_encode(const void *bytes, size_t length, char *buffer) {
    const uint8_t *b = bytes;
    uint32_t bits = 0, bit_count = 0;
    for (size_t i = 0; i < length; i++) {
        bits = bits << 8 | b[i];
        for (bit_count += 8; bit_count >= 6; bit_count -= 6) {
            *buffer++ = base64url_letters[bits >> (bit_count - 6) & 0x3f];
        }
    }
    if (bit_count > 0) {
        *buffer++ = base64url_letters[bits << (6 - bit_count) & 0x3f];
    }
    *buffer = '\0';
}

int base64url_decode(const char *string, void *buffer, size_t capacity) {
    size_t length = strlen(string);
    if (length % 4 == 1) {
        return -EINVAL;
    }
    uint8_t *out = buffer;
    size_t size = 0;
    uint32_t bits = 0, bit_count = 0;
    bool full = false;
    for (size_t i = 0; i < length; i++) {
        const char *letter = memchr(base64url_letters, string[i], sizeof base64url_letters - 1);
        if (letter == NULL) {
            return -EINVAL;
        }
        bits = bits << 6 | (uint32_t)(letter - base64url_letters);
        bit_count += 6;
        if (bit_count < 8) {
            continue;
        }
        bit_count -= 8;
        full = full || size == capacity || size == INT32_MAX;
        if (!full) {
            out[size++] = (uint8_t)(bits >> bit_count);
        }
    }
    if ((bits & ((1U << bit_count) - 1)) != 0) {
        return -EINVAL; /* left-over bits: a second spelling of the same bytes */
    }
    return full ? -E2BIG : (int)size;
}
