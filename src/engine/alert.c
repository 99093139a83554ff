/* Chains and calls that no session's outcome opens: a participant whom nobody could reach, a notice
 * that did not reach an officer or a service, a programme that slips, a concern raised by a person.
 *
 * Each is opened in the turn in which it is found, and once: the chain's key or the task's sees to
 * that. A service is called at hours at which that is safe. Must never tell an advocate why a
 * concern was raised. */
#include "alert.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "call.h"

/* How far into safe hours a call is due that had to wait for them: the first that fits. */
static const struct span safe_margins[] = {{30 * MINUTE_US}, {10 * MINUTE_US}, {0}};

static int open_for_supervisors(struct engine *e, const struct chain_start *about) {
    struct chain_start start = *about;

    start.audience = AUDIENCE_SUPERVISOR;
    start.advocate = "";
    return chain_open(e, &start);
}

/* ---- what could not be delivered ---- */

enum { CHAINS_MAX = 64 };

/* The participant's chains of that kind to the supervisors. Returns their number. */
static int find_chains(struct engine *e, const char *participant, enum escalation_kind kind,
                       bool open, struct escalation_row *ret_rows) {
    const struct escalation_filter filter = {.participant = participant, .open = open};
    char after[ID_SIZE] = "";
    int count, found = 0;

    while ((count = escalation_list(e->store, &filter, after, &e->arena, ret_rows + found,
                                    (size_t)(CHAINS_MAX - found))) > 0) {
        int kept = found;
        memcpy(after, ret_rows[found + count - 1].id, sizeof after);
        for (int i = found; i < found + count; i++) {
            if (ret_rows[i].kind == kind && ret_rows[i].audience == AUDIENCE_SUPERVISOR) {
                ret_rows[kept++] = ret_rows[i];
            }
        }
        found = kept;
        if (found == CHAINS_MAX) {
            break;
        }
    }
    return count < 0 ? count : found;
}

/* Is the call that the chain was opened for still to be made? 1, 0, or an errno. */
static int call_is_open(struct engine *e, const struct escalation_row *chain) {
    enum { TASKS_MAX = 64 };
    struct task_row *rows = arena_alloc(&e->arena, TASKS_MAX, sizeof *rows);
    const int count = task_list_participant(e->store, chain->participant, "", rows, TASKS_MAX);
    bool open = false;

    for (int i = 0; i < count; i++) {
        open |= rows[i].kind == TASK_PHONE && strcmp(rows[i].session, chain->session) == 0 &&
                instant_cmp(rows[i].created_at, chain->happened_at) == 0;
    }
    return count < 0 ? count : open;
}

/* One chain says that a participant cannot be reached; while it is open, and the call that it is
 * about, a second would say it again. */
int alert_unphoned(struct engine *e, const struct task_row *task) {
    struct escalation_row *rows = arena_alloc(&e->arena, CHAINS_MAX, sizeof *rows);
    const int count = find_chains(e, task->participant, ESCALATION_UNDELIVERABLE, true, rows);

    for (int i = 0; i < count; i++) {
        const int said = strcmp(rows[i].topic, "undeliverable") == 0 ? call_is_open(e, &rows[i])
                                                                     : 0;
        if (said != 0) {
            return said < 0 ? said : 0;
        }
    }
    return count < 0
               ? count
               : open_for_supervisors(e, &(struct chain_start){.kind = ESCALATION_UNDELIVERABLE,
                                                               .participant = task->participant,
                                                               .session = task->session,
                                                               .topic = "undeliverable",
                                                               .happened_at = task->created_at});
}

/* Another call that was not made was said by the chain that has ended: it is looked at again. */
static int look_at_other_calls(struct engine *e, const struct task_row *task) {
    enum { TASKS_MAX = 64 };
    struct task_row *rows = arena_alloc(&e->arena, TASKS_MAX, sizeof *rows);
    const int count = task_list_participant(e->store, task->participant, "", rows, TASKS_MAX);

    for (int i = 0; i < count; i++) {
        if (rows[i].kind != TASK_PHONE || rows[i].reminded == 0 ||
            strcmp(rows[i].id, task->id) == 0) {
            continue;
        }
        rows[i].wake_at = e->now;
        const int r = task_update(e->store, &rows[i], TASK_OPEN);
        if (r < 0) {
            return r;
        }
    }
    return count < 0 ? count : 0;
}

