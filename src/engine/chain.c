/* Escalation chains: who is told next, what an acknowledgement does, what an exhausted chain does.
 *
 * One chain for each audience and advocate: an acknowledgement in one never touches another. Steps
 * exhausted is not the end: the operator is alarmed and all steps begin again on the next working
 * day, until a person acknowledges or resolves. */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "alert.h"
#include "calendar.h"
#include "outbox.h"

/* A kind that has no policy of its own goes the way of a missed session. */
static const struct escalation_policy *find_policy(struct engine *e,
                                                   const struct chain_start *start) {
    const struct config *config = e->setup.config;
    const struct escalation_policy *own = config_find_escalation(config, start->kind,
                                                                 start->audience);

    return own ? own : config_find_escalation(config, ESCALATION_MISSED, start->audience);
}

int chain_open(struct engine *e, const struct chain_start *start) {
    const struct escalation_policy *policy = find_policy(e, start);
    struct escalation_row row = {.kind = start->kind,
                                 .audience = start->audience,
                                 .state = ESCALATION_OPEN,
                                 .opened_at = e->now,
                                 .happened_at = start->happened_at,
                                 .because = start->because,
                                 .wake_at = e->now};

    if (!policy) {
        return turn_alarm(e, "no_policy", start->session, 0,
                          "the configuration has no escalation policy for a kind that is needed; "
                          "see cobid.conf(5).");
    }
    row.policy = *policy;
    int r = text_copy(row.advocate, sizeof row.advocate, start->advocate);

    r = r < 0 ? r : text_copy(row.participant, sizeof row.participant, start->participant);
    r = r < 0 ? r : text_copy(row.session, sizeof row.session, start->session);
    r = r < 0 ? r : text_copy(row.topic, sizeof row.topic, start->topic);
    r = r < 0 ? r : escalation_insert(e->store, &row);
    if (r <= 0) {
        return r;
    }
    log_notice("escalation %s opened: %s, %s", row.id, escalation_kind_to_text(row.kind),
               audience_to_text(row.audience));
    return turn_audit(e, "escalation open", row.id, row.topic);
}

/* Of whoever has the participant now: when they were given to another practitioner, the steps that
 * are still to come follow. */
const char *chain_supervisor(struct engine *e, const char *session, const char *participant) {
    struct noun_row person, practitioner;
    struct session_row row;
    const char *worker;

    if (turn_noun_find(e, NOUN_PARTICIPANT, participant, &person) == 0) {
        worker = noun_value(&person, "practitioner");
    } else if (*session && session_find(e->store, session, &row) == 0) {
        worker = arena_copy(&e->arena, row.practitioner);
    } else {
        return "";
    }
    return turn_noun_find(e, NOUN_PRACTITIONER, worker, &practitioner) == 0
               ? noun_value(&practitioner, "supervisor")
               : "";
}

/* Who the step tells: an id, or "" for nobody. "Next" is counted along the steps before, whether
 * they could be told or not. */
static const char *target_of(struct engine *e, const struct escalation_row *row, uint32_t step,
                             enum audience *ret_audience) {
    const char *last = "";

    for (uint32_t i = 0; i <= step; i++) {
        struct noun_row supervisor;
        switch (row->policy.steps[i].target) {
        case TARGET_SUPERVISOR:
            last = chain_supervisor(e, row->session, row->participant);
            break;
        case TARGET_NEXT_SUPERVISOR:
            last = turn_noun_find(e, NOUN_SUPERVISOR, last, &supervisor) == 0
                       ? noun_value(&supervisor, "next")
                       : "";
            break;
        case TARGET_ADVOCATE:
        case TARGET_OPERATOR:
            break;
        }
    }
    switch (row->policy.steps[step].target) {
    case TARGET_SUPERVISOR:
    case TARGET_NEXT_SUPERVISOR:
        *ret_audience = AUDIENCE_SUPERVISOR;
        return last;
    case TARGET_ADVOCATE:
        *ret_audience = AUDIENCE_ADVOCATE;
        return row->advocate;
    case TARGET_OPERATOR:
        *ret_audience = AUDIENCE_OPERATOR;
        return "operator";
    }
    return "";
}

const char *chain_first(struct engine *e, const struct escalation_row *row) {
    enum audience audience;

    return row->policy.step_count > 0 ? target_of(e, row, 0, &audience) : "";
}

/* A service that does not acknowledge is called by a supervisor: a task, never a link by which
 * staff could silence the service's chain. A call that was made and did not help is to be made
 * again in the next cycle: its task says which. */
