/* fuzz_time: our arithmetic of days, wall clocks and zones against the C library's, which reads the
 * system's zone data by itself. 14 bytes: zone, policy, seconds since 1900 (8), minutes to add (4).
 * Until 2037 zones must agree to the second, those of Europe from 1990 on, others from 2026 on:
 * libical 3.0.16 retells the past of some (Sao Paulo's 2014). Calendars must from 1900 to 2999. */
#include "fuzz.h"

#include <string.h>
#include <time.h>

#include "cobi/base/zone.h"
#include "cobi/ical/zones.h"

#define FIRST_SECOND INT64_C(-2208988800) /* 1900-01-01 */
#define LAST_SECOND  INT64_C(32503679999) /* 2999-12-31 23:59:59 */
#define EUROPE_FROM  INT64_C(631152000)   /* 1990-01-01 */
#define OTHERS_FROM  INT64_C(1767225600)  /* 2026-01-01 */
#define ZONES_TO     INT64_C(2145916800)  /* 2038-01-01 */

static const char *const zone_names[] = {
    "Europe/London",       "Europe/Dublin",    "Europe/Berlin",    "America/New_York",
    "Australia/Lord_Howe", "Pacific/Chatham",  "Asia/Kathmandu",   "Pacific/Apia",
    "Africa/Casablanca",   "America/St_Johns", "America/Sao_Paulo"};
#define ZONE_COUNT (sizeof(zone_names) / sizeof(zone_names[0]))

static struct civil civil_of(const struct tm *tm) {
    return (struct civil){
        {(int16_t)(tm->tm_year + 1900), (uint8_t)(tm->tm_mon + 1), (uint8_t)tm->tm_mday},
        (uint8_t)tm->tm_hour,
        (uint8_t)tm->tm_min,
        (uint8_t)tm->tm_sec};
}

static struct tm tm_of(struct civil c) {
    return (struct tm){.tm_year = c.date.year - 1900,
                       .tm_mon = c.date.month - 1,
                       .tm_mday = c.date.day,
                       .tm_hour = c.hour,
                       .tm_min = c.minute,
                       .tm_sec = c.second,
                       .tm_isdst = -1};
}

static bool in_range(int64_t seconds) {
    return seconds >= FIRST_SECOND && seconds <= LAST_SECOND;
}

static void try_calendar(int64_t seconds, int32_t minutes) {
    struct civil c = civil_utc((struct instant){seconds * SECOND_US}), later;
    struct tm tm;
    time_t other = seconds;

    FUZZ_CHECK(gmtime_r(&other, &tm) != NULL);
    FUZZ_CHECK(civil_cmp(c, civil_of(&tm)) == 0);
    FUZZ_CHECK((int)date_weekday(c.date) == (tm.tm_wday + 6) % 7);
    FUZZ_CHECK(instant_from_utc_civil(c).us == seconds * SECOND_US);
    FUZZ_CHECK(date_cmp(date_from_days(date_to_days(c.date)), c.date) == 0);
    later = civil_add_minutes(c, minutes);
    other = seconds + (int64_t)minutes * 60;
    if (in_range(other)) {
        FUZZ_CHECK(gmtime_r(&other, &tm) != NULL);
        FUZZ_CHECK(civil_cmp(later, civil_of(&tm)) == 0);
    }
    FUZZ_CHECK(date_valid(later.date) && date_valid(date_add_months(c.date, minutes)));
}

/* A month later is that month, and the same day or the month's last. */
static void try_months(struct date from, int32_t months) {
    struct date to = date_add_months(from, months % 1200);
    int64_t count = (int64_t)from.year * 12 + from.month - 1 + months % 1200;

    if (count >= 1900 * 12 && count < 3000 * 12) {
        FUZZ_CHECK(to.year == count / 12 && to.month == count % 12 + 1);
        FUZZ_CHECK(to.day == from.day ||
                   (to.day < from.day && date_add_days(to, 1).month != to.month));
    }
}

