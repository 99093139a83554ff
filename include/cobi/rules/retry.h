/* What the answer of a gateway means, and when to try again. Pure. */
#ifndef COBI_RULES_RETRY_H
#define COBI_RULES_RETRY_H

#include <stdbool.h>

#include "cobi/base/time.h"

/* The classes of the page on gateways, section 7. UNCERTAIN is the important one: the answer was lost. */
enum outcome_class {
    OUTCOME_ACCEPTED,            /* certain: proof of acceptance seen */
    OUTCOME_REFUSED_RECIPIENT,   /* permanent: this number or mailbox */
    OUTCOME_REFUSED_REQUEST,     /* permanent: this message or the configuration */
    OUTCOME_TRANSIENT,           /* certainly not sent; later */
    OUTCOME_GATEWAY_DOWN,        /* credentials, TLS, connection: certainly not sent; alarm, breaker */
    OUTCOME_UNCERTAIN
};
#define OUTCOME_CLASS_COUNT 6
const char *outcome_class_to_text(enum outcome_class c);

struct retry_policy {
    struct span first, most; /* 30 s doubling to 30 min */
    struct span hint_max;    /* a Retry-After beyond this is cut (15 min) */
};
/* When to try attempt number `attempt` + 1 (attempt counts from 1): hint when given, else exponential, plus or minus 20 per cent by
 * `noise` (0 to UINT64_MAX, from HMAC so that it depends on nothing else). Never before now + 1 s. */
struct instant retry_at(const struct retry_policy *policy, uint32_t attempt, struct span hint, uint64_t noise, struct instant now);

#endif