static int call_service(struct engine *e, const struct escalation_row *row,
                        const char *supervisor) {
    const char *reason = arena_printf(&e->arena, "%s/%" PRIu32, row->id, row->at.cycle);

    return alert_call_service(e, &(struct alert_call){.supervisor = supervisor,
                                                      .advocate = row->advocate,
                                                      .participant = row->participant,
                                                      .session = row->session,
                                                      .reason = reason});
}

static struct message_row step_message(struct engine *e, const struct escalation_row *row,
                                       uint32_t step, enum audience audience, const char *id) {
    const enum message_kind kind = audience == AUDIENCE_ADVOCATE ? KIND_ADVOCATE_NOTICE
                                                                 : KIND_ESCALATION;
    struct message_row m = outbox_blank(e, kind, audience, id);

    m.step = step;
    m.revision = row->generation;
    memcpy(m.escalation, row->id, sizeof m.escalation);
    memcpy(m.participant, row->participant, sizeof m.participant);
    memcpy(m.session, row->session, sizeof m.session);
    memcpy(m.topic, row->topic, sizeof m.topic);
    return m;
}

/* The topic of an alarm about the chain, or that of its repetition. What is new is not hidden among
 * what repeats: each has a count of its own. While the operator has heard of the chain by no mail
 * at all it is new. */
static int alarm_about(struct engine *e, const struct escalation_row *row, const char *topic,
                       const char *again, uint32_t step, const char *text) {
    const int heard = row->at.cycle ? message_alarmed(e->store, row->id) : 0;

    return heard < 0 ? heard : turn_alarm(e, heard ? again : topic, row->id, step, text);
}

static int tell(struct engine *e, const struct escalation_row *row, uint32_t step,
                enum audience audience, const char *id) {
    if (row->audience == AUDIENCE_ADVOCATE && audience == AUDIENCE_SUPERVISOR) {
        return call_service(e, row, id);
    }
    if (audience == AUDIENCE_OPERATOR) {
        return alarm_about(
            e, row, "escalation", "escalation_again", row->generation + row->at.cycle,
            arena_printf(&e->arena,
                         "escalation %s has reached the operator: nobody before has "
                         "acknowledged. Find a person: `cobictl escalation show %s`.",
                         row->id, row->id));
    }
    struct message_row m = step_message(e, row, step, audience, id);
    const int r = outbox_add(e, &m);

    return r < 0 ? r : 0;
}

/* Besides the mail, where the step says so: it has no link, and waits for hours. */
static int tell_by_text(struct engine *e, const struct escalation_row *row, uint32_t step,
                        const struct person *person) {
    const char *mobile = person->mobile;

    if (row->policy.steps[step].channel != STEP_BY_TEXT || !mobile || !*mobile ||
        !config_channel_gateway(e->setup.config, CHANNEL_SMS)) {
        return 0;
    }
    struct message_row m = step_message(e, row, step, AUDIENCE_SUPERVISOR, person->id);
    const struct working_time work = person_working_time(e, person);

    m.channel = CHANNEL_SMS;
    m.due = working_time_next(&work, e->now);
    const int r = outbox_add(e, &m);

    return r < 0 ? r : 0;
}

static int exhausted(struct engine *e, struct escalation_row *row) {
    const struct escalation_policy *policy = &row->policy;
    int r = 0;

    row->exhausted = true;
    /* Where the operator is the last step, they have just been told. */
    if (policy->steps[policy->step_count - 1].target != TARGET_OPERATOR) {
        r = alarm_about(
            e, row, "exhausted", "exhausted_again", row->at.cycle,
            arena_printf(&e->arena,
                         "escalation %s: all steps were told and nobody has acknowledged. It "
                         "repeats each working day: `cobictl escalation show %s`.",
                         row->id, row->id));
    }
    if (r < 0 || row->audience != AUDIENCE_ADVOCATE) {
        return r < 0 ? r : 0;
    }
    return call_service(e, row, chain_supervisor(e, row->session, row->participant));
}

/* Tells the next step that has somebody to tell. Empty and unreachable steps are passed at once;
 * when none is left, a new cycle waits for the next working day. Ends: each round either tells or
 * moves one step on. Returns 1 when somebody was sent a link, else 0. */
