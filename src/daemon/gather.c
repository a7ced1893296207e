/*
 * gather.c - the way of a batch through the daemon:
 *
 *   - the poller gives a batch (on_deliver): it goes to its queue's sink;
 *   - the sink has it on disk (on_delivered): the batch is accepted, so that
 *     the poller marks it;
 *   - the mark is confirmed (on_marked): the sink stores the new epoch.
 *
 * Otherwise:
 *
 *   - the sink says retry: the poller keeps the batch and gives it again;
 *   - the sink says reject: the queue is blocked, and nothing is marked;
 *   - the process ends in between: the sink knows the epoch, and recognises
 *     what the server sends again.
 *
 * The end: the poller drains, the sinks finish, and only then the poller, and
 * with it the batches' memory, goes.
 */
#include "daemon/gather.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/container_of.h"
#include "base/wall_clock.h"
#include "config/api_key.h"
#include "daemon/failed_logins.h"
#include "daemon/log.h"
#include "daemon/sink_types.h"

/* -- Batches -------------------------------------------------------------- */

static void on_delivered(struct sink_delivery *delivery,
                         enum sink_verdict verdict, const char *text)
{
    struct gather_queue *queue =
        container_of(delivery, struct gather_queue, delivery);
    struct haplo_batch *batch = queue->batch;
    queue->batch = NULL;
    queue->stored_count += delivery->stored_count;
    queue->repeat_count += delivery->repeat_count;
    if (queue->gather->is_closing) {
        return; /* too late to mark: the sink will recognise it */
    }
    switch (verdict) {
    case SINK_ACCEPT:
        haplo_batch_accept(batch);
        break;
    case SINK_RETRY:
        haplo_batch_retry(batch, 0, text);
        break;
    case SINK_REJECT:
        haplo_batch_reject(batch, text);
        break;
    }
}

static void on_deliver(struct haplo_queue *haplo_queue,
                       struct haplo_batch *batch)
{
    struct gather_queue *queue = haplo_queue_data(haplo_queue);
    struct sink *sink = queue->sink_queue->sink;
    queue->batch = batch;
    queue->delivery = (struct sink_delivery){
        .queue = queue->sink_queue,
        .batch = batch,
        .received_at_ms = wall_clock_ms(),
        .format = queue->config->options.format,
        .delivered_cb = on_delivered,
    };
    sink->type->deliver(sink, &queue->delivery);
}

static void on_marked(struct haplo_queue *haplo_queue,
                      const struct haplo_mark *mark)
{
    struct gather_queue *queue = haplo_queue_data(haplo_queue);
    struct sink *sink = queue->sink_queue->sink;
    if (!queue->gather->is_closing) {
        sink->type->confirmed(sink, queue->sink_queue, mark->next_epoch);
    }
}

static void on_event(struct haplo_poller *poller,
                     const struct haplo_event *event)
{
    struct gather *gather = haplo_poller_data(poller);
    struct gather_server *server = haplo_server_data(event->server);
    server->last_event_ms = event->now_ms;
    failed_logins_note(gather, event);
    if (!gather->is_closing && gather->event_cb != NULL) {
        gather->event_cb(poller, event);
    }
}

/* -- Opening -------------------------------------------------------------- */

static int open_sinks(struct gather *gather, char *why, size_t why_size)
{
    const struct config *config = gather->config;
    gather->sinks = calloc(config->sink_count, sizeof(struct sink *));
    if (gather->sinks == NULL) {
        return HAPLO_ENOMEM;
    }
    for (size_t i = 0; i < config->sink_count; i++) {
        char text[HAPLO_TEXT_SIZE_MAX] = "";
        int error = sink_open(gather->loop, config, &config->sinks[i],
                              &gather->sinks[i], text, sizeof text);
        if (error != 0) {
            snprintf(why, why_size, "%s:%d: sink %s: %s", config->path,
                     config->sinks[i].line, config->sinks[i].name, text);
            return error;
        }
        gather->open_sink_count++;
    }
    return 0;
}

static struct sink *sink_of(const struct gather *gather,
                            const struct config_queue *queue)
{
    return gather->sinks[queue->sink - gather->config->sinks];
}

