/* See scale_store.h. Rows are written through the store's own functions, and a planned session
 * wakes when the reminder rules say, so the daemon takes the store for its own. Any failure ends
 * the filling: a half-filled store is no use. */
#include "scale_store.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "cobi/base/cleanup.h"
#include "cobi/store/chains.h"
#include "cobi/store/messages.h"
#include "cobi/store/people.h"
#include "cobi/store/sessions.h"

enum {
    PER_PRACTITIONER = 25, /* five a day, five days a week */
    PER_OFFICE = 250,
    PER_SUPERVISOR = 125,
    PER_ADVOCATE = 20,
    FIRST_START = 9 * 60,
    APART_MINUTES = 90,
    SESSION_MINUTES = 60,
    MAIN_STEP = 1, /* of etc/reminders.conf: the evening before */
};

struct filling {
    struct store *store;
    const struct config *config;
    const struct zone *zone;
    const struct scale_plan *plan;
    struct arena arena;
    struct date monday; /* of the first planned week */
    uint32_t expired, reminders, escalations;
};

static const char *id_of(struct filling *f, const char *prefix, uint32_t number) {
    return arena_printf(&f->arena, "%s-%" PRIu32, prefix, number + 1);
}

static void set(struct noun_row *row, const char *field, const char *value) {
    row->values[noun_find_field(row->noun, field) - noun_tables[row->noun].fields] = value;
}

static void set_standards(struct noun_row *row) {
    const struct noun_table *table = &noun_tables[row->noun];

    for (size_t i = 0; i < table->field_count; i++) {
        row->values[i] = table->fields[i].standard ? table->fields[i].standard : "";
    }
}

static int begin_row(struct filling *f, enum noun noun, const char *prefix, uint32_t number,
                     struct noun_row *ret_row) {
    struct noun_row row = {.noun = noun};
    const int r = text_copy(row.id, sizeof row.id, id_of(f, prefix, number));

    set_standards(&row);
    set(&row, "name", arena_printf(&f->arena, "Name %s", row.id));
    *ret_row = row;
    return r;
}

static const char *mail_of(struct filling *f, const char *id) {
    return arena_printf(&f->arena, "%s@example.org", id);
}

static uint32_t count_of(const struct filling *f, uint32_t per) {
    return (f->plan->participants + per - 1) / per;
}

/* ---- staff ---- */

static int add_office(struct filling *f, uint32_t i) {
    struct noun_row row;
    int r = begin_row(f, NOUN_OFFICE, "O", i, &row);

    set(&row, "address", "1 High Street");
    set(&row, "phone", "+441632960001");
    set(&row, "timezone", "Europe/London");
    return r < 0 ? r : noun_insert(f->store, &row);
}

static int add_supervisor(struct filling *f, uint32_t i) {
    const uint32_t count = count_of(f, PER_SUPERVISOR);
    struct noun_row row;
    int r = begin_row(f, NOUN_SUPERVISOR, "SUP", i, &row);

    set(&row, "email", mail_of(f, row.id));
    set(&row, "hours", "Mon-Fri 09:00-17:00");
    set(&row, "next", count > 1 ? id_of(f, "SUP", (i + 1) % count) : "");
    return r < 0 ? r : noun_insert(f->store, &row);
}

static int add_practitioner(struct filling *f, uint32_t i) {
    struct noun_row row;
    int r = begin_row(f, NOUN_PRACTITIONER, "PR", i, &row);

    set(&row, "email", mail_of(f, row.id));
    set(&row, "office", id_of(f, "O", i * PER_PRACTITIONER / PER_OFFICE));
    set(&row, "hours", "Mon-Fri 09:00-18:00");
    set(&row, "supervisor", id_of(f, "SUP", i * PER_PRACTITIONER / PER_SUPERVISOR));
    return r < 0 ? r : noun_insert(f->store, &row);
}

static int add_advocate(struct filling *f, uint32_t i) {
    struct noun_row row;
    int r = begin_row(f, NOUN_ADVOCATE, "ADV", i, &row);

    set(&row, "service", "Advice service");
    set(&row, "email", mail_of(f, row.id));
    set(&row, "hours", "Mon-Fri 09:00-17:00");
    return r < 0 ? r : noun_insert(f->store, &row);
}

