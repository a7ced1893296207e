/*
 * The life of a refused message, if such messages become dead letters:
 *
 *   - It is put in doubt: stored as deferred, while its lane continues.
 *   - A later message of its lane is accepted: it becomes a dead letter.
 *   - A message of another lane is accepted that was sent after the refusal:
 *     it is tried once more, and becomes a dead letter if it is refused again.
 *   - The breaker opens first: it counts as never tried, since all may have
 *     been refused.
 */
#include "core/dispatch_doubts.h"

#include "core/dispatch_lanes.h"

/* Refused */

bool doubts_note_refusal(struct dispatch *dispatch, struct lane *lane,
                         uint64_t arrival)
{
    bool is_same_run = lane->refused_run == dispatch->breaker.run;
    bool is_repeat = is_same_run && arrival <= lane->refused_to;
    lane->refused_run = dispatch->breaker.run;
    lane->refused_to = is_repeat ? lane->refused_to : arrival;
    lane->refused_at = ++dispatch->refusals;
    lanes_join_run(dispatch, lane);
    return is_repeat;
}

/* Puts a refused message in doubt and removes it from the span. It is stored
 * as deferred, so that the cursor may pass it. */
static void put_aside(struct dispatch *dispatch, struct lane *lane,
                      struct span *span, const char *why)
{
    if (!lane_doubt(lane, span->first, why)) {
        dispatch->is_lost = true;
    }
    lanes_defer_first(dispatch, span);
}

/* True if it was refused before, and the destination has been fine since. */
static bool is_proven(const struct dispatch *dispatch, const struct lane *lane,
                      uint64_t arrival)
{
    return arrival <= lane->proven_to && lane->proven_in == dispatch->openings;
}

void doubts_on_refused(struct dispatch *dispatch, struct lane *lane,
                       struct span *span, const char *why, uint64_t now_ms)
{
    if (!dispatch->policy->has_dead_letters) {
        lane_note_why(lane, why);
        lane->held_arrival = span->first;
        lanes_defer(dispatch, lane, true);
        lanes_enter(dispatch, lane, LANE_BLOCKED);
        return;
    }
    if (is_proven(dispatch, lane, span->first)) {
        lanes_bury(dispatch, lane, span->first, why);
        lanes_done(dispatch, span, 1);
    } else {
        put_aside(dispatch, lane, span, why);
    }
    lanes_rest(dispatch, lane, now_ms);
}

/* Accepted */

/* The outlet has accepted a later message, so their data is the cause. */
static void doubts_confirm(struct dispatch *dispatch, struct lane *lane)
{
    struct doubt *doubt;
    STAILQ_FOREACH (doubt, &lane->doubts, link) {
        lanes_bury(dispatch, lane, doubt->arrival, doubt->why);
        lanes_settle(dispatch, lane, doubt->arrival, 1);
    }
    lane_free_doubts(lane);
    lanes_moved(dispatch, lane);
}

/* It has accepted a message of another lane. So this lane tries its first
 * message in doubt again; if it is refused again, and the breaker has not
 * opened, its data is the cause. */
static void doubts_prove(struct dispatch *dispatch, struct lane *lane,
                         uint64_t now_ms)
{
    const struct doubt *doubt;
    lanes_leave_run(dispatch, lane);
    lane->proven_in = dispatch->openings;
    STAILQ_FOREACH (doubt, &lane->doubts, link) {
        lane->proven_to = doubt->arrival;
    }
    if (lane->state != LANE_DELIVERING && !STAILQ_EMPTY(&lane->doubts)) {
        lanes_retry(dispatch, lane, now_ms);
    }
}

void doubts_on_accepted(struct dispatch *dispatch, struct lane *lane,
                        uint64_t now_ms)
{
    lanes_leave_run(dispatch, lane);
    doubts_confirm(dispatch, lane);
    if (lane->sent_at > dispatch->proven_to) {
        dispatch->proven_to = lane->sent_at;
    }
    for (struct lane *other = TAILQ_FIRST(&dispatch->run), *next; other != NULL;
         other = next) {
        next = TAILQ_NEXT(other, in_run);
        /* What was sent before a refusal proves nothing about it: the
         * destination may have broken in between. */
        if (other->refused_at <= lane->sent_at) {
            doubts_prove(dispatch, other, now_ms);
        }
    }
}

/* The breaker has opened */

void doubts_end_proofs(struct dispatch *dispatch)
{
    dispatch->openings++;
    dispatch->proven_to = 0;
}

void doubts_void_run(struct dispatch *dispatch, uint64_t now_ms)
{
    while (!TAILQ_EMPTY(&dispatch->run)) {
        struct lane *lane = TAILQ_FIRST(&dispatch->run);
        lanes_leave_run(dispatch, lane);
        /* A lane that is delivering is handled when its parcel is done. */
        if (lane->state != LANE_DELIVERING) {
            lanes_retry(dispatch, lane, now_ms);
        }
    }
}
