/* Nouns by their table of fields, participants' states, absences and links.
 *
 * A field that is FIELD_SEALED is stored as a sealed box; one that is FIELD_UNIQUE also has a keyed
 * hash in table contact, so that a number or address belongs to one person only. */
#include "cobi/store/people.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "query.h"

enum noun_statement {
    NOUN_STATEMENT_INSERT,
    NOUN_STATEMENT_UPDATE,
    NOUN_STATEMENT_FIND,
    NOUN_STATEMENT_LIST,
    NOUN_STATEMENT_COUNT
};

static enum statement noun_statement(enum noun noun, enum noun_statement which) {
    static_assert(STATEMENT_OFFICE_INSERT == 0,
                  "the nouns' statements come first in the catalogue");
    return (enum statement)((int)noun * NOUN_STATEMENT_COUNT + (int)which);
}

static void noun_place(enum noun noun, const struct field *field, char buffer[64]) {
    struct text t;

    text_init(&t, buffer, 64);
    text_add(&t, noun_tables[noun].name);
    text_add(&t, ".");
    text_add(&t, field->name);
    assert(!t.overflow);
}

const char *noun_value(const struct noun_row *row, const char *field) {
    const struct field *f = noun_find_field(row->noun, field);

    assert(f);
    const char *value = row->values[f - noun_tables[row->noun].fields];

    return value ? value : "";
}

static const char *read_sealed_field(struct query *q, const struct noun_row *row,
                                     const struct field *field, struct arena *arena) {
    char place[64];

    noun_place(row->noun, field, place);
    return read_sealed(q, place, row->id, arena);
}

int noun_find(struct store *store, enum noun noun, const char *id, struct arena *arena,
              struct noun_row *ret_row) {
    const struct noun_table *table = &noun_tables[noun];
    _cleanup_query_ struct query q = query_begin(store, noun_statement(noun, NOUN_STATEMENT_FIND));
    struct noun_row row = {.noun = noun};

    bind_lent(&q, id);
    const int r = query_row(&q);
    if (r <= 0) {
        return r < 0 ? r : -ENOENT;
    }
    READ_TEXT(&q, row.id);
    for (size_t i = 0; i < table->field_count; i++) {
        const char *value = table->fields[i].flags & FIELD_SEALED
                                ? read_sealed_field(&q, &row, &table->fields[i], arena)
                                : read_arena_text(&q, arena);
        row.values[i] = value ? value : "";
    }
    if (q.error) {
        return q.error;
    }
    *ret_row = row;
    return 0;
}

bool noun_exists(struct store *store, enum noun noun, const char *id) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_ACCOUNT_FIND);
    char name[16];

    bind_text(&q, id);
    if (query_row(&q) <= 0) {
        return false;
    }
    READ_TEXT(&q, name);
    return !q.error && strcmp(name, noun_tables[noun].name) == 0;
}

static void bind_fields(struct query *q, const struct noun_row *row) {
    const struct noun_table *table = &noun_tables[row->noun];
    char place[64];

    for (size_t i = 0; i < table->field_count; i++) {
        const char *value = row->values[i] ? row->values[i] : "";
        if (table->fields[i].flags & FIELD_SEALED) {
            noun_place(row->noun, &table->fields[i], place);
            bind_sealed(q, place, row->id, value);
        } else {
            bind_text(q, value);
        }
    }
}

/* -ECONNREFUSED when the hash belongs to anybody else: one answer for every cause. */
static int claim_contact(struct store *store, const struct noun_row *row, const struct field *field,
                         const char *value) {
    char hash[STORE_HASH_SIZE], noun[16], id[ID_SIZE];
    const char *name = noun_tables[row->noun].name;

    store_hash(store, "contact", value, hash);
    {
        _cleanup_query_ struct query q = query_begin(store, STATEMENT_CONTACT_FIND);
        bind_text(&q, hash);
        const int r = query_row(&q);
        if (r < 0) {
            return r;
        }
        if (r > 0) {
            READ_TEXT(&q, noun);
            READ_TEXT(&q, id);
            if (q.error) {
                return q.error;
            }
            return strcmp(noun, name) == 0 && strcmp(id, row->id) == 0 ? 0 : -ECONNREFUSED;
        }
    }
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_CONTACT_INSERT);

    bind_text(&q, hash);
    bind_text(&q, name);
    bind_text(&q, row->id);
    bind_text(&q, field->name);
    const int r = query_run(&q);

    return r < 0 ? r : 0;
}

