/* Pages: small HTML for people, without script, readable without the style sheet and by a screen
 * reader.
 *
 * Must never name the programme, the software or a person: anybody may open a link. Values are put
 * in by page_escape() only. */
#include <string.h>

#include "cobi/base/cleanup.h"
#include "cobi/base/text.h"
#include "room.h"

#define PAGE_BYTES_MAX 8192

#define PAGE_BEGIN                                                                                 \
    "<!DOCTYPE html>\n"                                                                            \
    "<html lang=\"en\">\n"                                                                         \
    "<head>\n"                                                                                     \
    "<meta charset=\"utf-8\">\n"                                                                   \
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"                   \
    "<meta name=\"robots\" content=\"noindex\">\n"                                                 \
    "<link rel=\"stylesheet\" href=\"/assets/page.css\">\n"                                        \
    "<title>"
#define PAGE_MIDDLE                                                                                \
    "</title>\n"                                                                                   \
    "</head>\n"                                                                                    \
    "<body>\n"                                                                                     \
    "<main>\n"                                                                                     \
    "<h1>"
#define PAGE_HEADED "</h1>\n"
#define PAGE_END                                                                                   \
    "</main>\n"                                                                                    \
    "</body>\n"                                                                                    \
    "</html>\n"

const char page_not_found[] = PAGE_BEGIN
    "Not found" PAGE_MIDDLE "Not found" PAGE_HEADED
    "<p>This link is not valid, or it is no longer in use.</p>\n" PAGE_END;

const char page_style[] =
    "html { font-size: 112.5%; }\n"
    "body { margin: 0; background: #f3f4f6; color: #14181f; line-height: 1.5;\n"
    "       font-family: system-ui, -apple-system, \"Segoe UI\", Roboto, Arial, sans-serif; }\n"
    "main { max-width: 30rem; margin: 8vh auto; padding: 1.5rem 1.75rem 2rem; background: #fff;\n"
    "       border: 1px solid #d3d7de; border-radius: 0.5rem; }\n"
    "h1 { margin: 0 0 1rem; font-size: 1.5rem; line-height: 1.25; }\n"
    "p, dl { margin: 0 0 1rem; }\n"
    "dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.25rem 1rem; }\n"
    "dt { color: #4a5261; }\n"
    "dd { margin: 0; font-weight: 600; overflow-wrap: anywhere; }\n"
    "label { display: block; margin-bottom: 0.35rem; font-weight: 600; }\n"
    "input { box-sizing: border-box; width: 100%; padding: 0.6rem 0.75rem; border: 2px solid "
    "#4a5261;\n"
    "        border-radius: 0.3rem; font: inherit; font-size: 1.25rem; letter-spacing: 0.12em; }\n"
    "button { margin-top: 1rem; padding: 0.65rem 1.25rem; border: 0; border-radius: 0.3rem;\n"
    "         background: #14532d; color: #fff; font: inherit; font-weight: 600; cursor: pointer; "
    "}\n"
    "input:focus, button:focus { outline: 3px solid #f59e0b; outline-offset: 2px; }\n"
    ".wrong { padding: 0.6rem 0.8rem; border-left: 0.3rem solid #b91c1c; background: #fef2f2; }\n"
    "@media (max-width: 34rem) { main { margin: 0; border: 0; border-radius: 0; min-height: 100vh; "
    "} }\n"
    "@media (prefers-color-scheme: dark) {\n"
    "  body { background: #10141a; color: #e8ebf0; }\n"
    "  main { background: #1a2029; border-color: #38414f; }\n"
    "  dt { color: #a9b3c2; }\n"
    "  input { background: #10141a; color: #e8ebf0; border-color: #8a94a6; }\n"
    "  button { background: #86efac; color: #10141a; }\n"
    "  .wrong { background: #3b1518; }\n"
    "}\n";

void page_escape(struct text *t, const char *value) {
    static const struct {
        char mark;
        const char *text;
    } marks[] = {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}, {'\'', "&#39;"}};
    for (; *value != '\0'; value++) {
        const char *replacement = NULL;
        for (size_t i = 0; i < ARRAY_COUNT(marks); i++) {
            replacement = marks[i].mark == *value ? marks[i].text : replacement;
        }
        if (replacement != NULL) {
            text_add(t, replacement);
        } else {
            text_add_bytes(t, value, 1);
        }
    }
}

void page_answer(struct web_response *response, int status, const char *title, const char *html) {
    char *page = malloc(PAGE_BYTES_MAX);
    if (page == NULL) {
        abort();
    }
    struct text t;
    text_init(&t, page, PAGE_BYTES_MAX);
    text_add(&t, PAGE_BEGIN);
    page_escape(&t, title);
    text_add(&t, PAGE_MIDDLE);
    page_escape(&t, title);
    text_add(&t, PAGE_HEADED);
    text_add(&t, html);
    text_add(&t, PAGE_END);
    if (t.overflow) { /* a value far too long: better no page than half of one */
        free(page);
        web_set_body(response, 500, "text/plain; charset=utf-8", "This page cannot be shown.\n");
        return;
    }
    web_set_body(response, status, "text/html; charset=utf-8", page);
    response->owned = page;
}
