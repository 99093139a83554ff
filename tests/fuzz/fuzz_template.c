/* fuzz_template: whatever a value holds, a rendered message keeps its shape: one subject line, no
 * control characters, and for participants no forbidden word, no link and no more parts than
 * allowed (one; three where a name needs letters that GSM-7 lacks); a fact that the audience may
 * not be told is not printed. The first four bytes pick audience, channel, template and fact; the
 * rest is the value. */
#include "fuzz.h"

#include <string.h>

#include "cobi/base/gsm.h"
#include "cobi/base/text.h"
#include "cobi/template/template.h"

#define NAME_SIZE 64

static struct templates *load(void) {
    static struct templates *templates;
    static struct complaints complaints;
    const char *source = getenv("top_srcdir");
    char folder[4096];
    struct text t = TEXT_IN(folder);

    if (templates == NULL) {
        text_addf(&t, "%s/templates", source == NULL ? "." : source);
        FUZZ_CHECK(templates_load(folder, &templates, &complaints) == 0);
    }
    return templates;
}

/* "en/reminder.sms" is "reminder". */
static void pick_name(const struct templates *templates, uint8_t choice, char name[NAME_SIZE]) {
    struct text t;
    struct template_label label = {0};
    const char *start;
    size_t count = 0;

    while (template_label(templates, count, &label) == 0) {
        count++;
    }
    FUZZ_CHECK(count > 0);
    FUZZ_CHECK(template_label(templates, choice % count, &label) == 0);
    start = strchr(label.name, '/') + 1;
    text_init(&t, name, NAME_SIZE);
    text_add_bytes(&t, start, strcspn(start, "."));
}

static void check_participant(const struct rendered *rendered, enum channel channel) {
    struct gsm_size size;

    FUZZ_CHECK(disclose_find_word(rendered->subject, NULL) == -1);
    FUZZ_CHECK(disclose_find_word(rendered->body, NULL) == -1);
    FUZZ_CHECK(strstr(rendered->body, "://") == NULL);
    if (channel == CHANNEL_SMS) {
        FUZZ_CHECK(gsm_measure(rendered->body, &size) == 0);
        FUZZ_CHECK(size.parts <= (size.charset == GSM_SEVEN_BIT ? 1U : 3U));
    }
}

static void check(const struct rendered *rendered, const struct disclosure *disclosure) {
    FUZZ_CHECK(rendered->subject[0] == '\0' ||
               text_check(rendered->subject, strlen(rendered->subject), 4096) == TEXT_FINE);
    FUZZ_CHECK((rendered->subject[0] == '\0') == (disclosure->channel == CHANNEL_SMS));
    FUZZ_CHECK(utf8_valid(rendered->body, strlen(rendered->body)));
    for (const char *p = rendered->body; *p != '\0'; p++) {
        FUZZ_CHECK((unsigned char)*p >= 0x20 || *p == '\n');
    }
    if (disclosure->audience == AUDIENCE_PARTICIPANT) {
        check_participant(rendered, disclosure->channel);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct templates *templates = load();
    struct complaint complaint = {0};
    struct disclosure disclosure = {0};
    struct rendered rendered = {0};
    struct arena arena = {0};
    char name[NAME_SIZE], *value;
    enum fact hostile;

    if (size < 4) {
        return 0;
    }
    disclosure.audience = (enum audience)(data[0] % AUDIENCE_COUNT);
    disclosure.channel = (enum channel)(data[1] % CHANNEL_COUNT);
    pick_name(templates, data[2], name);
    hostile = (enum fact)(data[3] % FACT_COUNT);
    value = fuzz_string(data + 4, size - 4);
    for (int fact = 0; fact < FACT_COUNT; fact++) {
        disclosure_set(&disclosure, (enum fact)fact, fact_rows[fact].sample);
    }
    disclosure_set(&disclosure, hostile, value);
    FUZZ_CHECK((disclosure.values[hostile] == value) ==
               disclose_allowed(disclosure.audience, disclosure.channel, fact_rows[hostile].class));
    if (template_render(templates, name, (enum language)(data[0] / 16 % LANGUAGE_COUNT),
                        &disclosure, &arena, &rendered, &complaint) == 0) {
        check(&rendered, &disclosure);
    } else {
        FUZZ_CHECK(rendered.body == NULL);
    }
    arena_done(&arena);
    free(value);
    return 0;
}
