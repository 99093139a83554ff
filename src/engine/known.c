/* When a participant believes a session to be, for messages that say "from ... to ...".
 *
 * A change carries the time that was known when it was born. A change before it that was cancelled
 * since, because it was overtaken on its way, has told nothing: then they still know what that one
 * would have replaced. Not so where an answer to it was lost, for it may have arrived. Asked when a
 * message is claimed, for an earlier one may be turned away after a later one was born. */
#include "known.h"

#include <errno.h>
#include <string.h>

/* Were they told of that revision, or may they have been? One whose answer was lost may have
 * arrived, whatever has become of it since. */
static bool told(const struct message_row *rows, int count, uint32_t revision) {
    for (int i = 0; i < count; i++) {
        if (rows[i].revision == revision &&
            (rows[i].state != MESSAGE_CANCELLED || rows[i].repeat)) {
            return true;
        }
    }
    return false;
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

    while (row && row->old_start.date.year != 0 && !told(rows, count, row->revision)) {
        start = row->old_start;
        row = before(rows, count, row->revision);
    }
    if (count < 0) {
        return count;
    }
    *ret_start = start;
    return 0;
}
