/* The mail that a practitioner gets on each working day: sessions of today, outcomes that are
 * overdue, open tasks. A job of its own wakes the daemon for it, by the clock of their office.
 *
 * On a day off, a bank holiday or an absence there is none, and none when there is nothing to say.
 * It only repeats what is on record: what is urgent never waits for it. */
#include "digest.h"

#include <errno.h>
#include <string.h>

#include "cobi/template/wording.h"
#include "duty.h"
#include "handover.h"
#include "outbox.h"

enum {
    LINES_MAX = 30, /* of each part; the next line says how many more */
    LINE_SIZE = 160,
    TASKS_MAX = 200,
    SESSIONS_MAX = 200,
    LATE_HOURS = 12, /* later than this it is no mail for this day */
    SEARCH_DAYS = 21
};

static struct instant day_at(const struct zone *zone, struct date day, uint32_t minute) {
    struct instant t;

    (void)zone_resolve(zone, civil_at(day, (uint16_t)minute), ZONE_FIRST,
                       &t); /* in a gap: just after it; in an overlap: the first of the two */
    return t;
}

/* ---- what there is to say ---- */

struct part {
    struct text text;
    int count;
};

static void part_begin(struct engine *e, struct part *part) {
    const size_t size = (size_t)(LINES_MAX + 2) * LINE_SIZE;

    text_init(&part->text, arena_alloc(&e->arena, size, 1), size);
}

/* True while there is room for another line. */
static bool part_next(struct part *part, const char *heading) {
    if (part->count++ == 0) {
        text_add(&part->text, heading);
    }
    return part->count <= LINES_MAX;
}

static const char *part_end(struct part *part) {
    if (part->count > LINES_MAX) {
        text_addf(&part->text, "\nand %d more", part->count - LINES_MAX);
    }
    return part->text.data;
}

static int read_today(struct engine *e, const struct person *person, struct part *part) {
    const struct date today = zone_civil(person->zone, e->now).date;
    const struct session_filter filter = {.practitioner = person->id,
                                          .state = "planned",
                                          .from = e->now,
                                          .to = day_at(person->zone, date_add_days(today, 1), 0)};
    struct session_row *rows = arena_alloc(&e->arena, SESSIONS_MAX, sizeof *rows);
    const int count = session_list(e->store, &filter, rows, SESSIONS_MAX);

    for (int i = 0; i < count; i++) {
        if (part_next(part, "Sessions today:")) {
            text_addf(&part->text, "\n%s  %s, session %u of %u (%s)",
                      wording_time(LANGUAGE_EN, rows[i].start, &e->arena), rows[i].participant,
                      rows[i].number, rows[i].of, rows[i].id);
        }
    }
    return count < 0 ? count : 0;
}

static void add_overdue(struct engine *e, const struct session_row *s, struct part *part) {
    const struct instant asked = instant_add(session_end(s), e->setup.config->outcome_ask_after);

    if (instant_cmp(e->now, asked) >= 0 && part_next(part, "Outcomes to record:")) {
        text_addf(&part->text, "\n%s  %s, session %u of %u (%s)",
                  wording_long_day(LANGUAGE_EN, s->start.date, &e->arena), s->participant,
                  s->number, s->of, s->id);
    }
}

static int read_overdue(struct engine *e, const struct person *person, struct part *part) {
    const struct session_filter filter = {.practitioner = person->id, .state = "awaiting_outcome"};
    struct session_row *rows = arena_alloc(&e->arena, SESSIONS_MAX, sizeof *rows);
    const int count = session_list(e->store, &filter, rows, SESSIONS_MAX);

    for (int i = 0; i < count; i++) {
        add_overdue(e, &rows[i], part);
    }
    return count < 0 ? count : 0;
}

/* Of the participants they have now: what somebody held who has left. */
static int read_inherited(struct engine *e, const struct person *person, struct part *part) {
    enum { PARTICIPANTS_MAX = 500 };
    char(*ids)[ID_SIZE] = arena_alloc(&e->arena, PARTICIPANTS_MAX, sizeof *ids);
    struct session_row *rows = arena_alloc(&e->arena, SESSIONS_MAX, sizeof *rows);
    const int people = participant_list_practitioner(e->store, person->id, "", ids,
                                                     PARTICIPANTS_MAX);

    for (int i = 0; i < people; i++) {
        const struct session_filter filter = {.participant = ids[i], .state = "awaiting_outcome"};
        const int count = session_list(e->store, &filter, rows, SESSIONS_MAX);
        for (int k = 0; k < count; k++) {
            const int gone = handover_gone(e, rows[k].practitioner);
            if (gone < 0) {
                return gone;
            }
            if (gone) {
                add_overdue(e, &rows[k], part);
            }
        }
        if (count < 0) {
            return count;
        }
    }
    return people < 0 ? people : 0;
}

