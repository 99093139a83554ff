/* generic: the gateway of type "http", described by the configuration alone.
 *
 * One POST, as a form or as a flat JSON object, with field names and headers from the
 * configuration; acceptance is a status in the success list together with the configured proof. For
 * gateways that cobid does not know by name. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "cobi/base/cleanup.h"
#include "cobi/base/json_pointer.h"
#include "cobi/base/text.h"
#include "cobi/transport/allocate.h"
#include "cobi/transport/http_gateway.h"

#define HEADER_SIZE 4096

struct field {
    const char *name, *value;
};
#define FIELD_COUNT 5

/* These belong to libcurl; a second one would make two readings of one request possible. */
static const char *const reserved_headers[] = {"host",       "content-length", "transfer-encoding",
                                               "connection", "expect",         "te",
                                               "upgrade",    "trailer"};
static const uint16_t success_default[] = {200, 201, 202};

/* Splits "Name: value". Returns the value, or NULL when it is not that. */
static const char *split_header(const char *header, char ret_name[64]) {
    size_t length = strcspn(header, ":");
    if (header[length] != ':' || length == 0 || length >= 64) {
        return NULL;
    }
    memcpy(ret_name, header, length);
    ret_name[length] = '\0';
    const char *value = header + length + 1;
    return value + strspn(value, " ");
}

static bool is_reserved(const char *name) {
    for (size_t i = 0; i < ARRAY_COUNT(reserved_headers); i++) {
        if (text_equal_case(name, reserved_headers[i])) {
            return true;
        }
    }
    return false;
}

static int add_header(const char *header, const char *credentials_dir,
                      struct http_request *request) {
    char name[64], value[HEADER_SIZE];
    const char *raw = split_header(header, name);
    if (raw == NULL || is_reserved(name)) {
        return -EINVAL;
    }
    int r = credential_expand(credentials_dir, raw, value, sizeof value);
    if (r >= 0) {
        r = http_request_add(request, name, value);
    }
    explicit_bzero(value, sizeof value);
    return r;
}

static bool has_header(const struct gateway *gateway, const char *wanted) {
    char name[64];
    for (uint32_t i = 0; i < gateway->header_count; i++) {
        if (split_header(gateway->headers[i], name) != NULL && text_equal_case(name, wanted)) {
            return true;
        }
    }
    return false;
}

static int add_headers(const struct gateway *gateway, const char *credentials_dir,
                       struct http_request *request) {
    int r = 0;
    for (uint32_t i = 0; r >= 0 && i < gateway->header_count; i++) {
        r = add_header(gateway->headers[i], credentials_dir, request);
    }
    if (r >= 0 && !has_header(gateway, "Content-Type")) {
        r = http_request_add(request, "Content-Type",
                             gateway->body == GATEWAY_BODY_JSON
                                 ? "application/json"
                                 : "application/x-www-form-urlencoded");
    }
    return r;
}

static int add_login(const struct gateway *gateway, const char *credentials_dir,
                     struct http_request *request) {
    if (gateway->user[0] == '\0') {
        return 0;
    }
    int r = text_copy(request->user, sizeof request->user, gateway->user);
    if (r >= 0 && gateway->password_credential[0] != '\0') {
        r = credential_read(credentials_dir, gateway->password_credential, request->password);
    }
    return r < 0 ? r : 0;
}

static int check(const struct gateway *gateway, const char *credentials_dir,
                 struct complaint *complaint) {
    struct http_request request = {0};
    int r = 0;
    if (gateway->to_field[0] == '\0' || gateway->text_field[0] == '\0') {
        return complain(complaint, -EINVAL,
                        "gateway %s: to_field and text_field must be set for type \"http\"",
                        gateway->name);
    }
    if (!json_pointer_valid(gateway->id_pointer)) {
        return complain(complaint, -EINVAL,
                        "gateway %s: id_pointer must be a JSON pointer such as \"/messages/0/id\"",
                        gateway->name);
    }
    for (uint32_t i = 0; r >= 0 && i < gateway->header_count; i++) {
        r = add_header(gateway->headers[i], credentials_dir, &request);
        if (r == -EINVAL) {
            (void)complain(complaint, r,
                           "gateway %s: header %u must be \"Name: value\" in plain ASCII, and none "
                           "that HTTP itself needs",
                           gateway->name, i + 1);
        } else if (r < 0) {
            (void)complain(complaint, r,
                           "gateway %s: header %u needs a credential that cannot be read (%s); it "
                           "must be a file only its owner can read",
                           gateway->name, i + 1, strerror(-r));
        }
    }
    if (r >= 0) {
        r = add_login(gateway, credentials_dir, &request);
        if (r < 0) {
            (void)complain(complaint, r,
                           "gateway %s: password_credential cannot be read (%s); it must be a file "
                           "only its owner can read",
                           gateway->name, strerror(-r));
        }
    }
    http_request_done(&request);
    return r;
}

