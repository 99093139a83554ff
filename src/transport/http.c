/* http: POSTs on the event loop by libcurl's multi interface.
 *
 * libcurl says which sockets and which time to watch; sd-event wakes us for them; each wake goes to
 * curl_multi_socket_action() and then finished transfers are taken. Connections and handles are
 * kept. A reused connection that dies makes libcurl send a request again on its own: it asks
 * before each sending (CURLOPT_PREREQFUNCTION), and is told no the second time. A request must
 * never leave twice, go anywhere but to the checked URL (no redirect, no proxy, no other protocol),
 * or be logged. */
#include "cobi/transport/http.h"

#include <errno.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "cobi/transport/allocate.h"
#include "cobi/transport/transport.h"

#define BODY_BYTES_MAX     ((size_t)64 * 1024)
#define BODY_BYTES_FIRST   512
#define HEADER_BYTES_MAX   ((size_t)64 * 1024)
#define CONNECT_TIMEOUT_MS 5000
#define TIMEOUT_DEFAULT_MS 35000
/* The gateways' in_flight_max is the real limit: a request that waits inside libcurl would use up
 * its time. */
#define CONNECTIONS_PER_HOST_MAX 128
#define CONNECTIONS_MAX          256
#define CONNECTIONS_KEPT_MAX     CONNECTIONS_PER_HOST_MAX
#define HANDLES_KEPT_MAX         64
#define EVENTS_MAX               64

struct http_transfer {
    struct http_transfer *next, **link;
    struct http *http;
    void *context;
    CURL *easy;
    struct http_request request;
    bool begun; /* libcurl was told once that it may send */
    char *body;
    size_t body_length, body_capacity, header_bytes;
};

struct http {
    sd_event *loop;
    CURLM *multi;
    int epoll_fd; /* of libcurl's sockets */
    sd_event_source *timer, *io;
    struct http_transfer *transfers;
    CURL *spare[HANDLES_KEPT_MAX]; /* as new */
    size_t spare_count;
    http_done *done;
    void *user;
};

/* CURLcode or CURLMcode of a set-up call: only memory can be wanting. */
static void must(int code) {
    if (code != 0) {
        abort();
    }
}

/* A handle that had a login is not used again, lest any of it go to another gateway. */
static void put_handle(struct http *http, CURL *easy, bool had_login) {
    if (had_login || http->spare_count == HANDLES_KEPT_MAX) {
        curl_easy_cleanup(easy);
        return;
    }
    curl_easy_reset(easy);
    http->spare[http->spare_count++] = easy;
}

static CURL *take_handle(struct http *http) {
    CURL *easy = http->spare_count > 0 ? http->spare[--http->spare_count] : curl_easy_init();
    if (easy == NULL) {
        abort();
    }
    return easy;
}

static void transfer_free(struct http_transfer *transfer) {
    *transfer->link = transfer->next;
    if (transfer->next != NULL) {
        transfer->next->link = transfer->link;
    }
    (void)curl_multi_remove_handle(transfer->http->multi, transfer->easy); /* known to be in it */
    put_handle(transfer->http, transfer->easy, transfer->request.user[0] != '\0');
    http_request_done(&transfer->request);
    wipe_free(transfer->body, transfer->body_length);
    free(transfer);
}

static long long read_offset(CURL *easy, CURLINFO info) {
    curl_off_t value = 0;
    return curl_easy_getinfo(easy, info, &value) == CURLE_OK ? value : 0;
}

static void finish(struct http_transfer *transfer, CURLcode code) {
    struct http *http = transfer->http;
    void *context = transfer->context;
    struct http_answer answer = {
        .curl_code = (int)code,
        .whole = code == CURLE_OK,
        .request_began = read_offset(transfer->easy, CURLINFO_SIZE_UPLOAD_T) > 0 ||
                         read_offset(transfer->easy, CURLINFO_PRETRANSFER_TIME_T) > 0,
        .retry_after_seconds = read_offset(transfer->easy, CURLINFO_RETRY_AFTER),
        .body = transfer->body != NULL ? transfer->body : "",
        .body_length = transfer->body_length,
    };
    if (curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &answer.status) != CURLE_OK) {
        answer.status = 0;
    }
    http->done(http->user, context, &answer);
    transfer_free(transfer);
}

static void take_finished(struct http *http) {
    CURLMsg *message;
    int left = 0;
    while ((message = curl_multi_info_read(http->multi, &left)) != NULL) {
        void *transfer = NULL;
        CURLcode code = message->data.result;
        if (message->msg == CURLMSG_DONE &&
            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer) ==
                CURLE_OK) {
            finish(transfer, code);
        }
    }
}