static int read_tasks(struct engine *e, const struct person *person, struct part *part) {
    struct task_row *rows = arena_alloc(&e->arena, TASKS_MAX, sizeof *rows);
    const int count = task_list_owner(e->store, person->id, "", rows, TASKS_MAX);

    for (int i = 0; i < count; i++) {
        if (part_next(part, "Tasks:")) {
            const struct date due = zone_civil(person->zone, rows[i].due).date;
            text_addf(&part->text, "\n%s  %s%s%s, by %s", rows[i].id, duty_text(rows[i].kind),
                      *rows[i].participant ? ", " : "", rows[i].participant,
                      wording_long_day(LANGUAGE_EN, due, &e->arena));
        }
    }
    return count < 0 ? count : 0;
}

int digest_read(struct engine *e, const char *practitioner, struct digest *ret_digest) {
    struct part today = {0}, overdue = {0}, tasks = {0};
    struct person person;
    int r = person_find(e, AUDIENCE_PRACTITIONER, practitioner, &person);

    if (r < 0) {
        return r;
    }
    part_begin(e, &today);
    part_begin(e, &overdue);
    part_begin(e, &tasks);
    r = read_today(e, &person, &today);
    r = r < 0 ? r : read_overdue(e, &person, &overdue);
    r = r < 0 ? r : read_inherited(e, &person, &overdue);
    r = r < 0 ? r : read_tasks(e, &person, &tasks);
    if (r < 0) {
        return r;
    }
    *ret_digest = (struct digest){.today = part_end(&today),
                                  .overdue = part_end(&overdue),
                                  .tasks = part_end(&tasks),
                                  .empty = today.count + overdue.count + tasks.count == 0};
    return 0;
}

/* ---- when ---- */

static bool works_on(struct engine *e, const struct person *person, struct date day) {
    const struct holidays *holidays = e->setup.holidays;

    return hours_touch(&person->hours, date_weekday(day), 0, 1440) &&
           !(holidays && holidays_find(holidays, day));
}

/* The next working day's, after now; far away where somebody keeps no hours. */
static struct instant next_time(struct engine *e, const struct person *person) {
    const uint32_t minute = e->setup.config->digest_at_minute;
    struct date day = zone_civil(person->zone, e->now).date;

    for (int i = 0; i < SEARCH_DAYS; i++, day = date_add_days(day, 1)) {
        const struct instant t = day_at(person->zone, day, minute);
        if (works_on(e, person, day) && instant_cmp(t, e->now) > 0) {
            return t;
        }
    }
    return day_at(person->zone, day, minute);
}

int digest_arm(struct engine *e, const char *practitioner) {
    struct job_row job = {.kind = JOB_DIGEST};
    struct person person;
    int r = person_find(e, AUDIENCE_PRACTITIONER, practitioner, &person);

    r = r < 0 ? r : text_copy(job.subject, sizeof job.subject, practitioner);
    if (r < 0) {
        return r;
    }
    job.wake_at = next_time(e, &person);
    return job_set(e->store, &job);
}

static int add(struct engine *e, const struct person *person, struct date today,
               struct instant due) {
    struct message_row m = outbox_blank(e, KIND_DIGEST, AUDIENCE_PRACTITIONER, person->id);
    char day[DATE_TEXT_SIZE];

    date_to_text(today, day);
    m.due = due;
    const int r = text_copy(m.topic, sizeof m.topic, day);

    return r < 0 ? r : outbox_add(e, &m);
}

int digest_due(struct engine *e, const char *practitioner) {
    struct person person;
    struct digest digest;
    int r = person_find(e, AUDIENCE_PRACTITIONER, practitioner, &person);

    if (r < 0) {
        return r;
    }
    const struct date today = zone_civil(person.zone, e->now).date;
    const struct instant due = day_at(person.zone, today, e->setup.config->digest_at_minute);
    const bool time = instant_cmp(e->now, due) >= 0 &&
                      instant_cmp(e->now, instant_add(due, span_hours(LATE_HOURS))) < 0;

    if (time && works_on(e, &person, today) && !person.absent_today) {
        r = digest_read(e, practitioner, &digest);
        r = r < 0 || digest.empty ? r : add(e, &person, today, due);
    }
    return r < 0 ? r : digest_arm(e, practitioner);
}
