/* Reads the file of one template: header lines, an empty line, the text.
 *
 * Everything wrong with it is reported with its line; nothing is guessed. It must never read more
 * than TEMPLATE_FILE_BYTES_MAX, and no control character gets past it. */
#include "template_file.h"

#include "cobi/base/cleanup.h"
#include "cobi/base/text.h"
#include "template_expand.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define LINE_BYTES_MAX 998 /* RFC 5322 2.1.1 */

void template_fault(struct template_report *report, unsigned line, const char *format, ...) {
    char text[COMPLAINT_SIZE];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments); /* what does not fit is cut */
    va_end(arguments);
    complaints_add(report->complaints, "%s:%u: %s", report->file, line, text);
    report->fault_count++;
}

/* The file's bytes with a NUL after them, or NULL after a complaint. */
static char *load_bytes(struct template_report *report, size_t *ret_length) {
    _cleanup_close_ int fd = open(report->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) < 0) {
        template_fault(report, 1, "cannot be read: %s", strerror(errno));
        return NULL;
    }
    if (!S_ISREG(status.st_mode) || status.st_size > TEMPLATE_FILE_BYTES_MAX) {
        template_fault(report, 1, "must be a file of at most %d bytes", TEMPLATE_FILE_BYTES_MAX);
        return NULL;
    }
    _cleanup_free_ char *bytes = calloc(TEMPLATE_FILE_BYTES_MAX + 1, 1);
    size_t length = 0;
    ssize_t got = bytes == NULL ? -1 : 1;
    while (got > 0 && length < TEMPLATE_FILE_BYTES_MAX) {
        got = read(fd, bytes + length, TEMPLATE_FILE_BYTES_MAX - length);
        length += got > 0 ? (size_t)got : 0;
    }
    if (got < 0) {
        template_fault(report, 1, "cannot be read: %s", strerror(errno));
        return NULL;
    }
    *ret_length = length;
    return take(bytes);
}

/* Every line that is not empty must be plain text. */
static bool check_lines(const char *bytes, size_t length, struct template_report *report) {
    unsigned line = 1;
    bool fine = true;
    for (size_t at = 0; at < length; line++) {
        const char *newline = memchr(bytes + at, '\n', length - at);
        size_t line_length = newline == NULL ? length - at : (size_t)(newline - bytes) - at;
        enum text_fault fault = text_check(bytes + at, line_length, LINE_BYTES_MAX);
        if (fault != TEXT_FINE && fault != TEXT_EMPTY) {
            template_fault(report, line, "the line %s", text_fault_to_text(fault));
            fine = false;
        }
        at += line_length + 1;
    }
    return fine;
}

/* "escalation-missed.email.txt": kind, name and channel. */
static void read_file_name(struct template *template, const char *file_name,
                           struct template_report *report) {
    char name[TEMPLATE_NAME_SIZE + 16], kind[TEMPLATE_NAME_SIZE];
    if (text_copy(name, sizeof name, file_name) < 0) {
        template_fault(report, 1, "the file's name is too long");
        return;
    }
    char *ending = strrchr(name, '.');
    if (ending != NULL && strcmp(ending, ".txt") == 0) {
        *ending = '\0';
        ending = strrchr(name, '.');
    }
    if (ending == NULL || channel_from_text(ending + 1, &template->channel) < 0) {
        template_fault(report, 1, "the file must be called NAME.sms.txt or NAME.email.txt");
        return;
    }
    *ending = '\0';
    struct text copy = TEXT_IN(kind);
    text_add_bytes(&copy, name, strcspn(name, "-"));
    if (copy.overflow || text_copy(template->name, sizeof template->name, name) < 0 ||
        message_kind_from_text(kind, &template->kind) < 0) {
        template_fault(report, 1, "no kind of message begins the file's name");
    }
}

/* ---- Headers -----------------------------------------------------------------------------------
 */

