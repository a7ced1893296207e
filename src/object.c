/*
 * object.c - how pollers, servers and queues come into being and end.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <xxhash.h>

#include "core/alloc.h"
#include "io/credentials.h"
#include "poller.h"

#define API_PATH "/api/haplo-integration-messages/poll/"

/* Copies what the application knows of an options struct; a caller built
 * against an older header has a shorter one. */
#define OPTIONS_COPY(to, from)                                               \
    memcpy((to), (from),                                                     \
           (from)->struct_size < sizeof *(to) ? (from)->struct_size          \
                                              : sizeof *(to))

#define DEFAULT_TO(field, value)                                             \
    do {                                                                     \
        if ((field) == 0) {                                                  \
            (field) = (value);                                               \
        }                                                                    \
    } while (0)

static void why_copy(char *why, size_t why_size, const struct reason *reason)
{
    if (why != NULL && why_size > 0) {
        snprintf(why, why_size, "%s", reason->text);
    }
}

/* A name stands in logs, paths and metrics: printable, no slash, bounded. */
static int name_check(const char *what, const char *name, struct reason *why)
{
    if (name == NULL || name[0] == '\0') {
        return reason_set(why, HAPLO_EINVAL, "a %s needs a name", what);
    }
    if (strlen(name) > HAPLO_NAME_SIZE_MAX) {
        return reason_set(why, HAPLO_EINVAL,
                          "the %s's name is longer than %d bytes", what,
                          HAPLO_NAME_SIZE_MAX);
    }
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        return reason_set(why, HAPLO_EINVAL, "a %s can't be named \"%s\"",
                          what, name);
    }
    for (const char *c = name; *c != '\0'; c++) {
        if ((unsigned char)*c <= 0x20 || *c == 0x7f || *c == '/') {
            return reason_set(why, HAPLO_EINVAL,
                              "the %s's name has a space, a slash or a "
                              "control character in it: \"%s\"",
                              what, name);
        }
    }
    return 0;
}

/* -- Poller --------------------------------------------------------------- */

static uint64_t seed_or_random(uint64_t seed)
{
    if (seed == 0 && uv_random(NULL, NULL, &seed, sizeof seed, 0, NULL) != 0) {
        seed = uv_hrtime();
    }
    return seed;
}

static int default_format_new(struct fetch_format **out)
{
    const struct haplo_queue_options options = {.struct_size = sizeof options};
    struct fetch_format *format = alloc_zeroed(1, sizeof *format);
    int error = format == NULL ? HAPLO_ENOMEM
                               : fetch_format_init(format, &options, NULL);
    if (error != 0) {
        alloc_free(format);
        format = NULL;
    }
    *out = format;
    return error;
}

int haplo_poller_new(uv_loop_t *loop,
                     const struct haplo_poller_options *given,
                     struct haplo_poller **out)
{
    struct haplo_poller_options options = {0};
    *out = NULL;
    if (loop == NULL || (given != NULL && given->struct_size == 0)) {
        return HAPLO_EINVAL;
    }
    if (given != NULL) {
        OPTIONS_COPY(&options, given);
    }
    DEFAULT_TO(options.in_flight_max, 256);
    DEFAULT_TO(options.undelivered_bytes_max, (size_t)256 << 20);

    struct haplo_poller *poller = alloc_zeroed(1, sizeof *poller);
    if (poller == NULL) {
        return HAPLO_ENOMEM;
    }
    poller->loop = loop;
    poller->event_cb = options.event_cb;
    poller->data = options.data;
    TAILQ_INIT(&poller->servers);
    TAILQ_INIT(&poller->gone);
    scheduler_init(&poller->scheduler, options.in_flight_max,
                   options.undelivered_bytes_max,
                   seed_or_random(options.seed));
    poller_init(poller);
    int error = default_format_new(&poller->default_format);
    if (error != 0) {
        goto fail_poller;
    }
    error = io_new(loop, options.in_flight_max, &poller->io);
    if (error != 0) {
        goto fail_format;
    }
    uv_timer_init(loop, &poller->timer); /* has no way to fail */
    *out = poller;
    return 0;

fail_format:
    fetch_format_free(poller->default_format);
    alloc_free(poller->default_format);
fail_poller:
    scheduler_free(&poller->scheduler);
    alloc_free(poller);
    return error;
}

