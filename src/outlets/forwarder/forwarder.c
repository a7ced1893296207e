/*
 * forwarder.c - runs one outlet. Each of these steps ends in forwarder_pump():
 *
 *   - The inbox reports the stored progress of the outlet, and the lanes with
 *     deferred messages (forwarder_begin.c). If the outlet has positions, lanes
 *     with messages are reported at any time (forwarder_ask.c).
 *   - Pages are read ahead and cut into parcels (forwarder_read.c,
 *     forwarder_cut.c).
 *   - The outlet is opened. Parcels are passed to it, and its results to the
 *     dispatch (forwarder_deliver.c).
 *   - What is done is stored, and with it what is deferred (forwarder_save.c).
 *
 * Failures:
 *
 *   - The inbox reports an error: it is asked again, after waits that double
 *     up to FORWARDER_RETRY_MS_MAX.
 *   - The outlet cannot be opened: its destination is broken, so it is retried
 *     with back-off.
 *   - A parcel is not delivered: see dispatch.h.
 *   - Memory runs out when progress must be recorded: everything is discarded,
 *     and the outlet starts again from what is stored, which repeats some
 *     messages.
 *
 * How it ends is told in forwarder_close.c; how several hosts share an outlet,
 * in forwarder_share.c.
 */
#include "outlets/forwarder/forwarder.h"

#include <assert.h>
#include <stdlib.h>

#include "core/route.h"
#include "outlets/forwarder/forwarder_private.h"

#define READ_AHEAD_BYTES_MAX 16777216
#define BACKOFF_MS 1000
#define BACKOFF_MAX_MS 300000
#define BREAKER_FAILURES 5
#define BREAKER_REFUSALS 10

/* The next step */

static void on_timer(uv_timer_t *timer)
{
    forwarder_pump(timer->data);
}

static uint64_t earlier_ms(uint64_t a_ms, uint64_t b_ms)
{
    return a_ms < b_ms ? a_ms : b_ms;
}

static uint64_t due_ms(const struct forwarder *forwarder)
{
    uint64_t due = HEAP_NEVER;

    if (forwarder->phase == FORWARDER_ENDING) {
        return forwarder->deadline_ms;
    }
    if (forwarder->phase == FORWARDER_WORKING) {
        due = earlier_ms(dispatch_due_ms(&forwarder->dispatch),
                         forwarder_ask_ms(forwarder));
        due = earlier_ms(due, forwarder_replay_due_ms(forwarder->replay));
        due = forwarder->is_held
                  ? earlier_ms(due, uv_now(forwarder->loop) + FORWARDER_HELD_MS)
                  : due;
    }
    if (forwarder->phase <= FORWARDER_WORKING &&
        forwarder->retry_at_ms > uv_now(forwarder->loop)) {
        due = earlier_ms(due, forwarder->retry_at_ms);
    }
    return due;
}

void forwarder_wake_at(struct forwarder *forwarder, uint64_t at_ms)
{
    uint64_t now_ms = uv_now(forwarder->loop);
    int result = at_ms == HEAP_NEVER
                     ? uv_timer_stop(&forwarder->timer)
                     : uv_timer_start(&forwarder->timer, on_timer,
                                      at_ms > now_ms ? at_ms - now_ms : 0, 0);

    assert(result == 0); /* cannot fail: it is not closing */
    (void)result;
}

static bool is_at_rest(const struct forwarder *forwarder)
{
    return dispatch_is_at_rest(&forwarder->dispatch) &&
           !forwarder_has_to_ask(forwarder) &&
           forwarder_replay_is_at_rest(forwarder->replay);
}

static void note_rest(struct forwarder *forwarder)
{
    bool was_at_rest = forwarder->is_at_rest;

    forwarder->is_at_rest = is_at_rest(forwarder);
    if (forwarder->is_at_rest && !was_at_rest) {
        forwarder_tell(forwarder, NULL, "at rest", "", 0, 0);
    }
}

