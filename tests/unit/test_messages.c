/* Messages: born once, guarded steps, what is due in which order, lists and cancellations by
 * several filters, attempts, links. */
#include "store_world.h"

static struct message_row get(struct world *w, const char *id) {
    struct message_row row = {0};

    assert_int_equal(message_find(w->store, id, &w->arena, &row), 0);
    return row;
}

static void assert_text(const char *a, const char *b) {
    if (a && b) {
        assert_string_equal(a, b);
    } else {
        assert_true(a == b);
    }
}

static void assert_same(const struct message_row *a, const struct message_row *b) {
    assert_string_equal(a->id, b->id);
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->audience, b->audience);
    assert_string_equal(a->recipient, b->recipient);
    assert_int_equal(a->channel, b->channel);
    assert_string_equal(a->topic, b->topic);
    assert_string_equal(a->participant, b->participant);
    assert_string_equal(a->session, b->session);
    assert_string_equal(a->escalation, b->escalation);
    assert_string_equal(a->task, b->task);
    assert_int_equal(a->revision, b->revision);
    assert_int_equal(a->step, b->step);
    assert_int_equal(a->ordinal, b->ordinal);
    assert_memory_equal(&a->old_start.date, &b->old_start.date, sizeof a->old_start.date);
    assert_int_equal(a->old_start.hour, b->old_start.hour);
    assert_text(a->note, b->note);
    assert_int_equal(a->state, b->state);
    assert_string_equal(a->reason, b->reason);
    assert_int_equal(a->created_at.us, b->created_at.us);
    assert_int_equal(a->due.us, b->due.us);
    assert_int_equal(a->not_after.us, b->not_after.us);
    assert_int_equal(a->sent_at.us, b->sent_at.us);
    assert_int_equal(a->wake_at.us, b->wake_at.us);
    assert_string_equal(a->gateway, b->gateway);
    assert_int_equal(a->attempt_count, b->attempt_count);
    assert_int_equal(a->repeat, b->repeat);
    assert_text(a->to, b->to);
    assert_text(a->subject, b->subject);
    assert_text(a->body, b->body);
    assert_string_equal(a->provider_id, b->provider_id);
}

static void messages_come_back_as_they_went_in(void **state) {
    struct world *w = *state;

    for (size_t kind = 0; kind < MESSAGE_KIND_COUNT; kind++) {
        struct message_row m = message_sample("S-1", (uint32_t)kind);
        m.kind = (enum message_kind)kind;
        m.audience = (enum audience)(kind % AUDIENCE_COUNT);
        m.channel = (enum channel)(kind % CHANNEL_COUNT);
        m.old_start = (struct civil){{2027, 1, (uint8_t)(kind + 1)}, 9, 30, 0};
        if (kind % 2) {
            m.note = NULL;
            m.not_after = at_minute(99);
            m.old_start.date.year = 0;
            m.old_start = (struct civil){0};
        }
        world_begin(w);
        assert_int_equal(message_insert(w->store, &m), 1);
        world_commit(w);
        assert_true(id_valid(m.id));
        const struct message_row born = get(w, m.id);
        assert_same(&born, &m);
        m.state = MESSAGE_SENDING;
        m.to = "+447700900001";
        m.subject = kind % 3 ? "a subject" : NULL;
        m.body = "a body\nof two lines";
        m.attempt_count = 1;
        m.repeat = kind % 2;
        m.wake_at = at_minute(5);
        m.due = at_minute(4);
        m.sent_at = at_minute(3);
        m.channel = CHANNEL_EMAIL;
        assert_int_equal(text_copy(m.gateway, sizeof m.gateway, "relay"), 0);
        assert_int_equal(text_copy(m.reason, sizeof m.reason, "a_reason"), 0);
        assert_int_equal(text_copy(m.provider_id, sizeof m.provider_id, "provider's"), 0);
        assert_int_equal(message_update(w->store, &m, MESSAGE_QUEUED), 0);
        const struct message_row changed = get(w, m.id);
        assert_same(&changed, &m);
    }
}

