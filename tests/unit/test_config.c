/* The configuration: a good file, then one change at a time, each with the line it must be refused
 * with. */
#include "cobi/base/cleanup.h"
#include "cobi/config/config.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define FILE_BYTES_MAX (64 * 1024)
#define PATH_BYTES     4096

static const char good[] =
    "timezone = \"Europe/London\";\n"
    "state_dir = \"state\";\n"
    "control_socket = \"control.sock\";\n"
    "public_url = \"https://appointments.example\";\n"
    "operator = \"operator@example.org\";\n"
    "clock = \"real\";\n"
    "sender = {\n"
    "    name = \"Appointments\";\n"
    "    sms_from = \"Appointment\";\n"
    "    email = \"appointments@example.org\";\n"
    "};\n"
    "send_window = { from = \"09:00\"; to = \"20:00\"; };\n"
    "programmes = (\n"
    "    { id = \"p-12\"; name = \"Twelve\"; sessions = 12; months = 3; modules = [\"one\", "
    "\"two\"]; },\n"
    "    { id = \"p-10\"; name = \"Ten\"; sessions = 10; months = 3; }\n"
    ");\n"
    "outcomes = (\n"
    "    { code = \"ATTC\"; label = \"attended\"; attended = true; complied = \"yes\"; },\n"
    "    { code = \"AFTA\"; label = \"provisional\"; attended = false; complied = \"undecided\"; "
    "miss = true; provisional = true;\n"
    "      tell = [\"supervisor\", \"officer_by_route\", \"advocate\"]; },\n"
    "    { code = \"UAAB\"; label = \"unacceptable\"; attended = false; complied = \"no\"; miss = "
    "true; tell = \"supervisor\"; },\n"
    "    { code = \"AAAA\"; label = \"other\"; attended = false; complied = \"yes\"; acceptable = "
    "true; }\n"
    ");\n"
    "reminders = (\n"
    "    { days_before = 1; at = \"18:00\"; main = true; },\n"
    "    { hours_before = 2; channels = [\"sms\"]; conditions = [\"first_session\", \"changed\"]; "
    "}\n"
    ");\n"
    "escalations = (\n"
    "    { kind = \"missed\"; audience = \"supervisor\"; steps = ( { tell = \"supervisor\"; }, { "
    "tell = \"next_supervisor\"; wait = \"2h\"; } ); },\n"
    "    { kind = \"missed\"; audience = \"advocate\"; steps = ( { tell = \"advocate\"; wait = "
    "\"8h\"; }, { tell = \"supervisor\"; } ); },\n"
    "    { kind = \"unrecorded\"; audience = \"supervisor\"; steps = ( { tell = \"supervisor\"; }, "
    "{ tell = \"operator\"; } ); },\n"
    "    { kind = \"undeliverable\"; audience = \"supervisor\"; steps = ( { tell = \"supervisor\"; "
    "}, { tell = \"operator\"; } ); }\n"
    ");\n"
    "gateways = (\n"
    "    { name = \"texts\"; type = \"http\"; channel = \"sms\"; url = "
    "\"https://sms.example.org/send?x=1\"; body = \"json\";\n"
    "      backup = \"spare\"; rate = \"40/s\"; headers = [\"X-Site: one\", \"Authorization: "
    "Bearer ${credential:sms-key}\"]; id_pointer = \"/id\"; },\n"
    "    { name = \"spare\"; type = \"spool\"; channel = \"sms\"; backup_only = true; },\n"
    "    { name = \"mail\"; type = \"smtp\"; channel = \"email\"; url = "
    "\"smtp://relay.example.org:587/appointments.example\";\n"
    "      user = \"u\"; password_credential = \"relay\"; }\n"
    ");\n";

/* ---- A folder of its own, and files in it -------------------------------------------------------
 */

struct fixture {
    char folder[PATH_BYTES / 2];
    struct complaints complaints;
};

static int set_up(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    const char *base = getenv("TMPDIR");
    struct text folder = TEXT_IN(f->folder);
    text_addf(&folder, "%s/cobid-config-XXXXXX", base == NULL ? "/tmp" : base);
    assert_non_null(mkdtemp(f->folder));
    assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY") | unsetenv("STATE_DIRECTORY") |
                         unsetenv("RUNTIME_DIRECTORY"),
                     0);
    *state = f;
    return 0;
}

static void path_in(const struct fixture *f, const char *name, char path[PATH_BYTES]) {
    struct text t;
    text_init(&t, path, PATH_BYTES);
    text_addf(&t, "%s/%s", f->folder, name);
    assert_false(t.overflow);
}

