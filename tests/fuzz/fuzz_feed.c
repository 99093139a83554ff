/* fuzz_feed: a calendar that feed_write() gives out says the same to libical as was meant, event by
 * event, and holds no property that was not meant; one whose values are all fine is never withheld.
 * The first byte is the length of the calendar's name, which follows; then event after event: 15
 * bytes of numbers, the last of them the length of the summary, which follows. */
#include "fuzz.h"

#include <libical/ical.h>
#include <string.h>

#include "cobi/base/text.h"
#include "cobi/ical/feed.h"
#include "cobi/ical/zones.h"

#define EVENTS_MAX   12
#define EVENT_BYTES  15
#define FIRST_MINUTE INT64_C(13148640) /* 1995-01-01 */
#define MINUTE_COUNT INT64_C(53000000) /* a hundred years */

struct input {
    const uint8_t *at;
    size_t left;
};
struct plan {
    struct feed_event events[EVENTS_MAX];
    char *summaries[EVENTS_MAX];
    size_t count;
};

static const struct zone *pick_zone(uint8_t choice) {
    static const char *const names[] = {"Europe/London", "Europe/London", "Etc/UTC",
                                        "Europe/Dublin", "Pacific/Chatham"};
    static struct zones *zones;
    const struct zone *zone;

    FUZZ_CHECK(zones != NULL || zones_open(&zones) == 0);
    zone = zones_find(zones, names[choice % (sizeof(names) / sizeof(names[0]))]);
    FUZZ_CHECK(zone != NULL);
    return zone;
}

static uint32_t take_number(struct input *input, size_t bytes) {
    uint32_t number = 0;

    for (size_t i = 0; i < bytes && input->left > 0; i++) {
        number = number << 8 | *input->at++;
        input->left--;
    }
    return number;
}

static char *take_text(struct input *input) {
    size_t length = take_number(input, 1);
    char *text;

    length = length < input->left ? length : input->left;
    text = fuzz_string(input->at, length);
    input->at += length;
    input->left -= length;
    return text;
}

static void add_event(struct plan *plan, struct input *input) {
    struct feed_event *event = &plan->events[plan->count];
    struct text uid = TEXT_IN(event->uid);

    event->start_at.us = (FIRST_MINUTE + take_number(input, 4) % MINUTE_COUNT) * MINUTE_US;
    event->minutes = 1 + take_number(input, 2) % 1440;
    event->zone = pick_zone((uint8_t)take_number(input, 1));
    event->start = zone_civil(event->zone, event->start_at);
    event->revised.us = (int64_t)take_number(input, 4) * SECOND_US;
    event->sequence = take_number(input, 2);
    event->cancelled = take_number(input, 1) & 1;
    text_addf(&uid, "0c5c2a5e-8d2f-4e0b-9a44-0f6d3a1c7b%02zx", plan->count);
    plan->summaries[plan->count] = take_text(input);
    event->summary = plan->summaries[plan->count++];
}

static bool text_is_fine(const char *text, size_t bytes_max) {
    return text_check(text, strlen(text), bytes_max) == TEXT_FINE &&
           text[strspn(text, " ")] != '\0';
}

static bool is_fine(const struct feed_calendar *calendar) {
    bool fine = text_is_fine(calendar->name, 250);

    for (size_t i = 0; i < calendar->event_count; i++) {
        fine = fine && text_is_fine(calendar->events[i].summary, 200);
    }
    return fine;
}

static void check_time(icalcomponent *event, icalproperty_kind kind, struct instant meant) {
    icalproperty *property = icalcomponent_get_first_property(event, kind);
    icaltimetype t;

    FUZZ_CHECK(property != NULL);
    t = icalproperty_get_datetime_with_component(property, event);
    FUZZ_CHECK(t.zone != NULL && !t.is_date);
    FUZZ_CHECK(icaltime_as_timet_with_zone(t, t.zone) == meant.us / SECOND_US);
}

