/* Dates, times and the few phrases that cobid itself puts into messages, in the language of the message. Civil times are those of the office's
 * wall clock. All texts are in the arena (or static) and never fail: memory that runs out ends the process. */
#ifndef COBI_TEMPLATE_WORDING_H
#define COBI_TEMPLATE_WORDING_H

#include "cobi/base/arena.h"
#include "cobi/base/time.h"
#include "cobi/template/template.h"

/* "Mon"; in Welsh the whole name without "dydd", because the text around it decides how that word begins: "Llun". */
const char *wording_weekday(enum language language, struct date date);
/* "11 Aug", "11 Awst". */
const char *wording_day(enum language language, struct date date, struct arena *arena);
/* "2pm", "10:30am", "midday"; "2 y prynhawn", "10:30 y bore", "7 yr hwyr", "hanner dydd". */
const char *wording_time(enum language language, struct civil civil, struct arena *arena);
/* "Mon 11 August 2026", "Dydd Llun 11 Awst 2026". */
const char *wording_long_day(enum language language, struct date date, struct arena *arena);
/* "Mon 11 August 2026 at 2pm", "Dydd Llun 11 Awst 2026 am 2 y prynhawn". */
const char *wording_long_time(enum language language, struct civil civil, struct arena *arena);
/* Values of ${greeting}, ${place}, ${journey} and ${consequence}, with the blanks that part them from the text; "" where nothing was chosen (""
 * or false). mode is how the session is attended: in_person, phone or video; nobody travels to the last two, so that no place is named. */
const char *wording_greeting(enum language language, const char *first_name, struct arena *arena);
const char *wording_place(enum language language, const char *mode, const char *place_label, struct arena *arena);
const char *wording_journey(enum language language, const char *mode);
const char *wording_consequence(enum language language, bool chosen);
/* The longest value of a fact in that language: what lengths are checked with, and what `cobictl template show` prints. */
const char *wording_sample(enum language language, enum fact fact);

#endif
