/* smtp_transfer: hands one mail for one recipient to a relay.
 *
 * Blocking: libcurl waits for the final reply inside the call, so this runs in a worker thread and
 * never on the loop. Every reply line is followed (smtp_classify), because only they say how far
 * the dialogue came. A connection is kept only while another mail waits; the wait for the answer to
 * QUIT is bounded, or a silent relay would hold the worker for minutes. Without TLS nothing is
 * sent, unless the relay is on this machine and so configured. */
#include "cobi/transport/smtp_transfer.h"

#include <stdint.h>
#include <string.h>
#include <time.h>

#include "cobi/transport/allocate.h"
#include "cobi/transport/credential.h"

#define CONNECT_TIMEOUT_MS       15000
#define REPLY_TIMEOUT_DEFAULT_MS 300000
#define DIALOGUE_TIMEOUT_MS      120000 /* for all before the final reply */
#define QUIT_TIMEOUT_MS          2000

struct transfer {
    const struct smtp_job *job;
    const atomic_bool *abort;
    size_t taken; /* bytes of the mail given to libcurl */
    struct smtp_replies replies;
    int64_t give_up_ms,
        quit_until_ms; /* CLOCK_MONOTONIC; quit_until_ms: 0 before the final reply */
};

static int64_t monotonic_ms(void) {
    struct timespec now;
    if (clock_gettime(CLOCK_MONOTONIC, &now) < 0) {
        abort();
    }
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void must(int code) {
    if (code != 0) {
        abort();
    }
}

void smtp_job_free(struct smtp_job *job) {
    if (job != NULL) {
        wipe_free(job->bytes, job->length);
        wipe_free((char *)job, sizeof *job);
    }
}

static size_t on_read(char *buffer, size_t size, size_t count, void *user) {
    struct transfer *transfer = user;
    size_t left = transfer->job->length - transfer->taken, room = size * count;
    size_t length = left < room ? left : room;
    memcpy(buffer, transfer->job->bytes + transfer->taken, length);
    transfer->taken += length;
    return length;
}

static size_t on_reply(char *line, size_t size, size_t count, void *user) {
    struct transfer *transfer = user;
    smtp_replies_add(&transfer->replies, line, size * count);
    bool over = transfer->replies.ended ||
                transfer->replies.code >=
                    400; /* unless a better reply follows (HELO, another AUTH) */
    if (!over) {
        transfer->quit_until_ms = 0;
    } else if (transfer->quit_until_ms == 0) {
        transfer->quit_until_ms = monotonic_ms() + QUIT_TIMEOUT_MS;
    }
    return size * count;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *user) {
    (void)bytes;
    (void)user;
    return size * count;
}

/* Called at least once a second, also while libcurl waits for a reply. 1 ends the transfer. */
static int on_progress(void *user, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d) {
    const struct transfer *transfer = user;
    (void)a;
    (void)b;
    (void)c;
    (void)d;
    if (atomic_load(transfer->abort)) {
        return 1;
    }
    int64_t now_ms = monotonic_ms();
    return now_ms >= transfer->give_up_ms ||
           (transfer->quit_until_ms != 0 && now_ms >= transfer->quit_until_ms);
}

static void set_security(CURL *easy, const struct smtp_route *route) {
    const struct gateway *gateway = route->gateway;
    bool encrypted = route->endpoint->encrypted;
    must((int)curl_easy_setopt(easy, CURLOPT_URL, route->endpoint->url));
    must((int)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps"));
    must((int)curl_easy_setopt(easy, CURLOPT_USE_SSL,
                               (long)(encrypted ? CURLUSESSL_ALL : CURLUSESSL_NONE)));
    must((int)curl_easy_setopt(easy, CURLOPT_PROXY, ""));
    must((int)curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED));
    must((int)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L));
    must((int)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L));
    must((int)curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2));
    if (gateway->ca_file[0] != '\0') {
        must((int)curl_easy_setopt(easy, CURLOPT_CAINFO, gateway->ca_file));
    }
}

