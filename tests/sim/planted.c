/* Proves that the laws can fail: bugs are planted by the linker (--wrap) in the engine's
 * surroundings, one at a time. Each must be caught twice: by the law that is there for it, in the
 * scenario that gives the occasion (what it EXPECTs is not looked at); and by any law in one of the
 * first 200 random histories, in one that is without fault when the bug is not there.
 *
 * Each bug runs in a process of its own, for some make the engine stumble. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cobi/ical/feed.h"
#include "cobi/store/chains.h"
#include "cobi/store/jobs.h"
#include "cobi/store/messages.h"
#include "cobi/store/sessions.h"
#include "history.h"

enum { SEEDS_MAX = 200 };

static const char *planted = "";

static bool on(const char *name) {
    return strcmp(planted, name) == 0;
}

/* clang-format off */
#define WRAP(type, function, ...) type __real_##function(__VA_ARGS__); type __wrap_##function(__VA_ARGS__); type __wrap_##function(__VA_ARGS__)
/* clang-format on */

WRAP(struct instant, kind_window_next, enum message_kind kind, const struct send_window *window,
     const struct remind_place *place, const struct hours *office, struct civil start,
     struct instant t) {
    return on("texts at night") ? t
                                : __real_kind_window_next(kind, window, place, office, start, t);
}

WRAP(int, message_attempt_begin, struct store *store, const struct message_row *row, int64_t text,
     struct instant now) {
    return on("no attempt is noted") ? 0 : __real_message_attempt_begin(store, row, text, now);
}

WRAP(int, message_update, struct store *store, const struct message_row *row,
     enum message_state from) {
    if (on("sent before it is written") && row->state == MESSAGE_SENDING) {
        return 0;
    }
    return __real_message_update(store, row, from);
}

WRAP(int, message_next, enum message_state from, enum message_event event,
     enum message_state *ret_to) {
    if (on("sent again blindly") && event == MESSAGE_GIVE_UP) {
        event = MESSAGE_REPEAT;
    }
    const int r = __real_message_next(from, event, ret_to);

    if (r == 0 && on("marked sent before sending") && event == MESSAGE_CLAIM) {
        *ret_to = MESSAGE_ACCEPTED;
    }
    return r;
}

WRAP(int, receipt_event, enum message_state state, enum receipt_report report, enum receipt_age age,
     enum message_event *ret_event) {
    return on("receipts are not heeded") ? 0 : __real_receipt_event(state, report, age, ret_event);
}

WRAP(int, task_list_owner, struct store *store, const char *owner, const char *after,
     struct task_row *ret_rows, size_t capacity) {
    return on("who leaves keeps their tasks")
               ? 0
               : __real_task_list_owner(store, owner, after, ret_rows, capacity);
}

WRAP(int, chain_begin_again, struct engine *e, const char *participant) {
    return on("the new line is not told") ? 0 : __real_chain_begin_again(e, participant);
}

WRAP(int, job_set, struct store *store, const struct job_row *row) {
    return on("no mail of the day") && row->kind == JOB_DIGEST ? 0 : __real_job_set(store, row);
}

WRAP(int, task_insert, struct store *store, struct task_row *row) {
    const bool lost = (on("nobody reads a text") && row->kind == TASK_READ_TEXT) ||
                      (on("nobody phones") && row->kind == TASK_PHONE);

    return lost ? 0 : __real_task_insert(store, row);
}

WRAP(int, message_cancel_matching, struct store *store, const struct message_filter *filter,
     const char *reason, struct instant now) {
    const bool kept = on("unlinking is forgotten") && strcmp(reason, "unlinked") == 0;

    return kept || on("a move is forgotten")
               ? 0
               : __real_message_cancel_matching(store, filter, reason, now);
}

WRAP(int, message_find, struct store *store, const char *id, struct arena *arena,
     struct message_row *ret_row) {
    const int r = __real_message_find(store, id, arena, ret_row);
    struct session_row session;

    if (r == 0 && on("a move is forgotten") && *ret_row->session &&
        session_find(store, ret_row->session, &session) == 0) {
        ret_row->revision = session.revision;
    }
    if (r == 0 && on("nothing is ever too late")) {
        ret_row->not_after = INSTANT_NEVER;
    }
    return r;
}

