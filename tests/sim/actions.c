/* What people and the world do in a random history: a table of actions with their shares, each a
 * few lines in the language of the scenarios.
 *
 * Whatever may be refused is TRY: the laws decide what is right, not this file. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "history.h"

enum { PEOPLE_MAX = 4 };

static unsigned someone(struct history *h) {
    return 1 + (unsigned)roll(h, h->people);
}

/* ---- the beginning ---- */

static void add_person(struct history *h, unsigned i) {
    static const char *const routes[] = {"sentence", "licence", "spo", "voluntary"},
                             *const days[] = {"Mon", "Tue", "Wed", "Thu"},
                             *const programmes[] = {"cobi-12", "cobi-12", "cobi-2018", "weekly-26"};
    char mobile[40] = "", email[40] = "";

    if (roll(h, 5)) {
        (void)snprintf(mobile, sizeof mobile, " --mobile +44770090000%u", i);
    }
    if (roll(h, 3)) {
        (void)snprintf(email, sizeof email, " --email p%u@example.org", i);
    }
    say(h,
        "DO participant add P-%u --programme %s --route %s --practitioner PR-%d --office OFFICE-1 "
        "--name \"Barnaby Number%u\"%s%s%s --prefer \"%s %d:00\"%s%s",
        i, PICK(h, programmes), PICK(h, routes), (int)roll(h, 2) + 1, i, mobile, email,
        roll(h, 3) ? " --officer OF-1" : "", PICK(h, days), (int)roll(h, 5) + 10,
        roll(h, 4) ? "" : " --unavailable \"Mon-Fri 09:00-12:00\"",
        roll(h, 6) ? "" : " --mode phone");
    if (roll(h, 2)) {
        say(h, "DO advocate link AD-1 --participant P-%u --case-ref LAN-7731", i);
    }
    if (roll(h, 3) == 0) {
        say(h, "DO advocate link AD-2 --participant P-%u --case-ref HAR-0042 --level missed", i);
    }
    say(h, "TRY participant plan P-%u", i);
}

void act_settings(struct history *h) {
    if (roll(h, 2)) {
        say(h, "RECEIPT-AFTER 4h");
    }
    if (roll(h, 2)) {
        say(h, "DO feed create --practitioner PR-1");
        say(h, "DO feed create --participant P-1");
        say(h, "DO feed create --office OFFICE-1");
    }
}

void act_beginning(struct history *h) {
    h->people = 1 + (unsigned)roll(h, PEOPLE_MAX);
    if (roll(h, 3) == 0) {
        say(h, "DO office set OFFICE-1 --rooms 1");
    }
    for (unsigned i = 1; i <= h->people; i++) {
        add_person(h, i);
    }
    act_settings(h);
}

/* ---- sessions ---- */

static bool some_session(struct history *h, const char *state, char ret_id[ID_SIZE]) {
    const char *const values[] = {state, NULL};
    const int64_t count = witness_number(&h->sim, "SELECT count(*) FROM session WHERE state=?1",
                                         values);
    char sql[120];

    if (count == 0) {
        return false;
    }
    /* Early ones more often: they are where things happen. */
    const uint64_t skip = roll(h, 1 + roll(h, (uint64_t)count));

    (void)snprintf(
        sql, sizeof sql,
        "SELECT id FROM session WHERE state=?1 ORDER BY start_us,id LIMIT 1 OFFSET %" PRIu64, skip);
    return witness_text(&h->sim, sql, values, ret_id, ID_SIZE);
}

/* A gateway that is busy for weeks is asked ten thousand times and teaches nothing more. */
static void end_outage(struct history *h, struct instant until) {
    if (until.us > h->sim.clock.us + 30 * HOUR_US) {
        say(h, "GATEWAY all honest");
    }
}

static void act_pass(struct history *h) {
    static const char *const spans[] = {"1m", "10m", "3h", "9h", "1d", "2d", "5d"};
    const size_t span = (size_t)roll(h, ARRAY_COUNT(spans));

    if (span == 6 || (span == 5 && roll(h, 2))) {
        say(h, "GATEWAY all honest"); /* long outages cost much and teach little more than short
                                         ones */
    }
    say(h, "PASS %s", spans[span]);
}

