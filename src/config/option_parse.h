/* The parsers of single values, one for each notation. Private to this room.
 *
 * Each checks the input, whose kind is right already, and stores it. Returns 0, or -EINVAL with a
 * clause that completes "NAME: ...". */
#ifndef CONFIG_OPTION_PARSE_H
#define CONFIG_OPTION_PARSE_H

#include "option.h"

typedef int option_parse(const struct option *option, const struct option_input *input,
                         const struct option_place *place, struct complaint *complaint);
option_parse option_parse_text, option_parse_id, option_parse_credential, option_parse_code,
    option_parse_path, option_parse_file, option_parse_zone, option_parse_listen,
    option_parse_email, option_parse_sender, option_parse_pointer, option_parse_texts,
    option_parse_count, option_parse_flag, option_parse_statuses, option_parse_span,
    option_parse_minutes, option_parse_days, option_parse_time, option_parse_civil,
    option_parse_rate, option_parse_word, option_parse_words;

#endif
