/*
 * gather_slots_private.h - shared by the parts of gather_slots.
 */
#ifndef DAEMON_GATHER_SLOTS_PRIVATE_H
#define DAEMON_GATHER_SLOTS_PRIVATE_H

#include "daemon/gather/gather_slots.h"
#include "inbox/inbox_fleet.h"

LIST_HEAD(slot_server_list, gather_server);

struct slot {
    enum gather_slot_state state;
    struct slot_server_list servers; /* those of the configuration */
    bool is_finishing; /* LEAVING: outlets finish, and it is still polled */
    bool is_drained;   /* LEAVING: drained_cb is expected */
    bool is_loading;   /* ENTERING: the states of its queues are being loaded */
    bool is_loaded;    /* ENTERING: that is done */
    uint64_t due_ms;   /* ENTERING: not before that */
    uint64_t began_ms; /* LEAVING: when this, or the next part of it, began */
};

/* The states of queues, while they are being loaded from all inboxes. */
struct loading {
    char **names;                   /* owned; servers */
    size_t name_count;              /* length of names */
    struct inbox_refresh *requests; /* owned; one for each inbox */
    size_t pending_count;           /* of requests */
    bool has_failed;                /* one of them has */
    bool was_told;                  /* that they fail was logged */
};

struct gather_slots {
    struct gather *gather;                  /* its owner */
    const struct gather_slots_calls *calls; /* borrowed */
    struct slot slots[FLEET_SLOT_COUNT];
    size_t moving_count;    /* ENTERING or LEAVING */
    size_t queues_left;     /* that may be added in this turn */
    struct loading loading; /* see above */
};

static inline uint64_t slots_now(const struct gather_slots *slots)
{
    return uv_now(slots->gather->loop);
}

/* Asks for gather_slots_go_on(). */
static inline void slots_stir(const struct gather_slots *slots)
{
    if (slots->gather->phase == GATHER_OPEN) {
        slots->calls->stirred_cb(slots->calls->data);
    }
}

/* gather_slots_servers.c: what is done with the servers of one slot */

/* Its queues leave the poller; those that are held are not held any more. */
void slot_withdraw(struct slot *slot);

/* Waits no longer for marks. */
void slot_give_up(const struct slot *slot);

/* True if one of its queues is in the poller, or a reload is changing one of
 * its objects. */
bool slot_is_in_use(const struct slot *slot);

/* What was confirmed is stored. */
bool slot_has_settled(const struct slot *slot);

/* Removes the servers from the poller. False: not yet. */
bool slot_leave_poller(const struct slot *slot);

/* Adds servers and their queues, and polls them. At most *queues_left queues,
 * which it counts down, but at least those of one server. Returns 0;
 * HAPLO_EBUSY if there are more; or HAPLO_ENOMEM. */
int slot_add_servers(struct slot *slot, size_t *queues_left);

/* gather_slots_load.c */

/* Loads the states of all slots that are ENTERING and wait for them. */
void slots_load(struct gather_slots *slots);
void slots_loading_clear(struct loading *loading);

/* gather_slots_outlets.c */

/* Tells all outlets what has become of a slot. */
void slots_tell_outlets(const struct gather_slots *slots, unsigned slot,
                        void (*tell)(struct forwarder *forwarder,
                                     unsigned slot));

/* The same to the inboxes. */
void slots_tell_inboxes(const struct gather_slots *slots, unsigned slot);

/* True while an outlet drains it. */
bool slots_are_outlets_finishing(const struct gather_slots *slots,
                                 unsigned slot);

#endif