static void write_file(const struct fixture *f, const char *name, const void *bytes,
                       size_t length) {
    char path[PATH_BYTES];
    path_in(f, name, path);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

static int tear_down(void **state) {
    static const char *const names[] = {"cobid.conf",
                                        "a.conf",
                                        "b.conf",
                                        "key",
                                        "programmes.conf",
                                        "outcomes.conf",
                                        "reminders.conf",
                                        "escalations.conf",
                                        "england-and-wales.ics",
                                        "credentials/relay",
                                        "credentials/sms-key",
                                        "credentials"};
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        char path[PATH_BYTES];
        path_in(f, names[i], path);
        (void)remove(path); /* most tests write only one of them */
    }
    int left = rmdir(f->folder);
    free(f);
    return left;
}

static int load(struct fixture *f, struct config **ret_config) {
    char path[PATH_BYTES];
    path_in(f, "cobid.conf", path);
    f->complaints.count = 0;
    return config_load(path, ret_config, &f->complaints);
}

static int load_text(struct fixture *f, const char *text, struct config **ret_config) {
    write_file(f, "cobid.conf", text, strlen(text));
    return load(f, ret_config);
}

/* Complaints that are no warnings. */
static size_t fault_count(const struct complaints *c) {
    size_t count = 0;
    for (size_t i = 0; i < c->count && i < COMPLAINTS_MAX; i++) {
        count += strstr(c->list[i].text, ": warning: ") == NULL;
    }
    return count;
}

static bool complained(const struct fixture *f, const char *file, unsigned line, const char *text) {
    char begin[PATH_BYTES + 32];
    struct text t = TEXT_IN(begin);
    text_addf(&t, "%s/%s:%u: ", f->folder, file, line);
    for (size_t i = 0; i < f->complaints.count && i < COMPLAINTS_MAX; i++) {
        const char *c = f->complaints.list[i].text;
        if (strncmp(c, begin, t.length) == 0 && strstr(c + t.length, text) != NULL) {
            return true;
        }
    }
    return false;
}

static void show_complaints(const struct fixture *f) {
    for (size_t i = 0; i < f->complaints.count && i < COMPLAINTS_MAX; i++) {
        print_message("# %s\n", f->complaints.list[i].text);
    }
}

/* The good file with the first `from` replaced; the line on which that begins. */
static char *changed(const char *from, const char *to, unsigned *ret_line) {
    const char *at = strstr(good, from);
    if (at == NULL) {
        fail_msg("the good file does not hold: %s", from);
    }
    *ret_line = 1;
    for (const char *c = good; c < at; c++) {
        *ret_line += *c == '\n';
    }
    size_t before = (size_t)(at - good);
    char *text = calloc(sizeof good + strlen(to), 1);
    assert_non_null(text);
    memcpy(text, good, before);
    memcpy(text + before, to, strlen(to));
    memcpy(text + before + strlen(to), at + strlen(from), strlen(at + strlen(from)));
    return text;
}

/* ---- The good file ------------------------------------------------------------------------------
 */

static void test_good(void **state) {
    struct fixture *f = *state;
    struct config *c = NULL;
    if (load_text(f, good, &c) != 0) {
        show_complaints(f);
        fail();
    }
    char path[PATH_BYTES];
    path_in(f, "state", path);
    assert_string_equal(c->state_dir, path);
    assert_string_equal(c->public_url, "https://appointments.example");
    assert_string_equal(c->operator_email, "operator@example.org");
    assert_int_equal(c->clock, CLOCK_REAL);
    assert_int_equal(c->miss_undo.us, 5 * MINUTE_US);
    assert_int_equal(c->miss_after.us, 15 * MINUTE_US);
    assert_int_equal(c->outcome_ask_after.us, 15 * MINUTE_US);
    assert_int_equal(c->unrecorded_after.us, 4 * HOUR_US);
    assert_int_equal(c->receipt_after.us, 4 * HOUR_US);
    assert_int_equal(c->evidence_days, 5);
    assert_int_equal(c->feed_horizon_days, 28);
    assert_int_equal(c->feed_past_days, 30);
    assert_int_equal(c->retention_days, 30);
    assert_string_equal(c->sender.staff_email, "appointments@example.org");
    assert_string_equal(c->sender.calendar_email, "appointments@example.org");
    assert_string_equal(c->sender.reply_to, "");
    assert_int_equal(c->send_window.from_minute, 540);
    assert_int_equal(c->send_window.to_minute, 1200);
    assert_int_equal(c->send_window.quiet_from_minute, 600);
    assert_int_equal(c->send_window.quiet_to_minute, 1080);
    assert_int_equal(c->send_window.early_from_minute, 420);
    assert_int_equal(c->send_window.margin_minutes, 60);
    config_free(c);
}

