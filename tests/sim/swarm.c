/* Random histories under all laws: `swarm [SEED [COUNT]]`, one TAP test in all.
 *
 * Each history has a seed of its own: people, plans, outcomes, moves, gateways that misbehave, a
 * daemon that is killed anywhere. Equal seeds give equal histories. What fails prints its seed and
 * the lines that led to it, in the language of the scenarios. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scenario.h"

enum { PEOPLE_MAX = 4, ACTIONS_MIN = 25, ACTIONS_SPREAD = 50, TRACE_SIZE = 60000 };
struct history {
    struct sim sim;
    uint64_t dice; /* apart from the world's own, so that a crash changes no plan */
    unsigned people;
    char trace[TRACE_SIZE];
    size_t trace_length;
    struct complaint complaint;
    bool failed;
};

static uint64_t roll(struct history *h, uint64_t sides) {
    h->dice ^= h->dice >> 12;
    h->dice ^= h->dice << 25;
    h->dice ^= h->dice >> 27;
    return (h->dice * UINT64_C(2685821657736338717) >> 16) % sides;
}

#define PICK(h, list) ((list)[roll((h), ARRAY_COUNT(list))])

_printf_(2, 3) static void say(struct history *h, const char *format, ...) {
    char line[SCENARIO_LINE_SIZE];
    va_list arguments;

    if (h->failed) {
        return;
    }
    va_start(arguments, format);
    (void)vsnprintf(line, sizeof line, format, arguments); /* lines are short */
    va_end(arguments);
    if (h->trace_length + strlen(line) + 2 < sizeof h->trace) {
        h->trace_length += (size_t)snprintf(h->trace + h->trace_length,
                                            sizeof h->trace - h->trace_length, "%s\n", line);
    }
    h->failed = scenario_line(&h->sim, line, true, &h->complaint) < 0;
}

static void read_cast(struct history *h, const char *source) {
    char file[400], line[SCENARIO_LINE_SIZE];

    (void)snprintf(file, sizeof file, "%s/tests/scenarios/cast.inc", source);
    FILE *cast = fopen(file, "re");

    if (!cast) {
        fprintf(stderr, "swarm: %s is missing\n", file);
        exit(2);
    }
    while (fgets(line, sizeof line, cast) && !h->failed) {
        h->failed = scenario_line(&h->sim, line, true, &h->complaint) < 0;
    }
    (void)fclose(cast); /* only read from */
}

static void add_people(struct history *h) {
    static const char *const routes[] = {"sentence", "licence", "spo", "voluntary"},
                             *const days[] = {"Mon", "Tue", "Wed", "Thu"};
    static const char *const programmes[] = {"cobi-12", "cobi-2018", "weekly-26"};

    h->people = 1 + (unsigned)roll(h, PEOPLE_MAX);
    for (unsigned i = 1; i <= h->people; i++) {
        char mobile[40] = "", email[40] = "";
        if (roll(h, 5)) {
            (void)snprintf(mobile, sizeof mobile, "--mobile +44770090000%u", i);
        }
        if (roll(h, 3)) {
            (void)snprintf(email, sizeof email, "--email p%u@example.org", i);
        }
        say(h,
            "DO participant add P-%u --programme %s --route %s --practitioner PR-%d --office "
            "OFFICE-1 --name \"Barnaby Number%u\" %s %s %s --prefer \"%s %d:00\"",
            i, PICK(h, programmes), PICK(h, routes), (int)roll(h, 2) + 1, i, mobile, email,
            roll(h, 3) ? "--officer OF-1" : "", PICK(h, days), (int)roll(h, 5) + 10);
        if (roll(h, 2)) {
            say(h, "DO advocate link AD-1 --participant P-%u --case-ref LAN-7731", i);
        }
        if (roll(h, 3) == 0) {
            say(h, "DO advocate link AD-2 --participant P-%u --case-ref HAR-0042 --level missed",
                i);
        }
        say(h, "TRY participant plan P-%u", i);
    }
    if (roll(h, 2)) {
        say(h, "DO feed create --practitioner PR-1");
        say(h, "DO feed create --participant P-1");
    }
}

/* ---- what people do ---- */

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

static void act_pass(struct history *h) {
    static const char *const spans[] = {"1m", "10m", "3h", "9h", "1d", "2d", "5d"};
    const size_t span = (size_t)roll(h, ARRAY_COUNT(spans));

    if (span == 6 || (span == 5 && roll(h, 2))) {
        say(h, "GATEWAY all honest"); /* long outages cost much and teach little more than short
                                         ones */
    }
    say(h, "PASS %s", spans[span]);
}

