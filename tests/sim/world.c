/* The world outside: gateways with a character each, and a log of what every person really
 * received.
 *
 * A gateway takes a message, or not, at the moment of hand-over; its answer comes later, or not at
 * all when the daemon dies in between. Whether a message was taken never depends on whether its
 * answer arrives: that is the whole difficulty. */
#include "sim.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    bool takes;
    enum outcome_class answer;
    const char *detail;
} characters[CHARACTER_COUNT] = {
    [HONEST] = {"honest", true, OUTCOME_ACCEPTED, "200"},
    [SLOW] = {"slow", true, OUTCOME_ACCEPTED, "200"},
    [REFUSES] = {"refuses", false, OUTCOME_REFUSED_RECIPIENT, "550 5.1.1"},
    [REJECTS] = {"rejects", false, OUTCOME_REFUSED_REQUEST, "400"},
    [BUSY] = {"busy", false, OUTCOME_TRANSIENT, "429"},
    [DOWN] = {"down", false, OUTCOME_GATEWAY_DOWN, "refused"},
    [CLOSED] = {"closed", false, OUTCOME_GATEWAY_DOWN, ""},
    [LOSES_ANSWERS] = {"loses-answers", true, OUTCOME_UNCERTAIN, "timeout"},
    [LOSES_MESSAGES] = {"loses-messages", false, OUTCOME_UNCERTAIN, "timeout"},
    [CONFIRMS] = {"confirms", true, OUTCOME_ACCEPTED, "200"},
    [REPEATS_RECEIPTS] = {"repeats-receipts", true, OUTCOME_ACCEPTED, "200"},
    [FAILS_LATER] = {"fails-later", true, OUTCOME_ACCEPTED, "200"},
    [MOODY] = {"moody", false, OUTCOME_UNCERTAIN, ""},
};

const char *character_to_text(enum character character) {
    return characters[character].name;
}

int character_from_text(const char *text, enum character *ret_character) {
    for (unsigned i = 0; i < CHARACTER_COUNT; i++) {
        if (strcmp(characters[i].name, text) == 0) {
            *ret_character = (enum character)i;
            return 0;
        }
    }
    return -EINVAL;
}

/* Whole outages are counted, those of a day and longer. */
static void note_death(struct sim *sim, uint32_t gateway, enum character character) {
    struct instant *from = &sim->dead_from[gateway];
    const int64_t lasted = from->us != 0 ? sim->clock.us - from->us : 0;

    if (characters[character].takes || character == MOODY) {
        sim->dead.us += lasted >= DAY_US ? lasted : 0;
        from->us = 0;
    } else if (from->us == 0) {
        *from = sim->clock;
    }
}

void world_set(struct sim *sim, const char *gateway, enum character character, struct span delay,
               uint64_t mood) {
    for (uint32_t i = 0; i < sim->kit->config->gateway_count; i++) {
        if (!gateway || strcmp(gateway, sim->kit->config->gateways[i].name) == 0) {
            note_death(sim, i, character);
            sim->characters[i] = character;
            sim->delays[i] = delay;
            sim->moods[i] = mood;
        }
    }
}

static size_t gateway_index(const struct sim *sim, const char *gateway) {
    size_t i = 0;

    while (i < sim->kit->config->gateway_count &&
           strcmp(gateway, sim->kit->config->gateways[i].name) != 0) {
        i++;
    }
    return i;
}

static char *copy(const char *text) {
    char *made = strdup(text ? text : "");

    if (!made) {
        abort();
    }
    return made;
}

static void digest(uint64_t *state, const void *bytes, size_t length) {
    const unsigned char *p = bytes;

    for (size_t i = 0; i < length; i++) { /* FNV-1a */
        *state = (*state ^ p[i]) * UINT64_C(0x100000001b3);
    }
}

static void read_text(sqlite3_stmt *row, int column, char *buffer, size_t capacity) {
    (void)snprintf(
        buffer, capacity, "%s",
        (const char *)sqlite3_column_text(row, column)); /* columns are NOT NULL and bounded */
}

