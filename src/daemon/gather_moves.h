/*
 * gather_moves.h - a queue that was stored in another inbox takes its state
 * along.
 */
#ifndef DAEMON_GATHER_MOVES_H
#define DAEMON_GATHER_MOVES_H

#include "daemon/gather.h"

/* Moves the states that are not in the inbox of their queue. All inboxes are
 * open, all queues are open in theirs, and nothing is polled yet. Each move
 * adds to the answers that the gather waits for, see gather_answered(). */
void gather_moves_start(struct gather *gather);

/* True for what an inbox has in place of the state of a queue that has moved
 * away. */
bool gather_moves_is_note(struct haplo_slice stored);

#endif
