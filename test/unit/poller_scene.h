/*
 * poller_scene.h - a stage for the public API: a loop whose waits cost no
 * time, a Haplo server with queues on the same loop, and an application that
 * answers as the test says.
 *
 * The clock is the test's: where nothing is in flight, a turn of the loop
 * skips the time to its next timer. A request in flight is never skipped over.
 */
#ifndef TEST_POLLER_SCENE_H
#define TEST_POLLER_SCENE_H

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include <cmocka.h>

#include "haplopoll.h"

#define KEY "eB_RKYvYlpDbMLrJc7BBBgnd-SsyXh8qPEjXm2ZeRML0"
#define KEY_SENT \
    "aGFwbG86ZUJfUktZdllscERiTUxySmM3QkJCZ25kLVNzeVhoOHFQRWpYbTJaZVJNTDA="
#define TURNS_MAX 200000
#define QUEUES_MAX 8
#define SERVERS_MAX 2

/* -- The clock ------------------------------------------------------------ */

static uint64_t clock_skipped_ms;

/* libuv and libcurl ask the test's clock. */
__attribute__((visibility("default"))) int clock_gettime(clockid_t clock,
                                                         struct timespec *now)
{
    int result = (int)syscall(SYS_clock_gettime, clock, now);
    if (result == 0 &&
        (clock == CLOCK_MONOTONIC || clock == CLOCK_MONOTONIC_COARSE ||
         clock == CLOCK_MONOTONIC_RAW)) {
        now->tv_sec += (time_t)(clock_skipped_ms / 1000);
        now->tv_nsec += (long)(clock_skipped_ms % 1000) * 1000000;
        if (now->tv_nsec >= 1000000000) {
            now->tv_sec++;
            now->tv_nsec -= 1000000000;
        }
    }
    return result;
}

/* -- A Haplo server ------------------------------------------------------- */

#define ANSWER(status, type, body) \
    "HTTP/1.1 " status "\r\nContent-Type: " type "\r\n\r\n" body

/* The 16 oldest messages a batch, or all of them (2019). Messages have the ids
 * 1, 2, 3 ...; they are marked in that order. */
struct fake_queue {
    const char *name;         /* as it stands in the path */
    unsigned marked;          /* ids up to this one */
    unsigned unread;          /* ids after it */
    unsigned batch_max;       /* 0: no limit, and the answers of 2019 */
    unsigned accepted;        /* ids that the application has made durable */
    const char *fetch_answer; /* sent instead; or NULL */
    const char *mark_answer;  /* the same */
    bool is_held;             /* answers wait for fake_release() */
    unsigned fetch_count;     /* requests */
    unsigned mark_count;      /* */
    char login[256];          /* of the newest request */
};

struct fake_server {
    uv_tcp_t tcp;                         /* */
    int port;                             /* */
    LIST_HEAD(, fake_peer) peers;         /* */
    struct fake_queue queues[QUEUES_MAX]; /* */
    unsigned queue_count;                 /* */
    unsigned open_count;                  /* requests not answered */
    unsigned open_count_max;              /* the most at once */
    unsigned request_count;               /* */
    unsigned unaccepted_marks;            /* of what was not accepted before */
    char path[1024];                      /* of the newest request */
    void (*in_request)(void *);           /* done before the answer, or NULL */
    void *data;                           /* for that */
};

struct fake_peer {
    uv_tcp_t tcp;               /* */
    struct fake_server *server; /* */
    struct fake_queue *held;    /* whose answer waits, or NULL */
    bool is_post;               /* the held request */
    char received[8192];        /* one request, or part of it */
    size_t size;                /* of it */
    LIST_ENTRY(fake_peer) link; /* */
};

struct fake_write {
    uv_write_t request; /* */
    char data[];        /* */
};

static inline void fake_on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static inline void fake_hang_up(struct fake_peer *peer)
{
    peer->server->open_count -= peer->held != NULL;
    LIST_REMOVE(peer, link);
    uv_close((uv_handle_t *)&peer->tcp, fake_on_closed);
}

static inline void fake_on_written(uv_write_t *request, int status)
{
    (void)status;
    free(request->data);
}

/* Takes a write of which size bytes are filled. */
static inline void fake_send(struct fake_peer *peer, struct fake_write *write,
                             size_t size)
{
    uv_buf_t buffer = uv_buf_init(write->data, (unsigned)size);
    write->request.data = write;
    if (uv_write(&write->request, (uv_stream_t *)&peer->tcp, &buffer, 1,
                 fake_on_written) != 0) {
        free(write);
    }
}

