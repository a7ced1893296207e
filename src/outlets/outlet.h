/*
 * outlet.h - a destination that stored messages are forwarded to, such as a
 * folder of files, standard output or a web service. An outlet is a file, or a
 * folder, and a row in the registry (outlet_types.c); the forwarder drives it.
 *
 * An outlet delivers parcels: messages of one queue and one stored batch, in
 * order. Arrivals are consecutive, unless the outlet does not want all messages
 * (`when` in its configuration). The forwarder never passes two parcels of
 * one queue to an outlet at the same time, and at most in_flight_max parcels
 * in total. A parcel that is delivered again after a crash has the same
 * messages, unless some of them were delivered, refused or skipped separately,
 * or the configuration has changed what the outlet wants.
 * So an outlet that derives something from a whole parcel derives the same
 * bytes again.
 *
 * Threads: everything runs on the thread of the loop. An outlet that must
 * block does so on its own thread (blocking.h wraps it), never in the pool of
 * libuv, which name lookups share.
 */
#ifndef OUTLETS_OUTLET_H
#define OUTLETS_OUTLET_H

#include <stdbool.h>
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
    OUTLET_REFUSED,   /* never, because of the data of the message */
    OUTLET_BROKEN     /* the destination is: gone, wrong password... */
};

typedef void (*outlet_delivered_cb)(struct outlet_parcel *parcel);

/* Embedded in its owner, which fills the first part. Borrowed until
 * delivered_cb. */
struct outlet_parcel {
    const struct inbox_message *messages; /* in the order of arrival */
    size_t count;                         /* at least one */
    uint64_t replay_id;                   /* number of its replay; 0: none */
    bool has_new_ids; /* of a replay that makes new identities; see
                         message_id.h */
    outlet_delivered_cb delivered_cb; /* once, never inside deliver() */
    /* Set by the outlet before delivered_cb: */
    size_t delivered_count;      /* from the first one on; the verdict concerns
                                    the next message */
    enum outlet_verdict verdict; /* DELIVERED: all of them */
    uint64_t retry_after_ms;     /* RETRY, BROKEN: minimum wait; 0: none */
    struct reason why;           /* one line; with DELIVERED "", or a warning
                                    of what will need an operator */
    /* For the outlet, while it has the parcel: */
    void *outlet_data;     /* anything */
    struct worker_job job; /* for what blocks: see blocking.h */
};

typedef void (*outlet_closed_cb)(void *data);

/* Parameters for opening an outlet. */
struct outlet_setting {
    uv_loop_t *loop;                /* its loop */
    const struct outlet_type *type; /* its own */
    const char *name;               /* in the configuration */
    const char *inbox_uuid;         /* UUID of the inbox of the messages */
    const void *options;            /* filled by the options of its type */
    unsigned in_flight_max;         /* parcels that it gets at a time */
    bool is_test;                   /* it gets one test message, and another
                                       process may use the destination */
};

struct outlet_type {
    const char *name;                 /* in the configuration: "files" */
    const char *help;                 /* one line */
    const struct option_row *options; /* its own, besides the common ones */
    size_t option_count;              /* length of options */
    size_t options_size;              /* size of the struct they fill */
    unsigned in_flight_max;           /* default for parcels in flight */
    bool is_local;                    /* what it has delivered is on this host
                                         only */
    /* Checks the options before anything runs. Returns 0, or HAPLO_EINVAL with
     * why set. May be NULL. */
    int (*check)(const void *options, char *why, size_t why_size);
    /* For `haplo-poll check`, after check(): what is not there now, but may be
     * when it is needed. Returns true with why set. May be NULL. */
    bool (*is_lacking)(const void *options, char *why, size_t why_size);
    /* Opens the outlet. Borrows setting until it is closed. Must not block:
     * the first parcel can report a missing destination (BROKEN). Returns 0,
     * or HAPLO_E* with one line in why and *out NULL; then it is retried. */
    int (*open)(const struct outlet_setting *setting, struct outlet **out,
                struct reason *why);
    /* Delivers a parcel. Must always call delivered_cb. */
    void (*deliver)(struct outlet *outlet, struct outlet_parcel *parcel);
    /* Completes all parcels soon, with RETRY if necessary, and frees the
     * outlet. Then calls closed_cb, from the loop. */
    void (*close)(struct outlet *outlet, outlet_closed_cb closed_cb,
                  void *data);
};

/* The first member of every outlet. */
struct outlet {
    const struct outlet_type *type; /* its operations */
};

/* NULL: unknown type. */
const struct outlet_type *outlet_type_find(const char *name);

/* The type at index; NULL past the last. */
const struct outlet_type *outlet_type_at(size_t index);

/* The library without which the type of this name is left out when haplo-poll
 * is built; NULL: none, or unknown. */
const char *outlet_type_needs(const char *name);

/* Adds a type that is not built in. Borrows it for the lifetime of the
 * process. */
void outlet_type_register(const struct outlet_type *type);

#endif
