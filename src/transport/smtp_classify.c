/* smtp_classify: the meaning of a relay's replies, or of their absence.
 *
 * libcurl hands over every reply line; the code of the last reply, its RFC 3463 detail and the
 * stage are taken from there. RESPONSE_CODE alone would mislead: after a lost connection it still
 * shows the reply before (curl #8356). Lost after the end of the data is UNCERTAIN, everything
 * before it is certainly not accepted. Server text never leaves this file, except a queue id. */
#include "cobi/transport/smtp_classify.h"

#include <curl/curl.h>
#include <string.h>

#include "cobi/base/cleanup.h"
#include "cobi/base/text.h"

enum smtp_code {
    SMTP_GREETING = 220,
    SMTP_QUITTING = 221,
    SMTP_AUTH_DONE = 235,
    SMTP_AUTH_MORE = 334,
    SMTP_DATA_BEGIN = 354
};

struct code_row {
    int code;
    enum outcome_class outcome;
    const char *text;
};
/* Failures that libcurl's code tells best; they happen before the data. */
static const struct code_row before_data[] = {
    {CURLE_UNSUPPORTED_PROTOCOL, OUTCOME_GATEWAY_DOWN, "protocol not supported"},
    {CURLE_URL_MALFORMAT, OUTCOME_GATEWAY_DOWN, "URL not usable"},
    {CURLE_COULDNT_RESOLVE_PROXY, OUTCOME_GATEWAY_DOWN, "host name not found"},
    {CURLE_COULDNT_RESOLVE_HOST, OUTCOME_GATEWAY_DOWN, "host name not found"},
    {CURLE_COULDNT_CONNECT, OUTCOME_GATEWAY_DOWN, "no connection"},
    {CURLE_SSL_CONNECT_ERROR, OUTCOME_GATEWAY_DOWN, "TLS handshake failed"},
    {CURLE_SSL_CERTPROBLEM, OUTCOME_GATEWAY_DOWN, "own TLS certificate not usable"},
    {CURLE_PEER_FAILED_VERIFICATION, OUTCOME_GATEWAY_DOWN, "TLS certificate refused"},
    {CURLE_USE_SSL_FAILED, OUTCOME_GATEWAY_DOWN, "relay offers no TLS"},
    {CURLE_SSL_CACERT_BADFILE, OUTCOME_GATEWAY_DOWN, "ca_file not readable"},
    {CURLE_SSL_ISSUER_ERROR, OUTCOME_GATEWAY_DOWN, "TLS issuer refused"},
};
/* RFC 3463 details that say the address itself is wrong; every other refusal leaves the contact as
 * it is. */
static const char *const bad_addresses[] = {"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10"};

