/*
 * fleet_host.h - this process as one host of a fleet: sends what fleet/fleet.h
 * asks for to the database, and passes on to the gather which slots are its
 * own.
 *
 *   - It starts when the gather is open. From then on, a timer calls the fleet
 *     when something is due, and the gather while slots come or go.
 *   - Each reply may change the slots, and gives the poller a later deadline.
 *   - At the end, it leaves the fleet: its slots are drained and handed over.
 *
 * Failures:
 *
 *   - The database does not respond: the poller begins nothing more when its
 *     deadline has passed, which is before others may take over; nor do the
 *     outlets. Both go on with the next reply.
 *   - Another process has this host's name: it stays outside, and tries again.
 *   - Leaving takes longer than it may: what has not been drained by then is
 *     taken over by others a little later, as from a host that has failed.
 */
#ifndef DAEMON_FLEET_HOST_H
#define DAEMON_FLEET_HOST_H

#include "base/reason.h"
#include "daemon/fleet/fleet_telling.h"
#include "daemon/gather/gather_slots.h"
#include "fleet/fleet.h"
#include "inbox/inbox_fleet.h"

/* Embedded in its owner. Others may read it. */
struct fleet_host {
    struct gather *gather;               /* borrowed */
    struct fleet_policy policy;          /* copied */
    const struct inbox_fleet_host *self; /* borrowed */
    struct fleet fleet;                  /* what it decides */
    struct gather_slots_calls calls;     /* from the gather */
    struct fleet_telling telling;        /* what hosts tell each other */
    struct inbox_fleet_request ask;      /* outstanding if fleet.is_asking */
    struct inbox_fleet_detail *details;  /* owned; of fleet.members */
    struct reason why;                   /* of the last failure */
    uint64_t failing_since_ms;   /* boot clock; 0: the last one succeeded */
    bool is_unsent;              /* the request could not even be sent */
    bool is_started;             /* the timer exists */
    uv_timer_t timer;            /* what is due, and leaving */
    uint64_t leave_ms;           /* boot clock: leaving ends; 0: it stays */
    void (*left_cb)(void *data); /* of fleet_host_leave() */
    void *data;                  /* for the owner */
};

/* To be called before gather_open(), whose options get `calls` and
 * `telling.calls`, as pauses_share() does. Copies policy; borrows pauses. */
void fleet_host_init(struct fleet_host *host, struct gather *gather,
                     const struct fleet_policy *policy, struct pauses *pauses,
                     void *data);

/* The gather is open: joins the fleet. Borrows self. 0, or HAPLO_ENOMEM: it is
 * as if this had not been called. */
int fleet_host_start(struct fleet_host *host,
                     const struct inbox_fleet_host *self);

/* Drains and hands over all slots for at most deadline_ms, and leaves. left_cb
 * fires once, from the loop or inside this call: nothing is called after that.
 * A second call shortens the deadline. */
void fleet_host_leave(struct fleet_host *host, uint64_t deadline_ms,
                      void (*left_cb)(void *data));

/* To be called when it has left, or without having been started. */
void fleet_host_free(struct fleet_host *host);

#endif
