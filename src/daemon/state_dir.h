/*
 * state_dir.h - the folder for everything that haplo-poll must remember, and
 * the lock that keeps out a second process, which would fetch the same
 * batches.
 */
#ifndef DAEMON_STATE_DIR_H
#define DAEMON_STATE_DIR_H

#include <stddef.h>

/* Creates the folder if it does not exist (mode 0700) and locks it. Returns a
 * descriptor for state_dir_unlock(). On error returns -1 with why set; errno
 * is EWOULDBLOCK if another process holds the lock. */
int state_dir_lock(const char *path, char *why, size_t why_size);

void state_dir_unlock(int lock);

#endif