static int add_staff(struct filling *f) {
    static const struct {
        uint32_t per;
        int (*add)(struct filling *f, uint32_t i);
    } kinds[] = {{PER_OFFICE, add_office},
                 {PER_SUPERVISOR, add_supervisor},
                 {PER_PRACTITIONER, add_practitioner},
                 {PER_ADVOCATE, add_advocate}};
    int r = 0;

    for (size_t k = 0; k < ARRAY_COUNT(kinds); k++) {
        for (uint32_t i = 0; i < count_of(f, kinds[k].per) && r == 0; i++) {
            r = kinds[k].add(f, i);
        }
        arena_reset(&f->arena);
    }
    return r;
}

/* ---- messages that wait ---- */

static int queue(struct filling *f, const struct session_row *s, struct message_row *m) {
    m->state = MESSAGE_QUEUED;
    m->wake_at = m->created_at = m->due;
    memcpy(m->session, s->id, sizeof m->session);
    memcpy(m->participant, s->participant, sizeof m->participant);
    const int r = message_insert(f->store, m);

    return r < 0 ? r : 0;
}

/* number counts the messages of this sort: it spreads them over the outage. */
static struct instant in_outage(const struct filling *f, uint32_t number) {
    return (struct instant){f->plan->now.us - 2 * DAY_US + number % 30 * HOUR_US};
}

static int queue_reminder(struct filling *f, const struct session_row *s, uint32_t step,
                          struct instant due, struct instant not_after) {
    struct message_row m = {.kind = KIND_REMINDER,
                            .audience = AUDIENCE_PARTICIPANT,
                            .channel = CHANNEL_SMS,
                            .revision = s->revision,
                            .step = step,
                            .due = due,
                            .not_after = not_after};

    memcpy(m.recipient, s->participant, sizeof m.recipient);
    return queue(f, s, &m);
}

static int queue_expired(struct filling *f, const struct session_row *s) {
    int r = 0;

    for (uint32_t step = 0; step < f->config->reminders.step_count && r == 0; step++) {
        if (f->expired < f->plan->expired) {
            const struct instant due = in_outage(f, f->expired++);
            r = queue_reminder(f, s, step, due, instant_add(due, span_hours(2)));
        }
    }
    return r;
}

static int queue_escalation(struct filling *f, const struct session_row *s, const char *advocate,
                            const char *supervisor) {
    const enum audience audience = *advocate ? AUDIENCE_ADVOCATE : AUDIENCE_SUPERVISOR;
    const struct escalation_policy *policy = config_find_escalation(f->config, ESCALATION_MISSED,
                                                                    audience);
    struct escalation_row chain = {.kind = ESCALATION_MISSED,
                                   .audience = audience,
                                   .state = ESCALATION_WAITING,
                                   .policy = *policy,
                                   .at = {.step = 1},
                                   .generation = 1,
                                   .opened_at = in_outage(f, f->escalations),
                                   .happened_at = s->recorded_at,
                                   .wake_at = instant_add(f->plan->now, span_days(1))};
    struct message_row m = {.kind = *advocate ? KIND_ADVOCATE_NOTICE : KIND_ESCALATION,
                            .audience = audience,
                            .channel = CHANNEL_EMAIL,
                            .due = in_outage(f, f->escalations++),
                            .not_after = INSTANT_NEVER};
    const char *topic = *advocate ? "missed_provisional" : "missed";
    int r = text_copy(chain.advocate, sizeof chain.advocate, advocate);

    r = r < 0 ? r : text_copy(m.recipient, sizeof m.recipient, *advocate ? advocate : supervisor);
    r = r < 0 ? r : text_copy(chain.topic, sizeof chain.topic, topic);
    r = r < 0 ? r : text_copy(m.topic, sizeof m.topic, topic);
    memcpy(chain.told, m.recipient, sizeof chain.told);
    memcpy(chain.participant, s->participant, sizeof chain.participant);
    memcpy(chain.session, s->id, sizeof chain.session);
    r = r < 0 ? r : escalation_insert(f->store, &chain);
    memcpy(m.escalation, chain.id, sizeof m.escalation);
    return r < 0 ? r : queue(f, s, &m);
}