static void test_good_lists(void **state) {
    struct config *c = NULL;
    assert_int_equal(load_text(*state, good, &c), 0);
    const struct programme *p = config_find_programme(c, "p-12");
    assert_non_null(p);
    assert_int_equal(c->programme_count, 2);
    assert_int_equal(p->minutes, 120);
    assert_int_equal(p->gap_min_days, 3);
    assert_int_equal(p->gap_flag_days, 14);
    assert_string_equal(p->modules[1], "two");
    assert_string_equal(p->modules[2], "");
    assert_null(config_find_programme(c, "p-11"));
    assert_int_equal(c->outcomes.count, 4);
    assert_int_equal(c->outcomes.codes[1].tell,
                     TELL_SUPERVISOR | TELL_OFFICER_BY_ROUTE | TELL_ADVOCATE);
    assert_int_equal(c->outcomes.codes[1].complied, COMPLIED_UNDECIDED);
    assert_int_equal(c->outcomes.codes[2].tell, TELL_SUPERVISOR);
    assert_true(c->outcomes.codes[0].recordable);
    assert_int_equal(c->reminders.step_count, 2);
    assert_int_equal(c->reminders.steps[0].anchor, REMIND_DAYS_BEFORE);
    assert_int_equal(c->reminders.steps[0].at_minute, 1080);
    assert_int_equal(c->reminders.steps[0].channels, 1u << CHANNEL_SMS | 1u << CHANNEL_EMAIL);
    assert_int_equal(c->reminders.steps[1].anchor, REMIND_HOURS_BEFORE);
    assert_int_equal(c->reminders.steps[1].conditions, REMIND_FIRST_SESSION | REMIND_CHANGED);
    assert_int_equal(c->reminders.steps[1].channels, 1u << CHANNEL_SMS);
    assert_int_equal(c->reminders.min_lead.us, 3 * HOUR_US);
    assert_int_equal(c->reminders.step_grace.us, 30 * MINUTE_US);
    assert_int_equal(c->reminders.gap_days, 10);
    const struct escalation_policy *e = config_find_escalation(c, ESCALATION_MISSED,
                                                               AUDIENCE_ADVOCATE);
    assert_non_null(e);
    assert_int_equal(e->step_count, 2);
    assert_int_equal(e->steps[0].target, TARGET_ADVOCATE);
    assert_int_equal(e->steps[0].wait.us, 8 * HOUR_US);
    assert_int_equal(e->steps[1].wait_most.us, 24 * HOUR_US);
    assert_int_equal(e->acknowledged_days, 3);
    assert_null(config_find_escalation(c, ESCALATION_CONCERN, AUDIENCE_ADVOCATE));
    config_free(c);
}

static void test_good_gateways(void **state) {
    struct config *c = NULL;
    assert_int_equal(load_text(*state, good, &c), 0);
    const struct gateway *g = config_channel_gateway(c, CHANNEL_SMS);
    assert_non_null(g);
    assert_string_equal(g->name, "texts");
    assert_int_equal(g->rate_count, 40);
    assert_int_equal(g->rate_per.us, SECOND_US);
    assert_int_equal(g->body, GATEWAY_BODY_JSON);
    assert_int_equal(g->header_count, 2);
    assert_int_equal(g->success_count, 3);
    assert_int_equal(g->success[2], 202);
    assert_int_equal(g->timeout.us, 35 * SECOND_US);
    assert_int_equal(g->in_flight_max, 8);
    assert_string_equal(g->reference_field, "reference");
    g = config_find_gateway(c, "mail");
    assert_non_null(g);
    assert_ptr_equal(g, config_channel_gateway(c, CHANNEL_EMAIL));
    assert_true(g->tls);
    assert_int_equal(g->timeout.us, 300 * SECOND_US);
    assert_int_equal(g->rate_count, 0);
    config_free(c);
}

