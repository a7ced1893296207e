/*
 * gather_moves.h - moves the states of queues that are now stored in another
 * inbox.
 */
#ifndef DAEMON_GATHER_MOVES_H
#define DAEMON_GATHER_MOVES_H

#include "daemon/gather/gather.h"

/* Moves the states that are not in the inbox of their queue. All inboxes and
 * queues must be open, and nothing polled yet. Each move ends with
 * gather_answered(). */
void gather_moves_start(struct gather *gather);

/* True if the state of a queue, which is open in its inbox and not polled, is
 * in another inbox, or was left there. */
bool gather_move_is_due(const struct gather_queue *queue);

/* error: 0, or HAPLO_E* with the cause logged. May fire inside the call. */
typedef void (*gather_moved_cb)(struct gather_queue *queue, int error,
                                void *data);

/* Moves it. 0, and moved_cb fires once; or HAPLO_ENOMEM, and it does not. */
int gather_move_start(struct gather_queue *queue, gather_moved_cb moved_cb,
                      void *data);

/* True for the note that an inbox has instead of the state of a queue that has
 * moved away. */
bool gather_moves_is_note(struct haplo_slice stored);

#endif
