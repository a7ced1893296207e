/*
 * outlet.h - a place that stored messages are forwarded to, such as a folder
 * of files, standard output, a web service. One outlet is one file and one row
 * of the registry (outlet_types.c); the forwarder drives it.
 *
 * An outlet delivers parcels: messages of one queue and one stored batch, in
 * their order, with consecutive arrivals. The forwarder never has two parcels
 * of one queue with an outlet at a time, and at most in_flight_max parcels
 * altogether. A parcel that is delivered again, after a crash, has the same
 * messages, unless some of them were delivered, refused or skipped alone: so
 * what an outlet makes of a whole parcel it makes again, byte for byte.
 *
 * Threads: all on the loop's. An outlet that has to block does so on a thread
 * of its own (blocking.h wraps it), never in libuv's pool, which name lookups
 * share.
 */
#ifndef OUTLETS_OUTLET_H
#define OUTLETS_OUTLET_H

#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "base/option.h"
#include "base/reason.h"
#include "inbox/inbox.h"
#include "inbox/worker.h"

struct outlet;
struct outlet_parcel;

enum outlet_verdict {
    OUTLET_DELIVERED, /* the destination has it */
    OUTLET_RETRY,     /* not now; see outlet_parcel.retry_after_ms */
    OUTLET_REFUSED,   /* never, because of the message's own data */
    OUTLET_BROKEN     /* the destination itself is: gone, wrong password ... */
};

typedef void (*outlet_delivered_cb)(struct outlet_parcel *parcel);

/* Embedded in its owner, which fills the first part; borrowed until
 * delivered_cb. */
struct outlet_parcel {
    const struct inbox_message *messages; /* in the order of arrival */
    size_t count;                         /* at least one */
    outlet_delivered_cb delivered_cb;     /* once, never inside deliver() */
    /* set by the outlet before delivered_cb */
    size_t delivered_count;      /* from the first one; the verdict is that of
                                    the message behind them */
    enum outlet_verdict verdict; /* DELIVERED: all of them */
    uint64_t retry_after_ms;     /* RETRY, BROKEN: least wait; 0: none asked */
    struct reason why;           /* one line; "" with DELIVERED */
    /* the outlet's own, while it has the parcel */
    void *outlet_data;     /* anything */
    struct worker_job job; /* for what blocks: see blocking.h */
};

typedef void (*outlet_closed_cb)(void *data);

/* What an outlet is opened with. */
struct outlet_setting {
    uv_loop_t *loop;                /* it runs on */
    const struct outlet_type *type; /* its own */
    const char *name;               /* of the configuration */
    const char *inbox_uuid;         /* whose messages they are */
    const void *options;            /* what its type's options filled */
};

struct outlet_type {
    const char *name;                 /* as in the configuration: "files" */
    const char *help;                 /* one line */
    const struct option_row *options; /* its own, after name and type */
    size_t option_count;              /* length of options */
    size_t options_size;              /* of the struct that they fill */
    unsigned in_flight_max;           /* parcels with it at once */
    /* Checks the options before anything runs: 0, or HAPLO_EINVAL with why.
     * NULL: there is nothing to check. */
    int (*check)(const void *options, char *why, size_t why_size);
    /* Borrows all until it is closed. Does not block: a destination that is
     * not there may as well be told with the first parcel (BROKEN). 0, or
     * HAPLO_E* with one line in why, and *out is NULL; it is tried again. */
    int (*open)(const struct outlet_setting *setting, struct outlet **out,
                struct reason *why);
    /* Delivers a parcel; always answers. */
    void (*deliver)(struct outlet *outlet, struct outlet_parcel *parcel);
    /* Answers all parcels it has, soon: RETRY if need be. Then closed_cb, from
     * the loop; the outlet is freed. */
    void (*close)(struct outlet *outlet, outlet_closed_cb closed_cb,
                  void *data);
};

/* Every outlet begins with this. */
struct outlet {
    const struct outlet_type *type; /* what drives it */
};

/* NULL if there is no such type. */
const struct outlet_type *outlet_type_find(const char *name);

/* The types in their order; NULL past the last. */
const struct outlet_type *outlet_type_at(size_t index);

/* Adds a type that is not part of the program. Borrows it for the process's
 * life. */
void outlet_type_register(const struct outlet_type *type);

#endif
