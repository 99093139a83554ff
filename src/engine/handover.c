/* Giving participants to another practitioner: one of them (participant reassign), or all of
 * somebody who leaves (practitioner leave); and to another supervisor (practitioner set).
 *
 * Whoever takes over answers for the participant from that moment: the sessions still to come are
 * theirs, at the time that was promised (the participant hears nothing of it), open tasks change
 * their owner, mails about them that have not left are cancelled, and an open chain begins again
 * with their supervisor where that is another. Sessions that have begun stay with who held them.
 * Who leaves on a day to come holds the sessions before it; on that day what they still have goes
 * over (handover_leave_day(), a job). A session that the other cannot take is listed, and nothing
 * is written. Must never leave a participant, session or task to somebody who has left. */
#include "handover.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "duty.h"
#include "follow_up.h"
#include "line.h"
#include "planning.h"

enum { CASES_MAX = 500, LEAVE_DAYS_MAX = 366, TASKS_BATCH = 64 };

/* One participant going from one practitioner to another. */
struct handover {
    const char *from, *to; /* practitioners */
    const char *old_chief, *new_chief, *new_next;
    struct date first_day; /* of the sessions that go too; year 0: all that are still to come */
    bool all_tasks;        /* those of the practitioner too; else only their supervisor's */
};

int handover_check_taker(struct call *c, const char *option, const char *practitioner) {
    struct departure_row row;
    char day[DATE_TEXT_SIZE];
    const int r = departure_find(c->e->store, practitioner, &row);

    if (r == -ENOENT) {
        return line_check(c, practitioner);
    }
    if (r < 0) {
        return call_failed(c, r, practitioner);
    }
    date_to_text(row.from, day);
    return call_refuse(c, 409, "--%s %s: leaves on %s; name somebody who stays", option,
                       practitioner, day);
}

int handover_gone(struct engine *e, const char *practitioner) {
    struct departure_row row;
    const int r = departure_find(e->store, practitioner, &row);

    return r == -ENOENT ? 0 : r < 0 ? r : row.gone;
}

int handover_asked(struct engine *e, const struct session_row *s, const char **ret_id) {
    struct noun_row participant;
    const int gone = handover_gone(e, s->practitioner);

    if (gone <= 0) {
        *ret_id = s->practitioner;
        return gone;
    }
    const int r = turn_noun_find(e, NOUN_PARTICIPANT, s->participant, &participant);
    if (r == 0) {
        *ret_id = noun_value(&participant, "practitioner");
    }
    return r;
}

/* The supervisors of both sides. */
static int find_chiefs(struct engine *e, struct handover *h) {
    struct noun_row row;
    int r = noun_find(e->store, NOUN_PRACTITIONER, h->from, &e->arena, &row);

    h->old_chief = r == 0 ? noun_value(&row, "supervisor") : "";
    r = r < 0 ? r : noun_find(e->store, NOUN_PRACTITIONER, h->to, &e->arena, &row);
    h->new_chief = r == 0 ? noun_value(&row, "supervisor") : "";
    r = r < 0 ? r : noun_find(e->store, NOUN_SUPERVISOR, h->new_chief, &e->arena, &row);
    h->new_next = r == 0 ? noun_value(&row, "next") : "";
    return r;
}

/* ---- sessions ---- */

/* Only what the other practitioner or a room stands against: what the participant agreed to
 * stands. */
static enum plan_rule check_slot(const struct planning *p, const struct session_row *s) {
    struct plan_request question = p->request;
    struct programme programme = *p->programme;

    programme.minutes = s->minutes;
    question.programme = &programme;
    question.holidays = NULL;
    question.office_hours = NULL;
    question.unavailable = NULL;
    question.absence_count = p->practitioner_absence_count;
    question.order_ends = (struct date){0};
    return plan_check_slot(&question, s->start);
}

