#include "core/dispatch.h"

#include <assert.h>

#include "base/alloc.h"
#include "base/container_of.h"
#include "core/dispatch_doubts.h"
#include "core/dispatch_lanes.h"
#include "haplopoll.h"

/* Lanes */

void dispatch_init(struct dispatch *dispatch,
                   const struct dispatch_policy *policy,
                   const struct dispatch_calls *calls, void *data,
                   uint64_t cursor, uint64_t seed)
{
    *dispatch = (struct dispatch){
        .policy = policy,
        .calls = calls,
        .data = data,
        .random.state = seed,
        .saved_cursor = cursor,
        .is_by_queue = cursor == DISPATCH_BY_QUEUE,
        .has_more = cursor != DISPATCH_BY_QUEUE,
    };
    breaker_init(&dispatch->breaker, &policy->breaker);
    window_init(&dispatch->window, cursor);
    progress_init(&dispatch->pending);
    progress_init(&dispatch->saving);
    TAILQ_INIT(&dispatch->ready);
    TAILQ_INIT(&dispatch->recalling);
    TAILQ_INIT(&dispatch->run);
    TAILQ_INIT(&dispatch->moved);
    TAILQ_INIT(&dispatch->leaving);
}

void dispatch_free(struct dispatch *dispatch)
{
    struct lane *lane;
    while ((lane = lane_table_any(&dispatch->lanes)) != NULL) {
        while (!TAILQ_EMPTY(&lane->spans)) {
            struct span *span = TAILQ_FIRST(&lane->spans);
            TAILQ_REMOVE(&lane->spans, span, in_lane);
            dispatch->calls->release_cb(dispatch->data, span);
        }
        lane_table_remove(&dispatch->lanes, lane);
        lane_free_doubts(lane);
        alloc_free(lane);
    }
    lane_table_free(&dispatch->lanes);
    heap_free(&dispatch->waits);
    progress_free(&dispatch->pending);
    progress_free(&dispatch->saving);
}

struct lane *dispatch_lane(struct dispatch *dispatch, uint64_t queue_id,
                           const char *server, const char *queue)
{
    struct lane *lane = lane_table_find(&dispatch->lanes, queue_id);
    if (lane != NULL) {
        return lane;
    }
    /* Reserve room for its wait now, so that waiting cannot fail later. */
    lane = alloc_bytes(sizeof *lane);
    if (lane == NULL ||
        heap_reserve(&dispatch->waits, (uint32_t)dispatch->lanes.count + 1) !=
            0) {
        alloc_free(lane);
        return NULL;
    }
    lane_init(lane, queue_id, server, queue);
    if (lane_table_add(&dispatch->lanes, lane) != 0) {
        alloc_free(lane);
        return NULL;
    }
    return lane;
}

void dispatch_lane_drop_idle(struct dispatch *dispatch, struct lane *lane)
{
    if (lane->state == LANE_IDLE) {
        lanes_drop(dispatch, lane);
    }
}

bool dispatch_is_caught_up(const struct dispatch *dispatch)
{
    return !dispatch->has_more && !dispatch->is_reading &&
           dispatch->lanes.count == 0 && dispatch_is_saved(dispatch);
}

bool dispatch_is_at_rest(const struct dispatch *dispatch)
{
    bool is_broken = dispatch->breaker.state == BREAKER_BROKEN;
    bool has_turns =
        !TAILQ_EMPTY(&dispatch->ready) || !TAILQ_EMPTY(&dispatch->recalling);
    return dispatch->in_flight == 0 && !dispatch->is_reading &&
           dispatch->recall_count == 0 && dispatch_is_saved(dispatch) &&
           (is_broken || (!has_turns && !dispatch->has_more));
}

/* The breaker */

/* While the destination is broken, no lane has its own wait: the next lane
 * probes. A blocked lane stays blocked, unless its message was refused only
 * because all are. */
static void on_opened(struct dispatch *dispatch, uint64_t now_ms)
{
    struct heap_entry *entry;
    doubts_end_proofs(dispatch);
    while ((entry = heap_take_due(&dispatch->waits, HEAP_NEVER)) != NULL) {
        lanes_retry(dispatch, container_of(entry, struct lane, wait), now_ms);
    }
    if (dispatch->policy->has_dead_letters || dispatch->breaker.is_refused) {
        doubts_void_run(dispatch, now_ms);
    }
}

