/* Phone numbers: from what a person typed to canonical E.164, and back to what people in the UK
 * write.
 *
 * phone_parse() first reduces the text to "+" and digits, then finds the number's country and
 * checks its shape. Fails with -EINVAL. It must never repair a number by guessing: one digit too
 * many or too few could reach a stranger, so whatever is not plainly one number is refused. */
#include "cobi/base/phone.h"

#include "cobi/base/cleanup.h"
#include "cobi/base/text.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define TEXT_BYTES_MAX  200
#define E164_DIGITS_MIN 8
#define E164_DIGITS_MAX 15
#define DIGITS_MAX      20 /* with "00" and a "(0)" */

struct code_range {
    uint32_t first, last;
};
/* Dropped: spaces, hyphens, dots, slashes, brackets, and marks that copying from a page or a
 * contact brings along. */
static const struct code_range dropped_codes[] = {
    {' ', ' '},       {'(', ')'},       {'-', '/'},       {'[', '['},       {']', ']'},
    {0x00a0, 0x00a0}, {0x00ad, 0x00ad}, {0x061c, 0x061c}, {0x200b, 0x200f}, {0x2010, 0x2015},
    {0x202a, 0x202f}, {0x2060, 0x2060}, {0x2066, 0x2069}, {0x2212, 0x2212}, {0xfeff, 0xfeff},
};
/* Where runs of ten decimal digits begin: ASCII, Arabic-Indic, extended Arabic-Indic, full-width.
 */
static const uint32_t zero_codes[] = {'0', 0x0660, 0x06f0, 0xff10};
#define FULL_WIDTH_PLUS 0xff0b

/* Country codes in use (ITU E.164), other than 44, by first and last code. No code is the beginning
 * of another. */
static const struct country_range {
    uint16_t first, last;
} country_codes[] = {
    {1, 1},     {7, 7},     {20, 20},   {27, 27},   {30, 34},   {36, 36},   {39, 41},   {43, 43},
    {45, 49},   {51, 58},   {60, 66},   {81, 82},   {84, 84},   {86, 86},   {90, 95},   {98, 98},
    {211, 213}, {216, 216}, {218, 218}, {220, 258}, {260, 269}, {290, 291}, {297, 299}, {350, 359},
    {370, 378}, {380, 383}, {385, 387}, {389, 389}, {420, 421}, {423, 423}, {500, 509}, {590, 599},
    {670, 670}, {672, 683}, {685, 692}, {800, 800}, {808, 808}, {850, 850}, {852, 853}, {855, 856},
    {870, 870}, {878, 878}, {880, 883}, {886, 886}, {888, 888}, {960, 968}, {970, 977}, {979, 979},
    {992, 996}, {998, 998},
};
/* UK numbers without the 0: the first row that begins the number decides. `digits` is what that
 * number must count. */
enum uk_kind { UK_REFUSED, UK_OTHER, UK_MOBILE, UK_TEST };
static const struct uk_row {
    const char *prefix;
    enum uk_kind kind;
    uint8_t digits, digits_or; /* the second is 0 or another length in use */
} uk_rows[] = {
    {"7700900", UK_TEST, 10, 0}, /* Ofcom's mobile numbers for drama */
    {"7624", UK_MOBILE, 10, 0},  /* Isle of Man */
    {"70", UK_REFUSED, 0, 0},    /* personal numbers: dear, and nobody's phone */
    {"76", UK_REFUSED, 0, 0},    /* pagers */
    {"7", UK_MOBILE, 10, 0},     {"11", UK_OTHER, 10, 0}, {"1", UK_OTHER, 10, 9},
    {"2", UK_OTHER, 10, 0},      {"3", UK_OTHER, 10, 0},  {"55", UK_OTHER, 10, 0},
    {"56", UK_OTHER, 10, 0},     {"500", UK_OTHER, 9, 0}, {"8001111", UK_OTHER, 7, 0},
    {"800", UK_OTHER, 10, 9},    {"8", UK_OTHER, 10, 0},  {"9", UK_OTHER, 10, 0},
};
/* How UK numbers are grouped in writing, by beginning (without the 0) and length; e.g. 020 7946
 * 0000. */
static const struct uk_groups {
    const char *prefix;
    uint8_t digits;
    uint8_t first, second; /* digits of the first two groups; the rest follows */
} uk_groups[] = {
    {"7", 10, 4, 6},   {"2", 10, 2, 4},   {"11", 10, 3, 3},  {"121", 10, 3, 3}, {"131", 10, 3, 3},
    {"141", 10, 3, 3}, {"151", 10, 3, 3}, {"161", 10, 3, 3}, {"171", 10, 3, 3}, {"181", 10, 3, 3},
    {"191", 10, 3, 3}, {"1", 10, 4, 6},   {"1", 9, 4, 5},    {"800", 9, 3, 6},  {"500", 9, 3, 6},
    {"8", 7, 3, 4},    {"", 10, 3, 3},
};

