/* cobictl escalation worst-case: the longest time until a human is told.
 *
 * For each policy and each line of people that there is, the rules that run the chains are asked
 * for every quarter of an hour of the year to come: when would the steps be told, and when would
 * somebody who was told be at work? Bank holidays, hours and the absences on record count. Lines
 * whose people keep the same hours are looked at once. Reads only. */
#include <errno.h>
#include <string.h>

#include "call.h"
#include "cobi/rules/plan.h"
#include "line.h"

enum {
    STEP_MINUTES = 15,
    YEAR_DAYS = 366,
    ABSENCES_MAX = 32,
    CASES_MAX = 24,
    OPENING_DAYS_MAX = 60
};

/* Somebody in a line. */
struct member {
    bool there;
    struct hours hours;
    struct working_time work;
    struct date_range absences[ABSENCES_MAX];
    size_t absence_count;
};
/* The worst of a year. */
struct worst {
    struct span at_work, all_told;
    struct instant at_work_when, all_told_when;
};
/* A policy and who its steps tell. */
struct chain_case {
    const struct escalation_policy *policy;
    const char *supervisor, *advocate; /* whose line it is */
    struct member members[ESCALATION_STEPS_MAX], operator;
    struct worst worst;
};
struct survey {
    struct call *c;
    struct chain_case cases[CASES_MAX];
    size_t count;
    bool cut; /* there were more */
};

/* ---- one moment ---- */

static bool absent(const struct member *m, struct date day) {
    for (size_t i = 0; i < m->absence_count; i++) {
        if (date_cmp(m->absences[i].from, day) <= 0 && date_cmp(day, m->absences[i].to) <= 0) {
            return true;
        }
    }
    return false;
}

static bool absent_at(const struct member *m, struct instant t) {
    return m->absence_count > 0 && absent(m, zone_civil(m->work.zone, t).date);
}

/* When they will be at work, having been told at t. */
static struct instant at_work(const struct member *m, struct instant t) {
    struct instant opening = m->hours.count ? working_time_next(&m->work, t) : t;

    for (int i = 0; i < OPENING_DAYS_MAX && absent_at(m, opening); i++) {
        const struct date next = date_add_days(zone_civil(m->work.zone, opening).date, 1);
        (void)zone_resolve(m->work.zone, civil_at(next, 0), ZONE_FIRST,
                           &opening); /* a midnight in a gap: the day begins later */
        opening = m->hours.count ? working_time_next(&m->work, opening) : opening;
    }
    return opening;
}

/* What happens to a chain that opens at t and that nobody acknowledges. */
static void follow(const struct chain_case *one, struct instant t, struct instant *ret_at_work,
                   struct instant *ret_all_told) {
    const struct escalation_policy *policy = one->policy;
    struct instant now = t, seen = INSTANT_NEVER, told = t;
    bool operator= false;

    for (uint32_t step = 0; step < policy->step_count; step++) {
        const struct member *m = &one->members[step];
        if (!m->there || absent_at(m, now)) {
            continue; /* passed at once */
        }
        const struct escalation_decision d = escalation_decide(
            policy, (struct escalation_position){.step = step}, &m->work, now);
        if (instant_cmp(seen, now) > 0) {
            seen = instant_min(seen, at_work(m, now));
        }
        told = now;
        operator= policy->steps[step].target == TARGET_OPERATOR;
        now = d.until;
    }
    if (!operator) { /* exhausted: the operator is alarmed */
        told = now;
        seen = instant_min(seen, at_work(&one->operator, now));
    }
    *ret_at_work = seen;
    *ret_all_told = told;
}

static struct worst survey_year(const struct chain_case *one, struct instant from) {
    struct worst worst = {.at_work_when = from, .all_told_when = from};
    struct instant t = {from.us - from.us % (STEP_MINUTES * MINUTE_US)};
    const struct instant end = instant_add(from, span_days(YEAR_DAYS));

    for (; instant_cmp(t, end) < 0; t = instant_add(t, span_minutes(STEP_MINUTES))) {
        struct instant seen, told;
        follow(one, t, &seen, &told);
        if (instant_since(seen, t).us > worst.at_work.us) {
            worst.at_work = instant_since(seen, t);
            worst.at_work_when = t;
        }
        if (instant_since(told, t).us > worst.all_told.us) {
            worst.all_told = instant_since(told, t);
            worst.all_told_when = t;
        }
    }
    return worst;
}

/* ---- who there is ---- */

