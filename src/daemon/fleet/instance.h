/*
 * instance.h - the identity of this installation in a fleet: a random UUID that
 * the state directory remembers, as the target of the symbolic link
 * "fleet.instance". A process that is started again is the same member of the
 * fleet; one with the same host name and another state directory is not.
 */
#ifndef DAEMON_FLEET_INSTANCE_H
#define DAEMON_FLEET_INSTANCE_H

#include "base/reason.h"
#include "inbox/inbox_fleet.h"

/* Reads the identity, or creates it. The directory must be locked. Returns 0;
 * or with why set HAPLO_EDELIVERY if the disk failed, or HAPLO_EINVAL. */
int instance_load(const char *state_dir, char uuid[INBOX_FLEET_INSTANCE_SIZE],
                  struct reason *why);

#endif
