/*
 * haplo_queue.c - adds queues, passes commands to them, and removes them.
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <xxhash.h>

#include "base/alloc.h"
#include "poller/options.h"
#include "poller/poller.h"

const char *object_queue_name(const void *queue)
{
    return ((const struct haplo_queue *)queue)->name;
}

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

static int queue_check(const struct haplo_server *server,
                       const struct haplo_queue_options *options,
                       struct reason *why)
{
    if (server->poller->phase != POLLER_RUNNING) {
        return reason_set(why, HAPLO_ESTOPPED, "the poller is stopping");
    }
    if (options->deliver_cb == NULL) {
        return reason_set(why, HAPLO_EINVAL, "a queue needs a deliver_cb");
    }
    if (has_long_wait(options)) {
        return reason_set(why, HAPLO_EINVAL,
                          "a wait exceeds the limit of 31 days");
    }
    int error = options_check_name("queue", options->name, why);
    if (error == 0) {
        error = options_check_key(options->api_key, why);
    }
    if (error != 0) {
        return error;
    }
    if (name_table_find(&server->queues, options->name) != NULL) {
        return reason_set(why, HAPLO_EEXIST,
                          "server \"%s\" already has a queue named \"%s\"",
                          server->name, options->name);
    }
    return 0;
}

/* The name of a queue decides its position within the interval. So polls are
 * spread, and stay so after a restart. */
static uint64_t first_wait_ms(const struct haplo_server *server,
                              const char *name, uint64_t interval_ms)
{
    XXH64_hash_t seed = XXH3_64bits(server->name, strlen(server->name));
    return XXH3_64bits_withSeed(name, strlen(name), seed) % interval_ms;
}

/* The key that the queue was created with, in the same block. */
static char *first_key(struct haplo_queue *queue)
{
    return queue->name + strlen(queue->name) + 1;
}

static void queue_forget_key(struct haplo_queue *queue)
{
    explicit_bzero(queue->api_key, strlen(queue->api_key));
    if (queue->api_key != first_key(queue)) {
        alloc_free(queue->api_key);
    }
}

/* Frees the queue and everything it owns. */
static void queue_free(struct haplo_queue *queue)
{
    struct haplo_poller *poller = server_of(queue)->poller;
    struct queue_settings *settings = settings_of(queue);
    if (queue_settings_release(settings) && settings == poller->settings) {
        poller->settings = NULL;
    }
    queue_forget_key(queue);
    batch_free(queue->batch);
    delivery_state_free(&queue->core.delivery);
    alloc_free(queue->error_text);
    alloc_free(queue);
}

static struct haplo_queue *queue_new(struct haplo_server *server,
                                     const struct haplo_queue_options *options,
                                     struct queue_settings *settings)
{
    size_t name_size = strlen(options->name) + 1;
    size_t key_size = strlen(options->api_key) + 1;
    struct haplo_queue *queue = alloc_zeroed(
        1, offsetof(struct haplo_queue, name) + name_size + key_size);
    if (queue == NULL) {
        return NULL;
    }
    queue->data = options->data;
    memcpy(queue->name, options->name, name_size);
    queue->api_key = first_key(queue);
    memcpy(queue->api_key, options->api_key, key_size);
    queue_init(&queue->core, &settings->policy, &server->core,
               uv_now(server->poller->loop) +
                   first_wait_ms(server, queue->name, options->interval_ms));
    queue->core.key_proven = options->key_proven;
    return queue;
}

static int queue_adopt(struct haplo_queue *queue, struct haplo_slice state,
                       struct reason *why)
{
    int error = delivery_state_adopt(&queue->core.delivery, state);
    return error != HAPLO_EINVAL
               ? error
               : reason_set(
                     why, error,
                     "the state passed for the queue is damaged: its %zu "
                     "bytes were not written by this library",
                     state.size);
}

static int queue_register(struct haplo_queue *queue)
{
    struct haplo_server *server = server_of(queue);
    int error = name_table_add(&server->queues, queue);
    if (error != 0) {
        return error;
    }
    error = scheduler_add_queue(&server->poller->scheduler, &queue->core);
    if (error != 0) {
        name_table_remove(&server->queues, queue);
    }
    return error;
}

static int queue_make(struct haplo_server *server,
                      const struct haplo_queue_options *options,
                      struct haplo_queue **out, struct reason *why)
{
    struct haplo_poller *poller = server->poller;
    int error = queue_settings_take(&poller->settings, options, why);
    if (error != 0) {
        return error;
    }
    struct haplo_queue *queue = queue_new(server, options, poller->settings);
    if (queue == NULL) {
        if (queue_settings_release(poller->settings)) {
            poller->settings = NULL;
        }
        return HAPLO_ENOMEM;
    }
    error = queue_adopt(queue, options->state, why);
    if (error == 0) {
        error = queue_register(queue);
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
    server->poller->queue_count++;
    poller_pump(server->poller);
    return 0;
}

void object_free_queue(struct haplo_queue *queue)
{
    struct haplo_server *server = server_of(queue);
    if (server->poller->phase != POLLER_CLOSING) {
        scheduler_remove_queue(&server->poller->scheduler, &queue->core);
        name_table_remove(&server->queues, queue);
        server->poller->paused_count--;
    }
    server->poller->queue_count--;
    queue_free(queue);
}

struct haplo_queue *server_next_queue(const struct haplo_server *server,
                                      size_t *cursor)
{
    return name_table_next(&server->queues, cursor);
}

int haplo_token_pattern_check(const char *pattern, char *why, size_t why_size)
{
    struct reason reason = {.text = "no token_pattern is given"};
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
    int error = options_check_key(api_key, &why);
    if (error != 0) {
        return error;
    }
    char *own_key = alloc_string(api_key);
    if (own_key == NULL) {
        return HAPLO_ENOMEM;
    }
    queue_forget_key(queue);
    queue->api_key = own_key;
    if (queue->request != NULL) {
        queue->request->has_old_key = true;
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
    return server_of(queue);
}

struct haplo_poller *haplo_queue_poller(const struct haplo_queue *queue)
{
    return server_of(queue)->poller;
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
    if (server_of(queue)->poller->phase == POLLER_RUNNING &&
        !queue->is_removing) {
        poller_command(queue, QUEUE_EVENT_RESUME);
    }
}

int haplo_queue_resume_from(struct haplo_queue *queue, struct haplo_slice state)
{
    if (queue->core.state != HAPLO_QUEUE_PAUSED || queue->is_removing) {
        return HAPLO_EBUSY;
    }
    if (server_of(queue)->poller->phase != POLLER_RUNNING) {
        return HAPLO_ESTOPPED;
    }
    int error = delivery_state_adopt(&queue->core.delivery, state);
    if (error == 0) {
        poller_command(queue, QUEUE_EVENT_RESUME);
    }
    return error;
}

void haplo_queue_give_up(struct haplo_queue *queue)
{
    poller_command(queue, QUEUE_EVENT_GIVE_UP);
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
