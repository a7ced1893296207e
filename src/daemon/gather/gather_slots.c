#include "daemon/gather/gather_slots.h"

#include <assert.h>
#include <stdlib.h>

#include "daemon/gather/gather_slots_private.h"
#include "daemon/log/log.h"
#include "daemon/observe/observer_feed.h"

#define LOOK_MS 50     /* while something is on its way */
#define MARK_MS 1000   /* for the mark of a batch, once queues leave */
#define SETTLE_MS 2000 /* the same, and until that is stored */
#define AGAIN_MS 1000  /* after memory has run out */
/* Queues added in one turn of the loop; but at least those of one server. */
#define TURN_QUEUE_COUNT 128

static bool is_moving(enum gather_slot_state state)
{
    return state == GATHER_SLOT_ENTERING || state == GATHER_SLOT_LEAVING;
}

static void enter_state(struct gather_slots *slots, struct slot *slot,
                        enum gather_slot_state state)
{
    slots->moving_count -= is_moving(slot->state);
    slots->moving_count += is_moving(state);
    slot->state = state;
    slots_tell_inboxes(slots, (unsigned)(slot - slots->slots));
    slot->is_finishing = false;
    slot->is_drained = false;
    slot->is_loading = false;
    slot->is_loaded = false;
    slot->due_ms = 0;
    slot->began_ms = slots_now(slots);
    slots_stir(slots);
}

/* Servers */

int gather_slots_init(struct gather *gather,
                      const struct gather_slots_calls *calls)
{
    struct gather_slots *slots = calloc(1, sizeof *slots);
    if (slots == NULL) {
        return HAPLO_ENOMEM;
    }
    slots->gather = gather;
    slots->calls = calls;
    gather->slots = slots;
    return 0;
}

void gather_slots_free(struct gather *gather)
{
    if (gather->slots != NULL) {
        slots_loading_clear(&gather->slots->loading);
        free(gather->slots);
        gather->slots = NULL;
    }
}

static struct slot *slot_of(const struct gather_server *server)
{
    return &server->gather->slots->slots[server->slot];
}

void gather_slots_add_server(struct gather_server *server)
{
    if (server->gather->slots != NULL) {
        server->slot = placement_slot(server->name);
        LIST_INSERT_HEAD(&slot_of(server)->servers, server, slot_link);
        server->is_own = slot_of(server)->state == GATHER_SLOT_OWN ||
                         slot_of(server)->is_finishing;
    }
}

void gather_slots_remove_server(struct gather_server *server)
{
    if (server->gather->slots != NULL) {
        LIST_REMOVE(server, slot_link);
    }
}

bool gather_slots_own(const struct gather_server *server)
{
    return server->gather->slots == NULL || server->is_own;
}

bool gather_slots_have_lost(const struct gather_server *server)
{
    return !gather_slots_own(server) && !slot_of(server)->is_drained;
}

enum gather_slot_state gather_slots_state(const struct gather *gather,
                                          unsigned slot)
{
    return gather->slots->slots[slot].state;
}

/* Leaving */

void gather_slots_queue_left(struct gather_queue *queue)
{
    const struct gather_slots *slots = queue->server->gather->slots;
    if (slots != NULL && !gather_slots_own(queue->server)) {
        observer_feed_elsewhere(queue);
        slots_stir(slots);
    }
}

/* The queues leave, and now outlets as well, if they have not finished. */
static void end_finishing(struct gather_slots *slots, unsigned index)
{
    struct slot *slot = &slots->slots[index];
    if (slots_are_outlets_finishing(slots, index)) {
        slots_tell_outlets(slots, index, forwarder_slot_lost);
    }
    slot->is_finishing = false;
    slot->began_ms = slots_now(slots);
    slot_withdraw(slot);
}

