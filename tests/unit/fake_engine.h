/* A stand-in for the engine, for tests of the web room: what it answers is set, what it was asked
 * is counted.
 *
 * It defines the engine's functions, so include it once in a program. */
#ifndef COBI_TESTS_FAKE_ENGINE_H
#define COBI_TESTS_FAKE_ENGINE_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cobi/base/text.h"
#include "cobi/engine/engine.h"

#define LIVE_TOKEN      "LIVE-token_00000000000000000000000000000001"
#define WITHDRAWN_TOKEN "GONE-token_00000000000000000000000000000002"
#define ACK_TOKEN       "ACK--token_00000000000000000000000000000003"
#define UNKNOWN_TOKEN   "NONE-token_00000000000000000000000000000004"
#define ACK_CODE        "ABCD-EFGH"

struct engine {
    /* Answers. */
    char feed_id[ID_SIZE];
    uint64_t version;
    bool withdrawn;         /* LIVE_TOKEN's feed has been withdrawn */
    int build_error;        /* negative: engine_feed_build() fails with it */
    const char *build_text; /* instead of a calendar */
    size_t build_padding;   /* so many bytes more */
    int ack_show_error, ack_error;
    struct ack_view view;
    int command_status;
    int incoming_error; /* of engine_receipt() and engine_inbound() */
    /* Questions. */
    unsigned finds, builds, fetches, shows, acks, commands;
    unsigned receipts, texts;
    char incoming[400];  /* the last receipt or text, its values parted by "|" */
    char code[32];       /* the last one given to engine_ack() */
    char command[64];    /* the last command, as "noun verb" */
    char arguments[256]; /* its arguments */
    struct actor actor;
};

static inline struct engine fake_engine(void) {
    return (struct engine){
        .feed_id = "F-1",
        .version = 1,
        .view = {.reference = "K7Q2", .kind = "missed", .audience = AUDIENCE_SUPERVISOR},
        .command_status = 200,
    };
}

enum feed_status engine_feed_find(struct engine *engine, const char *token,
                                  struct feed_key *ret_key) {
    engine->finds++;
    bool live = strcmp(token, LIVE_TOKEN) == 0, gone = strcmp(token, WITHDRAWN_TOKEN) == 0;
    if (!live && !gone) {
        return FEED_UNKNOWN;
    }
    *ret_key = (struct feed_key){.version = engine->version,
                                 .last_modified = {INT64_C(1788430500) * SECOND_US}};
    memcpy(ret_key->feed_id, gone ? "F-GONE" : engine->feed_id, gone ? sizeof "F-GONE" : ID_SIZE);
    return gone || engine->withdrawn ? FEED_WITHDRAWN : FEED_OK;
}

int engine_feed_build(struct engine *engine, const struct feed_key *key,
                      struct feed_body *ret_body) {
    engine->builds++;
    if (engine->build_error < 0) {
        return engine->build_error;
    }
    size_t capacity = 512 + engine->build_padding;
    char *bytes = malloc(capacity);
    if (bytes == NULL) {
        abort();
    }
    struct text t;
    text_init(&t, bytes, capacity);
    if (engine->build_text != NULL) {
        text_add(&t, engine->build_text);
    } else {
        text_addf(&t, "BEGIN:VCALENDAR\r\nX-FEED:%s\r\nX-VERSION:%llu\r\nX-LONG:", key->feed_id,
                  (unsigned long long)key->version);
        uint64_t noise = 88172645463325252u; /* what does not compress */
        for (size_t i = 0; i < engine->build_padding; i++) {
            noise ^= noise << 13, noise ^= noise >> 7, noise ^= noise << 17;
            text_add_bytes(
                &t, &"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+-"[noise % 64],
                1);
        }
        text_add(&t, "\r\nEND:VCALENDAR\r\n");
    }
    ret_body->bytes = bytes;
    ret_body->length = t.length;
    return 0;
}

void engine_feed_fetched(struct engine *engine, const struct feed_key *key) {
    (void)key;
    engine->fetches++;
}

int engine_ack_show(struct engine *engine, const char *token, struct ack_view *ret_view) {
    engine->shows++;
    if (engine->ack_show_error < 0 || strcmp(token, ACK_TOKEN) != 0) {
        return engine->ack_show_error < 0 ? engine->ack_show_error : -ENOENT;
    }
    *ret_view = engine->view;
    return 0;
}

int engine_ack(struct engine *engine, const char *token, const char *code) {
    engine->acks++;
    (void)snprintf(engine->code, sizeof engine->code, "%s", code);
    if (engine->ack_error < 0 || strcmp(token, ACK_TOKEN) != 0) {
        return engine->ack_error < 0 ? engine->ack_error : -ENOENT;
    }
    return strcmp(code, ACK_CODE) == 0 ? 0 : -EACCES;
}

int engine_receipt(struct engine *engine, const struct receipt *receipt) {
    engine->receipts++;
    (void)snprintf(engine->incoming, sizeof engine->incoming, "%s|%s|%s|%d|%s", receipt->gateway,
                   receipt->reference, receipt->provider_id, (int)receipt->report, receipt->detail);
    return engine->incoming_error;
}

int engine_inbound(struct engine *engine, const struct inbound *inbound) {
    engine->texts++;
    (void)snprintf(engine->incoming, sizeof engine->incoming, "%s|%s|%s|%s", inbound->gateway,
                   inbound->from, inbound->event, inbound->text);
    return engine->incoming_error;
}

int engine_command(struct engine *engine, const struct command *command, const struct actor *actor,
                   json_t *arguments, json_t **ret_reply) {
    engine->commands++;
    engine->actor = *actor;
    (void)snprintf(engine->command, sizeof engine->command, "%s %s",
                   command->noun != NULL ? command->noun : "-", command->verb);
    char *text = json_dumps(arguments, JSON_COMPACT | JSON_SORT_KEYS);
    (void)snprintf(engine->arguments, sizeof engine->arguments, "%s", text != NULL ? text : "");
    free(text);
    *ret_reply = engine->command_status == 200
                     ? json_pack("{s:b, s:s}", "ok", 1, "user", actor->user)
                     : json_pack("{s:s}", "error", "refused by the engine");
    return engine->command_status;
}

#endif
