/* The control socket, spoken to with libcurl: a JSON object goes out, a JSON document or {"error":
 * ...} comes back.
 *
 * Used by main and by the wait for the clock. What libcurl and the daemon say becomes an errno and
 * one line for the person. Never uses a proxy, never follows a redirect, never keeps more than
 * ANSWER_BYTES_MAX of an answer. */
#include "cobi/ctl/client.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/un.h>

#include "cobi/base/cleanup.h"
#include "cobi/base/text.h"

#define ANSWER_BYTES_FIRST 65536
#define ANSWER_BYTES_MAX   ((size_t)64 * 1024 * 1024)
#define CONNECT_TIMEOUT_MS 5000L
#define ANSWER_TIMEOUT_MS  120000L
#define SOCKET_PATH_SIZE   sizeof(((struct sockaddr_un *)NULL)->sun_path)
#define URL_SIZE           100

struct client {
    CURL *curl;
    struct curl_slist *headers;
    char socket[SOCKET_PATH_SIZE];
    char shown_socket[SOCKET_PATH_SIZE]; /* harmless on a terminal */
};

/* An answer as it arrives. */
struct answer {
    char *bytes; /* NUL-terminated */
    size_t length, capacity;
    bool too_long;
};

static int set_options(struct client *client);

int client_open(const char *socket, struct client **ret_client, struct complaint *complaint) {
    size_t length = strlen(socket);
    if (length == 0 || length >= SOCKET_PATH_SIZE) {
        return complain(complaint, length == 0 ? -EINVAL : -ENAMETOOLONG,
                        "the path of the socket is %s: name another with --socket",
                        length == 0 ? "empty" : "too long");
    }
    struct client *client = calloc(1, sizeof *client);
    if (client == NULL) {
        return complain(complaint, -ENOMEM, "out of memory: try again");
    }
    memcpy(client->socket, socket, length);
    for (size_t i = 0; i < length; i++) {
        client->shown_socket[i] = socket[i] >= 0x20 && socket[i] < 0x7f ? socket[i] : '?';
    }
    client->curl = curl_easy_init();
    client->headers = curl_slist_append(NULL, "Content-Type: application/json");
    if (client->curl == NULL || client->headers == NULL || set_options(client) < 0) {
        client_close(client);
        return complain(complaint, -EIO, "libcurl could not be set up: check its installation");
    }
    *ret_client = client;
    return 0;
}

void client_close(struct client *client) {
    if (client == NULL) {
        return;
    }
    curl_easy_cleanup(client->curl);
    curl_slist_free_all(client->headers);
    free(client);
}

/* Makes room for length more bytes and a NUL, twice as much each time. */
static int grow_answer(struct answer *answer, size_t length) {
    size_t capacity = answer->capacity > 0 ? answer->capacity : ANSWER_BYTES_FIRST;
    while (capacity <= answer->length + length) {
        capacity *= 2;
    }
    if (capacity == answer->capacity) {
        return 0;
    }
    char *bytes = realloc(answer->bytes, capacity);
    if (bytes == NULL) {
        return -ENOMEM;
    }
    answer->bytes = bytes;
    answer->capacity = capacity;
    return 0;
}

static size_t keep_answer(char *bytes, size_t size, size_t count, void *user) {
    struct answer *answer = user;
    size_t length = size * count; /* size is always 1 */
    if (length > ANSWER_BYTES_MAX - answer->length) {
        answer->too_long = true;
        return 0;
    }
    if (grow_answer(answer, length) < 0) {
        return 0;
    }
    memcpy(&answer->bytes[answer->length], bytes, length);
    answer->length += length;
    answer->bytes[answer->length] = '\0';
    return length;
}

static int set_options(struct client *client) {
    CURL *curl = client->curl;
    bool is_set = curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, client->socket) == CURLE_OK &&
                  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http") == CURLE_OK &&
                  curl_easy_setopt(curl, CURLOPT_PROXY, "") == CURLE_OK &&
                  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
                  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
                  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS) ==
                      CURLE_OK &&
                  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, ANSWER_TIMEOUT_MS) == CURLE_OK &&
                  curl_easy_setopt(curl, CURLOPT_POST, 1L) == CURLE_OK &&
                  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, client->headers) == CURLE_OK &&
                  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep_answer) == CURLE_OK;
    return is_set ? 0 : -EIO;
}

