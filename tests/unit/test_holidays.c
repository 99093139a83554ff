/* Holidays: the shipped file, and everything that must be refused before a parser sees it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cobi/base/cleanup.h"
#include "cobi/base/text.h"
#include "cobi/ical/holidays.h"
#include "seed.h"

#define BEGIN       "BEGIN:VCALENDAR\r\nVERSION:2.0\r\n"
#define END         "END:VCALENDAR\r\n"
#define EVENT(rest) "BEGIN:VEVENT\r\nUID:a\r\n" rest "END:VEVENT\r\n"

static struct holidays holidays; /* large; written anew by every parse that succeeds */

static int parse(const char *text, struct complaint *complaint) {
    *complaint = (struct complaint){0};
    holidays = (struct holidays){.count = 77};
    return holidays_parse("file.ics", text, strlen(text), &holidays, complaint);
}

static void assert_day(size_t index, int year, int month, int day, const char *name) {
    assert_int_equal(holidays.days[index].date.year, year);
    assert_int_equal(holidays.days[index].date.month, month);
    assert_int_equal(holidays.days[index].date.day, day);
    assert_string_equal(holidays.days[index].name, name);
}

static void test_shipped_files(void **state) {
    (void)state;
    static const char *const names[] = {"tests/data/england-and-wales.ics",
                                        "etc/england-and-wales.ics"};
    const char *top = getenv("top_srcdir");
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        char path[4096];
        struct complaint complaint = {0};
        struct text t = TEXT_IN(path);
        text_addf(&t, "%s/%s", top != NULL ? top : ".", names[i]);
        holidays = (struct holidays){0};
        int r = holidays_load(path, &holidays, &complaint);
        assert_string_equal(complaint.text, "");
        assert_int_equal(r, 0);
        assert_int_equal(holidays.count, 24);
        assert_day(0, 2026, 1, 1, "New Year’s Day");
        assert_day(7, 2026, 12, 28, "Boxing Day (substitute day)");
        assert_day(9, 2027, 3, 26, "Good Friday");
        assert_day(23, 2028, 12, 26, "Boxing Day");
        assert_int_equal(holidays.last.year, 2028);
        assert_int_equal(holidays.last.day, 26);
    }
}

static void test_accepted(void **state) {
    (void)state;
    struct complaint c;
    /* Out of order, twice the same day, several days, no DTEND, folded lines, LF ends, a mark at
     * the beginning. */
    assert_int_equal(
        parse("\xef\xbb\xbf" BEGIN EVENT("DTSTART;VALUE=DATE:20271225\r\nSUMMARY:Late\r\n")
                  EVENT("DTSTART;VALUE=DATE:20270102\nDTEND;VALUE=DATE:20270105\n"
                        "SUMMARY:Ne\r\n w Year\r\n")
                      EVENT("DTSTART;VALUE=DATE:20270103\r\nSUMMARY:Again\r\n") END,
              &c),
        0);
    assert_int_equal(holidays.count, 4);
    assert_day(0, 2027, 1, 2, "New Year");
    assert_day(1, 2027, 1, 3, "New Year");
    assert_day(2, 2027, 1, 4, "New Year");
    assert_day(3, 2027, 12, 25, "Late");
    assert_int_equal(date_cmp(holidays.last, holidays.days[3].date), 0);
}