static void every_state_is_kept_with_its_timer(void **state) {
    struct world *w = *state;

    for (size_t s = 0; s < MESSAGE_STATE_COUNT; s++) {
        struct message_row m = message_sample("S-1", (uint32_t)s);
        m.state = (enum message_state)s;
        m.wake_at = message_state_final(m.state) ? at_minute(1) : INSTANT_NEVER;
        world_begin(w);
        /* a timer exactly while it is not final; what was accepted may wait for its receipt */
        assert_int_equal(message_insert(w->store, &m), m.state == MESSAGE_ACCEPTED ? 1 : -EINVAL);
        store_rollback(w->store);
        m.wake_at = message_state_final(m.state) ? INSTANT_NEVER : at_minute(1);
        world_begin(w);
        assert_int_equal(message_insert(w->store, &m), 1);
        world_commit(w);
        assert_int_equal(get(w, m.id).state, s);
    }
}

/* ---- uniqueness ---- */

static void a_message_is_born_once(void **state) {
    struct world *w = *state;
    struct message_row m = message_sample("S-1", 1), again = m, late = m;

    world_begin(w);
    assert_int_equal(message_insert(w->store, &m), 1);
    again.body = "another text";
    assert_int_equal(message_insert(w->store, &again), 0);
    assert_string_equal(again.id, m.id);
    world_commit(w);
    m.state = MESSAGE_CANCELLED;
    m.wake_at = INSTANT_NEVER;
    assert_int_equal(message_update(w->store, &m, MESSAGE_QUEUED), 0);
    late.state = MESSAGE_SKIPPED;
    late.wake_at = INSTANT_NEVER;
    late.due = at_minute(999);
    assert_int_equal(message_insert(w->store, &late), 0); /* not even after its end */
    assert_int_equal(get(w, m.id).state, MESSAGE_CANCELLED);
    assert_null(get(w, m.id).body);
    assert_int_equal(raw_number(w, "SELECT count(*) FROM message"), 1);
}

static void each_part_of_the_key_makes_another_message(void **state) {
    struct world *w = *state;
    struct message_row rows[12];
    char keys[ARRAY_COUNT(rows)][MESSAGE_KEY_SIZE];

    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        rows[i] = message_sample("S-1", 1);
    }
    rows[1].kind = KIND_CHANGE;
    assert_int_equal(text_copy(rows[2].session, sizeof rows[2].session, "S-2"), 0);
    rows[3].revision = 1;
    rows[4].step = 2;
    assert_int_equal(text_copy(rows[5].recipient, sizeof rows[5].recipient, "P-2"), 0);
    rows[6].channel = CHANNEL_EMAIL;
    rows[7].ordinal = 1;
    assert_int_equal(text_copy(rows[8].topic, sizeof rows[8].topic, "else"), 0);
    rows[9].audience = AUDIENCE_OFFICER;
    assert_int_equal(text_copy(rows[10].escalation, sizeof rows[10].escalation, "E-1"), 0);
    rows[11].session[0] = '\0';
    world_begin(w);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        message_key(&rows[i], keys[i]);
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(keys[i], keys[j]);
        }
        assert_int_equal(message_insert(w->store, &rows[i]), 1);
        assert_int_equal(message_insert(w->store, &rows[i]), 0);
    }
    world_commit(w);
}

/* The longest ids there are must fit: a key that was cut would be another message's. */
static void the_longest_key_fits(void **state) {
    (void)state;
    struct message_row m = message_sample("S-1", UINT32_MAX);
    char key[MESSAGE_KEY_SIZE];

    memset(m.escalation, 'e', sizeof m.escalation - 1);
    memset(m.recipient, 'r', sizeof m.recipient - 1);
    memset(m.topic, 't', sizeof m.topic - 1);
    m.kind = KIND_ADVOCATE_NOTICE;
    m.audience = AUDIENCE_PRACTITIONER;
    m.channel = CHANNEL_EMAIL;
    m.revision = m.ordinal = UINT32_MAX;
    message_key(&m, key);
    assert_non_null(strstr(key, "email/4294967295"));
}

