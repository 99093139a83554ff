/* Commands that concern the process, not the case: clock, reload, configuration, gateways, and what
 * status and health add about it. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cobi/base/cleanup.h"
#include "cobi/base/log.h"
#include "daemon.h"

_printf_(3, 4) static int refuse(json_t **ret_reply, int status, const char *format, ...) {
    char line[COMPLAINT_SIZE];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(line, sizeof line, format, arguments); /* a line that is too long is cut */
    va_end(arguments);
    *ret_reply = json_pack("{s:s}", "error", line);
    return status;
}

static const char *argument(json_t *arguments, const char *name) {
    const char *text = json_string_value(json_object_get(arguments, name));

    return text ? text : "";
}

/* ---- clock ---- */

static int host_clock_show(struct daemon *d, json_t *arguments, json_t **ret_reply) {
    (void)arguments; /* none */
    *ret_reply = clock_to_json(d);
    return 200;
}

static int go_to(struct daemon *d, struct instant target, json_t **ret_reply) {
    if (!d->manual) {
        return refuse(
            ret_reply, 409,
            "the clock is the system's; only a daemon with clock = \"manual\" can be advanced");
    }
    if (instant_cmp(target, d->manual_now) < 0 || instant_cmp(target, d->manual_target) < 0) {
        return refuse(ret_reply, 409, "the clock only goes forward; it %s",
                      instant_cmp(d->manual_target, d->manual_now) > 0 ? "is still advancing"
                                                                       : "is past that time");
    }
    d->manual_target = target;
    loop_poke(d);
    return host_clock_show(d, NULL, ret_reply);
}

static int host_clock_advance(struct daemon *d, json_t *arguments, json_t **ret_reply) {
    struct span span;

    if (span_from_text(argument(arguments, "id"), &span) < 0) {
        return refuse(ret_reply, 400, "SPAN: must be a length of time such as 90m, 36h or 7d");
    }
    return go_to(d, instant_add(d->manual_now, span), ret_reply);
}

static int host_clock_set(struct daemon *d, json_t *arguments, json_t **ret_reply) {
    const struct zone *zone = zones_find(d->zones, d->setup.config->timezone);
    struct civil local;
    struct instant target;

    if (civil_from_text(argument(arguments, "id"), &local) < 0) {
        return refuse(ret_reply, 400, "LOCAL-TIME: must be a time such as \"2027-01-12 14:00\"");
    }
    if (zone_resolve(zone, local, ZONE_FIRST, &target) == ZONE_GAP) {
        return refuse(ret_reply, 400,
                      "LOCAL-TIME: does not exist, because the clocks go forward that night");
    }
    return go_to(d, target, ret_reply);
}

/* ---- configuration ---- */

static json_t *complaints_to_json(const struct complaints *complaints) {
    json_t *faults = json_array();

    for (size_t i = 0; i < complaints->count && i < COMPLAINTS_MAX; i++) {
        (void)json_array_append_new(faults,
                                    json_string(complaints->list[i].text)); /* memory only */
    }
    return faults;
}

static int host_config_check(struct daemon *d, json_t *arguments, json_t **ret_reply) {
    _cleanup_free_ struct complaints *complaints = calloc(1, sizeof *complaints);
    struct setup setup = {0};

    (void)arguments; /* none */
    if (!complaints) {
        abort();
    }
    int r = setup_load(d->config_file, &setup, complaints);

    r = r < 0 ? r : setup_check_people(d, setup.config, complaints);
    setup_done(&setup);
    *ret_reply = json_pack("{s:b,s:s,s:o}", "ok", r == 0, "file", d->config_file,
                           r == 0 ? "warnings" : "faults", complaints_to_json(complaints));
    return 200;
}

static int host_reload(struct daemon *d, json_t *arguments, json_t **ret_reply) {
    _cleanup_free_ struct complaints *complaints = calloc(1, sizeof *complaints);

    (void)arguments; /* --wait: the answer comes when the reload is in force anyway */
    if (!complaints) {
        abort();
    }
    const int r = setup_reload(d, complaints);

    notice_status(d);
    if (r < 0) {
        return refuse(ret_reply, 409, "%s%s", d->stale_reason,
                      complaints->count > 1 ? " (all of it: cobictl config check)" : "");
    }
    loop_poke(d);
    *ret_reply = json_pack("{s:b,s:i}", "ok", 1, "generation", (int)d->generation);
    return 200;
}

/* ---- gateways ---- */

