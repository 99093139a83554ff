/* Message texts as files: templates/LANGUAGE/NAME.CHANNEL.txt, header lines, an empty line, then text with ${fact}.
 *
 * Headers: "Audience:" (required: who gets it, "supervisor" or "practitioner, supervisor"; the participant shares with nobody), "Subject:" (email,
 * required), "Draft: yes" (not signed off: listed and shown, but the English one is sent). A name is a kind, or a kind with a variant
 * ("escalation-missed"); a variant that ends in "-AUDIENCE" is taken for that audience when the name before it is asked for.
 * ${fact} is replaced by its value, which is never looked at again; "$$" is a dollar sign. Nothing else is special: no logic, no recursion.
 * Facts may be empty: blanks around lines go, empty lines in a row become one, so a paragraph of nothing but an empty fact vanishes.
 * A text to a participant is checked for neutrality (disclose_find_word()) with its values, for links, and for length in parts: greeting, place and
 * consequence, in this order, are left out of a text that does not fit otherwise, because a short reminder is better than none. A greeting or place in
 * letters outside the GSM alphabet is kept, and may take three parts. */
#ifndef COBI_TEMPLATE_TEMPLATE_H
#define COBI_TEMPLATE_TEMPLATE_H

#include <stdbool.h>

#include "cobi/base/arena.h"
#include "cobi/base/complaint.h"
#include "cobi/rules/disclose.h"

enum language { LANGUAGE_EN, LANGUAGE_CY };
#define LANGUAGE_COUNT 2
struct templates;
/* Reads every file under directory/en (required) and directory/cy (may be missing as a whole) and checks all: every required template is
 * there, each fact exists and may be told to that audience on that channel, subjects hold no name, escalations hold link and code, the longest sample
 * fits (participants' English texts: one GSM-7 part; Welsh: three parts; both without what may be left out), participants' texts are neutral and hold no link.
 * Faults go to complaints as "file:line: text". Returns 0, or -EINVAL. */
_must_use_ int templates_load(const char *directory, struct templates **ret_templates, struct complaints *complaints);
void templates_free(struct templates *templates);

/* What one audience may be told on one channel: values of facts outside its allow-list cannot be put in. */
struct disclosure {
    enum audience audience;
    enum channel channel;
    const char *values[FACT_COUNT]; /* borrowed; NULL: not given */
};
/* Puts a value in if the audience may be told the fact, else does nothing: what is not allowed is not there to be printed. */
void disclosure_set(struct disclosure *d, enum fact fact, const char *value);

struct rendered {
    const char *subject; /* "" for texts; in the arena */
    const char *body;    /* "\n" line ends; no trailing newline for texts */
};
/* Renders NAME for the disclosure's audience and channel. Falls back to English where the language has no such template. Returns 0,
 * -ENOENT (no such template for this audience and channel), -ENODATA (a fact in it was not given; complaint names it), or -EPERM (a participant would
 * see a word of the list or a link, a value holds control characters, or a text would not fit the parts allowed; complaint says which word in which
 * fact, never the text). */
_must_use_ int template_render(const struct templates *templates, const char *name, enum language language,
                               const struct disclosure *disclosure, struct arena *arena, struct rendered *ret_rendered, struct complaint *complaint);
/* The language template_render() will really use: the one asked for, where it has a signed template of that name for audience and channel, else
 * English. Values are made in this one, so that no message mixes two. */
enum language template_language(const struct templates *templates, const char *name, enum language language, enum channel channel,
                                enum audience audience);
/* Does the text that template_render() would take have this fact in it? What it has not need not be looked up. */
bool template_uses(const struct templates *templates, const char *name, enum language language, enum channel channel, enum audience audience,
                   enum fact fact);
/* For `cobictl template list` and `show`: index from 0. Returns 0, or -ENOENT at the end; the name is borrowed. */
struct template_label {
    const char *name; /* "en/reminder.sms" */
    bool draft;       /* not signed off: the English one is sent */
};
_must_use_ int template_label(const struct templates *templates, size_t index, struct template_label *ret_label);
/* The text rendered with the longest samples of its language, in the arena, or NULL. */
const char *template_sample(const struct templates *templates, const char *name, struct arena *arena);

#endif