static void updates_are_guarded(void **state) {
    struct world *w = *state;
    struct message_row m = message_sample("S-1", 1);

    world_begin(w);
    assert_int_equal(message_insert(w->store, &m), 1);
    m.state = MESSAGE_SENDING;
    for (size_t from = 0; from < MESSAGE_STATE_COUNT; from++) {
        if (from != MESSAGE_QUEUED) {
            assert_int_equal(message_update(w->store, &m, (enum message_state)from), -ESTALE);
        }
    }
    assert_int_equal(get(w, m.id).state, MESSAGE_QUEUED);
    assert_int_equal(message_update(w->store, &m, MESSAGE_QUEUED), 0);
    assert_int_equal(message_update(w->store, &m, MESSAGE_QUEUED),
                     -ESTALE); /* twice from the same look */
    m.state = MESSAGE_ACCEPTED;
    m.wake_at = INSTANT_NEVER;
    assert_int_equal(message_update(w->store, &m, MESSAGE_SENDING), 0);
    assert_int_equal(text_copy(m.id, sizeof m.id, "M-NONE"), 0);
    assert_int_equal(message_update(w->store, &m, MESSAGE_ACCEPTED), -ESTALE);
    world_commit(w);
    assert_int_equal(message_find(w->store, "M-NONE", &w->arena, &m), -ENOENT);
}

/* ---- what is due ---- */

static void what_is_due_comes_by_lane_and_priority_then_time(void **state) {
    struct world *w = *state;
    char ids[60][MESSAGE_ID_SIZE];
    int32_t lanes[MESSAGE_LANES_MAX];
    int count = 0;

    world_begin(w);
    for (uint32_t i = 0; i < 60; i++) {
        struct message_row m = message_sample("S-1", i);
        m.kind = (enum message_kind)(i % MESSAGE_KIND_COUNT);
        m.state = i % 5 == 0 ? MESSAGE_UNCERTAIN : i % 7 == 0 ? MESSAGE_HELD : MESSAGE_QUEUED;
        m.wake_at = at_minute((i * 17) % 60);
        m.audience = (enum audience)(i % 3);
        m.channel = i % 2 ? CHANNEL_SMS : CHANNEL_EMAIL;
        if (i % 11 == 1) {
            m.state = MESSAGE_SENDING; /* never due by itself */
        }
        assert_int_equal(message_insert(w->store, &m), 1);
    }
    world_commit(w);
    assert_int_equal(message_lanes(w->store, lanes), 6);
    for (int i = 0; i < 6; i++) {
        assert_true(i == 0 || lanes[i] > lanes[i - 1]);
        for (int priority = 0; priority <= KIND_PRIORITY_MAX + 1; priority++) {
            struct instant last = {0};
            const int due = message_due(w->store, lanes[i], priority, at_minute(30), ids, 60);
            for (int k = 0; k < due; k++) {
                const struct message_row m = get(w, ids[k]);
                assert_true(m.state != MESSAGE_SENDING && m.wake_at.us <= at_minute(30).us);
                assert_int_equal(message_lane(m.channel, m.audience), lanes[i]);
                assert_int_equal(kind_policies[m.kind].priority, priority);
                assert_true(instant_cmp(m.wake_at, last) >= 0);
                last = m.wake_at;
            }
            count += due;
            assert_int_equal(message_due(w->store, lanes[i], priority, at_minute(-1), ids, 60), 0);
        }
    }
    assert_int_equal(
        count, raw_number(w, arena_printf(&w->arena,
                                          "SELECT count(*) FROM message WHERE state<>'sending' AND "
                                          "wake_us<=%lld",
                                          (long long)at_minute(30).us)));
}

