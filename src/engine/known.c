/* When a participant believes a session to be, for messages that say "from ... to ...".
 *
 * A change carries the time that was known when it was born. A change before it that was cancelled
 * since, because it was overtaken on its way, has told nothing: then they still know what that one
 * would have replaced. Not so where an answer to it was lost, for it may have arrived. Asked when a
 * message is claimed, for an earlier one may be turned away after a later one was born. */
#include "known.h"

#include "duty.h"

#include <errno.h>
#include <string.h>

/* Has somebody phoned instead of the change? 1, 0, or a negative errno. */
static int phoned(struct engine *e, const struct message_row *m) {
    enum { TASKS_MAX = 64 };
    struct task_row *rows = arena_alloc(&e->arena, TASKS_MAX, sizeof *rows);
    const char *about = duty_phone_about(e, m);
    const int count = task_list(e->store, m->session, false, "", rows, TASKS_MAX);
    bool found = false;

    for (int i = 0; i < count; i++) {
        found |= rows[i].kind == TASK_PHONE && rows[i].state == TASK_DONE &&
                 strcmp(rows[i].about, about) == 0;
    }
    return count < 0 ? count : found;
}

/* Were they told by that message, or may they have been? One whose answer was lost may have
 * arrived, whatever has become of it since; one that failed has not, unless a person phoned. */
static int tells(struct engine *e, const struct message_row *m) {
    switch (m->state) {
    case MESSAGE_CANCELLED:
        return m->repeat;
    case MESSAGE_FAILED:
    case MESSAGE_UNDELIVERED:
    case MESSAGE_EXPIRED:
    case MESSAGE_SKIPPED:
        return m->repeat ? 1 : phoned(e, m);
    case MESSAGE_QUEUED:
    case MESSAGE_HELD:
    case MESSAGE_SENDING:
    case MESSAGE_ACCEPTED:
    case MESSAGE_DELIVERED:
    case MESSAGE_UNCERTAIN:
    case MESSAGE_UNKNOWN:
        break;
    }
    return 1;
}

static int told(struct engine *e, const struct message_row *rows, int count, uint32_t revision) {
    int found = 0;

    for (int i = 0; i < count && found == 0; i++) {
        found = rows[i].revision == revision ? tells(e, &rows[i]) : 0;
    }
    return found;
}

static bool may_have_arrived(const struct message_row *m, struct instant since) {
    if (instant_cmp(instant_max(m->created_at, m->sent_at), since) < 0) {
        return false;
    }
    switch (m->state) {
    case MESSAGE_SENDING:
    case MESSAGE_ACCEPTED:
    case MESSAGE_DELIVERED:
    case MESSAGE_UNCERTAIN:
    case MESSAGE_UNKNOWN:
        return true;
    case MESSAGE_QUEUED:
    case MESSAGE_HELD:
    case MESSAGE_UNDELIVERED:
    case MESSAGE_FAILED:
    case MESSAGE_CANCELLED:
    case MESSAGE_EXPIRED:
    case MESSAGE_SKIPPED:
        break;
    }
    return m->repeat; /* an answer to it was lost */
}

/* One that ended otherwise was followed by a mail or a task to phone. */
static bool stands(const struct message_row *m, struct instant since) {
    const bool late = instant_cmp(instant_max(m->created_at, m->sent_at), since) >= 0 ||
                      m->state == MESSAGE_QUEUED || m->state == MESSAGE_HELD;

    return late && m->state != MESSAGE_CANCELLED &&
           (m->state != MESSAGE_SKIPPED || strcmp(m->reason, "no_channel") == 0);
}

/* Is there one of those that match? 1, 0, or a negative errno. */
typedef bool message_test(const struct message_row *m, struct instant since);
static int find_any(struct engine *e, const struct message_filter *filter, message_test *test,
                    struct instant since) {
    enum { ROWS_MAX = 32 };
    struct message_row *rows = arena_alloc(&e->arena, ROWS_MAX, sizeof *rows);
    char after[ID_SIZE] = "";
    int count;

    while ((count = message_list(e->store, filter, after, &e->arena, rows, ROWS_MAX)) > 0) {
        memcpy(after, rows[count - 1].id, sizeof after);
        for (int i = 0; i < count; i++) {
            if (test(&rows[i], since)) {
                return 1;
            }
        }
    }
    return count;
}

int known_at_all(struct engine *e, const struct session_row *s) {
    const struct message_filter about = {.session = s->id, .audience = "participant"},
                                all = {.participant = s->participant, .kind = "confirmation"};
    struct session_history_row planned;
    int r = find_any(e, &about, may_have_arrived, (struct instant){0});

    if (r == 0) {
        r = session_history_list(e->store, s->id, &e->arena, &planned, 1);
        r = r <= 0 ? r : find_any(e, &all, may_have_arrived, planned.at);
    }
    return r;
}

int known_by_booking(struct engine *e, const struct session_row *s, struct instant booked_at) {
    const struct message_filter moved = {.session = s->id,
                                         .audience = "participant",
                                         .kind = "change"},
                                all = {.participant = s->participant, .kind = "confirmation"};
    const int r = find_any(e, &moved, stands, booked_at);

    return r != 0 ? r : find_any(e, &all, stands, booked_at);
}

/* The change of the greatest revision before this one, or NULL. */
static const struct message_row *before(const struct message_row *rows, int count,
                                        uint32_t revision) {
    const struct message_row *best = NULL;

    for (int i = 0; i < count; i++) {
        if (rows[i].revision < revision && (!best || rows[i].revision > best->revision)) {
            best = &rows[i];
        }
    }
    return best;
}

int known_start(struct engine *e, const struct message_row *m, struct civil *ret_start) {
    enum { CHANGES_MAX = 64 };
    const struct message_filter filter = {
        .session = m->session, .audience = "participant", .kind = "change"};
    struct civil start = m->old_start;

    if (start.date.year == 0) {
        *ret_start = start;
        return 0;
    }
    struct message_row *rows = arena_alloc(&e->arena, CHANGES_MAX, sizeof *rows);
    const int count = message_list(e->store, &filter, "", &e->arena, rows, CHANGES_MAX);
    const struct message_row *row = before(rows, count, m->revision);
    int r = count;

    while (r >= 0 && row && row->old_start.date.year != 0 &&
           (r = told(e, rows, count, row->revision)) == 0) {
        start = row->old_start;
        row = before(rows, count, row->revision);
    }
    if (r < 0) {
        return r;
    }
    *ret_start = start;
    return 0;
}
