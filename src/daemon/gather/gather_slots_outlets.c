/*
 * gather_slots_outlets.c - which slots of an outlet this host forwards, and
 * whose old messages it deletes: those of the inboxes whose names are in its
 * slots.
 */
#include "daemon/gather/gather_slots_private.h"

#include <string.h>

static bool outlet_owns(void *data, unsigned slot)
{
    const struct gather_outlet *outlet = data;
    return gather_slots_state(outlet->gather, slot) == GATHER_SLOT_OWN;
}

static bool outlet_may_begin(void *data)
{
    const struct gather_outlet *outlet = data;
    const struct gather_slots_calls *calls = outlet->gather->slots->calls;
    return calls->may_begin_cb(calls->data);
}

static void outlet_set(struct gather_outlet *outlet, unsigned slot,
                       bool is_finishing)
{
    uint8_t bit = (uint8_t)(1U << slot % 8);
    outlet->finishing[slot / 8] =
        (uint8_t)(is_finishing ? outlet->finishing[slot / 8] | bit
                               : outlet->finishing[slot / 8] & ~bit);
}

static bool outlet_is_finishing(const struct gather_outlet *outlet,
                                unsigned slot)
{
    return outlet->forwarder != NULL &&
           (outlet->finishing[slot / 8] >> slot % 8 & 1) != 0;
}

static void outlet_drained(void *data, unsigned slot)
{
    struct gather_outlet *outlet = data;
    outlet_set(outlet, slot, false);
    slots_stir(outlet->gather->slots);
}

void gather_slots_share_outlet(struct gather_outlet *outlet)
{
    if (outlet->gather->slots == NULL) {
        return;
    }
    outlet->share = (struct forwarder_share){
        .owns_cb = outlet_owns,
        .may_begin_cb = outlet_may_begin,
        .drained_cb = outlet_drained,
        .data = outlet,
    };
    memset(outlet->finishing, 0, sizeof outlet->finishing);
    forwarder_share(outlet->forwarder, &outlet->share);
}

/* Tells all outlets what has become of a slot. */
void slots_tell_outlets(const struct gather_slots *slots, unsigned slot,
                        void (*tell)(struct forwarder *forwarder,
                                     unsigned slot))
{
    struct gather_outlet *outlet;
    size_t cursor = 0;
    while ((outlet = name_table_next(&slots->gather->outlets, &cursor))) {
        outlet_set(outlet, slot, tell == forwarder_slot_drain);
        if (outlet->forwarder != NULL) {
            tell(outlet->forwarder, slot);
        }
    }
}

bool slots_are_outlets_finishing(const struct gather_slots *slots,
                                 unsigned slot)
{
    const struct gather_outlet *outlet;
    size_t cursor = 0;
    while ((outlet = name_table_next(&slots->gather->outlets, &cursor))) {
        if (outlet_is_finishing(outlet, slot)) {
            return true;
        }
    }
    return false;
}

bool gather_slots_retain(const struct gather_inbox *inbox)
{
    return inbox->gather->slots == NULL ||
           gather_slots_state(inbox->gather, placement_slot(inbox->name)) ==
               GATHER_SLOT_OWN;
}

void slots_tell_inboxes(const struct gather_slots *slots, unsigned slot)
{
    const struct gather_inbox *inbox;
    size_t cursor = 0;
    while ((inbox = name_table_next(&slots->gather->inboxes, &cursor))) {
        if (inbox->is_open && placement_slot(inbox->name) == slot) {
            inbox_pause_retention(inbox->inbox, !gather_slots_retain(inbox));
        }
    }
}