static int claim_contacts(struct store *store, const struct noun_row *row) {
    const struct noun_table *table = &noun_tables[row->noun];

    for (size_t i = 0; i < table->field_count; i++) {
        const struct field *field = &table->fields[i];
        if (!(field->flags & FIELD_UNIQUE)) {
            continue;
        }
        {
            _cleanup_query_ struct query q = query_begin(store, STATEMENT_CONTACT_DELETE);
            bind_text(&q, table->name);
            bind_text(&q, row->id);
            bind_text(&q, field->name);
            const int r = query_run(&q);
            if (r < 0) {
                return r;
            }
        }
        if (row->values[i] && *row->values[i]) {
            const int r = claim_contact(store, row, field, row->values[i]);
            if (r < 0) {
                return r;
            }
        }
    }
    return 0;
}

int contact_find(struct store *store, const char *value, enum noun *ret_noun,
                 char ret_id[ID_SIZE]) {
    char hash[STORE_HASH_SIZE], noun[16], id[ID_SIZE];

    store_hash(store, "contact", value, hash);
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_CONTACT_FIND);

    bind_text(&q, hash);
    const int r = query_row(&q);
    if (r <= 0) {
        return r < 0 ? r : -ENOENT;
    }
    READ_TEXT(&q, noun);
    READ_TEXT(&q, id);
    if (q.error || noun_from_text(noun, ret_noun) < 0) {
        return q.error ? q.error : -EUCLEAN;
    }
    memcpy(ret_id, id, sizeof id);
    return 0;
}

int contact_find_participant(struct store *store, const char *value, char ret_id[ID_SIZE]) {
    char hash[STORE_HASH_SIZE], id[ID_SIZE];

    store_hash(store, "contact", value, hash);
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_CONTACT_FIND_PARTICIPANT);

    bind_text(&q, hash);
    const int r = query_row(&q);
    if (r <= 0) {
        return r < 0 ? r : -ENOENT;
    }
    READ_TEXT(&q, id);
    if (q.error) {
        return q.error;
    }
    memcpy(ret_id, id, sizeof id);
    return 0;
}

int contact_of_other_participant(struct store *store, const char *value, const char *id) {
    char hash[STORE_HASH_SIZE];

    store_hash(store, "contact", value, hash);
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_CONTACT_OF_OTHER);

    bind_text(&q, hash);
    bind_text(&q, id);
    return query_row(&q);
}

static int claim_account(struct store *store, const struct noun_row *row) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_ACCOUNT_INSERT);

    bind_text(&q, row->id);
    bind_text(&q, noun_tables[row->noun].name);
    const int r = query_run(&q);

    return r < 0 ? r : 0;
}

int noun_insert(struct store *store, const struct noun_row *row) {
    int r = claim_account(store, row);

    if (r < 0) {
        return r;
    }
    {
        _cleanup_query_ struct query q = query_begin(
            store, noun_statement(row->noun, NOUN_STATEMENT_INSERT));
        bind_text(&q, row->id);
        bind_fields(&q, row);
        r = query_run(&q);
    }
    if (r >= 0 && row->noun == NOUN_PARTICIPANT) {
        _cleanup_query_ struct query q = query_begin(store, STATEMENT_STATE_INSERT);
        bind_text(&q, row->id);
        r = query_run(&q);
    }
    return r < 0 ? r : claim_contacts(store, row);
}

int noun_update(struct store *store, const struct noun_row *row) {
    int r;

    {
        _cleanup_query_ struct query q = query_begin(
            store, noun_statement(row->noun, NOUN_STATEMENT_UPDATE));
        bind_fields(&q, row);
        bind_text(&q, row->id);
        r = query_run(&q);
    }
    if (r <= 0) {
        return r < 0 ? r : -ENOENT;
    }
    return claim_contacts(store, row);
}

int noun_list(struct store *store, enum noun noun, const char *after, char (*ret_ids)[ID_SIZE],
              size_t capacity) {
    _cleanup_query_ struct query q = query_begin(store, noun_statement(noun, NOUN_STATEMENT_LIST));

    bind_text(&q, after);
    bind_int(&q, (int64_t)capacity);
    return query_ids(&q, NULL, ret_ids[0], ID_SIZE, capacity);
}

int participant_list_practitioner(struct store *store, const char *practitioner, const char *after,
                                  char (*ret_ids)[ID_SIZE], size_t capacity) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_PARTICIPANT_OF_PRACTITIONER);

    bind_text(&q, practitioner);
    bind_text(&q, after);
    bind_int(&q, (int64_t)capacity);
    return query_ids(&q, NULL, ret_ids[0], ID_SIZE, capacity);
}

