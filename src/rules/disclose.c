/* Who may be told what: the facts, the allow-list of each audience and channel, and the words no
 * participant may see.
 *
 * Asked before a value is put into any message. What is not listed is forbidden: a new fact class
 * is told to nobody until somebody writes it here. The participant's row must never gain a class;
 * the advocate's never a date, a place or a time. */
#include "cobi/rules/disclose.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "cobi/base/cleanup.h"

const struct fact_row fact_rows[FACT_COUNT] = {
#define FACT(name, class, sample, meaning) {#name, class, sample, meaning},
#include "cobi/rules/facts.def"
#undef FACT
};

#define ALLOW(class) (1U << CLASS_##class)
static const unsigned allowed[AUDIENCE_COUNT][CHANNEL_COUNT] = {
    [AUDIENCE_PARTICIPANT] =
        {
            [CHANNEL_SMS] = ALLOW(SCHEDULE) | ALLOW(CONTACT) | ALLOW(PERSONAL),
            [CHANNEL_EMAIL] = ALLOW(SCHEDULE) | ALLOW(CONTACT) | ALLOW(PERSONAL),
        },
    [AUDIENCE_PRACTITIONER] =
        {
            [CHANNEL_SMS] = ALLOW(REFERENCE) | ALLOW(CONTACT),
            [CHANNEL_EMAIL] = ALLOW(SCHEDULE) | ALLOW(REFERENCE) | ALLOW(STAFF) | ALLOW(CONTACT) |
                              ALLOW(LINK) | ALLOW(PAST_DATE) | ALLOW(CASELOAD),
        },
    [AUDIENCE_SUPERVISOR] =
        {
            [CHANNEL_SMS] = ALLOW(REFERENCE) | ALLOW(CONTACT),
            [CHANNEL_EMAIL] = ALLOW(REFERENCE) | ALLOW(PAST_DATE) | ALLOW(STATUS) | ALLOW(STAFF) |
                              ALLOW(LINK) | ALLOW(CONTACT),
        },
    [AUDIENCE_ADVOCATE] =
        {
            [CHANNEL_EMAIL] = ALLOW(STATUS) | ALLOW(CASE_REF) | ALLOW(LINK) | ALLOW(CONTACT),
        },
    [AUDIENCE_OFFICER] =
        {
            [CHANNEL_EMAIL] = ALLOW(STATUS) | ALLOW(OFFICER_REF) | ALLOW(PAST_DATE) |
                              ALLOW(CONTACT),
        },
    [AUDIENCE_OPERATOR] =
        {
            [CHANNEL_EMAIL] = ALLOW(SYSTEM) | ALLOW(REFERENCE) | ALLOW(CONTACT),
        },
};

/* A stem matches every word that begins with it. */
enum word_match { WORD_WHOLE, WORD_STEM };
static const struct word {
    const char *text;
    enum word_match match;
} words[] = {
    {"cobi", WORD_STEM},
    {"stalk", WORD_STEM},
    {"dbt", WORD_WHOLE},
    {"therap", WORD_STEM},
    {"probation", WORD_WHOLE},
    {"court", WORD_WHOLE},
    {"courts", WORD_WHOLE},
    {"victim", WORD_WHOLE},
    {"victims", WORD_WHOLE},
    {"spo", WORD_WHOLE},
    /* The same in Welsh, with the beginnings these words take in a sentence. */
    {"stelc", WORD_STEM},
    {"prawf", WORD_WHOLE},
    {"brawf", WORD_WHOLE},
    {"phrawf", WORD_WHOLE},
    {"mhrawf", WORD_WHOLE},
    {"llys", WORD_WHOLE},
    {"lys", WORD_WHOLE},
    {"llysoedd", WORD_WHOLE},
    {"lysoedd", WORD_WHOLE},
    {"dioddefw", WORD_STEM},
    {"ddioddefw", WORD_STEM},
    {"nioddefw", WORD_STEM},
};
#define WORD_LETTERS_MAX 16 /* longer than every word of the list */

