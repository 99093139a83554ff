/* The laws of a message on its way: when it is handed over, and when it is in its recipient's
 * hands.
 *
 * They judge by the committed row and by what the world knows: who has which address, which service
 * was given which reference. The rules of the domain are said here once more, differently from the
 * code under test. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cobi/base/gsm.h"
#include "sim.h"

bool never_reads(struct sim *sim, const char *who, const char *audience, const char *text,
                 const char **ret_found) {
    for (size_t i = 0; i < sim->never_count; i++) {
        const struct never *n = &sim->nevers[i];
        if ((strcmp(n->who, who) == 0 || strcmp(n->who, audience) == 0) &&
            strcasestr(text, n->text)) {
            *ret_found = n->text;
            return true;
        }
    }
    return false;
}

static void check_words(struct sim *sim, const struct outgoing *m, const char *recipient) {
    const char *const texts[] = {m->from_name, m->from,    m->reply_to, m->subject,
                                 m->body,      m->mail_id, m->thread_id};
    const char *found = "";

    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        const char *text = texts[i] ? texts[i] : "";
        if (never_reads(sim, recipient, audience_to_text(m->audience), text, &found)) {
            law_broken(sim, "disclosure", "%s (%s) would read \"%s\" in a %s", recipient,
                       audience_to_text(m->audience), found, message_kind_to_text(m->kind));
        }
        if (m->audience == AUDIENCE_PARTICIPANT && disclose_find_word(text, NULL) >= 0) {
            law_broken(sim, "words", "%s would read a word of the list in a %s", recipient,
                       message_kind_to_text(m->kind));
        }
    }
    if (m->audience == AUDIENCE_PARTICIPANT &&
        (strstr(m->body, "://") || m->thread_id || strcasestr(m->body, "session"))) {
        law_broken(sim, "words",
                   "%s would get a link, the thread of a chain, or a session's number", recipient);
    }
}

static void check_address(struct sim *sim, const struct outgoing *m, const char *recipient) {
    const char *known = m->audience == AUDIENCE_OPERATOR ? sim->kit->config->operator_email : NULL;

    for (size_t i = 0; i < sim->address_count && !known; i++) {
        if (strcmp(sim->addresses[i].id, recipient) == 0) {
            known = m->channel == CHANNEL_SMS ? sim->addresses[i].mobile : sim->addresses[i].email;
        }
    }
    if (!known || strcmp(known, m->to) != 0) {
        law_broken(sim, "address", "a %s for %s goes to an address that is not theirs",
                   message_kind_to_text(m->kind), recipient);
    }
}

struct about { /* the committed row and what it is about */
    char state[20], recipient[ID_SIZE], person_state[20], zone[48], hours[200], session[20],
        start[20], outcome[12], participant[ID_SIZE], chain_state[20], old_start[20], sms[8],
        order_ends[12];
    int64_t attempts, open_attempts, not_after, revision, session_revision, start_us, due_us,
        created_us, booked_us;
};

static void column(sqlite3_stmt *row, int index, char *buffer, size_t capacity) {
    const unsigned char *text = sqlite3_column_text(row, index);

    (void)snprintf(buffer, capacity, "%s", text ? (const char *)text : "");
}

