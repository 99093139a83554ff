/* Web: routes, headers, the acknowledge page and the control commands, through web_handle() and a
 * stand-in engine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#include "cobi/base/cleanup.h"
#include "cobi/web/web.h"
#include "fake_engine.h"

static struct engine engine;
static struct config config = {.public_url = "https://appointments.example",
                               .sender = {.calendar_email = "no-reply@appointments.example"}};
static struct web *web;
static struct web_response response;
static bool is_healthy;
static int host_status;

static bool healthy(void *user) {
    assert_ptr_equal(user, &config);
    return is_healthy;
}

static int host_command(void *user, const struct command *command, const struct actor *actor,
                        json_t *arguments, json_t **ret_reply) {
    (void)actor;
    (void)arguments;
    assert_ptr_equal(user, &config);
    if (command->noun == NULL || strcmp(command->noun, "clock") != 0) {
        return 0;
    }
    *ret_reply = json_pack("{s:s}", host_status == 200 ? "now" : "error", "host");
    return host_status;
}

static int open_web(void **state) {
    (void)state;
    engine = fake_engine();
    is_healthy = true;
    host_status = 200;
    const struct web_setup setup = {.engine = &engine,
                                    .config = &config,
                                    .host_command = host_command,
                                    .user = &config,
                                    .healthy = healthy};
    return web_open(&setup, &web);
}

static int close_web(void **state) {
    (void)state;
    web_response_done(web, &response);
    web_free(web);
    return 0;
}

static const char *header_of(const struct web_response *r, const char *name) {
    for (size_t i = 0; i < r->header_count; i++) {
        if (strcasecmp(r->headers[i].name, name) == 0) {
            return r->headers[i].value;
        }
    }
    return NULL;
}

static void handle(const struct web_request *request) {
    web_response_done(web, &response);
    web_handle(web, request, &response);
}

static void ask(enum web_method method, const char *path) {
    const struct web_request request = {.method = method, .path = path, .body = ""};
    handle(&request);
}

static void post(const char *path, const char *body) {
    const struct web_request request = {.method = WEB_POST,
                                        .path = path,
                                        .content_type = "application/x-www-form-urlencoded",
                                        .body = body,
                                        .body_length = strlen(body)};
    handle(&request);
}

static void assert_body_has(const char *text) {
    assert_non_null(memmem(response.body, response.body_length, text, strlen(text)));
}

static void assert_body_lacks(const char *text) {
    assert_null(memmem(response.body, response.body_length, text, strlen(text)));
}

static void test_routes(void **state) {
    (void)state;
    static const struct {
        enum web_method method;
        const char *path;
        int status;
        const char *allow;
    } rows[] = {
        {WEB_GET, "/healthz", 200, NULL},
        {WEB_HEAD, "/healthz", 200, NULL},
        {WEB_POST, "/healthz", 405, "GET, HEAD"},
        {WEB_GET, "/healthz/", 404, NULL},
        {WEB_GET, "/robots.txt", 200, NULL},
        {WEB_GET, "/assets/page.css", 200, NULL},
        {WEB_GET, "/assets/", 404, NULL},
        {WEB_GET, "/feeds/" LIVE_TOKEN ".ics", 200, NULL},
        {WEB_HEAD, "/feeds/" LIVE_TOKEN ".ics", 200, NULL},
        {WEB_POST, "/feeds/" LIVE_TOKEN ".ics", 405, "GET, HEAD"},
        {WEB_OTHER, "/feeds/" LIVE_TOKEN ".ics", 405, "GET, HEAD"},
        {WEB_OTHER, "/feeds/" UNKNOWN_TOKEN ".ics", 405, "GET, HEAD"},
        {WEB_GET, "/feeds/", 404, NULL},
        {WEB_GET, "/feeds/" LIVE_TOKEN, 404, NULL},
        {WEB_GET, "/feeds/" LIVE_TOKEN ".ics/", 404, NULL},
        {WEB_GET, "/feeds/" LIVE_TOKEN ".ics%00", 404, NULL},
        {WEB_GET, "/feeds//" LIVE_TOKEN ".ics", 404, NULL},
        {WEB_GET, "/feeds/" UNKNOWN_TOKEN ".ics", 404, NULL},
        {WEB_GET, "/ack/" ACK_TOKEN, 200, NULL},
        {WEB_HEAD, "/ack/" ACK_TOKEN, 200, NULL},
        {WEB_OTHER, "/ack/" ACK_TOKEN, 405, "GET, HEAD, POST"},
        {WEB_GET, "/ack/" ACK_TOKEN "/", 404, NULL},
        {WEB_GET, "/ack/", 404, NULL},
        {WEB_GET, "/", 404, NULL},
        {WEB_GET, "", 404, NULL},
        {WEB_OTHER, "/status", 404, NULL}, /* control commands are not on this door */
        {WEB_POST, "/participant/list", 404, NULL},
        {WEB_GET, "/../healthz", 404, NULL},
        {WEB_GET, "http://x/healthz", 404, NULL},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        ask(rows[i].method, rows[i].path);
        print_message("%d %s\n", (int)rows[i].method, rows[i].path);
        assert_int_equal(response.status, rows[i].status);
        if (rows[i].allow != NULL) {
            assert_string_equal(header_of(&response, "Allow"), rows[i].allow);
        } else {
            assert_null(header_of(&response, "Allow"));
        }
    }
    assert_int_equal(engine.acks, 0);
}

