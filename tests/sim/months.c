/* What happens in three months of thirty people: days that begin, appointments that are kept or
 * missed, staff who record late, correct themselves, leave, and gateways that are dead for days.
 *
 * A day is a handful of hours; at each of them people do what they would do then, and now and then
 * one of the actions of short histories. As there, what may be refused is TRY, and everything
 * random is in the lines. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "history.h"

enum {
    PEOPLE = 30,
    PEOPLE_FIRST = 18, /* the others come within the first weeks */
    PRACTITIONERS_FIRST = 6,
    PRACTITIONERS_MAX = 14,
    IDS_MAX = 64
};

/* ---- small questions ---- */

typedef char ids[IDS_MAX][ID_SIZE];

static size_t list(struct history *h, const char *sql, ids ret_ids) {
    sqlite3_stmt *row = witness_ask(&h->sim, sql);
    size_t count = 0;

    while (count < IDS_MAX && sqlite3_step(row) == SQLITE_ROW) {
        (void)snprintf(ret_ids[count++], ID_SIZE, "%s", (const char *)sqlite3_column_text(row, 0));
    }
    witness_done(row);
    return count;
}

static bool text_of(struct history *h, const char *sql, const char *id, char *ret_text,
                    size_t capacity) {
    return witness_text(&h->sim, sql, (const char *const[]){id, NULL}, ret_text, capacity);
}

/* ---- the beginning ---- */

static void add_practitioner(struct history *h) {
    static const char *const names[] = {
        "Gwendolen Quarrington", "Evander Threlkeld",  "Sidonie Babbington",   "Leopold Grimshaw",
        "Araminta Delafield",    "Ambrose Tregarthen", "Clementine Hathersage"};
    static const char *const hours[] = {"Mon-Fri 09:00-17:00", "Mon-Fri 09:00-18:00",
                                        "Mon-Fri 08:30-17:30"};
    const char *name = PICK(h, names);

    h->practitioners++;
    say(h,
        "DO practitioner add PR-%u --name \"%s\" --email pr%u@example.org --office OFFICE-%d "
        "--hours \"%s\" --supervisor SV-%d",
        h->practitioners, name, h->practitioners, 1 + (int)roll(h, 2), PICK(h, hours),
        1 + (int)roll(h, 2));
    say(h, "NEVER participant reads %s", strchr(name, ' ') + 1);
}

/* The practitioner with the fewest participants, of those who stay. */
static void few_people(struct history *h, char ret_id[ID_SIZE]) {
    (void)snprintf(ret_id, ID_SIZE, "PR-1"); /* where all have left */
    (void)witness_text(&h->sim,
                       "SELECT p.id FROM practitioner p WHERE NOT EXISTS(SELECT 1 FROM departure d "
                       "WHERE d.practitioner=p.id) ORDER BY (SELECT count(*) FROM participant o "
                       "WHERE o.practitioner=p.id),p.id LIMIT 1",
                       NULL, ret_id, ID_SIZE);
}

static void add_person(struct history *h) {
    static const char *const routes[] = {"sentence", "licence", "spo", "voluntary"},
                             *const days[] = {"Mon", "Tue", "Wed", "Thu"},
                             *const programmes[] = {"cobi-12", "cobi-12", "cobi-12", "cobi-2018",
                                                    "weekly-26"};
    const unsigned i = ++h->people;
    char mobile[40] = "", email[40] = "", practitioner[ID_SIZE];

    few_people(h, practitioner);
    if (roll(h, 8)) {
        (void)snprintf(mobile, sizeof mobile, " --mobile +4477009000%02u", i);
    }
    if (roll(h, 3)) {
        (void)snprintf(email, sizeof email, " --email p%u@example.org", i);
    }
    say(h,
        "TRY participant add P-%u --programme %s --route %s --practitioner %s --office OFFICE-%u "
        "--name \"Barnaby Number%u\"%s%s%s --prefer \"%s %d:00\"%s",
        i, PICK(h, programmes), PICK(h, routes), practitioner, 1 + i % 2, i, mobile, email,
        roll(h, 3) ? " --officer OF-1" : "", PICK(h, days), (int)roll(h, 5) + 10,
        roll(h, 8) ? "" : " --mode phone");
    if (roll(h, 2)) {
        say(h, "TRY advocate link AD-1 --participant P-%u --case-ref LAN-7731-%02u", i, i);
    }
    if (roll(h, 3) == 0) {
        say(h, "TRY advocate link AD-2 --participant P-%u --case-ref HAR-0042-%02u --level missed",
            i, i);
    }
    say(h, "TRY participant plan P-%u", i);
}

