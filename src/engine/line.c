/* Dead ends and loops among people: would each chain find at least two of them, or the operator?
 *
 * Asked after a write, within its turn (a refusal undoes it), and of a whole new configuration
 * before it is taken. Must never let a write through that leaves a miss with nobody to hear of it.
 */
#include "line.h"

#include <errno.h>
#include <string.h>

enum { BATCH = 100 };

static bool in_line(const struct line *line, const char *id) {
    for (uint32_t i = 0; i < line->count; i++) {
        if (strcmp(line->ids[i], id) == 0) {
            return true;
        }
    }
    return false;
}

int line_read(struct engine *e, const char *supervisor, struct line *ret_line) {
    struct line line = {0};
    struct noun_row row;

    while (*supervisor && line.count < LINE_MAX_PEOPLE) {
        if (in_line(&line, supervisor)) {
            line.loop = true;
            break;
        }
        const int r = noun_find(e->store, NOUN_SUPERVISOR, supervisor, &e->arena, &row);
        if (r < 0 && r != -ENOENT) {
            return r;
        }
        if (r == -ENOENT) {
            break;
        }
        memcpy(line.ids[line.count++], row.id, ID_SIZE);
        supervisor = noun_value(&row, "next");
    }
    *ret_line = line;
    return 0;
}

/* "" while nothing is wrong. */
struct fault {
    char text[COMPLAINT_SIZE];
};

static void check_line(const struct config *config, const char *practitioner,
                       const struct line *line, struct fault *fault) {
    struct text t = TEXT_IN(fault->text);

    for (uint32_t i = 0; i < config->escalation_count && t.length == 0; i++) {
        const struct escalation_policy *policy = &config->escalations[i];
        const char *wrong = escalation_line_fault(policy, line->count);
        if (wrong) {
            text_addf(&t,
                      "practitioner %s: escalation \"%s\" to %s: %s; give supervisor %s a --next, "
                      "or the escalation a step to the operator",
                      practitioner, escalation_kind_to_text(policy->kind),
                      audience_to_text(policy->audience), wrong,
                      line->count ? line->ids[line->count - 1] : "that exists");
        }
    }
}

static int check_practitioner(struct engine *e, const struct config *config, const char *id,
                              struct fault *fault) {
    struct noun_row row;
    struct line line;
    int r = noun_find(e->store, NOUN_PRACTITIONER, id, &e->arena, &row);

    r = r < 0 ? r : line_read(e, noun_value(&row, "supervisor"), &line);
    if (r == 0) {
        check_line(config, id, &line, fault);
    }
    return r;
}

static int check_supervisor(struct engine *e, const struct config *config, const char *id,
                            struct fault *fault) {
    struct text t = TEXT_IN(fault->text);
    struct line line;
    const int r = line_read(e, id, &line);

    (void)config;
    if (r == 0 && line.loop) {
        text_addf(
            &t, "supervisor %s: the chain of supervisors would come back to somebody who is in it",
            id);
    }
    return r;
}

/* Every row of the noun, in their order; `take` is given each fault and returns whether to go on.
 */
struct walk {
    enum noun noun;
    int (*check)(struct engine *e, const struct config *config, const char *id,
                 struct fault *fault);
};
static const struct walk walks[] = {{NOUN_SUPERVISOR, check_supervisor},
                                    {NOUN_PRACTITIONER, check_practitioner}};

static int walk_people(struct engine *e, const struct config *config, const struct walk *walk,
                       struct complaints *complaints) {
    char ids[BATCH][ID_SIZE], after[ID_SIZE] = "";
    int count;

    while ((count = noun_list(e->store, walk->noun, after, ids, BATCH)) > 0) {
        memcpy(after, ids[count - 1], sizeof after);
        for (int i = 0; i < count; i++) {
            struct fault fault = {0};
            const int r = walk->check(e, config, ids[i], &fault);
            if (r < 0) {
                return r;
            }
            if (*fault.text) {
                complaints_add(complaints, "%s", fault.text);
            }
        }
    }
    return count;
}

static int check_people(struct engine *e, const struct config *config,
                        struct complaints *complaints) {
    for (size_t i = 0; i < ARRAY_COUNT(walks); i++) {
        const int r = walk_people(e, config, &walks[i], complaints);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

int engine_check_people(struct engine *e, const struct config *config,
                        struct complaints *complaints) {
    arena_reset(&e->arena);
    return check_people(e, config, complaints);
}

int line_check(struct call *c, const char *practitioner) {
    struct fault fault = {0};
    const int r = check_practitioner(c->e, c->e->setup.config, practitioner, &fault);

    return r < 0         ? call_failed(c, r, practitioner)
           : *fault.text ? call_refuse(c, 409, "%s", fault.text)
                         : 200;
}

int line_check_participant(struct call *c, const char *participant) {
    struct noun_row row;
    const int r = noun_find(c->e->store, NOUN_PARTICIPANT, participant, &c->e->arena, &row);

    return r < 0 ? call_failed(c, r, participant) : line_check(c, noun_value(&row, "practitioner"));
}

int line_check_all(struct call *c) {
    struct complaints *complaints = arena_alloc(&c->e->arena, 1, sizeof *complaints);
    const int r = check_people(c->e, c->e->setup.config, complaints);

    return r < 0                    ? call_failed(c, r, "a supervisor or practitioner")
           : complaints->count == 0 ? 200
                                    : call_refuse(c, 409, "%s", complaints->list[0].text);
}
