/* Words of a scenario: cutting lines, names for ids, times. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scenario.h"

/* The last attempt of a number: "P-1/3". */
static bool session_alias(struct sim *sim, const char *text, char ret_id[ID_SIZE]) {
    char person[ID_SIZE], number[12];

    if (sscanf(text, "%32[^/]/%11[0-9]", person, number) != 2) {
        return false;
    }
    return witness_text(sim,
                        "SELECT id FROM session WHERE participant=?1 AND number=CAST(?2 AS "
                        "INTEGER) ORDER BY attempt DESC LIMIT 1",
                        (const char *const[]){person, number, NULL}, ret_id, ID_SIZE);
}

/* A chain about no session: "@concern/P-1", or an advocate's, "@concern/P-1/AD-1"; a task about
 * none: "@task/call_advocate/P-1". */
static bool whole_alias(struct sim *sim, const char *alias, char ret_id[ID_SIZE]) {
    char kind[40], person[40], advocate[40] = "";

    if (sscanf(alias, "@task/%39[^/]/%39s", kind, person) == 2) {
        return witness_text(sim,
                            "SELECT id FROM task WHERE kind=?1 AND participant=?2 AND session='' "
                            "ORDER BY created_us DESC,id LIMIT 1",
                            (const char *const[]){kind, person, NULL}, ret_id, ID_SIZE);
    }
    return sscanf(alias, "@%39[^/]/%39[^/]/%39s", kind, person, advocate) >= 2 &&
           witness_text(sim,
                        "SELECT id FROM escalation WHERE kind=?1 AND participant=?2 AND "
                        "advocate=?3 AND session='' ORDER BY opened_us DESC,id LIMIT 1",
                        (const char *const[]){kind, person, advocate, NULL}, ret_id, ID_SIZE);
}

bool words_alias(struct sim *sim, const char *alias, char ret_id[ID_SIZE]) {
    char first[40], second[40], session[ID_SIZE];
    int used = 0;

    if (sscanf(alias, "@task/%39[^/]/%n", first, &used) == 1 && used &&
        session_alias(sim, alias + used, session)) {
        return witness_text(
            sim,
            "SELECT id FROM task WHERE kind=?1 AND session=?2 ORDER BY created_us DESC,id LIMIT 1",
            (const char *const[]){first, session, NULL}, ret_id, ID_SIZE);
    }
    if (sscanf(alias, "@message/%39[^/]/%n", first, &used) == 1 && used &&
        session_alias(sim, alias + used, session)) {
        return witness_text(sim,
                            "SELECT id FROM message WHERE kind=?1 AND session=?2 ORDER BY "
                            "created_us DESC,ordinal DESC LIMIT 1",
                            (const char *const[]){first, session, NULL}, ret_id, ID_SIZE);
    }
    if (whole_alias(sim, alias, ret_id)) {
        return true;
    }
    if (strncmp(alias, "@missed/", 8) != 0 && strncmp(alias, "@unrecorded/", 12) != 0) {
        return session_alias(sim, alias + 1, ret_id);
    }
    /* @KIND/PERSON/NUMBER or @KIND/PERSON/NUMBER/ADVOCATE */
    const char *place = strchr(alias, '/') + 1;
    const int parts = sscanf(place, "%*[^/]/%*[0-9]/%39s", second);

    (void)snprintf(first, sizeof first, "%.*s", (int)(place - alias - 2), alias + 1);
    return session_alias(sim, place, session) &&
           witness_text(sim,
                        "SELECT id FROM escalation WHERE kind=?1 AND session=?2 AND advocate=?3 "
                        "ORDER BY opened_us DESC LIMIT 1",
                        (const char *const[]){first, session, parts == 1 ? second : "", NULL},
                        ret_id, ID_SIZE);
}

static int add_word(struct words *w, struct sim *sim, struct text *store, const char *word,
                    size_t length) {
    char plain[SCENARIO_LINE_SIZE], id[ID_SIZE];
    const size_t start = store->length;

    if (w->count == SCENARIO_WORDS_MAX || length >= sizeof plain) {
        return -EINVAL;
    }
    memcpy(plain, word, length);
    plain[length] = '\0';
    char *alias = plain[0] == '@' ? plain : strstr(plain, "=@");

    if (sim && alias) {
        alias += *alias == '=';
        text_add_bytes(store, plain, (size_t)(alias - plain));
        text_add(store, words_alias(sim, alias, id) ? id : "nothing-of-that-name");
    } else {
        text_add(store, plain);
    }
    w->word[w->count++] = &w->text[start];
    store->length++; /* keeps the NUL */
    return store->overflow || store->length >= store->capacity ? -EINVAL : 0;
}

int words_read(struct words *w, struct sim *sim, const char *line) {
    char word[SCENARIO_LINE_SIZE];
    size_t length = 0;
    bool quoted = false, inside = false;
    struct text store;

    memset(w, 0, sizeof *w);
    text_init(&store, w->text, sizeof w->text);
    for (const char *p = line;; p++) {
        const bool ends = *p == '\0' || *p == '\n' || *p == '#' || *p == ' ' || *p == '\t';
        if (ends && (!quoted || *p == '\0' || *p == '\n')) {
            const int r = quoted ? -EINVAL : inside ? add_word(w, sim, &store, word, length) : 0;
            if (r < 0 || *p == '\0' || *p == '\n' || *p == '#') {
                return r;
            }
            length = 0;
            inside = false;
        } else if (*p == '"') {
            quoted = !quoted;
            inside = true;
        } else if (length < sizeof word - 1) {
            word[length++] = *p;
            inside = true;
        } else {
            return -EINVAL;
        }
    }
}

const char *words_value(const struct words *w, const char *name) {
    const size_t length = strlen(name);

    for (int i = 1; i < w->count; i++) {
        if (strncmp(w->word[i], name, length) == 0 && w->word[i][length] == '=') {
            return w->word[i] + length + 1;
        }
    }
    return NULL;
}

int words_time(struct sim *sim, const char *text, struct instant *ret_time) {
    struct civil civil;

    if (instant_from_text(text, ret_time) == 0) {
        return 0;
    }
    const int r = civil_from_text(text, &civil);

    if (r == 0) {
        (void)zone_resolve(sim->kit->zone, civil, ZONE_FIRST,
                           ret_time); /* a scenario that means the second says so in UTC */
    }
    return r;
}
