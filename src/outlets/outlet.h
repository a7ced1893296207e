/*
 * outlet.h - a place that stored messages are forwarded to, such as a folder
 * of files, standard output, a web service. One outlet is one file and one row
 * of the registry (outlet_types.c); the forwarder drives it.
 *
 * An outlet delivers parcels: messages of one queue, of one stored batch, in
 * their order. The forwarder never has two parcels of one queue with an outlet
 * at a time, and at most in_flight_max parcels altogether.
 *
 * Threads: all on the loop's. An outlet that has to block does so on a thread
 * of its own (blocking.h wraps it), never in libuv's pool, which name look-ups
 * share.
 */
#ifndef OUTLETS_OUTLET_H
#define OUTLETS_OUTLET_H

#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "base/option.h"
#include "haplopoll.h"
#include "inbox/inbox.h"

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
    char why[HAPLO_TEXT_SIZE_MAX]; /* one line; "" with DELIVERED */
    void *outlet_data; /* the outlet's own, while it has the parcel */
};

typedef void (*outlet_closed_cb)(void *data);

struct outlet_type {
    const char *name;                 /* as in the configuration: "files" */
    const char *help;                 /* one line */
    const struct option_row *options; /* its own, after name and type */
    size_t option_count;              /* */
    size_t options_size;              /* of the struct that they fill */
    unsigned in_flight_max;           /* parcels with it at once */
    /* Checks the options before anything runs: 0, or HAPLO_EINVAL with why. */
    int (*check)(const void *options, char *why, size_t why_size);
    /* Borrows options and inbox_uuid until it is closed. 0, or HAPLO_E* with
     * one line in why, and *out is NULL. */
    int (*open)(uv_loop_t *loop, const char *name, const char *inbox_uuid,
                const void *options, struct outlet **out, char *why,
                size_t why_size);
    /* Delivers a parcel; always answers. */
    void (*deliver)(struct outlet *outlet, struct outlet_parcel *parcel);
    /* Answers all parcels it has (RETRY), then frees itself. */
    void (*close)(struct outlet *outlet, outlet_closed_cb closed_cb,
                  void *data);
};

/* Every outlet begins with this. */
struct outlet {
    const struct outlet_type *type; /* */
};

/* NULL if there is no such type; the types in their order, NULL past the last
 * one; adds one from outside, borrowed for the process's life. */
const struct outlet_type *outlet_type_find(const char *name);
const struct outlet_type *outlet_type_at(size_t index);
void outlet_type_register(const struct outlet_type *type);

#endif
