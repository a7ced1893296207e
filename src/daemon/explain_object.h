/*
 * explain_object.h - `explain SERVER/QUEUE` and `explain OUTLET`: the state of
 * one object, why it does not work, since when, what would help, and what
 * happens next.
 */
#ifndef DAEMON_EXPLAIN_OBJECT_H
#define DAEMON_EXPLAIN_OBJECT_H

#include "daemon/command.h"

/* Of the running process; if there is none, what is stored. Returns an exit
 * code. */
enum exit_code explain_object(const struct command_options *options,
                              const char *name);

#endif
