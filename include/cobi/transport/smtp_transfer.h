/* One mail, one recipient, one SMTP transfer on a blocking libcurl handle. Runs in a worker thread.
 */
#ifndef COBI_TRANSPORT_SMTP_TRANSFER_H
#define COBI_TRANSPORT_SMTP_TRANSFER_H

#include <curl/curl.h>
#include <stdatomic.h>

#include "cobi/base/mailaddr.h"
#include "cobi/transport/endpoint.h"
#include "cobi/transport/smtp_classify.h"

struct smtp_job {
    struct smtp_job *next;
    void *context;
    char from[MAILADDR_SIZE], to[MAILADDR_SIZE]; /* envelope: canonical by mailaddr_parse() */
    char *bytes;                                 /* malloc'ed, of mail_format() */
    size_t length;
    enum outcome_class outcome; /* the answer: */
    char provider_id[PROVIDER_ID_SIZE], detail[DELIVERY_DETAIL_SIZE];
};
void smtp_job_free(struct smtp_job *job);

enum smtp_after {
    SMTP_AFTER_QUIT,
    SMTP_AFTER_KEEP /* another mail follows at once on this handle */
};
struct smtp_route {
    const struct gateway *gateway;
    const struct endpoint *endpoint;
    const char *credentials_dir;
    const atomic_bool *abort;
};
/* Sends the job and fills in its answer. Returns true if it came to an end, false if abort cut it
 * off (then there is no answer). */
bool smtp_transfer_run(CURL *easy, const struct smtp_route *route, enum smtp_after after,
                       struct smtp_job *job);

#endif
