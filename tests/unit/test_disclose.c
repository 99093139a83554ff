/* Who may be told what, cell by cell, and the words that no participant may see. */
#include "rules_world.h"

#include <errno.h>

#include "cobi/rules/disclose.h"
#include "seed.h"

static const char *const class_letters = "scprtdaAOlyk"; /* in the order of enum fact_class */

/* s schedule, c contact, p personal, r reference, t status, d past date, a staff, A advocate's case
 * reference, O officer's reference, l link, y system, k caseload. Every class that is not named is
 * refused. */
static const struct allow_row {
    enum audience audience;
    enum channel channel;
    const char *allowed;
} allow_rows[] = {
    {AUDIENCE_PARTICIPANT, CHANNEL_SMS, "scp"}, {AUDIENCE_PARTICIPANT, CHANNEL_EMAIL, "scp"},
    {AUDIENCE_PRACTITIONER, CHANNEL_SMS, "cr"}, {AUDIENCE_PRACTITIONER, CHANNEL_EMAIL, "scrdalk"},
    {AUDIENCE_SUPERVISOR, CHANNEL_SMS, "cr"},   {AUDIENCE_SUPERVISOR, CHANNEL_EMAIL, "crtdal"},
    {AUDIENCE_ADVOCATE, CHANNEL_SMS, ""},       {AUDIENCE_ADVOCATE, CHANNEL_EMAIL, "ctAl"},
    {AUDIENCE_OFFICER, CHANNEL_SMS, ""},        {AUDIENCE_OFFICER, CHANNEL_EMAIL, "ctdO"},
    {AUDIENCE_OPERATOR, CHANNEL_SMS, ""},       {AUDIENCE_OPERATOR, CHANNEL_EMAIL, "cry"},
};

static void every_cell_is_as_written(void **unused) {
    (void)unused;
    assert_int_equal(ARRAY_COUNT(allow_rows), AUDIENCE_COUNT * CHANNEL_COUNT);
    assert_int_equal(strlen(class_letters), FACT_CLASS_COUNT);
    for (size_t i = 0; i < ARRAY_COUNT(allow_rows); i++) {
        const struct allow_row *const row = &allow_rows[i];
        for (unsigned class = 0; class < FACT_CLASS_COUNT; class ++) {
            const bool expected = strchr(row->allowed, class_letters[class]) != NULL;
            const bool got = disclose_allowed(row->audience, row->channel, (enum fact_class) class);
            if (got != expected) {
                fail_msg("%s by %s, class %c: %s", audience_to_text(row->audience),
                         channel_to_text(row->channel), class_letters[class],
                         got ? "told" : "refused");
            }
        }
    }
}

/* The facts that must never reach somebody, by name: a fact moved to another class by mistake shows
 * here. */
static const struct never_row {
    const char *fact;
    enum audience audience;
} never_rows[] = {
    {"digest_today", AUDIENCE_PARTICIPANT},
    {"digest_today", AUDIENCE_ADVOCATE},
    {"digest_overdue", AUDIENCE_PARTICIPANT},
    {"digest_overdue", AUDIENCE_OFFICER},
    {"digest_tasks", AUDIENCE_PARTICIPANT},
    {"digest_tasks", AUDIENCE_ADVOCATE},
    {"case_ref", AUDIENCE_PARTICIPANT},
    {"case_ref", AUDIENCE_PRACTITIONER},
    {"case_ref", AUDIENCE_SUPERVISOR},
    {"case_ref", AUDIENCE_OFFICER},
    {"case_ref", AUDIENCE_OPERATOR},
    {"officer_ref", AUDIENCE_PARTICIPANT},
    {"officer_ref", AUDIENCE_PRACTITIONER},
    {"officer_ref", AUDIENCE_ADVOCATE},
    {"session_number", AUDIENCE_PARTICIPANT},
    {"session_count", AUDIENCE_PARTICIPANT},
    {"session_id", AUDIENCE_PARTICIPANT},
    {"reference", AUDIENCE_PARTICIPANT},
    {"practitioner_name", AUDIENCE_PARTICIPANT},
    {"supervisor_name", AUDIENCE_PARTICIPANT},
    {"status", AUDIENCE_PARTICIPANT},
    {"status_note", AUDIENCE_PARTICIPANT},
    {"ack_link", AUDIENCE_PARTICIPANT},
    {"ack_code", AUDIENCE_PARTICIPANT},
    {"past_date", AUDIENCE_PARTICIPANT},
    {"alarm", AUDIENCE_PARTICIPANT},
    {"date", AUDIENCE_ADVOCATE},
    {"time", AUDIENCE_ADVOCATE},
    {"weekday", AUDIENCE_ADVOCATE},
    {"all_dates", AUDIENCE_ADVOCATE},
    {"old_date", AUDIENCE_ADVOCATE},
    {"past_date", AUDIENCE_ADVOCATE},
    {"due_by", AUDIENCE_ADVOCATE},
    {"place", AUDIENCE_ADVOCATE},
    {"first_name", AUDIENCE_ADVOCATE},
    {"reference", AUDIENCE_ADVOCATE},
    {"practitioner_name", AUDIENCE_ADVOCATE},
    {"supervisor_name", AUDIENCE_ADVOCATE},
    {"date", AUDIENCE_OFFICER},
    {"first_name", AUDIENCE_OFFICER},
    {"first_name", AUDIENCE_SUPERVISOR},
    {"first_name", AUDIENCE_OPERATOR},
    {"first_name", AUDIENCE_PRACTITIONER},
    {"place", AUDIENCE_OPERATOR},
};

