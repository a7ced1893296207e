/*
 * trend.h - notices a backlog that keeps growing, before it becomes a problem:
 * a number that is sampled every hour. Pure.
 */
#ifndef DAEMON_TREND_H
#define DAEMON_TREND_H

#include <stdbool.h>
#include <stdint.h>

#define TREND_HOURS 6        /* it must have grown in each of them */
#define TREND_COUNT_MIN 1000 /* less is no backlog */

struct trend {
    uint64_t lowest;     /* when it began to grow */
    uint64_t newest;     /* the newest sample */
    unsigned hours;      /* how long it has grown, without a pause */
    unsigned told_hours; /* the same when it was told; 0: not told */
};

/* Adds a sample. Returns true if operators should know now: after TREND_HOURS,
 * and every day that it goes on. */
bool trend_add(struct trend *trend, uint64_t count);

#endif
