/*
 * admin_login.h - logging in and out with a browser: /api/v1/session.
 */
#ifndef DAEMON_ADMIN_LOGIN_H
#define DAEMON_ADMIN_LOGIN_H

#include "daemon/admin/admin_request.h"

void admin_get_session(struct admin_request *request);
void admin_post_session(struct admin_request *request);
void admin_delete_session(struct admin_request *request);

#endif
