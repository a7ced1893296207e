/*
 * fleet_json.h - the fleet as JSON, the same in the API and from commands.
 */
#ifndef DAEMON_FLEET_JSON_H
#define DAEMON_FLEET_JSON_H

#include "daemon/observe/observer_fleet.h"
#include "daemon/text/json_writer.h"

/* An array of hosts. self: name of the own one; NULL: none is. */
void fleet_json_hosts(struct json_writer *json, const char *name,
                      const struct observer_member *members, size_t count,
                      const char *self);

/* All of it; null if there is no fleet. clock_ms: that of the fleet, and now_ms
 * the wall clock. */
void fleet_json(struct json_writer *json, const char *name,
                const struct observer_fleet *fleet, uint64_t clock_ms,
                uint64_t now_ms);

#endif
