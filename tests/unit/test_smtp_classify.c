/* What the end of an SMTP transfer means: dialogues as libcurl 7.88.1 hands them over, and every
 * code of libcurl at every stage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <curl/curl.h>

#include "cobi/base/cleanup.h"
#include "cobi/base/text.h"
#include "cobi/transport/smtp_classify.h"

#define GREETING "220 relay ready|250-relay|250-SIZE 1000|250 AUTH PLAIN|"
#define TLS      GREETING "220 2.0.0 Go|250-relay|250 AUTH PLAIN|"
#define LOGIN    TLS "334 |235 2.7.0 Welcome|"
#define MAIL     GREETING "250 2.1.0 Fine|"
#define RCPT     MAIL "250 2.1.5 Fine|"
#define DATA     RCPT "354 Go on|"

/* Feeds lines that end in "|". */
static struct smtp_replies replies_of(const char *lines) {
    struct smtp_replies replies = {0};
    while (*lines != '\0') {
        size_t length = strcspn(lines, "|");
        char line[600];
        memcpy(line, lines, length);
        memcpy(line + length, "\r\n", 2);
        smtp_replies_add(&replies, line, length + 2);
        lines += length + 1;
    }
    return replies;
}

enum body { BODY_UNREAD, BODY_READ };
static const struct row {
    const char *lines;
    int code;
    enum body body;
    enum outcome_class outcome;
    const char *detail;
} rows[] = {
    {DATA "250 2.0.0 Ok: queued as 4F1B2C|", CURLE_OK, BODY_READ, OUTCOME_ACCEPTED, "250 2.0.0"},
    {DATA "250 Ok|221 Bye|", CURLE_OK, BODY_READ, OUTCOME_ACCEPTED, "250"},
    {DATA "250 Ok|", CURLE_ABORTED_BY_CALLBACK, BODY_READ, OUTCOME_ACCEPTED,
     "250"}, /* cut off in QUIT */
    {DATA "250 Ok|", CURLE_OK, BODY_UNREAD, OUTCOME_UNCERTAIN, "connection lost after sending (0)"},
    {DATA "220 What?|452 4.3.1 to QUIT|", CURLE_WEIRD_SERVER_REPLY, BODY_READ, OUTCOME_UNCERTAIN,
     "connection lost after sending (8)"},
    {DATA "354 Go on|452 4.3.1 to QUIT|", CURLE_WEIRD_SERVER_REPLY, BODY_READ, OUTCOME_UNCERTAIN,
     "connection lost after sending (8)"},
    {RCPT, CURLE_OK, BODY_UNREAD, OUTCOME_UNCERTAIN, "connection lost after sending (0)"},
    {MAIL "550 5.1.1 No such mailbox|221 Bye|", CURLE_SEND_ERROR, BODY_UNREAD,
     OUTCOME_REFUSED_RECIPIENT, "550 5.1.1"},
    {MAIL "550-5.1.1 <a@b.example>:|550-5.1.1 no such|550 5.1.1 mailbox|", CURLE_SEND_ERROR,
     BODY_UNREAD, OUTCOME_REFUSED_RECIPIENT, "550 5.1.1"},
    {MAIL "550 5.1.2 x|", CURLE_SEND_ERROR, BODY_UNREAD, OUTCOME_REFUSED_RECIPIENT, "550 5.1.2"},
    {MAIL "553 5.1.3 x|", CURLE_SEND_ERROR, BODY_UNREAD, OUTCOME_REFUSED_RECIPIENT, "553 5.1.3"},
    {MAIL "551 5.1.6 x|", CURLE_SEND_ERROR, BODY_UNREAD, OUTCOME_REFUSED_RECIPIENT, "551 5.1.6"},
    {MAIL "550 5.1.10 x|", CURLE_SEND_ERROR, BODY_UNREAD, OUTCOME_REFUSED_RECIPIENT, "550 5.1.10"},
    {MAIL "550 5.1.100 x|", CURLE_SEND_ERROR, BODY_UNREAD, OUTCOME_REFUSED_REQUEST, "550 5.1.100"},
    {MAIL "550 No such mailbox|", CURLE_SEND_ERROR, BODY_UNREAD, OUTCOME_REFUSED_REQUEST, "550"},
    {MAIL "550 4.1.1 the classes differ|", CURLE_SEND_ERROR, BODY_UNREAD, OUTCOME_REFUSED_REQUEST,
     "550"},
    {MAIL "552 5.2.2 Full|", CURLE_SEND_ERROR, BODY_UNREAD, OUTCOME_REFUSED_REQUEST, "552 5.2.2"},
    {MAIL "554 5.7.1 Policy|", CURLE_SEND_ERROR, BODY_UNREAD, OUTCOME_REFUSED_REQUEST, "554 5.7.1"},
    {MAIL "530 5.7.0 Authentication required|", CURLE_SEND_ERROR, BODY_UNREAD, OUTCOME_GATEWAY_DOWN,
     "530 5.7.0"},
    {GREETING "530 Authentication required|", CURLE_SEND_ERROR, BODY_UNREAD, OUTCOME_GATEWAY_DOWN,
     "530"},
    {GREETING "550 5.7.1 Sender refused|", CURLE_SEND_ERROR, BODY_UNREAD, OUTCOME_GATEWAY_DOWN,
     "550 5.7.1"},
    {LOGIN "550 5.7.1 Sender refused|", CURLE_SEND_ERROR, BODY_UNREAD, OUTCOME_GATEWAY_DOWN,
     "550 5.7.1"},
    {GREETING "553 5.1.1 about the sender, not the recipient|", CURLE_SEND_ERROR, BODY_UNREAD,
     OUTCOME_REFUSED_REQUEST, "553 5.1.1"},
    {GREETING "552 5.3.4 Too big|", CURLE_SEND_ERROR, BODY_UNREAD, OUTCOME_REFUSED_REQUEST,
     "552 5.3.4"},
    {GREETING "451 4.7.0 Later|", CURLE_SEND_ERROR, BODY_UNREAD, OUTCOME_TRANSIENT, "451 4.7.0"},
    {MAIL "450 4.2.1 Greylisted|", CURLE_SEND_ERROR, BODY_UNREAD, OUTCOME_TRANSIENT, "450 4.2.1"},
    {MAIL "421 4.3.2 Closing|", CURLE_SEND_ERROR, BODY_UNREAD, OUTCOME_TRANSIENT, "421 4.3.2"},
    {RCPT "554 5.5.0 No data|", CURLE_SEND_ERROR, BODY_UNREAD, OUTCOME_REFUSED_REQUEST,
     "554 5.5.0"},
    {LOGIN "250 Fine|550 5.1.1 x|", CURLE_SEND_ERROR, BODY_UNREAD, OUTCOME_REFUSED_RECIPIENT,
     "550 5.1.1"},
    {"250 2.1.0 Fine|550 5.1.1 on a kept connection|", CURLE_SEND_ERROR, BODY_UNREAD,
     OUTCOME_REFUSED_RECIPIENT, "550 5.1.1"},
    {TLS "334 |535 5.7.8 Wrong|", CURLE_LOGIN_DENIED, BODY_UNREAD, OUTCOME_GATEWAY_DOWN,
     "535 5.7.8"},
    {TLS "454 4.7.0 Later|", CURLE_LOGIN_DENIED, BODY_UNREAD, OUTCOME_TRANSIENT, "454 4.7.0"},
    {DATA "554 5.6.0 Refused|", CURLE_WEIRD_SERVER_REPLY, BODY_READ, OUTCOME_REFUSED_REQUEST,
     "554 5.6.0"},
    {DATA "550 5.1.1 only now|", CURLE_WEIRD_SERVER_REPLY, BODY_READ, OUTCOME_REFUSED_RECIPIENT,
     "550 5.1.1"},
    {DATA "451 4.3.0 Error|", CURLE_WEIRD_SERVER_REPLY, BODY_READ, OUTCOME_TRANSIENT, "451 4.3.0"},
    {DATA "252 Perhaps|", CURLE_WEIRD_SERVER_REPLY, BODY_READ, OUTCOME_UNCERTAIN,
     "connection lost after sending (8)"},
    {RCPT, CURLE_RECV_ERROR, BODY_UNREAD, OUTCOME_TRANSIENT, "connection lost before sending (56)"},
    {MAIL, CURLE_RECV_ERROR, BODY_UNREAD, OUTCOME_TRANSIENT, "connection lost before sending (56)"},
    {DATA, CURLE_RECV_ERROR, BODY_UNREAD, OUTCOME_TRANSIENT, "connection lost before sending (56)"},
    {DATA, CURLE_SEND_ERROR, BODY_UNREAD, OUTCOME_TRANSIENT, "connection lost before sending (55)"},
    {DATA, CURLE_RECV_ERROR, BODY_READ, OUTCOME_UNCERTAIN, "connection lost after sending (56)"},
    {DATA, CURLE_SEND_ERROR, BODY_READ, OUTCOME_UNCERTAIN, "connection lost after sending (55)"},
    {DATA, CURLE_OPERATION_TIMEDOUT, BODY_READ, OUTCOME_UNCERTAIN, "timeout after sending (28)"},
    {DATA "250-half a reply|", CURLE_RECV_ERROR, BODY_READ, OUTCOME_UNCERTAIN,
     "connection lost after sending (56)"},
    {RCPT, CURLE_OPERATION_TIMEDOUT, BODY_UNREAD, OUTCOME_TRANSIENT, "timeout before sending (28)"},
    {"", CURLE_OPERATION_TIMEDOUT, BODY_UNREAD, OUTCOME_GATEWAY_DOWN,
     "timeout before sending (28)"},
    {"", CURLE_COULDNT_CONNECT, BODY_UNREAD, OUTCOME_GATEWAY_DOWN, "no connection (7)"},
    {"", CURLE_COULDNT_RESOLVE_HOST, BODY_UNREAD, OUTCOME_GATEWAY_DOWN, "host name not found (6)"},
    {GREETING "220 Go|", CURLE_PEER_FAILED_VERIFICATION, BODY_UNREAD, OUTCOME_GATEWAY_DOWN,
     "TLS certificate refused (60)"},
    {GREETING "220 Go|", CURLE_SSL_CONNECT_ERROR, BODY_UNREAD, OUTCOME_GATEWAY_DOWN,
     "TLS handshake failed (35)"},
    {GREETING, CURLE_USE_SSL_FAILED, BODY_UNREAD, OUTCOME_GATEWAY_DOWN, "relay offers no TLS (64)"},
    {"554 No service|", CURLE_WEIRD_SERVER_REPLY, BODY_UNREAD, OUTCOME_GATEWAY_DOWN, "554"},
    {"421 4.3.2 Later|", CURLE_WEIRD_SERVER_REPLY, BODY_UNREAD, OUTCOME_TRANSIENT, "421 4.3.2"},
    {"220 relay|550 5.7.1 Your EHLO|", CURLE_REMOTE_ACCESS_DENIED, BODY_UNREAD,
     OUTCOME_GATEWAY_DOWN, "550 5.7.1"},
};

