/* Checks of option values and arguments that need no daemon: text, words to choose from, dates,
 * times, ids.
 *
 * Used by the parser. A refusal is -EINVAL with one line for the person; the value itself is shown
 * only as a harmless excerpt, and never when the fault is its bytes. What only the daemon can know
 * (does this id exist?) is not asked. */
#include "cobi/ctl/value.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "cobi/base/cleanup.h"
#include "cobi/base/text.h"
#include "cobi/base/time.h"
#include "cobi/ctl/suggest.h"

static bool is_choice(const struct field *field, const char *value);
static bool is_date(const struct field *field, const char *value);
static bool is_civil(const struct field *field, const char *value);
static bool is_span(const struct field *field, const char *value);
static bool is_number(const struct field *field, const char *value);
static bool is_id(const struct field *field, const char *value);

/* Types without a row are the daemon's to judge. "%s" is the field's choices. */
static const struct type_check {
    enum field_type type;
    bool (*is_valid)(const struct field *field, const char *value);
    const char *advice;
} type_checks[] = {
    {FIELD_CHOICE, is_choice, "choose one of"},
    {FIELD_DATE, is_date, "give a day such as 2027-01-12"},
    {FIELD_CIVIL, is_civil, "give a local time such as \"2027-01-12 14:00\""},
    {FIELD_SPAN, is_span, "give a length of time such as 90m, 36h or 7d"},
    {FIELD_NUMBER, is_number, "give a number from 0 to"},
    {FIELD_ID, is_id, "give an id: at most 32 letters, digits, dots, dashes, underscores"},
    {FIELD_ANY_ID, is_id, "give an id: at most 32 letters, digits, dots, dashes, underscores"},
};

static int check_text(const char *label, const char *value, enum value_empty empty,
                      struct complaint *complaint) {
    size_t length = strnlen(value, VALUE_BYTES_MAX + 1);
    switch (text_check(value, length, VALUE_BYTES_MAX)) {
    case TEXT_FINE:
        return 0;
    case TEXT_EMPTY:
        return empty == VALUE_EMPTY_ALLOWED
                   ? 0
                   : complain(complaint, -EINVAL, "%s is empty: give a value", label);
    case TEXT_TOO_LONG:
        return complain(complaint, -EINVAL, "%s is longer than %d bytes: shorten it", label,
                        VALUE_BYTES_MAX);
    case TEXT_NOT_UTF8:
        return complain(complaint, -EINVAL, "%s is not valid UTF-8: type it again", label);
    case TEXT_CONTROL:
        return complain(complaint, -EINVAL,
                        "%s has a line break, control or invisible character: give one plain line",
                        label);
    }
    return -EINVAL;
}

/* "choose one of" needs the choices behind it, with commas; "from 0 to" its number. */
static int refuse(const struct field *field, const struct type_check *check, const char *label,
                  const char *value, struct complaint *complaint) {
    char shown[EXCERPT_SIZE], tail[256] = "";
    struct text text = TEXT_IN(tail);
    excerpt(value, shown);
    if (check->type == FIELD_NUMBER) {
        text_addf(&text, " %u", field->max);
    }
    if (check->type == FIELD_CHOICE) {
        text_add(&text, " ");
        for (const char *c = field->choices; *c != '\0'; c++) {
            text_add_bytes(&text, *c == '|' ? ", " : c, *c == '|' ? 2 : 1);
        }
    }
    return complain(complaint, -EINVAL, "%s \"%s\" does not fit: %s%s", label, shown, check->advice,
                    tail);
}

int value_check(const struct field *field, const char *label, const char *value,
                enum value_empty empty, struct complaint *complaint) {
    int r = check_text(label, value, empty, complaint);
    if (r < 0 || value[0] == '\0') {
        return r;
    }
    for (size_t i = 0; i < ARRAY_COUNT(type_checks); i++) {
        const struct type_check *check = &type_checks[i];
        if (check->type == field->type && !check->is_valid(field, value)) {
            return refuse(field, check, label, value, complaint);
        }
    }
    return 0;
}

static bool is_choice(const struct field *field, const char *value) {
    size_t length = strlen(value);
    for (const char *choice = field->choices; *choice != '\0';) {
        size_t choice_length = strcspn(choice, "|");
        if (choice_length == length && memcmp(choice, value, length) == 0) {
            return true;
        }
        choice += choice_length;
        choice += *choice == '|';
    }
    return false;
}

static bool is_date(const struct field *field, const char *value) {
    (void)field;
    struct date date;
    return date_from_text(value, &date) == 0;
}

static bool is_civil(const struct field *field, const char *value) {
    (void)field;
    struct civil civil;
    return civil_from_text(value, &civil) == 0;
}

static bool is_span(const struct field *field, const char *value) {
    (void)field;
    struct span span;
    return span_from_text(value, &span) == 0;
}

static bool is_number(const struct field *field, const char *value) {
    uint64_t number = 0;
    for (const char *c = value; *c != '\0'; c++) {
        if (!isdigit((unsigned char)*c) || number > UINT32_MAX) {
            return false;
        }
        number = number * 10 + (uint64_t)(*c - '0');
    }
    return number <= field->max;
}

static bool is_id(const struct field *field, const char *value) {
    (void)field;
    return id_valid(value);
}
