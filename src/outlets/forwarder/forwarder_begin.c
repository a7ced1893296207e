/*
 * forwarder_begin.c - starts an outlet at its stored cursor, with the lanes
 * that have deferred messages; or with the lanes that have messages after their
 * stored positions.
 *
 * A new outlet first stores where it starts. From then on its row protects
 * what it has not forwarded, and "now" stays the moment that it was.
 */
#include "base/container_of.h"
#include "outlets/forwarder/forwarder_private.h"

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
        forwarder->is_save_failing = false;
        forwarder->phase = FORWARDER_WORKING;
        if (!lanes_add(forwarder, lanes, count)) {
            forwarder_forget(forwarder);
            forwarder->phase = FORWARDER_OPENING;
            forwarder_inbox_failed(forwarder, "out of memory");
        } else {
            forwarder_inbox_worked(forwarder);
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

static void on_first_saved(struct inbox_progress *save, int error,
                           const char *why)
{
    struct forwarder *forwarder = container_of(save, struct forwarder, save);

    forwarder->is_asking = false;
    if (error != 0) {
        forwarder_inbox_failed(forwarder, why);
    }
    forwarder_pump(forwarder);
}

static void first_save(struct forwarder *forwarder)
{
    forwarder->is_asking = true;
    forwarder->save = (struct inbox_progress){
        .outlet = forwarder->progress,
        .cursor = forwarder->progress->cursor,
        .progress_cb = on_first_saved,
    };
    inbox_advance(&forwarder->save);
}

/* Loads the progress first, stores it if it is new, then loads the lanes. */
void forwarder_begin(struct forwarder *forwarder)
{
    int error;

    if (forwarder->is_asking ||
        uv_now(forwarder->loop) < forwarder->retry_at_ms) {
        return;
    }
    if (forwarder->progress != NULL && forwarder->progress->is_new) {
        first_save(forwarder);
        return;
    }
    forwarder->asked_ms = uv_now(forwarder->loop);
    error = forwarder->progress == NULL
                ? inbox_outlet_open(forwarder->inbox, forwarder->options->name,
                                    forwarder_start_ms(forwarder), on_progress,
                                    forwarder)
                : forwarder_ask_lanes(forwarder, on_lanes);
    if (error != 0) {
        forwarder_inbox_failed(forwarder, haplo_error_text(error));
    } else {
        forwarder->is_asking = true;
    }
}