/* To the moments at which sessions begin and end, or reminders are due. */
static void act_reach(struct history *h) {
    static const int64_t minutes[] = {-24 * 60, -20 * 60, -180, -60, -1, 0, 14, 16, 120, 136, 361};
    char id[ID_SIZE], text[INSTANT_TEXT_SIZE];

    if (!some_session(h, "planned", id)) {
        return;
    }
    const int64_t start = witness_number(&h->sim, "SELECT start_us FROM session WHERE id=?1",
                                         (const char *const[]){id, NULL});
    const struct instant t = {start + PICK(h, minutes) * MINUTE_US};

    if (t.us > h->sim.clock.us && t.us < h->sim.clock.us + 10 * DAY_US) {
        end_outage(h, t);
        instant_to_text(t, text);
        say(h, "UNTIL %s", text);
    }
}

/* Every code of the configuration, those that tell somebody more often. */
static void act_record(struct history *h) {
    static const char *const usual[] = {"ATTC", "ATTC", "AFTA", "AFTA", "UAAB", "AFTC"},
                             *const people[] = {"PR-1", "PR-2", "SV-1", "SV-2", "OF-1"};
    const struct outcome_table *table = &h->sim.kit->config->outcomes;
    char id[ID_SIZE];

    if (some_session(h, "awaiting_outcome", id) || some_session(h, "planned", id)) {
        say(h, "TRY session outcome %s %s --as %s", id,
            roll(h, 3) ? PICK(h, usual) : table->codes[roll(h, table->count)].code,
            PICK(h, people));
    }
}

static void act_take_back(struct history *h) {
    static const char *const codes[] = {"ATTC", "AFTA", "AAME"};
    char id[ID_SIZE];

    if (some_session(h, "recorded", id)) {
        say(h, "TRY session outcome %s %s --as SV-1", id, PICK(h, codes));
    }
}

static bool decidable(struct history *h, const char *outcome, char ret_id[ID_SIZE]) {
    return witness_text(&h->sim,
                        "SELECT id FROM session WHERE state='recorded' AND (?1='' OR outcome=?1) "
                        "ORDER BY recorded_us DESC,id LIMIT 1",
                        (const char *const[]){outcome, NULL}, ret_id, ID_SIZE);
}

/* What was provisional is decided, by those who may and those who may not. */
static void act_decide(struct history *h) {
    static const char *const codes[] = {"UAAB", "UAAB", "AAME", "AAFC", "CO05", "ATTC", "AFTA"},
                             *const people[] = {"SV-1", "SV-1", "SV-2", "OF-1", "PR-1"},
                             *const contacted[] = {" --contacted yes", " --contacted no", ""};
    char id[ID_SIZE];

    if (decidable(h, "AFTA", id)) {
        say(h, "TRY session decide %s %s --as %s --reason seen%s", id, PICK(h, codes),
            PICK(h, people), PICK(h, contacted));
    }
}

/* A correction: approved, withdrawn, or left to wait. */
static void act_correct(struct history *h) {
    static const char *const codes[] = {"ATTC", "ATTC", "AFTA", "UAAB", "AAME", "AFTC", "ATSH"},
                             *const people[] = {"PR-1", "SV-1", "SV-2", "OF-1"};
    char id[ID_SIZE];

    if (!decidable(h, "", id)) {
        return;
    }
    say(h, "TRY session correct %s %s --as %s --reason seen", id, PICK(h, codes), PICK(h, people));
    if (roll(h, 3) == 0) {
        act_pass(h);
    }
    if (roll(h, 4)) {
        say(h, "TRY session approve %s --as %s", id, PICK(h, people));
    } else {
        say(h, "TRY session correct %s %s --as SV-3 --reason again", id, PICK(h, codes));
    }
}

/* A miss as it happens: the moment comes, nobody is there, it is recorded. */
static void act_miss(struct history *h) {
    char id[ID_SIZE], text[INSTANT_TEXT_SIZE];

    if (!witness_text(&h->sim,
                      "SELECT id FROM session WHERE state='planned' ORDER BY start_us,id LIMIT 1",
                      NULL, id, sizeof id)) {
        return;
    }
    const int64_t start = witness_number(&h->sim, "SELECT start_us FROM session WHERE id=?1",
                                         (const char *const[]){id, NULL});

    if (start + 20 * MINUTE_US < h->sim.clock.us) {
        return;
    }
    end_outage(h, (struct instant){start + 20 * MINUTE_US});
    instant_to_text((struct instant){start + 20 * MINUTE_US}, text);
    say(h, "UNTIL %s", text);
    say(h, "TRY session outcome %s AFTA --as SV-1", id);
    say(h, "PASS %s", roll(h, 2) ? "4m" : "10m");
}

