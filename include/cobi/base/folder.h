/* Folders on the disk: a name lasts only when the folder that holds it was synced. */
#ifndef COBI_BASE_FOLDER_H
#define COBI_BASE_FOLDER_H

#include "cobi/base/attribute.h"

/* The names in the folder are on the disk. */
_must_use_ int folder_sync(const char *path);
/* The name of the file or folder itself is: the folder above it is synced. */
_must_use_ int folder_sync_above(const char *path);
/* Makes the folder (0700; nothing above it) where there is none, with its name on the disk. One that is there is synced too, as far as that
 * goes: an earlier process may have died between the two. */
_must_use_ int folder_make(const char *path);

#endif
