/*
 * skipped_clock.h - the monotonic clock of the process, which a test may put
 * forward: waits then cost no time. libuv and libcurl read it, too. The clock
 * since the start of the machine goes with it, and also on its own, as while
 * the machine is suspended.
 */
#ifndef TEST_SKIPPED_CLOCK_H
#define TEST_SKIPPED_CLOCK_H

#include <stdint.h>

extern uint64_t clock_skipped_ms;   /* added to what the system says */
extern uint64_t clock_suspended_ms; /* added to CLOCK_BOOTTIME, besides */

#endif
