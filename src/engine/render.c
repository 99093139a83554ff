/* From rows to text: each audience gets a struct that holds only what it may see, then the template
 * is rendered with it.
 *
 * The same code renders what is sent and what `cobictl preview` shows. For a participant no row
 * about an advocate, an escalation or a link is ever read here. How it fails: see outbox.h. */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "alert.h"
#include "calendar.h"
#include "cobi/base/phone.h"
#include "cobi/template/wording.h"
#include "digest.h"
#include "known.h"
#include "misses.h"
#include "outbox.h"
#include "standing.h"

const char *render_deadline(struct engine *e, const struct zone *zone, struct instant t) {
    const struct civil c = zone_civil(zone, t);

    return arena_printf(&e->arena, "%s, %s", wording_long_day(LANGUAGE_EN, c.date, &e->arena),
                        wording_time(LANGUAGE_EN, c, &e->arena));
}

enum { DATE_LINE_SIZE = 64 }; /* longer than every line of ${all_dates} */
struct job {
    struct engine *e;
    struct message_row *m;
    struct disclosure facts;
    struct noun_row participant, office, practitioner;
    struct session_row session;
    bool has_participant, has_session;
    const struct zone *zone; /* of the office, or the configured one */
    char template[48];
    enum language language;
    struct complaint *complaint;
};

static void set(struct job *j, enum fact fact, const char *value) {
    disclosure_set(&j->facts, fact, value);
}

static int load(struct job *j, const struct session_row *session) {
    struct engine *e = j->e;
    int r = 0;

    j->zone = turn_zone(e, e->setup.config->timezone);
    if (*j->m->participant) {
        r = turn_noun_find(e, NOUN_PARTICIPANT, j->m->participant, &j->participant);
        r = r < 0
                ? r
                : turn_noun_find(e, NOUN_OFFICE, noun_value(&j->participant, "office"), &j->office);
        if (r == 0 && j->m->audience != AUDIENCE_PARTICIPANT) {
            r = turn_noun_find(e, NOUN_PRACTITIONER, noun_value(&j->participant, "practitioner"),
                               &j->practitioner);
        }
        j->has_participant = r == 0;
        if (r == 0) {
            j->zone = turn_zone(e, noun_value(&j->office, "timezone"));
        }
    }
    if (r == 0 && *j->m->session) {
        if (session) {
            j->session = *session;
        } else {
            r = session_find(e->store, j->m->session, &j->session);
        }
        j->has_session = r == 0;
    }
    return r;
}

/* ---- what a participant may be told ---- */

static const char *first_word(struct arena *arena, const char *name) {
    return arena_copy_bytes(arena, name, strcspn(name, " "));
}

static void set_schedule(struct job *j, struct civil start) {
    struct arena *arena = &j->e->arena;

    set(j, FACT_weekday, wording_weekday(j->language, start.date));
    set(j, FACT_date, wording_day(j->language, start.date, arena));
    set(j, FACT_time, wording_time(j->language, start, arena));
}

/* Where they go, or that nobody goes anywhere. */
static void set_way(struct job *j, const char *mode) {
    const char *label = noun_value(&j->participant, "place_label");

    set(j, FACT_place, wording_place(j->language, mode, label, &j->e->arena));
    set(j, FACT_journey, wording_journey(j->language, mode));
}

/* The next dates: all of them in a mail, the first in a text. */
static int set_dates(struct job *j) {
    struct engine *e = j->e;
    const struct session_filter filter = {
        .participant = j->participant.id, .state = "planned", .from = e->now};
    struct session_row *rows = arena_alloc(&e->arena, PROGRAMME_SESSIONS_MAX, sizeof *rows);
    const int count = session_list(e->store, &filter, rows, PROGRAMME_SESSIONS_MAX);
    const size_t size = (size_t)PROGRAMME_SESSIONS_MAX * DATE_LINE_SIZE;
    struct text t;

    if (count < 0) {
        return count;
    }
    text_init(&t, arena_alloc(&e->arena, size, 1), size);
    for (int i = 0; i < count; i++) {
        text_addf(&t, "%s%s", i ? "\n" : "",
                  wording_long_time(j->language, rows[i].start, &e->arena));
    }
    if (count > 0 && !j->has_session) {
        set_schedule(j, rows[0].start);
        set_way(j, rows[0].mode);
    }
    set(j, FACT_all_dates, t.data);
    return count > 0 || j->m->kind != KIND_CONFIRMATION ? 0 : -ENODATA;
}

