#include "daemon/gather/gather_pause.h"

#include <stdio.h>

#include "daemon/gather/pauses.h"
#include "daemon/observe/observer_feed.h"

static bool is_space_short(const struct gather_queue *queue)
{
    return queue->server->gather->options.has_pauses &&
           inbox_short_why(queue->stored->inbox) != NULL;
}

static void tell(struct gather_queue *queue, const struct pause *pause)
{
    char why[HAPLO_TEXT_SIZE_MAX];
    snprintf(why, sizeof why, "paused by %s%s%s", pause->by,
             pause->reason[0] == '\0' ? "" : ": ", pause->reason);
    observer_feed_paused(queue, why);
}

void gather_pause_apply(struct gather_queue *queue)
{
    const struct pause *pause =
        pauses_find(queue->server->gather->options.pauses,
                    queue->server->config->options.name, queue->config->name);
    if (queue->queue == NULL) {
        return; /* held, or changing */
    }
    if (pause != NULL && queue->seen.state != OBSERVER_QUEUE_PAUSED) {
        tell(queue, pause);
    }
    if (pause != NULL || is_space_short(queue)) {
        haplo_queue_pause(queue->queue);
    } else {
        haplo_queue_resume(queue->queue);
    }
}
