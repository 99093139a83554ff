/* Are the gateways usable: where they point, how they prove who they are, who steps in for whom.
 *
 * Each type says in a table what it needs. What leaves this host unencrypted is refused, and so is
 * a secret written into the file. It must never let a manual clock send to anybody real. */
#include "check.h"

#include "url.h"

#include "cobi/base/cleanup.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define BOTH_CHANNELS (1u << CHANNEL_SMS | 1u << CHANNEL_EMAIL)
static const struct gateway_needs {
    const char *name;
    const char *schemes; /* "": no url */
    unsigned channels;
    bool user, password; /* user, password_credential must be given */
    bool query;          /* the url may have a query */
} needs[GATEWAY_TYPE_COUNT] = {
    [GATEWAY_SPOOL] = {"spool", "", BOTH_CHANNELS, false, false, false},
    [GATEWAY_HTTP] = {"http", "https|http", BOTH_CHANNELS, false, false, true},
    [GATEWAY_SMTP] = {"smtp", "smtps|smtp", 1u << CHANNEL_EMAIL, false, false, false},
    [GATEWAY_NOTIFY] = {"notify", "https|http", BOTH_CHANNELS, false, true, false},
    [GATEWAY_TWILIO] = {"twilio", "https|http", 1u << CHANNEL_SMS, true, true, false},
    [GATEWAY_KANNEL] = {"kannel", "https|http", 1u << CHANNEL_SMS, true, true, false},
};

static const config_setting_t *member(const struct reader *reader, uint32_t index,
                                      const char *name) {
    return reader_at(reader, "gateways.[%u].%s", index, name);
}

void check_credential(struct reader *reader, const config_setting_t *at, const char *what,
                      const char *name) {
    const char *folder = reader->config->credentials_dir;
    char path[CONFIG_PATH_SIZE + 65];
    struct text joined = TEXT_IN(path);
    struct stat status;
    if (folder[0] == '\0' || reader->copy) {
        return; /* only the running daemon has one */
    }
    text_addf(&joined, "%s/%s", folder, name);
    if (stat(path, &status) < 0 || access(path, R_OK) < 0) {
        reader_fault(reader, at, "%s: credential \"%s\" cannot be read: %s", what, name,
                     strerror(errno));
    } else if (!S_ISREG(status.st_mode) || status.st_size == 0) {
        reader_fault(reader, at, "%s: credential \"%s\" is empty or no file", what, name);
    }
}

/* ---- Where it points ---------------------------------------------------------------------------
 */

/* The path of an smtp URL is what libcurl says in EHLO. */
static void check_ehlo(struct reader *reader, const config_setting_t *at, const struct url *url) {
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-";
    const char *name = url->path[0] == '/' ? url->path + 1 : url->path;
    if (strspn(name, letters) != strlen(name)) {
        reader_fault(reader, at,
                     "url: the path is the EHLO name: letters, digits, dots and hyphens only");
    }
    check_neutral(reader, at, "url", url->path);
}

/* Texts and secrets leave this host encrypted or not at all. */
static void check_encrypted(struct reader *reader, uint32_t index, const struct url *url) {
    const struct gateway *gateway = &reader->config->gateways[index];
    if (url->loopback) {
        return;
    }
    if (strcmp(url->scheme, "http") == 0) {
        reader_fault(reader, member(reader, index, "url"),
                     "url: must begin with https:// (http:// is for loopback only)");
    }
    if (strcmp(url->scheme, "smtp") == 0 && !gateway->tls) {
        reader_fault(reader, member(reader, index, "tls"), "tls: false is for loopback only");
    }
}

/* Types that have a name but cannot send yet: better said here than by a start that fails. */
static void check_type(struct reader *reader, uint32_t index) {
    const struct gateway *gateway = &reader->config->gateways[index];
    if (gateway->type == GATEWAY_NOTIFY || gateway->type == GATEWAY_TWILIO) {
        reader_fault(reader, member(reader, index, "type"),
                     "gateway \"%s\": type \"%s\" is not in this version: use http", gateway->name,
                     needs[gateway->type].name);
    }
}

