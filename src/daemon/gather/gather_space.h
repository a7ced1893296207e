/*
 * gather_space.h - stops fetching while the disk of an inbox is nearly full:
 * its queues are paused, the outlets go on.
 */
#ifndef DAEMON_GATHER_SPACE_H
#define DAEMON_GATHER_SPACE_H

#include "daemon/gather/gather.h"

/* To be called when an inbox has opened. Does nothing unless the command wants
 * its queues to be paused; then their batches fail instead. */
void gather_space_listen(struct gather_inbox *inbox);

#endif