static void act_record(struct history *h) {
    static const char *const codes[] = {"ATTC", "ATTC", "AFTA", "AFTA",
                                        "UAAB", "AAME", "ATSS", "ATSH"};
    static const char *const people[] = {"PR-1", "PR-2", "SV-1"};
    char id[ID_SIZE];

    if (some_session(h, "awaiting_outcome", id) || some_session(h, "planned", id)) {
        say(h, "TRY session outcome %s %s --as %s", id, PICK(h, codes), PICK(h, people));
    }
}

static void act_take_back(struct history *h) {
    char id[ID_SIZE];

    if (some_session(h, "recorded", id)) {
        say(h, "TRY session outcome %s ATTC --as SV-1", id);
    }
}

static void act_move(struct history *h) {
    char id[ID_SIZE], day[DATE_TEXT_SIZE];

    if (some_session(h, "planned", id)) {
        const struct date today = zone_civil(h->sim.kit->zone, h->sim.clock).date;
        date_to_text(date_add_days(today, (int32_t)roll(h, 12)), day);
        say(h, "TRY session move %s --to \"%s %02d:00\" --by %s%s", id, day, 9 + (int)roll(h, 8),
            roll(h, 2) ? "service" : "participant", roll(h, 6) ? "" : " --cascade");
    }
}

static void act_cancel(struct history *h) {
    char id[ID_SIZE];

    if (some_session(h, "planned", id)) {
        say(h, "TRY session cancel %s --by service", id);
    }
}

static void act_participant(struct history *h) {
    static const char *const verbs[] = {"pause",  "pause",    "resume", "resume",
                                        "resume", "withdraw", "end",    "complete"};

    if (roll(h, 3) == 0) {
        say(h, "TRY participant plan P-%u", 1 + (unsigned)roll(h, h->people));
    } else {
        say(h, "TRY participant %s P-%u --because other", PICK(h, verbs),
            1 + (unsigned)roll(h, h->people));
    }
}

static void act_contact(struct history *h) {
    static const char *const changes[] = {"--sms no", "--sms yes", "--greeting first-name",
                                          "--place-label \"the usual place\""};

    say(h, "TRY participant set P-%u %s", 1 + (unsigned)roll(h, h->people), PICK(h, changes));
}

static void act_chain(struct history *h) {
    static const char *const people[] = {"SV-1", "SV-2", "SV-3", "AD-1", "AD-2"};
    char id[ID_SIZE];

    if (!witness_text(
            &h->sim,
            "SELECT id FROM escalation WHERE state<>'resolved' ORDER BY opened_us DESC,id LIMIT 1",
            NULL, id, sizeof id)) {
        return;
    }
    if (roll(h, 2)) {
        say(h, "TRY escalation ack %s --as %s", id, PICK(h, people));
    } else if (roll(h, 4) == 0) {
        say(h, "TRY escalation resolve %s --as %s --reason seen", id, PICK(h, people));
    } else {
        say(h, "TRY-LINK %s", PICK(h, people));
    }
}

static void act_gateway(struct history *h) {
    static const char *const names[] = {"texts", "mails", "all"};
    const enum character character = roll(h, 2) ? MOODY : (enum character)roll(h, CHARACTER_COUNT);

    say(h, "GATEWAY %s %s %dm", PICK(h, names), character_to_text(character), 1 + (int)roll(h, 10));
}

static void act_mailbox(struct history *h) {
    static const char *const people[] = {"SV-1", "SV-2", "AD-1", "P-1", "PR-1"};

    say(h, "MAILBOX %s %s", PICK(h, people),
        roll(h, 3) && h->sim.refusing_count < 3 ? "refuses" : "works");
}

static void act_kill(struct history *h) {
    say(h, "KILL");
    act_pass(h);
    say(h, "START");
}

static void act_staff(struct history *h) {
    char from[DATE_TEXT_SIZE], to[DATE_TEXT_SIZE];
    const struct date today = zone_civil(h->sim.kit->zone, h->sim.clock).date;

    date_to_text(today, from);
    date_to_text(date_add_days(today, (int32_t)roll(h, 4)), to);
    say(h, "TRY supervisor absent SV-%d --from %s --to %s", 1 + (int)roll(h, 3), from, to);
}

