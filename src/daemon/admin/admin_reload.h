/*
 * admin_reload.h - POST /api/v1/reload.
 */
#ifndef DAEMON_ADMIN_RELOAD_H
#define DAEMON_ADMIN_RELOAD_H

#include "daemon/admin/admin_request.h"

void admin_post_reload(struct admin_request *request);

#endif
