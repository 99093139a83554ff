/* The message texts: the shipped set, sets with one fault each, and what may leave with hostile
 * values. */
#include "cobi/base/cleanup.h"
#include "cobi/base/gsm.h"
#include "cobi/base/text.h"
#include "cobi/template/template.h"
#include "cobi/template/wording.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define PATH_BYTES 2048
#define FILE_BYTES 16384

struct fixture {
    char folder[PATH_BYTES / 2];
    struct arena arena;
    struct complaints complaints;
};

/* ---- Folders ------------------------------------------------------------------------------------
 */

static void path_in(const struct fixture *f, const char *name, char path[PATH_BYTES]) {
    struct text t;
    text_init(&t, path, PATH_BYTES);
    text_addf(&t, "%s/%s", f->folder, name);
    assert_false(t.overflow);
}

static void write_bytes(const struct fixture *f, const char *name, const char *bytes,
                        size_t length) {
    char path[PATH_BYTES];
    path_in(f, name, path);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

static const char *shipped_folder(char path[PATH_BYTES]) {
    const char *source = getenv("srcdir");
    struct text t;
    text_init(&t, path, PATH_BYTES);
    text_addf(&t, "%s/templates", source == NULL ? "." : source);
    return path;
}

static void copy_shipped(const struct fixture *f) {
    char shipped[PATH_BYTES], path[PATH_BYTES * 2], bytes[FILE_BYTES];
    struct text t = TEXT_IN(path);
    text_addf(&t, "%s/en", shipped_folder(shipped));
    DIR *folder = opendir(path);
    assert_non_null(folder);
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        if (entry->d_name[0] == '.') {
            continue;
        }
        struct text from = TEXT_IN(path);
        char to[PATH_BYTES];
        text_addf(&from, "%s/en/%s", shipped, entry->d_name);
        FILE *file = fopen(path, "re");
        assert_non_null(file);
        size_t length = fread(bytes, 1, sizeof bytes, file);
        (void)fclose(file); /* only read */
        struct text name = TEXT_IN(to);
        text_addf(&name, "en/%s", entry->d_name);
        write_bytes(f, to, bytes, length);
    }
    (void)closedir(folder); /* only read */
}

static int set_up(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    const char *base = getenv("TMPDIR");
    struct text folder = TEXT_IN(f->folder);
    char path[PATH_BYTES];
    text_addf(&folder, "%s/cobid-template-XXXXXX", base == NULL ? "/tmp" : base);
    assert_non_null(mkdtemp(f->folder));
    path_in(f, "en", path);
    assert_int_equal(mkdir(path, 0700), 0);
    copy_shipped(f);
    *state = f;
    return 0;
}

static void remove_folder(const char *path) {
    DIR *folder = opendir(path);
    if (folder == NULL) {
        return;
    }
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            (void)unlinkat(dirfd(folder), entry->d_name, 0); /* rmdir() below tells */
        }
    }
    (void)closedir(folder); /* only read */
    (void)rmdir(path);      /* the one around it tells */
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    char path[PATH_BYTES];
    path_in(f, "en", path);
    remove_folder(path);
    path_in(f, "cy", path);
    remove_folder(path);
    int left = rmdir(f->folder);
    arena_done(&f->arena);
    free(f);
    return left;
}

static int load(struct fixture *f, struct templates **ret_templates) {
    f->complaints.count = 0;
    return templates_load(f->folder, ret_templates, &f->complaints);
}

static void show_complaints(const struct fixture *f) {
    for (size_t i = 0; i < f->complaints.count && i < COMPLAINTS_MAX; i++) {
        print_message("# %s\n", f->complaints.list[i].text);
    }
}

static struct templates *load_good(struct fixture *f) {
    struct templates *t = NULL;
    if (load(f, &t) != 0) {
        show_complaints(f);
        fail();
    }
    return t;
}

/* ---- The shipped set ----------------------------------------------------------------------------
 */

static void test_shipped(void **state) {
    struct fixture *f = *state;
    struct templates *t = load_good(f);
    size_t count = 0;
    for (struct template_label label; template_label(t, count, &label) == 0; count++) {
        const char *sample = template_sample(t, label.name, &f->arena);
        assert_false(label.draft);
        assert_non_null(sample);
        assert_null(strstr(sample, "${"));
        assert_null(strstr(sample, "\n\n\n"));
        assert_null(strstr(sample, " \n"));
    }
    assert_true(count >= 20);
    assert_null(template_sample(t, "en/nothing.sms", &f->arena));
    templates_free(t);
    templates_free(NULL);
}