static void check_properties(icalcomponent *event) {
    static const icalproperty_kind once[] = {
        ICAL_UID_PROPERTY,      ICAL_DTSTAMP_PROPERTY,   ICAL_LASTMODIFIED_PROPERTY,
        ICAL_SEQUENCE_PROPERTY, ICAL_DTSTART_PROPERTY,   ICAL_DTEND_PROPERTY,
        ICAL_SUMMARY_PROPERTY,  ICAL_STATUS_PROPERTY,    ICAL_TRANSP_PROPERTY,
        ICAL_CLASS_PROPERTY,    ICAL_ORGANIZER_PROPERTY, ICAL_X_PROPERTY};
    size_t count = sizeof(once) / sizeof(once[0]);

    for (size_t i = 0; i < count; i++) {
        FUZZ_CHECK(icalcomponent_count_properties(event, once[i]) == 1);
    }
    FUZZ_CHECK(icalcomponent_count_properties(event, ICAL_ANY_PROPERTY) == (int)count);
    FUZZ_CHECK(icalcomponent_count_components(event, ICAL_ANY_COMPONENT) == 0);
}

/* Blanks around a text libical drops when it reads. */
static void check_text(const char *read, const char *meant) {
    read += strspn(read, " ");
    meant += strspn(meant, " ");
    FUZZ_CHECK(strncmp(read, meant, strlen(read)) == 0);
    meant += strlen(read);
    FUZZ_CHECK(meant[strspn(meant, " ")] == '\0');
}

static void check_event(icalcomponent *event, const struct feed_event *meant) {
    char summary[256];
    struct text expected = TEXT_IN(summary);
    struct instant end = instant_add(meant->start_at, span_minutes(meant->minutes));

    check_properties(event);
    FUZZ_CHECK(strcmp(icalcomponent_get_uid(event), meant->uid) == 0);
    FUZZ_CHECK(icalcomponent_get_sequence(event) == (int)meant->sequence);
    FUZZ_CHECK(icalcomponent_get_status(event) ==
               (meant->cancelled ? ICAL_STATUS_CANCELLED : ICAL_STATUS_CONFIRMED));
    text_addf(&expected, "%s%s", meant->cancelled ? "Cancelled: " : "", meant->summary);
    check_text(icalcomponent_get_summary(event), summary);
    check_time(event, ICAL_DTSTART_PROPERTY, meant->start_at);
    check_time(event, ICAL_DTEND_PROPERTY, end);
    check_time(event, ICAL_DTSTAMP_PROPERTY, meant->revised);
}

static void check(const char *text, const struct feed_calendar *meant) {
    icalcomponent *calendar = icalparser_parse_string(text), *event;
    size_t seen = 0;

    FUZZ_CHECK(calendar != NULL && icalcomponent_isa(calendar) == ICAL_VCALENDAR_COMPONENT);
    FUZZ_CHECK(icalcomponent_count_errors(calendar) == 0);
    FUZZ_CHECK(icalcomponent_count_components(calendar, ICAL_ANY_COMPONENT) ==
               (int)meant->event_count + 1);
    event = icalcomponent_get_first_component(calendar, ICAL_VEVENT_COMPONENT);
    for (; event != NULL;
         event = icalcomponent_get_next_component(calendar, ICAL_VEVENT_COMPONENT)) {
        FUZZ_CHECK(seen < meant->event_count);
        check_event(event, &meant->events[seen++]);
    }
    FUZZ_CHECK(seen == meant->event_count);
    icalcomponent_free(calendar);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct plan plan;
    struct input input = {data, size};
    struct feed_calendar calendar = {.organizer = "calendar@example.org", .events = plan.events};
    char *name = take_text(&input), *text = NULL;
    size_t length = 0;
    int error;

    plan = (struct plan){0};
    while (plan.count < EVENTS_MAX && input.left >= EVENT_BYTES) {
        add_event(&plan, &input);
    }
    calendar.name = name;
    calendar.event_count = plan.count;
    error = feed_write(&calendar, &text, &length);
    FUZZ_CHECK((error == 0) == is_fine(&calendar));
    if (error == 0) {
        check(text, &calendar);
    }
    for (size_t i = 0; i < plan.count; i++) {
        free(plan.summaries[i]);
    }
    free(text);
    free(name);
    return 0;
}
