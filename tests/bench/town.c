/* The town of town.h. One transaction for each of its parts, without waiting for the disk: only
 * what is measured afterwards has to be durable. */
#include "town.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SESSIONS_EACH  12
#define SESSIONS_A_DAY 8
#define WEEK_US        (7 * DAY_US)
#define STARTS_A_DAY                                                                               \
    480 /* one a minute: reminders are of so many sessions for each practitioner                   \
         */
#define REMINDED_NUMBER 6

void town_must(int r, const char *what) {
    if (r < 0) {
        (void)fprintf(stderr, "bench: %s: %s\n", what, strerror(-r));
        exit(1);
    }
}

void town_open(struct town *town, const char *folder) {
    char file[4096], key_file[4096];
    unsigned char key[STORE_KEY_BYTES];
    struct complaint complaint = {0};
    struct timespec now;
    struct text f = TEXT_IN(file), k = TEXT_IN(key_file);

    *town = (struct town){0};
    text_addf(&f, "%s/cobid.db", folder);
    text_addf(&k, "%s/key", folder);
    town_must(f.overflow || k.overflow ? -ENAMETOOLONG : 0, "the folder");
    town_must(clock_gettime(CLOCK_REALTIME, &now), "the clock");
    town->now = (struct instant){now.tv_sec * SECOND_US};
    town_must(store_key_load(key_file, true, key, &complaint), complaint.text);
    town_must(store_open(file, key, &town->store, &complaint), complaint.text);
    store_set_volatile(town->store);
    town_must(zones_open(&town->zones), "zones");
    town->zone = zones_find(town->zones, "Europe/London");
    town_must(town->zone ? 0 : -ENODATA, "Europe/London");
}

void town_close(struct town *town) {
    store_close(town->store);
    zones_free(town->zones);
    arena_done(&town->arena);
}

static void begin(struct town *town) {
    arena_reset(&town->arena);
    town_must(store_begin(town->store), "a transaction");
}

static void commit(struct town *town) {
    town_must(store_commit(town->store), "a commit");
}

/* ---- people ---- */

struct value {
    const char *field, *value;
};

static void add_person(struct town *town, enum noun noun, const char *id,
                       const struct value *values, size_t count) {
    struct noun_row row = {.noun = noun};

    town_must(text_copy(row.id, sizeof row.id, id), id);
    for (size_t i = 0; i < noun_tables[noun].field_count; i++) {
        const char *standard = noun_tables[noun].fields[i].standard;
        row.values[i] = standard ? standard : "";
    }
    for (size_t i = 0; i < count; i++) {
        row.values[noun_find_field(noun, values[i].field) - noun_tables[noun].fields] =
            values[i].value;
    }
    town_must(noun_insert(town->store, &row), id);
}

static void add_practitioner(struct town *town, const char *id) {
    const char *email = arena_printf(&town->arena, "%s@staff.example", id);
    const struct value values[] = {{"name", "Ada Worker"},
                                   {"email", email},
                                   {"office", TOWN_OFFICE},
                                   {"hours", "Mon-Fri 09:00-17:00"},
                                   {"supervisor", "lead"}};

    add_person(town, NOUN_PRACTITIONER, id, values, ARRAY_COUNT(values));
}

static void add_participant(struct town *town, const char *id, const char *practitioner,
                            const char *mobile) {
    const struct value values[] = {{"programme", "cobi-12"},       {"route", "voluntary"},
                                   {"practitioner", practitioner}, {"office", TOWN_OFFICE},
                                   {"name", "Pat Participant"},    {"mobile", mobile}};

    add_person(town, NOUN_PARTICIPANT, id, values, ARRAY_COUNT(values));
}

static void activate(struct town *town, const char *id, struct instant since) {
    const struct participant_state_row state = {
        .state = PARTICIPANT_ACTIVE,
        .plan_start = civil_utc(since).date,
        .window_end = date_add_days(civil_utc(since).date, 92),
        .changed_at = since,
        .started = true,
        .week_told = civil_utc(town->now).date,
        .wake_at = {town->now.us + 7 * DAY_US}}; /* looked at already, as they nearly always are */

    town_must(participant_state_update(town->store, id, &state), id);
}

void town_add_staff(struct town *town) {
    static const struct value office[] = {{"name", "North Street"},
                                          {"address", "1 North Street, Leeds"},
                                          {"phone", "+441134960000"},
                                          {"rooms", "0"}};
    static const struct value lead[] = {{"name", "Lee Lead"}, {"email", "lead@staff.example"}};

    begin(town);
    add_person(town, NOUN_OFFICE, TOWN_OFFICE, office, ARRAY_COUNT(office));
    add_person(town, NOUN_SUPERVISOR, "lead", lead, ARRAY_COUNT(lead));
    add_practitioner(town, TOWN_PRACTITIONER);
    add_participant(town, TOWN_PARTICIPANT, TOWN_PRACTITIONER, "+447700900999");
    commit(town);
}

/* ---- sessions ---- */

static struct instant midnight(struct instant t) {
    return (struct instant){t.us - t.us % DAY_US};
}

