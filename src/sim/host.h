/*
 * host.h - host names: which application a Host header means.
 */
#ifndef SIM_HOST_H
#define SIM_HOST_H

#include <stdbool.h>

#include "sim/buffer.h"

/* Is the host of a Host header, without its port, in a list with commas? */
bool sim_host_fits(const char *list, const struct sim_buffer *header);

#endif
