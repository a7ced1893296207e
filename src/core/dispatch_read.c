/*
 * dispatch_read.c - the part of dispatch.h that decides what to read and where
 * it goes.
 */
#include <assert.h>

#include "core/dispatch_lanes.h"

void dispatch_wake(struct dispatch *dispatch)
{
    assert(!dispatch->is_by_queue);
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

void dispatch_stored(struct dispatch *dispatch, struct lane *lane,
                     uint64_t last)
{
    assert(dispatch->is_by_queue);
    if (last > lane->backlog_last) {
        lane->backlog_last = last;
    }
    if (lane->state == LANE_IDLE && lane->known_to < lane->backlog_last) {
        lanes_stay(dispatch, lane);
        lanes_enter(dispatch, lane, LANE_RECALLING);
    }
}

void dispatch_pass(struct dispatch *dispatch, struct lane *lane, uint64_t last)
{
    assert(dispatch->is_by_queue);
    assert(lane->state == LANE_IDLE);
    if (last > lane->known_to) {
        lane->known_to = last;
        lanes_moved(dispatch, lane);
    }
}

/* The end of its backlog as far as it is stored. */
static uint64_t stored_to(const struct dispatch *dispatch,
                          const struct lane *lane)
{
    return dispatch->is_by_queue ? lane->backlog_last : lane->backlog_saved;
}

/* The next lane whose backlog has been stored. Reading onward takes turns with
 * one recall at a time. */
static struct lane *recall_candidate(const struct dispatch *dispatch)
{
    struct lane *lane;
    if (dispatch->recall_count > 0 && !dispatch->is_by_queue) {
        return NULL;
    }
    TAILQ_FOREACH (lane, &dispatch->recalling, turn) {
        if (lane->known_to < stored_to(dispatch, lane) || lane->is_cut) {
            return lane;
        }
    }
    return NULL;
}

static bool has_turns(const struct dispatch *dispatch)
{
    return dispatch->in_flight > 0 || !TAILQ_EMPTY(&dispatch->ready) ||
           !TAILQ_EMPTY(&dispatch->recalling) || dispatch->recall_count > 0;
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
    lane->is_cut = false;
    lane->recall_to = stored_to(dispatch, lane);
    dispatch->recall_count++;
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

/* The first message after the stored position: there is nothing to save yet. */
static void note_stored_position(struct lane *lane, uint64_t first)
{
    if (lane->known_to == 0) {
        lane->position_saved = first - 1;
    }
}

bool dispatch_recall_add(struct dispatch *dispatch, struct lane *lane,
                         struct span *span)
{
    (void)dispatch;
    assert(lane->is_recalled);
    if (lane->is_recall_void) {
        return false;
    }
    note_stored_position(lane, span->first);
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
    lanes_settle(dispatch, lane, first, count);
    lane->known_to = first + count - 1;
    lanes_moved(dispatch, lane);
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
                          enum dispatch_recall outcome, uint64_t now_ms)
{
    bool has_all = outcome == DISPATCH_RECALL_ALL && !lane->is_recall_void;
    assert(lane->is_recalled);
    lane->is_cut = dispatch->is_by_queue && outcome != DISPATCH_RECALL_ALL &&
                   !lane->is_leaving;
    if (has_all && lane->known_to < lane->recall_to) {
        lane->known_to = lane->recall_to;
        lanes_moved(dispatch, lane);
    }
    lane->is_recalled = false;
    lane->is_recall_void = false;
    dispatch->recall_count--;
    if (lane->is_leaving) {
        lanes_leave(dispatch, lane);
    }
    if (outcome == DISPATCH_RECALL_NOTHING) {
        TAILQ_INSERT_HEAD(&dispatch->recalling, lane, turn);
        dispatch->was_recall = false;
    } else {
        TAILQ_INSERT_TAIL(&dispatch->recalling, lane, turn);
    }
    if (lane_rest_state(lane) != LANE_RECALLING) {
        lanes_rest(dispatch, lane, now_ms);
    }
}
