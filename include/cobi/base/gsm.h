/* SMS text: GSM 03.38 default alphabet, UCS-2, and how many parts a text takes (3GPP TS 23.038, 23.040). */
#ifndef COBI_BASE_GSM_H
#define COBI_BASE_GSM_H

#include "cobi/base/attribute.h"

#include <stddef.h>
#include <stdint.h>

enum gsm_charset { GSM_SEVEN_BIT, GSM_UCS2 };
struct gsm_size {
    enum gsm_charset charset;
    uint32_t units; /* septets (extension characters count two) or UTF-16 units */
    uint32_t parts; /* 160/153 septets or 70/67 units; an escape or surrogate pair never straddles parts; 1 for "" */
};
/* Measures valid UTF-8. Returns 0, or -EINVAL for text that no SMS may carry (NUL cannot occur; ESC, DEL, invalid UTF-8). */
_must_use_ int gsm_measure(const char *text, struct gsm_size *ret_size);

#endif