void months_beginning(struct history *h) {
    say(h, "DO office add OFFICE-2 --name \"Priory House\" --address \"2 Priory Lane, Brighton\" "
           "--phone +441632960100 --rooms 3");
    h->practitioners = 2;
    while (h->practitioners < PRACTITIONERS_FIRST) {
        add_practitioner(h);
    }
    for (unsigned i = 0; i < PEOPLE_FIRST; i++) {
        add_person(h);
    }
    act_settings(h);
}

/* What somebody makes of it follows from what it is, not from what came before. */
static uint64_t nature(const char *id) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (; *id; id++) {
        hash = (hash ^ (unsigned char)*id) * UINT64_C(0x100000001b3);
    }
    return hash ^ hash >> 31;
}

static struct civil today(const struct history *h) {
    return zone_civil(h->sim.kit->zone, h->sim.clock);
}

static bool runs(const struct history *h) {
    return h->sim.engine != NULL && !h->failed;
}

/* ---- outcomes ---- */

/* One in eight is left for two to six days; the others are recorded that day or the next. */
static bool is_recorded_now(struct history *h, const char *id) {
    const int64_t start = witness_number(&h->sim, "SELECT start_us FROM session WHERE id=?1",
                                         (const char *const[]){id, NULL});
    const uint64_t days = nature(id) % 8 == 0 ? 2 + nature(id) / 8 % 5 : 0;

    return h->sim.clock.us >= start + (int64_t)days * DAY_US && roll(h, 3) != 0;
}

static void record_one(struct history *h, const char *id) {
    static const char *const usual[] = {"ATTC", "ATTC", "ATTC", "ATTC", "AFTA",
                                        "AFTA", "AFTA", "AFTC", "ATSS"};
    const struct outcome_table *table = &h->sim.kit->config->outcomes;
    const char *code = roll(h, 6) ? PICK(h, usual) : table->codes[roll(h, table->count)].code;
    char who[ID_SIZE] = "SV-1";

    if (roll(h, 4)) {
        (void)text_of(h, "SELECT practitioner FROM session WHERE id=?1", id, who, sizeof who);
    }
    say(h, "TRY session outcome %s %s --as %s", id, code, who);
    if (roll(h, 12) == 0) { /* a mis-tap */
        say(h, "TRY session outcome %s %s --as %s", id, PICK(h, usual), who);
    }
}

static void record_outcomes(struct history *h) {
    ids waiting;
    const size_t count = list(
        h, "SELECT id FROM session WHERE state='awaiting_outcome' ORDER BY start_us,id", waiting);

    for (size_t i = 0; i < count && runs(h); i++) {
        if (is_recorded_now(h, waiting[i])) {
            record_one(h, waiting[i]);
        }
    }
}

static void decide_absences(struct history *h) {
    static const char *const codes[] = {"UAAB", "UAAB", "UAAB", "AAME", "AAFC", "AAEM", "CO05"},
                             *const people[] = {"SV-1", "SV-2", "SV-3", "OF-1"};
    ids waiting;
    const size_t count = list(
        h, "SELECT id FROM session WHERE state='recorded' AND outcome='AFTA' ORDER BY start_us,id",
        waiting);

    for (size_t i = 0; i < count && runs(h); i++) {
        if (roll(h, 5) == 0) {
            say(h, "TRY session decide %s %s --as %s --reason seen --contacted %s", waiting[i],
                PICK(h, codes), PICK(h, people), roll(h, 3) ? "yes" : "no");
        }
    }
}

