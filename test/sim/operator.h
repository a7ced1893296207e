/*
 * operator.h - what an operator does to a running haplo-poll, and the hand
 * that kills it. Most of it happens when a queue has just come into a certain
 * state, for some states last so short that it would hardly ever meet them.
 */
#ifndef TEST_SIM_OPERATOR_H
#define TEST_SIM_OPERATOR_H

#include "core/queue.h"

struct remote_queue;
struct world;

enum errand {
    ERRAND_PAUSE, /* and resume later */
    ERRAND_REMOVE,
    ERRAND_POLL_NOW,
    ERRAND_NEW_KEY,
    ERRAND_STOP,
    ERRAND_NONE
};

/* Does it now, or when a queue is where it is waited for. */
void operator_comes(struct world *world, enum errand errand);

/* A queue has come there. */
void operator_sees(struct world *world, struct remote_queue *remote,
                   enum haplo_queue_state state);

/* Kills the process now, or at some point. */
void operator_kills(struct world *world);

/* What only an operator can do so that the queue goes on: resumes it,
 * configures it again, unblocks it. */
void operator_helps(struct world *world, struct remote_queue *remote);

#endif