static void act_move(struct history *h) {
    char id[ID_SIZE], day[DATE_TEXT_SIZE];

    if (some_session(h, "planned", id)) {
        const struct date today = zone_civil(h->sim.kit->zone, h->sim.clock).date;
        date_to_text(date_add_days(today, (int32_t)roll(h, 12)), day);
        say(h, "TRY session move %s --to \"%s %02d:00\" --by %s%s", id, day, 9 + (int)roll(h, 8),
            roll(h, 2) ? "service" : "participant", roll(h, 4) ? "" : " --cascade");
    }
}

/* Back and forth: the same session several times, and home again. */
static void act_waver(struct history *h) {
    char id[ID_SIZE], home[CIVIL_TEXT_SIZE], day[DATE_TEXT_SIZE];
    struct civil civil;

    if (!some_session(h, "planned", id) ||
        !witness_text(&h->sim, "SELECT start_local FROM session WHERE id=?1",
                      (const char *const[]){id, NULL}, home, sizeof home) ||
        civil_from_text(home, &civil) < 0) {
        return;
    }
    for (uint64_t i = 0, count = 1 + roll(h, 4); i < count; i++) {
        date_to_text(date_add_days(civil.date, (int32_t)roll(h, 3)), day);
        say(h, "TRY session move %s --to \"%s %02d:00\" --by participant", id, day,
            9 + (int)roll(h, 8));
        if (roll(h, 2)) {
            say(h, "PASS %dm", 1 + (int)roll(h, 200));
        }
    }
    home[10] = ' ';
    say(h, "TRY session move %s --to \"%s\" --by service", id, home);
}

static void act_cancel(struct history *h) {
    char id[ID_SIZE];

    if (some_session(h, "planned", id)) {
        say(h, "TRY session cancel %s --by %s", id, roll(h, 2) ? "service" : "participant");
    }
}

/* ---- people ---- */

static void act_participant(struct history *h) {
    static const char *const verbs[] = {"pause",  "pause",    "resume", "resume",
                                        "resume", "withdraw", "end",    "complete"},
                             *const causes[] = {"custody", "remand",   "warrant", "recall", "moved",
                                                "health",  "deceased", "other",   "other"};

    if (roll(h, 3) == 0) {
        say(h, "TRY participant plan P-%u", someone(h));
    } else {
        say(h, "TRY participant %s P-%u --because %s", PICK(h, verbs), someone(h), PICK(h, causes));
    }
}

static void act_contact(struct history *h) {
    static const char *const changes[] = {"--sms no",
                                          "--sms no",
                                          "--sms yes",
                                          "--greeting first-name",
                                          "--place-label \"the usual place\"",
                                          "--email other@example.org",
                                          "--email ad1@example.org",
                                          "--email sv1@example.org",
                                          "--mobile +447700900009",
                                          "--mobile \"\"",
                                          "--consequence yes",
                                          "--order-ends 2027-02-10",
                                          "--order-ends 2027-12-31",
                                          "--officer OF-1"};

    say(h, "TRY participant set P-%u %s", someone(h), PICK(h, changes));
}

