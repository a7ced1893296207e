/*
 * bare.c - the cheapest cycle that libuv and libcurl allow: fetch, mark,
 * repeat, without parsing and without any state of its own. The cost of the
 * library is measured against it, so it uses every optimisation known to help:
 *
 *   - one uv_poll_t for the lifetime of a socket, touched only when its events
 *     change;
 *   - one easy handle per queue, set up once; each request sets only its
 *     target and form; prepared headers, no signals, no proxy lookup,
 *     HTTP/1.1;
 *   - several multi handles with 60 connections each, whose connection cache
 *     is larger than that;
 *   - a CA file without a CA path, so that libcurl parses it once; shared TLS
 *     sessions.
 *
 *     bare [-y] [-u] [-c ROUNDS] HOSTS AT-ONCE WARM-CYCLES CYCLES CA-FILE
 *
 * -y slices the body with yajl and sends the token found in it (slice.h);
 * otherwise the body is dropped and the token is a constant. -u does not
 * verify TLS certificates. -c measures a cold start; see rounds.h.
 */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "client.h"
#include "rounds.h"
#include "slice.h"

#define CONNECTIONS_A_MULTI 60
#define DESCRIPTORS_MAX 65536
#define PATH_SIZE_MAX 128

static const char constant_form[] =
    "token=MiwzLDQsNSw2LDcsOCw5LDEwLDExLDEyLDEzLDE0LDE1LDE2LDE3%2Bw%3D%3D";

struct multi {
    CURLM *curlm;
    uv_timer_t timer;
};

struct host {
    CURLU *url;
    CURLSH *share; /* its TLS sessions */
};

struct watch {
    uv_poll_t poll;
    struct multi *multi;
    curl_socket_t fd;
    int events;     /* UV_READABLE, UV_WRITABLE; 0: stopped */
    bool is_wanted; /* libcurl still watches this socket */
};

struct queue {
    struct multi *multi;
    CURL *easy;            /* used for both fetch and mark */
    bool is_marking;       /* false: fetching */
    size_t body_size;      /* bytes of this response so far */
    size_t fetch_size;     /* bytes of the first batch; all are equal */
    struct slicer *slicer; /* NULL without -y */
    char fetch_path[PATH_SIZE_MAX];
    char mark_path[PATH_SIZE_MAX];
};

static struct {
    struct client_options options;
    struct client_meter meter;
    struct rounds rounds; /* with -c */
    bool is_slicing;      /* -y */
    bool is_unverified;   /* -u */
    struct multi *multis;
    unsigned multi_count;
    struct queue *queues;                   /* at_once of them */
    struct curl_slist *headers;             /* of all requests */
    struct watch *watches[DESCRIPTORS_MAX]; /* indexed by descriptor */
} bare;

#define MUST(call)                                  \
    do {                                            \
        if ((call) != 0) {                          \
            client_fail("bare: failed: %s", #call); \
        }                                           \
    } while (0)

/* Requests */

static void queue_request(struct queue *queue, bool is_mark)
{
    CURL *easy = queue->easy;
    queue->is_marking = is_mark;
    queue->body_size = 0;
    if (is_mark) {
        bool is_slicing = queue->slicer != NULL;
        const char *form = is_slicing ? queue->slicer->form : constant_form;
        size_t size =
            is_slicing ? queue->slicer->form_size : sizeof constant_form - 1;
        MUST(curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)size));
        MUST(curl_easy_setopt(easy, CURLOPT_POSTFIELDS, form));
        MUST(curl_easy_setopt(easy, CURLOPT_REQUEST_TARGET, queue->mark_path));
    } else {
        if (queue->slicer != NULL) {
            slicer_begin(queue->slicer);
        }
        MUST(curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L));
        MUST(curl_easy_setopt(easy, CURLOPT_REQUEST_TARGET, queue->fetch_path));
    }
    MUST(curl_multi_add_handle(queue->multi->curlm, easy));
}

static size_t on_body(char *data, size_t unit, size_t count, void *user)
{
    struct queue *queue = user;
    size_t size = unit * count;
    queue->body_size += size;
    if (!queue->is_marking && queue->slicer != NULL &&
        !slicer_data(queue->slicer, data, size)) {
        return 0;
    }
    return size;
}

static void fetch_done(struct queue *queue)
{
    if (queue->fetch_size == 0) {
        queue->fetch_size = queue->body_size;
    }
    if (queue->body_size != queue->fetch_size) {
        client_fail("bare: got %zu bytes, expected %zu", queue->body_size,
                    queue->fetch_size);
    }
    if (queue->slicer != NULL &&
        (!slicer_end(queue->slicer) ||
         queue->slicer->message_count != BENCH_MESSAGE_COUNT)) {
        client_fail("bare: not a batch of %d messages", BENCH_MESSAGE_COUNT);
    }
    queue_request(queue, true);
}

