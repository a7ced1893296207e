/*
 * admin_queues.h - GET /api/v1/queues: filtered, sorted, page by page.
 */
#ifndef DAEMON_ADMIN_QUEUES_H
#define DAEMON_ADMIN_QUEUES_H

#include "daemon/admin/admin_request.h"

void admin_get_queues(struct admin_request *request);

#endif
