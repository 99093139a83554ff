/* Commands: arguments are checked by the table, dispatched to their handler, and answered in one
 * turn.
 *
 * Bad input gets one clear line and changes nothing: any status other than 200 rolls the turn back.
 */
#include "call.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "cobi/rules/value.h"
#include "handover.h"
#include "outbox.h"

static const struct {
    const char *noun, *verb; /* noun NULL: none; "*": any of the nouns */
    call_handler *handler;
} handlers[] = {
    {"*", "add", people_add},
    {"*", "list", people_list},
    {"*", "show", people_show},
    {"*", "set", people_set},
    {"*", "absent", people_absent},
    {"advocate", "link", people_link},
    {"advocate", "unlink", people_unlink},
    {"practitioner", "leave", practitioner_leave},
    {"participant", "reassign", participant_reassign},
    {"participant", "plan", participant_plan},
    {"participant", "pause", participant_pause},
    {"participant", "resume", participant_resume},
    {"participant", "withdraw", participant_withdraw},
    {"participant", "end", participant_end},
    {"participant", "complete", participant_complete},
    {"session", "list", session_command_list},
    {"session", "show", session_command_show},
    {"session", "move", session_command_move},
    {"session", "cancel", session_command_cancel},
    {"session", "outcome", session_command_outcome},
    {"session", "decide", session_command_decide},
    {"session", "correct", session_command_correct},
    {"session", "approve", session_command_approve},
    {"task", "list", task_command_list},
    {"task", "done", task_command_done},
    {"concern", "raise", concern_command_raise},
    {"feed", "create", feed_command_create},
    {"feed", "list", feed_command_list},
    {"feed", "revoke", feed_command_revoke},
    {"message", "list", message_command_list},
    {"message", "show", message_command_show},
    {"message", "retry", message_command_retry},
    {"message", "cancel", message_command_cancel},
    {"escalation", "list", escalation_command_list},
    {"escalation", "show", escalation_command_show},
    {"escalation", "ack", escalation_command_ack},
    {"escalation", "resolve", escalation_command_resolve},
    {"escalation", "worst-case", escalation_command_worst_case},
    {"audit", "verify", audit_command_verify},
    {"inbound", "list", inbound_command_list},
    {"inbound", "show", inbound_command_show},
    {"template", "list", template_command_list},
    {"template", "show", template_command_show},
    {NULL, "preview", view_preview},
    {NULL, "explain", view_explain},
    {NULL, "status", view_status},
    {NULL, "health", view_health},
    {NULL, "release", message_command_release},
};

static call_handler *find_handler(struct call *c) {
    const struct command *command = c->command;
    const bool noun = command->noun && noun_from_text(command->noun, &c->noun) == 0;

    for (size_t i = 0; i < ARRAY_COUNT(handlers); i++) {
        if (strcmp(handlers[i].verb, command->verb) != 0) {
            continue;
        }
        const char *of = handlers[i].noun;
        if ((!of && !command->noun) || (of && command->noun && strcmp(of, command->noun) == 0) ||
            (of && noun && strcmp(of, "*") == 0)) {
            return handlers[i].handler;
        }
    }
    return NULL;
}

int call_refuse(struct call *c, int status, const char *format, ...) {
    char line[COMPLAINT_SIZE];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(line, sizeof line, format, arguments); /* a line that is too long is cut */
    va_end(arguments);
    json_decref(c->reply);
    c->reply = json_pack("{s:s}", "error", utf8_valid(line, strlen(line)) ? line : "refused");
    return status;
}

int call_failed(struct call *c, int error, const char *what) {
    switch (-error) {
    case ENOENT:
        return call_refuse(c, 404, "%s: not found", what);
    case EEXIST:
        return call_refuse(c, 409, "%s: is taken already; choose another id", what);
    case ECONNREFUSED:
        /* One sentence whatever the cause: it must not tell whose number or address it is. */
        return call_refuse(
            c, 409, "%s: this number or address cannot be used here; check it with the person",
            what);
    case ESTALE:
        return call_refuse(c, 409, "%s: changed meanwhile; look again and repeat", what);
    case EPROTO:
        return call_refuse(c, 409, "%s: not possible in its present state", what);
    case EUCLEAN:
        return call_refuse(
            c, 500, "%s: the stored row cannot be read; see the log and `cobictl health`", what);
    case EBUSY:
        return call_refuse(c, 503, "the database is locked by another process; try again");
    case ENOSPC:
        return call_refuse(c, 503, "the disk is full; nothing was changed");
    case EROFS:
        return call_refuse(c, 503, "the database cannot be written; nothing was changed");
    default:
        /* A commit that failed may still be found on the disk: neither done nor refused. */
        return call_refuse(c, 503,
                           "%s: the store failed (%s), and whether it was kept is not known; cobid "
                           "starts anew: look, then repeat",
                           what, strerror(-error));
    }
}