/* Stamps the file before it is read: a change in between is then seen as one
 * that came after. */
static int read_key(struct gather_queue *queue, char *key, char *why,
                    size_t why_size)
{
    const char *path = api_key_path(queue->config);
    if (path != NULL && stat(path, &queue->key_stat) != 0) {
        queue->key_stat = (struct stat){0};
    }
    return api_key_read(queue->config, key, why, why_size);
}

static int add_queue(struct gather_queue *queue, bool is_held, char *why,
                     size_t why_size)
{
    const struct config_queue *config = queue->config;
    struct sink *sink = sink_of(queue->gather, config);
    struct haplo_queue_options options = {.struct_size = sizeof options};
    char key[API_KEY_SIZE];
    config_queue_options(config, &options);
    int error =
        sink->type->queue_open(sink, queue->server->config->options.name,
                               options.name, &queue->sink_queue, why, why_size);
    if (error != 0) {
        return error;
    }
    if (read_key(queue, key, why, why_size) != 0) {
        return HAPLO_EINVAL;
    }
    options.epoch = queue->sink_queue->ledger.epoch;
    options.unconfirmed = queue->sink_queue->ledger.is_unconfirmed;
    options.key_proven = is_held && options.epoch > 0 && !queue->key_refused;
    options.api_key = key;
    options.deliver_cb = on_deliver;
    options.marked_cb = on_marked;
    options.data = queue;
    error = haplo_queue_add(queue->server->server, &options, &queue->queue, why,
                            why_size);
    explicit_bzero(key, sizeof key);
    return error;
}

static int add_server(struct gather *gather, struct gather_server *server,
                      char *why, size_t why_size)
{
    struct haplo_server_options options = {.struct_size = sizeof options};
    config_server_options(server->config, &options);
    failed_logins_server_options(server, &options);
    options.data = server;
    int error = haplo_server_add(gather->poller, &options, &server->server, why,
                                 why_size);
    bool is_held = error == 0 && failed_logins_added(server);
    for (size_t i = 0; error == 0 && i < server->queue_count; i++) {
        error = add_queue(&server->queues[i], is_held, why, why_size);
    }
    return error;
}

static void set_queues(struct gather *gather, struct gather_server *server,
                       struct gather_queue *queues)
{
    server->queues = queues;
    server->queue_count = server->config->queue_count;
    for (size_t i = 0; i < server->queue_count; i++) {
        queues[i].gather = gather;
        queues[i].server = server;
        queues[i].config = &server->config->queues[i];
    }
}

static int add_servers(struct gather *gather, char *why, size_t why_size)
{
    const struct config *config = gather->config;
    gather->queue_count = config->queue_count;
    gather->servers = calloc(config->server_count, sizeof *gather->servers);
    gather->queues = calloc(config->queue_count, sizeof *gather->queues);
    if (gather->servers == NULL || gather->queues == NULL) {
        return HAPLO_ENOMEM;
    }
    struct gather_queue *queues = gather->queues;
    for (size_t i = 0; i < config->server_count; i++) {
        struct gather_server *server = &gather->servers[i];
        server->config = &config->servers[i];
        set_queues(gather, server, queues);
        queues += server->queue_count;
    }
    failed_logins_load(gather);
    int error = 0;
    for (size_t i = 0; error == 0 && i < config->server_count; i++) {
        error = add_server(gather, &gather->servers[i], why, why_size);
    }
    return error;
}

int gather_open(struct gather *gather, uv_loop_t *loop,
                const struct config *config, haplo_event_cb event_cb,
                void *data, char *why, size_t why_size)
{
    struct haplo_poller_options options = {.struct_size = sizeof options};
    *gather = (struct gather){
        .config = config,
        .loop = loop,
        .event_cb = event_cb,
        .data = data,
        .started_ms = uv_now(loop),
    };
    snprintf(why, why_size, "out of memory");
    int error = open_sinks(gather, why, why_size);
    if (error != 0) {
        return error;
    }
    config_poller_options(config, &options);
    options.event_cb = on_event;
    options.data = gather;
    error = haplo_poller_new(loop, &options, &gather->poller);
    if (error != 0) {
        snprintf(why, why_size, "%s", haplo_error_text(error));
        return error;
    }
    return add_servers(gather, why, why_size);
}