/* What participants get, with all that is optional and without. */
static struct disclosure participant(enum channel channel, bool full) {
    struct disclosure d = {.audience = AUDIENCE_PARTICIPANT, .channel = channel};
    disclosure_set(&d, FACT_weekday, "Tue");
    disclosure_set(&d, FACT_date, "3 Nov");
    disclosure_set(&d, FACT_time, "2pm");
    disclosure_set(&d, FACT_old_weekday, "Mon");
    disclosure_set(&d, FACT_old_date, "2 Nov");
    disclosure_set(&d, FACT_old_time, "10:30am");
    disclosure_set(&d, FACT_all_dates,
                   "Tuesday 3 November 2026 at 2pm\nTuesday 10 November 2026 at 2pm");
    disclosure_set(&d, FACT_office_phone, "020 7946 0000");
    disclosure_set(&d, FACT_sender_name, "Appointments");
    disclosure_set(&d, FACT_first_name, full ? "Sam" : "");
    disclosure_set(&d, FACT_greeting, full ? "Hello Sam. " : "");
    disclosure_set(&d, FACT_place, full ? " at North Street" : "");
    disclosure_set(&d, FACT_journey, full ? " Please plan your journey." : "");
    disclosure_set(&d, FACT_consequence, full ? " Please come." : "");
    return d;
}

static const char *const participant_names[] = {"confirmation", "reminder", "change",
                                                "cancellation", "missed_contact"};

static void test_participant_texts(void **state) {
    struct fixture *f = *state;
    struct templates *t = load_good(f);
    for (size_t i = 0; i < ARRAY_COUNT(participant_names) * 4; i++) {
        enum channel channel = i % 2 == 0 ? CHANNEL_SMS : CHANNEL_EMAIL;
        struct disclosure d = participant(channel, i % 4 < 2);
        const char *name = participant_names[i / 4];
        struct rendered r;
        struct complaint c = {0};
        assert_int_equal(template_render(t, name, LANGUAGE_EN, &d, &f->arena, &r, &c), 0);
        assert_int_equal(r.subject[0] == '\0', channel == CHANNEL_SMS);
        assert_int_equal(disclose_find_word(r.body, NULL), -1);
        assert_null(strstr(r.body, "://"));
        assert_null(strstr(r.body, "  "));
        assert_null(strstr(r.body, "\n\n\n"));
        assert_int_equal(r.body[strlen(r.body) - 1] == '\n', channel == CHANNEL_EMAIL);
        assert_true(r.body[0] != ' ' && r.body[0] != '\n');
        assert_int_equal(strstr(r.body, "Sam") != NULL, i % 4 < 2);
        struct gsm_size size;
        assert_int_equal(gsm_measure(r.body, &size), 0);
        if (channel == CHANNEL_SMS) {
            assert_int_equal(size.charset, GSM_SEVEN_BIT);
            assert_int_equal(size.parts, 1);
        }
    }
    struct disclosure d = participant(CHANNEL_SMS, false);
    struct rendered r;
    struct complaint c = {0};
    assert_int_equal(template_render(t, "reminder", LANGUAGE_CY, &d, &f->arena, &r, &c), 0);
    assert_string_equal(r.body,
                        "Reminder: appointment Tue 3 Nov at 2pm. To change call 020 7946 0000.");
    templates_free(t);
}

