/* hook_read: receipts and texts from the bytes that a gateway sends.
 *
 * Used by hooks.c once the gateway has proved who it is; fuzzed all the same. How it fails: what
 * cannot be a receipt or a text is -EINVAL, and a value that is too long or not printable is as if
 * it were not there. Must never hand on a text that is no UTF-8, or more than one line. */
#include "hook_read.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "cobi/base/cleanup.h"
#include "cobi/base/json_pointer.h"
#include "cobi/base/text.h"

enum { JSON_DEPTH_MAX = 8 };

/* ---- texts ---- */

/* Ids and references are compared and shown: printable ASCII without spaces, or nothing. */
static void keep_id(const char *value, char *buffer, size_t capacity) {
    for (const char *p = value; *p != '\0'; p++) {
        if (*p <= 0x20 || *p >= 0x7f) {
            buffer[0] = '\0';
            return;
        }
    }
    if (text_copy(buffer, capacity, value) < 0) {
        buffer[0] = '\0';
    }
}

/* The length of the character at p, valid for text_check() alone; 0 when it is not. */
static size_t fine_length(const char *p) {
    for (size_t length = 1; length <= 4; length++) {
        if (text_check(p, length, 4) == TEXT_FINE) {
            return length;
        }
        if (p[length] == '\0') {
            break;
        }
    }
    return 0;
}

/* One line of UTF-8 of whatever came: what cannot be in one becomes a space. */
static void clean_text(const char *value, char *buffer, size_t capacity) {
    struct text out;

    text_init(&out, buffer, capacity);
    for (const char *p = value; *p != '\0' && !out.overflow;) {
        const size_t length = fine_length(p);
        if (length > 0) {
            text_add_bytes(&out, p, length);
        } else {
            text_add(&out, " ");
        }
        p += length > 0 ? length : 1;
    }
}

/* ---- Kannel's query ---- */

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A NUL would end the text before its end: it becomes a space. What does not fit is cut. */
static void decode(const char *from, const char *end, char *buffer, size_t capacity) {
    size_t length = 0;

    while (from < end && length + 1 < capacity) {
        char c = *from++;
        const int high = c == '%' && end - from >= 2 ? hex_digit(from[0]) : -1;
        const int low = high >= 0 ? hex_digit(from[1]) : -1;
        if (low >= 0) {
            c = (char)(high * 16 + low);
            from += 2;
        } else if (c == '+') {
            c = ' ';
        }
        buffer[length++] = c == '\0' ? ' ' : c;
    }
    buffer[length] = '\0';
}

/* The first field of that name. false: there is none. */
static bool find_field(const char *query, const char *name, char *buffer, size_t capacity) {
    const size_t length = strlen(name);

    for (const char *p = query; *p != '\0';) {
        const char *end = p + strcspn(p, "&");
        if ((size_t)(end - p) > length && strncmp(p, name, length) == 0 && p[length] == '=') {
            decode(p + length + 1, end, buffer, capacity);
            return true;
        }
        p = *end == '&' ? end + 1 : end;
    }
    return false;
}

static bool find_id(const char *query, const char *name, char *buffer, size_t capacity) {
    char raw[256];
    const bool found = find_field(query, name, raw, sizeof raw);

    buffer[0] = '\0';
    if (found) {
        keep_id(raw, buffer, capacity);
    }
    return found;
}

/* Kannel's DLR types; they are asked for as bits of dlr-mask and come one at a time. */
static const struct {
    const char *type;
    enum receipt_report report;
} kannel_types[] = {
    {"1", RECEIPT_DELIVERED}, /* to the telephone */
    {"2", RECEIPT_FAILED},    /* not to the telephone */
    {"4", RECEIPT_INTERIM},   /* kept at the centre */
    {"8", RECEIPT_INTERIM},   /* taken by the centre */
    {"16", RECEIPT_FAILED},   /* refused by the centre */
};

int hook_read_kannel_receipt(const char *query, struct hook_receipt *ret_receipt) {
    struct hook_receipt receipt = {0};
    char type[8] = "";

    if (!find_id(query, "ref", receipt.reference, sizeof receipt.reference) ||
        !find_id(query, "type", type, sizeof type)) {
        return -EINVAL;
    }
    for (size_t i = 0; i < ARRAY_COUNT(kannel_types); i++) {
        if (strcmp(type, kannel_types[i].type) == 0) {
            struct text detail = TEXT_IN(receipt.detail);
            text_addf(&detail, "DLR %s", type);
            receipt.report = kannel_types[i].report;
        }
    }
    if (receipt.report == RECEIPT_NONE || receipt.reference[0] == '\0') {
        return -EINVAL;
    }
    *ret_receipt = receipt;
    return 0;
}

