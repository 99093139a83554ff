/* May this template be used, and may this text leave: facts against audiences, words, links,
 * lengths.
 *
 * template_check() looks at a template once, with the longest samples; template_compose() makes
 * every text, looks at it again with its real values and refuses with -EPERM what must not leave.
 * Both walk the same code, so what passes the check and what is sent are judged alike. It must
 * never let a word of the list or a link pass to a participant. */
#include "template_file.h"

#include "cobi/base/cleanup.h"
#include "cobi/base/gsm.h"
#include "cobi/base/text.h"
#include "cobi/template/wording.h"
#include "template_expand.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#define PARTS_MAX_ENGLISH 1
#define PARTS_MAX         3
#define AUDIENCE(name)    (1u << AUDIENCE_##name)

/* Who may get a kind of message. */
static const unsigned kind_audiences[MESSAGE_KIND_COUNT] = {
    [KIND_CONFIRMATION] = AUDIENCE(PARTICIPANT),
    [KIND_REMINDER] = AUDIENCE(PARTICIPANT),
    [KIND_CHANGE] = AUDIENCE(PARTICIPANT),
    [KIND_CANCELLATION] = AUDIENCE(PARTICIPANT),
    [KIND_MISSED_CONTACT] = AUDIENCE(PARTICIPANT),
    [KIND_OUTCOME_REQUEST] = AUDIENCE(PRACTITIONER),
    [KIND_TASK] = AUDIENCE(PRACTITIONER) | AUDIENCE(SUPERVISOR),
    [KIND_DIGEST] = AUDIENCE(PRACTITIONER) | AUDIENCE(SUPERVISOR),
    [KIND_ESCALATION] = AUDIENCE(SUPERVISOR) | AUDIENCE(ADVOCATE),
    [KIND_ADVOCATE_NOTICE] = AUDIENCE(ADVOCATE),
    [KIND_OFFICER_NOTICE] = AUDIENCE(OFFICER),
    [KIND_STAND_DOWN] = AUDIENCE(SUPERVISOR) | AUDIENCE(OFFICER) | AUDIENCE(ADVOCATE),
    [KIND_SIGN_IN] = AUDIENCE(PRACTITIONER) | AUDIENCE(SUPERVISOR),
    [KIND_ALARM] = AUDIENCE(OPERATOR),
};
/* What a text may go without, in this order. */
static const enum fact optional_facts[] = {FACT_greeting, FACT_place, FACT_consequence};

void template_samples(enum language language, const char *ret_values[FACT_COUNT]) {
    for (unsigned i = 0; i < FACT_COUNT; i++) {
        ret_values[i] = wording_sample(language, (enum fact)i);
    }
}

static bool to_participant(const struct template *template) {
    return (template->audiences & AUDIENCE(PARTICIPANT)) != 0;
}

/* ---- What may leave ----------------------------------------------------------------------------
 */

static const char *find_link(const char *text) {
    const char *scheme = strstr(text, "://");
    return scheme != NULL ? scheme : strcasestr(text, "www.");
}

/* Names the fact whose value is at fault, "the text" where no single one is. */
static const char *guilty(const struct template *template, const char *const values[FACT_COUNT],
                          bool (*bad)(const char *value)) {
    for (unsigned i = 0; i < FACT_COUNT; i++) {
        if (values[i] != NULL && bad(values[i]) &&
            template_holds_fact(template->body, (enum fact)i)) {
            return fact_rows[i].name;
        }
    }
    return "the text itself";
}

static bool has_word(const char *value) {
    return disclose_find_word(value, NULL) >= 0;
}

static bool has_link(const char *value) {
    return find_link(value) != NULL;
}

/* What no participant may see, in subject or body. */
static int check_visible(const struct template *template, const char *const values[FACT_COUNT],
                         const char *text, struct complaint *complaint) {
    size_t length = 0;
    int offset = disclose_find_word(text, &length);
    if (offset >= 0) {
        return complain(complaint, -EPERM, "a participant would see the word \"%.*s\" in %s",
                        (int)length, text + offset, guilty(template, values, has_word));
    }
    if (find_link(text) != NULL) {
        return complain(complaint, -EPERM, "a participant would see a link in %s",
                        guilty(template, values, has_link));
    }
    return 0;
}