static void set_limits(CURL *easy, const struct smtp_route *route, struct transfer *transfer) {
    int64_t reply_ms = route->gateway->timeout.us > 0 ? route->gateway->timeout.us / 1000
                                                      : REPLY_TIMEOUT_DEFAULT_MS;
    int64_t total_ms = reply_ms + DIALOGUE_TIMEOUT_MS;
    transfer->give_up_ms = monotonic_ms() + total_ms;
    must((int)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L));
    must((int)curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L));
    must((int)curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS));
    must((int)curl_easy_setopt(easy, CURLOPT_SERVER_RESPONSE_TIMEOUT,
                               (long)((reply_ms + 999) / 1000)));
    must((int)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)total_ms));
    must((int)curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L));
    must((int)curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress));
    must((int)curl_easy_setopt(easy, CURLOPT_XFERINFODATA, transfer));
}

static void set_mail(CURL *easy, struct transfer *transfer, struct curl_slist *recipients) {
    must((int)curl_easy_setopt(easy, CURLOPT_MAIL_FROM, transfer->job->from));
    must((int)curl_easy_setopt(easy, CURLOPT_MAIL_RCPT, recipients));
    must((int)curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L));
    must((int)curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)transfer->job->length));
    must((int)curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read));
    must((int)curl_easy_setopt(easy, CURLOPT_READDATA, transfer));
    must((int)curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_reply));
    must((int)curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer));
    must((int)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body));
}

/* libcurl keeps its own copies of user and password until the handle is cleaned up. */
static int set_login(CURL *easy, const struct smtp_route *route) {
    const struct gateway *gateway = route->gateway;
    char password[CREDENTIAL_SIZE] = "";
    int r = 0;
    if (gateway->user[0] == '\0') {
        return 0;
    }
    if (gateway->password_credential[0] != '\0') {
        r = credential_read(route->credentials_dir, gateway->password_credential, password);
    }
    if (r >= 0) {
        must((int)curl_easy_setopt(easy, CURLOPT_USERNAME, gateway->user));
        must((int)curl_easy_setopt(easy, CURLOPT_PASSWORD, password));
    }
    explicit_bzero(password, sizeof password);
    return r < 0 ? r : 0;
}

static void answer_with(struct smtp_job *job, enum outcome_class outcome, const char *detail) {
    job->outcome = outcome;
    if (text_copy(job->detail, sizeof job->detail, detail) < 0) {
        job->detail[0] = '\0';
    }
}

static void answer_by_replies(struct smtp_job *job, const struct transfer *transfer,
                              CURLcode code) {
    struct smtp_result result = {.curl_code = (int)code,
                                 .body_read = transfer->taken == job->length,
                                 .replies = transfer->replies};
    job->outcome = smtp_classify(&result);
    smtp_describe(&result, job->detail);
    if (job->outcome == OUTCOME_ACCEPTED) {
        memcpy(job->provider_id, result.replies.queue_id, sizeof job->provider_id);
    }
}

bool smtp_transfer_run(CURL *easy, const struct smtp_route *route, enum smtp_after after,
                       struct smtp_job *job) {
    char from[MAILADDR_SIZE], to[MAILADDR_SIZE];
    if (mailaddr_parse(job->from, from) < 0 ||
        mailaddr_parse(job->to, to) < 0) { /* the last gate before the wire */
        answer_with(job, OUTCOME_REFUSED_REQUEST, "address refused before sending");
        return true;
    }
    struct transfer transfer = {.job = job, .abort = route->abort};
    curl_easy_reset(easy); /* keeps the connection */
    set_security(easy, route);
    set_limits(easy, route, &transfer);
    must((int)curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, after == SMTP_AFTER_QUIT ? 1L : 0L));
    if (set_login(easy, route) < 0) {
        answer_with(job, OUTCOME_GATEWAY_DOWN, "credential not readable");
        return true;
    }
    struct curl_slist *recipients = curl_slist_append(NULL, job->to);
    if (recipients == NULL) {
        abort();
    }
    set_mail(easy, &transfer, recipients);
    CURLcode code = curl_easy_perform(easy);
    answer_by_replies(job, &transfer, code);
    curl_easy_reset(easy); /* libcurl must not keep pointers to what ends here */
    curl_slist_free_all(recipients);
    bool cut_off = code == CURLE_ABORTED_BY_CALLBACK && atomic_load(route->abort) &&
                   !transfer.replies.ended;
    return !cut_off;
}
