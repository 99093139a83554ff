/* What the end of an HTTP transfer means: a golden table over every code of libcurl and every
 * status. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <curl/curl.h>

#include "cobi/base/cleanup.h"
#include "cobi/transport/http_classify.h"

/* A accepted, P permanent for the recipient, Q permanent for the request, T transient, D gateway
 * down, U uncertain. */
static char letter_of(enum outcome_class outcome) {
    static const char letters[OUTCOME_CLASS_COUNT] = {
        [OUTCOME_ACCEPTED] = 'A',        [OUTCOME_REFUSED_RECIPIENT] = 'P',
        [OUTCOME_REFUSED_REQUEST] = 'Q', [OUTCOME_TRANSIENT] = 'T',
        [OUTCOME_GATEWAY_DOWN] = 'D',    [OUTCOME_UNCERTAIN] = 'U',
    };
    return letters[outcome];
}

/* Ten codes a row. */
static const char unsent[] = "UDTDTDDDTT"
                             "TTTTTTTTTT"
                             "TTTTTTTTDT" /* 28: no connection in time */
                             "TTTTTDTTTT" /* 35 */
                             "TTUTTTTTTT" /* 42: it would have been sent again */
                             "TTTTTTTTDT" /* 58 */
                             "DTTTTUTTTT" /* 60; 65: as 42 */
                             "TTTTTTTDTT" /* 77 */
                             "TTTDTTTTTT" /* 83 */
                             "TTTTTTTTTT";
static const char sent[] = "UDUDUDDDUU"
                           "UUUUUUUUUU"
                           "UUUUUUUUUU"
                           "UUUUUDUUUU"
                           "UUUUUUUUUU"
                           "UUUUUUUUDU"
                           "DUUUUUUUUU"
                           "UUUUUUUDUU"
                           "UUUDUUUUUU"
                           "UUUUUUUUUU";

static void every_code_without_a_status(void **state) {
    (void)state;
    assert_int_equal(sizeof unsent - 1, 100);
    assert_int_equal(sizeof sent - 1, 100);
    for (int code = 0; code < 100; code++) {
        for (long status = 0; status <= 103; status += 100) { /* "100 Continue" is no answer */
            struct http_result result = {.curl_code = code, .status = status};
            char before = letter_of(http_classify(&result));
            result.request_began = true;
            char after = letter_of(http_classify(&result));
            if (before != unsent[code] || after != sent[code]) {
                fail_msg("curl %d: %c and %c, wanted %c and %c", code, before, after, unsent[code],
                         sent[code]);
            }
        }
    }
}

static char wanted_for(long status) {
    switch (status) {
    case 401:
    case 403:
    case 407:
        return 'D';
    case 408:
    case 429:
    case 503:
        return 'T';
    default:
        return status >= 300 && status < 500 ? 'Q' : 'U';
    }
}

/* Once a status line was seen the way the transfer ended does not matter. */
static void every_status(void **state) {
    (void)state;
    static const int endings[] = {CURLE_OK,          CURLE_PARTIAL_FILE,
                                  CURLE_WRITE_ERROR, CURLE_OPERATION_TIMEDOUT,
                                  CURLE_RECV_ERROR,  CURLE_COULDNT_CONNECT};
    for (long status = 200; status <= 700; status++) {
        for (size_t i = 0; i < ARRAY_COUNT(endings); i++) {
            struct http_result result = {
                .curl_code = endings[i], .status = status, .request_began = true};
            char seen = letter_of(http_classify(&result));
            if (seen != wanted_for(status)) {
                fail_msg("HTTP %ld, curl %d: %c, wanted %c", status, endings[i], seen,
                         wanted_for(status));
            }
        }
    }
}

static void only_proof_accepts(void **state) {
    (void)state;
    for (long status = 0; status <= 700; status++) {
        struct http_result result = {.status = status, .request_began = true, .proof = true};
        bool accepted = http_classify(&result) == OUTCOME_ACCEPTED;
        assert_int_equal(accepted, status >= 200 && status < 300);
    }
}

static void details_hold_codes_only(void **state) {
    (void)state;
    static const struct {
        struct http_result result;
        const char *detail;
    } rows[] = {
        {{.status = 503}, "HTTP 503"},
        {{.status = 200, .proof = true}, "HTTP 200"},
        {{.status = 200}, "HTTP 200 without proof of acceptance"},
        {{.curl_code = CURLE_COULDNT_CONNECT}, "no connection (7)"},
        {{.curl_code = CURLE_OPERATION_TIMEDOUT, .request_began = true},
         "timeout after sending (28)"},
        {{.curl_code = CURLE_OPERATION_TIMEDOUT}, "timeout before sending (28)"},
        {{.curl_code = CURLE_ABORTED_BY_CALLBACK, .request_began = true},
         "connection lost after sending (42)"},
        {{.curl_code = CURLE_HTTP2, .request_began = true}, "no answer after sending (16)"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char detail[DELIVERY_DETAIL_SIZE];
        http_describe(&rows[i].result, detail);
        assert_string_equal(detail, rows[i].detail);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_without_a_status),
        cmocka_unit_test(every_status),
        cmocka_unit_test(only_proof_accepts),
        cmocka_unit_test(details_hold_codes_only),
    };
    return cmocka_run_group_tests_name("http_classify", tests, NULL, NULL);
}
