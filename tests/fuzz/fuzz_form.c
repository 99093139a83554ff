/* fuzz_form: the acknowledge page. What reaches the engine is exactly the one decoded value of
 * "code" in a form that this site's own page sent; nothing typed comes back in the answer; looking
 * and every other form change nothing. Lines: Sec-Fetch-Site, Origin, content type; the rest is
 * the form. */
#include "fuzz.h"

#include <string.h>

#include "../unit/fake_engine.h"
#include "cobi/web/web.h"

#define PATH "/a/" ACK_TOKEN

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

static int digit(char c) {
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    const char *found = c == '\0' ? NULL : strchr(digits, c);

    return found == NULL ? -1 : (int)((found - digits) % 16);
}

/* One value of a form, by the WHATWG's rules but for a broken escape, which is none. Returns its
 * length or -1. */
static int decode(const char *from, size_t length, char *value) {
    int count = 0;

    for (size_t i = 0; i < length; i++) {
        value[count] = from[i] == '+' ? ' ' : from[i];
        if (from[i] == '%') {
            if (i + 2 >= length || digit(from[i + 1]) < 0 || digit(from[i + 2]) < 0) {
                return -1;
            }
            value[count] = (char)(digit(from[i + 1]) * 16 + digit(from[i + 2]));
            i += 2;
        }
        count++;
    }
    value[count] = '\0';
    return count;
}

/* What the engine must have been given: the value without blanks around it, or false when the form
 * does not say one code. value has room for the whole form. */
static bool expected(const char *form, size_t length, char *value) {
    int count = -1, fields = 0;

    for (size_t at = 0; at <= length;) {
        const char *stop = memchr(form + at, '&', length - at);
        size_t end = stop == NULL ? length : (size_t)(stop - form);

        if (end - at >= 5 && memcmp(form + at, "code=", 5) == 0) {
            count = decode(form + at + 5, end - at - 5, value);
            fields++;
        }
        at = end + 1;
    }
    return fields == 1 && count >= 0 && strlen(value) == (size_t)count;
}

static const char *next_line(char **rest) {
    const char *line = *rest == NULL ? NULL : strsep(rest, "\n");

    return line == NULL || *line == '\0' ? NULL : line;
}

static void check(const struct web_request *request, const struct web_response *response) {
    char *value = malloc(request->body_length + 1);
    bool one = expected(request->body, request->body_length, value);
    bool foreign = request->sec_fetch_site != NULL
                       ? strcmp(request->sec_fetch_site, "cross-site") == 0
                       : request->origin != NULL && strstr(request->origin, "evil") != NULL;

    FUZZ_CHECK(engine.acks <= 1 && engine.commands == 0);
    FUZZ_CHECK(engine.acks == 0 || (one && !foreign && request->content_type != NULL));
    if (engine.acks == 1) {
        const char *found = strstr(value, engine.code);

        FUZZ_CHECK(engine.code[0] != '\0' && found != NULL);
        FUZZ_CHECK(text_check(engine.code, strlen(engine.code), sizeof(engine.code)) == TEXT_FINE);
        for (const char *p = value; *p != '\0'; p++) { /* only blanks were taken away */
            if (p == found) {
                p += strlen(engine.code) - 1;
            } else if (strlen(engine.code) < sizeof(engine.code) - 1) {
                FUZZ_CHECK(*p == ' ' || *p == '\t');
            }
        }
        FUZZ_CHECK((response->status == 200) == (strcmp(engine.code, ACK_CODE) == 0));
    } else {
        FUZZ_CHECK(response->status != 200);
    }
    free(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct web *web = open_web();
    struct web_request request = {.door = WEB_PUBLIC, .method = WEB_POST, .path = PATH};
    struct web_response response = {0};
    char *text = fuzz_string(data, size), *rest = text, *body;

    request.sec_fetch_site = next_line(&rest);
    request.origin = next_line(&rest);
    request.content_type = next_line(&rest);
    request.body_length = rest == NULL ? 0 : size - (size_t)(rest - text);
    body = fuzz_string(rest == NULL ? data : data + (rest - text), request.body_length);
    request.body = body;
    engine.acks = engine.commands = 0;
    engine.code[0] = '\0';
    web_handle(web, &request, &response);
    check(&request, &response);
    web_response_done(web, &response);
    free(body);
    free(text);
    return 0;
}