static int tell_next(struct engine *e, struct escalation_row *row) {
    for (uint32_t round = 0; round <= ESCALATION_STEPS_MAX; round++) {
        const bool end = row->at.step >= row->policy.step_count;
        enum audience audience = row->audience;
        const char *id = end ? "" : target_of(e, row, row->at.step, &audience);
        struct person person = {.zone = turn_zone(e, e->setup.config->timezone)};
        const bool someone = *id && person_find(e, audience, id, &person) == 0;

        if (!end && (!someone || person.absent_today)) {
            row->at.step++;
            continue;
        }
        /* A new cycle begins when offices open, whoever it will tell. */
        const struct working_time work = end ? turn_office_days(e, person.zone)
                                             : person_working_time(e, &person);
        const struct escalation_decision d = escalation_decide(&row->policy, row->at, &work,
                                                               e->now);
        int r = d.move == ESCALATE_TELL ? tell(e, row, row->at.step, audience, id)
                                        : exhausted(e, row);
        if (r == 0 && d.move == ESCALATE_TELL) {
            r = tell_by_text(e, row, row->at.step, &person);
        }

        row->at = d.next;
        row->wake_at = d.until;
        if (d.move == ESCALATE_TELL) {
            r = r < 0 ? r : text_copy(row->told, sizeof row->told, id);
        }
        return r < 0 ? r : d.move == ESCALATE_TELL && audience == row->audience;
    }
    return -EPROTO;
}

/* Tells all that is to be told in this moment. Whoever is told in it has a link of the same
 * generation, so that each of them may act; a step without a link (the operator, a task) leaves the
 * links before it good. */
static int tell_all(struct engine *e, struct escalation_row *row, uint32_t least) {
    bool linked = false;
    int r;

    do {
        r = tell_next(e, row);
        linked |= r > 0;
        least -= least > 0;
    } while (r >= 0 && row->at.step > 0 && row->at.step < row->policy.step_count &&
             (least > 0 || instant_cmp(row->wake_at, e->now) <= 0));
    row->generation += linked;
    return r < 0 ? r : 0;
}

/* Somebody who is there today, besides the operator, who cannot see to it. */
static bool has_somebody(struct engine *e, const struct escalation_row *row, uint32_t step) {
    enum audience audience = row->audience;
    const char *id = target_of(e, row, step, &audience);
    struct person person;

    return audience != AUDIENCE_OPERATOR && *id && person_find(e, audience, id, &person) == 0 &&
           !person.absent_today;
}

static int look(struct engine *e, const char *id) {
    struct escalation_row row;
    int r = escalation_find(e->store, id, &e->arena, &row);

    if (r < 0) {
        return r;
    }
    const enum escalation_state from = row.state;
    const uint32_t generation = row.generation;
    const bool lapsed = from == ESCALATION_ACKNOWLEDGED;
    uint32_t least = 1;

    r = escalation_next(from, lapsed ? ESCALATION_LAPSE : ESCALATION_STEP, &row.state);
    if (r == 0 && lapsed) {
        /* The acknowledgement ran out: the same step again, and the next one too; where that step
         * has nobody who can see to it now, all from the last one before it that has. */
        row.acknowledged_by[0] = '\0';
        row.at.step -= row.at.step > 0;
        least++;
        while (row.at.step > 0 && !has_somebody(e, &row, row.at.step)) {
            row.at.step--;
            least++;
        }
    }
    r = r < 0 ? r : tell_all(e, &row, least);
    return r < 0 ? r : escalation_update(e->store, &row, from, generation);
}

int chain_due(struct engine *e) {
    char ids[TURN_SHARE_MAX][ID_SIZE];
    const int count = escalation_due(e->store, e->now, ids, TURN_SHARE_MAX);

    return count <= 0 ? count : duty_each(e, "escalation", ids, (size_t)count, look);
}

/* Pending messages of the chain have become pointless; those of any other chain are not touched. */
static int silence(struct engine *e, const struct escalation_row *row, const char *reason) {
    const struct message_filter filter = {.escalation = row->id};
    const int r = message_cancel_matching(e->store, &filter, reason, e->now);

    return r < 0 ? r : 0;
}

int chain_acknowledge(struct engine *e, struct escalation_row *row, const char *by) {
    const enum escalation_state from = row->state;
    const uint32_t generation = row->generation;
    struct person person;
    int r = escalation_next(from, ESCALATION_ACKNOWLEDGE, &row->state);

    r = r < 0 ? r : person_find(e, row->audience, by, &person);
    r = r < 0 ? r : text_copy(row->acknowledged_by, sizeof row->acknowledged_by, by);
    if (r < 0) {
        return r;
    }
    /* Not their own days: who works on one a week would keep it for three weeks. */
    const struct working_time office = turn_office_days(e, person.zone);

    row->acknowledged_at = e->now;
    row->generation++;
    row->exhausted = false;
    row->wake_at = row->audience == AUDIENCE_ADVOCATE
                       ? INSTANT_NEVER
                       : working_days_add(&office, e->now, row->policy.acknowledged_days);
    if (row->audience == AUDIENCE_ADVOCATE) {
        /* A service acknowledges receipt: there is nothing more for it to do, so its chain is over.
         */
        r = escalation_next(row->state, ESCALATION_RESOLVE, &row->state);
        r = r < 0 ? r : text_copy(row->resolved_by, sizeof row->resolved_by, by);
        r = r < 0 ? r : alert_heard(e, row);
    }
    r = r < 0 ? r : escalation_update(e->store, row, from, generation);
    r = r < 0 ? r : silence(e, row, "acknowledged");
    log_notice("escalation %s acknowledged", row->id);
    return r < 0 ? r : turn_audit(e, "escalation acknowledge", row->id, by);
}

