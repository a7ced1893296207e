/*
 * config_print.c - the output of `haplo-poll check`.
 */
#include <stdio.h>
#include <string.h>

#include "config/config.h"
#include "config/config_when.h"
#include "config/units.h"

#define COLUMN_COUNT 6

/* A table whose columns are as wide as their widest cells. */
struct table {
    const char *cells[COLUMN_COUNT]; /* of the current row */
    size_t count;                    /* number of columns */
    char interval[UNITS_TEXT_SIZE];  /* storage for a cell */
    char key[HAPLO_TEXT_SIZE_MAX];   /* storage for a cell */
    int widths[COLUMN_COUNT];        /* widest cell so far */
    FILE *file;                      /* NULL: only measure rows */
};

static void row_put(struct table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        int width = (int)strlen(table->cells[i]);
        if (table->file == NULL && width > table->widths[i]) {
            table->widths[i] = width;
        }
        if (table->file != NULL && i + 1 < table->count) {
            fprintf(table->file, "%-*s  ", table->widths[i], table->cells[i]);
        } else if (table->file != NULL) {
            fprintf(table->file, "%s\n", table->cells[i]);
        }
    }
}

static void key_format(const struct config_key *key, char *text,
                       size_t text_size)
{
    switch (key->kind) {
    case CONFIG_KEY_ENV:
        snprintf(text, text_size, "$%s", key->name);
        break;
    case CONFIG_KEY_COMMAND:
        snprintf(text, text_size, "command %s", key->name);
        break;
    case CONFIG_KEY_CREDENTIAL:
        snprintf(text, text_size, "credential %s", key->name);
        break;
    default:
        snprintf(text, text_size, "%s", key->path);
    }
}

static void queues_put(const struct config *config, struct table *table)
{
    static const char *const headings[] = {"SERVER", "URL",      "QUEUE",
                                           "INBOX",  "INTERVAL", "KEY"};
    table->count = 6;
    memcpy(table->cells, headings, sizeof headings);
    row_put(table);
    for (size_t i = 0; i < config->queue_count; i++) {
        const struct config_queue *queue = &config->queues[i];
        key_format(queue->key, table->key, sizeof table->key);
        duration_format(queue->settings->options.interval_ms, table->interval);
        table->cells[0] = queue->server->options.name;
        table->cells[1] = queue->server->options.url;
        table->cells[2] = queue->name;
        table->cells[3] = queue->settings->inbox->name;
        table->cells[4] = table->interval;
        table->cells[5] = table->key;
        row_put(table);
    }
}

static void outlets_put(const struct config *config, struct table *table)
{
    static const char *const headings[] = {"OUTLET", "TYPE", "INBOX", "QUEUES"};
    table->count = 4;
    memcpy(table->cells, headings, sizeof headings);
    row_put(table);
    for (size_t i = 0; i < config->outlet_count; i++) {
        const struct config_outlet *outlet = &config->outlets[i];
        const struct forwarder_options *forward = &outlet->forward;
        table->cells[0] = forward->name;
        table->cells[1] = forward->type->name;
        table->cells[2] = outlet->inbox->name;
        table->cells[3] =
            forward->queue_count == 0 ? "all" : forward->queues[0];
        row_put(table);
        for (size_t j = 1; j < forward->queue_count; j++) {
            table->cells[0] = table->cells[1] = table->cells[2] = "";
            table->cells[3] = forward->queues[j];
            row_put(table);
        }
    }
}

/* The rules of outlets, an alternative a line. */
static void rules_print(const struct config *config, FILE *file)
{
    for (size_t i = 0; i < config->outlet_count; i++) {
        const struct forwarder_options *forward = &config->outlets[i].forward;
        size_t count = forward->when != NULL ? forward->when->count : 0;
        for (size_t j = 0; j < count; j++) {
            fprintf(file, "%s%s: %s ", j == 0 ? "\n" : "", forward->name,
                    j == 0 ? "when" : "or  ");
            config_when_print(&forward->when->alternatives[j], file);
        }
    }
}

static void table_print(const struct config *config, FILE *file,
                        void (*put)(const struct config *, struct table *))
{
    struct table table = {.file = NULL};
    put(config, &table);
    table.file = file;
    put(config, &table);
}

static void inboxes_print(const struct config *config, FILE *file)
{
    fputs(config->inbox_count == 1 ? "inbox:" : "inboxes:", file);
    for (size_t i = 0; i < config->inbox_count; i++) {
        const struct config_inbox *inbox = &config->inboxes[i];
        fprintf(file, "%s %s (%s)", i == 0 ? "" : ",", inbox->name,
                inbox->type->name);
    }
    fputc('\n', file);
}

static uint64_t round_up(uint64_t ms)
{
    return (ms + 999) / 1000 * 1000;
}

/* How several hosts share the servers. */
static void fleet_print(const struct config_fleet *fleet, FILE *file)
{
    char ttl[UNITS_TEXT_SIZE];
    char renewal[UNITS_TEXT_SIZE];
    char late[UNITS_TEXT_SIZE];
    const struct fleet_policy *policy = &fleet->policy;
    if (fleet->inbox == NULL) {
        return;
    }
    fprintf(file,
            "coordination: by inbox %s; renewed every %s, ttl %s; a host that "
            "fails is replaced within %s\n",
            fleet->inbox->name, duration_format(policy->renew_ms, renewal),
            duration_format(policy->ttl_ms, ttl),
            duration_format(round_up(policy->ttl_ms + policy->grace_ms +
                                     policy->jitter_ms + policy->soon_ms),
                            late));
}

/* What is different because of the environment. */
static void environment_print(const struct config *config, FILE *file)
{
    if (config->environment == NULL) {
        return;
    }
    fprintf(file, "environment: %s%s\n", config->environment,
            config->change_count == 0 ? ", which changes nothing" : "");
    for (size_t i = 0; i < config->change_count; i++) {
        const struct config_override_change *change = &config->changes[i];
        fprintf(file, "  %s%s: %s -> %s\n", change->where, change->option,
                change->from != NULL ? change->from : "(not set)",
                change->to != NULL ? change->to : "(not set)");
    }
    fputc('\n', file);
}

void config_print(const struct config *config, FILE *file)
{
    environment_print(config, file);
    table_print(config, file, queues_put);
    if (config->outlet_count > 0) {
        fputc('\n', file);
        table_print(config, file, outlets_put);
        rules_print(config, file);
    }
    fputc('\n', file);
    if (config->file_count > 1) {
        fprintf(file, "files: %zu\n", config->file_count);
    }
    inboxes_print(config, file);
    fleet_print(&config->fleet, file);
    fprintf(file, "servers: %zu, queues: %zu, outlets: %zu, state: %s\n",
            config->server_count, config->queue_count, config->outlet_count,
            config->state_dir);
}