/* What the message is about, from the committed row. */
static void describe(struct sim *sim, struct parcel *p) {
    sqlite3_stmt *row = witness_ask(
        sim,
        "SELECT recipient,session,escalation,topic,revision,step,ordinal FROM message WHERE id=?");

    (void)sqlite3_bind_text(row, 1, p->message_id, -1, SQLITE_TRANSIENT); /* memory only */
    if (sqlite3_step(row) == SQLITE_ROW) {
        read_text(row, 0, p->recipient, sizeof p->recipient);
        read_text(row, 1, p->session, sizeof p->session);
        read_text(row, 2, p->escalation, sizeof p->escalation);
        read_text(row, 3, p->topic, sizeof p->topic);
        p->revision = (uint32_t)sqlite3_column_int(row, 4);
        p->step = (uint32_t)sqlite3_column_int(row, 5);
        p->ordinal = (uint32_t)sqlite3_column_int(row, 6);
    }
    witness_done(row);
}

/* A reminder lies with all of its session, anything else with all of its message. */
static uint32_t *parcel_list(struct sim *sim, const struct parcel *p) {
    const char *key = p->kind == KIND_REMINDER ? p->session : p->message_id;
    uint64_t noise = UINT64_C(0xcbf29ce484222325);

    digest(&noise, key, strlen(key));
    return &sim->parcel_lists[(noise ^ noise >> 32) % PARCEL_LISTS];
}

static struct parcel *record(struct sim *sim, const struct outgoing *message) {
    if (sim->parcel_count == sim_most(sim, PARCELS_MAX)) {
        law_broken(sim, "storm", "%zu messages were received in one run", sim->parcel_count);
        return NULL;
    }
    struct parcel *p = &sim->parcels[sim->parcel_count++];

    *p = (struct parcel){.attempt = message->attempt,
                         .kind = message->kind,
                         .audience = message->audience,
                         .channel = message->channel,
                         .at = sim->clock,
                         .to = copy(message->to),
                         .subject = copy(message->subject),
                         .body = copy(message->body)};
    memcpy(p->message_id, message->message_id, sizeof p->message_id);
    describe(sim, p);
    uint32_t *last = parcel_list(sim, p);

    p->next = *last;
    *last = (uint32_t)sim->parcel_count;
    return p;
}

/* Every byte and moment of what is handed over for an audience, whatever becomes of it. */
static void digest_handed(struct sim *sim, const struct outgoing *message) {
    const char *const texts[] = {message->message_id, message->gateway,   message->reference,
                                 message->mail_id,    message->thread_id, message->to,
                                 message->from_name,  message->from,      message->reply_to,
                                 message->subject,    message->body};
    uint64_t *state = &sim->handed_digests[message->audience];

    digest(state, &sim->clock.us, sizeof sim->clock.us);
    digest(state, &message->date.us, sizeof message->date.us);
    digest(state, &message->attempt, sizeof message->attempt);
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        digest(state, texts[i] ? texts[i] : "", texts[i] ? strlen(texts[i]) + 1 : 1);
    }
}

/* Every byte and moment that a participant sees, for worlds that are to be compared: in the order
 * in which that number or mailbox gets it. In which order two people get theirs in one moment
 * neither of them can tell. */
static void digest_parcel(struct sim *sim, const struct parcel *p, const struct outgoing *message) {
    const char *const texts[] = {p->message_id,   p->to,         p->subject,
                                 p->body,         message->from, message->from_name,
                                 message->mail_id};
    uint64_t state = UINT64_C(0xcbf29ce484222325), place = 0;

    if (p->audience != AUDIENCE_PARTICIPANT) {
        return;
    }
    for (const struct parcel *before = sim->parcels; before < p; before++) {
        place += before->audience == p->audience && strcmp(before->to, p->to) == 0;
    }
    digest(&state, &place, sizeof place);
    digest(&state, &p->at.us, sizeof p->at.us);
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        digest(&state, texts[i], strlen(texts[i]) + 1);
    }
    sim->participants_digest += state;
}

