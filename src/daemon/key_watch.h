/*
 * key_watch.h - while a server refuses a queue's API key, looks whether the
 * key's file has changed since it was read, and then uses the new key.
 *
 * That takes a few stat() calls every two seconds, and none while no key is
 * refused; a file watch for each of thousands of keys would cost more.
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

/* A queue has become REFUSED. */
void key_watch_start(struct key_watch *watch);

void key_watch_close(struct key_watch *watch);

#endif