const char *call_value(const struct call *c, const char *name) {
    for (size_t i = 0; i < c->value_count; i++) {
        if (strcmp(c->values[i].field->name, name) == 0) {
            return c->values[i].value;
        }
    }
    return NULL;
}

bool call_given(const struct call *c, const char *name) {
    return call_value(c, name) != NULL;
}

const char *call_actor(const struct call *c) {
    return *c->as ? c->as : c->actor->user;
}

int call_audit(struct call *c, const char *subject, const char *detail) {
    const struct audit_entry entry = {
        .at = c->e->now,
        .actor = c->actor->user,
        .as = c->as,
        .action = arena_printf(&c->e->arena, "%s %s", c->command->noun ? c->command->noun : "",
                               c->command->verb),
        .subject = subject,
        .detail = detail};

    return c->command->flags & COMMAND_READS ? access_append(c->e->store, &entry)
                                             : audit_append(c->e->store, &entry);
}

/* ---- arguments ---- */

/* Of the command itself; a field of a noun may be given empty, to take its value away. */
static bool is_own_option(const struct call *c, const struct field *field) {
    for (size_t i = 0; i < c->command->option_count; i++) {
        if (field == &c->command->options[i]) {
            return true;
        }
    }
    return field == &command_as;
}

static int add_value(struct call *c, const struct field *field, const char *text, size_t length) {
    const struct value_options options = {.test_numbers = c->e->setup.config->test_numbers};
    struct complaint complaint = {0};
    char value[VALUE_SIZE];

    if (value_canonical(field, text, length, &options, value, &complaint) < 0) {
        return call_refuse(c, 400, "%s", complaint.text);
    }
    if (!*value && is_own_option(c, field)) {
        return call_refuse(c, 400, "--%s: is empty; give a value or leave it out", field->name);
    }
    for (size_t i = 0; i < c->value_count; i++) {
        if (c->values[i].field == field) {
            c->values[i].value = arena_printf(&c->e->arena, "%s; %s", c->values[i].value, value);
            return 200;
        }
    }
    assert(c->value_count < CALL_VALUES_MAX);
    c->values[c->value_count++] = (struct call_value){field, arena_copy(&c->e->arena, value)};
    return 200;
}

static int add_repeated(struct call *c, const struct field *field, json_t *array) {
    enum { REPEATED_MAX = 20 };
    size_t i;
    json_t *item;
    int status = 200;

    if (!(field->flags & FIELD_REPEATED)) {
        return call_refuse(c, 400, "--%s: given more than once", field->name);
    }
    if (json_array_size(array) > REPEATED_MAX) {
        return call_refuse(c, 400, "--%s: given more than %d times", field->name, REPEATED_MAX);
    }
    json_array_foreach(array, i, item) {
        if (!json_is_string(item)) {
            return call_refuse(c, 400, "--%s: must be text", field->name);
        }
        status = add_value(c, field, json_string_value(item), json_string_length(item));
        if (status != 200) {
            return status;
        }
    }
    return status;
}

