/* The world of engine_world.h. What is not scripted behaves well: gateways accept at once, time
 * stands still. */
#include "engine_world.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>

#include "cobi/ctl/parse.h"
#include "cobi/ical/holidays.h"

struct world w;

/* ---- ports ---- */

static struct instant port_now(void *world) {
    return ((struct world *)world)->now;
}

static struct mono port_elapsed(void *world) {
    const struct world *me = world;

    return (struct mono){me->now.us - me->wrong.us};
}

static void port_random(void *world, void *buffer, size_t length) {
    struct world *me = world;

    for (size_t i = 0; i < length; i++) {
        me->random = me->random * UINT64_C(6364136223846793005) + 1442695040888963407u;
        ((unsigned char *)buffer)[i] = (unsigned char)(me->random >> 56);
    }
}

static void port_wake(void *world, struct instant when) {
    ((struct world *)world)->wake = when;
}

size_t gateway_index(const char *name) {
    size_t i = 0;

    while (i < w.config->gateway_count && strcmp(w.config->gateways[i].name, name) != 0) {
        i++;
    }
    assert_true(i < w.config->gateway_count);
    return i;
}

static char *copy(const char *text) {
    char *made = strdup(text ? text : "");

    assert_non_null(made);
    return made;
}

static void fill(char *buffer, size_t capacity, const char *text) {
    assert_true(strlen(text) < capacity);
    memcpy(buffer, text, strlen(text) + 1);
}

static int port_send(void *world, const struct outgoing *m) {
    struct world *me = world;

    assert_true(me->sent_count < SENT_MAX);
    /* Nothing leaves before the commit that records it. */
    assert_string_equal(sql("SELECT state FROM message WHERE id='%s'", m->message_id), "sending");
    assert_int_equal(sql_int("SELECT count(*) FROM attempt WHERE message='%s' AND attempt=%u",
                             m->message_id, m->attempt),
                     1);
    if (me->closed[gateway_index(m->gateway)]) {
        return -ECONNREFUSED;
    }
    struct sent *s = &me->sent[me->sent_count++];

    *s = (struct sent){.attempt = m->attempt,
                       .kind = m->kind,
                       .audience = m->audience,
                       .channel = m->channel,
                       .at = me->now,
                       .to = copy(m->to),
                       .subject = copy(m->subject),
                       .body = copy(m->body),
                       .from = copy(m->from),
                       .reference = copy(m->reference),
                       .thread_id = copy(m->thread_id)};
    fill(s->message_id, sizeof s->message_id, m->message_id);
    fill(s->gateway, sizeof s->gateway, m->gateway);
    fill(s->recipient, sizeof s->recipient,
         sql("SELECT recipient FROM message WHERE id='%s'", m->message_id));
    fill(s->session, sizeof s->session,
         sql("SELECT session FROM message WHERE id='%s'", m->message_id));
    fill(s->topic, sizeof s->topic, sql("SELECT topic FROM message WHERE id='%s'", m->message_id));
    return 0;
}

/* ---- opening and closing ---- */

static void write_config(const char *extra, const char *gateways) {
    const char *top = getenv("top_srcdir");
    char file[240], real[PATH_MAX];
    FILE *f;

    assert_non_null(realpath(top && *top ? top : ".", real));
    (void)snprintf(file, sizeof file, "%s/cobid.conf", w.folder);
    f = fopen(file, "w");
    assert_non_null(f);
    (void)fprintf(
        f,
        "timezone = \"Europe/London\";\nstate_dir = \"%s\";\ncontrol_socket = "
        "\"%s/control.sock\";\n"
        "public_url = \"https://appointments.example\";\nlisten = \"none\";\ntemplates_dir = "
        "\"%s/templates\";\n"
        "holidays = \"%s/etc/england-and-wales.ics\";\ntest_numbers = true;\nreceipt_after = "
        "\"0\";\n"
        "operator = \"operator@example.org\";\n"
        "sender = { name = \"Appointments\"; sms_from = \"Appointment\"; email = "
        "\"appointments@example.org\"; };\n"
        "gateways = (%s);\n@include \"%s/etc/programmes.conf\"\n@include \"%s/etc/outcomes.conf\"\n"
        "@include \"%s/etc/reminders.conf\"\n@include \"%s/etc/escalations.conf\"\n%s\n",
        w.folder, w.folder, real, real,
        gateways ? gateways
                 : "{ name = \"texts\"; type = \"spool\"; channel = \"sms\"; },"
                   "{ name = \"mail\"; type = \"spool\"; channel = \"email\"; }",
        real, real, real, real, extra ? extra : "");
    assert_int_equal(fclose(f), 0);
}