int alert_phoned(struct engine *e, const struct task_row *task, const char *by,
                 const char *because) {
    struct escalation_row *rows = arena_alloc(&e->arena, CHAINS_MAX, sizeof *rows);
    const int count = task->reminded == 0
                          ? 0
                          : find_chains(e, task->participant, ESCALATION_UNDELIVERABLE, true, rows);

    for (int i = 0; i < count; i++) {
        const bool its = strcmp(rows[i].session, task->session) == 0 &&
                         instant_cmp(rows[i].happened_at, task->created_at) == 0;
        int r = its ? chain_resolve(e, &rows[i], by, because) : 0;
        r = r < 0 || !its ? r : look_at_other_calls(e, task);
        if (r < 0) {
            return r;
        }
    }
    return count < 0 ? count : 0;
}

int alert_undelivered(struct engine *e, const struct message_row *m) {
    if (!*m->participant) {
        return 0;
    }
    if (m->audience == AUDIENCE_OFFICER) {
        return open_for_supervisors(e, &(struct chain_start){.kind = ESCALATION_UNDELIVERABLE,
                                                             .participant = m->participant,
                                                             .session = m->session,
                                                             .topic = "undeliverable_officer",
                                                             .happened_at = m->created_at});
    }
    struct link_row link;
    const int linked = m->audience == AUDIENCE_ADVOCATE
                           ? link_find(e->store, m->recipient, m->participant, &e->arena, &link)
                           : -ENOENT; /* unlinked meanwhile: nobody is called any more */

    return linked < 0 ? turn_trouble(linked) ? linked : 0
                      : alert_call_service(
                            e, &(struct alert_call){
                                   .supervisor = chain_supervisor(e, m->session, m->participant),
                                   .advocate = m->recipient,
                                   .participant = m->participant,
                                   .session = m->session,
                                   .reason = *m->escalation ? m->escalation : m->id});
}

/* ---- slipping ---- */

int alert_slipping(struct engine *e, const char *participant, struct date window_end,
                   struct instant lost) {
    struct escalation_row *rows = arena_alloc(&e->arena, CHAINS_MAX, sizeof *rows);
    const int count = find_chains(e, participant, ESCALATION_SLIPPING, false, rows);
    const struct instant end = {date_to_days(window_end) * DAY_US};
    int64_t ended = 0; /* of this window's: what tells the next one from them */

    for (int i = 0; i < count; i++) {
        const int64_t apart = rows[i].happened_at.us - end.us;
        const bool its = apart >= 0 && apart < CHAINS_MAX;
        const bool known = its && strcmp(rows[i].resolved_by, "cobid") != 0 &&
                           instant_cmp(rows[i].opened_at, lost) >= 0;
        if (rows[i].state != ESCALATION_RESOLVED || known) {
            return 0;
        }
        ended += its;
    }
    if (count < 0) {
        return count;
    }
    return open_for_supervisors(e, &(struct chain_start){.kind = ESCALATION_SLIPPING,
                                                         .participant = participant,
                                                         .session = "",
                                                         .topic = "slipping",
                                                         .happened_at = {end.us + ended}});
}

int alert_fits_again(struct engine *e, const char *participant) {
    struct escalation_row *rows = arena_alloc(&e->arena, CHAINS_MAX, sizeof *rows);
    const int count = find_chains(e, participant, ESCALATION_SLIPPING, true, rows);

    for (int i = 0; i < count; i++) {
        const int r = chain_resolve(e, &rows[i], "cobid", "what was owed is planned in time");
        if (r < 0) {
            return r;
        }
    }
    return count < 0 ? count : 0;
}

/* ---- calling a service ---- */

void alert_advocate_of(const struct task_row *task, char ret_advocate[ID_SIZE]) {
    const size_t length = task->kind == TASK_CALL_ADVOCATE ? strcspn(task->about, "/") : 0;

    ret_advocate[0] = '\0';
    if (length < ID_SIZE) {
        memcpy(ret_advocate, task->about, length);
        ret_advocate[length] = '\0';
    }
}

/* Walks the participant's open calls to the service. Returns how many there are (about that
 * session, unless it is NULL). */
static int open_calls(struct engine *e, const char *advocate, const char *participant,
                      const char *session, int (*act)(struct engine *e, struct task_row *task)) {
    enum { TASKS_MAX = 64 };
    struct task_row *tasks = arena_alloc(&e->arena, TASKS_MAX, sizeof *tasks);
    char after[ID_SIZE] = "", whom[ID_SIZE];
    int count, found = 0;

    while ((count = task_list_participant(e->store, participant, after, tasks, TASKS_MAX)) > 0) {
        memcpy(after, tasks[count - 1].id, sizeof after);
        for (int i = 0; i < count; i++) {
            alert_advocate_of(&tasks[i], whom);
            if (strcmp(whom, advocate) != 0 ||
                (session && strcmp(tasks[i].session, session) != 0)) {
                continue;
            }
            const int r = act ? act(e, &tasks[i]) : 0;
            if (r < 0) {
                return r;
            }
            found++;
        }
    }
    return count < 0 ? count : found;
}

