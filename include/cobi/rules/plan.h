/* The planner: every session of a programme on local civil times, or the rule that fails and for
 * which session.
 *
 * Pure: the caller gives all facts; the same input gives the same plan. A plan has a regular
 * weekday and time: the preferred one, or without a preference the one on which the series goes
 * best, then the earliest. (To keep a person's regular time when only later numbers are placed,
 * give it as the preference.) Order of preference for each session: the regular day of its week,
 * the nearest other day of that week, the week after, the week before; then the time nearest to the
 * regular one; then the earliest date and time. The whole plan is searched, so that an early choice
 * never makes a later session impossible while another choice would not. A bank holiday moves one
 * session to the nearest free day within the week, else the next week; the ones after it keep the
 * regular day. Where the target gap is no whole number of weeks, nearest to the target gap takes
 * the place of the week. */
#ifndef COBI_RULES_PLAN_H
#define COBI_RULES_PLAN_H

#include "cobi/rules/hours.h"
#include "cobi/rules/programme.h"

#define PLAN_DAYS_MAX 480 /* days searched; a longer window is cut to this */
/* Dates, both inclusive. */
struct date_range {
    struct date from, to;
};
/* A time already taken, in civil time of the office; it may run past midnight. */
struct busy {
    struct civil from;
    uint32_t minutes;
};
enum plan_mode { PLAN_IN_PERSON, PLAN_REMOTE }; /* remote sessions need no room */

struct plan_request {
    const struct programme *programme;
    /* Of the office: no session may start, run or end in a gap or overlap of it. */
    const struct zone *zone;
    const struct holidays *holidays; /* may be NULL */
    const struct hours *practitioner_hours;
    const struct hours *office_hours;  /* may be NULL: not limited */
    const struct hours *unavailable;   /* of the participant; may be NULL */
    const struct slot *prefer;         /* may be NULL */
    const struct date_range *absences; /* of the practitioner and of the participant */
    size_t absence_count;
    const struct busy *practitioner_busy; /* ascending by from */
    size_t practitioner_busy_count;
    const struct busy *room_busy; /* sessions in the same office, ascending */
    size_t room_busy_count;
    uint32_t rooms; /* 0: no limit */
    enum plan_mode mode;
    struct date start;      /* first day on which a session may be held */
    struct date order_ends; /* year 0: none */
    /* Nothing is planned in the past: the first candidate is the first half hour after `now`. A
     * year of 0 in either: not looked at. */
    struct date today;
    struct civil now;
    /* Numbers to place: first_number .. programme->session_count (1 for a whole plan). */
    uint32_t first_number;
    /* Date of the session before first_number (its time is not used); year 0: none. After a pause
     * the greatest gap counts from the first day on which sessions may be held again. */
    struct civil previous;
    /* Last day of the programme window; year 0: start plus programme->months. */
    struct date window_end;
};
enum plan_rule {
    PLAN_FINE,
    PLAN_WINDOW,  /* the programme's window or the order ends too early */
    PLAN_HOURS,   /* no time where practitioner's and office hours meet outside the participant's
                     unavailable times */
    PLAN_ABSENCE, /* practitioner or participant absent on every candidate day */
    PLAN_HOLIDAY, /* only bank holidays left */
    PLAN_PRACTITIONER, /* practitioner already booked */
    PLAN_ROOM,         /* every room taken */
    PLAN_GAP,          /* no day with hours within the gap limits */
};
#define PLAN_RULE_COUNT 8
const char *plan_rule_to_text(
    enum plan_rule rule); /* one clause for people: "the practitioner is already booked" */
#define PLAN_WARNINGS_MAX 8
enum plan_warning {
    PLAN_WARN_GAP_LONG,
    PLAN_WARN_PAST_HOLIDAY_FILE,
    PLAN_WARN_NO_SLACK,
    PLAN_WARN_LATE_FIRST,
    PLAN_WARN_NOT_PREFERRED
};
struct plan_result {
    uint32_t count; /* sessions placed when rule is PLAN_FINE, else those placed before the failing
                       one */
    struct civil starts[PROGRAMME_SESSIONS_MAX];
    enum plan_rule rule;    /* PLAN_FINE, or why failed_number has no place */
    uint32_t failed_number; /* session number */
    struct date from, to; /* days that were tried for failed_number; both the window's last day when
                             none was left */
    struct date window_end;    /* last day of the window that was used */
    struct date programme_end; /* the same, whenever the order ends: its end may be put off */
    int32_t slack_days; /* days between the last session and the window's end: room for catch-ups */
    uint32_t warning_count;
    struct {
        enum plan_warning warning;
        uint32_t number; /* session, or 0: the plan as a whole, or several sessions */
    } warnings[PLAN_WARNINGS_MAX];
};
const char *plan_warning_to_text(enum plan_warning warning);
/* Fills *ret_result and returns 0 when every session has a place, -ENOSPC when one has not (result
 * says which and why). -EINVAL for a request that makes no sense (numbers, dates that do not
 * exist); then *ret_result is untouched. */
_must_use_ int plan_sessions(const struct plan_request *request, struct plan_result *ret_result);
/* May a session be held at `start`? For a move by hand: PLAN_FINE or the first rule that forbids it
 * (gap and window are not checked; the caller warns about them). */
enum plan_rule plan_check_slot(const struct plan_request *request, struct civil start);

#endif
