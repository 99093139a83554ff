/* Words of both languages: every value of a year against tables, and against the samples that
 * lengths are checked with. */
#include "cobi/base/cleanup.h"
#include "cobi/base/gsm.h"
#include "cobi/template/wording.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct row {
    struct civil at;
    const char *weekday[LANGUAGE_COUNT], *day[LANGUAGE_COUNT], *time[LANGUAGE_COUNT],
        *long_time[LANGUAGE_COUNT];
} rows[] = {
    {{{2026, 8, 10}, 14, 0, 0},
     {"Mon", "Llun"},
     {"10 Aug", "10 Awst"},
     {"2pm", "2 y prynhawn"},
     {"Mon 10 August 2026 at 2pm", "Dydd Llun 10 Awst 2026 am 2 y prynhawn"}},
    {{{2027, 2, 2}, 10, 30, 0},
     {"Tue", "Mawrth"},
     {"2 Feb", "2 Chwef"},
     {"10:30am", "10:30 y bore"},
     {"Tue 2 February 2027 at 10:30am", "Dydd Mawrth 2 Chwefror 2027 am 10:30 y bore"}},
    {{{2026, 12, 30}, 12, 0, 0},
     {"Wed", "Mercher"},
     {"30 Dec", "30 Rhag"},
     {"midday", "hanner dydd"},
     {"Wed 30 December 2026 at midday", "Dydd Mercher 30 Rhagfyr 2026 am hanner dydd"}},
    {{{2027, 7, 1}, 18, 0, 0},
     {"Thu", "Iau"},
     {"1 Jul", "1 Gorff"},
     {"6pm", "6 yr hwyr"},
     {"Thu 1 July 2027 at 6pm", "Dydd Iau 1 Gorffennaf 2027 am 6 yr hwyr"}},
    {{{2027, 1, 1}, 0, 5, 0},
     {"Fri", "Gwener"},
     {"1 Jan", "1 Ion"},
     {"12:05am", "12:05 y bore"},
     {"Fri 1 January 2027 at 12:05am", "Dydd Gwener 1 Ionawr 2027 am 12:05 y bore"}},
    {{{2027, 11, 6}, 17, 59, 0},
     {"Sat", "Sadwrn"},
     {"6 Nov", "6 Tach"},
     {"5:59pm", "5:59 y prynhawn"},
     {"Sat 6 November 2027 at 5:59pm", "Dydd Sadwrn 6 Tachwedd 2027 am 5:59 y prynhawn"}},
    {{{2027, 5, 2}, 12, 1, 0},
     {"Sun", "Sul"},
     {"2 May", "2 Mai"},
     {"12:01pm", "12:01 y prynhawn"},
     {"Sun 2 May 2027 at 12:01pm", "Dydd Sul 2 Mai 2027 am 12:01 y prynhawn"}},
};

static void known_values(void **unused) {
    struct arena arena = {0};

    (void)unused;
    for (size_t i = 0; i < ARRAY_COUNT(rows) * LANGUAGE_COUNT; i++) {
        const struct row *r = &rows[i / LANGUAGE_COUNT];
        const enum language language = (enum language)(i % LANGUAGE_COUNT);
        assert_string_equal(wording_weekday(language, r->at.date), r->weekday[language]);
        assert_string_equal(wording_day(language, r->at.date, &arena), r->day[language]);
        assert_string_equal(wording_time(language, r->at, &arena), r->time[language]);
        assert_string_equal(wording_long_time(language, r->at, &arena), r->long_time[language]);
    }
    arena_done(&arena);
}

static void fits(enum language language, enum fact fact, const char *value) {
    if (strlen(value) > strlen(wording_sample(language, fact))) {
        fail_msg("\"%s\" is longer than the sample of ${%s}, \"%s\"", value, fact_rows[fact].name,
                 wording_sample(language, fact));
    }
}

/* All days of a year and all minutes of a day are no longer than the samples, and cost no UCS-2. */
static void samples_are_the_longest(void **unused) {
    struct arena arena = {0};

    (void)unused;
    for (unsigned i = 0; i < LANGUAGE_COUNT * 24 * 60; i++) {
        const enum language language = (enum language)(i % LANGUAGE_COUNT);
        const int minute = (int)(i / LANGUAGE_COUNT);
        const struct civil at = {date_add_days((struct date){2026, 1, 1}, minute % 365),
                                 (uint8_t)(minute / 60), (uint8_t)(minute % 60), 0};
        struct gsm_size size;
        const char *all = wording_long_time(language, at, &arena);
        fits(language, FACT_weekday, wording_weekday(language, at.date));
        fits(language, FACT_date, wording_day(language, at.date, &arena));
        fits(language, FACT_time, wording_time(language, at, &arena));
        fits(language, FACT_all_dates, all);
        assert_int_equal(gsm_measure(all, &size), 0);
        assert_int_equal(size.charset, GSM_SEVEN_BIT);
        arena_reset(&arena);
    }
    arena_done(&arena);
}

static void phrases(void **unused) {
    struct arena arena = {0};

    (void)unused;
    assert_string_equal(wording_greeting(LANGUAGE_EN, "Sam", &arena), "Hello Sam. ");
    assert_string_equal(wording_greeting(LANGUAGE_CY, "Sam", &arena), "Helo Sam. ");
    assert_string_equal(wording_greeting(LANGUAGE_CY, "", &arena), "");
    assert_string_equal(wording_place(LANGUAGE_EN, "in_person", "North Street", &arena),
                        " at North Street");
    assert_string_equal(wording_place(LANGUAGE_CY, "in_person", "North Street", &arena),
                        ", North Street");
    assert_string_equal(wording_place(LANGUAGE_CY, "in_person", "", &arena), "");
    assert_string_equal(wording_place(LANGUAGE_EN, "phone", "North Street", &arena), " by phone");
    assert_string_equal(wording_place(LANGUAGE_EN, "video", "", &arena), " by video call");
    assert_string_equal(wording_place(LANGUAGE_CY, "phone", "", &arena), ", dros y ff\xc3\xb4n");
    assert_string_equal(wording_place(LANGUAGE_CY, "video", "", &arena), ", drwy alwad fideo");
    for (unsigned i = 0; i < LANGUAGE_COUNT; i++) {
        const enum language language = (enum language)i;
        assert_string_equal(wording_journey(language, "in_person"),
                            wording_sample(language, FACT_journey));
        assert_string_equal(wording_journey(language, "phone"), "");
        assert_string_equal(wording_journey(language, "video"), "");
        assert_string_equal(wording_consequence(language, false), "");
        assert_string_equal(wording_consequence(language, true),
                            wording_sample(language, FACT_consequence));
        assert_int_equal(disclose_find_word(wording_consequence(language, true), NULL), -1);
    }
    arena_done(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_values),
        cmocka_unit_test(samples_are_the_longest),
        cmocka_unit_test(phrases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
