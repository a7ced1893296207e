/*
 * fleet.c - one host of a fleet.
 *
 *   - fleet_tick() sends the request that is due (ask), and begins planned
 *     moves (begin_moves).
 *   - fleet_replied() takes over what the tables show (take_view): first what
 *     became of its own slots, then who should have which.
 *   - plan_ask() decides when to ask again: soon while slots are on their way,
 *     so that a queue is not without an owner for long.
 *
 * Failures:
 *
 *   - A request fails: what was done of it is found out by the next one. It may
 *     also be carried out after that: so a slot that is to be handed over stays
 *     DRAINED until a reply shows what became of it.
 *   - No request succeeds until the membership ends, by the own clock: it loses
 *     the slots on which it works (stop_working), and drops what is still under
 *     way. The next reply tells which ones it still has.
 *   - The membership is gone: all slots are lost, and it joins again.
 *   - Another host has had a slot in the meantime, which its term shows: it is
 *     lost, and gained again.
 */
#include "fleet/fleet.h"

#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "haplopoll.h"

int fleet_init(struct fleet *fleet, const struct fleet_policy *policy,
               const struct fleet_calls *calls, void *data, const char *host)
{
    *fleet = (struct fleet){
        .policy = policy,
        .calls = calls,
        .data = data,
        .host = host,
        .self = FLEET_NOBODY,
        .moves = calloc(FLEET_SLOT_COUNT, sizeof *fleet->moves),
    };
    for (unsigned i = 0; i < FLEET_SLOT_COUNT; i++) {
        fleet->slots[i].owner = FLEET_NOBODY;
        fleet->desired[i] = FLEET_NOBODY;
    }
    return fleet->moves == NULL ? HAPLO_ENOMEM : 0;
}

void fleet_free(struct fleet *fleet)
{
    free(fleet->moves);
    free(fleet->members);
    free(fleet->hosts);
    fleet->moves = NULL;
    fleet->members = NULL;
    fleet->hosts = NULL;
}

/* Members */

static bool is_alive(const struct fleet *fleet,
                     const struct fleet_member *member, uint64_t now_ms)
{
    return member->left_ms > 0 &&
           now_ms - fleet->view_ms < (uint64_t)member->left_ms;
}

/* When the slots of a member may be claimed; 0: at once. */
static uint64_t end_ms(const struct fleet *fleet, size_t index)
{
    if (index == FLEET_NOBODY) {
        return 0;
    }
    int64_t left_ms =
        fleet->members[index].left_ms + (int64_t)fleet->policy->grace_ms;
    return left_ms <= 0 ? 0 : fleet->view_ms + (uint64_t)left_ms;
}

/* So that not all of them ask for the slots of a host in one moment. */
static uint64_t slot_jitter_ms(const struct fleet *fleet, unsigned slot)
{
    return fleet->policy->jitter_ms * slot / FLEET_SLOT_COUNT;
}

/* When the slot is to be claimed; FLEET_NEVER: not by this host, or not yet. */
static uint64_t claim_due_ms(const struct fleet *fleet, unsigned slot)
{
    size_t owner = fleet->slots[slot].owner;
    if (fleet->state != FLEET_MEMBER || fleet->self == FLEET_NOBODY ||
        fleet->desired[slot] != fleet->self || owner == fleet->self) {
        return FLEET_NEVER;
    }
    uint64_t due_ms = end_ms(fleet, owner);
    return due_ms == 0 ? 0 : due_ms + slot_jitter_ms(fleet, slot);
}

/* Who should have which slot, from the members that are alive. This takes some
 * milliseconds with 100 hosts, and they rarely change. Nothing moves before the
 * others have heard of it: who is to get a slot must be asking for it soon. */
static void place(struct fleet *fleet, uint64_t now_ms)
{
    for (size_t i = 0; i < fleet->member_count; i++) {
        const struct fleet_member *member = &fleet->members[i];
        bool takes_part = is_alive(fleet, member, now_ms) &&
                          !member->is_draining &&
                          (i != fleet->self || fleet->state == FLEET_MEMBER);
        fleet->hosts[i].weight = takes_part ? member->weight : 0;
    }
    uint64_t placed =
        XXH3_64bits(fleet->hosts, fleet->member_count * sizeof *fleet->hosts);
    if (placed == fleet->placed) {
        return;
    }
    fleet->placed = placed;
    fleet->move_due_ms =
        now_ms + fleet->policy->renew_ms + fleet->policy->soon_ms;
    for (unsigned slot = 0; slot < FLEET_SLOT_COUNT; slot++) {
        fleet->desired[slot] =
            placement_owner(slot, fleet->hosts, fleet->member_count);
    }
}

