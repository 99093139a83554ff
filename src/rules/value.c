/* Values typed by people: checked against their field and brought into the one canonical form.
 *
 * Used for every option of `add` and `set`, for the import and for the options of commands, before
 * anything is stored or compared. A table says for each type of field who reads it and how a person
 * should write it.
 *
 * Fails with -EINVAL and one line that names the option as it is typed, says what is wrong and how
 * to write it.
 *
 * Must never repeat what was typed: it may be a name, a number or an address, and complaints are
 * logged and shown. */
#include "cobi/rules/value.h"

#include <errno.h>
#include <string.h>

#include "cobi/base/mailaddr.h"
#include "cobi/base/phone.h"
#include "cobi/base/text.h"
#include "cobi/base/time.h"
#include "cobi/base/zone.h"
#include "cobi/rules/hours.h"

#define OPTION_NAME_SIZE  64
#define NUMBER_DIGITS_MAX 9

/* What a reader is given, and where it writes. */
struct reading {
    const struct field *field;
    const struct value_options *options;
    const char *text; /* trimmed, not empty */
    struct text *value;
    const char *fault; /* set by the reader where the table's text would not be enough */
    char fault_buffer[COMPLAINT_SIZE / 2];
};

static int fault(struct reading *reading, const char *text) {
    reading->fault = text;
    return -EINVAL;
}

static int read_text(struct reading *reading) {
    if (reading->field->max > 0 && strlen(reading->text) > reading->field->max) {
        struct text text = TEXT_IN(reading->fault_buffer);
        text_addf(&text, "is too long; at most %u letters (accented ones count twice or more)",
                  reading->field->max);
        return fault(reading, reading->fault_buffer);
    }
    text_add(reading->value, reading->text);
    return 0;
}

static int read_email(struct reading *reading) {
    char address[MAILADDR_SIZE];
    int error = mailaddr_parse(reading->text, address);
    if (error == 0) {
        text_add(reading->value, address);
    }
    return error;
}

static int read_number_of_phone(struct reading *reading, enum phone_rule rule) {
    char number[PHONE_SIZE];
    int error = phone_parse(reading->text, rule, number);
    if (error == 0) {
        text_add(reading->value, number);
    }
    return error;
}

static int read_mobile(struct reading *reading) {
    return read_number_of_phone(reading, reading->options != NULL && reading->options->test_numbers
                                             ? PHONE_MOBILE_OR_TEST
                                             : PHONE_MOBILE);
}

static int read_phone(struct reading *reading) {
    return read_number_of_phone(reading, PHONE_ANY);
}

static int read_hours(struct reading *reading) {
    struct hours hours;
    char buffer[HOURS_TEXT_SIZE];
    int error = hours_parse(reading->text, &hours);
    if (error == -E2BIG) {
        return fault(reading, "too many separate times; at most 28 in a week");
    }
    if (error == 0) {
        hours_to_text(&hours, buffer);
        text_add(reading->value, buffer);
    }
    return error;
}

static int read_slot(struct reading *reading) {
    struct slot slot;
    int error = slot_parse(reading->text, &slot);
    if (error == 0) {
        text_addf(reading->value, "%s %02u:%02u", weekday_to_text(slot.weekday), slot.minute / 60U,
                  slot.minute % 60U);
    }
    return error;
}

