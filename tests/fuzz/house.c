/* house: the state of house.h, kept in memory and copied back over the database whenever an input
 * changed it; then the engine starts anew, for it remembers gateways and what is under way. */
#include "house.h"

#include "cobi/base/gsm.h"
#include "cobi/base/text.h"
#include "cobi/rules/disclose.h"

enum { ROUNDS_MAX = 5000, WAKES_MAX = 2000 };

static struct {
    sqlite3 *database; /* in memory */
    struct instant now;
    uint64_t random;
    int version; /* of the file, as the witness saw it last */
    bool touched;
} first;

static void copy_database(sqlite3 *to, sqlite3 *from) {
    sqlite3_backup *backup = sqlite3_backup_init(to, "main", from, "main");

    FUZZ_CHECK(backup != NULL);
    FUZZ_CHECK(sqlite3_backup_step(backup, -1) == SQLITE_DONE);
    FUZZ_CHECK(sqlite3_backup_finish(backup) == SQLITE_OK);
}

static void forget_sent(void) {
    for (size_t i = 0; i < w.sent_count; i++) {
        free(w.sent[i].to);
        free(w.sent[i].subject);
        free(w.sent[i].body);
        free(w.sent[i].from);
        free(w.sent[i].reference);
        free(w.sent[i].thread_id);
    }
    w.sent_count = w.answered_count = 0;
}

static void build(void) {
    log_set_level((enum log_level)0); /* what is set aside is said each time */
    world_open(NULL, NULL);
    world_cast();
    do_("participant add P-2 --programme cobi-12 --route licence --practitioner PR-1 --office O-1 "
        "--name 'Gus Other' --mobile '07700 900002'");
    do_("advocate link ADV-1 --participant P-1 --case-ref H-123");
    plan("P-1");
    plan("P-2");
    do_("feed create --practitioner PR-1");
    house_live(span_days(9)); /* nobody recorded anything: chains, tasks, reminders */
    FUZZ_CHECK(sqlite3_open(":memory:", &first.database) == SQLITE_OK);
    copy_database(first.database, w.witness);
    first.now = w.now;
    first.random = w.random;
}

void house_enter(void) {
    if (first.database == NULL) {
        build();
    } else if (!first.touched) {
        return;
    } else {
        copy_database(w.witness, first.database);
    }
    w.now = first.now;
    w.random = first.random;
    world_restart();
    house_run();
    forget_sent();
    (void)house_changed(); /* what it took to come here does not count */
    first.touched = false;
}

bool house_changed(void) {
    int version = sql_int("PRAGMA data_version");
    bool changed = version != first.version;

    first.version = version;
    first.touched = first.touched || changed;
    return changed;
}

void house_run(void) {
    int r = 1;

    for (int round = 0; r > 0; round++) {
        r = engine_tick(w.engine);
        FUZZ_CHECK(r >= 0 && round < ROUNDS_MAX);
        while (w.answered_count < w.sent_count) {
            answer(&w.sent[w.answered_count++], OUTCOME_ACCEPTED);
            r = 1;
        }
    }
    FUZZ_CHECK(instant_cmp(w.wake, w.now) > 0);
}

void house_live(struct span span) {
    struct instant target = instant_add(w.now, span);

    house_run();
    for (int wakes = 0; instant_cmp(w.wake, target) <= 0; wakes++) {
        FUZZ_CHECK(wakes < WAKES_MAX);
        w.now = w.wake;
        house_run();
    }
    w.now = target;
    house_run();
}

static void check_participant(const struct sent *s) {
    struct gsm_size size;

    FUZZ_CHECK(disclose_find_word(s->subject, NULL) == -1);
    FUZZ_CHECK(disclose_find_word(s->body, NULL) == -1);
    FUZZ_CHECK(strstr(s->body, "://") == NULL);
    if (s->channel == CHANNEL_SMS) {
        FUZZ_CHECK(gsm_measure(s->body, &size) == 0 && size.parts <= 3);
    }
}

void house_check_sent(void) {
    for (size_t i = 0; i < w.sent_count; i++) {
        const struct sent *s = &w.sent[i];

        FUZZ_CHECK(s->subject[0] == '\0' ||
                   text_check(s->subject, strlen(s->subject), 998) == TEXT_FINE);
        FUZZ_CHECK(strpbrk(s->to, "\r\n ,;") == NULL);
        for (const char *p = s->body; *p != '\0'; p++) {
            FUZZ_CHECK((unsigned char)*p >= 0x20 || *p == '\n');
        }
        if (s->audience == AUDIENCE_PARTICIPANT) {
            check_participant(s);
        }
    }
}

void house_touch(void) {
    first.touched = true;
}
