/*
 * forwarder_begin.c - starts an outlet at its stored cursor, with the lanes
 * that have deferred messages; or with the lanes that have messages after their
 * stored positions.
 */
#include "outlets/forwarder_private.h"

void forwarder_forget(struct forwarder *forwarder)
{
    if (forwarder->has_dispatch) {
        forwarder->has_dispatch = false;
        dispatch_free(&forwarder->dispatch);
    }
}

static uint64_t seed_of(const struct forwarder *forwarder)
{
    uint64_t seed = uv_now(forwarder->loop);

    for (const char *c = forwarder->options->name; *c != '\0'; c++) {
        seed = seed * 31 + (unsigned char)*c;
    }
    return seed;
}

/* Adds a lane with deferred messages, all of which are before the cursor. */
static bool backlog_add(struct forwarder *forwarder,
                        const struct inbox_deferred_lane *what)
{
    struct lane *lane = dispatch_lane(&forwarder->dispatch, what->queue_id,
                                      what->server, what->queue);

    if (lane == NULL) {
        return false;
    }
    dispatch_backlog(&forwarder->dispatch, lane, what->first_arrival,
                     forwarder->progress->cursor);
    return true;
}

static bool lanes_add(struct forwarder *forwarder,
                      const struct inbox_deferred_lane *lanes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct inbox_deferred_lane *lane = &lanes[i];
        bool is_added =
            forwarder->progress->is_by_queue
                ? forwarder_note_lane(forwarder, lane->queue_id, lane->server,
                                      lane->queue, lane->last_arrival)
                : backlog_add(forwarder, lane);

        if (!is_added) {
            return false;
        }
    }
    return true;
}

static void on_lanes(struct inbox_outlet *outlet, int error, const char *why,
                     const struct inbox_deferred_lane *lanes, size_t count,
                     void *data)
{
    struct forwarder *forwarder = data;

    forwarder->is_asking = false;
    if (error != 0) {
        forwarder_inbox_failed(forwarder, why);
    } else if (forwarder->phase == FORWARDER_OPENING) {
        dispatch_init(&forwarder->dispatch, &forwarder->policy,
                      &forwarder_calls, forwarder,
                      outlet->is_by_queue ? DISPATCH_BY_QUEUE : outlet->cursor,
                      seed_of(forwarder));
        forwarder_ask_later(forwarder);
        forwarder->has_dispatch = true;
        forwarder->inbox_wait_ms = 0;
        forwarder->phase = FORWARDER_WORKING;
        if (!lanes_add(forwarder, lanes, count)) {
            forwarder_forget(forwarder);
            forwarder->phase = FORWARDER_OPENING;
            forwarder_inbox_failed(forwarder, "out of memory");
        }
    }
    forwarder_pump(forwarder);
}

static void on_progress(struct inbox_outlet *outlet, int error, const char *why,
                        void *data)
{
    struct forwarder *forwarder = data;

    forwarder->is_asking = false;
    forwarder->progress = outlet;
    if (error != 0) {
        forwarder_inbox_failed(forwarder, why);
    }
    forwarder_pump(forwarder);
}

/* Loads the progress first, then the lanes. */
void forwarder_begin(struct forwarder *forwarder)
{
    int error;

    if (forwarder->is_asking ||
        uv_now(forwarder->loop) < forwarder->retry_at_ms) {
        return;
    }
    forwarder->asked_ms = uv_now(forwarder->loop);
    error = forwarder->progress == NULL
                ? inbox_outlet_open(forwarder->inbox, forwarder->options->name,
                                    on_progress, forwarder)
                : inbox_outlet_lanes(forwarder->progress, on_lanes, forwarder);
    if (error != 0) {
        forwarder_inbox_failed(forwarder, haplo_error_text(error));
    } else {
        forwarder->is_asking = true;
    }
}