static bool begins(const char *text, const char *prefix) {
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool is_dropped(uint32_t code) {
    for (size_t i = 0; i < ARRAY_COUNT(dropped_codes); i++) {
        if (code >= dropped_codes[i].first && code <= dropped_codes[i].last) {
            return true;
        }
    }
    return false;
}

/* '0' to '9', '+', or 0 for anything else. */
static char digit_or_plus(uint32_t code) {
    if (code == '+' || code == FULL_WIDTH_PLUS) {
        return '+';
    }
    for (size_t i = 0; i < ARRAY_COUNT(zero_codes); i++) {
        if (code >= zero_codes[i] && code <= zero_codes[i] + 9) {
            return (char)('0' + (code - zero_codes[i]));
        }
    }
    return '\0';
}

/* Leaves "+" (only in front) and digits. */
static int reduce(const char *text, char ret_digits[DIGITS_MAX + 1]) {
    size_t length = strnlen(text, TEXT_BYTES_MAX + 1);
    if (length > TEXT_BYTES_MAX || !utf8_valid(text, length)) {
        return -EINVAL;
    }
    size_t count = 0;
    while (*text != '\0') {
        uint32_t code = utf8_next(&text);
        if (is_dropped(code)) {
            continue;
        }
        char c = digit_or_plus(code);
        if (c == '\0' || (c == '+' && count > 0) || count == DIGITS_MAX) {
            return -EINVAL;
        }
        ret_digits[count++] = c;
    }
    ret_digits[count] = '\0';
    return 0;
}

static enum uk_kind uk_kind_of(const char *number) {
    size_t length = strlen(number);
    for (size_t i = 0; i < ARRAY_COUNT(uk_rows); i++) {
        const struct uk_row *row = &uk_rows[i];
        if (begins(number, row->prefix)) {
            return length == row->digits || length == row->digits_or ? row->kind : UK_REFUSED;
        }
    }
    return UK_REFUSED;
}

static bool uk_allowed(enum uk_kind kind, enum phone_rule rule) {
    switch (kind) {
    case UK_REFUSED:
        return false;
    case UK_OTHER:
        return rule == PHONE_ANY;
    case UK_MOBILE:
        return true;
    case UK_TEST:
        return rule == PHONE_MOBILE_OR_TEST;
    }
    return false;
}

/* The number without country code and 0, if the digits say United Kingdom; else NULL. A number
 * without any prefix is believed only where it is a mobile's ("7723456789"): everything else needs
 * its 0. */
static const char *find_uk_number(const char *digits, bool international) {
    if (begins(digits, "44")) {
        return digits[2] == '0' ? digits + 3 : digits + 2;
    }
    if (international) {
        return NULL;
    }
    if (digits[0] == '0') {
        return digits + 1;
    }
    return digits[0] == '7' ? digits : NULL;
}

static bool country_known(const char *digits) {
    uint16_t code = 0;
    for (size_t i = 0; i < 3 && digits[i] != '\0'; i++) {
        code = (uint16_t)(code * 10 + (digits[i] - '0'));
        for (size_t row = 0; row < ARRAY_COUNT(country_codes); row++) {
            if (code >= country_codes[row].first && code <= country_codes[row].last) {
                return true;
            }
        }
    }
    return false;
}

static bool foreign_valid(const char *digits) {
    size_t length = strlen(digits);
    if (length < E164_DIGITS_MIN || length > E164_DIGITS_MAX || !country_known(digits)) {
        return false;
    }
    /* Two plans have one length only. North America begins with an area code of 2 to 9. */
    if (digits[0] == '1') {
        return length == 11 && digits[1] >= '2';
    }
    return digits[0] != '7' || length == 11;
}

static void write_e164(const char *prefix, const char *digits, char ret_e164[PHONE_SIZE]) {
    struct text t;
    text_init(&t, ret_e164, PHONE_SIZE);
    text_add(&t, prefix);
    text_add(&t, digits);
    assert(!t.overflow); /* the tables allow 15 digits at most */
}

int phone_parse(const char *text, enum phone_rule rule, char ret_e164[PHONE_SIZE]) {
    char reduced[DIGITS_MAX + 1] = "";
    if (reduce(text, reduced) < 0) {
        return -EINVAL;
    }
    const char *digits = reduced;
    bool international = begins(digits, "+") || begins(digits, "00");
    if (international) {
        digits += digits[0] == '+' ? 1 : 2;
    }
    const char *uk_number = find_uk_number(digits, international);
    if (uk_number != NULL) {
        if (!uk_allowed(uk_kind_of(uk_number), rule)) {
            return -EINVAL;
        }
        write_e164("+44", uk_number, ret_e164);
        return 0;
    }
    if (!international || rule != PHONE_ANY || !foreign_valid(digits)) {
        return -EINVAL;
    }
    write_e164("+", digits, ret_e164);
    return 0;
}

void phone_to_display(const char *e164, char buffer[24]) {
    const char *number = begins(e164, "+44") ? e164 + 3 : "";
    size_t length = strlen(number);
    for (size_t i = 0; i < ARRAY_COUNT(uk_groups); i++) {
        const struct uk_groups *groups = &uk_groups[i];
        if (length != groups->digits || !begins(number, groups->prefix)) {
            continue;
        }
        const char *second = number + groups->first, *third = second + groups->second;
        (void)snprintf(buffer, 24, "0%.*s %.*s%s%s", groups->first, number, groups->second, second,
                       *third == '\0' ? "" : " ", third);
        return;
    }
    (void)snprintf(buffer, 24, "%s", e164);
}
