/* The participant's own timer: what advocates hear by the calendar (so long without an attended
 * session, each week that nothing has changed), and a programme that slips.
 *
 * Every look decides anew from the rows as they are, so one too many does no harm and one too late
 * tells what was due once. What advocates hear is told at fixed times of day and depends on no
 * session to come. A row that cannot be worked on is set aside and alarmed. Must never touch what
 * the participant gets. */
#include "watch.h"

#include <errno.h>
#include <string.h>

#include "alert.h"
#include "cobi/rules/rounds.h"
#include "outbox.h"

enum { WATCH_SESSIONS_MAX = PROGRAMME_SESSIONS_MAX * 4 };
/* Where nothing else is to be awaited. */
static const struct span watch_again = {28 * DAY_US};

struct watch {
    struct engine *e;
    const char *participant;
    struct participant_state_row state;
    const struct zone *zone; /* of the configuration: none of a session */
    struct session_row *sessions;
    size_t session_count;
    struct instant next;
};

void watch_arm(struct engine *e, struct participant_state_row *state, enum participant_state from) {
    const bool waits = state->state == PARTICIPANT_ACTIVE || state->state == PARTICIPANT_PAUSED;
    const struct date today = zone_civil(turn_zone(e, e->setup.config->timezone), e->now).date;

    state->wake_at = waits ? e->now : INSTANT_NEVER;
    if (from == PARTICIPANT_REFERRED) {
        state->quiet_from = state->plan_start;
        state->week_told = rounds_monday(today);
    } else if (from == PARTICIPANT_PAUSED && state->state == PARTICIPANT_ACTIVE) {
        state->quiet_from = today;
    }
}

int watch_wake(struct engine *e, const char *participant) {
    return participant_state_wake(e->store, participant, e->now);
}

static const struct outcome_code *outcome_of(const struct watch *w, const struct session_row *s) {
    return s->state == SESSION_RECORDED ? outcome_find(&w->e->setup.config->outcomes, s->outcome)
                                        : NULL;
}

/* ---- what advocates hear by the calendar ---- */

static int notify(struct watch *w, const struct link_row *link, const char *topic,
                  struct date round) {
    struct message_row m = outbox_blank(w->e, KIND_ADVOCATE_NOTICE, AUDIENCE_ADVOCATE,
                                        link->advocate);

    m.step = (uint32_t)date_to_days(round);
    m.ordinal = w->e->hold.jumps; /* a round that a wrong clock told early comes again in its time */
    int r = text_copy(m.topic, sizeof m.topic, topic);

    r = r < 0 ? r : text_copy(m.participant, sizeof m.participant, w->participant);
    r = r < 0 ? r : outbox_add(w->e, &m);
    return r < 0 ? r : 0;
}

/* The day from which time without an attended session counts. */
static struct date quiet_base(const struct watch *w) {
    struct date base = w->state.quiet_from;

    for (size_t i = 0; i < w->session_count; i++) {
        const struct session_row *s = &w->sessions[i];
        const struct outcome_code *code = outcome_of(w, s);
        if (code && code->attended == ATTENDED_YES && date_cmp(s->start.date, base) > 0) {
            base = s->start.date;
        }
    }
    return base;
}

/* Every service hears of it, whatever the level of its link: somebody who does not come and whose
 * absences are all excused is missed by no other notice. */
static int tell_quiet(struct watch *w, const struct link_row *links, int count) {
    const struct date base = quiet_base(w);
    int r = 0;

    if (w->state.state != PARTICIPANT_ACTIVE || base.year == 0) {
        return 0;
    }
    const struct rounds found = rounds_of_days(
        base, w->state.quiet_told, w->e->setup.config->no_attendance_days, w->zone, w->e->now);

    w->next = instant_min(w->next, found.next);
    if (found.due.year == 0) {
        return 0;
    }
    w->state.quiet_told = found.due;
    for (int i = 0; i < count && r == 0; i++) {
        r = notify(w, &links[i], "no_attendance", found.due);
    }
    return r;
}

/* So that silence is noticed: a service that has heard nothing for a week hears that there was
 * nothing to hear. */
