/*
 * config_resolve.c - turns the drafts of the sections into the configuration,
 * once the whole file has been read.
 *
 *   - Inboxes, then servers and queues get their final location in memory, so
 *     that pointers to them stay valid.
 *   - Servers inherit from `defaults`. Settings result from `defaults`, a
 *     server and a queue, and are created once for all queues for which these
 *     are the same (config_settings.c).
 *   - Outlets find their inbox and their queues (config_modules.c).
 *
 * It also checks what only the whole file shows: names and paths that are used
 * twice, queues that are polled twice (config_twins.c), unknown names of
 * inboxes, and contradictory values.
 */
#include "config/config_resolve.h"

#include <stdlib.h>
#include <string.h>

#include "config/config_fleet.h"
#include "config/config_mapping.h"
#include "config/config_value.h"

static const char *server_name_of(const void *server)
{
    return ((const struct config_server *)server)->options.name;
}

static const char *queue_name_of(const void *queue)
{
    return ((const struct config_queue *)queue)->name;
}

void config_twice_fail(struct config_loading *loading,
                       enum diagnostic_code code, struct config_place place,
                       const char *where, const char *what,
                       struct config_place first)
{
    char shown[CONFIG_PLACE_SIZE];
    config_errors_add(&loading->errors, code, place,
                      "%s: its %s is already used in %s: choose another", where,
                      what,
                      config_place_show(loading->config, place, first, shown));
}

/* The same for the name of a queue or a server. Which of the two is meant
 * cannot be known, so neither may run. */
static void name_twice_fail(struct config_loading *loading,
                            struct config_place place, const char *where,
                            struct config_place first, size_t first_index)
{
    struct config_errors *errors = &loading->errors;
    const struct config_scope scope = {errors->scope.kind, first_index};
    config_twice_fail(loading, HP_NAME_TWICE, place, where, "name", first);
    config_errors_share(errors, scope);
}

const void *config_name_add(struct config_loading *loading,
                            struct name_table *table, void *object,
                            const char *name)
{
    const void *first = name_table_find(table, name);
    if (first == NULL && name_table_add(table, object) != 0) {
        config_loading_no_memory(loading);
    }
    return first;
}

/* What servers and queues inherit: default values, then `defaults`. */
static int base_make(struct config_loading *loading)
{
    struct config *config = loading->config;
    struct haplo_server_options *server = &loading->server_base;
    struct queue_values *queue = &loading->queue_base;
    if (config_values_default(config, &config_server_rows, server) != 0 ||
        config_values_default(config, &config_queue_rows, queue) != 0) {
        return config_loading_no_memory(loading);
    }
    config_values_copy(&config_server_rows, loading->server_defaults_set,
                       server, &loading->server_defaults);
    if (loading->queue_defaults != NULL) {
        config_values_copy(&config_queue_rows, loading->queue_defaults->set,
                           queue, &loading->queue_defaults->values);
        config_inbox_check(loading, queue->inbox, loading->defaults_inbox_place,
                           "defaults");
    }
    return 0;
}

/* Allocates servers and queues. Queues of a server are adjacent. */
static int places_make(struct config_loading *loading)
{
    struct config *config = loading->config;
    config->servers =
        calloc(loading->servers.count + 1, sizeof *config->servers);
    config->queues = calloc(loading->queues.count + 1, sizeof *config->queues);
    loading->queue_names =
        calloc(loading->servers.count + 1, sizeof *loading->queue_names);
    if (config->servers == NULL || config->queues == NULL ||
        loading->queue_names == NULL) {
        return config_loading_no_memory(loading);
    }
    config->server_count = loading->servers.count;
    config->queue_count = loading->queues.count;
    return 0;
}

