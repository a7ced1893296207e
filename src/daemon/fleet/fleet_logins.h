/*
 * fleet_logins.h - failed logins of all hosts. A server counts those of all
 * that it sees, so each host adds what it counts itself to the common count,
 * and its poller recalls what others have added.
 *
 * A login that was successful clears the common count. Hosts that had counted
 * before keep theirs, until a login of their own is successful or the count
 * expires: that is cautious, and soon over.
 */
#ifndef DAEMON_FLEET_LOGINS_H
#define DAEMON_FLEET_LOGINS_H

#include "base/name_table.h"
#include "haplopoll.h"
#include "inbox/inbox_shared.h"

struct fleet_logins {
    struct haplo_poller *poller; /* borrowed */
    struct name_table sites;     /* owned; what is known of each */
};

typedef void (*fleet_logins_cb)(void *data, const struct inbox_change *change);

void fleet_logins_init(struct fleet_logins *logins);

/* Calls change_cb for each change of what the poller counts that has come since
 * the last call of this or the next function. */
void fleet_logins_compare(struct fleet_logins *logins,
                          fleet_logins_cb change_cb, void *data);

/* Lets the poller recall what others have added. All own changes must be in
 * there. Returns 0 or HAPLO_ENOMEM. */
int fleet_logins_take(struct fleet_logins *logins,
                      const struct inbox_shared *shared);

void fleet_logins_free(struct fleet_logins *logins);

#endif
