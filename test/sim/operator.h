/*
 * operator.h - what an operator does to a running haplo-poll, and how the
 * simulation kills it. Most of it happens at the moment that a queue enters a
 * certain state: some states are too short to be hit at random.
 */
#ifndef TEST_SIM_OPERATOR_H
#define TEST_SIM_OPERATOR_H

#include <stdint.h>

#include "haplopoll.h"

struct remote_queue;
struct seen_queue;
struct world;

enum errand {
    ERRAND_PAUSE, /* and resume later */
    ERRAND_REMOVE,
    ERRAND_POLL_NOW,
    ERRAND_NEW_KEY,
    ERRAND_STOP,
    ERRAND_NONE
};

/* Does it now, or when a queue reaches the state it waits for. */
void operator_comes(struct world *world, enum errand errand);

/* A queue has entered a state. */
void operator_sees(const struct seen_queue *queue,
                   enum haplo_queue_state state);

/* Kills a process now, or at a point chosen at random. */
void operator_kills(struct world *world);

/* Decides what happens to a lane that is blocked or waits. */
void operator_releases(struct world *world);

/* Changes something in the configuration, and reloads it. */
void operator_reloads(struct world *world);

/* Ends all processes; the first one is started again later. */
void operator_stops_all(struct world *world);

/* Polls the queue at once, if the process has it. */
void operator_polls_now(struct world *world, struct remote_queue *remote);

/* Gives the queue another key. */
void operator_sets_key(struct world *world, struct remote_queue *remote,
                       int key);

/* Does what only an operator can do to let the queue continue: resumes it,
 * configures it again, unblocks it. */
void operator_helps(struct world *world, struct remote_queue *remote);

#endif
