/*
 * The way of a file:
 *
 *   - it is read whole;
 *   - config_lines.c makes a tree of it that knows the lines;
 *   - config_raw.c has libcyaml load it by the schema;
 *   - config_values.c turns texts into values, from the outside in: a server
 *     starts as a copy of the defaults, its queues as copies of what it says
 *     for them, so that the innermost mapping wins;
 *   - duplicate names, and what only a whole server or queue shows, are
 *     looked for.
 *
 * What cannot be read, is no YAML or does not fit the schema ends the loading
 * with that one error. After that all errors are reported.
 */
#include "config/config.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "config/config_errors.h"
#include "config/config_lines.h"
#include "config/config_path.h"
#include "config/config_raw.h"
#include "config/config_values.h"

/* What servers and queues start from. */
struct config_template {
    struct config_server server; /* */
    struct config_queue queue;   /* */
};

#define FILE_PIECE_SIZE 65536 /* holds most */

/* Up to one byte more than a file may have. NULL when there is no memory. */
static unsigned char *file_bytes(FILE *file, size_t *size)
{
    size_t capacity = FILE_PIECE_SIZE;
    unsigned char *data = malloc(capacity);
    *size = 0;
    while (data != NULL) {
        *size += fread(data + *size, 1, capacity - *size, file);
        if (*size < capacity || *size > CONFIG_FILE_SIZE_MAX) {
            return data;
        }
        capacity *= 2;
        unsigned char *larger = realloc(data, capacity);
        if (larger == NULL) {
            free(data);
        }
        data = larger;
    }
    return NULL;
}

static int file_read(FILE *file, struct config_errors *errors,
                     unsigned char **text, size_t *size)
{
    unsigned char *data = file_bytes(file, size);
    if (data == NULL) {
        return config_errors_add(errors, 0, "out of memory");
    }
    if (ferror(file)) {
        config_errors_add(errors, 0, "cannot be read: %s: %s", strerror(errno),
                          errno == EISDIR ? "give the file in it"
                                          : "try again");
    } else if (*size > CONFIG_FILE_SIZE_MAX) {
        config_errors_add(errors, 0, "larger than %d bytes: split it",
                          CONFIG_FILE_SIZE_MAX);
    } else {
        *text = data;
        return 0;
    }
    free(data);
    return -1;
}

static int file_load(const char *path, struct config_errors *errors,
                     unsigned char **text, size_t *size)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        const char *advice = errno == ENOENT   ? "make it, or give its path"
                             : errno == EACCES ? "let this user read it"
                                               : "try again";
        return config_errors_add(errors, 0, "cannot be opened: %s: %s",
                                 strerror(errno), advice);
    }
    int result = file_read(file, errors, text, size);
    fclose(file);
    return result;
}

static void nothing_free(void *item)
{
    (void)item;
}

static int sink_name_compare(const void *a, const void *b)
{
    return strcmp(((const struct config_sink *)a)->name,
                  ((const struct config_sink *)b)->name);
}

static int sink_path_compare(const void *a, const void *b)
{
    return strcmp(((const struct config_sink *)a)->path,
                  ((const struct config_sink *)b)->path);
}

static int server_compare(const void *a, const void *b)
{
    return strcmp(((const struct config_server *)a)->options.name,
                  ((const struct config_server *)b)->options.name);
}

static int queue_compare(const void *a, const void *b)
{
    return strcmp(((const struct config_queue *)a)->options.name,
                  ((const struct config_queue *)b)->options.name);
}

/* Puts item into the tree. The equal one that is there already, or NULL. */
static const void *tree_add(const struct config_mapping *mapping, void **tree,
                            const void *item,
                            int (*compare)(const void *, const void *))
{
    const void *const *found = tsearch(item, tree, compare);
    if (found == NULL) {
        config_mapping_fail(mapping, NULL, "out of memory");
        return NULL;
    }
    return *found == item ? NULL : *found;
}

static void twice_fail(const struct config_mapping *mapping, const char *key,
                       int first_line)
{
    config_mapping_fail(mapping, key,
                        "its %s is taken already in line %d: give it another",
                        key, first_line);
}

/* The name of entry `index` for messages; entries without one are numbered. */
static const char *entry_name(const char *name, size_t index,
                              char text[CONFIG_SHOW_SIZE])
{
    if (name == NULL || name[0] == '\0') {
        snprintf(text, CONFIG_SHOW_SIZE, "%zu", index + 1);
        return text;
    }
    return config_show(name, text);
}

