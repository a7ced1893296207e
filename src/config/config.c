/*
 * config.c - loads a configuration file.
 *
 *   - config_events.c turns it into a stream of events. config_read.c reads
 *     them once and creates drafts of the sections.
 *   - config_resolve.c turns the drafts into the configuration.
 *
 * If the file cannot be read, or is not YAML, only that is reported. All other
 * errors are reported together.
 */
#include "config/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

static void loading_init(struct config_loading *loading, struct config *config)
{
    *loading = (struct config_loading){
        .config = config,
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
    config_events_free(loading->events);
    for (size_t i = 0;
         loading->queue_names != NULL && i < loading->servers.count; i++) {
        name_table_free(&loading->queue_names[i]);
    }
    free(loading->queue_names);
    name_table_free(&loading->server_names);
    name_table_free(&loading->paths);
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

static void file_load(struct config_loading *loading, int fd)
{
    struct config_errors *errors = &loading->errors;
    loading->events = config_events_new(fd);
    if (loading->events == NULL) {
        config_loading_no_memory(loading);
        return;
    }
    config_read(loading);
    if (!loading->has_no_memory && config_events_failed(loading->events)) {
        config_errors_clear(errors);
        config_events_tell(loading->events, errors);
    } else if (!loading->has_no_memory) {
        config_resolve(loading);
    }
}

/* Returns a descriptor or -1. */
static int file_open(const char *path, struct config_errors *errors)
{
    const struct config_place whole_file = {0, 0};
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        const char *advice = errno == ENOENT ? "create it, or give its path"
                             : errno == EACCES
                                 ? "give this user permission to read it"
                                 : "try again";
        return config_errors_add(errors, whole_file, "cannot be opened: %s: %s",
                                 strerror(errno), advice);
    }
    /* config_events.c checks this as well, but only after reading it. */
    if (fstat(fd, &status) == 0 && status.st_size > CONFIG_FILE_SIZE_MAX) {
        close(fd);
        return config_errors_add(errors, whole_file,
                                 "larger than %d bytes: split it",
                                 CONFIG_FILE_SIZE_MAX);
    }
    return fd;
}

/* The arenas are asked as well: a missing name would otherwise look like one
 * that the file does not have. */
static bool has_no_memory(const struct config_loading *loading)
{
    return loading->has_no_memory || loading->arena.has_failed ||
           (loading->config != NULL && loading->config->arena.has_failed);
}

int config_load(const char *path, FILE *errors, struct config **out)
{
    struct config_loading loading;
    struct config *config = calloc(1, sizeof *config);
    int fd = -1;
    loading_init(&loading, config);
    *out = NULL;
    if (config == NULL) {
        config_loading_no_memory(&loading);
    } else {
        config->path = path;
        fd = file_open(path, &loading.errors);
    }
    if (fd >= 0) {
        file_load(&loading, fd);
        close(fd);
    }
    if (has_no_memory(&loading)) {
        config_errors_clear(&loading.errors);
        config_errors_add(&loading.errors, (struct config_place){0, 0},
                          "out of memory");
    }
    loading_clear(&loading);
    if (loading.errors.count > 0) {
        config_free(config);
        return config_errors_end(&loading.errors, path, errors);
    }
    *out = config;
    return 0;
}

void config_free(struct config *config)
{
    if (config == NULL) {
        return;
    }
    free(config->inboxes);
    free(config->outlets);
    free(config->servers);
    free(config->queues);
    arena_free(&config->arena);
    free(config);
}