static void server_free(struct haplo_server *server)
{
    alloc_free(server->name);
    alloc_free(server);
}

static void free_spares(struct haplo_poller *poller)
{
    struct request *request;
    while ((request = poller->free_requests) != NULL) {
        poller->free_requests = request->next;
        alloc_free(request);
    }
    struct haplo_batch *batch;
    while ((batch = poller->free_batches) != NULL) {
        poller->free_batches = batch->next;
        batch_free(batch);
    }
}

/* The last of the poller's handles has left the loop. */
static void on_io_closed(struct io *io, void *data)
{
    (void)io;
    struct haplo_poller *poller = data;
    struct haplo_server *server;
    struct haplo_queue *queue;
    while ((server = TAILQ_FIRST(&poller->servers)) != NULL) {
        while ((queue = TAILQ_FIRST(&server->queues)) != NULL) {
            object_free_queue(queue);
        }
        TAILQ_REMOVE(&poller->servers, server, link);
        server_free(server);
    }
    free_spares(poller);
    fetch_format_free(poller->default_format);
    alloc_free(poller->default_format);
    scheduler_free(&poller->scheduler);
    haplo_close_cb close_cb = poller->close_cb;
    void *application_data = poller->data;
    alloc_free(poller);
    if (close_cb != NULL) {
        close_cb(application_data);
    }
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct haplo_poller *poller =
        container_of(handle, struct haplo_poller, timer);
    io_close(poller->io, on_io_closed, poller);
}

void haplo_poller_close(struct haplo_poller *poller, haplo_close_cb close_cb)
{
    struct haplo_server *server;
    struct haplo_queue *queue;
    if (poller->phase == POLLER_CLOSING) {
        return;
    }
    poller->phase = POLLER_CLOSING;
    poller->close_cb = close_cb;
    TAILQ_FOREACH (server, &poller->servers, link) {
        TAILQ_FOREACH (queue, &server->queues, link) {
            poller_cancel_request(queue);
        }
        endpoint_free(server->endpoint);
        server->endpoint = NULL;
    }
    uv_close((uv_handle_t *)&poller->timer, on_timer_closed);
}

void *haplo_poller_data(const struct haplo_poller *poller)
{
    return poller->data;
}

/* -- Server --------------------------------------------------------------- */

static void server_defaults(struct haplo_server_options *options)
{
    DEFAULT_TO(options->in_flight_max, 1);
    DEFAULT_TO(options->connect_timeout_ms, 10000);
    DEFAULT_TO(options->first_byte_timeout_ms, 60000);
    DEFAULT_TO(options->stall_timeout_ms, 30000);
    DEFAULT_TO(options->total_timeout_ms, 120000);
    DEFAULT_TO(options->failed_logins_max, 5);
    DEFAULT_TO(options->breaker_failures, 5);
}

static int server_check(const struct haplo_poller *poller,
                        const struct haplo_server_options *options,
                        struct reason *why)
{
    const struct haplo_server *server;
    if (poller->phase != POLLER_RUNNING) {
        return reason_set(why, HAPLO_ESTOPPED, "the poller is stopping");
    }
    int error = name_check("server", options->name, why);
    if (error != 0) {
        return error;
    }
    TAILQ_FOREACH (server, &poller->servers, link) {
        if (strcmp(server->name, options->name) == 0) {
            return reason_set(why, HAPLO_EEXIST,
                              "there is a server named \"%s\" already",
                              options->name);
        }
    }
    return 0;
}

