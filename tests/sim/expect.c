/* EXPECT: what a scenario hopes to find in the world's log and in the committed rows.
 *
 * A word is FIELD=VALUE; a field the subject does not have is an error of the scenario, so that a
 * typing mistake cannot pass. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "scenario.h"

/* Which rows: fields are columns; "session=P-1/3" in a scenario has become an id by "@". */
static const struct {
    const char *subject, *table, *fields; /* separated by blanks; "name:column" where they differ */
} subjects[] = {
    {"session", "session",
     "participant state revision outcome local:start_local practitioner number attempt flags"},
    {"message", "message",
     "kind audience to:recipient channel state reason session topic revision step repeat ordinal "
     "participant"},
    {"escalation", "escalation",
     "kind audience advocate participant session state told step cycle exhausted acknowledged_by "
     "resolved_by"},
    {"task", "task", "kind owner next_owner state session participant about reminded done_by"},
    {"participant", "participant_state", "id state because started window_end plan_start"},
};

struct range {
    long least, most;
};

static int read_count(const struct words *w, struct range *ret_range, struct complaint *complaint) {
    const char *text = words_value(w, "count");
    char *end = NULL;

    *ret_range = (struct range){1, 1000000};
    if (!text) {
        return 0;
    }
    ret_range->least = ret_range->most = strtol(text, &end, 10);
    if (strcmp(end, "+") == 0) {
        ret_range->most = 1000000;
    } else if (*end == '-') {
        ret_range->most = strtol(end + 1, &end, 10);
    }
    return end == text || (*end && strcmp(end, "+") != 0)
               ? complain(complaint, -EINVAL, "count=%s: must be 2, 1+ or 1-2", text)
               : 0;
}

static int judge_count(const struct words *w, long found, struct complaint *complaint) {
    struct range range;
    const int r = read_count(w, &range, complaint);

    if (r == 0 && (found < range.least || found > range.most)) {
        return complain(complaint, -EINVAL, "found %ld, expected %ld%s", found, range.least,
                        range.most > range.least ? " or more (up to the most given)" : "");
    }
    return r;
}

/* ---- rows ---- */

static bool find_column(const char *fields, const char *name, size_t length, char ret_column[40]) {
    const char *p = fields;

    while (*p) {
        const size_t word = strcspn(p, " ");
        const size_t before = strcspn(p, ": ");
        if (before == length && strncmp(p, name, length) == 0) {
            const char *column = p[before] == ':' ? p + before + 1 : p;
            (void)snprintf(ret_column, 40, "%.*s", (int)(word - (size_t)(column - p)), column);
            return true;
        }
        p += word + (p[word] == ' ');
    }
    return false;
}

static int expect_rows(struct sim *sim, size_t subject, const struct words *w,
                       struct complaint *complaint) {
    const char *values[SCENARIO_WORDS_MAX] = {0};
    char sql[2000], column[40];
    struct text t = TEXT_IN(sql);
    int bound = 0;

    text_addf(&t, "SELECT count(*) FROM %s WHERE 1", subjects[subject].table);
    for (int i = 2; i < w->count; i++) {
        const char *equals = strchr(w->word[i], '=');
        const size_t length = equals ? (size_t)(equals - w->word[i]) : 0;
        if (!equals) { /* "EXPECT session @P-1/3 ..." */
            text_addf(&t, " AND id=?%d", bound + 1);
            values[bound++] = w->word[i];
        } else if (strncmp(w->word[i], "count=", 6) == 0) {
            continue;
        } else if (find_column(subjects[subject].fields, w->word[i], length, column)) {
            text_addf(&t, " AND CAST(%s AS TEXT)=?%d", column, bound + 1);
            values[bound++] = equals + 1;
        } else {
            return complain(complaint, -EINVAL, "%s: a %s has no such field", w->word[i],
                            subjects[subject].subject);
        }
    }
    if (t.overflow) {
        return complain(complaint, -EINVAL, "too many conditions");
    }
    return judge_count(w, (long)witness_number(sim, sql, values), complaint);
}

/* ---- what the world received ---- */

static bool between(struct sim *sim, const char *range, struct instant at) {
    char first[40], last[40];
    struct instant from, to;

    return sscanf(range, "%39[^.]..%39s", first, last) == 2 && words_time(sim, first, &from) == 0 &&
           words_time(sim, last, &to) == 0 && at.us >= from.us && at.us <= to.us;
}

