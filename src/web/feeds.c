/* Feeds: GET /feeds/TOKEN.ics.
 *
 * The engine says which feed a token opens and its version; bytes come from the cache or are built,
 * and go out with a strong ETag, compressed when asked. A client that gets an error switches the
 * feed off, and one that gets a wrong 200 empties its calendar: so what cannot be built is answered
 * with the last good bytes, and nothing is sent that is no whole calendar.
 *
 * Must never serve the live snapshot of a link that has been withdrawn, nor tell an unknown token
 * from a malformed one. */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "cobi/base/cleanup.h"
#include "cobi/base/log.h"
#include "cobi/ical/feed.h"
#include "room.h"

#define CALENDAR_BEGIN "BEGIN:VCALENDAR\r\n"
#define CALENDAR_END   "\r\nEND:VCALENDAR\r\n"
#define HTTP_DATE_SIZE 32

static bool is_whole(const char *bytes, size_t length) {
    size_t begin = strlen(CALENDAR_BEGIN), end = strlen(CALENDAR_END);
    return bytes != NULL && length > begin + end && memcmp(bytes, CALENDAR_BEGIN, begin) == 0 &&
           memcmp(bytes + length - end, CALENDAR_END, end) == 0;
}

static struct snapshot *put(struct web *web, const struct feed_key *key, bool withdrawn,
                            struct feed_body *take_body) {
    struct snapshot meta = {
        .version = key->version, .withdrawn = withdrawn, .last_modified = key->last_modified};
    memcpy(meta.feed_id, key->feed_id, sizeof meta.feed_id);
    return feed_cache_put(web->feeds, &meta, take_body->bytes, take_body->length);
}

/* The neutral calendar that wipes a client's copy, when the engine could not make it. */
static struct snapshot *build_withdrawn(struct web *web, const struct feed_key *key) {
    struct feed_body body;
    struct date day = civil_utc(key->last_modified).date;
    int r = feed_write_withdrawn(web->config->sender.calendar_email, day, key->last_modified,
                                 &body.bytes, &body.length);
    if (r < 0) {
        log_error("feed %s: the withdrawn calendar cannot be written: %s", key->feed_id,
                  strerror(-r));
        return NULL;
    }
    return put(web, key, true, &body);
}

/* The bytes to serve, pinned, or NULL. */
static struct snapshot *snapshot_for(struct web *web, const struct feed_key *key, bool withdrawn) {
    struct snapshot *last = feed_cache_find(web->feeds, key->feed_id);
    if (last != NULL && last->withdrawn != withdrawn) {
        last = NULL;
    }
    if (last != NULL && last->version == key->version) {
        snapshot_pin(last);
        return last;
    }
    struct feed_body body = {0};
    int r = engine_feed_build(web->setup.engine, key, &body);
    if (r == 0 && is_whole(body.bytes, body.length)) {
        return put(web, key, withdrawn, &body);
    }
    if (r == 0) {
        free(body.bytes);
        r = -EBADMSG;
    }
    log_warning("feed %s: cannot be built: %s; %s", key->feed_id, strerror(-r),
                last != NULL ? "the last good one is served" : "there is no earlier one");
    if (last != NULL) {
        snapshot_pin(last);
        return last;
    }
    return withdrawn ? build_withdrawn(web, key) : NULL;
}

/* Skips spaces, tabs and commas. */
static const char *skip_separators(const char *list) {
    return list + strspn(list, " \t,");
}

/* "q=0", "q=0.0" and so on, somewhere in the parameters of one element. */
static bool quality_is_zero(const char *parameters, size_t length) {
    const char *end = parameters + length;
    for (const char *p = parameters; p < end; p++) {
        if (*p != ';') {
            continue;
        }
        do {
            p++;
        } while (p < end && (*p == ' ' || *p == '\t'));
        if (end - p >= 3 && (p[0] == 'q' || p[0] == 'Q') && p[1] == '=' && p[2] == '0') {
            p += 3;
            p += p < end && *p == '.' ? 1 : 0;
            while (p < end && *p == '0') {
                p++;
            }
            return p == end || *p == ' ' || *p == '\t' || *p == ';';
        }
        p--;
    }
    return false;
}

/* RFC 9110 12.5.3: gzip by its name, by its old name, or by "*" where it is not named. */
static bool accepts_gzip(const char *list) {
    bool any = false;
    while (list != NULL && *(list = skip_separators(list)) != '\0') {
        size_t length = strcspn(list, ","), name = strcspn(list, " \t;,");
        bool wanted = !quality_is_zero(list, length);
        if ((name == 4 && strncasecmp(list, "gzip", 4) == 0) ||
            (name == 6 && strncasecmp(list, "x-gzip", 6) == 0)) {
            return wanted;
        }
        if (name == 1 && *list == '*') {
            any = wanted;
        }
        list += length;
    }
    return any;
}