static int server_make(struct haplo_poller *poller,
                       const struct haplo_server_options *options,
                       struct haplo_server **out, struct reason *why)
{
    const struct server_policy policy = {
        .in_flight_max = options->in_flight_max,
        .failed_logins_max = options->failed_logins_max,
        .breaker_failures = options->breaker_failures,
    };
    struct haplo_server *server = alloc_zeroed(1, sizeof *server);
    if (server == NULL) {
        return reason_set(why, HAPLO_ENOMEM, "out of memory");
    }
    server->poller = poller;
    server->data = options->data;
    TAILQ_INIT(&server->queues);
    server_init(&server->core, &policy);
    int error = HAPLO_ENOMEM;
    server->name = alloc_string(options->name);
    if (server->name == NULL) {
        goto fail_server;
    }
    error = endpoint_new(poller->io, options, &server->endpoint, why);
    if (error != 0) {
        goto fail_server;
    }
    error = scheduler_add_server(&poller->scheduler, &server->core);
    if (error != 0) {
        goto fail_endpoint;
    }
    *out = server;
    return 0;

fail_endpoint:
    endpoint_free(server->endpoint);
fail_server:
    server_free(server);
    return error;
}

int haplo_server_add(struct haplo_poller *poller,
                     const struct haplo_server_options *given,
                     struct haplo_server **out, char *why, size_t why_size)
{
    struct haplo_server_options options = {0};
    struct reason reason = {.text = "out of memory"};
    *out = NULL;
    if (given == NULL || given->struct_size == 0) {
        return HAPLO_EINVAL;
    }
    OPTIONS_COPY(&options, given);
    server_defaults(&options);
    int error = server_check(poller, &options, &reason);
    if (error == 0) {
        error = server_make(poller, &options, out, &reason);
    }
    if (error != 0) {
        why_copy(why, why_size, &reason);
        return error;
    }
    TAILQ_INSERT_TAIL(&poller->servers, *out, link);
    poller->server_count++;
    return 0;
}

int haplo_server_remove(struct haplo_server *server)
{
    struct haplo_poller *poller = server->poller;
    if (server->queue_count > 0 || poller->phase == POLLER_CLOSING) {
        return HAPLO_EBUSY;
    }
    scheduler_remove_server(&poller->scheduler, &server->core);
    endpoint_free(server->endpoint);
    TAILQ_REMOVE(&poller->servers, server, link);
    poller->server_count--;
    server_free(server);
    return 0;
}

const char *haplo_server_name(const struct haplo_server *server)
{
    return server->name;
}

void *haplo_server_data(const struct haplo_server *server)
{
    return server->data;
}

/* -- Queue ---------------------------------------------------------------- */

static void queue_defaults(struct haplo_queue_options *options)
{
    DEFAULT_TO(options->interval_ms, 60000);
    DEFAULT_TO(options->backoff_ms, 1000);
    DEFAULT_TO(options->backoff_max_ms, 300000);
    DEFAULT_TO(options->refused_ms, 900000);
    DEFAULT_TO(options->mark_attempts_max, 4);
    DEFAULT_TO(options->body_bytes_max, (size_t)64 << 20);
}

static int key_check(const char *key, struct reason *why)
{
    size_t size = key == NULL ? 0 : strlen(key);
    if (size < HAPLO_KEY_SIZE_MIN || size > HAPLO_KEY_SIZE_MAX) {
        return reason_set(why, HAPLO_EINVAL,
                          "the API key has %zu characters: %d to %d are "
                          "possible, and Haplo makes 44",
                          size, HAPLO_KEY_SIZE_MIN, HAPLO_KEY_SIZE_MAX);
    }
    for (const char *c = key; *c != '\0'; c++) {
        if ((unsigned char)*c <= 0x20 || *c == 0x7f) {
            return reason_set(why, HAPLO_EINVAL,
                              "the API key has a space, a newline or a "
                              "control character in it");
        }
    }
    return 0;
}

static uint32_t name_hash(const char *name)
{
    return (uint32_t)XXH3_64bits(name, strlen(name));
}

