/* Checks a value typed by a person against its field and gives the canonical text. Pure. */
#ifndef COBI_RULES_VALUE_H
#define COBI_RULES_VALUE_H

#include "cobi/base/complaint.h"
#include "cobi/base/noun.h"

#define VALUE_SIZE 2048
/* Longer than any value may be before it is even looked at. */
#define VALUE_LENGTH_MAX 2000
struct value_options {
    bool test_numbers; /* accept Ofcom's numbers for drama */
};
/* Canonical form of `text` (length bytes; may hold NULs, which are refused) for the field. "" is accepted only for a field that is
 * not required and then stays "". References (FIELD_ID, FIELD_PROGRAMME, FIELD_ANY_ID) and zones are checked for form only. Returns 0, or -EINVAL with one clear line in
 * complaint ("--mobile: not a UK mobile number; write it like 07700 900123"), which never repeats the value of a sealed field. */
_must_use_ int value_canonical(const struct field *field, const char *text, size_t length,
                               const struct value_options *options, char ret_value[VALUE_SIZE], struct complaint *complaint);

#endif
