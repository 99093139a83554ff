/* A turn: one now, at most one write transaction, and only after its commit the effects. If the
 * process dies between the two, the rows say `sending` and the next start settles them. Must never
 * let an effect leave before its commit. */
#include "turn.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "hold.h"
#include "outbox.h"

static void point(struct engine *e, const char *name) {
    if (e->ports.point) {
        e->ports.point(e->ports.world, name);
    }
}

int turn_begin(struct engine *e) {
    arena_reset(&e->arena);
    e->keeps_nouns = false;
    e->hours_text = NULL;
    hold_look(e);
    e->hold_before = e->hold;
    e->send_count = 0;
    e->alarm_line_count = 0;
    e->idle = false;
    e->in_flight_before = e->in_flight;
    memcpy(e->lanes_before, e->lanes, sizeof e->lanes_before);
    memcpy(e->alarms_before, e->alarms, sizeof e->alarms_before);
    if (store_fatal(e->store)) {
        e->ports.wake_at(e->ports.world, hold_to_wall(e, e->now)); /* the host ends the process */
        return -EIO;
    }
    return store_begin(e->store);
}

static void uncount(struct engine *e) {
    e->send_count = 0;
    e->in_flight = e->in_flight_before;
    e->hold = e->hold_before;
    memcpy(e->lanes, e->lanes_before, sizeof e->lanes);
    memcpy(e->alarms, e->alarms_before, sizeof e->alarms);
}

void turn_undo(struct engine *e) {
    store_rollback(e->store);
    uncount(e);
}

bool turn_trouble(int error) {
    return error == -EIO || error == -EBUSY || error == -ENOSPC || error == -EROFS;
}

int turn_arm(struct engine *e) {
    struct instant next = INSTANT_NEVER;
    const bool shut = e->idle && e->shut != 0; /* what is due by now waits for its lane */
    const int r = store_next_wake(e->store, shut ? e->now : STORE_ALL_MESSAGES, &next);

    if (r < 0) {
        return r;
    }
    if (shut) {
        next = instant_min(next, e->shut_until);
    }
    next = instant_min(next, hold_next_note(e));
    e->ports.wake_at(e->ports.world, hold_to_wall(e, next));
    return 0;
}

/* An alarm that was not kept is tried again, every second where the disk is full. */
static void say_alarms(struct engine *e) {
    for (uint32_t i = 0; i < e->alarm_line_count && i < ALARM_LINES_MAX; i++) {
        log_error("alarm %s", e->alarm_lines[i]);
    }
    if (e->alarm_line_count > ALARM_LINES_MAX) {
        log_error("%u alarms more", e->alarm_line_count - ALARM_LINES_MAX);
    }
    e->alarm_line_count = 0;
}

static void run_effects(struct engine *e) {
    for (uint32_t i = 0; i < e->send_count; i++) {
        point(e, "before send");
        if (e->ports.send(e->ports.world, &e->sends[i]) < 0) {
            struct unbegun *u = &e->unbegun[e->unbegun_count++];
            memcpy(u->message_id, e->sends[i].message_id, sizeof u->message_id);
            u->attempt = e->sends[i].attempt;
        }
        point(e, "after send");
    }
    e->send_count = 0;
}

int turn_end(struct engine *e, int r) {
    const int kept = r < 0 ? r : hold_keep(e);

    r = kept < 0 ? kept : r;
    if (r < 0) {
        turn_undo(e);
        return r;
    }
    point(e, "before commit");
    const int committed = store_commit(e->store);
    if (committed < 0) {
        uncount(e);
        return committed;
    }
    point(e, "after commit");
    hold_kept(e);
    say_alarms(e);
    assert(e->send_count == 0 || e->unbegun_count == 0); /* a tick settles those before it sends */
    run_effects(e);
    if (turn_arm(e) < 0) {
        /* It was kept, and must not be told as having failed; who looks at once learns why. */
        e->ports.wake_at(e->ports.world, e->now);
    }
    return r;
}

