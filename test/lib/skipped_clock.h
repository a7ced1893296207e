/*
 * skipped_clock.h - the monotonic clock of the process, which a test may put
 * forward: waits then cost no time. libuv and libcurl read it, too.
 */
#ifndef TEST_SKIPPED_CLOCK_H
#define TEST_SKIPPED_CLOCK_H

#include <stdint.h>

extern uint64_t clock_skipped_ms; /* added to what the system says */

#endif