/* Every word of a table stands for the value that the rules call by that name. */
static void test_words(void **state) {
    struct config *c = NULL;
    for (unsigned i = 0; i < ESCALATION_KIND_COUNT; i++) {
        char to[256];
        unsigned line;
        const char *kind = escalation_kind_to_text((enum escalation_kind)i);
        struct text t = TEXT_IN(to);
        text_addf(&t,
                  "escalations = (\n { kind = \"%s\"; audience = \"advocate\"; steps = ( { tell = "
                  "\"advocate\"; }, { tell = \"operator\"; } ); },\n",
                  kind);
        if (i == ESCALATION_MISSED) {
            continue; /* is there already */
        }
        _cleanup_free_ char *text = changed("escalations = (\n", to, &line);
        if (load_text(*state, text, &c) != 0) {
            show_complaints(*state);
            fail();
        }
        assert_non_null(config_find_escalation(c, (enum escalation_kind)i, AUDIENCE_ADVOCATE));
        assert_int_equal(c->escalations[0].steps[1].target, TARGET_OPERATOR);
        config_free(c);
    }
}

/* ---- One change at a time -----------------------------------------------------------------------
 */

static const struct fault_row {
    const char *from, *to;
    unsigned line;    /* counted from where `from` begins */
    const char *text; /* what the complaint says */
} fault_rows[] = {
#define FAULT(from, to, line, text) {from, to, line, text},
#include "config_faults.def"
#undef FAULT
};

static void test_faults(void **state) {
    struct fixture *f = *state;
    size_t bad = 0;
    for (size_t i = 0; i < ARRAY_COUNT(fault_rows); i++) {
        const struct fault_row *row = &fault_rows[i];
        struct config *c = NULL;
        unsigned line;
        _cleanup_free_ char *text = changed(row->from, row->to, &line);
        int error = load_text(f, text, &c);
        bool said = row->text[0] == '\0' ? f->complaints.count > 0
                                         : complained(f, "cobid.conf", line + row->line, row->text);
        if (error != -EINVAL || !said || c != NULL) {
            print_message("# %s -> %s: %d, expected line %u: %s\n", row->from, row->to, error,
                          line + row->line, row->text);
            show_complaints(f);
            bad++;
        }
        config_free(c);
    }
    assert_int_equal(bad, 0);
}

/* All faults of a file are told at once. */
static void test_all_faults(void **state) {
    struct fixture *f = *state;
    struct config *c = NULL;
    unsigned line;
    _cleanup_free_ char *text = changed(
        "clock = \"real\";", "clock = 1; listen = \"x\";\ncolour = 2; retention = \"1h\";", &line);
    assert_int_equal(load_text(f, text, &c), -EINVAL);
    assert_true(complained(f, "cobid.conf", line, "clock:"));
    assert_true(complained(f, "cobid.conf", line, "listen:"));
    assert_true(complained(f, "cobid.conf", line + 1, "colour:"));
    assert_true(complained(f, "cobid.conf", line + 1, "retention:"));
    assert_int_equal(fault_count(&f->complaints), 4);
}

/* Without its lists a file says what is missing, each once. */
static void test_empty(void **state) {
    struct fixture *f = *state;
    struct config *c = NULL;
    assert_int_equal(load_text(f, "\n", &c), -EINVAL);
    static const char *const names[] = {"public_url", "operator",  "email",       "programmes",
                                        "outcomes",   "reminders", "escalations", "gateways"};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        assert_true(complained(f, "cobid.conf", 1, names[i]));
    }
    assert_int_equal(fault_count(&f->complaints), ARRAY_COUNT(names));
}

static void test_hostile_bytes(void **state) {
    struct fixture *f = *state;
    struct config *c = NULL;
    char path[PATH_BYTES];
    static const char nul[] = "clock = \"re\0al\";\n";
    write_file(f, "cobid.conf", nul, sizeof nul - 1);
    assert_int_equal(load(f, &c), -EINVAL);
    assert_true(complained(f, "cobid.conf", 1, "holds a NUL"));

    _cleanup_free_ char *text = calloc(sizeof good + 10064, 1), *long_value = calloc(10001, 1);
    assert_non_null(text);
    assert_non_null(long_value);
    memset(long_value, 'a', 10000);
    struct text t;
    text_init(&t, text, sizeof good + 10064);
    text_addf(&t, "%sclock_start = \"%s\";\n", good, long_value);
    assert_int_equal(load_text(f, text, &c), -EINVAL);
    assert_int_equal(fault_count(&f->complaints), 1);
    assert_non_null(strstr(f->complaints.list[0].text, "clock_start: must have at most"));

    /* Deep nesting ends in a complaint, not in a crash. */
    _cleanup_free_ char *deep = calloc(FILE_BYTES_MAX, 1);
    assert_non_null(deep);
    memcpy(deep, "x = ", 4);
    memset(deep + 4, '(', 50000);
    assert_int_equal(load_text(f, deep, &c), -EINVAL);

    /* Folders, and files that are not there. */
    assert_int_equal(config_load(f->folder, &c, &f->complaints), -EISDIR);
    path_in(f, "nowhere", path);
    f->complaints.count = 0;
    assert_int_equal(config_load(path, &c, &f->complaints), -ENOENT);
    assert_int_equal(f->complaints.count, 1);
    assert_null(c);
}

