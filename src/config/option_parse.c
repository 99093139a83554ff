/* How the text of one option becomes a value: texts, names, paths, times, numbers, words.
 *
 * One parser a notation, called by option_take() through the table of types. What is refused leaves
 * a clause for people. They must never let a control character, invalid UTF-8 or a text that was
 * cut into the configuration. */
#include "option_parse.h"

#include "cobi/base/cleanup.h"
#include "cobi/base/phone.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ZONES_DIR      "/usr/share/zoneinfo"
#define TEXT_BYTES_MAX 1024
#define PATH_BYTES_MAX 2048

/* ---- Storing ----------------------------------------------------------------------------------
 */

static unsigned char *member_of(const struct option *option, const struct option_place *place) {
    return (unsigned char *)place->base + option->offset;
}

/* Stores a number in a member of its size: flags, enums, counts, minutes and spans. */
static void put_number(const struct option *option, const struct option_place *place,
                       int64_t value) {
    unsigned char *member = member_of(option, place);
    if (option->size == sizeof(bool)) {
        bool flag = value != 0;
        memcpy(member, &flag, sizeof flag);
    } else if (option->size == sizeof(uint16_t)) {
        uint16_t small = (uint16_t)value;
        memcpy(member, &small, sizeof small);
    } else if (option->size == sizeof(uint32_t)) {
        uint32_t middle = (uint32_t)value;
        memcpy(member, &middle, sizeof middle);
    } else {
        assert(option->size == sizeof value);
        memcpy(member, &value, sizeof value);
    }
}

static int put_text(const struct option *option, const struct option_place *place, const char *text,
                    struct complaint *complaint) {
    if (text_copy((char *)member_of(option, place), option->size, text) < 0) {
        return complain(complaint, -EINVAL, "must have at most %zu bytes", option->size - 1);
    }
    return 0;
}

/* Text of at most `most` bytes; "" is taken where the option says so. */
static int check_text(const struct option *option, const char *text, size_t most,
                      struct complaint *complaint) {
    enum text_fault fault = text_check(text, strlen(text), most);
    if (fault == TEXT_EMPTY && (option->fallback[0] == '\0' || (option->flags & EMPTY) != 0)) {
        return 0;
    }
    if (fault == TEXT_TOO_LONG) {
        return complain(complaint, -EINVAL, "must have at most %zu bytes", most);
    }
    if (fault != TEXT_FINE) {
        return complain(complaint, -EINVAL, "%s", text_fault_to_text(fault));
    }
    return 0;
}

/* What all parsers of single texts begin with. Returns 0, 1 when the text is "" and that was
 * stored, or -EINVAL. */
static int begin_text(const struct option *option, const struct option_input *input,
                      const struct option_place *place, struct complaint *complaint) {
    int error = check_text(option, input->text, TEXT_BYTES_MAX, complaint);
    if (error < 0) {
        return error;
    }
    if (input->text[0] == '\0') {
        memset(member_of(option, place), 0, option->size);
        return 1;
    }
    return 0;
}

/* ---- Texts ------------------------------------------------------------------------------------
 */

int option_parse_text(const struct option *option, const struct option_input *input,
                      const struct option_place *place, struct complaint *complaint) {
    size_t most = option->most > 0 ? (size_t)option->most : option->size - 1;
    int error = check_text(option, input->text, most, complaint);
    if (error < 0) {
        return error;
    }
    return put_text(option, place, input->text, complaint);
}

int option_parse_id(const struct option *option, const struct option_input *input,
                    const struct option_place *place, struct complaint *complaint) {
    int begun = begin_text(option, input, place, complaint);
    if (begun != 0) {
        return begun < 0 ? begun : 0;
    }
    if (!id_valid(input->text)) {
        return complain(complaint, -EINVAL,
                        "must be 1 to 32 letters, digits, dots, hyphens or underscores, beginning "
                        "with a letter or digit");
    }
    return put_text(option, place, input->text, complaint);
}

