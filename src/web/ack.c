/* The page behind an acknowledge link: GET shows what it is about, POST with the short code from
 * the mail acknowledges.
 *
 * Mail filters open links and even submit forms, so opening changes nothing and the code is not on
 * the page. It says the recipient's own reference and the kind, nothing else. A link that is
 * unknown, used up or of an earlier step gets the same bytes as any other unknown path.
 *
 * Must never act on GET or HEAD, act for another site's form, or say which of several causes made a
 * link invalid. */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "cobi/base/cleanup.h"
#include "cobi/base/log.h"
#include "cobi/base/text.h"
#include "room.h"

#define CODE_SIZE 64 /* as typed; the engine knows its own form */
#define FORM_TYPE "application/x-www-form-urlencoded"
#define HTML_SIZE 4096

static const struct {
    const char *kind, *words;
} kinds[] = {
    {"missed", "A missed session"},
    {"unrecorded", "An outcome that has not been recorded"},
    {"undeliverable", "A message that could not be delivered"},
    {"slipping", "A plan that is slipping"},
    {"concern", "A concern"},
};

static const char *kind_words(const char *kind) {
    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
        if (strcmp(kinds[i].kind, kind) == 0) {
            return kinds[i].words;
        }
    }
    return "A notice";
}

static void answer_form(struct web_response *response, int status, const struct ack_view *view,
                        const char *wrong) {
    char html[HTML_SIZE];
    struct text t = TEXT_IN(html);
    text_add(&t, wrong);
    text_add(&t, "<dl>\n<dt>Reference</dt><dd>");
    page_escape(&t, view->audience == AUDIENCE_ADVOCATE ? view->case_ref : view->reference);
    text_add(&t, "</dd>\n<dt>About</dt><dd>");
    page_escape(&t, kind_words(view->kind));
    text_add(&t, "</dd>\n</dl>\n"
                 "<form method=\"post\">\n"
                 "<label for=\"code\">Code from the email</label>\n"
                 "<input id=\"code\" name=\"code\" type=\"text\" required maxlength=\"16\" "
                 "autocomplete=\"off\" autocapitalize=\"characters\" spellcheck=\"false\" "
                 "aria-describedby=\"hint\">\n"
                 "<p id=\"hint\">The short code stands below the link. Acknowledging says that you "
                 "have read the notice and are acting on it.</p>\n"
                 "<button type=\"submit\">Acknowledge</button>\n"
                 "</form>\n");
    if (t.overflow) {
        web_not_found(response);
        return;
    }
    page_answer(response, status, "Acknowledge a notice", html);
}

static void answer_later(struct web_response *response, int error) {
    log_warning("an acknowledge link could not be looked at: %s", strerror(-error));
    page_answer(response, 503, "Please try again",
                "<p>Nothing was recorded. Please try again in a few minutes.</p>\n");
    web_set_header(response, "Retry-After", "120");
}

static void show(struct web *web, const char *token, int status, const char *wrong,
                 struct web_response *response) {
    struct ack_view view = {0};
    int r = engine_ack_show(web->setup.engine, token, &view);
    if (r == -ENOENT) {
        web_not_found(response);
    } else if (r < 0) {
        answer_later(response, r);
    } else {
        answer_form(response, status, &view, wrong);
    }
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes one form value up to `end`. Returns 0, -EINVAL or -E2BIG. */
static int decode(const char *from, const char *end, char *buffer, size_t capacity) {
    size_t length = 0;
    while (from < end) {
        char c = *from++;
        if (c == '%') {
            int high = end - from >= 2 ? hex_digit(from[0]) : -1;
            int low = end - from >= 2 ? hex_digit(from[1]) : -1;
            if (high < 0 || low < 0) {
                return -EINVAL;
            }
            c = (char)(high * 16 + low);
            from += 2;
        } else if (c == '+') {
            c = ' ';
        }
        if (length + 1 == capacity) {
            return -E2BIG;
        }
        buffer[length++] = c;
    }
    buffer[length] = '\0';
    return strlen(buffer) == length ? 0 : -EINVAL;
}

/* The one field "code" of the form. Returns 0, -ENOENT or another negative errno. */
static int find_code(const struct web_request *request, char *buffer, size_t capacity) {
    const char *end = request->body + request->body_length;
    const char *found = NULL, *found_end = NULL;
    for (const char *p = request->body; p < end;) {
        const char *stop = memchr(p, '&', (size_t)(end - p));
        stop = stop != NULL ? stop : end;
        if (stop - p >= 5 && memcmp(p, "code=", 5) == 0) {
            if (found != NULL) {
                return -EINVAL;
            }
            found = p + 5;
            found_end = stop;
        }
        p = stop < end ? stop + 1 : end;
    }
    return found != NULL ? decode(found, found_end, buffer, capacity) : -ENOENT;
}

static bool is_form(const struct web_request *request) {
    size_t length = strlen(FORM_TYPE);
    const char *type = request->content_type;
    return type != NULL && strncasecmp(type, FORM_TYPE, length) == 0 &&
           (type[length] == '\0' || type[length] == ';' || type[length] == ' ');
}

/* Does the browser say that another site's page sent this? Ours says "same-origin", and, for want
 * of a referrer, "Origin: null". */
static bool is_foreign(const struct web *web, const struct web_request *request) {
    if (request->sec_fetch_site != NULL) {
        return strcmp(request->sec_fetch_site, "same-origin") != 0 &&
               strcmp(request->sec_fetch_site, "none") != 0;
    }
    return request->origin != NULL && strcmp(request->origin, "null") != 0 &&
           strcasecmp(request->origin, web->config->public_url) != 0;
}

static void acknowledge(struct web *web, const struct web_request *request, const char *token,
                        struct web_response *response) {
    char typed[CODE_SIZE];
    int r = find_code(request, typed, sizeof typed);
    const char *code = r == 0 ? text_trim(typed) : "";
    if (text_check(code, strlen(code), CODE_SIZE) == TEXT_FINE) {
        r = engine_ack(web->setup.engine, token, code);
    } else {
        r = -EACCES; /* nothing that could be a code: no try of the link is used up */
    }
    if (r == 0) {
        page_answer(response, 200, "Acknowledged",
                    "<p>Thank you. Your acknowledgement has been recorded.</p>\n"
                    "<p>You can close this page.</p>\n");
    } else if (r == -ENOENT) {
        web_not_found(response);
    } else if (r == -EACCES) {
        show(web, token, 403,
             "<p class=\"wrong\" role=\"alert\">That is not the code of this link. Please look at "
             "the "
             "email and try again.</p>\n",
             response);
    } else {
        answer_later(response, r);
    }
}

void ack_handle(struct web *web, const struct web_request *request, const char *rest,
                struct web_response *response) {
    char token[TOKEN_LENGTH + 1];
    if (!web_take_token(rest, "", token)) {
        web_not_found(response);
        return;
    }
    if (request->method != WEB_POST) {
        show(web, token, 200, "", response);
        return;
    }
    if (is_foreign(web, request)) {
        page_answer(response, 403, "Not accepted",
                    "<p>Nothing was recorded. Please open the link from the email itself.</p>\n");
        return;
    }
    if (!is_form(request)) {
        page_answer(response, 415, "Not accepted",
                    "<p>Nothing was recorded. Please use the form on the page.</p>\n");
        return;
    }
    acknowledge(web, request, token, response);
}
