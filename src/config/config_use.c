/*
 * config_use.c - what the daemon gets from a loaded configuration.
 */
#include <string.h>

#include "config/config.h"
#include "config/config_options.h"

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
