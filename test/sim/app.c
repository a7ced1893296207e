#include "app.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "daemon/gather/gather_batch.h"
#include "daemon/gather/gather_key.h"
#include "daemon/gather/key_commands.h"
#include "destination_type.h"
#include "kept.h"
#include "network.h"
#include "process.h"
#include "store.h"
#include "store_type.h"
#include "world.h"

static struct process *process_of(const struct gather *gather)
{
    return gather->options.data;
}

static void make_inboxes(struct app *app, struct world *world)
{
    static const char *const names[APP_INBOXES_MAX] = {"first", "second"};
    app->config.inboxes = app->inboxes;
    app->config.inbox_count = world->store_count;
    for (unsigned i = 0; i < world->store_count; i++) {
        app->stores[i] = &world->stores[i];
        app->inboxes[i] = (struct config_inbox){
            .name = names[i], .type = &store_type, .options = &app->stores[i]};
    }
}

static void make_queue(struct app *app, struct config_queue *queue,
                       const struct remote_queue *remote)
{
    struct config_queue_settings *settings = &app->settings[remote->index];
    settings->options = (struct haplo_queue_options){
        .struct_size = sizeof settings->options,
        .interval_ms = remote->policy.interval_ms,
        .interval_max_ms = remote->policy.interval_max_ms,
        .backoff_ms = remote->policy.backoff_ms,
        .backoff_max_ms = remote->policy.backoff_max_ms,
        .refused_ms = remote->policy.refused_ms,
        .mark_attempts_max = remote->policy.mark_attempts_max,
    };
    settings->inbox = &app->inboxes[remote->store];
    app->keys[remote->index] = (struct config_key){
        .kind = CONFIG_KEY_FILE, .name = remote->name, .path = remote->name};
    *queue = (struct config_queue){
        .name = remote->own_name,
        .server = &app->servers[remote->server->index],
        .settings = settings,
        .key = &app->keys[remote->index],
    };
}

static void make_server(struct app *app, const struct remote_server *remote,
                        struct config_queue *queues)
{
    struct config_server *server = &app->servers[remote->index];
    char *url = app->urls[remote->index];
    snprintf(url, APP_URL_SIZE, "https://%s.example", remote->name);
    *server = (struct config_server){
        .options =
            {
                .struct_size = sizeof server->options,
                .name = remote->name,
                .url = url,
                .in_flight_max = remote->in_flight_max,
                .failed_logins_max = remote->failed_logins_max,
                .breaker_failures = remote->breaker_failures,
            },
        .queues = queues,
    };
}

static void make_outlet(struct app *app, struct destination *destination)
{
    app->destinations[destination->index] = destination;
    app->outlets[app->config.outlet_count++] = (struct config_outlet){
        .inbox = &app->inboxes[destination->store->index],
        .forward =
            {
                .name = destination->name,
                .type = &destination_type,
                .type_options = &app->destinations[destination->index],
                .queues = destination->patterns,
                .queue_count = destination->pattern_count,
                .when = destination->rules != NULL ? &destination->rules->rules
                                                   : NULL,
                .on_refused = destination->has_dead_letters
                                  ? FORWARDER_DEAD_LETTER
                                  : FORWARDER_BLOCK,
                .in_flight_max = destination->in_flight_max,
                .read_ahead_bytes_max = destination->read_ahead_bytes_max,
                .backoff_max_ms = destination->backoff_max_ms,
                .breaker_failures = destination->breaker_failures,
                .breaker_refusals = destination->breaker_refusals,
            },
    };
}

static void make_config(struct app *app, struct process *process)
{
    struct world *world = process->world;
    struct config_queue *queue = app->queues;
    app->config.path = app->file.path = "config";
    app->config.files = &app->file;
    app->config.file_count = 1;
    app->config.state_dir = process->host == 0 ? "0" : "1";
    app->config.in_flight_max = world->plan.in_flight_max;
    app->config.undelivered_bytes_max = world->plan.held_bytes_max;
    app->config.servers = app->servers;
    app->config.server_count = world->server_count;
    make_inboxes(app, world);
    app->config.outlets = app->outlets;
    /* Outlets in two processes would deliver everything twice. */
    for (unsigned i = 0; process->host == 0 && i < world->destination_count;
         i++) {
        make_outlet(app, &world->destinations[i]);
    }
    for (unsigned i = 0; i < world->server_count; i++) {
        make_server(app, &world->servers[i], queue);
        for (unsigned j = 0; j < world->queue_count; j++) {
            const struct remote_queue *remote = &world->queues[j];
            if (remote->server == &world->servers[i]) {
                make_queue(app, queue++, remote);
                app->servers[i].queue_count++;
                app->config.queue_count++;
            }
        }
    }
}

