/* Hooks: who may use them, what is read from a gateway's bytes, and what is answered; through
 * web_handle() and a stand-in engine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#include "../../src/web/hook_read.h"
#include "cobi/base/cleanup.h"
#include "cobi/web/web.h"
#include "fake_engine.h"

#define SECRET "s3cret_of-32-bytes_0000000000000000000000001"
#define KANNEL "/hooks/kannel/" SECRET
#define JSON   "/hooks/json/" SECRET
#define SIGNED "/hooks/signed/" SECRET

static struct engine engine;
static struct config config;
static struct web *web;
static struct web_response response;
static const char *signature;

static void json_gateway(struct gateway *g, const char *name) {
    *g = (struct gateway){.type = GATEWAY_HTTP,
                          .hook_credential = "hook",
                          .receipt_reference_pointer = "/ref",
                          .receipt_id_pointer = "/data/id",
                          .receipt_status_pointer = "/data/status",
                          .receipt_delivered = {"delivered", "read"},
                          .receipt_failed = {"failed"},
                          .text_from_pointer = "/from",
                          .text_pointer = "/words",
                          .text_id_pointer = "/id",
                          .signature_header = "X-Signature"};
    (void)snprintf(g->name, sizeof g->name, "%s", name);
}

static int secret(void *user, const char *name, char ret_secret[WEB_SECRET_SIZE]) {
    static const struct {
        const char *name, *value;
    } rows[] = {{"hook", SECRET}, {"key", "Jefe"}, {"short", "abc"}};

    assert_ptr_equal(user, &config);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        if (strcmp(rows[i].name, name) == 0) {
            return snprintf(ret_secret, WEB_SECRET_SIZE, "%s", rows[i].value);
        }
    }
    return -ENOENT;
}

static int open_web(void **state) {
    const struct web_setup setup = {
        .engine = &engine, .config = &config, .user = &config, .secret = secret};

    (void)state;
    engine = fake_engine();
    config = (struct config){.public_url = "https://appointments.example", .gateway_count = 6};
    config.gateways[0] = (struct gateway){
        .name = "kannel", .type = GATEWAY_KANNEL, .hook_credential = "hook"};
    json_gateway(&config.gateways[1], "json");
    json_gateway(&config.gateways[2], "signed");
    (void)snprintf(config.gateways[2].signature_credential, 64, "key");
    config.gateways[3] = (struct gateway){.name = "none", .type = GATEWAY_HTTP};
    json_gateway(&config.gateways[4], "short");
    (void)snprintf(config.gateways[4].hook_credential, 64, "short");
    json_gateway(&config.gateways[5], "gone");
    (void)snprintf(config.gateways[5].hook_credential, 64, "gone");
    signature = NULL;
    return web_open(&setup, &web);
}

static int close_web(void **state) {
    (void)state;
    web_response_done(web, &response);
    web_free(web);
    return 0;
}

static const char *find_header(const void *source, const char *name) {
    assert_ptr_equal(source, &signature);
    return strcasecmp(name, "X-Signature") == 0 ? signature : NULL;
}

static void ask(enum web_method method, const char *path, const char *query, const char *body) {
    const struct web_request request = {.method = method,
                                        .path = path,
                                        .query = query,
                                        .find_header = find_header,
                                        .header_source = &signature,
                                        .body = body,
                                        .body_length = strlen(body)};

    web_response_done(web, &response);
    web_handle(web, &request, &response);
}

/* ---- who ---- */

