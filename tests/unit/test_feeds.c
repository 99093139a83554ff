/* Feeds as served: conditional requests, encodings, the cache, and what happens when a feed cannot
 * be built. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

#include <cmocka.h>
#include <microhttpd.h>

#include "../../src/web/room.h"
#include "cobi/base/cleanup.h"
#include "cobi/web/web.h"
#include "fake_engine.h"

#define LIVE "/feeds/" LIVE_TOKEN ".ics"
#define GONE "/feeds/" WITHDRAWN_TOKEN ".ics"

static struct engine engine;
static struct config config = {.sender = {.calendar_email = "no-reply@appointments.example"}};
static struct web *web;
static struct web_response response;

static int open_web(void **state) {
    (void)state;
    engine = fake_engine();
    const struct web_setup setup = {.engine = &engine, .config = &config};
    return web_open(&setup, &web);
}

static int close_web(void **state) {
    (void)state;
    web_response_done(web, &response);
    web_free(web);
    return 0;
}

static const char *header_of(const char *name) {
    for (size_t i = 0; i < response.header_count; i++) {
        if (strcasecmp(response.headers[i].name, name) == 0) {
            return response.headers[i].value;
        }
    }
    return "";
}

static void fetch(const char *path, const char *if_none_match, const char *accept_encoding) {
    const struct web_request request = {.method = WEB_GET,
                                        .path = path,
                                        .if_none_match = if_none_match,
                                        .accept_encoding = accept_encoding,
                                        .body = ""};
    web_response_done(web, &response);
    web_handle(web, &request, &response);
}

static void inflate_body(char *buffer, size_t capacity, size_t *ret_length) {
    z_stream z = {0};
    union {
        const char *constant;
        unsigned char *bytes;
    } body = {.constant = response.body};
    assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
    z.next_in = body.bytes;
    z.avail_in = (unsigned)response.body_length;
    z.next_out = (unsigned char *)buffer;
    z.avail_out = (unsigned)capacity;
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    *ret_length = z.total_out;
    assert_int_equal(inflateEnd(&z), Z_OK);
}

static void test_whole(void **state) {
    (void)state;
    fetch(LIVE, NULL, NULL);
    assert_int_equal(response.status, 200);
    assert_string_equal(header_of("Content-Type"), "text/calendar; charset=utf-8");
    assert_string_equal(header_of("Content-Disposition"), "inline; filename=\"sessions.ics\"");
    assert_string_equal(header_of("Cache-Control"), "private, no-cache");
    assert_string_equal(header_of("Vary"), "Accept-Encoding");
    assert_string_equal(header_of("Last-Modified"), "Thu, 03 Sep 2026 10:15:00 GMT");
    assert_string_equal(header_of("Content-Encoding"), "");
    assert_int_equal(strlen(header_of("ETag")), 34);
    assert_int_equal(header_of("ETag")[0], '"');
    assert_memory_equal(response.body, "BEGIN:VCALENDAR\r\nX-FEED:F-1", 27);
    assert_int_equal(engine.fetches, 1);
}

/* Two encodings of the same bytes, each with its own strong tag (RFC 9110 8.8.3.3). */
static void test_gzip(void **state) {
    (void)state;
    char plain[1024], unpacked[1024], tag[ETAG_SIZE];
    size_t length;
    fetch(LIVE, NULL, NULL);
    size_t plain_length = response.body_length;
    memcpy(plain, response.body, plain_length);
    memcpy(tag, header_of("ETag"), ETAG_SIZE - 5);
    fetch(LIVE, NULL, "gzip, deflate");
    assert_int_equal(response.status, 200);
    assert_string_equal(header_of("Content-Encoding"), "gzip");
    inflate_body(unpacked, sizeof unpacked, &length);
    assert_int_equal(length, plain_length);
    assert_memory_equal(unpacked, plain, length);
    assert_string_not_equal(header_of("ETag"), tag);
    assert_non_null(strstr(header_of("ETag"), "-gz\""));
    assert_memory_equal(header_of("ETag"), tag, 33);
    assert_int_equal(engine.builds, 1);
}

