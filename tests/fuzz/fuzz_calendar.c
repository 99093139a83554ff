/* fuzz_calendar: a holiday file may hold anything; and no value given to a feed can add a property,
 * an event or a line that is not folded as RFC 5545 section 3.1 says. */
#include "fuzz.h"

#include <string.h>

#include "cobi/base/complaint.h"
#include "cobi/base/text.h"
#include "cobi/ical/feed.h"
#include "cobi/ical/holidays.h"

static size_t count_lines(const char *text, const char *line) {
    size_t count = 0, length = strlen(line);

    for (const char *at = text; at != NULL; at = strstr(at, "\r\n")) {
        at += at == text ? 0 : 2;
        count += strncmp(at, line, length) == 0 && strncmp(at + length, "\r\n", 2) == 0;
        if (*at == '\0') {
            break;
        }
    }
    return count;
}

static void check_layout(const char *text, size_t length) {
    size_t octets = 0;

    FUZZ_CHECK(strlen(text) == length && length >= 2 && utf8_valid(text, length));
    FUZZ_CHECK(strcmp(text + length - 2, "\r\n") == 0);
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\r') {
            FUZZ_CHECK(text[i + 1] == '\n');
            octets = 0;
            i++;
        } else {
            FUZZ_CHECK(text[i] != '\n');
            octets++;
            FUZZ_CHECK(octets <= 75);
        }
    }
    FUZZ_CHECK(count_lines(text, "BEGIN:VCALENDAR") == 1);
}

static void try_feed(const char *summary, const char *name, const char *organizer) {
    const struct zone zone = {.name = "Etc/UTC"};
    const struct civil start = {.date = {2027, 1, 12}, .hour = 14};
    const struct feed_event event = {
        .uid = "0c5c2a5e-8d2f-4e0b-9a44-0f6d3a1c7b11",
        .sequence = 1,
        .revised = {INT64_C(1799000000) * SECOND_US},
        .start = start,
        .start_at = instant_from_utc_civil(start),
        .minutes = 120,
        .zone = &zone,
        .summary = summary,
    };
    const struct feed_calendar calendar = {
        .name = name, .organizer = organizer, .events = &event, .event_count = 1};
    char *text = NULL;
    size_t length = 0;

    if (feed_write(&calendar, &text, &length) == 0) {
        check_layout(text, length);
        FUZZ_CHECK(count_lines(text, "BEGIN:VEVENT") == 1);
        free(text);
    } else {
        FUZZ_CHECK(text == NULL && length == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct holidays holidays;
    struct complaint complaint = {0};
    char *text = fuzz_string(data, size);

    if (holidays_parse("holidays.ics", text, size, &holidays, &complaint) == 0) {
        FUZZ_CHECK(holidays.count <= HOLIDAYS_MAX);
        for (uint32_t i = 0; i < holidays.count; i++) {
            FUZZ_CHECK(date_valid(holidays.days[i].date));
            FUZZ_CHECK(i == 0 || date_cmp(holidays.days[i - 1].date, holidays.days[i].date) <= 0);
        }
    } else {
        FUZZ_CHECK(complaint.text[0] != '\0');
    }
    try_feed(text, "Sessions", "calendar@example.org");
    try_feed("Appointment", text, "calendar@example.org");
    try_feed("Appointment", "Sessions", text);
    free(text);
    return 0;
}
