/*
 * feeders.h - queues that deliver batches of 16 messages to an inbox and
 * confirm them, through inbox.h: each as soon as the one before is answered, or
 * all together at a rate. What an inbox costs is measured with them.
 *
 * There is one inbox a process. Whatever goes wrong ends it, with a line on
 * stderr.
 */
#ifndef BENCH_FEEDERS_H
#define BENCH_FEEDERS_H

#include <stdint.h>

#include "inbox/inbox.h"

#define FEEDERS_BATCH_COUNT 16

struct feeders_options {
    const struct inbox_type *type; /* of the inbox */
    const void *type_options;      /* as it documents them */
    size_t queue_count;            /* that deliver */
    size_t body_size;              /* bytes of a message; at least 64 */
};

/* Opens the inbox and its queues, which wait for feeders_run_*(). */
void feeders_open(const struct feeders_options *given);

/* Messages a second of all queues together, from now on. */
void feeders_set_rate(uint64_t per_second);

/* When messages are fetched from now on, in Unix milliseconds. */
void feeders_set_fetched_at(uint64_t at_ms);

/* Runs until this many more messages are stored. */
void feeders_run(uint64_t messages);

/* Runs for this long; then what was begun goes on with the next run. */
void feeders_run_for(double seconds);

/* Messages stored so far. */
uint64_t feeders_stored(void);

/* The inbox, for other requests. */
struct inbox *feeders_inbox(void);

/* How long deliveries waited for their answer since the last call, in
 * milliseconds, sorted. Valid until the next run. */
const double *feeders_waits_ms(size_t *count);

/* Waits for what was begun, and closes the inbox. */
void feeders_close(void);

/* CPU time of this process, all threads, in microseconds. */
double feeders_cpu_us(void);

/* Prints what failed, and exits. */
_Noreturn void feeders_fail(const char *what);

#endif