static void breaker_tell(struct dispatch *dispatch, struct breaker_event event,
                         uint64_t now_ms)
{
    enum breaker_action action =
        breaker_step(&dispatch->breaker, &event, now_ms, &dispatch->random);
    if (action == BREAKER_ACTION_OPENED) {
        on_opened(dispatch, now_ms);
    }
    if (action != BREAKER_ACTION_NONE) {
        dispatch->calls->breaker_cb(dispatch->data, action);
    }
}

void dispatch_not_opened(struct dispatch *dispatch, uint64_t now_ms)
{
    breaker_tell(dispatch, (struct breaker_event){.kind = BREAKER_EVENT_BROKEN},
                 now_ms);
}

/* Delivering */

/* A queue has only one parcel with the outlet, including those of replays. */
static struct lane *first_ready(const struct dispatch *dispatch)
{
    struct lane *lane = TAILQ_FIRST(&dispatch->ready);
    return lane != NULL && lane->queue_id == dispatch->lent_queue_id
               ? TAILQ_NEXT(lane, turn)
               : lane;
}

bool dispatch_lend(struct dispatch *dispatch, uint64_t queue_id)
{
    const struct lane *lane = lane_table_find(&dispatch->lanes, queue_id);
    bool is_next = TAILQ_EMPTY(&dispatch->ready) ||
                   dispatch->lend_wait >= DISPATCH_LEND_AFTER;
    if (dispatch->is_lost || dispatch->lent_queue_id != 0 || !is_next ||
        dispatch->in_flight >= dispatch->policy->in_flight_max ||
        !breaker_admits(&dispatch->breaker, dispatch->in_flight) ||
        (lane != NULL && lane->state == LANE_DELIVERING)) {
        return false;
    }
    dispatch->in_flight++;
    dispatch->lent_queue_id = queue_id;
    dispatch->lend_wait = 0;
    return true;
}

/* Refused messages of a replay are counted by the replay. Here, they only show
 * that the destination can be reached. */
uint64_t dispatch_lend_end(struct dispatch *dispatch,
                           enum breaker_event_kind result, uint64_t now_ms)
{
    assert(dispatch->lent_queue_id != 0);
    dispatch->in_flight--;
    dispatch->lent_queue_id = 0;
    if (dispatch->breaker.state == BREAKER_PROBING) {
        breaker_tell(dispatch,
                     (struct breaker_event){.kind = result, .is_repeat = true},
                     now_ms);
    }
    return ++dispatch->refusals;
}

/* The lane whose turn it is, or NULL: none may send now. */
static struct lane *next_lane(const struct dispatch *dispatch)
{
    struct lane *lane = first_ready(dispatch);
    if (lane == NULL || dispatch->is_lost ||
        dispatch->in_flight >= dispatch->policy->in_flight_max ||
        !breaker_admits(&dispatch->breaker, dispatch->in_flight)) {
        return NULL;
    }
    return lane;
}

bool dispatch_has_next(const struct dispatch *dispatch)
{
    return next_lane(dispatch) != NULL;
}

struct span *dispatch_next(struct dispatch *dispatch)
{
    struct lane *lane = next_lane(dispatch);
    if (lane == NULL) {
        return NULL;
    }
    dispatch->in_flight++;
    dispatch->lend_wait++;
    lane->sent_at = dispatch->refusals;
    lanes_enter(dispatch, lane, LANE_DELIVERING);
    return TAILQ_FIRST(&lane->spans);
}

static void on_accepted(struct dispatch *dispatch, struct lane *lane,
                        uint64_t now_ms)
{
    lane->failures = 0;
    doubts_on_accepted(dispatch, lane, now_ms);
    breaker_tell(dispatch,
                 (struct breaker_event){.kind = BREAKER_EVENT_ACCEPTED},
                 now_ms);
}

void dispatch_delivered(struct dispatch *dispatch, struct span *span,
                        uint32_t count, uint64_t now_ms)
{
    struct lane *lane = span->lane;
    bool is_all = count == span->count;
    assert(lane->state == LANE_DELIVERING);
    if (count == 0) {
        return;
    }
    dispatch->counts.delivered += count;
    lanes_done(dispatch, span, count);
    on_accepted(dispatch, lane, now_ms);
    if (is_all) {
        dispatch->in_flight--;
        lanes_rest(dispatch, lane, now_ms);
    }
    window_note(&dispatch->window, now_ms);
}

static struct lane *span_returned(struct dispatch *dispatch,
                                  const struct span *span)
{
    assert(span->lane->state == LANE_DELIVERING);
    assert(span == TAILQ_FIRST(&span->lane->spans));
    dispatch->in_flight--;
    dispatch->counts.retries++;
    lane_note_try(span->lane, span->first);
    return span->lane;
}

