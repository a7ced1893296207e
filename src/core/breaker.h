/*
 * breaker.h - whether an outlet's destination works. Pure: no I/O, no clock.
 *
 *          broken, or too many failures
 *          or refusals in a row              its wait is over
 *      UP ---------------------------> BROKEN --------------> PROBING
 *       ^                               ^  |                   |  |
 *       |                               |  |      not accepted |  |
 *       |                               +--|-------------------+  |
 *       +------ something is accepted -----+----------------------+
 *
 * UP admits everything, BROKEN nothing, PROBING one parcel at a time. What was
 * under way when the breaker opened may still be accepted: BROKEN -> UP.
 *
 * A run is what happens between two messages that the destination accepts. Many
 * different messages refused in one run are no bad data: the destination is
 * broken, and stays so until it accepts one. Each probing is a run of its own
 * then, as the message that is tried first may be bad indeed: so many others
 * are tried before the breaker opens again.
 */
#ifndef CORE_BREAKER_H
#define CORE_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/backoff.h"

enum breaker_state { BREAKER_UP, BREAKER_BROKEN, BREAKER_PROBING };

struct breaker_policy {
    uint64_t backoff_ms;     /* first wait of an open breaker */
    uint64_t backoff_max_ms; /* longest */
    unsigned failures_max;   /* in a run, of any parcels */
    unsigned refusals_max;   /* in a run, of different messages */
};

enum breaker_event_kind {
    BREAKER_EVENT_ACCEPTED, /* it took a message */
    BREAKER_EVENT_FAILED,   /* "not now" */
    BREAKER_EVENT_REFUSED,  /* "never, because of its data" */
    BREAKER_EVENT_BROKEN,   /* the destination says so, or is not there */
    BREAKER_EVENT_DUE       /* its wait is over */
};

struct breaker_event {
    enum breaker_event_kind kind; /* what happened */
    uint64_t delay_ms;            /* FAILED, BROKEN: least wait */
    bool is_repeat; /* REFUSED: of a message that was refused in this run */
};

struct breaker {
    const struct breaker_policy *policy; /* borrowed */
    enum breaker_state state;            /* written by breaker_step() alone */
    uint64_t due_ms;                     /* end of BROKEN */
    uint64_t run;                        /* counts the runs */
    unsigned failures;                   /* in this run */
    unsigned refusals;                   /* in this run */
    unsigned times_broken;               /* since it accepted something */
    bool is_refused;                     /* refusals, not failures, opened it */
};

/* What the caller must do after a step. */
enum breaker_action {
    BREAKER_ACTION_NONE,   /* nothing */
    BREAKER_ACTION_OPENED, /* it broke: hold everything back */
    BREAKER_ACTION_CLOSED  /* it works again */
};

void breaker_init(struct breaker *breaker, const struct breaker_policy *policy);

enum breaker_action breaker_step(struct breaker *breaker,
                                 const struct breaker_event *event,
                                 uint64_t now_ms, struct random *random);

/* True if one more parcel may go out beside those in flight. */
bool breaker_admits(const struct breaker *breaker, unsigned in_flight);

#endif