static void test_strangers_all_get_the_same(void **state) {
    static const struct {
        enum web_method method;
        const char *path;
    } rows[] = {
        {WEB_GET, "/hooks/kannel/s3cret_of-32-bytes_0000000000000000000000002/receipt"},
        {WEB_GET, "/hooks/kannel/s3cret/receipt"},
        {WEB_GET, "/hooks/kannel//receipt"},
        {WEB_GET, "/hooks/kannel/" SECRET "0/receipt"},
        {WEB_GET, "/hooks/nobody/" SECRET "/receipt"},
        {WEB_POST, "/hooks/none/" SECRET "/receipt"},
        {WEB_POST, "/hooks/none//receipt"},
        {WEB_POST, "/hooks/short/abc/receipt"}, /* too short to be a secret */
        {WEB_POST, "/hooks/gone/" SECRET "/receipt"},
        {WEB_GET, KANNEL "/"},
        {WEB_GET, KANNEL},
        {WEB_GET, KANNEL "/receipts"},
        {WEB_GET, KANNEL "/receipt/"},
        {WEB_GET, "/hooks/"},
        {WEB_GET, "/hooks/kannel"},
        {WEB_POST, SIGNED "/receipt"}, /* not signed */
    };
    char *bytes;

    (void)state;
    ask(WEB_GET, "/nothing-here", "", "");
    bytes = strdup(response.body);
    assert_non_null(bytes);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        ask(rows[i].method, rows[i].path, "ref=M-A-1&type=1",
            "{\"ref\":\"M-A-1\",\"data\":{\"status\":\"failed\"}}");
        if (response.status != 404 || strcmp(response.body, bytes) != 0) {
            fail_msg("%s: %d", rows[i].path, response.status);
        }
    }
    free(bytes);
    assert_int_equal(engine.receipts + engine.texts, 0);
}

static void test_methods(void **state) {
    (void)state;
    static const enum web_method others[] = {WEB_HEAD, WEB_OTHER};

    for (size_t i = 0; i < ARRAY_COUNT(others); i++) {
        ask(others[i], KANNEL "/receipt", "ref=M-A-1&type=1", "");
        assert_int_equal(response.status, 405);
        ask(others[i], JSON "/receipt", "", "{}");
        assert_int_equal(response.status, 405);
    }
    ask(WEB_POST, KANNEL "/receipt", "ref=M-A-1&type=1", "");
    assert_int_equal(response.status, 405);
    ask(WEB_GET, JSON "/receipt", "", "{\"ref\":\"M-A-1\",\"data\":{\"status\":\"failed\"}}");
    assert_int_equal(response.status, 405);
    assert_int_equal(engine.receipts + engine.texts, 0);
}

static void test_signatures(void **state) {
    /* The key and the data of RFC 4231, test case 2, as the body. */
    static const char good[] = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    static const struct {
        const char *signature;
        int status;
    } rows[] = {
        {good, 400}, /* signed, but no receipt */
        {"sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843", 400},
        {"5BDCC146BF60754E6A042426089575C75A003F089D2739839DEC58B964EC3843", 400},
        {"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3844", 404},
        {"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec38", 404},
        {"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec384300", 404},
        {"", 404},
        {"sha256=", 404},
        {NULL, 404},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        signature = rows[i].signature;
        ask(WEB_POST, SIGNED "/receipt", "", "what do ya want for nothing?");
        if (response.status != rows[i].status) {
            fail_msg("%s: %d", rows[i].signature ? rows[i].signature : "none", response.status);
        }
    }
}

/* ---- what ---- */

static void test_kannel(void **state) {
    static const struct {
        const char *kind, *query, *incoming; /* incoming NULL: 400 */
    } rows[] = {
        {"receipt", "ref=M-A-1&type=1", "kannel|M-A-1||3|DLR 1"},
        {"receipt", "ref=M-A-1&type=2", "kannel|M-A-1||2|DLR 2"},
        {"receipt", "ref=M-A-1&type=4", "kannel|M-A-1||1|DLR 4"},
        {"receipt", "type=8&ref=M-A-1&x=y", "kannel|M-A-1||1|DLR 8"},
        {"receipt", "ref=M%2DA%2d1&type=16", "kannel|M-A-1||2|DLR 16"},
        {"receipt", "ref=M-A-1&type=3", NULL},
        {"receipt", "ref=M-A-1&type=", NULL},
        {"receipt", "ref=M-A-1", NULL},
        {"receipt", "ref=&type=1", NULL},
        {"receipt", "ref=M A&type=1", NULL},
        {"receipt", "", NULL},
        {"inbound", "from=%2B447700900001&text=Stop&id=k-1", "kannel|+447700900001|k-1|Stop"},
        {"inbound", "from= 447700900001&text=a b%2Bc", "kannel| 447700900001||a b+c"},
        {"inbound", "from=447700900001&text=", "kannel|447700900001||"},
        {"inbound", "from=447700900001&id=1&text=%C5%B7es%0Ano%00t",
         "kannel|447700900001|1|ŷes no t"},
        {"inbound", "from=1&text=%ff%C5%zz%", "kannel|1||  %zz%"},
        {"inbound", "from=1&text=%E2%80%8Bx%C2%85", "kannel|1||   x  "},
        {"inbound", "text=hello", NULL},
    };
    char path[200];

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        const unsigned before = engine.receipts + engine.texts;
        engine.incoming[0] = '\0';
        (void)snprintf(path, sizeof path, KANNEL "/%s", rows[i].kind);
        ask(WEB_GET, path, rows[i].query, "");
        if (response.status != (rows[i].incoming ? 200 : 400) ||
            strcmp(engine.incoming, rows[i].incoming ? rows[i].incoming : "") != 0 ||
            engine.receipts + engine.texts != before + (rows[i].incoming ? 1 : 0)) {
            fail_msg("%s: %d, \"%s\"", rows[i].query, response.status, engine.incoming);
        }
    }
}

