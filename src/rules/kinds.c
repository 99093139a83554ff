/* The kinds of message and what a kind alone decides, as one table; and the names of kinds,
 * audiences and channels.
 *
 * Used when a message is born (priority, not_after), claimed (window) and left uncertain (may it
 * repeat?). The times of reminders, changes and cancellations come from their session instead:
 * lifetime is 0 for them. Notices about a missed session never expire and may repeat; nothing that
 * only a participant reads is ever sent again blindly, but a change. */
#include "cobi/rules/kinds.h"

#include <assert.h>

#include "cobi/rules/names.h"

/* Lifetimes that are no number of their own. */
#define FOREVER    0
#define BY_SESSION 0

/* A digest has 12 hours, not 24: one that is due in the morning must not go the next day. */
const struct kind_policy kind_policies[MESSAGE_KIND_COUNT] = {
    /* name, window, may it repeat, priority, held after a jump of the clock, lifetime */
    [KIND_CONFIRMATION] = {"confirmation", WINDOW_SEND, false, 4, true, {3 * DAY_US}},
    [KIND_REMINDER] = {"reminder", WINDOW_SEND, false, 3, true, {BY_SESSION}},
    [KIND_CHANGE] = {"change", WINDOW_SEND_EARLY, true, 2, false, {BY_SESSION}},
    [KIND_CANCELLATION] = {"cancellation", WINDOW_SEND_EARLY, true, 2, false, {BY_SESSION}},
    [KIND_MISSED_CONTACT] = {"missed_contact", WINDOW_OFFICE, false, 3, true, {24 * HOUR_US}},
    [KIND_OUTCOME_REQUEST] = {"outcome_request", WINDOW_ANY, false, 4, false, {3 * DAY_US}},
    [KIND_TASK] = {"task", WINDOW_ANY, true, 1, false, {FOREVER}},
    [KIND_DIGEST] = {"digest", WINDOW_ANY, false, 4, false, {12 * HOUR_US}},
    [KIND_ESCALATION] = {"escalation", WINDOW_ANY, true, 1, false, {FOREVER}},
    [KIND_ADVOCATE_NOTICE] = {"advocate_notice", WINDOW_ANY, true, 1, false, {FOREVER}},
    [KIND_OFFICER_NOTICE] = {"officer_notice", WINDOW_ANY, true, 1, false, {FOREVER}},
    [KIND_STAND_DOWN] = {"stand_down", WINDOW_ANY, true, 1, false, {FOREVER}},
    [KIND_SIGN_IN] = {"sign_in", WINDOW_ANY, false, 2, false, {10 * MINUTE_US}},
    [KIND_ALARM] = {"alarm", WINDOW_ANY, true, 1, false, {FOREVER}},
};

static const char *const audience_names[AUDIENCE_COUNT] = {
    [AUDIENCE_PARTICIPANT] = "participant", [AUDIENCE_PRACTITIONER] = "practitioner",
    [AUDIENCE_SUPERVISOR] = "supervisor",   [AUDIENCE_ADVOCATE] = "advocate",
    [AUDIENCE_OFFICER] = "officer",         [AUDIENCE_OPERATOR] = "operator",
};

static const char *const channel_names[CHANNEL_COUNT] = {
    [CHANNEL_SMS] = "sms",
    [CHANNEL_EMAIL] = "email",
};

const char *message_kind_to_text(enum message_kind kind) {
    assert((unsigned)kind < MESSAGE_KIND_COUNT);
    return kind_policies[kind].name;
}

int message_kind_from_text(const char *text, enum message_kind *ret_kind) {
    for (unsigned kind = 0; text != NULL && kind < MESSAGE_KIND_COUNT; kind++) {
        if (strcmp(kind_policies[kind].name, text) == 0) {
            *ret_kind = (enum message_kind)kind;
            return 0;
        }
    }
    return -EINVAL;
}

const char *audience_to_text(enum audience audience) {
    assert((unsigned)audience < AUDIENCE_COUNT);
    return audience_names[audience];
}

int audience_from_text(const char *text, enum audience *ret_audience) {
    const int found = names_find(audience_names, AUDIENCE_COUNT, text);

    if (found < 0) {
        return found;
    }
    *ret_audience = (enum audience)found;
    return 0;
}

const char *channel_to_text(enum channel channel) {
    assert((unsigned)channel < CHANNEL_COUNT);
    return channel_names[channel];
}

int channel_from_text(const char *text, enum channel *ret_channel) {
    const int found = names_find(channel_names, CHANNEL_COUNT, text);

    if (found < 0) {
        return found;
    }
    *ret_channel = (enum channel)found;
    return 0;
}
