#include "app.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/container_of.h"
#include "kept.h"
#include "network.h"
#include "process.h"
#include "store.h"
#include "store_type.h"
#include "world.h"

static struct app_queue *app_queue_of(struct seen_queue *queue)
{
    return &queue->process->app.queues[queue->remote->index];
}

/* -- Batches -------------------------------------------------------------- */

static void on_delivered(struct inbox_delivery *delivery,
                         enum inbox_verdict verdict, const char *why)
{
    struct app_queue *queue =
        container_of(delivery, struct app_queue, delivery);
    struct process *process = process_current();
    if (process->app.is_closing) {
        world_count(process->world, SITUATION_DELIVERED_TOO_LATE);
        return;
    }
    switch (verdict) {
    case INBOX_STORED:
        haplo_batch_accept(queue->batch);
        break;
    case INBOX_RETRY:
        haplo_batch_retry(queue->batch, 0, why);
        break;
    case INBOX_REJECTED:
        haplo_batch_reject(queue->batch, why);
        break;
    case INBOX_BEHIND:
        haplo_batch_drop(queue->batch, why);
        break;
    case INBOX_STALE:
        (void)haplo_batch_stale(queue->batch, delivery->stored);
        break;
    }
}

static void on_deliver(struct haplo_queue *haplo_queue,
                       struct haplo_batch *batch)
{
    struct seen_queue *seen = haplo_queue_data(haplo_queue);
    struct app_queue *queue = app_queue_of(seen);
    queue->batch = batch;
    queue->delivery = (struct inbox_delivery){
        .queue = queue->stored,
        .batch = batch,
        .fetched_at_ms =
            seen->process->world->now_ms + seen->process->world->wall_offset_ms,
        .delivered_cb = on_delivered,
    };
    inbox_deliver(&queue->delivery);
}

static void on_marked(struct haplo_queue *haplo_queue,
                      const struct haplo_mark *mark)
{
    struct seen_queue *seen = haplo_queue_data(haplo_queue);
    if (!seen->process->app.is_closing) {
        inbox_confirmed(app_queue_of(seen)->stored, mark);
    }
}

static void on_event(struct haplo_poller *poller,
                     const struct haplo_event *event)
{
    struct process *process = haplo_poller_data(poller);
    if (!process->app.is_closing) {
        kept_note(process, event);
        guard_event(process, event);
    }
}

/* -- Opening -------------------------------------------------------------- */

void app_add_queue(struct process *process, struct remote_queue *remote)
{
    struct seen_queue *seen = &process->queues[remote->index];
    struct app_queue *queue = &process->app.queues[remote->index];
    char key[NETWORK_KEY_SIZE];
    char why[HAPLO_TEXT_SIZE_MAX];
    int error = inbox_queue_open(process->app.inboxes[remote->store],
                                 remote->server->name, remote->own_name,
                                 &queue->stored);
    assert(error == 0);
    seen->key = remote->client_key;
    seen->is_removing = false;
    const struct haplo_queue_options options = {
        .struct_size = sizeof options,
        .name = remote->own_name,
        .api_key = network_key_text(seen->key, key),
        .state = queue->stored->state,
        .interval_ms = remote->policy.interval_ms,
        .interval_max_ms = remote->policy.interval_max_ms,
        .backoff_ms = remote->policy.backoff_ms,
        .backoff_max_ms = remote->policy.backoff_max_ms,
        .refused_ms = remote->policy.refused_ms,
        .mark_attempts_max = remote->policy.mark_attempts_max,
        .deliver_cb = on_deliver,
        .marked_cb = on_marked,
        .data = seen,
        .key_proven = kept_is_proven(seen, queue->stored->state.size > 0),
    };
    guard_begins(seen, options.key_proven);
    error = haplo_queue_add(seen->server->server, &options, &seen->queue, why,
                            sizeof why);
    if (error != 0) {
        guard_violation(seen, why);
    }
}

