/*
 * gather_outlets.h - the outlets of a configuration at work.
 */
#ifndef DAEMON_GATHER_OUTLETS_H
#define DAEMON_GATHER_OUTLETS_H

#include "daemon/gather.h"

/* Prepares the table of the outlets. */
void gather_outlets_init(struct gather *gather);

/* Gives each outlet a forwarder. The inboxes are open. 0, or HAPLO_ENOMEM with
 * the cause logged. */
int gather_outlets_start(struct gather *gather);

/* Restarts the outlets of an inbox from what is stored: messages that they have
 * read ahead may have been erased since. What is in flight is finished. */
void gather_outlets_restart(struct gather *gather, const struct inbox *inbox);

/* Closes all forwarders by the gather's deadline; each adds to the answers that
 * the gather waits for, see gather_answered(). A second call takes over an
 * earlier deadline. */
void gather_outlets_close(struct gather *gather);

#endif
