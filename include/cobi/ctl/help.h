/* What `--help` prints, made from the command table. */
#ifndef COBI_CTL_HELP_H
#define COBI_CTL_HELP_H

#include <stdio.h>

#include "cobi/base/command.h"

/* About a command; or, when command is NULL, about a noun; or, when that is NULL too, about
 * everything. */
void help_print(FILE *out, const char *noun, const struct command *command);

#endif
