/*
 * admin_walk.h - visits all queues, some in each turn of the loop. Servers and
 * queues may come and go in between, when the configuration is reloaded; the
 * walk then says that it must begin again.
 */
#ifndef DAEMON_ADMIN_WALK_H
#define DAEMON_ADMIN_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/gather/gather.h"

struct admin_walk {
    const struct gather *gather;        /* borrowed */
    const struct config *config;        /* when it began; only compared */
    uint64_t generation;                /* of the configuration, likewise */
    size_t queue_count;                 /* likewise */
    size_t server_cursor;               /* behind the server that is visited */
    size_t queue_cursor;                /* behind the last queue in it */
    const struct gather_server *server; /* visited; NULL: the next one */
    size_t held_index;                  /* of the next in config->held */
};

void admin_walk_begin(struct admin_walk *walk, const struct gather *gather);

/* False if it has to begin again. To be called before the walk goes on in
 * another turn of the loop. */
bool admin_walk_is_valid(const struct admin_walk *walk);

/* The next queue; NULL: that was the last one. */
const struct gather_queue *admin_walk_queue(struct admin_walk *walk);

/* After these, the next one that is not valid in the configuration; NULL: that
 * was the last one. */
const struct config_held *admin_walk_held(struct admin_walk *walk);

#endif
