/*
 * admin_actions.h - what operators do with a queue, or with a message that
 * holds one up: POST /api/v1/queues/... and /api/v1/outlets/.../lanes/...
 */
#ifndef DAEMON_ADMIN_ACTIONS_H
#define DAEMON_ADMIN_ACTIONS_H

#include "daemon/admin/admin_request.h"

void admin_post_pause(struct admin_request *request);
void admin_post_resume(struct admin_request *request);
void admin_post_poll_now(struct admin_request *request);
void admin_post_release(struct admin_request *request);

#endif