static void check_url(struct reader *reader, uint32_t index) {
    const struct gateway *gateway = &reader->config->gateways[index];
    const struct gateway_needs *need = &needs[gateway->type];
    const config_setting_t *at = member(reader, index, "url");
    bool given = gateway->url[0] != '\0';
    if (given == (need->schemes[0] == '\0')) {
        reader_fault(reader, at, "gateway \"%s\": type \"%s\" %s", gateway->name, need->name,
                     given ? "has no url" : "needs a url");
        return;
    }
    if (!given) {
        return;
    }
    struct complaint complaint = {0};
    struct url url;
    if (url_parse(gateway->url, need->schemes, &url, &complaint) < 0) {
        reader_fault(reader, at, "url: %s", complaint.text);
        return;
    }
    if (url.query && !need->query) {
        reader_fault(reader, at, "url: must not have a query");
    }
    if (gateway->type == GATEWAY_SMTP) {
        check_ehlo(reader, at, &url);
    }
    check_encrypted(reader, index, &url);
    if (reader->config->clock == CLOCK_MANUAL && !url.loopback) {
        reader_fault(reader, at,
                     "gateway \"%s\": clock = \"manual\" is only for spools and loopback",
                     gateway->name);
    }
}

/* ---- Who it is and what it says ----------------------------------------------------------------
 */

static void check_from(struct reader *reader, uint32_t index) {
    const struct gateway *gateway = &reader->config->gateways[index];
    const config_setting_t *at = member(reader, index, "from");
    char address[MAILADDR_SIZE];
    if (gateway->from[0] == '\0') {
        return;
    }
    if (gateway->channel == CHANNEL_EMAIL && mailaddr_parse(gateway->from, address) < 0) {
        reader_fault(reader, at, "from: must be a plain email address");
    }
    /* A Twilio messaging service and a Notify sender are ids, not sender names. */
    bool by_id = gateway->type == GATEWAY_TWILIO || gateway->type == GATEWAY_NOTIFY;
    if (gateway->channel == CHANNEL_SMS && !by_id && !option_sender_valid(gateway->from)) {
        reader_fault(reader, at,
                     "from: must be up to 11 letters and digits, or a telephone number");
    }
    check_neutral(reader, at, "from", gateway->from);
}

static void check_password(struct reader *reader, uint32_t index) {
    const struct gateway *gateway = &reader->config->gateways[index];
    const struct gateway_needs *need = &needs[gateway->type];
    const config_setting_t *at = member(reader, index, "password_credential");
    bool user = gateway->user[0] != '\0', password = gateway->password_credential[0] != '\0';
    if (need->user && !user) {
        reader_fault(reader, member(reader, index, "user"),
                     "gateway \"%s\": type \"%s\" needs user", gateway->name, need->name);
    }
    if (need->password && !password) {
        reader_fault(reader, at, "gateway \"%s\": type \"%s\" needs password_credential",
                     gateway->name, need->name);
    }
    if (user && !password) {
        reader_fault(reader, at, "gateway \"%s\": user needs password_credential", gateway->name);
    }
    if (password) {
        check_credential(reader, at, "password_credential", gateway->password_credential);
    }
}

static void check_hooks(struct reader *reader, uint32_t index) {
    const struct gateway *gateway = &reader->config->gateways[index];
    const config_setting_t *at = member(reader, index, "hook_url");
    struct complaint complaint = {0};
    struct url url;
    const char *const credentials[][2] = {
        {"hook_credential", gateway->hook_credential},
        {"signature_credential", gateway->signature_credential},
    };
    for (size_t i = 0; i < ARRAY_COUNT(credentials); i++) {
        if (credentials[i][1][0] != '\0') {
            check_credential(reader, member(reader, index, credentials[i][0]), credentials[i][0],
                             credentials[i][1]);
        }
    }
    if (gateway->hook_credential[0] == '\0' &&
        reader_given(reader, "gateways.[%u].signature_credential", index)) {
        reader_fault(reader, member(reader, index, "signature_credential"),
                     "signature_credential: needs hook_credential");
    }
    if (!reader_given(reader, "gateways.[%u].hook_url", index)) {
        return;
    }
    const size_t length = strlen(gateway->hook_url);
    if (url_parse(gateway->hook_url, "https|http", &url, &complaint) < 0) {
        reader_fault(reader, at, "hook_url: %s", complaint.text);
    } else if (url.query || gateway->hook_url[length - 1] == '/') {
        reader_fault(reader, at, "hook_url: must have no query and no slash at the end");
    } else if (strcmp(url.scheme, "http") == 0 && !url.loopback) {
        reader_fault(reader, at,
                     "hook_url: must begin with https:// (http:// is for loopback only)");
    }
}

