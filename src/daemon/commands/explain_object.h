/*
 * explain_object.h - `explain SERVER/QUEUE` and `explain OUTLET`: the state of
 * one object, why it does not work, since when, what would help, and what
 * happens next.
 */
#ifndef DAEMON_EXPLAIN_OBJECT_H
#define DAEMON_EXPLAIN_OBJECT_H

#include "daemon/command.h"

/* As the running process sees it, or as it is stored if no process runs.
 * Returns an exit code. */
enum exit_code explain_object(const struct command_options *options,
                              const char *name);

#endif
