/*
 * wall_clock.h - the time of day, for records and people; never for waits.
 */
#ifndef DAEMON_WALL_CLOCK_H
#define DAEMON_WALL_CLOCK_H

#include <stdint.h>

#define WALL_CLOCK_TEXT_SIZE 32

/* Since 1970; 0 if the system does not tell. */
uint64_t wall_clock_ms(void);

/* "2026-11-28T20:49:16Z" */
const char *wall_clock_text(uint64_t at_ms, char text[WALL_CLOCK_TEXT_SIZE]);

#endif
