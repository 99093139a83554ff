/* Sealed columns: AES-256-GCM with the table, column and row as associated data, so that a sealed
 * value that was copied to another row or column does not open there. Derived secrets: HMAC-SHA-256
 * with a key for each purpose.
 *
 * Failure of the crypto library is a broken invariant and ends the process. A box that does not
 * open is input from disk and is refused with -EUCLEAN. Must never log or keep a plain value. */
#include "seal.h"

#include <assert.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "cobi/base/cleanup.h"

enum { SEAL_VERSION = 1, NONCE_BYTES = 12, TAG_BYTES = 16 };

void seal_hmac(const unsigned char key[32], const char *purpose, const char *text, size_t length,
               unsigned char ret_digest[32]) {
    const size_t purpose_size = strlen(purpose) + 1;
    const size_t total = purpose_size + length;
    unsigned char small[512];
    _cleanup_free_ unsigned char *large = total > sizeof small ? malloc(total) : NULL;
    unsigned char *message = total > sizeof small ? large : small;

    if (!message) {
        abort();
    }
    memcpy(message, purpose, purpose_size); /* the NUL keeps purpose and text apart */
    memcpy(message + purpose_size, text, length);
    unsigned int digest_length = 32;
    const unsigned char *done = HMAC(EVP_sha256(), key, 32, message, total, ret_digest,
                                     &digest_length);
    assert(done);
    OPENSSL_cleanse(message, total);
}

void seal_keys_init(struct seal_keys *keys, const unsigned char key[STORE_KEY_BYTES]) {
    seal_hmac(key, "cobid column", "", 0, keys->column);
    seal_hmac(key, "cobid lookup", "", 0, keys->lookup);
    seal_hmac(key, "cobid derive", "", 0, keys->derive);
    seal_hmac(key, "cobid chain", "", 0, keys->chain);
    keys->sealing = EVP_CIPHER_CTX_new();
    keys->opening = EVP_CIPHER_CTX_new();
    assert(keys->sealing && keys->opening);
    int done = EVP_EncryptInit_ex(keys->sealing, EVP_aes_256_gcm(), NULL, keys->column, NULL);
    assert(done == 1);
    done = EVP_DecryptInit_ex(keys->opening, EVP_aes_256_gcm(), NULL, keys->column, NULL);
    assert(done == 1);
}

void seal_keys_done(struct seal_keys *keys) {
    EVP_CIPHER_CTX_free(keys->sealing); /* wipes what it holds */
    EVP_CIPHER_CTX_free(keys->opening);
    OPENSSL_cleanse(keys, sizeof *keys);
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

void seal_box(const struct seal_keys *keys, const char *place, const char *row, const void *bytes,
              size_t length, unsigned char *ret_box) {
    unsigned char *nonce = ret_box + 1, *tag = nonce + NONCE_BYTES, *text = tag + TAG_BYTES;
    int written = 0;

    ret_box[0] = SEAL_VERSION;
    int done = RAND_bytes(nonce, NONCE_BYTES);
    assert(done == 1);
    EVP_CIPHER_CTX *cipher = keys->sealing;
    done = EVP_EncryptInit_ex(cipher, NULL, NULL, NULL, nonce);
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