int option_parse_credential(const struct option *option, const struct option_input *input,
                            const struct option_place *place, struct complaint *complaint) {
    int begun = begin_text(option, input, place, complaint);
    if (begun != 0) {
        return begun < 0 ? begun : 0;
    }
    if (!id_valid(input->text)) {
        return complain(
            complaint, -EINVAL,
            "must be the name of a file in credentials_dir, never a path or the secret itself");
    }
    return put_text(option, place, input->text, complaint);
}

int option_parse_code(const struct option *option, const struct option_input *input,
                      const struct option_place *place, struct complaint *complaint) {
    size_t length = strlen(input->text);
    size_t fit = strspn(input->text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");
    if (length < 2 || length >= option->size || fit != length) {
        return complain(complaint, -EINVAL, "must be a code of 2 to 8 capital letters and digits");
    }
    return put_text(option, place, input->text, complaint);
}

int option_parse_path(const struct option *option, const struct option_input *input,
                      const struct option_place *place, struct complaint *complaint) {
    int begun = begin_text(option, input, place, complaint);
    if (begun != 0) {
        return begun < 0 ? begun : 0;
    }
    char path[PATH_BYTES_MAX];
    struct text joined = TEXT_IN(path);
    if (input->text[0] != '/') {
        text_addf(&joined, "%s/", place->folder);
    }
    text_add(&joined, input->text);
    if (joined.overflow || joined.length >= option->size) {
        return complain(complaint, -EINVAL, "must have at most %zu bytes with its folder",
                        option->size - 1);
    }
    return put_text(option, place, path, complaint);
}

int option_parse_file(const struct option *option, const struct option_input *input,
                      const struct option_place *place, struct complaint *complaint) {
    int error = option_parse_path(option, input, place, complaint);
    const char *path = (const char *)member_of(option, place);
    if (error < 0 || path[0] == '\0' || place->copy) {
        return error;
    }
    struct stat status;
    if (stat(path, &status) < 0 || access(path, R_OK) < 0) {
        return complain(complaint, -EINVAL, "\"%s\" cannot be read: %s", path, strerror(errno));
    }
    if (!S_ISREG(status.st_mode)) {
        return complain(complaint, -EINVAL, "\"%s\" is not a file", path);
    }
    return 0;
}

bool option_zone_known(const char *name) {
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/_+-";
    size_t length = strlen(name);
    if (length == 0 || length >= ZONE_NAME_SIZE || name[0] == '/' ||
        strspn(name, letters) != length) {
        return false;
    }
    char path[sizeof ZONES_DIR + 1 + ZONE_NAME_SIZE];
    struct text joined = TEXT_IN(path);
    text_addf(&joined, "%s/%s", ZONES_DIR, name);
    struct stat status;
    return stat(path, &status) == 0 ? S_ISREG(status.st_mode) : access(ZONES_DIR, R_OK) < 0;
}

int option_parse_zone(const struct option *option, const struct option_input *input,
                      const struct option_place *place, struct complaint *complaint) {
    if (!option_zone_known(input->text)) {
        return complain(complaint, -EINVAL,
                        "must be a time zone this system knows, such as \"Europe/London\"");
    }
    return put_text(option, place, input->text, complaint);
}

/* "127.0.0.1:8099", "[::1]:0": a numeric address and a port. */
static bool listen_valid(const char *text) {
    const char *colon = strrchr(text, ':');
    if (colon == NULL || colon == text) {
        return false;
    }
    bool six = text[0] == '[' && colon[-1] == ']';
    const char *begin = six ? text + 1 : text, *end = six ? colon - 1 : colon;
    char address[INET6_ADDRSTRLEN];
    struct text copy = TEXT_IN(address);
    text_add_bytes(&copy, begin, (size_t)(end - begin));
    unsigned char bytes[sizeof(struct in6_addr)];
    if (copy.overflow || inet_pton(six ? AF_INET6 : AF_INET, address, bytes) != 1) {
        return false;
    }
    size_t digits = strspn(colon + 1, "0123456789");
    return digits >= 1 && digits <= 5 && colon[1 + digits] == '\0' &&
           strtol(colon + 1, NULL, 10) <= 65535;
}

int option_parse_listen(const struct option *option, const struct option_input *input,
                        const struct option_place *place, struct complaint *complaint) {
    if (strcmp(input->text, "none") != 0 && !listen_valid(input->text)) {
        return complain(complaint, -EINVAL,
                        "must be \"127.0.0.1:8099\", \"[::1]:8099\" or the like, or \"none\"");
    }
    return put_text(option, place, input->text, complaint);
}

int option_parse_email(const struct option *option, const struct option_input *input,
                       const struct option_place *place, struct complaint *complaint) {
    int begun = begin_text(option, input, place, complaint);
    if (begun != 0) {
        return begun < 0 ? begun : 0;
    }
    char address[MAILADDR_SIZE];
    if (mailaddr_parse(input->text, address) < 0) {
        return complain(complaint, -EINVAL,
                        "must be a plain email address such as \"name@example.org\"");
    }
    return put_text(option, place, address, complaint);
}

bool option_sender_valid(const char *text) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    static const char digits[] = "0123456789";
    size_t length = strlen(text);
    if (length >= 1 && length <= 11 && strpbrk(text, letters) != NULL) {
        for (size_t i = 0; i < length; i++) {
            if (strchr(letters, text[i]) == NULL && strchr(digits, text[i]) == NULL) {
                return false;
            }
        }
        return true;
    }
    char number[PHONE_SIZE];
    return (length >= 4 && length <= 6 && strspn(text, digits) == length) ||
           phone_parse(text, PHONE_ANY, number) == 0;
}

