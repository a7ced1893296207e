/*
 * admin_servers.h - GET /api/v1/servers, page by page, and one of them.
 */
#ifndef DAEMON_ADMIN_SERVERS_H
#define DAEMON_ADMIN_SERVERS_H

#include "daemon/admin/admin_request.h"

void admin_get_servers(struct admin_request *request);
void admin_get_server(struct admin_request *request);

#endif
