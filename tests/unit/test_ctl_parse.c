/* The parser of cobictl's command line: what is understood, what is refused with which words, and
 * random lines. */
#include "cobi/base/cleanup.h"
#include "cobi/ctl/parse.h"
#include "seed.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define WORDS_MAX    24
#define LINE_SIZE    12000
#define RANDOM_LINES 20000

/* Splits at "|" in place: argv[0] is the program. Returns argc. */
static int split(char *line, char *argv[WORDS_MAX]) {
    static char program[] = "cobictl";
    int argc = 0;
    argv[argc++] = program;
    for (char *word = line; word != NULL && argc < WORDS_MAX;) {
        char *end = strchr(word, '|');
        if (end != NULL) {
            *end++ = '\0';
        }
        argv[argc++] = word;
        word = end;
    }
    return argc;
}

/* ---- what is understood ---- */

static const struct {
    const char *line; /* words separated by "|" */
    const char *noun, *verb;
    const char *arguments; /* compact JSON, keys sorted */
} understood[] = {
    {"status", NULL, "status", "{}"},
    {"--json|status", NULL, "status", "{}"},
    {"config|check", "config", "check", "{}"},
    {"reload|--wait", NULL, "reload", "{\"wait\":true}"},
    {"release|--held", NULL, "release", "{\"held\":true}"},
    {"clock|advance|1d12h", "clock", "advance", "{\"id\":\"1d12h\"}"},
    {"clock|set|2027-01-12 14:00", "clock", "set", "{\"id\":\"2027-01-12 14:00\"}"},
    {"office|add|brighton|--name|Brighton|--address=1 West St|--phone|01273 000000|--rooms=0",
     "office", "add",
     "{\"address\":\"1 West St\",\"id\":\"brighton\",\"name\":\"Brighton\",\"phone\":\"01273 "
     "000000\",\"rooms\":\"0\"}"},
    {"office|--name|Si\xc3\xa2n's|set|b1", "", "", ""}, /* options belong behind the verb */
    {"office|set|--name|Si\xc3\xa2n's|b1", "office", "set",
     "{\"id\":\"b1\",\"name\":\"Si\xc3\xa2n's\"}"},
    {"participant|set|P-1|--order-ends=2027-01-31|--place_label=", "participant", "set",
     "{\"id\":\"P-1\",\"order_ends\":\"2027-01-31\",\"place_label\":\"\"}"},
    {"participant|set|P-1|--unavailable|Mon-Fri 09:00-12:00|--unavailable=Sat 10:00-11:00",
     "participant", "set",
     "{\"id\":\"P-1\",\"unavailable\":[\"Mon-Fri 09:00-12:00\",\"Sat 10:00-11:00\"]}"},
    {"participant|set|P-1|--unavailable|Mon 09:00-12:00", "participant", "set",
     "{\"id\":\"P-1\",\"unavailable\":[\"Mon 09:00-12:00\"]}"},
    {"participant|end|P-1|--because|order_ended|--reason|--|--json", "", "", ""},
    {"participant|end|P-1|--because|order_ended|--reason=--|--json", "participant", "end",
     "{\"because\":\"order_ended\",\"id\":\"P-1\",\"reason\":\"--\"}"},
    {"session|move|S-1|--to|2027-01-12 14:00|--by|service|--cascade|--dry-run", "session", "move",
     "{\"by\":\"service\",\"cascade\":true,\"dry_run\":true,\"id\":\"S-1\",\"to\":\"2027-01-12 "
     "14:00\"}"},
    {"session|outcome|S-1|AFTA|--as|jl|--note|rang=twice", "session", "outcome",
     "{\"as\":\"jl\",\"id\":\"S-1\",\"id2\":\"AFTA\",\"note\":\"rang=twice\"}"},
    {"session|list|--from|2027-01-01|--state=awaiting_outcome", "session", "list",
     "{\"from\":\"2027-01-01\",\"state\":\"awaiting_outcome\"}"},
    {"feed|create|--participant|P-1", "feed", "create", "{\"participant\":\"P-1\"}"},
    {"escalation|list|--open", "escalation", "list", "{\"open\":true}"},
    {"preview|--|P-1", NULL, "preview", "{\"id\":\"P-1\"}"},
    {"template|show|main relay", "template", "show", "{\"id\":\"main relay\"}"},
};

