/*
 * units.h - durations ("250ms", "30s", "5m", "1h", "1d"), sizes ("512K",
 * "64M", "1G", or plain bytes) and counts, as people write them.
 */
#ifndef CONFIG_UNITS_H
#define CONFIG_UNITS_H

#include <stdint.h>

#define UNITS_TEXT_SIZE 32 /* enough for the format functions */

#define UNITS_DURATION_EXAMPLES "250ms, 30s, 5m, 1h or 1d"
#define UNITS_SIZE_EXAMPLES "512K, 64M, 1G or a number of bytes"

/* Returns 0, or -1 if the text is invalid or the value too large. A duration
 * needs a unit: a bare "60" could mean seconds or milliseconds. */
int duration_parse(const char *text, uint64_t *ms);
int size_parse(const char *text, uint64_t *bytes);
int count_parse(const char *text, uint64_t *count);

/* Write the shortest exact spelling into text and return it. */
const char *duration_format(uint64_t ms, char text[UNITS_TEXT_SIZE]);
const char *size_format(uint64_t bytes, char text[UNITS_TEXT_SIZE]);

#endif
