/*
 * rounds.h - measures cold starts in rounds. In a round, all queues run one
 * cycle concurrently; then the client idles until it reads a line from
 * standard input. The first round makes the connections and the second reuses
 * them. If the server closes them in between, the third round resumes their
 * TLS sessions.
 */
#ifndef BENCH_ROUNDS_H
#define BENCH_ROUNDS_H

#include <uv.h>

struct rounds {
    unsigned count;         /* rounds left; 0: not in use */
    unsigned queue_count;   /* cycles per round */
    unsigned left;          /* cycles left in this round */
    double cpu_us;          /* CPU time when the round began */
    double wall_us;         /* wall-clock time when it began */
    void (*begin_cb)(void); /* starts all queues */
    uv_poll_t input;        /* standard input */
};

/* Starts the first round. */
void rounds_start(struct rounds *rounds, unsigned count, unsigned queue_count,
                  void (*begin_cb)(void));

/* To be called when a cycle is complete. Prints a result after each round, and
 * exits after the last one. */
void rounds_count(struct rounds *rounds);

#endif