static void lines_are_understood(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(understood); i++) {
        char line[LINE_SIZE], *argv[WORDS_MAX];
        (void)snprintf(line, sizeof line, "%s", understood[i].line);
        _cleanup_(parsed_done) struct parsed parsed = {0};
        struct complaint complaint = {0};
        int r = parse_command_line(split(line, argv), argv, &parsed, &complaint);
        if (understood[i].arguments[0] == '\0') {
            assert_int_equal(r, -EINVAL);
            continue;
        }
        assert_string_equal(complaint.text, "");
        assert_int_equal(r, 0);
        assert_int_equal(parsed.wish, PARSED_RUN);
        assert_ptr_equal(parsed.command, command_find(understood[i].noun, understood[i].verb));
        _cleanup_free_ char *arguments = json_dumps(parsed.arguments,
                                                    JSON_COMPACT | JSON_SORT_KEYS);
        assert_string_equal(arguments, understood[i].arguments);
    }
}

static const struct {
    const char *line;
    enum parsed_wish wish;
    const char *noun, *verb; /* "" for none */
} wishes[] = {
    {"--help", PARSED_HELP, "", ""},
    {"session|--help", PARSED_HELP, "session", ""},
    {"session|move|--help", PARSED_HELP, "session", "move"},
    {"session|move|S-1|--to|2027-01-12 14:00|--help", PARSED_HELP, "session", "move"},
    {"status|--help", PARSED_HELP, "", "status"},
    {"--version", PARSED_VERSION, "", ""},
    {"--version|--help", PARSED_VERSION, "", ""},
};

static void help_comes_at_every_level(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(wishes); i++) {
        char line[LINE_SIZE], *argv[WORDS_MAX];
        (void)snprintf(line, sizeof line, "%s", wishes[i].line);
        _cleanup_(parsed_done) struct parsed parsed = {0};
        struct complaint complaint = {0};
        assert_int_equal(parse_command_line(split(line, argv), argv, &parsed, &complaint), 0);
        assert_int_equal(parsed.wish, wishes[i].wish);
        assert_string_equal(parsed.noun != NULL ? parsed.noun : "", wishes[i].noun);
        assert_string_equal(parsed.command != NULL ? parsed.command->verb : "", wishes[i].verb);
    }
}

static void global_options_may_stand_anywhere(void **state) {
    (void)state;
    static const char *const lines[] = {
        "--json|--socket|/s|session|show|S-1",        "session|--json|show|--socket=/s|S-1",
        "session|show|--socket|/s|S-1|--json",        "session|show|S-1|--socket=/s|--json",
        "--socket=/s|session|--json|show|S-1|--json",
    };
    for (size_t i = 0; i < ARRAY_COUNT(lines); i++) {
        char line[LINE_SIZE], *argv[WORDS_MAX];
        (void)snprintf(line, sizeof line, "%s", lines[i]);
        _cleanup_(parsed_done) struct parsed parsed = {0};
        struct complaint complaint = {0};
        assert_int_equal(parse_command_line(split(line, argv), argv, &parsed, &complaint), 0);
        assert_true(parsed.json);
        assert_string_equal(parsed.socket, "/s");
        assert_int_equal(json_object_size(parsed.arguments), 1);
    }
}

/* ---- what is refused ---- */

