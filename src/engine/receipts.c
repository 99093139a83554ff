/* Receipts: what a gateway says later of a message that it took, and what its silence means.
 *
 * A receipt finds its message by our reference or by the gateway's own id. One that comes before
 * the gateway's answer is kept and settles the message with it; one for something unknown is
 * counted and ignored. A participant's text that was not delivered goes another way
 * (outbox_settle.c); one that was delivered after all takes back what had been begun instead. The
 * main reminder waits for its receipt: without one it goes by mail too, then a person phones.
 *
 * Must never let a receipt move a message backwards, nor let anybody be told twice by its
 * repetition. */
#include "receipts.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cobi/store/incoming.h"
#include "duty.h"
#include "outbox.h"

enum { PURGE_ROWS_MAX = 64 };
#define NO_RECEIPT "no_receipt"

/* ---- whose it is ---- */

/* "M-ABC-2" is the second attempt of M-ABC. */
static int split_reference(const char *reference, char ret_message[MESSAGE_ID_SIZE],
                           uint32_t *ret_attempt) {
    const char *dash = strrchr(reference, '-');
    char *end = NULL;

    if (!dash || dash == reference || (size_t)(dash - reference) >= MESSAGE_ID_SIZE ||
        dash[1] < '1' || dash[1] > '9' || strlen(dash + 1) > 9) {
        return -ENOENT;
    }
    const unsigned long attempt = strtoul(dash + 1, &end, 10);

    if (*end != '\0') {
        return -ENOENT;
    }
    memcpy(ret_message, reference, (size_t)(dash - reference));
    ret_message[dash - reference] = '\0';
    *ret_attempt = (uint32_t)attempt;
    return 0;
}

/* -ENOENT: not ours, or not this gateway's. */
static int find_message(struct engine *e, const struct receipt *receipt, struct receipt_row *row,
                        struct message_row *m) {
    struct attempt_row attempt;
    int r;

    if (*receipt->reference) {
        r = split_reference(receipt->reference, row->message, &row->attempt);
        r = r < 0 ? r : message_find(e->store, row->message, &e->arena, m);
    } else {
        r = !*receipt->provider_id ? -ENOENT
                                   : message_find_provider(e->store, receipt->gateway,
                                                           receipt->provider_id, row->message);
        r = r < 0 ? r : message_find(e->store, row->message, &e->arena, m);
        row->attempt = r == 0 ? m->attempt_count : 0;
    }
    r = r < 0 ? r : message_attempt_find(e->store, row->message, row->attempt, &e->arena, &attempt);
    return r == 0 && strcmp(attempt.gateway, receipt->gateway) != 0 ? -ENOENT : r;
}

/* ---- what follows ---- */

/* The text has arrived after all: the mail in its place need not go, nobody need phone. */
static int take_back(struct engine *e, const struct message_row *m) {
    enum { ROWS_MAX = 16 };
    const struct message_filter filter = {.session = *m->session ? m->session : NULL,
                                          .participant = m->participant,
                                          .kind = message_kind_to_text(m->kind),
                                          .state = message_state_to_text(MESSAGE_QUEUED)};
    struct message_row *rows = arena_alloc(&e->arena, ROWS_MAX, sizeof *rows);

    if (m->audience != AUDIENCE_PARTICIPANT) {
        return 0;
    }
    const int count = message_list(e->store, &filter, "", &e->arena, rows, ROWS_MAX);

    for (int i = 0; i < count; i++) {
        const bool instead = rows[i].channel != m->channel && rows[i].ordinal == m->ordinal + 1 &&
                             rows[i].revision == m->revision && rows[i].step == m->step &&
                             rows[i].attempt_count == 0 && strcmp(rows[i].topic, m->topic) == 0;
        const int r = instead ? outbox_step(e, &rows[i], MESSAGE_CANCEL, "text_arrived") : 0;
        if (r < 0) {
            return r;
        }
    }
    return count < 0 ? count : duty_drop_phone(e, m);
}

