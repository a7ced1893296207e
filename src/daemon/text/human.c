#include "daemon/text/human.h"

#include <inttypes.h>
#include <stdio.h>

const char *human_bytes(uint64_t bytes, char text[HUMAN_TEXT_SIZE])
{
    static const char units[] = "kMGTPE";
    double value = (double)bytes;
    const char *unit = units;
    if (bytes < 1000) {
        snprintf(text, HUMAN_TEXT_SIZE, "%" PRIu64 " B", bytes);
        return text;
    }
    /* 999.95 would be printed as 1000.0 */
    for (value /= 1000; value >= 999.95 && unit[1] != '\0'; unit++) {
        value /= 1000;
    }
    snprintf(text, HUMAN_TEXT_SIZE, "%.1f %cB", value, *unit);
    return text;
}

const char *human_duration(uint64_t ms, char text[HUMAN_TEXT_SIZE])
{
    static const struct {
        uint64_t seconds; /* of this unit */
        const char *name; /* as printed */
    } units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}};
    uint64_t seconds = ms / 1000;
    size_t unit = 0;
    while (unit < 3 && seconds < units[unit].seconds) {
        unit++;
    }
    int size = snprintf(text, HUMAN_TEXT_SIZE, "%" PRIu64 " %s",
                        seconds / units[unit].seconds, units[unit].name);
    uint64_t rest =
        unit < 3 ? seconds % units[unit].seconds / units[unit + 1].seconds : 0;
    if (rest > 0 && size > 0) {
        snprintf(text + size, HUMAN_TEXT_SIZE - (size_t)size, " %" PRIu64 " %s",
                 rest, units[unit + 1].name);
    }
    return text;
}