/* Slots */

static bool is_working(const struct fleet *fleet, unsigned slot)
{
    return fleet->slot_states[slot] == FLEET_SLOT_OWN ||
           fleet->slot_states[slot] == FLEET_SLOT_DRAINING;
}

static void lose(struct fleet *fleet, unsigned slot)
{
    bool was_working = is_working(fleet, slot);
    fleet->slot_states[slot] = FLEET_SLOT_ELSEWHERE;
    if (was_working) {
        fleet->calls->lose_cb(fleet->data, slot);
    }
}

static void gain(struct fleet *fleet, unsigned slot)
{
    fleet->slot_states[slot] = FLEET_SLOT_OWN;
    fleet->calls->gain_cb(fleet->data, slot);
}

static void drain(struct fleet *fleet, unsigned slot)
{
    fleet->slot_states[slot] = FLEET_SLOT_DRAINING;
    fleet->calls->drain_cb(fleet->data, slot);
}

static void lose_all(struct fleet *fleet)
{
    for (unsigned slot = 0; slot < FLEET_SLOT_COUNT; slot++) {
        lose(fleet, slot);
    }
}

/* What is drained stays so: a hand-over of it may still be on its way. */
static void stop_working(struct fleet *fleet)
{
    fleet->deadline_ms = 0;
    for (unsigned slot = 0; slot < FLEET_SLOT_COUNT; slot++) {
        if (is_working(fleet, slot)) {
            lose(fleet, slot);
        }
    }
}

/* It is this host's, but should be that of another one that is alive. */
static bool has_to_move(const struct fleet *fleet, unsigned slot)
{
    return fleet->slot_states[slot] == FLEET_SLOT_OWN &&
           fleet->desired[slot] != FLEET_NOBODY &&
           fleet->desired[slot] != fleet->self;
}

/* The database has the last word about who has a slot; then, one that was about
 * to move may stay. What is under way does not belong to another term. */
static void take_slot(struct fleet *fleet, unsigned slot, uint64_t old_term)
{
    if (fleet->slots[slot].term != old_term) {
        lose(fleet, slot);
    }
    enum fleet_slot_state state = fleet->slot_states[slot];
    bool is_own = fleet->slots[slot].owner == fleet->self;
    bool may_stay =
        fleet->state == FLEET_MEMBER && (fleet->desired[slot] == fleet->self ||
                                         fleet->desired[slot] == FLEET_NOBODY);
    if (!is_own) {
        lose(fleet, slot);
    } else if (state == FLEET_SLOT_ELSEWHERE) {
        if (fleet->state == FLEET_MEMBER) {
            gain(fleet, slot);
        } else {
            fleet->slot_states[slot] = FLEET_SLOT_DRAINED; /* nothing began */
        }
    } else if (state != FLEET_SLOT_OWN && may_stay) {
        gain(fleet, slot);
    }
}

/* Requests */

/* To whom a slot that is drained is handed over. */
static const char *heir(const struct fleet *fleet, unsigned slot)
{
    size_t desired = fleet->desired[slot];
    return desired == FLEET_NOBODY ? NULL : fleet->members[desired].host;
}

static size_t collect_moves(struct fleet *fleet, uint64_t now_ms)
{
    size_t count = 0;
    for (unsigned slot = 0; slot < FLEET_SLOT_COUNT; slot++) {
        bool is_drained = fleet->slot_states[slot] == FLEET_SLOT_DRAINED;
        if (is_drained || claim_due_ms(fleet, slot) <= now_ms) {
            fleet->moves[count++] = (struct fleet_move){
                .slot = slot,
                .term = fleet->slots[slot].term,
                .to = is_drained ? heir(fleet, slot) : fleet->host,
            };
        }
    }
    return count;
}

static bool is_draining(const struct fleet *fleet)
{
    for (unsigned slot = 0; slot < FLEET_SLOT_COUNT; slot++) {
        if (is_working(fleet, slot)) {
            return true;
        }
    }
    return false;
}

