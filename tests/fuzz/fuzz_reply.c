/* fuzz_reply: what a relay says line by line, and how a transfer ended, never makes an acceptance
 * or a certainty that was not there; ids and details taken from it are clean. The first byte picks
 * how the transfer ended, the second what was sent; the rest are the relay's lines. */
#include "fuzz.h"

#include <curl/curl.h>
#include <string.h>

#include "cobi/base/text.h"
#include "cobi/transport/http_classify.h"
#include "cobi/transport/smtp_classify.h"

/* What the dialogue was, read anew and more simply than smtp_classify.c does. */
struct seen {
    int last, final; /* codes; last: of any line, final: of the first whole reply after 354 */
    bool data;
};

static int code_of(const char *line, size_t length) {
    int code = 0;

    for (size_t i = 0; i < 3; i++) {
        if (i >= length || line[i] < '0' || line[i] > '9') {
            return 0;
        }
        code = code * 10 + line[i] - '0';
    }
    return code < 200 || code > 599 || code == 221 ? 0 : code;
}

static void look(struct seen *seen, const char *line, size_t length) {
    int code = code_of(line, length);

    if (code == 0 || seen->final != 0) {
        return;
    }
    seen->last = code; /* all lines of a reply begin with the same one */
    if (length > 3 && line[3] == '-') {
        return;
    }
    if (seen->data) {
        seen->final = code;
    }
    seen->data = seen->data || code == 354;
}

static void check_detail(const char *detail) {
    FUZZ_CHECK(memchr(detail, '\0', DELIVERY_DETAIL_SIZE) != NULL);
    FUZZ_CHECK(text_check(detail, strlen(detail), DELIVERY_DETAIL_SIZE) == TEXT_FINE);
}

static void check_replies(const struct smtp_replies *replies) {
    static const char word[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    FUZZ_CHECK(memchr(replies->queue_id, '\0', sizeof(replies->queue_id)) != NULL);
    FUZZ_CHECK(replies->queue_id[strspn(replies->queue_id, word)] == '\0');
    FUZZ_CHECK(memchr(replies->enhanced, '\0', sizeof(replies->enhanced)) != NULL);
    FUZZ_CHECK(replies->enhanced[strspn(replies->enhanced, "0123456789.")] == '\0');
    FUZZ_CHECK(replies->queue_id[0] == '\0' || replies->data_began);
}

static void check_smtp(const struct smtp_result *result, const struct seen *seen) {
    enum outcome_class outcome = smtp_classify(result);
    char detail[DELIVERY_DETAIL_SIZE];

    check_replies(&result->replies);
    FUZZ_CHECK(seen->data == result->replies.data_began);
    FUZZ_CHECK((outcome == OUTCOME_ACCEPTED) == (seen->final == 250 && result->body_read));
    if (seen->data && result->body_read && seen->final < 400) {
        FUZZ_CHECK(outcome == OUTCOME_ACCEPTED || outcome == OUTCOME_UNCERTAIN);
    }
    if (outcome == OUTCOME_REFUSED_RECIPIENT) {
        FUZZ_CHECK(seen->last >= 500 && result->replies.accepted_count > 0);
    }
    smtp_describe(result, detail);
    check_detail(detail);
}

static void try_http(uint8_t curl_code, uint8_t sent, const uint8_t *data, size_t size) {
    const struct http_result result = {.curl_code = curl_code,
                                       .status = size < 2 ? 0 : (data[0] | data[1] << 8) % 1000,
                                       .request_began = sent & 1,
                                       .proof = sent & 2};
    enum outcome_class outcome = http_classify(&result);
    char detail[DELIVERY_DETAIL_SIZE];

    FUZZ_CHECK((outcome == OUTCOME_ACCEPTED) ==
               (result.status >= 200 && result.status < 300 && result.proof));
    if (result.status >= 200 && result.status < 300) {
        FUZZ_CHECK(outcome == OUTCOME_ACCEPTED || outcome == OUTCOME_UNCERTAIN);
    }
    if (result.status < 200 && result.request_began &&
        (curl_code == CURLE_OK || curl_code == CURLE_OPERATION_TIMEDOUT ||
         curl_code == CURLE_RECV_ERROR || curl_code == CURLE_GOT_NOTHING)) {
        FUZZ_CHECK(outcome == OUTCOME_UNCERTAIN);
    }
    http_describe(&result, detail);
    check_detail(detail);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct smtp_result result = {0};
    struct seen seen = {0};
    char *text;

    if (size < 2) {
        return 0;
    }
    try_http(data[0], data[1], data + 2, size - 2);
    result.curl_code = data[0] % CURL_LAST;
    result.body_read = data[1] & 1;
    text = fuzz_string(data + 2, size - 2);
    for (size_t at = 0; at < size - 2;) {
        const char *end = memchr(text + at, '\n', size - 2 - at);
        size_t length = end == NULL ? size - 2 - at : (size_t)(end - text) - at + 1;

        smtp_replies_add(&result.replies, text + at, length);
        look(&seen, text + at, length);
        at += length;
    }
    check_smtp(&result, &seen);
    free(text);
    return 0;
}
