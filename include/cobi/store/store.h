/* The store: one SQLite database, one writer, one statement catalogue. The only room that knows SQL. */
#ifndef COBI_STORE_STORE_H
#define COBI_STORE_STORE_H

#include "cobi/base/attribute.h"
#include "cobi/base/complaint.h"

struct store;

#endif