static void try_texts(struct instant t) {
    char text[INSTANT_TEXT_SIZE], local[CIVIL_TEXT_SIZE];
    struct instant read;
    struct civil c = civil_utc(t), again;

    instant_to_text(t, text);
    FUZZ_CHECK(instant_from_text(text, &read) == 0 && read.us == t.us);
    c.second = 0;
    civil_to_text(c, local);
    FUZZ_CHECK(civil_from_text(local, &again) == 0 && civil_cmp(c, again) == 0);
}

/* By a wall clock of the zone: what resolve() finds shows that time, and says rightly whether it
 * occurs once, twice or not at all. */
static void try_resolve(const struct zone *zone, struct civil c, enum zone_overlap_policy policy) {
    struct instant t, first, second;
    enum zone_fit fit = zone_resolve(zone, c, policy, &t);
    struct tm tm = tm_of(c);
    time_t other = mktime(&tm);

    FUZZ_CHECK(zone_resolve(zone, c, ZONE_FIRST, &first) == fit);
    FUZZ_CHECK(zone_resolve(zone, c, ZONE_SECOND, &second) == fit);
    FUZZ_CHECK(t.us == (policy == ZONE_FIRST ? first.us : second.us));
    FUZZ_CHECK((fit == ZONE_OVERLAP) == (first.us < second.us));
    if (fit == ZONE_GAP) {
        FUZZ_CHECK(civil_cmp(zone_civil(zone, t), c) > 0);
        FUZZ_CHECK(civil_cmp(civil_of(&tm), c) != 0); /* nor does the C library find it */
    } else {
        FUZZ_CHECK(civil_cmp(zone_civil(zone, first), c) == 0);
        FUZZ_CHECK(civil_cmp(zone_civil(zone, second), c) == 0);
        FUZZ_CHECK(other == first.us / SECOND_US || other == second.us / SECOND_US);
    }
}

static void try_zone(const char *name, int64_t seconds, enum zone_overlap_policy policy) {
    static struct zones *zones;
    const struct zone *zone;
    struct civil c;
    struct tm tm;
    time_t other = seconds;

    FUZZ_CHECK(zones != NULL || zones_open(&zones) == 0);
    zone = zones_find(zones, name);
    FUZZ_CHECK(zone != NULL && setenv("TZ", name, 1) == 0);
    tzset();
    c = zone_civil(zone, (struct instant){seconds * SECOND_US});
    FUZZ_CHECK(localtime_r(&other, &tm) != NULL);
    FUZZ_CHECK(civil_cmp(c, civil_of(&tm)) == 0);
    FUZZ_CHECK(zone_offset_s(zone, (struct instant){seconds * SECOND_US}) == tm.tm_gmtoff);
    try_resolve(zone, c, policy);
    /* Also what no clock shows: the same figures an hour off. */
    try_resolve(zone, civil_add_minutes(c, 60), policy);
    try_resolve(zone, civil_add_minutes(c, -60), policy);
}

static uint64_t number(const uint8_t *data, size_t bytes) {
    uint64_t n = 0;

    for (size_t i = 0; i < bytes; i++) {
        n = n << 8 | data[i];
    }
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *name;
    int64_t seconds, from;
    int32_t minutes;

    if (size != 14) {
        return 0;
    }
    seconds = FIRST_SECOND +
              (int64_t)(number(data + 2, 8) % (uint64_t)(LAST_SECOND - FIRST_SECOND));
    minutes = (int32_t)number(data + 10, 4);
    try_calendar(seconds, minutes);
    try_months(civil_utc((struct instant){seconds * SECOND_US}).date, minutes);
    try_texts((struct instant){seconds * SECOND_US + (minutes & 0x7ffff)});
    name = zone_names[data[0] % ZONE_COUNT];
    from = strncmp(name, "Europe/", 7) == 0 ? EUROPE_FROM : OTHERS_FROM;
    seconds = from + (seconds - FIRST_SECOND) % (ZONES_TO - from);
    try_zone(name, seconds, data[1] & 1 ? ZONE_SECOND : ZONE_FIRST);
    return 0;
}
