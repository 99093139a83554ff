/* Placing sessions: from the store's facts to the planner's request, and back into rows. Private to
 * the engine. */
#ifndef COBI_ENGINE_PLANNING_H
#define COBI_ENGINE_PLANNING_H

#include "call.h"
#include "cobi/rules/plan.h"

enum { PLANNING_BUSY_MAX = 2000, PLANNING_ABSENCES_MAX = 400 };
/* All facts for one participant's plan, gathered from the store. Everything lives in the turn's
 * arena. */
struct planning {
    struct engine *e;
    struct noun_row participant, practitioner, office;
    struct participant_state_row state;
    const struct programme *programme;
    const struct zone *zone;
    struct hours practitioner_hours, office_hours, unavailable;
    struct slot prefer;
    struct date_range absences[PLANNING_ABSENCES_MAX];
    size_t absence_count;
    size_t practitioner_absence_count; /* they come first */
    struct busy practitioner_busy[PLANNING_BUSY_MAX], room_busy[PLANNING_BUSY_MAX];
    struct session_row *own; /* the participant's live sessions, ascending */
    size_t own_count;
    struct plan_request request; /* points into this struct */
};
/* Gathers; sessions whose ids are in `without` (NULL-terminated, may be NULL) are treated as if
 * they were not there. Returns 200, or a refusal. */
int planning_gather(struct call *c, const char *participant, const char *const *without,
                    struct planning **ret_planning);
/* Days on which the participant has a session already are no days for another. */
void planning_block_own(struct planning *p);
/* Where the participant has asked for no time of the week, this one is kept. */
void planning_keep_time(struct planning *p, struct civil start);
/* Writes new sessions for numbers[i] at starts[i]; attempt follows those that exist. */
_must_use_ int planning_insert(struct call *c, struct planning *p, const uint32_t *numbers,
                               const struct civil *starts, size_t count);
/* {"rule", "session", "from", "to"} in one line: why there is no plan. */
int planning_refuse(struct call *c, const struct plan_result *result, uint32_t number);
json_t *planning_warnings(const struct planning *p, const struct plan_result *result);
/* Says what the participant must be told after a plan of these starts: all dates by mail, the next
 * date by text; in time before the first of them, or a person phones. */
_must_use_ int planning_confirm(struct call *c, struct planning *p, const struct civil *starts,
                                size_t count, uint32_t ordinal);

#endif
