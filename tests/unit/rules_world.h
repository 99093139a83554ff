/* What the tests of the rules share: London by hand, bank holidays, instants from text. */
#ifndef COBI_TESTS_RULES_WORLD_H
#define COBI_TESTS_RULES_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cobi/base/cleanup.h"
#include "cobi/rules/hours.h"

/* An instant from RFC 3339 text; a text that does not parse fails the test. */
static inline struct instant at(const char *text) {
    struct instant t = {0};
    if (instant_from_text(text, &t) != 0) {
        fail_msg("not an instant: %s", text);
    }
    return t;
}

static inline struct civil wall(const char *text) {
    struct civil c = {0};
    if (civil_from_text(text, &c) != 0) {
        fail_msg("not a civil time: %s", text);
    }
    return c;
}

/* The instant at which London's clock shows the text (the first, where there are two). */
static inline struct instant local_at(const struct zone *zone, const char *text) {
    struct instant t = {0};
    (void)zone_resolve(zone, wall(text), ZONE_FIRST, &t);
    return t;
}

static inline const struct zone *world_london(void) {
    static struct zone london;
    static const struct {
        const char *at;
        int32_t offset_s;
    } changes[] = {
        {"2026-03-29T01:00Z", 3600},
        {"2026-10-25T01:00Z", 0},
        {"2027-03-28T01:00Z", 3600},
        {"2027-10-31T01:00Z", 0},
    };
    if (london.transition_count == 0) {
        (void)snprintf(london.name, sizeof london.name, "Europe/London");
        for (size_t i = 0; i < ARRAY_COUNT(changes); i++) {
            london.transitions[i] = (struct zone_transition){at(changes[i].at),
                                                             changes[i].offset_s};
        }
        london.transition_count = (uint32_t)ARRAY_COUNT(changes);
    }
    return &london;
}

/* Bank holidays of England and Wales from Christmas 2026 to May 2027 (facts from gov.uk). */
static inline const struct holidays *world_holidays(void) {
    static struct holidays holidays;
    static const struct date days[] = {
        {2026, 12, 25}, {2026, 12, 28}, {2027, 1, 1},  {2027, 3, 26},
        {2027, 3, 29},  {2027, 5, 3},   {2027, 5, 31},
    };
    if (holidays.count == 0) {
        for (size_t i = 0; i < ARRAY_COUNT(days); i++) {
            holidays.days[i].date = days[i];
        }
        holidays.last = (struct date){2027, 12, 31};
        holidays.count = (uint32_t)ARRAY_COUNT(days);
    }
    return &holidays;
}

static inline struct hours world_hours(const char *text) {
    struct hours hours = {0};
    if (hours_parse(text, &hours) != 0) {
        fail_msg("not hours: %s", text);
    }
    return hours;
}

/* Fails with both instants readable. */
#define assert_instant(name, got, expected)                                                        \
    do {                                                                                           \
        char got_[INSTANT_TEXT_SIZE], expected_[INSTANT_TEXT_SIZE];                                \
        instant_to_text((got), got_);                                                              \
        instant_to_text((expected), expected_);                                                    \
        if (strcmp(got_, expected_) != 0) {                                                        \
            fail_msg("%s: got %s, expected %s", (name), got_, expected_);                          \
        }                                                                                          \
    } while (0)

#endif
