/*
 * wall_clock.h - the time of day, for records and people. Never used for
 * waits.
 */
#ifndef BASE_WALL_CLOCK_H
#define BASE_WALL_CLOCK_H

#include <stdint.h>

#define WALL_CLOCK_TEXT_SIZE 32

/* Milliseconds since 1970; 0 if the system does not know the time. */
uint64_t wall_clock_ms(void);

/* Parses a time in UTC: "2026-11-28", "2026-11-28T20:49:16Z", or the same with
 * a fraction of a second. Returns 0 or HAPLO_EINVAL. */
int wall_clock_parse(const char *text, uint64_t *at_ms);

/* Formats a time like "2026-11-28T20:49:16Z", or "2026-11-28T20:49:16.040Z".
 * Returns text. */
const char *wall_clock_text(uint64_t at_ms, char text[WALL_CLOCK_TEXT_SIZE]);
const char *wall_clock_text_ms(uint64_t at_ms, char text[WALL_CLOCK_TEXT_SIZE]);

#endif
