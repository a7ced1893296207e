#include "histogram.h"

void histogram_add(struct histogram *histogram, double ms)
{
    double step = ms / HISTOGRAM_STEP_MS;
    uint32_t index = HISTOGRAM_STEP_COUNT - 1;
    if (step < HISTOGRAM_STEP_COUNT - 1) {
        index = step > 0 ? (uint32_t)step : 0;
    }
    histogram->steps[index]++;
    histogram->count++;
    if (ms > histogram->max_ms) {
        histogram->max_ms = ms;
    }
}

double histogram_at(const struct histogram *histogram, double part)
{
    uint64_t wanted = (uint64_t)((double)histogram->count * part);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < HISTOGRAM_STEP_COUNT; i++) {
        sum += histogram->steps[i];
        if (sum > wanted) {
            return (i + 1) * HISTOGRAM_STEP_MS;
        }
    }
    return histogram->max_ms;
}
