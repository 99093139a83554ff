/* The set of message texts: loaded and checked whole, then only read.
 *
 * templates_load() takes a folder or refuses it with every fault it has; template_render() is the
 * one way from facts to a text. How texts are judged is in template_check.c. It must never render a
 * template for an audience it does not name, nor send a draft. */
#include "cobi/template/template.h"

#include "cobi/base/cleanup.h"
#include "cobi/base/text.h"
#include "template_expand.h"
#include "template_file.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TEMPLATES_MAX  128
#define PATH_BYTES_MAX 512
struct templates {
    size_t count;
    struct template list[TEMPLATES_MAX];
};
static const char *const language_names[LANGUAGE_COUNT] = {
    [LANGUAGE_EN] = "en", [LANGUAGE_CY] = "cy"};

/* Without these cobid could not say what it must say. */
static const struct required {
    const char *name;
    enum channel channel;
    enum audience audience;
} required[] = {
    {"confirmation", CHANNEL_SMS, AUDIENCE_PARTICIPANT},
    {"confirmation", CHANNEL_EMAIL, AUDIENCE_PARTICIPANT},
    {"reminder", CHANNEL_SMS, AUDIENCE_PARTICIPANT},
    {"reminder", CHANNEL_EMAIL, AUDIENCE_PARTICIPANT},
    {"change", CHANNEL_SMS, AUDIENCE_PARTICIPANT},
    {"change", CHANNEL_EMAIL, AUDIENCE_PARTICIPANT},
    {"cancellation", CHANNEL_SMS, AUDIENCE_PARTICIPANT},
    {"cancellation", CHANNEL_EMAIL, AUDIENCE_PARTICIPANT},
    {"missed_contact", CHANNEL_SMS, AUDIENCE_PARTICIPANT},
    {"missed_contact", CHANNEL_EMAIL, AUDIENCE_PARTICIPANT},
    {"outcome_request", CHANNEL_EMAIL, AUDIENCE_PRACTITIONER},
    {"task", CHANNEL_EMAIL, AUDIENCE_PRACTITIONER},
    {"task", CHANNEL_EMAIL, AUDIENCE_SUPERVISOR},
    {"digest", CHANNEL_EMAIL, AUDIENCE_PRACTITIONER},
    {"escalation", CHANNEL_SMS, AUDIENCE_SUPERVISOR},
    {"escalation-missed", CHANNEL_EMAIL, AUDIENCE_SUPERVISOR},
    {"escalation-unrecorded", CHANNEL_EMAIL, AUDIENCE_SUPERVISOR},
    {"escalation-undeliverable", CHANNEL_EMAIL, AUDIENCE_SUPERVISOR},
    {"escalation-slipping", CHANNEL_EMAIL, AUDIENCE_SUPERVISOR},
    {"escalation-concern", CHANNEL_EMAIL, AUDIENCE_SUPERVISOR},
    {"escalation-missed-advocate", CHANNEL_EMAIL, AUDIENCE_ADVOCATE},
    {"escalation-concern-advocate", CHANNEL_EMAIL, AUDIENCE_ADVOCATE},
    {"stand_down", CHANNEL_EMAIL, AUDIENCE_SUPERVISOR},
    {"stand_down", CHANNEL_EMAIL, AUDIENCE_OFFICER},
    {"stand_down", CHANNEL_EMAIL, AUDIENCE_ADVOCATE},
    {"stand_down-under_review", CHANNEL_EMAIL, AUDIENCE_SUPERVISOR},
    {"stand_down-under_review", CHANNEL_EMAIL, AUDIENCE_OFFICER},
    {"stand_down-under_review", CHANNEL_EMAIL, AUDIENCE_ADVOCATE},
    {"stand_down-unchanged", CHANNEL_EMAIL, AUDIENCE_SUPERVISOR},
    {"stand_down-unchanged", CHANNEL_EMAIL, AUDIENCE_OFFICER},
    {"stand_down-unchanged", CHANNEL_EMAIL, AUDIENCE_ADVOCATE},
    {"advocate_notice", CHANNEL_EMAIL, AUDIENCE_ADVOCATE},
    {"officer_notice", CHANNEL_EMAIL, AUDIENCE_OFFICER},
    {"alarm", CHANNEL_EMAIL, AUDIENCE_OPERATOR},
};

/* ---- Finding -----------------------------------------------------------------------------------
 */

static const struct template *find(const struct templates *templates, const char *name,
                                   enum language language, enum channel channel,
                                   enum audience audience) {
    for (size_t i = 0; i < templates->count; i++) {
        const struct template *t = &templates->list[i];
        if (t->language == language && t->channel == channel &&
            (t->audiences & 1u << audience) != 0 && strcmp(t->name, name) == 0) {
            return t;
        }
    }
    return NULL;
}