static void start_all(void)
{
    for (unsigned i = 0; i < bare.options.at_once; i++) {
        queue_request(&bare.queues[i], false);
    }
}

static void mark_done(struct queue *queue)
{
    if (bare.rounds.count > 0) {
        rounds_count(&bare.rounds);
        return;
    }
    if (client_meter_count(&bare.meter) == CLIENT_IS_DONE) {
        client_meter_print(&bare.meter, "");
        exit(0);
    }
    queue_request(queue, false);
}

static void request_done(CURL *easy, CURLcode code)
{
    char *private = NULL;
    long status = 0;
    MUST(curl_easy_getinfo(easy, CURLINFO_PRIVATE, &private));
    MUST(curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status));
    struct queue *queue = (struct queue *)(void *)private;
    MUST(curl_multi_remove_handle(queue->multi->curlm, easy));
    if (code != CURLE_OK || status != 200) {
        client_fail("bare: %s, status %ld", curl_easy_strerror(code), status);
    }
    if (queue->is_marking) {
        mark_done(queue);
    } else {
        fetch_done(queue);
    }
}

/* libcurl on the loop */

static void multi_act(struct multi *multi, curl_socket_t fd, int flags)
{
    CURLMsg *message;
    int count;
    MUST(curl_multi_socket_action(multi->curlm, fd, flags, &count));
    while ((message = curl_multi_info_read(multi->curlm, &count)) != NULL) {
        if (message->msg == CURLMSG_DONE) {
            request_done(message->easy_handle, message->data.result);
        }
    }
}

static void on_timer(uv_timer_t *timer)
{
    multi_act(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

static int on_timeout_wanted(CURLM *curlm, long timeout_ms, void *data)
{
    struct multi *multi = data;
    (void)curlm;
    if (timeout_ms < 0) {
        return uv_timer_stop(&multi->timer);
    }
    return uv_timer_start(&multi->timer, on_timer, (uint64_t)timeout_ms, 0);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct watch *watch = poll->data;
    int flags = status < 0 ? CURL_CSELECT_ERR : 0;
    if (!watch->is_wanted) {
        MUST(uv_poll_stop(poll));
        watch->events = 0;
        return;
    }
    flags |= (events & UV_READABLE) != 0 ? CURL_CSELECT_IN : 0;
    flags |= (events & UV_WRITABLE) != 0 ? CURL_CSELECT_OUT : 0;
    multi_act(watch->multi, watch->fd, flags);
}

static int on_socket_wanted(CURL *easy, curl_socket_t fd, int what, void *data,
                            void *unused)
{
    struct watch *watch = bare.watches[fd];
    int events = 0;
    (void)easy;
    (void)data;
    (void)unused;
    if (watch == NULL) {
        return 0;
    }
    watch->is_wanted = what != CURL_POLL_REMOVE;
    if (!watch->is_wanted) {
        return 0;
    }
    events |= what != CURL_POLL_OUT ? UV_READABLE : 0;
    events |= what != CURL_POLL_IN ? UV_WRITABLE : 0;
    if (events != watch->events) {
        watch->events = events;
        MUST(uv_poll_start(&watch->poll, events, on_poll));
    }
    return 0;
}

static curl_socket_t on_open_socket(void *data, curlsocktype purpose,
                                    struct curl_sockaddr *address)
{
    struct queue *queue = data;
    struct watch *watch = calloc(1, sizeof *watch);
    int fd = socket(address->family,
                    address->socktype | SOCK_NONBLOCK | SOCK_CLOEXEC,
                    address->protocol);
    (void)purpose;
    if (fd < 0 || fd >= DESCRIPTORS_MAX || watch == NULL) {
        client_fail("bare: no socket");
    }
    MUST(uv_poll_init(uv_default_loop(), &watch->poll, fd));
    watch->poll.data = watch;
    watch->multi = queue->multi;
    watch->fd = fd;
    bare.watches[fd] = watch;
    return fd;
}

static void on_watch_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static int on_close_socket(void *data, curl_socket_t fd)
{
    struct watch *watch = bare.watches[fd];
    (void)data;
    bare.watches[fd] = NULL;
    uv_close((uv_handle_t *)&watch->poll, on_watch_closed);
    return close(fd);
}

/* Setting up */

static void multi_init(struct multi *multi)
{
    CURLM *curlm = curl_multi_init();
    multi->curlm = curlm;
    MUST(uv_timer_init(uv_default_loop(), &multi->timer));
    multi->timer.data = multi;
    MUST(curl_multi_setopt(curlm, CURLMOPT_SOCKETFUNCTION, on_socket_wanted));
    MUST(curl_multi_setopt(curlm, CURLMOPT_TIMERFUNCTION, on_timeout_wanted));
    MUST(curl_multi_setopt(curlm, CURLMOPT_TIMERDATA, multi));
    MUST(curl_multi_setopt(curlm, CURLMOPT_PIPELINING, CURLPIPE_NOTHING));
    MUST(curl_multi_setopt(curlm, CURLMOPT_MAXCONNECTS,
                           2L * CONNECTIONS_A_MULTI));
}

/* One share per host: libcurl keeps at most 8 TLS sessions in a share. */
static CURLSH *share_new(void)
{
    CURLSH *share = curl_share_init();
    MUST(curl_share_setopt(share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION));
    return share;
}

static void easy_set_tls(CURL *easy, CURLSH *share)
{
    long is_verified = !bare.is_unverified;
    MUST(curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, is_verified));
    MUST(curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2 * is_verified));
    MUST(curl_easy_setopt(easy, CURLOPT_CAPATH, NULL));
    MUST(curl_easy_setopt(easy, CURLOPT_CAINFO,
                          is_verified ? bare.options.ca_file : NULL));
    MUST(curl_easy_setopt(easy, CURLOPT_SHARE, share));
}