static inline struct fake_write *fake_write_new(size_t size)
{
    struct fake_write *write = malloc(sizeof *write + size);
    assert_non_null(write);
    return write;
}

/* Sends a text, with its Content-Length where it is a whole answer. */
static inline void fake_send_text(struct fake_peer *peer, const char *text)
{
    const char *end = strstr(text, "\r\n\r\n");
    struct fake_write *write = fake_write_new(strlen(text) + 64);
    int size;
    if (end == NULL) {
        size = sprintf(write->data, "%s", text);
    } else {
        size = sprintf(write->data, "%.*s\r\nContent-Length: %zu%s",
                       (int)(end - text), text, strlen(end + 4), end);
    }
    fake_send(peer, write, (size_t)size);
}

static inline void fake_send_body(struct fake_peer *peer, const char *type,
                                  const char *body, size_t size)
{
    struct fake_write *write = fake_write_new(size + 256);
    int head = sprintf(write->data,
                       "HTTP/1.1 200 OK\r\nContent-Type: %s\r\n"
                       "Content-Length: %zu\r\n\r\n",
                       type, size);
    memcpy(write->data + head, body, size);
    fake_send(peer, write, (size_t)head + size);
}

static inline void fake_answer_fetch(struct fake_peer *peer,
                                     const struct fake_queue *queue)
{
    unsigned count = queue->unread;
    if (queue->batch_max != 0 && count > queue->batch_max) {
        count = queue->batch_max;
    }
    char *body = malloc(200 + (size_t)count * 100);
    assert_non_null(body);
    size_t size = 0;
    if (count == 0) {
        size = (size_t)sprintf(body, "{\"version\": 0, \"token\": \"\", "
                                     "\"messages\": [");
    } else {
        size = (size_t)sprintf(
            body, "{\"version\": 0, \"token\": \"T%u-%u\", \"messages\": [",
            queue->marked + 1, queue->marked + count);
    }
    for (unsigned i = 1; i <= count; i++) {
        size += (size_t)sprintf(
            body + size,
            "%s{\"id\":%u,\"datetime\":\"2019-02-15T10:32:01Z\",\"n\":%u}",
            i == 1 ? "" : ", ", queue->marked + i, queue->marked + i);
    }
    size += (size_t)sprintf(body + size, "]}");
    fake_send_body(peer, "application/json", body, size);
    free(body);
}

static inline void fake_answer_mark(struct fake_peer *peer,
                                    struct fake_queue *queue)
{
    unsigned first = 0;
    unsigned last = 0;
    unsigned count = 0;
    char body[64];
    const char *form = strstr(peer->received, "\r\n\r\n");
    assert_non_null(form);
    assert_int_equal(sscanf(form, "\r\n\r\ntoken=T%u-%u", &first, &last), 2);
    peer->server->unaccepted_marks += last > queue->accepted;
    if (last > queue->marked) {
        count = last - queue->marked;
        queue->marked += count;
        queue->unread -= count;
    }
    if (queue->batch_max == 0) {
        int size = sprintf(body, "Marked: %u", count);
        fake_send_body(peer, "text/plain", body, (size_t)size);
    } else {
        int size = sprintf(body, "{\"markedCount\":%u,\"unreadCount\":%u}",
                           count, queue->unread);
        fake_send_body(peer, "application/json", body, (size_t)size);
    }
}

static inline void fake_answer(struct fake_peer *peer, struct fake_queue *queue,
                               bool is_post)
{
    const char *instead = is_post ? queue->mark_answer : queue->fetch_answer;
    peer->server->open_count--;
    peer->held = NULL;
    if (instead != NULL) {
        fake_send_text(peer, instead);
    } else if (is_post) {
        fake_answer_mark(peer, queue);
    } else {
        fake_answer_fetch(peer, queue);
    }
}

/* Answers all that is held, and holds no more. */
static inline void fake_release(struct fake_server *server)
{
    struct fake_peer *peer;
    for (unsigned i = 0; i < server->queue_count; i++) {
        server->queues[i].is_held = false;
    }
    LIST_FOREACH(peer, &server->peers, link)
    {
        if (peer->held != NULL) {
            fake_answer(peer, peer->held, peer->is_post);
        }
    }
}

