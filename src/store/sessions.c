/* Sessions and their history, row by row. Every update is guarded by the state and revision it was
 * decided on. */
#include "cobi/store/sessions.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "query.h"

static void bind_verdict(struct query *q, const struct session_row *row) {
    bind_int(q, row->verdict);
    bind_text(q, row->told_outcome);
    bind_instant(q, row->told_at);
    bind_text(q, row->review_outcome);
    bind_text(q, row->review_by);
    bind_instant(q, row->review_at);
    bind_text(q, row->contact);
}

int session_insert(struct store *store, const struct session_row *row) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_SESSION_INSERT);

    bind_text(&q, row->id);
    bind_text(&q, row->participant);
    bind_text(&q, row->practitioner);
    bind_text(&q, row->office);
    bind_int(&q, row->number);
    bind_int(&q, row->of);
    bind_int(&q, row->attempt);
    bind_text(&q, row->module);
    bind_civil(&q, row->start);
    bind_text(&q, row->zone);
    bind_instant(&q, row->start_at);
    bind_int(&q, row->minutes);
    bind_text(&q, row->mode);
    bind_text(&q, row->uid);
    bind_int(&q, row->revision);
    bind_instant(&q, row->revised_at);
    bind_text(&q, session_state_to_text(row->state));
    bind_text(&q, row->outcome);
    bind_instant(&q, row->recorded_at);
    bind_text(&q, row->recorded_by);
    bind_verdict(&q, row);
    bind_int(&q, row->flags);
    bind_int(&q, row->steps_done);
    bind_instant(&q, row->wake_at);
    const int r = query_run(&q);

    return r < 0 ? r : 0;
}

int session_update(struct store *store, const struct session_row *row,
                   enum session_state from_state, uint32_t from_revision) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_SESSION_UPDATE);

    bind_text(&q, row->practitioner);
    bind_text(&q, row->office);
    bind_civil(&q, row->start);
    bind_text(&q, row->zone);
    bind_instant(&q, row->start_at);
    bind_int(&q, row->minutes);
    bind_text(&q, row->mode);
    bind_int(&q, row->revision);
    bind_instant(&q, row->revised_at);
    bind_text(&q, session_state_to_text(row->state));
    bind_text(&q, row->outcome);
    bind_instant(&q, row->recorded_at);
    bind_text(&q, row->recorded_by);
    bind_verdict(&q, row);
    bind_int(&q, row->flags);
    bind_int(&q, row->steps_done);
    bind_instant(&q, row->wake_at);
    bind_text(&q, row->id);
    bind_text(&q, session_state_to_text(from_state));
    bind_int(&q, from_revision);
    const int r = query_run(&q);

    return r < 0 ? r : r == 1 ? 0 : -ESTALE;
}

static int read_session(struct query *q, struct session_row *ret_row) {
    struct session_row row = {0};
    char state[24];

    READ_TEXT(q, row.id);
    READ_TEXT(q, row.participant);
    READ_TEXT(q, row.practitioner);
    READ_TEXT(q, row.office);
    row.number = read_count(q);
    row.of = read_count(q);
    row.attempt = read_count(q);
    READ_TEXT(q, row.module);
    row.start = read_civil(q);
    READ_TEXT(q, row.zone);
    row.start_at = read_instant(q);
    row.minutes = read_count(q);
    READ_TEXT(q, row.mode);
    READ_TEXT(q, row.uid);
    row.revision = read_count(q);
    row.revised_at = read_instant(q);
    READ_TEXT(q, state);
    READ_TEXT(q, row.outcome);
    row.recorded_at = read_instant(q);
    READ_TEXT(q, row.recorded_by);
    row.verdict = read_count(q);
    READ_TEXT(q, row.told_outcome);
    row.told_at = read_instant(q);
    READ_TEXT(q, row.review_outcome);
    READ_TEXT(q, row.review_by);
    row.review_at = read_instant(q);
    READ_TEXT(q, row.contact);
    row.flags = read_count(q);
    row.steps_done = read_count(q);
    row.wake_at = read_instant(q);
    if (!q->error && (session_state_from_text(state, &row.state) < 0 || row.start.date.year == 0)) {
        query_fail(q, -EUCLEAN);
    }
    if (q->error) {
        return q->error;
    }
    *ret_row = row;
    return 0;
}

int session_find(struct store *store, const char *id, struct session_row *ret_row) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_SESSION_FIND);

    bind_lent(&q, id);
    const int r = query_row(&q);

    return r > 0 ? read_session(&q, ret_row) : r < 0 ? r : -ENOENT;
}

int session_stands(struct store *store, const char *id, struct session_standing *ret_standing) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_SESSION_STANDS);
    struct session_standing standing;
    char state[24];

    bind_lent(&q, id);
    const int r = query_row(&q);
    if (r <= 0) {
        return r < 0 ? r : -ENOENT;
    }
    standing.revision = read_count(&q);
    READ_TEXT(&q, state);
    if (q.error || session_state_from_text(state, &standing.state) < 0) {
        return q.error ? q.error : -EUCLEAN;
    }
    *ret_standing = standing;
    return 0;
}

