#include "base/wall_clock.h"

#include <time.h>
#include <uv.h>

uint64_t wall_clock_ms(void)
{
    uv_timeval64_t now;
    if (uv_gettimeofday(&now) != 0) {
        return 0;
    }
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_usec / 1000;
}

const char *wall_clock_text(uint64_t at_ms, char text[WALL_CLOCK_TEXT_SIZE])
{
    time_t at = (time_t)(at_ms / 1000);
    struct tm tm = {0};
    gmtime_r(&at, &tm);
    strftime(text, WALL_CLOCK_TEXT_SIZE, "%Y-%m-%dT%H:%M:%SZ", &tm);
    return text;
}
