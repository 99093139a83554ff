/* replay: what drives a fuzzer where there is no libFuzzer, so that `make check` runs them all for
 * a moment with any compiler.
 *
 * Usage: fuzz_X ROUNDS SEED FILE... Every file is given whole, then cut short, at ROUNDS lengths in
 * all files together; then come ROUNDS inputs made from the files by a seeded generator: bytes
 * changed, doubled, dropped, two files spliced. Equal seeds give equal inputs. A property that does
 * not hold aborts, after the seed and round were printed. */
#include "fuzz.h"

#include <inttypes.h>
#include <string.h>

#define INPUT_BYTES_MAX 4096
#define CUTS_MAX        300
#define FILES_MAX       1024
#define CHANGES_MAX     8

struct input {
    size_t size;
    uint8_t bytes[INPUT_BYTES_MAX];
};
struct replay {
    uint64_t state;
    size_t file_count;
    struct input *files;
    struct input work;
};

/* xorshift64*: small, seeded, the same everywhere. */
static uint64_t replay_random(struct replay *replay, uint64_t below) {
    replay->state ^= replay->state >> 12;
    replay->state ^= replay->state << 25;
    replay->state ^= replay->state >> 27;
    return (replay->state * UINT64_C(2685821657736338717) >> 16) % below;
}

static void give(const uint8_t *bytes, size_t size) {
    uint8_t *copy = malloc(size == 0 ? 1 : size);

    FUZZ_CHECK(copy != NULL);
    memcpy(copy, bytes, size);
    (void)LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static void read_file(const char *path, struct input *ret_input) {
    FILE *file = fopen(path, "re");

    FUZZ_CHECK(file != NULL);
    ret_input->size = fread(ret_input->bytes, 1, sizeof(ret_input->bytes), file);
    (void)fclose(file); /* was only read */
}

static void splice(struct replay *replay) {
    const struct input *other = &replay->files[replay_random(replay, replay->file_count)];
    size_t keep = replay_random(replay, replay->work.size + 1);
    size_t from = replay_random(replay, other->size + 1);
    size_t count = other->size - from;

    if (count > INPUT_BYTES_MAX - keep) {
        count = INPUT_BYTES_MAX - keep;
    }
    memcpy(replay->work.bytes + keep, other->bytes + from, count);
    replay->work.size = keep + count;
}

static void double_piece(struct replay *replay) {
    size_t from = replay_random(replay, replay->work.size + 1);
    size_t count = replay_random(replay, replay->work.size - from + 1);

    if (count > INPUT_BYTES_MAX - replay->work.size) {
        count = INPUT_BYTES_MAX - replay->work.size;
    }
    memmove(replay->work.bytes + from + count, replay->work.bytes + from, replay->work.size - from);
    replay->work.size += count;
}

static void drop_piece(struct replay *replay) {
    size_t from = replay_random(replay, replay->work.size + 1);
    size_t count = replay_random(replay, replay->work.size - from + 1);

    memmove(replay->work.bytes + from, replay->work.bytes + from + count,
            replay->work.size - from - count);
    replay->work.size -= count;
}

static void change_byte(struct replay *replay) {
    static const char telling[] = "\0\r\n\t \"'<>%${}\\/;:,.@+-09AZaz\x7f\x80\xc3\xe2\xff";

    if (replay->work.size == 0) {
        return;
    }
    replay->work.bytes[replay_random(replay, replay->work.size)] =
        replay_random(replay, 2) == 0 ? (uint8_t)replay_random(replay, 256)
                                      : (uint8_t)telling[replay_random(replay, sizeof(telling))];
}

static void change(struct replay *replay) {
    static void (*const ways[])(struct replay *) = {change_byte, change_byte, change_byte,
                                                    splice,      drop_piece,  double_piece};

    replay->work = replay->files[replay_random(replay, replay->file_count)];
    for (uint64_t left = 1 + replay_random(replay, CHANGES_MAX); left > 0; left--) {
        ways[replay_random(replay, sizeof(ways) / sizeof(ways[0]))](replay);
    }
}

/* At so many lengths, evenly apart, and whole. */
static void give_cut(const struct input *input, size_t count) {
    size_t most = input->size < CUTS_MAX ? input->size : CUTS_MAX;
    size_t step = most > count ? most / count : 1;

    for (size_t size = 0; size < most; size += step) {
        give(input->bytes, size);
    }
    give(input->bytes, input->size);
}

int main(int argc, char **argv) {
    struct replay replay = {0};
    uint64_t rounds;

    if (argc < 4 || argc - 3 > FILES_MAX) {
        fprintf(stderr, "usage: %s ROUNDS SEED FILE...\n", argv[0]);
        return 2;
    }
    rounds = strtoull(argv[1], NULL, 10);
    replay.state = strtoull(argv[2], NULL, 10) | 1;
    replay.file_count = (size_t)argc - 3;
    replay.files = calloc(replay.file_count, sizeof(*replay.files));
    FUZZ_CHECK(replay.files != NULL);
    for (size_t i = 0; i < replay.file_count; i++) {
        read_file(argv[i + 3], &replay.files[i]);
        give_cut(&replay.files[i], rounds / replay.file_count + 1);
    }
    printf("%s: %zu files, seed %s\n", argv[0], replay.file_count, argv[2]);
    (void)fflush(stdout); /* so that the seed is seen even if a round aborts */
    for (uint64_t round = 0; round < rounds; round++) {
        change(&replay);
        give(replay.work.bytes, replay.work.size);
    }
    printf("%" PRIu64 " rounds\n", rounds);
    free(replay.files);
    return 0;
}
