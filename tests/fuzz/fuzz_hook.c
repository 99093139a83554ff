/* fuzz_hook: whatever a gateway sends, what is read of it is a receipt or a text that may be kept:
 * ids printable, texts one line of UTF-8, nothing too long. The first byte says which of the four
 * readers. */
#include "fuzz.h"

#include <string.h>

#include "../../src/web/hook_read.h"
#include "cobi/base/text.h"
#include "cobi/rules/optout.h"

static const struct gateway gateway = {.receipt_reference_pointer = "/reference",
                                       .receipt_id_pointer = "/data/id",
                                       .receipt_status_pointer = "/status",
                                       .receipt_delivered = {"delivered"},
                                       .receipt_failed = {"failed", "expired"},
                                       .text_from_pointer = "/from",
                                       .text_pointer = "/texts/0/body",
                                       .text_id_pointer = "/id"};

static void check_id(const char *id, size_t size) {
    FUZZ_CHECK(strlen(id) < size);
    for (const char *p = id; *p != '\0'; p++) {
        FUZZ_CHECK(*p > 0x20 && *p < 0x7f);
    }
}

static void check_receipt(const struct hook_receipt *r) {
    check_id(r->reference, sizeof r->reference);
    check_id(r->provider_id, sizeof r->provider_id);
    FUZZ_CHECK(r->report > RECEIPT_NONE && r->report <= RECEIPT_DELIVERED);
    FUZZ_CHECK(*r->reference != '\0' || *r->provider_id != '\0');
    FUZZ_CHECK(*r->detail == '\0' ||
               text_check(r->detail, strlen(r->detail), sizeof r->detail) == TEXT_FINE);
}

static void check_text(const struct hook_text *t) {
    const size_t length = strlen(t->text);

    check_id(t->event, sizeof t->event);
    FUZZ_CHECK(length < sizeof t->text && strlen(t->from) < sizeof t->from);
    FUZZ_CHECK(length == 0 || text_check(t->text, length, sizeof t->text) == TEXT_FINE);
    /* A STOP is short: a sentence never is one. */
    FUZZ_CHECK(!optout_asked(t->text) || strlen(t->text) < sizeof t->text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct hook_receipt receipt;
    struct hook_text text;

    if (size < 1) {
        return 0;
    }
    char *bytes = fuzz_string(data + 1, size - 1);

    switch (data[0] % 4) {
    case 0:
        if (hook_read_kannel_receipt(bytes, &receipt) == 0) {
            check_receipt(&receipt);
        }
        break;
    case 1:
        if (hook_read_kannel_text(bytes, &text) == 0) {
            check_text(&text);
        }
        break;
    case 2:
        if (hook_read_json_receipt(&gateway, bytes, size - 1, &receipt) == 0) {
            check_receipt(&receipt);
        }
        break;
    default:
        if (hook_read_json_text(&gateway, bytes, size - 1, &text) == 0) {
            check_text(&text);
        }
        break;
    }
    free(bytes);
    return 0;
}
