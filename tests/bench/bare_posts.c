/* bare_posts: what libcurl can send when nothing is decided or remembered: the counterpart of
 * dispatch.
 *
 * Usage: bare_posts URL CONCURRENCY COUNT FILE [DATABASE]. Posts the file's bytes COUNT times over
 * CONCURRENCY kept connections, by libcurl's multi interface on one epoll, each handle used again
 * and again. With a database each post is a row of it, committed with synchronous=FULL before it
 * leaves; those that leave together are one commit. Prints "COUNT ACCEPTED SECONDS". */
#include <curl/curl.h>
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

enum { BODY_BYTES_MAX = 16384, EVENTS_MAX = 64, CONCURRENCY_MAX = 256 };

struct bare {
    CURLM *multi;
    int epoll;
    long wait_ms;
    unsigned long left, done, accepted;
    char body[BODY_BYTES_MAX];
    size_t body_length;
    sqlite3 *database; /* NULL: nothing is written */
    sqlite3_stmt *begin, *intent, *commit;
};

static void must(int code, const char *what) {
    if (code != 0) {
        (void)fprintf(stderr, "bare_posts: %s\n", what);
        exit(1);
    }
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *known) {
    static char marker;
    struct bare *bare = user;
    struct epoll_event event = {.events = ((what & CURL_POLL_IN) != 0 ? EPOLLIN : 0U) |
                                          ((what & CURL_POLL_OUT) != 0 ? EPOLLOUT : 0U),
                                .data.fd = fd};
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        (void)epoll_ctl(bare->epoll, EPOLL_CTL_DEL, fd, NULL); /* may be closed already */
        return 0;
    }
    must(epoll_ctl(bare->epoll, known != NULL ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event),
         "epoll");
    must((int)curl_multi_assign(bare->multi, fd, &marker), "assign");
    return 0;
}

static int on_timer(CURLM *multi, long wait_ms, void *user) {
    (void)multi;
    ((struct bare *)user)->wait_ms = wait_ms;
    return 0;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *user) {
    (void)bytes;
    (void)user;
    return size * count;
}

static void prepare(struct bare *bare, const char *sql, sqlite3_stmt **ret_statement) {
    must(sqlite3_prepare_v2(bare->database, sql, -1, ret_statement, NULL), sql);
}

static void open_database(struct bare *bare, const char *name) {
    must(sqlite3_open(name, &bare->database), name);
    must(sqlite3_exec(bare->database,
                      "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                      "CREATE TABLE intent(id INTEGER PRIMARY KEY, body BLOB NOT NULL)",
                      NULL, NULL, NULL),
         "a new table");
    prepare(bare, "BEGIN IMMEDIATE", &bare->begin);
    prepare(bare, "INSERT INTO intent(body) VALUES(?1)", &bare->intent);
    prepare(bare, "COMMIT", &bare->commit);
}

static void step(sqlite3_stmt *statement) {
    must(sqlite3_step(statement) != SQLITE_DONE, sqlite3_sql(statement));
    must(sqlite3_reset(statement), "reset");
}

static void write_intents(struct bare *bare, unsigned long count) {
    if (bare->database == NULL || count == 0) {
        return;
    }
    step(bare->begin);
    for (unsigned long i = 0; i < count; i++) {
        must(sqlite3_bind_blob(bare->intent, 1, bare->body, (int)bare->body_length, SQLITE_STATIC),
             "bind");
        step(bare->intent);
    }
    step(bare->commit);
}

static void close_database(struct bare *bare) {
    (void)sqlite3_finalize(bare->begin); /* NULL does no harm */
    (void)sqlite3_finalize(bare->intent);
    (void)sqlite3_finalize(bare->commit);
    (void)sqlite3_close(bare->database);
}

static void add(struct bare *bare, const char *url, struct curl_slist *headers) {
    CURL *easy = curl_easy_init();
    must(easy == NULL, "no memory");
    must((int)curl_easy_setopt(easy, CURLOPT_URL, url), "url");
    must((int)curl_easy_setopt(easy, CURLOPT_PROXY, ""), "proxy");
    must((int)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L), "signals");
    must((int)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers), "headers");
    must((int)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body), "answer");
    must((int)curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)bare->body_length), "length");
    must((int)curl_easy_setopt(easy, CURLOPT_POSTFIELDS, bare->body), "body");
    must((int)curl_multi_add_handle(bare->multi, easy), "add");
    bare->left--;
}

