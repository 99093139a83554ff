/* transport_driver: the transport on an event loop of its own, for system tests.
 *
 * Reads one JSON document from standard input: {"state_dir", "credentials_dir", "mail_host",
 * "gateways": [...], "messages": [...], "sequential", "close_after_ms"}. Sends the messages, prints
 * each answer as one JSON line and at the end the worst time the loop was held, in milliseconds.
 * Exit 0 when all was begun (whatever the answers), 1 when the gateways were refused (the complaint
 * is printed), 2 for a bad document. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cobi/base/cleanup.h"
#include "cobi/base/text.h"
#include "cobi/transport/transport.h"

#define BEAT_US      5000
#define GATEWAYS_MAX 64

struct driver {
    sd_event *loop;
    struct transport *transport;
    const json_t *document, *messages;
    size_t next;
    size_t answered;
    bool sequential;
    uint64_t beat_us, worst_us, pause_until_us;
};

static uint64_t now_us(void) {
    struct timespec now;
    if (clock_gettime(CLOCK_MONOTONIC, &now) < 0) {
        abort();
    }
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static const char *text_of(const json_t *object, const char *key, const char *otherwise) {
    const json_t *value = json_object_get(object, key);
    return json_is_string(value) ? json_string_value(value) : otherwise;
}

static int64_t number_of(const json_t *object, const char *key, int64_t otherwise) {
    const json_t *value = json_object_get(object, key);
    return json_is_integer(value) ? (int64_t)json_integer_value(value) : otherwise;
}

static void print_line(json_t *take_line) {
    char *line = json_dumps(take_line, JSON_COMPACT | JSON_PRESERVE_ORDER);
    puts(line != NULL ? line : "{}");
    (void)fflush(stdout); /* the test sees a broken pipe by itself */
    free(line);
    json_decref(take_line);
}

static void copy_text(const json_t *object, const char *key, const char *otherwise, char *to,
                      size_t capacity) {
    if (text_copy(to, capacity, text_of(object, key, otherwise)) < 0) {
        abort();
    }
}