static void add_conflict(struct call *c, const struct session_row *s, enum plan_rule rule) {
    const char *why = rule == PLAN_HOURS     ? "outside their hours"
                      : rule == PLAN_ABSENCE ? "they are absent"
                                             : plan_rule_to_text(rule);
    json_t *o = session_to_json(s);

    json_put_text(o, "why", why);
    (void)json_array_append_new(json_object_get(c->reply, "conflicts"), o); /* memory only */
}

/* The same session, the same time, another practitioner: feeds count a new revision, the
 * participant is told nothing, what waits for them goes on. */
static int take_session(struct call *c, const struct session_row *before, const char *to) {
    const struct session_change change = {.what = "handed_over", .by = "service"};
    struct session_row s = *before;
    int r = text_copy(s.practitioner, sizeof s.practitioner, to);

    s.revision++;
    s.revised_at = c->e->now;
    r = r < 0 ? r : session_update(c->e->store, &s, before->state, before->revision);
    r = r < 0 ? r : session_change_note(c, &s, &change, (struct instant){0});
    r = r < 0 ? r
              : message_follow(c->e->store, s.id, before->revision, s.revision, (struct span){0});
    r = r < 0 ? r : duty_changed(c->e, &s, s.start_at);
    if (r >= 0) {
        (void)json_array_append_new(json_object_get(c->reply, "sessions"), session_to_json(&s));
    }
    return r;
}

static int list_sessions(struct call *c, const char *participant, const struct handover *h,
                         struct session_row *rows, size_t capacity) {
    const struct session_filter filter = {.participant = participant,
                                          .practitioner = h->from,
                                          .state = "planned",
                                          .from = {c->e->now.us + 1}};
    const int count = session_list(c->e->store, &filter, rows, capacity);
    int kept = 0;

    for (int i = 0; i < count; i++) {
        if (date_cmp(rows[i].start.date, h->first_day) >= 0) {
            rows[kept++] = rows[i];
        }
    }
    return count < 0 ? count : kept;
}

/* The participant's row names the new practitioner already: the plan is gathered for them. */
static int take_sessions(struct call *c, const char *participant, const struct handover *h) {
    const size_t most = (size_t)PROGRAMME_SESSIONS_MAX * 2;
    struct session_row *rows = arena_alloc(&c->e->arena, most, sizeof *rows);
    const char **ids = arena_alloc(&c->e->arena, most + 1, sizeof *ids);
    const int count = list_sessions(c, participant, h, rows, most);
    struct planning *p;

    if (count <= 0) {
        return count < 0 ? call_failed(c, count, participant) : 200;
    }
    for (int i = 0; i < count; i++) {
        ids[i] = rows[i].id;
    }
    ids[count] = NULL;
    const int status = planning_gather(c, participant, ids, &p);
    if (status != 200) {
        return status;
    }
    for (int i = 0; i < count; i++) {
        const enum plan_rule rule = check_slot(p, &rows[i]);
        if (rule != PLAN_FINE) {
            add_conflict(c, &rows[i], rule);
            continue;
        }
        const int r = take_session(c, &rows[i], h->to);
        if (r < 0) {
            return call_failed(c, r, rows[i].id);
        }
    }
    return 200;
}

/* ---- tasks ---- */

static bool chiefs_differ(const struct handover *h) {
    return strcmp(h->old_chief, h->new_chief) != 0;
}

/* Who has this task from now on; false: it stays where it is. */
static bool new_owner(const struct handover *h, const struct task_row *task, const char **ret_owner,
                      const char **ret_next) {
    if (h->all_tasks && strcmp(task->owner, h->from) == 0) {
        *ret_owner = h->to;
        *ret_next = *task->next_owner ? h->new_chief : "";
        return true;
    }
    if (chiefs_differ(h) && strcmp(task->owner, h->old_chief) == 0) {
        *ret_owner = h->new_chief;
        *ret_next = *task->next_owner ? h->new_next : "";
        return true;
    }
    if (chiefs_differ(h) && strcmp(task->next_owner, h->old_chief) == 0) {
        *ret_owner = task->owner;
        *ret_next = h->new_chief;
        return true;
    }
    return false;
}

