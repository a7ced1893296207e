/*
 * gather_inboxes.h - the inboxes of a configuration at work.
 */
#ifndef DAEMON_GATHER_INBOXES_H
#define DAEMON_GATHER_INBOXES_H

#include "daemon/gather/gather.h"

/* Prepares the table of the inboxes. */
void gather_inboxes_init(struct gather *gather);

/* Opens all inboxes of the configuration that the command wants; each ends with
 * gather_answered(). 0, or HAPLO_ENOMEM with the cause logged. */
int gather_inboxes_open(struct gather *gather);

/* Creates an inbox, which is not open. NULL if memory runs out. */
struct gather_inbox *gather_inbox_make(struct gather *gather,
                                       const struct config_inbox *config);

/* Opens it. Once it is open, or that has failed, is_opening ends, and
 * gather_answered() is called; or stirred_cb, if the gather is at work. 0 or
 * HAPLO_ENOMEM. */
int gather_inbox_start(struct gather_inbox *inbox);

/* Closes one that is open and has no users, while the gather is at work:
 * is_closing, until stirred_cb is called. */
void gather_inbox_stop(struct gather_inbox *inbox);

/* Removes and frees one that is neither open, opening nor closing. */
void gather_inbox_drop(struct gather_inbox *inbox);

/* Sets the byte limits of all inboxes again, as their number, or the limit, has
 * changed. */
void gather_inboxes_share(struct gather *gather);

/* Closes all of them; each ends with gather_answered(). are_counted: those that
 * are still opening are part of pending_count. */
void gather_inboxes_close(struct gather *gather, bool are_counted);

void gather_inboxes_free(struct gather *gather);

#endif