#define COPY(object, member, otherwise)                                                            \
    copy_text(object, #member, otherwise, gateway->member, sizeof gateway->member)

static void read_lists(const json_t *object, struct gateway *gateway) {
    const json_t *headers = json_object_get(object, "headers"),
                 *success = json_object_get(object, "success");
    for (size_t i = 0; i < json_array_size(headers) && i < GATEWAY_HEADERS_MAX; i++) {
        if (text_copy(gateway->headers[i], sizeof gateway->headers[i],
                      json_string_value(json_array_get(headers, i))) == 0) {
            gateway->header_count++;
        }
    }
    for (size_t i = 0; i < json_array_size(success) && i < ARRAY_COUNT(gateway->success); i++) {
        gateway->success[gateway->success_count++] = (uint16_t)json_integer_value(
            json_array_get(success, i));
    }
}

static void read_gateway(const json_t *object, struct gateway *gateway) {
    static const char *const types[GATEWAY_TYPE_COUNT] = {"spool",  "http",   "smtp",
                                                          "notify", "twilio", "kannel"};
    const char *type = text_of(object, "type", "spool");
    for (int i = 0; i < GATEWAY_TYPE_COUNT; i++) {
        if (strcmp(types[i], type) == 0) {
            gateway->type = (enum gateway_type)i;
        }
    }
    COPY(object, name, "g");
    COPY(object, url, "");
    COPY(object, from, "");
    COPY(object, ca_file, "");
    COPY(object, user, "");
    COPY(object, password_credential, "");
    COPY(object, to_field, "to");
    COPY(object, text_field, "text");
    COPY(object, from_field, "from");
    COPY(object, reference_field, "reference");
    COPY(object, subject_field, "subject");
    COPY(object, id_pointer, "");
    COPY(object, proof, "");
    gateway->channel = strcmp(text_of(object, "channel", "sms"), "email") == 0 ? CHANNEL_EMAIL
                                                                               : CHANNEL_SMS;
    gateway->body = strcmp(text_of(object, "body", "form"), "json") == 0 ? GATEWAY_BODY_JSON
                                                                         : GATEWAY_BODY_FORM;
    gateway->tls = !json_is_false(json_object_get(object, "tls"));
    gateway->timeout = (struct span){number_of(object, "timeout_ms", 0) * 1000};
    gateway->in_flight_max = (uint32_t)number_of(object, "in_flight_max", 0);
    read_lists(object, gateway);
}

static int send_one(struct driver *driver, size_t index) {
    const json_t *object = json_array_get(driver->messages, index);
    struct outgoing message = {
        .attempt = 1,
        .gateway = text_of(object, "gateway", "g"),
        .reference = text_of(object, "reference", "M0-1"),
        .mail_id = text_of(object, "mail_id", "m0"),
        .thread_id = text_of(object, "thread_id", NULL),
        .channel = strcmp(text_of(object, "channel", "sms"), "email") == 0 ? CHANNEL_EMAIL
                                                                           : CHANNEL_SMS,
        .audience = (enum audience)number_of(object, "audience", AUDIENCE_PARTICIPANT),
        .to = text_of(object, "to", ""),
        .from_name = text_of(object, "from_name", ""),
        .from = text_of(object, "from", "Appts"),
        .reply_to = text_of(object, "reply_to", ""),
        .subject = text_of(object, "subject", ""),
        .body = text_of(object, "text", ""),
        .date = {INT64_C(1796000000) * SECOND_US},
        .not_after = INSTANT_NEVER,
    };
    int64_t useful_s = number_of(object, "useful_s", 0);
    if (useful_s > 0) {
        message.not_after = instant_add(message.date, (struct span){useful_s * SECOND_US});
    }
    struct text id = TEXT_IN(message.message_id);
    text_addf(&id, "%zu", index);
    return transport_send(driver->transport, &message);
}

static void send_next(struct driver *driver) {
    while (driver->next < json_array_size(driver->messages)) {
        size_t index = driver->next;
        uint64_t pause_us = (uint64_t)number_of(json_array_get(driver->messages, index), "pause_ms",
                                                0) *
                            1000;
        if ((driver->sequential && driver->answered < index) ||
            (driver->pause_until_us == 0 && pause_us > 0)) {
            driver->pause_until_us = driver->answered < index ? 0 : now_us() + pause_us;
            return;
        }
        if (now_us() < driver->pause_until_us) {
            return;
        }
        driver->pause_until_us = 0;
        driver->next++;
        int r = send_one(driver, index);
        if (r < 0) {
            print_line(
                json_pack("{s:I,s:s}", "index", (json_int_t)index, "error", strerrorname_np(-r)));
            driver->answered++;
        }
    }
}

static void on_delivery(void *user, const struct delivery *delivery) {
    struct driver *driver = user;
    int64_t index = (int64_t)strtoll(delivery->message_id, NULL, 10);
    print_line(json_pack("{s:I,s:s,s:s,s:s,s:s,s:f}", "index", (json_int_t)index, "reference",
                         text_of(json_array_get(driver->messages, (size_t)index), "reference", ""),
                         "outcome", outcome_class_to_text(delivery->outcome), "provider_id",
                         delivery->provider_id, "detail", delivery->detail, "retry_after_s",
                         (double)delivery->retry_after.us / 1e6));
    driver->answered++;
    send_next(driver);
    if (driver->answered == json_array_size(driver->messages)) {
        (void)sd_event_exit(driver->loop, 0); /* fails only when it is ending already */
    }
}

static int on_beat(sd_event_source *source, uint64_t due_us, void *user) {
    struct driver *driver = user;
    uint64_t now = now_us();
    (void)due_us;
    if (driver->beat_us != 0 && now - driver->beat_us > driver->worst_us) {
        driver->worst_us = now - driver->beat_us;
    }
    driver->beat_us = now;
    send_next(driver);
    if (driver->answered == json_array_size(driver->messages)) {
        return sd_event_exit(driver->loop, 0);
    }
    int r = sd_event_source_set_time(source, now + BEAT_US);
    return r < 0 ? r : sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static int on_close_time(sd_event_source *source, uint64_t due_us, void *user) {
    (void)source;
    (void)due_us;
    return sd_event_exit(user, 0);
}

static void read_setup(const json_t *document, const json_t *list, struct gateway *gateways,
                       struct transport_setup *ret_setup) {
    for (size_t i = 0; i < json_array_size(list) && i < GATEWAYS_MAX; i++) {
        gateways[i] = (struct gateway){0};
        read_gateway(json_array_get(list, i), &gateways[i]);
    }
    *ret_setup = (struct transport_setup){
        .gateways = gateways,
        .gateway_count = json_array_size(list),
        .state_dir = text_of(document, "state_dir", ""),
        .credentials_dir = text_of(document, "credentials_dir", ""),
        .mail_host = text_of(document, "mail_host", "appointments.example")};
}

static int on_reload_time(sd_event_source *source, uint64_t due_us, void *user) {
    struct driver *driver = user;
    struct gateway *gateways = calloc(GATEWAYS_MAX, sizeof *gateways);
    struct transport_setup setup;
    struct complaint complaint = {0};
    (void)source;
    (void)due_us;
    if (gateways == NULL) {
        abort();
    }
    read_setup(driver->document,
               json_object_get(json_object_get(driver->document, "reload"), "gateways"), gateways,
               &setup);
    int r = transport_reload(driver->transport, &setup, &complaint);
    print_line(json_pack("{s:s,s:s}", "reload", r < 0 ? strerrorname_np(-r) : "done", "complaint",
                         complaint.text));
    free(gateways);
    return 0;
}

static int arm_reload(struct driver *driver) {
    const json_t *reload = json_object_get(driver->document, "reload");
    if (reload == NULL) {
        return 0;
    }
    return sd_event_add_time_relative(driver->loop, NULL, CLOCK_MONOTONIC,
                                      (uint64_t)number_of(reload, "after_ms", 0) * 1000, 1,
                                      on_reload_time, driver);
}

static int run(struct driver *driver, const json_t *document) {
    int64_t close_ms = number_of(document, "close_after_ms", 0);
    int r = sd_event_add_time(driver->loop, NULL, CLOCK_MONOTONIC, now_us(), 1, on_beat, driver);
    if (r >= 0 && close_ms > 0) {
        r = sd_event_add_time_relative(driver->loop, NULL, CLOCK_MONOTONIC,
                                       (uint64_t)close_ms * 1000, 1, on_close_time, driver->loop);
    }
    if (r >= 0) {
        r = arm_reload(driver);
    }
    if (r >= 0) {
        r = sd_event_loop(driver->loop);
    }
    if (now_us() - driver->beat_us > driver->worst_us) { /* held to the very end */
        driver->worst_us = now_us() - driver->beat_us;
    }
    uint32_t unanswered = transport_in_flight(driver->transport);
    uint64_t start_us = now_us();
    transport_close(driver->transport);
    print_line(json_pack("{s:f,s:i,s:f}", "worst_stall_ms", (double)driver->worst_us / 1000,
                         "unanswered", (int)unanswered, "close_ms",
                         (double)(now_us() - start_us) / 1000));
    return r;
}

int main(void) {
    json_error_t error;
    json_t *document = json_loadf(stdin, JSON_REJECT_DUPLICATES, &error);
    const json_t *list = json_object_get(document, "gateways");
    if (document == NULL || json_array_size(list) > GATEWAYS_MAX) {
        (void)fprintf(stderr, "transport_driver: %s\n", error.text);
        return 2;
    }
    struct gateway *gateways = calloc(GATEWAYS_MAX, sizeof *gateways);
    struct driver driver = {.document = document,
                            .messages = json_object_get(document, "messages"),
                            .sequential = json_is_true(json_object_get(document, "sequential"))};
    if (gateways == NULL || sd_event_default(&driver.loop) < 0) {
        return 2;
    }
    struct transport_setup setup;
    read_setup(document, list, gateways, &setup);
    struct complaint complaint = {0};
    int r = transport_open(driver.loop, &setup, on_delivery, &driver, &driver.transport,
                           &complaint);
    if (r < 0) {
        print_line(
            json_pack("{s:s,s:s}", "complaint", complaint.text, "error", strerrorname_np(-r)));
    } else {
        r = run(&driver, document);
    }
    free(gateways);
    sd_event_unref(driver.loop);
    json_decref(document);
    return r < 0 ? 1 : 0;
}
