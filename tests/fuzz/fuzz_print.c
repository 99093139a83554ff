/* fuzz_print: whatever the daemon answers, what cobictl prints cannot act on the terminal: no
 * control character but the end of a line, nothing that hides or turns, nothing but ASCII where the
 * terminal knows nothing else. The first byte picks the command, the second charset and width; the
 * rest is the document. */
#include "fuzz.h"

#include <locale.h>
#include <string.h>

#include "cobi/base/text.h"
#include "cobi/ctl/table.h"

static void check(const char *printed, size_t length, enum terminal_charset charset) {
    for (size_t i = 0; i < length;) {
        const char *end = memchr(printed + i, '\n', length - i);
        size_t line = end == NULL ? length - i : (size_t)(end - printed) - i;
        enum text_fault fault = text_check(printed + i, line, SIZE_MAX);

        FUZZ_CHECK(fault == TEXT_FINE || fault == TEXT_EMPTY);
        i += line + 1;
    }
    for (size_t i = 0; charset == TERMINAL_ASCII && i < length; i++) {
        FUZZ_CHECK((unsigned char)printed[i] < 0x7f);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct page page = {0};
    char *printed = NULL;
    size_t length = 0;
    json_t *document;

    if (size < 2 || setlocale(LC_CTYPE, "C.UTF-8") == NULL) {
        return 0;
    }
    document = json_loadb((const char *)data + 2, size - 2, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL,
                          NULL);
    if (document == NULL) {
        return 0;
    }
    page.out = open_memstream(&printed, &length);
    FUZZ_CHECK(page.out != NULL);
    page.charset = data[1] & 1 ? TERMINAL_ASCII : TERMINAL_UTF8;
    page.width = data[1] >> 1;
    table_print_answer(&page, &commands[data[0] % command_count], document);
    FUZZ_CHECK(fclose(page.out) == 0);
    check(printed, length, page.charset);
    free(printed);
    arena_done(&page.arena);
    json_decref(document);
    return 0;
}