static enum fleet_request_kind next_kind(const struct fleet *fleet)
{
    return fleet->state == FLEET_OUTSIDE              ? FLEET_JOIN
           : fleet->state == FLEET_MEMBER             ? FLEET_RENEW
           : fleet->must_leave || !is_draining(fleet) ? FLEET_LEAVE
                                                      : FLEET_RENEW;
}

/* The membership lasts from before the request was sent: when the database
 * takes it up is not known. Who leaves has none from then on. */
static void ask(struct fleet *fleet, uint64_t now_ms)
{
    if (next_kind(fleet) == FLEET_LEAVE) {
        stop_working(fleet);
    }
    const struct fleet_request request = {
        .kind = next_kind(fleet),
        .term = fleet->term,
        .moves = fleet->moves,
        .move_count =
            fleet->state == FLEET_OUTSIDE ? 0 : collect_moves(fleet, now_ms),
    };
    fleet->asked_ms = now_ms;
    fleet->is_asking = true;
    fleet->calls->ask_cb(fleet->data, &request);
}

/* Something is about to change: slots of others come here, or have been handed
 * over, but nobody has confirmed it. */
static bool is_moving(const struct fleet *fleet)
{
    for (unsigned slot = 0; slot < FLEET_SLOT_COUNT; slot++) {
        if (fleet->slot_states[slot] == FLEET_SLOT_DRAINED ||
            (fleet->state == FLEET_MEMBER && fleet->self != FLEET_NOBODY &&
             fleet->desired[slot] == fleet->self &&
             fleet->slot_states[slot] == FLEET_SLOT_ELSEWHERE &&
             end_ms(fleet, fleet->slots[slot].owner) != 0)) {
            return true;
        }
    }
    return false;
}

static void plan_ask(struct fleet *fleet, uint64_t now_ms)
{
    const struct fleet_policy *policy = fleet->policy;
    if (next_kind(fleet) == FLEET_LEAVE) {
        fleet->ask_due_ms = now_ms;
        return;
    }
    fleet->ask_due_ms =
        now_ms + (is_moving(fleet) ? policy->soon_ms : policy->renew_ms);
    for (unsigned slot = 0; slot < FLEET_SLOT_COUNT; slot++) {
        uint64_t due_ms = claim_due_ms(fleet, slot);
        if (due_ms < now_ms + policy->soon_ms) {
            due_ms = now_ms + policy->soon_ms; /* it may be refused again */
        }
        if (due_ms < fleet->ask_due_ms) {
            fleet->ask_due_ms = due_ms;
        }
    }
}

/* Planned moves, a few at a time: each makes its queues wait for a moment. */
static void begin_moves(struct fleet *fleet, uint64_t now_ms)
{
    uint64_t wait_ms = 1000 / fleet->policy->moves_per_s;
    if (!fleet_may_begin(fleet, now_ms)) {
        fleet->move_due_ms = now_ms + fleet->policy->retry_ms;
    }
    for (unsigned slot = 0;
         slot < FLEET_SLOT_COUNT && fleet->move_due_ms <= now_ms; slot++) {
        if (has_to_move(fleet, slot)) {
            drain(fleet, slot);
            fleet->move_due_ms = now_ms + wait_ms;
        }
    }
}

static bool has_moves(const struct fleet *fleet)
{
    for (unsigned slot = 0; slot < FLEET_SLOT_COUNT; slot++) {
        if (has_to_move(fleet, slot)) {
            return true;
        }
    }
    return false;
}

/* When the membership ends, if it is not renewed; FLEET_NEVER: it is
 * no member, or that has ended. */
static uint64_t expiry_ms(const struct fleet *fleet)
{
    return fleet->deadline_ms == 0
               ? FLEET_NEVER
               : fleet->deadline_ms + fleet->policy->margin_ms;
}

void fleet_tick(struct fleet *fleet, uint64_t now_ms)
{
    if (expiry_ms(fleet) <= now_ms) {
        stop_working(fleet);
    }
    if (fleet->state == FLEET_MEMBER) {
        begin_moves(fleet, now_ms);
    }
    if (!fleet->is_asking && fleet->state != FLEET_LEFT &&
        fleet->ask_due_ms <= now_ms) {
        ask(fleet, now_ms);
    }
}

uint64_t fleet_due_ms(const struct fleet *fleet)
{
    uint64_t due_ms = fleet->is_asking || fleet->state == FLEET_LEFT
                          ? FLEET_NEVER
                          : fleet->ask_due_ms;
    if (expiry_ms(fleet) < due_ms && fleet->state != FLEET_LEFT) {
        due_ms = expiry_ms(fleet);
    }
    return fleet->state == FLEET_MEMBER && fleet->move_due_ms < due_ms &&
                   has_moves(fleet)
               ? fleet->move_due_ms
               : due_ms;
}