static void test_accept_encoding(void **state) {
    (void)state;
    static const struct {
        const char *list;
        bool gzip;
    } rows[] = {
        {NULL, false},
        {"", false},
        {"identity", false},
        {"gzip", true},
        {"GZIP", true},
        {"x-gzip", true},
        {"deflate, gzip;q=1.0, *;q=0.5", true},
        {"gzip;q=0", false},
        {"gzip;q=0.0", false},
        {"gzip; q=0.000", false},
        {"gzip ; Q=0", false},
        {"gzip;q=0.001", true},
        {"gzip;q=0.5;x=1", true},
        {"gzip;x=1;q=0", false},
        {"gzip;q=0, *", false},
        {"*", true},
        {"*;q=0", false},
        {"br, *;q=0, gzip", true},
        {"gzipped", false},
        {"not-gzip", false},
        {"br,,gzip", true},
        {",", false},
        {";", false},
        {";;q=0", false},
        {"gzip;q", true},
        {"gzip;", true},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        fetch(LIVE, NULL, rows[i].list);
        print_message("%s\n", rows[i].list != NULL ? rows[i].list : "(none)");
        assert_int_equal(response.status, 200);
        assert_int_equal(strcmp(header_of("Content-Encoding"), "gzip") == 0, rows[i].gzip);
    }
}

static void test_conditional(void **state) {
    (void)state;
    static const struct {
        const char *format; /* %s is the plain tag, %.33s-gz" the packed one */
        const char *accept;
        int status;
        bool packed_tag;
    } rows[] = {
        {"%s", NULL, 304, false},
        {"%s", "gzip", 304, false},
        {"W/%s", NULL, 304, false},
        {"*", NULL, 304, false},
        {"*", "gzip", 304, true},
        {" \"other\" , %s", NULL, 304, false},
        {"\"other\",W/\"x\",W/%s", NULL, 304, false},
        {"\"a,b\", %s", NULL, 304, false},
        {"%.33s-gz\"", "gzip", 304, true},
        {"%.33s-gz\"", NULL, 200, false},
        {"%.33s-gz\"", "gzip;q=0", 200, false},
        {"\"other\"", NULL, 200, false},
        {"", NULL, 200, false},
        {"**", NULL, 200, false},
        {"other", NULL, 200, false},
        {"%.33s", NULL, 200, false}, /* without its last quote */
        {"w/%s", NULL, 200, false},
        {"\"", NULL, 200, false},
        {"\"other\" %s", NULL, 304, false}, /* lenient where nothing can go wrong */
    };
    char tag[ETAG_SIZE];
    fetch(LIVE, NULL, NULL);
    assert_int_equal(text_copy(tag, sizeof tag, header_of("ETag")), 0);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        char list[200];
        const char *place = strchr(rows[i].format, '%');
        struct text t = TEXT_IN(list);
        text_add_bytes(&t, rows[i].format,
                       place != NULL ? (size_t)(place - rows[i].format) : strlen(rows[i].format));
        if (place != NULL && strncmp(place, "%s", 2) == 0) {
            text_addf(&t, "%s%s", tag, place + 2);
        } else if (place != NULL) {
            text_addf(&t, "%.33s%s", tag, place + strlen("%.33s"));
        }
        fetch(LIVE, list, rows[i].accept);
        print_message("%s\n", list);
        assert_int_equal(response.status, rows[i].status);
        if (response.status == 304) {
            assert_string_equal(header_of("Cache-Control"), "private, no-cache");
            assert_string_equal(header_of("Vary"), "Accept-Encoding");
            assert_string_equal(header_of("Content-Encoding"), "");
            assert_int_equal(strstr(header_of("ETag"), "-gz") != NULL, rows[i].packed_tag);
        }
    }
    assert_int_equal(engine.builds, 1);
    assert_int_equal(engine.fetches, 1 + ARRAY_COUNT(rows)); /* a 304 is a consultation too */
}

/* Built once a version; a new version is new bytes and a new tag; the old tag no longer matches. */
static void test_versions(void **state) {
    (void)state;
    char tag[ETAG_SIZE];
    fetch(LIVE, NULL, NULL);
    fetch(LIVE, NULL, "gzip");
    fetch(LIVE, NULL, NULL);
    assert_int_equal(engine.builds, 1);
    assert_int_equal(text_copy(tag, sizeof tag, header_of("ETag")), 0);
    engine.version = 2;
    fetch(LIVE, tag, NULL);
    assert_int_equal(response.status, 200);
    assert_int_equal(engine.builds, 2);
    assert_non_null(strstr(response.body, "X-VERSION:2"));
    assert_string_not_equal(header_of("ETag"), tag);
}