static void test_huge_file(void **state) {
    struct fixture *f = *state;
    struct config *c = NULL;
    size_t length = 1024 * 1024 + 1;
    _cleanup_free_ char *bytes = calloc(length, 1);
    assert_non_null(bytes);
    memset(bytes, '\n', length);
    write_file(f, "cobid.conf", bytes, length);
    assert_int_equal(load(f, &c), -EFBIG);
    assert_null(c);
}

/* Numbers that libconfig would wrap are seen where they stand, and only there. */
static void test_numbers(void **state) {
    struct fixture *f = *state;
    struct config *c = NULL;
    unsigned line;
    _cleanup_free_ char *fine = changed("clock = \"real\";",
                                        "# 99999999999\n// 4294967301 \"\n/* \" 0xFFFFFFFFFFFF\n "
                                        "*/ clock = \"real\"; clock_start = \"\";",
                                        &line);
    assert_int_equal(load_text(f, fine, &c), 0);
    config_free(c);
    c = NULL;
    _cleanup_free_ char *bad = changed("clock = \"real\";",
                                       "/* \n\n */ /* */ evidence_days = 0x100000005; # \"", &line);
    assert_int_equal(load_text(f, bad, &c), -EINVAL);
    assert_true(complained(f, "cobid.conf", line + 2, "too large"));
}

/* ---- Warnings, files, environment
 * ---------------------------------------------------------------- */

static void test_warnings(void **state) {
    struct fixture *f = *state;
    struct config *c = NULL;
    unsigned line;
    _cleanup_free_ char *text = changed("days_before = 1; at = \"18:00\"",
                                        "days_before = 2; at = \"18:00\"", &line);
    assert_int_equal(load_text(f, text, &c), 0);
    assert_true(
        complained(f, "cobid.conf", line - 1, "warning: reminders: one reminder two days before"));
    config_free(c);
}

static void test_credentials(void **state) {
    struct fixture *f = *state;
    struct config *c = NULL;
    char path[PATH_BYTES];
    unsigned line;
    _cleanup_free_ char *text = changed("clock = \"real\";", "credentials_dir = \"credentials\";",
                                        &line);
    assert_int_equal(load_text(f, text, &c), -EINVAL);
    assert_int_equal(fault_count(&f->complaints), 2);
    assert_true(complained(f, "cobid.conf", 36, "headers: credential \"sms-key\" cannot be read"));
    assert_true(complained(f, "cobid.conf", 39,
                           "password_credential: credential \"relay\" cannot be read"));
    path_in(f, "credentials", path);
    assert_int_equal(mkdir(path, 0700), 0);
    write_file(f, "credentials/relay", "secret", 6);
    write_file(f, "credentials/sms-key", "", 0);
    assert_int_equal(load_text(f, text, &c), -EINVAL);
    assert_int_equal(fault_count(&f->complaints), 1);
    assert_true(complained(f, "cobid.conf", 36, "is empty"));
    write_file(f, "credentials/sms-key", "k", 1);
    assert_int_equal(load_text(f, text, &c), 0);
    config_free(c);
    /* The same by systemd's environment. */
    assert_int_equal(setenv("CREDENTIALS_DIRECTORY", path, 1), 0);
    assert_int_equal(load_text(f, good, &c), 0);
    assert_string_equal(c->credentials_dir, path);
    config_free(c);
    assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
}

