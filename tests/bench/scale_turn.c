/* scale_turn CONFIG NOW: one turn of the engine after another on a store that scale_make filled, at
 * that moment (seconds since 1970), until nothing more is due; gateways accept at once. Prints how
 * many messages left. Run under callgrind, which counts from scale_measure() on: the start is not
 * counted, every page of the database is read anew. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cobi/base/cleanup.h"
#include "cobi/config/config.h"
#include "cobi/engine/engine.h"

enum { SENDS_MAX = 4096 };

struct world {
    struct instant now;
    struct delivery answers[SENDS_MAX];
    size_t count, settled;
};

int scale_measure(struct engine *engine, struct world *world);

static struct instant now(void *user) {
    const struct world *world = user;

    return world->now;
}

static void fill(void *user, void *buffer, size_t length) {
    (void)user;
    memset(buffer, 7, length); /* nothing here has to be a secret */
}

static void wake_at(void *user, struct instant when) {
    (void)user;
    (void)when; /* the measured loop asks again until nothing is due */
}

static int send_message(void *user, const struct outgoing *message) {
    struct world *world = user;

    if (world->count == SENDS_MAX) {
        return -1;
    }
    struct delivery *d = &world->answers[world->count++];
    *d = (struct delivery){.attempt = message->attempt, .outcome = OUTCOME_ACCEPTED};
    memcpy(d->message_id, message->message_id, sizeof d->message_id);
    return 0;
}

/* Kept whole: callgrind finds it, or the compiler's variant of it, by its name. */
__attribute__((noinline)) int scale_measure(struct engine *engine, struct world *world) {
    int r = 1;

    while (r > 0 || (r == 0 && world->settled < world->count)) {
        const size_t from = world->settled;
        world->settled = world->count;
        r = engine_pass(engine, world->answers + from, world->settled - from);
    }
    return r;
}

static int measure(const struct engine_setup *setup, struct store *store, struct world *world) {
    const struct ports ports = {
        .world = world, .now = now, .random = fill, .wake_at = wake_at, .send = send_message};
    struct engine *engine = NULL;
    int r = engine_open(store, setup, &ports, &engine);

    r = r < 0 ? r : engine_start(engine);
    r = r < 0 ? r : scale_measure(engine, world);
    engine_free(engine);
    return r;
}

static int open_all(const char *file, struct world *world, struct complaints *complaints) {
    struct complaint complaint = {0};
    struct config *config = NULL;
    struct templates *templates = NULL;
    struct zones *zones = NULL;
    struct store *store = NULL;
    unsigned char key[STORE_KEY_BYTES];
    char name[2 * CONFIG_PATH_SIZE];
    int r = config_load(file, &config, complaints);

    if (r < 0) {
        return r;
    }
    r = zones_open(&zones);
    r = r < 0 ? r : templates_load(config->templates_dir, &templates, complaints);
    (void)snprintf(name, sizeof name, "%s/key", config->state_dir);
    r = r < 0 ? r : store_key_load(name, false, key, &complaint);
    (void)snprintf(name, sizeof name, "%s/cobid.db", config->state_dir);
    r = r < 0 ? r : store_open(name, key, &store, &complaint);
    if (r == 0) {
        const struct engine_setup setup = {config, templates, NULL, zones};
        r = measure(&setup, store, world);
    }
    store_close(store);
    templates_free(templates);
    zones_free(zones);
    config_free(config);
    return r;
}

int main(int argc, char **argv) {
    _cleanup_free_ struct complaints *complaints = calloc(1, sizeof *complaints);
    _cleanup_free_ struct world *world = calloc(1, sizeof *world);

    if (argc != 3 || !complaints || !world) {
        return 2;
    }
    world->now.us = strtoll(argv[2], NULL, 10) * SECOND_US;
    const int r = open_all(argv[1], world, complaints);

    if (r < 0) {
        (void)fprintf(stderr, "scale_turn: %s: %s\n", strerror(-r),
                      complaints->count ? complaints->list[0].text : "the store");
        return 1;
    }
    printf("%zu\n", world->count);
    return 0;
}