int participant_state_find(struct store *store, const char *id,
                           struct participant_state_row *ret_row) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_STATE_FIND);
    struct participant_state_row row = {0};
    char state[16];

    bind_lent(&q, id);
    const int r = query_row(&q);
    if (r <= 0) {
        return r < 0 ? r : -ENOENT;
    }
    READ_TEXT(&q, state);
    row.plan_start = read_date(&q);
    row.window_end = read_date(&q);
    row.changed_at = read_instant(&q);
    row.started = read_int(&q) != 0;
    READ_TEXT(&q, row.because);
    row.quiet_from = read_date(&q);
    row.quiet_told = read_date(&q);
    row.week_told = read_date(&q);
    row.wake_at = read_instant(&q);
    READ_TEXT(&q, row.waived);
    READ_TEXT(&q, row.waived_by);
    if (q.error || participant_state_from_text(state, &row.state) < 0) {
        return q.error ? q.error : -EUCLEAN;
    }
    *ret_row = row;
    return 0;
}

int participant_state_update(struct store *store, const char *id,
                             const struct participant_state_row *row) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_STATE_UPDATE);

    bind_text(&q, participant_state_to_text(row->state));
    bind_date(&q, row->plan_start);
    bind_date(&q, row->window_end);
    bind_instant(&q, row->changed_at);
    bind_int(&q, row->started);
    bind_text(&q, row->because);
    bind_date(&q, row->quiet_from);
    bind_date(&q, row->quiet_told);
    bind_date(&q, row->week_told);
    bind_instant(&q, row->wake_at);
    bind_text(&q, row->waived);
    bind_text(&q, row->waived_by);
    bind_text(&q, id);
    const int r = query_run(&q);

    return r < 0 ? r : r == 1 ? 0 : -ENOENT;
}

int participant_state_due(struct store *store, struct instant now, char (*ret_ids)[ID_SIZE],
                          size_t capacity) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_STATE_DUE);

    bind_instant(&q, now);
    bind_int(&q, (int64_t)capacity);
    return query_ids(&q, "participant_state", ret_ids[0], ID_SIZE, capacity);
}

int participant_state_wake(struct store *store, const char *id, struct instant at) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_STATE_WAKE);

    bind_instant(&q, at);
    bind_text(&q, id);
    const int r = query_run(&q);

    return r < 0 ? r : 0;
}

int participant_programme_used(struct store *store, const char *programme) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_PROGRAMME_USED);

    bind_text(&q, programme);
    return query_row(&q) > 0 ? read_int(&q) != 0 : q.error;
}

/* What a box is bound to: the whole key of its row. */
enum { ABSENCE_KEY_SIZE = 16 + ID_SIZE + 2 * DATE_TEXT_SIZE + 4, LINK_KEY_SIZE = 2 * ID_SIZE + 24 };

static void absence_key(enum noun noun, const char *id, const struct absence_row *row,
                        char buffer[ABSENCE_KEY_SIZE]) {
    char from[DATE_TEXT_SIZE], to[DATE_TEXT_SIZE];
    struct text t;

    date_to_text(row->from, from);
    date_to_text(row->to, to);
    text_init(&t, buffer, ABSENCE_KEY_SIZE);
    text_addf(&t, "%s %s %s %s", noun_tables[noun].name, id, from, to);
}

int absence_insert(struct store *store, enum noun noun, const char *id,
                   const struct absence_row *row) {
    char key[ABSENCE_KEY_SIZE];

    if (!date_valid(row->from) || !date_valid(row->to)) {
        return -EINVAL;
    }
    absence_key(noun, id, row, key);
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_ABSENCE_INSERT);

    bind_text(&q, noun_tables[noun].name);
    bind_text(&q, id);
    bind_date(&q, row->from);
    bind_date(&q, row->to);
    bind_sealed(&q, "absence.reason", key, row->reason);
    const int r = query_run(&q);

    return r < 0 ? r : 0;
}

int absence_list(struct store *store, enum noun noun, const char *id, struct arena *arena,
                 struct absence_row *ret_rows, size_t capacity) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_ABSENCE_LIST);
    size_t count = 0;

    bind_text(&q, noun_tables[noun].name);
    bind_text(&q, id);
    bind_int(&q, (int64_t)capacity);
    while (count < capacity && query_row(&q) > 0) {
        struct absence_row row = {.from = read_date(&q)};
        char key[ABSENCE_KEY_SIZE];
        row.to = read_date(&q);
        if (q.error || row.from.year == 0 || row.to.year == 0) {
            return q.error ? q.error : -EUCLEAN;
        }
        absence_key(noun, id, &row, key);
        const char *reason = read_sealed(&q, "absence.reason", key, arena);
        if (q.error) {
            return q.error;
        }
        row.reason = reason ? reason : "";
        ret_rows[count++] = row;
    }
    return q.error ? q.error : (int)count;
}