/* Valid UTF-8 without control characters; a mail's body may have line ends. */
static int check_plain(const char *text, bool lines, struct complaint *complaint) {
    for (const char *at = text; *at != '\0';) {
        size_t length = lines ? strcspn(at, "\n") : strlen(at);
        enum text_fault fault = text_check(at, length, SIZE_MAX);
        if (fault != TEXT_FINE && fault != TEXT_EMPTY) {
            return complain(complaint, -EPERM, "a value %s", text_fault_to_text(fault));
        }
        at += length + (at[length] == '\n');
    }
    return 0;
}

/* A name or place that was chosen in letters outside the GSM alphabet ("Ty Celyn" with its
 * circumflex) is worth the parts it costs: nobody's name is left out because of its letters. */
static bool personal_letters(const char *const values[FACT_COUNT]) {
    static const enum fact personal[] = {FACT_greeting, FACT_place};
    struct gsm_size size;
    for (size_t i = 0; i < ARRAY_COUNT(personal); i++) {
        const char *value = values[personal[i]];
        if (value != NULL && gsm_measure(value, &size) == 0 && size.charset == GSM_UCS2) {
            return true;
        }
    }
    return false;
}

static int check_parts(const struct template *template, const char *const values[FACT_COUNT],
                       const char *text, struct complaint *complaint) {
    bool strict = template->language == LANGUAGE_EN && to_participant(template) &&
                  !personal_letters(values);
    uint32_t most = strict ? PARTS_MAX_ENGLISH : PARTS_MAX;
    struct gsm_size size;
    if (gsm_measure(text, &size) < 0) {
        return complain(complaint, -EPERM, "the text cannot be sent as a text message");
    }
    if (size.parts > most) {
        return complain(complaint, -EPERM, "the text is too long: it takes %u parts, %u allowed",
                        (unsigned)size.parts, (unsigned)most);
    }
    if (strict && size.charset != GSM_SEVEN_BIT) {
        return complain(complaint, -EPERM,
                        "the text holds a character that is not in the GSM alphabet");
    }
    return 0;
}

/* The body of a text, without the optional facts that would make it too long. */
static int compose_text(const struct template *template, const char *const values[FACT_COUNT],
                        struct arena *arena, const char **ret_body, struct complaint *complaint) {
    const char *chosen[FACT_COUNT];
    memcpy(chosen, values, sizeof chosen);
    for (size_t dropped = 0;; dropped++) {
        struct complaint fault = {0};
        char *body = template_expand(template->body, chosen, arena);
        template_tidy(body);
        int error = check_parts(template, chosen, body, &fault);
        if (error == 0) {
            *ret_body = body;
            return 0;
        }
        if (!to_participant(template) || dropped == ARRAY_COUNT(optional_facts)) {
            return complain(complaint, error, "%s", fault.text);
        }
        chosen[optional_facts[dropped]] = "";
    }
}

static const char *compose_mail(const struct template *template,
                                const char *const values[FACT_COUNT], struct arena *arena) {
    char *body = template_expand(template->body, values, arena);
    template_tidy(body);
    return arena_printf(arena, "%s\n", body);
}

/* The values as they are, whether the text will hold them or not: what is left out for its length
 * is judged as well. */
static int check_values(const struct template *template, const char *const values[FACT_COUNT],
                        struct arena *arena, struct complaint *complaint) {
    const char *subject = template_expand(template->subject, values, arena);
    const char *body = template_expand(template->body, values, arena);
    int error = check_plain(subject, false, complaint);
    error = error < 0 ? error : check_plain(body, template->channel == CHANNEL_EMAIL, complaint);
    if (error < 0 || !to_participant(template)) {
        return error;
    }
    error = check_visible(template, values, subject, complaint);
    return error < 0 ? error : check_visible(template, values, body, complaint);
}

int template_compose(const struct template *template, const char *const values[FACT_COUNT],
                     struct arena *arena, struct rendered *ret_rendered,
                     struct complaint *complaint) {
    struct rendered rendered = {.subject = template_expand(template->subject, values, arena)};
    int error = check_values(template, values, arena, complaint);
    if (error < 0) {
        return error;
    }
    if (template->channel == CHANNEL_EMAIL) {
        rendered.body = compose_mail(template, values, arena);
    } else {
        error = compose_text(template, values, arena, &rendered.body, complaint);
    }
    if (error < 0) {
        return error;
    }
    assert(rendered.body != NULL);
    if (to_participant(template)) {
        error = check_visible(template, values, rendered.body, complaint);
    }
    if (error < 0) {
        return error;
    }
    *ret_rendered = rendered;
    return 0;
}

