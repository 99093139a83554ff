/* Sealed columns: AES-256-GCM with the table, column and row as associated data, so that a sealed
 * value that was copied to another row or column does not open there. Derived secrets: HMAC-SHA-256
 * with a key for each purpose.
 *
 * Failure of the crypto library is a broken invariant and ends the process. A box that does not
 * open is input from disk and is refused with -EUCLEAN. Must never log or keep a plain value. */
#include "seal.h"

#include <assert.h>
#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <string.h>

enum { SEAL_VERSION = 1, NONCE_BYTES = 12, TAG_BYTES = 16 };

/* Ready for seal_mac(). The library is asked for its functions once and not for each text: that
 * costs ten times as much as the hash of a short one. */
static EVP_MAC_CTX *mac_new(const unsigned char key[32]) {
    char digest[] = "SHA256";
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end()};
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    assert(hmac);
    EVP_MAC_CTX *mac = EVP_MAC_CTX_new(hmac);
    EVP_MAC_free(hmac); /* the context holds it */
    assert(mac);
    const int done = EVP_MAC_init(mac, key, 32, parameters);
    assert(done == 1);
    return mac;
}

void seal_mac(struct evp_mac_ctx_st *mac, const char *purpose, const char *text, size_t length,
              unsigned char ret_digest[32]) {
    size_t written = 0;
    int done = EVP_MAC_init(mac, NULL, 0, NULL); /* the key stays */
    assert(done == 1);
    /* The NUL keeps purpose and text apart. */
    done = EVP_MAC_update(mac, (const unsigned char *)purpose, strlen(purpose) + 1);
    assert(done == 1);
    done = EVP_MAC_update(mac, (const unsigned char *)text, length);
    assert(done == 1);
    done = EVP_MAC_final(mac, ret_digest, &written, 32);
    assert(done == 1 && written == 32);
}

void seal_hmac(const unsigned char key[32], const char *purpose, const char *text, size_t length,
               unsigned char ret_digest[32]) {
    EVP_MAC_CTX *mac = mac_new(key);

    seal_mac(mac, purpose, text, length, ret_digest);
    EVP_MAC_CTX_free(mac); /* wipes what it holds */
}

void seal_keys_init(struct seal_keys *keys, const unsigned char key[STORE_KEY_BYTES]) {
    *keys = (struct seal_keys){0};
    seal_hmac(key, "cobid column", "", 0, keys->column);
    seal_hmac(key, "cobid lookup", "", 0, keys->lookup);
    seal_hmac(key, "cobid derive", "", 0, keys->derive);
    seal_hmac(key, "cobid chain", "", 0, keys->chain);
    keys->looking_up = mac_new(keys->lookup);
    keys->deriving = mac_new(keys->derive);
    keys->chaining = mac_new(keys->chain);
    keys->sealing = EVP_CIPHER_CTX_new();
    keys->opening = EVP_CIPHER_CTX_new();
    assert(keys->sealing && keys->opening);
    int done = EVP_EncryptInit_ex(keys->sealing, EVP_aes_256_gcm(), NULL, keys->column, NULL);
    assert(done == 1);
    done = EVP_DecryptInit_ex(keys->opening, EVP_aes_256_gcm(), NULL, keys->column, NULL);
    assert(done == 1);
}

void seal_keys_done(struct seal_keys *keys) {
    EVP_MAC_CTX_free(keys->looking_up); /* wipes what it holds */
    EVP_MAC_CTX_free(keys->deriving);
    EVP_MAC_CTX_free(keys->chaining);
    EVP_CIPHER_CTX_free(keys->sealing);
    EVP_CIPHER_CTX_free(keys->opening);
    OPENSSL_cleanse(keys, sizeof *keys);
}

/* Drawn many at a time. Each is used once: the place is moved on before it is handed out. */
static void take_nonce(struct seal_keys *keys, unsigned char ret_nonce[NONCE_BYTES]) {
    static_assert(sizeof keys->nonces % NONCE_BYTES == 0, "whole nonces");
    if (keys->nonces_left == 0) {
        const int done = RAND_bytes(keys->nonces, sizeof keys->nonces);
        assert(done == 1);
        keys->nonces_left = sizeof keys->nonces / NONCE_BYTES;
    }
    keys->nonces_left--;
    memcpy(ret_nonce, keys->nonces + keys->nonces_left * NONCE_BYTES, NONCE_BYTES);
}

static void add_place(EVP_CIPHER_CTX *cipher, const char *place, const char *row, bool encrypt) {
    int length = 0;
    int done = encrypt ? EVP_EncryptUpdate(cipher, NULL, &length, (const unsigned char *)place,
                                           (int)strlen(place) + 1)
                       : EVP_DecryptUpdate(cipher, NULL, &length, (const unsigned char *)place,
                                           (int)strlen(place) + 1);
    assert(done == 1);
    done = encrypt ? EVP_EncryptUpdate(cipher, NULL, &length, (const unsigned char *)row,
                                       (int)strlen(row))
                   : EVP_DecryptUpdate(cipher, NULL, &length, (const unsigned char *)row,
                                       (int)strlen(row));
    assert(done == 1);
}

void seal_box(struct seal_keys *keys, const char *place, const char *row, const void *bytes,
              size_t length, unsigned char *ret_box) {
    unsigned char *nonce = ret_box + 1, *tag = nonce + NONCE_BYTES, *text = tag + TAG_BYTES;
    int written = 0;

    ret_box[0] = SEAL_VERSION;
    take_nonce(keys, nonce);
    EVP_CIPHER_CTX *cipher = keys->sealing;
    int done = EVP_EncryptInit_ex(cipher, NULL, NULL, NULL, nonce);
    assert(done == 1);
    add_place(cipher, place, row, true);
    done = EVP_EncryptUpdate(cipher, text, &written, bytes, (int)length);
    assert(done == 1 && (size_t)written == length);
    done = EVP_EncryptFinal_ex(cipher, text + written, &written);
    assert(done == 1);
    done = EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_GET_TAG, TAG_BYTES, tag);
    assert(done == 1);
}

int seal_open(const struct seal_keys *keys, const char *place, const char *row,
              const unsigned char *box, size_t length, unsigned char *ret_plain) {
    unsigned char tag[TAG_BYTES];
    int written = 0, rest = 0;

    if (length < SEAL_OVERHEAD || box[0] != SEAL_VERSION) {
        return -EUCLEAN;
    }
    const unsigned char *nonce = box + 1, *text = box + SEAL_OVERHEAD;
    const size_t text_length = length - SEAL_OVERHEAD;

    memcpy(tag, box + 1 + NONCE_BYTES, TAG_BYTES);
    EVP_CIPHER_CTX *cipher = keys->opening;
    int done = EVP_DecryptInit_ex(cipher, NULL, NULL, NULL, nonce);
    assert(done == 1);
    add_place(cipher, place, row, false);
    done = EVP_DecryptUpdate(cipher, ret_plain, &written, text, (int)text_length);
    assert(done == 1);
    done = EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_SET_TAG, TAG_BYTES, tag);
    assert(done == 1);
    done = EVP_DecryptFinal_ex(cipher, ret_plain + written, &rest);
    if (done != 1) {
        /* What nobody vouches for is not left lying about. */
        OPENSSL_cleanse(ret_plain, text_length);
        return -EUCLEAN;
    }
    return (int)text_length;
}
