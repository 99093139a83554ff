/* What one option says about another: programmes that cannot be planned, outcomes of which nobody
 * would learn, chains with a dead end, names that a participant must not see.
 *
 * check_all() runs after every option has passed by itself. Elements that did not pass are not
 * looked at again, so that one mistake gives one line. It must never let a configuration through in
 * which a missed session tells nobody. */
#include "check.h"

#include "url.h"

#include "cobi/base/cleanup.h"
#include "cobi/rules/disclose.h"

#include <string.h>

#define MONTH_DAYS_MAX 31

void check_neutral(struct reader *reader, const config_setting_t *at, const char *what,
                   const char *text) {
    size_t length = 0;
    int offset = disclose_find_word(text, &length);
    if (offset >= 0) {
        reader_fault(reader, at, "%s: participants see it, so it must not hold the word \"%.*s\"",
                     what, (int)length, text + offset);
    }
}

/* ---- The sender and what stands alone ----------------------------------------------------------
 */

static void check_sender(struct reader *reader) {
    const struct config_sender *sender = &reader->config->sender;
    const struct {
        const char *name, *text;
    } rows[] = {
        {"name", sender->name},
        {"sms_from", sender->sms_from},
        {"email", sender->email},
        {"reply_to", sender->reply_to},
        {"calendar_email", sender->calendar_email},
    };
    /* calendar_email is the same text as email unless it was given. */
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        if (i == 0 || i == 1 || reader_given(reader, "sender.%s", rows[i].name)) {
            check_neutral(reader, reader_at(reader, "sender.%s", rows[i].name), rows[i].name,
                          rows[i].text);
        }
    }
}

static void check_public_url(struct reader *reader) {
    const char *text = reader->config->public_url;
    const config_setting_t *at = reader_at(reader, "public_url");
    struct complaint complaint = {0};
    struct url url;
    size_t length = strlen(text);
    if (length == 0) {
        return; /* missing, and already said so */
    }
    if (url_parse(text, "https|http", &url, &complaint) < 0) {
        reader_fault(reader, at, "public_url: %s", complaint.text);
        return;
    }
    if (strcmp(url.scheme, "http") == 0 && !url.loopback) {
        reader_fault(reader, at,
                     "public_url: must begin with https:// (http:// is for loopback only)");
    }
    if (url.query || text[length - 1] == '/') {
        reader_fault(reader, at, "public_url: must have no query and no slash at the end");
    }
    check_neutral(reader, at, "public_url", text);
}

static void check_clock(struct reader *reader) {
    const struct config *config = reader->config;
    if (config->clock_start[0] != '\0' && config->clock != CLOCK_MANUAL) {
        reader_fault(reader, reader_at(reader, "clock_start"),
                     "clock_start: is only for clock = \"manual\"");
    }
}

static void check_holidays(struct reader *reader) {
    if (!reader_given(reader, "holidays")) {
        reader_warn(reader, reader_at(reader, "holidays"),
                    "holidays: no file is named, so sessions will be planned on bank holidays");
    }
}

/* The key's file; passwords of gateways are looked at with them. */
static void check_key(struct reader *reader) {
    const struct config *config = reader->config;
    const config_setting_t *at = reader_at(reader, "key_credential");
    if (config->key_credential[0] != '\0') {
        check_credential(reader, at, "key_credential", config->key_credential);
    }
}

/* ---- Programmes --------------------------------------------------------------------------------
 */

static const char *programme_fault(const struct programme *p) {
    if (p->gap_min_days > p->gap_target_days || p->gap_target_days > p->gap_max_days) {
        return "gap_min_days, gap_target_days and gap_max_days must ascend";
    }
    if (p->gap_flag_days < p->gap_target_days || p->gap_flag_days > p->gap_max_days) {
        return "gap_flag_days must lie between gap_target_days and gap_max_days";
    }
    if (p->horizon_months < p->months) {
        return "horizon_months must not be less than months";
    }
    if ((p->session_count - 1) * p->gap_min_days > p->months * MONTH_DAYS_MAX) {
        return "the sessions do not fit into its months, even at gap_min_days";
    }
    for (uint32_t i = p->session_count; i < PROGRAMME_SESSIONS_MAX; i++) {
        if (p->modules[i][0] != '\0') {
            return "modules names more sessions than there are";
        }
    }
    return NULL;
}

static void check_programmes(struct reader *reader) {
    const struct config *config = reader->config;
    for (uint32_t i = 0; i < config->programme_count; i++) {
        if (reader->unsound[GROUP_programme][i]) {
            continue;
        }
        const struct programme *p = &config->programmes[i];
        const config_setting_t *at = reader_at(reader, "programmes.[%u]", i);
        const char *fault = programme_fault(p);
        if (fault != NULL) {
            reader_fault(reader, at, "programme \"%s\": %s", p->id, fault);
        } else if ((p->session_count - 1) * p->gap_target_days > p->months * MONTH_DAYS_MAX) {
            reader_warn(
                reader, at,
                "programme \"%s\": at gap_target_days the sessions do not fit into its months",
                p->id);
        }
        if (config_find_programme(config, p->id) != p) {
            reader_fault(reader, reader_at(reader, "programmes.[%u].id", i),
                         "programme \"%s\": is there twice", p->id);
        }
    }
}