static int fill_participant(struct job *j) {
    struct engine *e = j->e;
    struct arena *arena = &e->arena;
    const bool greet = strcmp(noun_value(&j->participant, "greeting"), "first-name") == 0;
    const bool consequence = strcmp(noun_value(&j->participant, "consequence"), "yes") == 0;
    const char *name = greet ? first_word(arena, noun_value(&j->participant, "name")) : "";
    char phone[24];

    phone_to_display(noun_value(&j->office, "phone"), phone);
    set(j, FACT_office_phone, arena_copy(arena, phone));
    set(j, FACT_sender_name, e->setup.config->sender.name);
    set(j, FACT_first_name, name);
    set(j, FACT_greeting, wording_greeting(j->language, name, arena));
    set_way(j, j->has_session ? j->session.mode : noun_value(&j->participant, "mode"));
    set(j, FACT_consequence, wording_consequence(j->language, consequence));
    if (j->has_session) {
        set_schedule(j, j->session.start);
    }
    struct civil old;
    const int r = known_start(e, j->m, &old);

    if (r < 0) {
        return r;
    }
    if (j->m->kind == KIND_CANCELLATION && old.date.year != 0) {
        set_schedule(j, old); /* the time they know */
    }
    if (old.date.year != 0) {
        set(j, FACT_old_weekday, wording_weekday(j->language, old.date));
        set(j, FACT_old_date, wording_day(j->language, old.date, arena));
        set(j, FACT_old_time, wording_time(j->language, old, arena));
    }
    return j->has_session && !template_uses(e->setup.templates, j->template, j->language,
                                            j->m->channel, j->m->audience, FACT_all_dates)
               ? 0
               : set_dates(j);
}

/* ---- what staff, officers and advocates may be told ---- */

static int set_link(struct job *j) {
    struct engine *e = j->e;
    struct ack_row ack = {.generation = j->m->revision};
    char token[44], code[ACK_CODE_SIZE], hash[STORE_HASH_SIZE];

    ack_secrets(e, j->m->id, token, code);
    store_hash(e->store, "ack", token, hash);
    memcpy(ack.message, j->m->id, sizeof ack.message);
    memcpy(ack.escalation, j->m->escalation, sizeof ack.escalation);
    memcpy(ack.recipient, j->m->recipient, sizeof ack.recipient);
    set(j, FACT_ack_link, arena_printf(&e->arena, "%s/ack/%s", e->setup.config->public_url, token));
    set(j, FACT_ack_code, arena_copy(&e->arena, code));
    const int r = ack_insert(e->store, hash, &ack);

    return r < 0 ? r : 0;
}

#define NO_ATTENDANCE "no appointment was attended"
struct status_text {
    const char *topic, *status, *note;
};
static const struct status_text advocate_status[] = {
    {"enrolled", "enrolled", ""},
    {"started", "started: a first appointment was attended", ""},
    {"not_started", "not started (our earlier notice was a mistake)", ""},
    {"missed_provisional", "missed an appointment (provisional)",
     "It is provisional until it has been decided. You will hear of the decision."},
    {"missed_confirmed", "missed an appointment (confirmed)", ""},
    {"paused", "paused", ""},
    {"restarted", "restarted", ""},
    {"ended", "ended early", ""}, /* the note: by the cause */
    {"completed", "completed", "Completion says nothing about risk."},
    {"no_attendance", NO_ATTENDANCE, ""},
    {"concern", "please call us", ""},
    {"no_change", "no change in the last seven days", ""},
};

/* Why somebody left, as coarsely as an advocate may know it. What is not here is "other". */
static const struct coarse_reason {
    const char *because, *note;
} coarse_reasons[] = {
    {"order_ended", "Reason: the order has ended."},
    {"custody", "Reason: a matter for the authorities."},
    {"remand", "Reason: a matter for the authorities."},
    {"recall", "Reason: a matter for the authorities."},
    {"warrant", "Reason: a matter for the authorities."},
};