static const struct {
    const char *line, *complaint; /* the complaint contains this */
} refused[] = {
    {"", "unknown command \"\""},
    {"--json", "no command given"},
    {"session", "session needs a verb"},
    {"sesion|list", "did you mean session?"},
    {"statsu", "did you mean status?"},
    {"particip|list", "did you mean participant?"},
    {"elephant|list", "unknown command \"elephant\": see cobictl --help"},
    {"session|mvoe|S-1", "did you mean move?"},
    {"session|status", "session has no verb \"status\": see cobictl session --help"},
    {"session|list|--partcipant|P-1", "unknown option --partcipant: did you mean --participant?"},
    {"participant|add|P|--order-end|2027-01-01", "did you mean --order-ends?"},
    {"session|list|--colour=red", "unknown option --colour: see cobictl session list --help"},
    {"session|list|--as|jl", "unknown option --as"},
    {"session|--state|planned|list", "put it behind the verb"},
    {"-j|status", "unknown option -j"},
    {"-", "unknown option -"},
    {"status|now", "\"now\" is one word too many"},
    {"session|show", "session show lacks ID"},
    {"session|outcome|S-1|--as|jl", "session outcome lacks CODE"},
    {"session|outcome|S-1|ATTC", "session outcome lacks --as"},
    {"escalation|ack|E-1", "escalation ack lacks --as"},
    {"escalation|resolve|E-1", "lacks --reason, --as"},
    {"session|move|S-1", "session move lacks --to, --by"},
    {"session|move|S-1|2027-01-12|14:00", "is one word too many: put quotes"},
    {"office|add|b1", "office add lacks --name, --address, --phone"},
    {"office|set|b1", "office set changes nothing"},
    {"office|set|b1|--as|jl", "office set changes nothing"},
    {"release", "release lacks --held"},
    {"feed|create", "exactly one of --practitioner, --office, --participant"},
    {"feed|create|--office|b1|--participant|P-1", "feed create needs exactly one of"},
    {"feed|create|--team|t1", "unknown option --team"},
    {"session|list|--from", "--from has no value"},
    {"session|list|--from|--to|2027-01-01", "--from has no value"},
    {"session|list|--from=", "--from is empty"},
    {"office|set|b1|--name=", "--name is empty"},
    {"escalation|list|--open=yes", "--open takes no value"},
    {"status|--json=1", "--json takes no value"},
    {"session|list|--from|2027-01-01|--from|2027-01-02", "--from is given twice"},
    {"session|move|S-1|--cascade|--cascade", "--cascade is given twice"},
    {"session|list|--from|2027-02-30", "--from \"2027-02-30\" does not fit: give a day"},
    {"session|list|--from|yesterday", "give a day such as 2027-01-12"},
    {"session|move|S-1|--by|me|--to|2027-01-12 14:00", "choose one of participant, service"},
    {"session|move|S-1|--by|service|--to|2027-01-12 25:00", "give a local time"},
    {"session|list|--state|plan", "choose one of planned, awaiting_outcome, recorded, cancelled"},
    {"participant|end|P|--because|because", "choose one of custody, remand, warrant, recall"},
    {"clock|advance|-5m", "unknown option -5m"},
    {"clock|advance|--|-5m", "SPAN \"-5m\" does not fit"},
    {"clock|advance|soon", "SPAN \"soon\" does not fit: give a length of time such as 90m"},
    {"clock|set|noon", "LOCAL-TIME \"noon\" does not fit"},
    {"office|set|b1|--rooms|100", "--rooms \"100\" does not fit: give a number from 0 to 99"},
    {"office|set|b1|--rooms|99999999999999999999", "give a number from 0 to 99"},
    {"office|set|b1|--rooms|-1", "give a number"},
    {"office|set|b1|--rooms|0x1", "give a number"},
    {"session|show|../etc", "ID \"../etc\" does not fit: give an id"},
    {"session|show|", "ID is empty"},
    {"office|set|b1|--name|a\x01z", "--name has a line break, control or invisible character"},
    {"office|set|b1|--name|a\r\nz", "--name has a line break"},
    {"office|set|b1|--name|a\x1b[31mz", "--name has a line break"},
    {"office|set|b1|--name|a\x7f", "--name has a line break"},
    {"office|set|b1|--name|a\xc2\x85z", "--name has a line break"},
    {"office|set|b1|--name|a\xe2\x80\xaez", "--name has a line break"},
    {"office|set|b1|--name|a\xff", "--name is not valid UTF-8"},
    {"office|set|b1|--name|\xc0\xaf", "--name is not valid UTF-8"},
    {"office|set|b1|--name|\xed\xa0\x80", "--name is not valid UTF-8"},
    {"office|set|b\x01|--name|x", "ID has a line break"},
    {"--socket|/tmp/\x01|status", "--socket has a line break"},
    {"sess\x1b[31mion|list", "unknown command \"sess?[31mion\""},
    {"session|list|--\x1b[31m", "unknown option --?[31m"},
};

/* A complaint is one harmless line. */
static void check_words(const struct complaint *complaint) {
    assert_true(complaint->text[0] != '\0');
    for (const char *c = complaint->text; *c != '\0'; c++) {
        assert_true(*c >= 0x20 && *c < 0x7f);
    }
}

static void bad_lines_are_refused(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(refused); i++) {
        char line[LINE_SIZE], *argv[WORDS_MAX];
        (void)snprintf(line, sizeof line, "%s", refused[i].line);
        struct parsed parsed, untouched;
        memset(&parsed, 0x5a, sizeof parsed);
        memcpy(&untouched, &parsed, sizeof parsed);
        struct complaint complaint = {0};
        int r = parse_command_line(split(line, argv), argv, &parsed, &complaint);
        assert_int_equal(r, -EINVAL);
        assert_memory_equal(&parsed, &untouched, sizeof parsed);
        check_words(&complaint);
        if (strstr(complaint.text, refused[i].complaint) == NULL) {
            fail_msg("\"%s\" gave \"%s\", not \"%s\"", refused[i].line, complaint.text,
                     refused[i].complaint);
        }
    }
}

static void nothing_at_all_is_refused(void **state) {
    (void)state;
    char program[] = "cobictl", *argv[] = {program, NULL};
    struct parsed parsed = {0};
    struct complaint complaint = {0};
    assert_int_equal(parse_command_line(1, argv, &parsed, &complaint), -EINVAL);
    assert_string_equal(complaint.text, "no command given: see cobictl --help");
    complaint = (struct complaint){0};
    assert_int_equal(parse_command_line(0, argv, &parsed, &complaint), -EINVAL);
}

