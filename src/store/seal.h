/* Sealed columns and derived secrets: the only place that touches keys. Private to the store. */
#ifndef COBI_STORE_SEAL_H
#define COBI_STORE_SEAL_H

#include <stddef.h>
#include <stdint.h>

#include "cobi/base/attribute.h"
#include "cobi/store/store.h"

struct seal_keys {
    unsigned char column[32]; /* AES-256-GCM */
    unsigned char lookup[32]; /* HMAC-SHA-256 of what is looked up */
    unsigned char derive[32]; /* HMAC-SHA-256 of natural keys: ids, noise, tokens */
    unsigned char chain[32];  /* HMAC-SHA-256 of the audit */
    /* With their keys in place: setting one up costs more than sealing a name or hashing it. */
    struct evp_cipher_ctx_st *sealing, *opening;
    struct evp_mac_ctx_st *looking_up, *deriving, *chaining;
    unsigned char nonces[12 * 64]; /* random, the last nonces_left of them not used yet; a process that forks must not seal in both */
    size_t nonces_left;
};
#define SEAL_OVERHEAD (1 + 12 + 16) /* version, nonce, tag */
/* Ended by seal_keys_done(), which wipes. Used by one thread. */
void seal_keys_init(struct seal_keys *keys, const unsigned char key[STORE_KEY_BYTES]);
void seal_keys_done(struct seal_keys *keys);
/* box must hold length + SEAL_OVERHEAD bytes. place is "table.column", row the row's key: both are bound to the box. */
void seal_box(struct seal_keys *keys, const char *place, const char *row, const void *bytes, size_t length, unsigned char *ret_box);
/* plain must hold length - SEAL_OVERHEAD bytes. Returns the length of the text, or -EUCLEAN for a box that is not ours. */
_must_use_ int seal_open(const struct seal_keys *keys, const char *place, const char *row, const unsigned char *box, size_t length,
                         unsigned char *ret_plain);
/* HMAC-SHA-256 of purpose, NUL, text: with a context that has its key, or once with a key. */
void seal_mac(struct evp_mac_ctx_st *mac, const char *purpose, const char *text, size_t length, unsigned char ret_digest[32]);
void seal_hmac(const unsigned char key[32], const char *purpose, const char *text, size_t length, unsigned char ret_digest[32]);

#endif