WRAP(int, message_insert, struct store *store, struct message_row *row) {
    const bool news = row->kind == KIND_ESCALATION || row->kind == KIND_ALARM;

    if (on("an officer is forgotten") && row->kind == KIND_OFFICER_NOTICE) {
        return 1;
    }
    if ((on("a quiet week is forgotten") && strcmp(row->topic, "no_change") == 0) ||
        (on("fourteen days are forgotten") && strcmp(row->topic, "no_attendance") == 0)) {
        return 1;
    }
    if (on("nobody is stood down") && row->kind == KIND_STAND_DOWN) {
        return 1;
    }
    if (on("a stranger is stood down") && row->kind == KIND_STAND_DOWN &&
        row->audience == AUDIENCE_SUPERVISOR) {
        struct message_row other = *row;
        (void)snprintf(other.recipient, sizeof other.recipient, "SV-3");
        const int r = __real_message_insert(store, &other);
        if (r < 0) {
            return r;
        }
    }
    return on("nobody is told") && news ? 1 : __real_message_insert(store, row);
}

WRAP(int, escalation_insert, struct store *store, struct escalation_row *row) {
    const bool lost = (on("no chain to the supervisors") && row->audience == AUDIENCE_SUPERVISOR) ||
                      (on("an advocate is forgotten") && strcmp(row->advocate, "AD-2") == 0) ||
                      (on("nobody hears of slipping") && row->kind == ESCALATION_SLIPPING) ||
                      (on("a call not made is kept quiet") &&
                       row->kind == ESCALATION_UNDELIVERABLE) ||
                      (on("a concern stays inside") && row->kind == ESCALATION_CONCERN &&
                       row->audience == AUDIENCE_ADVOCATE);

    return lost ? 0 : __real_escalation_insert(store, row);
}

WRAP(int, escalation_update, struct store *store, const struct escalation_row *row,
     enum escalation_state from, uint32_t from_generation) {
    struct escalation_row later = *row;

    if (on("a chain falls asleep") && row->wake_at.us != INSTANT_NEVER.us) {
        later.wake_at = instant_add(row->wake_at, span_days(30));
        return __real_escalation_update(store, &later, from, from_generation);
    }
    if (on("unlinking is forgotten") && row->resolved_because &&
        strcmp(row->resolved_because, "unlinked") == 0) {
        return 0;
    }
    const int r = __real_escalation_update(store, row, from, from_generation);
    const struct escalation_filter filter = {.session = row->session, .open = true};
    struct escalation_row others[8];
    struct arena arena = {0};

    if (r < 0 || !on("one acknowledgement for all") || row->state != ESCALATION_ACKNOWLEDGED) {
        return r;
    }
    const int count = escalation_list(store, &filter, "", &arena, others, ARRAY_COUNT(others));
    int result = r;

    for (int i = 0; i < count && result == 0; i++) {
        if (strcmp(others[i].id, row->id) != 0) {
            const uint32_t generation = others[i].generation++;
            result = __real_escalation_update(store, &others[i], others[i].state, generation);
        }
    }
    arena_done(&arena);
    return result;
}

WRAP(struct escalation_decision, escalation_decide, const struct escalation_policy *policy,
     struct escalation_position at, const struct working_time *work, struct instant now) {
    struct escalation_decision d = __real_escalation_decide(policy, at, work, now);

    if (on("a step waits for days") && d.move == ESCALATE_TELL) {
        d.until = instant_add(d.until, span_days(2));
    }
    return d;
}

WRAP(int, session_update, struct store *store, const struct session_row *row,
     enum session_state from_state, uint32_t from_revision) {
    struct session_row wrong = *row;

    if (on("the revision is forgotten")) {
        wrong.revision = from_revision;
    }
    if (on("a session's timer is dropped") && row->wake_at.us != INSTANT_NEVER.us) {
        wrong.wake_at = instant_add(row->wake_at, span_days(30));
    }
    if (on("corrected by one person alone") && *row->review_outcome) {
        memcpy(wrong.outcome, row->review_outcome, sizeof wrong.outcome);
    }
    return __real_session_update(store, &wrong, from_state, from_revision);
}