static bool members_equal(const struct member *a, const struct member *b) {
    return a->there == b->there && a->work.zone == b->work.zone &&
           a->absence_count == b->absence_count && hours_equal(&a->hours, &b->hours) &&
           memcmp(a->absences, b->absences, a->absence_count * sizeof a->absences[0]) == 0;
}

static bool steps_equal(const struct escalation_step *a, const struct escalation_step *b) {
    return a->target == b->target && a->wait.us == b->wait.us &&
           a->wait_most.us == b->wait_most.us && a->clock == b->clock;
}

/* Do the same steps at the same times? Two kinds may have the same policy. */
static bool cases_alike(const struct chain_case *a, const struct chain_case *b) {
    if (a->policy->step_count != b->policy->step_count) {
        return false;
    }
    for (uint32_t i = 0; i < a->policy->step_count; i++) {
        if (!steps_equal(&a->policy->steps[i], &b->policy->steps[i]) ||
            !members_equal(&a->members[i], &b->members[i])) {
            return false;
        }
    }
    return true;
}

static int read_absences(struct engine *e, const struct person *person, enum noun noun,
                         struct member *m) {
    struct absence_row rows[ABSENCES_MAX];
    const struct date today = zone_civil(person->zone, e->now).date;
    const int count = absence_list(e->store, noun, person->id, &e->arena, rows, ABSENCES_MAX);

    for (int i = 0; i < count; i++) {
        if (date_cmp(rows[i].to, today) >= 0) {
            m->absences[m->absence_count++] = (struct date_range){rows[i].from, rows[i].to};
        }
    }
    return count < 0 ? count : 0;
}

static int read_member(struct engine *e, enum audience audience, const char *id, struct member *m) {
    struct person person;
    int r = person_find(e, audience, id, &person);

    if (r < 0) {
        return r == -ENOENT ? 0 : r; /* nobody: the step is passed */
    }
    m->there = true;
    m->hours = person.hours;
    m->work = (struct working_time){NULL, person.zone, e->setup.holidays};
    return audience == AUDIENCE_SUPERVISOR ? read_absences(e, &person, NOUN_SUPERVISOR, m) : 0;
}

static int fill_case(struct engine *e, struct chain_case *one, const struct line *line) {
    uint32_t place = 0;
    int r = read_member(e, AUDIENCE_OPERATOR, "operator", &one->operator);

    for (uint32_t i = 0; i < one->policy->step_count && r == 0; i++) {
        struct member *m = &one->members[i];
        switch (one->policy->steps[i].target) {
        case TARGET_SUPERVISOR:
        case TARGET_NEXT_SUPERVISOR:
            place = one->policy->steps[i].target == TARGET_SUPERVISOR ? 0 : place + 1;
            r = place < line->count ? read_member(e, AUDIENCE_SUPERVISOR, line->ids[place], m) : 0;
            break;
        case TARGET_ADVOCATE:
            r = read_member(e, AUDIENCE_ADVOCATE, one->advocate, m);
            break;
        case TARGET_OPERATOR:
            *m = one->operator;
            break;
        }
    }
    return r;
}

static void point_hours(struct chain_case *one) {
    for (uint32_t i = 0; i < one->policy->step_count; i++) {
        one->members[i].work.hours = &one->members[i].hours;
    }
    one->operator.work.hours = & one->operator.hours;
}

static int add_case(struct survey *s, const struct escalation_policy *policy,
                    const struct line *line, const char *advocate) {
    struct chain_case *one = arena_alloc(&s->c->e->arena, 1, sizeof *one);

    one->policy = policy;
    one->supervisor = line->count ? arena_copy(&s->c->e->arena, line->ids[0]) : "";
    one->advocate = advocate;
    const int r = fill_case(s->c->e, one, line);
    for (size_t i = 0; i < s->count && r == 0; i++) {
        if (s->cases[i].policy == policy && cases_alike(&s->cases[i], one)) {
            return 0;
        }
    }
    if (r < 0) {
        return r;
    }
    if (s->count == CASES_MAX) {
        s->cut = true;
        return 0;
    }
    s->cases[s->count] = *one;
    point_hours(&s->cases[s->count++]);
    return 0;
}

static int add_advocates(struct survey *s, const struct escalation_policy *policy,
                         const struct line *line) {
    enum { BATCH = 50 };
    char ids[BATCH][ID_SIZE], after[ID_SIZE] = "";
    struct engine *e = s->c->e;
    int count;

    while ((count = noun_list(e->store, NOUN_ADVOCATE, after, ids, BATCH)) > 0) {
        memcpy(after, ids[count - 1], sizeof after);
        for (int i = 0; i < count; i++) {
            const int r = add_case(s, policy, line, arena_copy(&e->arena, ids[i]));
            if (r < 0) {
                return r;
            }
        }
    }
    return count;
}