static inline void fake_serve(struct fake_peer *peer)
{
    struct fake_server *server = peer->server;
    const char *login = strstr(peer->received, "Authorization: Basic ");
    char name[512] = "";
    bool is_post = strncmp(peer->received, "POST ", 5) == 0;
    assert_non_null(login);
    assert_int_equal(sscanf(peer->received, "%*s %1023s", server->path), 1);
    sscanf(server->path, "/api/haplo-integration-messages/poll/%511[^/]", name);
    server->request_count++;
    if (server->in_request != NULL) {
        server->in_request(server->data);
    }
    if (++server->open_count > server->open_count_max) {
        server->open_count_max = server->open_count;
    }
    for (unsigned i = 0; i < server->queue_count; i++) {
        struct fake_queue *queue = &server->queues[i];
        if (strcmp(queue->name, name) != 0) {
            continue;
        }
        queue->fetch_count += !is_post;
        queue->mark_count += is_post;
        sscanf(login, "Authorization: Basic %255s", queue->login);
        if (queue->is_held) {
            peer->held = queue;
            peer->is_post = is_post;
        } else {
            fake_answer(peer, queue, is_post);
        }
        return;
    }
    fail_msg("%s: no such queue on the server", server->path);
}

static inline void fake_on_read(uv_stream_t *stream, ssize_t size,
                                const uv_buf_t *buffer)
{
    struct fake_peer *peer = stream->data;
    (void)buffer;
    if (size < 0) {
        fake_hang_up(peer);
        return;
    }
    peer->size += (size_t)size;
    peer->received[peer->size] = '\0';
    const char *end = strstr(peer->received, "\r\n\r\n");
    const char *length = strstr(peer->received, "Content-Length: ");
    if (end == NULL) {
        return;
    }
    size_t whole = (size_t)(end - peer->received) + 4;
    if (length != NULL && length < end) {
        whole += strtoul(length + strlen("Content-Length: "), NULL, 10);
    }
    if (peer->size >= whole) {
        peer->size = 0;
        fake_serve(peer);
    }
}

static inline void fake_on_alloc(uv_handle_t *handle, size_t size,
                                 uv_buf_t *buffer)
{
    struct fake_peer *peer = handle->data;
    (void)size;
    *buffer = uv_buf_init(peer->received + peer->size,
                          (unsigned)(sizeof peer->received - 1 - peer->size));
}

static inline void fake_on_connection(uv_stream_t *stream, int status)
{
    struct fake_peer *peer = calloc(1, sizeof *peer);
    assert_int_equal(status, 0);
    assert_non_null(peer);
    peer->server = stream->data;
    uv_tcp_init(stream->loop, &peer->tcp);
    peer->tcp.data = peer;
    uv_accept(stream, (uv_stream_t *)&peer->tcp);
    uv_read_start((uv_stream_t *)&peer->tcp, fake_on_alloc, fake_on_read);
    /* The server must not be what keeps the loop alive. */
    uv_unref((uv_handle_t *)&peer->tcp);
    LIST_INSERT_HEAD(&peer->server->peers, peer, link);
}

static inline void fake_open(struct fake_server *server, uv_loop_t *loop)
{
    struct sockaddr_in address;
    struct sockaddr_storage bound;
    int size = sizeof bound;
    memset(server, 0, sizeof *server);
    uv_ip4_addr("127.0.0.1", 0, &address);
    uv_tcp_init(loop, &server->tcp);
    server->tcp.data = server;
    assert_int_equal(
        uv_tcp_bind(&server->tcp, (const struct sockaddr *)&address, 0), 0);
    assert_int_equal(
        uv_listen((uv_stream_t *)&server->tcp, 128, fake_on_connection), 0);
    uv_tcp_getsockname(&server->tcp, (struct sockaddr *)&bound, &size);
    server->port = ntohs(((struct sockaddr_in *)(void *)&bound)->sin_port);
    uv_unref((uv_handle_t *)&server->tcp);
}

static inline void fake_close(struct fake_server *server)
{
    while (!LIST_EMPTY(&server->peers)) {
        fake_hang_up(LIST_FIRST(&server->peers));
    }
    uv_close((uv_handle_t *)&server->tcp, NULL);
}

/* -- The application ------------------------------------------------------ */

