/* Commands on nouns: add, list, show, set, absent; links between advocates and participants.
 *
 * Everything is driven by the noun table. A write that would leave a dead end (a supervisor in a
 * loop, an office that does not exist) is refused with one line. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "alert.h"
#include "call.h"
#include "cobi/rules/disclose.h"
#include "digest.h"
#include "handover.h"
#include "line.h"
#include "misses.h"
#include "outbox.h"
#include "standing.h"
#include "watch.h"

/* What participants may see. */
static const struct seen_field {
    enum noun noun;
    const char *field, *option;
} seen_fields[] = {
    {NOUN_PARTICIPANT, "place_label", "place-label"},
    {NOUN_OFFICE, "name", "name"},
};

/* It holds no word that would name the programme and no link, whoever typed it: at send such a
 * message would not leave. */
static int check_neutral(struct call *c, const struct field *field, const char *value) {
    for (size_t i = 0; i < ARRAY_COUNT(seen_fields); i++) {
        const struct seen_field *seen = &seen_fields[i];
        if (seen->noun == c->noun && strcmp(seen->field, field->name) == 0 &&
            (disclose_find_word(value, NULL) >= 0 || strstr(value, "://") ||
             strcasestr(value, "www."))) {
            return call_refuse(c, 400,
                               "--%s: holds a link, or a word that would name the programme; "
                               "choose a neutral one",
                               seen->option);
        }
    }
    return 200;
}

static int check_greeting(struct call *c, const struct noun_row *row) {
    if (row->noun != NOUN_PARTICIPANT || strcmp(noun_value(row, "greeting"), "first-name") != 0) {
        return 200;
    }
    const char *name = noun_value(row, "name");
    const char *first = arena_copy_bytes(&c->e->arena, name, strcspn(name, " "));

    return disclose_find_word(first, NULL) < 0
               ? 200
               : call_refuse(c, 400,
                             "--greeting first-name: the name reads like a word that would name "
                             "the programme; choose none");
}

static int check_reference(struct call *c, const struct field *field, const char *value) {
    struct engine *e = c->e;

    if (!*value) {
        return 200;
    }
    if (field->type == FIELD_ID && !noun_exists(e->store, field->refers, value)) {
        return call_refuse(c, 404, "--%s %s: there is no %s of that id", field->name, value,
                           noun_tables[field->refers].name);
    }
    if (field->type == FIELD_ID && field->refers == NOUN_PRACTITIONER) {
        return handover_check_taker(c, field->name, value);
    }
    if (field->type == FIELD_PROGRAMME && !config_find_programme(e->setup.config, value)) {
        return call_refuse(c, 404, "--%s %s: no programme of that id in the configuration",
                           field->name, value);
    }
    if (field->type == FIELD_ZONE && !zones_find(e->setup.zones, value)) {
        return call_refuse(c, 404, "--%s %s: no time zone of that name on this system", field->name,
                           value);
    }
    return 200;
}

static int apply_values(struct call *c, struct noun_row *row) {
    const struct noun_table *table = &noun_tables[c->noun];

    for (size_t i = 0; i < table->field_count; i++) {
        const char *value = call_value(c, table->fields[i].name);
        if (value) {
            int status = check_reference(c, &table->fields[i], value);
            status = status == 200 ? check_neutral(c, &table->fields[i], value) : status;
            if (status != 200) {
                return status;
            }
            /* A value taken away gives way to the standard one: empty hours would be no hours. */
            row->values[i] = *value || !table->fields[i].standard ? value
                                                                  : table->fields[i].standard;
        }
    }
    return check_greeting(c, row);
}

static json_t *row_to_json(const struct noun_row *row, bool whole) {
    const struct noun_table *table = &noun_tables[row->noun];
    json_t *o = json_pack("{s:s}", "id", row->id);

    for (size_t i = 0; i < table->field_count; i++) {
        const struct field *field = &table->fields[i];
        if (whole || !(field->flags & FIELD_SEALED) || strcmp(field->name, "name") == 0) {
            json_put_text(o, field->name, row->values[i]);
        }
    }
    return o;
}

static void put_state(struct call *c, json_t *object, const char *id) {
    struct participant_state_row state;

    if (participant_state_find(c->e->store, id, &state) < 0) {
        return;
    }
    json_put_text(object, "state", participant_state_to_text(state.state));
    json_put_date(object, "plan_start", state.plan_start);
    json_put_date(object, "window_end", state.window_end);
    json_put_text(object, "because", state.because);
    json_put_text(object, "waived", state.waived);
    json_put_text(object, "waived_by", state.waived_by);
}