void dispatch_retry(struct dispatch *dispatch, struct span *span,
                    uint64_t delay_ms, uint64_t now_ms)
{
    struct lane *lane = span_returned(dispatch, span);
    breaker_tell(dispatch,
                 (struct breaker_event){.kind = BREAKER_EVENT_FAILED,
                                        .delay_ms = delay_ms},
                 now_ms);
    if (dispatch->breaker.state == BREAKER_UP && !lane->is_leaving) {
        lanes_wait(dispatch, lane, delay_ms, now_ms);
    } else {
        lanes_retry(dispatch, lane, now_ms);
    }
    window_note(&dispatch->window, now_ms);
}

void dispatch_broken(struct dispatch *dispatch, struct span *span,
                     uint64_t delay_ms, uint64_t now_ms)
{
    struct lane *lane = span_returned(dispatch, span);
    breaker_tell(dispatch,
                 (struct breaker_event){.kind = BREAKER_EVENT_BROKEN,
                                        .delay_ms = delay_ms},
                 now_ms);
    lanes_retry(dispatch, lane, now_ms);
    window_note(&dispatch->window, now_ms);
}

void dispatch_refused(struct dispatch *dispatch, struct span *span,
                      const char *why, uint64_t now_ms)
{
    struct lane *lane = span_returned(dispatch, span);
    bool is_repeat = doubts_note_refusal(dispatch, lane, span->first);
    breaker_tell(dispatch,
                 (struct breaker_event){.kind = BREAKER_EVENT_REFUSED,
                                        .is_repeat = is_repeat},
                 now_ms);
    if (dispatch->breaker.state != BREAKER_BROKEN && !lane->is_leaving) {
        doubts_on_refused(dispatch, lane, span, why, now_ms);
    } else {
        lanes_retry(dispatch, lane, now_ms);
    }
    window_note(&dispatch->window, now_ms);
}

/* Release */

/* Skips the message that holds up a lane: the first one in doubt, or in
 * memory, or in its backlog. */
static void pass_held(struct dispatch *dispatch, struct lane *lane)
{
    struct doubt *doubt = STAILQ_FIRST(&lane->doubts);
    if (doubt == NULL && !TAILQ_EMPTY(&lane->spans)) {
        lanes_done(dispatch, TAILQ_FIRST(&lane->spans), 1);
        return;
    }
    lanes_settle(dispatch, lane, lane->held_arrival, 1);
    if (doubt != NULL) {
        STAILQ_REMOVE_HEAD(&lane->doubts, link);
        alloc_free(doubt);
    } else {
        lane->known_to = lane->held_arrival;
    }
    lanes_moved(dispatch, lane);
}

/* What the outlet said about the message that holds up a lane, or else why. */
static const char *reason_of(const struct lane *lane, const char *why)
{
    const struct doubt *doubt = STAILQ_FIRST(&lane->doubts);
    if (lane->state == LANE_BLOCKED && lane->held_why != NULL) {
        return lane->held_why;
    }
    return doubt != NULL && doubt->arrival == lane->held_arrival ? doubt->why
                                                                 : why;
}

int dispatch_release(struct dispatch *dispatch, struct lane *lane,
                     enum dispatch_release release, const char *why,
                     uint64_t now_ms)
{
    bool is_held = lane->state == LANE_BLOCKED || lane->state == LANE_WAITING;
    if (lane->state == LANE_READY && dispatch->breaker.state != BREAKER_UP) {
        lane->held_arrival = lane_head(lane);
        is_held = STAILQ_EMPTY(&lane->doubts);
    }
    if (!is_held) {
        return lane->state == LANE_DELIVERING ? HAPLO_EBUSY : HAPLO_ENOTFOUND;
    }
    if (release == DISPATCH_BURY) {
        lanes_bury(dispatch, lane, lane->held_arrival, reason_of(lane, why));
    }
    if (release != DISPATCH_RETRY) {
        dispatch->counts.skipped += release == DISPATCH_SKIP ? 1 : 0;
        pass_held(dispatch, lane);
    }
    lane->failures = 0;
    lanes_leave_run(dispatch, lane);
    lanes_retry(dispatch, lane, now_ms);
    window_note(&dispatch->window, now_ms);
    return 0;
}

/* Time */

void dispatch_due(struct dispatch *dispatch, uint64_t now_ms)
{
    struct heap_entry *entry;
    while ((entry = heap_take_due(&dispatch->waits, now_ms)) != NULL) {
        lanes_retry(dispatch, container_of(entry, struct lane, wait), now_ms);
    }
    breaker_tell(dispatch, (struct breaker_event){.kind = BREAKER_EVENT_DUE},
                 now_ms);
}
