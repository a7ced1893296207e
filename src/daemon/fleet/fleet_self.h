/*
 * fleet_self.h - what this process tells the other hosts of its fleet about
 * itself.
 */
#ifndef DAEMON_FLEET_SELF_H
#define DAEMON_FLEET_SELF_H

#include "base/reason.h"
#include "daemon/gather/gather.h"
#include "inbox/inbox_fleet.h"

struct fleet_self {
    struct inbox_fleet_host host; /* borrows from the rest, and from the
                                     gather */
    char name[FLEET_HOST_SIZE];
    char instance[INBOX_FLEET_INSTANCE_SIZE];
};

/* Fills it for the fleet of this configuration. name: that given by the user,
 * or NULL; see host_name.h. The state directory must be locked. Returns 0, or
 * HAPLO_E* with why set. The digest is that of the gather, whenever it
 * changes. */
int fleet_self_load(struct fleet_self *self, const struct config *config,
                    const struct gather *gather, const char *name,
                    struct reason *why);

#endif