static bool read_about(struct sim *sim, const struct outgoing *m, struct about *a) {
    sqlite3_stmt *row = witness_ask(
        sim,
        "SELECT "
        "m.state,m.recipient,ps.state,o.timezone,o.hours,s.state,s.start_local,s.outcome,m.attempt_"
        "count,"
        "(SELECT count(*) FROM attempt a WHERE a.message=m.id AND a.attempt=m.attempt_count AND "
        "a.ended_us=0),"
        "m.not_after_us,m.revision,s.revision,s.start_us,m.participant,e.state,m.old_start,p.sms,"
        "p.order_ends,m.due_us,m.created_us,(SELECT max(h.at_us) FROM session_history h WHERE "
        "h.session=s.id AND h.what IN('planned','moved')) FROM message m LEFT JOIN session s ON "
        "s.id=m.session LEFT JOIN escalation e ON m.escalation<>'' AND e.id=m.escalation"
        " LEFT JOIN participant p ON p.id=m.participant LEFT JOIN office o ON o.id=p.office"
        " LEFT JOIN participant_state ps ON ps.id=m.participant WHERE m.id=?");
    (void)sqlite3_bind_text(row, 1, m->message_id, -1, SQLITE_TRANSIENT); /* memory only */
    const bool found = sqlite3_step(row) == SQLITE_ROW;

    if (found) {
        column(row, 0, a->state, sizeof a->state);
        column(row, 1, a->recipient, sizeof a->recipient);
        column(row, 2, a->person_state, sizeof a->person_state);
        column(row, 3, a->zone, sizeof a->zone);
        column(row, 4, a->hours, sizeof a->hours);
        column(row, 5, a->session, sizeof a->session);
        column(row, 6, a->start, sizeof a->start);
        column(row, 7, a->outcome, sizeof a->outcome);
        a->attempts = sqlite3_column_int64(row, 8);
        a->open_attempts = sqlite3_column_int64(row, 9);
        a->not_after = sqlite3_column_type(row, 10) == SQLITE_NULL ? INT64_MAX
                                                                   : sqlite3_column_int64(row, 10);
        a->revision = sqlite3_column_int64(row, 11);
        a->session_revision = sqlite3_column_int64(row, 12);
        a->start_us = sqlite3_column_int64(row, 13);
        column(row, 14, a->participant, sizeof a->participant);
        column(row, 15, a->chain_state, sizeof a->chain_state);
        column(row, 16, a->old_start, sizeof a->old_start);
        column(row, 17, a->sms, sizeof a->sms);
        column(row, 18, a->order_ends, sizeof a->order_ends);
        a->due_us = sqlite3_column_int64(row, 19);
        a->created_us = sqlite3_column_int64(row, 20);
        a->booked_us = sqlite3_column_int64(row, 21);
    }
    witness_done(row);
    return found;
}

/* The send window, said once more and differently from the rules: 09:00-20:00, Sundays and bank
 * holidays 10:00-18:00, a change of today's session, or to another day, from 07:00, a word after a
 * miss in office hours. */
static bool window_fits(struct sim *sim, const struct outgoing *m, const struct about *a) {
    const struct zone *zone = zones_find(sim->kit->zones, a->zone);
    const struct civil now = zone_civil(zone ? zone : sim->kit->zone, sim_believed(sim));
    const int minute = now.hour * 60 + now.minute;
    const bool holiday = holidays_find(sim->kit->holidays, now.date) != NULL;
    const bool quiet = holiday || date_weekday(now.date) == SUNDAY;
    char today[DATE_TEXT_SIZE];
    struct hours office;

    date_to_text(now.date, today);
    if (m->kind == KIND_MISSED_CONTACT) {
        return hours_parse(a->hours, &office) == 0 && !holiday &&
               hours_contain(&office, date_weekday(now.date), (uint32_t)minute,
                             (uint32_t)minute + 1);
    }
    if ((m->kind == KIND_CHANGE || m->kind == KIND_CANCELLATION) &&
        (strncmp(a->start, today, 10) == 0 || strncmp(a->old_start, today, 10) == 0)) {
        return minute >= 7 * 60 && minute < (quiet ? 18 : 20) * 60;
    }
    return quiet ? minute >= 10 * 60 && minute < 18 * 60 : minute >= 9 * 60 && minute < 20 * 60;
}

/* One part of 160 septets; more only where the words need another alphabet. */
static void check_length(struct sim *sim, const struct outgoing *m, const struct about *a) {
    struct gsm_size size;

    if (m->channel != CHANNEL_SMS) {
        return;
    }
    if (gsm_measure(m->body, &size) < 0 || size.parts > (size.charset == GSM_SEVEN_BIT ? 1 : 3)) {
        law_broken(sim, "length", "a %s for %s takes more parts than it may",
                   message_kind_to_text(m->kind), a->recipient);
    }
}

/* A text to staff leaves in their hours, and holds no link. */
static void check_staff_text(struct sim *sim, const struct outgoing *m, const struct about *a) {
    const struct civil now = zone_civil(sim->kit->zone, sim_believed(sim));
    const uint32_t minute = (uint32_t)now.hour * 60 + (uint32_t)now.minute;
    char text[HOURS_TEXT_SIZE] = "";
    struct hours hours;

    if (m->audience != AUDIENCE_SUPERVISOR ||
        !witness_text(sim, "SELECT hours FROM supervisor WHERE id=?1",
                      (const char *const[]){a->recipient, NULL}, text, sizeof text) ||
        hours_parse(text, &hours) < 0 || holidays_find(sim->kit->holidays, now.date) ||
        !hours_contain(&hours, date_weekday(now.date), minute, minute + 1)) {
        law_broken(sim, "window", "a text leaves for %s outside their hours", a->recipient);
    }
    if (strstr(m->body, "://") || m->thread_id == NULL) {
        law_broken(sim, "disclosure", "a text for %s holds a link", a->recipient);
    }
}