static void test_environment(void **state) {
    struct config *c = NULL;
    unsigned line;
    assert_int_equal(setenv("STATE_DIRECTORY", "/var/lib/one:/var/lib/two", 1) |
                         setenv("RUNTIME_DIRECTORY", "/run/one", 1),
                     0);
    _cleanup_free_ char *text = changed(
        "state_dir = \"state\";\ncontrol_socket = \"control.sock\";\n", "", &line);
    assert_int_equal(load_text(*state, text, &c), 0);
    assert_string_equal(c->state_dir, "/var/lib/one");
    assert_string_equal(c->control_socket, "/run/one/control.sock");
    config_free(c);
    assert_int_equal(unsetenv("STATE_DIRECTORY") | unsetenv("RUNTIME_DIRECTORY"), 0);
    assert_int_equal(load_text(*state, text, &c), 0);
    assert_string_equal(c->state_dir, "/var/lib/cobid");
    assert_string_equal(c->control_socket, "/run/cobid/control.sock");
    config_free(c);
}

static void test_manual_clock(void **state) {
    static const char *const urls[] = {"http://127.0.0.1:8081/send", "http://localhost/send",
                                       "http://[::1]:8081/send"};
    struct config *c = NULL;
    for (size_t i = 0; i < ARRAY_COUNT(urls); i++) {
        char text[sizeof good + 512];
        struct text t = TEXT_IN(text);
        text_add(&t, "clock_start = \"2027-01-04 08:00\";\n");
        const char *clock = strstr(good, "\"real\""), *gateways = strstr(good, "gateways = (");
        text_add_bytes(&t, good, (size_t)(clock - good));
        text_add(&t, "\"manual\"");
        text_add_bytes(&t, clock + 6, (size_t)(gateways - clock - 6));
        text_addf(
            &t,
            "gateways = ( { name = \"a\"; type = \"http\"; channel = \"sms\"; url = \"%s\"; },\n"
            "{ name = \"b\"; type = \"smtp\"; channel = \"email\"; url = "
            "\"smtp://127.0.0.1:2525/x.example\"; tls = false; } );\n",
            urls[i]);
        assert_false(t.overflow);
        assert_int_equal(load_text(*state, text, &c), 0);
        assert_int_equal(c->clock, CLOCK_MANUAL);
        assert_string_equal(c->clock_start, "2027-01-04T08:00");
        config_free(c);
    }
}

/* Faults in included files are told with their own lines. */
static void test_includes(void **state) {
    struct fixture *f = *state;
    struct config *c = NULL;
    unsigned line;
    char path[PATH_BYTES], include[PATH_BYTES * 2];
    _cleanup_free_ char *text = changed("clock = \"real\";", "@include \"a.conf\"\n", &line);
    write_file(f, "a.conf", "\nclock = 5;\n", 12);
    assert_int_equal(load_text(f, text, &c), -EINVAL);
    assert_true(complained(f, "a.conf", 2, "clock: must be a text"));
    write_file(f, "a.conf", "\n\nclock = \"real\xff\";\n", 18);
    assert_int_equal(load_text(f, text, &c), -EINVAL);
    assert_true(complained(f, "a.conf", 3, "is not valid UTF-8"));
    write_file(f, "a.conf", "clock = \"real\";\n", 16);
    assert_int_equal(load_text(f, text, &c), 0);
    config_free(c);
    c = NULL;

    path_in(f, "a.conf", path);
    struct text t = TEXT_IN(include);
    text_addf(&t, "@include \"%s\"\n", path);
    _cleanup_free_ char *absolute = changed("clock = \"real\";", include, &line);
    assert_int_equal(load_text(f, absolute, &c), 0);
    config_free(c);
    c = NULL;
    text_add(&t, "@include \"b.conf\"\n");
    write_file(f, "b.conf", "\n", 1);
    _cleanup_free_ char *mixed = changed("clock = \"real\";", include, &line);
    assert_int_equal(load_text(f, mixed, &c), -EINVAL);
    assert_true(complained(f, "cobid.conf", 1, "includes must all be relative"));
    /* A file that includes itself ends somewhere. */
    write_file(f, "a.conf", "@include \"a.conf\"\n", 18);
    assert_int_equal(load_text(f, text, &c), -EINVAL);
}

/* ---- What is shipped
 * ----------------------------------------------------------------------------- */