static struct zones *zones;

static void close_zones(void) {
    zones_free(zones);
}

/* One set for all worlds of a program: reading zone data is most of what a short test takes. A test
 * may write new history into its zone, so each world gets it as it was read. */
static void open_zones(void) {
    static struct zone as_read;

    if (zones) {
        memcpy((void *)(uintptr_t)zones_find(zones, as_read.name), &as_read, sizeof as_read);
    } else {
        assert_int_equal(zones_open(&zones), 0);
        assert_int_equal(atexit(close_zones), 0);
    }
    w.zones = zones;
    w.zone = zones_find(zones, w.config->timezone);
    assert_non_null(w.zone);
    as_read = *w.zone;
}

static void load(void) {
    static struct complaints complaints;
    struct complaint complaint = {0};
    char file[240];

    complaints.count = 0;
    (void)snprintf(file, sizeof file, "%s/cobid.conf", w.folder);
    if (config_load(file, &w.config, &complaints) < 0 ||
        templates_load(w.config->templates_dir, &w.templates, &complaints) < 0) {
        fail_msg("%s", complaints.list[0].text);
    }
    w.holidays = calloc(1, sizeof *w.holidays);
    assert_non_null(w.holidays);
    assert_int_equal(holidays_load(w.config->holidays_file, w.holidays, &complaint), 0);
    open_zones();
}

static void start(void) {
    static const unsigned char key[STORE_KEY_BYTES] = "a key of a test, thirty-two byte";
    const struct engine_setup setup = {w.config, w.templates, w.holidays, w.zones};
    const struct ports ports = {.world = &w,
                                .now = port_now,
                                .elapsed = port_elapsed,
                                .random = port_random,
                                .wake_at = port_wake,
                                .send = port_send};
    struct complaint complaint = {0};

    if (store_open(w.database, key, &w.store, &complaint) < 0) {
        fail_msg("%s", complaint.text);
    }
    store_set_volatile(w.store);
    if (!w.witness) {
        assert_int_equal(sqlite3_open_v2(w.database, &w.witness, SQLITE_OPEN_READWRITE, NULL),
                         SQLITE_OK);
    }
    assert_int_equal(engine_open(w.store, &setup, &ports, &w.engine), 0);
    assert_int_equal(engine_start(w.engine), 0);
}

void world_open(const char *extra, const char *gateways) {
    const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm"
                       : getenv("TMPDIR")            ? getenv("TMPDIR")
                                                     : "/tmp";

    w = (struct world){.random = 1};
    (void)snprintf(w.folder, sizeof w.folder, "%s/cobi-engine-XXXXXX", base);
    assert_non_null(mkdtemp(w.folder));
    (void)snprintf(w.database, sizeof w.database, "%s/cobid.db", w.folder);
    w.sent = calloc(SENT_MAX, sizeof *w.sent);
    assert_non_null(w.sent);
    write_config(extra, gateways);
    load();
    w.now = local("2027-01-04 08:00");
    start();
}

static void stop(void) {
    engine_free(w.engine);
    store_close(w.store);
}

void world_restart(void) {
    stop();
    w.answered_count = w.sent_count; /* no answer finds its way back */
    start();
}

void world_close(void) {
    stop();
    (void)sqlite3_close(w.witness);
    for (size_t i = 0; i < w.sent_count; i++) {
        free(w.sent[i].to);
        free(w.sent[i].subject);
        free(w.sent[i].body);
        free(w.sent[i].from);
        free(w.sent[i].reference);
        free(w.sent[i].thread_id);
    }
    free(w.sent);
    json_decref(w.reply);
    arena_done(&w.arena);
    templates_free(w.templates);
    config_free(w.config);
    free(w.holidays);
    DIR *folder = opendir(w.folder);
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (entry->d_name[0] != '.') {
            assert_int_equal(unlinkat(dirfd(folder), entry->d_name, 0), 0);
        }
    }
    (void)closedir(folder);
    (void)rmdir(w.folder);
}