static int host_gateway_list(struct daemon *d, json_t *arguments, json_t **ret_reply) {
    static const char *const types[GATEWAY_TYPE_COUNT] = {
        [GATEWAY_SPOOL] = "spool",   [GATEWAY_HTTP] = "http",     [GATEWAY_SMTP] = "smtp",
        [GATEWAY_NOTIFY] = "notify", [GATEWAY_TWILIO] = "twilio", [GATEWAY_KANNEL] = "kannel"};
    const struct config *config = d->setup.config;

    (void)arguments; /* none */
    *ret_reply = json_array();
    for (uint32_t i = 0; i < config->gateway_count; i++) {
        const struct gateway *g = &config->gateways[i];
        (void)json_array_append_new(
            *ret_reply, json_pack("{s:s,s:s,s:s,s:s,s:o,s:o}", "name", g->name, "type",
                                  types[g->type], "channel", channel_to_text(g->channel), "url",
                                  g->url, "breaker", engine_gateway_to_json(d->engine, g->name),
                                  "incoming", engine_incoming_to_json(d->engine, g->name)));
    }
    return 200;
}

/* ---- status ---- */

bool host_healthy(void *user) {
    const struct daemon *d = user;

    return d->audited && d->report.healthy && !*d->stale_reason && !*d->store_trouble &&
           !*d->disk_trouble;
}

/* The engine's answer, and what only the process knows. When the store fails, the process still
 * answers. */
static int host_status(struct daemon *d, const struct command *command, const struct actor *actor,
                       json_t *arguments, json_t **ret_reply) {
    json_t *reply = NULL;
    const int status = engine_command(d->engine, command, actor, arguments, &reply);

    if (status == 400) {
        *ret_reply = reply;
        return status;
    }
    if (status != 200) {
        const char *error = json_string_value(json_object_get(reply, "error"));
        json_t *fresh = json_pack("{s:b,s:s}", "healthy", 0, "trouble",
                                  error ? error : "the store does not answer");
        json_decref(reply);
        reply = fresh;
    }
    const bool healthy = json_is_true(json_object_get(reply, "healthy")) && !*d->stale_reason &&
                         !*d->store_trouble && !*d->disk_trouble;

    (void)json_object_set_new(reply, "healthy", json_boolean(healthy));
    (void)json_object_set_new(reply, "generation", json_integer(d->generation));
    (void)json_object_set_new(reply, "configuration",
                              *d->stale_reason ? json_string(d->stale_reason)
                                               : json_string("in force"));
    (void)json_object_set_new(reply, "store",
                              *d->store_trouble ? json_string(d->store_trouble)
                                                : json_string("in order"));
    (void)json_object_set_new(
        reply, "disk", *d->disk_trouble ? json_string(d->disk_trouble) : json_string("has room"));
    (void)json_object_set_new(reply, "in_flight", json_integer(transport_in_flight(d->transport)));
    (void)json_object_set_new(reply, "clock", json_string(d->manual ? "manual" : "real"));
    *ret_reply = reply;
    return 200;
}

static const struct {
    const char *noun, *verb;
    int (*answer)(struct daemon *d, json_t *arguments, json_t **ret_reply);
} answers[] = {
    {"clock", "show", host_clock_show}, {"clock", "advance", host_clock_advance},
    {"clock", "set", host_clock_set},   {"config", "check", host_config_check},
    {NULL, "reload", host_reload},      {"gateway", "list", host_gateway_list},
};

int host_command(void *user, const struct command *command, const struct actor *actor,
                 json_t *arguments, json_t **ret_reply) {
    struct daemon *d = user;

    if (!command->noun &&
        (strcmp(command->verb, "status") == 0 || strcmp(command->verb, "health") == 0)) {
        return host_status(d, command, actor, arguments, ret_reply);
    }
    for (size_t i = 0; i < ARRAY_COUNT(answers); i++) {
        const bool same = answers[i].noun
                              ? command->noun && strcmp(command->noun, answers[i].noun) == 0
                              : !command->noun;
        if (!same || strcmp(command->verb, answers[i].verb) != 0) {
            continue;
        }
        const char *name;
        json_t *value;
        json_object_foreach(arguments, name, value) {
            const bool positional = strcmp(name, "id") == 0 && command->arguments[0];
            const struct field *option = command_find_option(command, name);
            if (!positional && !option) {
                return refuse(ret_reply, 400, "no such option for this command");
            }
            const bool is_switch = !positional && option->type == FIELD_SWITCH;
            if (is_switch ? !json_is_boolean(value) : !json_is_string(value)) {
                return refuse(ret_reply, 400, "a value of the wrong kind for this command");
            }
        }
        return answers[i].answer(d, arguments, ret_reply);
    }
    return 0;
}
