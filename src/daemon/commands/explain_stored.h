/*
 * explain_stored.h - what can be said about a queue or an outlet while no
 * process is running: what the configuration, the state directory and the inbox
 * have.
 */
#ifndef DAEMON_EXPLAIN_STORED_H
#define DAEMON_EXPLAIN_STORED_H

#include "daemon/command.h"

/* why: that no process is running. Returns EXIT_CODE_FINE, or another code if
 * there is no such object. */
enum exit_code explain_stored(const struct command_options *options,
                              const struct config *config, const char *name,
                              const char *why);

#endif
