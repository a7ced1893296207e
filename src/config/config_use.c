/*
 * config_use.c - what the daemon gets from a loaded configuration.
 */
#include <string.h>

#include "base/reason.h"
#include "config/config.h"
#include "config/config_options.h"
#include "config/config_value.h"

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

int config_server_files(const struct config_server *server, char *why,
                        size_t why_size)
{
    const struct haplo_server_options *options = &server->options;
    const struct {
        const char *option;
        const char *path; /* or NULL */
        bool is_private;
    } files[] = {
        {"tls_ca_file", options->tls_ca_file, false},
        {"tls_certificate_file", options->tls_certificate_file, false},
        {"tls_key_file", options->tls_key_file, true},
    };
    char reason[HAPLO_TEXT_SIZE_MAX];
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        if (files[i].path != NULL &&
            config_file_check(files[i].path, files[i].is_private, reason,
                              sizeof reason) != 0) {
            return reason_write(why, why_size, HAPLO_EINVAL, "%s: %s",
                                files[i].option, reason);
        }
    }
    return 0;
}

/* Without a pointer, the library checks responses more strictly. */
static const char *unless_default(const char *pointer, const char *option)
{
    const struct option_row *row =
        option_table_find(&config_queue_rows, option);
    return pointer == NULL || strcmp(pointer, row->fallback) == 0 ? NULL
                                                                  : pointer;
}

void config_queue_options(const struct config_queue *queue,
                          struct haplo_queue_options *options)
{
    *options = queue->settings->options;
    options->struct_size = sizeof *options;
    options->name = queue->name;
    /* The library would refuse values inherited for queues of the other
     * format. */
    if (options->format == HAPLO_FORMAT_RAW) {
        options->token_pointer = NULL;
        options->messages_pointer = NULL;
    } else {
        options->token_pattern = NULL;
        options->token_pointer =
            unless_default(options->token_pointer, "token_pointer");
        options->messages_pointer =
            unless_default(options->messages_pointer, "messages_pointer");
    }
}

const struct config_inbox *config_inbox_find(const struct config *config,
                                             const char *name)
{
    for (size_t i = 0; i < config->inbox_count; i++) {
        const struct config_inbox *inbox = &config->inboxes[i];
        if (inbox->name != NULL && strcmp(inbox->name, name) == 0) {
            return inbox;
        }
    }
    return NULL;
}

/* The rest of SERVER/QUEUE if the server is this one; otherwise NULL. */
static const char *name_in_server(const char *name, const char *server)
{
    size_t size = strlen(server);
    return strncmp(name, server, size) == 0 && name[size] == '/'
               ? name + size + 1
               : NULL;
}

const struct config_queue *config_queue_find(const struct config *config,
                                             const char *name)
{
    for (size_t i = 0; i < config->server_count; i++) {
        const struct config_server *server = &config->servers[i];
        const char *rest = name_in_server(name, server->options.name);
        for (size_t j = 0; rest != NULL && j < server->queue_count; j++) {
            if (strcmp(rest, server->queues[j].name) == 0) {
                return &server->queues[j];
            }
        }
    }
    return NULL;
}

const struct config_held *config_held_find(const struct config *config,
                                           const char *name)
{
    for (size_t i = 0; i < config->held_count; i++) {
        const struct config_held *held = &config->held[i];
        const char *rest = name_in_server(name, held->server);
        if (rest != NULL && strcmp(rest, held->queue) == 0) {
            return held;
        }
    }
    return NULL;
}
