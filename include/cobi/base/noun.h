/* The nouns of the command line and their fields, as one table (nouns.def).
 *
 * From it come: the schema's columns, the SQL of add, set, list and show, the checks of every value, cobictl's options,
 * help and manual page, the import format. A field's value is always text in its canonical form. */
#ifndef COBI_BASE_NOUN_H
#define COBI_BASE_NOUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum noun { NOUN_OFFICE, NOUN_PRACTITIONER, NOUN_SUPERVISOR, NOUN_ADVOCATE, NOUN_OFFICER, NOUN_PARTICIPANT };
#define NOUN_COUNT 6

enum field_type {
    FIELD_TEXT,   /* one line, at most `max` bytes */
    FIELD_EMAIL,  /* mailaddr_parse() */
    FIELD_MOBILE, /* phone_parse(), a number that can take texts */
    FIELD_PHONE,  /* phone_parse(), any number */
    FIELD_HOURS,  /* hours_parse(): "Mon-Fri 09:00-17:00, Sat 10:00-13:00" */
    FIELD_SLOT,   /* "Tue 14:00" */
    FIELD_ZONE,   /* an IANA zone name */
    FIELD_DATE,   /* "2027-01-12" */
    FIELD_NUMBER, /* decimal, 0 to `max` */
    FIELD_CHOICE, /* one of `choices`, separated by "|" */
    FIELD_ID,     /* id of a row of the noun `refers` */
    FIELD_PROGRAMME, /* id of a programme in the configuration */
    FIELD_CIVIL,     /* options of commands only: "2027-01-12 14:00" */
    FIELD_SPAN,      /* "90m", "36h", "7d" */
    FIELD_SWITCH,    /* present or not, takes no value */
    FIELD_ANY_ID,    /* id_valid(), of something the command names */
};
#define FIELD_TYPE_COUNT 16

enum field_flag {
    FIELD_REQUIRED = 1, /* must be given at add and cannot be emptied */
    FIELD_SEALED = 2,   /* stored encrypted: names, numbers, addresses */
    FIELD_REPEATED = 4, /* may be given several times; the values are kept as one text, joined by "; " */
    FIELD_UNIQUE = 8,   /* belongs to one person only (keyed hash in table contact) */
};

struct field {
    const char *name; /* the option without "--" and the JSON name, with "-" for "_" on the command line */
    enum field_type type;
    unsigned flags;
    uint32_t max;          /* see type; 0 where it means nothing */
    const char *choices;   /* FIELD_CHOICE */
    enum noun refers;      /* FIELD_ID */
    const char *standard;  /* value when not given, or NULL */
    const char *help;      /* one line, for --help and the manual */
};
struct noun_table {
    const char *name;   /* "office" */
    const char *plural; /* "offices" */
    const char *help;
    const struct field *fields;
    size_t field_count;
};

#define FIELDS_MAX 24
/* All nouns, indexed by enum noun. */
extern const struct noun_table noun_tables[NOUN_COUNT];
/* Returns 0 and the noun, or -ENOENT. */
int noun_from_text(const char *name, enum noun *ret_noun);
/* The field of that name ("-" and "_" are the same), or NULL. */
const struct field *noun_find_field(enum noun noun, const char *name);
/* Do two names mean the same field or option? "order-ends" and "order_ends" do. */
bool field_name_equal(const char *a, const char *b);

#endif