static void check_participant(struct sim *sim, const struct outgoing *m, const struct about *a) {
    char local[CIVIL_TEXT_SIZE];

    civil_to_text(zone_civil(sim->kit->zone, sim_believed(sim)), local);
    if (!window_fits(sim, m, a)) {
        law_broken(sim, "window", "a %s leaves at %s (%s), outside the hours for it",
                   message_kind_to_text(m->kind), local, a->zone);
    }
    if (strcmp(a->person_state, "active") != 0) {
        law_broken(sim, "stopped", "a %s leaves for %s, who is %s", message_kind_to_text(m->kind),
                   a->recipient, a->person_state);
    }
    const bool bound = m->kind == KIND_REMINDER || m->kind == KIND_CHANGE;

    if (bound && (strcmp(a->session, "planned") != 0 || a->revision != a->session_revision)) {
        law_broken(sim, "revision",
                   "a %s leaves for revision %lld of a session that is %s, revision %lld",
                   message_kind_to_text(m->kind), (long long)a->revision, a->session,
                   (long long)a->session_revision);
    }
    if (m->kind == KIND_CANCELLATION && strcmp(a->session, "cancelled") != 0) {
        law_broken(sim, "revision", "a cancellation leaves for a session that is %s", a->session);
    }
    if (m->kind == KIND_REMINDER && a->due_us < a->booked_us) {
        law_broken(sim, "booked_late",
                   "a reminder leaves that was due before its session was booked");
    }
    if (m->channel == CHANNEL_SMS && strcmp(a->sms, "yes") != 0) {
        law_broken(sim, "opted_out", "%s wants no texts and gets a %s", a->recipient,
                   message_kind_to_text(m->kind));
    }
    if (*a->order_ends && strncmp(local, a->order_ends, 10) > 0) {
        law_broken(sim, "stopped", "a %s leaves for %s, whose order has ended",
                   message_kind_to_text(m->kind), a->recipient);
    }
    check_length(sim, m, a);
}

/* What a participant would get once and never again, while nobody knows whether the clock is right.
 */
static void check_held(struct sim *sim, const struct outgoing *m, const struct about *a) {
    const bool waits = m->kind == KIND_CONFIRMATION || m->kind == KIND_REMINDER ||
                       m->kind == KIND_MISSED_CONTACT;

    if (sim->doubtful && waits) {
        law_broken(sim, "held", "a %s leaves for %s after the clock has jumped",
                   message_kind_to_text(m->kind), a->recipient);
    }
}

/* Names are for the inside of a mail, and not for every mail. */
static void check_subject(struct sim *sim, const struct outgoing *m, const char *recipient) {
    for (size_t i = 0; i < sim->address_count; i++) {
        const char *name = sim->addresses[i].name, *last = strrchr(name, ' ');
        if (*name && (strcasestr(m->subject, name) || (last && strcasestr(m->subject, last + 1)))) {
            law_broken(sim, "subject", "%s would read the name of %s in a subject", recipient,
                       sim->addresses[i].id);
        }
    }
}

/* As a word of its own, and not in a line with a link. */
static bool names_word(const char *text, const char *word) {
    const size_t length = strlen(word);

    for (const char *found = strstr(text, word); found; found = strstr(found + 1, word)) {
        const bool begins = found == text || !strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrs"
                                                     "tuvwxyz0123456789-_",
                                                     found[-1]);
        const char *line = found;
        while (line > text && line[-1] != '\n') {
            line--;
        }
        const bool ends = found[length] < '0' || found[length] > '9';
        if (begins && ends && !memmem(line, strcspn(line, "\n"), "://", 3)) {
            return true;
        }
    }
    return false;
}

