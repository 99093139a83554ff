/* Every type of field: what is taken, in which canonical form, and what a person is told otherwise.
 */
#include "cobi/base/cleanup.h"
#include "cobi/rules/value.h"
#include "seed.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct field fields[] = {
    [FIELD_TEXT] = {.name = "place_label", .type = FIELD_TEXT, .flags = FIELD_SEALED, .max = 40},
    [FIELD_EMAIL] = {.name = "email", .type = FIELD_EMAIL, .flags = FIELD_SEALED},
    [FIELD_MOBILE] = {.name = "mobile", .type = FIELD_MOBILE, .flags = FIELD_SEALED},
    [FIELD_PHONE] = {.name = "phone", .type = FIELD_PHONE, .flags = FIELD_SEALED},
    [FIELD_HOURS] = {.name = "unavailable", .type = FIELD_HOURS, .flags = FIELD_REPEATED},
    [FIELD_SLOT] = {.name = "prefer", .type = FIELD_SLOT},
    [FIELD_ZONE] = {.name = "timezone", .type = FIELD_ZONE},
    [FIELD_DATE] = {.name = "order_ends", .type = FIELD_DATE},
    [FIELD_NUMBER] = {.name = "rooms", .type = FIELD_NUMBER, .max = 99},
    [FIELD_CHOICE] = {.name = "mode", .type = FIELD_CHOICE, .choices = "in_person|phone|video"},
    [FIELD_ID] = {.name = "office", .type = FIELD_ID},
    [FIELD_PROGRAMME] = {.name = "programme", .type = FIELD_PROGRAMME},
    [FIELD_CIVIL] = {.name = "to", .type = FIELD_CIVIL},
    [FIELD_SPAN] = {.name = "for", .type = FIELD_SPAN},
    [FIELD_SWITCH] = {.name = "dry_run", .type = FIELD_SWITCH},
    [FIELD_ANY_ID] = {.name = "session", .type = FIELD_ANY_ID},
};
static const struct value_options strict = {.test_numbers = false};