static void what_is_set_aside_is_not_due(void **state) {
    struct world *w = *state;
    char ids[5][MESSAGE_ID_SIZE], again[5][MESSAGE_ID_SIZE];
    struct message_row m = message_sample("S-1", 0);

    world_begin(w);
    for (uint32_t i = 0; i < 5; i++) {
        m = message_sample("S-1", i);
        m.wake_at = at_minute(i);
        m.not_after = at_minute(20 + i);
        assert_int_equal(message_insert(w->store, &m), 1);
    }
    world_commit(w);
    const int32_t lane = message_lane(m.channel, m.audience);
    const int priority = kind_policies[m.kind].priority;

    assert_int_equal(message_due(w->store, lane, priority, at_minute(10), ids, 5), 5);
    assert_int_equal(message_ended(w->store, at_minute(19), again, 5), 0);
    assert_int_equal(message_ended(w->store, at_minute(22), again, 5), 3);
    assert_string_equal(again[2], ids[2]);
    assert_int_equal(store_quarantine(w->store, "message", ids[0], at_minute(0)), 0);
    assert_int_equal(message_due(w->store, lane, priority, at_minute(10), again, 5), 4);
    assert_string_equal(again[0], ids[1]);
    assert_int_equal(message_ended(w->store, at_minute(22), again, 5), 2);
    assert_string_equal(again[0], ids[1]);
}

/* What waits for its lane is passed over, but not the moment at which it is too late. */
static void the_next_wake_passes_over_what_waits(void **state) {
    struct world *w = *state;
    struct message_row due = message_sample("S-1", 0), later = message_sample("S-1", 1);
    struct instant next;

    due.wake_at = at_minute(1);
    due.not_after = at_minute(50);
    later.wake_at = at_minute(60);
    later.not_after = INSTANT_NEVER;
    world_begin(w);
    assert_int_equal(message_insert(w->store, &due), 1);
    assert_int_equal(message_insert(w->store, &later), 1);
    world_commit(w);
    assert_int_equal(store_next_wake(w->store, STORE_ALL_MESSAGES, &next), 0);
    assert_int_equal(next.us, at_minute(1).us);
    assert_int_equal(store_next_wake(w->store, at_minute(5), &next), 0);
    assert_int_equal(next.us, at_minute(50).us);
    due.wake_at = INSTANT_NEVER;
    due.state = MESSAGE_EXPIRED;
    assert_int_equal(message_update(w->store, &due, MESSAGE_QUEUED), 0);
    assert_int_equal(store_next_wake(w->store, at_minute(5), &next), 0);
    assert_int_equal(next.us, at_minute(60).us);
}

static void ids_of_what_is_sending(void **state) {
    struct world *w = *state;
    char ids[5][MESSAGE_ID_SIZE];

    world_begin(w);
    for (uint32_t i = 0; i < 8; i++) {
        struct message_row m = message_sample("S-1", i);
        m.state = i < 3 ? MESSAGE_SENDING : MESSAGE_QUEUED;
        assert_int_equal(message_insert(w->store, &m), 1);
    }
    world_commit(w);
    assert_int_equal(message_sending(w->store, ids, 2), 2);
    assert_int_equal(message_sending(w->store, ids, 5), 3);
    assert_true(strcmp(ids[0], ids[1]) < 0 && strcmp(ids[1], ids[2]) < 0);
    assert_int_equal(store_quarantine(w->store, "message", ids[1], at_minute(0)), 0);
    assert_int_equal(message_sending(w->store, ids, 5), 2); /* else a start would never end */
}

/* ---- lists and cancellations ---- */

enum { MIXED = 96 };