static int add_option(struct call *c, const char *name, json_t *value) {
    const struct field *field = command_find_option(c->command, name);
    char safe[41];
    size_t length = 0;

    for (const char *p = name; *p && length < sizeof safe - 1; p++) {
        safe[length++] = *p >= 0x21 && *p < 0x7f
                             ? *p
                             : '?'; /* a name from outside is shown, never as it came */
    }
    safe[length] = '\0';
    if (!field) {
        return call_refuse(c, 400, "--%s: no such option; see cobictl %s %s --help", safe,
                           c->command->noun ? c->command->noun : "", c->command->verb);
    }
    if (field->type == FIELD_SWITCH) {
        if (!json_is_boolean(value)) {
            return call_refuse(c, 400, "--%s: takes no value", safe);
        }
        if (json_is_true(value)) {
            assert(c->value_count < CALL_VALUES_MAX);
            c->values[c->value_count++] = (struct call_value){field, "true"};
        }
        return 200;
    }
    if (json_is_array(value)) {
        return add_repeated(c, field, value);
    }
    if (!json_is_string(value)) {
        return call_refuse(c, 400, "--%s: must be text", safe);
    }
    return add_value(c, field, json_string_value(value), json_string_length(value));
}

static int read_positional(struct call *c, json_t *value, size_t index, const char **ret_text) {
    const char *name = c->command->arguments[index];

    if (!name) {
        return call_refuse(c, 400, "%s takes no %s argument", c->command->verb,
                           index ? "second" : "further");
    }
    if (!json_is_string(value) ||
        text_check(json_string_value(value), json_string_length(value), 100) != TEXT_FINE) {
        return call_refuse(c, 400, "%s: must be one line of text, at most 100 bytes", name);
    }
    *ret_text = arena_copy(&c->e->arena, json_string_value(value));
    return 200;
}

static int read_arguments(struct call *c, json_t *arguments) {
    const char *name;
    json_t *value;
    int status;

    if (!json_is_object(arguments)) {
        return call_refuse(c, 400, "the request must be a JSON object");
    }
    json_object_foreach(arguments, name, value) {
        if (strcmp(name, "id") == 0) {
            status = read_positional(c, value, 0, &c->id);
        } else if (strcmp(name, "id2") == 0) {
            status = read_positional(c, value, 1, &c->id2);
        } else {
            status = add_option(c, name, value);
        }
        if (status != 200) {
            return status;
        }
    }
    return 200;
}

static int require(struct call *c, const struct field *fields, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if ((fields[i].flags & FIELD_REQUIRED) && !call_given(c, fields[i].name)) {
            return call_refuse(c, 400, "--%s is missing: %s", fields[i].name, fields[i].help);
        }
    }
    return 200;
}

static int check_complete(struct call *c) {
    const struct command *command = c->command;

    if (command->arguments[0] && !*c->id) {
        return call_refuse(c, 400, "%s is missing", command->arguments[0]);
    }
    if (command->arguments[1] && !*c->id2) {
        return call_refuse(c, 400, "%s is missing", command->arguments[1]);
    }
    if ((command->flags & COMMAND_ONE_OF) && c->value_count - (call_given(c, "as") ? 1 : 0) != 1) {
        return call_refuse(c, 400,
                           "exactly one of its options must be given; see cobictl %s %s --help",
                           command->noun, command->verb);
    }
    int status = require(c, command->options, command->option_count);

    if (status == 200 && (command->flags & COMMAND_NOUN_FIELDS) &&
        strcmp(command->verb, "add") == 0) {
        status = require(c, noun_tables[c->noun].fields, noun_tables[c->noun].field_count);
    }
    return status;
}

/* Roles outside the matter are refused: only staff and officers may be named. */
static int check_as(struct call *c) {
    const char *as = call_value(c, "as");
    struct store *store = c->e->store;

    if (!as) {
        return c->command->flags & COMMAND_NEEDS_AS
                   ? call_refuse(c, 400, "--as is missing: name the member of staff who decides")
                   : 200;
    }
    if (!noun_exists(store, NOUN_PRACTITIONER, as) && !noun_exists(store, NOUN_SUPERVISOR, as) &&
        !noun_exists(store, NOUN_OFFICER, as) &&
        !(noun_exists(store, NOUN_ADVOCATE, as) && strcmp(c->command->noun, "escalation") == 0)) {
        return call_refuse(c, 403, "--as %s: no member of staff of that id", as);
    }
    const int gone = handover_gone(c->e, as);

    if (gone != 0) {
        return gone < 0 ? call_failed(c, gone, as) : call_refuse(c, 403, "--as %s: has left", as);
    }
    c->as = as;
    return 200;
}

/* Whom an option of the command names must be there: a slip in a filter must not look like an empty
 * list. */