/* Asked for by one, approved or withdrawn by another, days later as well. */
static void correct_outcomes(struct history *h) {
    static const char *const codes[] = {"ATTC", "ATTC", "UAAB", "AAME", "AFTC", "AFTA"};
    char id[ID_SIZE], code[16];
    ids waiting;

    if (roll(h, 2) == 0 &&
        witness_text(&h->sim,
                     "SELECT id FROM session WHERE state='recorded' AND review_outcome='' AND "
                     "flags&4 ORDER BY recorded_us DESC,id LIMIT 1",
                     NULL, id, sizeof id)) {
        say(h, "TRY session correct %s %s --as SV-%d --reason seen", id, PICK(h, codes),
            1 + (int)roll(h, 2));
    }
    const size_t count = list(
        h, "SELECT id FROM session WHERE review_outcome<>'' ORDER BY review_us,id", waiting);

    for (size_t i = 0; i < count && runs(h); i++) {
        const uint64_t choice = roll(h, 9);
        if (choice < 3) {
            say(h, "TRY session approve %s --as SV-%d", waiting[i], 1 + (int)roll(h, 3));
        } else if (choice == 3 && text_of(h, "SELECT outcome FROM session WHERE id=?1", waiting[i],
                                          code, sizeof code)) {
            say(h, "TRY session correct %s %s --as SV-3 --reason again", waiting[i], code);
        }
    }
}

/* ---- chains and tasks ---- */

static void answer_chain(struct history *h, const char *id) {
    char who[ID_SIZE] = "";

    if (!text_of(h, "SELECT advocate FROM escalation WHERE id=?1", id, who, sizeof who)) {
        return;
    }
    if (!*who) {
        (void)snprintf(who, sizeof who, "SV-%d", 1 + (int)roll(h, 3));
    }
    switch (roll(h, 5)) {
    case 0:
        say(h, "TRY-LINK %s%s", who, roll(h, 6) ? "" : " wrong-code");
        break;
    case 1:
        say(h, "TRY escalation resolve %s --as %s --reason seen", id, who);
        break;
    default:
        say(h, "TRY escalation ack %s --as %s", id, who);
    }
}

/* Most are taken within a day; one in twelve is neglected for weeks. */
static void answer_chains(struct history *h) {
    ids open;
    const size_t count = list(
        h, "SELECT id FROM escalation WHERE state<>'resolved' ORDER BY opened_us DESC,id LIMIT 40",
        open);

    for (size_t i = 0; i < count && runs(h); i++) {
        const bool neglected = nature(open[i]) % 12 == 0;
        if (roll(h, neglected ? 60 : 2) == 0) {
            answer_chain(h, open[i]);
        }
    }
}

static void do_tasks(struct history *h) {
    char owner[ID_SIZE];
    ids open;
    const size_t count = list(
        h, "SELECT id FROM task WHERE state='open' ORDER BY created_us DESC,id LIMIT 40", open);

    for (size_t i = 0; i < count && runs(h); i++) {
        const bool neglected = nature(open[i]) % 12 == 0;
        if (roll(h, neglected ? 60 : 2) == 0 &&
            text_of(h, "SELECT owner FROM task WHERE id=?1", open[i], owner, sizeof owner)) {
            say(h, "TRY task done %s --as %s", open[i], owner);
        }
    }
}

/* ---- people come, go, and are planned anew ---- */

static void plan_anew(struct history *h) {
    ids people;
    const size_t count = list(h,
                              "SELECT DISTINCT participant FROM task WHERE state='open' AND "
                              "kind='plan_catch_up' ORDER BY participant",
                              people);

    for (size_t i = 0; i < count && runs(h); i++) {
        if (roll(h, 4) == 0) {
            say(h, "TRY participant plan %s", people[i]);
        }
    }
    ids paused;
    const size_t away = list(h, "SELECT id FROM participant_state WHERE state='paused' ORDER BY id",
                             paused);

    for (size_t i = 0; i < away && runs(h); i++) {
        if (roll(h, 6) == 0) {
            say(h, "TRY participant resume %s --because other", paused[i]);
        }
    }
}