void world_cast(void) {
    do_("office add O-1 --name 'North Street' --address '1 North Street, Lewes' --phone '020 7946 "
        "0000' --rooms 3");
    do_("office add O-2 --name 'South Street' --address '2 South Street, Lewes' --phone '020 7946 "
        "0001' --rooms 0");
    do_("supervisor add SUP-2 --name 'Sam Second' --email sup2@staff.example");
    do_("supervisor add SUP-1 --name 'Una First' --email sup1@staff.example --next SUP-2");
    do_("practitioner add PR-1 --name 'Pat Practice' --email pr1@staff.example --office O-1 "
        "--hours 'Mon-Fri 09:00-17:00' --supervisor SUP-1");
    do_("practitioner add PR-2 --name 'Quin Practice' --email pr2@staff.example --office O-1 "
        "--hours 'Mon-Fri 09:00-17:00' --supervisor SUP-2");
    do_("officer add OFF-1 --name 'Ola Officer' --email off1@police.example --organisation 'County "
        "Police'");
    do_("advocate add ADV-1 --service 'Haven' --name 'Ada Voice' --email adv1@haven.example");
    do_("advocate add ADV-2 --service 'Harbour' --name 'Bea Voice' --email adv2@harbour.example");
    do_("participant add P-1 --programme cobi-12 --route spo --practitioner PR-1 --office O-1 "
        "--name 'Finn Person' "
        "--mobile '07700 900001' --email p1@mail.example --officer OFF-1 --officer-ref SPO-77");
}

int world_setup(void **state) {
    (void)state;
    world_open(NULL, NULL);
    world_cast();
    return 0;
}

int world_teardown(void **state) {
    (void)state;
    world_close();
    return 0;
}

/* ---- commands ---- */

enum { WORDS_MAX = 40, LINE_SIZE = 2000 };

static int split(char *line, char **words) {
    int count = 0;

    for (char *p = line; *p;) {
        p += strspn(p, " ");
        if (!*p) {
            break;
        }
        const char end = *p == '\'' ? '\'' : ' ';
        p += end == '\'';
        assert_true(count < WORDS_MAX - 1);
        words[count++] = p;
        p += strcspn(p, end == '\'' ? "'" : " ");
        if (*p) {
            *p++ = '\0';
        }
    }
    words[count] = NULL;
    return count;
}

static int give(char *line) {
    static char name[] = "cobictl";
    const struct actor actor = {.uid = 1000, .user = "tester", .access = COMMAND_ADMIN};
    char *words[WORDS_MAX + 1] = {name};
    struct parsed parsed = {0};
    struct complaint complaint = {0};
    const int count = split(line, words + 1) + 1;

    json_decref(w.reply);
    w.reply = NULL;
    if (parse_command_line(count, words, &parsed, &complaint) < 0 || parsed.wish != PARSED_RUN) {
        fail_msg("not a command line: %s", complaint.text);
    }
    const int status = engine_command(w.engine, parsed.command, &actor, parsed.arguments, &w.reply);

    parsed_done(&parsed);
    return status;
}

int try_(const char *format, ...) {
    char line[LINE_SIZE];
    va_list arguments;

    va_start(arguments, format);
    assert_true(vsnprintf(line, sizeof line, format, arguments) < (int)sizeof line);
    va_end(arguments);
    return give(line);
}

void do_(const char *format, ...) {
    char line[LINE_SIZE], shown[LINE_SIZE];
    va_list arguments;

    va_start(arguments, format);
    assert_true(vsnprintf(line, sizeof line, format, arguments) < (int)sizeof line);
    va_end(arguments);
    memcpy(shown, line, sizeof shown);
    const int status = give(line);

    if (status != 200) {
        fail_msg("%s: %d %s", shown, status, error_text());
    }
}

void refused(int status, const char *text, const char *line) {
    char *before = dump(true);
    const int got = try_("%s", line);

    if (got != status || !strstr(error_text(), text)) {
        fail_msg("%s: %d %s", line, got, got == 200 ? "was carried out" : error_text());
    }
    unchanged(before, true, line);
}

const char *reply_text(const char *path) {
    const json_t *at_value = w.reply;
    char part[64];

    while (*path && at_value) {
        const size_t length = strcspn(path, ".");
        (void)snprintf(part, sizeof part, "%.*s", (int)length, path);
        at_value = json_is_array(at_value)
                       ? json_array_get(at_value, (size_t)strtoul(part, NULL, 10))
                       : json_object_get(at_value, part);
        path += length + (path[length] == '.');
    }
    if (json_is_integer(at_value)) {
        return arena_printf(&w.arena, "%lld", (long long)json_integer_value(at_value));
    }
    return json_is_string(at_value) ? arena_copy(&w.arena, json_string_value(at_value))
           : json_is_true(at_value) ? "true"
                                    : "";
}