static int set_coarse_reason(struct job *j) {
    struct participant_state_row state;
    const int r = participant_state_find(j->e->store, j->m->participant, &state);

    if (r < 0) {
        return r;
    }
    set(j, FACT_status_note, "Reason: other.");
    for (size_t i = 0; i < ARRAY_COUNT(coarse_reasons); i++) {
        if (strcmp(coarse_reasons[i].because, state.because) == 0) {
            set(j, FACT_status_note, coarse_reasons[i].note);
        }
    }
    return 0;
}

static int fill_advocate(struct job *j) {
    struct engine *e = j->e;
    struct link_row link;
    const int r = link_find(e->store, j->m->recipient, j->m->participant, &e->arena, &link);

    if (r < 0) {
        return r; /* unlinked meanwhile: nothing may be told */
    }
    set(j, FACT_case_ref, link.case_ref);
    for (size_t i = 0; i < ARRAY_COUNT(advocate_status); i++) {
        if (strcmp(advocate_status[i].topic, j->m->topic) == 0) {
            set(j, FACT_status, advocate_status[i].status);
            set(j, FACT_status_note, advocate_status[i].note);
        }
    }
    if (strcmp(j->m->topic, "no_attendance") == 0) {
        set(j, FACT_status,
            arena_printf(&e->arena, NO_ATTENDANCE " in the last %" PRIu32 " days",
                         e->setup.config->no_attendance_days));
    }
    return strcmp(j->m->topic, "ended") == 0 ? set_coarse_reason(j) : 0;
}

/* What is recorded now, for those who were told of something else. */
static int fill_outcome(struct job *j) {
    const struct outcome_code *code = j->has_session ? outcome_find(&j->e->setup.config->outcomes,
                                                                    j->session.outcome)
                                                     : NULL;

    set(j, FACT_status, code ? code->label : "");
    return code ? 0 : -ENODATA;
}

static int fill_officer(struct job *j) {
    struct engine *e = j->e;
    const struct outcome_code *code = j->has_session ? outcome_find(&e->setup.config->outcomes,
                                                                    j->session.outcome)
                                                     : NULL;
    const struct person officer = {.zone = j->zone};

    if (!code) {
        return -ENODATA;
    }
    if (code->provisional) {
        const struct instant by = chain_decision_due(e, j->session.recorded_at, &officer);
        set(j, FACT_status,
            arena_printf(&e->arena, "did not attend, provisional: to be decided by %s",
                         render_deadline(e, j->zone, by)));
    } else {
        set(j, FACT_status, code->label);
    }
    set(j, FACT_status_note, "");
    set(j, FACT_officer_ref, noun_value(&j->participant, "officer_ref"));
    return 0;
}

struct matter_text {
    const char *topic, *matter, *advice;
};
static const struct matter_text matters[] = {
    {"undeliverable",
     "A message could not be delivered on any channel, and nobody has phoned in time. The person "
     "it was for may not know what it said.",
     "have the person phoned or visited and told of their next appointment, and have their number "
     "and address checked."},
    {"undeliverable_officer", "A notice to the responsible officer could not be delivered.",
     "tell the officer yourself, and have their address checked."},
};

static void set_matter(struct job *j, const char *topic) {
    for (size_t i = 0; i < ARRAY_COUNT(matters); i++) {
        if (strcmp(matters[i].topic, topic) == 0) {
            set(j, FACT_matter, matters[i].matter);
            set(j, FACT_advice, matters[i].advice);
        }
    }
}

/* A miss that is not the first in a row says so. */
static int set_missed(struct job *j) {
    static const char *const words[] = {"", "", "second", "third", "fourth", "fifth"};
    uint32_t count = 0;
    const int r = j->has_session ? misses_in_a_row(j->e, &j->session, &count) : 0;

    set(j, FACT_matter,
        count < 2 ? "A session was missed."
        : count < ARRAY_COUNT(words)
            ? arena_printf(&j->e->arena, "A session was missed, the %s in a row.", words[count])
            : arena_printf(&j->e->arena, "A session was missed, number %" PRIu32 " in a row.",
                           count));
    return r;
}