/* A correction goes past whoever asked for it; -ENOENT: there is nobody else in the new line. */
static int find_approver(struct engine *e, const struct task_row *task, const char **owner,
                         const char **ret_next) {
    struct duty_owner approver;
    struct session_row s;
    int r = session_find(e->store, task->session, &s);

    r = r < 0 ? r : follow_up_approver(e, s.review_by, *owner, &approver);
    *owner = r < 0 ? *owner : approver.id;
    *ret_next = r < 0 ? *ret_next : approver.next;
    return r;
}

static int take_task(struct call *c, const struct handover *h, struct task_row *task) {
    const char *owner, *next;

    if (!new_owner(h, task, &owner, &next)) {
        return 0;
    }
    const int r = task->kind == TASK_APPROVE ? find_approver(c->e, task, &owner, &next) : 0;

    if (r < 0) {
        return turn_trouble(r) ? r : 0; /* it stays with who can do it */
    }
    (void)json_array_append_new(json_object_get(c->reply, "tasks"),
                                json_string(task->id)); /* memory only */
    return duty_hand_over(c->e, task, owner, next);
}

/* Mails about tasks that are another's now; what is about a session that stays is not touched. */
static int cancel_mails(struct call *c, const char *participant, const char *recipient) {
    const struct message_filter filter = {
        .participant = participant, .recipient = recipient, .kind = "task"};
    const int r = message_cancel_matching(c->e->store, &filter, "reassigned", c->e->now);

    return r < 0 ? r : 0;
}

static int take_tasks(struct call *c, const char *participant, const struct handover *h) {
    struct task_row *rows = arena_alloc(&c->e->arena, TASKS_BATCH, sizeof *rows);
    char after[ID_SIZE] = "";
    int count = 0, r = h->all_tasks ? cancel_mails(c, participant, h->from) : 0;

    while (r == 0 && (count = task_list_participant(c->e->store, participant, after, rows,
                                                    TASKS_BATCH)) > 0) {
        memcpy(after, rows[count - 1].id, sizeof after);
        for (int i = 0; i < count && r == 0; i++) {
            r = take_task(c, h, &rows[i]);
        }
    }
    return r < 0 ? r : count < 0 ? count : 0;
}

static int take_duties(struct call *c, const char *participant, const struct handover *h) {
    const int r = take_tasks(c, participant, h);

    return r < 0 || !chiefs_differ(h) ? r : chain_begin_again(c->e, participant);
}

/* ---- a participant ---- */

static int take_participant(struct call *c, const char *id, const struct handover *h) {
    struct noun_row row;
    int r = noun_find(c->e->store, NOUN_PARTICIPANT, id, &c->e->arena, &row);

    if (r < 0) {
        return call_failed(c, r, id);
    }
    for (size_t i = 0; i < noun_tables[NOUN_PARTICIPANT].field_count; i++) {
        if (strcmp(noun_tables[NOUN_PARTICIPANT].fields[i].name, "practitioner") == 0) {
            row.values[i] = h->to;
        }
    }
    r = noun_update(c->e->store, &row);
    if (r < 0) {
        return call_failed(c, r, id);
    }
    const int status = take_sessions(c, id, h);

    r = status == 200 ? take_duties(c, id, h) : 0;
    return r < 0 ? call_failed(c, r, id) : status;
}

int handover_chief(struct call *c, const char *practitioner, const char *before) {
    enum { BATCH = 100 };
    struct handover h = {.from = practitioner, .to = practitioner};
    char(*ids)[ID_SIZE] = arena_alloc(&c->e->arena, BATCH, sizeof *ids), after[ID_SIZE] = "";
    int count = 0, r = find_chiefs(c->e, &h);

    h.old_chief = before;
    while (r == 0 && chiefs_differ(&h) &&
           (count = participant_list_practitioner(c->e->store, practitioner, after, ids, BATCH)) >
               0) {
        memcpy(after, ids[count - 1], sizeof after);
        for (int i = 0; i < count && r == 0; i++) {
            r = take_duties(c, ids[i], &h);
        }
    }
    return r < 0 ? r : count;
}