static void print_form(FILE *out, const struct field *fields) {
    const char *separator = "";
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        if (fields[i].name[0] == '\0' || fields[i].value == NULL) {
            continue;
        }
        char *name = curl_easy_escape(NULL, fields[i].name, 0),
             *value = curl_easy_escape(NULL, fields[i].value, 0);
        if (name == NULL || value == NULL) {
            abort();
        }
        fprintf(out, "%s%s=%s", separator, name, value);
        explicit_bzero(value, strlen(value));
        curl_free(name);
        curl_free(value);
        separator = "&";
    }
}

static void write_form(const struct field *fields, struct http_request *request) {
    FILE *out = open_memstream(&request->body, &request->body_length);
    if (out == NULL) {
        abort();
    }
    print_form(out, fields);
    if (ferror(out) || fclose(out) != 0) {
        abort(); /* out of memory */
    }
}

static int write_json(const struct field *fields, struct http_request *request) {
    json_t *object = json_object();
    int r = 0;
    for (size_t i = 0; r == 0 && i < FIELD_COUNT; i++) {
        if (fields[i].name[0] != '\0' && fields[i].value != NULL) {
            r = json_object_set_new(object, fields[i].name, json_string(fields[i].value));
        }
    }
    if (r == 0) {
        request->body = json_dumps(object, JSON_COMPACT | JSON_PRESERVE_ORDER);
        request->body_length = request->body != NULL ? strlen(request->body) : 0;
        r = request->body != NULL ? 0 : -1;
    }
    json_decref(object);
    return r == 0 ? 0 : -EINVAL; /* jansson refuses what is not UTF-8 */
}

static int build(const struct gateway *gateway, const char *credentials_dir,
                 const struct outgoing *message, struct http_request *request) {
    const struct field fields[FIELD_COUNT] = {
        {gateway->to_field, message->to},
        {gateway->from_field, message->from},
        {gateway->subject_field, message->channel == CHANNEL_EMAIL ? message->subject : NULL},
        {gateway->text_field, message->body},
        {gateway->reference_field, message->reference},
    };
    int r = add_headers(gateway, credentials_dir, request);
    if (r >= 0) {
        r = add_login(gateway, credentials_dir, request);
    }
    if (r < 0) {
        return r;
    }
    if (gateway->body == GATEWAY_BODY_JSON) {
        return write_json(fields, request);
    }
    write_form(fields, request);
    return 0;
}

static bool is_success(const struct gateway *gateway, long status) {
    const uint16_t *list = gateway->success_count > 0 ? gateway->success : success_default;
    size_t count = gateway->success_count > 0 ? gateway->success_count
                                              : ARRAY_COUNT(success_default);
    for (size_t i = 0; i < count; i++) {
        if (list[i] == status) {
            return true;
        }
    }
    return false;
}

/* An id is kept only if it is printable and fits: it is shown to people and compared with receipts.
 */
static void keep_id(const char *id, char ret_id[PROVIDER_ID_SIZE]) {
    bool printable = true;
    for (const char *p = id; *p != '\0'; p++) {
        printable = printable && *p > 0x20 && *p < 0x7f;
    }
    if (!printable || text_copy(ret_id, PROVIDER_ID_SIZE, id) < 0) {
        ret_id[0] = '\0';
    }
}

static bool prove_by_id(const struct gateway *gateway, const struct http_answer *answer,
                        char ret_id[PROVIDER_ID_SIZE]) {
    json_t *document = json_loadb(answer->body, answer->body_length, JSON_REJECT_DUPLICATES, NULL);
    const json_t *id = document == NULL ? NULL : json_pointer_find(document, gateway->id_pointer);
    bool proof = false;
    if (json_is_string(id) && json_string_length(id) > 0) {
        proof = true;
        keep_id(json_string_value(id), ret_id);
    } else if (json_is_integer(id)) {
        char number[32];
        struct text text = TEXT_IN(number);
        text_addf(&text, "%lld", (long long)json_integer_value(id));
        proof = true;
        keep_id(number, ret_id);
    }
    json_decref(document);
    return proof;
}

static bool prove(const struct gateway *gateway, const struct http_answer *answer,
                  char ret_id[PROVIDER_ID_SIZE]) {
    if (!is_success(gateway, answer->status)) {
        return false;
    }
    if (gateway->id_pointer[0] != '\0') {
        return prove_by_id(gateway, answer, ret_id);
    }
    if (gateway->proof[0] != '\0') {
        return strncmp(answer->body, gateway->proof, strlen(gateway->proof)) == 0;
    }
    return answer->whole;
}

const struct http_gateway generic_gateway = {.check = check, .build = build, .prove = prove};
