/*
 * admin_lists.h - outlets and inboxes: all of them, and single ones.
 */
#ifndef DAEMON_ADMIN_LISTS_H
#define DAEMON_ADMIN_LISTS_H

#include "daemon/admin/admin_request.h"

void admin_get_outlets(struct admin_request *request);
void admin_get_outlet(struct admin_request *request);
void admin_get_inboxes(struct admin_request *request);
void admin_get_inbox(struct admin_request *request);

#endif
