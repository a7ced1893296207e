/*
 * sqlite.h - the sink that keeps messages in an SQLite file, the inbox.
 * haplo-inbox(5) describes the file to those who read it.
 */
#ifndef SINKS_SQLITE_H
#define SINKS_SQLITE_H

#include <stddef.h>

#include <uv.h>

#include "sinks/sink.h"

/* Opens the inbox at path; see record_sink_open(). Copies name and path. */
int sqlite_sink_open(uv_loop_t *loop, const char *name, const char *path,
                     struct sink **out, char *why, size_t why_size);

#endif