static bool is_letter(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* Parts of letters, digits, "_", "+" and "-", each beginning with a letter, parted by single
 * slashes: never a path. */
static int read_zone(struct reading *reading) {
    bool part_begins = true;
    const char *p = reading->text;
    for (; *p != '\0'; p++) {
        bool fits = part_begins ? is_letter(*p)
                                : is_letter(*p) || is_digit(*p) || strchr("_+-/", *p) != NULL;
        if (!fits) {
            return -EINVAL;
        }
        part_begins = *p == '/';
    }
    if (part_begins || strlen(reading->text) >= ZONE_NAME_SIZE) {
        return -EINVAL;
    }
    text_add(reading->value, reading->text);
    return 0;
}

static int read_date(struct reading *reading) {
    struct date date;
    char buffer[DATE_TEXT_SIZE];
    int error = date_from_text(reading->text, &date);
    if (error == 0) {
        date_to_text(date, buffer);
        text_add(reading->value, buffer);
    }
    return error;
}

static int read_number(struct reading *reading) {
    uint32_t number = 0;
    size_t length = strlen(reading->text);
    bool fits = length <= NUMBER_DIGITS_MAX;
    for (size_t i = 0; fits && i < length; i++) {
        fits = is_digit(reading->text[i]);
        number = number * 10 + (uint32_t)(reading->text[i] - '0');
    }
    if (!fits || number > reading->field->max) {
        struct text text = TEXT_IN(reading->fault_buffer);
        text_addf(&text, "must be a whole number from 0 to %u", reading->field->max);
        return fault(reading, reading->fault_buffer);
    }
    text_addf(reading->value, "%u", number);
    return 0;
}

/* Equal but for case and "-" for "_"; choice is not terminated. */
static bool choice_equal(const char *choice, size_t length, const char *text) {
    for (size_t i = 0; i < length; i++) {
        char typed = text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] - 'A' + 'a') : text[i];
        char wanted = choice[i];
        if (typed != wanted &&
            !(strchr("-_", typed) != NULL && strchr("-_", wanted) != NULL && typed != '\0')) {
            return false;
        }
    }
    return text[length] == '\0';
}

/* "must be sentence, licence, spo or voluntary" */
static int fault_choices(struct reading *reading) {
    struct text text = TEXT_IN(reading->fault_buffer);
    text_add(&text, "must be ");
    for (const char *p = reading->field->choices; *p != '\0';) {
        size_t length = strcspn(p, "|");
        text_add_bytes(&text, p, length);
        p += length;
        if (*p == '|') {
            p++;
            text_add(&text, strchr(p, '|') == NULL ? " or " : ", ");
        }
    }
    return fault(reading, reading->fault_buffer);
}

static int read_choice(struct reading *reading) {
    for (const char *p = reading->field->choices; *p != '\0';) {
        size_t length = strcspn(p, "|");
        if (choice_equal(p, length, reading->text)) {
            text_add_bytes(reading->value, p, length);
            return 0;
        }
        p += length + (p[length] == '|');
    }
    return fault_choices(reading);
}

static int read_id(struct reading *reading) {
    if (!id_valid(reading->text)) {
        return -EINVAL;
    }
    text_add(reading->value, reading->text);
    return 0;
}

static int read_civil(struct reading *reading) {
    struct civil civil;
    char buffer[CIVIL_TEXT_SIZE];
    int error = civil_from_text(reading->text, &civil);
    if (error == 0 && civil.second != 0) {
        return fault(reading, "must be a whole minute; write it like \"2027-01-12 14:00\"");
    }
    if (error == 0) {
        civil_to_text(civil, buffer);
        text_add(reading->value, buffer);
    }
    return error;
}

static int read_span(struct reading *reading) {
    struct span span;
    char buffer[32];
    int error = span_from_text(reading->text, &span);
    if (error == -ERANGE) {
        return fault(reading, "must be more than nothing and at most ten years");
    }
    if (error == 0) {
        span_to_text(span, buffer);
        text_add(reading->value, buffer);
    }
    return error;
}

static int read_switch(struct reading *reading) {
    (void)reading; /* whatever was typed, it is too much */
    return -EINVAL;
}

