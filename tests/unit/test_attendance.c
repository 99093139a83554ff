/* What may be recorded when, by whom, for which kind of session. */
#include "rules_world.h"

#include "cobi/rules/attendance.h"

static const struct outcome_table table = {
    .count = 9,
    .codes = {
        {.code = "ATTC", .attended = ATTENDED_YES, .complied = COMPLIED_YES, .recordable = true},
        {.code = "AFTC", .attended = ATTENDED_YES, .enforceable = true, .recordable = true},
        {.code = "ATSH", .attended = ATTENDED_YES, .sent_home = true, .recordable = true},
        {.code = "ATSS", .attended = ATTENDED_YES, .sent_home = true, .recordable = true},
        {.code = "AFTA",
         .complied = COMPLIED_UNDECIDED,
         .miss = true,
         .provisional = true,
         .recordable = true},
        {.code = "UAAB",
         .miss = true,
         .enforceable = true,
         .replacement = true,
         .recordable = true},
        {.code = "AAME", .complied = COMPLIED_YES, .acceptable = true, .recordable = true},
        {.code = "CO10", .complied = COMPLIED_YES, .recordable = true},
        {.code = "RSSR", .acceptable = true, .moved_by = MOVED_BY_SERVICE},
    }};

/* Minutes after the start of a session of 120 minutes. */
static const struct row {
    const char *code;
    int32_t minute;
    unsigned how; /* flags below */
    enum record_refusal expected;
} rows[] = {
#define REMOTE    1U
#define RECORDED  2U
#define CANCELLED 4U
#define DECIDER   8U
    /* before the start: an acceptable absence only */
    {"AAME", -10080, 0, RECORD_FINE},
    {"AAME", -1, 0, RECORD_FINE},
    {"AAME", -1, DECIDER, RECORD_FINE},
    {"ATTC", -1, 0, RECORD_BEFORE_START},
    {"ATTC", -1, DECIDER, RECORD_BEFORE_START},
    {"AFTA", -1, 0, RECORD_BEFORE_START},
    {"UAAB", -1, DECIDER, RECORD_BEFORE_START},
    {"CO10", -1, DECIDER, RECORD_BEFORE_START},
    /* attended: from the start on */
    {"ATTC", 0, 0, RECORD_FINE},
    {"AFTC", 5, 0, RECORD_FINE},
    {"ATSS", 0, 0, RECORD_FINE},
    {"ATTC", 100000, 0, RECORD_FINE},
    /* a no-show: from 15 minutes on, and provisional unless somebody may decide */
    {"AFTA", 0, 0, RECORD_TOO_EARLY},
    {"AFTA", 14, 0, RECORD_TOO_EARLY},
    {"AFTA", 15, 0, RECORD_FINE},
    {"AFTA", 14, DECIDER, RECORD_TOO_EARLY},
    {"AFTA", 240, DECIDER, RECORD_FINE},
    {"UAAB", 15, 0, RECORD_NEEDS_DECIDER},
    {"UAAB", 14, DECIDER, RECORD_TOO_EARLY},
    {"UAAB", 15, DECIDER, RECORD_FINE},
    {"AAME", 0, 0, RECORD_NEEDS_DECIDER},
    {"AAME", 240, 0, RECORD_NEEDS_DECIDER},
    {"AAME", 0, DECIDER, RECORD_FINE},
    {"CO10", 240, 0, RECORD_NEEDS_DECIDER},
    {"CO10", 240, DECIDER, RECORD_FINE},
    /* phone and video */
    {"ATSH", 30, REMOTE, RECORD_REMOTE},
    {"ATSS", 30, REMOTE, RECORD_REMOTE},
    {"ATSH", 30, 0, RECORD_FINE},
    {"ATTC", 30, REMOTE, RECORD_FINE},
    {"AFTA", 30, REMOTE, RECORD_FINE},
    /* codes that come from elsewhere, or from nowhere */
    {"RSSR", -60, 0, RECORD_NOT_RECORDABLE},
    {"RSSR", 60, DECIDER, RECORD_NOT_RECORDABLE},
    {"NOPE", 60, DECIDER, RECORD_UNKNOWN_CODE},
    {"NOPE", 60, CANCELLED | RECORDED, RECORD_UNKNOWN_CODE},
    /* not twice, and not after a cancellation */
    {"ATTC", 60, RECORDED, RECORD_ALREADY},
    {"AAME", -60, RECORDED, RECORD_ALREADY},
    {"UAAB", 60, RECORDED | DECIDER, RECORD_ALREADY},
    {"ATTC", 60, CANCELLED, RECORD_CANCELLED},
    {"AAME", -60, CANCELLED, RECORD_CANCELLED},
};