/* -- Closing -------------------------------------------------------------- */

static void on_poller_closed(void *data)
{
    struct gather *gather = data;
    free(gather->sinks);
    free(gather->servers);
    free(gather->queues);
    gather->closed_cb(gather);
}

static void close_next_sink(struct gather *gather);

static void on_sink_closed(void *data)
{
    close_next_sink(data);
}

static void close_next_sink(struct gather *gather)
{
    if (gather->open_sink_count > 0) {
        struct sink *sink = gather->sinks[--gather->open_sink_count];
        sink->type->close(sink, on_sink_closed, gather);
    } else if (gather->poller != NULL) {
        haplo_poller_close(gather->poller, on_poller_closed);
    } else {
        on_poller_closed(gather);
    }
}

static void begin_closing(struct gather *gather)
{
    if (gather->is_closing) {
        return;
    }
    gather->is_closing = true;
    if (gather->drained_cb != NULL) {
        gather->drained_cb(gather);
    }
    close_next_sink(gather);
}

static void on_stopped(struct haplo_poller *poller, size_t batches_left)
{
    struct gather *gather = haplo_poller_data(poller);
    gather->batches_left = batches_left;
    begin_closing(gather);
}

static bool has_batch(const struct gather_queue *queue)
{
    struct haplo_queue_stats stats = {.struct_size = sizeof stats};
    if (queue->queue == NULL) {
        return false; /* it could not be added */
    }
    haplo_queue_stats(queue->queue, &stats);
    return stats.state == HAPLO_QUEUE_LAST_DELIVERING ||
           stats.state == HAPLO_QUEUE_LAST_MARK_READY ||
           stats.state == HAPLO_QUEUE_LAST_MARKING ||
           stats.state == HAPLO_QUEUE_LAST_MARK_WAIT;
}

/* The second call: what the first one waits for is left. */
static void close_at_once(struct gather *gather)
{
    if (gather->is_closing) {
        return;
    }
    for (size_t i = 0; gather->queues != NULL && i < gather->queue_count; i++) {
        gather->batches_left += has_batch(&gather->queues[i]);
    }
    begin_closing(gather);
}

void gather_close(struct gather *gather, uint64_t deadline_ms,
                  gather_cb closed_cb)
{
    gather->closed_cb = closed_cb;
    if (gather->poller == NULL ||
        haplo_poller_stop(gather->poller, deadline_ms, on_stopped) != 0) {
        close_at_once(gather);
    }
}

/* -- The rest ------------------------------------------------------------- */

const char *gather_queue_name(const struct gather_queue *queue,
                              char text[GATHER_NAME_SIZE])
{
    snprintf(text, GATHER_NAME_SIZE, "%s/%s",
             queue->server->config->options.name, queue->config->options.name);
    return text;
}

bool gather_key_has_changed(const struct gather_queue *queue)
{
    const char *path = api_key_path(queue->config);
    struct stat now;
    const struct stat *then = &queue->key_stat;
    /* A change of mode counts as well: it may be what makes a key good. */
    return path != NULL && stat(path, &now) == 0 &&
           (now.st_dev != then->st_dev || now.st_ino != then->st_ino ||
            now.st_size != then->st_size ||
            now.st_ctim.tv_sec != then->st_ctim.tv_sec ||
            now.st_ctim.tv_nsec != then->st_ctim.tv_nsec);
}

void gather_reread_key(struct gather_queue *queue)
{
    char key[API_KEY_SIZE];
    char why[HAPLO_TEXT_SIZE_MAX];
    char name[GATHER_NAME_SIZE];
    if (read_key(queue, key, why, sizeof why) != 0) {
        log_line(LOG_LEVEL_WARNING,
                 "%s: its API key has changed, and is no good: %s",
                 gather_queue_name(queue, name), why);
        return;
    }
    if (haplo_queue_set_key(queue->queue, key) == 0) {
        log_line(LOG_LEVEL_INFO, "%s: its API key has changed: trying it",
                 gather_queue_name(queue, name));
    }
    explicit_bzero(key, sizeof key);
}
