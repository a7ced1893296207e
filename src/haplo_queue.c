/*
 * haplo_queue.c - how a queue comes into being, what it can be told, and how
 * it ends.
 */
#include <stdio.h>
#include <string.h>

#include <xxhash.h>

#include "core/alloc.h"
#include "io/credentials.h"
#include "options.h"
#include "poller.h"

#define API_PATH "/api/haplo-integration-messages/poll/"

static void queue_defaults(struct haplo_queue_options *options)
{
    DEFAULT_TO(options->interval_ms, 60000);
    DEFAULT_TO(options->backoff_ms, 1000);
    DEFAULT_TO(options->backoff_max_ms, 300000);
    DEFAULT_TO(options->refused_ms, 900000);
    DEFAULT_TO(options->mark_attempts_max, 4);
    DEFAULT_TO(options->body_bytes_max, (size_t)64 << 20);
}

static bool has_long_wait(const struct haplo_queue_options *options)
{
    return options->interval_ms > HAPLO_WAIT_MS_MAX ||
           options->interval_max_ms > HAPLO_WAIT_MS_MAX ||
           options->backoff_ms > HAPLO_WAIT_MS_MAX ||
           options->backoff_max_ms > HAPLO_WAIT_MS_MAX ||
           options->refused_ms > HAPLO_WAIT_MS_MAX;
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
    if (has_long_wait(options)) {
        return reason_set(why, HAPLO_EINVAL, "a wait is longer than 31 days");
    }
    int error = options_check_name("queue", options->name, why);
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
    queue->core.key_proven = options->key_proven;
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
        return options_missing(why, why_size);
    }
    OPTIONS_COPY(&options, given);
    queue_defaults(&options);
    int error = queue_check(server, &options, &reason);
    if (error == 0) {
        error = queue_make(server, &options, out, &reason);
    }
    if (error != 0) {
        options_copy_why(why, why_size, &reason);
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

int haplo_token_pattern_check(const char *pattern, char *why, size_t why_size)
{
    struct reason reason = {.text = "there is none"};
    int error = HAPLO_EINVAL;
    if (pattern != NULL) {
        reason_set(&reason, HAPLO_ENOMEM, "out of memory");
        token_pattern_free(token_pattern_new(pattern, &error, &reason));
    }
    if (error != 0) {
        options_copy_why(why, why_size, &reason);
    }
    return error;
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

void haplo_queue_pause(struct haplo_queue *queue)
{
    poller_command(queue, QUEUE_EVENT_PAUSE);
}

void haplo_queue_resume(struct haplo_queue *queue)
{
    if (queue->server->poller->phase == POLLER_RUNNING && !queue->is_removing) {
        poller_command(queue, QUEUE_EVENT_RESUME);
    }
}

void haplo_queue_poll_now(struct haplo_queue *queue)
{
    poller_command(queue, QUEUE_EVENT_POLL_NOW);
}

int haplo_queue_remove(struct haplo_queue *queue, haplo_removed_cb removed_cb)
{
    if (queue->is_removing) {
        return HAPLO_EBUSY;
    }
    queue->is_removing = true;
    queue->removed_cb = removed_cb;
    poller_command(queue, QUEUE_EVENT_PAUSE);
    return 0;
}
