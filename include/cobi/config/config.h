/* The configuration: one table of options (options.def) makes the parser, the checks, the sample and cobid.conf(5).
 *
 * config_load() fills a new struct, checks all of it and reports every fault; nothing is taken over by halves. */
#ifndef COBI_CONFIG_CONFIG_H
#define COBI_CONFIG_CONFIG_H

#include "cobi/base/complaint.h"
#include "cobi/base/mailaddr.h"
#include "cobi/config/gateway.h"
#include "cobi/rules/attendance.h"
#include "cobi/rules/escalate.h"
#include "cobi/rules/programme.h"
#include "cobi/rules/remind.h"

#define CONFIG_PATH_SIZE 256
#define CONFIG_NAME_SIZE 81
#define PROGRAMMES_MAX 32
#define GATEWAYS_MAX 16
#define ESCALATIONS_MAX 16
enum config_clock { CLOCK_REAL, CLOCK_MANUAL };
struct config_sender {       /* everything participants see of the sender; neutral (checked) */
    char name[CONFIG_NAME_SIZE];     /* display name of mails: "Appointments" */
    char sms_from[16];               /* sender id of texts: up to 11 letters and digits, or a number */
    char email[MAILADDR_SIZE];       /* From of mails to participants */
    char reply_to[MAILADDR_SIZE];    /* "" for none */
    char staff_email[MAILADDR_SIZE]; /* From of mails to staff, officers and advocates (default: email) */
    char calendar_email[MAILADDR_SIZE]; /* role mailbox, ORGANIZER of feeds (default: email) */
};
struct config {
    char file[CONFIG_PATH_SIZE];     /* where it was read from */
    char timezone[ZONE_NAME_SIZE];   /* default zone */
    char state_dir[CONFIG_PATH_SIZE];
    char control_socket[108];
    char public_url[CONFIG_PATH_SIZE]; /* "https://appointments.example", no slash at the end */
    char listen[64];                 /* "127.0.0.1:8099", "[::1]:8099", or "none"; port 0: any free one */
    enum config_clock clock;
    char clock_start[CIVIL_TEXT_SIZE]; /* manual clock of a new database begins here (local); "" for now */
    char holidays_file[CONFIG_PATH_SIZE]; /* "" for none */
    char templates_dir[CONFIG_PATH_SIZE];
    char credentials_dir[CONFIG_PATH_SIZE]; /* default $CREDENTIALS_DIRECTORY */
    char key_credential[64];         /* name of the key file; without it a 0600 file in state_dir is made */
    bool test_numbers;
    struct config_sender sender;
    char operator_email[MAILADDR_SIZE]; /* who gets alarms; required */
    struct span miss_undo;           /* 5 min */
    struct span miss_after;          /* a no-show may be recorded this long after the start: 15 min */
    uint32_t digest_at_minute;       /* practitioners' mail of the day: 07:30 of their office */
    struct span outcome_ask_after;   /* after the end: 15 min */
    struct span unrecorded_after;    /* after the end: 4 h */
    uint32_t evidence_days;          /* working days to decide an AFTA: 5 */
    uint32_t review_after_misses;    /* misses in a row from which on the supervisor reviews them: 2 */
    bool four_miss_prompt;           /* four in a row: does the programme go on? */
    uint32_t no_attendance_days;     /* advocates hear of no attended session for so long: 14 */
    uint32_t slipping_days;          /* an owed session that is not planned so long is slipping: 7 */
    uint32_t feed_horizon_days;      /* 28 */
    uint32_t feed_past_days;         /* 30 */
    struct span receipt_after;       /* no receipt for the main text after this: 4 h (0: receipts not expected) */
    uint32_t retention_days;         /* message bodies are kept this long: 30 */
    uint32_t programme_count;
    struct programme programmes[PROGRAMMES_MAX];
    struct outcome_table outcomes;
    struct remind_policy reminders;
    struct send_window send_window;
    uint32_t escalation_count;
    struct escalation_policy escalations[ESCALATIONS_MAX];
    uint32_t gateway_count;
    struct gateway gateways[GATEWAYS_MAX];
};
/* Reads and checks the file. complaints gets every fault as "file:line: text". Returns 0 with a new configuration (config_free()),
 * -EINVAL when there are faults, or another negative errno when the file cannot be read (also a complaint). A line "file:line: warning: text"
 * is no fault: there may be such lines when 0 is returned. */
_must_use_ int config_load(const char *file, struct config **ret_config, struct complaints *complaints);
/* The same for a copy of the file that was accepted before: relative paths (not includes) begin at `folder`, where the original was, and holidays,
 * ca_file and credentials need not be there any more, because a copy that cannot be used is no use. */
_must_use_ int config_load_copy(const char *file, const char *folder, struct config **ret_config, struct complaints *complaints);
void config_free(struct config *config);
const struct programme *config_find_programme(const struct config *config, const char *id);
const struct gateway *config_find_gateway(const struct config *config, const char *name);
/* The first gateway of the channel that is not only a backup, or NULL. */
const struct gateway *config_channel_gateway(const struct config *config, enum channel channel);
/* The policy for a kind and audience, or NULL. */
const struct escalation_policy *config_find_escalation(const struct config *config, enum escalation_kind kind, enum audience audience);
/* What a reload may not do: drop or change what is in use. Adds one complaint for each; in_use says what rows refer to. */
struct config_use {
    const char *const *programmes, *const *gateways, *const *codes, *const *zones;
    size_t programme_count, gateway_count, code_count, zone_count;
};
void config_check_use(const struct config *config, const struct config_use *in_use, struct complaints *complaints);
/* Options that a reload cannot change (sockets, state_dir, clock, ...): one complaint for each that differs. */
void config_check_restart(const struct config *before, const struct config *after, struct complaints *complaints);

#endif