enum answer { ACCEPT, HOLD, RETRY, REJECT };

/* What the application knows of one queue, and what it does there. */
struct watch {
    struct scene *scene;                /* */
    struct haplo_queue *queue;          /* NULL: removed, or not added */
    struct fake_queue *fake;            /* */
    enum answer answer;                 /* inside deliver_cb */
    uint64_t retry_ms;                  /* of RETRY */
    struct haplo_batch *batch;          /* not answered, or NULL */
    unsigned deliver_count;             /* calls */
    unsigned marked_count;              /* calls */
    unsigned removed_count;             /* calls */
    size_t message_count;               /* of the newest batch */
    uint64_t epoch;                     /* of it */
    unsigned newest_id;                 /* in it */
    struct haplo_mark mark;             /* the newest */
    void (*in_deliver)(struct watch *); /* done before the answer */
    void (*in_marked)(struct watch *);  /* */
    void (*in_removed)(struct watch *); /* */
    struct watch *other;                /* for these */
};

struct scene {
    uv_loop_t loop;                            /* */
    struct fake_server fakes[SERVERS_MAX];     /* */
    struct haplo_poller *poller;               /* NULL: closed */
    struct haplo_poller *second;               /* or NULL */
    struct haplo_server *servers[SERVERS_MAX]; /* as far as added */
    unsigned server_count;                     /* */
    struct watch watches[QUEUES_MAX];          /* */
    unsigned watch_count;                      /* */
    unsigned calls;         /* of the application, by the library */
    unsigned stopped_count; /* */
    size_t batches_left;    /* as stopped_cb was told */
    unsigned closed_count;  /* */
    void (*in_stopped)(struct scene *);
    char events[65536];             /* lines: "a/q1: IDLE -> READY" */
    size_t events_size;             /* */
    char text[HAPLO_TEXT_SIZE_MAX]; /* of the newest event with an error */
};

static inline void scene_on_event(struct haplo_poller *poller,
                                  const struct haplo_event *event)
{
    struct scene *scene = haplo_poller_data(poller);
    size_t room = sizeof scene->events - scene->events_size;
    const char *server = haplo_server_name(event->server);
    char *to = scene->events + scene->events_size;
    int size;
    assert_null(strstr(event->text, KEY));
    assert_null(strstr(event->text, KEY_SENT));
    assert_null(strchr(event->text, '\n'));
    assert_true((event->error == 0) || event->text[0] != '\0');
    if (event->error != 0) {
        snprintf(scene->text, sizeof scene->text, "%s", event->text);
    }
    if (event->queue == NULL) {
        size = snprintf(
            to, room, "%s: %s -> %s", server,
            haplo_server_state_name((enum haplo_server_state)event->from),
            haplo_server_state_name((enum haplo_server_state)event->to));
    } else {
        size = snprintf(
            to, room, "%s/%s: %s -> %s", server, haplo_queue_name(event->queue),
            haplo_queue_state_name((enum haplo_queue_state)event->from),
            haplo_queue_state_name((enum haplo_queue_state)event->to));
    }
    if (event->error != 0 && (size_t)size < room) {
        size += snprintf(to + size, room - (size_t)size, " %s",
                         haplo_error_name(event->error));
    } else if (event->message_count != 0 && (size_t)size < room) {
        size += snprintf(to + size, room - (size_t)size, " %u",
                         (unsigned)event->message_count);
    }
    if ((size_t)size + 2 < room) { /* else the record is full */
        strcpy(to + size, "\n");
        scene->events_size += (size_t)size + 1;
    } else {
        *to = '\0';
    }
}

static inline void scene_forget_events(struct scene *scene)
{
    scene->events_size = 0;
    scene->events[0] = '\0';
}

static inline unsigned id_of(const struct haplo_message *message)
{
    return (unsigned)strtoul(message->id.data, NULL, 10);
}

static inline void watch_accept(struct watch *watch)
{
    struct haplo_batch *batch = watch->batch;
    watch->batch = NULL;
    if (watch->newest_id > watch->fake->accepted) {
        watch->fake->accepted = watch->newest_id;
    }
    haplo_batch_accept(batch);
}

