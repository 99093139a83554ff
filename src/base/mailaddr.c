/* Email addresses that may stand in an SMTP envelope and in a header without quoting.
 *
 * Used for every address before it is stored and again before it is sent to. Fails with -EINVAL. It
 * must never let through an octet that ends a line or a bracket that ends an address:
 * libcurl 7.88.1 would pass it on as a command. */
#include "cobi/base/mailaddr.h"

#include "cobi/base/text.h"

#include <errno.h>
#include <string.h>

#define LOCAL_LENGTH_MAX 64
#define LABEL_LENGTH_MAX 63

static const char letters_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
static const char more_atext[] = "!#$%&'*+-/=?^_`{|}~";

static bool is_atext(char c) {
    return strchr(letters_digits, c) != NULL || strchr(more_atext, c) != NULL;
}

static bool is_label(char c) {
    return strchr(letters_digits, c) != NULL || c == '-';
}

/* Pieces of the wanted characters, each of 1 to piece_max, with single dots between. The text holds
 * no NUL. */
static bool dotted_valid(const char *text, size_t length, bool (*wanted)(char), size_t piece_max) {
    size_t piece = 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '.') {
            if (piece == 0) {
                return false;
            }
            piece = 0;
        } else if (!wanted(text[i]) || ++piece > piece_max) {
            return false;
        }
    }
    return piece > 0;
}

/* No label of a domain begins or ends with a hyphen. */
static bool hyphens_valid(const char *domain) {
    size_t length = strlen(domain);
    return domain[0] != '-' && domain[length - 1] != '-' && strstr(domain, ".-") == NULL &&
           strstr(domain, "-.") == NULL;
}

int mailaddr_parse(const char *text, char ret_address[MAILADDR_SIZE]) {
    size_t length = strnlen(text, MAILADDR_SIZE);
    if (length == MAILADDR_SIZE) {
        return -EINVAL;
    }
    const char *at = strchr(text, '@');
    if (at == NULL || at - text > LOCAL_LENGTH_MAX) {
        return -EINVAL;
    }
    size_t local_length = (size_t)(at - text);
    const char *domain = at + 1;
    if (!dotted_valid(text, local_length, is_atext, LOCAL_LENGTH_MAX) ||
        !dotted_valid(domain, length - local_length - 1, is_label, LABEL_LENGTH_MAX) ||
        !hyphens_valid(domain)) {
        return -EINVAL;
    }
    memcpy(ret_address, text, length + 1);
    text_lower(ret_address);
    return 0;
}
