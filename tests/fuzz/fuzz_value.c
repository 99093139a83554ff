/* fuzz_value: whatever a person types into a field is refused in one harmless line, or becomes a
 * canonical text that is clean, short and stays as it is when it is read again. The first byte
 * picks the field. */
#include "fuzz.h"

#include <errno.h>
#include <string.h>

#include "cobi/base/text.h"
#include "cobi/rules/value.h"

#define SENTINEL "untouched"

static const struct field *pick_field(uint8_t choice) {
    size_t total = 0, at;

    for (int noun = 0; noun < NOUN_COUNT; noun++) {
        total += noun_tables[noun].field_count;
    }
    at = choice % total;
    for (int noun = 0; noun < NOUN_COUNT; noun++) {
        if (at < noun_tables[noun].field_count) {
            return &noun_tables[noun].fields[at];
        }
        at -= noun_tables[noun].field_count;
    }
    return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const struct value_options options = {.test_numbers = size % 2 == 0};
    char value[VALUE_SIZE] = SENTINEL, again[VALUE_SIZE];
    struct complaint complaint = {0};
    const struct field *field;
    char *text;

    if (size == 0) {
        return 0;
    }
    field = pick_field(data[0]);
    text = fuzz_string(data + 1, size - 1);
    if (value_canonical(field, text, size - 1, &options, value, &complaint) != 0) {
        FUZZ_CHECK(strcmp(value, SENTINEL) == 0);
        FUZZ_CHECK(text_check(complaint.text, strlen(complaint.text), COMPLAINT_SIZE) == TEXT_FINE);
    } else {
        FUZZ_CHECK(value[0] == '\0' || text_check(value, strlen(value), VALUE_SIZE) == TEXT_FINE);
        FUZZ_CHECK(value_canonical(field, value, strlen(value), &options, again, NULL) == 0);
        FUZZ_CHECK(strcmp(value, again) == 0);
    }
    free(text);
    return 0;
}
