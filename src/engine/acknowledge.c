/* The emailed acknowledge link: a look changes nothing; acting needs the token of the link and the
 * code of the mail, once.
 *
 * Tokens and codes are made from the message's id and the store's secret; the database holds only a
 * hash of the token. A link of an earlier step, a used link and one with too many wrong codes are
 * all the same as one that never was. */
#include <errno.h>
#include <string.h>

#include "calendar.h"
#include "duty.h"

enum { WRONG_CODES_MAX = 5 };

void ack_secrets(struct engine *e, const char *message_id, char ret_token[44],
                 char ret_code[ACK_CODE_SIZE]) {
    static const char alphabet[] = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    unsigned char secret[32];

    store_derive_secret(e->store, "ack token", message_id, secret);
    base64url_encode(secret, sizeof secret, ret_token);
    store_derive_secret(e->store, "ack code", message_id, secret);
    for (size_t i = 0, letter = 0; i < ACK_CODE_SIZE - 1; i++) {
        ret_code[i] = i == 4 ? '-' : alphabet[secret[letter++] & 31];
    }
    ret_code[ACK_CODE_SIZE - 1] = '\0';
}

static bool token_plausible(const char *token) {
    unsigned char bytes[32];

    return strlen(token) == 43 && base64url_decode(token, bytes, sizeof bytes) == 32;
}

/* The link and its chain, if it is still good. */
static int find_link(struct engine *e, const char *token, char hash[STORE_HASH_SIZE],
                     struct ack_row *ack, struct escalation_row *chain) {
    if (!token_plausible(token)) {
        return -ENOENT;
    }
    store_hash(e->store, "ack", token, hash);
    int r = ack_find(e->store, hash, ack);

    r = r < 0 ? r : escalation_find(e->store, ack->escalation, &e->arena, chain);
    if (r < 0) {
        return r;
    }
    const bool current = chain->state == ESCALATION_WAITING &&
                         chain->generation == ack->generation + 1;

    return current && !ack->used && ack->tries < WRONG_CODES_MAX ? 0 : -ENOENT;
}

int engine_ack_show(struct engine *e, const char *token, struct ack_view *ret_view) {
    struct ack_view view = {0};
    struct escalation_row chain;
    struct ack_row ack;
    char hash[STORE_HASH_SIZE];

    arena_reset(&e->arena);
    int r = find_link(e, token, hash, &ack, &chain);

    if (r < 0) {
        return r;
    }
    view.audience = chain.audience;
    r = text_copy(view.kind, sizeof view.kind, escalation_kind_to_text(chain.kind));
    if (chain.audience == AUDIENCE_ADVOCATE) {
        struct link_row link;
        r = r < 0 ? r : link_find(e->store, chain.advocate, chain.participant, &e->arena, &link);
        r = r < 0 ? r : text_copy(view.case_ref, sizeof view.case_ref, link.case_ref);
    } else {
        r = r < 0 ? r : text_copy(view.reference, sizeof view.reference, chain.participant);
    }
    if (r == 0) {
        *ret_view = view;
    }
    return r;
}

/* Upper case, without spaces and hyphens: how people type a code. */
static bool code_fits(const char *typed, const char *code) {
    char plain[ACK_CODE_SIZE] = "", expected[ACK_CODE_SIZE] = "";
    size_t length = 0, expected_length = 0;

    for (const char *p = typed; *p; p++) {
        if (*p == ' ' || *p == '-') {
            continue;
        }
        if (length == sizeof plain - 1) {
            return false;
        }
        plain[length++] = *p >= 'a' && *p <= 'z' ? (char)(*p - 'a' + 'A') : *p;
    }
    for (const char *p = code; *p; p++) {
        if (*p != '-') {
            expected[expected_length++] = *p;
        }
    }
    return length == expected_length && store_equal_secret(expected, plain);
}

static int use(struct engine *e, const char *token, const char *typed) {
    struct escalation_row chain;
    struct ack_row ack;
    char hash[STORE_HASH_SIZE], made[44], expected[ACK_CODE_SIZE] = "";
    int r = find_link(e, token, hash, &ack, &chain);

    if (r < 0) {
        return r;
    }
    ack_secrets(e, ack.message, made, expected);
    if (!code_fits(typed, expected)) {
        ack.tries++;
        r = ack_update(e->store, hash, &ack);
        return r < 0 ? r : 1; /* the wrong try is kept */
    }
    ack.used = true;
    r = ack_update(e->store, hash, &ack);
    return r < 0 ? r : chain_acknowledge(e, &chain, ack.recipient);
}

int engine_ack(struct engine *e, const char *token, const char *code) {
    int r = turn_begin(e);

    if (r < 0) {
        return r;
    }
    const int used = use(e, token, code);

    r = turn_end(e, used < 0 ? used : 0);
    return r < 0 ? r : used == 1 ? -EACCES : 0;
}