int option_parse_sender(const struct option *option, const struct option_input *input,
                        const struct option_place *place, struct complaint *complaint) {
    int error = check_text(option, input->text, option->size - 1, complaint);
    if (error < 0) {
        return error;
    }
    if (!option_sender_valid(input->text)) {
        return complain(complaint, -EINVAL,
                        "must be up to 11 letters and digits, or a telephone number");
    }
    return put_text(option, place, input->text, complaint);
}

/* RFC 6901 section 3: "" or "/token/...", with "~" only as "~0" and "~1". */
int option_parse_pointer(const struct option *option, const struct option_input *input,
                         const struct option_place *place, struct complaint *complaint) {
    int begun = begin_text(option, input, place, complaint);
    if (begun != 0) {
        return begun < 0 ? begun : 0;
    }
    bool valid = input->text[0] == '/';
    for (const char *c = strchr(input->text, '~'); c != NULL; c = strchr(c + 1, '~')) {
        valid = valid && (c[1] == '0' || c[1] == '1');
    }
    if (!valid) {
        return complain(complaint, -EINVAL, "must be a JSON pointer such as \"/messages/0/id\"");
    }
    return put_text(option, place, input->text, complaint);
}

/* Appends one text to an array of texts of most + 1 bytes each. */
int option_parse_texts(const struct option *option, const struct option_input *input,
                       const struct option_place *place, struct complaint *complaint) {
    size_t element_bytes = (size_t)option->most + 1, capacity = option->size / element_bytes;
    if (input->index >= capacity) {
        return complain(complaint, -EINVAL, "must have at most %zu elements", capacity);
    }
    enum text_fault fault = text_check(input->text, strlen(input->text), element_bytes - 1);
    if (fault == TEXT_TOO_LONG) {
        return complain(complaint, -EINVAL, "each element must have at most %zu bytes",
                        element_bytes - 1);
    }
    if (fault != TEXT_FINE) {
        return complain(complaint, -EINVAL, "each element %s", text_fault_to_text(fault));
    }
    char *element = (char *)member_of(option, place) + input->index * element_bytes;
    return text_copy(element, element_bytes, input->text);
}