int chain_resolve(struct engine *e, struct escalation_row *row, const char *by,
                  const char *because) {
    const enum escalation_state from = row->state;
    const uint32_t generation = row->generation;
    int r = escalation_next(from, ESCALATION_RESOLVE, &row->state);

    r = r < 0 ? r : text_copy(row->resolved_by, sizeof row->resolved_by, by);
    if (r < 0) {
        return r;
    }
    row->resolved_because = because;
    row->generation++;
    row->exhausted = false;
    row->wake_at = INSTANT_NEVER;
    r = escalation_update(e->store, row, from, generation);
    r = r < 0 ? r : silence(e, row, "resolved");
    log_notice("escalation %s resolved", row->id);
    return r < 0 ? r : turn_audit(e, "escalation resolve", row->id, because);
}

int chain_resolve_session(struct engine *e, const char *session, enum escalation_kind kind,
                          const char *by, const char *because) {
    enum { CHAINS_MAX = 64 };
    const struct escalation_filter filter = {.session = session, .open = true};
    struct escalation_row *rows = arena_alloc(&e->arena, CHAINS_MAX, sizeof *rows);
    const int count = escalation_list(e->store, &filter, "", &e->arena, rows, CHAINS_MAX);

    for (int i = 0; i < count; i++) {
        const int r = rows[i].kind == kind ? chain_resolve(e, &rows[i], by, because) : 0;
        if (r < 0) {
            return r;
        }
    }
    return count < 0 ? count : 0;
}

static int begin_again(struct engine *e, struct escalation_row *row) {
    const enum escalation_state from = row->state;
    int r = from == ESCALATION_ACKNOWLEDGED ? escalation_next(from, ESCALATION_LAPSE, &row->state)
                                            : 0;

    row->acknowledged_by[0] = '\0';
    row->at.step = 0;
    row->exhausted = false;
    row->wake_at = e->now;
    r = r < 0 ? r : escalation_update(e->store, row, from, row->generation);
    r = r < 0 ? r : silence(e, row, "reassigned");
    return r < 0 ? r : turn_audit(e, "escalation begin-again", row->id, "another line");
}

int chain_begin_again(struct engine *e, const char *participant) {
    enum { CHAINS_MAX = 64 };
    const struct escalation_filter filter = {.participant = participant, .open = true};
    struct escalation_row *rows = arena_alloc(&e->arena, CHAINS_MAX, sizeof *rows);
    char after[ID_SIZE] = "";
    int count;

    while ((count = escalation_list(e->store, &filter, after, &e->arena, rows, CHAINS_MAX)) > 0) {
        memcpy(after, rows[count - 1].id, sizeof after);
        for (int i = 0; i < count; i++) {
            const int r = rows[i].audience == AUDIENCE_SUPERVISOR ? begin_again(e, &rows[i]) : 0;
            if (r < 0) {
                return r;
            }
        }
    }
    return count;
}

int chain_unreachable(struct engine *e, const char *escalation, uint32_t generation) {
    struct escalation_row row;
    int r = escalation_find(e->store, escalation, &e->arena, &row);

    /* The step told is generation + 1 by now; any later one has gone on already. Between two cycles
     * (step 0) nothing is begun early: an address that is dead would be tried without end. */
    if (r < 0 || row.state != ESCALATION_WAITING || row.generation != generation + 1 ||
        row.at.step == 0) {
        return r;
    }
    row.wake_at = e->now;
    return escalation_update(e->store, &row, row.state, row.generation);
}

bool chain_allows(struct engine *e, const struct escalation_row *row, const char *staff) {
    struct session_row session;

    if (row->audience == AUDIENCE_ADVOCATE) {
        return strcmp(row->advocate, staff) == 0;
    }
    if (*row->session && session_find(e->store, row->session, &session) == 0 &&
        strcmp(session.practitioner, staff) == 0) {
        return false; /* nobody acknowledges their own miss */
    }
    return noun_exists(e->store, NOUN_SUPERVISOR, staff);
}

struct instant chain_decision_due(struct engine *e, struct instant recorded,
                                  const struct person *person) {
    const struct working_time work = turn_office_days(e, person->zone);

    return working_days_add(&work, recorded, e->setup.config->evidence_days);
}