static void link_key(const char *advocate, const char *participant, struct instant made,
                     char buffer[LINK_KEY_SIZE]) {
    struct text t;

    text_init(&t, buffer, LINK_KEY_SIZE);
    text_addf(&t, "%s %s %" PRId64, advocate, participant, made.us);
}

int link_insert(struct store *store, const struct link_row *row, struct instant now) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_LINK_INSERT);
    char key[LINK_KEY_SIZE];

    link_key(row->advocate, row->participant, now, key);
    bind_text(&q, row->advocate);
    bind_text(&q, row->participant);
    bind_sealed(&q, "link.case_ref", key, row->case_ref);
    bind_text(&q, row->all ? "all" : "missed");
    bind_instant(&q, now);
    const int r = query_run(&q);

    return r < 0 ? r : 0;
}

int link_change(struct store *store, const struct link_row *row) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_LINK_CHANGE);
    char key[LINK_KEY_SIZE];

    link_key(row->advocate, row->participant, row->made_at, key);
    bind_sealed(&q, "link.case_ref", key, row->case_ref);
    bind_text(&q, row->all ? "all" : "missed");
    bind_text(&q, row->advocate);
    bind_text(&q, row->participant);
    const int r = query_run(&q);

    return r < 0 ? r : r == 1 ? 0 : -ENOENT;
}

int link_remove(struct store *store, const char *advocate, const char *participant,
                struct instant now) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_LINK_REMOVE);

    bind_instant(&q, now);
    bind_text(&q, advocate);
    bind_text(&q, participant);
    const int r = query_run(&q);

    return r < 0 ? r : r == 1 ? 0 : -ENOENT;
}

int link_draw_in(struct store *store, struct instant now) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_LINK_DRAW_IN);

    bind_instant(&q, now);
    return query_run(&q);
}

int link_past(struct store *store, const char *advocate, const char *participant,
              struct instant *ret_last) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_LINK_PAST);

    bind_text(&q, advocate);
    bind_text(&q, participant);
    const int r = query_row(&q);
    if (r <= 0) {
        return r;
    }
    const int64_t count = read_int(&q);

    *ret_last = read_instant(&q);
    return q.error ? q.error : (int)count;
}

static void read_link(struct query *q, struct arena *arena, struct link_row *row) {
    char key[LINK_KEY_SIZE], level[8];

    READ_TEXT(q, row->advocate);
    READ_TEXT(q, row->participant);
    row->made_at = read_instant(q);
    link_key(row->advocate, row->participant, row->made_at, key);
    const char *case_ref = read_sealed(q, "link.case_ref", key, arena);
    row->case_ref = case_ref ? case_ref : "";
    READ_TEXT(q, level);
    row->all = strcmp(level, "all") == 0;
    if (!row->all && strcmp(level, "missed") != 0) {
        query_fail(q, -EUCLEAN);
    }
}

int link_find(struct store *store, const char *advocate, const char *participant,
              struct arena *arena, struct link_row *ret_row) {
    _cleanup_query_ struct query q = query_begin(store, STATEMENT_LINK_FIND);
    struct link_row row = {0};

    bind_text(&q, advocate);
    bind_text(&q, participant);
    const int r = query_row(&q);
    if (r <= 0) {
        return r < 0 ? r : -ENOENT;
    }
    read_link(&q, arena, &row);
    if (q.error) {
        return q.error;
    }
    *ret_row = row;
    return 0;
}

int link_list(struct store *store, const char *advocate, const char *participant,
              struct arena *arena, struct link_row *ret_rows, size_t capacity) {
    _cleanup_query_ struct query q = query_begin(store, participant ? STATEMENT_LINK_OF_PARTICIPANT
                                                                    : STATEMENT_LINK_OF_ADVOCATE);
    size_t count = 0;

    bind_text(&q, participant ? participant : advocate);
    bind_int(&q, (int64_t)capacity);
    while (count < capacity && query_row(&q) > 0) {
        struct link_row row = {0};
        read_link(&q, arena, &row);
        if (q.error) {
            return q.error;
        }
        ret_rows[count++] = row;
    }
    return q.error ? q.error : (int)count;
}
