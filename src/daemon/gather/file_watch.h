/*
 * file_watch.h - while a server refuses the API key of a queue, or a queue is
 * held because a file cannot be used, checks whether that file has changed,
 * and then tries again.
 *
 * This takes a few system calls every two seconds, and none while nothing
 * waits for a file. Watching thousands of files would cost more.
 */
#ifndef DAEMON_FILE_WATCH_H
#define DAEMON_FILE_WATCH_H

#include <uv.h>

#include "daemon/gather/gather.h"

#define FILE_WATCH_INTERVAL_MS 2000
#define FILE_WATCH_SOON_MS 100 /* many end at the same time */

struct file_watch {
    uv_timer_t timer;      /* runs while one is awaited; unreferenced */
    struct gather *gather; /* borrowed */
};

void file_watch_init(struct file_watch *watch, uv_loop_t *loop,
                     struct gather *gather);

/* To be called when a queue becomes REFUSED, and if any are held. */
void file_watch_start(struct file_watch *watch);

/* The same, to look earlier: an api_key_command has ended. */
void file_watch_soon(struct file_watch *watch);

void file_watch_close(struct file_watch *watch);

#endif
