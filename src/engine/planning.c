/* From the store's facts to the planner's request, and from its answer to rows. The planner itself
 * is pure: rules/plan.h. */
#include "planning.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "duty.h"
#include "outbox.h"

static bool listed(const char *const *ids, const char *id) {
    for (size_t i = 0; ids && ids[i]; i++) {
        if (strcmp(ids[i], id) == 0) {
            return true;
        }
    }
    return false;
}

static int gather_rows(struct call *c, const char *id, struct planning *p) {
    struct store *store = c->e->store;
    struct arena *arena = &c->e->arena;
    int r = noun_find(store, NOUN_PARTICIPANT, id, arena, &p->participant);

    r = r < 0 ? r : participant_state_find(store, id, &p->state);
    if (r < 0) {
        return call_failed(c, r, id);
    }
    r = noun_find(store, NOUN_PRACTITIONER, noun_value(&p->participant, "practitioner"), arena,
                  &p->practitioner);
    r = r < 0 ? r
              : noun_find(store, NOUN_OFFICE, noun_value(&p->participant, "office"), arena,
                          &p->office);
    if (r < 0) {
        return call_failed(c, r, "the participant's practitioner or office");
    }
    p->programme = config_find_programme(c->e->setup.config,
                                         noun_value(&p->participant, "programme"));
    if (!p->programme) {
        return call_refuse(c, 409, "programme %s is not in the configuration any more",
                           noun_value(&p->participant, "programme"));
    }
    p->zone = turn_zone(c->e, noun_value(&p->office, "timezone"));
    return 200;
}

static int gather_hours(struct call *c, struct planning *p) {
    const char *prefer = noun_value(&p->participant, "prefer");
    const bool good = hours_parse(noun_value(&p->practitioner, "hours"), &p->practitioner_hours) ==
                          0 &&
                      hours_parse(noun_value(&p->office, "hours"), &p->office_hours) == 0 &&
                      hours_parse(noun_value(&p->participant, "unavailable"), &p->unavailable) ==
                          0 &&
                      (!*prefer || slot_parse(prefer, &p->prefer) == 0);

    return good ? 200
                : call_failed(c, -EUCLEAN, "the hours of practitioner, office or participant");
}

static int gather_absences(struct call *c, struct planning *p) {
    const struct {
        enum noun noun;
        const char *id;
    } who[] = {{NOUN_PRACTITIONER, p->practitioner.id}, {NOUN_PARTICIPANT, p->participant.id}};
    const size_t half = PLANNING_ABSENCES_MAX / 2;
    struct absence_row *rows = arena_alloc(&c->e->arena, half, sizeof *rows);

    for (size_t w = 0; w < ARRAY_COUNT(who); w++) {
        const int count = absence_list(c->e->store, who[w].noun, who[w].id, &c->e->arena, rows,
                                       half);
        if (count < 0) {
            return call_failed(c, count, who[w].id);
        }
        for (int i = 0; i < count; i++) {
            p->absences[p->absence_count++] = (struct date_range){rows[i].from, rows[i].to};
        }
        if (w == 0) {
            p->practitioner_absence_count = p->absence_count;
        }
    }
    return 200;
}

/* Times taken, as the wall clock of the plan's office shows them: the practitioner's, or (NULL) the
 * rooms of the office. */
static int gather_busy(struct call *c, struct planning *p, const char *practitioner,
                       const char *const *without, struct busy *ret_busy) {
    const struct instant from = {c->e->now.us - 2 * DAY_US};
    struct session_taken *rows = arena_alloc(&c->e->arena, PLANNING_BUSY_MAX, sizeof *rows);
    const int count = session_list_taken(c->e->store, practitioner, p->office.id, from, rows,
                                         PLANNING_BUSY_MAX);
    int used = 0;

    if (count == PLANNING_BUSY_MAX) {
        return -E2BIG;
    }
    for (int i = 0; i < count; i++) {
        if (!listed(without, rows[i].id) && (practitioner || rows[i].in_person)) {
            ret_busy[used++] = (struct busy){zone_civil(p->zone, rows[i].start_at),
                                             rows[i].minutes};
        }
    }
    return count < 0 ? count : used;
}

