/* mail_text: how a mail's texts are written down in 7 bits.
 *
 * Plain ASCII headers stay readable and are folded at spaces; anything else becomes RFC 2047 words
 * of at most 75 octets that never split a character. The caller has checked that values are one
 * line of valid UTF-8; nothing here can make a new header line out of a value, because no octet
 * below 0x20 passes. */
#include "cobi/transport/mail_text.h"

#include <stdbool.h>
#include <string.h>

#include "cobi/base/text.h"

#define LINE_MAX_OCTETS 76
#define WORD_OPEN       "=?UTF-8?Q?"
#define WORD_CLOSE      "?="
#define WORD_MAX_OCTETS 75

static bool is_plain(const char *value) {
    for (const char *p = value; *p != '\0'; p++) {
        if (*p < 0x20 || *p > 0x7e) {
            return false;
        }
    }
    return strstr(value, "=?") == NULL;
}

/* The next place where a header may be folded: a space followed by something visible, after the
 * first character. */
static size_t next_piece(const char *text) {
    size_t i = 1;
    while (text[i] != '\0' && !(text[i] == ' ' && text[i + 1] != ' ' && text[i + 1] != '\0')) {
        i++;
    }
    return i;
}

static bool folds(const char *name, const char *value) {
    size_t column = strlen(name) + 2;
    const char *p = value;
    while (*p != '\0') {
        size_t length = next_piece(p);
        if (length + 1 > LINE_MAX_OCTETS || (p == value && column + length > LINE_MAX_OCTETS)) {
            return false;
        }
        p += length;
    }
    return value[0] != ' ';
}

static void write_folded(FILE *out, const char *value, size_t column) {
    const char *p = value;
    while (*p != '\0') {
        size_t length = next_piece(p);
        if (p != value && column + length > LINE_MAX_OCTETS) {
            fputs("\r\n", out);
            column = 0;
        }
        (void)fwrite(p, 1, length, out); /* a memory stream: a failure shows at fclose() */
        column += length;
        p += length;
    }
}

/* Letters and digits stand for themselves; this is the set that RFC 2047 section 5 allows
 * everywhere, less a few. */
static bool is_word_safe(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* One character (its octets from start to end) as it stands in an encoded word; returns the octets
 * written. */
static size_t encode_character(const char *start, const char *end, char buffer[13]) {
    static const char digits[] = "0123456789ABCDEF";
    size_t length = 0;
    for (const char *p = start; p < end; p++) {
        unsigned char octet = (unsigned char)*p;
        if (*p == ' ') {
            buffer[length++] = '_';
        } else if (is_word_safe(*p)) {
            buffer[length++] = *p;
        } else {
            buffer[length++] = '=';
            buffer[length++] = digits[octet >> 4];
            buffer[length++] = digits[octet & 15];
        }
    }
    buffer[length] = '\0';
    return length;
}

/* Returns the column after the last word. */
static size_t write_words(FILE *out, const char *value, size_t column) {
    const size_t frame = strlen(WORD_OPEN) + strlen(WORD_CLOSE);
    size_t word = frame, room = LINE_MAX_OCTETS - column < WORD_MAX_OCTETS
                                    ? LINE_MAX_OCTETS - column
                                    : WORD_MAX_OCTETS;
    const char *p = value;
    fputs(WORD_OPEN, out);
    while (*p != '\0') {
        const char *start = p;
        char encoded[13];
        (void)utf8_next(&p); /* only its length matters */
        size_t length = encode_character(start, p, encoded);
        if (word + length > room) {
            fputs(WORD_CLOSE "\r\n " WORD_OPEN, out);
            column = 1;
            word = frame;
            room = WORD_MAX_OCTETS;
        }
        fputs(encoded, out);
        word += length;
    }
    fputs(WORD_CLOSE, out);
    return column + word;
}

void mail_text_header(FILE *out, const char *name, const char *value) {
    size_t column = strlen(name) + 2;
    fprintf(out, "%s: ", name);
    if (is_plain(value) && folds(name, value)) {
        write_folded(out, value, column);
    } else {
        (void)write_words(out, value, column);
    }
    fputs("\r\n", out);
}

/* A display name: bare when it is atoms, quoted when it is other ASCII, else as encoded words.
 * Returns the column after it. */
static size_t write_display(FILE *out, const char *display, size_t column) {
    static const char atoms[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-/=^_`{|}~ ";
    size_t length = strlen(display);
    if (!is_plain(display) || column + 2 * length + 2 > LINE_MAX_OCTETS) {
        return write_words(out, display, column);
    }
    if (strspn(display, atoms) == length && display[0] != ' ' && display[length - 1] != ' ') {
        fputs(display, out);
        return column + length;
    }
    fputc('"', out);
    for (const char *p = display; *p != '\0'; p++) {
        if (*p == '"' || *p == '\\') {
            fputc('\\', out);
            column++;
        }
        fputc(*p, out);
    }
    fputc('"', out);
    return column + length + 2;
}

void mail_text_mailbox(FILE *out, const char *name, const char *display, const char *address) {
    size_t column = strlen(name) + 2;
    fprintf(out, "%s: ", name);
    if (display[0] == '\0') {
        fprintf(out, "%s\r\n", address);
        return;
    }
    column = write_display(out, display, column);
    bool fits = column + strlen(address) + 3 <= LINE_MAX_OCTETS;
    fprintf(out, "%s <%s>\r\n", fits ? "" : "\r\n", address);
}

static bool at_line_end(const char *p) {
    return *p == '\0' || *p == '\n' || (*p == '\r' && p[1] == '\n');
}

/* White space at the end of a line and everything outside printable ASCII is encoded. */
static bool body_safe(const char *p) {
    if (*p == ' ' || *p == '\t') {
        return !at_line_end(p + 1);
    }
    return *p > 0x20 && *p < 0x7f && *p != '=';
}

void mail_text_body(FILE *out, const char *body) {
    size_t column = 0;
    for (const char *p = body; *p != '\0'; p++) {
        if (at_line_end(p)) {
            fputs("\r\n", out);
            p += *p == '\r';
            column = 0;
            continue;
        }
        bool safe = body_safe(p);
        size_t length = safe ? 1 : 3;
        if (column + length >
            LINE_MAX_OCTETS - 1) { /* the last octet is kept for the soft line break */
            fputs("=\r\n", out);
            column = 0;
        }
        if (safe) {
            fputc(*p, out);
        } else {
            fprintf(out, "=%02X", (unsigned)(unsigned char)*p);
        }
        column += length;
    }
    if (column > 0) {
        fputs("\r\n", out);
    }
}
