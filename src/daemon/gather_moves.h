/*
 * gather_moves.h - moves the states of queues that are now stored in another
 * inbox.
 */
#ifndef DAEMON_GATHER_MOVES_H
#define DAEMON_GATHER_MOVES_H

#include "daemon/gather.h"

/* Moves the states that are not in the inbox of their queue. All inboxes and
 * queues must be open, and nothing polled yet. Each move ends with
 * gather_answered(). */
void gather_moves_start(struct gather *gather);

/* True for the note that an inbox has instead of the state of a queue that has
 * moved away. */
bool gather_moves_is_note(struct haplo_slice stored);

#endif