WRAP(int, store_next_wake, struct store *store, struct instant messages_after,
     struct instant *ret_instant) {
    const int r = __real_store_next_wake(store, messages_after, ret_instant);

    if (on("the timer is lost") && r == 0 && ret_instant->us != INSTANT_NEVER.us) {
        ret_instant->us += 3 * HOUR_US;
    }
    return r;
}

WRAP(int, template_render, const struct templates *templates, const char *name,
     enum language language, const struct disclosure *disclosure, struct arena *arena,
     struct rendered *ret_rendered, struct complaint *complaint) {
    const int r = __real_template_render(templates, name, language, disclosure, arena, ret_rendered,
                                         complaint);

    if (r == 0 && on("an advocate is named") && disclosure->audience == AUDIENCE_PARTICIPANT) {
        ret_rendered->body = arena_printf(arena, "%s Quillfeather", ret_rendered->body);
    }
    if (r == 0 && on("the programme is named") && disclosure->audience == AUDIENCE_PARTICIPANT) {
        ret_rendered->body = arena_printf(arena, "%s COBI", ret_rendered->body);
    }
    if (r == 0 && on("a repeat is not marked") && strstr(ret_rendered->body, "may be a repeat")) {
        *strstr((char *)(uintptr_t)ret_rendered->body, "may be a repeat") = '\0';
    }
    return r;
}

WRAP(int, feed_write, const struct feed_calendar *calendar, char **ret_text, size_t *ret_length) {
    struct feed_event events[200];
    struct feed_calendar shifted = *calendar;

    if (!on("a feed is an hour off") || calendar->event_count > ARRAY_COUNT(events)) {
        return __real_feed_write(calendar, ret_text, ret_length);
    }
    for (size_t i = 0; i < calendar->event_count; i++) {
        events[i] = calendar->events[i];
        events[i].start.hour++;
        events[i].start_at = instant_add(events[i].start_at, span_hours(1));
    }
    shifted.events = events;
    return __real_feed_write(&shifted, ret_text, ret_length);
}

static const struct {
    const char *bug, *law, *scenario;
} plants[] = {
    {"texts at night", "window", "quiet-hours"},
    {"no attempt is noted", "intent", "attended"},
    {"sent before it is written", "intent", "attended"},
    {"marked sent before sending", "intent", "attended"},
    {"sent again blindly", "once", "lost-answer"},
    {"a move is forgotten", "revision", "move-after-reminder"},
    {"the revision is forgotten", "revision", "move-after-reminder"},
    {"nothing is ever too late", "not_after", "outage-two-days"},
    {"nobody phones", "reaches_a_human", "one-bad-number"},
    {"an officer is forgotten", "officer_told", "apart"},
    {"a step waits for days", "step_waits", "nobody-acknowledges"},
    {"nobody is told", "a_person_learns", "acknowledgement-runs-out"},
    {"no chain to the supervisors", "miss_told", "missed-two-advocates"},
    {"an advocate is forgotten", "advocates_told", "missed-two-advocates"},
    {"one acknowledgement for all", "two_chains", "missed-two-advocates"},
    {"the timer is lost", "armed", "attended"},
    {"a session's timer is dropped", "begins", "unrecorded"},
    {"a chain falls asleep", "chain_sleeps", "nobody-acknowledges"},
    {"an advocate is named", "disclosure", "attended"},
    {"the programme is named", "words", "attended"},
    {"a repeat is not marked", "once", "lost-answer"},
    {"receipts are not heeded", "receipt", "receipt-fails-later"},
    {"nobody reads a text", "heard", "stop-by-text"},
    {"a quiet week is forgotten", "no_silence", "no-change"},
    {"fourteen days are forgotten", "no_attendance", "fourteen-days"},
    {"nobody hears of slipping", "slipping", "slipping"},
    {"a call not made is kept quiet", "unphoned", "undeliverable"},
    {"a concern stays inside", "concern", "concern"},
    {"unlinking is forgotten", "unlinked", "unlinked"},
    {"who leaves keeps their tasks", "nothing_left", "leaves-with-a-task"},
    {"the new line is not told", "line_told", "another-supervisor"},
    {"no mail of the day", "digest", "digest"},
    {"a feed is an hour off", "feed", "dst-autumn-2026"},
    {"nobody is stood down", "stood_down", "decided-acceptable"},
    {"a stranger is stood down", "stood_down", "decided-acceptable"},
    {"corrected by one person alone", "outcome_kept", "corrected"},
};

