/* Secrets: one file each in the credentials directory, read when a message leaves, wiped by the
 * caller after use. */
#ifndef COBI_TRANSPORT_CREDENTIAL_H
#define COBI_TRANSPORT_CREDENTIAL_H

#include <stddef.h>

#include "cobi/base/attribute.h"

#define CREDENTIAL_SIZE 2049
/* Reads one line of printable ASCII; a newline at its end is dropped. The file must be a regular
 * one that only its owner can read (a root-owned file may show a group bit: that is the mask of the
 * access list systemd gives to LoadCredential=). Returns the length (wipe ret_secret), or -EACCES
 * (others could read it), -EBADMSG (empty, too long, control characters), -EBADF (no directory, or
 * a name that is no plain file name) or another negative errno; never -EINVAL. */
_must_use_ int credential_read(const char *directory, const char *name,
                               char ret_secret[CREDENTIAL_SIZE]);
/* Finds the next "${credential:NAME}" in text. Returns its start, with its name and the end, or
 * NULL. */
const char *credential_find(const char *text, char ret_name[64], const char **ret_end);
/* Replaces every "${credential:NAME}". Returns 0 (wipe ret_text), -E2BIG, or an error of
 * credential_read(). */
_must_use_ int credential_expand(const char *directory, const char *text, char *ret_text,
                                 size_t capacity);

#endif