static const struct {
    int (*read)(struct reading *reading);
    const char *fault; /* what is wrong and how to write it */
} types[FIELD_TYPE_COUNT] = {
    [FIELD_TEXT] = {read_text, ""},
    [FIELD_EMAIL] = {read_email, "not an email address; write it like name@example.org"},
    [FIELD_MOBILE] = {read_mobile, "not a UK mobile number; write it like 07700 900123"},
    [FIELD_PHONE] = {read_phone, "not a telephone number; write it like 020 7946 0000"},
    [FIELD_HOURS] = {read_hours,
                     "not weekly hours; write them like \"Mon-Fri 09:00-17:00, Sat 10:00-13:00\""},
    [FIELD_SLOT] = {read_slot, "not a weekday and time; write it like \"Tue 14:00\""},
    [FIELD_ZONE] = {read_zone, "not a time zone; write it like Europe/London"},
    [FIELD_DATE] = {read_date, "not a date; write it like 2027-01-12"},
    [FIELD_NUMBER] = {read_number, ""},
    [FIELD_CHOICE] = {read_choice, ""},
    [FIELD_ID] =
        {read_id,
         "not an id; use 1 to 32 letters, digits, \".\", \"_\" or \"-\", a letter or digit first"},
    [FIELD_PROGRAMME] =
        {read_id, "not the id of a programme; use 1 to 32 letters, digits, \".\", \"_\" or \"-\""},
    [FIELD_CIVIL] = {read_civil, "not a local date and time; write it like \"2027-01-12 14:00\""},
    [FIELD_SPAN] = {read_span, "not a length of time; write it like 90m, 36h or 7d"},
    [FIELD_SWITCH] = {read_switch, "takes no value"},
    [FIELD_ANY_ID] =
        {read_id,
         "not an id; use 1 to 32 letters, digits, \".\", \"_\" or \"-\", a letter or digit first"},
};

/* Telephone numbers may be pasted with invisible marks, which phone_parse() drops. */
static enum text_fault check_bytes(const struct field *field, const char *text, size_t length) {
    if (memchr(text, '\0', length) != NULL) {
        return TEXT_CONTROL;
    }
    if (field->type != FIELD_MOBILE && field->type != FIELD_PHONE) {
        return text_check(text, length, VALUE_LENGTH_MAX);
    }
    if (length > VALUE_LENGTH_MAX) {
        return TEXT_TOO_LONG;
    }
    return utf8_valid(text, length) ? TEXT_FINE : TEXT_NOT_UTF8;
}

/* The option as it is typed, without its "--". */
static void option_name(const struct field *field, char buffer[OPTION_NAME_SIZE]) {
    size_t i = 0;
    for (; i < OPTION_NAME_SIZE - 1 && field->name[i] != '\0'; i++) {
        buffer[i] = field->name[i] == '_' ? '-' : field->name[i];
    }
    buffer[i] = '\0';
}

int value_canonical(const struct field *field, const char *text, size_t length,
                    const struct value_options *options, char ret_value[VALUE_SIZE],
                    struct complaint *complaint) {
    char option[OPTION_NAME_SIZE];
    char copy[VALUE_SIZE] = "";
    char buffer[VALUE_SIZE];
    struct text value = TEXT_IN(buffer);
    option_name(field, option);
    enum text_fault bytes = length == 0 ? TEXT_FINE : check_bytes(field, text, length);
    if (bytes != TEXT_FINE) {
        return complain(complaint, -EINVAL, "--%s: %s", option, text_fault_to_text(bytes));
    }
    memcpy(copy, text, length);
    const char *trimmed = text_trim(copy);
    if (trimmed[0] == '\0') {
        if ((field->flags & FIELD_REQUIRED) != 0) {
            return complain(complaint, -EINVAL, "--%s: %s", option, text_fault_to_text(TEXT_EMPTY));
        }
        ret_value[0] = '\0';
        return 0;
    }
    struct reading reading = {.field = field,
                              .options = options,
                              .text = trimmed,
                              .value = &value,
                              .fault = types[field->type].fault};
    buffer[0] = '\0';
    if (types[field->type].read(&reading) != 0) {
        return complain(complaint, -EINVAL, "--%s: %s", option, reading.fault);
    }
    memcpy(ret_value, buffer, value.length + 1);
    return 0;
}