static int gather_sessions(struct call *c, struct planning *p, const char *const *without) {
    const struct session_filter own = {.participant = p->participant.id, .live = true};
    const size_t own_max = (size_t)PROGRAMME_SESSIONS_MAX * 4;
    int count = gather_busy(c, p, p->practitioner.id, without, p->practitioner_busy);

    if (count < 0) {
        return call_failed(c, count, "the practitioner's sessions");
    }
    p->request.practitioner_busy_count = (size_t)count;
    count = gather_busy(c, p, NULL, without, p->room_busy);
    if (count < 0) {
        return call_failed(c, count, "the office's sessions");
    }
    p->request.room_busy_count = (size_t)count;
    p->own = arena_alloc(&c->e->arena, own_max, sizeof *p->own);
    count = session_list(c->e->store, &own, p->own, own_max);
    if (count < 0) {
        return call_failed(c, count, "the participant's sessions");
    }
    for (int i = 0; i < count; i++) {
        if (!listed(without, p->own[i].id)) {
            p->own[p->own_count++] = p->own[i];
        }
    }
    return 200;
}

/* The first working day after today, unless a start in the future was given. */
static struct date plan_start(struct planning *p, struct civil now) {
    const struct holidays *holidays = p->e->setup.holidays;
    struct date start = {0}, day = date_add_days(now.date, 1);

    if (*noun_value(&p->participant, "start") &&
        date_from_text(noun_value(&p->participant, "start"), &start) == 0) {
        return date_cmp(start, now.date) >= 0 ? start : now.date;
    }
    for (int i = 0; i < 14; i++) {
        if (hours_touch(&p->practitioner_hours, date_weekday(day), 0, 1440) &&
            !(holidays && holidays_find(holidays, day))) {
            return day;
        }
        day = date_add_days(day, 1);
    }
    return date_add_days(now.date, 1);
}

static void fill_request(struct planning *p) {
    const struct civil now = zone_civil(p->zone, p->e->now);
    const char *ends = noun_value(&p->participant, "order_ends");
    struct plan_request *q = &p->request;

    q->programme = p->programme;
    q->zone = p->zone;
    q->holidays = p->e->setup.holidays;
    q->practitioner_hours = &p->practitioner_hours;
    q->office_hours = &p->office_hours;
    q->unavailable = p->unavailable.count ? &p->unavailable : NULL;
    q->prefer = *noun_value(&p->participant, "prefer") ? &p->prefer : NULL;
    q->absences = p->absences;
    q->absence_count = p->absence_count;
    q->practitioner_busy = p->practitioner_busy;
    q->room_busy = p->room_busy;
    q->rooms = (uint32_t)strtoul(noun_value(&p->office, "rooms"), NULL, 10);
    q->mode = strcmp(noun_value(&p->participant, "mode"), "in_person") == 0 ? PLAN_IN_PERSON
                                                                            : PLAN_REMOTE;
    q->start = plan_start(p, now);
    if (*ends && date_from_text(ends, &q->order_ends) < 0) {
        q->order_ends = (struct date){0};
    }
    q->today = now.date;
    q->now = now;
    q->first_number = 1;
    q->window_end = p->state.window_end;
}

int planning_gather(struct call *c, const char *participant, const char *const *without,
                    struct planning **ret_planning) {
    struct planning *p = arena_alloc(&c->e->arena, 1, sizeof *p);
    int status;

    p->e = c->e;
    status = gather_rows(c, participant, p);
    status = status == 200 ? gather_hours(c, p) : status;
    status = status == 200 ? gather_absences(c, p) : status;
    status = status == 200 ? gather_sessions(c, p, without) : status;
    if (status != 200) {
        return status;
    }
    fill_request(p);
    *ret_planning = p;
    return 200;
}

void planning_block_own(struct planning *p) {
    for (size_t i = 0; i < p->own_count && p->absence_count < PLANNING_ABSENCES_MAX; i++) {
        const struct date day = p->own[i].start.date;
        p->absences[p->absence_count++] = (struct date_range){day, day};
    }
    p->request.absence_count = p->absence_count;
}

void planning_keep_time(struct planning *p, struct civil start) {
    if (!p->request.prefer) {
        p->prefer = (struct slot){date_weekday(start.date), (uint16_t)civil_minute_of_day(start)};
        p->request.prefer = &p->prefer;
    }
}

int planning_refuse(struct call *c, const struct plan_result *result, uint32_t number) {
    char from[DATE_TEXT_SIZE], to[DATE_TEXT_SIZE];

    date_to_text(result->from, from);
    date_to_text(result->to, to);
    return call_refuse(c, 409,
                       "no plan: session %u has no place from %s to %s: %s; nothing was written",
                       number, from, to, plan_rule_to_text(result->rule));
}

json_t *planning_warnings(const struct planning *p, const struct plan_result *result) {
    const bool asked = *noun_value(&p->participant, "prefer");
    json_t *list = json_array();

    for (uint32_t i = 0; i < result->warning_count; i++) {
        const uint32_t number = result->warnings[i].number;
        const char *text = plan_warning_to_text(result->warnings[i].warning);
        if (result->warnings[i].warning != PLAN_WARN_NOT_PREFERRED || asked) {
            (void)json_array_append_new(list, number ? json_sprintf("session %u: %s", number, text)
                                                     : json_string(text)); /* memory only */
        }
    }
    return list;
}