static enum statement list_statement(const struct session_filter *filter, const char **ret_key) {
    if (filter->participant) {
        *ret_key = filter->participant;
        return STATEMENT_SESSION_OF_PARTICIPANT;
    }
    if (filter->practitioner) {
        *ret_key = filter->practitioner;
        return STATEMENT_SESSION_OF_PRACTITIONER;
    }
    *ret_key = filter->office ? filter->office : "";
    return filter->office ? STATEMENT_SESSION_OF_OFFICE : STATEMENT_SESSION_ALL;
}

static int64_t range_from(const struct session_filter *filter) {
    return filter->from.us ? filter->from.us : INT64_MIN;
}

static int64_t range_to(const struct session_filter *filter) {
    return filter->to.us ? filter->to.us : INT64_MAX;
}

int session_list(struct store *store, const struct session_filter *filter,
                 struct session_row *ret_rows, size_t capacity) {
    const char *key = NULL;
    const enum statement statement = list_statement(filter, &key);
    _cleanup_query_ struct query q = query_begin(store, statement);
    size_t count = 0;

    bind_text(&q, key);
    bind_int(&q, range_from(filter));
    bind_int(&q, range_to(filter));
    bind_text(&q, filter->state ? filter->state : "");
    bind_int(&q, filter->live);
    bind_text(&q, filter->practitioner ? filter->practitioner : "");
    bind_text(&q, filter->office ? filter->office : "");
    bind_int(&q, (int64_t)capacity);
    while (count < capacity && query_row(&q) > 0) {
        const int r = read_session(&q, &ret_rows[count]);
        if (r < 0 && !query_pass_over(&q, r)) {
            return r;
        }
        count += r == 0;
    }
    return q.error ? q.error : (int)count;
}

int session_list_taken(struct store *store, const char *practitioner, const char *office,
                       struct instant from, struct session_taken *ret_rows, size_t capacity) {
    _cleanup_query_ struct query q = query_begin(store, practitioner
                                                            ? STATEMENT_SESSION_TAKEN_PRACTITIONER
                                                            : STATEMENT_SESSION_TAKEN_OFFICE);
    char mode[12];
    size_t count = 0;

    bind_text(&q, practitioner ? practitioner : office);
    bind_instant(&q, from);
    bind_int(&q, (int64_t)capacity);
    while (count < capacity && query_row(&q) > 0) {
        struct session_taken *row = &ret_rows[count];
        READ_TEXT(&q, row->id);
        row->start_at = read_instant(&q);
        row->minutes = read_count(&q);
        READ_TEXT(&q, mode);
        row->in_person = strcmp(mode, "in_person") == 0;
        if (q.error && !query_pass_over(&q, q.error)) {
            return q.error;
        }
        count += q.error == 0;
    }
    return q.error ? q.error : (int)count;
}

int session_last_attempt(struct store *store, const char *participant, uint32_t number,
                         uint32_t *ret_attempt) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_SESSION_LAST_ATTEMPT);

    bind_text(&q, participant);
    bind_int(&q, number);
    const int r = query_row(&q);
    const uint32_t attempt = r > 0 ? read_count(&q) : 0;

    if (r < 0 || q.error) {
        return r < 0 ? r : q.error;
    }
    *ret_attempt = attempt;
    return 0;
}

int session_due(struct store *store, struct instant now, char (*ret_ids)[ID_SIZE],
                size_t capacity) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_SESSION_DUE);

    bind_instant(&q, now);
    bind_int(&q, (int64_t)capacity);
    return query_ids(&q, "session", ret_ids[0], ID_SIZE, capacity);
}

int session_outcome_used(struct store *store, const char *code) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_SESSION_OUTCOME_USED);

    bind_text(&q, code);
    return query_row(&q) > 0 ? read_int(&q) != 0 : q.error;
}

/* Each line has a number, so that the box of its reason is bound to this line and no other. */
enum { LINE_KEY_SIZE = ID_SIZE + 24 };

static void line_key(const char *session, int64_t line, char buffer[LINE_KEY_SIZE]) {
    struct text t;

    text_init(&t, buffer, LINE_KEY_SIZE);
    text_addf(&t, "%s %" PRId64, session, line);
}

static int last_line(struct store *store, const char *session, int64_t *ret_line) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_SESSION_HISTORY_LAST);

    bind_text(&q, session);
    const int r = query_row(&q);

    if (r <= 0) {
        return r < 0 ? r : -EIO;
    }
    *ret_line = read_int(&q);
    return 0;
}

