/* The host of the simulator: virtual clock, ports, crashes and restarts.
 *
 * Time jumps from event to event: the engine's own timer and the answers of gateways. A crash is a
 * jump out of the port that the engine called: whatever it was doing is dropped as it stands, the
 * open transaction with it, and a new engine begins on what was committed. Nothing here may decide
 * what the engine should decide. */
#include "sim.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cobi/ctl/parse.h"
#include "cobi/ical/holidays.h"

/* A crash inside a command leaves its JSON answer behind: no leak of the engine's. */
extern void __lsan_disable(void) __attribute__((weak));
extern void __lsan_enable(void) __attribute__((weak));

enum { TICKS_MAX = 2000 };

static void die(const char *what, const char *why) {
    fprintf(stderr, "sim: %s: %s\n", what, why);
    exit(2);
}

void sim_trace(struct sim *sim, const char *format, ...) {
    va_list arguments;
    char local[CIVIL_TEXT_SIZE];

    if (!sim->tracing) {
        return;
    }
    civil_to_text(zone_civil(sim->kit->zone, sim->clock), local);
    printf("#   %s ", local);
    va_start(arguments, format);
    (void)vprintf(format, arguments);
    va_end(arguments);
    (void)putchar('\n');
}

/* xorshift64*: small, seeded, the same everywhere. */
uint64_t sim_random(struct sim *sim) {
    sim->seed ^= sim->seed >> 12;
    sim->seed ^= sim->seed << 25;
    sim->seed ^= sim->seed >> 27;
    return sim->seed * UINT64_C(2685821657736338717) >> 16;
}

uint64_t sim_most(const struct sim *sim, uint64_t most) {
    return sim->crowded ? most * CROWD_FACTOR : most;
}

/* ---- what all runs share ---- */

static void find_folder(struct kit *kit) {
    const char *temporary = getenv("TMPDIR");
    const char *folder = access("/dev/shm", W_OK) == 0 ? "/dev/shm"
                         : temporary                   ? temporary
                                                       : "/tmp";
    char made[120];

    (void)snprintf(made, sizeof made, "%s/cobi-sim-XXXXXX", folder);
    if (!mkdtemp(made)) {
        die(made, "no folder for the database");
    }
    (void)snprintf(kit->database, sizeof kit->database, "%s/sim.db", made);
}

void kit_open(struct kit *kit, const char *source_folder) {
    struct complaints complaints = {0};
    struct complaint complaint = {0};
    char file[400];

    *kit = (struct kit){0};
    (void)snprintf(kit->source, sizeof kit->source, "%s", source_folder);
    kit->holidays = calloc(1, sizeof *kit->holidays);
    assert(kit->holidays);
    (void)snprintf(file, sizeof file, "%s/tests/sim/sim.conf", source_folder);
    if (config_load(file, &kit->config, &complaints) < 0 ||
        templates_load(kit->config->templates_dir, &kit->templates, &complaints) < 0) {
        die(file, complaints.count ? complaints.list[0].text : "cannot be loaded");
    }
    if (holidays_load(kit->config->holidays_file, kit->holidays, &complaint) < 0) {
        die("holidays", complaint.text);
    }
    if (zones_open(&kit->zones) < 0 ||
        !(kit->zone = zones_find(kit->zones, kit->config->timezone))) {
        die("zones", "no zone data");
    }
    find_folder(kit);
    laws_prepare(kit);
}

static void remove_database(const struct kit *kit) {
    static const char *const endings[] = {"", "-wal", "-shm", "-journal", ".lock"};
    char file[240];

    for (size_t i = 0; i < ARRAY_COUNT(endings); i++) {
        (void)snprintf(file, sizeof file, "%s%s", kit->database, endings[i]);
        (void)unlink(file); /* may not be there */
    }
}

void kit_close(struct kit *kit) {
    remove_database(kit);
    *strrchr(kit->database, '/') = '\0';
    (void)rmdir(kit->database); /* what is left is seen */
    zones_free(kit->zones);
    templates_free(kit->templates);
    config_free(kit->config);
    free(kit->holidays);
}

/* ---- ports ---- */

bool sim_crash_pending(const struct sim *sim) {
    return sim->crash_at > (sim->crash_name ? sim->named_count : sim->point_count);
}