/* A planned one wakes at its start; its reminders are dealt with. */
static void add_session(struct town *town, const char *participant, const char *practitioner,
                        uint32_t number, struct instant start) {
    const bool past = instant_cmp(start, town->now) < 0;
    const char *key = arena_printf(&town->arena, "%s/%u", participant, number);
    struct session_row s = {.number = number,
                            .of = SESSIONS_EACH,
                            .attempt = 1,
                            .module = "mindfulness",
                            .start_at = start,
                            .zone = "Europe/London",
                            .minutes = 60,
                            .mode = "in_person",
                            .revised_at = {town->now.us - 90 * DAY_US},
                            .state = past ? SESSION_RECORDED : SESSION_PLANNED,
                            .outcome = "",
                            .steps_done = 3,
                            .wake_at = past ? INSTANT_NEVER : start};

    s.start = zone_civil(town->zone, start);
    store_derive_id(town->store, "S", key, 10, s.id);
    store_derive_uuid(town->store, key, s.uid);
    town_must(text_copy(s.participant, sizeof s.participant, participant), participant);
    town_must(text_copy(s.practitioner, sizeof s.practitioner, practitioner), practitioner);
    town_must(text_copy(s.office, sizeof s.office, TOWN_OFFICE), TOWN_OFFICE);
    town_must(text_copy(s.outcome, sizeof s.outcome, past ? "ATTC" : ""), "outcome");
    town_must(session_insert(town->store, &s), "a session");
}

void town_add_calendar(struct town *town, uint32_t count) {
    struct instant day = midnight(town->now);
    char id[ID_SIZE];

    begin(town);
    for (uint32_t i = 0; i < count; i++) {
        if (i % SESSIONS_A_DAY == 0) {
            do {
                day.us += DAY_US;
            } while (date_weekday(civil_utc(day).date) >= SATURDAY);
        }
        (void)snprintf(id, sizeof id, "P-%u", i / SESSIONS_EACH);
        if (i % SESSIONS_EACH == 0) {
            add_participant(town, id, TOWN_PRACTITIONER,
                            arena_printf(&town->arena, "+4477009%05u", i / SESSIONS_EACH));
            activate(town, id, town->now);
        }
        add_session(town, id, TOWN_PRACTITIONER, i % SESSIONS_EACH + 1,
                    (struct instant){day.us + (9 + i % SESSIONS_A_DAY) * HOUR_US});
    }
    commit(town);
}

/* ---- feeds and messages ---- */

void town_add_feed(struct town *town, char ret_token[TOWN_TOKEN_SIZE]) {
    struct feed_row row = {.id = "F-bench",
                           .owner_kind = "practitioner",
                           .owner = TOWN_PRACTITIONER,
                           .created_at = town->now};
    unsigned char secret[32];
    char hash[STORE_HASH_SIZE];

    store_derive_secret(town->store, "bench", "feed", secret);
    base64url_encode(secret, sizeof secret, ret_token);
    store_hash(town->store, "feed", ret_token, hash);
    begin(town);
    town_must(feed_insert(town->store, &row, hash), "a feed");
    commit(town);
}

static void add_reminder(struct town *town, const char *participant, const char *session) {
    struct message_row m = {.kind = KIND_REMINDER,
                            .audience = AUDIENCE_PARTICIPANT,
                            .channel = CHANNEL_SMS,
                            .step = 1,
                            .state = MESSAGE_QUEUED,
                            .created_at = town->now,
                            .due = town->now,
                            .not_after = {town->now.us + 12 * HOUR_US},
                            .wake_at = town->now};

    town_must(text_copy(m.recipient, sizeof m.recipient, participant), participant);
    town_must(text_copy(m.participant, sizeof m.participant, participant), participant);
    town_must(text_copy(m.session, sizeof m.session, session), session);
    town_must(message_insert(town->store, &m), "a reminder");
}

static void add_reminded(struct town *town, uint32_t i) {
    const struct instant tomorrow = {midnight(town->now).us + DAY_US +
                                     (i % STARTS_A_DAY) * MINUTE_US + 12 * HOUR_US};
    char id[ID_SIZE], practitioner[ID_SIZE], session[ID_SIZE];

    (void)snprintf(id, sizeof id, "R-%u", i);
    (void)snprintf(practitioner, sizeof practitioner, "W-%u", i / STARTS_A_DAY);
    if (i % STARTS_A_DAY == 0) {
        add_practitioner(town, practitioner);
    }
    add_participant(town, id, practitioner, arena_printf(&town->arena, "+4478%08u", i));
    activate(town, id, town->now);
    for (uint32_t number = 1; number <= SESSIONS_EACH; number++) {
        add_session(town, id, practitioner, number,
                    (struct instant){tomorrow.us + ((int64_t)number - REMINDED_NUMBER) * WEEK_US});
    }
    store_derive_id(town->store, "S", arena_printf(&town->arena, "%s/%u", id, REMINDED_NUMBER), 10,
                    session);
    add_reminder(town, id, session);
}

void town_add_reminders(struct town *town, uint32_t count) {
    begin(town);
    for (uint32_t i = 0; i < count; i++) {
        add_reminded(town, i);
    }
    commit(town);
}
