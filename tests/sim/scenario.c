/* Reads a scenario line by line and carries it out: a table of directives, each a small function.
 *
 * A scenario fails at the first line that does not come true, or as soon as a law is broken; the
 * file, the line and the simulated time are named. With CRASH-EVERYWHERE it is run once for each
 * crash point that follows. */
#include "scenario.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct turn {
    struct sim *sim;
    struct words *w;
    const char *line;
    bool calm; /* no crash is planned for this run */
};

static const char *argument(const struct turn *t, int index) {
    return index < t->w->count ? t->w->word[index] : "";
}

static int command(struct turn *t, bool good, bool bad, struct complaint *complaint) {
    char *reply = t->sim->answer;

    if (!t->sim->engine) {
        return complain(complaint, -EINVAL, "the daemon is stopped");
    }
    reply[0] = '\0';
    const int status = sim_command(t->sim, t->w->count - 1, &t->w->word[1], reply, ANSWER_SIZE);

    sim_trace(t->sim, "%d %.200s", status, reply);
    if (status >= 500) {
        law_broken(t->sim, "answers", "a command is answered with %d: %.300s", status, reply);
    }
    if (status == 200 ? !good : !bad) {
        return complain(complaint, -EINVAL, "%s %d: %.300s",
                        good ? "refused with" : "was not refused:", status, reply);
    }
    return 0;
}

static int do_command(struct turn *t, struct complaint *complaint) {
    return command(t, true, false, complaint);
}

static int do_refused(struct turn *t, struct complaint *complaint) {
    return command(t, false, true, complaint);
}

static int do_try(struct turn *t, struct complaint *complaint) {
    return command(t, true, true, complaint);
}

static int do_gateway(struct turn *t, struct complaint *complaint) {
    const bool all = strcmp(argument(t, 1), "all") == 0;
    enum character character;
    struct span delay = {SECOND_US};
    const char *seed = words_value(t->w, "seed");

    if ((!all && !config_find_gateway(t->sim->kit->config, argument(t, 1))) ||
        character_from_text(argument(t, 2), &character) < 0 ||
        (t->w->count > 3 && !strchr(argument(t, 3), '=') &&
         span_from_text(argument(t, 3), &delay) < 0)) {
        return complain(complaint, -EINVAL, "GATEWAY texts|mails|all CHARACTER [SPAN] [seed=N]");
    }
    world_set(t->sim, all ? NULL : argument(t, 1), character, delay,
              seed ? strtoull(seed, NULL, 10) : 0);
    return 0;
}

static int do_receipt_after(struct turn *t, struct complaint *complaint) {
    if (span_from_text(argument(t, 1), &t->sim->kit->config->receipt_after) < 0) {
        return complain(complaint, -EINVAL, "RECEIPT-AFTER SPAN");
    }
    return 0;
}

/* The supervisors' chain of that kind: its step of that number tells by text too, or waits by the
 * clock. */
static int do_step(struct turn *t, struct complaint *complaint) {
    struct config *config = t->sim->kit->config;
    const long number = strtol(argument(t, 2), NULL, 10);
    const bool text = strcmp(argument(t, 3), "text") == 0;

    for (uint32_t i = 0; i < config->escalation_count; i++) {
        struct escalation_policy *policy = &config->escalations[i];
        if (policy->audience == AUDIENCE_SUPERVISOR && number >= 1 &&
            number <= (long)policy->step_count &&
            strcmp(escalation_kind_to_text(policy->kind), argument(t, 1)) == 0 &&
            (text || strcmp(argument(t, 3), "clock") == 0)) {
            struct escalation_step *step = &policy->steps[number - 1];
            step->channel = text ? STEP_BY_TEXT : step->channel;
            step->clock |= !text;
            return 0;
        }
    }
    return complain(complaint, -EINVAL, "STEP KIND NUMBER text|clock");
}

static int do_text(struct turn *t, struct complaint *complaint) {
    if (t->w->count != 4 || !t->sim->engine) {
        return complain(complaint, -EINVAL, "TEXT WHO \"WORDS\" ID, and the daemon must run");
    }
    sim_text(t->sim, argument(t, 1), argument(t, 2), argument(t, 3));
    return 0;
}

static int do_mailbox(struct turn *t, struct complaint *complaint) {
    struct sim *sim = t->sim;

    if (strcmp(argument(t, 2), "refuses") == 0 && sim->refusing_count < REFUSING_MAX) {
        (void)snprintf(sim->refusing[sim->refusing_count++], ID_SIZE, "%s", argument(t, 1));
        return 0;
    }
    if (strcmp(argument(t, 2), "works") != 0) {
        return complain(complaint, -EINVAL, "MAILBOX WHO refuses|works");
    }
    for (size_t i = 0; i < sim->refusing_count; i++) {
        if (strcmp(sim->refusing[i], argument(t, 1)) == 0) {
            memcpy(sim->refusing[i], sim->refusing[--sim->refusing_count], ID_SIZE);
        }
    }
    return 0;
}

