/*
 * ending.h - how a world ends: nothing goes wrong any more, and haplo-poll has
 * ENDING_MS_MAX to gather what is left. Then everything is unsent, which by
 * then is confirmed, and must come once more.
 */
#ifndef TEST_SIM_ENDING_H
#define TEST_SIM_ENDING_H

#include <stdbool.h>

struct world;

/* The longest that it may wait by itself is what a proxy may ask for, an
 * hour; the rest is for turns. */
#define ENDING_MS_MAX 7200000

/* Makes the world quiet when its time has come. */
void ending_plan(struct world *world);

bool ending_is_over(const struct world *world);

#endif
