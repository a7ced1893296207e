/*
 * ending.h - how a world ends: nothing goes wrong any more, and haplo-poll has
 * time to gather what is left: ENDING_MS_MAX, and ENDING_MESSAGE_MS for each
 * message. Then everything is unsent, which by then is confirmed, and must come
 * once more.
 */
#ifndef TEST_SIM_ENDING_H
#define TEST_SIM_ENDING_H

#include <stdbool.h>

struct world;

/* The longest that it may wait by itself is what a proxy has asked for, an
 * hour; the rest is for turns. */
#define ENDING_MS_MAX 7200000

/* A batch may hold one message, and a single slot may be there for all. */
#define ENDING_MESSAGE_MS 20000

/* Makes the world quiet when its time has come. */
void ending_plan(struct world *world);

bool ending_is_over(const struct world *world);

#endif
