/* smtp: a worker thread of a mail relay.
 *
 * The loop puts jobs into a bounded queue; the worker takes one at a time, sends it, puts it on the
 * list of answered jobs and wakes the loop by an eventfd. All that both touch is under one mutex,
 * but the abort flag. When the relay is closed the worker is told to give up, joined (libcurl looks
 * at the flag every second) and what had no answer is dropped: such a row stays `sending` and is
 * uncertain after the next start. */
#include "cobi/transport/smtp.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "cobi/base/text.h"
#include "cobi/transport/allocate.h"
#include "cobi/transport/transport.h"

struct job_list {
    struct smtp_job *first, **end;
};

struct smtp_relay {
    struct gateway gateway;
    struct endpoint endpoint;
    char credentials_dir[CREDENTIALS_DIR_SIZE];
    smtp_done *done;
    void *user;
    int event_fd;
    sd_event_source *source;
    pthread_t thread;
    bool started;
    atomic_bool abort;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    /* under the mutex: */
    struct job_list waiting, answered;
    size_t waiting_count;
    struct smtp_job *current;
};

static void must(int code) {
    if (code != 0) {
        abort();
    }
}

static void list_init(struct job_list *list) {
    list->first = NULL;
    list->end = &list->first;
}

static void list_add(struct job_list *list, struct smtp_job *job) {
    job->next = NULL;
    *list->end = job;
    list->end = &job->next;
}

static struct smtp_job *list_take(struct job_list *list) {
    struct smtp_job *job = list->first;
    if (job != NULL) {
        list->first = job->next;
        if (list->first == NULL) {
            list->end = &list->first;
        }
        job->next = NULL;
    }
    return job;
}

/* Waits for a job; *ret_after says whether another one is already behind it. NULL: give up. */
static struct smtp_job *next_job(struct smtp_relay *relay, enum smtp_after *ret_after) {
    must(pthread_mutex_lock(&relay->mutex));
    while (relay->waiting.first == NULL && !atomic_load(&relay->abort)) {
        must(pthread_cond_wait(&relay->wake, &relay->mutex));
    }
    struct smtp_job *job = atomic_load(&relay->abort) ? NULL : list_take(&relay->waiting);
    if (job != NULL) {
        relay->waiting_count--;
        *ret_after = relay->waiting_count > 0 ? SMTP_AFTER_KEEP : SMTP_AFTER_QUIT;
    }
    relay->current = job;
    must(pthread_mutex_unlock(&relay->mutex));
    return job;
}

static void answer(struct smtp_relay *relay, struct smtp_job *job) {
    must(pthread_mutex_lock(&relay->mutex));
    relay->current = NULL;
    list_add(&relay->answered, job);
    must(pthread_mutex_unlock(&relay->mutex));
    must(eventfd_write(relay->event_fd, 1));
}

/* A kept connection would be closed with QUIT and a wait of up to two minutes; its socket is shut
 * so that libcurl sees the end at once. */
static void close_now(CURL *easy) {
    curl_socket_t fd = CURL_SOCKET_BAD;
    if (curl_easy_getinfo(easy, CURLINFO_ACTIVESOCKET, &fd) == CURLE_OK && fd != CURL_SOCKET_BAD) {
        (void)shutdown(fd, SHUT_RDWR); /* the relay may have closed it already */
    }
    curl_easy_cleanup(easy);
}

static void *work(void *argument) {
    struct smtp_relay *relay = argument;
    const struct smtp_route route = {.gateway = &relay->gateway,
                                     .endpoint = &relay->endpoint,
                                     .credentials_dir = relay->credentials_dir,
                                     .abort = &relay->abort};
    CURL *easy = curl_easy_init();
    enum smtp_after after = SMTP_AFTER_QUIT;
    struct smtp_job *job;
    if (easy == NULL) {
        abort();
    }
    while ((job = next_job(relay, &after)) != NULL) {
        if (!smtp_transfer_run(easy, &route, after, job)) {
            break; /* cut off: the job stays `current` and is forgotten when the relay is closed */
        }
        answer(relay, job);
    }
    close_now(easy);
    return NULL;
}

