/*
 * limits.h - what the process needs of the system, and what it must not give
 * away.
 */
#ifndef DAEMON_LIMITS_H
#define DAEMON_LIMITS_H

#include <stddef.h>

#include <uv.h>

/* Keys are in this process's memory: none of it may end in a core file. A
 * peer that is gone, or an inbox as large as files may get, is an error to
 * report and not the end. A socket for each server needs more descriptors
 * than is usual. */
void limits_prepare(void);

/* Initialises the loop, and has libuv start its threads. Before that it makes
 * sure that there are descriptors and threads for it, as libuv aborts where
 * there are none. 0, or -1 with why set and no loop. */
int limits_loop_init(uv_loop_t *loop, char *why, size_t why_size);

/* From now on SIGINT and SIGTERM do nothing: the process is ending. */
void limits_hold_signals(void);

#endif