static void answer_later(struct sim *sim, const struct outgoing *message, enum character character,
                         struct span delay) {
    struct answer *a = &sim->answers[sim->answer_count];

    if (sim->answer_count == ANSWERS_MAX) {
        law_broken(sim, "in_flight", "more than %d messages under way at once", ANSWERS_MAX);
        return;
    }
    sim->answer_count++;
    *a = (struct answer){
        .at = instant_add(sim->clock, delay),
        .delivery = {.attempt = message->attempt, .outcome = characters[character].answer}};
    memcpy(a->delivery.message_id, message->message_id, sizeof a->delivery.message_id);
    (void)snprintf(a->delivery.detail, sizeof a->delivery.detail, "%s",
                   characters[character].detail);
    if (character == BUSY && delay.us > SECOND_US) {
        a->delivery.retry_after =
            delay; /* a gateway that is slow to say no also says when to come back */
    }
    if (characters[character].answer == OUTCOME_ACCEPTED) {
        (void)snprintf(a->delivery.provider_id, sizeof a->delivery.provider_id, "sim-%zu",
                       sim->parcel_count);
    }
}

/* ---- receipts ---- */

static void receipt_later(struct sim *sim, const struct outgoing *message,
                          enum receipt_report report, int64_t seconds, bool by_reference) {
    if (sim->receipt_count == RECEIPTS_MAX) {
        law_broken(sim, "storm", "more than %d receipts are on their way", RECEIPTS_MAX);
        return;
    }
    struct due_receipt *r = &sim->receipts[sim->receipt_count++];

    *r = (struct due_receipt){.at = instant_add(sim->clock, (struct span){seconds * SECOND_US}),
                              .ordinal = ++sim->receipts_made,
                              .report = report};
    memcpy(r->message, message->message_id, sizeof r->message);
    (void)snprintf(r->gateway, sizeof r->gateway, "%s", message->gateway);
    if (by_reference) {
        (void)snprintf(r->reference, sizeof r->reference, "%s", message->reference);
    } else {
        (void)snprintf(r->provider_id, sizeof r->provider_id, "sim-%zu", sim->parcel_count);
    }
}

/* By the message alone, so that what one person gets shifts nothing of another's. */
static uint64_t message_noise(const struct outgoing *message) {
    uint64_t noise = UINT64_C(0xcbf29ce484222325);

    digest(&noise, message->reference, strlen(message->reference));
    return noise;
}

/* The answer takes a second: 0 is before it. */
static void report_later(struct sim *sim, const struct outgoing *message, enum character character,
                         struct span delay) {
    uint64_t noise = message_noise(message);
    const int64_t late = delay.us > SECOND_US ? delay.us / SECOND_US : 600;
    const enum receipt_report last = noise % 5 == 0 ? RECEIPT_FAILED : RECEIPT_DELIVERED;

    if (character == CONFIRMS) {
        receipt_later(sim, message, RECEIPT_DELIVERED, delay.us > SECOND_US ? late : 5, true);
    } else if (character == FAILS_LATER) {
        receipt_later(sim, message, RECEIPT_FAILED, late, noise % 2);
        receipt_later(sim, message, RECEIPT_FAILED, late + 30, true);
    } else if (character == REPEATS_RECEIPTS) {
        for (int i = 0; i < 6; i++, noise /= 7) {
            const enum receipt_report report = i % 3 == 0 ? RECEIPT_INTERIM
                                               : i == 4   ? RECEIPT_DELIVERED
                                                          : last;
            receipt_later(sim, message, report, (int64_t)(noise % 7) / 2 * (i == 5 ? 900 : 1),
                          noise % 2);
        }
    }
}

/* At one moment by the message, and of one message in their order: whatever else is on its way. */
static bool receipt_before(const struct due_receipt *a, const struct due_receipt *b) {
    const int order = strcmp(a->message, b->message);

    return a->at.us != b->at.us ? a->at.us < b->at.us
           : order != 0         ? order < 0
                                : a->ordinal < b->ordinal;
}

size_t world_next_receipt(const struct sim *sim) {
    size_t best = SIZE_MAX;

    for (size_t i = 0; sim->engine && i < sim->receipt_count; i++) {
        if (best == SIZE_MAX || receipt_before(&sim->receipts[i], &sim->receipts[best])) {
            best = i;
        }
    }
    return best;
}