static int queue_check(const struct haplo_server *server,
                       const struct haplo_queue_options *options,
                       struct reason *why)
{
    const struct haplo_queue *queue;
    if (server->poller->phase != POLLER_RUNNING) {
        return reason_set(why, HAPLO_ESTOPPED, "the poller is stopping");
    }
    if (options->deliver_cb == NULL) {
        return reason_set(why, HAPLO_EINVAL, "a queue needs a deliver_cb");
    }
    int error = name_check("queue", options->name, why);
    if (error == 0) {
        error = key_check(options->api_key, why);
    }
    if (error != 0) {
        return error;
    }
    uint32_t hash = name_hash(options->name);
    TAILQ_FOREACH (queue, &server->queues, link) {
        if (queue->name_hash == hash &&
            strcmp(queue->name, options->name) == 0) {
            return reason_set(why, HAPLO_EEXIST,
                              "server \"%s\" has a queue named \"%s\" already",
                              server->name, options->name);
        }
    }
    return 0;
}

/* Encodes only what cannot stand in a URL's path: the server compares names
 * undecoded, so that %71 for q is another queue. */
static char *path_new(const char *name, const char *verb)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "abcdefghijklmnopqrstuvwxyz"
                                "0123456789-._~!$&'()*+,;=:@";
    size_t size = strlen(API_PATH) + 3 * strlen(name) + strlen(verb) + 2;
    char *path = alloc_bytes(size);
    if (path == NULL) {
        return NULL;
    }
    strcpy(path, API_PATH);
    char *out = path + strlen(API_PATH);
    for (const char *c = name; *c != '\0'; c++) {
        if (strchr(plain, *c) != NULL) {
            *out++ = *c;
        } else {
            out += sprintf(out, "%%%02X", (unsigned)(unsigned char)*c);
        }
    }
    sprintf(out, "/%s", verb);
    return path;
}

static bool has_default_format(const struct haplo_queue_options *options)
{
    return options->format == HAPLO_FORMAT_JSON &&
           options->token_pointer == NULL &&
           options->messages_pointer == NULL &&
           options->token_pattern == NULL && options->content_type == NULL;
}

static int queue_set_format(struct haplo_queue *queue,
                            const struct haplo_queue_options *options,
                            struct reason *why)
{
    if (has_default_format(options)) {
        queue->format = queue->server->poller->default_format;
        return 0;
    }
    struct fetch_format *format = alloc_zeroed(1, sizeof *format);
    if (format == NULL) {
        return HAPLO_ENOMEM;
    }
    int error = fetch_format_init(format, options, why);
    if (error != 0) {
        alloc_free(format);
        return error;
    }
    queue->format = format;
    return 0;
}

static int queue_copy_options(struct haplo_queue *queue,
                              const struct haplo_queue_options *options,
                              struct reason *why)
{
    queue->body_bytes_max = options->body_bytes_max;
    queue->deliver_cb = options->deliver_cb;
    queue->marked_cb = options->marked_cb;
    queue->data = options->data;
    queue->name_hash = name_hash(options->name);
    queue->name = alloc_string(options->name);
    queue->fetch_path = path_new(options->name, "fetch");
    queue->mark_path = path_new(options->name, "mark");
    queue->headers = credentials_new(options->api_key);
    if (queue->name == NULL || queue->fetch_path == NULL ||
        queue->mark_path == NULL || queue->headers == NULL) {
        return HAPLO_ENOMEM;
    }
    return queue_set_format(queue, options, why);
}

/* The queue's place in the interval is decided by its name: queues spread,
 * and keep their places over a restart. */
static uint64_t first_wait_ms(const struct haplo_queue *queue,
                              uint64_t interval_ms)
{
    XXH64_hash_t seed =
        XXH3_64bits(queue->server->name, strlen(queue->server->name));
    return XXH3_64bits_withSeed(queue->name, strlen(queue->name), seed) %
           interval_ms;
}

static void queue_init_core(struct haplo_queue *queue,
                            const struct haplo_queue_options *options)
{
    const struct queue_policy policy = {
        .interval_ms = options->interval_ms,
        .interval_max_ms = options->interval_max_ms,
        .backoff_ms = options->backoff_ms,
        .backoff_max_ms = options->backoff_max_ms,
        .refused_ms = options->refused_ms,
        .mark_attempts_max = options->mark_attempts_max,
        .deliver_attempts_max = options->deliver_attempts_max,
    };
    queue_init(&queue->core, &policy, &queue->server->core, options->epoch,
               options->unconfirmed,
               uv_now(queue->server->poller->loop) +
                   first_wait_ms(queue, options->interval_ms));
}

