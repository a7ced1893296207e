/*
 * sqlite.h - the sink that keeps messages in an SQLite file, the inbox.
 * haplo-inbox(5) describes the file to those who read it.
 */
#ifndef SINKS_SQLITE_H
#define SINKS_SQLITE_H

#include <stddef.h>

#include <uv.h>

#include "sinks/sink.h"

/*
 * Opens the inbox at path, which is made (mode 0600, less the umask) if there
 * is none. Blocking: used at start and reload only, and waits up to 2 s for
 * another program's lock. Borrows the loop until close_cb; copies name and
 * path. Give it an absolute path if the process changes its folder.
 *
 * One sink for a file at a time: the epochs of its queues are read here, so
 * the close_cb of an earlier sink on the same file must have fired.
 *
 * 0, or HAPLO_EINVAL (path: a folder, not writable, no inbox, an inbox of a
 * newer version, damaged), HAPLO_EBUSY (locked), HAPLO_ENOMEM, with one line
 * in why (why_size bytes large) and *out NULL.
 */
int sqlite_sink_open(uv_loop_t *loop, const char *name, const char *path,
                     struct sink **out, char *why, size_t why_size);

#endif