static void rows_hold(void **unused) {
    const struct instant start = at("2026-11-24T14:00Z");

    (void)unused;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        const struct record_request request = {
            .code = outcome_find(&table, rows[i].code),
            .start = start,
            .end = instant_add(start, span_minutes(120)),
            .now = instant_add(start, span_minutes(rows[i].minute)),
            .remote = (rows[i].how & REMOTE) != 0,
            .recorded = (rows[i].how & RECORDED) != 0,
            .cancelled = (rows[i].how & CANCELLED) != 0,
            .decider = (rows[i].how & DECIDER) != 0,
            .miss_after = span_minutes(15),
        };
        const enum record_refusal got = record_check(&request);
        if (got != rows[i].expected) {
            fail_msg("row %zu (%s at %d): got %d, expected %d", i, rows[i].code, rows[i].minute,
                     (int)got, (int)rows[i].expected);
        }
    }
}

/* To the microsecond, on both sides. */
static void edges_are_exact(void **unused) {
    const struct instant start = at("2026-11-24T14:00Z");
    struct record_request request = {
        .code = outcome_find(&table, "AFTA"), .start = start, .miss_after = span_minutes(15)};

    (void)unused;
    request.now = instant_add(start, (struct span){15 * MINUTE_US - 1});
    assert_int_equal(record_check(&request), RECORD_TOO_EARLY);
    request.now = instant_add(start, span_minutes(15));
    assert_int_equal(record_check(&request), RECORD_FINE);
    request.code = outcome_find(&table, "ATTC");
    request.now = instant_add(start, (struct span){-1});
    assert_int_equal(record_check(&request), RECORD_BEFORE_START);
    request.now = start;
    assert_int_equal(record_check(&request), RECORD_FINE);
}

/* No code at any time lets somebody who may not decide turn a fresh no-show into anything but the
 * provisional miss. */
static void nobody_waives_a_miss_alone(void **unused) {
    const struct instant start = at("2026-11-24T14:00Z");

    (void)unused;
    for (uint32_t i = 0; i < table.count; i++) {
        for (int32_t minute = 0; minute < 300; minute++) {
            const struct record_request request = {
                .code = &table.codes[i],
                .start = start,
                .now = instant_add(start, span_minutes(minute)),
                .miss_after = span_minutes(15),
            };
            if (record_check(&request) == RECORD_FINE && table.codes[i].attended == ATTENDED_NO) {
                assert_true(table.codes[i].provisional);
            }
        }
    }
}

static void codes_are_found(void **unused) {
    (void)unused;
    assert_ptr_equal(outcome_find(&table, "ATTC"), &table.codes[0]);
    assert_ptr_equal(outcome_find(&table, "rssr"), &table.codes[8]);
    assert_null(outcome_find(&table, "ATT"));
    assert_null(outcome_find(&table, "ATTCX"));
    assert_null(outcome_find(&table, ""));
    assert_null(outcome_find(&table, NULL));
    assert_null(outcome_find(&(struct outcome_table){0}, "ATTC"));
}

static void a_move_has_the_code_of_who_asked(void **unused) {
    (void)unused;
    assert_string_equal(outcome_of_move(&table, "service"), "RSSR");
    assert_string_equal(outcome_of_move(&table, "participant"), "");
    assert_string_equal(outcome_of_move(&table, "nobody"), "");
    assert_string_equal(outcome_of_move(&table, NULL), "");
}

static void refusals_are_sentences(void **unused) {
    (void)unused;
    for (unsigned i = 0; i < RECORD_REFUSAL_COUNT; i++) {
        const char *const text = record_refusal_to_text((enum record_refusal)i);
        assert_non_null(text);
        assert_true(strlen(text) > 20);
        assert_null(strchr(text, '\n'));
    }
}

static void misses_stand_in_a_row(void **unused) {
    static const struct {
        const char *codes[5];
        uint32_t expected;
    } cases[] = {
        {{NULL}, 0},
        {{"AFTA"}, 1},
        {{"ATTC"}, 0},
        {{"AFTA", "UAAB"}, 2},
        {{"AFTA", "ATTC", "AFTA"}, 1},
        {{"AFTA", "ATSH", "AFTA"}, 1}, /* sent home, and yet there */
        {{"AFTA", "AAME", "AFTA"}, 2}, /* excused: passed over */
        {{"AFTA", "AFTA", "AAME"}, 2}, /* still two, whatever was excused since */
        {{"AFTA", "GONE", "AFTA"}, 2}, /* a code that the configuration lost */
        {{"UAAB", "UAAB", "UAAB", "UAAB"}, 4},
    };

    (void)unused;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        size_t count = 0;
        while (count < ARRAY_COUNT(cases[i].codes) && cases[i].codes[count] != NULL) {
            count++;
        }
        assert_int_equal(outcome_misses_in_a_row(&table, cases[i].codes, count), cases[i].expected);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_hold),
        cmocka_unit_test(edges_are_exact),
        cmocka_unit_test(nobody_waives_a_miss_alone),
        cmocka_unit_test(misses_stand_in_a_row),
        cmocka_unit_test(codes_are_found),
        cmocka_unit_test(a_move_has_the_code_of_who_asked),
        cmocka_unit_test(refusals_are_sentences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
