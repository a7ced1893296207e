/*
 * key_watch.h - looks, while the server refuses a queue's API key, whether
 * the key's file has changed since it was read, and then uses the new key.
 *
 * A handful of stat() calls every few seconds, and none while no key is
 * refused, do for it; a file watch for each of thousands of keys would not.
 */
#ifndef DAEMON_KEY_WATCH_H
#define DAEMON_KEY_WATCH_H

#include <uv.h>

#include "daemon/gather.h"

#define KEY_WATCH_INTERVAL_MS 2000

struct key_watch {
    uv_timer_t timer;      /* runs while a key is refused; keeps no loop up */
    struct gather *gather; /* borrowed */
};

void key_watch_init(struct key_watch *watch, uv_loop_t *loop,
                    struct gather *gather);

/* A queue has become REFUSED. */
void key_watch_start(struct key_watch *watch);

void key_watch_close(struct key_watch *watch);

#endif
