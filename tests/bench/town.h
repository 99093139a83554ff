/* A town to measure in: a store in a folder as the daemon makes it, filled with people, sessions
 * and queued reminders that nobody typed. Used by the programs of `make bench`; whatever fails ends
 * the program with a line that says what. */
#ifndef COBI_TESTS_BENCH_TOWN_H
#define COBI_TESTS_BENCH_TOWN_H

#include "cobi/base/cleanup.h"
#include "cobi/ical/zones.h"
#include "cobi/store/journal.h"
#include "cobi/store/messages.h"
#include "cobi/store/people.h"
#include "cobi/store/sessions.h"
#include "cobi/store/store.h"

#define TOWN_OFFICE       "north"
#define TOWN_PRACTITIONER "ada"
#define TOWN_PARTICIPANT  "Z-plan" /* nobody planned it yet */

struct town {
    struct store *store;
    struct zones *zones;
    const struct zone *zone; /* Europe/London */
    struct arena arena;
    struct instant now; /* the clock as the town was opened */
};
/* Ends the program when r < 0. */
void town_must(int r, const char *what);
/* Opens or makes FOLDER/cobid.db and FOLDER/key. Not durable until the program has ended. */
void town_open(struct town *town, const char *folder);
void town_close(struct town *town);

/* The office, its supervisor, the practitioner of the calendar and one participant without
 * sessions. */
void town_add_staff(struct town *town);
/* `count` planned sessions of the practitioner, 60 minutes each, eight on every weekday from
 * tomorrow on, of as many participants as that needs with twelve each. */
void town_add_calendar(struct town *town, uint32_t count);
/* A feed of the practitioner; token is what its URL holds. */
#define TOWN_TOKEN_SIZE 44
void town_add_feed(struct town *town, char ret_token[TOWN_TOKEN_SIZE]);
/* `count` participants in the middle of their twelve sessions, and for each a text queued and due
 * now: the reminder of tomorrow's. */
void town_add_reminders(struct town *town, uint32_t count);

#endif
