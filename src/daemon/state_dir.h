/*
 * state_dir.h - the folder of what haplo-poll must remember, and the lock
 * that keeps a second process out of it: two would fetch the same batches.
 */
#ifndef DAEMON_STATE_DIR_H
#define DAEMON_STATE_DIR_H

#include <stddef.h>

/* Makes the folder if there is none (mode 0700) and locks it. Returns a
 * descriptor to be given to state_dir_unlock(); -1 with errno EWOULDBLOCK if
 * another process has it, or -1 with another errno; why is set then. */
int state_dir_lock(const char *path, char *why, size_t why_size);

void state_dir_unlock(int lock);

#endif
