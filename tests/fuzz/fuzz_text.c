/* fuzz_text: the readers at the bottom (text, base64url, numbers, addresses, times, hours) agree
 * with their own writers, and what they let through cannot start a new line, header or property. */
#include "fuzz.h"

#include <string.h>

#include "cobi/base/gsm.h"
#include "cobi/base/mailaddr.h"
#include "cobi/base/phone.h"
#include "cobi/base/text.h"
#include "cobi/base/time.h"
#include "cobi/rules/hours.h"

static void try_contacts(const char *text) {
    char number[PHONE_SIZE], number_again[PHONE_SIZE], display[24];
    char address[MAILADDR_SIZE], address_again[MAILADDR_SIZE];

    if (phone_parse(text, PHONE_ANY, number) == 0) {
        FUZZ_CHECK(number[0] == '+' && strspn(number + 1, "0123456789") == strlen(number) - 1);
        FUZZ_CHECK(phone_parse(number, PHONE_ANY, number_again) == 0);
        FUZZ_CHECK(strcmp(number, number_again) == 0);
        phone_to_display(number, display);
    }
    if (mailaddr_parse(text, address) == 0) {
        FUZZ_CHECK(strpbrk(address, "\r\n <>\"(),;:\\") == NULL);
        FUZZ_CHECK(mailaddr_parse(address, address_again) == 0);
        FUZZ_CHECK(strcmp(address, address_again) == 0);
    }
}

static void try_times(const char *text) {
    struct date date;
    struct civil civil;
    struct instant instant, instant_again;
    struct span span, span_again;
    char buffer[64];

    if (date_from_text(text, &date) == 0) {
        date_to_text(date, buffer);
        FUZZ_CHECK(strcmp(buffer, text) == 0);
    }
    if (civil_from_text(text, &civil) == 0) {
        FUZZ_CHECK(date_valid(civil.date) && civil.hour < 24 && civil.minute < 60);
    }
    if (instant_from_text(text, &instant) == 0) {
        instant_to_text(instant, buffer);
        FUZZ_CHECK(instant_from_text(buffer, &instant_again) == 0);
        FUZZ_CHECK(instant.us == instant_again.us);
    }
    if (span_from_text(text, &span) == 0) {
        FUZZ_CHECK(span.us > 0);
        span_to_text(span, buffer);
        FUZZ_CHECK(span_from_text(buffer, &span_again) == 0);
        FUZZ_CHECK(span.us == span_again.us);
    }
}

static void try_hours(const char *text) {
    struct hours hours, again;
    struct slot slot;
    char buffer[HOURS_TEXT_SIZE];

    if (hours_parse(text, &hours) == 0) {
        hours_to_text(&hours, buffer);
        FUZZ_CHECK(hours_parse(buffer, &again) == 0);
        FUZZ_CHECK(hours.count == again.count);
        for (uint32_t i = 0; i < hours.count; i++) {
            FUZZ_CHECK(hours.intervals[i].from_minute < hours.intervals[i].to_minute);
            FUZZ_CHECK(hours.intervals[i].to_minute <= 1440);
        }
    }
    if (slot_parse(text, &slot) == 0) {
        FUZZ_CHECK(slot.minute < 1440 && slot.weekday < WEEKDAY_COUNT);
    }
}

static void try_encodings(const char *text, const uint8_t *data, size_t size) {
    char encoded[4096 * 4 / 3 + 8];
    uint8_t decoded[4096];
    struct gsm_size measured;
    int length;

    length = base64url_decode(text, decoded, sizeof(decoded));
    if (length >= 0) {
        base64url_encode(decoded, (size_t)length, encoded);
        FUZZ_CHECK(strcmp(encoded, text) == 0);
    }
    if (size <= sizeof(decoded)) {
        base64url_encode(data, size, encoded);
        FUZZ_CHECK(base64url_decode(encoded, decoded, sizeof(decoded)) == (int)size);
        FUZZ_CHECK(memcmp(decoded, data, size) == 0);
    }
    if (text_check(text, strlen(text), 4096) == TEXT_FINE) {
        FUZZ_CHECK(strpbrk(text, "\r\n\t\x7f") == NULL);
        FUZZ_CHECK(utf8_valid(text, strlen(text)));
        FUZZ_CHECK(gsm_measure(text, &measured) == 0 && measured.parts >= 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = fuzz_string(data, size);

    try_contacts(text);
    try_times(text);
    try_hours(text);
    try_encodings(text, data, size);
    (void)text_check(text, size, 4096); /* with its NULs */
    free(text);
    return 0;
}
