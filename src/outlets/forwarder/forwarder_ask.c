/*
 * forwarder_ask.c - finds the lanes with messages, for an outlet that has a
 * position in each queue instead of a cursor.
 *
 *   - The inbox tells which messages this process has stored.
 *   - What other processes have stored is found by asking the inbox: when it
 *     says so, and otherwise every FORWARDER_ASK_MS. This takes longer the more
 *     queues there are, so the waits become longer as well.
 *   - Lanes of queues that the outlet does not want are passed unread.
 *
 * It does no harm if a lane is reported that has nothing new: what is read
 * always begins after the stored position.
 */
#include "outlets/forwarder/forwarder_private.h"

bool forwarder_note_lane(struct forwarder *forwarder, uint64_t queue_id,
                         const char *server, const char *queue,
                         uint64_t last_arrival)
{
    struct dispatch *dispatch = &forwarder->dispatch;
    struct lane *lane = lane_table_find(&dispatch->lanes, queue_id);
    unsigned slot =
        lane != NULL ? lane->slot : forwarder_slot(forwarder, server);

    if (!forwarder_owns_slot(forwarder, slot)) {
        return true;
    }
    lane = dispatch_lane(dispatch, queue_id, server, queue);
    if (lane == NULL) {
        return false;
    }
    lane->slot = slot;
    if (forwarder_wants(forwarder, server, queue)) {
        dispatch_stored(dispatch, lane, last_arrival);
    } else {
        dispatch_pass(dispatch, lane, last_arrival);
    }
    return true;
}

static void note_lanes(struct forwarder *forwarder,
                       const struct inbox_deferred_lane *lanes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!forwarder_note_lane(forwarder, lanes[i].queue_id, lanes[i].server,
                                 lanes[i].queue, lanes[i].last_arrival)) {
            forwarder->has_to_ask = true;
            forwarder_inbox_failed(forwarder, "out of memory");
            return;
        }
    }
}

static void on_lanes(struct inbox_outlet *outlet, int error, const char *why,
                     const struct inbox_deferred_lane *lanes, size_t count,
                     void *data)
{
    struct forwarder *forwarder = data;

    (void)outlet;
    forwarder->is_asking = false;
    forwarder_ask_later(forwarder);
    if (error != 0) {
        forwarder->has_to_ask = true;
        forwarder_inbox_failed(forwarder, why);
    } else if (forwarder->phase == FORWARDER_WORKING) {
        note_lanes(forwarder, lanes, count);
    }
    forwarder->is_answer_due = false;
    forwarder_pump(forwarder);
}

static uint64_t between_ms(uint64_t least_ms, uint64_t value_ms)
{
    if (value_ms < least_ms) {
        return least_ms;
    }
    return value_ms < FORWARDER_ASK_MAX_MS ? value_ms : FORWARDER_ASK_MAX_MS;
}

void forwarder_ask_later(struct forwarder *forwarder)
{
    uint64_t now_ms = uv_now(forwarder->loop);
    uint64_t took_ms = now_ms - forwarder->asked_ms + 1;

    forwarder->ask_least_ms = now_ms + between_ms(0, 10 * took_ms);
    forwarder->ask_next_ms =
        now_ms + between_ms(FORWARDER_ASK_MS, 100 * took_ms);
}

uint64_t forwarder_ask_ms(const struct forwarder *forwarder)
{
    uint64_t due_ms = forwarder->has_to_ask ? forwarder->ask_least_ms
                                            : forwarder->ask_next_ms;

    if (!forwarder->dispatch.is_by_queue || forwarder->is_asking) {
        return HEAP_NEVER;
    }
    return due_ms > forwarder->retry_at_ms ? due_ms : forwarder->retry_at_ms;
}

void forwarder_ask(struct forwarder *forwarder)
{
    uint64_t now_ms = uv_now(forwarder->loop);
    int error;

    if (now_ms < forwarder_ask_ms(forwarder)) {
        return;
    }
    forwarder->asked_ms = now_ms;
    error = forwarder_ask_lanes(forwarder, on_lanes);
    if (error != 0) {
        forwarder_inbox_failed(forwarder, haplo_error_text(error));
        return;
    }
    forwarder->is_asking = true;
    forwarder->is_answer_due = forwarder->has_to_ask;
    forwarder->has_to_ask = false;
}

bool forwarder_has_to_ask(const struct forwarder *forwarder)
{
    return forwarder->dispatch.is_by_queue &&
           (forwarder->has_to_ask || forwarder->is_answer_due);
}
