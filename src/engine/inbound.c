/* Texts that come in: what a participant sent reaches a person, or ends the texts to them.
 *
 * Whoever is no participant by their number is counted and ignored, staff and advocates like
 * anybody else: nothing that is done or said depends on who they are. A wish for no more texts is
 * carried out at once and told to the practitioner; the duty to attend is unchanged, and what is
 * queued goes another way. Anything else is a task to read it.
 *
 * Must never take a text for attendance or its lack, answer the sender, or tell anybody outside
 * whether a number is known. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "call.h"
#include "cobi/base/phone.h"
#include "cobi/rules/optout.h"
#include "cobi/store/incoming.h"
#include "duty.h"
#include "receipts.h"

/* Beyond it, texts of one participant are kept, and read with the others, without a task each. */
enum { TASKS_A_DAY_MAX = 20 };
#define REPEATED_WITHIN_US (10 * MINUTE_US)

/* -ENOENT: nobody, or nobody who may opt out. */
static int find_sender(struct engine *e, const char *from, struct noun_row *ret_participant) {
    char number[PHONE_SIZE], id[ID_SIZE];

    /* Whether a number may be given to a participant was asked when it was entered. */
    if (phone_parse(from, PHONE_MOBILE_OR_TEST, number) < 0 &&
        phone_parse(from, PHONE_ANY, number) < 0) {
        return -ENOENT;
    }
    const int r = contact_find_participant(e->store, number, id);

    return r < 0 ? r : noun_find(e->store, NOUN_PARTICIPANT, id, &e->arena, ret_participant);
}

static int open_task(struct engine *e, const struct inbound_row *row, enum task_kind kind,
                     const struct noun_row *participant) {
    struct duty_owner worker;
    const int r = duty_worker(e, participant->id, &worker);

    if (r < 0) {
        return r;
    }
    const struct working_time work = person_working_time(e, &worker.person);

    return duty_give(
        e, &worker,
        (struct duty_start){.kind = kind,
                            .participant = participant->id,
                            .session = "",
                            .about = row->id,
                            .due = working_time_add(&work, e->now, span_hours(4), span_days(3))});
}

static int stop_texts(struct engine *e, const struct inbound_row *row,
                      struct noun_row *participant) {
    const struct field *sms = noun_find_field(NOUN_PARTICIPANT, "sms");

    if (strcmp(noun_value(participant, "sms"), "no") == 0) {
        return 0; /* they have been heard */
    }
    participant->values[sms - noun_tables[NOUN_PARTICIPANT].fields] = "no";
    int r = noun_update(e->store, participant);

    r = r < 0 ? r : turn_audit(e, "no more texts", participant->id, row->id);
    return r < 0 ? r : open_task(e, row, TASK_NO_TEXTS, participant);
}

static int keep(struct engine *e, const struct inbound *inbound, struct noun_row *participant) {
    struct inbound_row row = {
        .received_at = e->now, .stop = optout_asked(inbound->text), .body = inbound->text};
    int r = text_copy(row.gateway, sizeof row.gateway, inbound->gateway);

    memcpy(row.participant, participant->id, sizeof row.participant);
    /* A gateway that gives none may repeat itself; the same words later are said again. */
    const char *event = *inbound->event
                            ? inbound->event
                            : arena_printf(&e->arena, "%s %" PRId64 " %s", participant->id,
                                           e->now.us / REPEATED_WITHIN_US, inbound->text);
    const int before = r < 0 ? r
                             : inbound_count_since(e->store, participant->id,
                                                   (struct instant){e->now.us - DAY_US});

    r = before < 0 ? before : inbound_insert(e->store, &row, event);
    if (r <= 0) {
        return r; /* it was heard before */
    }
    log_info("text %s came in: %s", row.id, row.stop ? "no more texts" : "for a person");
    if (row.stop) {
        return stop_texts(e, &row, participant);
    }
    return before < TASKS_A_DAY_MAX ? open_task(e, &row, TASK_READ_TEXT, participant) : 0;
}

static int cannot_take(struct engine *e, const struct noun_row *participant, int error) {
    log_error("a text of participant %s cannot be taken: %s", participant->id, strerror(-error));
    return turn_alarm(e, "inbound", participant->id, turn_hour(e),
                      arena_printf(&e->arena,
                                   "a text that participant %s sent could not be taken, because a "
                                   "row cannot be read; a person must ask them what it said.",
                                   participant->id));
}

/* 1: a participant's, 0: nobody's, or the store's trouble. */
static int inbound_take(struct engine *e, const struct inbound *inbound) {
    struct noun_row participant;
    int r = find_sender(e, inbound->from, &participant);

    if (r < 0) {
        return turn_trouble(r) ? r : 0;
    }
    r = store_part_begin(e->store);
    if (r < 0) {
        return r;
    }
    r = keep(e, inbound, &participant);
    const int ended = store_part_end(e->store, r >= 0);

    if (ended < 0 || turn_trouble(r)) {
        return ended < 0 ? ended : r;
    }
    r = r < 0 ? cannot_take(e, &participant, r) : 0;
    return r < 0 ? r : 1;
}

int engine_inbound(struct engine *e, const struct inbound *inbound) {
    struct incoming_counts *counts = receipts_counts(e, inbound->gateway);
    int r = turn_begin(e);

    if (r < 0) {
        return r;
    }
    const int taken = inbound_take(e, inbound);

    r = turn_end(e, taken < 0 ? taken : 0);
    if (r == 0 && counts) {
        counts->texts++;
        counts->texts_unknown += taken == 0;
    }
    return r;
}

/* ---- commands ---- */

static json_t *inbound_to_json(const struct inbound_row *row) {
    json_t *o = json_pack("{s:s,s:s,s:s,s:s}", "id", row->id, "participant", row->participant,
                          "gateway", row->gateway, "taken", row->stop ? "stop" : "other");

    json_put_instant(o, "received", row->received_at);
    return o;
}

int inbound_command_list(struct call *c) {
    enum { ROWS_MAX = 200 };
    struct inbound_row *rows = arena_alloc(&c->e->arena, ROWS_MAX, sizeof *rows);
    const char *participant = call_value(c, "participant");
    int count = inbound_list(c->e->store, participant, &c->e->arena, rows, ROWS_MAX);

    c->reply = json_array();
    for (int i = 0; i < count; i++) {
        (void)json_array_append_new(c->reply, inbound_to_json(&rows[i])); /* memory only */
    }
    count = count < 0 ? count : call_audit(c, participant, "");
    return count < 0 ? call_failed(c, count, "texts") : 200;
}

int inbound_command_show(struct call *c) {
    struct inbound_row row;
    int r = inbound_find(c->e->store, c->id, &c->e->arena, &row);

    r = r < 0 ? r : call_audit(c, c->id, "");
    if (r < 0) {
        return call_failed(c, r, c->id);
    }
    c->reply = inbound_to_json(&row);
    json_put_text(c->reply, "body", row.body);
    return 200;
}
