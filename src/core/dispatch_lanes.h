/*
 * dispatch_lanes.h - what the parts of dispatch.h do to a lane, each of them
 * with all that follows for lists, waits and progress.
 */
#ifndef CORE_DISPATCH_LANES_H
#define CORE_DISPATCH_LANES_H

#include "core/dispatch.h"

/* Changes its state, and the list that it is in. */
void lanes_enter(struct dispatch *dispatch, struct lane *lane,
                 enum lane_state to);

/* Puts a lane that is neither held nor delivering where it belongs: frees it
 * if it has nothing left. */
void lanes_rest(struct dispatch *dispatch, struct lane *lane, uint64_t now_ms);

/* Backs off, for least_ms at least. */
void lanes_wait(struct dispatch *dispatch, struct lane *lane, uint64_t least_ms,
                uint64_t now_ms);

/* Tries a lane again that was held, in doubt, or came back undone: from its
 * first message in doubt, if there is one. */
void lanes_retry(struct dispatch *dispatch, struct lane *lane, uint64_t now_ms);

/* Writes its messages as deferred; with `drop`, releases their memory. */
void lanes_defer(struct dispatch *dispatch, struct lane *lane, bool drop);

/* The first count messages of a span are done. */
void lanes_done(struct dispatch *dispatch, struct span *span, uint32_t count);

/* Takes the first message out of a span, and writes it as deferred. */
void lanes_defer_first(struct dispatch *dispatch, struct span *span);

/* Adds it to those that were refused in this run, or takes it out. */
void lanes_join_run(struct dispatch *dispatch, struct lane *lane);
void lanes_leave_run(struct dispatch *dispatch, struct lane *lane);

/* Makes a dead letter of one of its messages. */
void lanes_bury(struct dispatch *dispatch, const struct lane *lane,
                uint64_t arrival, const char *why);

/* A message that is not in memory is done. */
void lanes_settle(struct dispatch *dispatch, const struct lane *lane,
                  uint64_t arrival);

/* Frees a lane that is IDLE. */
void lanes_remove(struct dispatch *dispatch, struct lane *lane);

#endif
