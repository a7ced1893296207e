/*
 * admin_ready.h - whether the process does what it is configured to do:
 * GET /readyz. What makes it fail is one table, here and in docs/api.md:
 *
 *   phase           it is starting or stopping
 *   configuration   the last reload was rejected
 *   inbox NAME      it is not open, cannot store, or its disk is nearly full
 *   outlet NAME     its destination is broken, its inbox cannot be read, or it
 *                   is closed
 *   polling         there are queues, and none of them works
 *
 * Single queues that fail, and single messages that are refused, do not: they
 * are for people, and restarting the process would not help.
 */
#ifndef DAEMON_ADMIN_READY_H
#define DAEMON_ADMIN_READY_H

#include "daemon/admin/admin_request.h"

void admin_get_ready(struct admin_request *request);

/* The same without reasons. */
bool admin_is_ready(const struct admin *admin);

#endif
