/*
 * operator.h - what an operator does to a running haplo-poll, and the hand
 * that stops or kills it.
 */
#ifndef TEST_SIM_OPERATOR_H
#define TEST_SIM_OPERATOR_H

struct remote_queue;
struct world;

void operator_pauses(struct world *world);
void operator_removes(struct world *world);
void operator_polls_now(struct world *world);
void operator_sets_key(struct world *world);
void operator_stops(struct world *world);
void operator_kills(struct world *world);

/* What only an operator can do so that the queue goes on: resumes it,
 * configures it again, unblocks it. */
void operator_helps(struct world *world, struct remote_queue *remote);

#endif
