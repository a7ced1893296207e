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
#include "poller/queue_change.h"

const char *object_queue_name(const void *queue)
{
    return ((const struct haplo_queue *)queue)->name;
}

/* What identifies a new queue to the server. */
static int queue_check_name(const struct haplo_server *server,
                            const struct haplo_queue_options *options,
                            struct reason *why)
{
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

void poller_release_settings(struct haplo_poller *poller,
                             struct queue_settings *settings)
{
    if (queue_settings_release(settings) && settings == poller->settings) {
        poller->settings = NULL;
    }
}

void object_free_queue(struct haplo_poller *poller, struct haplo_queue *queue)
{
    poller_release_settings(poller, settings_of(queue));
    queue_key_forget(queue);
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
    queue->api_key = queue_key_first(queue);
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
        poller_release_settings(poller, poller->settings);
        return HAPLO_ENOMEM;
    }
    error = queue_adopt(queue, options->state, why);
    if (error == 0) {
        error = queue_register(queue);
    }
    if (error != 0) {
        object_free_queue(poller, queue);
        return error;
    }
    *out = queue;
    return 0;
}

int haplo_queue_add(struct haplo_server *server,
                    const struct haplo_queue_options *given,
                    struct haplo_queue **out, char *why, size_t why_size)
{
    struct haplo_queue_options options;
    struct reason reason = {.text = "out of memory"};
    *out = NULL;
    int error = options_copy(&options, sizeof options, given, &reason);
    if (error == 0) {
        queue_options_default(&options);
        error = queue_options_check(server, &options, &reason);
    }
    if (error == 0) {
        error = queue_check_name(server, &options, &reason);
    }
    if (error == 0) {
        error = queue_make(server, &options, out, &reason);
    }
    if (error == 0) {
        server->poller->queue_count++;
        poller_pump(server->poller);
    }
    return options_explain(error, why, why_size, &reason);
}

void poller_part_queue(struct haplo_queue *queue)
{
    struct haplo_server *server = server_of(queue);
    scheduler_remove_queue(&server->poller->scheduler, &queue->core);
    name_table_remove(&server->queues, queue);
    server->poller->paused_count--;
    server->poller->queue_count--;
}

struct haplo_queue *haplo_queue_find(const struct haplo_server *server,
                                     const char *name)
{
    return name_table_find(&server->queues, name);
}

struct haplo_queue *haplo_queue_next(const struct haplo_server *server,
                                     const struct haplo_queue *previous)
{
    size_t cursor = name_table_cursor(&server->queues, previous);
    return name_table_next(&server->queues, &cursor);
}

struct haplo_queue *server_next_queue(const struct haplo_server *server,
                                      size_t *cursor)
{
    return name_table_next(&server->queues, cursor);
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
