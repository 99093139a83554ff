/* Checks of what a person typed, before it is sent: the daemon checks again and knows more. */
#ifndef COBI_CTL_VALUE_H
#define COBI_CTL_VALUE_H

#include <stdbool.h>

#include "cobi/base/attribute.h"
#include "cobi/base/complaint.h"
#include "cobi/base/noun.h"

#define VALUE_BYTES_MAX 2000
enum value_empty { VALUE_EMPTY_REFUSED, VALUE_EMPTY_ALLOWED };
/* Checks one value; label is how the person knows it ("--name", "ID"). Returns 0, or -EINVAL with a
 * complaint that begins with the label. */
_must_use_ int value_check(const struct field *field, const char *label, const char *value,
                           enum value_empty empty, struct complaint *complaint);

#endif