/* The longest value is let through, one more byte is not, and of 10,000 nothing but the option's
 * name is shown. */
static void long_values_are_refused(void **state) {
    (void)state;
    static const struct {
        size_t length;
        int result;
    } rows[] = {{1, 0}, {2000, 0}, {2001, -EINVAL}, {10000, -EINVAL}};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char line[LINE_SIZE], *argv[WORDS_MAX];
        const char *start = "office|set|b1|--name|";
        size_t start_length = strlen(start);
        memcpy(line, start, start_length);
        memset(&line[start_length], 'x', rows[i].length);
        line[start_length + rows[i].length] = '\0';
        _cleanup_(parsed_done) struct parsed parsed = {0};
        struct complaint complaint = {0};
        int r = parse_command_line(split(line, argv), argv, &parsed, &complaint);
        assert_int_equal(r, rows[i].result);
        assert_string_equal(complaint.text,
                            r == 0 ? "" : "--name is longer than 2000 bytes: shorten it");
    }
}

static void long_words_are_cut_in_complaints(void **state) {
    (void)state;
    static const char *const starts[] = {"",
                                         "session|",
                                         "session|list|--",
                                         "status|",
                                         "session|show|",
                                         "session|list|-",
                                         "--",
                                         "session|list|--from|"};
    for (size_t i = 0; i < ARRAY_COUNT(starts); i++) {
        char line[LINE_SIZE], *argv[WORDS_MAX];
        size_t start_length = strlen(starts[i]);
        memcpy(line, starts[i], start_length + 1);
        memset(&line[start_length], 'q', 1000);
        line[start_length + 1000] = '\0';
        struct parsed parsed = {0};
        struct complaint complaint = {0};
        int r = parse_command_line(split(line, argv), argv, &parsed, &complaint);
        assert_int_equal(r, -EINVAL);
        check_words(&complaint);
        size_t shown = 0;
        for (const char *c = complaint.text; *c != '\0'; c++) {
            shown += *c == 'q';
        }
        assert_true(shown <= 40);
    }
}

/* ---- random lines ---- */

static const char *const pieces[] = {
    "--json",
    "--help",
    "--",
    "--socket",
    "--name",
    "--as",
    "--from",
    "--to=2027-01-01",
    "--open",
    "session",
    "list",
    "move",
    "participant",
    "add",
    "set",
    "status",
    "--reason",
    "--=",
    "---",
    "=",
    "",
    "-",
    "feed",
    "create",
    "--office",
    "2027-1-1",
    "clock",
    "advance",
    "7d",
    "S-1",
    "--by",
    "participant",
    "\xff\xfe",
    "\x1b[2J",
    "%s%n%d",
    "\xe2\x80\xae",
    "--unavailable",
    "--mobile=",
    "--json=",
    "escalation",
};

static void random_lines_never_hurt(void **state) {
    (void)state;
    uint64_t seed = seed_init("random_lines_never_hurt");
    size_t understood_count = 0;
    for (size_t round = 0; round < RANDOM_LINES; round++) {
        char words[WORDS_MAX][12], *argv[WORDS_MAX];
        int argc = (int)seed_between(&seed, 0, 9);
        for (int i = 0; i < argc; i++) {
            const char *piece = pieces[seed_next(&seed) % ARRAY_COUNT(pieces)];
            (void)snprintf(words[i], sizeof words[i], "%s", piece);
            size_t length = strlen(words[i]);
            if (length > 0 && seed_next(&seed) % 8 == 0) {
                words[i][seed_next(&seed) % length] = (char)seed_next(&seed);
            }
            argv[i] = words[i];
        }
        _cleanup_(parsed_done) struct parsed parsed = {0};
        struct complaint complaint = {0};
        int r = parse_command_line(argc, argv, &parsed, &complaint);
        if (r == 0) {
            understood_count++;
            assert_string_equal(complaint.text, "");
            assert_true(parsed.wish != PARSED_RUN || parsed.command != NULL);
            assert_true(json_is_object(parsed.arguments));
        } else {
            assert_int_equal(r, -EINVAL);
            check_words(&complaint);
        }
    }
    assert_true(understood_count > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_understood),
        cmocka_unit_test(help_comes_at_every_level),
        cmocka_unit_test(global_options_may_stand_anywhere),
        cmocka_unit_test(bad_lines_are_refused),
        cmocka_unit_test(nothing_at_all_is_refused),
        cmocka_unit_test(long_values_are_refused),
        cmocka_unit_test(long_words_are_cut_in_complaints),
        cmocka_unit_test(random_lines_never_hurt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
