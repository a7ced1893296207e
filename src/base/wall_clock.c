#include "base/wall_clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <uv.h>

#include "haplopoll.h"

uint64_t wall_clock_ms(void)
{
    uv_timeval64_t now;
    if (uv_gettimeofday(&now) != 0) {
        return 0;
    }
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_usec / 1000;
}

/* Reads count digits; -1 if there are fewer. */
static int digits_read(const char **text, int count)
{
    int value = 0;
    for (int i = 0; i < count; i++) {
        char digit = *(*text)++;
        if (digit < '0' || digit > '9') {
            return -1;
        }
        value = value * 10 + (digit - '0');
    }
    return value;
}

/* Reads a mark such as "-", and count digits after it. */
static int part_read(const char **text, char mark, int count)
{
    return *(*text)++ == mark ? digits_read(text, count) : -1;
}

/* Up to three digits count. */
static int fraction_read(const char **text, uint64_t *ms)
{
    uint64_t factor = 100;
    (*text)++;
    if (**text < '0' || **text > '9') {
        return -1;
    }
    for (; **text >= '0' && **text <= '9'; (*text)++) {
        *ms += factor * (uint64_t)(**text - '0');
        factor /= 10;
    }
    return 0;
}

static int time_read(const char *text, struct tm *tm, uint64_t *ms)
{
    tm->tm_hour = part_read(&text, 'T', 2);
    tm->tm_min = tm->tm_hour < 0 ? -1 : part_read(&text, ':', 2);
    tm->tm_sec = tm->tm_min < 0 ? -1 : part_read(&text, ':', 2);
    if (tm->tm_sec < 0 || (*text == '.' && fraction_read(&text, ms) != 0)) {
        return -1;
    }
    return strcmp(text, "Z") == 0 ? 0 : -1;
}

int wall_clock_parse(const char *text, uint64_t *at_ms)
{
    struct tm tm = {0};
    uint64_t ms = 0;
    int year = digits_read(&text, 4);
    int month = year < 1970 ? -1 : part_read(&text, '-', 2);
    int day = month < 1 ? -1 : part_read(&text, '-', 2);
    if (day < 1 || (*text != '\0' && time_read(text, &tm, &ms) != 0)) {
        return HAPLO_EINVAL;
    }
    tm.tm_year = year - 1900;
    tm.tm_mon = month - 1;
    tm.tm_mday = day;
    struct tm given = tm;
    time_t at = timegm(&tm); /* turns February 30 into March 2 */
    if (tm.tm_mon != given.tm_mon || tm.tm_mday != given.tm_mday ||
        tm.tm_hour != given.tm_hour || tm.tm_min != given.tm_min ||
        tm.tm_sec != given.tm_sec) {
        return HAPLO_EINVAL;
    }
    *at_ms = (uint64_t)at * 1000 + ms;
    return 0;
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