int receipts_apply(struct engine *e, struct message_row *m, enum receipt_report report,
                   enum receipt_age age) {
    const enum message_state from = m->state;
    const bool doubted = from != MESSAGE_ACCEPTED || strcmp(m->reason, NO_RECEIPT) == 0;
    enum message_event event;
    struct attempt_row attempt;

    if (receipt_event(from, report, age, &event) == 0) {
        return 0;
    }
    int r = 0;

    if (m->sent_at.us == 0) { /* so it was sent, which nobody knew */
        r = message_attempt_find(e->store, m->id, m->attempt_count, &e->arena, &attempt);
        m->sent_at = r == 0 ? attempt.begun_at : m->sent_at;
    }
    if (r < 0) {
        return r;
    }
    if (event == MESSAGE_RECEIPT_BAD) {
        r = outbox_step(e, m, event, "receipt_failed");
        /* From unknown it had gone another way before. */
        return r < 0 || from == MESSAGE_UNKNOWN ? r : outbox_not_delivered(e, m);
    }
    r = outbox_step(e, m, event, strcmp(m->reason, "sent_before_the_change") == 0 ? NULL : "");
    return r < 0 || !doubted ? r : take_back(e, m);
}

/* ---- a receipt comes in ---- */

/* Is it one that can still matter, so that it is worth a row? */
static bool worth_keeping(const struct message_row *m, const struct receipt_row *row) {
    return row->report != RECEIPT_INTERIM ||
           (m->state == MESSAGE_SENDING && row->attempt == m->attempt_count);
}

static int take_known(struct engine *e, struct receipt_row *row, struct message_row *m) {
    if (!worth_keeping(m, row)) {
        return 1;
    }
    const int r = receipt_insert(e->store, row);

    if (r <= 0) {
        return r < 0 ? r : 1; /* it was heard before */
    }
    log_debug("message %s: receipt %s", m->id, receipt_report_to_text(row->report));
    if (m->state == MESSAGE_SENDING) {
        return 1; /* early: the answer will find it */
    }
    const int applied = receipts_apply(
        e, m, row->report, row->attempt == m->attempt_count ? RECEIPT_LATEST : RECEIPT_EARLIER);

    return applied < 0 ? applied : 1;
}

/* It may be early: only while something is under way there. */
static int take_unknown(struct engine *e, struct receipt_row *row) {
    int r = *row->provider_id ? message_sending_at(e->store, row->gateway) : 0;

    if (r <= 0) {
        return r;
    }
    row->message[0] = '\0';
    row->attempt = 0;
    r = receipt_insert(e->store, row);
    return r < 0 ? r : 0;
}

int receipts_take(struct engine *e, const struct receipt *receipt) {
    struct receipt_row row = {.report = receipt->report, .received_at = e->now};
    struct message_row m;
    int r = text_copy(row.gateway, sizeof row.gateway, receipt->gateway);

    r = r < 0 ? r : text_copy(row.provider_id, sizeof row.provider_id, receipt->provider_id);
    r = r < 0 ? r : text_copy(row.detail, sizeof row.detail, receipt->detail);
    if (r < 0) {
        return 0; /* no gateway of ours, no id that we could have kept */
    }
    const struct instant old = {e->now.us - RECEIPT_KEPT_DAYS * DAY_US};

    r = receipt_purge(e->store, old, PURGE_ROWS_MAX);
    if (r < 0) {
        return r;
    }
    r = find_message(e, receipt, &row, &m);
    if (r == -ENOENT) {
        const bool named = *receipt->reference != '\0';
        return named ? 0 : take_unknown(e, &row);
    }
    return r < 0 ? r : take_known(e, &row, &m);
}

int receipts_early(struct engine *e, const struct message_row *m, const char *provider_id,
                   enum receipt_report *ret_report) {
    const struct gateway *g = config_find_gateway(e->setup.config, m->gateway);

    *ret_report = RECEIPT_NONE;
    return g && !*g->hook_credential ? 0
                                     : receipt_best(e->store, m->id, m->attempt_count, m->gateway,
                                                    provider_id, ret_report);
}

/* ---- none comes ---- */

struct instant receipts_awaited(struct engine *e, const struct message_row *m) {
    const struct config *config = e->setup.config;
    const struct gateway *g = config_find_gateway(config, m->gateway);
    const bool main_text = m->kind == KIND_REMINDER && m->channel == CHANNEL_SMS &&
                           m->step < config->reminders.step_count &&
                           config->reminders.steps[m->step].main;

    return main_text && g && *g->hook_credential && config->receipt_after.us > 0
               ? instant_add(e->now, config->receipt_after)
               : INSTANT_NEVER;
}

