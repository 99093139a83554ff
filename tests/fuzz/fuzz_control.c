/* fuzz_control: whatever comes over the control socket, the whole way from path and JSON to rows
 * and messages. A refusal says so in one clean line and changes nothing; no request makes the
 * engine fail, or stop, or say to a participant what must not be said. Lines: "/noun/verb {JSON}",
 * or "@HOURS" to live on. */
#include "house.h"

#include "cobi/base/text.h"
#include "cobi/web/web.h"

#define LINES_MAX      8
#define LIVE_HOURS_MAX 400

static void check_refusal(const struct web_response *response) {
    json_t *reply = json_loadb(response->body, response->body_length, 0, NULL);
    const char *error = json_string_value(json_object_get(reply, "error"));

    FUZZ_CHECK(error != NULL && text_check(error, strlen(error), 4096) == TEXT_FINE);
    FUZZ_CHECK(response->status >= 400 && response->status < 500);
    json_decref(reply);
}

static void check(const struct web_response *response) {
    bool changed = house_changed();

    for (size_t i = 0; i < response->header_count; i++) {
        FUZZ_CHECK(strpbrk(response->headers[i].value, "\r\n") == NULL);
    }
    FUZZ_CHECK(utf8_valid(response->body, response->body_length));
    if (response->status == 200) {
        json_t *reply = json_loadb(response->body, response->body_length, JSON_REJECT_DUPLICATES,
                                   NULL);

        FUZZ_CHECK(json_is_object(reply) || json_is_array(reply));
        json_decref(reply);
    } else {
        FUZZ_CHECK(!changed);
        check_refusal(response);
    }
}

static void ask(struct web *web, char *line) {
    struct web_response response = {0};
    char *body = line + strcspn(line, " ");
    struct web_request request = {.door = WEB_CONTROL,
                                  .method = WEB_POST,
                                  .actor = {.uid = 1000, .user = "tester", .access = COMMAND_ADMIN},
                                  .path = line};

    if (*body != '\0') {
        *body++ = '\0';
    }
    request.body = body;
    request.body_length = strlen(body);
    web_handle(web, &request, &response);
    check(&response);
    web_response_done(web, &response);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = fuzz_string(data, size), *rest = text, *line;
    struct web *web = NULL;

    house_enter();
    const struct web_setup setup = {.engine = w.engine, .config = w.config};
    FUZZ_CHECK(web_open(&setup, &web) == 0);
    for (int i = 0; i < LINES_MAX && (line = strsep(&rest, "\n")) != NULL; i++) {
        if (line[0] == '@') {
            house_live(span_hours((int64_t)strtoul(line + 1, NULL, 10) % LIVE_HOURS_MAX));
            (void)house_changed(); /* time may change what it likes */
        } else {
            ask(web, line);
        }
    }
    house_run();
    house_check_sent();
    web_free(web);
    (void)house_changed(); /* also by time alone */
    free(text);
    return 0;
}
