/* The commands of cobictl: the table commands.def as data, and the options that are not fields of a
 * noun.
 *
 * cobictl parses and helps by it, the daemon checks and dispatches by it, the manual is tested
 * against it. A command or option that does not exist is NULL. Nothing here changes at run time. */
#include "cobi/base/command.h"

#include <string.h>

#include "cobi/base/cleanup.h"
#include "cobi/base/commands.def"

#define FREE_TEXT_BYTES_MAX  500
#define CASE_REF_BYTES_MAX   60
#define PROGRAMME_NUMBER_MAX 60

/* Arguments of tables are initialisers; parentheses would keep them from being constants or
 * members. */
/* NOLINTBEGIN(bugprone-macro-parentheses) */
#define DATE(name_, flags_, help_)                                                                 \
    { .name = name_, .type = FIELD_DATE, .flags = flags_, .help = help_ }
#define SWITCH(name_, flags_, help_)                                                               \
    { .name = name_, .type = FIELD_SWITCH, .flags = flags_, .help = help_ }
#define FREE_TEXT(name_, flags_, help_)                                                            \
    {                                                                                              \
        .name = name_, .type = FIELD_TEXT, .flags = (flags_) | FIELD_SEALED,                       \
        .max = FREE_TEXT_BYTES_MAX, .help = help_                                                  \
    }
#define CHOICE(name_, flags_, choices_, standard_, help_)                                          \
    {                                                                                              \
        .name = name_, .type = FIELD_CHOICE, .flags = flags_, .choices = choices_,                 \
        .standard = standard_, .help = help_                                                       \
    }
#define REFERENCE(name_, flags_, noun_, help_)                                                     \
    { .name = name_, .type = FIELD_ID, .flags = flags_, .refers = noun_, .help = help_ }
/* NOLINTEND(bugprone-macro-parentheses) */

const struct field command_as = {
    .name = "as", .type = FIELD_ANY_ID, .help = "id of the member of staff who decides"};