static const struct value_row {
    enum field_type type;
    const char *text;
    const char *canonical; /* NULL: refused */
    const char *complaint; /* all of it, NULL: only that it names the option */
} value_rows[] = {
    {FIELD_TEXT, "Meeting room 2", "Meeting room 2", NULL},
    {FIELD_TEXT, "  trimmed ", "trimmed", NULL},
    {FIELD_TEXT, "Tŷ Newydd", "Tŷ Newydd", NULL},
    {FIELD_TEXT, "", "", NULL},
    {FIELD_TEXT, "   ", "", NULL},
    {FIELD_TEXT, "1234567890123456789012345678901234567890",
     "1234567890123456789012345678901234567890", NULL},
    {FIELD_TEXT, "12345678901234567890123456789012345678901", NULL,
     "--place-label: is too long; at most 40 letters (accented ones count twice or more)"},
    {FIELD_TEXT, "two\nlines", NULL,
     "--place-label: must be one line without control or invisible characters"},
    {FIELD_TEXT, "line\n", NULL,
     "--place-label: must be one line without control or invisible characters"},
    {FIELD_TEXT,
     "\xe2\x80\xae"
     "backwards",
     NULL, "--place-label: must be one line without control or invisible characters"},
    {FIELD_TEXT, "\xff", NULL, "--place-label: is not valid UTF-8"},
    {FIELD_EMAIL, "Ann.Other@Example.ORG", "ann.other@example.org", NULL},
    {FIELD_EMAIL, " a@example.org ", "a@example.org", NULL},
    {FIELD_EMAIL, "Ann <ann@example.org>", NULL,
     "--email: not an email address; write it like name@example.org"},
    {FIELD_EMAIL, "ann@example.org\r\nRCPT TO:<x@example.org>", NULL, NULL},
    {FIELD_EMAIL, "nobody", NULL, NULL},
    {FIELD_MOBILE, "07723 456789", "+447723456789", NULL},
    {FIELD_MOBILE, "+44 (0)7723-456789", "+447723456789", NULL},
    {FIELD_MOBILE,
     "\xe2\x80\xaa"
     "07723 456789"
     "\xe2\x80\xac",
     "+447723456789", NULL},
    {FIELD_MOBILE, "07700 900123", NULL,
     "--mobile: not a UK mobile number; write it like 07700 900123"},
    {FIELD_MOBILE, "020 7946 0000", NULL, NULL},
    {FIELD_MOBILE, "07723 45678", NULL, NULL},
    {FIELD_PHONE, "020 7946 0000", "+442079460000", NULL},
    {FIELD_PHONE, "call me", NULL, "--phone: not a telephone number; write it like 020 7946 0000"},
    {FIELD_HOURS, "mon-FRI 9:00-12:00", "Mon-Fri 09:00-12:00", NULL},
    {FIELD_HOURS, "Mon 09:00-12:00; Tue 09:00-12:00; Sat 10:00-11:00",
     "Mon-Tue 09:00-12:00, Sat 10:00-11:00", NULL},
    {FIELD_HOURS, "Mon to Fri", NULL,
     "--unavailable: not weekly hours; write them like \"Mon-Fri 09:00-17:00, Sat 10:00-13:00\""},
    {FIELD_SLOT, "tue 9:30", "Tue 09:30", NULL},
    {FIELD_SLOT, "Tuesday", NULL, "--prefer: not a weekday and time; write it like \"Tue 14:00\""},
    {FIELD_ZONE, "Europe/London", "Europe/London", NULL},
    {FIELD_ZONE, "America/Argentina/Buenos_Aires", "America/Argentina/Buenos_Aires", NULL},
    {FIELD_ZONE, "Etc/GMT+5", "Etc/GMT+5", NULL},
    {FIELD_ZONE, "UTC", "UTC", NULL},
    {FIELD_ZONE, "../../etc/passwd", NULL,
     "--timezone: not a time zone; write it like Europe/London"},
    {FIELD_ZONE, "/etc/passwd", NULL, NULL},
    {FIELD_ZONE, "Europe//London", NULL, NULL},
    {FIELD_ZONE, "Europe/", NULL, NULL},
    {FIELD_ZONE, "Europe/London London", NULL, NULL},
    {FIELD_ZONE, "Europe/Llanfairpwllgwyngyllgogerychwyrndrobwllll", NULL, NULL},
    {FIELD_DATE, "2028-02-29", "2028-02-29", NULL},
    {FIELD_DATE, "2027-02-29", NULL, "--order-ends: not a date; write it like 2027-01-12"},
    {FIELD_DATE, "12/01/2027", NULL, NULL},
    {FIELD_NUMBER, "0", "0", NULL},
    {FIELD_NUMBER, "007", "7", NULL},
    {FIELD_NUMBER, "99", "99", NULL},
    {FIELD_NUMBER, "100", NULL, "--rooms: must be a whole number from 0 to 99"},
    {FIELD_NUMBER, "-1", NULL, NULL},
    {FIELD_NUMBER, "1.5", NULL, NULL},
    {FIELD_NUMBER, "4294967297", NULL, NULL},
    {FIELD_CHOICE, "in_person", "in_person", NULL},
    {FIELD_CHOICE, "In-Person", "in_person", NULL},
    {FIELD_CHOICE, "video", "video", NULL},
    {FIELD_CHOICE, "vide", NULL, "--mode: must be in_person, phone or video"},
    {FIELD_CHOICE, "videos", NULL, NULL},
    {FIELD_CHOICE, "phone|video", NULL, NULL},
    {FIELD_ID, "leeds-2.a_b", "leeds-2.a_b", NULL},
    {FIELD_ID, "-x", NULL,
     "--office: not an id; use 1 to 32 letters, digits, \".\", \"_\" or \"-\", a letter or digit "
     "first"},
    {FIELD_ID, "a b", NULL, NULL},
    {FIELD_ID, "123456789012345678901234567890123", NULL, NULL},
    {FIELD_PROGRAMME, "twelve", "twelve", NULL},
    {FIELD_PROGRAMME, "twelve sessions", NULL, NULL},
    {FIELD_CIVIL, "2027-01-12 14:00", "2027-01-12T14:00", NULL},
    {FIELD_CIVIL, "2027-01-12T14:00:00", "2027-01-12T14:00", NULL},
    {FIELD_CIVIL, "2027-01-12 14:00:30", NULL,
     "--to: must be a whole minute; write it like \"2027-01-12 14:00\""},
    {FIELD_CIVIL, "tomorrow", NULL,
     "--to: not a local date and time; write it like \"2027-01-12 14:00\""},
    {FIELD_SPAN, "36h", "1d12h", NULL},
    {FIELD_SPAN, "20000d", NULL, "--for: must be more than nothing and at most ten years"},
    {FIELD_SPAN, "soon", NULL, "--for: not a length of time; write it like 90m, 36h or 7d"},
    {FIELD_SWITCH, "", "", NULL},
    {FIELD_SWITCH, "yes", NULL, "--dry-run: takes no value"},
    {FIELD_ANY_ID, "S1a2b3", "S1a2b3", NULL},
    {FIELD_ANY_ID, "*", NULL, NULL},
};

static void test_values(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(value_rows); i++) {
        const struct value_row *row = &value_rows[i];
        const struct field *field = &fields[row->type];
        char value[VALUE_SIZE] = "untouched";
        struct complaint complaint = {""};
        int result = value_canonical(field, row->text, strlen(row->text), &strict, value,
                                     &complaint);
        if ((result == 0) != (row->canonical != NULL)) {
            fail_msg("row %zu (%s): %d %s", i, row->text, result, complaint.text);
        }
        assert_string_equal(value, row->canonical == NULL ? "untouched" : row->canonical);
        if (row->canonical != NULL) {
            assert_string_equal(complaint.text, "");
            continue;
        }
        assert_int_equal(result, -EINVAL);
        assert_int_equal(strncmp(complaint.text, "--", 2), 0);
        assert_null(strchr(complaint.text, '\n'));
        if (row->complaint != NULL) {
            assert_string_equal(complaint.text, row->complaint);
        }
    }
}

