/* Opting out of texts: a text is cut into words, courtesies are dropped, and what is left must be
 * one of a list of phrases as a whole.
 *
 * A wish that is missed reaches a person all the same, so the list holds only what can mean nothing
 * else. Must never take a text for a STOP that may be about the appointment or the programme. */
#include "cobi/rules/optout.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { PHRASE_SIZE = 96, WORD_SIZE = 24 };

static const char *const courtesies[] = {
    "please", "pls",     "plz", "kindly", "thanks", "thank", "thankyou", "thx",  "you",  "ty",
    "cheers", "ta",      "hi",  "hello",  "hiya",   "dear",  "sorry",    "now",  "plis", "diolch",
    "os",     "gwelwch", "yn",  "dda",    "fawr",   "helo",  "shwmae",   "nawr",
};

static const char *const phrases[] = {
    "stop",
    "stop stop",
    "stop all",
    "stopall",
    "stop texts",
    "stop texting",
    "stop texting me",
    "stop messages",
    "stop messaging me",
    "stop sending texts",
    "stop sending messages",
    "stop sending me texts",
    "stop sending me messages",
    "stop the texts",
    "stop these texts",
    "stop these messages",
    "no more texts",
    "no more messages",
    "unsubscribe",
    "unsubscribe me",
    "opt out",
    "optout",
    "end",
    "quit",
    /* Welsh */
    "stopio",
    "stopiwch",
    "atal",
    "dim mwy o negeseuon",
    "dim mwy o decsts",
    "stopiwch decstio",
    "stopiwch y negeseuon",
    "stopiwch anfon negeseuon",
    "peidiwch â thecstio",
};

/* Marks that part words though they are no ASCII: spaces, dashes, quotes, dots, invisible marks. */
static size_t mark_length(const char *p) {
    static const char *const marks[] = {
        "\xc2\xa0", "\xc2\xa1", "\xc2\xab", "\xc2\xbb", "\xc2\xbf", "\xef\xbb\xbf",
    };
    const unsigned char *u = (const unsigned char *)p;

    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        const size_t length = strlen(marks[i]);
        if (strncmp(p, marks[i], length) == 0) {
            return length;
        }
    }
    /* U+2000 to U+206F, U+3000 to U+303F, and all from U+10000: pictures are no words. */
    if (u[0] == 0xe2 && (u[1] == 0x80 || (u[1] == 0x81 && u[2] < 0xb0))) {
        return 3;
    }
    if ((u[0] == 0xe3 && u[1] == 0x80) || (u[0] == 0xef && u[1] == 0xb8)) {
        return 3;
    }
    return u[0] >= 0xf0 ? 4 : 0;
}

/* The right single quote within a word is its apostrophe. */
static size_t apostrophe_length(const char *p) {
    return *p == '\'' ? 1 : strncmp(p, "\xe2\x80\x99", 3) == 0 ? 3 : 0;
}

static bool is_letter(const char *p) {
    const unsigned char c = (unsigned char)*p;

    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c >= 0x80 && mark_length(p) == 0);
}

/* A mark may be cut short by the end of a text that is no UTF-8 after all. */
static size_t step(const char *p, size_t length) {
    size_t i = 0;

    while (i < length && p[i] != '\0') {
        i++;
    }
    return i;
}

/* The next word in lower case, "" at the end. Returns what follows it; a word that is too long is
 * cut, and so is none of the list. */
static const char *word_next(const char *p, char ret_word[WORD_SIZE]) {
    size_t length = 0;

    while (*p != '\0' && !is_letter(p)) {
        const size_t mark = mark_length(p);
        p += mark > 0 ? step(p, mark) : 1;
    }
    while (*p != '\0' && (is_letter(p) || apostrophe_length(p) > 0)) {
        const size_t apostrophe = apostrophe_length(p);
        if (apostrophe > 0) {
            p += apostrophe;
            continue;
        }
        const char c = *p >= 'A' && *p <= 'Z' ? (char)(*p | 0x20) : *p;
        if (length + 1 < WORD_SIZE) {
            ret_word[length++] = c;
        }
        p++;
    }
    ret_word[length] = '\0';
    return p;
}

static bool is_listed(const char *const *list, size_t count, const char *text) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(list[i], text) == 0) {
            return true;
        }
    }
    return false;
}

/* Circumflexes are seldom typed, and composed in two ways: "â" may come as "a". */
static bool is_phrase(const char *text) {
    return is_listed(phrases, sizeof phrases / sizeof *phrases, text) ||
           strcmp(text, "peidiwch a thecstio") == 0;
}

bool optout_asked(const char *text) {
    char phrase[PHRASE_SIZE] = "", word[WORD_SIZE] = "";
    size_t length = 0;

    for (const char *p = word_next(text, word); *word != '\0'; p = word_next(p, word)) {
        const size_t added = strlen(word) + (length > 0 ? 1 : 0);
        if (is_listed(courtesies, sizeof courtesies / sizeof *courtesies, word)) {
            continue;
        }
        if (length + added >= sizeof phrase) {
            return false;
        }
        if (length > 0) {
            phrase[length++] = ' ';
        }
        memcpy(phrase + length, word, strlen(word) + 1);
        length += strlen(word);
    }
    return is_phrase(phrase);
}