/* A person without any way to be reached is refused at entry only where cobid must reach them;
 * participants may have neither. */
static int answer_row(struct call *c, const struct noun_row *row) {
    c->reply = row_to_json(row, true);
    if (row->noun == NOUN_PARTICIPANT) {
        put_state(c, c->reply, row->id);
    }
    return 200;
}

/* What was written must leave no chain without its people: else the turn is undone. */
static int answer_written(struct call *c, const struct noun_row *row) {
    int status = 200;

    if (row->noun == NOUN_SUPERVISOR && call_given(c, "next")) {
        status = line_check_all(c);
    } else if (row->noun == NOUN_PRACTITIONER && call_given(c, "supervisor")) {
        status = line_check(c, row->id);
    } else if (row->noun == NOUN_PARTICIPANT && call_given(c, "practitioner")) {
        status = line_check(c, noun_value(row, "practitioner"));
    }
    return status == 200 ? answer_row(c, row) : status;
}

int people_add(struct call *c) {
    const struct noun_table *table = &noun_tables[c->noun];
    struct noun_row row = {.noun = c->noun};

    if (!id_valid(c->id)) {
        return call_refuse(c, 400,
                           "%s: must be 1 to 32 letters, digits, dots, hyphens or underscores, "
                           "beginning with a letter or digit",
                           c->command->arguments[0]);
    }
    if (strcmp(c->id, "operator") == 0 || strcmp(c->id, "cobid") == 0) {
        return call_refuse(c, 409, "%s: is reserved; choose another id", c->id);
    }
    memcpy(row.id, c->id, strlen(c->id) + 1);
    for (size_t i = 0; i < table->field_count; i++) {
        row.values[i] = table->fields[i].standard ? table->fields[i].standard : "";
    }
    const int status = apply_values(c, &row);

    if (status != 200) {
        return status;
    }
    int r = noun_insert(c->e->store, &row);

    if (r == 0 && row.noun == NOUN_PRACTITIONER) {
        r = digest_arm(c->e, row.id);
    }
    r = r < 0 ? r : call_audit(c, row.id, "");
    return r < 0 ? call_failed(c, r, row.id) : answer_written(c, &row);
}

int people_list(struct call *c) {
    enum { BATCH = 100 };
    char ids[BATCH][ID_SIZE], after[ID_SIZE] = "";
    int count;

    c->reply = json_array();
    while ((count = noun_list(c->e->store, c->noun, after, ids, BATCH)) > 0) {
        for (int i = 0; i < count; i++) {
            struct noun_row row;
            const int r = noun_find(c->e->store, c->noun, ids[i], &c->e->arena, &row);
            if (r < 0) {
                return call_failed(c, r, ids[i]);
            }
            json_t *o = row_to_json(&row, false);
            if (c->noun == NOUN_PARTICIPANT) {
                put_state(c, o, row.id);
            }
            (void)json_array_append_new(c->reply, o); /* memory only */
        }
        memcpy(after, ids[count - 1], ID_SIZE);
    }
    count = count < 0 ? count : call_audit(c, "", "");
    return count < 0 ? call_failed(c, count, noun_tables[c->noun].plural) : 200;
}

static void put_absences(struct call *c, const struct noun_row *row) {
    enum { ABSENCES_MAX = 200 };
    struct absence_row rows[ABSENCES_MAX];
    const int count = absence_list(c->e->store, row->noun, row->id, &c->e->arena, rows,
                                   ABSENCES_MAX);
    json_t *list = json_array();

    for (int i = 0; i < count; i++) {
        json_t *o = json_object();
        json_put_date(o, "from", rows[i].from);
        json_put_date(o, "to", rows[i].to);
        json_put_text(o, "reason", rows[i].reason);
        (void)json_array_append_new(list, o);
    }
    (void)json_object_set_new(c->reply, "absences", list);
}