static void dialogues(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        const struct row *row = &rows[i];
        struct smtp_result result = {.curl_code = row->code,
                                     .body_read = row->body == BODY_READ,
                                     .replies = replies_of(row->lines)};
        char detail[DELIVERY_DETAIL_SIZE];
        smtp_describe(&result, detail);
        enum outcome_class outcome = smtp_classify(&result);
        if (outcome != row->outcome || strcmp(detail, row->detail) != 0) {
            fail_msg("%s curl %d: %s \"%s\", wanted %s \"%s\"", row->lines, row->code,
                     outcome_class_to_text(outcome), detail, outcome_class_to_text(row->outcome),
                     row->detail);
        }
    }
}

/* Whatever libcurl says: nothing but an accepted end accepts, and once the data has gone out
 * unanswered it is never "certainly not". */
static void no_code_makes_a_lost_answer_certain(void **state) {
    (void)state;
    for (int code = 0; code < 100; code++) {
        struct smtp_result lost = {
            .curl_code = code, .body_read = true, .replies = replies_of(DATA)};
        struct smtp_result early = {.curl_code = code, .replies = replies_of(RCPT)};
        enum outcome_class outcome = smtp_classify(&early);
        assert_int_equal(smtp_classify(&lost), OUTCOME_UNCERTAIN);
        assert_int_not_equal(outcome, OUTCOME_ACCEPTED);
        assert_int_equal(outcome == OUTCOME_UNCERTAIN, code == CURLE_OK);
    }
}