/* Frees what the queue owns, and itself. */
static void queue_free(struct haplo_queue *queue)
{
    if (queue->format != NULL &&
        queue->format != queue->server->poller->default_format) {
        fetch_format_free(queue->format);
        alloc_free(queue->format);
    }
    credentials_free(queue->headers);
    credentials_free(queue->next_headers);
    batch_free(queue->batch);
    alloc_free(queue->error_text);
    alloc_free(queue->name);
    alloc_free(queue->fetch_path);
    alloc_free(queue->mark_path);
    alloc_free(queue);
}

static int queue_make(struct haplo_server *server,
                      const struct haplo_queue_options *options,
                      struct haplo_queue **out, struct reason *why)
{
    struct haplo_queue *queue = alloc_zeroed(1, sizeof *queue);
    if (queue == NULL) {
        return HAPLO_ENOMEM;
    }
    queue->server = server;
    int error = queue_copy_options(queue, options, why);
    if (error == 0) {
        queue_init_core(queue, options);
        error = scheduler_add_queue(&server->poller->scheduler, &queue->core);
    }
    if (error != 0) {
        queue_free(queue);
        return error;
    }
    *out = queue;
    return 0;
}

int haplo_queue_add(struct haplo_server *server,
                    const struct haplo_queue_options *given,
                    struct haplo_queue **out, char *why, size_t why_size)
{
    struct haplo_queue_options options = {0};
    struct reason reason = {.text = "out of memory"};
    *out = NULL;
    if (given == NULL || given->struct_size == 0) {
        return HAPLO_EINVAL;
    }
    OPTIONS_COPY(&options, given);
    queue_defaults(&options);
    int error = queue_check(server, &options, &reason);
    if (error == 0) {
        error = queue_make(server, &options, out, &reason);
    }
    if (error != 0) {
        why_copy(why, why_size, &reason);
        return error;
    }
    TAILQ_INSERT_TAIL(&server->queues, *out, link);
    server->queue_count++;
    server->poller->queue_count++;
    poller_pump(server->poller);
    return 0;
}

void object_free_queue(struct haplo_queue *queue)
{
    struct haplo_server *server = queue->server;
    if (server->poller->phase != POLLER_CLOSING) {
        scheduler_remove_queue(&server->poller->scheduler, &queue->core);
        server->poller->paused_count--;
    }
    TAILQ_REMOVE(&server->queues, queue, link);
    server->queue_count--;
    server->poller->queue_count--;
    queue_free(queue);
}

int haplo_queue_set_key(struct haplo_queue *queue, const char *api_key)
{
    struct reason why;
    int error = key_check(api_key, &why);
    if (error != 0) {
        return error;
    }
    struct curl_slist *headers = credentials_new(api_key);
    if (headers == NULL) {
        return HAPLO_ENOMEM;
    }
    if (queue->request != NULL) {
        /* The request under way borrows the old ones. */
        credentials_free(queue->next_headers);
        queue->next_headers = headers;
    } else {
        credentials_free(queue->headers);
        queue->headers = headers;
    }
    poller_command(queue, QUEUE_EVENT_NEW_KEY);
    return 0;
}

const char *haplo_queue_name(const struct haplo_queue *queue)
{
    return queue->name;
}

struct haplo_server *haplo_queue_server(const struct haplo_queue *queue)
{
    return queue->server;
}

struct haplo_poller *haplo_queue_poller(const struct haplo_queue *queue)
{
    return queue->server->poller;
}

void *haplo_queue_data(const struct haplo_queue *queue)
{
    return queue->data;
}

/* -- Batch ---------------------------------------------------------------- */

struct haplo_queue *haplo_batch_queue(const struct haplo_batch *batch)
{
    return batch->queue;
}

uint64_t haplo_batch_epoch(const struct haplo_batch *batch)
{
    return batch->epoch;
}

size_t haplo_batch_message_count(const struct haplo_batch *batch)
{
    return batch->message_count;
}

const struct haplo_message *
haplo_batch_messages(const struct haplo_batch *batch)
{
    return batch->messages;
}