static void crash_point(struct sim *sim, const char *name) {
    bool now = false;

    if (!sim->jump) {
        return; /* nothing is under way that could be torn */
    }
    if (strcmp(name, "after commit") == 0) {
        sim->committed = true;
    }
    sim->point_count++;
    if (sim->crash_name && strcmp(sim->crash_name, name) == 0) {
        sim->named_count++;
    }
    if (sim->crash_at) {
        now = (sim->crash_name ? sim->named_count : sim->point_count) == sim->crash_at &&
              (!sim->crash_name || strcmp(sim->crash_name, name) == 0);
    }
    if (now && sim->crash_gap_count > 0) {
        sim->crash_at += sim->crash_gaps[--sim->crash_gap_count];
    }
    if (now) {
        sim_trace(sim, "CRASH %s (point %llu)", name, (unsigned long long)sim->point_count);
        longjmp(*sim->jump, 1);
    }
}

static struct instant port_now(void *world) {
    struct sim *sim = world;

    crash_point(sim, "now");
    return instant_add(sim->clock, sim->error);
}

static struct mono port_elapsed(void *world) {
    return (struct mono){((struct sim *)world)->clock.us};
}

static void port_random(void *world, void *buffer, size_t length) {
    unsigned char *bytes = buffer;

    crash_point(world, "random");
    for (size_t i = 0; i < length; i++) {
        bytes[i] = (unsigned char)sim_random(world);
    }
}

static void port_wake_at(void *world, struct instant when) {
    struct sim *sim = world;

    crash_point(sim, "before wake");
    /* The timer is the wall clock's. */
    sim->wake.us = when.us == INSTANT_NEVER.us ? when.us : when.us - sim->error.us;
}

static int port_send(void *world, const struct outgoing *message) {
    return world_send(world, message);
}

static void port_point(void *world, const char *name) {
    crash_point(world, name);
}

/* ---- start and stop ---- */

static void open_engine(struct sim *sim) {
    static const unsigned char key[STORE_KEY_BYTES] = {1, 2, 3};
    const struct engine_setup setup = {.config = sim->kit->config,
                                       .templates = sim->kit->templates,
                                       .holidays = sim->kit->holidays,
                                       .zones = sim->kit->zones};
    const struct ports ports = {.world = sim,
                                .now = port_now,
                                .elapsed = port_elapsed,
                                .random = port_random,
                                .wake_at = port_wake_at,
                                .send = port_send,
                                .point = port_point};
    struct complaint complaint = {0};

    changes_begin(sim);
    if (store_open(sim->kit->database, key, &sim->store, &complaint) < 0) {
        die("store", complaint.text);
    }
    changes_begun();
    store_set_volatile(sim->store);
    if (engine_open(sim->store, &setup, &ports, &sim->engine) < 0) {
        die("engine", "cannot be opened");
    }
}

void sim_stop(struct sim *sim) {
    engine_free(sim->engine);
    store_close(sim->store); /* without a commit: SQLite rolls back */
    sim->engine = NULL;
    sim->store = NULL;
    sim->wake = INSTANT_NEVER;
    memset(sim->paces, 0, sizeof sim->paces);
    sim->answer_count = 0; /* nobody is there to hear them */
}

static void forget_error(struct sim *sim) {
    sim->kept_known = false;
    sim->changes.meta = false;
}

/* One call into the engine, which may crash. Returns false when it did. */
typedef int engine_call(struct sim *sim, void *argument);
static bool call_engine(struct sim *sim, engine_call *call, void *argument, int *ret_result) {
    jmp_buf jump;

    sim->committed = false;
    memset(sim->ranks, 0, sizeof sim->ranks);
    sim->jump = &jump;
    sim->turns++;
    if (setjmp(jump) != 0) {
        sim->jump = NULL;
        forget_error(sim);
        sim->crashes++;
        laws_turn(sim); /* of what was committed before it died */
        return false;
    }
    *ret_result = call(sim, argument);
    sim->jump = NULL;
    forget_error(sim);
    return true;
}

static bool hold_is_kept(struct sim *sim) {
    return witness_number(sim, "SELECT value LIKE '% 1 %' FROM meta WHERE name='clock_hold'", NULL);
}

static int call_start(struct sim *sim, void *argument) {
    (void)argument;
    return engine_start(sim->engine);
}

void sim_start(struct sim *sim) {
    int r;

    assert(!sim->engine);
    open_engine(sim);
    while (!call_engine(sim, call_start, NULL, &r)) {
        sim_stop(sim);
        open_engine(sim);
    }
    if (r < 0) {
        law_broken(sim, "start", "the engine does not start: %s", strerror(-r));
    }
    sim->doubtful |= hold_is_kept(sim);
    laws_turn(sim);
}