static int tell_week(struct watch *w, const struct link_row *links, int count) {
    struct engine *e = w->e;
    const struct working_time office = turn_office_days(e, w->zone);
    const struct rounds found = rounds_of_weeks(w->state.week_told, &office, e->now);
    const struct instant since = {e->now.us - 7 * DAY_US};

    w->next = instant_min(w->next, found.next);
    if (found.due.year == 0) {
        return 0;
    }
    w->state.week_told = found.due;
    for (int i = 0; i < count; i++) {
        const int heard = links[i].all
                              ? message_heard(e->store, w->participant, links[i].advocate, since,
                                              e->now)
                              : 1;
        const int r = heard == 0 ? notify(w, &links[i], "no_change", found.due) : heard;
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int tell_advocates(struct watch *w) {
    struct link_row links[DUTY_LINKS_MAX];
    const int count = duty_links(w->e, w->participant, links);

    if (count <= 0) {
        return count; /* a link that is made later wakes us */
    }
    const int r = tell_quiet(w, links, count);

    return r < 0 ? r : tell_week(w, links, count);
}

/* ---- slipping ---- */

/* What has become of a number of the programme. */
struct number {
    bool settled; /* attended, or about to be: planned, awaiting or to be decided */
    const struct session_row *last; /* attempt; NULL: never planned */
};

static struct number find_number(const struct watch *w, uint32_t number) {
    struct number found = {0};

    for (size_t i = 0; i < w->session_count; i++) {
        const struct session_row *s = &w->sessions[i];
        if (s->number == number) {
            found.settled |= !course_lost(w->e, s);
            found.last = found.last && found.last->attempt > s->attempt ? found.last : s;
        }
    }
    return found;
}

/* Since when that attempt has been lost. From its history: a correction from one reason to another
 * is a new outcome, and no new loss. */
static int find_loss(const struct watch *w, const struct session_row *s,
                     struct instant *ret_since) {
    enum { LINES_MAX = 200 };
    const struct outcome_table *outcomes = &w->e->setup.config->outcomes;
    struct session_history_row *lines = arena_alloc(&w->e->arena, LINES_MAX, sizeof *lines);
    const int count = session_history_list(w->e->store, s->id, &w->e->arena, lines, LINES_MAX);
    bool lost = false;

    *ret_since = instant_max(s->recorded_at, s->revised_at);
    if (turn_trouble(count)) {
        return count;
    }
    for (int i = 0; i < count; i++) {
        const struct outcome_code *code = strcmp(lines[i].what, "moved") == 0
                                              ? NULL
                                              : outcome_find(outcomes, lines[i].outcome);
        const bool was_lost = lost;
        lost = strcmp(lines[i].what, "cancelled") == 0 || (code && code->replacement);
        *ret_since = lost && !was_lost ? lines[i].at : *ret_since;
    }
    if (instant_cmp(*ret_since, w->e->now) > 0) {
        *ret_since = s->start_at; /* lost by a clock that ran ahead */
    }
    return 0; /* a reason that cannot be read keeps nobody from hearing: the row says it nearly */
}

/* Has any number been owed for too long? One that is not yet so says when it will be. ret_lost: the
 * latest loss of those that were. */
static int owed_too_long(struct watch *w, uint32_t numbers, bool window_over, bool *ret_late,
                         struct instant *ret_lost) {
    const struct span most = span_days(w->e->setup.config->slipping_days);

    for (uint32_t n = 1; n <= numbers; n++) {
        const struct number found = find_number(w, n);
        struct instant since = {0};
        const int r = found.settled || !found.last ? 0 : find_loss(w, found.last, &since);
        const struct instant end = instant_add(since, most);
        if (r < 0) {
            return r;
        }
        if (!found.settled && (window_over || instant_cmp(w->e->now, end) >= 0)) {
            *ret_late = true;
            *ret_lost = instant_max(*ret_lost, since);
        } else if (!found.settled) {
            w->next = instant_min(w->next, end);
        }
    }
    return 0;
}

static bool planned_beyond(const struct watch *w, struct date last) {
    for (size_t i = 0; i < w->session_count; i++) {
        if (w->sessions[i].state == SESSION_PLANNED &&
            date_cmp(w->sessions[i].start.date, last) > 0) {
            return true;
        }
    }
    return false;
}

/* The last day of the programme: of its window, or of an order that ends before, also one whose end
 * was entered when the sessions were planned. */
static struct date last_day(const struct watch *w, const struct noun_row *participant) {
    struct date ends;

    return date_from_text(noun_value(participant, "order_ends"), &ends) == 0 &&
                   date_cmp(ends, w->state.window_end) < 0
               ? ends
               : w->state.window_end;
}

/* The programme cannot be held in its time any more, or nobody plans what is owed: a person must
 * look at it. */
static int look_for_slipping(struct watch *w) {
    struct noun_row participant;
    int r = turn_noun_find(w->e, NOUN_PARTICIPANT, w->participant, &participant);

    if (r < 0 || w->state.state != PARTICIPANT_ACTIVE || w->state.window_end.year == 0) {
        return r;
    }
    const struct programme *programme = config_find_programme(
        w->e->setup.config, noun_value(&participant, "programme"));
    const uint32_t numbers = w->session_count > 0 ? w->sessions[0].of
                             : programme          ? programme->session_count
                                                  : 0;
    const struct date last = last_day(w, &participant);
    const struct instant over = rounds_moment(w->zone, date_add_days(last, 1), ROUNDS_MORNING);
    const bool window_over = instant_cmp(w->e->now, over) >= 0;

    if (!window_over) {
        w->next = instant_min(w->next, over);
    }
    bool late = planned_beyond(w, last);
    struct instant lost = {0};

    r = owed_too_long(w, numbers, window_over, &late, &lost);
    return r < 0  ? r
           : late ? alert_slipping(w->e, w->participant, last, lost)
                  : alert_fits_again(w->e, w->participant);
}

/* ---- the timer ---- */

static int read_watch(struct watch *w) {
    struct engine *e = w->e;
    const struct session_filter filter = {.participant = w->participant};
    int r = participant_state_find(e->store, w->participant, &w->state);

    if (r < 0) {
        return r;
    }
    w->sessions = arena_alloc(&e->arena, WATCH_SESSIONS_MAX, sizeof *w->sessions);
    r = session_list(e->store, &filter, w->sessions, WATCH_SESSIONS_MAX);
    w->session_count = r < 0 ? 0 : (size_t)r;
    w->zone = turn_zone(e, e->setup.config->timezone);
    w->next = instant_add(e->now, watch_again);
    return r < 0 ? r : 0;
}

static int look(struct engine *e, const char *id) {
    struct watch w = {.e = e, .participant = id};
    int r = read_watch(&w);

    r = r < 0 ? r : tell_advocates(&w);
    r = r < 0 ? r : look_for_slipping(&w);
    if (r < 0) {
        return r;
    }
    w.state.wake_at = w.next;
    return participant_state_update(e->store, id, &w.state);
}

int watch_due(struct engine *e) {
    char ids[TURN_SHARE_MAX][ID_SIZE];
    const int count = participant_state_due(e->store, e->now, ids, TURN_SHARE_MAX);

    return count <= 0 ? count : duty_each(e, "participant_state", ids, (size_t)count, look);
}
