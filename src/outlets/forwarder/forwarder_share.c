/*
 * forwarder_share.c - an outlet that several hosts share, lane by lane. The
 * lanes of a slot move from host to host, at any time:
 *
 *   - A slot is gained: the inbox is asked for lanes, which are read after
 *     their stored positions.
 *   - It is drained: its lanes are withdrawn (core/dispatch_withdraw.c). What
 *     is in flight may finish, and is saved. Then drained_cb fires.
 *   - It is lost: the same, and nobody waits for it. What this host had in
 *     flight may be sent by the next one as well.
 *   - Before each parcel, may_begin_cb is asked. While it says no, nothing
 *     begins; what is in flight goes on.
 *   - Replays are done by the host that has the slot of the outlet's name.
 *
 * Nothing that is known of a lane from before it was withdrawn is used again:
 * another host may have forwarded it in the meantime. Positions never move
 * backwards in the inbox, and reads begin after the stored position.
 */
#include <string.h>

#include "outlets/forwarder/forwarder_private.h"

unsigned forwarder_slot(const struct forwarder *forwarder, const char *server)
{
    return forwarder->share != NULL ? placement_slot(server) : 0;
}

bool forwarder_owns_slot(const struct forwarder *forwarder, unsigned slot)
{
    const struct forwarder_share *share = forwarder->share;

    return share == NULL || share->owns_cb(share->data, slot);
}

bool forwarder_owns(const struct forwarder *forwarder, const char *server)
{
    return forwarder_owns_slot(forwarder, forwarder_slot(forwarder, server));
}

bool forwarder_may_begin(struct forwarder *forwarder)
{
    const struct forwarder_share *share = forwarder->share;

    if (share == NULL || share->may_begin_cb(share->data)) {
        return true;
    }
    forwarder->is_held = true;
    return false;
}

int forwarder_ask_lanes(struct forwarder *forwarder, inbox_lanes_cb lanes_cb)
{
    bool slots[FLEET_SLOT_COUNT];

    if (forwarder->share == NULL) {
        return inbox_outlet_lanes(forwarder->progress, NULL, lanes_cb,
                                  forwarder);
    }
    for (unsigned i = 0; i < FLEET_SLOT_COUNT; i++) {
        slots[i] = forwarder_owns_slot(forwarder, i);
    }
    return inbox_outlet_lanes(forwarder->progress, slots, lanes_cb, forwarder);
}

/* Slots that go */

static bool stays(void *data, const struct lane *lane)
{
    const struct forwarder *forwarder = data;

    return !forwarder->is_withdrawn[lane->slot];
}

/* All at once, since there may be many lanes. */
void forwarder_withdraw(struct forwarder *forwarder)
{
    if (!forwarder->has_withdrawn) {
        return;
    }
    if (forwarder->dispatch.is_by_queue) {
        dispatch_withdraw(&forwarder->dispatch, stays, uv_now(forwarder->loop));
    }
    forwarder->has_withdrawn = false;
    memset(forwarder->is_withdrawn, 0, sizeof(forwarder->is_withdrawn));
}

/* The slots of which something is in flight, being read or not saved. */
static void find_busy(const struct forwarder *forwarder, bool *is_busy)
{
    const struct lane *lane;

    memset(is_busy, 0, FLEET_SLOT_COUNT * sizeof(*is_busy));
    if (!forwarder_replay_is_elsewhere(forwarder->replay)) {
        is_busy[forwarder->replay_slot] = true;
    }
    if (forwarder->has_dispatch) {
        TAILQ_FOREACH (lane, &forwarder->dispatch.leaving, in_leaving) {
            is_busy[lane->slot] = true;
        }
    }
}

static void drain_end(struct forwarder *forwarder, unsigned slot)
{
    if (forwarder->is_draining[slot]) {
        forwarder->is_draining[slot] = false;
        forwarder->draining_count--;
    }
}

void forwarder_tell_drained(struct forwarder *forwarder)
{
    bool is_busy[FLEET_SLOT_COUNT];

    if (forwarder->draining_count == 0) {
        return;
    }
    find_busy(forwarder, is_busy);
    for (unsigned slot = 0; slot < FLEET_SLOT_COUNT; slot++) {
        if (forwarder->is_draining[slot] && !is_busy[slot]) {
            drain_end(forwarder, slot);
            forwarder->share->drained_cb(forwarder->share->data, slot);
        }
    }
}

static void wake(struct forwarder *forwarder)
{
    forwarder->is_at_rest = false;
    if (forwarder->phase <= FORWARDER_WORKING) {
        forwarder_wake_at(forwarder, 0);
    }
}

static void withdraw(struct forwarder *forwarder, unsigned slot)
{
    forwarder->is_withdrawn[slot] = true;
    forwarder->has_withdrawn = true;
    wake(forwarder);
}

/* Public */

void forwarder_share(struct forwarder *forwarder,
                     const struct forwarder_share *share)
{
    forwarder->share = share;
    forwarder->replay_slot = placement_slot(forwarder->options->name);
    if (!forwarder_owns_slot(forwarder, forwarder->replay_slot)) {
        forwarder_replay_leave(forwarder->replay, true);
    }
}

void forwarder_slot_gained(struct forwarder *forwarder, unsigned slot)
{
    drain_end(forwarder, slot);
    if (slot == forwarder->replay_slot) {
        forwarder_replay_come(forwarder->replay);
    }
    forwarder->has_to_ask = true;
    wake(forwarder);
}

void forwarder_slot_drain(struct forwarder *forwarder, unsigned slot)
{
    if (!forwarder->is_draining[slot]) {
        forwarder->is_draining[slot] = true;
        forwarder->draining_count++;
    }
    if (slot == forwarder->replay_slot) {
        forwarder_replay_leave(forwarder->replay, false);
    }
    withdraw(forwarder, slot);
}

void forwarder_slot_lost(struct forwarder *forwarder, unsigned slot)
{
    drain_end(forwarder, slot);
    if (slot == forwarder->replay_slot) {
        forwarder_replay_leave(forwarder->replay, true);
    }
    withdraw(forwarder, slot);
}