/* Never an error, never half a calendar, while there is anything good to serve. */
static void test_last_good(void **state) {
    (void)state;
    static const char *const bad[] = {"", "<html>error</html>", "BEGIN:VCALENDAR\r\nBEGIN:VEV",
                                      "BEGIN:VCALENDAR\nEND:VCALENDAR\n"};
    fetch(LIVE, NULL, NULL);
    engine.version = 2;
    engine.build_error = -EBUSY;
    fetch(LIVE, NULL, NULL);
    assert_int_equal(response.status, 200);
    assert_non_null(strstr(response.body, "X-VERSION:1"));
    engine.build_error = 0;
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        engine.build_text = bad[i];
        fetch(LIVE, NULL, NULL);
        assert_int_equal(response.status, 200);
        assert_non_null(strstr(response.body, "X-VERSION:1"));
    }
    engine.build_text = NULL;
    fetch(LIVE, NULL, NULL);
    assert_non_null(strstr(response.body, "X-VERSION:2"));
}

static void test_nothing_good(void **state) {
    (void)state;
    engine.build_error = -EBUSY;
    fetch(LIVE, NULL, NULL);
    assert_int_equal(response.status, 503);
    assert_string_equal(header_of("Retry-After"), "300");
    assert_int_equal(engine.fetches, 0);
    engine.build_error = 0;
    fetch(LIVE, NULL, NULL);
    assert_int_equal(response.status, 200);
}

/* A link that has been withdrawn serves a calendar that wipes copies: never the live one again,
 * whatever fails. */
static void test_withdrawn(void **state) {
    (void)state;
    fetch(GONE, NULL, NULL);
    assert_int_equal(response.status, 200);
    assert_non_null(strstr(response.body, "X-FEED:F-GONE"));
    fetch(LIVE, NULL, NULL);
    assert_non_null(strstr(response.body, "X-VERSION:1"));
    engine.withdrawn = true; /* the same version on purpose */
    engine.build_error = -EBUSY;
    fetch(LIVE, NULL, NULL);
    assert_int_equal(response.status, 200);
    assert_null(strstr(response.body, "X-VERSION:1"));
    assert_non_null(strstr(response.body, "SUMMARY:This calendar link has been withdrawn"));
    assert_non_null(strstr(response.body, "DTSTART;VALUE=DATE:20260903"));
    fetch(LIVE, "*", "gzip");
    assert_int_equal(response.status, 304);
}

/* An answer that is still being sent keeps its bytes while the cache moves on. */
static void test_pinned(void **state) {
    (void)state;
    struct web_response slow;
    const struct web_request request = {.method = WEB_GET, .path = LIVE, .body = ""};
    web_handle(web, &request, &slow);
    for (unsigned i = 0; i < 600; i++) {
        struct text id = TEXT_IN(engine.feed_id);
        text_addf(&id, "F-%u", i);
        engine.version++;
        fetch(LIVE, NULL, i % 2 == 0 ? "gzip" : NULL);
        assert_int_equal(response.status, 200);
    }
    assert_memory_equal(slow.body, "BEGIN:VCALENDAR\r\nX-FEED:F-1\r\nX-VERSION:1", 40);
    web_response_done(web, &slow);
}

static unsigned unsent;

static void on_unsent(void *user) {
    unsent++;
    snapshot_unpin(user);
}

/* What the bridge made of an answer is handed back for the next one of the same form, and goes with
 * the bytes it was made of. */
