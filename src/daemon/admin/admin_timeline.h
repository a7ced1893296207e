/*
 * admin_timeline.h - the last hours, minute by minute: see timeline.h.
 */
#ifndef DAEMON_ADMIN_TIMELINE_H
#define DAEMON_ADMIN_TIMELINE_H

#include "daemon/admin/admin_request.h"

void admin_get_timeline(struct admin_request *request);
void admin_get_outlet_timeline(struct admin_request *request);

#endif
