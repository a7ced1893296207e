/*
 * admin_queue.h - one queue: GET /api/v1/queues/{server}/{queue}.
 */
#ifndef DAEMON_ADMIN_QUEUE_H
#define DAEMON_ADMIN_QUEUE_H

#include "daemon/admin/admin_request.h"

void admin_get_queue(struct admin_request *request);

/* The queue that the path names; NULL after replying that it does not exist. */
struct gather_queue *admin_find_queue(struct admin_request *request);

#endif
