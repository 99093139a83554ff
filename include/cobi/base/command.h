/* Every command of cobictl as one table: cobictl parses and helps by it, the daemon checks and dispatches by it.
 *
 * On the wire a command is POST /NOUN/VERB (or /VERB where there is no noun) with a JSON object: "id" and "id2" for the
 * positional arguments, one member an option ("order_ends", values are text; arrays of text for repeated options; true
 * for switches). The answer is 200 with the JSON document, or 4xx/5xx with {"error": "one line"}. */
#ifndef COBI_BASE_COMMAND_H
#define COBI_BASE_COMMAND_H

#include "cobi/base/noun.h"

enum command_access { COMMAND_ADMIN, COMMAND_OPS /* group cobid-ops too */ };
enum command_flag {
    COMMAND_TAKES_AS = 1,   /* --as STAFF is allowed */
    COMMAND_NEEDS_AS = 2,   /* deciding verb: --as STAFF must be given */
    COMMAND_NOUN_FIELDS = 4, /* options are the fields of the noun (add: required ones must be given; set: at least one) */
    COMMAND_READS = 8,      /* changes nothing */
    COMMAND_ONE_OF = 16,    /* exactly one of the options must be given */
};
#define COMMAND_OPTIONS_MAX 12
struct command {
    const char *noun; /* "participant", or NULL: "status" */
    const char *verb;
    const char *arguments[2]; /* names of the positional arguments ("REF"), NULL where none; all are required */
    unsigned flags;
    enum command_access access;
    const struct field *options; /* besides --as and, with COMMAND_NOUN_FIELDS, the noun's fields */
    size_t option_count;
    const char *help; /* one line */
};
extern const struct command commands[];
extern const size_t command_count;
/* The option --as STAFF of commands with COMMAND_TAKES_AS or COMMAND_NEEDS_AS: the id of the person who decides. */
extern const struct field command_as;
/* The command, or NULL. noun may be NULL. */
const struct command *command_find(const char *noun, const char *verb);
/* Looks an option up by name ("-" equals "_") among the command's own options, --as where the command takes it, and with
 * COMMAND_NOUN_FIELDS the noun's fields; NULL when unknown. */
const struct field *command_find_option(const struct command *command, const char *name);

#endif
