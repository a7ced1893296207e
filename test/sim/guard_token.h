/*
 * guard_token.h - the guard's part that sees to tokens.
 */
#ifndef TEST_SIM_GUARD_TOKEN_H
#define TEST_SIM_GUARD_TOKEN_H

struct poll_queue;

/* The queue's token goes out. */
void guard_posts(const struct poll_queue *queue);

#endif
