/* What the rest of the daemon gets from a loaded configuration. */
#include <stdio.h>
#include <string.h>

#include "config/config.h"
#include "config/units.h"

void config_poller_options(const struct config *config,
                           struct haplo_poller_options *options)
{
    *options = (struct haplo_poller_options){
        .struct_size = sizeof *options,
        .in_flight_max = config->in_flight_max,
        .undelivered_bytes_max = config->undelivered_bytes_max,
    };
}

void config_server_options(const struct config_server *server,
                           struct haplo_server_options *options)
{
    *options = server->options;
}

void config_queue_options(const struct config_queue *queue,
                          struct haplo_queue_options *options)
{
    *options = queue->options;
    /* What was inherited for queues of the other format, the library would
     * take for a mistake. */
    if (options->format == HAPLO_FORMAT_RAW) {
        options->token_pointer = NULL;
        options->messages_pointer = NULL;
    } else {
        options->token_pattern = NULL;
    }
}

#define COLUMN_COUNT 6

struct table {
    const char *cells[COLUMN_COUNT]; /* of the row at hand */
    char interval[UNITS_TEXT_SIZE];  /* */
    char key[HAPLO_TEXT_SIZE_MAX];   /* */
    int widths[COLUMN_COUNT];        /* of all rows */
};

static void row_fill(struct table *table, const struct config_queue *queue)
{
    switch (queue->key.kind) {
    case CONFIG_KEY_ENV:
        snprintf(table->key, sizeof table->key, "$%s", queue->key.name);
        break;
    case CONFIG_KEY_CREDENTIAL:
        snprintf(table->key, sizeof table->key, "credential %s",
                 queue->key.name);
        break;
    default:
        snprintf(table->key, sizeof table->key, "%s", queue->key.path);
    }
    table->cells[0] = queue->server->options.name;
    table->cells[1] = queue->server->options.url;
    table->cells[2] = queue->options.name;
    table->cells[3] = queue->sink->name;
    table->cells[4] =
        duration_format(queue->options.interval_ms, table->interval);
    table->cells[5] = table->key;
}

static void row_measure(struct table *table)
{
    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        int width = (int)strlen(table->cells[i]);
        if (width > table->widths[i]) {
            table->widths[i] = width;
        }
    }
}

static void row_print(const struct table *table, FILE *file)
{
    for (size_t i = 0; i < COLUMN_COUNT - 1; i++) {
        fprintf(file, "%-*s  ", table->widths[i], table->cells[i]);
    }
    fprintf(file, "%s\n", table->cells[COLUMN_COUNT - 1]);
}

static void rows_print(const struct config *config, struct table *table,
                       FILE *file)
{
    for (size_t i = 0; i < config->server_count; i++) {
        const struct config_server *server = &config->servers[i];
        for (size_t j = 0; j < server->queue_count; j++) {
            row_fill(table, &server->queues[j]);
            if (file == NULL) {
                row_measure(table);
            } else {
                row_print(table, file);
            }
        }
    }
}

void config_print(const struct config *config, FILE *file)
{
    static const char *const headings[COLUMN_COUNT] = {
        "SERVER", "URL", "QUEUE", "SINK", "INTERVAL", "KEY"};
    struct table table = {.key = ""};
    memcpy(table.cells, headings, sizeof headings);
    row_measure(&table);
    rows_print(config, &table, NULL);
    memcpy(table.cells, headings, sizeof headings);
    row_print(&table, file);
    rows_print(config, &table, file);
    fprintf(file, "servers: %zu, queues: %zu, sinks: %zu, state: %s\n",
            config->server_count, config->queue_count, config->sink_count,
            config->state_dir);
}