enum header { HEADER_AUDIENCE, HEADER_SUBJECT, HEADER_DRAFT };
#define HEADER_COUNT 3
static const char *const header_names[HEADER_COUNT] = {
    [HEADER_AUDIENCE] = "Audience",
    [HEADER_SUBJECT] = "Subject",
    [HEADER_DRAFT] = "Draft",
};

/* "practitioner, supervisor" */
static void read_audience(struct template *template, char *value, unsigned line,
                          struct template_report *report) {
    for (char *word = value, *next; word != NULL; word = next) {
        enum audience audience;
        next = strchr(word, ',');
        if (next != NULL) {
            *next++ = '\0';
        }
        word = text_trim(word);
        if (audience_from_text(word, &audience) < 0) {
            template_fault(report, line, "Audience: \"%s\" is nobody", word);
            return;
        }
        template->audiences |= 1u << audience;
    }
}

static void read_header(struct template *template, enum header header, char *value, unsigned line,
                        struct template_report *report) {
    switch (header) {
    case HEADER_AUDIENCE:
        read_audience(template, value, line, report);
        return;
    case HEADER_SUBJECT:
        if (value[0] == '\0' || text_copy(template->subject, sizeof template->subject, value) < 0) {
            template_fault(report, line, "Subject: must have 1 to %d bytes",
                           TEMPLATE_SUBJECT_SIZE - 1);
        }
        return;
    case HEADER_DRAFT:
        if (strcmp(value, "yes") != 0) {
            template_fault(report, line, "Draft: must be \"yes\", or not there");
        }
        template->draft = true;
        return;
    }
}

/* One line "Name: value"; it is cut up. */
static void read_header_line(struct template *template, char *text, unsigned line,
                             bool seen[HEADER_COUNT], struct template_report *report) {
    char *colon = strchr(text, ':');
    if (colon != NULL) {
        *colon = '\0';
        for (unsigned i = 0; i < HEADER_COUNT; i++) {
            if (strcmp(text, header_names[i]) != 0) {
                continue;
            }
            if (seen[i]) {
                template_fault(report, line, "%s: is there twice", header_names[i]);
                return;
            }
            seen[i] = true;
            read_header(template, (enum header)i, text_trim(colon + 1), line, report);
            return;
        }
    }
    template_fault(report, line,
                   "must be a header line (Audience, Subject, Draft), or empty before the text");
}

/* Reads the lines up to the empty one; returns where the text begins. */
static char *read_headers(struct template *template, char *bytes, struct template_report *report) {
    bool seen[HEADER_COUNT] = {0};
    unsigned line = 1;
    char *at = bytes;
    while (*at != '\0' && *at != '\n') {
        char *newline = strchr(at, '\n'), *next = newline == NULL ? strchr(at, '\0') : newline + 1;
        if (newline != NULL) {
            *newline = '\0';
        }
        read_header_line(template, at, line++, seen, report);
        at = next;
    }
    if (!seen[HEADER_AUDIENCE]) {
        template_fault(report, 1, "Audience: is missing");
    }
    if (seen[HEADER_SUBJECT] != (template->channel == CHANNEL_EMAIL)) {
        template_fault(report, 1, "Subject: %s",
                       seen[HEADER_SUBJECT] ? "a text has none" : "is missing");
    }
    template->body_line = line + 1;
    return *at == '\n' ? at + 1 : at;
}

void template_file_read(struct template *template, const char *file_name,
                        struct template_report *report) {
    size_t length = 0;
    read_file_name(template, file_name, report);
    _cleanup_free_ char *bytes = load_bytes(report, &length);
    if (bytes == NULL || !check_lines(bytes, length, report)) {
        return;
    }
    char *body = read_headers(template, bytes, report);
    size_t kept = strlen(body);
    while (kept > 0 && (body[kept - 1] == '\n' || body[kept - 1] == ' ')) {
        body[--kept] = '\0';
    }
    template->body = strdup(body);
    if (template->body == NULL) {
        template_fault(report, 1, "out of memory");
        return;
    }
    if (kept == 0) {
        template_fault(report, template->body_line, "the text is missing");
    }
}

void template_done(struct template *template) {
    free(template->body);
    template->body = NULL;
}
