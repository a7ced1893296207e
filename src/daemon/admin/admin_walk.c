#include "daemon/admin/admin_walk.h"

void admin_walk_begin(struct admin_walk *walk, const struct gather *gather)
{
    *walk = (struct admin_walk){
        .gather = gather,
        .config = gather->config,
        .generation = gather->observer.generation,
        .queue_count = gather->queue_count,
    };
}

bool admin_walk_is_valid(const struct admin_walk *walk)
{
    const struct gather *gather = walk->gather;
    return walk->config == gather->config &&
           walk->generation == gather->observer.generation &&
           walk->queue_count == gather->queue_count;
}

const struct gather_queue *admin_walk_queue(struct admin_walk *walk)
{
    for (;;) {
        if (walk->server == NULL) {
            walk->server =
                name_table_next(&walk->gather->servers, &walk->server_cursor);
            walk->queue_cursor = 0;
        }
        if (walk->server == NULL) {
            return NULL;
        }
        const struct gather_queue *queue =
            name_table_next(&walk->server->queues, &walk->queue_cursor);
        if (queue != NULL) {
            return queue;
        }
        walk->server = NULL;
    }
}

const struct config_held *admin_walk_held(struct admin_walk *walk)
{
    const struct config *config = walk->config;
    return walk->held_index == config->held_count
               ? NULL
               : &config->held[walk->held_index++];
}