static bool tells_future(struct sim *sim, const struct outgoing *m, const struct about *a) {
    static const char *const months[] = {"January",   "February", "March",    "April",
                                         "May",       "June",     "July",     "August",
                                         "September", "October",  "November", "December"};
    /* Not the day on which it was recorded, by a clock that was wrong then and is put right. */
    sqlite3_stmt *row = witness_ask(
        sim, "SELECT start_local FROM session WHERE participant=?1 AND start_us>?2 AND "
             "state='planned' AND date(start_us/1000000,'unixepoch') IS NOT (SELECT "
             "date(s.recorded_us/1000000,'unixepoch') FROM message q JOIN session s ON "
             "s.id=q.session WHERE q.id=?3)");
    bool found = false;

    (void)sqlite3_bind_text(row, 1, a->participant, -1, SQLITE_TRANSIENT); /* memory only */
    /* What lies ahead by the clock that the daemon goes by: a step while it was down is no jump. */
    (void)sqlite3_bind_int64(row, 2, instant_max(sim->clock, sim_believed(sim)).us + DAY_US);
    (void)sqlite3_bind_text(row, 3, m->mail_id, -1, SQLITE_STATIC);
    while (!found && sqlite3_step(row) == SQLITE_ROW) {
        struct civil start;
        char text[40];
        if (civil_from_text((const char *)sqlite3_column_text(row, 0), &start) == 0) {
            (void)snprintf(text, sizeof text, "%d %s %d", start.date.day,
                           months[start.date.month - 1], start.date.year);
            found = names_word(m->body, text);
        }
    }
    witness_done(row);
    return found;
}

/* A service reads its own reference, never ours, and nothing of what is to come. */
static void check_advocate(struct sim *sim, const struct outgoing *m, const struct about *a) {
    const char *known = NULL;

    for (size_t i = 0; i < sim->case_count; i++) {
        const struct case_ref *c = &sim->cases[i];
        if (strcmp(c->advocate, a->recipient) == 0 && strcmp(c->participant, a->participant) == 0) {
            known = c->text;
        }
    }
    if (!known || !strstr(m->body, known) || names_word(m->body, a->participant) ||
        tells_future(sim, m, a)) {
        law_broken(sim, "advocate_text",
                   "%s would not read their own reference, or read ours, or a date to come",
                   a->recipient);
    }
}

/* When news is of no use any more, besides what the row says. A clock that went back has drawn in
 * when a row was made, and not when it ends. */
static bool useless(const struct sim *sim, const struct outgoing *m, const struct about *a,
                    struct instant now, struct civil local) {
    const int64_t made_us = a->created_us + sim->went_back.us;
    struct civil old;

    switch (m->kind) {
    case KIND_REMINDER: /* the last three hours */
        return now.us >= a->start_us - 3 * HOUR_US;
    case KIND_CHANGE: /* the earlier of the old and the new start */
        return now.us >= a->start_us ||
               (civil_from_text(a->old_start, &old) == 0 && civil_cmp(local, old) >= 0);
    case KIND_MISSED_CONTACT:
        return now.us >= made_us + DAY_US;
    case KIND_CONFIRMATION:
    case KIND_OUTCOME_REQUEST:
        return now.us >= made_us + 3 * DAY_US;
    case KIND_CANCELLATION:
    case KIND_TASK:
    case KIND_DIGEST:
    case KIND_ESCALATION:
    case KIND_ADVOCATE_NOTICE:
    case KIND_OFFICER_NOTICE:
    case KIND_STAND_DOWN:
    case KIND_SIGN_IN:
    case KIND_ALARM:
        return false;
    }
    return false;
}

/* No faster than the gateway is said to take them; where two of the daemon's spans of counting meet
 * it may be twice as many. */
static void check_pace(struct sim *sim, const struct outgoing *m) {
    const struct gateway *g = config_find_gateway(sim->kit->config, m->gateway);
    struct pace *pace = &sim->paces[m->channel][m->audience];
    const size_t most = g ? (size_t)g->rate_count * 2 : 0;

    if (most == 0 || most > PACE_MAX) {
        return;
    }
    const struct instant before = pace->at[(pace->next + PACE_MAX - most) % PACE_MAX];

    pace->at[pace->next] = sim->clock;
    pace->next = (pace->next + 1) % PACE_MAX;
    if (before.us != 0 && sim->clock.us - before.us < g->rate_per.us) {
        law_broken(sim, "pace", "more than %u messages leave by %s in its time for them",
                   g->rate_count, g->name);
    }
}

/* What is urgent leaves first. */
static int rank(enum message_kind kind) {
    switch (kind) {
    case KIND_ESCALATION:
    case KIND_OFFICER_NOTICE:
    case KIND_ADVOCATE_NOTICE:
    case KIND_STAND_DOWN:
    case KIND_ALARM:
    case KIND_TASK:
        return 1;
    case KIND_CHANGE:
    case KIND_CANCELLATION:
    case KIND_SIGN_IN:
        return 2;
    case KIND_REMINDER:
    case KIND_MISSED_CONTACT:
        return 3;
    case KIND_CONFIRMATION:
    case KIND_DIGEST:
    case KIND_OUTCOME_REQUEST:
        return 4;
    }
    return 0;
}

