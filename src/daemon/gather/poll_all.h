/*
 * poll_all.h - makes all queues due that only wait for their interval or after
 * a failure, some in each turn of the loop.
 *
 * It hurries nobody who has a reason to wait: queues whose key was refused, or
 * that are blocked, paused or held, stay as they are. A server that is DOWN or
 * SILENT, or whose failed logins are used up, is left alone until its time has
 * come, and never gets more requests at once than max_in_flight.
 */
#ifndef DAEMON_POLL_ALL_H
#define DAEMON_POLL_ALL_H

#include <uv.h>

#include "daemon/gather/gather.h"

#define POLL_ALL_STEP_COUNT 500 /* queues in one turn; below a millisecond */

struct poll_all {
    struct gather *gather; /* borrowed */
    uv_idle_t idle;        /* runs while there are queues left to look at */
    size_t server_cursor;  /* of the server that is next */
    size_t queue_cursor;   /* of its queue that is next */
    size_t due_count;      /* queues that were made due */
};

void poll_all_init(struct poll_all *all, uv_loop_t *loop,
                   struct gather *gather);

/* Starts at the first queue, also if it is at work already. Logs how many
 * queues were made due. One that is added or removed meanwhile may be missed.
 */
void poll_all_start(struct poll_all *all);

void poll_all_close(struct poll_all *all);

#endif