static void test_refused(void **state) {
    (void)state;
    static const struct {
        const char *text, *complaint;
    } rows[] = {
        {"", "file.ics:1: the file ends before END:VCALENDAR"},
        {"<html>no calendar</html>\n",
         "file.ics:1: this is not a calendar: it must begin with BEGIN:VCALENDAR"},
        {BEGIN, "file.ics:2: the file ends before END:VCALENDAR"},
        {BEGIN END, "file.ics:1: there is no event in this calendar"},
        {BEGIN END BEGIN END,
         "file.ics:4: expected one calendar, from BEGIN:VCALENDAR to END:VCALENDAR"},
        {"BEGIN:VEVENT\r\nEND:VEVENT\r\n",
         "file.ics:1: expected one calendar, from BEGIN:VCALENDAR to END:VCALENDAR"},
        {BEGIN "BEGIN:VEVENT\r\nEND:VTODO\r\n" END,
         "file.ics:4: END does not match the last BEGIN"},
        {BEGIN EVENT("DTSTART;VALUE=DATE:20270101\r\nSUMMARY:A\r\nRRULE:FREQ=SECONDLY\r\n") END,
         "file.ics:7: recurring events are not read: write one event for each day"},
        {BEGIN EVENT("DTSTART;VALUE=DATE:20270101\r\nSUMMARY:A\r\nRR\r\n ULE:FREQ=DAILY\r\n") END,
         "file.ics:7: recurring events are not read: write one event for each day"},
        {BEGIN EVENT("DTSTART;VALUE=DATE:20270101\r\nSUMMARY:A\r\nrdate;VALUE=DATE:20270102\r\n")
             END,
         "file.ics:7: recurring events are not read: write one event for each day"},
        {BEGIN EVENT("DTSTART:20270101T090000Z\r\nSUMMARY:A\r\n") END,
         "file.ics:3: this event needs DTSTART;VALUE=DATE and at most 31 whole days"},
        {BEGIN EVENT("SUMMARY:A\r\n") END,
         "file.ics:3: this event needs DTSTART;VALUE=DATE and at most 31 whole days"},
        {BEGIN EVENT("DTSTART;VALUE=DATE:20270101\r\nDTEND;VALUE=DATE:20270101\r\nSUMMARY:A\r\n")
             END,
         "file.ics:3: this event needs DTSTART;VALUE=DATE and at most 31 whole days"},
        {BEGIN EVENT("DTSTART;VALUE=DATE:20270101\r\nDTEND;VALUE=DATE:20290101\r\nSUMMARY:A\r\n")
             END,
         "file.ics:3: this event needs DTSTART;VALUE=DATE and at most 31 whole days"},
        {BEGIN EVENT("DTSTART;VALUE=DATE:20270101\r\n") END,
         "file.ics:3: this event needs a SUMMARY of at most 63 bytes on one line"},
        {BEGIN EVENT("DTSTART;VALUE=DATE:20270101\r\nSUMMARY:Two\\nlines\r\n") END,
         "file.ics:3: this event needs a SUMMARY of at most 63 bytes on one line"},
        {BEGIN EVENT("DTSTART;VALUE=DATE:20270101\r\nSUMMARY:An escape \x1b[2J\r\n") END,
         "file.ics:6: control characters are not allowed"},
        {BEGIN "X-A:\xff\r\n" END, "file.ics:1: the file is not UTF-8 text"},
        {BEGIN "BEGIN:VEVENT\r\nBEGIN:VALARM\r\nBEGIN:X\r\nBEGIN:Y\r\n",
         "file.ics:6: components are nested more than 4 deep"},
        {BEGIN "BEGIN:VTIMEZONE\r\nBEGIN:VEVENT\r\n",
         "file.ics:4: an event must stand directly in the calendar"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct complaint complaint;
        int r = parse(rows[i].text, &complaint);
        assert_string_equal(complaint.text, rows[i].complaint);
        assert_int_equal(r, -EINVAL);
        assert_int_equal(holidays.count, 77); /* untouched */
    }
}

static void test_caps(void **state) {
    (void)state;
    struct complaint complaint = {0};
    char *big = calloc(1, CALENDAR_BYTES_MAX + 2);
    assert_non_null(big);
    memset(big, '\n', CALENDAR_BYTES_MAX + 1);
    assert_int_equal(holidays_parse("f", big, CALENDAR_BYTES_MAX + 1, &holidays, &complaint),
                     -EINVAL);
    assert_string_equal(complaint.text, "f:1: the file is larger than 64 KB");
    /* 9,000 components inside each other would overflow a small stack when libical frees them. */
    struct text t;
    text_init(&t, big, CALENDAR_BYTES_MAX);
    text_add(&t, BEGIN);
    for (int i = 0; i < 9000; i++) {
        text_add(&t, "BEGIN:X");
    }
    for (int i = 0; i < 100; i++) {
        text_add(&t, "\nBEGIN:X");
    }
    assert_int_equal(parse(big, &complaint), -EINVAL);
    /* 513 events. */
    text_init(&t, big, CALENDAR_BYTES_MAX);
    text_add(&t, BEGIN);
    for (int i = 0; i < 513; i++) {
        text_add(&t, "BEGIN:VEVENT\nEND:VEVENT\n");
    }
    text_add(&t, END);
    assert_false(t.overflow);
    assert_int_equal(parse(big, &complaint), -EINVAL);
    assert_string_equal(complaint.text, "file.ics:1027: more than 512 events");
    char zero[] = BEGIN "\0" END;
    complaint = (struct complaint){0};
    assert_int_equal(holidays_parse("f", zero, sizeof zero - 1, &holidays, &complaint), -EINVAL);
    assert_string_equal(complaint.text, "f:1: the file is not UTF-8 text");
    free(big);
}

static void test_files(void **state) {
    (void)state;
    struct complaint complaint = {0};
    assert_int_equal(holidays_load("/nonexistent/h.ics", &holidays, &complaint), -ENOENT);
    assert_string_equal(complaint.text,
                        "/nonexistent/h.ics:1: cannot be read: No such file or directory");
    complaint = (struct complaint){0};
    assert_int_equal(holidays_load("/dev/zero", &holidays, &complaint), -EINVAL);
    assert_string_equal(complaint.text, "/dev/zero:1: is not a regular file");
}

/* Cut or change the shipped form anywhere: an answer, never a crash, and never a day that does not
 * exist. */
static void test_mutations(void **state) {
    (void)state;
    const char *good = BEGIN EVENT(
        "DTSTART;VALUE=DATE:20270101\r\nDTEND;VALUE=DATE:20270102\r\nSUMMARY:New\\, Year\r\n") END;
    size_t length = strlen(good);
    uint64_t seed = seed_init("test_mutations");
    for (int n = 0; n < 3000; n++) {
        char copy[512];
        struct complaint complaint;
        memcpy(copy, good, length + 1);
        for (int k = 0; k < 1 + n % 4; k++) {
            copy[seed_next(&seed) % length] = (char)(seed_next(&seed) % 256);
        }
        if (n % 3 == 0) {
            copy[seed_next(&seed) % length] = '\0';
        }
        if (parse(copy, &complaint) == 0) {
            assert_in_range(holidays.count, 1, 31);
            assert_true(date_valid(holidays.days[0].date));
            assert_string_equal(complaint.text, "");
        } else {
            assert_int_equal(strncmp(complaint.text, "file.ics:", 9), 0);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shipped_files), cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_refused),       cmocka_unit_test(test_caps),
        cmocka_unit_test(test_files),         cmocka_unit_test(test_mutations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
