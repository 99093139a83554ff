/* mail: the bytes of a mail, RFC 5322, 7-bit, CRLF only.
 *
 * Made before anything is sent, so that a value that must not reach a header refuses the message
 * instead of changing it. Every header comes exactly once, and none names this program or what it
 * is for. Used by the smtp worker's queue and by the spool. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cobi/base/mailaddr.h"
#include "cobi/base/text.h"
#include "cobi/transport/allocate.h"
#include "cobi/transport/mail_text.h"
#include "cobi/transport/transport.h"

#define HEADER_VALUE_MAX 700
#define ID_PART_MAX      64
#define BODY_BYTES_MAX   ((size_t)512 * 1024)

struct mail_values {
    char from[MAILADDR_SIZE], to[MAILADDR_SIZE], reply_to[MAILADDR_SIZE];
    const char *display, *subject, *host;
};

/* Empty is fine; else one line of valid UTF-8 without control or invisible characters. */
static bool header_fine(const char *value) {
    return value[0] == '\0' || text_check(value, strlen(value), HEADER_VALUE_MAX) == TEXT_FINE;
}

static bool id_part_fine(const char *id) {
    size_t length = strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.");
    return id[length] == '\0' && length > 0 && length <= ID_PART_MAX && id[0] != '.' &&
           id[length - 1] != '.' && strstr(id, "..") == NULL;
}

/* A From without a domain gets mail_host. */
static int parse_from(const char *from, const char *mail_host, char ret_from[MAILADDR_SIZE]) {
    char whole[MAILADDR_SIZE + 1];
    struct text text = TEXT_IN(whole);
    text_add(&text, from);
    if (strchr(from, '@') == NULL) {
        text_addf(&text, "@%s", mail_host);
    }
    return text.overflow ? -EINVAL : mailaddr_parse(whole, ret_from);
}

static const char *or_empty(const char *value) {
    return value == NULL ? "" : value;
}

static int check_values(const struct outgoing *message, const char *mail_host,
                        struct mail_values *ret) {
    ret->display = or_empty(message->from_name);
    ret->subject = or_empty(message->subject);
    if (message->to == NULL || message->from == NULL || message->mail_id == NULL ||
        message->body == NULL) {
        return -EINVAL;
    }
    if (parse_from(message->from, or_empty(mail_host), ret->from) < 0 ||
        mailaddr_parse(message->to, ret->to) < 0) {
        return -EINVAL;
    }
    if (or_empty(message->reply_to)[0] != '\0' &&
        mailaddr_parse(message->reply_to, ret->reply_to) < 0) {
        return -EINVAL;
    }
    if (!header_fine(ret->display) || !header_fine(ret->subject) ||
        !id_part_fine(message->mail_id)) {
        return -EINVAL;
    }
    if (message->thread_id != NULL && !id_part_fine(message->thread_id)) {
        return -EINVAL;
    }
    size_t length = strlen(message->body);
    ret->host = strchr(ret->from, '@') + 1;
    return length <= BODY_BYTES_MAX && utf8_valid(message->body, length) ? 0 : -EINVAL;
}

static void write_date(FILE *out, struct instant date) {
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct civil c = civil_utc(date);
    fprintf(out, "Date: %s, %u %s %04d %02u:%02u:%02u +0000\r\n",
            weekday_to_text(date_weekday(c.date)), (unsigned)c.date.day,
            months[(c.date.month - 1) % 12], (int)c.date.year, (unsigned)c.hour, (unsigned)c.minute,
            (unsigned)c.second);
}

static void write_headers(FILE *out, const struct outgoing *message,
                          const struct mail_values *values) {
    write_date(out, message->date);
    mail_text_mailbox(out, "From", values->display, values->from);
    mail_text_mailbox(out, "To", "", values->to);
    if (values->reply_to[0] != '\0') {
        mail_text_mailbox(out, "Reply-To", "", values->reply_to);
    }
    mail_text_header(out, "Subject", values->subject);
    fprintf(out, "Message-ID: <%s@%s>\r\n", message->mail_id, values->host);
    if (message->thread_id != NULL && strcmp(message->thread_id, message->mail_id) != 0) {
        fprintf(out, "In-Reply-To: <%s@%s>\r\n", message->thread_id, values->host);
        fprintf(out, "References: <%s@%s>\r\n", message->thread_id, values->host);
    }
    fputs("Auto-Submitted: auto-generated\r\n"
          "MIME-Version: 1.0\r\n"
          "Content-Type: text/plain; charset=utf-8\r\n"
          "Content-Transfer-Encoding: quoted-printable\r\n"
          "\r\n",
          out);
}

int mail_format(const struct outgoing *message, const char *mail_host, char **ret_bytes,
                size_t *ret_length) {
    struct mail_values values = {0};
    int r = check_values(message, mail_host, &values);
    if (r < 0) {
        return r;
    }
    char *bytes = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&bytes, &length);
    if (out == NULL) {
        abort();
    }
    write_headers(out, message, &values);
    mail_text_body(out, message->body);
    if (ferror(out) || fclose(out) != 0) {
        abort(); /* out of memory */
    }
    *ret_bytes = bytes;
    *ret_length = length;
    return 0;
}
