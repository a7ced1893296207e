/*
 * dispatch_read.c - the part of dispatch.h that decides what to read and where
 * it goes.
 */
#include <assert.h>

#include "core/dispatch_lanes.h"

void dispatch_wake(struct dispatch *dispatch)
{
    dispatch->has_more = true;
    dispatch->was_woken = dispatch->is_reading;
}

void dispatch_backlog(struct dispatch *dispatch, struct lane *lane,
                      uint64_t first, uint64_t last)
{
    assert(first <= last);
    lane->known_to = first - 1;
    lane->backlog_last = last;
    lane->backlog_saved = last;
    lanes_enter(dispatch, lane, LANE_RECALLING);
}

/* The next lane whose backlog has been stored. */
static struct lane *recall_candidate(const struct dispatch *dispatch)
{
    struct lane *lane;
    if (dispatch->is_recalling) {
        return NULL;
    }
    TAILQ_FOREACH (lane, &dispatch->recalling, turn) {
        if (lane->known_to < lane->backlog_saved) {
            return lane;
        }
    }
    return NULL;
}

static bool has_turns(const struct dispatch *dispatch)
{
    return dispatch->in_flight > 0 || !TAILQ_EMPTY(&dispatch->ready) ||
           !TAILQ_EMPTY(&dispatch->recalling) || dispatch->is_recalling;
}

/* While the destination is broken, reads only until there is something to
 * probe with. */
static bool reads_onward(const struct dispatch *dispatch)
{
    return dispatch->has_more && !dispatch->is_reading &&
           dispatch->pending.deferred.message_count <
               DISPATCH_UNSAVED_DEFERRED &&
           (dispatch->breaker.state == BREAKER_UP || !has_turns(dispatch));
}

/* Memory is full of waiting lanes: releases some, so that others continue. */
static void make_room(struct dispatch *dispatch, uint64_t now_ms)
{
    if (has_turns(dispatch) || dispatch->breaker.state != BREAKER_UP) {
        return;
    }
    while (!TAILQ_EMPTY(&dispatch->window.spans)) {
        struct lane *lane = TAILQ_FIRST(&dispatch->window.spans)->lane;
        assert(lane->state == LANE_WAITING);
        lanes_defer(dispatch, lane, true);
    }
    window_note(&dispatch->window, now_ms);
}

bool dispatch_read_next(struct dispatch *dispatch, size_t bytes_held,
                        size_t bytes_read_max, struct dispatch_read *read,
                        uint64_t now_ms)
{
    struct lane *lane = recall_candidate(dispatch);
    bool is_onward = reads_onward(dispatch);
    if (dispatch->is_lost || (lane == NULL && !is_onward)) {
        return false;
    }
    if (bytes_held > 0 &&
        bytes_held + bytes_read_max > dispatch->policy->bytes_max) {
        make_room(dispatch, now_ms);
        return false;
    }
    if (lane != NULL && is_onward && dispatch->was_recall) {
        lane = NULL;
    }
    dispatch->was_recall = lane != NULL;
    if (lane == NULL) {
        dispatch->is_reading = true;
        *read = (struct dispatch_read){NULL, dispatch->window.read_to};
        return true;
    }
    TAILQ_REMOVE(&dispatch->recalling, lane, turn);
    lane->is_recalled = true;
    lane->recall_to = lane->backlog_saved;
    dispatch->is_recalling = true;
    *read = (struct dispatch_read){lane, lane->known_to};
    return true;
}

bool dispatch_onward_add(struct dispatch *dispatch, struct lane *lane,
                         struct span *span)
{
    if (!lane_defers(lane)) {
        window_add(&dispatch->window, span);
        lane_add(lane, span);
        if (lane->state == LANE_IDLE) {
            lanes_enter(dispatch, lane, LANE_READY);
        }
        return true;
    }
    if (!progress_defer(&dispatch->pending, lane->queue_id, span->first,
                        span->count)) {
        dispatch->is_lost = true;
    }
    lane->backlog_last = span_last(span);
    dispatch->window.read_to = span_last(span);
    window_done(&dispatch->window, span_last(span));
    return false;
}

bool dispatch_recall_add(struct dispatch *dispatch, struct lane *lane,
                         struct span *span)
{
    (void)dispatch;
    assert(lane->is_recalled);
    if (lane->is_recall_void) {
        return false;
    }
    span->is_deferred = true;
    lane_add(lane, span);
    return true;
}

void dispatch_recall_pass(struct dispatch *dispatch, struct lane *lane,
                          uint64_t first, uint32_t count)
{
    assert(lane->is_recalled);
    if (lane->is_recall_void) {
        return;
    }
    if (!progress_settle(&dispatch->pending, lane->queue_id, first, count)) {
        dispatch->is_lost = true;
    }
    lane->known_to = first + count - 1;
}

void dispatch_onward_done(struct dispatch *dispatch, uint64_t read_to,
                          bool has_more)
{
    assert(dispatch->is_reading);
    if (read_to > dispatch->window.read_to) {
        dispatch->window.read_to = read_to;
    }
    dispatch->is_reading = false;
    dispatch->has_more = has_more || dispatch->was_woken;
    dispatch->was_woken = false;
}

void dispatch_recall_done(struct dispatch *dispatch, struct lane *lane,
                          bool has_more, uint64_t now_ms)
{
    bool is_void = lane->is_recall_void;
    assert(lane->is_recalled);
    if (!has_more && !is_void && lane->known_to < lane->recall_to) {
        lane->known_to = lane->recall_to;
    }
    lane->is_recalled = false;
    lane->is_recall_void = false;
    dispatch->is_recalling = false;
    TAILQ_INSERT_TAIL(&dispatch->recalling, lane, turn);
    if (lane_rest_state(lane) != LANE_RECALLING) {
        lanes_rest(dispatch, lane, now_ms);
    }
}