const struct zone *turn_zone(struct engine *e, const char *name) {
    const struct zone *zone = zones_find(e->setup.zones, name);

    if (!zone) {
        log_error("zone %s is not known to this system; using the configured one", name);
        zone = zones_find(e->setup.zones, e->setup.config->timezone);
    }
    assert(zone); /* the configuration's check has loaded it */
    return zone;
}

/* Where nobody's own hours are known: waits count in these. */
static const struct hours office_days = {.count = 5,
                                         .intervals = {{MONDAY, 540, 1020},
                                                       {TUESDAY, 540, 1020},
                                                       {WEDNESDAY, 540, 1020},
                                                       {THURSDAY, 540, 1020},
                                                       {FRIDAY, 540, 1020}}};

struct working_time turn_office_days(struct engine *e, const struct zone *zone) {
    return (struct working_time){&office_days, zone, e->setup.holidays};
}

static bool absent_on(struct engine *e, enum noun noun, const char *id, struct date day) {
    enum { ABSENCES_MAX = 64 };
    struct absence_row rows[ABSENCES_MAX];
    const int count = absence_list(e->store, noun, id, &e->arena, rows, ABSENCES_MAX);

    for (int i = 0; i < count; i++) {
        if (date_cmp(rows[i].from, day) <= 0 && date_cmp(day, rows[i].to) <= 0) {
            return true;
        }
    }
    return false;
}

static enum noun audience_noun(enum audience audience) {
    static const enum noun nouns[AUDIENCE_COUNT] = {
        [AUDIENCE_PARTICIPANT] = NOUN_PARTICIPANT, [AUDIENCE_PRACTITIONER] = NOUN_PRACTITIONER,
        [AUDIENCE_SUPERVISOR] = NOUN_SUPERVISOR,   [AUDIENCE_ADVOCATE] = NOUN_ADVOCATE,
        [AUDIENCE_OFFICER] = NOUN_OFFICER,
    };

    assert(audience != AUDIENCE_OPERATOR);
    return nouns[audience];
}

static const char *value_or_empty(const struct noun_row *row, const char *field) {
    return noun_find_field(row->noun, field) ? noun_value(row, field) : "";
}

void turn_keep_nouns(struct engine *e) {
    for (size_t i = 0; i < NOUNS_KEPT; i++) {
        e->nouns[i].id[0] = '\0';
    }
    e->keeps_nouns = true;
}

static struct noun_row *noun_place(struct engine *e, enum noun noun, const char *id) {
    size_t place = (size_t)noun;

    for (const char *p = id; *p; p++) {
        place = place * 31 + (unsigned char)*p;
    }
    return &e->nouns[place % NOUNS_KEPT];
}

int turn_noun_find(struct engine *e, enum noun noun, const char *id, struct noun_row *ret_row) {
    struct noun_row *kept = noun_place(e, noun, id);

    if (!e->keeps_nouns) {
        return noun_find(e->store, noun, id, &e->arena, ret_row);
    }
    if (kept->noun != noun || strcmp(kept->id, id) != 0) {
        struct noun_row row;
        const int r = noun_find(e->store, noun, id, &e->arena, &row);
        if (r < 0) {
            return r;
        }
        *kept = row;
    }
    *ret_row = *kept;
    return 0;
}

int person_find(struct engine *e, enum audience audience, const char *id,
                struct person *ret_person) {
    const struct config *config = e->setup.config;
    struct person person = {
        .name = "", .email = "", .mobile = "", .zone = turn_zone(e, config->timezone)};
    struct noun_row row;

    if (audience == AUDIENCE_OPERATOR) {
        person.email = config->operator_email;
        static_assert(sizeof "operator" <= sizeof person.id, "the operator's name is an id");
        memcpy(person.id, "operator", sizeof "operator");
        person.hours = office_days;
        *ret_person = person;
        return 0;
    }
    const enum noun noun = audience_noun(audience);
    const int r = turn_noun_find(e, noun, id, &row);

    if (r < 0) {
        return r;
    }
    memcpy(person.id, row.id, sizeof person.id);
    person.name = noun_value(&row, "name");
    person.email = noun_value(&row, "email");
    person.mobile = value_or_empty(&row, "mobile");
    if (hours_parse(value_or_empty(&row, "hours"), &person.hours) < 0) {
        person.hours.count =
            0; /* what is read from disk is input: without hours, waits count by the clock */
    }
    if (noun == NOUN_PARTICIPANT || noun == NOUN_PRACTITIONER) {
        struct noun_row office;
        if (turn_noun_find(e, NOUN_OFFICE, noun_value(&row, "office"), &office) == 0) {
            person.zone = turn_zone(e, noun_value(&office, "timezone"));
        }
    }
    person.absent_today = absent_on(e, noun, id, zone_civil(person.zone, e->now).date);
    *ret_person = person;
    return 0;
}