/* 1 fits, 0 does not, -EINVAL: no such field. */
static int fits(struct sim *sim, const struct parcel *p, const char *name, const char *value) {
    struct instant at;

    if (strcmp(name, "kind") == 0) {
        return strcmp(message_kind_to_text(p->kind), value) == 0;
    }
    if (strcmp(name, "to") == 0) {
        return strcmp(p->recipient, value) == 0;
    }
    if (strcmp(name, "audience") == 0) {
        return strcmp(audience_to_text(p->audience), value) == 0;
    }
    if (strcmp(name, "channel") == 0) {
        return strcmp(channel_to_text(p->channel), value) == 0;
    }
    if (strcmp(name, "session") == 0) {
        return strcmp(p->session, value) == 0;
    }
    if (strcmp(name, "escalation") == 0) {
        return strcmp(p->escalation, value) == 0;
    }
    if (strcmp(name, "text") == 0) {
        return strstr(p->body, value) != NULL;
    }
    if (strcmp(name, "subject") == 0) {
        return strstr(p->subject, value) != NULL;
    }
    if (strcmp(name, "between") == 0) {
        return between(sim, value, p->at);
    }
    if (strcmp(name, "at") == 0) { /* to the minute */
        return words_time(sim, value, &at) < 0 ? -EINVAL
                                               : p->at.us >= at.us && p->at.us < at.us + MINUTE_US;
    }
    return -EINVAL;
}

static int expect_sent(struct sim *sim, const struct words *w, struct complaint *complaint) {
    long found = 0;

    for (size_t i = 0; i < sim->parcel_count + 1; i++) {
        const struct parcel none = {.subject = (char[]){""}, .body = (char[]){""}};
        const struct parcel *p = i < sim->parcel_count
                                     ? &sim->parcels[i]
                                     : &none; /* the last round only checks the words */
        bool all = i < sim->parcel_count;
        for (int n = 2; n < w->count; n++) {
            char name[20] = "";
            const char *equals = strchr(w->word[n], '=');
            if (!equals || sscanf(w->word[n], "%19[a-z]", name) != 1) {
                return complain(complaint, -EINVAL, "%s: must be FIELD=VALUE", w->word[n]);
            }
            const int r = strcmp(name, "count") == 0 ? 1 : fits(sim, p, name, equals + 1);
            if (r < 0) {
                return complain(complaint, -EINVAL,
                                "%s: nothing sent has such a field, or it is no time", w->word[n]);
            }
            all = all && r;
        }
        found += all;
    }
    return judge_count(w, found, complaint);
}

static int expect_health(struct sim *sim, const struct words *w, struct complaint *complaint) {
    struct audit_report report;
    const char *word = w->count > 2 ? w->word[2] : "";

    if (strcmp(word, "good") != 0 && strcmp(word, "red") != 0) {
        return complain(complaint, -EINVAL, "EXPECT health: good or red");
    }
    if (engine_audit(sim->engine, &report) < 0 || report.healthy != (strcmp(word, "good") == 0)) {
        return complain(complaint, -EINVAL, "health is %s: %s", report.healthy ? "good" : "red",
                        report.trouble);
    }
    return 0;
}

/* ---- what the last command answered ---- */

static bool answer_holds(const json_t *answer, const char *name, const char *value) {
    const json_t *field = json_object_get(answer, name);
    char number[24];

    if (json_is_integer(field)) {
        (void)snprintf(number, sizeof number, "%lld", (long long)json_integer_value(field));
        return strcmp(number, value) == 0;
    }
    return field && strcmp(json_is_string(field) ? json_string_value(field) : "null", value) == 0;
}

/* FIELD=VALUE for each field; text=TEXT is looked for anywhere, with no quotes in it. */
static int expect_answer(struct sim *sim, const struct words *w, struct complaint *complaint) {
    char plain[ANSWER_SIZE];
    struct text t = TEXT_IN(plain);
    json_t *answer = json_loads(sim->answer, 0, NULL);
    int r = 0;

    for (const char *p = sim->answer; *p; p++) {
        text_add_bytes(&t, p, *p != '"');
    }
    for (int n = 2; n < w->count && r == 0; n++) {
        char name[40] = "";
        const char *equals = strchr(w->word[n], '=');
        if (!equals || sscanf(w->word[n], "%39[a-z_0-9]", name) != 1) {
            r = complain(complaint, -EINVAL, "%s: must be FIELD=VALUE", w->word[n]);
        } else if (strcmp(name, "text") == 0 ? !strstr(plain, equals + 1)
                                             : !answer_holds(answer, name, equals + 1)) {
            r = complain(complaint, -EINVAL, "%s: the answer was %.250s", w->word[n], sim->answer);
        }
    }
    json_decref(answer);
    return r;
}

int expect(struct sim *sim, const struct words *w, struct complaint *complaint) {
    const char *subject = w->count > 1 ? w->word[1] : "";

    if (strcmp(subject, "sent") == 0) {
        return expect_sent(sim, w, complaint);
    }
    if (strcmp(subject, "health") == 0) {
        return expect_health(sim, w, complaint);
    }
    if (strcmp(subject, "answer") == 0) {
        return expect_answer(sim, w, complaint);
    }
    for (size_t i = 0; i < ARRAY_COUNT(subjects); i++) {
        if (strcmp(subjects[i].subject, subject) == 0) {
            return expect_rows(sim, i, w, complaint);
        }
    }
    return complain(complaint, -EINVAL,
                    "EXPECT %s: sent, message, session, escalation, task, participant, answer or "
                    "health",
                    subject);
}