int handover_next(struct call *c, const char *supervisor, const char *before) {
    struct task_row *rows = arena_alloc(&c->e->arena, TASKS_BATCH, sizeof *rows);
    char after[ID_SIZE] = "";
    struct noun_row row;
    int count = 0, r = turn_noun_find(c->e, NOUN_SUPERVISOR, supervisor, &row);

    while (r == 0 &&
           (count = task_list_owner(c->e->store, supervisor, after, rows, TASKS_BATCH)) > 0) {
        memcpy(after, rows[count - 1].id, sizeof after);
        for (int i = 0; i < count && r == 0; i++) {
            const char *owner = supervisor, *next = noun_value(&row, "next");
            if (strcmp(rows[i].next_owner, before) != 0) {
                continue;
            }
            if (rows[i].kind == TASK_APPROVE) {
                r = find_approver(c->e, &rows[i], &owner, &next);
                r = r < 0 && !turn_trouble(r) ? 0 : r;
            }
            r = r < 0 ? r : duty_hand_over(c->e, &rows[i], owner, next);
        }
    }
    return r < 0 ? r : count;
}

static void begin_answer(struct call *c, const struct handover *h) {
    c->reply = json_pack("{s:s,s:s,s:s,s:[],s:[],s:[]}", "id", c->id, "from", h->from, "to", h->to,
                         "sessions", "conflicts", "tasks");
}

/* With --dry-run the list is the answer; else one session that cannot be taken refuses all. */
static int check_conflicts(struct call *c, const struct handover *h) {
    const json_t *conflicts = json_object_get(c->reply, "conflicts");
    const size_t count = json_array_size(conflicts);
    char line[240] = "";
    struct text t = TEXT_IN(line);
    size_t i = 0;

    if (count == 0 || c->dry_run) {
        return 200;
    }
    for (; i < count && t.length < 150; i++) {
        const json_t *o = json_array_get(conflicts, i);
        text_addf(&t, "%s%s %s (%s)", i ? "; " : "", json_string_value(json_object_get(o, "id")),
                  json_string_value(json_object_get(o, "local")),
                  json_string_value(json_object_get(o, "why")));
    }
    if (i < count) {
        text_addf(&t, "; and %zu more, see --dry-run", count - i);
    }
    return call_refuse(c, 409,
                       "nothing was handed over: %s cannot take %zu session%s: %s. Move %s first.",
                       h->to, count, count == 1 ? "" : "s", line, count == 1 ? "it" : "them");
}

static int open_take_over(struct call *c, const struct handover *h, const char *participant) {
    struct person taker;
    int r = person_find(c->e, AUDIENCE_PRACTITIONER, h->to, &taker);

    if (r < 0) {
        return r;
    }
    const struct working_time work = person_working_time(c->e, &taker);
    const char *about = arena_printf(&c->e->arena, "%s%" PRId64, *participant ? "" : h->from,
                                     c->e->now.us / SECOND_US);

    return duty_open(c->e, &(struct duty_start){.kind = TASK_TAKE_OVER,
                                                .owner = h->to,
                                                .next_owner = h->new_chief,
                                                .participant = participant,
                                                .session = "",
                                                .about = about,
                                                .due = working_days_add(&work, c->e->now, 1)});
}

