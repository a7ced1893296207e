/*
 * forwarder_begin.c - starts an outlet at its stored cursor, with the lanes
 * that have deferred messages.
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

/* Adds lanes with deferred messages, all of which are before the cursor. */
static bool lanes_add(struct forwarder *forwarder,
                      const struct inbox_deferred_lane *lanes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct lane *lane =
            dispatch_lane(&forwarder->dispatch, lanes[i].queue_id,
                          lanes[i].server, lanes[i].queue);

        if (lane == NULL) {
            return false;
        }
        dispatch_backlog(&forwarder->dispatch, lane, lanes[i].first_arrival,
                         forwarder->progress->cursor);
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
                      &forwarder_calls, forwarder, outlet->cursor,
                      seed_of(forwarder));
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
