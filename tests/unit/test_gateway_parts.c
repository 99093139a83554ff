/* The small parts under the gateways: endpoints, credentials, JSON pointers. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "cobi/base/cleanup.h"
#include "cobi/transport/credential.h"
#include "cobi/transport/endpoint.h"
#include "cobi/base/json_pointer.h"

static void pointers(void **state) {
    (void)state;
    /* The document and pointers of RFC 6901 section 5, and some that must find nothing. */
    static const struct {
        const char *pointer, *value;
    } rows[] = {
        {"", NULL},      {"/foo", NULL},  {"/foo/0", "\"bar\""}, {"/", "0"},
        {"/a~1b", "1"},  {"/c%d", "2"},   {"/e^f", "3"},         {"/g|h", "4"},
        {"/i\\j", "5"},  {"/k\"l", "6"},  {"/ ", "7"},           {"/m~0n", "8"},
        {"/foo/2", ""},  {"/foo/00", ""}, {"/foo/-", ""},        {"/foo/0/x", ""},
        {"/foo/+1", ""}, {"/absent", ""}, {"/foo/1 ", ""},       {"/foo/9999999", ""},
    };
    json_t *document = json_loads(
        "{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/"
        "b\":1,\"c%d\":2,\"e^f\":3,\"g|h\":4,\"i\\\\j\":5,\"k\\\"l\":6,\" \":7,\"m~n\":8}",
        0, NULL);
    assert_non_null(document);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        const json_t *value = json_pointer_find(document, rows[i].pointer);
        assert_true(json_pointer_valid(rows[i].pointer));
        if (rows[i].value != NULL && rows[i].value[0] == '\0') {
            assert_null(value);
            continue;
        }
        assert_non_null(value);
        if (rows[i].value != NULL) {
            _cleanup_free_ char *text = json_dumps(value, JSON_ENCODE_ANY);
            assert_string_equal(text, rows[i].value);
        }
    }
    json_decref(document);
    assert_false(json_pointer_valid("id"));
    assert_false(json_pointer_valid("/a~"));
    assert_false(json_pointer_valid("/a~2"));
}

static void endpoints(void **state) {
    (void)state;
    static const struct {
        enum gateway_type type;
        bool tls;
        const char *url, *result; /* NULL: refused */
    } rows[] = {
        {GATEWAY_HTTP, true, "https://sms.example.org/send?v=2",
         "https://sms.example.org/send?v=2"},
        {GATEWAY_HTTP, true, "http://127.0.0.1:8080/", "http://127.0.0.1:8080/"},
        {GATEWAY_HTTP, true, "http://localhost/", "http://localhost/"},
        {GATEWAY_HTTP, true, "http://[::1]:9/x", "http://[::1]:9/x"},
        {GATEWAY_HTTP, true, "http://localhost.example.org/", NULL},
        {GATEWAY_HTTP, true, "http://127.0.0.1.example.org/", NULL},
        {GATEWAY_HTTP, true, "http://127.0.0.1@evil.example/", NULL},
        {GATEWAY_HTTP, true, "http://10.0.0.1/", NULL},
        {GATEWAY_HTTP, true, "https://", NULL},
        {GATEWAY_HTTP, true, "https:sms.example.org", NULL},
        {GATEWAY_HTTP, true, "https://sms.example.org/a\nb", NULL},
        {GATEWAY_HTTP, true, "https://sms.example.org/../x", NULL},
        {GATEWAY_HTTP, true, "", NULL},
        {GATEWAY_SMTP, true, "smtp://relay.example.org:587/",
         "smtp://relay.example.org:587/mail.example"},
        {GATEWAY_SMTP, true, "smtp://relay.example.org", "smtp://relay.example.org/mail.example"},
        {GATEWAY_SMTP, true, "smtps://relay.example.org/desk.example",
         "smtps://relay.example.org/desk.example"},
        {GATEWAY_SMTP, false, "smtp://127.0.0.1:25/", "smtp://127.0.0.1:25/mail.example"},
        {GATEWAY_SMTP, false, "smtp://relay.example.org:25/", NULL},
        {GATEWAY_SMTP, true, "smtp://relay.example.org/a b", NULL},
        {GATEWAY_SMTP, true, "smtp://relay.example.org/a%0d%0aRSET", NULL},
        {GATEWAY_SMTP, true, "http://127.0.0.1/", NULL},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct gateway gateway = {.name = "g", .type = rows[i].type, .tls = rows[i].tls};
        struct endpoint endpoint = {.url = "untouched"};
        struct complaint complaint = {0};
        struct text url = TEXT_IN(gateway.url);
        text_add(&url, rows[i].url);
        int r = endpoint_parse(&gateway, "mail.example", &endpoint, &complaint);
        assert_int_equal(r, rows[i].result == NULL ? -EINVAL : 0);
        assert_string_equal(endpoint.url, rows[i].result == NULL ? "untouched" : rows[i].result);
        assert_int_equal(complaint.text[0] != '\0', rows[i].result == NULL);
    }
}