static void queue_ids(void **state) {
    (void)state;
    static const struct {
        const char *line, *id;
    } ids[] = {
        {"250 2.0.0 Ok: queued as 4F1B2C|", "4F1B2C"},
        {"250 OK id=1xUuiJ-0006EL-2T|", "1xUuiJ-0006EL-2T"},
        {"250 2.0.0 thanks, x@y.example|", ""},
        {"250 queued as <x@y.example>|", ""},
        {"250-queued as FIRST|250 done|", ""},
        {"451 queued as LIE|", ""},
    };
    for (size_t i = 0; i < ARRAY_COUNT(ids); i++) {
        char lines[400] = DATA;
        struct text text = {.data = lines, .length = strlen(lines), .capacity = sizeof lines};
        text_add(&text, ids[i].line);
        struct smtp_replies replies = replies_of(lines);
        assert_string_equal(replies.queue_id, ids[i].id);
    }
}

/* Lines are what a stranger sends: long, short, binary. */
static void odd_lines_are_survived(void **state) {
    (void)state;
    static const char *const odd[] = {"",
                                      "\r\n",
                                      "2",
                                      "25",
                                      "999 x\r\n",
                                      "abc\r\n",
                                      "250\r\n",
                                      "250-",
                                      "550 5.1\r\n",
                                      "550 5.1.1.1.1.1.1.1.1.1\r\n",
                                      "550 ......\r\n",
                                      "550 5..1\r\n"};
    char huge[5000];
    memset(huge, '5', sizeof huge);
    struct smtp_replies replies = {0};
    for (size_t i = 0; i < ARRAY_COUNT(odd); i++) {
        smtp_replies_add(&replies, odd[i], strlen(odd[i]));
        assert_string_equal(replies.enhanced, "");
    }
    smtp_replies_add(&replies, huge, sizeof huge);
    smtp_replies_add(&replies, "250 \0 5.1.1", 11);
    assert_false(replies.data_began);
    assert_false(replies.ended);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dialogues),
        cmocka_unit_test(no_code_makes_a_lost_answer_certain),
        cmocka_unit_test(queue_ids),
        cmocka_unit_test(odd_lines_are_survived),
    };
    return cmocka_run_group_tests_name("smtp_classify", tests, NULL, NULL);
}
