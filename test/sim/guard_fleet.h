/*
 * guard_fleet.h - what must hold of the hosts of a fleet:
 *
 *   - No fetch and no mark begins after the host's deadline, by the time that
 *     has really passed; nor in a slot that is not its own, as it was told
 *     last.
 *   - Two hosts have tokens of one queue at a time only if the slot was taken
 *     from the first one, because it had not renewed its membership.
 *   - Before a queue is polled, its state is loaded.
 */
#ifndef TEST_SIM_GUARD_FLEET_H
#define TEST_SIM_GUARD_FLEET_H

#include <stdbool.h>

struct process;
struct seen_queue;

/* The queue sends a request, or is added to the poller. */
void guard_fleet_starts(const struct seen_queue *queue, bool is_mark);
void guard_fleet_adds(const struct seen_queue *queue);

/* True if the process may begin requests, and could have done so for a
 * moment. */
bool guard_fleet_may_begin(const struct process *process);

#endif