/* When a person is to phone: as their next day begins, and while it is of use. */
static int phone_at(struct engine *e, const struct message_row *m, struct instant from,
                    struct instant *ret_at) {
    struct noun_row participant;
    struct person worker;
    int r = noun_find(e->store, NOUN_PARTICIPANT, m->participant, &e->arena, &participant);

    r = r < 0 ? r
              : person_find(e, AUDIENCE_PRACTITIONER, noun_value(&participant, "practitioner"),
                            &worker);
    if (r < 0) {
        return r;
    }
    const struct working_time work = person_working_time(e, &worker);

    *ret_at = instant_min(working_time_next(&work, from), m->not_after);
    return 0;
}

/* First the mail, where there is an address, and time for it to be read; then somebody phones. */
static int go_on_without(struct engine *e, struct message_row *m) {
    const bool first = strcmp(m->reason, NO_RECEIPT) != 0;
    struct instant at = e->now;
    int r = first ? outbox_try_mail(e, m) : 0;

    if (r >= 0 && first) {
        const struct instant from = r > 0 ? instant_add(e->now, e->setup.config->receipt_after)
                                          : e->now;
        r = phone_at(e, m, from, &at);
    }
    r = r < 0 ? r : text_copy(m->reason, sizeof m->reason, NO_RECEIPT);
    m->wake_at = instant_cmp(at, e->now) > 0 ? at : INSTANT_NEVER;
    if (r == 0 && m->wake_at.us == INSTANT_NEVER.us) {
        r = duty_phone(e, m);
    }
    return r < 0 ? r : message_update(e->store, m, MESSAGE_ACCEPTED);
}

static int look(struct engine *e, const char *id) {
    struct message_row m;
    const char *stop = NULL;
    int r = message_find(e->store, id, &e->arena, &m);

    r = r < 0 ? r : outbox_stop_reason(e, &m, &stop);
    if (r < 0 || m.state != MESSAGE_ACCEPTED) {
        return r;
    }
    if ((stop && strcmp(stop, "channel_off") != 0) || !outbox_session_ahead(e, &m)) {
        m.wake_at = INSTANT_NEVER; /* it does not matter any more whether it arrived */
        return message_update(e->store, &m, MESSAGE_ACCEPTED);
    }
    return go_on_without(e, &m);
}

int receipts_due(struct engine *e) {
    char ids[TURN_SHARE_MAX][MESSAGE_ID_SIZE];
    const int count = message_receipt_due(e->store, e->now, ids, TURN_SHARE_MAX);

    return count <= 0 ? count : duty_each(e, "message", ids, (size_t)count, look);
}

/* ---- the door ---- */

struct incoming_counts *receipts_counts(struct engine *e, const char *gateway) {
    for (uint32_t i = 0; i < e->setup.config->gateway_count; i++) {
        if (strcmp(e->setup.config->gateways[i].name, gateway) == 0) {
            return &e->incoming[i];
        }
    }
    return NULL;
}

/* The row that the receipt is about cannot be read or decided: the gateway need not say it again.
 */
static int set_aside(struct engine *e, const struct receipt *receipt, int error) {
    char id[MESSAGE_ID_SIZE];
    uint32_t attempt;

    if (split_reference(receipt->reference, id, &attempt) == 0 ||
        message_find_provider(e->store, receipt->gateway, receipt->provider_id, id) == 0) {
        return outbox_set_aside(e, id, error);
    }
    log_error("a receipt of gateway %s cannot be settled: %s", receipt->gateway, strerror(-error));
    return 0;
}

int engine_receipt(struct engine *e, const struct receipt *receipt) {
    struct incoming_counts *counts = receipts_counts(e, receipt->gateway);
    int r = turn_begin(e);

    if (r < 0) {
        return r;
    }
    r = store_part_begin(e->store);
    if (r < 0) {
        return turn_end(e, r);
    }
    const int taken = receipts_take(e, receipt);
    const int ended = store_part_end(e->store, taken >= 0);

    if (ended < 0 || turn_trouble(taken)) {
        return turn_end(e, ended < 0 ? ended : taken);
    }
    if (taken < 0) {
        r = set_aside(e, receipt, taken);
    }
    r = turn_end(e, r);
    if (r == 0 && counts) {
        counts->receipts++;
        counts->receipts_unknown += taken == 0;
    }
    return r;
}
