/*
 * watchdog.h - the time limits of all transfers, with one timer.
 *
 * The timer is set to the earliest deadline known. Deadlines mostly move away
 * as bytes arrive. That costs nothing: the timer finds no transfer expired and
 * is set again. It does not run while nothing is in flight.
 */
#ifndef HTTP_WATCHDOG_H
#define HTTP_WATCHDOG_H

#include <stdint.h>

#define WATCHDOG_NEVER UINT64_MAX

struct easy;
struct http_client;

void watchdog_init(struct http_client *client);

/* The handle's deadline may be nearer now: it was begun, has a new phase, or
 * has failed (then its transfer is ended from the loop at once). */
void watchdog_note(struct easy *easy);

/* Nothing is in flight. */
void watchdog_rest(struct http_client *client);

#endif
