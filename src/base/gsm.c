/* How long a text is as an SMS: GSM 03.38 septets where its alphabet allows, UCS-2 units otherwise,
 * and the parts.
 *
 * Both counts are kept in one walk and the right one is chosen at the end. Fails with -EINVAL for
 * text that no gateway carries faithfully. Must never change a character: what does not fit the
 * alphabet costs UCS-2, and the caller sees it. */
#include "cobi/base/gsm.h"

#include "cobi/base/cleanup.h"
#include "cobi/base/text.h"

#include <errno.h>
#include <string.h>

#define ESCAPE 0x1b
#define DELETE 0x7f

/* Septets of each ASCII character; 0 means that the alphabet lacks it. */
static const uint8_t ascii_septets[128] = {
    ['\n'] = 1, ['\f'] = 2, ['\r'] = 1, [' ' ... 'Z'] = 1, ['['] = 2,         ['\\'] = 2,
    [']'] = 2,  ['^'] = 2,  ['_'] = 1,  ['`'] = 0,         ['a' ... 'z'] = 1, ['{' ... '~'] = 2,
};
/* The other characters of the default alphabet, one septet each (3GPP TS 23.038 section 6.2.1). */
static const uint16_t basic_codes[] = {
    0xa1,  0xa3,  0xa4,  0xa5,
    0xa7,  0xbf, /* inverted !, pound, currency, yen, section, inverted ? */
    0xc4,  0xc5,  0xc6,  0xc7,
    0xc9,  0xd1,  0xd6, /* A umlaut, A ring, AE, C cedilla, E acute, N tilde, O umlaut */
    0xd8,  0xdc,  0xdf,  0xe0,
    0xe4,  0xe5,  0xe6, /* O stroke, U umlaut, sharp s, a grave, a umlaut, a ring, ae */
    0xe8,  0xe9,  0xec,  0xf1,
    0xf2,  0xf6,  0xf8, /* e grave, e acute, i grave, n tilde, o grave, o umlaut, o stroke */
    0xf9,  0xfc,        /* u grave, u umlaut */
    0x393, 0x394, 0x398, 0x39b,
    0x39e, 0x3a0, 0x3a3, /* Gamma, Delta, Theta, Lambda, Xi, Pi, Sigma */
    0x3a6, 0x3a8, 0x3a9, /* Phi, Psi, Omega */
};
#define EURO 0x20ac /* the only extension character outside ASCII: two septets */

static const struct part_limits {
    uint32_t single,
        multiple; /* units in the only part, and in each of several (a header takes the rest) */
} limits[] = {[GSM_SEVEN_BIT] = {160, 153}, [GSM_UCS2] = {70, 67}};

/* Counts one character set: units in all, and the parts if there are several. */
struct counter {
    uint32_t units, parts, in_part;
};

static uint32_t code_septets(uint32_t code) {
    if (code < ARRAY_COUNT(ascii_septets)) {
        return ascii_septets[code];
    }
    if (code == EURO) {
        return 2;
    }
    for (size_t i = 0; i < ARRAY_COUNT(basic_codes); i++) {
        if (basic_codes[i] == code) {
            return 1;
        }
    }
    return 0;
}

/* Adds a character that must not be split: where it does not fit, the part ends before it. */
static void count(struct counter *c, uint32_t units, uint32_t part_max) {
    c->units += units;
    if (c->parts == 0 || c->in_part + units > part_max) {
        c->parts++;
        c->in_part = 0;
    }
    c->in_part += units;
}

int gsm_measure(const char *text, struct gsm_size *ret_size) {
    size_t length = strlen(text);
    if (length > UINT32_MAX / 2 || !utf8_valid(text, length)) {
        return -EINVAL;
    }
    struct counter counters[2] = {{0}, {0}};
    enum gsm_charset charset = GSM_SEVEN_BIT;
    while (*text != '\0') {
        const bool plain = (*text & 0x80) == 0; /* nearly all of what we measure */
        uint32_t code = plain ? (uint32_t)*text++ : utf8_next(&text);
        if (code == ESCAPE || code == DELETE) {
            return -EINVAL;
        }
        uint32_t septets = code_septets(code);
        if (septets == 0) {
            charset = GSM_UCS2;
        }
        count(&counters[GSM_SEVEN_BIT], septets, limits[GSM_SEVEN_BIT].multiple);
        count(&counters[GSM_UCS2], code > 0xffff ? 2 : 1, limits[GSM_UCS2].multiple);
    }
    const struct counter *chosen = &counters[charset];
    *ret_size = (struct gsm_size){
        .charset = charset,
        .units = chosen->units,
        .parts = chosen->units <= limits[charset].single ? 1 : chosen->parts,
    };
    return 0;
}
