/* A programme as data: what the configuration says about COBI, its 2018 form, or any other series of sessions. */
#ifndef COBI_RULES_PROGRAMME_H
#define COBI_RULES_PROGRAMME_H

#include <stdint.h>

#include "cobi/base/text.h"

#define PROGRAMME_SESSIONS_MAX 60
#define PROGRAMME_NAME_SIZE 81
#define MODULE_NAME_SIZE 49
struct programme {
    char id[ID_SIZE];
    char name[PROGRAMME_NAME_SIZE];           /* for staff only */
    uint32_t session_count;                   /* 1 to PROGRAMME_SESSIONS_MAX */
    uint32_t months;                          /* window: start date plus this many calendar months, inclusive */
    uint32_t minutes;                         /* length of a session, 60 to 150 */
    uint32_t gap_min_days, gap_target_days;   /* between one session's date and the next */
    uint32_t gap_max_days;                    /* hard limit of the planner */
    uint32_t gap_flag_days;                   /* a larger gap is planned but warned about */
    uint32_t first_within_days;               /* first session at most this many days after the start */
    uint32_t horizon_months;                  /* nothing is planned more than this many months after the start */
    char modules[PROGRAMME_SESSIONS_MAX][MODULE_NAME_SIZE]; /* by session number - 1; "" where none is named */
};

#endif
