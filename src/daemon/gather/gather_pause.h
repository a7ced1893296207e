/*
 * gather_pause.h - whether a queue is paused: because an operator wants it
 * (pauses.h), or because the disk of its inbox is nearly full (gather_space.h).
 */
#ifndef DAEMON_GATHER_PAUSE_H
#define DAEMON_GATHER_PAUSE_H

#include "daemon/gather/gather.h"

/* To be called when a queue was added to the poller, and when one of these
 * reasons has begun or ended: pauses or resumes it. Does nothing if it is
 * held. */
void gather_pause_apply(struct gather_queue *queue);

#endif