/* ---- What a template may hold ------------------------------------------------------------------
 */

static void check_audiences(const struct template *template, struct template_report *report) {
    unsigned wrong = template->audiences & ~kind_audiences[template->kind];
    for (unsigned i = 0; i < AUDIENCE_COUNT; i++) {
        if ((wrong & 1u << i) != 0) {
            template_fault(report, 1, "Audience: no %s gets messages of kind %s",
                           audience_to_text((enum audience)i),
                           message_kind_to_text(template->kind));
        }
    }
}

/* A fact in the subject is seen on a locked screen: references only, and nothing for a participant.
 */
static bool subject_class_allowed(const struct template *template, enum fact_class class) {
    bool reference = class == CLASS_REFERENCE || class == CLASS_CASE_REF ||
                     class == CLASS_OFFICER_REF;
    return reference && !to_participant(template);
}

static void check_fact(const struct template *template, enum fact fact, unsigned line,
                       struct template_report *report) {
    for (unsigned i = 0; i < AUDIENCE_COUNT; i++) {
        bool asked = (template->audiences & 1u << i) != 0;
        if (asked &&
            !disclose_allowed((enum audience)i, template->channel, fact_rows[fact].class)) {
            template_fault(report, line, "${%s} may not be told to the %s by %s",
                           fact_rows[fact].name, audience_to_text((enum audience)i),
                           channel_to_text(template->channel));
        }
    }
}

/* Walks over the facts of subject or body. Returns false after a fault of notation. */
static bool check_facts(const struct template *template, const char *text, unsigned line,
                        bool subject, struct template_report *report) {
    struct complaint complaint = {0};
    struct piece piece;
    const char *at = text;
    for (;;) {
        int next = template_next_piece(&at, &piece, &complaint);
        if (next < 0) {
            template_fault(report, line, "%s", complaint.text);
        }
        if (next <= 0) {
            return next == 0;
        }
        if (!piece.is_fact) {
            for (size_t i = 0; i < piece.length; i++) {
                line += piece.begin[i] == '\n';
            }
            continue;
        }
        if (subject && !subject_class_allowed(template, fact_rows[piece.fact].class)) {
            template_fault(report, line, "${%s} may not stand in a subject",
                           fact_rows[piece.fact].name);
        }
        check_fact(template, piece.fact, line, report);
    }
}

/* Without link and code nobody could acknowledge an escalation. */
static void check_acknowledgement(const struct template *template, struct template_report *report) {
    if (template->kind == KIND_ESCALATION && template->channel == CHANNEL_EMAIL &&
        (!template_holds_fact(template->body, FACT_ack_link) ||
         !template_holds_fact(template->body, FACT_ack_code))) {
        template_fault(report, template->body_line,
                       "an escalation must hold ${ack_link} and ${ack_code}");
    }
}

static void check_samples(const struct template *template, struct template_report *report) {
    const char *values[FACT_COUNT];
    struct arena arena = {0};
    struct rendered rendered = {0};
    struct complaint complaint = {0};
    template_samples(template->language, values);
    if (template_compose(template, values, &arena, &rendered, &complaint) < 0) {
        template_fault(report, template->body_line, "with the longest values %s", complaint.text);
    }
    arena_done(&arena);
}

void template_check(const struct template *template, struct template_report *report) {
    size_t before = report->fault_count;
    if (to_participant(template) && template->audiences != AUDIENCE(PARTICIPANT)) {
        template_fault(report, 1, "Audience: a participant's template is for nobody else");
    }
    if (template->draft && template->language == LANGUAGE_EN) {
        template_fault(report, 1, "Draft: the English one is what a draft falls back to");
    }
    const char *newline = strchr(template->body, '\n');
    if (template->channel == CHANNEL_SMS && newline != NULL &&
        newline[strspn(newline, " \n")] != '\0') {
        template_fault(report, template->body_line + 1, "a text must be one line");
    }
    check_audiences(template, report);
    bool sound = check_facts(template, template->subject, 1, true, report);
    sound = check_facts(template, template->body, template->body_line, false, report) && sound;
    if (sound) {
        check_acknowledgement(template, report);
    }
    if (sound && report->fault_count == before) {
        check_samples(template, report);
    }
}
