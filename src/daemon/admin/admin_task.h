/*
 * admin_task.h - work on an inbox that takes a while: POST /api/v1/tasks, for
 * commands. While it goes on, a line feed now and then shows that the process
 * is alive; JSON may begin with white space.
 */
#ifndef DAEMON_ADMIN_TASK_H
#define DAEMON_ADMIN_TASK_H

#include "daemon/admin/admin_request.h"

void admin_post_task(struct admin_request *request);

#endif
