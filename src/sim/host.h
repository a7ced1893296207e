/*
 * host.h - matches a Host header against the host names of applications.
 */
#ifndef SIM_HOST_H
#define SIM_HOST_H

#include <stdbool.h>

#include "sim/buffer.h"

/* Is the host name of a Host header in a comma-separated list? */
bool sim_host_fits(const char *list, const struct sim_buffer *header);

#endif
