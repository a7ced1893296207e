#include "daemon/log/span_text.h"

#include <stdio.h>

/* The larger unit, and the next one unless it is 0. */
static const char *two_units(char *text, uint64_t count, uint64_t per_large,
                             const char *large, const char *small)
{
    unsigned long long many = count / per_large;
    unsigned long long rest = count % per_large;
    if (rest == 0) {
        (void)snprintf(text, SPAN_TEXT_SIZE, "%llu %s", many, large);
    } else {
        (void)snprintf(text, SPAN_TEXT_SIZE, "%llu %s %llu %s", many, large,
                       rest, small);
    }
    return text;
}

const char *span_text(uint64_t span_ms, char text[SPAN_TEXT_SIZE])
{
    uint64_t seconds = (span_ms + 500) / 1000;
    uint64_t minutes = (seconds + 30) / 60;
    uint64_t hours = (minutes + 30) / 60;
    if (span_ms < 10000) {
        (void)snprintf(text, SPAN_TEXT_SIZE, "%.1f s", (double)span_ms / 1000);
    } else if (seconds < 60) {
        (void)snprintf(text, SPAN_TEXT_SIZE, "%u s", (unsigned)seconds);
    } else if (minutes < 10) {
        return two_units(text, seconds, 60, "min", "s");
    } else if (minutes < 60) {
        (void)snprintf(text, SPAN_TEXT_SIZE, "%u min", (unsigned)minutes);
    } else if (hours < 48) {
        return two_units(text, minutes, 60, "h", "min");
    } else {
        return two_units(text, hours, 24, "d", "h");
    }
    return text;
}
