/* seed: a town in a folder, for a daemon to be started on.
 *
 * Usage: seed FOLDER calendar COUNT | seed FOLDER reminders COUNT. Prints the feed's token for a
 * calendar, nothing otherwise. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "town.h"

int main(int argc, char **argv) {
    struct town town;
    char token[TOWN_TOKEN_SIZE];

    if (argc != 4) {
        (void)fprintf(stderr, "usage: seed FOLDER calendar|reminders COUNT\n");
        return 2;
    }
    const uint32_t count = (uint32_t)strtoul(argv[3], NULL, 10);

    town_open(&town, argv[1]);
    town_add_staff(&town);
    if (strcmp(argv[2], "calendar") == 0) {
        town_add_calendar(&town, count);
        town_add_feed(&town, token);
        (void)puts(token);
    } else {
        town_add_reminders(&town, count);
    }
    town_close(&town);
    return 0;
}