static unsigned some_practitioner(struct history *h) {
    return 1 + (unsigned)roll(h, h->practitioners);
}

/* Somebody leaves, most often to a colleague who has come for it, today or in a few days. */
static void hand_over(struct history *h) {
    char day[DATE_TEXT_SIZE];
    const unsigned leaver = some_practitioner(h);

    if (roll(h, 6) == 0) {
        say(h, "TRY participant reassign P-%u --to PR-%u%s", 1 + (unsigned)roll(h, h->people),
            some_practitioner(h), roll(h, 8) ? "" : " --dry-run");
    }
    if (roll(h, 20) || h->practitioners == PRACTITIONERS_MAX) {
        return;
    }
    if (roll(h, 4)) {
        add_practitioner(h);
    }
    date_to_text(date_add_days(today(h).date, (int32_t)roll(h, 6)), day);
    say(h, "TRY practitioner leave PR-%u --on %s --hand-over-to PR-%u", leaver, day,
        h->practitioners);
}

/* ---- gateways ---- */

/* Now and then one takes nothing for days. */
static void change_weather(struct history *h) {
    static const char *const names[] = {"texts", "texts", "mails", "all"};
    static const enum character dead[] = {DOWN, DOWN, CLOSED, LOSES_MESSAGES, BUSY},
                                alive[] = {HONEST,   HONEST,       HONEST,           CONFIRMS,
                                           CONFIRMS, MOODY,        REPEATS_RECEIPTS, FAILS_LATER,
                                           SLOW,     LOSES_ANSWERS};

    if (h->sim.clock.us < h->weather_until.us) {
        return;
    }
    if (roll(h, 10) == 0) {
        h->weather_until = instant_add(h->sim.clock, span_hours(20 + (int32_t)roll(h, 70)));
        say(h, "GATEWAY %s %s %dm", PICK(h, names), character_to_text(PICK(h, dead)),
            1 + (int)roll(h, 10));
        return;
    }
    h->weather_until = instant_add(h->sim.clock, span_hours(4 + (int32_t)roll(h, 60)));
    say(h, "GATEWAY all honest");
    say(h, "GATEWAY %s %s %dm seed=%" PRIu64, PICK(h, names), character_to_text(PICK(h, alive)),
        1 + (int)roll(h, 10), roll(h, 1000000));
}

/* ---- a day ---- */

static void wait_until(struct history *h, int32_t minute, struct date day) {
    char text[INSTANT_TEXT_SIZE];
    struct instant t;

    (void)zone_resolve(h->sim.kit->zone, civil_at(day, minute), ZONE_FIRST,
                       &t); /* daytime is unique */
    if (t.us > h->sim.clock.us) {
        instant_to_text(t, text);
        say(h, "UNTIL %s", text);
    }
}

static void work(struct history *h) {
    record_outcomes(h);
    if (roll(h, 2)) {
        answer_chains(h);
    }
    if (roll(h, 3) == 0) {
        decide_absences(h);
        do_tasks(h);
    }
    if (roll(h, 4) == 0) {
        correct_outcomes(h);
        plan_anew(h);
        hand_over(h);
    }
}

void months_day(struct history *h) {
    static const int32_t hours[] = {8 * 60 + 5, 11 * 60 + 40, 14 * 60 + 20, 17 * 60 + 45, 21 * 60};
    const struct date day = today(h).date;
    const bool working = date_weekday(day) != SATURDAY && date_weekday(day) != SUNDAY;

    if (h->sim.error.us != 0 && roll(h, 2)) {
        say(h, "CLOCK-SYNCHRONISED");
    }
    for (size_t i = 0; i < ARRAY_COUNT(hours) && !h->failed; i++) {
        plan_crashes(h);
        wait_until(h, hours[i], day);
        change_weather(h);
        if (working && runs(h)) {
            work(h);
        }
        if (roll(h, 2) && !h->failed) {
            act(h);
        }
    }
    if (h->people < PEOPLE && working && runs(h) && roll(h, 2)) {
        add_person(h);
    }
    wait_until(h, 5, date_add_days(day, 1));
}