static int check_references(struct call *c) {
    for (size_t i = 0; i < c->value_count; i++) {
        const struct field *field = c->values[i].field;
        if (field->type == FIELD_ID && is_own_option(c, field) &&
            !noun_exists(c->e->store, field->refers, c->values[i].value)) {
            return call_refuse(c, 404, "--%s %s: there is no %s of that id", field->name,
                               c->values[i].value, noun_tables[field->refers].name);
        }
    }
    return 200;
}

static int carry_out(struct call *c, json_t *arguments) {
    call_handler *handler = find_handler(c);

    if (!handler) {
        return call_refuse(c, 404, "%s: not a command of this daemon", c->command->verb);
    }
    int status = read_arguments(c, arguments);

    status = status == 200 ? check_complete(c) : status;
    status = status == 200 ? check_as(c) : status;
    status = status == 200 ? check_references(c) : status;
    return status == 200 ? handler(c) : status;
}

int engine_command(struct engine *e, const struct command *command, const struct actor *actor,
                   json_t *arguments, json_t **ret_reply) {
    struct call c = {.e = e, .command = command, .actor = actor, .id = "", .id2 = "", .as = ""};
    int r = turn_begin(e);

    if (r < 0) {
        const int status = call_failed(&c, r, "the store");
        *ret_reply = c.reply;
        return status;
    }
    int status = carry_out(&c, arguments);

    if (status != 200 || c.dry_run) {
        turn_undo(e);
    } else {
        r = turn_end(e, 0);
        if (r < 0) {
            status = call_failed(&c, r, "the change");
        }
    }
    *ret_reply = c.reply ? c.reply : json_object();
    return status;
}

/* ---- documents ---- */

void json_put_text(json_t *object, const char *name, const char *text) {
    (void)json_object_set_new(object, name,
                              text && *text ? json_string(text)
                                            : json_null()); /* memory only; a crash is tested */
}

void json_put_instant(json_t *object, const char *name, struct instant t) {
    char text[INSTANT_TEXT_SIZE] = "";

    if (t.us != 0 && t.us != INSTANT_NEVER.us) {
        instant_to_text(t, text);
    }
    json_put_text(object, name, text);
}

void json_put_date(json_t *object, const char *name, struct date d) {
    char text[DATE_TEXT_SIZE] = "";

    if (d.year != 0) {
        date_to_text(d, text);
    }
    json_put_text(object, name, text);
}

json_t *session_to_json(const struct session_row *s) {
    char local[CIVIL_TEXT_SIZE];
    json_t *o = json_pack("{s:s,s:s,s:i,s:i,s:i}", "id", s->id, "participant", s->participant,
                          "number", (int)s->number, "of", (int)s->of, "attempt", (int)s->attempt);

    civil_to_text(s->start, local);
    json_put_text(o, "module", s->module);
    json_put_instant(o, "start", s->start_at);
    json_put_text(o, "local", local);
    json_put_text(o, "zone", s->zone);
    (void)json_object_set_new(o, "minutes", json_integer(s->minutes));
    json_put_text(o, "practitioner", s->practitioner);
    json_put_text(o, "office", s->office);
    (void)json_object_set_new(o, "revision", json_integer(s->revision));
    json_put_text(o, "state", session_state_to_text(s->state));
    json_put_text(o, "outcome", s->outcome);
    return o;
}

json_t *message_to_json(const struct message_row *m) {
    json_t *o = json_pack("{s:s,s:s,s:s,s:s,s:s}", "id", m->id, "kind",
                          message_kind_to_text(m->kind), "audience", audience_to_text(m->audience),
                          "recipient", m->recipient, "channel", channel_to_text(m->channel));

    json_put_text(o, "to", m->to);
    json_put_text(o, "subject", m->subject);
    json_put_text(o, "body", m->body);
    json_put_text(o, "state", message_state_to_text(m->state));
    json_put_text(o, "reason", m->reason);
    json_put_instant(o, "due", m->due);
    json_put_instant(o, "not_after", m->not_after);
    json_put_instant(o, "sent_at", m->sent_at);
    json_put_text(o, "session", m->session);
    json_put_text(o, "gateway", m->gateway);
    (void)json_object_set_new(o, "attempts", json_integer(m->attempt_count));
    return o;
}
