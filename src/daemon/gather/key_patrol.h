/*
 * key_patrol.h - notices that key files have changed, before a server refuses
 * the old keys: each refusal is a failed login, and a server counts them.
 *
 * All queues are looked at once a minute, some in each second, and those that
 * share a key together, so that thousands cost a few system calls a second.
 * Queues whose keys are refused are looked at more often: see file_watch.h.
 */
#ifndef DAEMON_KEY_PATROL_H
#define DAEMON_KEY_PATROL_H

#include <stddef.h>

#include <uv.h>

#include "daemon/gather/gather.h"

#define KEY_PATROL_STEP_MS 1000  /* between two looks at some of them */
#define KEY_PATROL_STEP_COUNT 60 /* looks until all had their turn */

struct key_patrol {
    uv_timer_t timer;      /* unreferenced */
    struct gather *gather; /* borrowed */
    size_t server_cursor;  /* of the server that is next */
    size_t queue_cursor;   /* of its queue that is next */
};

/* Starts it. key_patrol_close() must follow. */
void key_patrol_open(struct key_patrol *patrol, uv_loop_t *loop,
                     struct gather *gather);

void key_patrol_close(struct key_patrol *patrol);

#endif