int participant_reassign(struct call *c) {
    struct handover h = {.to = call_value(c, "to"), .all_tasks = true};
    struct noun_row row;
    int r = noun_find(c->e->store, NOUN_PARTICIPANT, c->id, &c->e->arena, &row);

    if (r < 0) {
        return call_failed(c, r, c->id);
    }
    h.from = noun_value(&row, "practitioner");
    if (strcmp(h.from, h.to) == 0) {
        return call_refuse(c, 409, "--to %s: %s is theirs already", h.to, c->id);
    }
    int status = handover_check_taker(c, "to", h.to);

    if (status != 200) {
        return status;
    }
    r = find_chiefs(c->e, &h);
    if (r < 0) {
        return call_failed(c, r, "a practitioner or supervisor");
    }
    c->dry_run = call_given(c, "dry_run");
    begin_answer(c, &h);
    status = take_participant(c, c->id, &h);
    status = status == 200 ? check_conflicts(c, &h) : status;
    if (status != 200) {
        return status;
    }
    r = open_take_over(c, &h, c->id);
    r = r < 0 ? r : call_audit(c, c->id, h.to);
    return r < 0 ? call_failed(c, r, c->id) : 200;
}

/* ---- leaving ---- */

static const struct zone *zone_of(struct engine *e, const char *practitioner) {
    struct person person;

    return person_find(e, AUDIENCE_PRACTITIONER, practitioner, &person) == 0
               ? person.zone
               : turn_zone(e, e->setup.config->timezone);
}

static struct instant day_begins(const struct zone *zone, struct date day) {
    struct instant t;

    (void)zone_resolve(zone, civil_at(day, 0), ZONE_FIRST,
                       &t); /* a midnight in a gap: the day begins later */
    return t;
}

static int check_day(struct call *c, struct date today, struct date *ret_day) {
    struct departure_row before;
    const int r = departure_find(c->e->store, c->id, &before);

    if (r < 0 && r != -ENOENT) {
        return call_failed(c, r, c->id);
    }
    if (r == 0 && before.gone) {
        return call_refuse(c, 409, "%s: has left already", c->id);
    }
    if (date_from_text(call_value(c, "on"), ret_day) < 0) {
        return call_refuse(c, 400, "--on: must be a date such as 2027-01-12");
    }
    const int32_t days = date_to_days(*ret_day) - date_to_days(today);

    return days < 0 ? call_refuse(c, 400, "--on: lies in the past; give today or a day to come")
           : days > LEAVE_DAYS_MAX ? call_refuse(c, 400, "--on: lies more than a year ahead")
                                   : 200;
}

static int check_leave(struct call *c, const struct handover *h) {
    struct departure_row to_me;

    if (strcmp(c->id, h->to) == 0) {
        return call_refuse(c, 409, "--hand-over-to %s: is who leaves; name another", h->to);
    }
    const int r = departure_find_to(c->e->store, c->id, &to_me);

    if (r == 0) {
        return call_refuse(c, 409,
                           "%s: is to take over from %s; give that to another first: `cobictl "
                           "practitioner leave %s --hand-over-to ID --on DATE`",
                           c->id, to_me.practitioner, to_me.practitioner);
    }
    return r == -ENOENT ? handover_check_taker(c, "hand-over-to", h->to) : call_failed(c, r, c->id);
}

/* Everybody, whatever their state: a late correction must find somebody too. */
static int take_participants(struct call *c, const struct handover *h) {
    char(*ids)[ID_SIZE] = arena_alloc(&c->e->arena, CASES_MAX, sizeof *ids);
    const int count = participant_list_practitioner(c->e->store, h->from, "", ids, CASES_MAX);

    if (count < 0) {
        return call_failed(c, count, h->from);
    }
    if (count == CASES_MAX) {
        return call_refuse(c, 409, "%s: has %d participants or more; reassign some of them first",
                           h->from, CASES_MAX);
    }
    for (int i = 0; i < count; i++) {
        const int status = take_participant(c, ids[i], h);
        if (status != 200) {
            return status;
        }
    }
    (void)json_object_set_new(c->reply, "participants", json_integer(count)); /* memory only */
    return 200;
}

static bool seen_before(const struct session_row *rows, int i) {
    for (int k = 0; k < i; k++) {
        if (strcmp(rows[k].participant, rows[i].participant) == 0) {
            return true;
        }
    }
    return false;
}

