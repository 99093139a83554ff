/* json_pointer: RFC 6901 over jansson. jansson reads pointers nowhere; this is a walk of a few
 * lines. Answers are input: anything that does not fit is "not there". */
#include "cobi/base/json_pointer.h"

#include <stdint.h>
#include <string.h>

#define TOKEN_SIZE 128

bool json_pointer_valid(const char *pointer) {
    if (pointer[0] != '\0' && pointer[0] != '/') {
        return false;
    }
    for (const char *p = pointer; *p != '\0'; p++) {
        if (*p == '~' && p[1] != '0' && p[1] != '1') {
            return false;
        }
    }
    return true;
}

/* Reads one token after its "/" and undoes the escapes. Returns what follows, or NULL when it is
 * too long. */
static const char *token_next(const char *p, char token[TOKEN_SIZE]) {
    size_t length = 0;
    while (*p != '\0' && *p != '/') {
        if (length + 1 >= TOKEN_SIZE) {
            return NULL;
        }
        char c = *p++;
        if (c == '~' && (*p == '0' || *p == '1')) {
            c = *p++ == '0' ? '~' : '/';
        }
        token[length++] = c;
    }
    token[length] = '\0';
    return p;
}

/* Array indices have no sign and no leading zero. */
static const json_t *element(const json_t *array, const char *token) {
    size_t digits = strspn(token, "0123456789"), index = 0;
    if (digits == 0 || digits > 6 || token[digits] != '\0' || (token[0] == '0' && digits > 1)) {
        return NULL;
    }
    for (size_t i = 0; i < digits; i++) {
        index = index * 10 + (size_t)(token[i] - '0');
    }
    return json_array_get(array, index);
}

const json_t *json_pointer_find(const json_t *document, const char *pointer) {
    char token[TOKEN_SIZE] = "";
    const json_t *value = document;
    const char *p = pointer;
    while (value != NULL && *p == '/') {
        p = token_next(p + 1, token);
        if (p == NULL) {
            return NULL;
        }
        if (json_is_object(value)) {
            value = json_object_get(value, token);
        } else if (json_is_array(value)) {
            value = element(value, token);
        } else {
            value = NULL;
        }
    }
    return *p == '\0' ? value : NULL;
}
