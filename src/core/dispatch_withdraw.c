/*
 * dispatch_withdraw.c - the part of dispatch.h that ends the work on lanes
 * which another process forwards from now on. The inbox is in order per queue,
 * so that only their positions are stored.
 *
 *   - What has not been sent is dropped at once: the other process reads it
 *     after the position.
 *   - A lane whose span is in flight keeps that span, and its messages in
 *     doubt. If the span is delivered, the position moves, as ever.
 *   - A lane is gone when its position is saved, and nothing of it is being
 *     read.
 *
 * Failures:
 *
 *   - The span in flight is not delivered: it is dropped, with the messages in
 *     doubt, and the position stays before them.
 *   - The lane comes back in the meantime, with dispatch_stored(): it is read
 *     once the span is no longer in flight. The inbox returns nothing before
 *     its stored position, wherever the other process has put that.
 */
#include <assert.h>

#include "core/dispatch_lanes.h"

void lanes_stay(struct dispatch *dispatch, struct lane *lane)
{
    if (lane->is_leaving) {
        lane->is_leaving = false;
        TAILQ_REMOVE(&dispatch->leaving, lane, in_leaving);
    }
}

void lanes_leave(struct dispatch *dispatch, struct lane *lane)
{
    uint64_t position = lane_position(lane);
    lanes_release_after(dispatch, lane, NULL);
    lane_free_doubts(lane);
    lanes_leave_run(dispatch, lane);
    lane->known_to = position;
    lanes_moved(dispatch, lane);
    if (lane->known_to < lane->backlog_last) {
        lanes_stay(dispatch, lane);
    }
}

/* Its messages that are not in flight are no longer this process's. */
static void forget_rest(struct dispatch *dispatch, struct lane *lane)
{
    lane->backlog_last = 0;
    lane->is_cut = false;
    lanes_leave_run(dispatch, lane);
    if (lane->state == LANE_DELIVERING) {
        struct span *first = TAILQ_FIRST(&lane->spans);
        lanes_release_after(dispatch, lane, first);
        lane->known_to = span_last(first);
    }
}

static void withdraw(struct dispatch *dispatch, struct lane *lane,
                     uint64_t now_ms)
{
    bool is_busy = lane->state == LANE_DELIVERING || lane->is_recalled ||
                   lane->state == LANE_IDLE;
    if (!lane->is_leaving) {
        lane->is_leaving = true;
        TAILQ_INSERT_TAIL(&dispatch->leaving, lane, in_leaving);
    }
    forget_rest(dispatch, lane);
    if (!is_busy) {
        lanes_rest(dispatch, lane, now_ms);
    }
}

void dispatch_withdraw(struct dispatch *dispatch,
                       bool (*stays_cb)(void *data, const struct lane *lane),
                       uint64_t now_ms)
{
    struct lane *next;
    assert(dispatch->is_by_queue);
    for (struct lane *lane = lane_table_next(&dispatch->lanes, NULL);
         lane != NULL; lane = next) {
        next = lane_table_next(&dispatch->lanes, lane);
        if (!stays_cb(dispatch->data, lane)) {
            withdraw(dispatch, lane, now_ms);
        }
    }
}