/* Replies */

/* False if memory runs out. */
static bool keep_members(struct fleet *fleet, const struct fleet_reply *reply)
{
    size_t count = reply->member_count;
    struct fleet_member *members =
        realloc(fleet->members, (count + 1) * sizeof *members);
    if (members == NULL) {
        return false;
    }
    fleet->members = members;
    struct placement_host *hosts =
        realloc(fleet->hosts, (count + 1) * sizeof *hosts);
    if (hosts == NULL) {
        return false;
    }
    fleet->hosts = hosts;
    fleet->member_count = count;
    fleet->self = FLEET_NOBODY;
    for (size_t i = 0; i < count; i++) {
        members[i] = reply->members[i];
        hosts[i].hash = placement_hash(members[i].host);
        if (strcmp(members[i].host, fleet->host) == 0) {
            fleet->self = i;
        }
    }
    return true;
}

static bool take_view(struct fleet *fleet, uint64_t now_ms,
                      const struct fleet_reply *reply)
{
    if (!keep_members(fleet, reply)) {
        return false;
    }
    fleet->view_ms = now_ms;
    place(fleet, now_ms);
    for (unsigned slot = 0; slot < FLEET_SLOT_COUNT; slot++) {
        uint64_t old_term = fleet->slots[slot].term;
        fleet->slots[slot] = reply->slots[slot];
        take_slot(fleet, slot, old_term);
    }
    return true;
}

/* Somebody else has this name now, or an operator has removed it. */
static void be_outside(struct fleet *fleet, uint64_t now_ms)
{
    lose_all(fleet);
    fleet->state = fleet->state == FLEET_LEAVING ? FLEET_LEFT : FLEET_OUTSIDE;
    fleet->term = 0;
    fleet->deadline_ms = 0;
    fleet->ask_due_ms = now_ms + fleet->policy->retry_ms;
}

static void be_member(struct fleet *fleet, const struct fleet_reply *reply)
{
    if (fleet->state == FLEET_OUTSIDE) {
        fleet->state = FLEET_MEMBER;
    }
    fleet->term = reply->term;
    fleet->deadline_ms =
        fleet->asked_ms + fleet->policy->ttl_ms - fleet->policy->margin_ms;
}

void fleet_replied(struct fleet *fleet, uint64_t now_ms,
                   const struct fleet_reply *reply)
{
    fleet->is_asking = false;
    if (!reply->is_member) {
        be_outside(fleet, now_ms);
        return;
    }
    be_member(fleet, reply);
    if (take_view(fleet, now_ms, reply)) {
        plan_ask(fleet, now_ms);
    } else {
        fleet->ask_due_ms = now_ms + fleet->policy->retry_ms;
    }
}

void fleet_failed(struct fleet *fleet, uint64_t now_ms)
{
    fleet->is_asking = false;
    fleet->ask_due_ms = now_ms + fleet->policy->retry_ms;
}

void fleet_drained(struct fleet *fleet, uint64_t now_ms, unsigned slot)
{
    if (fleet->slot_states[slot] == FLEET_SLOT_DRAINING) {
        fleet->slot_states[slot] = FLEET_SLOT_DRAINED;
        fleet->ask_due_ms = now_ms;
    }
}

/* Leaving */

void fleet_leave(struct fleet *fleet, uint64_t now_ms)
{
    if (fleet->state == FLEET_OUTSIDE && !fleet->is_asking) {
        fleet->state = FLEET_LEFT;
    }
    if (fleet->state == FLEET_LEFT || fleet->state == FLEET_LEAVING) {
        return;
    }
    fleet->state = FLEET_LEAVING; /* also if it is just joining */
    place(fleet, now_ms);
    for (unsigned slot = 0; slot < FLEET_SLOT_COUNT; slot++) {
        if (fleet->slot_states[slot] == FLEET_SLOT_OWN) {
            drain(fleet, slot);
        }
    }
    fleet->ask_due_ms = now_ms;
}

void fleet_leave_now(struct fleet *fleet, uint64_t now_ms)
{
    fleet_leave(fleet, now_ms);
    fleet->must_leave = true;
    fleet->ask_due_ms = now_ms;
}
