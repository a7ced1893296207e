/*
 * config.c - loads a configuration file.
 *
 *   - config_file.c opens it, and config_events.c turns it into a stream of
 *     events. config_read.c reads them once and creates drafts of the sections;
 *     on the way it reads the files that are included.
 *   - config_resolve.c turns the drafts into the configuration.
 *
 *   - config_hold.c takes out the queues and servers that have problems, if
 *     everything else may run without them.
 *
 * If the file cannot be read, or is not YAML, only that is reported. All other
 * errors are reported together.
 */
#include "config/config.h"

#include <stdlib.h>

#include "config/config_environment.h"
#include "config/config_file.h"
#include "config/config_loading.h"
#include "config/config_mapping.h"

static const char *own_options_text(const void *own)
{
    return ((const struct own_options *)own)->text;
}

static const char *settings_text(const void *settings)
{
    return ((const struct settings_draft *)settings)->text;
}

static const char *key_name(const void *draft)
{
    return ((const struct key_draft *)draft)->key->name;
}

static void loading_init(struct config_loading *loading, struct config *config,
                         enum config_mode mode)
{
    *loading = (struct config_loading){
        .config = config,
        .errors.keeps_confined = mode == CONFIG_RUN,
        .errors.is_strict = mode == CONFIG_CHECK_STRICT,
        .errors.confined.item_size = sizeof(struct config_confined),
        .pairs.item_size = sizeof(struct config_pair),
        .inboxes.item_size = sizeof(struct config_inbox),
        .outlets.item_size = sizeof(struct outlet_draft),
        .servers.item_size = sizeof(struct server_draft),
        .queues.item_size = sizeof(struct queue_draft),
        .places.item_size = sizeof(struct own_place),
        .own_options.name_of = own_options_text,
        .settings.name_of = settings_text,
    };
    for (size_t i = 0; i < sizeof loading->keys / sizeof *loading->keys; i++) {
        loading->keys[i].name_of = key_name;
    }
}

/* Frees everything except the errors. */
static void loading_clear(struct config_loading *loading)
{
    for (size_t i = 0;
         loading->queue_names != NULL && i < loading->servers.count; i++) {
        name_table_free(&loading->queue_names[i]);
    }
    free(loading->queue_names);
    name_table_free(&loading->server_names);
    name_table_free(&loading->paths);
    list_free(&loading->file_ids);
    config_environments_free(loading);
    list_free(&loading->pairs);
    list_free(&loading->inboxes);
    list_free(&loading->outlets);
    list_free(&loading->servers);
    list_free(&loading->queues);
    list_free(&loading->places);
    name_table_free(&loading->own_options);
    name_table_free(&loading->settings);
    for (size_t i = 0; i < sizeof loading->keys / sizeof *loading->keys; i++) {
        name_table_free(&loading->keys[i]);
    }
    arena_free(&loading->arena);
}

/* True if the errors leave something to run. */
static bool may_hold(const struct config_errors *errors)
{
    return errors->keeps_confined && errors->count > 0 &&
           errors->whole_count == 0;
}

/* The arenas are asked as well: a missing name would otherwise look like one
 * that the file does not have. */
static bool has_no_memory(const struct config_loading *loading)
{
    return loading->has_no_memory || loading->errors.has_no_memory ||
           loading->arena.has_failed ||
           (loading->config != NULL && loading->config->arena.has_failed);
}

/* That is the only error, whatever else was found before. */
static void no_memory_tell(struct config_loading *loading)
{
    config_errors_clear(&loading->errors);
    config_errors_add(&loading->errors, HP_NO_MEMORY, (struct config_place){0},
                      "out of memory");
    loading->is_outage = true;
}

int config_file_add(struct config_loading *loading, const char *path,
                    struct config_place included_at)
{
    struct config *config = loading->config;
    struct config_file *files = realloc(
        config->files, (config->file_count + 1) * sizeof *config->files);
    if (files == NULL) {
        return config_loading_no_memory(loading);
    }
    config->files = files;
    files[config->file_count++] = (struct config_file){path, included_at};
    return 0;
}

int config_load(const char *path, const char *environment,
                enum config_mode mode, struct config_errors *errors,
                struct config **out)
{
    struct config_loading loading;
    struct config *config = calloc(1, sizeof *config);
    loading_init(&loading, config, mode);
    *out = NULL;
    if (config == NULL) {
        config_loading_no_memory(&loading);
    } else {
        config->path = path;
        config->environment = environment;
        config->user_count = 1;
        config->checks_files =
            mode == CONFIG_CHECK || mode == CONFIG_CHECK_STRICT;
        if (config_file_add(&loading, path, (struct config_place){0}) == 0 &&
            config_file_read_main(&loading) && !loading.has_no_memory) {
            config_resolve(&loading);
        }
    }
    if (!has_no_memory(&loading) && may_hold(&loading.errors)) {
        config_hold(&loading);
        config_errors_clear(&loading.errors);
    }
    if (has_no_memory(&loading)) {
        no_memory_tell(&loading);
    }
    loading_clear(&loading);
    config_errors_name_files(&loading.errors, path, config);
    *errors = loading.errors;
    if (errors->count > 0) {
        config_free(config);
        return loading.is_outage ? CONFIG_FAILED : errors->count;
    }
    *out = config;
    return 0;
}

struct config *config_keep(struct config *config)
{
    config->user_count++;
    return config;
}

void config_free(struct config *config)
{
    if (config == NULL || --config->user_count > 0) {
        return;
    }
    free(config->files);
    free(config->changes);
    free(config->inboxes);
    free(config->outlets);
    free(config->servers);
    free(config->queues);
    free(config->held);
    free(config->problems);
    arena_free(&config->arena);
    free(config);
}