static void some_facts_never_reach_some_people(void **unused) {
    (void)unused;
    for (size_t i = 0; i < ARRAY_COUNT(never_rows); i++) {
        enum fact fact = FACT_end_;
        assert_int_equal(fact_from_text(never_rows[i].fact, &fact), 0);
        for (unsigned channel = 0; channel < CHANNEL_COUNT; channel++) {
            if (disclose_allowed(never_rows[i].audience, (enum channel)channel,
                                 fact_rows[fact].class)) {
                fail_msg("%s is told to the %s", never_rows[i].fact,
                         audience_to_text(never_rows[i].audience));
            }
        }
    }
}

/* No class is for the participant and for the advocate, but the office's number. */
static void two_sides_share_nothing(void **unused) {
    (void)unused;
    for (unsigned class = 0; class < FACT_CLASS_COUNT; class ++) {
        const bool participant = disclose_allowed(AUDIENCE_PARTICIPANT, CHANNEL_EMAIL,
                                                  (enum fact_class) class);
        const bool advocate = disclose_allowed(AUDIENCE_ADVOCATE, CHANNEL_EMAIL,
                                               (enum fact_class) class);
        assert_int_equal(participant && advocate, class == CLASS_CONTACT);
    }
}

static void facts_are_whole(void **unused) {
    enum fact fact = FACT_end_;

    (void)unused;
    for (unsigned i = 0; i < FACT_COUNT; i++) {
        assert_non_null(fact_rows[i].name);
        assert_true(strlen(fact_rows[i].meaning) > 0);
        assert_true(strlen(fact_rows[i].sample) > 0);
        assert_true((unsigned)fact_rows[i].class < FACT_CLASS_COUNT);
        assert_int_equal(fact_from_text(fact_rows[i].name, &fact), 0);
        assert_int_equal(fact, i); /* names are unique, rows in order */
        if (disclose_allowed(AUDIENCE_PARTICIPANT, CHANNEL_EMAIL, fact_rows[i].class)) {
            assert_int_equal(disclose_find_word(fact_rows[i].sample, NULL), -1);
        }
    }
    assert_int_equal(fact_from_text("victim_name", &fact), -ENOENT);
    assert_int_equal(fact_from_text("end_", &fact), -ENOENT);
    assert_int_equal(fact_from_text("", &fact), -ENOENT);
    assert_int_equal(fact_from_text(NULL, &fact), -ENOENT);
}