/* RFC 9110 13.1.2, weak comparison: "*", or a list of quoted tags with or without W/. */
static bool names_tag(const char *list, const char *etag) {
    if (list == NULL) {
        return false;
    }
    list = skip_separators(list);
    if (list[0] == '*') {
        return list[1 + strspn(list + 1, " \t")] == '\0';
    }
    while (*list != '\0') {
        list += strncmp(list, "W/", 2) == 0 ? 2 : 0;
        if (*list != '"') {
            return false; /* not a list of tags: nothing after this can be trusted */
        }
        const char *end = strchr(list + 1, '"');
        if (end == NULL) {
            return false;
        }
        size_t length = (size_t)(end + 1 - list);
        if (length == strlen(etag) && memcmp(list, etag, length) == 0) {
            return true;
        }
        list = skip_separators(end + 1);
    }
    return false;
}

static void format_http_date(struct instant t, char buffer[HTTP_DATE_SIZE]) {
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct civil c = civil_utc(t);
    struct text text;
    text_init(&text, buffer, HTTP_DATE_SIZE);
    text_addf(&text, "%s, %02d %s %04d %02d:%02d:%02d GMT", weekday_to_text(date_weekday(c.date)),
              c.date.day, months[c.date.month - 1], c.date.year, c.hour, c.minute, c.second);
}

/* What 200 and 304 share (RFC 9110 15.4.5). */
static void set_validators(struct web_response *response, const struct snapshot *snapshot,
                           bool gzip) {
    char date[HTTP_DATE_SIZE];
    format_http_date(snapshot->last_modified, date);
    web_set_header(response, "ETag", gzip ? snapshot->etag_gzip : snapshot->etag);
    web_set_header(response, "Last-Modified", date);
    web_set_header(response, "Cache-Control", "private, no-cache");
    web_set_header(response, "Vary", "Accept-Encoding");
}

enum form_bit { FORM_GZIP = 1, FORM_UNCHANGED = 2, FORM_LAST = 4 };
static_assert((FORM_GZIP | FORM_UNCHANGED | FORM_LAST) < SNAPSHOT_FORMS, "a place for each form");

/* The body goes with 304 too: as with HEAD only its length is sent. */
static void set_bytes(struct web_response *response, struct snapshot *take_pinned, unsigned form) {
    bool gzip = (form & FORM_GZIP) != 0;
    response->body = gzip ? take_pinned->gzip : take_pinned->bytes;
    response->body_length = gzip ? take_pinned->gzip_length : take_pinned->length;
    response->pin = take_pinned;
    response->kept = true;
    response->form = form;
    set_validators(response, take_pinned, gzip);
    if ((form & FORM_UNCHANGED) != 0) {
        return;
    }
    web_set_header(response, "Content-Type", "text/calendar; charset=utf-8");
    web_set_header(response, "Content-Disposition", "inline; filename=\"sessions.ics\"");
    if (gzip) {
        web_set_header(response, "Content-Encoding", "gzip");
    }
}

static unsigned choose_form(struct web *web, const struct web_request *request,
                            struct snapshot *snapshot) {
    unsigned form = request->last ? FORM_LAST : 0;
    bool gzip = accepts_gzip(request->accept_encoding) &&
                feed_cache_compress(web->feeds, snapshot) == 0;
    if (gzip && names_tag(request->if_none_match, snapshot->etag_gzip)) {
        return form | FORM_UNCHANGED | FORM_GZIP;
    }
    if (names_tag(request->if_none_match, snapshot->etag)) {
        return form | FORM_UNCHANGED;
    }
    return gzip ? form | FORM_GZIP : form;
}

static void answer(struct web *web, const struct web_request *request, struct snapshot *take_pinned,
                   struct web_response *response) {
    unsigned form = choose_form(web, request, take_pinned);
    response->status = (form & FORM_UNCHANGED) != 0 ? 304 : 200;
    if (take_pinned->ready[form] == NULL) {
        set_bytes(response, take_pinned, form);
        return;
    }
    response->ready = take_pinned->ready[form];
    snapshot_unpin(take_pinned); /* the answer holds a pin of its own */
}

void feeds_handle(struct web *web, const struct web_request *request, const char *rest,
                  struct web_response *response) {
    char token[TOKEN_LENGTH + 1];
    struct feed_key key;
    if (!web_take_token(rest, ".ics", token)) {
        web_not_found(response);
        return;
    }
    enum feed_status status = engine_feed_find(web->setup.engine, token, &key);
    if (status == FEED_UNKNOWN) {
        web_not_found(response);
        return;
    }
    struct snapshot *snapshot = snapshot_for(web, &key, status == FEED_WITHDRAWN);
    if (snapshot == NULL) {
        web_set_body(response, 503, "text/plain; charset=utf-8", "Please try again later.\n");
        web_set_header(response, "Retry-After", "300");
        return;
    }
    answer(web, request, snapshot, response);
    engine_feed_fetched(web->setup.engine, &key);
}
