/* Holidays: bank holidays from an iCalendar file in the form that gov.uk publishes.
 *
 * holidays_parse() first looks at the bytes itself: size, UTF-8, control characters, nesting, BEGIN
 * matched by END, no recurrence. Only then does libical read them, because its parser is not safe
 * on anything deeper or larger. Days are returned in ascending order, each once.
 *
 * Fails with one complaint that names the line. Must never expand a recurrence rule. */
#include "cobi/ical/holidays.h"

#include <errno.h>
#include <fcntl.h>
#include <libical/ical.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "cobi/base/cleanup.h"
#include "cobi/base/text.h"

#define DEPTH_MAX      4
#define EVENT_DAYS_MAX 31
#define NAME_BYTES_MAX (HOLIDAY_NAME_SIZE - 1)

/* One pass over the file. lines[i] is where the i-th event begins. */
struct scan {
    const char *file_name;
    struct complaint *complaint;
    char *text; /* the content lines, unfolded, with LF ends */
    size_t length;
    char open[DEPTH_MAX][24]; /* names of the components that are open */
    uint32_t depth, event_count;
    bool ended;
    int lines[HOLIDAYS_MAX];
};

static int refuse(const struct scan *scan, int line, const char *why) {
    return complain(scan->complaint, -EINVAL, "%s:%d: %s", scan->file_name, line, why);
}

/* Does the content line begin with this property name? */
static bool line_has(const char *line, const char *name) {
    size_t length = strlen(name);
    return strncasecmp(line, name, length) == 0 && (line[length] == ':' || line[length] == ';');
}

static int scan_begin(struct scan *scan, const char *name, int line) {
    if (scan->depth == DEPTH_MAX) {
        return refuse(scan, line, "components are nested more than 4 deep");
    }
    if (scan->ended || (scan->depth == 0 && strcasecmp(name, "VCALENDAR") != 0)) {
        return refuse(scan, line, "expected one calendar, from BEGIN:VCALENDAR to END:VCALENDAR");
    }
    if (text_copy(scan->open[scan->depth], sizeof scan->open[0], name) < 0) {
        return refuse(scan, line, "the name of a component is too long");
    }
    scan->depth++;
    if (strcasecmp(name, "VEVENT") != 0) {
        return 0;
    }
    if (scan->depth != 2) {
        return refuse(scan, line, "an event must stand directly in the calendar");
    }
    if (scan->event_count == HOLIDAYS_MAX) {
        return refuse(scan, line, "more than 512 events");
    }
    scan->lines[scan->event_count++] = line;
    return 0;
}

static int scan_end(struct scan *scan, const char *name, int line) {
    if (scan->depth == 0 || strcasecmp(scan->open[scan->depth - 1], name) != 0) {
        return refuse(scan, line, "END does not match the last BEGIN");
    }
    scan->depth--;
    scan->ended = scan->depth == 0;
    return 0;
}

/* Looks at one content line. */
static int scan_line(struct scan *scan, const char *text, int line) {
    static const char *const recurring[] = {"RRULE", "RDATE", "EXRULE", "EXDATE"};
    if (text[0] == '\0') {
        return 0;
    }
    if (line_has(text, "BEGIN")) {
        return scan_begin(scan, text + strlen("BEGIN:"), line);
    }
    if (line_has(text, "END")) {
        return scan_end(scan, text + strlen("END:"), line);
    }
    if (scan->depth == 0) {
        return refuse(scan, line, "this is not a calendar: it must begin with BEGIN:VCALENDAR");
    }
    for (size_t i = 0; i < ARRAY_COUNT(recurring); i++) {
        if (line_has(text, recurring[i])) {
            return refuse(scan, line,
                          "recurring events are not read: write one event for each day");
        }
    }
    return 0;
}

/* Takes one physical line off *bytes, without its end. Returns its length or -EINVAL for control
 * characters. */
