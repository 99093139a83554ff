/* Does a text that a participant sent ask for no more texts? Pure. */
#ifndef COBI_RULES_OPTOUT_H
#define COBI_RULES_OPTOUT_H

#include <stdbool.h>

/* Only what can mean nothing else, in English or Welsh, whatever its case, punctuation and courtesies: "STOP", "Stop. Thank you", "Stopiwch os
 * gwelwch yn dda". Everything else is for a person to read: "stop" in a sentence may mean the sessions, "cancel" the appointment. text is valid UTF-8. */
bool optout_asked(const char *text);

#endif
