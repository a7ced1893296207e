/*
 * admin_access.h - who asks, and what they may do.
 */
#ifndef DAEMON_ADMIN_ACCESS_H
#define DAEMON_ADMIN_ACCESS_H

#include <stdbool.h>

#include "daemon/admin/admin_request.h"

#define ADMIN_COOKIE "haplo_poll_session"
#define ADMIN_HEADER "X-Haplo-Poll"

/* Sets the role of a request whose head has arrived. True if it may go on;
 * otherwise it has been refused. is_local: over the unix socket. */
bool admin_allows(struct admin_request *request, const char *method,
                  bool is_local);

#endif
