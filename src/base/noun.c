/* The nouns of the command line and their fields: the table nouns.def as data.
 *
 * Used by the schema, the statement catalogue, the checks of values, cobictl and the import.
 * Looking up what does not exist is no error of ours: -ENOENT or NULL. Nothing here changes at run
 * time, and nothing here reads a value. */
#include "cobi/base/noun.h"

#include <errno.h>
#include <string.h>

#include "cobi/base/cleanup.h"
#include "cobi/base/nouns.def"

/* NOLINTBEGIN(bugprone-macro-parentheses): arguments of tables are initialisers */
#define ROW(name_, type_, flags_, max_, choices_, refers_, standard_, help_)                       \
    {.name = #name_,                                                                               \
     .type = type_,                                                                                \
     .flags = flags_,                                                                              \
     .max = max_,                                                                                  \
     .choices = choices_,                                                                          \
     .refers = refers_,                                                                            \
     .standard = standard_,                                                                        \
     .help = help_},

static const struct field office_fields[] = {OFFICE_FIELDS(ROW)};
static const struct field practitioner_fields[] = {PRACTITIONER_FIELDS(ROW)};
static const struct field supervisor_fields[] = {SUPERVISOR_FIELDS(ROW)};
static const struct field advocate_fields[] = {ADVOCATE_FIELDS(ROW)};
static const struct field officer_fields[] = {OFFICER_FIELDS(ROW)};
static const struct field participant_fields[] = {PARTICIPANT_FIELDS(ROW)};

#define NOUN(noun_, name_, plural_, help_)                                                         \
    [noun_] = {.name = #name_,                                                                     \
               .plural = plural_,                                                                  \
               .help = help_,                                                                      \
               .fields = name_##_fields,                                                           \
               .field_count = ARRAY_COUNT(name_##_fields)}
/* NOLINTEND(bugprone-macro-parentheses) */

const struct noun_table noun_tables[NOUN_COUNT] = {
    NOUN(NOUN_OFFICE, office, "offices", "places where sessions are held"),
    NOUN(NOUN_PRACTITIONER, practitioner, "practitioners", "staff who hold sessions"),
    NOUN(NOUN_SUPERVISOR, supervisor, "supervisors", "staff who are told of missed sessions"),
    NOUN(NOUN_ADVOCATE, advocate, "advocates", "victims' advocates of advocacy services"),
    NOUN(NOUN_OFFICER, officer, "officers", "responsible officers outside the programme"),
    NOUN(NOUN_PARTICIPANT, participant, "participants", "people on a programme"),
};

int noun_from_text(const char *name, enum noun *ret_noun) {
    for (size_t i = 0; i < NOUN_COUNT; i++) {
        if (strcmp(noun_tables[i].name, name) == 0) {
            *ret_noun = (enum noun)i;
            return 0;
        }
    }
    return -ENOENT;
}

const struct field *noun_find_field(enum noun noun, const char *name) {
    const struct noun_table *table = &noun_tables[noun];
    for (size_t i = 0; i < table->field_count; i++) {
        if (field_name_equal(table->fields[i].name, name)) {
            return &table->fields[i];
        }
    }
    return NULL;
}

bool field_name_equal(const char *a, const char *b) {
    for (; *a != '\0' && *b != '\0'; a++, b++) {
        char left = *a == '-' ? '_' : *a;
        char right = *b == '-' ? '_' : *b;
        if (left != right) {
            return false;
        }
    }
    return *a == *b;
}