/* ---- Numbers and times ------------------------------------------------------------------------
 */

static int check_range(const struct option *option, int64_t value, struct complaint *complaint) {
    if (value < option->least || (option->most > 0 && value > option->most)) {
        return complain(complaint, -EINVAL, "must be %lld to %lld", (long long)option->least,
                        (long long)option->most);
    }
    return 0;
}

int option_parse_count(const struct option *option, const struct option_input *input,
                       const struct option_place *place, struct complaint *complaint) {
    int error = check_range(option, input->number, complaint);
    if (error < 0) {
        return error;
    }
    put_number(option, place, input->number);
    return 0;
}

int option_parse_flag(const struct option *option, const struct option_input *input,
                      const struct option_place *place, struct complaint *complaint) {
    (void)complaint; /* both values are fine */
    put_number(option, place, input->number);
    return 0;
}

int option_parse_statuses(const struct option *option, const struct option_input *input,
                          const struct option_place *place, struct complaint *complaint) {
    size_t capacity = option->size / sizeof(uint16_t);
    if (input->index >= capacity) {
        return complain(complaint, -EINVAL, "must have at most %zu elements", capacity);
    }
    int error = check_range(option, input->number, complaint);
    if (error < 0) {
        return error;
    }
    uint16_t status = (uint16_t)input->number;
    memcpy(member_of(option, place) + input->index * sizeof status, &status, sizeof status);
    return 0;
}

/* A span of `unit` microseconds' multiples within the option's range, which counts in `unit` or in
 * seconds. */
static int read_span(const struct option *option, const struct option_input *input, int64_t unit_us,
                     struct span *ret_span, struct complaint *complaint) {
    struct span span = {0};
    bool nought = strcmp(input->text, "0") == 0 || strcmp(input->text, "0s") == 0;
    if (!nought && span_from_text(input->text, &span) < 0) {
        return complain(complaint, -EINVAL,
                        "must be a length of time such as \"90s\", \"5m\", \"4h\" or \"2d\"");
    }
    if (span.us % unit_us != 0) {
        return complain(complaint, -EINVAL, "must be whole %s",
                        unit_us == DAY_US ? "days" : "minutes");
    }
    int64_t range_us = unit_us == DAY_US ? DAY_US : SECOND_US;
    if (span.us < option->least * range_us || span.us > option->most * range_us) {
        char least[32], most[32];
        span_to_text((struct span){option->least * range_us}, least);
        span_to_text((struct span){option->most * range_us}, most);
        return complain(complaint, -EINVAL, "must be %s to %s", least, most);
    }
    *ret_span = span;
    return 0;
}

int option_parse_span(const struct option *option, const struct option_input *input,
                      const struct option_place *place, struct complaint *complaint) {
    struct span span = {0};
    int error = read_span(option, input, SECOND_US, &span, complaint);
    if (error < 0) {
        return error;
    }
    put_number(option, place, span.us);
    return 0;
}

int option_parse_minutes(const struct option *option, const struct option_input *input,
                         const struct option_place *place, struct complaint *complaint) {
    struct span span = {0};
    int error = read_span(option, input, MINUTE_US, &span, complaint);
    if (error < 0) {
        return error;
    }
    put_number(option, place, span.us / MINUTE_US);
    return 0;
}

int option_parse_days(const struct option *option, const struct option_input *input,
                      const struct option_place *place, struct complaint *complaint) {
    struct span span = {0};
    int error = read_span(option, input, DAY_US, &span, complaint);
    if (error < 0) {
        return error;
    }
    put_number(option, place, span.us / DAY_US);
    return 0;
}

/* "18:00" as minutes since midnight, or -1; "24:00" is 1440. */
static int minutes_of_day(const char *text) {
    static const char digits[] = "0123456789";
    if (strlen(text) != 5 || strspn(text, digits) != 2 || text[2] != ':' ||
        strspn(text + 3, digits) != 2) {
        return -1;
    }
    int hour = (text[0] - '0') * 10 + text[1] - '0', minute = (text[3] - '0') * 10 + text[4] - '0';
    int total = hour * 60 + minute;
    return minute > 59 || total > 1440 ? -1 : total;
}