static void act_advocate(struct history *h) {
    const unsigned person = 1 + (unsigned)roll(h, h->people);
    const int advocate = 1 + (int)roll(h, 2);

    if (roll(h, 2)) {
        say(h, "TRY advocate unlink AD-%d --participant P-%u", advocate, person);
    } else {
        say(h, "TRY advocate link AD-%d --participant P-%u --case-ref %s", advocate, person,
            advocate == 1 ? "LAN-7731" : "HAR-0042");
    }
}

static void act_message(struct history *h) {
    char id[ID_SIZE];

    if (witness_text(&h->sim,
                     "SELECT id FROM message WHERE state IN('failed','unknown','expired') ORDER BY "
                     "created_us DESC,id LIMIT 1",
                     NULL, id, sizeof id)) {
        say(h, "TRY message retry %s", id);
    }
}

static void act(struct history *h) {
    static const struct {
        void (*action)(struct history *h);
        unsigned share;
    } actions[] = {{act_pass, 30},    {act_record, 18},     {act_take_back, 4}, {act_move, 10},
                   {act_cancel, 3},   {act_participant, 4}, {act_contact, 3},   {act_chain, 8},
                   {act_gateway, 6},  {act_mailbox, 2},     {act_kill, 4},      {act_staff, 1},
                   {act_advocate, 2}, {act_message, 3}};
    uint64_t ticket = roll(h, 98);

    for (size_t i = 0; i < ARRAY_COUNT(actions); i++) {
        if (ticket < actions[i].share) {
            actions[i].action(h);
            return;
        }
        ticket -= actions[i].share;
    }
}

/* ---- histories ---- */

static struct instant some_beginning(struct history *h, struct kit *kit) {
    /* From October to March, so that both nights of the clocks lie in many of them. */
    const struct date first = {2026, 10, 1};
    const struct date day = date_add_days(first, (int32_t)roll(h, 170));
    struct instant t;

    (void)zone_resolve(kit->zone, civil_at(day, 9 * 60 + (int32_t)roll(h, 600)), ZONE_FIRST,
                       &t); /* daytime is unique */
    return t;
}

static bool live(struct kit *kit, const char *source, uint64_t seed) {
    static const unsigned crash_permilles[] = {0, 0, 2, 10, 40};
    struct history *h = calloc(1, sizeof *h);

    if (!h) {
        abort();
    }
    h->dice = seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
    for (int i = 0; i < 8; i++) {
        (void)roll(h, 2); /* neighbouring seeds part */
    }
    sim_open(&h->sim, kit, h->dice, some_beginning(h, kit));
    read_cast(h, source);
    add_people(h);
    h->sim.crash_permille = PICK(h, crash_permilles);
    const uint64_t count = ACTIONS_MIN + roll(h, ACTIONS_SPREAD);

    for (uint64_t i = 0; i < count && !h->failed; i++) {
        act(h);
    }
    if (!h->failed) {
        laws_end(&h->sim);
    }
    const bool good = !h->failed && !*h->sim.law;

    if (!good) {
        printf("# seed %" PRIu64 ": %s\n%s", seed, *h->sim.law ? h->sim.broken : h->complaint.text,
               "# what led to it:\n");
        for (char *rest = h->trace, *line; (line = strsep(&rest, "\n")) != NULL && *line;) {
            printf("#   %s\n", line);
        }
    }
    (void)fflush(stdout); /* seen even if a later one hangs */
    sim_close(&h->sim);
    free(h);
    return good;
}

int main(int argc, char **argv) {
    const char *given = getenv("top_srcdir"), *source = given ? given : ".",
               *environment = getenv("COBI_TEST_SEED");
    const uint64_t first = argc > 1      ? strtoull(argv[1], NULL, 10)
                           : environment ? strtoull(environment, NULL, 0)
                                         : 1;
    const uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : argc > 1 ? 1 : 16;
    struct kit kit;
    uint64_t bad = 0;

    if (!getenv("SIM_LOG")) {
        log_set_level((enum log_level)0);
    }
    kit_open(&kit, source);
    printf("1..1\n# seeds %" PRIu64 " to %" PRIu64 "\n", first, first + count - 1);
    for (uint64_t seed = first; seed < first + count && bad < 3; seed++) {
        bad += !live(&kit, source, seed);
    }
    printf("%s 1 - %" PRIu64 " random histories under all laws\n", bad ? "not ok" : "ok", count);
    kit_close(&kit);
    return bad ? 1 : 0;
}
