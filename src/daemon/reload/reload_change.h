/*
 * reload_change.h - objects on their way from one configuration to the next.
 *
 * reload_pass.c finds out what is to change, and begins a change for each such
 * object; whatever has no change keeps working. A change then goes step by
 * step, as fast as its object allows:
 *
 *     PENDING    a queue whose new inbox is not open: still at work as it was
 *     FINISHING  it finishes what it has begun, and begins nothing
 *     FINISHED   it is not at work any more, or not yet: once what it needs is
 *                there, it goes on under its next configuration, or is removed
 *     MOVING     a queue: its state moves to another inbox
 *     OPENING    an inbox
 *
 *   - A queue delivers and marks the batch that it has, for at most
 *     drain_timeout; then it leaves the poller. What it has stored stays, and
 *     its next poll is due as if it were new, but at once if it was failing.
 *   - A server is removed when its queues have left, and added again.
 *   - An outlet finishes what is in flight.
 *   - An inbox is closed when the queues and outlets that use it have finished.
 *
 * Nothing waits for anything else than that. An inbox that cannot be opened is
 * tried again, and only its own queues and outlets wait; a queue cannot move
 * before its old inbox has stored that it has. The next reload may come at any
 * time: it replaces what a change leads to.
 *
 * A change keeps the configuration that its object still borrows from.
 */
#ifndef DAEMON_RELOAD_CHANGE_H
#define DAEMON_RELOAD_CHANGE_H

#include "config/config_diff.h"
#include "daemon/gather/gather.h"
#include "daemon/reload/reload_changes.h"

/* Begins a change of an object that is at work, or held, to a configuration, or
 * to none (NULL); or leads one that has begun there instead. from: what the
 * object borrows from, unless it is kept already. 0 or HAPLO_ENOMEM: nothing
 * has changed. */
int reload_change_inbox(struct reload_changes *changes,
                        struct gather_inbox *inbox,
                        const struct config_inbox *next, struct config *from);
int reload_change_outlet(struct reload_changes *changes,
                         struct gather_outlet *outlet,
                         const struct config_outlet *next, struct config *from);
int reload_change_server(struct reload_changes *changes,
                         struct gather_server *server,
                         const struct config_server *next, struct config *from);
int reload_change_queue(struct reload_changes *changes,
                        struct gather_queue *queue,
                        const struct config_queue *next, struct config *from);

#endif
