/* A command line of cobictl, turned into a command and its JSON arguments by the table of
 * base/command.h.
 *
 * The simulator reads the same lines in its scenarios. Nothing is asked of the daemon here, and
 * whatever a person typed appears in a complaint only as a short excerpt of harmless characters. */
#ifndef COBI_CTL_PARSE_H
#define COBI_CTL_PARSE_H

#include <jansson.h>
#include <stdbool.h>

#include "cobi/base/attribute.h"
#include "cobi/base/command.h"
#include "cobi/base/complaint.h"

enum parsed_wish { PARSED_RUN, PARSED_HELP, PARSED_VERSION };
struct parsed {
    enum parsed_wish wish;
    const char *noun; /* PARSED_HELP: what it is about, or NULL; points into the table */
    const struct command *command; /* PARSED_RUN; PARSED_HELP: may be NULL */
    json_t *arguments;             /* PARSED_RUN: the object to send; owned */
    const char *socket;            /* --socket, borrowed from argv, or NULL */
    bool json;                     /* --json */
};
/* Reads argv[1] to argv[argc - 1]. Returns 0, or -EINVAL with the complaint and *ret_parsed
 * untouched. */
_must_use_ int parse_command_line(int argc, char **argv, struct parsed *ret_parsed,
                                  struct complaint *complaint);
void parsed_done(struct parsed *parsed);

/* Options that every command takes. */
extern const struct field parse_global_options[];
extern const size_t parse_global_option_count;

#endif