/* NAME-AUDIENCE before NAME. */
static const struct template *find_for(const struct templates *templates, const char *name,
                                       enum language language, enum channel channel,
                                       enum audience audience) {
    char variant[TEMPLATE_NAME_SIZE];
    struct text joined = TEXT_IN(variant);
    text_add(&joined, name);
    text_add(&joined, "-");
    text_add(&joined, audience_to_text(audience));
    const struct template *own = joined.overflow
                                     ? NULL
                                     : find(templates, variant, language, channel, audience);
    return own != NULL ? own : find(templates, name, language, channel, audience);
}

/* ---- Loading -----------------------------------------------------------------------------------
 */

static int is_template_file(const struct dirent *entry) {
    size_t length = strlen(entry->d_name);
    return entry->d_name[0] != '.' && entry->d_name[length - 1] != '~';
}

static void load_file(struct templates *templates, enum language language, const char *folder,
                      const char *file_name, struct template_report *report) {
    char path[PATH_BYTES_MAX];
    struct text joined = TEXT_IN(path);
    text_addf(&joined, "%s/%s", folder, file_name);
    size_t faults = report->fault_count;
    report->file = path;
    if (joined.overflow || templates->count == TEMPLATES_MAX) {
        template_fault(report, 1,
                       joined.overflow ? "the path is too long" : "there are too many templates");
        return;
    }
    struct template *template = &templates->list[templates->count];
    template->language = language;
    template_file_read(template, file_name, report);
    if (report->fault_count > faults) {
        template_done(template);
        *template = (struct template){0};
        return;
    }
    struct text label = TEXT_IN(template->label);
    text_addf(&label, "%s/%s.%s", language_names[language], template->name,
              channel_to_text(template->channel));
    template_check(template, report);
    templates->count++;
}

static void load_language(struct templates *templates, const char *directory,
                          enum language language, struct template_report *report) {
    char folder[PATH_BYTES_MAX];
    struct text joined = TEXT_IN(folder);
    text_addf(&joined, "%s/%s", directory, language_names[language]);
    report->file = folder;
    struct dirent **entries = NULL;
    int count = joined.overflow ? -1 : scandir(folder, &entries, is_template_file, alphasort);
    if (count < 0 && (language == LANGUAGE_EN || errno != ENOENT)) {
        template_fault(report, 1, "the folder cannot be read: %s", strerror(errno));
    }
    for (int i = 0; i < count; i++) {
        load_file(templates, language, folder, entries[i]->d_name, report);
        free(entries[i]);
    }
    free(entries);
    report->file = NULL; /* its bytes were ours */
}

/* Is the file there at all, whatever its faults? One that was refused is not missing as well. */
static bool file_there(const char *path) {
    return access(path, F_OK) == 0;
}

static void check_required(const struct templates *templates, const char *directory,
                           struct template_report *report) {
    for (size_t i = 0; i < ARRAY_COUNT(required); i++) {
        const struct required *r = &required[i];
        if (find_for(templates, r->name, LANGUAGE_EN, r->channel, r->audience) != NULL) {
            continue;
        }
        char path[PATH_BYTES_MAX], variant[PATH_BYTES_MAX];
        struct text joined = TEXT_IN(path), other = TEXT_IN(variant);
        text_addf(&joined, "%s/en/%s.%s.txt", directory, r->name, channel_to_text(r->channel));
        text_addf(&other, "%s/en/%s-%s.%s.txt", directory, r->name, audience_to_text(r->audience),
                  channel_to_text(r->channel));
        report->file = path;
        if (report->fault_count == 0 || (!file_there(path) && !file_there(variant))) {
            template_fault(report, 1, "is missing: a template for the %s",
                           audience_to_text(r->audience));
        }
    }
}

/* A Welsh template stands for an English one, for the same people. */
static void check_translations(const struct templates *templates, const char *directory,
                               struct template_report *report) {
    for (size_t i = 0; i < templates->count; i++) {
        const struct template *t = &templates->list[i];
        for (unsigned audience = 0; audience < AUDIENCE_COUNT && t->language != LANGUAGE_EN;
             audience++) {
            if ((t->audiences & 1u << audience) == 0 ||
                find(templates, t->name, LANGUAGE_EN, t->channel, (enum audience)audience) !=
                    NULL) {
                continue;
            }
            char path[PATH_BYTES_MAX];
            struct text joined = TEXT_IN(path);
            text_addf(&joined, "%s/%s.txt", directory, t->label);
            report->file = path;
            template_fault(report, 1, "there is no English template of this name for the %s",
                           audience_to_text((enum audience)audience));
        }
    }
}

