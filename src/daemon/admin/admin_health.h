/*
 * admin_health.h - what supervisors ask: /healthz and /readyz.
 */
#ifndef DAEMON_ADMIN_HEALTH_H
#define DAEMON_ADMIN_HEALTH_H

#include "daemon/admin/admin_request.h"

/* The process is alive: whoever gets a response knows that the loop runs. */
void admin_get_health(struct admin_request *request);

#endif
