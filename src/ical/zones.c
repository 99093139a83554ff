/* Zones: the system's time zone data as tables that the rules can use without libical.
 *
 * zones_open() proves that zone data is there and right (a July morning in London), zones_find()
 * loads a zone at its first use by walking the UTC offset day by day and bisecting every change to
 * the second. Only one question is put to libical, the offset of a UTC time: its answers were
 * compared with an independent reader, and its other roads between civil time and UTC are known to
 * be an hour off or to depart from RFC 5545.
 *
 * Fails by NULL (no such zone) or -ENODATA (no zone data). Must never hand libical a name that is
 * not the plain name of a zone, since it becomes a path. */
#include "cobi/ical/zones.h"

#include <errno.h>
#include <libical/ical.h>
#include <string.h>

#include "cobi/base/cleanup.h"
#include "cobi/base/log.h"
#include "cobi/base/text.h"

/* More zones than any service works in: bounds what names from outside can load. */
#define ZONES_MAX    64
#define WALK_FROM_US (INT64_C(631152000) * SECOND_US)  /* 1990-01-01T00:00:00Z */
#define WALK_TO_US   (INT64_C(4133980800) * SECOND_US) /* 2101-01-01T00:00:00Z */
/* 2026-07-06T10:00:00Z, when clocks in London show 11:00. */
#define LONDON_SUMMER_US       (INT64_C(1783332000) * SECOND_US)
#define LONDON_SUMMER_OFFSET_S 3600

struct zones {
    size_t count;
    struct zone *list[ZONES_MAX];
};

static bool name_is_plain(const char *name) {
    size_t length = strlen(name);
    if (length == 0 || length >= ZONE_NAME_SIZE || name[0] < 'A' || name[0] > 'Z') {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        char c = name[i];
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        bool mark = c == '_' || c == '-' || c == '+';
        bool slash = c == '/' && i + 1 < length && name[i - 1] != '/';
        if (!letter && !mark && !slash) {
            return false;
        }
    }
    return true;
}

static int32_t offset_at(icaltimezone *source, struct instant t) {
    struct civil c = civil_utc(t);
    icaltimetype utc = icaltime_null_time();
    utc.year = c.date.year;
    utc.month = c.date.month;
    utc.day = c.date.day;
    utc.hour = c.hour;
    utc.minute = c.minute;
    utc.second = c.second;
    utc.zone = icaltimezone_get_utc_timezone();
    int is_daylight;
    return icaltimezone_get_utc_offset_of_utc_time(source, &utc, &is_daylight);
}

/* The first second in (from, to] that has to's offset, where exactly one change lies between. */
static struct instant find_change(icaltimezone *source, struct instant from, struct instant to,
                                  int32_t offset_to_s) {
    while (to.us - from.us > SECOND_US) {
        int64_t seconds = (to.us - from.us) / SECOND_US;
        struct instant middle = {from.us + seconds / 2 * SECOND_US};
        if (offset_at(source, middle) == offset_to_s) {
            to = middle;
        } else {
            from = middle;
        }
    }
    return to;
}

static void walk(icaltimezone *source, struct zone *zone) {
    struct instant t = {WALK_FROM_US};
    /* The end first: else libical works out all changes anew for every few years of the walk. */
    (void)offset_at(source, (struct instant){WALK_TO_US});
    int32_t offset_s = offset_at(source, t);
    zone->offset_before_s = offset_s;
    while (t.us < WALK_TO_US) {
        struct instant next = instant_add(t, span_days(1));
        int32_t next_offset_s = offset_at(source, next);
        if (next_offset_s != offset_s) {
            if (zone->transition_count == ZONE_TRANSITIONS_MAX) {
                struct civil last = civil_utc(t);
                log_warning("zone %s: changes of its clock after %d are left out", zone->name,
                            last.date.year - 1);
                return;
            }
            zone->transitions[zone->transition_count++] = (struct zone_transition){
                .at = find_change(source, t, next, next_offset_s),
                .offset_s = next_offset_s,
            };
            offset_s = next_offset_s;
        }
        t = next;
    }
}

static icaltimezone *find_source(const char *name) {
    icalerror_set_errors_are_fatal(0);
    icaltimezone *source = name_is_plain(name) ? icaltimezone_get_builtin_timezone(name) : NULL;
    /* Loading is lazy and says nothing when it fails; UTC is the one zone without a component. */
    if (source == NULL ||
        (icaltimezone_get_component(source) == NULL && source != icaltimezone_get_utc_timezone())) {
        return NULL;
    }
    return source;
}

static struct zone *load(const char *name) {
    icaltimezone *source = find_source(name);
    if (source == NULL) {
        return NULL;
    }
    struct zone *zone = calloc(1, sizeof *zone);
    if (zone == NULL) {
        abort();
    }
    if (text_copy(zone->name, sizeof zone->name, name) < 0) {
        free(zone);
        return NULL;
    }
    walk(source, zone);
    return zone;
}

int zones_open(struct zones **ret_zones) {
    struct zones *zones = calloc(1, sizeof *zones);
    if (zones == NULL) {
        abort();
    }
    const struct zone *london = zones_find(zones, "Europe/London");
    struct instant summer = {LONDON_SUMMER_US};
    if (london == NULL || zone_offset_s(london, summer) != LONDON_SUMMER_OFFSET_S) {
        zones_free(zones);
        return -ENODATA;
    }
    *ret_zones = zones;
    return 0;
}

void zones_free(struct zones *zones) {
    if (zones == NULL) {
        return;
    }
    for (size_t i = 0; i < zones->count; i++) {
        free(zones->list[i]);
    }
    free(zones);
    icaltimezone_free_builtin_timezones(); /* libical loads them again when another set asks */
}

const struct zone *zones_find(struct zones *zones, const char *name) {
    for (size_t i = 0; i < zones->count; i++) {
        if (strcmp(zones->list[i]->name, name) == 0) {
            return zones->list[i];
        }
    }
    if (zones->count == ZONES_MAX) {
        return NULL;
    }
    struct zone *zone = load(name);
    if (zone != NULL) {
        zones->list[zones->count++] = zone;
    }
    return zone;
}

bool zones_known(const char *name) {
    const bool known = find_source(name) != NULL;
    icaltimezone_free_builtin_timezones(); /* what was read now must not be what is found later */
    return known;
}
