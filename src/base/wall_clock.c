#include "base/wall_clock.h"

#include <stdio.h>
#include <string.h>
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

/* Everything but the fraction and the Z; returns its size. */
static size_t seconds_print(uint64_t at_ms, char text[WALL_CLOCK_TEXT_SIZE])
{
    time_t at = (time_t)(at_ms / 1000);
    struct tm tm = {0};
    gmtime_r(&at, &tm);
    return strftime(text, WALL_CLOCK_TEXT_SIZE - 8, "%Y-%m-%dT%H:%M:%S", &tm);
}

const char *wall_clock_text(uint64_t at_ms, char text[WALL_CLOCK_TEXT_SIZE])
{
    strcpy(text + seconds_print(at_ms, text), "Z");
    return text;
}

const char *wall_clock_text_ms(uint64_t at_ms, char text[WALL_CLOCK_TEXT_SIZE])
{
    size_t size = seconds_print(at_ms, text);
    (void)snprintf(text + size, WALL_CLOCK_TEXT_SIZE - size, ".%03uZ",
                   (unsigned)(at_ms % 1000));
    return text;
}
