/* Boxes open only with their key, at their place, whole; hashes agree with HMAC-SHA-256 made
 * elsewhere. */
#include "../../src/store/seal.h"
#include "cobi/base/cleanup.h"
#include "seed.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define TEXT_MAX 300

/* Each is ended by its test: the cipher's contexts are memory. */
static struct seal_keys keys_of(unsigned char first) {
    unsigned char key[STORE_KEY_BYTES] = {first};
    struct seal_keys keys;

    seal_keys_init(&keys, key);
    return keys;
}

static void boxes_open_again(void **state) {
    (void)state;
    _cleanup_(seal_keys_done) struct seal_keys keys = keys_of(1);
    unsigned char text[TEXT_MAX], box[TEXT_MAX + SEAL_OVERHEAD], plain[TEXT_MAX + 1];
    uint64_t seed = seed_init("boxes_open_again");

    for (size_t length = 0; length <= TEXT_MAX; length++) {
        for (size_t i = 0; i < length; i++) {
            text[i] = (unsigned char)seed_next(&seed);
        }
        memset(plain, 0xee, sizeof plain);
        seal_box(&keys, "table.column", "row", text, length, box);
        assert_int_equal(
            seal_open(&keys, "table.column", "row", box, length + SEAL_OVERHEAD, plain), length);
        assert_memory_equal(plain, text, length);
        assert_int_equal(plain[length], 0xee);
    }
}

static void the_same_text_is_never_the_same_box(void **state) {
    (void)state;
    _cleanup_(seal_keys_done) struct seal_keys keys = keys_of(1);
    static unsigned char boxes[200][16 + SEAL_OVERHEAD];

    for (size_t i = 0; i < ARRAY_COUNT(boxes); i++) {
        seal_box(&keys, "t.c", "r", "sixteen bytes of", 16, boxes[i]);
        for (size_t j = 0; j < i; j++) {
            assert_memory_not_equal(boxes[i], boxes[j], sizeof boxes[i]);
            assert_memory_not_equal(boxes[i] + SEAL_OVERHEAD, boxes[j] + SEAL_OVERHEAD, 16);
        }
    }
}

static void boxes_stay_at_their_place(void **state) {
    (void)state;
    static const struct {
        const char *place, *row;
        unsigned char key;
    } elsewhere[] = {
        {"t.c", "r2", 1}, {"t.d", "r", 1}, {"u.c", "r", 1},   {"t.c", "r", 2}, {"t.c", "", 1},
        {"", "r", 1},     {"t.cr", "", 1}, {"t.", "c\0r", 1}, {"t.c", "R", 1}, {"t.c", "r ", 1},
    };
    _cleanup_(seal_keys_done) struct seal_keys keys = keys_of(1);
    unsigned char box[6 + SEAL_OVERHEAD], plain[7] = "";

    seal_box(&keys, "t.c", "r", "secret", 6, box);
    for (size_t i = 0; i < ARRAY_COUNT(elsewhere); i++) {
        _cleanup_(seal_keys_done) struct seal_keys other = keys_of(elsewhere[i].key);
        assert_int_equal(
            seal_open(&other, elsewhere[i].place, elsewhere[i].row, box, sizeof box, plain),
            -EUCLEAN);
        assert_null(memmem(plain, sizeof plain, "secret", 6)); /* nor is it left lying about */
    }
    assert_int_equal(seal_open(&keys, "t.c", "r", box, sizeof box, plain), 6);
}