void laws_handed(struct sim *sim, const struct outgoing *m) {
    const struct instant now = sim_believed(sim);
    struct about a = {0};

    if (!read_about(sim, m, &a) || strcmp(a.state, "sending") != 0 || a.attempts != m->attempt ||
        a.open_attempts != 1) {
        law_broken(sim, "intent",
                   "%s is handed over, but the database says %s, attempt %lld, %lld attempt rows",
                   m->message_id, a.state, (long long)a.attempts, (long long)a.open_attempts);
    }
    if (useless(sim, m, &a, now, zone_civil(sim->kit->zone, now)) || now.us >= a.not_after ||
        m->not_after.us != a.not_after) {
        law_broken(sim, "not_after", "%s, a %s, is handed over when it is of no use any more",
                   m->message_id, message_kind_to_text(m->kind));
    }
    int *last = &sim->ranks[m->channel][m->audience];

    if (rank(m->kind) < *last) {
        law_broken(sim, "priority", "a %s leaves after what is less urgent",
                   message_kind_to_text(m->kind));
    }
    *last = rank(m->kind);
    if (strcmp(a.chain_state, "acknowledged") == 0 || strcmp(a.chain_state, "resolved") == 0) {
        law_broken(sim, "silenced", "a %s leaves for a chain that is %s",
                   message_kind_to_text(m->kind), a.chain_state);
    }
    check_subject(sim, m, a.recipient);
    if (m->audience == AUDIENCE_ADVOCATE) {
        check_advocate(sim, m, &a);
    }
    check_pace(sim, m);
    check_held(sim, m, &a);
    check_words(sim, m, a.recipient);
    check_address(sim, m, a.recipient);
    if (m->audience == AUDIENCE_PARTICIPANT) {
        check_participant(sim, m, &a);
    } else if (m->channel == CHANNEL_SMS) {
        check_staff_text(sim, m, &a);
    }
}

/* ---- in the recipient's hands ---- */

/* Staff's tasks and alarms may come twice as they are; what tells of a miss must say that it may be
 * a repeat. */
static bool marked(enum message_kind kind) {
    return kind == KIND_ESCALATION || kind == KIND_OFFICER_NOTICE || kind == KIND_ADVOCATE_NOTICE ||
           kind == KIND_STAND_DOWN;
}

/* Whatever is retried, repeated or begun anew: nobody is buried in one piece of news. */
static void check_storm(struct sim *sim, const struct parcel *p) {
    enum { ALIKE_A_DAY_MAX = 12 };
    int alike = 0;

    for (size_t i = sim->parcel_count; i > 0 && sim->parcels[i - 1].at.us > sim->clock.us - DAY_US;
         i--) {
        const struct parcel *before = &sim->parcels[i - 1];
        alike += before->kind == p->kind && *p->escalation &&
                 strcmp(before->escalation, p->escalation) == 0 &&
                 strcmp(before->recipient, p->recipient) == 0;
    }
    if (alike > ALIKE_A_DAY_MAX) {
        law_broken(sim, "storm", "%s has been told of one thing %d times in a day", p->recipient,
                   alike);
    }
}

void laws_accepted(struct sim *sim, const struct parcel *p) {
    check_storm(sim, p);
    for (uint32_t i = p->next; i != 0;
         i = sim->parcels[i - 1].next) { /* of its list: see world.c */
        const struct parcel *before = &sim->parcels[i - 1];
        const bool same = strcmp(before->message_id, p->message_id) == 0;
        /* The same fact under another key is a duplicate too; what was sent again by hand counts
         * from ordinal 100. */
        const bool alike = p->kind == KIND_REMINDER && before->kind == KIND_REMINDER &&
                           strcmp(before->session, p->session) == 0 &&
                           before->revision == p->revision && before->step == p->step &&
                           before->channel == p->channel && p->ordinal < 100;
        if ((same && !kind_policies[p->kind].may_repeat) || alike) {
            law_broken(sim, "once", "%s has the same %s twice (%s, then %s)", p->recipient,
                       message_kind_to_text(p->kind), before->message_id, p->message_id);
        }
        if (same && marked(p->kind) && !strstr(p->body, "may be a repeat")) {
            law_broken(sim, "once", "%s has a %s twice and the second does not say so",
                       p->recipient, message_kind_to_text(p->kind));
        }
    }
}