/* Headers that the request itself decides. */
static bool header_reserved(const char *name, size_t length) {
    static const char *const reserved[] = {
        "Connection", "Content-Length", "Content-Type",      "Expect", "Host",
        "TE",         "Trailer",        "Transfer-Encoding", "Upgrade"};
    for (size_t i = 0; i < ARRAY_COUNT(reserved); i++) {
        if (strlen(reserved[i]) == length && strncasecmp(reserved[i], name, length) == 0) {
            return true;
        }
    }
    return false;
}

/* Headers that carry a secret, which must come from a credential. */
static bool header_secret(const char *name, size_t length) {
    static const char *const parts[] = {"auth", "key", "token", "secret", "password", "cookie"};
    char lower[64];
    struct text copy = TEXT_IN(lower);
    text_add_bytes(&copy, name, length);
    text_lower(lower);
    for (size_t i = 0; i < ARRAY_COUNT(parts); i++) {
        if (strstr(lower, parts[i]) != NULL) {
            return true;
        }
    }
    return false;
}

/* Every ${credential:NAME} of a value; *ret_count says how many there are. Returns what is wrong,
 * or NULL. */
static const char *check_placeholders(struct reader *reader, const config_setting_t *at,
                                      const char *value, size_t *ret_count) {
    static const char opening[] = "${credential:";
    size_t count = 0;
    for (const char *c = strstr(value, "${"); c != NULL; c = strstr(c + 1, "${"), count++) {
        const char *close = strchr(c, '}');
        char name[ID_SIZE];
        struct text copy = TEXT_IN(name);
        if (strncmp(c, opening, strlen(opening)) != 0 || close == NULL) {
            return "only ${credential:NAME} can be put into a header";
        }
        text_add_bytes(&copy, c + strlen(opening), (size_t)(close - c) - strlen(opening));
        if (copy.overflow || !id_valid(name)) {
            return "${credential:NAME} must name a file in credentials_dir";
        }
        check_credential(reader, at, "headers", name);
    }
    *ret_count = count;
    return NULL;
}

static const char *header_fault(struct reader *reader, const config_setting_t *at,
                                const char *header) {
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    size_t length = strspn(header, letters), placeholder_count = 0;
    if (length == 0 || length > 63 || strncmp(header + length, ": ", 2) != 0 ||
        header[length + 2] == '\0') {
        return "must be \"Name: value\"";
    }
    if (header_reserved(header, length)) {
        return "this header is written by cobid itself";
    }
    for (const char *c = header; *c != '\0'; c++) {
        if ((unsigned char)*c > 0x7e) {
            return "must be ASCII";
        }
    }
    const char *fault = check_placeholders(reader, at, header + length + 2, &placeholder_count);
    if (fault == NULL && placeholder_count == 0 && header_secret(header, length)) {
        return "secrets are never in this file: write ${credential:NAME}";
    }
    return fault;
}

static void check_http(struct reader *reader, uint32_t index) {
    const struct gateway *gateway = &reader->config->gateways[index];
    const config_setting_t *at = member(reader, index, "headers");
    for (uint32_t i = 0; i < gateway->header_count; i++) {
        const char *fault = header_fault(reader, at, gateway->headers[i]);
        if (fault != NULL) {
            reader_fault(reader, at, "headers: %s", fault);
        }
    }
    if (gateway->success_count == 0) {
        reader_fault(reader, member(reader, index, "success"), "success: must not be empty");
    }
    if (gateway->id_pointer[0] != '\0' && gateway->proof[0] != '\0') {
        reader_fault(reader, member(reader, index, "proof"), "proof: goes without id_pointer");
    }
}

