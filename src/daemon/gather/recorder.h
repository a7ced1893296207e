/*
 * recorder.h - notes every minute what has come and gone, for the plots of the
 * page: see timeline.h. It looks at servers and outlets, never at queues.
 */
#ifndef DAEMON_RECORDER_H
#define DAEMON_RECORDER_H

#include <uv.h>

#include "daemon/gather/gather.h"

struct recorder {
    uv_timer_t timer;      /* at the end of each minute; unreferenced */
    struct gather *gather; /* borrowed */
};

/* Starts it. recorder_close() must follow. */
void recorder_open(struct recorder *recorder, uv_loop_t *loop,
                   struct gather *gather);

void recorder_close(struct recorder *recorder);

#endif
