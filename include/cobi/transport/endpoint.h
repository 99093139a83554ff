/* The URL of a gateway, checked before anything is sent to it. */
#ifndef COBI_TRANSPORT_ENDPOINT_H
#define COBI_TRANSPORT_ENDPOINT_H

#include "cobi/base/complaint.h"
#include "cobi/config/gateway.h"

#define ENDPOINT_URL_SIZE 800
struct endpoint {
    char url[ENDPOINT_URL_SIZE]; /* as libcurl gets it; for smtp its path is the EHLO name */
    bool loopback;               /* 127.0.0.0/8, ::1 or localhost */
    bool encrypted;              /* https, smtps, or smtp with STARTTLS required */
};
/* Checks gateway->url for its type (http, kannel: https, or http on loopback; smtp: smtp or smtps,
 * unencrypted only on loopback). No user, password, fragment, control character, or port 0.
 * mail_host is the EHLO name of an smtp URL without a path. Returns 0, or -EINVAL with a line in
 * complaint. */
_must_use_ int endpoint_parse(const struct gateway *gateway, const char *mail_host,
                              struct endpoint *ret_endpoint, struct complaint *complaint);

#endif