/* Copies SOURCE/NAME into the folder, with one text put in the place of each placeholder. */
static void copy_file(const struct fixture *f, const char *source, const char *name,
                      const char *to) {
    static const char *const placeholders[] = {"@STATE@", "@RUN@", "@ETC@"};
    char path[PATH_BYTES], out[FILE_BYTES_MAX];
    struct text where = TEXT_IN(path), t = TEXT_IN(out);
    text_addf(&where, "%s/%s", source, name);
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        fail_msg("%s cannot be read", path);
    }
    char line[1024];
    while (fgets(line, sizeof line, file) != NULL) {
        for (const char *at = line; *at != '\0';) {
            size_t skip = 0;
            for (size_t i = 0; i < ARRAY_COUNT(placeholders); i++) {
                if (strncmp(at, placeholders[i], strlen(placeholders[i])) == 0) {
                    skip = strlen(placeholders[i]);
                }
            }
            text_add_bytes(&t, skip > 0 ? f->folder : at, skip > 0 ? strlen(f->folder) : 1);
            at += skip > 0 ? skip : 1;
        }
    }
    (void)fclose(file); /* only read */
    assert_false(t.overflow);
    write_file(f, to, t.data, t.length);
}

static void copy_shipped(const struct fixture *f) {
    static const char *const names[] = {"programmes.conf", "outcomes.conf", "reminders.conf",
                                        "escalations.conf", "england-and-wales.ics"};
    const char *source = getenv("srcdir");
    char folder[PATH_BYTES];
    struct text t = TEXT_IN(folder);
    text_addf(&t, "%s/etc", source == NULL ? "." : source);
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        copy_file(f, folder, names[i], names[i]);
    }
}

static void check_shipped(const struct config *c) {
    static const char *const codes[] = {"ATTC", "AFTC", "ATSH", "ATSS", "AFTA", "UAAB", "AAME",
                                        "AAEM", "AAFC", "AACL", "AARE", "AAHO", "AARC", "AASD",
                                        "AAAA", "CO05", "CO10", "RSSR", "RSOF"};
    assert_int_equal(c->outcomes.count, ARRAY_COUNT(codes));
    for (size_t i = 0; i < ARRAY_COUNT(codes); i++) {
        const struct outcome_code *code = outcome_find(&c->outcomes, codes[i]);
        assert_non_null(code);
        assert_int_equal(code->recordable, codes[i][0] != 'R');
        assert_int_equal(code->acceptable, strncmp(codes[i], "AA", 2) == 0);
        assert_int_equal(code->miss,
                         strcmp(codes[i], "AFTA") == 0 || strcmp(codes[i], "UAAB") == 0);
    }
    const struct programme *p = config_find_programme(c, "cobi-12");
    assert_non_null(p);
    assert_int_equal(p->session_count, 12);
    assert_int_equal(p->months, 3);
    assert_string_equal(p->modules[11], "interpersonal effectiveness");
    p = config_find_programme(c, "cobi-2018");
    assert_non_null(p);
    assert_int_equal(p->session_count, 10);
    p = config_find_programme(c, "weekly-26");
    assert_non_null(p);
    assert_int_equal(p->months, 6);
    for (unsigned kind = 0; kind < ESCALATION_KIND_COUNT; kind++) {
        assert_non_null(config_find_escalation(c, (enum escalation_kind)kind, AUDIENCE_SUPERVISOR));
    }
    assert_non_null(config_find_escalation(c, ESCALATION_MISSED, AUDIENCE_ADVOCATE));
    assert_int_equal(c->reminders.step_count, 2);
    assert_int_equal(c->reminders.steps[1].days_before, 1);
    assert_int_equal(c->reminders.steps[1].at_minute, 1080);
    assert_true(c->reminders.steps[1].main);
}

/* The sample, as it is made, is taken without a word. */
static void test_sample(void **state) {
    struct fixture *f = *state;
    const char *build = getenv("top_builddir");
    char folder[PATH_BYTES];
    struct text t = TEXT_IN(folder);
    text_addf(&t, "%s/etc", build == NULL ? "." : build);
    copy_shipped(f);
    copy_file(f, folder, "cobid.conf", "cobid.conf");
    struct config *c = NULL;
    int error = load(f, &c);
    show_complaints(f);
    assert_int_equal(error, 0);
    assert_int_equal(f->complaints.count, 0);
    check_shipped(c);
    config_free(c);
    /* Every comment that shows a default may become an option: the defaults are what the table
     * says. */
    char path[PATH_BYTES], text[FILE_BYTES_MAX], *line;
    path_in(f, "cobid.conf", path);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    struct text all = TEXT_IN(text);
    char read_line[1024];
    while ((line = fgets(read_line, sizeof read_line, file)) != NULL) {
        char *hash = strchr(line, '#');
        bool option = hash != NULL && hash[1] >= 'a' && hash[1] <= 'z' &&
                      strchr(line, '=') != NULL && strncmp(hash + 1, "holidays", 8) != 0 &&
                      strncmp(hash + 1, "send_window", 11) != 0;
        bool in_window = option && line[0] == ' ' && strstr(line, ":00\"") != NULL;
        bool margin = option && strstr(line, "margin") != NULL;
        if (option && !in_window && !margin) {
            *hash = ' ';
        }
        text_add(&all, line);
    }
    (void)fclose(file); /* only read */
    assert_int_equal(load_text(f, text, &c), 0);
    check_shipped(c);
    config_free(c);
}

