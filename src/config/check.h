/* What one option says about another. Private to this room. */
#ifndef CONFIG_CHECK_H
#define CONFIG_CHECK_H

#include "reader.h"

/* Compares options with one another; every fault goes to the reader. Elements that are unsound
 * already are passed over. */
void check_all(struct reader *reader);
/* The gateways' part of it. */
void check_gateways(struct reader *reader);
/* Faults a text that participants see if it holds a word of the list; `what` begins the line. */
void check_neutral(struct reader *reader, const config_setting_t *at, const char *what,
                   const char *text);
/* Faults the name of a credential whose file is not there or cannot be read; nothing when no
 * credentials_dir is set. */
void check_credential(struct reader *reader, const config_setting_t *at, const char *what,
                      const char *name);

#endif
