/* Outcome codes: finding one, and whether it may be recorded for a session now.
 *
 * The four facts of an outcome (attended? did it happen? on whose side? decided by whom?) are
 * columns of the configured table; no decision depends on a code's name. Refusals are values with a
 * sentence for the person who typed. Must never let a new no-show become anything but the
 * provisional code without a person who may decide: the miss would go untold. */
#include "cobi/rules/attendance.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "cobi/base/text.h"

static const char *const refusal_texts[RECORD_REFUSAL_COUNT] = {
    [RECORD_FINE] = "the outcome may be recorded",
    [RECORD_UNKNOWN_CODE] =
        "there is no such outcome code: use one of the codes in the configuration",
    [RECORD_NOT_RECORDABLE] =
        "this code is written by another command: use \"session move\" to move the session",
    [RECORD_BEFORE_START] = "the session has not begun: until then record only an acceptable "
                            "absence, or move the session",
    [RECORD_TOO_EARLY] = "it is too early for a no-show: wait until miss_after (15 minutes unless "
                         "configured) has passed since the start, and try to reach the person",
    [RECORD_NEEDS_DECIDER] = "a no-show is recorded with the provisional code (AFTA) first; what "
                             "it was is for a supervisor or the officer to decide",
    [RECORD_REMOTE] =
        "nobody can be sent home from a phone or video session: choose another outcome",
    [RECORD_ALREADY] = "the session has an outcome already: it can be replaced within "
                       "miss_undo (5 minutes unless configured) only",
    [RECORD_CANCELLED] = "the session was cancelled: there is no outcome to record",
};

const struct outcome_code *outcome_find(const struct outcome_table *table, const char *code) {
    for (uint32_t i = 0; code != NULL && i < table->count; i++) {
        if (text_equal_case(table->codes[i].code, code)) {
            return &table->codes[i];
        }
    }
    return NULL;
}

const char *outcome_of_move(const struct outcome_table *table, const char *asked_by) {
    static const char *const words[] = {[MOVED_BY_NOBODY] = "",
                                        [MOVED_BY_PARTICIPANT] = "participant",
                                        [MOVED_BY_SERVICE] = "service"};

    for (uint32_t i = 0; i < table->count; i++) {
        const enum moved_by by = table->codes[i].moved_by;
        if (asked_by && by != MOVED_BY_NOBODY && strcmp(words[by], asked_by) == 0) {
            return table->codes[i].code;
        }
    }
    return "";
}

uint32_t outcome_misses_in_a_row(const struct outcome_table *table, const char *const *codes,
                                 size_t count) {
    uint32_t misses = 0;

    for (size_t i = count; i > 0; i--) {
        const struct outcome_code *const code = outcome_find(table, codes[i - 1]);
        if (code != NULL && code->attended == ATTENDED_YES) {
            break;
        }
        misses += code != NULL && code->miss;
    }
    return misses;
}

const char *record_refusal_to_text(enum record_refusal refusal) {
    assert((unsigned)refusal < RECORD_REFUSAL_COUNT);
    return refusal_texts[refusal];
}

/* A person who did not come: somebody must decide on whose side, unless the code itself is the
 * provisional one. */
static enum record_refusal absence_check(const struct record_request *request) {
    const struct instant earliest = instant_add(request->start, request->miss_after);

    if (!request->code->provisional && !request->decider) {
        return RECORD_NEEDS_DECIDER;
    }
    if (!request->code->acceptable && instant_cmp(request->now, earliest) < 0) {
        return RECORD_TOO_EARLY;
    }
    return RECORD_FINE;
}

enum record_refusal record_check(const struct record_request *request) {
    const struct outcome_code *const code = request->code;

    if (code == NULL) {
        return RECORD_UNKNOWN_CODE;
    }
    if (request->cancelled) {
        return RECORD_CANCELLED;
    }
    if (request->recorded) {
        return RECORD_ALREADY;
    }
    if (!code->recordable) {
        return RECORD_NOT_RECORDABLE;
    }
    if (request->remote && code->sent_home) {
        return RECORD_REMOTE;
    }
    if (instant_cmp(request->now, request->start) < 0) {
        return code->acceptable ? RECORD_FINE : RECORD_BEFORE_START;
    }
    return code->attended == ATTENDED_NO ? absence_check(request) : RECORD_FINE;
}