static void put_links(struct call *c, const char *advocate) {
    enum { LINKS_MAX = 200 };
    struct link_row *rows = arena_alloc(&c->e->arena, LINKS_MAX, sizeof *rows);
    const int count = link_list(c->e->store, advocate, NULL, &c->e->arena, rows, LINKS_MAX);
    json_t *list = json_array();

    for (int i = 0; i < count; i++) {
        (void)json_array_append_new(
            list, json_pack("{s:s,s:s,s:s}", "participant", rows[i].participant, "case_ref",
                            rows[i].case_ref, "level", rows[i].all ? "all" : "missed"));
    }
    (void)json_object_set_new(c->reply, "links", list);
}

int people_show(struct call *c) {
    struct noun_row row;
    int r = noun_find(c->e->store, c->noun, c->id, &c->e->arena, &row);

    r = r < 0 ? r : call_audit(c, row.id, "");
    if (r < 0) {
        return call_failed(c, r, c->id);
    }
    const int status = answer_row(c, &row);

    if (c->noun == NOUN_PRACTITIONER || c->noun == NOUN_SUPERVISOR || c->noun == NOUN_PARTICIPANT) {
        put_absences(c, &row);
    }
    if (c->noun == NOUN_PARTICIPANT) {
        r = misses_put(c->e, row.id, c->reply);
        if (r < 0) {
            return call_failed(c, r, row.id);
        }
    }
    if (c->noun == NOUN_ADVOCATE) {
        put_links(c, row.id); /* shown from the advocate's side only: no participant's page names an
                                 advocate */
    }
    return status;
}

/* What planned sessions hang on is not changed behind their back. */
/* Is anybody at work on something about the participant? 1, 0, or a negative errno. */
static int has_business(struct call *c) {
    const struct escalation_filter open = {.participant = c->id, .open = true};
    struct task_row *task = arena_alloc(&c->e->arena, 1, sizeof *task);
    struct escalation_row *chain = arena_alloc(&c->e->arena, 1, sizeof *chain);
    const int tasks = task_list_participant(c->e->store, c->id, "", task, 1),
              chains = tasks == 0 ? escalation_list(c->e->store, &open, "", &c->e->arena, chain, 1)
                                  : tasks;

    return chains;
}

static int check_planned(struct call *c) {
    static const char *const fixed[] = {"programme", "office", "mode"};
    struct participant_state_row state;
    const int r = participant_state_find(c->e->store, c->id, &state);

    if (r < 0) {
        return call_failed(c, r, c->id);
    }
    const int business = call_given(c, "practitioner") ? has_business(c) : 0;

    if (business < 0) {
        return call_failed(c, business, c->id);
    }
    if (call_given(c, "practitioner") && (state.state != PARTICIPANT_REFERRED || business)) {
        return call_refuse(c, 409,
                           "--practitioner: %s has sessions or tasks with theirs; `cobictl "
                           "participant reassign %s --to ID`",
                           c->id, c->id);
    }
    for (size_t i = 0; i < ARRAY_COUNT(fixed); i++) {
        if (call_given(c, fixed[i]) && state.state == PARTICIPANT_ACTIVE) {
            return call_refuse(c, 409,
                               "--%s: %s has a plan that hangs on it; pause the participant, "
                               "change it, then resume",
                               fixed[i], c->id);
        }
    }
    return 200;
}

/* Other hours, another office: the mail of the day comes at another time. Who has left has none. */
static int arm_again(struct call *c, const char *practitioner) {
    const int gone = handover_gone(c->e, practitioner);

    return gone != 0 ? (gone < 0 ? gone : 0) : digest_arm(c->e, practitioner);
}

int people_set(struct call *c) {
    struct noun_row row;
    int r = noun_find(c->e->store, c->noun, c->id, &c->e->arena, &row);

    if (r < 0) {
        return call_failed(c, r, c->id);
    }
    if (c->value_count - (call_given(c, "as") ? 1 : 0) == 0) {
        return call_refuse(c, 400, "nothing to change: give at least one option");
    }
    const char *chief = row.noun == NOUN_PRACTITIONER ? noun_value(&row, "supervisor") : "",
               *next = row.noun == NOUN_SUPERVISOR ? noun_value(&row, "next") : "";
    int status = c->noun == NOUN_PARTICIPANT ? check_planned(c) : 200;

    status = status == 200 ? apply_values(c, &row) : status;
    if (status != 200) {
        return status;
    }
    r = noun_update(c->e->store, &row);
    if (r == 0 && row.noun == NOUN_PRACTITIONER) {
        r = arm_again(c, row.id);
    }
    if (r >= 0 && row.noun == NOUN_PRACTITIONER && call_given(c, "supervisor")) {
        r = handover_chief(c, row.id, chief);
    }
    if (r >= 0 && row.noun == NOUN_SUPERVISOR && call_given(c, "next")) {
        r = handover_next(c, row.id, next);
    }
    if (r >= 0 && row.noun == NOUN_PARTICIPANT) {
        r = watch_wake(c->e, row.id); /* what was planned may not fit any more */
    }
    if (r >= 0 && row.noun == NOUN_PARTICIPANT &&
        (call_given(c, "officer") || call_given(c, "route"))) {
        r = course_new_officer(c->e, &row);
    }
    r = r < 0 ? r : call_audit(c, row.id, "");
    return r < 0 ? call_failed(c, r, row.id) : answer_written(c, &row);
}