static void add_mixed(struct world *w) {
    world_begin(w);
    for (uint32_t i = 0; i < MIXED; i++) {
        struct message_row m = message_sample(i & 1 ? "S-1" : "S-2", i);
        assert_int_equal(text_copy(m.participant, sizeof m.participant, i / 2 & 1 ? "P-1" : "P-2"),
                         0);
        assert_int_equal(text_copy(m.escalation, sizeof m.escalation, i / 4 & 1 ? "E-1" : ""), 0);
        assert_int_equal(text_copy(m.recipient, sizeof m.recipient, i % 3 ? "P-1" : "A-1"), 0);
        m.audience = i % 5 ? AUDIENCE_PARTICIPANT : AUDIENCE_ADVOCATE;
        m.kind = i % 7 ? KIND_REMINDER : KIND_ESCALATION;
        m.state = i / 8 % 3 == 0 ? MESSAGE_QUEUED : i / 8 % 3 == 1 ? MESSAGE_HELD : MESSAGE_SENDING;
        assert_int_equal(message_insert(w->store, &m), 1);
    }
    world_commit(w);
}

static struct message_filter filter_number(unsigned bits) {
    return (struct message_filter){.participant = bits & 1 ? "P-1" : NULL,
                                   .session = bits & 2 ? "S-1" : NULL,
                                   .escalation = bits & 4 ? "E-1" : NULL,
                                   .audience = bits & 8 ? "participant" : NULL,
                                   .state = bits & 16 ? "queued" : NULL,
                                   .recipient = bits & 32 ? "A-1" : NULL,
                                   .kind = bits & 64 ? "reminder" : NULL};
}

static bool fits(const char *wanted, const char *text) {
    return !wanted || strcmp(wanted, text) == 0;
}

static bool matches(const struct message_row *m, const struct message_filter *f) {
    return fits(f->participant, m->participant) && fits(f->session, m->session) &&
           fits(f->escalation, m->escalation) && fits(f->recipient, m->recipient) &&
           fits(f->audience, audience_to_text(m->audience)) &&
           fits(f->state, message_state_to_text(m->state)) &&
           fits(f->kind, message_kind_to_text(m->kind));
}

static void all_filters_hold_together(void **state) {
    struct world *w = *state;
    static struct message_row all[MIXED + 1], page[7];

    add_mixed(w);
    assert_int_equal(
        message_list(w->store, &(struct message_filter){0}, "", &w->arena, all, MIXED + 1), MIXED);
    for (unsigned bits = 0; bits < 128; bits++) {
        const struct message_filter filter = filter_number(bits);
        char after[MESSAGE_ID_SIZE] = "";
        int count, at = 0;
        while ((count = message_list(w->store, &filter, after, &w->arena, page,
                                     ARRAY_COUNT(page))) > 0) {
            for (int i = 0; i < count; i++, at++) {
                while (at < MIXED && !matches(&all[at], &filter)) {
                    at++;
                }
                assert_true(at < MIXED);
                assert_same(&page[i], &all[at]);
            }
            memcpy(after, page[count - 1].id, sizeof after);
        }
        assert_int_equal(count, 0);
        while (at < MIXED && !matches(&all[at], &filter)) {
            at++;
        }
        assert_int_equal(at, MIXED); /* none was left out */
    }
}

static void cancellations_take_what_matches_and_nothing_else(void **state) {
    struct world *w = *state;
    static struct message_row before[MIXED], after[MIXED];

    add_mixed(w);
    assert_int_equal(
        message_list(w->store, &(struct message_filter){0}, "", &w->arena, before, MIXED), MIXED);
    for (unsigned bits = 1; bits < 128; bits++) {
        const struct message_filter filter = filter_number(bits);
        if (!(bits & 7)) {
            continue; /* a source must be given */
        }
        int expected = 0, cancelled = 0;
        for (int i = 0; i < MIXED; i++) {
            expected += matches(&before[i], &filter) && before[i].state != MESSAGE_SENDING;
        }
        world_begin(w);
        assert_int_equal(message_cancel_matching(w->store, &filter, "moved", at_minute(0)),
                         expected);
        assert_int_equal(message_cancel_matching(w->store, &filter, "moved", at_minute(0)), 0);
        assert_int_equal(
            message_list(w->store, &(struct message_filter){0}, "", &w->arena, after, MIXED),
            MIXED);
        for (int i = 0; i < MIXED; i++) {
            if (matches(&before[i], &filter) && before[i].state != MESSAGE_SENDING) {
                assert_int_equal(after[i].state, MESSAGE_CANCELLED);
                assert_string_equal(after[i].reason, "moved");
                assert_int_equal(after[i].wake_at.us, INSTANT_NEVER.us);
                cancelled++;
            } else {
                assert_same(&after[i], &before[i]);
            }
        }
        assert_int_equal(cancelled, expected);
        store_rollback(w->store);
    }
}