static int do_pass(struct turn *t, struct complaint *complaint) {
    struct span span;

    if (span_from_text(argument(t, 1), &span) < 0) {
        return complain(complaint, -EINVAL, "PASS SPAN");
    }
    sim_run_until(t->sim, instant_add(t->sim->clock, span));
    return 0;
}

/* The machine looks again and again, whether anything is due or not. */
static int do_ticks(struct turn *t, struct complaint *complaint) {
    const unsigned long count = strtoul(argument(t, 1), NULL, 10);
    struct span span;

    if (count == 0 || span_from_text(argument(t, 2), &span) < 0) {
        return complain(complaint, -EINVAL, "TICKS COUNT SPAN");
    }
    for (unsigned long i = 0; i < count && !*t->sim->law; i++) {
        sim_run_until(t->sim, instant_add(t->sim->clock, span));
        sim_tick(t->sim);
    }
    return 0;
}

static int do_until(struct turn *t, struct complaint *complaint) {
    struct instant target;

    if (words_time(t->sim, argument(t, 1), &target) < 0 || instant_cmp(target, t->sim->clock) < 0) {
        return complain(complaint, -EINVAL, "UNTIL TIME: no time, or one that has passed");
    }
    sim_run_until(t->sim, target);
    return 0;
}

static int do_expect(struct turn *t, struct complaint *complaint) {
    return expect(t->sim, t->w, complaint);
}

static int do_expect_calm(struct turn *t, struct complaint *complaint) {
    return t->calm ? expect(t->sim, t->w, complaint) : 0;
}

/* "after=5,40,3": at the fifth point from here, the fortieth after that one, the third after that.
 */
static uint64_t read_gaps(struct sim *sim, const char *text) {
    uint64_t gaps[CRASH_GAPS_MAX + 1];
    size_t count = 0;
    char *end = NULL;

    do {
        gaps[count++] = strtoull(text, &end, 10);
        text = end + 1;
    } while (*end == ',' && count < ARRAY_COUNT(gaps) && gaps[count - 1] > 0);
    if (*end || gaps[count - 1] == 0) {
        return 0;
    }
    sim->crash_gap_count = count - 1;
    for (size_t i = 1; i < count; i++) {
        sim->crash_gaps[count - 1 - i] = gaps[i]; /* taken from the end */
    }
    return gaps[0];
}

static int do_crash(struct turn *t, struct complaint *complaint) {
    static const char *const names[] = {"before commit", "after commit", "before send",
                                        "after send",    "before wake",  "now",
                                        "random"};
    const char *after = words_value(t->w, "after");
    struct sim *sim = t->sim;

    if (!t->calm) {
        return 0; /* this run crashes elsewhere */
    }
    sim->crash_name = NULL;
    sim->crash_gap_count = 0;
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        sim->crash_name = strcmp(names[i], argument(t, 1)) == 0 ? names[i] : sim->crash_name;
    }
    const uint64_t count = after ? read_gaps(sim, after) : 1;

    if (count == 0 || (!sim->crash_name && t->w->count > 1 && !after)) {
        return complain(complaint, -EINVAL,
                        "CRASH [\"before commit\"|\"after commit\"|\"before send\"|\"after "
                        "send\"] [after=N[,M...]]");
    }
    sim->named_count = 0;
    sim->crash_at = sim->crash_name ? count : sim->point_count + count;
    return 0;
}

static int do_kill(struct turn *t, struct complaint *complaint) {
    if (!t->sim->engine) {
        return complain(complaint, -EINVAL, "the daemon is stopped already");
    }
    sim_stop(t->sim);
    return 0;
}

static int do_start(struct turn *t, struct complaint *complaint) {
    if (t->sim->engine) {
        return complain(complaint, -EINVAL, "the daemon runs already");
    }
    sim_start(t->sim);
    sim_run_until(t->sim, t->sim->clock);
    return 0;
}

/* "+2d", "-1h", or the time that it shows from now on. */
static int do_clock_step(struct turn *t, struct complaint *complaint) {
    const char *text = argument(t, 1);
    struct instant shown;
    struct span step;

    if ((*text == '+' || *text == '-') && span_from_text(text + 1, &step) == 0) {
        step.us = *text == '-' ? -step.us : step.us;
    } else if (words_time(t->sim, text, &shown) == 0) {
        step = instant_since(shown, instant_add(t->sim->clock, t->sim->error));
    } else {
        return complain(complaint, -EINVAL, "CLOCK-STEP +SPAN|-SPAN|TIME");
    }
    sim_clock_step(t->sim, step);
    return 0;
}

