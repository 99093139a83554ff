/* The spool: whole files under their final name only, nothing overwritten, nothing hostile. */
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

#include "cobi/base/cleanup.h"
#include "cobi/base/text.h"
#include "cobi/transport/transport.h"

struct place {
    char folder[64], spool[96];
};

static int set_up(void **state) {
    static struct place place;
    place = (struct place){.folder = "/tmp/test_spool.XXXXXX"};
    assert_non_null(mkdtemp(place.folder));
    struct text text = TEXT_IN(place.spool);
    text_addf(&text, "%s/texts", place.folder);
    *state = &place;
    return 0;
}

/* Counts the files, hidden ones too; removes them when told to. */
static int count_files(const char *folder, bool remove_them) {
    int count = 0;
    DIR *directory = opendir(folder);
    if (directory == NULL) {
        return 0;
    }
    for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            count++;
            if (remove_them) {
                (void)unlinkat(dirfd(directory), entry->d_name, 0); /* the last rmdir tells */
            }
        }
    }
    assert_int_equal(closedir(directory), 0);
    return count;
}

static int tear_down(void **state) {
    struct place *place = *state;
    (void)chmod(place->spool, 0700); /* absent in some tests */
    count_files(place->spool, true);
    (void)rmdir(place->spool); /* the next line tells */
    return rmdir(place->folder);
}

static struct outgoing sample(enum channel channel) {
    return (struct outgoing){
        .message_id = "0123",
        .attempt = 1,
        .gateway = "texts",
        .reference = "M0123-1",
        .mail_id = "m0123",
        .channel = channel,
        .to = channel == CHANNEL_SMS ? "+447700900123" : "sam@example.org",
        .from_name = "Appointments",
        .from = channel == CHANNEL_SMS ? "Appts" : "desk@appointments.example",
        .reply_to = "",
        .subject = "Your appointment",
        .body = "Tŷ Celyn: Tue 12 Jan 14:00\n\nTo: nobody",
        .date = {INT64_C(1799762400) * SECOND_US},
        .not_after = {INT64_MAX},
    };
}

static char *read_file(const struct place *place, const char *name) {
    char path[200];
    struct text text = TEXT_IN(path);
    text_addf(&text, "%s/%s", place->spool, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return NULL;
    }
    char *bytes = calloc(1, 8192);
    assert_non_null(bytes);
    assert_true(fread(bytes, 1, 8191, file) > 0);
    assert_int_equal(fclose(file), 0);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    return bytes;
}

static void a_text_is_a_file(void **state) {
    const struct place *place = *state;
    struct outgoing message = sample(CHANNEL_SMS);
    assert_int_equal(spool_write(place->spool, &message, "h.example"), 0);
    _cleanup_free_ char *bytes = read_file(place, "M0123-1.sms");
    assert_non_null(bytes);
    assert_string_equal(bytes, "To: +447700900123\nFrom: Appts\nDate: "
                               "2027-01-12T14:00:00Z\nReference: M0123-1\nMessage-Id: 0123\n\n"
                               "Tŷ Celyn: Tue 12 Jan 14:00\n\nTo: nobody");
    assert_int_equal(count_files(place->spool, false), 1);
}

static void a_mail_is_a_file(void **state) {
    const struct place *place = *state;
    struct outgoing message = sample(CHANNEL_EMAIL);
    char *wanted = NULL;
    size_t length = 0;
    assert_int_equal(spool_write(place->spool, &message, "h.example"), 0);
    assert_int_equal(mail_format(&message, "h.example", &wanted, &length), 0);
    _cleanup_free_ char *bytes = read_file(place, "M0123-1.eml");
    assert_non_null(bytes);
    assert_string_equal(bytes, wanted);
    free(wanted);
}

static void nothing_is_overwritten(void **state) {
    const struct place *place = *state;
    struct outgoing message = sample(CHANNEL_SMS);
    assert_int_equal(spool_write(place->spool, &message, ""), 0);
    message.body = "another";
    assert_int_equal(spool_write(place->spool, &message, ""), -EEXIST);
    _cleanup_free_ char *bytes = read_file(place, "M0123-1.sms");
    assert_non_null(strstr(bytes, "Celyn"));
    assert_int_equal(count_files(place->spool, false), 1); /* no half-written file either */
    message.reference = "M0123-2";
    assert_int_equal(spool_write(place->spool, &message, ""), 0);
    assert_int_equal(count_files(place->spool, false), 2);
}

static void hostile_values_leave_nothing(void **state) {
    const struct place *place = *state;
    static const char *const references[] = {"",    ".",   "..",   ".hidden", "../M1",
                                             "a/b", "a b", "a\nb", "é"};
    for (size_t i = 0; i < ARRAY_COUNT(references); i++) {
        struct outgoing message = sample(CHANNEL_SMS);
        message.reference = references[i];
        assert_int_equal(spool_write(place->spool, &message, ""), -EINVAL);
    }
    struct outgoing to = sample(CHANNEL_SMS), from = sample(CHANNEL_SMS),
                    mail = sample(CHANNEL_EMAIL);
    to.to = "+44\nX: y";
    from.from = "A\nX: y";
    mail.subject = "A\r\nX: y";
    assert_int_equal(spool_write(place->spool, &to, ""), -EINVAL);
    assert_int_equal(spool_write(place->spool, &from, ""), -EINVAL);
    assert_int_equal(spool_write(place->spool, &mail, ""), -EINVAL);
    assert_int_equal(count_files(place->spool, false), 0);
}

static void a_missing_folder_above_is_an_error(void **state) {
    const struct place *place = *state;
    char deep[200];
    struct text text = TEXT_IN(deep);
    text_addf(&text, "%s/no/texts", place->folder);
    struct outgoing message = sample(CHANNEL_SMS);
    assert_int_equal(spool_write(deep, &message, ""), -ENOENT);
}

#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
int main(void) {
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(a_text_is_a_file),
        IN_A_FOLDER(a_mail_is_a_file),
        IN_A_FOLDER(nothing_is_overwritten),
        IN_A_FOLDER(hostile_values_leave_nothing),
        IN_A_FOLDER(a_missing_folder_above_is_an_error),
    };
    return cmocka_run_group_tests_name("spool", tests, NULL, NULL);
}
