/* Email addresses: a safe subset of RFC 5321 section 4.1.2, because libcurl 7.88.1 passes CR LF on (command injection). */
#ifndef COBI_BASE_MAILADDR_H
#define COBI_BASE_MAILADDR_H

#include "cobi/base/attribute.h"

#define MAILADDR_SIZE 255

/* Dot-atom local part (RFC 5322 atext, ASCII), one "@", domain of letters, digits, hyphens and dots with at least one
 * label; at most 254 bytes, local part at most 64; no octet below 0x21, no "<", ">", quotes or comments. The canonical form is
 * lower case. Returns 0 or -EINVAL. */
_must_use_ int mailaddr_parse(const char *text, char ret_address[MAILADDR_SIZE]);

#endif
