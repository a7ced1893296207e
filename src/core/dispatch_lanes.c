#include "core/dispatch_lanes.h"

#include <assert.h>

#include "base/alloc.h"

/* States */

/* True if the lane is in list_of(), waiting for its turn. */
static bool is_listed(const struct lane *lane)
{
    return lane->state == LANE_READY ||
           (lane->state == LANE_RECALLING && !lane->is_recalled);
}

static struct lane_list *list_of(struct dispatch *dispatch,
                                 const struct lane *lane)
{
    return lane->state == LANE_READY ? &dispatch->ready : &dispatch->recalling;
}

static size_t *count_of(struct dispatch *dispatch, enum lane_state state)
{
    return state == LANE_WAITING ? &dispatch->waiting_count
                                 : &dispatch->blocked_count;
}

void lanes_enter(struct dispatch *dispatch, struct lane *lane,
                 enum lane_state to)
{
    if (is_listed(lane)) {
        TAILQ_REMOVE(list_of(dispatch, lane), lane, turn);
    }
    if (lane->state == LANE_WAITING || lane->state == LANE_BLOCKED) {
        (*count_of(dispatch, lane->state))--;
    }
    heap_remove(&dispatch->waits, &lane->wait);
    lane_enter(lane, to, dispatch->calls->lane_cb, dispatch->data);
    if (is_listed(lane)) {
        TAILQ_INSERT_TAIL(list_of(dispatch, lane), lane, turn);
    }
    if (lane->state == LANE_WAITING || lane->state == LANE_BLOCKED) {
        (*count_of(dispatch, lane->state))++;
    }
}

void lanes_moved(struct dispatch *dispatch, struct lane *lane)
{
    if (dispatch->is_by_queue && !lane->is_moved &&
        lane_position(lane) > lane->position_saved) {
        lane->is_moved = true;
        TAILQ_INSERT_TAIL(&dispatch->moved, lane, in_moved);
    }
}

void lanes_saved(struct dispatch *dispatch, struct lane *lane)
{
    if (lane->is_moved && lane_position(lane) <= lane->position_saved) {
        lane->is_moved = false;
        TAILQ_REMOVE(&dispatch->moved, lane, in_moved);
    }
}

void lanes_drop(struct dispatch *dispatch, struct lane *lane)
{
    assert(lane->state == LANE_IDLE);
    assert(TAILQ_EMPTY(&lane->spans));
    lanes_leave_run(dispatch, lane);
    if (dispatch->is_by_queue && lane_position(lane) > lane->position_saved) {
        return;
    }
    assert(!lane->is_moved);
    lanes_stay(dispatch, lane);
    lane_table_remove(&dispatch->lanes, lane);
    lane_free_doubts(lane);
    alloc_free(lane);
}

void lanes_wait(struct dispatch *dispatch, struct lane *lane, uint64_t least_ms,
                uint64_t now_ms)
{
    const struct breaker_policy *policy = &dispatch->policy->breaker;
    lane->failures++;
    uint64_t wait_ms = backoff_ms(&dispatch->random, policy->backoff_ms,
                                  policy->backoff_max_ms, lane->failures);
    lane->held_arrival = lane_head(lane);
    lane->due_ms = now_ms + (wait_ms > least_ms ? wait_ms : least_ms);
    if (!TAILQ_EMPTY(&lane->spans) && TAILQ_FIRST(&lane->spans)->is_deferred) {
        /* What is stored as deferred need not stay in memory. */
        lanes_defer(dispatch, lane, true);
    }
    lanes_enter(dispatch, lane, LANE_WAITING);
    heap_set(&dispatch->waits, &lane->wait, lane->due_ms);
}

void lanes_rest(struct dispatch *dispatch, struct lane *lane, uint64_t now_ms)
{
    if (lane->is_leaving) {
        lanes_leave(dispatch, lane);
    }
    enum lane_state to = lane_rest_state(lane);
    if (to == LANE_WAITING) {
        lanes_wait(dispatch, lane, 0, now_ms);
        return;
    }
    lanes_enter(dispatch, lane, to);
    if (to == LANE_IDLE) {
        lanes_drop(dispatch, lane);
    }
}

/* Returns to the first message in doubt, which is stored as deferred. */
static void forget_doubts(struct dispatch *dispatch, struct lane *lane)
{
    const struct doubt *first = STAILQ_FIRST(&lane->doubts);
    if (first == NULL) {
        return;
    }
    lanes_defer(dispatch, lane, true);
    lane->is_recall_void = lane->is_recalled;
    lane->known_to = first->arrival - 1;
    for (const struct doubt *doubt = first; doubt != NULL;
         doubt = STAILQ_NEXT(doubt, link)) {
        if (doubt->arrival > lane->backlog_last) {
            lane->backlog_last = doubt->arrival;
        }
    }
    lane_free_doubts(lane);
}

