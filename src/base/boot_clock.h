/*
 * boot_clock.h - the time since the machine was started, which goes on while it
 * is suspended, and which nobody can set. For deadlines that other machines
 * rely on. Read afresh with each call.
 */
#ifndef BASE_BOOT_CLOCK_H
#define BASE_BOOT_CLOCK_H

#include <stdint.h>

uint64_t boot_clock_ms(void);

#endif