static void test_json(void **state) {
    static const struct {
        const char *kind, *body, *incoming;
    } rows[] = {
        {"receipt", "{\"ref\":\"M-A-1\",\"data\":{\"id\":\"x7\",\"status\":\"Delivered\"}}",
         "json|M-A-1|x7|3|Delivered"},
        {"receipt", "{\"data\":{\"id\":77,\"status\":\"FAILED\"}}", "json||77|2|FAILED"},
        {"receipt", "{\"ref\":\"M-A-1\",\"data\":{\"status\":\"on its way\"}}", "json|M-A-1||1|"},
        {"receipt", "{\"ref\":\"M A\",\"data\":{\"status\":\"failed\"}}", NULL},
        {"receipt", "{\"ref\":\"M-A-1\"}", NULL},
        {"receipt", "{\"ref\":\"M-A-1\",\"data\":{\"status\":true}}", NULL},
        {"receipt", "{\"ref\":\"a\",\"ref\":\"b\",\"data\":{\"status\":\"failed\"}}", NULL},
        {"receipt", "[[[[[[[[[1]]]]]]]]]", NULL},
        {"receipt", "{\"ref\":\"[[[[[[[[[[\\\\\\\"\",\"data\":{\"status\":\"failed\"}}",
         "json|[[[[[[[[[[\\\"||2|failed"},
        {"receipt", "ref=M-A-1", NULL},
        {"receipt", "", NULL},
        {"inbound", "{\"from\":\"+447700900001\",\"words\":\"Stop\\nnow\",\"id\":5}",
         "json|+447700900001|5|Stop now"},
        {"inbound", "{\"from\":447700900001,\"words\":\"\"}", "json|447700900001||"},
        {"inbound", "{\"from\":\"1\",\"words\":7}", NULL},
        {"inbound", "{\"words\":\"Stop\"}", NULL},
    };
    char path[200];

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        engine.incoming[0] = '\0';
        (void)snprintf(path, sizeof path, JSON "/%s", rows[i].kind);
        ask(WEB_POST, path, "", rows[i].body);
        if (response.status != (rows[i].incoming ? 200 : 400) ||
            strcmp(engine.incoming, rows[i].incoming ? rows[i].incoming : "") != 0) {
            fail_msg("%s: %d, \"%s\"", rows[i].body, response.status, engine.incoming);
        }
    }
}

/* ---- the answer ---- */

static void test_trouble_of_ours_is_503(void **state) {
    static const int errors[] = {-EBUSY, -ENOSPC, -EIO, -EROFS};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(errors); i++) {
        engine.incoming_error = errors[i];
        ask(WEB_GET, KANNEL "/receipt", "ref=M-A-1&type=1", "");
        assert_int_equal(response.status, 503);
        ask(WEB_POST, JSON "/inbound", "", "{\"from\":\"1\",\"words\":\"x\"}");
        assert_int_equal(response.status, 503);
    }
    engine.incoming_error = 0;
    ask(WEB_GET, KANNEL "/receipt", "ref=M-A-1&type=1", "");
    assert_int_equal(response.status, 200);
    assert_int_equal(response.body_length, 0); /* Kannel might send it on as a text */
}

#define test(function) cmocka_unit_test_setup_teardown(function, open_web, close_web)

int main(void) {
    const struct CMUnitTest tests[] = {
        test(test_strangers_all_get_the_same),
        test(test_methods),
        test(test_signatures),
        test(test_kannel),
        test(test_json),
        test(test_trouble_of_ours_is_503),
    };

    log_set_level((enum log_level)0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