int templates_load(const char *directory, struct templates **ret_templates,
                   struct complaints *complaints) {
    struct templates *templates = calloc(1, sizeof *templates);
    struct template_report report = {.complaints = complaints};
    if (templates == NULL) {
        return -ENOMEM;
    }
    for (unsigned language = 0; language < LANGUAGE_COUNT; language++) {
        load_language(templates, directory, (enum language)language, &report);
    }
    check_required(templates, directory, &report);
    check_translations(templates, directory, &report);
    if (report.fault_count > 0) {
        templates_free(templates);
        return -EINVAL;
    }
    *ret_templates = templates;
    return 0;
}

void templates_free(struct templates *templates) {
    for (size_t i = 0; templates != NULL && i < templates->count; i++) {
        template_done(&templates->list[i]);
    }
    free(templates);
}

/* ---- Rendering ---------------------------------------------------------------------------------
 */

void disclosure_set(struct disclosure *d, enum fact fact, const char *value) {
    if (disclose_allowed(d->audience, d->channel, fact_rows[fact].class)) {
        d->values[fact] = value;
    }
}

/* Every fact of the text must be given, and be one that the audience may be told, whoever filled
 * the values. */
static int check_given(const char *text, const struct disclosure *disclosure,
                       struct complaint *complaint) {
    struct piece piece;
    for (const char *at = text; template_next_piece(&at, &piece, NULL) > 0;) {
        if (!piece.is_fact) {
            continue;
        }
        const struct fact_row *row = &fact_rows[piece.fact];
        if (!disclose_allowed(disclosure->audience, disclosure->channel, row->class)) {
            return complain(complaint, -EPERM, "${%s} may not be told to the %s", row->name,
                            audience_to_text(disclosure->audience));
        }
        if (disclosure->values[piece.fact] == NULL) {
            return complain(complaint, -ENODATA, "${%s} was not given", row->name);
        }
    }
    return 0;
}

/* The one that is sent: a draft never is. */
static const struct template *choose(const struct templates *templates, const char *name,
                                     enum language language, enum channel channel,
                                     enum audience audience) {
    const struct template *template = find_for(templates, name, language, channel, audience);
    return template != NULL && !template->draft
               ? template
               : find_for(templates, name, LANGUAGE_EN, channel, audience);
}

enum language template_language(const struct templates *templates, const char *name,
                                enum language language, enum channel channel,
                                enum audience audience) {
    const struct template *template = choose(templates, name, language, channel, audience);
    return template != NULL ? template->language : LANGUAGE_EN;
}

bool template_uses(const struct templates *templates, const char *name, enum language language,
                   enum channel channel, enum audience audience, enum fact fact) {
    const struct template *template = choose(templates, name, language, channel, audience);
    char mark[64];
    struct text t = TEXT_IN(mark);
    text_addf(&t, "${%s}", fact_rows[fact].name);
    assert(!t.overflow);
    return template != NULL &&
           (strstr(template->subject, mark) != NULL || strstr(template->body, mark) != NULL);
}

int template_render(const struct templates *templates, const char *name, enum language language,
                    const struct disclosure *disclosure, struct arena *arena,
                    struct rendered *ret_rendered, struct complaint *complaint) {
    const struct template *template = choose(templates, name, language, disclosure->channel,
                                             disclosure->audience);
    if (template == NULL) {
        return complain(complaint, -ENOENT, "there is no template \"%s\" for the %s by %s", name,
                        audience_to_text(disclosure->audience),
                        channel_to_text(disclosure->channel));
    }
    int error = check_given(template->subject, disclosure, complaint);
    error = error < 0 ? error : check_given(template->body, disclosure, complaint);
    if (error < 0) {
        return error;
    }
    return template_compose(template, disclosure->values, arena, ret_rendered, complaint);
}

int template_label(const struct templates *templates, size_t index,
                   struct template_label *ret_label) {
    if (index >= templates->count) {
        return -ENOENT;
    }
    *ret_label = (struct template_label){.name = templates->list[index].label,
                                         .draft = templates->list[index].draft};
    return 0;
}

const char *template_sample(const struct templates *templates, const char *name,
                            struct arena *arena) {
    const char *values[FACT_COUNT];
    struct complaint complaint = {0};
    struct rendered rendered;
    for (size_t i = 0; i < templates->count; i++) {
        const struct template *template = &templates->list[i];
        template_samples(template->language, values);
        if (strcmp(template->label, name) != 0 ||
            template_compose(template, values, arena, &rendered, &complaint) < 0) {
            continue;
        }
        return template->channel == CHANNEL_SMS
                   ? rendered.body
                   : arena_printf(arena, "Subject: %s\n\n%s", rendered.subject, rendered.body);
    }
    return NULL;
}
