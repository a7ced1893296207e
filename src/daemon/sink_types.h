/*
 * sink_types.h - the types of sinks that the configuration knows.
 */
#ifndef DAEMON_SINK_TYPES_H
#define DAEMON_SINK_TYPES_H

#include <stdbool.h>
#include <stddef.h>

#include <uv.h>

#include "config/config.h"
#include "sinks/sink.h"

/* "sqlite or files". */
#define SINK_TYPES_TEXT "sqlite or files"

bool sink_type_is_known(const char *type);

/* Opens a sink of the configuration; blocking. Borrows the loop until the
 * sink is closed. 0, or HAPLO_E* with why set and *out NULL. */
int sink_open(uv_loop_t *loop, const struct config *config,
              const struct config_sink *sink, struct sink **out, char *why,
              size_t why_size);

#endif
