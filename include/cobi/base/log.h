/* The log: lines to stderr with the syslog prefixes "<3>" to "<7>" that journald reads (sd-daemon(3)).
 *
 * A line names things (message id, session id), never a person, number, address, token or text of a message. */
#ifndef COBI_BASE_LOG_H
#define COBI_BASE_LOG_H

#include "cobi/base/attribute.h"

#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR = 3, LOG_LEVEL_WARNING = 4, LOG_LEVEL_NOTICE = 5, LOG_LEVEL_INFO = 6, LOG_LEVEL_DEBUG = 7 };
/* Lines above this level are dropped; the default is LOG_LEVEL_INFO. */
void log_set_level(enum log_level level);
/* One line, at most 960 bytes of text (the rest is cut); control characters and bytes above 0x7e are written as \xNN.
 * Never blocks: what cannot be written is counted, and the next line that can be is preceded by the count. Keeps errno. */
_printf_(2, 3) void log_line(enum log_level level, const char *format, ...);
/* Lines lost since the start of the process. */
uint64_t log_dropped_count(void);
#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...) log_line(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...) log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