/* The day was noted before and is another now: sessions that were still theirs, of participants
 * whom somebody else has by now. */
static int take_rest(struct call *c, const struct handover *h) {
    enum { SESSIONS_MAX = 2000 };
    const struct session_filter filter = {
        .practitioner = h->from, .state = "planned", .from = {c->e->now.us + 1}};
    struct session_row *rows = arena_alloc(&c->e->arena, SESSIONS_MAX, sizeof *rows);
    const int count = session_list(c->e->store, &filter, rows, SESSIONS_MAX);

    for (int i = 0; i < count; i++) {
        struct handover one = *h;
        struct noun_row participant;
        if (seen_before(rows, i)) {
            continue;
        }
        const int r = noun_find(c->e->store, NOUN_PARTICIPANT, rows[i].participant, &c->e->arena,
                                &participant);
        if (r < 0) {
            return call_failed(c, r, rows[i].participant);
        }
        one.to = noun_value(&participant, "practitioner");
        const int status = strcmp(one.to, h->from) == 0
                               ? 200
                               : take_sessions(c, rows[i].participant, &one);
        if (status != 200) {
            return status;
        }
    }
    return count < 0 ? call_failed(c, count, h->from) : 200;
}

static int note_leave(struct call *c, const struct handover *h, const struct zone *zone) {
    struct engine *e = c->e;
    struct departure_row row = {.from = h->first_day};
    struct job_row job = {.kind = JOB_LEAVE, .wake_at = day_begins(zone, h->first_day)};
    int r = text_copy(row.practitioner, sizeof row.practitioner, h->from);

    r = r < 0 ? r : text_copy(row.taker, sizeof row.taker, h->to);
    r = r < 0 ? r : text_copy(job.subject, sizeof job.subject, h->from);
    job.wake_at = instant_max(job.wake_at, e->now);
    r = r < 0 ? r : departure_set(e->store, &row);
    return r < 0 ? r : job_set(e->store, &job);
}

int practitioner_leave(struct call *c) {
    struct handover h = {.from = c->id, .to = call_value(c, "hand_over_to")};

    if (!noun_exists(c->e->store, NOUN_PRACTITIONER, c->id)) {
        return call_refuse(c, 404, "%s: there is no practitioner of that id", c->id);
    }
    const struct zone *zone = zone_of(c->e, c->id);
    int status = check_leave(c, &h);

    status = status == 200 ? check_day(c, zone_civil(zone, c->e->now).date, &h.first_day) : status;
    if (status != 200) {
        return status;
    }
    int r = find_chiefs(c->e, &h);

    if (r < 0) {
        return call_failed(c, r, "a practitioner or supervisor");
    }
    c->dry_run = call_given(c, "dry_run");
    begin_answer(c, &h);
    json_put_date(c->reply, "on", h.first_day);
    status = take_participants(c, &h);
    status = status == 200 ? take_rest(c, &h) : status;
    status = status == 200 ? check_conflicts(c, &h) : status;
    if (status != 200) {
        return status;
    }
    r = note_leave(c, &h, zone);
    r = r < 0 ? r : open_take_over(c, &h, "");
    r = r < 0 ? r : call_audit(c, c->id, h.to);
    return r < 0 ? call_failed(c, r, c->id) : 200;
}

/* ---- the day itself ---- */

/* To whoever has its participant now, which need not be who took over first. */
static int give_task(struct engine *e, const struct handover *h, struct task_row *task) {
    struct duty_owner worker = {.id = h->to, .next = h->new_chief};

    if (*task->participant) {
        const int r = duty_worker(e, task->participant, &worker);
        if (r < 0 && turn_trouble(r)) {
            return r;
        }
        if (r < 0 || strcmp(worker.id, h->from) == 0) { /* theirs still: see the law nothing_left */
            worker = (struct duty_owner){.id = h->to, .next = h->new_chief};
        }
    }
    return duty_hand_over(e, task, worker.id, *task->next_owner ? worker.next : "");
}