/* ---- participants and their sessions ---- */

static int add_link(struct filling *f, uint32_t i, const char *participant) {
    struct link_row link = {.case_ref = arena_printf(&f->arena, "CASE-%" PRIu32, i)};
    int r = text_copy(link.advocate, sizeof link.advocate, id_of(f, "ADV", i / PER_ADVOCATE));

    r = r < 0 ? r : text_copy(link.participant, sizeof link.participant, participant);
    return r < 0 ? r : link_insert(f->store, &link, f->plan->now);
}

static int add_participant(struct filling *f, uint32_t i) {
    const struct participant_state_row state = {
        .state = PARTICIPANT_ACTIVE,
        .plan_start = date_add_days(f->monday, -100),
        .window_end = date_add_days(f->monday, 100),
        .changed_at = {f->plan->now.us - 100 * DAY_US},
        .started = true,
        .week_told = f->monday,
        .wake_at = {f->plan->now.us + 7 * DAY_US}, /* looked at already */
    };
    struct noun_row row;
    int r = begin_row(f, NOUN_PARTICIPANT, "P", i, &row);

    set(&row, "programme", f->config->programmes[0].id);
    set(&row, "route", "sentence");
    set(&row, "practitioner", id_of(f, "PR", i / PER_PRACTITIONER));
    set(&row, "office", id_of(f, "O", i / PER_OFFICE));
    set(&row, "mobile", arena_printf(&f->arena, "+4474%08" PRIu32, i));
    set(&row, "email", mail_of(f, row.id));
    r = r < 0 ? r : noun_insert(f->store, &row);
    r = r < 0 ? r : participant_state_update(f->store, row.id, &state);
    return r < 0 || i % PER_ADVOCATE != 0 ? r : add_link(f, i, row.id);
}

/* When the session first needs a look: as the engine would arm it. */
static struct instant wake_of(const struct filling *f, const struct session_row *s) {
    const struct remind_place place = {f->zone, NULL};
    const struct remind_session facts = {
        .start = s->start, .start_at = s->start_at, .booked_at = s->revised_at, .traits = ~0u};
    struct instant wake = s->start_at;

    for (uint32_t step = 0; step < f->config->reminders.step_count; step++) {
        const struct remind_decision d = remind_decide(
            &f->config->reminders, &f->config->send_window, &place, &facts, step, f->plan->now);
        if (!(s->steps_done & 1u << step) &&
            (d.verdict == REMIND_WAIT || d.verdict == REMIND_SEND)) {
            wake = instant_min(wake, d.due);
        }
    }
    return wake;
}

static void record(struct session_row *s) {
    s->state = SESSION_RECORDED;
    memcpy(s->outcome, "ATTC", sizeof "ATTC");
    memcpy(s->recorded_by, s->practitioner, sizeof s->recorded_by);
    s->recorded_at = instant_add(session_end(s), span_minutes(10));
    s->flags = SESSION_ASKED | SESSION_MISS_TOLD;
    s->steps_done = ~0u;
    s->wake_at = INSTANT_NEVER;
}

/* Sessions 1 to `past` are behind; one a week, none in the two weeks around now but those that
 * `begun` and `due` ask for. */
static void place(const struct filling *f, uint32_t i, uint32_t past, struct session_row *s) {
    const uint32_t slot = i % PER_PRACTITIONER;
    const int32_t weeks = s->number <= past ? -2 - (int32_t)(past - s->number + 1)
                                            : (int32_t)(s->number - past - 1);
    const struct date day = date_add_days(f->monday, 7 * weeks + (int32_t)(slot % 5));

    s->start = civil_at(day, FIRST_START + (int32_t)(slot / 5 * APART_MINUTES));
    if (i < f->plan->due && s->number == past + 1) {
        const struct date tomorrow = date_add_days(zone_civil(f->zone, f->plan->now).date, 1);
        s->start = civil_at(tomorrow, FIRST_START + 5 * APART_MINUTES + (int32_t)slot);
    }
    if (f->plan->begun && i % f->plan->begun == 0 && s->number == past) {
        const struct instant start = {f->plan->now.us - 47 * HOUR_US + slot * 100 * MINUTE_US};
        s->start = zone_civil(f->zone, start);
        s->start.second = 0;
    }
    (void)zone_resolve(f->zone, s->start, ZONE_FIRST, &s->start_at); /* a gap moves on */
}