static inline void scene_on_deliver(struct haplo_queue *queue,
                                    struct haplo_batch *batch)
{
    struct watch *watch = haplo_queue_data(queue);
    size_t count = haplo_batch_message_count(batch);
    assert_ptr_equal(haplo_batch_queue(batch), queue);
    assert_true(count > 0);
    watch->scene->calls++;
    watch->deliver_count++;
    watch->message_count = count;
    watch->epoch = haplo_batch_epoch(batch);
    watch->newest_id = id_of(&haplo_batch_messages(batch)[count - 1]);
    watch->batch = batch;
    if (watch->in_deliver != NULL) {
        watch->in_deliver(watch);
    }
    if (watch->batch == NULL) {
        return; /* in_deliver has answered */
    }
    switch (watch->answer) {
    case ACCEPT:
        watch_accept(watch);
        break;
    case HOLD:
        break;
    case RETRY:
        watch->batch = NULL;
        haplo_batch_retry(batch, watch->retry_ms, "not now");
        break;
    case REJECT:
        watch->batch = NULL;
        haplo_batch_reject(batch, "never");
        break;
    }
}

static inline void scene_on_marked(struct haplo_queue *queue,
                                   const struct haplo_mark *mark)
{
    struct watch *watch = haplo_queue_data(queue);
    watch->scene->calls++;
    watch->marked_count++;
    watch->mark = *mark;
    if (watch->in_marked != NULL) {
        watch->in_marked(watch);
    }
}

static inline void scene_on_removed(struct haplo_queue *queue)
{
    struct watch *watch = haplo_queue_data(queue);
    watch->scene->calls++;
    watch->removed_count++;
    if (watch->in_removed != NULL) {
        watch->in_removed(watch);
    }
    watch->queue = NULL;
}

static inline void scene_on_stopped(struct haplo_poller *poller, size_t left)
{
    struct scene *scene = haplo_poller_data(poller);
    scene->calls++;
    scene->stopped_count++;
    scene->batches_left = left;
    if (scene->in_stopped != NULL) {
        scene->in_stopped(scene);
    }
}

static inline void scene_on_closed(void *data)
{
    struct scene *scene = data;
    scene->closed_count++;
    scene->poller = NULL;
}

/* -- Running -------------------------------------------------------------- */

static inline bool scene_is_quiet(const struct scene *scene)
{
    struct haplo_poller_stats stats = {.struct_size = sizeof stats};
    unsigned in_flight = 0;
    if (scene->poller != NULL) {
        haplo_poller_stats(scene->poller, &stats);
        in_flight += stats.in_flight;
    }
    if (scene->second != NULL) {
        haplo_poller_stats(scene->second, &stats);
        in_flight += stats.in_flight;
    }
    return in_flight == 0;
}

static inline void scene_turn(struct scene *scene)
{
    uv_update_time(&scene->loop);
    int wait_ms = uv_backend_timeout(&scene->loop);
    if (wait_ms > 0 && scene_is_quiet(scene)) {
        clock_skipped_ms += (uint64_t)wait_ms;
    }
    uv_run(&scene->loop, UV_RUN_NOWAIT);
}

#define RUN_UNTIL(scene, condition)                                      \
    do {                                                                 \
        unsigned turns = 0;                                              \
        while (!(condition)) {                                           \
            if (++turns > TURNS_MAX) {                                   \
                fail_msg("never came true: %s; events:\n%s", #condition, \
                         (scene)->events);                               \
            }                                                            \
            scene_turn(scene);                                           \
        }                                                                \
    } while (0)

/* Long enough for anything that is going to happen at once. */
static inline void scene_linger(struct scene *scene)
{
    for (unsigned i = 0; i < 200; i++) {
        uv_run(&scene->loop, UV_RUN_NOWAIT);
    }
}

/* -- Setting the stage ---------------------------------------------------- */

static inline struct haplo_poller_options poller_options(struct scene *scene)
{
    return (struct haplo_poller_options){
        .struct_size = sizeof(struct haplo_poller_options),
        .seed = 1,
        .event_cb = scene_on_event,
        .data = scene,
    };
}

/* A loop, and nothing on it yet. */
static inline struct scene *scene_new(void)
{
    struct scene *scene = calloc(1, sizeof *scene);
    assert_non_null(scene);
    assert_int_equal(uv_loop_init(&scene->loop), 0);
    return scene;
}

static inline void scene_start(struct scene *scene,
                               const struct haplo_poller_options *options)
{
    assert_int_equal(haplo_poller_new(&scene->loop, options, &scene->poller),
                     0);
}