static int take_line(const char **bytes, const char *end, const char **ret_line) {
    const char *line = *bytes;
    const char *stop = memchr(line, '\n', (size_t)(end - line));
    *bytes = stop != NULL ? stop + 1 : end;
    stop = stop != NULL ? stop : end;
    if (stop > line && stop[-1] == '\r') {
        stop--;
    }
    for (const char *p = line; p < stop; p++) {
        if (((unsigned char)*p < 0x20 && *p != '\t') || *p == 0x7f) {
            return -EINVAL;
        }
    }
    *ret_line = line;
    return (int)(stop - line);
}

static bool folds(const char *bytes, const char *end) {
    return bytes < end && (*bytes == ' ' || *bytes == '\t');
}

/* Unfolds and checks everything that libical must not be trusted with. */
static int scan_all(struct scan *scan, const char *bytes, const char *end) {
    int line = 0;
    while (bytes < end) {
        struct text t;
        text_init(&t, scan->text + scan->length, CALENDAR_BYTES_MAX + 2 - scan->length);
        int first = line + 1;
        size_t skip = 0;
        do {
            const char *from;
            int length = take_line(&bytes, end, &from);
            line++;
            if (length < 0) {
                return refuse(scan, line, "control characters are not allowed");
            }
            text_add_bytes(&t, from + skip, (size_t)length - skip);
            skip = 1;
        } while (folds(bytes, end));
        int r = scan_line(scan, t.data, first);
        if (r < 0) {
            return r;
        }
        text_add(&t, "\n");
        scan->length += t.length;
    }
    return scan->ended ? 0
                       : refuse(scan, line > 0 ? line : 1, "the file ends before END:VCALENDAR");
}

static bool days_of(icalcomponent *event, struct date *ret_first, int32_t *ret_count) {
    icaltimetype start = icalcomponent_get_dtstart(event), end = icalcomponent_get_dtend(event);
    struct date first = {(int16_t)start.year, (uint8_t)start.month, (uint8_t)start.day};
    if (icaltime_is_null_time(start) || !start.is_date || !date_valid(first)) {
        return false;
    }
    int32_t count = 1;
    if (!icaltime_is_null_time(end)) {
        struct date after = {(int16_t)end.year, (uint8_t)end.month, (uint8_t)end.day};
        if (!end.is_date || !date_valid(after)) {
            return false;
        }
        count = date_to_days(after) - date_to_days(first);
    }
    *ret_first = first;
    *ret_count = count;
    return count >= 1 && count <= EVENT_DAYS_MAX;
}

/* Puts the day in its place; a day that is there already keeps its first name. Returns false when
 * there is no room. */
static bool insert_day(struct holidays *holidays, struct date d, const char *name) {
    uint32_t at = holidays->count;
    while (at > 0 && date_cmp(holidays->days[at - 1].date, d) > 0) {
        at--;
    }
    if (at > 0 && date_cmp(holidays->days[at - 1].date, d) == 0) {
        return true;
    }
    if (holidays->count == HOLIDAYS_MAX) {
        return false;
    }
    memmove(&holidays->days[at + 1], &holidays->days[at],
            (holidays->count - at) * sizeof holidays->days[0]);
    holidays->days[at] = (struct holiday){.date = d};
    holidays->count++;
    return text_copy(holidays->days[at].name, HOLIDAY_NAME_SIZE, name) == 0;
}

static int add_event(const struct scan *scan, icalcomponent *event, int line,
                     struct holidays *holidays) {
    const char *name = icalcomponent_get_summary(event);
    struct date first;
    int32_t count;
    if (name == NULL || text_check(name, strlen(name), NAME_BYTES_MAX) != TEXT_FINE) {
        return refuse(scan, line, "this event needs a SUMMARY of at most 63 bytes on one line");
    }
    if (!days_of(event, &first, &count)) {
        return refuse(scan, line, "this event needs DTSTART;VALUE=DATE and at most 31 whole days");
    }
    for (int32_t i = 0; i < count; i++) {
        if (!insert_day(holidays, date_add_days(first, i), name)) {
            return refuse(scan, line, "more than 512 days");
        }
    }
    return 0;
}