static int action_of(uint32_t events) {
    return ((events & (EPOLLIN | EPOLLHUP)) != 0 ? CURL_CSELECT_IN : 0) |
           ((events & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0) |
           ((events & EPOLLERR) != 0 ? CURL_CSELECT_ERR : 0);
}

/* A socket that libcurl closed meanwhile is one it does not know, or another that it looks at in
 * vain. */
static int on_io(sd_event_source *source, int fd, uint32_t revents, void *user) {
    struct http *http = user;
    struct epoll_event events[EVENTS_MAX];
    int running = 0;
    (void)source;
    (void)revents;
    int count = epoll_wait(fd, events, EVENTS_MAX, 0);
    for (int i = 0; i < count; i++) {
        must((int)curl_multi_socket_action(http->multi, events[i].data.fd,
                                           action_of(events[i].events), &running));
    }
    take_finished(http);
    return 0;
}

static int on_time(sd_event_source *source, uint64_t now_us, void *user) {
    struct http *http = user;
    int running = 0;
    (void)source;
    (void)now_us;
    must((int)curl_multi_socket_action(http->multi, CURL_SOCKET_TIMEOUT, 0, &running));
    take_finished(http);
    return 0;
}

/* libcurl's wish to watch a socket, in an epoll of our own: sd-event asks the kernel after each
 * source about all of them, which is much where many are ready at once. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *assigned) {
    static char watched;
    struct http *http = user;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        (void)epoll_ctl(http->epoll_fd, EPOLL_CTL_DEL, fd, NULL); /* it may be closed already */
        return curl_multi_assign(http->multi, fd, NULL) == CURLM_OK ? 0 : -1;
    }
    struct epoll_event event = {.events = ((what & CURL_POLL_IN) != 0 ? EPOLLIN : 0U) |
                                          ((what & CURL_POLL_OUT) != 0 ? EPOLLOUT : 0U),
                                .data.fd = fd};
    int operation = assigned != NULL ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    if (epoll_ctl(http->epoll_fd, operation, fd, &event) < 0) {
        return -1;
    }
    return curl_multi_assign(http->multi, fd, &watched) == CURLM_OK ? 0 : -1;
}

/* libcurl's one timer. It must not be answered from inside this callback. */
static int on_timer_wish(CURLM *multi, long delay_ms, void *user) {
    struct http *http = user;
    (void)multi;
    if (delay_ms < 0) {
        return sd_event_source_set_enabled(http->timer, SD_EVENT_OFF) < 0 ? -1 : 0;
    }
    if (sd_event_source_set_time_relative(http->timer, (uint64_t)delay_ms * 1000) < 0) {
        return -1;
    }
    return sd_event_source_set_enabled(http->timer, SD_EVENT_ONESHOT) < 0 ? -1 : 0;
}

/* Asked each time before a request's first byte, whatever it is for. */
static int on_request(void *user, char *remote, char *local, int remote_port, int local_port) {
    struct http_transfer *transfer = user;
    const bool again = transfer->begun;
    (void)remote;
    (void)local;
    (void)remote_port;
    (void)local_port;
    transfer->begun = true;
    return again ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

/* 0 ends the transfer with CURLE_WRITE_ERROR; the status stays readable. */
static size_t on_header(char *bytes, size_t size, size_t count, void *user) {
    struct http_transfer *transfer = user;
    (void)bytes;
    transfer->header_bytes += size * count;
    return transfer->header_bytes > HEADER_BYTES_MAX ? 0 : size * count;
}

/* Room for so many bytes and the NUL after them; what was there is wiped, as it may name somebody.
 */
static void grow_body(struct http_transfer *transfer, size_t bytes) {
    size_t capacity = transfer->body_capacity > 0 ? transfer->body_capacity : BODY_BYTES_FIRST;
    while (capacity < bytes) {
        capacity *= 2;
    }
    char *body = allocate(capacity, 1);
    if (transfer->body != NULL) {
        memcpy(body, transfer->body, transfer->body_length);
    }
    wipe_free(transfer->body, transfer->body_length);
    transfer->body = body;
    transfer->body_capacity = capacity;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *user) {
    struct http_transfer *transfer = user;
    size_t length = size * count;
    if (length > BODY_BYTES_MAX - transfer->body_length) {
        return 0;
    }
    if (transfer->body_length + length >= transfer->body_capacity) {
        grow_body(transfer, transfer->body_length + length + 1);
    }
    memcpy(transfer->body + transfer->body_length, bytes, length);
    transfer->body_length += length;
    return length;
}

int http_open(sd_event *loop, http_done *done, void *user, struct http **ret_http) {
    struct http *http = allocate(1, sizeof *http);
    *http = (struct http){.loop = sd_event_ref(loop),
                          .multi = curl_multi_init(),
                          .done = done,
                          .user = user,
                          .epoll_fd = epoll_create1(EPOLL_CLOEXEC)};
    if (http->multi == NULL) {
        abort();
    }
    int r = http->epoll_fd < 0 ? -errno : 0;
    r = r < 0 ? r : sd_event_add_io(loop, &http->io, http->epoll_fd, EPOLLIN, on_io, http);
    r = r < 0 ? r : sd_event_source_set_priority(http->io, ANSWERS_FIRST);
    r = r < 0 ? r
              : sd_event_add_time_relative(loop, &http->timer, CLOCK_MONOTONIC, 0, 1000, on_time,
                                           http);
    r = r < 0 ? r : sd_event_source_set_priority(http->timer, ANSWERS_FIRST);
    r = r < 0 ? r : sd_event_source_set_enabled(http->timer, SD_EVENT_OFF);
    if (r < 0) {
        http_close(http, NULL);
        return r;
    }
    must((int)curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, on_socket));
    must((int)curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http));
    must((int)curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, on_timer_wish));
    must((int)curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http));
    must((int)curl_multi_setopt(http->multi, CURLMOPT_MAX_HOST_CONNECTIONS,
                                (long)CONNECTIONS_PER_HOST_MAX));
    must(
        (int)curl_multi_setopt(http->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)CONNECTIONS_MAX));
    must((int)curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_KEPT_MAX));
    *ret_http = http;
    return 0;
}