static const struct word_row {
    const char *text;
    int offset; /* -1: clean */
    size_t length;
} word_rows[] = {
    {"cobi", 0, 4},
    {"COBI", 0, 4},
    {"Cobi's", 0, 4},
    {"cobid", 0, 5},
    {"cobid_1", 0, 5},
    {"www.cobi-x.example", 4, 4},
    {"my_cobi_host", 3, 4},
    {"12cobi34", 2, 4},
    {"stalk", 0, 5},
    {"Stalking", 0, 8},
    {"anti-stalking", 5, 8},
    {"dbt", 0, 3},
    {"(DBT)", 1, 3},
    {"dbt2", 0, 3},
    {"therapy", 0, 7},
    {"Therapists", 0, 10},
    {"physio therapeutic", 7, 11},
    {"the probation office", 4, 9},
    {"ProBation.", 0, 9},
    {"court", 0, 5},
    {"Courts", 0, 6},
    {"Court House", 0, 5},
    {"at North Street, Crown Court", 23, 5},
    {"court\n", 0, 5},
    {"a\tcourt", 2, 5},
    {"_court_", 1, 5},
    {"victim", 0, 6},
    {"VICTIMS", 0, 7},
    {"victim's", 0, 6},
    {"spo", 0, 3},
    {"SPO-2026-1", 0, 3},
    {"spo.", 0, 3},
    {"spo_manager", 0, 3},
    {"x spo", 2, 3},
    {"\xc3\xa9"
     "court",
     2, 5}, /* an accented letter hides nothing */
    {"court\xc3\xa9", 0, 5},
    {"\xe2\x80\x9c"
     "court\xe2\x80\x9d",
     3, 5}, /* curly quotes */
    {"\xc5\xbf"
     "po",
     0, 4}, /* long s */
    {"V\xc4\xb1"
     "ctim",
     0, 7}, /* dotless i */
    {"stal\xe2\x84\xaa"
     "er",
     0, 9},                   /* Kelvin sign */
    {"\xff\xfe court", 3, 5}, /* not UTF-8 at all */
    {"spo\xc4\xb1", 0, 3},    /* and to a reader who knows no dotless i */
    {"first court then victim", 6, 5},
    /* in Welsh */
    {"Gwasanaeth Prawf", 11, 5},
    {"swyddog BRAWF", 8, 5},
    {"i'r Llys", 4, 4},
    {"o lys yr ynadon", 2, 3},
    {"stelcian", 0, 8},
    {"y ddioddefwraig", 2, 13},
    {"fy nioddefwr", 3, 9},
    {"therapi", 0, 7},
    /* clean */
    {"", -1, 0},
    {" ", -1, 0},
    {"courtesy", -1, 0},
    {"llysiau", -1, 0},
    {"profi", -1, 0},
    {"dioddef", -1, 0},
    {"courtyard", -1, 0},
    {"Courtney", -1, 0},
    {"Harcourt", -1, 0},
    {"response", -1, 0},
    {"sports", -1, 0},
    {"spot", -1, 0},
    {"dispose", -1, 0},
    {"jacobi", -1, 0},
    {"beanstalk", -1, 0},
    {"dbts", -1, 0},
    {"redbt", -1, 0},
    {"physiotherapy", -1, 0},
    {"probationer", -1, 0},
    {"probations", -1, 0},
    {"approbation", -1, 0},
    {"victimise", -1, 0},
    {"cob i", -1, 0},
    {"co-bi", -1, 0},
    {"thera pist", -1, 0},
    {"courtcourtcourtcourtcourtcourt", -1, 0}, /* longer than any word */
    {"Reminder: your appointment is on Tue 24 Nov at 2pm. To change it call 020 7946 0000.", -1, 0},
    {"Apwyntiad dydd Mawrth 24 Tachwedd am 2pm, \xc5\xb5 \xc5\xb7 \xc3\xa2", -1, 0},
};

static void words_are_found(void **unused) {
    (void)unused;
    for (size_t i = 0; i < ARRAY_COUNT(word_rows); i++) {
        size_t length = 0;
        const int offset = disclose_find_word(word_rows[i].text, &length);
        if (offset != word_rows[i].offset || length != word_rows[i].length) {
            fail_msg("\"%s\": found at %d, %zu long; expected %d, %zu", word_rows[i].text, offset,
                     length, word_rows[i].offset, word_rows[i].length);
        }
        assert_int_equal(disclose_find_word(word_rows[i].text, NULL), offset);
    }
}

/* Any listed word, in any case, between any bytes that are no letters, is found where it is. */
static void nothing_hides_a_word(void **unused) {
    static const char *const samples[] = {"cobi",      "cobid",     "stalker", "dbt",
                                          "therapist", "probation", "court",   "courts",
                                          "victim",    "victims",   "spo"};
    static const char parting[] = " _-.,:;/@#\n\t0123456789()'\"\x01\x80\xbf\xfe";
    uint64_t seed = seed_init("disclose");

    (void)unused;
    for (int round = 0; round < 20000; round++) {
        char text[64] = {0};
        size_t length = 0, found_length = 0;
        const size_t before = (size_t)seed_between(&seed, 0, 12);
        while (length < before) {
            text[length++] = parting[seed_between(&seed, 0, (int64_t)sizeof parting - 2)];
        }
        const char *const word = samples[seed_between(&seed, 0, ARRAY_COUNT(samples) - 1)];
        for (size_t i = 0; word[i] != '\0'; i++) {
            text[length++] = (char)(word[i] - (seed_between(&seed, 0, 1) == 0 ? 32 : 0));
        }
        if (seed_between(&seed, 0, 1) == 0) {
            text[length++] = parting[seed_between(&seed, 0, (int64_t)sizeof parting - 2)];
        }
        assert_int_equal(disclose_find_word(text, &found_length), before);
        assert_int_equal(found_length, strlen(word));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cell_is_as_written),
        cmocka_unit_test(some_facts_never_reach_some_people),
        cmocka_unit_test(two_sides_share_nothing),
        cmocka_unit_test(facts_are_whole),
        cmocka_unit_test(words_are_found),
        cmocka_unit_test(nothing_hides_a_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