static void test_demo(void **state) {
    struct fixture *f = *state;
    const char *source = getenv("srcdir");
    char folder[PATH_BYTES];
    struct text t = TEXT_IN(folder);
    text_addf(&t, "%s/etc", source == NULL ? "." : source);
    copy_shipped(f);
    copy_file(f, folder, "demo.conf", "cobid.conf");
    struct config *c = NULL;
    int error = load(f, &c);
    show_complaints(f);
    assert_int_equal(error, 0);
    assert_int_equal(f->complaints.count, 0);
    assert_int_equal(c->clock, CLOCK_MANUAL);
    assert_true(c->test_numbers);
    check_shipped(c);
    config_free(c);
}

/* ---- What a reload may not do
 * --------------------------------------------------------------------- */

static void test_use(void **state) {
    struct fixture *f = *state;
    struct config *c = NULL;
    assert_int_equal(load_text(f, good, &c), 0);
    static const char *const programmes[] = {"p-12", "gone"}, *const gateways[] = {"mail",
                                                                                   "pigeon"};
    static const char *const codes[] = {"AFTA", "XXXX"}, *const zones[] = {"Europe/London",
                                                                           "Mars/Olympus"};
    const struct config_use fine = {programmes, gateways, codes, zones, 1, 1, 1, 1};
    const struct config_use gone = {programmes, gateways, codes, zones, 2, 2, 2, 2};
    f->complaints.count = 0;
    config_check_use(c, &fine, &f->complaints);
    assert_int_equal(f->complaints.count, 0);
    config_check_use(c, &gone, &f->complaints);
    assert_int_equal(f->complaints.count, 4);
    assert_true(complained(f, "cobid.conf", 1, "programmes: \"gone\" is in use"));
    assert_true(complained(f, "cobid.conf", 1, "outcomes: \"XXXX\" is in use"));
    config_free(c);
}

static void test_restart(void **state) {
    struct fixture *f = *state;
    struct config *before = NULL, *after = NULL;
    unsigned line;
    assert_int_equal(load_text(f, good, &before), 0);
    _cleanup_free_ char *text = changed(
        "state_dir = \"state\";", "state_dir = \"other\"; listen = \"none\"; miss_undo = \"1m\";",
        &line);
    assert_int_equal(load_text(f, text, &after), 0);
    f->complaints.count = 0;
    config_check_restart(before, before, &f->complaints);
    assert_int_equal(f->complaints.count, 0);
    config_check_restart(before, after, &f->complaints);
    assert_int_equal(f->complaints.count, 2);
    assert_true(complained(f, "cobid.conf", 1, "state_dir: changes only with a restart"));
    assert_true(complained(f, "cobid.conf", 1, "listen: changes only with a restart"));
    config_free(before);
    config_free(after);
}

/* A kept copy is taken where it lies, with the paths of the original. */
static void test_copy(void **state) {
    struct fixture *f = *state;
    struct config *c = NULL;
    char path[PATH_BYTES];
    unsigned line;
    _cleanup_free_ char *text = changed("clock = \"real\";", "holidays = \"gone.ics\";", &line);
    assert_int_equal(load_text(f, text, &c), -EINVAL);
    path_in(f, "cobid.conf", path);
    f->complaints.count = 0;
    assert_int_equal(config_load_copy(path, "/etc/cobid", &c, &f->complaints), 0);
    assert_string_equal(c->holidays_file, "/etc/cobid/gone.ics");
    assert_string_equal(c->state_dir, "/etc/cobid/state");
    config_free(c);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_good),        TEST(test_good_lists),    TEST(test_good_gateways),
        TEST(test_words),       TEST(test_faults),        TEST(test_all_faults),
        TEST(test_empty),       TEST(test_hostile_bytes), TEST(test_huge_file),
        TEST(test_numbers),     TEST(test_warnings),      TEST(test_credentials),
        TEST(test_environment), TEST(test_manual_clock),  TEST(test_includes),
        TEST(test_sample),      TEST(test_demo),          TEST(test_use),
        TEST(test_restart),     TEST(test_copy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