static bool mailbox_refuses(struct sim *sim, const struct outgoing *message) {
    char recipient[ID_SIZE];

    if (sim->refusing_count == 0 ||
        !witness_text(sim, "SELECT recipient FROM message WHERE id=?1",
                      (const char *const[]){message->message_id, NULL}, recipient,
                      sizeof recipient)) {
        return false;
    }
    for (size_t i = 0; i < sim->refusing_count; i++) {
        if (strcmp(sim->refusing[i], recipient) == 0) {
            return true;
        }
    }
    return false;
}

/* What a moody gateway makes of a message follows from the message, not from what came before: a
 * story of which lines are left out keeps its moods. Half of the time it is well-behaved, so that
 * histories go on. */
static enum character mood_of(const struct sim *sim, size_t gateway, const struct outgoing *message,
                              struct span *ret_delay) {
    uint64_t mood = UINT64_C(0xcbf29ce484222325);

    digest(&mood, &sim->moods[gateway], sizeof sim->moods[gateway]);
    digest(&mood, message->message_id, strlen(message->message_id));
    digest(&mood, &message->attempt, sizeof message->attempt);
    mood ^= mood >> 29; /* the low bits of FNV-1a alone are poor */
    mood *= UINT64_C(0xbf58476d1ce4e5b9);
    mood ^= mood >> 32;
    ret_delay->us = (int64_t)(mood / 64 % 5 == 0 ? mood / 1024 % (20 * 60) + 1 : 1) * SECOND_US;
    return mood % 2 ? HONEST : (enum character)(mood / 2 % MOODY);
}

/* In a world where nothing goes well with the advocates. */
static const enum character troubles[] = {REFUSES,       REJECTS,        BUSY, DOWN, CLOSED,
                                          LOSES_ANSWERS, LOSES_MESSAGES, SLOW, DOWN, DOWN};

int world_send(struct sim *sim, const struct outgoing *message) {
    const size_t gateway = gateway_index(sim, message->gateway);
    enum character character = gateway < GATEWAYS_MAX ? sim->characters[gateway] : CLOSED;
    struct span delay = {SECOND_US};

    if (character == MOODY) {
        character = mood_of(sim, gateway, message, &delay);
    } else if (gateway < GATEWAYS_MAX && sim->delays[gateway].us > 0) {
        delay = sim->delays[gateway];
    }
    if (mailbox_refuses(sim, message)) {
        character = REFUSES;
    }
    if (sim->advocates_troubled && message->audience == AUDIENCE_ADVOCATE) {
        character = troubles[message_noise(message) / 64 % ARRAY_COUNT(troubles)];
        delay.us = (int64_t)(message_noise(message) % 840 + 1) * SECOND_US;
    }
    digest_handed(sim, message);
    if (++sim->handed_count > sim_most(sim, HANDED_MAX)) {
        law_broken(sim, "storm", "%zu messages were handed over in one run", sim->handed_count);
    }
    laws_handed(sim, message);
    sim_trace(sim, "%s to %s by %s (%s): %s", message_kind_to_text(message->kind),
              audience_to_text(message->audience), message->gateway, characters[character].name,
              message->message_id);
    if (character == CLOSED) {
        return -ECONNREFUSED;
    }
    const struct parcel *p = characters[character].takes ? record(sim, message) : NULL;

    if (p) {
        laws_accepted(sim, p);
        digest_parcel(sim, p, message);
    }
    if (p) {
        report_later(sim, message, character, delay);
    }
    answer_later(sim, message, character,
                 character == FAILS_LATER || character == CONFIRMS ? (struct span){SECOND_US}
                                                                   : delay);
    return 0;
}

void world_forget(struct sim *sim) {
    for (size_t i = 0; i < sim->parcel_count; i++) {
        free(sim->parcels[i].to);
        free(sim->parcels[i].subject);
        free(sim->parcels[i].body);
    }
    free(sim->receipts);
    sim->receipts = NULL;
    free(sim->parcels);
    sim->parcels = NULL;
    sim->parcel_count = 0;
}

const struct parcel *world_last(const struct sim *sim, const char *recipient, const char *text) {
    for (size_t i = sim->parcel_count; i > 0; i--) {
        const struct parcel *p = &sim->parcels[i - 1];
        if (strcmp(p->recipient, recipient) == 0 && strstr(p->body, text)) {
            return p;
        }
    }
    return NULL;
}
