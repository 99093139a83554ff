/* URLs of the configuration, read by hand and strictly: what libcurl would guess at is refused.
 * Private to this room. */
#ifndef CONFIG_URL_H
#define CONFIG_URL_H

#include "cobi/base/complaint.h"

#include <stdbool.h>

#define URL_SIZE 512
struct url {
    char scheme[8];      /* "https" */
    char host[254];      /* lower case; an IPv6 address without its brackets */
    unsigned port;       /* 0: the scheme's own */
    char path[URL_SIZE]; /* "" or from the first "/" on, without the query; percent-encoding left as
                            it was */
    bool query;          /* there is one */
    bool loopback;       /* 127.0.0.0/8, ::1 or localhost */
};
/* Refuses: user and password, fragments, empty hosts, host names with odd characters, addresses in
 * odd notations (127.1, 0x7f000001, 2130706433), port 0, backslashes, blanks, "..", bad
 * percent-encoding, and control characters even when encoded. schemes is a list like "https|http".
 * Returns 0, or -EINVAL with a clause that completes "url: ...". */
_must_use_ int url_parse(const char *text, const char *schemes, struct url *ret_url,
                         struct complaint *complaint);

#endif