void config_poller_options(const struct config *config,
                           struct haplo_poller_options *options)
{
    options->in_flight_max = config->in_flight_max;
    options->undelivered_bytes_max = config->undelivered_bytes_max;
}

void config_server_options(const struct config_server *server,
                           struct haplo_server_options *options)
{
    *options = server->options;
}

/* The operator has none. */
int config_server_files(const struct config_server *server, char *why,
                        size_t why_size)
{
    (void)server;
    (void)why;
    (void)why_size;
    return 0;
}

void config_queue_options(const struct config_queue *queue,
                          struct haplo_queue_options *options)
{
    *options = queue->settings->options;
    options->name = queue->name;
}

/* The key that the operator stored last. */
int api_key_read(const struct config_key *key, struct api_key *text, char *why,
                 size_t why_size)
{
    const struct world *world = process_current()->world;
    (void)why;
    (void)why_size;
    for (unsigned i = 0; i < world->queue_count; i++) {
        if (strcmp(world->queues[i].name, key->name) == 0) {
            network_key_text(world->queues[i].client_key, text->revealed);
            return 0;
        }
    }
    return HAPLO_EINVAL;
}

/* No key in the simulation is printed by a command. */
int key_commands_read(struct key_commands *commands,
                      const struct config_key *key, struct api_key *text,
                      char *why, size_t why_size)
{
    (void)commands;
    (void)why;
    (void)why_size;
    assert(key->kind != CONFIG_KEY_COMMAND);
    text->revealed[0] = '\0';
    return HAPLO_EINVAL;
}

uint32_t key_commands_printed(const struct key_commands *commands,
                              const struct config_key *key)
{
    (void)commands;
    assert(key->kind != CONFIG_KEY_COMMAND);
    return 0;
}

uint32_t key_commands_look(struct key_commands *commands,
                           const struct config_key *key)
{
    (void)commands;
    assert(key->kind != CONFIG_KEY_COMMAND);
    return 0;
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
    if (process->world->is_quiet) {
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
    for (unsigned i = 0; i < world->server_count; i++) {
        see_server(&process->servers[i]);
    }
    for (unsigned i = 0; i < world->queue_count; i++) {
        see_queue(&process->queues[i]);
    }
    process->is_open = true;
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
    const struct gather_options options = {
        .opened_cb = on_opened,
        .event_cb = on_event,
        .outlet_event_cb = on_outlet_event,
        .drained_cb = on_drained,
        .data = process,
    };
    make_config(&process->app, process);
    gather_open(&process->app.gather, &process->loop, &process->app.config,
                &options);
}

static void on_closed(struct gather *gather)
{
    process_check_end(process_of(gather));
    world_process_ended(process_of(gather));
}

void app_close(struct process *process, uint64_t deadline_ms)
{
    for (unsigned i = 0;
         i < process->world->queue_count && !process->is_stopping; i++) {
        if (process->queues[i].queue != NULL) {
            guard_commanded(&process->queues[i], GUARD_PAUSE);
        }
    }
    process->is_stopping = true;
    gather_close(&process->app.gather, deadline_ms, on_closed);
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
    process_find_queue(process_current(), haplo_queue)->queue = NULL;
    queue->queue = NULL;
    inbox_queue_close(queue->stored);
}

void app_remove_queue(struct seen_queue *queue)
{
    queue->is_removing = true;
    guard_commanded(queue, GUARD_PAUSE);
    (void)haplo_queue_remove(queue->queue, on_removed);
}

void app_add_queue(struct seen_queue *seen)
{
    struct gather_queue *queue = gather_queue_of(seen);
    char key[NETWORK_KEY_SIZE];
    int error =
        inbox_queue_open(queue->stored->inbox, seen->remote->server->name,
                         seen->remote->own_name, &queue->stored);
    assert(error == 0);
    struct haplo_queue_options options = queue->config->settings->options;
    seen->key = seen->remote->client_key;
    seen->is_removing = false;
    options.name = queue->config->name;
    options.api_key = network_key_text(seen->key, key);
    options.state = queue->stored->state;
    options.deliver_cb = gather_batch_on_deliver;
    options.marked_cb = gather_batch_on_marked;
    options.data = queue;
    guard_begins(seen, false);
    error =
        haplo_queue_add(seen->server->server, &options, &queue->queue, NULL, 0);
    assert(error == 0);
    (void)error;
    seen->queue = queue->queue;
}

void app_reread_key(struct seen_queue *queue)
{
    struct gather_queue *own = gather_queue_of(queue);
    if (!gather_key_has_changed(own)) {
        guard_violation(queue, "does not see that its key has changed");
    }
    gather_key_reread(own);
}