/* A canonical value is its own canonical form. */
static void test_twice(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(value_rows); i++) {
        const struct value_row *row = &value_rows[i];
        char value[VALUE_SIZE];
        struct complaint complaint = {""};
        if (row->canonical != NULL) {
            assert_int_equal(value_canonical(&fields[row->type], row->canonical,
                                             strlen(row->canonical), &strict, value, &complaint),
                             0);
            assert_string_equal(value, row->canonical);
        }
    }
}

/* Required fields; NULs; length; numbers for drama only where they are allowed. */
static void test_edges(void **state) {
    (void)state;
    char value[VALUE_SIZE] = "untouched";
    static char big[VALUE_LENGTH_MAX + 2];
    memset(big, 'a', sizeof big);
    for (int type = 0; type < FIELD_TYPE_COUNT; type++) {
        struct field field = fields[type];
        struct complaint complaint = {""};
        field.flags |= FIELD_REQUIRED;
        assert_int_equal(value_canonical(&field, "", 0, &strict, value, &complaint), -EINVAL);
        assert_non_null(strstr(complaint.text, ": must not be empty"));
        assert_int_equal(value_canonical(&field, "  ", 2, &strict, value, &complaint), -EINVAL);
        assert_int_equal(value_canonical(&fields[type], "a\0b", 3, &strict, value, &complaint),
                         -EINVAL);
        assert_int_equal(value_canonical(&fields[type], "\0", 1, &strict, value, &complaint),
                         -EINVAL);
        complaint.text[0] = '\0';
        assert_int_equal(
            value_canonical(&fields[type], big, VALUE_LENGTH_MAX + 1, &strict, value, &complaint),
            -EINVAL);
        assert_non_null(strstr(complaint.text, ": is too long"));
    }
    assert_string_equal(value, "untouched");
    struct complaint complaint = {""};
    const struct value_options test = {.test_numbers = true};
    assert_int_equal(
        value_canonical(&fields[FIELD_MOBILE], "07700 900123", 12, &test, value, &complaint), 0);
    assert_string_equal(value, "+447700900123");
    struct field endless = fields[FIELD_TEXT];
    endless.max = 0;
    assert_int_equal(value_canonical(&endless, big, VALUE_LENGTH_MAX, &strict, value, &complaint),
                     0);
    assert_int_equal(strlen(value), VALUE_LENGTH_MAX);
}

/* All real fields have a sound type, and their standard value is canonical. */
static void test_nouns(void **state) {
    (void)state;
    for (int noun = 0; noun < NOUN_COUNT; noun++) {
        for (size_t i = 0; i < noun_tables[noun].field_count; i++) {
            const struct field *field = &noun_tables[noun].fields[i];
            char value[VALUE_SIZE];
            struct complaint complaint = {""};
            assert_true(field->type < FIELD_TYPE_COUNT);
            if (field->standard != NULL) {
                assert_int_equal(value_canonical(field, field->standard, strlen(field->standard),
                                                 &strict, value, &complaint),
                                 0);
                assert_string_equal(value, field->standard);
            }
        }
    }
}

/* Whatever comes in: a canonical value or one line, which never holds what was typed. */
static void test_random_bytes(void **state) {
    (void)state;
    uint64_t seed = seed_init("test_random_bytes");
    static const char likely[] = "Mon-Fri 09:00,17;2027-01-12T14@.+44077/_ ";
    for (int round = 0; round < 20000; round++) {
        char text[48], value[VALUE_SIZE], again[VALUE_SIZE];
        struct complaint complaint = {""};
        size_t length = (size_t)seed_between(&seed, 12, (int64_t)sizeof text - 1);
        for (size_t i = 0; i < length; i++) {
            text[i] = seed_between(&seed, 0, 15) == 0
                          ? (char)seed_between(&seed, 0, 255)
                          : likely[seed_between(&seed, 0, (int64_t)sizeof likely - 2)];
        }
        text[length] = '\0';
        const struct field *field = &fields[seed_between(&seed, 0, FIELD_TYPE_COUNT - 1)];
        if (value_canonical(field, text, length, &strict, value, &complaint) != 0) {
            assert_true(complaint.text[0] == '-');
            assert_null(memmem(complaint.text, strlen(complaint.text), text, length));
            continue;
        }
        assert_int_equal(value_canonical(field, value, strlen(value), &strict, again, &complaint),
                         0);
        assert_string_equal(value, again);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),       cmocka_unit_test(test_twice),
        cmocka_unit_test(test_edges),        cmocka_unit_test(test_nouns),
        cmocka_unit_test(test_random_bytes),
    };
    return cmocka_run_group_tests_name("value", tests, NULL, NULL);
}