static void set_security(CURL *easy, const struct gateway *gateway,
                         const struct endpoint *endpoint) {
    must((int)curl_easy_setopt(easy, CURLOPT_URL, endpoint->url));
    must(
        (int)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, endpoint->encrypted ? "https" : "http"));
    must((int)curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "https"));
    must((int)curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L));
    must((int)curl_easy_setopt(easy, CURLOPT_PROXY, ""));
    must((int)curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED));
    must((int)curl_easy_setopt(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L));
    must((int)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L));
    must((int)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L));
    must((int)curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2));
    must((int)curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1));
    must((int)curl_easy_setopt(easy, CURLOPT_HTTP09_ALLOWED, 0L));
    if (gateway->ca_file[0] != '\0') {
        must((int)curl_easy_setopt(easy, CURLOPT_CAINFO, gateway->ca_file));
    }
}

static void set_limits(CURL *easy, const struct gateway *gateway) {
    long timeout_ms = gateway->timeout.us > 0 ? (long)(gateway->timeout.us / 1000)
                                              : TIMEOUT_DEFAULT_MS;
    must((int)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L));
    must((int)curl_easy_setopt(easy, CURLOPT_QUICK_EXIT,
                               1L)); /* else a slow resolver holds the loop */
    must((int)curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS));
    must((int)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout_ms));
    must((int)curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)BODY_BYTES_MAX));
}

static void set_request(CURL *easy, struct http_transfer *transfer) {
    struct http_request *request = &transfer->request;
    must((int)curl_easy_setopt(easy, CURLOPT_POST, 1L));
    must(
        (int)curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_length));
    must((int)curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body));
    must((int)curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_request));
    must((int)curl_easy_setopt(easy, CURLOPT_PREREQDATA, transfer));
    must((int)curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header));
    must((int)curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer));
    must((int)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body));
    must((int)curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer));
    must((int)curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer));
    must((int)curl_easy_setopt(easy, CURLOPT_USERAGENT, "appointments/1"));
    must((int)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, request->headers));
    if (request->user[0] != '\0') {
        must((int)curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC));
        must((int)curl_easy_setopt(easy, CURLOPT_USERNAME, request->user));
        must((int)curl_easy_setopt(easy, CURLOPT_PASSWORD, request->password));
    }
}

int http_send(struct http *http, const struct gateway *gateway, const struct endpoint *endpoint,
              struct http_request *take_request, void *context) {
    struct curl_slist *headers = curl_slist_append(take_request->headers,
                                                   "Expect:"); /* no 100-continue dance */
    if (headers == NULL) {
        abort();
    }
    take_request->headers = headers;
    if (take_request->body_length == 0) {
        http_request_done(take_request);
        return -EINVAL;
    }
    struct http_transfer *transfer = allocate(1, sizeof *transfer);
    *transfer = (struct http_transfer){
        .http = http, .context = context, .easy = take_handle(http), .request = *take_request};
    explicit_bzero(take_request, sizeof *take_request);
    transfer->next = http->transfers;
    transfer->link = &http->transfers;
    if (transfer->next != NULL) {
        transfer->next->link = &transfer->next;
    }
    http->transfers = transfer;
    set_security(transfer->easy, gateway, endpoint);
    set_limits(transfer->easy, gateway);
    set_request(transfer->easy, transfer);
    if (curl_multi_add_handle(http->multi, transfer->easy) != CURLM_OK) {
        transfer_free(transfer);
        return -EIO;
    }
    return 0;
}

void http_close(struct http *http, void (*forget)(void *context)) {
    if (http == NULL) {
        return;
    }
    while (http->transfers != NULL) {
        if (forget != NULL) {
            forget(http->transfers->context);
        }
        transfer_free(http->transfers);
    }
    while (http->spare_count > 0) {
        curl_easy_cleanup(http->spare[--http->spare_count]);
    }
    (void)curl_multi_cleanup(http->multi); /* all handles are out of it */
    sd_event_source_disable_unref(http->timer);
    sd_event_source_disable_unref(http->io);
    if (http->epoll_fd >= 0) {
        (void)close(http->epoll_fd);
    }
    sd_event_unref(http->loop);
    free(http);
}
