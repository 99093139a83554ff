/* The schema as numbered migrations. Private to the store. */
#ifndef COBI_STORE_SCHEMA_H
#define COBI_STORE_SCHEMA_H

#include "query.h"

/* "cobi" as a number: says that a SQLite file is ours. */
#define SCHEMA_APPLICATION_ID 0x636f6269
/* Is it a new file, or a database of ours that this program can work with? Writes nothing. Returns 0, -EPROTONOSUPPORT (newer than this
 * program), -EMEDIUMTYPE (not ours), or another negative errno. */
_must_use_ int schema_check(struct store *store);
/* Brings the database to the newest version in one transaction. Returns what schema_check() does. */
_must_use_ int schema_migrate(struct store *store);

#endif
