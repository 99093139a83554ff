/* inside: what one thing costs in processor time, measured inside one process on a real store.
 *
 * Usage: inside CONFIG FOLDER render|plan|dispatch ROUNDS; FOLDER holds a town (seed) and CONFIG
 * names it as state_dir. Prints lines "NAME MILLISECONDS": the first call of this process and the
 * median of the rounds after it, each beside a bare counterpart that does the least that would give
 * the same result. */
#include <errno.h>
#include <libical/ical.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cobi/engine/engine.h"
#include "cobi/ical/holidays.h"
#include "cobi/web/web.h"
#include "town.h"

enum { ROUNDS_MAX = 1000, EVENTS = 360, ANSWERS_MAX = 256 };

struct inside {
    struct town town;
    struct config *config;
    struct templates *templates;
    struct holidays holidays;
    struct engine *engine;
    struct feed_key key;
    struct delivery answers[ANSWERS_MAX]; /* of what the last pass sent */
    size_t answer_count, sent_count;
    sqlite3_stmt *rows; /* of the bare look at the practitioner's calendar */
    const char *database;
    size_t bytes;
};
typedef void measured(struct inside *inside);

static double cpu_ms(void) {
    struct timespec t;
    town_must(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t), "the clock");
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int compare(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void report(struct inside *inside, const char *name, measured *one, size_t rounds) {
    static double taken_ms[ROUNDS_MAX];
    double begun_ms = cpu_ms();
    one(inside);
    (void)printf("%s_first %.4f\n", name, cpu_ms() - begun_ms);
    for (size_t i = 0; i < rounds; i++) {
        begun_ms = cpu_ms();
        one(inside);
        taken_ms[i] = cpu_ms() - begun_ms;
    }
    qsort(taken_ms, rounds, sizeof *taken_ms, compare);
    (void)printf("%s %.4f\n", name, taken_ms[rounds / 2]);
}

/* ---- the engine's world: what is sent is accepted at once ---- */

static struct instant world_now(void *world) {
    return ((struct inside *)world)->town.now;
}

static void world_random(void *world, void *buffer, size_t length) {
    (void)world;
    memset(buffer, 1, length);
}

static void world_wake_at(void *world, struct instant when) {
    (void)world;
    (void)when;
}

static int world_send(void *world, const struct outgoing *message) {
    struct inside *inside = world;
    if (inside->answer_count == ANSWERS_MAX) {
        return -EAGAIN;
    }
    struct delivery *answer = &inside->answers[inside->answer_count++];
    *answer = (struct delivery){.attempt = message->attempt, .outcome = OUTCOME_ACCEPTED};
    memcpy(answer->message_id, message->message_id, sizeof answer->message_id);
    inside->sent_count++;
    return 0;
}

static void open_engine(struct inside *inside, const char *config_file) {
    static struct complaints complaints;
    struct complaint complaint = {0};
    if (config_load(config_file, &inside->config, &complaints) < 0 ||
        templates_load(inside->config->templates_dir, &inside->templates, &complaints) < 0) {
        (void)fprintf(stderr, "inside: %s\n", complaints.list[0].text);
        exit(1);
    }
    town_must(holidays_load(inside->config->holidays_file, &inside->holidays, &complaint),
              complaint.text);
    const struct engine_setup setup = {inside->config, inside->templates, &inside->holidays,
                                       inside->town.zones};
    const struct ports ports = {.world = inside,
                                .now = world_now,
                                .random = world_random,
                                .wake_at = world_wake_at,
                                .send = world_send};
    town_must(engine_open(inside->town.store, &setup, &ports, &inside->engine), "the engine");
}

/* ---- render ---- */

static void render(struct inside *inside) {
    struct feed_body body = {0};
    town_must(engine_feed_build(inside->engine, &inside->key, &body), "a feed");
    inside->bytes = body.length;
    free(body.bytes);
}

static icaltimetype bare_time(int i) {
    icaltimetype t = icaltime_null_time();
    t.year = 2027;
    t.month = 1 + i / 30;
    t.day = 1 + i % 28;
    t.hour = 9 + i % 8;
    return t;
}

static void bare_event(icalcomponent *calendar, int i) {
    char uid[40], summary[64];
    icaltimetype utc = bare_time(i);
    icalcomponent *event = icalcomponent_new_vevent();
    icalproperty *start = icalproperty_new_dtstart(bare_time(i)),
                 *end = icalproperty_new_dtend(bare_time(i)),
                 *organizer = icalproperty_new_organizer("mailto:appointments@example.org");
    (void)snprintf(uid, sizeof uid, "6f1de0e4-77c0-4a01-8c01-%012d", i);
    (void)snprintf(summary, sizeof summary, "Session %d of 12 \302\267 ref P-%d", i % 12 + 1,
                   i / 12);
    utc.zone = icaltimezone_get_utc_timezone();
    icalproperty_add_parameter(start, icalparameter_new_tzid("Europe/London"));
    icalproperty_add_parameter(end, icalparameter_new_tzid("Europe/London"));
    icalproperty_add_parameter(organizer, icalparameter_new_cn("Appointments"));
    icalproperty *properties[] = {icalproperty_new_uid(uid),
                                  icalproperty_new_dtstamp(utc),
                                  icalproperty_new_lastmodified(utc),
                                  icalproperty_new_sequence(i % 3),
                                  start,
                                  end,
                                  icalproperty_new_summary(summary),
                                  icalproperty_new_status(ICAL_STATUS_CONFIRMED),
                                  icalproperty_new_transp(ICAL_TRANSP_OPAQUE),
                                  icalproperty_new_class(ICAL_CLASS_PRIVATE),
                                  organizer};
    for (size_t p = 0; p < ARRAY_COUNT(properties); p++) {
        icalcomponent_add_property(event, properties[p]);
    }
    icalcomponent_add_component(calendar, event);
}

/* libical's own way to as many events: a tree of components, then its text. Nothing is read from a
 * store or checked. */
static void render_bare(struct inside *inside) {
    icalcomponent *calendar = icalcomponent_new_vcalendar();
    (void)inside;
    for (int i = 0; i < EVENTS; i++) {
        bare_event(calendar, i);
    }
    char *text = icalcomponent_as_ical_string_r(calendar);
    town_must(text != NULL ? 0 : -ENOMEM, "libical");
    free(text);
    icalcomponent_free(calendar);
}

static void measure_render(struct inside *inside, size_t rounds) {
    memcpy(inside->key.feed_id, "F-bench", sizeof "F-bench");
    report(inside, "render_360", render, rounds);
    report(inside, "render_360_libical", render_bare, rounds);
    (void)printf("render_360_bytes %zu\n", inside->bytes);
}

/* ---- plan ---- */

static void plan(struct inside *inside) {
    const struct actor actor = {.user = "bench", .access = COMMAND_ADMIN};
    json_t *arguments = json_pack("{s:s,s:b}", "id", TOWN_PARTICIPANT, "dry_run", 1), *reply = NULL;
    const int status = engine_command(inside->engine, command_find("participant", "plan"), &actor,
                                      arguments, &reply);
    if (status != 200) {
        (void)fprintf(stderr, "inside: plan: %s\n",
                      json_string_value(json_object_get(reply, "error")));
        exit(1);
    }
    json_decref(reply);
    json_decref(arguments);
}

/* The least a planner must do: read the practitioner's calendar and the office's once, row by row.
 */
static void plan_bare(struct inside *inside) {
    int64_t sum = 0;
    while (sqlite3_step(inside->rows) == SQLITE_ROW) {
        sum += sqlite3_column_int64(inside->rows, 0) + sqlite3_column_int64(inside->rows, 1) +
               sqlite3_column_bytes(inside->rows, 2);
    }
    town_must(sum > 0 ? 0 : -ENODATA, "an empty calendar");
    town_must(sqlite3_reset(inside->rows) == SQLITE_OK ? 0 : -EIO, "reset");
}

static void measure_plan(struct inside *inside, size_t rounds) {
    static const char sql[] =
        "SELECT start_us,minutes,mode FROM session WHERE practitioner='" TOWN_PRACTITIONER
        "' AND state<>'cancelled'"
        " UNION ALL SELECT start_us,minutes,mode FROM session WHERE office='" TOWN_OFFICE
        "' AND state<>'cancelled'";
    sqlite3 *db = NULL;
    town_must(
        sqlite3_open_v2(inside->database, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK ? 0 : -EIO,
        "the database");
    town_must(sqlite3_prepare_v2(db, sql, -1, &inside->rows, NULL) == SQLITE_OK ? 0 : -EIO, sql);
    report(inside, "plan_one", plan, rounds);
    report(inside, "plan_one_rows", plan_bare, rounds);
    (void)sqlite3_finalize(inside->rows); /* repeats the code of the last step */
    (void)sqlite3_close(db);              /* only read from */
}

/* ---- dispatch: the engine's part of it, without disk and network ---- */

static void measure_dispatch(struct inside *inside) {
    const double begun_ms = cpu_ms();
    int r = 1;
    while (r > 0 || inside->answer_count > 0) {
        struct delivery answers[ANSWERS_MAX];
        const size_t count = inside->answer_count;
        memcpy(answers, inside->answers, count * sizeof *answers);
        inside->answer_count = 0;
        r = engine_pass(inside->engine, answers, count);
        town_must(r, "a pass");
    }
    town_must(inside->sent_count > 0 ? 0 : -ENODATA, "no message left");
    (void)printf("dispatch_engine %.4f\n", (cpu_ms() - begun_ms) / (double)inside->sent_count);
}

int main(int argc, char **argv) {
    static struct inside inside;
    char database[4096];
    struct text t = TEXT_IN(database);
    if (argc != 5) {
        (void)fprintf(stderr, "usage: inside CONFIG FOLDER render|plan|dispatch ROUNDS\n");
        return 2;
    }
    const size_t rounds = strtoul(argv[4], NULL, 10);
    town_must(rounds >= 1 && rounds <= ROUNDS_MAX ? 0 : -ERANGE, "rounds");
    text_addf(&t, "%s/cobid.db", argv[2]);
    inside.database = database;
    town_open(&inside.town, argv[2]);
    open_engine(&inside, argv[1]);
    if (strcmp(argv[3], "render") == 0) {
        measure_render(&inside, rounds);
    } else if (strcmp(argv[3], "dispatch") == 0) {
        measure_dispatch(&inside);
    } else {
        measure_plan(&inside, rounds);
    }
    engine_free(inside.engine);
    templates_free(inside.templates);
    config_free(inside.config);
    town_close(&inside.town);
    return 0;
}