static int add_events(const struct scan *scan, icalcomponent *calendar, struct holidays *holidays) {
    icalcompiter iterator = icalcomponent_begin_component(calendar, ICAL_VEVENT_COMPONENT);
    for (uint32_t i = 0; i < scan->event_count; i++) {
        icalcomponent *event = icalcompiter_deref(&iterator);
        if (event == NULL || icalcomponent_count_errors(event) != 0) {
            return refuse(scan, scan->lines[i], "this event holds a value that cannot be read");
        }
        int r = add_event(scan, event, scan->lines[i], holidays);
        if (r < 0) {
            return r;
        }
        (void)icalcompiter_next(&iterator); /* the next turn looks at what it points to */
    }
    if (holidays->count == 0) {
        return refuse(scan, 1, "there is no event in this calendar");
    }
    holidays->last = holidays->days[holidays->count - 1].date;
    return 0;
}

static int parse_scanned(struct scan *scan, const char *bytes, size_t length,
                         struct holidays *holidays) {
    if (length > CALENDAR_BYTES_MAX) {
        return refuse(scan, 1, "the file is larger than 64 KB");
    }
    if (memchr(bytes, '\0', length) != NULL || !utf8_valid(bytes, length)) {
        return refuse(scan, 1, "the file is not UTF-8 text");
    }
    size_t mark = length >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    int r = scan_all(scan, bytes + mark, bytes + length);
    if (r < 0) {
        return r;
    }
    icalerror_set_errors_are_fatal(0);
    icalcomponent *calendar = icalparser_parse_string(scan->text);
    if (calendar == NULL || icalcomponent_isa(calendar) != ICAL_VCALENDAR_COMPONENT) {
        r = refuse(scan, 1, "this is not a calendar");
    } else {
        r = add_events(scan, calendar, holidays);
    }
    if (calendar != NULL) {
        icalcomponent_free(calendar);
    }
    return r;
}

int holidays_parse(const char *file_name, const char *bytes, size_t length,
                   struct holidays *ret_holidays, struct complaint *complaint) {
    struct work {
        struct holidays holidays;
        char text[CALENDAR_BYTES_MAX + 2];
    };
    _cleanup_free_ struct work *work = calloc(1, sizeof *work);
    if (work == NULL) {
        abort();
    }
    struct scan scan = {.file_name = file_name, .complaint = complaint, .text = work->text};
    int r = parse_scanned(&scan, bytes, length, &work->holidays);
    if (r == 0) {
        *ret_holidays = work->holidays;
    }
    return r;
}

int holidays_load(const char *file, struct holidays *ret_holidays, struct complaint *complaint) {
    _cleanup_close_ int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) < 0) {
        int error = errno;
        return complain(complaint, -error, "%s:1: cannot be read: %s", file, strerror(error));
    }
    if (!S_ISREG(status.st_mode)) {
        return complain(complaint, -EINVAL, "%s:1: is not a regular file", file);
    }
    _cleanup_free_ char *bytes = malloc(CALENDAR_BYTES_MAX + 1);
    if (bytes == NULL) {
        abort();
    }
    size_t length = 0;
    while (length <=
           CALENDAR_BYTES_MAX) { /* one byte more than allowed shows that it is too large */
        ssize_t n = read(fd, bytes + length, CALENDAR_BYTES_MAX + 1 - length);
        if (n < 0) {
            int error = errno;
            return complain(complaint, -error, "%s:1: cannot be read: %s", file, strerror(error));
        }
        if (n == 0) {
            break;
        }
        length += (size_t)n;
    }
    return holidays_parse(file, bytes, length, ret_holidays, complaint);
}