static int read_code(const char *line) {
    if (strspn(line, "0123456789") < 3 || line[0] < '2' || line[0] > '5') {
        return 0;
    }
    return (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
}

/* Copies "5.1.1" if the text begins with such a detail, of the same class as the reply. */
static void read_enhanced(const char *text, char class_digit,
                          char ret_enhanced[SMTP_ENHANCED_SIZE]) {
    size_t length = strspn(text, "0123456789."), dots = 0, digits = 0;
    if (length + 1 > SMTP_ENHANCED_SIZE || text[0] != class_digit || text[1] != '.' ||
        (text[length] != ' ' && text[length] != '\0')) {
        return;
    }
    for (size_t i = 0; i < length; i++) {
        dots += text[i] == '.';
        digits = text[i] == '.' ? 0 : digits + 1;
        if (digits > 3 || (text[i] == '.' && text[i + 1] == '.')) {
            return;
        }
    }
    if (dots == 2 && digits > 0) {
        memcpy(ret_enhanced, text, length);
        ret_enhanced[length] = '\0';
    }
}

/* "250 2.0.0 Ok: queued as 4F1B2" or "250 OK id=1xUuiJ-0006EL-2T". */
static void read_queue_id(const char *text, char ret_id[PROVIDER_ID_SIZE]) {
    static const char *const marks[] = {"queued as ", "id="};
    for (size_t i = 0; i < ARRAY_COUNT(marks); i++) {
        const char *mark = strstr(text, marks[i]);
        if (mark == NULL) {
            continue;
        }
        const char *id = mark + strlen(marks[i]);
        size_t length = strspn(id,
                               "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");
        if (length > 0 && length < PROVIDER_ID_SIZE) {
            memcpy(ret_id, id, length);
            ret_id[length] = '\0';
            return;
        }
    }
}

/* A whole reply has come: where does the dialogue stand now? */
static void reply_ended(struct smtp_replies *replies, int code) {
    if (replies->data_began) { /* whatever it says: what follows answers QUIT */
        replies->ended = true;
    } else if (code == SMTP_GREETING) { /* of the relay, or of STARTTLS: EHLO follows both */
        replies->ehlo_pending = true;
    } else if (code == SMTP_DATA_BEGIN) {
        replies->data_began = true;
    } else if (code / 100 == 2 && replies->ehlo_pending) {
        replies->ehlo_pending = false;
    } else if (code / 100 == 2 && code != SMTP_AUTH_DONE) {
        replies->accepted_count++;
    }
}

void smtp_replies_add(struct smtp_replies *replies, const char *line, size_t length) {
    char copy[512];
    size_t kept = length < sizeof copy - 1 ? length : sizeof copy - 1;
    memcpy(copy, line, kept);
    copy[kept] = '\0';
    copy[strcspn(copy, "\r\n")] = '\0';
    int code = read_code(copy);
    if (code == 0 || code == SMTP_QUITTING ||
        replies->ended) { /* what answers QUIT says nothing about the message */
        return;
    }
    if (!replies->continued) {
        replies->enhanced[0] = '\0';
    }
    replies->code = code;
    replies->continued = copy[3] == '-';
    if (copy[3] != '\0') {
        read_enhanced(copy + 4, copy[0], replies->enhanced);
    }
    if (replies->continued) {
        return;
    }
    if (replies->data_began && code / 100 == 2) {
        read_queue_id(copy, replies->queue_id);
    }
    reply_ended(replies, code);
}

static const struct code_row *find_code(int code) {
    for (size_t i = 0; i < ARRAY_COUNT(before_data); i++) {
        if (before_data[i].code == code) {
            return &before_data[i];
        }
    }
    return NULL;
}

static bool bad_address(const char *enhanced) {
    for (size_t i = 0; i < ARRAY_COUNT(bad_addresses); i++) {
        if (strcmp(enhanced, bad_addresses[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* 5xx to MAIL, RCPT, DATA or the data itself. */
static enum outcome_class refused(const struct smtp_replies *replies) {
    bool about_us = replies->code == 530 || replies->code == 535 || replies->code == 538;
    if (about_us || (replies->accepted_count == 0 && strncmp(replies->enhanced, "5.7.", 4) == 0)) {
        return OUTCOME_GATEWAY_DOWN; /* no credentials, or our sender is not allowed: it concerns
                                        every mail */
    }
    return replies->accepted_count > 0 && bad_address(replies->enhanced) ? OUTCOME_REFUSED_RECIPIENT
                                                                         : OUTCOME_REFUSED_REQUEST;
}

static enum outcome_class during_dialogue(const struct smtp_result *result) {
    int class_digit = result->replies.code / 100;
    switch (result->curl_code) {
    case CURLE_LOGIN_DENIED:
        return class_digit == 4 ? OUTCOME_TRANSIENT : OUTCOME_GATEWAY_DOWN;
    case CURLE_WEIRD_SERVER_REPLY:   /* a greeting that is none */
    case CURLE_REMOTE_ACCESS_DENIED: /* EHLO refused */
        return class_digit == 5 ? OUTCOME_GATEWAY_DOWN : OUTCOME_TRANSIENT;
    case CURLE_SEND_ERROR:
        return class_digit == 5 ? refused(&result->replies) : OUTCOME_TRANSIENT;
    case CURLE_OPERATION_TIMEDOUT:
        return result->replies.code == 0 ? OUTCOME_GATEWAY_DOWN : OUTCOME_TRANSIENT;
    default:
        return OUTCOME_TRANSIENT;
    }
}

enum outcome_class smtp_classify(const struct smtp_result *result) {
    const struct smtp_replies *replies = &result->replies;
    const struct code_row *row = find_code(result->curl_code);
    if (replies->ended && replies->code >= 400) {
        return replies->code >= 500 ? refused(replies) : OUTCOME_TRANSIENT;
    }
    if (replies->ended && replies->code == 250 && result->body_read) {
        return OUTCOME_ACCEPTED;
    }
    if (replies->data_began && (result->body_read || replies->ended)) {
        return OUTCOME_UNCERTAIN;
    }
    if (result->curl_code == CURLE_OK) {
        return OUTCOME_UNCERTAIN; /* a success that no reply speaks for */
    }
    return row != NULL ? row->outcome : during_dialogue(result);
}

void smtp_describe(const struct smtp_result *result, char ret_detail[DELIVERY_DETAIL_SIZE]) {
    const struct smtp_replies *replies = &result->replies;
    const struct code_row *row = find_code(result->curl_code);
    enum outcome_class outcome = smtp_classify(result);
    struct text detail;
    text_init(&detail, ret_detail, DELIVERY_DETAIL_SIZE);
    if (outcome == OUTCOME_ACCEPTED || (replies->code >= 400 && row == NULL)) {
        text_addf(&detail, "%d%s%s", replies->code, replies->enhanced[0] != '\0' ? " " : "",
                  replies->enhanced);
    } else if (row != NULL && outcome != OUTCOME_UNCERTAIN) {
        text_addf(&detail, "%s (%d)", row->text, result->curl_code);
    } else {
        const char *what = result->curl_code == CURLE_OPERATION_TIMEDOUT ? "timeout"
                                                                         : "connection lost";
        text_addf(&detail, "%s %s (%d)", what,
                  outcome == OUTCOME_UNCERTAIN ? "after sending" : "before sending",
                  result->curl_code);
    }
}