int people_absent(struct call *c) {
    struct absence_row row = {.reason = call_value(c, "reason")};

    if (!noun_exists(c->e->store, c->noun, c->id)) {
        return call_refuse(c, 404, "%s: there is no %s of that id", c->id,
                           noun_tables[c->noun].name);
    }
    if (date_from_text(call_value(c, "from"), &row.from) < 0 ||
        date_from_text(call_value(c, "to"), &row.to) < 0) {
        return call_refuse(c, 400, "--from, --to: must be dates such as 2027-01-12");
    }
    if (date_cmp(row.from, row.to) > 0) {
        return call_refuse(c, 400, "--to: lies before --from");
    }
    if (date_to_days(row.to) - date_to_days(row.from) > 366) {
        return call_refuse(c, 400, "--to: an absence is at most a year; give it in parts");
    }
    int r = absence_insert(c->e->store, c->noun, c->id, &row);

    if (r == -EEXIST) {
        return call_refuse(c, 409, "%s: this very absence is on record already", c->id);
    }
    r = r < 0 ? r : call_audit(c, c->id, "");
    if (r < 0) {
        return call_failed(c, r, c->id);
    }
    c->reply = json_pack("{s:s}", "id", c->id);
    json_put_date(c->reply, "from", row.from);
    json_put_date(c->reply, "to", row.to);
    return 200;
}

#define UNLINKED "unlinked"

/* What it is called there, or what it hears of, is another: the link stays, and all that is under
 * way to the service. *ret_raised: it hears of more. -EEXIST: nothing is another. */
static int change_link(struct call *c, struct link_row *row, bool *ret_raised) {
    struct link_row now;
    int r = link_find(c->e->store, row->advocate, row->participant, &c->e->arena, &now);

    if (r < 0) {
        return r;
    }
    const bool all = call_value(c, "level") ? row->all : now.all;

    if (strcmp(now.case_ref, row->case_ref) == 0 && now.all == all) {
        return -EEXIST;
    }
    *ret_raised = all && !now.all;
    now.case_ref = row->case_ref;
    now.all = all;
    *row = now;
    return link_change(c->e->store, row);
}

/* Chains of a service that was unlinked lately, and what has become of them. */
static const struct span lately = {7 * DAY_US};

/* The last chain that told this service of that, or NULL. */
static const struct escalation_row *last_chain(const struct escalation_row *rows, int count,
                                               enum escalation_kind kind, const char *session) {
    const struct escalation_row *last = NULL;

    for (int i = 0; i < count; i++) {
        const bool same = rows[i].kind == kind && strcmp(rows[i].session, session) == 0;
        if (same && (!last || instant_cmp(rows[i].opened_at, last->opened_at) > 0)) {
            last = &rows[i];
        }
    }
    return last;
}

/* Was it being told when the service was unlinked, and nobody there knows it? */
static bool was_cut_off(const struct call *c, const struct escalation_row *chain) {
    return chain && chain->state == ESCALATION_RESOLVED && !*chain->acknowledged_by &&
           instant_cmp(chain->opened_at, (struct instant){c->e->now.us - lately.us}) > 0;
}

/* One of its own: an instant after the one that was cut off. */
static struct instant happened_again(const struct escalation_row *chain) {
    return instant_add(chain->happened_at, (struct span){1});
}

/* A miss that stands is told if this outcome was recorded, or first told, while the service was not
 * linked, and again if its chain was cut off. */
