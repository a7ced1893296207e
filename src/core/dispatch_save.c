/*
 * dispatch_save.c - the part of dispatch.h that saves: how far the cursor may
 * move, and what to defer so that it can; or the positions of lanes.
 */
#include <assert.h>

#include "core/dispatch_lanes.h"

static bool is_hold_over(const struct dispatch *dispatch, uint64_t now_ms)
{
    return dispatch->window.held_since_ms != HEAP_NEVER &&
           now_ms >= dispatch->window.held_since_ms + DISPATCH_HOLD_MS;
}

/* Defers lanes that hold back the cursor: waiting ones immediately, slow ones
 * later or before the end. */
static void make_way(struct dispatch *dispatch, bool is_last, uint64_t now_ms)
{
    bool is_over = is_last || is_hold_over(dispatch, now_ms);
    struct span *holder;
    while ((holder = window_holder(&dispatch->window)) != NULL) {
        bool waits = holder->lane->state == LANE_WAITING;
        if (!waits && !is_over) {
            break;
        }
        lanes_defer(dispatch, holder->lane, waits);
    }
    window_note(&dispatch->window, now_ms);
}

bool dispatch_is_saved(const struct dispatch *dispatch)
{
    return !dispatch->is_save_open && TAILQ_EMPTY(&dispatch->moved) &&
           dispatch->pending.lowest == UINT64_MAX &&
           window_cursor(&dispatch->window) == dispatch->saved_cursor;
}

static bool may_save(const struct dispatch *dispatch)
{
    uint64_t cursor = window_cursor(&dispatch->window);
    return dispatch->is_save_open || !TAILQ_EMPTY(&dispatch->moved) ||
           dispatch->pending.lowest <= cursor ||
           cursor != dispatch->saved_cursor;
}

/* False if memory runs out. */
static bool place_moved(struct dispatch *dispatch)
{
    while (!TAILQ_EMPTY(&dispatch->moved)) {
        struct lane *lane = TAILQ_FIRST(&dispatch->moved);
        if (!progress_place(&dispatch->saving, lane->queue_id,
                            lane_position(lane))) {
            return false;
        }
        TAILQ_REMOVE(&dispatch->moved, lane, in_moved);
        lane->is_moved = false;
    }
    return true;
}

const struct progress *dispatch_save_begin(struct dispatch *dispatch,
                                           bool is_last, uint64_t now_ms)
{
    if (dispatch->is_saving || dispatch->is_lost ||
        (now_ms < dispatch->save_due_ms && !is_last)) {
        return NULL;
    }
    if (!dispatch->is_save_open) {
        make_way(dispatch, is_last, now_ms);
        if (dispatch->is_lost || !may_save(dispatch)) {
            return NULL;
        }
        if (!progress_move(&dispatch->pending, &dispatch->saving,
                           window_cursor(&dispatch->window)) ||
            !place_moved(dispatch)) {
            dispatch->is_lost = true;
            return NULL;
        }
    }
    dispatch->is_save_open = true;
    dispatch->is_saving = true;
    return &dispatch->saving;
}

/* Their backlogs have been stored. */
static void deferred_are_saved(struct dispatch *dispatch)
{
    const struct arrival_ranges *deferred = &dispatch->saving.deferred;
    for (size_t i = 0; i < deferred->count; i++) {
        const struct arrival_range *range = &deferred->items[i];
        struct lane *lane = lane_table_find(&dispatch->lanes, range->queue_id);
        uint64_t last = range->first + range->count - 1;
        if (lane != NULL && lane->backlog_saved < last) {
            lane->backlog_saved = last;
        }
    }
}

/* A lane that was kept only for this is dropped. */
static void positions_are_saved(struct dispatch *dispatch)
{
    for (size_t i = 0; i < dispatch->saving.position_count; i++) {
        const struct queue_position *position = &dispatch->saving.positions[i];
        struct lane *lane =
            lane_table_find(&dispatch->lanes, position->queue_id);
        assert(lane != NULL);
        lane->position_saved = position->arrival;
        lanes_saved(dispatch, lane);
        dispatch_lane_drop_idle(dispatch, lane);
    }
}

void dispatch_save_end(struct dispatch *dispatch, bool is_stored,
                       uint64_t now_ms)
{
    assert(dispatch->is_saving);
    dispatch->is_saving = false;
    dispatch->save_due_ms =
        now_ms + (is_stored ? DISPATCH_SAVE_MS : DISPATCH_SAVE_RETRY_MS);
    if (!is_stored) {
        return; /* the same again: harmless if it was stored */
    }
    deferred_are_saved(dispatch);
    positions_are_saved(dispatch);
    dispatch->saved_cursor = dispatch->saving.cursor;
    dispatch->is_save_open = false;
    progress_clear(&dispatch->saving);
}

static uint64_t earlier_ms(uint64_t a_ms, uint64_t b_ms)
{
    return a_ms < b_ms ? a_ms : b_ms;
}

/* When the next save may start, if there is or will be something to save. */
static uint64_t save_due_ms(const struct dispatch *dispatch)
{
    uint64_t hold_over_ms = dispatch->window.held_since_ms;
    if (dispatch->is_saving || dispatch->is_lost) {
        return HEAP_NEVER;
    }
    if (may_save(dispatch)) {
        return dispatch->save_due_ms;
    }
    if (hold_over_ms == HEAP_NEVER) {
        return HEAP_NEVER;
    }
    hold_over_ms += DISPATCH_HOLD_MS;
    return hold_over_ms > dispatch->save_due_ms ? hold_over_ms
                                                : dispatch->save_due_ms;
}

uint64_t dispatch_due_ms(const struct dispatch *dispatch)
{
    return earlier_ms(
        save_due_ms(dispatch),
        earlier_ms(heap_first_ms(&dispatch->waits), dispatch->breaker.due_ms));
}
