#include "app_config.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/container_of.h"
#include "config/config_diff.h"
#include "config/config_equal.h"
#include "daemon/gather/key_commands.h"
#include "destination_type.h"
#include "memory.h"
#include "network.h"
#include "process.h"
#include "store.h"
#include "store_type.h"
#include "world.h"

/* The options of inboxes and outlets begin with what their types need; the
 * number says which version of them it is. */
struct app_store {
    struct store *store;
    unsigned number;
};

struct app_destination {
    struct destination *destination;
    unsigned number;
};

struct app_settings {
    struct config_queue_settings settings;
    unsigned number;
};

struct app_config {
    struct config config;
    unsigned reference_count;
    struct config_file file; /* its only one */
    struct config_inbox inboxes[WORLD_STORES_MAX];
    struct app_store stores[WORLD_STORES_MAX];
    struct config_server servers[WORLD_SERVERS_MAX];
    unsigned server_numbers[WORLD_SERVERS_MAX];
    char urls[WORLD_SERVERS_MAX][APP_URL_SIZE];
    struct config_queue queues[REMOTE_QUEUES_MAX];   /* by server */
    struct app_settings settings[REMOTE_QUEUES_MAX]; /* by index */
    struct config_key keys[REMOTE_QUEUES_MAX];       /* the same */
    struct config_outlet outlets[DESTINATIONS_MAX];
    struct app_destination destinations[DESTINATIONS_MAX];
};

static void make_inboxes(struct app_config *app, struct world *world)
{
    static const char *const names[WORLD_STORES_MAX] = {"first", "second"};
    app->config.inboxes = app->inboxes;
    app->config.inbox_count = world->store_count;
    for (unsigned i = 0; i < world->store_count; i++) {
        app->stores[i] = (struct app_store){
            .store = &world->stores[i],
            .number = world->stores[i].config_number,
        };
        app->inboxes[i] = (struct config_inbox){
            .name = names[i], .type = &store_type, .options = &app->stores[i]};
    }
}

static void make_queue(struct app_config *app, struct config_queue *queue,
                       const struct remote_queue *remote)
{
    struct config_queue_settings *settings =
        &app->settings[remote->index].settings;
    app->settings[remote->index].number = remote->config_number;
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

static void make_server(struct app_config *app,
                        const struct remote_server *remote,
                        struct config_queue *queues)
{
    struct config_server *server = &app->servers[remote->index];
    char *url = app->urls[remote->index];
    app->server_numbers[remote->index] = remote->config_number;
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
                .data = &app->server_numbers[remote->index],
            },
        .queues = queues,
    };
}

static void make_outlet(struct app_config *app, struct destination *destination)
{
    app->destinations[destination->index] = (struct app_destination){
        .destination = destination,
        .number = destination->config_number,
    };
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

struct config *app_config_make(const struct process *process)
{
    struct world *world = process->world;
    struct app_config *app = simulated_calloc(1, sizeof *app);
    struct config_queue *queue = app->queues;
    app->config.path = app->file.path = "config";
    app->config.files = &app->file;
    app->config.file_count = 1;
    app->config.state_dir = store_fleet_name(process->host);
    app->config.in_flight_max = world->plan.in_flight_max;
    app->config.undelivered_bytes_max = world->plan.held_bytes_max;
    app->config.drain_timeout_ms = APP_DRAIN_TIMEOUT_MS;
    app->config.queues = app->queues;
    app->config.servers = app->servers;
    app->config.server_count = world->server_count;
    make_inboxes(app, world);
    app->config.outlets = app->outlets;
    app->config.fleet.inbox = world->is_fleet ? &app->inboxes[0] : NULL;
    app->config.fleet.policy = world->fleet.policy;
    /* Outlets in two processes deliver everything twice, unless they share. */
    bool has_outlets = process->host == 0 || world->is_fleet;
    for (unsigned i = 0; has_outlets && i < world->destination_count; i++) {
        make_outlet(app, &world->destinations[i]);
    }
    for (unsigned i = 0; i < world->server_count; i++) {
        make_server(app, &world->servers[i], queue);
        for (unsigned j = 0; j < world->queue_count; j++) {
            const struct remote_queue *remote = &world->queues[j];
            if (remote->server == &world->servers[i] &&
                (remote->is_configured || !world_has_reloads(world))) {
                make_queue(app, queue++, remote);
                app->servers[i].queue_count++;
                app->config.queue_count++;
            }
        }
    }
    app->reference_count = 1;
    return &app->config;
}

/* What is freed while something still borrows from it must not look intact. */
void config_free(struct config *config)
{
    if (config == NULL) {
        return;
    }
    struct app_config *app = container_of(config, struct app_config, config);
    assert(app->reference_count > 0);
    if (--app->reference_count == 0) {
        memset(app, 0x5a, sizeof *app);
        simulated_free(app);
    }
}

struct config *config_keep(struct config *config)
{
    container_of(config, struct app_config, config)->reference_count++;
    return config;
}

const struct config_inbox *config_inbox_find(const struct config *config,
                                             const char *name)
{
    const struct config_inbox *found = NULL;
    for (size_t i = 0; i < config->inbox_count; i++) {
        if (strcmp(config->inboxes[i].name, name) == 0) {
            found = &config->inboxes[i];
        }
    }
    return found;
}

/* Two versions of an object are different. */

const char *config_part_name(enum config_part part)
{
    static const char *const names[CONFIG_PARTS] = {"inbox", "outlet", "server",
                                                    "queue"};
    return names[part];
}

bool config_inbox_equals(const struct config_inbox *a,
                         const struct config_inbox *b,
                         struct option_names *names)
{
    (void)names;
    return ((const struct app_store *)a->options)->number ==
           ((const struct app_store *)b->options)->number;
}

bool config_outlet_equals(const struct config_outlet *a,
                          const struct config_outlet *b,
                          struct option_names *names)
{
    const struct app_destination *first = a->forward.type_options;
    const struct app_destination *second = b->forward.type_options;
    (void)names;
    return first->number == second->number;
}

bool config_server_equals(const struct config_server *a,
                          const struct config_server *b,
                          struct option_names *names)
{
    (void)names;
    return *(const unsigned *)a->options.data ==
           *(const unsigned *)b->options.data;
}

static unsigned number_of(const struct config_queue *queue)
{
    return container_of(queue->settings, struct app_settings, settings)->number;
}

bool config_queue_equals(const struct config_queue *a,
                         const struct config_queue *b,
                         struct option_names *names)
{
    (void)names;
    return number_of(a) == number_of(b) &&
           strcmp(a->settings->inbox->name, b->settings->inbox->name) == 0;
}

/* What the product makes of a configuration */

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