/* Nothing that an audience may not be told can be put in, whoever tries. */
static void test_disclosure(void **state) {
    struct fixture *f = *state;
    struct templates *t = load_good(f);
    for (unsigned audience = 0; audience < AUDIENCE_COUNT; audience++) {
        for (unsigned channel = 0; channel < CHANNEL_COUNT; channel++) {
            struct disclosure d = {.audience = (enum audience)audience,
                                   .channel = (enum channel)channel};
            for (unsigned i = 0; i < FACT_COUNT; i++) {
                disclosure_set(&d, (enum fact)i, "x");
                bool may = disclose_allowed(d.audience, d.channel, fact_rows[i].class);
                assert_int_equal(d.values[i] != NULL, may);
            }
        }
    }
    struct disclosure d = participant(CHANNEL_SMS, true);
    disclosure_set(&d, FACT_case_ref, "ADV-1");
    disclosure_set(&d, FACT_session_number, "3");
    disclosure_set(&d, FACT_practitioner_name, "Jo Bloggs");
    assert_null(d.values[FACT_case_ref]);
    assert_null(d.values[FACT_session_number]);
    assert_null(d.values[FACT_practitioner_name]);
    /* A template for others does not exist for a participant. */
    struct rendered r = {.body = "untouched"};
    struct complaint c = {0};
    d.channel = CHANNEL_EMAIL;
    assert_int_equal(template_render(t, "advocate_notice", LANGUAGE_EN, &d, &f->arena, &r, &c),
                     -ENOENT);
    assert_string_equal(r.body, "untouched");
    templates_free(t);
}

/* Each audience has its own stand-down under the same name. */
static void test_variants(void **state) {
    struct fixture *f = *state;
    struct templates *t = load_good(f);
    static const enum audience audiences[] = {AUDIENCE_SUPERVISOR, AUDIENCE_OFFICER,
                                              AUDIENCE_ADVOCATE};
    for (size_t i = 0; i < ARRAY_COUNT(audiences); i++) {
        struct disclosure d = {.audience = audiences[i], .channel = CHANNEL_EMAIL};
        for (unsigned k = 0; k < FACT_COUNT; k++) {
            disclosure_set(&d, (enum fact)k, fact_rows[k].sample);
        }
        struct rendered r;
        struct complaint c = {0};
        assert_int_equal(template_render(t, "stand_down", LANGUAGE_EN, &d, &f->arena, &r, &c), 0);
        assert_int_equal(strstr(r.body, fact_rows[FACT_case_ref].sample) != NULL,
                         audiences[i] == AUDIENCE_ADVOCATE);
        assert_int_equal(strstr(r.body, fact_rows[FACT_officer_ref].sample) != NULL,
                         audiences[i] == AUDIENCE_OFFICER);
        assert_int_equal(strstr(r.body, fact_rows[FACT_reference].sample) != NULL,
                         audiences[i] == AUDIENCE_SUPERVISOR);
        assert_int_equal(template_uses(t, "stand_down", LANGUAGE_EN, CHANNEL_EMAIL, audiences[i],
                                       FACT_reference),
                         audiences[i] == AUDIENCE_SUPERVISOR);
    }
    assert_true(template_uses(t, "confirmation", LANGUAGE_EN, CHANNEL_EMAIL, AUDIENCE_PARTICIPANT,
                              FACT_all_dates));
    assert_false(template_uses(t, "confirmation", LANGUAGE_EN, CHANNEL_SMS, AUDIENCE_PARTICIPANT,
                               FACT_all_dates));
    assert_false(template_uses(t, "nothing", LANGUAGE_EN, CHANNEL_SMS, AUDIENCE_PARTICIPANT,
                               FACT_all_dates));
    templates_free(t);
}

/* ---- Values from hostile hands
 * ------------------------------------------------------------------- */