static void assert_neutral(const char *text, size_t length) {
    static const char *const words[] = {"cobi",        "stalk",        "probation", "victim",
                                        "perpetrator", "advocate",     "court",     "therap",
                                        "microhttpd",  "intervention", "spo ",      "dbt"};
    for (size_t at = 0; at < length; at++) {
        for (size_t i = 0; i < ARRAY_COUNT(words); i++) {
            size_t n = strlen(words[i]);
            assert_false(at + n <= length && strncasecmp(text + at, words[i], n) == 0);
        }
    }
}

/* Every answer, whatever it is, carries the security headers and names nothing. */
static void test_headers(void **state) {
    (void)state;
    static const struct {
        const char *name, *value;
    } headers[] = {
        {"Content-Security-Policy", "default-src 'none'; style-src 'self'; form-action 'self'; "
                                    "frame-ancestors 'none'; base-uri 'none'"},
        {"Referrer-Policy", "no-referrer"},
        {"X-Content-Type-Options", "nosniff"},
        {"X-Robots-Tag", "noindex"},
        {"Cross-Origin-Opener-Policy", "same-origin"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
    };
    static const char *const paths[] = {"/healthz",
                                        "/robots.txt",
                                        "/assets/page.css",
                                        "/feeds/" LIVE_TOKEN ".ics",
                                        "/feeds/" UNKNOWN_TOKEN ".ics",
                                        "/ack/" ACK_TOKEN,
                                        "/ack/" UNKNOWN_TOKEN,
                                        "/",
                                        "/x"};
    for (size_t i = 0; i < ARRAY_COUNT(paths); i++) {
        for (int method = WEB_GET; method <= WEB_OTHER; method++) {
            ask((enum web_method)method, paths[i]);
            for (size_t k = 0; k < ARRAY_COUNT(headers); k++) {
                const char *value = header_of(&response, headers[k].name);
                assert_non_null(value);
                assert_string_equal(value, headers[k].value);
            }
            assert_non_null(header_of(&response, "Cache-Control"));
            assert_null(header_of(&response, "Set-Cookie"));
            assert_null(header_of(&response, "Server"));
            for (size_t k = 0; k < response.header_count; k++) {
                assert_neutral(response.headers[k].value, strlen(response.headers[k].value));
            }
            assert_neutral(response.body, response.body_length);
        }
    }
    ask(WEB_GET, "/ack/" ACK_TOKEN);
    assert_string_equal(header_of(&response, "Cache-Control"), "no-store");
    assert_string_equal(header_of(&response, "Content-Type"), "text/html; charset=utf-8");
}

static void assert_same_answer(const struct web_response *a, const struct web_response *b) {
    assert_int_equal(a->status, b->status);
    assert_int_equal(a->header_count, b->header_count);
    for (size_t i = 0; i < a->header_count; i++) {
        assert_string_equal(a->headers[i].name, b->headers[i].name);
        assert_string_equal(a->headers[i].value, b->headers[i].value);
    }
    assert_int_equal(a->body_length, b->body_length);
    assert_memory_equal(a->body, b->body, a->body_length);
}

/* Nobody can tell what kind of unknown something is. */
static void test_unknown_is_unknown(void **state) {
    (void)state;
    static const char *const paths[] = {
        "/feeds/" UNKNOWN_TOKEN ".ics",
        "/feeds/short.ics",
        "/feeds/" UNKNOWN_TOKEN ".txt",
        "/feeds/%2e%2e.ics",
        "/ack/" UNKNOWN_TOKEN,
        "/ack/short",
        "/ack/" LIVE_TOKEN,
        "/board",
    };
    struct web_response first;
    const struct web_request request = {.method = WEB_GET, .path = "/nothing", .body = ""};
    web_handle(web, &request, &first);
    for (size_t i = 0; i < ARRAY_COUNT(paths); i++) {
        ask(WEB_GET, paths[i]);
        assert_same_answer(&first, &response);
    }
    post("/ack/" UNKNOWN_TOKEN, "code=ABCD-EFGH"); /* a stale link acted upon */
    assert_same_answer(&first, &response);
    engine.ack_error = -ENOENT; /* used up between the page and the form */
    post("/ack/" ACK_TOKEN, "code=ABCD-EFGH");
    assert_same_answer(&first, &response);
    web_response_done(web, &first);
}

static void test_health(void **state) {
    (void)state;
    ask(WEB_GET, "/healthz");
    assert_int_equal(response.status, 200);
    assert_string_equal(response.body, "ok\n");
    is_healthy = false;
    ask(WEB_GET, "/healthz");
    assert_int_equal(response.status, 503);
    assert_body_lacks("ok\nok");
}

static void test_ack_page(void **state) {
    (void)state;
    ask(WEB_GET, "/ack/" ACK_TOKEN);
    assert_int_equal(response.status, 200);
    assert_body_has("K7Q2");
    assert_body_has("A missed session");
    assert_body_has("<form method=\"post\">");
    assert_body_has("name=\"code\"");
    assert_body_lacks(ACK_TOKEN); /* nor the code, which only the mail has */
    assert_body_lacks(ACK_CODE);
    assert_body_lacks("<script");
    assert_body_lacks("autofocus");
    ask(WEB_HEAD, "/ack/" ACK_TOKEN);
    assert_int_equal(response.status, 200);
    assert_int_equal(engine.acks, 0);
}

/* An advocate is shown the service's own reference, never ours; and no value is markup. */
static void test_ack_page_values(void **state) {
    (void)state;
    engine.view = (struct ack_view){.reference = "",
                                    .kind = "concern",
                                    .audience = AUDIENCE_ADVOCATE,
                                    .case_ref = "<b>A&\"'7</b>"};
    ask(WEB_GET, "/ack/" ACK_TOKEN);
    assert_body_has("<dd>&lt;b&gt;A&amp;&quot;&#39;7&lt;/b&gt;</dd>");
    assert_body_has("A concern");
    assert_body_lacks("K7Q2");
    engine.view = (struct ack_view){
        .reference = "P-1", .kind = "<x>", .audience = AUDIENCE_SUPERVISOR, .case_ref = "THEIRS"};
    ask(WEB_GET, "/ack/" ACK_TOKEN);
    assert_body_has("P-1");
    assert_body_has("A notice");
    assert_body_lacks("THEIRS");
    assert_body_lacks("<x>");
}

static void test_ack_post(void **state) {
    (void)state;
    static const struct {
        const char *body;
        int status;
        unsigned acks;    /* does the engine hear of it? */
        const char *code; /* as what */
    } rows[] = {
        {"code=ABCD-EFGH", 200, 1, "ABCD-EFGH"},
        {"code=%41BCD%2dEFGH", 200, 1, "ABCD-EFGH"},
        {"code=+ABCD-EFGH%20", 200, 1, "ABCD-EFGH"},
        {"other=1&code=ABCD-EFGH&more=", 200, 1, "ABCD-EFGH"},
        {"code=WRON-GONE", 403, 1, "WRON-GONE"},
        {"code=abcd+efgh", 403, 1, "abcd efgh"},
        {"", 403, 0, ""},
        {"code=", 403, 0, ""},
        {"code=+++", 403, 0, ""},
        {"Code=ABCD-EFGH", 403, 0, ""},
        {"code=ABCD-EFGH&code=ABCD-EFGH", 403, 0, ""},
        {"code=ABCD%", 403, 0, ""},
        {"code=ABCD%4", 403, 0, ""},
        {"code=ABCD%zz", 403, 0, ""},
        {"code=ABCD-EFGH%00", 403, 0, ""},
        {"code=ABCD%0d%0aEFGH", 403, 0, ""},
        {"code=%ff", 403, 0, ""},
        {"code=0123456789012345678901234567890123456789012345678901234567890123456789", 403, 0, ""},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        engine.acks = 0;
        engine.code[0] = '\0';
        post("/ack/" ACK_TOKEN, rows[i].body);
        print_message("%s\n", rows[i].body);
        assert_int_equal(response.status, rows[i].status);
        assert_int_equal(engine.acks, rows[i].acks);
        assert_string_equal(engine.code, rows[i].code);
        assert_body_has(rows[i].status == 200 ? "Your acknowledgement has been recorded"
                                              : "try again");
    }
}

/* Another site's form, a scanner that submits it, or something that is no form. */
static void test_ack_foreign(void **state) {
    (void)state;
    static const struct {
        const char *site, *origin, *type;
        int status;
    } rows[] = {
        {"same-origin", NULL, "application/x-www-form-urlencoded", 200},
        {"none", NULL, "application/x-www-form-urlencoded; charset=utf-8", 200},
        {"same-origin", "null", "Application/X-WWW-Form-Urlencoded",
         200}, /* no referrer, so no origin */
        {NULL, "null", "application/x-www-form-urlencoded", 200},
        {NULL, "https://appointments.example", "application/x-www-form-urlencoded", 200},
        {"cross-site", NULL, "application/x-www-form-urlencoded", 403},
        {"same-site", NULL, "application/x-www-form-urlencoded", 403},
        {"", NULL, "application/x-www-form-urlencoded", 403},
        {"cross-site", "https://appointments.example", "application/x-www-form-urlencoded", 403},
        {NULL, "https://other.example", "application/x-www-form-urlencoded", 403},
        {NULL, NULL, NULL, 415},
        {NULL, NULL, "application/json", 415},
        {NULL, NULL, "text/plain", 415},
        {NULL, NULL, "application/x-www-form-urlencodedx", 415},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        const struct web_request request = {.method = WEB_POST,
                                            .path = "/ack/" ACK_TOKEN,
                                            .sec_fetch_site = rows[i].site,
                                            .origin = rows[i].origin,
                                            .content_type = rows[i].type,
                                            .body = "code=ABCD-EFGH",
                                            .body_length = 14};
        engine.acks = 0;
        handle(&request);
        assert_int_equal(response.status, rows[i].status);
        assert_int_equal(engine.acks, rows[i].status == 200 ? 1 : 0);
    }
}

/* The store is locked or full: nothing is claimed to have been recorded. */
static void test_ack_trouble(void **state) {
    (void)state;
    engine.ack_error = -EBUSY;
    post("/ack/" ACK_TOKEN, "code=ABCD-EFGH");
    assert_int_equal(response.status, 503);
    assert_body_has("Nothing was recorded");
    assert_non_null(header_of(&response, "Retry-After"));
    engine.ack_show_error = -EIO;
    ask(WEB_GET, "/ack/" ACK_TOKEN);
    assert_int_equal(response.status, 503);
}

static void control(enum web_method method, const char *path, const char *body, size_t length,
                    enum command_access access) {
    const struct web_request request = {
        .door = WEB_CONTROL,
        .method = method,
        .path = path,
        .body = body,
        .body_length = length,
        .actor = {.uid = 1000, .user = "someone", .access = access}};
    engine.commands = 0;
    handle(&request);
}

static void test_control(void **state) {
    (void)state;
    static const struct {
        enum web_method method;
        const char *path, *body;
        enum command_access access;
        int status;
        const char *command, *arguments; /* as the engine got them; NULL: it got none */
    } rows[] = {
        {WEB_POST, "/status", "{}", COMMAND_OPS, 200, "- status", "{}"},
        {WEB_POST, "/status", "", COMMAND_OPS, 200, "- status", "{}"},
        {WEB_POST, "/participant/list", "{}", COMMAND_ADMIN, 200, "participant list", "{}"},
        {WEB_POST, "/participant/add", "{\"id\":\"P-1\",\"unavailable\":[\"a\",\"b\"]}",
         COMMAND_ADMIN, 200, "participant add", "{\"id\":\"P-1\",\"unavailable\":[\"a\",\"b\"]}"},
        {WEB_POST, "/participant/list", "{}", COMMAND_OPS, 403, NULL, NULL},
        {WEB_POST, "/session/outcome", "{}", COMMAND_OPS, 403, NULL, NULL},
        {WEB_GET, "/status", "", COMMAND_ADMIN, 405, NULL, NULL},
        {WEB_OTHER, "/status", "", COMMAND_ADMIN, 405, NULL, NULL},
        {WEB_POST, "/", "{}", COMMAND_ADMIN, 404, NULL, NULL},
        {WEB_POST, "", "{}", COMMAND_ADMIN, 404, NULL, NULL},
        {WEB_POST, "/status/", "{}", COMMAND_ADMIN, 404, NULL, NULL},
        {WEB_POST, "//status", "{}", COMMAND_ADMIN, 404, NULL, NULL},
        {WEB_POST, "/participant", "{}", COMMAND_ADMIN, 404, NULL, NULL},
        {WEB_POST, "/participant/explode", "{}", COMMAND_ADMIN, 404, NULL, NULL},
        {WEB_POST, "/participant/list/x", "{}", COMMAND_ADMIN, 404, NULL, NULL},
        {WEB_POST, "/Participant/list", "{}", COMMAND_ADMIN, 404, NULL, NULL},
        {WEB_POST, "/participant/list%00", "{}", COMMAND_ADMIN, 404, NULL, NULL},
        {WEB_POST, "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/list", "{}", COMMAND_ADMIN, 404, NULL,
         NULL},
        {WEB_POST, "/healthz", "{}", COMMAND_ADMIN, 404, NULL, NULL}, /* the other door's */
        {WEB_POST, "/status", "[]", COMMAND_ADMIN, 400, NULL, NULL},
        {WEB_POST, "/status", "null", COMMAND_ADMIN, 400, NULL, NULL},
        {WEB_POST, "/status", "{", COMMAND_ADMIN, 400, NULL, NULL},
        {WEB_POST, "/status", "{} {}", COMMAND_ADMIN, 400, NULL, NULL},
        {WEB_POST, "/status", "{\"id\":\"a\",\"id\":\"b\"}", COMMAND_ADMIN, 400, NULL, NULL},
        {WEB_POST, "/status", "{\"id\":\"\\u0000\"}", COMMAND_ADMIN, 400, NULL, NULL},
        {WEB_POST, "/status", "{\"id\":\"\xff\"}", COMMAND_ADMIN, 400, NULL, NULL},
        {WEB_POST, "/status", "{\"id\":\"\xc0\x80\"}", COMMAND_ADMIN, 400, NULL, NULL},
        {WEB_POST, "/status", "{\"id\":[[[[\"deep\"]]]]}", COMMAND_ADMIN, 400, NULL, NULL},
        {WEB_POST, "/status", "{\"id\":\"[[[[[[ \\\" [[[\"}", COMMAND_ADMIN, 200, "- status",
         "{\"id\":\"[[[[[[ \\\" [[[\"}"},
        {WEB_POST, "/clock/show", "{}", COMMAND_OPS, 200, NULL, NULL}, /* the host's */
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        control(rows[i].method, rows[i].path, rows[i].body, strlen(rows[i].body), rows[i].access);
        print_message("%s %s\n", rows[i].path, rows[i].body);
        assert_int_equal(response.status, rows[i].status);
        assert_int_equal(engine.commands, rows[i].command != NULL ? 1 : 0);
        if (rows[i].command != NULL) {
            assert_string_equal(engine.command, rows[i].command);
            assert_string_equal(engine.arguments, rows[i].arguments);
            assert_string_equal(engine.actor.user, "someone");
            assert_int_equal(engine.actor.access, rows[i].access);
        }
        json_t *reply = json_loadb(response.body, response.body_length, 0, NULL);
        assert_non_null(reply);
        assert_int_equal(json_object_get(reply, "error") != NULL, rows[i].status != 200);
        json_decref(reply);
        assert_string_equal(header_of(&response, "Content-Type"), "application/json");
        assert_string_equal(header_of(&response, "Cache-Control"), "no-store");
    }
}

static void test_control_limits(void **state) {
    (void)state;
    static char body[70000];
    memset(body, ' ', sizeof body);
    body[0] = '{';
    body[sizeof body - 1] = '}';
    control(WEB_POST, "/status", body, sizeof body, COMMAND_ADMIN);
    assert_int_equal(response.status, 400);
    memset(body, '[', sizeof body); /* would recurse 60,000 deep */
    control(WEB_POST, "/status", body, 60000, COMMAND_ADMIN);
    assert_int_equal(response.status, 400);
    struct text t = TEXT_IN(body);
    text_add(&t, "{\"a\":1");
    for (int i = 0; i < 64; i++) {
        text_addf(&t, ",\"m%d\":1", i);
    }
    text_add(&t, "}");
    control(WEB_POST, "/status", body, t.length, COMMAND_ADMIN);
    assert_int_equal(response.status, 400);
    control(WEB_POST, "/status", "{}\0{}", 5, COMMAND_ADMIN);
    assert_int_equal(response.status, 400);
}

static void test_control_refusals(void **state) {
    (void)state;
    engine.command_status = 409;
    control(WEB_POST, "/participant/list", "{}", 2, COMMAND_ADMIN);
    assert_int_equal(response.status, 409);
    assert_body_has("refused by the engine");
    host_status = 400;
    control(WEB_POST, "/clock/show", "{}", 2, COMMAND_ADMIN);
    assert_int_equal(response.status, 400);
    assert_body_has("host");
}

#define test(function) cmocka_unit_test_setup_teardown(function, open_web, close_web)
int main(void) {
    const struct CMUnitTest tests[] = {
        test(test_routes),   test(test_headers),        test(test_unknown_is_unknown),
        test(test_health),   test(test_ack_page),       test(test_ack_page_values),
        test(test_ack_post), test(test_ack_foreign),    test(test_ack_trouble),
        test(test_control),  test(test_control_limits), test(test_control_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