void lanes_retry(struct dispatch *dispatch, struct lane *lane, uint64_t now_ms)
{
    if (!lane->is_leaving) {
        forget_doubts(dispatch, lane);
    }
    if (lane_rest_state(lane) != lane->state) {
        lanes_rest(dispatch, lane, now_ms);
    }
}

/* Messages */

static void span_defer(struct dispatch *dispatch, struct span *span)
{
    struct lane *lane = span->lane;
    if (span->is_deferred) {
        return;
    }
    window_remove(&dispatch->window, span);
    window_done(&dispatch->window, span_last(span));
    span->is_deferred = true;
    if (!progress_defer(&dispatch->pending, lane->queue_id, span->first,
                        span->count)) {
        dispatch->is_lost = true;
    }
}

static void span_release(struct dispatch *dispatch, struct span *span)
{
    TAILQ_REMOVE(&span->lane->spans, span, in_lane);
    span->lane = NULL;
    dispatch->calls->release_cb(dispatch->data, span);
}

void lanes_defer(struct dispatch *dispatch, struct lane *lane, bool drop)
{
    struct span *span;
    if (TAILQ_EMPTY(&lane->spans)) {
        return;
    }
    TAILQ_FOREACH (span, &lane->spans, in_lane) {
        span_defer(dispatch, span);
        if (span_last(span) > lane->backlog_last) {
            lane->backlog_last = span_last(span);
        }
    }
    if (drop) {
        lane->known_to = TAILQ_FIRST(&lane->spans)->first - 1;
    }
    while (drop && !TAILQ_EMPTY(&lane->spans)) {
        span_release(dispatch, TAILQ_FIRST(&lane->spans));
    }
}

void lanes_release_after(struct dispatch *dispatch, struct lane *lane,
                         struct span *last)
{
    struct span *span;
    while ((span = TAILQ_LAST(&lane->spans, span_list)) != last) {
        span_release(dispatch, span);
    }
}

static void span_advance(struct dispatch *dispatch, struct span *span,
                         uint32_t count)
{
    assert(count <= span->count);
    span->first += count;
    span->count -= count;
    if (span->count == 0) {
        if (!span->is_deferred) {
            window_remove(&dispatch->window, span);
        }
        span_release(dispatch, span);
        return;
    }
    const struct dispatch_calls *calls = dispatch->calls;
    uint32_t unwanted = calls->unwanted_cb != NULL
                            ? calls->unwanted_cb(dispatch->data, span)
                            : 0;
    if (unwanted > 0) {
        assert(unwanted < span->count);
        lanes_done(dispatch, span, unwanted);
    }
}

void lanes_defer_first(struct dispatch *dispatch, struct span *span)
{
    if (!span->is_deferred) {
        window_done(&dispatch->window, span->first);
        if (!progress_defer(&dispatch->pending, span->lane->queue_id,
                            span->first, 1)) {
            dispatch->is_lost = true;
        }
    }
    span_advance(dispatch, span, 1);
}

void lanes_done(struct dispatch *dispatch, struct span *span, uint32_t count)
{
    struct lane *lane = span->lane;
    if (!span->is_deferred) {
        window_done(&dispatch->window, span->first + count - 1);
    } else {
        lanes_settle(dispatch, lane, span->first, count);
    }
    span_advance(dispatch, span, count);
    lanes_moved(dispatch, lane);
}

void lanes_settle(struct dispatch *dispatch, const struct lane *lane,
                  uint64_t first, uint32_t count)
{
    if (!dispatch->is_by_queue &&
        !progress_settle(&dispatch->pending, lane->queue_id, first, count)) {
        dispatch->is_lost = true;
    }
}

void lanes_bury(struct dispatch *dispatch, const struct lane *lane,
                uint64_t arrival, const char *why)
{
    if (!progress_bury(&dispatch->pending, lane->queue_id, arrival, why,
                       lane_tries(lane, arrival))) {
        dispatch->is_lost = true;
        return;
    }
    dispatch->counts.dead_letters++;
    dispatch->calls->buried_cb(dispatch->data, lane, arrival, why);
}

/* Runs */

void lanes_join_run(struct dispatch *dispatch, struct lane *lane)
{
    if (!lane->is_in_run) {
        lane->is_in_run = true;
        TAILQ_INSERT_TAIL(&dispatch->run, lane, in_run);
    }
}

void lanes_leave_run(struct dispatch *dispatch, struct lane *lane)
{
    if (lane->is_in_run) {
        lane->is_in_run = false;
        TAILQ_REMOVE(&dispatch->run, lane, in_run);
    }
}