/* Why nothing came back, in words. */
static int client_errno(const struct client *client, CURLcode code, const struct answer *answer,
                        struct complaint *complaint) {
    long os_error = 0;
    (void)curl_easy_getinfo(client->curl, CURLINFO_OS_ERRNO, &os_error); /* stays 0 */
    if (code == CURLE_COULDNT_CONNECT && (os_error == EACCES || os_error == EPERM)) {
        return complain(complaint, -ENOTCONN,
                        "no permission to use %s: be root or join the group cobid-admin or "
                        "cobid-ops",
                        client->shown_socket);
    }
    if (code == CURLE_COULDNT_CONNECT) {
        return complain(complaint, -ENOTCONN,
                        "no daemon answers on %s: start it with \"systemctl start cobid\" or name "
                        "its socket with --socket",
                        client->shown_socket);
    }
    if (code == CURLE_OPERATION_TIMEDOUT) {
        return complain(complaint, -ETIMEDOUT,
                        "the daemon did not answer in time: look whether the command was done "
                        "before repeating it");
    }
    if (answer->too_long) {
        return complain(complaint, -EIO, "the daemon's answer is too long: narrow the list down");
    }
    return complain(complaint, -EIO,
                    "the daemon broke off (%s): see \"journalctl -u cobid\", and look whether the "
                    "command was done before repeating it",
                    curl_easy_strerror(code));
}

static int read_answer(const struct answer *answer, long status, json_t **ret_document,
                       struct complaint *complaint) {
    json_t *document = NULL;
    if (answer->bytes != NULL) {
        document = json_loadb(answer->bytes, answer->length,
                              JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
    }
    if (status == 200 && document != NULL) {
        *ret_document = document;
        return 0;
    }
    const char *error = json_string_value(json_object_get(document, "error"));
    if (status != 200 && error != NULL) {
        (void)complain(complaint, -EREMOTEIO, "%s", error);
    } else {
        (void)complain(complaint, -EREMOTEIO,
                       "the daemon answered %ld without %s: see \"journalctl -u cobid\"", status,
                       status == 200 ? "a JSON document" : "a reason");
    }
    json_decref(document);
    return status == 200 ? -EIO : -EREMOTEIO;
}

int client_call(struct client *client, const struct command *command, const json_t *arguments,
                json_t **ret_document, struct complaint *complaint) {
    char url[URL_SIZE] = "";
    struct text text = TEXT_IN(url);
    text_addf(&text, "http://localhost/%s%s%s", command->noun ? command->noun : "",
              command->noun ? "/" : "", command->verb);
    _cleanup_free_ char *body = json_dumps(arguments, JSON_COMPACT);
    if (body == NULL || text.overflow) {
        return complain(complaint, -ENOMEM, "out of memory: try again");
    }
    struct answer answer = {0};
    bool is_set = curl_easy_setopt(client->curl, CURLOPT_URL, url) == CURLE_OK &&
                  curl_easy_setopt(client->curl, CURLOPT_POSTFIELDS, body) == CURLE_OK &&
                  curl_easy_setopt(client->curl, CURLOPT_POSTFIELDSIZE, (long)strlen(body)) ==
                      CURLE_OK &&
                  curl_easy_setopt(client->curl, CURLOPT_WRITEDATA, &answer) == CURLE_OK;
    CURLcode code = is_set ? curl_easy_perform(client->curl) : CURLE_FAILED_INIT;
    long status = 0;
    (void)curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status); /* stays 0 */
    int r = code == CURLE_OK ? read_answer(&answer, status, ret_document, complaint)
                             : client_errno(client, code, &answer, complaint);
    free(answer.bytes);
    (void)curl_easy_setopt(client->curl, CURLOPT_POSTFIELDS, (char *)NULL); /* body ends here */
    return r;
}