/* Starts again from what is stored, once nothing is outstanding. */
static void begin_again(struct forwarder *forwarder)
{
    if (forwarder->dispatch.in_flight > 0 || forwarder->reads > 0 ||
        forwarder->dispatch.is_saving) {
        return;
    }
    forwarder_forget(forwarder);
    forwarder->phase = FORWARDER_OPENING;
    forwarder_inbox_failed(forwarder, "out of memory");
}

static void work(struct forwarder *forwarder)
{
    forwarder->is_held = false;
    forwarder_withdraw(forwarder);
    dispatch_due(&forwarder->dispatch, uv_now(forwarder->loop));
    forwarder_ask(forwarder);
    forwarder_read(forwarder);
    forwarder_deliver(forwarder);
    forwarder_replay_work(forwarder->replay);
    (void)forwarder_save(forwarder);
    if (forwarder->dispatch.is_lost) {
        begin_again(forwarder);
    } else {
        note_rest(forwarder);
    }
}

void forwarder_pump(struct forwarder *forwarder)
{
    if (forwarder->phase == FORWARDER_OPENING) {
        forwarder_begin(forwarder);
    }
    if (forwarder->phase == FORWARDER_WORKING) {
        work(forwarder);
    }
    if (forwarder->phase <= FORWARDER_WORKING) {
        forwarder_tell_drained(forwarder);
    }
    if (forwarder->phase == FORWARDER_ENDING) {
        forwarder_end_deliveries(forwarder);
    }
    if (forwarder->phase == FORWARDER_SAVING) {
        forwarder_end_all(forwarder);
    }
    if (forwarder->phase != FORWARDER_CLOSED) {
        forwarder_wake_at(forwarder, due_ms(forwarder));
    }
}

/* Public */

static uint64_t or_default(uint64_t value, uint64_t fallback)
{
    return value != 0 ? value : fallback;
}

static void policy_set(struct forwarder *forwarder)
{
    const struct forwarder_options *options = forwarder->options;

    forwarder->policy = (struct dispatch_policy){
        .breaker =
            {
                .backoff_ms = or_default(options->backoff_ms, BACKOFF_MS),
                .backoff_max_ms =
                    or_default(options->backoff_max_ms, BACKOFF_MAX_MS),
                .failures_max = (unsigned)or_default(options->breaker_failures,
                                                     BREAKER_FAILURES),
                .refusals_max = (unsigned)or_default(options->breaker_refusals,
                                                     BREAKER_REFUSALS),
            },
        .in_flight_max =
            (unsigned)or_default(options->in_flight_max,
                                 or_default(options->type->in_flight_max, 1)),
        .bytes_max = (size_t)or_default(options->read_ahead_bytes_max,
                                        READ_AHEAD_BYTES_MAX),
        .has_dead_letters = options->on_refused == FORWARDER_DEAD_LETTER,
    };
    forwarder->read_bytes_max = forwarder->policy.bytes_max / 4;
}

struct forwarder *forwarder_new(uv_loop_t *loop, struct inbox *inbox,
                                const struct forwarder_options *options,
                                forwarder_event_cb event_cb, void *data)
{
    struct forwarder *forwarder = calloc(1, sizeof(*forwarder));
    int result;

    if (forwarder == NULL) {
        return NULL;
    }
    forwarder->loop = loop;
    forwarder->inbox = inbox;
    forwarder->options = options;
    forwarder->event_cb = event_cb;
    forwarder->data = data;
    policy_set(forwarder);
    forwarder->flights =
        calloc(forwarder->policy.in_flight_max, sizeof(*forwarder->flights));
    forwarder->replay = forwarder_replay_new(forwarder);
    if (forwarder->flights == NULL || forwarder->replay == NULL ||
        (options->when != NULL &&
         route_new(&forwarder->route, options->when, NULL) != 0)) {
        forwarder_free(forwarder);
        return NULL;
    }
    result = uv_timer_init(loop, &forwarder->timer);
    assert(result == 0); /* cannot fail */
    (void)result;
    forwarder->timer.data = forwarder;
    forwarder_wake_at(forwarder, 0);
    return forwarder;
}