static int fill_chain(struct job *j) {
    struct engine *e = j->e;
    struct escalation_row chain;
    int r = escalation_find(e->store, j->m->escalation, &e->arena, &chain);

    if (r < 0) {
        return r;
    }
    const struct civil happened = zone_civil(j->zone, chain.happened_at);
    const bool advocate = j->m->audience == AUDIENCE_ADVOCATE;

    /* An advocate never learns a time of day, only the day of what is past. */
    set(j, FACT_happened,
        arena_printf(&e->arena, "It was recorded on %s.",
                     advocate ? wording_long_day(LANGUAGE_EN, happened.date, &e->arena)
                              : wording_long_time(LANGUAGE_EN, happened, &e->arena)));
    if (!advocate) {
        set_matter(j, chain.topic);
        r = chain.kind == ESCALATION_MISSED ? set_missed(j) : 0;
    }
    set(j, FACT_step, arena_printf(&e->arena, "%" PRIu32, j->m->step + 1));
    set(j, FACT_told_before,
        j->m->step == 0 && chain.at.cycle == 0
            ? ""
            : "Those who were told before have not acknowledged.");
    if (r < 0 || j->m->channel != CHANNEL_EMAIL) {
        return r; /* a text has no link */
    }
    return set_link(j);
}

/* A task about nobody in particular: its reference is what it is about, the office is its owner's.
 */
static int fill_task_alone(struct job *j, const char *about) {
    struct engine *e = j->e;
    struct noun_row owner, office;
    char phone[24];
    int r = turn_noun_find(e, NOUN_PRACTITIONER, j->m->recipient, &owner);

    set(j, FACT_reference, arena_copy(&e->arena, about));
    if (r == -ENOENT) {
        set(j, FACT_office_phone, ""); /* a supervisor has none */
        return 0;
    }
    r = r < 0 ? r : turn_noun_find(e, NOUN_OFFICE, noun_value(&owner, "office"), &office);
    if (r < 0) {
        return r;
    }
    phone_to_display(noun_value(&office, "phone"), phone);
    set(j, FACT_office_phone, arena_copy(&e->arena, phone));
    return 0;
}

static int fill_task(struct job *j) {
    struct engine *e = j->e;
    struct task_row task;
    const int r = task_find(e->store, j->m->task, &task);

    if (r < 0) {
        return r;
    }
    set(j, FACT_task,
        task.kind == TASK_CALL_ADVOCATE ? alert_call_text(e, &task) : duty_text(task.kind));
    set(j, FACT_task_id, arena_copy(&e->arena, task.id));
    set(j, FACT_due_by, render_deadline(e, j->zone, task.due));
    return j->has_participant ? 0 : fill_task_alone(j, task.about);
}

static int fill_digest(struct job *j) {
    struct engine *e = j->e;
    struct digest digest;
    const int r = digest_read(e, j->m->recipient, &digest);

    if (r < 0) {
        return r;
    }
    set(j, FACT_digest_today, digest.today);
    set(j, FACT_digest_overdue, digest.overdue);
    set(j, FACT_digest_tasks, digest.tasks);
    return fill_task_alone(j, "");
}