const char *error_text(void) {
    return reply_text("error");
}

/* ---- time ---- */

struct instant local(const char *text) {
    struct civil c;
    struct instant t;

    assert_int_equal(civil_from_text(text, &c), 0);
    assert_int_equal(zone_resolve(w.zone, c, ZONE_FIRST, &t), ZONE_UNIQUE);
    return t;
}

void answer(struct sent *s, enum outcome_class outcome) {
    struct delivery d = {
        .attempt = s->attempt, .outcome = outcome, .detail = "test", .retry_after = w.hint};

    memcpy(d.message_id, s->message_id, sizeof d.message_id);
    s->answered = true;
    assert_int_equal(engine_delivered(w.engine, &d), 0);
}

static bool answer_next(void) {
    while (w.answered_count < w.sent_count) {
        struct sent *s = &w.sent[w.answered_count++];
        const size_t g = gateway_index(s->gateway);
        if (!s->answered && !w.mute[g]) {
            const int special = w.by_audience[s->audience];
            answer(s, special ? (enum outcome_class)(special - 1) : w.answers[g]);
            return true;
        }
    }
    return false;
}

void run(void) {
    enum { ROUNDS_MAX = 5000 };
    int r = 1;

    for (int round = 0; r > 0 || answer_next(); round++) {
        r = engine_tick(w.engine);
        assert_true(r >= 0);
        if (round > ROUNDS_MAX) {
            fail_msg("the engine does not come to rest");
        }
    }
    /* At rest: the next look lies ahead. */
    assert_true(instant_cmp(w.wake, w.now) > 0);
}

static void live_until(struct instant target) {
    enum { WAKES_MAX = 20000 };
    int wakes = 0;

    run();
    while (instant_cmp(w.wake, target) <= 0) {
        w.now = instant_max(w.wake, w.now);
        run();
        if (++wakes > WAKES_MAX) {
            fail_msg("the engine wakes again and again");
        }
    }
    w.now = target;
    run();
}

void at(const char *text) {
    const struct instant target = local(text);

    assert_true(instant_cmp(target, w.now) >= 0);
    live_until(target);
}

void pass(const char *text) {
    struct span span;

    assert_int_equal(span_from_text(text, &span), 0);
    live_until(instant_add(w.now, span));
}

void clock_step(const char *text) {
    struct span span;

    assert_true(*text == '+' || *text == '-');
    assert_int_equal(span_from_text(text + 1, &span), 0);
    const int64_t step_us = *text == '+' ? span.us : -span.us;
    w.now.us += step_us;
    w.wrong.us += step_us;
}

void gateway(const char *name, enum outcome_class outcome) {
    w.answers[gateway_index(name)] = outcome;
}

void gateway_mute(const char *name, bool mute) {
    w.mute[gateway_index(name)] = mute;
}

/* ---- looking ---- */

static bool fits(const struct sent *s, const char *kind, const char *recipient) {
    return (!kind || strcmp(message_kind_to_text(s->kind), kind) == 0) &&
           (!recipient || strcmp(s->recipient, recipient) == 0);
}

size_t sent_since(size_t from, const char *kind, const char *recipient) {
    size_t count = 0;

    for (size_t i = from; i < w.sent_count; i++) {
        count += fits(&w.sent[i], kind, recipient);
    }
    return count;
}

size_t sent(const char *kind, const char *recipient) {
    return sent_since(0, kind, recipient);
}

struct sent *last_sent(const char *kind, const char *recipient) {
    for (size_t i = w.sent_count; i > 0; i--) {
        if (fits(&w.sent[i - 1], kind, recipient)) {
            return &w.sent[i - 1];
        }
    }
    fail_msg("no %s was sent to %s", kind ? kind : "message", recipient ? recipient : "anybody");
    return NULL;
}

const char *sql(const char *format, ...) {
    char text[LINE_SIZE];
    sqlite3_stmt *statement = NULL;
    const char *value = "";
    va_list arguments;

    va_start(arguments, format);
    assert_true(vsnprintf(text, sizeof text, format, arguments) < (int)sizeof text);
    va_end(arguments);
    if (sqlite3_prepare_v2(w.witness, text, -1, &statement, NULL) != SQLITE_OK) {
        fail_msg("%s: %s", text, sqlite3_errmsg(w.witness));
    }
    if (sqlite3_step(statement) == SQLITE_ROW && sqlite3_column_type(statement, 0) != SQLITE_NULL) {
        value = arena_copy(&w.arena, (const char *)sqlite3_column_text(statement, 0));
    }
    (void)sqlite3_finalize(statement);
    return value;
}

