/* One template: its file, read and checked. Private to this room. */
#ifndef TEMPLATE_FILE_H
#define TEMPLATE_FILE_H

#include "cobi/template/template.h"

#define TEMPLATE_NAME_SIZE      49
#define TEMPLATE_SUBJECT_SIZE   151
#define TEMPLATE_FILE_BYTES_MAX 8192
struct template {
    char label[TEMPLATE_NAME_SIZE + 12]; /* "en/reminder.sms" */
    char name[TEMPLATE_NAME_SIZE];       /* "reminder" */
    enum language language;
    enum channel channel;
    enum message_kind kind;
    unsigned audiences; /* 1 << enum audience */
    bool draft;
    char subject[TEMPLATE_SUBJECT_SIZE];
    unsigned body_line; /* of the file, from 1 */
    char *body;         /* malloc'ed, without blanks at its end */
};
/* Where faults are told, as "file:line: text". */
struct template_report {
    const char *file;
    struct complaints *complaints;
    size_t fault_count;
};
_printf_(3, 4) void template_fault(struct template_report *report, unsigned line,
                                   const char *format, ...);
/* Fills the template from file and file name ("reminder.sms.txt"); language and label are set
 * before. Every fault is reported; body may be set even then (template_done()). */
void template_file_read(struct template *template, const char *file_name,
                        struct template_report *report);
void template_done(struct template *template);
/* Checks facts, subject, samples. */
void template_check(const struct template *template, struct template_report *report);

/* Fills *ret_rendered with the values, leaving out what does not fit. Every fact in the template
 * must have a value. Returns 0, or -EPERM with a clause. */
int template_compose(const struct template *template, const char *const values[FACT_COUNT],
                     struct arena *arena, struct rendered *ret_rendered,
                     struct complaint *complaint);
/* The longest samples of all facts in that language. */
void template_samples(enum language language, const char *ret_values[FACT_COUNT]);

#endif