static int fill_staff(struct job *j) {
    struct engine *e = j->e;
    struct arena *arena = &e->arena;
    int r = 0;

    set(j, FACT_sender_name, e->setup.config->sender.name);
    set(j, FACT_repeat_note,
        j->m->repeat ? "This message may be a repeat of one already sent." : "");
    set(j, FACT_alarm, j->m->note ? j->m->note : "");
    if (j->has_participant) {
        char phone[24];
        phone_to_display(noun_value(&j->office, "phone"), phone);
        set(j, FACT_office_phone, arena_copy(arena, phone));
        set(j, FACT_reference, j->participant.id);
        set(j, FACT_practitioner_name, noun_value(&j->practitioner, "name"));
    }
    if (j->has_session) {
        set_schedule(j, j->session.start);
        set(j, FACT_session_number, arena_printf(arena, "%" PRIu32, j->session.number));
        set(j, FACT_session_count, arena_printf(arena, "%" PRIu32, j->session.of));
        set(j, FACT_session_id, j->session.id);
        set(j, FACT_past_date, wording_long_day(LANGUAGE_EN, j->session.start.date, arena));
        set(j, FACT_happened,
            arena_printf(arena, "It was recorded on %s.",
                         wording_long_time(LANGUAGE_EN, zone_civil(j->zone, j->session.recorded_at),
                                           arena)));
        set(j, FACT_due_by,
            render_deadline(
                e, j->zone,
                instant_add(session_end(&j->session), e->setup.config->unrecorded_after)));
    }
    if (*j->m->escalation) {
        r = fill_chain(j);
    }
    if (r == 0 && j->m->kind == KIND_TASK && *j->m->task) {
        r = fill_task(j);
    }
    if (r == 0 && j->m->kind == KIND_DIGEST) {
        r = fill_digest(j);
    }
    if (r == 0 && j->m->audience == AUDIENCE_ADVOCATE) {
        r = fill_advocate(j);
    }
    if (r == 0 && j->m->kind == KIND_STAND_DOWN && j->m->audience == AUDIENCE_SUPERVISOR) {
        r = fill_outcome(j);
    }
    return r == 0 && j->m->audience == AUDIENCE_OFFICER ? fill_officer(j) : r;
}

static int choose_template(struct job *j) {
    const struct message_row *m = j->m;
    struct text t = TEXT_IN(j->template);
    struct escalation_row chain;

    if (m->kind == KIND_ESCALATION && m->channel == CHANNEL_EMAIL) {
        const int r = escalation_find(j->e->store, m->escalation, &j->e->arena, &chain);
        if (r < 0) {
            return r;
        }
        text_addf(&t, "escalation-%s", escalation_kind_to_text(chain.kind));
    } else if (m->kind == KIND_ADVOCATE_NOTICE && *m->escalation) {
        const int r = escalation_find(j->e->store, m->escalation, &j->e->arena, &chain);
        if (r < 0) {
            return r;
        }
        text_addf(&t, "escalation-%s-advocate",
                  chain.kind == ESCALATION_CONCERN ? "concern" : "missed");
    } else if (m->kind == KIND_STAND_DOWN &&
               strcmp(m->topic, standing_to_text(STANDING_STOOD_DOWN)) != 0) {
        text_addf(&t, "stand_down-%s", m->topic);
    } else {
        text_add(&t, message_kind_to_text(m->kind));
    }
    if (m->audience == AUDIENCE_PARTICIPANT) {
        const bool welsh = strcmp(noun_value(&j->participant, "language"), "cy") == 0;
        j->language = template_language(j->e->setup.templates, j->template,
                                        welsh ? LANGUAGE_CY : LANGUAGE_EN, m->channel, m->audience);
    }
    return t.overflow ? -EINVAL : 0;
}

static int set_address(struct job *j) {
    struct person person;

    if (j->m->audience == AUDIENCE_PARTICIPANT && strcmp(j->m->recipient, j->participant.id) == 0) {
        j->m->to = noun_value(&j->participant, j->m->channel == CHANNEL_SMS ? "mobile" : "email");
        return *j->m->to ? 0 : -EDESTADDRREQ;
    }
    const int r = person_find(j->e, j->m->audience, j->m->recipient, &person);

    if (r < 0) {
        return r;
    }
    j->m->to = j->m->channel == CHANNEL_SMS ? person.mobile : person.email;
    return *j->m->to ? 0 : -EDESTADDRREQ;
}

int render_message(struct engine *e, struct message_row *m, const struct session_row *session,
                   struct complaint *complaint) {
    struct job j = {.e = e,
                    .m = m,
                    .facts = {.audience = m->audience, .channel = m->channel},
                    .complaint = complaint};
    struct rendered text;
    int r = load(&j, session);

    r = r < 0 ? r : set_address(&j);
    r = r < 0 ? r : choose_template(&j);
    r = r < 0 ? r : m->audience == AUDIENCE_PARTICIPANT ? fill_participant(&j) : fill_staff(&j);
    r = r < 0 ? r
              : template_render(e->setup.templates, j.template, j.language, &j.facts, &e->arena,
                                &text, complaint);
    if (r < 0) {
        return r;
    }
    m->subject = text.subject;
    m->body = text.body;
    return 0;
}