static const struct field reload_options[] = {
    SWITCH("wait", 0, "wait until the new configuration is in force"),
};
static const struct field release_options[] = {
    SWITCH("held", FIELD_REQUIRED, "release what is held after a jump of the clock"),
};
static const struct field absent_options[] = {
    DATE("from", FIELD_REQUIRED, "first day"),
    DATE("to", FIELD_REQUIRED, "last day, inclusive"),
    FREE_TEXT("reason", 0, "why, for staff only"),
};
static const struct field leave_options[] = {
    DATE("on", FIELD_REQUIRED, "first day on which nothing is theirs any more"),
    REFERENCE("hand_over_to", FIELD_REQUIRED, NOUN_PRACTITIONER, "practitioner who takes over"),
    SWITCH("dry_run", 0, "show what would be handed over and change nothing"),
};
static const struct field reassign_options[] = {
    REFERENCE("to", FIELD_REQUIRED, NOUN_PRACTITIONER, "practitioner who takes over"),
    SWITCH("dry_run", 0, "show what would be handed over and change nothing"),
};
static const struct field link_options[] = {
    REFERENCE("participant", FIELD_REQUIRED, NOUN_PARTICIPANT, "participant whose status is told"),
    {.name = "case_ref",
     .type = FIELD_TEXT,
     .flags = FIELD_REQUIRED | FIELD_SEALED,
     .max = CASE_REF_BYTES_MAX,
     .help = "the service's own case reference, the only name its mails carry"},
    CHOICE("level", 0, "all|missed", "all",
           "every status, or only misses, long absence and concerns"),
};
static const struct field unlink_options[] = {
    REFERENCE("participant", FIELD_REQUIRED, NOUN_PARTICIPANT, "participant whose status was told"),
};
static const struct field plan_options[] = {
    SWITCH("dry_run", 0, "show the plan and change nothing"),
};
static const struct field because_options[] = {
    CHOICE("because", FIELD_REQUIRED,
           "custody|remand|warrant|recall|order_ended|moved|deceased|health|other", NULL,
           "the cause, as a word"),
    FREE_TEXT("reason", 0, "more on the cause, for staff only"),
};
static const struct field complete_options[] = {
    CHOICE("because", FIELD_REQUIRED,
           "custody|remand|warrant|recall|order_ended|moved|deceased|health|other", NULL,
           "the cause, as a word"),
    FREE_TEXT("reason", 0, "more on the cause, for staff only"),
    {.name = "waive",
     .type = FIELD_NUMBER,
     .flags = FIELD_REPEATED,
     .max = PROGRAMME_NUMBER_MAX,
     .help = "number of a session that was not attended and is not asked for; --as names the "
             "supervisor who waives it"},
};
static const struct field session_list_options[] = {
    REFERENCE("participant", 0, NOUN_PARTICIPANT, "sessions of this participant"),
    REFERENCE("practitioner", 0, NOUN_PRACTITIONER, "sessions of this practitioner"),
    CHOICE("state", 0, "planned|awaiting_outcome|recorded|cancelled", NULL,
           "sessions in this state"),
    DATE("from", 0, "first local day"),
    DATE("to", 0, "last local day, inclusive"),
};
static const struct field session_move_options[] = {
    {.name = "to",
     .type = FIELD_CIVIL,
     .flags = FIELD_REQUIRED,
     .help = "new local start, such as \"2027-01-12 14:00\""},
    CHOICE("by", FIELD_REQUIRED, "participant|service", NULL, "who asked for the move"),
    FREE_TEXT("reason", 0, "why, for staff only"),
    SWITCH("cascade", 0, "move the following sessions too"),
    SWITCH("dry_run", 0, "show what would change and change nothing"),
};
static const struct field session_cancel_options[] = {
    CHOICE("by", FIELD_REQUIRED, "participant|service", NULL, "who asked for it"),
    FREE_TEXT("reason", 0, "why, for staff only"),
};
static const struct field session_outcome_options[] = {
    FREE_TEXT("note", 0, "a note, for staff only"),
    CHOICE("contacted", 0, "yes|no", NULL, "after an absence: was contact attempted?"),
};
static const struct field session_decide_options[] = {
    FREE_TEXT("reason", FIELD_REQUIRED, "why, for staff only"),
    CHOICE("contacted", 0, "yes|no", NULL, "was contact attempted after the absence?"),
};
static const struct field session_correct_options[] = {
    FREE_TEXT("reason", FIELD_REQUIRED, "why, for staff only"),
};
static const struct field feed_create_options[] = {
    REFERENCE("practitioner", 0, NOUN_PRACTITIONER, "feed of a practitioner's sessions"),
    REFERENCE("office", 0, NOUN_OFFICE, "feed of an office's rooms"),
    REFERENCE("participant", 0, NOUN_PARTICIPANT, "neutral feed of a participant's own sessions"),
};
static const struct field message_list_options[] = {
    REFERENCE("participant", 0, NOUN_PARTICIPANT, "messages about this participant"),
    CHOICE("audience", 0, "participant|practitioner|supervisor|advocate|officer|operator", NULL,
           "messages to this audience"),
    CHOICE("state", 0,
           "queued|sending|accepted|delivered|undelivered|failed|uncertain|unknown|cancelled|"
           "expired|held|skipped",
           NULL, "messages in this state"),
};
static const struct field inbound_list_options[] = {
    REFERENCE("participant", FIELD_REQUIRED, NOUN_PARTICIPANT, "texts of this participant"),
};
static const struct field escalation_list_options[] = {
    SWITCH("open", 0, "only those that are not resolved"),
};
static const struct field escalation_resolve_options[] = {
    FREE_TEXT("reason", FIELD_REQUIRED, "how it was resolved, for staff only"),
};
static const struct field concern_options[] = {
    FREE_TEXT("reason", 0, "why, for supervisors who look it up only"),
};
static const struct field none_options[] = {};

/* NOLINTBEGIN(bugprone-macro-parentheses): as above */
#define ROW(noun_, verb_, first_, second_, flags_, access_, list_, help_)                          \
    {.noun = noun_,                                                                                \
     .verb = verb_,                                                                                \
     .arguments = {first_, second_},                                                               \
     .flags = flags_,                                                                              \
     .access = access_,                                                                            \
     .options = list_##_options,                                                                   \
     .option_count = ARRAY_COUNT(list_##_options),                                                 \
     .help = help_},
/* NOLINTEND(bugprone-macro-parentheses) */

const struct command commands[] = {COMMAND_ROWS(ROW)};
const size_t command_count = ARRAY_COUNT(commands);

const struct command *command_find(const char *noun, const char *verb) {
    for (size_t i = 0; i < command_count; i++) {
        const struct command *command = &commands[i];
        bool same_noun = noun == NULL || command->noun == NULL ? noun == command->noun
                                                               : strcmp(noun, command->noun) == 0;
        if (same_noun && strcmp(verb, command->verb) == 0) {
            return command;
        }
    }
    return NULL;
}

const struct field *command_find_option(const struct command *command, const char *name) {
    for (size_t i = 0; i < command->option_count; i++) {
        if (field_name_equal(command->options[i].name, name)) {
            return &command->options[i];
        }
    }
    bool takes_as = (command->flags & (COMMAND_TAKES_AS | COMMAND_NEEDS_AS)) != 0;
    if (takes_as && field_name_equal(command_as.name, name)) {
        return &command_as;
    }
    enum noun noun;
    if ((command->flags & COMMAND_NOUN_FIELDS) == 0 || noun_from_text(command->noun, &noun) < 0) {
        return NULL;
    }
    return noun_find_field(noun, name);
}