static void easy_set(struct queue *queue, const struct host *host)
{
    CURL *easy = queue->easy;
    MUST(curl_easy_setopt(easy, CURLOPT_CURLU, host->url));
    MUST(curl_easy_setopt(easy, CURLOPT_PRIVATE, queue));
    MUST(curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L));
    MUST(curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
                          (long)CURL_HTTP_VERSION_1_1));
    MUST(curl_easy_setopt(easy, CURLOPT_PROXY, ""));
    MUST(curl_easy_setopt(easy, CURLOPT_NOPROXY, "*"));
    MUST(curl_easy_setopt(easy, CURLOPT_HTTPHEADER, bare.headers));
    MUST(curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body));
    MUST(curl_easy_setopt(easy, CURLOPT_WRITEDATA, queue));
    MUST(curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket));
    MUST(curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, queue));
    MUST(curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close_socket));
    if (bare.options.ca_file != NULL) {
        easy_set_tls(easy, host->share);
    }
}

static void queue_init(struct queue *queue, unsigned index,
                       const struct host *host)
{
    queue->multi =
        &bare.multis[(size_t)index * bare.multi_count / bare.options.at_once];
    queue->easy = curl_easy_init();
    if (queue->easy == NULL) {
        client_fail("out of memory");
    }
    (void)snprintf(queue->fetch_path, PATH_SIZE_MAX, BENCH_PATH "q%u/fetch",
                   index);
    (void)snprintf(queue->mark_path, PATH_SIZE_MAX, BENCH_PATH "q%u/mark",
                   index);
    if (bare.is_slicing) {
        queue->slicer = malloc(sizeof *queue->slicer);
        if (queue->slicer == NULL) {
            client_fail("out of memory");
        }
    }
    easy_set(queue, host);
}

static void make_queues(void)
{
    size_t host_count = bare.options.url_count;
    struct host *hosts = calloc(host_count, sizeof *hosts);
    bare.queues = calloc(bare.options.at_once, sizeof *bare.queues);
    if (hosts == NULL || bare.queues == NULL) {
        client_fail("out of memory");
    }
    for (size_t i = 0; i < host_count; i++) {
        hosts[i].url = curl_url();
        hosts[i].share = share_new();
        MUST(
            curl_url_set(hosts[i].url, CURLUPART_URL, bare.options.urls[i], 0));
    }
    for (unsigned i = 0; i < bare.options.at_once; i++) {
        queue_init(&bare.queues[i], i, &hosts[i % host_count]);
    }
    free(hosts); /* only the array: the easy handles use its elements */
}

static void make_shared(void)
{
    bare.headers = curl_slist_append(
        NULL, "Authorization: Basic "
              "aGFwbG86MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc4OWFi"
              "Y2Q=");
    bare.multi_count =
        (bare.options.at_once + CONNECTIONS_A_MULTI - 1) / CONNECTIONS_A_MULTI;
    bare.multis = calloc(bare.multi_count, sizeof *bare.multis);
    if (bare.headers == NULL || bare.multis == NULL) {
        client_fail("out of memory");
    }
    for (unsigned i = 0; i < bare.multi_count; i++) {
        multi_init(&bare.multis[i]);
    }
}

int main(int argc, char **argv)
{
    int option;
    unsigned round_count = 0;
    while ((option = getopt(argc, argv, "yuc:")) != -1) {
        bare.is_slicing |= option == 'y';
        bare.is_unverified |= option == 'u';
        if (option == 'c') {
            round_count = (unsigned)strtoul(optarg, NULL, 10);
        } else if (option == '?') {
            return 2;
        }
    }
    client_options_read(&bare.options, argv + optind);
    client_meter_init(&bare.meter, &bare.options);
    MUST(curl_global_init(CURL_GLOBAL_DEFAULT));
    make_shared();
    make_queues();
    if (round_count > 0) {
        rounds_start(&bare.rounds, round_count, bare.options.at_once,
                     start_all);
    } else {
        start_all();
    }
    return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
