/*
 * admin_status.h - GET /api/v1/status: everything at a glance.
 */
#ifndef DAEMON_ADMIN_STATUS_H
#define DAEMON_ADMIN_STATUS_H

#include "daemon/admin/admin_request.h"

void admin_get_status(struct admin_request *request);

/* Status; the role is that of whoever gets it. */
void admin_write_status(struct json_writer *json, const struct admin *admin,
                        enum admin_role role);

#endif