int sql_int(const char *format, ...) {
    char text[LINE_SIZE];
    va_list arguments;

    va_start(arguments, format);
    assert_true(vsnprintf(text, sizeof text, format, arguments) < (int)sizeof text);
    va_end(arguments);
    return (int)strtol(sql("%s", text), NULL, 10);
}

void sabotage(const char *format, ...) {
    char text[LINE_SIZE], *error = NULL;
    va_list arguments;

    va_start(arguments, format);
    assert_true(vsnprintf(text, sizeof text, format, arguments) < (int)sizeof text);
    va_end(arguments);
    if (sqlite3_exec(w.witness, text, NULL, NULL, &error) != SQLITE_OK) {
        fail_msg("%s: %s", text, error);
    }
    assert_true(sqlite3_changes(w.witness) > 0);
}

static void dump_table(FILE *out, const char *table, bool audits) {
    sqlite3_stmt *rows = NULL;
    const bool heads = audits || strcmp(table, "meta") != 0; /* of the logs, kept beside them */
    char text[160];

    (void)snprintf(text, sizeof text, "SELECT * FROM \"%s\"%s ORDER BY rowid", table,
                   heads ? "" : " WHERE name NOT IN('audit_head','access_head','clock_seen')");
    assert_int_equal(sqlite3_prepare_v2(w.witness, text, -1, &rows, NULL), SQLITE_OK);
    while (sqlite3_step(rows) == SQLITE_ROW) {
        (void)fprintf(out, "%s", table);
        for (int i = 0; i < sqlite3_column_count(rows); i++) {
            (void)fputc('|', out);
            if (sqlite3_column_type(rows, i) != SQLITE_BLOB) {
                (void)fprintf(out, "%s",
                              sqlite3_column_text(rows, i)
                                  ? (const char *)sqlite3_column_text(rows, i)
                                  : "NULL");
                continue;
            }
            const unsigned char *bytes = sqlite3_column_blob(rows, i);
            for (int b = 0; b < sqlite3_column_bytes(rows, i); b++) {
                (void)fprintf(out, "%02x", bytes[b]);
            }
        }
        (void)fputc('\n', out);
    }
    (void)sqlite3_finalize(rows);
}

char *dump(bool audits) {
    sqlite3_stmt *tables = NULL;
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);

    assert_non_null(out);
    assert_int_equal(
        sqlite3_prepare_v2(w.witness,
                           "SELECT name FROM sqlite_schema WHERE type='table' ORDER BY name", -1,
                           &tables, NULL),
        SQLITE_OK);
    while (sqlite3_step(tables) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(tables, 0);
        if (audits || (strcmp(name, "audit") != 0 && strcmp(name, "access_log") != 0)) {
            dump_table(out, name, audits);
        }
    }
    (void)sqlite3_finalize(tables);
    assert_int_equal(fclose(out), 0);
    return text;
}

void unchanged(char *before, bool audits, const char *what) {
    char *after = dump(audits);
    size_t i = 0, line = 0;

    while (before[i] && before[i] == after[i]) {
        line = before[i] == '\n' ? i + 1 : line;
        i++;
    }
    if (before[i] != after[i]) {
        fail_msg("%s changed\n%.*s\nto\n%.*s", what, (int)strcspn(before + line, "\n"),
                 before + line, (int)strcspn(after + line, "\n"), after + line);
    }
    free(before);
    free(after);
}

void plan(const char *participant) {
    do_("participant plan %s", participant);
}

const char *session_id(const char *participant, int number) {
    const char *id = sql(
        "SELECT id FROM session WHERE participant='%s' AND number=%d ORDER BY attempt DESC",
        participant, number);

    assert_true(*id);
    return id;
}

const char *session_start(const char *id) {
    return sql("SELECT start_local FROM session WHERE id='%s'", id);
}

void record(const char *session, const char *code, const char *as) {
    const struct instant end = {strtoll(
        sql("SELECT start_us+minutes*60000000 FROM session WHERE id='%s'", session), NULL, 10)};

    if (instant_cmp(w.now, end) < 0) {
        live_until(end);
    }
    do_("session outcome %s %s --as %s", session, code, as);
    run();
}

const char *chain_id(const char *audience, const char *session) {
    const char *id = sql(
        "SELECT id FROM escalation WHERE audience='%s' AND session='%s' ORDER BY opened_us DESC",
        audience, session);

    assert_true(*id);
    return id;
}
