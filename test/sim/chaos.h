/*
 * chaos.h - what everybody else does to a simulated world: users, admins,
 * other consumers, servers that fail, disks that fill up, operators, and the
 * hand that kills the process.
 */
#ifndef TEST_SIM_CHAOS_H
#define TEST_SIM_CHAOS_H

struct world;
struct remote_queue;

/* Begins what the plan has, until the world is quiet. */
void chaos_begin(struct world *world);

/* One of the queues, by chance. */
struct remote_queue *chaos_pick_queue(struct world *world);

#endif
