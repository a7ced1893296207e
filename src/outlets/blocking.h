/*
 * blocking.h - runs an outlet that blocks on its own thread, one call at a
 * time, in the order of the parcels. Its row in the registry uses
 * blocking_deliver() and blocking_close(), and its open operation calls
 * blocking_open().
 */
#ifndef OUTLETS_BLOCKING_H
#define OUTLETS_BLOCKING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

#include "outlets/outlet.h"

/* What is known about the destination while it is closed, until the outlet
 * ends. */
struct blocking_memory {
    bool was_open; /* it has been open before */
    dev_t device;  /* these are the outlet's own, to recognise a folder by */
    ino_t inode;   /* within that */
};

/* Operations that run on the thread. */
struct blocking_ops {
    /* Opens the destination, at first, and with the next parcel if that failed
     * or after OUTLET_BROKEN. Returns 0 and sets *state; or HAPLO_E* with why
     * set, which means that the destination is broken. */
    int (*open)(const struct outlet_setting *setting,
                struct blocking_memory *memory, void **state,
                struct reason *why);
    /* Delivers a parcel, and sets everything that an outlet sets in it. If it
     * waits for another party, it must check is_ending regularly, and return
     * RETRY if that is set. */
    void (*deliver)(void *state, struct outlet_parcel *parcel,
                    const atomic_bool *is_ending);
    /* Frees the state. */
    void (*close)(void *state);
};

/* See struct outlet_type. */
int blocking_open(const struct outlet_setting *setting,
                  const struct blocking_ops *ops, struct outlet **out,
                  struct reason *why);
void blocking_deliver(struct outlet *outlet, struct outlet_parcel *parcel);
void blocking_close(struct outlet *outlet, outlet_closed_cb closed_cb,
                    void *data);

#endif
