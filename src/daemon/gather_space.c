#include "daemon/gather_space.h"

static void pause_or_resume(const struct gather_queue *queue, bool is_short)
{
    if (queue->queue == NULL) {
        return; /* held */
    }
    if (is_short) {
        haplo_queue_pause(queue->queue);
    } else {
        haplo_queue_resume(queue->queue);
    }
}

static void on_space(struct inbox *changed, bool is_short, void *data)
{
    const struct gather_inbox *inbox = data;
    const struct gather *gather = inbox->gather;
    const struct gather_server *server;
    size_t cursor = 0;
    (void)changed;
    if (gather->phase > GATHER_OPEN) {
        return; /* nothing is fetched any more */
    }
    while ((server = name_table_next(&gather->servers, &cursor)) != NULL) {
        const struct gather_queue *queue;
        size_t queue_cursor = 0;
        while ((queue = name_table_next(&server->queues, &queue_cursor))) {
            if (queue->config->settings->inbox == inbox->config) {
                pause_or_resume(queue, is_short);
            }
        }
    }
}

void gather_space_listen(struct gather_inbox *inbox)
{
    if (inbox->gather->options.has_pauses) {
        inbox_listen_space(inbox->inbox, on_space, inbox);
    }
}

void gather_space_added(const struct gather_queue *queue)
{
    if (queue->server->gather->options.has_pauses &&
        inbox_is_short(queue->stored->inbox)) {
        haplo_queue_pause(queue->queue);
    }
}
