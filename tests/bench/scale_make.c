/* scale_make CONFIG [NAME=NUMBER]...: makes the database that the daemon of this configuration will
 * find, of any size (scale_store.h). Names: now (seconds since 1970; else the clock's),
 * participants, sessions, begun, expired, reminders, escalations, due. Refuses a database that is
 * there already. */
#include "scale_store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "cobi/base/cleanup.h"

static int read_argument(const char *argument, struct scale_plan *plan) {
    const struct {
        const char *name;
        uint32_t *number;
    } numbers[] = {{"participants", &plan->participants},
                   {"sessions", &plan->sessions},
                   {"begun", &plan->begun},
                   {"expired", &plan->expired},
                   {"reminders", &plan->reminders},
                   {"escalations", &plan->escalations},
                   {"due", &plan->due}};
    const char *equals = strchr(argument, '=');
    char *end;

    if (!equals) {
        return -EINVAL;
    }
    const size_t length = (size_t)(equals - argument);
    const long long value = strtoll(equals + 1, &end, 10);

    if (*end != '\0' || end == equals + 1 || value < 0) {
        return -EINVAL;
    }
    if (length == 3 && strncmp(argument, "now", length) == 0) {
        plan->now.us = value * SECOND_US;
        return 0;
    }
    for (size_t i = 0; i < ARRAY_COUNT(numbers); i++) {
        if (strlen(numbers[i].name) == length && strncmp(argument, numbers[i].name, length) == 0 &&
            value <= 10 * 1000 * 1000) {
            *numbers[i].number = (uint32_t)value;
            return 0;
        }
    }
    return -EINVAL;
}

static int make(const struct config *config, const struct scale_plan *plan) {
    char file[2 * CONFIG_PATH_SIZE], key_file[2 * CONFIG_PATH_SIZE];
    unsigned char key[STORE_KEY_BYTES];
    struct complaint complaint = {0};
    struct store *store = NULL;
    struct zones *zones = NULL;

    (void)snprintf(file, sizeof file, "%s/cobid.db", config->state_dir);
    (void)snprintf(key_file, sizeof key_file, "%s/key", config->state_dir);
    if (mkdir(config->state_dir, 0700) < 0 && errno != EEXIST) {
        return -errno;
    }
    struct stat there;
    if (stat(file, &there) == 0) {
        return -EEXIST;
    }
    int r = zones_open(&zones);

    r = r < 0 ? r : store_key_load(key_file, true, key, &complaint);
    r = r < 0 ? r : store_open(file, key, &store, &complaint);
    if (r == 0) {
        store_set_volatile(store);
        r = scale_fill(store, config, zones, plan);
    }
    store_close(store);
    zones_free(zones);
    return r;
}

int main(int argc, char **argv) {
    _cleanup_free_ struct complaints *complaints = calloc(1, sizeof *complaints);
    struct scale_plan plan = {.participants = 100, .sessions = 12};
    struct config *config = NULL;
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    plan.now.us = (int64_t)now.tv_sec * SECOND_US;
    for (int i = 2; i < argc; i++) {
        if (read_argument(argv[i], &plan) < 0) {
            (void)fprintf(stderr, "scale_make: %s: not NAME=NUMBER\n", argv[i]);
            return 2;
        }
    }
    if (argc < 2 || !complaints || config_load(argv[1], &config, complaints) < 0) {
        (void)fprintf(stderr, "scale_make: no configuration: %s\n",
                      complaints && complaints->count ? complaints->list[0].text : "usage");
        return 2;
    }
    const int r = make(config, &plan);

    config_free(config);
    if (r < 0) {
        (void)fprintf(stderr, "scale_make: %s\n", strerror(-r));
    }
    return r < 0;
}