static int add_line(struct survey *s, const char *supervisor) {
    const struct config *config = s->c->e->setup.config;
    struct line line;
    int r = line_read(s->c->e, supervisor, &line);

    for (uint32_t i = 0; i < config->escalation_count && r == 0; i++) {
        const struct escalation_policy *policy = &config->escalations[i];
        r = policy->audience == AUDIENCE_ADVOCATE ? add_advocates(s, policy, &line)
                                                  : add_case(s, policy, &line, "");
    }
    return r;
}

/* Each supervisor at whom a line begins. */
static int gather(struct survey *s) {
    enum { BATCH = 50, HEADS_MAX = 200 };
    char ids[BATCH][ID_SIZE], after[ID_SIZE] = "";
    char(*heads)[ID_SIZE] = arena_alloc(&s->c->e->arena, HEADS_MAX, sizeof *heads);
    struct engine *e = s->c->e;
    size_t head_count = 0;
    int count;

    while ((count = noun_list(e->store, NOUN_PRACTITIONER, after, ids, BATCH)) > 0) {
        memcpy(after, ids[count - 1], sizeof after);
        for (int i = 0; i < count; i++) {
            struct noun_row row;
            int r = noun_find(e->store, NOUN_PRACTITIONER, ids[i], &e->arena, &row);
            if (r < 0) {
                return r;
            }
            const char *head = noun_value(&row, "supervisor");
            size_t k = 0;
            while (k < head_count && strcmp(heads[k], head) != 0) {
                k++;
            }
            if (k < head_count || head_count == HEADS_MAX) {
                s->cut |= k == HEADS_MAX;
                continue;
            }
            r = text_copy(heads[head_count++], ID_SIZE, head);
            r = r < 0 ? r : add_line(s, head);
            if (r < 0) {
                return r;
            }
        }
    }
    return count;
}

/* ---- the answer ---- */

static struct span opens_after(const struct config *config, enum escalation_kind kind) {
    return kind == ESCALATION_MISSED       ? config->miss_undo
           : kind == ESCALATION_UNRECORDED ? config->unrecorded_after
                                           : (struct span){0};
}

static void put_span(json_t *o, const char *name, struct span span) {
    char text[32];

    span_to_text(span, text);
    json_put_text(o, name, text);
}

static void put_moment(struct engine *e, json_t *o, const char *name, struct instant t) {
    char text[CIVIL_TEXT_SIZE];

    civil_to_text(zone_civil(turn_zone(e, e->setup.config->timezone), t), text);
    json_put_text(o, name, text);
}

static struct worst find_worst(struct survey *s, size_t index) {
    for (size_t i = 0; i < index; i++) {
        if (cases_alike(&s->cases[i], &s->cases[index])) {
            return s->cases[i].worst;
        }
    }
    return survey_year(&s->cases[index], s->c->e->now);
}

static void add_answer(struct call *c, const struct chain_case *one) {
    const struct worst worst = one->worst;
    json_t *o = json_pack("{s:s,s:s}", "kind", escalation_kind_to_text(one->policy->kind),
                          "audience", audience_to_text(one->policy->audience));

    json_put_text(o, "supervisor", one->supervisor);
    json_put_text(o, "advocate", one->advocate);
    put_span(o, "opens_after", opens_after(c->e->setup.config, one->policy->kind));
    put_span(o, "human_at_work", worst.at_work);
    put_moment(c->e, o, "opened", worst.at_work_when);
    put_span(o, "all_told", worst.all_told);
    put_moment(c->e, o, "opened_then", worst.all_told_when);
    (void)json_array_append_new(c->reply, o); /* memory only */
}

int escalation_command_worst_case(struct call *c) {
    struct survey *s = arena_alloc(&c->e->arena, 1, sizeof *s);

    s->c = c;
    int r = gather(s);

    r = r < 0 ? r : call_audit(c, "", "");
    if (r < 0) {
        return call_failed(c, r, "the people of the chains");
    }
    if (s->cut) {
        return call_refuse(c, 409,
                           "more than %d different lines of people and hours: this would keep the "
                           "daemon from its work; give people who share hours the same ones",
                           CASES_MAX);
    }
    c->reply = json_array();
    for (size_t i = 0; i < s->count; i++) {
        s->cases[i].worst = find_worst(s, i);
        add_answer(c, &s->cases[i]);
    }
    return 200;
}
