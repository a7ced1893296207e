/*
 * dispatch_lanes.h - operations on a lane, for the parts of dispatch.h. Each
 * also updates lists, waits and progress.
 */
#ifndef CORE_DISPATCH_LANES_H
#define CORE_DISPATCH_LANES_H

#include "core/dispatch.h"

/* Changes the state of a lane, and moves it to the right list. */
void lanes_enter(struct dispatch *dispatch, struct lane *lane,
                 enum lane_state to);

/* Moves a lane that is neither held nor delivering to the state where it
 * belongs; frees it if nothing is left. */
void lanes_rest(struct dispatch *dispatch, struct lane *lane, uint64_t now_ms);

/* Backs off for at least least_ms. */
void lanes_wait(struct dispatch *dispatch, struct lane *lane, uint64_t least_ms,
                uint64_t now_ms);

/* Retries a lane that was held or in doubt, or whose span was not delivered.
 * Starts with its first message in doubt, if any. */
void lanes_retry(struct dispatch *dispatch, struct lane *lane, uint64_t now_ms);

/* Defers its messages; with `drop`, releases their memory. */
void lanes_defer(struct dispatch *dispatch, struct lane *lane, bool drop);

/* The first count messages of a span are done. */
void lanes_done(struct dispatch *dispatch, struct span *span, uint32_t count);

/* Removes the first message of a span and defers it. */
void lanes_defer_first(struct dispatch *dispatch, struct span *span);

/* Adds it to the lanes refused in this run, or removes it. */
void lanes_join_run(struct dispatch *dispatch, struct lane *lane);
void lanes_leave_run(struct dispatch *dispatch, struct lane *lane);

/* Turns one of its messages into a dead letter. */
void lanes_bury(struct dispatch *dispatch, const struct lane *lane,
                uint64_t arrival, const char *why);

/* Deferred messages are done. By queue, nothing is stored as deferred. */
void lanes_settle(struct dispatch *dispatch, const struct lane *lane,
                  uint64_t first, uint32_t count);

/* By queue, its position may have moved: it must be saved. */
void lanes_moved(struct dispatch *dispatch, struct lane *lane);

/* Its position has been saved: it need not be, unless it has moved since. */
void lanes_saved(struct dispatch *dispatch, struct lane *lane);

/* Frees a lane that is IDLE, unless its position must be saved. */
void lanes_drop(struct dispatch *dispatch, struct lane *lane);

/* Releases the spans after this one; NULL: all. */
void lanes_release_after(struct dispatch *dispatch, struct lane *lane,
                         struct span *last);

/* A lane that is leaving has nothing in flight: drops what it knows, except how
 * far it has got. It stays if it has been reported since it was withdrawn. */
void lanes_leave(struct dispatch *dispatch, struct lane *lane);

/* It is no longer leaving. */
void lanes_stay(struct dispatch *dispatch, struct lane *lane);

#endif
