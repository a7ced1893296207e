/*
 * ending.h - how a world ends. Nothing fails any more, and haplo-poll has time
 * to gather what is left: ENDING_MS_MAX plus ENDING_MESSAGE_MS for each
 * message. Then all messages, which are confirmed by now, are unsent and must
 * arrive again.
 */
#ifndef TEST_SIM_ENDING_H
#define TEST_SIM_ENDING_H

#include <stdbool.h>

struct world;

/* The longest wait is the hour that a proxy may ask for. The rest allows for
 * queues that wait their turn. */
#define ENDING_MS_MAX 7200000

/* In the worst case, each batch has one message and all share one slot. */
#define ENDING_MESSAGE_MS 20000

/* Schedules the ending. */
void ending_plan(struct world *world);

bool ending_is_over(const struct world *world);

#endif
