/* The two chained logs, seen from within the store. */
#ifndef COBI_STORE_LOGS_H
#define COBI_STORE_LOGS_H

#include "cobi/base/attribute.h"

struct store;
/* Writes down that both logs are empty: once, when the database is made, so that a log that was emptied later does not look new. */
_must_use_ int journal_begin(struct store *store);

#endif