static void test_kept(void **state) {
    (void)state;
    static char body[] = "as it went over the wire";
    struct web_response first;
    const struct web_request request = {.method = WEB_GET, .path = LIVE, .body = ""},
                             last = {.method = WEB_GET, .path = LIVE, .body = "", .last = true};
    struct feed_cache *cache = web->feeds;
    unsent = 0;
    web_handle(web, &request, &first);
    assert_true(first.kept);
    assert_null(first.ready);
    struct MHD_Response *made = MHD_create_response_from_buffer_with_free_callback_cls(
        sizeof body, body, on_unsent, first.pin);
    feed_cache_keep(cache, first.pin, first.form, made); /* the pin is the response's now */
    web_handle(web, &request, &response);
    assert_ptr_equal(response.ready, made);
    assert_int_equal(response.status, 200);
    assert_int_equal(response.header_count, 0);
    fetch(LIVE, "*", NULL);
    assert_int_equal(response.status, 304);
    assert_null(response.ready); /* another form */
    web_response_done(web, &response);
    web_handle(web, &last, &response);
    assert_null(response.ready); /* says that the connection ends */
    assert_int_equal(unsent, 0);
    engine.version++;
    fetch(LIVE, NULL, NULL);
    assert_null(response.ready);
    assert_non_null(strstr(response.body, "X-VERSION:2"));
    assert_int_equal(unsent, 1);
}

static char *filled(size_t length) {
    char *bytes = malloc(length);
    assert_non_null(bytes);
    memset(bytes, 'x', length);
    return bytes;
}

static struct snapshot *put(struct feed_cache *cache, unsigned number, size_t length) {
    struct snapshot meta = {.version = number};
    struct text id = TEXT_IN(meta.feed_id);
    text_addf(&id, "F-%u", number);
    struct snapshot *s = feed_cache_put(cache, &meta, filled(length), length);
    snapshot_unpin(s);
    return s;
}

static void test_cache_bounds(void **state) {
    (void)state;
    struct feed_cache *cache = feed_cache_new();
    for (unsigned i = 0; i < FEED_CACHE_ENTRIES_MAX; i++) {
        put(cache, i, 1000);
    }
    assert_non_null(feed_cache_find(cache, "F-0")); /* used again: F-1 is now the oldest */
    put(cache, 1000, 1000);
    assert_null(feed_cache_find(cache, "F-1"));
    assert_non_null(feed_cache_find(cache, "F-0"));
    assert_non_null(feed_cache_find(cache, "F-1000"));
    for (unsigned i = 0; i < 40; i++) {
        put(cache, 2000 + i, 1024 * 1024);
        assert_true(feed_cache_bytes(cache) <= FEED_CACHE_BYTES_MAX);
    }
    assert_null(feed_cache_find(cache, "F-0"));
    assert_non_null(feed_cache_find(cache, "F-2039"));
    assert_null(feed_cache_find(cache, "F-2000"));
    struct snapshot meta = {.feed_id = "F-BIG"};
    size_t length = FEED_CACHE_BYTES_MAX + 1;
    struct snapshot *big = feed_cache_put(cache, &meta, filled(length), length);
    assert_null(feed_cache_find(cache, "F-BIG")); /* served once, not kept */
    assert_int_equal(big->bytes[length - 1], 'x');
    assert_int_equal(feed_cache_compress(cache, big), 0);
    snapshot_unpin(big);
    assert_int_equal(feed_cache_bytes(cache), 0);
    feed_cache_free(cache);
}

/* The packed form counts as well, and packing twice gives the same bytes. */
static void test_cache_compress(void **state) {
    (void)state;
    struct feed_cache *cache = feed_cache_new(), *other = feed_cache_new();
    struct snapshot *a = put(cache, 1, 5000), *b = put(other, 1, 5000);
    size_t before = feed_cache_bytes(cache);
    assert_int_equal(feed_cache_compress(cache, a), 0);
    assert_int_equal(feed_cache_compress(other, b), 0);
    assert_int_equal(feed_cache_bytes(cache), before + a->gzip_length);
    assert_int_equal(feed_cache_compress(cache, a), 0);
    assert_int_equal(feed_cache_bytes(cache), before + a->gzip_length);
    assert_int_equal(a->gzip_length, b->gzip_length);
    assert_memory_equal(a->gzip, b->gzip, a->gzip_length);
    assert_string_equal(a->etag, b->etag);
    feed_cache_free(cache);
    feed_cache_free(other);
}

#define test(function) cmocka_unit_test_setup_teardown(function, open_web, close_web)
int main(void) {
    const struct CMUnitTest tests[] = {
        test(test_whole),        test(test_gzip),           test(test_accept_encoding),
        test(test_conditional),  test(test_versions),       test(test_last_good),
        test(test_nothing_good), test(test_withdrawn),      test(test_pinned),
        test(test_cache_bounds), test(test_cache_compress), test(test_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