static const struct value_row {
    const char *name;
    enum channel channel;
    enum fact fact;
    const char *value;
    int error;
    const char *text; /* in the body when it leaves, in the complaint when not */
} value_rows[] = {
    {"reminder", CHANNEL_SMS, FACT_place, " at Probation office", -EPERM, "\"Probation\" in place"},
    {"reminder", CHANNEL_EMAIL, FACT_place, " at the Crown COURT", -EPERM, "\"COURT\" in place"},
    {"reminder", CHANNEL_SMS, FACT_greeting, "Hello Dbt. ", -EPERM, "\"Dbt\" in greeting"},
    {"reminder", CHANNEL_SMS, FACT_place, " at cobi_house", -EPERM, "\"cobi\" in place"},
    {"reminder", CHANNEL_SMS, FACT_place, " at Courtenay House", 0, " at Courtenay House"},
    {"reminder", CHANNEL_SMS, FACT_place, " see https://x.example", -EPERM, "a link in place"},
    {"reminder", CHANNEL_EMAIL, FACT_place, " see www.x.example", -EPERM, "a link in place"},
    {"reminder", CHANNEL_SMS, FACT_place, " at ${reference}", 0, " at ${reference}"},
    {"reminder", CHANNEL_SMS, FACT_place, " at $$ ${weekday} ${", 0, " at $$ ${weekday} ${"},
    {"reminder", CHANNEL_SMS, FACT_place, " at\nhome", -EPERM, "a value must be one line"},
    {"reminder", CHANNEL_EMAIL, FACT_place, " at\r\nBcc: x", -EPERM, "a value must be one line"},
    {"reminder", CHANNEL_EMAIL, FACT_place, " at \xff", -EPERM, "a value"},
    {"reminder", CHANNEL_EMAIL, FACT_place,
     " at \xe2\x80\xae"
     "emoh",
     -EPERM, "a value"},
    {"reminder", CHANNEL_EMAIL, FACT_place, " at \x1b[2J", -EPERM, "a value"},
    /* A name or place in letters outside the alphabet is worth the parts it costs. */
    {"reminder", CHANNEL_SMS, FACT_greeting, "Hello Si\xc3\xb4n. ", 0,
     "Hello Si\xc3\xb4n. Reminder: appointment Tue 3 Nov at 2pm at North Street."},
    {"reminder", CHANNEL_SMS, FACT_place, " at T\xc5\xb7 Celyn", 0, "2pm at T\xc5\xb7 Celyn."},
    {"reminder", CHANNEL_SMS, FACT_greeting,
     "Hello 0123456789012345678901234567890123456789012345678901234567890123456789. ", 0,
     "Reminder: appointment Tue 3 Nov at 2pm at North Street."},
    {"reminder", CHANNEL_EMAIL, FACT_greeting, "Hello Si\xc3\xb4n. ", 0,
     "Hello Si\xc3\xb4n.\n\nThis is"},
    {"reminder", CHANNEL_SMS, FACT_consequence,
     " Not coming without telling us may have consequences.", 0, "may have consequences."},
    /* What cannot be left out must fit. */
    {"reminder", CHANNEL_SMS, FACT_office_phone,
     "020 7946 0000 or 020 7946 0001 or 020 7946 0002 or 020 7946 0003 or 020 7946 0004 or 020 "
     "7946 0005 or 020 7946 0006",
     -EPERM, "it takes 2 parts"},
    {"reminder", CHANNEL_SMS, FACT_weekday, "\xc3\xaau", -EPERM, "not in the GSM alphabet"},
    {"reminder", CHANNEL_SMS, FACT_weekday, NULL, -ENODATA, "${weekday} was not given"},
    {"confirmation", CHANNEL_EMAIL, FACT_all_dates, NULL, -ENODATA, "${all_dates} was not given"},
    {"confirmation", CHANNEL_SMS, FACT_all_dates, NULL, 0, "Next appointment"},
    {"confirmation", CHANNEL_EMAIL, FACT_all_dates, "one\ntwo", 0, "\none\ntwo\n"},
};

static void test_values(void **state) {
    struct fixture *f = *state;
    struct templates *t = load_good(f);
    size_t bad = 0;
    for (size_t i = 0; i < ARRAY_COUNT(value_rows); i++) {
        const struct value_row *row = &value_rows[i];
        struct disclosure d = participant(row->channel, true);
        d.values[row->fact] = row->value;
        struct rendered r = {.body = "untouched"};
        struct complaint c = {0};
        int error = template_render(t, row->name, LANGUAGE_EN, &d, &f->arena, &r, &c);
        const char *told = error == 0 ? r.body : c.text;
        if (error != row->error || strstr(told, row->text) == NULL ||
            (error < 0 && strcmp(r.body, "untouched") != 0)) {
            print_message("# row %zu: %d, \"%s\"\n", i, error, told);
            bad++;
        }
        /* A complaint never repeats the value as a whole. */
        if (error == -EPERM && row->value != NULL && strstr(c.text, row->value) != NULL) {
            print_message("# row %zu repeats the value\n", i);
            bad++;
        }
    }
    assert_int_equal(bad, 0);
    templates_free(t);
}