static int insert_one(struct call *c, struct planning *p, uint32_t number, struct civil start) {
    struct engine *e = c->e;
    struct session_row s = {.number = number,
                            .of = p->programme->session_count,
                            .start = start,
                            .minutes = p->programme->minutes,
                            .revised_at = e->now,
                            .state = SESSION_PLANNED,
                            .wake_at = e->now};
    int r = session_last_attempt(e->store, p->participant.id, number, &s.attempt);

    if (r < 0) {
        return r;
    }
    s.attempt++;
    const char *key = arena_printf(&e->arena, "%s/%u/%u", p->participant.id, number, s.attempt);
    const struct session_history_row history = {.at = e->now,
                                                .what = "planned",
                                                .start = start,
                                                .zone = p->zone->name,
                                                .actor = call_actor(c),
                                                .notice_minutes = -1};

    (void)zone_resolve(p->zone, start, ZONE_FIRST,
                       &s.start_at); /* the planner has refused gaps and overlaps */
    store_derive_id(e->store, "S", key, 10, s.id);
    store_derive_uuid(e->store, key, s.uid);
    memcpy(s.participant, p->participant.id, sizeof s.participant);
    memcpy(s.practitioner, p->practitioner.id, sizeof s.practitioner);
    memcpy(s.office, p->office.id, sizeof s.office);
    memcpy(s.zone, p->zone->name, sizeof s.zone);
    memcpy(s.module, p->programme->modules[number - 1], sizeof s.module);
    r = text_copy(s.mode, sizeof s.mode, noun_value(&p->participant, "mode"));

    r = r < 0 ? r : session_insert(e->store, &s);
    r = r < 0 ? r : session_history_add(e->store, s.id, &history);
    if (r == 0 && c->reply) {
        (void)json_array_append_new(json_object_get(c->reply, "sessions"), session_to_json(&s));
    }
    return r;
}

int planning_insert(struct call *c, struct planning *p, const uint32_t *numbers,
                    const struct civil *starts, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const int r = insert_one(c, p, numbers[i], starts[i]);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

/* It stands for the reminder of a session that begins before it would end by itself, and has to be
 * there while somebody can still phone. INSTANT_NEVER: none begins so soon. */
static struct instant confirm_by(struct call *c, struct planning *p, const struct civil *starts,
                                 size_t count) {
    const struct engine *e = c->e;
    const struct instant soon = instant_add(e->now, span_minutes(10));
    struct instant first = INSTANT_NEVER, at;

    for (size_t i = 0; i < count; i++) {
        (void)zone_resolve(p->zone, starts[i], ZONE_FIRST, &at); /* refused gaps and overlaps */
        first = instant_min(first, at);
    }
    if (instant_cmp(first, instant_add(e->now, kind_policies[KIND_CONFIRMATION].lifetime)) > 0) {
        return INSTANT_NEVER;
    }
    const struct instant by = {first.us - e->setup.config->reminders.min_lead.us};

    return instant_min(first, instant_max(by, soon));
}

int planning_confirm(struct call *c, struct planning *p, const struct civil *starts, size_t count,
                     uint32_t ordinal) {
    struct message_row m = outbox_blank(c->e, KIND_CONFIRMATION, AUDIENCE_PARTICIPANT,
                                        p->participant.id);
    bool reachable = false;

    const struct remind_place place = {p->zone, c->e->setup.holidays};
    const struct civil none = {0};
    const struct instant by = confirm_by(c, p, starts, count),
                         opens = kind_window_next(KIND_CONFIRMATION,
                                                  &c->e->setup.config->send_window, &place, NULL,
                                                  none, c->e->now);
    const bool in_time = instant_cmp(opens, by) < 0;

    m.step = ordinal;
    m.not_after = in_time ? by : INSTANT_NEVER; /* the other dates are told all the same */
    memcpy(m.participant, p->participant.id, sizeof m.participant);
    for (int channel = 0; channel < CHANNEL_COUNT; channel++) {
        if (outbox_participant_channel(c->e, &p->participant, 1u << channel) != channel) {
            continue;
        }
        struct message_row one = m;
        one.channel = (enum channel)channel;
        const int r = outbox_add(c->e, &one);
        if (r < 0) {
            return r;
        }
        reachable = true;
    }
    m.not_after = by;
    return reachable && in_time ? 0 : duty_phone(c->e, &m);
}