static void put_file(const char *folder, const char *name, const char *content, mode_t mode) {
    int directory = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd = openat(directory, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, strlen(content)), (ssize_t)strlen(content));
    assert_int_equal(fchmod(fd, mode), 0);
    assert_int_equal(close(fd) | close(directory), 0);
}

static void remove_files(const char *folder, const char *const *names, size_t count) {
    int directory = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(unlinkat(directory, names[i], 0), 0);
    }
    assert_int_equal(close(directory), 0);
    assert_int_equal(rmdir(folder), 0);
}

static void credentials(void **state) {
    (void)state;
    static const char *const names[] = {"plain", "line", "open", "empty", "two", "control", "link"};
    char folder[] = "/tmp/test_gateway_parts.XXXXXX", secret[CREDENTIAL_SIZE] = "untouched",
         text[200];
    assert_non_null(mkdtemp(folder));
    put_file(folder, "plain", "abc", 0600);
    put_file(folder, "line", "d e f\n", 0400);
    put_file(folder, "open", "abc", 0644);
    put_file(folder, "empty", "\n", 0600);
    put_file(folder, "two", "a\nb\n", 0600);
    put_file(folder, "control", "a\rb", 0600);
    int directory = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(symlinkat("plain", directory, "link"), 0);
    assert_int_equal(close(directory), 0);

    assert_int_equal(credential_read(folder, "absent", secret), -ENOENT);
    assert_int_equal(credential_read(folder, "open", secret), -EACCES);
    assert_int_equal(credential_read(folder, "empty", secret), -EBADMSG);
    assert_int_equal(credential_read(folder, "two", secret), -EBADMSG);
    assert_int_equal(credential_read(folder, "control", secret), -EBADMSG);
    assert_int_equal(credential_read(folder, "link", secret), -ELOOP);
    assert_int_equal(credential_read(folder, "../plain", secret), -EBADF);
    assert_int_equal(credential_read(folder, "", secret), -EBADF);
    assert_int_equal(credential_read("", "plain", secret), -EBADF);
    assert_string_equal(secret, "untouched");
    assert_int_equal(credential_read(folder, "plain", secret), 3);
    assert_string_equal(secret, "abc");
    assert_int_equal(credential_read(folder, "line", secret), 5);
    assert_string_equal(secret, "d e f");

    assert_int_equal(
        credential_expand(folder, "Key ${credential:plain}/${credential:line}.", text, sizeof text),
        0);
    assert_string_equal(text, "Key abc/d e f.");
    assert_int_equal(credential_expand(folder, "none", text, sizeof text), 0);
    assert_string_equal(text, "none");
    assert_int_equal(credential_expand(folder, "${credential:absent}", text, sizeof text), -ENOENT);
    assert_int_equal(credential_expand(folder, "${credential:plain", text, sizeof text), -EBADF);
    assert_int_equal(credential_expand(folder, "${credential:plain}", text, 3), -E2BIG);
    assert_string_equal(text, "");
    remove_files(folder, names, ARRAY_COUNT(names));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pointers),
        cmocka_unit_test(endpoints),
        cmocka_unit_test(credentials),
    };
    return cmocka_run_group_tests_name("gateway_parts", tests, NULL, NULL);
}