static void every_bit_and_length_counts(void **state) {
    (void)state;
    _cleanup_(seal_keys_done) struct seal_keys keys = keys_of(1);
    unsigned char box[20 + SEAL_OVERHEAD + 1] = {0}, plain[21];
    const size_t size = sizeof box - 1;

    seal_box(&keys, "t.c", "r", "twenty bytes of text", 20, box);
    for (size_t bit = 0; bit < 8 * size; bit++) {
        box[bit / 8] ^= (unsigned char)(1u << bit % 8);
        assert_int_equal(seal_open(&keys, "t.c", "r", box, size, plain), -EUCLEAN);
        box[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
    for (size_t length = 0; length <= size + 1; length++) {
        assert_int_equal(seal_open(&keys, "t.c", "r", box, length, plain),
                         length == size ? 20 : -EUCLEAN);
    }
}

static void hashes_agree_with_others(void **state) {
    (void)state;
    static const struct {
        const char *purpose;
        const char *text;
        size_t repeat;
        const char *hex;
    } rows[] = {
        {"purpose", "text", 1, "a3dd635aa74b5aaea38a20a743507fa01fd8a22827ecb1857b52b17624b1ba98"},
        {"p", "x", 100000, "acc9a5b80d1231b4663c238cf6bf10d313f33ef7ef287a62d8587bc52d0c2fc1"},
    };
    unsigned char key[32], digest[32];
    char hex[65];

    for (size_t i = 0; i < sizeof key; i++) {
        key[i] = (unsigned char)i;
    }
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        const size_t unit = strlen(rows[i].text);
        _cleanup_free_ char *text = malloc(unit * rows[i].repeat);
        assert_non_null(text);
        for (size_t j = 0; j < rows[i].repeat; j++) {
            memcpy(text + j * unit, rows[i].text, unit);
        }
        seal_hmac(key, rows[i].purpose, text, unit * rows[i].repeat, digest);
        hex_encode(digest, sizeof digest, hex);
        assert_string_equal(hex, rows[i].hex);
    }
}

/* Around the size at which the heap takes over, and what differs only by where purpose and text
 * meet. */
static void hashes_differ(void **state) {
    (void)state;
    static unsigned char digests[1200][32];
    char text[1200];
    unsigned char a[32], b[32];
    const unsigned char key[32] = {9};

    memset(text, 'a', sizeof text);
    for (size_t length = 0; length < ARRAY_COUNT(digests); length++) {
        seal_hmac(key, "p", text, length, digests[length]);
        for (size_t i = 0; i < length; i++) {
            assert_memory_not_equal(digests[i], digests[length], 32);
        }
    }
    seal_hmac(key, "ab", "c", 1, a);
    seal_hmac(key, "a", "bc", 2, b);
    assert_memory_not_equal(a, b, 32);
}

/* A context that has its key says the same each time as a key that is used once, whatever came
 * between. */
static void a_kept_key_hashes_alike(void **state) {
    (void)state;
    _cleanup_(seal_keys_done) struct seal_keys keys = keys_of(3);
    const struct {
        struct evp_mac_ctx_st *mac;
        const unsigned char *key;
    } pairs[] = {
        {keys.looking_up, keys.lookup}, {keys.deriving, keys.derive}, {keys.chaining, keys.chain}};
    char text[1200];
    unsigned char kept[32], once[32];

    memset(text, 'a', sizeof text);
    for (size_t length = 0; length < sizeof text; length += 7) {
        for (size_t i = 0; i < ARRAY_COUNT(pairs); i++) {
            seal_mac(pairs[i].mac, "p", text, length, kept);
            seal_hmac(pairs[i].key, "p", text, length, once);
            assert_memory_equal(kept, once, 32);
        }
    }
}

static void each_purpose_has_a_key(void **state) {
    (void)state;
    _cleanup_(seal_keys_done) struct seal_keys one = keys_of(1);
    _cleanup_(seal_keys_done) struct seal_keys two = keys_of(2);
    const unsigned char *all[] = {one.column, one.lookup, one.derive, one.chain,
                                  two.column, two.lookup, two.derive, two.chain};

    for (size_t i = 0; i < ARRAY_COUNT(all); i++) {
        for (size_t j = 0; j < i; j++) {
            assert_memory_not_equal(all[i], all[j], 32);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(boxes_open_again),
        cmocka_unit_test(the_same_text_is_never_the_same_box),
        cmocka_unit_test(boxes_stay_at_their_place),
        cmocka_unit_test(every_bit_and_length_counts),
        cmocka_unit_test(hashes_agree_with_others),
        cmocka_unit_test(hashes_differ),
        cmocka_unit_test(a_kept_key_hashes_alike),
        cmocka_unit_test(each_purpose_has_a_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
