/* Phone numbers: canonical E.164, United Kingdom by default. */
#ifndef COBI_BASE_PHONE_H
#define COBI_BASE_PHONE_H

#include "cobi/base/attribute.h"

#include <stdbool.h>
#include <stddef.h>

#define PHONE_SIZE 17 /* "+" and at most 15 digits, NUL */
enum phone_rule {
    PHONE_MOBILE,                     /* a UK or Crown dependency mobile that can take a text */
    PHONE_MOBILE_OR_TEST,             /* the same, and 07700 900000 to 900999 (Ofcom's numbers for drama) */
    PHONE_ANY,                        /* any plausible number, UK landlines and international included */
};
/* Canonical form of what a person typed ("07723 456789", "+44 (0)7723-456789", "0044..."), per the page on gateways:
 * spaces, no-break spaces, hyphens, dots, slashes, brackets and invisible marks are dropped; letters, extensions, two
 * numbers, 070 and 076 (but 07624), the drama numbers unless the rule says so, and every length that does not fit are
 * refused. Returns 0 or -EINVAL. */
_must_use_ int phone_parse(const char *text, enum phone_rule rule, char ret_e164[PHONE_SIZE]);
/* "020 7946 0000"-like display of a canonical number, as people in the UK write it; buffer of 24 bytes. */
void phone_to_display(const char *e164, char buffer[24]);

#endif