static int entry_node(const struct config_lines *lines, int node,
                      const char *list, size_t index)
{
    return config_lines_item(lines, config_lines_find(lines, node, list, 0),
                             index);
}

static void sink_load(struct config_reading *reading,
                      const struct config_raw *raw, size_t index, void **paths)
{
    char name[CONFIG_SHOW_SIZE];
    struct config_sink *sink = &reading->config->sinks[index];
    struct config_mapping mapping = {
        .reading = reading,
        .raw = &raw->sinks[index],
        .level = LEVEL_SINK,
        .node = entry_node(reading->lines, config_lines_root(reading->lines),
                           "sinks", index),
    };
    snprintf(mapping.where, sizeof mapping.where, "sink %s: ",
             entry_name(mapping.raw->values[OPTION_SINK_NAME], index, name));
    sink->line = config_lines_of(reading->lines, mapping.node);
    config_values_apply(&mapping, &(struct config_targets){.sink = sink});
    const struct config_sink *first = NULL;
    if (sink->name != NULL) {
        first = tree_add(&mapping, &reading->sinks, sink, sink_name_compare);
    }
    if (first != NULL) {
        twice_fail(&mapping, "name", first->line);
    }
    first = NULL;
    if (sink->path != NULL) {
        first = tree_add(&mapping, paths, sink, sink_path_compare);
    }
    if (first != NULL) {
        twice_fail(&mapping, "path", first->line);
    }
}

static void queue_load(const struct config_mapping *of_server,
                       struct config_server *server,
                       const struct config_raw_values *raw, size_t index,
                       void **names)
{
    char name[CONFIG_SHOW_SIZE];
    struct config_reading *reading = of_server->reading;
    struct config_queue *queue = &server->queues[index];
    struct config_mapping mapping = {
        .reading = reading,
        .raw = raw,
        .level = LEVEL_QUEUE,
        .node = entry_node(reading->lines, of_server->node, "queues", index),
    };
    size_t prefix = strlen("server ");
    snprintf(mapping.where, sizeof mapping.where, "queue %.*s/%s: ",
             (int)(strlen(of_server->where) - prefix - strlen(": ")),
             of_server->where + prefix,
             entry_name(raw->values[OPTION_QUEUE_NAME], index, name));
    queue->server = server;
    queue->line = config_lines_of(reading->lines, mapping.node);
    int result =
        config_values_apply(&mapping, &(struct config_targets){.queue = queue});
    config_queue_check(&mapping, queue, result == 0);
    const struct config_queue *first = NULL;
    if (queue->options.name != NULL) {
        first = tree_add(&mapping, names, queue, queue_compare);
    }
    if (first != NULL) {
        twice_fail(&mapping, "name", first->line);
    }
}

static void queues_load(const struct config_mapping *mapping,
                        struct config_server *server,
                        const struct config_raw_server *raw,
                        const struct config_queue *template)
{
    void *names = NULL;
    if (raw->queues_count == 0) {
        config_mapping_fail(mapping, "queues",
                            "it has no queues: list at least one under "
                            "queues");
        return;
    }
    server->queues = calloc(raw->queues_count, sizeof *server->queues);
    if (server->queues == NULL) {
        config_mapping_fail(mapping, NULL, "out of memory");
        return;
    }
    server->queue_count = raw->queues_count;
    mapping->reading->config->queue_count += raw->queues_count;
    for (size_t i = 0; i < server->queue_count; i++) {
        server->queues[i] = *template;
        queue_load(mapping, server, &raw->queues[i], i, &names);
    }
    tdestroy(names, nothing_free);
}

static void server_load(struct config_reading *reading,
                        const struct config_raw *raw, size_t index,
                        const struct config_template *template, void **names)
{
    char name[CONFIG_SHOW_SIZE];
    struct config_server *server = &reading->config->servers[index];
    struct config_queue queue = template->queue;
    struct config_mapping mapping = {
        .reading = reading,
        .raw = &raw->servers[index].own,
        .level = LEVEL_SERVER,
        .node = entry_node(reading->lines, config_lines_root(reading->lines),
                           "servers", index),
    };
    *server = template->server;
    snprintf(mapping.where, sizeof mapping.where, "server %s: ",
             entry_name(mapping.raw->values[OPTION_SERVER_NAME], index, name));
    server->line = config_lines_of(reading->lines, mapping.node);
    if (config_values_apply(
            &mapping,
            &(struct config_targets){.server = server, .queue = &queue}) == 0) {
        config_server_check(&mapping, server);
    }
    const struct config_server *first = NULL;
    if (server->options.name != NULL) {
        first = tree_add(&mapping, names, server, server_compare);
    }
    if (first != NULL) {
        twice_fail(&mapping, "name", first->line);
    }
    queues_load(&mapping, server, &raw->servers[index], &queue);
}