int hook_read_kannel_text(const char *query, struct hook_text *ret_text) {
    struct hook_text text = {0};
    char raw[HOOK_TEXT_SIZE * 2] = "";

    if (!find_field(query, "from", text.from, sizeof text.from)) {
        return -EINVAL;
    }
    (void)find_id(query, "id", text.event, sizeof text.event); /* "" is allowed */
    (void)find_field(query, "text", raw, sizeof raw);          /* an empty text is one too */
    clean_text(raw, text.text, sizeof text.text);
    *ret_text = text;
    return 0;
}

/* ---- JSON ---- */

/* jansson takes far more; ours are flat. Brackets within strings do not count. */
static bool is_shallow(const char *body, size_t length) {
    unsigned depth = 0;
    bool quoted = false;

    for (size_t i = 0; i < length; i++) {
        if (quoted) {
            quoted = body[i] != '"';
            i += body[i] == '\\'; /* what is escaped ends nothing */
        } else if (body[i] == '"') {
            quoted = true;
        } else if (body[i] == '{' || body[i] == '[') {
            depth++;
        } else if ((body[i] == '}' || body[i] == ']') && depth > 0) {
            depth--;
        }
        if (depth > JSON_DEPTH_MAX) {
            return false;
        }
    }
    return true;
}

static json_t *load(const char *body, size_t length) {
    return is_shallow(body, length) ? json_loadb(body, length, JSON_REJECT_DUPLICATES, NULL) : NULL;
}

/* A text or a whole number as text; false when there is none. */
static bool find_value(const json_t *document, const char *pointer, char *buffer, size_t capacity) {
    const json_t *value = *pointer == '\0' ? NULL : json_pointer_find(document, pointer);
    struct text out;

    text_init(&out, buffer, capacity);
    if (json_is_string(value)) {
        text_add(&out, json_string_value(value));
    } else if (json_is_integer(value)) {
        text_addf(&out, "%lld", (long long)json_integer_value(value));
    } else {
        return false;
    }
    return !out.overflow;
}

static void find_json_id(const json_t *document, const char *pointer, char *buffer,
                         size_t capacity) {
    char raw[256];

    buffer[0] = '\0';
    if (find_value(document, pointer, raw, sizeof raw)) {
        keep_id(raw, buffer, capacity);
    }
}

static bool is_listed(const char (*list)[GATEWAY_STATUS_SIZE], const char *status) {
    for (size_t i = 0; i < GATEWAY_STATUSES_MAX && list[i][0] != '\0'; i++) {
        if (text_equal_case(list[i], status)) {
            return true;
        }
    }
    return false;
}

int hook_read_json_receipt(const struct gateway *gateway, const char *body, size_t length,
                           struct hook_receipt *ret_receipt) {
    struct hook_receipt receipt = {.report = RECEIPT_INTERIM};
    char status[GATEWAY_STATUS_SIZE];
    json_t *document = load(body, length);
    const bool found = document &&
                       find_value(document, gateway->receipt_status_pointer, status, sizeof status);

    if (found) {
        find_json_id(document, gateway->receipt_reference_pointer, receipt.reference,
                     sizeof receipt.reference);
        find_json_id(document, gateway->receipt_id_pointer, receipt.provider_id,
                     sizeof receipt.provider_id);
        if (is_listed(gateway->receipt_delivered, status)) {
            receipt.report = RECEIPT_DELIVERED;
        } else if (is_listed(gateway->receipt_failed, status)) {
            receipt.report = RECEIPT_FAILED;
        }
        keep_id(status, receipt.detail, sizeof receipt.detail);
    }
    json_decref(document);
    if (!found || (receipt.reference[0] == '\0' && receipt.provider_id[0] == '\0')) {
        return -EINVAL;
    }
    *ret_receipt = receipt;
    return 0;
}

int hook_read_json_text(const struct gateway *gateway, const char *body, size_t length,
                        struct hook_text *ret_text) {
    struct hook_text text = {0};
    json_t *document = load(body, length);
    const json_t *words = document && *gateway->text_pointer
                              ? json_pointer_find(document, gateway->text_pointer)
                              : NULL;
    const bool found = json_is_string(words) && find_value(document, gateway->text_from_pointer,
                                                           text.from, sizeof text.from);

    if (found) {
        find_json_id(document, gateway->text_id_pointer, text.event, sizeof text.event);
        clean_text(json_string_value(words), text.text, sizeof text.text);
    }
    json_decref(document);
    if (!found) {
        return -EINVAL;
    }
    *ret_text = text;
    return 0;
}
