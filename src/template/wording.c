/* Dates, times and phrases in English and Welsh: one table of words a language.
 *
 * Used for every value that cobid puts into a message itself. Welsh words change their beginnings
 * by what stands before them, so the table holds only what does not: month names, weekdays without
 * "dydd", times with the part of the day behind them. It must never mix two languages in a value.
 */
#include "cobi/template/wording.h"

#include <string.h>

#include "cobi/base/cleanup.h"

struct day_part {
    int from_hour;
    const char *text;
};
static const struct words {
    const char *weekdays[7]; /* from Monday, as enum weekday */
    const char *months_short[12], *months_long[12];
    const char *day_prefix, *time_joiner, *midday;
    struct day_part day_parts[3];
    const char *greeting_begin, *greeting_end, *place_begin, *by_phone, *by_video, *journey,
        *consequence;
} words[LANGUAGE_COUNT] = {
    [LANGUAGE_EN] =
        {
            .weekdays = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"},
            .months_short = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct",
                             "Nov", "Dec"},
            .months_long = {"January", "February", "March", "April", "May", "June", "July",
                            "August", "September", "October", "November", "December"},
            .day_prefix = "",
            .time_joiner = " at ",
            .midday = "midday",
            .day_parts = {{0, "am"}, {12, "pm"}, {24, ""}},
            .greeting_begin = "Hello ",
            .greeting_end = ". ",
            .place_begin = " at ",
            .by_phone = " by phone",
            .by_video = " by video call",
            .journey = " Please plan your journey.",
            .consequence = " Not coming without telling us may have consequences.",
        },
    [LANGUAGE_CY] =
        {
            .weekdays = {"Llun", "Mawrth", "Mercher", "Iau", "Gwener", "Sadwrn", "Sul"},
            .months_short = {"Ion", "Chwef", "Maw", "Ebr", "Mai", "Meh", "Gorff", "Awst", "Medi",
                             "Hyd", "Tach", "Rhag"},
            .months_long = {"Ionawr", "Chwefror", "Mawrth", "Ebrill", "Mai", "Mehefin",
                            "Gorffennaf", "Awst", "Medi", "Hydref", "Tachwedd", "Rhagfyr"},
            .day_prefix = "Dydd ",
            .time_joiner = " am ",
            .midday = "hanner dydd",
            .day_parts = {{0, " y bore"}, {12, " y prynhawn"}, {18, " yr hwyr"}},
            .greeting_begin = "Helo ",
            .greeting_end = ". ",
            .place_begin = ", ",
            .by_phone = ", dros y ff\xc3\xb4n",
            .by_video = ", drwy alwad fideo",
            .journey = " Cynlluniwch eich taith.",
            .consequence = " Os na fyddwch yn dod heb roi gwybod i ni, gall fod canlyniadau.",
        },
};

/* Facts that are not listed have one sample for all languages (facts.def). */
static const struct sample {
    enum fact fact;
    const char *text;
} welsh_samples[] = {
    {FACT_weekday, "Mercher"},
    {FACT_date, "30 Chwef"},
    {FACT_time, "12:30 y prynhawn"},
    {FACT_old_weekday, "Mercher"},
    {FACT_old_date, "30 Chwef"},
    {FACT_old_time, "12:30 y prynhawn"},
    {FACT_all_dates, "Dydd Mercher 30 Gorffennaf 2026 am 12:30 y prynhawn"},
    {FACT_greeting, "Helo Bartholomew. "},
    {FACT_place, ", North Street Community Centre"},
    {FACT_journey, " Cynlluniwch eich taith."},
    {FACT_consequence, " Os na fyddwch yn dod heb roi gwybod i ni, gall fod canlyniadau."},
};

const char *wording_weekday(enum language language, struct date date) {
    return words[language].weekdays[date_weekday(date)];
}

const char *wording_day(enum language language, struct date date, struct arena *arena) {
    return arena_printf(arena, "%d %s", date.day, words[language].months_short[date.month - 1]);
}

static const char *day_part(const struct words *w, int hour) {
    const char *text = "";

    for (size_t i = 0; i < ARRAY_COUNT(w->day_parts) && w->day_parts[i].from_hour <= hour; i++) {
        text = w->day_parts[i].text;
    }
    return text;
}

const char *wording_time(enum language language, struct civil civil, struct arena *arena) {
    const struct words *w = &words[language];
    const int hour = civil.hour % 12 == 0 ? 12 : civil.hour % 12;
    const char *part = day_part(w, civil.hour);

    if (civil.hour == 12 && civil.minute == 0) {
        return w->midday;
    }
    return civil.minute == 0 ? arena_printf(arena, "%d%s", hour, part)
                             : arena_printf(arena, "%d:%02d%s", hour, civil.minute, part);
}

const char *wording_long_day(enum language language, struct date date, struct arena *arena) {
    const struct words *w = &words[language];

    return arena_printf(arena, "%s%s %d %s %d", w->day_prefix, w->weekdays[date_weekday(date)],
                        date.day, w->months_long[date.month - 1], date.year);
}

const char *wording_long_time(enum language language, struct civil civil, struct arena *arena) {
    return arena_printf(arena, "%s%s%s", wording_long_day(language, civil.date, arena),
                        words[language].time_joiner, wording_time(language, civil, arena));
}

const char *wording_greeting(enum language language, const char *first_name, struct arena *arena) {
    const struct words *w = &words[language];

    return *first_name
               ? arena_printf(arena, "%s%s%s", w->greeting_begin, first_name, w->greeting_end)
               : "";
}

const char *wording_place(enum language language, const char *mode, const char *place_label,
                          struct arena *arena) {
    const struct words *w = &words[language];

    return strcmp(mode, "phone") == 0   ? w->by_phone
           : strcmp(mode, "video") == 0 ? w->by_video
           : *place_label               ? arena_printf(arena, "%s%s", w->place_begin, place_label)
                                        : "";
}

const char *wording_journey(enum language language, const char *mode) {
    return strcmp(mode, "in_person") == 0 ? words[language].journey : "";
}

const char *wording_consequence(enum language language, bool chosen) {
    return chosen ? words[language].consequence : "";
}

const char *wording_sample(enum language language, enum fact fact) {
    for (size_t i = 0; language == LANGUAGE_CY && i < ARRAY_COUNT(welsh_samples); i++) {
        if (welsh_samples[i].fact == fact) {
            return welsh_samples[i].text;
        }
    }
    return fact_rows[fact].sample;
}