static void take_finished(struct bare *bare) {
    CURL *again[CONCURRENCY_MAX];
    CURLMsg *message;
    unsigned long count = 0;
    int left = 0;
    while ((message = curl_multi_info_read(bare->multi, &left)) != NULL) {
        CURL *easy = message->easy_handle;
        CURLcode code = message->data.result;
        long status = 0;
        must((int)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status), "status");
        bare->done++;
        bare->accepted += code == CURLE_OK && status == 200 ? 1 : 0;
        must((int)curl_multi_remove_handle(bare->multi, easy), "remove");
        if (count < bare->left) {
            again[count++] = easy;
        } else {
            curl_easy_cleanup(easy);
        }
    }
    write_intents(bare, count);
    for (unsigned long i = 0; i < count; i++) {
        must((int)curl_multi_add_handle(bare->multi, again[i]), "add");
    }
    bare->left -= count;
}

static void turn(struct bare *bare) {
    struct epoll_event events[EVENTS_MAX];
    int running = 0;
    int count = epoll_wait(bare->epoll, events, EVENTS_MAX,
                           bare->wait_ms < 0 ? 1000 : (int)bare->wait_ms);
    for (int i = 0; i < count; i++) {
        int action = ((events[i].events & (EPOLLIN | EPOLLHUP)) != 0 ? CURL_CSELECT_IN : 0) |
                     ((events[i].events & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0);
        must((int)curl_multi_socket_action(bare->multi, events[i].data.fd, action, &running),
             "action");
    }
    if (count == 0 || bare->wait_ms == 0) {
        must((int)curl_multi_socket_action(bare->multi, CURL_SOCKET_TIMEOUT, 0, &running),
             "action");
    }
    take_finished(bare);
}

static double now_s(void) {
    struct timespec t;
    must(clock_gettime(CLOCK_MONOTONIC, &t), "clock");
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void read_body(struct bare *bare, const char *name) {
    FILE *file = fopen(name, "rb");
    must(file == NULL, name);
    bare->body_length = fread(bare->body, 1, sizeof bare->body, file);
    must(ferror(file) || bare->body_length == 0, "an empty body");
    (void)fclose(file); /* only read from */
}

int main(int argc, char **argv) {
    static struct bare bare;
    if (argc != 5 && argc != 6) {
        (void)fprintf(stderr, "usage: bare_posts URL CONCURRENCY COUNT FILE [DATABASE]\n");
        return 2;
    }
    unsigned long concurrency = strtoul(argv[2], NULL, 10), count = strtoul(argv[3], NULL, 10);
    must(concurrency == 0 || concurrency > CONCURRENCY_MAX || concurrency > count, "concurrency");
    if (argc == 6) {
        open_database(&bare, argv[5]);
    }
    read_body(&bare, argv[4]);
    must((int)curl_global_init(CURL_GLOBAL_DEFAULT), "libcurl");
    bare.left = count;
    bare.multi = curl_multi_init();
    bare.epoll = epoll_create1(EPOLL_CLOEXEC);
    must(bare.multi == NULL || bare.epoll < 0, "no memory");
    must((int)curl_multi_setopt(bare.multi, CURLMOPT_SOCKETFUNCTION, on_socket), "multi");
    must((int)curl_multi_setopt(bare.multi, CURLMOPT_SOCKETDATA, &bare), "multi");
    must((int)curl_multi_setopt(bare.multi, CURLMOPT_TIMERFUNCTION, on_timer), "multi");
    must((int)curl_multi_setopt(bare.multi, CURLMOPT_TIMERDATA, &bare), "multi");
    must((int)curl_multi_setopt(bare.multi, CURLMOPT_MAXCONNECTS, (long)concurrency), "multi");
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    double begun_s = now_s();
    write_intents(&bare, concurrency);
    for (unsigned long i = 0; i < concurrency; i++) {
        add(&bare, argv[1], headers);
    }
    while (bare.done < count) {
        turn(&bare);
    }
    (void)printf("%lu %lu %.6f\n", bare.done, bare.accepted, now_s() - begun_s);
    curl_slist_free_all(headers);
    must((int)curl_multi_cleanup(bare.multi), "multi");
    curl_global_cleanup();
    close_database(&bare);
    return bare.accepted == count ? 0 : 1;
}
