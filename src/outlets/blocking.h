/*
 * blocking.h - an outlet that has to block: on a thread of its own, one call at
 * a time, in the order in which parcels come. Its row in the registry uses
 * blocking_deliver() and blocking_close(), and its open calls blocking_open().
 */
#ifndef OUTLETS_BLOCKING_H
#define OUTLETS_BLOCKING_H

#include <stdatomic.h>
#include <stdbool.h>

#include "outlets/outlet.h"

/* What is done on the thread. */
struct blocking_ops {
    /* Opens the destination; with the first parcel, and again after
     * OUTLET_BROKEN. 0 and *state; or HAPLO_E* with why: the destination is
     * broken. is_again: it was open before. */
    int (*open)(const struct outlet_setting *setting, bool is_again,
                void **state, struct reason *why);
    /* Delivers a parcel: sets all that an outlet sets. May be interrupted: if
     * it waits for somebody, it looks at is_ending from time to time,
     * and then answers RETRY. */
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