/* What the child found out. */
struct verdict {
    char law[40]; /* of the random history, or "" */
    uint64_t seed;
    bool proven; /* by the scenario and its law */
};

/* The law that is meant for the bug, where a scenario gives the occasion. */
static bool prove(struct kit *kit, size_t index) {
    struct scenario_run run = {.laws_only = true};
    struct scenario_result result;
    char file[400];

    (void)snprintf(file, sizeof file, "%s/tests/scenarios/%s.scn", kit->source,
                   plants[index].scenario);
    run.file = file;
    scenario_run(kit, &run, &result);
    if (strcmp(result.law, plants[index].law) == 0) {
        return true;
    }
    printf("# %s: law \"%s\", not \"%s\": %s\n", plants[index].scenario, result.law,
           plants[index].law, result.passed ? "everything passed" : result.why);
    (void)fflush(stdout); /* the process ends at once */
    return false;
}

static void live(struct kit *kit, uint64_t seed, struct history_result *ret_result) {
    struct story *story = calloc(1, sizeof *story);

    if (!story) {
        abort();
    }
    history_live(kit, seed, story, ret_result);
    story_done(story);
    free(story);
}

/* Any law, in a random history. */
static void seek(struct kit *kit, struct verdict *verdict) {
    struct history_result result = {0};

    for (uint64_t seed = 1; seed <= SEEDS_MAX && !*result.law; seed++) {
        live(kit, seed, &result);
        verdict->seed = seed;
    }
    memcpy(verdict->law, result.law, sizeof verdict->law);
}

static void judge(const char *source, size_t index, int answer) {
    struct verdict verdict = {0};
    struct kit kit;

    planted = plants[index].bug;
    kit_open(&kit, source);
    verdict.proven = prove(&kit, index);
    seek(&kit, &verdict);
    kit_close(&kit);
    if (write(answer, &verdict, sizeof verdict) != (ssize_t)sizeof verdict) {
        _exit(1);
    }
    _exit(0);
}

/* Runs the judge in a child. False when it died before it could say anything. */
static bool ask(const char *source, size_t index, struct verdict *ret_verdict) {
    int ends[2], status = 1;

    (void)fflush(stdout); /* what is buffered would be printed twice */
    if (pipe(ends) < 0) {
        abort();
    }
    const pid_t child = fork();

    if (child == 0) {
        judge(source, index, ends[1]);
    }
    (void)close(ends[1]); /* the child's end */
    const bool told = child > 0 &&
                      read(ends[0], ret_verdict, sizeof *ret_verdict) == sizeof *ret_verdict;
    (void)close(ends[0]); /* read from only */
    return waitpid(child, &status, 0) == child && told;
}

/* Is the history without fault when no bug is planted? Looked at once for each seed. */
static bool clean(struct kit *kit, uint64_t seed) {
    static signed char known[SEEDS_MAX + 1];
    struct history_result result;

    if (known[seed] == 0) {
        live(kit, seed, &result);
        known[seed] = *result.law ? -1 : 1;
        if (*result.law) {
            printf("# seed %llu fails without a bug: %s\n", (unsigned long long)seed, result.why);
        }
    }
    return known[seed] > 0;
}

int main(void) {
    const char *given = getenv("top_srcdir"), *source = given ? given : ".";
    bool all = true;

    log_set_level((enum log_level)0);
    printf("1..%zu\n", ARRAY_COUNT(plants));
    for (size_t i = 0; i < ARRAY_COUNT(plants); i++) {
        struct verdict verdict = {0};
        struct kit kit;
        bool good = ask(source, i, &verdict) && verdict.proven && *verdict.law;

        if (good) {
            kit_open(&kit, source);
            good = clean(&kit, verdict.seed);
            kit_close(&kit);
        }
        printf("%s %zu - bug \"%s\": law \"%s\" in %s.scn; law \"%s\" at seed %llu\n",
               good ? "ok" : "not ok", i + 1, plants[i].bug, plants[i].law, plants[i].scenario,
               verdict.law, (unsigned long long)verdict.seed);
        all &= good;
    }
    return all ? 0 : 1;
}
