/*
 * limits.h - resources that the process needs, and secrets that it must not
 * leak.
 */
#ifndef DAEMON_LIMITS_H
#define DAEMON_LIMITS_H

#include <stdbool.h>
#include <stddef.h>

#include <uv.h>

/* Set to 1 by developers: see haplo-poll(1). */
#define LIMITS_DUMPS_VARIABLE "HAPLO_POLL_ALLOW_DUMPS"

/* True if core dumps, which contain API keys, and debuggers are allowed. */
bool limits_allow_dumps(void);

/* Disables core dumps, unless they are allowed. Ignores signals that have
 * no meaning (signals.h). Raises the descriptor limit for many sockets. Lets
 * the heap keep some free memory. */
void limits_prepare(void);

/* Initialises the loop and starts the thread pool. Checks first that enough
 * descriptors and threads are available, because libuv aborts if there are
 * not. Returns 0, or -1 with why set and no loop. */
int limits_loop_init(uv_loop_t *loop, char *why, size_t why_size);

#endif
