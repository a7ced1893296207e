/*
 * world.h - everything that is simulated: applications, faults and the event
 * log. Pure: callers set now_ms.
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include <stddef.h>
#include <stdint.h>

#include "sim/app.h"
#include "sim/eventlog.h"
#include "sim/faults.h"
#include "sim/settings.h"

struct sim_world {
    struct sim_settings settings; /* defaults for applications and queues */
    struct sim_app **apps;        /* owned */
    size_t app_count;
    size_t app_capacity;
    struct sim_table app_table; /* by name */
    struct sim_faults faults;
    struct sim_eventlog log;
    int64_t now_ms; /* monotonic, read once per wake-up */
};

void sim_world_free(struct sim_world *world);

struct sim_app *sim_world_find_app(const struct sim_world *world,
                                   const char *name);

/* Creates an application with its queues q1 ... qN. */
struct sim_app *sim_world_add_app(struct sim_world *world, const char *name,
                                  const struct sim_settings *settings);

/* Adds the messages that queues with a rate receive in this time. */
void sim_world_tick(struct sim_world *world, int64_t elapsed_ms);

/* Does any queue have a rate? */
bool sim_world_has_rate(const struct sim_world *world);

#endif
