/*
 * key_watch.h - while a server refuses the API key of a queue, checks whether
 * the key file has changed since it was read, and then uses the new key.
 *
 * This takes a few stat() calls every two seconds, and none while no key is
 * refused. Watching thousands of files would cost more.
 */
#ifndef DAEMON_KEY_WATCH_H
#define DAEMON_KEY_WATCH_H

#include <uv.h>

#include "daemon/gather.h"

#define KEY_WATCH_INTERVAL_MS 2000

struct key_watch {
    uv_timer_t timer;            /* runs while a key is refused; unreferenced */
    const struct gather *gather; /* borrowed */
};

void key_watch_init(struct key_watch *watch, uv_loop_t *loop,
                    const struct gather *gather);

/* To be called when a queue becomes REFUSED. */
void key_watch_start(struct key_watch *watch);

void key_watch_close(struct key_watch *watch);

#endif
