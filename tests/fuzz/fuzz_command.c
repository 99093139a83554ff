/* fuzz_command: any words on the command line are a command that the table knows, a wish for help,
 * or one harmless line about what is wrong. A line feed separates the words. */
#include "fuzz.h"

#include <string.h>

#include "cobi/base/text.h"
#include "cobi/ctl/parse.h"

#define WORDS_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char program[] = "cobictl";
    char *argv[WORDS_MAX + 2] = {program};
    struct complaint complaint = {0};
    struct parsed parsed = {0};
    char *text = fuzz_string(data, size);
    char *rest = text;
    int argc = 1;

    while (rest != NULL && argc <= WORDS_MAX) {
        argv[argc] = strsep(&rest, "\n");
        argc++;
    }
    if (parse_command_line(argc, argv, &parsed, &complaint) == 0) {
        FUZZ_CHECK(parsed.wish != PARSED_RUN ||
                   (parsed.command != NULL && json_is_object(parsed.arguments)));
        parsed_done(&parsed);
    } else {
        FUZZ_CHECK(text_check(complaint.text, strlen(complaint.text), COMPLAINT_SIZE) == TEXT_FINE);
        FUZZ_CHECK(parsed.command == NULL && parsed.arguments == NULL);
    }
    free(text);
    return 0;
}