static int give_tasks(struct engine *e, const struct handover *h) {
    struct task_row *rows = arena_alloc(&e->arena, TASKS_BATCH, sizeof *rows);
    int count, r = 0;

    /* Each goes to another owner, or is dropped: the next look finds others. */
    while (r == 0 && (count = task_list_owner(e->store, h->from, "", rows, TASKS_BATCH)) > 0) {
        for (int i = 0; i < count && r == 0; i++) {
            r = give_task(e, h, &rows[i]);
        }
    }
    return r < 0 ? r : count;
}

/* Sessions that they held, were asked about and have not recorded: whoever has the participant now
 * is asked. */
static int ask_again(struct engine *e, const char *practitioner) {
    enum { SESSIONS_MAX = 200 };
    const struct session_filter filter = {.practitioner = practitioner,
                                          .state = "awaiting_outcome"};
    struct session_row *rows = arena_alloc(&e->arena, SESSIONS_MAX, sizeof *rows);
    const int count = session_list(e->store, &filter, rows, SESSIONS_MAX);

    for (int i = 0; i < count; i++) {
        const int r = rows[i].flags & SESSION_ASKED ? course_ask(e, &rows[i]) : 0;
        if (r < 0) {
            return r;
        }
    }
    return count < 0 ? count : 0;
}

/* Whoever is gone reads no calendar any more. */
static int revoke_feeds(struct engine *e, const char *practitioner) {
    enum { FEEDS_MAX = 100 };
    struct feed_row *rows = arena_alloc(&e->arena, FEEDS_MAX, sizeof *rows);
    char after[ID_SIZE] = "";
    int count;

    while ((count = feed_list(e->store, after, rows, FEEDS_MAX)) > 0) {
        memcpy(after, rows[count - 1].id, sizeof after);
        for (int i = 0; i < count; i++) {
            if (rows[i].revoked_at.us != 0 || strcmp(rows[i].owner_kind, "practitioner") != 0 ||
                strcmp(rows[i].owner, practitioner) != 0) {
                continue;
            }
            rows[i].revoked_at = e->now;
            const int r = feed_update(e->store, &rows[i]);
            if (r < 0) {
                return r;
            }
        }
    }
    return count;
}

static int give_rest(struct engine *e, const struct handover *h) {
    const struct message_filter mails = {.recipient = h->from, .audience = "practitioner"};
    int r = message_cancel_matching(e->store, &mails, "practitioner_left", e->now);

    r = r < 0 ? r : give_tasks(e, h);
    r = r < 0 ? r : revoke_feeds(e, h->from);
    return r < 0 ? r : job_end(e->store, JOB_DIGEST, h->from);
}

int handover_leave_day(struct engine *e, const char *practitioner) {
    struct departure_row row;
    struct job_row job = {.kind = JOB_LEAVE};
    int r = departure_find(e->store, practitioner, &row);

    if (r < 0) {
        return r;
    }
    job.wake_at = day_begins(zone_of(e, practitioner), row.from);
    if (!row.gone && instant_cmp(e->now, job.wake_at) < 0) {
        memcpy(job.subject, row.practitioner, sizeof job.subject);
        return job_set(e->store, &job); /* the clock was set back */
    }
    struct handover h = {.from = row.practitioner, .to = row.taker};

    r = find_chiefs(e, &h);
    r = r < 0 ? r : give_rest(e, &h);
    row.gone = true;
    r = r < 0 ? r : departure_set(e->store, &row);
    r = r < 0 ? r : ask_again(e, row.practitioner);
    r = r < 0 ? r : job_end(e->store, JOB_LEAVE, row.practitioner);
    log_notice("practitioner %s has left; %s has what was theirs", row.practitioner, row.taker);
    return r < 0 ? r : turn_audit(e, "practitioner left", row.practitioner, row.taker);
}
