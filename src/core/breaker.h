/*
 * breaker.h - the circuit breaker of an outlet. Pure: no I/O and no clock.
 *
 *          broken, or too many
 *          consecutive failures or refusals         wait over
 *      UP ---------------------------> BROKEN --------------> PROBING
 *       ^                               ^  |                   |  |
 *       |                               |  |      not accepted |  |
 *       |                               +--|-------------------+  |
 *       +------ something is accepted -----+----------------------+
 *
 * UP admits everything, BROKEN nothing, PROBING one parcel at a time. A parcel
 * that was in flight when the breaker opened may still be accepted: BROKEN ->
 * UP.
 *
 * A run is what happens between two messages that the destination accepts. If
 * many different messages are refused in one run, the data is not the cause:
 * the destination is broken, and stays so until it accepts a message. After
 * that, each probing is a run of its own: the first message that is tried may
 * really be bad, so as many others are tried before the breaker opens again.
 */
#ifndef CORE_BREAKER_H
#define CORE_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/backoff.h"

enum breaker_state { BREAKER_UP, BREAKER_BROKEN, BREAKER_PROBING };

struct breaker_policy {
    uint64_t backoff_ms;     /* first wait when the breaker opens */
    uint64_t backoff_max_ms; /* longest wait */
    unsigned failures_max;   /* limit per run, of any parcels */
    unsigned refusals_max;   /* limit per run, of different messages */
};

enum breaker_event_kind {
    BREAKER_EVENT_ACCEPTED, /* it accepted a message */
    BREAKER_EVENT_FAILED,   /* "not now" */
    BREAKER_EVENT_REFUSED,  /* "never, because of its data" */
    BREAKER_EVENT_BROKEN,   /* the destination is broken or unreachable */
    BREAKER_EVENT_DUE       /* its wait has ended */
};

struct breaker_event {
    enum breaker_event_kind kind; /* what happened */
    uint64_t delay_ms;            /* FAILED, BROKEN: minimum wait */
    bool is_repeat; /* REFUSED: this message was refused in this run before */
};

struct breaker {
    const struct breaker_policy *policy; /* borrowed */
    enum breaker_state state;            /* written only by breaker_step() */
    uint64_t due_ms;                     /* end of BROKEN */
    uint64_t run;                        /* counts the runs */
    unsigned failures;                   /* in this run */
    unsigned refusals;                   /* in this run */
    unsigned times_broken;               /* since it last accepted something */
    bool is_refused;                     /* opened by refusals, not failures */
};

/* What the caller must do after a step. */
enum breaker_action {
    BREAKER_ACTION_NONE,   /* nothing */
    BREAKER_ACTION_OPENED, /* it opened: hold everything back */
    BREAKER_ACTION_CLOSED  /* it works again */
};

void breaker_init(struct breaker *breaker, const struct breaker_policy *policy);

enum breaker_action breaker_step(struct breaker *breaker,
                                 const struct breaker_event *event,
                                 uint64_t now_ms, struct random *random);

/* True if another parcel may be sent, given the number in flight. */
bool breaker_admits(const struct breaker *breaker, unsigned in_flight);

#endif