struct working_time person_working_time(struct engine *e, const struct person *person) {
    return (struct working_time){&person->hours, person->zone, e->setup.holidays};
}

int turn_audit(struct engine *e, const char *action, const char *subject, const char *detail) {
    const struct audit_entry entry = {.at = e->now,
                                      .actor = "cobid",
                                      .as = "",
                                      .action = action,
                                      .subject = subject,
                                      .detail = detail};

    return audit_append(e->store, &entry);
}

uint32_t turn_hour(const struct engine *e) {
    return (uint32_t)(e->now.us / HOUR_US);
}

uint32_t turn_second(const struct engine *e) {
    return (uint32_t)(e->now.us / SECOND_US % UINT32_MAX);
}

/* The count of that topic in this hour; the place of the oldest hour is given away. */
static struct alarm_count *count_alarms(struct engine *e, const char *topic) {
    struct alarm_count *oldest = &e->alarms[0], *found = NULL;

    for (size_t i = 0; i < ALARM_TOPICS_MAX; i++) {
        if (strcmp(e->alarms[i].topic, topic) == 0) {
            found = &e->alarms[i];
        }
        oldest = e->alarms[i].hour < oldest->hour ? &e->alarms[i] : oldest;
    }
    if (!found || found->hour != turn_hour(e)) {
        found = found ? found : oldest;
        *found = (struct alarm_count){.hour = turn_hour(e)};
        const int r = text_copy(found->topic, sizeof found->topic, topic);
        assert(r == 0); /* topics are words of ours */
    }
    return found;
}

static int add_alarm(struct engine *e, const char *topic, const char *source, uint32_t step,
                     const char *text, const char *reason) {
    struct message_row m = outbox_blank(e, KIND_ALARM, AUDIENCE_OPERATOR, "operator");

    m.channel = CHANNEL_EMAIL;
    m.step = step;
    m.note = text;
    int r = text_copy(m.topic, sizeof m.topic, topic);

    r = r < 0 ? r : text_copy(m.task, sizeof m.task, source);
    r = r < 0 ? r : text_copy(m.reason, sizeof m.reason, reason);
    return r < 0 ? r : outbox_add(e, &m);
}

int turn_alarm(struct engine *e, const char *topic, const char *source, uint32_t step,
               const char *text) {
    struct alarm_count *alarms = count_alarms(e, topic);
    const bool many = alarms->count >= ALARMS_AN_HOUR;
    int r = add_alarm(e, topic, source, step, text, many ? "one_of_many" : "");

    if (r <= 0) {
        return r;
    }
    if (e->alarm_line_count++ < ALARM_LINES_MAX) {
        e->alarm_lines[e->alarm_line_count - 1] = arena_printf(&e->arena, "%s %s", topic, source);
    }
    if (alarms->count++ == ALARMS_AN_HOUR) {
        r = add_alarm(e, topic, "many", alarms->hour,
                      arena_printf(&e->arena,
                                   "more than %d alarms \"%s\" in one hour: the others are not "
                                   "mailed. `cobictl message list --audience operator` shows them, "
                                   "`cobictl status` and `cobictl escalation list --open` what is "
                                   "still open.",
                                   ALARMS_AN_HOUR, topic),
                      "");
    }
    return r < 0 ? r : 0;
}
