/* The encodings of mail: folded headers, RFC 2047 encoded words, quoted-printable. Values are
 * checked by the caller. */
#ifndef COBI_TRANSPORT_MAIL_TEXT_H
#define COBI_TRANSPORT_MAIL_TEXT_H

#include <stdio.h>

/* "Name: value", folded, as encoded words where it must be. */
void mail_text_header(FILE *out, const char *name, const char *value);
/* "Name: Display <address>"; display may be "". */
void mail_text_mailbox(FILE *out, const char *name, const char *display, const char *address);
/* The body as quoted-printable (RFC 2045 section 6.7), LF or CRLF in, CRLF out, at most 76 octets a
 * line. */
void mail_text_body(FILE *out, const char *body);

#endif
