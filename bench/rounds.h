/*
 * rounds.h - a cold start, in rounds: each queue does one cycle, all at once,
 * and then all is still until a line comes on stdin. So the first round makes
 * the connections, the second one uses them, and after a time in which the
 * server has closed them the third one resumes their TLS sessions.
 */
#ifndef BENCH_ROUNDS_H
#define BENCH_ROUNDS_H

#include <uv.h>

struct rounds {
    unsigned count;         /* rounds left; 0: not in use */
    unsigned queue_count;   /* cycles a round */
    unsigned left;          /* cycles until its end */
    double cpu_us;          /* at its begin */
    double wall_us;         /* the same */
    void (*begin_cb)(void); /* starts all queues */
    uv_poll_t input;        /* stdin */
};

/* Begins the first round. */
void rounds_start(struct rounds *rounds, unsigned count, unsigned queue_count,
                  void (*begin_cb)(void));

/* A cycle of the round is done. Prints the round after its last one, and
 * exits after the last round. */
void rounds_count(struct rounds *rounds);

#endif
