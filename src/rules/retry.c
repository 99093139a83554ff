/* When to try a message again that a gateway certainly did not take, and the names of the classes
 * of answers.
 *
 * The caller still asks the send window and not_after: this only spaces the attempts. The spread
 * comes from the caller's noise, derived per message, so that one person's retries say nothing
 * about another's. Never answers "at once". */
#include "cobi/rules/retry.h"

#include <assert.h>

static const char *const class_names[OUTCOME_CLASS_COUNT] = {
    [OUTCOME_ACCEPTED] = "accepted",
    [OUTCOME_REFUSED_RECIPIENT] = "refused_recipient",
    [OUTCOME_REFUSED_REQUEST] = "refused_request",
    [OUTCOME_TRANSIENT] = "transient",
    [OUTCOME_GATEWAY_DOWN] = "gateway_down",
    [OUTCOME_UNCERTAIN] = "uncertain",
};

const char *outcome_class_to_text(enum outcome_class c) {
    assert((unsigned)c < OUTCOME_CLASS_COUNT);
    return class_names[c];
}

static int64_t doubled_us(const struct retry_policy *policy, uint32_t attempt) {
    int64_t us = policy->first.us;

    for (uint32_t i = 1; i < attempt && us > 0 && us < policy->most.us; i++) {
        us = us > policy->most.us / 2 ? policy->most.us : us * 2;
    }
    return us < policy->most.us ? us : policy->most.us;
}

static int64_t spread_us(int64_t us, uint64_t noise) {
    const int64_t fifth = us / 5;

    if (fifth <= 0) {
        return us;
    }
    return us - fifth + (int64_t)(noise % ((uint64_t)fifth * 2 + 1));
}

struct instant retry_at(const struct retry_policy *policy, uint32_t attempt, struct span hint,
                        uint64_t noise, struct instant now) {
    int64_t us = 0;

    if (hint.us > 0) {
        us = hint.us < policy->hint_max.us ? hint.us : policy->hint_max.us;
    } else {
        us = spread_us(doubled_us(policy, attempt), noise);
    }
    return instant_add(now, (struct span){us > SECOND_US ? us : SECOND_US});
}