static int fill_session(struct filling *f, uint32_t i, uint32_t number, struct session_row *s) {
    const char *participant = id_of(f, "P", i);
    const char *key = arena_printf(&f->arena, "%s/%" PRIu32 "/1", participant, number);

    *s = (struct session_row){.number = number,
                              .of = f->plan->sessions,
                              .attempt = 1,
                              .minutes = SESSION_MINUTES,
                              .revised_at = {f->plan->now.us - 100 * DAY_US},
                              .state = SESSION_PLANNED};
    store_derive_id(f->store, "S", key, 10, s->id);
    store_derive_uuid(f->store, key, s->uid);
    int r = text_copy(s->participant, sizeof s->participant, participant);

    r = r < 0 ? r
              : text_copy(s->practitioner, sizeof s->practitioner,
                          id_of(f, "PR", i / PER_PRACTITIONER));
    r = r < 0 ? r : text_copy(s->office, sizeof s->office, id_of(f, "O", i / PER_OFFICE));
    r = r < 0 ? r : text_copy(s->zone, sizeof s->zone, f->zone->name);
    r = r < 0 ? r : text_copy(s->mode, sizeof s->mode, "in_person");
    return r < 0 ? r : text_copy(s->module, sizeof s->module, "module");
}

static int add_session(struct filling *f, uint32_t i, uint32_t number) {
    const struct scale_plan *plan = f->plan;
    const uint32_t past = i % plan->sessions;
    struct session_row s;
    int r = fill_session(f, i, number, &s);

    place(f, i, past, &s);
    s.steps_done = i < plan->due && number == past + 1 ? 1u : 0; /* only the main reminder is due */
    s.wake_at = wake_of(f, &s);
    const bool waits = number > past && f->reminders < plan->reminders;

    if (waits) {
        s.steps_done = 1u << MAIN_STEP;
    } else if (s.start_at.us < plan->now.us - 3 * DAY_US) {
        record(&s);
    }
    r = r < 0 ? r : session_insert(f->store, &s);
    if (r == 0 && waits) {
        r = queue_reminder(f, &s, MAIN_STEP, in_outage(f, f->reminders++),
                           instant_add(s.start_at, span_hours(-3)));
    }
    if (r < 0 || s.state != SESSION_RECORDED) {
        return r;
    }
    if (number == 1 && f->escalations < plan->escalations) {
        const bool linked = i % PER_ADVOCATE == 0;
        r = queue_escalation(f, &s, linked ? id_of(f, "ADV", i / PER_ADVOCATE) : "",
                             id_of(f, "SUP", i / PER_SUPERVISOR));
    }
    return r < 0 ? r : queue_expired(f, &s);
}

static int add_people(struct filling *f) {
    int r = 0;

    for (uint32_t i = 0; i < f->plan->participants && r == 0; i++) {
        r = add_participant(f, i);
        for (uint32_t number = 1; number <= f->plan->sessions && r == 0; number++) {
            r = add_session(f, i, number);
        }
        arena_reset(&f->arena);
    }
    return r;
}

int scale_fill(struct store *store, const struct config *config, struct zones *zones,
               const struct scale_plan *plan) {
    struct filling f = {.store = store,
                        .config = config,
                        .plan = plan,
                        .zone = zones_find(zones, config->timezone)};
    const struct date ahead = date_add_days(zone_civil(f.zone, plan->now).date, 6);

    f.monday = date_add_days(ahead, (7 - (int32_t)date_weekday(ahead)) % 7);
    int r = store_begin(store);

    if (r < 0) {
        return r;
    }
    r = add_staff(&f);
    r = r < 0 ? r : add_people(&f);
    arena_done(&f.arena);
    if (r < 0) {
        store_rollback(store);
        return r;
    }
    const bool whole = f.expired == plan->expired && f.reminders == plan->reminders &&
                       f.escalations == plan->escalations;

    r = store_commit(store);
    return r < 0 ? r : whole ? 0 : -ERANGE; /* too few sessions for so many messages */
}