static void a_reason_that_could_not_be_read_is_not_written(void **state) {
    struct world *w = *state;
    const struct message_filter filter = {.session = "S-1"};
    char reason[MESSAGE_REASON_SIZE + 1];
    struct message_row rows[3];

    add_mixed(w);
    memset(reason, 'r', sizeof reason);
    reason[MESSAGE_REASON_SIZE] = '\0';
    assert_int_equal(message_cancel_matching(w->store, &filter, reason, at_minute(0)), -EINVAL);
    reason[MESSAGE_REASON_SIZE - 1] = '\0';
    assert_true(message_cancel_matching(w->store, &filter, reason, at_minute(0)) > 0);
    assert_int_equal(message_list(w->store, &filter, "", &w->arena, rows, 3), 3);
}

/* ---- attempts ---- */

static struct delivery answer(const char *message, uint32_t attempt, enum outcome_class outcome) {
    struct delivery d = {.attempt = attempt, .outcome = outcome, .detail = "HTTP 503"};

    assert_int_equal(text_copy(d.message_id, sizeof d.message_id, message), 0);
    return d;
}

static void attempts_have_a_beginning_and_an_end(void **state) {
    struct world *w = *state;
    struct message_row m = message_sample("S-1", 1);
    struct attempt_row rows[4];

    world_begin(w);
    assert_int_equal(message_insert(w->store, &m), 1);
    assert_int_equal(text_copy(m.gateway, sizeof m.gateway, "relay"), 0);
    for (m.attempt_count = 1; m.attempt_count <= 3; m.attempt_count++) {
        assert_int_equal(message_attempt_begin(w->store, &m, 7, at_minute(m.attempt_count)), 0);
        assert_int_equal(message_attempt_begin(w->store, &m, 7, at_minute(9)),
                         -EEXIST); /* the same attempt is not made twice */
    }
    const struct delivery second = answer(m.id, 2, OUTCOME_UNCERTAIN),
                          never = answer(m.id, 4, OUTCOME_UNCERTAIN),
                          other = answer("M-NONE", 1, OUTCOME_UNCERTAIN);
    assert_int_equal(message_attempt_end(w->store, &second, at_minute(5)), 0);
    assert_int_equal(message_attempt_end(w->store, &never, at_minute(5)), -ENOENT);
    assert_int_equal(message_attempt_end(w->store, &other, at_minute(5)), -ENOENT);
    assert_int_equal(text_copy(m.id, sizeof m.id, "M-NONE"), 0);
    assert_int_equal(message_attempt_begin(w->store, &m, 7, at_minute(1)), -ENOENT);
    world_commit(w);
    assert_int_equal(message_attempt_list(w->store, second.message_id, &w->arena, rows, 4), 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(rows[i].attempt, i + 1);
        assert_int_equal(rows[i].begun_at.us, at_minute(i + 1).us);
        assert_int_equal(rows[i].ended_at.us, i == 1 ? at_minute(5).us : 0);
        assert_string_equal(rows[i].gateway, "relay");
        assert_string_equal(rows[i].outcome,
                            i == 1 ? outcome_class_to_text(OUTCOME_UNCERTAIN) : "");
        assert_string_equal(rows[i].detail, i == 1 ? "HTTP 503" : "");
    }
    assert_int_equal(message_attempt_list(w->store, second.message_id, &w->arena, rows, 2), 2);
    assert_int_equal(message_attempt_list(w->store, "M-NONE", &w->arena, rows, 4), 0);
}

/* However often it was tried: a text is counted once a message, and only where it may have arrived.
 */
