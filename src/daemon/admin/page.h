/*
 * page.h - the page at "/", which shows in a browser what the process does.
 */
#ifndef DAEMON_ADMIN_PAGE_H
#define DAEMON_ADMIN_PAGE_H

#include "daemon/admin/admin_request.h"

/* index.html. */
void page_get(struct admin_request *request);

/* The file of the parameter {file}. */
void page_get_file(struct admin_request *request);

#endif
