/*
 * admin_metrics.h - /metrics.
 */
#ifndef DAEMON_ADMIN_METRICS_PAGE_H
#define DAEMON_ADMIN_METRICS_PAGE_H

#include "daemon/admin/admin_request.h"

/* The page of metrics; ?queues=all or ?queues=SERVER: with those of queues. */
void admin_get_metrics(struct admin_request *request);

#endif