static void add_server(struct process *process, unsigned index)
{
    struct seen_server *server = &process->servers[index];
    char url[32];
    char why[HAPLO_TEXT_SIZE_MAX];
    snprintf(url, sizeof url, "https://%s.example", server->remote->name);
    struct haplo_server_options options = {
        .struct_size = sizeof options,
        .name = server->remote->name,
        .url = url,
        .in_flight_max = server->remote->in_flight_max,
        .failed_logins_max = server->remote->failed_logins_max,
        .breaker_failures = server->remote->breaker_failures,
        .data = server,
    };
    kept_recall(server, &options);
    int error = haplo_server_add(process->poller, &options, &server->server,
                                 why, sizeof why);
    assert(error == 0);
    (void)error;
    guard_server_begins(server);
    kept_added(server);
}

static void start(struct process *process)
{
    struct world *world = process->world;
    const struct haplo_poller_options options = {
        .struct_size = sizeof options,
        .in_flight_max = world->plan.in_flight_max,
        .undelivered_bytes_max = world->plan.held_bytes_max,
        .event_cb = on_event,
        .data = process,
    };
    int error = haplo_poller_new(&process->loop, &options, &process->poller);
    assert(error == 0);
    (void)error;
    for (unsigned i = 0; i < world->server_count; i++) {
        add_server(process, i);
    }
    process->is_open = true;
    for (unsigned i = 0; i < world->queue_count; i++) {
        if (world->queues[i].is_configured) {
            app_add_queue(process, &world->queues[i]);
        }
    }
}

static void on_opened(struct inbox *inbox, int error, const char *why,
                      void *data)
{
    struct process *process = data;
    (void)inbox;
    (void)why;
    assert(error == 0);
    if (--process->app.pending_count == 0) {
        start(process);
    }
}

void app_open(struct process *process)
{
    struct world *world = process->world;
    process->app.pending_count = world->store_count;
    for (unsigned i = 0; i < world->store_count; i++) {
        struct store *store = &world->stores[i];
        const struct inbox_options options = {
            .name = "inbox", .type = &store_type, .type_options = &store};
        process->app.inboxes[i] =
            inbox_open(&process->loop, &options, on_opened, process);
    }
}

/* -- Closing -------------------------------------------------------------- */

static void on_poller_closed(void *data)
{
    process_check_end(data);
    world_process_ended(data);
}

static void on_inbox_closed(void *data)
{
    struct process *process = data;
    if (--process->app.pending_count == 0) {
        haplo_poller_close(process->poller, on_poller_closed);
    }
}

static void on_stopped(struct haplo_poller *poller, size_t batches_left)
{
    struct process *process = haplo_poller_data(poller);
    world_count(process->world, batches_left == 0
                                    ? SITUATION_STOPPED_DRAINED
                                    : SITUATION_STOPPED_WITH_BATCHES);
    TRACE(process->world, "process: stopped, %zu batches left", batches_left);
    process->app.is_closing = true;
    process->is_open = false;
    process->app.pending_count = process->world->store_count;
    for (unsigned i = 0; i < process->world->store_count; i++) {
        inbox_close(process->app.inboxes[i], on_inbox_closed, process);
    }
}

void app_close(struct process *process, uint64_t deadline_ms)
{
    if (process->is_open && !process->is_stopping) {
        process->is_stopping = true;
        for (unsigned i = 0; i < process->world->queue_count; i++) {
            if (process->queues[i].queue != NULL) {
                guard_commanded(&process->queues[i], GUARD_PAUSE);
            }
        }
        (void)haplo_poller_stop(process->poller, deadline_ms, on_stopped);
    }
}

static void on_removed(struct haplo_queue *haplo_queue)
{
    struct seen_queue *queue = haplo_queue_data(haplo_queue);
    queue->queue = NULL;
    inbox_queue_close(app_queue_of(queue)->stored);
}

void app_remove_queue(struct seen_queue *queue)
{
    queue->is_removing = true;
    (void)haplo_queue_remove(queue->queue, on_removed);
}