static void sinks_load(const struct config_mapping *top,
                       const struct config_raw *raw)
{
    void *paths = NULL;
    struct config *config = top->reading->config;
    if (raw->sinks_count == 0) {
        config_mapping_fail(top, "sinks",
                            "there are no sinks: list at least one under "
                            "sinks");
        return;
    }
    config->sinks = calloc(raw->sinks_count, sizeof *config->sinks);
    if (config->sinks == NULL) {
        config_mapping_fail(top, NULL, "out of memory");
        return;
    }
    config->sink_count = raw->sinks_count;
    for (size_t i = 0; i < config->sink_count; i++) {
        sink_load(top->reading, raw, i, &paths);
    }
    tdestroy(paths, nothing_free);
}

static void servers_load(const struct config_mapping *top,
                         const struct config_raw *raw,
                         const struct config_template *template)
{
    void *names = NULL;
    struct config *config = top->reading->config;
    if (raw->servers_count == 0) {
        config_mapping_fail(top, "servers",
                            "there are no servers: list at least one under "
                            "servers");
        return;
    }
    config->servers = calloc(raw->servers_count, sizeof *config->servers);
    if (config->servers == NULL) {
        config_mapping_fail(top, NULL, "out of memory");
        return;
    }
    config->server_count = raw->servers_count;
    for (size_t i = 0; i < config->server_count; i++) {
        server_load(top->reading, raw, i, template, &names);
    }
    tdestroy(names, nothing_free);
}

static void defaults_load(struct config_reading *reading,
                          const struct config_raw *raw,
                          const struct config_targets *targets)
{
    struct config_mapping mapping = {
        .reading = reading,
        .raw = raw->defaults,
        .level = LEVEL_DEFAULTS,
        .node = config_lines_find(
            reading->lines, config_lines_root(reading->lines), "defaults", 0),
        .where = "defaults: ",
    };
    if (raw->defaults != NULL) {
        config_values_apply(&mapping, targets);
    }
}

static void all_load(struct config_reading *reading,
                     const struct config_raw *raw)
{
    struct config_template template = {
        .server.options.struct_size = sizeof(struct haplo_server_options),
        .queue.options.struct_size = sizeof(struct haplo_queue_options),
    };
    const struct config_targets targets = {.server = &template.server,
                                           .queue = &template.queue};
    const struct config_mapping top = {
        .reading = reading,
        .raw = &raw->own,
        .level = LEVEL_TOP,
        .node = config_lines_root(reading->lines),
    };
    config_values_default(reading, &targets);
    config_values_apply(&top, &targets);
    sinks_load(&top, raw);
    if (reading->config->sink_count == 1) {
        template.queue.sink = reading->config->sinks;
    }
    defaults_load(reading, raw, &targets);
    servers_load(&top, raw, &template);
    tdestroy(reading->sinks, nothing_free);
}

int config_load(const char *path, FILE *errors, struct config **out)
{
    unsigned char *text = NULL;
    size_t size = 0;
    struct config_errors found = {.count = 0};
    struct config_reading reading = {.errors = &found};
    struct config_lines *lines = NULL;
    struct config *config = calloc(1, sizeof *config);
    *out = NULL;
    if (config == NULL) {
        config_errors_add(&found, 0, "out of memory");
        return config_errors_end(&found, path, errors);
    }
    config->path = path;
    if (file_load(path, &found, &text, &size) == 0 &&
        (lines = config_lines_new(text, size, &found)) != NULL &&
        config_raw_load(text, size, lines, &found, &config->raw) == 0) {
        reading.config = config;
        reading.lines = lines;
        all_load(&reading, config->raw);
    }
    config_lines_free(lines);
    free(text);
    if (found.count > 0) {
        config_free(config);
        return config_errors_end(&found, path, errors);
    }
    *out = config;
    return 0;
}

void config_free(struct config *config)
{
    if (config == NULL) {
        return;
    }
    for (size_t i = 0; i < config->server_count; i++) {
        free(config->servers[i].queues);
    }
    free(config->servers);
    free(config->sinks);
    config_strings_free(config);
    config_raw_free(config->raw);
    free(config);
}