/* Options that only one type knows, given to another, are a misunderstanding. */
static void check_misplaced(struct reader *reader, uint32_t index) {
    static const struct {
        const char *option;
        unsigned types;
    } rows[] = {
        {"tls", 1u << GATEWAY_SMTP},
        {"body", 1u << GATEWAY_HTTP},
        {"to_field", 1u << GATEWAY_HTTP},
        {"text_field", 1u << GATEWAY_HTTP},
        {"from_field", 1u << GATEWAY_HTTP},
        {"reference_field", 1u << GATEWAY_HTTP},
        {"subject_field", 1u << GATEWAY_HTTP},
        {"headers", 1u << GATEWAY_HTTP},
        {"success", 1u << GATEWAY_HTTP},
        {"id_pointer", 1u << GATEWAY_HTTP},
        {"proof", 1u << GATEWAY_HTTP},
        {"ca_file", ~(1u << GATEWAY_SPOOL)},
        {"user", ~(1u << GATEWAY_SPOOL)},
        {"password_credential", ~(1u << GATEWAY_SPOOL)},
        {"hook_credential", ~(1u << GATEWAY_SMTP)},
        {"hook_url", 1u << GATEWAY_KANNEL},
        {"receipt_reference_pointer", 1u << GATEWAY_HTTP},
        {"receipt_id_pointer", 1u << GATEWAY_HTTP},
        {"receipt_status_pointer", 1u << GATEWAY_HTTP},
        {"receipt_delivered", 1u << GATEWAY_HTTP},
        {"receipt_failed", 1u << GATEWAY_HTTP},
        {"text_from_pointer", 1u << GATEWAY_HTTP},
        {"text_pointer", 1u << GATEWAY_HTTP},
        {"text_id_pointer", 1u << GATEWAY_HTTP},
        {"signature_credential", 1u << GATEWAY_HTTP},
        {"signature_header", 1u << GATEWAY_HTTP},
    };
    const struct gateway *gateway = &reader->config->gateways[index];
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        if ((rows[i].types & 1u << gateway->type) == 0 &&
            reader_given(reader, "gateways.[%u].%s", index, rows[i].option)) {
            reader_fault(reader, member(reader, index, rows[i].option),
                         "%s: type \"%s\" has no such option", rows[i].option,
                         needs[gateway->type].name);
        }
    }
}

/* ---- Who steps in for whom ---------------------------------------------------------------------
 */

static void check_backup(struct reader *reader, uint32_t index) {
    const struct config *config = reader->config;
    const struct gateway *gateway = &config->gateways[index], *next = gateway;
    const config_setting_t *at = member(reader, index, "backup");
    if (gateway->backup[0] == '\0') {
        return;
    }
    const struct gateway *backup = config_find_gateway(config, gateway->backup);
    if (backup == NULL) {
        reader_fault(reader, at, "backup: there is no gateway \"%s\"", gateway->backup);
        return;
    }
    if (backup->channel != gateway->channel) {
        reader_fault(reader, at, "backup: \"%s\" is not of the same channel", gateway->backup);
        return;
    }
    for (uint32_t steps = 0; next != NULL && next->backup[0] != '\0'; steps++) {
        if (steps == config->gateway_count) {
            reader_fault(reader, at, "backup: gateways stand in for each other in a circle");
            return;
        }
        next = config_find_gateway(config, next->backup);
    }
}

/* Escalations go by email: without such a gateway nobody would learn of a miss. */
static void check_channels(struct reader *reader) {
    const config_setting_t *at = reader_at(reader, "gateways");
    if (config_channel_gateway(reader->config, CHANNEL_EMAIL) == NULL) {
        reader_fault(reader, at,
                     "gateways: there must be one of channel \"email\" that is not only a backup");
    }
    if (config_channel_gateway(reader->config, CHANNEL_SMS) == NULL) {
        reader_warn(reader, at, "gateways: there is none of channel \"sms\": no text can leave");
    }
}

void check_gateways(struct reader *reader) {
    const struct config *config = reader->config;
    bool all_sound = config->gateway_count > 0;
    for (uint32_t i = 0; i < config->gateway_count; i++) {
        const struct gateway *gateway = &config->gateways[i];
        if (reader->unsound[GROUP_gateway][i]) {
            all_sound = false;
            continue;
        }
        assert(gateway->type < GATEWAY_TYPE_COUNT);
        if (config_find_gateway(config, gateway->name) != gateway) {
            reader_fault(reader, member(reader, i, "name"), "gateway \"%s\": is there twice",
                         gateway->name);
        }
        if ((needs[gateway->type].channels & 1u << gateway->channel) == 0) {
            reader_fault(reader, member(reader, i, "channel"),
                         "gateway \"%s\": type \"%s\" does not carry this channel", gateway->name,
                         needs[gateway->type].name);
        }
        check_type(reader, i);
        check_url(reader, i);
        check_from(reader, i);
        check_misplaced(reader, i);
        check_password(reader, i);
        check_hooks(reader, i);
        if (gateway->type == GATEWAY_HTTP) {
            check_http(reader, i);
        }
    }
    for (uint32_t i = 0; i < config->gateway_count && all_sound; i++) {
        check_backup(reader, i);
    }
    if (all_sound) {
        check_channels(reader);
    }
}