/* Characters that a case-blind comparison of Unicode takes for a letter of ours. */
static const struct fold {
    const char *bytes;
    char letter;
} folds[] = {
    {"\xc5\xbf", 's'},     /* long s */
    {"\xc4\xb0", 'i'},     /* capital I with dot */
    {"\xc4\xb1", 'i'},     /* dotless i */
    {"\xe2\x84\xaa", 'k'}, /* Kelvin sign */
};

int fact_from_text(const char *name, enum fact *ret_fact) {
    for (unsigned i = 0; name != NULL && i < FACT_COUNT; i++) {
        if (fact_rows[i].name[0] == name[0] && strcmp(fact_rows[i].name, name) == 0) {
            *ret_fact = (enum fact)i;
            return 0;
        }
    }
    return -ENOENT;
}

bool disclose_allowed(enum audience audience, enum channel channel, enum fact_class class) {
    assert((unsigned)audience < AUDIENCE_COUNT);
    assert((unsigned)channel < CHANNEL_COUNT);
    assert((unsigned)class < FACT_CLASS_COUNT);
    return (allowed[audience][channel] & (1U << class)) != 0;
}

/* The bytes that the letter at text takes, 0 when there is no letter; *ret_letter is its lower
 * case. Of the folds the first fold_count are letters. */
static size_t letter_at(const char *text, size_t fold_count, char *ret_letter) {
    const unsigned char c = (unsigned char)text[0];

    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
        *ret_letter = (char)(c | 0x20);
        return 1;
    }
    if (c < 0x80) {
        return 0; /* every fold begins with a byte above ASCII */
    }
    for (size_t i = 0; i < fold_count; i++) {
        const size_t length = strlen(folds[i].bytes);
        if (strncmp(text, folds[i].bytes, length) == 0) {
            *ret_letter = folds[i].letter;
            return length;
        }
    }
    return 0;
}

static bool word_listed(const char *letters, size_t length) {
    for (size_t i = 0; i < ARRAY_COUNT(words); i++) {
        if (letters[0] != words[i].text[0]) {
            continue;
        }
        const size_t size = strlen(words[i].text);
        if (length >= size && strncmp(letters, words[i].text, size) == 0 &&
            (length == size || words[i].match == WORD_STEM)) {
            return true;
        }
    }
    return false;
}

/* Words are runs of letters: digits, "_", accented letters and all else part them, so that nothing
 * hides a word. */
static const char *find_run(const char *text, size_t fold_count, size_t *ret_length) {
    char letters[WORD_LETTERS_MAX];
    const char *p = text;

    while (*p != '\0') {
        const char *const begin = p;
        size_t count = 0, bytes = 0;
        char letter = 0;
        while ((bytes = letter_at(p, fold_count, &letter)) > 0) {
            if (count < sizeof letters) {
                letters[count++] = letter;
            }
            p += bytes;
        }
        if (count > 0 && word_listed(letters, count)) {
            *ret_length = (size_t)(p - begin);
            return begin;
        }
        p += p == begin ? 1 : 0;
    }
    return NULL;
}

static bool holds_fold(const char *text) {
    for (size_t i = 0; i < ARRAY_COUNT(folds); i++) {
        if (strstr(text, folds[i].bytes) != NULL) {
            return true;
        }
    }
    return false;
}

/* A folded character is a letter to one reader and parts words for another: both readings are
 * looked at. Without one they are the same. */
int disclose_find_word(const char *text, size_t *ret_length) {
    size_t length = 0;
    const char *found = find_run(text, 0, &length);

    if (found == NULL && holds_fold(text)) {
        found = find_run(text, ARRAY_COUNT(folds), &length);
    }
    if (found == NULL) {
        return -1;
    }
    if (ret_length != NULL) {
        *ret_length = length;
    }
    return (int)(found - text);
}