static void only_what_may_have_arrived_is_a_copy(void **state) {
    struct world *w = *state;
    struct message_row m = message_sample("S-1", 1), asking = message_sample("S-1", 2);

    world_begin(w);
    assert_int_equal(message_insert(w->store, &m), 1);
    assert_int_equal(message_insert(w->store, &asking), 1);
    for (int outcome = 0; outcome < OUTCOME_CLASS_COUNT; outcome++) {
        const bool arrived = outcome == OUTCOME_ACCEPTED || outcome == OUTCOME_UNCERTAIN;
        const int64_t text = 100 + outcome;

        for (int i = 0; i < 2; i++) {
            m.attempt_count++;
            assert_int_equal(message_attempt_begin(w->store, &m, text, at_minute(10)), 0);
            assert_int_equal(message_alike(w->store, &asking, text, at_minute(0)), 1);
            const struct delivery d = answer(m.id, m.attempt_count, (enum outcome_class)outcome);
            assert_int_equal(message_attempt_end(w->store, &d, at_minute(11)), 0);
            assert_int_equal(message_alike(w->store, &asking, text, at_minute(0)), arrived);
            assert_int_equal(message_alike(w->store, &asking, text, at_minute(10)), 0);
            assert_int_equal(message_alike(w->store, &m, text, at_minute(0)), 0);
        }
    }
    world_commit(w);
    /* A gateway that is busy for days leaves no rows to walk with each question. */
    assert_int_equal(raw_number(w, "SELECT count(*) FROM attempt WHERE text<>0"), 4);
}

/* ---- acknowledge links ---- */

static void links_are_found_by_the_hash_of_their_token(void **state) {
    struct world *w = *state;
    struct message_row m = message_sample("S-1", 1), n = message_sample("S-1", 2);
    struct ack_row a = {.escalation = "E-1", .generation = 3, .recipient = "V-1"}, read_back;

    world_begin(w);
    assert_int_equal(message_insert(w->store, &m), 1);
    assert_int_equal(message_insert(w->store, &n), 1);
    assert_int_equal(ack_insert(w->store, "hash", &a), -ENOENT); /* a link of no message */
    memcpy(a.message, m.id, sizeof a.message);
    assert_int_equal(ack_insert(w->store, "hash", &a), 1);
    assert_int_equal(ack_insert(w->store, "hash", &a), 0);
    assert_int_equal(ack_insert(w->store, "hash 2", &a), 0); /* one a message */
    world_commit(w);
    assert_int_equal(ack_find(w->store, "hash 2", &read_back), -ENOENT);
    assert_int_equal(ack_find(w->store, "hash", &read_back), 0);
    assert_string_equal(read_back.message, m.id);
    assert_string_equal(read_back.escalation, "E-1");
    assert_string_equal(read_back.recipient, "V-1");
    assert_int_equal(read_back.generation, 3);
    assert_int_equal(read_back.tries + read_back.used, 0);
    read_back.tries = 4;
    read_back.used = true;
    assert_int_equal(ack_update(w->store, "hash", &read_back), 0);
    assert_int_equal(ack_update(w->store, "hash 2", &read_back), -ENOENT);
    assert_int_equal(ack_find(w->store, "hash", &a), 0);
    assert_int_equal(a.tries, 4);
    assert_true(a.used);
    (void)raw_run(w, "UPDATE ack SET generation=-1");
    assert_int_equal(ack_find(w->store, "hash", &a), -EUCLEAN);
}

/* ---- rows that nobody of us wrote ---- */