/* Values put in past disclosure_set() still do not get out. */
static void test_forced_value(void **state) {
    struct fixture *f = *state;
    static const char text[] =
        "Audience: practitioner, supervisor\nSubject: S\n\n${task} ${reference}\n";
    write_bytes(f, "en/task.email.txt", text, sizeof text - 1);
    struct templates *t = load_good(f);
    struct disclosure d = {.audience = AUDIENCE_ADVOCATE, .channel = CHANNEL_EMAIL};
    d.values[FACT_task] = "x";
    d.values[FACT_reference] = "P-1";
    struct rendered r;
    struct complaint c = {0};
    assert_int_equal(template_render(t, "task", LANGUAGE_EN, &d, &f->arena, &r, &c), -ENOENT);
    templates_free(t);
}

/* ---- One fault at a time
 * ------------------------------------------------------------------------- */

static const struct fault_row {
    const char *name; /* file in the folder */
    const char *bytes;
    unsigned line;
    const char *text;
} fault_rows[] = {
    {"en/reminder.sms.txt", "Subject: x\n\nHello\n", 1, "Audience: is missing"},
    {"en/reminder.sms.txt", "Audience: participant\nSubject: x\n\nHello\n", 1,
     "Subject: a text has none"},
    {"en/reminder.email.txt", "Audience: participant\n\nHello\n", 1, "Subject: is missing"},
    {"en/reminder.email.txt", "Audience: participant\nSubject:\n\nHello\n", 2,
     "Subject: must have"},
    {"en/reminder.email.txt", "Audience: participant\nSubject: x\nSubject: y\n\nHello\n", 3,
     "Subject: is there twice"},
    {"en/reminder.email.txt", "Audience: participant\nSubject: x\nBcc: y@example.org\n\nHello\n", 3,
     "must be a header line"},
    {"en/reminder.sms.txt", "Audience: participant\nHello\n", 2, "must be a header line"},
    {"en/reminder.sms.txt", "Audience: participants\n\nHello\n", 1,
     "Audience: \"participants\" is nobody"},
    {"en/reminder.sms.txt", "Audience: participant, supervisor\n\nHello\n", 1,
     "is for nobody else"},
    {"en/reminder.sms.txt", "Audience: supervisor\n\nHello\n", 1,
     "no supervisor gets messages of kind reminder"},
    {"en/reminder.sms.txt", "Audience: participant\nDraft: no\n\nHello\n", 2,
     "Draft: must be \"yes\""},
    {"en/reminder.sms.txt", "Audience: participant\nDraft: yes\n\nHello\n", 1, "Draft:"},
    {"en/reminder.sms.txt", "Audience: participant\n\n", 3, "the text is missing"},
    {"en/reminder.sms.txt", "Audience: participant\n", 3, "the text is missing"},
    {"en/reminder.sms.txt", "", 1, "Audience: is missing"},
    {"en/reminder.sms.txt", "Audience: participant\n\nHello\nthere\n", 4,
     "a text must be one line"},
    {"en/reminder.sms.txt", "Audience: participant\n\nHello ${nobody}\n", 3,
     "there is no fact \"nobody\""},
    {"en/reminder.sms.txt", "Audience: participant\n\nHello ${Weekday}\n", 3,
     "must be followed by the name"},
    {"en/reminder.sms.txt", "Audience: participant\n\nHello ${weekday\n", 3,
     "must be followed by the name"},
    {"en/reminder.sms.txt", "Audience: participant\n\nIt costs $5\n", 3, "a lone \"$\""},
    {"en/reminder.email.txt", "Audience: participant\nSubject: x\n\nOne\n\nTwo ${bad}\n", 6,
     "there is no fact"},
    {"en/reminder.email.txt", "Audience: participant\nSubject: x\n\nOne\n\nTwo ${reference}\n", 6,
     "${reference} may not be told to the participant by email"},
    {"en/reminder.sms.txt", "Audience: participant\n\n${case_ref}\n", 3,
     "${case_ref} may not be told to the participant by sms"},
    {"en/reminder.sms.txt", "Audience: participant\n\n${ack_link}\n", 3,
     "${ack_link} may not be told"},
    {"en/reminder.sms.txt", "Audience: participant\n\n${practitioner_name} ${session_number}\n", 3,
     "may not be told"},
    {"en/advocate_notice.email.txt", "Audience: advocate\nSubject: x\n\n${past_date}\n", 4,
     "${past_date} may not be told to the advocate"},
    {"en/advocate_notice.email.txt", "Audience: advocate\nSubject: x\n\n${weekday} ${reference}\n",
     4, "${weekday} may not be told"},
    {"en/task.email.txt", "Audience: practitioner, supervisor\nSubject: x\n\n${happened}\n", 4,
     "${happened} may not be told to the practitioner"},
    {"en/reminder.email.txt", "Audience: participant\nSubject: ${weekday}\n\nHello\n", 1,
     "${weekday} may not stand in a subject"},
    {"en/task.email.txt",
     "Audience: practitioner, supervisor\nSubject: ${practitioner_name}\n\nHello\n", 1,
     "may not stand in a subject"},
    {"en/reminder.sms.txt", "Audience: participant\n\nYour therapy is ${weekday}\n", 3,
     "the word \"therapy\" in the text itself"},
    {"en/reminder.email.txt", "Audience: participant\nSubject: Probation\n\nHello\n", 4,
     "the word \"Probation\""},
    {"en/reminder.sms.txt", "Audience: participant\n\nSee https://x.example\n", 3,
     "a link in the text itself"},
    {"en/reminder.email.txt", "Audience: participant\nSubject: x\n\nSee WWW.x.example\n", 4,
     "a link"},
    {"en/reminder.sms.txt", "Audience: participant\n\nReminder \xe2\x80\x99 ${weekday}\n", 3,
     "not in the GSM alphabet"},
    {"en/reminder.sms.txt",
     "Audience: participant\n\n${weekday} ${weekday} ${office_phone} ${office_phone} "
     "${office_phone} ${office_phone} ${office_phone} ${office_phone} "
     "${office_phone} ${office_phone} ${office_phone} ${office_phone} ${office_phone} "
     "${office_phone}\n",
     3, "it takes 2 parts, 1 allowed"},
    {"en/reminder.sms.txt", "Audience: participant\r\n\r\nHello\r\n", 1,
     "the line must be one line"},
    {"en/reminder.sms.txt", "Audience: participant\n\nHello\tthere\n", 3,
     "the line must be one line"},
    {"en/reminder.sms.txt", "Audience: participant\n\nHello \xff\n", 3, "the line"},
    {"en/escalation-missed.email.txt", "Audience: supervisor\nSubject: x\n\nHello ${ack_link}\n", 4,
     "must hold ${ack_link} and ${ack_code}"},
    {"en/greeting.sms.txt", "Audience: participant\n\nHello\n", 1,
     "no kind of message begins the file's name"},
    {"en/reminder.txt", "Audience: participant\n\nHello\n", 1, "must be called NAME.sms.txt"},
    {"en/reminder.pigeon.txt", "Audience: participant\n\nHello\n", 1,
     "must be called NAME.sms.txt"},
    {"cy/reminder-winter.sms.txt", "Audience: participant\n\nHelo\n", 1,
     "there is no English template"},
    {"cy/reminder.sms.txt",
     "Audience: "
     "participant\n\n\xc5\xb5\xc5\xb5\xc5\xb5\xc5\xb5\xc5\xb5\xc5\xb5\xc5\xb5\xc5\xb5\xc5\xb5\xc5"
     "\xb5 ${office_phone} ${office_phone} ${office_phone} "
     "${office_phone} ${office_phone} ${office_phone} ${office_phone} ${office_phone} "
     "${office_phone} ${office_phone} ${office_phone} ${office_phone} ${office_phone} "
     "${office_phone} ${office_phone}\n",
     3, "parts, 3 allowed"},
};

