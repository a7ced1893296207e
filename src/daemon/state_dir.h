/*
 * state_dir.h - the folder for everything that haplo-poll must remember, and
 * the lock that keeps out a second process, which would fetch the same
 * batches.
 */
#ifndef DAEMON_STATE_DIR_H
#define DAEMON_STATE_DIR_H

#include "base/reason.h"

/* Creates the folder if it does not exist (mode 0700) and locks it. Sets *lock
 * for state_dir_unlock(), on error to -1. Returns 0; or with why set
 * HAPLO_EEXIST if another process holds the lock, HAPLO_EDELIVERY if the disk
 * failed, or HAPLO_EINVAL. */
int state_dir_lock(const char *path, int *lock, struct reason *why);

void state_dir_unlock(int lock);

#endif