static int tell_miss_again(struct call *c, const struct link_row *link, const struct session_row *s,
                           const struct escalation_row *last, struct instant since) {
    const struct outcome_code *code = outcome_find(&c->e->setup.config->outcomes, s->told_outcome);
    struct session_row told = *s;

    if (!(s->flags & SESSION_MISS_TOLD) || !code || !code->miss || !(code->tell & TELL_ADVOCATE)) {
        return 0;
    }
    const bool unheard = last ? instant_cmp(s->recorded_at, last->happened_at) > 0
                              : instant_cmp(instant_max(s->recorded_at, s->told_at), since) >= 0;

    if (!unheard && !was_cut_off(c, last)) {
        return 0;
    }
    if (!unheard) {
        told.recorded_at = happened_again(last);
    }
    return course_tell_advocate(c->e, &told, code, link->advocate);
}

static int tell_misses_again(struct call *c, const struct link_row *link, struct instant since,
                             const struct escalation_row *chains, int chain_count) {
    enum { SESSIONS_MAX = PROGRAMME_SESSIONS_MAX * 4 };
    const struct session_filter filter = {.participant = link->participant, .state = "recorded"};
    struct session_row *rows = arena_alloc(&c->e->arena, SESSIONS_MAX, sizeof *rows);
    const int count = session_list(c->e->store, &filter, rows, SESSIONS_MAX);

    for (int i = 0; i < count; i++) {
        const struct escalation_row *last = last_chain(chains, chain_count, ESCALATION_MISSED,
                                                       rows[i].id);
        const int r = tell_miss_again(c, link, &rows[i], last, since);
        if (r < 0) {
            return r;
        }
    }
    return count < 0 ? count : 0;
}

/* Concerns that were raised meanwhile and that no supervisor has resolved. */
static int tell_concerns_since(struct call *c, const struct link_row *link, struct instant since) {
    enum { CHAINS_MAX = 256 };
    const struct escalation_filter filter = {.participant = link->participant, .open = true};
    struct escalation_row *rows = arena_alloc(&c->e->arena, CHAINS_MAX, sizeof *rows);
    const int count = escalation_list(c->e->store, &filter, "", &c->e->arena, rows, CHAINS_MAX);

    for (int i = 0; i < count; i++) {
        const bool raised = rows[i].kind == ESCALATION_CONCERN &&
                            rows[i].audience == AUDIENCE_SUPERVISOR &&
                            instant_cmp(rows[i].opened_at, since) >= 0;
        const int r = raised ? concern_tell_advocate(c->e, link, rows[i].happened_at) : 0;
        if (r < 0) {
            return r;
        }
    }
    return count < 0 ? count : 0;
}

/* Linked again soon after: what was under way and nobody there had acknowledged is told anew, what
 * has become of it meanwhile too, and what has happened since. */
static int tell_again(struct call *c, const struct link_row *link, struct instant since) {
    enum { CHAINS_MAX = 256 };
    struct engine *e = c->e;
    const struct escalation_filter filter = {.participant = link->participant,
                                             .advocate = link->advocate};
    struct escalation_row *rows = arena_alloc(&e->arena, CHAINS_MAX, sizeof *rows);
    const int count = escalation_list(e->store, &filter, "", &e->arena, rows, CHAINS_MAX);
    const struct escalation_row *concern = last_chain(rows, count, ESCALATION_CONCERN, "");
    int r = count < 0 ? count : tell_misses_again(c, link, since, rows, count);

    if (r == 0 && was_cut_off(c, concern)) {
        r = concern_tell_advocate(e, link, happened_again(concern));
    }
    r = r < 0 ? r : tell_concerns_since(c, link, since);
    return r < 0 ? r : standing_tell_again(e, link);
}

/* Where they stand, for a service that has just been linked; NULL: they have not begun. */
static const char *status_topic(enum participant_state state) {
    switch (state) {
    case PARTICIPANT_ACTIVE:
        return "enrolled";
    case PARTICIPANT_PAUSED:
        return "paused";
    case PARTICIPANT_COMPLETED:
        return "completed";
    case PARTICIPANT_WITHDRAWN:
    case PARTICIPANT_ENDED:
        return "ended";
    case PARTICIPANT_REFERRED:
        break;
    }
    return NULL;
}

/* What a service hears when it is linked; the others learn of nothing. A new link has its own
 * "enrolled", however many there were before. */