static int do_clock_synchronised(struct turn *t, struct complaint *complaint) {
    (void)complaint;
    sim_clock_synchronise(t->sim);
    return 0;
}

static int do_never(struct turn *t, struct complaint *complaint) {
    struct never *n = &t->sim->nevers[t->sim->never_count];

    if (t->w->count != 4 || strcmp(argument(t, 2), "reads") != 0 ||
        t->sim->never_count == NEVERS_MAX || strlen(argument(t, 3)) >= sizeof n->text) {
        return complain(complaint, -EINVAL, "NEVER WHO reads \"TEXT\"");
    }
    t->sim->never_count++;
    (void)snprintf(n->who, sizeof n->who, "%s", argument(t, 1));
    (void)snprintf(n->text, sizeof n->text, "%s", argument(t, 3));
    return 0;
}

static int acknowledge(struct turn *t, bool good, struct complaint *complaint) {
    const int r = sim_acknowledge(t->sim, argument(t, 1),
                                  strcmp(argument(t, 2), "wrong-code") == 0);

    if (r == -ENOMSG || (r == 0) != good) {
        return complain(complaint, -EINVAL,
                        r == -ENOMSG ? "has received no link" : "the link answers: %s",
                        strerror(-r));
    }
    return 0;
}

static int do_acknowledge(struct turn *t, struct complaint *complaint) {
    return acknowledge(t, true, complaint);
}

static int do_acknowledge_refused(struct turn *t, struct complaint *complaint) {
    return acknowledge(t, false, complaint);
}

static int do_try_link(struct turn *t, struct complaint *complaint) {
    (void)complaint;
    (void)sim_acknowledge(t->sim, argument(t, 1),
                          strcmp(argument(t, 2), "wrong-code") ==
                              0); /* whatever the link says: the laws are looked at */
    return 0;
}

static const struct {
    const char *name;
    int (*handler)(struct turn *t, struct complaint *complaint);
} directives[] = {
    {"DO", do_command},
    {"DO!", do_refused},
    {"TRY", do_try},
    {"GATEWAY", do_gateway},
    {"RECEIPT-AFTER", do_receipt_after},
    {"STEP", do_step},
    {"TEXT", do_text},
    {"MAILBOX", do_mailbox},
    {"PASS", do_pass},
    {"TICKS", do_ticks},
    {"UNTIL", do_until},
    {"EXPECT", do_expect},
    {"EXPECT-CALM", do_expect_calm},
    {"CRASH", do_crash},
    {"KILL", do_kill},
    {"START", do_start},
    {"CLOCK-STEP", do_clock_step},
    {"CLOCK-SYNCHRONISED", do_clock_synchronised},
    {"NEVER", do_never},
    {"ACKNOWLEDGE", do_acknowledge},
    {"ACKNOWLEDGE!", do_acknowledge_refused},
    {"TRY-LINK", do_try_link},
};

static int tell(struct sim *sim, const char *line, bool calm, struct complaint *complaint) {
    struct words w;
    struct turn t = {.sim = sim, .w = &w, .line = line, .calm = calm};

    if (words_read(&w, sim, line) < 0) {
        return complain(complaint, -EINVAL, "a line that cannot be read");
    }
    if (w.count == 0) {
        return 0;
    }
    for (size_t i = 0; i < ARRAY_COUNT(directives); i++) {
        if (strcmp(directives[i].name, w.word[0]) == 0) {
            const int r = directives[i].handler(&t, complaint);
            if (*sim->law) {
                return complain(complaint, -EINVAL, "%s", sim->broken);
            }
            return r;
        }
    }
    return complain(complaint, -EINVAL, "%s: no such directive", w.word[0]);
}

