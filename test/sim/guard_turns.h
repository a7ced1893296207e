/*
 * guard_turns.h - the guard's part that sees to turns: that they are given,
 * and that nobody starves.
 */
#ifndef TEST_SIM_GUARD_TURNS_H
#define TEST_SIM_GUARD_TURNS_H

#include <stdbool.h>

struct poll_queue;

/* The queue starts a request; all others that could have waited for it. */
void guard_takes_turn(struct poll_queue *queue, bool is_mark);

#endif