static int greet(struct call *c, const struct link_row *link, bool is_new) {
    struct participant_state_row state;
    struct instant last = {0};
    const int past = link_past(c->e->store, link->advocate, link->participant, &last);
    const bool again = is_new && past > 0 && c->e->now.us - last.us < lately.us;
    int r = past < 0 ? past : participant_state_find(c->e->store, link->participant, &state);
    const char *topic = r < 0 ? NULL : status_topic(state.state);

    /* One that was raised may have been kept back when the level was lowered. */
    const uint32_t ordinal = is_new ? (uint32_t)past : turn_second(c->e);

    if (topic) {
        r = notice_advocate(c->e, link, topic, ordinal);
    }
    return r < 0 || !again ? r : tell_again(c, link, last);
}

int people_link(struct call *c) {
    struct link_row row = {.case_ref = call_value(c, "case_ref")};
    const char *participant = call_value(c, "participant"), *level = call_value(c, "level");

    if (!noun_exists(c->e->store, NOUN_ADVOCATE, c->id)) {
        return call_refuse(c, 404, "%s: there is no advocate of that id", c->id);
    }
    if (!noun_exists(c->e->store, NOUN_PARTICIPANT, participant)) {
        return call_failed(c, -ENOENT, participant);
    }
    memcpy(row.advocate, c->id, strlen(c->id) + 1);
    memcpy(row.participant, participant, strlen(participant) + 1);
    row.all = !level || strcmp(level, "all") == 0;
    struct link_row links[DUTY_LINKS_MAX];
    const int linked = link_list(c->e->store, NULL, participant, &c->e->arena, links,
                                 DUTY_LINKS_MAX);

    if (linked == DUTY_LINKS_MAX) {
        return call_refuse(c, 409, "%s: has %d links already, which is the most there may be",
                           participant, DUTY_LINKS_MAX);
    }
    const int sound = line_check_participant(c, participant);

    if (sound != 200) {
        return sound;
    }
    int r = linked < 0 ? linked : link_insert(c->e->store, &row, c->e->now);
    const bool is_new = r == 0;
    bool tells = is_new;
    if (r == -EEXIST) {
        r = change_link(c, &row, &tells);
        if (r == -EEXIST) {
            return call_refuse(c, 409, "%s is linked to %s already, and just so", c->id,
                               participant);
        }
    }
    r = r < 0 ? r : call_audit(c, c->id, participant);
    r = r < 0 || !tells ? r : greet(c, &row, is_new);
    r = r < 0 ? r : watch_wake(c->e, participant);
    if (r < 0) {
        return call_failed(c, r, c->id);
    }
    c->reply = json_pack("{s:s,s:s,s:s}", "id", c->id, "participant", participant, "level",
                         row.all ? "all" : "missed");
    return 200;
}

/* All that was under way to this service about the participant stops. */
static int stop_link(struct call *c, const char *participant) {
    enum { CHAINS_MAX = 64 };
    struct engine *e = c->e;
    const struct escalation_filter chains = {
        .participant = participant, .advocate = c->id, .open = true};
    const struct message_filter messages = {
        .participant = participant, .recipient = c->id, .audience = "advocate"};
    struct escalation_row *rows = arena_alloc(&e->arena, CHAINS_MAX, sizeof *rows);
    char after[ID_SIZE] = "";
    int count, r = 0;

    while ((count = escalation_list(e->store, &chains, after, &e->arena, rows, CHAINS_MAX)) > 0) {
        memcpy(after, rows[count - 1].id, sizeof after);
        for (int i = 0; i < count; i++) {
            r = chain_resolve(e, &rows[i], call_actor(c), UNLINKED);
            if (r < 0) {
                return r;
            }
        }
    }
    r = count < 0 ? count : message_cancel_matching(e->store, &messages, UNLINKED, e->now);
    return r < 0 ? r : alert_drop_calls(e, c->id, participant);
}

int people_unlink(struct call *c) {
    const char *participant = call_value(c, "participant");
    int r = link_remove(c->e->store, c->id, participant, c->e->now);

    if (r == -ENOENT) {
        return call_refuse(c, 404, "%s is not linked to %s", c->id, participant);
    }
    r = r < 0 ? r : stop_link(c, participant);
    r = r < 0 ? r : call_audit(c, c->id, participant);
    if (r < 0) {
        return call_failed(c, r, c->id);
    }
    c->reply = json_pack("{s:s,s:s}", "id", c->id, "participant", participant);
    return 200;
}