static bool complained(const struct fixture *f, const char *name, unsigned line, const char *text) {
    char begin[PATH_BYTES + 32];
    struct text t = TEXT_IN(begin);
    text_addf(&t, "%s/%s:%u: ", f->folder, name, line);
    for (size_t i = 0; i < f->complaints.count && i < COMPLAINTS_MAX; i++) {
        const char *c = f->complaints.list[i].text;
        if (strncmp(c, begin, t.length) == 0 && strstr(c + t.length, text) != NULL) {
            return true;
        }
    }
    return false;
}

static void test_faults(void **state) {
    struct fixture *f = *state;
    char path[PATH_BYTES];
    size_t bad = 0;
    path_in(f, "cy", path);
    assert_int_equal(mkdir(path, 0700), 0);
    for (size_t i = 0; i < ARRAY_COUNT(fault_rows); i++) {
        const struct fault_row *row = &fault_rows[i];
        struct templates *t = NULL;
        write_bytes(f, row->name, row->bytes, strlen(row->bytes));
        int error = load(f, &t);
        if (error != -EINVAL || t != NULL || !complained(f, row->name, row->line, row->text)) {
            print_message("# row %zu: %d, expected %s:%u: %s\n", i, error, row->name, row->line,
                          row->text);
            show_complaints(f);
            bad++;
        }
        templates_free(t);
        path_in(f, row->name, path);
        assert_int_equal(remove(path), 0);
        copy_shipped(f);
    }
    assert_int_equal(bad, 0);
}