static void queue_resolve(struct config_loading *loading,
                          const struct server_draft *server,
                          struct config_queue *queue, size_t index,
                          const char *server_where)
{
    char where[2 * CONFIG_WHERE_SIZE];
    char name[CONFIG_SHOW_SIZE];
    const struct config *config = loading->config;
    struct queue_draft *draft =
        list_at(&loading->queues, (size_t)(queue - config->queues));
    const struct config_queue *first = NULL;
    struct settings_draft *settings =
        config_settings_find(loading, server->own, draft->own);
    struct name_table *names =
        &loading->queue_names[queue->server - config->servers];
    if (settings == NULL) {
        config_loading_no_memory(loading);
        return;
    }
    queue->settings = settings->settings;
    queue->key = queue->key != NULL ? queue->key : server->key;
    if (queue->name != NULL) {
        first = config_name_add(loading, names, queue, queue->name);
    }
    if (first == NULL && queue->key != NULL && draft->own->set == 0 &&
        !settings->needs_inbox && !settings->is_contradictory) {
        return; /* nothing can be wrong; true for most queues */
    }
    snprintf(where, sizeof where, "queue %s/%s", server_where,
             config_entry_name(queue->name, index, name));
    if (first != NULL) {
        name_twice_fail(loading, queue->place, where, first->place,
                        (size_t)(first - config->queues));
    }
    if (queue->key == NULL) {
        config_errors_add(&loading->errors, HP_KEY_OF_QUEUE_MISSING,
                          queue->place,
                          "%s: it has no API key: add api_key_file, "
                          "api_key_env, api_key_credential or "
                          "api_key_command",
                          where);
    }
    config_settings_check(loading, draft, settings, where);
}

static void queues_resolve(struct config_loading *loading,
                           const struct server_draft *draft,
                           struct config_server *server, const char *where)
{
    struct config_scope *scope = &loading->errors.scope;
    const struct config_scope outer_scope = *scope;
    struct name_table *names =
        &loading->queue_names[server - loading->config->servers];
    server->queues = loading->config->queues + draft->first_queue;
    if (name_table_reserve(names, server->queue_count) != 0) {
        config_loading_no_memory(loading);
    }
    for (size_t i = 0; i < server->queue_count && !loading->has_no_memory;
         i++) {
        const struct queue_draft *queue =
            list_at(&loading->queues, draft->first_queue + i);
        server->queues[i] = queue->queue;
        server->queues[i].server = server;
        *scope =
            (struct config_scope){CONFIG_SCOPE_QUEUE, draft->first_queue + i};
        queue_resolve(loading, draft, &server->queues[i], i, where);
    }
    *scope = outer_scope;
}

static void server_inherit(const struct config_loading *loading,
                           const struct server_draft *draft,
                           struct config_server *server)
{
    *server = draft->server;
    server->options.struct_size = sizeof server->options;
    config_values_copy(&config_server_rows, ~draft->set, &server->options,
                       &loading->server_base);
}

static void server_resolve(struct config_loading *loading, size_t index)
{
    char name[CONFIG_SHOW_SIZE];
    char where[CONFIG_WHERE_SIZE];
    const struct server_draft *draft = list_at(&loading->servers, index);
    struct config_server *server = &loading->config->servers[index];
    const struct haplo_server_options *options = &server->options;
    const struct config_server *first = NULL;
    server_inherit(loading, draft, server);
    loading->queue_names[index].name_of = queue_name_of;
    config_entry_name(options->name, index, name);
    snprintf(where, sizeof where, "server %s", name);
    if (options->name != NULL) {
        first = config_name_add(loading, &loading->server_names, server,
                                options->name);
    }
    if (first != NULL) {
        name_twice_fail(loading, server->place, where, first->place,
                        (size_t)(first - loading->config->servers));
    }
    if (draft->is_sound && !loading->has_bad_defaults &&
        options->tls_key_file != NULL &&
        options->tls_certificate_file == NULL) {
        config_errors_add(&loading->errors, HP_TLS_KEY_ALONE, draft->tls_place,
                          "%s: tls_key_file is given without "
                          "tls_certificate_file: add that too",
                          where);
    }
    config_inbox_check(loading, draft->own->values.inbox, draft->inbox_place,
                       where);
    queues_resolve(loading, draft, server, name);
}

void config_resolve(struct config_loading *loading)
{
    loading->server_names.name_of = server_name_of;
    config_inboxes_resolve(loading);
    if (loading->has_no_memory || base_make(loading) != 0 ||
        places_make(loading) != 0) {
        return;
    }
    for (size_t i = 0; i < loading->servers.count && !loading->has_no_memory;
         i++) {
        loading->errors.scope = (struct config_scope){CONFIG_SCOPE_SERVER, i};
        server_resolve(loading, i);
    }
    if (!loading->has_no_memory) {
        config_twins_find(loading);
    }
    loading->errors.scope = (struct config_scope){CONFIG_SCOPE_FILE, 0};
    if (!loading->has_no_memory) {
        config_outlets_resolve(loading);
        config_fleet_resolve(loading);
    }
}
