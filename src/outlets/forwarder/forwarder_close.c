/*
 * forwarder_close.c - ends a forwarder:
 *
 *   - ENDING: what is in flight may finish until the deadline.
 *   - CLOSING: the outlet is closed, which reports the rest as not delivered.
 *   - SAVING: reads end, and the progress is stored once more.
 *   - CLOSED: it is freed when its timer is closed.
 */
#include <stdlib.h>

#include "core/route.h"
#include "outlets/forwarder/forwarder_private.h"

void forwarder_free(struct forwarder *forwarder)
{
    if (forwarder->replay != NULL) {
        forwarder_replay_free(forwarder->replay);
    }
    route_free(forwarder->route);
    free(forwarder->flights);
    free(forwarder);
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct forwarder *forwarder = handle->data;
    void (*closed_cb)(void *data) = forwarder->closed_cb;
    void *data = forwarder->closed_data;

    forwarder_forget(forwarder);
    free(forwarder->spare);
    forwarder_free(forwarder);
    closed_cb(data);
}

static void on_outlet_closed(void *data)
{
    struct forwarder *forwarder = data;

    forwarder->outlet = NULL;
    forwarder->phase = FORWARDER_SAVING;
    forwarder_pump(forwarder);
}

void forwarder_end_deliveries(struct forwarder *forwarder)
{
    bool is_over = uv_now(forwarder->loop) >= forwarder->deadline_ms;

    if (forwarder->has_dispatch && forwarder->dispatch.in_flight > 0 &&
        !is_over) {
        (void)forwarder_save(forwarder);
        return;
    }
    forwarder->is_quiet = true; /* do not report cancelled parcels */
    if (forwarder->outlet != NULL) {
        forwarder->phase = FORWARDER_CLOSING;
        forwarder->outlet->type->close(forwarder->outlet, on_outlet_closed,
                                       forwarder);
    } else {
        forwarder->phase = FORWARDER_SAVING;
    }
}

void forwarder_end_all(struct forwarder *forwarder)
{
    if (forwarder_replay_finish(forwarder->replay) || forwarder->reads > 0 ||
        forwarder->is_asking) {
        return;
    }
    if (forwarder->has_dispatch &&
        (forwarder_save(forwarder) || forwarder->dispatch.is_saving)) {
        return;
    }
    forwarder->phase = FORWARDER_CLOSED;
    uv_close((uv_handle_t *)&forwarder->timer, on_timer_closed);
}

void forwarder_close(struct forwarder *forwarder, uint64_t deadline_ms,
                     void (*closed_cb)(void *data), void *data)
{
    uint64_t at_ms = uv_now(forwarder->loop) + deadline_ms;

    if (forwarder->phase >= FORWARDER_ENDING) {
        if (at_ms < forwarder->deadline_ms) {
            forwarder->deadline_ms = at_ms;
        }
    } else {
        forwarder->closed_cb = closed_cb;
        forwarder->closed_data = data;
        forwarder->deadline_ms = at_ms;
        forwarder->phase = FORWARDER_ENDING;
    }
    if (forwarder->phase != FORWARDER_CLOSED) {
        forwarder_wake_at(forwarder, 0);
    }
}
