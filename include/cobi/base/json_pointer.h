/* RFC 6901 pointers into what a gateway says. */
#ifndef COBI_BASE_JSON_POINTER_H
#define COBI_BASE_JSON_POINTER_H

#include <jansson.h>
#include <stdbool.h>

/* "" or "/" tokens with only "~0" and "~1" escapes. */
bool json_pointer_valid(const char *pointer);
/* The value, borrowed from document, or NULL. */
const json_t *json_pointer_find(const json_t *document, const char *pointer);

#endif
