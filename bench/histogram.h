/*
 * histogram.h - a histogram of how late polls were, in steps of 0.1 ms.
 */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_STEP_COUNT 100000 /* up to 10 s; later ones count as 10 s */
#define HISTOGRAM_STEP_MS 0.1

struct histogram {
    uint64_t steps[HISTOGRAM_STEP_COUNT];
    uint64_t count;
    double max_ms;
};

void histogram_add(struct histogram *histogram, double ms);

/* The quantile `part` (0 to 1) of all values. */
double histogram_at(const struct histogram *histogram, double part);

#endif
