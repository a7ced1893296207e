/*
 * chaos.h - everything else that happens to a simulated world: users, admins,
 * other consumers, failing servers, full disks, operators, and the killing of
 * processes.
 */
#ifndef TEST_SIM_CHAOS_H
#define TEST_SIM_CHAOS_H

struct world;
struct remote_queue;

/* Schedules the plan's events until the world is quiet. */
void chaos_begin(struct world *world);

/* A random queue. */
struct remote_queue *chaos_pick_queue(struct world *world);

#endif
