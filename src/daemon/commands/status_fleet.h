/*
 * status_fleet.h - the part of `status` about the fleet.
 */
#ifndef DAEMON_STATUS_FLEET_H
#define DAEMON_STATUS_FLEET_H

#include "daemon/text/json_tree.h"
#include "daemon/text/terminal.h"

/* False if this host cannot poll its share of the servers, or nobody polls
 * some. fleet: of the API's status, which may be null. */
bool status_fleet_is_fine(const struct json_tree *fleet);

/* Prints how this host is, for the summary: one line, or two if something is
 * wrong; nothing if it is in no fleet. */
void status_fleet_summary(const struct terminal *terminal,
                          const struct json_tree *fleet, uint64_t now_ms);

/* Prints the table of hosts. Returns 0, or HAPLO_ENOMEM. */
int status_fleet_hosts(const struct terminal *terminal,
                       const struct json_tree *fleet, uint64_t now_ms);

#endif
