/*
 * host_name.h - by which name a fleet knows this host.
 */
#ifndef DAEMON_HOST_NAME_H
#define DAEMON_HOST_NAME_H

#include <stddef.h>

#include "fleet/fleet.h"

/* The name that is given, or else that in the environment variable
 * HAPLO_POLL_HOST, or else the machine's own. Returns 0, or HAPLO_EINVAL with
 * one line in why. */
int host_name(const char *given, char name[FLEET_HOST_SIZE], char *why,
              size_t why_size);

#endif
