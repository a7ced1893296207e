/*
 * gather_outlets.h - the outlets of a configuration at work.
 */
#ifndef DAEMON_GATHER_OUTLETS_H
#define DAEMON_GATHER_OUTLETS_H

#include "daemon/gather/gather.h"

/* Prepares the table of the outlets. */
void gather_outlets_init(struct gather *gather);

/* Gives each outlet a forwarder. The inboxes are open. 0, or HAPLO_ENOMEM with
 * the cause logged. */
int gather_outlets_start(struct gather *gather);

/* Tells all inboxes for which outlets they must keep messages. 0 or
 * HAPLO_ENOMEM. */
int gather_outlets_retain(const struct gather *gather);

/* Single ones, for a reload: creates one, and gives it a forwarder; its inbox
 * is open. NULL, or HAPLO_ENOMEM, if memory runs out. */
struct gather_outlet *gather_outlet_make(struct gather *gather,
                                         const struct config_outlet *config);
int gather_outlet_start(struct gather_outlet *outlet);

/* Sets its configuration and its inbox, while it has no forwarder. */
void gather_outlet_configure(struct gather_outlet *outlet,
                             const struct config_outlet *config);

/* Closes the forwarder of one that is changing; what is in flight may finish
 * within deadline_ms. Then it is NULL, and stirred_cb is called. */
void gather_outlet_stop(struct gather_outlet *outlet, uint64_t deadline_ms);

/* Removes and frees one without a forwarder. */
void gather_outlet_drop(struct gather_outlet *outlet);

/* Restarts the outlets of an inbox from what is stored: messages that they have
 * read ahead may have been erased since. What is in flight is finished. */
void gather_outlets_restart(struct gather *gather, const struct inbox *inbox);

/* Closes all forwarders by the gather's deadline; each adds to the answers that
 * the gather waits for, see gather_answered(). A second call takes over an
 * earlier deadline. */
void gather_outlets_close(struct gather *gather);

void gather_outlets_free(struct gather *gather);

#endif