/* Server "a", then "b", each with a fake of its own; struct_size, name and url
 * are filled in. */
static inline int scene_try_server(struct scene *scene,
                                   struct haplo_server_options options)
{
    static const char *const names[] = {"a", "b"};
    unsigned index = scene->server_count;
    char url[64];
    char why[HAPLO_TEXT_SIZE_MAX] = "";
    assert_true(index < SERVERS_MAX);
    if (scene->fakes[index].port == 0) {
        fake_open(&scene->fakes[index], &scene->loop);
    }
    sprintf(url, "http://127.0.0.1:%d", scene->fakes[index].port);
    options.struct_size = sizeof options;
    options.name = names[index];
    options.url = url;
    int error = haplo_server_add(scene->poller, &options,
                                 &scene->servers[index], why, sizeof why);
    assert_true((error == 0) == (why[0] == '\0'));
    scene->server_count += error == 0;
    return error;
}

static inline struct haplo_server *scene_add_server(
    struct scene *scene, struct haplo_server_options options)
{
    assert_int_equal(scene_try_server(scene, options), 0);
    return scene->servers[scene->server_count - 1];
}

/* A poller with server "a". */
static inline struct scene *scene_open(void)
{
    struct scene *scene = scene_new();
    struct haplo_poller_options options = poller_options(scene);
    scene_start(scene, &options);
    scene_add_server(scene, (struct haplo_server_options){0});
    return scene;
}

static inline struct haplo_queue_options queue_options(const char *name)
{
    return (struct haplo_queue_options){
        .struct_size = sizeof(struct haplo_queue_options),
        .name = name,
        .api_key = KEY,
        .deliver_cb = scene_on_deliver,
        .marked_cb = scene_on_marked,
    };
}

static inline struct watch *watch_new(struct scene *scene, unsigned server,
                                      const char *name, unsigned unread)
{
    struct fake_server *fake = &scene->fakes[server];
    assert_true(scene->watch_count < QUEUES_MAX);
    assert_true(fake->queue_count < QUEUES_MAX);
    struct watch *watch = &scene->watches[scene->watch_count++];
    watch->scene = scene;
    watch->fake = &fake->queues[fake->queue_count++];
    watch->fake->name = name;
    watch->fake->unread = unread;
    watch->fake->batch_max = 16;
    return watch;
}

/* Adds the queue to the newest server, and lets it be polled at once. */
static inline struct watch *scene_add_with(struct scene *scene,
                                           struct haplo_queue_options options,
                                           unsigned unread)
{
    char why[HAPLO_TEXT_SIZE_MAX] = "";
    unsigned server = scene->server_count - 1;
    struct watch *watch = watch_new(scene, server, options.name, unread);
    options.data = watch;
    if (haplo_queue_add(scene->servers[server], &options, &watch->queue, why,
                        sizeof why) != 0) {
        fail_msg("%s", why);
    }
    haplo_queue_poll_now(watch->queue);
    return watch;
}

static inline struct watch *scene_add(struct scene *scene, const char *name,
                                      unsigned unread)
{
    return scene_add_with(scene, queue_options(name), unread);
}

static inline void scene_close(struct scene *scene)
{
    if (scene->closed_count == 0 && scene->poller != NULL) {
        haplo_poller_close(scene->poller, scene_on_closed);
    }
    unsigned calls = scene->calls;
    RUN_UNTIL(scene, scene->poller == NULL);
    assert_int_equal(scene->calls, calls);
    for (unsigned i = 0; i < SERVERS_MAX; i++) {
        assert_int_equal(scene->fakes[i].unaccepted_marks, 0);
        if (scene->fakes[i].port != 0) {
            fake_close(&scene->fakes[i]);
        }
    }
    uv_run(&scene->loop, UV_RUN_DEFAULT);
    assert_true(scene->closed_count <= 1);
    assert_int_equal(uv_loop_close(&scene->loop), 0);
    free(scene);
}

static inline enum haplo_queue_state state_of(const struct watch *watch)
{
    struct haplo_queue_stats stats = {.struct_size = sizeof stats};
    haplo_queue_stats(watch->queue, &stats);
    return stats.state;
}

static inline struct haplo_queue_stats stats_of(const struct watch *watch)
{
    struct haplo_queue_stats stats = {.struct_size = sizeof stats};
    haplo_queue_stats(watch->queue, &stats);
    return stats;
}

#endif
