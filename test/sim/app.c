#include "app.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "app_config.h"
#include "app_fleet.h"
#include "app_reload.h"
#include "daemon/gather/gather_batch.h"
#include "daemon/gather/gather_key.h"
#include "kept.h"
#include "network.h"
#include "process.h"
#include "store.h"
#include "world.h"

#define CLOSING_MS_MAX 10 /* for handles */

static struct process *process_of(const struct gather *gather)
{
    return gather->options.data;
}

static void on_event(struct haplo_poller *poller,
                     const struct haplo_event *event)
{
    struct process *process = process_of(haplo_poller_data(poller));
    kept_note(process, event);
    guard_event(process, event);
}

static void on_outlet_event(struct gather_outlet *outlet,
                            const struct forwarder_event *event)
{
    struct world *world = process_of(outlet->gather)->world;
    TRACE(world, "%s: %s%s%s %s %llu", event->outlet,
          event->server == NULL ? "" : event->server,
          event->server == NULL ? "" : "/",
          event->server == NULL ? "" : event->queue, event->state,
          (unsigned long long)event->arrival);
    if (strcmp(event->state, "broken") == 0) {
        world_count(world, SITUATION_OUTLET_BROKEN);
    } else if (strcmp(event->state, "blocked") == 0) {
        world_count(world, SITUATION_LANE_BLOCKED);
    } else if (strcmp(event->state, "dead letter") == 0) {
        const struct destination *destination =
            *(struct destination *const *)outlet->config->forward.type_options;
        store_row(destination->store, event->arrival)
            ->reach[destination->index]
            .is_buried = true;
    }
}

static void see_server(struct seen_server *server)
{
    const struct gather *gather = &server->process->app.gather;
    const struct gather_server *own =
        name_table_find(&gather->servers, server->remote->name);
    server->server = own->server;
    kept_recall(server);
    guard_server_begins(server);
}

static void see_queue(struct seen_queue *queue)
{
    const struct gather_queue *own =
        gather_find_queue(&queue->process->app.gather,
                          queue->remote->server->name, queue->remote->own_name);
    if (own == NULL) {
        return; /* it is not configured */
    }
    queue->queue = own->queue;
    queue->key = queue->remote->client_key;
    guard_begins(queue, kept_is_proven(queue, own->stored->state.size > 0));
}

static void on_give_up(struct world *world, void *subject, uint64_t stamp)
{
    (void)world;
    (void)stamp;
    app_close(subject, 0);
}

/* As if the state of a queue could not be moved. It is started again later. */
static void does_not_open(struct process *process)
{
    if (process->world->is_quiet && !suspend_is_behind(process)) {
        world_violation(process->world, "process %u: does not open",
                        process->host);
    }
    world_count(process->world, SITUATION_DID_NOT_OPEN);
    process_at(process, 0, on_give_up, process, 0);
}

/* So far, servers and queues were only added. */
static void on_opened(struct gather *gather, int error)
{
    struct process *process = process_of(gather);
    struct world *world = process->world;
    if (error != 0) {
        does_not_open(process);
        return;
    }
    process->poller = gather->poller;
    if (world->is_fleet) {
        process->is_open = true;
        app_fleet_start(process);
        return;
    }
    for (unsigned i = 0; i < world->server_count; i++) {
        see_server(&process->servers[i]);
    }
    for (unsigned i = 0; i < world->queue_count; i++) {
        see_queue(&process->queues[i]);
    }
    process->is_open = true;
    if (world_has_reloads(world)) {
        app_reload_open(process);
        app_reload(process); /* the file may have changed meanwhile */
        return;
    }
    for (unsigned i = 0; i < world->queue_count; i++) {
        if (!world->queues[i].is_configured) {
            app_remove_queue(&process->queues[i]);
        }
    }
}

static void on_drained(struct gather *gather)
{
    struct process *process = process_of(gather);
    world_count(process->world, gather->batches_left == 0
                                    ? SITUATION_STOPPED_DRAINED
                                    : SITUATION_STOPPED_WITH_BATCHES);
    TRACE(process->world, "process %u: stopped, %zu batches left",
          process->host, gather->batches_left);
    process->is_open = false;
}

void app_open(struct process *process)
{
    app_fleet_init(process);
    const struct gather_options options = {
        .opened_cb = on_opened,
        .event_cb = on_event,
        .outlet_event_cb = on_outlet_event,
        .drained_cb = on_drained,
        .data = process,
        .fleet = process->world->is_fleet ? &process->app.fleet.calls : NULL,
    };
    process->app.config = app_config_make(process);
    gather_open(&process->app.gather, &process->loop, process->app.config,
                &options);
}

/* The handles of reloads may be closed after those of the gather. */
static void on_ended(struct world *world, void *subject, uint64_t stamp)
{
    struct process *process = subject;
    (void)world;
    if (process->handle_count > 0 && stamp < CLOSING_MS_MAX) {
        process_at(process, 1, on_ended, process, stamp + 1);
        return;
    }
    app_reload_free(&process->app);
    app_fleet_free(process);
    config_free(process->app.config);
    process_check_end(process);
    world_process_ended(process);
}

void app_on_closed(struct gather *gather)
{
    process_at(process_of(gather), 0, on_ended, process_of(gather), 0);
}

void app_close(struct process *process, uint64_t deadline_ms)
{
    process->is_stopping = true;
    app_reload_close(&process->app);
    app_fleet_end(process, deadline_ms);
}

struct forwarder *app_forwarder(struct process *process,
                                const struct destination *destination)
{
    const struct gather_outlet *outlet =
        gather_find_outlet(&process->app.gather, destination->name);
    return outlet == NULL ? NULL : outlet->forwarder;
}

static struct gather_queue *gather_queue_of(const struct seen_queue *queue)
{
    return gather_find_queue(&queue->process->app.gather,
                             queue->remote->server->name,
                             queue->remote->own_name);
}

static void on_removed(struct haplo_queue *haplo_queue)
{
    struct gather_queue *queue = haplo_queue_data(haplo_queue);
    queue->queue = NULL;
    inbox_queue_close(queue->stored);
}

void app_remove_queue(struct seen_queue *queue)
{
    if (world_has_reloads(queue->process->world)) {
        app_reload(queue->process);
    } else {
        (void)haplo_queue_remove(queue->queue, on_removed);
    }
}

void app_add_queue(struct seen_queue *seen)
{
    struct gather_queue *queue = gather_queue_of(seen);
    char key[NETWORK_KEY_SIZE];
    if (world_has_reloads(seen->process->world)) {
        app_reload(seen->process);
        return;
    }
    int error =
        inbox_queue_open(queue->stored->inbox, seen->remote->server->name,
                         seen->remote->own_name, &queue->stored);
    assert(error == 0);
    struct haplo_queue_options options = queue->config->settings->options;
    options.name = queue->config->name;
    options.api_key = network_key_text(seen->remote->client_key, key);
    options.state = queue->stored->state;
    options.deliver_cb = gather_batch_on_deliver;
    options.marked_cb = gather_batch_on_marked;
    options.data = queue;
    error =
        haplo_queue_add(seen->server->server, &options, &queue->queue, NULL, 0);
    assert(error == 0);
    (void)error;
}

void app_reread_key(struct seen_queue *queue)
{
    struct gather_queue *own = gather_queue_of(queue);
    if (!gather_key_has_changed(own)) {
        guard_violation(queue, "does not see that its key has changed");
    }
    gather_key_reread(own);
}