int option_parse_time(const struct option *option, const struct option_input *input,
                      const struct option_place *place, struct complaint *complaint) {
    int minute = minutes_of_day(input->text);
    if (minute < option->least || minute > option->most) {
        return complain(complaint, -EINVAL, "must be a local time such as \"18:00\"");
    }
    put_number(option, place, minute);
    return 0;
}

int option_parse_civil(const struct option *option, const struct option_input *input,
                       const struct option_place *place, struct complaint *complaint) {
    int begun = begin_text(option, input, place, complaint);
    if (begun != 0) {
        return begun < 0 ? begun : 0;
    }
    struct civil civil;
    if (civil_from_text(input->text, &civil) < 0) {
        return complain(complaint, -EINVAL,
                        "must be a local date and time such as \"2027-01-12 14:00\"");
    }
    char text[CIVIL_TEXT_SIZE];
    civil_to_text(civil, text);
    return put_text(option, place, text, complaint);
}

/* "40/s": fills rate_count and rate_per of a gateway. */
int option_parse_rate(const struct option *option, const struct option_input *input,
                      const struct option_place *place, struct complaint *complaint) {
    static const struct {
        const char *name;
        int64_t us;
    } units[] = {{"/s", SECOND_US}, {"/min", MINUTE_US}, {"/h", HOUR_US}, {"/d", DAY_US}};
    assert(option->group == GROUP_gateway);
    struct gateway *gateway = place->base;
    int begun = begin_text(option, input, place, complaint);
    if (begun != 0) {
        return begun < 0 ? begun : 0;
    }
    size_t digits = strspn(input->text, "0123456789");
    long count = digits >= 1 && digits <= 5 ? strtol(input->text, NULL, 10) : 0;
    for (size_t i = 0; i < ARRAY_COUNT(units) && count > 0; i++) {
        if (strcmp(input->text + digits, units[i].name) == 0) {
            gateway->rate_count = (uint32_t)count;
            gateway->rate_per = (struct span){units[i].us};
            return 0;
        }
    }
    return complain(complaint, -EINVAL,
                    "must be messages in a time such as \"40/s\", \"10/min\" or \"500/h\"");
}

/* ---- Words ------------------------------------------------------------------------------------
 */

/* The place of a word among "one|two|three", or -1. */
static int word_index(const char *words, const char *word) {
    size_t length = strlen(word);
    int index = 0;
    for (const char *w = words; length > 0 && w != NULL; index++) {
        size_t span = strcspn(w, "|");
        if (span == length && strncmp(w, word, length) == 0) {
            return index;
        }
        w = w[span] == '|' ? w + span + 1 : NULL;
    }
    return -1;
}

int option_parse_word(const struct option *option, const struct option_input *input,
                      const struct option_place *place, struct complaint *complaint) {
    int index = word_index(option_words(option), input->text);
    if (index < 0) {
        return complain(complaint, -EINVAL, "must be one of %s", option_words(option));
    }
    put_number(option, place, index);
    return 0;
}

/* Adds one word's bit to a set. */
int option_parse_words(const struct option *option, const struct option_input *input,
                       const struct option_place *place, struct complaint *complaint) {
    int index = word_index(option_words(option), input->text);
    if (index < 0) {
        return complain(complaint, -EINVAL, "must be a list of %s", option_words(option));
    }
    unsigned set;
    assert(option->size == sizeof set);
    memcpy(&set, member_of(option, place), sizeof set);
    if ((set & (1u << index)) != 0) {
        return complain(complaint, -EINVAL, "names \"%s\" twice", input->text);
    }
    put_number(option, place, (int64_t)(set | 1u << index));
    return 0;
}