static int on_answers(sd_event_source *source, int fd, uint32_t events, void *user) {
    struct smtp_relay *relay = user;
    eventfd_t count;
    (void)source;
    (void)events;
    if (eventfd_read(fd, &count) < 0) {
        return 0; /* nothing there yet */
    }
    must(pthread_mutex_lock(&relay->mutex));
    struct smtp_job *job = relay->answered.first;
    list_init(&relay->answered);
    must(pthread_mutex_unlock(&relay->mutex));
    smtp_done *done = relay->done;
    void *context = relay->user;
    while (job !=
           NULL) { /* at most what was in the queue; done() may end the relay with the last one */
        struct smtp_job *next = job->next;
        job->next = NULL;
        done(context, job);
        job = next;
    }
    return 0;
}

/* The worker takes no signals: they belong to the loop. */
static int start_worker(struct smtp_relay *relay) {
    sigset_t all, before;
    must(sigfillset(&all));
    must(pthread_sigmask(SIG_SETMASK, &all, &before));
    int r = pthread_create(&relay->thread, NULL, work, relay);
    must(pthread_sigmask(SIG_SETMASK, &before, NULL));
    relay->started = r == 0;
    return -r;
}

int smtp_open(const struct smtp_setup *setup, smtp_done *done, void *user,
              struct smtp_relay **ret_relay) {
    struct smtp_relay *relay = allocate(1, sizeof *relay);
    relay->gateway = *setup->gateway;
    relay->endpoint = *setup->endpoint;
    relay->done = done;
    relay->user = user;
    list_init(&relay->waiting);
    list_init(&relay->answered);
    must(pthread_mutex_init(&relay->mutex, NULL));
    must(pthread_cond_init(&relay->wake, NULL));
    relay->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int r = relay->event_fd < 0 ? -errno
                                : text_copy(relay->credentials_dir, sizeof relay->credentials_dir,
                                            setup->credentials_dir);
    if (r >= 0) {
        r = sd_event_add_io(setup->loop, &relay->source, relay->event_fd, EPOLLIN, on_answers,
                            relay);
    }
    if (r >= 0) {
        r = sd_event_source_set_priority(relay->source, ANSWERS_FIRST);
    }
    if (r >= 0) {
        r = start_worker(relay);
    }
    if (r < 0) {
        smtp_close(relay, NULL);
        return r;
    }
    *ret_relay = relay;
    return 0;
}

int smtp_submit(struct smtp_relay *relay, struct smtp_job *take_job) {
    int r = -EAGAIN;
    must(pthread_mutex_lock(&relay->mutex));
    if (relay->waiting_count < SMTP_QUEUE_MAX) {
        list_add(&relay->waiting, take_job);
        relay->waiting_count++;
        must(pthread_cond_signal(&relay->wake));
        r = 0;
    }
    must(pthread_mutex_unlock(&relay->mutex));
    return r;
}

void smtp_abort(struct smtp_relay *relay) {
    if (relay == NULL) {
        return;
    }
    atomic_store(&relay->abort, true);
    must(pthread_mutex_lock(&relay->mutex));
    must(pthread_cond_signal(&relay->wake));
    must(pthread_mutex_unlock(&relay->mutex));
}

static void forget_list(struct smtp_job *job, void (*forget)(void *context)) {
    while (job != NULL) {
        struct smtp_job *next = job->next;
        if (forget != NULL) {
            forget(job->context);
        }
        smtp_job_free(job);
        job = next;
    }
}

void smtp_close(struct smtp_relay *relay, void (*forget)(void *context)) {
    if (relay == NULL) {
        return;
    }
    smtp_abort(relay);
    if (relay->started) {
        must(pthread_join(relay->thread, NULL));
    }
    sd_event_source_disable_unref(relay->source);
    forget_list(relay->current, forget);
    forget_list(relay->waiting.first, forget);
    forget_list(relay->answered.first, forget);
    if (relay->event_fd >= 0) {
        (void)close(relay->event_fd); /* nothing was written to it that could be lost */
    }
    must(pthread_cond_destroy(&relay->wake));
    must(pthread_mutex_destroy(&relay->mutex));
    free(relay);
}