int session_zone_next(struct store *store, const char *after, char ret_zone[ZONE_NAME_SIZE]) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_SESSION_ZONE_NEXT);

    bind_text(&q, after);
    bind_int(&q, ZONE_NAME_SIZE);
    const int r = query_row(&q);
    if (r < 0) {
        return r;
    }
    ret_zone[0] = '\0';
    if (sqlite3_column_type(q.statement, 0) != SQLITE_NULL) {
        read_text(&q, ret_zone, ZONE_NAME_SIZE);
    }
    return q.error;
}

int session_of_zone(struct store *store, const char *zone, const char *after,
                    struct session_row *ret_rows, size_t capacity) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_SESSION_OF_ZONE);
    size_t count = 0;

    bind_text(&q, zone);
    bind_text(&q, after);
    bind_int(&q, (int64_t)capacity);
    while (count < capacity && query_row(&q) > 0) {
        const int r = read_session(&q, &ret_rows[count]);
        if (r < 0) {
            return r;
        }
        count++;
    }
    return q.error ? q.error : (int)count;
}

int session_park(struct store *store, const char *id) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_SESSION_PARK);

    bind_int(&q, SESSION_PARKED_US);
    bind_text(&q, id);
    const int r = query_run(&q);

    return r < 0 ? r : r == 1 ? 0 : -ENOENT;
}

int session_parked(struct store *store, char (*ret_ids)[ID_SIZE], size_t capacity) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_SESSION_PARKED);

    bind_int(&q, SESSION_PARKED_US);
    bind_int(&q, (int64_t)capacity);
    return query_ids(&q, "session", ret_ids[0], ID_SIZE, capacity);
}

int session_history_add(struct store *store, const char *session,
                        const struct session_history_row *row) {
    char key[LINE_KEY_SIZE];
    int64_t line = 0;
    int r = last_line(store, session, &line);

    if (r < 0) {
        return r;
    }
    line_key(session, line + 1, key);
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_SESSION_HISTORY_INSERT);

    bind_text(&q, session);
    bind_int(&q, line + 1);
    bind_instant(&q, row->at);
    bind_text(&q, row->what);
    bind_civil(&q, row->start);
    bind_text(&q, row->zone);
    bind_text(&q, row->outcome ? row->outcome : "");
    bind_text(&q, row->by ? row->by : "");
    bind_text(&q, row->actor ? row->actor : "");
    bind_sealed(&q, "session_history.reason", key, row->reason);
    bind_int(&q, row->notice_minutes);
    r = query_run(&q);

    return r < 0 ? r : 0;
}

int session_history_list(struct store *store, const char *session, struct arena *arena,
                         struct session_history_row *ret_rows, size_t capacity) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_SESSION_HISTORY_LIST);
    size_t count = 0;

    bind_text(&q, session);
    bind_int(&q, (int64_t)capacity);
    while (count < capacity && query_row(&q) > 0) {
        struct session_history_row *row = &ret_rows[count++];
        char key[LINE_KEY_SIZE];
        line_key(session, read_int(&q), key);
        *row = (struct session_history_row){.at = read_instant(&q)};
        row->what = read_arena_text(&q, arena);
        row->start = read_civil(&q);
        row->zone = read_arena_text(&q, arena);
        row->outcome = read_arena_text(&q, arena);
        row->by = read_arena_text(&q, arena);
        row->actor = read_arena_text(&q, arena);
        row->reason = read_sealed(&q, "session_history.reason", key, arena);
        row->notice_minutes = (int32_t)read_int(&q);
        if (q.error) {
            return q.error;
        }
    }
    return q.error ? q.error : (int)count;
}

int session_draw_in_told(struct store *store, struct instant now) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_SESSION_DRAW_IN_TOLD);

    bind_instant(&q, now);
    return query_run(&q);
}

int session_feed_version(struct store *store, const struct session_filter *filter,
                         uint64_t *ret_version, struct instant *ret_last) {
    const enum statement statement = filter->participant    ? STATEMENT_FEED_VERSION_PARTICIPANT
                                     : filter->practitioner ? STATEMENT_FEED_VERSION_PRACTITIONER
                                                            : STATEMENT_FEED_VERSION_OFFICE;
    _cleanup_query_ struct query q = query_begin(store, statement);

    bind_text(&q, filter->participant    ? filter->participant
                  : filter->practitioner ? filter->practitioner
                                         : filter->office);
    bind_int(&q, range_from(filter));
    bind_int(&q, range_to(filter));
    const int r = query_row(&q);

    if (r <= 0) {
        return r < 0 ? r : -EIO;
    }
    const uint64_t count = (uint64_t)read_int(&q), which = (uint64_t)read_int(&q),
                   revisions = (uint64_t)read_int(&q);
    const struct instant last = read_instant(&q);

    if (q.error) {
        return q.error;
    }
    *ret_version = ((count * 1000003u + which) * 1000003u + revisions) * 1000003u +
                   (uint64_t)last.us;
    *ret_last = last;
    return 0;
}