static void note_stored(struct forwarder *forwarder,
                        const struct inbox_queue *queue, uint64_t last_arrival,
                        size_t count)
{
    if (!forwarder->dispatch.is_by_queue) {
        dispatch_wake(&forwarder->dispatch);
        return;
    }
    if (queue == NULL ||
        !forwarder_note_lane(forwarder, queue->id, queue->server, queue->name,
                             last_arrival)) {
        forwarder->has_to_ask = true;
    } else if (!forwarder_wants(forwarder, queue->server, queue->name)) {
        forwarder->filtered_count += count;
    }
}

void forwarder_wake(struct forwarder *forwarder,
                    const struct inbox_queue *queue, uint64_t last_arrival,
                    size_t count)
{
    if (forwarder->phase == FORWARDER_OPENING) {
        forwarder->has_to_ask = true; /* it may have asked before that */
    } else if (forwarder->phase == FORWARDER_WORKING) {
        note_stored(forwarder, queue, last_arrival, count);
        forwarder->is_at_rest = false;
        forwarder_wake_at(forwarder, 0);
    }
}

void forwarder_replay(struct forwarder *forwarder)
{
    forwarder_replay_look(forwarder->replay);
    if (forwarder->phase == FORWARDER_WORKING) {
        forwarder->is_at_rest = false;
        forwarder_wake_at(forwarder, 0);
    }
}

static uint64_t next_try_ms(const struct forwarder *forwarder)
{
    uint64_t now_ms = uv_now(forwarder->loop);
    uint64_t due = earlier_ms(heap_first_ms(&forwarder->dispatch.waits),
                              forwarder->dispatch.breaker.due_ms);

    return due == HEAP_NEVER || due < now_ms ? 0 : due - now_ms;
}

void forwarder_stats(const struct forwarder *forwarder,
                     struct forwarder_stats *stats)
{
    const struct dispatch *dispatch = &forwarder->dispatch;

    *stats = (struct forwarder_stats){
        .name = forwarder->options->name,
        .why = forwarder->why.text,
        .filtered_count = forwarder->filtered_count + forwarder->between_count,
        .delivered_at_ms = forwarder->delivered_at_ms,
        .is_inbox_down = forwarder->inbox_wait_ms >= FORWARDER_RETRY_MS_MAX,
    };
    if (!forwarder->has_dispatch) {
        return;
    }
    stats->is_broken = dispatch->breaker.state != BREAKER_UP;
    stats->is_caught_up = dispatch_is_caught_up(dispatch) &&
                          !forwarder_has_to_ask(forwarder) &&
                          forwarder_replay_is_over(forwarder->replay);
    stats->is_at_rest = is_at_rest(forwarder);
    stats->blocked_lane_count = dispatch->blocked_count;
    stats->waiting_lane_count = dispatch->waiting_count;
    stats->wait_ms = next_try_ms(forwarder);
    stats->cursor = forwarder->progress->cursor;
    stats->delivered_count =
        dispatch->counts.delivered - forwarder->between_count;
    stats->dead_letter_count = dispatch->counts.dead_letters;
    stats->skipped_count = dispatch->counts.skipped;
    stats->retry_count = dispatch->counts.retries;
}

int forwarder_release_lane(struct forwarder *forwarder, const char *server,
                           const char *queue, enum forwarder_release release)
{
    static const enum dispatch_release releases[] = {
        [FORWARDER_RETRY] = DISPATCH_RETRY,
        [FORWARDER_SKIP] = DISPATCH_SKIP,
        [FORWARDER_TO_DEAD_LETTERS] = DISPATCH_BURY,
    };
    struct lane *lane;
    int result;

    if (forwarder->phase != FORWARDER_WORKING) {
        return HAPLO_ENOTFOUND;
    }
    lane = lane_table_find_name(&forwarder->dispatch.lanes, server, queue);
    if (lane == NULL) {
        return HAPLO_ENOTFOUND;
    }
    forwarder->is_quiet = true; /* the caller gets the result */
    result =
        dispatch_release(&forwarder->dispatch, lane, releases[release],
                         "given up by an operator", uv_now(forwarder->loop));
    forwarder->is_quiet = false;
    forwarder->is_at_rest = false;
    forwarder_wake_at(forwarder, 0);
    return result;
}
