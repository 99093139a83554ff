/* fuzz_request: no request at the public door reaches a command; looking never acts; no header of
 * an answer can be split. Lines: method and door (one byte each, then the path), content type,
 * origin, If-None-Match; the rest is the body. */
#include "fuzz.h"

#include <string.h>

#include "../unit/fake_engine.h"
#include "cobi/web/web.h"

static struct engine engine;
static struct config config = {.public_url = "https://appointments.example",
                               .sender = {.calendar_email = "no-reply@appointments.example"}};

static struct web *open_web(void) {
    static struct web *web;
    const struct web_setup setup = {.engine = &engine, .config = &config};

    if (web == NULL) {
        engine = fake_engine();
        FUZZ_CHECK(web_open(&setup, &web) == 0);
    }
    return web;
}

static const char *next_line(char **rest) {
    const char *line = *rest == NULL ? NULL : strsep(rest, "\n");

    return line == NULL || *line == '\0' ? NULL : line;
}

static void check(const struct web_request *request, const struct web_response *response) {
    FUZZ_CHECK(response->status >= 200 && response->status < 600);
    FUZZ_CHECK(response->header_count <= WEB_HEADERS_MAX);
    for (size_t i = 0; i < response->header_count; i++) {
        FUZZ_CHECK(strpbrk(response->headers[i].value, "\r\n") == NULL);
    }
    FUZZ_CHECK(request->door == WEB_CONTROL || engine.commands == 0);
    FUZZ_CHECK(request->method == WEB_POST || (engine.acks == 0 && engine.commands == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct web *web = open_web();
    struct web_request request = {.actor = {.user = "keeper", .access = COMMAND_ADMIN}};
    struct web_response response = {0};
    char *text, *rest;
    const char *path;

    if (size < 2) {
        return 0;
    }
    text = rest = fuzz_string(data + 2, size - 2);
    request.method = (enum web_method)(data[0] % (WEB_OTHER + 1));
    request.door = data[1] % 2 == 0 ? WEB_PUBLIC : WEB_CONTROL;
    path = next_line(&rest);
    request.path = path == NULL ? "" : path;
    request.content_type = next_line(&rest);
    request.origin = next_line(&rest);
    request.if_none_match = next_line(&rest);
    request.body = rest == NULL ? "" : rest;
    request.body_length = strlen(request.body);
    engine.acks = engine.commands = 0;
    web_handle(web, &request, &response);
    check(&request, &response);
    web_response_done(web, &response);
    free(text);
    return 0;
}