/* ---- Outcomes ----------------------------------------------------------------------------------
 */

static const char *outcome_fault(const struct outcome_code *code) {
    const unsigned officers = TELL_OFFICER | TELL_OFFICER_BY_ROUTE;
    const struct {
        bool wrong;
        const char *text;
    } rows[] = {
        {code->miss && code->attended == ATTENDED_YES, "a miss cannot be attended"},
        {code->miss && (code->tell & TELL_SUPERVISOR) == 0,
         "a miss must tell the supervisor: nobody would learn of it"},
        {code->miss && !code->recordable, "a miss must be recordable"},
        {code->provisional != (code->complied == COMPLIED_UNDECIDED),
         "provisional and complied = \"undecided\" go together"},
        {code->provisional && !code->miss, "only a miss can be provisional"},
        {code->moved_by != MOVED_BY_NOBODY && code->recordable,
         "a code that a move writes is not recordable"},
        {code->sent_home && code->attended == ATTENDED_NO, "who was sent home has attended"},
        {code->acceptable &&
             (code->attended == ATTENDED_YES || code->complied != COMPLIED_YES || code->miss),
         "an acceptable absence is not attended, complied and no miss"},
        {!code->miss && (code->tell & TELL_PARTICIPANT) != 0,
         "the participant is told of a miss only"},
        {(code->tell & officers) == officers,
         "tell names officer and officer_by_route: one of them"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        if (rows[i].wrong) {
            return rows[i].text;
        }
    }
    return NULL;
}

/* Kinds of code without which cobid cannot work. */
static void check_outcome_kinds(struct reader *reader) {
    const struct outcome_table *table = &reader->config->outcomes;
    bool attended = false, provisional = false, confirmed = false, acceptable = false;
    for (uint32_t i = 0; i < table->count; i++) {
        const struct outcome_code *code = &table->codes[i];
        if (reader->unsound[GROUP_outcome_code][i]) {
            return; /* it may be the one that seems to be missing */
        }
        attended = attended || (code->attended == ATTENDED_YES && code->complied == COMPLIED_YES);
        provisional = provisional || (code->miss && code->provisional);
        confirmed = confirmed || (code->miss && !code->provisional);
        acceptable = acceptable || code->acceptable;
    }
    const struct {
        bool there;
        const char *text;
    } rows[] = {
        {attended, "an attended session (ATTC)"},
        {provisional, "a provisional miss (AFTA)"},
        {confirmed, "a confirmed miss (UAAB)"},
        {acceptable, "an acceptable absence (AAAA)"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows) && table->count > 0; i++) {
        if (!rows[i].there) {
            reader_fault(reader, reader_at(reader, "outcomes"), "outcomes: there is no code for %s",
                         rows[i].text);
        }
    }
}

static void check_outcomes(struct reader *reader) {
    const struct outcome_table *table = &reader->config->outcomes;
    for (uint32_t i = 0; i < table->count; i++) {
        if (reader->unsound[GROUP_outcome_code][i]) {
            continue;
        }
        const struct outcome_code *code = &table->codes[i];
        const char *fault = outcome_fault(code);
        if (fault != NULL) {
            reader_fault(reader, reader_at(reader, "outcomes.[%u]", i), "outcome %s: %s",
                         code->code, fault);
        }
        if (outcome_find(table, code->code) != code) {
            reader_fault(reader, reader_at(reader, "outcomes.[%u].code", i),
                         "outcome %s: is there twice", code->code);
        }
    }
    check_outcome_kinds(reader);
}

/* ---- Reminders and the send window -------------------------------------------------------------
 */

static void check_window(struct reader *reader) {
    const struct send_window *w = &reader->config->send_window;
    const config_setting_t *at = reader_at(reader, "send_window");
    if (reader->unsound[GROUP_send_window][0]) {
        return;
    }
    if (w->from_minute >= w->to_minute || w->quiet_from_minute >= w->quiet_to_minute) {
        reader_fault(reader, at, "send_window: must open before it closes");
        return;
    }
    if (w->early_from_minute > w->from_minute) {
        reader_fault(reader, at, "send_window: early_from must not be later than from");
    }
    if (w->margin_minutes >= w->to_minute - w->from_minute ||
        w->margin_minutes >= w->quiet_to_minute - w->quiet_from_minute) {
        reader_fault(reader, at, "send_window: margin must be shorter than the window");
    }
}

/* Why a step cannot be, or NULL. */
static const char *step_fault(const struct reader *reader, uint32_t index) {
    const struct remind_step *step = &reader->config->reminders.steps[index];
    const struct send_window *window = &reader->config->send_window;
    bool days = reader_given(reader, "reminders.[%u].days_before", index);
    bool hours = reader_given(reader, "reminders.[%u].hours_before", index);
    bool at = reader_given(reader, "reminders.[%u].at", index);
    if (days == hours) {
        return "must have either days_before or hours_before";
    }
    if (days != at) {
        return days ? "days_before needs at = \"18:00\" or the like"
                    : "at goes with days_before only";
    }
    if (days && !reader->unsound[GROUP_send_window][0] &&
        (step->at_minute < window->from_minute || step->at_minute >= window->to_minute)) {
        return "at lies outside the send window";
    }
    if (step->channels == 0) {
        return "channels must not be empty";
    }
    return step->main && step->conditions != 0 ? "the main reminder must have no conditions" : NULL;
}

static bool steps_equal(const struct remind_step *a, const struct remind_step *b) {
    return a->days_before == b->days_before && a->at_minute == b->at_minute &&
           a->hours_before == b->hours_before;
}

static void check_step(struct reader *reader, uint32_t index) {
    struct remind_policy *policy = &reader->config->reminders;
    struct remind_step *step = &policy->steps[index];
    const config_setting_t *at = reader_at(reader, "reminders.[%u]", index);
    const char *fault = step_fault(reader, index);
    step->anchor = step->hours_before > 0 ? REMIND_HOURS_BEFORE : REMIND_DAYS_BEFORE;
    if (fault != NULL) {
        reader_fault(reader, at, "reminder: %s", fault);
        return;
    }
    for (uint32_t i = 0; i < index; i++) {
        if (steps_equal(&policy->steps[i], step)) {
            reader_fault(reader, at, "reminder: there is another at the same time");
            return;
        }
    }
}

static void check_reminders(struct reader *reader) {
    const struct remind_policy *policy = &reader->config->reminders;
    uint32_t main_count = 0, always_count = 0, two_days_count = 0;
    for (uint32_t i = 0; i < policy->step_count; i++) {
        const struct remind_step *step = &policy->steps[i];
        if (reader->unsound[GROUP_remind_step][i]) {
            return;
        }
        check_step(reader, i);
        main_count += step->main;
        always_count += step->conditions == 0;
        two_days_count += step->conditions == 0 && step->days_before == 2;
    }
    const config_setting_t *at = reader_at(reader, "reminders");
    if (policy->step_count > 0 && main_count != 1) {
        reader_fault(reader, at, "reminders: exactly one must be the main one (main = true)");
    }
    if (always_count == 1 && two_days_count == 1) {
        reader_warn(
            reader, at,
            "reminders: one reminder two days before, alone, made no difference in the trial; "
            "the day before at 18:00 did");
    }
}

/* ---- Escalations -------------------------------------------------------------------------------
 */

static void check_required_chains(struct reader *reader) {
    static const struct {
        enum escalation_kind kind;
        enum audience audience;
        const char *text;
    } rows[] = {
        {ESCALATION_MISSED, AUDIENCE_SUPERVISOR,
         "kind = \"missed\" with audience = \"supervisor\""},
        {ESCALATION_MISSED, AUDIENCE_ADVOCATE, "kind = \"missed\" with audience = \"advocate\""},
        {ESCALATION_UNRECORDED, AUDIENCE_SUPERVISOR,
         "kind = \"unrecorded\" with audience = \"supervisor\""},
        {ESCALATION_UNDELIVERABLE, AUDIENCE_SUPERVISOR,
         "kind = \"undeliverable\" with audience = \"supervisor\""},
    };
    const struct config *config = reader->config;
    for (size_t i = 0; i < ARRAY_COUNT(rows) && config->escalation_count > 0; i++) {
        if (config_find_escalation(config, rows[i].kind, rows[i].audience) == NULL) {
            reader_fault(reader, reader_at(reader, "escalations"),
                         "escalations: there must be one of %s", rows[i].text);
        }
    }
}

static void check_escalations(struct reader *reader) {
    const struct config *config = reader->config;
    bool all_sound = true;
    for (uint32_t i = 0; i < config->escalation_count; i++) {
        const struct escalation_policy *policy = &config->escalations[i];
        const config_setting_t *at = reader_at(reader, "escalations.[%u]", i);
        if (reader->unsound[GROUP_escalation_policy][i]) {
            all_sound = false;
            continue;
        }
        const char *fault = escalation_policy_fault(policy);
        if (fault != NULL) {
            reader_fault(reader, at, "escalation \"%s\": %s", escalation_kind_to_text(policy->kind),
                         fault);
        } else if (config_find_escalation(config, policy->kind, policy->audience) != policy) {
            reader_fault(reader, at, "escalation \"%s\": there is another for the same audience",
                         escalation_kind_to_text(policy->kind));
        }
    }
    if (all_sound) {
        check_required_chains(reader);
    }
}

void check_all(struct reader *reader) {
    check_public_url(reader);
    check_sender(reader);
    check_clock(reader);
    check_holidays(reader);
    check_key(reader);
    check_programmes(reader);
    check_outcomes(reader);
    check_window(reader);
    check_reminders(reader);
    check_escalations(reader);
    check_gateways(reader);
}