static void act_staff(struct history *h) {
    static const char *const changes[] = {"supervisor set SV-1 --email sv1b@example.org",
                                          "supervisor set SV-1 --next SV-3",
                                          "supervisor set SV-3 --next SV-1",
                                          "supervisor set SV-2 --email p1@example.org",
                                          "practitioner set PR-1 --supervisor SV-2",
                                          "practitioner set PR-2 --hours \"Mon-Fri 10:00-16:00\"",
                                          "practitioner set PR-2 --email pr1@example.org",
                                          "advocate set AD-2 --email ad2b@example.org",
                                          "advocate set AD-2 --email p2@example.org",
                                          "officer set OF-1 --email of1b@example.org",
                                          "office set OFFICE-1 --hours \"Mon-Fri 08:00-18:00\""};
    static const char *const away[] = {"supervisor absent SV-1",   "supervisor absent SV-2",
                                       "supervisor absent SV-3",   "practitioner absent PR-1",
                                       "practitioner absent PR-2", "participant absent P-1"};
    char from[DATE_TEXT_SIZE], to[DATE_TEXT_SIZE];
    const struct date today = zone_civil(h->sim.kit->zone, h->sim.clock).date;

    if (roll(h, 2)) {
        say(h, "TRY %s", PICK(h, changes));
        return;
    }
    date_to_text(today, from);
    date_to_text(date_add_days(today, (int32_t)roll(h, 4)), to);
    say(h, "TRY %s --from %s --to %s", PICK(h, away), from, to);
}

/* Sometimes to another practitioner; rarely somebody leaves, today or in a few days. */
static void act_handover(struct history *h) {
    const int taker = 1 + (int)roll(h, 2);
    char day[DATE_TEXT_SIZE];

    if (roll(h, 4)) {
        say(h, "TRY participant reassign P-%u --to PR-%d%s", someone(h), taker,
            roll(h, 5) ? "" : " --dry-run");
        return;
    }
    date_to_text(
        date_add_days(zone_civil(h->sim.kit->zone, h->sim.clock).date, (int32_t)roll(h, 5)), day);
    say(h, "TRY practitioner leave PR-%d --on %s --hand-over-to PR-%d", 3 - taker, day, taker);
}

static void act_advocate(struct history *h) {
    const unsigned person = someone(h);
    const int advocate = 1 + (int)roll(h, 2);

    if (roll(h, 4) == 0) {
        say(h, "TRY concern raise P-%u --reason \"seen in the street\"", person);
    } else if (roll(h, 2)) {
        say(h, "TRY advocate unlink AD-%d --participant P-%u", advocate, person);
    } else {
        say(h, "TRY advocate link AD-%d --participant P-%u --case-ref %s", advocate, person,
            advocate == 1 ? "LAN-7731" : "HAR-0042");
    }
}

/* ---- chains, tasks, messages, feeds ---- */

static void act_chain(struct history *h) {
    static const char *const people[] = {"SV-1", "SV-2", "SV-3", "AD-1", "AD-2", "PR-1"};
    char id[ID_SIZE];

    if (!witness_text(
            &h->sim,
            "SELECT id FROM escalation WHERE state<>'resolved' ORDER BY opened_us DESC,id LIMIT 1",
            NULL, id, sizeof id)) {
        return;
    }
    switch (roll(h, 5)) {
    case 0:
    case 1:
        say(h, "TRY escalation ack %s --as %s", id, PICK(h, people));
        break;
    case 2:
        say(h, "TRY escalation resolve %s --as %s --reason seen", id, PICK(h, people));
        break;
    default:
        say(h, "TRY-LINK %s%s", PICK(h, people), roll(h, 4) ? "" : " wrong-code");
    }
}

static void act_task(struct history *h) {
    char id[ID_SIZE];

    if (witness_text(&h->sim,
                     "SELECT id FROM task WHERE state='open' ORDER BY created_us DESC,id LIMIT 1",
                     NULL, id, sizeof id)) {
        say(h, "TRY task done %s --as SV-1", id);
    }
}

static void act_message(struct history *h) {
    char id[ID_SIZE];

    if (roll(h, 4) == 0) {
        if (witness_text(&h->sim,
                         "SELECT id FROM message WHERE state='queued' ORDER BY created_us DESC,id "
                         "LIMIT 1",
                         NULL, id, sizeof id)) {
            say(h, "TRY message cancel %s", id);
        }
    } else if (witness_text(
                   &h->sim,
                   "SELECT id FROM message WHERE state IN('failed','unknown','expired') ORDER BY "
                   "created_us DESC,id LIMIT 1",
                   NULL, id, sizeof id)) {
        say(h, "TRY message retry %s", id);
    }
}

