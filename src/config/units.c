#include "config/units.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

struct unit {
    const char *suffix; /* written after the number */
    uint64_t factor;    /* in the smallest unit */
};

/* In ascending order, on which the format functions rely. */
static const struct unit duration_units[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000},
};

static const struct unit size_units[] = {
    {"", 1},
    {"K", 1024},
    {"M", 1048576},
    {"G", 1073741824},
};

#define UNIT_COUNT(units) (sizeof(units) / sizeof((units)[0]))

/* Reads digits up to *end. Not strtoull(), which accepts signs and blanks. */
static int number_parse(const char *text, uint64_t *number, const char **end)
{
    const char *c = text;
    *number = 0;
    for (; *c >= '0' && *c <= '9'; c++) {
        uint64_t digit = (uint64_t)(*c - '0');
        if (*number > (UINT64_MAX - digit) / 10) {
            return -1;
        }
        *number = *number * 10 + digit;
    }
    *end = c;
    return c == text ? -1 : 0;
}

static int unit_parse(const struct unit *units, size_t unit_count,
                      const char *text, uint64_t *value)
{
    uint64_t number;
    const char *suffix;
    if (number_parse(text, &number, &suffix) != 0) {
        return -1;
    }
    for (size_t i = 0; i < unit_count; i++) {
        if (strcmp(suffix, units[i].suffix) != 0) {
            continue;
        }
        if (number > UINT64_MAX / units[i].factor) {
            return -1;
        }
        *value = number * units[i].factor;
        return 0;
    }
    return -1;
}

static const char *unit_format(const struct unit *units, size_t unit_count,
                               uint64_t value, char *text)
{
    size_t i = unit_count - 1;
    while (i > 0 && (value == 0 || value % units[i].factor != 0)) {
        i--;
    }
    snprintf(text, UNITS_TEXT_SIZE, "%" PRIu64 "%s", value / units[i].factor,
             units[i].suffix);
    return text;
}

int duration_parse(const char *text, uint64_t *ms)
{
    return unit_parse(duration_units, UNIT_COUNT(duration_units), text, ms);
}

int size_parse(const char *text, uint64_t *bytes)
{
    return unit_parse(size_units, UNIT_COUNT(size_units), text, bytes);
}

int count_parse(const char *text, uint64_t *count)
{
    const char *end;
    return number_parse(text, count, &end) != 0 || *end != '\0' ? -1 : 0;
}

const char *duration_format(uint64_t ms, char text[UNITS_TEXT_SIZE])
{
    return unit_format(duration_units, UNIT_COUNT(duration_units), ms, text);
}

const char *size_format(uint64_t bytes, char text[UNITS_TEXT_SIZE])
{
    return unit_format(size_units, UNIT_COUNT(size_units), bytes, text);
}