/* "REPEAT 1..100 LINE": the line for each number, in place of "%". */
static int repeat(struct sim *sim, const char *line, bool calm, struct complaint *complaint) {
    char one[SCENARIO_LINE_SIZE];
    unsigned long from = 0, to = 0;
    int start = 0;

    if (sscanf(line, "REPEAT %lu..%lu %n", &from, &to, &start) != 2 || start == 0) {
        return complain(complaint, -EINVAL, "REPEAT FROM..TO LINE");
    }
    for (unsigned long i = from; i <= to; i++) {
        struct text text = TEXT_IN(one);
        for (const char *p = line + start; *p; p++) {
            if (*p == '%') {
                text_addf(&text, "%lu", i);
            } else {
                text_add_bytes(&text, p, 1);
            }
        }
        const int r = text.overflow ? -EINVAL : tell(sim, one, calm, complaint);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

int scenario_line(struct sim *sim, const char *line, bool calm, struct complaint *complaint) {
    return strncmp(line, "REPEAT ", 7) == 0 ? repeat(sim, line, calm, complaint)
                                            : tell(sim, line, calm, complaint);
}

/* ---- a whole file ---- */

struct reader {
    struct kit *kit;
    struct sim sim;
    bool open;
    const struct scenario_run *run;
    uint64_t crash_from;
    struct scenario_result *result;
};

static int fail(struct reader *r, const char *file, int number, const char *line, const char *why) {
    (void)snprintf(r->result->why, sizeof r->result->why, "%s:%d: %.*s: %s", file, number,
                   (int)strcspn(line, "\n"), line, why);
    (void)snprintf(r->result->law, sizeof r->result->law, "%s", r->open ? r->sim.law : "");
    return -EINVAL;
}

static int begin(struct reader *r, const char *time) {
    const struct sim kit_only = {.kit = r->kit};
    struct sim guess = kit_only;
    struct instant clock;

    if (r->open || words_time(&guess, time, &clock) < 0) {
        return -EINVAL;
    }
    sim_open(&r->sim, r->kit, 1, clock);
    r->open = true;
    return 0;
}

/* What a file says about itself; 1: done, 0: an ordinary line. */
static int read_frame(struct reader *r, const char *line, FILE **ret_include, const char *file) {
    struct words w;
    char path[512];

    if (words_read(&w, NULL, line) < 0 || w.count == 0) {
        return 0;
    }
    if (strcmp(w.word[0], "CLOCK") == 0) {
        return begin(r, w.count > 1 ? w.word[1] : "") < 0 ? -EINVAL : 1;
    }
    if (strcmp(w.word[0], "INCLUDE") == 0 && w.count == 2) {
        const char *slash = strrchr(file, '/');
        (void)snprintf(path, sizeof path, "%.*s%s", slash ? (int)(slash - file + 1) : 0, file,
                       w.word[1]);
        *ret_include = fopen(path, "re");
        return *ret_include ? 1 : -EINVAL;
    }
    if (strcmp(w.word[0], "CRASH-EVERYWHERE") == 0 && r->open) {
        r->result->everywhere = true;
        r->crash_from = r->sim.point_count;
        r->sim.crash_at = r->run->crash_at ? r->crash_from + r->run->crash_at : 0;
        return 1;
    }
    return 0;
}

/* A line about an advocate that is to be left out: as if nobody had ever been linked. */
static bool left_out(struct reader *r, const char *line) {
    const bool about = line[0] != '#' && (strstr(line, "AD-") || strstr(line, " advocate "));

    r->result->advocates |= about && strstr(line, " link ");
    return about && r->run->no_advocates;
}

/* Reads the file, and one that it includes (which includes none itself). */
static int read_file(struct reader *r, const char *file) {
    FILE *outer = fopen(file, "re"), *inner = NULL;
    char line[SCENARIO_LINE_SIZE];
    int number = 0, result = outer ? 0 : fail(r, file, 0, "the file", strerror(errno));

    while (result == 0 && outer) {
        struct complaint complaint = {0};
        FILE *include = NULL;
        if (inner && !fgets(line, sizeof line, inner)) {
            (void)fclose(inner); /* only read from */
            inner = NULL;
        }
        if (!inner) {
            number++;
            if (!fgets(line, sizeof line, outer)) {
                break;
            }
        }
        if (left_out(r, line)) {
            continue;
        }
        const int frame = read_frame(r, line, &include, file);
        inner = include ? include : inner;
        if (frame < 0 ||
            (frame == 0 && !r->open && line[strspn(line, " \t\n")] && line[0] != '#')) {
            result = fail(r, file, number, line,
                          "must begin with CLOCK TIME; INCLUDE FILE needs a file");
        } else if (frame == 0 && r->open &&
                   scenario_line(&r->sim, line, r->run->crash_at == 0, &complaint) < 0 &&
                   (*r->sim.law || !r->run->laws_only)) {
            result = fail(r, file, number, line, complaint.text);
        }
    }
    if (inner) {
        (void)fclose(inner);
    }
    if (outer) {
        (void)fclose(outer);
    }
    return result;
}

void scenario_run(struct kit *kit, const struct scenario_run *run,
                  struct scenario_result *ret_result) {
    struct reader *r = calloc(1, sizeof *r);

    if (!r) {
        abort();
    }
    *ret_result = (struct scenario_result){0};
    *r = (struct reader){.kit = kit, .run = run, .result = ret_result};
    int result = read_file(r, run->file);

    ret_result->points = r->open && ret_result->everywhere ? r->sim.point_count - r->crash_from : 0;
    if (result == 0 && r->open) {
        laws_end(&r->sim);
        result = *r->sim.law ? fail(r, run->file, 0, "the end", r->sim.broken) : 0;
    }
    ret_result->passed = result == 0 && r->open;
    ret_result->digest = r->sim.participants_digest;
    if (r->open) {
        sim_close(&r->sim);
    }
    free(r);
}