void sim_crash(struct sim *sim) {
    sim_stop(sim);
    sim_start(sim);
}

void sim_open(struct sim *sim, struct kit *kit, uint64_t seed, struct instant clock) {
    *sim = (struct sim){.kit = kit,
                        .clock = clock,
                        .wake = INSTANT_NEVER,
                        .seed = seed ? seed : 1,
                        .tracing = getenv("SIM_TRACE") != NULL};
    sim->parcels = calloc((size_t)PARCELS_MAX * CROWD_FACTOR, sizeof *sim->parcels);
    sim->receipts = calloc(RECEIPTS_MAX, sizeof *sim->receipts);
    assert(sim->parcels && sim->receipts);
    kit->config->receipt_after = (struct span){0};                 /* a scenario may have set it */
    for (uint32_t i = 0; i < kit->config->escalation_count; i++) { /* and these */
        for (uint32_t k = 0; k < kit->config->escalations[i].step_count; k++) {
            kit->config->escalations[i].steps[k].channel = STEP_BY_MAIL;
            kit->config->escalations[i].steps[k].clock = false;
        }
    }
    remove_database(kit);
    open_engine(sim);
    if (sqlite3_open_v2(kit->database, &sim->witness, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK) {
        die("witness", sqlite3_errmsg(sim->witness));
    }
    changes_open(sim);
    sim_stop(sim);
    sim_start(sim);
}

void sim_close(struct sim *sim) {
    if (sim->engine) {
        sim_stop(sim);
    }
    witness_close(sim);
    world_forget(sim);
}

/* ---- time ---- */

static int call_tick(struct sim *sim, void *argument) {
    (void)argument;
    return engine_tick(sim->engine);
}

/* A message whose time has come is looked at even where its lane is full or shut. */
static bool comes_due(struct sim *sim) {
    sqlite3_stmt *row = witness_ask(
        sim, "SELECT 1 FROM was_message WHERE wake_us IS NOT NULL AND wake_us>?1 AND wake_us<=?2");

    (void)sqlite3_bind_int64(row, 1, sim->looked_at.us);    /* memory only */
    (void)sqlite3_bind_int64(row, 2, sim_believed(sim).us); /* memory only */
    const bool found = sqlite3_step(row) == SQLITE_ROW;

    witness_done(row);
    return found;
}

/* A machine at rest is woken when something is due, not to find that nothing is. */
static void check_rest(struct sim *sim) {
    enum { IDLE_AN_HOUR_MAX = 240 };

    if (sim->clock.us - sim->rest_from.us > HOUR_US) {
        sim->rest_from = sim->clock;
        sim->rest_ticks = 0;
    }
    if (sim->changes.tables == 0 && !sim->stirred && !comes_due(sim)) {
        sim_trace(sim, "a look for nothing");
        sim->rest_ticks++;
    }
    sim->looked_at = sim_believed(sim);
    sim->stirred = false;
    if (sim->rest_ticks > IDLE_AN_HOUR_MAX) {
        law_broken(sim, "restless", "the engine has looked %d times within an hour for nothing",
                   IDLE_AN_HOUR_MAX);
    }
}

static void tick(struct sim *sim) {
    for (int i = 0; i < TICKS_MAX; i++) {
        int r;
        sim->wake = INSTANT_NEVER;
        if (!call_engine(sim, call_tick, NULL, &r)) {
            sim_crash(sim);
            return;
        }
        if (r < 0) {
            law_broken(sim, "tick", "the engine's tick failed: %s (%s)", strerror(-r),
                       store_error_text(sim->store));
        }
        if (i == 0) { /* after work it looks once more whether there is any left */
            check_rest(sim);
        }
        laws_turn(sim);
        if (r <= 0 || *sim->law) {
            return;
        }
    }
    law_broken(sim, "endless", "the engine wants to go on at once for ever");
}

void sim_tick(struct sim *sim) {
    if (sim->engine && !*sim->law) {
        tick(sim);
    }
}

static int call_delivered(struct sim *sim, void *argument) {
    return engine_delivered(sim->engine, argument);
}

static void deliver(struct sim *sim, size_t index) {
    struct answer answer = sim->answers[index];
    int r;

    sim->answers[index] = sim->answers[--sim->answer_count];
    sim_trace(sim, "answer %s: %s", answer.delivery.message_id,
              outcome_class_to_text(answer.delivery.outcome));
    if (!call_engine(sim, call_delivered, &answer.delivery, &r)) {
        sim_crash(sim);
        return;
    }
    if (r < 0) {
        law_broken(sim, "delivery", "an answer could not be settled: %s", strerror(-r));
    }
    sim->stirred = true; /* the lane may have room again: it looks */
    laws_turn(sim);
}

static int call_receipt(struct sim *sim, void *argument) {
    const struct due_receipt *r = argument;
    const struct receipt receipt = {.gateway = r->gateway,
                                    .reference = r->reference,
                                    .provider_id = r->provider_id,
                                    .report = r->report,
                                    .detail = ""};

    return engine_receipt(sim->engine, &receipt);
}

/* A daemon that dies has not said that it took it, so the gateway says it again. */
static void report(struct sim *sim, size_t index) {
    struct due_receipt receipt = sim->receipts[index];
    int r;

    sim_trace(sim, "receipt %s%s: %s", receipt.reference, receipt.provider_id,
              receipt_report_to_text(receipt.report));
    if (!call_engine(sim, call_receipt, &receipt, &r)) {
        sim->receipts[index].at = instant_add(sim->clock, (struct span){10 * SECOND_US});
        sim_crash(sim);
        return;
    }
    if (r < 0) {
        law_broken(sim, "delivery", "a receipt could not be settled: %s", strerror(-r));
    }
    sim->stirred = true; /* it looks around after what came from outside */
    sim->receipts[index] = sim->receipts[--sim->receipt_count];
    laws_turn(sim);
}

static int call_inbound(struct sim *sim, void *argument) {
    return engine_inbound(sim->engine, argument);
}

void sim_text(struct sim *sim, const char *who, const char *words, const char *event) {
    struct inbound inbound = {.gateway = "texts", .from = who, .text = words, .event = event};
    int r = 0;

    for (size_t i = 0; i < sim->address_count; i++) {
        if (strcmp(sim->addresses[i].id, who) == 0) {
            inbound.from = sim->addresses[i].mobile;
        }
    }
    sim_trace(sim, "text from %s", who);
    while (!*sim->law && !call_engine(sim, call_inbound, &inbound, &r)) {
        sim_crash(sim);
    }
    if (r < 0) {
        law_broken(sim, "delivery", "a text could not be taken: %s", strerror(-r));
    }
    laws_turn(sim);
    sim_run_until(sim, sim->clock);
}

static size_t next_answer(const struct sim *sim) {
    size_t best = SIZE_MAX;

    for (size_t i = 0; i < sim->answer_count; i++) {
        if (best == SIZE_MAX || sim->answers[i].at.us < sim->answers[best].at.us ||
            (sim->answers[i].at.us == sim->answers[best].at.us &&
             strcmp(sim->answers[i].delivery.message_id, sim->answers[best].delivery.message_id) <
                 0)) {
            best = i;
        }
    }
    return best;
}

void sim_run_until(struct sim *sim, struct instant target) {
    while (!*sim->law) {
        const size_t index = next_answer(sim);
        const struct instant answer = index == SIZE_MAX ? INSTANT_NEVER : sim->answers[index].at;
        const size_t early = world_next_receipt(sim);
        const struct instant receipt = early == SIZE_MAX ? INSTANT_NEVER : sim->receipts[early].at;
        const struct instant next = instant_min(instant_min(sim->wake, answer), receipt);
        if (instant_cmp(next, target) > 0) {
            break;
        }
        if (sim->turns > sim_most(sim, TURNS_MAX)) {
            law_broken(sim, "endless", "%llu turns in one run", (unsigned long long)sim->turns);
            break;
        }
        sim->clock = instant_max(sim->clock, next);
        if (instant_cmp(receipt, next) <= 0) {
            report(sim, early);
        } else if (instant_cmp(answer, sim->wake) <= 0) {
            deliver(sim, index);
        } else {
            tick(sim);
        }
    }
    sim->clock = instant_max(sim->clock, target);
    if (sim->engine && !*sim->law) {
        laws_idle(sim);
    }
}

/* ---- the daemon's clock ---- */

/* The kernel wakes the daemon when its clock is set, as it would for the timer. One that dies
 * before it has written that down cannot know of it, nor one that is stopped. */
void sim_clock_step(struct sim *sim, struct span step) {
    const bool jump = step.us > 5 * MINUTE_US || step.us < -5 * MINUTE_US;
    const unsigned crashes = sim->crashes;

    sim->error.us += step.us;
    sim->went_back.us -= step.us < 0 ? step.us : 0;
    sim_trace(sim, "the clock is set by %lld s", (long long)(step.us / SECOND_US));
    if (sim->engine && !*sim->law) {
        tick(sim);
        sim->doubtful |= jump && (sim->crashes == crashes || hold_is_kept(sim));
        sim_run_until(sim, sim->clock);
    }
}

static int call_vouched(struct sim *sim, void *argument) {
    (void)argument;
    return engine_clock_vouched(sim->engine);
}

void sim_clock_synchronise(struct sim *sim) {
    int r = 0;

    sim_clock_step(sim, (struct span){-sim->error.us});
    while (sim->engine && !*sim->law && !call_engine(sim, call_vouched, NULL, &r)) {
        sim_crash(sim); /* the next self-audit finds the file as new as before */
    }
    if (r < 0) {
        law_broken(sim, "vouched", "the clock's word could not be taken: %s", strerror(-r));
    }
    sim->doubtful &= hold_is_kept(sim); /* without a daemon nobody has heard it */
    laws_turn(sim);
    sim_run_until(sim, sim->clock);
}

static struct span read_error(struct sim *sim) {
    char kept[100] = "";
    char *rest = kept;

    (void)witness_text(sim, "SELECT value FROM meta WHERE name='clock_hold'", NULL, kept,
                       sizeof kept);
    (void)strtoll(rest, &rest, 10); /* how many jumps */
    const bool held = strtoll(rest, &rest, 10) != 0;

    return (struct span){held ? strtoll(rest, &rest, 10) : 0};
}

/* Asked for often: read once in a call of the engine, until that call writes it. */
struct instant sim_believed(struct sim *sim) {
    if (!sim->kept_known || sim->changes.meta) {
        sim->kept_error = read_error(sim);
        sim->kept_known = true;
    }
    return (struct instant){sim->clock.us + sim->error.us - sim->kept_error.us};
}

/* ---- commands ---- */

struct command_call {
    const struct command *command;
    json_t *arguments, *reply;
};

static int call_command(struct sim *sim, void *argument) {
    static const struct actor actor = {.user = "sim", .access = COMMAND_ADMIN};
    struct command_call *c = argument;

    return engine_command(sim->engine, c->command, &actor, c->arguments, &c->reply);
}

/* The address book of the world: what was typed for whom. */
static void note_address(struct sim *sim, const struct command *command, json_t *arguments) {
    const char *id = json_string_value(json_object_get(arguments, "id"));
    const char *mobile = json_string_value(json_object_get(arguments, "mobile"));
    const char *email = json_string_value(json_object_get(arguments, "email"));
    struct address *a = NULL;

    const char *name = json_string_value(json_object_get(arguments, "name"));

    if (!(command->flags & COMMAND_NOUN_FIELDS) || (!mobile && !email && !name)) {
        return;
    }
    for (size_t i = 0; i < sim->address_count; i++) {
        a = strcmp(sim->addresses[i].id, id) == 0 ? &sim->addresses[i] : a;
    }
    if (!a && sim->address_count < ADDRESSES_MAX) {
        a = &sim->addresses[sim->address_count++];
        (void)snprintf(a->id, sizeof a->id, "%s", id);
    }
    if (a && mobile) {
        (void)snprintf(a->mobile, sizeof a->mobile, "%s", mobile);
    }
    if (a && name) {
        (void)snprintf(a->name, sizeof a->name, "%s", name);
    }
    if (a && email) {
        (void)snprintf(a->email, sizeof a->email, "%s", email);
    }
}

static void note_case(struct sim *sim, const struct command *command, json_t *arguments) {
    const char *text = json_string_value(json_object_get(arguments, "case_ref"));

    if (!text || strcmp(command->verb, "link") != 0 || sim->case_count == CASES_MAX) {
        return;
    }
    struct case_ref *c = &sim->cases[sim->case_count++];

    (void)snprintf(c->advocate, sizeof c->advocate, "%s",
                   json_string_value(json_object_get(arguments, "id")));
    (void)snprintf(c->participant, sizeof c->participant, "%s",
                   json_string_value(json_object_get(arguments, "participant")));
    (void)snprintf(c->text, sizeof c->text, "%s", text);
}

static void note_feed(struct sim *sim, const struct command *command, json_t *reply) {
    const char *url = json_string_value(json_object_get(reply, "url"));

    if (!command->noun || strcmp(command->noun, "feed") != 0 || !url ||
        sim->feed_count == SIM_FEEDS_MAX) {
        return;
    }
    struct sim_feed *f = &sim->feeds[sim->feed_count++];

    (void)snprintf(f->token, sizeof f->token, "%.43s", strrchr(url, '/') + 1);
    (void)snprintf(f->owner_kind, sizeof f->owner_kind, "%s",
                   json_string_value(json_object_get(reply, "owner_kind")));
    (void)snprintf(f->owner, sizeof f->owner, "%s",
                   json_string_value(json_object_get(reply, "owner")));
}

/* Runs it until it was carried out once. *ret_calm: without a crash. */
static int carry_out(struct sim *sim, struct command_call *c, bool *ret_calm) {
    int status = 503;

    *ret_calm = true;
    if (__lsan_disable) {
        __lsan_disable();
    }
    while (!*sim->law && !call_engine(sim, call_command, c, &status)) {
        const bool committed = sim->committed;
        *ret_calm = false;
        c->reply = NULL;
        sim_crash(sim);
        if (committed) {
            status = 200; /* the answer is lost, the change is there */
            break;
        }
    }
    if (__lsan_enable) {
        __lsan_enable();
    }
    return status;
}

int sim_command(struct sim *sim, int argc, char **argv, char *reply, size_t capacity) {
    char *words[64] = {(char[]){"cobictl"}};
    struct parsed parsed = {0};
    struct complaint complaint = {0};
    struct command_call c = {0};
    bool calm;

    assert(argc < 63 && sim->engine);
    memcpy(&words[1], argv, (size_t)argc * sizeof *argv);
    if (parse_command_line(argc + 1, words, &parsed, &complaint) < 0 || parsed.wish != PARSED_RUN) {
        (void)snprintf(reply, reply ? capacity : 0, "%s", complaint.text);
        return 400;
    }
    c.command = parsed.command;
    c.arguments = parsed.arguments;
    const char *id = json_string_value(json_object_get(c.arguments, "id"));
    const bool about_chain = c.command->noun && strcmp(c.command->noun, "escalation") == 0 && id;
    const int status = carry_out(sim, &c, &calm);

    sim->stirred = true; /* it looks whether there is anything new to do */

    if (status == 200 && strcmp(c.command->verb, "release") == 0) {
        sim->doubtful = false; /* somebody has looked at it */
    }
    if (status == 200) {
        note_address(sim, c.command, c.arguments);
        note_case(sim, c.command, c.arguments);
        note_feed(sim, c.command, c.reply);
    }
    if (about_chain && calm) {
        laws_others(sim, id);
    }
    if (reply) {
        char *text = c.reply ? json_dumps(c.reply, JSON_COMPACT) : NULL;
        (void)snprintf(reply, capacity, "%s", text ? text : "");
        free(text);
    }
    json_decref(c.reply);
    parsed_done(&parsed);
    laws_turn(sim);
    sim_run_until(sim, sim->clock);
    return status;
}

/* ---- the emailed link ---- */

struct ack_call {
    char token[44], code[10];
};

static int call_ack(struct sim *sim, void *argument) {
    struct ack_call *a = argument;

    return engine_ack(sim->engine, a->token, a->code);
}

int sim_acknowledge(struct sim *sim, const char *recipient, bool wrong_code) {
    const struct parcel *p = world_last(sim, recipient, "/ack/");
    struct ack_call a = {0};
    struct ack_view view;
    int r = 0;

    if (!p) {
        return -ENOMSG;
    }
    (void)snprintf(a.token, sizeof a.token, "%.43s", strstr(p->body, "/ack/") + 5);
    (void)snprintf(a.code, sizeof a.code, "%.9s",
                   wrong_code ? "WRONG-123" : strstr(p->body, "code ") + 5);
    /* A look changes nothing, however often a mail scanner takes it. */
    const int64_t version = witness_number(sim, "PRAGMA data_version", NULL);
    for (int i = 0; i < 3; i++) {
        r = engine_ack_show(sim->engine, a.token,
                            &view); /* a stale link is shown as one that never was */
    }
    if (witness_number(sim, "PRAGMA data_version", NULL) != version) {
        law_broken(sim, "look", "a look at the link of %s has changed the database", p->message_id);
    }
    bool calm = true;

    while (!*sim->law && !call_engine(sim, call_ack, &a, &r)) {
        const bool committed = sim->committed;
        calm = false;
        sim_crash(sim);
        if (committed) {
            r = wrong_code ? -EACCES : 0;
            break;
        }
    }
    if (calm) {
        laws_others(sim, p->escalation);
    }
    laws_turn(sim);
    sim_run_until(sim, sim->clock);
    return r;
}