static void test_missing(void **state) {
    static const char *const names[] = {"reminder.sms.txt", "escalation-missed.email.txt",
                                        "stand_down-advocate.email.txt", "alarm.email.txt",
                                        "task.email.txt"};
    struct fixture *f = *state;
    struct templates *t = NULL;
    char path[PATH_BYTES], name[PATH_BYTES];
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        struct text n = TEXT_IN(name);
        text_addf(&n, "en/%s", names[i]);
        path_in(f, name, path);
        assert_int_equal(remove(path), 0);
        assert_int_equal(load(f, &t), -EINVAL);
        assert_non_null(strstr(f->complaints.list[0].text, "is missing: a template for the"));
        copy_shipped(f);
    }
    path_in(f, "en", path);
    remove_folder(path);
    assert_int_equal(load(f, &t), -EINVAL);
    assert_non_null(strstr(f->complaints.list[0].text, "the folder cannot be read"));
    assert_null(t);
}

static void test_hostile_files(void **state) {
    struct fixture *f = *state;
    struct templates *t = NULL;
    char path[PATH_BYTES];
    static const char nul[] = "Audience: participant\n\nHello\0 there\n";
    write_bytes(f, "en/reminder.sms.txt", nul, sizeof nul - 1);
    assert_int_equal(load(f, &t), -EINVAL);
    assert_true(complained(f, "en/reminder.sms.txt", 3, "the line"));
    char large[10000];
    memset(large, 'a', sizeof large);
    write_bytes(f, "en/reminder.sms.txt", large, sizeof large);
    assert_int_equal(load(f, &t), -EINVAL);
    assert_true(complained(f, "en/reminder.sms.txt", 1, "at most 8192 bytes"));
    path_in(f, "en/reminder.sms.txt", path);
    assert_int_equal(remove(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(load(f, &t), -EINVAL);
    assert_true(complained(f, "en/reminder.sms.txt", 1, "must be a file"));
    /* What editors leave behind is passed over. */
    assert_int_equal(remove(path), 0);
    copy_shipped(f);
    write_bytes(f, "en/reminder.sms.txt~", large, sizeof large);
    write_bytes(f, "en/.reminder.sms.txt.swp", large, sizeof large);
    templates_free(load_good(f));
}

/* ---- Notation and languages
 * ---------------------------------------------------------------------- */

static void test_dollars(void **state) {
    struct fixture *f = *state;
    static const char text[] = "Audience: participant\n\n$$${weekday}$$$${date} $$\n";
    write_bytes(f, "en/reminder.sms.txt", text, sizeof text - 1);
    struct templates *t = load_good(f);
    struct disclosure d = participant(CHANNEL_SMS, false);
    struct rendered r;
    struct complaint c = {0};
    assert_int_equal(template_render(t, "reminder", LANGUAGE_EN, &d, &f->arena, &r, &c), 0);
    assert_string_equal(r.body, "$Tue$${date} $");
    assert_string_equal(r.subject, "");
    templates_free(t);
}

static void test_welsh(void **state) {
    struct fixture *f = *state;
    char path[PATH_BYTES];
    path_in(f, "cy", path);
    assert_int_equal(mkdir(path, 0700), 0);
    static const char draft[] = "Audience: participant\nDraft: yes\n\nNodyn: \xc5\xb5 ${weekday}\n";
    static const char ready[] = "Audience: participant\n\nNodyn: \xc5\xb5 ${weekday}\n";
    struct disclosure d = participant(CHANNEL_SMS, false);
    struct rendered r;
    struct complaint c = {0};
    write_bytes(f, "cy/reminder.sms.txt", draft, sizeof draft - 1);
    struct templates *t = load_good(f);
    assert_string_equal(template_sample(t, "cy/reminder.sms", &f->arena),
                        "Nodyn: \xc5\xb5 Mercher");
    assert_int_equal(template_render(t, "reminder", LANGUAGE_CY, &d, &f->arena, &r, &c), 0);
    assert_memory_equal(r.body, "Reminder", 8);
    templates_free(t);
    write_bytes(f, "cy/reminder.sms.txt", ready, sizeof ready - 1);
    t = load_good(f);
    assert_int_equal(template_render(t, "reminder", LANGUAGE_CY, &d, &f->arena, &r, &c), 0);
    assert_string_equal(r.body, "Nodyn: \xc5\xb5 Tue");
    assert_int_equal(template_render(t, "change", LANGUAGE_CY, &d, &f->arena, &r, &c), 0);
    assert_memory_equal(r.body, "Your", 4);
    templates_free(t);
}

/* Every text that participants get is there in Welsh, marked a draft; signed, it fits three parts
 * whatever letters a name or a place brings, with all that may be left out. */
static void sign_shipped_welsh(const struct fixture *f) {
    char shipped[PATH_BYTES], path[PATH_BYTES * 2], bytes[FILE_BYTES];

    path_in(f, "cy", path);
    assert_int_equal(mkdir(path, 0700), 0);
    for (size_t i = 0; i < ARRAY_COUNT(participant_names) * 2; i++) {
        static const char mark[] = "Draft: yes\n";
        char name[100];
        struct text from = TEXT_IN(path), to = TEXT_IN(name);
        text_addf(&to, "cy/%s.%s.txt", participant_names[i / 2], i % 2 ? "email" : "sms");
        text_addf(&from, "%s/%s", shipped_folder(shipped), name);
        FILE *file = fopen(path, "re");
        assert_non_null(file);
        const size_t length = fread(bytes, 1, sizeof bytes - 1, file);
        (void)fclose(file); /* only read */
        bytes[length] = '\0';
        char *draft = strstr(bytes, mark);
        assert_non_null(draft);
        memmove(draft, draft + sizeof mark - 1, strlen(draft + sizeof mark - 1) + 1);
        write_bytes(f, name, bytes, strlen(bytes));
    }
}

static void test_shipped_welsh(void **state) {
    struct fixture *f = *state;
    sign_shipped_welsh(f);
    struct templates *t = load_good(f);
    for (size_t i = 0; i < ARRAY_COUNT(participant_names) * 2; i++) {
        struct disclosure d = {.audience = AUDIENCE_PARTICIPANT,
                               .channel = i % 2 ? CHANNEL_EMAIL : CHANNEL_SMS};
        struct rendered r;
        struct complaint c = {0};
        struct gsm_size size;
        for (unsigned k = 0; k < FACT_COUNT; k++) {
            disclosure_set(&d, (enum fact)k, wording_sample(LANGUAGE_CY, (enum fact)k));
        }
        disclosure_set(&d, FACT_greeting, "Helo Si\xc3\xb4n. ");
        disclosure_set(&d, FACT_place, ", T\xc5\xb7 Celyn");
        assert_int_equal(template_language(t, participant_names[i / 2], LANGUAGE_CY, d.channel,
                                           AUDIENCE_PARTICIPANT),
                         LANGUAGE_CY);
        assert_int_equal(
            template_render(t, participant_names[i / 2], LANGUAGE_CY, &d, &f->arena, &r, &c), 0);
        assert_non_null(strstr(r.body, "wyntiad"));
        assert_non_null(strstr(r.body, "Si\xc3\xb4n"));
        assert_int_equal(gsm_measure(r.body, &size), 0);
        if (d.channel == CHANNEL_SMS) {
            assert_int_equal(size.charset, GSM_UCS2);
            assert_in_range(size.parts, 1, 3);
        }
    }
    templates_free(t);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_shipped),       TEST(test_participant_texts),
        TEST(test_disclosure),    TEST(test_variants),
        TEST(test_values),        TEST(test_forced_value),
        TEST(test_faults),        TEST(test_missing),
        TEST(test_hostile_files), TEST(test_dollars),
        TEST(test_welsh),         TEST(test_shipped_welsh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