static void act_feed(struct history *h) {
    char id[ID_SIZE];

    if (roll(h, 2) && h->sim.feed_count < 8) {
        say(h, "TRY feed create --participant P-%u", someone(h));
    } else if (witness_text(&h->sim,
                            "SELECT id FROM feed WHERE revoked_us=0 ORDER BY created_us,id LIMIT 1",
                            NULL, id, sizeof id)) {
        say(h, "TRY feed revoke %s", id);
    }
}

/* Reading is part of the world too: it must disturb nothing. */
static void act_look(struct history *h) {
    char id[ID_SIZE];

    if (some_session(h, "planned", id)) {
        say(h, "TRY explain %s", id);
    }
    say(h, "TRY preview P-%u", someone(h));
    say(h, "TRY participant plan P-%u --dry-run", someone(h));
}

/* ---- the world ---- */

static void act_gateway(struct history *h) {
    static const char *const names[] = {"texts", "mails", "all"};
    const enum character character = roll(h, 2) ? MOODY : (enum character)roll(h, CHARACTER_COUNT);

    say(h, "GATEWAY %s %s %dm seed=%" PRIu64, PICK(h, names), character_to_text(character),
        1 + (int)roll(h, 10), roll(h, 1000000));
}

static void act_mailbox(struct history *h) {
    static const char *const people[] = {"SV-1", "SV-2", "AD-1", "P-1", "PR-1"};

    say(h, "MAILBOX %s %s", PICK(h, people),
        roll(h, 3) && h->sim.refusing_count < 3 ? "refuses" : "works");
}

static void act_text(struct history *h) {
    static const char *const words[] = {"STOP", "Stop. Thank you", "running late", "I was there",
                                        "cancel"};

    say(h, "TEXT P-%u \"%s\" t-%" PRIu64, someone(h), PICK(h, words), roll(h, 1000000));
}

static void act_kill(struct history *h) {
    say(h, "KILL");
    act_pass(h);
    say(h, "START");
}

/* Small steps are no jump; a jump is held until somebody vouches for the clock, or it is set right.
 */
static void act_clock(struct history *h) {
    static const char *const steps[] = {"+2m", "-3m", "+20m", "-20m", "+3h", "-3h", "+2d", "-2d"};

    switch (roll(h, 5)) {
    case 0:
    case 1:
        say(h, "CLOCK-STEP %s", PICK(h, steps));
        say(h, "PASS %dm", 1 + (int)roll(h, 300));
        say(h, roll(h, 2) ? "CLOCK-SYNCHRONISED" : "PASS 1h");
        break;
    case 2:
        say(h, "CLOCK-SYNCHRONISED");
        break;
    case 3: /* while nobody looks */
        say(h, "KILL");
        say(h, "CLOCK-STEP %s", PICK(h, steps));
        say(h, "START");
        break;
    default:
        say(h, "TRY release --held");
    }
}

/* How often each, in short histories and between the days' work of three months. */
void act(struct history *h) {
    static const struct {
        void (*action)(struct history *h);
        unsigned share, share_of_months;
    } actions[] = {
        {act_pass, 24, 0},   {act_reach, 10, 0},   {act_record, 16, 1},     {act_take_back, 3, 3},
        {act_decide, 4, 2},  {act_correct, 4, 5},  {act_miss, 5, 2},        {act_move, 8, 8},
        {act_waver, 3, 2},   {act_cancel, 3, 3},   {act_participant, 4, 2}, {act_contact, 3, 3},
        {act_staff, 3, 2},   {act_handover, 2, 0}, {act_advocate, 2, 3},    {act_chain, 9, 3},
        {act_task, 2, 1},    {act_message, 3, 2},  {act_feed, 1, 1},        {act_look, 1, 1},
        {act_gateway, 7, 1}, {act_mailbox, 2, 2},  {act_text, 2, 3},        {act_kill, 4, 1},
        {act_clock, 2, 1}};
    const bool months = h->story->size == HISTORY_MONTHS;
    uint64_t all = 0;

    for (size_t i = 0; i < ARRAY_COUNT(actions); i++) {
        all += months ? actions[i].share_of_months : actions[i].share;
    }
    uint64_t ticket = roll(h, all);

    for (size_t i = 0; i < ARRAY_COUNT(actions); i++) {
        const unsigned share = months ? actions[i].share_of_months : actions[i].share;
        if (ticket < share) {
            actions[i].action(h);
            return;
        }
        ticket -= share;
    }
}
