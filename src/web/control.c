/* The control socket's side of cobictl: POST /NOUN/VERB or /VERB with a JSON object, a JSON
 * document back.
 *
 * The table of commands says what exists and who may; arguments are read within caps of size and
 * depth; then the host is asked, and the engine where it is not the host's. Whatever is wrong is
 * one line in {"error": ...}.
 *
 * Must never run a command that the peer's credentials do not allow, nor repeat in an error what
 * was sent. */
#include <errno.h>
#include <string.h>

#include "cobi/base/cleanup.h"
#include "cobi/base/text.h"
#include "room.h"

#define DEPTH_MAX   4
#define MEMBERS_MAX 64
#define WORD_SIZE   24
#define JSON_TYPE   "application/json"

/* {"error": why}, in the form that cobictl reads. */
void control_refuse(struct web_response *response, int status, const char *why) {
    json_t *reply = json_pack("{s:s}", "error", why);
    char *text = json_dumps(reply, JSON_COMPACT);
    json_decref(reply);
    if (text == NULL) {
        abort();
    }
    web_set_body(response, status, JSON_TYPE, text);
    response->owned = text;
}

/* "/participant/plan" or "/status" into its words; noun is "" where there is none. */
static bool split_path(const char *path, char ret_noun[WORD_SIZE], char ret_verb[WORD_SIZE]) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz-";
    const char *words[2] = {NULL, NULL};
    size_t lengths[2] = {0, 0}, count = 0;
    while (*path == '/' && count < ARRAY_COUNT(words)) {
        words[count] = path + 1;
        lengths[count] = strspn(path + 1, letters);
        path += 1 + lengths[count];
        if (lengths[count] == 0 || lengths[count] >= WORD_SIZE) {
            return false;
        }
        count++;
    }
    if (*path != '\0' || count == 0) {
        return false;
    }
    size_t verb = count - 1;
    memcpy(ret_noun, words[0], count == 2 ? lengths[0] : 0);
    ret_noun[count == 2 ? lengths[0] : 0] = '\0';
    memcpy(ret_verb, words[verb], lengths[verb]);
    ret_verb[lengths[verb]] = '\0';
    return true;
}

/* jansson reads nested values by recursion: no more than DEPTH_MAX brackets may be open at once. */
static bool is_shallow(const char *bytes, size_t length) {
    int depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < length; i++) {
        char c = bytes[i];
        if (in_string) {
            i += c == '\\' ? 1 : 0;
            in_string = c != '"';
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > DEPTH_MAX) {
                return false;
            }
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
    return true;
}

/* The arguments: an object, or nothing for none. NULL with the reason in *ret_why. */
static json_t *read_arguments(const struct web_request *request, const char **ret_why) {
    if (request->body_length == 0) {
        return json_object();
    }
    if (request->body_length > CONTROL_BODY_BYTES_MAX) {
        *ret_why = "the request is larger than 64 KB";
        return NULL;
    }
    if (!is_shallow(request->body, request->body_length)) {
        *ret_why = "the request is nested too deeply";
        return NULL;
    }
    json_t *arguments = json_loadb(request->body, request->body_length, JSON_REJECT_DUPLICATES,
                                   NULL);
    if (!json_is_object(arguments) || json_object_size(arguments) > MEMBERS_MAX) {
        json_decref(arguments);
        *ret_why = "the request must be one JSON object of at most 64 members, none of them twice";
        return NULL;
    }
    return arguments;
}

/* Takes the reply over. */
static void answer_reply(struct web_response *response, int status, json_t *take_reply) {
    char *text = take_reply != NULL ? json_dumps(take_reply, JSON_COMPACT) : NULL;
    json_decref(take_reply);
    if (text == NULL) {
        control_refuse(response, 500, "the daemon has no answer to this command: see its log");
        return;
    }
    web_set_body(response, status, JSON_TYPE, text);
    response->owned = text;
}

static void run(struct web *web, const struct command *command, const struct web_request *request,
                struct web_response *response) {
    const char *why = "";
    json_t *arguments = read_arguments(request, &why), *reply = NULL;
    if (arguments == NULL) {
        control_refuse(response, 400, why);
        return;
    }
    int status = 0;
    if (web->setup.host_command != NULL) {
        status = web->setup.host_command(web->setup.user, command, &request->actor, arguments,
                                         &reply);
    }
    if (status == 0) {
        status = engine_command(web->setup.engine, command, &request->actor, arguments, &reply);
        if (status == 503 && web->setup.refused != NULL) {
            web->setup.refused(web->setup.user);
        }
    }
    json_decref(arguments);
    answer_reply(response, status, reply);
}

void control_handle(struct web *web, const struct web_request *request,
                    struct web_response *response) {
    char noun[WORD_SIZE], verb[WORD_SIZE];
    const struct command *command = NULL;
    if (split_path(request->path, noun, verb)) {
        command = command_find(noun[0] != '\0' ? noun : NULL, verb);
    }
    if (command == NULL) {
        control_refuse(response, 404, "there is no such command: see cobictl --help");
    } else if (request->method != WEB_POST) {
        control_refuse(response, 405, "commands are given with POST");
        web_set_header(response, "Allow", "POST");
    } else if (command->access == COMMAND_ADMIN && request->actor.access != COMMAND_ADMIN) {
        control_refuse(
            response, 403,
            "this command needs root, the daemon's user or a member of group cobid-admin");
    } else {
        run(web, command, request, response);
    }
}