/* After a loss, nobody waits for anything but memory that is still used. */
static void leave(struct gather_slots *slots, unsigned index)
{
    struct slot *slot = &slots->slots[index];
    uint64_t passed_ms = slots_now(slots) - slot->began_ms;
    bool is_drained = slot->is_drained;
    if (slot->is_finishing) {
        if (slots_are_outlets_finishing(slots, index) &&
            passed_ms < slots->gather->config->drain_timeout_ms) {
            return;
        }
        end_finishing(slots, index);
        passed_ms = 0;
    }
    if (!is_drained || passed_ms >= MARK_MS) {
        slot_give_up(slot);
    }
    if (slot_is_in_use(slot) ||
        (is_drained && passed_ms < SETTLE_MS && !slot_has_settled(slot)) ||
        !slot_leave_poller(slot)) {
        return;
    }
    enter_state(slots, slot, GATHER_SLOT_ELSEWHERE);
    if (is_drained) {
        slots->calls->drained_cb(slots->calls->data, index);
    }
}

void gather_slots_drain(struct gather *gather, unsigned index)
{
    struct gather_slots *slots = gather->slots;
    struct slot *slot = &slots->slots[index];
    bool is_polled = slot->state == GATHER_SLOT_OWN;
    assert(slot->state != GATHER_SLOT_ELSEWHERE);
    if (slot->state == GATHER_SLOT_LEAVING) {
        return;
    }
    enter_state(slots, slot, GATHER_SLOT_LEAVING);
    slot->is_drained = true;
    slot->is_finishing = is_polled;
    if (is_polled) {
        slots_tell_outlets(slots, index, forwarder_slot_drain);
    } else {
        slot_withdraw(slot);
    }
}

void gather_slots_lose(struct gather *gather, unsigned index)
{
    struct gather_slots *slots = gather->slots;
    struct slot *slot = &slots->slots[index];
    if (slot->state == GATHER_SLOT_ELSEWHERE) {
        return;
    }
    enter_state(slots, slot, GATHER_SLOT_LEAVING);
    slots_tell_outlets(slots, index, forwarder_slot_lost);
    slot_withdraw(slot);
    slot_give_up(slot);
}

/* Entering */

static void own(struct gather_slots *slots, unsigned index)
{
    enter_state(slots, &slots->slots[index], GATHER_SLOT_OWN);
    slots_tell_outlets(slots, index, forwarder_slot_gained);
}

/* Memory has run out. */
static void begin_again(struct gather_slots *slots, struct slot *slot)
{
    log_line(LOG_LEVEL_ERROR, "out of memory: queues that this host is to poll "
                              "are added later");
    enter_state(slots, slot, GATHER_SLOT_ENTERING);
    slot_withdraw(slot);
    slot->due_ms = slots_now(slots) + AGAIN_MS;
}

static void enter(struct gather_slots *slots, unsigned index)
{
    struct slot *slot = &slots->slots[index];
    if (!slot->is_loaded && slots_now(slots) - slot->began_ms >= MARK_MS) {
        slot_give_up(slot); /* what is still there from the last time */
    }
    if (!slot->is_loaded && !LIST_EMPTY(&slot->servers)) {
        return;
    }
    int error = slot_add_servers(slot, &slots->queues_left);
    if (error == HAPLO_ENOMEM) {
        begin_again(slots, slot);
    } else if (error == 0) {
        own(slots, index);
    }
}

void gather_slots_gain(struct gather *gather, unsigned index)
{
    struct gather_slots *slots = gather->slots;
    struct slot *slot = &slots->slots[index];
    if (slot->state == GATHER_SLOT_LEAVING && slot->is_finishing) {
        own(slots, index);
    } else if (slot->state == GATHER_SLOT_ELSEWHERE ||
               slot->state == GATHER_SLOT_LEAVING) {
        enter_state(slots, slot, GATHER_SLOT_ENTERING);
    }
}

/* Both */

uint64_t gather_slots_go_on(struct gather *gather)
{
    struct gather_slots *slots = gather->slots;
    if (gather->phase != GATHER_OPEN || slots->moving_count == 0) {
        return GATHER_SLOTS_NEVER;
    }
    slots->queues_left = TURN_QUEUE_COUNT;
    for (unsigned i = 0; i < FLEET_SLOT_COUNT; i++) {
        if (slots->slots[i].state == GATHER_SLOT_LEAVING) {
            leave(slots, i);
        } else if (slots->slots[i].state == GATHER_SLOT_ENTERING) {
            enter(slots, i);
        }
    }
    slots_load(slots);
    return slots->moving_count == 0  ? GATHER_SLOTS_NEVER
           : slots->queues_left == 0 ? 0
                                     : LOOK_MS;
}
