/* A gateway as the configuration describes it. */
#ifndef COBI_CONFIG_GATEWAY_H
#define COBI_CONFIG_GATEWAY_H

#include <stdbool.h>
#include <stdint.h>

#include "cobi/base/text.h"
#include "cobi/rules/kinds.h"

enum gateway_type { GATEWAY_SPOOL, GATEWAY_HTTP, GATEWAY_SMTP, GATEWAY_NOTIFY, GATEWAY_TWILIO, GATEWAY_KANNEL };
#define GATEWAY_TYPE_COUNT 6
enum gateway_body { GATEWAY_BODY_FORM, GATEWAY_BODY_JSON };
#define GATEWAY_HEADERS_MAX 8
#define GATEWAY_STATUSES_MAX 8
#define GATEWAY_STATUS_SIZE 32
struct gateway {
    char name[ID_SIZE];
    enum gateway_type type;
    enum channel channel;
    char url[512];
    char from[256];          /* sender id or From; default: the neutral sender */
    char ca_file[256];
    char backup[ID_SIZE];    /* "" for none */
    bool backup_only;
    uint32_t rate_count;     /* "40/s", "10/min": messages ... */
    struct span rate_per;    /* ... in this time; 0: no limit */
    uint32_t in_flight_max;  /* 8 */
    struct span timeout;     /* 35 s for http, 300 s for the final reply of smtp */
    char user[128];
    char password_credential[64]; /* file in the credentials directory */
    bool tls;                /* smtp: require STARTTLS (default true; false only on loopback) */
    char hook_url[256];        /* where this gateway reaches our hooks; default: public_url */
    char hook_credential[64]; /* its file holds the secret of /hooks/NAME/SECRET/...; "": receipts and inbound texts are not taken */
    /* type "http": */
    enum gateway_body body;
    char to_field[64], text_field[64], from_field[64], reference_field[64], subject_field[64]; /* names; "" leaves the value out */
    char headers[GATEWAY_HEADERS_MAX][256]; /* "Name: value"; "${credential:NAME}" is replaced at dispatch */
    uint32_t header_count;
    uint16_t success[8];     /* status codes that can be an acceptance (200, 201, 202) */
    uint32_t success_count;
    char id_pointer[128];    /* JSON pointer (RFC 6901) to the message id in the answer: the acceptance proof */
    /* what it posts to the hooks, by JSON pointers; "" where it says no such thing: */
    char receipt_reference_pointer[128], receipt_id_pointer[128], receipt_status_pointer[128];
    char receipt_delivered[GATEWAY_STATUSES_MAX][GATEWAY_STATUS_SIZE]; /* words of the status, whatever their case */
    char receipt_failed[GATEWAY_STATUSES_MAX][GATEWAY_STATUS_SIZE];
    char text_from_pointer[128], text_pointer[128], text_id_pointer[128];
    char signature_credential[64]; /* key of the HMAC-SHA256 of what is posted; "" for none */
    char signature_header[64];
    char proof[64];          /* or: a text the answer must begin with ("0:"); neither: any success status is proof enough */
};

#endif
