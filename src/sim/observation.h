/*
 * observation.h - messages of the queue `global`: changes of objects, workflow
 * transitions, and now and then an action that no consumer knows. Pure.
 */
#ifndef SIM_OBSERVATION_H
#define SIM_OBSERVATION_H

#include <stdint.h>

#include "sim/buffer.h"

/* Which message of which queue. */
struct sim_observed {
    uint64_t seed;         /* of the simulator */
    const char *app;       /* name of the application */
    const char *queue;     /* name of the queue */
    uint64_t number;       /* of the message in its queue, from 1 */
    uint64_t object_count; /* objects that change, at least 1 */
    uint64_t size;         /* pad to about this; 0: do not */
};

/* Appends the data of a message. The same parameters give the same data. Each
 * object changes once before any changes again. Its recordVersion never
 * decreases, and sometimes stays the same: messages are written some time after
 * a change, so that two may have the newest state. */
void sim_observation_generate(struct sim_buffer *to,
                              const struct sim_observed *what);

#endif