int alert_drop_calls(struct engine *e, const char *advocate, const char *participant) {
    const int count = open_calls(e, advocate, participant, NULL, duty_drop);

    return count < 0 ? count : 0;
}

int alert_heard(struct engine *e, const struct escalation_row *chain) {
    const int count = open_calls(e, chain->advocate, chain->participant, chain->session, duty_drop);

    return count < 0 ? count : 0;
}

/* By when: within the supervisor's hours, and when the service may be called. */
static struct instant call_due(struct engine *e, const struct person *chief, const char *advocate) {
    const struct working_time work = person_working_time(e, chief);
    const struct instant due = working_time_add(&work, e->now, span_hours(4), span_hours(24));
    struct person service;

    if (person_find(e, AUDIENCE_ADVOCATE, advocate, &service) < 0 || service.hours.count == 0) {
        return due;
    }
    const struct working_time safe = person_working_time(e, &service);
    const struct instant opens = working_time_next(&safe, due);

    for (size_t i = 0; i < ARRAY_COUNT(safe_margins) && instant_cmp(opens, due) != 0; i++) {
        const struct instant later = instant_add(opens, safe_margins[i]);
        if (instant_cmp(working_time_next(&safe, later), later) == 0) {
            return later;
        }
    }
    return opens;
}

int alert_call_service(struct engine *e, const struct alert_call *call) {
    struct duty_owner chief;
    int r = duty_chief(e, call->supervisor, &chief);

    if (r < 0) {
        return turn_trouble(r) ? r : 0; /* the operator is a step of the chain, or was alarmed */
    }
    r = open_calls(e, call->advocate, call->participant, call->session, NULL);
    if (r != 0) {
        return r < 0 ? r : 0;
    }
    return duty_give(
        e, &chief,
        (struct duty_start){.kind = TASK_CALL_ADVOCATE,
                            .participant = call->participant,
                            .session = call->session,
                            .about = arena_printf(&e->arena, "%s/%s", call->advocate, call->reason),
                            .due = call_due(e, &chief.person, call->advocate)});
}

const char *alert_call_text(struct engine *e, const struct task_row *task) {
    char advocate[ID_SIZE], hours[HOURS_TEXT_SIZE] = "any time";
    struct person service;

    alert_advocate_of(task, advocate);
    if (person_find(e, AUDIENCE_ADVOCATE, advocate, &service) == 0 && service.hours.count > 0) {
        hours_to_text(&service.hours, hours);
    }
    return arena_printf(&e->arena, "%s. Whom: `cobictl task list`. Safe to call: %s",
                        duty_text(task->kind), hours);
}

/* ---- a concern ---- */

int concern_tell_advocate(struct engine *e, const struct link_row *link,
                          struct instant happened_at) {
    return chain_open(e, &(struct chain_start){.kind = ESCALATION_CONCERN,
                                               .audience = AUDIENCE_ADVOCATE,
                                               .advocate = link->advocate,
                                               .participant = link->participant,
                                               .session = "",
                                               .topic = "concern",
                                               .happened_at = happened_at});
}

static int tell_advocates(struct call *c) {
    struct link_row links[DUTY_LINKS_MAX];
    const int count = duty_links(c->e, c->id, links);

    for (int i = 0; i < count; i++) {
        const int r = concern_tell_advocate(c->e, &links[i], c->e->now);
        if (r < 0) {
            return r;
        }
    }
    return count < 0 ? count : 0;
}

/* Somebody is worried: supervisors hear at once, services are asked to call. Whoever raises it may
 * say why, for those who look it up; no message does. */
int concern_command_raise(struct call *c) {
    struct engine *e = c->e;

    if (!noun_exists(e->store, NOUN_PARTICIPANT, c->id)) {
        return call_refuse(c, 404, "%s: there is no participant of that id", c->id);
    }
    int r = open_for_supervisors(e, &(struct chain_start){.kind = ESCALATION_CONCERN,
                                                          .participant = c->id,
                                                          .session = "",
                                                          .topic = "concern",
                                                          .because = call_value(c, "reason"),
                                                          .happened_at = e->now});

    r = r < 0 ? r : tell_advocates(c);
    r = r < 0 ? r : call_audit(c, c->id, call_given(c, "reason") ? call_value(c, "reason") : "");
    if (r < 0) {
        return call_failed(c, r, c->id);
    }
    c->reply = json_pack("{s:s,s:b}", "participant", c->id, "ok", 1);
    return 200;
}