static void bad_rows_do_not_read(void **state) {
    struct world *w = *state;
    static const char *const changes[] = {
        "kind='threat'",
        "kind=hex(zeroblob(13))",
        "audience='victim'",
        "channel='fax'",
        "channel='carrier pigeon'",
        "state='lost'",
        "state=hex(zeroblob(8))",
        "recipient=hex(zeroblob(17))",
        "topic=hex(zeroblob(17))",
        "session=CAST(x'5300' AS TEXT)",
        "revision=-1",
        "step=4294967296",
        "ordinal=-7",
        "old_start='2027-02-30T10:00'",
        "old_start='-'",
        "note=x'01'",
        "note=zeroblob(100)",
        "reason=hex(zeroblob(33))",
        "created_us=9223372036854775807",
        "due_us=-9000000000000000000",
        "not_after_us=9000000000000000000",
        "sent_us=9000000000000000000",
        "wake_us=9000000000000000000",
        "gateway=hex(zeroblob(17))",
        "attempt_count=-1",
        "recipient_address=zeroblob(29)",
        "subject=zeroblob(30)",
        "body=zeroblob(100000)",
        "provider_id=hex(zeroblob(64))",
    };
    const struct message_filter filter = {.participant = "P-1"};

    for (uint32_t i = 0; i < ARRAY_COUNT(changes); i++) {
        struct message_row bad = message_sample("S-1", 1), good = message_sample("S-1", 2), rows[3],
                           row = {.id = "untouched"};
        (void)raw_run(w, "DELETE FROM message");
        assert_int_equal(message_insert(w->store, &bad), 1);
        assert_int_equal(message_insert(w->store, &good), 1);
        assert_int_equal(raw_run(w, arena_printf(&w->arena, "UPDATE message SET %s WHERE id='%s'",
                                                 changes[i], bad.id)),
                         1);
        if (message_find(w->store, bad.id, &w->arena, &row) != -EUCLEAN) {
            fail_msg("%s: was read", changes[i]);
        }
        assert_string_equal(row.id, "untouched");
        assert_int_equal(message_list(w->store, &filter, "", &w->arena, rows, 3), -EUCLEAN);
        assert_int_equal(message_list(w->store, &filter, "", &w->arena, rows, 3), -EUCLEAN);
        assert_int_equal(store_quarantine(w->store, "message", bad.id, at_minute(0)), 0);
        assert_int_equal(message_list(w->store, &filter, "", &w->arena, rows, 3), 1);
        assert_string_equal(rows[0].id, good.id);
    }
}

static void texts_of_any_size_are_kept_or_refused(void **state) {
    struct world *w = *state;
    struct message_row m = message_sample("S-1", 1);
    const size_t sizes[] = {1, 4095, 4096, 100000, 900000};
    _cleanup_free_ char *body = malloc(1200001);

    assert_non_null(body);
    for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
        m = message_sample("S-1", (uint32_t)i);
        memset(body, 'a' + (int)i, sizes[i]);
        body[sizes[i]] = '\0';
        m.body = body;
        assert_int_equal(message_insert(w->store, &m), 1);
        assert_string_equal(get(w, m.id).body, body);
    }
    memset(body, 'z', 1200000);
    body[1200000] = '\0';
    m = message_sample("S-1", 99);
    m.body = body;
    assert_int_equal(message_insert(w->store, &m), -EMSGSIZE);
    assert_false(store_fatal(w->store)); /* somebody's long text is no reason to end */
    m.body = "short";
    assert_int_equal(message_insert(w->store, &m), 1);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        T(messages_come_back_as_they_went_in),
        T(every_state_is_kept_with_its_timer),
        T(a_message_is_born_once),
        T(each_part_of_the_key_makes_another_message),
        T(the_longest_key_fits),
        T(updates_are_guarded),
        T(what_is_due_comes_by_lane_and_priority_then_time),
        T(what_is_set_aside_is_not_due),
        T(the_next_wake_passes_over_what_waits),
        T(ids_of_what_is_sending),
        T(all_filters_hold_together),
        T(cancellations_take_what_matches_and_nothing_else),
        T(a_reason_that_could_not_be_read_is_not_written),
        T(attempts_have_a_beginning_and_an_end),
        T(only_what_may_have_arrived_is_a_copy),
        T(links_are_found_by_the_hash_of_their_token),
        T(bad_rows_do_not_read),
        T(texts_of_any_size_are_kept_or_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
